//! What exists already comes under management, and leaves it again.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use huaweidb_emulator::{Emulator, Fault, NewBackups};
use rustix::process::Signal;
use serde_json::{Value as Json, json};

use super::shared::{
    ADDRESS, NOTHING, SERVICES, attribute, backup, emulator, example, names, resource, seed, wait_until,
};
use crate::cli::Workspace;
use crate::offers::Cli;

/// A backup in each service that somebody took by hand: service and import id.
fn by_hand(emulator: &Emulator) -> Vec<(&'static str, String)> {
    let one = |service: &&'static str| {
        let id = seed(emulator, service, "made-by-hand");
        (*service, format!("{service}/{}/{id}", emulator.instance(service)))
    };
    SERVICES.iter().map(one).collect()
}

/// The blocks that describe them.
fn described(emulator: &Emulator) -> String {
    let one = |service: &&str| resource(emulator, service, service, "  name        = \"made-by-hand\"");
    SERVICES.iter().map(one).collect()
}

pub(super) fn by_id(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    let made = by_hand(&emulator);
    workspace.configure(&format!(
        "{}{}",
        described(&emulator),
        resource(&emulator, "rds", "c", "  name = \"c-in-rds\"")
    ));
    for (service, id) in &made {
        workspace.run(&["import", &format!("huaweidb_manual_backup.{service}"), id]).succeeded();
    }
    workspace.run(&["plan"]).succeeded().says("1 to add, 0 to change, 0 to destroy");
    workspace.run(&["state", "rm", "huaweidb_manual_backup.dds"]).succeeded();
    let address = "huaweidb_manual_backup.dds";
    for wrong in ["a", "dss/a/b", "dds//b", "a/b/c/d"] {
        let refused = workspace.run(&["import", address, wrong]).failed();
        refused.says("Invalid import id").says("<service>/<instance_id>/<backup_id>").says("Example: `dds/");
    }
    let refused = workspace.run(&["import", "huaweidb_manual_backup.c", "rds/b"]).failed();
    refused.says("Invalid import id").says("only together with its instance");
    let none = format!("dds/{}/none", emulator.instance("dds"));
    workspace.run(&["import", address, &none]).failed().says("Backup cannot be imported");
    // The short form is enough where the service finds a backup without its instance.
    let short = made[0].1.rsplit('/').next().expect("the backup's own id");
    workspace.run(&["import", address, &format!("dds/{short}")]).succeeded();
    workspace.configure(&described(&emulator));
    workspace.nothing_to_do();
    workspace.destroy().says("5 destroyed");
    assert!(emulator.backups().is_empty());
}

pub(super) fn by_block(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    let blocks = import_blocks(&by_hand(&emulator), "");
    workspace.configure(&format!("{}{blocks}", described(&emulator)));
    workspace.run(&["plan", "-out=saved"]).succeeded().says("5 to import, 0 to add, 0 to change, 0 to destroy");
    workspace.run(&["show", "-json", "saved"]).succeeded();
    workspace.run(&["apply", "saved"]).succeeded().says("5 imported, 0 added, 0 changed, 0 destroyed");
    workspace.nothing_to_do();
    assert!(emulator.journal().iter().all(|call| call.method == "GET"), "{:?}", emulator.journal());
}

