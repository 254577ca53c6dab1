//! List resources.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxStream;

use super::answering::Answering;
use super::coding::{identify, write};
use super::session::Session;
use crate::plugin::erased::{AnyResource, caught};
use crate::plugin::list::{ListEvent, Search};
use crate::plugin::proto::tfplugin6 as wire;
use crate::plugin::timeouts::Limited;
use crate::plugin::{Diagnostic, Diagnostics, Provider, Value, lifecycle};
use wire::list_resource::Event;

/// Searches. Reading only: when the host has had enough, the search is dropped wherever it is.
pub(super) fn answer<P: Provider>(
    session: &Arc<Session<P>>,
    request: wire::list_resource::Request,
) -> BoxStream<Event> {
    /// So many events wait for the host at most.
    const AHEAD: usize = 32;
    let (out, found) = mpsc::channel(AHEAD);
    let call = Answering::begin(session, "ListResource", &request.type_name);
    let whole = request.include_resource_object;
    let (type_name, telling) = (request.type_name.clone(), Arc::clone(session));
    tokio::spawn(async move {
        let session = &call.session;
        let notes = out.clone();
        let work = async {
            session.find(|all| &all.resources, &request.type_name)?;
            let list = session.find(|all| &all.list_resources, &request.type_name)?;
            let compiled = list.compiled();
            let (config, client) = session.used(list, request.config.as_ref())?;
            let search = Search {
                out,
                limit: u64::try_from(request.limit).ok().filter(|limit| *limit > 0).unwrap_or(u64::MAX),
                whole,
                stop: session.stop.request(),
                deadline: tokio::time::Instant::now() + compiled.timeouts().limit(Limited::Read, &config),
            };
            list.list(&client, compiled.without_timeouts(config), search).await;
            Ok(())
        };
        if let Err(errors) = caught(work).await {
            let _ = notes.send(ListEvent::Note(errors)).await;
        }
        call.end(&mut []);
    });
    Box::pin(ReceiverStream::new(found).map(move |found| {
        let event = match found {
            ListEvent::Note(diagnostics) => Err(diagnostics),
            ListEvent::Object { label, object } => telling
                .find(|all| &all.resources, &type_name)
                .and_then(|resource| event(resource, whole, label, object)),
        };
        Ok(event.unwrap_or_else(|errors| {
            let mut diagnostic = errors.into_wire();
            telling.discreet(&type_name, &mut diagnostic);
            Event { diagnostic, ..Event::default() }
        }))
    }))
}

/// A found object, as the host gets it.
fn event<C>(resource: &dyn AnyResource<C>, whole: bool, label: String, object: Value) -> Result<Event, Diagnostics> {
    let compiled = resource.compiled();
    let object = lifecycle::imported(compiled, object)?;
    let identity = Some(identify(compiled, &object)?.ok_or_else(|| no_identity(&label))?);
    let resource_object = if whole { write(&object, compiled.value_type())? } else { None };
    Ok(Event { identity, display_name: label, resource_object, diagnostic: Vec::new() })
}

/// What a host cannot take: a found object that nothing identifies.
pub(in crate::plugin) fn no_identity(label: &str) -> Diagnostic {
    let detail = format!("{label} was found and left out. This is a bug in the provider; please report it.");
    Diagnostic::error("Found object has no identity", detail)
}
