//! Stops and prunings that do not end well: what they say was sent, and what became of it.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::cell::Cell;
use std::time::{Duration, Instant};

use huaweidb_emulator::{BackupRow, Fault, JobEnd, NewBackups};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::support::checked::ActionEvents;
use crate::support::proto::tfplugin6 as tf;
use crate::support::run::{Run, ended, over};
use crate::support::value::wire;

const PRUNE: &str = "huaweidb_prune_backups";
const STOP: &str = "huaweidb_stop_backup";

/// Waits until the cloud was asked for that.
async fn asked(run: &Run, operation: &str) {
    let asked = async {
        while !run.emulator.journal().iter().any(|call| call.operation.contains(operation)) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_mins(1), asked).await.expect("it is asked");
}

/// Invokes an action without a plan of it.
async fn unplanned(run: &Run, name: &str, wish: &Value) -> ActionEvents {
    let config = wire(&run.action(name, wish));
    let request = tf::invoke_action::Request { action_type: name.to_owned(), config, ..Default::default() };
    run.host.provider().invoke_action(request).await.unwrap().into_inner()
}

/// Invokes an action and asks the provider to stop, so long after the cloud was first asked for that.
async fn interrupted(run: &Run, name: &str, wish: &Value, operation: &str, after: u64) -> tf::Diagnostic {
    run.emulator.clear_journal();
    let events = unplanned(run, name, wish).await;
    asked(run, operation).await;
    sleep(Duration::from_millis(after)).await;
    run.host.provider().stop_provider(tf::stop_provider::Request {}).await.unwrap();
    let (_, said) = ended(events).await;
    said.into_iter().find(|one| one.severity == 1).expect("an error")
}

/// The only error of an action.
async fn error_of(run: &Run, name: &str, wish: &Value) -> tf::Diagnostic {
    let (_, said) = run.invoke_and_say(name, wish).await;
    said.into_iter().find(|one| one.severity == 1).expect("an error")
}

fn pruning(run: &Run) -> Value {
    json!({
        "service": "dds", "instance_id": run.dds(), "name_prefix": "old-", "keep_last": 1, "older_than": "0s",
        "dry_run": false,
    })
}

fn throttled(times: u32) -> Fault {
    Fault::refusal(429, "APIGW.0308").on("dds").header("Retry-After", "30").times(times)
}

#[tokio::test]
async fn only_what_was_sent_is_said_to_be_going() {
    let run = Run::start(0.2).await;
    run.backups(60, "old-");
    // What is refused is not sent, and what waits behind it even less.
    run.emulator.fault(throttled(99).method("DELETE"));
    let said = interrupted(&run, PRUNE, &pruning(&run), "delete", 300).await;
    assert_eq!(said.summary, "Pruning was stopped");
    assert!(said.detail.contains("0 of 59 were seen to be deleted; 59 not touched."), "{}", said.detail);
    assert!(!said.detail.contains("deletions were sent"), "{}", said.detail);
    assert_eq!(run.emulator.backups().len(), 60);
}

#[tokio::test]
async fn a_pruning_out_of_time_says_why_and_what_it_does_not_know() {
    let run = Run::start(0.2).await;
    run.backups(30, "old-");
    let hasty = over(&pruning(&run), &json!({ "timeout": "10s" }));
    for (fault, word, known) in [
        (throttled(99), "status 429, code APIGW.0308", true),
        (Fault::status(500).on("dds").times(999), "status 500", false),
        (Fault::new(huaweidb_emulator::FaultKind::CloseBefore).on("dds").times(999), "DELETE", false),
    ] {
        run.emulator.fault(fault.method("DELETE"));
        let said = error_of(&run, PRUNE, &hasty).await;
        let summary = if known { "Backups were not deleted" } else { "Backups were not seen to be deleted" };
        assert_eq!(said.summary, summary);
        let detail = &said.detail;
        assert!(detail.starts_with("0 of 29 deleted.") && detail.contains(word), "{detail}");
        assert!(!detail.contains("listed the backup yet"), "{detail}");
        let told =
            if known { "29 still exist in the cloud" } else { "For 29 a deletion was sent, and its end was not seen" };
        assert!(detail.contains(told), "{detail}");
        run.emulator.clear_faults();
        run.configure().await;
    }
    assert_eq!(run.emulator.backups().len(), 30);
}

/// Begins a backup that takes so long: its id.
async fn running(run: &Run, seconds: f64) -> String {
    run.emulator.set_pace(|pace| *pace = huaweidb_emulator::Pace::of_backups(seconds));
    let wish = json!({
        "service": "dds", "instance_id": run.dds(), "name_prefix": "run-", "wait_for_completion": false,
    });
    let (_, errors) = run.invoke("huaweidb_create_backup", &wish).await;
    assert_eq!(errors, [""; 0]);
    run.emulator.backups().into_iter().find(|one| one.status == "BUILDING").expect("it runs").id
}

