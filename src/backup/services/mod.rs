//! The shelf: one file per database service. Pure translation; nothing here performs IO, waits or logs.

mod dds;
#[cfg(test)]
mod proofs;
mod wire;

use super::Service;

/// Every service the provider knows, in the order the documentation lists them.
pub static ALL: &[&dyn Service] = &[&dds::Dds];

/// The service of that key, such as `dds`.
pub fn named(key: &str) -> Option<&'static dyn Service> {
    ALL.iter().copied().find(|service| service.facts().key() == key)
}
