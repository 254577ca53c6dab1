//! What every reader refuses, and how it says where.

use crate::plugin::{Mismatch, Step};

/// How many values one message may hold. A null is one byte on the wire and dozens in memory.
pub(super) const MAX_VALUES: usize = 10_000_000;

pub(super) fn too_many() -> Mismatch {
    Mismatch::new(format!("there are more than {MAX_VALUES} values"))
}

pub(super) fn at(mismatch: Mismatch, index: usize) -> Mismatch {
    mismatch.within(Step::Index(i64::try_from(index).unwrap_or(i64::MAX)))
}

pub(super) fn unknown_member(name: &str) -> Mismatch {
    let start: String = name.chars().take(100).collect();
    Mismatch::new(format!("there is no argument {start:?} in the schema"))
}
