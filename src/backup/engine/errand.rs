//! One operation under way: whom it asks, about which service, within what limits.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::lookup::{self, Lookup};
use crate::backup::{Backup, BackupRef, Error, Job, Misread, Service, Verdict};
use crate::cloud::{self, Call, Cloud, Context, Reply};

/// Whoever answers calls: the cloud, or a script in tests.
pub(super) trait Ask: Send + Sync {
    fn ask<'a>(&'a self, context: &'a Context, call: &'a Call) -> Answer<'a>;
    fn in_region(&self, region: &str) -> Arc<dyn Ask>;
    fn region(&self) -> &str;
}

pub(super) type Answer<'a> = Pin<Box<dyn Future<Output = Result<Reply, cloud::Error>> + Send + 'a>>;

impl Ask for Cloud {
    fn ask<'a>(&'a self, context: &'a Context, call: &'a Call) -> Answer<'a> {
        Box::pin(self.send(context, call))
    }

    fn in_region(&self, region: &str) -> Arc<dyn Ask> {
        Arc::new(Cloud::in_region(self, region))
    }

    fn region(&self) -> &str {
        Cloud::region(self)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Errand<'a> {
    pub(super) cloud: &'a dyn Ask,
    pub(super) lookup: &'a Lookup,
    pub(super) context: &'a Context,
    pub(super) service: &'a dyn Service,
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

    /// The backup of that id as it is now; `None` only on proof that it is gone. Without details.
    pub(super) async fn find(&self, backup: &BackupRef) -> Result<Option<Backup>, Error> {
        lookup::by_id(*self, backup).await
    }

    /// Looks until there is something, or for as long as lists may lag behind: `None` is proof even of what is new.
    pub(super) async fn although_lists_lag<T, L>(&self, id: &str, look: impl Fn() -> L) -> Result<Option<T>, Error>
    where
        L: Future<Output = Result<Option<T>, Error>>,
    {
        for pause in lookup::LAG {
            let found = look().await?;
            if found.is_some() {
                return Ok(found);
            }
            self.rest(*pause).await.map_err(|interruption| match interruption {
                Interruption::Stop => Error::Stopped { id: id.to_owned(), last: None },
                Interruption::Deadline => Error::StillRunning { id: id.to_owned(), last: None },
            })?;
        }
        look().await
    }

    /// Sends what changes something in the cloud: what was seen before does not count any more, and what is seen while
    /// the cloud is at it does not count afterwards.
    pub(super) async fn change(&self, call: &Call) -> Result<Reply, cloud::Error> {
        let desk = self.lookup.desk(*self);
        desk.wrote();
        let reply = self.send(call).await;
        desk.wrote();
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
            cloud::Error::Unanswered { .. } | cloud::Error::Misread { .. } => true,
            cloud::Error::Refused { refusal, .. } => {
                refusal.status >= 500 || refusal.status == 429 || self.verdict(error) == Some(Verdict::Busy)
            }
            cloud::Error::Setup(_) | cloud::Error::Stopped { .. } | cloud::Error::DeadlinePassed { .. } => false,
        }
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

/// Whether a call was not sent because the errand was over.
pub(super) fn interruption_of(error: &cloud::Error) -> Option<Interruption> {
    match error {
        cloud::Error::Stopped { .. } => Some(Interruption::Stop),
        cloud::Error::DeadlinePassed { .. } => Some(Interruption::Deadline),
        _ => None,
    }
}

/// How long to wait before the next look after so long a wait: what is awaited is noticed with little delay, measured by
/// the time it took, or by the time it took before.
pub(super) fn interval(waited: Duration, expected: Option<Duration>) -> Duration {
    let soon = waited.mul_f64(0.08).max(expected.unwrap_or_default().mul_f64(0.06));
    soon.clamp(Duration::from_millis(200), Duration::from_secs(15))
}

/// A call in messages.
pub(super) fn label(call: &Call) -> String {
    format!("{} {}", call.method, call.path)
}

pub(super) fn misread(call: &Call, reply: &Reply, reason: String) -> cloud::Error {
    cloud::Error::Misread { product: call.product.key, call: label(call), reason, request_id: reply.request_id.clone() }
}
