//! Random walks: plans, applies, destroys, imports, changes from outside, faults and unkind clouds in any order, held
//! against a model of what Terraform's state and the cloud's ledger must agree on. The real binary runs under the
//! hand-written host; a walk that fails is shrunk to the shortest one that does.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use huaweidb::backup::ALL;
use huaweidb_emulator::{Description, Emulator, Fault, FaultKind, JobEnd, Modes, Options, Pace};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::core::{Core, Held, Said};

/// So many walks; a person who hunts for more sets the variable.
const WALKS: u32 = 12;
/// So many of them at a time.
const SIDE_BY_SIDE: u32 = 4;
/// Lists of no cloud here lag or flicker longer.
const SURELY_LISTED: Duration = Duration::from_millis(1_600);
const LONGEST: usize = 9;
/// How long a backup takes, in seconds.
const BACKUP: f64 = 0.05;

/// One step of a walk.
#[derive(Clone, Debug)]
enum Step {
    /// Apply with this value of the trigger, waiting or not, and this fate at destroy.
    Apply { trigger: u8, waits: bool, retains: bool },
    /// Destroy what is in the state.
    Destroy,
    /// Forget the state and import what the cloud has.
    Reimport,
    /// Somebody deletes the backup elsewhere.
    Vanish,
    /// The backup turns bad after the fact.
    Spoil,
    /// The next call that fits goes wrong.
    Fault(Wrong),
    /// From now on the cloud is like this.
    Cloud(Unkind),
}

#[derive(Clone, Copy, Debug)]
enum Wrong {
    LostCreate,
    LostDelete,
    LateCreate,
    Refused,
    Nonsense,
    Fails,
    EmptyList,
    NotDeleted,
}

/// How the cloud is, until it changes.
#[derive(Clone, Copy, Debug)]
enum Unkind {
    Kind,
    Lags,
    Flickers,
    Lingers,
    ClocksAreOff,
    JobsAreAhead,
    JobsAreBehind,
    Rewrites,
}

struct Walk {
    service: &'static str,
    emulator: Emulator,
    core: Core,
    held: Held,
    /// Ids that were forgotten on purpose, or that a message has named.
    known: BTreeSet<String>,
    /// Everything that was said.
    said: String,
    /// Whether a fault may still be waiting: then a step may end in an error.
    spoiled: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wrong = prop::sample::select(vec![
        Wrong::LostCreate,
        Wrong::LostDelete,
        Wrong::LateCreate,
        Wrong::Refused,
        Wrong::Nonsense,
        Wrong::Fails,
        Wrong::EmptyList,
        Wrong::NotDeleted,
    ]);
    let unkind = prop::sample::select(vec![
        Unkind::Kind,
        Unkind::Lags,
        Unkind::Flickers,
        Unkind::Lingers,
        Unkind::ClocksAreOff,
        Unkind::JobsAreAhead,
        Unkind::JobsAreBehind,
        Unkind::Rewrites,
    ]);
    let step = prop_oneof![
        6 => (0_u8..3, any::<bool>(), any::<bool>())
            .prop_map(|(trigger, waits, retains)| Step::Apply { trigger, waits, retains }),
        3 => Just(Step::Destroy),
        1 => Just(Step::Reimport),
        1 => Just(Step::Vanish),
        1 => Just(Step::Spoil),
        3 => wrong.prop_map(Step::Fault),
        3 => unkind.prop_map(Step::Cloud),
    ];
    prop::collection::vec(step, 1..LONGEST)
}

