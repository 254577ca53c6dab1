//! The action `huaweidb_stop_backup`: the emergency stop.

use std::fmt::Write as _;
use std::time::Duration;

use super::super::explain::{About, Doing, explain};
use super::super::{fields, services};
use super::{context, is_missing, region_attribute, timeout_attribute};
use crate::backup::{self, BackupRef, Backups, Filter, Status, StopOutcome, StopScope};
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
            found.push(Diagnostic::error("Missing argument", detail).at(Path::attribute("backup_id")));
        }
        if config.backup_id.known().is_some() && all == Some(true) {
            let detail = "Both `backup_id` and `all_on_instance = true` are set. Give exactly one of them.";
            found.push(Diagnostic::error("Conflicting arguments", detail).at(Path::attribute("all_on_instance")));
        }
        if all == Some(true) && config.instance_id.is_null() {
            let detail = "`all_on_instance = true` needs an instance. Set `instance_id`.";
            found.push(Diagnostic::error("Missing argument", detail).at(Path::attribute("instance_id")));
        }
        let Some(service) = config.service.as_str().and_then(backup::named) else { return found };
        let facts = service.facts();
        if facts.stop == StopScope::Never {
            let detail = format!("{} has no call that stops a backup.", facts.title);
            found.push(Diagnostic::error("This service cannot stop a backup", detail).at(Path::attribute("service")));
        }
        if facts.needs_instance && config.instance_id.is_null() && all != Some(true) {
            let detail = format!("{} finds a backup only together with its instance. Set `instance_id`.", facts.title);
            found.push(Diagnostic::error("Missing argument", detail).at(Path::attribute("instance_id")));
        }
        found
    }

    async fn invoke(&self, client: &Backups, config: StopConfig, run: &mut Run) -> Result<(), Diagnostics> {
        let service = services::required(&config.service)?;
        let client = services::regional(client, &config.region);
        let context = context(run, &config.timeout, LIMIT);
        let key = service.facts().key();
        let instance_id = config.instance_id.into_known();
        let by_id = config.backup_id.is_set();
        let asked = if let Some(id) = config.backup_id.into_known() {
            vec![BackupRef::new(id, instance_id.clone())]
        } else {
            let filter = Filter { instance_id: instance_id.clone(), ..Filter::default() };
            let about = About { service: key, id: None, name: None, region: "" };
            let found = client.list(&context, service, &filter).await;
            let found = found.map_err(|error| explain(Doing::Search, about, &error))?;
            let id = instance_id.as_deref().unwrap_or_default();
            if found.is_empty() && is_missing(&client, &context, service, id).await {
                let undone = "No backup of it is listed, and nothing was stopped.";
                return Err(services::no_such_instance(key, id, client.region(), undone).into());
            }
            let runs = |status: &Status| !status.is_final() && *status != Status::Deleting;
            found.iter().filter(|backup| runs(&backup.status)).map(BackupRef::from).collect()
        };
        let mut stopped: Vec<&str> = Vec::new();
        let mut idle = Vec::new();
        for (nth, backup) in asked.iter().enumerate() {
            run.tell(format!("Stopping the backup {}", backup.id));
            let outcome = if by_id {
                client.stop(&context, service, backup).await
            } else {
                client.stop_with_others(&context, service, backup).await
            };
            match outcome {
                Ok(StopOutcome::Stopped(now)) => {
                    let now = now.map_or("gone".to_owned(), |now| now.status.to_string());
                    run.tell(format!("The backup {} is stopped: {now}", backup.id));
                    stopped.push(&backup.id);
                }
                Ok(StopOutcome::Completed(now)) => {
                    idle.push(format!("The backup {} was not stopped: it has completed", now.id));
                }
                Ok(StopOutcome::NotRunning(now)) => idle.push(format!("The backup {} is {}", backup.id, now.status)),
                Err(backup::Error::Vanished { id }) => idle.push(format!("There is no backup {id}")),
                Err(error) => {
                    let about = About { service: key, id: Some(&backup.id), name: None, region: "" };
                    let mut failed = explain(Doing::Stop, about, &error);
                    let rest = asked[nth + 1..].iter().map(|backup| backup.id.as_str()).collect::<Vec<_>>();
                    for (what, ids) in [("Stopped before that", stopped), ("Not asked for yet", rest)] {
                        if !ids.is_empty() {
                            let _ = write!(failed.detail, "\n\n{what}: {}.", ids.join(", "));
                        }
                    }
                    return Err(failed.into());
                }
            }
        }
        if asked.is_empty() {
            idle.push(format!("No backup runs on the instance {}", instance_id.unwrap_or_default()));
        }
        if !stopped.is_empty() {
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
