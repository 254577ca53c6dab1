//! Stopping and deleting.

use super::*;
use crate::backup::engine::StopOutcome;
use crate::backup::{Datastore, Error, Status};

const BY_ID_RDS: &str = "GET /v3/{project_id}/backups?instance_id=i1&backup_id=b1";
const OF_INSTANCE_RDS: &str = "GET /v3/{project_id}/backups?instance_id=i1&offset=";
const STOP_RDS: &str = "POST /v3/{project_id}/instances/i1/backups/stop";

async fn delete(script: &Script, key: &str, context: &Context) -> Result<(), Error> {
    script.backups().of(context, service(key)).delete(&b1()).await
}

async fn stop(script: &Script, key: &str, context: &Context) -> Result<StopOutcome, Error> {
    script.backups().of(context, service(key)).stop(&b1(), &|| {}).await
}

/// How something ended, and whether anything was sent that may be going on.
fn ended<T: std::fmt::Debug>(told: &Result<T, Error>) -> (bool, &Error) {
    let error = told.as_ref().unwrap_err();
    (error.was_sent(), error.end())
}

fn accepted() -> Say {
    Say::Ok(json!({ "job_id": "j1" }))
}

/// `b1` is in these statuses in turn until the delete, and gone so long after it.
fn deletable(statuses: &'static [&'static str], takes: Duration) -> Script {
    let deleted: Arc<Mutex<Option<Duration>>> = Arc::default();
    let at = Arc::clone(&deleted);
    Script::new()
        .on(BY_ID, move |nth, elapsed| match *at.lock().unwrap() {
            Some(at) if elapsed >= at + takes => empty(),
            Some(_) => b1_is("DELETING"),
            None => b1_is(statuses[nth.min(statuses.len() - 1)]),
        })
        .on(DELETE, move |_, elapsed| {
            deleted.lock().unwrap().get_or_insert(elapsed);
            accepted()
        })
        .says(THE_JOB, [job("Completed", "")])
}

fn postgres(id: &str, status: &str) -> Json {
    with(item(id, status, 0), &json!({ "datastore": { "type": "PostgreSQL", "version": "16" } }))
}

#[tokio::test(start_paused = true)]
async fn a_deletion_is_awaited() {
    let runs = || job("Running", "");
    let script = deletable(&["COMPLETED"], seconds(0)).first(THE_JOB, runs()).first(THE_JOB, runs());
    delete(&script, "dds", &within(seconds(60))).await.unwrap();
    let in_list = &*format!("{OF_ONE}&limit=100");
    let looks = [BY_ID, THE_JOB, BY_ID, THE_JOB, BY_ID, THE_JOB, in_list];
    assert_eq!(script.calls()[2..], looks, "as long as the job runs, nothing is over");
    // Its job says that it is done: both questions once are enough. Seen before in this project, it need not be looked at first.
    let script = deletable(&["COMPLETED"], seconds(0));
    let seen = BackupRef { project_id: Some(PROJECT.to_owned()), ..b1() };
    script.backups().of(&within(seconds(60)), dds()).delete(&seen).await.unwrap();
    assert_eq!(script.calls(), [DELETE, BY_ID, THE_JOB, in_list], "the fewest calls");
    // The list of its instance shows it all the while; a list that is refused in whatever words is no empty one.
    for (shown, ends) in [(b1_is("COMPLETED"), "sent again"), (Say::No(404, "DBS.201010"), "out of sight")] {
        let script = deletable(&["COMPLETED"], seconds(0)).on(OF_ONE, move |_, _| shown.clone());
        let told = delete(&script, "dds", &within(seconds(100))).await;
        assert!(told.is_err(), "{ends}: {:?}", script.calls());
    }
    let script = deletable(&["FAILED"], seconds(100));
    delete(&script, "dds", &within(seconds(600))).await.unwrap();
    assert_eq!(script.count(DELETE), 1);
    assert!((seconds(100)..seconds(110)).contains(&script.elapsed()), "{:?}", script.elapsed());
}

#[tokio::test(start_paused = true)]
async fn already_gone_is_done() {
    let script = Script::new().says(BY_ID, [empty()]);
    delete(&script, "dds", &within(seconds(60))).await.unwrap();
    assert_eq!((script.count(BY_ID), script.count(OF_ONE), script.count(DELETE)), (2, 2, 0));
    // Gone between the look and the delete.
    let script = Script::new().says(BY_ID, [b1_is("COMPLETED"), empty()]).says(DELETE, [Say::No(400, "DBS.201214")]);
    delete(&script, "dds", &within(seconds(60))).await.unwrap();
    // "Gone", but it is still there: not believed.
    let script = Script::new()
        .on(BY_ID, |_, elapsed| if elapsed < seconds(30) { b1_is("COMPLETED") } else { empty() })
        .says(DELETE, [Say::No(400, "DBS.201204")]);
    delete(&script, "dds", &within(seconds(60))).await.unwrap();
    assert!(script.elapsed() >= seconds(30));
}

