//! What the resource does: create, read, update, delete, import, move.

use super::lookalike::Unplanned;
use super::messages::{
    another_instances, automatic, completed_since, gone, left, may_be_leaving, never_listed, not_there, retained,
};
use super::model::{ManualBackup, about, changed_in_place, filled, is_retained, reference, untouched, wanted};
use super::removal::{self, Leaving};
use super::{certainty, creation, databases, memory, movers, plan, preflight, rotation, schema};
use crate::backup::{self, BackupRef, Backups, Certainty, Doubt, NameOrigin, Service, Started, Status, retention};
use crate::plugin::{Attr, Diagnostic, Diagnostics, Life, Planning, Private, Resource, Schema, Source};
use crate::provider::client::{self, context};
use crate::provider::explain::{Doing, explain};
use crate::provider::fields;
use crate::provider::runs::Runs;
use crate::provider::services;
use crate::provider::unanswered::unanswered;

/// `huaweidb_manual_backup`
#[derive(Debug, Default)]
pub(in crate::provider) struct ManualBackupResource {
    leaving: Runs<Leaving>,
    unplanned: Runs<Unplanned>,
}

impl Resource<Backups> for ManualBackupResource {
    type Model = ManualBackup;

    fn schema(&self) -> Schema {
        schema::schema()
    }

    fn validate(&self, config: &ManualBackup) -> Diagnostics {
        schema::validate(config)
    }

    async fn plan(&self, client: Option<&Backups>, planning: &mut Planning<ManualBackup>) {
        plan::plan(client, planning).await;
        let Some(client) = client.filter(|client| !client.claims().applies()) else { return };
        match &planning.prior {
            Some(prior) => self.unplanned.of(client).planned(prior.id.text()),
            // Of what is replaced, the first half of the plan has said all.
            None if memory::id(&planning.private).is_none() && !planning.diagnostics.has_errors() => {
                let replaced = self.unplanned.of(client).replaced(client, &planning.planned).await;
                planning.diagnostics.extend(replaced);
            }
            None => {}
        }
    }

    fn known(&self, client: &Backups, state: &ManualBackup) {
        client.claims().refresh();
        if let Some(id) = state.id.as_str() {
            client.claims().manage(id);
            self.unplanned.of(client).read(state, false);
        }
    }

    fn protects(&self, prior: &ManualBackup) -> Option<Diagnostic> {
        removal::refused(prior)
    }

    async fn plan_delete(&self, client: Option<&Backups>, prior: &ManualBackup, _: &Private) -> Diagnostics {
        match client {
            Some(client) => {
                self.unplanned.of(client).planned(prior.id.text());
                self.leaving.of(client).planned(client, prior).await
            }
            None => removal::planned(prior, false).into(),
        }
    }

    async fn plan_replace(
        &self,
        client: Option<&Backups>,
        (prior, private): (&ManualBackup, &Private),
        planned: &ManualBackup,
        notes: Option<&mut Private>,
    ) -> Diagnostics {
        let mut said = self.plan_delete(client, prior, private).await;
        said.extend(preflight::keeps_its_name(prior, planned));
        if let Some(client) = client {
            let client = client::regional(client, &planned.region);
            said.extend(rotation::announced(&client, planned, prior.id.as_str(), notes).await);
        }
        said
    }

    async fn create(
        &self,
        client: &Backups,
        mut planned: ManualBackup,
        life: &mut Life<ManualBackup>,
    ) -> Result<ManualBackup, Diagnostics> {
        client.claims().apply();
        let unsendable = schema::unsendable(&planned);
        if unsendable.has_errors() {
            return Err(unsendable);
        }
        let service = services::required(&planned.service)?;
        let client = client::at_home(client, &mut planned.region);
        let name_origin = creation::named(&mut planned);
        let want = wanted(&planned, name_origin);
        let started = creation::begun(&client, service, (&planned, &want), life).await?;
        if started.certainty == Certainty::Compared {
            life.warn(certainty::compared(&planned, &started.backup_id));
        }
        planned.id = Attr::Known(started.backup_id.clone());
        planned.job_id = started.job_id.clone().into();
        planned.begin_time = fields::time(started.begin);
        planned.status = Attr::Known(Status::Building.to_string());
        planned.r#type = Attr::Known("manual".to_owned());
        // It exists now: Terraform must track it whatever happens next.
        life.checkpoint(planned.clone());
        let project_id = client.project_id(&context(life)).await.unwrap_or_default();
        memory::begun(&mut life.private, &started.backup_id, &project_id);
        if client.of(&context(life), service).is_known_by_name(&started, name_origin) {
            memory::known_by_name(&mut life.private);
        }
        if planned.wait_for_completion == Attr::Known(false) {
            let shown = creation::looked_at(&client, service, (&planned, &want), &started, life).await?;
            if let Some(shown) = shown {
                planned.id = Attr::Known(shown.id.clone());
                memory::begun(&mut life.private, &shown.id, &project_id);
                memory::listed(&mut life.private);
                life.checkpoint(planned.clone());
            }
            memory::finished(&mut life.private);
            creation::tell_twins(&client, service, &want, &started, life).await;
            return Ok(planned);
        }
        creation::completed(&client, service, (planned, &want), &started, life).await
    }

