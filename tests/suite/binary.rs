//! The real binary under the hand-written host, against the emulator: the life of a backup, request by request.
//! Names carry the line of the conformance list that they cover.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use huaweidb_emulator::{Emulator, Fault, FaultKind, Options};
use serde_json::{Map, Value, json};
use tokio::time::{sleep, timeout};

use crate::support::host::{Host, Launch, NEVER};
use crate::support::proto::tfplugin6 as tf;
use crate::support::run::{TYPE, apply_request, plan_request};
use crate::support::value::{UNKNOWN, unwired, wire};

const PRIVATE: &[u8] = b"{\"kept\":\"1\"}";

/// A running provider and its cloud.
pub(crate) struct Run {
    pub(crate) emulator: Emulator,
    pub(crate) host: Host,
}

impl Run {
    async fn unconfigured(backup_seconds: f64) -> Self {
        let emulator = Emulator::start(Options::with_backups_of(backup_seconds)).await.unwrap();
        let launch = Launch::secured()
            .env("HW_REGION_NAME", emulator.region())
            .env("HW_PROJECT_ID", emulator.project_id())
            .env("HW_ACCESS_KEY", emulator.access_key())
            .env("HW_SECRET_KEY", emulator.secret_key())
            .env("HW_MAX_RETRIES", "1");
        Run { host: launch.start().await.connect().await, emulator }
    }

    pub(crate) async fn start(backup_seconds: f64) -> Self {
        let run = Self::unconfigured(backup_seconds).await;
        let endpoints = run.emulator.ready()["endpoints"].clone();
        assert_eq!(run.configure(&json!({ "endpoints": endpoints })).await, Vec::<String>::new());
        run
    }

    async fn schema(&self) -> tf::get_provider_schema::Response {
        self.host.provider().get_provider_schema(tf::get_provider_schema::Request {}).await.unwrap().into_inner()
    }

    async fn configure(&self, arguments: &Value) -> Vec<String> {
        let block = self.schema().await.provider.unwrap();
        let request = tf::configure_provider::Request {
            config: wire(&whole(&block, arguments)),
            terraform_version: "1.11.4".to_owned(),
            ..Default::default()
        };
        errors(&self.host.provider().configure_provider(request).await.unwrap().into_inner().diagnostics)
    }

    /// A whole object of the resource with these arguments.
    async fn object(&self, arguments: &Value) -> Value {
        whole(&self.schema().await.resource_schemas[TYPE], arguments)
    }

    /// A whole configuration of a backup of the first DDS instance.
    pub(crate) async fn config(&self, arguments: Value) -> Value {
        let mut all = json!({ "service": "dds", "instance_id": self.emulator.instance("dds") });
        merge(&mut all, arguments);
        self.object(&all).await
    }

    async fn validate(&self, config: &Value) -> Vec<tf::Diagnostic> {
        let request = tf::validate_resource_config::Request {
            type_name: TYPE.to_owned(),
            config: wire(config),
            ..Default::default()
        };
        self.host.provider().validate_resource_config(request).await.unwrap().into_inner().diagnostics
    }

    pub(crate) async fn plan(&self, config: &Value, prior: &Value) -> tf::plan_resource_change::Response {
        let request = tf::plan_resource_change::Request {
            prior_private: PRIVATE.to_vec(),
            ..plan_request(config, prior, &proposed(config, prior))
        };
        let answer = self.host.provider().plan_resource_change(request).await.unwrap().into_inner();
        assert_eq!(answer.planned_private, PRIVATE, "private is echoed");
        answer
    }

    pub(crate) async fn apply(
        &self,
        config: &Value,
        prior: &Value,
        planned: &Value,
    ) -> tf::apply_resource_change::Response {
        let request = tf::apply_resource_change::Request {
            planned_private: PRIVATE.to_vec(),
            ..apply_request(config, prior, planned)
        };
        self.host.provider().apply_resource_change(request).await.unwrap().into_inner()
    }

    /// Plans and applies a create.
    async fn create(&self, arguments: Value) -> tf::apply_resource_change::Response {
        let config = self.config(arguments).await;
        let plan = self.plan(&config, &Value::Null).await;
        assert_eq!(errors(&plan.diagnostics), Vec::<String>::new());
        self.apply(&config, &Value::Null, &unwired(plan.planned_state.as_ref())).await
    }

