//! Values on the wire: `MessagePack` in both directions, JSON inwards.
//!
//! No value describes itself; the type that both sides derive from the schema directs every step. What arrives is
//! not trusted: depth, lengths and the number of values are bounded, and nothing is allocated on the word of a
//! length alone.

use std::collections::BTreeMap;

use rmp::Marker;
use rmp::encode::ByteBuf;
use serde_json::Value as Json;

use super::proto::tfplugin6::DynamicValue;
use super::resource::Stored;
use super::{Mismatch, Number, Step, Type, Value};

/// How deep values may be nested.
const MAX_DEPTH: usize = 100;
/// How deep a type that comes with a value may be nested.
const MAX_TYPE_DEPTH: usize = 50;
/// How many values one message may hold. A null is one byte on the wire and dozens in memory.
const MAX_VALUES: usize = 10_000_000;

/// Extension code of an unknown value about which something is known.
const REFINED: i8 = 12;

/// Reads what the host sent: `MessagePack` if there is any, else JSON, else null.
pub(super) fn from_wire(wire: Option<&DynamicValue>, ty: &Type) -> Result<Value, Mismatch> {
    match wire {
        Some(wire) if !wire.msgpack.is_empty() => decode(&wire.msgpack, ty),
        Some(wire) if !wire.json.is_empty() => decode_json(&wire.json, ty),
        _ => Ok(Value::Null),
    }
}

/// Writes an answer to the host.
pub(super) fn to_wire(value: &Value, ty: &Type) -> Result<DynamicValue, Mismatch> {
    Ok(DynamicValue { msgpack: encode(value, ty)?, json: Vec::new() })
}

/// Reads a `MessagePack` value of this type.
pub(super) fn decode(bytes: &[u8], ty: &Type) -> Result<Value, Mismatch> {
    let mut reader = Reader { rest: bytes, values: 0 };
    let value = reader.value(ty, 0)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(Mismatch::new("the value is followed by something else")) }
}

/// Writes a `MessagePack` value of this type. Objects get exactly the members of the type, null where there is none.
pub(super) fn encode(value: &Value, ty: &Type) -> Result<Vec<u8>, Mismatch> {
    let mut writer = Writer(ByteBuf::new());
    writer.value(value, ty)?;
    Ok(writer.0.into_vec())
}

/// Reads a JSON value of this type.
pub(super) fn decode_json(bytes: &[u8], ty: &Type) -> Result<Value, Mismatch> {
    from_json(parse(bytes)?, ty, Members::Exact)
}

/// Reads attributes from a state file, whichever version wrote them: what is missing is null, what is not known is
/// dropped, at all depths.
pub(super) fn from_stored(stored: Stored, ty: &Type) -> Result<Value, Mismatch> {
    from_json(Json::Object(stored), ty, Members::AsFarAsKnown)
}

/// Reads JSON text.
pub(super) fn parse(bytes: &[u8]) -> Result<Json, Mismatch> {
    // Counted before anything is allocated: every value but the first follows one of these. In text they count too, but
    // no honest text has so many.
    if bytes.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count() > MAX_VALUES {
        return Err(Mismatch::new(format!("there are more than {MAX_VALUES} values")));
    }
    // The parser's own message may quote the text, which may be secret; where it stopped says enough.
    serde_json::from_slice(bytes).map_err(|error| {
        Mismatch::new(format!("the JSON text is broken at line {} column {}", error.line(), error.column()))
    })
}

