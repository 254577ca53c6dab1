//! The kill matrix: the real CLI is interrupted, asked to end and killed, at many moments of a create, a resumed wait,
//! a stop, a delete and a read. Afterwards the state names every backup that exists, and the next run finishes the work.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use huaweidb::backup::{Backups, NewBackup, named};
use huaweidb::cloud::{Authorities, Cloud, Context, Credentials, Settings};
use huaweidb_emulator::{BackupRow, Emulator, Fault, FaultKind, NewInstance, Options};
use jiff::{SignedDuration, Timestamp};
use rustix::process::Signal;
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::support::cli::{Ran, Running, Workspace};

const NAME: &str = "kill-me";
/// So many runs side by side.
const AT_ONCE: usize = 4;
/// What takes that long would take for ever: a run that heard no stop, or was never begun.
const NEVER: Duration = Duration::from_mins(3);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Create,
    Resume,
    /// A running backup is destroyed, so that it is stopped first.
    Stop,
    Delete,
    /// A refresh in a cloud that takes its time.
    Read,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Interrupt,
    Terminate,
    KillProvider,
    KillAll,
}

const HOWS: [How; 4] = [How::Interrupt, How::Terminate, How::KillProvider, How::KillAll];

/// A moment, in milliseconds.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// After the command was started.
    Started(u64),
    /// After the first call of the operation has arrived in the cloud.
    Called(u64),
}

const MOMENTS: [Moment; 12] = [
    Moment::Started(60),
    Moment::Started(250),
    Moment::Started(450),
    Moment::Called(0),
    Moment::Called(40),
    Moment::Called(90),
    Moment::Called(150),
    Moment::Called(250),
    Moment::Called(400),
    Moment::Called(600),
    Moment::Called(850),
    Moment::Called(1200),
];

fn emulator(doing: Doing) -> Emulator {
    let mut options = Options::with_backups_of(match doing {
        Doing::Create => 1.0,
        // A signal that the CLI does not pass on, because it comes between two steps of its own, leaves the run to wait.
        Doing::Resume => 20.0,
        // Only a stop ends a run that waits for one.
        Doing::Stop | Doing::Delete | Doing::Read => 3600.0,
    });
    options.pace.latency_ms = if doing == Doing::Read { 700 } else { 60 };
    // Most moments of a stop are to come before its end.
    options.pace.stop_seconds = Some(if doing == Doing::Stop { 1.0 } else { 0.3 });
    options.pace.delete_seconds = Some(0.4);
    Emulator::start_now(&options).expect("the emulator starts")
}

fn workspace(emulator: &Emulator) -> Workspace {
    let workspace = Workspace::new(emulator);
    workspace.configure(&format!(
        "resource \"huaweidb_manual_backup\" \"b\" {{\n  service     = \"dds\"\n  instance_id = \"{}\"\n  name        = \"{NAME}\"\n}}\n",
        emulator.instance("dds")
    ));
    workspace
}

#[expect(clippy::disallowed_methods, reason = "these tests have no runtime: they watch processes from outside")]
fn pause(time: Duration) {
    thread::sleep(time);
}

/// A state that the CLI wrote, with a backup under way in it; every run puts its own backup there. It was begun longer ago
/// than lists can lag behind: else whoever finds it gone has to wait for that.
fn template() -> &'static Json {
    static STATE: OnceLock<Json> = OnceLock::new();
    STATE.get_or_init(|| {
        let emulator = emulator(Doing::Delete);
        let workspace = workspace(&emulator);
        let body = workspace
            .read("main.tf")
            .replace(&format!("\"{NAME}\"\n"), &format!("\"{NAME}\"\n  wait_for_completion = false\n"));
        workspace.write("main.tf", &body);
        workspace.apply();
        let mut state: Json = serde_json::from_str(&workspace.read("terraform.tfstate")).expect("a state is JSON");
        let private = &mut state["resources"][0]["instances"][0]["private"];
        let kept = BASE64.decode(private.as_str().expect("the state has private data")).expect("it is base64");
        let mut kept: Json = serde_json::from_slice(&kept).expect("ours is JSON");
        kept["begun"] = json!((Timestamp::now() - SignedDuration::from_hours(1)).to_string());
        *private = json!(BASE64.encode(kept.to_string()));
        state
    })
}

