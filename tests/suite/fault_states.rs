//! The fault matrix once more, driven through the plugin's own calls: what Terraform would hold afterwards is compared with
//! the cloud's ledger. Then all is well again, the next run finishes the work, and a destroy leaves nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use huaweidb::backup::{ALL, Backups, Service, Status, StopScope};
use huaweidb::cloud::{Cloud, Settings};
use huaweidb::plugin::{Attached, Catalogue, Diagnostics, Provider, Schema, attach};
use huaweidb::provider::{HuaweiDb, ProviderBlock};
use huaweidb_emulator::{BackupRow, Emulator, Fault, FaultKind, NewBackups, Options};
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::binary::{proposed, whole};
use crate::faults::{AT_ONCE, HASTE, HOSTILE, WRONGS, Wrong, hides_deletions, refusing, settings};
use crate::support::host::Host;
use crate::support::matrix;
use crate::support::proto::tfplugin6 as tf;
use crate::support::run::{TYPE, apply_request, plan_request};
use crate::support::value::{unwired, wire};

const NAME: &str = "stateful-1";
const ERROR: i32 = 1;
/// So long may take what ends well, on a machine that has much else to do.
const PATIENT: &str = "2m";

/// What Terraform asks for while something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Doing {
    /// A plan that deletes: it says what would be lost.
    Plan,
    Create,
    /// A create whose answer is lost, while the search for it has trouble too.
    Search,
    /// A create while jobs cannot be asked.
    Job,
    /// A create that has to log in.
    Token,
    /// A create that has to look its project up.
    Project,
    /// A wait that is gone on with.
    Resume,
    Read,
    /// An import and the read that follows it.
    Import,
    Delete,
    /// The action that stops a backup.
    Stop,
    /// The data sources.
    Backup,
    Backups,
    Instances,
}

const DOINGS: [Doing; 14] = [
    Doing::Plan,
    Doing::Create,
    Doing::Search,
    Doing::Job,
    Doing::Token,
    Doing::Project,
    Doing::Resume,
    Doing::Read,
    Doing::Import,
    Doing::Delete,
    Doing::Stop,
    Doing::Backup,
    Doing::Backups,
    Doing::Instances,
];

#[derive(Clone, Copy)]
struct Cell {
    service: &'static dyn Service,
    doing: Doing,
    wrong: Wrong,
    throughout: bool,
}

/// How a cell ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ended {
    Done,
    Error,
    /// The error that says that a backup may exist which could not be found.
    Unclear,
}

impl Doing {
    fn creates(self) -> bool {
        matches!(self, Doing::Create | Doing::Search | Doing::Job | Doing::Token | Doing::Project)
    }

    /// Whether a service has it.
    fn is_offered(self, service: &dyn Service) -> bool {
        let facts = service.facts();
        match self {
            Doing::Stop => facts.no_create.is_none() && facts.stop != StopScope::Never,
            // RDS names no job when it begins a backup.
            Doing::Job => facts.no_create.is_none() && facts.key() != "rds",
            _ if self.creates() => facts.no_create.is_none(),
            Doing::Resume | Doing::Plan | Doing::Read | Doing::Import | Doing::Delete => facts.no_create.is_none(),
            _ => true,
        }
    }

    fn can_have(self, wrong: Wrong) -> bool {
        let at_iam = matches!(self, Doing::Token | Doing::Project);
        !(at_iam && wrong.is_busy() || matches!(self, Doing::Job | Doing::Search) && wrong == Wrong::Refused)
    }
}

