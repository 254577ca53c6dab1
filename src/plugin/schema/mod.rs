//! What a block may contain: one description, from which come the wire form, the value type, validation, planning
//! rules and documentation.

mod check;
mod compiled;
mod faults;
mod parts;
mod wire;

pub use check::Check;
pub(in crate::plugin) use compiled::Compiled;
pub use parts::{Attribute, Block, Mode, NestedBlock, Nesting, Schema, Shape};