/// Begins a backup and puts it into the state, as an apply that was interrupted leaves it.
fn begun(emulator: &Emulator, workspace: &Workspace) -> BackupRow {
    let endpoints = emulator.ready()["endpoints"].clone();
    let endpoints = endpoints.as_object().expect("an object").iter();
    let settings = Settings {
        region: emulator.region(),
        cloud: None,
        credentials: Credentials::Key {
            access_key: emulator.access_key(),
            secret_key: emulator.secret_key().into(),
            security_token: None,
        },
        assume_role: None,
        project_id: Some(emulator.project_id()),
        project_name: None,
        endpoints: endpoints
            .map(|(key, url)| (key.clone(), url.as_str().expect("text").parse().expect("a URL")))
            .collect(),
        auth_url: None,
        auth_url_from: String::new(),
        unsent_token: None,
        project_from: String::new(),
        insecure: false,
        authorities: Authorities::default(),
        proxy: None,
        max_retries: 0,
        user_agent: "kill-matrix".to_owned(),
    };
    let want = NewBackup {
        instance_id: emulator.instance("dds"),
        name: NAME.to_owned(),
        description: None,
        ..NewBackup::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let started = runtime.block_on(async {
        let context =
            Context { deadline: tokio::time::Instant::now() + Duration::from_mins(2), stop: CancellationToken::new() };
        let backups = Backups::new(Cloud::new(settings).expect("good settings"));
        backups.of(&context, named("dds").expect("it is one")).begin(&want).await.expect("nothing is wrong")
    });
    let mut state = template().clone();
    let instance = &mut state["resources"][0]["instances"][0];
    instance["attributes"]["id"] = json!(started.backup_id);
    instance["attributes"]["job_id"] = json!(started.job_id);
    instance["attributes"]["wait_for_completion"] = json!(true);
    workspace.write("terraform.tfstate", &state.to_string());
    emulator.clear_journal();
    emulator.backup(&started.backup_id).expect("it was just begun")
}

/// Ids in the state, and whether they are tainted.
fn in_state(workspace: &Workspace) -> Vec<(String, bool)> {
    // The CLI makes the file before it has anything to write.
    let text = workspace.read_if_there("terraform.tfstate").filter(|text| !text.is_empty());
    let Some(text) = text else { return Vec::new() };
    let state: Json = serde_json::from_str(&text).expect("a state is JSON");
    let resources = state["resources"].as_array().cloned().unwrap_or_default();
    let instances = resources.iter().flat_map(|one| one["instances"].as_array().cloned().unwrap_or_default());
    instances
        .map(|one| (one["attributes"]["id"].as_str().unwrap_or_default().to_owned(), one["status"] == "tainted"))
        .collect()
}

fn stopped_by(how: How, mut running: Running) -> (Ran, Duration) {
    let sent = Instant::now();
    match how {
        How::Interrupt => running.signal_if_there(Signal::INT),
        How::Terminate => running.signal_if_there(Signal::TERM),
        How::KillAll => running.signal_if_there(Signal::KILL),
        How::KillProvider => _ = running.kill_provider(),
    }
    (running.finished(), sent.elapsed())
}

/// Whether a create that was stopped before it knew what became of its request names what it may have left: on a slow machine
/// the search for it can take longer than the host gives it.
fn is_told(doing: Doing, row: &BackupRow, ran: &Ran) -> bool {
    let words = ran.words();
    doing == Doing::Create && words.contains("Backup may have been created") && words.contains(&row.name)
}

/// One cell; how long the run took to end.
fn run(doing: Doing, how: How, moment: Moment, nth: usize) -> Result<Duration, String> {
    let emulator = emulator(doing);
    let workspace = workspace(&emulator);
    if doing != Doing::Create {
        let row = begun(&emulator, &workspace);
        // Every other delete or read is of a backup that has completed.
        if matches!(doing, Doing::Delete | Doing::Read) && nth.is_multiple_of(2) {
            emulator.set_status(&row.id, "COMPLETED");
        }
    }
    let arguments: &[&str] = match doing {
        Doing::Create | Doing::Resume => &["apply", "-auto-approve"],
        Doing::Stop | Doing::Delete => &["destroy", "-auto-approve"],
        Doing::Read => &["apply", "-refresh-only", "-auto-approve"],
    };
    let running = workspace.start(arguments);
    match moment {
        Moment::Started(ms) => pause(Duration::from_millis(ms)),
        Moment::Called(ms) => {
            let limit = Instant::now() + NEVER;
            let arrived = || match doing {
                // The second look is the wait's own.
                Doing::Resume => emulator.journal().len() >= 2,
                Doing::Read => !emulator.journal().is_empty(),
                Doing::Create | Doing::Stop | Doing::Delete => {
                    emulator.journal().iter().any(|call| call.method != "GET")
                }
            };
            while !arrived() {
                if Instant::now() > limit {
                    return Err("the operation was never begun".to_owned());
                }
                pause(Duration::from_millis(2));
            }
            pause(Duration::from_millis(ms));
        }
    }
    let (ran, took) = stopped_by(how, running);
    let all = ran.all();
    let rows = emulator.backups();
    let state = in_state(&workspace);
    let gentle = matches!(how, How::Interrupt | How::Terminate);
    if gentle && took > NEVER {
        return Err(format!("the run took {took:?} to end\n{all}"));
    }
    // A killed create has had no chance to note anything; everything else has.
    if gentle || doing != Doing::Create {
        for row in rows.iter().filter(|row| row.status != "DELETING") {
            let kept = state.iter().any(|(id, _)| *id == row.id);
            if !kept && !is_told(doing, row, &ran) {
                return Err(format!("orphan: {row:?} is not in the state {state:?}\n{all}"));
            }
        }
    }
    if gentle && state.iter().any(|(_, tainted)| *tainted) {
        return Err(format!("an interrupted run left a tainted object: {state:?}\n{all}"));
    }
    finish(doing, &emulator, &workspace, &all).map(|()| took)
}

/// The next run finishes the work.
fn finish(doing: Doing, emulator: &Emulator, workspace: &Workspace, before: &str) -> Result<(), String> {
    emulator.set_pace(|pace| pace.latency_ms = 0);
    if let (Doing::Resume | Doing::Read, Some(row)) = (doing, emulator.backups().first()) {
        emulator.set_status(&row.id, "COMPLETED");
    }
    if matches!(doing, Doing::Stop | Doing::Delete) {
        let ran = workspace.run(&["destroy", "-auto-approve"]);
        let (rows, state) = (emulator.backups(), in_state(workspace));
        return if ran.code == 0 && rows.is_empty() && state.is_empty() {
            Ok(())
        } else {
            Err(format!("the next destroy left {rows:?}, {state:?}:\n{before}\n{}", ran.all()))
        };
    }
    let mut ran = workspace.run(&["apply", "-auto-approve"]);
    if ran.code != 0 && doing == Doing::Create {
        // The leftover of a killed run: the error has the id that brings it home, as a word or in a block.
        let said = ran.words();
        let id = ["import it as ", "imported as ", "id = "]
            .iter()
            .find_map(|before| said.split(before).nth(1)?.split(' ').next());
        let Some(id) = id.map(|id| id.trim_matches(['"', '.'])) else {
            return Err(format!("no import id in:\n{before}\n{said}"));
        };
        workspace.write("import.tf", &format!("import {{\n  to = huaweidb_manual_backup.b\n  id = \"{id}\"\n}}\n"));
        ran = workspace.run(&["apply", "-auto-approve"]);
    }
    let (rows, state) = (emulator.backups(), in_state(workspace));
    let created = emulator.totals().created;
    let fine = ran.code == 0
        && created == 1
        && rows.len() == 1
        && rows[0].status == "COMPLETED"
        && state == [(rows[0].id.clone(), false)];
    if fine {
        Ok(())
    } else {
        Err(format!("after the next apply: {created} created, {rows:?}, state {state:?}\n{before}\n{}", ran.all()))
    }
}

fn matrix(doing: Doing) {
    let began = Instant::now();
    if doing != Doing::Create {
        template();
    }
    let cells = HOWS.into_iter().flat_map(|how| MOMENTS.into_iter().enumerate().map(move |(nth, at)| (how, nth, at)));
    let queue: Mutex<VecDeque<_>> = Mutex::new(cells.collect());
    let cells = queue.lock().expect("nobody panics here").len();
    let outcome = Mutex::new((String::new(), Duration::ZERO));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((how, nth, moment)) = queue.lock().expect("nobody panics here").pop_front() else {
                        return;
                    };
                    let result = run(doing, how, moment, nth);
                    let mut outcome = outcome.lock().expect("nobody panics here");
                    match result {
                        Ok(took) if matches!(how, How::Interrupt | How::Terminate) => outcome.1 = outcome.1.max(took),
                        Ok(_) => {}
                        Err(why) => {
                            writeln!(outcome.0, "{doing:?} × {how:?} × {moment:?}: {why}").expect("text takes text");
                        }
                    }
                }
            });
        }
    });
    let (bad, slowest) = outcome.into_inner().expect("nobody panics here");
    let line = format!(
        "kill matrix, {doing:?}: {cells} runs ({} kinds × {} moments), orphans, duplicates and lost {}; slowest end after a \
         stop {:.2} s; {:.0} s",
        HOWS.len(),
        MOMENTS.len(),
        bad.lines().filter(|line| line.starts_with(&format!("{doing:?} × "))).count(),
        slowest.as_secs_f64(),
        began.elapsed().as_secs_f64(),
    );
    writeln!(std::io::stderr(), "{line}").expect("stderr is there");
    assert!(bad.is_empty(), "{line}\n{bad}");
}

