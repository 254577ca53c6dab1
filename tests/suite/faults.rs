//! The fault matrix: every operation of every service with everything that can go wrong on the way, once and throughout.
//! After each cell the cloud's own ledger is compared with what the engine said.

use std::net::SocketAddr;
use std::time::Duration;

use huaweidb::backup::{
    ALL, Backup, BackupRef, Backups, Error, Filter, NameOrigin, NewBackup, Service, Status, StopOutcome, StopScope,
};
use huaweidb::cloud::{Authorities, Cloud, Context, Credentials, Settings};
use huaweidb_emulator::{BackupRow, Emulator, Fault, FaultKind, NewBackups, Options};
use serde_json::Value as Json;
use tokio::net::TcpSocket;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::support::matrix;

/// The waits of the cloud floor between two attempts are so much shorter here.
pub(crate) const HASTE: u32 = 30;
/// So many cells run side by side: they mostly wait.
pub(crate) const AT_ONCE: usize = 96;
/// A late answer comes after the time limit.
const LATE_MS: u64 = 1_600;
/// A slow body arrives within the limits.
const SLOW_MS: u64 = 60;

/// What is done while something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Doing {
    Create,
    Read,
    List,
    Stop,
    Delete,
    Job,
    Token,
    Project,
    /// A create whose answer is lost, while the search for it has trouble too.
    Search,
}

const DOINGS: [Doing; 9] = [
    Doing::Create,
    Doing::Read,
    Doing::List,
    Doing::Stop,
    Doing::Delete,
    Doing::Job,
    Doing::Token,
    Doing::Project,
    Doing::Search,
];

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wrong {
    Refused,
    ClosedBefore,
    ClosedAfter,
    Late,
    ThrottledFor,
    Throttled,
    Status500,
    Html502,
    Status503,
    Status401,
    Busy403,
    Busy409,
    Garbage,
    Truncated,
    Empty,
    OddType,
    SlowBody,
    Redirect,
    Oversized,
    Nested,
    Nameless,
    OddContentType,
}

/// What a cloud would have to do on purpose.
pub(crate) const HOSTILE: [Wrong; 4] = [Wrong::Oversized, Wrong::Nested, Wrong::Nameless, Wrong::OddContentType];

pub(crate) const WRONGS: [Wrong; 18] = [
    Wrong::Refused,
    Wrong::ClosedBefore,
    Wrong::ClosedAfter,
    Wrong::Late,
    Wrong::ThrottledFor,
    Wrong::Throttled,
    Wrong::Status500,
    Wrong::Html502,
    Wrong::Status503,
    Wrong::Status401,
    Wrong::Busy403,
    Wrong::Busy409,
    Wrong::Garbage,
    Wrong::Truncated,
    Wrong::Empty,
    Wrong::OddType,
    Wrong::SlowBody,
    Wrong::Redirect,
];

#[derive(Clone, Copy)]
struct Cell {
    service: &'static dyn Service,
    doing: Doing,
    wrong: Wrong,
    /// Again and again, instead of once.
    throughout: bool,
}

/// How a cell ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ended {
    /// The goal was reached.
    Done,
    /// An error that is true: it names what exists, and nothing else does.
    Error,
    /// An error that says that a backup may exist which could not be found.
    Unclear,
    /// The service makes no such call, so nothing went wrong.
    NoSuchCall,
}

