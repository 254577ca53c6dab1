//! Taking a backup, exactly once.
//!
//! A create must not be sent twice blindly: there is no key that makes it idempotent. When its answer is lost, the
//! instance's manual backups of that name tell what became of it, by the rule *ours* of [`proof`]: no clock is asked.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::client::{Client, Interruption, interruption_of};
use super::operation::Operation;
use super::proof::{self, Before, Whose};
use super::queue::Begun;
use super::{pace, pages};
use crate::backup::{Backup, Certainty, Error, Filter, Misread, NameOrigin, NewBackup, Progress, Started, Verdict};
use crate::cloud::{self, Call, Context};

impl Operation<'_> {
    /// Takes a backup: returns as soon as the cloud has begun it.
    ///
    /// Creates on one instance take turns in this process; while something else runs on the instance, or this run deletes the
    /// backup that has the name, this waits. A create whose answer is lost is never sent again before a look at the cloud showed
    /// that it did not arrive.
    pub async fn begin(self, want: &NewBackup) -> Result<Started, Error> {
        self.begin_telling(want, &()).await
    }

    /// As [`Self::begin`], and tells what it waits for.
    pub async fn begin_telling(self, want: &NewBackup, progress: &dyn Progress) -> Result<Started, Error> {
        let operation = self;
        let call = operation.service.create(want)?;
        let mut turn = operation.queues.take(operation.client, want, &call, progress).await?;
        let listed = match want.name_origin {
            NameOrigin::Fixed | NameOrigin::Planned => listed(operation, want).await?,
            NameOrigin::Random | NameOrigin::Kept => None,
        };
        let begun = &turn.begun;
        let mut creation =
            Creation { operation, want, call: &call, progress, begun, listed, lost: None, again: None, busy: None };
        let started = creation.run().await;
        let named_before = creation.listed.map(|listed| listed.into_iter().collect());
        turn.begun.names.insert(want.name.clone());
        let started = match started {
            Ok(started) => Started { named_before, ..started },
            Err(Error::OtherAnswer { answer }) => {
                return Err(Error::OtherAnswer { answer: Box::new(Started { named_before, ..*answer }) });
            }
            Err(error) => return Err(error),
        };
        turn.begun.ids.insert(started.backup_id.clone());
        operation.claims.manage(&started.backup_id);
        Ok(started)
    }

    /// The manual backups of that very name on the instance, newest first. After a create that had an unclear moment, more
    /// than one means that the request arrived twice. Looks a little longer than the operation may take.
    pub async fn named(self, want: &NewBackup) -> Result<Vec<Backup>, Error> {
        let filter = Filter { name: Some(want.name.clone()), ..manual(Some(&want.instance_id)) };
        let deadline = self.context.deadline.max(Instant::now() + pace::UNANSWERED);
        let context = Context { deadline, stop: CancellationToken::new() };
        let client = Client { context: &context, ..self.client };
        let mut found = tokio::select! {
            biased;
            found = Operation { client, ..self }.list(&filter) => found?,
            () = long_stopped(&self.context.stop) => {
                return Err(cloud::Error::Stopped { call: "the list".to_owned() }.into());
            }
        };
        for backup in found.iter_mut().filter(|backup| backup.instance_id.is_empty()) {
            backup.instance_id.clone_from(&want.instance_id);
        }
        Ok(found)
    }
}

/// What a look for something that may exist has left, also after the deadline: nobody must be left without its id.
fn overtime(context: &Context) -> Context {
    let Context { deadline, stop } = context;
    Context { deadline: (*deadline).max(Instant::now() + pace::AFTER_DEADLINE), stop: stop.clone() }
}

/// Ends when even such a look must.
async fn long_stopped(stop: &CancellationToken) {
    stop.cancelled().await;
    sleep(pace::AFTER_STOP).await;
}

/// A create under way.
struct Creation<'a> {
    operation: Operation<'a>,
    want: &'a NewBackup,
    call: &'a Call,
    progress: &'a dyn Progress,
    /// What this process began there before: never mistaken for this one.
    begun: &'a Begun,
    /// What had the name before; `None` where it is our own, or where that could not be read.
    listed: Option<HashSet<String>>,
    /// The last of the creates whose answers were lost, and how many there were.
    lost: Option<(cloud::Error, u32)>,
    /// The refusal of what was sent after that.
    again: Option<Box<cloud::Error>>,
    busy: Option<Busy>,
}

