//! What a manual backup is, in any database service of the cloud. No Terraform.
//!
//! Services are pure translations on one shelf ([`ALL`]); everything that waits, repeats or decides about time is behind
//! [`Backups`].

mod answers;
mod claims;
mod engine;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
pub mod naming;
mod restore;
pub mod retention;
mod service;
mod services;

use std::fmt;

use jiff::Timestamp;
use secrecy::SecretString;

pub use answers::{Blamed, Certainty, Codes, Idle, Job, JobStatus, Misread, Page, Started, Unsupported, Verdict};
pub use claims::{Claim, Claims, Intent, PlannedPruning, Standing};
pub use engine::{Ahead, Backups, Mark, Operation, Outlook, Preview, Progress, Prospect, Sight, StopOutcome};
pub use error::{Doubt, Error, RestoreError, Unawaited, Unfit};
pub use restore::{Confirmation, NewRestore, RestorePoint, RestoreStep, Span};
pub use service::{Choice, Facts, Service, StopScope};
pub use services::{ALL, named, time};

/// A backup, in the same words and units for every service.
#[derive(Clone, Debug, PartialEq)]
pub struct Backup {
    /// The bare backup id, as the cloud gives it. Its form is nobody's business.
    pub id: String,
    /// The instance it was taken of.
    pub instance_id: String,
    /// That instance's name, where the service tells it.
    pub instance_name: Option<String>,
    /// The backup's name.
    pub name: String,
    /// The description, where the service tells it.
    pub description: Option<String>,
    /// How far it is.
    pub status: Status,
    /// `manual`, `auto`, `incremental`, …: always lower case.
    pub kind: Option<String>,
    /// The database engine, where the service tells it.
    pub datastore: Option<Datastore>,
    /// When it was begun.
    pub begin: Option<Timestamp>,
    /// When it ended; absent while it runs.
    pub end: Option<Timestamp>,
    /// Its size in bytes; absent while it runs.
    pub size_bytes: Option<u64>,
    /// The instances behind a DDM instance whose metadata this is.
    pub data_nodes: Vec<DataNode>,
    /// What only one service or another tells.
    pub more: More,
}

/// What only one service or another tells of a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct More {
    /// The databases in it; empty where it holds the whole instance, or where the service does not tell.
    pub databases: Vec<Database>,
    /// The volume, in GiB, that an instance restored from it needs at least.
    pub restore_size_gib: Option<u64>,
    /// How many minutes it took.
    pub minutes: Option<u64>,
    /// How it was taken, in the service's own word: `Physical`, ….
    pub method: Option<String>,
    /// The mode that its instance had: [`Instance::mode`].
    pub mode: Option<String>,
}

/// A database of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Database {
    /// Its name, as the engine knows it.
    pub name: String,
    /// Only these tables of it; empty for all.
    pub tables: Vec<String>,
}

impl Backup {
    /// One that was begun, and of which nothing has been told yet but its name.
    pub fn unlisted(id: String, instance_id: String, name: String) -> Self {
        Backup {
            id,
            instance_id,
            instance_name: None,
            name,
            description: None,
            status: Status::Building,
            kind: None,
            datastore: None,
            begin: None,
            end: None,
            size_bytes: None,
            data_nodes: Vec::new(),
            more: More::default(),
        }
    }

    /// A manual backup of which only the names are told, for tests.
    #[cfg(test)]
    pub(crate) fn sample(id: &str, instance_id: &str, name: &str, status: Status) -> Self {
        Backup { status, ..Backup::unlisted(id.to_owned(), instance_id.to_owned(), name.to_owned()) }
    }
}

/// A database engine and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datastore {
    /// The engine, in the service's own word.
    pub kind: String,
    /// The version.
    pub version: Option<String>,
}

/// An RDS instance that holds data of a DDM instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataNode {
    /// The RDS instance.
    pub instance_id: String,
    /// Its name.
    pub instance_name: String,
}

/// How far a backup is; the same words for every service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Being taken.
    Building,
    /// Usable for a restore.
    Completed,
    /// Ended without a usable result.
    Failed,
    /// Being deleted.
    Deleting,
    /// A word the documents do not have, as it came. Treated as still running.
    Other(String),
}

impl Status {
    /// The word for it: `BUILDING`, `COMPLETED`, `FAILED`, `DELETING`, or the cloud's own.
    pub fn word(&self) -> &str {
        match self {
            Status::Building => "BUILDING",
            Status::Completed => "COMPLETED",
            Status::Failed => "FAILED",
            Status::Deleting => "DELETING",
            Status::Other(word) => word,
        }
    }

    /// The status of that word, in any case of letters.
    pub fn named(word: &str) -> Self {
        [Status::Building, Status::Completed, Status::Failed, Status::Deleting]
            .into_iter()
            .find(|status| status.word().eq_ignore_ascii_case(word))
            .unwrap_or_else(|| Status::Other(word.to_owned()))
    }

    /// Whether a backup is being taken, as far as can be told.
    pub fn runs(&self) -> bool {
        matches!(self, Status::Building | Status::Other(_))
    }

