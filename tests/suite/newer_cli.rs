//! Rotation and safer destroys through the real CLI at hand, in more detail than the matrix.

use std::collections::BTreeSet;

use huaweidb_emulator::{Emulator, Fault, FaultKind, NewBackups, NewInstance, Options};

use crate::support::cli::Workspace;

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

    // Failed ones go with the next that completes: another run's, and this one's own.
    let failed = NewBackups {
        name: Some("nightly-2026010203040511111111".to_owned()),
        status: "FAILED".to_owned(),
        ..NewBackups::of(&emulator.instance("dds"))
    };
    emulator.add_backups(&failed);
    rotating(5);
    emulator.fault(Fault::new(FaultKind::FailBackup).on("dds"));
    workspace.run(&["apply", "-auto-approve"]).failed().says("Backup failed");
    assert_eq!(names(&emulator).len(), strangers.len() + 4, "a failed one replaces nothing");
    workspace.run(&["plan"]).succeeded().says(", failed)");
    next_second();
    workspace.apply();
    let left = names(&emulator);
    assert_eq!(left.len(), strangers.len() + 2, "{left:?}");
    assert!(emulator.backups().iter().all(|backup| backup.status == "COMPLETED"));
    workspace.nothing_to_do();
    next_second();

    // What cannot be pruned is a warning; the apply stays green.
    rotating(6);
    emulator.fault(Fault::refusal(403, "DBS.280063").on("dds").method("DELETE").times(20));
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
