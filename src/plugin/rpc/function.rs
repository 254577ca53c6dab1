//! Functions.

use super::procedure::Procedure;
use super::session::Session;
use crate::plugin::erased::caught;
use crate::plugin::function::{self, FunctionError};
use crate::plugin::proto::tfplugin6 as wire;
use crate::plugin::{Diagnostics, Provider};

impl<P: Provider> Procedure<P> for wire::get_functions::Request {
    type Response = wire::get_functions::Response;

    async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
        let functions = session.catalogue().functions_on_the_wire();
        Ok(Self::Response { functions, diagnostics: Vec::new() })
    }
}

pub(super) async fn answer<P: Provider>(
    session: &Session<P>,
    request: &wire::call_function::Request,
) -> wire::call_function::Response {
    let called = async {
        let Some(function) = session.catalogue().functions.get(&request.name) else {
            let start: String = request.name.chars().take(100).collect();
            let provider = session.provider().inner.name();
            return Ok(Err(FunctionError::new(format!("The provider {provider} has no function {start:?}."))));
        };
        Ok(function::call(function, &request.arguments))
    };
    let outcome = caught(called).await.unwrap_or_else(|panic| {
        let text = panic.iter().map(|one| one.detail.as_str()).collect::<Vec<_>>().join("\n");
        Err(FunctionError::new(text))
    });
    match outcome {
        Ok(result) => wire::call_function::Response { result: Some(result), error: None },
        Err(error) => wire::call_function::Response { result: None, error: Some(error.into_wire()) },
    }
}
