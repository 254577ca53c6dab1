//! Everything the provider says to people, on the wire and word for word: a page per source, kept as a snapshot. A last test
//! finds every summary in the sources that no page holds.
//!
//! `INSTA_UPDATE=always cargo test --test suite` writes the pages anew; read the difference.
#![expect(clippy::unwrap_used, reason = "tests")]

pub(crate) mod book;
mod final_backup;
mod restores;

use std::collections::BTreeSet;
use std::fs;

use huaweidb_emulator::{Emulator, Fault, FaultKind, JobEnd, NewBackups, NewInstance, Options, Pace};
use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use crate::docs::{files, root, summaries_in_code};
use crate::support::core::{Core, Held};
use crate::support::proto::tfplugin6 as tf;
use crate::support::run::{Run, TYPE, ended, over, plan_request, whole};
use crate::support::value::{UNKNOWN, unwired, wire};
use book::Book;

/// An id that the cloud might have given, and that no emulator gives.
const FOREIGN: &str = "bf9ee62a7f7044c583c6765c916c36edbr99";

impl Run {
    async fn validate(&self, arguments: &Value) -> Vec<tf::Diagnostic> {
        let request = tf::validate_resource_config::Request {
            type_name: TYPE.to_owned(),
            config: wire(&self.object(arguments)),
            ..Default::default()
        };
        self.host.provider().validate_resource_config(request).await.unwrap().into_inner().diagnostics
    }

    fn search(&self, name: &str, arguments: &Value) -> Option<tf::DynamicValue> {
        wire(&whole(&self.schema.data_source_schemas[name], arguments))
    }

    async fn validate_search(&self, name: &str, arguments: &Value) -> Vec<tf::Diagnostic> {
        let config = self.search(name, arguments);
        let request = tf::validate_data_resource_config::Request { type_name: name.to_owned(), config };
        self.host.provider().validate_data_resource_config(request).await.unwrap().into_inner().diagnostics
    }

    async fn look_up(&self, name: &str, arguments: &Value) -> Vec<tf::Diagnostic> {
        let config = self.search(name, arguments);
        let request = tf::read_data_source::Request { type_name: name.to_owned(), config, ..Default::default() };
        self.host.provider().read_data_source(request).await.unwrap().into_inner().diagnostics
    }

