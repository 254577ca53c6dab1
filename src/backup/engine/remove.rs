//! Stopping and deleting backups, until it is seen that they run no more or are gone.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{info, warn};

use super::client::{Client, Interruption, interruption_of, trouble_of};
use super::operation::Operation;
use super::proof;
use super::watch::{Look, Watch};
use super::{pace, pages};
use crate::backup::{Backup, BackupRef, Doubt, Error, Filter, Status, StopScope, Unsupported, Verdict};
use crate::cloud::{self, Context, Fate, Refusal};

/// What a stop found and did.
#[derive(Clone, Debug, PartialEq)]
pub enum StopOutcome {
    /// It ran, and does so no more: as it is now, `None` if the cloud dropped it.
    Stopped(Option<Box<Backup>>),
    /// It ran, and has completed: a stop was sent and had no effect.
    Completed(Box<Backup>),
    /// It did not run; nothing was asked of the cloud.
    NotRunning(Box<Backup>),
}

/// What a stop means for what else runs on the instance, where the service can only stop all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    /// Nothing is stopped while they run.
    Spared,
    /// They are stopped too.
    Stopped,
}

impl Operation<'_> {
    /// A backup that was begun, once it can be seen: waits while it may be on its way. `None` only on proof that it is gone; a
    /// record that is not that backup is an error.
    pub async fn find_begun(self, backup: &BackupRef) -> Result<Option<Backup>, Error> {
        itself(self, backup).await
    }

    /// Looks for a backup whose deletion an earlier run sent at that time, by this machine's clock, and did not see the end of:
    /// that end is waited for, because some lists call a backup completed until it is gone. With it whether the backup may still
    /// be leaving: that is so when the time is over before a deletion must have shown its effect.
    pub async fn find_leaving(self, backup: &BackupRef, sent: Timestamp) -> Result<(Option<Backup>, bool), Error> {
        let found = self.find(backup).await?;
        if found.as_ref().is_none_or(|found| found.status != Status::Completed) {
            return Ok((found, true));
        }
        // A clock that was set back makes nobody wait longer.
        let waited = Duration::try_from(Timestamp::now().duration_since(sent)).unwrap_or_default();
        let patience = pace::ACCEPTED.saturating_sub(waited);
        match gone(&mut Watch::new(self, backup), None, patience).await {
            Ok(true) => Ok((None, true)),
            Ok(false) => Ok((found, false)),
            Err(Error::StillRunning { last: Some(last), .. }) if last.status == Status::Completed => Ok((found, true)),
            Err(error) => Err(error),
        }
    }

    /// Stops a running backup and waits until it runs no more. `tell` is called before anything is sent.
    pub async fn stop(self, backup: &BackupRef, tell: &(dyn Fn() + Sync)) -> Result<StopOutcome, Error> {
        stop(self, backup, Others::Spared, tell).await
    }

    /// The same, where whatever else runs on the instance may be stopped with it.
    pub async fn stop_with_others(self, backup: &BackupRef, tell: &(dyn Fn() + Sync)) -> Result<StopOutcome, Error> {
        stop(self, backup, Others::Stopped, tell).await
    }

    /// Deletes a backup and waits until it is gone; "already gone" is success. One that runs is stopped first, or awaited
    /// where it cannot be stopped alone. Every error means that the backup exists as far as we know.
    pub async fn delete(self, backup: &BackupRef) -> Result<(), Error> {
        let _deleting = self.claims.deleting(&backup.id);
        let mut watch = Watch::new(self, backup);
        match deleted(&mut watch).await {
            Err(Error::Doubtful { doubt: Doubt::UnderAnotherId(shown), .. }) if backup.is_known_by_name() => {
                Box::pin(self.delete(&backup.shown_as(&shown))).await
            }
            ended => ended.map_err(|end| watch.ended(end)),
        }
    }

    /// The same for what a rotation gives up. That is an extra beside what was asked for: trouble holds it up no longer than the
    /// retries of one call, and whatever else the cloud is at no longer than a deletion usually takes.
    pub async fn rotate_out(self, backup: &BackupRef) -> Result<(), Error> {
        let deadline = self.context.deadline.min(Instant::now() + pace::ACCEPTED);
        let context = Context { deadline, ..self.context.clone() };
        let client = Client { context: &context, bears_trouble: false, ..self.client };
        Operation { client, ..self }.delete(backup).await
    }
}

async fn stop(
    operation: Operation<'_>,
    backup: &BackupRef,
    others: Others,
    tell: &(dyn Fn() + Sync),
) -> Result<StopOutcome, Error> {
    let facts = operation.service.facts();
    if facts.stop == StopScope::Never {
        return Err(Unsupported(format!("{} cannot stop a running backup", facts.title)).into());
    }
    match itself(operation, backup).await? {
        None => Err(Error::Vanished { id: backup.id.clone() }),
        Some(seen) if seen.status.runs() => {
            let mut watch = Watch::new(operation, backup);
            halt(&mut watch, seen, others, tell).await.map_err(|end| watch.ended(end))
        }
        Some(seen) => Ok(StopOutcome::NotRunning(Box::new(seen))),
    }
}

