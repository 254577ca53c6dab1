//! Everything behind the doors, and the way a request takes through it: route, fault, gate, throttle, project, service.

use serde::{Deserialize, Serialize};

use crate::clock::{self, Millis};
use crate::directory::{Caller, Directory, Grant, HOME, Proof};
use crate::faults::{self, Fault, FaultKind, Faults};
use crate::gate;
use crate::journal::{self, Call, Journal};
use crate::ledger::{Activity, Backup, Instance, Ledger, Seed, Status};
use crate::mint::{Mint, stable_hex};
use crate::modes::{ForeignProject, Modes, RetryAfter};
use crate::pace::{Pace, Paces};
use crate::service::{self, Service};
use crate::services::{Desk, Outcome, Route, iam};
use crate::throttle::Turnstile;
use crate::wire::{Answer, Ask, Refusal};

/// How an answer goes over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Whole,
    /// Half of it, then the connection breaks.
    Broken,
    /// In pieces, this many milliseconds apart.
    Slow(u64),
}

/// What the server does after a request.
#[derive(Debug)]
pub(crate) struct Dispatch {
    /// The answer; none closes the connection.
    pub(crate) answer: Option<Answer>,
    pub(crate) wait_ms: u64,
    pub(crate) manner: Manner,
    /// A request that is applied only after this many milliseconds.
    pub(crate) late: Option<(u64, Ask)>,
}

/// An instance to put there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NewInstance {
    /// The service it belongs to.
    pub service: String,
    /// Its name.
    pub name: String,
    /// Its id; made up when absent.
    pub id: Option<String>,
    /// Its engine: `PostgreSQL`, `cassandra`, `Sharding` …; the service's first when absent.
    pub engine: Option<String>,
    /// Its project; that of `region` when absent.
    pub project_id: Option<String>,
    /// Its region; that of the emulator when absent.
    pub region: Option<String>,
    /// Seconds it is busy with something else from now on.
    pub busy_seconds: f64,
    /// Room for data in GB; 100 when absent.
    pub size_gb: Option<u64>,
}

/// Backups to put there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NewBackups {
    /// The service; may be left out, as the instance tells it.
    pub service: Option<String>,
    /// Their instance.
    pub instance_id: String,
    /// How many.
    pub count: usize,
    /// What their names begin with; a number of four digits follows.
    pub name_prefix: String,
    /// The whole name, for a single one.
    pub name: Option<String>,
    /// `BUILDING`, `COMPLETED`, `FAILED` or `DELETING`.
    pub status: String,
    /// `manual`, `auto`, `incremental` or `fragment`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Begin of the newest one, RFC 3339; an hour ago when absent.
    pub begin_time: Option<String>,
    /// Seconds between the begin of one and the next.
    pub seconds_apart: f64,
}

impl Default for NewBackups {
    fn default() -> Self {
        Self {
            service: None,
            instance_id: String::new(),
            count: 1,
            name_prefix: "backup-".to_owned(),
            name: None,
            status: "COMPLETED".to_owned(),
            kind: "manual".to_owned(),
            begin_time: None,
            seconds_apart: 60.0,
        }
    }
}

impl NewBackups {
    /// One completed manual backup of an instance.
    pub fn of(instance_id: &str) -> Self {
        Self { instance_id: instance_id.to_owned(), ..Self::default() }
    }
}

/// An instance as the ledger shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstanceRow {
    /// Its id.
    pub id: String,
    /// Its service.
    pub service: String,
    /// Its name.
    pub name: String,
    /// Its engine.
    pub engine: String,
    /// Its project.
    pub project_id: String,
    /// Its region.
    pub region: String,
    /// `IDLE`, `BACKING UP`, `RESTORING` or `BUSY`.
    pub status: String,
    /// What it holds: `own`, the id of the backup that was restored into it, `instance@milliseconds` after a restore to
    /// a point in time, or `damaged` after one that failed.
    pub contents: String,
}

