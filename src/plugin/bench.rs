//! What benchmarks measure and nobody else may use.

use super::codec;
use super::{Type, Value};

/// Reads a value from msgpack.
pub fn decode(bytes: &[u8], ty: &Type) -> Value {
    codec::decode(bytes, ty).expect("a benchmark's value fits its type")
}

/// Writes a value as msgpack.
pub fn encode(value: &Value, ty: &Type) -> Vec<u8> {
    codec::encode(value, ty).expect("a benchmark's value fits its type")
}
