//! What the provider offers, and its own block.

use std::sync::Arc;

use super::action::hears_progress_at_once;
use super::coding::{configured, validated};
use super::procedure::Procedure;
use super::session::{Configured, Session};
use crate::plugin::erased::{Offered, typed};
use crate::plugin::proto::tfplugin6 as wire;
use crate::plugin::{Diagnostics, Provider, gate};

const CAPABILITIES: wire::ServerCapabilities = wire::ServerCapabilities {
    plan_destroy: true,
    get_provider_schema_optional: true,
    move_resource_state: true,
    generate_resource_config: true,
};

impl<P: Provider> Procedure<P> for wire::get_metadata::Request {
    type Response = wire::get_metadata::Response;

    async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
        use wire::get_metadata::{
            ActionMetadata, DataSourceMetadata, EphemeralMetadata, FunctionMetadata, ListResourceMetadata,
            ResourceMetadata, Response,
        };
        let all = session.catalogue();
        Ok(Response {
            server_capabilities: Some(CAPABILITIES),
            resources: session.all(&all.resources, |type_name, _| ResourceMetadata { type_name }),
            data_sources: session.all(&all.data_sources, |type_name, _| DataSourceMetadata { type_name }),
            functions: all.functions.iter().map(|(name, _)| FunctionMetadata { name: name.to_owned() }).collect(),
            ephemeral_resources: session.all(&all.ephemeral_resources, |type_name, _| EphemeralMetadata { type_name }),
            list_resources: session.all(&all.list_resources, |type_name, _| ListResourceMetadata { type_name }),
            actions: session.all(&all.actions, |type_name, _| ActionMetadata { type_name }),
            ..Response::default()
        })
    }
}

impl<P: Provider> Procedure<P> for wire::get_provider_schema::Request {
    type Response = wire::get_provider_schema::Response;

    async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
        let all = session.catalogue();
        Ok(Self::Response {
            provider: Some(session.provider().compiled().wire().clone()),
            resource_schemas: session.all(&all.resources, |name, one| (name, one.compiled().wire().clone())),
            data_source_schemas: session.all(&all.data_sources, |name, one| (name, one.compiled().wire().clone())),
            functions: all.functions_on_the_wire(),
            ephemeral_resource_schemas: session
                .all(&all.ephemeral_resources, |name, one| (name, one.compiled().wire().clone())),
            list_resource_schemas: session.all(&all.list_resources, |name, one| (name, one.compiled().wire().clone())),
            action_schemas: session.all(&all.actions, |name, one| {
                (name, wire::ActionSchema { schema: Some(one.compiled().wire().clone()) })
            }),
            server_capabilities: Some(CAPABILITIES),
            ..Self::Response::default()
        })
    }
}

impl<P: Provider> Procedure<P> for wire::get_resource_identity_schemas::Request {
    type Response = wire::get_resource_identity_schemas::Response;

    async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
        let identities: Vec<_> =
            session.all(&session.catalogue().resources, |name, one| Some((name, one.compiled().identity_wire()?)));
        let identity_schemas = identities.into_iter().flatten().collect();
        Ok(Self::Response { identity_schemas, ..Self::Response::default() })
    }
}

impl<P: Provider> Procedure<P> for wire::validate_provider_config::Request {
    type Response = wire::validate_provider_config::Response;

    async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
        Ok(Self::Response { diagnostics: validated(session.provider(), self.config.as_ref())? })
    }
}

impl<P: Provider> Procedure<P> for wire::configure_provider::Request {
    type Response = wire::configure_provider::Response;

    async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
        session.tell_progress_at_once(hears_progress_at_once(&self.terraform_version));
        let config = configured(session.provider(), self.config.as_ref())?;
        gate::check(session.provider(), &config)?;
        let settings = typed(config)?;
        let provider = &session.provider().inner;
        let mut diagnostics = Diagnostics::new();
        let stop = session.stop.token();
        let may_wait = provider.may_wait(&settings);
        let client = provider.configure(settings, &self.terraform_version, &stop, &mut diagnostics).await;
        session.configure(match client {
            _ if diagnostics.has_errors() && may_wait => {
                Configured::Lacking(std::mem::take(&mut diagnostics).without_paths())
            }
            _ if diagnostics.has_errors() => Configured::NotYet,
            Some(client) => Configured::With(Arc::new(client)),
            None => Configured::Unknown,
        });
        Ok(Self::Response { diagnostics: diagnostics.into_wire() })
    }
}
