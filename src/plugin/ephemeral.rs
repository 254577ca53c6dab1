//! Ephemeral resources: values that exist while a run needs them and are stored nowhere.

use std::future::Future;
use std::time::SystemTime;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::erased::{Boxed, Held, Offered, Start, caught, typed};
use super::{Diagnostics, Field, Model, Private, Schema, Value};

/// A kind of ephemeral value, over a configured client `C`.
pub trait EphemeralResource<C>: Send + Sync + 'static {
    /// All attributes and blocks of the schema.
    type Model: Model;

    /// The schema. It must not depend on configuration, environment or time.
    fn schema(&self) -> Schema;

    /// Checks that span several arguments. Anything may be null or unknown.
    fn validate(&self, config: &Self::Model) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Makes the value: in every plan and in every apply anew. What is configured comes back unchanged.
    fn open(
        &self,
        client: &C,
        config: Self::Model,
        lease: &mut Lease,
    ) -> impl Future<Output = Result<Self::Model, Diagnostics>> + Send;

    /// Makes it last longer, when [`Lease::renew_at`] has come and somebody still uses it.
    fn renew(&self, client: &C, lease: &mut Lease) -> impl Future<Output = Result<(), Diagnostics>> + Send {
        let _ = (client, lease);
        async { Ok(()) }
    }

    /// Gives it back. May be asked more than once; `lease` has the private values of the opening.
    fn close(&self, client: &C, lease: &mut Lease) -> impl Future<Output = Result<(), Diagnostics>> + Send {
        let _ = (client, lease);
        async { Ok(()) }
    }
}

/// What an open value has beside itself, and what an operation on it may do besides returning.
#[derive(Debug)]
pub struct Lease {
    stop: CancellationToken,
    deadline: Instant,
    warnings: Diagnostics,
    /// When to renew it; `None` for never.
    pub renew_at: Option<SystemTime>,
    /// Bytes for the renewals and the closing, by key.
    pub private: Private,
}

impl Lease {
    fn new(start: Start) -> Self {
        let Start { stop, timeout, private } = start;
        let deadline = Instant::now() + timeout;
        Lease { stop: stop.signal().clone(), deadline, warnings: Diagnostics::new(), renew_at: None, private }
    }

    /// Something to know beside the result.
    pub fn warn(&mut self, warning: impl Into<Diagnostics>) {
        self.warnings.extend(warning.into());
    }

    /// When the operation must be over.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Cancelled when running operations are to stop.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// What is left of the operation: warnings, the time to renew, the private values.
    pub(super) fn finish(self) -> (Diagnostics, Option<SystemTime>, Private) {
        (self.warnings, self.renew_at, self.private)
    }
}

/// An ephemeral resource without its model type.
pub(super) trait AnyEphemeral<C>: Offered {
    fn open<'a>(&'a self, client: &'a C, config: Value, start: Start)
    -> Boxed<'a, (Result<Value, Diagnostics>, Lease)>;
    fn renew<'a>(&'a self, client: &'a C, start: Start) -> Boxed<'a, (Result<(), Diagnostics>, Lease)>;
    fn close<'a>(&'a self, client: &'a C, start: Start) -> Boxed<'a, (Result<(), Diagnostics>, Lease)>;
}

impl<C: Send + Sync + 'static, E: EphemeralResource<C>> AnyEphemeral<C> for Held<E> {
    fn open<'a>(
        &'a self,
        client: &'a C,
        config: Value,
        start: Start,
    ) -> Boxed<'a, (Result<Value, Diagnostics>, Lease)> {
        Box::pin(async move {
            let mut lease = Lease::new(start);
            let opened =
                caught(async { self.inner.open(client, typed(config)?, &mut lease).await.map(Field::into_value) });
            (opened.await, lease)
        })
    }

    fn renew<'a>(&'a self, client: &'a C, start: Start) -> Boxed<'a, (Result<(), Diagnostics>, Lease)> {
        Box::pin(async move {
            let mut lease = Lease::new(start);
            (caught(self.inner.renew(client, &mut lease)).await, lease)
        })
    }

    fn close<'a>(&'a self, client: &'a C, start: Start) -> Boxed<'a, (Result<(), Diagnostics>, Lease)> {
        Box::pin(async move {
            let mut lease = Lease::new(start);
            (caught(self.inner.close(client, &mut lease)).await, lease)
        })
    }
}
