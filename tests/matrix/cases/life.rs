//! From the first plan to the destroy, and what may come between.

use std::fs;
use std::time::{Duration, Instant};

use huaweidb_emulator::{Fault, FaultKind, NewBackups, NewInstance, Pace};
use rustix::process::Signal;
use serde_json::{Value as Json, json};

use super::shared::{
    ADDRESS, NOTHING, SERVICES, attribute, backup, emulator, names, pause, resource, seed, wait_until,
};
use crate::cli::Workspace;
use crate::offers::Cli;

pub(super) fn five_services(cli: &Cli) {
    let emulator = emulator(0.3);
    let workspace = cli.workspace(&emulator);
    let instances: serde_json::Map<_, _> =
        SERVICES.iter().map(|service| ((*service).to_owned(), json!(emulator.instance(service)))).collect();
    workspace.configure(&format!(
        r#"
locals {{
  instances = {}
}}
resource "huaweidb_manual_backup" "all" {{
  for_each    = local.instances
  service     = each.key
  instance_id = each.value
  name_prefix = "release-"
  description = "Before the release"
}}
data "huaweidb_backup" "newest" {{
  for_each    = local.instances
  service     = each.key
  instance_id = each.value
  most_recent = true
  depends_on  = [huaweidb_manual_backup.all]
}}
data "huaweidb_instances" "ddm" {{
  service = "ddm"
}}
output "taken" {{ value = {{ for service, one in huaweidb_manual_backup.all : service => one.id }} }}
output "found" {{ value = {{ for service, one in data.huaweidb_backup.newest : service => one }} }}
output "ddm" {{ value = length(data.huaweidb_instances.ddm.instances) }}
"#,
        Json::Object(instances)
    ));
    workspace.run(&["validate"]).succeeded();
    workspace.run(&["plan"]).succeeded().says("5 to add, 0 to change, 0 to destroy");
    assert!(emulator.journal().iter().all(|call| call.method == "GET"), "a plan changes nothing");
    workspace.apply().says("5 added, 0 changed, 0 destroyed");
    workspace.nothing_to_do();
    let (taken, found) = (workspace.output("taken"), workspace.output("found"));
    for service in SERVICES {
        let row = emulator.backups().into_iter().find(|row| row.service == *service).expect("it was taken");
        assert_eq!(row.status, "COMPLETED", "{service}");
        let one = &found[service];
        assert_eq!((&taken[service], &one["id"]), (&json!(row.id), &json!(row.id)), "{service}");
        // The same words, units and times whatever the service says on the wire.
        assert_eq!((&one["status"], &one["type"]), (&json!("COMPLETED"), &json!("manual")), "{service}");
        assert_eq!(one["begin_time"], row.begin_time.as_str(), "{service}");
        assert_eq!(one["end_time"].as_str(), row.end_time.as_deref(), "{service}");
        assert_eq!(one["size_bytes"], json!(row.size_bytes), "{service}");
    }
    let ddm = emulator.instances().into_iter().filter(|row| row.service == "ddm").count();
    assert_eq!(workspace.output("ddm"), json!(ddm));
    workspace.destroy().says("5 destroyed");
    assert!(emulator.backups().is_empty(), "{:?}", emulator.backups());
}

/// Plans, looks at the plan in every way there is, applies it, and expects these actions and an empty plan after it.
fn planned_and_applied(workspace: &Workspace, options: &[&str], actions: &[&str]) {
    let with = |last: &[&str]| {
        let arguments = [&["plan"], options, last].concat();
        workspace.run(&arguments).succeeded()
    };
    // A CLI that cannot show a plan says so and ends with 0 nevertheless.
    let shown = with(&[]);
    shown.says("Plan:").says(ADDRESS);
    let told = with(&["-json"]);
    let told = told.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}")));
    let told: Vec<Json> = told.collect();
    assert!(told.iter().any(|line| line["type"] == "change_summary"), "{told:?}");
    assert!(told.iter().all(|line| line["@level"] != "error"), "{told:?}");
    let saved = with(&["-out=saved"]);
    assert!(!saved.all().contains("Error"), "{}", saved.all());
    workspace.run(&["show", "saved"]).succeeded().says("Plan:").says(ADDRESS);
    let json = workspace.run(&["show", "-json", "saved"]).succeeded();
    let json: Json = serde_json::from_str(&json.out).expect("it is JSON");
    let change = json["resource_changes"].as_array().and_then(|all| all.iter().find(|one| one["address"] == ADDRESS));
    assert_eq!(change.map(|one| &one["change"]["actions"]), Some(&json!(actions)), "{json}");
    workspace.run(&["apply", "saved"]).succeeded();
    let state = workspace.run(&["show", "-json"]).succeeded();
    let state: Json = serde_json::from_str(&state.out).expect("it is JSON");
    let status = &state["values"]["root_module"]["resources"][0]["values"]["status"];
    if actions == ["delete"] {
        assert!(status.is_null(), "{state}");
    } else {
        assert_eq!(status, "COMPLETED", "{state}");
        workspace.nothing_to_do();
    }
}

