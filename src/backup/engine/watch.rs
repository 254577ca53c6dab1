//! Looking at one backup again and again until something has come true.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::errand::{Errand, Interruption, interruption_of, interval};
use crate::backup::{Backup, BackupRef, Error, Job, JobStatus, Progress, Status};
use crate::cloud;

/// So long answers may make no sense before we give up watching: longer than a proxy's hiccup.
const NONSENSE: Duration = Duration::from_mins(2);
/// With a job to ask, every so many looks it is asked too.
const JOB_EVERY: u32 = 8;

/// One backup under watch.
pub(super) struct Watch<'a> {
    pub(super) errand: Errand<'a>,
    pub(super) backup: &'a BackupRef,
    /// As it was seen last.
    pub(super) last: Option<Backup>,
    /// When the watch began.
    pub(super) since: Instant,
    looks: u32,
    nonsense_since: Option<Instant>,
    tell_at: Duration,
}

/// What a look showed.
#[derive(Debug)]
pub(super) enum Look {
    /// It is there.
    Seen(Box<Backup>),
    /// It is proven not to be there.
    Absent,
    /// The cloud had no sensible answer; worth another look.
    Unsure,
}

impl<'a> Watch<'a> {
    pub(super) fn new(errand: Errand<'a>, backup: &'a BackupRef) -> Self {
        let tell_at = Duration::from_secs(10);
        Watch { errand, backup, last: None, since: Instant::now(), looks: 0, nonsense_since: None, tell_at }
    }

    /// Looks once. Passing trouble is not an error; the end of the errand is.
    pub(super) async fn look(&mut self) -> Result<Look, Error> {
        if let Some(interruption) = self.errand.interruption() {
            return Err(self.interrupted(interruption));
        }
        self.looks += 1;
        let error = match self.errand.find(self.backup).await {
            Ok(found) => {
                self.nonsense_since = None;
                return Ok(match found {
                    Some(backup) => {
                        self.last = Some(backup.clone());
                        Look::Seen(Box::new(backup))
                    }
                    None => Look::Absent,
                });
            }
            Err(Error::Cloud(error)) => error,
            Err(error) => return Err(error),
        };
        if let Some(interruption) = interruption_of(&error) {
            return Err(self.interrupted(interruption));
        }
        let bearable = match &error {
            cloud::Error::Misread { .. } => self.nonsense_since.get_or_insert_with(Instant::now).elapsed() < NONSENSE,
            error => {
                self.nonsense_since = None;
                self.errand.is_transient(error)
            }
        };
        if bearable {
            warn!(backup_id = self.backup.id, "the backup cannot be looked at for the moment: {error}");
            return Ok(Look::Unsure);
        }
        Err(Error::OutOfSight { id: self.backup.id.clone(), last: self.boxed(), cause: error })
    }

    /// Waits until the next look is due.
    pub(super) async fn rest(&mut self) -> Result<(), Error> {
        let rest = self.errand.rest(interval(self.since.elapsed())).await;
        rest.map_err(|interruption| self.interrupted(interruption))
    }

    /// Tells now and then how it goes on.
    pub(super) fn tell(&mut self, progress: &dyn Progress) {
        let waited = self.since.elapsed();
        if waited < self.tell_at {
            return;
        }
        self.tell_at = waited + waited.clamp(Duration::from_secs(10), Duration::from_mins(1));
        let status = self.last.as_ref().map(|last| &last.status);
        let word = status.map_or("not listed yet".to_owned(), |status| status.word().to_lowercase());
        info!(backup_id = self.backup.id, "waiting for the backup: {} s, {word}", waited.as_secs());
        progress.seen(waited, status);
    }

    /// The job, if it has failed. It is asked when nothing else tells (`urgent`), and else at every few looks.
    pub(super) async fn failed_job(&self, job_id: Option<&str>, urgent: bool) -> Option<Job> {
        if !urgent && !self.looks.is_multiple_of(JOB_EVERY) {
            return None;
        }
        self.errand.job(job_id?).await.filter(|job| job.status == JobStatus::Failed)
    }

    /// What the end of the errand means for who waits.
    pub(super) fn interrupted(&self, interruption: Interruption) -> Error {
        let (id, last) = (self.backup.id.clone(), self.boxed());
        match interruption {
            Interruption::Stop => Error::Stopped { id, last },
            Interruption::Deadline => Error::StillRunning { id, last },
        }
    }

    pub(super) fn boxed(&self) -> Option<Box<Backup>> {
        self.last.clone().map(Box::new)
    }
}

/// Whether a backup is being taken, as far as can be told.
pub(super) fn runs(status: &Status) -> bool {
    matches!(status, Status::Building | Status::Other(_))
}
