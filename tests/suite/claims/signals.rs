//! Signals, with the real CLI: a green apply means a completed backup, whoever is told to end.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

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
    let patience = Instant::now() + Duration::from_mins(5);
    // After a look the answer is read, and the wait has begun.
    let is_looked_at = || {
        let mut calls = stage.emulator.journal().into_iter().skip_while(|call| call.operation != "create");
        calls.any(|call| call.service == stage.service && call.method == "GET")
    };
    while !is_looked_at() {
        check(Instant::now() < patience, "no create came")?;
        std::thread::park_timeout(Duration::from_millis(10));
    }
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

/// The next apply goes on with the same backup, which ends only now: nothing was green before.
fn resumed(stage: &Stage, workspace: &Workspace) -> Result<(), String> {
    for row in stage.rows() {
        check(row.status == "BUILDING" && stage.emulator.set_status(&row.id, "COMPLETED"), &format!("{row:?}"))?;
    }
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
            let stage = Stage::new(service, 600.0);
            tokio::task::spawn_blocking(move || whole_group(&stage)).await.expect("it ends")
        };
        (format!("TERM to the group × {service}"), Box::pin(case) as Case)
    });
    side_by_side(cases.collect());
}

/// A provider that a person runs with `--debug`, and that the workspace's commands use; killed in the end.
struct Debugged(Child);

impl Debugged {
    fn start(workspace: &mut Workspace) -> Result<Self, String> {
        let mut command = workspace.program(Path::new(env!("CARGO_BIN_EXE_terraform-provider-huaweidb")));
        let command = command.arg("--debug").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let mut line = String::new();
        let out = child.stdout.take().ok_or("it has an output")?;
        BufReader::new(out).read_line(&mut line).map_err(|error| error.to_string())?;
        let reattach = line.trim().strip_prefix("TF_REATTACH_PROVIDERS='").and_then(|rest| rest.strip_suffix('\''));
        workspace.set("TF_REATTACH_PROVIDERS", reattach.ok_or(&*line)?);
        Ok(Debugged(child))
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    fn signal(&self, signal: Signal) -> Result<(), String> {
        kill_process(Pid::from_child(&self.0), signal).map_err(|error| error.to_string())
    }
}

impl Drop for Debugged {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whoever ends the provider's process has not asked for less than a whole backup.
fn debugged_and_ended(stage: &Stage, signal: Signal) -> Result<(), String> {
    let mut workspace = configured(stage);
    let mut provider = Debugged::start(&mut workspace)?;
    let mut signalled = Ok(());
    let ran = disturbed(stage, &workspace, |_| {
        // Two that come before the first was heard are one: then it takes another.
        while signalled.is_ok() && !provider.has_ended() {
            signalled = provider.signal(signal);
            std::thread::park_timeout(Duration::from_millis(600));
        }
    })?;
    signalled?;
    check(ran.code != 0, &format!("green: {}", ran.all()))?;
    check(workspace.read_if_there("migrated").is_none(), "the migration ran")?;
    let words = ran.words();
    check(words.contains("Backup was not seen to complete") && !words.contains("Terraform was interrupted"), &words)?;
    let (object, _) = workspace.resource("huaweidb_manual_backup.it").ok_or("the state has forgotten it")?;
    let id = object["id"].as_str().ok_or("without an id")?;
    check(words.contains(id) && words.contains("terraform untaint"), &words)?;
    drop(provider);
    workspace.unset("TF_REATTACH_PROVIDERS");
    workspace.run(&["untaint", "huaweidb_manual_backup.it"]).succeeded();
    resumed(stage, &workspace)
}

/// The host's own stop means the same to a provider that somebody else has started.
fn debugged_and_interrupted(stage: &Stage) -> Result<(), String> {
    let mut workspace = configured(stage);
    let _provider = Debugged::start(&mut workspace)?;
    let ran = disturbed(stage, &workspace, |running| running.signal_if_there(Signal::INT))?;
    check(ran.code != 0 && ran.words().contains("Backup is still running"), &ran.all())?;
    check(workspace.read_if_there("migrated").is_none(), "the migration ran")?;
    let (object, tainted) = workspace.resource("huaweidb_manual_backup.it").ok_or("the state has forgotten it")?;
    check(!tainted && object["status"] == "BUILDING", &format!("the state has {object}, tainted: {tainted}"))?;
    resumed(stage, &workspace)
}

#[test]
fn a_debugged_provider_that_is_ended_makes_nothing_green_and_a_hosts_stop_does() {
    let cases = services().into_iter().flat_map(|service| {
        [None, Some(Signal::INT), Some(Signal::TERM)].map(|signal| {
            let case = async move {
                let stage = Stage::new(service, 600.0);
                let run = move || match signal {
                    Some(signal) => debugged_and_ended(&stage, signal),
                    None => debugged_and_interrupted(&stage),
                };
                tokio::task::spawn_blocking(run).await.expect("it ends")
            };
            (format!("--debug, twice {signal:?} × {service}"), Box::pin(case) as Case)
        })
    });
    side_by_side(cases.collect());
}
