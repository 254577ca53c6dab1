//! The examples that only newer CLIs can apply: what is written in them is read and asked for, request by request.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;

use huaweidb_emulator::{NewBackups, NewInstance, Pace};
use serde_json::{Value, json};

use crate::docs::{files, root};
use crate::support::hcl::Block;
use crate::support::proto::tfplugin6 as tf;
use crate::support::run::{Run, identity, over, summaries, whole};
use crate::support::value::{unwired, wire};

fn example(path: &str) -> Block {
    let path = root().join("examples").join(path);
    Block::read(&fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display())))
}

/// The example of an action: its name and its arguments.
fn action(name: &str) -> (String, Value) {
    let file = example(&format!("actions/{name}/action.tf"));
    let block = file.block("action");
    assert_eq!(block.words[1], name, "the folder is called like the action");
    (block.words[1].clone(), block.block("config").object())
}

/// Everything below a folder of examples is asked for by one of the tests here.
fn folders(kind: &str) -> BTreeSet<String> {
    let folder = root().join("examples").join(kind);
    files(&folder, &folder).into_keys().map(|name| name.split('/').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_examples_of_actions_do_what_they_say() {
    assert_eq!(
        folders("actions"),
        ["create_backup", "prune_backups", "restore_backup", "stop_backup"]
            .map(|name| format!("huaweidb_{name}"))
            .into()
    );
    let run = Run::start(0.3).await;
    let (name, arguments) = action("huaweidb_create_backup");
    let (progress, errors) = run.invoke(&name, &arguments).await;
    assert_eq!(errors, [""; 0], "{progress:?}");
    let taken = run.emulator.backups();
    assert_eq!((taken.len(), &*taken[0].status), (1, "COMPLETED"));
    let prefix = arguments["name_prefix"].as_str().unwrap();
    assert!(taken[0].name.starts_with(prefix), "{}", taken[0].name);
    // Its trigger is an event that Terraform knows.
    let file = example("actions/huaweidb_create_backup/action.tf");
    let trigger = file.block("resource").block("lifecycle").block("action_trigger").object();
    assert_eq!(trigger["events"], json!(["before_update"]));
    assert_eq!(trigger["actions"], json!([format!("action.{name}.{}", file.block("action").words[2])]));

    // Old ones of the prefix that the example names.
    let (name, arguments) = action("huaweidb_prune_backups");
    let old = NewBackups {
        instance_id: run.dds(),
        count: 6,
        name_prefix: arguments["name_prefix"].as_str().unwrap().to_owned(),
        begin_time: Some("2020-01-01T00:00:00Z".to_owned()),
        ..NewBackups::default()
    };
    run.emulator.add_backups(&old);
    let before = run.emulator.backups().len();
    let (progress, errors) = run.invoke(&name, &arguments).await;
    assert_eq!((errors.len(), run.emulator.backups().len()), (0, before), "it only looks: {progress:?}");
    let keep = usize::try_from(arguments["keep_last"].as_u64().unwrap()).unwrap();
    assert_eq!(progress[0].lines().count(), 1 + before - keep, "{progress:?}");
    let (_, errors) = run.invoke(&name, &over(&arguments, &json!({ "dry_run": false }))).await;
    assert_eq!((errors.len(), run.emulator.backups().len()), (0, keep));

    let (name, arguments) = action("huaweidb_stop_backup");
    assert_eq!(run.invoke(&name, &arguments).await.1, [""; 0], "nothing runs, and that is fine");
    run.emulator.set_pace(|pace| *pace = Pace { stop_seconds: Some(0.2), ..Pace::of_backups(60.0) });
    let running = json!({
        "service": "dds", "instance_id": run.dds(), "name": "in-the-way", "wait_for_completion": false,
    });
    assert_eq!(run.invoke("huaweidb_create_backup", &running).await.1, [""; 0]);
    let (progress, errors) = run.invoke(&name, &arguments).await;
    assert_eq!(errors, [""; 0], "{progress:?}");
    assert!(run.emulator.backups().iter().all(|one| one.status != "BUILDING"));
}

#[tokio::test]
async fn the_example_of_a_restore_and_the_drill_overwrite_a_scratch_instance() {
    for path in ["actions/huaweidb_restore_backup/action.tf", "scenarios/restore-drill/main.tf"] {
        let run = Run::start(0.3).await;
        let scratch = NewInstance {
            id: Some("a89dab5e39394eccbdb77b19d57b0180in02".to_owned()),
            service: "dds".to_owned(),
            name: "scratch".to_owned(),
            ..NewInstance::default()
        };
        let scratch = run.emulator.add_instance(&scratch).id;
        let backup = run.backups(1, "nightly-").remove(0);
        // What surrounds it in the scenario is for the CLIs of the matrix.
        let text = fs::read_to_string(root().join("examples").join(path)).unwrap();
        let (_, text) = text.split_once("\ndata ").unwrap();
        let text = text.split("\n# The verdict").next().unwrap();
        let file = Block::read(&format!("data {text}"));
        let action = file.block("action");
        let asked = file.block("data").object();
        let given = json!({ "backup_id": backup.id, "source_instance_id": run.dds(), "target_instance_id": scratch });
        let (progress, errors) = run.invoke(&action.words[1], &over(&action.block("config").object(), &given)).await;
        assert_eq!(errors, [""; 0], "{path}: {progress:?}");
        assert_eq!((&asked["service"], &asked["most_recent"]), (&json!("dds"), &json!(true)), "{path}");
        let row = run.emulator.instances().into_iter().find(|row| row.id == scratch).unwrap();
        assert_eq!((row.contents, &*row.status), (backup.id, "IDLE"), "{path}");
    }
}

#[tokio::test]
async fn the_example_of_the_list_finds_what_it_says() {
    assert_eq!(folders("list-resources"), ["huaweidb_manual_backup".to_owned()].into());
    let run = Run::start(0.2).await;
    let file = example("list-resources/huaweidb_manual_backup/list-resource.tfquery.hcl");
    let list = file.block("list");
    let (type_name, arguments) = (&list.words[1], list.block("config").object());
    let made = run.backups(3, "found-");
    let old = NewBackups { begin_time: Some("2019-01-01T00:00:00Z".to_owned()), ..NewBackups::of(&run.dds()) };
    run.emulator.add_backups(&old);
    let config = wire(&whole(&run.schema.list_resource_schemas[type_name], &arguments));
    let request =
        tf::validate_list_resource_config::Request { type_name: type_name.clone(), config, ..Default::default() };
    let said = run.host.provider().validate_list_resource_config(request).await.unwrap().into_inner().diagnostics;
    assert_eq!(summaries(&said), [""; 0]);
    let limit = list.attributes["limit"].as_i64().unwrap();
    let found = run.list(&arguments, limit, list.attributes["include_resource"] == json!(true)).await;
    assert_eq!(found.len(), made.len(), "not the old one");
    for event in found {
        assert_eq!(summaries(&event.diagnostic), [""; 0]);
        assert_eq!(unwired(event.resource_object.as_ref())["status"], arguments["status"]);
    }
}

#[tokio::test]
async fn the_example_of_an_import_by_identity_adopts_without_a_change() {
    let run = Run::start(0.2).await;
    let file = example("resources/huaweidb_manual_backup/import-by-identity.tf");
    let (import, resource) = (file.block("import"), file.block("resource"));
    let address = format!("{}.{}", resource.words[1], resource.words[2]);
    assert_eq!(import.attributes["to"], json!(address));
    let made = NewBackups { name: Some("made-by-hand".to_owned()), ..NewBackups::of(&run.dds()) };
    let made = &run.emulator.add_backups(&made)[0];
    // The id of a backup is not known before it is taken.
    let given = over(&import.attributes["identity"], &json!({ "id": made.id }));
    let imported = run.import("", Some(given.clone())).await;
    assert_eq!(summaries(&imported.diagnostics), [""; 0]);
    assert_eq!(identity(imported.imported_resources[0].identity.as_ref()), given);
    let read = run.read(&unwired(imported.imported_resources[0].state.as_ref())).await;
    assert_eq!(summaries(&read.diagnostics), [""; 0]);
    let state = unwired(read.new_state.as_ref());
    let config = run.object(&resource.object());
    let proposed = over(&state, &resource.object());
    let plan = run.plan(&config, &state, &proposed).await;
    assert_eq!(summaries(&plan.diagnostics), [""; 0]);
    assert_eq!(unwired(plan.planned_state.as_ref()), state, "nothing to change");
    assert!(plan.requires_replace.is_empty());
}
