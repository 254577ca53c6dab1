//! The life of an object, call by call: the toy provider under a hand-written host. Names carry the line of the
//! conformance list that they cover.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use huaweidb::plugin::{Attached, attach, faults};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::host::{Host, NEVER};
use crate::support::proto::tfplugin6 as tf;
use crate::support::value::{UNKNOWN, unwired, wire};
use crate::toy::{TOGETHER, Toy};

const ERROR: i32 = 1;
const WARNING: i32 = 2;

/// A host attached to a toy.
struct Run {
    host: Host,
    _attached: Attached,
}

impl Run {
    async fn unconfigured() -> Self {
        let attached = attach(Toy).await.expect("a socket");
        Run { host: Host::attach(&attached).await, _attached: attached }
    }

    async fn start() -> Self {
        let run = Self::unconfigured().await;
        assert_eq!(run.configure(&json!({ "label": "here", "token": "hush" })).await, []);
        run
    }

    async fn configure(&self, config: &Value) -> Vec<Said> {
        let request = tf::configure_provider::Request {
            config: wire(config),
            terraform_version: "1.11.4".to_owned(),
            ..Default::default()
        };
        said(&self.host.provider().configure_provider(request).await.unwrap().into_inner().diagnostics)
    }

    async fn validate(&self, type_name: &str, config: &Value) -> Vec<Said> {
        let request = tf::validate_resource_config::Request {
            type_name: type_name.to_owned(),
            config: wire(config),
            client_capabilities: Some(tf::ClientCapabilities {
                write_only_attributes_allowed: true,
                ..Default::default()
            }),
        };
        said(&self.host.provider().validate_resource_config(request).await.unwrap().into_inner().diagnostics)
    }

    async fn plan(
        &self,
        type_name: &str,
        config: &Value,
        prior: &Value,
        proposed: &Value,
    ) -> tf::plan_resource_change::Response {
        let request = tf::plan_resource_change::Request {
            type_name: type_name.to_owned(),
            config: wire(config),
            prior_state: wire(prior),
            proposed_new_state: wire(proposed),
            prior_private: b"{\"old\":\"1\"}".to_vec(),
            ..Default::default()
        };
        let answer = self.host.provider().plan_resource_change(request).await.unwrap().into_inner();
        assert_eq!(answer.planned_private, b"{\"old\":\"1\"}", "private is echoed");
        assert_eq!(answer.planned_identity, None, "it has none");
        assert!(!answer.legacy_type_system);
        answer
    }

    async fn apply(
        &self,
        type_name: &str,
        config: &Value,
        prior: &Value,
        planned: &Value,
    ) -> tf::apply_resource_change::Response {
        let request = apply_request(type_name, config, prior, planned);
        self.host.provider().apply_resource_change(request).await.unwrap().into_inner()
    }

    async fn read(&self, state: &Value) -> tf::read_resource::Response {
        let request = tf::read_resource::Request {
            type_name: "toy_task".to_owned(),
            current_state: wire(state),
            private: b"{\"old\":\"1\"}".to_vec(),
            ..Default::default()
        };
        self.host.provider().read_resource(request).await.unwrap().into_inner()
    }

    async fn upgrade(&self, version: i64, json: &str) -> tf::upgrade_resource_state::Response {
        let raw_state = Some(tf::RawState { json: json.as_bytes().to_vec(), ..Default::default() });
        let request = tf::upgrade_resource_state::Request { type_name: "toy_task".to_owned(), version, raw_state };
        self.host.provider().upgrade_resource_state(request).await.unwrap().into_inner()
    }

    async fn look_up(&self, config: &Value) -> tf::read_data_source::Response {
        let request = tf::read_data_source::Request {
            type_name: "toy_lookup".to_owned(),
            config: wire(config),
            ..Default::default()
        };
        self.host.provider().read_data_source(request).await.unwrap().into_inner()
    }
}

fn apply_request(
    type_name: &str,
    config: &Value,
    prior: &Value,
    planned: &Value,
) -> tf::apply_resource_change::Request {
    tf::apply_resource_change::Request {
        type_name: type_name.to_owned(),
        config: wire(config),
        prior_state: wire(prior),
        planned_state: wire(planned),
        planned_private: b"{\"old\":\"1\"}".to_vec(),
        ..Default::default()
    }
}

/// A diagnostic in short: how bad, summary, path.
type Said = (i32, String, String);

fn said(diagnostics: &[tf::Diagnostic]) -> Vec<Said> {
    use tf::attribute_path::step::Selector;
    let path = |one: &tf::Diagnostic| {
        let steps = one.attribute.iter().flat_map(|path| &path.steps);
        let steps = steps.map(|step| match step.selector.as_ref().expect("a step has a selector") {
            Selector::AttributeName(name) => name.clone(),
            Selector::ElementKeyString(key) => format!("[{key}]"),
            Selector::ElementKeyInt(index) => format!("[{index}]"),
        });
        steps.collect::<Vec<_>>().join(".")
    };
    diagnostics.iter().map(|one| (one.severity, one.summary.clone(), path(one))).collect()
}

fn error(summary: &str, path: &str) -> Said {
    (ERROR, summary.to_owned(), path.to_owned())
}

fn warning(summary: &str, path: &str) -> Said {
    (WARNING, summary.to_owned(), path.to_owned())
}

fn paths(answer: &tf::plan_resource_change::Response) -> Vec<String> {
    let diagnostics = answer.requires_replace.iter();
    let as_diagnostics: Vec<_> =
        diagnostics.map(|path| tf::Diagnostic { attribute: Some(path.clone()), ..Default::default() }).collect();
    said(&as_diagnostics).into_iter().map(|(_, _, path)| path).collect()
}

/// An object with these members and the rest from another one.
fn over(base: &Value, members: &Value) -> Value {
    let mut object = base.clone();
    for (name, value) in members.as_object().expect("an object") {
        let member = object.get_mut(name).unwrap_or_else(|| panic!("{name} is in the schema"));
        *member = value.clone();
    }
    object
}

fn task(members: &Value) -> Value {
    let empty = json!({
        "name": null, "behaviour": null, "size": null, "id": null, "status": null, "timeouts": null,
    });
    over(&empty, members)
}

/// A planned create of a task.
fn planned_task(members: &Value) -> Value {
    over(&task(&json!({ "name": "a", "id": UNKNOWN, "status": UNKNOWN })), members)
}

fn existing_task(members: &Value) -> Value {
    over(&task(&json!({ "name": "a", "id": "task-1", "status": "done" })), members)
}

