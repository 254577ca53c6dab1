//! Whole runs of the CLI, beside the floor.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use huaweidb_emulator::{BackupRow, Call, Emulator, NewBackups, NewInstance, Options, RetryAfter, Throttle};
use jiff::Timestamp;

use crate::cli::{Folder, INSTANCES, Ran};
use crate::table::{Problem, Report, median};

const RUNS: usize = 7;
pub(crate) const PLAN: &[&str] = &["plan", "-no-color", "-detailed-exitcode"];

/// What validating two resources costs beyond the same with two built-in ones.
pub(crate) fn validate(report: &mut Report, binary: &Path) -> Result<(), Problem> {
    let emulator = Emulator::start_now(&Options::default())?;
    let mut ours = Folder::new(binary)?;
    let resource = |name: &str| {
        format!(
            "resource \"huaweidb_manual_backup\" \"{name}\" {{\n  service     = \"dds\"\n  instance_id = \"{}\"\n  name        = \"backup-{name}\"\n}}\n",
            emulator.instance("dds")
        )
    };
    ours.configure(&emulator, &format!("{}{}", resource("one"), resource("two")))?;
    let floor = Folder::new(binary)?;
    floor.write("main.tf", "resource \"terraform_data\" \"one\" {}\nresource \"terraform_data\" \"two\" {}\n")?;
    let (mut with, mut without, mut extra, mut peak) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..15 {
        let ran = ours.run(&["validate", "-no-color"])?;
        peak = peak.max(ran.peak_bytes);
        let (ours, floor) = (ms(ran.took), ms(floor.run(&["validate", "-no-color"])?.took));
        with.push(ours);
        without.push(floor);
        extra.push(ours - floor);
    }
    report.raw("validate", "ms", &with);
    report.raw("validate, floor", "ms", &without);
    report.row("`validate` of 2 resources, minus the floor", median(&extra), 40.0, "ms");
    report.note("the floor itself", &format!("{:.0} ms", median(&without)));
    report.row("peak memory after the schema", megabytes(peak), 9.0, "MB");
    Ok(())
}

/// What refreshing many costs in calls, time and memory.
pub(crate) fn refresh(report: &mut Report, binary: &Path) -> Result<(), Problem> {
    for (service, most) in [("dds", 12.0), ("geminidb", 12.0), ("taurusdb", 12.0), ("gaussdb", 12.0), ("rds", 20.0)] {
        let (emulator, backups) = project(service, 1000, 50)?;
        let mut ours = Folder::new(binary)?;
        ours.with_backups(&emulator, &backups)?;
        let mut floor = Folder::new(binary)?;
        floor.with_nothing(&backups, backups.len())?;
        let mut same = Folder::new(binary)?;
        same.with_arguments(&backups)?;
        let (mut asleep, mut alike) = (Vec::new(), Vec::new());
        let runs = if service == "dds" { RUNS } else { 1 };
        let (mut calls, mut ratios, mut with, mut without) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..runs {
            emulator.clear_journal();
            let took = ms(ours.run(PLAN)?.took);
            calls.push(count(&emulator, |_| true));
            if service == "dds" {
                let least = ms(floor.run(PLAN)?.took);
                ratios.push(took / least);
                without.push(least);
                alike.push(ms(same.run(PLAN)?.took));
                asleep.push(ms(ours.run(&[PLAN, &["-refresh=false"]].concat())?.took));
            }
            with.push(took);
        }
        report.raw(&format!("refresh of 1,000, {service}: calls"), "calls", &calls);
        report.raw(&format!("refresh of 1,000, {service}"), "ms", &with);
        report.row(&format!("refresh of 1,000 on 10 instances, {service}: calls"), median(&calls), most, "");
        if service == "dds" {
            report.raw("refresh of 1,000, floor", "ms", &without);
            report.row("the same: wall time ÷ floor", median(&ratios), 1.25, "");
            report.note(
                "the same: wall time, and the floor's",
                &format!("{:.0} ms, {:.0} ms", median(&with), median(&without)),
            );
            report.raw("refresh of 1,000, floor with the same arguments", "ms", &alike);
            report.raw("plan of 1,000 without a refresh", "ms", &asleep);
            report.note("the floor with a backup's three arguments", &format!("{:.0} ms", median(&alike)));
            report.note("our plan of 1,000 without a refresh", &format!("{:.0} ms", median(&asleep)));
        }
    }
    let (emulator, backups) = project("dds", 5001, 50)?;
    let mut ours = Folder::new(binary)?;
    ours.with_backups(&emulator, &backups[2500..2501])?;
    ours.run(PLAN)?;
    report.row("refresh of 1 among 5,000 others: calls", count(&emulator, |_| true), 1.0, "");
    for (size, most) in [(100, 12.0), (3000, 24.0)] {
        let (emulator, backups) = project("dds", size, 0)?;
        let mut ours = Folder::new(binary)?;
        ours.with_backups(&emulator, &backups)?;
        report.row(&format!("peak memory, plan of {size}"), megabytes(ours.run(PLAN)?.peak_bytes), most, "MB");
    }
    Ok(())
}

