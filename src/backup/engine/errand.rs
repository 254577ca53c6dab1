//! One operation under way: whom it asks, about which service, within what limits.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use super::lookup;
use super::poller::Pollers;
use super::proof::{self, Absence, Gone, Known};
use super::{pace, pages};
use crate::backup::{Backup, BackupRef, Error, Instance, Job, Misread, Service, Verdict};
use crate::cloud::{self, Call, Cloud, Context, Product, Reply};

/// Whoever answers calls: the cloud, or a script in tests.
pub(super) trait Ask: Send + Sync {
    fn ask<'a>(&'a self, context: &'a Context, call: &'a Call) -> Answer<'a>;
    /// The project that calls of this region are for.
    fn project_id<'a>(&'a self, context: &'a Context) -> Answer<'a, String>;
    fn in_region(&self, region: &str) -> Arc<dyn Ask>;
    fn region(&self) -> &str;

    /// Whether the region is one of the cloud's, as far as can be told without a call.
    fn check_region(&self, product: &Product) -> Result<(), cloud::Error> {
        let _ = product;
        Ok(())
    }
}

pub(super) type Answer<'a, T = Reply> = Pin<Box<dyn Future<Output = Result<T, cloud::Error>> + Send + 'a>>;

impl Ask for Cloud {
    fn ask<'a>(&'a self, context: &'a Context, call: &'a Call) -> Answer<'a> {
        Box::pin(self.send(context, call))
    }

    fn project_id<'a>(&'a self, context: &'a Context) -> Answer<'a, String> {
        Box::pin(Cloud::project_id(self, context))
    }

    fn in_region(&self, region: &str) -> Arc<dyn Ask> {
        Arc::new(Cloud::in_region(self, region))
    }

    fn region(&self) -> &str {
        Cloud::region(self)
    }

    fn check_region(&self, product: &Product) -> Result<(), cloud::Error> {
        self.address(product).map(drop)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Errand<'a> {
    pub(super) cloud: &'a Arc<dyn Ask>,
    pub(super) pollers: &'a Pollers,
    pub(super) context: &'a Context,
    pub(super) service: &'static dyn Service,
}

/// Why a rest ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interruption {
    Stop,
    Deadline,
}

