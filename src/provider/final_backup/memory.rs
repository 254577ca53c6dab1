//! What is kept beside a net in its state: where its instance is, what its backups are called, and what was begun last.

use jiff::Timestamp;

use crate::backup::{BackupRef, BegunBackup, Started, naming};
use crate::plugin::Private;

const DIGITS: &str = "digits";
const PROJECT: &str = "project";
const BEGUN: &str = "begun";
const JOB: &str = "job";
const NAME: &str = "name";
const LISTED: &str = "listed";

/// The net was made, or its instance was seen, in that project. What an earlier net knew does not count.
pub(super) fn made(private: &mut Private, project_id: &str) {
    *private = Private::default();
    digits(private);
    private.0.insert(PROJECT.to_owned(), project_id.to_owned());
}

/// The random digits in the names of this net's backups. They are chosen once, so that a destroy that was killed is recognized by
/// them.
pub(super) fn digits(private: &mut Private) -> String {
    private.0.entry(DIGITS.to_owned()).or_insert_with(naming::random_digits).clone()
}

/// The project in which the instance was last seen.
pub(super) fn project_id(private: &Private) -> Option<&str> {
    private.0.get(PROJECT).map(String::as_str)
}

/// A backup was begun.
pub(super) fn begun(private: &mut Private, started: &Started, name: &str) {
    private.0.insert(BEGUN.to_owned(), Timestamp::now().to_string());
    private.0.insert(NAME.to_owned(), name.to_owned());
    private.0.remove(LISTED);
    match &started.job_id {
        Some(job_id) => private.0.insert(JOB.to_owned(), job_id.clone()),
        None => private.0.remove(JOB),
    };
}

/// The name of the backup that was begun last, and when.
pub(super) fn last(private: &Private) -> Option<(String, Timestamp)> {
    Some((private.0.get(NAME)?.clone(), private.0.get(BEGUN)?.parse().ok()?))
}

/// A list has shown it: lists that lack it from now on are not late.
pub(super) fn listed(private: &mut Private) {
    private.0.insert(LISTED.to_owned(), String::new());
}

/// The backup that was begun last, with all that speaks for it while the cloud does not show it.
pub(super) fn begun_last(private: &Private, id: &str, instance_id: &str) -> BackupRef {
    let kept = |key: &str| private.0.get(key).cloned();
    BackupRef {
        name: kept(NAME),
        project_id: kept(PROJECT),
        begun: Some(BegunBackup {
            job_id: kept(JOB),
            at: kept(BEGUN).and_then(|at| at.parse().ok()),
            listed: private.0.contains_key(LISTED),
            known_by_name: false,
        }),
        ..BackupRef::new(id, Some(instance_id.to_owned()))
    }
}
