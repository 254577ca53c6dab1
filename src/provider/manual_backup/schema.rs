//! The arguments and attributes of the resource, and what a configuration must satisfy.

use std::time::Duration;

use super::databases;
use super::model::{DELETE, ManualBackup, RETAIN};
use crate::backup::{self, naming};
use crate::plugin::{Attr, Attribute, Diagnostic, Diagnostics, Identity, Schema, Timeouts, Type};
use crate::provider::{checks, fields, services};

/// The schema.
pub(super) fn schema() -> Schema {
    Schema::new(
        "A manual backup of one database instance, taken on create and deleted on destroy. A green apply means that \
         the backup is `COMPLETED`, unless `wait_for_completion` is off. A backup cannot be changed: every \
         argument but `wait_for_completion`, `on_destroy`, `keep_last`, `deletion_protection` and `timeouts` takes a new one, unless its new \
         value means the same.",
    )
    .attribute(
        Attribute::string("service")
            .required()
            .replaces()
            .one_of(services::keys())
            .describe(format!(
                "Database service of the instance. {}{} Changing it takes a new backup.",
                services::allowed(),
                services::query_only(),
            )),
    )
    .attribute(Attribute::string("instance_id").required().replaces().check(fields::check_id).describe(
        "Id of the instance to back up: at most 64 letters, digits and hyphens. Its last characters tell the service (`in02` is DDS); another ending is only \
         a warning. Changing it takes a new backup.",
    ))
    .attribute(Attribute::string("name").optional_computed().keeps().replaces().check(checks::check_given).describe(
        "Name of the backup: 4 to 64 characters, a letter first, then letters, digits, `-` and `_`; unique in the \
         project, except with `taurusdb`. A plan looks for it among the newest backups, one page of the project's, with `rds` of the \
         instance's own. With `create_before_destroy` use `name_prefix`: both exist at once. A backup that exists keeps whatever name it has. Default: made from `name_prefix`; give either of them. Changing it takes a new backup.",
    ))
    .attribute(Attribute::string("name_prefix").optional().check(naming::check_prefix).describe(format!(
        "Beginning of the name; the time and random digits are added, so that names never collide and sort by age. \
         With Terraform 1.16 and newer the plan chooses the name and shows it. 1 to {} characters by the same rule. Default: \
         none, and then `name` is needed. Changing it takes a new backup.",
        naming::PREFIX_MAX
    )))
    .attribute(
        Attribute::string("description").optional_computed().keeps().replaces().describe(
            "Description of the backup: at most 256 characters, none of `> ! < \" & ' =` and no line breaks. A backup that \
             exists keeps whatever it has, also when this is taken out. Default: none. Changing it to another text takes a new backup.",
        ),
    )
    .attribute(Attribute::map("triggers", Type::String).optional().replaces().describe(
        "Any values whose change takes a new backup, such as the version of a migration. They are not sent anywhere. \
         Default: none.",
    ))
    .attribute(Attribute::bool("backup_database_individually").optional().same_as_absent(false).replaces().describe(
        "Whether each database in the `databases` blocks is backed up on its own, so that it can be restored alone; only \
         `rds` with SQL Server or PostgreSQL. Default: `false`. Changing it takes a new backup.",
    ))
    .attribute(Attribute::bool("wait_for_completion").optional().default(true).describe(
        "Whether an apply waits until the backup is `COMPLETED`. Default: `true`. If an apply is interrupted while it \
         waits, the next one goes on waiting. Changed in place.",
    ))
    .attribute(Attribute::string("on_destroy").optional().default(DELETE).one_of([DELETE, RETAIN]).describe(
        "What a destroy does: `delete` stops the backup if it still runs, and deletes it; `retain` only forgets it and \
         warns. The stop of `rds` and `gaussdb` is one for the whole instance, so it is not sent while other backups are \
         seen to run there; that of `gaussdb` also ends differential backups, which no list shows. Default: `delete`. \
         Changed in place.",
    ))
    .attribute(Attribute::integer("keep_last").optional().between(1, 10_000).describe(
        "Rotation: how many of the newest completed manual backups of this instance and exactly this `name_prefix` to keep; once a new \
         one has completed, older ones are deleted. Failed ones, which hold nothing, do not count and are deleted too. Planned deletions are announced as warnings, and with \
         Terraform 1.16 and newer nothing else is deleted; one that fails is a warning too. 1 to 10000. Default: none is \
         deleted. Needs `name_prefix`, `on_destroy = \"retain\"` and waiting for completion. Changed in place; counts from the next backup on.",
    ))
    .attribute(Attribute::bool("deletion_protection").optional().default(false).describe(
        "Whether plans and applies that would delete the backup are refused. A failed backup is not protected, and \
         `on_destroy = \"retain\"` deletes nothing. Without it, `-replace`, `replace_triggered_by` and a saved plan that replaces, applied in another \
         region, delete a completed backup without a warning: the CLI shows none, or does not tell. It holds for this resource: with `-target` a \
         rotation does not hear of what is left out. Default: `false`. Changed in place.",
    ))
    .attribute(Attribute::string("region").optional_computed().keeps().replaces().check(checks::check_region).describe(
        "Region of the instance. Default: the provider's region as it is when the backup is taken; with an empty text, as it is in each run. \
         Changing it takes a new backup.",
    ))
    .attribute(Attribute::string("id").computed().keeps().describe(
        "The bare backup id, so that restore arguments of other providers accept it.",
    ))
    .attribute(Attribute::string("job_id").computed().keeps().describe(
        "Id of the cloud's job that took the backup, where the service tells it.",
    ))
    .attribute(Attribute::string("status").computed().keeps().describe(
        "`BUILDING`, `COMPLETED`, `FAILED` or `DELETING`, the same words for every service.",
    ))
    .attribute(Attribute::string("type").computed().keeps().describe("`manual`."))
    .attributes(fields::described().into_iter().map(Attribute::keeps))
    .block(databases::block())
    .identified_by(
        Identity::new()
            .required("service", "Database service of the instance.")
            .optional("region", "Region of the instance. Default: the provider's region.")
            .required("instance_id", "Id of the instance.")
            .required("id", "The bare backup id."),
    )
    .timeouts(Timeouts { create: Duration::from_hours(1), update: Duration::from_hours(1), delete: Duration::from_mins(30), read: Duration::from_mins(5) })
}

