//! Actions.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::codegen::BoxStream;

use super::answering::Answering;
use super::coding::configured;
use super::procedure::Procedure;
use super::session::Session;
use crate::plugin::action::{Run, Teller};
use crate::plugin::erased::caught;
use crate::plugin::proto::tfplugin6 as wire;
use crate::plugin::{Diagnostic, Diagnostics, Provider, gate};
use wire::invoke_action::Event;
use wire::invoke_action::event::{Completed, Progress, Type};

impl<P: Provider> Procedure<P> for wire::plan_action::Request {
    type Response = wire::plan_action::Response;

    async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
        let action = session.find(|all| &all.actions, &self.action_type)?;
        let config = configured(action, self.config.as_ref())?;
        gate::check(action, &config)?;
        let client = session.client_if_known()?;
        let diagnostics = action.plan(client.as_deref(), action.compiled().without_timeouts(config)).await;
        Ok(Self::Response { diagnostics: diagnostics.into_wire(), deferred: None })
    }
}

/// Whether a host of that version may be told of progress. Terraform 1.14 and 1.15 crash when any event comes after the first one
/// that they hear after a person's interrupt, and nobody on this side can know that moment: for them there is one event, the end.
pub(super) fn hears_progress_at_once(terraform_version: &str) -> bool {
    let mut numbers = terraform_version.split('.').map(str::parse::<u32>);
    !matches!((numbers.next(), numbers.next()), (Some(Ok(1)), Some(Ok(14 | 15))))
}

/// The lines of an action, for a host that can bear nothing but its end.
pub(in crate::plugin) fn done(lines: &[String]) -> Diagnostic {
    Diagnostic::warning("Progress of the action", lines.join("\n"))
}

/// Does it, in a task of its own: an action that has begun comes to its end, whoever listens.
pub(super) fn answer<P: Provider>(
    session: &Arc<Session<P>>,
    request: wire::invoke_action::Request,
) -> BoxStream<Event> {
    let (out, events) = mpsc::unbounded_channel();
    let call = Answering::begin(session, "InvokeAction", &request.action_type);
    let stop = session.stop.token();
    let heard = stop.clone();
    tokio::spawn(async move {
        let session = &call.session;
        let tell = |kind| out.send(Ok(Event { r#type: Some(kind) })).is_ok();
        let (later, mut kept) = mpsc::unbounded_channel();
        let at_once = session.hears_progress_at_once().then(|| out.clone());
        let teller = Teller::new(move |message| {
            let _ = match &at_once {
                Some(out) => out.send(Ok(Event { r#type: Some(Type::Progress(Progress { message })) })).is_ok(),
                None => later.send(message).is_ok(),
            };
        });
        let work = async {
            let action = session.find(|all| &all.actions, &request.action_type)?;
            let (config, client) = session.used(action, request.config.as_ref())?;
            Ok(action.invoke(&client, action.compiled().without_timeouts(config), Run::new(heard, teller)).await)
        };
        let mut diagnostics = caught(work).await.unwrap_or_else(|errors| errors);
        let lines: Vec<String> = std::iter::from_fn(|| kept.try_recv().ok()).collect();
        if !lines.is_empty() {
            diagnostics.push(done(&lines));
        }
        let failed = diagnostics.has_errors();
        let mut diagnostics = diagnostics.into_wire();
        call.end(&mut diagnostics);
        // Terraform 1.16 and 1.17 show no warning of an action that an event began and that ended well, but they show its lines.
        let unseen = diagnostics.iter().filter(|_| !failed && session.hears_progress_at_once());
        for wire::Diagnostic { summary, detail, .. } in unseen {
            tell(Type::Progress(Progress { message: format!("Warning: {summary}\n{detail}") }));
        }
        if !tell(Type::Completed(Completed { diagnostics })) {
            call.unheard();
        }
    });
    // After its own stop a host expects the end and nothing else: some fall over a word that comes between.
    Box::pin(UnboundedReceiverStream::new(events).filter(move |event| {
        let tells = event.as_ref().is_ok_and(|event| matches!(event.r#type, Some(Type::Progress(_))));
        !(tells && stop.is_cancelled())
    }))
}

#[cfg(test)]
mod tests {
    #[test]
    fn who_hears_of_progress_at_once() {
        for (version, at_once) in [
            ("1.14.0", false),
            ("1.15.9", false),
            ("1.15.0-rc1", false),
            ("1.16.0-beta1", true),
            ("1.17.0", true),
            ("2.14.0", true),
            ("1.14", false),
            ("", true),
            ("a later one", true),
        ] {
            assert_eq!(super::hears_progress_at_once(version), at_once, "{version:?}");
        }
    }
}
