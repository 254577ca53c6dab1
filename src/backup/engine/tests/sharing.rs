//! What many ask at once is asked of the cloud once.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::backup::{Backups, Error, Status};

type Task<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

const ANY: &str = "GET /v3/{project_id}/backups?";
const PAGE: &str = "GET /v3/{project_id}/backups?offset=";
const ANY_BY_ID: &str = "GET /v3/{project_id}/backups?backup_id=";
const BATCH: &str = "DELETE /v3/{project_id}/instances/backups";

fn query<'a>(call: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = call.split_once('?')?;
    query.split(['&', ' ']).find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// A project with so many completed backups `b0`, `b1`, …; `gone` are listed by no call.
fn project(count: usize, gone: &'static [usize]) -> Script {
    let there = move |nth: &usize| *nth < count && !gone.contains(nth);
    Script::new().heard(ANY, move |call| {
        if let Some(id) = query(call, "backup_id") {
            let nth: usize = id[1..].parse().unwrap();
            return page_of(Some(nth).filter(there).map(|nth| format!("b{nth}")), 1);
        }
        let number = |name| query(call, name).unwrap().parse::<usize>().unwrap();
        let all: Vec<_> = (0..count).filter(there).collect();
        let page = all.iter().skip(number("offset")).take(number("limit")).map(|nth| format!("b{nth}"));
        page_of(page, all.len())
    })
}

/// One that was seen to have ended.
fn ended(nth: usize) -> BackupRef {
    BackupRef { project_id: Some(PROJECT.to_owned()), ..of(nth) }
}

fn of(nth: usize) -> BackupRef {
    BackupRef::new(format!("b{nth}"), Some(INSTANCE.to_owned()))
}

/// Reads these, so many at the same time, as Terraform does; what was found.
async fn refresh(backups: &Backups, key: &'static str, ids: Vec<BackupRef>, at_once: usize) -> BTreeSet<String> {
    let (queue, found) = (Mutex::new(ids.into_iter()), Mutex::new(BTreeSet::new()));
    let reader = || async {
        loop {
            let next = queue.lock().unwrap().next();
            let Some(backup) = next else { return };
            let read = backups.of(&within(seconds(60)), service(key)).find(&backup).await.unwrap();
            if let Some(read) = read {
                assert_eq!(read.id, backup.id);
                found.lock().unwrap().insert(read.id);
            }
        }
    };
    let mut readers: Vec<Task<'_, ()>> = Vec::new();
    for _ in 0..at_once {
        readers.push(Box::pin(reader()));
    }
    all_of(readers).await;
    found.into_inner().unwrap()
}

/// All of them at the same time.
async fn all_of<T>(mut futures: Vec<Task<'_, T>>) -> Vec<T> {
    let mut results: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, result) in futures.iter_mut().zip(&mut results) {
            if result.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *result = Some(value);
            }
        }
        if results.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    results.into_iter().flatten().collect()
}