/// The backup that is meant, once it can be seen; `None` only on proof that it is gone. A record that is not that backup is
/// an error: nothing is sent for it.
async fn itself(operation: Operation<'_>, backup: &BackupRef) -> Result<Option<Backup>, Error> {
    let since = Instant::now();
    let mut trouble = None;
    loop {
        match operation.there_by_name(backup, true).await {
            Ok(Some(found)) if !proof::is_itself(&found, backup) => {
                return Err(Error::Foreign { meant: Box::new(backup.clone()), found: Box::new(found) });
            }
            // It is on its way: its job runs, or it was begun just now.
            Err(Error::Doubtful { doubt, .. }) if doubt.passes() => {}
            Err(Error::Cloud(error)) => match interruption_of(&error) {
                Some(end) => return Err(unseen(end, backup, trouble_of(error).or(trouble))),
                None if operation.is_transient(&error) => {
                    warn!(backup_id = backup.id, "the backup cannot be looked at for the moment: {error}");
                    trouble = Some(error);
                }
                None => {
                    return Err(Error::OutOfSight { id: backup.id.clone(), last: None, cause: Box::new(error) });
                }
            },
            found => return found,
        }
        let rest = operation.rest(pace::interval(since.elapsed())).await;
        rest.map_err(|end| unseen(end, backup, trouble.clone()))?;
    }
}

/// What an end means before the backup was seen, after such trouble.
fn unseen(end: Interruption, backup: &BackupRef, trouble: Option<cloud::Error>) -> Error {
    match end.of(backup) {
        Error::StillRunning { id, last, .. } => Error::StillRunning { id, last, cause: trouble.map(Box::new) },
        other => other,
    }
}

/// Whether the backup was seen, whole and as itself, in this very project after it had ended. Ids are never given out twice,
/// so it need not be looked at again before it is deleted.
async fn is_certain(operation: Operation<'_>, backup: &BackupRef) -> bool {
    let ended = backup.begun.is_none();
    ended
        && backup.project_id.is_some()
        && operation.cloud.project_id(operation.context).await.ok() == backup.project_id
}

/// Deletes what is watched, and sees it go.
async fn deleted(watch: &mut Watch<'_>) -> Result<(), Error> {
    let (operation, backup) = (watch.operation, watch.backup);
    if !is_certain(operation, backup).await {
        let Some(seen) = itself(operation, backup).await? else { return Ok(()) };
        if !deletable(watch, seen).await? {
            return Ok(());
        }
    }
    loop {
        match watch.delete().await {
            Ok(job_id) => {
                if gone(watch, job_id.as_deref(), pace::ACCEPTED).await? {
                    return Ok(());
                }
                watch.not_deleted();
                warn!(backup_id = backup.id, "the backup is still there: the delete is sent again");
            }
            Err(error) => {
                if refused(watch, error.clone()).await? {
                    return Ok(());
                }
                if !operation.bears_trouble && !waits(operation, &error) {
                    return Err(error.into());
                }
            }
        }
    }
}

/// Makes sure that a backup can be deleted; false if it is gone.
async fn deletable(watch: &mut Watch<'_>, mut seen: Backup) -> Result<bool, Error> {
    if seen.status == Status::Building {
        match ended(watch, seen).await? {
            Some(ended) => seen = ended,
            None => return Ok(false),
        }
    }
    // One that is being deleted already is only awaited, for a while.
    Ok(seen.status != Status::Deleting || !gone(watch, None, pace::ACCEPTED).await?)
}

/// Ends a running backup before its deletion: by a stop where that is possible, else by waiting. `None` if it is gone.
async fn ended(watch: &mut Watch<'_>, running: Backup) -> Result<Option<Backup>, Error> {
    let id = running.id.clone();
    info!(backup_id = id, "the backup still runs: it is stopped before it is deleted");
    let halted = halt(watch, running, Others::Spared, &|| {}).await;
    // What follows is another call.
    watch.fate = Fate::default();
    let why = match halted {
        Ok(StopOutcome::Stopped(ended)) => return Ok(ended.map(|ended| *ended)),
        Ok(StopOutcome::NotRunning(ended) | StopOutcome::Completed(ended)) => return Ok(Some(*ended)),
        Err(error @ (Error::Stopped { .. } | Error::StillRunning { .. } | Error::OutOfSight { .. })) => {
            return Err(error);
        }
        Err(error) => error,
    };
    warn!(backup_id = id, "the backup cannot be stopped, so its end is awaited before it is deleted: {why}");
    loop {
        match watch.look().await? {
            Look::Seen(seen) if seen.status != Status::Building => return Ok(Some(*seen)),
            Look::Seen(_) | Look::Unsure => {}
            Look::Absent => match watch.find().await? {
                Some(seen) if seen.status != Status::Building => return Ok(Some(seen)),
                Some(_) => {}
                None => return Ok(None),
            },
        }
        watch.tell(&());
        watch.rest().await?;
    }
}

