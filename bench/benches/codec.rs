//! Values on the wire: a list of objects as plans carry them, 1 MB and 100 MB, against a walk through the same bytes that
//! reads every marker and keeps nothing.

use divan::{Bencher, counter::BytesCount};
use huaweidb::plugin::bench::{decode, encode};
use huaweidb::plugin::{Number, Type, Value};
use rmp::Marker;
use rmp::decode::RmpRead;

const MEGABYTES: [usize; 2] = [1, 100];

fn main() {
    divan::main();
}

fn object() -> Type {
    Type::Object(
        [
            ("id", Type::String),
            ("name", Type::String),
            ("size_bytes", Type::Number),
            ("ready", Type::Bool),
            ("triggers", Type::Map(Box::new(Type::String))),
        ]
        .map(|(name, ty)| (name.to_owned(), ty))
        .into(),
    )
}

fn sample(megabytes: usize) -> (Value, Type, Vec<u8>) {
    let text = |text: String| Value::String(text);
    let item = |nth: usize| {
        let triggers = [("release".to_owned(), text(format!("v{nth}"))), ("null".to_owned(), Value::Null)];
        Value::Map(
            [
                ("id".to_owned(), text(format!("{nth:032x}br02"))),
                ("name".to_owned(), text(format!("before-migration-{nth}"))),
                ("size_bytes".to_owned(), Value::Number(Number::Int(2_870_272 + i64::try_from(nth).unwrap_or(0)))),
                ("ready".to_owned(), Value::Bool(nth.is_multiple_of(2))),
                ("triggers".to_owned(), Value::Map(triggers.into())),
            ]
            .into(),
        )
    };
    let ty = Type::List(Box::new(object()));
    let one = encode(&Value::List(vec![item(1)]), &ty).len();
    let value = Value::List((0..megabytes * 1_000_000 / one).map(item).collect());
    let bytes = encode(&value, &ty);
    (value, ty, bytes)
}

#[divan::bench(args = MEGABYTES, sample_count = 10, sample_size = 1)]
fn decode_value(bencher: Bencher<'_, '_>, megabytes: usize) {
    let (_, ty, bytes) = sample(megabytes);
    bencher.counter(BytesCount::new(bytes.len())).bench(|| decode(&bytes, &ty));
}

#[divan::bench(args = MEGABYTES, sample_count = 10, sample_size = 1)]
fn encode_value(bencher: Bencher<'_, '_>, megabytes: usize) {
    let (value, ty, bytes) = sample(megabytes);
    bencher.counter(BytesCount::new(bytes.len())).bench(|| encode(&value, &ty));
}

#[divan::bench(args = MEGABYTES, sample_count = 10, sample_size = 1)]
fn plain_walk(bencher: Bencher<'_, '_>, megabytes: usize) {
    let (_, _, bytes) = sample(megabytes);
    bencher.counter(BytesCount::new(bytes.len())).bench(|| walk(&bytes));
}

/// Reads every marker and its payload; how many there were.
fn walk(bytes: &[u8]) -> u64 {
    let mut rest = rmp::decode::Bytes::new(bytes);
    let mut values = 0;
    while !rest.remaining_slice().is_empty() {
        values += 1;
        let marker = rmp::decode::read_marker(&mut rest).unwrap_or(Marker::Null);
        let skip = match marker {
            Marker::FixStr(length) => usize::from(length),
            Marker::Str8 => usize::from(rest.read_data_u8().unwrap_or(0)),
            Marker::Str16 | Marker::Array16 | Marker::Map16 => {
                let length = usize::from(rest.read_data_u16().unwrap_or(0));
                if marker == Marker::Str16 { length } else { 0 }
            }
            Marker::Array32 | Marker::Map32 => rest.read_data_u32().map_or(0, |_| 0),
            Marker::U8 | Marker::I8 => 1,
            Marker::U16 | Marker::I16 => 2,
            Marker::U32 | Marker::I32 | Marker::F32 => 4,
            Marker::U64 | Marker::I64 | Marker::F64 => 8,
            _ => 0,
        };
        rest = rmp::decode::Bytes::new(&rest.remaining_slice()[skip..]);
    }
    values
}
