//! One database service's dialect: what the engine needs to know of it, and nothing else.

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Backup, BackupRef, BegunBackup, Download, Filter, Instance, NewBackup, NewRestore, Span};
use crate::cloud::{Call, Product, Refusal, Reply};

/// A database service. Pure translation: builds calls and reads replies; never performs IO, waits or logs.
///
/// Pages are asked for by record offset. A method that answers `None` says that the service has no such operation.
pub trait Service: Send + Sync {
    /// What is constant about it.
    fn facts(&self) -> &'static Facts;

    /// The call that takes a backup.
    fn create(&self, want: &NewBackup) -> Result<Call, Unsupported>;

    /// What the cloud said it began. An instance id it does not tell is filled in by the engine.
    fn started(&self, reply: &Reply) -> Result<Started, Misread>;

    /// Calls that find one backup by its id, to be asked in turn until one has it; that all of them answer with an empty
    /// page proves that it is gone. [`Self::listed`] reads the replies. Empty when the service has no lookup by id: then
    /// the whole list is searched.
    fn find(&self, backup: &BackupRef) -> Result<Vec<Call>, Unsupported>;

    /// One page of backups; one call per kind where a service lists kinds apart (every kind pages on its own, and the
    /// number and order of the calls depend on the filter alone). Filters that the service has not are left out, those it
    /// has may be coarser than asked: the engine filters again.
    fn list(&self, filter: &Filter, offset: u64, limit: u64) -> Result<Vec<Call>, Unsupported>;

    /// Reads a page of backups.
    fn listed(&self, reply: &Reply) -> Result<Page<Backup>, Misread>;

    /// The call that completes what the list does not tell of a backup, if there is one.
    fn details(&self, backup: &Backup) -> Option<Call> {
        let _ = backup;
        None
    }

    /// Adds what [`Self::details`] told.
    fn detailed(&self, backup: Backup, reply: &Reply) -> Result<Backup, Misread> {
        let _ = reply;
        Ok(backup)
    }

    /// The call that stops a running backup; see [`Facts::stop`] for what else it stops.
    fn stop(&self, backup: &Backup) -> Option<Call>;

    /// The call that deletes a backup. The reply may carry a job id: see [`Self::job_id`].
    fn delete(&self, id: &str) -> Call;

    /// The call that deletes several at once, at most [`Facts::batch_limit`].
    fn delete_many(&self, ids: &[String]) -> Option<Call> {
        let _ = ids;
        None
    }

    /// Which of the ids [`Self::delete_many`] did not take, with the reason. A success status may hide failures.
    fn deleted_many(&self, reply: &Reply) -> Result<Vec<(String, Refusal)>, Misread> {
        let _ = reply;
        Ok(Vec::new())
    }

    /// The job that a stop or delete began, if the reply names one.
    fn job_id(&self, reply: &Reply) -> Option<String> {
        let body = reply.body.json();
        body.get("job_id").and_then(|id| id.as_str()).filter(|id| !id.is_empty()).map(str::to_owned)
    }

    /// The call that asks for download links of a completed backup, if the service hands out any.
    fn download(&self, backup: &BackupRef) -> Option<Call> {
        let _ = backup;
        None
    }

    /// Reads those.
    fn downloaded(&self, reply: &Reply) -> Result<Download, Misread> {
        let _ = reply;
        Err(Misread("this service hands out no links".to_owned()))
    }

    /// The call that asks how far a job is.
    fn job(&self, job_id: &str) -> Option<Call>;

    /// Reads that; `None` when the cloud does not know the job (yet, or any more).
    fn job_read(&self, reply: &Reply) -> Result<Option<Job>, Misread>;

    /// The call that looks at one instance. [`Self::instances_read`] reads the reply.
    fn instance(&self, id: &str) -> Call;

    /// One page of instances. A filter the service has not is left out.
    fn instances(&self, name: Option<&str>, offset: u64, limit: u64) -> Call;

    /// Reads a page of instances.
    fn instances_read(&self, reply: &Reply) -> Result<Page<Instance>, Misread>;

    /// The call that restores into an existing instance. The reply carries a job id: see [`Self::job_id`].
    fn restore(&self, want: &NewRestore) -> Result<Call, Unsupported> {
        let _ = want;
        Err(Unsupported(format!("{} has no restore into an existing instance", self.facts().title)))
    }

    /// One page of the instances that can take a restore, where the service lists them.
    fn restorable(&self, want: &NewRestore, offset: u64, limit: u64) -> Option<Call> {
        let _ = (want, offset, limit);
        None
    }

    /// Reads the ids on such a page.
    fn restorable_read(&self, reply: &Reply) -> Result<Page<String>, Misread> {
        let _ = reply;
        Err(Misread("this service lists no restorable instances".to_owned()))
    }

