//! Restores, with everything that can go wrong on the way: the order is carried out at most once, nothing is called done that
//! is not, and what is not clear is told as such.

use std::time::Duration;

use huaweidb::backup::{ALL, Service};
use huaweidb::plugin::{Attached, attach};
use huaweidb_emulator::{Emulator, Fault, FaultKind, InstanceRow, NewBackups, NewInstance, Options};
use rustix::process::Signal;
use serde_json::{Value as Json, json};
use tokio::time::sleep;

use crate::fault_states::Hasty;
use crate::faults::{AT_ONCE, WRONGS, Wrong, settings};
use crate::support::host::{Host, Launch};
use crate::support::matrix;
use crate::support::proto::tfplugin6 as tf;
use crate::support::run::{ended, over, whole};
use crate::support::value::wire;

const ACTION: &str = "huaweidb_restore_backup";
const ERROR: i32 = tf::diagnostic::Severity::Error as i32;
const LOST: &str = "Restore may have begun: no usable answer came";
const FAILED: &str = "Restore failed";
/// What is said if nothing has begun.
const NOT_BEGUN: [&str; 3] = [
    "Restore was not begun",
    "Restore was not begun: the data cannot be used",
    "Restore was not begun: the target cannot take it",
];
/// What is said of a restore that goes on.
const GOES_ON: [&str; 3] = [
    "Restore goes on: its end was not awaited",
    "Restore was not completed in time",
    "Restore was not seen to complete",
];

/// Which calls go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// The looks before the order.
    Look,
    Order,
    Job,
    /// The looks at the target after the order.
    Target,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Of(Wrong),
    /// The connection breaks, and the order arrives later.
    ArrivesLater,
    /// The restore begins and fails.
    Fails,
}

#[derive(Clone, Copy)]
struct Cell {
    service: &'static dyn Service,
    at: At,
    trouble: Trouble,
    throughout: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ended {
    /// The target holds the data.
    Done,
    /// Nothing was begun.
    NotBegun,
    /// The order has no usable answer.
    Unclear,
    /// It goes on, and nobody saw its end.
    GoesOn,
    Failed,
}

impl Trouble {
    fn fault(self) -> Fault {
        match self {
            Trouble::Of(wrong) => wrong.fault().expect("it is a fault of the emulator"),
            Trouble::ArrivesLater => Fault { late_ms: Some(300), ..Fault::new(FaultKind::CloseBefore) },
            Trouble::Fails => Fault::new(FaultKind::FailBackup),
        }
    }

    fn haste(self) -> u32 {
        if let Trouble::Of(wrong) = self { wrong.haste() } else { 1 }
    }
}

impl Cell {
    fn key(self) -> &'static str {
        self.service.facts().key()
    }

    fn described(self) -> String {
        let how = if self.throughout { "throughout" } else { "once" };
        format!("restore × {} × {:?} × {:?}, {how}", self.key(), self.at, self.trouble)
    }

    /// How the order's own trouble has to end; elsewhere what happened decides.
    fn expected(self) -> Option<Ended> {
        let wrong = match self.trouble {
            Trouble::Fails => return Some(Ended::Failed),
            Trouble::ArrivesLater => return Some(Ended::Unclear),
            Trouble::Of(wrong) => wrong,
        };
        match (self.at, self.throughout) {
            (At::Order, throughout) => Some(match wrong {
                Wrong::SlowBody => Ended::Done,
                // The cloud says that it did not take it: it may be told again, as long as there is time.
                Wrong::Throttled | Wrong::ThrottledFor if !throughout => Ended::Done,
                // It says that it did not take it; and a key cannot be renewed. A redirect is not the cloud's word.
                Wrong::Throttled | Wrong::ThrottledFor | Wrong::Status401 | Wrong::Busy403 | Wrong::Busy409 => {
                    Ended::NotBegun
                }
                _ => Ended::Unclear,
            }),
            // A look that fails once is repeated, or its absence does no harm.
            (At::Job | At::Target, false) => match wrong {
                Wrong::Redirect | Wrong::Status401 => Some(Ended::GoesOn),
                _ => Some(Ended::Done),
            },
            _ => None,
        }
    }
}

/// A provider with waits that a test can bear, and its cloud.
struct Stage {
    emulator: Emulator,
    source: String,
    target: String,
    backup: String,
}

