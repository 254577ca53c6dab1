//! Actions: something that is done on request or beside a change, and leaves nothing in the state.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::erased::{Boxed, Held, Offered, caught, typed};
use super::{Diagnostics, Model, Schema, Value};

/// A kind of action, over a configured client `C`.
pub trait Action<C>: Send + Sync + 'static {
    /// All attributes and blocks of the schema.
    type Model: Model;

    /// The schema. It must not depend on configuration, environment or time.
    fn schema(&self) -> Schema;

    /// Checks that span several arguments. Anything may be null or unknown.
    fn validate(&self, config: &Self::Model) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// What to say about a planned invocation. An error refuses it; nothing is changed. `client` is `None` while the
    /// provider's configuration is not known yet, and anything may be unknown.
    fn plan(&self, client: Option<&C>, config: &Self::Model) -> impl Future<Output = Diagnostics> + Send {
        let _ = (client, config);
        async { Diagnostics::new() }
    }

    /// Does it. A stop is to be respected; whether it then counts as a failure is the action's to say.
    fn invoke(
        &self,
        client: &C,
        config: Self::Model,
        run: &mut Run,
    ) -> impl Future<Output = Result<(), Diagnostics>> + Send;
}

/// What a running action may do besides returning.
#[derive(Debug)]
pub struct Run {
    stop: CancellationToken,
    teller: Teller,
    warnings: Diagnostics,
}

impl Run {
    pub(super) fn new(stop: CancellationToken, teller: Teller) -> Self {
        Run { stop, teller, warnings: Diagnostics::new() }
    }

    /// Says how far it is. The user sees it at once.
    pub fn tell(&self, message: impl Into<String>) {
        self.teller.tell(message);
    }

    /// The same for others to hold.
    pub fn teller(&self) -> Teller {
        self.teller.clone()
    }

    /// Something to know beside the result.
    pub fn warn(&mut self, warning: impl Into<Diagnostics>) {
        self.warnings.extend(warning.into());
    }

    /// Cancelled when running operations are to stop.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

/// Passes messages about a running action on to the user.
#[derive(Clone)]
pub struct Teller(Arc<dyn Fn(String) + Send + Sync>);

impl Teller {
    pub(super) fn new(tell: impl Fn(String) + Send + Sync + 'static) -> Self {
        Teller(Arc::new(tell))
    }

    /// Says how far it is.
    pub fn tell(&self, message: impl Into<String>) {
        (self.0)(message.into());
    }
}

impl fmt::Debug for Teller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Teller")
    }
}

/// An action without its model type.
pub(super) trait AnyAction<C>: Offered {
    fn plan<'a>(&'a self, client: Option<&'a C>, config: Value) -> Boxed<'a, Diagnostics>;
    /// All that is to be said in the end; an error among it means that it failed.
    fn invoke<'a>(&'a self, client: &'a C, config: Value, run: Run) -> Boxed<'a, Diagnostics>;
}

impl<C: Send + Sync + 'static, A: Action<C>> AnyAction<C> for Held<A> {
    fn plan<'a>(&'a self, client: Option<&'a C>, config: Value) -> Boxed<'a, Diagnostics> {
        Box::pin(async move {
            match typed(config) {
                Ok(config) => self.inner.plan(client, &config).await,
                Err(diagnostics) => diagnostics,
            }
        })
    }

    fn invoke<'a>(&'a self, client: &'a C, config: Value, mut run: Run) -> Boxed<'a, Diagnostics> {
        Box::pin(async move {
            let result = caught(async { self.inner.invoke(client, typed(config)?, &mut run).await }).await;
            let mut all = run.warnings;
            all.extend(result.err().map(super::erased::or_unexplained).unwrap_or_default());
            all
        })
    }
}
