//! What the services accept and refuse: rules, limits, filters, orders, modes.

use huaweidb_emulator::{Modes, NewBackups, OpenEnd, Options, Throttle, Total};
use serde_json::{Value, json};

use crate::support::Client;

const CREATABLE: [&str; 5] = ["dds", "geminidb", "taurusdb", "rds", "gaussdb"];

fn list_path(service: &str) -> &'static str {
    if service == "geminidb" { "/v4/{p}/backups" } else { "/v3/{p}/backups" }
}

/// Status and code of a refused create.
fn refused(client: &Client, service: &str, instance: &str, name: &str) -> (u16, String) {
    let reply = client.create(service, instance, name).unwrap_err();
    (reply.status, reply.code())
}

#[test]
fn creates_are_refused_with_the_code_of_the_service() {
    let client = Client::start(60.0);
    for (service, running, busy, duplicate) in [
        ("dds", (403, "DBS.200019"), (403, "DBS.200019"), Some((400, "DBS.201201"))),
        ("geminidb", (403, "DBS.200019"), (403, "DBS.200019"), Some((400, "DBS.201201"))),
        ("taurusdb", (409, "DBS.201205"), (409, "DBS.200019"), None),
        ("rds", (409, "DBS.201205"), (409, "DBS.200019"), Some((409, "DBS.201201"))),
        ("gaussdb", (409, "DBS.201205"), (409, "DBS.200019"), Some((409, "DBS.201201"))),
    ] {
        let ids: Vec<String> =
            client.emulator.instances().into_iter().filter(|i| i.service == service).map(|i| i.id).collect();
        let own = |(status, code): (u16, &str)| (status, code.to_owned());
        client.create(service, &ids[0], "first").unwrap();
        assert_eq!(refused(&client, service, &ids[0], "second"), own(running), "{service} running");
        match duplicate {
            Some(expected) => assert_eq!(refused(&client, service, &ids[1], "first"), own(expected), "{service}"),
            None => assert!(client.create(service, &ids[1], "first").is_ok(), "{service} takes a name twice"),
        }
        let spare = if duplicate.is_some() { &ids[1] } else { &ids[0] };
        for row in client.emulator.backups().iter().filter(|row| row.service == service) {
            client.emulator.set_status(&row.id, "COMPLETED");
        }
        client.emulator.keep_busy(spare, 60.0);
        assert_eq!(refused(&client, service, spare, "third"), own(busy), "{service} busy");
        assert_eq!(refused(&client, service, &ids[0], "abc"), (400, "DBS.280277".to_owned()));
        assert_eq!(refused(&client, service, "short", "fourth"), (400, "DBS.280404".to_owned()));
        let unknown = "0".repeat(32) + "in99";
        assert_eq!(refused(&client, service, &unknown, "fifth"), (404, "DBS.200002".to_owned()));
    }
    client.emulator.set_modes(|modes| modes.unknown_instance_400 = true);
    let unknown = "0".repeat(32) + "in02";
    assert_eq!(refused(&client, "dds", &unknown, "fifth"), (400, "DBS.280110".to_owned()));
}

#[test]
fn bad_bodies_are_refused() {
    let client = Client::start(60.0);
    let instance = client.emulator.instance("dds");
    let post = |body: Value| client.call("dds", "POST", "/v3/{p}/backups", Some(&body));
    for (body, code) in [
        (json!([]), "DBS.280001"),
        (json!({}), "DBS.280001"),
        (json!({"backup": {"name": "abcd"}}), "DBS.280001"),
        (json!({"backup": {"instance_id": instance, "name": 7}}), "DBS.280001"),
        (json!({"backup": {"instance_id": instance, "name": "abcd", "description": "a>b"}}), "DBS.280127"),
    ] {
        let reply = post(body.clone());
        assert_eq!((reply.status, reply.code().as_str()), (400, code), "{body}");
    }
    let token = client.emulator.issue_token(60.0);
    let url = client.emulator.endpoint("dds") + &format!("/v3/{}/backups", client.emulator.project_id());
    let form = [("X-Auth-Token", token.as_str()), ("Content-Type", "text/plain")];
    assert_eq!(crate::support::send("POST", &url, &form, Some("{}")).unwrap().status, 415);
    let bare = [("X-Auth-Token", token.as_str())];
    let body = json!({"backup": {"instance_id": instance, "name": "no-content-type"}}).to_string();
    assert_eq!(crate::support::send("POST", &url, &bare, Some(&body)).unwrap().status, 200);
}