impl Wrong {
    pub(crate) fn fault(self) -> Option<Fault> {
        Some(match self {
            Wrong::Refused => return None,
            Wrong::ClosedBefore => Fault::new(FaultKind::CloseBefore),
            Wrong::ClosedAfter => Fault::new(FaultKind::CloseAfter),
            Wrong::Late => Fault::delay(LATE_MS),
            Wrong::ThrottledFor => Fault::refusal(429, "APIGW.0308").header("Retry-After", "1"),
            Wrong::Throttled => Fault::refusal(429, "APIGW.0308"),
            Wrong::Status500 => Fault::refusal(500, "DBS.280005"),
            Wrong::Html502 => Fault::new(FaultKind::Html),
            Wrong::Status503 => Fault::status(503),
            Wrong::Status401 => Fault::refusal(401, "APIGW.0301"),
            Wrong::Busy403 => Fault::refusal(403, "DBS.201014"),
            Wrong::Busy409 => Fault::refusal(409, "DBS.201205"),
            Wrong::Garbage => Fault::new(FaultKind::Garbage),
            Wrong::Truncated => Fault::new(FaultKind::Truncate),
            Wrong::Empty => Fault::new(FaultKind::Empty),
            Wrong::OddType => Fault::new(FaultKind::WrongType),
            Wrong::SlowBody => Fault { ms: Some(SLOW_MS), ..Fault::new(FaultKind::SlowBody) },
            Wrong::Redirect => Fault::new(FaultKind::Redirect),
            Wrong::Oversized => {
                let large = format!("{{\"backups\": [], \"padding\": \"{}\"}}", "x".repeat(17 << 20));
                Fault { apply: Some(true), ..Fault::status(200).body(Json::String(large)) }
            }
            Wrong::Nested => {
                let deep = format!("{}{}", "{\"backups\":[".repeat(50_000), "]}".repeat(50_000));
                Fault { apply: Some(true), ..Fault::status(200).body(Json::String(deep)) }
            }
            Wrong::Nameless => {
                let ids = ["id", "backup_id", "job_id"].map(str::to_owned).into();
                Fault { fields: ids, ..Fault::new(FaultKind::Without) }
            }
            Wrong::OddContentType => {
                Fault { content_type: Some("image/png".to_owned()), ..Fault::new(FaultKind::ContentType) }
            }
        })
    }

    /// So much shorter are the time limits: 30 s without a byte become 1 s where an answer is late, and stay where it is not, so
    /// that a slow machine makes none late.
    pub(crate) fn haste(self) -> u32 {
        if self == Wrong::Late { HASTE } else { 1 }
    }

    pub(crate) fn is_busy(self) -> bool {
        matches!(self, Wrong::Busy403 | Wrong::Busy409)
    }

    /// Whether the cloud does what it is asked, and only the answer is of no use.
    pub(crate) fn applies_all_the_same(self) -> bool {
        self.is_nonsense() || matches!(self, Wrong::ClosedAfter | Wrong::Late | Wrong::Truncated)
    }

    pub(crate) fn is_nonsense(self) -> bool {
        matches!(
            self,
            Wrong::Garbage | Wrong::Empty | Wrong::OddType | Wrong::Oversized | Wrong::Nested | Wrong::Nameless
        )
    }
}

impl Cell {
    /// Whether the combination can be had.
    fn applies(self) -> bool {
        let facts = self.service.facts();
        let creates = facts.no_create.is_none();
        let possible = match self.doing {
            Doing::Create | Doing::Search | Doing::Job => creates,
            Doing::Stop => creates && facts.stop != StopScope::Never,
            Doing::Read | Doing::List | Doing::Delete | Doing::Token | Doing::Project => true,
        };
        let at_iam = matches!(self.doing, Doing::Token | Doing::Project);
        possible
            && !(at_iam && self.wrong.is_busy())
            // Refused is a whole host at which nobody ever listens, not an operation of it.
            && (self.wrong != Wrong::Refused || self.throughout && !matches!(self.doing, Doing::Job | Doing::Search))
    }

    /// How it has to end.
    fn expected(self) -> Ended {
        if self.throughout { self.expected_throughout() } else { self.expected_once() }
    }

    fn expected_throughout(self) -> Ended {
        match (self.doing, self.wrong) {
            // A body that is only slow is read to its end, a list tells what a job does not, and the token itself comes in
            // a header.
            (_, Wrong::SlowBody) | (Doing::Job, _) | (Doing::Token, Wrong::Empty | Wrong::OddType) => Ended::Done,
            // It may have been carried out and not be listed yet: no look proves that nothing is left behind.
            (Doing::Search, _)
            | (
                Doing::Create,
                Wrong::ClosedBefore | Wrong::Status500 | Wrong::Html502 | Wrong::Status503 | Wrong::Redirect,
            ) => Ended::Unclear,
            // It is repeated until the time is over.
            (Doing::Delete, Wrong::Late) => Ended::Error,
            (Doing::Delete, Wrong::Truncated) if hides_deletions(self.service) => Ended::Error,
            // What was carried out is seen elsewhere.
            (Doing::Create | Doing::Stop | Doing::Delete, wrong) if wrong.applies_all_the_same() => Ended::Done,
            _ => Ended::Error,
        }
    }