#[tokio::test]
async fn what_completes_in_spite_of_a_stop_was_not_stopped() {
    let run = Run::start(3600.0).await;
    for fault in [
        Fault::status(500).times(99),
        Fault::status(502).times(99),
        Fault::status(504).times(99),
        Fault::undone(JobEnd::Completed).times(99),
    ] {
        for fine in [false, true] {
            let id = running(&run, 3600.0).await;
            run.emulator.fault(fault.clone().on("dds").operation("stop"));
            run.emulator.clear_journal();
            let wish = json!({ "service": "dds", "backup_id": id, "ignore_if_not_running": fine });
            let completes = async {
                asked(&run, "stop").await;
                assert!(run.emulator.set_status(&id, "COMPLETED"));
            };
            let ((progress, said), ()) = tokio::join!(run.invoke_and_say(STOP, &wish), completes);
            run.emulator.clear_faults();
            let all = format!("{progress:?} {said:?}");
            assert!(all.contains(&format!("The backup {id} was not stopped: it has completed")), "{all}");
            assert!(!all.contains("is stopped"), "{all}");
            let errors = said.iter().map(|one| one.summary.as_str()).collect::<Vec<_>>();
            assert_eq!(errors, if fine { vec![] } else { vec!["No backup is running"] });
            assert!(run.emulator.backup(&id).is_some_and(|backup| backup.status == "COMPLETED"));
        }
    }
}

#[tokio::test]
async fn an_interrupted_stop_says_whether_it_was_sent() {
    let undone = Fault::undone(JobEnd::Running).on("dds").times(9);
    for (fault, summary, told) in [
        (throttled(99), "Backup was not stopped", "No stop was sent, or it was refused"),
        // Accepted, and not done yet.
        (undone, "Backup was not seen to stop", "was asked to stop"),
    ] {
        let run = Run::start(3600.0).await;
        let id = running(&run, 3600.0).await;
        run.emulator.fault(fault.operation("stop"));
        let said = interrupted(&run, STOP, &json!({ "service": "dds", "backup_id": id }), "stop", 500).await;
        assert_eq!(said.summary, summary);
        assert!(said.detail.contains(told), "{}", said.detail);
    }
}

/// A stop that could not be sent in time says what became of the backup meanwhile.
#[tokio::test]
async fn a_throttled_stop_out_of_time_says_what_is_there_now() {
    let run = Run::start(3600.0).await;
    let fault = Fault::refusal(429, "APIGW.0308").on("dds").operation("stop").header("Retry-After", "2").times(99);
    // The refusal is held back, so that the status is another one before it arrives.
    let fault = Fault { ms: Some(300), ..fault };
    for (status, summary, told) in [
        ("COMPLETED", "No backup is running", "is COMPLETED"),
        ("BUILDING", "Backup was not stopped in time", "the status was BUILDING; before that, dds refused"),
    ] {
        let mut tries = 0;
        let (id, progress, said) = loop {
            let id = running(&run, 3600.0).await;
            run.emulator.fault(fault.clone());
            run.emulator.clear_journal();
            let wish = json!({ "service": "dds", "backup_id": id, "timeout": "1s" });
            let is_over = Cell::new(false);
            let invoked = async {
                let came = run.invoke_and_say(STOP, &wish).await;
                is_over.set(true);
                came
            };
            let ends = async {
                while !is_over.get() {
                    if run.emulator.journal().iter().any(|call| call.operation == "stop") {
                        run.emulator.set_status(&id, status);
                        return run.emulator.journal().last().is_some_and(|call| call.operation == "stop");
                    }
                    sleep(Duration::from_millis(5)).await;
                }
                false
            };
            let ((progress, said), in_time) = tokio::join!(invoked, ends);
            run.emulator.clear_faults();
            // Otherwise the time was over before it was sent, or it looked before the status was another one: once more.
            if in_time {
                break (id, progress, said);
            }
            run.emulator.set_status(&id, "FAILED");
            tries += 1;
            assert!(tries < 20, "the stop is not sent, or it is not the last call: {said:?}");
        };
        let [one] = &*said else { panic!("{said:?}") };
        assert!(one.summary == summary && one.detail.contains(told), "{}: {}", one.summary, one.detail);
        assert_eq!(progress, [format!("Stopping the backup {id}")]);
        run.emulator.set_status(&id, "FAILED");
    }
}

