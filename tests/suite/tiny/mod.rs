//! What the plugin floor costs somebody who knows nothing but its public face: a provider with two resources, a nested
//! attribute, an action and a list, written down in one file, and driven by the host that judges every answer.

mod provider;

use huaweidb::plugin::{attach, faults};
use serde_json::{Value, json};

use self::provider::Pins;
use crate::support::host::Host;
use crate::support::proto::tfplugin6 as tf;
use crate::support::run::{ended, summaries};
use crate::support::value::{UNKNOWN, unwired, wire};

/// The name of a type, with what is configured.
type Object<'a> = (&'a str, Value);

async fn plan(
    host: &Host,
    (name, config): &Object<'_>,
    prior: &Value,
    proposed: &Value,
) -> tf::plan_resource_change::Response {
    let request = tf::plan_resource_change::Request {
        type_name: format!("pins_{name}"),
        config: wire(config),
        prior_state: wire(prior),
        proposed_new_state: wire(proposed),
        ..Default::default()
    };
    host.provider().plan_resource_change(request).await.expect("an answer").into_inner()
}

async fn apply(
    host: &Host,
    (name, config): &Object<'_>,
    prior: &Value,
    planned: &Value,
) -> tf::apply_resource_change::Response {
    let request = tf::apply_resource_change::Request {
        type_name: format!("pins_{name}"),
        config: wire(config),
        prior_state: wire(prior),
        planned_state: wire(planned),
        ..Default::default()
    };
    host.provider().apply_resource_change(request).await.expect("an answer").into_inner()
}

async fn read(host: &Host, name: &str, state: &Value) -> Value {
    let type_name = format!("pins_{name}");
    let request = tf::read_resource::Request { type_name, current_state: wire(state), ..Default::default() };
    let answer = host.provider().read_resource(request).await.expect("an answer").into_inner();
    assert_eq!(summaries(&answer.diagnostics), [""; 0]);
    unwired(answer.new_state.as_ref())
}

/// Plans and applies; the new state.
async fn settle(host: &Host, object: &Object<'_>, prior: &Value, proposed: &Value) -> Value {
    let planned = plan(host, object, prior, proposed).await;
    assert_eq!((summaries(&planned.diagnostics), planned.requires_replace.len()), (Vec::new(), 0));
    let planned = unwired(planned.planned_state.as_ref());
    let applied = apply(host, object, prior, &planned).await;
    assert_eq!(summaries(&applied.diagnostics), [""; 0]);
    unwired(applied.new_state.as_ref())
}

#[tokio::test]
async fn a_second_provider_fits_on_two_screens_and_passes_every_judgement() {
    let lines = include_str!("provider.rs").lines().count();
    assert!(lines <= 140, "{lines} lines: the plugin floor has become harder to use");
    assert_eq!(faults(&Pins::default()), [""; 0]);
    let attached = attach(Pins::default()).await.expect("a socket");
    let host = Host::attach(&attached).await;
    let config = wire(&json!({ "folder": null }));
    let request = tf::configure_provider::Request { config, ..Default::default() };
    let configured = host.provider().configure_provider(request).await.expect("an answer");
    assert_eq!(configured.into_inner().diagnostics, []);

    let nothing = Value::Null;
    let note = |color: Value| {
        let config = json!({ "id": "milk", "board": "kitchen", "style": { "color": color, "size": 3 } });
        ("note", config)
    };
    let (yellow, blue) = (note(Value::Null), note(json!("blue")));
    let early = apply(&host, &yellow, &nothing, &note(json!("yellow")).1).await;
    assert_eq!(summaries(&early.diagnostics), ["No such board"]);

    let board = ("board", json!({ "name": "kitchen", "notes": null }));
    let kitchen = settle(&host, &board, &nothing, &json!({ "name": "kitchen", "notes": UNKNOWN })).await;
    assert_eq!(kitchen, json!({ "name": "kitchen", "notes": 0 }));
    let milk = settle(&host, &yellow, &nothing, &yellow.1).await;
    assert_eq!(milk["style"], json!({ "color": "yellow", "size": 3 }), "the default of a nested attribute");
    assert_eq!(read(&host, "board", &kitchen).await["notes"], 1);
    let milk = settle(&host, &blue, &milk, &blue.1).await;
    assert_eq!(read(&host, "note", &milk).await["style"]["color"], "blue", "an update");
    let moved = json!({ "id": "milk", "board": "hall", "style": null });
    let moved = plan(&host, &("note", moved.clone()), &milk, &moved).await;
    assert_eq!(moved.requires_replace.len(), 1, "another board is another note");

    let of_kitchen = || wire(&json!({ "board": "kitchen" }));
    let type_name = "pins_note".to_owned();
    let request =
        tf::list_resource::Request { type_name, config: of_kitchen(), limit: 9, include_resource_object: true };
    let mut events = host.provider().list_resource(request).await.expect("an answer").into_inner();
    let found = events.message().await.expect("an answer").expect("a note");
    assert_eq!((found.display_name.as_str(), unwired(found.resource_object.as_ref())), ("milk", milk.clone()));
    assert_eq!(events.message().await.expect("an answer"), None);

    let action_type = "pins_clear".to_owned();
    let request = tf::invoke_action::Request { action_type, config: of_kitchen(), ..Default::default() };
    let events = host.provider().invoke_action(request).await.expect("an answer").into_inner();
    let (told, diagnostics) = ended(events).await;
    assert_eq!((told, summaries(&diagnostics)), (vec!["Took 1 notes off".to_owned()], Vec::new()));
    assert_eq!(read(&host, "note", &milk).await, nothing, "what is gone leaves the state");
    assert_eq!(settle(&host, &("board", nothing.clone()), &kitchen, &nothing).await, nothing);
}
