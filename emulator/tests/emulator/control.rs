//! The control port, the in-process interface and the program.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use huaweidb_emulator::{Emulator, Options};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::started::program;
use crate::support::{Client, send};

#[test]
fn instances_and_backups_are_seeded_changed_and_removed() {
    let client = Client::start(60.0);
    let made = client.control("POST", "/instances", Some(&json!({"service": "dds", "name": "seeded"}))).json();
    let id = made["id"].as_str().unwrap();
    assert!(id.ends_with("in02"));
    let own = client.control("POST", "/instances", Some(&json!({"service": "rds", "name": "own", "id": "my-id"})));
    assert_eq!(own.json()["id"], "my-id");
    let again = client.control("POST", "/instances", Some(&json!({"service": "rds", "name": "own", "id": "my-id"})));
    assert_eq!(again.status, 400);

    let wanted = json!({
        "service": "dds", "instance_id": id, "count": 3, "name_prefix": "nightly-", "status": "FAILED", "type": "auto",
    });
    let rows = client.control("POST", "/backups", Some(&wanted)).json()["backups"].clone();
    assert_eq!(rows.as_array().unwrap().len(), 3);
    let backup = rows[0]["id"].as_str().unwrap();
    assert_eq!((&rows[0]["name"], &rows[0]["status"]), (&json!("nightly-0001"), &json!("FAILED")));
    let path = format!("/backups/{backup}");
    let changed = client.control("PATCH", &path, Some(&json!({"status": "COMPLETED"}))).json();
    assert_eq!((&changed["status"], changed["size_bytes"].as_u64().unwrap() > 0), (&json!("COMPLETED"), true));
    assert_eq!(client.control("DELETE", &path, None).status, 200);
    assert_eq!(client.control("DELETE", &path, None).status, 404);
    assert_eq!(client.control("PATCH", &path, Some(&json!({"status": "FAILED"}))).status, 404);

    let ledger = client.control("GET", "/ledger", None).json();
    assert_eq!(ledger["backups"].as_array().unwrap().len(), 2);
    assert!(ledger["instances"].as_array().unwrap().iter().any(|instance| instance["id"] == id));
    let busy = client.control("PATCH", &format!("/instances/{id}"), Some(&json!({"busy_seconds": 60}))).json();
    assert_eq!(busy["status"], "BUSY");
    assert_eq!(client.control("DELETE", &format!("/instances/{id}"), None).status, 200);
    let ledger = client.control("GET", "/ledger", None).json();
    assert_eq!(ledger["backups"].as_array().unwrap().len(), 2, "backups outlive their instance");
}

#[test]
fn mistakes_are_told() {
    let client = Client::start(60.0);
    for (method, path, body, status) in [
        ("POST", "/instances", json!({"service": "oracle", "name": "x"}), 400),
        ("POST", "/instances", json!({"service": "dds", "name": "x", "engine": "MySQL"}), 400),
        ("POST", "/instances", json!({"service": "dds", "nmae": "x"}), 400),
        ("POST", "/backups", json!({"instance_id": "nowhere"}), 400),
        ("POST", "/faults", json!({"kind": "earthquake"}), 400),
        ("PUT", "/pace", json!({"backup_minutes": 1}), 400),
        ("PUT", "/pace", json!({"backup_seconds": -1}), 400),
        ("PUT", "/pace", json!({"hidden_seconds": [[0, 1e300]]}), 400),
        ("POST", "/backups", json!({"count": 1_000_000_000_000_u64}), 400),
        ("POST", "/faults", json!({"kind": "oversized", "bytes": 10_000_000_000_000_u64}), 400),
        ("PUT", "/modes", json!({"otc": "yes"}), 400),
        ("GET", "/nothing", json!({}), 404),
    ] {
        let reply = client.control(method, path, Some(&body));
        assert_eq!(reply.status, status, "{method} {path}");
        assert!(reply.json()["error"].is_string());
    }
}

#[test]
fn the_journal_tells_what_was_called_and_no_secrets() {
    let client = Client::start(60.0);
    client.get("dds", "/v3/{p}/backups?limit=5");
    let calls = client.control("GET", "/journal", None).json()["calls"].clone();
    let call = calls[0].as_object().unwrap();
    for key in ["at", "service", "method", "path", "query", "status", "auth"] {
        assert!(call.contains_key(key), "{key}");
    }
    let expected = json!(["dds", "GET", "limit=5", 200, "token", "list"]);
    let got = json!([call["service"], call["method"], call["query"], call["status"], call["auth"], call["operation"]]);
    assert_eq!(got, expected);
    client.control("DELETE", "/journal", None);
    assert_eq!(client.control("GET", "/journal", None).json()["calls"], json!([]));
}