/// The instance was busy.
struct Busy {
    since: Instant,
    running: Option<Box<Backup>>,
    is_this_runs: bool,
    cause: cloud::Error,
}

impl Creation<'_> {
    async fn run(&mut self) -> Result<Started, Error> {
        // Without a project nothing can be sent.
        self.operation.cloud.project_id(self.operation.context).await?;
        self.progress.asked();
        loop {
            let deletions = self.operation.claims.deletions();
            let error = match self.send().await? {
                Ok(started) => return Ok(started),
                Err(error) => error,
            };
            let verdict = self.operation.verdict(&error);
            if self.lost.is_some() && error.refusal().is_some() && !self.operation.is_lost(&error) {
                self.again = Some(Box::new(error.clone()));
            }
            if self.operation.is_lost(&error) {
                let times = self.lost.take().map_or(0, |(_, times)| times) + 1;
                self.lost = Some((error.clone(), times));
                warn!(
                    name = self.want.name,
                    "the create has no usable answer, so the cloud is searched for it: {error}"
                );
                // Where two may have one name, sending again too early makes a twin.
                let enough = if self.operation.service.facts().names_are_unique {
                    pace::LOST_UNSEEN
                } else {
                    pace::LOST_LOOKS.len()
                };
                if let Some(started) = self.look(pace::LOST_LOOKS, enough).await? {
                    return Ok(started);
                }
                match self.operation.interruption() {
                    Some(_) => return Err(self.unclear(Vec::new())),
                    None if verdict == Some(Verdict::Busy) => {
                        if let Some(started) = self.wait(error).await? {
                            return Ok(started);
                        }
                    }
                    None if times > pace::RESENDS => return Err(self.unclear(Vec::new())),
                    None => info!(name = self.want.name, "no list shows the create's backup: it is sent again"),
                }
                continue;
            }
            match verdict {
                Some(Verdict::NameTaken) => {
                    if let Some(started) = self.taken(error, deletions).await? {
                        return Ok(started);
                    }
                }
                Some(Verdict::Busy) => {
                    if let Some(started) = self.wait(error).await? {
                        return Ok(started);
                    }
                }
                _ => {
                    if self.lost.is_some() {
                        return Err(self.unclear(Vec::new()));
                    }
                    // What something on the way says of it proves nothing; and it would say the same again.
                    if self.operation.is_refused_on_the_way(&error) {
                        self.lost = Some((error, 1));
                        let found = self.look(pace::REFUSED_LOOKS, pace::REFUSED_LOOKS.len()).await?;
                        return found.ok_or_else(|| self.unclear(Vec::new()));
                    }
                    return Err(match (self.busy.take(), interruption_of(&error)) {
                        (Some(busy), Some(Interruption::Deadline)) => {
                            Error::Busy { running: busy.running, is_this_runs: busy.is_this_runs, cause: busy.cause }
                        }
                        _ => error.into(),
                    });
                }
            }
        }
    }

    /// Sends the create. An answer that names another instance or another name is an error of its own.
    async fn send(&self) -> Result<Result<Started, cloud::Error>, Error> {
        let reply = match self.operation.change(self.call).await {
            Ok(reply) => reply,
            Err(error) => return Ok(Err(error)),
        };
        let mut started = match self.operation.service.started(&reply) {
            Ok(started) => started,
            Err(Misread(reason)) => return Ok(Err(self.operation.misread(self.call, &reply, reason))),
        };
        let differs = |told: &Option<String>, wanted: &str| told.as_ref().is_some_and(|told| told != wanted);
        let id = &started.backup_id;
        // What a name that is kept began before may be what is meant.
        let was_there = self.listed.as_ref().is_some_and(|listed| listed.contains(id))
            || self.want.name_origin != NameOrigin::Kept && self.begun.ids.contains(id);
        if differs(&started.instance_id, &self.want.instance_id) || differs(&started.name, &self.want.name) || was_there
        {
            return Err(Error::OtherAnswer { answer: Box::new(started) });
        }
        // What the answer leaves out, the record must show.
        started.instance_id.get_or_insert_with(|| self.want.instance_id.clone());
        started.name.get_or_insert_with(|| self.want.name.clone());
        if self.lost.is_some() {
            started.certainty = Certainty::AnsweredLater;
        }
        Ok(Ok(started))
    }

    /// The name is taken: by ourselves, if it is our own, or after an answer was lost. Then the list will show it at last.
    /// `None` if this run has deleted the backup that had it since `deletions` had ended.
    async fn taken(&mut self, error: cloud::Error, deletions: usize) -> Result<Option<Started>, Error> {
        let had_before = self.listed.as_ref().is_some_and(|listed| !listed.is_empty());
        let may_be_anothers = !self.want.name_origin.is_random() || had_before;
        if may_be_anothers && self.lost.is_none() {
            let holder = self.holder().await;
            let is_free = match &holder {
                Some(holder) => self.has_left(holder, deletions).await,
                None => self.operation.claims.deletions() != deletions,
            };
            return if is_free {
                Ok(None)
            } else {
                Err(Error::NameTaken { existing: holder.map(Box::new), cause: error })
            };
        }
        self.lost.get_or_insert((error.clone(), 1));
        let since = Instant::now();
        loop {
            if let Some(started) = self.look(&[Duration::ZERO], 1).await? {
                return Ok(Some(started));
            }
            // Somebody else's has the name: then it is not on its way.
            if may_be_anothers && let Some(holder) = self.holder().await {
                // It may have been listed only now, and be what was asked for.
                if let Some(started) = self.look(&[Duration::ZERO], 1).await? {
                    return Ok(Some(started));
                }
                let was_there = self.listed.as_ref().is_some_and(|listed| listed.contains(&holder.id));
                if was_there || holder.instance_id != self.want.instance_id {
                    return Err(Error::NameTaken { existing: Some(Box::new(holder)), cause: error });
                }
                // It came since: somebody else's, or our own, whose description the service has changed.
                return Err(self.unclear(vec![holder]));
            }
            // Then it is not on its way either, and the next attempt has another name.
            if self.want.name_origin == NameOrigin::Kept && since.elapsed() > pace::LISTS_LAG_AT_MOST {
                return Err(Error::NameTaken { existing: None, cause: error });
            }
            if self.operation.rest(pace::interval(since.elapsed())).await.is_err() {
                return Err(self.unclear(Vec::new()));
            }
        }
    }

    /// Waits while this run deletes the backup that has the name; false if it does not, or if there is no more time for that.
    /// `deletions` had ended before the name was refused. A host begins only some of a run's operations at a time: as long
    /// as there are deletions, this one may still come.
    async fn has_left(&self, holder: &Backup, deletions: usize) -> bool {
        let since = Instant::now();
        let (mut moves, mut quiet_since) = (self.operation.claims.moves(), since);
        info!(name = self.want.name, "the backup {} has the name: waiting while this run deletes", holder.id);
        loop {
            if self.operation.claims.has_deleted(&holder.id, deletions)
                && !self.operation.claims.is_deleting(&holder.id)
            {
                return true;
            }
            if self.operation.claims.moves() != moves || self.operation.claims.deletes() {
                (moves, quiet_since) = (self.operation.claims.moves(), Instant::now());
            } else if quiet_since.elapsed() >= pace::AT_THE_SAME_TIME && self.operation.claims.gives_up(moves) {
                return false;
            }
            if self.operation.rest(pace::interval(since.elapsed())).await.is_err() {
                return false;
            }
        }
    }

    /// Looks for the backup that a create without an answer may have begun. `None`: no list shows it, which proves
    /// nothing. Goes on for a short while after a stop or the deadline.
    async fn look(&self, pauses: &[Duration], enough: usize) -> Result<Option<Started>, Error> {
        let stop = &self.operation.context.stop;
        let context = Context { stop: CancellationToken::new(), ..overtime(self.operation.context) };
        let client = Client { context: &context, ..self.operation.client };
        let patient = Operation { client, ..self.operation };
        let looks = async {
            let mut unseen = 0;
            for pause in pauses {
                let hurry = async {
                    stop.cancelled().await;
                    sleep((*pause).min(pace::BETWEEN_LAST_LOOKS)).await;
                };
                tokio::select! {
                    () = sleep(*pause) => {}
                    () = hurry => {}
                }
                let candidates = match self.candidates(patient).await {
                    Ok(candidates) => candidates,
                    Err(Error::Cloud(error)) if self.operation.is_transient(&error) => {
                        warn!(name = self.want.name, "the search for the backup failed for the moment: {error}");
                        continue;
                    }
                    Err(_) => break,
                };
                match &*candidates {
                    [] => unseen += 1,
                    // Names of our own tell even two of them apart from all others: the first is taken, the twin is told.
                    [(backup, Whose::Ours), ..] => return Ok(Some(found(backup, Certainty::Named))),
                    [(backup, Whose::OursByComparison)] => return Ok(Some(found(backup, Certainty::Compared))),
                    _ => return Err(self.unclear(candidates.into_iter().map(|(backup, _)| backup).collect())),
                }
                // A hurried search says nothing.
                if unseen >= enough && !stop.is_cancelled() {
                    return Ok(None);
                }
            }
            // A look that failed among them takes nothing from the others.
            if unseen >= pace::LOST_UNSEEN && !stop.is_cancelled() {
                return Ok(None);
            }
            Err(self.unclear(Vec::new()))
        };
        tokio::select! {
            biased;
            seen = looks => seen,
            () = long_stopped(stop) => Err(self.unclear(Vec::new())),
        }
    }

    /// The instance's manual backups that are, or may be, the one that was asked for.
    async fn candidates(&self, operation: Operation<'_>) -> Result<Vec<(Backup, Whose)>, Error> {
        let before = Before {
            want: self.want,
            listed: self.listed.as_ref(),
            begun: &self.begun.ids,
            tells_descriptions: operation.service.facts().tells_descriptions,
        };
        pages::those(operation.client, &manual(Some(&self.want.instance_id)), |backup| {
            let whose = proof::whose(&backup, &before);
            (whose != Whose::Foreign).then_some((backup, whose))
        })
        .await
    }

    /// That nobody can say what became of the create.
    fn unclear(&self, candidates: Vec<Backup>) -> Error {
        let stopped = || cloud::Error::Stopped { call: self.operation.label(self.call) };
        let cause = self.lost.as_ref().map_or_else(stopped, |(cause, _)| cause.clone());
        Error::Unclear { candidates, cause, again: self.again.clone() }
    }

    /// The backup that has the name: on the instance or, as names are unique in a project, anywhere in it.
    async fn holder(&self) -> Option<Backup> {
        let whole_project = (!self.operation.service.facts().needs_instance).then_some(None);
        let context = overtime(self.operation.context);
        let client = Client { context: &context, ..self.operation.client };
        for instance_id in [Some(Some(&*self.want.instance_id)), whole_project].into_iter().flatten() {
            let filter = manual(instance_id);
            match pages::first(client, &filter, |backup| backup.name == self.want.name).await {
                Ok((Some(holder), _)) => return Some(holder),
                Ok((None, _)) => {}
                Err(error) => {
                    warn!(name = self.want.name, "the backup that has the name was not found: {error}");
                    return None;
                }
            }
        }
        None
    }

    /// Waits until the instance is idle, or until it is worth another try. After a lost answer it may be our own backup that
    /// keeps the instance busy: then that is what comes back.
    async fn wait(&mut self, cause: cloud::Error) -> Result<Option<Started>, Error> {
        if let Some(started) = self.look_again().await? {
            return Ok(Some(started));
        }
        let deletions = self.operation.claims.deletions();
        let busy = if let Some(busy) = self.busy.take() {
            Busy { cause: cause.clone(), ..busy }
        } else {
            let running = self.running().await;
            let twin = running.as_ref().filter(|running| self.lost.is_none() && self.is_foreign_twin(running));
            if let Some(twin) = twin {
                if self.has_left(twin, deletions).await {
                    return Ok(None);
                }
                return Err(Error::NameTaken { existing: Some(Box::new(twin.clone())), cause });
            }
            let what =
                running.as_ref().map_or("something else".to_owned(), |running| format!("the backup {}", running.id));
            info!(
                instance_id = self.want.instance_id,
                "the instance is busy with {what}, waiting until it is idle: {cause}"
            );
            let is_this_runs = running.as_ref().is_some_and(|running| self.is_this_runs(running));
            self.progress.busy(running.as_ref(), is_this_runs);
            Busy { since: Instant::now(), running: running.map(Box::new), is_this_runs, cause: cause.clone() }
        };
        let since = self.busy.insert(busy).since;
        let tried = Instant::now();
        loop {
            let rest = self.operation.rest(pace::interval(since.elapsed())).await;
            if let Some(started) = self.look_again().await? {
                return Ok(Some(started));
            }
            match rest {
                Ok(()) if tried.elapsed() < pace::TRY_ANYWAY && self.is_busy().await => {}
                // At the deadline the next send says so, and then we say what the instance was busy with.
                Ok(()) | Err(Interruption::Deadline) => return Ok(None),
                Err(Interruption::Stop) if self.lost.is_some() => return Err(self.unclear(Vec::new())),
                Err(Interruption::Stop) => {
                    return Err(cloud::Error::Stopped { call: self.operation.label(self.call) }.into());
                }
            }
        }
    }

    /// A single look, if an answer was lost before, or an earlier run may have begun it.
    async fn look_again(&self) -> Result<Option<Started>, Error> {
        match self.lost {
            Some(_) => self.look(&[Duration::ZERO], 1).await,
            // What cannot be told for the moment is asked again.
            None if self.want.name_origin == NameOrigin::Kept => {
                Ok(self.look(&[Duration::ZERO], 1).await.unwrap_or(None))
            }
            None => Ok(None),
        }
    }

    /// Whether the instance says that it is busy.
    async fn is_busy(&self) -> bool {
        let call = self.operation.service.instance(&self.want.instance_id);
        match self.operation.read(&call, |reply| self.operation.service.instances_read(reply)).await {
            Ok(page) => page.items.iter().any(|item| item.id == self.want.instance_id && item.idle == Some(false)),
            Err(_) => false,
        }
    }

    /// A manual backup that runs on the instance, as far as the list tells.
    async fn running(&self) -> Option<Backup> {
        let filter = manual(Some(&self.want.instance_id));
        let runs = |backup: &Backup| backup.instance_id == self.want.instance_id && backup.status.runs();
        pages::first(self.operation.client, &filter, runs).await.ok()?.0
    }

    /// Whether this run has asked for that backup, or manages it. Of what it asked for the answer may have been lost, and what
    /// it began may be listed before this knows of the end of its create: then the name tells.
    fn is_this_runs(&self, backup: &Backup) -> bool {
        let Begun { names, ids } = self.begun;
        names.contains(&backup.name) || ids.contains(&backup.id) || self.operation.claims.has_managed(&backup.id)
    }

    /// Whether a running backup has the name, begun by somebody else: most likely by an earlier run that was killed before it
    /// could note it. Where several may have one name, it is waited for like any other.
    fn is_foreign_twin(&self, running: &Backup) -> bool {
        let is_unique = self.operation.service.facts().names_are_unique;
        is_unique && running.name == self.want.name && !self.begun.ids.contains(&running.id)
    }
}

