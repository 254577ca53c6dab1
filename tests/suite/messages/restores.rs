//! What a restore says, and the data source beside it.

use std::cell::Cell;

use huaweidb_emulator::{Fault, FaultKind, InstanceRow, NewBackups, NewInstance, Pace};
use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use super::FOREIGN;
use super::book::Book;
use crate::support::proto::tfplugin6 as tf;
use crate::support::run::{Run, ended, over};
use crate::support::value::wire;

const ACTION: &str = "huaweidb_restore_backup";
const TIMES: &str = "huaweidb_restore_times";

/// A run with a source, and a wish that restores its backup into a scratch instance.
struct Stage {
    run: Run,
    rows: Vec<InstanceRow>,
    source: InstanceRow,
    wish: Value,
    made: Cell<u8>,
}

impl Stage {
    async fn new() -> Self {
        let run = Run::start(0.3).await;
        let rows = run.emulator.instances();
        let source = rows.iter().find(|row| row.engine == "MySQL").unwrap().clone();
        let backup = run.emulator.add_backups(&NewBackups::of(&source.id)).remove(0).id;
        let mut stage = Stage { run, rows, source, wish: Value::Null, made: Cell::new(0) };
        stage.wish = json!({
            "service": "rds", "backup_id": backup, "source_instance_id": stage.source.id,
            "target_instance_id": stage.scratch(None, &stage.source), "overwrite": true,
        });
        stage
    }

    fn of(&self, service: &str) -> Vec<&InstanceRow> {
        self.rows.iter().filter(|row| row.service == service).collect()
    }

    /// An instance of the same service with another engine than the source.
    fn other(&self) -> &InstanceRow {
        self.rows.iter().find(|row| row.service == "rds" && row.engine != self.source.engine).unwrap()
    }

    /// An instance with an id that is the same every time.
    fn scratch(&self, size_gb: Option<u64>, like: &InstanceRow) -> String {
        self.made.set(self.made.get() + 1);
        let id = Some(format!("{:032x}{}", self.made.get(), &like.id[32..]));
        let (service, engine) = (like.service.clone(), Some(like.engine.clone()));
        let name = "scratch".to_owned();
        self.run.emulator.add_instance(&NewInstance { service, name, engine, id, size_gb, ..NewInstance::default() }).id
    }
}

fn at(time: &str) -> Value {
    json!({ "backup_id": null, "restore_time": time })
}

fn into(target: &str) -> Value {
    json!({ "target_instance_id": target })
}

#[tokio::test]
async fn what_is_wrong_with_the_arguments_of_a_restore() {
    let stage = Stage::new().await;
    let mut book = Book::default();
    for (case, change) in [
        ("nothing to restore", json!({ "backup_id": null })),
        ("a backup and a moment", json!({ "restore_time": "2026-01-01T00:00:00Z" })),
        ("a moment that is none", at("yesterday")),
        ("not confirmed", json!({ "overwrite": false })),
        ("not written", json!({ "overwrite": null })),
        ("over the source", json!({ "target_instance_id": stage.source.id })),
        ("another service's target", json!({ "target_instance_id": stage.run.dds() })),
        ("a service without restores", json!({ "service": "ddm" })),
        ("a service without moments", over(&at("2026-01-01T00:00:00Z"), &json!({ "service": "geminidb" }))),
    ] {
        let said = stage.run.validate_action(ACTION, &over(&stage.wish, &change)).await;
        book.add(&format!("{ACTION}: {case}"), &said);
    }

    let asked = json!({ "service": "rds", "instance_id": stage.source.id });
    for (case, change) in [
        ("an end without a begin", json!({ "end_date": "2026-01-31" })),
        ("an end before the begin", json!({ "start_date": "2026-01-31", "end_date": "2026-01-30" })),
        ("too many days", json!({ "start_date": "2026-01-01", "end_date": "2026-12-31" })),
        ("a time on another day", json!({ "start_date": "2026-01-31", "time": "2026-02-01T00:00:00Z" })),
        ("a day that is none", json!({ "start_date": "2026-02-30" })),
        ("a service without times", json!({ "service": "ddm" })),
    ] {
        book.add(&format!("{TIMES}: {case}"), &stage.run.validate_search(TIMES, &over(&asked, &change)).await);
    }
    for (case, fault) in [
        ("refused", Fault::refusal(403, "APIGW.0302")),
        ("not offered", Fault::refusal(404, "APIGW.0101")),
        ("no such instance", Fault::refusal(404, "DBS.200002")),
    ] {
        stage.run.emulator.fault(fault.on("rds").operation("restore_times"));
        book.add(
            &format!("{TIMES}: {case}"),
            &stage.run.look_up(TIMES, &over(&asked, &json!({ "start_date": "2026-01-31" }))).await,
        );
        stage.run.emulator.clear_faults();
    }
    stage
        .run
        .emulator
        .fault(Fault::replace(&[("total_count", "5000")]).on("geminidb").operation("restore_times").times(9));
    let cassandra =
        json!({ "service": "geminidb", "instance_id": stage.of("geminidb")[0].id, "start_date": "2026-01-31" });
    book.add(&format!("{TIMES}: a list that breaks off"), &stage.run.look_up(TIMES, &cassandra).await);
    book.is("restore-arguments");
}