/// What somebody called a backup may be no name that a create would send. It is kept as it is.
pub(super) fn others_names(cli: &Cli) {
    const NAME: &str = "每日备份 1";
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    let seeded = |service: &&'static str| {
        let id = seed(&emulator, service, NAME);
        (*service, format!("{service}/{}/{id}", emulator.instance(service)))
    };
    let made: Vec<_> = SERVICES.iter().map(seeded).collect();
    let with = |more: &str| {
        let one = |service: &&str| resource(&emulator, service, service, &format!("  name = \"{NAME}\"\n{more}"));
        SERVICES.iter().map(one).collect::<String>()
    };
    workspace.configure(&format!("{}{}", with(""), import_blocks(&made, "")));
    workspace.run(&["validate"]).succeeded();
    workspace.run(&["plan"]).succeeded().says("5 to import, 0 to add, 0 to change, 0 to destroy");
    workspace.apply().says("5 imported, 0 added, 0 changed, 0 destroyed");
    workspace.configure(&with(""));
    workspace.nothing_to_do();
    workspace.configure(&with("  deletion_protection = true"));
    workspace.apply().says("0 added, 5 changed, 0 destroyed");
    workspace.configure(&with(""));
    workspace.apply().says("0 added, 5 changed, 0 destroyed");
    // A new one of that name would be sent: the plan refuses it, before the old one is deleted for it.
    workspace.configure(&with("  triggers = { version = \"1\" }"));
    workspace.run(&["plan"]).failed().says("Invalid argument value").says("name =");
    workspace.run(&["apply", "-auto-approve"]).failed().says("it must begin with a letter");
    assert!(emulator.journal().iter().all(|call| call.method == "GET"), "{:?}", emulator.journal());
    assert_eq!(names(&emulator), [NAME; 5]);
}

/// Import blocks whose resources are still to be written. They name their provider: newer CLIs would look for one by the
/// type's first word, and all refuse it beside a resource that is configured.
fn import_blocks(made: &[(&str, String)], provider: &str) -> String {
    let mut blocks = String::new();
    for (service, id) in made {
        let _ = writeln!(
            blocks,
            "import {{\n  to       = huaweidb_manual_backup.{service}\n  id       = \"{id}\"\n{provider}}}"
        );
    }
    blocks
}

pub(super) fn generated(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    let made = by_hand(&emulator);
    workspace.configure(&import_blocks(&made, "  provider = huaweidb\n"));
    workspace.run(&["plan", "-generate-config-out=generated.tf"]).succeeded().says("5 to import");
    assert_eq!(workspace.read("generated.tf").matches("made-by-hand").count(), 5);
    workspace.configure(&import_blocks(&made, ""));
    workspace.run(&["validate"]).succeeded();
    workspace.apply().says("5 imported, 0 added, 0 changed, 0 destroyed");
    workspace.nothing_to_do();
}

pub(super) fn by_identity(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    let id = seed(&emulator, "dds", "made-by-hand");
    let instance = emulator.instance("dds");
    let identity = format!("service = \"dds\"\n    instance_id = \"{instance}\"\n    id = \"{id}\"");
    let import = format!("import {{\n  to = {ADDRESS}\n  identity = {{\n    {identity}\n  }}\n}}\n");
    let described = backup(&emulator, "  name_prefix = \"made-\"\n  on_destroy = \"retain\"");
    workspace.configure(&format!("{described}{import}"));
    workspace.run(&["plan"]).succeeded().says("1 to import, 0 to add, 1 to change, 0 to destroy");
    workspace.apply().says("1 imported");
    workspace.nothing_to_do();
    let stored = |workspace: &Workspace| {
        let state: Json = serde_json::from_str(&workspace.read("terraform.tfstate")).expect("it is JSON");
        state["resources"][0]["instances"][0]["identity"].clone()
    };
    let expected = |id: &Json| json!({ "service": "dds", "region": "eu-de", "instance_id": instance, "id": id });
    assert_eq!(stored(&workspace), expected(&json!(id)));
    // A replacement has an identity of its own.
    workspace.configure(&backup(&emulator, "  name_prefix = \"other-\""));
    workspace.apply();
    workspace.nothing_to_do();
    assert_eq!(stored(&workspace), expected(&attribute(&workspace, "id")));
    assert_ne!(attribute(&workspace, "id"), json!(id));

    let other = cli.workspace(&emulator);
    let text = example("resources/huaweidb_manual_backup/import-by-identity.tf");
    let printed = text.split('"').find(|word| word.ends_with("br02")).expect("it names a backup");
    other.configure(&text.replace(printed, &seed(&emulator, "dds", "made-by-hand")));
    other.apply().says("1 imported, 0 added, 0 changed, 0 destroyed");

    let identity = identity.replace("\"dds\"", "\"oracle\"");
    workspace
        .configure(&format!("import {{\n  to = huaweidb_manual_backup.c\n  identity = {{\n    {identity}\n  }}\n}}\n"));
    workspace.run(&["plan"]).failed();
}

