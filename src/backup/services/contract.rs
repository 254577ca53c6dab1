//! The services against what the vendor's SDK, its API definitions and the pages of Open Telekom Cloud say
//! (`tests/data/cloud-facts.json`): every request that they build, and every field of a reply that they read. What
//! differs and is meant to stands in [`READ_BUT_NOT_TOLD`] and [`SENT_BUT_NOT_TOLD`], each with its reason.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Value as Json};

use super::ALL;
use super::proofs::want;
use crate::backup::naming::{self, DESCRIPTION_MAX, NAME_MAX, NAME_MIN};
use crate::backup::{
    Backup, BackupRef, Choice, Database, Filter, NewBackup, NewRestore, RestorePoint, Service, Status,
};
use crate::cloud::{Call, Reply};

/// Fields that a service's reply is searched for although it is not said to have them: service, call, fields, reason.
const READ_BUT_NOT_TOLD: &[(&str, &str, &str, &str)] = &[
    ("dds", "list", "backups[].database_tables backups[].databases", SHAPE),
    ("dds", "list", "backups[].min_data_volume_capacity_for_restore backups[].take_up_time", SHAPE),
    ("dds", "instances", "instances[].type instances[].volume", SHAPE),
    ("dds", "job", "job.process", SHAPE),
    ("dds", "download", "files[].database_name", SHAPE),
    ("geminidb", "list", "backups[].backup_method backups[].databases backups[].instance_mode", SHAPE),
    ("geminidb", "list", "backups[].min_data_volume_capacity_for_restore backups[].take_up_time", SHAPE),
    ("geminidb", "instances", "instances[].type instances[].volume", SHAPE),
    ("geminidb", "job", "jobs[].process", SHAPE),
    ("taurusdb", "list", "backups[].backup_method backups[].databases backups[].instance_mode", SHAPE),
    ("taurusdb", "list", "backups[].database_tables backups[].min_data_volume_capacity_for_restore", SHAPE),
    ("taurusdb", "create", CREATED, SHAPE),
    ("taurusdb", "instances", "instances[].actions instances[].groups instances[].mode", SHAPE),
    ("taurusdb", "instances_unified", "instances[].actions instances[].groups instances[].mode", SHAPE),
    ("taurusdb", "job", "job.progress", SHAPE),
    ("rds", "list", "backups[].backup_method backups[].database_tables backups[].instance_mode", SHAPE),
    ("rds", "list", "backups[].description backups[].instance_name backups[].take_up_time", SHAPE),
    ("rds", "create", "job_id", SHAPE),
    ("rds", "create", CREATED_OF_RDS, SHAPE),
    ("rds", "instances", "instances[].actions instances[].groups instances[].mode", SHAPE),
    ("rds", "job", "job.progress", SHAPE),
    ("rds", "download", "files[].group_name", SHAPE),
    ("gaussdb", "list", GAUSSDB_LIST, SHAPE),
    ("gaussdb", "list_v31", GAUSSDB_LIST, SHAPE),
    ("gaussdb", "create", CREATED, SHAPE),
    ("gaussdb", "instances", "instances[].actions instances[].groups instances[].mode", SHAPE),
    ("gaussdb", "job", "job.process", SHAPE),
    ("ddm", "instances", DDM_INSTANCES, SHAPE),
    ("ddm", "instance", "actions datastore groups mode type volume", SHAPE),
    ("ddm", "job", "job.fail_reason job.progress", SHAPE),
];

/// One shape reads what several services answer alike; what this one leaves out stays empty.
const SHAPE: &str = "one shape for several services";
const CREATED: &str = "backup.backup_method backup.database_tables backup.databases backup.datastore backup.end_time \
                       backup.instance_mode backup.instance_name backup.min_data_volume_capacity_for_restore backup.size backup.take_up_time";