#[test]
fn faults_pace_and_modes_are_set_over_http() {
    let client = Client::start(60.0);
    let fault = json!({
        "service": "dds", "method": "GET", "path_contains": "/backups", "times": 2, "kind": "status", "status": 429,
        "body": {"error_code": "APIGW.0308", "error_msg": "slow down"}, "headers": {"Retry-After": "1"},
    });
    assert_eq!(client.control("POST", "/faults", Some(&fault)).status, 200);
    let reply = client.get("dds", "/v3/{p}/backups");
    assert_eq!((reply.status, reply.code().as_str(), reply.headers["retry-after"].as_str()), (429, "APIGW.0308", "1"));
    let left = client.control("GET", "/faults", None).json();
    assert_eq!(left["faults"][0]["times"], 1);
    client.control("DELETE", "/faults", None);
    assert_eq!(client.get("dds", "/v3/{p}/backups").status, 200);
    for kind in [
        "close_before",
        "close_after",
        "garbage",
        "truncate",
        "html",
        "fail_backup",
        "slow_body",
        "redirect",
        "empty",
        "wrong_type",
    ] {
        assert_eq!(client.control("POST", "/faults", Some(&json!({"kind": kind, "times": 1}))).status, 200, "{kind}");
    }
    client.control("DELETE", "/faults", None);
    assert_eq!(client.control("POST", "/faults", Some(&json!([{"kind": "delay", "ms": 1, "times": 1}]))).status, 200);

    let pace = client.control("PUT", "/pace", Some(&json!({"backup_seconds": 0.25}))).json();
    assert_eq!((&pace["backup_seconds"], &pace["latency_ms"]), (&json!(0.25), &json!(0)));
    let modes = json!({"throttle": {"calls": 60}, "metadata": "token_required", "open_end": "null"});
    let modes = client.control("PUT", "/modes", Some(&modes)).json();
    assert_eq!(modes["throttle"], json!({"calls": 60, "per_seconds": 60.0, "retry_after": "none"}));
    let modes = client.control("PUT", "/modes", Some(&json!({"throttle": null}))).json();
    assert_eq!((&modes["throttle"], &modes["metadata"]), (&Value::Null, &json!("token_required")));
    assert!(client.control("POST", "/tokens", None).json()["token"].as_str().unwrap().len() > 1000);
    let account = client.control("GET", "/account", None).json();
    assert_eq!(account["password"], client.emulator.password());
}

#[test]
fn ten_thousand_backups_are_no_burden() {
    let client = Client::start(60.0);
    let instance = client.emulator.instance("dds");
    let wanted = json!({"service": "dds", "instance_id": instance, "count": 10_000, "name_prefix": "many-", "status": "COMPLETED"});
    let rows = client.control("POST", "/backups", Some(&wanted)).json();
    assert_eq!(rows["backups"].as_array().unwrap().len(), 10_000);
    let mut seen = std::collections::BTreeSet::new();
    for page in 0..100 {
        let reply = client.get("dds", &format!("/v3/{{p}}/backups?limit=100&offset={}", page * 100)).json();
        for row in reply["backups"].as_array().unwrap() {
            seen.insert(row["id"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(seen.len(), 10_000);
}

#[test]
fn an_emulator_stops_when_it_is_dropped() {
    let emulator = Emulator::start_now(&Options::default()).unwrap();
    let url = emulator.endpoint("control") + "/ready";
    assert_eq!(send("GET", &url, &[], None).unwrap().json(), emulator.ready());
    drop(emulator);
    let patience = Instant::now() + Duration::from_mins(1);
    while send("GET", &url, &[], None).is_ok() {
        assert!(Instant::now() < patience, "it still answers");
    }
}

#[tokio::test]
async fn it_starts_and_drops_inside_a_runtime() {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    // Its threads are its own: a blocking client on a single-threaded runtime gets its answer.
    assert_eq!(send("GET", &(emulator.endpoint("control") + "/pace"), &[], None).unwrap().status, 200);
}

#[test]
fn only_loopback_is_served() {
    let options = Options { host: "0.0.0.0".parse().unwrap(), ..Options::default() };
    assert!(Emulator::start_now(&options).unwrap_err().to_string().contains("not a loopback address"));
    let program = program(env!("CARGO_BIN_EXE_huaweidb-emulator"), &std::env::temp_dir())
        .args(["--host", "0.0.0.0"])
        .output()
        .unwrap();
    assert_eq!((program.status.code(), program.stdout.len()), (Some(1), 0));
}

#[test]
fn the_program_prints_one_line_and_ends_on_a_signal() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut program = program(env!("CARGO_BIN_EXE_huaweidb-emulator"), &std::env::temp_dir())
            .args(["--backup-seconds", "0.1", "--latency-ms", "1"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(program.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let keys: Vec<&str> = ready.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = ["access_key", "control", "endpoints", "instances", "project_id", "region", "secret_key"];
        assert_eq!(keys, expected);
        for door in ["iam", "dds", "geminidb", "taurusdb", "rds", "gaussdb", "ddm"] {
            assert!(ready["endpoints"][door].as_str().unwrap().starts_with("http://127.0.0.1:"), "{door}");
        }
        assert!(ready["instances"]["dds"][0]["id"].is_string() && ready["instances"]["ddm"][0]["name"].is_string());
        let pace = send("GET", &format!("{}/pace", ready["control"].as_str().unwrap()), &[], None).unwrap();
        assert_eq!(pace.json()["latency_ms"], 1);
        kill(Pid::from_raw(program.id().try_into().unwrap()), signal).unwrap();
        assert_eq!(program.wait().unwrap().code(), Some(0));
        let mut rest = String::new();
        output.read_line(&mut rest).unwrap();
        assert_eq!(rest, "");
    }
}
