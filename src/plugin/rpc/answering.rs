//! What every call has in common, however it is answered.

use std::sync::Arc;
use std::time::Instant;

use super::session::Session;
use crate::plugin::Provider;
use crate::plugin::proto::tfplugin6 as wire;
use crate::plugin::stop::Running;

/// A call that is being answered: the process does not end before it.
pub(super) struct Answering<P: Provider> {
    pub(super) session: Arc<Session<P>>,
    rpc: &'static str,
    type_name: String,
    began: Instant,
    _running: Running,
}

impl<P: Provider> Answering<P> {
    /// A call about something of that type name; it has none where it is about the provider.
    pub(super) fn begin(session: &Arc<Session<P>>, rpc: &'static str, type_name: &str) -> Self {
        let (session, type_name) = (Arc::clone(session), type_name.to_owned());
        let running = session.stop.running();
        Answering { session, rpc, type_name, began: Instant::now(), _running: running }
    }

    /// Ends it: what it tells points at no secret, and the log says how it went.
    pub(super) fn end(&self, told: &mut [wire::Diagnostic]) {
        self.session.discreet(&self.type_name, told);
        let error = i32::from(wire::diagnostic::Severity::Error);
        let errors = told.iter().filter(|one| one.severity == error).count();
        tracing::debug!(
            tf_rpc = self.rpc,
            tf_resource_type = self.type_name,
            tf_req_duration_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            diagnostic_error_count = errors,
            diagnostic_warning_count = told.len() - errors,
            "call answered"
        );
    }

    /// Nobody takes the answer: the host has gone away.
    pub(super) fn unheard(&self) {
        tracing::warn!(tf_rpc = self.rpc, tf_resource_type = self.type_name, "nobody waited for the answer");
    }
}
