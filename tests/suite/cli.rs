//! The real CLI drives the real binary against the emulator: what a person sees.
//!
//! After every apply a second plan is empty, and after every test the cloud's own ledger says what exists.

use huaweidb_emulator::{Emulator, Fault, FaultKind, NewBackups, Options};
use serde_json::Value as Json;

use crate::support::cli::{Ran, Workspace, cli};

const ADDRESS: &str = "huaweidb_manual_backup.b";

/// An emulator whose backups take this long.
fn emulator(backup_seconds: f64) -> Emulator {
    Emulator::start_now(&Options::with_backups_of(backup_seconds)).expect("the emulator starts")
}

/// A resource block for a DDS instance of this emulator.
fn backup(emulator: &Emulator, arguments: &str) -> String {
    format!(
        "resource \"huaweidb_manual_backup\" \"b\" {{\n  service     = \"dds\"\n  instance_id = \"{}\"\n{arguments}\n}}\n",
        emulator.instance("dds")
    )
}

fn creates(emulator: &Emulator) -> usize {
    emulator.journal().iter().filter(|call| call.method == "POST" && call.service == "dds").count()
}

fn attribute(workspace: &Workspace, name: &str) -> Json {
    workspace.resource(ADDRESS).expect("the object is in the state").0[name].clone()
}

#[test]
fn a_changed_trigger_takes_a_new_backup_and_deletes_the_old_one() {
    let emulator = emulator(0.3);
    let workspace = Workspace::new(&emulator);
    workspace.configure(&backup(&emulator, "  name_prefix = \"run-\"\n  triggers = { version = \"1\" }"));
    workspace.apply();
    let first = attribute(&workspace, "id");
    workspace.nothing_to_do();

    workspace.configure(&backup(&emulator, "  name_prefix = \"run-\"\n  triggers = { version = \"2\" }"));
    workspace.run(&["plan"]).succeeded().says("1 to add, 0 to change, 1 to destroy").says("forces replacement");
    workspace.apply();
    let second = attribute(&workspace, "id");
    assert_ne!(first, second);
    let left = emulator.backups();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].name.starts_with("run-"), "{}", left[0].name);
    workspace.nothing_to_do();
}

#[test]
fn switches_are_changed_in_place_without_a_call() {
    let emulator = emulator(0.2);
    let workspace = Workspace::new(&emulator);
    workspace.configure(&backup(&emulator, "  name = \"keep-me\""));
    workspace.apply();
    emulator.clear_journal();

    workspace.configure(&backup(
        &emulator,
        "  name = \"keep-me\"\n  on_destroy = \"retain\"\n  timeouts {\n    delete = \"5m\"\n  }",
    ));
    workspace.run(&["plan"]).succeeded().says("0 to add, 1 to change, 0 to destroy");
    workspace.apply();
    assert!(emulator.journal().iter().all(|call| call.method == "GET"), "{:?}", emulator.journal());
    workspace.nothing_to_do();

    workspace.destroy().says("Backup is kept in the cloud");
    assert_eq!(emulator.backups().len(), 1);
    assert!(emulator.journal().iter().all(|call| call.method == "GET"));
}

#[test]
fn an_apply_may_go_on_before_the_backup_has_completed() {
    let emulator = emulator(3600.0);
    let workspace = Workspace::new(&emulator);
    workspace.configure(&backup(&emulator, "  name = \"in-background\"\n  wait_for_completion = false"));
    workspace.apply();
    assert_eq!(attribute(&workspace, "status"), "BUILDING");
    assert_eq!(emulator.backups()[0].status, "BUILDING");
    workspace.nothing_to_do();

    // Wanting to wait after all is an update that waits.
    emulator.set_status(&emulator.backups()[0].id, "COMPLETED");
    workspace.configure(&backup(&emulator, "  name = \"in-background\""));
    workspace.apply();
    assert_eq!(attribute(&workspace, "status"), "COMPLETED");
    assert_eq!(creates(&emulator), 1);
    workspace.nothing_to_do();
}

#[test]
fn destroying_a_running_backup_stops_it_first() {
    let emulator = emulator(60.0);
    emulator.set_pace(|pace| {
        pace.stop_seconds = Some(0.3);
        pace.delete_seconds = Some(0.3);
    });
    let workspace = Workspace::new(&emulator);
    workspace.configure(&backup(&emulator, "  name = \"emergency\"\n  wait_for_completion = false"));
    workspace.apply();
    workspace.destroy();
    assert!(emulator.backups().is_empty());
    let changes: Vec<String> =
        emulator.journal().iter().filter(|call| call.method != "GET").map(|call| call.method.clone()).collect();
    assert_eq!(changes, ["POST", "PUT", "DELETE"]);
}

