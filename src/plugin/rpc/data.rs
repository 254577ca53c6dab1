//! Data sources.

use super::coding::write;
use super::procedure::Procedure;
use super::session::Session;
use crate::plugin::erased::{Ended, Start};
use crate::plugin::proto::tfplugin6 as wire;
use crate::plugin::timeouts::Limited;
use crate::plugin::{Diagnostics, Private, Provider, lifecycle};

impl<P: Provider> Procedure<P> for wire::read_data_source::Request {
    type Response = wire::read_data_source::Response;

    async fn answer(self, session: &Session<P>) -> Result<Self::Response, Diagnostics> {
        let data_source = session.find(|all| &all.data_sources, &self.type_name)?;
        let compiled = data_source.compiled();
        let (config, client) = session.used(data_source, self.config.as_ref())?;
        let timeout = compiled.timeouts().limit(Limited::Read, &config);
        let start = Start { stop: session.stop.request(), timeout, private: Private::default() };
        let Ended { result, warnings, .. } =
            data_source.read(&client, compiled.without_timeouts(config.clone()), start).await;
        let state = result.and_then(|found| lifecycle::answered(compiled, &config, found));
        match state {
            Ok(state) => Ok(Self::Response {
                state: write(&state, compiled.value_type())?,
                diagnostics: warnings.into_wire(),
                deferred: None,
            }),
            Err(errors) => Err(warnings.and(errors)),
        }
    }
}
