//! This backup is ours.

use std::time::Duration;

use huaweidb_emulator::{BackupRow, Description, Fault, FaultKind, NewBackups};
use serde_json::json;
use tokio::time::sleep;

use super::{Case, Stage, check, green, red, services, side_by_side, until};
use crate::support::core::{Held, Said};
use crate::support::proto::tfplugin6 as tf;

/// Two teams, one instance, one fixed name, and the first one's create is lost before it arrives, while the other's is made.
async fn two_teams(service: &'static str) -> Result<(), String> {
    // The first one sends again some seconds later: where the other one is too slow to come before that, it gets longer.
    for ms in [1_500, 15_000, 60_000] {
        if two_teams_within(service, ms).await? {
            return Ok(());
        }
    }
    Err("the second create never came before the first was sent again".to_owned())
}

/// False if the first one has sent its create again before the other one's came.
async fn two_teams_within(service: &'static str, ms: u64) -> Result<bool, String> {
    let stage = Stage::new(service, 1.0);
    let of = |team: &str| {
        let mut arguments = stage.fixed();
        arguments["description"] = json!(format!("of team {team}"));
        arguments
    };
    let (first, second) = (stage.core().await, stage.core().await);
    let (mut a, mut b) = (Held::default(), Held::default());
    // The connection of the first create breaks after a while, and what it asked for never arrives.
    let lost = Fault { ms: Some(ms), ..Fault::new(FaultKind::CloseBefore) };
    stage.emulator.fault(lost.on(service).operation("create"));
    let (arguments_of_a, arguments_of_b) = (of("a"), of("b"));
    let begins = first.up(&arguments_of_a, &mut a);
    let follows = async {
        until("the first create is under way", || stage.emulator.faults().is_empty()).await?;
        Ok::<_, String>(second.up(&arguments_of_b, &mut b).await)
    };
    let (said_a, said_b) = tokio::join!(begins, follows);
    let said_b = said_b?;
    // The oldest backup is of the create that came first.
    let came_first = stage.emulator.backups().into_iter().filter(|row| row.name == "claim-nightly");
    let came_first = came_first.min_by(|one, other| one.begin_time.cmp(&other.begin_time));
    if came_first.is_some_and(|row| row.description == "of team a") {
        return Ok(false);
    }
    stage.complete(&said_b, &b)?;
    check(a.id() != b.id(), &format!("one backup in two states: {:?}; {}", a.id(), said_a.text()))?;
    if a.id().is_some() {
        // Where names may repeat, or are free again, both have one.
        let row = stage.row(&a).ok_or("the first team's is not there")?;
        check(row.description == "of team a", &format!("the first team has {row:?}"))?;
    } else {
        red(&said_a)?;
    }
    // The first one's destroy leaves the second one's backup alone.
    stage.calm();
    green(&stage.core().await.down(&mut a).await)?;
    check(stage.row(&b).is_some(), "the other team's backup was deleted")?;
    Ok(true)
}

#[test]
fn a_backup_is_never_in_the_states_of_two_teams() {
    let cases =
        services().into_iter().map(|service| (format!("two teams × {service}"), Box::pin(two_teams(service)) as Case));
    side_by_side(cases.collect());
}

/// What is in the cloud, each of it in the state or told by its id.
fn all_told(stage: &Stage, held: &Held, said: &Said) -> Result<Vec<BackupRow>, String> {
    let rows = stage.rows();
    let told = |row: &BackupRow| held.id() == Some(&row.id) || said.text().contains(&row.id);
    let unknown: Vec<_> = rows.iter().filter(|row| !told(row)).collect();
    check(unknown.is_empty(), &format!("without a word: {unknown:?}; {}", said.text()))?;
    Ok(rows)
}

/// A create whose connection broke and that arrives all the same, late.
async fn arrives_late(service: &'static str, after_ms: u64, random: bool) -> Result<(), String> {
    let stage = Stage::new(service, 1.0);
    stage.emulator.fault(Fault::arriving_late(after_ms).on(service).operation("create"));
    let arguments = if random { stage.random() } else { stage.fixed() };
    let mut held = Held::default();
    let said = stage.core().await.up(&arguments, &mut held).await;
    // It is surely there by then, whatever became of the apply.
    sleep(Duration::from_millis(after_ms)).await;
    let rows = all_told(&stage, &held, &said)?;
    check(rows.len() == 1 || said.text().contains("twice"), &format!("{rows:?}; {}", said.text()))
}

