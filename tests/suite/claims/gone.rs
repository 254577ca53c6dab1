//! This backup is gone.

use huaweidb::backup::ALL;
use huaweidb_emulator::{About, Code, Fault, FaultKind, ForeignProject, GoneInstance, JobEnd, codes};
use serde_json::{Value as Json, json};

use super::{Case, Stage, check, green, red, services, side_by_side, until};
use crate::support::core::{Core, Held};
use crate::support::proto::tfplugin6 as tf;

/// Somebody who looks from another place.
#[derive(Clone, Copy, Debug)]
enum Place {
    Project,
    Region,
    /// Through an agency.
    Assumed,
    /// With a key of another account.
    Account,
    /// The same, but for the project, in a cloud that shows it to them as if it were empty.
    Pinned,
}

const PLACES: [Place; 5] = [Place::Project, Place::Region, Place::Assumed, Place::Account, Place::Pinned];

async fn from_another_place(service: &'static str, place: Place, protected: bool) -> Result<(), String> {
    let stage = Stage::new(service, 0.3);
    let emulator = &stage.emulator;
    let mut arguments = stage.random();
    arguments["deletion_protection"] = json!(protected);
    let before = stage.completed(&arguments).await?;
    let variables: Vec<(&str, String)> = match place {
        Place::Project => vec![("HW_PROJECT_ID", emulator.project_id_of(&emulator.domain_name(), "eu-de_team1"))],
        Place::Region => {
            vec![("HW_REGION_NAME", "eu-nl".to_owned()), ("HW_PROJECT_ID", emulator.project_id_in("eu-nl"))]
        }
        Place::Assumed => {
            let (domain, _, agency) = emulator.delegation();
            vec![
                ("HW_PROJECT_ID", emulator.delegated_project_id("eu-de")),
                ("HW_ASSUME_ROLE_AGENCY_NAME", agency),
                ("HW_ASSUME_ROLE_DOMAIN_NAME", domain),
            ]
        }
        Place::Account => {
            let (account, _) = emulator.neighbour();
            let (access_key, secret_key) = emulator.issue_key(&account, None);
            let project_id = emulator.project_id_of(&account, "eu-de");
            vec![("HW_ACCESS_KEY", access_key), ("HW_SECRET_KEY", secret_key), ("HW_PROJECT_ID", project_id)]
        }
        Place::Pinned => {
            emulator.set_modes(|modes| modes.foreign_project = ForeignProject::Empty);
            let (access_key, secret_key) = emulator.issue_key(&emulator.neighbour().0, None);
            vec![("HW_ACCESS_KEY", access_key), ("HW_SECRET_KEY", secret_key)]
        }
    };
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    emulator.clear_journal();
    // A plan and a refresh begin with this; a destroy without a refresh does not.
    for refreshes in [true, false] {
        let mut held = before.clone();
        let core = Core::launch(emulator, &variables).await;
        let said = if refreshes { core.refresh(&mut held).await } else { core.reach(&Json::Null, &mut held).await };
        // A state has its region: it is looked for there, or not at all.
        if let (Place::Region, true, false) = (place, refreshes, said.is_red()) {
            return check(held.id() == before.id(), "the refresh has lost it");
        }
        red(&said).map_err(|why| format!("{why} (a refresh: {refreshes})"))?;
        check(held.object == before.object, "the state has changed")?;
    }
    // The project is the right one: a destroy without a refresh sends its delete, and those keys delete nothing.
    let may_send = matches!(place, Place::Pinned);
    let sent = emulator.journal().into_iter().find(|call| call.service == service && call.method != "GET");
    check(sent.is_none() || may_send, &format!("something was sent: {sent:?}"))?;
    check(stage.row(&before).is_some(), "the backup was deleted")
}

#[test]
fn from_another_place_nothing_is_gone() {
    let mut cases = Vec::new();
    for service in services() {
        for place in PLACES {
            for protected in [false, true] {
                let name = format!("{place:?} × {service} × protected: {protected}");
                cases.push((name, Box::pin(from_another_place(service, place, protected)) as Case));
            }
        }
    }
    side_by_side(cases);
}

/// A project of one's own, given by its id, in which the last instance is gone, and the backup with it.
async fn in_an_empty_project(service: &'static str) -> Result<(), String> {
    let stage = Stage::new(service, 0.3);
    let mut held = stage.completed(&stage.random()).await?;
    for row in stage.emulator.instances().into_iter().filter(|row| row.service == service) {
        stage.emulator.remove_instance(&row.id);
    }
    check(stage.emulator.vanish(held.id().ok_or("no id")?), "it is there no more")?;
    green(&stage.core().await.refresh(&mut held).await)?;
    check(held.object.is_null(), "what is gone stays in the state")
}

