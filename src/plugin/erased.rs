//! Resources and data sources without their model types, so that a list of them is possible.
//!
//! Each implementation gets a boxed twin that speaks [`Value`] instead of a model. Panics of an implementation are
//! caught here, where its last checkpoint is still at hand.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::task::Poll;
use std::time::Duration;

use super::model::Form;
use super::schema::Compiled;
use super::stop::StopRequest;
use super::{
    DataSource, Diagnostic, Diagnostics, Field, Life, Mismatch, Model, Path, Planning, Private, Resource, Schema,
    Source, Stored, Value,
};

/// A future on the heap.
pub(super) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What an operation starts with.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) stop: StopRequest,
    pub(super) timeout: Duration,
    pub(super) private: Private,
}

/// How an operation ended.
#[derive(Debug)]
pub(super) struct Ended<T> {
    pub(super) result: Result<T, Diagnostics>,
    /// The last checkpoint.
    pub(super) kept: Option<Value>,
    pub(super) warnings: Diagnostics,
    pub(super) private: Private,
}

/// What a plan hook left.
#[derive(Debug)]
pub(super) struct Hooked {
    /// The plan as the model can express it, before the hook.
    pub(super) before: Value,
    /// The same after it.
    pub(super) after: Value,
    pub(super) replace: Vec<Path>,
    pub(super) adopt: Vec<&'static str>,
    pub(super) diagnostics: Diagnostics,
    pub(super) unless_replaced: Diagnostics,
}

/// Whatever has a schema and can be configured.
pub(super) trait Offered: Send + Sync {
    fn compiled(&self) -> &Compiled;
    /// `Err` if the configuration does not fit the model.
    fn validate(&self, config: Value) -> Result<Diagnostics, Diagnostics>;
    /// Where the model is not what the schema says.
    fn misfits(&self) -> Vec<String>;
}

/// A resource without its model type.
pub(super) trait AnyResource<C>: Offered {
    fn plan<'a>(
        &'a self,
        client: Option<&'a C>,
        config: Value,
        prior: Option<Value>,
        planned: Value,
        kept: &'a Private,
        notes: &'a mut Option<Private>,
    ) -> Boxed<'a, Result<Hooked, Diagnostics>>;
    fn known(&self, client: &C, state: Value);
    fn protects(&self, prior: Value) -> Option<Diagnostic>;
    fn plan_delete<'a>(&'a self, client: Option<&'a C>, prior: Value, kept: &'a Private) -> Boxed<'a, Diagnostics>;
    fn plan_replace<'a>(
        &'a self,
        client: Option<&'a C>,
        prior: Value,
        planned: Value,
        kept: &'a Private,
        notes: &'a mut Option<Private>,
    ) -> Boxed<'a, Diagnostics>;
    fn create<'a>(&'a self, client: &'a C, planned: Value, start: Start) -> Boxed<'a, Ended<Value>>;
    fn read<'a>(&'a self, client: &'a C, state: Value, start: Start) -> Boxed<'a, Ended<Option<Value>>>;
    fn update<'a>(&'a self, client: &'a C, prior: Value, planned: Value, start: Start) -> Boxed<'a, Ended<Value>>;
    fn delete<'a>(&'a self, client: &'a C, state: Value, start: Start) -> Boxed<'a, Ended<()>>;
    fn import(&self, client: &C, id: &str) -> Result<Value, Diagnostics>;
    fn import_identity(&self, client: &C, identity: Value) -> Result<Value, Diagnostics>;
    fn move_from(&self, source: &Source<'_>) -> Result<Value, Diagnostics>;
    fn configuration(&self, config: Value) -> Result<Value, Diagnostics>;
    fn upgrade(&self, version: i64, stored: Stored) -> Result<Stored, Diagnostics>;
}

/// A data source without its model type.
pub(super) trait AnyDataSource<C>: Offered {
    fn read<'a>(&'a self, client: &'a C, config: Value, start: Start) -> Boxed<'a, Ended<Value>>;
}

/// Asks an implementation about a configuration.
type Validate<T> = Box<dyn Fn(&T, Value) -> Result<Diagnostics, Diagnostics> + Send + Sync>;

/// An implementation with its schema, which is made when first needed.
pub(super) struct Held<T> {
    pub(super) inner: T,
    schema: fn(&T) -> Schema,
    validate: Validate<T>,
    form: fn() -> Form,
    compiled: OnceLock<Compiled>,
}

