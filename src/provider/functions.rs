//! The provider's functions: names, instance ids and the pruning rule, as pure computation.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::pruning::{KEEP_AT_MOST, before};
use super::{services, times, words};
use crate::backup::retention::{self, Candidate, Rule};
use crate::backup::{self, ALL, naming};
use crate::plugin::{Function, FunctionError, Signature, Type, Value};

/// `backup_name`
pub(super) struct BackupName;

impl Function for BackupName {
    fn signature(&self) -> Signature {
        Signature::new(
            "A valid backup name from a prefix and a time",
            "Makes the name that `name_prefix` would make, but from a given time: the prefix, the time to the second, and \
             eight digits that follow from both. One moment gives one name, however it is written: with another offset, or with \
             digits after the ninth of a second's fraction. Another moment or prefix gives another name, and names of one prefix \
             sort by age, except that those of one second are in no order.",
            Type::String,
        )
        .parameter("prefix", Type::String, format!("Beginning of the name: 1 to {} characters.", naming::PREFIX_MAX))
        .parameter("timestamp", Type::String, a_time())
    }

    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError> {
        let prefix = text(arguments, 0);
        naming::check_prefix(prefix)
            .map_err(|why| FunctionError::at(0, format!("{prefix:?} is not a prefix: {why}.")))?;
        Ok(naming::timed_name(prefix, time(arguments, 1)?).into())
    }
}

/// `parse_instance_id`
pub(super) struct ParseInstanceId;

impl Function for ParseInstanceId {
    fn signature(&self) -> Signature {
        let members = [("service".to_owned(), Type::String), ("engine".to_owned(), Type::String)];
        Signature::new(
            "The database service of an instance id",
            "Reads service and engine off the last characters of an instance id. `service` is what the argument of that name \
             wants; `engine` is null where one ending serves several engines (GeminiDB).",
            Type::Object(members.into()),
        )
        .parameter("id", Type::String, "An instance id: 32 hexadecimal digits and an ending such as `in02`.")
    }

    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError> {
        let id = text(arguments, 0);
        let (service, engine) = services::of_instance(id)
            .filter(|_| id.bytes().take(32).all(|byte| byte.is_ascii_hexdigit()))
            .ok_or_else(|| {
                let endings = words::series(ALL.iter().flat_map(|service| service.facts().suffixes()), "or");
                FunctionError::at(
                    0,
                    format!("{id:?} is not an instance id, which is 32 hexadecimal digits followed by {endings}."),
                )
            })?;
        let engine = engine.map_or(Value::Null, Value::from);
        Ok(Value::object([("service", service.facts().key().into()), ("engine", engine)]))
    }
}

/// `select_prunable`
pub(super) struct SelectPrunable;

impl Function for SelectPrunable {
    fn signature(&self) -> Signature {
        let members = ["id", "instance_id", "status", "type", "begin_time"].map(|name| (name.to_owned(), Type::String));
        Signature::new(
            "The ids of the backups that a pruning would delete",
            "Applies the rule of `keep_last` and of the action `huaweidb_prune_backups` to a list of backups, such as the \
             `backups` of the data source `huaweidb_backups`. Only completed manual backups are selected, each instance is \
             looked at alone, and its last completed one is never selected. One whose `begin_time` is null or no time stays, and does not count; so does one whose `instance_id` is null \
             or empty, because it may be the last of its instance. Oldest first, each once. No element may be null, no `id` null or empty, and elements of one `id` must be equal.",
            Type::list(Type::String),
        )
        .parameter("backups", Type::list(Type::Object(members.into())), "The backups. Other attributes are ignored.")
        .nullable("keep_last", Type::Number, "How many of the newest to keep, 0 to 1000000. Null: no such rule.")
        .nullable("older_than", Type::String, "Only backups that began longer than this before `now` are selected: `\"30d\"`. Null: no such rule.")
        .parameter("now", Type::String, a_time())
    }

    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError> {
        let keep_last = match arguments[1].as_number() {
            None => None,
            Some(number) => {
                let keep = number.as_i64().filter(|keep| *keep <= KEEP_AT_MOST);
                let keep = keep.and_then(|keep| u64::try_from(keep).ok());
                Some(keep.ok_or_else(|| {
                    let why = format!("`keep_last` must be a whole number from 0 to {KEEP_AT_MOST}, not {number}.");
                    FunctionError::at(1, why)
                })?)
            }
        };
        let now = time(arguments, 3)?;
        let begun_before = arguments[2].as_str().map(|age| before(age, now)).transpose();
        let begun_before = begun_before.map_err(|why| FunctionError::at(2, why))?;
        let backups = arguments[0].as_list().unwrap_or_default();
        let id = |backup: &Value| backup.get("id").as_str().unwrap_or_default().trim().to_owned();
        if let Some(at) = backups.iter().position(|backup| id(backup).is_empty()) {
            return Err(FunctionError::at(
                0,
                format!("Element {at} of `backups` is null, or its `id` is null or empty."),
            ));
        }
        let mut by_id = BTreeMap::new();
        if let Some(at) = backups.iter().position(|backup| *by_id.entry(id(backup)).or_insert(backup) != backup) {
            return Err(FunctionError::at(
                0,
                format!("Element {at} of `backups` has the `id` of an element before it, and says something else."),
            ));
        }
        let member = |backup: &Value, name| backup.get(name).as_str().unwrap_or_default().to_owned();
        let candidates = backups.iter().map(|backup| Candidate {
            id: member(backup, "id"),
            instance_id: member(backup, "instance_id"),
            completed: member(backup, "status").eq_ignore_ascii_case("COMPLETED"),
            failed: false,
            // Of an instance that nobody knows it may be the last one.
            kept: member(backup, "type").eq_ignore_ascii_case("manual")
                && !member(backup, "instance_id").trim().is_empty(),
            begin: backup::time(&member(backup, "begin_time")),
        });
        let rule = Rule { keep_last, begun_before, allow_last: false, failed: false };
        Ok(retention::prunable(&candidates.collect::<Vec<_>>(), rule).into())
    }
}

fn text(arguments: &[Value], index: usize) -> &str {
    arguments[index].as_str().unwrap_or_default()
}

fn time(arguments: &[Value], index: usize) -> Result<Timestamp, FunctionError> {
    let text = text(arguments, index);
    times::time(text).map_err(|why| FunctionError::at(index, format!("{text:?} {why}.")))
}

/// What a time may be.
fn a_time() -> String {
    format!("A time in RFC 3339, such as `plantimestamp()` gives, {}. The second 60 counts as 59.", times::RANGE)
}
