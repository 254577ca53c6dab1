//! What is remembered from one configuration of the provider to the next: a run of the CLI configures it once. A provider that
//! several hosts are attached to has several runs at the same time.

use std::sync::{Arc, Mutex, PoisonError};

use crate::backup::{Backups, Mark};

/// A memory for each run. It ends with the run's client.
#[derive(Debug, Default)]
pub(super) struct Runs<T>(Mutex<Vec<(Mark, Arc<T>)>>);

impl<T: Default> Runs<T> {
    /// That of the client's run.
    pub(super) fn of(&self, client: &Backups) -> Arc<T> {
        let mark = client.mark();
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.retain(|(known, _)| known.is_alive());
        if let Some((_, run)) = runs.iter().find(|(known, _)| *known == mark) {
            return Arc::clone(run);
        }
        let run = Arc::<T>::default();
        runs.push((mark, Arc::clone(&run)));
        run
    }
}
