//! Waiting until a backup has completed.

use super::operation::Operation;
use super::proof;
use super::watch::{Look, Watch};
use crate::backup::{Backup, Error, Progress, Started, Status};

/// Only a backup that was seen completed is complete. One that is not listed, not yet or for a moment, is looked for until
/// its job has failed, or the time is over; only of one that was seen being deleted it is said that it is gone.
pub(super) async fn settled(
    operation: Operation<'_>,
    started: &Started,
    progress: &dyn Progress,
) -> Result<Backup, Error> {
    let backup = started.backup();
    let job_id = started.job_id.as_deref();
    let mut watch = Watch::new(operation, &backup);
    let mut absent = 0;
    let mut job_failed = false;
    loop {
        match watch.look().await? {
            Look::Seen(seen) if !proof::is_itself(&seen, &backup) => {
                return Err(Error::Foreign { meant: Box::new(backup), found: seen });
            }
            Look::Seen(seen) => match seen.status {
                Status::Completed => return Ok(*seen),
                Status::Failed => return Err(failed(&watch, job_id).await),
                Status::Building | Status::Deleting | Status::Other(_) => absent = 0,
            },
            Look::Absent => absent += 1,
            Look::Unsure => {}
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

async fn failed(watch: &Watch<'_>, job_id: Option<&str>) -> Error {
    let reason = match job_id {
        Some(job_id) => watch.operation.job(job_id).await.and_then(|job| job.fail_reason),
        None => None,
    };
    Error::Failed { id: watch.backup.id.clone(), backup: watch.boxed(), reason }
}
