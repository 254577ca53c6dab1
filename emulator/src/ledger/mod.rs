//! What exists and what may happen to it: a state machine without sockets, clocks or services' wording.
//!
//! Everything that passes with time is worked out from moments written down before (`ends_at`, `gone_at`), so an
//! answer depends on the ledger, the question and the time that is passed in, and on nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use crate::clock::{self, Millis};
use crate::mint::Mint;
use crate::pace::Pace;
use crate::service::Service;

mod records;

pub(crate) use records::{Activity, Backup, Instance, Job, JobStatus, Status, Task};

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

/// What is told about a new backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Started {
    pub(crate) backup_id: String,
    pub(crate) job_id: String,
    pub(crate) began: Millis,
}

/// How something that is accepted is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Undone {
    /// How its job ends; one that is running never does.
    pub(crate) job: JobStatus,
    /// How long lists lack the backup that was to be deleted.
    pub(crate) hidden: Millis,
    /// After how long it is deleted after all.
    pub(crate) done_after: Option<Millis>,
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
const FAILED: &str = "Failed to back up the DB instance.";
const NOT_DONE: &str = "The task failed.";
/// An end that nobody lives to see.
const NEVER: Millis = Millis::MAX / 4;

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
    /// What comes of the next create, stop or delete that is accepted.
    pub(crate) undone: Option<Undone>,
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
            undone: None,
            totals: Totals::default(),
        }
    }

    /// Forgets what has gone by now. Every question starts with it.
    pub(crate) fn settle(&mut self, now: Millis) {
        while self.leaving.first().is_some_and(|(gone, _)| *gone <= now) {
            if let Some((gone, id)) = self.leaving.pop_first()
                && self.backup(&id).is_some_and(|backup| backup.gone(now) && backup.unlisted_at == gone)
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
        let running = |id: &String| self.backup(id).is_some_and(|b| !b.deleting && !b.gone(now) && now < b.ends_at);
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

    /// A backup of this service and project; one that is gone as long as lists may show it.
    pub(crate) fn find(&self, service: Service, project_id: &str, id: &str) -> Option<&Backup> {
        self.backup(id).filter(|backup| backup.service == service && backup.project_id == project_id)
    }

    /// The backups of a service in a project, newest first.
    pub(crate) fn newest_first(&self, service: Service, project_id: &str) -> impl Iterator<Item = &Backup> {
        self.shelves.get(&(service, project_id.to_owned())).into_iter().flat_map(|shelf| shelf.values().rev())
    }

    /// All backups that are there, oldest first within each service and project.
    pub(crate) fn all(&self, now: Millis) -> impl Iterator<Item = &Backup> {
        self.shelves.values().flat_map(BTreeMap::values).filter(move |backup| !backup.gone(now))
    }

    /// Starts a backup.
    pub(crate) fn start(&mut self, wish: Wish<'_>, pace: &Pace, now: Millis) -> Result<Started, Denied> {
        let instance =
            self.instance(wish.service, wish.project_id, wish.instance_id).cloned().ok_or(Denied::NoInstance)?;
        let taken = |backup: &Backup| backup.name == wish.name && !backup.gone(now);
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
            job.failure = Some(FAILED);
        }
        let moment = |seconds: f64| now + clock::millis(seconds);
        let began = now + pace.begin_off();
        let backup = Backup {
            name: wish.name.to_owned(),
            description: wish.description.to_owned(),
            ends_at: done + pace.settle_lag(),
            fails: wish.fails,
            parts: wish.parts,
            listed_from: now + pace.list_delay(),
            hidden: pace.hidden_seconds.iter().map(|(from, to)| (moment(*from), moment(*to))).collect(),
            clock_off: pace.begin_off(),
            job_id: job_id.clone(),
            ..self.blank(&instance, "manual", began)
        };
        let backup_id = backup.id.clone();
        self.totals.created += 1;
        if let Some(undone) = self.undone {
            self.end_undone(&job_id, undone);
        } else {
            self.place(backup);
            self.occupy(&instance.id, &backup_id, now);
        }
        Ok(Started { backup_id, job_id, began })
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
            Status::Deleting => self.leave(&id, now + pace.delete(), pace),
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
            listed_from: Millis::MIN,
            hidden: Vec::new(),
            stopping: false,
            deleting: false,
            gone_at: None,
            unlisted_at: 0,
            clock_off: 0,
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

    fn leave(&mut self, id: &str, gone_at: Millis, pace: &Pace) {
        if let Some(backup) = self.backup_mut(id) {
            backup.deleting = true;
            self.end(id, gone_at, pace);
        }
    }

    /// Lets a backup be gone from a moment on, and lists find that out when the pace says so.
    fn end(&mut self, id: &str, gone_at: Millis, pace: &Pace) {
        if let Some(backup) = self.backup_mut(id) {
            backup.gone_at = Some(gone_at);
            backup.unlisted_at = gone_at + pace.unlist_delay();
            let unlisted_at = backup.unlisted_at;
            self.leaving.insert((unlisted_at, id.to_owned()));
        }
    }

    /// Takes a backup away, as if someone else had deleted it; one that ran was stopped before.
    pub(crate) fn vanish(&mut self, id: &str, pace: &Pace, now: Millis) -> bool {
        let Some(backup) = self.backup(id).filter(|backup| !backup.gone(now)) else { return false };
        if backup.status(now) == Status::Building {
            self.cut_short(id, now, true, pace);
        } else {
            self.end(id, now, pace);
        }
        self.settle(now);
        true
    }

    /// Lets lists lack a backup for a while.
    pub(crate) fn hide(&mut self, id: &str, until: Millis, now: Millis) -> bool {
        let Some(backup) = self.backup_mut(id).filter(|backup| !backup.gone(now)) else { return false };
        backup.hidden.push((now, until));
        true
    }

    /// Lets the job of something that is not done end as asked.
    fn end_undone(&mut self, job_id: &str, undone: Undone) {
        let Some(job) = self.job_mut(job_id) else { return };
        match undone.job {
            JobStatus::Running => job.ends_at = NEVER,
            JobStatus::Completed => job.failure = None,
            JobStatus::Failed => job.failure = Some(NOT_DONE),
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
        let backup =
            self.find(service, project_id, id).filter(|backup| !backup.gone(now)).cloned().ok_or(Denied::NoBackup)?;
        if backup.status(now) != Status::Building {
            return Err(Denied::NotRunning);
        }
        if backup.stopping {
            return Err(Denied::Stopping);
        }
        let stopped = now + pace.stop();
        let owner = self.owner(&backup);
        let job_id = self.open_job(&owner, Task::Stop, stopped, pace, now);
        self.totals.stopped += 1;
        if let Some(undone) = self.undone {
            self.end_undone(&job_id, undone);
        } else {
            self.cut_short(id, stopped, vanishes, pace);
        }
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
            .filter(|backup| !backup.gone(now) && backup.status(now) == Status::Building)
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
        self.totals.stopped += 1;
        if let Some(undone) = self.undone {
            self.end_undone(&job_id, undone);
            return Ok(job_id);
        }
        for backup in running {
            self.cut_short(&backup.id, stopped, vanishes, pace);
        }
        Ok(job_id)
    }

    fn cut_short(&mut self, id: &str, stopped: Millis, vanishes: bool, pace: &Pace) {
        let Some(backup) = self.backup_mut(id) else { return };
        backup.stopping = true;
        backup.fails = true;
        backup.ends_at = stopped;
        let job_id = backup.job_id.clone();
        if vanishes {
            self.end(id, stopped, pace);
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
        let backup = self.find(service, project_id, id).filter(|backup| !backup.gone(now)).ok_or(Denied::NoBackup)?;
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
        let job_id = self.open_job(&owner, Task::Delete, now + pace.delete_job(), pace, now);
        self.totals.deleted += 1;
        let Some(undone) = self.undone else {
            self.leave(id, gone_at, pace);
            return Ok(job_id);
        };
        self.end_undone(&job_id, undone);
        if undone.hidden > 0 {
            self.hide(id, now + undone.hidden, now);
        }
        if let Some(span) = undone.done_after {
            self.end(id, now + span, pace);
        }
        Ok(job_id)
    }

    /// Sets the state from outside.
    pub(crate) fn set_status(&mut self, id: &str, status: Status, pace: &Pace, now: Millis) -> bool {
        let Some(backup) = self.backup_mut(id).filter(|backup| !backup.gone(now)) else { return false };
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
            job.failure = (status == Status::Failed).then_some(FAILED);
        }
        match status {
            Status::Building => self.occupy(&instance_id, id, now),
            Status::Deleting => self.leave(id, now + pace.delete(), pace),
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

    /// Forgets a backup.
    fn remove(&mut self, id: &str) -> bool {
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
                created: now + pace.begin_off(),
                ends_at,
                clock_off: pace.begin_off(),
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
mod tests;
