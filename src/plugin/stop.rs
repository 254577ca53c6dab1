//! The request to stop: Terraform asks once, and everything that runs hears it.

use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

/// The stop signal of this process.
///
/// Stopping does not end the server; it asks running operations to return what they have. In debug mode one process
/// serves many runs, so a new configuration starts with a fresh signal.
#[derive(Debug, Default)]
pub(super) struct Stop(Mutex<CancellationToken>);

impl Stop {
    /// The signal for an operation that begins now.
    pub(super) fn token(&self) -> CancellationToken {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks all running operations to stop.
    pub(super) fn stop(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).cancel();
    }

    /// Operations that begin from now on are not stopped.
    pub(super) fn reset(&self) {
        let mut token = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if token.is_cancelled() {
            *token = CancellationToken::new();
        }
    }
}