    fn expected_once(self) -> Ended {
        let reads = matches!(self.doing, Doing::Read | Doing::List | Doing::Token | Doing::Project);
        match (self.doing, self.wrong) {
            // Of one look that fails for good nobody can tell what became of the create, nor of what something on the way says.
            (Doing::Search | Doing::Create, Wrong::Redirect) => Ended::Unclear,
            // The token itself comes in a header.
            (Doing::Job | Doing::Search, _) | (Doing::Token, Wrong::Empty | Wrong::OddType) => Ended::Done,
            // A password is not tried twice, and a key cannot be renewed.
            (Doing::Token | Doing::Project, Wrong::Status401) | (_, Wrong::Redirect) => Ended::Error,
            (_, wrong) if reads && (wrong.is_nonsense() || wrong.is_busy()) => Ended::Error,
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
}

/// Whether the lists of a service still call a backup completed while it is being deleted. Then a second delete whose
/// refusal cannot be read looks like a first.
pub(crate) fn hides_deletions(service: &dyn Service) -> bool {
    matches!(service.facts().key(), "geminidb" | "taurusdb" | "ddm")
}

/// An address at which nobody listens for as long as the test runs, nor ever will: a connection is refused.
pub(crate) fn refusing() -> Url {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    let url = format!("http://{}", socket.local_addr().expect("it is bound"));
    tokio::spawn(async move {
        let _is_taken = socket;
        std::future::pending::<()>().await;
    });
    url.parse().expect("a URL")
}

/// What leads to an emulator: with a password or with a key, with or without the project's id.
pub(crate) fn settings(emulator: &Emulator, signs_in: bool, knows_project: bool) -> Settings {
    let ready = emulator.ready();
    let endpoints = ready["endpoints"].as_object().expect("an object").iter();
    let endpoints = endpoints.map(|(key, url)| (key.clone(), url.as_str().expect("text").parse().expect("a URL")));
    let credentials = if signs_in {
        Credentials::Password {
            user_name: Some(emulator.user_name()),
            user_id: None,
            password: emulator.password().into(),
            domain_name: Some(emulator.domain_name()),
            domain_id: None,
        }
    } else {
        Credentials::Key {
            access_key: emulator.access_key(),
            secret_key: emulator.secret_key().into(),
            security_token: None,
        }
    };
    Settings {
        region: emulator.region(),
        cloud: None,
        credentials,
        assume_role: None,
        project_id: knows_project.then(|| emulator.project_id()),
        project_name: None,
        endpoints: endpoints.collect(),
        auth_url: None,
        auth_url_from: String::new(),
        unsent_token: None,
        project_from: String::new(),
        insecure: false,
        authorities: Authorities::default(),
        proxy: None,
        max_retries: 5,
        user_agent: "fault-matrix".to_owned(),
    }
}

/// One emulator with one instance in use, and the engine that talks to it.
struct Stage {
    emulator: Emulator,
    cell: Cell,
    instance_id: String,
}

impl Stage {
    async fn set(cell: Cell) -> Self {
        let mut options = Options::with_backups_of(0.3);
        options.pace.stop_seconds = Some(0.2);
        options.pace.delete_seconds = Some(0.2);
        if cell.doing == Doing::Job {
            // A job is asked when the list does not tell yet.
            options.pace.list_delay_seconds = 0.5;
            options.pace.backup_seconds = 1.0;
        }
        if cell.doing == Doing::Stop {
            options.pace.backup_seconds = 30.0;
        }
        if cell.wrong == Wrong::Truncated {
            // The second delete meets the first, also on a slow machine.
            options.pace.delete_seconds = Some(5.0);
        }
        // Faults may be many; a lock is another matter.
        options.modes.locking = false;
        let emulator = Emulator::start(options).await.expect("the emulator starts");
        let instance_id = emulator.instance(cell.key());
        Stage { emulator, cell, instance_id }
    }

    fn settings(&self) -> Settings {
        let Cell { doing, wrong, .. } = self.cell;
        let signs_in = doing == Doing::Token || (wrong == Wrong::Status401 && doing != Doing::Project);
        settings(&self.emulator, signs_in, doing != Doing::Project)
    }

    fn backups(&self, settings: Settings) -> Backups {
        Backups::new(Cloud::hasty(settings, HASTE, self.cell.wrong.haste()).expect("good settings"))
    }

    /// Lets it go wrong from now on, and gives an engine for which it does.
    fn spoiled(&self) -> Backups {
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
                    Doing::Read | Doing::List | Doing::Search => fault.method("GET"),
                    Doing::Stop => fault.operation("stop"),
                    Doing::Delete => fault.operation("delete"),
                    Doing::Job => fault.operation("job"),
                    Doing::Token => fault.operation("token"),
                    Doing::Project => fault.operation("projects"),
                });
            }
        }
        self.backups(settings)
    }

    fn was_hit(&self) -> bool {
        let faults = self.emulator.journal().iter().filter(|call| call.fault.is_some()).count();
        self.cell.wrong == Wrong::Refused || faults > usize::from(self.cell.doing == Doing::Search)
    }

    fn seed(&self, name: &str) -> BackupRow {
        let wanted =
            NewBackups { instance_id: self.instance_id.clone(), name: Some(name.to_owned()), ..NewBackups::default() };
        self.emulator.add_backups(&wanted).remove(0)
    }

    fn rows(&self, name: &str) -> Vec<BackupRow> {
        self.emulator.backups().into_iter().filter(|row| row.name == name).collect()
    }

    fn want(&self, name: &str) -> NewBackup {
        NewBackup {
            instance_id: self.instance_id.clone(),
            name: name.to_owned(),
            description: Some("taken while something goes wrong".to_owned()),
            name_origin: NameOrigin::Random,
            ..NewBackup::default()
        }
    }
}

