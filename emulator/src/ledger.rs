//! What exists and what may happen to it: a state machine without sockets, clocks or services' wording.
//!
//! Everything that passes with time is worked out from moments written down before (`ends_at`, `gone_at`), so an
//! answer depends on the ledger, the question and the time that is passed in, and on nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use crate::clock::Millis;
use crate::mint::Mint;
use crate::pace::Pace;
use crate::restores::Data;
use crate::services::Service;

/// State of a backup, in the words the emulator uses for all services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Building,
    Completed,
    Failed,
    Deleting,
}

impl Status {
    /// The word used on the control port.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Building => "BUILDING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Deleting => "DELETING",
        }
    }
}

/// What an instance is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    Idle,
    BackingUp,
    Restoring,
    Otherwise,
}

/// A database instance.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) service: Service,
    pub(crate) project_id: String,
    pub(crate) region: String,
    pub(crate) name: String,
    pub(crate) engine: String,
    pub(crate) version: String,
    pub(crate) mode: String,
    pub(crate) created: Millis,
    /// Busy with something that is no backup until then.
    pub(crate) busy_until: Millis,
    /// Room for data.
    pub(crate) size_gb: u64,
    pub(crate) data: Data,
    running: Vec<String>,
}

impl Instance {
    #[expect(clippy::too_many_arguments, reason = "plain facts, each named at the one place that calls this")]
    pub(crate) fn new(
        id: String,
        service: Service,
        project_id: String,
        region: String,
        name: String,
        (engine, version, mode): (String, String, String),
        created: Millis,
        busy_until: Millis,
    ) -> Self {
        Self {
            id,
            service,
            project_id,
            region,
            name,
            engine,
            version,
            mode,
            created,
            busy_until,
            size_gb: 100,
            data: Data::default(),
            running: Vec::new(),
        }
    }
}

/// One backup, running or done.
#[derive(Debug, Clone)]
pub(crate) struct Backup {
    pub(crate) id: String,
    pub(crate) service: Service,
    pub(crate) project_id: String,
    pub(crate) region: String,
    pub(crate) instance_id: String,
    pub(crate) instance_name: String,
    pub(crate) engine: String,
    pub(crate) version: String,
    pub(crate) mode: String,
    pub(crate) name: String,
    pub(crate) description: String,
    /// `manual`, `auto`, `incremental` or `fragment`.
    pub(crate) kind: String,
    pub(crate) began: Millis,
    pub(crate) ends_at: Millis,
    pub(crate) fails: bool,
    /// A word shown in place of the real status, for clients that must cope with one they do not know.
    pub(crate) word: Option<String>,
    /// What was asked for besides the name: databases (rds) or tables (geminidb).
    pub(crate) parts: Option<Value>,
    /// Room that a target of a restore needs.
    pub(crate) needs_gb: u64,
    size_bytes: u64,
    listed_from: Millis,
    stopping: bool,
    deleting: bool,
    gone_at: Option<Millis>,
    job_id: String,
    sequence: u64,
}

impl Backup {
    /// The state at a moment.
    pub(crate) fn status(&self, now: Millis) -> Status {
        if self.deleting {
            Status::Deleting
        } else if now < self.ends_at {
            Status::Building
        } else if self.fails {
            Status::Failed
        } else {
            Status::Completed
        }
    }

    /// The end, once it is reached.
    pub(crate) fn ended(&self, now: Millis) -> Option<Millis> {
        (now >= self.ends_at).then_some(self.ends_at)
    }

    /// The size, known once the backup has completed.
    pub(crate) fn size_bytes(&self, now: Millis) -> u64 {
        if now >= self.ends_at && !self.fails { self.size_bytes } else { 0 }
    }

    /// Whether lists show it yet.
    pub(crate) fn listed(&self, now: Millis) -> bool {
        now >= self.listed_from && self.gone_at.is_none_or(|gone| now < gone)
    }
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Backup,
    Stop,
    Delete,
    Restore,
}

/// State of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobStatus {
    Running,
    Completed,
    Failed,
}

impl JobStatus {
    /// The word all services use.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
        }
    }
}