/// A backup as the ledger shows it, in one set of words and units for all services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackupRow {
    /// Its id.
    pub id: String,
    /// Its service.
    pub service: String,
    /// Its instance.
    pub instance_id: String,
    /// The name of its instance.
    pub instance_name: String,
    /// Its project.
    pub project_id: String,
    /// Its region.
    pub region: String,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// `BUILDING`, `COMPLETED`, `FAILED` or `DELETING`.
    pub status: String,
    /// `manual`, `auto`, `incremental` or `fragment`.
    #[serde(rename = "type")]
    pub kind: String,
    /// RFC 3339, UTC, whole seconds as on the wire.
    pub begin_time: String,
    /// The same for the end, once it is reached.
    pub end_time: Option<String>,
    /// Size in bytes; 0 until it is complete.
    pub size_bytes: u64,
}

/// The emulated cloud.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) directory: Directory,
    pub(crate) modes: Modes,
    pub(crate) paces: Paces,
    pub(crate) journal: Journal,
    pub(crate) faults: Faults,
    pub(crate) region: String,
    /// Name and URL of every door but `control`.
    pub(crate) endpoints: Vec<(&'static str, String)>,
    pub(crate) control: String,
    /// What handlers said when they panicked.
    pub(crate) panics: Vec<String>,
    turnstile: Turnstile,
    mint: Mint,
}

impl World {
    pub(crate) fn new(region: &str, pace: Pace, modes: Modes) -> Self {
        Self {
            ledger: Ledger::new(Mint::random()),
            directory: Directory::new(region),
            modes,
            paces: Paces::new(pace),
            journal: Journal::default(),
            faults: Faults::default(),
            region: region.to_owned(),
            endpoints: Vec::new(),
            control: String::new(),
            panics: Vec::new(),
            turnstile: Turnstile::default(),
            mint: Mint::random(),
        }
    }

    /// Puts the sample instances of every service there.
    pub(crate) fn furnish(&mut self, now: Millis) {
        for service in service::ALL {
            for (name, engine) in service.samples() {
                let wanted = NewInstance {
                    service: service.name().to_owned(),
                    name: (*name).to_owned(),
                    engine: Some((*engine).to_owned()),
                    ..NewInstance::default()
                };
                self.add_instance(&wanted, now).expect("samples are valid and differ");
            }
        }
    }

    /// The project of the user's account that is named like a region.
    pub(crate) fn project_of(&self, region: &str) -> Option<&str> {
        self.directory.accounts[HOME].project_by_name(region).map(|project| project.id.as_str())
    }

    /// Handles one request to a service or to IAM.
    pub(crate) fn handle(&mut self, door: &'static str, ask: &Ask, now: Millis) -> Dispatch {
        self.ledger.settle(now);
        let service = Service::from_name(door);
        let route = match service {
            Some(service) => service.route(ask),
            None => iam::route(ask),
        };
        let operation = route.map_or("unknown", |route| route.operation);
        let fault = self.faults.take(&faults::Arrival {
            service: door,
            method: ask.method.as_str(),
            path: &ask.path,
            query: &ask.query_text,
            operation,
        });
        let request_id = self.mint.hex32();
        let doomed = fault.as_ref().is_some_and(|fault| fault.kind == FaultKind::FailBackup);
        self.ledger.undone = fault.as_ref().and_then(Fault::outcome);
        let mut answer = if fault.as_ref().is_none_or(Fault::applies) {
            let legacy = self.modes.legacy_errors && service == Some(Service::Ddm);
            match self.answer(service, route, ask, now, doomed) {
                Ok(answer) => answer,
                Err(refusal) => refusal.answer(&self.modes.gateway_prefix, legacy, &request_id),
            }
        } else {
            Answer::empty(200)
        };
        self.ledger.undone = None;
        if let Some(fault) = &fault {
            answer = fault.spoil(answer);
        }
        let date = clock::http_date(now + self.paces.of(service).date_off());
        answer = answer.with("X-Request-Id", &request_id).with("Server", "api-gateway").with("Date", date);
        if service.is_none() {
            answer = answer.with("X-IAM-Trace-Id", format!("token_{}_null_{request_id}", self.region));
        }
        let silent = fault.as_ref().is_some_and(Fault::silent);
        self.journal.write(Call {
            at: clock::rfc3339(now),
            service: door.to_owned(),
            method: ask.method.to_string(),
            path: ask.path.clone(),
            query: journal::harmless(&ask.query_text),
            status: (!silent).then_some(answer.status),
            auth: shown_proof(ask).to_owned(),
            operation: operation.to_owned(),
            fault: fault.as_ref().map(name_of),
        });
        let ms = fault.as_ref().and_then(|fault| fault.ms);
        let kind = fault.as_ref().map(|fault| fault.kind);
        let pause = fault.as_ref().map_or(0, Fault::pause);
        Dispatch {
            answer: (!silent).then_some(answer),
            wait_ms: self.paces.of(service).latency_ms + pause,
            manner: match kind {
                Some(FaultKind::Truncate) => Manner::Broken,
                Some(FaultKind::SlowBody) => Manner::Slow(ms.unwrap_or(200)),
                _ => Manner::Whole,
            },
            late: fault.and_then(|fault| fault.late_ms).map(|ms| (ms, ask.clone())),
        }
    }

