//! A toy provider, served from within the test: what happens to operations when Terraform asks to stop, or goes away.

use std::sync::Arc;
use std::time::Duration;

use huaweidb::plugin::{
    Attached, Attr, Attribute, Catalogue, Diagnostics, Life, Provider, Resource, Schema, attach, model,
};
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::support::host::{Host, NEVER};
use crate::support::proto::tfplugin6 as tf;
use crate::support::value::{UNKNOWN, unwired, wire};

const SECOND: Duration = Duration::from_secs(1);

/// How many creates have begun and ended, and whether those that are to end are held.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    begun: usize,
    ended: usize,
    held: bool,
}

/// A provider whose only resource takes as long to create as Terraform lets it.
#[derive(Clone, Default)]
struct Toy(Arc<watch::Sender<Counts>>);

impl Toy {
    async fn reaches(&self, wanted: impl Fn(&Counts) -> bool) {
        let mut counts = self.0.subscribe();
        let reached = timeout(NEVER, counts.wait_for(wanted)).await.map(|found| found.map(|counts| *counts));
        assert!(matches!(reached, Ok(Ok(_))), "{:?}", self.0.borrow());
    }
}

model! {
    /// The toy's settings.
    struct Settings {
        label: Attr<String>,
    }
}

model! {
    /// The toy's resource.
    struct Sleeper {
        name: Attr<String>,
        id: Attr<String>,
    }
}

impl Provider for Toy {
    type Settings = Settings;
    type Client = Toy;

    fn name(&self) -> &'static str {
        "toy"
    }

    fn address(&self) -> &'static str {
        "localhost/test/toy"
    }

    fn schema(&self) -> Schema {
        Schema::new("A toy.").attribute(Attribute::string("label").optional().describe("Anything."))
    }

    async fn configure(&self, _: Settings, _: &str, _: &CancellationToken, _: &mut Diagnostics) -> Option<Toy> {
        Some(self.clone())
    }

    fn catalogue(&self) -> Catalogue<Toy> {
        Catalogue::new().resource("sleeper", SleeperResource)
    }
}

struct SleeperResource;

impl Resource<Toy> for SleeperResource {
    type Model = Sleeper;

    fn schema(&self) -> Schema {
        Schema::new("Sleeps until it is stopped.")
            .attribute(Attribute::string("name").required().describe("What to call it."))
            .attribute(Attribute::string("id").computed().describe("What it is called in the end."))
    }

    async fn create(&self, toy: &Toy, planned: Sleeper, life: &mut Life<Sleeper>) -> Result<Sleeper, Diagnostics> {
        let made = Sleeper { id: planned.name.known().map(|name| format!("made-{name}")).into(), ..planned };
        life.checkpoint(made.clone());
        toy.0.send_modify(|counts| counts.begun += 1);
        tokio::select! {
            () = life.stop().cancelled() => {}
            () = tokio::time::sleep_until(life.deadline()) => {}
        }
        // As a real one that finishes its smallest step.
        let _ = toy.0.subscribe().wait_for(|counts| !counts.held).await;
        toy.0.send_modify(|counts| counts.ended += 1);
        Ok(made)
    }

    async fn read(&self, _: &Toy, state: Sleeper, _: &mut Life<Sleeper>) -> Result<Option<Sleeper>, Diagnostics> {
        Ok(Some(state))
    }

    async fn update(
        &self,
        _: &Toy,
        _: Sleeper,
        planned: Sleeper,
        _: &mut Life<Sleeper>,
    ) -> Result<Sleeper, Diagnostics> {
        Ok(planned)
    }

    async fn delete(&self, _: &Toy, _: Sleeper, _: &mut Life<Sleeper>) -> Result<(), Diagnostics> {
        Ok(())
    }

    fn import(&self, id: &str) -> Result<Sleeper, Diagnostics> {
        Ok(Sleeper { name: Attr::Null, id: Attr::Known(id.to_owned()) })
    }
}

async fn serve(toy: &Toy) -> (Attached, Host) {
    let attached = attach(toy.clone()).await.expect("a socket");
    let host = Host::attach(&attached).await;
    configure(&host).await;
    (attached, host)
}

async fn configure(host: &Host) {
    let config = wire(&json!({ "label": null }));
    let request = tf::configure_provider::Request { config, ..Default::default() };
    let answer = host.provider().configure_provider(request).await.expect("an answer").into_inner();
    assert!(answer.diagnostics.is_empty(), "{answer:?}");
}

