//! Restores through the plugin's calls: what is overwritten, what is refused before anything is sent, and what is said of a
//! restore that nobody saw end.
#![expect(clippy::unwrap_used, reason = "tests")]

use huaweidb_emulator::{Fault, FaultKind, InstanceRow, NewBackups, NewInstance, Pace};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use crate::support::proto::tfplugin6 as tf;
use crate::support::run::{Run, ended, over, summaries, whole};
use crate::support::value::{unwired, wire};

const ACTION: &str = "huaweidb_restore_backup";
const RESTORING: [&str; 5] = ["dds", "geminidb", "taurusdb", "rds", "gaussdb"];
const LOST: &str = "Restore may have begun: no usable answer came";
const NOBODY: &str = "0000000000000000000000000000000000";

impl Run {
    fn row(&self, id: &str) -> InstanceRow {
        self.emulator.instances().into_iter().find(|row| row.id == id).unwrap()
    }

    /// An instance with the engine of another one.
    fn scratch(&self, source: &str, size_gb: Option<u64>) -> String {
        let row = self.row(source);
        let name = "scratch".to_owned();
        let scratch =
            NewInstance { service: row.service, name, engine: Some(row.engine), size_gb, ..NewInstance::default() };
        self.emulator.add_instance(&scratch).id
    }

    /// An instance that every cloud restores: not every engine is.
    fn source(&self, service: &str) -> String {
        let engine = match service {
            "geminidb" => "mongodb",
            "rds" => "MySQL",
            _ => return self.emulator.instance(service),
        };
        self.instance_of(service, engine)
    }

    fn instance_of(&self, service: &str, engine: &str) -> String {
        let (service, engine) = (service.to_owned(), Some(engine.to_owned()));
        let wanted = NewInstance { service, engine, name: "source".to_owned(), ..NewInstance::default() };
        self.emulator.add_instance(&wanted).id
    }

    /// A source with a completed backup, and a target: arguments that restore it.
    fn drill(&self, service: &str) -> Value {
        let source = self.source(service);
        let target = self.scratch(&source, None);
        let backup = self.emulator.add_backups(&NewBackups::of(&source)).remove(0).id;
        json!({
            "service": service, "backup_id": backup, "source_instance_id": source, "target_instance_id": target,
            "overwrite": true,
        })
    }

    fn orders(&self) -> usize {
        self.emulator.journal().iter().filter(|call| call.operation == "restore").count()
    }

    async fn restore_times(&self, arguments: &Value) -> (Value, Vec<tf::Diagnostic>) {
        let name = "huaweidb_restore_times";
        let config = wire(&whole(&self.schema.data_source_schemas[name], arguments));
        let request = tf::read_data_source::Request { type_name: name.to_owned(), config, ..Default::default() };
        let answer = self.host.provider().read_data_source(request).await.unwrap().into_inner();
        (unwired(answer.state.as_ref()), answer.diagnostics)
    }
}

