//! JSON, inwards: what some hosts send, and what states are stored as.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::bounds::{MAX_VALUES, at, too_many, unknown_member};
use super::types::read_type;
use crate::plugin::{Mismatch, Number, Step, Stored, Type, Value};

/// Reads a JSON value of this type.
pub(in crate::plugin) fn decode_json(bytes: &[u8], ty: &Type) -> Result<Value, Mismatch> {
    from_json(parse(bytes)?, ty, JsonMembers::Exact)
}

/// Reads attributes from a state file, whichever version wrote them: what is missing is null, what is not known is
/// dropped, at all depths.
pub(in crate::plugin) fn from_stored(stored: Stored, ty: &Type) -> Result<Value, Mismatch> {
    from_json(Json::Object(stored), ty, JsonMembers::AsFarAsKnown)
}

/// Reads JSON text.
pub(in crate::plugin) fn parse(bytes: &[u8]) -> Result<Json, Mismatch> {
    // Counted before anything is allocated: every value but the first follows one of these. In text they count too, but
    // no honest text has so many.
    if bytes.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count() > MAX_VALUES {
        return Err(too_many());
    }
    // The parser's own message may quote the text, which may be secret; where it stopped says enough.
    serde_json::from_slice(bytes).map_err(|error| {
        Mismatch::new(format!("the JSON text is broken at line {} column {}", error.line(), error.column()))
    })
}

/// Which members an object in JSON must have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum JsonMembers {
    /// Those of the type.
    Exact,
    /// Any: missing ones are null, others are dropped.
    AsFarAsKnown,
}

/// The parser has bounded the depth already.
fn from_json(json: Json, ty: &Type, which: JsonMembers) -> Result<Value, Mismatch> {
    let json = match json {
        Json::Null => return Ok(Value::Null),
        json => json,
    };
    match (ty, json) {
        (Type::String, Json::String(text)) => Ok(Value::String(text)),
        (Type::Bool, Json::Bool(truth)) => Ok(Value::Bool(truth)),
        (Type::Number, Json::Number(number)) => match Number::parse(&number.to_string()) {
            Some(number) => Ok(Value::Number(number)),
            None => Err(Mismatch::new("a number of reasonable size is required")),
        },
        (Type::List(element) | Type::Set(element), Json::Array(elements)) => {
            let elements = elements.into_iter().enumerate();
            let elements =
                elements.map(|(index, json)| from_json(json, element, which).map_err(|error| at(error, index)));
            elements.collect::<Result<_, _>>().map(Value::List)
        }
        (Type::Tuple(types), Json::Array(elements)) if types.len() == elements.len() => {
            let elements = elements.into_iter().zip(types).enumerate();
            let elements =
                elements.map(|(index, (json, ty))| from_json(json, ty, which).map_err(|error| at(error, index)));
            elements.collect::<Result<_, _>>().map(Value::List)
        }
        (Type::Map(element), Json::Object(members)) => {
            let members = members.into_iter().map(|(key, json)| match from_json(json, element, which) {
                Ok(value) => Ok((key, value)),
                Err(error) => Err(error.within(Step::Key(key))),
            });
            members.collect::<Result<_, _>>().map(Value::Map)
        }
        (Type::Object(types), Json::Object(mut members)) => {
            let mut object = BTreeMap::new();
            for (name, ty) in types {
                let json = match (members.remove(name), which) {
                    (Some(json), _) => json,
                    (None, JsonMembers::AsFarAsKnown) => Json::Null,
                    (None, JsonMembers::Exact) => return Err(Mismatch::new(format!("{name:?} is missing"))),
                };
                let value = from_json(json, ty, which).map_err(|error| error.within(Step::Attribute(name.clone())))?;
                object.insert(name.clone(), value);
            }
            match (members.keys().next(), which) {
                (Some(name), JsonMembers::Exact) => Err(unknown_member(name)),
                _ => Ok(Value::Map(object)),
            }
        }
        (Type::Dynamic, Json::Object(mut pair)) => {
            let ty = pair.remove("type").ok_or_else(|| Mismatch::new("a value with its type is required"))?;
            let ty = read_type(&ty, 0)?;
            let value = from_json(pair.remove("value").unwrap_or_default(), &ty, which)?;
            Ok(Value::Dynamic(Box::new((ty, value))))
        }
        (ty, json) => Err(Mismatch::new(format!("a value of type {ty} is required, not {}", kind_of(&json)))),
    }
}

fn kind_of(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a bool",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}