#[tokio::test(start_paused = true)]
async fn a_lost_delete_is_repeated_until_it_is_seen_to_have_worked() {
    for lost in [Say::Lost, Say::No(500, ""), Say::Unreachable] {
        let script = Script::new().says(BY_ID, [b1_is("COMPLETED"), empty()]).says(DELETE, [lost.clone()]);
        delete(&script, "dds", &within(seconds(60))).await.unwrap();
        assert_eq!(script.count(DELETE), 1, "{lost:?}");
        let script = Script::new()
            .on(BY_ID, |_, elapsed| if elapsed < seconds(12) { b1_is("COMPLETED") } else { empty() })
            .says(DELETE, [lost.clone(), lost.clone(), accepted()])
            .says(THE_JOB, [job("Completed", "")]);
        delete(&script, "dds", &within(seconds(60))).await.unwrap();
        assert_eq!(script.count(DELETE), 3, "{lost:?}");
    }
}

/// A rotation is an extra: what does not work is said, and soon.
#[tokio::test(start_paused = true)]
async fn a_rotation_holds_nobody_up() {
    let runs = || job("Running", "");
    let hour = || within(seconds(3600));
    for (what, shown, deleted, deletes, at_most) in [
        ("no answer", b1_is("COMPLETED"), Say::Lost, 1, 10),
        ("an answer without sense", b1_is("COMPLETED"), Say::No(502, ""), 1, 10),
        ("no connection", b1_is("COMPLETED"), Say::Unreachable, 1, 3),
        ("\"gone\", but it is there", b1_is("COMPLETED"), Say::No(400, "DBS.201204"), 1, 10),
        ("no permission", b1_is("COMPLETED"), Say::No(403, "DBS.200001"), 1, 3),
        ("it cannot be looked at", Say::Lost, accepted(), 0, 3),
        ("nonsense where it is looked at", Say::Ok(json!("<html>")), accepted(), 0, 3),
        ("accepted, and never over", b1_is("DELETING"), accepted(), 0, 62),
        ("accepted, and not done", b1_is("COMPLETED"), accepted(), 1, 62),
        ("a busy instance", b1_is("COMPLETED"), Say::No(403, "DBS.200019"), usize::MAX, 62),
    ] {
        let script = Script::new().says(BY_ID, [shown]).says(DELETE, [deleted]).says(THE_JOB, [runs()]);
        let ended = script.backups().of(&hour(), dds()).rotate_out(&b1()).await;
        assert!(ended.is_err(), "{what}");
        assert!(script.elapsed() < seconds(at_most), "{what}: {:?}", script.elapsed());
        assert!(script.count(DELETE) <= deletes, "{what}: {:?}", script.calls());
    }
    // What breaks once it is deleted.
    let script = deletable(&["COMPLETED"], seconds(1800));
    let script = script.says(THE_JOB, [runs()]);
    assert!(script.backups().of(&hour(), dds()).rotate_out(&b1()).await.is_err_and(|error| error.was_sent()));
    assert!(script.elapsed() < seconds(62), "{:?}", script.elapsed());
    // A delete whose answer was lost and that was carried out is seen.
    let script = Script::new()
        .on(BY_ID, |_, elapsed| if elapsed < seconds(3) { b1_is("COMPLETED") } else { empty() })
        .says(DELETE, [Say::Lost]);
    script.backups().of(&hour(), dds()).rotate_out(&b1()).await.unwrap();
    assert_eq!(script.count(DELETE), 1);
    // The limit of the operation comes first.
    let script = Script::new().says(BY_ID, [b1_is("DELETING")]);
    assert!(script.backups().of(&within(seconds(20)), dds()).rotate_out(&b1()).await.is_err());
    assert!(script.elapsed() < seconds(21), "{:?}", script.elapsed());
}

