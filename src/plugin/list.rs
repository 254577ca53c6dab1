//! List resources: all objects of a resource that exist, for `terraform query`.

use std::future::Future;
use std::marker::PhantomData;
use std::ops::ControlFlow;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::erased::{Boxed, Held, Offered, caught, typed};
use super::schema::Compiled;
use super::stop::StopRequest;
use super::{Diagnostic, Diagnostics, Field, Model, Schema, Value};

/// The search for objects of the resource of the same name, over a configured client `C`. That resource must have an
/// identity.
pub trait ListResource<C>: Send + Sync + 'static {
    /// All attributes and blocks of the schema.
    type Model: Model;
    /// The model of the resource.
    type Object: Model;

    /// The schema of the `config` block. It must not depend on configuration, environment or time.
    fn schema(&self) -> Schema;

    /// Checks that span several arguments. Anything may be null or unknown.
    fn validate(&self, config: &Self::Model) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Hands on what is found as it is found, until there is no more or nobody wants more. When nobody listens any
    /// more, the future is dropped.
    fn list(
        &self,
        client: &C,
        config: Self::Model,
        findings: &mut Findings<Self::Object>,
    ) -> impl Future<Output = Result<(), Diagnostics>> + Send;
}

/// Where a search hands on what it finds.
#[derive(Debug)]
pub struct Findings<M> {
    out: mpsc::Sender<ListEvent>,
    left: u64,
    /// Whether whole objects are wanted; otherwise what identifies them is enough.
    pub whole: bool,
    stop: StopRequest,
    deadline: Instant,
    object: PhantomData<fn(M)>,
}

/// What goes to the host.
#[derive(Debug)]
pub(super) enum ListEvent {
    Object { label: String, object: Value },
    Note(Diagnostics),
}

/// What a search starts with.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) out: mpsc::Sender<ListEvent>,
    pub(super) limit: u64,
    pub(super) whole: bool,
    pub(super) stop: StopRequest,
    pub(super) deadline: Instant,
}

impl<M: Field> Findings<M> {
    /// Hands on one object under a name for people. Waits while the host is busy with the ones before; breaks off once
    /// nobody wants more.
    pub async fn push(&mut self, label: impl Into<String>, object: M) -> ControlFlow<()> {
        if self.left == 0 {
            return ControlFlow::Break(());
        }
        self.left -= 1;
        let found = ListEvent::Object { label: label.into(), object: object.into_value() };
        if self.out.send(found).await.is_err() || self.left == 0 {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Something to know beside what is found.
    pub async fn warn(&mut self, warning: Diagnostic) {
        // Nobody listens any more: then nobody wants to know.
        let _ = self.out.send(ListEvent::Note(warning.into())).await;
    }

    /// How many objects are wanted yet.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Cancelled when running operations are to stop.
    pub fn stop(&self) -> &CancellationToken {
        self.stop.signal()
    }

    /// When the search must be over.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }
}

/// A list resource without its model types.
pub(super) trait AnyList<C>: Offered {
    /// Where the model of what is found is not what the resource's schema says.
    fn object_misfits(&self, resource: &Compiled) -> Vec<String>;
    fn list<'a>(&'a self, client: &'a C, config: Value, search: Search) -> Boxed<'a, ()>;
}

impl<C: Send + Sync + 'static, L: ListResource<C>> AnyList<C> for Held<L> {
    fn object_misfits(&self, resource: &Compiled) -> Vec<String> {
        L::Object::form().misfits(&resource.model_type())
    }

    fn list<'a>(&'a self, client: &'a C, config: Value, search: Search) -> Boxed<'a, ()> {
        Box::pin(async move {
            let Search { out, limit, whole, stop, deadline } = search;
            let closed = out.clone();
            let mut findings = Findings { out, left: limit, whole, stop, deadline, object: PhantomData };
            let work = caught(async { self.inner.list(client, typed(config)?, &mut findings).await });
            let outcome = tokio::select! {
                outcome = work => outcome,
                () = closed.closed() => return,
            };
            if let Err(errors) = outcome {
                let _ = closed.send(ListEvent::Note(super::erased::or_unexplained(errors))).await;
            }
        })
    }
}
