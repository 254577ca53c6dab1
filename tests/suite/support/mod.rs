//! What the tests have in common.

pub(crate) mod checked;
pub(crate) mod cli;
pub(crate) mod core;
pub(crate) mod hcl;
pub(crate) mod host;
pub(crate) mod judge;
pub(crate) mod matrix;
pub(crate) mod names;
pub(crate) mod proto;
pub(crate) mod run;
pub(crate) mod shelf;
pub(crate) mod started;
pub(crate) mod value;
