//! The arguments and attributes of the resource, and what a configuration must satisfy.

use std::time::Duration;

use super::model::{ALLOW, FinalBackup, REFUSE};
use crate::backup::{self, ALL, naming};
use crate::plugin::{Attribute, Diagnostics, Identity, Schema, Timeouts};
use crate::provider::{checks, fields, services};

/// The schema.
pub(super) fn schema() -> Schema {
    let takes_backups = ALL.iter().map(|service| service.facts()).filter(|facts| facts.no_create.is_none());
    let takes_backups: Vec<_> = takes_backups.map(|facts| (facts.key(), facts.title)).collect();
    let described = takes_backups.iter().map(|(key, title)| format!("`{key}` ({title})")).collect::<Vec<_>>();
    Schema::new(
        "The final backup of one database instance: its destroy takes a last manual backup of the instance, waits until that is \
         `COMPLETED`, and only then succeeds. Because it depends on the instance, Terraform destroys it first, so that the \
         instance is never gone without that backup. To create it changes nothing in the cloud.",
    )
    .attribute(
        Attribute::string("service")
            .required()
            .replaces()
            .one_of(takes_backups.iter().map(|(key, _)| *key))
            .describe(format!("Database service of the instance. One of {}. Changing it replaces the resource.", described.join(", "))),
    )
    .attribute(Attribute::string("instance_id").required().replaces().check(fields::check_id).describe(
        "Id of the instance. Refer to the resource that manages the instance, whichever provider it is of, so that this one is \
         destroyed before it. Changing it replaces the resource: a final backup of the old instance is taken.",
    ))
    .attribute(Attribute::string("name_prefix").optional().default("final-").check(naming::check_prefix).describe(format!(
        "Beginning of the backup's name; random digits are added. A letter first, then letters, digits, `-` and `_`; 1 to {} \
         characters; an empty one is as good as none. Default: `final-`. Changed in place.",
        naming::PREFIX_MAX
    )))
    .attribute(Attribute::string("description").optional().check(naming::check_description).describe(
        "Description of the backup: at most 256 characters, none of `> ! < \" & ' =` and no line breaks. Default: none. \
         Changed in place.",
    ))
    .attribute(Attribute::bool("skip").optional().default(false).describe(
        "Whether the destroy takes no backup, and only says so. What counts is what was applied before the destroy. Default: \
         `false`. Changed in place.",
    ))
    .attribute(Attribute::string("on_missing_instance").optional().default(ALLOW).one_of([ALLOW, REFUSE]).describe(
        "What a destroy does if the instance is gone already: `allow` succeeds with a warning, `refuse` is an error. An instance is \
         taken for gone only if the service's own list of the project in which it was last seen lacks it and the service \
         refuses to take a backup of it. Default: `allow`. Changed in place.",
    ))
    .attribute(Attribute::string("region").optional_computed().keeps().replaces().check(checks::check_region).describe(
        "Region of the instance. Default: the provider's region as it is in the first apply; with an empty text, as it is in each run. Changing \
         it replaces the resource.",
    ))
    .attribute(Attribute::string("id").computed().keeps().describe("`<service>/<instance_id>`."))
    .attribute(Attribute::string("last_backup_id").computed().keeps().describe(
        "Id of the backup that a destroy began without coming to its end. The next destroy goes on with it.",
    ))
    .identified_by(
        Identity::new()
            .required("service", "Database service of the instance.")
            .optional("region", "Region of the instance. Default: the provider's region.")
            .required("instance_id", "Id of the instance."),
    )
    .timeouts(Timeouts {
        create: Duration::from_mins(5),
        update: Duration::from_mins(5),
        delete: Duration::from_hours(2),
        read: Duration::from_mins(5),
    })
}

/// Checks that span several arguments.
pub(super) fn validate(config: &FinalBackup) -> Diagnostics {
    let service = config.service.as_str().and_then(backup::named);
    service.and_then(|service| services::foreign_suffix(service, "instance_id", &config.instance_id)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_services_instance_is_told_where_it_is_written() {
        let config = FinalBackup {
            service: "rds".into(),
            instance_id: "a89dab5e39394eccbdb77b19d57b0180in02".into(),
            ..FinalBackup::default()
        };
        let said = validate(&config).into_iter().map(|one| one.path).collect::<Vec<_>>();
        assert_eq!(said, [Some("instance_id".into())]);
    }
}