impl Cell {
    fn expected(self) -> Ended {
        if self.throughout && (self.doing, self.wrong) == (Doing::Plan, Wrong::Status401) {
            // With these credentials nothing can ever work.
            return Ended::Error;
        }
        match (self.doing, self.wrong) {
            // Whether it is the last backup is worth a warning, not an error; what is only slow comes, and what is called a
            // picture may well be JSON; the lists tell what jobs do not; the token itself comes in a header; and what of a
            // list can be read is there, while the rest is counted.
            (Doing::Plan | Doing::Job, _)
            | (_, Wrong::SlowBody | Wrong::OddContentType)
            | (Doing::Token, Wrong::Empty | Wrong::OddType | Wrong::Nameless)
            | (Doing::Backups, Wrong::Nested | Wrong::Nameless)
            | (Doing::Instances, Wrong::Nameless) => Ended::Done,
            (Doing::Search, Wrong::Redirect) => Ended::Unclear,
            (Doing::Search, _) if self.throughout => Ended::Unclear,
            // It is repeated until the time is over.
            (Doing::Delete, Wrong::Late) if self.throughout => Ended::Error,
            (Doing::Delete, Wrong::Truncated) if self.throughout && hides_deletions(self.service) => Ended::Error,
            (Doing::Create | Doing::Stop | Doing::Delete, wrong) if wrong.applies_all_the_same() => Ended::Done,
            _ if self.throughout => Ended::Error,
            // A password is not tried twice, and a key cannot be renewed.
            (Doing::Token | Doing::Project, Wrong::Status401) | (_, Wrong::Redirect) => Ended::Error,
            (Doing::Create | Doing::Search | Doing::Resume | Doing::Delete | Doing::Stop | Doing::Token, wrong)
                if wrong.is_busy() || wrong.is_nonsense() && self.doing != Doing::Token =>
            {
                Ended::Done
            }
            (_, wrong) if wrong.is_busy() || wrong.is_nonsense() => Ended::Error,
            _ => Ended::Done,
        }
    }

    fn key(self) -> &'static str {
        self.service.facts().key()
    }

    fn described(self) -> String {
        let how = if self.throughout { "throughout" } else { "once" };
        format!("{} × {:?} × {:?}, {how}", self.key(), self.doing, self.wrong)
    }

    /// So long an operation may take while it goes wrong: what cannot end well need not be waited for.
    fn limit(self) -> &'static str {
        let vain = self.expected() != Ended::Done || self.doing == Doing::Resume;
        if self.throughout && vain { "3s" } else { PATIENT }
    }
}

/// The provider, with waits and time limits of the cloud floor that a test can bear; the limits divided by this.
pub(crate) struct Hasty(pub(crate) Settings, pub(crate) u32);

impl Provider for Hasty {
    type Settings = ProviderBlock;
    type Client = Backups;

    fn name(&self) -> &'static str {
        HuaweiDb.name()
    }

    fn address(&self) -> &'static str {
        HuaweiDb.address()
    }

    fn schema(&self) -> Schema {
        HuaweiDb.schema()
    }

    async fn configure(
        &self,
        _: ProviderBlock,
        _: &str,
        _: &CancellationToken,
        _: &mut Diagnostics,
    ) -> Option<Backups> {
        let cloud = Cloud::hasty(self.0.clone(), HASTE, self.1).expect("good settings");
        // What goes wrong is meant for the apply: a plan that asks would meet it first.
        Some(Backups::new(cloud).without_preflight())
    }

    fn catalogue(&self) -> Catalogue<Backups> {
        HuaweiDb.catalogue()
    }
}

/// What an answer means for the state, and what was said.
#[derive(Debug)]
struct Answer {
    object: Option<Json>,
    said: Vec<tf::Diagnostic>,
}

impl Answer {
    fn new(object: Option<&tf::DynamicValue>, said: Vec<tf::Diagnostic>) -> Self {
        Answer { object: Some(unwired(object)).filter(|object| !object.is_null()), said }
    }

    fn errors(&self) -> impl Iterator<Item = &tf::Diagnostic> {
        self.said.iter().filter(|one| one.severity == ERROR)
    }

    fn ended(&self) -> Result<Ended, String> {
        let Some(error) = self.errors().next() else { return Ok(Ended::Done) };
        if self.errors().count() > 1 || error.detail.is_empty() || error.summary.contains("bug") {
            return Err(format!("unclear words: {:?}", self.said));
        }
        Ok(if error.summary.contains("may have been created") { Ended::Unclear } else { Ended::Error })
    }
}

