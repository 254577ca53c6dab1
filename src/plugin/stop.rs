//! The request to stop, and what still runs: Terraform asks once, everything that runs hears it, and the process
//! waits a moment for it before it ends.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The stop signal of this process.
///
/// Stopping does not end the server; it asks running operations to return what they have. In debug mode one process
/// serves many runs, so a new configuration starts with a fresh signal.
#[derive(Debug, Default)]
pub(super) struct Stop {
    signal: Mutex<CancellationToken>,
    running: watch::Sender<usize>,
}

impl Stop {
    /// The signal for an operation that begins now.
    pub(super) fn token(&self) -> CancellationToken {
        self.signal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks all running operations to stop.
    pub(super) fn stop(&self) {
        self.token().cancel();
    }

    /// Operations that begin from now on are not stopped.
    pub(super) fn reset(&self) {
        let mut token = self.signal.lock().unwrap_or_else(PoisonError::into_inner);
        if token.is_cancelled() {
            *token = CancellationToken::new();
        }
    }

    /// Something runs that the process should not cut off, for as long as the guard lives. Whatever outlives the call
    /// that began it, as a create does whose caller has gone away, holds one of its own.
    pub(super) fn running(&self) -> Running {
        self.running.send_modify(|count| *count += 1);
        Running(self.running.clone())
    }

    /// Waits until nothing runs.
    pub(super) async fn idle(&self) {
        self.settled(|count| count == 0).await;
    }

    /// Waits until something runs.
    pub(super) async fn busy(&self) {
        self.settled(|count| count > 0).await;
    }

    async fn settled(&self, wanted: impl Fn(usize) -> bool) {
        // An error would mean that the sender is gone, and `self` holds it.
        let _ = self.running.subscribe().wait_for(|count| wanted(*count)).await;
    }
}

/// One thing that runs.
#[derive(Debug)]
pub(super) struct Running(watch::Sender<usize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_reaches_what_runs_and_a_reset_only_what_begins_later() {
        let stop = Stop::default();
        let early = stop.token();
        stop.stop();
        assert!(early.is_cancelled());
        assert!(stop.token().is_cancelled());
        stop.reset();
        assert!(early.is_cancelled());
        assert!(!stop.token().is_cancelled());
    }

    #[tokio::test]
    async fn it_is_idle_when_the_last_guard_is_gone() {
        let stop = Stop::default();
        stop.idle().await;
        let (one, two) = (stop.running(), stop.running());
        stop.busy().await;
        drop(one);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(20), stop.idle()).await.is_err());
        drop(two);
        stop.idle().await;
    }
}