/// Where backups are shown only by their instance, and that is gone, none of them is known to be gone.
async fn only_its_instance_showed_it(service: &'static str, gone_instance: GoneInstance) -> Result<(), String> {
    let stage = Stage::new(service, 0.3);
    let mut held = stage.completed(&stage.random()).await?;
    let before = held.clone();
    stage.emulator.remove_instance(&stage.instance_id);
    stage.emulator.set_modes(|modes| modes.gone_instance = gone_instance);
    for arguments in [Some(stage.random()), None] {
        let said = match arguments {
            Some(_) => stage.core().await.refresh(&mut held).await,
            None => stage.core().await.down(&mut held).await,
        };
        red(&said)?;
        check(held.object == before.object, "the state has changed")?;
        for word in ["-refresh=false", "state rm", "may outlive"] {
            check(said.text().contains(word), &format!("no word of {word}: {}", said.text()))?;
        }
    }
    check(stage.row(&before).is_some_and(|row| row.status == "COMPLETED"), "the backup was deleted")?;
    // As it says: by its id it is deleted, and forgotten where that can be told.
    let said = stage.core().await.reach(&Json::Null, &mut held).await;
    until("it is gone", || stage.row(&before).is_none()).await?;
    match gone_instance {
        GoneInstance::Refused => {
            red(&said)?;
            check(said.text().contains("state rm"), &said.text())
        }
        GoneInstance::Empty | GoneInstance::Listed => green(&said),
    }
}

#[test]
fn what_outlives_the_instance_that_shows_it_is_not_gone() {
    let by_instance = ALL.iter().map(|one| one.facts()).filter(|facts| facts.needs_instance);
    let cases = by_instance.flat_map(|facts| {
        [GoneInstance::Refused, GoneInstance::Empty].map(|mode| {
            let name = format!("gone instance {mode:?} × {}", facts.key());
            (name, Box::pin(only_its_instance_showed_it(facts.key(), mode)) as Case)
        })
    });
    side_by_side(cases.collect());
}

#[test]
fn in_an_empty_project_what_is_gone_leaves_the_state() {
    let cases = services()
        .into_iter()
        .filter(|service| !huaweidb::backup::named(service).expect("it is there").facts().needs_instance)
        .map(|service| (format!("empty project × {service}"), Box::pin(in_an_empty_project(service)) as Case));
    side_by_side(cases.collect());
}

async fn one_empty_list(service: &'static str) -> Result<(), String> {
    let stage = Stage::new(service, 0.3);
    let before = stage.completed(&stage.random()).await?;
    for skip in 0..2 {
        let mut held = before.clone();
        stage.emulator.fault(Fault::new(FaultKind::EmptyList).on(service).path("/backups").skip(skip));
        let said = stage.core().await.up(&stage.random(), &mut held).await;
        green(&said)?;
        check(held.id() == before.id(), &format!("another one was taken: {:?}", held.id()))?;
        stage.emulator.clear_faults();
    }
    check(stage.emulator.totals().created == 1, "a second backup was taken")
}

#[test]
fn one_empty_list_is_no_proof() {
    let cases = services()
        .into_iter()
        .map(|service| (format!("one empty list × {service}"), Box::pin(one_empty_list(service)) as Case));
    side_by_side(cases.collect());
}

/// A word about the instance is no word about the backup.
async fn no_instance(service: &'static str, code: &'static Code) -> Result<(), String> {
    let stage = Stage::new(service, 0.3);
    let before = stage.completed(&stage.random()).await?;
    stage.emulator.fault(Fault::documented(code).on(service).method("GET").path("/backups").times(100_000));
    let mut held = before.clone();
    red(&stage.core().await.refresh(&mut held).await)?;
    check(held.object == before.object, "the state has changed")?;
    check(stage.row(&before).is_some_and(|row| row.status == "COMPLETED"), "the backup was deleted")
}

#[test]
fn a_word_about_the_instance_is_no_word_about_the_backup() {
    let mut cases = Vec::new();
    for service in services() {
        for code in codes(service, About::Instance) {
            let name = format!("{} {} × {service}", code.status, code.code);
            cases.push((name, Box::pin(no_instance(service, code)) as Case));
        }
    }
    side_by_side(cases);
}