/// One run of Terraform: a provider of its own.
struct Run {
    host: Host,
    schema: Arc<tf::get_provider_schema::Response>,
    _attached: Attached,
}

impl Run {
    async fn start(settings: Settings, wrong: Wrong, schema: &Arc<tf::get_provider_schema::Response>) -> Self {
        let attached = attach(Hasty(settings, wrong.haste())).await.expect("a socket");
        let run = Run { host: Host::attach(&attached).await, schema: Arc::clone(schema), _attached: attached };
        let block = run.schema.provider.as_ref().expect("it has one");
        let request = tf::configure_provider::Request {
            config: wire(&whole(block, &json!({}))),
            terraform_version: "1.11.4".to_owned(),
            ..Default::default()
        };
        let answer = run.host.provider().configure_provider(request).await.expect("an answer").into_inner();
        assert_eq!(answer.diagnostics, []);
        run
    }

    fn config(&self, arguments: &Json) -> Json {
        whole(&self.schema.resource_schemas[TYPE], arguments)
    }

    async fn plan(&self, config: &Json, prior: &Json) -> Answer {
        let request = plan_request(config, prior, &proposed(config, prior));
        let answer = self.host.provider().plan_resource_change(request).await.expect("an answer").into_inner();
        Answer::new(answer.planned_state.as_ref(), answer.diagnostics)
    }

    async fn apply(&self, config: &Json, prior: &Json, planned: &Json) -> Answer {
        let request = apply_request(config, prior, planned);
        let answer = self.host.provider().apply_resource_change(request).await.expect("an answer").into_inner();
        Answer::new(answer.new_state.as_ref(), answer.diagnostics)
    }

    /// Plans and applies.
    async fn reach(&self, config: &Json, prior: &Json) -> Answer {
        let plan = self.plan(config, prior).await;
        if plan.errors().next().is_some() {
            return Answer { object: Some(prior.clone()).filter(|prior| !prior.is_null()), said: plan.said };
        }
        self.apply(config, prior, &plan.object.unwrap_or_default()).await
    }

    async fn read(&self, state: &Json) -> Answer {
        let request =
            tf::read_resource::Request { type_name: TYPE.to_owned(), current_state: wire(state), ..Default::default() };
        let answer = self.host.provider().read_resource(request).await.expect("an answer").into_inner();
        Answer::new(answer.new_state.as_ref(), answer.diagnostics)
    }

    async fn import(&self, row: &BackupRow) -> Answer {
        let request = tf::import_resource_state::Request {
            type_name: TYPE.to_owned(),
            id: format!("{}/{}/{}", row.service, row.instance_id, row.id),
            ..Default::default()
        };
        let answer = self.host.provider().import_resource_state(request).await.expect("an answer").into_inner();
        assert_eq!(answer.diagnostics, []);
        self.read(&unwired(answer.imported_resources[0].state.as_ref())).await
    }

    async fn look_up(&self, name: &str, arguments: &Json) -> Answer {
        let name = format!("huaweidb_{name}");
        let config = whole(&self.schema.data_source_schemas[&name], arguments);
        let request = tf::read_data_source::Request { type_name: name, config: wire(&config), ..Default::default() };
        let answer = self.host.provider().read_data_source(request).await.expect("an answer").into_inner();
        Answer::new(answer.state.as_ref(), answer.diagnostics)
    }

    async fn invoke(&self, name: &str, arguments: &Json) -> Answer {
        let name = format!("huaweidb_{name}");
        let schema = self.schema.action_schemas[&name].schema.as_ref().expect("it has one");
        let config = wire(&whole(schema, arguments));
        let request = tf::invoke_action::Request { action_type: name, config, ..Default::default() };
        let mut events = self.host.provider().invoke_action(request).await.expect("an answer").into_inner();
        let mut said = None;
        while let Some(event) = events.message().await.expect("an event") {
            if let Some(tf::invoke_action::event::Type::Completed(end)) = event.r#type {
                said = Some(end.diagnostics);
            }
        }
        Answer { object: None, said: said.expect("an end") }
    }
}