    /// Plans and applies; what both said, and the object that came of it.
    async fn change(&self, config: &Value, prior: &Value) -> (Vec<tf::Diagnostic>, Value) {
        let mut proposed = if prior.is_null() { config.clone() } else { prior.clone() };
        for (name, value) in config.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            proposed[name] = value.clone();
        }
        if config.is_null() {
            proposed = Value::Null;
        }
        let planned = self.plan(config, prior, &proposed).await;
        let mut said = planned.diagnostics;
        let applied = self.apply(config, prior, &unwired(planned.planned_state.as_ref())).await;
        said.extend(applied.diagnostics);
        (said, unwired(applied.new_state.as_ref()))
    }

    /// A resource in the state whose backup the emulator knows.
    async fn known(&self, arguments: &Value) -> Value {
        let made = &self.backups(1, "known-")[0];
        let state = json!({
            "id": made.id, "service": "dds", "instance_id": self.dds(), "name": made.name, "region": "eu-de",
            "status": "COMPLETED", "type": "manual", "wait_for_completion": true, "on_destroy": "delete",
            "deletion_protection": false,
        });
        let read = self.read(&self.object(&over(&state, arguments))).await;
        assert_eq!(read.diagnostics, []);
        unwired(read.new_state.as_ref())
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_backups_arguments() {
    let run = Run::start(0.2).await;
    let good = json!({ "service": "dds", "instance_id": run.dds(), "name": "nightly" });
    let mut book = Book::default();
    for (case, arguments) in [
        ("two names", json!({ "name_prefix": "nightly-" })),
        ("no name", json!({ "name": null })),
        ("a padded name", json!({ "name": "nightly " })),
        ("a name of two lines", json!({ "name": "nightly\nbackup" })),
        ("a long prefix", json!({ "name": null, "name_prefix": "x".repeat(43) })),
        ("no service", json!({ "service": null })),
        ("a service that is none", json!({ "service": "mysql" })),
        ("a service without manual backups", json!({ "service": "ddm", "instance_id": run.emulator.instance("ddm") })),
        ("an instance id that is none", json!({ "instance_id": "orders/1" })),
        ("an empty instance id", json!({ "instance_id": "" })),
        ("another service's instance", json!({ "instance_id": run.emulator.instance("rds") })),
        ("another end", json!({ "on_destroy": "keep" })),
        ("a project for a region", json!({ "region": "eu-de_team1" })),
        ("rotation of a name", json!({ "keep_last": 3, "on_destroy": "retain" })),
        ("rotation that is not retained", json!({ "name": null, "name_prefix": "n-", "keep_last": 3 })),
        (
            "rotation without waiting",
            json!({
                "name": null, "name_prefix": "n-", "keep_last": 3, "on_destroy": "retain", "wait_for_completion": false,
            }),
        ),
        ("too few to keep", json!({ "name": null, "name_prefix": "n-", "keep_last": 0, "on_destroy": "retain" })),
        (
            "half a backup to keep",
            json!({ "name": null, "name_prefix": "n-", "keep_last": 1.5, "on_destroy": "retain" }),
        ),
        ("single databases", json!({ "databases": [{ "name": "orders", "tables": null }] })),
        ("a database without a name", json!({ "service": "rds", "databases": [{ "name": null, "tables": null }] })),
        (
            "a database twice",
            json!({ "service": "rds", "databases": [
                { "name": "orders", "tables": null }, { "name": "shop", "tables": null }, { "name": "orders", "tables": null },
            ] }),
        ),
        ("tables of a database", json!({ "service": "rds", "databases": [{ "name": "orders", "tables": ["t"] }] })),
        ("each database for itself, and none named", json!({ "service": "rds", "backup_database_individually": true })),
        ("each database for itself, where none can be chosen", json!({ "backup_database_individually": true })),
        (
            "a limit that is none",
            json!({ "timeouts": { "create": "soon", "read": null, "update": null, "delete": null } }),
        ),
        (
            "a limit without a unit",
            json!({ "timeouts": { "create": "90", "read": null, "update": null, "delete": null } }),
        ),
        ("a value that nobody sets", json!({ "status": "COMPLETED" })),
    ] {
        book.add(case, &run.validate(&over(&good, &arguments)).await);
    }
    for (case, arguments) in [
        ("planned: a short name", json!({ "name": "abc" })),
        ("planned: a name with a strange letter", json!({ "name": "nightly backup" })),
        ("planned: a name that begins with a digit", json!({ "name": "1st-backup" })),
        ("planned: a description with a strange letter", json!({ "description": "orders & customers" })),
        ("planned: a long description", json!({ "description": "x".repeat(257) })),
    ] {
        let config = run.object(&over(&good, &arguments));
        assert_eq!(run.validate(&over(&good, &arguments)).await, [], "{case}");
        book.add(case, &run.plan(&config, &Value::Null, &config).await.diagnostics);
    }
    book.is("arguments");
}

#[tokio::test]
async fn what_a_backup_says_in_its_life() {
    let run = Run::start(0.2).await;
    let mut book = Book::default();
    let config = |arguments: &Value| {
        run.object(&over(&json!({ "service": "dds", "instance_id": run.dds(), "name": "nightly" }), arguments))
    };

    run.emulator.fault(Fault::status(403).on("dds").method("POST").times(9).body(json!({
        "error_code": "DBS.200001", "error_msg": "no permission for you",
    })));
    let (said, _) = run.change(&config(&json!({})), &Value::Null).await;
    book.add("a create that is refused", &said);
    run.emulator.clear_faults();

    run.emulator.fault(Fault::new(FaultKind::FailBackup).on("dds").times(1));
    let (said, failed) = run.change(&config(&json!({})), &Value::Null).await;
    book.add("a backup that fails", &said);
    let (said, replaced) = run.change(&config(&json!({})), &failed).await;
    book.add("the plan after it", &said);
    assert!(replaced.is_object());

    run.emulator.set_pace(|pace| *pace = Pace::of_backups(3600.0));
    let hasty = config(&json!({
        "name": "too-slow", "timeouts": { "create": "1s", "read": null, "update": null, "delete": null },
    }));
    let (said, slow) = run.once_sent(async || run.change(&hasty, &Value::Null).await).await;
    book.add("a create that takes too long", &said);
    let next = config(&over(&hasty, &json!({ "name": "next" })));
    let (said, _) = run.once_sent(async || run.change(&next, &Value::Null).await).await;
    book.add("a create while another backup runs", &said);
    run.emulator.vanish(slow["id"].as_str().unwrap());
    run.emulator.set_pace(|pace| *pace = Pace::of_backups(0.2));

    let lost = run.known(&json!({})).await;
    run.emulator.vanish(lost["id"].as_str().unwrap());
    book.add("a refresh of what is gone", &run.read(&lost).await.diagnostics);
    let refused = run.known(&json!({})).await;
    run.emulator.fault(Fault::status(500).on("dds").method("GET").times(9));
    book.add("a refresh without an answer", &run.read(&refused).await.diagnostics);
    run.emulator.clear_faults();

    let unusable = run.known(&json!({})).await;
    run.emulator.set_status(unusable["id"].as_str().unwrap(), "FAILED");
    let state = unwired(run.read(&unusable).await.new_state.as_ref());
    let config_of = |state: &Value| config(&json!({ "name": state["name"] }));
    book.add("a plan for what has failed", &run.plan(&config_of(&state), &state, &state).await.diagnostics);

    let kept = run.known(&json!({ "on_destroy": "retain" })).await;
    book.add("a destroy that retains", &run.apply(&Value::Null, &kept, &Value::Null).await.diagnostics);
    let protected = run.known(&json!({ "deletion_protection": true })).await;
    book.add("a destroy of what is protected", &run.plan(&Value::Null, &protected, &Value::Null).await.diagnostics);
    let usable = run.known(&json!({})).await;
    book.add("a destroy of what is usable", &run.plan(&Value::Null, &usable, &Value::Null).await.diagnostics);
    run.emulator.fault(Fault::status(403).on("dds").method("DELETE").times(9).body(json!({
        "error_code": "DBS.200001", "error_msg": "no permission for you",
    })));
    book.add("a destroy that is refused", &run.apply(&Value::Null, &usable, &Value::Null).await.diagnostics);
    run.emulator.clear_faults();
    let config = config_of(&protected);
    let first = run.plan(&config, &protected, &over(&protected, &json!({}))).await;
    let second = tf::plan_resource_change::Request {
        prior_private: first.planned_private,
        ..plan_request(&config, &Value::Null, &config)
    };
    let second = run.host.provider().plan_resource_change(second).await.unwrap().into_inner();
    book.add("a replacement that the CLI decided on, of what is protected", &second.diagnostics);
    let unfinished = tf::read_resource::Request {
        type_name: TYPE.to_owned(),
        current_state: wire(&usable),
        private: br#"{"unfinished":"yes"}"#.to_vec(),
        ..Default::default()
    };
    let read = run.host.provider().read_resource(unfinished).await.unwrap().into_inner();
    book.add("a refresh of what was not waited for to its end", &read.diagnostics);
    let foreign = run.object(&json!({ "service": "mainframe", "instance_id": run.dds(), "id": FOREIGN }));
    book.add("a state of a service that is none", &run.read(&foreign).await.diagnostics);
    book.is("life");
}

#[tokio::test]
async fn what_a_plan_says_of_what_its_creates_will_meet() {
    let run = Run::start(60.0).await;
    let mut book = Book::default();
    let instance = |service: &str, name: &str, id: &str| {
        let (id, service, name) = (Some(format!("{}{id}", &FOREIGN[..30])), service.to_owned(), name.to_owned());
        let engine = (service == "rds").then(|| "MySQL".to_owned());
        run.emulator.add_instance(&NewInstance { id, service, name, engine, ..NewInstance::default() }).id
    };
    let mysql = instance("rds", "orders", "a1in01");
    let dds = instance("dds", "orders", "b2in02");
    let said = async |arguments: &Value| {
        // As in a run of its own.
        run.configure().await;
        let good = json!({ "service": "dds", "instance_id": dds, "name": "nightly" });
        let config = run.object(&over(&good, arguments));
        run.plan(&config, &Value::Null, &config).await.diagnostics
    };
    let gone = FOREIGN.replace("br99", "in02");
    book.add("an instance that is not there", &said(&json!({ "instance_id": gone })).await);
    book.add("the name of an instance", &said(&json!({ "instance_id": "orders" })).await);
    instance("dds", "orders", "c3in02");
    book.add("the name of two instances", &said(&json!({ "instance_id": "orders" })).await);
    let one_by_one = json!({
        "service": "rds", "instance_id": mysql, "backup_database_individually": true,
        "databases": [{ "name": "orders", "tables": null }],
    });
    book.add("databases one by one of an engine that cannot do so", &said(&one_by_one).await);
    let some = json!({ "service": "rds", "instance_id": mysql, "databases": [{ "name": "orders", "tables": null }] });
    book.add("databases of an engine that cannot choose", &said(&some).await);
    book.add("a region that has no project", &said(&json!({ "region": "eu-dee" })).await);
    run.configure().await;
    let config = run.object(&json!({ "service": "dds", "instance_id": dds, "name": "twice" }));
    run.plan(&config, &Value::Null, &config).await;
    book.add("two new ones of one name", &run.plan(&config, &Value::Null, &config).await.diagnostics);
    let taken =
        run.emulator.add_backups(&NewBackups { name: Some("nightly".to_owned()), ..NewBackups::of(&run.dds()) });
    book.add("a name that a backup has", &said(&json!({})).await);
    run.configure().await;
    let leaving = run.known(&json!({})).await;
    run.plan(&Value::Null, &leaving, &Value::Null).await;
    let config = run.object(&json!({ "service": "dds", "instance_id": run.dds(), "name": leaving["name"] }));
    let planned = run.plan(&config, &Value::Null, &config).await;
    book.add("a name of a backup that the same plan deletes", &planned.diagnostics);
    run.configure().await;
    let retained = over(&leaving, &json!({ "on_destroy": "retain" }));
    run.plan(&Value::Null, &retained, &Value::Null).await;
    let config = run.object(&json!({ "service": "dds", "instance_id": run.dds(), "name": retained["name"] }));
    let planned = run.plan(&config, &Value::Null, &config).await;
    book.add("a name of a backup that the same plan only forgets", &planned.diagnostics);
    run.configure().await;
    let triggers = json!({ "triggers": { "v": "1" }, "on_destroy": "retain" });
    let planned = run.plan(&over(&config, &triggers), &retained, &over(&retained, &triggers)).await;
    book.add("the name of one that is replaced and only forgotten", &planned.diagnostics);
    for (case, private) in
        [("a tainted one", &b""[..]), ("one whose create did not end well", br#"{"unfinished":"yes"}"#)]
    {
        run.configure().await;
        let read = tf::read_resource::Request {
            type_name: TYPE.to_owned(),
            current_state: wire(&leaving),
            private: private.to_vec(),
            ..Default::default()
        };
        run.host.provider().read_resource(read).await.unwrap();
        let config = run.object(&json!({ "service": "dds", "instance_id": run.dds(), "name": leaving["name"] }));
        book.add(&format!("the arguments of {case}"), &run.plan(&config, &Value::Null, &config).await.diagnostics);
    }
    run.configure().await;
    run.emulator.set_status(&taken[0].id, "BUILDING");
    book.add(
        "an instance of which a backup is taken",
        &said(&json!({ "instance_id": run.dds(), "name": "next" })).await,
    );
    let busy = instance("gaussdb", "busy", "d4in14");
    run.emulator.keep_busy(&busy, 60.0);
    book.add("an instance that is busy", &said(&json!({ "service": "gaussdb", "instance_id": busy })).await);
    run.emulator.fault(Fault::status(403).on("dds").method("GET").times(9).body(json!({
        "error_code": "DBS.200001", "error_msg": "no permission for you",
    })));
    book.add("a cloud that does not tell", &said(&json!({})).await);
    run.emulator.clear_faults();
    run.emulator.fault(Fault::status(401).on("dds").method("GET").times(1).body(json!({
        "error_code": "APIGW.0301", "error_msg": "Incorrect IAM authentication information: verify aksk signature fail",
    })));
    book.add("keys that are wrong", &said(&json!({})).await);
    book.is("preflight");
}

#[tokio::test]
async fn what_is_said_of_a_deletion_that_was_not_awaited() {
    let emulator = Emulator::start(Options::with_backups_of(0.2)).await.unwrap();
    let mut book = Book::default();
    let core = Core::launch(&emulator, &[]).await;
    let mut held = Held::default();
    let wish = json!({ "service": "dds", "instance_id": emulator.instance("dds"), "name": "nightly" });
    assert!(!core.up(&wish, &mut held).await.is_red());
    emulator.set_pace(|pace| pace.delete_seconds = Some(600.0));
    let stop = async {
        while !emulator.journal().iter().any(|call| call.method == "DELETE") {
            sleep(Duration::from_millis(5)).await;
        }
        core.host.provider().stop_provider(tf::stop_provider::Request {}).await.unwrap();
    };
    let (said, ()) = tokio::join!(core.reach(&Value::Null, &mut held), stop);
    book.add("a destroy that is interrupted", &said.0);
    emulator.vanish(held.id().unwrap());
    let core = Core::launch(&emulator, &[]).await;
    book.add("the refresh after it", &core.refresh(&mut held).await.0);
    book.is("a-deletion-not-awaited");
}

#[tokio::test]
async fn what_is_said_before_the_last_backup_goes_and_when_a_wait_is_stopped() {
    let run = Run::start(60.0).await;
    let mut book = Book::default();
    let only = run.known(&json!({})).await;
    let said = run.plan(&Value::Null, &only, &Value::Null).await.diagnostics;
    book.add("a destroy of the last one", &said);
    assert_eq!(run.plan(&Value::Null, &only, &Value::Null).await.diagnostics, said, "every plan says so");

    let config = run.object(&json!({ "service": "dds", "instance_id": run.dds(), "name": "interrupted" }));
    let plan = run.plan(&config, &Value::Null, &config).await;
    let planned = unwired(plan.planned_state.as_ref());
    let apply = run.apply(&config, &Value::Null, &planned);
    let stop = async {
        while !run.emulator.backups().iter().any(|one| one.name == "interrupted") {
            sleep(Duration::from_millis(20)).await;
        }
        run.host.provider().stop_provider(tf::stop_provider::Request {}).await.unwrap();
    };
    let (applied, ()) = tokio::join!(apply, stop);
    book.add("a wait that is interrupted", &applied.diagnostics);
    // Nothing is known of this service yet, so that the plan has something to ask.
    let mut elsewhere = only.clone();
    elsewhere["service"] = json!("geminidb");
    elsewhere["instance_id"] = json!(run.emulator.instance("geminidb"));
    book.add("a plan that is interrupted", &run.plan(&Value::Null, &elsewhere, &Value::Null).await.diagnostics);
    book.is("last-and-interrupted");
}

#[tokio::test]
async fn what_rotation_announces_and_what_it_could_not_delete() {
    let run = Run::start(0.2).await;
    let mut book = Book::default();
    let config = run.object(&json!({
        "service": "dds", "instance_id": run.dds(), "name_prefix": "night-", "keep_last": 1, "on_destroy": "retain",
    }));
    let older = Some("night-2026010200000000000001".to_owned());
    run.emulator.add_backups(&NewBackups { name: older, ..NewBackups::of(&run.dds()) });
    run.emulator.fault(Fault::status(403).on("dds").method("DELETE").times(9).body(json!({
        "error_code": "DBS.200001", "error_msg": "no permission for you",
    })));
    let (said, _) = run.change(&config, &Value::Null).await;
    book.add("a plan, and an apply whose deletion is refused", &said);
    let said = run.plan(&config, &Value::Null, &config).await.diagnostics;
    book.add("another resource that rotates the same", &said);
    run.configure().await;
    run.emulator.clear_faults();
    run.emulator.fault(Fault::replace(&[("begin_time", "soon")]).on("dds").operation("list").times(1000));
    let (said, _) = run.change(&config, &Value::Null).await;
    book.add("backups that tell no begin", &said);
    assert_eq!(run.emulator.backups().len(), 3, "nothing is deleted by guess");
    // What breaks for one breaks for all: nobody waits for each of them.
    let run = Run::start(0.2).await;
    for day in ["01", "02"] {
        let name = Some(format!("night-202601{day}00000000000001"));
        let begin_time = Some(format!("2026-01-{day}T00:00:00Z"));
        run.emulator.add_backups(&NewBackups { name, begin_time, ..NewBackups::of(&run.dds()) });
    }
    run.emulator.fault(Fault::new(FaultKind::CloseBefore).on("dds").method("DELETE").times(1000));
    let (said, _) = run.change(&config, &Value::Null).await;
    book.add("deletions that break", &said);
    let deletes = run.emulator.journal().iter().filter(|call| call.method == "DELETE").count();
    assert!((1..=2).contains(&deletes), "`max_retries` bounds them: {deletes}");
    book.is("rotation");
}

#[tokio::test]
async fn what_data_sources_say() {
    let run = Run::start(0.2).await;
    let mut book = Book::default();
    let dds = run.dds();
    for (name, case, arguments) in [
        (
            "huaweidb_backup",
            "an id and filters",
            json!({ "service": "dds", "backup_id": FOREIGN, "name": "nightly", "most_recent": true }),
        ),
        ("huaweidb_backup", "an id without the instance it needs", json!({ "service": "rds", "backup_id": FOREIGN })),
        ("huaweidb_backup", "a search without the instance it needs", json!({ "service": "rds", "name": "nightly" })),
        (
            "huaweidb_backup",
            "another service's instance",
            json!({ "service": "rds", "instance_id": dds, "name": "nightly" }),
        ),
        ("huaweidb_backup", "an empty id", json!({ "service": "dds", "backup_id": "" })),
        ("huaweidb_backup", "a type that is none", json!({ "service": "dds", "type": "weekly" })),
        ("huaweidb_backups", "a name and a prefix", json!({ "service": "dds", "name": "nightly", "name_prefix": "n" })),
        ("huaweidb_backups", "an empty name", json!({ "service": "dds", "name": "" })),
        ("huaweidb_backups", "a padded instance id", json!({ "service": "dds", "instance_id": "i " })),
        ("huaweidb_backups", "a time that is none", json!({ "service": "dds", "begin_after": "yesterday" })),
        ("huaweidb_backups", "a time beyond all", json!({ "service": "dds", "begin_after": "9999-12-31T23:59:59Z" })),
        (
            "huaweidb_backups",
            "an empty span of time",
            json!({ "service": "dds", "begin_after": "2026-02-01T00:00:00Z", "begin_before": "2026-01-01T00:00:00Z" }),
        ),
        ("huaweidb_backups", "a list without the instance it needs", json!({ "service": "rds" })),
        ("huaweidb_backups", "a status that is none", json!({ "service": "dds", "status": "DONE" })),
        ("huaweidb_instances", "no service", json!({})),
    ] {
        book.add(&format!("{name}: {case}"), &run.validate_search(name, &arguments).await);
    }
    let one = "huaweidb_backup";
    book.add("an id that is not there", &run.look_up(one, &json!({ "service": "dds", "backup_id": FOREIGN })).await);
    let of_one = json!({ "service": "dds", "backup_id": FOREIGN, "instance_id": dds });
    book.add("the same on an instance", &run.look_up(one, &of_one).await);
    let none = json!({ "service": "dds", "instance_id": dds, "name": "nightly", "type": "manual" });
    book.add("nothing fits", &run.look_up(one, &none).await);
    book.add("nothing is there at all", &run.look_up(one, &json!({ "service": "dds" })).await);
    run.backups(7, "night-");
    book.add("several fit", &run.look_up(one, &json!({ "service": "dds", "instance_id": dds })).await);
    let rows = json!({ "total_count": 2, "backups": [{ "id": FOREIGN, "name": "odd" }, { "name": "odd", "status": "COMPLETED" }] });
    run.emulator.fault(Fault::status(200).on("dds").body(rows));
    book.add("records that cannot be read", &run.look_up("huaweidb_backups", &json!({ "service": "dds" })).await);
    let newest = json!({ "service": "dds", "most_recent": true });
    for (case, time) in [("one of several has no time", json!("2026-01-31T10:11:12+0000")), ("none has", Value::Null)] {
        let row = |id: char, begin: &Value| json!({ "id": format!("{}br02", id.to_string().repeat(32)), "instance_id": dds, "name": "odd", "status": "COMPLETED", "begin_time": begin });
        let rows = json!({ "total_count": 2, "backups": [row('1', &time), row('2', &json!("soon"))] });
        run.emulator.fault(Fault::status(200).on("dds").body(rows));
        book.add(&format!("the newest, of which {case}"), &run.look_up(one, &newest).await);
    }
    let rows =
        json!({ "total_count": 2, "instances": [{ "id": dds, "name": "orders" }, { "id": FOREIGN, "name": {} }] });
    run.emulator.fault(Fault::status(200).on("dds").body(rows));
    let instances = "huaweidb_instances";
    book.add(
        &format!("{instances}: a record that cannot be read"),
        &run.look_up(instances, &json!({ "service": "dds" })).await,
    );
    run.emulator.fault(Fault::refusal(403, "APIGW.0302").on("dds").times(20));
    for name in ["huaweidb_backup", "huaweidb_backups", "huaweidb_instances"] {
        book.add(&format!("{name}: refused"), &run.look_up(name, &json!({ "service": "dds" })).await);
    }
    book.is("data-sources");
}

#[tokio::test]
async fn what_actions_say() {
    let run = Run::start(0.2).await;
    let mut book = Book::default();
    let (create, stop, prune) = ("huaweidb_create_backup", "huaweidb_stop_backup", "huaweidb_prune_backups");
    let dds = run.dds();
    let pruning =
        json!({ "service": "dds", "instance_id": dds, "name_prefix": "old-", "keep_last": 1, "older_than": "0s" });
    for (name, case, arguments) in [
        (create, "no name", json!({ "service": "dds", "instance_id": dds })),
        (create, "two names", json!({ "service": "dds", "instance_id": dds, "name": "nightly", "name_prefix": "n" })),
        (
            create,
            "a service without manual backups",
            json!({ "service": "ddm", "instance_id": run.emulator.instance("ddm"), "name": "nightly" }),
        ),
        (create, "another service's instance", json!({ "service": "rds", "instance_id": dds, "name": "nightly" })),
        (
            create,
            "a limit that is none",
            json!({ "service": "dds", "instance_id": dds, "name": "nightly", "timeout": "soon" }),
        ),
        (stop, "nothing to stop is named", json!({ "service": "dds" })),
        (stop, "a service that cannot", json!({ "service": "taurusdb", "backup_id": FOREIGN })),
        (stop, "an id without the instance it needs", json!({ "service": "rds", "backup_id": FOREIGN })),
        (
            stop,
            "both one and all",
            json!({ "service": "dds", "instance_id": dds, "backup_id": FOREIGN, "all_on_instance": true }),
        ),
        (stop, "all of no instance", json!({ "service": "dds", "all_on_instance": true })),
        (prune, "nothing says which", json!({ "service": "dds", "instance_id": dds })),
        (prune, "an age that is none", over(&pruning, &json!({ "older_than": "long" }))),
        (prune, "an age before all time", over(&pruning, &json!({ "older_than": "99999999w" }))),
        (prune, "fewer than none", over(&pruning, &json!({ "keep_last": -1 }))),
        (prune, "ids that are none", over(&pruning, &json!({ "keep_ids": [FOREIGN, null, " ", ""] }))),
    ] {
        book.add(&format!("{name}: {case}"), &run.validate_action(name, &arguments).await);
    }

    // How it goes on, line by line.
    let wish = json!({ "service": "dds", "instance_id": dds, "name_prefix": "before-" });
    let (progress, said) = run.invoke_and_say(create, &wish).await;
    assert_eq!(said, []);
    book.lines("progress of a create", &progress);
    run.emulator.set_pace(|pace| *pace = Pace { stop_seconds: Some(0.2), ..Pace::of_backups(3600.0) });
    let background = over(&wish, &json!({ "wait_for_completion": false, "name_prefix": "running-" }));
    let (progress, said) = run.invoke_and_say(create, &background).await;
    assert_eq!(said, []);
    book.lines("progress of a create in the background", &progress);
    let hasty = over(&wish, &json!({ "timeout": "1s" }));
    let (progress, said) = run.once_sent(async || run.invoke_and_say(create, &hasty).await).await;
    book.lines("progress on a busy instance", &progress);
    book.add("a create on a busy instance", &said);

    let idle = json!({ "service": "dds", "instance_id": dds, "all_on_instance": true });
    let (progress, said) = run.invoke_and_say(stop, &idle).await;
    assert_eq!(said, []);
    book.lines("progress of a stop", &progress);
    let (_, said) = run.invoke_and_say(stop, &idle).await;
    book.add("nothing runs", &said);
    let ended_one = run.emulator.backups().into_iter().find(|one| one.status == "COMPLETED").unwrap();
    let (progress, said) = run.invoke_and_say(stop, &json!({ "service": "dds", "backup_id": ended_one.id })).await;
    assert_eq!(progress, [""; 0], "nothing was sent");
    book.add("a stop of what has ended", &said);
    let (progress, _) = run.invoke_and_say(stop, &over(&idle, &json!({ "ignore_if_not_running": true }))).await;
    book.lines("progress of a stop that may find nothing", &progress);
    let (progress, said) = run.invoke_and_say(stop, &json!({ "service": "dds", "backup_id": FOREIGN })).await;
    assert_eq!(progress, [""; 0], "nothing was sent");
    book.add("a stop of what is not there", &said);
    stops(&run, &mut book).await;

    run.backups(3, "old-");
    let nobody = over(&pruning, &json!({ "instance_id": format!("{}in02", "0".repeat(32)) }));
    let (_, said) = run.invoke_and_say(prune, &nobody).await;
    book.add("prune: an instance that is not there", &said);
    let (progress, _) = run.invoke_and_say(prune, &pruning).await;
    book.lines("progress of a pruning that only looks", &progress);
    run.emulator.fault(Fault::replace(&[("begin_time", "soon")]).on("dds").operation("list"));
    let (progress, said) = run.invoke_and_say(prune, &pruning).await;
    book.lines("progress of a pruning that knows no begin", &progress);
    book.add("a pruning that knows no begin", &said);
    let really = over(&pruning, &json!({ "dry_run": false }));
    run.emulator.fault(Fault::status(403).on("dds").method("DELETE").times(9).body(json!({
        "error_code": "DBS.200001", "error_msg": "no permission for you",
    })));
    let (progress, said) = run.invoke_and_say(prune, &really).await;
    book.lines("progress of a pruning that is refused", &progress);
    book.add("a pruning that is refused", &said);
    run.emulator.clear_faults();
    run.invoke_and_say(prune, &really).await;
    let (progress, _) = run.invoke_and_say(prune, &really).await;
    book.lines("progress of a pruning with nothing to do", &progress);

    pruning_of_what_is_managed(&run, &mut book, &really).await;
    let unknown = over(&pruning, &json!({ "name_prefix": UNKNOWN }));
    let request = tf::invoke_action::Request {
        action_type: prune.to_owned(),
        config: wire(&run.action(prune, &unknown)),
        ..Default::default()
    };
    let events = run.host.provider().invoke_action(request).await.unwrap().into_inner();
    book.add("a pruning whose prefix is not known", &ended(events).await.1);
    let request = tf::invoke_action::Request { action_type: "huaweidb_explode".to_owned(), ..Default::default() };
    let events = run.host.provider().invoke_action(request).await.unwrap().into_inner();
    book.add("an action that is none", &ended(events).await.1);
    book.is("actions");
}

/// What stops say that do not reach all, or look on the wrong instance.
async fn stops(run: &Run, book: &mut Book) {
    const STOP: &str = "huaweidb_stop_backup";
    let (service, name, engine) = ("rds".to_owned(), "shop".to_owned(), Some("MySQL".to_owned()));
    let mysql = NewInstance { service, name, engine, ..NewInstance::default() };
    let mysql = run.emulator.add_instance(&mysql).id;
    let elsewhere = json!({ "service": "rds", "backup_id": FOREIGN, "instance_id": mysql });
    let (_, said) = run.invoke_and_say(STOP, &elsewhere).await;
    book.add("a stop of what its instance does not list", &said);
    let running = run.emulator.add_backups(&NewBackups {
        instance_id: run.dds(),
        status: "BUILDING".to_owned(),
        count: 3,
        seconds_apart: 60.0,
        ..NewBackups::default()
    });
    run.emulator.set_pace(|pace| pace.stop_seconds = Some(0.2));
    let unstoppable = NewBackups { status: "BUILDING".to_owned(), ..NewBackups::of(&mysql) };
    let unstoppable = run.emulator.add_backups(&unstoppable).remove(0);
    let of_mysql = over(&elsewhere, &json!({ "backup_id": unstoppable.id }));
    let (progress, said) = run.invoke_and_say(STOP, &of_mysql).await;
    assert_eq!(progress, [""; 0], "nothing was sent");
    book.add("a stop of what has an engine that cannot", &said);
    let stop = |fault: Fault, one: usize| fault.on("dds").operation("stop").path(&running[one].id).times(99);
    let all = json!({ "service": "dds", "instance_id": run.dds(), "all_on_instance": true, "timeout": "20s" });
    let said = loop {
        run.emulator.fault(stop(Fault::undone(JobEnd::Running), 0));
        let body = json!({ "error_code": "DBS.200001", "error_msg": "no permission for you" });
        run.emulator.fault(stop(Fault::status(403).body(body), 1));
        let (_, said) = run.invoke_and_say(STOP, &all).await;
        run.emulator.clear_faults();
        if !said.iter().any(|one| one.detail.contains("no complete answer")) {
            break said;
        }
        // The time was over in the middle of a look: once more.
        for one in &running {
            run.emulator.set_status(&one.id, "BUILDING");
        }
    };
    book.add("a stop that does not reach all", &said);
    for one in running.iter().chain([&unstoppable]) {
        run.emulator.set_status(&one.id, "FAILED");
    }
    run.emulator.set_pace(|pace| *pace = Pace::of_backups(0.2));
}

/// What a plan and an invocation say of what is in the state, or is to be kept.
async fn pruning_of_what_is_managed(run: &Run, book: &mut Book, pruning: &Value) {
    const PRUNE: &str = "huaweidb_prune_backups";
    let dds = run.dds();
    let managed = run.backups(1, "old-managed-").remove(0);
    let state = run.import(&format!("dds/{dds}/{}", managed.id), None).await.imported_resources.remove(0).state;
    let state = unwired(run.read(&unwired(state.as_ref())).await.new_state.as_ref());
    let config = run.object(&json!({ "service": "dds", "instance_id": dds, "name": managed.name }));
    run.plan(&config, &state, &state).await;
    let all = over(pruning, &json!({ "keep_last": 0, "allow_last": true }));
    let request = tf::plan_action::Request {
        action_type: PRUNE.to_owned(),
        config: wire(&run.action(PRUNE, &all)),
        ..Default::default()
    };
    let planned = run.host.provider().plan_action(request).await.unwrap().into_inner();
    book.add("a pruning of what is in the state", &planned.diagnostics);
    let invoke = async |wish: &Value| {
        let config = wire(&run.action(PRUNE, wish));
        let request = tf::invoke_action::Request { action_type: PRUNE.to_owned(), config, ..Default::default() };
        ended(run.host.provider().invoke_action(request).await.unwrap().into_inner()).await.0
    };
    run.emulator.set_status(&managed.id, "COMPLETED");
    book.lines("progress of a pruning that spares", &invoke(&over(&all, &json!({ "dry_run": true }))).await);
    let only = over(&all, &json!({ "name_prefix": "old-managed-" }));
    book.lines("progress of a pruning that spares all", &invoke(&only).await);
    let unkept = over(pruning, &json!({ "keep_ids": [UNKNOWN] }));
    let request = tf::invoke_action::Request {
        action_type: PRUNE.to_owned(),
        config: wire(&run.action(PRUNE, &unkept)),
        ..Default::default()
    };
    let events = run.host.provider().invoke_action(request).await.unwrap().into_inner();
    book.add("a pruning that keeps what is not known", &ended(events).await.1);
}

/// Waits until something is so.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waited = async {
        while !is_so() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), waited).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// An apply under way.
struct Applying(tokio::task::JoinHandle<tf::apply_resource_change::Response>);

#[tokio::test]
async fn how_a_wait_goes_on_in_the_log() {
    let mut run = Run::logging(120.0).await;
    let mut book = Book::default();
    let create = async |name: &str| {
        let config = run.object(&json!({ "service": "dds", "instance_id": run.dds(), "name": name }));
        let plan = run.plan(&config, &Value::Null, &config).await;
        let request = tf::apply_resource_change::Request {
            type_name: TYPE.to_owned(),
            config: wire(&config),
            planned_state: plan.planned_state,
            ..Default::default()
        };
        let mut provider = run.host.provider();
        let applying = async move { provider.apply_resource_change(request).await.unwrap().into_inner() };
        Applying(tokio::spawn(applying))
    };
    let first = create("first").await;
    // Its turn is over when it looks at what it has begun.
    let looks =
        || run.emulator.journal().iter().skip_while(|call| call.method != "POST").any(|call| call.method == "GET");
    until("the first is awaited", looks).await;
    let wish = json!({ "service": "dds", "instance_id": run.dds(), "name": "second" });
    let request = tf::invoke_action::Request {
        action_type: "huaweidb_create_backup".to_owned(),
        config: wire(&run.action("huaweidb_create_backup", &wish)),
        ..Default::default()
    };
    let second = run.host.provider().invoke_action(request).await.unwrap().into_inner();
    let creates = || run.emulator.journal().iter().filter(|call| call.method == "POST").count();
    until("the second is refused", || creates() >= 2).await;
    let third = create("third").await;
    let log = |run: &mut Run| {
        let lines = run.host.plugin().stderr();
        let told = lines.iter().filter_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            let text = line["@message"].as_str()?.to_owned();
            ["queued", "busy", "waiting for"].iter().any(|word| text.contains(word)).then_some(text)
        });
        told.collect::<Vec<_>>()
    };
    let mut told = Vec::new();
    while told.len() < 3 {
        sleep(Duration::from_millis(100)).await;
        told = log(&mut run);
    }
    told.sort(); // they come from three operations at once
    book.lines("in the log", &told);
    run.host.provider().stop_provider(tf::stop_provider::Request {}).await.unwrap();
    let (first, third) = (first.0.await.unwrap(), third.0.await.unwrap());
    book.add("a wait that is interrupted", &first.diagnostics);
    book.add("a create whose turn did not come", &third.diagnostics);
    let (progress, said) = ended(second).await;
    book.lines("in the events of an action", &progress);
    book.add("an action that is interrupted before its backup began", &said);
    book.is("progress");
}