const CREATED_OF_RDS: &str = "backup.backup_method backup.database_tables backup.datastore backup.end_time \
                              backup.instance_mode backup.instance_name backup.min_data_volume_capacity_for_restore backup.size \
                              backup.take_up_time";
const GAUSSDB_LIST: &str = "backups[].backup_method backups[].database_tables backups[].databases \
                            backups[].instance_mode backups[].instance_name backups[].min_data_volume_capacity_for_restore \
                            backups[].take_up_time";
const DDM_INSTANCES: &str = "instances[].actions instances[].datastore instances[].groups instances[].mode \
                             instances[].type instances[].volume";

/// Headers and fields that are sent although the service is not said to take them.
const SENT_BUT_NOT_TOLD: &[(&str, &str, &str, &str)] =
    &[("gaussdb", "job", "X-Language", "every other call of the service takes it, and an unknown header is ignored")];

/// One line of the facts.
#[derive(Clone, Debug, PartialEq)]
struct Fact {
    kind: String,
    required: bool,
}

fn facts() -> Json {
    serde_json::from_str(include_str!("../../../tests/data/cloud-facts.json")).expect("the facts are JSON")
}

/// The fields under `part` of a call, by name.
fn fields(call: &Json, part: &str) -> BTreeMap<String, Fact> {
    let lines = call[part].as_array().into_iter().flatten().filter_map(Json::as_str);
    lines
        .map(|line| {
            let (name, kind) = line.split_once(' ').expect("a name and a type");
            let required = kind.ends_with('!');
            (name.to_owned(), Fact { kind: kind.trim_end_matches('!').to_owned(), required })
        })
        .collect()
}

/// Everything in a body, by path, with the type that the facts would give it.
fn flattened(at: &str, value: &Json, found: &mut BTreeMap<String, String>) {
    let kind = match value {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_f64() => "float",
        Json::Number(_) => "int",
        Json::String(_) => "str",
        Json::Array(items) if items.iter().all(Json::is_string) => "str[]",
        Json::Array(_) => "object[]",
        Json::Object(_) => "object",
    };
    if !at.is_empty() {
        found.entry(at.to_owned()).or_insert_with(|| kind.to_owned());
    }
    match value {
        Json::Array(items) => {
            items.iter().filter(|item| item.is_object()).for_each(|item| flattened(&format!("{at}[]"), item, found));
            found.remove(&format!("{at}[]"));
        }
        Json::Object(map) => {
            let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
            map.iter().for_each(|(name, value)| flattened(&below(name), value, found));
        }
        _ => {}
    }
}

/// A reply with every field that the facts tell.
fn sample(call: &Json) -> Json {
    let mut body = serde_json::json!({});
    for (name, field) in fields(call, "reply") {
        let value = match field.kind.as_str() {
            "int" => serde_json::json!(3),
            "float" => serde_json::json!(1.5),
            "bool" => serde_json::json!(true),
            "object" => serde_json::json!({}),
            "object[]" => serde_json::json!([{}]),
            "str[]" => serde_json::json!(["x1"]),
            _ => serde_json::json!("x1"),
        };
        let pointer = format!("/{}", name.replace("[]", "/0").replace('.', "/"));
        let (parent, key) = pointer.rsplit_once('/').expect("a slash");
        let parent = body.pointer_mut(parent).unwrap_or_else(|| panic!("{name} comes before what holds it"));
        parent[key] = value;
    }
    body
}

const INSTANCE: &str = "INSTANCE";
const BACKUP: &str = "BACKUP";
const JOB: &str = "JOB";