pub(super) fn plans(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    let configure = |arguments: &str| {
        workspace.configure(&backup(&emulator, &format!("  name_prefix = \"run-\"\n{arguments}")));
    };
    configure("  triggers = { version = \"1\" }");
    planned_and_applied(&workspace, &[], &["create"]);
    configure("  triggers = { version = \"1\" }\n  timeouts {\n    delete = \"5m\"\n  }");
    planned_and_applied(&workspace, &[], &["update"]);
    configure("  triggers = { version = \"2\" }");
    planned_and_applied(&workspace, &[], &["delete", "create"]);
    assert_eq!(emulator.backups().len(), 1);
    configure("  triggers = { version = \"3\" }\n  lifecycle {\n    create_before_destroy = true\n  }");
    planned_and_applied(&workspace, &[], &["create", "delete"]);
    assert_eq!(emulator.backups().len(), 1);
    planned_and_applied(&workspace, &["-destroy"], &["delete"]);
    assert!(emulator.backups().is_empty());
}

pub(super) fn applied_once(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    for version in ["1", "2"] {
        let triggers = format!("  triggers = {{ version = \"{version}\" }}");
        workspace.configure(&backup(&emulator, &format!("  name_prefix = \"once-\"\n{triggers}")));
        workspace.run(&["plan", "-out=saved"]).succeeded();
        workspace.run(&["apply", "saved"]).succeeded();
        workspace.run(&["apply", "saved"]).failed().says("stale");
        assert_eq!(emulator.backups().len(), 1);
    }
}

pub(super) fn unknown_values(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    workspace.configure(&format!(
        r#"{}
resource "huaweidb_manual_backup" "second" {{
  service             = split("x", "ddsx${{huaweidb_manual_backup.b.id}}")[0]
  instance_id         = huaweidb_manual_backup.b.instance_id
  name                = "after-${{substr(huaweidb_manual_backup.b.id, 0, 8)}}"
  description         = "After ${{huaweidb_manual_backup.b.begin_time}}"
  wait_for_completion = huaweidb_manual_backup.b.status == "COMPLETED"
  triggers            = {{ after = huaweidb_manual_backup.b.id }}
}}
data "huaweidb_backup" "second" {{
  service     = "dds"
  instance_id = huaweidb_manual_backup.second.instance_id
  backup_id   = huaweidb_manual_backup.second.id
}}
output "found" {{ value = data.huaweidb_backup.second.name }}
"#,
        backup(&emulator, "  name_prefix = \"first-\"")
    ));
    workspace.run(&["validate"]).succeeded();
    workspace.run(&["plan"]).succeeded().says("2 to add");
    workspace.apply();
    workspace.nothing_to_do();
    assert_eq!(workspace.output("found"), json!(names(&emulator)[0]));
    workspace.destroy();
    assert!(emulator.backups().is_empty());
}