#[tokio::test]
async fn what_a_pruning_says_that_is_stopped() {
    let run = Run::start(0.2).await;
    let mut book = Book::default();
    run.backups(3, "old-");
    let config = json!({
        "service": "dds", "instance_id": run.dds(), "name_prefix": "old-", "keep_last": 1, "older_than": "0s",
        "dry_run": false,
    });
    // The deletions take so long that the stop comes before their answers.
    run.emulator.fault(Fault { ms: Some(400), ..Fault::new(FaultKind::Delay).on("dds").method("DELETE").times(9) });
    let request = tf::invoke_action::Request {
        action_type: "huaweidb_prune_backups".to_owned(),
        config: wire(&run.action("huaweidb_prune_backups", &config)),
        ..Default::default()
    };
    let events = run.host.provider().invoke_action(request).await.unwrap().into_inner();
    let stop = async {
        while !run.emulator.journal().iter().any(|call| call.method == "DELETE") {
            sleep(Duration::from_millis(5)).await;
        }
        run.host.provider().stop_provider(tf::stop_provider::Request {}).await.unwrap();
    };
    let ((_, said), ()) = tokio::join!(ended(events), stop);
    book.add("a pruning that is stopped", &said);

    // The same before anything was sent, because the list takes so long.
    let all = json!({ "service": "dds", "instance_id": run.dds(), "all_on_instance": true });
    for (name, wish) in [("huaweidb_prune_backups", &config), ("huaweidb_stop_backup", &all)] {
        let run = Run::start(0.2).await;
        run.emulator.fault(Fault::delay(600_000).on("dds").operation("list"));
        let config = wire(&run.action(name, &over(wish, &json!({ "instance_id": run.dds() }))));
        let request = tf::invoke_action::Request { action_type: name.to_owned(), config, ..Default::default() };
        let events = run.host.provider().invoke_action(request).await.unwrap().into_inner();
        until("it lists", || run.emulator.journal().iter().any(|call| call.operation == "list")).await;
        run.host.provider().stop_provider(tf::stop_provider::Request {}).await.unwrap();
        book.add(&format!("{name} that is stopped while it lists"), &ended(events).await.1);
    }
    let run = Run::start(0.2).await;
    run.backups(250, "old-");
    run.emulator.fault(Fault::delay(600_000).on("dds").operation("list").skip(1).times(99));
    let events = run.list_until_stopped(&json!({ "service": "dds" }), false, 2).await;
    let said = events.into_iter().flat_map(|event| event.diagnostic).collect::<Vec<_>>();
    book.add("a query that is stopped", &said);
    book.is("pruning-stopped");
}