#[test]
fn a_read_that_cannot_tell_keeps_the_state() {
    let emulator = emulator(0.2);
    let mut workspace = Workspace::new(&emulator);
    workspace.set("HW_MAX_RETRIES", "0");
    workspace.configure(&backup(&emulator, "  name = \"still-there\""));
    workspace.apply();
    for fault in [
        Fault::status(500).on("dds").times(5),
        Fault::new(FaultKind::Html).on("dds").times(5),
        Fault::new(FaultKind::CloseBefore).on("dds").times(5),
    ] {
        emulator.fault(fault);
        workspace.run(&["plan"]).failed().says("Backup was not read").says("The state keeps what was known before");
        emulator.clear_faults();
        assert_eq!(attribute(&workspace, "name"), "still-there");
    }
    workspace.nothing_to_do();
}

#[test]
fn bad_arguments_are_refused_at_plan_time_and_nothing_is_sent() {
    let emulator = emulator(0.2);
    let workspace = Workspace::new(&emulator);
    for (arguments, words) in [
        ("  name = \" padded\"", "white space"),
        ("  name = \"good-name\"\n  name_prefix = \"p-\"", "exactly one"),
        ("", "exactly one"),
        ("  name_prefix = \"-p\"", "begin with a letter"),
        ("  name = \"good-name\"\n  on_destroy = \"keep\"", "retain"),
        ("  name = \"good-name\"\n  timeouts {\n    create = \"soon\"\n  }", "30m"),
        ("  name = \"good-name\"\n  status = \"COMPLETED\"", "status"),
        ("  name = \"good-name\"\n  databases {\n    name = \"x\"\n  }", "whole instances"),
    ] {
        workspace.configure(&backup(&emulator, arguments));
        workspace.run(&["validate"]).failed().says(words);
        workspace.run(&["plan"]).failed().says(words);
    }
    // What exists may be called so; a create may not.
    for (arguments, words) in [
        ("  name = \"1st\"", "begin with a letter"),
        ("  name = \"abc\"", "4 to 64"),
        ("  name = \"with space\"", "letters, digits, hyphens and underscores"),
        ("  name = \"good-name\"\n  description = \"a<b\"", "not allowed"),
    ] {
        workspace.configure(&backup(&emulator, arguments));
        workspace.run(&["validate"]).succeeded();
        workspace.run(&["plan"]).failed().says(words);
    }
    workspace.configure(
        "resource \"huaweidb_manual_backup\" \"b\" {\n  service     = \"oracle\"\n  instance_id = \"i\"\n  name = \"good-name\"\n}\n",
    );
    workspace.run(&["plan"]).failed().says("dds");
    assert!(emulator.journal().is_empty(), "{:?}", emulator.journal());
    assert!(emulator.backups().is_empty());
}

#[test]
fn an_instance_id_of_another_service_is_a_warning() {
    let emulator = emulator(0.2);
    let workspace = Workspace::new(&emulator);
    workspace.configure(&format!(
        "resource \"huaweidb_manual_backup\" \"b\" {{\n  service     = \"dds\"\n  instance_id = \"{}\"\n  name = \"good-name\"\n}}\n",
        emulator.instance("rds")
    ));
    workspace.run(&["validate"]).succeeded().says("Instance id looks like another service's").says("`rds`");
    let plan = workspace.run(&["plan"]).failed().says("Instance was not found").says("instance_id");
    plan.says("Instance id looks like another service's");
    assert!(workspace.resource(ADDRESS).is_none());
}

#[test]
fn values_that_are_not_known_yet_do_not_fail_a_plan() {
    let emulator = emulator(0.2);
    let workspace = Workspace::new(&emulator);
    workspace.configure(&format!(
        "resource \"terraform_data\" \"i\" {{\n  input = {{ id = \"{}\", name = \"from-elsewhere\", wait = true }}\n}}\n\
         resource \"huaweidb_manual_backup\" \"b\" {{\n  service     = \"dds\"\n  instance_id = terraform_data.i.output.id\n  \
         name = terraform_data.i.output.name\n  wait_for_completion = terraform_data.i.output.wait\n  \
         triggers = {{ of = terraform_data.i.id }}\n}}\n",
        emulator.instance("dds")
    ));
    workspace.run(&["validate"]).succeeded();
    workspace.run(&["plan"]).succeeded().says("2 to add");
    workspace.apply();
    assert_eq!(emulator.backups()[0].name, "from-elsewhere");
    workspace.nothing_to_do();
}

#[test]
fn a_provider_configuration_that_is_not_known_yet_does_not_fail_a_plan() {
    let emulator = emulator(0.2);
    let workspace = Workspace::new(&emulator);
    workspace.configure("");
    let main = workspace
        .read("main.tf")
        .replace("endpoints = var.endpoints", "endpoints = var.endpoints\n  region = terraform_data.r.output");
    workspace.write(
        "main.tf",
        &format!(
            "{main}\nresource \"terraform_data\" \"r\" {{\n  input = \"eu-de\"\n}}\n{}",
            backup(&emulator, "  name = \"later\"")
        ),
    );
    workspace.run(&["plan"]).succeeded().says("2 to add");
    workspace.apply();
    assert_eq!(emulator.backups().len(), 1);
    workspace.nothing_to_do();
}

