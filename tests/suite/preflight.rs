//! A plan says what its creates would meet, and asks few times for it, however many they are.

use std::cell::Cell;

use huaweidb_emulator::{Emulator, Fault, NewBackups, NewInstance, Options};
use serde_json::{Value, json};

use crate::support::cli::{Ran, Workspace};
use crate::support::proto::tfplugin6 as tf;
use crate::support::run::{Run, over, plan_request, summaries, whole};
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
                let create =
                    json!({ "service": service, "instance_id": instance_id, "name": format!("many-{creates}-{nth}") });
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
    let create = |instance_id: &str| json!({ "service": "dds", "instance_id": instance_id, "name": format!("of-{}", instance_id.get(1..8).unwrap_or_default()) });
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

/// A create whose name a backup of the same run has waits two seconds for what the CLI asks at the same time. A machine that stalls
/// takes that apart: what was refused for the name is done again.
fn unless_taken_apart(run: impl Fn() -> Ran) -> Ran {
    for _ in 0..4 {
        let ran = run();
        if ran.code == 0 || !ran.words().contains("ame is taken") {
            return ran;
        }
    }
    run()
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
        let ran = unless_taken_apart(|| workspace.run(&arguments));
        ran.succeeded().says("1 to add, 0 to change, 1 to destroy");
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

fn backup(name: &str, instance_id: &str, more: &str) -> String {
    format!(
        "resource \"huaweidb_manual_backup\" \"{name}\" {{\n  service     = \"dds\"\n  instance_id = \"{instance_id}\"\n{more}}}\n"
    )
}

/// Each gets its name when the old one is gone, however the CLI orders what it does; and the plan says what would have been better.
#[test]
fn resources_that_are_renamed_take_their_names_over() {
    let emulator = Emulator::start_now(&Options::with_backups_of(0.2)).unwrap();
    let workspace = Workspace::new(&emulator);
    let ids: Vec<_> = (0..15).map(|nth| new_instance(&emulator, "dds", &format!("many-{nth}"))).collect();
    // Each time under other addresses.
    let times = Cell::new(0);
    let configure = |many: usize| {
        times.set(times.get() + 1);
        let address = |nth| format!("b{}_{nth}", times.get());
        let of = |nth: usize| backup(&address(nth), &ids[nth], &format!("  name        = \"of-{nth}\"\n"));
        workspace.configure(&(0..many).map(of).collect::<String>());
    };
    configure(1);
    workspace.apply();
    configure(1);
    let ran = unless_taken_apart(|| workspace.run(&["plan"]));
    ran.succeeded().says("Backup of the same name is deleted first").says("moved {");
    configure(5);
    unless_taken_apart(|| workspace.run(&["apply", "-auto-approve"])).succeeded();
    // The CLI begins all at once. Where it does only some at a time, nobody can wait for what it begins when others have ended.
    for (many, at_once, most) in
        [(5, "-parallelism=10", 0), (15, "-parallelism=10", 5), (15, "-parallelism=10", 5), (15, "-parallelism=1", 15)]
    {
        // A machine that stalls takes apart what the CLI begins together: then the next names are no worse a test.
        let enough = (0..5).any(|_| {
            configure(many);
            let ran = workspace.run(&["apply", "-auto-approve", at_once]);
            let refused = ran.words().matches("Error: ").count();
            assert!(!ran.all().contains("import {"), "{}", ran.all());
            if refused > 0 {
                ran.says("apply again");
                workspace.apply();
            } else if most == 0 {
                ran.says(&format!("Resources: {many} added, 0 changed, {many} destroyed"));
            }
            workspace.nothing_to_do();
            refused <= most
        });
        assert!(enough, "more than {most} of {many} are refused with {at_once}, time after time");
    }
}

/// A create that is planned once more right before it is carried out does not hear that its name is taken.
#[tokio::test]
async fn where_something_is_carried_out_nothing_is_asked_ahead() {
    let run = Run::start(0.2).await;
    let config = |name: &str| run.object(&json!({ "service": "dds", "instance_id": run.dds(), "name": name }));
    let first = config("first");
    let planned = run.plan(&first, &Value::Null, &first).await.planned_state;
    let applied = run.apply(&first, &Value::Null, &unwired(planned.as_ref())).await;
    assert_eq!(summaries(&applied.diagnostics), [""; 0]);
    run.emulator.add_backups(&NewBackups { name: Some("second".to_owned()), ..NewBackups::of(&run.dds()) });
    let second = config("second");
    assert_eq!(run.plan(&second, &Value::Null, &second).await.diagnostics, []);
    run.configure().await;
    assert_eq!(summaries(&run.plan(&second, &Value::Null, &second).await.diagnostics), ["Name is taken"]);
}

#[tokio::test]
async fn a_region_without_a_project_is_refused_before_anything_is_deleted_for_it() {
    let run = Run::start(0.2).await;
    for (region, nearest) in [("eu-dee", "eu-de"), ("cn-nort-4", "cn-north-4"), ("otc", "")] {
        for kind in ["huaweidb_manual_backup", "huaweidb_final_backup"] {
            run.configure().await;
            let arguments =
                json!({ "service": "dds", "instance_id": run.dds(), "name_prefix": "nightly-", "region": region });
            let config = whole(&run.schema.resource_schemas[kind], &arguments);
            for _ in 0..2 {
                let request = tf::plan_resource_change::Request {
                    type_name: kind.to_owned(),
                    ..plan_request(&config, &Value::Null, &config)
                };
                let said = run.host.provider().plan_resource_change(request).await.unwrap().into_inner().diagnostics;
                assert_eq!(summaries(&said), ["Region has no project"], "{kind} {region}");
                assert_eq!(said[0].detail.contains(&format!("Perhaps {nearest} is meant.")), !nearest.is_empty());
            }
        }
    }
    let asked = run.emulator.journal();
    assert_eq!(asked.len(), 6, "each plan of each run asks once for a region: {asked:?}");
    // Where IAM knows the project, or it is given, a region may have any name.
    run.configure_with(&json!({ "region": "somewhere", "project_id": run.emulator.project_id() })).await;
    let config = run.object(&json!({ "service": "dds", "instance_id": run.dds(), "name": "nightly" }));
    assert_eq!(run.plan(&config, &Value::Null, &config).await.diagnostics, []);
}

/// Of a tainted object the provider hears the plan of the new one only.
#[test]
fn a_completed_backup_that_is_tainted_is_told_before_it_is_deleted() {
    let emulator = Emulator::start_now(&Options::with_backups_of(3600.0)).unwrap();
    let workspace = Workspace::new(&emulator);
    let prefixed = |count: u32, more: &str| {
        let more = format!("  name_prefix = \"nightly-\"\n  count       = {count}\n{more}");
        workspace.configure(&backup("b", &emulator.instance("dds"), &more));
    };
    prefixed(1, "  timeouts {\n    create = \"1s\"\n  }\n");
    let mut ran = workspace.run(&["apply", "-auto-approve"]).failed();
    // Again where the limit was over before the create was sent.
    while emulator.totals().created == 0 {
        ran = workspace.run(&["apply", "-auto-approve"]).failed();
    }
    ran.says("terraform untaint");
    emulator.set_status(&emulator.backups()[0].id, "COMPLETED");
    workspace.run(&["apply", "-refresh-only", "-auto-approve"]).succeeded().says("Backup has completed after all");
    let deleted = "Completed backup will be deleted";
    let unfinished = "The apply that took it did not end well";
    workspace.run(&["plan"]).succeeded().says(deleted).says(unfinished).says("terraform untaint");
    workspace.run(&["untaint", "huaweidb_manual_backup.b[0]"]).succeeded();
    // Another one with the same arguments replaces nothing.
    prefixed(2, "");
    let ran = workspace.run(&["plan"]).succeeded().says("1 to add");
    assert!(!ran.all().contains(deleted), "{}", ran.all());
    workspace.run(&["taint", "huaweidb_manual_backup.b[0]"]).succeeded();
    workspace.run(&["plan"]).succeeded().says(deleted).says("terraform untaint");
    // Nor does it matter what else of the configuration has changed meanwhile.
    prefixed(1, "  description = \"of another day\"\n");
    workspace.run(&["plan"]).succeeded().says(deleted).says("terraform untaint");
}

#[tokio::test]
async fn names_that_no_apply_could_give_are_refused_in_the_plan() {
    let run = Run::start(0.2).await;
    let object = |service: &str, name: &str, more: &Value| {
        let base = json!({ "service": service, "instance_id": run.emulator.instance(service), "name": name });
        run.object(&over(&base, more))
    };
    let create = async |config: Value| summaries(&run.plan(&config, &Value::Null, &config).await.diagnostics);
    // Two new ones of one run.
    assert_eq!(create(object("dds", "twice", &json!({}))).await, [""; 0]);
    assert_eq!(create(object("dds", "twice", &json!({}))).await, ["Name is taken"]);
    // This service takes equal names.
    for _ in 0..2 {
        let made = NewBackups {
            service: Some("taurusdb".to_owned()),
            name: Some("equal".to_owned()),
            ..NewBackups::of(&run.emulator.instance("taurusdb"))
        };
        run.emulator.add_backups(&made);
        assert_eq!(create(object("taurusdb", "equal", &json!({}))).await, [""; 0]);
    }
    // One that is only forgotten keeps its name.
    let config = object("dds", "kept", &json!({ "on_destroy": "retain" }));
    let planned = run.plan(&config, &Value::Null, &config).await.planned_state;
    let state = unwired(run.apply(&config, &Value::Null, &unwired(planned.as_ref())).await.new_state.as_ref());
    run.configure().await;
    let changed = over(&state, &json!({ "triggers": { "v": "1" } }));
    let said = run.plan(&over(&config, &json!({ "triggers": { "v": "1" } })), &state, &changed).await;
    assert_eq!(summaries(&said.diagnostics), ["Name is taken"]);
    run.configure().await;
    run.plan(&Value::Null, &state, &Value::Null).await;
    let said = run.plan(&config, &Value::Null, &config).await.diagnostics;
    assert_eq!(summaries(&said), ["Name is taken"]);
    assert!(said[0].detail.contains("moved {"), "{}", said[0].detail);
}

/// What is not known yet may turn out to be nothing, as the default of a module's variable does.
#[tokio::test]
async fn what_is_unknown_is_not_set() {
    let run = Run::start(0.2).await;
    let config = run.object(&json!({
        "service": "dds", "instance_id": run.dds(), "name": "nightly", "keep_last": UNKNOWN,
    }));
    let request = tf::validate_resource_config::Request {
        type_name: "huaweidb_manual_backup".to_owned(),
        config: wire(&config),
        ..Default::default()
    };
    let said = run.host.provider().validate_resource_config(request).await.unwrap().into_inner().diagnostics;
    assert_eq!(said, []);
    assert_eq!(run.plan(&config, &Value::Null, &config).await.diagnostics, []);
    let search = |arguments: Value| wire(&whole(&run.schema.data_source_schemas["huaweidb_backup"], &arguments));
    for (arguments, errors) in [
        (json!({ "service": "dds", "backup_id": "a", "name": UNKNOWN, "most_recent": UNKNOWN }), 0),
        (json!({ "service": "dds", "backup_id": "a", "name": "b" }), 1),
        (json!({ "service": "dds", "name": "b", "region": "" }), 0),
        (json!({ "service": "dds", "name": "\u{200b}b" }), 1),
    ] {
        let request = tf::validate_data_resource_config::Request {
            type_name: "huaweidb_backup".to_owned(),
            config: search(arguments.clone()),
        };
        let said = run.host.provider().validate_data_resource_config(request).await.unwrap().into_inner().diagnostics;
        assert_eq!(said.len(), errors, "{arguments}: {said:?}");
    }
}
