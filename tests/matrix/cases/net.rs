//! A net under a database: the database goes only after its final backup.
//!
//! A backup of another service's instance stands for the database: what a CLI destroys after the net.

use std::time::Duration;

use huaweidb_emulator::{Emulator, Fault, FaultKind, NewInstance};
use rustix::process::Signal;
use serde_json::{Map, json};

use super::shared::{SERVICES, emulator, names, pause, wait_until};
use crate::cli::Workspace;
use crate::offers::Cli;

const NET: &str = "huaweidb_final_backup.net";
const DATABASE: &str = "huaweidb_manual_backup.database";
const STANDS_FOR_IT: &str = "stands-for-the-database";

/// A net under an instance of DDS, and what stands for it.
fn configuration(emulator: &Emulator, instance_id: &str, arguments: &str) -> String {
    format!(
        "resource \"huaweidb_manual_backup\" \"database\" {{\n  service     = \"rds\"\n  instance_id = \"{}\"\n  name        = \
         \"{STANDS_FOR_IT}\"\n}}\nresource \"huaweidb_final_backup\" \"net\" {{\n  service     = \"dds\"\n  instance_id = \
         \"{instance_id}\"\n  depends_on  = [huaweidb_manual_backup.database]\n{arguments}\n}}\n",
        emulator.instance("rds")
    )
}

/// The backups that nets took, as name and status.
fn taken(emulator: &Emulator) -> Vec<(String, String)> {
    let rows = emulator.backups().into_iter().filter(|row| row.name.starts_with("final-"));
    rows.map(|row| (row.name, row.status)).collect()
}

/// What a plan of a destroy says. Terraform asks providers about such plans since 1.3.
fn destroy_plan_says(cli: &Cli, workspace: &Workspace, arguments: &[&str], words: &[&str]) {
    let plan = workspace.run(&[&["plan", "-destroy"], arguments].concat()).succeeded();
    for words in words.iter().filter(|_| cli.is_at_least("1.3")) {
        assert!(plan.words().contains(words), "{words:?} is not in:\n{}", plan.all());
    }
}

/// The database is still there, and so is its net.
fn is_held(emulator: &Emulator, workspace: &Workspace) -> bool {
    let there = |address: &str| workspace.resource(address).is_some();
    there(NET) && there(DATABASE) && names(emulator).iter().any(|name| name == STANDS_FOR_IT)
}

pub(super) fn all_services(cli: &Cli) {
    let emulator = emulator(0.3);
    let workspace = cli.workspace(&emulator);
    let instances: Map<_, _> =
        SERVICES.iter().map(|service| ((*service).to_owned(), json!(emulator.instance(service)))).collect();
    let instances = json!(instances);
    let with = |arguments: &str| {
        workspace.configure(&format!(
            "locals {{\n  instances = {instances}\n}}\nresource \"huaweidb_final_backup\" \"net\" {{\n  for_each    = \
             local.instances\n  service     = each.key\n  instance_id = each.value\n{arguments}\n}}\n"
        ));
    };
    with("");
    workspace.run(&["plan"]).succeeded().says("5 to add, 0 to change, 0 to destroy");
    workspace.apply();
    workspace.nothing_to_do();
    with("  description = \"The last one\"\n  name_prefix = \"final-shop-\"");
    workspace.run(&["plan"]).succeeded().says("0 to add, 5 to change, 0 to destroy");
    workspace.apply();
    workspace.nothing_to_do();
    assert!(emulator.journal().iter().all(|call| call.method == "GET"), "until now nothing has changed in the cloud");
    let calls = emulator.journal().len();
    workspace.nothing_to_do();
    assert_eq!(emulator.journal().len(), calls, "a refresh makes no calls");
    destroy_plan_says(cli, &workspace, &[], &["A final backup will be taken", "no completed manual backup"]);
    workspace.destroy().says("5 destroyed").says("Final backup was taken").says("import {");
    let rows = emulator.backups();
    for service in SERVICES {
        let row = rows.iter().find(|row| row.service == *service).expect("it was taken");
        assert!(row.status == "COMPLETED" && row.name.starts_with("final-shop-"), "{row:?}");
    }
    assert_eq!(rows.len(), 5);
}

