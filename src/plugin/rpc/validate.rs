//! Validations of whatever lies on a shelf. Resources have one of their own, because of write-only arguments.

use super::coding::validated;
use super::procedure::Procedure;
use super::session::Session;
use crate::plugin::proto::tfplugin6 as wire;
use crate::plugin::{Diagnostics, Provider};

macro_rules! validations {
    ($($call:ident: $shelf:ident,)*) => {
        $(impl<P: Provider> Procedure<P> for wire::$call::Request {
            type Response = wire::$call::Response;

            async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
                let of = session.find(|all| &all.$shelf, &self.type_name)?;
                Ok(Self::Response { diagnostics: validated(of, self.config.as_ref())? })
            }
        })*
    };
}

validations! {
    validate_data_resource_config: data_sources,
    validate_ephemeral_resource_config: ephemeral_resources,
    validate_list_resource_config: list_resources,
    validate_action_config: actions,
}