    /// Applies a request that was under way for so long that nobody waits for its answer.
    pub(crate) fn arrive(&mut self, door: &'static str, ask: &Ask, now: Millis) {
        self.ledger.settle(now);
        let service = Service::from_name(door);
        let route = service.map_or_else(|| iam::route(ask), |service| service.route(ask));
        // Accepted or refused, there is nobody to tell.
        let _ = self.answer(service, route, ask, now, false);
    }

    fn answer(
        &mut self,
        service: Option<Service>,
        route: Option<Route>,
        ask: &Ask,
        now: Millis,
        doomed: bool,
    ) -> Outcome {
        let door = service.map_or("iam", Service::name);
        let route = route.filter(|route| self.modes.offers(door, route.operation)).ok_or_else(|| {
            let text = "The API does not exist or has not been published in the environment";
            Refusal::gateway(404, "0101", format!("{text}: {} {}", ask.method, ask.path))
        })?;
        let caller =
            if route.open { None } else { Some(gate::identify(&mut self.directory, &self.modes, service, ask, now)?) };
        self.throttled(door, route.operation, now)?;
        let mut project_id = "";
        if let (Some(service), Some(caller)) = (service, &caller) {
            project_id = ask.segments.get(1).map_or("", String::as_str);
            match self.check_project(service, caller, project_id, ask) {
                Err(_) if self.modes.foreign_project == ForeignProject::Empty => project_id = "",
                checked => checked?,
            }
        }
        let mut desk = Desk {
            ledger: &mut self.ledger,
            directory: &mut self.directory,
            modes: &self.modes,
            pace: self.paces.of(service),
            now,
            caller: caller.as_ref(),
            project_id,
            doomed,
            endpoints: &self.endpoints,
        };
        (route.run)(&mut desk, ask)
    }

    fn throttled(&mut self, door: &'static str, operation: &'static str, now: Millis) -> Result<(), Refusal> {
        let Some(limit) = &self.modes.throttle else { return Ok(()) };
        let Err(wait) = self.turnstile.pass(limit, (door, operation), now) else { return Ok(()) };
        let span = if (limit.per_seconds - 60.0).abs() < 0.001 {
            "1 minute".to_owned()
        } else {
            format!("{} second", limit.per_seconds)
        };
        let refusal = Refusal::gateway(
            429,
            "0308",
            format!(
                "The throttling threshold has been reached: policy user over ratelimit,limit:{},time:{span}",
                limit.calls
            ),
        );
        // Whole seconds, rounded up: whoever waits that long is let through.
        let seconds = (wait + 999) / 1000;
        Err(match limit.retry_after {
            RetryAfter::None => refusal,
            RetryAfter::Seconds => refusal.with("Retry-After", seconds.to_string()),
            RetryAfter::Date => refusal.with("Retry-After", clock::http_date(now + 999 + seconds * 1000)),
        })
    }

    /// The project in the path has to be one that the caller may use, and the one the caller says it is.
    fn check_project(&self, service: Service, caller: &Caller, project_id: &str, ask: &Ask) -> Result<(), Refusal> {
        let open = match &caller.project_id {
            Some(scope) => scope == project_id,
            None => self.directory.accounts[caller.account].project_by_id(project_id).is_some(),
        };
        let stated = ask.header("x-project-id").filter(|_| caller.proof == Proof::Signature);
        if open && stated.is_none_or(|stated| stated == project_id) { Ok(()) } else { Err(service.foreign_project()) }
    }

