//! The request to stop, and what still runs: a host asks once, everything that runs for it hears it, and the process
//! waits a moment for it before it ends. What runs ends too when the process must, and then nobody has asked for less
//! than all.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What asks operations to stop: those of one host, or of all.
///
/// Stopping does not end the server; it asks running operations to return what they have.
#[derive(Debug, Default)]
pub(super) struct Stop {
    request: StopRequest,
    running: watch::Sender<usize>,
}

/// The request to stop, as an operation hears it.
#[derive(Clone, Debug, Default)]
pub(super) struct StopRequest {
    /// Cancelled with every request.
    signal: CancellationToken,
    /// Cancelled before that with those of the host.
    wish: CancellationToken,
}

impl StopRequest {
    /// Cancelled when running operations are to stop.
    pub(super) fn signal(&self) -> &CancellationToken {
        &self.signal
    }

    /// Whether the host itself has asked: whoever is interrupted by that may end well with what there is. Else the process
    /// is about to end, which is nobody's wish for less, and what is not complete ends as an error.
    pub(super) fn is_the_hosts(&self) -> bool {
        self.wish.is_cancelled()
    }

    fn below(&self) -> Self {
        StopRequest { signal: self.signal.child_token(), wish: self.wish.child_token() }
    }
}

impl Stop {
    /// One for some of the operations. It hears this one; what it is asked itself, this one does not hear.
    pub(super) fn below(&self) -> Self {
        Stop { request: self.request.below(), running: self.running.clone() }
    }

    /// The request, for an operation that begins now.
    pub(super) fn request(&self) -> StopRequest {
        self.request.clone()
    }

    /// Its signal alone.
    pub(super) fn token(&self) -> CancellationToken {
        self.request.signal.clone()
    }

    /// The host asks all running operations to stop.
    pub(super) fn stop(&self) {
        self.request.wish.cancel();
        self.cut_off();
    }

    /// The process is about to end, and so do all running operations.
    pub(super) fn cut_off(&self) {
        self.request.signal.cancel();
    }

    /// Something runs that the process should not cut off, for as long as the guard lives. Whatever outlives the call
    /// that began it, as a create does whose host has gone away, holds one of its own.
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

    #[test]
    fn only_a_host_wishes() {
        let all = Stop::default();
        let (one, two) = (all.below(), all.below());
        one.stop();
        all.cut_off();
        for (stop, is_a_wish) in [(&one, true), (&two, false), (&all.below(), false)] {
            let request = stop.request();
            assert!(request.signal().is_cancelled());
            assert_eq!(request.is_the_hosts(), is_a_wish);
        }
        two.stop();
        assert!(two.request().is_the_hosts() && !all.request().is_the_hosts());
        all.stop();
        assert!(all.below().request().is_the_hosts());
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
