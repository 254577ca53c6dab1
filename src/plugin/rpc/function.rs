//! Functions.

use super::procedure::{Answered, Procedure};
use super::session::Session;
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

/// Functions tell a sentence instead of diagnostics.
impl Answered for wire::call_function::Response {
    fn diagnostics(&mut self) -> &mut [wire::Diagnostic] {
        &mut []
    }

    fn refuse(&mut self, errors: Diagnostics) {
        let text = errors.iter().map(|one| one.detail.as_str()).collect::<Vec<_>>().join("\n");
        self.error = Some(FunctionError::new(text).into_wire());
    }
}

impl<P: Provider> Procedure<P> for wire::call_function::Request {
    type Response = wire::call_function::Response;

    async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
        let called = session.catalogue().functions.get(&self.name).map_or_else(
            || {
                let start: String = self.name.chars().take(100).collect();
                let provider = session.provider().inner.name();
                Err(FunctionError::new(format!("The provider {provider} has no function {start:?}.")))
            },
            |function| function::call(function, &self.arguments),
        );
        Ok(match called {
            Ok(result) => Self::Response { result: Some(result), error: None },
            Err(error) => Self::Response { result: None, error: Some(error.into_wire()) },
        })
    }
}