#[tokio::test]
async fn what_is_said_before_a_restore() {
    let stage = Stage::new().await;
    let mut book = Book::default();
    let (progress, said) = stage.run.invoke_and_say(ACTION, &stage.wish).await;
    assert_eq!(said, []);
    book.lines("progress of a restore", &progress);
    // It runs until the end.
    stage.run.emulator.set_pace(|pace| pace.backup_seconds = 3600.0);
    let running = NewBackups { status: "BUILDING".to_owned(), ..NewBackups::of(&stage.source.id) };
    let running = stage.run.emulator.add_backups(&running).remove(0).id;
    let of_other = stage.run.emulator.add_backups(&NewBackups::of(&stage.of("dds")[1].id)).remove(0).id;
    let cassandra = stage.of("geminidb")[0];
    let of_cassandra = stage.run.emulator.add_backups(&NewBackups::of(&cassandra.id)).remove(0).id;
    let mongo = InstanceRow { engine: "mongodb".to_owned(), ..cassandra.clone() };
    let mongo = InstanceRow { id: stage.scratch(None, &mongo), ..mongo };
    let of_mongo = stage.run.emulator.add_backups(&NewBackups::of(&mongo.id)).remove(0).id;
    stage.run.emulator.fault(Fault::new(FaultKind::EmptyList).on("geminidb").operation("restorable").times(9));
    let busy = stage.scratch(None, &stage.source);
    stage.run.emulator.keep_busy(&busy, 600.0);
    let nobody = "0".repeat(32) + "in01";
    stage.run.emulator.set_restore_times(&stage.source.id, &[(1_769_817_600_000, 1_769_824_800_000)]);
    for (case, change) in [
        ("no such backup", json!({ "backup_id": FOREIGN })),
        ("a backup that runs", json!({ "backup_id": running })),
        (
            "another source's backup",
            json!({
                "service": "dds", "backup_id": of_other, "source_instance_id": stage.of("dds")[0].id, "target_instance_id": stage.of("dds")[1].id,
            }),
        ),
        ("no such target", into(&nobody)),
        ("a busy target", into(&busy)),
        ("a small target", into(&stage.scratch(Some(10), &stage.source))),
        ("another engine", into(&stage.other().id)),
        (
            "another mode",
            json!({
                "service": "dds", "backup_id": of_other, "source_instance_id": stage.of("dds")[1].id,
                "target_instance_id": stage.of("dds")[0].id,
            }),
        ),
        (
            "a target that is not listed",
            json!({
                "service": "geminidb", "backup_id": of_mongo, "source_instance_id": mongo.id,
                "target_instance_id": stage.scratch(None, &mongo),
            }),
        ),
        (
            "an engine that is not restored",
            json!({
                "service": "geminidb", "backup_id": of_cassandra, "source_instance_id": cassandra.id,
                "target_instance_id": stage.scratch(None, cassandra),
            }),
        ),
        (
            "a target smaller than the source",
            json!({
                "service": "dds", "backup_id": of_other, "source_instance_id": stage.of("dds")[1].id,
                "target_instance_id": stage.scratch(Some(10), stage.of("dds")[1]),
            }),
        ),
        ("no such source", over(&at("2026-01-31T01:00:00Z"), &json!({ "source_instance_id": nobody }))),
        ("a moment outside", at("2026-01-31T03:00:00Z")),
        ("a moment of another day", at("2026-02-03T03:00:00Z")),
    ] {
        let (_, said) = stage.run.invoke_and_say(ACTION, &over(&stage.wish, &change)).await;
        book.add(case, &said);
    }
    book.is("restore-refused");
}

