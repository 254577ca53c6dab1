//! Taking a backup, exactly once.
//!
//! A create must not be sent twice blindly: there is no key that makes it idempotent. When its answer is lost, the
//! instance's manual backups of that name tell what became of it, dated by the cloud's own clock.

use std::ops::ControlFlow;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::errand::{Errand, Interruption, interruption_of, interval, label, misread};
use super::pages;
use super::turns::{Begun, Turns};
use super::watch::runs;
use crate::backup::{Backup, Error, Filter, Misread, NewBackup, Progress, Started, Verdict};
use crate::cloud::{self, Call, Context};

/// How often a create that was lost and did not arrive is sent again.
const RESENDS: u32 = 2;
/// The pauses before each look for a create whose answer was lost.
const LOOKS: &[Duration] = &[
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_millis(2500),
    Duration::from_secs(5),
    Duration::from_secs(10),
];
/// So many looks that do not show it prove that it did not arrive. They span the time in which lists lag behind.
const PROOF: usize = 3;
/// The cloud's clocks, and the rounding of begin times, may differ so much.
const SKEW: Duration = Duration::from_secs(5);
/// So long the looks may go on after the deadline: what may exist must be known.
const AFTER_DEADLINE: Duration = Duration::from_secs(15);
/// So long the looks may go on after a stop.
const AFTER_STOP: Duration = Duration::from_millis(1200);
/// While an instance is said to be busy, a create is tried so often anyway: its status may be one we misunderstand.
const TRY_ANYWAY: Duration = Duration::from_mins(1);

pub(super) async fn begin(
    errand: Errand<'_>,
    turns: &Turns,
    want: &NewBackup,
    progress: &dyn Progress,
) -> Result<Started, Error> {
    let call = errand.service.create(want)?;
    let mut turn = turns.take(errand, want, &call, progress).await?;
    let mut creation = Creation { errand, want, call: &call, progress, begun: &turn.begun, lost: None, busy: None };
    let started = creation.run().await?;
    turn.begun.insert(started.backup_id.clone());
    Ok(started)
}

/// A create under way.
struct Creation<'a> {
    errand: Errand<'a>,
    want: &'a NewBackup,
    call: &'a Call,
    progress: &'a dyn Progress,
    /// What this process began there before: never mistaken for this one.
    begun: &'a Begun,
    lost: Option<Lost>,
    busy: Option<Busy>,
}

/// Creates whose answers were lost.
struct Lost {
    /// When the first of them was sent.
    since: Instant,
    times: u32,
}

/// The instance was busy.
struct Busy {
    since: Instant,
    running: Option<Box<Backup>>,
    cause: cloud::Error,
}