#[tokio::test]
async fn what_lists_links_imports_and_moves_say() {
    let run = Run::start(0.2).await;
    let mut book = Book::default();
    let dds = run.dds();

    let name = "huaweidb_backup_download";
    let config =
        wire(&whole(&run.schema.ephemeral_resource_schemas[name], &json!({ "service": "dds", "backup_id": FOREIGN })));
    let request = tf::validate_ephemeral_resource_config::Request { type_name: name.to_owned(), config };
    let said = run.host.provider().validate_ephemeral_resource_config(request).await.unwrap().into_inner();
    book.add("links: no instance", &said.diagnostics);
    let wish = json!({ "service": "dds", "backup_id": FOREIGN, "instance_id": dds });
    book.add("links: a backup that is not there", &run.open(&wish).await.diagnostics);

    lists(&run, &mut book).await;

    for (case, id) in [
        ("one part", "nightly".to_owned()),
        ("four parts", format!("dds/{dds}/{FOREIGN}/x")),
        ("a service that is none", format!("mysql/{dds}/{FOREIGN}")),
        ("an empty part", format!("dds//{FOREIGN}")),
        ("white space", format!("dds/{dds}/ {FOREIGN}")),
        ("without the instance it needs", format!("rds/{FOREIGN}")),
        ("a service that takes no backups", format!("ddm/{dds}/{FOREIGN}")),
        ("a region that is none", format!("dds/{dds}/{FOREIGN}@eu_de")),
    ] {
        book.add(&format!("import: {case}"), &run.import(&id, None).await.diagnostics);
    }
    let made = |kind: &str| {
        let wanted = NewBackups { instance_id: dds.clone(), kind: kind.to_owned(), ..NewBackups::default() };
        run.emulator.add_backups(&wanted)[0].id.clone()
    };
    let (automatic, other) = (made("auto"), run.emulator.instance("geminidb"));
    // This service lists the backups of one instance only.
    let rds = run.emulator.instance("rds");
    let of_rds = run.emulator.add_backups(&NewBackups::of(&rds))[0].id.clone();
    let rows = run.emulator.instances();
    let (its, others) = rows.iter().filter(|row| row.service == "rds").partition::<Vec<_>, _>(|row| row.id == rds);
    let (name, other_rds) = (its[0].name.clone(), others[0].id.clone());
    for (case, id) in [
        ("another instance, which is all that is asked for", format!("rds/{other_rds}/{of_rds}")),
        ("an instance's name", format!("rds/{name}/{of_rds}")),
        ("an automatic backup", format!("dds/{dds}/{automatic}")),
        ("another instance", format!("dds/{other}/{}", made("manual"))),
        ("another region", format!("dds/{dds}/{FOREIGN}@eu-nl")),
        ("another service", format!("rds/{dds}/{FOREIGN}")),
    ] {
        let answer = run.import(&id, None).await;
        assert_eq!(answer.diagnostics, []);
        let one = answer.imported_resources.into_iter().next().expect("one object");
        let request = tf::read_resource::Request {
            type_name: TYPE.to_owned(),
            current_state: one.state,
            private: one.private,
            ..Default::default()
        };
        let read = run.host.provider().read_resource(request).await.unwrap().into_inner();
        book.add(&format!("import: {case}"), &read.diagnostics);
    }
    let identity = json!({ "service": "dds", "region": null, "instance_id": dds, "id": null });
    book.add("import: half an identity", &run.import("", Some(identity.clone())).await.diagnostics);
    let foreign = over(&identity, &json!({ "service": "mysql", "id": FOREIGN }));
    book.add("import: an identity of a service that is none", &run.import("", Some(foreign)).await.diagnostics);
    for (case, part) in [
        ("with white space", json!({ "id": format!("{FOREIGN} ") })),
        ("with an empty part", json!({ "id": FOREIGN, "instance_id": "" })),
        ("of a region that is none", json!({ "id": FOREIGN, "region": "eu_de" })),
        ("of a service that takes no backups", json!({ "id": FOREIGN, "service": "ddm" })),
    ] {
        let said = run.import("", Some(over(&identity, &part))).await.diagnostics;
        book.add(&format!("import: an identity {case}"), &said);
    }

    let official = "registry.terraform.io/huaweicloud/huaweicloud";
    for (case, type_name, state) in [
        ("a type that is no backup", "huaweicloud_dds_instance", json!({ "id": "x" })),
        ("a state without an id", "huaweicloud_dds_backup", json!({ "name": "x" })),
        ("a state without the instance it needs", "huaweicloud_rds_backup", json!({ "id": "x" })),
        ("a state that is no object", "huaweicloud_dds_backup", json!([1])),
    ] {
        book.add(&format!("move: {case}"), &run.move_from(official, type_name, &state).await.diagnostics);
    }

    functions(&run, &mut book).await;
    book.is("lists-links-imports-moves-functions");
}

