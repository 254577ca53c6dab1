//! Every rule refuses something, and none of them what is right.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Answer, Event, Kind, RULES, Type, complaints};
use crate::support::proto::tfplugin6 as tf;
use crate::support::value::{UNKNOWN, unwired, wire};

fn attribute(name: &str, ty: &str, more: fn(&mut tf::schema::Attribute)) -> tf::schema::Attribute {
    let mut attribute = tf::schema::Attribute { name: name.to_owned(), r#type: ty.into(), ..Default::default() };
    more(&mut attribute);
    attribute
}

fn block() -> tf::schema::Block {
    use tf::schema::nested_block::NestingMode;
    let nested = |type_name: &str, nesting: NestingMode| tf::schema::NestedBlock {
        type_name: type_name.to_owned(),
        nesting: nesting.into(),
        block: Some(tf::schema::Block {
            attributes: vec![
                attribute("port", "\"number\"", |one| one.required = true),
                attribute("note", "\"string\"", |one| (one.optional, one.computed) = (true, true)),
            ],
            ..Default::default()
        }),
        ..Default::default()
    };
    let sizes = tf::schema::Object {
        attributes: vec![attribute("size", "\"number\"", |one| one.required = true)],
        nesting: tf::schema::object::NestingMode::Set.into(),
        ..Default::default()
    };
    tf::schema::Block {
        attributes: vec![
            attribute("id", "\"string\"", |one| one.computed = true),
            attribute("name", "\"string\"", |one| one.required = true),
            attribute("zone", "\"string\"", |one| one.optional = true),
            attribute("secret", "\"string\"", |one| (one.optional, one.write_only) = (true, true)),
            attribute("tags", "[\"set\",\"string\"]", |one| one.optional = true),
            tf::schema::Attribute {
                name: "disks".to_owned(),
                nested_type: Some(sizes),
                optional: true,
                ..Default::default()
            },
        ],
        block_types: vec![
            nested("rule", NestingMode::List),
            nested("peer", NestingMode::Set),
            nested("door", NestingMode::Map),
            nested("window", NestingMode::Single),
        ],
        ..Default::default()
    }
}

fn thing(more: &Value) -> Value {
    let mut whole = json!({
        "id": null, "name": "n", "zone": null, "secret": null, "tags": ["a", "b"], "disks": [{ "size": 1 }],
        "rule": [{ "port": 1, "note": null }], "peer": [{ "port": 2, "note": null }],
        "door": { "a": { "port": 3, "note": null } }, "window": null,
    });
    for (name, value) in more.as_object().expect("an object") {
        whole[name] = value.clone();
    }
    whole
}

fn config() -> Value {
    thing(&json!({ "secret": "s" }))
}

fn planned() -> Value {
    thing(&json!({ "id": UNKNOWN, "rule": [{ "port": 1, "note": UNKNOWN }], "peer": [{ "port": 2, "note": UNKNOWN }] }))
}

fn state() -> Value {
    thing(&json!({ "id": "i", "rule": [{ "port": 1, "note": "x" }], "peer": [{ "port": 2, "note": "y" }] }))
}

fn identity() -> Value {
    json!({ "id": "i" })
}

fn error() -> tf::Diagnostic {
    tf::Diagnostic { severity: 1, summary: "It failed".to_owned(), ..Default::default() }
}

fn found(identity: Option<&Value>, name: &str) -> tf::list_resource::Event {
    let identity = identity.map(|identity| tf::ResourceIdentityData { identity_data: wire(identity) });
    tf::list_resource::Event { identity, display_name: name.to_owned(), ..Default::default() }
}

/// What a sound provider answers.
fn sound(kind: Kind) -> Answer {
    let schema = tf::ResourceIdentitySchema {
        identity_attributes: vec![tf::resource_identity_schema::IdentityAttribute {
            name: "id".to_owned(),
            r#type: b"\"string\"".to_vec(),
            required_for_import: true,
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = Answer { block: block(), identity_schema: Some(schema), ..Answer::new(kind, "a_thing", &[]) };
    let private = b"{\"at\":\"home\"}".to_vec();
    match kind {
        Kind::Plan => Answer { config: config(), result: planned(), ..answer },
        Kind::Apply => {
            Answer { config: config(), planned: planned(), result: state(), identity: identity(), private, ..answer }
        }
        Kind::Read => Answer {
            prior: state(),
            result: state(),
            identity_before: identity(),
            identity: identity(),
            private_before: private.clone(),
            private,
            read_back: Some(state()),
            ..answer
        },
        Kind::Import => {
            Answer { imported: vec!["a_thing".to_owned()], result: state(), identity: identity(), ..answer }
        }
        Kind::Upgrade | Kind::Move => Answer { result: state(), ..answer },
        Kind::UpgradeIdentity => Answer { identity: identity(), ..answer },
        Kind::Generate => Answer { result: thing(&json!({})), ..answer },
        Kind::DataSource | Kind::Ephemeral => {
            Answer { identity_schema: None, config: thing(&json!({})), result: state(), renew_in: Some(60.0), ..answer }
        }
        Kind::Renew => Answer { opened: true, renew_in: Some(60.0), ..answer },
        Kind::Close => Answer { opened: true, ..answer },
        Kind::Invoke => Answer { events: vec![Event::Progress, Event::Completed], ..answer },
        Kind::List => Answer { listed: vec![found(Some(&identity()), "one")], limit: 1, ..answer },
        Kind::Schema => Answer { schemas: vec![("a_thing".to_owned(), block())], ..answer },
        Kind::PlanAction | Kind::Validate | Kind::Function => answer,
    }
}

/// An update in place of what there is.
fn update() -> Answer {
    Answer { prior: state(), result: state(), identity_before: identity(), identity: identity(), ..sound(Kind::Plan) }
}

#[test]
fn no_rule_refuses_what_is_right() {
    use Kind::{
        Apply, Close, DataSource, Ephemeral, Function, Generate, Import, Invoke, List, Move, Plan, PlanAction, Read,
        Renew, Schema, Upgrade, UpgradeIdentity, Validate,
    };
    let kinds = [
        Plan,
        Apply,
        Read,
        Import,
        Upgrade,
        UpgradeIdentity,
        Move,
        Generate,
        DataSource,
        Ephemeral,
        Renew,
        Close,
        PlanAction,
        Invoke,
        Function,
        List,
        Validate,
        Schema,
    ];
    for kind in kinds {
        assert_eq!(complaints(&sound(kind)), [""; 0], "{kind:?}");
    }
    assert_eq!(complaints(&update()), [""; 0]);
    // The configuration may be ignored where the state means the same, and elements of sets may come in any order.
    let config = thing(&json!({ "zone": "Z", "tags": ["b", "a"] }));
    let prior = thing(&json!({ "id": "i", "zone": "z" }));
    let result = thing(&json!({ "id": "i", "zone": "z", "tags": ["b", "a"] }));
    assert_eq!(complaints(&Answer { config, prior, result, ..update() }), [""; 0]);
    // A destroy, planned and done, and one that failed.
    let gone = Answer { config: Value::Null, result: Value::Null, ..update() };
    assert_eq!(complaints(&gone), [""; 0]);
    let gone =
        Answer { prior: state(), planned: Value::Null, result: Value::Null, private: vec![], ..sound(Kind::Apply) };
    assert_eq!(complaints(&gone), [""; 0]);
    let kept = Answer { result: state(), private: b"x".to_vec(), diagnostics: vec![error()], ..gone };
    assert_eq!(complaints(&kept), [""; 0]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn every_rule_refuses_what_breaks_it() {
    let half = json!({ "id": UNKNOWN });
    let nested = |ty: tf::schema::object::NestingMode| tf::schema::Attribute {
        name: "found".to_owned(),
        nested_type: Some(tf::schema::Object { nesting: ty.into(), ..Default::default() }),
        computed: true,
        ..Default::default()
    };
    let with = |attribute: tf::schema::Attribute| {
        let block = tf::schema::Block { attributes: vec![attribute], ..Default::default() };
        Answer { schemas: vec![("a_thing".to_owned(), block)], ..sound(Kind::Schema) }
    };
    let path = |names: &[&str]| tf::AttributePath {
        steps: names
            .iter()
            .map(|name| {
                let selector = Some(tf::attribute_path::step::Selector::AttributeName((*name).to_owned()));
                tf::attribute_path::Step { selector }
            })
            .collect(),
    };
    let apply = |result: Value| Answer { result, ..sound(Kind::Apply) };
    let plan = |result: Value| Answer { result, ..sound(Kind::Plan) };
    let read = |result: Value| Answer { result, read_back: None, ..sound(Kind::Read) };
    let invoked = |events: &[Event]| Answer { events: events.to_vec(), ..sound(Kind::Invoke) };
    let listed = |listed: Vec<tf::list_resource::Event>| Answer { listed, ..sound(Kind::List) };
    let came = |result: Value| {
        let mut answer = read(state());
        answer.take_object(&mut wire(&result));
        answer
    };
    let table: Vec<(&str, Vec<Answer>)> = vec![
        (
            "what comes back fits the schema",
            vec![
                plan(thing(&json!({ "zone": 1 }))),
                plan(json!({ "name": "n" })),
                plan(thing(&json!({ "more": 1 }))),
                apply(thing(&json!({ "id": "i", "peer": null }))),
                read(json!(UNKNOWN)),
            ],
        ),
        (
            "a number is as precise as one of the state",
            [json!({ "rule": [{ "port": 1 }] }), json!({ "disks": [{ "size": 0.5 }] })].map(came).into(),
        ),
        (
            "a plan does what is configured",
            vec![
                plan(thing(&json!({ "name": "m" }))),
                plan(thing(&json!({ "name": UNKNOWN }))),
                plan(thing(&json!({ "zone": "z" }))),
                plan(thing(&json!({ "tags": ["a"] }))),
                plan(thing(&json!({ "disks": [] }))),
                plan(thing(&json!({ "disks": UNKNOWN }))),
                plan(thing(&json!({ "rule": [] }))),
                plan(thing(&json!({ "rule": [{ "port": 2, "note": null }] }))),
                plan(thing(&json!({ "peer": UNKNOWN }))),
                plan(thing(&json!({ "door": {} }))),
                plan(thing(&json!({ "window": { "port": 1, "note": null } }))),
            ],
        ),
        ("a planned destroy plans nothing", vec![Answer { config: Value::Null, ..update() }]),
        (
            "what means a new object is there",
            vec![
                Answer { replace: vec![path(&["nowhere"])], ..update() },
                Answer { replace: vec![path(&["rule", "port"])], ..update() },
            ],
        ),
        (
            "a plan that is made again says the same",
            vec![Answer {
                first_plan: Some(thing(&json!({ "id": "chosen" }))),
                ..plan(thing(&json!({ "id": "other" })))
            }],
        ),
        (
            "a planned change can be written as JSON",
            vec![Answer { identity: half.clone(), ..sound(Kind::Plan) }, plan(json!(UNKNOWN))],
        ),
        (
            "a planned object can be written into a state file",
            vec![Answer { identity: half.clone(), ..sound(Kind::Plan) }],
        ),
        (
            "an apply does what was planned",
            vec![
                apply(thing(&json!({ "id": "i", "name": "m" }))),
                apply(thing(&json!({ "id": "i", "zone": "z" }))),
                apply(thing(&json!({ "id": "i", "tags": ["a", "c"] }))),
                apply(thing(&json!({ "id": "i", "rule": [] }))),
                apply(thing(&json!({ "id": "i", "door": { "a": { "port": 4, "note": null } } }))),
                apply(thing(&json!({ "id": "i", "peer": [{ "port": 1, "note": "x" }] }))),
                apply(thing(&json!({ "id": "i", "disks": [{ "size": 1 }, { "size": 2 }] }))),
                apply(thing(&json!({ "id": "i", "window": { "port": 1, "note": null } }))),
                apply(Value::Null),
            ],
        ),
        (
            "a destroy that succeeded leaves nothing",
            vec![Answer { prior: state(), planned: Value::Null, ..sound(Kind::Apply) }],
        ),
        ("what is stored is known", vec![apply(planned()), read(planned())]),
        (
            "what is stored is read back as it was",
            vec![Answer { read_back: Some(thing(&json!({ "id": "other" }))), ..sound(Kind::Read) }],
        ),
        (
            "write-only values never come back",
            vec![plan(config()), apply(thing(&json!({ "id": "i", "secret": "s" }))), read(config())],
        ),
        (
            "an identity fits its schema",
            vec![
                Answer { identity: json!({ "id": 1 }), ..sound(Kind::Read) },
                Answer { identity: json!({}), ..sound(Kind::Import) },
                Answer { identity_schema: None, ..sound(Kind::Apply) },
            ],
        ),
        (
            "a stored identity is known",
            vec![
                Answer { identity: half.clone(), ..sound(Kind::Apply) },
                Answer {
                    identity: half.clone(),
                    diagnostics: vec![error()],
                    result: Value::Null,
                    ..sound(Kind::Apply)
                },
                Answer { identity: half, ..sound(Kind::Import) },
            ],
        ),
        (
            "what exists has its identity",
            vec![
                Answer { identity: Value::Null, ..sound(Kind::Apply) },
                Answer { identity: Value::Null, ..sound(Kind::Import) },
                Answer { identity: Value::Null, ..update() },
            ],
        ),
        (
            "an object keeps its identity",
            vec![
                Answer { identity: json!({ "id": "j" }), ..sound(Kind::Read) },
                Answer { identity: json!({ "id": "j" }), ..update() },
            ],
        ),
        (
            "a new object has an identity of its own",
            vec![
                Answer { identity_before: identity(), identity: identity(), ..sound(Kind::Plan) },
                Answer { identity_before: json!({ "id": "old" }), ..sound(Kind::Apply) },
            ],
        ),
        (
            "private bytes live as long as their object",
            vec![
                Answer { private: vec![], ..sound(Kind::Read) },
                Answer { result: Value::Null, ..sound(Kind::Read) },
                Answer { private: b"new".to_vec(), ..sound(Kind::Plan) },
            ],
        ),
        ("nothing is deferred unasked", vec![Answer { deferred: true, ..sound(Kind::Plan) }]),
        ("no excuse for legacy types is made", vec![Answer { legacy_type_system: true, ..sound(Kind::Apply) }]),
        (
            "an import returns the one object that was asked for",
            vec![
                Answer { imported: vec![], ..sound(Kind::Import) },
                Answer { imported: vec!["other".to_owned()], ..sound(Kind::Import) },
                Answer { result: Value::Null, ..sound(Kind::Import) },
            ],
        ),
        (
            "generated configuration sets what can be set",
            vec![
                Answer { result: state(), ..sound(Kind::Generate) },
                Answer { result: thing(&json!({ "name": null })), ..sound(Kind::Generate) },
            ],
        ),
        (
            "what is read is there and known",
            vec![
                Answer { result: Value::Null, ..sound(Kind::DataSource) },
                Answer { result: planned(), ..sound(Kind::Ephemeral) },
            ],
        ),
        (
            "what is read says what was asked",
            vec![Answer { result: thing(&json!({ "name": "m" })), ..sound(Kind::Ephemeral) }],
        ),
        ("a renewal lies ahead", vec![Answer { renew_in: Some(-1.0), ..sound(Kind::Renew) }]),
        (
            "what was opened can be renewed and closed",
            vec![
                Answer { diagnostics: vec![error()], ..sound(Kind::Renew) },
                Answer { diagnostics: vec![error()], ..sound(Kind::Close) },
            ],
        ),
        (
            "an action ends once, and says nothing after that",
            vec![
                invoked(&[Event::Progress]),
                invoked(&[Event::Completed, Event::Progress]),
                invoked(&[Event::Completed, Event::Completed]),
            ],
        ),
        (
            "an action that is stopped reports no more progress",
            vec![invoked(&[Event::ProgressAfterStop, Event::Completed])],
        ),
        (
            "a list names what it finds, and no more than was asked for",
            vec![
                listed(vec![found(None, "one")]),
                listed(vec![found(Some(&identity()), "")]),
                listed(vec![found(Some(&identity()), "one"), found(Some(&identity()), "two")]),
                Answer { with_objects: true, ..sound(Kind::List) },
            ],
        ),
        (
            "a message has a title, a severity, and points at something that is no secret",
            [
                tf::Diagnostic { severity: 0, ..error() },
                tf::Diagnostic { summary: String::new(), ..error() },
                tf::Diagnostic { attribute: Some(path(&["nowhere"])), ..error() },
                tf::Diagnostic { attribute: Some(path(&["secret"])), ..error() },
            ]
            .map(|one| Answer { diagnostics: vec![one], ..sound(Kind::Validate) })
            .into(),
        ),
        (
            "what only the provider sets has no nested type",
            vec![
                with(nested(tf::schema::object::NestingMode::Single)),
                with(nested(tf::schema::object::NestingMode::List)),
            ],
        ),
        (
            "an attribute is set by somebody and has one type",
            vec![
                with(attribute("a", "\"string\"", |_| {})),
                with(attribute("a", "", |one| one.computed = true)),
                with(attribute("a", "\"string\"", |one| (one.required, one.computed) = (true, true))),
            ],
        ),
    ];
    for (name, broken) in &table {
        for answer in broken {
            let found = complaints(answer);
            let start = format!("{name}: ");
            assert!(found.iter().any(|one| one.starts_with(&start)), "{name}: {found:?} about {answer:?}");
        }
    }
    let tried: BTreeSet<&str> = table.iter().map(|(name, _)| *name).collect();
    let all: BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(tried, all, "a rule without a broken answer, or an answer without its rule");
    assert!(RULES.iter().all(|rule| !rule.seen.is_empty()));
}

#[test]
fn numbers_come_as_text_and_go_on_as_numbers() {
    let mut value =
        wire(&json!({ "rule": [{ "port": "1", "note": "1" }], "disks": [{ "size": "0.5" }], "id": UNKNOWN }));
    let mut answer = sound(Kind::Read);
    let taken = answer.take_object(&mut value);
    let numbers = json!({ "rule": [{ "port": 1, "note": "1" }], "disks": [{ "size": 0.5 }], "id": UNKNOWN });
    assert_eq!((&taken, &unwired(value.as_ref())), (&numbers, &numbers));
    let (mut any, mut one) = (wire(&json!(["[\"map\",\"number\"]", { "a": "1" }])), wire(&json!("1")));
    assert_eq!(answer.take(&Type::Any, &mut any)[1], json!({ "a": 1 }));
    assert_eq!(answer.take(&Type::Tuple(vec![Type::Number]), &mut wire(&json!(["1"]))), json!([1]));
    assert_eq!(answer.take(&Type::Text, &mut one), json!("1"));
    assert_eq!(answer.coarse, [""; 0]);
    answer.take(&Type::Any, &mut any);
    assert_eq!(answer.coarse, ["[\"a\"]: 1"]);
}