impl Stage {
    async fn new(service: &str, seconds: f64) -> Self {
        let mut options = Options::with_backups_of(seconds);
        // The target is busy for a while after its job has completed.
        options.pace.settle_lag_seconds = 0.3;
        let emulator = Emulator::start(options).await.expect("the emulator starts");
        let new = |name: &str, engine: String| {
            let (service, name) = (service.to_owned(), name.to_owned());
            emulator.add_instance(&NewInstance { service, name, engine: Some(engine), ..NewInstance::default() }).id
        };
        let engine = match service {
            // Not every engine can be restored.
            "geminidb" => "mongodb".to_owned(),
            "rds" => "MySQL".to_owned(),
            _ => row(&emulator, &emulator.instance(service)).engine,
        };
        let (source, target) = (new("source", engine.clone()), new("target", engine));
        let backup = emulator.add_backups(&NewBackups::of(&source)).remove(0).id;
        Stage { emulator, source, target, backup }
    }

    fn wish(&self, service: &str, timeout: &str) -> Json {
        json!({
            "service": service, "backup_id": self.backup, "source_instance_id": self.source,
            "target_instance_id": self.target, "overwrite": true, "timeout": timeout,
        })
    }

    fn orders(&self) -> Vec<Option<u16>> {
        let calls = self.emulator.journal().into_iter().filter(|call| call.operation == "restore");
        calls.map(|call| call.status).collect()
    }

    fn target(&self) -> InstanceRow {
        row(&self.emulator, &self.target)
    }