/// Checks that span several arguments.
pub(super) fn validate(config: &ManualBackup) -> Diagnostics {
    let mut found = Diagnostics::new();
    found.extend(checks::exactly_one_name(&config.name, &config.name_prefix));
    // What is not known yet may turn out to be nothing.
    if config.keep_last.known().is_some() {
        let at = |problem: &str| {
            checks::conflicting("keep_last", format!("`keep_last` deletes older backups of a prefix, so {problem}"))
        };
        if config.name_prefix.is_null() {
            found.push(at("it needs `name_prefix` instead of `name`."));
        }
        if !config.on_destroy.is_unknown() && config.on_destroy.as_str() != Some(RETAIN) {
            found.push(at("it needs `on_destroy = \"retain\"`: otherwise Terraform deletes the older one itself."));
        }
        if config.wait_for_completion == Attr::Known(false) {
            found.push(at("it needs to see the new one complete: remove `wait_for_completion = false`."));
        }
    }
    let Some(service) = config.service.known().and_then(|key| backup::named(key)) else {
        return found;
    };
    found.extend(services::without_manual_backups(service));
    found.extend(services::foreign_suffix(service, "instance_id", &config.instance_id));
    found.extend(databases::check(service.facts(), &config.databases, &config.backup_database_individually));
    found
}

/// What of a new backup the services would not take. One that exists may have been called otherwise, so this is no rule of
/// the configuration.
pub(super) fn unsendable(planned: &ManualBackup) -> Diagnostics {
    let name = planned.name.as_str().map(naming::check_name);
    let description = planned.description.as_str().map(naming::check_description);
    let mut found = Diagnostics::new();
    for (argument, checked) in [("name", name), ("description", description)] {
        found.extend(checked.and_then(Result::err).map(|why| {
            let detail = format!("`{argument}` is not accepted: {why}.");
            Diagnostic::error("Invalid argument value", detail).at(argument)
        }));
    }
    found
}