/// A task the cloud works on.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) service: Service,
    pub(crate) project_id: String,
    pub(crate) instance_id: String,
    pub(crate) instance_name: String,
    pub(crate) task: Task,
    pub(crate) created: Millis,
    ends_at: Millis,
    known_from: Millis,
    pub(crate) failure: Option<&'static str>,
}

impl Job {
    pub(crate) fn status(&self, now: Millis) -> JobStatus {
        match (now < self.ends_at, self.failure) {
            (true, _) => JobStatus::Running,
            (false, None) => JobStatus::Completed,
            (false, Some(_)) => JobStatus::Failed,
        }
    }

    pub(crate) fn ended(&self, now: Millis) -> Option<Millis> {
        (now >= self.ends_at).then_some(self.ends_at)
    }

    /// Why it failed, once it has.
    pub(crate) fn fail_reason(&self, now: Millis) -> Option<&'static str> {
        if now < self.ends_at { None } else { self.failure }
    }

    /// `40%` while running, nothing afterwards.
    pub(crate) fn progress(&self, now: Millis) -> String {
        if now >= self.ends_at {
            return String::new();
        }
        let span = (self.ends_at - self.created).max(1);
        format!("{}%", ((now - self.created) * 100 / span).clamp(1, 99))
    }
}

/// Why the ledger says no; each service has its own code for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    NoInstance,
    NameTaken,
    /// A backup of the instance is running.
    BackupRunning,
    /// The instance does something else.
    InstanceBusy,
    NoBackup,
    /// Nothing to stop.
    NotRunning,
    /// It is being stopped already.
    Stopping,
    /// A running backup cannot be deleted.
    StillRunning,
    /// It is being deleted already.
    Leaving,
    /// Automatic backups are the cloud's own business.
    NotManual,
}

/// A backup someone asks for.
#[derive(Debug)]
pub(crate) struct Wish<'a> {
    pub(crate) service: Service,
    pub(crate) project_id: &'a str,
    pub(crate) instance_id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    /// Whether a name may exist once only.
    pub(crate) unique_name: bool,
    pub(crate) parts: Option<Value>,
    /// Whether it is doomed (a fault asked for that).
    pub(crate) fails: bool,
}

/// A backup that was put there, not asked for.
#[derive(Debug)]
pub(crate) struct Seed<'a> {
    pub(crate) instance_id: &'a str,
    pub(crate) name: String,
    pub(crate) kind: &'a str,
    pub(crate) status: Status,
    pub(crate) began: Millis,
}

/// The ids given out for a new backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Started {
    pub(crate) backup_id: String,
    pub(crate) job_id: String,
}

/// How many backups the API has started, stopped, deleted and restored since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// Backups started by a create call.
    pub created: u64,
    /// Stops accepted.
    pub stopped: u64,
    /// Deletions accepted.
    pub deleted: u64,
    /// Restores accepted.
    pub restored: u64,
}

type Shelf = (Service, String);
type Place = (Millis, u64);

const INTERRUPTED: &str = "Backup task was interrupted.";

/// Everything that exists.
#[derive(Debug)]
pub(crate) struct Ledger {
    mint: Mint,
    instances: Vec<Instance>,
    shelves: BTreeMap<Shelf, BTreeMap<Place, Backup>>,
    places: HashMap<String, (Shelf, Place)>,
    leaving: BTreeSet<(Millis, String)>,
    jobs: BTreeMap<u64, Job>,
    job_places: HashMap<String, u64>,
    sequence: u64,
    pub(crate) totals: Totals,
}

impl Ledger {
    pub(crate) fn new(mint: Mint) -> Self {
        Self {
            mint,
            instances: Vec::new(),
            shelves: BTreeMap::new(),
            places: HashMap::new(),
            leaving: BTreeSet::new(),
            jobs: BTreeMap::new(),
            job_places: HashMap::new(),
            sequence: 0,
            totals: Totals::default(),
        }
    }

    /// Forgets what has gone by now. Every question starts with it.
    pub(crate) fn settle(&mut self, now: Millis) {
        while self.leaving.first().is_some_and(|(gone, _)| *gone <= now) {
            if let Some((gone, id)) = self.leaving.pop_first()
                && self.backup(&id).is_some_and(|backup| backup.gone_at == Some(gone))
            {
                self.remove(&id);
            }
        }
    }