/// One emulator with one instance in use.
struct Stage {
    emulator: Emulator,
    cell: Cell,
    instance_id: String,
    schema: Arc<tf::get_provider_schema::Response>,
}

impl Stage {
    async fn set(cell: Cell, schema: &Arc<tf::get_provider_schema::Response>) -> Self {
        let mut options = Options::with_backups_of(0.3);
        options.pace.stop_seconds = Some(0.2);
        options.pace.delete_seconds = Some(0.2);
        match cell.doing {
            Doing::Job => {
                // A job is asked when the list does not tell yet.
                options.pace.list_delay_seconds = 0.5;
                options.pace.backup_seconds = 1.0;
            }
            // Its end is set.
            Doing::Stop | Doing::Resume => options.pace.backup_seconds = 3_600.0,
            // The second delete meets the first, also on a slow machine.
            Doing::Delete if cell.wrong == Wrong::Truncated => options.pace.delete_seconds = Some(5.0),
            _ => {}
        }
        options.modes.locking = false;
        let emulator = Emulator::start(options).await.expect("the emulator starts");
        let instance_id = emulator.instance(cell.key());
        Stage { emulator, cell, instance_id, schema: Arc::clone(schema) }
    }

    fn settings(&self) -> Settings {
        let Cell { doing, wrong, .. } = self.cell;
        let signs_in = doing == Doing::Token || (wrong == Wrong::Status401 && doing != Doing::Project);
        settings(&self.emulator, signs_in, doing != Doing::Project)
    }

    /// A run for which all is well.
    async fn good(&self) -> Run {
        Run::start(settings(&self.emulator, false, true), self.cell.wrong, &self.schema).await
    }

    /// A run for which it goes wrong.
    async fn spoiled(&self) -> Run {
        let Cell { doing, wrong, throughout, .. } = self.cell;
        let mut settings = self.settings();
        let door = if matches!(doing, Doing::Token | Doing::Project) { "iam" } else { self.cell.key() };
        match wrong.fault() {
            None => _ = settings.endpoints.insert(door.to_owned(), refusing()),
            Some(fault) => {
                if doing == Doing::Search {
                    self.emulator.fault(Fault::new(FaultKind::CloseAfter).on(door).operation("create"));
                }
                let fault = fault.on(door).times(if throughout { 100_000 } else { 1 });
                self.emulator.fault(match doing {
                    Doing::Create => fault.operation("create"),
                    Doing::Stop => fault.operation("stop"),
                    Doing::Delete => fault.operation("delete"),
                    Doing::Job => fault.operation("job"),
                    Doing::Token => fault.operation("token"),
                    Doing::Project => fault.operation("projects"),
                    _ => fault.method("GET"),
                });
            }
        }
        Run::start(settings, wrong, &self.schema).await
    }

    fn arguments(&self, waits: bool) -> Json {
        self.arguments_within(self.cell.limit(), waits)
    }

    fn arguments_within(&self, limit: &str, waits: bool) -> Json {
        json!({
            "service": self.cell.key(),
            "instance_id": self.instance_id,
            "name": NAME,
            "description": "taken while something goes wrong",
            "wait_for_completion": waits,
            "timeouts": { "create": limit, "read": limit, "update": limit, "delete": limit },
        })
    }

    fn seed(&self, name: &str) -> BackupRow {
        let wanted =
            NewBackups { instance_id: self.instance_id.clone(), name: Some(name.to_owned()), ..NewBackups::default() };
        self.emulator.add_backups(&wanted).remove(0)
    }

    fn rows(&self) -> Vec<BackupRow> {
        self.emulator.backups().into_iter().filter(|row| row.name == NAME && row.status != "DELETING").collect()
    }