async fn busy(service: &'static str, code: &'static Code) -> Result<(), String> {
    let stage = Stage::new(service, 0.3);
    stage.emulator.fault(Fault::documented(code).on(service).operation("create"));
    let mut held = stage.completed(&stage.random()).await?;
    for operation in ["delete", "batch_delete"] {
        stage.emulator.fault(Fault::documented(code).on(service).operation(operation));
    }
    stage.destroyed(&mut held).await?;
    check(stage.emulator.totals().created == 1, "made more than once")
}

#[test]
fn a_busy_instance_is_waited_for() {
    let mut cases = Vec::new();
    for service in services() {
        for code in codes(service, About::Busy) {
            let name = format!("{} {} × {service}", code.status, code.code);
            cases.push((name, Box::pin(busy(service, code)) as Case));
        }
    }
    side_by_side(cases);
}

async fn not_done(service: &'static str, job: JobEnd, hidden_ms: Option<u64>) -> Result<(), String> {
    let stage = Stage::new(service, 0.3);
    let mut arguments = stage.random();
    arguments["timeouts"]["delete"] = json!("8s");
    let mut held = stage.completed(&arguments).await?;
    for operation in ["delete", "batch_delete"] {
        let undone = Fault { hidden_ms, ..Fault::undone(job) };
        stage.emulator.fault(undone.on(service).operation(operation).times(100_000));
    }
    let said = stage.core().await.down(&mut held).await;
    red(&said)?;
    check(held.id().is_some(), "the state has forgotten it")?;
    stage.calm();
    held.object["timeouts"]["delete"] = json!("120s");
    stage.destroyed(&mut held).await
}

/// How the question by the id is answered.
#[derive(Clone, Copy, Debug)]
enum OneAnswer {
    Empty,
    /// The backup's own word for "not there".
    Code,
}

/// The question by its id is answered as if it were gone; the list of its instance shows it.
async fn not_done_and_not_shown(service: &'static str, answer: OneAnswer) -> Result<(), String> {
    let stage = Stage::new(service, 0.3);
    let mut arguments = stage.random();
    arguments["timeouts"]["delete"] = json!("8s");
    let mut held = stage.completed(&arguments).await?;
    for operation in ["delete", "batch_delete"] {
        stage.emulator.fault(Fault::undone(JobEnd::Completed).on(service).operation(operation).times(100_000));
    }
    let by_id = match answer {
        OneAnswer::Empty => Fault::new(FaultKind::EmptyList),
        OneAnswer::Code => Fault::documented(codes(service, About::Backup).next().expect("there is one")),
    };
    stage.emulator.fault(by_id.on(service).query("backup_id").times(100_000));
    // Without the refresh before it, where the same would be an absence like any other.
    let said = stage.core().await.reach(&Json::Null, &mut held).await;
    red(&said)?;
    check(held.id().is_some(), "the state has forgotten it")?;
    stage.calm();
    held.object["timeouts"]["delete"] = json!("120s");
    stage.destroyed(&mut held).await
}

#[test]
fn a_deletion_that_is_not_done_is_no_success() {
    let mut cases = Vec::new();
    for service in services() {
        for (job, hidden_ms) in [
            (JobEnd::Completed, None),
            (JobEnd::Failed, None),
            (JobEnd::Running, None),
            (JobEnd::Running, Some(700)),
            (JobEnd::Failed, Some(700)),
            (JobEnd::Running, Some(5_000)),
            (JobEnd::Failed, Some(5_000)),
        ] {
            // Where no job is named, only time tells, and so long nobody waits.
            if hidden_ms == Some(5_000) && !matches!(service, "dds" | "geminidb") {
                continue;
            }
            let name = format!("not done × {service} × {job:?} × {hidden_ms:?}");
            cases.push((name, Box::pin(not_done(service, job, hidden_ms)) as Case));
        }
        for answer in [OneAnswer::Empty, OneAnswer::Code] {
            let name = format!("not done, and one question does not show it × {service} × {answer:?}");
            cases.push((name, Box::pin(not_done_and_not_shown(service, answer)) as Case));
        }
    }
    side_by_side(cases);
}

/// A destroy of what was begun and never listed.
async fn never_listed(service: &'static str, lag: f64) -> Result<(), String> {
    let stage = Stage::new(service, 1.0);
    stage.emulator.set_pace(|pace| pace.list_delay_seconds = lag);
    let mut arguments = stage.random();
    arguments["wait_for_completion"] = json!(false);
    let mut held = Held::default();
    green(&stage.core().await.up(&arguments, &mut held).await)?;
    let said = stage.core().await.down(&mut held).await;
    if said.is_red() {
        check(held.id().is_some(), "a red destroy forgets it")?;
        tokio::time::sleep(std::time::Duration::from_secs_f64(lag)).await;
        return stage.destroyed(&mut held).await;
    }
    // Some deletions are under way for a moment.
    let left = stage.rows();
    check(left.is_empty(), &format!("a green destroy leaves {left:?}"))
}