    // Instances.

    /// Puts an instance there; false when the id is taken.
    pub(crate) fn add_instance(&mut self, instance: Instance) -> bool {
        let free = self.instances.iter().all(|known| known.id != instance.id);
        if free {
            self.instances.push(instance);
        }
        free
    }

    /// All instances, in the order they were made.
    pub(crate) fn instances(&self) -> &[Instance] {
        &self.instances
    }

    pub(crate) fn instance(&self, service: Service, project_id: &str, id: &str) -> Option<&Instance> {
        self.instances.iter().find(|i| i.id == id && i.service == service && i.project_id == project_id)
    }

    pub(crate) fn instance_by_id(&mut self, id: &str) -> Option<&mut Instance> {
        self.instances.iter_mut().find(|instance| instance.id == id)
    }

    /// Takes an instance away; its backups stay.
    pub(crate) fn remove_instance(&mut self, id: &str) -> bool {
        let before = self.instances.len();
        self.instances.retain(|instance| instance.id != id);
        self.instances.len() < before
    }

    pub(crate) fn activity(&self, instance: &Instance, now: Millis) -> Activity {
        let running = |id: &String| self.backup(id).is_some_and(|b| !b.deleting && now < b.ends_at);
        if instance.running.iter().any(running) {
            Activity::BackingUp
        } else if instance.data.restoring(now) {
            Activity::Restoring
        } else if now < instance.busy_until {
            Activity::Otherwise
        } else {
            Activity::Idle
        }
    }

    // Backups.

    pub(crate) fn backup(&self, id: &str) -> Option<&Backup> {
        let (of, place) = self.places.get(id)?;
        self.shelves.get(of)?.get(place)
    }

    fn backup_mut(&mut self, id: &str) -> Option<&mut Backup> {
        let (of, place) = self.places.get(id)?;
        self.shelves.get_mut(of)?.get_mut(place)
    }

    /// A backup of this service and project.
    pub(crate) fn find(&self, service: Service, project_id: &str, id: &str) -> Option<&Backup> {
        self.backup(id).filter(|backup| backup.service == service && backup.project_id == project_id)
    }

    /// The backups of a service in a project, newest first.
    pub(crate) fn newest_first(&self, service: Service, project_id: &str) -> impl Iterator<Item = &Backup> {
        self.shelves.get(&(service, project_id.to_owned())).into_iter().flat_map(|shelf| shelf.values().rev())
    }

