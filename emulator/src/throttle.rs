//! Counts calls per API and says when one is too many. Pure: it is told the time.

use std::collections::{HashMap, VecDeque};

use crate::clock::{self, Millis};
use crate::modes::Throttle;

/// The calls of the last window, per service and operation.
#[derive(Debug, Default)]
pub(crate) struct Turnstile {
    passed: HashMap<(&'static str, &'static str), VecDeque<Millis>>,
}

impl Turnstile {
    /// Lets a call through, or says how many milliseconds to wait for the next free place.
    pub(crate) fn pass(
        &mut self,
        limit: &Throttle,
        api: (&'static str, &'static str),
        now: Millis,
    ) -> Result<(), Millis> {
        let window = clock::millis(limit.per_seconds);
        let passed = self.passed.entry(api).or_default();
        while passed.front().is_some_and(|first| first + window <= now) {
            passed.pop_front();
        }
        if passed.len() < limit.calls {
            passed.push_back(now);
            return Ok(());
        }
        Err(passed.front().map_or(window, |first| first + window - now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modes::RetryAfter;

    #[test]
    fn a_window_slides() {
        let limit = Throttle { calls: 2, per_seconds: 1.0, retry_after: RetryAfter::None };
        let mut turnstile = Turnstile::default();
        let list = ("dds", "list");
        for (now, expected) in [(0, Ok(())), (400, Ok(())), (700, Err(300)), (1000, Ok(())), (1100, Err(300))] {
            assert_eq!(turnstile.pass(&limit, list, now), expected, "{now}");
        }
        assert_eq!(turnstile.pass(&limit, ("dds", "create"), 1100), Ok(()));
    }
}