#[test]
fn what_was_never_listed_is_not_gone() {
    let mut cases = Vec::new();
    for service in services() {
        for lag in [9.0, 25.0] {
            cases.push((format!("never listed × {service} × {lag} s"), Box::pin(never_listed(service, lag)) as Case));
        }
    }
    side_by_side(cases);
}

/// What a create leaves whose time was over before any list showed its backup, and arguments with such a limit for its deletion.
async fn unseen_and_tainted(stage: &Stage, delete: &str) -> Result<(Json, Held), String> {
    stage.blind();
    let mut arguments = stage.random();
    arguments["timeouts"]["delete"] = json!(delete);
    let (held, _) = stage.late(&mut arguments).await?;
    check(held.tainted, "it is not tainted")?;
    arguments["timeouts"]["create"] = json!("120s");
    Ok((arguments, held))
}

fn nothing_else_is_there(stage: &Stage, held: &Held) -> Result<(), String> {
    let left = stage.rows();
    check(left.len() == 1 && held.id() == Some(&left[0].id), &format!("the cloud has {left:?}"))
}

/// What was begun and never listed is tainted, and the next apply replaces it: hosts hand it over without what is stored beside it.
async fn tainted(service: &'static str, refreshes: bool) -> Result<(), String> {
    let stage = Stage::new(service, 1.0);
    let (arguments, mut held) = unseen_and_tainted(&stage, "120s").await?;
    let core = stage.core().await;
    if refreshes {
        green(&core.refresh(&mut held).await)?;
    }
    let (said, shown) = tokio::join!(core.reach(&arguments, &mut held), stage.blind_for_some_looks());
    shown?;
    green(&said)?;
    nothing_else_is_there(&stage, &held)
}

/// The same, where deletions end before a list shows it: what comes next knows no more than they did.
async fn tainted_and_late(service: &'static str) -> Result<(), String> {
    let stage = Stage::new(service, 1.0);
    let (mut arguments, mut held) = unseen_and_tainted(&stage, "3s").await?;
    let id = held.id().map(str::to_owned);
    for _ in 0..2 {
        red(&stage.core().await.up(&arguments, &mut held).await)?;
        check(held.id() == id.as_deref(), "the state forgets it")?;
    }
    check(stage.emulator.totals().deleted == 0, "a delete was sent for what nobody has seen")?;
    // The last one has time enough on any machine: one that ends when its delete was sent is another story.
    arguments["timeouts"]["delete"] = json!("120s");
    held.object["timeouts"]["delete"] = json!("120s");
    let core = stage.core().await;
    green(&core.refresh(&mut held).await)?;
    let (said, shown) = tokio::join!(core.reach(&arguments, &mut held), stage.blind_for_some_looks());
    shown?;
    green(&said)?;
    nothing_else_is_there(&stage, &held)
}

/// The same, where the run ends when the deletion was sent, and the backup is gone before another one looks: what was deleted was seen.
async fn tainted_and_leaving(service: &'static str) -> Result<(), String> {
    let stage = Stage::new(service, 1.0);
    let (arguments, mut held) = unseen_and_tainted(&stage, "120s").await?;
    let old = held.id().ok_or("no id")?.to_owned();
    stage.emulator.set_pace(|pace| pace.delete_seconds = Some(600.0));
    let core = stage.core().await;
    green(&core.refresh(&mut held).await)?;
    let stop = async {
        stage.blind_for_some_looks().await?;
        until("it is deleted", || stage.emulator.journal().iter().any(|call| call.method == "DELETE")).await?;
        core.host.provider().stop_provider(tf::stop_provider::Request {}).await.map_err(|why| why.to_string())
    };
    let (said, stopped) = tokio::join!(core.reach(&arguments, &mut held), stop);
    stopped?;
    red(&said)?;
    check(held.id() == Some(&old) && stage.emulator.vanish(&old), "it is not being deleted")?;
    stage.calm();
    green(&stage.core().await.up(&arguments, &mut held).await)?;
    nothing_else_is_there(&stage, &held)
}

