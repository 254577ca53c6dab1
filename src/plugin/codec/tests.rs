use proptest::prelude::*;

use super::read::MAX_DEPTH;
use super::types::read_type;
use super::{decode, decode_json, encode, from_stored, from_wire, parse, type_to_json};
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
        b"\x82\xa1a\xa11\xa1b\xc0",
        &object(&[("b", Type::Bool), ("a", Type::Number)]),
        &Value::object([("a", Value::from(1)), ("b", Value::Null)]),
    );
    same(
        b"\x92\xa11\xa1x",
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
fn numbers_come_in_any_form_and_leave_as_text() {
    for (came, leaves) in [
        (&b"\x07"[..], &b"\xa17"[..]),
        (b"\xff", b"\xa2-1"),
        (b"\xcc\xff", b"\xa3255"),
        (b"\xcd\x01\x00", b"\xa3256"),
        (b"\xce\x00\x01\x00\x00", b"\xa565536"),
        (b"\xcf\x00\x00\x00\x01\x00\x00\x00\x00", b"\xaa4294967296"),
        (b"\xd0\x80", b"\xa4-128"),
        (b"\xd1\x80\x00", b"\xa6-32768"),
        (b"\xd2\x80\x00\x00\x00", b"\xab-2147483648"),
        (b"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", b"\xb4-9223372036854775808"),
        (b"\xca\x3f\x00\x00\x00", b"\xa30.5"),
        (b"\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a", b"\xa30.1"),
        (b"\xcb\x80\x00\x00\x00\x00\x00\x00\x00", b"\xa10"),
        (b"\xcb\x44\x80\xf0\xcf\x06\x4d\xd5\x92", b"\xa41e22"),
        (b"\xa17", b"\xa17"),
        (b"\xa30.1", b"\xa30.1"),
    ] {
        assert_eq!(encode(&decode(came, &Type::Number).unwrap(), &Type::Number).unwrap(), leaves, "{came:x?}");
    }
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
    let json = br#"{"value":{"a":[1,"x"],"b":2},"type":["object",{"a":["tuple",["number","string"]],"b":"number"}]}"#;
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
    let ty = object(&[("a", Type::String), ("rule", Type::list(object(&[("b", Type::Bool), ("c", Type::Number)])))]);
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
        for ty in [Type::String, Type::Number, Type::Bool, Type::list(Type::Bool), Type::map(Type::Bool), Type::Dynamic]
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
