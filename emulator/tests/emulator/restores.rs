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
        "rds" => {
            ("/v3.1/{p}/instances/recovery".to_owned(), json!({"source": source, "target": {"instance_id": target}}))
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

/// An instance that can be restored: with `geminidb`, those of one engine alone can.
fn source_of(client: &Client, service: &str) -> String {
    match service {
        "geminidb" => new_instance(client, &json!({"service": service, "name": "nosql-mongo", "engine": "mongodb"})),
        _ => client.emulator.instance(service),
    }
}

fn completed(client: &Client, instance: &str) -> String {
    client.emulator.add_backups(&NewBackups::of(instance)).remove(0).id
}

#[test]
fn a_restore_replaces_what_the_target_holds() {
    let client = Client::start(0.3);
    for service in RESTORING {
        let source = source_of(&client, service);
        let engine = client.emulator.instances().into_iter().find(|row| row.id == source).unwrap().engine;
        // One that is being restored as long as this runs, and one whose restore ends.
        let [target, ending] = ["scratch", "ending"]
            .map(|name| new_instance(&client, &json!({"service": service, "name": name, "engine": engine})));
        let backup = completed(&client, &source);
        client.emulator.set_pace(|pace| pace.backup_seconds = 600.0);
        let reply = restore(&client, service, &source, &backup, &target);
        let expected = if ["geminidb", "rds"].contains(&service) { 202 } else { 200 };
        assert_eq!(reply.status, expected, "{service}: {}", String::from_utf8_lossy(&reply.body));
        assert!(!reply.json()["job_id"].as_str().unwrap().is_empty(), "{service}");
        assert_eq!(contents(&client, &target), ("RESTORING".to_owned(), "own".to_owned()), "{service}");
        let busy = restore(&client, service, &source, &backup, &target);
        assert_eq!(busy.code(), "DBS.200019", "{service}: a busy target");
        client.emulator.set_pace(|pace| pace.backup_seconds = 0.1);
        assert_eq!(restore(&client, service, &source, &backup, &ending).status, expected, "{service}");
        let patience = std::time::Instant::now() + std::time::Duration::from_mins(2);
        while contents(&client, &ending).0 != "IDLE" {
            assert!(std::time::Instant::now() < patience, "{service}");
            std::thread::park_timeout(std::time::Duration::from_millis(5));
        }
        assert_eq!(contents(&client, &ending).1, backup, "{service}");
    }
}

#[test]
fn what_cannot_be_restored_is_refused_and_changes_nothing() {
    let client = Client::start(60.0);
    for service in RESTORING {
        let source = source_of(&client, service);
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
    let patience = std::time::Instant::now() + std::time::Duration::from_mins(2);
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
            "backups/restorable-time-periods?start_time=2026-11-21T08:00:00%2B0800&end_time=2026-11-21T23:59:59%2B0000"
                .to_owned(),
            "restorable_time_periods",
        ),
    ] {
        let instance = client.emulator.instance(service);
        let reply = client.control("PATCH", &format!("/instances/{instance}"), Some(&spans));
        assert_eq!(reply.status, 200);
        let path = format!("/v3/{{p}}/instances/{instance}/{path}");
        let end = if service == "geminidb" { day + 86_399_000 } else { day + 86_399_999 };
        let expected = json!([
            {"start_time": day, "end_time": day + 2 * 3_600_000},
            {"start_time": day + 5 * 3_600_000, "end_time": end},
        ]);
        assert_eq!(client.get(service, &path).json()[key], expected, "{path}");
    }
    let instance = client.emulator.instance("dds");
    assert_eq!(client.get("dds", &format!("/v3/{{p}}/instances/{instance}/restore-time")).status, 400);
}

