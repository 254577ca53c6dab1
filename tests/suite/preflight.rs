//! A plan says what its creates would meet, and asks few times for it, however many they are.

use huaweidb_emulator::{Emulator, Fault, NewBackups, NewInstance, Options};
use serde_json::{Value, json};

use crate::support::cli::Workspace;
use crate::support::host::proto::tfplugin6 as tf;
use crate::support::run::{Run, plan_request, summaries, whole};
use crate::support::value::{UNKNOWN, unwired, wire};

const ADDRESS: &str = "huaweidb_manual_backup.b";

/// What the plan of a create says.
async fn said(run: &Run, arguments: &Value) -> Vec<tf::Diagnostic> {
    let config = run.object(arguments);
    run.plan(&config, &Value::Null, &config).await.diagnostics
}

fn new_instance(emulator: &Emulator, service: &str, name: &str) -> String {
    let wanted = NewInstance { service: service.to_owned(), name: name.to_owned(), ..NewInstance::default() };
    emulator.add_instance(&wanted).id
}

#[tokio::test]
async fn a_thousand_creates_cost_a_plan_no_more_calls_than_thirty() {
    for service in ["dds", "geminidb", "taurusdb", "rds", "gaussdb"] {
        let run = Run::start(0.2).await;
        let ids: Vec<_> = (0..30).map(|nth| new_instance(&run.emulator, service, &format!("many-{nth}"))).collect();
        run.emulator.clear_journal();
        for (creates, most) in [(1, 2), (30, 3), (if service == "dds" { 1000 } else { 60 }, 3)] {
            for nth in 0..creates {
                let instance_id = &ids[nth % ids.len()];
                let create = json!({ "service": service, "instance_id": instance_id, "name": format!("many-{nth}") });
                assert_eq!(said(&run, &create).await, []);
            }
            let calls = run.emulator.journal();
            assert!(calls.len() <= most, "{service}: {creates} creates, {calls:?}");
        }
    }
}

/// What is asked of IAM counted too, with a real CLI: each of its walks has a provider of its own.
#[test]
fn plans_with_a_real_cli_ask_three_or_four_times() {
    let emulator = Emulator::start_now(&Options::with_backups_of(0.2)).unwrap();
    let mut workspace = Workspace::new(&emulator);
    workspace.unset("HW_PROJECT_ID");
    let ids: Vec<_> = (0..30).map(|nth| new_instance(&emulator, "dds", &format!("many-{nth}"))).collect();
    for (creates, most) in [(1, 3), (30, 4)] {
        workspace.configure(&format!(
            "resource \"huaweidb_manual_backup\" \"b\" {{\n  count       = {creates}\n  service     = \"dds\"\n  instance_id = \
             {ids:?}[count.index]\n  name        = \"of-${{count.index}}\"\n}}\n"
        ));
        emulator.clear_journal();
        workspace.run(&["plan"]).succeeded();
        let calls = emulator.journal();
        assert!((2..=most).contains(&calls.len()), "{creates} creates: {calls:?}");
    }
}

#[tokio::test]
async fn what_is_switched_off_or_cannot_be_asked_hinders_no_plan() {
    let run = Run::start(0.2).await;
    let create = |instance_id: &str| json!({ "service": "dds", "instance_id": instance_id, "name": "nightly" });
    run.emulator.clear_journal();
    assert_eq!(said(&run, &create(UNKNOWN)).await, []);
    assert_eq!(run.emulator.journal().len(), 0, "nothing is known to ask for");

    run.emulator.fault(Fault::status(403).on("dds").method("GET").times(99));
    let mut told = Vec::new();
    for instance_id in [run.dds(), "a".repeat(32) + "in02"] {
        told.extend(summaries(&said(&run, &create(&instance_id)).await));
    }
    assert_eq!(told, ["Plan was made without asking the cloud"], "once for all of them");
    run.emulator.clear_faults();

    let endpoints = run.emulator.ready()["endpoints"].clone();
    let block = json!({ "endpoints": endpoints, "preflight": false });
    let request = tf::configure_provider::Request {
        config: wire(&whole(run.schema.provider.as_ref().unwrap(), &block)),
        ..Default::default()
    };
    assert_eq!(run.host.provider().configure_provider(request).await.unwrap().into_inner().diagnostics, []);
    run.emulator.clear_journal();
    assert_eq!(said(&run, &create("orders-no-instance")).await, []);
    assert_eq!(run.emulator.journal().len(), 0);
}

