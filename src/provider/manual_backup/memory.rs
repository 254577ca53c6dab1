//! What is kept beside a backup in its state, so that its absence can be judged: where and when it was last seen.
//!
//! A state of an older version has none of it, and learns it when the backup is found.

use jiff::Timestamp;

use crate::plugin::Private;

const ID: &str = "id";
const PROJECT: &str = "project";
const BEGUN: &str = "begun";
const KNOWN_BY_NAME: &str = "known_by_name";
const LISTED: &str = "listed";
const UNFINISHED: &str = "unfinished";
const TOLD: &str = "told";
const LEAVING: &str = "leaving";

/// Whether what has its name on the instance is it, whatever id the answer to its create gave.
pub(super) fn is_known_by_name(private: &Private) -> bool {
    private.0.contains_key(KNOWN_BY_NAME)
}

/// What has its name on the instance is it.
pub(super) fn known_by_name(private: &mut Private) {
    private.0.insert(KNOWN_BY_NAME.to_owned(), "yes".to_owned());
}

/// It was begun just now, in that project. A replacement is handed what is known of the old backup, which does not count.
pub(super) fn begun(private: &mut Private, id: &str, project_id: &str) {
    private.0.insert(ID.to_owned(), id.to_owned());
    private.0.remove(LISTED);
    private.0.remove(PROJECT);
    private.0.remove(LEAVING);
    private.0.remove(KNOWN_BY_NAME);
    private.forget_adoption();
    private.0.remove(TOLD);
    private.0.insert(UNFINISHED.to_owned(), "yes".to_owned());
    private.0.insert(BEGUN.to_owned(), Timestamp::now().to_string());
    if !project_id.is_empty() {
        private.0.insert(PROJECT.to_owned(), project_id.to_owned());
    }
}

/// What took it ended well, or it was changed since: then it is not tainted.
pub(super) fn finished(private: &mut Private) {
    private.0.remove(UNFINISHED);
    private.0.remove(TOLD);
}

/// Whether the create that began it did not end well: then it is tainted, unless somebody changed that.
pub(super) fn is_unfinished(private: &Private) -> bool {
    private.0.contains_key(UNFINISHED)
}

/// Whether it is told for the first time that it has completed although its create did not end well.
pub(super) fn is_told_first(private: &mut Private) -> bool {
    is_unfinished(private) && private.0.insert(TOLD.to_owned(), "yes".to_owned()).is_none()
}

/// Its deletion was sent, and its end was not seen.
pub(super) fn leaving(private: &mut Private) {
    private.0.insert(LEAVING.to_owned(), Timestamp::now().to_string());
}

/// It is there, and is not being deleted.
pub(super) fn stays(private: &mut Private) {
    private.0.remove(LEAVING);
}

/// When its deletion was sent, by this machine's clock. What an older version wrote down tells no time: that was long ago.
pub(super) fn leaving_since(private: &Private) -> Option<Timestamp> {
    private.0.get(LEAVING).map(|since| since.parse().unwrap_or(Timestamp::UNIX_EPOCH))
}

/// It was seen in that project.
pub(super) fn seen(private: &mut Private, id: &str, project_id: &str) {
    private.0.insert(ID.to_owned(), id.to_owned());
    private.0.insert(PROJECT.to_owned(), project_id.to_owned());
    listed(private);
}

/// A list has shown it.
pub(super) fn listed(private: &mut Private) {
    private.0.insert(LISTED.to_owned(), "yes".to_owned());
}

/// Which backup all this is about: for a replacement, which one is replaced.
pub(super) fn id(private: &Private) -> Option<&str> {
    private.0.get(ID).map(String::as_str)
}

/// The project in which it was last seen, or begun.
pub(super) fn project_id(private: &Private) -> Option<String> {
    private.0.get(PROJECT).cloned()
}

/// When it was begun, by our clock.
pub(super) fn begun_at(private: &Private) -> Option<Timestamp> {
    private.0.get(BEGUN)?.parse().ok()
}

/// Whether a list has shown it since.
pub(super) fn is_listed(private: &Private) -> bool {
    private.0.contains_key(LISTED)
}
