//! The same work on the same emulator with the official provider, one run after the other.

use std::path::{Path, PathBuf};

use huaweidb_emulator::{BackupRow, Emulator, Fault, Options};

use crate::cli::{Folder, Ran, Whose};
use crate::rows::{PLAN, count, megabytes, ms, project};
use crate::table::{Problem, Report, median};

const APPLY: &[&str] = &["apply", "-no-color", "-auto-approve"];
const DESTROY: &[&str] = &["destroy", "-no-color", "-auto-approve"];
/// The name that the backups of [`alone`] have.
const NAME: &str = "bench-peer";

/// What a run cost.
struct Cost {
    ran: Ran,
    calls: f64,
}

/// All rows; nothing when `PEER` names no binary.
pub(crate) fn peer(report: &mut Report, binary: &Path) -> Result<(), Problem> {
    let Some(peer) = std::env::var_os("PEER").filter(|path| !path.is_empty()).map(PathBuf::from) else {
        report.say("   PEER names no binary: nothing to compare with");
        return Ok(());
    };
    let both = [(Whose::Ours, binary), (Whose::Peer, peer.as_path())];
    validate(report, both)?;
    for service in ["dds", "geminidb", "taurusdb", "rds", "gaussdb"] {
        life(report, both, service)?;
    }
    refresh(report, both)?;
    throttled(report, both)
}

type Both<'a> = [(Whose, &'a Path); 2];

fn validate(report: &mut Report, both: Both<'_>) -> Result<(), Problem> {
    let mut medians = Vec::new();
    for (whose, binary) in both {
        let emulator = Emulator::start_now(&Options::default())?;
        let folder = alone(whose, binary, &emulator, "dds")?;
        let mut runs = Vec::new();
        for _ in 0..5 {
            runs.push(ms(folder.run(&["validate", "-no-color"])?.took));
        }
        report.raw(&format!("validate, {}", word(whose)), "ms", &runs);
        medians.push(median(&runs));
    }
    report.beside("beside the peer: `validate`", medians[0], medians[1], "ms");
    Ok(())
}

/// Apply, plan and destroy of one backup that takes a second.
fn life(report: &mut Report, both: Both<'_>, service: &str) -> Result<(), Problem> {
    let mut costs: Vec<Vec<Cost>> = Vec::new();
    for (whose, binary) in both {
        let emulator = Emulator::start_now(&Options::with_backups_of(1.0))?;
        let folder = alone(whose, binary, &emulator, service)?;
        let steps = [APPLY, PLAN, DESTROY].map(|arguments| cost(&emulator, &folder, arguments));
        costs.push(steps.into_iter().collect::<Result<_, _>>()?);
        let left: Vec<_> = of_ours(&emulator).map(|backup| format!("{} is {}", backup.id, backup.status)).collect();
        match whose {
            Whose::Ours if !left.is_empty() => return Err(format!("after the destroy {}", left.join(", ")).into()),
            Whose::Peer if !left.is_empty() => {
                report.note(&format!("{service}, left by the peer's destroy"), &left.join(", "));
            }
            _ => {}
        }
    }
    for ((step, ours), theirs) in ["apply", "plan", "destroy"].iter().zip(&costs[0]).zip(&costs[1]) {
        row(report, &format!("{service}, {step} of one backup of 1 s"), ours, theirs);
    }
    Ok(())
}

/// Plans of many that are there.
fn refresh(report: &mut Report, both: Both<'_>) -> Result<(), Problem> {
    for size in [100, 1000] {
        let mut costs = Vec::new();
        for (whose, binary) in both {
            let (emulator, backups) = project("dds", size, 50)?;
            let mut folder = Folder::of(whose, binary)?;
            folder.with_backups(&emulator, &backups)?;
            costs.push(cost(&emulator, &folder, PLAN)?);
        }
        row(report, &format!("refresh of {size}"), &costs[0], &costs[1]);
    }
    Ok(())
}

/// An apply in which the gateway says once that there were too many calls.
fn throttled(report: &mut Report, both: Both<'_>) -> Result<(), Problem> {
    let mut ends = Vec::new();
    for (whose, binary) in both {
        let emulator = Emulator::start_now(&Options::with_backups_of(1.0))?;
        let folder = alone(whose, binary, &emulator, "dds")?;
        emulator.fault(Fault::refusal(429, "APIGW.0308").on("dds").method("POST").times(1));
        let end = match cost(&emulator, &folder, APPLY) {
            Ok(cost) => format!("green after {:.1} s", cost.ran.took.as_secs_f64()),
            Err(problem) => {
                let why = problem.to_string();
                format!("failed: {}", why.lines().map(str::trim).find(|line| line.contains("rror")).unwrap_or_default())
            }
        };
        let there = of_ours(&emulator).count();
        ends.push(format!("{}: {end}, {there} in the cloud", word(whose)));
    }
    report.note("beside the peer: one 429 to the create", &ends.join("; "));
    Ok(())
}

/// A configuration of one backup.
fn alone(whose: Whose, binary: &Path, emulator: &Emulator, service: &str) -> Result<Folder, Problem> {
    let mut folder = Folder::of(whose, binary)?;
    let (kind, argument) = whose.resource(service);
    let instance = emulator.instance(service);
    folder.configure(
        emulator,
        &format!(
            "resource \"{kind}\" \"b\" {{\n{argument}  instance_id = \"{instance}\"\n  name        = \"{NAME}\"\n}}\n"
        ),
    )?;
    Ok(folder)
}

/// The backups that the configuration of [`alone`] took and that are there.
fn of_ours(emulator: &Emulator) -> impl Iterator<Item = BackupRow> {
    emulator.backups().into_iter().filter(|backup| backup.name == NAME)
}

fn cost(emulator: &Emulator, folder: &Folder, arguments: &[&str]) -> Result<Cost, Problem> {
    emulator.clear_journal();
    let ran = folder.run(arguments)?;
    Ok(Cost { ran, calls: count(emulator, |_| true) })
}

fn row(report: &mut Report, what: &str, ours: &Cost, theirs: &Cost) {
    let seconds = |cost: &Cost| cost.ran.took.as_secs_f64();
    let computed = |cost: &Cost| cost.ran.computed.as_secs_f64();
    let peak = |cost: &Cost| megabytes(cost.ran.peak_bytes);
    report.beside(&format!("beside the peer: {what}"), seconds(ours), seconds(theirs), "s");
    report.beside("the same: calls", ours.calls, theirs.calls, "");
    report.beside("the same: peak memory", peak(ours), peak(theirs), "MB");
    report.beside("the same: CPU of the provider", computed(ours), computed(theirs), "s");
}

fn word(whose: Whose) -> &'static str {
    match whose {
        Whose::Ours => "ours",
        Whose::Peer => "peer",
    }
}