#[test]
fn deletes_are_refused_with_the_code_of_the_service() {
    let client = Client::start(60.0);
    for (service, unknown, running, leaving, automatic) in [
        ("dds", (400, "DBS.201214"), (403, "DBS.200019"), (403, "DBS.201014"), (400, "DBS.280015")),
        ("geminidb", (400, "DBS.201214"), (403, "DBS.200019"), (403, "DBS.201014"), (400, "DBS.280015")),
        ("taurusdb", (404, "DBS.201010"), (409, "DBS.201205"), (400, "DBS.201208"), (403, "DBS.280015")),
        ("rds", (404, "DBS.201010"), (409, "DBS.201205"), (409, "DBS.200011"), (403, "DBS.280015")),
        ("gaussdb", (400, "DBS.200751"), (409, "DBS.201205"), (400, "DBS.201208"), (400, "DBS.201218")),
    ] {
        let instance = client.emulator.instance(service);
        let delete = |id: &str| {
            let reply = client.call(service, "DELETE", &format!("/v3/{{p}}/backups/{id}"), None);
            let code = if reply.status < 300 { String::new() } else { reply.code() };
            (reply.status, code)
        };
        let own = |(status, code): (u16, &str)| (status, code.to_owned());
        assert_eq!(delete(&"0".repeat(36)), own(unknown), "{service}");
        let (id, _) = client.create(service, &instance, "running").unwrap();
        assert_eq!(delete(&id), own(running), "{service}");
        client.emulator.set_status(&id, "COMPLETED");
        assert!(delete(&id).0 < 300, "{service}");
        assert_eq!(delete(&id), own(leaving), "{service}");
        let auto = NewBackups { kind: "auto".to_owned(), ..NewBackups::of(&instance) };
        let id = client.emulator.add_backups(&auto)[0].id.clone();
        assert_eq!(delete(&id), own(automatic), "{service}");
    }
    for (service, code) in [("dds", "DBS.280124"), ("geminidb", "DBS.201212"), ("gaussdb", "DBS.280124")] {
        assert_eq!(client.call(service, "DELETE", "/v3/{p}/backups/odd", None).code(), code);
    }
}

#[test]
fn a_backup_on_its_way_out_has_the_documented_word() {
    let client = Client::start(60.0);
    for (service, word) in [
        ("dds", "DISABLED"),
        ("geminidb", "COMPLETED"),
        ("taurusdb", "COMPLETED"),
        ("rds", "DELETING"),
        ("gaussdb", "DELETING"),
    ] {
        let instance = client.emulator.instance(service);
        let id = client.emulator.add_backups(&NewBackups::of(&instance))[0].id.clone();
        client.call(service, "DELETE", &format!("/v3/{{p}}/backups/{id}"), None);
        let path = format!("{}?backup_id={id}&instance_id={instance}", list_path(service));
        assert_eq!(client.get(service, &path).json()["backups"][0]["status"], word, "{service}");
    }
}

#[test]
fn stops_are_refused_with_the_code_of_the_service() {
    let client = Client::start(60.0);
    let action = json!({"action": "stop"});
    for service in ["dds", "geminidb"] {
        let put = |id: &str, body: &Value| client.call(service, "PUT", &format!("/v3/{{p}}/backups/{id}"), Some(body));
        let instance = client.emulator.instance(service);
        let done = client.emulator.add_backups(&NewBackups::of(&instance))[0].id.clone();
        let reply = put(&done, &action);
        assert_eq!((reply.status, reply.code().as_str()), (400, "DBS.201202"));
        assert_eq!(put(&"0".repeat(36), &action).code(), "DBS.201214");
        assert_eq!(put(&done, &json!({"action": "pause"})).code(), "DBS.280001");
        let (id, _) = client.create(service, &instance, "running").unwrap();
        assert!(put(&id, &action).status < 300);
        let again = put(&id, &action);
        assert_eq!((again.status, again.code().as_str()), (403, "DBS.200019"));
    }
    for service in ["rds", "gaussdb"] {
        let post = |instance: &str| {
            client.call(service, "POST", &format!("/v3/{{p}}/instances/{instance}/backups/stop"), None)
        };
        let reply = post(&client.emulator.instance(service));
        assert_eq!((reply.status, reply.code().as_str()), (400, "DBS.201014"));
        assert_eq!(post(&("0".repeat(32) + "in03")).code(), "DBS.200002");
    }
    let engine = |engine: &str| client.emulator.instances().into_iter().find(|i| i.engine == engine).unwrap().id;
    let mysql = format!("/v3/{{p}}/instances/{}/backups/stop", engine("MySQL"));
    assert_eq!(client.call("rds", "POST", &mysql, None).code(), "DBS.280001");
    let (redis, _) = client.create("geminidb", &engine("redis"), "of-redis").unwrap();
    let reply = client.call("geminidb", "PUT", &format!("/v3/{{p}}/backups/{redis}"), Some(&action));
    assert_eq!(reply.code(), "DBS.280001");
    let (id, _) = client.create("taurusdb", &client.emulator.instance("taurusdb"), "unstoppable").unwrap();
    let reply = client.call("taurusdb", "PUT", &format!("/v3/{{p}}/backups/{id}"), Some(&action));
    assert_eq!((reply.status, reply.code().as_str()), (404, "APIGW.0101"));
}