pub(super) fn failures(cli: &Cli) {
    let emulator = emulator(0.3);
    let workspace = cli.workspace(&emulator);
    workspace.configure(&backup(&emulator, "  name_prefix = \"nightly-\""));
    // Refused before it has an id: nothing is there, and nothing is in the state.
    emulator.fault(Fault::refusal(403, "DBS.280063").on("dds").method("POST"));
    workspace.run(&["apply", "-auto-approve"]).failed().says("Backup was not created");
    assert!(workspace.resource(ADDRESS).is_none());
    assert!(emulator.backups().is_empty());

    // Begun, and failed: it stays in the state, tainted.
    emulator.fault(Fault::new(FaultKind::FailBackup));
    workspace.run(&["apply", "-auto-approve"]).failed().says("Backup failed").says("ended it as FAILED");
    let (state, tainted) = workspace.resource(ADDRESS).expect("the failed object stays in the state");
    assert!(tainted);
    assert_eq!(state["status"], "FAILED");
    workspace.run(&["plan"]).succeeded().says("is tainted, so").says("1 to add, 0 to change, 1 to destroy");

    // The replacement is refused after the old one was deleted.
    emulator.fault(Fault::refusal(403, "DBS.280063").on("dds").method("POST"));
    workspace.run(&["apply", "-auto-approve"]).failed().says("Backup was not created");
    assert!(emulator.backups().is_empty());
    workspace.apply();
    assert_eq!(emulator.backups().len(), 1);
    workspace.nothing_to_do();
    workspace.run(&["plan", &format!("-replace={ADDRESS}")]).succeeded().says("1 to add, 0 to change, 1 to destroy");
    workspace.destroy();

    // Not waited for to its end: once it has completed, a plan that would delete it says how to keep it.
    emulator.set_pace(|pace| *pace = Pace { delete_seconds: Some(0.1), ..Pace::of_backups(600.0) });
    // Where the time is over before the create was answered, there has to be more.
    for seconds in [3, 20, 90] {
        let late = format!("  name_prefix = \"late-\"\n  timeouts {{\n    create = \"{seconds}s\"\n  }}");
        workspace.configure(&backup(&emulator, &late));
        let ran = workspace.run(&["apply", "-auto-approve"]).failed();
        if seconds == 90 || workspace.resource(ADDRESS).is_some() {
            ran.says("Backup was not completed in time").says("terraform untaint");
            break;
        }
        for row in emulator.backups() {
            emulator.vanish(&row.id);
        }
    }
    assert!(emulator.set_status(&emulator.backups()[0].id, "COMPLETED"));
    let plan = workspace.run(&["plan"]).succeeded().says("Backup has completed after all").says("terraform untaint");
    plan.says("1 to add, 0 to change, 1 to destroy");
    workspace.run(&["untaint", ADDRESS]).succeeded();
    workspace.apply().says("Resources: 0 added, 0 changed, 0 destroyed");
    let plan = workspace.run(&["plan", "-detailed-exitcode"]).succeeded();
    assert!(!plan.words().contains("completed after all"), "it was told once:\n{}", plan.all());
    assert_eq!(emulator.backups().len(), 1);
    workspace.destroy();
}

pub(super) fn drift(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    workspace.configure(&backup(&emulator, "  name_prefix = \"lost-\""));
    workspace.apply();
    emulator.vanish(&emulator.backups()[0].id);
    workspace.run(&["plan"]).succeeded().says("1 to add, 0 to change, 0 to destroy").says("Backup no longer exists");
    workspace.apply();
    assert_eq!(emulator.backups().len(), 1);
    workspace.nothing_to_do();

    emulator.set_status(&emulator.backups()[0].id, "FAILED");
    workspace.run(&["plan"]).succeeded().says("1 to add, 0 to change, 1 to destroy").says("Backup is unusable");
    workspace.apply();
    assert_eq!(emulator.backups().len(), 1);
    workspace.nothing_to_do();

    // Destroying what is gone already is success.
    emulator.vanish(&emulator.backups()[0].id);
    workspace.destroy();
    assert!(emulator.backups().is_empty());
}

/// What people run every night: they are woken by exit code 2.
pub(super) fn look_for_drift(cli: &Cli) {
    let emulator = emulator(0.3);
    let workspace = cli.workspace(&emulator);
    let all: Vec<String> =
        SERVICES.iter().map(|service| resource(&emulator, service, service, "  name_prefix = \"nightly-\"")).collect();
    workspace.configure(&all.concat());
    workspace.apply().says("5 added");
    // The first look reads what the apply stored, the second what a refresh stored.
    for _ in 0..2 {
        workspace.nothing_to_do();
        let look = workspace.run(&["plan", "-refresh-only", "-detailed-exitcode"]);
        assert_eq!(look.code, 0, "drift is seen where there is none:\n{}", look.all());
        workspace.run(&["apply", "-refresh-only", "-auto-approve"]).succeeded();
    }
}

