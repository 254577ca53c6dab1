//! Values on the wire, for tests: written and read as JSON, with a word for what is unknown.
//!
//! An encoder and decoder of their own, so that the provider's cannot agree with itself.

use rmp::Marker;
use rmp::decode::{RmpRead, read_marker};
use rmp::encode;
use serde_json::{Map, Number, Value};

use super::proto::tfplugin6::DynamicValue;

/// Stands for an unknown value.
pub(crate) const UNKNOWN: &str = "<unknown>";

/// A value in the form that Terraform sends.
#[expect(clippy::unnecessary_wraps, reason = "the form of a request's field")]
pub(crate) fn wire(value: &Value) -> Option<DynamicValue> {
    let mut msgpack = Vec::new();
    write(&mut msgpack, value);
    Some(DynamicValue { msgpack, json: Vec::new() })
}

/// What came back. Absent and empty mean null.
#[track_caller]
pub(crate) fn unwired(value: Option<&DynamicValue>) -> Value {
    let bytes = value.map_or(&[][..], |value| &value.msgpack);
    if bytes.is_empty() {
        assert!(value.is_none_or(|value| value.json.is_empty()), "answers are in MessagePack");
        return Value::Null;
    }
    let mut rest = bytes;
    let value = read(&mut rest);
    assert!(rest.is_empty(), "{} bytes too many", rest.len());
    value
}

fn write(out: &mut Vec<u8>, value: &Value) {
    const WHY: &str = "a vector takes everything";
    let length = |length: usize| u32::try_from(length).expect("small tests");
    match value {
        Value::Null => encode::write_nil(out).expect(WHY),
        Value::Bool(on) => encode::write_bool(out, *on).expect(WHY),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => _ = encode::write_sint(out, whole).expect(WHY),
            (None, Some(float)) if Number::from_f64(float).as_ref() == Some(number) => {
                encode::write_f64(out, float).expect(WHY);
            }
            // No digit is lost.
            _ => encode::write_str(out, &number.to_string()).expect(WHY),
        },
        Value::String(text) if text == UNKNOWN => out.extend([0xd4, 0, 0]),
        Value::String(text) => encode::write_str(out, text).expect(WHY),
        Value::Array(elements) => {
            encode::write_array_len(out, length(elements.len())).expect(WHY);
            for element in elements {
                write(out, element);
            }
        }
        Value::Object(members) => {
            encode::write_map_len(out, length(members.len())).expect(WHY);
            for (name, member) in members {
                encode::write_str(out, name).expect(WHY);
                write(out, member);
            }
        }
    }
}

fn read(from: &mut &[u8]) -> Value {
    const WHY: &str = "a whole value";
    let marker = read_marker(from).expect(WHY);
    match marker {
        Marker::Null => Value::Null,
        Marker::False => false.into(),
        Marker::True => true.into(),
        Marker::FixPos(small) => small.into(),
        Marker::FixNeg(small) => small.into(),
        Marker::U8 => from.read_data_u8().expect(WHY).into(),
        Marker::U16 => from.read_data_u16().expect(WHY).into(),
        Marker::U32 => from.read_data_u32().expect(WHY).into(),
        Marker::U64 => from.read_data_u64().expect(WHY).into(),
        Marker::I8 => from.read_data_i8().expect(WHY).into(),
        Marker::I16 => from.read_data_i16().expect(WHY).into(),
        Marker::I32 => from.read_data_i32().expect(WHY).into(),
        Marker::I64 => from.read_data_i64().expect(WHY).into(),
        Marker::F32 => Number::from_f64(from.read_data_f32().expect(WHY).into()).expect("finite").into(),
        Marker::F64 => Number::from_f64(from.read_data_f64().expect(WHY)).expect("finite").into(),
        // Bytes are a type constraint, which is JSON.
        Marker::FixStr(_)
        | Marker::Str8
        | Marker::Str16
        | Marker::Str32
        | Marker::Bin8
        | Marker::Bin16
        | Marker::Bin32 => {
            let length = length(marker, from);
            String::from_utf8(take(from, length).to_vec()).expect("text").into()
        }
        Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => {
            // A length that is only claimed gets no memory.
            let mut elements = Vec::new();
            for _ in 0..length(marker, from) {
                elements.push(read(from));
            }
            Value::Array(elements)
        }
        Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => {
            let mut members = Map::new();
            for _ in 0..length(marker, from) {
                let Value::String(name) = read(from) else { panic!("names are text") };
                let value = read(from);
                assert!(members.insert(name.clone(), value).is_none(), "{name} is there twice");
            }
            Value::Object(members)
        }
        Marker::FixExt1
        | Marker::FixExt2
        | Marker::FixExt4
        | Marker::FixExt8
        | Marker::FixExt16
        | Marker::Ext8
        | Marker::Ext16
        | Marker::Ext32 => {
            // One byte of code, then the bytes that were counted.
            let length = length(marker, from);
            take(from, 1 + length);
            UNKNOWN.into()
        }
        Marker::Reserved => panic!("no such marker"),
    }
}

fn length(marker: Marker, from: &mut &[u8]) -> usize {
    const WHY: &str = "a length";
    match marker {
        Marker::FixStr(length) | Marker::FixArray(length) | Marker::FixMap(length) => length.into(),
        Marker::Str8 | Marker::Bin8 | Marker::Ext8 => from.read_data_u8().expect(WHY).into(),
        Marker::Str16 | Marker::Bin16 | Marker::Ext16 | Marker::Array16 | Marker::Map16 => {
            from.read_data_u16().expect(WHY).into()
        }
        Marker::Str32 | Marker::Bin32 | Marker::Ext32 | Marker::Array32 | Marker::Map32 => {
            from.read_data_u32().expect(WHY) as usize
        }
        Marker::FixExt1 => 1,
        Marker::FixExt2 => 2,
        Marker::FixExt4 => 4,
        Marker::FixExt8 => 8,
        Marker::FixExt16 => 16,
        other => panic!("{other:?} has no length"),
    }
}

fn take<'a>(from: &mut &'a [u8], length: usize) -> &'a [u8] {
    from.split_off(..length).expect("as long as it says")
}
