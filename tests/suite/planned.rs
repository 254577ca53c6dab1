//! Hosts that keep what a plan noted (Terraform 1.16): the plan says exactly what the apply will do, and with all other
//! hosts it says what it always said.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use huaweidb_emulator::NewBackups;
use serde_json::{Value, json};

use crate::messages::book::Book;
use crate::support::proto::tfplugin6 as tf;
use crate::support::run::{Run, TYPE, apply_request, over, plan_request, summaries, whole};
use crate::support::value::{UNKNOWN, unwired};

/// Plans as a host does that keeps the private bytes, or as one that does not.
async fn plan(
    run: &Run,
    keeps: bool,
    objects: (&Value, &Value),
    private: (&[u8], &[u8]),
) -> tf::plan_resource_change::Response {
    let plan = planned(run, keeps, objects, private).await;
    assert!(plan.diagnostics.iter().all(|one| one.severity != 1), "{:?}", plan.diagnostics);
    plan
}

/// The same, whatever it says.
async fn planned(
    run: &Run,
    keeps: bool,
    objects: (&Value, &Value),
    private: (&[u8], &[u8]),
) -> tf::plan_resource_change::Response {
    planned_of(run, TYPE, keeps, objects, private).await
}

/// The same of a resource of any type.
async fn planned_of(
    run: &Run,
    kind: &str,
    keeps: bool,
    (config, prior): (&Value, &Value),
    (prior_private, planned_private): (&[u8], &[u8]),
) -> tf::plan_resource_change::Response {
    let proposed = if prior.is_null() { config.clone() } else { merged(prior, config) };
    let request = tf::plan_resource_change::Request {
        client_capabilities: Some(tf::ClientCapabilities { store_planned_private: keeps, ..Default::default() }),
        prior_private: prior_private.to_vec(),
        planned_private: planned_private.to_vec(),
        type_name: kind.to_owned(),
        ..plan_request(config, prior, &proposed)
    };
    run.host.provider().plan_resource_change(request).await.unwrap().into_inner()
}

/// What a host proposes: the configuration, and what was there where nothing is configured.
fn merged(prior: &Value, config: &Value) -> Value {
    let set = config.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
    over(prior, &Value::Object(set.map(|(name, value)| (name.clone(), value.clone())).collect()))
}

async fn apply(
    run: &Run,
    config: &Value,
    plan: &tf::plan_resource_change::Response,
) -> tf::apply_resource_change::Response {
    let request = tf::apply_resource_change::Request {
        planned_private: plan.planned_private.clone(),
        ..apply_request(config, &Value::Null, &unwired(plan.planned_state.as_ref()))
    };
    run.host.provider().apply_resource_change(request).await.unwrap().into_inner()
}

fn prefixed(run: &Run, more: &Value) -> Value {
    let arguments = json!({ "service": "dds", "instance_id": run.dds(), "name_prefix": "nightly-" });
    run.object(&over(&arguments, more))
}