#[test]
fn line_34_missing_credentials_are_one_error_that_says_what_was_looked_for() {
    let emulator = emulator(0.2);
    for (variables, words) in [
        (
            [("HW_ACCESS_KEY", "AK"), ("HW_REGION_NAME", "eu-de")].as_slice(),
            "HW_ACCESS_KEY is set, but HW_SECRET_KEY is not",
        ),
        (&[("HW_ACCESS_KEY", "AK"), ("HW_SECRET_KEY", "SK")], "HW_REGION_NAME"),
        (&[("HW_REGION_NAME", "eu-de")], "No credentials were found"),
    ] {
        let mut workspace = Workspace::bare();
        for (name, value) in variables {
            workspace.set(name, value);
        }
        workspace.configure(&backup(&emulator, "  name = \"good-name\""));
        let ran = workspace.run(&["plan"]).failed().says(words);
        assert_eq!(ran.all().matches("Error: ").count(), 1, "{}", ran.all());
    }
}

#[test]
fn the_data_source_says_what_it_did_not_find() {
    let emulator = emulator(0.2);
    let instance = emulator.instance("dds");
    let seed = |name: &str, status: &str, kind: &str| {
        emulator.add_backups(&NewBackups {
            service: Some("dds".to_owned()),
            instance_id: instance.clone(),
            count: 1,
            name: Some(name.to_owned()),
            status: status.to_owned(),
            kind: kind.to_owned(),
            begin_time: Some("2025-06-03T08:12:40Z".to_owned()),
            ..NewBackups::default()
        })[0]
            .clone()
    };
    let first = seed("release-1", "COMPLETED", "manual");
    let failed = seed("release-2", "FAILED", "manual");
    let search = |arguments: &str| {
        let workspace = Workspace::new(&emulator);
        workspace.configure(&format!(
            "data \"huaweidb_backup\" \"d\" {{\n  service = \"dds\"\n{arguments}\n}}\noutput \"d\" {{ value = data.huaweidb_backup.d }}\n"
        ));
        (workspace.run(&["apply", "-auto-approve"]), workspace)
    };

    let (ran, workspace) = search(&format!("  instance_id = \"{instance}\""));
    ran.succeeded();
    let found = workspace.output("d");
    assert_eq!(found["id"], first.id.as_str());
    assert_eq!(found["name"], "release-1");
    assert_eq!(found["status"], "COMPLETED");
    assert_eq!(found["begin_time"], first.begin_time.as_str());

    let (ran, workspace) = search(&format!("  backup_id = \"{}\"", failed.id));
    ran.succeeded();
    assert_eq!(workspace.output("d")["status"], "FAILED", "an id finds a backup in any state");

    let (ran, workspace) = search("  name = \"release-2\"\n  status = \"FAILED\"");
    ran.succeeded();
    assert_eq!(workspace.output("d")["id"], failed.id.as_str());

    search("  name = \"release-2\"")
        .0
        .failed()
        .says("No backup found")
        .says("name \"release-2\", status \"COMPLETED\"");
    search("  backup_id = \"no-such-id\"").0.failed().says("No backup found").says("no-such-id");
    search("  backup_id = \"x\"\n  most_recent = true").0.failed().says("Conflicting arguments");

    let third = emulator.add_backups(&NewBackups {
        service: Some("dds".to_owned()),
        instance_id: instance.clone(),
        count: 1,
        name: Some("release-3".to_owned()),
        status: "COMPLETED".to_owned(),
        ..NewBackups::default()
    })[0]
        .clone();
    search("").0.failed().says("Several backups fit").says("most_recent = true");
    let (ran, workspace) = search("  most_recent = true");
    ran.succeeded();
    assert_eq!(workspace.output("d")["id"], third.id.as_str());
}

#[test]
fn line_19_the_flow_works_without_tls_between_cli_and_provider() {
    let emulator = emulator(0.2);
    let mut workspace = Workspace::new(&emulator);
    workspace.set("TF_DISABLE_PLUGIN_TLS", "1");
    workspace.configure(&backup(&emulator, "  name = \"plain\""));
    workspace.apply();
    workspace.nothing_to_do();
    workspace.destroy();
    assert!(emulator.backups().is_empty());
}

