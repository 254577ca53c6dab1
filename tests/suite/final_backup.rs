//! The net under an instance: whatever breaks, it lets the instance go only after a completed backup, takes no second one for
//! the same destroy, and does not hold once the cloud works again.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use huaweidb::backup::{ALL, Service};
use huaweidb::plugin::{Attached, attach};
use huaweidb_emulator::{
    BackupRow, Emulator, Fault, FaultKind, ForeignProject, JobEnd, NewBackups, NewInstance, Options, Pace,
};
use rustix::process::Signal;
use serde_json::{Value as Json, json};

use crate::fault_states::Hasty;
use crate::faults::{AT_ONCE, Wrong, settings};
use crate::support::cli::Workspace;
use crate::support::core::{Core, Held, Said};
use crate::support::host::Host;
use crate::support::matrix;
use crate::support::proto::tfplugin6 as tf;

const KIND: &str = "huaweidb_final_backup";
const PREFIX: &str = "final-";
/// Nothing that ends well takes so long, on however busy a machine.
const LIMIT: &str = "10m";

/// Which calls go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Create,
    Read,
    Job,
}

/// What becomes of what the first destroy had to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is kept.
    Written,
    /// The run was killed before.
    Lost,
}

const WRONGS: [Wrong; 10] = [
    Wrong::ClosedBefore,
    Wrong::ClosedAfter,
    Wrong::Late,
    Wrong::Throttled,
    Wrong::Status500,
    Wrong::Busy403,
    Wrong::Garbage,
    Wrong::Truncated,
    Wrong::Empty,
    Wrong::OddType,
];

#[derive(Clone, Copy)]
struct Cell {
    service: &'static dyn Service,
    at: At,
    wrong: Wrong,
    throughout: bool,
    state: State,
}

impl Cell {
    fn described(self) -> String {
        let how = if self.throughout { "throughout" } else { "once" };
        format!("net × {} × {:?} × {:?}, {how}, state {:?}", self.key(), self.at, self.wrong, self.state)
    }

    fn key(self) -> &'static str {
        self.service.facts().key()
    }
}

fn services() -> impl Iterator<Item = &'static dyn Service> {
    ALL.iter().copied().filter(|service| service.facts().no_create.is_none())
}

/// A run with waits that a test can bear.
struct Run {
    core: Core,
    _attached: Attached,
}

async fn run(emulator: &Emulator, limits: u32) -> Run {
    let attached = attach(Hasty(settings(emulator, false, true), limits)).await.expect("a socket");
    let core = Core::configured(Host::attach(&attached).await, &json!({})).await.of(KIND);
    Run { core, _attached: attached }
}

fn arguments(emulator: &Emulator, service: &str, limit: &str) -> Json {
    json!({
        "service": service, "instance_id": emulator.instance(service),
        "timeouts": { "create": limit, "read": limit, "update": limit, "delete": limit },
    })
}

/// The backups of nets, those that failed left out.
fn taken(emulator: &Emulator) -> Vec<BackupRow> {
    emulator.backups().into_iter().filter(|row| row.name.starts_with(PREFIX) && row.status != "FAILED").collect()
}

fn red(said: &Said) -> String {
    said.errors().map(|one| format!("{}: {}", one.summary, one.detail)).collect::<Vec<_>>().join("\n")
}

/// A net that was made and may be destroyed within so long.
async fn net(emulator: &Emulator, service: &str, limit: &str) -> Held {
    let mut held = Held::default();
    let said = run(emulator, 1).await.core.reach(&arguments(emulator, service, limit), &mut held).await;
    assert!(!said.is_red(), "{service}: {}", red(&said));
    held
}

async fn destroyed(emulator: &Emulator, held: &mut Held) -> Said {
    run(emulator, 1).await.core.reach(&Json::Null, held).await
}

/// A destroy that somebody stops when its backup was begun and looked at.
async fn interrupted(emulator: &Emulator, held: &mut Held) -> Said {
    let first = run(emulator, 1).await;
    let looks = || emulator.journal().iter().rev().take_while(|call| call.method == "GET").count();
    let stop = async {
        while emulator.totals().created == 0 || looks() < 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        first.core.host.provider().stop_provider(tf::stop_provider::Request {}).await.expect("an answer");
    };
    let (said, ()) = tokio::join!(first.core.reach(&Json::Null, held), stop);
    said
}

/// As if the backup had been begun eleven minutes ago: longer than lists lag.
fn long_ago(held: &mut Held) {
    let mut private: Json = serde_json::from_slice(&held.private).expect("private bytes are JSON");
    let begun: jiff::Timestamp = private["begun"].as_str().expect("a time").parse().expect("a time");
    private["begun"] = json!((begun - jiff::SignedDuration::from_mins(11)).to_string());
    held.private = private.to_string().into_bytes();
}