/// What queries say beside what they find.
async fn lists(run: &Run, book: &mut Book) {
    run.emulator.fault(Fault::status(403).on("geminidb").times(10));
    for (case, arguments) in
        [("one of several services fails", json!({})), ("the only service fails", json!({ "service": "geminidb" }))]
    {
        let events = run.list(&arguments, 10, false).await;
        let said = events.into_iter().flat_map(|event| event.diagnostic).collect::<Vec<_>>();
        book.add(&format!("list: {case}"), &said);
    }
    run.emulator.clear_faults();
    for (name, status) in [("broken", "FAILED"), ("two\tlines", "COMPLETED")] {
        let one = NewBackups {
            instance_id: run.dds(),
            name: Some(name.to_owned()),
            status: status.to_owned(),
            begin_time: Some("2026-01-01T00:00:00Z".to_owned()),
            ..NewBackups::default()
        };
        run.emulator.add_backups(&one);
    }
    run.backups(2, "more-");
    let cut = run.list(&json!({ "service": "dds", "name_prefix": "more-" }), 1, false).await;
    book.add("list: more than the limit", &cut[0].diagnostic);
    let events = run.list(&json!({ "service": "dds" }), 10, true).await;
    let said = events.into_iter().flat_map(|event| event.diagnostic).collect::<Vec<_>>();
    book.add("list: what no configuration can be written for", &said);
    let row = |id: &str, instance: Value| json!({ "id": id, "name": "more-1", "instance_id": instance, "type": "Manual", "status": "COMPLETED" });
    let rows = [row("1", Value::Null), row("2", json!(run.dds())), row("3", json!(run.dds()))];
    for (case, limit) in
        [("a record that does not tell what is asked for", 10), ("the same, and more than the limit", 1)]
    {
        let body = json!({ "total_count": 3, "backups": rows });
        run.emulator.fault(Fault::status(200).on("dds").operation("list").body(body));
        let events = run.list(&json!({ "service": "dds", "instance_id": run.dds() }), limit, false).await;
        let said = events.into_iter().flat_map(|event| event.diagnostic).collect::<Vec<_>>();
        book.add(&format!("list: {case}"), &said);
    }
    run.backups(150, "many-");
    for (case, arguments, limit) in [
        ("a service fails in the middle", json!({}), 1000),
        ("the limit is reached, and the search for more fails", json!({ "service": "dds" }), 100),
    ] {
        run.emulator.fault(Fault::status(403).on("dds").operation("list").skip(1).times(9));
        let events = run.list(&arguments, limit, false).await;
        run.emulator.clear_faults();
        let said = events.into_iter().flat_map(|event| event.diagnostic).collect::<Vec<_>>();
        book.add(&format!("list: {case}"), &said);
    }
}