fn shapes(members: &Value) -> Value {
    let empty = json!({
        "id": null, "name": null, "text": null, "flag": null, "count_of": null, "ratio": null, "exact": null,
        "any": null, "texts": null, "labels": null, "tags": null, "record": null, "pair": null, "password": null,
        "secret": null, "seen": null, "updated": null, "region": null, "settings": null, "disks": null, "ports": null,
        "users": null, "engine": null, "window": null, "rule": [], "peer": [], "zone": {},
        "limits": { "cpu": null, "memory": null },
    });
    over(&empty, members)
}

fn full_config() -> Value {
    shapes(&json!({
        "name": "n", "text": "even", "ratio": 0.5, "texts": ["a", UNKNOWN], "labels": { "k": "vv" },
        "tags": ["x", "y"], "record": { "a": "r", "b": 1 }, "pair": ["p", 2], "password": "long enough",
        "secret": "write-only",
        "settings": { "size": 1, "color": null, "link": null },
        "disks": [{ "size": 1, "label": "l", "serial": null }, { "size": 2, "label": null, "serial": null }],
        "ports": [{ "number": 80, "comment": "web", "link": null }, { "number": 22, "comment": null, "link": null }],
        "users": { "ann": { "role": null, "uid": null } },
        "window": { "start": "02:00", "zone": null },
        "rule": [{ "port": 1, "note": null, "part": [{ "weight": 1.5 }] }, { "port": 2, "note": "mine", "part": [] }],
        "peer": [{ "host": "h", "port": null }],
        "zone": { "a": { "cidr": "10.0.0.0/8", "link": null } },
        "limits": { "cpu": 2, "memory": null },
    }))
}

fn full_plan() -> Value {
    over(
        &full_config(),
        &json!({
            "id": UNKNOWN, "flag": true, "count_of": 3, "secret": null, "seen": UNKNOWN, "updated": UNKNOWN,
            "region": UNKNOWN, "engine": UNKNOWN,
            "settings": { "size": 1, "color": "red", "link": UNKNOWN },
            "disks": [{ "size": 1, "label": "l", "serial": UNKNOWN }, { "size": 2, "label": null, "serial": UNKNOWN }],
            "ports": [
                { "number": 80, "comment": "web", "link": UNKNOWN }, { "number": 22, "comment": "none", "link": UNKNOWN },
            ],
            "users": { "ann": { "role": "reader", "uid": UNKNOWN } },
            "window": { "start": "02:00", "zone": "UTC" },
            "rule": [{ "port": 1, "note": UNKNOWN, "part": [{ "weight": 1.5 }] }, { "port": 2, "note": "mine", "part": [] }],
            "peer": [{ "host": "h", "port": UNKNOWN }],
            "zone": { "a": { "cidr": "10.0.0.0/8", "link": UNKNOWN } },
            "limits": { "cpu": 2, "memory": UNKNOWN },
        }),
    )
}

/// The state that the full configuration leads to, with every text known.
fn full_state() -> Value {
    over(
        &full_plan(),
        &json!({
            "texts": ["a", "b"], "id": "id-1", "seen": 10, "updated": "now", "region": "here",
            "engine": { "type": "toy", "version": "1" },
            "settings": { "size": 1, "color": "red", "link": "link" },
            "disks": [{ "size": 1, "label": "l", "serial": "disk" }, { "size": 2, "label": null, "serial": "disk" }],
            "ports": [
                { "number": 80, "comment": "web", "link": "port" }, { "number": 22, "comment": "none", "link": "port" },
            ],
            "users": { "ann": { "role": "reader", "uid": 7 } },
            "rule": [{ "port": 1, "note": "noted", "part": [{ "weight": 1.5 }] }, { "port": 2, "note": "mine", "part": [] }],
            "peer": [{ "host": "h", "port": 80 }],
            "zone": { "a": { "cidr": "10.0.0.0/8", "link": "zone" } },
            "limits": { "cpu": 2, "memory": 512 },
        }),
    )
}

fn known_config() -> Value {
    over(&full_config(), &json!({ "texts": ["a", "b"] }))
}

