//! Restores: what they overwrite, whom they refuse, and the times to which an instance can be brought back.

use huaweidb_emulator::{Fault, FaultKind, NewBackups};
use serde_json::{Value, json};

use crate::support::{Client, Reply};

const RESTORING: [&str; 5] = ["dds", "geminidb", "taurusdb", "rds", "gaussdb"];

fn restore(client: &Client, service: &str, source: &str, backup: &str, target: &str) -> Reply {
    let source = json!({"instance_id": source, "type": "backup", "backup_id": backup});
    let (path, body) = match service {
        "geminidb" => (format!("/v3/{{p}}/instances/{target}/recovery"), json!({"backup_id": backup})),
        "taurusdb" => {
            let mut body = source;
            body["source_instance_id"] = body["instance_id"].take();
            body["target_instance_id"] = json!(target);
            ("/v3/{p}/instances/restore".to_owned(), body)
        }
        _ => ("/v3/{p}/instances/recovery".to_owned(), json!({"source": source, "target": {"instance_id": target}})),
    };
    client.call(service, "POST", &path, Some(&body))
}

fn contents(client: &Client, id: &str) -> (String, String) {
    let row = client.emulator.instances().into_iter().find(|row| row.id == id).unwrap();
    (row.status, row.contents)
}

fn new_instance(client: &Client, wanted: &Value) -> String {
    client.control("POST", "/instances", Some(wanted)).json()["id"].as_str().unwrap().to_owned()
}

fn completed(client: &Client, instance: &str) -> String {
    client.emulator.add_backups(&NewBackups::of(instance)).remove(0).id
}

#[test]
fn a_restore_replaces_what_the_target_holds() {
    let client = Client::start(0.3);
    for service in RESTORING {
        let source = client.emulator.instance(service);
        let engine = client.emulator.instances().into_iter().find(|row| row.id == source).unwrap().engine;
        let target = new_instance(&client, &json!({"service": service, "name": "scratch", "engine": engine}));
        let backup = completed(&client, &source);
        let reply = restore(&client, service, &source, &backup, &target);
        let expected = if ["geminidb", "rds"].contains(&service) { 202 } else { 200 };
        assert_eq!(reply.status, expected, "{service}: {}", String::from_utf8_lossy(&reply.body));
        assert!(!reply.json()["job_id"].as_str().unwrap().is_empty(), "{service}");
        assert_eq!(contents(&client, &target), ("RESTORING".to_owned(), "own".to_owned()), "{service}");
        let busy = restore(&client, service, &source, &backup, &target);
        assert_eq!(busy.code(), "DBS.200019", "{service}: a busy target");
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while contents(&client, &target).0 != "IDLE" {
            assert!(std::time::Instant::now() < patience, "{service}");
            std::thread::park_timeout(std::time::Duration::from_millis(5));
        }
        assert_eq!(contents(&client, &target).1, backup, "{service}");
    }
}

#[test]
fn what_cannot_be_restored_is_refused_and_changes_nothing() {
    let client = Client::start(60.0);
    for service in RESTORING {
        let source = client.emulator.instance(service);
        let engine = client.emulator.instances().into_iter().find(|row| row.id == source).unwrap().engine;
        let small = json!({"service": service, "name": "small", "engine": engine, "size_gb": 10});
        let small = new_instance(&client, &small);
        let target = new_instance(&client, &json!({"service": service, "name": "scratch", "engine": engine}));
        let backup = completed(&client, &source);
        let (running, _) = client.create(service, &source, "running").unwrap();
        let unknown = "0".repeat(32) + "br02";
        for (why, backup, target) in [
            ("too small", &backup, &small),
            ("still running", &running, &target),
            ("no such backup", &unknown, &target),
            ("no such target", &backup, &("0".repeat(32) + "in02")),
            ("the source is being backed up", &backup, &source),
        ] {
            let reply = restore(&client, service, &source, backup, target);
            assert!(reply.status >= 400, "{service}: {why}");
        }
        assert_eq!(contents(&client, &target), ("IDLE".to_owned(), "own".to_owned()), "{service}");
    }
    let source = client.emulator.instance("rds");
    let instances = client.emulator.instances();
    let engine = &instances.iter().find(|row| row.id == source).unwrap().engine;
    let other = instances.iter().find(|row| row.service == "rds" && row.engine != *engine).unwrap();
    let backup = completed(&client, &source);
    assert_eq!(restore(&client, "rds", &source, &backup, &other.id).code(), "DBS.280001", "another engine");
}

