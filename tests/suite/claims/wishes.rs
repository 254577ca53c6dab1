//! Nothing is deleted for less than a wish.

use huaweidb_emulator::Description;
use serde_json::{Value as Json, json};

use super::{Case, PREFIX, Stage, check, green, services, side_by_side};
use crate::support::cli::Workspace;
use crate::support::core::Held;

/// The service changes a description on the way: no reason to take another backup.
async fn rewritten(service: &'static str, mode: Description) -> Result<(), String> {
    let stage = Stage::new(service, 0.3);
    stage.emulator.set_modes(|modes| modes.description = mode);
    let mut arguments = stage.random();
    arguments["description"] = json!("before the move: 2/3  of M\u{fc}ller ");
    let mut held = Held::default();
    let core = stage.core().await;
    let said = core.up(&arguments, &mut held).await;
    stage.complete(&said, &held)?;
    check(held.object["description"] == arguments["description"], "the state has other words")?;
    for _ in 0..2 {
        green(&core.refresh(&mut held).await)?;
        let (settled, said) = core.is_settled(&arguments, &held).await;
        check(settled, &format!("the next plan is not empty: {}; {}", said.text(), held.object["description"]))?;
    }
    check(stage.emulator.totals().created == 1, "made more than once")
}

#[test]
fn a_description_that_the_service_changes_replaces_nothing() {
    let modes =
        [Description::Trimmed, Description::Escaped, Description::Rewritten, Description::Cut, Description::Dropped];
    let mut cases = Vec::new();
    for service in services() {
        for mode in modes {
            cases.push((format!("{mode:?} × {service}"), Box::pin(rewritten(service, mode)) as Case));
        }
    }
    side_by_side(cases);
}

/// A word that this version does not know keeps the backup.
async fn unknown_word(service: &'static str) -> Result<(), String> {
    let stage = Stage::new(service, 0.3);
    let mut held = stage.completed(&stage.random()).await?;
    let id = held.id().unwrap_or_default().to_owned();
    held.object["on_destroy"] = json!("explode");
    stage.core().await.reach(&Json::Null, &mut held).await;
    check(stage.emulator.backup(&id).is_some(), "it was deleted")
}

#[test]
fn a_word_that_is_not_known_keeps_the_backup() {
    let cases =
        services().into_iter().map(|service| (format!("unknown × {service}"), Box::pin(unknown_word(service)) as Case));
    side_by_side(cases.collect());
}

fn resource(stage: &Stage, name: &str, more: &str) -> String {
    format!(
        "resource \"huaweidb_manual_backup\" \"{name}\" {{\n  service     = \"{}\"\n  instance_id = \"{}\"\n  \
         name_prefix = \"{PREFIX}\"\n  on_destroy  = \"retain\"\n{more}\n}}\n",
        stage.service, stage.instance_id
    )
}

/// Applies, and expects that a plan was refused, or that the next plan is empty and everything managed is there.
fn rotated(stage: &Stage, workspace: &Workspace, managed: usize) -> Result<(), String> {
    let ran = workspace.run(&["apply", "-auto-approve"]);
    if ran.code != 0 {
        let refused = stage.emulator.totals().created == 0;
        return check(refused, &format!("refused, but not in the plan: {}", ran.all()));
    }
    check(stage.rows().len() == managed, &format!("of {managed} managed there are {:?}", stage.rows()))?;
    let again = workspace.run(&["plan", "-detailed-exitcode"]);
    check(again.code == 0, &format!("the next plan is not empty: {}", again.all()))
}

/// Three with one prefix, each of which keeps the last one.
async fn three_of_one_prefix(service: &'static str) -> Result<(), String> {
    let stage = Stage::new(service, 0.3);
    let ended = tokio::task::spawn_blocking(move || {
        let workspace = Workspace::new(&stage.emulator);
        workspace.configure(&resource(&stage, "it", "  count       = 3\n  keep_last   = 1"));
        rotated(&stage, &workspace, 3)
    });
    ended.await.expect("it ends")
}

