//! The real CLI asks for many backups at once: the cloud is asked for few.

use std::thread;
use std::time::{Duration, Instant};

use huaweidb_emulator::{Emulator, Fault, NewInstance, Options};

use crate::support::cli::Workspace;

const MANY: usize = 40;

fn calls(emulator: &Emulator, method: &str) -> usize {
    emulator.journal().iter().filter(|call| call.service != "iam" && call.method == method).count()
}

/// Waits until something is so.
#[expect(clippy::disallowed_methods, reason = "these tests have no runtime: they watch processes from outside")]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_mins(5);
    while !is_so() {
        assert!(Instant::now() < limit, "never: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_run_over_many_backups_asks_the_cloud_a_few_times() {
    let emulator = Emulator::start_now(&Options::with_backups_of(0.5)).unwrap();
    let instance = |nth| {
        let name = format!("many-{nth}");
        emulator.add_instance(&NewInstance { service: "dds".to_owned(), name, ..NewInstance::default() }).id
    };
    let ids: Vec<_> = (0..MANY).map(instance).collect();
    let workspace = Workspace::new(&emulator);
    workspace.configure(&format!(
        "locals {{ ids = {ids:?} }}\nresource \"huaweidb_manual_backup\" \"many\" {{\n  count = {MANY}\n  service = \"dds\"\n  \
         instance_id = local.ids[count.index]\n  name = \"many-${{count.index}}\"\n}}\n"
    ));
    workspace.apply();
    assert_eq!(emulator.totals().created, MANY as u64);

    // What a page says counts for half a minute: of a walk that takes so long, the calls tell nothing.
    let (took, reads) = (0..5)
        .map(|_| {
            emulator.clear_journal();
            let since = Instant::now();
            workspace.nothing_to_do();
            (since.elapsed(), calls(&emulator, "GET"))
        })
        .find(|(took, _)| *took < Duration::from_secs(25))
        .expect("a walk takes no time");
    assert!(reads <= 6, "{reads} calls in {took:?} to read {MANY} backups that are on one page");

    emulator.clear_journal();
    workspace.destroy();
    let (deletes, reads) = (calls(&emulator, "DELETE"), calls(&emulator, "GET"));
    assert!(deletes < MANY / 2, "{deletes} calls to delete {MANY} backups, ten at a time");
    assert!(deletes + reads < MANY, "{reads} calls to see them go");
    assert_eq!(emulator.totals().deleted, MANY as u64);
    let left = emulator.backups().iter().filter(|backup| backup.name.starts_with("many-")).count();
    assert_eq!(left, 0);
}

/// One backup that cannot be deleted does not hold up the others, and is the only one that is told.
#[test]
fn a_failure_among_many_is_told_of_the_one() {
    let emulator = Emulator::start_now(&Options::with_backups_of(0.3)).unwrap();
    let workspace = Workspace::new(&emulator);
    let instance = |nth| {
        let name = format!("some-{nth}");
        emulator.add_instance(&NewInstance { service: "taurusdb".to_owned(), name, ..NewInstance::default() }).id
    };
    let ids: Vec<_> = (0..6).map(instance).collect();
    workspace.configure(&format!(
        "locals {{ ids = {ids:?} }}\nresource \"huaweidb_manual_backup\" \"some\" {{\n  count = 6\n  service = \"taurusdb\"\n  \
         instance_id = local.ids[count.index]\n  name = \"some-${{count.index}}\"\n}}\n"
    ));
    workspace.apply();
    let backups = emulator.backups();
    let stuck = backups.iter().find(|backup| backup.name == "some-3").unwrap();
    // Its status forbids the deletion until the others have gone; then something else does, for good.
    emulator.set_pace(|pace| {
        pace.backup_seconds = 3600.0;
        pace.delete_seconds = Some(0.1);
    });
    assert!(emulator.set_status(&stuck.id, "BUILDING"));
    let running = workspace.start(&["destroy", "-auto-approve", "-refresh=false"]);
    until("the others go", || emulator.backups().iter().filter(|one| one.name.starts_with("some-")).count() == 1);
    emulator.fault(Fault::refusal(403, "APIGW.0302").on("taurusdb").method("DELETE").times(1000));
    let ran = running.finished().failed();
    assert!(ran.all().contains(&stuck.id), "{}", ran.all());
    let left: Vec<_> = emulator.backups().into_iter().filter(|backup| backup.name.starts_with("some-")).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].id, stuck.id);
    assert!(workspace.resource("huaweidb_manual_backup.some").is_some(), "it stays in the state");
}

/// Backups of one instance are taken one after the other, and whoever waits is told how many are before him.
#[test]
fn backups_of_one_instance_queue_and_say_so() {
    let emulator = Emulator::start_now(&Options::with_backups_of(0.4)).unwrap();
    let mut workspace = Workspace::new(&emulator);
    workspace.set("TF_LOG", "INFO");
    workspace.set("TF_LOG_PATH", &workspace.path("log"));
    workspace.configure(&format!(
        "resource \"huaweidb_manual_backup\" \"queued\" {{\n  count = 4\n  service = \"dds\"\n  instance_id = \"{}\"\n  name = \
         \"queued-${{count.index}}\"\n}}\n",
        emulator.instance("dds")
    ));
    // Somebody else keeps the instance busy until all of them have come, and have said so.
    emulator.keep_busy(&emulator.instance("dds"), 3600.0);
    let running = workspace.start(&["apply", "-auto-approve"]);
    for told in ["queued behind 1", "queued behind 2", "queued behind 3", "waiting until it is idle"] {
        until(told, || workspace.read_if_there("log").is_some_and(|log| log.contains(told)));
    }
    emulator.keep_busy(&emulator.instance("dds"), 0.0);
    running.finished().succeeded();
    let mut taken: Vec<_> = emulator.backups().into_iter().filter(|row| row.name.starts_with("queued-")).collect();
    taken.sort_by(|one, other| one.begin_time.cmp(&other.begin_time));
    assert_eq!(taken.len(), 4);
    assert_eq!(emulator.totals().created, 4);
    assert!(taken.iter().all(|row| row.status == "COMPLETED"), "{taken:?}");
    let overlaps = taken.windows(2).any(|two| two[0].end_time.as_ref().is_none_or(|end| *end > two[1].begin_time));
    assert!(!overlaps, "{taken:?}");
}
