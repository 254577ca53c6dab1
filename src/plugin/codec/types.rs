//! Type constraints as JSON.

use serde_json::Value as Json;

use crate::plugin::{Mismatch, Type};

/// How deep a type that comes with a value may be nested.
const MAX_TYPE_DEPTH: usize = 50;

/// The type constraint as JSON text.
pub(in crate::plugin) fn type_to_json(ty: &Type) -> Vec<u8> {
    fn write(ty: &Type) -> Json {
        let pair = |kind: &str, inner: Json| Json::Array(vec![Json::from(kind), inner]);
        match ty {
            Type::String => Json::from("string"),
            Type::Number => Json::from("number"),
            Type::Bool => Json::from("bool"),
            Type::Dynamic => Json::from("dynamic"),
            Type::List(element) => pair("list", write(element)),
            Type::Set(element) => pair("set", write(element)),
            Type::Map(element) => pair("map", write(element)),
            Type::Object(members) => {
                pair("object", members.iter().map(|(name, member)| (name.clone(), write(member))).collect())
            }
            Type::Tuple(elements) => pair("tuple", Json::Array(elements.iter().map(write).collect())),
        }
    }
    write(ty).to_string().into_bytes()
}

/// Reads a type. The one that comes with a dynamic value, at depth 0, says nothing if it is itself open, and is refused.
pub(super) fn read_type(json: &Json, depth: usize) -> Result<Type, Mismatch> {
    let broken = || Mismatch::new("the type that comes with the value is not one");
    if depth > MAX_TYPE_DEPTH {
        return Err(Mismatch::new(format!("types are nested more than {MAX_TYPE_DEPTH} deep")));
    }
    let read = |json: &Json| read_type(json, depth + 1);
    match json {
        Json::String(name) => match name.as_str() {
            "string" => Ok(Type::String),
            "number" => Ok(Type::Number),
            "bool" => Ok(Type::Bool),
            "dynamic" if depth > 0 => Ok(Type::Dynamic),
            _ => Err(broken()),
        },
        Json::Array(parts) => match parts.as_slice() {
            [Json::String(kind), element] if kind == "list" => Ok(Type::list(read(element)?)),
            [Json::String(kind), element] if kind == "set" => Ok(Type::set(read(element)?)),
            [Json::String(kind), element] if kind == "map" => Ok(Type::map(read(element)?)),
            // A third part names members that may be left out in configuration; values have them all.
            [Json::String(kind), Json::Object(members), ..] if kind == "object" && parts.len() <= 3 => {
                let members = members.iter().map(|(name, member)| Ok((name.clone(), read(member)?)));
                members.collect::<Result<_, _>>().map(Type::Object)
            }
            [Json::String(kind), Json::Array(elements)] if kind == "tuple" => {
                elements.iter().map(read).collect::<Result<_, _>>().map(Type::Tuple)
            }
            _ => Err(broken()),
        },
        _ => Err(broken()),
    }
}
