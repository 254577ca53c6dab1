//! Bringing an instance back: what can be known is asked before, the order is sent once, and it is over when its job has
//! completed and the target is idle again.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::time::Instant;
use tracing::{info, warn};

use super::client::{Client, Interruption, interruption_of, trouble_of};
use super::{lookup, pace, pages};
use crate::backup::restore::joined;
use crate::backup::services::restoring;
use crate::backup::{
    Backup, BackupRef, Datastore, Error, Instance, Job, JobStatus, Misread, NewRestore, RestoreError, RestorePoint,
    RestoreStep, Span, Status, Unawaited, Unfit, Verdict,
};
use crate::cloud;

type Tell<'a> = &'a (dyn Fn(RestoreStep<'_>) + Sync);

impl Client<'_> {
    /// Restores into an existing instance, and waits until its job has completed and the instance is idle again. Everything
    /// that can be known is asked before anything is sent, and the order is sent once.
    pub async fn restore(self, want: &NewRestore, tell: Tell<'_>) -> Result<(), RestoreError> {
        let client = self;
        let call = client.service.restore(want).map_err(Error::from)?;
        checked(client, want, client.cloud.path(&call)).await?;
        tell(RestoreStep::Asked);
        let sent = client.send(&call).await;
        let named = sent.and_then(|reply| {
            let job_id = client.service.job_id(&reply);
            job_id.ok_or_else(|| client.misread(&call, &reply, "the answer names no job".to_owned()))
        });
        let job_id = match named {
            Ok(job_id) => job_id,
            // Sent again, it might overwrite what was written into the target since.
            Err(cause) if client.is_lost(&cause) || client.is_refused_on_the_way(&cause) => {
                let target = lookup::instance(client, &want.target_instance_id).await.ok().flatten().map(Box::new);
                return Err(RestoreError::Unclear { cause, target });
            }
            Err(cause) => return Err(client.not_offered("restores into an existing instance", cause).into()),
        };
        info!(job_id, target_instance_id = want.target_instance_id, "the restore has begun");
        tell(RestoreStep::Begun { job_id: &job_id });
        Wait { client, want, job_id, since: Instant::now(), target_status: None }.ended(tell).await
    }

    /// To which times of these days, in UTC, an instance can be restored: in order, and what touches made one.
    pub async fn restore_times(self, instance_id: &str, (first, last): (Date, Date)) -> Result<Vec<Span>, Error> {
        let days = first.series(jiff::Span::new().days(1)).take_while(|day| *day <= last);
        let told = futures_util::stream::iter(days.map(|day| times_of_day(self, instance_id, day)));
        let spans: Vec<Vec<Span>> = told.buffered(pace::AT_ONCE).try_collect().await?;
        Ok(joined(spans.concat()))
    }
}

/// What the target must have for the data, as far as the service tells.
struct Needs {
    engine: Option<Datastore>,
    mode: Option<String>,
    size_gib: Option<u64>,
    /// Whether that is all that the target needs; otherwise it may need as much as the source has.
    is_enough: bool,
}

/// Everything that can be known before the order is sent, under that path.
async fn checked(client: Client<'_>, want: &NewRestore, path: &str) -> Result<(), RestoreError> {
    let mut needs = match &want.point {
        RestorePoint::Backup(id) => {
            let Backup { datastore, more, size_bytes, .. } = backup(client, id, &want.source_instance_id).await?;
            let size_gib = more.restore_size_gib.max(size_bytes.map(|bytes| bytes.div_ceil(1 << 30)));
            let is_enough = more.restore_size_gib.is_some();
            Needs { engine: datastore, mode: more.mode, size_gib, is_enough }
        }
        RestorePoint::Time(at) => {
            let source = lookup::instance(client, &want.source_instance_id).await?;
            let source = source.ok_or(RestoreError::Unfit(Unfit::NoSource))?;
            if let Some(spans) = spans_around(client, &want.source_instance_id, *at).await?
                && !spans.iter().any(|span| span.covers(*at))
            {
                return Err(RestoreError::Unfit(Unfit::NoSuchTime(spans)));
            }
            Needs { engine: source.datastore, mode: source.mode, size_gib: source.size_gib, is_enough: true }
        }
    };
    if let Some(engine) = &needs.engine {
        client.service.restores(engine, path).map_err(Error::from)?;
    }
    let target =
        lookup::instance(client, &want.target_instance_id).await?.ok_or(RestoreError::Unfit(Unfit::NoTarget))?;
    if target.idle == Some(false) {
        return Err(RestoreError::Unfit(Unfit::Busy(Box::new(target))));
    }
    if target.is_replica() {
        return Err(RestoreError::Unfit(Unfit::Replica));
    }
    // What an instance held once, it can hold again; and whether lists name the source itself is not written anywhere.
    if want.target_instance_id == want.source_instance_id {
        return Ok(());
    }
    let listed = match pages::lists_target(client, want).await {
        Err(error) if verdict(client, &error) == Some(Verdict::NotOffered) => None,
        listed => listed?,
    };
    // The service knows best.
    if listed == Some(true) {
        return Ok(());
    }
    let lacks_mode = client.service.facts().keeps_mode && needs.mode.is_none();
    let lacks_size = !needs.is_enough && target.size_gib.is_some();
    // What a backup does not tell, its source does. Without that it stays unknown.
    if (lacks_mode || lacks_size)
        && let Some(source) = lookup::instance(client, &want.source_instance_id).await.ok().flatten()
    {
        needs.mode = needs.mode.or(source.mode);
        needs.size_gib = if lacks_size { needs.size_gib.max(source.size_gib) } else { needs.size_gib };
    }
    let unfit = unfit(client, &needs, &target).or_else(|| listed.map(|_| Unfit::NotListed));
    unfit.map_or(Ok(()), |unfit| Err(RestoreError::Unfit(unfit)))
}

fn verdict(client: Client<'_>, error: &Error) -> Option<Verdict> {
    error.cloud().and_then(|cause| client.verdict(cause))
}

/// The backup, if it is of that source and completed.
async fn backup(client: Client<'_>, id: &str, source: &str) -> Result<Backup, RestoreError> {
    let reference = BackupRef::new(id, Some(source.to_owned()));
    let found = match lookup::by_id(client, &reference).await {
        Ok(Some(found)) => Ok(Some(found)),
        Ok(None) => lookup::in_list_of_instance(client, &reference).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(Some(backup)) if backup.status == Status::Completed => Ok(backup),
        Ok(Some(backup)) => Err(RestoreError::Unfit(Unfit::NotCompleted(Box::new(backup)))),
        Ok(None) => Err(RestoreError::Unfit(Unfit::NoBackup)),
        Err(Error::Foreign { found, .. }) => Err(RestoreError::Unfit(Unfit::OtherSource(found))),
        Err(error) => Err(error.into()),
    }
}

/// What speaks against the target as far as its engine, its mode and its size tell.
fn unfit(client: Client<'_>, needs: &Needs, target: &Instance) -> Option<Unfit> {
    if let (Some(data), Some(engine)) = (&needs.engine, &target.datastore)
        && !data.kind.eq_ignore_ascii_case(&engine.kind)
    {
        return Some(Unfit::OtherEngine { data: data.clone(), target: engine.clone() });
    }
    if let (true, Some(data), Some(mode)) = (client.service.facts().keeps_mode, &needs.mode, &target.mode)
        && !data.eq_ignore_ascii_case(mode)
    {
        return Some(Unfit::OtherMode { data: data.clone(), target: mode.clone() });
    }
    match (needs.size_gib, target.size_gib) {
        (Some(needed), Some(has)) if needed > has => Some(Unfit::TooSmall { needed, has }),
        _ => None,
    }
}

/// The spans of that day; `None` where this cloud does not tell them.
async fn spans_around(client: Client<'_>, source: &str, at: Timestamp) -> Result<Option<Vec<Span>>, Error> {
    let day = at.to_zoned(TimeZone::UTC).date();
    match client.restore_times(source, (day, day)).await {
        Ok(spans) => Ok(Some(spans)),
        Err(Error::NotOffered { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn times_of_day(client: Client<'_>, instance_id: &str, day: Date) -> Result<Vec<Span>, Error> {
    let (mut spans, mut seen) = (Vec::new(), BTreeSet::new());
    for pages in 1.. {
        let call = client.service.restore_times(instance_id, day, spans.len() as u64)?;
        let sent = client.send(&call).await;
        let reply = sent.map_err(|cause| client.not_offered("times to restore to", cause))?;
        let misread = |reason| client.misread(&call, &reply, reason);
        let page = client.service.restore_times_read(&reply).map_err(|Misread(reason)| misread(reason))?;
        let is_full = page.items.len() as u64 >= restoring::PERIODS;
        let new = page.items.iter().filter(|span| seen.insert(**span)).count();
        spans.extend(page.items);
        let count = spans.len() as u64;
        let is_whole = page.total.map_or(!is_full || new == 0, |total| count >= total);
        if is_whole {
            break;
        }
        // What is cut off must not pass for the whole: times would be called impossible that are not.
        if new == 0 || pages >= pace::MAX_PAGES {
            let of = page.total.map_or(String::new(), |total| format!(" of {total}"));
            let reason = format!("the list of times breaks off after {count}{of}");
            return Err(misread(reason).into());
        }
    }
    Ok(spans)
}

/// A restore that runs.
struct Wait<'a> {
    client: Client<'a>,
    want: &'a NewRestore,
    job_id: String,
    since: Instant,
    /// The status of the target, once the job has completed.
    target_status: Option<String>,
}

impl Wait<'_> {
    async fn ended(mut self, tell: Tell<'_>) -> Result<(), RestoreError> {
        let mut nonsense_since = None;
        let mut tell_at = pace::TOLD_FIRST;
        let mut running: Option<Job> = None;
        let mut trouble;
        loop {
            let looked = match self.target_status {
                None => self.look_at_job().await,
                Some(_) => self.look_at_target().await,
            };
            match looked {
                Ok(Progressed::Over) => return Ok(()),
                Ok(Progressed::JobCompleted) => {
                    self.target_status = Some("not looked at yet".to_owned());
                    continue;
                }
                Ok(Progressed::JobFailed(reason)) => return Err(RestoreError::Failed { job_id: self.job_id, reason }),
                Ok(Progressed::Job(job)) => (running, trouble) = (job, None),
                Ok(Progressed::Target(status)) => (self.target_status, trouble) = (Some(status), None),
                // The next attempt of that call would have come too late; another look need not.
                Err(error) if interruption_of(&error).is_some() => trouble = trouble_of(error),
                Err(error) => {
                    let is_bearable =
                        self.client.is_bearable(&error, &mut nonsense_since) || self.is_not_known_yet(&error);
                    trouble = Some(error.clone());
                    if !is_bearable {
                        let why = Unawaited::OutOfSight(Box::new(error));
                        return Err(RestoreError::GoesOn {
                            job_id: self.job_id,
                            target_status: self.target_status,
                            why,
                        });
                    }
                    warn!(job_id = self.job_id, "the restore cannot be looked at for the moment: {error}");
                }
            }
            let waited = self.since.elapsed();
            if waited >= tell_at {
                tell_at = pace::told_again(waited);
                let progress = running.as_ref().and_then(|job| job.progress.as_deref());
                tell(match &self.target_status {
                    None => RestoreStep::Runs { waited, progress },
                    Some(status) => RestoreStep::TargetNotReady { waited, status },
                });
            }
            if let Err(interruption) = self.client.rest(pace::interval(waited)).await {
                return Err(self.goes_on(interruption, trouble));
            }
        }
    }

    async fn look_at_job(&self) -> Result<Progressed, cloud::Error> {
        let client = self.client;
        let Some(call) = client.service.job(&self.job_id) else { return Ok(Progressed::JobCompleted) };
        let job = client.read(&call, |reply| client.service.job_read(reply)).await?;
        Ok(match job {
            Some(Job { status: JobStatus::Completed, .. }) => Progressed::JobCompleted,
            Some(Job { status: JobStatus::Failed, fail_reason, .. }) => Progressed::JobFailed(fail_reason),
            job => Progressed::Job(job),
        })
    }

    async fn look_at_target(&self) -> Result<Progressed, cloud::Error> {
        let client = self.client;
        let target = &self.want.target_instance_id;
        let page = client.read(&client.service.instance(target), |reply| client.service.instances_read(reply)).await?;
        Ok(match page.items.into_iter().find(|instance| instance.id == *target) {
            Some(instance) if instance.idle != Some(false) => Progressed::Over,
            Some(instance) => Progressed::Target(instance.status),
            None => Progressed::Target("not shown".to_owned()),
        })
    }

    /// Whether the service says that there is no such job, as it may as long as what it shows is behind.
    fn is_not_known_yet(&self, error: &cloud::Error) -> bool {
        error.refusal().is_some_and(|refusal| matches!(refusal.status, 400 | 404) && refusal.is_by_the_cloud())
            && self.client.verdict(error) != Some(Verdict::NotOffered)
            && self.since.elapsed() < pace::LISTS_LAG_AT_MOST
    }

    fn goes_on(self, interruption: Interruption, trouble: Option<cloud::Error>) -> RestoreError {
        let why = match interruption {
            Interruption::Stop => Unawaited::Stopped,
            Interruption::Deadline => Unawaited::Deadline(trouble.map(Box::new)),
        };
        RestoreError::GoesOn { job_id: self.job_id, target_status: self.target_status, why }
    }
}

/// What a look showed.
enum Progressed {
    /// The job, as far as it is told.
    Job(Option<Job>),
    JobCompleted,
    JobFailed(Option<String>),
    /// The status of the target, which is not idle.
    Target(String),
    /// The target is idle.
    Over,
}