    // What tests and people put there, see and change.

    pub(crate) fn add_instance(&mut self, wanted: &NewInstance, now: Millis) -> Result<InstanceRow, String> {
        let service = Service::from_name(&wanted.service).ok_or_else(|| format!("no service {:?}", wanted.service))?;
        if wanted.name.is_empty() {
            return Err("an instance needs a name".to_owned());
        }
        let asked = wanted.engine.as_deref().unwrap_or_default();
        let (engine, version, mode) =
            service.engine(asked).ok_or_else(|| format!("{} has no engine {asked:?}", wanted.service))?;
        let (project_id, region) = match (&wanted.project_id, &wanted.region) {
            (Some(id), _) => {
                let (_, project) = self.directory.project(id).ok_or_else(|| format!("no project {id:?}"))?;
                (id.clone(), project.region.clone())
            }
            (None, region) => {
                let region = region.as_ref().unwrap_or(&self.region);
                let id = self.project_of(region).ok_or_else(|| format!("no region {region:?}"))?;
                (id.to_owned(), region.clone())
            }
        };
        let stable = stable_hex(&[service.name(), &project_id, &wanted.name]) + &service.instance_suffix(engine);
        let id = match &wanted.id {
            Some(id) if id.is_empty() => return Err("an id cannot be empty".to_owned()),
            Some(id) => id.clone(),
            None if self.ledger.instance_by_id(&stable).is_none() => stable,
            None => self.mint.id(&service.instance_suffix(engine)),
        };
        let mut instance = Instance::new(
            id.clone(),
            service,
            project_id,
            region,
            wanted.name.clone(),
            (engine.to_owned(), version.to_owned(), mode.to_owned()),
            now,
            now + clock::millis(wanted.busy_seconds),
        );
        instance.size_gb = wanted.size_gb.unwrap_or(instance.size_gb);
        let row = self.instance_row(&instance, now);
        if self.ledger.add_instance(instance) { Ok(row) } else { Err(format!("id {id:?} is taken")) }
    }

    pub(crate) fn add_backups(&mut self, wanted: &NewBackups, now: Millis) -> Result<Vec<BackupRow>, String> {
        let id = &wanted.instance_id;
        let instance = self.ledger.instance_by_id(id).ok_or_else(|| format!("no instance {id:?}"))?;
        if wanted.service.as_ref().is_some_and(|service| service != instance.service.name()) {
            return Err(format!("instance {id:?} belongs to {}", instance.service.name()));
        }
        if !["manual", "auto", "incremental", "fragment"].contains(&wanted.kind.as_str()) {
            return Err(format!("no type {:?}", wanted.kind));
        }
        let service = instance.service;
        let status = status_of(&wanted.status).ok_or_else(|| format!("no status {:?}", wanted.status))?;
        let newest = match &wanted.begin_time {
            None => now - 3_600_000,
            Some(text) => clock::read_rfc3339(text).ok_or_else(|| format!("{text:?} is no RFC 3339 time"))?,
        };
        let apart = clock::millis(wanted.seconds_apart);
        let mut rows = Vec::with_capacity(wanted.count);
        let mut began = newest - apart * i64::try_from(wanted.count.saturating_sub(1)).unwrap_or(0);
        for number in 1..=wanted.count {
            let name = match &wanted.name {
                Some(name) if wanted.count == 1 => name.clone(),
                _ => format!("{}{number:04}", wanted.name_prefix),
            };
            let seed = Seed { instance_id: &wanted.instance_id, name, kind: &wanted.kind, status, began };
            let id = self.ledger.seed(seed, self.paces.of(Some(service)), now).ok_or("the instance has gone")?;
            rows.extend(self.ledger.backup(&id).map(|backup| backup_row(backup, now)));
            began += apart;
        }
        Ok(rows)
    }

    /// Sets a status; a word that is none of the four is shown as it is. False when there is no such backup.
    pub(crate) fn set_status(&mut self, id: &str, word: &str, now: Millis) -> bool {
        self.ledger.settle(now);
        match status_of(word) {
            Some(status) => {
                let service = self.ledger.backup(id).map(|backup| backup.service);
                self.ledger.set_status(id, status, self.paces.of(service), now)
            }
            None => self.ledger.set_word(id, word),
        }
    }