/// Deals with a delete that was not accepted; true if the backup is gone all the same.
async fn refused(watch: &mut Watch<'_>, error: cloud::Error) -> Result<bool, Error> {
    let operation = watch.operation;
    // Where one was sent before, it is that deletion which the service is busy with.
    let is_first = !watch.fate.may_be_applied();
    if let Some(interruption) = interruption_of(&error) {
        return Err(match (interruption, error) {
            (Interruption::Deadline, cloud::Error::DeadlinePassed { last: Some(last), .. })
                if is_first && waits(operation, &last) =>
            {
                Error::Busy { running: watch.boxed(), is_this_runs: true, cause: *last }
            }
            (interruption, error) => watch.cut_short(interruption, error),
        });
    }
    match operation.verdict(&error) {
        Some(Verdict::NotOffered) => Err(Error::NotOffered { task: "to delete a backup", cause: error }),
        Some(Verdict::Gone) => Ok(watch.find().await?.is_none() || gone(watch, None, pace::UNANSWERED).await?),
        Some(Verdict::Busy | Verdict::WrongState) if waits(operation, &error) => {
            info!(backup_id = watch.backup.id, "the backup cannot be deleted yet, waiting: {error}");
            match gone(watch, None, Duration::ZERO).await {
                Err(Error::StillRunning { last, .. }) if is_first => {
                    Err(Error::Busy { running: last, is_this_runs: true, cause: error })
                }
                gone => gone,
            }
        }
        _ if operation.is_transient(&error) || operation.is_lost(&error) => {
            warn!(backup_id = watch.backup.id, "the delete has no usable answer: {error}");
            gone(watch, None, pace::UNANSWERED).await
        }
        // Some services have no word of their own for "no such backup".
        _ => match watch.find().await {
            Ok(None) => Ok(true),
            // An earlier delete, the answer of which was lost, is being carried out.
            Ok(Some(seen)) if seen.status == Status::Deleting => gone(watch, None, pace::ACCEPTED).await,
            _ => Err(error.into()),
        },
    }
}

/// Whether the backup, or its instance, is not ready. A gateway that throttles knows nothing of that.
fn waits(operation: Operation<'_>, error: &cloud::Error) -> bool {
    if error.refusal().is_some_and(Refusal::stopped_at_gateway) {
        return false;
    }
    matches!(operation.verdict(error), Some(Verdict::Busy | Verdict::WrongState))
}

/// Waits until the backup is gone; false if it is still there, and not being deleted, after so long.
async fn gone(watch: &mut Watch<'_>, job_id: Option<&str>, patience: Duration) -> Result<bool, Error> {
    let since = Instant::now();
    let mut job_failed = None;
    let mut absent = 0;
    loop {
        let seen = match watch.look().await? {
            // Only after a delete that the service accepted an absence is what is expected.
            Look::Absent if !watch.is_accepted() => match watch.find().await? {
                Some(seen) => Some(Box::new(seen)),
                None => return Ok(true),
            },
            Look::Absent => {
                absent += 1;
                let job = match job_id {
                    Some(job_id) => watch.operation.job(job_id).await.map(|job| job.status),
                    None => None,
                };
                if !proof::deleted(absent, job) {
                    watch.tell(&());
                    watch.rest_apart(pace::interval(since.elapsed()).max(pace::AFTER_A_DELETION)).await?;
                    continue;
                }
                // The other question; who shares looks was looked for in the list already.
                match if watch.is_alone() { watch.look_in_list().await? } else { Look::Absent } {
                    Look::Absent => return Ok(true),
                    Look::Seen(seen) => {
                        absent = 0;
                        Some(seen)
                    }
                    Look::Unsure => None,
                }
            }
            Look::Seen(seen) => {
                absent = 0;
                Some(seen)
            }
            Look::Unsure => None,
        };
        // One look more after the failure was heard of: the list may have been behind.
        if let (Some(reason), Some(backup)) = (job_failed.take(), seen.clone()) {
            watch.fate.undone();
            return Err(Error::JobFailed { task: "delete", backup, reason });
        }
        let deleting = seen.is_none_or(|seen| seen.status == Status::Deleting);
        job_failed = watch.failed_job(job_id, !deleting).await.map(|job| job.fail_reason);
        watch.tell(&());
        watch.rest().await?;
        if !deleting && job_failed.is_none() && since.elapsed() >= patience {
            return Ok(false);
        }
    }
}