/// A create that is carried out, whose answer is lost, and lists that lag so far behind that it is sent again where that can be done.
/// Who does not wait for its end is told that there may be two, by their name.
async fn lost_while_lists_lag(service: &'static str, random: bool, waits: bool) -> Result<(), String> {
    let stage = Stage::new(service, 1.0);
    stage.emulator.set_pace(|pace| pace.list_delay_seconds = 25.0);
    stage.emulator.fault(Fault::new(FaultKind::CloseAfter).on(service).operation("create"));
    let mut arguments = if random { stage.random() } else { stage.fixed() };
    arguments["wait_for_completion"] = json!(waits);
    let mut held = Held::default();
    let said = stage.core().await.up(&arguments, &mut held).await;
    let rows = if waits { all_told(&stage, &held, &said)? } else { stage.rows() };
    let text = said.text();
    let told = text.contains("twice") && rows.iter().all(|row| text.contains(&row.name));
    check(rows.len() == 1 || told, &format!("{rows:?}; {text}"))
}

#[test]
fn what_is_taken_twice_is_told() {
    let cases = services().into_iter().flat_map(|service| {
        [(true, true), (true, false), (false, true), (false, false)].map(|(random, waits)| {
            let name = format!("lost, lists 25 s late, random name {random}, waits {waits} × {service}");
            (name, Box::pin(lost_while_lists_lag(service, random, waits)) as Case)
        })
    });
    side_by_side(cases.collect());
}

#[test]
fn a_create_that_arrives_late_leaves_nothing_without_a_word() {
    let cases = services().into_iter().flat_map(|service| {
        [4_000, 6_000, 12_000].into_iter().flat_map(move |after_ms| {
            [true, false].map(|random| {
                let name = format!("{after_ms} ms late, random name {random} × {service}");
                (name, Box::pin(arrives_late(service, after_ms, random)) as Case)
            })
        })
    });
    side_by_side(cases.collect());
}

/// The answer is lost, and the service changes the description: then a name of one's own tells nothing.
async fn lost_and_changed(service: &'static str, mode: Description, lag_seconds: f64) -> Result<(), String> {
    let stage = Stage::new(service, 1.0);
    stage.emulator.set_modes(|modes| modes.description = mode);
    stage.emulator.set_pace(|pace| pace.list_delay_seconds = lag_seconds);
    stage.emulator.fault(Fault::new(FaultKind::CloseAfter).on(service).operation("create"));
    let mut arguments = stage.fixed();
    arguments["description"] = json!(" before  the migration of M\u{fc}ller ");
    let mut held = Held::default();
    let said = stage.core().await.up(&arguments, &mut held).await;
    let rows = all_told(&stage, &held, &said)?;
    check(!said.text().contains("left nothing"), &format!("{rows:?}; {}", said.text()))?;
    // What was changed the same way for both of them is no sign of somebody else.
    let twice = said.text().contains("Backup may have been taken twice");
    check(!(twice && said.text().contains("somebody else's")), &said.text())
}

#[test]
fn nobody_says_that_nothing_is_there_where_the_service_changed_a_description() {
    let modes = [Description::Trimmed, Description::Escaped, Description::Cut, Description::Dropped];
    let mut cases = Vec::new();
    for service in services() {
        for mode in modes {
            for lag in [0.0, 6.0] {
                let name = format!("lost, {mode:?}, lists {lag} s late × {service}");
                cases.push((name, Box::pin(lost_and_changed(service, mode, lag)) as Case));
            }
        }
    }
    side_by_side(cases);
}