/// What a destroy that claims to be done must leave, and one that does not.
fn judge(emulator: &Emulator, held: &Held, said: &Said) -> Result<(), String> {
    let rows = taken(emulator);
    if rows.len() > 1 {
        return Err(format!("more than one: {rows:?}\n{}", said.text()));
    }
    match (held.object.is_null(), said.is_red()) {
        (true, false) if rows.len() == 1 && rows[0].status == "COMPLETED" => {
            let (name, id) = (&rows[0].name, &rows[0].id);
            let told = said.text();
            let named = told.contains(name.as_str()) && told.contains(&format!("/{id}@"));
            if named { Ok(()) } else { Err(format!("the backup is not named: {told}")) }
        }
        (true, false) => Err(format!("the instance goes without a completed backup: {rows:?}\n{}", said.text())),
        (true, true) => Err(format!("an error, and the net is gone: {}", red(said))),
        (false, true) => Ok(()),
        (false, false) => Err("no error, and the net is there".to_owned()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ended {
    AtOnce,
    Again,
}

async fn cell(cell: Cell) -> Result<Ended, String> {
    let mut options = Options::with_backups_of(0.4);
    options.modes.locking = false;
    let emulator = Emulator::start(options).await.expect("the emulator starts");
    let mut held = Held::default();
    let made =
        run(&emulator, cell.wrong.haste()).await.core.reach(&arguments(&emulator, cell.key(), LIMIT), &mut held).await;
    if made.is_red() || held.object.is_null() {
        return Err(format!("unexpected: no net: {}", red(&made)));
    }
    if emulator.journal().iter().any(|call| call.method != "GET") {
        return Err("to create a net changes something".to_owned());
    }
    let before = held.clone();
    if cell.throughout {
        // What cannot end well need not be waited for.
        held.object["timeouts"]["delete"] = json!("3s");
    }
    let fault = cell.wrong.fault().expect("it is a fault of the emulator").on(cell.key());
    let fault = fault.times(if cell.throughout { 100_000 } else { 1 });
    emulator.fault(match cell.at {
        At::Create => fault.operation("create"),
        At::Job => fault.operation("job"),
        At::Read => fault.method("GET"),
    });
    let said = run(&emulator, cell.wrong.haste()).await.core.reach(&Json::Null, &mut held).await;
    judge(&emulator, &held, &said)?;
    if held.object.is_null() && cell.state == State::Written {
        return Ok(Ended::AtOnce);
    }
    emulator.clear_faults();
    if cell.state == State::Lost {
        held = before;
    }
    held.object["timeouts"]["delete"] = json!(LIMIT);
    let said = run(&emulator, cell.wrong.haste()).await.core.reach(&Json::Null, &mut held).await;
    judge(&emulator, &held, &said)?;
    if held.object.is_null() { Ok(Ended::Again) } else { Err(format!("unexpected: it holds for ever: {}", red(&said))) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_net_holds_in_every_cell() {
    let mut cells = Vec::new();
    for service in services() {
        for at in [At::Create, At::Read, At::Job] {
            for wrong in WRONGS {
                for throughout in [false, true] {
                    for state in [State::Written, State::Lost] {
                        // A job is asked in a wait alone, and the lists tell the same; looks that are all late take long.
                        let at_length = at == At::Read && wrong == Wrong::Late && throughout;
                        if !at_length && (at != At::Job || (!throughout && state == State::Written)) {
                            cells.push(Cell { service, at, wrong, throughout, state });
                        }
                    }
                }
            }
        }
    }
    let cells = matrix::chosen(cells, Cell::described);
    let outcome = matrix::run(&cells, AT_ONCE, Cell::described, cell).await;
    let (at_once, again) = (outcome.count(&Ended::AtOnce), outcome.count(&Ended::Again));
    outcome.tell(&format!("nets: {} cells, {at_once} let go at once, {again} by the next destroy", cells.len()));
}

/// A list has been empty while the instance was there; only a create that is refused says that it is gone.
#[tokio::test]
async fn lists_that_lack_the_instance_are_not_the_last_word() {
    for service in services() {
        let key = service.facts().key();
        let emulator = Emulator::start(Options::with_backups_of(0.2)).await.expect("the emulator starts");
        let mut held = Held::default();
        let said = run(&emulator, 1).await.core.reach(&arguments(&emulator, key, LIMIT), &mut held).await;
        assert!(!said.is_red(), "{}", red(&said));
        emulator.fault(Fault::new(FaultKind::EmptyList).on(key).operation("instances").times(100_000));
        let said = run(&emulator, 1).await.core.reach(&Json::Null, &mut held).await;
        judge(&emulator, &held, &said).unwrap_or_else(|why| panic!("{key}: {why}"));
        assert!(held.object.is_null(), "{key}: {}", red(&said));
    }
}

/// A destroy whose limit is shorter than the backup goes on with it, also after the backup has completed.
#[tokio::test]
async fn a_short_limit_takes_no_second_one() {
    let emulator = Emulator::start(Options::with_backups_of(3600.0)).await.expect("the emulator starts");
    let mut held = Held::default();
    let core = Core::launch(&emulator, &[]).await.of(KIND);
    let said = core.reach(&arguments(&emulator, "dds", LIMIT), &mut held).await;
    assert!(!said.is_red(), "{}", red(&said));
    held.object["timeouts"]["delete"] = json!("4s");
    let mut said = core.down(&mut held).await;
    // Otherwise the limit was over before the create was sent.
    while emulator.totals().created == 0 {
        assert!(said.is_red() && !held.object.is_null(), "{}", said.text());
        said = core.down(&mut held).await;
    }
    assert!(red(&said).contains("raise `timeouts.delete` and apply first"), "{}", said.text());
    assert!(emulator.set_status(&emulator.backups()[0].id, "COMPLETED"));
    // Longer ago than the limit.
    tokio::time::sleep(Duration::from_millis(4_500)).await;
    // A machine that stalls may need one more, which takes no second one either.
    for _ in 0..10 {
        said = core.down(&mut held).await;
        judge(&emulator, &held, &said).unwrap();
        if held.object.is_null() {
            return;
        }
    }
    panic!("{}", red(&said));
}

/// A backup that failed is followed by one of another name; one of last week does not count.
#[tokio::test]
async fn one_that_failed_or_is_old_is_followed_by_another() {
    for service in services() {
        let key = service.facts().key();
        let emulator = Emulator::start(Options::with_backups_of(0.2)).await.expect("the emulator starts");
        let mut held = Held::default();
        let said = run(&emulator, 1).await.core.reach(&arguments(&emulator, key, LIMIT), &mut held).await;
        assert!(!said.is_red(), "{}", red(&said));
        emulator.fault(Fault::new(FaultKind::FailBackup).on(key));
        let said = run(&emulator, 1).await.core.reach(&Json::Null, &mut held).await;
        assert!(red(&said).starts_with("Backup failed"), "{key}: {}", said.text());
        let failed = emulator.backups().remove(0);
        assert_eq!(held.object["last_backup_id"], failed.id.as_str(), "{key}");
        let said = run(&emulator, 1).await.core.reach(&Json::Null, &mut held).await;
        judge(&emulator, &held, &said).unwrap_or_else(|why| panic!("{key}: {why}"));
        assert_eq!(taken(&emulator)[0].name, format!("{}-2", failed.name), "{key}");
    }
}

/// Somebody deleted the backup that an interrupted destroy had begun and seen: nothing is left to wait for.
#[tokio::test]
async fn one_that_vanished_is_followed_by_another() {
    for service in services() {
        let key = service.facts().key();
        let emulator = Emulator::start(Options::with_backups_of(600.0)).await.expect("the emulator starts");
        let mut held = Held::default();
        let said = run(&emulator, 1).await.core.reach(&arguments(&emulator, key, LIMIT), &mut held).await;
        assert!(!said.is_red(), "{}", red(&said));
        let said = interrupted(&emulator, &mut held).await;
        let id = emulator.backups().remove(0).id;
        assert_eq!(held.object["last_backup_id"], id.as_str(), "{key}: {}", red(&said));
        assert!(emulator.vanish(&id));
        emulator.set_pace(|pace| *pace = Pace::of_backups(0.2));
        let said = run(&emulator, 1).await.core.reach(&Json::Null, &mut held).await;
        judge(&emulator, &held, &said).unwrap_or_else(|why| panic!("{key}: {why}"));
        assert!(held.object.is_null(), "{key}: {}", red(&said));
    }
}

/// A destroy that goes on after a backup that is not there. Where names are unique the service says so; elsewhere lists may lag
/// behind it, so that it is waited for, but no longer than they can lag since it was begun.
async fn goes_on_without_it(emulator: &Emulator, key: &str, held: &mut Held, is_told: bool) {
    let before = emulator.totals().created;
    if !is_told {
        held.object["timeouts"]["delete"] = json!("5s");
        let said = destroyed(emulator, held).await;
        assert!(said.is_red() && emulator.totals().created == before, "{key}: {}", said.text());
        long_ago(held);
    }
    held.object["timeouts"]["delete"] = json!(LIMIT);
    let said = destroyed(emulator, held).await;
    judge(emulator, held, &said).unwrap_or_else(|why| panic!("{key}: {why}"));
    assert!(held.object.is_null(), "{key}: {}", red(&said));
    assert_eq!(emulator.totals().created, before + 1, "{key}");
}

/// The backup of an interrupted destroy has completed, and somebody has deleted it. Its job says "completed" for ever.
#[tokio::test]
async fn one_that_completed_and_was_deleted_holds_no_destroy() {
    let cells = services().map(|service| async move {
        let facts = service.facts();
        let emulator = Emulator::start(Options::with_backups_of(3600.0)).await.expect("the emulator starts");
        let mut held = net(&emulator, facts.key(), LIMIT).await;
        let said = interrupted(&emulator, &mut held).await;
        assert!(said.is_red(), "{}", said.text());
        let id = emulator.backups().remove(0).id;
        assert!(emulator.set_status(&id, "COMPLETED") && emulator.vanish(&id));
        emulator.set_pace(|pace| *pace = Pace::of_backups(0.4));
        goes_on_without_it(&emulator, facts.key(), &mut held, facts.names_are_unique).await;
    });
    futures_util::future::join_all(cells).await;
}

/// The create was accepted, and no backup came of it.
#[tokio::test]
async fn one_that_never_was_holds_no_destroy() {
    let ends = [JobEnd::Completed, JobEnd::Failed];
    let cells = services().flat_map(|service| ends.map(|end| (service, end))).map(|(service, end)| async move {
        let (key, unique) = (service.facts().key(), service.facts().names_are_unique);
        let emulator = Emulator::start(Options::with_backups_of(0.2)).await.expect("the emulator starts");
        let mut held = net(&emulator, key, "3s").await;
        emulator.fault(Fault::undone(end).on(key).operation("create"));
        // Again where the limit was over before the create was sent.
        while !emulator.journal().iter().any(|call| call.operation == "create") {
            let said = destroyed(&emulator, &mut held).await;
            assert!(said.is_red() && emulator.backups().is_empty(), "{key}: {}", said.text());
        }
        goes_on_without_it(&emulator, key, &mut held, unique || end == JobEnd::Failed).await;
    });
    futures_util::future::join_all(cells).await;
}

/// What has the net's own random name is its backup, whatever id the answer to the create gave.
#[tokio::test]
async fn its_name_counts_for_more_than_the_id_in_an_answer() {
    let cells = services().flat_map(|service| [LIMIT, "1s"].map(|limit| (service, limit)));
    // Where names are not unique, the other one may be of an earlier request: only the next destroy decides.
    let cells = cells.filter(|(service, limit)| service.facts().names_are_unique || *limit != LIMIT);
    let cells = cells.map(|(service, limit)| async move {
        let key = service.facts().key();
        let seconds = if limit == LIMIT { 0.4 } else { 3600.0 };
        let emulator = Emulator::start(Options::with_backups_of(seconds)).await.expect("the emulator starts");
        let mut held = net(&emulator, key, limit).await;
        let wrong = "deadbeefdeadbeefdeadbeefdeadbeefbr02";
        emulator.fault(Fault::replace(&[("backup_id", wrong), ("id", wrong)]).on(key).operation("create"));
        let mut said = destroyed(&emulator, &mut held).await;
        if limit != LIMIT {
            assert!(said.is_red(), "{key}: {}", said.text());
            emulator.set_pace(|pace| *pace = Pace::of_backups(0.4));
            emulator.backups().iter().for_each(|row| _ = emulator.set_status(&row.id, "COMPLETED"));
            held.object["timeouts"]["delete"] = json!(LIMIT);
            said = destroyed(&emulator, &mut held).await;
        }
        judge(&emulator, &held, &said).unwrap_or_else(|why| panic!("{key}: {why}"));
        assert!(held.object.is_null() && emulator.totals().created == 1, "{key}: {}", said.text());
    });
    futures_util::future::join_all(cells).await;
}

/// An interrupted destroy, lists that showed its backup and lack it for a while, and a service whose clock is hours behind.
#[tokio::test]
async fn one_that_hides_or_seems_old_is_not_taken_again() {
    let paces = [
        ("hides", Pace { hidden_seconds: vec![(2.0, 9.0)], ..Pace::of_backups(2.5) }),
        ("seems old", Pace { begin_off_seconds: -9_000.0, ..Pace::of_backups(2.5) }),
    ];
    let cells = services().flat_map(|service| paces.clone().map(|pace| (service, pace)));
    let cells = cells.map(|(service, (what, pace))| async move {
        let key = service.facts().key();
        let emulator = Emulator::start(Options { pace, ..Options::default() }).await.expect("the emulator starts");
        let mut held = net(&emulator, key, LIMIT).await;
        let said = interrupted(&emulator, &mut held).await;
        assert!(said.is_red(), "{key}: {}", said.text());
        tokio::time::sleep(Duration::from_secs(3)).await;
        let said = destroyed(&emulator, &mut held).await;
        judge(&emulator, &held, &said).unwrap_or_else(|why| panic!("{key} {what}: {why}"));
        assert!(held.object.is_null(), "{key} {what}: {}", red(&said));
        assert_eq!(emulator.totals().created, 1, "{key} {what}");
    });
    futures_util::future::join_all(cells).await;
}

/// Killed before its create was answered, in a cloud whose lists lag and whose names are not unique: nobody can know, but who
/// takes a second one says so.
#[tokio::test]
async fn one_that_was_taken_twice_is_told() {
    let key = "taurusdb";
    let mut options = Options::with_backups_of(0.4);
    options.pace.list_delay_seconds = 15.0;
    let emulator = Emulator::start(options).await.expect("the emulator starts");
    let mut held = net(&emulator, key, LIMIT).await;
    emulator.fault(Fault { ms: Some(5_000), ..Fault::new(FaultKind::Delay) }.on(key).operation("create"));
    let (killed, mut copy) = (run(&emulator, 1).await, held.clone());
    tokio::select! {
        _ = killed.core.reach(&Json::Null, &mut copy) => panic!("it ended before it was killed"),
        () = async {
            while emulator.backups().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        } => {}
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let said = destroyed(&emulator, &mut held).await;
    assert!(held.object.is_null(), "{}", said.text());
    assert_eq!(taken(&emulator).len(), 2, "{:?}", emulator.backups());
    assert!(said.text().contains("Backup was taken twice"), "{}", said.text());
}

/// A destroy that was killed right after its create, in a cloud whose lists lag.
#[tokio::test]
async fn what_no_list_shows_yet_is_not_taken_again() {
    for service in services() {
        let key = service.facts().key();
        let mut options = Options::with_backups_of(3.0);
        options.pace.list_delay_seconds = 1.0;
        let emulator = Emulator::start(options).await.expect("the emulator starts");
        let mut held = Held::default();
        let said = run(&emulator, 1).await.core.reach(&arguments(&emulator, key, LIMIT), &mut held).await;
        assert!(!said.is_red(), "{}", red(&said));
        let (killed, mut copy) = (run(&emulator, 1).await, held.clone());
        tokio::select! {
            _ = killed.core.reach(&Json::Null, &mut copy) => panic!("{key}: it ended before it was killed"),
            () = async {
                while emulator.totals().created == 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            } => {}
        }
        let said = run(&emulator, 1).await.core.reach(&Json::Null, &mut held).await;
        judge(&emulator, &held, &said).unwrap_or_else(|why| panic!("{key}: {why}"));
        assert_eq!(emulator.totals().created, 1, "{key}");
    }
}

/// The plan of a destroy says what that will meet.
#[tokio::test]
async fn the_plan_of_a_destroy_says_what_it_will_meet() {
    for service in services() {
        let key = service.facts().key();
        let emulator = Emulator::start(Options::with_backups_of(0.2)).await.expect("the emulator starts");
        let mut held = Held::default();
        let said = run(&emulator, 1).await.core.reach(&arguments(&emulator, key, LIMIT), &mut held).await;
        assert!(!said.is_red(), "{}", red(&said));
        let mut refusing = held.clone();
        refusing.object["on_missing_instance"] = json!("refuse");
        let elsewhere = emulator.project_id_of(&emulator.domain_name(), "eu-de_team1");
        let summaries = async |core: &Core, held: &Held| {
            let (_, said) = core.is_settled(&Json::Null, held).await;
            said.0.into_iter().map(|one| one.summary).collect::<Vec<_>>()
        };
        let taken = "A final backup will be taken";
        assert_eq!(summaries(&run(&emulator, 1).await.core, &held).await, [taken], "{key}");
        let mut begun = held.clone();
        begun.object["last_backup_id"] = json!("b1");
        let goes_on = ["A final backup was begun, and the destroy goes on with it"];
        assert_eq!(summaries(&run(&emulator, 1).await.core, &begun).await, goes_on, "{key}");
        let core = Core::launch(&emulator, &[("HW_PROJECT_ID", &elsewhere)]).await.of(KIND);
        let refused = ["Destroy will be refused: the instance was not found"];
        assert_eq!(summaries(&core, &held).await, refused, "{key}");
        // What cannot be asked hinders no plan, and is told once.
        emulator.fault(Fault::status(403).on(key).times(100_000));
        let silent = run(&emulator, 1).await;
        assert_eq!(summaries(&silent.core, &held).await, ["Plan was made without asking the cloud", taken], "{key}");
        assert_eq!(summaries(&silent.core, &held).await, [taken], "{key}");
        emulator.clear_faults();
        emulator.remove_instance(&emulator.instance(key));
        let Run { core, _attached } = run(&emulator, 1).await;
        let gone = ["No final backup will be taken: the instance is gone"];
        assert_eq!(summaries(&core, &held).await, gone, "{key}");
        assert_eq!(summaries(&core, &refusing).await, ["Destroy will fail: the instance is gone"], "{key}");
        let mut skipping = held.clone();
        skipping.object["skip"] = json!(true);
        assert_eq!(summaries(&core, &skipping).await, ["No final backup will be taken"], "{key}");
        assert!(emulator.journal().iter().all(|call| call.method == "GET"), "{key}: a plan only looks");
    }
}

/// However many nets a plan destroys, it asks once what it can ask for all, and tells each its own newest backup.
#[tokio::test]
async fn plans_of_many_destroys_share_their_calls() {
    const NETS: usize = 12;
    let emulator = Emulator::start(Options::with_backups_of(0.2)).await.expect("the emulator starts");
    let Run { core, _attached } = run(&emulator, 1).await;
    let mut nets = Vec::new();
    for nth in 0..NETS {
        let (service, name) = ("dds".to_owned(), format!("orders-{nth}"));
        let instance = emulator.add_instance(&NewInstance { service, name, ..NewInstance::default() }).id;
        let mut held = Held::default();
        let wish = json!({ "service": "dds", "instance_id": instance });
        assert!(!core.reach(&wish, &mut held).await.is_red());
        // The last one has none.
        let backup = (nth + 1 < NETS).then(|| emulator.add_backups(&NewBackups::of(&instance)).remove(0).name);
        nets.push((held, backup));
    }
    let Run { core, _attached } = run(&emulator, 1).await;
    emulator.clear_journal();
    let plans = nets.iter().map(|(held, _)| core.is_settled(&Json::Null, held));
    let plans = futures_util::future::join_all(plans).await;
    for ((_, said), (_, backup)) in plans.iter().zip(&nets) {
        let newest = backup.as_ref().map_or("There is no completed".to_owned(), |name| format!("is {name:?}"));
        assert!(said.text().contains(&newest), "{newest:?} is not in {}", said.text());
    }
    // The first instance by its id, then the list of all, and the newest backups.
    assert_eq!(emulator.journal().len(), 3, "{:?}", emulator.journal());
}

/// Valid keys of another project say nothing about an instance.
#[tokio::test]
async fn from_another_project_nothing_goes() {
    let emulator = Emulator::start(Options::with_backups_of(0.2)).await.expect("the emulator starts");
    let mut held = Held::default();
    let core = Core::launch(&emulator, &[]).await.of(KIND);
    let said = core.reach(&arguments(&emulator, "dds", LIMIT), &mut held).await;
    assert!(!said.is_red(), "{}", red(&said));
    let elsewhere = emulator.project_id_of(&emulator.domain_name(), "eu-de_team1");
    let core = Core::launch(&emulator, &[("HW_PROJECT_ID", &elsewhere)]).await.of(KIND);
    let said = core.down(&mut held).await;
    assert!(red(&said).starts_with("Whether the instance still exists could not be told"), "{}", said.text());
    assert!(!held.object.is_null());
    let (_, said) = core.import(&format!("dds/{}", emulator.instance("dds"))).await;
    assert!(said.is_red(), "an import finds nothing there: {}", said.text());
    // Where it belongs, and the instance is really gone: that is allowed, or refused.
    emulator.remove_instance(&emulator.instance("dds"));
    let core = Core::launch(&emulator, &[]).await.of(KIND);
    let mut refusing = held.clone();
    refusing.object["on_missing_instance"] = json!("refuse");
    let said = core.down(&mut refusing).await;
    assert!(red(&said).starts_with("Final backup was not taken: the instance is gone"), "{}", said.text());
    assert!(!refusing.object.is_null());
    let said = core.down(&mut held).await;
    assert!(!said.is_red() && held.object.is_null(), "{}", said.text());
    assert!(said.text().contains("No final backup: the instance is gone"), "{}", said.text());
    assert!(emulator.backups().is_empty());
}

/// Keys of another account, the project by its id, and a cloud that shows them an empty one: nothing is lost. With keys of its
/// own account it may be empty.
#[tokio::test]
async fn a_project_that_only_seems_empty_keeps_the_net() {
    let cells = services().map(|service| async move {
        let key = service.facts().key();
        let emulator = Emulator::start(Options::with_backups_of(0.2)).await.expect("the emulator starts");
        let mut held = net(&emulator, key, LIMIT).await;
        let before = held.object.clone();
        emulator.set_modes(|modes| modes.foreign_project = ForeignProject::Empty);
        let (access_key, secret_key) = emulator.issue_key(&emulator.neighbour().0, None);
        let keys = [("HW_ACCESS_KEY", access_key.as_str()), ("HW_SECRET_KEY", secret_key.as_str())];
        emulator.clear_journal();
        let said = Core::launch(&emulator, &keys).await.of(KIND).down(&mut held).await;
        assert!(
            red(&said).starts_with("Whether the instance still exists could not be told"),
            "{key}: {}",
            said.text()
        );
        assert!(said.text().contains("may be of another account"), "{key}: {}", said.text());
        assert_eq!(held.object, before, "{key}");
        assert!(emulator.journal().iter().all(|call| call.method == "GET"), "{key}: something was sent");
        for row in emulator.instances().into_iter().filter(|row| row.service == key) {
            emulator.remove_instance(&row.id);
        }
        // A token that IAM gives for the project is its word too, where it may not be asked for more.
        let (user, password, account) = (emulator.user_name(), emulator.password(), emulator.domain_name());
        let login = [
            ("HW_ACCESS_KEY", ""),
            ("HW_SECRET_KEY", ""),
            ("HW_USER_NAME", user.as_str()),
            ("HW_USER_PASSWORD", password.as_str()),
            ("HW_DOMAIN_NAME", account.as_str()),
        ];
        let by_token = ["dds", "rds"].contains(&key);
        if by_token {
            emulator.fault(Fault::status(403).on("iam").method("GET").times(1000));
        }
        let own: &[_] = if by_token { &login } else { &[] };
        let said = Core::launch(&emulator, own).await.of(KIND).down(&mut held).await;
        assert!(!said.is_red() && held.object.is_null(), "{key}: {}", said.text());
        assert!(said.text().contains("No final backup: the instance is gone"), "{key}: {}", said.text());
    });
    futures_util::future::join_all(cells).await;
}

/// The instance was deleted elsewhere, and its resource has left the state: the next apply replaces the net, which refuses, whatever
/// the configuration says by now. What the message advises lets it go, and the new instance gets its net.
#[test]
fn a_net_that_is_replaced_and_refuses_can_be_let_go_as_it_says() {
    let emulator = Emulator::start_now(&Options::with_backups_of(0.3)).expect("the emulator starts");
    let workspace = Workspace::new(&emulator);
    let second = NewInstance { service: "dds".to_owned(), name: "second".to_owned(), ..NewInstance::default() };
    let (first, second) = (emulator.instance("dds"), emulator.add_instance(&second).id);
    let with = |of: &str, instance_id: &str, missing: &str| {
        workspace.configure(&format!(
            "resource \"terraform_data\" \"instance\" {{\n  input = \"{of}\"\n}}\nresource \"{KIND}\" \"net\" {{\n  service             = \
             \"dds\"\n  instance_id         = {instance_id}\n  on_missing_instance = \"{missing}\"\n}}\n"
        ));
    };
    let (refers, written) = ("terraform_data.instance.output", format!("\"{first}\""));
    with(&first, refers, "refuse");
    workspace.apply();
    emulator.remove_instance(&first);
    workspace.run(&["state", "rm", "terraform_data.instance"]).succeeded();
    with(&second, refers, "allow");
    let ran = workspace.run(&["apply", "-auto-approve"]).failed();
    let (plan, error) =
        ran.words().split_once("Plan: ").map(|(_, rest)| rest.to_owned()).zip(Some(ran.words())).expect("a plan");
    let advice =
        format!("apply `on_missing_instance = \"allow\"` alone first, with `instance_id = {written}` written out");
    assert!(error.contains("Final backup was not taken: the instance is gone"), "{}", ran.all());
    assert!(plan.contains("Destroy will fail: the instance is gone") && plan.contains(&advice), "{}", ran.all());
    with(&second, &written, "allow");
    workspace.apply();
    with(&second, refers, "allow");
    workspace.apply().says("No final backup: the instance is gone");
    workspace.nothing_to_do();
    workspace.destroy().says("Final backup was taken");
    assert_eq!(emulator.backups().iter().map(|row| row.instance_id.as_str()).collect::<Vec<_>>(), [second]);
}

/// An id that is written out stays the same when the instance is replaced: what the page advises besides `depends_on`.
#[test]
fn beside_depends_on_a_trigger_replaces_the_net_with_its_instance() {
    for triggers in [false, true] {
        let emulator = Emulator::start_now(&Options::with_backups_of(0.3)).expect("the emulator starts");
        let workspace = Workspace::new(&emulator);
        let trigger = if triggers { "replace_triggered_by = [terraform_data.instance]" } else { "" };
        workspace.configure(&format!(
            "resource \"terraform_data\" \"instance\" {{}}\nresource \"{KIND}\" \"net\" {{\n  service     = \"dds\"\n  instance_id = \
             \"{}\"\n  depends_on  = [terraform_data.instance]\n  lifecycle {{\n    {trigger}\n  }}\n}}\n",
            emulator.instance("dds")
        ));
        workspace.apply();
        workspace.run(&["apply", "-auto-approve", "-replace=terraform_data.instance"]).succeeded();
        assert_eq!(taken(&emulator).len(), usize::from(triggers));
        workspace.nothing_to_do();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Interrupt,
    KillProvider,
    KillAll,
}

/// Milliseconds after the create has arrived; the backup takes 1.2 s.
const MOMENTS: [u64; 5] = [0, 40, 150, 600, 1_150];

#[expect(clippy::disallowed_methods, reason = "these tests have no runtime: they watch processes from outside")]
fn pause(time: Duration) {
    thread::sleep(time);
}

/// A destroy that is ended from outside, and the next one, with the real CLI.
fn ended_from_outside(how: How, moment: u64) -> Result<(), String> {
    let mut options = Options::with_backups_of(1.2);
    options.pace.latency_ms = 30;
    let emulator = Emulator::start_now(&options).expect("the emulator starts");
    let workspace = Workspace::new(&emulator);
    workspace.configure(&format!(
        "resource \"{KIND}\" \"net\" {{\n  service     = \"dds\"\n  instance_id = \"{}\"\n}}\n",
        emulator.instance("dds")
    ));
    workspace.apply();
    let mut running = workspace.start(&["destroy", "-auto-approve"]);
    let limit = Instant::now() + Duration::from_mins(3);
    while emulator.totals().created == 0 {
        if Instant::now() > limit {
            return Err("no backup was begun".to_owned());
        }
        pause(Duration::from_millis(2));
    }
    pause(Duration::from_millis(moment));
    match how {
        How::Interrupt => running.signal_if_there(Signal::INT),
        How::KillAll => running.signal_if_there(Signal::KILL),
        How::KillProvider => _ = running.kill_provider(),
    }
    let ran = running.finished();
    let net = format!("{KIND}.net");
    if workspace.resource(&net).is_none() && emulator.backups().iter().all(|row| row.status != "COMPLETED") {
        return Err(format!("the net is gone without a completed backup\n{}", ran.all()));
    }
    let again = workspace.run(&["destroy", "-auto-approve"]);
    let (rows, created) = (emulator.backups(), emulator.totals().created);
    let fine = again.code == 0 && workspace.resource(&net).is_none();
    if fine && created == 1 && rows.len() == 1 && rows[0].status == "COMPLETED" {
        return Ok(());
    }
    Err(format!("after the next destroy: {created} created, {rows:?}\n{}\n{}", ran.all(), again.all()))
}

#[test]
fn a_destroy_that_is_killed_is_gone_on_with() {
    let began = Instant::now();
    let hows = [How::Interrupt, How::KillProvider, How::KillAll];
    let runs: VecDeque<_> = hows.into_iter().flat_map(|how| MOMENTS.map(|moment| (how, moment))).collect();
    let (count, queue, bad) = (runs.len(), Mutex::new(runs), Mutex::new(String::new()));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("nobody panics here").pop_front();
                    let Some((how, moment)) = next else { return };
                    if let Err(why) = ended_from_outside(how, moment) {
                        let mut bad = bad.lock().expect("nobody panics here");
                        writeln!(bad, "{how:?} after {moment} ms: {why}\n").expect("text takes text");
                    }
                }
            });
        }
    });
    let bad = bad.into_inner().expect("nobody panics here");
    let line = format!("nets, kill matrix: {count} runs; {:.0} s\n", began.elapsed().as_secs_f64());
    std::io::stderr().write_all(line.as_bytes()).expect("stderr takes text");
    assert!(bad.is_empty(), "{bad}");
}
