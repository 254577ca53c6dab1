//! One service of one cloud, to be asked within the limits of one operation.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::pace;
use crate::backup::{BackupRef, Download, Error, Job, Misread, Service, Unsupported, Verdict};
use crate::cloud::{self, Call, Cloud, Context, Product, Reply};

/// Whoever answers calls: the cloud, or a script in tests.
pub(super) trait Ask: Send + Sync {
    fn ask<'a>(&'a self, context: &'a Context, call: &'a Call) -> Pending<'a>;
    /// The project that calls of this region are for.
    fn project_id<'a>(&'a self, context: &'a Context) -> Pending<'a, String>;
    /// Whether that project is known to be one of those who ask.
    fn is_callers_project<'a>(&'a self, context: &'a Context) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>>;
    fn in_region(&self, region: &str) -> Arc<dyn Ask>;
    fn region(&self) -> &str;

    /// The path of a call there.
    fn path<'a>(&self, call: &'a Call) -> &'a str {
        &call.path
    }

    /// Whether the region is one of the cloud's, as far as can be told without a call.
    fn check_region(&self, product: &Product) -> Result<(), cloud::Error> {
        let _ = product;
        Ok(())
    }
}

pub(super) type Pending<'a, T = Reply> = Pin<Box<dyn Future<Output = Result<T, cloud::Error>> + Send + 'a>>;

impl Ask for Cloud {
    fn ask<'a>(&'a self, context: &'a Context, call: &'a Call) -> Pending<'a> {
        Box::pin(self.send(context, call))
    }

    fn project_id<'a>(&'a self, context: &'a Context) -> Pending<'a, String> {
        Box::pin(Cloud::project_id(self, context))
    }

    fn is_callers_project<'a>(&'a self, context: &'a Context) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(Cloud::is_callers_project(self, context))
    }

    fn in_region(&self, region: &str) -> Arc<dyn Ask> {
        Arc::new(Cloud::in_region(self, region))
    }

    fn region(&self) -> &str {
        Cloud::region(self)
    }

    fn path<'a>(&self, call: &'a Call) -> &'a str {
        Cloud::path(self, call)
    }

    fn check_region(&self, product: &Product) -> Result<(), cloud::Error> {
        self.address(product).map(drop)
    }
}

/// Whom an operation asks, about which service, and until when.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    pub(super) cloud: &'a Arc<dyn Ask>,
    pub(super) context: &'a Context,
    pub(super) service: &'static dyn Service,
    /// Whether trouble that outlasts the retries of one call is borne until the deadline. An extra does not wait for that.
    pub(super) bears_trouble: bool,
}

/// Why a rest ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interruption {
    Stop,
    Deadline,
}

impl Client<'_> {
    /// Links to the files of a completed backup.
    pub async fn download(self, backup: &BackupRef) -> Result<Download, Error> {
        let Some(call) = self.service.download(backup) else {
            let title = self.service.facts().title;
            return Err(Unsupported(format!("{title} hands out no download links for this backup")).into());
        };
        let told = self.read(&call, |reply| self.service.downloaded(reply)).await;
        told.map_err(|cause| self.not_offered("download links", cause))
    }

    /// What a failure means of something that a service has elsewhere.
    pub(super) fn not_offered(&self, task: &'static str, cause: cloud::Error) -> Error {
        match self.verdict(&cause) {
            Some(Verdict::NotOffered) => Error::NotOffered { task, cause },
            _ => cause.into(),
        }
    }

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
        read(&reply).map_err(|Misread(reason)| self.misread(call, &reply, reason))
    }

    /// A call in messages, with `{project_id}` as it is documented: it may never have been sent.
    pub(super) fn label(&self, call: &Call) -> String {
        format!("{} {}", call.method, self.cloud.path(call))
    }

    /// That a reply cannot be what it should be.
    pub(super) fn misread(&self, call: &Call, reply: &Reply, reason: String) -> cloud::Error {
        let request_id = reply.request_id.clone();
        cloud::Error::Misread { product: call.product.key, call: self.label(call), reason, request_id }
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

    /// Whether something else than the service refused a request to it: whether it was carried out, that does not tell.
    pub(super) fn is_refused_on_the_way(&self, error: &cloud::Error) -> bool {
        self.is_the_services(error) && error.is_refused_on_the_way()
    }

    fn is_the_services(&self, error: &cloud::Error) -> bool {
        match error {
            cloud::Error::Refused { product, .. }
            | cloud::Error::Unanswered { product, .. }
            | cloud::Error::Misread { product, .. } => *product == self.service.facts().key(),
            cloud::Error::DeadlinePassed { last: Some(last), .. } => self.is_the_services(last),
            cloud::Error::DeadlinePassed { last: None, .. }
            | cloud::Error::Setup(_)
            | cloud::Error::NoProject(_)
            | cloud::Error::Stopped { .. } => false,
        }
    }

    /// Whether asking the same later may well have another answer, and there is time for that.
    pub(super) fn is_transient(&self, error: &cloud::Error) -> bool {
        self.bears_trouble && self.may_pass(error)
    }

    fn may_pass(&self, error: &cloud::Error) -> bool {
        match error {
            cloud::Error::Unanswered { .. } => !error.lasts(),
            cloud::Error::Misread { .. } => true,
            cloud::Error::Refused { refusal, .. } => {
                refusal.status >= 500 || refusal.status == 429 || self.verdict(error) == Some(Verdict::Busy)
            }
            cloud::Error::Setup(_)
            | cloud::Error::NoProject(_)
            | cloud::Error::Stopped { .. }
            | cloud::Error::DeadlinePassed { .. } => false,
        }
    }

    /// Whether whoever looks again and again may bear this: trouble that passes, or nonsense that has not lasted long.
    pub(super) fn is_bearable(&self, error: &cloud::Error, nonsense_since: &mut Option<Instant>) -> bool {
        if self.bears_trouble && matches!(error, cloud::Error::Misread { .. }) {
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

    /// Whether it is over with this operation.
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
            Interruption::Deadline => Error::StillRunning { id, last: None, cause: None },
        }
    }
}

/// What the call met while there was time.
pub(super) fn trouble_of(error: cloud::Error) -> Option<cloud::Error> {
    match error {
        cloud::Error::DeadlinePassed { last, .. } => last.map(|last| *last),
        _ => None,
    }
}

/// Whether a call was not sent because the operation was over.
pub(super) fn interruption_of(error: &cloud::Error) -> Option<Interruption> {
    match error {
        cloud::Error::Stopped { .. } => Some(Interruption::Stop),
        cloud::Error::DeadlinePassed { .. } => Some(Interruption::Deadline),
        _ => None,
    }
}
