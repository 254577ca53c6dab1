//! Networks and clouds at their worst: lists that lag and flicker, clocks that are off, requests that arrive late,
//! answers about somebody else's backup, deletions that are not done, keys of other projects.

use std::io;
use std::time::{Duration, Instant};

use huaweidb_emulator::{
    About, CODES, Description, Fault, FaultKind, ForeignProject, GoneInstance, JobEnd, NewBackups, NewInstance, codes,
};
use serde_json::{Value, json};

use crate::support::{Client, Reply, send, signed};

/// The services that make backups.
const MAKERS: [&str; 5] = ["dds", "geminidb", "taurusdb", "rds", "gaussdb"];

fn list_path(service: &str, instance: &str) -> String {
    match service {
        "geminidb" => "/v4/{p}/backups".to_owned(),
        "rds" => format!("/v3/{{p}}/backups?instance_id={instance}"),
        _ => "/v3/{p}/backups".to_owned(),
    }
}

/// The ids that the list of an instance shows.
fn listed(client: &Client, service: &str, instance: &str) -> Vec<String> {
    let body = client.get(service, &list_path(service, instance)).json();
    let rows = body["backups"].as_array().unwrap().iter();
    rows.filter(|row| row["instance_id"] == instance).map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

fn delete(client: &Client, service: &str, id: &str) -> Reply {
    client.call(service, "DELETE", &format!("/v3/{{p}}/backups/{id}"), None)
}

fn job(client: &Client, service: &str, id: &str) -> Value {
    client.get(service, &format!("/v3/{{p}}/jobs?id={id}")).json()["job"]["status"].clone()
}

#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_mins(2);
    while !holds() {
        assert!(Instant::now() < patience, "never: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn lists_lag_per_service() {
    let client = Client::start(0.0);
    client.emulator.set_pace_of("dds", |pace| pace.list_delay_seconds = 600.0);
    for service in MAKERS {
        let instance = client.emulator.instance(service);
        let (id, _) = client.create(service, &instance, "lagging").unwrap();
        let expected = if service == "dds" { vec![] } else { vec![id.clone()] };
        assert_eq!(listed(&client, service, &instance), expected, "{service}");
        assert!(client.emulator.backup(&id).is_some(), "{service}: it is there all the same");
    }
    let own = client.control("GET", "/pace/dds", None).json();
    assert_eq!((&own["list_delay_seconds"], &own["backup_seconds"]), (&json!(600.0), &json!(0.0)));
    assert_eq!(client.control("GET", "/pace/rds", None).json()["list_delay_seconds"], 0.0);
    assert_eq!(client.control("DELETE", "/pace/dds", None).json()["list_delay_seconds"], 0.0);
    assert_eq!(client.control("PUT", "/pace/oracle", Some(&json!({}))).status, 404);
}

#[test]
fn lists_go_on_showing_what_has_gone() {
    let client = Client::start(0.0);
    client.emulator.set_pace(|pace| pace.unlist_delay_seconds = 600.0);
    for service in MAKERS {
        let instance = client.emulator.instance(service);
        let (deleted, _) = client.create(service, &instance, "deleted").unwrap();
        let (vanished, _) = client.create(service, &instance, "vanished").unwrap();
        assert!(delete(&client, service, &deleted).status < 300);
        assert!(client.emulator.vanish(&vanished));
        assert_eq!((client.emulator.backup(&deleted), client.emulator.backup(&vanished)), (None, None), "{service}");
        assert_eq!(listed(&client, service, &instance).len(), 2, "{service}");
        assert!(delete(&client, service, &deleted).status >= 400, "{service}: a second time");
        assert!(client.create(service, &instance, "deleted").is_ok(), "{service}: the name is free");
    }
}

#[test]
fn lists_show_hide_and_show_again() {
    let client = Client::start(0.0);
    for service in MAKERS {
        let instance = client.emulator.instance(service);
        // One for each state, so that none has to be seen before it has passed.
        let made = |name: &str, span: (f64, f64)| {
            client.emulator.set_pace_of(service, |pace| pace.hidden_seconds = vec![span]);
            client.create(service, &instance, name).unwrap().0
        };
        let shows = |id: &String| listed(&client, service, &instance).contains(id);
        let later = made("hidden-later", (600.0, 1200.0));
        assert!(shows(&later), "{service}");
        let soon = made("hidden-soon", (0.2, 600.0));
        eventually("it is hidden", || !shows(&soon));
        let id = made("shown-again", (0.0, 0.2));
        eventually("it is shown again", || shows(&id));
        let hide = json!({"hidden_seconds": 600});
        assert_eq!(client.control("PATCH", &format!("/backups/{id}"), Some(&hide)).status, 200);
        assert!(!shows(&id) && client.emulator.backup(&id).is_some(), "{service}");
    }
    assert!(!client.emulator.hide("nothing", 1.0));
}

#[test]
fn one_list_is_empty() {
    let client = Client::start(60.0);
    for service in MAKERS {
        let instance = client.emulator.instance(service);
        let (id, _) = client.create(service, &instance, "there").unwrap();
        client.emulator.fault(Fault::new(FaultKind::EmptyList).on(service).operation("list"));
        let body = client.get(service, &list_path(service, &instance)).json();
        assert_eq!((&body["backups"], &body["total_count"]), (&json!([]), &json!(0)), "{service}");
        assert_eq!(listed(&client, service, &instance), [id], "{service}");
    }
}

#[test]
fn clocks_are_off() {
    let client = Client::start(60.0);
    let seconds = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_second();
    let date = |reply: &Reply| jiff::fmt::rfc2822::parse(&reply.headers["date"]).unwrap().timestamp().as_second();
    let now = || jiff::Timestamp::now().as_second();
    // Between the times before and after the call, however long that took.
    let is_off = |seen: i64, off: i32, before: i64| (before..=now()).contains(&(seen - i64::from(off)));
    for off in [-30, -10, 10, 30] {
        client.emulator.set_pace(|pace| {
            pace.date_off_seconds = f64::from(off);
            pace.begin_off_seconds = f64::from(off) * 2.0;
        });
        for service in MAKERS {
            let before = now();
            let seen = date(&client.get(service, "/v3/{p}/instances"));
            assert!(is_off(seen, off, before), "{service}: {seen}, {off}, {before}");
            let instance = client.emulator.add_instance(&NewInstance {
                service: service.to_owned(),
                name: format!("clock{off}"),
                ..NewInstance::default()
            });
            let before = now();
            let (id, _) = client.create(service, &instance.id, "somewhen").unwrap();
            let begun = seconds(&client.emulator.backup(&id).unwrap().begin_time);
            assert!(is_off(begun, off * 2, before), "{service}: {begun}, {off}, {before}");
            let row = client.get(service, &list_path(service, &instance.id)).json()["backups"][0].clone();
            assert!(row["begin_time"].is_string(), "{service}");
            client.emulator.vanish(&id);
        }
    }
}

#[test]
fn requests_arrive_after_their_connection_broke() {
    let client = Client::start(60.0);
    for service in MAKERS {
        let instance = client.emulator.instance(service);
        // One that is still on its way, and one that arrives.
        for (name, late_ms) in [("later", 600_000), ("late", 200)] {
            client.emulator.fault(Fault::arriving_late(late_ms).on(service).operation("create"));
            assert!(client.try_create(service, &instance, name).is_err(), "{service}: no answer came");
            let arrived = || client.emulator.backups().iter().any(|row| row.service == service && row.name == name);
            if name == "late" {
                eventually("it arrives", arrived);
            } else {
                assert!(!arrived(), "{service}: not yet");
            }
        }
    }
    let calls = client.emulator.journal();
    assert_eq!(calls.iter().filter(|call| call.operation == "create").count(), 2 * MAKERS.len(), "told once each");
}

#[test]
fn a_gateway_gives_up_before_the_request_arrives() {
    let client = Client::start(60.0);
    let instance = client.emulator.instance("dds");
    let fault = json!({"kind": "html", "status": 504, "ms": 50, "late_ms": 100, "operation": "create"});
    assert_eq!(client.control("POST", "/faults", Some(&fault)).status, 200);
    assert_eq!(client.create("dds", &instance, "slow-way").unwrap_err().status, 504);
    eventually("it arrives", || client.emulator.backups().len() == 1);
    // Arriving late it meets the cloud as it is then.
    client.emulator.fault(Fault::arriving_late(10).operation("create"));
    assert!(client.try_create("dds", &instance, "refused").is_err());
    std::thread::park_timeout(Duration::from_millis(100));
    assert_eq!(client.emulator.backups().len(), 1, "the instance was busy");
}

#[test]
fn answers_tell_of_another_backup() {
    let client = Client::start(60.0);
    for service in MAKERS {
        let instance = client.emulator.instance(service);
        let other = client.emulator.instances().into_iter().find(|row| row.service == service && row.id != instance);
        let theirs = client.emulator.add_backups(&NewBackups::of(&other.unwrap().id)).remove(0);
        let swap = Fault::replace(&[("backup_id", &theirs.id), ("id", &theirs.id), ("name", "another-name")]);
        client.emulator.fault(swap.on(service).operation("create"));
        let (id, _) = client.create(service, &instance, "mine").unwrap();
        assert_eq!(id, theirs.id, "{service}");
        assert!(client.emulator.backups().iter().any(|backup| backup.name == "mine"), "{service}: made all the same");
    }
}

#[test]
fn what_is_accepted_is_not_done() {
    let client = Client::start(0.0);
    let instance = client.emulator.instance("dds");
    for (end, word) in [(JobEnd::Completed, "Completed"), (JobEnd::Failed, "Failed"), (JobEnd::Running, "Running")] {
        let (id, _) = client.create("dds", &instance, "stays").unwrap();
        client.emulator.fault(Fault::undone(end).operation("delete"));
        let told = delete(&client, "dds", &id).json();
        assert_eq!(job(&client, "dds", told["job_id"].as_str().unwrap()), word);
        assert_eq!(listed(&client, "dds", &instance), [id.as_str()]);
        assert_eq!(client.emulator.backup(&id).unwrap().status, "COMPLETED");
        assert_eq!(delete(&client, "dds", &id).status, 200, "asked again, it is done");
        eventually("it has gone", || client.emulator.backup(&id).is_none());

        client.emulator.fault(Fault::undone(end).operation("create"));
        let (id, task) = client.create("dds", &instance, "never").unwrap();
        assert_eq!((client.emulator.backup(&id), job(&client, "dds", &task)), (None, json!(word)));
        client.emulator.fault(Fault::undone(end).operation("delete"));
        assert!(client.emulator.backups().is_empty());
        client.emulator.clear_faults();
    }
    client.emulator.set_pace(|pace| pace.backup_seconds = 60.0);
    let (id, _) = client.create("dds", &instance, "runs-on").unwrap();
    client.emulator.fault(Fault::undone(JobEnd::Completed).operation("stop"));
    let stop = client.call("dds", "PUT", &format!("/v3/{{p}}/backups/{id}"), Some(&json!({"action": "stop"})));
    assert_eq!((stop.status, client.emulator.backup(&id).unwrap().status.as_str()), (202, "BUILDING"));
}

#[test]
fn a_deletion_is_done_for_a_time_or_late() {
    let client = Client::start(0.0);
    for service in MAKERS {
        let instance = client.emulator.instance(service);
        // One for each state, so that none has to be seen before it has passed.
        let deleted = |name: &str, fault: Fault| {
            let (id, _) = client.create(service, &instance, name).unwrap();
            client.emulator.fault(fault.on(service).operation("delete"));
            assert!(delete(&client, service, &id).status < 300, "{service}");
            id
        };
        let shows = |id: &String| listed(&client, service, &instance).contains(id);
        let hidden = |ms| Fault { hidden_ms: Some(ms), ..Fault::undone(JobEnd::Completed) };
        assert!(!shows(&deleted("stays-away", hidden(600_000))), "{service}");
        let id = deleted("comes-back", hidden(200));
        eventually("it comes back", || shows(&id));

        let late = |ms| Fault { done_ms: Some(ms), ..Fault::undone(JobEnd::Completed) };
        assert!(shows(&deleted("goes-later", late(600_000))), "{service}");
        let id = deleted("goes", late(200));
        eventually("it is done after all", || client.emulator.backup(&id).is_none());
    }
}

#[test]
fn jobs_contradict_the_lists() {
    let client = Client::start(0.0);
    let instance = client.emulator.instance("dds");
    for (delete_seconds, delete_job_seconds, there, word) in
        [(0.0, 60.0, false, "Running"), (60.0, 0.0, true, "Completed")]
    {
        let (id, _) = client.create("dds", &instance, "contradicted").unwrap();
        client.emulator.set_pace(|pace| {
            pace.delete_seconds = Some(delete_seconds);
            pace.delete_job_seconds = Some(delete_job_seconds);
        });
        let told = delete(&client, "dds", &id).json();
        assert_eq!(job(&client, "dds", told["job_id"].as_str().unwrap()), word);
        assert_eq!(listed(&client, "dds", &instance).contains(&id), there, "{word}");
    }
}

#[test]
fn descriptions_are_changed_on_the_way() {
    let client = Client::start(0.0);
    for (mode, expected) in [
        (Description::Trimmed, "before the move."),
        (Description::Escaped, "before  the move&#46; "),
        (Description::Rewritten, "[manual] before  the move. "),
        (Description::Cut, "before  th"),
        (Description::Dropped, ""),
    ] {
        client.emulator.set_modes(|modes| modes.description = mode);
        for service in ["dds", "taurusdb", "gaussdb"] {
            let instance = client.emulator.instance(service);
            let flat = json!({"instance_id": instance, "name": "described", "description": "before  the move. "});
            let (path, body) = match service {
                "dds" => ("/v3/{p}/backups", json!({"backup": flat})),
                "taurusdb" => ("/v3/{p}/backups/create", flat),
                _ => ("/v3/{p}/backups", flat),
            };
            assert!(client.call(service, "POST", path, Some(&body)).status < 300);
            let row = client.get(service, &list_path(service, &instance)).json()["backups"][0].clone();
            assert_eq!(row["description"], expected, "{service}");
            client.emulator.vanish(row["id"].as_str().unwrap());
        }
    }
}

/// Asks with a key instead of a token.
fn ask(client: &Client, (access, secret): &(String, String), path: &str, query: &str) -> io::Result<Reply> {
    let date = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let url = client.emulator.endpoint("dds");
    let host = url.strip_prefix("http://").unwrap();
    let headers = signed((access, secret), &date, ("GET", path, query), &[("Host", host)], "");
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    send("GET", &format!("{url}{path}{query}"), &headers, None)
}

#[test]
fn keys_of_other_projects_and_accounts_see_nothing_of_ours() {
    let client = Client::start(0.0);
    let home = client.emulator.domain_name();
    let ours = client.emulator.project_id();
    let elsewhere = client.emulator.project_id_in("eu-nl");
    let (neighbour, _) = client.emulator.neighbour();
    let theirs = client.emulator.project_id_of(&neighbour, "eu-de");
    client.create("dds", &client.emulator.instance("dds"), "ours").unwrap();
    let path = |project: &str| format!("/v3/{project}/backups");
    let total = |reply: &Reply| reply.json()["total_count"].as_u64();

    let all = client.emulator.issue_key(&home, None);
    assert_eq!(total(&ask(&client, &all, &path(&ours), "").unwrap()), Some(1));
    assert_eq!(total(&ask(&client, &all, &path(&elsewhere), "").unwrap()), Some(0));
    let one = client.emulator.issue_key(&home, Some(&elsewhere));
    let stranger = client.emulator.issue_key(&neighbour, None);
    assert_eq!(total(&ask(&client, &one, &path(&elsewhere), "").unwrap()), Some(0));
    assert_eq!(total(&ask(&client, &stranger, &path(&theirs), "").unwrap()), Some(0));
    for key in [&one, &stranger] {
        assert_eq!(ask(&client, key, &path(&ours), "").unwrap().code(), "DBS.200010");
    }
    client.emulator.set_modes(|modes| modes.foreign_project = ForeignProject::Empty);
    for key in [&one, &stranger] {
        assert_eq!(total(&ask(&client, key, &path(&ours), "").unwrap()), Some(0));
        assert_eq!(total(&ask(&client, key, &format!("/v3/{ours}/instances"), "").unwrap()), Some(0));
    }
    let body = json!({"account": neighbour, "project_id": theirs});
    let made = client.control("POST", "/keys", Some(&body)).json();
    assert!(made["access_key"].is_string() && made["secret_key"].is_string());
    for wrong in [json!({"account": "NOBODY"}), json!({"project_id": theirs})] {
        assert_eq!(client.control("POST", "/keys", Some(&wrong)).status, 400);
    }
}

#[test]
fn lists_of_an_instance_that_has_gone() {
    let client = Client::start(0.0);
    for service in MAKERS {
        let made = client.emulator.add_instance(&NewInstance {
            service: service.to_owned(),
            name: "short-lived".to_owned(),
            ..NewInstance::default()
        });
        let (id, _) = client.create(service, &made.id, "outlives").unwrap();
        client.emulator.remove_instance(&made.id);
        let path = match service {
            "geminidb" => format!("/v4/{{p}}/backups?instance_id={}", made.id),
            _ => format!("/v3/{{p}}/backups?instance_id={}", made.id),
        };
        client.emulator.set_modes(|modes| modes.gone_instance = GoneInstance::Listed);
        assert_eq!(client.get(service, &path).json()["backups"][0]["id"], id.as_str(), "{service}");
        client.emulator.set_modes(|modes| modes.gone_instance = GoneInstance::Refused);
        let refused = client.get(service, &path);
        assert_eq!((refused.status, refused.code().as_str()), (404, "DBS.200002"), "{service}");
        client.emulator.set_modes(|modes| modes.gone_instance = GoneInstance::Empty);
        assert_eq!(client.get(service, &path).json()["total_count"], 0, "{service}");
        assert!(client.emulator.backup(&id).is_some(), "{service}");
    }
}

#[test]
fn rds_retains_backups_of_an_instance_that_has_gone() {
    let client = Client::start(0.0);
    let instance = client.emulator.instance("rds");
    let (id, _) = client.create("rds", &instance, "kept").unwrap();
    let path = format!("/v3/{{p}}/instances/{instance}/retain-backups");
    assert_eq!(client.get("rds", &path).json(), json!({"backups": [], "total": 0}));
    client.emulator.remove_instance(&instance);
    let body = client.get("rds", &path).json();
    let row = &body["backups"][0];
    assert_eq!((&row["id"], &row["type"], &body["total"]), (&json!(id), &json!("Snapshot"), &json!(1)));
    assert_eq!((&row["describe"], row["size"].is_string()), (&json!("manual backup"), true));
}

#[test]
fn documented_codes_can_be_answered() {
    let client = Client::start(0.0);
    let told = client.control("GET", "/codes", None).json();
    assert_eq!(told["codes"].as_array().unwrap().len(), CODES.len());
    for service in MAKERS {
        for about in [About::Backup, About::Instance, About::Busy] {
            assert!(codes(service, about).count() > 1, "{service}: {about:?}");
            for code in codes(service, about) {
                client.emulator.fault(Fault::documented(code).on(service));
                let reply = client.get(service, &list_path(service, &client.emulator.instance(service)));
                assert_eq!((reply.status, reply.code().as_str()), (code.status, code.code), "{service}");
                assert_eq!(reply.json()["error_msg"], code.text);
            }
        }
    }
}
