//! `MessagePack`, inwards.

use std::collections::BTreeMap;

use rmp::Marker;

use super::bounds::{MAX_VALUES, at, too_many, unknown_member};
use super::json::parse;
use super::types::read_type;
use crate::plugin::{Mismatch, Number, Step, Type, Value};

/// How deep values may be nested.
pub(super) const MAX_DEPTH: usize = 100;

/// Extension code of an unknown value about which something is known.
pub(super) const REFINED: i8 = 12;

/// Reads a `MessagePack` value of this type.
pub(in crate::plugin) fn decode(bytes: &[u8], ty: &Type) -> Result<Value, Mismatch> {
    let mut reader = Reader { rest: bytes, values: 0 };
    let value = reader.value(ty, 0)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(Mismatch::new("the value is followed by something else")) }
}

struct Reader<'a> {
    rest: &'a [u8],
    values: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, ty: &Type, depth: usize) -> Result<Value, Mismatch> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(too_many());
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
                let ty = read_type(&parse(json)?, 0)?;
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

fn every_member(object: &Value, types: &BTreeMap<String, Type>) -> Result<(), Mismatch> {
    let members = object.as_map().map_or(0, BTreeMap::len);
    if members == types.len() {
        return Ok(());
    }
    let missing = types.keys().find(|name| object.as_map().is_some_and(|members| !members.contains_key(*name)));
    Err(Mismatch::new(format!("{:?} is missing", missing.map_or("", String::as_str))))
}