/// Every attribute has a description, one of the legal modes, and a type or nested attributes.
fn walk_attributes(attributes: &[tf::schema::Attribute]) {
    for attribute in attributes {
        let name = &attribute.name;
        assert!(!attribute.description.is_empty(), "{name}");
        assert_eq!(attribute.r#type.is_empty(), attribute.nested_type.is_some(), "{name}: exactly one of both");
        if let Some(nested) = &attribute.nested_type {
            assert!((1..=4).contains(&nested.nesting), "{name}");
            walk_attributes(&nested.attributes);
        } else {
            serde_json::from_slice::<Value>(&attribute.r#type).unwrap();
        }
        let modes = (attribute.required, attribute.optional, attribute.computed);
        let legal = [(true, false, false), (false, true, false), (false, false, true), (false, true, true)];
        assert!(legal.contains(&modes), "{name}: {modes:?}");
    }
}

/// The same in every block, at every depth.
fn walk(block: &tf::schema::Block) {
    walk_attributes(&block.attributes);
    for nested in &block.block_types {
        assert!((1..=5).contains(&nested.nesting), "{}", nested.type_name);
        walk(nested.block.as_ref().expect("a nested block has a block"));
    }
}

/// Whether the second plan has every value of the first.
fn agree(first: &Value, second: &Value) -> bool {
    match (first, second) {
        (Value::String(unknown), _) if unknown == UNKNOWN => true,
        (Value::Object(first), Value::Object(second)) => {
            first.len() == second.len() && first.iter().all(|(name, value)| agree(value, &second[name]))
        }
        (Value::Array(first), Value::Array(second)) => {
            first.len() == second.len() && first.iter().zip(second).all(|(one, two)| agree(one, two))
        }
        (one, two) => one == two,
    }
}

#[test]
fn line_22_schemas_have_no_faults() {
    assert_eq!(faults(&Toy), Vec::<String>::new());
}

#[tokio::test]
async fn lines_21_23_24_schemas_are_complete_and_always_the_same() {
    let run = Run::unconfigured().await;
    let schema = async || {
        run.host.provider().get_provider_schema(tf::get_provider_schema::Request {}).await.unwrap().into_inner()
    };
    let (one, two) = (schema().await, schema().await);
    assert_eq!(one, two);
    let metadata = run.host.provider().get_metadata(tf::get_metadata::Request {}).await.unwrap().into_inner();
    assert_eq!(metadata.server_capabilities, one.server_capabilities);
    let names = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let listed = metadata.resources.into_iter().map(|one| one.type_name).collect();
    assert_eq!(names(listed), names(one.resource_schemas.keys().cloned().collect()));
    let listed = metadata.data_sources.into_iter().map(|one| one.type_name).collect();
    assert_eq!(names(listed), names(one.data_source_schemas.keys().cloned().collect()));

    let schemas = one.resource_schemas.values().chain(one.data_source_schemas.values()).chain(&one.provider);
    for schema in schemas {
        walk(schema.block.as_ref().expect("a schema has a block"));
    }
    assert_eq!(one.resource_schemas["toy_task"].version, 2);
}

/// The diagnostics that a call answers with.
macro_rules! complaints {
    ($run:ident.$call:ident { $($field:ident: $value:expr),* $(,)? }) => {{
        let mut request = tf::$call::Request::default();
        $(request.$field = $value.clone();)*
        $run.host.unchecked().$call(request).await.unwrap().into_inner().diagnostics
    }};
}

#[tokio::test]
async fn lines_26_62_unknown_types_and_broken_values_are_diagnostics_in_every_call() {
    let run = Run::start().await;
    let broken = Some(tf::DynamicValue { msgpack: vec![0xdd, 0xff, 0xff, 0xff, 0xff], json: Vec::new() });
    let raw = Some(tf::RawState { json: b"{\"name\":".to_vec(), ..Default::default() });
    for (resource, data_source, value) in [
        ("toy_nothing", "toy_nothing", wire(&Value::Null)),
        ("other_task", "other_lookup", None),
        ("toy", "toy", None),
        ("toy_task", "toy_lookup", broken),
    ] {
        let name = resource.to_owned();
        let data = data_source.to_owned();
        let answers = [
            complaints!(run.validate_resource_config { type_name: name, config: value }),
            complaints!(run.upgrade_resource_state { type_name: name, version: 2, raw_state: raw }),
            complaints!(run.upgrade_resource_identity { type_name: name }),
            complaints!(run.read_resource { type_name: name, current_state: value }),
            complaints!(run.plan_resource_change { type_name: name, config: value }),
            complaints!(run.apply_resource_change { type_name: name, prior_state: value }),
            complaints!(run.import_resource_state { type_name: name }),
            complaints!(run.move_resource_state { source_type_name: name, target_type_name: name, source_state: raw }),
            complaints!(run.validate_data_resource_config { type_name: data, config: value }),
            complaints!(run.read_data_source { type_name: data, config: value }),
        ];
        for (at, diagnostics) in answers.iter().enumerate() {
            assert!(diagnostics.iter().any(|one| one.severity == ERROR), "{resource}, call {at}: {diagnostics:?}");
        }
        let request = tf::apply_resource_change::Request {
            type_name: name,
            prior_state: value.clone(),
            planned_private: b"p".to_vec(),
            ..Default::default()
        };
        let applied = run.host.unchecked().apply_resource_change(request).await.unwrap().into_inner();
        assert_eq!((applied.new_state, applied.private), (value, b"p".to_vec()), "what was there is kept");
    }
}

#[tokio::test]
async fn line_62_what_is_not_offered_says_so() {
    let run = Run::unconfigured().await;
    let call = tf::call_function::Request { name: "f".to_owned(), ..Default::default() };
    assert!(run.host.provider().call_function(call).await.unwrap().into_inner().error.is_some());
    let functions = run.host.provider().get_functions(tf::get_functions::Request {}).await.unwrap().into_inner();
    assert!(functions.functions.is_empty() && functions.diagnostics.is_empty());
    let request = tf::get_resource_identity_schemas::Request {};
    let identities = run.host.provider().get_resource_identity_schemas(request).await.unwrap().into_inner();
    assert!(identities.identity_schemas.is_empty() && identities.diagnostics.is_empty());
    let unknown = run.host.provider().plan_action(tf::plan_action::Request::default()).await.unwrap().into_inner();
    assert_eq!(said(&unknown.diagnostics), [error("Unknown action type", "")]);
    let unused = run.host.unchecked().lock_state(tf::lock_state::Request::default()).await.unwrap_err();
    assert_eq!(unused.code(), tonic::Code::Unimplemented);
}

#[tokio::test]
async fn lines_28_35_anything_may_be_unknown_before_the_provider_is_configured() {
    let run = Run::unconfigured().await;
    let Value::Object(names) = shapes(&json!({})) else { unreachable!() };
    let unknown: serde_json::Map<_, _> = names.keys().map(|name| (name.clone(), Value::from(UNKNOWN))).collect();
    assert_eq!(run.validate("toy_shapes", &Value::Object(unknown)).await, []);
    let nested = shapes(&json!({
        "name": UNKNOWN, "texts": [UNKNOWN], "labels": { "k": UNKNOWN }, "any": UNKNOWN, "record": { "a": UNKNOWN, "b": UNKNOWN },
        "settings": { "size": UNKNOWN, "color": UNKNOWN, "link": null }, "disks": [UNKNOWN],
        "ports": [{ "number": UNKNOWN, "comment": UNKNOWN, "link": null }],
        "rule": [{ "port": UNKNOWN, "note": UNKNOWN, "part": UNKNOWN }], "window": { "start": UNKNOWN, "zone": UNKNOWN },
    }));
    assert_eq!(run.validate("toy_shapes", &nested).await, []);
    let unknown = json!({ "label": UNKNOWN, "token": UNKNOWN });
    let request = tf::validate_provider_config::Request { config: wire(&unknown) };
    let answer = run.host.provider().validate_provider_config(request).await.unwrap().into_inner();
    assert_eq!(said(&answer.diagnostics), []);
}

#[tokio::test]
async fn lines_29_30_31_null_for_required_and_values_for_computed_are_errors_with_paths() {
    let run = Run::unconfigured().await;
    let missing = "Missing required argument";
    let read_only = "Read-only argument is set";
    let invalid = "Invalid argument value";
    for (config, expected) in [
        (shapes(&json!({})), vec![error(missing, "name")]),
        (shapes(&json!({ "name": "n", "id": "mine" })), vec![error(read_only, "id")]),
        (
            shapes(&json!({
                "name": "n",
                "settings": { "size": null, "color": null, "link": "mine" },
                "disks": [{ "size": 1, "label": null, "serial": null }, { "size": null, "label": null, "serial": "mine" }],
                "ports": [{ "number": null, "comment": null, "link": null }],
                "users": { "ann": { "role": null, "uid": 3 } },
                "window": { "start": null, "zone": null },
                "rule": [{ "port": 1, "note": null, "part": [{ "weight": null }] }],
                "zone": { "a": { "cidr": null, "link": null } },
                "engine": { "type": "mine", "version": null },
            })),
            vec![
                error(missing, "settings.size"),
                error(read_only, "settings.link"),
                error(missing, "disks.[1].size"),
                error(read_only, "disks.[1].serial"),
                error(missing, "ports.number"),
                error(read_only, "users.[ann].uid"),
                error(read_only, "engine"),
                error(missing, "window.start"),
                error(missing, "rule.[0].part.[0].weight"),
                error(missing, "zone.[a].cidr"),
            ],
        ),
        (
            shapes(&json!({
                "name": "far too long a name", "text": "odd", "count_of": 101, "texts": ["a", "z"],
                "labels": { "k": "odd" }, "password": "short",
            })),
            vec![
                error(invalid, "name"),
                error(invalid, "text"),
                error(invalid, "count_of"),
                error(invalid, "texts.[1]"),
                error(invalid, "labels.[k]"),
                // A CLI shows the line that a path leads to: none leads to a secret.
                error(invalid, ""),
            ],
        ),
        (shapes(&json!({ "name": "n", "count_of": 0.5 })), vec![error(invalid, "count_of")]),
    ] {
        assert_eq!(run.validate("toy_shapes", &config).await, expected, "{config}");
    }
    assert_eq!(run.validate("toy_shapes", &known_config()).await, []);
}

#[tokio::test]
async fn messages_name_what_is_allowed_and_never_a_secret() {
    let run = Run::unconfigured().await;
    let config = shapes(&json!({ "name": "n", "texts": ["z"], "password": "hush" }));
    let request = tf::validate_resource_config::Request {
        type_name: "toy_shapes".to_owned(),
        config: wire(&config),
        client_capabilities: None,
    };
    let answer = run.host.provider().validate_resource_config(request).await.unwrap().into_inner();
    assert_eq!(answer.diagnostics[0].detail, r#"`texts` must be one of "a", "b" or "c", not "z"."#);
    assert_eq!(answer.diagnostics[1].detail, "`password` must be 8 to 64 characters long.");
}

#[tokio::test]
async fn line_32_conflicts_are_errors_once_both_are_known() {
    let run = Run::unconfigured().await;
    let conflict = vec![error("Conflicting arguments", "text")];
    for (text, exact, expected) in [
        (json!("even"), json!(1), conflict),
        (json!(UNKNOWN), json!(1), vec![]),
        (json!("even"), json!(UNKNOWN), vec![]),
        (json!("even"), json!(null), vec![]),
    ] {
        let config = shapes(&json!({ "name": "n", "text": text, "exact": exact }));
        assert_eq!(run.validate("toy_shapes", &config).await, expected);
    }
}

#[tokio::test]
async fn line_79_write_only_needs_a_host_that_knows_it() {
    let run = Run::unconfigured().await;
    let request = tf::validate_resource_config::Request {
        type_name: "toy_shapes".to_owned(),
        config: wire(&shapes(&json!({ "name": "n", "secret": "s" }))),
        client_capabilities: None,
    };
    let answer = run.host.provider().validate_resource_config(request).await.unwrap().into_inner();
    assert_eq!(said(&answer.diagnostics), [error("Write-only argument is not supported", "")]);
}

#[tokio::test]
async fn line_33_an_unknown_provider_configuration_plans_but_does_nothing_else() {
    let run = Run::unconfigured().await;
    let not_configured = vec![error("Provider is not configured", "")];
    let config = task(&json!({ "name": "a" }));
    let answer = run.plan("toy_task", &config, &Value::Null, &config).await;
    assert_eq!(said(&answer.diagnostics), not_configured);
    assert_eq!(run.configure(&json!({ "label": UNKNOWN, "token": null })).await, []);
    let answer = run.plan("toy_task", &config, &Value::Null, &config).await;
    assert_eq!(said(&answer.diagnostics), []);
    assert_eq!(unwired(answer.planned_state.as_ref()), planned_task(&json!({})));
    let unknown_yet = vec![error("Provider configuration is not known yet", "")];
    let state = existing_task(&json!({}));
    let answer = run.read(&state).await;
    assert_eq!((said(&answer.diagnostics), unwired(answer.new_state.as_ref())), (unknown_yet.clone(), state.clone()));
    let answer = run.apply("toy_task", &Value::Null, &state, &Value::Null).await;
    assert_eq!((said(&answer.diagnostics), unwired(answer.new_state.as_ref())), (unknown_yet.clone(), state));
    let lookup = json!({ "key": "k", "exact": null, "value": null, "items": null, "timeouts": null });
    assert_eq!(said(&run.look_up(&lookup).await.diagnostics), unknown_yet);
    // The next configuration replaces this one, a bad one unsets it.
    assert_eq!(run.configure(&json!({ "label": "here", "token": null })).await, []);
    assert_eq!(said(&run.look_up(&lookup).await.diagnostics), []);
    let refused = run.configure(&json!({ "label": "broken", "token": null })).await;
    assert_eq!(refused, [error("No such label", "label")]);
    assert_eq!(said(&run.look_up(&lookup).await.diagnostics), not_configured);
    let panicked = run.configure(&json!({ "label": "panics", "token": null })).await;
    assert_eq!(panicked, [error("The provider failed unexpectedly", "")]);
}

#[tokio::test]
async fn lines_40_41_42_a_create_plan_fills_defaults_and_marks_what_is_computed_at_every_depth() {
    let run = Run::start().await;
    let config = full_config();
    let answer = run.plan("toy_shapes", &config, &Value::Null, &config).await;
    assert_eq!(said(&answer.diagnostics), []);
    assert_eq!(unwired(answer.planned_state.as_ref()), full_plan());
    assert_eq!(paths(&answer), Vec::<String>::new());
    let bare = shapes(&json!({ "name": "n" }));
    let answer = run.plan("toy_shapes", &bare, &Value::Null, &bare).await;
    let planned = unwired(answer.planned_state.as_ref());
    let expected = json!({
        "name": "n", "id": UNKNOWN, "flag": true, "count_of": 3, "seen": UNKNOWN, "updated": UNKNOWN, "region": UNKNOWN,
        "engine": UNKNOWN, "limits": { "cpu": null, "memory": UNKNOWN },
    });
    assert_eq!(planned, shapes(&expected));
}

#[tokio::test]
async fn lines_52_59_a_create_ends_as_planned_and_the_next_plan_is_empty() {
    let run = Run::start().await;
    let config = known_config();
    let planned = over(&full_plan(), &json!({ "texts": ["a", "b"] }));
    let applied = run.apply("toy_shapes", &config, &Value::Null, &planned).await;
    assert_eq!(said(&applied.diagnostics), []);
    let state = unwired(applied.new_state.as_ref());
    assert_eq!(state, full_state());
    assert_eq!(applied.private, b"{\"old\":\"1\"}");
    assert_eq!(applied.new_identity, None);
    // A read that finds the tags in another order finds nothing new.
    let request = tf::read_resource::Request {
        type_name: "toy_shapes".to_owned(),
        current_state: applied.new_state.clone(),
        ..Default::default()
    };
    let read = run.host.provider().read_resource(request).await.unwrap().into_inner();
    assert_eq!((said(&read.diagnostics), read.new_state), (vec![], applied.new_state));
    // As Terraform merges them: computed values from the state where nothing is configured.
    let proposed = over(&state, &json!({ "secret": "write-only" }));
    let answer = run.plan("toy_shapes", &config, &state, &proposed).await;
    assert_eq!(unwired(answer.planned_state.as_ref()), state);
    assert_eq!(paths(&answer), Vec::<String>::new());
}

#[tokio::test]
async fn line_45_an_update_keeps_what_is_stable_and_opens_the_rest() {
    let run = Run::start().await;
    let state = full_state();
    let config = over(
        &known_config(),
        &json!({
            "text": "more", "secret": null,
            "disks": [
                { "size": 1, "label": "new", "serial": null }, { "size": 2, "label": null, "serial": null },
            ],
        }),
    );
    let proposed = over(
        &state,
        &json!({
            "text": "more",
            "disks": [
                { "size": 1, "label": "new", "serial": "disk" }, { "size": 2, "label": null, "serial": "disk" },
            ],
        }),
    );
    let answer = run.plan("toy_shapes", &config, &state, &proposed).await;
    assert_eq!(said(&answer.diagnostics), []);
    let planned = unwired(answer.planned_state.as_ref());
    assert_eq!(planned, over(&proposed, &json!({ "seen": UNKNOWN, "updated": UNKNOWN })));
    assert_eq!(paths(&answer), Vec::<String>::new());
    let applied = run.apply("toy_shapes", &config, &state, &planned).await;
    assert_eq!(said(&applied.diagnostics), []);
    assert_eq!(unwired(applied.new_state.as_ref()), over(&proposed, &json!({ "seen": 0, "updated": "now" })));
}

#[tokio::test]
async fn line_44_a_replacement_names_exactly_what_causes_it() {
    let run = Run::start().await;
    let state = full_state();
    for (change, expected) in [
        (json!({ "text": "more" }), vec![]),
        (json!({ "name": "m" }), vec!["name"]),
        (json!({ "name": UNKNOWN }), vec!["name"]),
        (json!({ "tags": ["y", "x"] }), vec![]),
        (json!({ "tags": ["y"] }), vec!["tags"]),
        (json!({ "region": "there" }), vec!["region"]),
        (json!({ "disks": [{ "size": 1, "label": "l", "serial": "disk" }] }), vec!["disks.[1].size"]),
        (
            json!({ "disks": [{ "size": 9, "label": "l", "serial": "disk" }, { "size": 2, "label": "m", "serial": "disk" }] }),
            vec!["disks.[0].size"],
        ),
        (
            json!({ "ports": [{ "number": 22, "comment": "changed", "link": "port" }, { "number": 80, "comment": "web", "link": "port" }] }),
            vec![],
        ),
        (json!({ "ports": [{ "number": 23, "comment": "none", "link": null }] }), vec!["ports"]),
        (json!({ "window": { "start": "03:00", "zone": "UTC" } }), vec!["window.start"]),
        (json!({ "window": null }), vec!["window.start"]),
        (
            json!({ "rule": [{ "port": 1, "note": "x", "part": [] }, { "port": 3, "note": "mine", "part": [] }] }),
            vec!["rule.[1].port"],
        ),
        (json!({ "rule": UNKNOWN }), vec!["rule"]),
    ] {
        // Everything written out, so that configuration and proposal are the same.
        let proposed = over(&state, &change);
        let answer = run.plan("toy_shapes", &proposed, &state, &proposed).await;
        assert_eq!(said(&answer.diagnostics), [], "{change}");
        assert_eq!(paths(&answer), expected, "{change}");
    }
    let size = |size: i64| task(&json!({ "name": "a", "size": size }));
    let state = existing_task(&json!({ "size": 1 }));
    let proposed = existing_task(&json!({ "size": 13 }));
    let answer = run.plan("toy_task", &size(13), &state, &proposed).await;
    assert_eq!(paths(&answer), ["size"], "the resource's own reason");
    assert_eq!(said(&answer.diagnostics), [warning("Unlucky size", "")]);
}

#[tokio::test]
async fn line_47_the_same_question_has_the_same_answer_byte_by_byte() {
    let run = Run::start().await;
    let config = full_config();
    let one = run.plan("toy_shapes", &config, &Value::Null, &config).await;
    let two = run.plan("toy_shapes", &config, &Value::Null, &config).await;
    assert_eq!(one, two);
}

#[tokio::test]
async fn line_48_the_plan_at_apply_keeps_every_value_of_the_first() {
    let run = Run::start().await;
    let first = run.plan("toy_shapes", &full_config(), &Value::Null, &full_config()).await;
    let second = run.plan("toy_shapes", &known_config(), &Value::Null, &known_config()).await;
    let (first, second) = (unwired(first.planned_state.as_ref()), unwired(second.planned_state.as_ref()));
    assert!(agree(&first, &second), "{first}\n{second}");
}

#[tokio::test]
async fn line_46_a_destroy_is_planned_as_null() {
    let run = Run::start().await;
    let answer = run.plan("toy_task", &Value::Null, &existing_task(&json!({})), &Value::Null).await;
    assert_eq!((said(&answer.diagnostics), unwired(answer.planned_state.as_ref())), (vec![], Value::Null));
    let protected = existing_task(&json!({ "behaviour": "protected" }));
    let answer = run.plan("toy_task", &Value::Null, &protected, &Value::Null).await;
    assert_eq!(said(&answer.diagnostics), [error("Task is protected", "")]);
}

#[tokio::test]
async fn line_50_blocks_that_are_not_known_yet_come_back_unchanged() {
    let run = Run::start().await;
    let config = shapes(&json!({ "name": "n", "rule": UNKNOWN, "peer": UNKNOWN, "zone": UNKNOWN, "disks": UNKNOWN }));
    let answer = run.plan("toy_shapes", &config, &Value::Null, &config).await;
    let planned = unwired(answer.planned_state.as_ref());
    for name in ["rule", "peer", "zone", "disks"] {
        assert_eq!(planned[name], UNKNOWN, "{name}");
    }
}

#[tokio::test]
async fn lines_36_37_38_39_values_survive_a_plan_to_the_last_bit() {
    let run = Run::start().await;
    let object = |exact: &[u8], any: &[u8]| {
        let Value::Object(names) = shapes(&json!({ "name": "n" })) else { unreachable!() };
        let mut bytes = vec![0xde, 0, u8::try_from(names.len()).unwrap()];
        for (name, value) in names {
            bytes.push(0xa0 | u8::try_from(name.len()).unwrap());
            bytes.extend(name.as_bytes());
            match name.as_str() {
                "exact" => bytes.extend(exact),
                "any" => bytes.extend(any),
                _ => bytes.extend(wire(&value).unwrap().msgpack),
            }
        }
        Some(tf::DynamicValue { msgpack: bytes, json: Vec::new() })
    };
    let text = |text: &str| [&[0xd9, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let short = |text: &str| [&[0xa0 | u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let typed =
        |ty: &str, value: &[u8]| [&[0x92, 0xc4, u8::try_from(ty.len()).unwrap()], ty.as_bytes(), value].concat();
    let nil = || vec![0xc0];
    let same = |exact: Vec<u8>, any: Vec<u8>| (exact.clone(), any.clone(), exact, any);
    let tuple =
        |number: &[u8]| typed("[\"tuple\",[\"number\",\"string\"]]", &[&[0x92], number, &short("x")[..]].concat());
    for (exact, any, exact_planned, any_planned) in [
        (vec![0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0], nil(), short("-9223372036854775808"), nil()),
        (vec![0xcf, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], nil(), short("9223372036854775807"), nil()),
        (vec![0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0], nil(), short("0.5"), nil()),
        same(short("18446744073709551616"), nil()),
        same(short("1e100"), nil()),
        same(short("0.1"), nil()),
        same(short("123456789012345678901234567890"), nil()),
        same(text(&"3".repeat(150)), nil()),
        same(vec![0xd4, 0, 0], nil()),
        same(vec![0xc7, 9, 12, 0x82, 1, 0xc2, 2, 0xa4, b'p', b'r', b'e', b'-'], nil()),
        same(nil(), vec![0xd4, 0, 0]),
        same(nil(), typed("\"string\"", &short("x"))),
        same(nil(), typed("\"string\"", &[0xd4, 0, 0])),
        (nil(), tuple(&[1]), nil(), tuple(&short("1"))),
    ] {
        let request = tf::plan_resource_change::Request {
            type_name: "toy_shapes".to_owned(),
            config: object(&exact, &any),
            proposed_new_state: object(&exact, &any),
            ..Default::default()
        };
        // The checked client would hand on numbers, not the bytes that came.
        let answer = run.host.unchecked().plan_resource_change(request).await.unwrap().into_inner();
        assert_eq!(said(&answer.diagnostics), []);
        let planned = answer.planned_state.unwrap().msgpack;
        let holds = |name: &str, value: &[u8]| {
            let wanted = [short(name), value.to_vec()].concat();
            assert!(planned.windows(wanted.len()).any(|window| window == wanted), "{name} {value:x?}");
        };
        holds("exact", &exact_planned);
        holds("any", &any_planned);
    }
    let json = br#"{"label":null,"token":null}"#.to_vec();
    for config in [Some(tf::DynamicValue { msgpack: vec![], json }), Some(tf::DynamicValue::default()), None] {
        let request = tf::configure_provider::Request { config, ..Default::default() };
        let answer = run.host.provider().configure_provider(request).await.unwrap().into_inner();
        assert_eq!(said(&answer.diagnostics), []);
    }
}

#[tokio::test]
async fn lines_52_53_61_whatever_happens_in_a_create_nothing_is_lost() {
    let run = Run::start().await;
    let failed = || error("Task failed", "");
    let bug = || error("The provider failed unexpectedly", "");
    let kept = json!({ "name": "a", "id": "task-1" });
    let done = json!({ "name": "a", "id": "task-1", "status": "done" });
    for (behaviour, state, diagnostics) in [
        ("ok", Some(&done), vec![]),
        ("fail_early", None, vec![failed()]),
        ("panic_early", None, vec![bug()]),
        ("no_reason", None, vec![error("Operation failed", "")]),
        ("fail", Some(&kept), vec![failed()]),
        ("panic", Some(&kept), vec![bug()]),
        ("incomplete", Some(&kept), vec![]),
        ("contradict", Some(&done), vec![warning("Provider returned an unexpected value", "size")]),
    ] {
        let behaves = json!({ "behaviour": behaviour, "size": 1 });
        let config = over(&task(&json!({ "name": "a" })), &behaves);
        let answer = run.apply("toy_task", &config, &Value::Null, &planned_task(&behaves)).await;
        assert_eq!(said(&answer.diagnostics), diagnostics, "{behaviour}");
        let expected = state.map_or(Value::Null, |state| over(&task(state), &behaves));
        assert_eq!(unwired(answer.new_state.as_ref()), expected, "{behaviour}");
        if state.is_some() {
            assert_eq!(answer.private, br#"{"old":"1","token":"t-1"}"#, "{behaviour}");
            assert_eq!(answer.new_identity, None);
        }
    }
}

#[tokio::test]
async fn lines_55_61_a_failed_update_tells_what_is_in_effect() {
    let run = Run::start().await;
    let prior = existing_task(&json!({ "size": 1 }));
    for (behaviour, effective, summary) in [
        ("fail_early", json!({}), "Task failed"),
        ("panic_early", json!({}), "The provider failed unexpectedly"),
        ("half", json!({ "size": 2 }), "Task failed"),
    ] {
        let config = task(&json!({ "name": "a", "size": 2, "behaviour": behaviour }));
        let planned = existing_task(&json!({ "size": 2, "behaviour": behaviour }));
        let answer = run.apply("toy_task", &config, &prior, &planned).await;
        assert_eq!(said(&answer.diagnostics), [error(summary, "")]);
        assert_eq!(unwired(answer.new_state.as_ref()), over(&prior, &effective), "{behaviour}");
        assert!(answer.private.starts_with(br#"{"old":"1""#));
    }
}

#[tokio::test]
async fn lines_56_57_61_a_destroy_removes_or_keeps() {
    let run = Run::start().await;
    for (behaviour, state, summary) in [
        ("ok", None, None),
        ("undeletable", Some(json!({})), Some("Task was not deleted")),
        ("deleting", Some(json!({ "status": "deleting" })), Some("Task was not deleted")),
        ("panic_in_delete", Some(json!({})), Some("The provider failed unexpectedly")),
    ] {
        let prior = existing_task(&json!({ "behaviour": behaviour }));
        let answer = run.apply("toy_task", &Value::Null, &prior, &Value::Null).await;
        let expected = summary.map(|summary| error(summary, "")).into_iter().collect::<Vec<_>>();
        assert_eq!(said(&answer.diagnostics), expected, "{behaviour}");
        let expected = state.as_ref().map_or(Value::Null, |state| over(&prior, state));
        assert_eq!(unwired(answer.new_state.as_ref()), expected, "{behaviour}");
        assert_eq!(answer.private.is_empty(), state.is_none(), "{behaviour}");
    }
}

#[tokio::test]
async fn lines_58_59_61_a_read_forgets_only_what_is_gone() {
    let run = Run::start().await;
    for (behaviour, found, diagnostics) in [
        ("ok", Some(json!({})), vec![]),
        ("gone", None, vec![]),
        ("unreadable", Some(json!({})), vec![error("Task cannot be read", "")]),
        ("panic_in_read", Some(json!({})), vec![error("The provider failed unexpectedly", "")]),
        ("drifted", Some(json!({ "size": 42 })), vec![]),
    ] {
        let state = existing_task(
            &json!({ "behaviour": behaviour, "timeouts": { "create": "5m", "read": null, "update": null, "delete": null } }),
        );
        let answer = run.read(&state).await;
        assert_eq!(said(&answer.diagnostics), diagnostics, "{behaviour}");
        let expected = found.as_ref().map_or(Value::Null, |found| over(&state, found));
        assert_eq!(unwired(answer.new_state.as_ref()), expected, "{behaviour}");
        assert_eq!(answer.new_identity, None, "{behaviour}");
        let private = match behaviour {
            "gone" => "",
            "drifted" => r#"{"old":"1","seen":"drift"}"#,
            _ => r#"{"old":"1"}"#,
        };
        assert_eq!(answer.private, private.as_bytes(), "{behaviour}");
    }
}

#[tokio::test]
async fn line_61_a_panic_anywhere_else_is_an_error_and_the_server_goes_on() {
    let run = Run::start().await;
    let config = task(&json!({ "name": "a", "behaviour": "panic_in_plan" }));
    let bug = vec![error("The provider failed unexpectedly", "")];
    let answer = run.plan("toy_task", &config, &Value::Null, &config).await;
    assert_eq!(said(&answer.diagnostics), bug);
    assert!(answer.diagnostics[0].detail.contains("told to panic in the plan"));
    let lookup = json!({ "key": "panics", "exact": null, "value": null, "items": null, "timeouts": null });
    assert_eq!(said(&run.look_up(&lookup).await.diagnostics), bug);
    run.host.provider().get_metadata(tf::get_metadata::Request {}).await.unwrap();
}

#[tokio::test]
async fn an_interrupted_task_is_saved_and_resumed_by_an_update() {
    let run = Run::start().await;
    let behaves = json!({ "behaviour": "wait" });
    let config = task(&json!({ "name": "a", "behaviour": "wait" }));
    let mut provider = run.host.provider();
    let request = apply_request("toy_task", &config, &Value::Null, &planned_task(&behaves));
    let create = tokio::spawn(async move { provider.apply_resource_change(request).await.unwrap().into_inner() });
    // A stop is for what runs, and nobody tells when it does.
    let stopped = async {
        while !create.is_finished() {
            run.host.provider().stop_provider(tf::stop_provider::Request {}).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(NEVER, stopped).await.expect("it stops");
    let answer = create.await.unwrap();
    assert_eq!(said(&answer.diagnostics), [warning("Task was interrupted", "")]);
    let state = unwired(answer.new_state.as_ref());
    assert_eq!(state, over(&existing_task(&behaves), &json!({ "status": "running" })));
    let plan = run.plan("toy_task", &config, &state, &state).await;
    assert_eq!(unwired(plan.planned_state.as_ref()), over(&state, &json!({ "status": UNKNOWN })));
    assert_eq!(paths(&plan), Vec::<String>::new());
}

#[tokio::test]
async fn timeouts_are_checked_kept_and_kept_from_the_resource() {
    let run = Run::start().await;
    let with = |create: &str| json!({ "create": create, "read": null, "update": null, "delete": null });
    for bad in ["30", "0s", "-1m", "soon"] {
        let config = task(&json!({ "name": "a", "timeouts": with(bad) }));
        assert_eq!(
            run.validate("toy_task", &config).await,
            [error("Invalid argument value", "timeouts.create")],
            "{bad}"
        );
    }
    for good in ["90s", "1h30m", "1.5h", UNKNOWN] {
        let config = task(&json!({ "name": "a", "timeouts": with(good) }));
        assert_eq!(run.validate("toy_task", &config).await, [], "{good}");
    }
    // Written limits count.
    let limits = json!({ "behaviour": "wait", "timeouts": with("50ms") });
    let config = over(&task(&json!({ "name": "a" })), &limits);
    let answer = run.apply("toy_task", &config, &Value::Null, &planned_task(&limits)).await;
    assert_eq!(said(&answer.diagnostics), [error("Task took too long", "")]);
    assert_eq!(answer.diagnostics[0].detail, "More than 50ms.");
    let state = unwired(answer.new_state.as_ref());
    assert_eq!(state["timeouts"], with("50ms"));
    // Changing nothing else is an update in place that calls nothing.
    let prior = existing_task(&json!({ "behaviour": "never" }));
    let longer = json!({ "behaviour": "never", "timeouts": with("2h") });
    let (config, proposed) = (over(&task(&json!({ "name": "a" })), &longer), over(&prior, &longer));
    let plan = run.plan("toy_task", &config, &prior, &proposed).await;
    assert_eq!(unwired(plan.planned_state.as_ref()), proposed);
    assert_eq!(paths(&plan), Vec::<String>::new());
    let applied = run.apply("toy_task", &config, &prior, &proposed).await;
    assert_eq!((said(&applied.diagnostics), unwired(applied.new_state.as_ref())), (vec![], proposed));
    assert_eq!(applied.private, b"{\"old\":\"1\"}");
}

#[tokio::test]
async fn lines_63_64_65_stored_states_are_read_as_far_as_possible() {
    let run = Run::unconfigured().await;
    let state = existing_task(&json!({}));
    for (version, json) in [
        (2, r#"{"name":"a","id":"task-1","status":"done"}"#),
        (2, r#"{"name":"a","id":"task-1","status":"done","size":null,"added_later":{"x":[1]},"timeouts":null}"#),
        (1, r#"{"label":"a","id":"task-1","status":"done"}"#),
    ] {
        let answer = run.upgrade(version, json).await;
        assert_eq!(said(&answer.diagnostics), [], "{json}");
        assert_eq!(unwired(answer.upgraded_state.as_ref()), state, "{json}");
    }
    let unreadable = "Stored state cannot be read";
    for (version, json, said_so) in [
        (0, r#"{"name":"a"}"#, error("Stored state is too old", "")),
        (3, r#"{"name":"a"}"#, error(unreadable, "")),
        (2, "null", error(unreadable, "")),
        (2, "", error(unreadable, "")),
        (2, "[]", error(unreadable, "")),
        (2, r#"{"timeouts":{"create":1}}"#, error(unreadable, "timeouts.create")),
    ] {
        let answer = run.upgrade(version, json).await;
        assert_eq!(said(&answer.diagnostics), [said_so], "{json}");
        assert!(answer.upgraded_state.is_none());
    }
    let flatmap = [("name".to_owned(), "a".to_owned())].into();
    let raw_state = Some(tf::RawState { flatmap, ..Default::default() });
    let request = tf::upgrade_resource_state::Request { type_name: "toy_task".to_owned(), version: 2, raw_state };
    let answer = run.host.provider().upgrade_resource_state(request).await.unwrap().into_inner();
    assert_eq!(said(&answer.diagnostics), [error(unreadable, "")]);
    // Blocks that an older version did not know are empty, not null.
    let raw_state = Some(tf::RawState { json: br#"{"name":"n"}"#.to_vec(), ..Default::default() });
    let request = tf::upgrade_resource_state::Request { type_name: "toy_shapes".to_owned(), version: 0, raw_state };
    let answer = run.host.provider().upgrade_resource_state(request).await.unwrap().into_inner();
    assert_eq!(unwired(answer.upgraded_state.as_ref()), shapes(&json!({ "name": "n" })));
}

#[tokio::test]
async fn line_66_an_import_gives_one_whole_object_or_explains_the_id() {
    let run = Run::start().await;
    let import = async |type_name: &str, id: &str| {
        let request = tf::import_resource_state::Request {
            type_name: type_name.to_owned(),
            id: id.to_owned(),
            ..Default::default()
        };
        run.host.provider().import_resource_state(request).await.unwrap().into_inner()
    };
    let answer = import("toy_task", "a/task-1").await;
    assert_eq!(said(&answer.diagnostics), []);
    let [imported] = answer.imported_resources.as_slice() else { panic!("{answer:?}") };
    assert_eq!(imported.type_name, "toy_task");
    assert_eq!(unwired(imported.state.as_ref()), task(&json!({ "name": "a", "id": "task-1" })));
    let answer = import("toy_task", "nonsense").await;
    assert!(answer.imported_resources.is_empty());
    assert!(answer.diagnostics[0].detail.contains("<name>/<id>"));
    // What only the configuration would know starts with its default.
    let answer = import("toy_shapes", "id-9").await;
    let state = unwired(answer.imported_resources[0].state.as_ref());
    assert_eq!(state, shapes(&json!({ "id": "id-9", "flag": true, "count_of": 3 })));
}

#[tokio::test]
async fn line_69_a_state_moves_between_addresses_but_not_between_types() {
    let run = Run::unconfigured().await;
    let request = |source: &str| tf::move_resource_state::Request {
        source_provider_address: "registry.example.com/other/toy".to_owned(),
        source_type_name: source.to_owned(),
        source_schema_version: 1,
        source_state: Some(tf::RawState { json: br#"{"label":"a","old":1}"#.to_vec(), ..Default::default() }),
        target_type_name: "toy_task".to_owned(),
        source_private: b"p".to_vec(),
        ..Default::default()
    };
    let answer = run.host.provider().move_resource_state(request("toy_task")).await.unwrap().into_inner();
    assert_eq!(said(&answer.diagnostics), []);
    assert_eq!(unwired(answer.target_state.as_ref()), task(&json!({ "name": "a" })));
    assert_eq!(answer.target_private, b"p");
    let answer = run.host.provider().move_resource_state(request("other_task")).await.unwrap().into_inner();
    assert_eq!(said(&answer.diagnostics), [error("Object cannot be moved to this type", "")]);
}

#[tokio::test]
async fn a_data_source_answers_its_configuration_completed() {
    let run = Run::start().await;
    let config = |key: &str, read: Value| json!({ "key": key, "exact": 0.1, "value": null, "items": null, "timeouts": { "read": read } });
    let answer = run.look_up(&config("k", json!("30s"))).await;
    assert_eq!(said(&answer.diagnostics), []);
    let mut expected = config("k", json!("30s"));
    expected["value"] = json!("here within 30s");
    expected["items"] = json!([{ "id": "one", "size": null }]);
    assert_eq!(unwired(answer.state.as_ref()), expected);
    let answer = run.look_up(&config("k", json!(null))).await;
    assert_eq!(unwired(answer.state.as_ref())["value"], "here within 300s");
    let answer = run.look_up(&config("missing", json!(null))).await;
    assert_eq!(said(&answer.diagnostics), [error("Nothing found", "")]);
    assert!(answer.state.is_none());
    let request = tf::validate_data_resource_config::Request {
        type_name: "toy_lookup".to_owned(),
        config: wire(&config("k", json!("never"))),
    };
    let answer = run.host.provider().validate_data_resource_config(request).await.unwrap().into_inner();
    assert_eq!(said(&answer.diagnostics), [error("Invalid argument value", "timeouts.read")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn line_74_fifty_calls_of_all_kinds_at_once_come_to_an_end() {
    let run = Run::start().await;
    // One after the other, those that wait for each other would never end.
    let calls = (0..2 * TOGETHER + 2).map(|n| {
        let mut provider = run.host.provider();
        tokio::spawn(async move {
            let together = json!({ "behaviour": "together" });
            let config = task(&json!({ "name": "a", "behaviour": "together" }));
            match n % 4 {
                0 => {
                    let request = tf::read_resource::Request {
                        type_name: "toy_task".to_owned(),
                        current_state: wire(&existing_task(&json!({}))),
                        ..Default::default()
                    };
                    provider.read_resource(request).await.unwrap().into_inner().new_state
                }
                1 => {
                    let request = tf::plan_resource_change::Request {
                        type_name: "toy_shapes".to_owned(),
                        config: wire(&full_config()),
                        proposed_new_state: wire(&full_config()),
                        ..Default::default()
                    };
                    provider.plan_resource_change(request).await.unwrap().into_inner().planned_state
                }
                _ => {
                    let request = apply_request("toy_task", &config, &Value::Null, &planned_task(&together));
                    provider.apply_resource_change(request).await.unwrap().into_inner().new_state
                }
            }
        })
    });
    for call in calls.collect::<Vec<_>>() {
        let state = timeout(NEVER, call).await.expect("no deadlock").unwrap();
        assert_ne!(unwired(state.as_ref()), Value::Null);
    }
}
