//! What CLIs offer around resources: functions, links, tests, encryption, and what an older one says to it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use huaweidb_emulator::NewInstance;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::shared::{ADDRESS, attribute, backup, emulator, example, names, pause, wait_until};
use crate::cli::Workspace;
use crate::offers::{Cli, features};

/// The real binary in debug mode, serving until it is dropped.
struct Debug {
    child: Child,
    reattach: String,
}

impl Debug {
    fn start(workspace: &Workspace) -> Self {
        let mut child = workspace
            .program(Path::new(env!("CARGO_BIN_EXE_terraform-provider-huaweidb")))
            .arg("--debug")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("it is piped");
        BufReader::new(out).read_line(&mut line).expect("it prints a line");
        let reattach = line.trim().strip_prefix("TF_REATTACH_PROVIDERS='").and_then(|rest| rest.strip_suffix('\''));
        let reattach = reattach.unwrap_or_else(|| panic!("{line:?} is no line for a shell")).to_owned();
        Debug { child, reattach }
    }
}

impl Debug {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    fn ended(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }
}

impl Drop for Debug {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn attached(cli: &Cli) {
    let emulator = emulator(0.2);
    let mut workspace = cli.workspace(&emulator);
    let debug = Debug::start(&workspace);
    workspace.set("TF_REATTACH_PROVIDERS", &debug.reattach);
    // One process serves many runs; without a provider of its own, the CLI has no other.
    workspace.set("TF_CLI_CONFIG_FILE", "/dev/null");
    workspace.configure(&backup(&emulator, "  name = \"attached\""));
    for _ in 0..2 {
        workspace.run(&["plan"]).succeeded().says("1 to add");
        workspace.apply();
        workspace.nothing_to_do();
        workspace.destroy();
        assert!(emulator.backups().is_empty());
    }
}

/// Two runs at one provider: a Ctrl-C in one is that one's, and one at the provider lets the other end.
pub(super) fn attached_twice(cli: &Cli) {
    let emulator = emulator(600.0);
    emulator.set_pace(|pace| pace.delete_seconds = Some(0.1));
    let mut workspaces = [cli.workspace(&emulator), cli.workspace(&emulator)];
    let mut debug = Debug::start(&workspaces[0]);
    let wanted = NewInstance { service: "dds".to_owned(), name: "another".to_owned(), ..NewInstance::default() };
    let other = emulator.add_instance(&wanted).id;
    for (workspace, name) in workspaces.iter_mut().zip(["stopped", "goes-on"]) {
        workspace.set("TF_REATTACH_PROVIDERS", &debug.reattach);
        workspace.configure(&backup(&emulator, &format!("  name = \"{name}\"")));
    }
    let configuration = workspaces[1].read("main.tf").replace(&emulator.instance("dds"), &other);
    workspaces[1].write("main.tf", &configuration);
    let [mut one, two] = [&workspaces[0], &workspaces[1]].map(|workspace| workspace.start(&["apply", "-auto-approve"]));
    wait_until("both are being taken", || emulator.backups().len() == 2);
    // After some looks the answers are read, and both wait.
    wait_until("both are looked at", || {
        let calls = emulator.journal();
        let created = calls.iter().rposition(|call| call.operation == "create").expect("both were created");
        calls[created..].iter().filter(|call| call.operation == "list").count() > 2
    });
    pause(Duration::from_millis(500));
    one.signal_if_there(Signal::INT);
    one.finished().failed().says("Backup is still running");
    debug.signal(Signal::TERM);
    // It ends only after the signals.
    let row = emulator.backups().into_iter().find(|row| row.name == "goes-on").expect("it is there");
    assert!(row.status == "BUILDING" && emulator.set_status(&row.id, "COMPLETED"), "{row:?}");
    two.finished().succeeded();
    assert_eq!(attribute(&workspaces[1], "status"), "COMPLETED");
    wait_until("the provider has ended", || debug.ended());
}

pub(super) fn functions(cli: &Cli) {
    let workspace = cli.bare_workspace();
    // Without a provider block: where there is one, OpenTofu configures the provider for its functions too.
    let head = "terraform {\n  required_providers {\n    huaweidb = {\n      source = \"localhost/huaweidb/huaweidb\"\n    }\n  }\n}\n";
    let configure = |body: &str| workspace.write("main.tf", &format!("{head}{body}"));
    configure(
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
    configure(r#"output "parsed" { value = provider::huaweidb::parse_instance_id("nonsense") }"#);
    workspace.run(&["validate"]).failed().says("\"nonsense\" is not an instance id");
    // What needs the cloud says what is missing, when planned.
    configure("data \"huaweidb_instances\" \"all\" {\n  service = \"dds\"\n}\n");
    let ran = workspace.run(&["plan"]).failed().says("No region").says("which region to call");
    assert_eq!(ran.all().matches("Error: ").count(), 1, "{}", ran.all());
}

/// Links to the files of a backup, which must be there.
const LINKS: &str = r#"
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
# Something has to want the links, or OpenTofu does not ask for them.
provider "huaweidb" {
  alias       = "later"
  endpoints   = var.endpoints
  max_retries = length(ephemeral.huaweidb_backup_download.links.files)
}
data "huaweidb_instances" "all" {
  provider = huaweidb.later
  service  = "dds"
}
"#;

pub(super) fn ephemeral(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    let taken = backup(&emulator, "  name = \"to-download\"");
    workspace.configure(&taken);
    workspace.apply();
    workspace.configure(&format!("{taken}{LINKS}"));
    workspace.apply();
    let asked = || emulator.journal().iter().filter(|call| call.path.contains("download-file")).count();
    assert!(asked() > 0, "{:?}", emulator.journal());
    let before = asked();
    workspace.nothing_to_do();
    assert!(asked() > before, "each plan asks anew");
    let state = workspace.read("terraform.tfstate");
    assert!(!state.contains("http") && !state.contains("download_link"), "{state}");
    // Without the condition: Terraform 1.11 cannot tell those of ephemeral values as JSON.
    let (before, rest) = LINKS.split_once("  lifecycle").expect("it is there");
    let (_, after) = rest.split_once("\n  }\n").expect("it ends");
    workspace.configure(&format!("{taken}{before}{after}"));
    workspace.run(&["plan", "-out=saved"]).succeeded();
    let plan = workspace.run(&["show", "-json", "saved"]).succeeded().out;
    assert!(plan.contains("to-download") && !plan.contains("Signature="), "{plan}");
    workspace.destroy();
}

/// A module with an input and an output, as a team would write it.
const MODULE: &str = r#"
variable "instance_id" {
  type = string
}
resource "huaweidb_manual_backup" "gate" {
  service     = "dds"
  instance_id = var.instance_id
  name_prefix = "gate-"
}
output "backup" { value = huaweidb_manual_backup.gate }
"#;

pub(super) fn tests(cli: &Cli) {
    let emulator = emulator(0.2);
    let mut workspace = cli.workspace(&emulator);
    workspace.set("TF_VAR_instance_id", &emulator.instance("dds"));
    workspace.configure(MODULE);
    workspace.write(
        "gate.tftest.hcl",
        r#"
run "planned" {
  command = plan
  assert {
    condition     = huaweidb_manual_backup.gate.name_prefix == "gate-"
    error_message = "The prefix is another."
  }
}
run "taken" {
  assert {
    condition     = output.backup.status == "COMPLETED" && output.backup.size_bytes > 0
    error_message = "The backup is ${output.backup.status}."
  }
}
run "taken_once" {
  command = plan
  assert {
    # Only a backup that is there is known before an apply.
    condition     = output.backup.status == "COMPLETED"
    error_message = "Another backup would be taken."
  }
}
run "refused" {
  command = plan
  variables {
    instance_id = "not an id!"
  }
  expect_failures = [huaweidb_manual_backup.gate]
}
"#,
    );
    let ran = workspace.run(&["test"]);
    // A resource that is refused while it is planned is no condition that a test could expect.
    ran.failed().says("3 passed, 1 failed").says("instance_id");
    let text = workspace.read("gate.tftest.hcl");
    workspace.write("gate.tftest.hcl", text.split("run \"refused\"").next().unwrap_or_default());
    workspace.run(&["test"]).succeeded().says("3 passed, 0 failed");
    assert_eq!((emulator.totals().created, emulator.backups().len()), (2, 0), "what tests take, they delete");
    shipped_tests(cli);
}

/// The module of the guide with its tests, in which the provider's block comes from the test file.
fn shipped_tests(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    workspace.write("main.tf", &example("testing/main.tf"));
    workspace.write("gate.tftest.hcl", &example("testing/tests/gate.tftest.hcl"));
    workspace.run(&["test"]).succeeded().says("4 passed, 0 failed");
    assert_eq!((emulator.totals().created, emulator.backups().len()), (1, 0), "what tests take, they delete");
}

pub(super) fn mocks(cli: &Cli) {
    let workspace = cli.bare_workspace();
    workspace.configure(MODULE);
    workspace.write(
        "gate.tftest.hcl",
        r#"
mock_provider "huaweidb" {
  mock_resource "huaweidb_manual_backup" {
    defaults = {
      status = "COMPLETED"
    }
  }
}
variables {
  instance_id = "55595f1cca8e7ef23d6283091f058575in02"
}
run "taken" {
  assert {
    condition     = output.backup.status == "COMPLETED" && length(output.backup.id) > 0
    error_message = "The backup is ${output.backup.status}."
  }
}
run "again" {
  command = plan
  assert {
    # Only a backup that is there is known before an apply.
    condition     = output.backup.status == "COMPLETED"
    error_message = "Another backup would be taken."
  }
}
"#,
    );
    workspace.run(&["test"]).succeeded().says("2 passed, 0 failed");
}

pub(super) fn not_destroyed(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    workspace.configure(&backup(&emulator, "  name = \"stays\"\n  lifecycle {\n    destroy = false\n  }"));
    workspace.apply();
    workspace.nothing_to_do();
    let ran = workspace.run(&["destroy", "-auto-approve"]);
    if cli.is_tofu() {
        ran.failed().says("left behind");
    } else {
        ran.succeeded();
    }
    assert!(workspace.resource(ADDRESS).is_none());
    assert_eq!(names(&emulator), ["stays"]);

    // Its block is removed: OpenTofu keeps the backup, Terraform deletes it.
    workspace.configure(&backup(&emulator, "  name = \"removed\"\n  lifecycle {\n    destroy = false\n  }"));
    workspace.apply();
    workspace.configure("");
    workspace.apply();
    let left: &[&str] = if cli.is_tofu() { &["removed", "stays"] } else { &["stays"] };
    assert_eq!(names(&emulator), left);
}

pub(super) fn enabled(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    let switched = |on: bool| {
        let arguments = format!("  name = \"switched\"\n  lifecycle {{\n    enabled = {on}\n  }}");
        workspace.configure(&backup(&emulator, &arguments));
        workspace.apply();
        workspace.nothing_to_do();
    };
    switched(true);
    assert_eq!(names(&emulator), ["switched"]);
    switched(false);
    assert!(emulator.backups().is_empty());
}

/// How state and plans are encrypted.
const ENCRYPTION: &str = r#"
terraform {
  encryption {
    key_provider "pbkdf2" "words" {
      passphrase = "correct horse battery staple"
      iterations = 200000
    }
    method "aes_gcm" "this" {
      keys = key_provider.pbkdf2.words
    }
    state {
      method   = method.aes_gcm.this
      enforced = true
    }
    plan {
      method   = method.aes_gcm.this
      enforced = true
    }
  }
}
"#;

pub(super) fn encryption(cli: &Cli) {
    let emulator = emulator(0.2);
    let workspace = cli.workspace(&emulator);
    workspace.configure(&format!("{ENCRYPTION}{}", backup(&emulator, "  name = \"in-secret\"")));
    workspace.run(&["plan", "-out=saved"]).succeeded().says("1 to add");
    workspace.run(&["apply", "saved"]).succeeded();
    let state = workspace.read("terraform.tfstate");
    assert!(state.contains("encrypted_data") && !state.contains("in-secret"), "{state}");
    assert_eq!(attribute(&workspace, "status"), "COMPLETED");
    workspace.nothing_to_do();
    workspace.destroy();
    assert!(emulator.backups().is_empty());
}

pub(super) fn provider_for_each(cli: &Cli) {
    let emulator = emulator(0.2);
    let mut workspace = cli.workspace(&emulator);
    workspace.unset("HW_PROJECT_ID");
    let in_region = |region: &str| {
        let wanted = NewInstance {
            service: "dds".to_owned(),
            name: format!("in-{region}"),
            region: Some(region.to_owned()),
            ..NewInstance::default()
        };
        emulator.add_instance(&wanted).id
    };
    let instances = json!({ "eu-de": in_region("eu-de"), "eu-nl": in_region("eu-nl") });
    workspace.configure(&format!(
        r#"
locals {{
  instances = {instances}
}}
provider "huaweidb" {{
  alias     = "in"
  for_each  = local.instances
  region    = each.key
  endpoints = var.endpoints
}}
resource "huaweidb_manual_backup" "b" {{
  for_each    = local.instances
  provider    = huaweidb.in[each.key]
  service     = "dds"
  instance_id = each.value
  name        = "in-${{each.key}}"
}}
"#
    ));
    workspace.apply().says("2 added");
    workspace.nothing_to_do();
    assert_eq!(names(&emulator), ["in-eu-de", "in-eu-nl"]);
    let regions: Vec<String> = emulator.backups().into_iter().map(|row| row.region).collect();
    assert!(regions.contains(&"eu-nl".to_owned()), "{regions:?}");
    workspace.destroy();
    assert!(emulator.backups().is_empty());
}

/// A configuration that uses a feature, and the command that meets it.
fn uses(feature: &str) -> Option<(&'static str, &'static [&'static str])> {
    Some(match feature {
        "import block" => ("import {\n  to = huaweidb_manual_backup.b\n  id = \"dds/i/b\"\n}\n", &["validate"]),
        "removed" => (
            "removed {\n  from = huaweidb_manual_backup.c\n  lifecycle {\n    destroy = false\n  }\n}\n",
            &["validate"],
        ),
        "functions" => ("output \"o\" { value = provider::huaweidb::parse_instance_id(\"x\") }\n", &["validate"]),
        "ephemeral" => (
            "ephemeral \"huaweidb_backup_download\" \"e\" {\n  service = \"dds\"\n  backup_id = \"b\"\n}\n",
            &["validate"],
        ),
        "identity" => {
            ("import {\n  to = huaweidb_manual_backup.b\n  identity = {\n    id = \"b\"\n  }\n}\n", &["validate"])
        }
        "query" => ("", &["query"]),
        "actions" => {
            ("action \"huaweidb_stop_backup\" \"a\" {\n  config {\n    service = \"dds\"\n  }\n}\n", &["validate"])
        }
        "destroy events" => (
            "action \"huaweidb_stop_backup\" \"a\" {\n  config {\n    service = \"dds\"\n    backup_id = \"i\"\n  }\n}\n\
             resource \"terraform_data\" \"d\" {\n  lifecycle {\n    action_trigger {\n      events = [before_destroy]\n      \
             actions = [action.huaweidb_stop_backup.a]\n    }\n  }\n}\n",
            &["validate"],
        ),
        "destroy = false" => (
            "resource \"huaweidb_manual_backup\" \"d\" {\n  service = \"dds\"\n  instance_id = \"i\"\n  name = \"name\"\n  \
             lifecycle {\n    destroy = false\n  }\n}\n",
            &["validate"],
        ),
        "enabled" => (
            "resource \"huaweidb_manual_backup\" \"d\" {\n  service = \"dds\"\n  instance_id = \"i\"\n  name = \"name\"\n  \
             lifecycle {\n    enabled = true\n  }\n}\n",
            &["validate"],
        ),
        "encryption" => (ENCRYPTION, &["validate"]),
        "provider for_each" => (
            "provider \"huaweidb\" {\n  alias = \"p\"\n  for_each = toset([\"eu-de\"])\n  region = each.key\n}\n",
            &["validate"],
        ),
        _ => return None,
    })
}

pub(super) fn refusals(cli: &Cli) {
    let emulator = emulator(0.2);
    let resource = backup(&emulator, "  name = \"good-name\"");
    let workspace = cli.workspace(&emulator);
    for row in features().filter(|row| !cli.offers(row[0])) {
        let Some((configuration, command)) = uses(row[0]) else { continue };
        workspace.configure(&format!("{resource}{configuration}"));
        let ran = workspace.run(command);
        assert_ne!(ran.code, 0, "{}: this CLI offers it: {}", row[0], ran.all());
    }
    // All that it does not know of is on offer all the time, and disturbs nothing.
    workspace.configure(&resource);
    let schema = workspace.run(&["providers", "schema", "-json"]).succeeded().out;
    assert!(schema.contains("huaweidb_manual_backup"), "{schema}");
    workspace.run(&["validate"]).succeeded();
    assert!(emulator.backups().is_empty());
}
