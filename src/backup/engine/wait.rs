//! Waiting until a backup has completed.

use tokio::time::Instant;

use super::operation::Operation;
use super::pace;
use super::watch::{Look, Watch};
use crate::backup::{
    Backup, BackupRef, BegunBackup, Certainty, Error, NameOrigin, NewBackup, Progress, Started, Status,
};

impl Operation<'_> {
    /// Waits until a backup has completed. Every error but [`Error::Vanished`] means that the backup exists.
    ///
    /// A wait that is resumed later gives [`Started::from`] the reference.
    pub async fn completed(self, started: &Started, progress: &dyn Progress) -> Result<Backup, Error> {
        completed(self, started, Name::Anyones, progress).await
    }

    /// The same for a backup that was asked for by a name of that origin: if no other can have the name, it is known by that,
    /// should the answer to its create have given the wrong id. Where names are not unique, what has the name may be of an
    /// earlier request.
    pub async fn completed_by_name(
        self,
        (started, name_origin): (&Started, NameOrigin),
        progress: &dyn Progress,
    ) -> Result<Backup, Error> {
        let whose = if self.is_known_by_name(started, name_origin) { Name::ItsOwn } else { Name::Anyones };
        let completed = completed(self, started, whose, progress).await?;
        self.claims.manage(&completed.id);
        Ok(completed)
    }

    /// Whether what has the name on the instance is the backup that was begun, whatever id the answer gave: no other can have it,
    /// and there was only one request.
    pub fn is_known_by_name(self, started: &Started, name_origin: NameOrigin) -> bool {
        let was_free = started.named_before.as_ref().is_some_and(Vec::is_empty);
        let is_unique = self.service.facts().names_are_unique;
        // After two requests the other one's backup may have the name.
        started.certainty == Certainty::Answered
            && match name_origin {
                NameOrigin::Random => true,
                NameOrigin::Planned => was_free || is_unique,
                NameOrigin::Kept => is_unique,
                // Somebody else may have taken it since, once the accepted one was gone.
                NameOrigin::Fixed => false,
            }
    }

    /// The backup of that name on the instance, if the cloud shows none of that id there, but one of another.
    pub async fn under_another_id(self, backup: &BackupRef) -> Result<Option<Backup>, Error> {
        let (Some(instance_id), Some(name)) = (backup.instance_id.clone(), backup.name.clone()) else {
            return Ok(None);
        };
        let named = self.named(&NewBackup { instance_id, name, ..NewBackup::default() }).await?;
        if named.iter().any(|shown| shown.id == backup.id) {
            return Ok(None);
        }
        Ok(named.into_iter().next().inspect(|shown| {
            tracing::warn!(
                backup_id = backup.id,
                "the backup of that name has another id than the answer gave: {}",
                shown.id
            );
        }))
    }

    /// One look at what was begun by a name of that origin: the backup, where its name shows it and the id of the answer does not.
    /// An error only where that id is another backup's.
    pub async fn glance(self, started: &Started, name_origin: NameOrigin) -> Result<Option<Backup>, Error> {
        let backup = started.backup();
        match self.read_shared(&backup).await {
            Err(error @ Error::Foreign { .. }) => Err(error),
            Ok(None) if self.is_known_by_name(started, name_origin) => {
                Ok(self.under_another_id(&backup).await.unwrap_or_default())
            }
            _ => Ok(None),
        }
    }
}

/// Only a backup that was seen completed is complete. One that is not listed, not yet or for a moment, is looked for until
/// its job has failed, or the time is over. It is said to be gone if it was seen being deleted, or if lists have lacked it for
/// longer than they ever lag and everything else that an absence needs is told as well.
async fn completed(
    operation: Operation<'_>,
    started: &Started,
    whose: Name,
    progress: &dyn Progress,
) -> Result<Backup, Error> {
    match completed_by_id(operation, started, whose, progress).await? {
        Awaited::Completed(completed) => Ok(*completed),
        Awaited::Shown(shown) => {
            let shown = Started { job_id: started.job_id.clone(), ..Started::from(BackupRef::from(&*shown)) };
            match completed_by_id(operation, &shown, Name::Anyones, progress).await? {
                Awaited::Completed(backup) | Awaited::Shown(backup) => Ok(*backup),
            }
        }
    }
}

/// Whose backups carry the name of the one that is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    /// This very one alone: whatever has the name on the instance is it, whatever id the answer to its create gave.
    ItsOwn,
    /// Others may have it too.
    Anyones,
}

/// How a wait for an id ended.
enum Awaited {
    Completed(Box<Backup>),
    /// The backup is there under another id.
    Shown(Box<Backup>),
}

async fn completed_by_id(
    operation: Operation<'_>,
    started: &Started,
    whose: Name,
    progress: &dyn Progress,
) -> Result<Awaited, Error> {
    let backup = started.backup();
    let job_id = started.job_id.as_deref();
    let mut watch = Watch::new(operation, &backup);
    watch.last = started.seen.as_deref().cloned();
    let mut absent: u32 = 0;
    let mut there = Instant::now();
    let mut job_failed = false;
    let mut shown = started.seen.clone().map(Look::Seen);
    loop {
        let look = match shown.take() {
            Some(shown) => shown,
            None => watch.look().await?,
        };
        match look {
            Look::Seen(seen) => match seen.status {
                Status::Completed => return Ok(Awaited::Completed(seen)),
                Status::Failed => return Err(failed(&watch, job_id).await),
                Status::Building | Status::Deleting | Status::Other(_) => {
                    absent = 0;
                    there = Instant::now();
                }
            },
            Look::Absent => absent += 1,
            Look::Unsure => {}
        }
        let unseen = absent > 0 && watch.last.is_none();
        // What cannot be told is asked again.
        if whose == Name::ItsOwn
            && unseen
            && absent.is_multiple_of(pace::JOB_EVERY)
            && let Ok(Some(shown)) = operation.under_another_id(&backup).await
        {
            return Ok(Awaited::Shown(Box::new(shown)));
        }
        if absent > 1 && there.elapsed() > pace::LISTS_LAG_AT_MOST {
            there = Instant::now();
            if is_gone(operation, &backup).await {
                return Err(Error::Vanished { id: backup.id });
            }
        }
        if absent > 1 && watch.last.as_ref().is_some_and(|last| last.status == Status::Deleting) {
            return Err(Error::Vanished { id: backup.id });
        }
        // The list may still say "building" after the job has failed: it has one look more to say it itself.
        if job_failed {
            return Err(failed(&watch, job_id).await);
        }
        job_failed = watch.failed_job(job_id, absent > 0).await.is_some();
        watch.tell(progress);
        watch.rest().await?;
    }
}

/// Whether a backup is gone that lists have lacked for longer than they lag.
async fn is_gone(operation: Operation<'_>, backup: &BackupRef) -> bool {
    let begun = backup.begun.clone().map(|begun| BegunBackup { at: None, ..begun });
    matches!(operation.there(&BackupRef { begun, ..backup.clone() }).await, Ok(None))
}

async fn failed(watch: &Watch<'_>, job_id: Option<&str>) -> Error {
    let reason = match job_id {
        Some(job_id) => watch.operation.job(job_id).await.and_then(|job| job.fail_reason),
        None => None,
    };
    Error::Failed { id: watch.backup.id.clone(), backup: watch.boxed(), reason }
}