/// The ids that have the name on the instance before the create; `None` if that cannot be read for the moment.
async fn listed(operation: Operation<'_>, want: &NewBackup) -> Result<Option<HashSet<String>>, Error> {
    let filter = manual(Some(&want.instance_id));
    let its_id = |backup: Backup| (backup.name == want.name).then_some(backup.id);
    match pages::those(operation.client, &filter, its_id).await {
        Ok(listed) => Ok(Some(listed.into_iter().collect())),
        Err(Error::Cloud(error)) if interruption_of(&error).is_none() => {
            warn!(name = want.name, "what has the name before the create could not be read: {error}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn manual(instance_id: Option<&str>) -> Filter {
    Filter { instance_id: instance_id.map(str::to_owned), kind: Some("manual".to_owned()), ..Filter::default() }
}

/// The backup that a lost create began.
fn found(backup: &Backup, certainty: Certainty) -> Started {
    info!(backup_id = backup.id, "the create had arrived: this is its backup");
    Started {
        backup_id: backup.id.clone(),
        instance_id: Some(backup.instance_id.clone()).filter(|id| !id.is_empty()),
        begin: backup.begin,
        name: Some(backup.name.clone()),
        certainty,
        seen: Some(Box::new(backup.clone())),
        ..Started::default()
    }
}