impl<T: 'static> Held<T> {
    pub(super) fn new<M: Model>(inner: T, schema: fn(&T) -> Schema, validate: fn(&T, &M) -> Diagnostics) -> Self {
        let validate: Validate<T> = Box::new(move |inner, config| Ok(validate(inner, &typed(config)?)));
        Held { inner, schema, validate, form: M::form, compiled: OnceLock::new() }
    }
}

impl<T: Send + Sync> Offered for Held<T> {
    fn compiled(&self) -> &Compiled {
        self.compiled.get_or_init(|| Compiled::new((self.schema)(&self.inner)))
    }

    fn validate(&self, config: Value) -> Result<Diagnostics, Diagnostics> {
        (self.validate)(&self.inner, config)
    }

    fn misfits(&self) -> Vec<String> {
        (self.form)().misfits(&self.compiled().model_type())
    }
}

/// The model of an object whose `timeouts` block has been taken off.
pub(super) fn typed<M: Field>(value: Value) -> Result<M, Diagnostics> {
    M::from_value(value).map_err(|mismatch| misfit(mismatch).into())
}

fn misfit(mismatch: Mismatch) -> Diagnostic {
    mismatch.explained("Value does not have the expected form", "Correct it; nothing was changed.")
}

impl<C: Send + Sync + 'static, R: Resource<C>> AnyResource<C> for Held<R> {
    fn plan<'a>(
        &'a self,
        client: Option<&'a C>,
        config: Value,
        prior: Option<Value>,
        planned: Value,
        kept: &'a Private,
        notes: &'a mut Option<Private>,
    ) -> Boxed<'a, Result<Hooked, Diagnostics>> {
        Box::pin(async move {
            let config = typed(config)?;
            let prior = prior.map(typed).transpose()?;
            let planned: R::Model = typed(planned)?;
            let before = planned.clone().into_value();
            let mut planning = Planning {
                config,
                prior,
                planned,
                replace: Vec::new(),
                adopt: Vec::new(),
                diagnostics: Diagnostics::new(),
                unless_replaced: Diagnostics::new(),
                private: kept.clone(),
                notes: notes.take(),
            };
            self.inner.plan(client, &mut planning).await;
            *notes = planning.notes;
            let Planning { planned, replace, adopt, diagnostics, unless_replaced, .. } = planning;
            Ok(Hooked { before, after: planned.into_value(), replace, adopt, diagnostics, unless_replaced })
        })
    }

    fn known(&self, client: &C, state: Value) {
        // What does not fit is told by whatever is asked next.
        if let Ok(state) = typed::<R::Model>(state) {
            self.inner.known(client, &state);
        }
    }

    fn protects(&self, prior: Value) -> Option<Diagnostic> {
        self.inner.protects(&typed(prior).ok()?)
    }

    fn plan_delete<'a>(&'a self, client: Option<&'a C>, prior: Value, kept: &'a Private) -> Boxed<'a, Diagnostics> {
        Box::pin(async move {
            match typed(prior) {
                Ok(prior) => self.inner.plan_delete(client, &prior, kept).await,
                Err(diagnostics) => diagnostics,
            }
        })
    }

    fn plan_replace<'a>(
        &'a self,
        client: Option<&'a C>,
        prior: Value,
        planned: Value,
        kept: &'a Private,
        notes: &'a mut Option<Private>,
    ) -> Boxed<'a, Diagnostics> {
        Box::pin(async move {
            match typed(prior).and_then(|prior| Ok((prior, typed(planned)?))) {
                Ok((prior, planned)) => self.inner.plan_replace(client, (&prior, kept), &planned, notes.as_mut()).await,
                Err(diagnostics) => diagnostics,
            }
        })
    }

    fn create<'a>(&'a self, client: &'a C, planned: Value, start: Start) -> Boxed<'a, Ended<Value>> {
        Box::pin(operated(start, async move |life| {
            self.inner.create(client, typed(planned)?, life).await.map(Field::into_value)
        }))
    }

    fn read<'a>(&'a self, client: &'a C, state: Value, start: Start) -> Boxed<'a, Ended<Option<Value>>> {
        Box::pin(operated(start, async move |life| {
            self.inner.read(client, typed(state)?, life).await.map(|found| found.map(Field::into_value))
        }))
    }

    fn update<'a>(&'a self, client: &'a C, prior: Value, planned: Value, start: Start) -> Boxed<'a, Ended<Value>> {
        Box::pin(operated(start, async move |life| {
            self.inner.update(client, typed(prior)?, typed(planned)?, life).await.map(Field::into_value)
        }))
    }

    fn delete<'a>(&'a self, client: &'a C, state: Value, start: Start) -> Boxed<'a, Ended<()>> {
        Box::pin(operated(start, async move |life| self.inner.delete(client, typed(state)?, life).await))
    }

    fn import(&self, client: &C, id: &str) -> Result<Value, Diagnostics> {
        self.inner.import(id).map(|stub| self.inner.imported(client, stub).into_value())
    }

    fn import_identity(&self, client: &C, identity: Value) -> Result<Value, Diagnostics> {
        let stub = self.inner.import_identity(typed(identity)?)?;
        Ok(self.inner.imported(client, stub).into_value())
    }

    fn move_from(&self, source: &Source<'_>) -> Result<Value, Diagnostics> {
        self.inner.move_from(source).map(Field::into_value)
    }

    fn configuration(&self, config: Value) -> Result<Value, Diagnostics> {
        Ok(self.inner.configuration(typed(config)?).into_value())
    }

    fn upgrade(&self, version: i64, stored: Stored) -> Result<Stored, Diagnostics> {
        self.inner.upgrade(version, stored)
    }
}

