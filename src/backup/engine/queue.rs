//! Creates on one instance go one after the other, in the order they came: the cloud runs one backup per instance, and
//! Terraform asks for ten at once.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;
use tokio::time::sleep_until;
use tracing::info;

use super::client::Client;
use crate::backup::{Error, NewBackup, Progress};
use crate::cloud::{self, Call, Context};

/// The queues of all instances, by service and instance id.
#[derive(Debug, Default)]
pub(super) struct Queues(Mutex<HashMap<(&'static str, String), Arc<Queue>>>);

#[derive(Debug, Default)]
struct Queue {
    /// How many have or await their turn.
    length: AtomicUsize,
    turn: Arc<tokio::sync::Mutex<Begun>>,
}

/// What this process asked for on the instance, and what it began there.
#[derive(Debug, Default)]
pub(super) struct Begun {
    /// The names that it asked for, whatever became of that.
    pub(super) names: HashSet<String>,
    /// The ids that were answered.
    pub(super) ids: HashSet<String>,
}

/// The right to create on an instance; ends when dropped.
#[derive(Debug)]
pub(super) struct Front {
    pub(super) begun: OwnedMutexGuard<Begun>,
    _place: InQueue,
}

/// A place in a line; left when dropped, also when the wait is given up.
#[derive(Debug)]
struct InQueue(Arc<Queue>);

impl Drop for InQueue {
    fn drop(&mut self) {
        self.0.length.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Queues {
    /// Waits for its turn. `call` is what could not be sent if the wait is in vain.
    pub(super) async fn take(
        &self,
        client: Client<'_>,
        want: &NewBackup,
        call: &Call,
        progress: &dyn Progress,
    ) -> Result<Front, Error> {
        let key = (client.service.facts().key(), want.instance_id.clone());
        let line = Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        let ahead = line.length.fetch_add(1, Ordering::Relaxed);
        let place = InQueue(Arc::clone(&line));
        if ahead > 0 {
            info!(instance_id = want.instance_id, name = want.name, "the backup is queued behind {ahead}");
            progress.queued(ahead);
        }
        let Context { deadline, stop } = client.context;
        tokio::select! {
            biased;
            () = stop.cancelled() => Err(cloud::Error::Stopped { call: client.label(call) }.into()),
            begun = Arc::clone(&line.turn).lock_owned() => Ok(Front { begun, _place: place }),
            () = sleep_until(*deadline) => {
                let cause = cloud::Error::DeadlinePassed { call: client.label(call), last: None };
                Err(Error::Busy { running: None, is_this_runs: true, cause })
            }
        }
    }
}
