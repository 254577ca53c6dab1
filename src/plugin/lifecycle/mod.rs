//! The rules of an object's life, from the schema alone: what a configuration must satisfy, what a plan says, and
//! what an operation's result becomes in the state; and the operations that follow them (`operate`).
//!
//! The rules are pure: nothing in them waits, asks anybody or looks at a clock. They are those that Terraform checks
//! after every answer, so a resource that leaves everything to them cannot be called inconsistent.

mod operate;
mod plan;
mod shape;
mod state;
#[cfg(test)]
mod tests;
mod validate;

pub(in crate::plugin) use operate::{Applied, apply, plan, read};
#[cfg(test)]
pub(in crate::plugin) use shape::unexpected;
pub(in crate::plugin) use state::{answered, configurable, configured, imported, moved, restored};
pub(in crate::plugin) use validate::validate;