/// Every `step`th, in an order that jumps about.
fn jumbled(count: usize) -> Vec<BackupRef> {
    (0..count).map(|nth| of(nth * 7919 % count)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_walk_is_answered_from_pages() {
    for (count, at_once, most) in [(1000, 10, 12), (1000, 64, 12), (100, 10, 3), (3000, 64, 36), (3000, 10, 60)] {
        let script = project(count, &[]);
        let found = refresh(&script.backups(), "dds", jumbled(count), at_once).await;
        assert_eq!(found.len(), count);
        let calls = script.calls().len();
        assert!(calls <= most, "{count} by {at_once}: {calls} calls");
    }
    // One after the other it is a walk, too, only noticed later.
    let script = project(1000, &[]);
    assert_eq!(refresh(&script.backups(), "dds", jumbled(1000), 1).await.len(), 1000);
    assert!(script.calls().len() < 40, "{}", script.calls().len());
}

#[tokio::test(start_paused = true)]
async fn one_or_two_among_thousands_are_asked_for_by_id() {
    let script = project(5000, &[]);
    assert_eq!(refresh(&script.backups(), "dds", vec![of(4321)], 1).await.len(), 1);
    assert_eq!(script.calls().len(), 1);
    let script = project(5000, &[]);
    assert_eq!(refresh(&script.backups(), "dds", vec![of(4321), of(17)], 2).await.len(), 2);
    assert_eq!(script.calls().len(), 2);
    // Ten are worth a try, not fifty pages.
    let script = project(5000, &[]);
    assert_eq!(refresh(&script.backups(), "dds", (0..10).map(|nth| of(4000 + nth * 50)).collect(), 10).await.len(), 10);
    assert!(script.calls().len() <= 11, "{}", script.calls().len());
}

#[tokio::test(start_paused = true)]
async fn absence_is_confirmed_by_id() {
    let script = project(200, &[3, 150]);
    let found = refresh(&script.backups(), "dds", jumbled(200), 10).await;
    assert_eq!(found.len(), 198);
    assert_eq!(script.count(&format!("{ANY_BY_ID}b3")), 2);
    assert_eq!(script.count(&format!("{ANY_BY_ID}b150")), 2);
    // Only what is absent pays: for each two questions twice, the list of two pages, and one about the instance.
    assert!(script.calls().len() <= 4 + 2 * (2 + 2 * 2 + 1), "{:?}", script.calls());
    // A page that leaves out what is there is not believed.
    let script = Script::new().heard(ANY, |call| match query(call, "backup_id") {
        Some(id) => page_of([id.to_owned()], 1),
        None => page_of(["b0".to_owned(), "b1".to_owned()], 2),
    });
    assert_eq!(refresh(&script.backups(), "dds", jumbled(10), 10).await.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn each_instance_of_rds_has_a_list_of_its_own() {
    let script = Script::new().heard(ANY, |call| {
        let instance = query(call, "instance_id").unwrap();
        let of = |id: &str| with(item(id, "COMPLETED", 0), &json!({ "instance_id": instance }));
        match query(call, "backup_id") {
            Some(id) => list(&[of(id)]),
            None => list(&(0..100).map(|nth| of(&format!("{instance}-{nth}"))).collect::<Vec<_>>()),
        }
    });
    let ids = (0..1000).map(|nth| {
        let instance = format!("i{}", nth % 10);
        BackupRef::new(format!("{instance}-{}", nth / 10), Some(instance))
    });
    assert_eq!(refresh(&script.backups(), "rds", ids.collect(), 10).await.len(), 1000);
    assert!(script.calls().len() <= 20, "{} calls", script.calls().len());
}

#[tokio::test(start_paused = true)]
async fn who_asks_again_is_told_anew() {
    let gone: Arc<AtomicBool> = Arc::default();
    let now = Arc::clone(&gone);
    let script = Script::new().heard(ANY, move |call| match query(call, "backup_id") {
        Some("b0") if now.load(Ordering::Relaxed) => empty(),
        Some(id) => page_of([id.to_owned()], 1),
        None => page_of((usize::from(now.load(Ordering::Relaxed))..10).map(|nth| format!("b{nth}")), 10),
    });
    let backups = script.backups();
    assert_eq!(refresh(&backups, "dds", jumbled(9), 9).await.len(), 9);
    gone.store(true, Ordering::Relaxed);
    assert!(refresh(&backups, "dds", vec![of(0)], 1).await.is_empty(), "the page is not asked twice");
}

#[tokio::test(start_paused = true)]
async fn our_own_write_drops_the_pages() {
    let deleted: Arc<AtomicBool> = Arc::default();
    let now = Arc::clone(&deleted);
    let script = Script::new()
        .heard(ANY, move |call| {
            let status = |id: &str| if id == "b9" && now.load(Ordering::Relaxed) { "DELETING" } else { "COMPLETED" };
            let ids = query(call, "backup_id")
                .map_or_else(|| (0..10).map(|nth| format!("b{nth}")).collect(), |id| vec![id.to_owned()]);
            list(&ids.iter().map(|id| item(id, status(id), 0)).collect::<Vec<_>>())
        })
        .on("DELETE", move |_, _| {
            deleted.store(true, Ordering::Relaxed);
            Say::Ok(Json::Null)
        });
    let backups = script.backups();
    assert_eq!(refresh(&backups, "dds", jumbled(9), 9).await.len(), 9);
    let context = stopped_after(seconds(1));
    assert!(backups.of(&context, dds()).delete(&ended(9)).await.is_err(), "stopped while it is being deleted");
    let read = backups.of(&within(seconds(60)), dds()).find(&of(9)).await.unwrap().unwrap();
    assert_eq!(read.status, Status::Deleting, "older than our own write");
}

#[tokio::test(start_paused = true)]
async fn what_changes_by_itself_is_not_told_old() {
    let script = Script::new().heard(ANY, |call| match query(call, "backup_id") {
        Some(id) => page_of([id.to_owned()], 1),
        None => list(&(0..10).map(|nth| item(&format!("b{nth}"), "BUILDING", 0)).collect::<Vec<_>>()),
    });
    let backups = script.backups();
    refresh(&backups, "dds", jumbled(5), 5).await;
    for (nth, old) in [(5, false), (6, false), (7, true)] {
        sleep(Duration::from_millis(900)).await;
        let read = backups.of(&within(seconds(60)), dds()).find(&of(nth)).await.unwrap().unwrap();
        assert_eq!(read.status == Status::Completed, old, "{nth} at {:?}", script.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn the_stop_of_one_reader_is_not_the_end_of_the_others() {
    let script =
        project(300, &[]).first("GET /v3/{project_id}/backups?offset=0", Say::Late(seconds(3), Box::new(Say::Lost)));
    let backups = script.backups();
    let read = |context: Context, nth: usize| {
        let backups = backups.clone();
        let found: Task<'static, Result<Option<Backup>, Error>> =
            Box::pin(async move { backups.of(&context, dds()).find(&of(nth)).await });
        found
    };
    // The first turns the page; the second has no time to wait for it, the third is stopped.
    let readers =
        vec![read(within(seconds(60)), 0), read(within(seconds(1)), 1), read(stopped_after(seconds(1)), 2), {
            read(within(seconds(60)), 250)
        }];
    let mut ended = all_of(readers).await.into_iter();
    assert!(matches!(ended.next().unwrap(), Err(Error::Cloud(cloud::Error::Unanswered { .. }))));
    assert!(matches!(ended.next().unwrap(), Err(Error::Cloud(cloud::Error::DeadlinePassed { .. }))));
    assert!(matches!(ended.next().unwrap(), Err(Error::Cloud(cloud::Error::Stopped { .. }))));
    assert!(matches!(ended.next().unwrap(), Err(Error::Cloud(cloud::Error::Unanswered { .. }))), "the same trouble");
    // One whose own time ends while it turns a page leaves that to the next.
    let script = project(300, &[]);
    let backups = script.backups();
    let context = within(Duration::from_millis(3));
    let first = of(0);
    let tight = backups.of(&context, dds()).find(&first);
    let others = refresh(&backups, "dds", (1..100).map(of).collect(), 10);
    let (tight, others) = tokio::join!(tight, others);
    assert!(tight.is_err());
    assert_eq!(others.len(), 99);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_refused_leaves_the_ids() {
    let script = Script::new().heard(ANY, |call| match query(call, "backup_id") {
        Some(id) => page_of([id.to_owned()], 1),
        None => Say::No(403, "DBS.280063"),
    });
    assert_eq!(refresh(&script.backups(), "dds", jumbled(30), 10).await.len(), 30);
    assert_eq!(script.count(PAGE), 1, "not tried again and again");
}

#[tokio::test(start_paused = true)]
async fn regions_do_not_share_what_they_know() {
    let script = project(10, &[]);
    let here = script.backups();
    refresh(&here, "dds", jumbled(9), 9).await;
    let before = script.calls().len();
    refresh(&here.in_region("eu-nl"), "dds", vec![of(9)], 1).await;
    // The scripted cloud calls every region `eu-de`, so the page answers: the key is the region's name.
    assert_eq!(script.calls().len(), before);
}

#[tokio::test(start_paused = true)]
async fn many_waiters_ask_once_a_second_in_all() {
    for count in [10, 50] {
        let script = Script::new().heard(ANY, move |call| {
            let begun = |nth: usize| seconds(20) * u32::try_from(nth / 10 + 1).unwrap();
            let status = |nth: usize, elapsed| if elapsed >= begun(nth) { "COMPLETED" } else { "BUILDING" };
            let elapsed = elapsed_of(call);
            let ids =
                query(call, "backup_id").map_or_else(|| (0..count).collect(), |id| vec![id[1..].parse().unwrap()]);
            let items: Vec<_> = ids.into_iter().map(|nth| item(&format!("b{nth}"), status(nth, elapsed), 0)).collect();
            Say::Ok(json!({ "backups": items, "total_count": items.len() }))
        });
        let backups = script.backups();
        // Ten at a time, as Terraform creates them.
        let lane = |lane: usize| {
            let backups = backups.clone();
            let lane: Task<'static, ()> = Box::pin(async move {
                for round in 0..count / 10 {
                    let started = crate::backup::Started::from(of(round * 10 + lane));
                    let begun = Instant::now();
                    backups.of(&within(seconds(600)), dds()).completed(&started, &()).await.unwrap();
                    let took = begun.elapsed();
                    assert!(took < Duration::from_millis(22_500), "{took:?} for 20 s");
                }
            });
            lane
        };
        all_of((0..10).map(lane).collect()).await;
        let (calls, took) = (script.calls().len(), script.elapsed());
        assert!(calls as u64 <= took.as_secs(), "{calls} calls in {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_who_wait_notice_the_end_soon() {
    for duration in [1, 3, 20, 300].map(seconds) {
        let script = Script::new().heard(ANY, move |call| {
            let status = if elapsed_of(call) >= duration { "COMPLETED" } else { "BUILDING" };
            let ids = query(call, "backup_id").map_or_else(|| vec!["b0", "b1"], |id| vec![id]);
            list(&ids.iter().map(|id| item(id, status, 0)).collect::<Vec<_>>())
        });
        let backups = script.backups();
        let context = within(seconds(3600));
        let (first, second) = (crate::backup::Started::from(of(0)), crate::backup::Started::from(of(1)));
        let (first, second) = tokio::join!(
            backups.of(&context, dds()).completed(&first, &()),
            backups.of(&context, dds()).completed(&second, &())
        );
        assert!(first.is_ok() && second.is_ok());
        let granted = duration.mul_f64(0.1).clamp(Duration::from_millis(250), seconds(15)) + 2 * LATENCY;
        assert!(script.elapsed().saturating_sub(duration) <= granted, "{duration:?}: {:?}", script.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_delete_in_somebody_elses_batch_ends_with_its_own_time() {
    let (script, _) = deleting(10, |_| Some(Say::Late(seconds(40), Box::new(Say::Lost))));
    let backups = script.backups();
    let deletes = (0..10).map(|nth| {
        let backups = backups.clone();
        let limit = if nth == 7 { seconds(8) } else { seconds(100) };
        let deleted: Task<'static, Duration> = Box::pin(async move {
            let begun = Instant::now();
            assert!(backups.of(&within(limit), dds()).delete(&ended(nth)).await.is_err());
            begun.elapsed()
        });
        deleted
    });
    let took = all_of(deletes.collect()).await;
    assert!(took[7] < seconds(9), "{took:?}");
    assert!(took[6] >= seconds(90), "{took:?}");
}

/// A batch that waits for its turn at the gateway does not go out with what was told to be unsent.
#[tokio::test(start_paused = true)]
async fn a_delete_that_ended_before_its_batch_went_out_is_never_sent() {
    let (script, _) = deleting(10, |_| None);
    script.gate(seconds(5));
    let backups = script.backups();
    let deletes = (0..10).map(|nth| {
        let backups = backups.clone();
        let limit = if nth == 7 { seconds(3) } else { seconds(100) };
        let deleted: Task<'static, Result<(), Error>> =
            Box::pin(async move { backups.of(&within(limit), dds()).delete(&ended(nth)).await });
        deleted
    });
    for (nth, told) in all_of(deletes.collect()).await.into_iter().enumerate() {
        match told {
            Err(end) if nth == 7 => assert!(!end.was_sent(), "{end:?}"),
            told => assert!(told.is_ok(), "{nth}: {told:?}"),
        }
    }
    let deletes = script.calls().into_iter().filter(|call| call.starts_with("DELETE")).collect::<Vec<_>>();
    assert!(!deletes.iter().any(|call| call.starts_with(BATCH) || call.ends_with("/b7")), "{deletes:?}");
}

/// Whoever is interrupted while others see to a batch learns whether it was sent.
#[tokio::test(start_paused = true)]
async fn the_end_of_a_delete_in_a_batch_tells_whether_it_was_sent() {
    // A batch that is full does not wait.
    for (after, count, all) in [(Duration::from_millis(1), 9, false), (seconds(8), 10, true)] {
        let (script, _) = deleting(10, |_| Some(Say::Late(seconds(40), Box::new(Say::Lost))));
        let (backups, context) = (script.backups(), stopped_after(after));
        let deletes = (0..count).map(|nth| {
            let (backups, context) = (backups.clone(), context.clone());
            let deleted: Task<'static, Result<(), Error>> =
                Box::pin(async move { backups.of(&context, dds()).delete(&ended(nth)).await });
            deleted
        });
        let told = all_of(deletes.collect()).await.into_iter().map(|told| match told {
            Err(end) if matches!(end.end(), Error::Stopped { .. }) => end.was_sent(),
            other => panic!("{after:?}: {other:?}"),
        });
        let told = told.filter(|sent| *sent).count();
        // The first one may have found itself alone.
        let alone = script.calls().iter().filter(|call| call.starts_with("DELETE") && !call.starts_with(BATCH)).count();
        assert_eq!((told, script.count(BATCH)), if all { (10, 1) } else { (alone, 0) }, "{after:?}");
        assert!(alone < 2, "{alone}");
    }
}

/// The same where the batch was sent again, and refused because of what the first one did.
#[tokio::test(start_paused = true)]
async fn no_later_refusal_takes_back_a_batch() {
    const OF_ONE: &str = "DELETE /v3/{project_id}/backups/";
    for refusal in
        [Say::No(400, "DBS.201214"), Say::No(403, "DBS.200019"), Say::No(403, "DBS.280063"), Say::No(400, "")]
    {
        for (again, stops) in [(Say::Lost, true), (Say::Lost, false), (refusal.clone(), true), (refusal.clone(), false)]
        {
            let (script, _) = deleting(10, move |_| Some(again.clone()));
            // What is shown lags behind all the while.
            let script = script.first(BATCH, Say::Lost);
            for _ in 0..100 {
                script.0.firsts.lock().unwrap().push((OF_ONE, refusal.clone()));
            }
            let backups = script.backups();
            let context = if stops { stopped_after(seconds(12)) } else { within(seconds(12)) };
            let deletes = (0..10).map(|nth| {
                let (backups, context) = (backups.clone(), context.clone());
                let deleted: Task<'static, Result<(), Error>> =
                    Box::pin(async move { backups.of(&context, dds()).delete(&ended(nth)).await });
                deleted
            });
            for told in all_of(deletes.collect()).await {
                let error = told.unwrap_err();
                assert!(error.was_sent() && !matches!(error.end(), Error::Busy { .. }), "{refusal:?}: {error:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_owner_goes_and_another_one_comes() {
    let script = project(10, &[]);
    let backups = script.backups();
    for _ in 0..3 {
        assert_eq!(refresh(&backups, "dds", jumbled(9), 9).await.len(), 9);
        sleep(seconds(10)).await;
        assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0, "nobody is left");
    }
    assert_eq!(script.calls().len(), 3);
}

/// A cloud that deletes what it is asked to, after a second; `refuse` says no to a batch.
fn deleting(count: usize, refuse: impl Fn(usize) -> Option<Say> + Send + Sync + 'static) -> (Script, Arc<AtomicUsize>) {
    let gone: Arc<Mutex<HashMap<String, Duration>>> = Arc::default();
    let (listed, single, batch) = (Arc::clone(&gone), Arc::clone(&gone), gone);
    let most: Arc<AtomicUsize> = Arc::default();
    let largest = Arc::clone(&most);
    let names: Vec<String> = (0..count).map(|nth| format!("b{nth}")).collect();
    let script = Script::new()
        .heard(ANY, move |call| {
            let (gone, now) = (listed.lock().unwrap(), elapsed_of(call));
            let there = |id: &String| gone.get(id).is_none_or(|at| now <= *at + seconds(1));
            if let Some(id) = query(call, "backup_id") {
                return page_of(Some(id.to_owned()).filter(|id| there(id)), 1);
            }
            let number = |name| query(call, name).unwrap().parse::<usize>().unwrap();
            let total = names.len() - gone.keys().filter(|id| !there(id)).count();
            let page = names.iter().filter(|id| there(id)).skip(number("offset")).take(number("limit"));
            page_of(page.cloned(), total)
        })
        .heard("DELETE", move |call| {
            let at = elapsed_of(call);
            let Some((_, ids)) = call.split_once(" ids=") else {
                let id = call.split(['/', ' ']).find(|part| part.starts_with('b') && part.len() < 6).unwrap();
                single.lock().unwrap().insert(id.to_owned(), at);
                return Say::Ok(json!({ "job_id": "j1" }));
            };
            let ids: Vec<_> = ids.split(' ').next().unwrap().split(',').map(str::to_owned).collect();
            largest.fetch_max(ids.len(), Ordering::Relaxed);
            if let Some(say) = refuse(ids.len()) {
                return say;
            }
            let count = ids.len();
            batch.lock().unwrap().extend(ids.into_iter().map(|id| (id, at)));
            Say::Ok(json!({ "success_count": count, "failed_count": 0 }))
        })
        .says("GET /v3/{project_id}/jobs", [job("Completed", "")]);
    (script, most)
}

async fn destroy(backups: &Backups, key: &'static str, count: usize, at_once: usize) -> Vec<(usize, Error)> {
    destroy_slowly(backups, key, count, at_once, Duration::ZERO, seconds(600)).await
}

/// Deletes all; whoever asks for that needs so long for each, one after the other.
async fn destroy_slowly(
    backups: &Backups,
    key: &'static str,
    count: usize,
    at_once: usize,
    pace: Duration,
    limit: Duration,
) -> Vec<(usize, Error)> {
    let (queue, failed) = (tokio::sync::Mutex::new(0..count), Mutex::new(Vec::new()));
    let deleter = || async {
        loop {
            let mut queue = queue.lock().await;
            let next = queue.next();
            // Now quicker, now slower.
            let uneven = next.map_or(4, |nth| u32::try_from(nth * 7 % 9).unwrap_or(4));
            tokio::time::sleep(pace * uneven / 4).await;
            drop(queue);
            let Some(nth) = next else { return };
            let deleted = backups.of(&within(limit), service(key)).delete(&ended(nth)).await;
            if let Err(error) = deleted {
                failed.lock().unwrap().push((nth, error));
            }
        }
    };
    let mut deleters: Vec<Task<'_, ()>> = Vec::new();
    for _ in 0..at_once {
        deleters.push(Box::pin(deleter()));
    }
    all_of(deleters).await;
    failed.into_inner().unwrap()
}

#[tokio::test(start_paused = true)]
async fn deletes_that_come_together_share_calls() {
    for (at_once, most) in [(10, 90), (50, 60), (64, 60)] {
        let (script, largest) = deleting(200, |_| None);
        assert!(destroy(&script.backups(), "dds", 200, at_once).await.is_empty());
        let calls = script.calls().len();
        assert!(calls <= most, "{at_once} at once: {calls} calls");
        assert_eq!(largest.load(Ordering::Relaxed), 10, "never more than the service takes");
    }
    let (script, largest) = deleting(200, |_| None);
    assert!(destroy(&script.backups(), "taurusdb", 200, 64).await.is_empty());
    assert!(script.calls().len() <= 60, "{}", script.calls().len());
    assert_eq!(largest.load(Ordering::Relaxed), 50);
}

#[tokio::test(start_paused = true)]
async fn thousands_that_come_slowly_share_looks_too() {
    // Full batches, and for every 64 the two looks through what is left that an absence needs.
    let needed = 300 + 2 * (0..3000).step_by(64).map(|gone: usize| (3000 - gone).div_ceil(100)).sum::<usize>();
    for pace in [Duration::ZERO, Duration::from_millis(100)] {
        let (script, _) = deleting(3000, |_| None);
        assert!(destroy_slowly(&script.backups(), "dds", 3000, 64, pace, seconds(600)).await.is_empty());
        let calls = script.calls().len();
        assert!(calls * 10 <= needed * 12, "{calls} calls instead of {needed} where people come {pace:?} apart");
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_others_does_not_use_up_the_time_for_looks() {
    let (script, _) = deleting(20, |_| None);
    let failed = destroy_slowly(&script.backups(), "dds", 20, 20, Duration::from_millis(900), seconds(8)).await;
    assert!(failed.is_empty(), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_others_who_do_not_come() {
    for (at_once, most) in [(1, seconds(54)), (2, seconds(30)), (10, seconds(10))] {
        let (script, _) = deleting(20, |_| None);
        assert!(destroy(&script.backups(), "dds", 20, at_once).await.is_empty());
        let took = *script.times("").last().unwrap();
        assert!(took <= most, "{at_once} at once: {took:?} for what takes the cloud a second each");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_alone_is_deleted_alone() {
    let (script, largest) = deleting(3, |_| None);
    assert!(destroy(&script.backups(), "dds", 3, 1).await.is_empty());
    assert_eq!((script.count(BATCH), largest.load(Ordering::Relaxed)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_refused_is_deleted_one_by_one() {
    for refusal in [Say::No(404, "APIGW.0101"), Say::No(400, "DBS.201214"), Say::No(403, "DBS.200019")] {
        let (script, _) = deleting(40, move |_| Some(refusal.clone()));
        assert!(destroy(&script.backups(), "dds", 40, 10).await.is_empty());
        assert!(script.count(BATCH) <= 2, "{}: not tried for ever", script.count(BATCH));
        assert_eq!(script.count("DELETE /v3/{project_id}/backups/"), 40);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_without_an_answer_is_looked_after() {
    let asked: Arc<AtomicUsize> = Arc::default();
    let (script, _) = deleting(10, move |_| (asked.fetch_add(1, Ordering::Relaxed) == 0).then_some(Say::Lost));
    assert!(destroy(&script.backups(), "dds", 10, 10).await.is_empty());
    assert_eq!(script.count(BATCH), 2, "nothing was seen to go, so it was sent again");
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_batch_are_told_to_whom_they_concern() {
    let (script, _) = deleting(10, |_| {
        Some(Say::Ok(json!({ "failed_results": [
            { "backup_id": "b3", "error_code": "DBS.280063", "error_msg": "not yours" },
        ], "success_count": 9, "failed_count": 1 })))
    });
    // The nine are taken as accepted, but stay: they are deleted once more, in the end one by one.
    let context = stopped_after(seconds(30));
    let backups = script.backups();
    let deletes = (0..10).map(|nth| {
        let (backups, context) = (backups.clone(), context.clone());
        let deleted: Task<'static, Result<(), Error>> =
            Box::pin(async move { backups.of(&context, service("taurusdb")).delete(&ended(nth)).await });
        deleted
    });
    let ended = all_of(deletes.collect()).await;
    for (nth, ended) in ended.into_iter().enumerate() {
        match ended {
            Err(Error::Cloud(cloud::Error::Refused { refusal, .. })) => {
                assert_eq!((nth, &*refusal.code, &*refusal.message), (3, "DBS.280063", "not yours"));
            }
            Err(Error::Sent { .. }) => assert_ne!(nth, 3),
            other => panic!("{nth}: {other:?}"),
        }
    }
}
