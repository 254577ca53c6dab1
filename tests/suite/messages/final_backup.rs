//! What a net says: when it is made, in the plan of its destroy, and at its end.

use huaweidb_emulator::{Emulator, Fault, FaultKind, NewBackups, Options, Pace};
use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use super::book::Book;
use crate::support::core::{Core, Held, Said};
use crate::support::proto::tfplugin6 as tf;
use crate::support::run::over;

const KIND: &str = "huaweidb_final_backup";

/// A net, and the cloud below it.
struct Stage {
    emulator: Emulator,
    core: Core,
    wish: Value,
}

impl Stage {
    async fn new() -> Self {
        let emulator = Emulator::start(Options::with_backups_of(0.2)).await.expect("the emulator starts");
        let core = Core::launch(&emulator, &[]).await.of(KIND);
        let wish = json!({ "service": "dds", "instance_id": emulator.instance("dds") });
        Stage { emulator, core, wish }
    }

    /// One that exists.
    async fn net(&self, more: &Value) -> Held {
        let mut held = Held::default();
        let said = self.core.reach(&over(&self.wish, more), &mut held).await;
        assert!(!said.is_red(), "{}", said.text());
        held
    }

    fn name_of(&self, instance_id: &str) -> String {
        self.emulator.instances().into_iter().find(|row| row.id == instance_id).expect("it exists").name
    }

    /// The errors of a destroy that has little time: another one follows where that was over before it sent its create.
    async fn errors_in_little_time(&self) -> Vec<tf::Diagnostic> {
        for _ in 0..20 {
            let mut held = self.net(&limit("8s")).await;
            self.emulator.clear_journal();
            let errors = self.errors_of_destroy(&mut held).await;
            if self.emulator.journal().iter().any(|call| call.operation == "create") {
                return errors;
            }
        }
        panic!("it is never sent");
    }

    /// The errors of its destroy: the plan's warning is the same each time.
    async fn errors_of_destroy(&self, held: &mut Held) -> Vec<tf::Diagnostic> {
        errors(&self.core.down(held).await)
    }
}

fn errors(said: &Said) -> Vec<tf::Diagnostic> {
    said.errors().cloned().collect()
}

fn limit(text: &str) -> Value {
    json!({ "timeouts": { "create": "5m", "read": "5m", "update": "5m", "delete": text } })
}

#[tokio::test]
async fn what_a_net_says() {
    let stage = Stage::new().await;
    let mut book = Book::default();
    let nobody = json!({ "service": "dds", "instance_id": format!("{}in02", "0".repeat(32)) });
    book.add("made for an instance that is not there", &stage.core.reach(&nobody, &mut Held::default()).await.0);
    for (case, id) in [
        ("imported by one part", "dds".to_owned()),
        ("imported for a service that is none", format!("mysql/{}", stage.emulator.instance("dds"))),
        ("imported for an instance that is not there", format!("dds/{}in02", "0".repeat(32))),
        ("imported for another service", format!("rds/{}", stage.emulator.instance("dds"))),
        ("imported by the instance's name", format!("dds/{}", stage.name_of(&stage.emulator.instance("dds")))),
    ] {
        let (_, said) = stage.core.import(&id).await;
        book.add(case, &said.0);
    }

    let mut held = stage.net(&json!({})).await;
    book.add("destroyed, without a backup before", &stage.core.down(&mut held).await.0);
    let mut held = stage.net(&json!({ "skip": true })).await;
    let another_run = Core::launch(&stage.emulator, &[]).await.of(KIND);
    book.add("destroyed with `skip`", &another_run.down(&mut held).await.0);

    for (case, fault) in [
        ("the backup fails", Fault::new(FaultKind::FailBackup)),
        ("the backup is refused", Fault::refusal(403, "APIGW.0302").operation("create")),
    ] {
        let mut held = stage.net(&json!({})).await;
        stage.emulator.fault(fault.on("dds"));
        book.add(case, &stage.errors_of_destroy(&mut held).await);
        stage.emulator.clear_faults();
    }
    stage.emulator.fault(Fault::new(FaultKind::CloseBefore).on("dds").operation("create").times(1000));
    book.add("no answer, and no backup of that name", &stage.errors_in_little_time().await);
    stage.emulator.clear_faults();

    let mut held = stage.net(&json!({})).await;
    let elsewhere = stage.emulator.project_id_of(&stage.emulator.domain_name(), "eu-de_team1");
    let core = Core::launch(&stage.emulator, &[("HW_PROJECT_ID", &elsewhere)]).await.of(KIND);
    book.add("from another project", &errors(&core.down(&mut held).await));

    stage.emulator.set_pace(|pace| *pace = Pace::of_backups(3600.0));
    book.add("the time is over", &stage.errors_in_little_time().await);
    stage.emulator.set_pace(|pace| *pace = Pace::of_backups(0.2));

    let other = stage.emulator.instances().into_iter().filter(|row| row.service == "dds").nth(1).expect("a second one");
    let other = json!({ "instance_id": other.id });
    let begun = stage.emulator.totals().created;
    stage.emulator.set_pace(|pace| *pace = Pace::of_backups(600.0));
    let mut held = stage.net(&other).await;
    let stop = async {
        while stage.emulator.totals().created == begun {
            sleep(Duration::from_millis(5)).await;
        }
        sleep(Duration::from_millis(300)).await;
        stage.core.host.provider().stop_provider(tf::stop_provider::Request {}).await.expect("an answer");
    };
    let (said, ()) = tokio::join!(stage.errors_of_destroy(&mut held), stop);
    book.add("interrupted", &said);
    book.is("final-backup");
}

#[tokio::test]
async fn what_a_net_says_of_an_instance_that_has_gone() {
    let stage = Stage::new().await;
    let mut book = Book::default();
    stage.emulator.add_backups(&NewBackups::of(&stage.emulator.instance("dds")));
    let refusing = json!({ "on_missing_instance": "refuse" });
    let (mut refusing, mut allowing) = (stage.net(&refusing).await, stage.net(&json!({})).await);
    let elsewhere = stage.emulator.project_id_of(&stage.emulator.domain_name(), "eu-de_team1");
    let core = Core::launch(&stage.emulator, &[("HW_PROJECT_ID", &elsewhere)]).await.of(KIND);
    book.add("planned from another project", &core.is_settled(&Value::Null, &allowing).await.1.0);
    stage.emulator.remove_instance(&stage.emulator.instance("dds"));
    book.add("an instance that is gone, refused", &stage.core.down(&mut refusing).await.0);
    book.add("an instance that is gone, allowed", &stage.core.down(&mut allowing).await.0);
    assert!(allowing.object.is_null() && !refusing.object.is_null());
    book.is("final-backup-gone");
}
