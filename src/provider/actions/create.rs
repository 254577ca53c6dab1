//! The action `huaweidb_create_backup`: a backup at a lifecycle event, such as before a database instance is changed.

use std::time::Duration;

use jiff::Timestamp;

use super::super::explain::{About, Doing, explain};
use super::super::unanswered::{FOLLOWED, other_answer, twins, unanswered};
use super::super::{checks, client, fields, services};
use super::{Told, context, region_attribute, timeout_attribute};
use crate::backup::{self, Backups, Certainty, NameOrigin, NewBackup, Service, Started, naming};
use crate::cloud::Context;
use crate::plugin::{Action, Attr, Attribute, Diagnostics, Run, Schema, model};

model! {
    /// What to back up.
    pub(crate) struct CreateConfig {
        service: Attr<String>,
        instance_id: Attr<String>,
        name: Attr<String>,
        name_prefix: Attr<String>,
        description: Attr<String>,
        region: Attr<String>,
        wait_for_completion: Attr<bool>,
        timeout: Attr<String>,
    }
}

/// `huaweidb_create_backup`
pub(crate) struct CreateBackup;

const LIMIT: Duration = Duration::from_hours(1);

impl Action<Backups> for CreateBackup {
    type Model = CreateConfig;

    fn schema(&self) -> Schema {
        Schema::new(
            "Takes a manual backup at a lifecycle event, for example before a database instance of any provider is updated. \
             The backup is not tracked in the state: delete it with `huaweidb_prune_backups`, or import it.",
        )
        .attribute(fields::service("Database service of the instance."))
        .attribute(Attribute::string("instance_id").required().check(fields::check_id).describe("Id of the instance to back up."))
        .attribute(Attribute::string("name").check(naming::check_name).describe(
            "Name of the backup, by the rule of the resource's `name`; unique in the project, so fit for one invocation only. \
             Give either `name` or `name_prefix`.",
        ))
        .attribute(Attribute::string("name_prefix").check(naming::check_prefix).describe(
            "Beginning of the name, by the rule of the resource's `name_prefix`; the time and random digits are added. Give \
             either `name` or `name_prefix`.",
        ))
        .attribute(Attribute::string("description").check(naming::check_description).describe(
            "Description of the backup: at most 256 characters, none of `> ! < \" & ' =` and no line breaks. Default: \
             none.",
        ))
        .attribute(region_attribute())
        .attribute(Attribute::bool("wait_for_completion").describe(
            "Whether the action ends only when the backup is `COMPLETED`. Default: `true`. Otherwise it ends as soon as the \
             cloud has begun the backup.",
        ))
        .attribute(timeout_attribute("1h"))
    }

    fn validate(&self, config: &CreateConfig) -> Diagnostics {
        let mut found = Diagnostics::new();
        found.extend(checks::exactly_one_name(&config.name, &config.name_prefix));
        let Some(service) = config.service.as_str().and_then(backup::named) else { return found };
        found.extend(services::without_manual_backups(service));
        found.extend(services::foreign_suffix(service, "instance_id", &config.instance_id));
        found
    }

    async fn invoke(&self, client: &Backups, config: CreateConfig, run: &mut Run) -> Result<(), Diagnostics> {
        let service = services::required(&config.service)?;
        let client = client::regional(client, &config.region);
        let context = context(run, &config.timeout, LIMIT);
        let name_origin = if config.name.is_set() { NameOrigin::Fixed } else { NameOrigin::Random };
        let name = config
            .name
            .into_known()
            .unwrap_or_else(|| naming::unique_name(config.name_prefix.text(), Timestamp::now()));
        let want = NewBackup {
            instance_id: config.instance_id.into_known().unwrap_or_default(),
            name,
            description: config.description.into_known().filter(|text| !text.is_empty()),
            name_origin,
            ..NewBackup::default()
        };
        let key = service.facts().key();
        let about = About { service: key, id: None, name: Some(&want.name), region: client.region() };
        let told = Told::about(service.facts().title, &want, run);
        let operation = client.of(&context, service);
        let started = match operation.begin_telling(&want, &told).await {
            Ok(started) => started,
            Err(error) => {
                if let backup::Error::OtherAnswer { answer } = &error {
                    tell_unanswered(&client, service, &context, &want, answer, run).await;
                }
                return Err(explain(Doing::Take, about, &error).into());
            }
        };
        let id = &started.backup_id;
        let awaited = if config.wait_for_completion == Attr::Known(false) {
            operation.glance(&started, name_origin).await.map(|shown| {
                run.tell(has_begun(&want.name, shown.as_ref().map_or(id, |shown| &shown.id)));
                None
            })
        } else {
            run.tell(has_begun(&want.name, id));
            operation.completed_by_name((&started, name_origin), &told).await.map(Some)
        };
        // Where looks fail, another one tells nothing; and what another backup's id led to was not followed.
        if !matches!(&awaited, Err(backup::Error::Foreign { .. } | backup::Error::OutOfSight { .. })) {
            for warning in twins(&client, service, &context, &want, (&started, FOLLOWED)).await {
                run.warn(warning);
            }
        }
        let error = match awaited {
            Ok(None) => return Ok(()),
            Ok(Some(backup)) => {
                run.tell(format!("The backup {:?} ({}) is {}", want.name, backup.id, backup.status));
                return Ok(());
            }
            Err(error) => error,
        };
        let is_unseen = matches!(&error, backup::Error::StillRunning { last: None, .. });
        if is_unseen && started.certainty == Certainty::Answered || matches!(&error, backup::Error::Foreign { .. }) {
            tell_unanswered(&client, service, &context, &want, &started, run).await;
        }
        let about = About { id: Some(id), ..about };
        Err(match &error {
            backup::Error::Foreign { found, .. } => explain(Doing::Take, about, &other_answer(found)),
            error => explain(Doing::Follow, about, error),
        }
        .into())
    }
}

/// That it has begun, under the id that the answer gave.
fn has_begun(name: &str, id: &str) -> String {
    format!("The backup {name:?} has begun; the cloud calls it {id}")
}

async fn tell_unanswered(
    client: &Backups,
    service: &'static dyn Service,
    context: &Context,
    want: &NewBackup,
    answered: &Started,
    run: &mut Run,
) {
    for warning in unanswered(client, service, context, want, answered).await {
        run.warn(warning);
    }
}