/// Every request that a service builds, with the name of the call in the facts.
fn requests(service: &dyn Service) -> Vec<(&'static str, Call)> {
    let key = service.facts().key();
    let mut all = Vec::new();
    let reference = BackupRef::new(BACKUP, Some(INSTANCE.to_owned()));
    let whole = want(INSTANCE, "name", "text");
    let part = NewBackup {
        databases: vec![Database { name: "d".to_owned(), tables: vec!["t".to_owned()] }],
        individually: true,
        ..whole.clone()
    };
    let wanted = if service.facts().choice == Choice::Whole { vec![whole] } else { vec![whole, part] };
    all.extend(wanted.iter().filter_map(|want| Some(("create", service.create(want).ok()?))));
    let filter =
        Filter { instance_id: Some(INSTANCE.to_owned()), kind: Some("manual".to_owned()), ..Filter::default() };
    let found = service.find(&reference).expect("an instance is given");
    let listed = service.list(&filter, 0, 10).expect("an instance is given");
    for call in found.into_iter().chain(listed) {
        if let Some((_, path)) = &call.path_in {
            all.push(("list", Call { path: path.clone(), path_in: None, ..call.clone() }));
        }
        all.push((if key == "gaussdb" { "list_v31" } else { "list" }, call));
    }
    let backup = backup();
    all.extend(service.details(&backup).map(|call| ("show", call)));
    all.extend(service.stop(&backup).map(|call| ("stop", call)));
    all.push(("delete", service.delete(BACKUP)));
    all.extend(service.delete_many(&[BACKUP.to_owned()]).map(|call| ("batch_delete", call)));
    all.extend(service.download(&reference).map(|call| ("download", call)));
    all.extend(service.job(JOB).map(|call| ("job", call)));
    all.push((if key == "ddm" { "instance" } else { "instances" }, service.instance(INSTANCE)));
    all.push(("instances", service.instances(Some("name"), 0, 10)));
    let backup = RestorePoint::Backup(BACKUP.to_owned());
    for point in [backup, RestorePoint::Time(Timestamp::UNIX_EPOCH)] {
        // Where the path has one instance, it is the target.
        let target_instance_id = INSTANCE.to_owned();
        let want = NewRestore { source_instance_id: "SOURCE".to_owned(), point, target_instance_id };
        let name = if key == "rds" { "restore_existing_v31" } else { "restore_existing" };
        all.extend(service.restore(&want).ok().map(|call| (name, call)));
        all.extend(service.restorable(&want, 0, 10).map(|call| ("restorable_instances", call)));
    }
    let day = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC).date();
    all.extend(service.restore_times(INSTANCE, day, 0).ok().map(|call| ("restorable_times", call)));
    all
}

fn backup() -> Backup {
    Backup::sample(BACKUP, INSTANCE, "name", Status::Building)
}

/// A list of differences that crosses off what was met.
struct Differences {
    left: BTreeSet<(String, String, String)>,
}

impl Differences {
    fn of(rows: &[(&str, &str, &str, &str)]) -> Self {
        let each = rows.iter().flat_map(|(service, call, fields, reason)| {
            assert!(!reason.is_empty());
            fields.split(' ').map(|field| ((*service).to_owned(), (*call).to_owned(), field.to_owned()))
        });
        Differences { left: each.collect() }
    }

    /// Whether the difference is wanted.
    fn known(&mut self, service: &str, call: &str, field: &str, met: &mut BTreeSet<(String, String, String)>) -> bool {
        let row = (service.to_owned(), call.to_owned(), field.to_owned());
        let known = self.left.contains(&row);
        met.insert(row);
        known
    }

    fn all_met(self, met: &BTreeSet<(String, String, String)>) {
        let stale = self.left.difference(met).collect::<Vec<_>>();
        assert!(stale.is_empty(), "no differences any more: {stale:#?}");
    }
}