    /// How it ended, which must be as expected.
    fn ended(&self, answer: &Answer) -> Result<Ended, String> {
        let (ended, expected) = (answer.ended()?, self.cell.expected());
        // A create with a fixed name reads the list before: that may meet the trouble in its place, or have no time left. And
        // where an answer was lost and nothing can be compared, it may end unclear. The ledger tells whether that is true.
        let before = self.cell.doing.creates()
            && match ended {
                Ended::Unclear => true,
                Ended::Error => expected == Ended::Unclear,
                Ended::Done => !self.cell.throughout && matches!(self.cell.doing, Doing::Token | Doing::Project),
            };
        if ended == expected || before {
            return Ok(ended);
        }
        Err(format!("unexpected: {ended:?} instead of {expected:?}: {:?}", answer.said))
    }

    /// Whether an object names this backup; `now` if it must also be as it is now.
    fn same(&self, object: &Json, row: &BackupRow, now: bool) -> Result<(), String> {
        let text = |name: &str| object[name].as_str().unwrap_or_default();
        let alike = text("id") == row.id
            && text("name") == row.name
            && text("instance_id") == row.instance_id
            && text("service") == self.cell.key()
            && (!now || Status::named(text("status")) == Status::named(&row.status));
        if alike { Ok(()) } else { Err(format!("wrong state: {object}, but the ledger has {row:?}")) }
    }
}

async fn run(cell: Cell, schema: Arc<tf::get_provider_schema::Response>) -> Result<Ended, String> {
    let stage = Stage::set(cell, &schema).await;
    let ended = match cell.doing {
        _ if cell.doing.creates() => create(&stage).await,
        Doing::Plan | Doing::Delete => remove(&stage).await,
        Doing::Resume => resume(&stage).await,
        Doing::Stop => stop(&stage).await,
        Doing::Read | Doing::Import => read(&stage).await,
        _ => look_up(&stage).await,
    }?;
    let spent = stage.emulator.journal().iter().filter(|call| call.fault.is_some()).count();
    if cell.wrong != Wrong::Refused && spent <= usize::from(cell.doing == Doing::Search) {
        return Err("unexpected: nothing went wrong".to_owned());
    }
    Ok(ended)
}

/// With all well again: the state is refreshed and agrees with the ledger, and a destroy leaves nothing of it.
async fn undone(stage: &Stage, object: Option<Json>) -> Result<(), String> {
    stage.emulator.clear_faults();
    let run = stage.good().await;
    if let Some(mut object) = object {
        object["timeouts"] = Json::Null;
        let id = object["id"].as_str().unwrap_or_default().to_owned();
        let read = run.read(&object).await;
        if read.errors().next().is_some() {
            return Err(format!("unexpected: {:?}", read.said));
        }
        match (&read.object, stage.emulator.backup(&id)) {
            (Some(object), Some(row)) => stage.same(object, &row, false)?,
            // It may have gone in between.
            (Some(object), None) if run.read(object).await.object.is_some() => {
                return Err(format!("wrong state: {object} is gone"));
            }
            (None, Some(row)) => return Err(format!("lost: {row:?}")),
            (_, None) => {}
        }
        if let Some(object) = read.object {
            let gone = run.reach(&Json::Null, &object).await;
            if gone.errors().next().is_some() || gone.object.is_some() {
                return Err(format!("unexpected: {:?}", gone.said));
            }
        }
    }
    match stage.rows().first() {
        None => Ok(()),
        Some(row) => Err(format!("orphan: {row:?} is left")),
    }
}

