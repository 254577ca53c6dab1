//! Hostile input from both sides. The CLI's: bytes of every kind in every field of every call that takes a value. The
//! cloud's: answers that are too large, have no end, or say what nobody has heard of. The process must stay small and go on
//! serving; whoever asked is told what is wrong. (The fault matrix has the cloud's other bad answers.)
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::Instant;

use huaweidb_emulator::{Fault, FaultKind, NewBackups};
use serde_json::{Value as Json, json};

use crate::binary::{Run, errors, whole};
use crate::support::host::{Host, Launch};
use crate::support::proto::tfplugin6 as tf;
use crate::support::run::TYPE;
use crate::support::value::{unwired, wire};

/// So many small changes to a good value are tried per field, in each of the two encodings.
const CHANGES: usize = 150;
/// More memory than this, in MiB, is too much for a few bytes.
const MOST_MIB: u64 = 200;

/// Memory that the process has used at most, in MiB.
pub(crate) fn peak_mib(process_id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// Numbers that are the same every time (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    /// A few small changes.
    fn change(&mut self, bytes: &mut Vec<u8>) {
        const TELLING: &[u8] =
            &[0, 1, 0x7f, 0x80, 0x92, 0xc0, 0xc1, 0xc6, 0xcf, 0xd4, 0xd9, 0xdd, 0xdf, 0xff, b'"', b'{', b'[', b'9'];
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            match self.below(6) {
                0 if at > 0 => bytes.truncate(at),
                1 => bytes.insert(at, TELLING[self.below(TELLING.len())]),
                2 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                3 if at < bytes.len() => _ = bytes.remove(at),
                4 => {
                    let part = bytes[at..(at + self.below(24)).min(bytes.len())].to_vec();
                    bytes.splice(at..at, part);
                }
                _ if at < bytes.len() => bytes[at] = TELLING[self.below(TELLING.len())],
                _ => {}
            }
        }
    }
}

/// So many lists or maps in one another.
pub(crate) fn nested(open: u8, depth: usize) -> Vec<u8> {
    [vec![open; depth], vec![0xc0]].concat()
}

/// A dynamic value whose type is very deep.
pub(crate) fn deep_type() -> Vec<u8> {
    let deep = format!("{}\"string\"{}", "[\"list\",".repeat(20_000), "]".repeat(20_000));
    let length = u32::try_from(deep.len()).unwrap().to_be_bytes();
    [&b"\x81\xa7service\x92\xc6"[..], &length, deep.as_bytes(), b"\xc0"].concat()
}

/// Few bytes that claim to be much, and many that mean little; no one is a value of any schema.
fn hostile() -> Vec<tf::DynamicValue> {
    let msgpack: Vec<Vec<u8>> = vec![
        b"\xdd\xff\xff\xff\xff".to_vec(),
        b"\xdf\xff\xff\xff\xff".to_vec(),
        b"\xdb\xff\xff\xff\xff".to_vec(),
        b"\xc6\xff\xff\xff\xff".to_vec(),
        b"\xc9\xff\xff\xff\xff\x0c".to_vec(),
        b"\x81\xdb\xff\xff\xff\xffservice".to_vec(),
        nested(0x91, 500_000),
        nested(0x81, 500_000),
        deep_type(),
        b"\xc1".to_vec(),
        b"\x80\x80".to_vec(),
    ];
    let json = [
        "[".repeat(500_000),
        "{\"service\":".repeat(500_000),
        format!("{{\"service\": {}", "9".repeat(500_000)),
        "{\"service\": \"\\ud800\"}".to_owned(),
        "{\"service\": \"a\"} {}".to_owned(),
        "nul".to_owned(),
        "\u{0}".to_owned(),
    ];
    let msgpack = msgpack.into_iter().map(|msgpack| tf::DynamicValue { msgpack, json: Vec::new() });
    msgpack.chain(json.into_iter().map(|json| tf::DynamicValue { msgpack: Vec::new(), json: json.into() })).collect()
}

/// Values as they should be, and as JSON.
struct Good {
    provider: Json,
    resource: Json,
    state: Json,
    data: Json,
    ephemeral: Json,
    list: Json,
    action: Json,
    identity: Json,
}

static GOOD: OnceLock<Good> = OnceLock::new();

fn good() -> &'static Good {
    GOOD.get().expect("it was asked for")
}

