//! The plugin floor's newer half alone: a provider whose action, list, ephemeral value and function misbehave in every way.
//! Names carry the line of the conformance list that they cover.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, SystemTime};

use huaweidb::plugin::{
    Action, Attached, Attr, Attribute, Catalogue, Diagnostic, Diagnostics, EphemeralResource, Findings, Function,
    FunctionError, Identity, Lease, Life, ListResource, Provider, Resource, Run, Schema, Signature, Type, Value,
    attach, faults, model,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::host::Host;
use crate::support::proto::tfplugin6 as tf;
use crate::support::value::{unwired, wire};

struct Odd;

model! {
    /// What everything here has.
    struct Thing {
        name: Attr<String>,
    }
}

fn schema() -> Schema {
    Schema::new("Odd.").attribute(Attribute::string("name").required().describe("What goes wrong."))
}

fn trouble() -> Diagnostics {
    Diagnostic::error("Trouble", "It was told to.").into()
}

impl Provider for Odd {
    type Settings = Thing;
    type Client = ();

    fn name(&self) -> &'static str {
        "odd"
    }

    fn address(&self) -> &'static str {
        "localhost/test/odd"
    }

    fn schema(&self) -> Schema {
        Schema::new("Odd.").attribute(Attribute::string("name").describe("Nothing."))
    }

    async fn configure(&self, _: Thing, _: &str, _: &CancellationToken, _: &mut Diagnostics) -> Option<()> {
        Some(())
    }

    fn catalogue(&self) -> Catalogue<()> {
        Catalogue::new()
            .resource("thing", OddResource)
            .list_resource("thing", OddList)
            .action("act", OddAction)
            .ephemeral_resource("lease", OddLease)
            .function("compute", OddFunction)
    }
}

struct OddResource;

impl Resource<()> for OddResource {
    type Model = Thing;

    fn schema(&self) -> Schema {
        schema().identified_by(Identity::new().required("name", "The name."))
    }

    async fn create(&self, (): &(), planned: Thing, _: &mut Life<Thing>) -> Result<Thing, Diagnostics> {
        Ok(planned)
    }

    async fn read(&self, (): &(), state: Thing, _: &mut Life<Thing>) -> Result<Option<Thing>, Diagnostics> {
        Ok(Some(state))
    }

    async fn update(&self, (): &(), _: Thing, planned: Thing, _: &mut Life<Thing>) -> Result<Thing, Diagnostics> {
        Ok(planned)
    }

    async fn delete(&self, (): &(), _: Thing, _: &mut Life<Thing>) -> Result<(), Diagnostics> {
        Ok(())
    }

    fn import(&self, id: &str) -> Result<Thing, Diagnostics> {
        Ok(Thing { name: id.into() })
    }
}

struct OddList;

impl ListResource<()> for OddList {
    type Model = Thing;
    type Object = Thing;

    fn schema(&self) -> Schema {
        schema()
    }

    async fn list(&self, (): &(), config: Thing, findings: &mut Findings<Thing>) -> Result<(), Diagnostics> {
        let what = config.name.into_known().unwrap_or_default();
        // Deaf to being told that nobody wants more.
        for count in 0..5 {
            let name = if what == "nameless" { Attr::Null } else { Attr::Known(format!("thing-{count}")) };
            let _ = findings.push("a thing", Thing { name }).await;
        }
        match what.as_str() {
            "panics" => panic!("told to panic in the list"),
            "fails" => Err(trouble()),
            _ => Ok(()),
        }
    }
}

struct OddAction;

impl Action<()> for OddAction {
    type Model = Thing;

    fn schema(&self) -> Schema {
        schema()
    }

    async fn plan(&self, _: Option<&()>, config: &Thing) -> Diagnostics {
        if config.name.as_str() == Some("refused") { trouble() } else { Diagnostics::new() }
    }

