//! What the real CLI at hand can drive of the newer features: moves, functions, ephemeral resources, rotation, safer
//! destroys; and that everything else on offer does not disturb it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use huaweidb_emulator::{Emulator, Fault, NewBackups, NewInstance, Options};
use serde_json::{Value as Json, json};

use crate::support::cli::{Ran, Workspace, cli};
use crate::support::host::BINARY;

const ADDRESS: &str = "huaweidb_manual_backup.b";

fn emulator(backup_seconds: f64) -> Emulator {
    Emulator::start_now(&Options::with_backups_of(backup_seconds)).expect("the emulator starts")
}

/// A resource block for a DDS instance of this emulator.
fn backup(emulator: &Emulator, arguments: &str) -> String {
    let instance_id = emulator.instance("dds");
    format!(
        "resource \"huaweidb_manual_backup\" \"b\" {{\n  service     = \"dds\"\n  instance_id = \"{instance_id}\"\n\
         {arguments}\n}}\n"
    )
}

fn names(emulator: &Emulator) -> BTreeSet<String> {
    emulator.backups().into_iter().map(|backup| backup.name).collect()
}

/// Lets the CLI take this binary for the official provider too, which the old state names.
fn with_stand_in(workspace: &mut Workspace, source: &str) {
    let kind = source.rsplit('/').next().expect("the last part");
    let binary = Path::new(BINARY);
    let own = binary.parent().expect("a binary lies in a folder");
    let folder = workspace.folder().join("stand-in");
    fs::create_dir(&folder).expect("a temporary folder can be made");
    symlink(binary, folder.join(format!("terraform-provider-{kind}"))).expect("a link can be made");
    let quoted = |folder: &Path| serde_json::to_string(folder).expect("a path is text");
    let (own, folder) = (quoted(own), quoted(&folder));
    let text = format!(
        "provider_installation {{\n  dev_overrides {{\n    \"localhost/huaweidb/huaweidb\" = {own}\n    \
         {source:?} = {folder}\n  }}\n  direct {{}}\n}}\n"
    );
    workspace.write("stand-in.tfrc", &text);
    workspace.set("TF_CLI_CONFIG_FILE", "stand-in.tfrc");
}

/// The state file that the official provider would have left.
fn official_state(source: &str, type_name: &str, attributes: &Json) -> String {
    json!({
        "version": 4, "terraform_version": "1.11.4", "serial": 3, "lineage": "5b3cbb6a-4a9c-2d9b-6d0c-1c1cc2ff5b65",
        "outputs": {}, "check_results": null,
        "resources": [{
            "mode": "managed", "type": type_name, "name": "b", "provider": format!("provider[\"{source}\"]"),
            "instances": [{ "schema_version": 0, "attributes": attributes, "sensitive_attributes": [], "private": "bnVsbA==" }],
        }],
    })
    .to_string()
}

/// Moves a backup out of an official state, and expects that nothing but its address changes.
fn moves(source: &str, type_name: &str, service: &str) {
    let emulator = emulator(0.2);
    let mut workspace = Workspace::new(&emulator);
    with_stand_in(&mut workspace, source);
    let instance_id = emulator.instance(service);
    let old =
        NewBackups { instance_id: instance_id.clone(), name: Some("from-before".to_owned()), ..NewBackups::default() };
    let old = &emulator.add_backups(&old)[0];
    let attributes = json!({
        "id": old.id, "region": "eu-de", "instance_id": instance_id, "name": "from-before", "description": old.description,
        "status": "COMPLETED", "type": "Manual", "size": 2048.5, "begin_time": "2026-01-31 10:11:12",
        "end_time": "2026-01-31 10:12:13", "instance_name": "x", "timeouts": null, "databases": [],
        "datastore": [{ "type": "X", "version": "1", "storage_engine": "y" }],
    });
    workspace.write("terraform.tfstate", &official_state(source, type_name, &attributes));
    let description =
        if old.description.is_empty() { String::new() } else { format!("description = {:?}", old.description) };
    workspace.configure(&format!(
        "resource \"huaweidb_manual_backup\" \"b\" {{\n  service = {service:?}\n  instance_id = {instance_id:?}\n  \
         name = \"from-before\"\n  {description}\n}}\n\
         moved {{\n  from = {type_name}.b\n  to   = huaweidb_manual_backup.b\n}}\n"
    ));
    let plan = workspace.run(&["plan"]).succeeded();
    let plan = plan.says(&format!("{type_name}.b has moved to huaweidb_manual_backup.b"));
    plan.says("0 to add, 0 to change, 0 to destroy");
    workspace.apply();
    workspace.nothing_to_do();
    let (state, tainted) = workspace.resource(ADDRESS).expect("the object is in the state");
    assert!(!tainted);
    assert_eq!((&state["id"], &state["status"]), (&json!(old.id), &json!("COMPLETED")));
    assert!(workspace.resource(&format!("{type_name}.b")).is_none());
    assert!(emulator.journal().iter().all(|call| call.method == "GET"), "{:?}", emulator.journal());

    workspace.destroy();
    assert!(emulator.backups().is_empty());
}

