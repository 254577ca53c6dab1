//! Who is told how a wait goes on.

use std::time::Duration;

use crate::backup::{Backup, Status};

/// Is told now and then how a wait goes on.
pub trait Progress: Sync {
    /// The create waits its turn: so many creates on the instance come first.
    fn queued(&self, ahead: usize) {
        let _ = ahead;
    }

    /// The create is about to be sent for the first time.
    fn asked(&self) {}

    /// The create waits until the instance is idle; with the backup that runs there, if it is one, and whether this run has asked
    /// for that or manages it.
    fn busy(&self, running: Option<&Backup>, is_this_runs: bool) {
        let _ = (running, is_this_runs);
    }

    /// So long it took until now; the status as it was seen last, `None` while the backup is not listed yet.
    fn seen(&self, waited: Duration, status: Option<&Status>);
}

/// Nobody watches.
impl Progress for () {
    fn seen(&self, _: Duration, _: Option<&Status>) {}
}
