//! What the resource does: create, read, update, delete, import.

use super::model::{FinalBackup, about, id_of, is_skipped, lets_go};
use super::taking::{self, NetOutcome};
use super::{memory, messages, plan, schema};
use crate::backup::{self, Backups, Instance, Service};
use crate::plugin::{Attr, Diagnostic, Diagnostics, Life, Planning, Private, Resource, Schema};
use crate::provider::client::{self, context};
use crate::provider::explain::{Doing, explain};
use crate::provider::fields;
use crate::provider::services;

/// `huaweidb_final_backup`
#[derive(Debug)]
pub(in crate::provider) struct FinalBackupResource;

impl Resource<Backups> for FinalBackupResource {
    type Model = FinalBackup;

    fn schema(&self) -> Schema {
        schema::schema()
    }

    fn validate(&self, config: &FinalBackup) -> Diagnostics {
        schema::validate(config)
    }

    async fn plan(&self, client: Option<&Backups>, planning: &mut Planning<FinalBackup>) {
        if let (None, Some(client)) = (&planning.prior, client) {
            plan::create(client, planning).await;
        }
    }

    async fn plan_delete(&self, client: Option<&Backups>, prior: &FinalBackup, private: &Private) -> Diagnostics {
        plan::destroy(client, prior, private, false).await
    }

    async fn plan_replace(
        &self,
        client: Option<&Backups>,
        (prior, private): (&FinalBackup, &Private),
        _: &FinalBackup,
        _: Option<&mut Private>,
    ) -> Diagnostics {
        plan::destroy(client, prior, private, true).await
    }

    async fn create(
        &self,
        client: &Backups,
        mut planned: FinalBackup,
        life: &mut Life<FinalBackup>,
    ) -> Result<FinalBackup, Diagnostics> {
        client.claims().apply();
        let service = services::required(&planned.service)?;
        let client = client::at_home(client, &mut planned.region);
        let context = context(life);
        let instance_id = planned.instance_id.text();
        let searched = |error: &backup::Error| explain(Doing::Search, about(&planned, None), error);
        let project_id = client.project_id(&context).await.map_err(|error| searched(&error))?;
        let found = client.of(&context, service).instance(instance_id, Some(&project_id)).await;
        let found = found.map_err(|error| searched(&error))?.ok_or_else(|| messages::not_found(&planned, &[]))?;
        if found.is_replica() {
            return Err(messages::replica(&planned).into());
        }
        memory::made(&mut life.private, &project_id);
        planned.id = Attr::Known(id_of(planned.service.text(), instance_id));
        planned.last_backup_id = Attr::Null;
        Ok(planned)
    }

    /// The net is nothing in the cloud. Only an import looks whether there is something to protect.
    async fn read(
        &self,
        client: &Backups,
        mut state: FinalBackup,
        life: &mut Life<FinalBackup>,
    ) -> Result<Option<FinalBackup>, Diagnostics> {
        if memory::project_id(&life.private).is_some() {
            return Ok(Some(state));
        }
        let service = services::required(&state.service)?;
        let client = client::at_home(client, &mut state.region);
        let found = instance(&client, service, &state, life, Doing::Search).await?;
        if found.as_ref().is_some_and(Instance::is_replica) {
            return Err(messages::replica(&state).into());
        }
        let project_id = client.project_id(&context(life)).await;
        let project_id = project_id.map_err(|error| explain(Doing::Search, about(&state, None), &error))?;
        memory::made(&mut life.private, &project_id);
        Ok(found.map(|_| state))
    }

    async fn update(
        &self,
        _: &Backups,
        prior: FinalBackup,
        planned: FinalBackup,
        _: &mut Life<FinalBackup>,
    ) -> Result<FinalBackup, Diagnostics> {
        Ok(FinalBackup { id: prior.id, region: prior.region, last_backup_id: prior.last_backup_id, ..planned })
    }

    async fn delete(
        &self,
        client: &Backups,
        mut state: FinalBackup,
        life: &mut Life<FinalBackup>,
    ) -> Result<(), Diagnostics> {
        client.claims().apply();
        if is_skipped(&state) {
            life.warn(messages::skipped(&state));
            return Ok(());
        }
        let service = services::required(&state.service)?;
        let client = client::at_home(client, &mut state.region);
        let unlisted = instance(&client, service, &state, life, Doing::Final).await?.is_none();
        match taking::taken(&client, service, state.clone(), unlisted, life).await? {
            NetOutcome::Taken => Ok(()),
            NetOutcome::NoInstance if lets_go(&state) => {
                life.warn(messages::nothing_left(&state));
                Ok(())
            }
            NetOutcome::NoInstance => Err(messages::missing(&state).into()),
        }
    }

    fn import(&self, id: &str) -> Result<FinalBackup, Diagnostics> {
        let (path, region) = services::without_region(id).map_err(|why| malformed(id, &why))?;
        let parts = path.split('/').collect::<Vec<_>>();
        let [key, instance_id] = parts.as_slice() else {
            return Err(malformed(id, "it has the wrong number of parts"));
        };
        let Some(service) = backup::named(key).filter(|service| service.facts().no_create.is_none()) else {
            return Err(malformed(id, &format!("there is no service {key:?} that takes manual backups")));
        };
        fields::check_id(instance_id).map_err(|why| malformed(id, &format!("as an instance's id, {why}")))?;
        Ok(FinalBackup {
            id: Attr::Known(id_of(service.facts().key(), instance_id)),
            service: Attr::from(service.facts().key()),
            instance_id: Attr::from(*instance_id),
            region: region.into(),
            ..FinalBackup::default()
        })
    }

    fn import_identity(&self, identity: FinalBackup) -> Result<FinalBackup, Diagnostics> {
        let id = id_of(identity.service.text(), identity.instance_id.text());
        let region = identity.region.text();
        self.import(&if region.is_empty() { id } else { format!("{id}@{region}") })
    }

    fn imported(&self, client: &Backups, mut stub: FinalBackup) -> FinalBackup {
        client::at_home(client, &mut stub.region);
        stub
    }
}

fn malformed(id: &str, why: &str) -> Diagnostics {
    let detail = format!(
        "{id:?} cannot be imported: {why}.\n\nThe form is `<service>/<instance_id>`; for another region than the provider's, add `@` \
         and its name.\n\n\
         Example: `dds/a89dab5e39394eccbdb77b19d57b0180in02`."
    );
    Diagnostic::error("Invalid import id", detail).into()
}

/// The net's instance; `None` on proof that it is gone.
async fn instance(
    client: &Backups,
    service: &'static dyn Service,
    net: &FinalBackup,
    life: &Life<FinalBackup>,
    doing: Doing,
) -> Result<Option<Instance>, Diagnostics> {
    let project_id = memory::project_id(&life.private);
    match client.of(&context(life), service).instance(net.instance_id.text(), project_id).await {
        Err(backup::Error::Doubtful { .. }) if doing == Doing::Search => {
            let named = services::named(client, service, &net.instance_id).await;
            Err(messages::not_imported(net, &named).into())
        }
        Err(backup::Error::Doubtful { doubt, .. }) => Err(messages::unseen(net, &doubt).into()),
        found => found.map_err(|error| explain(doing, about(net, None), &error).into()),
    }
}
