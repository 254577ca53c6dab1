//! What the host sends, as bytes from anywhere.

use std::path::PathBuf;

use super::handshake::{self, Address};
use super::{Type, Value, codec};

/// The types that inputs are read as; the first byte chooses.
fn types() -> Vec<Type> {
    let object = |members: &[(&str, Type)]| {
        Type::Object(members.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect())
    };
    let datastore = object(&[("type", Type::String), ("version", Type::String)]);
    vec![
        Type::String,
        Type::Number,
        Type::Bool,
        Type::Dynamic,
        Type::List(Type::String.into()),
        Type::Set(Type::Number.into()),
        Type::Map(Type::Dynamic.into()),
        Type::Tuple(vec![Type::Bool, Type::Dynamic]),
        Type::List(Type::List(Type::Map(Type::Set(Type::Bool.into()).into()).into()).into()),
        object(&[
            ("id", Type::String),
            ("name", Type::String),
            ("size_bytes", Type::Number),
            ("wait_for_completion", Type::Bool),
            ("triggers", Type::Map(Type::String.into())),
            ("datastore", datastore.clone()),
            ("databases", Type::List(datastore.into())),
        ]),
    ]
}

fn chosen(bytes: &[u8]) -> Option<(Type, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let mut types = types();
    let nth = usize::from(*first) % types.len();
    Some((types.swap_remove(nth), rest))
}

/// What was understood can be said again, and is understood the same.
fn survives(value: &Value, ty: &Type) {
    let bytes = codec::encode(value, ty).expect("what was read can be written");
    let again = codec::decode(&bytes, ty).expect("what was written can be read");
    assert_eq!(&again, value, "a value changed on the way");
}

/// A value in `MessagePack`.
pub fn msgpack(bytes: &[u8]) {
    if let Some((ty, bytes)) = chosen(bytes)
        && let Ok(value) = codec::decode(bytes, &ty)
    {
        survives(&value, &ty);
    }
}

/// A value in JSON.
pub fn json(bytes: &[u8]) {
    if let Some((ty, bytes)) = chosen(bytes)
        && let Ok(value) = codec::decode_json(bytes, &ty)
    {
        survives(&value, &ty);
    }
}

/// A resource in a state file, of whatever version.
pub fn raw_state(bytes: &[u8]) {
    let Some((ty, bytes)) = chosen(bytes) else { return };
    if let Ok(serde_json::Value::Object(stored)) = codec::parse(bytes)
        && let Ok(value) = codec::from_stored(stored, &ty)
    {
        survives(&value, &ty);
    }
}

/// The environment that a host starts us with: `NAME=value`, separated by zero bytes.
pub fn handshake(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let variables: Vec<(&str, &str)> = text.split('\0').filter_map(|pair| pair.split_once('=')).collect();
    let find = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    match handshake::agree(find) {
        Ok(terms) => {
            let line = handshake::line(&terms, &Address::Unix(PathBuf::from("/s")), terms.client_certificate.as_ref());
            assert!(!line.contains(['\n', '\r']), "the answer is one line");
            let fields = line.split('|').count();
            assert!(fields == 6 || fields == 7, "{line}");
            assert!(find("PLUGIN_CLIENT_CERT").is_none_or(|pem| pem.is_empty()) || terms.client_certificate.is_some());
        }
        Err(declined) => assert!(!declined.to_string().is_empty()),
    }
}
