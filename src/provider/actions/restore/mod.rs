//! The action `huaweidb_restore_backup`: a backup, or a moment, into an existing instance.

mod messages;

use std::time::Duration;

use super::super::explain::About;
use super::super::times::{check_time, moment};
use super::super::{client, fields, services};
use super::{context, region_attribute, timeout_attribute};
use crate::backup::{self, Backups, NewRestore, RestorePoint, RestoreStep};
use crate::plugin::{Action, Attr, Attribute, Diagnostics, Run, Schema, model};

model! {
    /// What to restore, and into what.
    pub(crate) struct RestoreConfig {
        service: Attr<String>,
        backup_id: Attr<String>,
        restore_time: Attr<String>,
        source_instance_id: Attr<String>,
        target_instance_id: Attr<String>,
        overwrite: Attr<bool>,
        overwrite_source: Attr<bool>,
        region: Attr<String>,
        timeout: Attr<String>,
    }
}

/// `huaweidb_restore_backup`
pub(crate) struct RestoreBackup;

/// Restores of terabytes take hours.
const LIMIT: Duration = Duration::from_hours(6);

impl Action<Backups> for RestoreBackup {
    type Model = RestoreConfig;

    fn schema(&self) -> Schema {
        Schema::new(
            "Restores a backup, or the data of a moment, into an existing instance: **whatever that holds is overwritten**. It \
             ends when the cloud's job has completed and the target is idle again. Before anything is sent it is checked that \
             the backup is `COMPLETED` and of the source, that the target is in this project, idle, of the same engine and \
             large enough, as far as the service tells, and that it is among the instances that can take the restore, where the service (`geminidb`, \
             `gaussdb`) lists them. Not for `ddm`.",
        )
        .attribute(fields::service("Database service of both instances."))
        .attribute(Attribute::string("backup_id").check(fields::check_id).describe(
            "Id of the backup to restore. Default: none; then `restore_time` says what to restore.",
        ))
        .attribute(Attribute::string("restore_time").check(check_time).describe(
            "Moment whose data are restored: RFC 3339, such as `2026-01-31T00:00:00Z`; the data source \
             `huaweidb_restore_times` tells which there are. Not for `geminidb`. Default: none; then `backup_id` says what \
             to restore.",
        ))
        .attribute(
            Attribute::string("source_instance_id")
                .required()
                .check(fields::check_id)
                .describe("Id of the instance whose data are restored. A backup of another instance is refused."),
        )
        .attribute(
            Attribute::string("target_instance_id")
                .required()
                .check(fields::check_id)
                .describe("Id of the instance that is overwritten. It must be idle."),
        )
        .attribute(Attribute::bool("overwrite").required().describe(
            "Must be `true`, written out: the data of the target are gone afterwards.",
        ))
        .attribute(Attribute::bool("overwrite_source").describe(
            "Must be `true` if the target is the source itself. Default: `false`.",
        ))
        .attribute(region_attribute())
        .attribute(timeout_attribute("6h"))
    }

    fn validate(&self, config: &RestoreConfig) -> Diagnostics {
        let mut found = Diagnostics::new();
        match (&config.backup_id, &config.restore_time) {
            (Attr::Known(_), Attr::Known(_)) => found.push(messages::two_points()),
            (Attr::Null, Attr::Null) => found.push(messages::no_point()),
            _ => {}
        }
        if config.overwrite == Attr::Known(false) {
            found.push(messages::not_confirmed());
        }
        let itself = config.source_instance_id.as_str().is_some()
            && config.source_instance_id.as_str() == config.target_instance_id.as_str();
        if itself && matches!(config.overwrite_source, Attr::Null | Attr::Known(false)) {
            found.push(messages::source_not_confirmed());
        }
        let Some(service) = config.service.as_str().and_then(backup::named) else { return found };
        if let Some(point) = point(config)
            && let Err(why) = service.restore(&want(config, point))
        {
            let blamed = if service.facts().no_create.is_some() { "service" } else { "restore_time" };
            found.push(messages::cannot(&why, blamed));
        }
        for (name, id) in
            [("source_instance_id", &config.source_instance_id), ("target_instance_id", &config.target_instance_id)]
        {
            found.extend(services::foreign_suffix(service, name, id));
        }
        found
    }

    async fn invoke(&self, client: &Backups, config: RestoreConfig, run: &mut Run) -> Result<(), Diagnostics> {
        let service = services::required(&config.service)?;
        let Some(point) = point(&config) else { return Err(messages::no_point().into()) };
        let client = client::regional(client, &config.region);
        let context = context(run, &config.timeout, LIMIT);
        let want = want(&config, point);
        let facts = service.facts();
        let teller = run.teller();
        let tell = |step: RestoreStep<'_>| teller.tell(messages::step(facts.title, &want, step));
        let about = About { service: facts.key(), id: config.backup_id.as_str(), name: None, region: "" };
        let restored = client.of(&context, service).restore(&want, &tell).await;
        restored.map_err(|error| messages::explain(about, &want, &error))?;
        run.tell(messages::restored(&want));
        let confirmation = service.confirmation().filter(|_| want.source_instance_id == want.target_instance_id);
        run.warn(confirmation.map(|one| messages::to_confirm(facts.title, &want.target_instance_id, &one)));
        Ok(())
    }
}

/// As of when, if it is known.
fn point(config: &RestoreConfig) -> Option<RestorePoint> {
    let backup = config.backup_id.as_str().map(|id| RestorePoint::Backup(id.to_owned()));
    backup.or_else(|| moment(&config.restore_time).map(RestorePoint::Time))
}

fn want(config: &RestoreConfig, point: RestorePoint) -> NewRestore {
    let id = |id: &Attr<String>| id.text().to_owned();
    NewRestore {
        source_instance_id: id(&config.source_instance_id),
        point,
        target_instance_id: id(&config.target_instance_id),
    }
}