#[test]
fn a_doomed_restore_leaves_a_damaged_target() {
    let client = Client::start(0.05);
    let source = client.emulator.instance("dds");
    let backup = completed(&client, &source);
    client.emulator.fault(Fault::new(FaultKind::FailBackup).operation("restore"));
    let job = restore(&client, "dds", &source, &backup, &source).json()["job_id"].as_str().unwrap().to_owned();
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let ended = loop {
        let job = client.get("dds", &format!("/v3/{{p}}/jobs?id={job}")).json()["job"].clone();
        if job["status"] != "Running" {
            break job;
        }
        assert!(std::time::Instant::now() < patience);
    };
    assert_eq!(ended["status"], "Failed");
    assert_eq!(contents(&client, &source).1, "damaged");
}

#[test]
fn the_times_of_each_service() {
    let client = Client::start(60.0);
    let spans = json!({"restore_times": [["2026-11-20T22:00:00Z", "2026-11-21T02:00:00Z"], ["2026-11-21T05:00:00Z", "2026-11-22T00:00:00Z"]]});
    // 2026-11-21T00:00:00Z
    let day: i64 = 1_795_219_200_000;
    for (service, path, key) in [
        ("dds", "restore-time?date=2026-11-21".to_owned(), "restore_time"),
        ("rds", "restore-time?date=2026-11-21".to_owned(), "restore_time"),
        ("gaussdb", "restore-time?date=2026-11-21".to_owned(), "restore_time"),
        ("taurusdb", "restore-time?date=2026-11-21".to_owned(), "restore_times"),
        ("taurusdb", format!("restore-time?start_time={day}&end_time={}", day + 86_399_999), "restore_times"),
        (
            "geminidb",
            format!("backups/restorable-time-periods?start_time={day}&end_time={}", day + 86_399_999),
            "restorable_time_periods",
        ),
    ] {
        let instance = client.emulator.instance(service);
        let reply = client.control("PATCH", &format!("/instances/{instance}"), Some(&spans));
        assert_eq!(reply.status, 200);
        let path = format!("/v3/{{p}}/instances/{instance}/{path}");
        let expected = json!([
            {"start_time": day, "end_time": day + 2 * 3_600_000},
            {"start_time": day + 5 * 3_600_000, "end_time": day + 86_399_999},
        ]);
        assert_eq!(client.get(service, &path).json()[key], expected, "{path}");
    }
    let instance = client.emulator.instance("dds");
    assert_eq!(client.get("dds", &format!("/v3/{{p}}/instances/{instance}/restore-time")).status, 400);
}

#[test]
fn restorable_instances_have_the_engine_and_the_room() {
    let client = Client::start(60.0);
    for (service, key) in [("geminidb", "restorable_instances"), ("gaussdb", "instances")] {
        let source = client.emulator.instance(service);
        let engine = client.emulator.instances().into_iter().find(|row| row.id == source).unwrap().engine;
        let wanted = json!({"service": service, "name": "small", "engine": engine, "size_gb": 10});
        let small = new_instance(&client, &wanted);
        let backup = completed(&client, &source);
        let path = match service {
            "geminidb" => format!("/v3/{{p}}/backups/{backup}/restorable-instances"),
            _ => format!("/v3/{{p}}/restorable-instances?source_instance_id={source}&backup_id={backup}"),
        };
        let body = client.get(service, &path).json();
        let ids: Vec<&str> =
            body[key].as_array().unwrap().iter().filter_map(|row| row["instance_id"].as_str()).collect();
        assert!(ids.contains(&source.as_str()) && !ids.contains(&small.as_str()), "{body}");
        assert_eq!(body["total_count"], ids.len(), "{service}");
    }
}
