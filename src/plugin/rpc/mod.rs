//! The provider as the protocol sees it: every call decodes, asks `lifecycle` and the implementation, and encodes.
//!
//! Whatever goes wrong is a diagnostic; the only gRPC status is `Unimplemented`, for calls that nothing here needs.
//! Every call runs in a task of its own, because the server drops a handler when the host gives up on it: an
//! operation that has begun must come to its end. Panics become errors, and what is known of the object is answered.

mod action;
mod answering;
mod coding;
mod data;
mod ephemeral;
mod function;
mod list;
mod procedure;
mod provider;
mod resource;
mod session;
mod validate;

use std::sync::Arc;

use tokio::sync::oneshot;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

#[cfg(test)]
pub(super) use action::done;
use answering::Answering;
#[cfg(test)]
pub(super) use coding::write;
#[cfg(test)]
pub(super) use list::no_identity;
use procedure::{Answered, Procedure};
use session::Session;

use super::erased::caught;
use super::proto::tfplugin6 as wire;
use super::stop::Stop;
use super::{Diagnostics, Provider};

/// The provider for one host.
pub(super) struct Rpc<P: Provider>(Arc<Session<P>>);

impl<P: Provider> Clone for Rpc<P> {
    fn clone(&self) -> Self {
        Rpc(Arc::clone(&self.0))
    }
}

type RpcResult<T> = Result<Response<T>, Status>;

impl<P: Provider> Rpc<P> {
    pub(super) fn new(provider: P, stop: Stop) -> Self {
        Rpc(Arc::new(Session::new(provider, stop)))
    }

    /// The same provider for another host: neither's configuration or stop is the other's.
    pub(super) fn for_another(&self) -> Self {
        Rpc(Arc::new(self.0.for_another()))
    }

    /// What asks this host's operations to stop.
    pub(super) fn stop(&self) -> &Stop {
        &self.0.stop
    }

    /// Answers one call in a task of its own.
    async fn answer<Q: Procedure<P>>(
        &self,
        rpc: &'static str,
        type_name: String,
        request: Q,
    ) -> RpcResult<Q::Response> {
        let call = Answering::begin(&self.0, rpc, &type_name);
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(async move {
            let mut unchanged = request.unchanged();
            let mut answer = caught(request.answer(&call.session)).await.unwrap_or_else(|errors| {
                unchanged.refuse(errors);
                unchanged
            });
            call.end(answer.diagnostics());
            if sender.send(answer).is_err() {
                call.unheard();
            }
        });
        // The task always answers, unless the whole runtime is being torn down.
        receiver.await.map(Response::new).map_err(|_| Status::unavailable("the provider is shutting down"))
    }
}

/// The calls of the protocol. To those that are named the request knows the answer; it names the type it is about in the
/// field behind the dot.
macro_rules! calls {
    ($($call:ident $(.$type_name:ident)? $name:literal,)*) => {
        $(impl Answered for wire::$call::Response {
            fn diagnostics(&mut self) -> &mut [wire::Diagnostic] {
                &mut self.diagnostics
            }

            fn refuse(&mut self, errors: Diagnostics) {
                self.diagnostics = errors.into_wire();
            }
        })*

        #[tonic::async_trait]
        impl<P: Provider> wire::provider_server::Provider for Rpc<P> {
            $(async fn $call(&self, request: Request<wire::$call::Request>) -> RpcResult<wire::$call::Response> {
                let request = request.into_inner();
                let type_name = String::new() $(+ &request.$type_name)?;
                self.answer($name, type_name, request).await
            })*

            async fn call_function(
                &self,
                request: Request<wire::call_function::Request>,
            ) -> RpcResult<wire::call_function::Response> {
                let request = request.into_inner();
                self.answer("CallFunction", request.name.clone(), request).await
            }

            async fn list_resource(
                &self,
                request: Request<wire::list_resource::Request>,
            ) -> RpcResult<BoxStream<wire::list_resource::Event>> {
                Ok(Response::new(list::answer(&self.0, request.into_inner())))
            }

            async fn invoke_action(
                &self,
                request: Request<wire::invoke_action::Request>,
            ) -> RpcResult<BoxStream<wire::invoke_action::Event>> {
                Ok(Response::new(action::answer(&self.0, request.into_inner())))
            }

            async fn stop_provider(
                &self,
                _: Request<wire::stop_provider::Request>,
            ) -> RpcResult<wire::stop_provider::Response> {
                self.0.stop.stop();
                Ok(Response::new(wire::stop_provider::Response::default()))
            }
        }
    };
}

calls! {
    get_metadata "GetMetadata",
    get_provider_schema "GetProviderSchema",
    get_resource_identity_schemas "GetResourceIdentitySchemas",
    validate_provider_config "ValidateProviderConfig",
    configure_provider "ConfigureProvider",
    validate_resource_config.type_name "ValidateResourceConfig",
    upgrade_resource_state.type_name "UpgradeResourceState",
    upgrade_resource_identity.type_name "UpgradeResourceIdentity",
    read_resource.type_name "ReadResource",
    plan_resource_change.type_name "PlanResourceChange",
    apply_resource_change.type_name "ApplyResourceChange",
    import_resource_state.type_name "ImportResourceState",
    move_resource_state.target_type_name "MoveResourceState",
    generate_resource_config.type_name "GenerateResourceConfig",
    validate_data_resource_config.type_name "ValidateDataResourceConfig",
    read_data_source.type_name "ReadDataSource",
    get_functions "GetFunctions",
    validate_ephemeral_resource_config.type_name "ValidateEphemeralResourceConfig",
    open_ephemeral_resource.type_name "OpenEphemeralResource",
    renew_ephemeral_resource.type_name "RenewEphemeralResource",
    close_ephemeral_resource.type_name "CloseEphemeralResource",
    validate_list_resource_config.type_name "ValidateListResourceConfig",
    validate_action_config.type_name "ValidateActionConfig",
    plan_action.action_type "PlanAction",
}