impl Creation<'_> {
    async fn run(&mut self) -> Result<Started, Error> {
        loop {
            let sent = Instant::now();
            let error = match self.send().await {
                Ok(started) => return Ok(started),
                Err(error) => error,
            };
            let verdict = self.errand.verdict(&error);
            if self.errand.is_lost(&error) {
                let lost = self.lost.get_or_insert(Lost { since: sent, times: 0 });
                lost.times += 1;
                let times = lost.times;
                warn!(
                    name = self.want.name,
                    "the create has no usable answer, so the cloud is searched for it: {error}"
                );
                if let Some(backup) = self.look(&error, LOOKS, PROOF).await? {
                    return Ok(adopted(backup));
                }
                match self.errand.interruption() {
                    Some(Interruption::Stop) => return Err(cloud::Error::Stopped { call: label(self.call) }.into()),
                    Some(Interruption::Deadline) => return Err(error.into()),
                    None if verdict == Some(Verdict::Busy) => {
                        if let Some(backup) = self.wait(error).await? {
                            return Ok(adopted(backup));
                        }
                    }
                    None if times > RESENDS => return Err(error.into()),
                    None => info!(name = self.want.name, "the create did not arrive: it is sent again"),
                }
                continue;
            }
            match verdict {
                Some(Verdict::NameTaken) => {
                    // After a lost answer the name may be taken by ourselves.
                    if self.lost.is_some()
                        && let Some(backup) = self.look(&error, LOOKS, PROOF).await?
                    {
                        return Ok(adopted(backup));
                    }
                    return Err(Error::NameTaken { existing: self.holder().await.map(Box::new), cause: error });
                }
                Some(Verdict::Busy) => {
                    if let Some(backup) = self.wait(error).await? {
                        return Ok(adopted(backup));
                    }
                }
                _ => {
                    return Err(match (self.busy.take(), interruption_of(&error)) {
                        (Some(busy), Some(Interruption::Deadline)) => {
                            Error::Busy { running: busy.running, cause: busy.cause }
                        }
                        _ => error.into(),
                    });
                }
            }
        }
    }

    async fn send(&self) -> Result<Started, cloud::Error> {
        let reply = self.errand.change(self.call).await?;
        let started = self.errand.service.started(&reply);
        let mut started = started.map_err(|Misread(reason)| misread(self.call, &reply, reason))?;
        started.instance_id.get_or_insert_with(|| self.want.instance_id.clone());
        Ok(started)
    }

    /// Looks for the backup that a create without an answer may have begun. `None` is proof that it did not arrive.
    /// Goes on for a short while after a stop or the deadline.
    async fn look(&self, cause: &cloud::Error, pauses: &[Duration], proof: usize) -> Result<Option<Backup>, Error> {
        let Context { deadline, stop } = self.errand.context;
        let context =
            Context { deadline: (*deadline).max(Instant::now() + AFTER_DEADLINE), stop: CancellationToken::new() };
        let patient = Errand { context: &context, ..self.errand };
        let stopped = async {
            stop.cancelled().await;
            sleep(AFTER_STOP).await;
        };
        let looks = async {
            let mut clean = 0;
            for pause in pauses {
                let hurry = async {
                    stop.cancelled().await;
                    sleep((*pause).min(Duration::from_millis(300))).await;
                };
                tokio::select! {
                    () = sleep(*pause) => {}
                    () = hurry => {}
                }
                let Candidates { ours, unsure } = match self.candidates(patient).await {
                    Ok(candidates) => candidates,
                    Err(Error::Cloud(error)) if self.errand.is_transient(&error) => {
                        warn!(name = self.want.name, "the search for the backup failed for the moment: {error}");
                        continue;
                    }
                    Err(_) => break,
                };
                match (ours.len(), unsure.is_empty()) {
                    (0, true) => clean += 1,
                    (1, true) => return Ok(ours.into_iter().next()),
                    _ => {
                        let candidates = ours.into_iter().chain(unsure).collect();
                        return Err(Error::Unclear { candidates, cause: cause.clone() });
                    }
                }
                // A hurried search proves nothing.
                if clean >= proof && !stop.is_cancelled() {
                    return Ok(None);
                }
            }
            Err(Error::Unclear { candidates: Vec::new(), cause: cause.clone() })
        };
        tokio::select! {
            biased;
            seen = looks => seen,
            () = stopped => Err(Error::Unclear { candidates: Vec::new(), cause: cause.clone() }),
        }
    }

    /// The instance's manual backups of that name that were begun since the first create was lost.
    async fn candidates(&self, errand: Errand<'_>) -> Result<Candidates, Error> {
        let mut named = Vec::new();
        let walked = pages::backups(errand, &manual(Some(&self.want.instance_id)), |backup| {
            if self.is_like(&backup) && !self.begun.contains(&backup.id) {
                named.push(backup);
            }
            ControlFlow::Continue(())
        })
        .await?;
        let since =
            self.lost.as_ref().zip(walked.clock).and_then(|(lost, (date, read))| {
                date.checked_sub(read.saturating_duration_since(lost.since) + SKEW).ok()
            });
        let mut candidates = Candidates::default();
        for backup in named {
            match (backup.begin, since) {
                (Some(begin), Some(since)) if begin < since => {}
                (Some(_), Some(_)) => candidates.ours.push(backup),
                (None, _) | (_, None) => candidates.unsure.push(backup),
            }
        }
        Ok(candidates)
    }

    fn is_like(&self, backup: &Backup) -> bool {
        backup.name == self.want.name
            && (backup.instance_id.is_empty() || backup.instance_id == self.want.instance_id)
            && backup.kind.as_ref().is_none_or(|kind| kind == "manual")
    }

    /// The backup that has the name: on the instance or, as names are unique in a project, anywhere in it.
    async fn holder(&self) -> Option<Backup> {
        let whole_project = (!self.errand.service.facts().needs_instance).then_some(None);
        for instance_id in [Some(Some(&*self.want.instance_id)), whole_project].into_iter().flatten() {
            let filter = manual(instance_id);
            let mut holder = None;
            let walked = pages::backups(self.errand, &filter, |backup| {
                if backup.name == self.want.name {
                    holder = Some(backup);
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            });
            match walked.await {
                Ok(_) if holder.is_some() => return holder,
                Ok(_) => {}
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
    async fn wait(&mut self, cause: cloud::Error) -> Result<Option<Backup>, Error> {
        if let Some(backup) = self.look_again(&cause).await? {
            return Ok(Some(backup));
        }
        let busy = if let Some(busy) = self.busy.take() {
            Busy { cause: cause.clone(), ..busy }
        } else {
            let running = self.running().await;
            let twin = running.as_ref().filter(|running| self.lost.is_none() && self.is_foreign_twin(running));
            if let Some(twin) = twin {
                return Err(Error::NameTaken { existing: Some(Box::new(twin.clone())), cause });
            }
            let what =
                running.as_ref().map_or("something else".to_owned(), |running| format!("the backup {}", running.id));
            info!(
                instance_id = self.want.instance_id,
                "the instance is busy with {what}, waiting until it is idle: {cause}"
            );
            self.progress.busy(running.as_ref().map(|running| running.id.as_str()));
            Busy { since: Instant::now(), running: running.map(Box::new), cause: cause.clone() }
        };
        let since = self.busy.insert(busy).since;
        let tried = Instant::now();
        loop {
            let rest = self.errand.rest(interval(since.elapsed(), None)).await;
            if let Some(backup) = self.look_again(&cause).await? {
                return Ok(Some(backup));
            }
            match rest {
                Ok(()) if tried.elapsed() < TRY_ANYWAY && self.is_busy().await => {}
                // At the deadline the next send says so, and then we say what the instance was busy with.
                Ok(()) | Err(Interruption::Deadline) => return Ok(None),
                Err(Interruption::Stop) => return Err(cloud::Error::Stopped { call: label(self.call) }.into()),
            }
        }
    }

    /// A single look, if an answer was lost before.
    async fn look_again(&self, cause: &cloud::Error) -> Result<Option<Backup>, Error> {
        match self.lost {
            Some(_) => self.look(cause, &[Duration::ZERO], 1).await,
            None => Ok(None),
        }
    }

    /// Whether the instance says that it is busy.
    async fn is_busy(&self) -> bool {
        let call = self.errand.service.instance(&self.want.instance_id);
        match self.errand.read(&call, |reply| self.errand.service.instances_read(reply)).await {
            Ok(page) => page.items.iter().any(|item| item.id == self.want.instance_id && item.idle == Some(false)),
            Err(_) => false,
        }
    }

    /// A manual backup that runs on the instance, as far as the list tells.
    async fn running(&self) -> Option<Backup> {
        let filter = manual(Some(&self.want.instance_id));
        let mut running = None;
        let walked = pages::backups(self.errand, &filter, |backup| {
            if backup.instance_id == self.want.instance_id && runs(&backup.status) {
                running = Some(backup);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        walked.await.ok()?;
        running
    }

    /// Whether a running backup is what we were about to create, begun by somebody else: most likely by an earlier run that
    /// was killed before it could note it.
    fn is_foreign_twin(&self, running: &Backup) -> bool {
        self.is_like(running) && !self.begun.contains(&running.id)
    }
}

#[derive(Default)]
struct Candidates {
    ours: Vec<Backup>,
    /// Of that name, but begun who knows when.
    unsure: Vec<Backup>,
}

fn manual(instance_id: Option<&str>) -> Filter {
    Filter { instance_id: instance_id.map(str::to_owned), kind: Some("manual".to_owned()), ..Filter::default() }
}

/// The backup that a lost create began.
fn adopted(backup: Backup) -> Started {
    info!(backup_id = backup.id, "the create had arrived: this is its backup");
    let begin: Option<Timestamp> = backup.begin;
    Started { backup_id: backup.id, instance_id: Some(backup.instance_id), job_id: None, begin }
}
