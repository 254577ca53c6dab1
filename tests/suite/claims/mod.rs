//! The claims that people act on, each case through the real binary: this backup is complete, this backup is ours, this
//! backup is gone, nothing was left behind. Every case runs for every service that takes backups, all side by side: they
//! mostly wait.

use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use huaweidb::backup::ALL;
use huaweidb_emulator::{BackupRow, Emulator, Fault, FaultKind, Modes, NewBackups, Options, Pace};
use serde_json::{Value as Json, json};
use tokio::sync::Semaphore;

use crate::support::core::{Core, Held, Said};

mod complete;
mod gone;
mod ours;
mod signals;
mod wishes;

/// What every name begins with.
const PREFIX: &str = "claim-";

/// The services that take backups.
fn services() -> Vec<&'static str> {
    ALL.iter()
        .map(|one| one.facts())
        .filter(|facts| facts.no_create.is_none())
        .map(huaweidb::backup::Facts::key)
        .collect()
}

type Case = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// So many cases run at once.
const AT_ONCE: usize = 48;

/// Runs all cases side by side, and tells those that failed. `CLAIM` chooses those whose name contains it.
fn side_by_side(cases: Vec<(String, Case)>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let wanted = std::env::var("CLAIM").unwrap_or_default();
    let failed = runtime.expect("a runtime").block_on(async {
        let cases = cases.into_iter().filter(|(name, _)| name.contains(&wanted));
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let running: Vec<_> = cases
            .map(|(name, case)| {
                let turns = Arc::clone(&turns);
                let ended = tokio::spawn(async move {
                    let _turn = turns.acquire_owned().await.expect("it is never closed");
                    case.await
                });
                (name, ended)
            })
            .collect();
        let mut failed = String::new();
        for (name, case) in running {
            let ended = case.await.unwrap_or_else(|died| Err(format!("panic: {died}")));
            if let Err(why) = ended {
                writeln!(failed, "{name}: {why}\n").expect("text takes text");
            }
        }
        failed
    });
    assert!(failed.is_empty(), "{failed}");
}

/// A cloud with one instance in use, and a backup of somebody else on another one.
struct Stage {
    service: &'static str,
    emulator: Emulator,
    instance_id: String,
    theirs: BackupRow,
}

impl Stage {
    fn new(service: &'static str, backup_seconds: f64) -> Self {
        let mut options = Options::with_backups_of(backup_seconds);
        options.pace.delete_seconds = Some(0.2);
        let emulator = Emulator::start_now(&options).expect("the emulator starts");
        let instance_id = emulator.instance(service);
        let other = emulator.instances().into_iter().find(|row| row.service == service && row.id != instance_id);
        let other = other.expect("there are two").id;
        let wanted = NewBackups { instance_id: other, name: Some("theirs".to_owned()), ..NewBackups::default() };
        let theirs = emulator.add_backups(&wanted).remove(0);
        Stage { service, emulator, instance_id, theirs }
    }

    async fn core(&self) -> Core {
        Core::launch(&self.emulator, &[]).await
    }

    /// A resource with a random part in its name.
    fn random(&self) -> Json {
        self.with(&json!({ "name_prefix": PREFIX }))
    }

    /// One with a fixed name.
    fn fixed(&self) -> Json {
        self.with(&json!({ "name": "claim-nightly" }))
    }

    fn with(&self, more: &Json) -> Json {
        let mut arguments = json!({
            "service": self.service,
            "instance_id": self.instance_id,
            "timeouts": { "create": "120s", "read": "120s", "update": "120s", "delete": "120s" },
        });
        for (name, value) in more.as_object().expect("an object") {
            arguments[name] = value.clone();
        }
        arguments
    }

    /// What this run's names have left in the cloud.
    fn rows(&self) -> Vec<BackupRow> {
        self.emulator.backups().into_iter().filter(|row| row.name.starts_with(PREFIX)).collect()
    }

    fn row(&self, held: &Held) -> Option<BackupRow> {
        self.emulator.backup(held.id()?)
    }

    /// A completed backup in a state, made while all is well.
    async fn completed(&self, arguments: &Json) -> Result<Held, String> {
        let mut held = Held::default();
        let said = self.core().await.up(arguments, &mut held).await;
        green(&said)?;
        match self.row(&held) {
            Some(row) if row.status == "COMPLETED" => Ok(held),
            row => Err(format!("nothing was wrong yet: {row:?}")),
        }
    }

    /// Lists show nothing until the faults are cleared, however slow the machine is.
    fn blind(&self) {
        let fault = Fault::new(FaultKind::EmptyList).on(self.service).path("/backups");
        self.emulator.fault(fault.times(100_000));
    }

    /// The same, until who waits for a backup has looked for it in vain some times.
    async fn blind_for_some_looks(&self) -> Result<(), String> {
        self.emulator.clear_journal();
        let looks = || self.emulator.journal().into_iter().filter(|call| call.operation == "list").count();
        let looked = until("it is looked for", || looks() > 2).await;
        self.emulator.clear_faults();
        looked
    }

    /// An apply whose time is over after its create was answered. Where it was over before that, it gets more: short times are for
    /// fast machines.
    async fn late(&self, arguments: &mut Json) -> Result<(Held, Said), String> {
        for seconds in [2, 15, 90] {
            arguments["timeouts"]["create"] = json!(format!("{seconds}s"));
            let mut held = Held::default();
            let said = self.core().await.up(arguments, &mut held).await;
            red(&said)?;
            if held.id().is_some() {
                return Ok((held, said));
            }
            for row in self.rows() {
                self.emulator.vanish(&row.id);
            }
        }
        Err("no create was answered".to_owned())
    }

    /// All is well again.
    fn calm(&self) {
        self.emulator.clear_faults();
        self.emulator.set_modes(|modes| *modes = Modes::default());
        let pace = Pace { delete_seconds: Some(0.1), ..Pace::of_backups(0.3) };
        self.emulator.set_pace(|all| *all = pace);
    }

    /// Nobody else's backup was taken or touched.
    fn theirs_is_safe(&self, held: &Held) -> Result<(), String> {
        check(self.emulator.backup(&self.theirs.id).is_some(), "the other instance's backup is gone")?;
        check(held.id() != Some(&self.theirs.id), "the other instance's backup is in the state")
    }

    /// Green means complete.
    fn complete(&self, said: &Said, held: &Held) -> Result<(), String> {
        green(said)?;
        match self.row(held) {
            Some(row) if row.status == "COMPLETED" && row.instance_id == self.instance_id => Ok(()),
            row => Err(format!("green, and {:?} is {row:?}", held.id())),
        }
    }

    /// A destroy that leaves nothing of the state in the cloud.
    async fn destroyed(&self, held: &mut Held) -> Result<(), String> {
        let id = held.id().map(str::to_owned);
        let said = self.core().await.down(held).await;
        green(&said)?;
        let left = id.and_then(|id| self.emulator.backup(&id));
        check(left.is_none(), &format!("a green destroy leaves {left:?}"))
    }
}

fn check(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

fn green(said: &Said) -> Result<(), String> {
    check(!said.is_red(), &format!("red: {}", said.text()))
}

fn red(said: &Said) -> Result<(), String> {
    check(said.is_red(), &format!("green: {}", said.text()))
}

/// Waits until something is so.
async fn until(what: &str, mut holds: impl FnMut() -> bool) -> Result<(), String> {
    let patience = Instant::now() + Duration::from_mins(5);
    while !holds() {
        check(Instant::now() < patience, &format!("never: {what}"))?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
