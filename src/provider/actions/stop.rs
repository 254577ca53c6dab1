//! The action `huaweidb_stop_backup`: the emergency stop.

use std::fmt::Write as _;
use std::time::Duration;

use futures_util::StreamExt as _;

use super::super::explain::{About, Doing, explain, sentence, what_happened_while, what_next};
use super::super::{checks, client, fields, services};
use super::{Remarks, context, is_missing, region_attribute, steps, timeout_attribute, unfound};
use crate::backup::{self, Backup, BackupRef, Backups, Filter, Service, Status, StopOutcome, StopScope};
use crate::cloud::Context;
use crate::plugin::{Action, Attr, Attribute, Diagnostic, Diagnostics, Path, Run, Schema, model};

model! {
    /// What to stop.
    pub(crate) struct StopConfig {
        service: Attr<String>,
        backup_id: Attr<String>,
        instance_id: Attr<String>,
        all_on_instance: Attr<bool>,
        region: Attr<String>,
        ignore_if_not_running: Attr<bool>,
        timeout: Attr<String>,
    }
}

/// `huaweidb_stop_backup`
pub(crate) struct StopBackup;

const LIMIT: Duration = Duration::from_mins(10);

impl Action<Backups> for StopBackup {
    type Model = StopConfig;

    fn schema(&self) -> Schema {
        Schema::new(
            "Stops a backup that is being taken: one by its id, or, with `all_on_instance`, whatever runs on an instance. A stopped backup is of no \
             use for a restore.",
        )
        .attribute(fields::service("Database service of the instance."))
        .attribute(Attribute::string("backup_id").check(fields::check_id).describe(
            "Id of the backup to stop. Default: none; then `all_on_instance` has to be `true`. Null is never taken for all.",
        ))
        .attribute(Attribute::string("instance_id").check(fields::check_id).describe(
            "Id of the instance; needed with `all_on_instance`, and where the service (`rds`) finds a backup only together with \
             its instance. Default: that of `backup_id`.",
        ))
        .attribute(Attribute::bool("all_on_instance").describe(
            "Whether every backup that runs on `instance_id` is stopped. Default: `false`.",
        ))
        .attribute(region_attribute())
        .attribute(
            Attribute::bool("ignore_if_not_running")
                .describe("Whether it is fine that nothing runs. Default: `false`, and then that is an error."),
        )
        .attribute(timeout_attribute("10m"))
    }

    fn validate(&self, config: &StopConfig) -> Diagnostics {
        let mut found = Diagnostics::new();
        // An unknown one may still become either.
        let all = match &config.all_on_instance {
            Attr::Unknown => None,
            all => Some(*all == Attr::Known(true)),
        };
        if config.backup_id.is_null() && all == Some(false) {
            let detail = "`backup_id` has no value. Set it, or, to stop every backup that runs on `instance_id`, set \
                          `all_on_instance = true`.";
            found.push(checks::missing("backup_id", detail));
        }
        if config.backup_id.known().is_some() && all == Some(true) {
            let detail = "Both `backup_id` and `all_on_instance = true` are set. Give exactly one of them.";
            found.push(checks::conflicting("all_on_instance", detail));
        }
        if all == Some(true) && config.instance_id.is_null() {
            found
                .push(checks::missing("instance_id", "`all_on_instance = true` needs an instance. Set `instance_id`."));
        }
        let Some(service) = config.service.as_str().and_then(backup::named) else { return found };
        let facts = service.facts();
        if facts.stop == StopScope::Never {
            let detail = format!("{} has no call that stops a backup.", facts.title);
            found.push(Diagnostic::error("This service cannot stop a backup", detail).at("service"));
        }
        if facts.needs_instance && config.instance_id.is_null() && all != Some(true) {
            let detail = format!("{} finds a backup only together with its instance. Set `instance_id`.", facts.title);
            found.push(checks::missing("instance_id", detail));
        }
        found
    }

    async fn invoke(&self, client: &Backups, config: StopConfig, run: &mut Run) -> Result<(), Diagnostics> {
        let service = services::required(&config.service)?;
        let client = client::regional(client, &config.region);
        let context = context(run, &config.timeout, LIMIT);
        let instance_id = config.instance_id.into_known();
        let stopping = Stopping { client: &client, context: &context, service, run };
        let by_id = config.backup_id.is_set();
        let outcomes = if let Some(id) = config.backup_id.into_known() {
            vec![stopping.one(BackupRef::new(id, instance_id.clone())).await]
        } else {
            stopping.all(instance_id.as_deref().unwrap_or_default()).await?
        };
        if let Some(failed) = failed(service, &outcomes) {
            return Err(failed.into());
        }
        let mut idle = idle(service, &outcomes);
        if outcomes.is_empty() {
            idle.push(format!("No backup runs on the instance {}", instance_id.unwrap_or_default()));
        }
        if idle.len() < outcomes.len() {
            for what in idle {
                run.tell(what);
            }
            return Ok(());
        }
        let idle = idle.join(". ");
        if config.ignore_if_not_running == Attr::Known(true) {
            run.tell(format!("Nothing to stop: {idle}"));
            return Ok(());
        }
        let detail = format!("{idle}. If that is fine, set `ignore_if_not_running = true`.");
        let blamed = Path::attribute(if by_id { "backup_id" } else { "instance_id" });
        Err(Diagnostic::error("No backup is running", detail).at(blamed).into())
    }
}