pub(super) fn interrupt(cli: &Cli) {
    for signal in [Signal::INT, Signal::TERM] {
        let emulator = emulator(60.0);
        emulator.set_pace(|pace| pace.delete_seconds = Some(0.1));
        let workspace = cli.workspace(&emulator);
        workspace.configure(&backup(&emulator, "  name_prefix = \"interrupted-\""));
        let mut running = workspace.start(&["apply", "-auto-approve"]);
        wait_until("the backup is being taken", || !emulator.backups().is_empty());
        pause(Duration::from_millis(500));
        running.signal_if_there(signal);
        running.finished().failed().says("Backup is still running");
        let (state, tainted) = workspace.resource(ADDRESS).expect("the object is in the state");
        let row = &emulator.backups()[0];
        assert!(!tainted, "{state}");
        assert_eq!((&state["status"], &state["id"]), (&json!("BUILDING"), &json!(row.id)));
        workspace.run(&["plan"]).succeeded().says("0 to add, 1 to change, 0 to destroy");

        assert!(emulator.set_status(&row.id, "COMPLETED"));
        workspace.apply();
        assert_eq!(attribute(&workspace, "status"), "COMPLETED");
        assert_eq!((emulator.totals().created, emulator.backups().len()), (1, 1), "nothing is taken twice");
        workspace.nothing_to_do();
        workspace.destroy();
    }
}

/// Supervisors and container runtimes signal every process; the run is the CLI's all the same.
pub(super) fn signalled(cli: &Cli) {
    let emulator = emulator(600.0);
    emulator.set_pace(|pace| pace.delete_seconds = Some(0.1));
    let workspace = cli.workspace(&emulator);
    let second = backup(&emulator, "  name = \"after-it\"\n  depends_on = [huaweidb_manual_backup.b]");
    let second = second.replace("\"b\"", "\"c\"");
    workspace.configure(&format!("{}{second}", backup(&emulator, "  name = \"signalled\"")));
    let mut running = workspace.start(&["apply", "-auto-approve"]);
    for (count, signals) in [(1, [Signal::TERM, Signal::HUP]), (2, [Signal::QUIT, Signal::INT])] {
        wait_until("a backup is being taken", || emulator.backups().len() == count);
        for signal in signals {
            pause(Duration::from_millis(300));
            assert!(running.signal_provider(signal), "{signal:?}: the run goes on");
        }
        // It ends only after the signals.
        let rows = emulator.backups();
        assert_eq!(rows.len(), count, "what depends on it comes after it: {rows:?}");
        let runs = rows.into_iter().find(|row| row.status == "BUILDING").expect("it still runs");
        assert!(emulator.set_status(&runs.id, "COMPLETED"));
    }
    running.finished().succeeded();
    assert!(emulator.backups().iter().all(|row| row.status == "COMPLETED"), "{:?}", emulator.backups());
    assert_eq!(attribute(&workspace, "status"), "COMPLETED");
    workspace.nothing_to_do();
    workspace.destroy();
}

pub(super) fn bad_input(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    for (arguments, wrong, words) in [
        ("  name = \"padded \"", "name = \"padded", "white space"),
        ("  name = \"good-name\"\n  on_destroy = \"keep\"", "on_destroy", "retain"),
        ("  name = \"good-name\"\n  timeouts {\n    create = \"soon\"\n  }", "create = \"soon\"", "30m"),
        ("  name = \"good-name\"\n  status = \"COMPLETED\"", "status", "status"),
        ("  name = \"good-name\"\n  databases {\n    name = \"x\"\n  }", "name = \"x\"", "whole instances"),
    ] {
        workspace.configure(&backup(&emulator, arguments));
        let main = workspace.read("main.tf");
        let line = 1 + main.lines().position(|line| line.contains(wrong)).expect("it is in the file");
        workspace.run(&["validate"]).failed().says(words).says(&format!("main.tf line {line}"));
        workspace.run(&["plan"]).failed().says(words).says(&format!("main.tf line {line}"));
        let told: Json = serde_json::from_str(&workspace.run(&["validate", "-json"]).failed().out).expect("it is JSON");
        assert_eq!(told["error_count"], 1, "{told}");
        assert_eq!(told["diagnostics"][0]["range"]["start"]["line"], line, "{told}");
    }
    // What exists may be called so; a create may not.
    for (arguments, wrong, words) in [
        ("  name = \"1st\"", "name = \"1st\"", "begin with a letter"),
        ("  name = \"good-name\"\n  description = \"a<b\"", "description", "not allowed"),
    ] {
        workspace.configure(&backup(&emulator, arguments));
        let main = workspace.read("main.tf");
        let line = 1 + main.lines().position(|line| line.contains(wrong)).expect("it is in the file");
        workspace.run(&["validate"]).succeeded();
        workspace.run(&["plan"]).failed().says(words).says(&format!("main.tf line {line}"));
    }
    workspace.configure(&backup(&emulator, "  name = \"good-name\"\n  name_prefix = \"p-\""));
    workspace.run(&["plan"]).failed().says("exactly one");
    assert!(emulator.journal().is_empty(), "{:?}", emulator.journal());
    // Without keys: one error that says what was looked for.
    let mut bare = cli.bare_workspace();
    bare.set("HW_REGION_NAME", "eu-de");
    bare.configure(&backup(&emulator, "  name = \"good-name\""));
    let ran = bare.run(&["plan"]).failed().says("No credentials were found");
    assert_eq!(ran.all().matches("Error: ").count(), 1, "{}", ran.all());
}

