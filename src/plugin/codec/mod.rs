//! Values on the wire: `MessagePack` in both directions, JSON inwards.
//!
//! No value describes itself; the type that both sides derive from the schema directs every step. What arrives is
//! not trusted: depth, lengths and the number of values are bounded, and nothing is allocated on the word of a
//! length alone.

mod bounds;
mod json;
mod read;
#[cfg(test)]
pub(in crate::plugin) mod tests;
mod types;
mod write;

pub(in crate::plugin) use json::{decode_json, from_stored, parse};
pub(in crate::plugin) use read::decode;
pub(in crate::plugin) use types::type_to_json;
pub(in crate::plugin) use write::encode;

use super::proto::tfplugin6::DynamicValue;
use super::{Mismatch, Type, Value};

/// Reads what the host sent: `MessagePack` if there is any, else JSON, else null.
pub(in crate::plugin) fn from_wire(wire: Option<&DynamicValue>, ty: &Type) -> Result<Value, Mismatch> {
    match wire {
        Some(wire) if !wire.msgpack.is_empty() => decode(&wire.msgpack, ty),
        Some(wire) if !wire.json.is_empty() => decode_json(&wire.json, ty),
        _ => Ok(Value::Null),
    }
}

/// Writes an answer to the host.
pub(in crate::plugin) fn to_wire(value: &Value, ty: &Type) -> Result<DynamicValue, Mismatch> {
    Ok(DynamicValue { msgpack: encode(value, ty)?, json: Vec::new() })
}