#[tokio::test]
async fn what_is_said_of_a_restore_that_was_sent() {
    let stage = Stage::new().await;
    let mut book = Book::default();
    let order = |fault: Fault| fault.on("rds").operation("restore");
    for (case, fault) in [
        ("refused", order(Fault::refusal(403, "APIGW.0302"))),
        ("busy after all", order(Fault::refusal(409, "DBS.200019"))),
        ("not offered", order(Fault::refusal(404, "APIGW.0101"))),
        ("no answer", order(Fault::new(FaultKind::CloseBefore))),
        ("an answer that names no job", order(Fault::new(FaultKind::Empty))),
        ("a job that fails", order(Fault::new(FaultKind::FailBackup))),
        ("a job that may not be seen", Fault::status(403).on("rds").operation("job").times(9)),
    ] {
        stage.run.emulator.fault(fault);
        let target = stage.scratch(None, &stage.source);
        let (_, said) = stage.run.invoke_and_say(ACTION, &over(&stage.wish, &into(&target))).await;
        stage.run.emulator.clear_faults();
        book.add(case, &said);
    }
    let gauss = stage.of("gaussdb")[0];
    let backup = stage.run.emulator.add_backups(&NewBackups::of(&gauss.id)).remove(0).id;
    let over_itself = json!({
        "service": "gaussdb", "backup_id": backup, "source_instance_id": gauss.id, "target_instance_id": gauss.id,
        "overwrite_source": true,
    });
    let (_, said) = stage.run.invoke_and_say(ACTION, &over(&stage.wish, &over_itself)).await;
    book.add("over the source, with gaussdb", &said);
    stage.run.emulator.set_pace(|pace| *pace = Pace::of_backups(3600.0));
    let said = loop {
        let (before, target) = (stage.run.emulator.totals().restored, stage.scratch(None, &stage.source));
        let hasty = over(&into(&target), &json!({ "timeout": "10s" }));
        let (_, said) = stage.run.invoke_and_say(ACTION, &over(&stage.wish, &hasty)).await;
        let is_cut_off = said.iter().any(|one| one.detail.contains("At the last look"));
        if stage.run.emulator.totals().restored > before && !is_cut_off {
            break said;
        }
        // The time was over before it was sent, or in the middle of a look: once more, with a target of the same id.
        assert!(!said.is_empty(), "it is not awaited to its end, and that is fine");
        stage.run.emulator.remove_instance(&target);
        stage.made.set(stage.made.get() - 1);
    };
    book.add("the time is over", &said);

    let stopped = stage.scratch(None, &stage.source);
    let request = tf::invoke_action::Request {
        action_type: ACTION.to_owned(),
        config: wire(&stage.run.action(ACTION, &over(&stage.wish, &into(&stopped)))),
        ..Default::default()
    };
    let before = stage.run.emulator.totals().restored;
    let events = stage.run.host.provider().invoke_action(request).await.unwrap().into_inner();
    let stop = async {
        while stage.run.emulator.totals().restored == before {
            sleep(Duration::from_millis(5)).await;
        }
        sleep(Duration::from_millis(300)).await;
        stage.run.host.provider().stop_provider(tf::stop_provider::Request {}).await.unwrap();
    };
    let ((_, said), ()) = tokio::join!(ended(events), stop);
    book.add("a restore that is interrupted", &said);
    book.is("restore-sent");
}