#[test]
fn a_dds_backup_of_the_official_provider_moves_here_without_a_change() {
    moves("registry.terraform.io/huaweicloud/huaweicloud", "huaweicloud_dds_backup", "dds");
}

#[test]
fn an_rds_backup_of_the_otc_provider_moves_here_without_a_change() {
    moves("registry.terraform.io/opentelekomcloud/opentelekomcloud", "opentelekomcloud_rds_backup_v3", "rds");
}

#[test]
fn what_cannot_be_moved_is_an_error_that_lists_what_can() {
    let emulator = emulator(0.2);
    let mut workspace = Workspace::new(&emulator);
    let source = "registry.terraform.io/huaweicloud/huaweicloud";
    with_stand_in(&mut workspace, source);
    workspace.write("terraform.tfstate", &official_state(source, "huaweicloud_dds_backup_stop", &json!({ "id": "x" })));
    workspace.configure(&format!(
        "{}moved {{\n  from = huaweicloud_dds_backup_stop.b\n  to   = huaweidb_manual_backup.b\n}}\n",
        backup(&emulator, "  name = \"never\"")
    ));
    let ran: Ran = workspace.run(&["plan"]).failed();
    ran.says("Object cannot be moved to this type").says("huaweicloud_dds_backup, huaweicloud_geminidb_backup");
}