impl<C: Send + Sync + 'static, D: DataSource<C>> AnyDataSource<C> for Held<D> {
    fn read<'a>(&'a self, client: &'a C, config: Value, start: Start) -> Boxed<'a, Ended<Value>> {
        Box::pin(operated(start, async move |life| {
            self.inner.read(client, typed(config)?, life).await.map(Field::into_value)
        }))
    }
}

/// Runs an operation, and keeps what it leaves behind however it ends.
async fn operated<M: Field, T>(
    start: Start,
    work: impl AsyncFnOnce(&mut Life<M>) -> Result<T, Diagnostics>,
) -> Ended<T> {
    let mut life = Life::new(start.stop, start.timeout, start.private);
    let result = caught(work(&mut life)).await;
    let (kept, warnings, private) = life.finish();
    Ended { result, kept: kept.map(Field::into_value), warnings, private }
}

/// Runs something that may panic. A panic becomes an error that says whose fault it is.
pub(super) async fn caught<T>(operation: impl Future<Output = Result<T, Diagnostics>>) -> Result<T, Diagnostics> {
    let mut operation = pin!(operation);
    // Whatever the panic left half done inside the future is dropped with it; nobody looks at it again.
    let outcome = poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| operation.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(result)) => Poll::Ready(Ok(result)),
        Err(panic) => Poll::Ready(Err(panic)),
    });
    outcome.await.unwrap_or_else(|panic| Err(bug(panic.as_ref()).into()))
}

/// A panic, for the user.
pub(super) fn bug(panic: &(dyn Any + Send)) -> Diagnostic {
    let message = panic.downcast_ref::<&str>().copied();
    let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    Diagnostic::error(
        "The provider failed unexpectedly",
        format!(
            "This is a bug in the provider: {message}. What was known of the object at that moment is kept in the \
             state. Please report it, with the log that TF_LOG=DEBUG writes."
        ),
    )
}

/// An operation that failed without an error would look like a success.
pub(super) fn or_unexplained(mut errors: Diagnostics) -> Diagnostics {
    if !errors.has_errors() {
        errors
            .error("Operation failed", "The provider gave no reason. This is a bug in the provider; please report it.");
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::caught;
    use crate::plugin::Diagnostics;

    #[tokio::test]
    async fn a_panic_before_and_after_a_pause_becomes_an_error() {
        assert_eq!(caught(async { Ok(1) }).await, Ok(1));
        assert_eq!(caught(async { Err::<(), _>(Diagnostics::new()) }).await, Err(Diagnostics::new()));
        let number = std::hint::black_box(3);
        let plain = caught(async { if number == 3 { panic!("plain") } else { Ok(()) } }).await;
        let formatted = caught(async {
            tokio::task::yield_now().await;
            if number == 3 { panic!("formatted {number}") } else { Ok(()) }
        });
        for (outcome, message) in [(plain, "plain"), (formatted.await, "formatted 3")] {
            let diagnostics = outcome.unwrap_err();
            let detail = &diagnostics.iter().next().unwrap().detail;
            assert!(detail.starts_with(&format!("This is a bug in the provider: {message}.")), "{detail}");
        }
    }
}