pub(super) fn protection(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    let with = |arguments: &str| workspace.configure(&backup(&emulator, arguments));
    with("  name = \"precious\"\n  deletion_protection = true");
    workspace.apply();
    workspace.nothing_to_do();
    workspace.run(&["destroy", "-auto-approve"]).failed().says("deletion_protection = true");
    assert_eq!(names(&emulator), ["precious"]);
    // A replacement would delete it too.
    with("  name = \"another\"\n  deletion_protection = true");
    workspace.run(&["plan"]).failed().says("Backup is protected from deletion");
    // So would one that the CLI decides on.
    with("  name = \"precious\"\n  deletion_protection = true");
    workspace.run(&["plan", &format!("-replace={ADDRESS}")]).failed().says("Backup is protected from deletion");
    workspace.nothing_to_do();
    // One that is tainted is not asked about when planning; the apply refuses then.
    with("  name = \"precious\"\n  deletion_protection = true");
    workspace.run(&["taint", ADDRESS]).succeeded();
    workspace.run(&["apply", "-auto-approve"]).failed().says("Backup is protected from deletion");
    workspace.run(&["untaint", ADDRESS]).succeeded();
    assert_eq!(names(&emulator), ["precious"]);

    with("  name = \"precious\"\n  on_destroy = \"retain\"");
    workspace.run(&["plan"]).succeeded().says("0 to add, 1 to change, 0 to destroy");
    workspace.apply();
    workspace.destroy().says("Backup is kept in the cloud");
    assert_eq!(names(&emulator), ["precious"]);
    assert!(emulator.journal().iter().all(|call| call.method != "DELETE"));
}

pub(super) fn planned_destroys(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    workspace.configure(&backup(&emulator, "  name = \"precious\"\n  deletion_protection = true"));
    workspace.apply();
    workspace.run(&["plan", "-destroy"]).failed().says("Backup is protected from deletion");
    workspace.configure(&backup(&emulator, "  name = \"precious\""));
    workspace.apply();
    let lost = workspace.run(&["plan", "-destroy"]).succeeded();
    lost.says("Last completed backup will be deleted").says("The backup \"precious\"").says("It is the last completed");
    workspace.destroy();
    assert!(emulator.backups().is_empty());
}

pub(super) fn rotation(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    let stranger = NewBackups {
        instance_id: emulator.instance("dds"),
        name: Some("nightly-by-hand".to_owned()),
        ..NewBackups::default()
    };
    emulator.add_backups(&stranger);
    let rotating = |version: u8| {
        workspace.configure(&backup(
            &emulator,
            &format!(
                "  name_prefix = \"nightly-\"\n  keep_last = 2\n  on_destroy = \"retain\"\n  \
                 triggers = {{ version = \"{version}\" }}"
            ),
        ));
    };
    for version in 1..=3 {
        rotating(version);
        let plan = workspace.run(&["plan"]).succeeded();
        if version > 2 {
            plan.says("Older backups will be deleted").says("keep_last = 2");
        } else {
            assert!(!plan.all().contains("Older backups"), "{}", plan.all());
        }
        workspace.apply();
        workspace.nothing_to_do();
        let name = attribute(&workspace, "name");
        assert!(names(&emulator).iter().any(|one| name == one.as_str()), "the new one stays");
        // Begin times count in whole seconds.
        pause(Duration::from_millis(1100));
    }
    assert_eq!(emulator.backups().len(), 3, "two, and the one that was taken by hand: {:?}", names(&emulator));

    // What comes between the plan and its apply goes too, or is said to stay.
    rotating(4);
    workspace.run(&["plan", "-out=plan"]).succeeded();
    let late = "nightly-2026010203040500000000".to_owned();
    let begin_time = Some("2026-01-02T03:04:05Z".to_owned());
    let stranger = NewBackups { name: Some(late.clone()), begin_time, ..stranger };
    let id = emulator.add_backups(&stranger).remove(0).id;
    let ran = workspace.run(&["apply", "plan"]).succeeded();
    let left = names(&emulator).contains(&late);
    if left {
        ran.says(&format!(
            "The backup {id} of the same prefix is left beyond `keep_last`: the plan did not announce it"
        ));
    }
    let all = 3 + usize::from(left);
    assert_eq!(emulator.backups().len(), all, "{:?}", names(&emulator));
    workspace.destroy().says("Backup is kept in the cloud");
    assert_eq!(emulator.backups().len(), all);
}

