//! The data source `huaweidb_backup`: one backup, by id or the newest that fits.

use super::checks::{check_sought, conflicting};
use super::client::{self, context};
use super::explain::{self, About, Doing, explain};
use super::fields::{self, DataNodeObject, DatabaseObject, DatastoreObject};
use super::services;
use crate::backup::{self, Backup, BackupRef, Backups, Filter, Status};
use crate::plugin::{Attr, Attribute, DataSource, Diagnostic, Diagnostics, Life, Schema, Severity, model};

model! {
    /// What was asked and what was found.
    pub(super) struct FoundBackup {
        pub(super) service: Attr<String>,
        pub(super) backup_id: Attr<String>,
        pub(super) instance_id: Attr<String>,
        pub(super) name: Attr<String>,
        pub(super) r#type: Attr<String>,
        pub(super) status: Attr<String>,
        pub(super) most_recent: Attr<bool>,
        pub(super) region: Attr<String>,
        pub(super) id: Attr<String>,
        pub(super) description: Attr<String>,
        pub(super) instance_name: Attr<String>,
        pub(super) datastore: Attr<DatastoreObject>,
        pub(super) begin_time: Attr<String>,
        pub(super) end_time: Attr<String>,
        pub(super) size_bytes: Attr<i64>,
        pub(super) related_data_nodes: Attr<Vec<DataNodeObject>>,
        pub(super) databases: Attr<Vec<DatabaseObject>>,
        pub(super) restore_size_gib: Attr<i64>,
        pub(super) take_up_minutes: Attr<i64>,
        pub(super) backup_method: Attr<String>,
    }
}

/// `huaweidb_backup`
pub(super) struct BackupDataSource;

impl DataSource<Backups> for BackupDataSource {
    type Model = FoundBackup;

    fn schema(&self) -> Schema {
        Schema::new(
            "One backup of any type, manual or automatic: by `backup_id`, or by filters. When several fit, `most_recent` \
             takes the newest. Finding none is an error that says what was searched.",
        )
        .attribute(fields::service("Database service to ask."))
        .attribute(Attribute::string("backup_id").optional().check(check_sought).describe(
            "Id of the backup. Then only `instance_id` may be given beside it, and `rds` needs it. Default: the filters are \
             searched.",
        ))
        .attribute(
            Attribute::string("instance_id").optional_computed().check(check_sought).describe("Only backups of this instance. Default: of all; `rds` searches one instance at a time and needs it."),
        )
        .attribute(Attribute::string("name").optional_computed().check(check_sought).describe("Only backups with exactly this name. Default: any."))
        .attribute(fields::type_filter().optional_computed())
        .attribute(
            fields::status_filter("Default when searching: `COMPLETED`.").optional_computed(),
        )
        .attribute(Attribute::bool("most_recent").optional().describe(
            "Take the newest when several fit. Default: `false`, and several are an error.",
        ))
        .attribute(fields::region())
        .attribute(fields::told("id", "The bare backup id, as restore arguments want it."))
        .attribute(fields::told("description", "Description of the backup, where the service tells it."))
        .attributes(fields::described())
        .attribute(
            Attribute::computed_list_of("related_data_nodes", fields::data_node_attributes())
                .describe("RDS instances behind a DDM instance; empty for other services."),
        )
        .attribute(Attribute::computed_list_of("databases", fields::database_attributes()).describe(
            "Databases in the backup, where it holds single ones and the service (`rds`, `geminidb`) tells them; otherwise \
             empty.",
        ))
        .attribute(Attribute::integer("restore_size_gib").computed().describe(
            "Volume in GiB that an instance restored from the backup needs at least, where the service (`rds`) tells it.",
        ))
        .attribute(Attribute::integer("take_up_minutes").computed().describe(
            "How many minutes the backup took, where the service (`taurusdb`) tells it. Absent while it runs.",
        ))
        .attribute(fields::told("backup_method", "How the backup was taken, such as `Physical`, in the word of the service (`dds`) that tells it."))
    }

