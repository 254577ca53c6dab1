//! Stops and prunings that do not end well: what they say was sent, and what became of it.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use huaweidb_emulator::{Fault, JobEnd};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::support::host::proto::tfplugin6 as tf;
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

/// Invokes an action and asks the provider to stop, so long after the cloud was first asked for that.
async fn interrupted(run: &Run, name: &str, wish: &Value, operation: &str, after: u64) -> tf::Diagnostic {
    run.emulator.clear_journal();
    let request = tf::invoke_action::Request {
        action_type: name.to_owned(),
        config: wire(&run.action(name, wish)),
        ..Default::default()
    };
    let events = run.host.provider().invoke_action(request).await.unwrap().into_inner();
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
    assert!(said.detail.contains("0 of 59 deleted; 59 not touched."), "{}", said.detail);
    assert!(!said.detail.contains("may be going"), "{}", said.detail);
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
        assert_eq!(said.summary, "Backups were not deleted");
        let detail = &said.detail;
        assert!(detail.starts_with("0 of 29 deleted.") && detail.contains(word), "{detail}");
        assert!(!detail.contains("listed the backup yet"), "{detail}");
        let told = if known { "29 still exist in the cloud" } else { "what became of them could not be told" };
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
    let run = Run::start(600.0).await;
    for fault in [
        Fault::status(500).times(99),
        Fault::status(502).times(99),
        Fault::status(504).times(99),
        Fault::undone(JobEnd::Completed).times(99),
    ] {
        for fine in [false, true] {
            let id = running(&run, 600.0).await;
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
        let run = Run::start(60.0).await;
        let id = running(&run, 600.0).await;
        run.emulator.fault(fault.operation("stop"));
        let said = interrupted(&run, STOP, &json!({ "service": "dds", "backup_id": id }), "stop", 500).await;
        assert_eq!(said.summary, summary);
        assert!(said.detail.contains(told), "{}", said.detail);
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
    assert_eq!(run.emulator.journal().len(), 1, "whoever has backups is there");
}
