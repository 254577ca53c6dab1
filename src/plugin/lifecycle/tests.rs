use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::plan::{draft, finish, overlay, same_but_timeouts};
use super::state::{answered, applied, imported, kept, refreshed, with_write_only};
use super::validate::{ENOUGH, validate};
use crate::plugin::codec;
use crate::plugin::codec::tests::any_value;
use crate::plugin::erased::Hooked;
use crate::plugin::rework::fits;
use crate::plugin::schema::Compiled;
use crate::plugin::{Attribute, Diagnostics, NestedBlock, Path, Schema, Timeouts, Type, Value};

/// A value written as JSON, with a word for what is unknown.
fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::from(*truth),
        Json::Number(number) => Value::from(number.as_i64().unwrap()),
        Json::String(text) if text == "?" => Value::UNKNOWN,
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(elements) => Value::List(elements.iter().map(value).collect()),
        Json::Object(members) => Value::object(members.iter().map(|(name, one)| (name.as_str(), value(one)))),
    }
}

fn compiled() -> Compiled {
    Compiled::new(
        Schema::new("A thing.")
            .attribute(Attribute::string("name").required().replaces())
            .attribute(Attribute::string("mode").default("soft"))
            .attribute(Attribute::string("zone").optional_computed().replaces())
            .attribute(Attribute::string("id").computed().keeps())
            .attribute(Attribute::string("time").computed())
            .attribute(Attribute::string("secret").write_only())
            .attribute(Attribute::set("tags", Type::String))
            .attribute(Attribute::dynamic("any"))
            .attribute(Attribute::set_of(
                "ports",
                [
                    Attribute::integer("number").required(),
                    Attribute::string("comment").default("none"),
                    Attribute::string("link").computed().keeps(),
                ],
            ))
            .block(
                NestedBlock::list("rule", "A rule.")
                    .attribute(Attribute::integer("port").required())
                    .attribute(Attribute::string("note").optional_computed()),
            )
            .timeouts(Timeouts::default()),
    )
}

fn thing(members: &Json) -> Value {
    let mut object = json!({
        "name": "n", "mode": null, "zone": null, "id": null, "time": null, "secret": null, "tags": null,
        "any": null, "ports": null, "rule": [], "timeouts": null,
    });
    for (name, member) in members.as_object().unwrap() {
        object[name] = member.clone();
    }
    value(&object)
}

/// Plans with a hook that makes these changes.
#[track_caller]
fn plan(config: &Json, prior: Option<&Json>, proposed: &Json, hook: &Json) -> (Value, Vec<String>) {
    let compiled = compiled();
    let (config, prior) = (thing(config), prior.map(thing));
    let draft = draft(&compiled, &config, prior.as_ref(), thing(proposed));
    let before = compiled.without_timeouts(draft.planned.clone());
    let Value::Map(mut members) = before.clone() else { panic!("an object") };
    members.extend(hook.as_object().unwrap().iter().map(|(name, member)| (name.clone(), value(member))));
    let hooked = Hooked {
        before,
        after: Value::Map(members),
        replace: Vec::new(),
        adopt: Vec::new(),
        diagnostics: Diagnostics::new(),
        unless_replaced: Diagnostics::new(),
    };
    let planned = finish(&compiled, &config, prior.as_ref(), draft, hooked);
    assert!(planned.diagnostics.is_empty(), "{:?}", planned.diagnostics);
    (planned.state, planned.replace.iter().map(Path::to_string).collect())
}