#[test]
fn a_create_survives() {
    matrix(Doing::Create);
}

#[test]
fn a_resumed_wait_survives() {
    matrix(Doing::Resume);
}

#[test]
fn a_stop_survives() {
    matrix(Doing::Stop);
}

#[test]
fn a_delete_survives() {
    matrix(Doing::Delete);
}

#[test]
fn a_read_survives() {
    matrix(Doing::Read);
}

/// What the cloud does not answer does not hold up an interrupt; only a create is given a little more time, and is then
/// searched for.
#[test]
fn a_cloud_that_does_not_answer_does_not_hold_up_a_stop() {
    let began = Instant::now();
    let silent = |fault: Fault| Fault { kind: FaultKind::Delay, ms: Some(600_000), times: 1_000, ..fault }.on("dds");
    let any = Fault::new(FaultKind::Delay);
    let mut slowest = [Duration::ZERO; 2];
    thread::scope(|scope| {
        let runs = [
            (Doing::Create, silent(any.clone().operation("create"))),
            (Doing::Resume, silent(any.clone().method("GET"))),
            (Doing::Stop, silent(any.clone().operation("stop"))),
            (Doing::Delete, silent(any.clone().operation("delete"))),
            (Doing::Read, silent(any.clone().method("GET"))),
        ];
        let runs = runs.map(|(doing, fault)| (doing, scope.spawn(move || silenced(doing, fault))));
        for (doing, run) in runs {
            let took = run.join().expect("it does not panic");
            // What must not be sent twice is awaited for 5 s, and searched for after that.
            let patient = matches!(doing, Doing::Create | Doing::Stop);
            slowest[usize::from(patient)] = slowest[usize::from(patient)].max(took);
        }
    });
    let line = format!(
        "silent cloud: a stop ends reads, waits and deletes within {:.1} s, creates and stops within {:.1} s; {:.0} s",
        slowest[0].as_secs_f64(),
        slowest[1].as_secs_f64(),
        began.elapsed().as_secs_f64()
    );
    writeln!(std::io::stderr(), "{line}").expect("stderr is there");
}