/// Begins a create without waiting for it.
fn create(host: &Host, name: &str) -> tokio::task::JoinHandle<tf::apply_resource_change::Response> {
    let mut provider = host.provider();
    let request = tf::apply_resource_change::Request {
        type_name: "toy_sleeper".to_owned(),
        config: wire(&json!({ "name": name, "id": null })),
        prior_state: wire(&Value::Null),
        planned_state: wire(&json!({ "name": name, "id": UNKNOWN })),
        ..Default::default()
    };
    tokio::spawn(async move { provider.apply_resource_change(request).await.expect("an answer").into_inner() })
}

#[tokio::test(flavor = "multi_thread")]
async fn line_70_a_stop_is_answered_at_once_and_ends_what_runs() {
    let toy = Toy::default();
    let (_attached, host) = serve(&toy).await;
    let creates: Vec<_> = (0..10).map(|n| (n, create(&host, &n.to_string()))).collect();
    toy.reaches(|counts| counts.begun == 10).await;
    toy.0.send_modify(|counts| counts.held = true);
    let mut provider = host.provider();
    let stop = provider.stop_provider(tf::stop_provider::Request {});
    timeout(NEVER, stop).await.expect("it waits for none of them").unwrap();
    assert_eq!(toy.0.borrow().ended, 0);
    toy.0.send_modify(|counts| counts.held = false);
    for (n, create) in creates {
        let answer = timeout(NEVER, create).await.expect("it ends").unwrap();
        assert!(answer.diagnostics.is_empty(), "{answer:?}");
        let state = unwired(answer.new_state.as_ref());
        assert_eq!(state, json!({ "name": n.to_string(), "id": format!("made-{n}") }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn line_73_after_a_stop_the_server_goes_on_and_a_new_run_is_not_stopped() {
    let toy = Toy::default();
    let (attached, host) = serve(&toy).await;
    host.provider().stop_provider(tf::stop_provider::Request {}).await.unwrap();
    host.provider().get_metadata(tf::get_metadata::Request {}).await.unwrap();
    // The same process serves the next run, which connects anew.
    let host = Host::attach(&attached).await;
    configure(&host).await;
    let mut next = create(&host, "next");
    toy.reaches(|counts| counts.begun == 1).await;
    assert!(timeout(SECOND / 4, &mut next).await.is_err(), "it sleeps");
    host.provider().stop_provider(tf::stop_provider::Request {}).await.unwrap();
    next.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_host_has_a_configuration_and_a_stop_of_its_own() {
    let toy = Toy::default();
    let (attached, one) = serve(&toy).await;
    let other = Host::attach(&attached).await;
    let unconfigured = create(&other, "too-early").await.unwrap();
    assert_eq!(unconfigured.diagnostics[0].summary, "Provider is not configured");
    configure(&other).await;
    let (mine, mut theirs) = (create(&one, "mine"), create(&other, "theirs"));
    toy.reaches(|counts| counts.begun == 2).await;
    one.provider().stop_provider(tf::stop_provider::Request {}).await.unwrap();
    assert!(mine.await.unwrap().diagnostics.is_empty());
    assert!(timeout(SECOND / 4, &mut theirs).await.is_err(), "the other host asked for nothing");
    other.provider().stop_provider(tf::stop_provider::Request {}).await.unwrap();
    assert!(theirs.await.unwrap().diagnostics.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_comes_to_its_end_when_its_caller_goes_away_and_stops_when_its_host_does() {
    let toy = Toy::default();
    let (_attached, host) = serve(&toy).await;
    let lost = create(&host, "lost");
    toy.reaches(|counts| counts.begun == 1).await;
    lost.abort();
    tokio::time::sleep(SECOND / 4).await;
    assert_eq!(toy.0.borrow().ended, 0, "nobody asked it to stop");
    drop((lost.await, host));
    toy.reaches(|counts| counts.ended == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_what_was_attached_stops_it() {
    let toy = Toy::default();
    let (attached, host) = serve(&toy).await;
    let socket = attached.socket().unwrap().to_owned();
    let reattach: Value = serde_json::from_str(attached.reattach()).unwrap();
    assert_eq!(reattach["localhost/test/toy"]["Addr"]["String"], socket.to_str().unwrap());
    let last = create(&host, "last");
    toy.reaches(|counts| counts.begun == 1).await;
    drop(attached);
    toy.reaches(|counts| counts.ended == 1).await;
    last.await.unwrap(); // what was asked before is still answered
    let gone = async {
        while UnixStream::connect(&socket).await.is_ok() || socket.parent().unwrap().exists() {
            tokio::time::sleep(SECOND / 50).await;
        }
    };
    timeout(NEVER, gone).await.expect("it no longer listens");
}