pub(super) fn replaced(cli: &Cli) {
    for order in ["", "  lifecycle {\n    create_before_destroy = true\n  }"] {
        let emulator = emulator(0.3);
        let workspace = cli.workspace(&emulator);
        let second = NewInstance { service: "dds".to_owned(), name: "second".to_owned(), ..NewInstance::default() };
        let (first, second) = (emulator.instance("dds"), emulator.add_instance(&second).id);
        workspace.configure(&configuration(&emulator, &first, order));
        workspace.apply();
        workspace.nothing_to_do();
        workspace.configure(&configuration(&emulator, &second, order));
        workspace
            .run(&["plan"])
            .succeeded()
            .says("1 to add, 0 to change, 1 to destroy")
            .says("A final backup will be taken");
        workspace.apply();
        workspace.nothing_to_do();
        let of = |instance: &str| emulator.backups().iter().filter(|row| row.instance_id == instance).count();
        assert_eq!((of(&first), of(&second)), (1, 0), "the old instance is backed up");
        workspace.destroy();
        assert_eq!((of(&first), of(&second)), (1, 1));
        assert!(taken(&emulator).iter().all(|(_, status)| status == "COMPLETED"));
    }
}

/// What the net depends on is replaced too, in either order: it goes after the final backup.
pub(super) fn replaced_with_its_database(cli: &Cli) {
    for order in ["", "  lifecycle {\n    create_before_destroy = true\n  }\n"] {
        let emulator = emulator(0.3);
        let workspace = cli.workspace(&emulator);
        let second = NewInstance { service: "dds".to_owned(), name: "second".to_owned(), ..NewInstance::default() };
        let (first, second) = (emulator.instance("dds"), emulator.add_instance(&second).id);
        let with = |instance_id: &str| {
            workspace.configure(&format!(
                "resource \"huaweidb_manual_backup\" \"database\" {{\n  service     = \"rds\"\n  instance_id = \"{}\"\n  name_prefix =                  \"database-\"\n  triggers    = {{ of = \"{instance_id}\" }}\n{order}}}\nresource \"huaweidb_final_backup\" \"net\"                  {{\n  service     = \"dds\"\n  instance_id = \"{instance_id}\"\n  depends_on  =                  [huaweidb_manual_backup.database]\n{order}}}\n",
                emulator.instance("rds")
            ));
        };
        with(&first);
        workspace.apply();
        with(&second);
        emulator.clear_journal();
        workspace.apply().says("2 added, 0 changed, 2 destroyed");
        let of = |service: &str, operation: &str| {
            let calls = emulator.journal().into_iter();
            calls.enumerate().find(|(_, call)| call.service == service && call.operation == operation).map(|(at, _)| at)
        };
        let (taken_at, gone_at) = (of("dds", "create"), of("rds", "delete"));
        assert!(taken_at.is_some() && taken_at < gone_at, "{taken_at:?} {gone_at:?}");
        assert_eq!(taken(&emulator).len(), 1, "the old instance is backed up");
        workspace.nothing_to_do();
    }
}