async fn another_ones(service: &'static str) -> Result<(), String> {
    let stage = Stage::new(service, 0.5);
    let theirs = stage.theirs.clone();
    let with = [
        ("id", theirs.id.as_str()),
        ("backup_id", theirs.id.as_str()),
        ("instance_id", theirs.instance_id.as_str()),
        ("name", theirs.name.as_str()),
    ];
    stage.emulator.fault(Fault::replace(&with).on(service).operation("create"));
    let mut held = Held::default();
    let said = stage.core().await.up(&stage.random(), &mut held).await;
    red(&said)?;
    check(said.text().contains(&theirs.id), &format!("its id is not told: {}", said.text()))?;
    let own = stage.rows().remove(0).id;
    check(
        said.text().contains(&format!("{own}@eu-de")),
        &format!("how {own} is imported is not told: {}", said.text()),
    )?;
    stage.theirs_is_safe(&held)?;
    // Whatever is done next, theirs is not touched.
    stage.calm();
    let core = stage.core().await;
    core.up(&stage.random(), &mut held).await;
    core.down(&mut held).await;
    let called = |call: &huaweidb_emulator::Call| call.method != "GET" && call.path.contains(&theirs.id);
    check(!stage.emulator.journal().iter().any(called), "a stop or a delete was sent for it")?;
    stage.theirs_is_safe(&held)
}

#[test]
fn an_answer_about_another_instances_backup_is_an_error() {
    let cases = services().into_iter();
    side_by_side(cases.map(|one| (format!("another one's × {one}"), Box::pin(another_ones(one)) as Case)).collect());
}

const RAN_ALREADY: &str = "A backup of this prefix was running already";

/// Several of one prefix are taken by one run, at the same time and beside what an earlier run has begun.
async fn siblings(service: &'static str, with_an_earlier_one: bool) -> Result<(), String> {
    let stage = Stage::new(service, 1.5);
    let mut earlier = None;
    if with_an_earlier_one {
        // It runs until somebody of this run has met it.
        stage.emulator.set_pace(|pace| pace.backup_seconds = 600.0);
        let lost = stage.core().await;
        let mut held = Held::default();
        let mut arguments = stage.random();
        arguments["wait_for_completion"] = json!(false);
        green(&lost.up(&arguments, &mut held).await)?;
        earlier = held.id().map(str::to_owned);
        stage.emulator.set_pace(|pace| pace.backup_seconds = 1.5);
        stage.emulator.clear_journal();
    }
    let met = async {
        let Some(earlier) = &earlier else { return Ok(()) };
        // Who is refused looks for what runs there.
        until("it is met", || {
            let calls = stage.emulator.journal().into_iter();
            let mut calls =
                calls.skip_while(|call| call.operation != "create" || call.status.is_none_or(|it| it < 400));
            calls.any(|call| call.operation == "list")
        })
        .await?;
        check(stage.emulator.set_status(earlier, "COMPLETED"), "the earlier one is gone")
    };
    let core = stage.core().await;
    let (mut a, mut b, mut c) = <(Held, Held, Held)>::default();
    let arguments = stage.random();
    let (one, two, three, met) =
        tokio::join!(core.up(&arguments, &mut a), core.up(&arguments, &mut b), core.up(&arguments, &mut c), met);
    met?;
    let warnings: Vec<_> = [&one, &two, &three]
        .into_iter()
        .flat_map(|said| said.0.iter())
        .filter(|one| one.summary == RAN_ALREADY)
        .map(|one| one.detail.clone())
        .collect();
    for (said, held) in [(&one, &a), (&two, &b), (&three, &c)] {
        stage.complete(said, held)?;
        let id = held.id().unwrap_or_default();
        check(!warnings.iter().any(|one| one.contains(id)), &format!("a sibling is named: {warnings:?}"))?;
    }
    let names_it = |one: &String| earlier.as_ref().is_some_and(|id| one.contains(id));
    check(
        warnings.len() == usize::from(with_an_earlier_one) && warnings.iter().all(names_it),
        &format!("{earlier:?}: {warnings:?}"),
    )
}

#[test]
fn what_ran_already_is_told_unless_it_is_of_this_very_run() {
    let cases = services().into_iter().flat_map(|service| {
        [true, false].map(|earlier| {
            let name = format!("siblings, an earlier one {earlier} × {service}");
            (name, Box::pin(siblings(service, earlier)) as Case)
        })
    });
    side_by_side(cases.collect());
}

