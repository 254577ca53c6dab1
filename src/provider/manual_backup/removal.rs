//! What is said before a backup is deleted.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Mutex;

use super::messages::label;
use super::model::{ManualBackup, is_retained};
use crate::backup::{self, Backups, Filter, Service, Status};
use crate::plugin::{Diagnostic, Diagnostics};
use crate::provider::client;
use crate::provider::explain::unasked;
use crate::provider::times::age;

/// A plan that deletes from several instances lists the whole project once, if it has no more records than this for each
/// instance that has turned up: beyond, one list for each instance is cheaper.
const SMALL_PROJECT: u64 = 200;
/// This many records are looked through in any case.
const SMALLEST_PROJECT: u64 = 1000;

/// What the deletions of one run leave of each instance's completed backups. An instance is listed once, however many of
/// its backups go; again, when one is planned to go again: that is another plan.
#[derive(Debug, Default)]
pub(super) struct Leaving(Mutex<HashMap<ServiceInRegion, Arc<Project>>>);

/// Service and region.
type ServiceInRegion = (&'static str, String);

/// The backups of one service in one region.
#[derive(Debug, Default)]
struct Project {
    /// By instance.
    instances: Mutex<HashMap<String, Arc<Mutex<Option<Left>>>>>,
    /// All of them, once they were listed together.
    whole: Mutex<Option<Whole>>,
}

/// The completed backups of one instance.
#[derive(Debug)]
struct Left {
    /// `None` if the cloud did not tell.
    ids: Option<HashSet<String>>,
    /// Those that the plan deletes.
    going: HashSet<String>,
}

impl Left {
    fn of(ids: Option<HashSet<String>>) -> Self {
        Left { ids, going: HashSet::new() }
    }

    /// Whether no other is left once this one is gone too.
    fn is_last(&mut self, id: &str) -> bool {
        self.going.insert(id.to_owned());
        self.ids.as_ref().is_some_and(|ids| ids.contains(id) && ids.is_subset(&self.going))
    }
}

/// The completed backups of all instances.
#[derive(Debug)]
struct Whole {
    /// By instance; `None` if the project is too large, or the cloud did not tell.
    ids: Option<HashMap<String, HashSet<String>>>,
    /// With so many instances it may be small enough.
    again_with: usize,
}

impl Project {
    /// What is left of an instance, from wherever it can be had with the fewest calls.
    async fn left(
        &self,
        client: &Backups,
        service: &'static dyn Service,
        (instance_id, instances): (&str, usize),
        said: &mut Diagnostics,
    ) -> Left {
        let filter = Filter {
            status: Some(Status::Completed),
            kind: service.facts().no_create.is_none().then(|| "manual".to_owned()),
            ..Filter::default()
        };
        if instances > 1 && service.list(&filter, 0, 1).is_ok() {
            let mut whole = self.whole.lock().await;
            let known = whole.take().filter(|whole| whole.ids.is_some() || instances < whole.again_with);
            let known = if let Some(known) = known {
                known
            } else {
                let most = (SMALL_PROJECT * instances as u64).max(SMALLEST_PROJECT);
                let ids = completed(client, service, (&filter, most), said).await;
                Whole { ids, again_with: instances * 2 }
            };
            let known = whole.insert(known);
            if let Some(ids) = &known.ids {
                return Left::of(Some(ids.get(instance_id).cloned().unwrap_or_default()));
            }
        }
        let filter = Filter { instance_id: Some(instance_id.to_owned()), ..filter };
        let ids = completed(client, service, (&filter, u64::MAX), said).await;
        Left::of(ids.map(|ids| ids.into_values().flatten().collect()))
    }
}

/// The ids of completed backups by instance; `None` if there are too many, or the cloud does not tell.
async fn completed(
    client: &Backups,
    service: &'static dyn Service,
    (filter, most): (&Filter, u64),
    said: &mut Diagnostics,
) -> Option<HashMap<String, HashSet<String>>> {
    let few = |context| async move { client.of(&context, service).list_few(filter, most).await };
    match client.ahead().ask(few).await {
        Ok(None) => None,
        Ok(Some(found)) => {
            let mut ids = HashMap::<_, HashSet<_>>::new();
            for backup in found {
                ids.entry(backup.instance_id).or_default().insert(backup.id);
            }
            Some(ids)
        }
        Err(why) => {
            said.extend(why.as_ref().map(unasked));
            None
        }
    }
}

impl Leaving {
    /// Whether no completed backup of the instance is left once this one is gone too; false if that cannot be told.
    async fn is_last(&self, client: &Backups, backup: &ManualBackup, said: &mut Diagnostics) -> bool {
        let (Some(service), Some(instance_id), Some(id)) =
            (backup.service.as_str().and_then(backup::named), backup.instance_id.as_str(), backup.id.as_str())
        else {
            return false;
        };
        let client = client::regional(client, &backup.region);
        let place = (service.facts().key(), client.region().to_owned());
        let project = Arc::clone(self.0.lock().await.entry(place).or_default());
        let (entry, instances) = {
            let mut instances = project.instances.lock().await;
            let entry = Arc::clone(instances.entry(instance_id.to_owned()).or_default());
            (entry, instances.len())
        };
        // Held while the cloud is asked, so that all deletions of an instance wait for one answer.
        let mut left = entry.lock().await;
        if left.as_ref().is_some_and(|left| left.going.contains(id)) {
            *project.whole.lock().await = None;
            *left = None;
        }
        if left.is_none() {
            *left = Some(project.left(&client, service, (instance_id, instances), said).await);
        }
        left.as_mut().is_some_and(|left| left.is_last(id))
    }

    /// What to say about a planned deletion.
    pub(super) async fn planned(&self, client: &Backups, prior: &ManualBackup) -> Diagnostics {
        let mut said = Diagnostics::new();
        match prior.id.as_str().filter(|_| refused(prior).is_none()) {
            Some(id) if is_retained(prior) => client.claims().forget(id),
            Some(id) => client.claims().leave(id),
            None => {}
        }
        let last = is_lost(prior) && self.is_last(client, prior, &mut said).await;
        said.extend(planned(prior, last));
        said
    }
}

/// What to say about a planned deletion, of the last completed one or another.
pub(super) fn planned(prior: &ManualBackup, last: bool) -> Option<Diagnostic> {
    refused(prior).or_else(|| is_lost(prior).then(|| deleted(prior, last, Timestamp::now())))
}

/// Whether a deletion is not refused, and loses something of use.
pub(super) fn is_lost(prior: &ManualBackup) -> bool {
    refused(prior).is_none() && !is_retained(prior) && prior.status.as_str() == Some(Status::Completed.word())
}

/// That a backup is protected, if it is. One that failed protects nothing, and one that is kept is not deleted.
pub(super) fn refused(state: &ManualBackup) -> Option<Diagnostic> {
    let failed = state.status.as_str() == Some(Status::Failed.word());
    if state.deletion_protection.known() != Some(&true) || failed || is_retained(state) {
        return None;
    }
    let detail = format!(
        "{} has `deletion_protection = true` in the state. To delete it, set that to `false` and apply that change alone; then destroy \
         or replace it. To leave it in the cloud and only forget it, use `on_destroy = \"retain\"` in the same way.",
        label(state)
    );
    Some(Diagnostic::error("Backup is protected from deletion", detail).at("deletion_protection"))
}

fn deleted(state: &ManualBackup, last: bool, now: Timestamp) -> Diagnostic {
    let mut detail = label(state);
    if let Some(begun) = state.begin_time.as_str().and_then(backup::time) {
        let _ = write!(detail, ", taken {begun} ({})", age(now.duration_since(begun).unsigned_abs()));
    }
    if let Some(bytes) = state.size_bytes.known() {
        let _ = write!(detail, ", {}", size(*bytes));
    }
    detail.push_str(", will be deleted from the cloud. That cannot be undone.");
    if !last {
        return Diagnostic::warning("Completed backup will be deleted", detail);
    }
    let instance = state.instance_id.text();
    let _ = write!(detail, " It is the last completed manual backup of the instance {instance}.");
    // In words of its own: a CLI shows only one of several warnings that begin with the same ones.
    Diagnostic::warning("Last completed backup will be deleted", detail)
}

/// So much, in words.
#[expect(clippy::cast_precision_loss, reason = "one digit after the point")]
fn size(bytes: i64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut size = bytes as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::Attr;

    #[test]
    fn the_last_one_is_told_when_the_others_go() {
        let mut left = Left::of(Some(["a", "b"].map(str::to_owned).into()));
        for (id, last) in [("c", false), ("a", false), ("b", true)] {
            assert_eq!(left.is_last(id), last, "{id}");
        }
        assert!(!Left::of(None).is_last("a"));
    }

    #[test]
    fn sizes_are_in_words() {
        for (bytes, words) in [(1024, "1.0 KiB"), (1_572_864, "1.5 MiB"), (3_221_225_472, "3.0 GiB")] {
            assert_eq!(size(bytes), words);
        }
    }

    #[test]
    fn protection_covers_what_would_be_lost() {
        let backup = |status: &str, on_destroy: &str, protected| ManualBackup {
            status: status.into(),
            on_destroy: on_destroy.into(),
            deletion_protection: protected,
            ..ManualBackup::default()
        };
        for (status, on_destroy, protected, refuses) in [
            ("COMPLETED", "delete", Attr::Known(true), true),
            ("BUILDING", "delete", Attr::Known(true), true),
            ("FAILED", "delete", Attr::Known(true), false),
            ("COMPLETED", "retain", Attr::Known(true), false),
            ("COMPLETED", "delete", Attr::Known(false), false),
            ("COMPLETED", "delete", Attr::Null, false),
        ] {
            assert_eq!(refused(&backup(status, on_destroy, protected)).is_some(), refuses, "{status} {on_destroy}");
        }
    }
}
