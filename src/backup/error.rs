//! Why an operation did not reach its goal.

use super::{Backup, BackupRef, Datastore, Instance, Span, Started, Unsupported};
use crate::cloud;

/// Why an operation on backups did not reach its goal. Every variant says what is known to exist.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The cloud refused, did not answer or made no sense. The operation changed nothing: a create that ends so left no
    /// backup behind, a delete that ends so left the backup as it was.
    #[error("{0}")]
    Cloud(#[from] cloud::Error),
    /// The service cannot do it.
    #[error("{0}")]
    Unsupported(#[from] Unsupported),
    /// This cloud does not publish this, though the service has it elsewhere.
    #[error("this cloud does not offer {task}: {cause}")]
    NotOffered {
        /// What was to be done: `to stop a backup`, ….
        task: &'static str,
        /// What the cloud said.
        cause: cloud::Error,
    },
    /// A create got no answer and a look at the cloud did not tell: one of the candidates may be ours, or a backup
    /// that cannot be seen yet.
    #[error("no answer to the create, and {} backups fit its name ({cause})", candidates.len())]
    Unclear {
        /// Backups that may be the one.
        candidates: Vec<Backup>,
        /// What happened to the create.
        cause: cloud::Error,
        /// The refusal, if it was sent again and refused.
        again: Option<Box<cloud::Error>>,
    },
    /// A backup of that name exists already, or is just being taken by somebody else. Nothing was created.
    #[error("a backup of that name exists already ({cause})")]
    NameTaken {
        /// The backup that has the name, if it was found.
        existing: Option<Box<Backup>>,
        /// What the cloud said.
        cause: cloud::Error,
    },
    /// The instance (for a delete: the backup) was busy until the time was over. Nothing was created or deleted.
    #[error("the instance was busy until the time was over ({cause})")]
    Busy {
        /// A manual backup that was running meanwhile, if one was found; for a delete the backup itself.
        running: Option<Box<Backup>>,
        /// Whether this run has asked for that one or manages it.
        is_this_runs: bool,
        /// What the cloud said last; `DeadlinePassed` while creates of this process were waiting for each other.
        cause: cloud::Error,
    },
    /// The backup ended as failed.
    #[error("the backup {id} failed{}", because(reason.as_deref()))]
    Failed {
        /// Its id.
        id: String,
        /// The backup as it is now; absent if only its job was ever seen.
        backup: Option<Box<Backup>>,
        /// The job's reason, where the cloud tells it.
        reason: Option<String>,
    },
    /// The cloud's job that should stop or delete the backup failed. The backup still exists.
    #[error("the cloud could not {task} the backup {}{}", backup.id, because(reason.as_deref()))]
    JobFailed {
        /// `stop` or `delete`.
        task: &'static str,
        /// The backup as it is now.
        backup: Box<Backup>,
        /// The job's reason, where the cloud tells it.
        reason: Option<String>,
    },
    /// Only a whole instance's backups can be stopped, and others run there too. Nothing was stopped.
    #[error("stopping would end {} other running backups of the instance too", others.len())]
    OthersRun {
        /// The other running backups.
        others: Vec<Backup>,
    },
    /// The cloud does not show the backup, which does not prove that it is gone. The state must keep it.
    #[error("the cloud does not show the backup {id}, which does not prove that it is gone")]
    Doubtful {
        /// Its id.
        id: String,
        /// What speaks against it.
        doubt: Doubt,
    },
    /// The record of that id is not the backup that is meant: another instance's, or of another name. Nothing was sent.
    #[error("the record of the backup {} is of {} and called {:?}", found.id, found.instance_id, found.name)]
    Foreign {
        /// What is meant.
        meant: Box<BackupRef>,
        /// What the cloud has under that id.
        found: Box<Backup>,
    },
    /// A create was answered with another instance's backup, or another name. Nothing is done to that.
    #[error("the create was answered with the backup {} of another instance or name", answer.backup_id)]
    OtherAnswer {
        /// What the answer says.
        answer: Box<Started>,
    },
    /// The backup was there and is no more.
    #[error("the backup {id} is gone")]
    Vanished {
        /// Its id.
        id: String,
    },
    /// The backup exists as far as we know, but the cloud does not let us look at it (any more).
    #[error("the backup {id} exists but cannot be looked at: {cause}")]
    OutOfSight {
        /// Its id.
        id: String,
        /// As it was seen last.
        last: Option<Box<Backup>>,
        /// What happened to the look.
        cause: Box<cloud::Error>,
    },
    /// The time was over while waiting for it to end, or to be gone.
    #[error("still waiting for the backup {id} when the time was over")]
    StillRunning {
        /// Its id.
        id: String,
        /// As it was seen last.
        last: Option<Box<Backup>>,
        /// What the last call met, if it was trouble.
        cause: Option<Box<cloud::Error>>,
    },
    /// We were asked to stop while waiting for it to end, or to be gone.
    #[error("stopped while waiting for the backup {id}")]
    Stopped {
        /// Its id.
        id: String,
        /// As it was seen last.
        last: Option<Box<Backup>>,
    },
    /// Its deletion or stop was sent, and may have been carried out or be going on, whatever was said to a later one. This is
    /// how it ended.
    #[error("it was asked for, and may be going on: {end}")]
    Sent {
        /// The id of what it was sent for.
        id: String,
        /// The end.
        end: Box<Error>,
    },
}

impl Error {
    /// Whether a deletion or a stop was sent, and may have been carried out or be going on.
    pub fn was_sent(&self) -> bool {
        self.sent_for().is_some()
    }

    /// The id of the backup for which one was.
    pub fn sent_for(&self) -> Option<&str> {
        match self {
            Error::Sent { id, .. } => Some(id),
            _ => None,
        }
    }

    /// How it ended, whatever was sent.
    pub fn end(&self) -> &Error {
        match self {
            Error::Sent { end, .. } => end,
            end => end,
        }
    }

    /// The backup as it was seen last, by whoever began or awaited it.
    pub fn last(&self) -> Option<&Backup> {
        match self.end() {
            Error::Failed { backup: last, .. }
            | Error::Stopped { last, .. }
            | Error::StillRunning { last, .. }
            | Error::OutOfSight { last, .. } => last.as_deref(),
            _ => None,
        }
    }

    /// What happened to the call behind it, if a call is behind it.
    pub fn cloud(&self) -> Option<&cloud::Error> {
        match self {
            Error::Cloud(cause)
            | Error::NotOffered { cause, .. }
            | Error::Unclear { cause, .. }
            | Error::NameTaken { cause, .. }
            | Error::Busy { cause, .. } => Some(cause),
            Error::OutOfSight { cause, .. } => Some(cause),
            Error::StillRunning { cause, .. } => cause.as_deref(),
            Error::Sent { end, .. } => end.cloud(),
            Error::Unsupported(_)
            | Error::Failed { .. }
            | Error::JobFailed { .. }
            | Error::OthersRun { .. }
            | Error::Doubtful { .. }
            | Error::Foreign { .. }
            | Error::OtherAnswer { .. }
            | Error::Vanished { .. }
            | Error::Stopped { .. } => None,
        }
    }
}

fn because(reason: Option<&str>) -> String {
    reason.map_or(String::new(), |reason| format!(": {reason}"))
}

/// Why an absence proves nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Doubt {
    /// It was last seen in another project.
    OtherProject {
        /// That project's id.
        seen_in: String,
        /// The id of the project that was asked.
        asked_in: String,
    },
    /// Nothing says that it was ever in this project: it has no record of one, and the service does not know the instance
    /// here.
    ProjectUnknown,
    /// The service shows no instance at all, and IAM does not say that the project is one of those who ask.
    NotTheCallers,
    /// Whether the service knows the instance could not be told.
    InstanceUnknown,
    /// The instance is gone, and the service shows backups only by their instance.
    InstanceGone,
    /// It was begun, but never seen in a list, and its job is not known to have ended.
    NotListedYet,
    /// The job that takes it says that it runs, or has completed a short time ago.
    JobContradicts,
    /// No list has shown it, and another backup on the instance has its name.
    UnderAnotherId(Box<Backup>),
}

