//! Actions: by hand, around changes, and around the end.

use huaweidb_emulator::{Emulator, Fault, NewBackups};
use rustix::process::Signal;

use super::{emulator, example, names, pause, wait_until};
use crate::cli::Workspace;
use crate::offers::Cli;

/// An action that takes a backup whose name begins with the action's.
fn taking(emulator: &Emulator, name: &str) -> String {
    let instance = emulator.instance("dds");
    format!(
        "action \"huaweidb_create_backup\" \"{name}\" {{\n  config {{\n    service     = \"dds\"\n    instance_id = \"{instance}\"\n    \
         name_prefix = \"{name}-\"\n  }}\n}}\n"
    )
}

/// A trigger that runs it at an event.
fn at(event: &str, action: &str, more: &str) -> String {
    format!(
        "    action_trigger {{\n      events  = [{event}]\n      actions = [action.huaweidb_create_backup.{action}]\n{more}    }}\n"
    )
}

/// An object of another provider, whose life triggers them.
fn object(input: &str, triggers: &str) -> String {
    format!("resource \"terraform_data\" \"db\" {{\n  input = {input:?}\n\n  lifecycle {{\n{triggers}  }}\n}}\n")
}

/// The beginnings of the names of all backups, in the order in which they were begun.
fn taken(emulator: &Emulator) -> Vec<String> {
    let begin = |name: String| name.rsplit_once('-').expect("a prefix").0.to_owned();
    emulator.backups().into_iter().map(|backup| begin(backup.name)).collect()
}

fn invoke(workspace: &Workspace, action: &str) -> crate::cli::Ran {
    workspace.run(&["apply", "-auto-approve", &format!("-invoke=action.{action}")])
}

pub(super) fn invoked(cli: &Cli) {
    let emulator = emulator(0.3);
    let workspace = cli.workspace(&emulator);
    let instance = emulator.instance("dds");
    workspace.configure(&format!(
        r#"{}
action "huaweidb_stop_backup" "emergency" {{
  config {{
    service     = "dds"
    instance_id = "{instance}"
  }}
}}
variable "dry_run" {{
  type    = bool
  default = true
}}
action "huaweidb_prune_backups" "old" {{
  config {{
    service     = "dds"
    instance_id = "{instance}"
    name_prefix = "by-hand-"
    keep_last   = 1
    dry_run     = var.dry_run
  }}
}}
"#,
        taking(&emulator, "by-hand")
    ));
    workspace.run(&["validate"]).succeeded();
    let ran = invoke(&workspace, "huaweidb_create_backup.by-hand").succeeded();
    ran.says("COMPLETED").says("Actions: 1 invoked");
    assert_eq!(taken(&emulator), ["by-hand"]);

    let invoke_old = "-invoke=action.huaweidb_prune_backups.old";
    let old =
        NewBackups { instance_id: instance, name_prefix: "by-hand-".to_owned(), count: 2, ..NewBackups::default() };
    emulator.add_backups(&old);
    workspace.run(&["apply", "-auto-approve", invoke_old]).succeeded().says("dry_run");
    assert_eq!(emulator.backups().len(), 3);
    workspace.run(&["plan", "-var=dry_run=false", "-out=saved", invoke_old]).succeeded();
    workspace.run(&["show", "-json", "saved"]).succeeded();
    workspace.run(&["apply", "saved"]).succeeded();
    assert_eq!(emulator.backups().len(), 1, "{:?}", names(&emulator));

    invoke(&workspace, "huaweidb_stop_backup.emergency").failed();
    emulator.set_pace(|pace| {
        pace.backup_seconds = 600.0;
        pace.stop_seconds = Some(0.2);
    });
    // An interrupt ends the waiting at once; the backup goes on, and is stopped by another action.
    let mut running = workspace.start(&["apply", "-auto-approve", "-invoke=action.huaweidb_create_backup.by-hand"]);
    wait_until("the backup is being taken", || emulator.backups().len() == 2);
    pause(std::time::Duration::from_millis(500));
    running.signal_if_there(Signal::INT);
    running.finished().failed();
    assert!(emulator.backups().iter().any(|row| row.status == "BUILDING"));
    invoke(&workspace, "huaweidb_stop_backup.emergency").succeeded();
    wait_until("it is stopped", || emulator.backups().iter().all(|row| row.status != "BUILDING"));
    assert_eq!(emulator.totals().stopped, 1);
}

