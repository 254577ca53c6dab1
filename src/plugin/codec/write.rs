//! `MessagePack`, outwards.

use rmp::encode::ByteBuf;

use super::bounds::{at, unknown_member};
use super::read::REFINED;
use super::types::type_to_json;
use crate::plugin::{Mismatch, Number, Step, Type, Value};

/// Writes a `MessagePack` value of this type. Objects get exactly the members of the type, null where there is none.
pub(in crate::plugin) fn encode(value: &Value, ty: &Type) -> Result<Vec<u8>, Mismatch> {
    let mut writer = Writer(ByteBuf::new());
    writer.value(value, ty)?;
    Ok(writer.0.into_vec())
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
        // Always as text. A host reads that as precisely as the numbers of its state file, an integer with 64 bits only, and
        // Terraform 1.11 to 1.14 take the same number with other bits for drift.
        let text = number.to_string();
        self.write(|out| rmp::encode::write_str(out, &text));
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
fn type_of(value: &Value) -> Type {
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