pub(super) fn planned_ahead(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    let older = |day: u8| {
        let made = NewBackups {
            name: Some(format!("nightly-2026010{day}0000000000000{day}")),
            begin_time: Some(format!("2026-01-0{day}T00:00:00Z")),
            ..NewBackups::of(&emulator.instance("dds"))
        };
        emulator.add_backups(&made).remove(0)
    };
    let rotating = |version: u8, more: &str| {
        workspace.configure(&backup(
            &emulator,
            &format!(
                "  name_prefix = \"nightly-\"\n  keep_last = 2\n  on_destroy = \"retain\"\n  \
                 triggers = {{ version = \"{version}\" }}\n{more}"
            ),
        ));
    };
    let planned_name = || {
        let json = workspace.run(&["show", "-json", "saved"]).succeeded();
        let json: Json = serde_json::from_str(&json.out).expect("it is JSON");
        json["resource_changes"][0]["change"]["after"]["name"].as_str().expect("the name is planned").to_owned()
    };
    let taken = |name: &str| names(&emulator).iter().filter(|one| *one == name).count();

    let (second, third, fourth) = (older(2), older(3), older(4));
    rotating(1, "");
    let plan = workspace.run(&["plan", "-out=saved"]).succeeded().says("Older backups will be deleted");
    assert!([&second, &third].iter().all(|one| plan.words().contains(&one.id)), "{}", plan.all());
    let name = planned_name();
    plan.says(&name);
    // Meanwhile one of them goes, and another comes that would have gone too.
    assert!(emulator.vanish(&second.id));
    let first = older(1);
    workspace.run(&["apply", "saved"]).succeeded();
    assert_eq!(attribute(&workspace, "name"), name.as_str());
    let mut left = vec![first.name, fourth.name.clone(), name.clone()];
    left.sort();
    assert_eq!(names(&emulator), left);
    workspace.nothing_to_do();

    // The old object of a replacement goes before the new one comes, or after it.
    for (version, more) in [(2, ""), (3, "  lifecycle {\n    create_before_destroy = true\n  }")] {
        pause(Duration::from_millis(1100));
        rotating(version, more);
        workspace.run(&["plan", "-out=saved"]).succeeded();
        let name = planned_name();
        workspace.run(&["apply", "saved"]).succeeded();
        assert_eq!(attribute(&workspace, "name"), name.as_str());
        workspace.nothing_to_do();
    }

    // A saved plan is applied, and the state of that run is lost.
    workspace.run(&["state", "rm", ADDRESS]).succeeded();
    let state = workspace.read("terraform.tfstate");
    workspace.run(&["plan", "-out=saved"]).succeeded();
    let name = planned_name();
    workspace.run(&["apply", "saved"]).succeeded();
    workspace.write("terraform.tfstate", &state);
    workspace.run(&["apply", "saved"]).failed().says("the plan was applied before");
    assert_eq!(taken(&name), 1);
}