/// What destroying many costs in calls.
pub(crate) fn destroy(report: &mut Report, binary: &Path) -> Result<(), Problem> {
    for (service, parallelism, most) in [
        ("dds", 10, 40.0),
        ("dds", 64, 40.0),
        ("geminidb", 64, 40.0),
        ("taurusdb", 10, 40.0),
        ("taurusdb", 64, 40.0),
        ("rds", 10, 40.0),
        ("rds", 64, 40.0),
        ("gaussdb", 10, 220.0),
        ("gaussdb", 64, 220.0),
    ] {
        let (emulator, backups) = project(service, 200, 0)?;
        emulator.set_pace(|pace| pace.delete_seconds = Some(0.5));
        let mut ours = Folder::new(binary)?;
        ours.with_backups(&emulator, &backups)?;
        let parallel = format!("-parallelism={parallelism}");
        ours.run(&["destroy", "-no-color", "-auto-approve", &parallel])?;
        let left =
            emulator.backups().iter().filter(|backup| backup.service == service && backup.kind == "manual").count();
        if left > 0 {
            return Err(format!("{left} backups of {service} are left").into());
        }
        let calls = count(&emulator, |_| true);
        report.row(&format!("destroy of 200, {service}, {parallelism} at once: calls"), calls, most, "");
        report.note("of these", &by_operation(&emulator));
    }
    Ok(())
}

/// How often the cloud is asked while many backups are awaited.
pub(crate) fn creates(report: &mut Report, binary: &Path) -> Result<(), Problem> {
    for parallelism in [10, 50] {
        let emulator = Emulator::start_now(&Options::with_backups_of(20.0))?;
        let ids: Vec<_> = (0..50).map(|nth| instance(&emulator, "dds", nth)).collect();
        let mut ours = Folder::new(binary)?;
        ours.configure(
            &emulator,
            &format!(
                "locals {{ ids = {} }}\nresource \"huaweidb_manual_backup\" \"b\" {{\n  count       = 50\n  service     = \"dds\"\n  \
                 instance_id = local.ids[count.index]\n  name        = \"bench-${{count.index}}\"\n}}\n",
                serde_json::Value::from(ids)
            ),
        )?;
        let parallel = format!("-parallelism={parallelism}");
        let ran = ours.run(&["apply", "-no-color", "-auto-approve", &parallel])?;
        let polls = count(&emulator, |call| call.method == "GET");
        let seconds = ran.took.as_secs_f64();
        report.row(
            &format!("50 creates of 20 s on 50 instances, {parallelism} at once: polls per second"),
            polls / seconds,
            1.0,
            "",
        );
        report.note("the same", &format!("{polls} polls in {seconds:.0} s: {}", by_operation(&emulator)));
    }
    Ok(())
}

/// How late the end of a backup is noticed.
pub(crate) fn overshoot(report: &mut Report, binary: &Path) -> Result<(), Problem> {
    for (seconds, runs) in [(1.0, 7), (3.0, 7), (10.0, 3), (30.0, 1)] {
        let mut late = Vec::new();
        for _ in 0..runs {
            let emulator = Emulator::start_now(&Options::with_backups_of(seconds))?;
            let mut ours = Folder::new(binary)?;
            ours.configure(
                &emulator,
                &format!(
                    "resource \"huaweidb_manual_backup\" \"b\" {{\n  service     = \"dds\"\n  instance_id = \"{}\"\n  name        = \"bench\"\n}}\n",
                    emulator.instance("dds")
                ),
            )?;
            let (wall, clock) = (Timestamp::now(), Instant::now());
            let ran = ours.run(&["apply", "-no-color", "-auto-approve"])?;
            let begun: Timestamp = created(&emulator).ok_or("nothing was created")?.parse()?;
            let begun = begun.duration_since(wall).as_secs_f64();
            let noticed = noticed(&ran).ok_or("the CLI did not say that it was complete")?.duration_since(clock);
            late.push((noticed.as_secs_f64() - begun - seconds).max(0.0));
        }
        report.raw(&format!("overshoot of a backup of {seconds} s"), "s", &late);
        report.row(
            &format!("wait overshoot, backup of {seconds} s"),
            median(&late),
            (seconds * 0.1).clamp(0.25, 15.0),
            "s",
        );
    }
    Ok(())
}