fn name(object: Option<&tf::DynamicValue>) -> String {
    unwired(object)["name"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_name_in_the_plan_is_the_name_of_the_backup() {
    let run = Run::start(0.2).await;
    let config = prefixed(&run, &json!({}));
    let create = (&config, &Value::Null);
    let first = plan(&run, true, create, (b"", b"")).await;
    let shown = name(first.planned_state.as_ref());
    assert!(shown.starts_with("nightly-2") && shown.len() == 8 + 14 + 8, "{shown}");
    let other = plan(&run, true, create, (b"", b"")).await;
    assert_ne!(name(other.planned_state.as_ref()), shown, "no two plans choose the same");
    // Right before the apply the host plans once more, and compares both.
    let again = plan(&run, true, create, (b"", &first.planned_private)).await;
    assert_eq!((&again.planned_state, &again.planned_private), (&first.planned_state, &first.planned_private));
    let applied = apply(&run, &config, &again).await;
    assert_eq!(summaries(&applied.diagnostics), [""; 0]);
    assert_eq!(name(applied.new_state.as_ref()), shown);
    let names: Vec<String> = run.emulator.backups().into_iter().map(|one| one.name).collect();
    assert_eq!(names, std::slice::from_ref(&shown));
    let private = String::from_utf8(applied.private.clone()).unwrap();
    assert!(!private.contains(&shown), "what was noted ends with the apply: {private}");
    // The same saved plan once more, because the state of that run was lost: its backup is not taken for a new one.
    let twice = apply(&run, &config, &again).await;
    assert_eq!(summaries(&twice.diagnostics), ["Backup was not created: the plan was applied before"]);
    assert!(twice.diagnostics[0].detail.contains(&run.emulator.backups()[0].id), "{}", twice.diagnostics[0].detail);
    assert_eq!(run.emulator.backups().len(), 1);

    // A replacement is planned in two halves. When it is planned once more before the apply, the old object is gone.
    let state = unwired(applied.new_state.as_ref());
    let config = prefixed(&run, &json!({ "name_prefix": "weekly-" }));
    let create = (&config, &Value::Null);
    let old = plan(&run, true, (&config, &state), (&applied.private, b"")).await;
    assert_eq!(old.requires_replace.len(), 1);
    let first = plan(&run, true, create, (&old.planned_private, b"")).await;
    let shown = name(first.planned_state.as_ref());
    assert!(shown.starts_with("weekly-2"), "{shown}");
    let again = plan(&run, true, create, (b"", &first.planned_private)).await;
    assert_eq!(name(again.planned_state.as_ref()), shown);
    assert_eq!(name(apply(&run, &config, &again).await.new_state.as_ref()), shown);
}

#[tokio::test]
async fn a_host_that_keeps_nothing_is_shown_what_it_always_was() {
    let run = Run::start(0.2).await;
    let config = prefixed(&run, &json!({}));
    for private in [&b""[..], b"{\"seen\":\"1\"}"] {
        let plan = plan(&run, false, (&config, &Value::Null), (private, b"")).await;
        assert_eq!(unwired(plan.planned_state.as_ref())["name"], UNKNOWN);
        assert_eq!(plan.planned_private, private);
        let applied = apply(&run, &config, &plan).await;
        assert!(name(applied.new_state.as_ref()).starts_with("nightly-2"));
    }
    // What may yet be named is not named ahead: such a plan would be refused as invalid.
    let unsure = prefixed(&run, &json!({ "name": UNKNOWN }));
    let first = plan(&run, true, (&unsure, &Value::Null), (b"", b"")).await;
    assert_eq!(unwired(first.planned_state.as_ref())["name"], UNKNOWN);
    let again = plan(&run, true, (&config, &Value::Null), (b"", &first.planned_private)).await;
    assert_eq!(name(apply(&run, &config, &again).await.new_state.as_ref()), name(again.planned_state.as_ref()));
    let named = run.object(&json!({ "service": "dds", "instance_id": run.dds(), "name": "by-hand" }));
    let plan = plan(&run, true, (&named, &Value::Null), (b"", b"")).await;
    assert_eq!(name(plan.planned_state.as_ref()), "by-hand");
    assert!(!String::from_utf8_lossy(&plan.planned_private).contains("by-hand"), "a name that is given needs no note");
}

#[tokio::test]
async fn the_rotation_deletes_exactly_what_the_plan_announced() {
    let run = Run::start(0.2).await;
    let older = |begin: &str, ending: &str| {
        let name = Some(format!("nightly-20260102{ending}"));
        let begin_time = Some(begin.to_owned());
        run.emulator.add_backups(&NewBackups { name, begin_time, ..NewBackups::of(&run.dds()) }).remove(0)
    };
    let first = older("2026-01-02T00:00:00Z", "00000000000001");
    let second = older("2026-01-03T00:00:00Z", "00000000000002");
    let third = older("2026-01-04T00:00:00Z", "00000000000003");
    let config = prefixed(&run, &json!({ "keep_last": 2, "on_destroy": "retain" }));
    let create = (&config, &Value::Null);
    let unkept = plan(&run, false, create, (b"", b"")).await;
    run.configure().await;
    let first_plan = plan(&run, true, create, (b"", b"")).await;
    assert_eq!(first_plan.diagnostics, unkept.diagnostics, "the same is announced everywhere");
    let announced = &first_plan.diagnostics[0];
    assert_eq!(announced.summary, "Older backups will be deleted");
    for (backup, told) in [(&first, true), (&second, true), (&third, false)] {
        assert_eq!(announced.detail.contains(&backup.id), told, "{}", announced.detail);
    }
    // Beside what it noted before, a plan does not ask what a rotation would delete now.
    run.emulator.clear_journal();
    assert_eq!(plan(&run, true, create, (b"", &first_plan.planned_private)).await.diagnostics, first_plan.diagnostics);
    assert_eq!(run.emulator.journal().len(), 0);
    // Meanwhile one of them goes, and another comes that the rotation would take.
    assert!(run.emulator.vanish(&first.id));
    let new = older("2026-01-01T00:00:00Z", "00000000000004");
    let again = plan(&run, true, create, (b"", &first_plan.planned_private)).await;
    assert_eq!(again.diagnostics, first_plan.diagnostics);
    let applied = apply(&run, &config, &again).await;
    assert_eq!(summaries(&applied.diagnostics), ["Older backup was not deleted"]);
    let said = &applied.diagnostics[0].detail;
    assert!(said.contains(&format!("The backup {} of the same prefix is left beyond `keep_last`", new.id)), "{said}");
    let taken = unwired(applied.new_state.as_ref())["id"].as_str().unwrap().to_owned();
    let left: BTreeSet<String> = run.emulator.backups().into_iter().map(|one| one.id).collect();
    assert_eq!(left, [third.id, new.id, taken].into());
}

#[tokio::test]
async fn a_plan_is_not_carried_out_in_another_region_or_project() {
    let run = Run::start(0.2).await;
    let mut book = Book::default();
    for kind in [TYPE, NET] {
        refused_elsewhere(&run, kind, &mut book).await;
    }
    assert!(run.emulator.journal().iter().all(|call| call.method == "GET"), "{:?}", run.emulator.journal());
    book.is("elsewhere");
}

const NET: &str = "huaweidb_final_backup";

/// A whole object of either resource with these arguments.
fn object(run: &Run, kind: &str, more: &Value) -> Value {
    let arguments = json!({ "service": "dds", "instance_id": run.dds(), "name_prefix": "nightly-" });
    whole(&run.schema.resource_schemas[kind], &over(&arguments, more))
}

async fn refused_elsewhere(run: &Run, kind: &str, book: &mut Book) {
    run.configure().await;
    let config = object(run, kind, &json!({}));
    let create = (&config, &Value::Null);
    let first = planned_of(run, kind, true, create, (b"", b"")).await;
    assert_eq!(first.diagnostics, [], "{kind}");
    let team = run.emulator.project_id_of(&run.emulator.domain_name(), "eu-de_team1");
    let nl = json!({ "region": "eu-nl", "project_id": run.emulator.project_id_in("eu-nl") });
    for (case, settings) in [
        ("another project", json!({ "project_id": team })),
        ("another region", nl.clone()),
        ("another region, and nothing may be asked", over(&nl, &json!({ "preflight": false }))),
    ] {
        run.configure_with(&settings).await;
        let said = planned_of(run, kind, true, create, (b"", &first.planned_private)).await.diagnostics;
        assert_eq!(summaries(&said), ["Plan was made for another region or project"], "{kind}: {case}");
        book.add(&format!("{kind}: {case}"), &said);
        // Who keeps nothing is told what is to be seen there.
        if settings.get("preflight").is_none() {
            let other = object(run, kind, &json!({ "description": case }));
            let said = planned_of(run, kind, false, (&other, &Value::Null), (b"", b"")).await.diagnostics;
            assert_eq!(summaries(&said), ["Instance was not found"], "{kind}: {case}");
        }
    }
    run.configure().await;
    let again = planned_of(run, kind, true, create, (b"", &first.planned_private)).await;
    assert_eq!((&again.planned_state, &again.planned_private), (&first.planned_state, &first.planned_private));
    assert_eq!(again.diagnostics, [], "{kind}");
}

/// What the region is, may be known only right before the apply: then the plan was made for none.
#[tokio::test]
async fn a_region_that_becomes_known_is_no_other_region() {
    let run = Run::start(0.2).await;
    run.configure_with(&json!({ "region": "eu-nl", "project_id": run.emulator.project_id_in("eu-nl") })).await;
    for kind in [TYPE, NET] {
        let unsure = object(&run, kind, &json!({ "region": UNKNOWN }));
        let first = planned_of(&run, kind, true, (&unsure, &Value::Null), (b"", b"")).await;
        assert_eq!(first.diagnostics, [], "{kind}: nobody knows where to ask");
        let sure = object(&run, kind, &json!({ "region": "eu-de" }));
        let again = planned_of(&run, kind, true, (&sure, &Value::Null), (b"", &first.planned_private)).await;
        assert_eq!(again.diagnostics, [], "{kind}");
        assert_eq!(unwired(again.planned_state.as_ref())["region"], "eu-de");
    }
}
