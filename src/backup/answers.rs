//! What a service answers, read.

use jiff::Timestamp;

use super::{Backup, BackupRef, BegunBackup};

/// A backup that was begun: what is needed to wait for it.
#[derive(Clone, Debug, Default, PartialEq)]
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
    /// What had the name on the instance before the request, where that was looked at and the request had an unclear moment.
    pub named_before: Option<Vec<String>>,
    /// The record by which it was found, where no answer named it.
    pub seen: Option<Box<Backup>>,
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
        let at = Some(Timestamp::now());
        let begun = BegunBackup { job_id: self.job_id.clone(), at, listed: false, known_by_name: false };
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
            name: backup.name,
            ..Started::default()
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

impl<T> Page<Result<T, Misread>> {
    /// The same, what could be read of it made into something else.
    pub(super) fn each<U>(self, read: impl Fn(T) -> Result<U, Misread>) -> Page<Result<U, Misread>> {
        Page { items: self.items.into_iter().map(|item| item.and_then(&read)).collect(), total: self.total }
    }

    /// The page, if all of it can be read.
    pub(super) fn all(self) -> Result<Page<T>, Misread> {
        Ok(Page { items: self.items.into_iter().collect::<Result<_, _>>()?, total: self.total })
    }
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

/// What of a new backup a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blamed {
    /// Its name.
    Name,
    /// Its description.
    Description,
    /// The instance.
    Instance,
}

/// Codes that mean the same: in which statuses, which codes, what they mean.
pub type Codes = (&'static [u16], &'static [&'static str], Verdict);

/// How a service says that nothing runs on an instance.
#[derive(Clone, Copy, Debug)]
pub enum Idle {
    /// By these words for its status.
    Status(&'static [&'static str]),
    /// By that word, and by an empty list of actions.
    StatusAndActions(&'static str),
}

/// A reply that cannot be what it should be: what is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Misread(pub String);

/// The service has no such operation, or not with what is known: why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unsupported(pub String);