/// What functions refuse.
async fn functions(run: &Run, book: &mut Book) {
    let now = json!("2026-02-01T00:00:00Z");
    for (name, case, arguments) in [
        ("backup_name", "a prefix that is none", vec![json!("1st"), now.clone()]),
        ("backup_name", "a time that is none", vec![json!("a"), json!("yesterday")]),
        ("backup_name", "a time beyond all", vec![json!("a"), json!("9999-12-31T23:59:59Z")]),
        ("backup_name", "a time before all", vec![json!("a"), json!("0000-01-01T00:00:00+23:59")]),
        ("backup_name", "too few arguments", vec![json!("a")]),
        ("backup_name", "no prefix", vec![Value::Null, now.clone()]),
        ("backup_name", "a number for a text", vec![json!(7), now.clone()]),
        ("parse_instance_id", "an id that is none", vec![json!("in02")]),
        ("select_prunable", "fewer than none", vec![json!([]), json!(-1), Value::Null, now.clone()]),
        ("select_prunable", "more than can be kept", vec![json!([]), json!(1_000_001), Value::Null, now.clone()]),
        ("select_prunable", "an age that is none", vec![json!([]), Value::Null, json!("long"), now.clone()]),
        ("select_prunable", "a time that is none", vec![json!([]), Value::Null, Value::Null, json!("now")]),
        ("no_such", "a function that is none", vec![]),
    ] {
        let (text, argument) = run.call(name, &arguments).await.unwrap_err();
        let at = argument.map_or(String::new(), |argument| format!(" [at argument {argument}]"));
        book.lines(&format!("{name}: {case}{at}"), [&text]);
    }
}

