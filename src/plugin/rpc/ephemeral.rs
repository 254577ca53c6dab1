//! Ephemeral resources.

use std::time::Duration;

use super::coding::write;
use super::procedure::Procedure;
use super::session::Session;
use crate::plugin::ephemeral::Lease;
use crate::plugin::erased::Start;
use crate::plugin::proto::tfplugin6 as wire;
use crate::plugin::timeouts::Limited;
use crate::plugin::{Diagnostics, Private, Provider, lifecycle};

fn start<P: Provider>(session: &Session<P>, timeout: Duration, private: Option<&[u8]>) -> Start {
    Start { stop: session.stop.request(), timeout, private: Private::read(private.unwrap_or_default()) }
}

/// What is left of an operation: warnings, when to renew, and bytes for later operations on the same value.
fn leased(lease: Lease) -> (Diagnostics, Option<prost_types::Timestamp>, Option<Vec<u8>>) {
    let (warnings, renew_at, private) = lease.finish();
    let private = private.write(Vec::new());
    (warnings, renew_at.map(Into::into), Some(private).filter(|bytes| !bytes.is_empty()))
}

impl<P: Provider> Procedure<P> for wire::open_ephemeral_resource::Request {
    type Response = wire::open_ephemeral_resource::Response;

    async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
        let ephemeral = session.find(|all| &all.ephemeral_resources, &self.type_name)?;
        let compiled = ephemeral.compiled();
        let (config, client) = session.used(ephemeral, self.config.as_ref())?;
        let start = start(session, compiled.timeouts().limit(Limited::Read, &config), None);
        let (result, lease) = ephemeral.open(&client, compiled.without_timeouts(config.clone()), start).await;
        let (warnings, renew_at, private) = leased(lease);
        match result.and_then(|found| lifecycle::answered(compiled, &config, found)) {
            Ok(result) => Ok(Self::Response {
                diagnostics: warnings.into_wire(),
                renew_at,
                result: write(&result, compiled.value_type())?,
                private,
                deferred: None,
            }),
            Err(errors) => Err(warnings.and(errors)),
        }
    }
}

impl<P: Provider> Procedure<P> for wire::renew_ephemeral_resource::Request {
    type Response = wire::renew_ephemeral_resource::Response;

    fn unchanged(&self) -> Self::Response {
        Self::Response { private: self.private.clone(), ..Self::Response::default() }
    }

    async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
        let ephemeral = session.find(|all| &all.ephemeral_resources, &self.type_name)?;
        let client = session.client()?;
        let start = start(session, ephemeral.compiled().timeouts().read, self.private.as_deref());
        let (result, lease) = ephemeral.renew(&client, start).await;
        let (warnings, renew_at, private) = leased(lease);
        match result {
            Ok(()) => Ok(Self::Response { diagnostics: warnings.into_wire(), renew_at, private }),
            Err(errors) => Err(warnings.and(errors)),
        }
    }
}

impl<P: Provider> Procedure<P> for wire::close_ephemeral_resource::Request {
    type Response = wire::close_ephemeral_resource::Response;

    async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
        let ephemeral = session.find(|all| &all.ephemeral_resources, &self.type_name)?;
        let client = session.client()?;
        let start = start(session, ephemeral.compiled().timeouts().read, self.private.as_deref());
        let (result, lease) = ephemeral.close(&client, start).await;
        let (warnings, ..) = leased(lease);
        match result {
            Ok(()) => Ok(Self::Response { diagnostics: warnings.into_wire() }),
            Err(errors) => Err(warnings.and(errors)),
        }
    }
}