impl Walk {
    async fn start(service: &'static str) -> Self {
        let emulator = Emulator::start(Options::with_backups_of(BACKUP)).await.unwrap();
        let core = Core::launch(&emulator, &[]).await;
        let (held, known, said) = (Held::default(), BTreeSet::new(), String::new());
        Walk { service, emulator, core, held, known, said, spoiled: false }
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Apply { trigger, waits, retains } => self.apply(*trigger, *waits, *retains).await?,
            Step::Destroy => self.destroy().await?,
            Step::Reimport => self.reimport().await?,
            // What no list has shown yet and somebody deletes is awaited for minutes: the job of its create speaks for it. So it
            // is seen once before.
            Step::Vanish => {
                tokio::time::sleep(SURELY_LISTED).await;
                if self.refresh().await?
                    && let Some(id) = self.held.id()
                {
                    self.emulator.vanish(id);
                }
            }
            Step::Spoil => {
                if let Some(id) = self.held.id() {
                    self.emulator.set_status(id, "FAILED");
                }
            }
            Step::Fault(wrong) => {
                self.emulator.fault(wrong.fault().on(self.service));
                self.spoiled = true;
            }
            Step::Cloud(unkind) => {
                self.turn(*unkind);
                // Of what was begun and is not listed yet, some questions have no answer but an error.
                self.spoiled |= matches!(unkind, Unkind::Lags);
            }
        }
        self.agrees()
    }

    fn turn(&self, unkind: Unkind) {
        let description = if let Unkind::Rewrites = unkind { Description::Rewritten } else { Description::Kept };
        self.emulator.set_modes(|modes| *modes = Modes { description, ..Modes::default() });
        let calm = Pace::of_backups(BACKUP);
        let pace = match unkind {
            Unkind::Kind | Unkind::Rewrites => calm,
            Unkind::Lags => Pace { list_delay_seconds: 1.5, ..calm },
            Unkind::Flickers => Pace { hidden_seconds: vec![(0.02, 0.4), (0.6, 1.2)], ..calm },
            Unkind::Lingers => Pace { unlist_delay_seconds: 1.5, ..calm },
            Unkind::ClocksAreOff => Pace { date_off_seconds: 30.0, begin_off_seconds: -10.0, ..calm },
            Unkind::JobsAreAhead => Pace { delete_seconds: Some(1.0), delete_job_seconds: Some(0.0), ..calm },
            Unkind::JobsAreBehind => Pace { delete_job_seconds: Some(1.0), ..calm },
        };
        self.emulator.set_pace(|all| *all = pace);
    }

    fn heard(&mut self, said: &Said) {
        self.said += &said.text();
    }

    /// An error needs a reason.
    fn excused(&mut self, said: &Said) -> Result<bool, String> {
        self.heard(said);
        if said.is_red() && !self.spoiled {
            return Err(format!("unexpected: {}", said.text()));
        }
        Ok(!said.is_red())
    }

    /// Nothing orphaned, nothing doubled: the cloud has what the state names, what was retained on purpose, and what a
    /// message has named.
    fn agrees(&self) -> Result<(), String> {
        for row in self.emulator.backups() {
            let told = self.said.contains(&row.id) || self.said.contains(&row.name);
            let known = self.held.id() == Some(&row.id) || self.known.contains(&row.id) || told;
            if !known && row.status != "DELETING" {
                return Err(format!("orphan: {row:?} is in the cloud, the state has {:?}", self.held.object));
            }
        }
        Ok(())
    }

    /// Refreshes as Core does. False if that failed: then Core stops.
    async fn refresh(&mut self) -> Result<bool, String> {
        let Some(id) = self.held.id().map(str::to_owned) else { return Ok(true) };
        // What has just gone may still be listed.
        let before = self.emulator.backup(&id).is_some();
        let said = self.core.refresh(&mut self.held).await;
        let green = self.excused(&said)?;
        if green && self.held.object.is_null() && before {
            return Err(format!("lost: the refresh says gone, the cloud has {id}"));
        }
        Ok(green)
    }

    async fn apply(&mut self, trigger: u8, waits: bool, retains: bool) -> Result<(), String> {
        if !self.refresh().await? {
            return Ok(());
        }
        // What may go wrong need not be waited for; what must not is given time.
        let limit = if self.spoiled { "8s" } else { "2m" };
        let arguments = json!({
            "service": self.service,
            "instance_id": self.emulator.instance(self.service),
            "name_prefix": "walk-",
            "description": "on  the way",
            "triggers": { "t": trigger.to_string() },
            "wait_for_completion": waits,
            "on_destroy": if retains { "retain" } else { "delete" },
            "timeouts": { "create": limit, "read": "2m", "update": limit, "delete": limit },
        });
        let before = self.held.clone();
        let said = self.core.reach(&arguments, &mut self.held).await;
        self.retains(&before);
        if !self.excused(&said)? {
            return Ok(());
        }
        // A green apply that waits means a completed backup.
        let id = self.held.id().ok_or("a green apply without an object")?;
        let row = self.emulator.backup(id).ok_or("lost: a green apply, and the cloud has no such backup");
        let changed = before.object != self.held.object;
        match row {
            Err(_) if !changed => Ok(()),
            Err(why) if !waits => {
                if self.spoiled {
                    Ok(())
                } else {
                    Err(why.to_owned())
                }
            }
            Err(why) => Err(why.to_owned()),
            Ok(row) if waits && changed && row.status != "COMPLETED" => {
                Err(format!("a green apply, and the backup is {}", row.status))
            }
            Ok(_) => Ok(()),
        }
    }

    /// What is no longer held and was to be retained is known.
    fn retains(&mut self, before: &Held) {
        if let Some(id) = before.id().filter(|id| self.held.id() != Some(id))
            && before.object["on_destroy"] == "retain"
        {
            self.known.insert(id.to_owned());
        }
    }

    async fn destroy(&mut self) -> Result<(), String> {
        if !self.refresh().await? || self.held.object.is_null() {
            return Ok(());
        }
        let before = self.held.clone();
        let said = self.core.reach(&Value::Null, &mut self.held).await;
        let green = self.excused(&said)?;
        self.retains(&before);
        match (green, self.held.object.is_null()) {
            (false, true) => Err("lost: a failed destroy that forgets the object".to_owned()),
            (true, false) => Err("a green destroy that keeps the object".to_owned()),
            (true, true) => {
                let id = before.id().unwrap_or_default();
                if self.emulator.backup(id).is_some() && before.object["on_destroy"] != "retain" {
                    return Err(format!("a green destroy, and {id} is still there"));
                }
                self.held = Held::default();
                Ok(())
            }
            (false, false) => Ok(()),
        }
    }

    async fn reimport(&mut self) -> Result<(), String> {
        let Some(id) = self.held.id().map(str::to_owned) else { return Ok(()) };
        let there = self.emulator.backup(&id).is_some();
        let address = format!("{}/{}/{id}", self.service, self.emulator.instance(self.service));
        let (held, said) = self.core.import(&address).await;
        if !there && said.text().contains("Backup cannot be imported") {
            self.heard(&said);
            return Ok(());
        }
        if !self.excused(&said)? {
            return Ok(());
        }
        if held.object.is_null() {
            return if there { Err("lost by the import".to_owned()) } else { Ok(()) };
        }
        self.held = held;
        Ok(())
    }
}