struct Reader<'a> {
    rest: &'a [u8],
    values: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, ty: &Type, depth: usize) -> Result<Value, Mismatch> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(Mismatch::new(format!("there are more than {MAX_VALUES} values")));
        }
        if depth > MAX_DEPTH {
            return Err(Mismatch::new(format!("values are nested more than {MAX_DEPTH} deep")));
        }
        let marker = self.marker()?;
        if marker == Marker::Null {
            return Ok(Value::Null);
        }
        if let Some(length) = self.extension_length(marker)? {
            return self.unknown(length);
        }
        match ty {
            Type::String => match self.text(marker)? {
                Some(text) => Ok(Value::String(text.to_owned())),
                None => Err(wrong("a string", marker)),
            },
            Type::Number => self.number(marker),
            Type::Bool => match marker {
                Marker::True => Ok(Value::Bool(true)),
                Marker::False => Ok(Value::Bool(false)),
                _ => Err(wrong("a bool", marker)),
            },
            Type::List(element) | Type::Set(element) => {
                let count = self.array_length(marker)?.ok_or_else(|| wrong("a list", marker))?;
                let mut elements = Vec::with_capacity(count.min(1024));
                for index in 0..count {
                    elements.push(self.value(element, depth + 1).map_err(|error| at(error, index))?);
                }
                Ok(Value::List(elements))
            }
            Type::Tuple(types) => {
                let count = self.array_length(marker)?.ok_or_else(|| wrong("a tuple", marker))?;
                if count != types.len() {
                    return Err(Mismatch::new(format!("{} elements are required, not {count}", types.len())));
                }
                let elements = types
                    .iter()
                    .enumerate()
                    .map(|(index, element)| self.value(element, depth + 1).map_err(|error| at(error, index)));
                elements.collect::<Result<_, _>>().map(Value::List)
            }
            Type::Map(element) => {
                let count = self.map_length(marker)?.ok_or_else(|| wrong("a map", marker))?;
                self.members(count, |reader, key| {
                    reader.value(element, depth + 1).map_err(|error| error.within(Step::Key(key.to_owned())))
                })
            }
            Type::Object(types) => {
                let count = self.map_length(marker)?.ok_or_else(|| wrong("an object", marker))?;
                let object = self.members(count, |reader, name| {
                    let ty = types.get(name).ok_or_else(|| unknown_member(name))?;
                    reader.value(ty, depth + 1).map_err(|error| error.within(Step::Attribute(name.to_owned())))
                })?;
                every_member(&object, types)?;
                Ok(object)
            }
            Type::Dynamic => {
                if self.array_length(marker)? != Some(2) {
                    return Err(wrong("a value with its type", marker));
                }
                let marker = self.marker()?;
                let json = self.bytes(marker)?.ok_or_else(|| wrong("a type", marker))?;
                let ty = type_from_json(json)?;
                let value = self.value(&ty, depth + 1)?;
                Ok(Value::Dynamic(Box::new((ty, value))))
            }
        }
    }

    fn members(
        &mut self,
        count: usize,
        mut value: impl FnMut(&mut Self, &str) -> Result<Value, Mismatch>,
    ) -> Result<Value, Mismatch> {
        let mut members = Vec::with_capacity(count.min(1024));
        for _ in 0..count {
            let marker = self.marker()?;
            let key = self.text(marker)?.ok_or_else(|| wrong("a key", marker))?;
            members.push((key.to_owned(), value(self, key)?));
        }
        // Collecting at once builds the tree from sorted input, which is what the host sends.
        let members: BTreeMap<_, _> = members.into_iter().collect();
        if members.len() == count { Ok(Value::Map(members)) } else { Err(Mismatch::new("a key occurs twice")) }
    }

    fn number(&mut self, marker: Marker) -> Result<Value, Mismatch> {
        let number = match marker {
            Marker::FixPos(number) => Number::Int(number.into()),
            Marker::FixNeg(number) => Number::Int(number.into()),
            Marker::U8 => Number::Int(u8::from_be_bytes(self.array()?).into()),
            Marker::U16 => Number::Int(u16::from_be_bytes(self.array()?).into()),
            Marker::U32 => Number::Int(u32::from_be_bytes(self.array()?).into()),
            Marker::U64 => Number::from(u64::from_be_bytes(self.array()?)),
            Marker::I8 => Number::Int(i8::from_be_bytes(self.array()?).into()),
            Marker::I16 => Number::Int(i16::from_be_bytes(self.array()?).into()),
            Marker::I32 => Number::Int(i32::from_be_bytes(self.array()?).into()),
            Marker::I64 => Number::Int(i64::from_be_bytes(self.array()?)),
            Marker::F32 => finite(f32::from_be_bytes(self.array()?).into())?,
            Marker::F64 => finite(f64::from_be_bytes(self.array()?))?,
            _ => {
                let text = self.text(marker)?.ok_or_else(|| wrong("a number", marker))?;
                // Fractions and long integers come as text, because they must not lose digits.
                Number::parse(text).ok_or_else(|| Mismatch::new("a number is required, not other text"))?
            }
        };
        Ok(Value::Number(number))
    }

    fn unknown(&mut self, length: usize) -> Result<Value, Mismatch> {
        let [code] = self.array()?;
        let payload = self.take(length)?;
        let refined = i8::from_be_bytes([code]) == REFINED && !payload.is_empty();
        Ok(Value::Unknown(refined.then(|| payload.to_owned())))
    }

    fn extension_length(&mut self, marker: Marker) -> Result<Option<usize>, Mismatch> {
        Ok(Some(match marker {
            Marker::FixExt1 => 1,
            Marker::FixExt2 => 2,
            Marker::FixExt4 => 4,
            Marker::FixExt8 => 8,
            Marker::FixExt16 => 16,
            Marker::Ext8 => self.length::<1>()?,
            Marker::Ext16 => self.length::<2>()?,
            Marker::Ext32 => self.length::<4>()?,
            _ => return Ok(None),
        }))
    }

    fn array_length(&mut self, marker: Marker) -> Result<Option<usize>, Mismatch> {
        let count = match marker {
            Marker::FixArray(count) => count.into(),
            Marker::Array16 => self.length::<2>()?,
            Marker::Array32 => self.length::<4>()?,
            _ => return Ok(None),
        };
        self.has(count).map(Some)
    }

    fn map_length(&mut self, marker: Marker) -> Result<Option<usize>, Mismatch> {
        let count = match marker {
            Marker::FixMap(count) => count.into(),
            Marker::Map16 => self.length::<2>()?,
            Marker::Map32 => self.length::<4>()?,
            _ => return Ok(None),
        };
        self.has(count).map(Some)
    }

    /// Each element takes a byte at least, so a count beyond the rest is a lie.
    fn has(&self, count: usize) -> Result<usize, Mismatch> {
        if count <= self.rest.len() { Ok(count) } else { Err(cut_short()) }
    }

    fn text(&mut self, marker: Marker) -> Result<Option<&'a str>, Mismatch> {
        let length = match marker {
            Marker::FixStr(length) => length.into(),
            Marker::Str8 => self.length::<1>()?,
            Marker::Str16 => self.length::<2>()?,
            Marker::Str32 => self.length::<4>()?,
            _ => return Ok(None),
        };
        let text = str::from_utf8(self.take(length)?).map_err(|_| Mismatch::new("a string is not UTF-8"))?;
        Ok(Some(text))
    }

    fn bytes(&mut self, marker: Marker) -> Result<Option<&'a [u8]>, Mismatch> {
        let length = match marker {
            Marker::Bin8 => self.length::<1>()?,
            Marker::Bin16 => self.length::<2>()?,
            Marker::Bin32 => self.length::<4>()?,
            _ => return Ok(self.text(marker)?.map(str::as_bytes)),
        };
        self.take(length).map(Some)
    }

    fn marker(&mut self) -> Result<Marker, Mismatch> {
        let [byte] = self.array()?;
        Ok(Marker::from_u8(byte))
    }

    fn length<const N: usize>(&mut self) -> Result<usize, Mismatch> {
        let bytes: [u8; N] = self.array()?;
        Ok(bytes.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Mismatch> {
        let (head, rest) = self.rest.split_first_chunk().ok_or_else(cut_short)?;
        self.rest = rest;
        Ok(*head)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Mismatch> {
        let (head, rest) = self.rest.split_at_checked(length).ok_or_else(cut_short)?;
        self.rest = rest;
        Ok(head)
    }
}

fn cut_short() -> Mismatch {
    Mismatch::new("the value is cut short")
}

fn finite(number: f64) -> Result<Number, Mismatch> {
    Number::from_f64(number).ok_or_else(|| Mismatch::new("a finite number is required"))
}

fn wrong(wanted: &str, found: Marker) -> Mismatch {
    let found = match found {
        Marker::True | Marker::False => "a bool",
        Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => "a string",
        Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => "a list",
        Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => "a map",
        Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => "bytes",
        Marker::Null => "null",
        Marker::Reserved => "something that is no value",
        _ => "a number",
    };
    Mismatch::new(format!("{wanted} is required, not {found}"))
}

fn at(mismatch: Mismatch, index: usize) -> Mismatch {
    mismatch.within(Step::Index(i64::try_from(index).unwrap_or(i64::MAX)))
}

fn unknown_member(name: &str) -> Mismatch {
    let start: String = name.chars().take(100).collect();
    Mismatch::new(format!("there is no argument {start:?} in the schema"))
}

fn every_member(object: &Value, types: &BTreeMap<String, Type>) -> Result<(), Mismatch> {
    let members = object.as_map().map_or(0, BTreeMap::len);
    if members == types.len() {
        return Ok(());
    }
    let missing = types.keys().find(|name| object.as_map().is_some_and(|members| !members.contains_key(*name)));
    Err(Mismatch::new(format!("{:?} is missing", missing.map_or("", String::as_str))))
}

struct Writer(ByteBuf);

impl Writer {
    fn value(&mut self, value: &Value, ty: &Type) -> Result<(), Mismatch> {
        let misfit = || Err(Mismatch::new(format!("a value of type {ty} is required, not {}", value.kind())));
        match (ty, value) {
            (_, Value::Null) => self.write(rmp::encode::write_nil),
            (_, Value::Unknown(None)) => self.0.as_mut_vec().extend_from_slice(&[0xd4, 0, 0]),
            (_, Value::Unknown(Some(refinements))) => {
                let length = length(refinements.len())?;
                self.write(|out| rmp::encode::write_ext_meta(out, length, REFINED));
                self.0.as_mut_vec().extend_from_slice(refinements);
            }
            (Type::Dynamic, Value::Dynamic(typed)) if typed.0 == Type::Dynamic => {
                return self.value(&typed.1, &Type::Dynamic);
            }
            (Type::Dynamic, Value::Dynamic(typed)) => {
                let json = type_to_json(&typed.0);
                self.write(|out| rmp::encode::write_array_len(out, 2));
                self.write(|out| rmp::encode::write_bin(out, &json));
                return self.value(&typed.1, &typed.0);
            }
            (Type::Dynamic, plain) => {
                return self.value(&Value::Dynamic(Box::new((type_of(plain), plain.clone()))), ty);
            }
            (_, Value::Dynamic(typed)) => return self.value(&typed.1, ty),
            (Type::String, Value::String(text)) => self.write(|out| rmp::encode::write_str(out, text)),
            (Type::Bool, Value::Bool(truth)) => self.write(|out| rmp::encode::write_bool(out, *truth)),
            (Type::Number, Value::Number(number)) => self.number(number)?,
            (Type::List(element) | Type::Set(element), Value::List(elements)) => {
                let count = length(elements.len())?;
                self.write(|out| rmp::encode::write_array_len(out, count));
                for (index, value) in elements.iter().enumerate() {
                    self.value(value, element).map_err(|error| at(error, index))?;
                }
            }
            (Type::Tuple(types), Value::List(elements)) if types.len() == elements.len() => {
                let count = length(elements.len())?;
                self.write(|out| rmp::encode::write_array_len(out, count));
                for (index, (value, element)) in elements.iter().zip(types).enumerate() {
                    self.value(value, element).map_err(|error| at(error, index))?;
                }
            }
            (Type::Map(element), Value::Map(members)) => {
                let count = length(members.len())?;
                self.write(|out| rmp::encode::write_map_len(out, count));
                for (key, value) in members {
                    self.write(|out| rmp::encode::write_str(out, key));
                    self.value(value, element).map_err(|error| error.within(Step::Key(key.clone())))?;
                }
            }
            (Type::Object(types), Value::Map(members)) => {
                if let Some(name) = members.keys().find(|name| !types.contains_key(*name)) {
                    return Err(unknown_member(name));
                }
                let count = length(types.len())?;
                self.write(|out| rmp::encode::write_map_len(out, count));
                for (name, ty) in types {
                    self.write(|out| rmp::encode::write_str(out, name));
                    let value = members.get(name).unwrap_or(&Value::Null);
                    self.value(value, ty).map_err(|error| error.within(Step::Attribute(name.clone())))?;
                }
            }
            _ => return misfit(),
        }
        Ok(())
    }

    fn number(&mut self, number: &Number) -> Result<(), Mismatch> {
        if !number.is_sound() {
            return Err(Mismatch::new("a finite number is required"));
        }
        match number {
            Number::Int(number) => self.write(|out| rmp::encode::write_sint(out, *number).map(drop)),
            Number::Float(number) => self.write(|out| rmp::encode::write_f64(out, *number)),
            Number::Decimal(text) => self.write(|out| rmp::encode::write_str(out, text)),
        }
        Ok(())
    }

    fn write<T, E: std::fmt::Debug>(&mut self, piece: impl FnOnce(&mut ByteBuf) -> Result<T, E>) {
        piece(&mut self.0).expect("memory takes every byte");
    }
}

fn length(count: usize) -> Result<u32, Mismatch> {
    u32::try_from(count).map_err(|_| Mismatch::new("the value is too long to be sent"))
}

/// The type that a value without one most likely has. Nulls and unknowns inside stay open.
pub(super) fn type_of(value: &Value) -> Type {
    match value {
        Value::Null | Value::Unknown(_) | Value::Dynamic(_) => Type::Dynamic,
        Value::Bool(_) => Type::Bool,
        Value::Number(_) => Type::Number,
        Value::String(_) => Type::String,
        Value::List(elements) => Type::Tuple(elements.iter().map(type_of).collect()),
        Value::Map(members) => {
            Type::Object(members.iter().map(|(name, member)| (name.clone(), type_of(member))).collect())
        }
    }
}

/// Which members an object in JSON must have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Members {
    /// Those of the type.
    Exact,
    /// Any: missing ones are null, others are dropped.
    AsFarAsKnown,
}

/// The parser has bounded the depth already.
fn from_json(json: Json, ty: &Type, which: Members) -> Result<Value, Mismatch> {
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
                    (None, Members::AsFarAsKnown) => Json::Null,
                    (None, Members::Exact) => return Err(Mismatch::new(format!("{name:?} is missing"))),
                };
                let value = from_json(json, ty, which).map_err(|error| error.within(Step::Attribute(name.clone())))?;
                object.insert(name.clone(), value);
            }
            match (members.keys().next(), which) {
                (Some(name), Members::Exact) => Err(unknown_member(name)),
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

/// The type constraint as JSON text.
pub(super) fn type_to_json(ty: &Type) -> Vec<u8> {
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

/// Reads the type that comes with a dynamic value. A type that is itself open says nothing and is refused.
fn type_from_json(json: &[u8]) -> Result<Type, Mismatch> {
    read_type(&parse(json)?, 0)
}

fn read_type(json: &Json, depth: usize) -> Result<Type, Mismatch> {
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

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::{MAX_DEPTH, decode, decode_json, encode, from_stored, from_wire, parse, read_type, type_to_json};
    use crate::plugin::proto::tfplugin6::DynamicValue;
    use crate::plugin::{Number, Type, Value};

    fn object(members: &[(&str, Type)]) -> Type {
        Type::Object(members.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect())
    }

    fn decimal(text: &str) -> Value {
        Value::Number(Number::parse(text).unwrap())
    }

    /// Bytes in, value, the same bytes out.
    #[track_caller]
    fn same(bytes: &[u8], ty: &Type, value: &Value) {
        assert_eq!(&decode(bytes, ty).unwrap(), value);
        assert_eq!(encode(value, ty).unwrap(), bytes);
    }

    #[test]
    fn plain_values_have_their_known_bytes() {
        same(b"\xc0", &Type::String, &Value::Null);
        same(b"\xa2hi", &Type::String, &Value::from("hi"));
        same(b"\xc3", &Type::Bool, &Value::from(true));
        same(b"\x90", &Type::list(Type::Bool), &Value::List(vec![]));
        same(b"\x80", &Type::map(Type::Bool), &Value::object([("", Value::Null); 0]));
        same(
            b"\x82\xa1a\x01\xa1b\xc0",
            &object(&[("b", Type::Bool), ("a", Type::Number)]),
            &Value::object([("a", Value::from(1)), ("b", Value::Null)]),
        );
        same(
            b"\x92\x01\xa1x",
            &Type::Tuple(vec![Type::Number, Type::String]),
            &Value::List(vec![Value::from(1), Value::from("x")]),
        );
    }

    #[test]
    fn unknown_comes_in_many_codes_and_keeps_its_refinements() {
        same(b"\xd4\x00\x00", &Type::String, &Value::UNKNOWN);
        same(
            b"\xc7\x09\x0c\x82\x01\xc2\x02\xa4pre-",
            &Type::String,
            &Value::Unknown(Some(b"\x82\x01\xc2\x02\xa4pre-".to_vec())),
        );
        for foreign in
            [&b"\xd4\x07\x01"[..], b"\xd5\x00\x00\x00", b"\xc7\x00\x00", b"\xc8\x00\x01\x63\x00", b"\xc7\x00\x0c"]
        {
            assert_eq!(decode(foreign, &Type::Number).unwrap(), Value::UNKNOWN, "{foreign:x?}");
        }
        let ty = Type::list(object(&[("a", Type::Bool)]));
        same(
            b"\x92\xd4\x00\x00\x81\xa1a\xd4\x00\x00",
            &ty,
            &Value::List(vec![Value::UNKNOWN, Value::object([("a", Value::UNKNOWN)])]),
        );
    }

    #[test]
    fn numbers_keep_every_digit() {
        let long = "123456789012345678901234567890";
        for value in [
            Value::from(0),
            Value::from(-1),
            Value::from(i64::MIN),
            Value::from(i64::MAX),
            decimal("18446744073709551616"),
            decimal("1e100"),
            decimal("0.1"),
            decimal(long),
            Value::Number(Number::Float(0.5)),
        ] {
            let back = decode(&encode(&value, &Type::Number).unwrap(), &Type::Number).unwrap();
            assert_eq!(back.as_number().unwrap().to_string(), value.as_number().unwrap().to_string());
        }
        assert_eq!(
            decode(b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", &Type::Number).unwrap(),
            decimal("18446744073709551615")
        );
        assert_eq!(decode(b"\xca\x3f\x00\x00\x00", &Type::Number).unwrap(), decimal("0.5"));
        assert_eq!(
            decode_json(b"0.10000000000000000000000000000000000001", &Type::Number)
                .unwrap()
                .as_number()
                .unwrap()
                .to_string(),
            "0.10000000000000000000000000000000000001"
        );
        assert!(decode(b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", &Type::Number).is_err(), "not a number");
        assert!(decode(b"\xa3abc", &Type::Number).is_err());
    }

    #[test]
    fn dynamic_values_carry_their_type() {
        let typed = |ty, value| Value::Dynamic(Box::new((ty, value)));
        same(b"\x92\xc4\x08\"string\"\xa1x", &Type::Dynamic, &typed(Type::String, Value::from("x")));
        same(b"\x92\xc4\x08\"string\"\xd4\x00\x00", &Type::Dynamic, &typed(Type::String, Value::UNKNOWN));
        same(b"\x92\xc4\x08\"string\"\xc0", &Type::Dynamic, &typed(Type::String, Value::Null));
        same(b"\xd4\x00\x00", &Type::Dynamic, &Value::UNKNOWN);
        same(b"\xc0", &Type::Dynamic, &Value::Null);
        assert!(decode(b"\x92\xc4\x09\"dynamic\"\xc0", &Type::Dynamic).is_err(), "an open type says nothing");
        let json =
            br#"{"value":{"a":[1,"x"],"b":2},"type":["object",{"a":["tuple",["number","string"]],"b":"number"}]}"#;
        let value = decode_json(json, &Type::Dynamic).unwrap();
        assert_eq!(value.get("a").at(1), &Value::from("x"));
        same(&encode(&value, &Type::Dynamic).unwrap(), &Type::Dynamic, &value);
        // A value that came without a type gets the likely one.
        let plain = Value::object([("a", Value::List(vec![Value::from(1), Value::Null]))]);
        let guessed = decode(&encode(&plain, &Type::Dynamic).unwrap(), &Type::Dynamic).unwrap();
        assert_eq!(guessed.bare(), &plain);
    }

    #[test]
    fn an_absent_value_is_null_and_message_pack_comes_first() {
        let wire = |msgpack: &[u8], json: &[u8]| DynamicValue { msgpack: msgpack.to_vec(), json: json.to_vec() };
        assert_eq!(from_wire(None, &Type::Bool).unwrap(), Value::Null);
        assert_eq!(from_wire(Some(&wire(b"", b"")), &Type::Bool).unwrap(), Value::Null);
        assert_eq!(from_wire(Some(&wire(b"", b"true")), &Type::Bool).unwrap(), Value::from(true));
        assert_eq!(from_wire(Some(&wire(b"\xc2", b"true")), &Type::Bool).unwrap(), Value::from(false));
    }

    #[test]
    fn errors_name_the_path() {
        let ty = object(&[("rule", Type::list(object(&[("ports", Type::map(Type::Number))])))]);
        for (bytes, message) in [
            (
                &b"\x81\xa4rule\x91\x81\xa5ports\x81\xa3web\xc3"[..],
                r#"rule[0].ports["web"]: a number is required, not a bool"#,
            ),
            (b"\x81\xa4rule\x91\x81\xa5other\xc0", r#"rule[0]: there is no argument "other" in the schema"#),
            (b"\x81\xa4rule\x91\x80", r#"rule[0]: "ports" is missing"#),
            (b"\x81\xa4rule\xa1x", "rule: a list is required, not a string"),
            (b"\x81\xa4rule\x92\xc0", "rule: the value is cut short"),
            (b"\x81\xa4rule\xc0\xc0", "the value is followed by something else"),
            (b"\x82\xa4rule\xc0\xa4rule\xc0", "a key occurs twice"),
        ] {
            assert_eq!(decode(bytes, &ty).unwrap_err().to_string(), message);
        }
        let wrong = Value::object([("rule", Value::List(vec![Value::object([("ports", Value::from(1))])]))]);
        assert_eq!(
            encode(&wrong, &ty).unwrap_err().to_string(),
            "rule[0].ports: a value of type map(number) is required, not a number"
        );
    }

    #[test]
    fn stored_state_is_read_as_far_as_it_is_known() {
        let ty =
            object(&[("a", Type::String), ("rule", Type::list(object(&[("b", Type::Bool), ("c", Type::Number)])))]);
        let stored = |text: &str| match parse(text.as_bytes()).unwrap() {
            serde_json::Value::Object(stored) => stored,
            other => panic!("{other}"),
        };
        let value = from_stored(stored(r#"{"gone":1,"rule":[{"b":true,"old":{"x":[]}}]}"#), &ty).unwrap();
        let rule = Value::object([("b", Value::from(true)), ("c", Value::Null)]);
        assert_eq!(value, Value::object([("a", Value::Null), ("rule", Value::List(vec![rule]))]));
        let error = from_stored(stored(r#"{"rule":[{"c":"x"}]}"#), &ty).unwrap_err();
        assert_eq!(error.to_string(), "rule[0].c: a value of type number is required, not a string");
        assert!(decode_json(br#"{"gone":1,"a":"","rule":[]}"#, &ty).is_err(), "a request is read exactly");
    }

    #[test]
    fn hostile_lengths_and_depths_are_refused_cheaply() {
        for bytes in [
            &b"\xdd\xff\xff\xff\xff"[..],
            b"\xdc\xff\xff\x01",
            b"\xdb\xff\xff\xff\xff",
            b"\xc9\xff\xff\xff\xff\x0c",
            b"\xc1",
            b"",
            b"\xd9",
            b"\xdf\xff\xff\xff\xff\xa1a",
        ] {
            for ty in
                [Type::String, Type::Number, Type::Bool, Type::list(Type::Bool), Type::map(Type::Bool), Type::Dynamic]
            {
                assert!(decode(bytes, &ty).is_err(), "{bytes:x?} as {ty}");
            }
        }
        // A list of a dynamic value of a list of a dynamic value, and so on.
        let mut deep = Vec::new();
        for _ in 0..100_000 {
            deep.extend_from_slice(b"\x92\xc4\x12[\"list\",\"dynamic\"]\x91");
        }
        let error = decode(&deep, &Type::Dynamic).unwrap_err();
        assert!(error.message.contains("deep"), "{error}");
        assert!(error.path.0.len() <= MAX_DEPTH);
        let deep_type = format!("{}\"string\"{}", "[\"list\",".repeat(10_000), "]".repeat(10_000));
        assert!(parse(deep_type.as_bytes()).is_err());
        let deep_type = format!("{}\"string\"{}", "[\"list\",".repeat(60), "]".repeat(60));
        assert!(read_type(&parse(deep_type.as_bytes()).unwrap(), 0).is_err());
    }

    #[test]
    fn too_many_values_are_refused() {
        let mut bytes = vec![0xdd];
        bytes.extend_from_slice(&11_000_000_u32.to_be_bytes());
        bytes.resize(bytes.len() + 11_000_000, 0xc0);
        assert!(decode(&bytes, &Type::list(Type::Bool)).unwrap_err().message.contains("more than"));
    }

    fn any_type() -> impl Strategy<Value = Type> {
        let leaf = prop_oneof![Just(Type::String), Just(Type::Number), Just(Type::Bool), Just(Type::Dynamic)];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                inner.clone().prop_map(Type::list),
                inner.clone().prop_map(Type::set),
                inner.clone().prop_map(Type::map),
                prop::collection::btree_map("[a-z]{1,4}", inner.clone(), 0..4).prop_map(Type::Object),
                prop::collection::vec(inner, 0..4).prop_map(Type::Tuple),
            ]
        })
    }

    fn any_number() -> impl Strategy<Value = Number> {
        prop_oneof![
            any::<i64>().prop_map(Number::Int),
            any::<f64>().prop_filter_map("finite", Number::from_f64),
            "-?[0-9]{20,40}(\\.[0-9]{1,30})?".prop_filter_map("a number", |text| Number::parse(&text)),
        ]
    }

    /// Any value of this type, null and unknown included, at every depth.
    pub(in crate::plugin) fn any_value(ty: Type) -> BoxedStrategy<Value> {
        let known = match ty {
            Type::String => any::<String>().prop_map(Value::String).boxed(),
            Type::Number => any_number().prop_map(Value::Number).boxed(),
            Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
            Type::List(element) | Type::Set(element) => {
                prop::collection::vec(any_value(*element), 0..4).prop_map(Value::List).boxed()
            }
            Type::Map(element) => {
                prop::collection::btree_map(any::<String>(), any_value(*element), 0..4).prop_map(Value::Map).boxed()
            }
            Type::Object(members) => members
                .into_iter()
                .fold(Just(Vec::new()).boxed(), |members, (name, ty)| {
                    (members, any_value(ty))
                        .prop_map(move |(mut members, value)| {
                            members.push((name.clone(), value));
                            members
                        })
                        .boxed()
                })
                .prop_map(Value::object)
                .boxed(),
            Type::Tuple(elements) => elements
                .into_iter()
                .fold(Just(Vec::new()).boxed(), |elements, ty| {
                    (elements, any_value(ty))
                        .prop_map(|(mut elements, value)| {
                            elements.push(value);
                            elements
                        })
                        .boxed()
                })
                .prop_map(Value::List)
                .boxed(),
            Type::Dynamic => prop_oneof![
                any_value(Type::String).prop_map(|value| Value::Dynamic(Box::new((Type::String, value)))),
                any_value(Type::list(Type::Number))
                    .prop_map(|value| Value::Dynamic(Box::new((Type::list(Type::Number), value)))),
            ]
            .boxed(),
        };
        prop_oneof![
            1 => Just(Value::Null),
            1 => Just(Value::UNKNOWN),
            1 => prop::collection::vec(any::<u8>(), 1..40).prop_map(|bytes| Value::Unknown(Some(bytes))),
            9 => known,
        ]
        .boxed()
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_the_same(
            (ty, value) in any_type().prop_flat_map(|ty| (Just(ty.clone()), any_value(ty)))
        ) {
            let bytes = encode(&value, &ty).unwrap();
            let back = decode(&bytes, &ty).unwrap();
            prop_assert_eq!(&back, &value);
            prop_assert_eq!(encode(&back, &ty).unwrap(), bytes);
        }

        #[test]
        fn types_survive_json(ty in any_type().prop_filter("concrete", |ty| *ty != Type::Dynamic)) {
            let json = type_to_json(&ty);
            prop_assert_eq!(read_type(&parse(&json).unwrap(), 0).unwrap(), ty);
        }

        #[test]
        fn any_bytes_are_refused_or_read_but_never_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200), ty in any_type()
        ) {
            if let Ok(value) = decode(&bytes, &ty) {
                let again = encode(&value, &ty).unwrap();
                prop_assert_eq!(decode(&again, &ty).unwrap(), value);
            }
            drop(decode_json(&bytes, &ty));
        }
    }
}