/// Lets the CLI take this binary for the official providers too, which the old state names.
fn with_stand_ins(workspace: &mut Workspace, sources: &[String]) {
    let binary = Path::new(env!("CARGO_BIN_EXE_terraform-provider-huaweidb"));
    let quoted = |folder: &Path| serde_json::to_string(folder).expect("a path is text");
    let own = quoted(binary.parent().expect("a binary lies in a folder"));
    let mut overrides = format!("    \"localhost/huaweidb/huaweidb\" = {own}\n");
    for source in sources {
        let kind = source.rsplit('/').next().expect("the last part");
        let folder = PathBuf::from(workspace.path(kind));
        fs::create_dir(&folder).expect("a temporary folder can be made");
        symlink(binary, folder.join(format!("terraform-provider-{kind}"))).expect("a link can be made");
        let _ = writeln!(overrides, "    {source:?} = {}", quoted(&folder));
    }
    let text = format!("provider_installation {{\n  dev_overrides {{\n{overrides}  }}\n  direct {{}}\n}}\n");
    workspace.write("stand-in.tfrc", &text);
    workspace.set("TF_CLI_CONFIG_FILE", "stand-in.tfrc");
}

/// What the official types keep of a backup, beside what all of them have.
fn official_types() -> Vec<(&'static str, &'static str, Json)> {
    let described = json!([{ "type": "X", "version": "1" }]);
    let mysql =
        json!({ "size": 2.5, "take_up_time": 1, "datastore": described, "begin_time": "2026-01-31T10:11:12+0800" });
    let open =
        json!({ "size": 2.5, "type": "manual", "datastore": described, "begin_time": "2026-01-31T10:11:12+0800" });
    let rds = json!({ "size": 2048, "status": "COMPLETED", "databases": [], "associated_with_ddm": false,
        "enable_force_new": null, "begin_time": "2026-01-31T10:11:12+0000" });
    vec![
        (
            "huaweicloud_dds_backup",
            "dds",
            json!({ "size": 2048, "status": "COMPLETED", "type": "Manual",
            "instance_name": "x", "datastore": described, "begin_time": "2026-01-31 10:11:12" }),
        ),
        (
            "huaweicloud_geminidb_backup",
            "geminidb",
            json!({ "size": 2048.5, "status": "COMPLETED", "type": "Manual",
            "database_tables": [], "enable_force_new": null, "datastore": described, "begin_time": "2026-01-31T10:11:12+0000" }),
        ),
        ("huaweicloud_gaussdb_backup", "gaussdb", open.clone()),
        ("huaweicloud_gaussdb_opengauss_backup", "gaussdb", open),
        ("huaweicloud_taurusdb_backup", "taurusdb", mysql.clone()),
        ("huaweicloud_gaussdb_mysql_backup", "taurusdb", mysql),
        ("huaweicloud_rds_backup", "rds", rds),
        (
            "opentelekomcloud_dds_backup_v3",
            "dds",
            json!({ "size": 2048, "status": "COMPLETED", "type": "Manual",
            "instance_name": "x", "datastore": described, "begin_time": "2026-01-31 10:11:12" }),
        ),
        (
            "opentelekomcloud_rds_backup_v3",
            "rds",
            json!({ "status": "COMPLETED", "type": "manual", "databases": [],
            "begin_time": "2026-01-31T10:11:12+0000" }),
        ),
    ]
}

