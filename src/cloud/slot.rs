//! A value that many want and one fetches: the others wait for it, and for its failure too.

use std::future::Future;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use super::{Context, Error};

/// While an old value will do, a failed renewal is not tried again for so long.
const PAUSE: Duration = Duration::from_secs(30);

/// Filled on first use, renewed under one lock.
#[derive(Debug)]
pub(super) struct Slot<T>(Mutex<SlotState<T>>);

#[derive(Debug)]
struct SlotState<T> {
    value: Option<T>,
    /// The last failure and when it happened.
    failure: Option<(Instant, Error)>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Slot(Mutex::new(SlotState { value: None, failure: None }))
    }
}

impl<T: Clone> Slot<T> {
    /// The value if it is `fresh`, else a new one. When fetching fails, an old value that is still `usable` will do.
    ///
    /// Those who waited while a fetch failed share its failure instead of trying one after the other. `call` is what
    /// the operation is about, for errors.
    pub(super) async fn get(
        &self,
        context: &Context,
        call: &str,
        fresh: impl Fn(&T) -> bool,
        usable: impl Fn(&T) -> bool,
        fetch: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let asked_at = Instant::now();
        let mut state = within(context, call, self.0.lock()).await?;
        if let Some(value) = state.value.as_ref().filter(|value| fresh(value)) {
            return Ok(value.clone());
        }
        let old = state.value.clone().filter(|value| usable(value));
        if let Some((moment, failure)) = &state.failure
            && (*moment >= asked_at || (old.is_some() && moment.elapsed() < PAUSE))
        {
            return old.ok_or_else(|| failure.clone());
        }
        match fetch.await {
            Ok(value) => {
                state.value = Some(value.clone());
                state.failure = None;
                Ok(value)
            }
            // These belong to the operation that was asked to stop or ran out of time, not to the others.
            Err(error @ (Error::Stopped { .. } | Error::DeadlinePassed { .. })) => old.ok_or(error),
            Err(error) => {
                state.failure = Some((Instant::now(), error.clone()));
                if old.is_some() {
                    tracing::warn!(%error, "new credentials could not be had; the old ones are still used");
                }
                old.ok_or(error)
            }
        }
    }

    /// Forgets the value if `bad` says so.
    pub(super) async fn drop_if(&self, context: &Context, call: &str, bad: impl Fn(&T) -> bool) -> Result<(), Error> {
        let mut state = within(context, call, self.0.lock()).await?;
        if state.value.as_ref().is_some_and(bad) {
            state.value = None;
        }
        Ok(())
    }
}

/// Waits for something no longer than the context allows.
pub(super) async fn within<T>(context: &Context, call: &str, what: impl Future<Output = T>) -> Result<T, Error> {
    tokio::select! {
        biased;
        () = context.stop.cancelled() => Err(Error::Stopped { call: call.to_owned() }),
        found = what => Ok(found),
        () = sleep_until(context.deadline) => Err(Error::DeadlinePassed { call: call.to_owned(), last: None }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio_util::sync::CancellationToken;

    use super::*;

    fn context() -> Context {
        Context { deadline: Instant::now() + Duration::from_mins(1), stop: CancellationToken::new() }
    }

    async fn ten(result: fn() -> Result<u32, Error>) -> (u32, Vec<Result<u32, Error>>) {
        let slot = Arc::new(Slot::<u32>::default());
        let fetches = Arc::new(AtomicU32::new(0));
        let tasks = (0..10).map(|_| {
            let (slot, fetches) = (Arc::clone(&slot), Arc::clone(&fetches));
            tokio::spawn(async move {
                let fetch = async {
                    fetches.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    result()
                };
                slot.get(&context(), "x", |_| true, |_| true, fetch).await
            })
        });
        let mut results = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            results.push(task.await.unwrap());
        }
        (fetches.load(Ordering::Relaxed), results)
    }

    #[tokio::test(start_paused = true)]
    async fn ten_who_ask_at_once_ask_once() {
        let (fetches, results) = ten(|| Ok(7)).await;
        assert_eq!(fetches, 1);
        assert!(results.iter().all(|result| matches!(result, Ok(7))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_shared_by_those_who_waited() {
        let (fetches, results) = ten(|| Err(Error::Setup("no".to_owned()))).await;
        assert_eq!(fetches, 1);
        assert!(results.iter().all(Result::is_err));
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_value_bridges_a_failed_renewal() {
        let slot = Slot::default();
        let failing = || async { Err(Error::Setup("no".to_owned())) };
        assert!(slot.get(&context(), "x", |_| true, |_| true, failing()).await.is_err());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(slot.get(&context(), "x", |_| true, |_| true, async { Ok(1) }).await.unwrap(), 1);
        assert_eq!(slot.get(&context(), "x", |_| false, |_| true, failing()).await.unwrap(), 1);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(slot.get(&context(), "x", |_| false, |_| false, failing()).await.is_err());
        slot.drop_if(&context(), "x", |value| *value == 1).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(slot.get(&context(), "x", |_| true, |_| true, async { Ok(2) }).await.unwrap(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_stops_does_not_stop_the_others() {
        let slot = Slot::default();
        let stopped = async { Err(Error::Stopped { call: "x".to_owned() }) };
        assert!(slot.get(&context(), "x", |_| true, |_| true, stopped).await.is_err());
        assert_eq!(slot.get(&context(), "x", |_| true, |_| true, async { Ok(1) }).await.unwrap(), 1);
    }
}