#[test]
fn pages_have_limits() {
    let client = Client::start(60.0);
    for service in CREATABLE {
        let instance = client.emulator.instance(service);
        client.emulator.add_backups(&NewBackups { count: 105, ..NewBackups::of(&instance) });
        let page = |query: &str| client.get(service, &format!("{}?instance_id={instance}&{query}", list_path(service)));
        let length = |query: &str| page(query).json()["backups"].as_array().unwrap().len();
        assert_eq!((length(""), length("offset=100"), length("limit=7"), length("offset=105")), (100, 5, 7, 0));
        assert_eq!(page("limit=1").json()["total_count"], 105, "{service}");
        for wrong in ["limit=0", "limit=101", "limit=x", "offset=-1", "begin_time=2020-01-01%2000:00:00"] {
            let reply = page(wrong);
            assert_eq!((reply.status, reply.code().as_str()), (400, "DBS.280001"), "{service} {wrong}");
        }
        let names: Vec<Value> =
            page("limit=3").json()["backups"].as_array().unwrap().iter().map(|row| row["name"].clone()).collect();
        assert_eq!(names, ["backup-0105", "backup-0104", "backup-0103"], "{service}: newest first");
    }
    let ddm = client.emulator.instance("ddm");
    client.emulator.add_backups(&NewBackups { count: 130, ..NewBackups::of(&ddm) });
    let page = |query: &str| client.get("ddm", &format!("/v3/{{p}}/backups?{query}"));
    let length = |query: &str| page(query).json()["backups"].as_array().unwrap().len();
    assert_eq!((length(""), length("limit=128"), length("offset=128&limit=128")), (10, 128, 2));
    assert_eq!((page("limit=129").status, page("").json()["total"].clone()), (400, json!(130)));
    for limit in ["10", "20", "50"] {
        assert_eq!(client.get("geminidb", &format!("/v3/{{p}}/jobs?limit={limit}")).status, 200);
    }
    assert_eq!(client.get("geminidb", "/v3/{p}/jobs?limit=30").status, 400);
}