    /// The call that asks to which times of a day, in UTC, an instance can be restored. A service that does not page ignores
    /// the offset, and tells no total.
    fn restore_times(&self, instance_id: &str, day: Date, offset: u64) -> Result<Call, Unsupported> {
        let _ = (instance_id, day, offset);
        Err(Unsupported(format!("{} does not tell to which times it can restore", self.facts().title)))
    }

    /// Reads those.
    fn restore_times_read(&self, reply: &Reply) -> Result<Page<Span>, Misread> {
        let _ = reply;
        Err(Misread("this service tells no times".to_owned()))
    }

    /// What a refusal means here: status and code together, because services use the same code differently.
    fn verdict(&self, refusal: &Refusal) -> Verdict;
}

/// What is constant about a service.
#[derive(Debug)]
pub struct Facts {
    /// The word for it in `service`, `endpoints` and messages; also its endpoint.
    pub product: &'static Product,
    /// Its full name.
    pub title: &'static str,
    /// Where the vendor describes its API.
    pub reference: &'static str,
    /// How the ids of its instances end, such as `in02`. Several where one service has several engines.
    pub instance_suffixes: &'static [&'static str],
    /// Why a backup cannot be taken, where it cannot.
    pub no_create: Option<&'static str>,
    /// Why a single backup can only be looked up together with its instance, where that is so.
    pub needs_instance: bool,
    /// What of an instance can be chosen.
    pub choice: Choice,
    /// Whether it refuses a name that a backup of the project has already.
    pub names_are_unique: bool,
    /// Records per page at most.
    pub page_limit: u64,
    /// Whether lists tell the descriptions of backups.
    pub tells_descriptions: bool,
    /// How many backups one batch delete takes; 0 where there is none.
    pub batch_limit: usize,
    /// What a stop ends.
    pub stop: StopScope,
    /// What else it ends without anybody having been able to see that it ran.
    pub stops_unseen: Option<&'static str>,
}

impl Facts {
    /// The word for it in `service`, `endpoints` and messages: `dds`, ….
    pub fn key(&self) -> &'static str {
        self.product.key
    }
}

/// What of an instance a backup can be told to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Nothing: it holds the whole instance.
    Whole,
    /// Some databases, also each for itself.
    Databases,
    /// Some databases, or tables of them.
    Tables,
}

/// What a stop ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopScope {
    /// Nothing: the service has no such operation.
    Never,
    /// The one backup.
    Backup,
    /// Every backup that runs on the instance.
    Instance,
}

/// A backup that was begun: what is needed to wait for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// The new backup's id.
    pub backup_id: String,
    /// Its instance, where known.
    pub instance_id: Option<String>,
    /// The job, where the service tells it.
    pub job_id: Option<String>,
    /// When it began, where the service tells it.
    pub begin: Option<Timestamp>,
    /// Its name, where the answer tells it.
    pub name: Option<String>,
    /// How sure it is that this is the backup that was asked for, and the only one.
    pub certainty: Certainty,
}

/// How a create came to know its backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certainty {
    /// By the answer to the only request.
    #[default]
    Answered,
    /// By the answer, after a request whose answer was lost: that one may have arrived too.
    AnsweredLater,
    /// By its own random name: no answer came.
    Named,
    /// By comparing what the service tells of it: no answer came, and the name is not ours alone.
    Compared,
}

impl Started {
    /// The backup itself.
    pub fn backup(&self) -> BackupRef {
        let begun = BegunBackup { job_id: self.job_id.clone(), at: Some(Timestamp::now()), listed: false };
        let backup = BackupRef::new(&*self.backup_id, self.instance_id.clone());
        BackupRef { name: self.name.clone(), begun: Some(begun), ..backup }
    }
}

impl From<BackupRef> for Started {
    fn from(backup: BackupRef) -> Self {
        Started {
            backup_id: backup.id,
            instance_id: backup.instance_id,
            job_id: backup.begun.and_then(|begun| begun.job_id),
            begin: None,
            name: backup.name,
            certainty: Certainty::Answered,
        }
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// How many there are in all, where the service tells it. Not to be relied on.
    pub total: Option<u64>,
}

/// The cloud's asynchronous task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// How far it is.
    pub status: JobStatus,
    /// `40%`, where the service tells it.
    pub progress: Option<String>,
    /// Why it failed.
    pub fail_reason: Option<String>,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobStatus {
    /// Still at it, pending included; also any word the documents do not have.
    Running,
    /// Done.
    Completed,
    /// Ended without success.
    Failed,
}

/// What a refusal means for what we are doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is no such backup: the service's word about the backup itself.
    Gone,
    /// Something else runs on the instance, or the service asks for patience: wait and try again.
    Busy,
    /// A backup of that name exists.
    NameTaken,
    /// This cloud does not offer the operation.
    NotOffered,
    /// The status of the backup forbids it: for a stop, it does not run; for a delete, it is in use.
    WrongState,
    /// No use trying again.
    Final,
}

/// A reply that cannot be what it should be: what is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Misread(pub String);

/// The service has no such operation, or not with what is known: why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unsupported(pub String);
