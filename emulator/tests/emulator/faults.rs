//! Faults as a client meets them.

use std::time::{Duration, Instant};

use huaweidb_emulator::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::support::Client;

fn create(client: &Client, name: &str) -> std::io::Result<crate::support::Reply> {
    let instance = client.emulator.instance("dds");
    let body = json!({"backup": {"instance_id": instance, "name": name}});
    client.try_call("dds", "POST", "/v3/{p}/backups", Some(&body))
}

#[test]
fn a_connection_can_close_before_or_after() {
    let client = Client::start(60.0);
    client.emulator.fault(Fault::new(FaultKind::CloseBefore).on("dds").method("POST"));
    assert!(create(&client, "first").is_err());
    assert_eq!(client.emulator.backups(), []);
    client.emulator.fault(Fault::new(FaultKind::CloseAfter).on("dds").method("POST"));
    assert!(create(&client, "first").is_err());
    assert_eq!(client.emulator.backups().len(), 1);
    let journal = client.emulator.journal();
    let seen: Vec<_> = journal.iter().map(|call| (call.fault.as_deref(), call.status)).collect();
    assert_eq!(seen, [(Some("close_before"), None), (Some("close_after"), None)]);
}

#[test]
fn answers_can_be_spoiled() {
    let client = Client::start(60.0);
    let spoiled = |kind| {
        client.emulator.fault(Fault::new(kind).on("dds"));
        client.try_call("dds", "GET", "/v3/{p}/backups", None)
    };
    assert!(serde_json::from_slice::<Value>(&spoiled(FaultKind::Garbage).unwrap().body).is_err());
    let html = spoiled(FaultKind::Html).unwrap();
    assert_eq!((html.status, html.headers["content-type"].as_str()), (502, "text/html"));
    assert_eq!(spoiled(FaultKind::Truncate).unwrap_err().to_string(), "the answer broke off");
    let empty = spoiled(FaultKind::Empty).unwrap();
    assert_eq!((empty.status, empty.body.len()), (200, 0));
    assert!(spoiled(FaultKind::WrongType).unwrap().json()["backups"].is_string());
    let redirect = spoiled(FaultKind::Redirect).unwrap();
    assert_eq!((redirect.status, redirect.headers["location"].starts_with("http://127.0.0.1")), (302, true));
    assert_eq!(spoiled(FaultKind::ContentType).unwrap().headers["content-type"], "text/plain");
    client.emulator.fault(Fault { bytes: Some(100_000), ..Fault::new(FaultKind::Oversized) });
    assert!(client.get("dds", "/v3/{p}/backups").body.len() > 100_000);
    client.emulator.fault(Fault::refusal(403, "DBS.200019").header("Retry-After", "3"));
    let refusal = client.get("dds", "/v3/{p}/backups");
    assert_eq!((refusal.code().as_str(), refusal.headers["retry-after"].as_str()), ("DBS.200019", "3"));
    assert_eq!(client.get("dds", "/v3/{p}/backups").status, 200, "spent");
    assert_eq!(client.emulator.faults(), []);
}

#[test]
fn answers_can_be_late_or_slow() {
    let client = Client::start(60.0);
    for kind in [FaultKind::Delay, FaultKind::SlowBody] {
        client.emulator.fault(Fault { ms: Some(if kind == FaultKind::Delay { 150 } else { 20 }), ..Fault::new(kind) });
        let begun = Instant::now();
        assert_eq!(client.get("dds", "/v3/{p}/backups").json()["total_count"], 0);
        assert!(begun.elapsed() >= Duration::from_millis(150), "{kind:?}");
    }
    client.emulator.set_pace(|pace| pace.latency_ms = 60);
    let begun = Instant::now();
    client.get("dds", "/v3/{p}/backups");
    assert!(begun.elapsed() >= Duration::from_millis(60));
}

#[test]
fn a_late_answer_is_applied_at_once() {
    let client = Client::start(60.0);
    client.emulator.fault(Fault::delay(2_000));
    std::thread::scope(|scope| {
        let answered = scope.spawn(|| create(&client, "late-one").unwrap());
        while client.emulator.backups().is_empty() {
            assert!(!answered.is_finished(), "not applied before the answer");
            std::thread::park_timeout(Duration::from_millis(2));
        }
    });
}

#[test]
fn a_backup_can_be_doomed() {
    let client = Client::start(0.05);
    for service in ["dds", "geminidb", "taurusdb", "rds", "gaussdb"] {
        client.emulator.fault(Fault::new(FaultKind::FailBackup).on(service));
        client.get(service, "/v3/{p}/instances");
        let (id, _) = client.create(service, &client.emulator.instance(service), "doomed").unwrap();
        client.await_status(&id, Some("FAILED"));
        assert_eq!(client.emulator.backup(&id).unwrap().size_bytes, 0);
    }
}

#[test]
fn identity_calls_fail_too() {
    let client = Client::start(60.0);
    client.emulator.fault(Fault::status(503).on("iam").operation("token"));
    let reply = client.call("iam", "POST", "/v3/auth/tokens", Some(&json!({})));
    assert_eq!((reply.status, reply.body.len()), (503, 0));
    assert!(reply.headers.contains_key("x-iam-trace-id"));
}
