//! Terraform's plugin protocol 6: process, handshake, values, schemas and the rules of an object's life.
//!
//! This floor knows nothing of backups or clouds. A provider implements [`Provider`], [`Resource`] and
//! [`DataSource`], and what only newer hosts know: [`Action`], [`ListResource`], [`EphemeralResource`], [`Function`];
//! [`serve()`] does the rest.

mod action;
mod attr;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;
mod catalogue;
mod codec;
mod diagnostics;
mod ephemeral;
mod erased;
mod function;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod gate;
mod handshake;
mod host;
mod identity;
mod lifecycle;
mod list;
mod listen;
mod log;
#[cfg(test)]
mod messages;
mod model;
mod mtls;
mod plain;
mod proto;
mod provider;
mod resource;
mod rework;
mod rpc;
mod schema;
mod serve;
mod stop;
mod timeouts;
mod value;

pub use action::{Action, Run, Teller};
pub use attr::Attr;
pub use catalogue::Catalogue;
pub use diagnostics::{Diagnostic, Diagnostics, Path, Severity, Step};
pub use ephemeral::{EphemeralResource, Lease};
pub use function::{Function, FunctionError, Parameter, Signature};
pub use identity::{Identity, IdentityAttribute};
pub use list::{Findings, ListResource};
pub use model::{Field, Mismatch, Model, model};
#[doc(hidden)]
pub use model::{Form, Members};
pub use provider::{Provider, faults};
pub use resource::{DataSource, Life, Planning, Private, Resource, Source};
pub use schema::{Attribute, Block, Check, Mode, NestedBlock, Nesting, Schema, Shape};
pub use serve::{Attached, attach, debug, serve};
pub use timeouts::{Timeouts, check as check_duration, parse as parse_duration};
pub use value::{Number, Stored, Type, Value};