    async fn until_begun(&self) {
        while self.emulator.totals().restored == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn until_idle(&self) {
        while self.target().status != "IDLE" {
            sleep(Duration::from_millis(20)).await;
        }
    }
}

fn row(emulator: &Emulator, id: &str) -> InstanceRow {
    emulator.instances().into_iter().find(|row| row.id == id).expect("it exists")
}

fn request(schema: &tf::get_provider_schema::Response, wish: &Json) -> tf::invoke_action::Request {
    let schema = schema.action_schemas[ACTION].schema.as_ref().expect("it has one");
    tf::invoke_action::Request {
        action_type: ACTION.to_owned(),
        config: wire(&whole(schema, wish)),
        ..Default::default()
    }
}

async fn configure(host: &Host, block: &Json) -> tf::get_provider_schema::Response {
    let schema = host.provider().get_provider_schema(tf::get_provider_schema::Request {}).await;
    let schema = schema.expect("an answer").into_inner();
    let request = tf::configure_provider::Request {
        config: wire(&whole(schema.provider.as_ref().expect("it has one"), block)),
        terraform_version: "1.16.0".to_owned(),
        ..Default::default()
    };
    let answer = host.provider().configure_provider(request).await.expect("an answer").into_inner();
    assert_eq!(answer.diagnostics, []);
    schema
}

async fn attached(emulator: &Emulator, limits: u32) -> (Host, tf::get_provider_schema::Response, Attached) {
    let attached = attach(Hasty(settings(emulator, false, true), limits)).await.expect("a socket");
    let host = Host::attach(&attached).await;
    let schema = configure(&host, &json!({})).await;
    (host, schema, attached)
}

async fn invoke(stage: &Stage, limits: u32, wish: &Json) -> Vec<tf::Diagnostic> {
    let (host, schema, _attached) = attached(&stage.emulator, limits).await;
    let events = host.provider().invoke_action(request(&schema, wish)).await.expect("an answer").into_inner();
    let (_, said) = ended(events).await;
    said.into_iter().filter(|one| one.severity == ERROR).collect()
}

/// What was said against what happened.
fn judge(stage: &Stage, said: &[tf::Diagnostic]) -> Result<Ended, String> {
    let (restored, target, orders) = (stage.emulator.totals().restored, stage.target(), stage.orders());
    let told = || said.iter().map(|one| format!("{}: {}", one.summary, one.detail)).collect::<Vec<_>>().join("\n");
    let seen = || format!("restored {restored}, orders {orders:?}, the target {target:?}\n{}", told());
    // A refusal that says that nothing was taken may be followed by another try; nothing else may.
    let doubtful = orders.iter().filter(|status| !matches!(status, Some(401 | 429))).count();
    if restored > 1 || doubtful > 1 {
        return Err(format!("duplicates: {}", seen()));
    }
    let Some(error) = said.first() else {
        let holds = target.contents == stage.backup && target.status == "IDLE";
        return if restored == 1 && holds { Ok(Ended::Done) } else { Err(format!("lost: called done: {}", seen())) };
    };
    let names_target = error.detail.contains(&stage.target);
    let summary = error.summary.as_str();
    let (ended, fits) = if summary == LOST {
        (Ended::Unclear, names_target && error.detail.contains("console"))
    } else if GOES_ON.contains(&summary) {
        (Ended::GoesOn, restored == 1 && names_target && error.detail.contains("job "))
    } else if summary == FAILED {
        let damaged = target.contents == "damaged" || target.status != "IDLE";
        (Ended::Failed, restored == 1 && damaged && names_target)
    } else {
        (Ended::NotBegun, restored == 0 && NOT_BEGUN.contains(&summary))
    };
    if said.len() == 1 && fits { Ok(ended) } else { Err(format!("unexpected: {}", seen())) }
}

async fn cell(cell: Cell) -> Result<Ended, String> {
    let stage = Stage::new(cell.key(), 0.3).await;
    let fault = cell.trouble.fault().on(cell.key()).times(if cell.throughout { 100_000 } else { 1 });
    // What has no certain end, or only that of its limit, need not be waited for.
    let is_certain = !cell.throughout || matches!(cell.expected(), Some(Ended::Done | Ended::Unclear));
    let wish = stage.wish(cell.key(), if is_certain { "10m" } else { "3s" });
    stage.emulator.fault(match cell.at {
        At::Look => fault.method("GET"),
        At::Order => fault.operation("restore"),
        At::Job => fault.operation("job"),
        // The first look at it comes before the order; of what a backup of dds needs the source is asked, too.
        At::Target => Fault { skip: if cell.key() == "dds" { 2 } else { 1 }, ..fault.operation("instances") },
    });
    let said = invoke(&stage, cell.trouble.haste(), &wish).await;
    if cell.trouble == Trouble::ArrivesLater {
        stage.until_begun().await;
    }
    let ended = judge(&stage, &said)?;
    if cell.expected().is_some_and(|expected| expected != ended) {
        let told = said.iter().map(|one| one.summary.as_str()).collect::<Vec<_>>();
        return Err(format!("unexpected: {ended:?}, not {:?}: {told:?}", cell.expected()));
    }
    // All is well again: the next one, by hand and once the target is idle, is another restore, and ends.
    stage.emulator.clear_faults();
    stage.until_idle().await;
    let before = stage.emulator.totals().restored;
    let said = invoke(&stage, 1, &stage.wish(cell.key(), "10m")).await;
    let target = stage.target();
    let fine = said.is_empty() && target.contents == stage.backup && stage.emulator.totals().restored == before + 1;
    if fine { Ok(ended) } else { Err(format!("unexpected: the next one: {target:?}, {said:?}")) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_is_sent_once_and_never_called_done_before_it_is() {
    let mut cells = Vec::new();
    for service in ALL.iter().copied().filter(|service| service.facts().no_create.is_none()) {
        for at in [At::Look, At::Order, At::Job, At::Target] {
            for wrong in WRONGS.into_iter().filter(|wrong| wrong.fault().is_some()) {
                for throughout in [false, true] {
                    // Looks that are all late take long.
                    let at_length = at == At::Look && wrong == Wrong::Late && throughout;
                    if !at_length {
                        cells.push(Cell { service, at, trouble: Trouble::Of(wrong), throughout });
                    }
                }
            }
        }
        for trouble in [Trouble::ArrivesLater, Trouble::Fails] {
            cells.push(Cell { service, at: At::Order, trouble, throughout: false });
        }
    }
    let cells = matrix::chosen(cells, Cell::described);
    let outcome = matrix::run(&cells, AT_ONCE, Cell::described, cell).await;
    let of = |ended| outcome.count(&ended);
    outcome.tell(&format!(
        "restores: {} cells, {} done, {} not begun, {} unclear, {} go on, {} failed",
        cells.len(),
        of(Ended::Done),
        of(Ended::NotBegun),
        of(Ended::Unclear),
        of(Ended::GoesOn),
        of(Ended::Failed),
    ));
}

/// How the run is ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// Ctrl-C: the host asks the provider to stop.
    Stop,
    KillProvider,
    /// The host is gone; the provider's pipes are closed.
    HostVanishes,
}

/// Milliseconds after the order has arrived; the restore takes 1.2 s.
const MOMENTS: [u64; 4] = [0, 40, 400, 1_150];

/// The real binary, ended from outside while the restore runs. The order is never sent again, by nobody, until somebody asks
/// for another restore; and that is refused as long as the first one runs.
async fn ended_from_outside(service: &str, how: How, moment: u64) -> Result<(), String> {
    let stage = Stage::new(service, 1.2).await;
    let launch = || {
        Launch::secured()
            .env("HW_REGION_NAME", stage.emulator.region())
            .env("HW_PROJECT_ID", stage.emulator.project_id())
            .env("HW_ACCESS_KEY", stage.emulator.access_key())
            .env("HW_SECRET_KEY", stage.emulator.secret_key())
            .env("HW_MAX_RETRIES", "1")
    };
    let block = json!({ "endpoints": stage.emulator.ready()["endpoints"] });
    let mut host = launch().start().await.connect().await;
    let schema = configure(&host, &block).await;
    let wish = stage.wish(service, "10m");
    let mut events = host.provider().invoke_action(request(&schema, &wish)).await.expect("an answer").into_inner();
    let watched = async move {
        let mut said = None;
        // A connection that breaks ends it too.
        while let Ok(Some(event)) = events.message().await {
            if let Some(tf::invoke_action::event::Type::Completed(one)) = event.r#type {
                said = Some(one.diagnostics);
            }
        }
        said
    };
    let watching = tokio::spawn(watched);
    stage.until_begun().await;
    sleep(Duration::from_millis(moment)).await;
    match how {
        How::Stop => drop(host.provider().stop_provider(tf::stop_provider::Request {}).await),
        How::KillProvider => host.plugin().signal(Signal::KILL),
        How::HostVanishes => {}
    }
    if how == How::HostVanishes {
        watching.abort();
        host.vanish().ends().await;
    } else {
        let said = watching.await.expect("it does not panic");
        let told = said.as_deref().and_then(|said| said.first()).map(|one| one.summary.clone());
        let done = stage.target().contents == stage.backup;
        let fine = match (how, &said, told.as_deref()) {
            (How::Stop, _, Some(summary)) => GOES_ON.contains(&summary) || summary == LOST,
            (How::KillProvider, None, _) => true,
            // It had ended before.
            (_, Some(_), None) => done,
            _ => false,
        };
        if !fine {
            return Err(format!("it said {said:?}"));
        }
    }
    let orders = stage.orders().len();
    if (orders, stage.emulator.totals().restored) != (1, 1) {
        return Err(format!("{orders} orders"));
    }
    let host = launch().start().await.connect().await;
    let schema = configure(&host, &block).await;
    let busy = stage.target().status != "IDLE";
    let events = host.provider().invoke_action(request(&schema, &over(&wish, &json!({})))).await;
    let (_, said) = ended(events.expect("an answer").into_inner()).await;
    let told = said.first().map(|one| one.summary.as_str());
    match (told, stage.emulator.totals().restored) {
        (Some("Restore was not begun: the target cannot take it"), 1) if busy => {}
        // It had become idle meanwhile.
        (None, 2) => return Ok(()),
        other => return Err(format!("the next one: {other:?}")),
    }
    stage.until_idle().await;
    let holds = stage.target().contents == stage.backup;
    if holds { Ok(()) } else { Err("it did not go on in the cloud".to_owned()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_that_is_killed_goes_on_in_the_cloud_and_is_not_sent_again() {
    let mut bad = Vec::new();
    let mut count = 0;
    for service in ["dds", "rds", "gaussdb"] {
        for how in [How::Stop, How::KillProvider, How::HostVanishes] {
            let runs = MOMENTS.map(|moment| async move { (moment, ended_from_outside(service, how, moment).await) });
            for (moment, outcome) in futures_util::future::join_all(runs).await {
                count += 1;
                bad.extend(outcome.err().map(|why| format!("{service}, {how:?} after {moment} ms: {why}")));
            }
        }
    }
    assert!(bad.is_empty(), "of {count}:\n{}", bad.join("\n"));
}