#[test]
fn a_tainted_backup_that_was_never_listed_is_deleted_before_it_is_replaced() {
    let mut cases = Vec::new();
    for service in services() {
        let name = format!("tainted and late × {service}");
        cases.push((name, Box::pin(tainted_and_late(service)) as Case));
        let name = format!("tainted and leaving × {service}");
        cases.push((name, Box::pin(tainted_and_leaving(service)) as Case));
        for refreshes in [true, false] {
            let name = format!("tainted × {service} × refreshed {refreshes}");
            cases.push((name, Box::pin(tainted(service, refreshes)) as Case));
        }
    }
    side_by_side(cases);
}

/// A destroy that was interrupted after its delete was sent: the next run builds on nothing that is about to go. Nor does it where
/// that delete had no answer and a second one was refused.
async fn interrupted(service: &'static str, lost: bool) -> Result<(), String> {
    let stage = Stage::new(service, 0.3);
    let arguments = stage.random();
    let mut held = stage.completed(&arguments).await?;
    let old = held.id().ok_or("no id")?.to_owned();
    stage.emulator.set_pace(|pace| pace.delete_seconds = Some(600.0));
    stage.emulator.clear_journal();
    let core = stage.core().await;
    if lost {
        let delete = |fault: Fault| fault.on(service).operation("delete");
        stage.emulator.fault(delete(Fault::new(FaultKind::CloseAfter)));
        stage.emulator.fault(delete(Fault::status(400).body(json!({}))).times(1000));
    }
    let stop = async {
        let journal = || stage.emulator.journal();
        until("it is deleted", || journal().iter().any(|call| call.method == "DELETE")).await?;
        if lost {
            // Whoever looks after it waits until the end.
            stage.emulator.fault(Fault::delay(60_000).on(service).method("GET").path("/backups").times(1000));
            until("it is looked for", || journal().last().is_some_and(|call| call.method == "GET")).await?;
        }
        core.host.provider().stop_provider(tf::stop_provider::Request {}).await.map_err(|why| why.to_string())
    };
    let (said, stopped) = tokio::join!(core.down(&mut held), stop);
    stopped?;
    red(&said)?;
    check(said.text().contains("A deletion of the backup"), &said.text())?;
    stage.emulator.clear_faults();
    let core = stage.core().await;
    stage.emulator.clear_journal();
    let ends = async {
        until("it is looked for", || !stage.emulator.journal().is_empty()).await?;
        check(stage.emulator.vanish(&old), "its deletion has ended already")
    };
    let (said, ended) = tokio::join!(core.up(&arguments, &mut held), ends);
    ended?;
    green(&said)?;
    let said = core.refresh(&mut held).await;
    stage.complete(&said, &held)?;
    check(stage.rows().len() == 1, &format!("{:?}", stage.rows()))
}

#[test]
fn what_an_interrupted_destroy_deletes_is_not_built_upon() {
    let mut cases = Vec::new();
    for service in services() {
        for lost in [false, true] {
            let name = format!("interrupted destroy × {service} × lost: {lost}");
            cases.push((name, Box::pin(interrupted(service, lost)) as Case));
        }
    }
    side_by_side(cases);
}

/// A deletion that is accepted and not done, with limits that end before it must have shown its effect: the way out that is told
/// deletes it.
async fn never_done(service: &'static str, job: JobEnd) -> Result<(), String> {
    let stage = Stage::new(service, 0.3);
    let mut arguments = stage.random();
    arguments["timeouts"]["delete"] = json!("15s");
    arguments["timeouts"]["read"] = json!("15s");
    let mut held = stage.completed(&arguments).await?;
    let id = held.id().map(str::to_owned);
    stage.emulator.fault(Fault::undone(job).on(service).operation("delete"));
    red(&stage.core().await.down(&mut held).await)?;
    check(held.id() == id.as_deref(), "the state forgets what is there")?;
    // Until a minute has passed it may be on its way.
    let said = stage.core().await.refresh(&mut held).await;
    check(!said.is_red() || said.text().contains("-refresh=false"), &said.text())?;
    check(held.id() == id.as_deref() && stage.row(&held).is_some(), "the refresh has lost it")?;
    held.object["timeouts"]["delete"] = json!("120s");
    green(&stage.core().await.reach(&Json::Null, &mut held).await)?;
    let left = id.and_then(|id| stage.emulator.backup(&id));
    check(left.is_none(), &format!("a green destroy leaves {left:?}"))
}

#[test]
fn a_deletion_that_was_not_done_has_a_way_out() {
    let mut cases = Vec::new();
    for service in services() {
        for job in [JobEnd::Completed, JobEnd::Failed] {
            let name = format!("undone deletion × {service} × job {job:?}");
            cases.push((name, Box::pin(never_done(service, job)) as Case));
        }
    }
    side_by_side(cases);
}