/// Without the service's word that it deletes, an absence is what it is anywhere else: nothing without proof.
#[tokio::test(start_paused = true)]
async fn what_nobody_accepted_to_delete_is_gone_only_on_proof() {
    for lost in [Say::Lost, Say::No(500, "")] {
        // The question by id is answered without it for a while, the list of its instance shows it.
        let is_gone = |elapsed| elapsed >= seconds(40);
        let script = Script::new()
            .on(BY_ID, |nth, _| if nth == 0 { b1_is("COMPLETED") } else { empty() })
            .on(OF_ONE, move |_, elapsed| if is_gone(elapsed) { empty() } else { b1_is("COMPLETED") })
            .on(DELETE, move |_, _| lost.clone());
        delete(&script, "dds", &within(seconds(100))).await.unwrap();
        assert!(is_gone(script.elapsed()), "{:?}", script.elapsed());
        assert!(script.count(DELETE) > 1);
        // Nor where the instance cannot be told.
        let script = Script::new()
            .on(BY_ID, |nth, _| if nth == 0 { b1_is("COMPLETED") } else { empty() })
            .says(OF_ONE, [empty()])
            .on("GET /v3/{project_id}/instances", |_, _| Say::No(403, ""))
            .says(DELETE, [Say::Lost]);
        let told = delete(&script, "dds", &within(seconds(100))).await;
        let (was_sent, end) = ended(&told);
        assert!(was_sent && matches!(end, Error::Doubtful { .. }), "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_did_nothing_is_repeated() {
    let script = Script::new()
        .on(BY_ID, |_, elapsed| if elapsed < seconds(70) { b1_is("COMPLETED") } else { empty() })
        .says(DELETE, [accepted()])
        .says(THE_JOB, [job("Completed", "")]);
    delete(&script, "dds", &within(seconds(600))).await.unwrap();
    assert_eq!(script.count(DELETE), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_being_deleted_is_only_awaited() {
    let script = Script::new().says(BY_ID, [b1_is("DISABLED"), b1_is("DELETING"), empty()]);
    delete(&script, "dds", &within(seconds(60))).await.unwrap();
    assert_eq!(script.count(DELETE), 0);
}

#[tokio::test(start_paused = true)]
async fn a_running_backup_is_stopped_first() {
    let script = deletable(&["BUILDING", "BUILDING", "FAILED"], seconds(1)).says(PUT, [accepted()]);
    delete(&script, "dds", &within(seconds(60))).await.unwrap();
    let changes: Vec<_> = script.calls().into_iter().filter(|call| !call.starts_with("GET")).collect();
    assert_eq!(changes, [PUT, DELETE]);
    // Stopped, the cloud drops it by itself.
    let script = Script::new().says(BY_ID, [b1_is("BUILDING"), empty()]).says(PUT, [accepted()]);
    delete(&script, "dds", &within(seconds(60))).await.unwrap();
    assert_eq!(script.count(DELETE), 0);
}

#[tokio::test(start_paused = true)]
async fn where_no_stop_is_offered_the_end_is_awaited() {
    for refusal in
        [Say::No(404, "APIGW.0101"), Say::No(404, "APIG.0101"), Say::No(400, "DBS.280001"), Say::No(403, "DBS.280063")]
    {
        let deleted: Arc<Mutex<bool>> = Arc::default();
        let gone = Arc::clone(&deleted);
        let script = Script::new()
            .on(BY_ID, move |_, elapsed| match (*gone.lock().unwrap(), elapsed < seconds(100)) {
                (true, _) => empty(),
                (false, true) => b1_is("BUILDING"),
                (false, false) => b1_is("COMPLETED"),
            })
            .says(PUT, [refusal])
            .on(DELETE, move |_, elapsed| {
                assert!(elapsed >= seconds(100), "not while it runs");
                *deleted.lock().unwrap() = true;
                accepted()
            })
            .says(THE_JOB, [job("Completed", "")]);
        delete(&script, "dds", &within(seconds(600))).await.unwrap();
        assert_eq!((script.count(PUT), script.count(DELETE)), (1, 1));
    }
    // TaurusDB has no such operation at all.
    let script = deletable(&["BUILDING", "BUILDING", "BUILDING", "AVAILABLE"], seconds(0));
    delete(&script, "taurusdb", &within(seconds(60))).await.unwrap();
    assert_eq!((script.count("PUT"), script.count("POST"), script.count(DELETE)), (0, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn other_peoples_backups_are_not_stopped() {
    let script = Script::new()
        .says(BY_ID_RDS, [list(&[postgres("b1", "BUILDING")]), list(&[postgres("b1", "COMPLETED")]), empty()])
        .says(
            OF_INSTANCE_RDS,
            [
                list(&[postgres("b2", "BUILDING"), postgres("b1", "BUILDING"), postgres("b0", "COMPLETED")]),
                list(&[postgres("b0", "COMPLETED")]),
            ],
        )
        .says(DELETE, [Say::Ok(Json::Null)]);
    delete(&script, "rds", &within(seconds(60))).await.unwrap();
    assert_eq!((script.count(STOP_RDS), script.count(DELETE)), (0, 1));

    let Err(Error::OthersRun { others }) = stop(
        &Script::new()
            .says(BY_ID_RDS, [list(&[postgres("b1", "BUILDING")])])
            .says(OF_INSTANCE_RDS, [list(&[postgres("b2", "BUILDING"), postgres("b1", "BUILDING")])]),
        "rds",
        &within(seconds(60)),
    )
    .await
    else {
        panic!()
    };
    assert_eq!(ids(&others), ["b2"]);

    // Unless that is what is wanted.
    let script = Script::new()
        .says(BY_ID_RDS, [list(&[postgres("b1", "BUILDING")]), list(&[postgres("b1", "FAILED")])])
        .says(STOP_RDS, [accepted()]);
    let stopped = script.backups().of(&within(seconds(60)), service("rds")).stop_with_others(&b1(), &|| {}).await;
    assert!(matches!(stopped, Ok(StopOutcome::Stopped(Some(_)))), "{stopped:?}");
    assert_eq!((script.count(STOP_RDS), script.count(OF_INSTANCE_RDS)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn our_own_is_stopped_when_it_runs_alone() {
    let script = Script::new()
        .says(BY_ID_RDS, [list(&[postgres("b1", "BUILDING")]), list(&[postgres("b1", "FAILED")]), empty()])
        .says(
            OF_INSTANCE_RDS,
            [list(&[postgres("b1", "BUILDING"), postgres("b0", "COMPLETED")]), list(&[postgres("b0", "COMPLETED")])],
        )
        .says(STOP_RDS, [accepted()])
        .says(DELETE, [Say::Ok(Json::Null)]);
    delete(&script, "rds", &within(seconds(60))).await.unwrap();
    assert_eq!((script.count(STOP_RDS), script.count(DELETE)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn only_postgresql_is_stopped_in_rds() {
    let mysql = with(item("b1", "BUILDING", 0), &json!({ "datastore": { "type": "MySQL" } }));
    let script = Script::new().says(BY_ID_RDS, [list(&[mysql])]);
    let error = stop(&script, "rds", &within(seconds(60))).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported(_)), "{error:?}");
    assert_eq!(script.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_stop_is_repeated_until_it_is_seen_to_have_worked() {
    let script =
        Script::new().says(BY_ID, [b1_is("BUILDING"), b1_is("BUILDING"), b1_is("FAILED")]).says(PUT, [Say::Lost]);
    let Ok(StopOutcome::Stopped(Some(backup))) = stop(&script, "dds", &within(seconds(60))).await else { panic!() };
    assert_eq!((backup.status, script.count(PUT)), (Status::Failed, 1));
    let script = Script::new()
        .on(BY_ID, |_, elapsed| b1_is(if elapsed < seconds(8) { "BUILDING" } else { "FAILED" }))
        .says(PUT, [Say::Lost, accepted()])
        .says(THE_JOB, [job("Running", "")]);
    assert!(matches!(stop(&script, "dds", &within(seconds(60))).await, Ok(StopOutcome::Stopped(Some(_)))));
    assert_eq!(script.count(PUT), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_was_accepted_is_awaited_as_long_as_the_service_is_at_it() {
    for ends in [true, false] {
        let script = Script::new()
            .on(BY_ID, move |_, elapsed| b1_is(if ends && elapsed > seconds(400) { "FAILED" } else { "BUILDING" }))
            .says(PUT, [accepted(), Say::No(403, "DBS.200019")])
            .says(THE_JOB, [job("Running", "")]);
        match stop(&script, "dds", &within(seconds(600))).await {
            Ok(StopOutcome::Stopped(Some(_))) => assert!(ends),
            Err(Error::Sent { end, .. }) if matches!(*end, Error::StillRunning { .. }) => assert!(!ends),
            other => panic!("{other:?}"),
        }
        assert_eq!(script.count(PUT), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn stops_have_clear_results() {
    let context = within(seconds(60));
    // Not running.
    for status in ["COMPLETED", "FAILED", "DELETING"] {
        let script = Script::new().says(BY_ID, [b1_is(status)]);
        assert!(matches!(stop(&script, "dds", &context).await, Ok(StopOutcome::NotRunning(_))), "{status}");
        assert_eq!(script.calls(), [BY_ID]);
    }
    // It completed just before the stop came.
    let script =
        Script::new().says(BY_ID, [b1_is("BUILDING"), b1_is("COMPLETED")]).says(PUT, [Say::No(400, "DBS.201202")]);
    assert!(matches!(stop(&script, "dds", &context).await, Ok(StopOutcome::NotRunning(_))));
    // The cloud dropped it.
    let script = Script::new().says(BY_ID, [b1_is("BUILDING"), empty()]).says(PUT, [accepted()]);
    assert_eq!(stop(&script, "dds", &context).await.unwrap(), StopOutcome::Stopped(None));
    // Not there, not offered, not possible, not allowed.
    let script = Script::new().says(BY_ID, [empty()]);
    assert!(matches!(stop(&script, "dds", &context).await, Err(Error::Vanished { .. })));
    let script = Script::new().says(BY_ID, [b1_is("BUILDING")]).says(PUT, [Say::No(404, "APIGW.0101")]);
    assert!(matches!(stop(&script, "dds", &context).await, Err(Error::NotOffered { .. })));
    assert!(matches!(stop(&Script::new(), "taurusdb", &context).await, Err(Error::Unsupported(_))));
    let script = Script::new().says(BY_ID, [b1_is("BUILDING")]).says(PUT, [Say::No(403, "DBS.280063")]);
    assert!(matches!(stop(&script, "dds", &context).await, Err(Error::Cloud(_))));
    // The job failed.
    let script = Script::new()
        .says(BY_ID, [b1_is("BUILDING")])
        .says(PUT, [accepted()])
        .says(THE_JOB, [job("Failed", "too late")]);
    let Err(Error::JobFailed { task: "stop", reason, .. }) = stop(&script, "dds", &context).await else { panic!() };
    assert_eq!(reason.as_deref(), Some("too late"));
    // Never accepted.
    let script = Script::new().says(BY_ID, [b1_is("BUILDING")]).says(PUT, [Say::No(403, "DBS.200011")]);
    assert!(matches!(stop(&script, "dds", &context).await, Err(Error::Cloud(_))));
    assert!(script.count(PUT) <= 5);
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_a_backup_that_is_not_listed_yet() {
    let begun =
        crate::backup::BegunBackup { job_id: None, at: Some(Timestamp::now()), listed: false, known_by_name: false };
    let new = BackupRef { begun: Some(begun), ..b1() };
    let listed_late = |after: u64| {
        let script = Script::new().says(PUT, [accepted()]).says(THE_JOB, [job("Completed", "")]);
        script.on(BY_ID, move |_, elapsed| match elapsed.as_secs() {
            at if at < after => empty(),
            at if at < after + 20 => b1_is("BUILDING"),
            _ => b1_is("FAILED"),
        })
    };
    for after in [3, 25, 75] {
        let script = listed_late(after);
        let stopped = script.backups().of(&within(seconds(600)), dds()).stop(&new, &|| {}).await;
        let Ok(StopOutcome::Stopped(Some(ended))) = stopped else { panic!("{stopped:?}") };
        assert_eq!((ended.status, script.count(PUT)), (Status::Failed, 1));
    }
    // Whoever has no time for that learns that it was not listed yet.
    let script = Script::new().says(BY_ID, [empty()]);
    let late = script.backups().of(&within(seconds(3)), dds()).stop(&new, &|| {}).await;
    assert!(matches!(late, Err(Error::StillRunning { last: None, .. })), "{late:?}");
    let script = Script::new().says(BY_ID, [empty()]);
    let interrupted = script.backups().of(&stopped_after(seconds(1)), dds()).stop(&new, &|| {}).await;
    assert!(matches!(interrupted, Err(Error::Stopped { last: None, .. })));
    assert_eq!(script.elapsed(), seconds(1));
}

#[tokio::test(start_paused = true)]
async fn what_was_just_begun_is_awaited_before_it_is_deleted() {
    let begun =
        crate::backup::BegunBackup { job_id: None, at: Some(Timestamp::now()), listed: false, known_by_name: false };
    let new = BackupRef { begun: Some(begun), ..b1() };
    let deleted: Arc<Mutex<bool>> = Arc::default();
    let gone = Arc::clone(&deleted);
    let script = Script::new()
        .on(
            BY_ID,
            move |_, elapsed| {
                if *gone.lock().unwrap() || elapsed < seconds(75) { empty() } else { b1_is("COMPLETED") }
            },
        )
        .on(DELETE, move |_, _| {
            *deleted.lock().unwrap() = true;
            accepted()
        })
        .says(THE_JOB, [job("Completed", "")]);
    script.backups().of(&within(seconds(600)), dds()).delete(&new).await.unwrap();
    assert_eq!(script.count(DELETE), 1, "not taken for gone");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_itself_is_not_touched() {
    for changes in [json!({ "instance_id": "i2" }), json!({ "name": "weekly" })] {
        let script = Script::new().says(BY_ID, [list(&[with(item("b1", "BUILDING", 0), &changes)])]);
        let meant = BackupRef { name: Some("nightly".to_owned()), ..b1() };
        let context = within(seconds(60));
        assert!(matches!(script.backups().of(&context, dds()).delete(&meant).await, Err(Error::Foreign { .. })));
        assert!(matches!(script.backups().of(&context, dds()).stop(&meant, &|| {}).await, Err(Error::Foreign { .. })));
        assert!(script.calls().iter().all(|call| call.starts_with("GET")), "{:?}", script.calls());
    }
}

#[tokio::test(start_paused = true)]
async fn a_hole_after_a_deletion_is_not_its_end() {
    // The list lacks it for a moment, and shows it again before it is really gone.
    let script = Script::new()
        .on(BY_ID, |_, elapsed| match elapsed.as_millis() {
            300..900 | 20_000.. => empty(),
            _ => b1_is("DELETING"),
        })
        .first(BY_ID, b1_is("COMPLETED"))
        .says(DELETE, [accepted()])
        .on(THE_JOB, |_, elapsed| job(if elapsed < seconds(20) { "Running" } else { "Completed" }, ""));
    delete(&script, "dds", &within(seconds(60))).await.unwrap();
    assert!(script.elapsed() >= seconds(20), "{:?}", script.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_busy_delete_waits() {
    for (status, code) in [(403, "DBS.200019"), (400, "DBS.201202"), (400, "DBS.201319"), (429, "DBS.280443")] {
        let deleted: Arc<Mutex<bool>> = Arc::default();
        let gone = Arc::clone(&deleted);
        let script = Script::new()
            .on(BY_ID, move |_, _| if *gone.lock().unwrap() { empty() } else { b1_is("COMPLETED") })
            .on(DELETE, move |_, elapsed| {
                if elapsed < seconds(50) {
                    return Say::No(status, code);
                }
                *deleted.lock().unwrap() = true;
                accepted()
            })
            .says(THE_JOB, [job("Completed", "")]);
        delete(&script, "dds", &within(seconds(600))).await.unwrap();
        assert!(script.elapsed() < seconds(57), "{code}: {:?}", script.elapsed());
        assert!(script.count(DELETE) < 70, "{code}: {}", script.count(DELETE));
    }
    let script = Script::new().says(BY_ID, [b1_is("COMPLETED")]).says(DELETE, [Say::No(403, "DBS.200019")]);
    let Err(Error::Busy { running: Some(backup), cause, .. }) = delete(&script, "dds", &within(seconds(60))).await
    else {
        panic!()
    };
    assert_eq!((&*backup.id, cause.refusal().unwrap().status), ("b1", 403));
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_is_refused_says_so() {
    let context = within(seconds(60));
    let script = Script::new().says(BY_ID, [b1_is("COMPLETED")]).says(DELETE, [Say::No(403, "DBS.280063")]);
    assert!(matches!(delete(&script, "dds", &context).await, Err(Error::Cloud(cloud::Error::Refused { .. }))));
    assert_eq!(script.count(DELETE), 1);
    let script = Script::new().says(BY_ID, [b1_is("COMPLETED")]).says(DELETE, [Say::No(404, "APIGW.0101")]);
    assert!(matches!(delete(&script, "dds", &context).await, Err(Error::NotOffered { .. })));
    let script = Script::new()
        .says(BY_ID, [b1_is("COMPLETED")])
        .says(DELETE, [accepted()])
        .says(THE_JOB, [job("Failed", "in use")]);
    let Err(Error::JobFailed { task: "delete", reason, backup }) = delete(&script, "dds", &context).await else {
        panic!()
    };
    assert_eq!((reason.as_deref(), &*backup.id), (Some("in use"), "b1"));
    // It is IAM that is not there, not the operation.
    let script = Script::new().says(BY_ID, [b1_is("COMPLETED")]).says(DELETE, [Say::IamNo(404, "APIGW.0101")]);
    assert!(matches!(delete(&script, "dds", &context).await, Err(Error::Cloud(_))));
    // "Could not tell" is neither gone nor deleted.
    let script = Script::new().says(BY_ID, [Say::No(403, "DBS.280063")]);
    assert!(matches!(delete(&script, "dds", &context).await, Err(Error::OutOfSight { .. })));
    assert_eq!(script.count(DELETE), 0);
}

#[tokio::test(start_paused = true)]
async fn a_refused_delete_of_what_is_being_deleted_is_awaited() {
    // The repeated call meets what the first one began, and the words of the refusal are lost.
    let script = Script::new()
        .says(BY_ID, [b1_is("COMPLETED"), b1_is("DELETING"), b1_is("DELETING"), empty()])
        .says(DELETE, [Say::No(400, "")]);
    delete(&script, "dds", &within(seconds(60))).await.unwrap();
    assert_eq!(script.count(DELETE), 1);
}

#[tokio::test(start_paused = true)]
async fn ddm_says_parameter_error_for_gone() {
    let body = |items: Vec<Json>| Say::Ok(json!({ "backups": items, "total": items.len() }));
    let listed = json!({ "id": "b1", "status": "normal", "instance_id": INSTANCE });
    let script = Script::new()
        .says("GET /v3/{project_id}/backups", [body(vec![listed]), body(Vec::new())])
        .says("GET /v1/{project_id}/instances/i1", [Say::Ok(json!({ "id": INSTANCE, "status": "RUNNING" }))])
        .says(DELETE, [Say::No(400, "DBS.280001")]);
    delete(&script, "ddm", &within(seconds(60))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_delete_ends_with_the_stop_signal_or_the_deadline() {
    for (statuses, takes) in [(&["COMPLETED"], 1000), (&["BUILDING"], 0)] {
        let script = deletable(statuses, seconds(takes)).says(PUT, [Say::No(404, "APIGW.0101")]);
        let error = delete(&script, "dds", &stopped_after(seconds(50))).await.unwrap_err();
        assert!(matches!(error.end(), Error::Stopped { last: Some(_), .. }), "{error:?}");
        assert!(script.elapsed() < Duration::from_millis(50_200), "{:?}", script.elapsed());
        let script = deletable(statuses, seconds(takes)).says(PUT, [Say::No(404, "APIGW.0101")]);
        let error = delete(&script, "dds", &within(seconds(50))).await.unwrap_err();
        assert!(matches!(error.end(), Error::StillRunning { last: Some(_), .. }), "{error:?}");
        assert!(script.elapsed() < seconds(51), "{:?}", script.elapsed());
    }
    let context = within(seconds(50));
    context.stop.cancel();
    let script = Script::new();
    assert!(matches!(delete(&script, "dds", &context).await, Err(Error::Stopped { .. })));
    assert_eq!(script.calls(), [""; 0]);
}

/// Whoever is interrupted learns whether anything was sent that may have been carried out.
#[tokio::test(start_paused = true)]
async fn an_end_tells_what_was_sent() {
    let seen = BackupRef { project_id: Some(PROJECT.to_owned()), ..b1() };
    let delete = |say: Say, context: Context| {
        let script = Script::new().says(BY_ID, [b1_is("COMPLETED")]).says(DELETE, [say]);
        let (script, seen) = (script.says(THE_JOB, [job("Running", "")]), seen.clone());
        async move { (script.backups().of(&context, dds()).delete(&seen).await, script.count(DELETE)) }
    };
    for (say, sent) in [
        (accepted(), true),
        (Say::Lost, true),
        (Say::No(500, ""), true),
        (Say::No(429, "APIGW.0308"), false),
        (Say::Unreachable, false),
    ] {
        let told = delete(say.clone(), stopped_after(seconds(5))).await.0;
        assert!(matches!(ended(&told), (was_sent, Error::Stopped { .. }) if was_sent == sent), "{say:?}: {told:?}");
        let (told, _) = delete(say.clone(), within(seconds(20))).await;
        let (was_sent, Error::StillRunning { cause, .. }) = ended(&told) else { panic!("{say:?}: {told:?}") };
        assert_eq!(was_sent, sent, "{say:?}");
        let status = cause.as_ref().and_then(|cause| cause.refusal()).map(|refusal| refusal.status);
        match say {
            Say::Ok(_) => assert!(cause.is_none(), "{cause:?}"),
            Say::No(expected, _) => assert_eq!(status, Some(expected)),
            _ => assert!(matches!(cause.as_deref(), Some(cloud::Error::Unanswered { .. })), "{cause:?}"),
        }
    }
    let context = within(seconds(60));
    context.stop.cancel();
    let (told, count) = delete(accepted(), context).await;
    assert!(matches!(told, Err(Error::Stopped { .. })) && count == 0, "{told:?}");
    // Looks that meet trouble until the time is over are the cause, too.
    let script = Script::new().says(BY_ID, [Say::No(503, "")]);
    let Err(Error::StillRunning { last: None, cause: Some(cause), .. }) =
        script.backups().of(&within(seconds(20)), dds()).delete(&b1()).await
    else {
        panic!()
    };
    assert_eq!(cause.refusal().map(|refusal| refusal.status), Some(503));
}

#[tokio::test(start_paused = true)]
async fn an_end_of_a_stop_tells_whether_it_was_sent() {
    let runs = |say: Say| Script::new().says(BY_ID, [b1_is("BUILDING")]).says(PUT, [say]);
    let script = Script::new().says(BY_ID, [Say::No(503, "")]);
    let told = stop(&script, "dds", &stopped_after(seconds(3))).await;
    assert!(matches!(told, Err(Error::Stopped { .. })), "{told:?}");
    for (say, sent) in [(accepted(), true), (Say::No(504, ""), true), (Say::Unreachable, false)] {
        let script = runs(say.clone()).says(THE_JOB, [job("Running", "")]);
        let told = stop(&script, "dds", &stopped_after(seconds(3))).await;
        assert!(matches!(ended(&told), (was_sent, Error::Stopped { .. }) if was_sent == sent), "{say:?}: {told:?}");
    }
    // Accepted, and then nobody may look.
    let script = Script::new().says(BY_ID, [b1_is("BUILDING"), Say::No(403, "DBS.280063")]).says(PUT, [accepted()]);
    let told = stop(&script, "dds", &within(seconds(60))).await;
    assert!(matches!(ended(&told), (true, Error::OutOfSight { .. })), "{told:?}");
}

/// What was sent and got no answer stays sent, whatever is said to what is sent after it, and however it ends.
#[tokio::test(start_paused = true)]
async fn no_later_refusal_takes_back_what_was_sent() {
    const GONE: Say = Say::No(400, "DBS.201214");
    let seen = BackupRef { project_id: Some(PROJECT.to_owned()), ..b1() };
    for refusal in [
        GONE,
        Say::No(403, "DBS.201014"),
        Say::No(403, "DBS.200019"),
        Say::No(403, "DBS.280063"),
        Say::No(404, "APIGW.0101"),
        Say::No(429, "APIGW.0308"),
        Say::No(400, "DBS.280110"),
        Say::Unreachable,
        Say::IamNo(403, ""),
    ] {
        // What looks show of it meanwhile: it is there, it goes, it is not to be seen, nothing can be told.
        for look in [b1_is("COMPLETED"), b1_is("DELETING"), empty(), Say::No(503, "")] {
            // In the middle of what follows each refusal, and when the time is over.
            for end in [5500, 6500, 8000, 20_000] {
                // What something on the way refuses may have been carried out.
                for (first, sent) in
                    [(Say::Lost, true), (Say::No(504, ""), true), (Say::No(403, ""), true), (Say::Unreachable, false)]
                {
                    for stops in [true, false] {
                        // What is not to be seen once the second was sent is not proven to be gone either.
                        let (hides, look) =
                            (matches!(look, Say::Ok(ref list) if list["backups"] == json!([])), look.clone());
                        let script = Script::new()
                            .on(BY_ID, move |_, elapsed| match look.clone() {
                                look if !hides || elapsed > seconds(5) => look,
                                _ => b1_is("COMPLETED"),
                            })
                            .says(THE_INSTANCE, [Say::No(500, "")])
                            .says("GET /v3/{project_id}/instances?offset", [Say::No(500, "")])
                            .says(DELETE, [first.clone(), refusal.clone()]);
                        let end = Duration::from_millis(end);
                        let context = if stops { stopped_after(end) } else { within(end) };
                        let told = script.backups().of(&context, dds()).delete(&seen).await;
                        let of = format!("{first:?}, then {refusal:?}, {:?}, {end:?}, {stops}", script.calls());
                        // Two looks without it are the end of a deletion.
                        let Err(error) = told else {
                            assert!(hides, "{of}");
                            continue;
                        };
                        assert_eq!(error.was_sent(), sent, "{of}: {error:?}");
                        let busy = matches!(error.end(), Error::Busy { .. });
                        assert!(!busy || !sent, "busy with its own deletion: {of}");
                    }
                }
            }
        }
    }
}

/// The same of a stop.
#[tokio::test(start_paused = true)]
async fn no_later_refusal_takes_back_a_stop() {
    for refusal in
        [Say::No(403, "DBS.280063"), Say::No(404, "APIGW.0101"), Say::No(400, "DBS.280110"), Say::Unreachable]
    {
        // What something on the way refuses may have been carried out.
        for (first, sent) in [(Say::Lost, true), (Say::No(403, ""), true), (Say::Unreachable, false)] {
            let script = Script::new().says(BY_ID, [b1_is("BUILDING")]).says(PUT, [first.clone(), refusal.clone()]);
            let told = stop(&script, "dds", &within(seconds(60))).await.unwrap_err();
            assert_eq!(told.was_sent(), sent, "{first:?}, then {refusal:?}: {told:?}");
        }
    }
}

/// A deletion's own job says that it came to nothing: that one is not going on.
#[tokio::test(start_paused = true)]
async fn a_failed_job_is_the_end_of_what_it_was_for() {
    for (first, sent) in [(Say::Unreachable, false), (Say::Lost, true)] {
        let script = Script::new()
            .says(BY_ID, [b1_is("COMPLETED")])
            .says(DELETE, [first.clone(), accepted()])
            .says(THE_JOB, [job("Failed", "in use")]);
        let told = delete(&script, "dds", &within(seconds(60))).await.unwrap_err();
        assert!(matches!(told.end(), Error::JobFailed { .. }), "{told:?}");
        assert_eq!(told.was_sent(), sent, "{first:?}");
    }
}

/// A stop that has no effect is not what ended the backup.
#[tokio::test(start_paused = true)]
async fn what_completes_by_itself_was_not_stopped() {
    for say in [accepted(), Say::Lost, Say::No(500, ""), Say::No(502, ""), Say::No(504, "")] {
        let script = Script::new()
            .on(BY_ID, |_, elapsed| b1_is(if elapsed < seconds(9) { "BUILDING" } else { "COMPLETED" }))
            .says(PUT, [say.clone()])
            .says(THE_JOB, [job("Running", "")]);
        let told = stop(&script, "dds", &within(seconds(600))).await;
        assert!(matches!(&told, Ok(StopOutcome::Completed(ended)) if ended.id == "b1"), "{say:?}: {told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn passing_trouble_does_not_end_a_delete() {
    let script = Script::new()
        .says(BY_ID, [Say::No(503, ""), Say::Lost, b1_is("COMPLETED"), Say::Ok(Json::Null), Say::No(502, ""), empty()])
        .says(DELETE, [accepted()])
        .says(THE_JOB, [Say::No(500, "")]);
    delete(&script, "dds", &within(seconds(60))).await.unwrap();
    assert_eq!(script.count(DELETE), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_status_does_not_keep_a_backup_from_being_deleted() {
    let script = deletable(&["ABNORMAL"], seconds(0));
    delete(&script, "dds", &within(seconds(60))).await.unwrap();
    assert_eq!(script.count(DELETE), 1);
}

#[test]
fn the_engine_of_a_backup_is_kept() {
    let datastore = Datastore { kind: "PostgreSQL".to_owned(), version: Some("16".to_owned()) };
    let body = Reply {
        status: 200,
        body: json!({ "backups": [postgres("b1", "BUILDING")] }).into(),
        date: None,
        request_id: None,
    };
    assert_eq!(service("rds").listed(&body).unwrap().items[0].datastore, Some(datastore));
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_run_deleted_is_awaited_as_long_as_a_deletion_may_take() {
    let now = jiff::Timestamp::now();
    let long_ago = now - Duration::from_mins(2);
    for (what, sent, limit, is_there, may_leave) in [
        ("it was sent long ago", long_ago, 8, true, false),
        ("the limit comes first", now, 8, true, true),
        ("it stays", now, 300, true, false),
    ] {
        let script = Script::new().says(BY_ID, [b1_is("COMPLETED")]);
        let seen = script.backups().of(&within(seconds(limit)), dds()).find_leaving(&b1(), sent).await.unwrap();
        assert_eq!((seen.0.is_some(), seen.1), (is_there, may_leave), "{what}");
        assert_eq!(script.elapsed() > seconds(50), limit == 300, "{what}");
    }
    let script = Script::new().on(BY_ID, |_, elapsed| if elapsed > seconds(20) { empty() } else { b1_is("COMPLETED") });
    let seen = script.backups().of(&within(seconds(300)), dds()).find_leaving(&b1(), now).await.unwrap();
    assert_eq!(seen.0, None);
}
