//! One gate per host, shared by all calls: when one is throttled, all wait, and come back slowly.
//!
//! After a throttled call the host is closed. When the time is over one call goes first; if it passes, others follow, a
//! few more with each success. So a throttled gateway gets one question at a time instead of a storm.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::Context;

/// So many successes in a row let one more call run side by side.
const CALM: u32 = 8;
/// Beyond this many calls side by side there is no limit again.
const UNLIMITED: usize = 64;

/// All gates.
#[derive(Debug, Default)]
pub(super) struct Limiter(Mutex<HashMap<String, Arc<Host>>>);

/// Why a call did not come through the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// We were asked to stop.
    Stopped,
    /// The gate opens after the deadline.
    DeadlinePassed,
}

/// A call under way. Dropping it makes room for the next.
#[derive(Debug)]
pub(super) struct Permit {
    host: Arc<Host>,
    epoch: u64,
}

#[derive(Debug)]
struct Host {
    gate: Mutex<Gate>,
    changed: Notify,
}

/// The state of a gate. Time is a parameter everywhere.
#[derive(Clone, Debug)]
struct Gate {
    opens_at: Instant,
    /// Grows whenever the gate is closed, so that answers to older calls do not count twice.
    epoch: u64,
    /// Throttled answers in a row.
    throttles: u32,
    under_way: usize,
    /// How many calls may be under way.
    limit: usize,
    /// The limit once a first call has passed.
    goal: usize,
    successes: u32,
}

enum Admission {
    Now(u64),
    At(Instant),
    AfterAnother,
}

impl Limiter {
    /// Waits until a call to this host may begin.
    pub(super) async fn enter(&self, host: &str, context: &Context) -> Result<Permit, Ended> {
        let host = self.host(host);
        loop {
            let mut changed = std::pin::pin!(host.changed.notified());
            changed.as_mut().enable();
            let admission = host.gate().admit(Instant::now());
            let opens_at = match admission {
                Admission::Now(epoch) => return Ok(Permit { host: Arc::clone(&host), epoch }),
                Admission::At(moment) if moment > context.deadline => return Err(Ended::DeadlinePassed),
                Admission::At(moment) => moment,
                Admission::AfterAnother => context.deadline,
            };
            tokio::select! {
                biased;
                () = context.stop.cancelled() => return Err(Ended::Stopped),
                () = changed => {}
                () = sleep_until(opens_at) => {
                    if opens_at >= context.deadline {
                        return Err(Ended::DeadlinePassed);
                    }
                }
            }
        }
    }

    fn host(&self, name: &str) -> Arc<Host> {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            hosts.entry(name.to_owned()).or_insert_with(|| {
                Arc::new(Host { gate: Mutex::new(Gate::new(Instant::now())), changed: Notify::new() })
            }),
        )
    }
}

impl Permit {
    /// How often in a row this host has throttled us, counting the answer to this call as the next.
    pub(super) fn throttles_with_this(&self) -> u32 {
        let gate = self.host.gate();
        if gate.epoch == self.epoch { gate.throttles + 1 } else { gate.throttles.max(1) }
    }

    /// The cloud throttled this call: nobody asks this host for so long.
    pub(super) fn throttled(&self, wait: Duration) {
        self.host.gate().close(self.epoch, Instant::now(), wait);
    }

    /// The cloud answered.
    pub(super) fn passed(&self) {
        self.host.gate().pass(self.epoch);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.host.gate().under_way -= 1;
        self.host.changed.notify_waiters();
    }
}

impl Host {
    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    fn new(now: Instant) -> Self {
        Gate { opens_at: now, epoch: 0, throttles: 0, under_way: 0, limit: usize::MAX, goal: usize::MAX, successes: 0 }
    }

    fn admit(&mut self, now: Instant) -> Admission {
        if now < self.opens_at {
            return Admission::At(self.opens_at);
        }
        if self.under_way >= self.limit {
            return Admission::AfterAnother;
        }
        self.under_way += 1;
        Admission::Now(self.epoch)
    }

    fn close(&mut self, epoch: u64, now: Instant, wait: Duration) {
        if epoch == self.epoch {
            self.epoch += 1;
            self.throttles += 1;
            // Half of what was too much, once the gate has opened again.
            let before = if self.limit == 1 && self.throttles > 1 { self.goal } else { self.under_way };
            self.goal = (before / 2).max(1);
            self.limit = 1;
            self.successes = 0;
            self.opens_at = now + wait;
        } else {
            self.opens_at = self.opens_at.max(now + wait);
        }
    }

