//! What the host sent, as values, and values as what it gets.

use crate::plugin::erased::Offered;
use crate::plugin::gate::{self, some};
use crate::plugin::proto::tfplugin6 as wire;
use crate::plugin::schema::Compiled;
use crate::plugin::{Diagnostic, Diagnostics, Mismatch, Stored, Type, Value, codec};

/// What to do about what should never be seen.
const REPORT: &str =
    "This is a bug in the provider or in Terraform. Please report it, with the log that TF_LOG=DEBUG writes.";

/// What to do about a state that makes no sense.
const UNREADABLE: &str = "Nothing was changed. Use the version of the provider that wrote it, or restore the state from a \
                          backup of its file.";

/// Reads what the host sent.
pub(super) fn read(wire: Option<&wire::DynamicValue>, ty: &Type) -> Result<Value, Diagnostics> {
    codec::from_wire(wire, ty)
        .map_err(|mismatch| mismatch.explained("Terraform sent a value that does not fit the schema", REPORT).into())
}

/// Reads a configuration. An absent block is one in which nothing is set.
pub(super) fn configured(of: &dyn Offered, config: Option<&wire::DynamicValue>) -> Result<Value, Diagnostics> {
    Ok(some(read(config, of.compiled().value_type())?))
}

/// What is wrong with a configuration.
pub(super) fn validated(
    of: &dyn Offered,
    config: Option<&wire::DynamicValue>,
) -> Result<Vec<wire::Diagnostic>, Diagnostics> {
    Ok(gate::faults(of, &configured(of, config)?, true).into_wire())
}

/// Whether the host sent no object.
pub(super) fn is_nothing(wire: Option<&wire::DynamicValue>) -> bool {
    /// Null as the encoding has it.
    const NULL: &[u8] = &[0xc0];
    wire.is_none_or(|value| value.json.is_empty() && (value.msgpack.is_empty() || value.msgpack == NULL))
}

/// Writes what the host gets.
pub(in crate::plugin) fn write(value: &Value, ty: &Type) -> Result<Option<wire::DynamicValue>, Diagnostics> {
    let cannot = |mismatch: Mismatch| mismatch.explained("Provider made a value that does not fit the schema", REPORT);
    Ok(Some(codec::to_wire(value, ty).map_err(cannot)?))
}

/// The identity of an object, if it has one.
pub(super) fn identify(compiled: &Compiled, object: &Value) -> Result<Option<wire::ResourceIdentityData>, Diagnostics> {
    let Some((ty, identity)) = compiled.identity_type().zip(compiled.identity_of(object)) else { return Ok(None) };
    Ok(Some(wire::ResourceIdentityData { identity_data: write(&identity, &ty)? }))
}

/// What is stored, as members that any version may have written.
pub(super) fn stored(summary: &str, json: &[u8]) -> Result<Stored, Diagnostics> {
    const DETAIL: &str =
        "What is stored is not an object. Nothing was changed. Restore the state from a backup of its file.";
    match codec::parse(json).map_err(|error| error.explained(summary, UNREADABLE))? {
        serde_json::Value::Object(stored) => Ok(stored),
        _ => Err(Diagnostic::error(summary, DETAIL).into()),
    }
}

/// That as an object of this type, as far as it is known.
pub(super) fn recalled(summary: &str, stored: Stored, ty: &Type) -> Result<Value, Diagnostics> {
    codec::from_stored(stored, ty).map_err(|error| error.explained(summary, UNREADABLE).into())
}