pub(super) fn interrupted(cli: &Cli) {
    for killed in [false, true] {
        let emulator = emulator(60.0);
        emulator.set_pace_of("rds", |pace| {
            pace.backup_seconds = 0.1;
            pace.delete_seconds = Some(0.1);
        });
        let workspace = cli.workspace(&emulator);
        workspace.configure(&configuration(&emulator, &emulator.instance("dds"), ""));
        workspace.apply();
        let mut running = workspace.start(&["destroy", "-auto-approve"]);
        wait_until("the backup is being taken", || taken(&emulator).len() == 1);
        pause(Duration::from_millis(500));
        if killed {
            running.signal_if_there(Signal::KILL);
            running.finished();
        } else {
            running.signal_if_there(Signal::INT);
            running.finished().failed().says("Final backup is still running");
            let (state, _) = workspace.resource(NET).expect("the net stays");
            let row = emulator.backups().into_iter().find(|row| row.service == "dds");
            assert_eq!(state["last_backup_id"].as_str(), row.as_ref().map(|row| row.id.as_str()));
            workspace.nothing_to_do();
        }
        assert!(is_held(&emulator, &workspace));
        let row = emulator.backups().into_iter().find(|row| row.service == "dds").expect("it runs");
        assert!(emulator.set_status(&row.id, "COMPLETED"));
        workspace.destroy().says("Final backup was taken").says(&row.id);
        assert_eq!(taken(&emulator), [(row.name, "COMPLETED".to_owned())], "none is taken twice");
        assert_eq!(names(&emulator).len(), 1, "then the database went");
    }
}

pub(super) fn failing(cli: &Cli) {
    let emulator = emulator(0.3);
    let workspace = cli.workspace(&emulator);
    let dds = emulator.instance("dds");
    let with = |arguments: &str| workspace.configure(&configuration(&emulator, &dds, arguments));
    with("");
    workspace.apply();
    // A destroy of the database alone takes the net along.
    let target = format!("-target={DATABASE}");
    destroy_plan_says(cli, &workspace, &[&target], &["2 to destroy", "A final backup will be taken"]);
    emulator.fault(Fault::status(403).on("dds").operation("create"));
    workspace.run(&["destroy", "-auto-approve"]).failed().says("Final backup was not taken");
    assert!(is_held(&emulator, &workspace));
    emulator.fault(Fault::new(FaultKind::FailBackup).on("dds"));
    workspace.run(&["destroy", "-auto-approve"]).failed().says("Backup failed").says("stays in the state");
    assert!(is_held(&emulator, &workspace));
    workspace.destroy().says("Final backup was taken");
    let statuses: Vec<String> = taken(&emulator).into_iter().map(|(_, status)| status).collect();
    assert_eq!(statuses, ["FAILED", "COMPLETED"]);

    with("  skip = true");
    workspace.apply();
    destroy_plan_says(cli, &workspace, &[], &["No final backup will be taken", "The newest completed manual backup"]);
    workspace.destroy().says("No final backup was taken");
    assert_eq!(taken(&emulator).len(), 2);

    with("  on_missing_instance = \"refuse\"");
    workspace.apply();
    emulator.remove_instance(&dds);
    destroy_plan_says(cli, &workspace, &[], &["Destroy will fail: the instance is gone"]);
    workspace.run(&["destroy", "-auto-approve"]).failed().says("Final backup was not taken: the instance is gone");
    assert!(is_held(&emulator, &workspace));
    with("");
    workspace.run(&["plan"]).succeeded().says("0 to add, 1 to change, 0 to destroy");
    workspace.apply();
    destroy_plan_says(cli, &workspace, &[], &["No final backup will be taken: the instance is gone"]);
    workspace.destroy().says("No final backup: the instance is gone");

    // There is nothing to protect any more, and that is said before.
    workspace.run(&["apply", "-auto-approve"]).failed().says("Instance was not found");
    // Terraform 1.0 plans what is missing also for a destroy.
    let text = configuration(&emulator, &dds, "");
    workspace.configure(text.split("resource \"huaweidb_final_backup\"").next().unwrap_or_default());
    workspace.destroy();
}