#[test]
fn line_16_log_lines_carry_their_level_and_none_is_unexpected() {
    let emulator = emulator(0.2);
    let mut workspace = Workspace::new(&emulator);
    workspace.configure(&backup(&emulator, "  name = \"logged\""));
    workspace.set("TF_LOG_PROVIDER", "DEBUG");
    let ran = workspace.apply();
    let lines: Vec<&str> =
        ran.err.lines().filter(|line| line.contains("provider.terraform-provider-huaweidb")).collect();
    assert!(lines.len() > 5, "{}", ran.err);
    for line in &lines {
        assert!(["[DEBUG]", "[INFO]", "[WARN]", "[ERROR]"].iter().any(|level| line.contains(level)), "{line}");
    }
    assert!(!ran.err.contains("unexpected data"), "{}", ran.err);

    workspace.set("TF_LOG_PROVIDER", "WARN");
    let ran = workspace.run(&["plan"]).succeeded();
    assert!(!ran.err.contains("[INFO]") && !ran.err.contains("[DEBUG]"), "{}", ran.err);
}

#[test]
fn line_27_every_attribute_is_described() {
    let emulator = emulator(0.2);
    let workspace = Workspace::new(&emulator);
    workspace.configure("");
    let ran = workspace.run(&["providers", "schema", "-json"]).succeeded();
    let schemas: Json = serde_json::from_str(&ran.out).expect("it is JSON");
    let provider = &schemas["provider_schemas"]["localhost/huaweidb/huaweidb"];
    let mut seen = 0;
    let mut check = |name: &str, block: &Json| walk(name, block, &mut seen);
    check("provider", &provider["provider"]["block"]);
    for kind in ["resource_schemas", "data_source_schemas"] {
        for (name, schema) in provider[kind].as_object().expect("there are some") {
            check(name, &schema["block"]);
        }
    }
    assert!(seen > 60, "only {seen} attributes were seen");
}

fn walk(at: &str, block: &Json, seen: &mut usize) {
    for (name, attribute) in block["attributes"].as_object().into_iter().flatten() {
        *seen += 1;
        let at = format!("{at}.{name}");
        assert!(attribute["description"].as_str().is_some_and(|text| text.ends_with('.')), "{at}: {attribute}");
        walk(&at, &attribute["nested_type"], seen);
    }
    for (name, nested) in block["block_types"].as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        assert!(nested["block"]["description"].as_str().is_some_and(|text| !text.is_empty()), "{at}");
        walk(&at, &nested["block"], seen);
    }
}

#[test]
fn line_76_many_at_once_under_throttling_end_without_an_error() {
    let emulator = emulator(0.2);
    for _ in 0..3 {
        emulator.fault(Fault::status(429).on("dds").header("Retry-After", "1").times(4));
    }
    let instances =
        emulator.instances().into_iter().filter(|row| row.service == "dds").map(|row| row.id).collect::<Vec<_>>();
    let workspace = Workspace::new(&emulator);
    workspace.configure(&format!(
        "locals {{ instances = {instances:?} }}\nresource \"huaweidb_manual_backup\" \"b\" {{\n  count       = 12\n  service     = \"dds\"\n  \
         instance_id = local.instances[count.index % length(local.instances)]\n  name_prefix = \"many-\"\n}}\n"
    ));
    workspace.run(&["apply", "-auto-approve", "-parallelism=10"]).succeeded();
    assert_eq!(emulator.backups().len(), 12);
    workspace.nothing_to_do();
    workspace.run(&["destroy", "-auto-approve", "-parallelism=10"]).succeeded();
    assert!(emulator.backups().is_empty());
}

#[test]
fn no_secret_shows_up_anywhere() {
    let emulator = emulator(0.2);
    let mut workspace = Workspace::new(&emulator);
    workspace.set("TF_LOG", "TRACE");
    let secrets = [emulator.secret_key(), "security-token-in-configuration".to_owned()];
    workspace.configure(&backup(&emulator, "  name = \"quiet\""));
    let mut outputs = Vec::new();
    outputs.push(workspace.run(&["plan", "-out=plan"]));
    outputs.push(workspace.run(&["apply", "plan"]));
    outputs.push(workspace.run(&["show", "-json", "plan"]));
    emulator.fault(Fault::status(401).on("dds").times(3));
    outputs.push(workspace.run(&["plan"]));
    workspace.set("HW_SECURITY_TOKEN", &secrets[1]);
    outputs.push(workspace.run(&["plan"]));
    outputs.push(workspace.run(&["destroy", "-auto-approve"]));
    let mut texts: Vec<String> = outputs.iter().map(Ran::all).collect();
    texts.push(workspace.read("terraform.tfstate"));
    for text in texts {
        // The CLI itself never sees the environment variable's value in a value; what it logs of its own start is not ours.
        for line in text.lines() {
            for secret in &secrets {
                assert!(!line.contains(secret.as_str()), "{}: {line}", cli());
            }
            assert!(!line.contains("Signature="), "{line}");
        }
    }
}
