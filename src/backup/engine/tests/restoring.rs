//! Bringing an instance back: asked for once, after everything was looked at, and awaited to its end.

use std::sync::Mutex;

use super::*;
use crate::backup::{Error, NewRestore, RestoreError, RestorePoint, RestoreStep, Unawaited, Unfit};

const TARGET: &str = "i2";
const ORDER: &str = "POST /v3/{project_id}/instances/recovery";
const THE_TARGET: &str = "GET /v3/{project_id}/instances?id=i2";
const TIMES: &str = "GET /v3/{project_id}/instances/i1/restore-time";

fn wish() -> NewRestore {
    NewRestore {
        source_instance_id: INSTANCE.to_owned(),
        point: RestorePoint::Backup("b1".to_owned()),
        target_instance_id: TARGET.to_owned(),
    }
}

fn moment(text: &str) -> NewRestore {
    NewRestore { point: RestorePoint::Time(text.parse().unwrap()), ..wish() }
}

/// The target, with fields changed.
fn target(changes: &Json) -> Say {
    let plain = json!({ "id": TARGET, "name": "scratch", "status": "normal", "actions": [] });
    Say::Ok(json!({ "instances": [with(plain, changes)] }))
}

fn quiet() -> Say {
    target(&json!({}))
}

fn restoring() -> Say {
    target(&json!({ "status": "RESTORING", "actions": ["RESTORING"] }))
}

/// A cloud in which all is well until the order, which is answered so.
fn cloud(order: Say) -> Script {
    Script::new()
        .says(BY_ID, [b1_is("COMPLETED")])
        .says(ORDER, [order])
        .says(THE_TARGET, [quiet(), restoring(), quiet()])
}

fn accepted() -> Say {
    Say::Ok(json!({ "job_id": "j1" }))
}

async fn restore(script: &Script, context: &Context, want: &NewRestore) -> (Result<(), RestoreError>, Vec<String>) {
    let told = Mutex::new(Vec::new());
    let tell = |step: RestoreStep<'_>| {
        told.lock().unwrap().push(match step {
            RestoreStep::Asked => "asked".to_owned(),
            RestoreStep::Begun { job_id } => format!("begun {job_id}"),
            RestoreStep::Runs { progress, .. } => format!("runs {}", progress.unwrap_or_default()),
            RestoreStep::TargetNotReady { status, .. } => format!("not ready: {status}"),
        });
    };
    let ended = script.backups().of(context, dds()).restore(want, &tell).await;
    (ended, told.into_inner().unwrap())
}

#[tokio::test(start_paused = true)]
async fn it_is_over_when_the_job_has_completed_and_the_target_is_idle() {
    let script = Script::new()
        .says(BY_ID, [b1_is("COMPLETED")])
        .says(ORDER, [accepted()])
        .on(THE_JOB, |_, elapsed| job(if elapsed < seconds(100) { "Running" } else { "Completed" }, ""))
        .on(THE_TARGET, |nth, elapsed| if nth == 0 || elapsed > seconds(200) { quiet() } else { restoring() });
    let (ended, told) = restore(&script, &within(seconds(3600)), &wish()).await;
    ended.unwrap();
    assert!(script.elapsed() > seconds(200) && script.elapsed() < seconds(230), "{:?}", script.elapsed());
    assert_eq!((script.count(ORDER), &told[..3]), (1, &["asked", "begun j1", "runs 40%"].map(str::to_owned)[..]));
    assert_eq!(told.last().map(String::as_str), Some("not ready: RESTORING"));
    assert!(script.calls().len() < 80, "{}", script.calls().len());
}