/// A backup that was to be stopped, and how that ended.
type StopEnd = (BackupRef, Result<StopOutcome, backup::Error>);

/// So many are stopped side by side at most.
const AT_ONCE: usize = 200;

/// Who stops, and where.
struct Stopping<'a> {
    client: &'a Backups,
    context: &'a Context,
    service: &'static dyn Service,
    run: &'a Run,
}

impl Stopping<'_> {
    /// Stops one that is named by its id.
    async fn one(&self, backup: BackupRef) -> StopEnd {
        let outcome = self.client.of(self.context, self.service).stop(&backup, &|| self.asking(&backup)).await;
        let outcome = match outcome {
            // Where a service lists one instance's backups only, it may run on another one.
            Err(backup::Error::Vanished { id }) => match self.elsewhere(&backup).await {
                Ok(None) => Err(backup::Error::Vanished { id }),
                Ok(Some(found)) => Err(backup::Error::Foreign { meant: Box::new(backup.clone()), found }),
                Err(error) => Err(error),
            },
            outcome => outcome,
        };
        self.told((backup, outcome))
    }

    /// The backup of that id, if another instance has it.
    async fn elsewhere(&self, backup: &BackupRef) -> Result<Option<Box<Backup>>, backup::Error> {
        let found = self.client.of(self.context, self.service).of_any_instance(backup).await?;
        Ok(found.filter(|found| Some(&found.instance_id) != backup.instance_id.as_ref()).map(Box::new))
    }

    /// Stops whatever runs on the instance.
    async fn all(&self, instance_id: &str) -> Result<Vec<StopEnd>, Diagnostics> {
        let Stopping { client, context, service, .. } = *self;
        let filter = Filter { instance_id: Some(instance_id.to_owned()), ..Filter::default() };
        let key = service.facts().key();
        let unfound = |error: backup::Error| unfound(key, &error, "Nothing was stopped.");
        let mut listed = client.of(context, service).list(&filter).await.map_err(unfound)?;
        if listed.is_empty() && is_missing(client, context, service, instance_id).await {
            let undone = "No backup of it is listed, and nothing was stopped.";
            return Err(services::no_such_instance(key, instance_id, client.region(), undone).into());
        }
        // Nobody says after one look that nothing runs: lists lag.
        if !listed.iter().any(|backup| backup.status.runs()) {
            listed = client.of(context, service).list_again(&filter).await.map_err(unfound)?;
        }
        let running = listed.iter().filter(|backup| backup.status.runs()).map(BackupRef::from).collect::<Vec<_>>();
        if service.facts().stop == StopScope::Instance {
            return Ok(self.with_one_call(running).await);
        }
        let each = running.iter().map(|backup| self.with_others(backup.clone()));
        // At once: one that does not end keeps none of the others running.
        let mut ended = futures_util::stream::iter(each.collect::<Vec<_>>()).buffer_unordered(AT_ONCE);
        let mut outcomes = Vec::with_capacity(running.len());
        while let Some(outcome) = ended.next().await {
            outcomes.push(outcome);
        }
        outcomes.sort_by_key(|(backup, _)| running.iter().position(|one| one.id == backup.id));
        Ok(outcomes)
    }

    /// Stops one of those that run on an instance where nothing is spared.
    async fn with_others(&self, backup: BackupRef) -> StopEnd {
        let asking = || self.asking(&backup);
        let outcome = self.client.of(self.context, self.service).stop_with_others(&backup, &asking).await;
        self.told((backup, outcome))
    }

    /// Stops what runs on the instance where one call stops all of it. What is known of a call that was not seen to work is known of
    /// all that it was for.
    async fn with_one_call(&self, running: Vec<BackupRef>) -> Vec<StopEnd> {
        let mut outcomes = Vec::with_capacity(running.len());
        let mut open = running.into_iter();
        let mut was_sent = false;
        while let Some(backup) = open.next() {
            let (backup, outcome) = match self.with_others(backup).await {
                // It was seen to run, and the call that was sent for another one ended it.
                (backup, Ok(StopOutcome::NotRunning(now))) if was_sent => {
                    let is_complete = now.status == Status::Completed;
                    let ended = if is_complete { StopOutcome::Completed(now) } else { StopOutcome::Stopped(Some(now)) };
                    self.told((backup, Ok(ended)))
                }
                outcome => outcome,
            };
            let failed =
                outcome.as_ref().err().filter(|error| !matches!(error, backup::Error::Vanished { .. })).cloned();
            was_sent |= matches!(outcome, Ok(StopOutcome::Stopped(_) | StopOutcome::Completed(_)));
            outcomes.push((backup, outcome));
            if let Some(error) = failed {
                outcomes.extend(open.by_ref().map(|backup| (backup, Err(error.clone()))));
            }
        }
        outcomes
    }

    fn asking(&self, backup: &BackupRef) {
        self.run.tell(format!("Stopping the backup {}", backup.id));
    }

    /// Tells the user of one that has stopped.
    fn told(&self, outcome: StopEnd) -> StopEnd {
        if let (backup, Ok(StopOutcome::Stopped(now))) = &outcome {
            let now = now.as_ref().map_or("gone".to_owned(), |now| now.status.to_string());
            self.run.tell(format!("The backup {} is stopped: {now}", backup.id));
        }
        outcome
    }
}