/// Takes a backup, and looks at what Terraform holds then.
async fn create(stage: &Stage) -> Result<Ended, String> {
    let run = stage.spoiled().await;
    let config = run.config(&stage.arguments(true));
    let answer = run.reach(&config, &Json::Null).await;
    let ended = stage.ended(&answer)?;
    let rows = stage.rows();
    if stage.emulator.totals().created > 1 {
        return Err(format!("duplicates: {rows:?} after {answer:?}"));
    }
    match (ended, &answer.object, rows.first()) {
        (Ended::Done, Some(object), Some(row)) if row.status == "COMPLETED" => stage.same(object, row, true)?,
        (Ended::Done, object, row) => return Err(format!("wrong state: green, but {object:?} and {row:?}")),
        (_, Some(object), Some(row)) => stage.same(object, row, false)?,
        (_, Some(object), None) => return Err(format!("wrong state: {object} was never taken")),
        (Ended::Error, None, Some(row)) => return Err(format!("orphan: {row:?} after {:?}", answer.said)),
        (_, None, _) => {}
    }
    if ended != Ended::Unclear {
        undone(stage, answer.object).await?;
        return Ok(ended);
    }
    // Terraform knows nothing of it, and the error says where to look.
    stage.emulator.clear_faults();
    let run = stage.good().await;
    if let (Some(row), "taurusdb") = (rows.first(), stage.cell.key()) {
        // Its names may repeat, so that an apply would take another.
        let object = run.import(row).await.object;
        return undone(stage, object).await.map(|()| ended);
    }
    // The next apply meets the leftover, and its error has the id to import.
    let again = run.reach(&run.config(&stage.arguments_within(PATIENT, true)), &Json::Null).await;
    let object = match (again.ended()?, rows.first()) {
        (Ended::Done, None) => again.object,
        (Ended::Error, Some(row)) => {
            let import = format!("{}/{}/{}@", row.service, row.instance_id, row.id);
            if !again.errors().any(|one| one.detail.contains(&import)) {
                return Err(format!("orphan: nobody says {import}: {:?}", again.said));
            }
            run.import(row).await.object
        }
        (other, row) => return Err(format!("unexpected: {other:?} with {row:?}: {:?}", again.said)),
    };
    if stage.emulator.totals().created > 1 {
        return Err(format!("duplicates: {:?}", stage.rows()));
    }
    undone(stage, object).await.map(|()| ended)
}

/// Plans to delete a completed backup, or does it.
async fn remove(stage: &Stage) -> Result<Ended, String> {
    let (row, bystander) = (stage.seed(NAME), stage.seed("bystander"));
    let prior = stage.good().await.import(&row).await.object.ok_or("the import is done while all is well")?;
    let mut prior = prior;
    prior["timeouts"] = stage.arguments(true)["timeouts"].clone();
    let run = stage.spoiled().await;
    let answer = match stage.cell.doing {
        Doing::Plan => run.plan(&Json::Null, &prior).await,
        _ => run.apply(&Json::Null, &prior, &Json::Null).await,
    };
    let ended = stage.ended(&answer)?;
    if stage.emulator.backup(&bystander.id).is_none() {
        return Err("lost: a backup nobody spoke of".to_owned());
    }
    let now = stage.emulator.backup(&row.id);
    if stage.cell.doing == Doing::Plan {
        if answer.object.is_some() || now.is_none() {
            return Err(format!("wrong state: a plan to delete, and {:?}, {now:?}", answer.object));
        }
        return undone(stage, Some(prior)).await.map(|()| ended);
    }
    match (ended, &answer.object, now) {
        (Ended::Done, None, None) => {}
        (Ended::Done, None, Some(row)) => return Err(format!("orphan: {row:?} after a green destroy")),
        (Ended::Done, Some(object), _) => return Err(format!("wrong state: {object} after a green destroy")),
        (_, None, row) => return Err(format!("lost: a red destroy forgets {row:?}")),
        (_, Some(object), _) if *object == prior => {}
        (_, Some(object), row) => return Err(format!("wrong state: {object}, {row:?}")),
    }
    undone(stage, answer.object).await.map(|()| ended)
}

/// A backup that runs, begun while all was well, as an apply leaves it that does not wait.
async fn begun(stage: &Stage) -> Result<Json, String> {
    let run = stage.good().await;
    let begun = run.reach(&run.config(&stage.arguments_within(PATIENT, false)), &Json::Null).await;
    begun.object.ok_or_else(|| format!("unexpected: nothing was wrong yet: {:?}", begun.said))
}

