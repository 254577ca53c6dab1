//! Random walks: plans, applies, destroys, imports, changes from outside and faults in any order, held against a model of
//! what Terraform's state and the cloud's ledger must agree on. The real binary runs under the hand-written host; a walk
//! that fails is shrunk to the shortest one that does.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use huaweidb::backup::ALL;
use huaweidb_emulator::{Fault, FaultKind};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::binary::{Run, errors};
use crate::support::host::proto::tfplugin6 as tf;
use crate::support::run::TYPE;
use crate::support::value::unwired;

/// So many walks; a person who hunts for more sets the variable.
const WALKS: u32 = 12;
const LONGEST: usize = 9;

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
}

#[derive(Clone, Copy, Debug)]
enum Wrong {
    LostCreate,
    LostDelete,
    Refused,
    Nonsense,
    Fails,
}

/// What Terraform would hold.
#[derive(Debug, Default)]
struct State {
    object: Option<Value>,
    tainted: bool,
}

struct Walk {
    service: &'static str,
    run: Run,
    state: State,
    /// Ids that were forgotten on purpose.
    retained: BTreeSet<String>,
    /// Whether a fault may still be waiting: then a step may end in an error.
    spoiled: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wrong = prop_oneof![
        Just(Wrong::LostCreate),
        Just(Wrong::LostDelete),
        Just(Wrong::Refused),
        Just(Wrong::Nonsense),
        Just(Wrong::Fails)
    ];
    let step = prop_oneof![
        6 => (0_u8..3, any::<bool>(), any::<bool>())
            .prop_map(|(trigger, waits, retains)| Step::Apply { trigger, waits, retains }),
        3 => Just(Step::Destroy),
        1 => Just(Step::Reimport),
        1 => Just(Step::Vanish),
        1 => Just(Step::Spoil),
        3 => wrong.prop_map(Step::Fault),
    ];
    prop::collection::vec(step, 1..LONGEST)
}