fn context(limit: Duration) -> Context {
    Context { deadline: tokio::time::Instant::now() + limit, stop: CancellationToken::new() }
}

fn reference(row: &BackupRow) -> BackupRef {
    BackupRef::new(&*row.id, Some(row.instance_id.clone()))
}

/// What was claimed and what is, told apart.
fn same(backup: &Backup, row: &BackupRow) -> Result<(), String> {
    let alike = backup.id == row.id
        && backup.name == row.name
        && backup.instance_id == row.instance_id
        && backup.status == Status::named(&row.status);
    if alike { Ok(()) } else { Err(format!("wrong state: the engine says {backup:?}, the ledger {row:?}")) }
}

async fn run(cell: Cell) -> Result<Ended, String> {
    let stage = Stage::set(cell).await;
    // What cannot end well need not be waited for.
    let limit = Duration::from_secs(if cell.throughout && cell.expected() != Ended::Done { 3 } else { 120 });
    let ended = match cell.doing {
        Doing::Create | Doing::Search => create(&stage, &stage.spoiled(), limit).await,
        Doing::Token | Doing::Project if cell.service.facts().no_create.is_none() => {
            create(&stage, &stage.spoiled(), limit).await
        }
        Doing::Read | Doing::Token | Doing::Project => read(&stage, limit).await,
        Doing::List => list(&stage, limit).await,
        Doing::Stop => stop(&stage, limit).await,
        Doing::Delete => delete(&stage, limit).await,
        Doing::Job => job(&stage, limit).await,
    }?;
    if !stage.was_hit() {
        return Ok(Ended::NoSuchCall);
    }
    if ended != cell.expected() {
        return Err(format!("unexpected: {ended:?} instead of {:?}", cell.expected()));
    }
    Ok(ended)
}