pub(super) fn around_changes(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    let events = ["before_create", "after_create", "before_update", "after_update"];
    let name = |event: &str| event.replace('_', "-");
    let actions: String = events.iter().map(|event| taking(&emulator, &name(event))).collect();
    let triggers: String = events.iter().map(|event| at(event, &name(event), "")).collect();
    let configure = |input: &str| workspace.configure(&format!("{actions}{}", object(input, &triggers)));
    configure("1");
    let plan = workspace.run(&["plan", "-out=saved"]).succeeded();
    plan.says("1 to add").says("Actions: 2 to invoke");
    workspace.run(&["show", "-json", "saved"]).succeeded().says("before-create");
    workspace.run(&["apply", "saved"]).succeeded().says("Actions: 2 invoked");
    assert_eq!(taken(&emulator), ["before-create", "after-create"]);
    workspace.nothing_to_do();
    configure("2");
    workspace.apply().says("1 changed").says("Actions: 2 invoked");
    assert_eq!(taken(&emulator), ["before-create", "after-create", "before-update", "after-update"]);
    assert!(emulator.backups().iter().all(|row| row.status == "COMPLETED"));
    workspace.nothing_to_do();
    workspace.destroy();
    assert_eq!(emulator.backups().len(), 4, "what actions took is nobody's to destroy");
}

pub(super) fn failing(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    // Wrong in itself: refused by validate and plan, with its line.
    let wrong = taking(&emulator, "first").replace("\"dds\"", "\"ddm\"");
    workspace.configure(&wrong);
    let line = 1 + workspace.read("main.tf").lines().position(|line| line.contains("\"ddm\"")).expect("it is there");
    let refused = workspace.run(&["validate"]).failed();
    refused.says("This service takes no manual backups").says(&format!("main.tf line {line}"));

    // Failed in the cloud: what it was to come before does not happen.
    let configure = |input: &str| {
        let triggers = at("before_create, before_update", "first", "");
        workspace.configure(&format!("{}{}", taking(&emulator, "first"), object(input, &triggers)));
    };
    configure("1");
    workspace.apply();
    configure("2");
    emulator.fault(Fault::status(403).on("dds").method("POST"));
    workspace.run(&["apply", "-auto-approve"]).failed().says("Backup was not created");
    let (state, _) = workspace.resource("terraform_data.db").expect("it is in the state");
    assert_eq!(state["input"]["value"], "1", "the update waits for a backup: {state}");
    workspace.apply().says("1 changed");
    assert_eq!(taken(&emulator), ["first", "first"]);
    workspace.nothing_to_do();
}

pub(super) fn around_destroy(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    let by_caller =
        taking(&emulator, "before-destroy").replace(&format!("\"{}\"", emulator.instance("dds")), "caller.input");
    let actions = format!("{by_caller}{}", taking(&emulator, "after-destroy"));
    let triggers =
        format!("{}{}", at("before_destroy", "before-destroy", ""), at("after_destroy", "after-destroy", ""));
    let instance = emulator.instance("dds");
    workspace.configure(&format!("{actions}{}", object(&instance, &triggers)));
    workspace.apply();
    assert!(emulator.backups().is_empty());
    workspace.run(&["plan", "-destroy"]).succeeded().says("Actions: 2 to invoke");
    workspace.destroy().says("1 destroyed");
    assert_eq!(taken(&emulator), ["before-destroy", "after-destroy"]);

    // A failed action before a destroy does not stop it, whatever is asked for; what follows a failed one is the same.
    for answer in ["halt", "taint", "continue"] {
        let triggers = at("before_destroy", "before-destroy", &format!("      on_failure = {answer}\n"));
        workspace.configure(&format!("{by_caller}{}", object(&instance, &triggers)));
        workspace.apply();
        emulator.fault(Fault::status(403).on("dds").method("POST"));
        let ran = workspace.run(&["destroy", "-auto-approve"]).succeeded();
        ran.says("Backup was not created");
        assert!(workspace.resource("terraform_data.db").is_none(), "{answer}");
    }
}

pub(super) fn examples(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    let action = |name: &str| example(&format!("actions/huaweidb_{name}/action.tf"));
    let actions = ["create_backup", "prune_backups", "stop_backup"].map(action).concat();
    workspace.configure(&actions);
    workspace.apply();
    assert!(emulator.backups().is_empty());
    workspace.configure(&actions.replace("\"4.4\"", "\"5.0\""));
    workspace.apply();
    assert_eq!(taken(&emulator), ["before-change"]);
    workspace.nothing_to_do();
    invoke(&workspace, "huaweidb_prune_backups.old").succeeded();
    invoke(&workspace, "huaweidb_stop_backup.emergency").succeeded();

    workspace.write("found.tfquery.hcl", &example("list-resources/huaweidb_manual_backup/list-resource.tfquery.hcl"));
    workspace.run(&["query"]).succeeded().says("before-change");
}
