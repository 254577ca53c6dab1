//! A manual backup as the state holds it, and as the cloud tells of it.

use std::collections::BTreeMap;

use super::databases;
use super::memory;
use crate::backup::{Backup, BackupRef, BegunBackup, NameOrigin, NewBackup, Status};
use crate::plugin::{Attr, Private, model};
use crate::provider::explain::About;
use crate::provider::fields::{self, DatabaseObject, DatastoreObject};

model! {
    /// One manual backup.
    pub(in crate::provider) struct ManualBackup {
        pub(in crate::provider) id: Attr<String>,
        pub(in crate::provider) service: Attr<String>,
        pub(in crate::provider) instance_id: Attr<String>,
        pub(in crate::provider) name: Attr<String>,
        pub(in crate::provider) name_prefix: Attr<String>,
        pub(in crate::provider) description: Attr<String>,
        pub(in crate::provider) triggers: Attr<BTreeMap<String, Attr<String>>>,
        pub(in crate::provider) databases: Attr<Vec<DatabaseObject>>,
        pub(in crate::provider) backup_database_individually: Attr<bool>,
        pub(in crate::provider) wait_for_completion: Attr<bool>,
        pub(in crate::provider) on_destroy: Attr<String>,
        pub(in crate::provider) keep_last: Attr<i64>,
        pub(in crate::provider) deletion_protection: Attr<bool>,
        pub(in crate::provider) region: Attr<String>,
        pub(in crate::provider) job_id: Attr<String>,
        pub(in crate::provider) status: Attr<String>,
        pub(in crate::provider) r#type: Attr<String>,
        pub(in crate::provider) instance_name: Attr<String>,
        pub(in crate::provider) datastore: Attr<DatastoreObject>,
        pub(in crate::provider) begin_time: Attr<String>,
        pub(in crate::provider) end_time: Attr<String>,
        pub(in crate::provider) size_bytes: Attr<i64>,
    }
}

/// What a destroy does: forget the backup.
pub(super) const RETAIN: &str = "retain";
/// What a destroy does: delete the backup.
pub(super) const DELETE: &str = "delete";

/// A backup about whose switches nothing was said: as in a configuration that leaves them all out.
pub(in crate::provider) fn untouched() -> ManualBackup {
    ManualBackup {
        databases: Attr::Known(Vec::new()),
        wait_for_completion: Attr::Known(true),
        on_destroy: Attr::from(DELETE),
        deletion_protection: Attr::Known(false),
        ..ManualBackup::default()
    }
}

/// What to ask for.
pub(super) fn wanted(planned: &ManualBackup, name_origin: NameOrigin) -> NewBackup {
    NewBackup {
        name_origin,
        instance_id: planned.instance_id.text().to_owned(),
        name: planned.name.text().to_owned(),
        description: planned.description.known().filter(|text| !text.is_empty()).cloned(),
        databases: databases::wanted(&planned.databases),
        individually: planned.backup_database_individually == Attr::Known(true),
    }
}

/// The backup of a state, with all that speaks for it while the cloud does not show it.
pub(super) fn reference(state: &ManualBackup, private: &Private) -> BackupRef {
    let text = |value: &Attr<String>| value.known().filter(|text| !text.is_empty()).cloned();
    let listed = memory::is_listed(private);
    let runs = state.status.known().is_some_and(|word| Status::named(word) == Status::Building);
    BackupRef {
        id: text(&state.id).unwrap_or_default(),
        instance_id: text(&state.instance_id),
        name: text(&state.name),
        project_id: memory::project_id(private),
        begun: runs.then(|| BegunBackup {
            job_id: text(&state.job_id),
            // No list is late to show what was seen, and no job of its create speaks against its deletion.
            at: memory::begun_at(private).filter(|_| memory::leaving_since(private).is_none() || !listed),
            listed,
            known_by_name: memory::is_known_by_name(private),
        }),
    }
}

pub(super) fn about(state: &ManualBackup) -> About<'_> {
    About {
        service: state.service.text(),
        id: state.id.known().map(String::as_str),
        name: state.name.known().map(String::as_str),
        region: state.region.text(),
    }
}

/// What the cloud says now, over what was known. What a service does not tell stays as it was.
pub(super) fn filled(mut state: ManualBackup, backup: &Backup) -> ManualBackup {
    state.id = Attr::Known(backup.id.clone());
    state.instance_id = fields::text(Some(&backup.instance_id)).or(state.instance_id);
    state.name = fields::text(Some(&backup.name)).or(state.name);
    // What was configured stays, whatever the service made of it.
    if state.description.known().is_none_or(String::is_empty) {
        state.description = fields::text(backup.description.as_ref()).or(state.description);
    }
    state.status = Attr::Known(backup.status.to_string());
    state.r#type = fields::text(backup.kind.as_ref()).or(state.r#type);
    state.instance_name = fields::text(backup.instance_name.as_ref()).or(state.instance_name);
    state.datastore = fields::datastore(backup.datastore.as_ref()).or(state.datastore);
    state.begin_time = fields::time(backup.begin).or(state.begin_time);
    state.end_time = fields::time(backup.end);
    state.size_bytes = fields::count(backup.size_bytes);
    state
}

/// One that was found in the cloud, as an import reads it: what was chosen of the instance too.
pub(in crate::provider) fn found(stub: ManualBackup, backup: &Backup) -> ManualBackup {
    filled(ManualBackup { databases: Attr::Known(databases::of(backup)), ..stub }, backup)
}

/// The object after an update: what changes in place, over what was known. Everything else is replaced.
pub(super) fn changed_in_place(prior: ManualBackup, planned: ManualBackup) -> ManualBackup {
    ManualBackup {
        name_prefix: planned.name_prefix,
        description: planned.description,
        triggers: planned.triggers,
        backup_database_individually: planned.backup_database_individually,
        wait_for_completion: planned.wait_for_completion,
        on_destroy: planned.on_destroy,
        keep_last: planned.keep_last,
        deletion_protection: planned.deletion_protection,
        ..prior
    }
}

/// Whether a destroy only forgets it.
pub(super) fn is_retained(state: &ManualBackup) -> bool {
    // A word that this version does not know keeps the backup.
    state.on_destroy.as_str().is_some_and(|word| word != DELETE)
}