    fn validate(&self, config: &FoundBackup) -> Diagnostics {
        let mut found = Diagnostics::new();
        let filters = [
            ("name", config.name.known().is_some()),
            ("type", config.r#type.known().is_some()),
            ("status", config.status.known().is_some()),
            ("most_recent", config.most_recent.known().is_some()),
        ];
        if config.backup_id.known().is_some() {
            for (filter, _) in filters.into_iter().filter(|(_, given)| *given) {
                let detail = format!(
                    "`backup_id` names one backup, so `{filter}` cannot be given beside it. Remove one of them."
                );
                found.push(conflicting(filter, detail));
            }
        }
        let Some(service) = config.service.known().and_then(|key| backup::named(key)) else {
            return found;
        };
        if config.instance_id.is_null() {
            let possible = match &config.backup_id {
                Attr::Known(id) => service.find(&BackupRef::new(&**id, None)).map(drop),
                Attr::Null => service.list(&Filter::default(), 0, 1).map(drop),
                Attr::Unknown => Ok(()),
            };
            if let Err(why) = possible {
                found.push(services::lacks_instance(&why));
            }
        }
        found.extend(services::foreign_suffix(service, "instance_id", &config.instance_id));
        found
    }

    async fn read(
        &self,
        client: &Backups,
        mut config: FoundBackup,
        life: &mut Life<FoundBackup>,
    ) -> Result<FoundBackup, Diagnostics> {
        let service = services::required(&config.service)?;
        let client = client::asked(client, &mut config.region);
        let context = context(life);
        let about = About {
            service: service.facts().product.key,
            id: config.backup_id.known().map(String::as_str),
            name: config.name.known().map(String::as_str),
            region: client.region(),
        };
        if let Some(id) = config.backup_id.known() {
            let reference = BackupRef::new(&**id, config.instance_id.known().cloned());
            let found = client.of(&context, service).find(&reference).await;
            return match found.map_err(|error| explain(Doing::Read, about, &error))? {
                Some(backup) => Ok(filled(config, &backup)),
                None => Err(Diagnostic::error(
                    "No backup found",
                    format!(
                        "{} in {} knows no backup with the id {id}{}. Check the id, `service` and `region`.",
                        service.facts().title,
                        client.region(),
                        config
                            .instance_id
                            .known()
                            .map_or(String::new(), |instance| format!(" of the instance {instance}")),
                    ),
                )
                .at("backup_id")
                .into()),
            };
        }
        let filter = filter(&config);
        let (mut found, unread) = client
            .of(&context, service)
            .list_readable(&filter)
            .await
            .map_err(|error| explain(Doing::Search, about, &error))?;
        life.warn(explain::unread(service.facts().title, &unread, true));
        if found.len() > 1 && config.most_recent != Attr::Known(true) {
            return Err(several(&found).into());
        }
        if found.is_empty() {
            return Err(none(service.facts().title, client.region(), &filter).into());
        }
        if let Some(doubt) = uncertain(&found) {
            match found[0].begin {
                Some(_) => life.warn(doubt),
                None => return Err(Diagnostic { severity: Severity::Error, ..doubt }.into()),
            }
        }
        let mut newest = found.swap_remove(0);
        if service.details(&newest).is_some() {
            let found = client.of(&context, service).find(&BackupRef::from(&newest)).await;
            newest = found.map_err(|error| explain(Doing::Read, about, &error))?.unwrap_or(newest);
        }
        Ok(filled(config, &newest))
    }
}

fn filter(config: &FoundBackup) -> Filter {
    Filter {
        instance_id: config.instance_id.known().cloned(),
        name: config.name.known().cloned(),
        kind: config.r#type.known().cloned(),
        status: Some(config.status.known().map_or(Status::Completed, |word| Status::named(word))),
        ..Filter::default()
    }
}

/// What was found; what is configured comes back unchanged.
fn filled(mut config: FoundBackup, backup: &Backup) -> FoundBackup {
    config.instance_id = config.instance_id.or(fields::text(Some(&backup.instance_id)));
    config.name = config.name.or(fields::text(Some(&backup.name)));
    config.r#type = config.r#type.or(fields::text(backup.kind.as_ref()));
    config.status = config.status.or(Attr::Known(backup.status.to_string()));
    config.id = Attr::Known(backup.id.clone());
    config.description = fields::text(backup.description.as_ref());
    config.instance_name = fields::text(backup.instance_name.as_ref());
    config.datastore = fields::datastore(backup.datastore.as_ref());
    config.begin_time = fields::time(backup.begin);
    config.end_time = fields::time(backup.end);
    config.size_bytes = fields::count(backup.size_bytes);
    config.related_data_nodes = Attr::Known(fields::data_nodes(&backup.data_nodes));
    config.databases = Attr::Known(fields::databases(&backup.more.databases));
    config.restore_size_gib = fields::count(backup.more.restore_size_gib);
    config.take_up_minutes = fields::count(backup.more.minutes);
    config.backup_method = fields::text(backup.more.method.as_ref());
    config
}

fn none(title: &str, region: &str, filter: &Filter) -> Diagnostic {
    Diagnostic::error(
        "No backup found",
        format!(
            "{title} in {region} has no backup with {}. Loosen the filters, or take a backup first.",
            searched(filter)
        ),
    )
}

/// Of several, in order, those that have no begin may be newer than the others.
fn uncertain(found: &[Backup]) -> Option<Diagnostic> {
    let timeless: Vec<_> = found.iter().filter(|backup| backup.begin.is_none()).map(|backup| &*backup.id).collect();
    if timeless.is_empty() || found.len() == 1 {
        return None;
    }
    let detail = format!(
        "The cloud does not say, in a way that can be read, when {} of the {} backups that fit {}: {}. A newer one than any other may \
         be among them. Narrow the filters, or name one by `backup_id`.",
        timeless.len(),
        found.len(),
        if timeless.len() == 1 { "was begun" } else { "were begun" },
        timeless[..timeless.len().min(5)].join(", "),
    );
    Some(Diagnostic::warning("Newest backup is not known", detail).at("most_recent"))
}

/// The filters in words, for a message.
fn searched(filter: &Filter) -> String {
    let mut words = Vec::new();
    let mut add = |what: &str, value: Option<String>| words.extend(value.map(|value| format!("{what} {value:?}")));
    add("instance_id", filter.instance_id.clone());
    add("name", filter.name.clone());
    add("name_prefix", filter.name_prefix.clone());
    add("type", filter.kind.clone());
    add("status", filter.status.as_ref().map(ToString::to_string));
    if words.is_empty() { "any name".to_owned() } else { words.join(", ") }
}

fn several(found: &[Backup]) -> Diagnostic {
    let shown = found.iter().take(5).map(|backup| {
        let begun = fields::time(backup.begin).into_known().unwrap_or_default();
        format!("{} ({:?}, {begun})", backup.id, backup.name)
    });
    let more = found.len().saturating_sub(5);
    Diagnostic::error(
        "Several backups fit",
        format!(
            "{} backups fit: {}{}. Set `most_recent = true` to take the newest, or narrow the filters.",
            found.len(),
            shown.collect::<Vec<_>>().join(", "),
            if more > 0 { format!(", and {more} more") } else { String::new() },
        ),
    )
    .at("most_recent")
}