#[tokio::test]
async fn what_is_said_when_host_and_provider_do_not_fit_together() {
    let run = Run::unconfigured(0.2).await;
    let mut book = Book::default();
    let state = run.object(&json!({ "service": "dds", "instance_id": run.dds(), "id": FOREIGN }));
    book.add("before anything is configured", &run.read(&state).await.diagnostics);

    let provider = run.schema.provider.as_ref().unwrap();
    let configure = async |config: Option<tf::DynamicValue>| {
        let request =
            tf::configure_provider::Request { config, terraform_version: "1.14.0".to_owned(), ..Default::default() };
        run.host.provider().configure_provider(request).await.unwrap().into_inner().diagnostics
    };
    book.add("a provider block of another form", &configure(wire(&json!({ "regions": "eu-de" }))).await);
    let retries = whole(provider, &json!({ "max_retries": 1.5 }));
    book.add("a provider block with half a number", &configure(wire(&retries)).await);
    let broken = "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n";
    let broken = whole(provider, &json!({ "cacert_file": broken }));
    book.add("certificates that are none", &configure(wire(&broken)).await);
    let insecure = whole(provider, &json!({ "insecure": true }));
    book.add("certificates that are not checked", &configure(wire(&insecure)).await);
    let later = whole(provider, &json!({ "region": UNKNOWN }));
    assert_eq!(configure(wire(&later)).await, []);
    book.add("a configuration that is not known yet", &run.read(&state).await.diagnostics);
    let request = tf::validate_provider_config::Request {
        config: wire(&whole(
            provider,
            &json!({
                "region": " eu-de", "max_retries": 101, "cloud": "otc.", "auth_url": "http://iam.example.com",
                "endpoints": { "dss": "https://dss.example.com", "rds": "http://10.0.0.1" },
            }),
        )),
    };
    let said = run.host.provider().validate_provider_config(request).await.unwrap().into_inner().diagnostics;
    book.add("a provider block that is wrong in many ways", &said);

    let upgrade = async |version, json: &str| {
        let raw_state = Some(tf::RawState { json: json.as_bytes().to_vec(), ..Default::default() });
        let request = tf::upgrade_resource_state::Request { type_name: TYPE.to_owned(), version, raw_state };
        run.host.provider().upgrade_resource_state(request).await.unwrap().into_inner().diagnostics
    };
    book.add("a state of a later version", &upgrade(7, "{}").await);
    book.add("a state that is no object", &upgrade(0, "[1]").await);
    book.add("a state that is cut off", &upgrade(0, "{\"id\":").await);
    book.add("a state with a text for a number", &upgrade(0, r#"{"size_bytes": "much"}"#).await);
    let raw_state = Some(tf::RawState { flatmap: [("id".to_owned(), "x".to_owned())].into(), ..Default::default() });
    let request = tf::upgrade_resource_state::Request { type_name: TYPE.to_owned(), version: 0, raw_state };
    let said = run.host.provider().upgrade_resource_state(request).await.unwrap().into_inner().diagnostics;
    book.add("a state of before 0.12", &said);
    let identity = async |version, json: &str| {
        let raw_identity = Some(tf::RawState { json: json.as_bytes().to_vec(), ..Default::default() });
        let request = tf::upgrade_resource_identity::Request { type_name: TYPE.to_owned(), version, raw_identity };
        run.host.provider().upgrade_resource_identity(request).await.unwrap().into_inner().diagnostics
    };
    book.add("an identity of a later version", &identity(1, "{}").await);
    book.add("an identity that is no object", &identity(0, "7").await);

    let cut_off = Some(tf::DynamicValue { msgpack: vec![0x81], json: Vec::new() });
    let request =
        tf::read_resource::Request { type_name: TYPE.to_owned(), current_state: cut_off, ..Default::default() };
    book.add(
        "a value that is cut off",
        &run.host.unchecked().read_resource(request).await.unwrap().into_inner().diagnostics,
    );
    let request = tf::read_resource::Request { type_name: "huaweidb_snapshot".to_owned(), ..Default::default() };
    book.add(
        "a resource that is none",
        &run.host.provider().read_resource(request).await.unwrap().into_inner().diagnostics,
    );
    let request = tf::read_data_source::Request { type_name: "huaweidb_snapshots".to_owned(), ..Default::default() };
    book.add(
        "a data source that is none",
        &run.host.provider().read_data_source(request).await.unwrap().into_inner().diagnostics,
    );
    let request = tf::open_ephemeral_resource::Request { type_name: "huaweidb_key".to_owned(), ..Default::default() };
    let said = run.host.provider().open_ephemeral_resource(request).await.unwrap().into_inner().diagnostics;
    book.add("an ephemeral resource that is none", &said);
    let request =
        tf::validate_list_resource_config::Request { type_name: "huaweidb_snapshot".to_owned(), ..Default::default() };
    let said = run.host.provider().validate_list_resource_config(request).await.unwrap().into_inner().diagnostics;
    book.add("a list that is none", &said);
    book.is("host");
}

/// The first lines on all pages, wherever they are kept.
fn summaries_in_snapshots() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for folder in ["src", "tests"] {
        for (_, path) in files(&root().join(folder), root()) {
            // The doctor repeats what others say, and has sentences of its own.
            if path.extension().is_none_or(|ending| ending != "snap")
                || path.ends_with("suite__messages__book__doctor.snap")
            {
                continue;
            }
            for line in fs::read_to_string(&path).unwrap().lines() {
                let line = line.strip_prefix("Error: ").or_else(|| line.strip_prefix("Warning: "));
                found.extend(line.map(|line| line.split(" [at ").next().unwrap_or(line).to_owned()));
            }
        }
    }
    found
}

#[test]
fn every_summary_in_the_sources_is_on_a_page() {
    let shown = summaries_in_snapshots();
    let in_code = summaries_in_code();
    let missing: Vec<_> = in_code.iter().filter(|one| !shown.contains(one.as_str())).collect();
    assert!(missing.is_empty(), "no snapshot holds: {missing:#?}");
    // And the other way round: a page that shows what nobody says any more is stale.
    let stale: Vec<_> = shown.iter().filter(|one| !in_code.contains(one.as_str())).collect();
    assert!(stale.is_empty(), "nobody says: {stale:#?}");
}