    async fn read(
        &self,
        client: &Backups,
        mut state: ManualBackup,
        life: &mut Life<ManualBackup>,
    ) -> Result<Option<ManualBackup>, Diagnostics> {
        let service = services::required(&state.service)?;
        let client = client::at_home(client, &mut state.region);
        if let Some(id) = state.id.as_str() {
            client.claims().manage(id);
            // Its plan comes when this has ended, however long that takes.
            self.unplanned.of(&client).planned(id);
        }
        let context = context(life);
        let leaving_since = memory::leaving_since(&life.private);
        let reference = reference(&state, &life.private);
        let operation = client.of(&context, service);
        let found = match leaving_since {
            Some(since) => operation.find_leaving(&reference, since).await,
            None => operation.find(&reference).await.map(|found| (found, false)),
        };
        let found = match found {
            // The id that the answer to its create gave does not show it, but its name does.
            Err(backup::Error::Doubtful { doubt: Doubt::UnderAnotherId(shown), .. })
                if reference.is_known_by_name() =>
            {
                life.warn(certainty::under_another_id(&reference.id, &shown));
                state.id = Attr::Known(shown.id.clone());
                operation.find(&reference.shown_as(&shown)).await.map(|found| (found, false))
            }
            Err(error @ backup::Error::Foreign { .. }) if reference.is_unproven() && !life.private.is_adopted() => {
                let want = wanted(&state, NameOrigin::Fixed);
                let answered = Started::from(reference.clone());
                for warning in unanswered(&client, service, &context, &want, &answered).await {
                    life.warn(warning);
                }
                Err(error)
            }
            found => found,
        };
        // No state knows it yet.
        let imports = life.private.is_adopted() && !state.status.is_set();
        let doing = if imports { Doing::Import } else { Doing::Read };
        let found = match found {
            // It was begun, and nothing says that it has ended: it stays as it is until it is seen.
            Err(backup::Error::Doubtful { doubt, .. }) if doubt.passes() => {
                return Ok(Some(state));
            }
            Err(backup::Error::Foreign { found, .. }) if life.private.is_adopted() => {
                return Err(another_instances(&state, &found).into());
            }
            Err(backup::Error::Doubtful { doubt, .. }) if imports => {
                return Err(not_imported(&client, service, life, &state, Some(&doubt)).await.into());
            }
            found => found.map_err(|error| explain(doing, about(&state), &error))?,
        };
        let (Some(backup), may_leave) = found else {
            // What was moved here leaves the state like any other; of an import the CLI would say something else.
            if imports && !state.name.is_set() {
                return Err(not_imported(&client, service, life, &state, None).await.into());
            }
            let was_listed = memory::is_listed(&life.private) || memory::begun_at(&life.private).is_none();
            life.warn(match leaving_since {
                Some(_) => left(&state),
                None if was_listed => gone(&state),
                None => never_listed(&state),
            });
            return Ok(None);
        };
        if backup.status == Status::Completed {
            // Nobody is to build upon what may be gone in a moment.
            if let Some(since) = leaving_since.filter(|_| may_leave) {
                return Err(may_be_leaving(&state, since).into());
            }
            memory::stays(&mut life.private);
        }
        if life.private.is_adopted() {
            if let Some(refusal) = automatic(&state, &backup) {
                return Err(refusal.into());
            }
            // What was chosen of the instance is read once: afterwards it is what was asked for.
            if state.databases.known().is_none_or(Vec::is_empty) {
                state.databases = Attr::Known(databases::of(&backup));
            }
        }
        if let Ok(project_id) = client.project_id(&context).await {
            memory::seen(&mut life.private, &backup.id, &project_id);
        }
        let state = filled(state, &backup);
        self.unplanned.of(&client).read(&state, memory::is_unfinished(&life.private));
        if backup.status == Status::Completed && memory::is_told_first(&mut life.private) {
            life.warn(completed_since(&state));
        }
        Ok(Some(state))
    }