#[test]
fn geminidb_tells_moments_of_some_engines_and_takes_no_milliseconds() {
    let client = Client::start(60.0);
    let instance = client.emulator.instance("geminidb");
    let periods = |instance: &str, query: &str| {
        client.get("geminidb", &format!("/v3/{{p}}/instances/{instance}/backups/restorable-time-periods{query}"))
    };
    for hours in ["2026-11-21T01:00:00Z", "2026-11-21T02:00:00Z"] {
        client.emulator.add_backups(&NewBackups { begin_time: Some(hours.to_owned()), ..NewBackups::of(&instance) });
    }
    let told = periods(&instance, "?start_time=2026-11-21T00:00:00%2B0000&end_time=2026-11-22T00:00:00%2B0000").json();
    let rows = told["restorable_time_periods"].as_array().unwrap();
    assert_eq!((rows.len(), &told["total_count"]), (2, &json!(2)), "{told}");
    assert!(rows.iter().all(|row| row["start_time"] == row["end_time"]), "{told}");
    assert_eq!(periods(&instance, "?start_time=1795219200000&end_time=1795305599999").status, 400);
    assert_eq!(periods(&instance, "").json()["total_count"], 0, "nothing since yesterday");
    assert_eq!(periods(&source_of(&client, "geminidb"), "").status, 400, "another engine");
}

#[test]
fn what_the_vendor_restores_of_each_engine_only() {
    let client = Client::start(60.0);
    let instance = |service: &str, name: &str, engine: &str| {
        new_instance(&client, &json!({"service": service, "name": name, "engine": engine}))
    };
    let cassandra = client.emulator.instance("geminidb");
    let backup = completed(&client, &cassandra);
    let target = instance("geminidb", "scratch", "cassandra");
    assert_eq!(restore(&client, "geminidb", &cassandra, &backup, &target).status, 400);
    assert_eq!(client.get("geminidb", &format!("/v3/{{p}}/backups/{backup}/restorable-instances")).status, 400);
    for (engine, older, newer, all) in
        [("PostgreSQL", 400, 202, 202), ("SQLServer", 202, 400, 202), ("MySQL", 202, 202, 202)]
    {
        for (version, chosen, expected) in [("v3", false, older), ("v3.1", false, newer), ("v3.1", true, all)] {
            let source = instance("rds", "source", engine);
            let backup = completed(&client, &source);
            let target = instance("rds", "target", engine);
            let mut from = json!({"instance_id": source, "type": "backup", "backup_id": backup});
            if chosen {
                from["restore_all_database"] = json!(true);
            }
            let body = json!({"source": from, "target": {"instance_id": target}});
            let reply = client.call("rds", "POST", &format!("/{version}/{{p}}/instances/recovery"), Some(&body));
            assert_eq!(reply.status, expected, "{engine} {version} {chosen}");
        }
    }
}

#[test]
fn gaussdb_numbers_the_version_as_the_asked_call_does() {
    let client = Client::start(60.0);
    let source = client.emulator.instance("gaussdb");
    let backup = completed(&client, &source);
    let told = |query: &str| client.get("gaussdb", query);
    let version = |reply: &Reply| reply.json()["instances"][0]["version"].clone();
    let older = told(&format!("/v3/{{p}}/restorable-instances?backup_id={backup}"));
    assert!(version(&older).is_f64(), "{}", version(&older));
    let newer = told(&format!("/v3.1/{{p}}/restorable-instances?source_instance_id={source}&backup_id={backup}"));
    assert!(version(&newer).is_string(), "{}", version(&newer));
    assert_eq!(told("/v3/{p}/restorable-instances?restore_time=1795219200000").status, 400, "of which instance?");
    assert_eq!(told(&format!("/v3/{{p}}/restorable-instances?source_instance_id={source}")).status, 400, "as of when?");
}

#[test]
fn restorable_instances_have_the_engine_and_the_room() {
    let client = Client::start(60.0);
    for (service, key) in [("geminidb", "restorable_instances"), ("gaussdb", "instances")] {
        let source = source_of(&client, service);
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