#[test]
fn plans() {
    let state = json!({ "mode": "soft", "zone": "z", "id": "i", "time": "t" });
    let none = json!({});
    for (what, config, prior, proposed, hook, expected, replaced) in [
        (
            "a create",
            json!({}),
            None,
            json!({}),
            &none,
            json!({ "mode": "soft", "zone": "?", "id": "?", "time": "?" }),
            vec![],
        ),
        ("nothing to do", json!({}), Some(&state), state.clone(), &none, state.clone(), vec![]),
        (
            "only the limits",
            json!({ "timeouts": { "create": "1h", "read": null, "update": null, "delete": null } }),
            Some(&state),
            json!({ "mode": "soft", "zone": "z", "id": "i", "time": "t", "timeouts": { "create": "1h", "read": null, "update": null, "delete": null } }),
            &none,
            json!({ "mode": "soft", "zone": "z", "id": "i", "time": "t", "timeouts": { "create": "1h", "read": null, "update": null, "delete": null } }),
            vec![],
        ),
        (
            "an update opens what is not kept",
            json!({ "mode": "hard" }),
            Some(&state),
            json!({ "mode": "hard", "zone": "z", "id": "i", "time": "t" }),
            &none,
            json!({ "mode": "hard", "zone": "z", "id": "i", "time": "?" }),
            vec![],
        ),
        (
            "an immutable argument taken out stays what it was",
            json!({ "tags": ["a"] }),
            Some(&state),
            json!({ "mode": "soft", "zone": "z", "id": "i", "time": "t", "tags": ["a"] }),
            &none,
            json!({ "mode": "soft", "zone": "z", "id": "i", "time": "?", "tags": ["a"] }),
            vec![],
        ),
        (
            "another name",
            json!({ "name": "m" }),
            Some(&state),
            json!({ "name": "m", "mode": "soft", "zone": "z", "id": "i", "time": "t" }),
            &none,
            json!({ "name": "m", "mode": "soft", "zone": "z", "id": "i", "time": "?" }),
            vec!["name"],
        ),
        (
            "a hook that finds something to do opens the rest",
            json!({}),
            Some(&state),
            state.clone(),
            &json!({ "id": "?" }),
            json!({ "mode": "soft", "zone": "z", "id": "?", "time": "?" }),
            vec![],
        ),
        (
            "a hook's own value is not opened again",
            json!({}),
            Some(&state),
            state.clone(),
            &json!({ "time": "soon" }),
            json!({ "mode": "soft", "zone": "z", "id": "i", "time": "soon" }),
            vec![],
        ),
        (
            "a hook that moves the object replaces it",
            json!({}),
            Some(&state),
            state.clone(),
            &json!({ "zone": "y" }),
            json!({ "mode": "soft", "zone": "y", "id": "i", "time": "?" }),
            vec!["zone"],
        ),
        (
            "set elements find what was configured for them",
            json!({ "ports": [{ "number": 2, "comment": "two", "link": null }, { "number": 1, "comment": null, "link": null }] }),
            Some(&state),
            json!({
                "mode": "soft", "zone": "z", "id": "i", "time": "t",
                "ports": [{ "number": 1, "comment": null, "link": "l1" }, { "number": 2, "comment": "two", "link": null }],
            }),
            &none,
            json!({
                "mode": "soft", "zone": "z", "id": "i", "time": "?",
                "ports": [{ "number": 1, "comment": "none", "link": "l1" }, { "number": 2, "comment": "two", "link": "?" }],
            }),
            vec![],
        ),
    ] {
        let (planned, replace) = plan(&config, prior, &proposed, hook);
        assert_eq!((planned, replace), (thing(&expected), replaced.into_iter().map(str::to_owned).collect()), "{what}");
    }
}

#[test]
fn a_model_that_says_nothing_of_a_member_leaves_it_alone() {
    let refined = Value::Unknown(Some(vec![0x81, 1, 0xc2]));
    let original = Value::object([("a", refined.clone()), ("hidden", Value::from(1)), ("list", value(&json!([1, 2])))]);
    let before = value(&json!({ "a": "?", "list": [1, 2] }));
    let after = value(&json!({ "a": "?", "list": [1, 3] }));
    let expected = Value::object([("a", refined), ("hidden", Value::from(1)), ("list", value(&json!([1, 3])))]);
    assert_eq!(overlay(original, &before, after), expected);
    let dropped =
        overlay(value(&json!({ "k": 1, "l": 2 })), &value(&json!({ "k": 1, "l": 2 })), value(&json!({ "l": 2 })));
    assert_eq!(dropped, value(&json!({ "l": 2 })));
}

