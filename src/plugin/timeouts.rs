//! The `timeouts` block: how long an operation may take.

use std::time::Duration;

/// Default limits of a resource's operations, and which of them the `timeouts` block offers.
///
/// The block belongs to this floor: models never see it. What is written there is checked at plan time, kept in the
/// state, and turned into [`Life::deadline`](super::Life::deadline).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Limit of a create.
    pub create: Duration,
    /// Limit of a read.
    pub read: Duration,
    /// Limit of an update.
    pub update: Duration,
    /// Limit of a delete.
    pub delete: Duration,
}