/// Interrupts a run in the middle of a call without an answer; how long it took to end.
fn silenced(doing: Doing, fault: Fault) -> Duration {
    let emulator = emulator(doing);
    emulator.set_pace(|pace| pace.latency_ms = 0);
    let workspace = workspace(&emulator);
    if doing != Doing::Create {
        let row = begun(&emulator, &workspace);
        if doing == Doing::Delete {
            emulator.set_status(&row.id, "COMPLETED");
        }
    }
    emulator.fault(fault);
    let arguments: &[&str] = match doing {
        Doing::Create => &["apply", "-auto-approve"],
        Doing::Stop | Doing::Delete => &["destroy", "-auto-approve"],
        Doing::Resume | Doing::Read => &["plan"],
    };
    let running = workspace.start(arguments);
    let limit = Instant::now() + NEVER;
    while !emulator.journal().iter().any(|call| call.fault.is_some()) {
        assert!(Instant::now() < limit, "{doing:?} was never begun");
        pause(Duration::from_millis(2));
    }
    pause(Duration::from_millis(200));
    let (ran, took) = stopped_by(How::Interrupt, running);
    assert!(took < NEVER, "{doing:?} waited for an answer, for {took:?}");
    let rows = emulator.backups();
    let state = in_state(&workspace);
    for row in rows.iter().filter(|row| row.status != "DELETING") {
        let kept = state.contains(&(row.id.clone(), false));
        assert!(kept || is_told(doing, row, &ran), "orphan: {row:?}, {state:?}\n{}", ran.all());
    }
    emulator.clear_faults();
    if doing == Doing::Read {
        emulator.set_status(&rows[0].id, "COMPLETED");
    }
    finish(doing, &emulator, &workspace, &ran.all()).unwrap_or_else(|why| panic!("{doing:?}: {why}"));
    took
}

