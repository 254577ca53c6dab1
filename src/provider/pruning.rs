//! What the action that prunes shares with the function that says what it would prune, and with the plan of what it must not.

use jiff::Timestamp;

use super::words::lines;
use crate::backup::retention;
use crate::plugin::{Diagnostic, parse_duration};

/// The most that `keep_last` may be.
pub(super) const KEEP_AT_MOST: i64 = 1_000_000;

/// Whether `older_than` can be that.
pub(super) fn check_age(text: &str) -> Result<(), String> {
    retention::age(text, parse_duration).map(drop)
}

/// The moment that lies an age before another.
pub(super) fn before(age: &str, now: Timestamp) -> Result<Timestamp, String> {
    let age = retention::age(age, parse_duration)?;
    now.checked_sub(age).map_err(|_| format!("{now} has nothing that long before it."))
}

/// That a pruning may delete what stays in the state: ids and names.
pub(super) fn pruned(staying: &[(String, Option<String>)]) -> Diagnostic {
    let called = |(id, name): &(String, Option<String>)| match name {
        Some(name) => format!("{name:?} ({id})"),
        None => id.clone(),
    };
    let each = lines(staying.iter().map(called), 50);
    let detail = format!(
        "These backups stay in the state after this run, and the action may delete them by their instance and name, now or in a later run:{each}\n\nNothing was changed. Add the ids to `keep_ids`, such as \
         `[huaweidb_manual_backup.example.id]`, or give a `name_prefix` with which the names of what is in the state do not begin. A \
         backup that is replaced only because something else changes must be replaced in an earlier run."
    );
    Diagnostic::error("Pruning may delete a managed backup", detail)
}
