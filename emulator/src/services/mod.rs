//! The shelf of services: one file each with its paths, words, units, times and codes; `common` is what they share.

use crate::service::Service;
use crate::wire::{Ask, Refusal};

mod common;
mod ddm;
mod dds;
mod gaussdb;
mod geminidb;
pub(crate) mod iam;
mod rds;
mod restoring;
mod taurusdb;

use common::Sample;
pub(crate) use common::{Desk, Outcome, Route};

impl Service {
    /// What the service does with a request, or nothing if it has no such API.
    pub(crate) fn route(self, ask: &Ask) -> Option<Route> {
        match self {
            Self::Dds => dds::route(ask),
            Self::Geminidb => geminidb::route(ask),
            Self::Taurusdb => taurusdb::route(ask),
            Self::Rds => rds::route(ask),
            Self::Gaussdb => gaussdb::route(ask),
            Self::Ddm => ddm::route(ask),
        }
        .or_else(|| restoring::route(self, ask))
    }

    /// Instances there from the start; the first one supports every operation of the service.
    pub(crate) fn samples(self) -> &'static [Sample] {
        match self {
            Self::Dds => dds::SAMPLES,
            Self::Geminidb => geminidb::SAMPLES,
            Self::Taurusdb => taurusdb::SAMPLES,
            Self::Rds => rds::SAMPLES,
            Self::Gaussdb => gaussdb::SAMPLES,
            Self::Ddm => ddm::SAMPLES,
        }
    }

    /// Engine, version and mode of an instance; an engine the service does not have gives nothing.
    pub(crate) fn engine(self, engine: &str) -> Option<(&'static str, &'static str, &'static str)> {
        let engines = match self {
            Self::Dds => dds::ENGINES,
            Self::Geminidb => geminidb::ENGINES,
            Self::Taurusdb => taurusdb::ENGINES,
            Self::Rds => rds::ENGINES,
            Self::Gaussdb => gaussdb::ENGINES,
            Self::Ddm => ddm::ENGINES,
        };
        engines.iter().copied().find(|(name, ..)| engine.is_empty() || name.eq_ignore_ascii_case(engine))
    }

    /// Refuses a token or key that does not belong to the project in the path.
    pub(crate) fn foreign_project(self) -> Refusal {
        match self {
            Self::Dds | Self::Geminidb => Refusal::service(400, "DBS.200010"),
            _ => Refusal::service(403, "DBS.200010"),
        }
    }

    /// Refuses a token that the gateway let through.
    pub(crate) fn invalid_token(self) -> Refusal {
        Refusal::service(if self == Self::Dds { 401 } else { 403 }, "DBS.280056")
    }
}