/// An apply makes instances too: one that is younger than the list of all is asked for by its id.
#[tokio::test]
async fn an_instance_that_came_meanwhile_is_found() {
    let run = Run::start(0.2).await;
    for name in ["first", "second", "third"] {
        let instance_id = new_instance(&run.emulator, "gaussdb", name);
        let create = json!({ "service": "gaussdb", "instance_id": instance_id, "name": format!("of-{name}") });
        assert_eq!(said(&run, &create).await, []);
    }
    let create = json!({ "service": "gaussdb", "instance_id": "second", "name": "by-name" });
    assert_eq!(summaries(&said(&run, &create).await), ["Instance was not found"]);
}

/// Hosts that keep what a plan noted are asked nothing right before the apply: the create itself asks the cloud then.
#[tokio::test]
async fn it_is_asked_while_planning_and_not_again() {
    let run = Run::start(0.2).await;
    let config = run.object(&json!({ "service": "dds", "instance_id": run.dds(), "name": "nightly" }));
    let capabilities = tf::ClientCapabilities { store_planned_private: true, ..Default::default() };
    let request = tf::plan_resource_change::Request {
        client_capabilities: Some(capabilities),
        ..plan_request(&config, &Value::Null, &config)
    };
    let plan = run.host.provider().plan_resource_change(request.clone()).await.unwrap().into_inner();
    run.configure().await;
    run.emulator.clear_journal();
    let again = tf::plan_resource_change::Request { planned_private: plan.planned_private, ..request };
    assert_eq!(run.host.provider().plan_resource_change(again).await.unwrap().into_inner().diagnostics, []);
    assert_eq!(run.emulator.journal().len(), 0);
}

/// A name that a backup of the state has is not taken: the run decides itself what becomes of it.
#[test]
fn names_of_the_runs_own_backups_are_free() {
    let emulator = Emulator::start_now(&Options::with_backups_of(0.2)).unwrap();
    let workspace = Workspace::new(&emulator);
    let resource = |name: &str, more: &str| {
        let instance = emulator.instance("dds");
        format!(
            "resource \"huaweidb_manual_backup\" \"{name}\" {{\n  service     = \"dds\"\n  instance_id = \"{instance}\"\n  \
             name        = \"nightly\"\n{more}}}\n"
        )
    };
    let taken = NewBackups { name: Some("nightly".to_owned()), ..NewBackups::of(&emulator.instance("dds")) };
    let stranger = emulator.add_backups(&taken).remove(0).id;
    workspace.configure(&resource("b", ""));
    workspace.run(&["apply", "-auto-approve"]).failed().says("Name is taken").says(&stranger);
    assert_eq!(emulator.totals().created, 0);
    assert!(emulator.vanish(&stranger));
    workspace.apply();
    for arguments in [["plan", "-refresh=true"], ["plan", "-refresh=false"]] {
        // Tainted, the CLI plans a create that knows nothing of the old object.
        workspace.run(&["taint", ADDRESS]).succeeded();
        workspace.run(&arguments).succeeded().says("1 to add, 0 to change, 1 to destroy");
        workspace.run(&["untaint", ADDRESS]).succeeded();
        workspace.configure(&resource("b", "  triggers = { run = \"2\" }\n"));
        workspace.run(&arguments).succeeded().says("1 to add, 0 to change, 1 to destroy");
        workspace.configure(&resource("renamed", ""));
        workspace.run(&arguments).succeeded().says("1 to add, 0 to change, 1 to destroy");
        workspace.configure(&resource("b", ""));
    }
    workspace.run(&["taint", ADDRESS]).succeeded();
    workspace.apply().says("Resources: 1 added, 0 changed, 1 destroyed");
    workspace.nothing_to_do();
    workspace.destroy();
}

/// As a replacement with `create_before_destroy` meets it, or one that was renamed without a `moved` block.
#[tokio::test]
async fn a_name_that_the_state_itself_has_is_told_as_that_and_not_to_be_imported() {
    let run = Run::start(0.2).await;
    let config = run.object(&json!({ "service": "dds", "instance_id": run.dds(), "name": "nightly" }));
    let planned = run.plan(&config, &Value::Null, &config).await.planned_state;
    let applied = run.apply(&config, &Value::Null, &unwired(planned.as_ref())).await;
    assert_eq!(summaries(&applied.diagnostics), [""; 0]);
    let again = run.apply(&config, &Value::Null, &unwired(planned.as_ref())).await;
    assert_eq!(summaries(&again.diagnostics), ["Backup was not created: the name is taken"]);
    let detail = &again.diagnostics[0].detail;
    let id = &run.emulator.backups()[0].id;
    assert!(
        detail.contains(id) && detail.contains("create_before_destroy") && !detail.contains("import {"),
        "{detail}"
    );
    assert_eq!(run.emulator.backups().len(), 1);
}