impl Doubt {
    /// Whether it is only a matter of time: the backup will be listed, or its job will end.
    pub fn passes(&self) -> bool {
        matches!(self, Doubt::NotListedYet | Doubt::JobContradicts)
    }
}

/// Why a restore did not reach its goal. Every variant says what was sent.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RestoreError {
    /// Nothing was begun: a look before failed, or the order was refused or never sent.
    #[error("nothing was restored: {0}")]
    NotBegun(#[from] Error),
    /// Nothing was sent: it cannot be.
    #[error("nothing was sent: {0:?}")]
    Unfit(Unfit),
    /// The order was sent and has no usable answer. It is not sent again.
    #[error("the restore may have begun: {cause}")]
    Unclear {
        /// What happened to the order.
        cause: cloud::Error,
        /// The target as it was seen afterwards.
        target: Option<Box<Instance>>,
    },
    /// The cloud's job failed. What the target holds is not known.
    #[error("the job {job_id} failed")]
    Failed {
        /// The job.
        job_id: String,
        /// Its reason, where the cloud tells it.
        reason: Option<String>,
    },
    /// It goes on in the cloud, and its end was not awaited.
    #[error("the end of the job {job_id} was not awaited")]
    GoesOn {
        /// The job.
        job_id: String,
        /// The status of the target as seen last, once the job had completed.
        target_status: Option<String>,
        /// Why.
        why: Unawaited,
    },
}

/// Why nobody waits any more.
#[derive(Clone, Debug)]
pub enum Unawaited {
    /// We were asked to stop.
    Stopped,
    /// The time was over; what the last look met, if it was trouble.
    Deadline(Option<Box<cloud::Error>>),
    /// The cloud does not let us look.
    OutOfSight(Box<cloud::Error>),
}

/// Why an instance cannot take a restore.
#[derive(Clone, Debug, PartialEq)]
pub enum Unfit {
    /// The cloud does not show the backup.
    NoBackup,
    /// The backup is not completed.
    NotCompleted(Box<Backup>),
    /// The backup is another instance's.
    OtherSource(Box<Backup>),
    /// The cloud does not show the source in this project.
    NoSource,
    /// The source cannot be brought back to that time; the spans of that day.
    NoSuchTime(Vec<Span>),
    /// The cloud does not show the target in this project.
    NoTarget,
    /// Something runs on the target.
    Busy(Box<Instance>),
    /// The target only follows another instance.
    Replica,
    /// The data are of another engine than the target.
    OtherEngine {
        /// The engine of the data.
        data: Datastore,
        /// That of the target.
        target: Datastore,
    },
    /// The data are of an instance of another mode than the target, and fit into the same only.
    OtherMode {
        /// The mode of the instance that the data are of.
        data: String,
        /// That of the target.
        target: String,
    },
    /// The target is too small; both in GiB.
    TooSmall {
        /// What the data need.
        needed: u64,
        /// What the target has.
        has: u64,
    },
    /// The service does not list the target among the instances that can take the restore.
    NotListed,
}