    fn pass(&mut self, epoch: u64) {
        if epoch != self.epoch || self.limit == usize::MAX {
            return;
        }
        self.throttles = 0;
        if self.limit < self.goal {
            self.limit = self.goal;
        }
        self.successes += 1;
        if self.successes >= CALM {
            self.successes = 0;
            self.limit += 1;
            self.goal = self.limit;
        }
        if self.limit > UNLIMITED {
            *self = Gate { under_way: self.under_way, epoch: self.epoch, ..Gate::new(self.opens_at) };
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;

    fn context(seconds: u64) -> Context {
        Context { deadline: Instant::now() + Duration::from_secs(seconds), stop: CancellationToken::new() }
    }

    fn admitted(gate: &mut Gate, now: Instant) -> Option<u64> {
        match gate.admit(now) {
            Admission::Now(epoch) => Some(epoch),
            _ => None,
        }
    }

    #[test]
    fn a_closed_gate_opens_for_one_then_for_more() {
        let now = Instant::now();
        let mut gate = Gate::new(now);
        let first = (0..20).map(|_| admitted(&mut gate, now).unwrap()).collect::<Vec<_>>();
        for (n, epoch) in first.iter().enumerate() {
            gate.close(*epoch, now, Duration::from_secs(10 - u64::from(n > 0)));
        }
        gate.under_way = 0;
        assert_eq!(gate.throttles, 1, "one wave counts once");
        let later = now + Duration::from_secs(10);
        assert_eq!(admitted(&mut gate, later.checked_sub(Duration::from_millis(1)).unwrap()), None);
        let probe = admitted(&mut gate, later).unwrap();
        assert_eq!(admitted(&mut gate, later), None, "one goes first");
        gate.pass(probe);
        gate.under_way -= 1;
        let more = std::iter::from_fn(|| admitted(&mut gate, later)).take(100).count();
        assert_eq!(more, 10, "half of the wave that was too much");
    }

    #[test]
    fn a_calm_gate_has_no_limit_in_the_end() {
        let now = Instant::now();
        let mut gate = Gate::new(now);
        let epoch = admitted(&mut gate, now).unwrap();
        gate.close(epoch, now, Duration::ZERO);
        gate.under_way = 0;
        for _ in 0..CALM * 64 {
            let epoch = admitted(&mut gate, now).unwrap();
            gate.pass(epoch);
            gate.under_way -= 1;
        }
        assert_eq!(gate.limit, usize::MAX);
        assert_eq!(gate.throttles, 0);
    }

    #[test]
    fn an_old_answer_changes_nothing_new() {
        let now = Instant::now();
        let mut gate = Gate::new(now);
        let old = admitted(&mut gate, now).unwrap();
        let other = admitted(&mut gate, now).unwrap();
        gate.close(old, now, Duration::from_secs(5));
        gate.pass(other);
        assert_eq!((gate.limit, gate.throttles), (1, 1), "it was sent before the gate closed");
        gate.close(other, now, Duration::from_secs(9));
        assert_eq!((gate.opens_at, gate.throttles), (now + Duration::from_secs(9), 1), "but a later moment counts");
    }

    #[tokio::test(start_paused = true)]
    async fn all_wait_for_the_same_moment() {
        let limiter = Arc::new(Limiter::default());
        let begun = Instant::now();
        let permit = limiter.enter("a", &context(60)).await.unwrap();
        permit.throttled(Duration::from_secs(5));
        drop(permit);
        assert!(limiter.enter("b", &context(60)).await.is_ok(), "other hosts are open");
        assert_eq!(begun.elapsed(), Duration::ZERO);
        let waiting = (0..10).map(|_| {
            let limiter = Arc::clone(&limiter);
            tokio::spawn(async move {
                let permit = limiter.enter("a", &context(60)).await.unwrap();
                permit.passed();
                begun.elapsed()
            })
        });
        for waiting in waiting.collect::<Vec<_>>() {
            assert_eq!(waiting.await.unwrap().as_secs(), 5);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_with_the_deadline_and_with_the_stop() {
        let limiter = Limiter::default();
        let permit = limiter.enter("a", &context(60)).await.unwrap();
        permit.throttled(Duration::from_secs(5));
        drop(permit);
        let begun = Instant::now();
        assert_eq!(limiter.enter("a", &context(4)).await.unwrap_err(), Ended::DeadlinePassed);
        assert_eq!(begun.elapsed(), Duration::ZERO, "there is nothing to wait for");

        let context = context(60);
        let stop = context.stop.clone();
        let (ended, ()) = tokio::join!(limiter.enter("a", &context), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            stop.cancel();
        });
        assert_eq!(ended.unwrap_err(), Ended::Stopped);
        assert_eq!(begun.elapsed(), Duration::from_secs(1));

        let first = limiter.enter("a", &self::context(60)).await.unwrap();
        assert_eq!(limiter.enter("a", &self::context(3)).await.unwrap_err(), Ended::DeadlinePassed, "one at a time");
        drop(first);
        assert!(limiter.enter("a", &self::context(3)).await.is_ok());
    }
}