pub(super) fn moved(cli: &Cli) {
    let emulator = emulator(0.2);
    let mut workspace = cli.workspace(&emulator);
    // Each CLI takes the other's registry for its own.
    let registry = if cli.is_tofu() { "registry.opentofu.org" } else { "registry.terraform.io" };
    let sources = ["huaweicloud/huaweicloud", "opentelekomcloud/opentelekomcloud"];
    let sources = sources.map(|source| format!("{registry}/{source}"));
    with_stand_ins(&mut workspace, &sources);
    let mut body = String::new();
    let mut resources = Vec::new();
    for (nth, (kind, service, more)) in official_types().into_iter().enumerate() {
        let name = format!("from-before-{nth}");
        let id = seed(&emulator, service, &name);
        let mut attributes = json!({ "id": id, "region": "eu-de", "instance_id": emulator.instance(service), "name": name,
            "description": emulator.backup(&id).expect("it is there").description, "end_time": "", "timeouts": { "create": "10m", "delete": null } });
        let all = attributes.as_object_mut().expect("an object");
        all.extend(more.as_object().expect("an object").clone());
        let source = &sources[usize::from(kind.starts_with("opentelekomcloud"))];
        resources.push(json!({
            "mode": "managed", "type": kind, "name": "b", "provider": format!("provider[\"{source}\"]"),
            "instances": [{ "schema_version": 0, "attributes": attributes, "sensitive_attributes": [], "private": "bnVsbA==" }],
        }));
        let now = format!("b{nth}");
        body += &resource(&emulator, service, &now, &format!("  name        = \"{name}\""));
        let _ = writeln!(body, "moved {{\n  from = {kind}.b\n  to   = huaweidb_manual_backup.{now}\n}}");
    }
    let count = resources.len();
    let state = json!({
        "version": 4, "terraform_version": "1.8.0", "serial": 3, "lineage": "5b3cbb6a-4a9c-2d9b-6d0c-1c1cc2ff5b65",
        "outputs": {}, "check_results": null, "resources": resources,
    });
    workspace.write("terraform.tfstate", &state.to_string());
    // The limits that were written for the official types stay.
    workspace.configure(&body.replace("  name        =", "  timeouts {\n    create = \"10m\"\n  }\n  name        ="));
    let plan = workspace.run(&["plan"]).succeeded();
    let plan = plan.says("0 to add, 0 to change, 0 to destroy");
    assert_eq!(plan.words().matches("has moved to huaweidb_manual_backup.b").count(), count, "{}", plan.all());
    workspace.apply();
    workspace.nothing_to_do();
    // What says nothing leaves them as they are.
    for said in NOTHING {
        workspace.configure(&body.replace("  name        =", &format!("  {said}\n  name        =")));
        let plan = workspace.run(&["plan"]).succeeded();
        let stay = plan.words().contains("No changes.")
            || plan.words().contains(&format!("0 to add, {count} to change, 0 to destroy"));
        assert!(stay, "moved, {said:?}:\n{}", plan.all());
    }
    workspace.configure(&body);
    assert!(emulator.journal().iter().all(|call| call.method == "GET"), "{:?}", emulator.journal());
    workspace.destroy().says(&format!("{count} destroyed"));
    assert!(emulator.backups().is_empty());

    // What is no backup cannot become one.
    let mut state = state;
    state["serial"] = json!(99);
    state["resources"] = json!([{
        "mode": "managed", "type": "huaweicloud_dds_backup_stop", "name": "b", "provider": format!("provider[\"{}\"]", sources[0]),
        "instances": [{ "schema_version": 0, "attributes": { "id": "x" }, "sensitive_attributes": [] }],
    }]);
    workspace.write("terraform.tfstate", &state.to_string());
    let block = format!("moved {{\n  from = huaweicloud_dds_backup_stop.b\n  to   = {ADDRESS}\n}}\n");
    workspace.configure(&format!("{}{block}", backup(&emulator, "  name = \"never\"")));
    let refused = workspace.run(&["plan"]).failed();
    refused.says("Object cannot be moved to this type").says("huaweicloud_dds_backup, huaweicloud_geminidb_backup");
}