pub(super) fn modules(cli: &Cli) {
    let emulator = emulator(0.2);
    let mut workspace = cli.workspace(&emulator);
    workspace.unset("HW_PROJECT_ID");
    let far = NewInstance {
        service: "dds".to_owned(),
        name: "far-away".to_owned(),
        region: Some("eu-nl".to_owned()),
        ..NewInstance::default()
    };
    let instances = json!({ "near": emulator.instance("dds"), "far": emulator.add_instance(&far).id });
    let head = "terraform {\n  required_providers {\n    huaweidb = {\n      source = \"localhost/huaweidb/huaweidb\"\n    }\n  }\n}\n";
    let variables = "variable \"instance_id\" {\n  type = string\n}\nvariable \"names\" {\n  type = set(string)\n}\n";
    fs::create_dir(workspace.path("gate")).expect("a temporary folder can be made");
    workspace.write(
        "gate/main.tf",
        &format!(
            "{head}{variables}resource \"huaweidb_manual_backup\" \"b\" {{\n  for_each    = var.names\n  service     = \
             \"dds\"\n  instance_id = var.instance_id\n  name        = each.key\n}}\n\
             output \"ids\" {{ value = [for one in huaweidb_manual_backup.b : one.id] }}\n"
        ),
    );
    let called = |names: &str| {
        workspace.configure(&format!(
            r#"
provider "huaweidb" {{
  alias     = "far"
  region    = "eu-nl"
  endpoints = var.endpoints
}}
locals {{
  instances = {instances}
}}
module "near" {{
  source      = "./gate"
  instance_id = local.instances["near"]
  names       = {names}
}}
module "far" {{
  source      = "./gate"
  count       = 1
  instance_id = local.instances["far"]
  names       = ["far-${{length(module.near.ids)}}"]
  providers = {{
    huaweidb = huaweidb.far
  }}
}}
"#
        ));
    };
    called("[\"near-1\", \"near-2\"]");
    workspace.run(&["get"]).succeeded();
    workspace.apply().says("3 added");
    workspace.nothing_to_do();
    assert_eq!(names(&emulator), ["far-2", "near-1", "near-2"]);
    let region = |name: &str| emulator.backups().into_iter().find(|row| row.name == name).map(|row| row.region);
    assert_eq!(region("far-2").as_deref(), Some("eu-nl"));
    called("[\"near-2\"]");
    workspace.apply().says("1 added, 0 changed, 2 destroyed");
    assert_eq!(names(&emulator), ["far-1", "near-2"]);
    workspace.destroy();
    assert!(emulator.backups().is_empty());
}

pub(super) fn addresses(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    workspace.configure(&backup(&emulator, "  name = \"wanders\""));
    workspace.apply();
    emulator.clear_journal();
    workspace.run(&["state", "mv", ADDRESS, "huaweidb_manual_backup.c"]).succeeded();
    workspace.configure(&resource(&emulator, "dds", "c", "  name = \"wanders\""));
    workspace.nothing_to_do();
    let moved = "moved {\n  from = huaweidb_manual_backup.c\n  to   = huaweidb_manual_backup.d[0]\n}\n";
    // Terraform knows `moved` since 1.1.
    let knows = cli.is_at_least("1.1");
    if !knows {
        workspace.run(&["state", "mv", "huaweidb_manual_backup.c", "huaweidb_manual_backup.d[0]"]).succeeded();
    }
    let counted = resource(&emulator, "dds", "d", "  count = 1\n  name = \"wanders\"");
    let moved = if knows { moved } else { "" };
    workspace.configure(&format!("{counted}{moved}"));
    let plan = workspace.run(&["plan"]).succeeded();
    assert!(moved.is_empty() || plan.words().contains("0 to add, 0 to change, 0 to destroy"), "{}", plan.all());
    workspace.run(&["apply", "-auto-approve"]).succeeded().says("0 added, 0 changed, 0 destroyed");
    workspace.run(&["apply", "-auto-approve", "-refresh-only"]).succeeded();
    workspace.nothing_to_do();
    assert!(emulator.journal().iter().all(|call| call.method == "GET"), "{:?}", emulator.journal());
    workspace.run(&["state", "rm", "huaweidb_manual_backup.d"]).succeeded();
    assert_eq!(names(&emulator), ["wanders"]);
}

pub(super) fn three_hundred(cli: &Cli) {
    const MANY: usize = 300;
    let emulator = emulator(0.05);
    let instance = |nth: usize| {
        let wanted = NewInstance { service: "dds".to_owned(), name: format!("many-{nth}"), ..NewInstance::default() };
        emulator.add_instance(&wanted).id
    };
    let ids: Vec<String> = (0..MANY).map(instance).collect();
    let workspace = cli.workspace(&emulator);
    workspace.configure(&format!(
        "locals {{ instances = {ids:?} }}\nresource \"huaweidb_manual_backup\" \"b\" {{\n  count       = {MANY}\n  \
         service     = \"dds\"\n  instance_id = local.instances[count.index]\n  name_prefix = \"many-\"\n}}\n"
    ));
    workspace.run(&["apply", "-auto-approve", "-parallelism=60"]).succeeded().says("300 added");
    assert!(emulator.backups().iter().all(|row| row.status == "COMPLETED"));
    // What was read counts for half a minute, and a pause of some seconds ends a refresh: where the machine is that slow, once more.
    for attempt in 1..=5 {
        emulator.clear_journal();
        let began = Instant::now();
        workspace.nothing_to_do();
        let (calls, took) = (emulator.journal().len(), began.elapsed());
        if calls <= 40 {
            break;
        }
        assert!(attempt < 5 || took > Duration::from_secs(25), "{calls} calls to refresh 300 backups in {took:?}");
    }
    workspace.run(&["destroy", "-auto-approve", "-parallelism=60"]).succeeded().says("300 destroyed");
    assert!(emulator.backups().is_empty());
}

