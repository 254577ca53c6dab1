//! The cases: what a person does with the provider, each in a folder and with a cloud of its own.

mod actions;
mod adopt;
mod ahead;
mod around;
mod life;
mod net;
mod restores;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use huaweidb_emulator::{Emulator, NewBackups, Options};
use serde_json::Value as Json;

use crate::cli::Workspace;
use crate::offers::{Cli, EVERYWHERE};

/// A case, and what a CLI has to offer for it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) needs: &'static str,
    pub(crate) run: fn(&Cli),
}

const fn case(needs: &'static str, name: &'static str, run: fn(&Cli)) -> Case {
    Case { name, needs, run }
}

/// All of them.
pub(crate) const CASES: &[Case] = &[
    case(EVERYWHERE, "300 objects", life::three_hundred),
    case(EVERYWHERE, "life of all five services", life::five_services),
    case(EVERYWHERE, "plans shown, as JSON, saved", life::plans),
    case(EVERYWHERE, "values known only during apply", life::unknown_values),
    case(EVERYWHERE, "create refused, create failed, tainted", life::failures),
    case(EVERYWHERE, "deleted elsewhere", life::drift),
    case(EVERYWHERE, "a look for drift", life::look_for_drift),
    case(EVERYWHERE, "bad input with its line", life::bad_input),
    case(EVERYWHERE, "what a plan asks ahead", ahead::preflight),
    case(EVERYWHERE, "a saved plan of a create, applied elsewhere", ahead::applied_elsewhere),
    case(EVERYWHERE, "a new address without `moved`", ahead::renamed),
    case(EVERYWHERE, "protection and warnings", life::protection),
    case(EVERYWHERE, "rotation", life::rotation),
    case(EVERYWHERE, "a final backup of all five services", net::all_services),
    case(EVERYWHERE, "a final backup: replaced", net::replaced),
    case(EVERYWHERE, "a final backup: replaced with its database", net::replaced_with_its_database),
    case(EVERYWHERE, "a final backup: interrupted, killed", net::interrupted),
    case(EVERYWHERE, "a final backup: failing, skipped, not needed", net::failing),
    case(EVERYWHERE, "a final backup: imported", net::imported),
    case(EVERYWHERE, "a final backup: prevented, in a module", net::prevented_and_in_modules),
    case(EVERYWHERE, "times to restore to", restores::times),
    case(EVERYWHERE, "modules and provider aliases", life::modules),
    case(EVERYWHERE, "moves within the state", life::addresses),
    case(EVERYWHERE, "nothing is replaced for nothing", life::nothing),
    case(EVERYWHERE, "attached debugging", around::attached),
    case(EVERYWHERE, "two runs attached at once", around::attached_twice),
    case(EVERYWHERE, "what is not offered is refused", around::refusals),
    case(EVERYWHERE, "import by id", adopt::by_id),
    case("interrupts", "interrupt and resume", life::interrupt),
    case("interrupts", "signals to the provider alone", life::signalled),
    case("stale plans", "a saved plan is applied once", life::applied_once),
    case("planned destroys", "protection in the plan of a destroy", life::planned_destroys),
    case("import block", "import block beside its resource", adopt::by_block),
    case("import block", "names that others gave", adopt::others_names),
    case("import block", "import with generated configuration", adopt::generated),
    case("identity", "import by identity", adopt::by_identity),
    case("moved", "moved from the official types", adopt::moved),
    case("removed", "removed, and the backup stays", adopt::removed),
    case("query", "query, with generated configuration", adopt::query),
    case("functions", "functions", around::functions),
    case("ephemeral", "ephemeral links", around::ephemeral),
    case("test", "tests", around::tests),
    case("mocks", "tests with mocks", around::mocks),
    case("actions", "actions by -invoke", actions::invoked),
    case("actions", "actions by create and update", actions::around_changes),
    case("actions", "action refused, action failed", actions::failing),
    case("actions", "values of actions, null and wrong, wherever they come from", actions::values),
    case("actions", "values of actions that fit, wherever they come from", actions::good_values),
    case("actions", "actions interrupted at any point", actions::interrupted),
    case("actions", "examples of actions and of a list", actions::examples),
    case("actions", "restores by -invoke", restores::invoked),
    case("actions", "restores before changes", restores::triggered_by_changes),
    case("actions", "restores interrupted at any point", restores::interrupted),
    case("actions", "a restore drill", restores::drill),
    case("destroy events", "actions by destroy, and caller", actions::around_destroy),
    case("planned values", "planned name and rotation", life::planned_ahead),
    case("destroy = false", "destroy = false", around::not_destroyed),
    case("enabled", "enabled", around::enabled),
    case("enabled", "a final backup: not enabled", net::disabled),
    case("encryption", "encrypted state and plans", around::encryption),
    case("provider for_each", "for_each of providers", around::provider_for_each),
];

/// The services whose backups can be taken.
const SERVICES: &[&str] = &["dds", "geminidb", "taurusdb", "rds", "gaussdb"];

/// Lines that say nothing.
const NOTHING: &[&str] = &[
    "",
    "description = \"\"",
    "description = null",
    "region = \"\"",
    "triggers = {}",
    "triggers = { v = null }",
    "name_prefix = \"\"",
    "on_destroy = \"\"",
    "keep_last = null",
    "backup_database_individually = null",
    "backup_database_individually = false",
    "timeouts {}",
];

const ADDRESS: &str = "huaweidb_manual_backup.b";

/// An emulator whose backups take this long.
fn emulator(backup_seconds: f64) -> Emulator {
    Emulator::start_now(&Options::with_backups_of(backup_seconds)).expect("the emulator starts")
}

/// A resource block for a DDS instance of this emulator.
fn backup(emulator: &Emulator, arguments: &str) -> String {
    resource(emulator, "dds", "b", arguments)
}

/// A resource block for an instance of any service.
fn resource(emulator: &Emulator, service: &str, name: &str, arguments: &str) -> String {
    let instance = emulator.instance(service);
    format!(
        "resource \"huaweidb_manual_backup\" \"{name}\" {{\n  service     = \"{service}\"\n  instance_id = \"{instance}\"\n\
         {arguments}\n}}\n"
    )
}

/// A completed backup of a service, taken by somebody else.
fn seed(emulator: &Emulator, service: &str, name: &str) -> String {
    let made = NewBackups {
        service: Some(service.to_owned()),
        instance_id: emulator.instance(service),
        name: Some(name.to_owned()),
        ..NewBackups::default()
    };
    emulator.add_backups(&made)[0].id.clone()
}

/// An example file of the project.
fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
    fs::read_to_string(&path).unwrap_or_else(|why| panic!("{name}: {why}"))
}

/// The names of all backups in the cloud, sorted.
fn names(emulator: &Emulator) -> Vec<String> {
    let mut names: Vec<String> = emulator.backups().into_iter().map(|backup| backup.name).collect();
    names.sort();
    names
}

fn attribute(workspace: &Workspace, name: &str) -> Json {
    workspace.resource(ADDRESS).expect("the object is in the state").0[name].clone()
}

fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < Duration::from_mins(1), "waited in vain until {what}");
        pause(Duration::from_millis(20));
    }
}

#[expect(clippy::disallowed_methods, reason = "nothing here has a runtime: processes are watched from outside")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}
