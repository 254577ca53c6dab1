//! What many cases begin with, and look at.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use huaweidb_emulator::{Emulator, NewBackups, Options};
use serde_json::Value as Json;

use crate::cli::Workspace;

/// The services whose backups can be taken.
pub(super) const SERVICES: &[&str] = &["dds", "geminidb", "taurusdb", "rds", "gaussdb"];

/// Lines that say nothing.
pub(super) const NOTHING: &[&str] = &[
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

pub(super) const ADDRESS: &str = "huaweidb_manual_backup.b";

/// An emulator whose backups take this long.
pub(super) fn emulator(backup_seconds: f64) -> Emulator {
    Emulator::start_now(&Options::with_backups_of(backup_seconds)).expect("the emulator starts")
}

/// A resource block for a DDS instance of this emulator.
pub(super) fn backup(emulator: &Emulator, arguments: &str) -> String {
    resource(emulator, "dds", "b", arguments)
}

/// A resource block for an instance of any service.
pub(super) fn resource(emulator: &Emulator, service: &str, name: &str, arguments: &str) -> String {
    let instance = emulator.instance(service);
    format!(
        "resource \"huaweidb_manual_backup\" \"{name}\" {{\n  service     = \"{service}\"\n  instance_id = \"{instance}\"\n\
         {arguments}\n}}\n"
    )
}

/// A completed backup of a service, taken by somebody else.
pub(super) fn seed(emulator: &Emulator, service: &str, name: &str) -> String {
    let made = NewBackups {
        service: Some(service.to_owned()),
        instance_id: emulator.instance(service),
        name: Some(name.to_owned()),
        ..NewBackups::default()
    };
    emulator.add_backups(&made)[0].id.clone()
}

/// An example file of the project.
pub(super) fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
    fs::read_to_string(&path).unwrap_or_else(|why| panic!("{name}: {why}"))
}

/// The names of all backups in the cloud, sorted.
pub(super) fn names(emulator: &Emulator) -> Vec<String> {
    let mut names: Vec<String> = emulator.backups().into_iter().map(|backup| backup.name).collect();
    names.sort();
    names
}

pub(super) fn attribute(workspace: &Workspace, name: &str) -> Json {
    workspace.resource(ADDRESS).expect("the object is in the state").0[name].clone()
}

pub(super) fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < Duration::from_mins(5), "waited in vain until {what}");
        pause(Duration::from_millis(20));
    }
}

#[expect(clippy::disallowed_methods, reason = "nothing here has a runtime: processes are watched from outside")]
pub(super) fn pause(time: Duration) {
    std::thread::sleep(time);
}