#[test]
fn every_request_is_one_that_the_vendor_describes() {
    let (facts, mut wanted, mut met) = (facts(), Differences::of(SENT_BUT_NOT_TOLD), BTreeSet::new());
    let mut wrong = Vec::new();
    for service in ALL {
        let key = service.facts().key();
        for (name, call) in requests(*service) {
            let told = &facts["services"][key][name];
            let at = format!("{key} {name}");
            let path = call.path.replace(INSTANCE, "{instance_id}").replace(BACKUP, "{backup_id}");
            let line = format!("{} {}", call.method, path.replace(JOB, "{job_id}"));
            if told["call"] != line.as_str() {
                wrong.push(format!("{at}: {line} is sent, {} is described", told["call"]));
                continue;
            }
            let mut sent: BTreeMap<String, String> = BTreeMap::new();
            flattened("", call.body.as_ref().unwrap_or(&Json::Null), &mut sent);
            let bodies = fields(told, "body");
            for (field, kind) in &sent {
                match bodies.get(field) {
                    Some(told) if told.kind == *kind => {}
                    Some(told) => wrong.push(format!("{at}: {field} is sent as {kind}, not as {}", told.kind)),
                    None => wrong.push(format!("{at}: {field} is sent in the body")),
                }
            }
            let lacks = |field: &&String| {
                // What is below something that is not sent is not missed.
                let parent = field.rsplit_once('.').map(|(parent, _)| parent.trim_end_matches("[]"));
                !sent.contains_key(*field) && parent.is_none_or(|parent| sent.contains_key(parent))
            };
            let required = bodies.iter().filter(|(_, told)| told.required).map(|(field, _)| field);
            wrong.extend(required.filter(lacks).map(|field| format!("{at}: {field} is not sent")));
            let queries = fields(told, "query");
            let asked: BTreeSet<&str> = call.query.iter().map(|(name, _)| *name).collect();
            wrong
                .extend(asked.iter().filter(|name| !queries.contains_key(**name)).map(|name| format!("{at}: ?{name}")));
            let required = queries.iter().filter(|(name, told)| told.required && !asked.contains(name.as_str()));
            wrong.extend(required.map(|(name, _)| format!("{at}: no ?{name}")));
            let headers = fields(told, "header");
            for (header, _) in &call.headers {
                if !headers.contains_key(*header) && !wanted.known(key, name, header, &mut met) {
                    wrong.push(format!("{at}: the header {header}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    wanted.all_met(&met);
}

#[test]
fn every_field_that_is_read_is_one_that_the_vendor_describes() {
    let (facts, mut wanted, mut met) = (facts(), Differences::of(READ_BUT_NOT_TOLD), BTreeSet::new());
    let mut wrong = Vec::new();
    for service in ALL {
        let key = service.facts().key();
        let calls = facts["services"][key].as_object().expect("the service's calls");
        for (name, told) in calls.iter().filter(|(name, _)| !name.starts_with('_')) {
            let body = sample(told);
            let reply = Reply { status: 200, body: body.clone().into(), date: None, request_id: None };
            SEEN.set(Some(BTreeSet::new()));
            let understood = match name.as_str() {
                "create" if service.facts().no_create.is_none() => service.started(&reply).map(drop),
                "list" | "list_v31" if key != "geminidb" || name == "list" => service.listed(&reply).map(drop),
                "show" => service.detailed(Backup { id: "x1".to_owned(), ..backup() }, &reply).map(drop),
                "batch_delete" if !body.as_object().is_some_and(serde_json::Map::is_empty) => {
                    service.deleted_many(&reply).map(drop)
                }
                "download" => service.downloaded(&reply).map(drop),
                "job" => service.job_read(&reply).map(drop),
                "instances" | "instance" | "instances_unified" => service.instances_read(&reply).map(drop),
                "restorable_times" => service.restore_times_read(&reply).map(drop),
                "restorable_instances" => service.restorable_read(&reply).map(drop),
                "stop" | "delete" | "restore_existing" | "restore_existing_v31" => {
                    let says = fields(told, "reply").contains_key("job_id");
                    if service.job_id(&reply).is_some() != says {
                        wrong.push(format!("{key} {name}: the job"));
                    }
                    Ok(())
                }
                _ => Ok(()),
            };
            if let Err(misread) = understood {
                wrong.push(format!("{key} {name}: {misread}"));
            }
            let told = fields(told, "reply");
            for field in SEEN.take().unwrap_or_default() {
                if !told.contains_key(&field) && !wanted.known(key, name, &field, &mut met) {
                    wrong.push(format!("{key} {name}: {field} is read"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    wanted.all_met(&met);
}

#[test]
fn limits_and_words_are_the_vendors() {
    let facts = facts();
    for service in ALL {
        let (facts, told) = (service.facts(), &facts["services"][service.facts().key()]);
        let key = facts.key();
        assert_eq!(told["list"]["limit"]["max"], facts.page_limit, "{key}");
        assert_eq!(told["batch_delete"]["backup_ids"].as_u64().unwrap_or(0), facts.batch_limit as u64, "{key}");
        assert_eq!(told["_instance_suffixes"], serde_json::json!(facts.suffixes().collect::<Vec<_>>()), "{key}");
        if facts.no_create.is_none() {
            assert_eq!(told["create"]["name"], serde_json::json!({ "min": NAME_MIN, "max": NAME_MAX }), "{key}");
            assert_eq!(told["create"]["description"]["max"], DESCRIPTION_MAX, "{key}");
            let forbidden = told["create"]["description"]["forbidden"].as_str().expect("characters");
            for character in forbidden.split(' ').filter(|one| !one.is_empty()) {
                assert!(naming::check_description(character).is_err(), "{key}: {character}");
            }
        }
        for word in told["_words"].as_array().expect("words").iter().filter_map(Json::as_str) {
            let body = serde_json::json!({ "backups": [{ "id": "b", "status": word }] });
            let reply = Reply { status: 200, body: body.into(), date: None, request_id: None };
            let status = service.listed(&reply).expect("a list").items.remove(0).status;
            assert!(!matches!(status, Status::Other(_)), "{key}: {word}");
        }
    }
}

thread_local! {
    static SEEN: RefCell<Option<BTreeSet<String>>> = const { RefCell::new(None) };
}

/// Notes the fields that a type looks for in a body, if somebody wants to know them.
pub(super) fn note<T: DeserializeOwned>(body: &Json) {
    SEEN.with_borrow_mut(|seen| {
        if let Some(seen) = seen {
            let found = RefCell::new(BTreeSet::new());
            let _ = T::deserialize(Witness { value: body, path: String::new(), found: &found });
            seen.extend(found.into_inner());
        }
    });
}

/// Reads a value and writes down which fields were looked for.
struct Witness<'a> {
    value: &'a Json,
    path: String,
    found: &'a RefCell<BTreeSet<String>>,
}

impl<'a> Witness<'a> {
    fn below(&self, value: &'a Json, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Witness { value, path, found: self.found }
    }
}

impl<'de> Deserializer<'de> for Witness<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.value.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let items = self.value.as_array().ok_or_else(|| Error::custom("no list"))?;
        let each = items.iter().map(|value| Witness { value, path: format!("{}[]", self.path), found: self.found });
        visitor.visit_seq(Items(each.collect::<Vec<_>>().into_iter()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let names = fields.iter().map(|name| self.below(self.value, name).path);
        self.found.borrow_mut().extend(names);
        let map = self.value.as_object().ok_or_else(|| Error::custom("no object"))?;
        let each = map.iter().map(|(name, value)| (name.as_str(), self.below(value, name)));
        visitor.visit_map(Entries { left: each.collect::<Vec<_>>().into_iter(), value: None })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct tuple tuple_struct map enum identifier ignored_any
    }
}

struct Items<'a>(std::vec::IntoIter<Witness<'a>>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.next().map(|item| seed.deserialize(item)).transpose()
    }
}

struct Entries<'a> {
    left: std::vec::IntoIter<(&'a str, Witness<'a>)>,
    value: Option<Witness<'a>>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((name, value)) = self.left.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(StrDeserializer::<Error>::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let value = self.value.take().ok_or_else(|| Error::custom("a value without a name"))?;
        seed.deserialize(value)
    }
}
