//! The data source `huaweidb_backups`: all backups that fit.

use std::time::Duration;

use super::checks::{check_sought, conflicting};
use super::client::{self, context};
use super::explain::{self, About, Doing, explain};
use super::fields::{self, DatastoreObject, told};
use super::services;
use super::times::{check_time, moment};
use crate::backup::{self, Backup, Backups, Filter, Status};
use crate::plugin::{Attr, Attribute, DataSource, Diagnostics, Life, Schema, model};

model! {
    /// What was asked and what was found.
    pub(super) struct FoundBackups {
        pub(super) service: Attr<String>,
        pub(super) instance_id: Attr<String>,
        pub(super) name: Attr<String>,
        pub(super) name_prefix: Attr<String>,
        pub(super) r#type: Attr<String>,
        pub(super) status: Attr<String>,
        pub(super) begin_after: Attr<String>,
        pub(super) begin_before: Attr<String>,
        pub(super) region: Attr<String>,
        pub(super) total: Attr<i64>,
        pub(super) unreadable: Attr<i64>,
        pub(super) backups: Attr<Vec<BackupObject>>,
    }
}

model! {
    /// One backup of the list.
    pub(super) struct BackupObject {
        pub(super) id: Attr<String>,
        pub(super) name: Attr<String>,
        pub(super) instance_id: Attr<String>,
        pub(super) instance_name: Attr<String>,
        pub(super) description: Attr<String>,
        pub(super) status: Attr<String>,
        pub(super) r#type: Attr<String>,
        pub(super) datastore: Attr<DatastoreObject>,
        pub(super) begin_time: Attr<String>,
        pub(super) end_time: Attr<String>,
        pub(super) size_bytes: Attr<i64>,
    }
}

/// `huaweidb_backups`
pub(super) struct BackupsDataSource;

/// Thousands of backups take many pages, and a throttled cloud takes its time.
const READ_LIMIT: Duration = Duration::from_mins(20);

impl DataSource<Backups> for BackupsDataSource {
    type Model = FoundBackups;

    fn schema(&self) -> Schema {
        Schema::new("All backups that fit, newest first; an empty list when none does.")
            .attribute(fields::service("Database service to ask."))
            .attribute(Attribute::string("instance_id").optional().check(check_sought).describe(
                "Only backups of this instance. Default: of all; `rds` lists one instance at a time and needs it.",
            ))
            .attribute(
                Attribute::string("name")
                    .optional()
                    .check(check_sought)
                    .describe("Only backups with exactly this name. Default: any."),
            )
            .attribute(
                Attribute::string("name_prefix")
                    .optional()
                    .check(check_sought)
                    .describe("Only backups whose name begins so. Default: any."),
            )
            .attribute(fields::type_filter().optional())
            .attribute(fields::status_filter("Default: all are listed, failed ones included."))
            .attribute(fields::begin_after())
            .attribute(
                Attribute::string("begin_before")
                    .optional()
                    .check(check_time)
                    .describe("Only backups begun at this time or earlier: RFC 3339. Default: however new."),
            )
            .attribute(fields::region())
            .attribute(Attribute::integer("total").computed().describe("How many backups fit."))
            .attribute(fields::unreadable("backups"))
            .attribute(
                Attribute::computed_list_of(
                    "backups",
                    vec![
                        told("id", "The bare backup id."),
                        told("name", "Name of the backup."),
                        told("instance_id", "Instance it was taken of."),
                        told("instance_name", "Name of the instance, where the service tells it."),
                        told("description", "Description, where the service tells it."),
                        told("status", "`BUILDING`, `COMPLETED`, `FAILED` or `DELETING`."),
                        told("type", "`manual`, `auto` or another type of the service."),
                        fields::datastore_attribute(),
                        told("begin_time", "When it was begun: RFC 3339, UTC."),
                        told("end_time", "When it ended: RFC 3339, UTC. Absent while it runs."),
                        Attribute::integer("size_bytes").computed().describe("Size in bytes. Absent while it runs."),
                    ],
                )
                .describe("The backups, newest first."),
            )
            .read_timeout(READ_LIMIT)
    }

    fn validate(&self, config: &FoundBackups) -> Diagnostics {
        let mut found = Diagnostics::new();
        if config.name.known().is_some() && config.name_prefix.known().is_some() {
            let detail = "Both `name` and `name_prefix` are set. Give at most one of them.";
            found.push(conflicting("name_prefix", detail));
        }
        if let (Some(after), Some(before)) = (moment(&config.begin_after), moment(&config.begin_before))
            && after > before
        {
            let detail = "`begin_after` is later than `begin_before`, so nothing can fit. Widen the span of time.";
            found.push(conflicting("begin_after", detail));
        }
        let Some(service) = config.service.known().and_then(|key| backup::named(key)) else {
            return found;
        };
        if config.instance_id.is_null()
            && let Err(why) = service.list(&Filter::default(), 0, 1)
        {
            found.push(services::lacks_instance(&why));
        }
        found
    }

    async fn read(
        &self,
        client: &Backups,
        mut config: FoundBackups,
        life: &mut Life<FoundBackups>,
    ) -> Result<FoundBackups, Diagnostics> {
        let service = services::required(&config.service)?;
        let client = client::asked(client, &mut config.region);
        let filter = Filter {
            instance_id: config.instance_id.known().cloned(),
            name: config.name.known().cloned(),
            name_prefix: config.name_prefix.known().cloned(),
            kind: config.r#type.known().cloned(),
            status: config.status.known().map(|word| Status::named(word)),
            begin_after: moment(&config.begin_after),
            begin_before: moment(&config.begin_before),
        };
        let about = About { service: service.facts().product.key, id: None, name: filter.name.as_deref(), region: "" };
        let (found, unread) = client
            .of(&context(life), service)
            .list_readable(&filter)
            .await
            .map_err(|error| explain(Doing::Search, about, &error))?;
        life.warn(explain::unread(service.facts().title, &unread, true));
        config.unreadable = fields::count(u64::try_from(unread.len()).ok());
        config.total = fields::count(u64::try_from(found.len()).ok());
        config.backups = Attr::Known(found.iter().map(object).collect());
        Ok(config)
    }
}

fn object(backup: &Backup) -> BackupObject {
    BackupObject {
        id: Attr::Known(backup.id.clone()),
        name: fields::text(Some(&backup.name)),
        instance_id: fields::text(Some(&backup.instance_id)),
        instance_name: fields::text(backup.instance_name.as_ref()),
        description: fields::text(backup.description.as_ref()),
        status: Attr::Known(backup.status.to_string()),
        r#type: fields::text(backup.kind.as_ref()),
        datastore: fields::datastore(backup.datastore.as_ref()),
        begin_time: fields::time(backup.begin),
        end_time: fields::time(backup.end),
        size_bytes: fields::count(backup.size_bytes),
    }
}
