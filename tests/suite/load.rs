//! Many at once against a cloud that throttles. How it goes with thousands is measured by `make bench`.

use std::collections::BTreeMap;
use std::io::Write as _;

use huaweidb_emulator::{Call, Emulator, NewBackups, NewInstance, Options, Pace, RetryAfter, Throttle};
use serde_json::{Value as Json, json};

use crate::support::cli::Workspace;

/// One resource block each: the CLI copies the whole block for each of its objects.
const INSTANCES: usize = 10;
const BACKUPS: usize = 120;
const PARALLELISM: usize = 64;
/// So few that both the plan and the destroy meet it.
const LIMIT: Throttle = Throttle { calls: 3, per_seconds: 1.0, retry_after: RetryAfter::None };

/// One resource block for one instance. Literal, because the CLI evaluates a large local anew for every object.
fn block(nth: usize, instance_id: &str, count: usize) -> String {
    format!(
        "resource \"huaweidb_manual_backup\" \"b{nth}\" {{\n  count       = {count}\n  service     = \"dds\"\n  instance_id = \
         \"{instance_id}\"\n  name_prefix = \"load-\"\n}}\n"
    )
}

/// A state with all of the backups in it, as if they had been taken by an apply.
fn state(emulator: &Emulator, workspace: &Workspace) -> Json {
    workspace.configure(&block(0, &emulator.instance("dds"), 1));
    workspace.apply();
    let mut state: Json = serde_json::from_str(&workspace.read("terraform.tfstate")).expect("a state is JSON");
    let resource = state["resources"][0].clone();
    let model = resource["instances"][0].clone();
    emulator.vanish(model["attributes"]["id"].as_str().expect("an id"));
    let (mut blocks, mut resources) = (String::new(), Vec::new());
    for nth in 0..INSTANCES {
        let wanted = NewInstance { service: "dds".to_owned(), name: format!("load-{nth}"), ..NewInstance::default() };
        let instance = emulator.add_instance(&wanted);
        blocks.push_str(&block(nth, &instance.id, BACKUPS / INSTANCES));
        let rows = emulator.add_backups(&NewBackups {
            instance_id: instance.id,
            count: BACKUPS / INSTANCES,
            name_prefix: format!("load-{nth}-"),
            ..NewBackups::default()
        });
        let instances = rows.iter().enumerate().map(|(index, row)| {
            let mut one = model.clone();
            one["index_key"] = json!(index);
            for (name, value) in [
                ("id", &row.id),
                ("name", &row.name),
                ("instance_id", &row.instance_id),
                ("instance_name", &row.instance_name),
            ] {
                one["attributes"][name] = json!(value);
            }
            one
        });
        let mut resource = resource.clone();
        resource["name"] = json!(format!("b{nth}"));
        resource["instances"] = instances.collect();
        resources.push(resource);
    }
    workspace.configure(&blocks);
    state["resources"] = json!(resources);
    state
}

/// How many calls are a storm. How few there are when the machine is quick is a row of `make bench`; here, however slow it
/// is, a plan reads pages, and a destroy takes less than one call for each backup.
fn storm(what: &str) -> usize {
    if what == "plan" { BACKUPS / 4 } else { BACKUPS }
}

fn by_operation(journal: &[Call]) -> String {
    let mut counts = BTreeMap::new();
    for call in journal {
        *counts.entry(&call.operation).or_insert(0) += 1;
    }
    counts.iter().map(|(operation, count): (_, &u32)| format!("{count} {operation}")).collect::<Vec<_>>().join(", ")
}

#[test]
fn many_backups_under_throttling() {
    let options = Options { pace: Pace { delete_seconds: Some(0.2), ..Pace::of_backups(0.2) }, ..Options::default() };
    let emulator = Emulator::start_now(&options).expect("the emulator starts");
    let workspace = Workspace::new(&emulator);
    let state = state(&emulator, &workspace);
    workspace.write("terraform.tfstate", &state.to_string());
    emulator.set_modes(|modes| modes.throttle = Some(LIMIT));
    for (what, arguments) in
        [("plan", &["plan", "-detailed-exitcode"][..]), ("destroy", &["destroy", "-auto-approve"][..])]
    {
        emulator.clear_journal();
        let parallelism = format!("-parallelism={PARALLELISM}");
        let ran = workspace.run(&[arguments, &[&parallelism]].concat());
        assert_eq!(ran.code, 0, "{what}: {:.3000}", ran.all());
        let journal = emulator.journal();
        let throttled = journal.iter().filter(|call| call.status == Some(429)).count();
        let line = format!("{what}: {} calls, {throttled} throttled ({})", journal.len(), by_operation(&journal));
        writeln!(std::io::stderr(), "load: {BACKUPS} backups, {PARALLELISM} at once: {line}").expect("stderr is there");
        assert!(journal.len() < storm(what) && throttled < PARALLELISM, "a storm: {line}");
    }
    assert!(emulator.backups().is_empty());
}