pub(super) fn removed(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    workspace.configure(&backup(&emulator, "  name = \"stays\""));
    workspace.apply();
    let id = attribute(&workspace, "id");
    // Before 1.10 OpenTofu knows nothing else than to forget.
    let always = cli.is_tofu() && !cli.is_at_least("1.10");
    let lifecycle = if always { "" } else { "  lifecycle {\n    destroy = false\n  }\n" };
    let old = format!("removed {{\n  from = {ADDRESS}\n{lifecycle}}}\n");
    let new = resource(&emulator, "dds", "c", "  name = \"stays\"");
    let import = format!(
        "import {{\n  to = huaweidb_manual_backup.c\n  id = \"dds/{}/{}\"\n}}\n",
        emulator.instance("dds"),
        id.as_str().expect("a text")
    );
    workspace.configure(&format!("{old}{new}{import}"));
    workspace.run(&["plan"]).succeeded().says("1 to import, 0 to add, 0 to change, 0 to destroy");
    workspace.apply();
    workspace.nothing_to_do();
    assert!(workspace.resource(ADDRESS).is_none());
    assert_eq!(workspace.resource("huaweidb_manual_backup.c").expect("it is under its new name").0["id"], id);
    workspace.configure(&old.replace(".b\n", ".c\n"));
    workspace.apply();
    assert_eq!(names(&emulator), ["stays"]);
    assert_eq!(emulator.totals().deleted, 0);
}

pub(super) fn query(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    by_hand(&emulator);
    // What cannot be managed spoils nothing.
    emulator.set_pace(|pace| pace.delete_seconds = Some(600.0));
    for (service, name, status) in
        [("dds", "broken", "FAILED"), ("dds", "leaving", "DELETING"), ("taurusdb", "每日备份 1", "COMPLETED")]
    {
        let one = NewBackups {
            instance_id: emulator.instance(service),
            name: Some(name.to_owned()),
            status: status.to_owned(),
            ..NewBackups::default()
        };
        emulator.add_backups(&one);
    }
    // What was chosen of an instance belongs to its configuration.
    let other = cli.workspace(&emulator);
    let part = |service: &str, tables: &str| {
        let block = format!("  name = \"part-of-{service}\"\n  databases {{\n    name = \"orders\"\n{tables}  }}");
        resource(&emulator, service, service, &block)
    };
    other.configure(&format!("{}{}", part("rds", ""), part("geminidb", "    tables = [\"items\"]\n")));
    other.apply();
    emulator.clear_journal();
    workspace.configure("");
    workspace.write(
        "found.tfquery.hcl",
        "list \"huaweidb_manual_backup\" \"all\" {\n  provider         = huaweidb\n  include_resource = true\n\n  config {}\n}\n",
    );
    workspace.run(&["validate", "-query"]).succeeded();
    let listed = workspace.run(&["query"]).succeeded();
    assert_eq!(listed.all().matches("made-by-hand").count(), 5, "{}", listed.all());
    let told = workspace.run(&["query", "-json"]).succeeded();
    let found = told.out.lines().filter(|line| line.contains("\"type\":\"list_resource_found\"")).count();
    assert_eq!(found, 8, "{}", told.all());

    workspace.run(&["query", "-generate-config-out=generated.tf"]).succeeded();
    let generated = workspace.read("generated.tf");
    assert_eq!(generated.matches("import {").count(), 8, "{generated}");
    workspace.run(&["validate"]).succeeded();
    workspace.run(&["plan"]).succeeded().says("8 to import, 0 to add, 0 to change, 0 to destroy");
    workspace.apply().says("8 imported, 0 added, 0 changed, 0 destroyed");
    workspace.nothing_to_do();

    // What was found until an interrupt is not taken for all.
    let many = NewBackups { instance_id: emulator.instance("dds"), count: 900, ..NewBackups::default() };
    emulator.add_backups(&many);
    workspace.write(
        "found.tfquery.hcl",
        "list \"huaweidb_manual_backup\" \"all\" {\n  provider = huaweidb\n  limit    = 2000\n\n  config {}\n}\n",
    );
    for arguments in [&["query"][..], &["query", "-generate-config-out=cut.tf"]] {
        emulator.clear_journal();
        emulator.fault(Fault::delay(300).operation("list").skip(2).times(99));
        let mut running = workspace.start(arguments);
        let pages = || emulator.journal().iter().filter(|call| call.operation == "list").count();
        wait_until("it asks for the third page", || pages() >= 3);
        running.signal_if_there(Signal::INT);
        let ran = running.finished().failed().says("Search was interrupted");
        emulator.clear_faults();
        assert_eq!(workspace.read_if_there("cut.tf"), None, "{}", ran.all());
    }
    assert!(emulator.journal().iter().all(|call| call.method == "GET"), "{:?}", emulator.journal());
}