/// Takes a backup and waits for its end.
async fn create(stage: &Stage, backups: &Backups, limit: Duration) -> Result<Ended, String> {
    let (service, context, name) = (stage.cell.service, context(limit), "faulty-1");
    let begun = backups.of(&context, service).begin(&stage.want(name)).await;
    let result = match begun {
        Ok(started) => backups.of(&context, service).completed(&started, &()).await,
        Err(error) => Err(error),
    };
    let rows = stage.rows(name);
    if rows.len() > 1 {
        return Err(format!("duplicates: {rows:?} after {result:?}"));
    }
    let created = stage.emulator.totals().created;
    match (result, rows.first()) {
        (Ok(backup), Some(row)) => same(&backup, row).map(|()| Ended::Done),
        (Ok(backup), None) => Err(format!("lost: {backup:?} is not in the ledger")),
        (Err(Error::Unclear { candidates, .. }), row) => {
            let known = candidates.iter().all(|one| row.is_some_and(|row| row.id == one.id));
            if known { Ok(Ended::Unclear) } else { Err(format!("wrong state: {candidates:?} but {row:?}")) }
        }
        (
            Err(
                Error::Failed { id, .. }
                | Error::OutOfSight { id, .. }
                | Error::StillRunning { id, .. }
                | Error::Stopped { id, .. },
            ),
            Some(row),
        ) if id == row.id => Ok(Ended::Error),
        (Err(error), Some(row)) => Err(format!("orphan: {row:?} after {error:?}")),
        (Err(error), None) if created > 0 => Err(format!("lost: a backup was taken and is gone after {error:?}")),
        (Err(_), None) => Ok(Ended::Error),
    }
}

async fn read(stage: &Stage, limit: Duration) -> Result<Ended, String> {
    let (there, gone) = (stage.seed("there"), stage.seed("gone"));
    stage.emulator.vanish(&gone.id);
    let backups = stage.spoiled();
    let (service, context) = (stage.cell.service, context(limit));
    let first = match backups.of(&context, service).find(&reference(&there)).await {
        Ok(Some(backup)) => same(&backup, &there).map(|()| Ended::Done)?,
        Ok(None) => return Err("lost: a backup that exists is said to be gone".to_owned()),
        Err(_) => Ended::Error,
    };
    match backups.of(&context, service).find(&reference(&gone)).await {
        Ok(Some(backup)) => return Err(format!("wrong state: {backup:?} is gone")),
        Err(error) if !stage.cell.throughout && first == Ended::Done => {
            return Err(format!("unexpected: the second look failed too: {error:?}"));
        }
        Ok(None) | Err(_) => {}
    }
    Ok(first)
}

async fn list(stage: &Stage, limit: Duration) -> Result<Ended, String> {
    let count = 3;
    let wanted = NewBackups { instance_id: stage.instance_id.clone(), count, ..NewBackups::default() };
    let rows = stage.emulator.add_backups(&wanted);
    let backups = stage.spoiled();
    let filter = Filter { instance_id: Some(stage.instance_id.clone()), ..Filter::default() };
    match backups.of(&context(limit), stage.cell.service).list(&filter).await {
        Ok(found) => {
            if found.len() != count {
                return Err(format!("lost: {} of {count} are listed", found.len()));
            }
            for backup in &found {
                let row = rows.iter().find(|row| row.id == backup.id);
                same(backup, row.ok_or_else(|| format!("wrong state: {backup:?}"))?)?;
            }
            Ok(Ended::Done)
        }
        Err(_) => Ok(Ended::Error),
    }
}

/// A backup that runs, begun while all was well.
async fn running(stage: &Stage) -> Result<BackupRow, String> {
    let begun = stage
        .backups(stage.settings())
        .of(&context(Duration::from_mins(1)), stage.cell.service)
        .begin(&stage.want("running"))
        .await
        .map_err(|error| format!("unexpected: nothing was wrong yet: {error:?}"))?;
    stage.emulator.backup(&begun.backup_id).ok_or_else(|| "lost: it is not in the ledger".to_owned())
}

async fn stop(stage: &Stage, limit: Duration) -> Result<Ended, String> {
    let row = running(stage).await?;
    let backups = stage.spoiled();
    let result = backups.of(&context(limit), stage.cell.service).stop(&reference(&row), &|| {}).await;
    let now = stage.emulator.backup(&row.id);
    match (result, now) {
        (Ok(StopOutcome::Stopped(Some(backup))), Some(now)) if now.status != "BUILDING" => {
            same(&backup, &now).map(|()| Ended::Done)
        }
        // Where a stop is lost and the next is not taken, it may complete first; then that is said.
        (Ok(StopOutcome::Completed(backup)), Some(now)) if now.status == "COMPLETED" => {
            same(&backup, &now).map(|()| Ended::Done)
        }
        // On a slow machine it may be over before it is asked to stop: that is true, and not what was to be tried.
        (Ok(StopOutcome::NotRunning(backup)), Some(now)) if now.status == "COMPLETED" => {
            same(&backup, &now)?;
            Err("unexpected: it had ended before it was asked to stop".to_owned())
        }
        (Ok(said), now) => Err(format!("wrong state: the engine says {said:?}, the ledger {now:?}")),
        (Err(error), None) => Err(format!("lost: it is gone after {error:?}")),
        (Err(Error::Vanished { .. }), Some(row)) => Err(format!("wrong state: {row:?} is said to have vanished")),
        (Err(_), Some(_)) => Ok(Ended::Error),
    }
}