    /// Takes a backup away, as if someone else had deleted it. False when there is no such backup.
    pub(crate) fn vanish(&mut self, id: &str, now: Millis) -> bool {
        self.ledger.settle(now);
        let service = self.ledger.backup(id).map(|backup| backup.service);
        self.ledger.vanish(id, self.paces.of(service), now)
    }

    pub(crate) fn instance_row(&self, instance: &Instance, now: Millis) -> InstanceRow {
        let status = match self.ledger.activity(instance, now) {
            Activity::Idle => "IDLE",
            Activity::BackingUp => "BACKING UP",
            Activity::Restoring => "RESTORING",
            Activity::Otherwise => "BUSY",
        };
        InstanceRow {
            id: instance.id.clone(),
            service: instance.service.name().to_owned(),
            name: instance.name.clone(),
            engine: instance.engine.clone(),
            project_id: instance.project_id.clone(),
            region: instance.region.clone(),
            status: status.to_owned(),
            contents: instance.data.marker(now).to_owned(),
        }
    }

    pub(crate) fn instance_rows(&self, now: Millis) -> Vec<InstanceRow> {
        self.ledger.instances().iter().map(|instance| self.instance_row(instance, now)).collect()
    }

    pub(crate) fn backup_rows(&mut self, now: Millis) -> Vec<BackupRow> {
        self.ledger.settle(now);
        self.ledger.all(now).map(|backup| backup_row(backup, now)).collect()
    }

    pub(crate) fn backup_row(&mut self, id: &str, now: Millis) -> Option<BackupRow> {
        self.ledger.settle(now);
        self.ledger.backup(id).filter(|backup| !backup.gone(now)).map(|backup| backup_row(backup, now))
    }

    /// A permanent key of an account, for all its projects or for one.
    pub(crate) fn issue_key(&mut self, account: &str, project_id: Option<&str>) -> Result<(String, String), String> {
        let accounts = &self.directory.accounts;
        let index = accounts.iter().position(|known| known.name == account || known.id == account);
        let index = index.ok_or_else(|| format!("no account {account:?}"))?;
        if let Some(id) = project_id.filter(|id| accounts[index].project_by_id(id).is_none()) {
            return Err(format!("{account} has no project {id:?}"));
        }
        Ok(self.directory.key_for(index, project_id))
    }

    /// A token for a project, without a call.
    pub(crate) fn issue_token(&mut self, project_id: &str, seconds: f64, now: Millis) -> Option<String> {
        let (account, project) = self.directory.project(project_id)?;
        let project = Some(project.clone());
        let expires = now + clock::millis(seconds);
        Some(self.directory.issue(Grant { account, project, issued: now, expires, method: "password" }))
    }
}

/// What the request shows, whether it is good or not.
fn shown_proof(ask: &Ask) -> &'static str {
    if ask.headers.contains_key("x-auth-token") {
        "token"
    } else if ask.headers.contains_key("authorization") {
        "aksk"
    } else {
        "none"
    }
}

fn name_of(fault: &Fault) -> String {
    match serde_json::to_value(fault.kind) {
        Ok(serde_json::Value::String(name)) => name,
        _ => format!("{:?}", fault.kind),
    }
}

fn status_of(word: &str) -> Option<Status> {
    [Status::Building, Status::Completed, Status::Failed, Status::Deleting].into_iter().find(|s| s.word() == word)
}

fn backup_row(backup: &Backup, now: Millis) -> BackupRow {
    let seconds = |at: Millis| clock::zoneless(at) + "Z";
    BackupRow {
        id: backup.id.clone(),
        service: backup.service.name().to_owned(),
        instance_id: backup.instance_id.clone(),
        instance_name: backup.instance_name.clone(),
        project_id: backup.project_id.clone(),
        region: backup.region.clone(),
        name: backup.name.clone(),
        description: backup.description.clone(),
        status: backup.status(now).word().to_owned(),
        kind: backup.kind.clone(),
        begin_time: seconds(backup.began),
        end_time: backup.ended(now).map(seconds),
        size_bytes: backup.size_bytes(now),
    }
}