    /// Whether it will not change by itself any more.
    pub fn is_final(&self) -> bool {
        matches!(self, Status::Completed | Status::Failed)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A database instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The instance id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its status, in the service's own word.
    pub status: String,
    /// Whether nothing runs on it, as far as the service tells.
    pub idle: Option<bool>,
    /// The database engine.
    pub datastore: Option<Datastore>,
    /// `ReplicaSet`, `Ha`, …, where the service tells it.
    pub mode: Option<String>,
    /// Room for data in GiB, where the service tells one figure for the whole instance.
    pub size_gib: Option<u64>,
}

impl Instance {
    /// Whether it only follows another one, of which alone backups are taken.
    pub fn is_replica(&self) -> bool {
        self.mode.as_deref() == Some("Replica")
    }
}

/// What to back up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewBackup {
    /// The instance.
    pub instance_id: String,
    /// The backup's name.
    pub name: String,
    /// The description.
    pub description: Option<String>,
    /// The databases to back up, where a service can choose; empty for all.
    pub databases: Vec<Database>,
    /// Whether each of them is backed up for itself, where a service can do so.
    pub individually: bool,
    /// Where the name comes from.
    pub name_origin: NameOrigin,
}

/// Where a backup's name comes from, and so what it says of a backup that carries it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameOrigin {
    /// It is as configured: others may have the same.
    #[default]
    Fixed,
    /// This run has made it up, with a random part: whatever carries it is ours.
    Random,
    /// The same when it was planned: what had the name before the create is of an earlier apply of that plan.
    Planned,
    /// The same in an earlier run, which may have begun the backup too: it may be what keeps the instance busy.
    Kept,
}

impl NameOrigin {
    /// Whether no backup of others can have the name.
    pub fn is_random(self) -> bool {
        self != NameOrigin::Fixed
    }
}

/// Links under which the files of a backup can be downloaded for a while.
#[derive(Clone, Debug)]
pub struct Download {
    /// The object storage bucket, where the service tells it.
    pub bucket: Option<String>,
    /// The files.
    pub files: Vec<DownloadFile>,
}

/// One file of a backup.
#[derive(Clone, Debug)]
pub struct DownloadFile {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size_bytes: Option<u64>,
    /// Where to get it. Whoever has the link has the data, so it is a secret.
    pub link: SecretString,
    /// When the link ends.
    pub expires: Option<Timestamp>,
    /// The database it holds, where a file holds one.
    pub database: Option<String>,
    /// The shard or node group it is of, where the service tells it.
    pub group: Option<String>,
}

/// Which backup: enough for every service to find it, and what is known of it that its absence must not contradict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupRef {
    /// The backup id.
    pub id: String,
    /// The instance it was taken of. Some services need it to look the backup up.
    pub instance_id: Option<String>,
    /// Its name, where it is known: a record of another name is not stopped or deleted.
    pub name: Option<String>,
    /// The project in which it was last seen.
    pub project_id: Option<String>,
    /// How it was begun, unless it was seen to have ended since.
    pub begun: Option<BegunBackup>,
}

/// How a backup was begun that is not known to have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BegunBackup {
    /// The job that takes it, where the service tells one.
    pub job_id: Option<String>,
    /// When the service accepted it, by our clock; `None` where that is not known any more.
    pub at: Option<Timestamp>,
    /// Whether a list has shown it since.
    pub listed: bool,
    /// Whether what has its name on the instance is it, whatever id the answer to its create gave.
    pub known_by_name: bool,
}

impl BackupRef {
    /// A backup of which nothing else is known.
    pub fn new(id: impl Into<String>, instance_id: Option<String>) -> Self {
        BackupRef { id: id.into(), instance_id, ..BackupRef::default() }
    }

    /// Whether only the answer to its create says that the id is the one of what was asked for: no list has shown it since.
    pub fn is_unproven(&self) -> bool {
        self.begun.as_ref().is_some_and(|begun| begun.at.is_some() && !begun.listed)
    }

    /// The same backup under the id that the cloud shows for it.
    #[must_use]
    pub fn shown_as(&self, shown: &Backup) -> Self {
        let begun = self.begun.clone().map(|begun| BegunBackup { listed: true, ..begun });
        BackupRef { id: shown.id.clone(), begun, ..self.clone() }
    }

    /// Whether what has its name on the instance is it.
    pub fn is_known_by_name(&self) -> bool {
        self.begun.as_ref().is_some_and(|begun| begun.known_by_name)
    }

    /// The same where nothing tells how long ago it was begun: if it runs, it may have been just now.
    #[must_use]
    pub fn begun_lately(mut self) -> Self {
        if let Some(begun) = &mut self.begun {
            begun.at.get_or_insert_with(Timestamp::now);
        }
        self
    }
}

impl From<&Backup> for BackupRef {
    fn from(backup: &Backup) -> Self {
        let told = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        BackupRef { name: told(&backup.name), ..BackupRef::new(&*backup.id, told(&backup.instance_id)) }
    }
}

/// Which backups to list. Services that cannot filter by something are filtered here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this instance's.
    pub instance_id: Option<String>,
    /// Only with exactly this name.
    pub name: Option<String>,
    /// Only with a name that begins so.
    pub name_prefix: Option<String>,
    /// Only of this type: `manual`, `auto`, ….
    pub kind: Option<String>,
    /// Only with this status.
    pub status: Option<Status>,
    /// Only begun at this time or later.
    pub begin_after: Option<Timestamp>,
    /// Only begun at this time or earlier.
    pub begin_before: Option<Timestamp>,
}