/// Time and memory per backup, from few to many.
pub(crate) fn growth(report: &mut Report, binary: &Path) -> Result<(), Problem> {
    for size in [100_u16, 300, 1000, 3000, 10_000] {
        let (emulator, backups) = project("dds", size.into(), 0)?;
        let mut ours = Folder::new(binary)?;
        // In blocks: the CLI copies a whole block for each of its objects.
        ours.with_blocks(&emulator, &backups, 100)?;
        let mut floor = Folder::new(binary)?;
        floor.with_nothing(&backups, 100)?;
        emulator.clear_journal();
        let ran = ours.run(PLAN)?;
        let least = floor.run(PLAN)?.took;
        let (took, least, peak) = (ms(ran.took), ms(least), megabytes(ran.peak_bytes));
        report.note(
            &format!("growth: plan of {size}"),
            &format!(
                "{took:.0} ms ({:.2} per backup), floor {least:.0} ms, {:.2} times; {peak:.1} MB; {} calls",
                took / f64::from(size),
                took / least,
                count(&emulator, |_| true)
            ),
        );
        report.raw(&format!("growth {size}"), "ms, floor ms, MB", &[took, least, peak]);
    }
    Ok(())
}

/// Thousands of backups in a cloud that throttles: 60 calls per minute and API, on a clock that runs fifteen times as fast.
pub(crate) fn load(report: &mut Report, binary: &Path) -> Result<(), Problem> {
    let (emulator, backups) = project("dds", 3000, 0)?;
    emulator.set_pace(|pace| pace.delete_seconds = Some(0.2));
    emulator.set_modes(|modes| {
        modes.throttle = Some(Throttle { calls: 60, per_seconds: 4.0, retry_after: RetryAfter::None });
    });
    let mut ours = Folder::new(binary)?;
    ours.with_blocks(&emulator, &backups, 100)?;
    for (what, arguments) in [("plan", PLAN), ("destroy", &["destroy", "-no-color", "-auto-approve"])] {
        emulator.clear_journal();
        let ran = ours.run(&[arguments, &["-parallelism=64"]].concat())?;
        let throttled = count(&emulator, |call| call.status == Some(429));
        let calls = count(&emulator, |_| true);
        let seconds = ran.took.as_secs_f64();
        report.note(
            &format!("{what} of 3,000 under throttling, 64 at once"),
            &format!("{calls} calls, {throttled} of them throttled, {seconds:.0} s: {}", by_operation(&emulator)),
        );
        report.raw(&format!("{what} of 3,000 under throttling"), "calls, throttled, s", &[calls, throttled, seconds]);
    }
    Ok(())
}

/// A cloud whose project holds so many completed backups of a service, spread over its instances: the backup at
/// `count.index` is the next one of the next instance.
pub(crate) fn project(service: &str, backups: usize, latency_ms: u64) -> Result<(Emulator, Vec<BackupRow>), Problem> {
    let emulator = Emulator::start_now(&Options { furnished: false, ..Options::default() })?;
    let of_instance = |nth: usize| {
        emulator.add_backups(&NewBackups {
            instance_id: instance(&emulator, service, nth),
            count: backups / INSTANCES + usize::from(nth < backups % INSTANCES),
            name_prefix: format!("bench-{nth}-"),
            seconds_apart: 60.0,
            ..NewBackups::default()
        })
    };
    let mut rows: Vec<Vec<BackupRow>> = (0..INSTANCES).map(of_instance).collect();
    for rows in &mut rows {
        rows.sort_by(|a, b| a.name.cmp(&b.name));
    }
    let rows = (0..backups).map(|nth| rows[nth % INSTANCES][nth / INSTANCES].clone()).collect();
    emulator.set_pace(|pace| pace.latency_ms = latency_ms);
    Ok((emulator, rows))
}

pub(crate) fn instance(emulator: &Emulator, service: &str, nth: usize) -> String {
    let name = format!("bench-{nth}");
    emulator.add_instance(&NewInstance { service: service.to_owned(), name, ..NewInstance::default() }).id
}

#[expect(clippy::cast_precision_loss, reason = "no journal holds so many calls")]
pub(crate) fn count(emulator: &Emulator, which: impl Fn(&Call) -> bool) -> f64 {
    emulator.journal().iter().filter(|call| which(call)).count() as f64
}

/// How often which operation was called, the most frequent first.
fn by_operation(emulator: &Emulator) -> String {
    let mut counts = BTreeMap::new();
    for call in emulator.journal() {
        *counts.entry(call.operation).or_insert(0_u32) += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| Reverse(*count));
    counts.iter().map(|(operation, count)| format!("{count} {operation}")).collect::<Vec<_>>().join(", ")
}

/// When the create arrived.
fn created(emulator: &Emulator) -> Option<String> {
    emulator.journal().into_iter().find(|call| call.operation == "create").map(|call| call.at)
}

/// When the CLI said that a resource is there.
fn noticed(ran: &Ran) -> Option<Instant> {
    ran.lines.iter().find(|(_, line)| line.contains("Creation complete")).map(|(at, _)| *at)
}

pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "a size in megabytes needs no more")]
pub(crate) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