/// Pairs of configurations, and what a plan that leads from one to the other says.
pub(super) fn nothing(cli: &Cli) {
    const SAME: &str = "No changes.";
    const IN_PLACE: &str = "0 to add, 1 to change, 0 to destroy";
    const REPLACED: &str = "1 to add, 0 to change, 1 to destroy";
    let emulator = emulator(0.1);
    let workspace = cli.workspace(&emulator);
    for (before, after, said) in [
        // Where the provider may choose, what it has stays; elsewhere a CLI insists on the words, and only they change.
        ("", "description = \"\"", IN_PLACE),
        ("description = \"\"", "", SAME),
        ("description = \"a\"", "", SAME),
        ("description = \"a\"", "description = \"\"", SAME),
        ("description = \"a\"", "description = \"b\"", REPLACED),
        ("", "region = \"\"", SAME),
        ("region = \"\"", "", SAME),
        ("", "triggers = {}", IN_PLACE),
        ("triggers = {}", "", IN_PLACE),
        ("triggers = {}", "triggers = { v = null }", SAME),
        ("triggers = { v = \"1\" }", "triggers = { v = \"1\", w = null }", SAME),
        ("triggers = { v = \"1\" }", "triggers = { v = \"2\" }", REPLACED),
        ("triggers = { v = \"1\" }", "", REPLACED),
        ("", "triggers = { v = \"1\" }", REPLACED),
        ("", "name_prefix = \"\"", IN_PLACE),
        ("name_prefix = \"\"", "", IN_PLACE),
        ("on_destroy = \"\"", "on_destroy = \"delete\"", SAME),
        ("on_destroy = \"retain\"", "on_destroy = \"\"", IN_PLACE),
        ("", "keep_last = null", SAME),
        ("", "backup_database_individually = null", SAME),
        ("", "backup_database_individually = false", IN_PLACE),
        ("backup_database_individually = false", "", IN_PLACE),
    ] {
        let with = |arguments| workspace.configure(&backup(&emulator, &format!("  name = \"nightly\"\n  {arguments}")));
        with(before);
        workspace.apply();
        workspace.nothing_to_do();
        with(after);
        let plan = workspace.run(&["plan"]).succeeded();
        assert!(plan.words().contains(said), "{before:?}, then {after:?} is not {said:?}:\n{}", plan.all());
        let taken = emulator.backups()[0].id.clone();
        if said != REPLACED {
            workspace.apply();
            workspace.nothing_to_do();
            assert_eq!(emulator.backups()[0].id, taken, "{before:?}, then {after:?}: the backup is the same");
        }
        with("on_destroy = \"delete\"");
        workspace.destroy();
    }

    // The same after an import: what says nothing leaves the backup as it is, and what no service tells is adopted.
    let id = seed(&emulator, "dds", "nightly");
    let path = format!("dds/{}/{id}", emulator.instance("dds"));
    for said in NOTHING.iter().chain(&["triggers = { v = \"1\" }"]) {
        workspace.configure(&backup(&emulator, &format!("  name = \"nightly\"\n  {said}")));
        workspace.run(&["import", ADDRESS, &path]).succeeded();
        let plan = workspace.run(&["plan"]).succeeded();
        let stays = plan.words().contains(SAME) || plan.words().contains(IN_PLACE);
        assert!(stays, "imported, {said:?}:\n{}", plan.all());
        workspace.apply();
        workspace.nothing_to_do();
        workspace.run(&["state", "rm", ADDRESS]).succeeded();
    }
    assert_eq!(emulator.backups().iter().map(|row| &row.id).collect::<Vec<_>>(), [&id]);
}