pub(super) fn imported(cli: &Cli) {
    let emulator = emulator(0.3);
    let workspace = cli.workspace(&emulator);
    let dds = emulator.instance("dds");
    workspace.configure(&format!(
        "resource \"huaweidb_final_backup\" \"net\" {{\n  service     = \"dds\"\n  instance_id = \"{dds}\"\n}}\n"
    ));
    workspace.run(&["import", NET, "dds/00000000000000000000000000000000in02"]).failed().says("Nothing was imported");
    workspace.run(&["import", NET, "ddm/x"]).failed().says("Invalid import id");
    workspace.run(&["import", NET, &format!("dds/{dds}")]).succeeded();
    workspace.nothing_to_do();
    workspace.destroy().says("Final backup was taken");
    assert_eq!(taken(&emulator).len(), 1);
}

/// What the page says of `prevent_destroy`, of modules, and of nets beside what they protect.
pub(super) fn prevented_and_in_modules(cli: &Cli) {
    let emulator = emulator(0.3);
    let workspace = cli.workspace(&emulator);
    let dds = emulator.instance("dds");
    workspace.configure(&configuration(&emulator, &dds, "  lifecycle {\n    prevent_destroy = true\n  }"));
    workspace.apply();
    for target in [&[][..], &["-target=huaweidb_manual_backup.database"]] {
        let ran = workspace.run(&[&["destroy", "-auto-approve"], target].concat()).failed();
        assert!(ran.all().contains("prevent_destroy"), "{}", ran.all());
        assert!(is_held(&emulator, &workspace) && taken(&emulator).is_empty());
    }
    workspace.configure(&configuration(&emulator, &dds, ""));
    workspace.destroy().says("Final backup was taken");

    // In a module, beside the database: removing the call takes the backup first.
    let inside = configuration(&emulator, &dds, "  name_prefix = \"final-module-\"");
    let head = "terraform {\n  required_providers {\n    huaweidb = {\n      source = \"localhost/huaweidb/huaweidb\"\n    }\n  }\n}\n";
    std::fs::create_dir(workspace.path("shop")).expect("a temporary folder can be made");
    workspace.write("shop/main.tf", &format!("{head}{inside}"));
    workspace.configure("module \"shop\" {\n  source = \"./shop\"\n}");
    workspace.run(&["init"]);
    workspace.apply();
    workspace.nothing_to_do();
    emulator.fault(Fault::new(FaultKind::FailBackup).on("dds"));
    workspace.configure("");
    workspace.run(&["apply", "-auto-approve"]).failed().says("Backup failed");
    assert!(names(&emulator).iter().any(|name| name == STANDS_FOR_IT), "it waits for its net");
    workspace.apply().says("2 destroyed").says("Final backup was taken");
    let statuses = taken(&emulator).into_iter().filter(|(name, _)| name.starts_with("final-module-"));
    assert_eq!(statuses.map(|(_, status)| status).collect::<Vec<_>>(), ["FAILED", "COMPLETED"]);
}

/// `enabled = false` on both destroys them as `count = 0` does: the net first.
pub(super) fn disabled(cli: &Cli) {
    let emulator = emulator(0.3);
    let workspace = cli.workspace(&emulator);
    let dds = emulator.instance("dds");
    let switched = |on: bool| {
        let lifecycle = format!("  lifecycle {{\n    enabled = {on}\n  }}");
        let text = configuration(&emulator, &dds, &lifecycle);
        let name = format!("name        = \"{STANDS_FOR_IT}\"\n");
        assert!(text.contains(&name));
        workspace.configure(&text.replace(&name, &format!("{name}{lifecycle}\n")));
    };
    switched(true);
    workspace.apply();
    workspace.nothing_to_do();
    switched(false);
    emulator.fault(Fault::new(FaultKind::FailBackup).on("dds"));
    workspace.run(&["apply", "-auto-approve"]).failed().says("Backup failed");
    assert!(is_held(&emulator, &workspace));
    workspace.apply().says("Final backup was taken");
    assert!(!names(&emulator).iter().any(|name| name == STANDS_FOR_IT));
    let statuses: Vec<String> = taken(&emulator).into_iter().map(|(_, status)| status).collect();
    assert_eq!(statuses, ["FAILED", "COMPLETED"]);
}
