//! The data source `huaweidb_instances`: database instances, so that an instance id can be looked up.

use super::checks::check_sought;
use super::client::{self, context};
use super::explain::{self, About, Doing, explain};
use super::fields::{self, DatastoreObject, told};
use super::services;
use crate::backup::{Backups, Instance};
use crate::plugin::{Attr, Attribute, DataSource, Diagnostics, Life, Schema, model};

model! {
    /// What was asked and what was found.
    pub(super) struct FoundInstances {
        pub(super) service: Attr<String>,
        pub(super) name: Attr<String>,
        pub(super) region: Attr<String>,
        pub(super) unreadable: Attr<i64>,
        pub(super) instances: Attr<Vec<InstanceObject>>,
    }
}

model! {
    /// One instance of the list.
    pub(super) struct InstanceObject {
        pub(super) id: Attr<String>,
        pub(super) name: Attr<String>,
        pub(super) status: Attr<String>,
        pub(super) mode: Attr<String>,
        pub(super) datastore: Attr<DatastoreObject>,
    }
}

/// `huaweidb_instances`
pub(super) struct InstancesDataSource;

impl DataSource<Backups> for InstancesDataSource {
    type Model = FoundInstances;

    fn schema(&self) -> Schema {
        Schema::new("Database instances of one service, sorted by name; an empty list when none fits.")
            .attribute(fields::service("Database service to ask."))
            .attribute(
                Attribute::string("name")
                    .optional()
                    .check(check_sought)
                    .describe("Only instances with exactly this name. Default: all."),
            )
            .attribute(fields::region())
            .attribute(fields::unreadable("instances"))
            .attribute(
                Attribute::computed_list_of(
                    "instances",
                    vec![
                        told("id", "Instance id, as `instance_id` wants it."),
                        told("name", "Name of the instance."),
                        told("status", "Status, in the service's own word."),
                        told("mode", "`ReplicaSet`, `Ha`, …, where the service tells it."),
                        fields::datastore_attribute(),
                    ],
                )
                .describe("The instances."),
            )
    }

    async fn read(
        &self,
        client: &Backups,
        mut config: FoundInstances,
        life: &mut Life<FoundInstances>,
    ) -> Result<FoundInstances, Diagnostics> {
        let service = services::required(&config.service)?;
        let client = client::asked(client, &mut config.region);
        let name = config.name.known().map(String::as_str);
        let about = About { service: service.facts().product.key, id: None, name, region: "" };
        let (mut found, unread) = client
            .of(&context(life), service)
            .instances_readable(name)
            .await
            .map_err(|error| explain(Doing::Search, about, &error))?;
        life.warn(explain::unread(service.facts().title, &unread, true));
        config.unreadable = fields::count(u64::try_from(unread.len()).ok());
        found.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        config.instances = Attr::Known(found.iter().map(object).collect());
        Ok(config)
    }
}

fn object(instance: &Instance) -> InstanceObject {
    InstanceObject {
        id: Attr::Known(instance.id.clone()),
        name: fields::text(Some(&instance.name)),
        status: fields::text(Some(&instance.status)),
        mode: fields::text(instance.mode.as_ref()),
        datastore: fields::datastore(instance.datastore.as_ref()),
    }
}
