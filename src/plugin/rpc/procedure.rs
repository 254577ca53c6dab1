//! One call of the protocol.

use std::future::Future;

use super::session::Session;
use crate::plugin::proto::tfplugin6 as wire;
use crate::plugin::{Diagnostics, Provider};

/// A request, which knows how it is answered.
pub(super) trait Procedure<P: Provider>: Sized + Send + 'static {
    type Response: Answered;

    /// What is answered beside the errors when it fails.
    fn unchanged(&self) -> Self::Response {
        Self::Response::default()
    }

    fn answer(self, session: &Session<P>) -> impl Future<Output = Result<Self::Response, Diagnostics>> + Send;
}

/// An answer, and what it tells a person.
pub(super) trait Answered: Default + Send + 'static {
    fn diagnostics(&mut self) -> &mut [wire::Diagnostic];

    /// Tells of the errors that kept the call from a better answer.
    fn refuse(&mut self, errors: Diagnostics);
}
