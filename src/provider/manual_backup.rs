//! The resource `huaweidb_manual_backup`.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::explain::{About, Doing, explain};
use super::fields::{self, DatastoreObject};
use super::removal::{self, Leaving};
use super::{databases, movers, rotation, services};
use crate::backup::{self, Backup, BackupRef, Backups, NewBackup, Service, Started, Status, naming};
use crate::cloud;
use crate::plugin::{
    Attr, Attribute, Diagnostic, Diagnostics, Identity, Life, Path, Planning, Resource, Schema, Source, Timeouts, Type,
    model,
};

model! {
    /// One manual backup.
    pub(super) struct ManualBackup {
        pub(super) id: Attr<String>,
        pub(super) service: Attr<String>,
        pub(super) instance_id: Attr<String>,
        pub(super) name: Attr<String>,
        pub(super) name_prefix: Attr<String>,
        pub(super) description: Attr<String>,
        pub(super) triggers: Attr<BTreeMap<String, Attr<String>>>,
        pub(super) databases: Attr<Vec<databases::DatabaseBlock>>,
        pub(super) backup_database_individually: Attr<bool>,
        pub(super) wait_for_completion: Attr<bool>,
        pub(super) on_destroy: Attr<String>,
        pub(super) keep_last: Attr<i64>,
        pub(super) deletion_protection: Attr<bool>,
        pub(super) region: Attr<String>,
        pub(super) job_id: Attr<String>,
        pub(super) status: Attr<String>,
        pub(super) r#type: Attr<String>,
        pub(super) instance_name: Attr<String>,
        pub(super) datastore: Attr<DatastoreObject>,
        pub(super) begin_time: Attr<String>,
        pub(super) end_time: Attr<String>,
        pub(super) size_bytes: Attr<i64>,
    }
}

/// `huaweidb_manual_backup`
#[derive(Debug, Default)]
pub(super) struct ManualBackupResource {
    leaving: Leaving,
}

const RETAIN: &str = "retain";
pub(super) const DELETE: &str = "delete";

impl Resource<Backups> for ManualBackupResource {
    type Model = ManualBackup;