#[test]
fn set_elements_fit_what_is_configured() {
    for (element, config, expected) in [
        (json!({ "a": 1, "b": "x" }), json!({ "a": 1, "b": null }), true),
        (json!({ "a": 2, "b": "x" }), json!({ "a": 1, "b": null }), false),
        (json!({ "a": { "b": [1, 2] } }), json!({ "a": { "b": [1, null] } }), true),
        (json!({ "a": [1] }), json!({ "a": [1, 2] }), false),
        (json!({ "a": "?" }), json!({ "a": "?" }), true),
    ] {
        assert_eq!(fits(&value(&element), &value(&config)), expected, "{element} {config}");
    }
}

#[test]
fn results() {
    let compiled = compiled();
    let planned =
        json!({ "mode": "soft", "id": "?", "time": "?", "tags": ["b", "a"], "rule": [{ "port": 1, "note": "?" }] });
    for (what, result, state, complaints) in [
        (
            "as planned",
            json!({ "name": "n", "mode": "soft", "id": "i", "time": "t", "tags": ["a", "b"], "rule": [{ "port": 1, "note": "x" }] }),
            json!({ "mode": "soft", "id": "i", "time": "t", "tags": ["b", "a"], "rule": [{ "port": 1, "note": "x" }] }),
            vec![],
        ),
        (
            "left open, kept secret",
            json!({ "name": "n", "mode": "soft", "id": "?", "tags": ["a", "b"], "rule": [{ "port": 1, "note": "?" }], "secret": "s" }),
            json!({ "mode": "soft", "tags": ["b", "a"], "rule": [{ "port": 1, "note": null }] }),
            vec![],
        ),
        (
            "against the plan",
            json!({ "name": "N", "mode": "soft", "id": "i", "tags": ["a"], "rule": [] }),
            json!({ "mode": "soft", "id": "i", "tags": ["b", "a"], "rule": [{ "port": 1, "note": null }] }),
            vec!["name", "rule", "tags"],
        ),
        (
            "not of the schema",
            json!({ "name": "n", "mode": "soft", "id": 7, "extra": 1, "tags": ["a", "b"], "rule": [{ "port": 1, "note": 1 }] }),
            json!({ "mode": "soft", "tags": ["b", "a"], "rule": [{ "port": 1, "note": null }] }),
            vec!["id", "rule[0].note", "extra"],
        ),
    ] {
        let (found, diagnostics) = applied(&compiled, &thing(&planned), value(&result));
        assert_eq!(found, thing(&state), "{what}");
        let paths: Vec<String> = diagnostics.iter().map(|one| one.path.as_ref().unwrap().to_string()).collect();
        assert_eq!(paths, complaints, "{what}");
        assert!(!diagnostics.has_errors(), "an error would have a good object replaced");
    }
}

#[test]
fn sets_with_something_unknown_may_coalesce() {
    let compiled = compiled();
    let port = |number: i64, link: &str| json!({ "number": number, "comment": "none", "link": link });
    let planned = thing(&json!({ "ports": [port(1, "?"), port(2, "?")] }));
    let result = thing(&json!({ "ports": [port(2, "b"), port(1, "a")] }));
    let (state, diagnostics) = applied(&compiled, &planned, result.clone());
    assert_eq!((state, diagnostics.is_empty()), (result, true));
}

#[test]
fn a_checkpoint_becomes_a_whole_object() {
    let compiled = compiled();
    let limits = json!({ "create": "1h", "read": null, "update": null, "delete": null });
    let state = kept(
        &compiled,
        &thing(&json!({ "timeouts": limits })),
        value(&json!({ "name": "n", "id": "i", "time": "?", "rule": "?", "secret": "s" })),
    );
    assert_eq!(state, thing(&json!({ "id": "i", "timeouts": limits })));
}

#[test]
fn a_read_keeps_the_words_of_the_state() {
    let compiled = compiled();
    let typed = Value::Dynamic(Box::new((Type::String, Value::from("x"))));
    let Value::Map(mut members) = thing(&json!({ "tags": ["a", "b"], "id": "i" })) else { panic!("an object") };
    members.insert("any".to_owned(), typed.clone());
    let state = Value::Map(members);
    let found = value(&json!({ "name": "n", "tags": ["b", "a"], "id": "j", "any": "x", "rule": null }));
    let read = refreshed(&compiled, &state, found).unwrap();
    assert_eq!(read.get("any"), &typed);
    assert_eq!(read.get("tags"), state.get("tags"));
    assert_eq!(read.get("id"), &Value::from("j"));
    assert_eq!(read.get("rule"), &Value::List(Vec::new()));
    let wrong = refreshed(&compiled, &state, value(&json!({ "name": ["n"] }))).unwrap_err();
    assert!(wrong.has_errors(), "what cannot be read must not become null in the state");
}

