//! Waiting for the end of a backup.

use super::*;
use crate::backup::{Certainty, Error, NameOrigin, Progress, Started, Status};

fn started() -> Started {
    Started { job_id: Some("j1".to_owned()), ..Started::from(b1()) }
}

async fn completed(script: &Script, context: &Context) -> Result<Backup, Error> {
    script.backups().of(context, dds()).completed(&started(), &()).await
}

#[tokio::test(start_paused = true)]
async fn the_end_is_noticed_soon() {
    for duration in [0, 1, 3, 20, 62, 300, 3000, 20_000].map(seconds) {
        let script = Script::new()
            .on(BY_ID, move |_, elapsed| b1_is(if elapsed < duration { "BUILDING" } else { "COMPLETED" }))
            .says(THE_JOB, [job("Running", "")]);
        let backup = completed(&script, &within(seconds(100_000))).await.unwrap();
        assert_eq!((&*backup.id, &backup.status), ("b1", &Status::Completed));
        let overshoot = script.elapsed().abs_diff(duration);
        let granted = duration.mul_f64(0.1).clamp(Duration::from_millis(250), seconds(15)) + 2 * LATENCY;
        assert!(overshoot <= granted, "{duration:?}: {overshoot:?}");
        let calls = script.calls().len() as u64;
        assert!(calls <= 100 + duration.as_secs() / 10, "{duration:?}: {calls} calls");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_backup_tells_the_jobs_reason() {
    let script = Script::new()
        .says(BY_ID, [b1_is("BUILDING"), b1_is("FAILED")])
        .says(THE_JOB, [job("Failed", "Backup task was interrupted.")]);
    let Err(Error::Failed { id, backup: Some(backup), reason }) = completed(&script, &within(seconds(60))).await else {
        panic!()
    };
    assert_eq!(
        (&*id, &backup.status, reason.as_deref()),
        ("b1", &Status::Failed, Some("Backup task was interrupted."))
    );

    // Without a job, or with one that cannot be asked, there is no reason to tell.
    let script = Script::new().says(BY_ID, [b1_is("FAILED")]).says(THE_JOB, [Say::No(400, "DBS.200543")]);
    assert!(matches!(completed(&script, &within(seconds(60))).await, Err(Error::Failed { reason: None, .. })));
    let resumed = Started::from(b1());
    let error = script.backups().of(&within(seconds(60)), dds()).completed(&resumed, &()).await.unwrap_err();
    assert!(matches!(error, Error::Failed { reason: None, .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_list_may_lag_behind() {
    let script = Script::new()
        .on(BY_ID, |_, elapsed| if elapsed < seconds(40) { empty() } else { b1_is("COMPLETED") })
        .says(THE_JOB, [Say::No(400, "DBS.200543"), job("Running", ""), job("Completed", "")]);
    assert!(completed(&script, &within(seconds(600))).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_to_be_seen_is_awaited_to_the_end() {
    for unseen in [empty(), Say::No(400, "DBS.201214"), Say::No(404, "DBS.201010")] {
        let script = Script::new().says(BY_ID, [unseen.clone()]).says(THE_JOB, [job("Completed", "")]);
        let error = completed(&script, &within(seconds(600))).await.unwrap_err();
        assert!(matches!(error, Error::StillRunning { last: None, .. }), "{error:?}");
        assert!(script.elapsed() >= seconds(600), "{:?}", script.elapsed());
        // Seen once, it is looked for as well: a hole is no end.
        for hole in [1, 2, 10, 75].map(seconds) {
            let unseen = unseen.clone();
            let script = Script::new()
                .on(BY_ID, move |_, elapsed| match elapsed {
                    at if at < seconds(1) => b1_is("BUILDING"),
                    at if at < seconds(1) + hole => unseen.clone(),
                    _ => b1_is("COMPLETED"),
                })
                .says(THE_JOB, [job("Running", "")]);
            assert!(completed(&script, &within(seconds(600))).await.is_ok(), "{hole:?}");
        }
    }
}

/// Lists lag, but not for ever: what no list shows for longer than that is not on its way, unless its job runs.
#[tokio::test(start_paused = true)]
async fn what_lists_lack_for_longer_than_they_lag_is_gone() {
    for seen in [false, true] {
        for (job_says, ends) in [("Completed", true), ("Running", false)] {
            let script = Script::new()
                .on(BY_ID, move |nth, _| if seen && nth < 3 { b1_is("BUILDING") } else { empty() })
                .says(THE_JOB, [job(job_says, "")]);
            let error = completed(&script, &within(seconds(3000))).await.unwrap_err();
            assert_eq!(matches!(error, Error::Vanished { .. }), ends, "{seen} {job_says}: {error:?}");
            let took = script.elapsed();
            assert!(took > seconds(600) && (took < seconds(640)) == ends, "{seen} {job_says}: {took:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_a_name_of_its_own_is_known_by_it_whatever_id_was_answered() {
    let other = |status: &str| list(&[item("b7", status, 0)]);
    let by_its_id = "GET /v3/{project_id}/backups?backup_id=b7";
    // TaurusDB takes two of one name.
    let twin = list(&[with(item("b7", "COMPLETED", 0), &json!({ "type": "manual" }))]);
    let script = Script::new()
        .says("GET /v3/{project_id}/backups?backup_id=b1", [empty()])
        .says("GET /v3/{project_id}/backups?instance_id=i1", [twin.clone()])
        .says(by_its_id, [twin])
        .says("GET /v3/{project_id}/jobs", [job("Completed", "")]);
    let named = Started { name: Some("nightly".to_owned()), ..started() };
    let listed = |before: &[&str]| Started {
        named_before: Some(before.iter().map(|id| (*id).to_owned()).collect()),
        ..named.clone()
    };
    for (started, name_origin, found) in [
        (&named, NameOrigin::Kept, false),
        (&named, NameOrigin::Fixed, false),
        (&named, NameOrigin::Planned, false),
        (&listed(&["b7"]), NameOrigin::Planned, false),
        (&listed(&[]), NameOrigin::Planned, true),
        (&named, NameOrigin::Random, true),
    ] {
        let backups = script.backups();
        let completed =
            backups.of(&within(seconds(60)), service("taurusdb")).completed_by_name((started, name_origin), &()).await;
        assert_eq!(completed.is_ok(), found, "{name_origin:?}: {completed:?}");
    }
    for (name_origin, certainty, found) in [
        (NameOrigin::Kept, Certainty::Answered, true),
        (NameOrigin::Random, Certainty::Answered, true),
        (NameOrigin::Planned, Certainty::Answered, true),
        (NameOrigin::Fixed, Certainty::Answered, false),
        (NameOrigin::Kept, Certainty::AnsweredLater, false),
    ] {
        let script = Script::new()
            .says(BY_ID, [empty()])
            .says(OF_INSTANCE, [empty(), other("BUILDING")])
            .says(by_its_id, [other("BUILDING"), other("COMPLETED")])
            .says(THE_JOB, [job("Completed", "")]);
        let started = Started { name: Some("nightly".to_owned()), certainty, ..started() };
        let backups = script.backups();
        let completed = backups.of(&within(seconds(60)), dds()).completed_by_name((&started, name_origin), &()).await;
        assert_eq!(
            completed.map(|backup| backup.id).ok().as_deref(),
            found.then_some("b7"),
            "{name_origin:?} {certainty:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_search_has_shown_counts() {
    let script = Script::new().says(BY_ID, [empty()]).says(THE_JOB, [job("Completed", "")]);
    let shown = |status| Started { seen: Some(Box::new(Backup::sample("b1", "i1", "nightly", status))), ..started() };
    let ended = |started: Started| {
        let script = &script;
        async move { script.backups().of(&within(Duration::ZERO), dds()).completed(&started, &()).await }
    };
    assert!(ended(shown(Status::Completed)).await.is_ok(), "no later look is needed");
    let error = ended(shown(Status::Building)).await.unwrap_err();
    assert_eq!(error.last().map(|last| &last.status), Some(&Status::Building), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_job_ends_the_wait_for_a_listing() {
    let script = Script::new().says(BY_ID, [empty()]).says(THE_JOB, [job("Running", ""), job("Failed", "disk full")]);
    let Err(Error::Failed { backup: None, reason, .. }) = completed(&script, &within(seconds(600))).await else {
        panic!()
    };
    assert_eq!(reason.as_deref(), Some("disk full"));
    assert!(script.elapsed() < seconds(5), "{:?}", script.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_failed_job_ends_the_wait_for_a_stuck_status() {
    let script = Script::new().says(BY_ID, [b1_is("BUILDING")]).says(THE_JOB, [job("Failed", "disk full")]);
    let Err(Error::Failed { backup: Some(_), reason, .. }) = completed(&script, &within(seconds(600))).await else {
        panic!()
    };
    assert_eq!(reason.as_deref(), Some("disk full"));
    assert!(script.elapsed() < seconds(5), "{:?}", script.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_and_is_no_more_has_vanished() {
    let script = Script::new()
        .says(BY_ID, [b1_is("BUILDING"), empty(), b1_is("BUILDING"), b1_is("DELETING"), empty()])
        .says(THE_JOB, [job("Running", "")]);
    let Err(Error::Vanished { id }) = completed(&script, &within(seconds(600))).await else { panic!() };
    assert_eq!(id, "b1");
    assert_eq!(script.count(BY_ID), 6, "one list that lacks it is not believed");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_status_is_awaited() {
    let script = Script::new()
        .on(BY_ID, |_, elapsed| b1_is(if elapsed < seconds(300) { "UPLOADING" } else { "COMPLETED" }))
        .says(THE_JOB, [job("Running", "")]);
    assert!(completed(&script, &within(seconds(600))).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn passing_trouble_is_borne() {
    let trouble = [
        Say::No(500, ""),
        Say::No(502, ""),
        Say::No(429, "APIGW.0308"),
        Say::No(403, "DBS.200019"),
        Say::Lost,
        Say::Unreachable,
        Say::Ok(Json::Null),
        Say::Ok(json!({ "total_count": 0 })),
        Say::Ok(json!({ "backups": [{}] })),
        b1_is("COMPLETED"),
    ];
    let script = Script::new().says(BY_ID, trouble).says(THE_JOB, [job("Running", "")]);
    assert!(completed(&script, &within(seconds(600))).await.is_ok());

    // Also for long.
    let script = Script::new().says(BY_ID, [b1_is("BUILDING"), Say::No(503, "")]).says(THE_JOB, [Say::No(503, "")]);
    let error = completed(&script, &within(seconds(3000))).await.unwrap_err();
    assert!(matches!(error, Error::StillRunning { last: Some(_), .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn lasting_trouble_is_told_with_what_exists() {
    for say in [Say::No(403, "DBS.280063"), Say::No(401, "APIGW.0301"), Say::No(404, "APIGW.0101"), Say::No(404, "")] {
        let script = Script::new().says(BY_ID, [b1_is("BUILDING"), say]).says(THE_JOB, [job("Running", "")]);
        let Err(Error::OutOfSight { id, last: Some(_), .. }) = completed(&script, &within(seconds(600))).await else {
            panic!()
        };
        assert_eq!(id, "b1");
    }
    let script =
        Script::new().says(BY_ID, [b1_is("BUILDING"), Say::Ok(Json::Null)]).says(THE_JOB, [job("Running", "")]);
    let error = completed(&script, &within(seconds(6000))).await.unwrap_err();
    assert!(matches!(error, Error::OutOfSight { .. }), "{error:?}");
    assert!((seconds(120)..seconds(150)).contains(&script.elapsed()), "{:?}", script.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_wait_at_once() {
    for time in [0, 1, 100, 1000].map(seconds) {
        let script = Script::new().says(BY_ID, [b1_is("BUILDING")]).says(THE_JOB, [job("Running", "")]);
        let Err(Error::Stopped { id, last, .. }) = completed(&script, &stopped_after(time)).await else { panic!() };
        // Before the first look was sent, nothing was seen.
        assert_eq!((&*id, last.is_some()), ("b1", time > seconds(0)));
        let late = script.elapsed().abs_diff(time);
        assert!(late < Duration::from_millis(200), "{late:?}");
    }
    let context = within(seconds(5));
    context.stop.cancel();
    assert!(matches!(completed(&Script::new(), &context).await, Err(Error::Stopped { last: None, .. })));
}

#[tokio::test(start_paused = true)]
async fn a_call_under_way_is_finished_before_the_stop() {
    let slow = Say::Late(seconds(3), Box::new(b1_is("COMPLETED")));
    let script = Script::new().says(BY_ID, [slow]);
    assert!(completed(&script, &stopped_after(seconds(1))).await.is_ok(), "what it told is not thrown away");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_tells_what_was_seen_last() {
    let script = Script::new().says(BY_ID, [b1_is("BUILDING")]).says(THE_JOB, [job("Running", "")]);
    let Err(Error::StillRunning { id, last: Some(last), .. }) = completed(&script, &within(seconds(100))).await else {
        panic!()
    };
    assert_eq!((&*id, &last.status), ("b1", &Status::Building));
    assert!((seconds(100)..seconds(101)).contains(&script.elapsed()), "{:?}", script.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_watches_is_told_now_and_then() {
    #[derive(Default)]
    struct Watcher(Mutex<Vec<(u64, Option<Status>)>>);
    impl Progress for Watcher {
        fn seen(&self, waited: Duration, status: Option<&Status>) {
            self.0.lock().unwrap().push((waited.as_secs(), status.cloned()));
        }
    }
    let script = Script::new()
        .on(BY_ID, |_, elapsed| match elapsed.as_secs() {
            0..15 => empty(),
            15..600 => b1_is("BUILDING"),
            _ => b1_is("COMPLETED"),
        })
        .says(THE_JOB, [job("Running", "")]);
    let watcher = Watcher::default();
    script.backups().of(&within(seconds(6000)), dds()).completed(&started(), &watcher).await.unwrap();
    let told = watcher.0.into_inner().unwrap();
    assert_eq!(told[0].1, None);
    assert!(told[1..].iter().all(|(_, status)| *status == Some(Status::Building)), "{told:?}");
    assert!((8..20).contains(&told.len()), "{told:?}");
}