    fn schema(&self) -> Schema {
        Schema::new(
            "A manual backup of one database instance, taken on create and deleted on destroy. A green apply means that \
             the backup is `COMPLETED`, unless `wait_for_completion` is off. A backup cannot be changed: every \
             argument but `wait_for_completion`, `on_destroy`, `keep_last`, `deletion_protection` and `timeouts` takes a new one.",
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
        .attribute(Attribute::string("instance_id").required().replaces().check(check_id).describe(
            "Id of the instance to back up: at most 64 letters, digits and hyphens. Its last characters tell the service (`in02` is DDS); another ending is only \
             a warning. Changing it takes a new backup.",
        ))
        .attribute(Attribute::string("name").optional_computed().keeps().replaces().check(naming::check_name).describe(
            "Name of the backup: 4 to 64 characters, a letter first, then letters, digits, `-` and `_`; unique in the \
             project. Default: made from `name_prefix`; give either of them. Changing it takes a new backup.",
        ))
        .attribute(Attribute::string("name_prefix").optional().check(naming::check_prefix).describe(format!(
            "Beginning of the name; the time and random digits are added, so that names never collide and sort by age. \
             1 to {} characters by the same rule. Default: none, and then `name` is needed. Changing it takes a new backup.",
            naming::PREFIX_MAX
        )))
        .attribute(
            Attribute::string("description").optional_computed().keeps().replaces().check(naming::check_description).describe(
                "Description of the backup: at most 256 characters, none of `> ! < \" & ' =` and no line breaks. \
                 Default: none. Changing it takes a new backup.",
            ),
        )
        .attribute(Attribute::map("triggers", Type::String).optional().replaces().describe(
            "Any values whose change takes a new backup, such as the version of a migration. They are not sent anywhere. \
             Default: none.",
        ))
        .attribute(Attribute::bool("backup_database_individually").optional().replaces().describe(
            "Whether each database in the `databases` blocks is backed up for itself, so that it can be restored alone; only \
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
            "Rotation: once a new backup has completed, so many of the newest completed manual backups of this instance and \
             exactly this `name_prefix` stay, and older ones are deleted. Planned deletions are announced as warnings; one \
             that fails is a warning too. 1 to 10000. Default: none is deleted. Needs `name_prefix`, `on_destroy = \"retain\"` and waiting for completion. Changed \
             in place; counts from the next backup on.",
        ))
        .attribute(Attribute::bool("deletion_protection").optional().default(false).describe(
            "Whether plans and applies that would delete the backup are refused. A failed backup is not protected, and \
             `on_destroy = \"retain\"` deletes nothing. Default: `false`. Changed in place.",
        ))
        .attribute(Attribute::string("region").optional_computed().keeps().replaces().describe(
            "Region of the instance. Default: the provider's region. Changing it takes a new backup.",
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
        .attributes(fields::described())
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

    fn validate(&self, config: &ManualBackup) -> Diagnostics {
        let mut found = Diagnostics::new();
        let name = Path::attribute("name");
        match (&config.name, &config.name_prefix) {
            (Attr::Known(_), Attr::Known(_)) => found.push(
                Diagnostic::error(
                    "Conflicting arguments",
                    "Both `name` and `name_prefix` are set. Give exactly one of them.",
                )
                .at(name),
            ),
            (Attr::Null, Attr::Null) => found.push(
                Diagnostic::error(
                    "Missing argument",
                    "Neither `name` nor `name_prefix` is set. Give exactly one of them.",
                )
                .at(name),
            ),
            _ => {}
        }
        if config.keep_last.is_set() {
            let at = |problem: &str| {
                let detail = format!("`keep_last` deletes older backups of a prefix, so {problem}");
                Diagnostic::error("Conflicting arguments", detail).at(Path::attribute("keep_last"))
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
        let facts = service.facts();
        if let Some(why) = facts.no_create {
            found.push(
                Diagnostic::error(
                    "This service takes no manual backups",
                    format!("{why}. Choose another `service`, or look its backups up with the data sources."),
                )
                .at(Path::attribute("service")),
            );
        }
        if let Some(warning) = config.instance_id.known().and_then(|id| services::foreign_suffix(service, id)) {
            found.push(warning.at(Path::attribute("instance_id")));
        }
        found.extend(databases::check(facts, &config.databases, &config.backup_database_individually));
        found
    }

    async fn plan(&self, client: Option<&Backups>, planning: &mut Planning<ManualBackup>) {
        let Some(prior) = &planning.prior else {
            if planning.config.region.is_null()
                && let Some(client) = client
            {
                planning.planned.region = Attr::Known(client.region().to_owned());
            }
            if let Some(client) = client {
                let client = services::regional(client, &planning.planned.region);
                planning.diagnostics.extend(rotation::announced(&client, &planning.planned).await);
            }
            return;
        };
        let planned = &mut planning.planned;
        // A name_prefix that is new beside an old name (after an import or a move) fits if the name begins with it.
        if planned.name_prefix != prior.name_prefix {
            let fits = match (&prior.name_prefix, &planned.name_prefix, &prior.name) {
                (Attr::Null, Attr::Known(prefix), Attr::Known(name)) => name.starts_with(prefix.as_str()),
                (_, Attr::Null, _) => true, // then `name` is set, and its own change decides
                _ => false,
            };
            if !fits {
                planning.replace.push(Path::attribute("name_prefix"));
            }
        }
        let Some(status) = prior.status.known().map(|word| Status::named(word)) else {
            return;
        };
        match status {
            Status::Completed => {}
            Status::Failed | Status::Deleting => {
                planned.status = Attr::Unknown;
                planning.replace.push(Path::attribute("status"));
                planning.diagnostics.push(unusable(prior, &status));
            }
            Status::Building | Status::Other(_) => {
                if planned.wait_for_completion == Attr::Known(true) {
                    resume(planned);
                }
            }
        }
    }

    async fn plan_delete(&self, client: Option<&Backups>, prior: &ManualBackup) -> Diagnostics {
        self.leaving.planned(client, prior).await
    }

    async fn plan_replace(
        &self,
        client: Option<&Backups>,
        prior: &ManualBackup,
        planned: &ManualBackup,
    ) -> Diagnostics {
        let mut said = self.leaving.planned(client, prior).await;
        if let Some(client) = client {
            let client = services::regional(client, &planned.region);
            said.extend(rotation::announced(&client, planned).await);
        }
        said
    }

    async fn create(
        &self,
        client: &Backups,
        mut planned: ManualBackup,
        life: &mut Life<ManualBackup>,
    ) -> Result<ManualBackup, Diagnostics> {
        let service = services::required(&planned.service)?;
        let client = regional(client, &mut planned);
        if !matches!(planned.name, Attr::Known(_)) {
            let prefix = planned.name_prefix.known().map_or("", String::as_str);
            planned.name = Attr::Known(naming::unique_name(prefix, Timestamp::now()));
        }
        let want = wanted(&planned);
        let started = client
            .begin(&context(life), service, &want)
            .await
            .map_err(|error| explain(Doing::Create, about(&planned), &error))?;
        planned.id = Attr::Known(started.backup_id.clone());
        planned.job_id = started.job_id.clone().into();
        planned.begin_time = fields::time(started.begin);
        planned.status = Attr::Known(Status::Building.to_string());
        planned.r#type = Attr::Known("manual".to_owned());
        let begun = without_unknowns(planned);
        // It exists now: Terraform must track it whatever happens next.
        life.checkpoint(begun.clone());
        if begun.wait_for_completion == Attr::Known(false) {
            return Ok(begun);
        }
        wait(&client, service, begun, &started, life).await
    }

    async fn read(
        &self,
        client: &Backups,
        mut state: ManualBackup,
        life: &mut Life<ManualBackup>,
    ) -> Result<Option<ManualBackup>, Diagnostics> {
        let service = services::required(&state.service)?;
        let client = regional(client, &mut state);
        let found = if is_new(&state) {
            client.find_new(&context(life), service, &reference(&state)).await
        } else {
            client.find(&context(life), service, &reference(&state)).await
        };
        let found = found.map_err(|error| explain(Doing::Read, about(&state), &error))?;
        if found.is_none() {
            life.warn(gone(&state));
        }
        Ok(found.map(|backup| filled(state, &backup)))
    }

    async fn update(
        &self,
        client: &Backups,
        prior: ManualBackup,
        planned: ManualBackup,
        life: &mut Life<ManualBackup>,
    ) -> Result<ManualBackup, Diagnostics> {
        let waits = planned.status.is_unknown();
        let mut state = ManualBackup {
            name_prefix: planned.name_prefix,
            wait_for_completion: planned.wait_for_completion,
            on_destroy: planned.on_destroy,
            keep_last: planned.keep_last,
            deletion_protection: planned.deletion_protection,
            ..prior
        };
        if !waits {
            return Ok(state);
        }
        let service = services::required(&state.service)?;
        let client = regional(client, &mut state);
        life.checkpoint(state.clone());
        let started = Started { job_id: state.job_id.known().cloned(), ..Started::from(reference(&state)) };
        wait(&client, service, state, &started, life).await
    }

    async fn delete(
        &self,
        client: &Backups,
        mut state: ManualBackup,
        life: &mut Life<ManualBackup>,
    ) -> Result<(), Diagnostics> {
        if let Some(refusal) = removal::refused(&state) {
            return Err(refusal.into());
        }
        if is_retained(&state) {
            life.warn(retained(&state));
            return Ok(());
        }
        let service = services::required(&state.service)?;
        let client = regional(client, &mut state);
        let (context, reference) = (context(life), reference(&state));
        let undeleted = |error| explain(Doing::Delete, about(&state), &error);
        if is_new(&state) && client.find_new(&context, service, &reference).await.map_err(undeleted)?.is_none() {
            return Ok(());
        }
        // What has ended does not begin again, so it need not be looked at.
        let ended = state.status.known().is_some_and(|word| Status::named(word).is_final());
        let deleted = if ended {
            client.delete_ended(&context, service, &reference).await
        } else {
            client.delete(&context, service, &reference).await
        };
        deleted.map_err(|error| undeleted(error).into())
    }

    fn import(&self, id: &str) -> Result<ManualBackup, Diagnostics> {
        let (service, reference) = services::import_id(id)?;
        Ok(ManualBackup {
            id: Attr::Known(reference.id),
            service: Attr::Known(service.facts().product.key.to_owned()),
            instance_id: reference.instance_id.into(),
            ..services::untouched()
        })
    }

    fn import_identity(&self, identity: ManualBackup) -> Result<ManualBackup, Diagnostics> {
        let part = |value: &Attr<String>| value.known().cloned().unwrap_or_default();
        let id = [&identity.service, &identity.instance_id, &identity.id].map(part).join("/");
        Ok(ManualBackup { region: identity.region, ..self.import(&id)? })
    }

    fn imported(&self, client: &Backups, mut stub: ManualBackup) -> ManualBackup {
        regional(client, &mut stub);
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

/// Waits for a backup that exists. An interrupt is no failure: the object is saved as it is, and the next apply goes on.
async fn wait(
    client: &Backups,
    service: &'static dyn Service,
    state: ManualBackup,
    started: &Started,
    life: &mut Life<ManualBackup>,
) -> Result<ManualBackup, Diagnostics> {
    match client.settled(&context(life), service, started, &()).await {
        Ok(backup) => {
            let state = filled(state, &backup);
            life.checkpoint(state.clone());
            rotation::rotated(client, &state, life).await;
            Ok(state)
        }
        Err(backup::Error::Stopped { last, .. }) => {
            let state = match last {
                Some(backup) => filled(state, &backup),
                None => state,
            };
            life.warn(interrupted(&state));
            Ok(state)
        }
        Err(error) => {
            let seen = match &error {
                backup::Error::Failed { backup: last, .. }
                | backup::Error::StillRunning { last, .. }
                | backup::Error::OutOfSight { last, .. } => last.as_deref(),
                _ => None,
            };
            if let Some(backup) = seen {
                life.checkpoint(filled(state.clone(), backup));
            }
            Err(explain(Doing::Wait, about(&state), &error).into())
        }
    }
}

/// Within what limits an operation may wait and try again.
pub(super) fn context<M>(life: &Life<M>) -> cloud::Context {
    cloud::Context { deadline: life.deadline(), stop: life.stop().clone() }
}

/// The client for the backup's region; also fills the region in where it is not known yet.
fn regional(client: &Backups, state: &mut ManualBackup) -> Backups {
    let client = services::regional(client, &state.region);
    state.region = Attr::Known(client.region().to_owned());
    client
}

fn wanted(planned: &ManualBackup) -> NewBackup {
    let text = |value: &Attr<String>| value.known().cloned().unwrap_or_default();
    NewBackup {
        instance_id: text(&planned.instance_id),
        name: text(&planned.name),
        description: planned.description.known().filter(|text| !text.is_empty()).cloned(),
        databases: databases::wanted(&planned.databases),
        individually: planned.backup_database_individually == Attr::Known(true),
    }
}

fn reference(state: &ManualBackup) -> BackupRef {
    BackupRef {
        id: state.id.known().cloned().unwrap_or_default(),
        instance_id: state.instance_id.known().filter(|id| !id.is_empty()).cloned(),
    }
}

/// Whether the cloud may not list it yet: it was just begun when it was last heard of.
fn is_new(state: &ManualBackup) -> bool {
    state.status.known().is_some_and(|word| Status::named(word) == Status::Building)
}

fn about(state: &ManualBackup) -> About<'_> {
    About {
        service: state.service.known().map_or("", String::as_str),
        id: state.id.known().map(String::as_str),
        name: state.name.known().map(String::as_str),
    }
}

/// What the cloud says now, over what was known. What a service does not tell stays as it was.
pub(super) fn filled(mut state: ManualBackup, backup: &Backup) -> ManualBackup {
    fn keep<T: Clone>(old: &mut Attr<T>, new: Attr<T>) {
        if matches!(new, Attr::Known(_)) {
            *old = new;
        }
    }
    state.id = Attr::Known(backup.id.clone());
    keep(&mut state.instance_id, fields::text(Some(&backup.instance_id)));
    keep(&mut state.name, fields::text(Some(&backup.name)));
    keep(&mut state.description, fields::text(backup.description.as_ref()));
    state.status = Attr::Known(backup.status.to_string());
    keep(&mut state.r#type, fields::text(backup.kind.as_ref()));
    keep(&mut state.instance_name, fields::text(backup.instance_name.as_ref()));
    keep(&mut state.datastore, fields::datastore(backup.datastore.as_ref()));
    keep(&mut state.begin_time, fields::time(backup.begin));
    state.end_time = fields::time(backup.end);
    state.size_bytes = fields::size(backup);
    without_unknowns(state)
}

/// Terraform saves nothing unknown; what is not told is null.
fn without_unknowns(mut state: ManualBackup) -> ManualBackup {
    fn settle<T>(value: &mut Attr<T>) {
        if matches!(value, Attr::Unknown) {
            *value = Attr::Null;
        }
    }
    settle(&mut state.id);
    settle(&mut state.name);
    settle(&mut state.description);
    settle(&mut state.region);
    settle(&mut state.job_id);
    settle(&mut state.status);
    settle(&mut state.r#type);
    settle(&mut state.instance_name);
    settle(&mut state.datastore);
    settle(&mut state.begin_time);
    settle(&mut state.end_time);
    settle(&mut state.size_bytes);
    state
}

/// A plan that goes on waiting: what the end of the backup will tell is not known yet.
fn resume(planned: &mut ManualBackup) {
    planned.status = Attr::Unknown;
    planned.instance_name = Attr::Unknown;
    planned.datastore = Attr::Unknown;
    planned.begin_time = Attr::Unknown;
    planned.end_time = Attr::Unknown;
    planned.size_bytes = Attr::Unknown;
}

pub(super) fn check_id(id: &str) -> Result<(), String> {
    if id.is_empty() {
        return Err("it is empty".to_owned());
    }
    if id.len() > 64 {
        return Err(format!("it has {} characters; an instance id has 36", id.len()));
    }
    match id.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')) {
        Some(bad) => Err(format!("it contains {bad:?}; an instance id is made of letters, digits and hyphens")),
        None => Ok(()),
    }
}

/// Whether a destroy only forgets it.
pub(super) fn is_retained(state: &ManualBackup) -> bool {
    state.on_destroy.as_str() == Some(RETAIN)
}

pub(super) fn label(state: &ManualBackup) -> String {
    let id = state.id.known().map_or("?", String::as_str);
    match state.name.known() {
        Some(name) => format!("The backup {name:?} ({id})"),
        None => format!("The backup {id}"),
    }
}

fn unusable(prior: &ManualBackup, status: &Status) -> Diagnostic {
    Diagnostic::warning(
        "Backup is unusable and will be replaced",
        format!(
            "{} is {} in the cloud. The new backup will hold the data of the moment it is taken.",
            label(prior),
            status
        ),
    )
}

fn gone(state: &ManualBackup) -> Diagnostic {
    Diagnostic::warning(
        "Backup no longer exists",
        format!(
            "{} was deleted outside of Terraform. If the configuration still asks for it, the plan takes a new one: that \
             one will hold the data of the moment it is taken, not those of the lost backup.",
            label(state)
        ),
    )
}

fn retained(state: &ManualBackup) -> Diagnostic {
    Diagnostic::warning(
        "Backup is kept in the cloud",
        format!(
            "{} leaves the state, but stays in the cloud and goes on costing, because `on_destroy` is \"retain\". Delete \
             it in the console, or import it again as {}/{}/{}.",
            label(state),
            state.service.known().map_or("", String::as_str),
            state.instance_id.known().map_or("", String::as_str),
            state.id.known().map_or("", String::as_str),
        ),
    )
    .at(Path::attribute("on_destroy"))
}

fn interrupted(state: &ManualBackup) -> Diagnostic {
    Diagnostic::warning(
        "Backup is still running",
        format!(
            "Terraform was interrupted while it waited. {} goes on in the cloud and is saved in the state as {}. The next \
             apply goes on waiting for it; nothing is taken twice.",
            label(state),
            state.status.known().map_or("BUILDING", String::as_str),
        ),
    )
}
