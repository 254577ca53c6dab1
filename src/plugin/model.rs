//! Typed models over untyped values.