impl Walk {
    async fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Apply { trigger, waits, retains } => self.apply(*trigger, *waits, *retains).await?,
            Step::Destroy => self.destroy().await?,
            Step::Reimport => self.reimport().await?,
            Step::Vanish => {
                if let Some(id) = self.id() {
                    self.run.emulator.vanish(&id);
                }
            }
            Step::Spoil => {
                if let Some(id) = self.id() {
                    self.run.emulator.set_status(&id, "FAILED");
                }
            }
            Step::Fault(wrong) => {
                let fault = match wrong {
                    Wrong::LostCreate => Fault::new(FaultKind::CloseAfter).on(self.service).operation("create"),
                    Wrong::LostDelete => Fault::new(FaultKind::CloseAfter).on(self.service).method("DELETE"),
                    Wrong::Refused => Fault::status(503).on(self.service),
                    Wrong::Nonsense => Fault::new(FaultKind::Garbage).on(self.service).method("GET"),
                    Wrong::Fails => Fault::new(FaultKind::FailBackup),
                };
                self.run.emulator.fault(fault);
                self.spoiled = true;
            }
        }
        self.agrees()
    }

    fn id(&self) -> Option<String> {
        self.state.object.as_ref().and_then(|object| object["id"].as_str()).map(str::to_owned)
    }

    /// Nothing orphaned, nothing doubled: the cloud has what the state names, and what was retained on purpose.
    fn agrees(&self) -> Result<(), String> {
        let known = self.id();
        for row in self.run.emulator.backups() {
            let ours = known.as_ref() == Some(&row.id) || self.retained.contains(&row.id);
            if !ours && row.status != "DELETING" {
                return Err(format!("orphan: {row:?} is in the cloud, the state has {:?}", self.state));
            }
        }
        Ok(())
    }

    /// Refreshes as Core does. False if that failed: then Core stops.
    async fn refresh(&mut self) -> Result<bool, String> {
        let Some(object) = &self.state.object else { return Ok(true) };
        let answer = self.run.read(object).await;
        if !errors(&answer.diagnostics).is_empty() {
            return if self.spoiled { Ok(false) } else { Err(format!("unexpected: {:?}", answer.diagnostics)) };
        }
        let read = unwired(answer.new_state.as_ref());
        let id = object["id"].as_str().unwrap_or_default();
        let there = self.run.emulator.backup(id).is_some();
        if read.is_null() == there {
            return Err(format!("the refresh says gone: {}, the cloud has it: {there}", read.is_null()));
        }
        self.state.object = Some(read).filter(|read| !read.is_null());
        self.state.tainted &= self.state.object.is_some();
        Ok(true)
    }

    async fn apply(&mut self, trigger: u8, waits: bool, retains: bool) -> Result<(), String> {
        if !self.refresh().await? {
            return Ok(());
        }
        let arguments = json!({
            "service": self.service,
            "instance_id": self.run.emulator.instance(self.service),
            "name_prefix": "walk-",
            "triggers": { "t": trigger.to_string() },
            "wait_for_completion": waits,
            "on_destroy": if retains { "retain" } else { "delete" },
        });
        let config = self.run.config(arguments).await;
        if let Some(prior) = self.state.object.clone() {
            let plan = self.run.plan(&config, &prior).await;
            if !errors(&plan.diagnostics).is_empty() {
                return Err(format!("unexpected: {:?}", plan.diagnostics));
            }
            let planned = unwired(plan.planned_state.as_ref());
            if !self.state.tainted && plan.requires_replace.is_empty() {
                if planned == prior {
                    return Ok(());
                }
                let answer = self.run.apply(&config, &prior, &planned).await;
                self.state.object = Some(unwired(answer.new_state.as_ref()));
                return self.ended(&answer, waits);
            }
            if !self.delete().await? {
                return Ok(());
            }
        }
        let plan = self.run.plan(&config, &Value::Null).await;
        let planned = unwired(plan.planned_state.as_ref());
        let answer = self.run.apply(&config, &Value::Null, &planned).await;
        let object = unwired(answer.new_state.as_ref());
        self.state.tainted = !object.is_null() && !errors(&answer.diagnostics).is_empty();
        self.state.object = Some(object).filter(|object| !object.is_null());
        self.ended(&answer, waits)
    }

    /// A green apply that waits means a completed backup; a red one needs a fault.
    fn ended(&self, answer: &tf::apply_resource_change::Response, waits: bool) -> Result<(), String> {
        let red = errors(&answer.diagnostics);
        if !red.is_empty() {
            return if self.spoiled { Ok(()) } else { Err(format!("unexpected: {:?}", answer.diagnostics)) };
        }
        let id = self.id().ok_or("a green apply without an object")?;
        let row = self.run.emulator.backup(&id).ok_or("lost: a green apply, and the cloud has no such backup")?;
        if waits && row.status != "COMPLETED" {
            return Err(format!("a green apply, and the backup is {}", row.status));
        }
        Ok(())
    }

    async fn destroy(&mut self) -> Result<(), String> {
        if self.refresh().await? && self.state.object.is_some() {
            self.delete().await?;
        }
        Ok(())
    }

    /// Deletes what is in the state. False if that failed: then it stays there.
    async fn delete(&mut self) -> Result<bool, String> {
        let prior = self.state.object.clone().unwrap();
        let id = self.id().unwrap_or_default();
        let answer = self.run.apply(&Value::Null, &prior, &Value::Null).await;
        if !errors(&answer.diagnostics).is_empty() {
            if unwired(answer.new_state.as_ref()).is_null() {
                return Err("lost: a failed destroy that forgets the object".to_owned());
            }
            return if self.spoiled { Ok(false) } else { Err(format!("unexpected: {:?}", answer.diagnostics)) };
        }
        let there = self.run.emulator.backup(&id).is_some();
        if prior["on_destroy"] == "retain" {
            if there {
                self.retained.insert(id);
            }
        } else if there {
            return Err(format!("a green destroy, and {id} is still there"));
        }
        self.state = State::default();
        Ok(true)
    }

    async fn reimport(&mut self) -> Result<(), String> {
        let Some(id) = self.id() else { return Ok(()) };
        let request = tf::import_resource_state::Request {
            type_name: TYPE.to_owned(),
            id: format!("{}/{}/{id}", self.service, self.run.emulator.instance(self.service)),
            ..Default::default()
        };
        let answer = self.run.host.provider().import_resource_state(request).await.unwrap().into_inner();
        let stub = unwired(answer.imported_resources[0].state.as_ref());
        let read = self.run.read(&stub).await;
        if !errors(&read.diagnostics).is_empty() {
            return if self.spoiled { Ok(()) } else { Err(format!("unexpected: {:?}", read.diagnostics)) };
        }
        let found = unwired(read.new_state.as_ref());
        if found.is_null() {
            return if self.run.emulator.backup(&id).is_none() { Ok(()) } else { Err("lost by the import".to_owned()) };
        }
        self.state = State { object: Some(found), tainted: false };
        Ok(())
    }
}

#[test]
fn any_walk_ends_with_a_state_that_agrees_with_the_cloud() {
    let began = std::time::Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let cases = std::env::var("WALKS").ok().and_then(|text| text.parse().ok()).unwrap_or(WALKS);
    let services: Vec<_> =
        ALL.iter().map(|service| service.facts()).filter(|facts| facts.no_create.is_none()).collect();
    let service = prop::sample::select(services.into_iter().map(huaweidb::backup::Facts::key).collect::<Vec<_>>());
    let config = Config { cases, max_shrink_iters: 40, failure_persistence: None, ..Config::default() };
    let walked = TestRunner::new(config).run(&(service, steps()), |(service, steps)| {
        runtime.block_on(async {
            let run = Run::start(0.05).await;
            let mut walk = Walk { service, run, state: State::default(), retained: BTreeSet::new(), spoiled: false };
            for (nth, step) in steps.iter().enumerate() {
                walk.step(step).await.map_err(|why| TestCaseError::fail(format!("step {nth}, {step:?}: {why}")))?;
            }
            // Whatever happened, without further faults the work can be finished and undone.
            walk.run.emulator.clear_faults();
            walk.spoiled = false;
            let end = [Step::Apply { trigger: 9, waits: true, retains: false }, Step::Destroy];
            for step in &end {
                walk.step(step).await.map_err(|why| TestCaseError::fail(format!("at the end, {step:?}: {why}")))?;
            }
            Ok(())
        })
    });
    walked.unwrap_or_else(|why| panic!("{why}"));
    // Said here because a person asks how many there were.
    let line = format!(
        "random walks: {cases} of up to {} steps, all agree; {:.0} s\n",
        LONGEST - 1,
        began.elapsed().as_secs_f64()
    );
    let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
}
