//! Creates: exactly one backup, whatever happens to the answer.

use super::*;
use crate::backup::{Certainty, Error, Progress, Started, Status};

/// A refusal that says "something else runs on the instance".
const BUSY: Say = Say::No(403, "DBS.200019");
const TAKEN: Say = Say::No(400, "DBS.201201");

async fn begin(script: &Script, context: &Context) -> Result<Started, Error> {
    script.backups().of(context, dds()).begin(&want("nightly")).await
}

/// With a name that others may have too.
async fn begin_fixed(script: &Script, context: &Context) -> Result<Started, Error> {
    script.backups().of(context, dds()).begin(&fixed("nightly")).await
}

fn fixed(name: &str) -> NewBackup {
    NewBackup { name_origin: NameOrigin::Fixed, ..want(name) }
}

fn id(started: Result<Started, Error>) -> String {
    started.expect("a backup was begun").backup_id
}

#[tokio::test(start_paused = true)]
async fn one_create_one_call() {
    let script = Script::new().says(POST, [begun("b1")]);
    let started = begin(&script, &within(seconds(60))).await.unwrap();
    assert_eq!((started.backup().id, started.certainty), (b1().id, Certainty::Answered));
    assert_eq!(started.job_id.as_deref(), Some("j1"));
    assert_eq!(script.calls(), [POST]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_create_that_arrived_is_adopted() {
    for lost in [
        Say::Lost,
        Say::No(500, ""),
        Say::No(504, ""),
        Say::Ok(Json::Null),
        Say::Ok(json!({ "job_id": "j1" })),
        Say::Ok(json!("<html>")),
    ] {
        // It is listed a moment later; an older one has the name too, and others have other names or types.
        let older = item("old", "COMPLETED", -600);
        let other = with(item("other", "BUILDING", 1), &json!({ "name": "nightly2" }));
        let auto = with(item("auto", "COMPLETED", 1), &json!({ "type": "Auto" }));
        let before = list(&[auto.clone(), other.clone(), older.clone()]);
        let script = Script::new()
            .says(POST, [lost.clone()])
            .says(OF_INSTANCE, [before.clone(), before, list(&[item("b1", "BUILDING", 0), auto, other, older])]);
        let started = begin_fixed(&script, &within(seconds(60))).await.unwrap();
        assert_eq!((&*started.backup_id, started.certainty), ("b1", Certainty::Compared), "{lost:?}");
        assert_eq!(started.begin, Some(EPOCH.parse().unwrap()));
        assert_eq!(script.count(POST), 1, "{lost:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_create_that_did_not_arrive_is_sent_again() {
    let older = list(&[item("old", "COMPLETED", -600)]);
    let script = Script::new().says(POST, [Say::Lost, begun("b1")]).says(OF_INSTANCE, [older]);
    let started = begin_fixed(&script, &within(seconds(60))).await.unwrap();
    assert_eq!((&*started.backup_id, started.certainty), ("b1", Certainty::AnsweredLater));
    assert_eq!(script.count(POST), 2);
    assert!(script.count(OF_INSTANCE) >= 2, "its absence is confirmed");
    let times = script.times(POST);
    assert!(times[1] >= times[0] + seconds(3), "lists lag behind: {times:?}");
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_run_has_begun_keeps_the_instance_busy_until_a_list_shows_it() {
    let script = Script::new()
        .says(POST, [BUSY])
        .says(OF_INSTANCE, [empty(), empty(), empty(), list(&[item("b1", "BUILDING", 0)])])
        .says(THE_INSTANCE, [instance(&["BACKUP"])]);
    let want = NewBackup { name_origin: NameOrigin::Kept, ..want("nightly") };
    let started = script.backups().of(&within(seconds(60)), dds()).begin(&want).await.unwrap();
    assert_eq!((&*started.backup_id, started.certainty), ("b1", Certainty::Named));
    assert_eq!(script.count(POST), 1);
}

#[tokio::test(start_paused = true)]
async fn a_create_is_not_sent_for_ever() {
    let script = Script::new().says(POST, [Say::Lost]).says(OF_INSTANCE, [empty()]);
    let error = begin(&script, &within(seconds(600))).await.unwrap_err();
    assert!(matches!(&error, Error::Unclear { candidates, .. } if candidates.is_empty()), "{error:?}");
    assert_eq!(script.count(POST), 3);
    assert!(script.calls().last().unwrap().starts_with("GET"));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_is_not_searched() {
    let script = Script::new().says(POST, [Say::Unreachable]);
    let error = begin(&script, &within(seconds(60))).await.unwrap_err();
    assert!(matches!(error, Error::Cloud(cloud::Error::Unanswered { .. })), "{error:?}");
    assert_eq!(script.calls(), [POST]);
}

#[tokio::test(start_paused = true)]
async fn trouble_with_iam_is_no_lost_create() {
    for say in [Say::IamLost, Say::IamNo(500, ""), Say::IamNo(401, ""), Say::IamNo(404, "APIGW.0101")] {
        let script = Script::new().says(POST, [say]);
        let error = begin(&script, &within(seconds(60))).await.unwrap_err();
        assert!(matches!(error, Error::Cloud(_)), "{error:?}");
        assert_eq!(script.calls(), [POST]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_names_what_was_there_before_is_another_ones() {
    let before = list(&[with(item("b1", "COMPLETED", -3600), &json!({ "name": "nightly" }))]);
    let script = Script::new().says(POST, [begun("b1")]).says(OF_INSTANCE, [before]);
    let error = begin_fixed(&script, &within(seconds(60))).await.unwrap_err();
    let Error::OtherAnswer { answer } = error else { panic!("{error:?}") };
    assert_eq!((&*answer.backup_id, answer.named_before.as_deref()), ("b1", Some(&["b1".to_owned()][..])));
}

#[tokio::test(start_paused = true)]
async fn what_something_on_the_way_refuses_may_have_arrived() {
    for (status, code) in [(302, ""), (400, ""), (403, ""), (404, ""), (408, "DBS.1"), (499, "DBS.1")] {
        let script = Script::new().says(POST, [Say::No(status, code)]).says(OF_INSTANCE, [empty(), b1_is("BUILDING")]);
        let started = begin(&script, &within(seconds(60))).await.unwrap();
        assert_eq!((&*started.backup_id, started.certainty), ("b1", Certainty::Named), "{status}");
        let script = Script::new().says(POST, [Say::No(status, code)]).says(OF_INSTANCE, [empty()]);
        let error = begin(&script, &within(seconds(60))).await.unwrap_err();
        assert!(matches!(&error, Error::Unclear { candidates, .. } if candidates.is_empty()), "{status}: {error:?}");
        assert_eq!(script.count(POST), 1, "{status}: it would say the same again");
    }
    // The cloud's own word is one, and so is that nobody was let through.
    for (status, code) in [(400, "DBS.1"), (401, "")] {
        let script = Script::new().says(POST, [Say::No(status, code)]);
        assert!(matches!(begin(&script, &within(seconds(60))).await, Err(Error::Cloud(_))), "{status}");
        assert_eq!(script.calls(), [POST], "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_refuses_a_create_after_a_lost_one_is_told() {
    for refusal in [TAKEN, Say::No(403, "DBS.200000")] {
        let script = Script::new().says(POST, [Say::Lost, refusal]).says(OF_INSTANCE, [empty()]);
        let error = begin(&script, &within(seconds(20))).await.unwrap_err();
        assert!(matches!(&error, Error::Unclear { again: Some(_), .. }), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn twins_are_looked_for_a_little_longer_than_the_operation_takes() {
    let script = Script::new().says(OF_INSTANCE, [b1_is("BUILDING")]);
    let named = |context: Context| {
        let script = &script;
        async move { script.backups().of(&context, dds()).named(&want("nightly")).await.map(|found| found.len()).ok() }
    };
    assert_eq!(named(within(Duration::ZERO)).await, Some(1));
    assert_eq!(named(stopped_after(Duration::ZERO)).await, Some(1));
}

#[tokio::test(start_paused = true)]
async fn several_candidates_are_named() {
    let both = list(&[item("b2", "BUILDING", 1), item("b1", "FAILED", 0)]);
    let script = Script::new().says(POST, [Say::Lost]).says(OF_INSTANCE, [empty(), both]);
    let Err(Error::Unclear { candidates, .. }) = begin_fixed(&script, &within(seconds(60))).await else { panic!() };
    assert_eq!(ids(&candidates), ["b2", "b1"]);
    assert_eq!(script.count(POST), 1);
}

#[tokio::test(start_paused = true)]
async fn a_random_name_is_ours_whatever_clocks_say() {
    let undated = with(item("b1", "BUILDING", 0), &json!({ "begin_time": null }));
    for (what, say) in [
        ("no Date header", Say::Dateless(json!({ "backups": [item("b1", "BUILDING", 0)] }))),
        ("no begin time", list(&[undated])),
        ("a clock that is slow", list(&[item("b1", "BUILDING", -3600)])),
        ("a clock that is fast", list(&[item("b1", "BUILDING", 3600)])),
    ] {
        let script = Script::new().says(POST, [Say::Lost]).says(OF_INSTANCE, [say]);
        let started = begin(&script, &within(seconds(60))).await.unwrap();
        assert_eq!((&*started.backup_id, started.certainty), ("b1", Certainty::Named), "{what}");
        assert_eq!(script.count(POST), 1, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fixed_name_is_not_ours_for_its_name_alone() {
    let theirs = with(item("b1", "BUILDING", 0), &json!({ "description": "of team b" }));
    // Another team's, begun in between, or our own, whose description the service has changed.
    let script =
        Script::new().says(POST, [Say::Lost, TAKEN]).says(OF_INSTANCE, [empty(), list(std::slice::from_ref(&theirs))]);
    let Err(Error::Unclear { candidates, .. }) = begin_fixed(&script, &within(seconds(60))).await else { panic!() };
    assert_eq!(ids(&candidates), ["b1"]);
    // Nobody saw what was there before: it may be anybody's.
    let script =
        Script::new().says(POST, [Say::Lost]).says(OF_INSTANCE, [Say::No(500, ""), list(&[item("b1", "BUILDING", 0)])]);
    let Err(Error::Unclear { candidates, .. }) = begin_fixed(&script, &within(seconds(60))).await else { panic!() };
    assert_eq!(ids(&candidates), ["b1"]);
    // RDS does not tell descriptions, so that nothing can be compared.
    let lists = "GET /v3/{project_id}/backups?instance_id=i1&backup_type=manual";
    let rds = with(item("b1", "BUILDING", 0), &json!({ "type": "manual" }));
    let script = Script::new().says(POST, [Say::Lost]).says(lists, [empty(), list(&[rds])]);
    let begun = script.backups().of(&within(seconds(60)), service("rds")).begin(&fixed("nightly")).await;
    let Err(Error::Unclear { candidates, .. }) = begun else { panic!("{begun:?}") };
    assert_eq!(ids(&candidates), ["b1"]);
}

#[tokio::test(start_paused = true)]
async fn lists_may_lag_far_behind_a_lost_create() {
    for lag in [9, 25, 75].map(seconds) {
        let script = Script::new()
            .says(POST, [Say::Lost, TAKEN])
            .on(OF_INSTANCE, move |_, elapsed| if elapsed < lag { empty() } else { b1_is("BUILDING") });
        assert_eq!(id(begin(&script, &within(seconds(600))).await), "b1");
        let script = Script::new()
            .says(POST, [Say::Lost, TAKEN])
            .says("GET /v3/{project_id}/backups?backup_type=Manual", [empty()])
            .on(OF_INSTANCE, move |_, elapsed| if elapsed < lag { empty() } else { b1_is("BUILDING") });
        assert_eq!(id(begin_fixed(&script, &within(seconds(600))).await), "b1");
        assert_eq!(script.count(POST), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_with_another_backup_is_an_error() {
    for (instance_id, name) in [("i2", "nightly"), ("i1", "weekly")] {
        let answer = Say::Ok(json!({ "backup": { "id": "b7", "instance_id": instance_id, "name": name } }));
        let script = Script::new().says("POST", [answer]);
        let begun = script.backups().of(&within(seconds(60)), service("rds")).begin(&want("nightly")).await;
        let Err(Error::OtherAnswer { answer }) = begun else { panic!("{begun:?}") };
        assert_eq!(answer.backup_id, "b7");
        assert_eq!(script.calls().len(), 1, "nothing is done to it");
    }
}

#[tokio::test(start_paused = true)]
async fn a_search_survives_passing_trouble() {
    let script = Script::new()
        .says(POST, [Say::Lost])
        .says(OF_INSTANCE, [Say::No(503, ""), Say::Lost, Say::Ok(Json::Null), b1_is("BUILDING")]);
    assert_eq!(id(begin(&script, &within(seconds(60))).await), "b1");
    assert_eq!(script.count(POST), 1);
}

#[tokio::test(start_paused = true)]
async fn a_search_that_is_refused_leaves_it_unclear() {
    for say in [Say::No(403, "DBS.280063"), Say::Lost] {
        let script = Script::new().says(POST, [Say::Lost]).says(OF_INSTANCE, [say]);
        let Err(Error::Unclear { candidates, .. }) = begin(&script, &within(seconds(60))).await else { panic!() };
        assert_eq!(ids(&candidates), [""; 0]);
        assert_eq!(script.count(POST), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_create_the_name_may_be_taken_by_ourselves() {
    // It came to be seen only after it was sent again.
    let script = Script::new()
        .says(POST, [Say::Lost, TAKEN])
        .on(OF_INSTANCE, |_, elapsed| if elapsed < seconds(4) { empty() } else { b1_is("BUILDING") });
    assert_eq!(id(begin(&script, &within(seconds(60))).await), "b1");
    assert_eq!(script.count(POST), 2);
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_create_the_instance_may_be_busy_with_our_own() {
    // It comes to be seen late: at once, and long before it ends.
    for seen_after in [4, 30].map(seconds) {
        let script = Script::new()
            .says(POST, [Say::Lost, BUSY])
            .on(OF_INSTANCE, move |_, elapsed| if elapsed < seen_after { empty() } else { b1_is("BUILDING") })
            .says(THE_INSTANCE, [instance(&["BACKUP"])]);
        assert_eq!(id(begin(&script, &within(seconds(60))).await), "b1");
        assert_eq!(script.count(POST), 2);
        assert!(script.elapsed() < seen_after + seconds(4), "{:?}", script.elapsed());
    }
    // Stopped meanwhile, it is not clear whose the running backup is.
    let script = Script::new()
        .says(POST, [Say::Lost, BUSY])
        .says(OF_INSTANCE, [empty()])
        .says(THE_INSTANCE, [instance(&["BACKUP"])]);
    let error = begin(&script, &stopped_after(seconds(30))).await.unwrap_err();
    assert!(matches!(error, Error::Unclear { .. }), "{error:?}");
    assert!(script.elapsed() < seconds(32), "{:?}", script.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_taken_name_tells_who_has_it() {
    let script = Script::new().says(POST, [TAKEN]).says(OF_INSTANCE, [list(&[item("b0", "COMPLETED", -90)])]);
    let Err(Error::NameTaken { existing: Some(existing), .. }) = begin_fixed(&script, &within(seconds(60))).await
    else {
        panic!()
    };
    assert_eq!(existing.id, "b0");
    assert_eq!(script.count(POST), 1);

    // Also where the time is over before it is clear that this run does not free it.
    let script = Script::new().says(POST, [TAKEN]).says(OF_INSTANCE, [list(&[item("b0", "COMPLETED", -90)])]);
    let Err(Error::NameTaken { existing: Some(existing), .. }) = begin_fixed(&script, &within(seconds(1))).await else {
        panic!()
    };
    assert_eq!(existing.id, "b0");

    // And where it is over before anybody looks who has the name.
    let late = Say::Late(seconds(2), Box::new(TAKEN));
    let script = Script::new().says(POST, [late]).says(OF_INSTANCE, [list(&[item("b0", "COMPLETED", -90)])]);
    let Err(Error::NameTaken { existing: Some(existing), .. }) = begin_fixed(&script, &within(seconds(1))).await else {
        panic!()
    };
    assert_eq!(existing.id, "b0");

    // On another instance of the project.
    let elsewhere = with(item("b9", "COMPLETED", -90), &json!({ "instance_id": "i9" }));
    let script = Script::new()
        .says(POST, [TAKEN])
        .says(OF_INSTANCE, [empty()])
        .says("GET /v3/{project_id}/backups?backup_type=Manual", [list(&[elsewhere])]);
    let Err(Error::NameTaken { existing: Some(existing), .. }) = begin_fixed(&script, &within(seconds(60))).await
    else {
        panic!()
    };
    assert_eq!((&*existing.id, &*existing.instance_id), ("b9", "i9"));

    // Not to be found.
    let script = Script::new().says(POST, [TAKEN]).says("GET", [Say::No(500, "")]);
    let error = begin_fixed(&script, &within(seconds(60))).await.unwrap_err();
    assert!(matches!(error, Error::NameTaken { existing: None, .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_somebody_had_before_is_taken_also_after_a_lost_answer() {
    let (before, elsewhere) =
        (item("b7", "COMPLETED", -90), with(item("b0", "COMPLETED", 0), &json!({ "instance_id": "i9" })));
    let script = Script::new().says(POST, [Say::Lost, TAKEN]).says(OF_INSTANCE, [list(&[before])]);
    let Err(Error::NameTaken { existing: Some(existing), .. }) = begin_fixed(&script, &within(seconds(60))).await
    else {
        panic!()
    };
    assert_eq!(existing.id, "b7");
    let script = Script::new()
        .says(POST, [Say::Lost, TAKEN])
        .says(OF_INSTANCE, [empty()])
        .says("GET /v3/{project_id}/backups?backup_type=Manual", [list(&[elsewhere])]);
    let error = begin_fixed(&script, &within(seconds(60))).await.unwrap_err();
    assert!(matches!(error, Error::NameTaken { existing: Some(_), .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_this_run_frees_is_awaited() {
    let freed_after = seconds(6);
    for (what, answer) in [("the name is taken", TAKEN), ("the instance is busy with it", BUSY)] {
        let status = if what.contains("busy") { "BUILDING" } else { "COMPLETED" };
        let script = Script::new()
            .on(POST, move |_, elapsed| if elapsed < freed_after { answer.clone() } else { begun("b1") })
            .says(OF_INSTANCE, [list(&[item("b0", status, -90)])]);
        let backups = script.backups();
        let (context, want) = (within(seconds(60)), fixed("nightly"));
        // The host begins the deletion a little later.
        let deletion = async {
            tokio::time::sleep(seconds(1)).await;
            let _deleting = backups.claims().deleting("b0");
            tokio::time::sleep(freed_after).await;
        };
        let (started, ()) = tokio::join!(backups.of(&context, dds()).begin(&want), deletion);
        assert_eq!(id(started), "b1", "{what}");
        assert_eq!(script.count(POST), 2, "{what}");
    }
    // It is gone before anybody looks who has the name.
    let backups = std::sync::Arc::new(std::sync::OnceLock::<Backups>::new());
    let freed = std::sync::Arc::clone(&backups);
    let script = Script::new()
        .on(POST, move |nth, _| {
            if nth > 0 {
                return begun("b1");
            }
            drop(freed.get().expect("it was made").claims().deleting("b0"));
            TAKEN
        })
        .says(OF_INSTANCE, [empty()])
        .says("GET /v3/{project_id}/backups?backup_type=Manual", [empty()]);
    let backups = backups.get_or_init(|| script.backups());
    let started = backups.of(&within(seconds(60)), dds()).begin(&fixed("nightly")).await;
    assert_eq!((id(started), script.count(POST)), ("b1".to_owned(), 2));
}

#[tokio::test(start_paused = true)]
async fn a_name_of_a_plan_that_was_applied_before_is_not_taken_over() {
    let planned = NewBackup { name_origin: NameOrigin::Planned, ..want("nightly") };
    let begin = async |script: &Script| script.backups().of(&within(seconds(60)), service("dds")).begin(&planned).await;
    let old = list(&[item("b0", "COMPLETED", -90)]);
    // Whether or not the answer to the first request was lost.
    for answers in [vec![TAKEN], vec![Say::Lost, TAKEN]] {
        let script = Script::new().says(POST, answers).says(OF_INSTANCE, [old.clone()]);
        let Err(Error::NameTaken { existing: Some(existing), .. }) = begin(&script).await else { panic!() };
        assert_eq!(existing.id, "b0");
    }
    // What was not there before is ours, as with any random name.
    let script = Script::new().says(POST, [TAKEN]).says(OF_INSTANCE, [empty(), b1_is("BUILDING")]);
    assert_eq!(id(begin(&script).await), "b1");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_final() {
    for say in [Say::No(400, "DBS.280127"), Say::No(404, "DBS.200002"), Say::No(403, "DBS.280063"), Say::No(401, "")] {
        let script = Script::new().says(POST, [say]);
        let error = begin(&script, &within(seconds(60))).await.unwrap_err();
        assert!(matches!(error, Error::Cloud(cloud::Error::Refused { .. })), "{error:?}");
        assert_eq!(script.calls(), [POST]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_instance_is_awaited() {
    let other = with(item("b0", "BUILDING", -5), &json!({ "name": "weekly" }));
    let idle_after = seconds(100);
    let script = Script::new()
        .on(POST, move |_, elapsed| if elapsed < idle_after { BUSY } else { begun("b1") })
        .says(OF_INSTANCE, [list(&[other])])
        .on(THE_INSTANCE, move |_, elapsed| instance(if elapsed < idle_after { &["BACKUP"] } else { &[] }));
    assert_eq!(id(begin(&script, &within(seconds(3600))).await), "b1");
    assert!(script.elapsed() < seconds(110), "{:?}", script.elapsed());
    assert!(script.count(POST) <= 4, "{:?}", script.times(POST));
    assert!(script.count(THE_INSTANCE) < 80, "{}", script.count(THE_INSTANCE));
}

#[tokio::test(start_paused = true)]
async fn a_status_that_never_gets_idle_does_not_stop_us() {
    let script = Script::new()
        .on(POST, |_, elapsed| if elapsed < seconds(30) { BUSY } else { begun("b1") })
        .says(OF_INSTANCE, [empty()])
        .says(THE_INSTANCE, [Say::Ok(json!({ "instances": [{ "id": INSTANCE, "status": "abnormal" }] }))]);
    assert_eq!(id(begin(&script, &within(seconds(3600))).await), "b1");
    assert!(script.elapsed() < seconds(90), "{:?}", script.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_idle_instance_that_refuses_is_asked_with_pauses() {
    let script = Script::new().says(POST, [BUSY]).says(OF_INSTANCE, [empty()]).says(THE_INSTANCE, [instance(&[])]);
    let error = begin(&script, &within(seconds(3600))).await.unwrap_err();
    assert!(matches!(error, Error::Busy { running: None, .. }), "{error:?}");
    assert!(script.count(POST) < 400, "{}", script.count(POST));
}

#[tokio::test(start_paused = true)]
async fn busy_until_the_deadline() {
    let other = with(item("b0", "BUILDING", -5), &json!({ "name": "weekly" }));
    let script = Script::new()
        .says(POST, [BUSY])
        .says(OF_INSTANCE, [list(&[other])])
        .says(THE_INSTANCE, [instance(&["BACKUP"])]);
    let Err(Error::Busy { running: Some(running), is_this_runs: false, cause }) =
        begin(&script, &within(seconds(90))).await
    else {
        panic!()
    };
    assert_eq!(running.id, "b0");
    assert_eq!(cause.refusal().map(|refusal| &*refusal.code), Some("DBS.200019"), "what the cloud said, not the clock");
    assert!(script.elapsed() < seconds(91), "{:?}", script.elapsed());
}

/// Notes what keeps the instance busy, and whether it is this run's.
#[derive(Default)]
struct Met(Mutex<Vec<(String, bool)>>);

impl Progress for Met {
    fn busy(&self, running: Option<&Backup>, is_this_runs: bool) {
        self.0.lock().unwrap().extend(running.map(|running| (running.id.clone(), is_this_runs)));
    }

    fn seen(&self, _: Duration, _: Option<&Status>) {}
}

#[tokio::test(start_paused = true)]
async fn what_this_run_asked_for_or_manages_is_nothing_to_take_over() {
    let named = |id: &str, name: &str| with(item(id, "BUILDING", 0), &json!({ "name": name }));
    // What the first create is answered, what is listed while the second one waits, and whether it is this run's.
    for (what, first, runs, is_this_runs) in [
        ("a sibling", begun("b1"), named("b1", "first"), true),
        ("a sibling under another name", begun("b1"), named("b1", "first..."), true),
        ("a sibling whose answer was lost", Say::Lost, named("b1", "first"), true),
        ("one that this run has in a state", begun("b1"), named("b2", "older"), true),
        ("one that this run has forgotten", begun("b1"), named("b3", "older"), true),
        ("anybody's", begun("b1"), named("b9", "older"), false),
    ] {
        let lost = matches!(first, Say::Lost);
        let is_second = Arc::new(std::sync::atomic::AtomicBool::default());
        let is_listed = Arc::clone(&is_second);
        let script = Script::new()
            .on(POST, move |nth, _| {
                is_second.store(nth > 0, std::sync::atomic::Ordering::Relaxed);
                if nth == 0 { first.clone() } else { BUSY }
            })
            // Too late for the create that was lost.
            .on(OF_INSTANCE, move |_, _| {
                if is_listed.load(std::sync::atomic::Ordering::Relaxed) {
                    list(std::slice::from_ref(&runs))
                } else {
                    empty()
                }
            })
            .says(THE_INSTANCE, [instance(&["BACKUP"])]);
        let backups = script.backups();
        backups.claims().manage("b2");
        backups.claims().manage("b3");
        backups.claims().release("b3");
        let begun = backups.of(&within(seconds(2)), dds()).begin(&want("first")).await;
        assert_eq!(begun.is_err(), lost, "{what}: {begun:?}");
        let met = Met::default();
        let second = backups.of(&within(seconds(60)), dds()).begin_telling(&want("second"), &met).await;
        let [(_, told)] = &met.0.into_inner().unwrap()[..] else { panic!("{what}: it is told once") };
        assert_eq!(*told, is_this_runs, "{what}");
        let Err(Error::Busy { running: Some(_), is_this_runs: told, .. }) = second else {
            panic!("{what}: {second:?}")
        };
        assert_eq!(told, is_this_runs, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_running_twin_of_an_earlier_run_is_not_doubled() {
    let script = Script::new().says(POST, [BUSY]).says(OF_INSTANCE, [list(&[item("b0", "BUILDING", -5)])]);
    let Err(Error::NameTaken { existing: Some(existing), .. }) = begin(&script, &within(seconds(90))).await else {
        panic!()
    };
    assert_eq!(existing.id, "b0");
    assert!(script.elapsed() < seconds(3), "no use waiting for what this run does not delete");
}

#[tokio::test(start_paused = true)]
async fn where_several_may_have_one_name_a_running_one_is_awaited() {
    let script = Script::new()
        .says(
            "POST /v3/{project_id}/backups/create",
            [Say::No(409, "DBS.201205"), Say::Ok(json!({ "backup": { "id": "b1" } }))],
        )
        .says("GET /v3/{project_id}/backups?instance_id=i1&backup_type=manual", [list(&[item("b0", "BUILDING", -5)])])
        .says(THE_INSTANCE, [Say::Ok(json!({ "instances": [{ "id": INSTANCE, "status": "ACTIVE" }] }))]);
    let met = Met::default();
    let begun =
        script.backups().of(&within(seconds(90)), service("taurusdb")).begin_telling(&want("nightly"), &met).await;
    assert_eq!(begun.unwrap().backup_id, "b1");
    assert!(matches!(&met.0.into_inner().unwrap()[..], [(_, false)]), "it is told");
}

#[tokio::test(start_paused = true)]
async fn our_own_backup_of_that_name_is_awaited() {
    // TaurusDB lets two backups have one name.
    let post = "POST /v3/{project_id}/backups/create";
    let body = |id: &str| Say::Ok(json!({ "backup": { "id": id } }));
    let script = Script::new()
        .says(post, [body("b1"), Say::No(409, "DBS.201205"), body("b2")])
        .says("GET /v3/{project_id}/backups?instance_id=i1&backup_type=manual", [list(&[item("b1", "BUILDING", 0)])])
        .says(THE_INSTANCE, [Say::Ok(json!({ "instances": [{ "id": INSTANCE, "status": "ACTIVE" }] }))]);
    let (backups, context) = (script.backups(), within(seconds(90)));
    let first = backups.of(&context, service("taurusdb")).begin(&want("nightly")).await.unwrap();
    let second = backups.of(&context, service("taurusdb")).begin(&want("nightly")).await.unwrap();
    assert_eq!((&*first.backup_id, &*second.backup_id), ("b1", "b2"));
}

#[tokio::test(start_paused = true)]
async fn a_lost_create_does_not_adopt_what_we_began_before() {
    let post = "POST /v3/{project_id}/backups/create";
    let script = Script::new().says(post, [Say::Ok(json!({ "backup": { "id": "b1" } })), Say::Lost]).says(
        "GET /v3/{project_id}/backups?instance_id=i1&backup_type=manual",
        [list(&[item("b1", "COMPLETED", 0)]), list(&[item("b2", "BUILDING", 0), item("b1", "COMPLETED", 0)])],
    );
    let (backups, context) = (script.backups(), within(seconds(90)));
    backups.of(&context, service("taurusdb")).begin(&want("nightly")).await.unwrap();
    let second = backups.of(&context, service("taurusdb")).begin(&want("nightly")).await.unwrap();
    assert_eq!(second.backup_id, "b2");
    assert_eq!(script.count(post), 2);
}

#[tokio::test(start_paused = true)]
async fn creates_on_one_instance_take_turns_in_order() {
    let script = Script::new().on(POST, |nth, _| Say::Late(seconds(10), Box::new(begun(&format!("b{nth}")))));
    let backups = script.backups();
    let elsewhere = NewBackup { instance_id: "i2".to_owned(), ..want("other") };
    let context = within(seconds(600));
    let mut running = Vec::new();
    for name in ["first", "second", "third"] {
        let (backups, context) = (backups.in_region("eu-nl"), context.clone());
        running
            .push(tokio::spawn(async move { backups.of(&context, dds()).begin(&want(name)).await.unwrap().backup_id }));
        tokio::task::yield_now().await;
    }
    let other = backups.of(&context, dds()).begin(&elsewhere).await.unwrap();
    assert_eq!(other.backup_id, "b1", "the other instance does not wait");
    let mut begun = Vec::new();
    for task in running {
        begun.push(task.await.unwrap());
    }
    assert_eq!(begun, ["b0", "b2", "b3"]);
    let times = script.times(POST);
    assert!(times[2] >= times[0] + seconds(10) && times[3] >= times[2] + seconds(10), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_turn_ends_with_the_stop_or_the_deadline() {
    let script = Script::new().says(POST, [Say::Late(seconds(100), Box::new(begun("b1")))]);
    let backups = script.backups();
    let first = {
        let (backups, context) = (backups.clone(), within(seconds(600)));
        tokio::spawn(async move { backups.of(&context, dds()).begin(&want("first")).await })
    };
    tokio::task::yield_now().await;
    let error = backups.of(&stopped_after(seconds(5)), dds()).begin(&want("second")).await.unwrap_err();
    assert!(matches!(error, Error::Cloud(cloud::Error::Stopped { .. })), "{error:?}");
    assert!(script.elapsed() < seconds(6));
    let error = backups.of(&within(seconds(20)), dds()).begin(&want("third")).await.unwrap_err();
    assert!(matches!(error, Error::Busy { cause: cloud::Error::DeadlinePassed { .. }, .. }), "{error:?}");
    assert!(script.elapsed() < seconds(26));
    assert!(first.await.unwrap().is_ok());
    assert_eq!(script.count(POST), 1, "who gave up sent nothing");
}

#[tokio::test(start_paused = true)]
async fn a_stop_before_sending_sends_nothing() {
    let script = Script::new();
    let context = within(seconds(60));
    context.stop.cancel();
    let error = begin(&script, &context).await.unwrap_err();
    assert!(matches!(error, Error::Cloud(cloud::Error::Stopped { .. })), "{error:?}");
    assert_eq!(script.calls(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_wait_for_an_idle_instance_at_once() {
    let script =
        Script::new().says(POST, [BUSY]).says(OF_INSTANCE, [empty()]).says(THE_INSTANCE, [instance(&["BACKUP"])]);
    let error = begin(&script, &stopped_after(seconds(100))).await.unwrap_err();
    assert!(matches!(error, Error::Cloud(cloud::Error::Stopped { .. })), "{error:?}");
    assert!(script.elapsed() < Duration::from_millis(100_200), "{:?}", script.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_the_answer_is_lost_still_finds_the_backup() {
    let lost = Say::Late(seconds(10), Box::new(Say::Lost));
    let script = Script::new().says(POST, [lost.clone()]).says(OF_INSTANCE, [empty(), b1_is("BUILDING")]);
    assert_eq!(id(begin(&script, &stopped_after(seconds(5))).await), "b1");
    assert!(script.elapsed() < seconds(12), "{:?}", script.elapsed());

    // Or says that it is not clear: there was no time for proof.
    let script = Script::new().says(POST, [lost]).says(OF_INSTANCE, [empty()]);
    let error = begin(&script, &stopped_after(seconds(5))).await.unwrap_err();
    assert!(matches!(error, Error::Unclear { .. }), "{error:?}");
    assert_eq!(script.count(POST), 1);
    assert!(script.elapsed() < seconds(12), "{:?}", script.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_search_that_hangs_ends_soon_after_the_stop() {
    let hangs = Say::Late(seconds(100), Box::new(empty()));
    let script = Script::new().says(POST, [Say::Lost]).says(OF_INSTANCE, [hangs]);
    let error = begin(&script, &stopped_after(seconds(5))).await.unwrap_err();
    assert!(matches!(error, Error::Unclear { .. }), "{error:?}");
    assert!(script.elapsed() < seconds(7), "{:?}", script.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_at_the_deadline_is_looked_up_all_the_same() {
    let lost = Say::Late(seconds(10), Box::new(Say::Lost));
    let script = Script::new().says(POST, [lost.clone()]).says(OF_INSTANCE, [empty(), b1_is("BUILDING")]);
    assert_eq!(id(begin(&script, &within(seconds(5))).await), "b1");

    let script = Script::new().says(POST, [lost]).says(OF_INSTANCE, [empty()]);
    let error = begin(&script, &within(seconds(5))).await.unwrap_err();
    assert!(matches!(error, Error::Unclear { .. }), "{error:?}");
    assert_eq!(script.count(POST), 1, "too late to send it again");
}

#[tokio::test(start_paused = true)]
async fn who_cannot_create_says_so() {
    let script = Script::new();
    let error = script.backups().of(&within(seconds(5)), service("ddm")).begin(&want("nightly")).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported(_)), "{error:?}");
    assert_eq!(script.calls(), [""; 0]);
}

/// A name that an earlier run made up is taken, and no list ever shows by what: the next attempt needs another name.
#[tokio::test(start_paused = true)]
async fn a_kept_name_that_stays_taken_by_nothing_is_said_to_be_taken() {
    let kept = NewBackup { name_origin: NameOrigin::Kept, ..want("nightly") };
    let script = Script::new().says(POST, [TAKEN]).says(OF_INSTANCE, [empty()]);
    let begun = script.backups().of(&within(seconds(3600)), dds()).begin(&kept).await;
    assert!(matches!(begun, Err(Error::NameTaken { existing: None, .. })), "{begun:?}");
    assert!((seconds(600)..seconds(640)).contains(&script.elapsed()), "{:?}", script.elapsed());
}