/// Five backups on two instances: some queue, and deletes share calls. An apply is interrupted, finished by the next one; a
/// destroy is interrupted or killed, and finished by the next one.
fn several(nth: usize, moment: u64) -> Result<Duration, String> {
    const COUNT: usize = 5;
    let mut options = Options::with_backups_of(0.6);
    options.pace.latency_ms = 40;
    options.pace.delete_seconds = Some(0.4);
    let emulator = Emulator::start_now(&options).expect("the emulator starts");
    let second = NewInstance { service: "dds".to_owned(), name: "second".to_owned(), ..NewInstance::default() };
    let instances = [emulator.instance("dds"), emulator.add_instance(&second).id];
    let workspace = Workspace::new(&emulator);
    workspace.configure(&format!(
        "resource \"huaweidb_manual_backup\" \"many\" {{\n  count       = {COUNT}\n  service     = \"dds\"\n  \
         instance_id = {instances:?}[count.index % 2]\n  name        = \"many-${{count.index}}\"\n}}\n"
    ));
    let interrupted = |command: &str, method: &str, how: How| {
        emulator.clear_journal();
        let running = workspace.start(&[command, "-auto-approve"]);
        let limit = Instant::now() + NEVER;
        while !emulator.journal().iter().any(|call| call.method == method) {
            if Instant::now() > limit {
                return Err(format!("the {command} was never begun"));
            }
            pause(Duration::from_millis(2));
        }
        pause(Duration::from_millis(moment));
        let (ran, took) = stopped_by(how, running);
        let gentle = matches!(how, How::Interrupt | How::Terminate);
        if gentle && took > NEVER {
            return Err(format!("the {command} took {took:?} to end\n{}", ran.all()));
        }
        let state = in_state(&workspace);
        for row in emulator.backups().iter().filter(|row| row.status != "DELETING") {
            if !state.iter().any(|(id, tainted)| *id == row.id && !(gentle && *tainted)) {
                return Err(format!("orphan: {row:?} is not in the state {state:?}\n{}", ran.all()));
            }
        }
        Ok(if gentle { took } else { Duration::ZERO })
    };
    let create = interrupted("apply", "POST", [How::Interrupt, How::Terminate][nth % 2])?;
    let ran = workspace.run(&["apply", "-auto-approve"]);
    let (rows, state) = (emulator.backups(), in_state(&workspace));
    let created = emulator.totals().created;
    let complete = rows.iter().all(|row| row.status == "COMPLETED") && state.iter().all(|(_, tainted)| !tainted);
    if ran.code != 0 || created != COUNT as u64 || rows.len() != COUNT || state.len() != COUNT || !complete {
        return Err(format!("after the next apply: {created} created, {rows:?}, {state:?}\n{}", ran.all()));
    }
    let destroy = interrupted("destroy", "DELETE", HOWS[nth % HOWS.len()])?;
    let ran = workspace.run(&["destroy", "-auto-approve"]);
    let (rows, state) = (emulator.backups(), in_state(&workspace));
    if ran.code == 0 && rows.is_empty() && state.is_empty() {
        Ok(create.max(destroy))
    } else {
        Err(format!("the next destroy left {rows:?}, {state:?}\n{}", ran.all()))
    }
}