/// A protected backup of one resource under another's rotation.
async fn protected(service: &'static str) -> Result<(), String> {
    let stage = Stage::new(service, 0.3);
    let ended = tokio::task::spawn_blocking(move || {
        let workspace = Workspace::new(&stage.emulator);
        let kept = resource(&stage, "kept", "  deletion_protection = true");
        workspace.configure(&kept);
        workspace.apply();
        let rotating = resource(&stage, "rotating", "  keep_last   = 1\n  depends_on  = [huaweidb_manual_backup.kept]");
        workspace.configure(&format!("{kept}\n{rotating}"));
        let ran = workspace.run(&["apply", "-auto-approve"]);
        let deleted = stage.emulator.totals().deleted;
        check(deleted == 0, &format!("{deleted} deleted: {}", ran.all()))?;
        if ran.code == 0 {
            let again = workspace.run(&["plan", "-detailed-exitcode"]);
            check(again.code == 0, &format!("the next plan is not empty: {}", again.all()))?;
        }
        Ok(())
    });
    ended.await.expect("it ends")
}

/// One that rotates is planned again and again, replaced because it must be or because somebody wants it: that is one.
async fn one_alone(service: &'static str) -> Result<(), String> {
    let stage = Stage::new(service, 0.3);
    let ended = tokio::task::spawn_blocking(move || {
        let workspace = Workspace::new(&stage.emulator);
        let rotating = |run: u32| {
            resource(&stage, "rotating", &format!("  keep_last   = 2\n  triggers    = {{ run = \"{run}\" }}"))
        };
        workspace.configure(&rotating(0));
        workspace.apply();
        for run in 1..4 {
            workspace.configure(&rotating(run));
            workspace.apply();
        }
        workspace.run(&["apply", "-auto-approve", "-replace=huaweidb_manual_backup.rotating"]).succeeded();
        workspace.run(&["taint", "huaweidb_manual_backup.rotating"]).succeeded();
        workspace.run(&["apply", "-auto-approve", "-refresh=false"]).succeeded();
        check(stage.rows().len() == 2, &format!("two were to be kept, and there are {:?}", stage.rows()))?;
        let again = workspace.run(&["plan", "-detailed-exitcode"]);
        check(again.code == 0, &format!("the next plan is not empty: {}", again.all()))
    });
    ended.await.expect("it ends")
}

/// The service's clock is set back between two runs: what was announced to go counts as the newer one. It stays, and that is said.
async fn clock_set_back(service: &'static str) -> Result<(), String> {
    let stage = Stage::new(service, 0.3);
    let ended = tokio::task::spawn_blocking(move || {
        let workspace = Workspace::new(&stage.emulator);
        let rotating = |run: u32| {
            resource(&stage, "rotating", &format!("  keep_last   = 1\n  triggers    = {{ run = \"{run}\" }}"))
        };
        workspace.configure(&rotating(0));
        workspace.apply();
        let first = stage.rows().pop().expect("one was taken").id;
        stage.emulator.set_pace(|pace| pace.begin_off_seconds = -120.0);
        workspace.configure(&rotating(1));
        let ran =
            workspace.apply().says("Older backups will be deleted").says("until a rotation of its prefix deletes it");
        check(stage.rows().len() == 2, &format!("two were to be left, and there are {:?}", stage.rows()))?;
        let said = ran.words();
        let told = said.contains("Older backup was not deleted")
            && said.contains(&format!("The backup {first} of the same prefix is left"));
        check(told, &format!("nothing is said of what stays: {said}"))?;
        let again = workspace.run(&["plan", "-detailed-exitcode"]);
        check(again.code == 0, &format!("the next plan is not empty: {}", again.all()))
    });
    ended.await.expect("it ends")
}

#[test]
fn a_rotation_deletes_nothing_that_is_managed() {
    let mut cases = Vec::new();
    for service in services() {
        cases.push((format!("three of one prefix × {service}"), Box::pin(three_of_one_prefix(service)) as Case));
        cases.push((format!("one alone × {service}"), Box::pin(one_alone(service)) as Case));
        cases.push((format!("protected × {service}"), Box::pin(protected(service)) as Case));
        cases.push((format!("clock set back × {service}"), Box::pin(clock_set_back(service)) as Case));
    }
    side_by_side(cases);
}
