//! Backups that a run replaces without saying so: of a tainted one, or one that the CLI replaces on its own, a provider hears the
//! plan of the new backup only. That is known by what it has in common with a backup that the run has read and has no plan for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::messages::label;
use super::model::ManualBackup;
use super::removal::is_lost;
use crate::backup::{Backups, Intent};
use crate::plugin::Diagnostic;

/// The completed backups of one run for which nothing is planned yet, by id, and whether what took each did not end well.
#[derive(Debug, Default)]
pub(super) struct Unplanned(Mutex<HashMap<String, (ManualBackup, bool)>>);

impl Unplanned {
    /// The state has that backup.
    pub(super) fn read(&self, state: &ManualBackup, unfinished: bool) {
        let Some(id) = state.id.as_str() else { return };
        if is_lost(state) {
            let mut known = self.known();
            // Not everybody who reads it knows how its create ended.
            let unfinished = unfinished || known.get(id).is_some_and(|(_, unfinished)| *unfinished);
            known.insert(id.to_owned(), (state.clone(), unfinished));
        } else {
            self.known().remove(id);
        }
    }

    /// Something was planned for it: then its own plan says what there is to say.
    pub(super) fn planned(&self, id: &str) {
        self.known().remove(id);
    }

    /// What to say of the backup that this new one replaces, if there is one. A host plans an object right after it has read it: so
    /// what was read before this and has no plan a while later gets none.
    pub(super) async fn replaced(&self, client: &Backups, planned: &ManualBackup) -> Option<Diagnostic> {
        let alike = self.known().values().filter(|(one, _)| is_alike(one, planned)).cloned().collect::<Vec<_>>();
        let left = || {
            let known = self.known();
            let goes = |id| matches!(client.claims().planned(id), Some(Intent::Leaves | Intent::IsForgotten));
            let has_no_plan = |id| known.contains_key(id) && !goes(id);
            alike.iter().find(|(one, _)| one.id.as_str().is_some_and(has_no_plan)).cloned()
        };
        let is_decided = || (client.claims().applies() || left().is_none()).then_some(());
        if client.told_at_the_same_time(is_decided).await.is_some() {
            return None;
        }
        left().map(|(state, unfinished)| told(&state, unfinished))
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, (ManualBackup, bool)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether both are backups of one instance and of one name or prefix. Other arguments may have changed meanwhile.
fn is_alike(state: &ManualBackup, planned: &ManualBackup) -> bool {
    let text = |one: &ManualBackup| {
        let name = if planned.name_prefix.is_set() { &one.name_prefix } else { &one.name };
        [&one.service, &one.region, &one.instance_id, name].map(|value| value.text().to_owned())
    };
    state.name_prefix.is_set() == planned.name_prefix.is_set() && text(state) == text(planned)
}

fn told(state: &ManualBackup, unfinished: bool) -> Diagnostic {
    let keep = if unfinished {
        "The apply that took it did not end well, so it is marked as tainted. To keep it, run `terraform untaint` with the resource's \
         address."
    } else {
        "If it is marked as tainted, `terraform untaint` with the resource's address keeps it."
    };
    let detail = format!(
        "{} is COMPLETED, and has the instance and the `name` or `name_prefix` of this new one. This run plans nothing else for it: it is \
         replaced, and will be deleted from the cloud. That cannot be undone. {keep}",
        label(state)
    );
    Diagnostic::warning("Completed backup will be deleted", detail)
}