fn text(wish: &Value, name: &str) -> String {
    wish[name].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_service_restores_a_backup_and_a_moment() {
    let run = Run::start(0.3).await;
    for service in RESTORING {
        let wish = run.drill(service);
        let (target, source) = (text(&wish, "target_instance_id"), text(&wish, "source_instance_id"));
        let (progress, errors) = run.invoke(ACTION, &wish).await;
        assert_eq!(errors, [""; 0], "{service}: {progress:?}");
        let row = run.row(&target);
        assert_eq!((row.contents, &*row.status), (text(&wish, "backup_id"), "IDLE"), "{service}");
        assert_eq!(progress.len(), 3, "{service}: {progress:?}");

        let then = Timestamp::now() - SignedDuration::from_mins(30);
        let then = Timestamp::from_second(then.as_second()).unwrap();
        let moment = over(&wish, &json!({ "backup_id": null, "restore_time": then.to_string() }));
        if service == "geminidb" {
            let said = run.validate_action(ACTION, &moment).await;
            assert_eq!(summaries(&said), ["The service cannot do this restore"]);
            continue;
        }
        let (progress, errors) = run.invoke(ACTION, &moment).await;
        assert_eq!(errors, [""; 0], "{service}: {progress:?}");
        assert_eq!(run.row(&target).contents, format!("{source}@{}", then.as_millisecond()), "{service}");
    }
    assert_eq!(run.emulator.totals().restored, 9);
}

/// Where the newer call is, and only there, `PostgreSQL` is restored, and `SQL Server` whole.
#[tokio::test]
async fn rds_restores_what_the_cloud_restores() {
    for (cloud, engine, restores) in [
        ("myhuaweicloud.com", "PostgreSQL", true),
        ("myhuaweicloud.com", "SQLServer", true),
        ("otc.t-systems.com", "PostgreSQL", false),
        ("otc.t-systems.com", "SQLServer", true),
    ] {
        let run = Run::unconfigured(0.2).await;
        let block = json!({ "endpoints": run.emulator.ready()["endpoints"], "cloud": cloud });
        let request = tf::configure_provider::Request {
            config: wire(&whole(run.schema.provider.as_ref().unwrap(), &block)),
            terraform_version: "1.16.0".to_owned(),
            ..Default::default()
        };
        let answer = run.host.provider().configure_provider(request).await.unwrap().into_inner();
        assert_eq!(answer.diagnostics, []);
        let source = run.instance_of("rds", engine);
        let target = run.scratch(&source, None);
        let backup = run.emulator.add_backups(&NewBackups::of(&source)).remove(0).id;
        let wish = json!({
            "service": "rds", "backup_id": backup, "source_instance_id": source, "target_instance_id": target,
            "overwrite": true,
        });
        let (_, said) = run.invoke_and_say(ACTION, &wish).await;
        assert_eq!(said.is_empty(), restores, "{engine} on {cloud}: {said:?}");
        assert_eq!(run.row(&target).contents == backup, restores, "{engine} on {cloud}");
        assert_eq!(run.orders(), usize::from(restores), "{engine} on {cloud}: what cannot be is not sent");
        for one in said {
            assert!(one.detail.contains("Nothing was sent.") && one.detail.contains(engine), "{}", one.detail);
        }
    }
}

/// What is told of an order is what was called.
#[tokio::test]
async fn a_lost_order_is_told_with_the_path_that_was_called() {
    for (cloud, version) in [("myhuaweicloud.com", "/v3.1/"), ("otc.t-systems.com", "/v3/")] {
        let run = Run::unconfigured(0.2).await;
        run.configure_with(&json!({ "cloud": cloud })).await;
        let wish = run.drill("rds");
        for kind in [FaultKind::CloseBefore, FaultKind::Empty, FaultKind::Garbage] {
            run.emulator.fault(Fault::new(kind).on("rds").operation("restore"));
            let (_, said) = run
                .invoke_and_say(
                    ACTION,
                    &over(
                        &wish,
                        &json!({ "target_instance_id": run.scratch(&text(&wish, "source_instance_id"), None) }),
                    ),
                )
                .await;
            assert_eq!(summaries(&said), [LOST], "{cloud}: {kind:?}");
            let detail = &said[0].detail;
            assert!(detail.contains(&format!("POST {version}")), "{cloud}: {kind:?}: {detail}");
            let called = run.emulator.journal().into_iter().rfind(|call| call.operation == "restore").unwrap();
            assert!(called.path.starts_with(version), "{cloud}: {}", called.path);
        }
    }
}

/// Data of a replica set do not fit into a cluster.
#[tokio::test]
async fn dds_restores_into_the_same_mode_only() {
    let run = Run::start(0.3).await;
    for (data, target, fits) in
        [("ReplicaSet", "Sharding", false), ("Single", "ReplicaSet", false), ("Sharding", "Sharding", true)]
    {
        let (source, target_id) = (run.instance_of("dds", data), run.instance_of("dds", target));
        let backup = run.emulator.add_backups(&NewBackups::of(&source)).remove(0).id;
        let wish = json!({
            "service": "dds", "backup_id": backup, "source_instance_id": source, "target_instance_id": target_id,
            "overwrite": true,
        });
        let then = Timestamp::now() - SignedDuration::from_mins(30);
        let moment = over(&wish, &json!({ "backup_id": null, "restore_time": then.to_string() }));
        for wish in [wish, moment] {
            let orders = run.orders();
            let (_, said) = run.invoke_and_say(ACTION, &wish).await;
            if fits {
                assert_eq!(said, [], "{data} into {target}");
            } else {
                assert_eq!(summaries(&said), ["Restore was not begun: the target cannot take it"]);
                assert!(said[0].detail.contains(data) && said[0].detail.contains(target), "{}", said[0].detail);
            }
            assert_eq!(run.orders() - orders, usize::from(fits), "{data} into {target}: what cannot be is not sent");
        }
    }
}

#[tokio::test]
async fn over_the_source_only_if_that_is_written_too() {
    let run = Run::start(0.3).await;
    for service in RESTORING {
        let wish = run.drill(service);
        let over_itself = over(&wish, &json!({ "target_instance_id": wish["source_instance_id"] }));
        let said = run.validate_action(ACTION, &over_itself).await;
        assert_eq!(summaries(&said), ["Restore was not confirmed"], "{service}");
        let unconfirmed = over(&wish, &json!({ "overwrite": false }));
        assert_eq!(summaries(&run.validate_action(ACTION, &unconfirmed).await), ["Restore was not confirmed"]);
        let (lines, said) = run.invoke(ACTION, &over(&over_itself, &json!({ "overwrite_source": true }))).await;
        // A word of it must not get lost: until then the service archives nothing. Some hosts show the lines only.
        let expected = if service == "gaussdb" { vec!["Restored data wait to be confirmed"] } else { vec![] };
        assert_eq!(said, expected, "{service}");
        let has_line = lines.iter().any(|line| line.starts_with("Warning: Restored data wait to be confirmed\n"));
        assert_eq!(has_line, service == "gaussdb", "{service}: {lines:?}");
        assert_eq!(run.row(&text(&wish, "source_instance_id")).contents, text(&wish, "backup_id"), "{service}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_anything_is_sent() {
    const DATA: &str = "Restore was not begun: the data cannot be used";
    const TARGET: &str = "Restore was not begun: the target cannot take it";
    let run = Run::start(60.0).await;
    for service in RESTORING {
        let wish = run.drill(service);
        let source = text(&wish, "source_instance_id");
        let others = run.emulator.instances();
        let other =
            others.iter().find(|row| row.service == service && row.id != source && row.name != "scratch").unwrap();
        let foreign = run.emulator.add_backups(&NewBackups::of(&other.id)).remove(0).id;
        let running = NewBackups { status: "BUILDING".to_owned(), ..NewBackups::of(&source) };
        let running = run.emulator.add_backups(&running).remove(0).id;
        let failed = NewBackups { status: "FAILED".to_owned(), ..NewBackups::of(&source) };
        let failed = run.emulator.add_backups(&failed).remove(0).id;
        let busy = run.scratch(&source, None);
        run.emulator.keep_busy(&busy, 600.0);
        let small = run.scratch(&source, Some(10));
        let nobody = format!("{NOBODY}{}", &source[34..]);
        let no_backup = format!("{NOBODY}{}", &foreign[34..]);
        let mut cases = vec![
            ("no such backup", json!({ "backup_id": no_backup }), DATA),
            ("another source's backup", json!({ "backup_id": foreign }), DATA),
            ("a backup that runs", json!({ "backup_id": running }), DATA),
            ("a backup that failed", json!({ "backup_id": failed }), DATA),
            ("no such target", json!({ "target_instance_id": nobody }), TARGET),
            ("a busy target", json!({ "target_instance_id": busy }), TARGET),
        ];
        if service != "geminidb" {
            let long_ago = json!({ "backup_id": null, "restore_time": "2020-01-01T00:00:00Z" });
            cases.push(("a time before all backups", long_ago, DATA));
            let of_nobody = json!({
                "backup_id": null, "restore_time": "2026-01-01T00:00:00Z", "source_instance_id": nobody,
            });
            cases.push(("a time of nobody", of_nobody, DATA));
        }
        // Of dds neither a backup nor a list tells what it needs: as much as the source has. The storage of taurusdb grows.
        if service != "taurusdb" {
            cases.push(("a small target", json!({ "target_instance_id": small }), TARGET));
        }
        if ["rds", "gaussdb", "geminidb"].contains(&service) && other.engine != run.row(&source).engine {
            cases.push(("another engine", json!({ "target_instance_id": other.id }), TARGET));
        }
        for (case, change, summary) in cases {
            let (progress, errors) = run.invoke(ACTION, &over(&wish, &change)).await;
            assert_eq!((errors, progress.len()), (vec![summary.to_owned()], 0), "{service}: {case}");
        }
    }
    assert_eq!((run.orders(), run.emulator.totals().restored), (0, 0));
}

#[tokio::test]
async fn an_order_is_sent_once_whatever_becomes_of_its_answer() {
    let run = Run::start(0.3).await;
    for service in RESTORING {
        for (fault, summary) in [
            (Fault::new(FaultKind::CloseAfter), LOST),
            (Fault::new(FaultKind::CloseBefore), LOST),
            (Fault::new(FaultKind::Truncate), LOST),
            (Fault::new(FaultKind::Empty), LOST),
            (Fault::new(FaultKind::Html), LOST),
            (Fault::status(503), LOST),
            (Fault::status(403), LOST),
            (Fault::refusal(403, "DBS.280063"), "Restore was not begun"),
            (Fault::refusal(404, "APIGW.0101"), "Restore was not begun"),
        ] {
            let wish = run.drill(service);
            let (orders, restored) = (run.orders(), run.emulator.totals().restored);
            let kind = fault.kind;
            run.emulator.fault(fault.on(service).operation("restore"));
            let (_, errors) = run.invoke(ACTION, &wish).await;
            assert_eq!(errors, [summary], "{service}: {kind:?}");
            assert_eq!(run.orders(), orders + 1, "{service}: {kind:?}");
            let begun = run.emulator.totals().restored - restored;
            assert!(begun == 0 || summary == LOST, "{service}: {kind:?} began it");
            run.emulator.clear_faults();
        }
    }
}

#[tokio::test]
async fn a_failed_job_is_an_error_with_its_reason() {
    let run = Run::start(0.3).await;
    for service in RESTORING {
        let wish = run.drill(service);
        run.emulator.fault(Fault::new(FaultKind::FailBackup).on(service).operation("restore"));
        let (_, said) = run.invoke_and_say(ACTION, &wish).await;
        assert_eq!(summaries(&said), ["Restore failed"], "{service}");
        assert!(said[0].detail.contains("Failed to restore the DB instance."), "{service}: {}", said[0].detail);
    }
}

#[tokio::test]
async fn a_restore_that_is_interrupted_goes_on_and_says_so() {
    let run = Run::start(60.0).await;
    let wish = run.drill("dds");
    let request = tf::invoke_action::Request {
        action_type: ACTION.to_owned(),
        config: wire(&run.action(ACTION, &wish)),
        ..Default::default()
    };
    let events = run.host.provider().invoke_action(request).await.unwrap().into_inner();
    let stop = async {
        while run.emulator.totals().restored == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        sleep(Duration::from_millis(300)).await;
        run.host.provider().stop_provider(tf::stop_provider::Request {}).await.unwrap();
    };
    let ((_, said), ()) = tokio::join!(ended(events), stop);
    assert_eq!(summaries(&said), ["Restore goes on: its end was not awaited"]);
    assert_eq!(run.row(&text(&wish, "target_instance_id")).status, "RESTORING");
}

#[tokio::test]
async fn a_limit_that_is_over_says_that_it_goes_on() {
    let run = Run::start(3600.0).await;
    let wish = run.drill("rds");
    let hasty = over(&wish, &json!({ "timeout": "10s" }));
    let errors = loop {
        let (_, errors) = run.invoke(ACTION, &hasty).await;
        // Otherwise the time was over before it was sent.
        if run.orders() > 0 {
            break errors;
        }
        assert!(!errors.is_empty(), "nothing was sent, and that is fine");
    };
    assert_eq!(errors, ["Restore was not completed in time"]);
    run.emulator.set_pace(|pace| *pace = Pace::of_backups(0.3));
    let (_, errors) = run.invoke(ACTION, &wish).await;
    assert_eq!(errors, ["Restore was not begun: the target cannot take it"], "it is still being restored");
    assert_eq!((run.orders(), run.emulator.totals().restored), (1, 1));
}

#[tokio::test]
async fn every_service_tells_its_restore_times() {
    let run = Run::start(0.3).await;
    // 2026-01-31T00:00:00Z
    let midnight = 1_769_817_600_000_i64;
    let hour = 3_600_000;
    for service in RESTORING {
        let instance = run.emulator.instance(service);
        run.emulator.set_restore_times(
            &instance,
            &[(midnight - 2 * hour, midnight + 2 * hour), (midnight + 5 * hour, midnight + 30 * hour)],
        );
        let asked = |more: Value| over(&json!({ "service": service, "instance_id": instance }), &more);
        let (found, said) = run.restore_times(&asked(json!({ "start_date": "2026-01-31" }))).await;
        assert_eq!(said, [], "{service}");
        assert_eq!(
            found["windows"],
            json!([
                { "start": "2026-01-31T00:00:00Z", "end": "2026-01-31T02:00:00Z" },
                { "start": "2026-01-31T05:00:00Z", "end": "2026-01-31T23:59:59Z" },
            ]),
            "{service}"
        );
        let range =
            json!({ "start_date": "2026-01-30", "end_date": "2026-02-02", "time": "2026-01-31T03:00:00+01:00" });
        let (found, _) = run.restore_times(&asked(range)).await;
        assert_eq!(
            found["windows"],
            json!([
                { "start": "2026-01-30T22:00:00Z", "end": "2026-01-31T02:00:00Z" },
                { "start": "2026-01-31T05:00:00Z", "end": "2026-02-01T06:00:00Z" },
            ]),
            "{service}: what midnight cuts is one window"
        );
        assert_eq!((&found["latest"], &found["covers"]), (&json!("2026-02-01T06:00:00Z"), &json!(true)), "{service}");
        assert_eq!(found["latest_milliseconds"], json!(midnight + 30 * hour), "{service}");
        assert_eq!(found["time_milliseconds"], json!(midnight + 2 * hour), "{service}");
        for (time, covers) in
            [("2026-01-31T02:00:01Z", false), ("2026-02-01T06:00:00Z", true), ("2025-01-01T00:00:00Z", false)]
        {
            let (found, _) = run.restore_times(&asked(json!({ "time": time }))).await;
            assert_eq!(found["covers"], json!(covers), "{service}: {time}");
        }
        // One that is shorter than a second, as geminidb's are: whatever is told can be restored to.
        run.emulator.set_restore_times(&instance, &[(midnight + 1_500, midnight + 1_500)]);
        let (found, _) = run.restore_times(&asked(json!({ "start_date": "2026-01-31" }))).await;
        let moment = "2026-01-31T00:00:01.5Z";
        assert_eq!(found["windows"], json!([{ "start": moment, "end": moment }]), "{service}");
        assert_eq!((&found["latest"], &found["latest_milliseconds"]), (&json!(moment), &json!(midnight + 1_500)));
        let (found, _) = run.restore_times(&asked(json!({ "time": moment }))).await;
        assert_eq!(found["covers"], json!(true), "{service}");
        let (found, _) = run.restore_times(&asked(json!({ "start_date": "2025-01-01" }))).await;
        assert_eq!((&found["windows"], &found["latest"], &found["covers"]), (&json!([]), &Value::Null, &Value::Null));
        run.emulator.fault(Fault::refusal(404, "APIGW.0101").on(service).operation("restore_times"));
        let (_, said) = run.restore_times(&asked(json!({ "start_date": "2025-01-01" }))).await;
        assert_eq!(summaries(&said), ["Restore times were not read"], "{service}");
        assert!(said[0].detail.contains("does not offer"), "{}", said[0].detail);
    }
}