    pub(crate) async fn read(&self, state: &Value) -> tf::read_resource::Response {
        let request = tf::read_resource::Request {
            type_name: TYPE.to_owned(),
            current_state: wire(state),
            private: PRIVATE.to_vec(),
            ..Default::default()
        };
        self.host.provider().read_resource(request).await.unwrap().into_inner()
    }
}

/// An object with every attribute and block of the schema: these arguments, and nothing where none is given.
pub(crate) fn whole(schema: &tf::Schema, arguments: &Value) -> Value {
    let block = schema.block.as_ref().unwrap();
    let mut object = Map::new();
    for attribute in &block.attributes {
        object.insert(attribute.name.clone(), Value::Null);
    }
    for nested in &block.block_types {
        let single = nested.nesting == tf::schema::nested_block::NestingMode::Single as i32;
        object.insert(nested.type_name.clone(), if single { Value::Null } else { json!([]) });
    }
    let mut object = Value::Object(object);
    merge(&mut object, arguments.clone());
    object
}

fn merge(into: &mut Value, more: Value) {
    let Value::Object(more) = more else { panic!("arguments are an object") };
    for (name, value) in more {
        into.as_object_mut().unwrap().insert(name, value);
    }
}

/// What Core proposes: what is configured, and the prior value where nothing is.
pub(crate) fn proposed(config: &Value, prior: &Value) -> Value {
    let mut proposed = config.clone();
    if let (Value::Object(proposed), Value::Object(prior)) = (&mut proposed, prior) {
        for (name, value) in proposed.iter_mut().filter(|(_, value)| value.is_null()) {
            *value = prior[name].clone();
        }
        // What is neither configured nor computed is not carried on.
        for name in ["name_prefix", "triggers", "timeouts"] {
            proposed[name] = config[name].clone();
        }
    }
    proposed
}

pub(crate) fn errors(diagnostics: &[tf::Diagnostic]) -> Vec<String> {
    diagnostics
        .iter()
        .filter(|one| one.severity == tf::diagnostic::Severity::Error as i32)
        .map(|one| one.summary.clone())
        .collect()
}

/// The top-level attribute that a diagnostic points at.
fn blamed(diagnostic: &tf::Diagnostic) -> Option<String> {
    match diagnostic.attribute.as_ref()?.steps.first()?.selector.as_ref()? {
        tf::attribute_path::step::Selector::AttributeName(name) => Some(name.clone()),
        _ => None,
    }
}

fn unknowns(value: &Value) -> Vec<String> {
    let members = value.as_object().into_iter().flatten();
    members.filter(|(_, value)| **value == UNKNOWN).map(|(name, _)| name.clone()).collect()
}