/// Goes on waiting for a backup.
async fn resume(stage: &Stage) -> Result<Ended, String> {
    let prior = begun(stage).await?;
    let id = prior["id"].as_str().unwrap_or_default().to_owned();
    let run = stage.spoiled().await;
    if !stage.cell.throughout {
        stage.emulator.set_status(&id, "COMPLETED");
    }
    let answer = run.reach(&run.config(&stage.arguments(true)), &prior).await;
    if matches!(stage.cell.wrong, Wrong::SlowBody | Wrong::OddContentType) && stage.cell.throughout {
        // What is seen slowly or under a wrong name is seen: it runs on until the time is over.
        let row = stage.emulator.backup(&id).ok_or("lost: it is gone")?;
        let object = answer.object.as_ref().ok_or("lost: the state forgets it")?;
        stage.same(object, &row, true)?;
        stage.emulator.set_status(&id, "COMPLETED");
        return match answer.ended()? {
            Ended::Error => undone(stage, answer.object).await.map(|()| Ended::Done),
            other => Err(format!("unexpected: {other:?} while it runs")),
        };
    }
    let ended = stage.ended(&answer)?;
    let object = answer.object.as_ref().ok_or("lost: the state forgets it")?;
    let row = stage.emulator.backup(&id).ok_or("lost: it is gone")?;
    stage.same(object, &row, ended == Ended::Done)?;
    // Not every service could stop it.
    stage.emulator.set_status(&id, "COMPLETED");
    undone(stage, answer.object).await.map(|()| ended)
}

async fn stop(stage: &Stage) -> Result<Ended, String> {
    let begun = begun(stage).await?;
    let id = begun["id"].as_str().unwrap_or_default().to_owned();
    let run = stage.spoiled().await;
    let arguments = json!({
        "service": stage.cell.key(),
        "instance_id": stage.instance_id,
        "backup_id": id,
        "timeout": stage.cell.limit(),
    });
    let ended = stage.ended(&run.invoke("stop_backup", &arguments).await)?;
    let row = stage.emulator.backup(&id).ok_or("lost: it is gone")?;
    if ended == Ended::Done && row.status == "BUILDING" {
        return Err(format!("wrong state: it is said to be stopped: {row:?}"));
    }
    undone(stage, Some(begun)).await.map(|()| ended)
}

/// Refreshes or imports one backup that is there and one that is not.
async fn read(stage: &Stage) -> Result<Ended, String> {
    let (there, gone) = (stage.seed(NAME), stage.seed("gone"));
    let run = stage.good().await;
    let both = [run.import(&there).await.object, run.import(&gone).await.object];
    let [Some(known), Some(lost)] = both else { return Err("the import is done while all is well".to_owned()) };
    stage.emulator.vanish(&gone.id);
    let run = stage.spoiled().await;
    let imports = stage.cell.doing == Doing::Import;
    let answer = if imports { run.import(&there).await } else { run.read(&known).await };
    let ended = stage.ended(&answer)?;
    match (ended, &answer.object) {
        (_, None) => return Err("lost: a backup that exists leaves the state".to_owned()),
        (Ended::Done, Some(object)) => stage.same(object, &there, true)?,
        (_, Some(object)) if imports || *object == known => {}
        (_, Some(object)) => return Err(format!("wrong state: {object} instead of {known}")),
    }
    let second = if imports { run.import(&gone).await } else { run.read(&lost).await };
    match (second.ended()?, second.object) {
        (Ended::Done, None) => {}
        (Ended::Done, Some(object)) => return Err(format!("wrong state: {object} is gone")),
        (_, None) => return Err("lost: an error, and the object leaves the state".to_owned()),
        (_, Some(_)) if stage.cell.throughout || ended != Ended::Done => {}
        (_, Some(_)) => return Err(format!("unexpected: the second look failed too: {:?}", second.said)),
    }
    undone(stage, Some(known)).await.map(|()| ended)
}

