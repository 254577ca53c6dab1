//! The engine: everything about backups that takes time. It waits, repeats, takes turns and finds out what became of a
//! request whose answer was lost; what a service's words mean it asks the service.
//!
//! * `client`: one service of one cloud, to be asked within the limits of one operation.
//! * `operation`: a client and the owners, and the question of most operations: is it there?
//! * `queue`: creates on one instance go one after the other.
//! * `begin`, `wait`, `remove`: the operations that wait, with `watch`, who looks at one backup again and again, and
//!   `progress`, which tells how it goes on.
//! * `restore`: bringing an instance back.
//! * `lookup`: where is the backup of that id?
//! * `next`, `poller`: what many need at the same time is asked once, by its owner.
//! * `pages`: lists that always end.
//! * `ahead`: what a plan asks before anything is done.
//! * `proof`, `pace`: what counts as proof, and every interval and bound.

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
#[cfg(test)]
mod tests;
mod wait;
mod watch;

use std::fmt;
use std::sync::{Arc, Weak};

use tokio::time::{Instant, sleep};

pub use self::ahead::{Ahead, Outlook, Preview, Sight};
use self::client::{Ask, Client};
pub use self::operation::Operation;
use self::poller::Pollers;
pub use self::progress::Progress;
use self::queue::Queues;
pub use self::remove::StopOutcome;
use super::{Claims, Error, Intent, Service};
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

    /// What this run's plans ask of that service here.
    pub fn ahead_of(&self, service: &'static dyn Service) -> Preview<'_> {
        Preview { ahead: &self.ahead, cloud: &self.cloud, service, has_preflight: self.has_preflight }
    }

    /// Whether a plan asks what its creates will meet.
    pub fn has_preflight(&self) -> bool {
        self.has_preflight
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

    /// The project in which calls of this region are made.
    pub async fn project_id(&self, context: &Context) -> Result<String, Error> {
        Ok(self.cloud.project_id(context).await?)
    }

    /// The same while planning: `None` without an answer.
    pub async fn project_ahead(&self) -> Option<String> {
        self.ahead.ask(|context| async move { self.project_id(&context).await }).await.ok()
    }

    /// Why there is no project for calls of this region, if IAM says so to a plan. Without an answer as [`Preview::sight`].
    pub async fn no_project(&self) -> Result<Option<crate::cloud::Error>, Option<Error>> {
        if !self.has_preflight || self.claims.applies() {
            return Ok(None);
        }
        self.ahead.no_project(&self.cloud).await
    }

    /// What can be asked and done about the backups of that service, within these limits.
    pub fn of<'a>(&'a self, context: &'a Context, service: &'static dyn Service) -> Operation<'a> {
        Operation {
            client: Client { cloud: &self.cloud, context, service, bears_trouble: true },
            pollers: &self.pollers,
            queues: &self.queues,
            claims: &self.claims,
        }
    }
}

impl fmt::Debug for Backups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backups").field("region", &self.region()).finish_non_exhaustive()
    }
}