#[test]
fn an_import_starts_with_defaults_and_a_data_source_echoes() {
    let compiled = compiled();
    let stub = imported(&compiled, value(&json!({ "name": "n", "id": "i" }))).unwrap();
    assert_eq!(stub, thing(&json!({ "mode": "soft", "id": "i" })));
    let config = thing(&json!({ "mode": "hard", "rule": [{ "port": 1, "note": null }] }));
    let found = value(&json!({ "name": "other", "id": "i", "mode": null, "rule": [{ "port": 2, "note": "x" }] }));
    let expected = thing(&json!({ "mode": "hard", "id": "i", "rule": [{ "port": 1, "note": "x" }] }));
    assert_eq!(answered(&compiled, &config, found).unwrap(), expected);
}

#[test]
fn write_only_values_come_from_the_configuration_alone() {
    let compiled = compiled();
    let config = thing(&json!({ "secret": "s" }));
    let drafted = draft(&compiled, &config, None, config.clone()).planned;
    assert_eq!(drafted.get("secret"), &Value::Null);
    assert_eq!(with_write_only(&compiled, &config, drafted).get("secret"), &Value::from("s"));
}

#[test]
fn limits_alone_are_no_change() {
    let compiled = compiled();
    let limits = json!({ "create": "1h", "read": null, "update": null, "delete": null });
    let (left, right) = (thing(&json!({ "tags": ["a", "b"] })), json!({ "tags": ["b", "a"], "timeouts": limits }));
    assert!(same_but_timeouts(&compiled, &left, &thing(&right)));
    assert!(!same_but_timeouts(&compiled, &left, &thing(&json!({}))));
}

#[test]
fn complaints_come_to_an_end() {
    let rules: Vec<Json> = (0..10_000).map(|_| json!({ "port": null, "note": null })).collect();
    let diagnostics = validate(compiled().block(), &thing(&json!({ "rule": rules })), true);
    assert_eq!(diagnostics.len(), ENOUGH);
}

fn any_thing() -> impl Strategy<Value = Value> {
    any_value(compiled().value_type().clone())
}

proptest! {
    /// Whatever a host sends, the answer can be encoded, is the same each time, and ends in a state that is known.
    #[test]
    fn no_input_breaks_a_plan_or_a_result(
        config in any_thing(), prior in any_thing(), proposed in any_thing(), result in any_thing()
    ) {
        let compiled = compiled();
        let prior = (!prior.is_null()).then_some(prior);
        let plan = || {
            let draft = draft(&compiled, &config, prior.as_ref(), proposed.clone());
            let before = compiled.without_timeouts(draft.planned.clone());
            let after = compiled.without_timeouts(result.clone());
            let hooked = Hooked { before, after, replace: Vec::new(), adopt: Vec::new(), diagnostics: Diagnostics::new(), unless_replaced: Diagnostics::new() };
            finish(&compiled, &config, prior.as_ref(), draft, hooked)
        };
        let planned = plan();
        prop_assert_eq!(&planned.state, &plan().state);
        prop_assert!(codec::encode(&planned.state, compiled.value_type()).is_ok());
        let (as_planned, diagnostics) = applied(&compiled, &planned.state, planned.state.clone());
        prop_assert!(diagnostics.is_empty(), "{diagnostics:?}");
        for state in [as_planned, applied(&compiled, &planned.state, result.clone()).0] {
            prop_assert!(state.is_wholly_known());
            prop_assert!(codec::encode(&state, compiled.value_type()).is_ok());
            prop_assert!(state.is_null() || !state.get("rule").is_null(), "blocks are empty, not null");
        }
        validate(compiled.block(), &config, false);
    }
}
