//! The engine: everything about backups that takes time. It waits, repeats, takes turns and finds out what became of a
//! request whose answer was lost; what a service's words mean it asks the service.
//!
//! * `client`: one service of one cloud, to be asked within the limits of one operation.
//! * `operation`: a client and the owners, and the question of most operations: is it there?
//! * `queue`: creates on one instance go one after the other.
//! * `begin`, `settle`, `remove`: the operations that wait, with `watch`, who looks at one backup again and again.
//! * `restore`: bringing an instance back.
//! * `lookup`: where is the backup of that id?
//! * `next`, `poller`: what many need at the same time is asked once, by its owner.
//! * `pages`: lists that always end.
//! * `ahead`: what a plan asks before anything is done.
//! * `proof`, `pace`: the rules by which claims are made, and every interval and bound.

mod ahead;
mod begin;
mod client;
mod lookup;
mod next;
mod operation;
mod pace;
mod pages;
mod poller;
mod progress;
mod proof;
mod queue;
mod remove;
mod restore;
mod settle;
#[cfg(test)]
mod tests;
mod watch;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Weak};

use jiff::civil::Date;
use tokio::time::{Instant, sleep};

pub use self::ahead::{Ahead, Outlook, Sight};
use self::client::{Ask, Client};
use self::operation::Operation;
use self::poller::Pollers;
pub use self::progress::Progress;
use self::queue::Queues;
use self::remove::Others;
pub use self::remove::StopOutcome;
use super::{
    Backup, BackupRef, Claims, Download, Error, Filter, Instance, Intent, Misread, NameOrigin, NewBackup, NewRestore,
    RestoreError, RestoreStep, Service, Span, Started, Status, Unsupported, Verdict,
};
use crate::cloud::{Cloud, Context};

/// Backups in one region. Cheap to clone; all clones, also those of other regions, share the turns that creates take,
/// what the cloud was asked, and what they manage.
#[derive(Clone)]
pub struct Backups {
    cloud: Arc<dyn Ask>,
    pollers: Pollers,
    queues: Arc<Queues>,
    claims: Arc<Claims>,
    ahead: Arc<Ahead>,
    /// Whether a plan asks what its creates will meet.
    has_preflight: bool,
}

/// What tells the clients of one configuration, in whatever regions, from those of another.
#[derive(Clone, Debug)]
pub struct Mark(Weak<Queues>);

impl Mark {
    /// Whether one of them is left.
    pub fn is_alive(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// What becomes of a backup, as far as this run has planned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prospect {
    /// It is deleted.
    Leaves,
    /// It is forgotten, and stays in the cloud.
    Forgotten,
    /// This run manages it, and has not planned its deletion.
    Stays,
    /// This run does not manage it.
    NotManaged,
}

impl PartialEq for Mark {
    fn eq(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0)
    }
}

impl Backups {
    /// The backups in that cloud, in its default region.
    pub fn new(cloud: Cloud) -> Self {
        Backups::asking(Arc::new(cloud))
    }

    fn asking(cloud: Arc<dyn Ask>) -> Self {
        let (queues, claims, ahead) = Default::default();
        Backups { pollers: Pollers::default(), cloud, queues, claims, ahead, has_preflight: true }
    }

