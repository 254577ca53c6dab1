//! Signals, with the real CLI: a green apply means a completed backup, whoever is told to end.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{Case, PREFIX, Stage, check, services, side_by_side};
use crate::support::cli::{Ran, Running, Workspace};

/// A backup, and a migration that must not run before it is complete.
fn configured(stage: &Stage) -> Workspace {
    let workspace = Workspace::new(&stage.emulator);
    workspace.configure(&format!(
        "resource \"huaweidb_manual_backup\" \"it\" {{\n  service     = \"{}\"\n  instance_id = \"{}\"\n  name_prefix = \
         \"{PREFIX}\"\n}}\n\nresource \"terraform_data\" \"migration\" {{\n  depends_on = [huaweidb_manual_backup.it]\n\n  \
         provisioner \"local-exec\" {{\n    command = \"touch migrated\"\n  }}\n}}\n",
        stage.service, stage.instance_id
    ));
    workspace
}

fn created(stage: &Stage) -> Result<(), String> {
    let patience = Instant::now() + Duration::from_mins(1);
    while stage.emulator.totals().created == 0 {
        check(Instant::now() < patience, "no create came")?;
        std::thread::park_timeout(Duration::from_millis(10));
    }
    // The answer is read by now, and the wait has begun.
    std::thread::park_timeout(Duration::from_millis(300));
    Ok(())
}

/// Applies, and does this to it when the backup has begun.
fn disturbed(stage: &Stage, workspace: &Workspace, signal: impl FnOnce(&mut Running)) -> Result<Ran, String> {
    let mut running = workspace.start(&["apply", "-auto-approve"]);
    created(stage)?;
    signal(&mut running);
    Ok(running.finished())
}

fn is_complete(stage: &Stage) -> bool {
    stage.rows().iter().any(|row| row.status == "COMPLETED")
}

/// The next apply goes on with the same backup.
fn resumed(stage: &Stage, workspace: &Workspace) -> Result<(), String> {
    let ran = workspace.run(&["apply", "-auto-approve"]);
    check(ran.code == 0 && is_complete(stage), &format!("the next apply: {}", ran.all()))?;
    check(stage.emulator.totals().created == 1, "made more than once")
}

fn whole_group(stage: &Stage) -> Result<(), String> {
    let workspace = configured(stage);
    let ran = disturbed(stage, &workspace, |running| running.signal_if_there(Signal::TERM))?;
    check(ran.code != 0, &format!("green: {}", ran.all()))?;
    check(workspace.read_if_there("migrated").is_none(), "the migration ran")?;
    let (object, tainted) = workspace.resource("huaweidb_manual_backup.it").ok_or("the state has forgotten it")?;
    check(!tainted && object["id"].is_string(), &format!("the state has {object}, tainted: {tainted}"))?;
    resumed(stage, &workspace)
}

#[test]
fn a_supervisor_that_ends_the_group_interrupts_and_the_next_apply_goes_on() {
    let cases = services().into_iter().map(|service| {
        let case = async move {
            let stage = Stage::new(service, 4.0);
            tokio::task::spawn_blocking(move || whole_group(&stage)).await.expect("it ends")
        };
        (format!("TERM to the group × {service}"), Box::pin(case) as Case)
    });
    side_by_side(cases.collect());
}