    async fn update(
        &self,
        client: &Backups,
        prior: ManualBackup,
        planned: ManualBackup,
        life: &mut Life<ManualBackup>,
    ) -> Result<ManualBackup, Diagnostics> {
        let waits = planned.status.is_unknown();
        life.private.forget_adoption();
        memory::finished(&mut life.private);
        let mut state = changed_in_place(prior, planned);
        if !waits {
            return Ok(state);
        }
        let service = services::required(&state.service)?;
        let client = client::at_home(client, &mut state.region);
        life.checkpoint(state.clone());
        let reference = reference(&state, &life.private);
        let name_origin = if reference.is_known_by_name() { NameOrigin::Random } else { NameOrigin::Fixed };
        let started = Started { job_id: state.job_id.known().cloned(), ..Started::from(reference) };
        let awaited = client.of(&context(life), service).completed_by_name((&started, name_origin), &()).await;
        let awaited = match awaited {
            // A plan without a refresh has promised the id that the answer to its create gave.
            Ok(shown) if shown.id != started.backup_id => {
                Err(backup::Error::Doubtful { id: started.backup_id, doubt: Doubt::UnderAnotherId(Box::new(shown)) })
            }
            awaited => awaited,
        };
        creation::kept(&client, state, awaited, life).await
    }

    async fn delete(
        &self,
        client: &Backups,
        mut state: ManualBackup,
        life: &mut Life<ManualBackup>,
    ) -> Result<(), Diagnostics> {
        client.claims().apply();
        if let Some(refusal) = removal::refused(&state) {
            return Err(refusal.into());
        }
        if is_retained(&state) {
            client.claims().release(state.id.text());
            let reference = reference(&state, &life.private);
            let mut is_listed = !reference.is_unproven();
            if let (false, Ok(service)) = (is_listed, services::required(&state.service)) {
                let client = client::at_home(client, &mut state.region);
                // What nobody has seen cannot be imported: its name may show which id it has.
                if let Ok(Some(shown)) = client.of(&context(life), service).under_another_id(&reference).await {
                    (state.id, is_listed) = (Attr::Known(shown.id), true);
                }
            }
            life.warn(retained(&state, is_listed));
            return Ok(());
        }
        let service = services::required(&state.service)?;
        let client = client::at_home(client, &mut state.region);
        let mut reference = reference(&state, &life.private);
        // Hosts hand over a tainted object without what is stored beside it. That it is not on its way any more, only the refresh
        // knows; and the next one, if this ends with an error, knows no more than this.
        if memory::id(&life.private).is_none() {
            reference = reference.begun_lately();
            if let Some(begun) = &mut reference.begun {
                memory::begun(&mut life.private, &reference.id, reference.project_id.as_deref().unwrap_or_default());
                // A random name that no two can have is known by itself.
                let prefix = state.name_prefix.as_str();
                let is_random = prefix.is_some_and(|prefix| retention::rotates(state.name.text(), prefix));
                begun.known_by_name = is_random && service.facts().names_are_unique;
                if begun.known_by_name {
                    memory::known_by_name(&mut life.private);
                }
            }
        }
        let deleted = client.of(&context(life), service).delete(&reference).await;
        deleted.map_err(|error| {
            if let Some(sent_for) = error.sent_for() {
                memory::leaving(&mut life.private);
                // Nothing is sent for what was not seen.
                if state.id.as_str() == Some(sent_for) {
                    memory::listed(&mut life.private);
                }
            }
            explain(Doing::Delete, about(&state), &error).into()
        })
    }

    fn import(&self, id: &str) -> Result<ManualBackup, Diagnostics> {
        Ok(stub(services::import_id(id)?))
    }

    fn import_identity(&self, identity: ManualBackup) -> Result<ManualBackup, Diagnostics> {
        let parts = [&identity.service, &identity.region, &identity.instance_id, &identity.id];
        Ok(stub(services::identified(parts.map(Attr::text))?))
    }

    fn imported(&self, client: &Backups, mut stub: ManualBackup) -> ManualBackup {
        client::at_home(client, &mut stub.region);
        stub
    }

    fn move_from(&self, source: &Source<'_>) -> Result<ManualBackup, Diagnostics> {
        movers::moved(source)
    }

    fn configuration(&self, mut config: ManualBackup) -> ManualBackup {
        // Only one of them may be written.
        if config.name_prefix.is_set() {
            config.name = Attr::Null;
        }
        config
    }
}

/// What an import begins with.
fn stub((service, reference, region): (&'static dyn Service, BackupRef, Option<String>)) -> ManualBackup {
    ManualBackup {
        region: region.into(),
        id: Attr::Known(reference.id),
        service: Attr::from(service.facts().key()),
        instance_id: reference.instance_id.into(),
        ..untouched()
    }
}

/// Why what is to be imported is not to be seen, as far as more can be found out.
async fn not_imported(
    client: &Backups,
    service: &'static dyn Service,
    life: &Life<ManualBackup>,
    state: &ManualBackup,
    doubt: Option<&Doubt>,
) -> Diagnostic {
    match client.of(&context(life), service).of_any_instance(&reference(state, &life.private)).await {
        Ok(Some(found)) => another_instances(state, &found),
        _ => not_there(state, doubt, &services::named(client, service, &state.instance_id).await),
    }
}