/// Until something was sent it is sure that nothing was done, and that is said.
#[tokio::test]
async fn a_list_that_fails_or_is_interrupted_says_that_nothing_was_done() {
    for (name, undone) in [(PRUNE, "Nothing was deleted."), (STOP, "Nothing was stopped.")] {
        let run = Run::start(0.2).await;
        let wish = if name == PRUNE {
            pruning(&run)
        } else {
            json!({ "service": "dds", "instance_id": run.dds(), "all_on_instance": true })
        };
        run.emulator.fault(Fault::status(403).on("dds").operation("list").times(9));
        let refused = ended(unplanned(&run, name, &wish).await).await.1.remove(0);
        run.emulator.clear_faults();
        run.emulator.fault(Fault::delay(600_000).on("dds").operation("list").times(9));
        let stopped = interrupted(&run, name, &wish, "list", 50).await;
        for said in [refused, stopped] {
            assert_eq!(said.summary, "Search failed");
            assert!(said.detail.contains(&format!("\n\n{undone}\n\n")), "{}", said.detail);
        }
    }
}

/// A mistyped instance is told, whatever is fine.
#[tokio::test]
async fn a_stop_of_all_on_an_instance_that_is_not_there_is_an_error() {
    let run = Run::start(0.2).await;
    let all =
        json!({ "service": "dds", "instance_id": run.dds(), "all_on_instance": true, "ignore_if_not_running": true });
    let (progress, said) = run.invoke_and_say(STOP, &all).await;
    assert!(said.is_empty() && progress[0].starts_with("Nothing to stop"), "{progress:?} {said:?}");
    for (id, told) in [(run.emulator.instance("rds"), "`rds`"), (format!("{}in02", "0".repeat(32)), "`dds`")] {
        for fine in [true, false] {
            let wish = over(&all, &json!({ "instance_id": id, "ignore_if_not_running": fine }));
            // Another service's id is warned of before.
            let (progress, said) = run.invoke_and_say(STOP, &wish).await;
            let error = said.iter().find(|one| one.severity == 1).expect("an error");
            assert_eq!((error.summary.as_str(), progress.len()), ("Instance was not found", 0), "{id}");
            assert!(error.detail.contains(told) && error.detail.contains(&id), "{}", error.detail);
        }
    }
    run.emulator.clear_journal();
    run.backups(1, "one-");
    run.invoke(STOP, &all).await;
    let asked = run.emulator.journal().iter().map(|call| call.operation.clone()).collect::<Vec<_>>();
    assert_eq!(asked, ["list", "list"], "whoever has backups is there");
}

/// Several that run on an instance, oldest first.
fn all_running(run: &Run, instance_id: &str, count: usize) -> Vec<BackupRow> {
    let mut made = run.emulator.add_backups(&NewBackups {
        instance_id: instance_id.to_owned(),
        status: "BUILDING".to_owned(),
        name_prefix: "run-".to_owned(),
        count,
        seconds_apart: 60.0,
        ..NewBackups::default()
    });
    run.emulator.set_pace(|pace| pace.stop_seconds = Some(0.2));
    made.sort_by(|one, other| one.begin_time.cmp(&other.begin_time));
    made
}

fn stops(run: &Run) -> usize {
    run.emulator.journal().iter().filter(|call| call.operation == "stop").count()
}

/// What the service stops with one call is not said to be left out.
#[tokio::test]
async fn one_call_stops_all_where_it_stops_the_whole_instance() {
    let run = Run::start(3600.0).await;
    let instance_id = run.emulator.instance("gaussdb");
    let wish = json!({ "service": "gaussdb", "instance_id": instance_id, "all_on_instance": true });
    let both = all_running(&run, &instance_id, 2);
    run.emulator.fault(Fault::undone(JobEnd::Running).on("gaussdb").operation("stop").times(99));
    let hasty = over(&wish, &json!({ "timeout": "20s" }));
    let mut said = error_of(&run, STOP, &hasty).await;
    // Again where the time was over before the stop was sent.
    while stops(&run) == 0 {
        said = error_of(&run, STOP, &hasty).await;
    }
    assert_eq!(said.summary, "Backups were not seen to stop");
    let (_, asked) = said.detail.split_once("Asked to stop, and not seen to end:").expect("they were asked");
    assert!(both.iter().all(|one| asked.contains(&one.id)), "{}", said.detail);
    assert!(said.detail.starts_with("0 of 2 stopped.") && !said.detail.contains("Still running"), "{}", said.detail);
    assert_eq!(stops(&run), 1);
    // What is refused is sent for none of them.
    run.emulator.clear_faults();
    run.emulator.fault(Fault::refusal(403, "DBS.280063").on("gaussdb").operation("stop").times(9));
    let said = error_of(&run, STOP, &wish).await;
    let (_, left) =
        said.detail.split_once("Still running, as far as is known").unwrap_or_else(|| panic!("{}", said.detail));
    assert!(both.iter().all(|one| left.contains(&one.id)), "{}", said.detail);

    run.emulator.clear_faults();
    run.emulator.clear_journal();
    let (progress, errors) = run.invoke(STOP, &wish).await;
    assert_eq!(errors, [""; 0]);
    let stopped = |one: &BackupRow| progress.contains(&format!("The backup {} is stopped: FAILED", one.id));
    assert!(both.iter().all(stopped), "{progress:?}");
    assert_eq!(stops(&run), 1);

    let both = all_running(&run, &instance_id, 2);
    run.emulator.fault(Fault::undone(JobEnd::Running).on("gaussdb").operation("stop").times(99));
    let said = interrupted(&run, STOP, &wish, "stop", 500).await;
    assert!(both.iter().all(|one| said.detail.contains(&one.id)), "{}", said.detail);
    assert!(!said.detail.contains("Still running"), "{}", said.detail);
}

