//! Looking at one backup again and again until something has come true.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::deleters::Deleter;
use super::desk::{Told, Watcher};
use super::errand::{Errand, Interruption, interruption_of, interval};
use crate::backup::{Backup, BackupRef, Error, Job, JobStatus, Progress, Status};
use crate::cloud;

/// So long answers may make no sense before we give up watching: longer than a proxy's hiccup.
const NONSENSE: Duration = Duration::from_mins(2);
/// With a job to ask, every so many looks it is asked too,
const JOB_EVERY: u32 = 8;
/// but with every other watcher more seldom by this.
const JOB_PER_WATCHER: Duration = Duration::from_secs(8);
/// Who waits for others looks so often whether they are ready.
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// Nobody waits longer than this for others who delete.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// One backup under watch.
pub(super) struct Watch<'a> {
    pub(super) errand: Errand<'a>,
    pub(super) backup: &'a BackupRef,
    /// As it was seen last.
    pub(super) last: Option<Backup>,
    /// When the watch began.
    pub(super) since: Instant,
    /// The cloud has accepted to delete it.
    pub(super) accepted: bool,
    /// When it did.
    accepted_at: Instant,
    looks: u32,
    job_asked: Instant,
    /// When the last look began, be it somebody else's.
    looked_at: Instant,
    watcher: Watcher,
    /// What was seen before this is too old.
    fresh_since: Instant,
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
        let now = Instant::now();
        Watch {
            errand,
            backup,
            last: None,
            since: now,
            accepted: false,
            accepted_at: now,
            looks: 0,
            job_asked: now,
            looked_at: now,
            watcher: errand.lookup.watch(errand, backup),
            fresh_since: now,
            nonsense_since: None,
            tell_at,
        }
    }

    /// We changed it: what was seen before is too old.
    pub(super) fn changed(&mut self) {
        self.fresh_since = Instant::now();
    }

    /// Looks once. Passing trouble is not an error; the end of the errand is.
    pub(super) async fn look(&mut self) -> Result<Look, Error> {
        if let Some(interruption) = self.errand.interruption() {
            return Err(self.interrupted(interruption));
        }
        self.looks += 1;
        let begun = Instant::now();
        let seen =
            self.errand.lookup.look(self.errand, self.backup, &self.watcher, self.fresh_since, self.accepted).await;
        let together = self.watcher.looked().filter(|looked| *looked >= self.fresh_since);
        self.looked_at = together.unwrap_or(begun);
        self.fresh_since = Instant::now();
        let error = match seen {
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

    /// Waits until the next look is due, or until somebody else's look has shown this backup.
    pub(super) async fn rest(&mut self) -> Result<(), Error> {
        // What deletes does not take as long as what takes backups.
        let expected = (!self.accepted).then(|| self.watcher.desk().expected(self.backup.instance_id.as_deref()));
        let waited = if self.accepted { self.accepted_at.elapsed() } else { self.since.elapsed() };
        let due = Instant::now() + interval(waited, expected.flatten());
        loop {
            let mut news = std::pin::pin!(self.watcher.desk().news.notified());
            news.as_mut().enable();
            if matches!(self.watcher.told(self.fresh_since), Told::Seen(_)) {
                return Ok(());
            }
            tokio::select! {
                rest = self.errand.rest(due.saturating_duration_since(Instant::now())) => {
                    return rest.map_err(|interruption| self.interrupted(interruption));
                }
                () = news => {}
            }
        }
    }

    /// A place among those who delete.
    pub(super) fn deleter(&self) -> Deleter {
        self.watcher.desk().deleters.join()
    }

    /// The delete was accepted: waits as long as deletions took before, because an earlier look would only have to be
    /// repeated, and then for those who delete at the same time, because one look may serve them all.
    pub(super) async fn was_accepted(&mut self, deleter: &mut Deleter) -> Result<(), Error> {
        self.accepted = true;
        self.accepted_at = Instant::now();
        // Most of the time that is left is for looks.
        let spare = self.errand.context.deadline.saturating_duration_since(self.accepted_at) / 4;
        if let Some(time) = self.watcher.desk().deleters.first_look() {
            self.pause(time.min(spare)).await?;
        }
        deleter.under_way(false);
        let since = Instant::now();
        while since.elapsed() < LONGEST_WAIT.min(spare) {
            let wait = deleter.wait(Instant::now());
            // Somebody's look may have shown meanwhile that it is gone.
            if wait.is_zero() || matches!(self.watcher.told(self.fresh_since), Told::Absent) {
                break;
            }
            self.pause(wait.min(ASK_AGAIN)).await?;
        }
        Ok(())
    }

    pub(super) async fn pause(&mut self, time: Duration) -> Result<(), Error> {
        let rest = self.errand.rest(time).await;
        rest.map_err(|interruption| self.interrupted(interruption))
    }

    /// Whether the last look showed that the accepted deletion is done.
    pub(super) fn deletion_seen(&self, gone: bool) {
        if self.accepted {
            self.watcher.desk().deleters.seen(gone, self.looked_at.saturating_duration_since(self.accepted_at));
        }
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
    pub(super) async fn failed_job(&mut self, job_id: Option<&str>, urgent: bool) -> Option<Job> {
        let others = u32::try_from(self.watcher.company() - 1).unwrap_or(u32::MAX).min(1000);
        let due = self.looks.is_multiple_of(JOB_EVERY) && self.job_asked.elapsed() >= JOB_PER_WATCHER * others;
        if !urgent && !due {
            return None;
        }
        self.job_asked = Instant::now();
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
