//! Looking at one backup again and again until something has come true.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::client::{Client, Interruption, interruption_of, trouble_of};
use super::next::{Answer, LookFor, Question, Scope};
use super::operation::Operation;
use super::poller::Seat;
use super::{lookup, pace};
use crate::backup::{Backup, BackupRef, Error, Job, JobStatus, Progress};
use crate::cloud::{self, Context, Fate};

/// One backup under watch.
pub(super) struct Watch<'a> {
    pub(super) operation: Operation<'a>,
    pub(super) backup: &'a BackupRef,
    /// As it was seen last.
    pub(super) last: Option<Backup>,
    /// What is known of its deletion or stop, as far as it was sent: see [`Self::ended`].
    pub(super) fate: Fate,
    /// What the last look met.
    trouble: Option<cloud::Error>,
    /// When the watch began.
    since: Instant,
    /// When the cloud accepted to delete it, and until when its looks wait for others who delete.
    deleted: Option<(Instant, Instant)>,
    looks: u32,
    job_asked: Instant,
    seat: Seat,
    scope: Scope,
    /// What the owner told before the next look.
    told: Option<Answer>,
    /// Whether it is looked at alone, for all that is known.
    alone: bool,
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
    pub(super) fn new(operation: Operation<'a>, backup: &'a BackupRef) -> Self {
        let now = Instant::now();
        let (seat, scope) = operation.watch(backup);
        Watch {
            operation,
            backup,
            last: None,
            fate: Fate::default(),
            trouble: None,
            since: now,
            deleted: None,
            looks: 0,
            job_asked: now,
            seat,
            scope,
            told: None,
            alone: true,
            fresh_since: now,
            nonsense_since: None,
            tell_at: pace::TOLD_FIRST,
        }
    }

    /// We changed it: what was seen before is too old.
    pub(super) fn changed(&mut self) {
        self.fresh_since = Instant::now();
        self.told = None;
    }

    /// Asks to be told how it is: when it is due, or as soon as somebody else's look shows it.
    async fn ask(&mut self, due: Instant) -> Result<Answer, Error> {
        let (scope, id) = (self.scope.clone(), self.backup.id.clone());
        let look = LookFor { scope, id, since: self.fresh_since, due, deleted: self.deleted };
        let told = self.seat.ask(self.operation.context, Question::Look(look)).await;
        let told = told.map_err(|interruption| self.interrupted(interruption))?;
        self.alone = matches!(told, Answer::Alone);
        if self.alone {
            // Where there is no owner, nobody else waits until it is due.
            self.pause(due.saturating_duration_since(Instant::now())).await?;
        }
        Ok(told)
    }

    /// Looks once. Passing trouble is not an error; the end of the operation is.
    pub(super) async fn look(&mut self) -> Result<Look, Error> {
        if let Some(interruption) = self.operation.interruption() {
            return Err(self.interrupted(interruption));
        }
        self.looks += 1;
        let told = match self.told.take() {
            Some(told) => told,
            None => self.ask(self.fresh_since.max(Instant::now())).await?,
        };
        let seen = match told {
            Answer::Seen(seen) => lookup::completed(*seen, self.backup).map(Some),
            Answer::Absent => Ok(None),
            Answer::Failed(error) => Err(error.into()),
            Answer::Alone | Answer::Accepted => lookup::by_id(self.operation.client, self.backup).await,
        };
        self.fresh_since = Instant::now();
        self.judged(seen)
    }

    /// One look when the time is over: what is there now is worth a moment more. What cannot be seen is not waited for.
    pub(super) async fn look_late(&mut self) -> Option<Box<Backup>> {
        let deadline = self.operation.context.deadline.max(Instant::now()) + pace::AFTER_DEADLINE;
        let context = Context { deadline, stop: self.operation.context.stop.clone() };
        let client = Client { context: &context, ..self.operation.client };
        let seen = lookup::by_id(client, self.backup).await.ok().flatten()?;
        self.last = Some(seen);
        self.boxed()
    }

    /// The other question: looks for it in the list of its instance.
    pub(super) async fn look_in_list(&mut self) -> Result<Look, Error> {
        let seen = lookup::in_list_of_instance(self.operation.client, self.backup).await;
        self.judged(seen)
    }

    fn judged(&mut self, seen: Result<Option<Backup>, Error>) -> Result<Look, Error> {
        let error = match seen {
            Ok(found) => {
                self.nonsense_since = None;
                self.trouble = None;
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
            return Err(self.cut_short(interruption, error));
        }
        if self.operation.is_bearable(&error, &mut self.nonsense_since) {
            warn!(backup_id = self.backup.id, "the backup cannot be looked at for the moment: {error}");
            self.trouble = Some(error);
            return Ok(Look::Unsure);
        }
        Err(Error::OutOfSight { id: self.backup.id.clone(), last: self.boxed(), cause: Box::new(error) })
    }

    /// Waits until the next look is due, or until somebody else's look has shown this backup.
    pub(super) async fn rest(&mut self) -> Result<(), Error> {
        // What deletes does not take as long as what takes backups.
        let since = self.deleted.map_or(self.since, |(accepted, _)| accepted);
        self.told = Some(self.ask(Instant::now() + pace::interval(since.elapsed())).await?);
        Ok(())
    }

    /// Waits so long that the next look is one of its own: nothing that is seen before counts.
    pub(super) async fn rest_apart(&mut self, time: Duration) -> Result<(), Error> {
        self.fresh_since = Instant::now() + time;
        self.told = Some(self.ask(self.fresh_since).await?);
        Ok(())
    }

    /// Asks to delete it, alone or together with others: the job, where one is named, or why it was not accepted. From its
    /// acceptance on a look that serves all who delete is waited for.
    pub(super) async fn delete(&mut self) -> Result<Option<String>, cloud::Error> {
        self.deleted = None;
        let (operation, id) = (self.operation, &self.backup.id);
        let question = Question::Delete { id: id.clone(), patience: self.patience(), fate: self.fate.clone() };
        let sent = match self.seat.ask(operation.context, question).await {
            Ok(Answer::Accepted) => Ok(None),
            Ok(Answer::Failed(error)) => Err(error),
            // Without time this only says so.
            sent @ (Ok(Answer::Alone | Answer::Seen(_) | Answer::Absent) | Err(_)) => {
                if sent.is_err() {
                    // What waits with others must not go out after this has told its end.
                    self.fate.withdraw();
                }
                let mut call = operation.service.delete(id);
                call.fates.push(self.fate.clone());
                operation.change(&call).await.map(|reply| operation.service.job_id(&reply))
            }
        };
        self.changed();
        if sent.is_ok() {
            self.deleted = Some((Instant::now(), self.patience()));
        }
        sent
    }

    /// Until when others are waited for: most of the time that is left is for looks.
    fn patience(&self) -> Instant {
        let now = Instant::now();
        now + (self.operation.context.deadline.saturating_duration_since(now) / 4).min(pace::FOR_OTHERS)
    }

    /// Whether the cloud has accepted to delete it.
    pub(super) fn is_accepted(&self) -> bool {
        self.deleted.is_some()
    }

    /// The accepted deletion did not happen.
    pub(super) fn not_deleted(&mut self) {
        self.deleted = None;
    }

    async fn pause(&mut self, time: Duration) -> Result<(), Error> {
        if time.is_zero() {
            return Ok(());
        }
        let rest = self.operation.rest(time).await;
        rest.map_err(|interruption| self.interrupted(interruption))
    }

    /// Whether nobody else waits for something in the same list, as of the last look.
    pub(super) fn is_alone(&self) -> bool {
        self.alone
    }

    /// Tells now and then how it goes on.
    pub(super) fn tell(&mut self, progress: &dyn Progress) {
        let waited = self.since.elapsed();
        if waited < self.tell_at {
            return;
        }
        self.tell_at = pace::told_again(waited);
        let status = self.last.as_ref().map(|last| &last.status);
        let word = status.map_or("not listed yet".to_owned(), |status| status.word().to_lowercase());
        info!(backup_id = self.backup.id, "waiting for the backup: {} s, {word}", waited.as_secs());
        progress.seen(waited, status);
    }

    /// The job, if it has failed. It is asked when nothing else tells (`urgent`), and else now and then.
    pub(super) async fn failed_job(&mut self, job_id: Option<&str>, urgent: bool) -> Option<Job> {
        let due = if self.alone {
            self.looks.is_multiple_of(pace::JOB_EVERY)
        } else {
            self.job_asked.elapsed() >= pace::JOB_IN_COMPANY
        };
        if !urgent && !due {
            return None;
        }
        self.job_asked = Instant::now();
        self.operation.job(job_id?).await.filter(|job| job.status == JobStatus::Failed)
    }

    /// What the end of the operation means for who waits.
    pub(super) fn interrupted(&self, interruption: Interruption) -> Error {
        let (id, last) = (self.backup.id.clone(), self.boxed());
        match interruption {
            Interruption::Stop => Error::Stopped { id, last },
            Interruption::Deadline => {
                let cause = self.fate.trouble().or_else(|| self.trouble.clone()).map(Box::new);
                Error::StillRunning { id, last, cause }
            }
        }
    }

    /// What an end means once it is known what was sent: whatever was, and may be carried out, goes with every end.
    pub(super) fn ended(&self, end: Error) -> Error {
        if self.fate.may_be_applied() && !end.was_sent() {
            Error::Sent { id: self.backup.id.clone(), end: Box::new(end) }
        } else {
            end
        }
    }

    /// The same, of a call that could not be sent any more.
    pub(super) fn cut_short(&mut self, interruption: Interruption, call: cloud::Error) -> Error {
        self.trouble = trouble_of(call).or(self.trouble.take());
        self.interrupted(interruption)
    }

    /// What another question ended with, for who waits.
    pub(super) fn of_question(&mut self, error: Error) -> Error {
        match error {
            Error::Cloud(cause) => match interruption_of(&cause) {
                Some(interruption) => self.cut_short(interruption, cause),
                None => cause.into(),
            },
            // What that question knew of the end is less than what is known here.
            Error::Stopped { .. } => self.interrupted(Interruption::Stop),
            Error::StillRunning { cause, .. } => {
                self.trouble = cause.map(|cause| *cause).or(self.trouble.take());
                self.interrupted(Interruption::Deadline)
            }
            other => other,
        }
    }

    /// The backup as it is now; `None` only on proof that it is gone.
    pub(super) async fn find(&mut self) -> Result<Option<Backup>, Error> {
        let found = self.operation.there(self.backup).await;
        found.map_err(|error| self.of_question(error))
    }

    pub(super) fn boxed(&self) -> Option<Box<Backup>> {
        self.last.clone().map(Box::new)
    }
}