/// An answer that gives an id which nothing has, and says nothing else: the random name tells which backup it is.
async fn wrong_id(service: &'static str) -> Result<(), String> {
    let stage = Stage::new(service, 0.5);
    let wrong = "deadbeefdeadbeefdeadbeefdeadbeefbr02";
    let with = [("id", wrong), ("backup_id", wrong)];
    stage.emulator.fault(Fault::replace(&with).on(service).operation("create"));
    let mut held = Held::default();
    let said = stage.core().await.up(&stage.random(), &mut held).await;
    check(!said.is_red(), &said.text())?;
    let rows = stage.rows();
    check(rows.len() == 1 && held.id() == Some(&rows[0].id), &format!("{rows:?}; {:?}", held.object))?;
    let core = stage.core().await;
    let (settled, said) = core.is_settled(&stage.random(), &held).await;
    check(settled, &said.text())
}

#[test]
fn a_random_name_counts_for_more_than_the_id_in_an_answer() {
    // TaurusDB allows equal names: there the one that is seen may be a twin.
    let cases = services().into_iter().filter(|service| *service != "taurusdb");
    side_by_side(cases.map(|one| (format!("wrong id × {one}"), Box::pin(wrong_id(one)) as Case)).collect());
}

/// What the answer to a create names in place of the backup that was begun.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Named {
    /// An older backup of the same instance.
    Older,
    /// The same, and the first looks do not show it.
    OlderUnseen,
    /// Nothing that exists.
    Nothing,
}

/// A create that nobody waits for is answered with a wrong id. The one that was begun is found by its name where that is its own, and
/// told where it is not; the other one is never touched.
async fn not_awaited(service: &'static str, named: Named, random: bool) -> Result<(), String> {
    let stage = Stage::new(service, 0.3);
    let wanted = NewBackups {
        instance_id: stage.instance_id.clone(),
        name: Some("colleague-old".to_owned()),
        ..NewBackups::default()
    };
    let older = stage.emulator.add_backups(&wanted).remove(0).id;
    let answered = if named == Named::Nothing { "deadbeefdeadbeefdeadbeefdeadbeefbr02" } else { &*older };
    stage.emulator.fault(Fault::replace(&[("id", answered), ("backup_id", answered)]).on(service).operation("create"));
    if named == Named::OlderUnseen {
        stage.emulator.hide(&older, 600.0);
    }
    let mut arguments = if random { stage.random() } else { stage.fixed() };
    arguments["wait_for_completion"] = json!(false);
    let mut held = Held::default();
    let said = stage.core().await.up(&arguments, &mut held).await;
    let own = stage.rows().remove(0).id;
    let import = format!("{own}@eu-de");
    let tells = |said: &Said| check(said.text().contains(&import), &format!("{own} is not told: {}", said.text()));
    if named == Named::Older {
        red(&said)?;
        tells(&said)?;
        return check(held.id().is_none(), &format!("the state has {:?}", held.object));
    }
    green(&said)?;
    stage.emulator.clear_faults();
    stage.emulator.hide(&older, 0.0);
    until("it is complete", || stage.rows().iter().all(|row| row.status == "COMPLETED")).await?;
    let said = stage.core().await.up(&arguments, &mut held).await;
    if random {
        green(&said)?;
        check(held.id() == Some(&own), &format!("{own} is not in the state: {}", said.text()))?;
        let core = stage.core().await;
        let (settled, said) = core.is_settled(&arguments, &held).await;
        check(settled, &said.text())?;
        stage.destroyed(&mut held).await?;
        check(stage.rows().is_empty(), &format!("left: {:?}", stage.rows()))?;
    } else {
        // Its refresh tells of the other one, or its deletion does: before that, its list may only be behind.
        let said = if said.is_red() { said } else { stage.core().await.down(&mut held).await };
        red(&said)?;
        tells(&said)?;
        check(held.id() == Some(answered), "the state has lost it")?;
        check(stage.rows().len() == 1, "it was deleted, or taken twice")?;
    }
    check(stage.emulator.backup(&older).is_some(), "the older one is gone")
}

#[test]
fn an_answer_that_nobody_looks_behind_takes_nothing_over_and_loses_nothing() {
    let mut cases = Vec::new();
    for service in services() {
        for named in [Named::Older, Named::OlderUnseen, Named::Nothing] {
            for random in [true, false] {
                let name = format!("not awaited × {service} × {named:?} × random {random}");
                cases.push((name, Box::pin(not_awaited(service, named, random)) as Case));
            }
        }
    }
    side_by_side(cases);
}