impl Wrong {
    fn fault(self) -> Fault {
        match self {
            Wrong::LostCreate => Fault::new(FaultKind::CloseAfter).operation("create"),
            Wrong::LostDelete => Fault::new(FaultKind::CloseAfter).method("DELETE"),
            Wrong::LateCreate => Fault::arriving_late(400).operation("create"),
            Wrong::Refused => Fault::status(503),
            Wrong::Nonsense => Fault::new(FaultKind::Garbage).method("GET"),
            Wrong::Fails => Fault::new(FaultKind::FailBackup),
            Wrong::EmptyList => Fault::new(FaultKind::EmptyList).path("/backups"),
            Wrong::NotDeleted => Fault::undone(JobEnd::Failed).method("DELETE"),
        }
    }
}

/// So many random walks, one after the other.
fn walk(cases: u32, service: &prop::sample::Select<&'static str>, runtime: &Runtime) {
    let config = Config { cases, max_shrink_iters: 40, failure_persistence: None, ..Config::default() };
    let walked = TestRunner::new(config).run(&(service, steps()), |(service, steps)| {
        runtime.block_on(async {
            let mut walk = Walk::start(service).await;
            for (nth, step) in steps.iter().enumerate() {
                walk.step(step).await.map_err(|why| TestCaseError::fail(format!("step {nth}, {step:?}: {why}")))?;
            }
            // Whatever happened, in a kind cloud without further faults the work can be finished and undone.
            walk.emulator.clear_faults();
            walk.turn(Unkind::Kind);
            // What lagged, flickered or lingered is over.
            tokio::time::sleep(SURELY_LISTED).await;
            walk.spoiled = false;
            if walk.held.object["timeouts"].is_object() {
                walk.held.object["timeouts"]["delete"] = json!("2m");
            }
            let end = [Step::Apply { trigger: 9, waits: true, retains: false }, Step::Destroy];
            for step in &end {
                walk.step(step).await.map_err(|why| TestCaseError::fail(format!("at the end, {step:?}: {why}")))?;
            }
            Ok(())
        })
    });
    walked.unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn any_walk_ends_with_a_state_that_agrees_with_the_cloud() {
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let cases = std::env::var("WALKS").ok().and_then(|text| text.parse().ok()).unwrap_or(WALKS);
    let services: Vec<_> =
        ALL.iter().map(|service| service.facts()).filter(|facts| facts.no_create.is_none()).collect();
    let service = prop::sample::select(services.into_iter().map(huaweidb::backup::Facts::key).collect::<Vec<_>>());
    // They mostly wait.
    std::thread::scope(|scope| {
        for nth in 0..SIDE_BY_SIDE {
            let cases = cases / SIDE_BY_SIDE + u32::from(nth < cases % SIDE_BY_SIDE);
            let (service, runtime) = (&service, &runtime);
            scope.spawn(move || walk(cases, service, runtime));
        }
    });
    // Said here because a person asks how many there were.
    let line = format!(
        "random walks: {cases} of up to {} steps, all agree; {:.0} s\n",
        LONGEST - 1,
        began.elapsed().as_secs_f64()
    );
    let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
}