#[test]
fn several_backups_at_once_survive() {
    const MOMENTS: [u64; 12] = [0, 20, 60, 100, 150, 200, 300, 400, 550, 700, 900, 1200];
    let began = Instant::now();
    let queue: Mutex<VecDeque<_>> = Mutex::new(MOMENTS.into_iter().enumerate().collect());
    let outcome = Mutex::new((String::new(), Duration::ZERO));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((nth, moment)) = { queue.lock().expect("nobody panics here").pop_front() } {
                    let result = several(nth, moment);
                    let mut outcome = outcome.lock().expect("nobody panics here");
                    match result {
                        Ok(took) => outcome.1 = outcome.1.max(took),
                        Err(why) => writeln!(outcome.0, "{moment} ms: {why}").expect("text takes text"),
                    }
                }
            });
        }
    });
    let (bad, slowest) = outcome.into_inner().expect("nobody panics here");
    let line = format!(
        "kill matrix, five at once: {} runs, each an apply and a destroy, orphans, duplicates and lost {}; slowest end after \
         a stop {:.2} s; {:.0} s",
        MOMENTS.len(),
        bad.lines().filter(|line| line.contains(" ms: ")).count(),
        slowest.as_secs_f64(),
        began.elapsed().as_secs_f64(),
    );
    writeln!(std::io::stderr(), "{line}").expect("stderr is there");
    assert!(bad.is_empty(), "{line}\n{bad}");
}

/// A backup that the cloud does not list yet is neither forgotten by a refresh nor by a destroy.
#[test]
fn a_backup_that_is_not_listed_yet_is_not_forgotten() {
    let mut options = Options::with_backups_of(60.0);
    options.pace.list_delay_seconds = 3.0;
    options.pace.stop_seconds = Some(0.2);
    options.pace.delete_seconds = Some(0.2);
    let emulator = Emulator::start_now(&options).expect("the emulator starts");
    let workspace = workspace(&emulator);
    let waits = workspace.read("main.tf");
    workspace.write(
        "main.tf",
        &waits.replace(&format!("\"{NAME}\"\n"), &format!("\"{NAME}\"\n  wait_for_completion = false\n")),
    );
    workspace.apply();
    workspace.destroy();
    assert!(emulator.backups().is_empty(), "an orphan: {:?}", emulator.backups());
}

/// A create that runs out of time leaves its backup in the state, and the error's own words bring it home.
#[test]
fn a_create_that_runs_out_of_time_can_be_kept() {
    let emulator = Emulator::start_now(&Options::with_backups_of(3_600.0)).expect("the emulator starts");
    let workspace = workspace(&emulator);
    let body = workspace.read("main.tf");
    // A slow machine needs longer until it has sent the create.
    let mut limit = 2;
    let ran = loop {
        let timeouts = format!("\"{NAME}\"\n  timeouts {{ create = \"{limit}s\" }}\n");
        workspace.write("main.tf", &body.replace(&format!("\"{NAME}\"\n"), &timeouts));
        let ran = workspace.run(&["apply", "-auto-approve"]).failed();
        if emulator.totals().created > 0 {
            break ran;
        }
        limit *= 4;
    };
    let ran = ran.says("Backup was not completed in time").says("terraform untaint").says("stays in the state");
    let rows = emulator.backups();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(ran.words().contains(&rows[0].id), "it says what exists: {}", ran.all());
    assert_eq!(in_state(&workspace), [(rows[0].id.clone(), true)]);
    workspace.run(&["untaint", "huaweidb_manual_backup.b"]).succeeded();
    workspace.write("main.tf", &body);
    emulator.set_status(&rows[0].id, "COMPLETED");
    workspace.apply();
    workspace.nothing_to_do();
    assert_eq!(in_state(&workspace), [(rows[0].id.clone(), false)]);
    assert_eq!(emulator.totals().created, 1);
    assert_eq!(emulator.backups()[0].status, "COMPLETED");
}