/// What is done with it while no list shows it yet.
#[derive(Clone, Copy, Debug)]
enum Next {
    Destroy,
    /// A destroy that ends when its deletion was sent, under the id that the cloud shows.
    CutOff,
    /// An apply without a refresh begins to wait for it.
    Wait,
    /// A create whose time was over before it was listed is replaced.
    Replace,
}

/// The answer to a create names nothing that exists, and lists lag: what comes next does not give up looking for the name.
async fn strayed_while_lists_lag(service: &'static str, next: Next) -> Result<(), String> {
    let stage = Stage::new(service, 0.3);
    let waits = matches!(next, Next::Replace);
    let wrong = "deadbeefdeadbeefdeadbeefdeadbeefbr02";
    let fault = Fault::replace(&[("id", wrong), ("backup_id", wrong)]).on(service).operation("create");
    stage.emulator.fault(fault.times(100));
    let mut arguments = stage.random();
    arguments["wait_for_completion"] = json!(waits);
    let mut held = Held::default();
    if waits {
        // What is to miss the end of its create must not be listed before that on a slow machine either.
        stage.blind();
        held = stage.late(&mut arguments).await?.0;
    } else {
        stage.emulator.set_pace(|pace| pace.list_delay_seconds = 6.0);
        green(&stage.core().await.up(&arguments, &mut held).await)?;
    }
    check(held.id() == Some(wrong), &format!("the state has {:?}", held.object))?;
    stage.emulator.clear_faults();
    arguments["timeouts"]["create"] = json!("120s");
    match next {
        Next::Destroy => {
            green(&stage.core().await.down(&mut held).await)?;
            return check(stage.rows().is_empty(), &format!("left: {:?}", stage.rows()));
        }
        Next::CutOff => {
            stage.emulator.set_pace(|pace| pace.delete_seconds = Some(600.0));
            let core = stage.core().await;
            let stop = async {
                let sent = || stage.emulator.journal().iter().any(|call| call.method == "DELETE");
                until("it is deleted", sent).await?;
                core.host.provider().stop_provider(tf::stop_provider::Request {}).await.map_err(|why| why.to_string())
            };
            let (said, stopped) = tokio::join!(core.down(&mut held), stop);
            stopped?;
            red(&said)?;
            let own = stage.rows().remove(0).id;
            check(said.text().contains(&own), &format!("{own} is not told: {}", said.text()))?;
            let said = stage.core().await.refresh(&mut held).await;
            check(held.id().is_some(), &format!("the state forgets what is there: {}", said.text()))?;
            check(stage.emulator.vanish(&own), "its deletion has ended already")?;
            return green(&stage.core().await.down(&mut held).await);
        }
        Next::Wait => {
            arguments["wait_for_completion"] = json!(true);
            let said = stage.core().await.reach(&arguments, &mut held).await;
            red(&said)?;
            let own = stage.rows().remove(0).id;
            check(said.text().contains(&own), &format!("{own} is not told: {}", said.text()))?;
        }
        Next::Replace => {
            // Hosts hand a tainted object over without what says that its name is its own: where several can have it, that is told.
            let core = stage.core().await;
            stage.blind();
            green(&core.refresh(&mut held).await)?;
            let (said, shown) = tokio::join!(core.reach(&arguments, &mut held), stage.blind_for_some_looks());
            shown?;
            if service == "taurusdb" {
                red(&said)?;
                let own = stage.rows().remove(0).id;
                check(said.text().contains(&format!("{own}@eu-de")), &said.text())?;
                return check(held.id() == Some(wrong), "the state forgets it");
            }
        }
    }
    let said = stage.core().await.up(&arguments, &mut held).await;
    stage.complete(&said, &held)?;
    check(stage.rows().len() == 1, &format!("the cloud has {:?}", stage.rows()))
}

#[test]
fn a_name_is_looked_for_as_long_as_its_id_shows_nothing() {
    let mut cases = Vec::new();
    for service in services() {
        for next in [Next::Destroy, Next::CutOff, Next::Wait, Next::Replace] {
            let name = format!("strayed × {service} × {next:?}");
            cases.push((name, Box::pin(strayed_while_lists_lag(service, next)) as Case));
        }
    }
    side_by_side(cases);
}