    /// The same in another region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        Backups { cloud: self.cloud.in_region(region), ..self.clone() }
    }

    /// What this run manages.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// What becomes of a backup, as far as this run has planned it or does so soon.
    pub async fn prospect(&self, id: &str) -> Prospect {
        let planned = self.told_at_the_same_time(|| match self.claims.planned(id) {
            Some(Intent::Leaves) => Some(Prospect::Leaves),
            Some(Intent::IsForgotten) => Some(Prospect::Forgotten),
            // Nothing is planned any more: the create itself meets it.
            _ if self.claims.applies() => Some(Prospect::Stays),
            _ => None,
        });
        planned.await.unwrap_or(if self.claims.is_managed(id) { Prospect::Stays } else { Prospect::NotManaged })
    }

    /// Waits a short while for what another plan of the run tells; a host makes them at the same time.
    pub async fn told_at_the_same_time<T>(&self, mut told: impl FnMut() -> Option<T>) -> Option<T> {
        let since = Instant::now();
        loop {
            if let Some(told) = told() {
                return Some(told);
            }
            if since.elapsed() >= pace::AT_THE_SAME_TIME {
                return None;
            }
            sleep(pace::interval(since.elapsed())).await;
        }
    }

    /// The same, whose plans do not ask what their creates will meet.
    #[must_use]
    pub fn without_preflight(self) -> Self {
        Backups { has_preflight: false, ..self }
    }

    /// What this run's plans ask.
    pub fn ahead(&self) -> &Ahead {
        &self.ahead
    }

    /// What a planned create on that instance will meet, and one with that name.
    pub async fn outlook(&self, service: &'static dyn Service, instance_id: &str, name: Option<&str>) -> Outlook {
        if !self.has_preflight {
            return Outlook::default();
        }
        self.ahead.outlook(&self.cloud, service, instance_id, name).await
    }

    /// Whether a plan asks what its creates will meet.
    pub fn has_preflight(&self) -> bool {
        self.has_preflight
    }

    /// An instance as a plan sees it; nothing if there are too many to tell with few calls. Without an answer, the first plan
    /// of a run learns why.
    pub async fn sight(
        &self,
        service: &'static dyn Service,
        instance_id: &str,
    ) -> Result<Option<Sight>, Option<Error>> {
        self.ahead.sight(&self.cloud, service, instance_id).await
    }

    /// The newest completed manual backup of an instance as a plan sees it, if there is one. Without an answer as
    /// [`Self::sight`].
    pub async fn newest_completed(
        &self,
        service: &'static dyn Service,
        instance_id: &str,
    ) -> Result<Option<Backup>, Option<Error>> {
        self.ahead.newest_completed(&self.cloud, service, instance_id).await
    }

    /// The region.
    pub fn region(&self) -> &str {
        self.cloud.region()
    }

    /// Which configuration it belongs to.
    pub fn mark(&self) -> Mark {
        Mark(Arc::downgrade(&self.queues))
    }

    /// Whether the service can be called in the region, as far as can be told without a call.
    pub fn check_region(&self, service: &dyn Service) -> Result<(), Error> {
        Ok(self.cloud.check_region(service.facts().product)?)
    }

    /// Takes a backup: returns as soon as the cloud has begun it.
    ///
    /// Creates on one instance take turns in this process; while something else runs on the instance, or this run deletes the
    /// backup that has the name, this waits. A create whose answer is lost is never sent again before a look at the cloud showed that it did not arrive.
    pub async fn begin(
        &self,
        context: &Context,
        service: &'static dyn Service,
        want: &NewBackup,
    ) -> Result<Started, Error> {
        self.begin_telling(context, service, want, &()).await
    }

    /// As [`Self::begin`], and tells what it waits for.
    pub async fn begin_telling(
        &self,
        context: &Context,
        service: &'static dyn Service,
        want: &NewBackup,
        progress: &dyn Progress,
    ) -> Result<Started, Error> {
        let started =
            begin::begin(self.operation(context, service), &self.queues, &self.claims, want, progress).await?;
        self.claims.manage(&started.backup_id);
        Ok(started)
    }

    /// Waits until a backup has completed. Every error but [`Error::Vanished`] means that the backup exists.
    ///
    /// A wait that is resumed later gives [`Started::from`] the reference.
    pub async fn settled(
        &self,
        context: &Context,
        service: &'static dyn Service,
        started: &Started,
        progress: &dyn Progress,
    ) -> Result<Backup, Error> {
        settle::settled(self.operation(context, service), started, settle::Name::Anyones, progress).await
    }

    /// The same for a backup that was asked for by a name of that origin: if no other can have the name, it is known by that, should
    /// the answer to its create have given the wrong id. Where names are not unique, what has the name may be of an earlier request.
    pub async fn settled_by_name(
        &self,
        context: &Context,
        service: &'static dyn Service,
        (started, name_origin): (&Started, NameOrigin),
        progress: &dyn Progress,
    ) -> Result<Backup, Error> {
        let is_its_own = name_origin.is_random() && service.facts().names_are_unique;
        let whose = if is_its_own { settle::Name::ItsOwn } else { settle::Name::Anyones };
        let settled = settle::settled(self.operation(context, service), started, whose, progress).await?;
        self.claims.manage(&settled.id);
        Ok(settled)
    }

    /// Looks for one backup, details included. `None` only on proof that it is gone; [`Error::Doubtful`] where it is not to be
    /// seen, and that proves nothing.
    ///
    /// Those who look at the same time, as a refresh does, share listings: an answer may then be as old as that refresh,
    /// but never older than a write of ours. Asked again, the cloud is asked again.
    pub async fn find(
        &self,
        context: &Context,
        service: &'static dyn Service,
        backup: &BackupRef,
    ) -> Result<Option<Backup>, Error> {
        let operation = self.operation(context, service);
        let Some(found) = operation.find(backup).await? else { return Ok(None) };
        let Some(call) = service.details(&found) else { return Ok(Some(found)) };
        Ok(Some(operation.read(&call, |reply| service.detailed(found.clone(), reply)).await?))
    }

    /// A backup that was begun, once it can be seen: waits while it may be on its way. `None` only on proof that it is gone; a record
    /// that is not that backup is an error.
    pub async fn find_begun(
        &self,
        context: &Context,
        service: &'static dyn Service,
        backup: &BackupRef,
    ) -> Result<Option<Backup>, Error> {
        remove::itself(self.operation(context, service), backup).await
    }

    /// The same for a backup whose deletion an earlier run sent and did not see the end of: that end is waited for.
    pub async fn find_leaving(
        &self,
        context: &Context,
        service: &'static dyn Service,
        backup: &BackupRef,
    ) -> Result<Option<Backup>, Error> {
        let found = self.find(context, service, backup).await?;
        let may_be_leaving = found.as_ref().is_some_and(|found| found.status == Status::Completed);
        if may_be_leaving && remove::left(self.operation(context, service), backup).await? {
            return Ok(None);
        }
        Ok(found)
    }

    /// The project in which calls of this region are made.
    pub async fn project_id(&self, context: &Context) -> Result<String, Error> {
        Ok(self.cloud.project_id(context).await?)
    }

    /// The same while planning: `None` without an answer.
    pub async fn project_ahead(&self) -> Option<String> {
        self.ahead.ask(|context| async move { self.project_id(&context).await }).await.ok()
    }

    /// Why there is no project for calls of this region, if IAM says so to a plan. Without an answer as [`Self::sight`].
    pub async fn no_project(&self) -> Result<Option<crate::cloud::Error>, Option<Error>> {
        if !self.has_preflight || self.claims.applies() {
            return Ok(None);
        }
        self.ahead.no_project(&self.cloud).await
    }

    /// The manual backups of that very name on the instance, newest first. After a create that had an unclear moment, more
    /// than one means that the request arrived twice.
    pub async fn named(
        &self,
        context: &Context,
        service: &'static dyn Service,
        want: &NewBackup,
    ) -> Result<Vec<Backup>, Error> {
        begin::named(self.operation(context, service), want).await
    }

    /// All backups that match, newest first.
    pub async fn list(
        &self,
        context: &Context,
        service: &'static dyn Service,
        filter: &Filter,
    ) -> Result<Vec<Backup>, Error> {
        pages::matching(self.client(context, service), filter).await
    }

    /// The same, long enough after an earlier look that what neither shows does not run there.
    pub async fn list_again(
        &self,
        context: &Context,
        service: &'static dyn Service,
        filter: &Filter,
    ) -> Result<Vec<Backup>, Error> {
        let client = self.client(context, service);
        // At a stop or the deadline the list says so.
        let _ = client.rest(pace::BEFORE_ABSENCE_IS_BELIEVED).await;
        pages::matching(client, filter).await
    }

    /// The same of a list in which some records cannot be read, and why those cannot.
    pub async fn list_readable(
        &self,
        context: &Context,
        service: &'static dyn Service,
        filter: &Filter,
    ) -> Result<(Vec<Backup>, Vec<Misread>), Error> {
        pages::matching_readable(self.client(context, service), filter).await
    }

    /// As [`Self::list`] in any order, if that means looking through at most so many records; `None` as soon as it means more.
    pub async fn list_few(
        &self,
        context: &Context,
        service: &'static dyn Service,
        filter: &Filter,
        most: u64,
    ) -> Result<Option<Vec<Backup>>, Error> {
        pages::matching_few(self.client(context, service), filter, most).await
    }

    /// Hands every backup that matches to `each` as its page comes, in the cloud's order, until it breaks off; and why a record
    /// cannot be read.
    pub async fn each(
        &self,
        context: &Context,
        service: &'static dyn Service,
        filter: &Filter,
        each: impl FnMut(Result<Backup, Misread>) -> ControlFlow<()> + Send,
    ) -> Result<(), Error> {
        pages::records(self.client(context, service), filter, each).await.map(drop)
    }

    /// Links to the files of a completed backup.
    pub async fn download(
        &self,
        context: &Context,
        service: &'static dyn Service,
        backup: &BackupRef,
    ) -> Result<Download, Error> {
        let Some(call) = service.download(backup) else {
            let title = service.facts().title;
            return Err(Unsupported(format!("{title} hands out no download links for this backup")).into());
        };
        let operation = self.operation(context, service);
        match operation.read(&call, |reply| service.downloaded(reply)).await {
            Err(error) if operation.verdict(&error) == Some(Verdict::NotOffered) => {
                Err(Error::NotOffered { operation: "download links", cause: error })
            }
            outcome => outcome.map_err(Error::from),
        }
    }

    /// One instance. `None` only on proof that it is gone from the project in which it was last seen; [`Error::Doubtful`] where it is not to be
    /// seen, and that proves nothing.
    pub async fn instance(
        &self,
        context: &Context,
        service: &'static dyn Service,
        id: &str,
        project_id: Option<&str>,
    ) -> Result<Option<Instance>, Error> {
        self.operation(context, service).instance(id, project_id).await
    }

    /// The backup of that id of whichever instance has it, where the service needs the instance to find it.
    pub async fn of_any_instance(
        &self,
        context: &Context,
        service: &'static dyn Service,
        backup: &BackupRef,
    ) -> Result<Option<Backup>, Error> {
        if !service.facts().needs_instance {
            return Ok(None);
        }
        lookup::of_any_instance(self.client(context, service), backup).await
    }

    /// All instances, or those with exactly that name.
    pub async fn instances(
        &self,
        context: &Context,
        service: &'static dyn Service,
        name: Option<&str>,
    ) -> Result<Vec<Instance>, Error> {
        pages::instances(self.client(context, service), name).await
    }

    /// The same of a list in which some records cannot be read, and why those cannot.
    pub async fn instances_readable(
        &self,
        context: &Context,
        service: &'static dyn Service,
        name: Option<&str>,
    ) -> Result<(Vec<Instance>, Vec<Misread>), Error> {
        pages::instances_readable(self.client(context, service), name).await
    }

    /// Stops a running backup and waits until it runs no more. `tell` is called before anything is sent.
    pub async fn stop(
        &self,
        context: &Context,
        service: &'static dyn Service,
        backup: &BackupRef,
        tell: &(dyn Fn() + Sync),
    ) -> Result<StopOutcome, Error> {
        remove::stop(self.operation(context, service), backup, Others::Spared, tell).await
    }

    /// The same, where whatever else runs on the instance may be stopped with it.
    pub async fn stop_with_others(
        &self,
        context: &Context,
        service: &'static dyn Service,
        backup: &BackupRef,
        tell: &(dyn Fn() + Sync),
    ) -> Result<StopOutcome, Error> {
        remove::stop(self.operation(context, service), backup, Others::Stopped, tell).await
    }

    /// Deletes a backup and waits until it is gone; "already gone" is success. One that runs is stopped first, or awaited
    /// where it cannot be stopped alone. Every error means that the backup exists as far as we know.
    pub async fn delete(
        &self,
        context: &Context,
        service: &'static dyn Service,
        backup: &BackupRef,
    ) -> Result<(), Error> {
        let _deleting = self.claims.deleting(&backup.id);
        remove::delete(self.operation(context, service), backup).await
    }

    /// The same for what a rotation gives up. That is an extra beside what was asked for: trouble holds it up no longer than the
    /// retries of one call, and whatever else the cloud is at no longer than a deletion usually takes.
    pub async fn rotate_out(
        &self,
        context: &Context,
        service: &'static dyn Service,
        backup: &BackupRef,
    ) -> Result<(), Error> {
        let _deleting = self.claims.deleting(&backup.id);
        let deadline = context.deadline.min(Instant::now() + pace::ACCEPTED);
        let context = Context { deadline, ..context.clone() };
        let mut operation = self.operation(&context, service);
        operation.client.bears_trouble = false;
        remove::delete(operation, backup).await
    }

    /// Restores into an existing instance, and waits until its job has completed and the instance is idle again. Everything
    /// that can be known is asked before anything is sent, and the order is sent once.
    pub async fn restore(
        &self,
        context: &Context,
        service: &'static dyn Service,
        want: &NewRestore,
        tell: &(dyn Fn(RestoreStep<'_>) + Sync),
    ) -> Result<(), RestoreError> {
        restore::restore(self.client(context, service), want, tell).await
    }

    /// To which times of these days, in UTC, an instance can be restored: in order, and what touches made one.
    pub async fn restore_times(
        &self,
        context: &Context,
        service: &'static dyn Service,
        instance_id: &str,
        days: (Date, Date),
    ) -> Result<Vec<Span>, Error> {
        restore::times(self.client(context, service), instance_id, days).await
    }

    fn client<'a>(&'a self, context: &'a Context, service: &'static dyn Service) -> Client<'a> {
        Client { cloud: &self.cloud, context, service, bears_trouble: true }
    }

    fn operation<'a>(&'a self, context: &'a Context, service: &'static dyn Service) -> Operation<'a> {
        Operation { client: self.client(context, service), pollers: &self.pollers }
    }
}

impl fmt::Debug for Backups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backups").field("region", &self.region()).finish_non_exhaustive()
    }
}