#[test]
fn functions_compute_without_any_credentials() {
    let workspace = Workspace::bare();
    workspace.configure(
        r#"
output "name" { value = provider::huaweidb::backup_name("nightly-", "2026-01-02T03:04:05Z") }
output "parsed" { value = provider::huaweidb::parse_instance_id("a89dab5e39394eccbdb77b19d57b0180in03") }
output "prunable" {
  value = provider::huaweidb::select_prunable([
    { id = "a", name = "x", instance_id = "i", status = "COMPLETED", type = "manual", begin_time = "2026-01-01T00:00:00Z" },
    { id = "b", name = "y", instance_id = "i", status = "COMPLETED", type = "manual", begin_time = "2026-01-02T00:00:00Z" },
  ], 1, null, "2026-02-01T00:00:00Z")
}
"#,
    );
    workspace.run(&["validate"]).succeeded();
    workspace.apply();
    assert!(workspace.output("name").as_str().is_some_and(|name| name.starts_with("nightly-20260102030405")));
    assert_eq!(workspace.output("parsed"), json!({ "service": "rds", "engine": "PostgreSQL" }));
    assert_eq!(workspace.output("prunable"), json!(["a"]));
    workspace.nothing_to_do();

    workspace.configure(r#"output "parsed" { value = provider::huaweidb::parse_instance_id("nonsense") }"#);
    workspace.run(&["validate"]).failed().says("\"nonsense\" is no instance id");
}

#[test]
fn download_links_are_used_and_never_stored() {
    let emulator = emulator(0.2);
    let workspace = Workspace::new(&emulator);
    // An ephemeral value may go into a provider's configuration: that is what uses it here.
    workspace.configure(&format!(
        "{}{}",
        backup(&emulator, "  name = \"to-download\""),
        r#"
ephemeral "huaweidb_backup_download" "links" {
  service     = huaweidb_manual_backup.b.service
  instance_id = huaweidb_manual_backup.b.instance_id
  backup_id   = huaweidb_manual_backup.b.id

  lifecycle {
    postcondition {
      condition     = length(self.files) > 0 && startswith(self.files[0].download_link, "http")
      error_message = "There is no link."
    }
  }
}
"#
    ));
    workspace.apply();
    let asked = || emulator.journal().iter().filter(|call| call.path.contains("download-file")).count();
    assert!(asked() > 0, "{:?}", emulator.journal());
    let before = asked();
    workspace.nothing_to_do();
    assert!(asked() > before, "each plan asks anew");
    let state = workspace.run(&["state", "pull"]).succeeded().out;
    assert!(!state.contains("http") && !state.contains("download_link"), "{state}");
    workspace.destroy();
}

#[test]
fn rotation_keeps_so_many_and_announces_what_goes() {
    let emulator = emulator(0.2);
    let workspace = Workspace::new(&emulator);
    let stranger = |name: &str, kind: &str| {
        let name = Some(name.to_owned());
        let instance_id = emulator.instance("dds");
        emulator.add_backups(&NewBackups { instance_id, name, kind: kind.to_owned(), ..NewBackups::default() });
    };
    // Neither by hand, nor automatic ones, nor those of a longer prefix.
    stranger("nightly-by-hand", "manual");
    stranger("nightly-2026010203040500000000", "auto");
    stranger("nightly-x-2026010203040500000000", "manual");
    let strangers = names(&emulator);
    let rotating = |version: u8| {
        workspace.configure(&backup(
            &emulator,
            &format!(
                "  name_prefix = \"nightly-\"\n  keep_last = 2\n  on_destroy = \"retain\"\n  \
                 triggers = {{ version = \"{version}\" }}"
            ),
        ));
    };
    let mut taken = Vec::new();
    for version in 1..=4 {
        rotating(version);
        let plan = workspace.run(&["plan"]).succeeded();
        if version > 2 {
            plan.says("Older backups will be deleted").says("keep_last = 2");
        } else {
            assert!(!plan.all().contains("Older backups"), "{}", plan.all());
        }
        workspace.apply();
        workspace.nothing_to_do();
        let (state, _) = workspace.resource(ADDRESS).expect("the object is in the state");
        taken.push(state["name"].as_str().expect("a name").to_owned());
        let kept = taken[taken.len().saturating_sub(2)..].iter().cloned().collect::<BTreeSet<_>>();
        assert_eq!(names(&emulator), kept.union(&strangers).cloned().collect(), "version {version}");
        // Begin times count in whole seconds.
        next_second();
    }

    // What cannot be pruned is a warning; the apply stays green.
    rotating(5);
    emulator.fault(Fault::status(403).on("dds").method("DELETE").times(20));
    let ran = workspace.apply();
    ran.says("Older backup was not deleted");
    assert_eq!(names(&emulator).len(), strangers.len() + 3);
    emulator.clear_faults();
    workspace.nothing_to_do();
    workspace.destroy().says("Backup is kept in the cloud");
    assert_eq!(names(&emulator).len(), strangers.len() + 3);
}

#[expect(clippy::disallowed_methods, reason = "these tests have no runtime")]
fn next_second() {
    std::thread::sleep(std::time::Duration::from_millis(1100));
}

#[test]
fn rotation_wants_arguments_that_make_sense_of_it() {
    let emulator = emulator(0.2);
    let workspace = Workspace::new(&emulator);
    for (arguments, said) in [
        ("name = \"fixed\"\n  keep_last = 2\n  on_destroy = \"retain\"", "it needs `name_prefix` instead of `name`"),
        ("name_prefix = \"p-\"\n  keep_last = 2", "it needs `on_destroy = \"retain\"`"),
        ("name_prefix = \"p-\"\n  keep_last = 0\n  on_destroy = \"retain\"", "from 1 to 10000"),
        (
            "name_prefix = \"p-\"\n  keep_last = 2\n  on_destroy = \"retain\"\n  wait_for_completion = false",
            "it needs to see the new one complete",
        ),
    ] {
        workspace.configure(&backup(&emulator, &format!("  {arguments}")));
        workspace.run(&["validate"]).failed().says(said);
    }
}

#[test]
fn a_destroy_says_what_is_lost_and_protection_refuses_it() {
    let emulator = emulator(0.2);
    let workspace = Workspace::new(&emulator);
    let earlier = NewBackups { instance_id: emulator.instance("dds"), ..NewBackups::default() };
    let earlier = emulator.add_backups(&earlier).remove(0);
    let with = |protected: bool, name: &str| {
        let arguments = format!("  name = \"{name}\"\n  deletion_protection = {protected}");
        workspace.configure(&backup(&emulator, &arguments));
    };
    with(true, "precious");
    workspace.apply();
    workspace.nothing_to_do();

    workspace.run(&["plan", "-destroy"]).failed().says("Backup is protected from deletion");
    workspace.run(&["destroy", "-auto-approve"]).failed().says("deletion_protection = true");
    // A replacement would delete it too.
    with(true, "another");
    workspace.run(&["plan"]).failed().says("Backup is protected from deletion");
    // One that is tainted is not asked about when planning; the apply refuses then.
    with(true, "precious");
    workspace.run(&["taint", ADDRESS]).succeeded();
    workspace.run(&["apply", "-auto-approve"]).failed().says("Backup is protected from deletion");
    workspace.run(&["untaint", ADDRESS]).succeeded();
    assert_eq!(emulator.backups().len(), 2);
    assert!(emulator.journal().iter().all(|call| call.method != "DELETE"));

    with(false, "precious");
    workspace.run(&["plan"]).succeeded().says("0 to add, 1 to change, 0 to destroy");
    workspace.apply();
    workspace.nothing_to_do();
    let plan = workspace.run(&["plan", "-destroy"]).succeeded();
    let plan = plan.says("Completed backup will be deleted").says("The backup \"precious\"").says("minutes ago)");
    assert!(!plan.all().contains("last completed"), "{}", plan.all());
    with(false, "another");
    workspace.run(&["plan"]).succeeded().says("Completed backup will be deleted");

    with(false, "precious");
    assert!(emulator.vanish(&earlier.id));
    workspace.destroy().says("It is the last completed manual backup of the instance");
    assert!(emulator.backups().is_empty());
}

#[test]
fn destroying_all_backups_of_an_instance_names_the_last_one_once() {
    let emulator = emulator(0.2);
    let workspace = Workspace::new(&emulator);
    let three = backup(&emulator, "  count = 3\n  name = \"three-${count.index}\"");
    workspace.configure(&three);
    workspace.apply();
    emulator.clear_journal();
    let plan = workspace.run(&["plan", "-destroy", "-json", "-refresh=false"]).succeeded();
    assert_eq!(plan.all().matches("It is the last completed").count(), 1, "{}", plan.all());
    assert_eq!(emulator.journal().iter().filter(|call| call.method == "GET").count(), 1, "{:?}", emulator.journal());
    workspace.destroy();
}

#[test]
fn the_last_backups_of_many_instances_are_found_with_few_calls() {
    let emulator = emulator(0.2);
    let workspace = Workspace::new(&emulator);
    let instance = |nth: usize| {
        let name = format!("many-{nth}");
        emulator.add_instance(&NewInstance { service: "dds".to_owned(), name, ..NewInstance::default() }).id
    };
    let ids: Vec<_> = (0..12).map(instance).collect();
    workspace.configure(&format!(
        "resource \"huaweidb_manual_backup\" \"b\" {{\n  count       = {}\n  service     = \"dds\"\n  instance_id = \
         {ids:?}[count.index]\n  name        = \"of-${{count.index}}\"\n}}\n",
        ids.len()
    ));
    workspace.apply();
    let others = instance(12);
    // A project that is listed at once, and one for which a list of each instance is cheaper.
    for (others_in_it, most) in [(0, 3), (2600, 16)] {
        if others_in_it > 0 {
            let add = NewBackups { instance_id: others.clone(), count: others_in_it, ..NewBackups::default() };
            emulator.add_backups(&add);
        }
        emulator.clear_journal();
        let plan = workspace.run(&["plan", "-destroy", "-json", "-refresh=false"]).succeeded();
        assert_eq!(plan.all().matches("It is the last completed").count(), ids.len(), "{}", plan.all());
        let calls = emulator.journal().iter().filter(|call| call.method == "GET").count();
        assert!(calls <= most, "{calls} calls beside {others_in_it} others: {:?}", emulator.journal());
    }
    workspace.destroy();
}

#[test]
fn a_cli_without_the_newest_features_is_not_disturbed_by_them() {
    let emulator = emulator(0.2);
    let workspace = Workspace::new(&emulator);
    workspace.configure(&backup(&emulator, "  name = \"as-ever\""));
    let schema = workspace.run(&["providers", "schema", "-json"]).succeeded();
    let schema: Json = serde_json::from_str(&schema.out).expect("JSON");
    let own = &schema["provider_schemas"]["localhost/huaweidb/huaweidb"];
    assert!(own["resource_schemas"]["huaweidb_manual_backup"].is_object(), "{}", cli());
    assert!(own["functions"]["backup_name"].is_object());
    assert!(own["ephemeral_resource_schemas"]["huaweidb_backup_download"].is_object());
    workspace.apply();
    workspace.nothing_to_do();
    workspace.destroy();
}