async fn look_up(stage: &Stage) -> Result<Ended, String> {
    let row = stage.seed(NAME);
    let run = stage.spoiled().await;
    let service = stage.cell.key();
    let (name, arguments, list) = match stage.cell.doing {
        Doing::Backup => {
            ("backup", json!({ "service": service, "instance_id": row.instance_id, "backup_id": row.id }), None)
        }
        Doing::Backups => ("backups", json!({ "service": service, "instance_id": row.instance_id }), Some("backups")),
        _ => ("instances", json!({ "service": service }), Some("instances")),
    };
    let answer = run.look_up(name, &arguments).await;
    let ended = stage.ended(&answer)?;
    let Some(object) = answer.object.filter(|_| ended == Ended::Done) else { return Ok(ended) };
    let found = match list {
        None => object["id"] == row.id.as_str() && object["name"] == NAME && object["status"] == "COMPLETED",
        Some(list) => {
            let wanted = if list == "backups" { &row.id } else { &row.instance_id };
            let count = |found: &&Json| found["id"] == wanted.as_str();
            let seen = object[list].as_array().map_or(0, |found| found.iter().filter(count).count());
            // Of instances there are others, which are as odd.
            let unread = object["unreadable"].as_u64();
            seen == 1 || seen == 0 && unread.is_some_and(|count| count == 1 || list == "instances" && count > 0)
        }
    };
    if found { Ok(ended) } else { Err(format!("wrong state: {object} without {row:?}")) }
}

/// Every operation with everything that can go wrong, services taking turns.
fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (nth, doing) in DOINGS.into_iter().enumerate() {
        let services: Vec<_> = ALL.iter().filter(|service| doing.is_offered(**service)).collect();
        let wrongs = WRONGS.into_iter().chain(HOSTILE).enumerate();
        for (mth, wrong) in wrongs.filter(|(_, wrong)| doing.can_have(*wrong)) {
            for throughout in [false, true] {
                // At a host that refuses, nobody ever listens.
                if !throughout && wrong == Wrong::Refused {
                    continue;
                }
                if throughout && wrong == Wrong::Oversized && doing != Doing::Read {
                    // Again and again it only shows how fast this machine copies memory.
                    continue;
                }
                for turn in [0, 2] {
                    let service = *services[(nth + mth + 3 * usize::from(throughout) + turn) % services.len()];
                    cells.push(Cell { service, doing, wrong, throughout });
                }
            }
        }
    }
    // Searches in vain take longest, so they are begun first.
    cells.sort_by_key(|cell| cell.doing != Doing::Search);
    cells
}

#[test]
fn the_matrix_of_states() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let cells = cells();
    for service in ALL {
        let key = service.facts().key();
        let met: BTreeSet<Wrong> = cells.iter().filter(|cell| cell.key() == key).map(|cell| cell.wrong).collect();
        assert_eq!(met.len(), WRONGS.len() + HOSTILE.len(), "{key} meets everything that can go wrong");
    }
    let cells = matrix::chosen(cells, Cell::described);
    let outcome = runtime.expect("a runtime").block_on(async {
        let attached = attach(HuaweiDb).await.expect("a socket");
        let host = Host::attach(&attached).await;
        let schema = host.provider().get_provider_schema(tf::get_provider_schema::Request {}).await;
        let schema = Arc::new(schema.expect("an answer").into_inner());
        matrix::run(&cells, AT_ONCE, Cell::described, |cell| run(cell, Arc::clone(&schema))).await
    });
    outcome.tell(&format!(
        "fault matrix through the plugin's calls: {} cells ({} operations × {} faults, {} services in turn, once and \
         throughout): {} done, {} errors, {} unclear",
        cells.len(),
        DOINGS.len(),
        WRONGS.len() + HOSTILE.len(),
        ALL.len(),
        outcome.count(&Ended::Done),
        outcome.count(&Ended::Error),
        outcome.count(&Ended::Unclear),
    ));
}