    async fn invoke(&self, (): &(), config: Thing, run: &mut Run) -> Result<(), Diagnostics> {
        run.tell("begun");
        match config.name.as_str() {
            Some("panics") => panic!("told to panic in the action"),
            Some("fails") => Err(trouble()),
            Some("no_reason") => Err(Diagnostics::new()),
            Some("warns") => {
                run.warn(Diagnostic::warning("Odd", "It is odd."));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

struct OddLease;

impl EphemeralResource<()> for OddLease {
    type Model = Thing;

    fn schema(&self) -> Schema {
        schema()
    }

    async fn open(&self, (): &(), config: Thing, lease: &mut Lease) -> Result<Thing, Diagnostics> {
        lease.private.0.insert("count".to_owned(), "1".to_owned());
        lease.renew_at = Some(SystemTime::now() + Duration::from_mins(5));
        Ok(config)
    }

    async fn renew(&self, (): &(), lease: &mut Lease) -> Result<(), Diagnostics> {
        let count: u32 = lease.private.0["count"].parse().unwrap();
        lease.private.0.insert("count".to_owned(), (count + 1).to_string());
        if count < 2 {
            lease.renew_at = Some(SystemTime::now() + Duration::from_mins(5));
        }
        Ok(())
    }

    async fn close(&self, (): &(), lease: &mut Lease) -> Result<(), Diagnostics> {
        // Those of the opening come, however often it was renewed.
        if lease.private.0["count"] == "1" { Ok(()) } else { Err(trouble()) }
    }
}

struct OddFunction;

impl Function for OddFunction {
    fn signature(&self) -> Signature {
        Signature::new("Odd", "Computes.", Type::Number).nullable("what", Type::String, "What goes wrong.")
    }

    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError> {
        match arguments[0].as_str() {
            Some("panics") => panic!("told to panic in the function"),
            Some("wrong") => Ok("a text".into()),
            Some("refused") => Err(FunctionError::at(0, "No.")),
            what => Ok(i64::try_from(what.map_or(0, str::len)).unwrap().into()),
        }
    }
}

async fn start() -> (Host, Attached) {
    let attached = attach(Odd).await.expect("a socket");
    let host = Host::attach(&attached).await;
    let request = tf::configure_provider::Request { config: wire(&json!({ "name": null })), ..Default::default() };
    assert_eq!(host.provider().configure_provider(request).await.unwrap().into_inner().diagnostics, []);
    (host, attached)
}

fn summaries(diagnostics: &[tf::Diagnostic]) -> Vec<&str> {
    diagnostics.iter().map(|one| one.summary.as_str()).collect()
}

#[test]
fn schemas_of_every_kind_have_no_faults() {
    assert_eq!(faults(&Odd), [""; 0]);
    assert_eq!(faults(&huaweidb::provider::HuaweiDb), [""; 0]);
}

#[tokio::test]
async fn line_83_an_action_ends_exactly_once_however_it_ends() {
    use tf::invoke_action::event::Type;
    let (host, _attached) = start().await;
    for (name, expected) in [
        ("fine", &[][..]),
        ("warns", &["Odd"]),
        ("fails", &["Trouble"]),
        ("no_reason", &["Operation failed"]),
        ("panics", &["The provider failed unexpectedly"]),
    ] {
        let config = wire(&json!({ "name": name }));
        let request = tf::invoke_action::Request { action_type: "odd_act".to_owned(), config, ..Default::default() };
        let mut events = host.provider().invoke_action(request).await.unwrap().into_inner();
        let mut all = Vec::new();
        while let Some(event) = events.message().await.unwrap() {
            all.push(event.r#type.unwrap());
        }
        let Some((Type::Completed(end), lines)) = all.split_last() else { panic!("{name}: {all:?}") };
        let lines = lines.iter().map(|line| match line {
            Type::Progress(line) => line.message.lines().next().unwrap(),
            Type::Completed(_) => panic!("{name}: {all:?}"),
        });
        // What an action warns of is a line as well: some hosts show nothing else of one that ended well.
        let warning = (name == "warns").then_some("Warning: Odd");
        assert!(lines.eq(["begun"].into_iter().chain(warning)), "{name}: {all:?}");
        assert_eq!(summaries(&end.diagnostics), expected, "{name}");
    }
    let config = wire(&json!({ "name": "refused" }));
    let request = tf::plan_action::Request { action_type: "odd_act".to_owned(), config, ..Default::default() };
    let planned = host.provider().plan_action(request).await.unwrap().into_inner();
    assert_eq!(summaries(&planned.diagnostics), ["Trouble"]);
}

#[tokio::test]
async fn line_82_a_list_never_gives_more_than_is_wanted() {
    let (host, _attached) = start().await;
    let list = async |name: &str, limit| {
        let config = wire(&json!({ "name": name }));
        let type_name = "odd_thing".to_owned();
        let request = tf::list_resource::Request { type_name, config, limit, include_resource_object: false };
        let mut events = host.provider().list_resource(request).await.unwrap().into_inner();
        let mut all = Vec::new();
        while let Some(event) = events.message().await.unwrap() {
            all.push(event);
        }
        all
    };
    assert_eq!(list("fine", 3).await.len(), 3);
    assert_eq!(list("fine", 100).await.len(), 5);
    for (name, summary) in [("fails", "Trouble"), ("panics", "The provider failed unexpectedly")] {
        let events = list(name, 100).await;
        assert_eq!(events.len(), 6);
        assert_eq!(summaries(&events[5].diagnostic), [summary]);
    }
    for event in list("nameless", 100).await {
        assert_eq!((summaries(&event.diagnostic), event.identity), (vec!["Found object has no identity"], None));
    }
}

#[tokio::test]
async fn line_81_a_lease_is_renewed_with_its_last_bytes_and_closed_with_its_first() {
    let (host, _attached) = start().await;
    let type_name = "odd_lease".to_owned();
    let config = wire(&json!({ "name": "kept" }));
    let request = tf::open_ephemeral_resource::Request { type_name: type_name.clone(), config, ..Default::default() };
    let opened = host.provider().open_ephemeral_resource(request).await.unwrap().into_inner();
    assert_eq!(unwired(opened.result.as_ref()), json!({ "name": "kept" }));
    let renew_at = SystemTime::try_from(opened.renew_at.unwrap()).unwrap();
    let ahead = renew_at.duration_since(SystemTime::now()).unwrap();
    assert!(ahead > Duration::from_mins(2) && ahead <= Duration::from_mins(5), "{ahead:?}");
    let mut private = opened.private.clone();
    for more in [true, false] {
        let request = tf::renew_ephemeral_resource::Request { type_name: type_name.clone(), private };
        let renewed = host.provider().renew_ephemeral_resource(request).await.unwrap().into_inner();
        assert_eq!((renewed.diagnostics.len(), renewed.renew_at.is_some()), (0, more));
        private = renewed.private;
    }
    for _ in 0..2 {
        let private = opened.private.clone();
        let request = tf::close_ephemeral_resource::Request { type_name: type_name.clone(), private };
        let closed = host.provider().close_ephemeral_resource(request).await.unwrap().into_inner();
        assert_eq!(closed.diagnostics, []);
    }
}

#[tokio::test]
async fn line_80_a_function_that_fails_says_why() {
    let (host, _attached) = start().await;
    let call = async |argument: Option<&str>| {
        let argument = argument.map_or_else(tf::DynamicValue::default, |text| wire(&json!(text)).unwrap());
        let request = tf::call_function::Request { name: "compute".to_owned(), arguments: vec![argument] };
        host.provider().call_function(request).await.unwrap().into_inner()
    };
    assert_eq!(unwired(call(Some("four")).await.result.as_ref()), json!(4));
    assert_eq!(unwired(call(None).await.result.as_ref()), json!(0), "empty is null");
    for (what, text, argument) in [
        ("refused", "No", Some(0)),
        ("panics", "told to panic in the function", None),
        ("wrong", "unexpected result", None),
    ] {
        let answer = call(Some(what)).await;
        let error = answer.error.unwrap();
        assert!(error.text.contains(text), "{}", error.text);
        assert_eq!((error.function_argument, answer.result), (argument, None));
    }
}