impl Errand<'_> {
    pub(super) async fn send(&self, call: &Call) -> Result<Reply, cloud::Error> {
        self.cloud.ask(self.context, call).await
    }

    /// Sends and reads. A reply that cannot be read is an error that tells which call it was.
    pub(super) async fn read<T>(
        &self,
        call: &Call,
        read: impl FnOnce(&Reply) -> Result<T, Misread>,
    ) -> Result<T, cloud::Error> {
        let reply = self.send(call).await?;
        read(&reply).map_err(|Misread(reason)| misread(call, &reply, reason))
    }

    /// The backup as it is now; `None` only on proof that it is gone. Without details.
    pub(super) async fn find(&self, backup: &BackupRef) -> Result<Option<Backup>, Error> {
        match lookup::read(*self, backup).await? {
            Some(found) => Ok(Some(found)),
            None => self.absent(backup).await,
        }
    }

    /// Asks everything that an absence needs to be believed, after a look by id that did not show the backup.
    async fn absent(&self, backup: &BackupRef) -> Result<Option<Backup>, Error> {
        let doubtful = |doubt| Error::Doubtful { id: backup.id.clone(), doubt };
        let project_id = self.cloud.project_id(self.context).await?;
        let same_project = backup.project_id.as_ref().map(|known| *known == project_id);
        let mut absence = Absence {
            looks: 0,
            same_project,
            instance: self.knows(backup.instance_id.as_deref()).await?,
            ended: backup.begun.is_none(),
            job: None,
            listed: backup.begun.as_ref().is_some_and(|begun| begun.listed),
            old: backup.begun.as_ref().is_none_or(|begun| begun.at.is_none_or(is_old)),
        };
        loop {
            if let Some(job_id) = backup.begun.as_ref().and_then(|begun| begun.job_id.as_deref()) {
                absence.job = self.job(job_id).await.map(|job| job.status);
            }
            if let Some(found) = lookup::in_list_of_instance(*self, backup).await? {
                return Ok(Some(found));
            }
            absence.looks += 1;
            match proof::gone(&absence) {
                Gone::Proven => return Ok(None),
                Gone::Doubtful(doubt) => return Err(doubtful(doubt)),
                Gone::LookAgain => self.rest(pace::BEFORE_ABSENCE_IS_BELIEVED).await.map_err(|end| end.of(backup))?,
            }
            if let Some(found) = lookup::by_id(*self, backup).await? {
                return Ok(Some(found));
            }
        }
    }

    /// Whether the service knows the instance in this project.
    async fn knows(&self, instance_id: Option<&str>) -> Result<Known, Error> {
        let Some(id) = instance_id else { return Ok(Known::Yes) };
        match self.shown(id).await {
            Ok(Some(_)) => Ok(Known::Yes),
            Ok(None) => Ok(Known::Unlisted),
            Err(Error::Cloud(error)) if interruption_of(&error).is_some() => Err(error.into()),
            Err(_) => Ok(Known::Unasked),
        }
    }

    /// The instance as the service shows it in this project: asked for by its id, then looked for in the list of all.
    pub(super) async fn shown(&self, id: &str) -> Result<Option<Instance>, Error> {
        let mut is_it = |instance: &Instance| instance.id == id;
        let call = self.service.instance(id);
        let shown = self.read(&call, |reply| self.service.instances_read(reply)).await;
        if let Some(found) = shown.ok().and_then(|page| page.items.into_iter().find(&mut is_it)) {
            return Ok(Some(found));
        }
        Ok(pages::instances(*self, None).await?.into_iter().find(is_it))
    }

    /// The instance, which was last seen in that project; `None` only on proof that it is gone.
    pub(super) async fn instance(&self, id: &str, project_id: Option<&str>) -> Result<Option<Instance>, Error> {
        let here = self.cloud.project_id(self.context).await?;
        let mut absence = Absence {
            looks: 0,
            same_project: project_id.map(|known| known == here),
            instance: Known::Unlisted,
            ended: true,
            job: None,
            listed: true,
            old: true,
        };
        loop {
            if let Some(found) = self.shown(id).await? {
                return Ok(Some(found));
            }
            absence.looks += 1;
            match proof::gone(&absence) {
                Gone::Proven => return Ok(None),
                Gone::Doubtful(doubt) => return Err(Error::Doubtful { id: id.to_owned(), doubt }),
                // At a stop or the deadline the next look says so.
                Gone::LookAgain => drop(self.rest(pace::BEFORE_ABSENCE_IS_BELIEVED).await),
            }
        }
    }

    /// Sends what changes something in the cloud: what was seen before does not count any more, and what is seen while
    /// the cloud is at it does not count afterwards.
    pub(super) async fn change(&self, call: &Call) -> Result<Reply, cloud::Error> {
        let wrote = || self.pollers.wrote(self.cloud.region(), self.service.facts().key());
        wrote();
        let reply = self.send(call).await;
        wrote();
        reply
    }

    /// How far a job is; `None` if that cannot be told.
    pub(super) async fn job(&self, id: &str) -> Option<Job> {
        let call = self.service.job(id)?;
        self.read(&call, |reply| self.service.job_read(reply)).await.ok().flatten()
    }

    /// What the service takes its refusal for; `None` if it is none, or somebody else's: IAM is asked before.
    pub(super) fn verdict(&self, error: &cloud::Error) -> Option<Verdict> {
        error.refusal().filter(|_| self.is_the_services(error)).map(|refusal| self.service.verdict(refusal))
    }

    /// Whether the service may have carried out a request although it has no usable answer. Where the trouble was with
    /// IAM, the service has not even been asked.
    pub(super) fn is_lost(&self, error: &cloud::Error) -> bool {
        error.may_be_applied() && self.is_the_services(error)
    }

    fn is_the_services(&self, error: &cloud::Error) -> bool {
        match error {
            cloud::Error::Refused { product, .. }
            | cloud::Error::Unanswered { product, .. }
            | cloud::Error::Misread { product, .. } => *product == self.service.facts().key(),
            cloud::Error::DeadlinePassed { last: Some(last), .. } => self.is_the_services(last),
            cloud::Error::DeadlinePassed { last: None, .. } | cloud::Error::Setup(_) | cloud::Error::Stopped { .. } => {
                false
            }
        }
    }

    /// Whether asking the same later may well have another answer.
    pub(super) fn is_transient(&self, error: &cloud::Error) -> bool {
        match error {
            cloud::Error::Unanswered { .. } => !error.lasts(),
            cloud::Error::Misread { .. } => true,
            cloud::Error::Refused { refusal, .. } => {
                refusal.status >= 500 || refusal.status == 429 || self.verdict(error) == Some(Verdict::Busy)
            }
            cloud::Error::Setup(_) | cloud::Error::Stopped { .. } | cloud::Error::DeadlinePassed { .. } => false,
        }
    }

    /// Whether whoever looks again and again may bear this: trouble that passes, or nonsense that has not lasted long.
    pub(super) fn is_bearable(&self, error: &cloud::Error, nonsense_since: &mut Option<Instant>) -> bool {
        if matches!(error, cloud::Error::Misread { .. }) {
            return nonsense_since.get_or_insert_with(Instant::now).elapsed() < pace::NONSENSE;
        }
        *nonsense_since = None;
        self.is_transient(error)
    }

    /// Sleeps, unless the stop signal or the deadline comes first.
    pub(super) async fn rest(&self, time: Duration) -> Result<(), Interruption> {
        let Context { deadline, stop } = self.context;
        let until = Instant::now() + time;
        tokio::select! {
            biased;
            () = stop.cancelled() => Err(Interruption::Stop),
            () = sleep_until(until.min(*deadline)) => self.interruption().map_or(Ok(()), Err),
        }
    }

    /// Whether it is over with this errand.
    pub(super) fn interruption(&self) -> Option<Interruption> {
        if self.context.stop.is_cancelled() {
            Some(Interruption::Stop)
        } else if Instant::now() >= self.context.deadline {
            Some(Interruption::Deadline)
        } else {
            None
        }
    }
}

impl Interruption {
    /// What it means for who looked for that backup.
    pub(super) fn of(self, backup: &BackupRef) -> Error {
        let id = backup.id.clone();
        match self {
            Interruption::Stop => Error::Stopped { id, last: None },
            Interruption::Deadline => Error::StillRunning { id, last: None },
        }
    }
}

/// Whether something began so long ago that lists cannot lag behind it any more.
fn is_old(begun: Timestamp) -> bool {
    let age = Timestamp::now().duration_since(begun).unsigned_abs();
    age > pace::LISTS_LAG_AT_MOST
}

/// Whether a call was not sent because the errand was over.
pub(super) fn interruption_of(error: &cloud::Error) -> Option<Interruption> {
    match error {
        cloud::Error::Stopped { .. } => Some(Interruption::Stop),
        cloud::Error::DeadlinePassed { .. } => Some(Interruption::Deadline),
        _ => None,
    }
}

/// A call in messages.
pub(super) fn label(call: &Call) -> String {
    format!("{} {}", call.method, call.path)
}

pub(super) fn misread(call: &Call, reply: &Reply, reason: String) -> cloud::Error {
    cloud::Error::Misread { product: call.product.key, call: label(call), reason, request_id: reply.request_id.clone() }
}