async fn delete(stage: &Stage, limit: Duration) -> Result<Ended, String> {
    let (victim, bystander) = (stage.seed("victim"), stage.seed("bystander"));
    let backups = stage.spoiled();
    let result = backups.of(&context(limit), stage.cell.service).delete(&reference(&victim)).await;
    if stage.emulator.backup(&bystander.id).is_none() {
        return Err("lost: a backup nobody spoke of".to_owned());
    }
    match (result, stage.emulator.backup(&victim.id)) {
        (Ok(()), None) => Ok(Ended::Done),
        (Ok(()), Some(row)) => Err(format!("orphan: {row:?} is said to be gone")),
        // Nobody could be asked any more: it stays in the state, as one that may be going, and the next look shows the truth.
        (Err(error), None) if stage.cell.throughout && error.was_sent() => Ok(Ended::Error),
        // That is true, and the time was over too early.
        (Err(error), None) if error.was_sent() => Err(format!("unexpected: it is gone, and {error:?}")),
        (Err(error), None) => Err(format!("wrong state: it is gone, but {error:?}")),
        (Err(_), Some(_)) => Ok(Ended::Error),
    }
}

/// A whole life while only the jobs cannot be asked.
async fn job(stage: &Stage, limit: Duration) -> Result<Ended, String> {
    let limit = limit.max(Duration::from_mins(2));
    let backups = stage.spoiled();
    create(stage, &backups, limit).await?;
    let row = stage.rows("faulty-1").pop().ok_or("unexpected: it is not in the ledger")?;
    stage.emulator.set_pace(|pace| {
        pace.backup_seconds = 20.0;
        pace.list_delay_seconds = 0.0;
        pace.stop_seconds = Some(2.5);
        pace.delete_seconds = Some(2.5);
    });
    let service = stage.cell.service;
    let context = context(limit);
    if service.facts().stop != StopScope::Never {
        let second = backups.of(&context, service).begin(&stage.want("second")).await;
        let second = second.map_err(|error| format!("unexpected: {error:?}"))?;
        let stopped = backups.of(&context, service).stop(&second.backup(), &|| {}).await;
        let now = stage.emulator.backup(&second.backup_id);
        if !matches!(stopped, Ok(StopOutcome::Stopped(_) | StopOutcome::Completed(_)))
            || now.is_some_and(|now| now.status == "BUILDING")
        {
            return Err(format!("unexpected: {stopped:?}"));
        }
    }
    match backups.of(&context, service).delete(&reference(&row)).await {
        Ok(()) if stage.emulator.backup(&row.id).is_none() => Ok(Ended::Done),
        other => Err(format!("unexpected: {other:?}")),
    }
}

#[test]
fn the_matrix() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let cells: Vec<Cell> = ALL
        .iter()
        .flat_map(|service| {
            DOINGS.into_iter().flat_map(move |doing| {
                WRONGS.into_iter().flat_map(move |wrong| {
                    [false, true].map(|throughout| Cell { service: *service, doing, wrong, throughout })
                })
            })
        })
        .filter(|cell| cell.applies())
        .collect();
    let cells = matrix::chosen(cells, Cell::described);
    let outcome = runtime.expect("a runtime").block_on(matrix::run(&cells, AT_ONCE, Cell::described, run));
    outcome.tell(&format!(
        "fault matrix: {} cells ({} operations × {} faults × {} services, once and throughout): {} done, {} errors, {} \
         unclear, {} without such a call",
        cells.len(),
        DOINGS.len(),
        WRONGS.len(),
        ALL.len(),
        outcome.count(&Ended::Done),
        outcome.count(&Ended::Error),
        outcome.count(&Ended::Unclear),
        outcome.count(&Ended::NoSuchCall),
    ));
}
