//! The engine: everything about backups that takes time. It waits, repeats, takes turns and finds out what became of a
//! request whose answer was lost; what a service's words mean it asks the service.
//!
//! * `errand`: one operation under way: whom it asks, about which service, within what limits.
//! * `turns`: creates on one instance go one after the other.
//! * `begin`, `settle`, `remove`: the operations that wait, with `watch`, who looks at one backup again and again.
//! * `restore`: bringing an instance back.
//! * `lookup`: where is the backup of that id?
//! * `next`, `poller`: what many need at the same time is asked once, by its owner.
//! * `pages`: lists that always end.
//! * `ahead`: what a plan asks before anything is done.
//! * `proof`, `pace`: the rules by which claims are made, and every interval and bound.

mod ahead;
mod begin;
mod errand;
mod lookup;
mod next;
mod pace;
mod pages;
mod poller;
mod proof;
mod remove;
mod restore;
mod settle;
#[cfg(test)]
mod tests;
mod turns;
mod watch;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::civil::Date;

pub use self::ahead::{Ahead, Outlook, Sight};
use self::errand::{Ask, Errand};
use self::poller::Pollers;
pub use self::proof::Doubt;
use self::remove::Others;
use self::turns::Turns;
use super::{
    Backup, BackupRef, Claims, Download, Error, Filter, Instance, NewBackup, NewRestore, RestoreError, RestoreStep,
    Service, Span, Started, Status, Unsupported, Verdict,
};
use crate::cloud::{Cloud, Context};

/// Backups in one region. Cheap to clone; all clones, also those of other regions, share the turns that creates take,
/// what the cloud was asked, and what they manage.
#[derive(Clone)]
pub struct Backups {
    cloud: Arc<dyn Ask>,
    pollers: Pollers,
    turns: Arc<Turns>,
    claims: Arc<Claims>,
    ahead: Arc<Ahead>,
    /// Whether a plan asks what its creates will meet.
    has_preflight: bool,
}

/// What a [`Backups::stop`] found and did.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// It ran, and does so no more: as it is now, `None` if the cloud dropped it. It may have completed just before.
    Stopped(Option<Box<Backup>>),
    /// It did not run; nothing was asked of the cloud.
    NotRunning(Box<Backup>),
}

/// Is told now and then how a wait goes on.
pub trait Progress: Sync {
    /// The create waits its turn: so many creates on the instance come first.
    fn queued(&self, ahead: usize) {
        let _ = ahead;
    }

    /// The create waits until the instance is idle; with the backup that runs there, if it is one.
    fn busy(&self, running: Option<&Backup>) {
        let _ = running;
    }

    /// So long it took until now; the status as it was seen last, `None` while the backup is not listed yet.
    fn seen(&self, waited: Duration, status: Option<&Status>);
}

/// Nobody watches.
impl Progress for () {
    fn seen(&self, _: Duration, _: Option<&Status>) {}
}

/// What tells the clients of one configuration, in whatever regions, from those of another.
#[derive(Clone, Debug)]
pub struct Mark(Weak<Turns>);

