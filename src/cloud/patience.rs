//! The limits of a request, in one table.

use std::time::Duration;

/// How long we wait for what. Tests wait for less.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For a connection.
    pub(super) connect: Duration,
    /// So long after the first attempt an address or a proxy that somebody gave is tried again: then it is told as a mistake.
    /// What was heard from once is tried as often as all else.
    pub(super) given: Duration,
    /// For the next byte.
    pub(super) idle: Duration,
    /// For a whole answer.
    pub(super) total: Duration,
    /// So much longer than the deadline may a request take that must not be sent twice: cut off, nobody would know
    /// what became of it.
    pub(super) grace: Duration,
    /// So long after a stop the answer to a request that may be repeated is still awaited; to another, so long as `grace`.
    pub(super) after_stop: Duration,
    /// For an answer of the metadata service.
    pub(super) metadata: Duration,
    /// The longest first wait between two attempts.
    pub(super) first_wait: Duration,
    /// The longest wait of our own between two attempts.
    pub(super) longest_wait: Duration,
    /// The largest answer, in bytes.
    pub(super) largest_bytes: usize,
}

impl Patience {
    /// The same with the waits between two attempts and the limits of everything else divided.
    pub(super) fn divided(self, waits: u32, limits: u32) -> Self {
        Patience {
            connect: self.connect / limits,
            given: self.given / limits,
            idle: self.idle / limits,
            total: self.total / limits,
            grace: self.grace / limits,
            after_stop: self.after_stop / limits,
            metadata: self.metadata / limits,
            first_wait: self.first_wait / waits,
            longest_wait: self.longest_wait / waits,
            ..self
        }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            connect: Duration::from_secs(10),
            given: Duration::from_secs(2),
            idle: Duration::from_secs(30),
            total: Duration::from_mins(2),
            grace: Duration::from_secs(5),
            after_stop: Duration::from_secs(1),
            metadata: Duration::from_secs(3),
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(30),
            largest_bytes: 16 * 1024 * 1024,
        }
    }
}

/// A number from 0 to 1, for how long to wait.
pub(super) fn dice() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness we wait the full time.
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_fall_between_zero_and_one() {
        let rolls = (0..1000).map(|_| dice()).collect::<Vec<_>>();
        assert!(rolls.iter().all(|roll| (0.0..=1.0).contains(roll)));
        assert!(rolls.iter().any(|roll| *roll < 0.5) && rolls.iter().any(|roll| *roll > 0.5));
    }
}
