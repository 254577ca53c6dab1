//! Terraform's plugin protocol 6: process, handshake, values, schemas and the rules of an object's life.
//!
//! This floor knows nothing of backups or clouds. A provider implements [`Provider`], [`Resource`] and
//! [`DataSource`]; [`serve`] does the rest.

mod attr;
mod codec;
mod diagnostics;
mod erased;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod handshake;
mod host;
mod lifecycle;
mod listen;
mod log;
mod model;
mod mtls;
mod proto;
mod provider;
mod resource;
mod rpc;
mod schema;
mod serve;
mod stop;
mod timeouts;
mod value;

pub use attr::Attr;
pub use diagnostics::{Diagnostic, Diagnostics, Path, Severity, Step};
#[doc(hidden)]
pub use model::Members;
pub use model::{Field, Mismatch, Model, model};
pub use provider::{Catalogue, Provider, faults};
pub use resource::{DataSource, Life, Planning, Private, Resource, Stored};
pub use schema::{Attribute, Block, Check, Mode, NestedBlock, Nesting, Schema, Shape};
pub use serve::{Attached, attach, debug, serve};
pub use timeouts::Timeouts;
pub use value::{Number, Type, Value};
