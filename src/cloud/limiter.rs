//! One gate per host, shared by all calls: when one is throttled, all wait, and come back slowly.
//!
//! After a throttled call the host is closed. When the time is over one call goes first; if it passes, others follow, a
//! few more with each success. So a throttled gateway gets one question at a time instead of a storm.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::Context;

/// So many successes let one more call run side by side.
const CALM: u32 = 16;
/// Beyond this many calls side by side there is no limit again.
const UNLIMITED: usize = 64;

/// All gates.
#[derive(Debug, Default)]
pub(super) struct Limiter(Mutex<HashMap<String, Arc<Host>>>);

/// Why a call did not come through the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAdmitted {
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

/// A place in the queue. Dropping it leaves the queue.
struct QueuedCall<'a> {
    host: &'a Host,
    ticket: u64,
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
    /// Answers that were not throttled, ever.
    passes: u64,
    under_way: usize,
    /// How many calls may be under way.
    limit: usize,
    /// The limit once a first call has passed.
    goal: usize,
    successes: u32,
    /// Tickets of those who wait, first come, first served.
    queue: BTreeSet<u64>,
    next_ticket: u64,
}

enum Admission {
    Now(u64),
    At(Instant),
    AfterAnother,
}

impl Limiter {
    /// Waits until a call to this host may begin.
    pub(super) async fn enter(&self, host: &str, context: &Context) -> Result<Permit, NotAdmitted> {
        let host = self.host(host);
        let place = QueuedCall { host: &host, ticket: host.gate().draw_ticket() };
        loop {
            let mut changed = std::pin::pin!(host.changed.notified());
            changed.as_mut().enable();
            let admission = host.gate().admit(place.ticket, Instant::now());
            let opens_at = match admission {
                Admission::Now(epoch) => return Ok(Permit { host: Arc::clone(&host), epoch }),
                Admission::At(moment) if moment >= context.deadline => return Err(NotAdmitted::DeadlinePassed),
                Admission::At(moment) => moment,
                Admission::AfterAnother => context.deadline,
            };
            tokio::select! {
                biased;
                () = context.stop.cancelled() => return Err(NotAdmitted::Stopped),
                () = changed => {}
                () = sleep_until(opens_at) => {
                    if opens_at >= context.deadline {
                        return Err(NotAdmitted::DeadlinePassed);
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

    /// How often this host has let somebody through. As long as this grows, waiting is worth while.
    pub(super) fn passes(&self) -> u64 {
        self.host.gate().passes
    }

    /// Whether this host has ever answered.
    pub(super) fn has_answered(&self) -> bool {
        self.passes() > 0
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

impl Drop for QueuedCall<'_> {
    fn drop(&mut self) {
        self.host.gate().queue.remove(&self.ticket);
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
        Gate {
            opens_at: now,
            epoch: 0,
            throttles: 0,
            passes: 0,
            under_way: 0,
            limit: usize::MAX,
            goal: usize::MAX,
            successes: 0,
            queue: BTreeSet::new(),
            next_ticket: 0,
        }
    }

    fn draw_ticket(&mut self) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.queue.insert(ticket);
        ticket
    }

    fn admit(&mut self, ticket: u64, now: Instant) -> Admission {
        if now < self.opens_at {
            return Admission::At(self.opens_at);
        }
        let is_first = self.queue.first() == Some(&ticket);
        if self.under_way >= self.limit || (self.limit < usize::MAX && !is_first) {
            return Admission::AfterAnother;
        }
        self.queue.remove(&ticket);
        self.under_way += 1;
        Admission::Now(self.epoch)
    }

    fn close(&mut self, epoch: u64, now: Instant, wait: Duration) {
        if epoch == self.epoch {
            self.epoch += 1;
            self.throttles += 1;
            // A quarter of what was too much, once the gate has opened again.
            let before = if self.throttles > 1 { self.goal } else { self.under_way };
            self.goal = (before / 4).max(1);
            self.limit = 1;
            self.successes = 0;
            self.opens_at = now + wait;
        } else {
            self.opens_at = self.opens_at.max(now + wait);
        }
    }

    fn pass(&mut self, epoch: u64) {
        self.passes += 1;
        if epoch != self.epoch || self.limit == usize::MAX {
            return;
        }
        self.throttles = 0;
        self.limit = self.limit.max(self.goal);
        self.successes += 1;
        if self.successes >= CALM {
            self.successes = 0;
            self.limit += 1;
            self.goal = self.limit;
        }
        if self.limit > UNLIMITED {
            self.limit = usize::MAX;
            self.goal = usize::MAX;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::super::Refusal;
    use super::super::retry::{self, Outcome, Policy, Retry};
    use super::*;

    fn context(seconds: u64) -> Context {
        Context { deadline: Instant::now() + Duration::from_secs(seconds), stop: CancellationToken::new() }
    }

    fn admitted(gate: &mut Gate, now: Instant) -> Option<u64> {
        let ticket = gate.draw_ticket();
        let admission = gate.admit(ticket, now);
        gate.queue.remove(&ticket);
        match admission {
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
        assert_eq!(more, 5, "a quarter of the wave that was too much");
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
        assert_eq!(limiter.enter("a", &context(4)).await.unwrap_err(), NotAdmitted::DeadlinePassed);
        assert_eq!(begun.elapsed(), Duration::ZERO, "there is nothing to wait for");

        let context = context(60);
        let stop = context.stop.clone();
        let (ended, ()) = tokio::join!(limiter.enter("a", &context), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            stop.cancel();
        });
        assert_eq!(ended.unwrap_err(), NotAdmitted::Stopped);
        assert_eq!(begun.elapsed(), Duration::from_secs(1));

        let first = limiter.enter("a", &self::context(60)).await.unwrap();
        assert_eq!(
            limiter.enter("a", &self::context(3)).await.unwrap_err(),
            NotAdmitted::DeadlinePassed,
            "one at a time"
        );
        drop(first);
        assert!(limiter.enter("a", &self::context(3)).await.is_ok());
    }

    /// A gateway that lets 60 calls through per window, and 64 who want 20 calls each through it, as Terraform would.
    /// Returns how many calls were made, and how many retries one of them needed at most.
    async fn simulated(window: Duration, says_when: bool) -> (u32, u32) {
        const WORKERS: u32 = 64;
        const CALLS: u32 = 20;
        let limiter = Arc::new(Limiter::default());
        let begun = Instant::now();
        // The window that is open, and how many calls it has seen.
        let gateway = Arc::new(Mutex::new((0, 0)));
        let policy = Policy { max_retries: 5, first: Duration::from_secs(1), cap: Duration::from_secs(30) };
        let workers = (0..WORKERS).map(|worker| {
            let (limiter, gateway) = (Arc::clone(&limiter), Arc::clone(&gateway));
            tokio::spawn(async move {
                let (mut made, mut most) = (0, 0);
                for number in 0..CALLS {
                    let (mut tries, mut passes) = (0, 0);
                    loop {
                        let permit = limiter.enter("a", &context(100_000)).await.unwrap();
                        made += 1;
                        sleep_until(Instant::now() + Duration::from_millis(u64::from(5 + (worker + number) % 7))).await;
                        let now = begun.elapsed();
                        let current = now.as_millis() / window.as_millis();
                        let seen = {
                            let mut gateway = gateway.lock().unwrap();
                            *gateway = if gateway.0 == current { (current, gateway.1 + 1) } else { (current, 1) };
                            gateway.1
                        };
                        if seen <= 60 {
                            permit.passed();
                            break;
                        }
                        tries = if permit.passes() == passes { tries + 1 } else { 1 };
                        passes = permit.passes();
                        let rest = window.saturating_mul(u32::try_from(current).unwrap() + 1).saturating_sub(now);
                        let retry_after = says_when.then(|| Duration::from_secs(rest.as_secs() + 1));
                        let refusal = Refusal { status: 429, retry_after, ..Refusal::default() };
                        let step = permit.throttles_with_this().max(tries);
                        let dice = f64::from((worker * 7 + number * 13 + tries * 5) % 10) / 10.0;
                        match retry::next(&policy, tries, step, Outcome::Refused(&refusal), false, dice) {
                            Retry::Wait(wait) => permit.throttled(wait),
                            Retry::GiveUp => panic!("gave up after {tries} retries"),
                        }
                    }
                    most = most.max(tries);
                }
                (made, most)
            })
        });
        let (mut made, mut most) = (0, 0);
        for worker in workers.collect::<Vec<_>>() {
            let (its_calls, its_retries) = worker.await.unwrap();
            made += its_calls;
            most = most.max(its_retries);
        }
        assert!(made >= WORKERS * CALLS);
        (made, most)
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttling_gateway_is_not_stormed() {
        // Without `Retry-After` a long window must be felt for: a few questions per minute.
        for (window_ms, says_when, most_calls) in
            [(600, false, 1500), (600, true, 1500), (60_000, false, 1650), (60_000, true, 1500)]
        {
            let (made, most) = simulated(Duration::from_millis(window_ms), says_when).await;
            assert!(made <= most_calls, "{window_ms} {says_when}: {made} calls for 1280");
            assert!(most <= 2, "{window_ms} {says_when}: a call was throttled {most} times while others got through");
        }
    }
}
