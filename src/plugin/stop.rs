//! The request to stop, and what still runs: a host asks once, everything that runs for it hears it, and the process
//! waits a moment for it before it ends.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What asks operations to stop: those of one host, or of all.
///
/// Stopping does not end the server; it asks running operations to return what they have.
#[derive(Debug, Default)]
pub(super) struct Stop {
    signal: CancellationToken,
    running: watch::Sender<usize>,
}

impl Stop {
    /// One for some of the operations. It hears this one; what it is asked itself, this one does not hear.
    pub(super) fn below(&self) -> Self {
        Stop { signal: self.signal.child_token(), running: self.running.clone() }
    }

    /// The signal for an operation that begins now.
    pub(super) fn token(&self) -> CancellationToken {
        self.signal.clone()
    }

    /// Asks all running operations to stop.
    pub(super) fn stop(&self) {
        self.signal.cancel();
    }

    /// Something runs that the process should not cut off, for as long as the guard lives. Whatever outlives the call
    /// that began it, as a create does whose caller has gone away, holds one of its own.
    pub(super) fn running(&self) -> Running {
        self.running.send_modify(|count| *count += 1);
        Running(self.running.clone())
    }

    /// Waits until nothing runs, for any host.
    pub(super) async fn idle(&self) {
        // An error would mean that the sender is gone, and `self` holds it.
        let _ = self.running.subscribe().wait_for(|count| *count == 0).await;
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
    fn one_hosts_stop_is_its_own_and_everybodys_reaches_all() {
        let all = Stop::default();
        let (one, two) = (all.below(), all.below());
        let (early, other) = (one.token(), two.token());
        one.stop();
        assert!(early.is_cancelled() && one.token().is_cancelled());
        assert!(!other.is_cancelled() && !all.token().is_cancelled());
        all.stop();
        assert!(other.is_cancelled() && all.below().token().is_cancelled());
    }

    #[tokio::test]
    async fn it_is_idle_when_the_last_guard_is_gone() {
        let stop = Stop::default();
        stop.idle().await;
        let (one, two) = (stop.running(), stop.below().running());
        drop(one);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(20), stop.idle()).await.is_err());
        drop(two);
        stop.idle().await;
    }
}
