//! Why a backup is not where it should be.

use super::{Backup, Unsupported};
use crate::cloud;

/// Why an operation on backups did not reach its goal. Every variant says what is known to exist.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The cloud refused, did not answer or made no sense, and nothing of ours is left there.
    #[error("{0}")]
    Cloud(#[from] cloud::Error),
    /// The service cannot do it.
    #[error("{0}")]
    Unsupported(#[from] Unsupported),
    /// A create got no answer and a look at the cloud did not settle it.
    #[error("no answer to the create, and {} backups fit its name", candidates.len())]
    Unclear {
        /// Backups that may be the one.
        candidates: Vec<Backup>,
        /// What happened to the create.
        cause: cloud::Error,
    },
    /// A backup of that name exists already.
    #[error("a backup of that name exists already")]
    NameTaken {
        /// The backup that has the name, if it was found.
        existing: Option<Box<Backup>>,
        /// What the cloud said.
        cause: cloud::Error,
    },
    /// The instance was busy until the time was over.
    #[error("the instance was busy until the time was over")]
    Busy {
        /// A manual backup that was running meanwhile, if one was found.
        running: Option<Box<Backup>>,
        /// What the cloud said last.
        cause: cloud::Error,
    },
    /// The backup ended as failed.
    #[error("the backup failed{}", reason.as_ref().map_or(String::new(), |reason| format!(": {reason}")))]
    Failed {
        /// The backup as it is now.
        backup: Box<Backup>,
        /// The job's reason, where the cloud tells it.
        reason: Option<String>,
    },
    /// The backup was there and is no more.
    #[error("the backup {id} is gone")]
    Vanished {
        /// Its id.
        id: String,
    },
    /// The time was over while waiting.
    #[error("still waiting for the backup {id} when the time was over")]
    StillRunning {
        /// Its id.
        id: String,
        /// As it was seen last.
        last: Option<Box<Backup>>,
    },
    /// We were asked to stop while waiting.
    #[error("stopped while waiting for the backup {id}")]
    Stopped {
        /// Its id.
        id: String,
        /// As it was seen last.
        last: Option<Box<Backup>>,
    },
}
