//! The ledger as stories: at this time, this ask gives this answer.

use super::*;

const P: &str = "p1";

fn pace() -> Pace {
    Pace { stop_seconds: Some(0.2), delete_seconds: Some(0.1), ..Pace::of_backups(1.0) }
}

fn ledger() -> Ledger {
    let mut ledger = Ledger::new(Mint::new([1; 16]));
    for (id, service) in [("i1", Service::Dds), ("i2", Service::Dds), ("g1", Service::Gaussdb)] {
        let engine = ("e".to_owned(), "1".to_owned(), "m".to_owned());
        assert!(ledger.add_instance(Instance::new(
            id.to_owned(),
            service,
            P.to_owned(),
            "eu-de".to_owned(),
            format!("name-{id}"),
            engine,
            0,
            0,
        )));
    }
    ledger
}

fn wish<'a>(instance_id: &'a str, name: &'a str) -> Wish<'a> {
    Wish {
        service: Service::Dds,
        project_id: P,
        instance_id,
        name,
        description: "",
        unique_name: true,
        parts: None,
        fails: false,
    }
}

/// One step of a story: at this time, this ask gives this answer.
enum Step {
    Start(&'static str, &'static str, Result<(), Denied>),
    Stop(&'static str, Result<(), Denied>),
    Delete(&'static str, Result<(), Denied>),
    See(&'static str, Option<Status>),
    Job(&'static str, JobStatus),
    Instance(&'static str, Activity),
}
use Step::{Delete, Instance as Doing, Job as Task_, See, Start, Stop};

#[track_caller]
fn story(vanishes: bool, steps: &[(Millis, Step)]) {
    let mut ledger = ledger();
    let mut ids: HashMap<&str, Started> = HashMap::new();
    let unknown = Started { backup_id: "none".to_owned(), job_id: "none".to_owned(), began: 0 };
    for (index, (now, step)) in steps.iter().enumerate() {
        ledger.settle(*now);
        let of = |name: &str| ids.get(name).unwrap_or(&unknown).clone();
        match step {
            Start(instance, name, expected) => {
                let got = ledger.start(wish(instance, name), &pace(), *now);
                assert_eq!(got.clone().map(|_| ()), *expected, "step {index}");
                if let Ok(started) = got {
                    ids.insert(name, started);
                }
            }
            Stop(name, expected) => {
                let got = ledger.stop((Service::Dds, P), &of(name).backup_id, vanishes, &pace(), *now);
                assert_eq!(got.map(|_| ()), *expected, "step {index}");
            }
            Delete(name, expected) => {
                let got = ledger.delete(Service::Dds, P, &of(name).backup_id, &pace(), *now);
                assert_eq!(got.map(|_| ()), *expected, "step {index}");
            }
            See(name, expected) => {
                let got = ledger.find(Service::Dds, P, &of(name).backup_id).map(|b| b.status(*now));
                assert_eq!(got, *expected, "step {index}");
            }
            Task_(name, expected) => {
                let job = ledger.job(Service::Dds, P, &of(name).job_id, *now).expect("a job");
                assert_eq!(job.status(*now), *expected, "step {index}");
            }
            Doing(id, expected) => {
                let instance = ledger.instance(Service::Dds, P, id).expect("an instance");
                assert_eq!(ledger.activity(instance, *now), *expected, "step {index}");
            }
        }
    }
}

#[test]
fn a_backup_matures_and_is_deleted() {
    story(
        false,
        &[
            (0, See("a", None)),
            (0, Start("i1", "a", Ok(()))),
            (0, Doing("i1", Activity::BackingUp)),
            (0, Doing("i2", Activity::Idle)),
            (500, See("a", Some(Status::Building))),
            (500, Task_("a", JobStatus::Running)),
            (500, Delete("a", Err(Denied::StillRunning))),
            (1000, See("a", Some(Status::Completed))),
            (1000, Task_("a", JobStatus::Completed)),
            (1000, Doing("i1", Activity::Idle)),
            (1000, Stop("a", Err(Denied::NotRunning))),
            (1000, Delete("a", Ok(()))),
            (1050, See("a", Some(Status::Deleting))),
            (1050, Delete("a", Err(Denied::Leaving))),
            (1100, See("a", None)),
            (1100, Delete("a", Err(Denied::NoBackup))),
        ],
    );
}

#[test]
fn one_backup_at_a_time_and_one_of_a_name() {
    story(
        false,
        &[
            (0, Start("nowhere", "a", Err(Denied::NoInstance))),
            (0, Start("g1", "a", Err(Denied::NoInstance))),
            (0, Start("i1", "a", Ok(()))),
            (0, Start("i1", "b", Err(Denied::BackupRunning))),
            (0, Start("i2", "a", Err(Denied::NameTaken))),
            (0, Start("i2", "b", Ok(()))),
            (1000, Start("i1", "c", Ok(()))),
            (1000, Start("i2", "a", Err(Denied::NameTaken))),
        ],
    );
}

#[test]
fn a_stopped_backup_fails() {
    story(
        false,
        &[
            (0, Stop("a", Err(Denied::NoBackup))),
            (0, Start("i1", "a", Ok(()))),
            (500, Stop("a", Ok(()))),
            (500, Stop("a", Err(Denied::Stopping))),
            (600, See("a", Some(Status::Building))),
            (600, Doing("i1", Activity::BackingUp)),
            (700, See("a", Some(Status::Failed))),
            (700, Task_("a", JobStatus::Failed)),
            (700, Doing("i1", Activity::Idle)),
            (700, Delete("a", Ok(()))),
            (800, See("a", None)),
        ],
    );
}

#[test]
fn a_stopped_backup_may_vanish() {
    story(
        true,
        &[
            (0, Start("i1", "a", Ok(()))),
            (500, Stop("a", Ok(()))),
            (600, See("a", Some(Status::Building))),
            (700, See("a", None)),
            (700, Doing("i1", Activity::Idle)),
            (700, Start("i1", "a", Ok(()))),
        ],
    );
}

#[test]
fn a_doomed_backup_fails_with_its_job() {
    let mut ledger = ledger();
    let started = ledger.start(Wish { fails: true, ..wish("i1", "a") }, &pace(), 0).expect("accepted");
    let backup = ledger.backup(&started.backup_id).expect("there");
    assert_eq!((backup.status(999), backup.status(1000)), (Status::Building, Status::Failed));
    assert_eq!(backup.size_bytes(1000), 0);
    let job = ledger.job(Service::Dds, P, &started.job_id, 0).expect("there");
    assert_eq!((job.status(999), job.status(1000)), (JobStatus::Running, JobStatus::Failed));
    assert_eq!((job.fail_reason(999), job.fail_reason(1000).is_some()), (None, true));
    assert_eq!((job.progress(400).as_str(), job.progress(1000).as_str()), ("40%", ""));
}

#[test]
fn lists_and_jobs_may_lag() {
    let mut ledger = ledger();
    let pace =
        Pace { list_delay_seconds: 0.3, job_delay_seconds: 0.1, settle_lag_seconds: 0.5, ..Pace::of_backups(1.0) };
    let started = ledger.start(wish("i1", "a"), &pace, 0).expect("accepted");
    let backup = ledger.backup(&started.backup_id).expect("there");
    assert_eq!((backup.listed(299), backup.listed(300)), (false, true));
    assert_eq!((backup.status(1400), backup.status(1500)), (Status::Building, Status::Completed));
    assert!(ledger.job(Service::Dds, P, &started.job_id, 99).is_none());
    let job = ledger.job(Service::Dds, P, &started.job_id, 1000).expect("there");
    assert_eq!(job.status(1000), JobStatus::Completed);
}

#[test]
fn the_state_can_be_set_from_outside() {
    let mut ledger = ledger();
    let id = ledger.start(wish("i1", "a"), &pace(), 0).expect("accepted").backup_id;
    for (now, status) in [(100, Status::Completed), (200, Status::Failed), (300, Status::Building)] {
        assert!(ledger.set_status(&id, status, &pace(), now));
        assert_eq!(ledger.backup(&id).expect("there").status(now), status);
    }
    let instance = ledger.instance(Service::Dds, P, "i1").expect("there");
    assert_eq!(ledger.activity(instance, 300), Activity::BackingUp);
    assert!(ledger.set_status(&id, Status::Deleting, &pace(), 400));
    ledger.settle(499);
    assert!(ledger.backup(&id).is_some());
    ledger.settle(500);
    assert!(ledger.backup(&id).is_none());
    assert!(!ledger.vanish(&id, &pace(), 500));
    assert!(!ledger.set_status(&id, Status::Failed, &pace(), 600));
}

#[test]
fn stopping_an_instance_stops_what_runs_on_it() {
    let mut ledger = ledger();
    let place = (Service::Dds, P);
    assert_eq!(ledger.stop_all(place, "x", false, &pace(), 0), Err(Denied::NoInstance));
    assert_eq!(ledger.stop_all(place, "i1", false, &pace(), 0), Err(Denied::NotRunning));
    let id = ledger.start(wish("i1", "a"), &pace(), 0).expect("accepted").backup_id;
    ledger.stop_all(place, "i1", false, &pace(), 100).expect("stopped");
    assert_eq!(ledger.stop_all(place, "i1", false, &pace(), 200), Err(Denied::Stopping));
    assert_eq!(ledger.backup(&id).expect("there").status(300), Status::Failed);
    assert_eq!(ledger.totals, Totals { created: 1, stopped: 1, deleted: 0, restored: 0 });
}

#[test]
fn newest_comes_first_and_automatic_ones_stay() {
    let mut ledger = ledger();
    let mut seed = |name: &str, kind: &str, began| {
        let seed = Seed { instance_id: "i1", name: name.to_owned(), kind, status: Status::Completed, began };
        ledger.seed(seed, &pace(), 100_000).expect("an instance")
    };
    let automatic = seed("old", "auto", 10);
    seed("new", "manual", 30);
    seed("mid", "manual", 20);
    let names: Vec<_> = ledger.newest_first(Service::Dds, P).map(|backup| backup.name.as_str()).collect();
    assert_eq!(names, ["new", "mid", "old"]);
    assert_eq!(ledger.delete(Service::Dds, P, &automatic, &pace(), 100_000), Err(Denied::NotManual));
    assert_eq!(ledger.newest_first(Service::Dds, "p2").count(), 0);
    assert!(ledger.find(Service::Rds, P, &automatic).is_none());
}