async fn learn(host: &Host) {
    let schema = host.provider().get_provider_schema(tf::get_provider_schema::Request {}).await.unwrap().into_inner();
    let dds = |more: Json| {
        let mut all = json!({ "service": "dds", "instance_id": "6b2e82f8b2342b097b8bf87b9536ed15in02" });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let id = "b860397e6c69b2f7f8b8a7e827bbc512br02";
    let config = dds(json!({ "name": "good", "triggers": { "a": "1" }, "wait_for_completion": true }));
    let state = dds(json!({ "name": "good", "id": id, "status": "COMPLETED", "size_bytes": 5, "region": "eu-de" }));
    let good = Good {
        provider: whole(schema.provider.as_ref().unwrap(), &json!({ "region": "eu-de", "max_retries": 0 })),
        resource: whole(&schema.resource_schemas[TYPE], &config),
        state: whole(&schema.resource_schemas[TYPE], &state),
        data: whole(&schema.data_source_schemas["huaweidb_backup"], &dds(json!({ "most_recent": true }))),
        ephemeral: whole(
            &schema.ephemeral_resource_schemas["huaweidb_backup_download"],
            &dds(json!({ "backup_id": id })),
        ),
        list: whole(&schema.list_resource_schemas[TYPE], &dds(json!({}))),
        action: whole(
            schema.action_schemas["huaweidb_stop_backup"].schema.as_ref().unwrap(),
            &dds(json!({ "backup_id": id })),
        ),
        identity: dds(json!({ "id": id, "region": "eu-de" })),
    };
    let _ = GOOD.set(good);
}

type Said = Pin<Box<dyn Future<Output = Vec<tf::Diagnostic>> + Send>>;

/// One field of one call.
struct Field {
    name: &'static str,
    /// What should be there.
    good: fn(&Good) -> &Json,
    /// Whether the provider reads it; else it is only carried, or not looked at.
    is_read: bool,
    /// Sends it, with everything else as it should be.
    ask: fn(&Host, tf::DynamicValue) -> Said,
}

macro_rules! field {
    ($name:literal, $good:ident, $is_read:literal, $value:ident => $call:ident $request:expr, $answer:ident => $said:expr) => {
        Field {
            name: $name,
            good: |good| &good.$good,
            is_read: $is_read,
            ask: |host, $value| {
                let mut provider = host.unchecked();
                Box::pin(async move {
                    let answer = provider.$call($request).await;
                    #[allow(unused_mut, reason = "streams are read")]
                    let mut $answer = answer.unwrap_or_else(|status| panic!("{}: {status}", $name)).into_inner();
                    $said
                })
            },
        }
    };
}

fn kind() -> String {
    TYPE.to_owned()
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a request's field")]
fn raw(value: &tf::DynamicValue) -> Option<tf::RawState> {
    let json = if value.json.is_empty() { value.msgpack.clone() } else { value.json.clone() };
    Some(tf::RawState { json, ..Default::default() })
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a request's field")]
fn identity(value: tf::DynamicValue) -> Option<tf::ResourceIdentityData> {
    Some(tf::ResourceIdentityData { identity_data: Some(value) })
}

fn bytes(value: tf::DynamicValue) -> Vec<u8> {
    if value.json.is_empty() { value.msgpack } else { value.json }
}

fn text(value: tf::DynamicValue) -> String {
    String::from_utf8_lossy(&bytes(value)).into_owned()
}

fn read() -> tf::read_resource::Request {
    tf::read_resource::Request { type_name: kind(), current_state: wire(&good().state), ..Default::default() }
}

fn plan() -> tf::plan_resource_change::Request {
    tf::plan_resource_change::Request {
        type_name: kind(),
        prior_state: wire(&good().state),
        proposed_new_state: wire(&good().state),
        config: wire(&good().resource),
        ..Default::default()
    }
}

fn apply() -> tf::apply_resource_change::Request {
    tf::apply_resource_change::Request {
        type_name: kind(),
        prior_state: wire(&good().state),
        planned_state: wire(&good().state),
        config: wire(&good().resource),
        ..Default::default()
    }
}

fn moved() -> tf::move_resource_state::Request {
    tf::move_resource_state::Request {
        source_provider_address: "registry.example.com/someone/huaweidb".to_owned(),
        source_type_name: kind(),
        target_type_name: kind(),
        source_state: Some(tf::RawState { json: good().state.to_string().into_bytes(), ..Default::default() }),
        ..Default::default()
    }
}

fn imported() -> tf::import_resource_state::Request {
    tf::import_resource_state::Request { type_name: kind(), ..Default::default() }
}

fn function(name: &str, arguments: Vec<tf::DynamicValue>) -> tf::call_function::Request {
    tf::call_function::Request { name: name.to_owned(), arguments }
}

/// A function's error, in the form of the others.
fn said(error: Option<tf::FunctionError>) -> Vec<tf::Diagnostic> {
    error.into_iter().map(|error| tf::Diagnostic { severity: 1, summary: error.text, ..Default::default() }).collect()
}

/// All fields through which the CLI passes values, for a provider that is not configured: nothing gets to a cloud.
#[expect(clippy::too_many_lines, reason = "a list")]
fn fields() -> Vec<Field> {
    vec![
        field!("ValidateProviderConfig.config", provider, true,
            value => validate_provider_config tf::validate_provider_config::Request { config: Some(value) },
            answer => answer.diagnostics),
        field!("ValidateResourceConfig.config", resource, true,
            value => validate_resource_config tf::validate_resource_config::Request {
                type_name: kind(), config: Some(value), ..Default::default() },
            answer => answer.diagnostics),
        field!("ValidateDataResourceConfig.config", data, true,
            value => validate_data_resource_config tf::validate_data_resource_config::Request {
                type_name: "huaweidb_backup".to_owned(), config: Some(value) },
            answer => answer.diagnostics),
        field!("UpgradeResourceState.raw_state", state, true,
            value => upgrade_resource_state tf::upgrade_resource_state::Request {
                type_name: kind(), version: 0, raw_state: raw(&value) },
            answer => answer.diagnostics),
        field!("UpgradeResourceIdentity.raw_identity", identity, true,
            value => upgrade_resource_identity tf::upgrade_resource_identity::Request {
                type_name: kind(), version: 0, raw_identity: raw(&value) },
            answer => answer.diagnostics),
        field!("ReadResource.current_state", state, true,
            value => read_resource tf::read_resource::Request { current_state: Some(value), ..read() },
            answer => answer.diagnostics),
        field!("ReadResource.private", state, false,
            value => read_resource tf::read_resource::Request { private: bytes(value), ..read() },
            answer => answer.diagnostics),
        field!("ReadResource.provider_meta", state, false,
            value => read_resource tf::read_resource::Request { provider_meta: Some(value), ..read() },
            answer => answer.diagnostics),
        field!("ReadResource.current_identity", identity, false,
            value => read_resource tf::read_resource::Request { current_identity: identity(value), ..read() },
            answer => answer.diagnostics),
        field!("PlanResourceChange.prior_state", state, true,
            value => plan_resource_change tf::plan_resource_change::Request { prior_state: Some(value), ..plan() },
            answer => answer.diagnostics),
        field!("PlanResourceChange.proposed_new_state", state, true,
            value => plan_resource_change tf::plan_resource_change::Request { proposed_new_state: Some(value), ..plan() },
            answer => answer.diagnostics),
        field!("PlanResourceChange.config", resource, true,
            value => plan_resource_change tf::plan_resource_change::Request { config: Some(value), ..plan() },
            answer => answer.diagnostics),
        field!("PlanResourceChange.prior_private", state, false,
            value => plan_resource_change tf::plan_resource_change::Request { prior_private: bytes(value), ..plan() },
            answer => answer.diagnostics),
        field!("PlanResourceChange.provider_meta", state, false,
            value => plan_resource_change tf::plan_resource_change::Request { provider_meta: Some(value), ..plan() },
            answer => answer.diagnostics),
        field!("PlanResourceChange.prior_identity", identity, false,
            value => plan_resource_change tf::plan_resource_change::Request { prior_identity: identity(value), ..plan() },
            answer => answer.diagnostics),
        field!("ApplyResourceChange.prior_state", state, true,
            value => apply_resource_change tf::apply_resource_change::Request { prior_state: Some(value), ..apply() },
            answer => answer.diagnostics),
        field!("ApplyResourceChange.planned_state", state, true,
            value => apply_resource_change tf::apply_resource_change::Request { planned_state: Some(value), ..apply() },
            answer => answer.diagnostics),
        field!("ApplyResourceChange.config", resource, true,
            value => apply_resource_change tf::apply_resource_change::Request { config: Some(value), ..apply() },
            answer => answer.diagnostics),
        field!("ApplyResourceChange.planned_private", state, false,
            value => apply_resource_change tf::apply_resource_change::Request { planned_private: bytes(value), ..apply() },
            answer => answer.diagnostics),
        field!("ApplyResourceChange.provider_meta", state, false,
            value => apply_resource_change tf::apply_resource_change::Request { provider_meta: Some(value), ..apply() },
            answer => answer.diagnostics),
        field!("ApplyResourceChange.planned_identity", identity, false,
            value => apply_resource_change tf::apply_resource_change::Request {
                planned_identity: identity(value), ..apply() },
            answer => answer.diagnostics),
        field!("ImportResourceState.id", identity, true,
            value => import_resource_state tf::import_resource_state::Request { id: text(value), ..imported() },
            answer => answer.diagnostics),
        field!("ImportResourceState.identity", identity, true,
            value => import_resource_state tf::import_resource_state::Request {
                identity: identity(value), ..imported() },
            answer => answer.diagnostics),
        field!("MoveResourceState.source_state", state, true,
            value => move_resource_state tf::move_resource_state::Request { source_state: raw(&value), ..moved() },
            answer => answer.diagnostics),
        field!("MoveResourceState.source_private", state, false,
            value => move_resource_state tf::move_resource_state::Request { source_private: bytes(value), ..moved() },
            answer => answer.diagnostics),
        field!("MoveResourceState.source_identity", identity, false,
            value => move_resource_state tf::move_resource_state::Request { source_identity: raw(&value), ..moved() },
            answer => answer.diagnostics),
        field!("MoveResourceState.source_type_name", state, true,
            value => move_resource_state tf::move_resource_state::Request { source_type_name: text(value), ..moved() },
            answer => answer.diagnostics),
        field!("ReadDataSource.config", data, true,
            value => read_data_source tf::read_data_source::Request {
                type_name: "huaweidb_backup".to_owned(), config: Some(value), ..Default::default() },
            answer => answer.diagnostics),
        field!("ReadDataSource.provider_meta", data, false,
            value => read_data_source tf::read_data_source::Request {
                type_name: "huaweidb_backup".to_owned(), config: wire(&good().data), provider_meta: Some(value),
                ..Default::default() },
            answer => answer.diagnostics),
        field!("ValidateEphemeralResourceConfig.config", ephemeral, true,
            value => validate_ephemeral_resource_config tf::validate_ephemeral_resource_config::Request {
                type_name: "huaweidb_backup_download".to_owned(), config: Some(value) },
            answer => answer.diagnostics),
        field!("OpenEphemeralResource.config", ephemeral, true,
            value => open_ephemeral_resource tf::open_ephemeral_resource::Request {
                type_name: "huaweidb_backup_download".to_owned(), config: Some(value), ..Default::default() },
            answer => answer.diagnostics),
        field!("RenewEphemeralResource.private", ephemeral, false,
            value => renew_ephemeral_resource tf::renew_ephemeral_resource::Request {
                type_name: "huaweidb_backup_download".to_owned(), private: Some(bytes(value)) },
            answer => answer.diagnostics),
        field!("CloseEphemeralResource.private", ephemeral, false,
            value => close_ephemeral_resource tf::close_ephemeral_resource::Request {
                type_name: "huaweidb_backup_download".to_owned(), private: Some(bytes(value)) },
            answer => answer.diagnostics),
        field!("ValidateListResourceConfig.config", list, true,
            value => validate_list_resource_config tf::validate_list_resource_config::Request {
                type_name: kind(), config: Some(value), ..Default::default() },
            answer => answer.diagnostics),
        field!("ValidateListResourceConfig.limit", list, false,
            value => validate_list_resource_config tf::validate_list_resource_config::Request {
                type_name: kind(), config: wire(&good().list), limit: Some(value), ..Default::default() },
            answer => answer.diagnostics),
        field!("ListResource.config", list, true,
        value => list_resource tf::list_resource::Request {
            type_name: kind(), config: Some(value), limit: 10, include_resource_object: true },
        answer => {
            let mut said = Vec::new();
            while let Some(event) = answer.message().await.unwrap() {
                said.extend(event.diagnostic);
            }
            said
        }),
        field!("ValidateActionConfig.config", action, true,
            value => validate_action_config tf::validate_action_config::Request {
                type_name: "huaweidb_stop_backup".to_owned(), config: Some(value) },
            answer => answer.diagnostics),
        field!("PlanAction.config", action, true,
            value => plan_action tf::plan_action::Request {
                action_type: "huaweidb_stop_backup".to_owned(), config: Some(value), ..Default::default() },
            answer => answer.diagnostics),
        field!("InvokeAction.config", action, true,
        value => invoke_action tf::invoke_action::Request {
            action_type: "huaweidb_stop_backup".to_owned(), config: Some(value), ..Default::default() },
        answer => {
            let mut said = Vec::new();
            while let Some(event) = answer.message().await.unwrap() {
                if let Some(tf::invoke_action::event::Type::Completed(end)) = event.r#type {
                    said.extend(end.diagnostics);
                }
            }
            said
        }),
        field!("CallFunction.arguments of parse_instance_id", identity, true,
            value => call_function function("parse_instance_id", vec![value]),
            answer => said(answer.error)),
        field!("CallFunction.arguments of select_prunable", identity, true,
            value => call_function function("select_prunable", vec![value.clone(), value]),
            answer => said(answer.error)),
        field!("CallFunction.arguments of backup_name", identity, true,
            value => call_function function("backup_name", vec![value.clone(), value]),
            answer => said(answer.error)),
        field!("CallFunction.name", identity, true,
            value => call_function function(&text(value), Vec::new()),
            answer => said(answer.error)),
    ]
}

/// `ConfigureProvider` and imports, which no cloud hears of either, are asked of a process that is configured.
fn configures() -> Field {
    field!("ConfigureProvider.config", provider, true,
        value => configure_provider tf::configure_provider::Request {
            config: Some(value), terraform_version: "1.11.4".to_owned(), ..Default::default() },
        answer => answer.diagnostics)
}

async fn launch() -> Host {
    // Without keys it would look for a metadata service.
    let launch = Launch::secured().env("HW_REGION_NAME", "eu-de").env("HW_PROJECT_ID", "p1");
    launch.env("HW_ACCESS_KEY", "AK").env("HW_SECRET_KEY", "SK").start().await.connect().await
}

#[tokio::test]
async fn no_bytes_in_any_field_are_too_much() {
    let began = Instant::now();
    let (mut host, mut other) = (launch().await, launch().await);
    learn(&host).await;
    let configured = (configures().ask)(&other, wire(&good().provider).unwrap()).await;
    assert_eq!(configured, []);
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut asked, mut refused) = (0, 0);
    let mut seen = BTreeSet::new();
    let all: Vec<Field> = fields().into_iter().chain([configures()]).collect();
    for field in &all {
        assert!(seen.insert(field.name));
        let configured = ["Configure", "Import"].iter().any(|call| field.name.starts_with(call));
        let host = if configured { &other } else { &host };
        for value in hostile() {
            let start = (value.msgpack.get(..8).map(<[u8]>::to_vec), value.json.get(..20).map(<[u8]>::to_vec));
            let said = (field.ask)(host, value).await;
            asked += 1;
            // That it is not configured says nothing about the value.
            let errors = errors(&said);
            let told = errors.iter().any(|summary| !summary.contains("not configured"));
            assert!(told || !field.is_read, "{} takes {start:?}: {said:?}", field.name);
            let longest = said.iter().map(|one| one.summary.len() + one.detail.len()).max();
            assert!(longest.is_none_or(|longest| longest < 8_000), "{}: {start:?} is repeated to people", field.name);
        }
        let good = (field.good)(good());
        let msgpack = wire(good).unwrap().msgpack;
        let json = good.to_string().into_bytes();
        for nth in 0..2 * CHANGES {
            let mut bytes = if nth % 2 == 0 { msgpack.clone() } else { json.clone() };
            dice.change(&mut bytes);
            let value = match nth % 2 {
                0 => tf::DynamicValue { msgpack: bytes, json: Vec::new() },
                _ => tf::DynamicValue { msgpack: Vec::new(), json: bytes },
            };
            refused += usize::from(!errors(&(field.ask)(host, value).await).is_empty());
            asked += 1;
        }
    }
    let mut peak = 0;
    for host in [&mut host, &mut other] {
        peak = peak.max(peak_mib(host.plugin().id()));
    }
    for host in [host, other] {
        let metadata = host.provider().get_metadata(tf::get_metadata::Request {}).await.unwrap().into_inner();
        assert!(!metadata.resources.is_empty(), "it still answers");
        let plugin = host.shut_down().await;
        let panics: Vec<_> = plugin.stderr().into_iter().filter(|line| line.contains("panic")).collect();
        assert!(panics.is_empty(), "{panics:#?}");
    }
    let line = format!(
        "hostile values: {} fields, {asked} requests, {refused} changed values refused, no panic, at most {peak} MiB; {:.0} s",
        all.len(),
        began.elapsed().as_secs_f64()
    );
    writeln!(std::io::stderr(), "{line}").unwrap();
    assert!(peak < MOST_MIB, "{line}");
}

/// Reads a data source of the first DDS instance.
async fn look_up(run: &Run, name: &str) -> tf::read_data_source::Response {
    let name = format!("huaweidb_{name}");
    let schema =
        run.host.provider().get_provider_schema(tf::get_provider_schema::Request {}).await.unwrap().into_inner();
    let arguments = json!({ "service": "dds", "instance_id": run.emulator.instance("dds") });
    let config = wire(&whole(&schema.data_source_schemas[&name], &arguments));
    let request = tf::read_data_source::Request { type_name: name, config, ..Default::default() };
    run.host.provider().read_data_source(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn an_oversized_answer_is_not_taken_into_memory() {
    let mut run = Run::start(0.2).await;
    let before = peak_mib(run.host.plugin().id());
    run.emulator.fault(Fault { bytes: Some(96 << 20), ..Fault::new(FaultKind::Oversized) }.on("dds").times(2));
    let answer = look_up(&run, "backups").await;
    assert_eq!(errors(&answer.diagnostics), ["Search failed"]);
    let detail = &answer.diagnostics[0].detail;
    assert!(detail.contains("larger than 16777216 bytes"), "{detail}");
    let after = peak_mib(run.host.plugin().id());
    assert!(after - before < 40, "{before} MiB became {after} MiB");
}

#[tokio::test]
async fn a_list_that_repeats_itself_is_an_error_and_not_a_short_list() {
    let run = Run::start(0.2).await;
    let wanted = NewBackups { instance_id: run.emulator.instance("dds"), count: 250, ..NewBackups::default() };
    run.emulator.add_backups(&wanted);
    let whole_list = look_up(&run, "backups").await;
    assert_eq!(unwired(whole_list.state.as_ref())["backups"].as_array().map(Vec::len), Some(250));
    run.emulator.set_modes(|modes| modes.ignore_offset = true);
    run.emulator.clear_journal();
    let answer = look_up(&run, "backups").await;
    assert_eq!(errors(&answer.diagnostics), ["Search failed"]);
    let detail = &answer.diagnostics[0].detail;
    assert!(detail.contains("repeats itself: 100 of 250 records"), "{detail}");
    assert_eq!(run.emulator.journal().len(), 2, "it is not asked for ever");
}

/// Whoever waits goes on waiting, and the state has the cloud's own word.
#[tokio::test]
async fn a_status_nobody_has_heard_of_is_waited_out() {
    let run = Run::start(60.0).await;
    let config = run.config(json!({ "name": "thawing", "wait_for_completion": false })).await;
    let planned = unwired(run.plan(&config, &Json::Null).await.planned_state.as_ref());
    let created = run.apply(&config, &Json::Null, &planned).await;
    assert_eq!(errors(&created.diagnostics), [""; 0]);
    let state = unwired(created.new_state.as_ref());
    let id = state["id"].as_str().unwrap().to_owned();
    run.emulator.set_status(&id, "THAWING\u{1b}[2J");
    let state = unwired(run.read(&state).await.new_state.as_ref());
    assert_eq!(state["status"], "THAWING [2J", "nothing moves anybody's cursor");

    let config = run.config(json!({ "name": "thawing" })).await;
    let planned = unwired(run.plan(&config, &state).await.planned_state.as_ref());
    let ended = async {
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        run.emulator.set_status(&id, "COMPLETED");
        Instant::now()
    };
    let (applied, completed) = tokio::join!(run.apply(&config, &state, &planned), ended);
    assert!(Instant::now() >= completed, "not before it has completed");
    assert_eq!(errors(&applied.diagnostics), [""; 0]);
    assert_eq!(unwired(applied.new_state.as_ref())["status"], "COMPLETED");
}