    /// All backups, oldest first within each service and project.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Backup> {
        self.shelves.values().flat_map(BTreeMap::values)
    }

    /// Starts a backup.
    pub(crate) fn start(&mut self, wish: Wish<'_>, pace: &Pace, now: Millis) -> Result<Started, Denied> {
        let instance =
            self.instance(wish.service, wish.project_id, wish.instance_id).cloned().ok_or(Denied::NoInstance)?;
        let taken = |backup: &Backup| backup.name == wish.name;
        if wish.unique_name && self.newest_first(wish.service, wish.project_id).any(taken) {
            return Err(Denied::NameTaken);
        }
        match self.activity(&instance, now) {
            Activity::BackingUp => return Err(Denied::BackupRunning),
            Activity::Restoring | Activity::Otherwise => return Err(Denied::InstanceBusy),
            Activity::Idle => {}
        }
        let done = now + pace.backup();
        let job_id = self.open_job(&instance, Task::Backup, done, pace, now);
        if wish.fails
            && let Some(job) = self.job_mut(&job_id)
        {
            job.failure = Some("Failed to back up the DB instance.");
        }
        let backup = Backup {
            name: wish.name.to_owned(),
            description: wish.description.to_owned(),
            ends_at: done + pace.settle_lag(),
            fails: wish.fails,
            parts: wish.parts,
            listed_from: now + pace.list_delay(),
            job_id: job_id.clone(),
            ..self.blank(&instance, "manual", now)
        };
        let backup_id = backup.id.clone();
        self.place(backup);
        self.occupy(&instance.id, &backup_id, now);
        self.totals.created += 1;
        Ok(Started { backup_id, job_id })
    }

    /// Puts a backup there, whatever the instance does.
    pub(crate) fn seed(&mut self, seed: Seed<'_>, pace: &Pace, now: Millis) -> Option<String> {
        let instance = self.instances.iter().find(|instance| instance.id == seed.instance_id).cloned()?;
        let began = if seed.status == Status::Building { now } else { seed.began };
        let mut backup = Backup { name: seed.name, ..self.blank(&instance, seed.kind, began) };
        backup.ends_at = match seed.status {
            Status::Building => now + pace.backup(),
            _ => began + 40_000,
        };
        backup.fails = seed.status == Status::Failed;
        let id = backup.id.clone();
        self.place(backup);
        match seed.status {
            Status::Building => self.occupy(&instance.id, &id, now),
            Status::Deleting => self.leave(&id, now + pace.delete()),
            Status::Completed | Status::Failed => {}
        }
        Some(id)
    }

    fn blank(&mut self, instance: &Instance, kind: &str, began: Millis) -> Backup {
        self.sequence += 1;
        let dice = self.mint.dice();
        Backup {
            id: self.mint.id(instance.service.backup_suffix(&instance.engine)),
            service: instance.service,
            project_id: instance.project_id.clone(),
            region: instance.region.clone(),
            instance_id: instance.id.clone(),
            instance_name: instance.name.clone(),
            engine: instance.engine.clone(),
            version: instance.version.clone(),
            mode: instance.mode.clone(),
            name: String::new(),
            description: String::new(),
            kind: kind.to_owned(),
            began,
            ends_at: began,
            fails: false,
            word: None,
            parts: None,
            needs_gb: instance.size_gb,
            size_bytes: instance.service.plausible_size(dice),
            listed_from: began,
            stopping: false,
            deleting: false,
            gone_at: None,
            job_id: String::new(),
            sequence: self.sequence,
        }
    }

    fn place(&mut self, backup: Backup) {
        let key = (backup.service, backup.project_id.clone());
        let place = (backup.began, backup.sequence);
        self.places.insert(backup.id.clone(), (key.clone(), place));
        self.shelves.entry(key).or_default().insert(place, backup);
    }

    fn occupy(&mut self, instance_id: &str, backup_id: &str, now: Millis) {
        let Some(index) = self.instances.iter().position(|instance| instance.id == instance_id) else { return };
        let mut running = std::mem::take(&mut self.instances[index].running);
        running.retain(|id| self.backup(id).is_some_and(|backup| now < backup.ends_at));
        running.push(backup_id.to_owned());
        self.instances[index].running = running;
    }

    fn leave(&mut self, id: &str, gone_at: Millis) {
        if let Some(backup) = self.backup_mut(id) {
            backup.deleting = true;
            backup.gone_at = Some(gone_at);
            self.leaving.insert((gone_at, id.to_owned()));
        }
    }

    /// Stops one running backup; the answer is the id of the stopping job.
    pub(crate) fn stop(
        &mut self,
        (service, project_id): (Service, &str),
        id: &str,
        vanishes: bool,
        pace: &Pace,
        now: Millis,
    ) -> Result<String, Denied> {
        let backup = self.find(service, project_id, id).cloned().ok_or(Denied::NoBackup)?;
        if backup.status(now) != Status::Building {
            return Err(Denied::NotRunning);
        }
        if backup.stopping {
            return Err(Denied::Stopping);
        }
        let stopped = now + pace.stop();
        let owner = self.owner(&backup);
        let job_id = self.open_job(&owner, Task::Stop, stopped, pace, now);
        self.cut_short(id, stopped, vanishes);
        self.totals.stopped += 1;
        Ok(job_id)
    }

    /// Stops whatever backups of an instance run.
    pub(crate) fn stop_all(
        &mut self,
        (service, project_id): (Service, &str),
        instance_id: &str,
        vanishes: bool,
        pace: &Pace,
        now: Millis,
    ) -> Result<String, Denied> {
        let instance = self.instance(service, project_id, instance_id).cloned().ok_or(Denied::NoInstance)?;
        let running: Vec<Backup> = instance
            .running
            .iter()
            .filter_map(|id| self.backup(id))
            .filter(|backup| backup.status(now) == Status::Building)
            .cloned()
            .collect();
        if running.is_empty() {
            return Err(Denied::NotRunning);
        }
        if running.iter().all(|backup| backup.stopping) {
            return Err(Denied::Stopping);
        }
        let stopped = now + pace.stop();
        let job_id = self.open_job(&instance, Task::Stop, stopped, pace, now);
        for backup in running {
            self.cut_short(&backup.id, stopped, vanishes);
        }
        self.totals.stopped += 1;
        Ok(job_id)
    }

    fn cut_short(&mut self, id: &str, stopped: Millis, vanishes: bool) {
        let Some(backup) = self.backup_mut(id) else { return };
        backup.stopping = true;
        backup.fails = true;
        backup.ends_at = stopped;
        let job_id = backup.job_id.clone();
        if vanishes {
            backup.gone_at = Some(stopped);
            self.leaving.insert((stopped, id.to_owned()));
        }
        if let Some(job) = self.job_mut(&job_id) {
            job.ends_at = stopped;
            job.failure = Some(INTERRUPTED);
        }
    }

    /// Whether a backup may be deleted now.
    pub(crate) fn may_delete(
        &self,
        service: Service,
        project_id: &str,
        id: &str,
        now: Millis,
    ) -> Result<&Backup, Denied> {
        let backup = self.find(service, project_id, id).ok_or(Denied::NoBackup)?;
        match backup.status(now) {
            Status::Building => Err(Denied::StillRunning),
            Status::Deleting => Err(Denied::Leaving),
            _ if backup.kind != "manual" && service != Service::Ddm => Err(Denied::NotManual),
            Status::Completed | Status::Failed => Ok(backup),
        }
    }

    /// Deletes a backup; the answer is the id of the deleting job.
    pub(crate) fn delete(
        &mut self,
        service: Service,
        project_id: &str,
        id: &str,
        pace: &Pace,
        now: Millis,
    ) -> Result<String, Denied> {
        let backup = self.may_delete(service, project_id, id, now)?.clone();
        let gone_at = now + pace.delete();
        let owner = self.owner(&backup);
        let job_id = self.open_job(&owner, Task::Delete, gone_at, pace, now);
        self.leave(id, gone_at);
        self.totals.deleted += 1;
        Ok(job_id)
    }

    /// Sets the state from outside.
    pub(crate) fn set_status(&mut self, id: &str, status: Status, pace: &Pace, now: Millis) -> bool {
        let Some(backup) = self.backup_mut(id) else { return false };
        backup.word = None;
        backup.stopping = false;
        backup.deleting = false;
        backup.gone_at = None;
        backup.fails = status == Status::Failed;
        match status {
            Status::Building => backup.ends_at = now + pace.backup(),
            _ => backup.ends_at = backup.ends_at.min(now),
        }
        let (ends_at, job_id, instance_id) = (backup.ends_at, backup.job_id.clone(), backup.instance_id.clone());
        if let Some(job) = self.job_mut(&job_id) {
            job.ends_at = ends_at;
            job.failure = (status == Status::Failed).then_some("Failed to back up the DB instance.");
        }
        match status {
            Status::Building => self.occupy(&instance_id, id, now),
            Status::Deleting => self.leave(id, now + pace.delete()),
            Status::Completed | Status::Failed => {}
        }
        true
    }

    /// Shows a word of one's own instead of the status.
    pub(crate) fn set_word(&mut self, id: &str, word: &str) -> bool {
        let found = self.backup_mut(id);
        let known = found.is_some();
        if let Some(backup) = found {
            backup.word = Some(word.to_owned());
        }
        known
    }

    /// Takes a backup away at once, as if someone else had deleted it.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let Some((of, place)) = self.places.remove(id) else { return false };
        self.shelves.get_mut(&of).and_then(|shelf| shelf.remove(&place)).is_some()
    }

    // Jobs.

    /// The instance of a backup, or a stand-in with what the backup remembers when the instance is gone.
    fn owner(&self, backup: &Backup) -> Instance {
        self.instance(backup.service, &backup.project_id, &backup.instance_id).cloned().unwrap_or_else(|| {
            Instance::new(
                backup.instance_id.clone(),
                backup.service,
                backup.project_id.clone(),
                backup.region.clone(),
                backup.instance_name.clone(),
                (backup.engine.clone(), backup.version.clone(), backup.mode.clone()),
                backup.began,
                0,
            )
        })
    }

    pub(crate) fn open_job(&mut self, of: &Instance, task: Task, ends_at: Millis, pace: &Pace, now: Millis) -> String {
        let id = self.mint.uuid();
        self.sequence += 1;
        self.job_places.insert(id.clone(), self.sequence);
        self.jobs.insert(
            self.sequence,
            Job {
                id: id.clone(),
                service: of.service,
                project_id: of.project_id.clone(),
                instance_id: of.id.clone(),
                instance_name: of.name.clone(),
                task,
                created: now,
                ends_at,
                known_from: now + pace.job_delay(),
                failure: None,
            },
        );
        id
    }

    pub(crate) fn job_mut(&mut self, id: &str) -> Option<&mut Job> {
        self.jobs.get_mut(self.job_places.get(id)?)
    }

    /// A job of this service and project, once it is known.
    pub(crate) fn job(&self, service: Service, project_id: &str, id: &str, now: Millis) -> Option<&Job> {
        let job = self.jobs.get(self.job_places.get(id)?)?;
        (job.service == service && job.project_id == project_id && job.known_from <= now).then_some(job)
    }

    /// The jobs of a service in a project, newest first.
    pub(crate) fn jobs(&self, service: Service, project_id: &str, now: Millis) -> impl Iterator<Item = &Job> {
        self.jobs
            .values()
            .rev()
            .filter(move |job| job.service == service && job.project_id == project_id && job.known_from <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: &str = "p1";

    fn pace() -> Pace {
        Pace { stop_seconds: Some(0.2), delete_seconds: Some(0.1), ..Pace::of_backups(1.0) }
    }

    fn ledger() -> Ledger {
        let mut ledger = Ledger::new(Mint::new([1; 16]));
        for (id, service) in [("i1", Service::Dds), ("i2", Service::Dds), ("g1", Service::Gaussdb)] {
            let engine = ("e".to_owned(), "1".to_owned(), "m".to_owned());
            assert!(ledger.add_instance(Instance::new(
                id.to_owned(),
                service,
                P.to_owned(),
                "eu-de".to_owned(),
                format!("name-{id}"),
                engine,
                0,
                0,
            )));
        }
        ledger
    }

    fn wish<'a>(instance_id: &'a str, name: &'a str) -> Wish<'a> {
        Wish {
            service: Service::Dds,
            project_id: P,
            instance_id,
            name,
            description: "",
            unique_name: true,
            parts: None,
            fails: false,
        }
    }

    /// One step of a story: at this time, this ask gives this answer.
    enum Step {
        Start(&'static str, &'static str, Result<(), Denied>),
        Stop(&'static str, Result<(), Denied>),
        Delete(&'static str, Result<(), Denied>),
        See(&'static str, Option<Status>),
        Job(&'static str, JobStatus),
        Instance(&'static str, Activity),
    }
    use Step::{Delete, Instance as Doing, Job as Task_, See, Start, Stop};

    #[track_caller]
    fn story(vanishes: bool, steps: &[(Millis, Step)]) {
        let mut ledger = ledger();
        let mut ids: HashMap<&str, Started> = HashMap::new();
        let unknown = Started { backup_id: "none".to_owned(), job_id: "none".to_owned() };
        for (index, (now, step)) in steps.iter().enumerate() {
            ledger.settle(*now);
            let of = |name: &str| ids.get(name).unwrap_or(&unknown).clone();
            match step {
                Start(instance, name, expected) => {
                    let got = ledger.start(wish(instance, name), &pace(), *now);
                    assert_eq!(got.clone().map(|_| ()), *expected, "step {index}");
                    if let Ok(started) = got {
                        ids.insert(name, started);
                    }
                }
                Stop(name, expected) => {
                    let got = ledger.stop((Service::Dds, P), &of(name).backup_id, vanishes, &pace(), *now);
                    assert_eq!(got.map(|_| ()), *expected, "step {index}");
                }
                Delete(name, expected) => {
                    let got = ledger.delete(Service::Dds, P, &of(name).backup_id, &pace(), *now);
                    assert_eq!(got.map(|_| ()), *expected, "step {index}");
                }
                See(name, expected) => {
                    let got = ledger.find(Service::Dds, P, &of(name).backup_id).map(|b| b.status(*now));
                    assert_eq!(got, *expected, "step {index}");
                }
                Task_(name, expected) => {
                    let job = ledger.job(Service::Dds, P, &of(name).job_id, *now).expect("a job");
                    assert_eq!(job.status(*now), *expected, "step {index}");
                }
                Doing(id, expected) => {
                    let instance = ledger.instance(Service::Dds, P, id).expect("an instance");
                    assert_eq!(ledger.activity(instance, *now), *expected, "step {index}");
                }
            }
        }
    }

    #[test]
    fn a_backup_matures_and_is_deleted() {
        story(
            false,
            &[
                (0, See("a", None)),
                (0, Start("i1", "a", Ok(()))),
                (0, Doing("i1", Activity::BackingUp)),
                (0, Doing("i2", Activity::Idle)),
                (500, See("a", Some(Status::Building))),
                (500, Task_("a", JobStatus::Running)),
                (500, Delete("a", Err(Denied::StillRunning))),
                (1000, See("a", Some(Status::Completed))),
                (1000, Task_("a", JobStatus::Completed)),
                (1000, Doing("i1", Activity::Idle)),
                (1000, Stop("a", Err(Denied::NotRunning))),
                (1000, Delete("a", Ok(()))),
                (1050, See("a", Some(Status::Deleting))),
                (1050, Delete("a", Err(Denied::Leaving))),
                (1100, See("a", None)),
                (1100, Delete("a", Err(Denied::NoBackup))),
            ],
        );
    }

    #[test]
    fn one_backup_at_a_time_and_one_of_a_name() {
        story(
            false,
            &[
                (0, Start("nowhere", "a", Err(Denied::NoInstance))),
                (0, Start("g1", "a", Err(Denied::NoInstance))),
                (0, Start("i1", "a", Ok(()))),
                (0, Start("i1", "b", Err(Denied::BackupRunning))),
                (0, Start("i2", "a", Err(Denied::NameTaken))),
                (0, Start("i2", "b", Ok(()))),
                (1000, Start("i1", "c", Ok(()))),
                (1000, Start("i2", "a", Err(Denied::NameTaken))),
            ],
        );
    }

    #[test]
    fn a_stopped_backup_fails() {
        story(
            false,
            &[
                (0, Stop("a", Err(Denied::NoBackup))),
                (0, Start("i1", "a", Ok(()))),
                (500, Stop("a", Ok(()))),
                (500, Stop("a", Err(Denied::Stopping))),
                (600, See("a", Some(Status::Building))),
                (600, Doing("i1", Activity::BackingUp)),
                (700, See("a", Some(Status::Failed))),
                (700, Task_("a", JobStatus::Failed)),
                (700, Doing("i1", Activity::Idle)),
                (700, Delete("a", Ok(()))),
                (800, See("a", None)),
            ],
        );
    }

    #[test]
    fn a_stopped_backup_may_vanish() {
        story(
            true,
            &[
                (0, Start("i1", "a", Ok(()))),
                (500, Stop("a", Ok(()))),
                (600, See("a", Some(Status::Building))),
                (700, See("a", None)),
                (700, Doing("i1", Activity::Idle)),
                (700, Start("i1", "a", Ok(()))),
            ],
        );
    }

    #[test]
    fn a_doomed_backup_fails_with_its_job() {
        let mut ledger = ledger();
        let started = ledger.start(Wish { fails: true, ..wish("i1", "a") }, &pace(), 0).expect("accepted");
        let backup = ledger.backup(&started.backup_id).expect("there");
        assert_eq!((backup.status(999), backup.status(1000)), (Status::Building, Status::Failed));
        assert_eq!(backup.size_bytes(1000), 0);
        let job = ledger.job(Service::Dds, P, &started.job_id, 0).expect("there");
        assert_eq!((job.status(999), job.status(1000)), (JobStatus::Running, JobStatus::Failed));
        assert_eq!((job.fail_reason(999), job.fail_reason(1000).is_some()), (None, true));
        assert_eq!((job.progress(400).as_str(), job.progress(1000).as_str()), ("40%", ""));
    }

    #[test]
    fn lists_and_jobs_may_lag() {
        let mut ledger = ledger();
        let pace =
            Pace { list_delay_seconds: 0.3, job_delay_seconds: 0.1, settle_lag_seconds: 0.5, ..Pace::of_backups(1.0) };
        let started = ledger.start(wish("i1", "a"), &pace, 0).expect("accepted");
        let backup = ledger.backup(&started.backup_id).expect("there");
        assert_eq!((backup.listed(299), backup.listed(300)), (false, true));
        assert_eq!((backup.status(1400), backup.status(1500)), (Status::Building, Status::Completed));
        assert!(ledger.job(Service::Dds, P, &started.job_id, 99).is_none());
        let job = ledger.job(Service::Dds, P, &started.job_id, 1000).expect("there");
        assert_eq!(job.status(1000), JobStatus::Completed);
    }

    #[test]
    fn the_state_can_be_set_from_outside() {
        let mut ledger = ledger();
        let id = ledger.start(wish("i1", "a"), &pace(), 0).expect("accepted").backup_id;
        for (now, status) in [(100, Status::Completed), (200, Status::Failed), (300, Status::Building)] {
            assert!(ledger.set_status(&id, status, &pace(), now));
            assert_eq!(ledger.backup(&id).expect("there").status(now), status);
        }
        let instance = ledger.instance(Service::Dds, P, "i1").expect("there");
        assert_eq!(ledger.activity(instance, 300), Activity::BackingUp);
        assert!(ledger.set_status(&id, Status::Deleting, &pace(), 400));
        ledger.settle(499);
        assert!(ledger.backup(&id).is_some());
        ledger.settle(500);
        assert!(ledger.backup(&id).is_none());
        assert!(!ledger.remove(&id));
        assert!(!ledger.set_status(&id, Status::Failed, &pace(), 600));
    }

    #[test]
    fn stopping_an_instance_stops_what_runs_on_it() {
        let mut ledger = ledger();
        let place = (Service::Dds, P);
        assert_eq!(ledger.stop_all(place, "x", false, &pace(), 0), Err(Denied::NoInstance));
        assert_eq!(ledger.stop_all(place, "i1", false, &pace(), 0), Err(Denied::NotRunning));
        let id = ledger.start(wish("i1", "a"), &pace(), 0).expect("accepted").backup_id;
        ledger.stop_all(place, "i1", false, &pace(), 100).expect("stopped");
        assert_eq!(ledger.stop_all(place, "i1", false, &pace(), 200), Err(Denied::Stopping));
        assert_eq!(ledger.backup(&id).expect("there").status(300), Status::Failed);
        assert_eq!(ledger.totals, Totals { created: 1, stopped: 1, deleted: 0, restored: 0 });
    }

    #[test]
    fn newest_comes_first_and_automatic_ones_stay() {
        let mut ledger = ledger();
        let mut seed = |name: &str, kind: &str, began| {
            let seed = Seed { instance_id: "i1", name: name.to_owned(), kind, status: Status::Completed, began };
            ledger.seed(seed, &pace(), 100_000).expect("an instance")
        };
        let automatic = seed("old", "auto", 10);
        seed("new", "manual", 30);
        seed("mid", "manual", 20);
        let names: Vec<_> = ledger.newest_first(Service::Dds, P).map(|backup| backup.name.as_str()).collect();
        assert_eq!(names, ["new", "mid", "old"]);
        assert_eq!(ledger.delete(Service::Dds, P, &automatic, &pace(), 100_000), Err(Denied::NotManual));
        assert_eq!(ledger.newest_first(Service::Dds, "p2").count(), 0);
        assert!(ledger.find(Service::Rds, P, &automatic).is_none());
    }
}