/// Stops a backup that was seen running; `tell` is called before anything is sent.
async fn halt(
    watch: &mut Watch<'_>,
    running: Backup,
    spared: Others,
    tell: &(dyn Fn() + Sync),
) -> Result<StopOutcome, Error> {
    let operation = watch.operation;
    let facts = operation.service.facts();
    let Some(mut call) = operation.service.stop(&running) else {
        return Err(Unsupported(format!("{} cannot stop this backup", facts.title)).into());
    };
    call.fates.push(watch.fate.clone());
    let mut asked = false;
    let mut failure = None;
    for nth in 0..pace::STOPS {
        if facts.stop == StopScope::Instance && spared == Others::Spared {
            let others = others(operation, &running).await.map_err(|error| watch.of_question(error))?;
            if !others.is_empty() {
                return Err(Error::OthersRun { others });
            }
        }
        if nth == 0 {
            tell();
        }
        let sent = operation.change(&call).await;
        watch.changed();
        let (job_id, patience) = match sent {
            Ok(reply) => {
                asked = true;
                (operation.service.job_id(&reply), pace::ACCEPTED)
            }
            Err(error) => {
                if let Some(interruption) = interruption_of(&error) {
                    asked |= watch.fate.may_be_applied();
                    // Who refuses answers: what became of it meanwhile is worth a look.
                    let refused = trouble_of(error.clone()).is_some_and(|last| last.refusal().is_some());
                    let last = if refused { watch.look_late().await } else { None };
                    return match last.filter(|last| !last.status.runs()) {
                        Some(ended) => Ok(halted(Some(ended), asked)),
                        None => Err(watch.cut_short(interruption, error)),
                    };
                }
                asked |= operation.is_lost(&error);
                let patience = match operation.verdict(&error) {
                    Some(Verdict::NotOffered) => {
                        return Err(Error::NotOffered { task: "to stop a backup", cause: error });
                    }
                    // It is at the stop that it accepted before.
                    Some(Verdict::Busy | Verdict::WrongState) if asked => Duration::MAX,
                    Some(Verdict::Gone | Verdict::Busy | Verdict::WrongState) => Duration::ZERO,
                    _ if operation.is_transient(&error) => pace::UNANSWERED,
                    _ => return Err(error.into()),
                };
                info!(backup_id = running.id, "the stop was not accepted yet: {error}");
                failure = Some(error);
                (None, patience)
            }
        };
        if let Some(ended) = stopped(watch, job_id.as_deref(), patience).await? {
            return Ok(halted(ended, asked));
        }
    }
    match failure {
        Some(error) => Err(error.into()),
        None => Err(Error::JobFailed { task: "stop", backup: Box::new(running), reason: None }),
    }
}

/// What it means that a backup runs no more, and is that now.
fn halted(ended: Option<Box<Backup>>, asked: bool) -> StopOutcome {
    match ended {
        Some(ended) if !asked => StopOutcome::NotRunning(ended),
        Some(ended) if ended.status == Status::Completed => StopOutcome::Completed(ended),
        ended => StopOutcome::Stopped(ended),
    }
}

/// Waits until the backup runs no more: what it is then, if it still is. `None` if it still runs after so long.
async fn stopped(
    watch: &mut Watch<'_>,
    job_id: Option<&str>,
    patience: Duration,
) -> Result<Option<Option<Box<Backup>>>, Error> {
    let since = Instant::now();
    let mut job_failed = None;
    let mut absent = false;
    loop {
        let seen = match watch.look().await? {
            Look::Absent if absent => return Ok(Some(None)),
            Look::Absent => {
                absent = true;
                watch.rest_apart(pace::AFTER_A_DELETION).await?;
                continue;
            }
            Look::Seen(seen) if !seen.status.runs() => return Ok(Some(Some(seen))),
            Look::Seen(seen) => Some(seen),
            Look::Unsure => None,
        };
        if let (Some(reason), Some(backup)) = (job_failed.take(), seen.clone()) {
            watch.fate.undone();
            return Err(Error::JobFailed { task: "stop", backup, reason });
        }
        job_failed = watch.failed_job(job_id, false).await.map(|job| job.fail_reason);
        watch.tell(&());
        watch.rest().await?;
        if job_failed.is_none() && since.elapsed() >= patience {
            return Ok(None);
        }
    }
}

/// What else runs on the instance of that backup.
async fn others(operation: Operation<'_>, backup: &Backup) -> Result<Vec<Backup>, Error> {
    let filter = Filter { instance_id: Some(backup.instance_id.clone()), ..Filter::default() };
    pages::those(operation.client, &filter, |other| {
        let here = other.instance_id.is_empty() || other.instance_id == backup.instance_id;
        (other.id != backup.id && here && other.status.runs()).then_some(other)
    })
    .await
}