#[test]
fn filters_filter() {
    let client = Client::start(60.0);
    for service in CREATABLE {
        let instance = client.emulator.instance(service);
        let seed = |name: &str, kind: &str, begin: &str| {
            let begin_time = Some(begin.to_owned());
            let wanted = NewBackups {
                name: Some(name.to_owned()),
                kind: kind.to_owned(),
                begin_time,
                ..NewBackups::of(&instance)
            };
            client.emulator.add_backups(&wanted)[0].id.clone()
        };
        let old = seed("old-one", "auto", "2025-06-03T08:00:00Z");
        let new = seed("new-one", "manual", "2025-06-03T09:00:00.900Z");
        let ids = |query: &str| -> Vec<String> {
            let reply = client.get(service, &format!("{}?instance_id={instance}&{query}", list_path(service))).json();
            let rows = reply["backups"].as_array().unwrap_or_else(|| panic!("{service} {query}: {reply}")).clone();
            rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(ids(""), [new.clone(), old.clone()], "{service}");
        assert_eq!(ids(&format!("backup_id={old}")), std::slice::from_ref(&old), "{service}");
        assert_eq!(ids(&format!("backup_id={}", "0".repeat(36))), Vec::<String>::new());
        assert_eq!(ids("backup_type=Manual").len(), 1, "{service}");
        let span = if service == "dds" {
            "begin_time=2025-06-03%2008:30:00&end_time=2025-06-03%2009:00:00"
        } else {
            // Another offset, the same moments.
            "begin_time=2025-06-03T16:30:00%2B0800&end_time=2025-06-03T09:00:00%2B0000"
        };
        assert_eq!(ids(span), std::slice::from_ref(&new), "{service}");
    }
    let by_name = |query: &str| client.get("dds", &format!("/v3/{{p}}/backups?{query}")).json()["total_count"].clone();
    assert_eq!(by_name("backup_name=ew-o"), 1);
    assert_eq!(by_name("backup_status=FAILED"), 0);
    let ordered = client.get("dds", "/v3/{p}/backups?order_field=name&order_rule=desc").json();
    assert_eq!(ordered["backups"][0]["name"], "old-one");
    for wrong in ["order_field=name", "backup_status=NICE", "mode=Odd", "backup_type=Incremental"] {
        assert_eq!(client.get("dds", &format!("/v3/{{p}}/backups?{wrong}")).status, 400, "{wrong}");
    }
    assert_eq!(client.get("rds", "/v3/{p}/backups").code(), "DBS.280001", "rds wants the instance");
    assert_eq!(client.get("geminidb", "/v4/{p}/backups?backup_type=manual").status, 400, "case matters");
    let unescaped = "/v3/{p}/backups?begin_time=2025-06-03T08:00:00+0000&end_time=2025-06-03T09:00:00+0000";
    assert_eq!(client.get("gaussdb", unescaped).status, 400, "a bare plus is a blank");
    assert_eq!(client.get("geminidb", "/v3/{p}/backups").status, 400, "the oldest list wants offset and limit");
    let oldest = client.get("geminidb", "/v3/{p}/backups?offset=0&limit=1").json();
    assert_eq!(oldest["backups"][0]["begin_time"], "2025-06-03 09:00:00");
}

#[test]
fn instances_can_be_looked_up() {
    let client = Client::start(60.0);
    let names = |service: &str, query: &str| -> Vec<String> {
        let reply = client.get(service, &format!("/v3/{{p}}/instances?{query}"));
        assert_eq!(reply.status, 200, "{service} {query}");
        let rows = reply.json()["instances"].as_array().unwrap().clone();
        rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("dds", "name=dds-orders"), ["dds-orders"]);
    assert_eq!(names("dds", "name=orders"), Vec::<String>::new());
    assert_eq!(names("dds", "name=*order"), ["dds-orders"]);
    assert_eq!(names("rds", "datastore_type=PostgreSQL"), ["rds-pg-app"]);
    assert_eq!(names("gaussdb", &format!("id={}", client.emulator.instance("gaussdb"))), ["gauss-core"]);
    assert_eq!(client.get("dds", "/v3/{p}/instances?name=*").status, 400);

    for (service, path, idle, backing_up) in [
        ("dds", "/v3/{p}/instances", json!([]), json!(["BACKUP"])),
        ("geminidb", "/v3/{p}/instances", json!([]), json!(["BACKUP"])),
        ("taurusdb", "/v3/{p}/instances", json!("ACTIVE"), json!("BACKING UP")),
        ("rds", "/v3/{p}/instances", json!("ACTIVE"), json!("BACKING UP")),
        ("gaussdb", "/v3/{p}/instances", json!("ACTIVE"), json!("BACKING UP")),
    ] {
        let state = || {
            let row = client.get(service, path).json()["instances"][0].clone();
            if row["actions"].is_array() { row["actions"].clone() } else { row["status"].clone() }
        };
        assert_eq!(state(), idle, "{service}");
        client.create(service, &client.emulator.instance(service), "running").unwrap();
        assert_eq!(state(), backing_up, "{service}");
    }
    assert_eq!(client.get("taurusdb", "/v3.1/{p}/instances").json()["instances"][0]["status"], "normal");
}

#[test]
fn unknown_jobs_are_told_in_four_ways() {
    let client = Client::start(60.0);
    for service in ["dds", "taurusdb", "rds", "gaussdb"] {
        let reply = client.get(service, "/v3/{p}/jobs?id=nothing");
        assert_eq!((reply.status, reply.code().as_str()), (400, "DBS.200543"), "{service}");
    }
    assert_eq!(client.get("ddm", "/v3/{p}/jobs/nothing").code(), "DBS.300400");
    assert_eq!(client.get("geminidb", "/v3/{p}/jobs?id=nothing").json()["jobs"], json!([]));
}

#[test]
fn modes_change_what_sources_leave_open() {
    let client = Client::start(60.0);
    let modes = |change: &dyn Fn(&mut Modes)| {
        client.emulator.set_modes(|modes| {
            *modes = Modes::default();
            change(modes);
        });
    };
    let instance = client.emulator.instance("dds");
    client.emulator.add_backups(&NewBackups { count: 3, ..NewBackups::of(&instance) });
    let unknown = format!("/v3/{{p}}/backups?backup_id={}", "0".repeat(36));

    modes(&|modes| modes.unknown_backup_refused = true);
    assert_eq!(client.get("dds", &unknown).code(), "DBS.201214");
    modes(&|modes| modes.ignore_offset = true);
    let first = |offset: u32| client.get("dds", &format!("/v3/{{p}}/backups?limit=1&offset={offset}")).json();
    assert_eq!(first(0)["backups"], first(2)["backups"]);
    for (total, expected) in [
        (Total::Right, json!(3)),
        (Total::TooHigh, json!(1003)),
        (Total::Zero, json!(0)),
        (Total::Missing, Value::Null),
    ] {
        modes(&|modes| modes.total = total);
        assert_eq!(client.get("dds", "/v3/{p}/backups").json()["total_count"], expected);
    }
    let (id, _) = client.create("dds", &instance, "running").unwrap();
    let row = || client.get("dds", &format!("/v3/{{p}}/backups?backup_id={id}")).json()["backups"][0].clone();
    modes(&|modes| modes.open_end = OpenEnd::Null);
    assert!(row().as_object().unwrap()["end_time"].is_null());
    modes(&|modes| modes.open_end = OpenEnd::Missing);
    assert!(!row().as_object().unwrap().contains_key("end_time"));

    let stop = || client.call("dds", "PUT", &format!("/v3/{{p}}/backups/{id}"), Some(&json!({"action": "stop"})));
    modes(&|modes| {
        modes.not_offered = vec!["dds.stop".to_owned()];
        modes.gateway_prefix = "APIG".to_owned();
    });
    assert_eq!(stop().code(), "APIG.0101");
    modes(&|modes| modes.otc = true);
    assert_eq!(stop().code(), "APIGW.0101");
    assert_eq!(client.get("gaussdb", "/v3.1/{p}/backups").code(), "APIGW.0101");
    let gauss = client.emulator.instance("gaussdb");
    let gone = client.emulator.add_backups(&NewBackups::of(&gauss))[0].id.clone();
    assert_eq!(client.call("gaussdb", "DELETE", &format!("/v3/{{p}}/backups/{gone}"), None).json(), json!({}));

    modes(&|modes| modes.stopped_backup_vanishes = true);
    client.emulator.set_pace(|pace| pace.stop_seconds = Some(0.0));
    assert_eq!(stop().status, 202);
    client.await_status(&id, None);

    modes(&|modes| modes.legacy_errors = true);
    let body = client.call("ddm", "DELETE", &format!("/v3/{{p}}/backups/{}", "0".repeat(36)), None).json();
    assert_eq!(body["errCode"], "DBS.280001");

    client.emulator.set_status(&client.emulator.backups()[0].id, "UPLOADING");
    let words = client.get("dds", "/v3/{p}/backups").json();
    assert!(words["backups"].as_array().unwrap().iter().any(|row| row["status"] == "UPLOADING"));
}

#[test]
fn calls_can_be_throttled() {
    use huaweidb_emulator::RetryAfter;
    let limit = |retry_after| Some(Throttle { calls: 2, per_seconds: 60.0, retry_after });
    let modes = Modes { throttle: limit(RetryAfter::None), ..Modes::default() };
    let client = Client::with(&Options { modes, ..Options::default() });
    let list = || client.get("dds", "/v3/{p}/backups");
    assert_eq!((list().status, list().status), (200, 200));
    let third = list();
    assert_eq!((third.status, third.code().as_str()), (429, "APIGW.0308"));
    assert!(third.json()["error_msg"].as_str().unwrap().ends_with("limit:2,time:1 minute"));
    assert!(!third.headers.contains_key("retry-after"));
    client.emulator.set_modes(|modes| modes.throttle = limit(RetryAfter::Seconds));
    let seconds: u32 = list().headers["retry-after"].parse().unwrap();
    assert!((55..=60).contains(&seconds));
    client.emulator.set_modes(|modes| modes.throttle = limit(RetryAfter::Date));
    assert!(list().headers["retry-after"].ends_with(" GMT"));
    assert_eq!(client.get("dds", "/v3/{p}/instances").status, 200, "each API has a limit of its own");
}

#[test]
fn lists_may_lag_behind() {
    let client = Client::start(0.0);
    // One that no list shows before this has ended, and one that is shown after a while.
    let [shy, late] = [("shy-one", 600.0), ("late-one", 0.2)].map(|(name, seconds)| {
        client.emulator.set_pace(|pace| pace.list_delay_seconds = seconds);
        client.create("dds", &client.emulator.instance("dds"), name).unwrap().0
    });
    let seen = |id: &str| client.get("dds", &format!("/v3/{{p}}/backups?backup_id={id}")).json()["total_count"] == 1;
    assert!(!seen(&shy));
    let patience = std::time::Instant::now() + std::time::Duration::from_mins(2);
    while !seen(&late) {
        assert!(std::time::Instant::now() < patience);
    }
}