/// What is to be said of those that did not run.
fn idle(service: &dyn Service, outcomes: &[StopEnd]) -> Vec<String> {
    let needs_instance = service.facts().needs_instance;
    let each = outcomes.iter().filter_map(|(backup, outcome)| match outcome {
        Ok(StopOutcome::Completed(now)) => Some(format!("The backup {} was not stopped: it has completed", now.id)),
        Ok(StopOutcome::NotRunning(now)) => Some(format!("The backup {} is {}", backup.id, now.status)),
        Err(backup::Error::Vanished { id }) => Some(match &backup.instance_id {
            Some(instance_id) if needs_instance => format!("The instance {instance_id} lists no backup {id}"),
            _ => format!("There is no backup {id}"),
        }),
        Ok(StopOutcome::Stopped(_)) | Err(_) => None,
    });
    each.collect()
}

/// The error, if one of them was not seen to stop: what became of each.
fn failed(service: &dyn Service, outcomes: &[StopEnd]) -> Option<Diagnostic> {
    let about = |backup| About { service: service.facts().key(), id: Some(backup), name: None, region: "" };
    let is_failure = |error: &&backup::Error| !matches!(error, backup::Error::Vanished { .. });
    let failures = outcomes.iter().filter_map(|(backup, outcome)| {
        outcome.as_ref().err().filter(is_failure).map(|error| (backup.id.as_str(), error))
    });
    let mut failures = failures.collect::<Vec<_>>();
    // In the order in which they are told.
    failures.sort_by_key(|(_, error)| !error.was_sent());
    if let ([(id, error)], [_]) = (&*failures, outcomes) {
        return Some(explain(Doing::Stop, about(id), error));
    }
    if failures.is_empty() {
        return None;
    }
    let next = steps(failures.iter().map(|(id, error)| what_next(Doing::Stop, about(id), error)));
    let is_stopped = |outcome: &&StopEnd| matches!(outcome.1, Ok(StopOutcome::Stopped(_)));
    let stopped = outcomes.iter().filter(is_stopped).map(|(backup, _)| line(&backup.id)).collect::<Vec<_>>();
    let mut detail = format!("{} of {} stopped.", stopped.len(), outcomes.len());
    if !stopped.is_empty() {
        let _ = write!(detail, "\n\nStopped:\n{}", stopped.concat());
    }
    for idle in idle(service, outcomes) {
        let _ = write!(detail, "\n\n{idle}.");
    }
    for (what, was_sent) in [
        ("Asked to stop, and not seen to end:", true),
        ("Still running, as far as is known, because no stop was sent, or it was refused:", false),
    ] {
        let mut said = Remarks::default();
        let mut those = failures.iter().filter(|(_, error)| error.was_sent() == was_sent).peekable();
        if those.peek().is_some() {
            let _ = write!(detail, "\n\n{what}");
        }
        for (id, error) in those {
            said.add(id, sentence(&what_happened_while(Doing::Stop, error)), &line(id));
        }
        let _ = write!(detail, "{said}");
    }
    let _ = write!(detail, "\n\n{next}");
    let all_sent = failures.iter().all(|(_, error)| error.was_sent());
    let failed = if all_sent {
        Diagnostic::error("Backups were not seen to stop", detail)
    } else {
        Diagnostic::error("Backups were not stopped", detail)
    };
    Some(failed.at("instance_id"))
}

fn line(id: &str) -> String {
    format!("\n- {id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_stopped_is_told_by_what_is_known_of_it() {
        let dds = backup::named("dds").expect("it is on the shelf");
        let runs = |id: &str| Some(Box::new(Backup::sample(id, "i1in02", "nightly", Status::Building)));
        let late = |id: &str| backup::Error::StillRunning { id: id.to_owned(), last: runs(id), cause: None };
        let sent = |id: &str| {
            (BackupRef::new(id, None), Err(backup::Error::Sent { id: id.to_owned(), end: Box::new(late(id)) }))
        };
        let unsent = |id: &str| (BackupRef::new(id, None), Err(late(id)));
        let stopped = |id: &str| (BackupRef::new(id, None), Ok(StopOutcome::Stopped(None)));
        let page = [vec![sent("b1"), sent("b2")], vec![stopped("b1"), sent("b2"), unsent("b3")]]
            .map(|outcomes| failed(dds, &outcomes).expect("some were not seen to stop"))
            .map(|one| format!("Error: {}\n{}\n", one.summary, one.detail))
            .join("\n");
        insta::assert_snapshot!("stopping", page);
    }
}