#[tokio::test]
async fn lines_21_23_24_25_the_schema_is_constant_and_nothing_depends_on_it() {
    let run = Run::unconfigured(1.0).await;
    let schema = run.schema().await;
    assert_eq!(schema, run.schema().await);
    assert!(schema.diagnostics.is_empty());
    let metadata = run.host.provider().get_metadata(tf::get_metadata::Request {}).await.unwrap().into_inner();
    let named: Vec<_> = metadata.resources.into_iter().map(|one| one.type_name).collect();
    assert_eq!(named, schema.resource_schemas.keys().cloned().collect::<Vec<_>>());
    let mut named: Vec<_> = metadata.data_sources.into_iter().map(|one| one.type_name).collect();
    named.sort();
    let mut listed: Vec<_> = schema.data_source_schemas.keys().cloned().collect();
    listed.sort();
    assert_eq!(named, listed);
    for schema in schema.resource_schemas.values().chain(schema.data_source_schemas.values()) {
        for attribute in &schema.block.as_ref().unwrap().attributes {
            assert!(attribute.nested_type.is_some() == attribute.r#type.is_empty(), "{}", attribute.name);
        }
    }
    assert!(run.emulator.journal().is_empty(), "no call to any network");

    // A process that is never asked for its schema works all the same.
    let other = Host::start().await;
    let config =
        whole(&schema.resource_schemas[TYPE], &json!({ "service": "dds", "instance_id": "i", "name": " first" }));
    let request = tf::validate_resource_config::Request {
        type_name: TYPE.to_owned(),
        config: wire(&config),
        ..Default::default()
    };
    let said = other.provider().validate_resource_config(request).await.unwrap().into_inner().diagnostics;
    assert_eq!(blamed(&said[0]).as_deref(), Some("name"));
}

#[tokio::test]
async fn lines_28_29_30_31_35_validation_takes_anything_before_any_configuration() {
    let run = Run::unconfigured(1.0).await;
    let nothing = run.object(&json!({})).await;
    let said = run.validate(&nothing).await;
    let mut blames: Vec<_> = said.iter().filter_map(blamed).collect();
    blames.sort();
    assert_eq!(blames, ["instance_id", "name", "service"], "{said:?}");

    let mut everything = nothing.clone();
    for (name, value) in everything.as_object_mut().unwrap() {
        // A block that a person cannot compute stays what it is; inside, anything may be unknown.
        if name != "timeouts" && name != "databases" {
            *value = json!(UNKNOWN);
        }
    }
    let computed =
        ["id", "job_id", "status", "type", "instance_name", "datastore", "begin_time", "end_time", "size_bytes"];
    for name in computed {
        everything[name] = Value::Null;
    }
    merge(&mut everything, json!({ "timeouts": { "create": UNKNOWN, "read": null, "update": null, "delete": null } }));
    assert_eq!(run.validate(&everything).await, []);

    for name in computed {
        let mut config = run.config(json!({ "name": "good-name" })).await;
        config[name] = match name {
            "size_bytes" => json!(1),
            "datastore" => json!({ "type": "x", "version": null }),
            _ => json!("x"),
        };
        let said = run.validate(&config).await;
        assert!(said.iter().any(|one| blamed(one).as_deref() == Some(name)), "{name}: {said:?}");
    }
    assert!(run.emulator.journal().is_empty());
}

#[tokio::test]
async fn line_33_34_what_is_not_known_or_missing_about_the_provider() {
    let run = Run::unconfigured(1.0).await;
    let names: Vec<String> =
        run.schema().await.provider.unwrap().block.unwrap().attributes.into_iter().map(|one| one.name).collect();
    let unknown = Value::Object(names.into_iter().map(|name| (name, json!(UNKNOWN))).collect());
    assert_eq!(run.configure(&unknown).await, Vec::<String>::new());
    let config = run.config(json!({ "name": "good-name" })).await;
    assert_eq!(errors(&run.plan(&config, &Value::Null).await.diagnostics), Vec::<String>::new());

    let bare = Host::start().await;
    let request = tf::configure_provider::Request {
        config: wire(&whole(&run.schema().await.provider.unwrap(), &json!({ "region": "eu-de", "access_key": "AK" }))),
        ..Default::default()
    };
    let said = bare.provider().configure_provider(request).await.unwrap().into_inner().diagnostics;
    assert_eq!(errors(&said), ["Credentials are incomplete"]);
    for word in ["secret_key", "HW_SECRET_KEY", "OS_SECRET_KEY"] {
        assert!(said[0].detail.contains(word), "{}", said[0].detail);
    }
}

#[tokio::test]
async fn lines_39_42_47_48_a_create_plan_knows_what_can_be_known() {
    let run = Run::start(1.0).await;
    let config = run.config(json!({ "name_prefix": "p-", "triggers": { "a": UNKNOWN } })).await;
    let first = run.plan(&config, &Value::Null).await;
    let planned = unwired(first.planned_state.as_ref());
    assert_eq!(planned["wait_for_completion"], true);
    assert_eq!(planned["on_destroy"], "delete");
    assert_eq!(planned["region"], "eu-de");
    assert_eq!(planned["name_prefix"], "p-");
    assert_eq!(planned["databases"], json!([]));
    assert_eq!(planned["timeouts"], Value::Null);
    let mut open = unknowns(&planned);
    open.sort();
    assert_eq!(
        open,
        [
            "begin_time",
            "datastore",
            "description",
            "end_time",
            "id",
            "instance_name",
            "job_id",
            "name",
            "size_bytes",
            "status",
            "type"
        ]
    );
    assert_eq!(run.plan(&config, &Value::Null).await, first, "the same question has the same answer");

    let known = run.config(json!({ "name_prefix": "p-", "triggers": { "a": "1" } })).await;
    let second = unwired(run.plan(&known, &Value::Null).await.planned_state.as_ref());
    for (name, value) in planned.as_object().unwrap() {
        if *value != UNKNOWN && name != "triggers" {
            assert_eq!(second[name], *value, "{name}");
        }
    }

    // The same configuration as JSON instead of MessagePack.
    let text = json!(known).to_string().into_bytes();
    let request = tf::plan_resource_change::Request {
        type_name: TYPE.to_owned(),
        config: Some(tf::DynamicValue { msgpack: Vec::new(), json: text.clone() }),
        prior_state: Some(tf::DynamicValue::default()),
        proposed_new_state: Some(tf::DynamicValue { msgpack: Vec::new(), json: text }),
        ..Default::default()
    };
    let third = run.host.unchecked().plan_resource_change(request).await.unwrap().into_inner();
    assert_eq!(unwired(third.planned_state.as_ref()), second);
}

#[tokio::test]
async fn functions_need_no_region_and_everything_else_says_so() {
    let host = Host::start().await;
    let schema = host.provider().get_provider_schema(tf::get_provider_schema::Request {}).await.unwrap().into_inner();
    let configure = async |arguments: &Value| {
        let config = wire(&whole(schema.provider.as_ref().unwrap(), arguments));
        let request = tf::configure_provider::Request { config, ..Default::default() };
        host.provider().configure_provider(request).await.unwrap().into_inner().diagnostics
    };
    // Where anything is written, there is a line to blame.
    let told = configure(&json!({ "max_retries": 2 })).await;
    assert_eq!((errors(&told), told[0].attribute.is_some()), (vec!["No region".to_owned()], true));
    assert_eq!(errors(&configure(&json!({})).await), [""; 0]);
    let arguments = vec![wire(&json!("a89dab5e39394eccbdb77b19d57b0180in03")).unwrap()];
    let request = tf::call_function::Request { name: "parse_instance_id".to_owned(), arguments };
    assert!(host.provider().call_function(request).await.unwrap().into_inner().error.is_none());
    let backup = json!({ "service": "dds", "instance_id": "a89dab5e39394eccbdb77b19d57b0180in02", "name": "nightly" });
    let config = whole(&schema.resource_schemas[TYPE], &backup);
    let plan = host.provider().plan_resource_change(plan_request(&config, &Value::Null, &config)).await.unwrap();
    let told = plan.into_inner().diagnostics;
    assert_eq!((errors(&told), told[0].attribute.is_some()), (vec!["No region".to_owned()], false));
    let lookup = whole(&schema.data_source_schemas["huaweidb_instances"], &json!({ "service": "dds" }));
    let type_name = "huaweidb_instances".to_owned();
    let request = tf::read_data_source::Request { type_name, config: wire(&lookup), ..Default::default() };
    let read = host.provider().read_data_source(request).await.unwrap().into_inner();
    assert_eq!(errors(&read.diagnostics), ["No region"]);
}

#[tokio::test]
async fn a_timeouts_block_that_is_removed_goes_whatever_the_host_proposes() {
    let run = Run::start(0.2).await;
    let config = run.config(json!({ "name": "steady" })).await;
    let mut prior = config.clone();
    prior["timeouts"] = json!({ "create": null, "read": null, "update": null, "delete": "5m" });
    for (name, value) in [("id", "b1br02"), ("status", "COMPLETED"), ("on_destroy", "delete"), ("region", "eu-de")] {
        prior[name] = json!(value);
    }
    // Terraform 1.0 to 1.3 propose the block that was there.
    let answer = run.host.provider().plan_resource_change(plan_request(&config, &prior, &prior)).await.unwrap();
    let planned = unwired(answer.into_inner().planned_state.as_ref());
    assert_eq!(planned["timeouts"], Value::Null);
    assert_eq!(planned["id"], "b1br02");
}

/// Whether private bytes hold what the host sent; the provider adds where and when the backup was seen.
fn keeps(private: &[u8]) -> bool {
    let read = |bytes: &[u8]| serde_json::from_slice::<serde_json::Map<String, Value>>(bytes).expect("a JSON object");
    let stored = read(private);
    read(PRIVATE).iter().all(|(key, value)| stored.get(key) == Some(value))
}

#[tokio::test]
async fn lines_43_44_45_46_49_52_59_a_backup_that_exists_is_planned_by_what_changes() {
    let run = Run::start(0.2).await;
    let created = run.create(json!({ "name": "steady", "triggers": { "v": "1" } })).await;
    assert_eq!(errors(&created.diagnostics), Vec::<String>::new());
    let state = unwired(created.new_state.as_ref());
    assert_eq!(unknowns(&state), Vec::<String>::new());
    assert_eq!(state["status"], "COMPLETED");
    assert!(keeps(&created.private));

    let read = run.read(&state).await;
    assert_eq!(unwired(read.new_state.as_ref()), state, "an unchanged backup reads the same");
    assert!(keeps(&read.private));

    let config = run.config(json!({ "name": "steady", "triggers": { "v": "1" } })).await;
    let same = run.plan(&config, &state).await;
    assert_eq!(unwired(same.planned_state.as_ref()), state);
    assert!(same.requires_replace.is_empty() && same.diagnostics.is_empty(), "{same:?}");

    for (name, value) in [
        ("name", json!("other-name")),
        ("description", json!("another")),
        ("triggers", json!({ "v": "2" })),
        ("service", json!("geminidb")),
        ("instance_id", json!("another")),
        ("region", json!("eu-nl")),
    ] {
        let mut changed = config.clone();
        changed[name] = value;
        let plan = run.plan(&changed, &state).await;
        let paths: Vec<_> = plan
            .requires_replace
            .iter()
            .map(|path| match path.steps[0].selector.as_ref().unwrap() {
                tf::attribute_path::step::Selector::AttributeName(name) => name.clone(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(paths, [name]);
    }
    for (name, value) in [
        ("wait_for_completion", json!(false)),
        ("on_destroy", json!("retain")),
        ("timeouts", json!({ "create": "90s", "read": null, "update": null, "delete": null })),
    ] {
        let mut changed = config.clone();
        changed[name] = value;
        let plan = run.plan(&changed, &state).await;
        assert!(plan.requires_replace.is_empty(), "{name}");
        assert_eq!(unknowns(&unwired(plan.planned_state.as_ref())), Vec::<String>::new(), "{name} opens nothing");
    }

    let destroy = run.plan(&Value::Null, &state).await;
    assert_eq!(unwired(destroy.planned_state.as_ref()), Value::Null);
}

#[tokio::test]
async fn lines_53_56_57_58_whatever_fails_the_object_is_kept() {
    let run = Run::start(0.2).await;
    run.emulator.fault(Fault::new(FaultKind::FailBackup));
    let timeouts = json!({ "create": null, "read": null, "update": null, "delete": "6s" });
    let created = run.create(json!({ "name": "unlucky", "timeouts": timeouts })).await;
    assert_eq!(errors(&created.diagnostics), ["Backup failed"]);
    let state = unwired(created.new_state.as_ref());
    assert_eq!(state["id"], run.emulator.backups()[0].id.as_str());
    assert_eq!(unknowns(&state), Vec::<String>::new());
    assert!(keeps(&created.private));

    run.emulator.fault(Fault::status(500).on("dds").times(10_000));
    let read = run.read(&state).await;
    assert_eq!(errors(&read.diagnostics), ["Backup was not read"]);
    assert_eq!(unwired(read.new_state.as_ref()), state);
    let kept = run.apply(&Value::Null, &state, &Value::Null).await;
    assert_eq!(errors(&kept.diagnostics), ["Backup was not deleted in time"]);
    assert_eq!(unwired(kept.new_state.as_ref()), state);
    assert_eq!(kept.private, PRIVATE);
    run.emulator.clear_faults();

    // What ends well gets all the time it needs.
    let mut state = state;
    state["timeouts"] = Value::Null;
    for _ in 0..2 {
        // The second time it is gone already, and that is success too.
        let gone = run.apply(&Value::Null, &state, &Value::Null).await;
        assert_eq!(errors(&gone.diagnostics), Vec::<String>::new());
        assert_eq!(unwired(gone.new_state.as_ref()), Value::Null);
    }
    let read = run.read(&state).await;
    assert_eq!(errors(&read.diagnostics), Vec::<String>::new());
    assert_eq!(unwired(read.new_state.as_ref()), Value::Null);
}

#[tokio::test]
async fn lines_60_what_the_cloud_writes_differently_is_no_change() {
    let run = Run::start(0.2).await;
    let created = run.create(json!({ "name": "plain-words", "description": "" })).await;
    assert_eq!(errors(&created.diagnostics), Vec::<String>::new());
    let state = unwired(created.new_state.as_ref());
    assert_eq!(state["description"], "", "what is configured comes back as it was written");
    assert_eq!(state["type"], "manual", "the cloud says Manual");
    let read = unwired(run.read(&state).await.new_state.as_ref());
    assert_eq!(read, state);
}

#[tokio::test]
async fn lines_63_65_66_69_states_of_any_age_and_import_ids() {
    let run = Run::unconfigured(0.2).await;
    let stored = json!({ "id": "b", "service": "dds", "instance_id": "i", "name": "n", "removed_long_ago": [1], "size_bytes": 5 });
    let upgrade = |raw_state| tf::upgrade_resource_state::Request { type_name: TYPE.to_owned(), version: 0, raw_state };
    let raw = Some(tf::RawState { json: stored.to_string().into_bytes(), ..Default::default() });
    let answer = run.host.provider().upgrade_resource_state(upgrade(raw.clone())).await.unwrap().into_inner();
    assert_eq!(errors(&answer.diagnostics), Vec::<String>::new());
    let state = unwired(answer.upgraded_state.as_ref());
    assert_eq!((&state["id"], &state["size_bytes"], &state["job_id"]), (&json!("b"), &json!(5), &Value::Null));
    assert!(state.get("removed_long_ago").is_none());

    let flat = Some(tf::RawState { flatmap: [("id".to_owned(), "b".to_owned())].into(), ..Default::default() });
    let answer = run.host.provider().upgrade_resource_state(upgrade(flat)).await.unwrap().into_inner();
    assert_eq!(errors(&answer.diagnostics).len(), 1);

    let request = |source: &str| tf::move_resource_state::Request {
        source_provider_address: "registry.example.com/someone/huaweidb".to_owned(),
        source_type_name: source.to_owned(),
        source_state: raw.clone(),
        target_type_name: TYPE.to_owned(),
        ..Default::default()
    };
    let same = run.host.provider().move_resource_state(request(TYPE)).await.unwrap().into_inner();
    assert_eq!(errors(&same.diagnostics), Vec::<String>::new());
    assert_eq!(unwired(same.target_state.as_ref())["id"], "b");
    let foreign = run.host.provider().move_resource_state(request("other_thing")).await.unwrap().into_inner();
    assert_eq!(errors(&foreign.diagnostics).len(), 1);

    let endpoints = run.emulator.ready()["endpoints"].clone();
    assert_eq!(run.configure(&json!({ "endpoints": endpoints })).await, Vec::<String>::new());
    let import = async |id: &str| {
        let request =
            tf::import_resource_state::Request { type_name: TYPE.to_owned(), id: id.to_owned(), ..Default::default() };
        run.host.provider().import_resource_state(request).await.unwrap().into_inner()
    };
    let answer = import("dds/i/b").await;
    assert_eq!(answer.imported_resources.len(), 1);
    assert_eq!(answer.imported_resources[0].type_name, TYPE);
    let stub = unwired(answer.imported_resources[0].state.as_ref());
    assert_eq!((&stub["service"], &stub["instance_id"], &stub["id"]), (&json!("dds"), &json!("i"), &json!("b")));
    assert_eq!((&stub["wait_for_completion"], &stub["on_destroy"]), (&json!(true), &json!("delete")));
    for wrong in ["", "b", "dds", "dds/", "/i/b", "dds/i/b/c", "nosql/i/b", "rds/b", "dds/ i/b"] {
        let answer = import(wrong).await;
        assert_eq!(errors(&answer.diagnostics), ["Invalid import id"], "{wrong}");
        assert!(answer.diagnostics[0].detail.contains("<service>/<instance_id>/<backup_id>"));
        assert!(answer.imported_resources.is_empty());
    }
    assert!(run.emulator.journal().is_empty(), "none of this calls anybody");
}

#[tokio::test]
async fn line_70_a_stop_is_answered_at_once_and_ten_creates_end_with_their_state() {
    let run = Run::start(3600.0).await;
    let mut instances = vec![run.emulator.instance("dds")];
    while instances.len() < 10 {
        let name = format!("more-{}", instances.len());
        let wanted = json!({ "service": "dds", "name": name });
        instances.push(run.emulator.add_instance(&serde_json::from_value(wanted).unwrap()).id);
    }
    let mut creates = Vec::new();
    for instance in &instances {
        let config = run.config(json!({ "name_prefix": "stop-", "instance_id": instance })).await;
        let planned = unwired(run.plan(&config, &Value::Null).await.planned_state.as_ref());
        let mut provider = run.host.provider();
        let request = tf::apply_resource_change::Request {
            type_name: TYPE.to_owned(),
            config: wire(&config),
            prior_state: wire(&Value::Null),
            planned_state: wire(&planned),
            ..Default::default()
        };
        creates.push(tokio::spawn(async move { provider.apply_resource_change(request).await.unwrap().into_inner() }));
    }
    // A look that was sent after the last of them is there is for all.
    let mut looks = None;
    let looks_are = || run.emulator.journal().iter().filter(|call| call.method == "GET").count();
    timeout(NEVER, async {
        while looks.is_none_or(|looks| looks_are() < looks + 3) {
            if looks.is_none() && run.emulator.backups().len() == 10 {
                looks = Some(looks_are());
            }
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("ten creates run");

    run.host.provider().stop_provider(tf::stop_provider::Request {}).await.unwrap();
    let looks = looks_are();
    let mut ids = Vec::new();
    for create in creates {
        let answer = timeout(NEVER, create).await.expect("it ends").unwrap();
        assert_eq!(errors(&answer.diagnostics), Vec::<String>::new(), "an interrupt is no failure");
        assert!(answer.diagnostics.iter().any(|one| one.summary == "Backup is still running"));
        let state = unwired(answer.new_state.as_ref());
        assert_eq!(state["status"], "BUILDING");
        ids.push(state["id"].as_str().unwrap().to_owned());
    }
    assert!(looks_are() <= looks + 1, "nobody looks once more, but for what was on its way");
    let mut exist: Vec<_> = run.emulator.backups().into_iter().map(|row| row.id).collect();
    ids.sort();
    exist.sort();
    assert_eq!(ids, exist, "the states name what exists");
}

#[tokio::test]
async fn a_stop_ends_a_plan_that_waits_for_the_cloud() {
    let run = Run::start(0.2).await;
    let state = unwired(run.create(json!({ "name": "planned" })).await.new_state.as_ref());
    // Whoever plans to delete it lists the others, and the cloud does not answer.
    run.emulator.fault(Fault::delay(600_000).on("dds").times(100));
    let stopped = async {
        while run.emulator.journal().iter().all(|call| call.fault.is_none()) {
            sleep(Duration::from_millis(5)).await;
        }
        run.host.provider().stop_provider(tf::stop_provider::Request {}).await.unwrap();
    };
    let planned = timeout(NEVER, run.plan(&Value::Null, &state));
    let (answer, ()) = tokio::join!(planned, stopped);
    let answer = answer.expect("it waits for no answer");
    let unanswered = run.emulator.journal().iter().filter(|call| call.fault.is_some()).count();
    assert_eq!(unanswered, 1, "nothing else is asked");
    assert_eq!(errors(&answer.diagnostics), ["Plan was interrupted"]);
    assert_eq!(unwired(answer.planned_state.as_ref()), state);
}