impl Mark {
    /// Whether one of them is left.
    pub fn is_alive(&self) -> bool {
        self.0.strong_count() > 0
    }
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
        let (turns, claims, ahead) = Default::default();
        Backups { pollers: Pollers::default(), cloud, turns, claims, ahead, has_preflight: true }
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
        let place = (service, self.region());
        self.ahead.outlook(self, place, instance_id, name).await
    }

    /// The region.
    pub fn region(&self) -> &str {
        self.cloud.region()
    }

    /// Which configuration it belongs to.
    pub fn mark(&self) -> Mark {
        Mark(Arc::downgrade(&self.turns))
    }

    /// Whether the service can be called in the region, as far as can be told without a call.
    pub fn check_region(&self, service: &dyn Service) -> Result<(), Error> {
        Ok(self.cloud.check_region(service.facts().product)?)
    }

    /// Takes a backup: returns as soon as the cloud has begun it.
    ///
    /// Creates on one instance take turns in this process; while something else runs on the instance, this waits. A create
    /// whose answer is lost is never sent again before a look at the cloud showed that it did not arrive.
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
        let started = begin::begin(self.errand(context, service), &self.turns, want, progress).await?;
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
        settle::settled(self.errand(context, service), started, progress).await
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
        let errand = self.errand(context, service);
        let Some(found) = errand.find(backup).await? else { return Ok(None) };
        let Some(call) = service.details(&found) else { return Ok(Some(found)) };
        Ok(Some(errand.read(&call, |reply| service.detailed(found.clone(), reply)).await?))
    }

    /// The project in which calls of this region are made.
    pub async fn project_id(&self, context: &Context) -> Result<String, Error> {
        Ok(self.cloud.project_id(context).await?)
    }

    /// The manual backups of that very name on the instance, newest first. After a create that had an unclear moment, more
    /// than one means that the request arrived twice.
    pub async fn named(
        &self,
        context: &Context,
        service: &'static dyn Service,
        want: &NewBackup,
    ) -> Result<Vec<Backup>, Error> {
        begin::named(self.errand(context, service), want).await
    }

    /// All backups that match, newest first.
    pub async fn list(
        &self,
        context: &Context,
        service: &'static dyn Service,
        filter: &Filter,
    ) -> Result<Vec<Backup>, Error> {
        pages::matching(self.errand(context, service), filter).await
    }

    /// The same in any order, if that means looking through at most so many records; `None` as soon as it means more.
    pub async fn list_few(
        &self,
        context: &Context,
        service: &'static dyn Service,
        filter: &Filter,
        most: u64,
    ) -> Result<Option<Vec<Backup>>, Error> {
        pages::matching_few(self.errand(context, service), filter, most).await
    }

    /// Hands every backup that matches to `each` as its page comes, in the cloud's order, until it breaks off.
    pub async fn each(
        &self,
        context: &Context,
        service: &'static dyn Service,
        filter: &Filter,
        mut each: impl FnMut(Backup) -> ControlFlow<()> + Send,
    ) -> Result<(), Error> {
        pages::backups(self.errand(context, service), filter, |backup| {
            if pages::matches(filter, &backup) { each(backup) } else { ControlFlow::Continue(()) }
        })
        .await
        .map(drop)
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
        let errand = self.errand(context, service);
        match errand.read(&call, |reply| service.downloaded(reply)).await {
            Err(error) if errand.verdict(&error) == Some(Verdict::NotOffered) => {
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
        self.errand(context, service).instance(id, project_id).await
    }

    /// All instances, or those with exactly that name.
    pub async fn instances(
        &self,
        context: &Context,
        service: &'static dyn Service,
        name: Option<&str>,
    ) -> Result<Vec<Instance>, Error> {
        pages::instances(self.errand(context, service), name).await
    }

    /// Stops a running backup and waits until it runs no more.
    pub async fn stop(
        &self,
        context: &Context,
        service: &'static dyn Service,
        backup: &BackupRef,
    ) -> Result<Stop, Error> {
        remove::stop(self.errand(context, service), backup, Others::Spared).await
    }

    /// The same, where whatever else runs on the instance may be stopped with it.
    pub async fn stop_with_others(
        &self,
        context: &Context,
        service: &'static dyn Service,
        backup: &BackupRef,
    ) -> Result<Stop, Error> {
        remove::stop(self.errand(context, service), backup, Others::Stopped).await
    }

    /// Deletes a backup and waits until it is gone; "already gone" is success. One that runs is stopped first, or awaited
    /// where it cannot be stopped alone. Every error means that the backup exists as far as we know.
    pub async fn delete(
        &self,
        context: &Context,
        service: &'static dyn Service,
        backup: &BackupRef,
    ) -> Result<(), Error> {
        remove::delete(self.errand(context, service), backup).await
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
        restore::restore(self.errand(context, service), want, tell).await
    }

    /// To which times of these days, in UTC, an instance can be restored: in order, and what touches made one.
    pub async fn restore_times(
        &self,
        context: &Context,
        service: &'static dyn Service,
        instance_id: &str,
        days: (Date, Date),
    ) -> Result<Vec<Span>, Error> {
        restore::times(self.errand(context, service), instance_id, days).await
    }

    fn errand<'a>(&'a self, context: &'a Context, service: &'static dyn Service) -> Errand<'a> {
        Errand { cloud: &self.cloud, pollers: &self.pollers, context, service }
    }
}

impl fmt::Debug for Backups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backups").field("region", &self.region()).finish_non_exhaustive()
    }
}
