//! One backup by its id, and lists.

use super::*;
use crate::backup::{DataNode, Doubt, Error, Filter, Misread, Status};

async fn find(script: &Script, key: &str) -> Result<Option<Backup>, Error> {
    script.backups().of(&within(seconds(60)), service(key)).find(&b1()).await
}

fn page(first: usize, count: usize, total: usize) -> Say {
    let items: Vec<_> =
        (first..first + count).map(|nth| item(&format!("b{nth}"), "COMPLETED", -i64::try_from(nth).unwrap())).collect();
    Say::Ok(json!({ "backups": items, "total_count": total }))
}

async fn all(script: &Script) -> Result<Vec<Backup>, Error> {
    script.backups().of(&within(seconds(6000)), dds()).list(&Filter::default()).await
}

#[tokio::test(start_paused = true)]
async fn a_backup_is_found_with_one_call() {
    let script = Script::new().says(BY_ID, [b1_is("COMPLETED")]);
    assert_eq!(find(&script, "dds").await.unwrap().unwrap().id, "b1");
    assert_eq!(script.calls(), [BY_ID]);
}

#[tokio::test(start_paused = true)]
async fn gone_is_only_what_is_proven() {
    for say in [empty(), Say::No(400, "DBS.201214"), Say::No(404, "DBS.201010")] {
        let script = Script::new().says(BY_ID, [say.clone()]);
        assert!(matches!(find(&script, "dds").await, Ok(None)), "{say:?}");
    }
    for say in [
        Say::Ok(Json::Null),
        Say::Ok(json!({})),
        Say::Ok(json!([])),
        Say::Ok(json!({ "backups": null })),
        Say::Ok(json!({ "backups": [{ "name": "nightly" }] })),
        Say::No(404, ""),
        Say::No(404, "APIGW.0101"),
        Say::No(400, "DBS.280001"),
        Say::No(403, "DBS.280063"),
        Say::No(500, ""),
        Say::Lost,
        Say::Unreachable,
    ] {
        let script = Script::new().says(BY_ID, [say.clone()]);
        assert!(matches!(find(&script, "dds").await, Err(Error::Cloud(_))), "{say:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_ignored_id_filter_is_seen_through() {
    let others = list(&[item("b7", "COMPLETED", 0), item("b8", "COMPLETED", 0)]);
    let script = Script::new().says(BY_ID, [others]).on("GET /v3/{project_id}/backups?offset=", |nth, _| match nth {
        0 => page(50, 100, 101),
        _ => b1_is("COMPLETED"),
    });
    assert_eq!(find(&script, "dds").await.unwrap().unwrap().id, "b1", "on the second page");
    let script = Script::new().says(THE_INSTANCE, [instance(&[])]).says("GET", [list(&[item("b7", "COMPLETED", 0)])]);
    assert!(matches!(find(&script, "dds").await, Ok(None)), "the complete list lacks it");
}

#[tokio::test(start_paused = true)]
async fn geminidb_is_asked_for_both_types() {
    let (instance, table) = (
        "GET /v4/{project_id}/backups?backup_id=b1&type=Instance",
        "GET /v4/{project_id}/backups?backup_id=b1&type=Dat",
    );
    for first in [empty(), Say::No(400, "DBS.201214")] {
        let script = Script::new().says(instance, [first.clone()]).says(table, [b1_is("COMPLETED")]);
        assert!(find(&script, "geminidb").await.unwrap().is_some());
        let script = Script::new().says(instance, [first]).says(table, [empty()]);
        assert!(find(&script, "geminidb").await.unwrap().is_none());
        assert_eq!((script.count(instance), script.count(table)), (2, 2));
    }
    let script = Script::new().says(instance, [empty()]).says(table, [Say::No(500, "")]);
    assert!(find(&script, "geminidb").await.is_err(), "half a proof is none");
}

#[tokio::test(start_paused = true)]
async fn rds_needs_the_instance() {
    let script = Script::new().says("GET /v3/{project_id}/backups?instance_id=i1&backup_id=b1", [empty()]);
    assert!(find(&script, "rds").await.unwrap().is_none());
    let bare = BackupRef { instance_id: None, ..b1() };
    let error = script.backups().of(&within(seconds(5)), service("rds")).find(&bare).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported(_)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn ddm_is_found_in_the_list_and_completed_by_its_details() {
    let listed = json!({ "id": "b1", "name": "n", "status": "normal", "instance_id": INSTANCE, "file_size": 5.5 });
    let body = |items: Vec<Json>| Say::Ok(json!({ "backups": items, "total": 1 }));
    let details = json!({ "id": "b1", "related_data_nodes": [{ "instance_id": "r1", "instance_name": "node" }] });
    let show = "GET /v3/{project_id}/instances/i1/backups/b1";
    let script =
        Script::new().says("GET /v3/{project_id}/backups", [body(vec![listed.clone()])]).says(show, [Say::Ok(details)]);
    let found = find(&script, "ddm").await.unwrap().unwrap();
    assert_eq!(found.status, Status::Completed);
    assert_eq!(found.data_nodes, [DataNode { instance_id: "r1".into(), instance_name: "node".into() }]);

    let script =
        Script::new().says("GET /v3/{project_id}/backups", [body(vec![listed])]).says(show, [Say::No(500, "")]);
    assert!(find(&script, "ddm").await.is_err(), "half of it is not told as if it were all");
    let script = Script::new().says("GET /v3/{project_id}/backups", [body(Vec::new())]);
    assert!(find(&script, "ddm").await.unwrap().is_none());
    assert_eq!(script.count("GET /v3/{project_id}/backups"), 4, "two questions, twice");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_slips_between_pages_is_not_taken_for_gone() {
    // While page two is fetched a newer backup is deleted, and ours moves to page one.
    let items = |ids: std::ops::Range<usize>| {
        let items: Vec<_> = ids.map(|nth| json!({ "id": format!("b{nth}"), "status": "normal" })).collect();
        Say::Ok(json!({ "backups": items, "total": 140 }))
    };
    let script = Script::new().on("GET /v3/{project_id}/backups", move |nth, _| match nth {
        0 => items(10..138),
        1 => items(139..145),
        _ => items(0..128),
    });
    let backups = script.backups();
    let details = "GET /v3/{project_id}/instances/i1/backups/b1";
    let script = script.says(details, [Say::Ok(json!({ "id": "b1" }))]);
    let found = backups.of(&within(seconds(60)), service("ddm")).find(&b1()).await.unwrap();
    assert_eq!(found.unwrap().instance_id, INSTANCE, "what the list leaves out is filled in");
    assert_eq!(script.count("GET /v3/{project_id}/backups"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_list_is_read_to_its_end() {
    let script = Script::new().on("GET", |nth, _| match nth {
        0 => page(0, 100, 250),
        1 => page(100, 100, 250),
        _ => page(200, 50, 250),
    });
    assert_eq!(all(&script).await.unwrap().len(), 250);
    let offsets: Vec<_> = script.calls().iter().map(|call| call.split(['=', '&']).nth(1).unwrap().to_owned()).collect();
    assert_eq!(offsets, ["0", "100", "200"]);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_total_is_not_believed() {
    // Too small: as if the page were all.
    let script = Script::new().on("GET", |nth, _| if nth == 0 { page(0, 100, 100) } else { page(100, 7, 7) });
    assert_eq!(all(&script).await.unwrap().len(), 107);
    // Too big.
    for end in [page(0, 0, 900), page(0, 7, 900)] {
        let script = Script::new().on("GET", move |nth, _| if nth == 0 { page(0, 7, 900) } else { end.clone() });
        assert_eq!(all(&script).await.unwrap().len(), 7);
        assert_eq!(script.calls().len(), 2);
    }
    // None at all.
    let script = Script::new().says("GET", [Say::Ok(json!({ "backups": [item("b1", "COMPLETED", 0)] }))]);
    assert_eq!(all(&script).await.unwrap().len(), 1);
    assert_eq!(script.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_page_ends_the_list() {
    for total in [100, 0] {
        let script = Script::new().says("GET", [page(0, 100, total)]);
        assert_eq!(all(&script).await.unwrap().len(), 100);
        assert!(script.calls().len() <= 2);
    }
    // Who promises more than comes does not know the offset: the rest would be missed.
    let script = Script::new().says("GET", [page(0, 100, 1000)]);
    let error = all(&script).await.unwrap_err();
    assert!(error.to_string().contains("repeats itself: 100 of 1000"), "{error}");
    assert_eq!(script.calls().len(), 2);
}

/// A page that comes back empty although the one before promised more is asked for again, and then an error.
#[tokio::test(start_paused = true)]
async fn a_list_that_ends_before_what_it_promised_is_not_taken_for_whole() {
    let nothing = |total: Json| Say::Ok(json!({ "backups": [], "total_count": total }));
    let second = |nth: &str| if nth == "0" { page(0, 100, 150) } else { page(100, 50, 150) };
    let offset = |call: &str| call.split(['=', '&']).nth(1).unwrap().to_owned();
    for hole in [nothing(json!(0)), nothing(json!(150)), nothing(Json::Null), page(100, 7, 0)] {
        let asked = std::sync::atomic::AtomicUsize::default();
        let once = hole.clone();
        let script = Script::new().heard("GET", move |call| {
            let nth = offset(call);
            let is_first = nth == "100" && asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
            if is_first { once.clone() } else { second(&nth) }
        });
        assert_eq!(all(&script).await.unwrap().len(), 150, "{hole:?}");
        assert_eq!(script.calls().len(), 3, "asked again once");
        let for_ever = hole.clone();
        let script =
            Script::new().heard("GET", move |call| if offset(call) == "0" { second("0") } else { for_ever.clone() });
        let error = all(&script).await.unwrap_err().to_string();
        assert!(error.contains("ends early: 10") && error.contains("of 150 records"), "{error}");
        // Whoever looks for one that the list does not show has no proof either.
        let hole = hole.clone();
        let script = Script::new().says("GET /v3/{project_id}/backups?backup_id", [empty()]).heard(
            "GET /v3/{project_id}/backups?instance_id=i1",
            move |call| {
                if call.contains("offset=0") { second("0") } else { hole.clone() }
            },
        );
        let unlisted = BackupRef::new("b900", Some(INSTANCE.to_owned()));
        let found = script.backups().of(&within(seconds(60)), dds()).find(&unlisted).await;
        assert!(found.is_err(), "{found:?}");
    }
    // It has really shrunk.
    for end in [nothing(json!(100)), nothing(json!(93)), page(100, 7, 107)] {
        let script = Script::new().on("GET", move |nth, _| if nth == 0 { page(0, 100, 150) } else { end.clone() });
        assert!(all(&script).await.unwrap().len() >= 100);
        assert_eq!(script.calls().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn pages_as_long_as_they_like_have_a_bound_too() {
    let ids = |nth: usize| (nth * 30_000..(nth + 1) * 30_000).map(|nth| format!("b{nth}"));
    let script = Script::new().on("GET", move |nth, _| page_of(ids(nth), usize::MAX >> 12));
    let error = all(&script).await.unwrap_err();
    assert!(error.to_string().contains("no end: 4 pages with 120000 records"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn records_that_move_between_pages_come_once() {
    let script = Script::new().on("GET", |nth, _| if nth == 0 { page(0, 100, 150) } else { page(98, 52, 150) });
    assert_eq!(all(&script).await.unwrap().len(), 150);
}

#[tokio::test(start_paused = true)]
async fn a_list_without_end_is_an_error() {
    let ids = |nth: usize| (nth * 100..(nth + 1) * 100).map(|nth| format!("b{nth}"));
    let script = Script::new().on("GET", move |nth, _| page_of(ids(nth), usize::MAX >> 12));
    let error = all(&script).await.unwrap_err();
    assert!(error.to_string().contains("no end"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_fails_fails_the_list() {
    for say in [Say::No(500, ""), Say::Ok(json!({ "total_count": 150 })), Say::Lost] {
        let script = Script::new().says("GET", [page(0, 100, 150), say]);
        assert!(all(&script).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn every_filter_is_applied_here_too() {
    let items = [
        item("match", "COMPLETED", 10),
        with(item("name", "COMPLETED", 10), &json!({ "name": "nightly2" })),
        with(item("instance", "COMPLETED", 10), &json!({ "instance_id": "i2" })),
        with(item("kind", "COMPLETED", 10), &json!({ "type": "Auto" })),
        with(item("no kind", "COMPLETED", 10), &json!({ "type": null })),
        item("status", "FAILED", 10),
        item("early", "COMPLETED", 4),
        item("late", "COMPLETED", 21),
        with(item("no begin", "COMPLETED", 10), &json!({ "begin_time": null })),
        with(item("no instance", "COMPLETED", 10), &json!({ "instance_id": null })),
        with(item("no name", "COMPLETED", 10), &json!({ "name": null, "type": null })),
        with(item("no name of another", "COMPLETED", 10), &json!({ "name": null, "instance_id": "i2" })),
    ];
    let script = Script::new().says("GET", [list(&items)]);
    let filter = Filter {
        instance_id: Some(INSTANCE.to_owned()),
        name: Some("nightly".to_owned()),
        name_prefix: Some("night".to_owned()),
        kind: Some("manual".to_owned()),
        status: Some(Status::Completed),
        begin_after: Some(after(seconds(5))),
        begin_before: Some(after(seconds(20))),
    };
    let context = within(seconds(60));
    assert_eq!(ids(&script.backups().of(&context, dds()).list(&filter).await.unwrap()), ["match"]);
    // Where one that may be meant is to be told, it counts as one that cannot be read.
    let script = Script::new().says("GET", [list(&items)]);
    let (found, unread) = script.backups().of(&context, dds()).list_readable(&filter).await.unwrap();
    let unread = unread.into_iter().map(|Misread(why)| why).collect::<Vec<_>>();
    let told = [
        "the backup no kind has no type",
        "the backup no begin has no begin that can be read",
        "the backup no instance has no instance id",
        "the backup no name has no name and no type",
    ];
    assert_eq!((ids(&found), unread), (vec!["match"], told.map(str::to_owned).to_vec()));
    let script = Script::new().says("GET", [list(&items)]);
    let prefix = Filter { name_prefix: Some("nightly2".to_owned()), ..Filter::default() };
    assert_eq!(ids(&script.backups().of(&context, dds()).list(&prefix).await.unwrap()), ["name"]);
}

#[tokio::test(start_paused = true)]
async fn lists_are_newest_first() {
    let undated = with(item("undated", "COMPLETED", 0), &json!({ "begin_time": "" }));
    let items = [undated, item("old", "COMPLETED", 1), item("new", "COMPLETED", 3), item("middle", "COMPLETED", 2)];
    let script = Script::new().says("GET", [list(&items)]);
    assert_eq!(ids(&all(&script).await.unwrap()), ["new", "middle", "old", "undated"]);
}

#[tokio::test(start_paused = true)]
async fn instances_are_found_by_exact_name() {
    let instances = Say::Ok(json!({ "instances": [
        { "id": "i1", "name": "shop", "status": "normal", "actions": [] },
        { "id": "i2", "name": "shop-2", "status": "normal", "actions": ["BACKUP"] },
    ] }));
    let script = Script::new().says("GET /v3/{project_id}/instances", [instances]);
    let (backups, context) = (script.backups(), within(seconds(60)));
    let both = backups.of(&context, dds()).instances(None).await.unwrap();
    assert_eq!(
        both.iter().map(|instance| (&*instance.id, instance.idle)).collect::<Vec<_>>(),
        [("i1", Some(true)), ("i2", Some(false))]
    );
    let one = backups.of(&context, dds()).instances(Some("shop")).await.unwrap();
    assert_eq!(one.len(), 1);
    assert_eq!(one[0].id, "i1");
}

#[test]
fn every_operation_can_run_in_a_task() {
    fn sendable<T: Send>(_: T) {}
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    let (backups, context) = (Script::new().backups(), within(seconds(1)));
    let (want, filter, started) = (want("nightly"), Filter::default(), crate::backup::Started::from(b1()));
    sendable(backups.of(&context, dds()).begin(&want));
    sendable(backups.of(&context, dds()).completed(&started, &()));
    sendable(backups.of(&context, dds()).find(&b1()));
    sendable(backups.of(&context, dds()).list(&filter));
    sendable(backups.of(&context, dds()).instances(None));
    sendable(backups.of(&context, dds()).stop(&b1(), &|| {}));
    sendable(backups.of(&context, dds()).delete(&b1()));
    sendable(backups);
}

/// `b1` as a state knows it.
fn known(begun: Option<crate::backup::BegunBackup>) -> BackupRef {
    BackupRef { project_id: Some(PROJECT.to_owned()), begun, ..b1() }
}

/// Begun just now, and never listed.
fn unlisted(job_id: Option<&str>) -> BackupRef {
    let job_id = job_id.map(str::to_owned);
    known(Some(crate::backup::BegunBackup { job_id, at: Some(Timestamp::now()), listed: false, known_by_name: false }))
}

async fn find_known(script: &Script, backup: &BackupRef) -> Result<Option<Backup>, Error> {
    script.backups().of(&within(seconds(60)), dds()).find(backup).await
}

fn doubt(found: Result<Option<Backup>, Error>) -> Doubt {
    match found {
        Err(Error::Doubtful { doubt, .. }) => doubt,
        other => panic!("no doubt: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_absence_takes_two_questions_twice() {
    let script = Script::new().says(BY_ID, [empty()]);
    assert_eq!(find_known(&script, &known(None)).await.unwrap(), None);
    assert_eq!((script.count(BY_ID), script.count(OF_ONE)), (2, 2), "{:?}", script.calls());
    assert!(script.elapsed() >= seconds(3), "{:?}", script.elapsed());
    // Whichever of the four questions shows it.
    for nth in 0..2 {
        let script = Script::new().says(BY_ID, [empty(), b1_is("COMPLETED")][nth..].to_vec());
        assert!(find_known(&script, &known(None)).await.unwrap().is_some());
        let answers = if nth == 0 { vec![b1_is("COMPLETED")] } else { vec![empty(), b1_is("COMPLETED")] };
        let script = Script::new().says(BY_ID, [empty()]).says(OF_ONE, answers);
        assert!(find_known(&script, &known(None)).await.unwrap().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn an_absence_in_another_project_proves_nothing() {
    let elsewhere = BackupRef { project_id: Some("p2".to_owned()), ..b1() };
    let script = Script::new().says(BY_ID, [empty()]);
    assert_eq!(
        doubt(find_known(&script, &elsewhere).await),
        Doubt::OtherProject { seen_in: "p2".to_owned(), asked_in: "p1".to_owned() }
    );
    // A state that knows no project is believed only where the service knows the instance.
    let script = Script::new().says(BY_ID, [empty()]);
    assert_eq!(find_known(&script, &b1()).await.unwrap(), None);
    let nothing = Say::Ok(json!({ "instances": [] }));
    let script = Script::new().says(BY_ID, [empty()]).says("GET /v3/{project_id}/instances", [nothing.clone()]);
    assert_eq!(doubt(find_known(&script, &b1()).await), Doubt::ProjectUnknown);
    // The instance may be gone as well.
    let script = Script::new().says(BY_ID, [empty()]).says("GET /v3/{project_id}/instances", [nothing.clone()]);
    assert_eq!(find_known(&script, &known(None)).await.unwrap(), None);
    // Unless there is nothing at all in a project that may be another account's.
    let empty_project = || Script::new().of_another().says(BY_ID, [empty()]);
    let script = empty_project().says("GET /v3/{project_id}/instances", [nothing]);
    assert_eq!(doubt(find_known(&script, &known(None)).await), Doubt::NotTheCallers);
    let others = Say::Ok(json!({ "instances": [{ "id": "i2in02", "name": "n", "status": "normal" }] }));
    let script = empty_project().says("GET /v3/{project_id}/instances", [others]);
    assert_eq!(find_known(&script, &known(None)).await.unwrap(), None);
    let script =
        Script::new().says(BY_ID, [empty()]).says("GET /v3/{project_id}/instances", [Say::No(403, "DBS.280063")]);
    assert_eq!(doubt(find_known(&script, &known(None)).await), Doubt::InstanceUnknown);
}

#[tokio::test(start_paused = true)]
async fn an_instances_error_is_no_word_about_its_backups() {
    for (status, code) in [
        (404, "DBS.200002"),
        (404, "DBS.200013"),
        (404, "DBS.200045"),
        (404, "DBS.200408"),
        (404, "DBS.200602"),
        (404, "DBS.201028"),
        (404, "DBS.290005"),
        (404, "DBS.290011"),
        (400, "DBS.280110"),
        (400, "DBS.201501"),
        (400, "DBS.201502"),
    ] {
        let script = Script::new().says(BY_ID, [Say::No(status, code)]);
        assert!(find_known(&script, &known(None)).await.is_err(), "by id: {status} {code}");
        let script = Script::new().says(BY_ID, [empty()]).says(OF_ONE, [Say::No(status, code)]);
        assert!(find_known(&script, &known(None)).await.is_err(), "in the list: {status} {code}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_never_listed_is_not_gone_while_its_job_may_run() {
    for (say, expected) in [
        (job("Running", ""), Doubt::JobContradicts),
        (job("Completed", ""), Doubt::JobContradicts),
        (Say::No(400, "DBS.200543"), Doubt::NotListedYet),
    ] {
        let script = Script::new().says(BY_ID, [empty()]).says(THE_JOB, [say]);
        assert_eq!(doubt(find_known(&script, &unlisted(Some("j1"))).await), expected);
    }
    let script = Script::new().says(BY_ID, [empty()]).says(THE_JOB, [job("Failed", "no space")]);
    assert_eq!(find_known(&script, &unlisted(Some("j1"))).await.unwrap(), None);
    let script = Script::new().says(BY_ID, [empty()]);
    assert_eq!(doubt(find_known(&script, &unlisted(None)).await), Doubt::NotListedYet);
}

#[tokio::test(start_paused = true)]
async fn the_record_of_another_instance_is_not_the_backup() {
    let other = list(&[with(item("b1", "COMPLETED", 0), &json!({ "instance_id": "i2" }))]);
    let script = Script::new().says(BY_ID, [other]);
    let Err(Error::Foreign { found, .. }) = find_known(&script, &known(None)).await else { panic!() };
    assert_eq!(found.instance_id, "i2");
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_search_proves_nothing() {
    let script = Script::new().says(BY_ID, [empty()]);
    let find = |context: Context| {
        let (backups, backup) = (script.backups(), known(None));
        async move { backups.of(&context, dds()).find(&backup).await }
    };
    assert!(matches!(find(within(seconds(2))).await, Err(Error::StillRunning { .. })));
    assert!(matches!(find(stopped_after(seconds(1))).await, Err(Error::Stopped { .. })));
}