/// One that does not end keeps none of the others running.
#[tokio::test]
async fn what_runs_on_an_instance_is_stopped_side_by_side() {
    let mut tries = 0;
    let (run, all, said) = loop {
        let run = Run::start(3600.0).await;
        let wish = json!({ "service": "dds", "instance_id": run.dds(), "all_on_instance": true, "timeout": "20s" });
        let all = all_running(&run, &run.dds(), 4);
        for one in [&all[0], &all[3]] {
            run.emulator.fault(Fault::undone(JobEnd::Running).on("dds").operation("stop").path(&one.id).times(99));
        }
        run.emulator.fault(Fault::refusal(403, "DBS.280063").on("dds").operation("stop").path(&all[1].id).times(99));
        let since = Instant::now();
        let said = error_of(&run, STOP, &wish).await;
        tries += 1;
        // A machine that stalled may not have come to all of them in that time: once more.
        if since.elapsed() < Duration::from_secs(25) || tries == 4 {
            break (run, all, said);
        }
    };
    let [oldest, refused, other, newest] = &*all else { panic!("{all:?}") };
    assert_eq!(said.summary, "Backups were not stopped");
    let (stopped, rest) = said.detail.split_once("Asked to stop, and not seen to end:").expect("two were asked");
    let (asked, left) = rest.split_once("Still running, as far as is known").expect("one was refused");
    assert!(stopped.starts_with("1 of 4 stopped.") && stopped.contains(&other.id), "{}", said.detail);
    assert!(asked.contains(&oldest.id) && asked.contains(&newest.id), "{}", said.detail);
    assert!(left.contains(&refused.id) && left.contains("status 403"), "{}", said.detail);
    assert!(run.emulator.backup(&other.id).is_none_or(|one| one.status != "BUILDING"));
}

#[tokio::test]
async fn a_stop_of_all_does_not_believe_one_empty_list() {
    let run = Run::start(3600.0).await;
    let one = all_running(&run, &run.dds(), 1).remove(0);
    assert!(run.emulator.hide(&one.id, 1.0));
    let wish =
        json!({ "service": "dds", "instance_id": run.dds(), "all_on_instance": true, "ignore_if_not_running": true });
    let (progress, errors) = run.invoke(STOP, &wish).await;
    assert_eq!(errors, [""; 0]);
    assert!(progress.last().unwrap().contains("is stopped"), "{progress:?}");
}

/// Where a service lists the backups of one instance only.
#[tokio::test]
async fn a_stop_of_another_instances_backup_is_an_error() {
    let run = Run::start(3600.0).await;
    let rds = run.emulator.instances().into_iter().filter(|row| row.service == "rds").collect::<Vec<_>>();
    let (given, its) = (&rds[0].id, &rds[1].id);
    let one = all_running(&run, its, 1).remove(0);
    let wish = json!({ "service": "rds", "backup_id": one.id, "instance_id": given, "ignore_if_not_running": true });
    let said = error_of(&run, STOP, &wish).await;
    assert_eq!(said.summary, "The cloud has another backup under this id");
    assert!(said.detail.contains(its) && said.detail.contains(given), "{}", said.detail);
    let nowhere = over(&wish, &json!({ "backup_id": "bf9ee62a7f7044c583c6765c916c36edbr01" }));
    let (progress, errors) = run.invoke(STOP, &nowhere).await;
    assert_eq!(errors, [""; 0]);
    let told = format!("The instance {given} lists no backup bf9ee62a7f7044c583c6765c916c36edbr01");
    assert!(progress.last().unwrap().contains(&told), "{progress:?}");
}

#[tokio::test]
async fn what_a_pruning_is_refused_for_is_said_once() {
    let run = Run::start(0.2).await;
    let made = run.backups(4, "old-");
    run.emulator.fault(Fault::refusal(403, "DBS.280063").on("dds").method("DELETE").times(99));
    let said = error_of(&run, PRUNE, &pruning(&run)).await;
    assert_eq!(said.detail.matches("status 403").count(), 1, "{}", said.detail);
    assert_eq!(made.iter().filter(|one| said.detail.contains(&one.id)).count(), 3, "{}", said.detail);
}