#[tokio::test(start_paused = true)]
async fn an_order_without_a_usable_answer_is_not_sent_again() {
    for lost in [Say::Lost, Say::No(502, ""), Say::Ok(json!({})), Say::Ok(json!({ "job_id": "" }))] {
        let script = cloud(lost.clone());
        let (ended, told) = restore(&script, &within(seconds(3600)), &wish()).await;
        let Err(RestoreError::Unclear { target: Some(target), .. }) = ended else { panic!("{lost:?}: {ended:?}") };
        assert_eq!((target.status.as_str(), script.count(ORDER)), ("RESTORING", 1), "{lost:?}");
        assert_eq!(told, ["asked"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_or_never_sent_has_changed_nothing() {
    for no in
        [Say::No(403, "DBS.200019"), Say::No(400, "DBS.280001"), Say::Unreachable, Say::IamLost, Say::IamNo(500, "")]
    {
        let script = cloud(no.clone());
        let (ended, _) = restore(&script, &within(seconds(3600)), &wish()).await;
        assert!(matches!(ended, Err(RestoreError::NotBegun(Error::Cloud(_)))), "{no:?}: {ended:?}");
        assert_eq!(script.count(ORDER), 1, "{no:?}");
    }
    let script = cloud(Say::No(404, "APIGW.0101"));
    let (ended, _) = restore(&script, &within(seconds(3600)), &wish()).await;
    assert!(matches!(ended, Err(RestoreError::NotBegun(Error::NotOffered { .. }))), "{ended:?}");
    let script = cloud(accepted());
    let stopped = stopped_after(Duration::ZERO);
    sleep(seconds(1)).await;
    let (ended, _) = restore(&script, &stopped, &wish()).await;
    assert!(matches!(ended, Err(RestoreError::NotBegun(_))), "{ended:?}");
    assert_eq!(script.count(ORDER), 0);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_never_asked_for() {
    let large = || list(&[with(item("b1", "COMPLETED", 0), &json!({ "size": 20 * 1024 * 1024 }))]);
    let engine = |kind: &str| json!({ "type": kind, "version": "4.4" });
    let of_engine = || list(&[with(item("b1", "COMPLETED", 0), &json!({ "datastore": engine("DDS-Community") }))]);
    let of_other = || list(&[with(item("b1", "COMPLETED", 0), &json!({ "instance_id": "i9" }))]);
    let small = || target(&json!({ "groups": [{ "volume": { "size": "10" } }] }));
    let nobody = || Say::Ok(json!({ "instances": [] }));
    for (backup, shown, fits) in [
        (empty(), quiet(), (|unfit| matches!(unfit, Unfit::NoBackup)) as fn(&Unfit) -> bool),
        (b1_is("BUILDING"), quiet(), |unfit| matches!(unfit, Unfit::NotCompleted(_))),
        (b1_is("FAILED"), quiet(), |unfit| matches!(unfit, Unfit::NotCompleted(_))),
        (of_other(), quiet(), |unfit| matches!(unfit, Unfit::OtherSource(_))),
        (b1_is("COMPLETED"), nobody(), |unfit| matches!(unfit, Unfit::NoTarget)),
        (b1_is("COMPLETED"), restoring(), |unfit| matches!(unfit, Unfit::Busy(_))),
        (large(), small(), |unfit| matches!(unfit, Unfit::TooSmall { needed: 20, has: 10 })),
        (of_engine(), self::target(&json!({ "datastore": engine("DDS-Enhanced") })), |unfit| {
            matches!(unfit, Unfit::OtherEngine { .. })
        }),
    ] {
        let script = Script::new()
            .says(BY_ID, [backup.clone()])
            .says(THE_TARGET, [shown.clone()])
            .says("GET /v3/{project_id}/instances?offset=0", [nobody()]);
        let (ended, told) = restore(&script, &within(seconds(3600)), &wish()).await;
        let Err(RestoreError::Unfit(unfit)) = ended else { panic!("{backup:?} {shown:?}: {ended:?}") };
        assert!(told.is_empty(), "nobody is told of an order that is not sent: {told:?}");
        assert!(fits(&unfit), "{unfit:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_moment_must_be_among_those_that_the_service_tells() {
    // 2025-06-03T00:00:00Z to 12:00:00Z.
    let times = json!({ "restore_time": [{ "start_time": 1_748_908_800_000_i64, "end_time": 1_748_952_000_000_i64 }] });
    let script = |told: Say| cloud(accepted()).says(TIMES, [told]).says(THE_JOB, [job("Completed", "")]);
    let inside = script(Say::Ok(times.clone()));
    restore(&inside, &within(seconds(3600)), &moment("2025-06-03T11:00:00Z")).await.0.unwrap();
    assert_eq!(inside.count(&format!("{TIMES}?date=2025-06-03")), 1);
    let outside = script(Say::Ok(times));
    let (ended, _) = restore(&outside, &within(seconds(3600)), &moment("2025-06-03T13:00:00Z")).await;
    assert!(matches!(&ended, Err(RestoreError::Unfit(Unfit::NoSuchTime(spans))) if spans.len() == 1), "{ended:?}");
    assert_eq!(outside.count(ORDER), 0);
    // Where the times are not told, the service is the judge.
    let silent = script(Say::No(404, "APIGW.0101"));
    restore(&silent, &within(seconds(3600)), &moment("2025-06-03T13:00:00Z")).await.0.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failed_job_tells_its_reason() {
    let script = cloud(accepted()).says(THE_JOB, [job("Running", ""), job("Failed", "no space")]);
    let (ended, _) = restore(&script, &within(seconds(3600)), &wish()).await;
    assert!(
        matches!(&ended, Err(RestoreError::Failed { reason: Some(reason), .. }) if reason == "no space"),
        "{ended:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_ends_early_says_that_the_restore_goes_on() {
    let script = || cloud(accepted()).says(THE_JOB, [job("Running", "")]);
    let stopped = script();
    let (ended, _) = restore(&stopped, &stopped_after(seconds(60)), &wish()).await;
    let stop = matches!(&ended, Err(RestoreError::GoesOn { job_id, target_status: None, why: Unawaited::Stopped }) if job_id == "j1");
    assert!(stop && stopped.elapsed() < seconds(61), "{ended:?} after {:?}", stopped.elapsed());
    let (ended, _) = restore(&script(), &within(seconds(60)), &wish()).await;
    assert!(matches!(&ended, Err(RestoreError::GoesOn { why: Unawaited::Deadline(_), .. })), "{ended:?}");
    let forbidden = cloud(accepted()).says(THE_JOB, [Say::No(403, "DBS.200001")]);
    let (ended, _) = restore(&forbidden, &within(seconds(3600)), &wish()).await;
    assert!(matches!(&ended, Err(RestoreError::GoesOn { why: Unawaited::OutOfSight(_), .. })), "{ended:?}");
    // The job is over, and the target never comes to rest.
    let restless = Script::new()
        .says(BY_ID, [b1_is("COMPLETED")])
        .says(ORDER, [accepted()])
        .says(THE_JOB, [job("Completed", "")])
        .says(THE_TARGET, [quiet(), restoring()]);
    let (ended, _) = restore(&restless, &within(seconds(60)), &wish()).await;
    assert!(
        matches!(&ended, Err(RestoreError::GoesOn { target_status: Some(status), why: Unawaited::Deadline(_), .. }) if status == "RESTORING"),
        "{ended:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn trouble_that_passes_disturbs_no_wait() {
    let script = Script::new()
        .says(BY_ID, [b1_is("COMPLETED")])
        .says(ORDER, [accepted()])
        .says(
            THE_JOB,
            [
                Say::No(400, "DBS.200543"),
                Say::No(503, ""),
                Say::Lost,
                Say::Ok(json!({})),
                job("Running", ""),
                job("Completed", ""),
            ],
        )
        .says(THE_TARGET, [quiet(), Say::Lost, restoring(), quiet()]);
    restore(&script, &within(seconds(3600)), &wish()).await.0.unwrap();
    assert_eq!((script.count(ORDER), script.count(THE_JOB)), (1, 6));
    // Trouble that does not pass is told when the time is over.
    let unwell = cloud(accepted()).says(THE_JOB, [Say::No(503, "")]);
    let (ended, _) = restore(&unwell, &within(seconds(60)), &wish()).await;
    assert!(matches!(&ended, Err(RestoreError::GoesOn { why: Unawaited::Deadline(Some(_)), .. })), "{ended:?}");
    assert!(unwell.elapsed() >= seconds(60), "{:?}", unwell.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_not_listed_takes_nothing() {
    const THE_LIST: &str = "GET /v3/{project_id}/backups/b1/restorable-instances";
    let rows = |ids: &[&str]| {
        let rows = ids.iter().map(|id| json!({ "instance_id": id })).collect::<Vec<_>>();
        Say::Ok(json!({ "restorable_instances": rows, "total_count": ids.len() }))
    };
    for (listed, goes) in [(rows(&["i1", "i2"]), true), (rows(&["i1"]), false), (Say::No(404, "APIGW.0101"), true)] {
        let script = Script::new()
            .says("GET /v4/{project_id}/backups?", [b1_is("COMPLETED")])
            .says(THE_LIST, [listed.clone()])
            .says(THE_TARGET, [quiet()])
            .says("POST /v3/{project_id}/instances/i2/recovery", [accepted()])
            .says(
                "GET /v3/{project_id}/jobs?id=j1",
                [Say::Ok(json!({ "jobs": [{ "id": "j1", "status": "Completed" }] }))],
            );
        let ended = script.backups().of(&within(seconds(600)), service("geminidb")).restore(&wish(), &|_| ()).await;
        match ended {
            Ok(()) => assert!(goes, "{listed:?}"),
            Err(RestoreError::Unfit(Unfit::NotListed)) => assert!(!goes && script.count("POST") == 0, "{listed:?}"),
            Err(error) => panic!("{listed:?}: {error:?}"),
        }
    }
}

/// Not every backup tells the mode of its instance: then the source is asked, unless the service itself lists the target.
#[tokio::test(start_paused = true)]
async fn data_fit_into_an_instance_of_their_own_mode() {
    const THE_LIST: &str = "GET /v3/{project_id}/restorable-instances";
    let instance =
        |id: &str, mode: &str| Say::Ok(json!({ "instances": [{ "id": id, "status": "ACTIVE", "type": mode }] }));
    let listed = |ids: &[&str]| {
        let rows = ids.iter().map(|id| json!({ "instance_id": id })).collect::<Vec<_>>();
        Say::Ok(json!({ "instances": rows, "total_count": ids.len() }))
    };
    let not_offered = || Say::No(404, "APIGW.0101");
    for (list, source, fits) in [
        (listed(&["i2"]), "Enterprise", None),
        (listed(&["i7"]), "Enterprise", Some("other mode")),
        (listed(&["i7"]), "Ha", Some("not listed")),
        (not_offered(), "Enterprise", Some("other mode")),
        (not_offered(), "Ha", None),
    ] {
        let script = Script::new()
            .says("GET /v3.1/{project_id}/backups?", [b1_is("COMPLETED")])
            .says(THE_LIST, [list.clone()])
            .says("GET /v3/{project_id}/instances?id=i1", [instance("i1", source)])
            .says(THE_TARGET, [instance(TARGET, "Ha")])
            .says(ORDER, [accepted()])
            .says(THE_JOB, [job("Completed", "")]);
        let ended = script.backups().of(&within(seconds(600)), service("gaussdb")).restore(&wish(), &|_| ()).await;
        let said = match &ended {
            Ok(()) => None,
            Err(RestoreError::Unfit(Unfit::OtherMode { .. })) => Some("other mode"),
            Err(RestoreError::Unfit(Unfit::NotListed)) => Some("not listed"),
            Err(error) => panic!("{list:?} {source}: {error:?}"),
        };
        assert_eq!((said, script.count(ORDER)), (fits, usize::from(fits.is_none())), "{list:?} {source}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_replica_takes_nothing() {
    let replica = json!({ "instances": [{ "id": TARGET, "status": "ACTIVE", "type": "Replica" }] });
    let script =
        Script::new().says("GET /v3/{project_id}/backups?", [b1_is("COMPLETED")]).says(THE_TARGET, [Say::Ok(replica)]);
    let ended = script.backups().of(&within(seconds(600)), service("rds")).restore(&wish(), &|_| ()).await;
    assert!(matches!(&ended, Err(RestoreError::Unfit(Unfit::Replica))), "{ended:?}");
    assert_eq!(script.count("POST"), 0);
}

/// A list that is cut off must not pass for the whole.
#[tokio::test(start_paused = true)]
async fn times_end_where_the_service_says_so() {
    const PERIODS: &str = "GET /v3/{project_id}/instances/i1/backups/restorable-time-periods";
    let page = |from: u64, count: u64, total: Option<u64>| {
        let rows = (from..from + count).map(|nth| json!({ "start_time": nth * 60_000, "end_time": nth * 60_000 }));
        let mut body = json!({ "restorable_time_periods": rows.collect::<Vec<_>>() });
        if let Some(total) = total {
            body["total_count"] = json!(total);
        }
        Say::Ok(body)
    };
    let offset = |call: &str| {
        let text = call.split("offset=").nth(1).unwrap_or_default().split('&').next().unwrap_or_default();
        text.parse::<u64>().unwrap()
    };
    let day = "1970-01-01".parse().unwrap();
    for (what, total, (rows, per_page), repeats, expected) in [
        ("three pages", Some(2500), (2500, 1000), false, Some(2500)),
        ("three pages without a total", None, (2500, 1000), false, Some(2500)),
        ("one page that always comes", None, (1000, 1000), true, Some(1000)),
        ("less than is promised", Some(2500), (2000, 1000), false, None),
        ("one page again and again", Some(2500), (1000, 1000), true, None),
        ("no end", Some(u64::MAX), (u64::MAX, 1), false, None),
    ] {
        let script = Script::new().heard(PERIODS, move |call| {
            let from = if repeats { 0 } else { offset(call) };
            page(from, per_page.min(rows - from), total)
        });
        let context = within(seconds(3600));
        let times = script.backups().of(&context, service("geminidb")).restore_times(INSTANCE, (day, day)).await;
        match (times, expected) {
            (Ok(spans), Some(count)) => assert_eq!(spans.len(), count, "{what}"),
            (Err(Error::Cloud(cloud::Error::Misread { reason, .. })), None) => {
                assert!(reason.starts_with("the list of times breaks off after"), "{what}: {reason}");
            }
            (other, _) => panic!("{what}: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn times_of_many_days_are_one_list() {
    let day = 86_400_000_i64;
    let begin = 1_748_908_800_000_i64;
    let script = Script::new().heard(TIMES, move |call| {
        let nth = i64::from(call.contains("date=2025-06-04"));
        let start = begin + nth * day;
        Say::Ok(json!({ "restore_time": [{ "start_time": start, "end_time": start + day - 1 }] }))
    });
    let days = ("2025-06-03".parse().unwrap(), "2025-06-04".parse().unwrap());
    let spans = script.backups().of(&within(seconds(60)), dds()).restore_times(INSTANCE, days).await.unwrap();
    let spans = spans.iter().map(|span| format!("{} {}", span.start, span.end)).collect::<Vec<_>>();
    assert_eq!(spans, ["2025-06-03T00:00:00Z 2025-06-04T23:59:59.999Z"]);
}
