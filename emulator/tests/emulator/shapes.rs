//! Every answer has the keys and types of the published example.

use serde_json::{Value, json};

use huaweidb_emulator::{NewBackups, NewInstance};

use crate::support::{Client, Reply};

fn example(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/cloud-api/");
    serde_json::from_str(&std::fs::read_to_string(format!("{folder}{name}")).unwrap()).unwrap()
}

/// Compares keys and types; `null` in the example stands for anything.
fn compare(at: &str, example: &Value, got: &Value) {
    match (example, got) {
        (Value::Null, _) => {}
        (Value::Object(example), Value::Object(got)) => {
            let keys = |map: &serde_json::Map<String, Value>| map.keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(example), keys(got), "keys of {at}");
            for (key, value) in example {
                compare(&format!("{at}.{key}"), value, &got[key]);
            }
        }
        (Value::Array(example), Value::Array(got)) => {
            if let (Some(example), Some(got)) = (example.first(), got.first()) {
                compare(&format!("{at}[0]"), example, got);
            }
        }
        (Value::Number(example), Value::Number(got)) => {
            assert_eq!(example.is_f64(), got.is_f64(), "kind of number of {at}: {example} and {got}");
        }
        _ => assert_eq!(
            std::mem::discriminant(example),
            std::mem::discriminant(got),
            "type of {at}: {example} and {got}"
        ),
    }
}

#[track_caller]
fn fits(file: &str, status: u16, reply: &Reply) {
    assert_eq!(reply.status, status, "{file}: {}", String::from_utf8_lossy(&reply.body));
    assert_eq!(reply.headers["content-type"], "application/json; charset=UTF-8");
    assert_eq!(reply.headers["x-request-id"].len(), 32);
    assert!(reply.headers["date"].ends_with(" GMT"));
    if !file.is_empty() {
        compare(file, &example(file), &reply.json());
    }
}

const LISTS: &[(&str, &str)] = &[
    ("dds", "/v3/{p}/backups"),
    ("geminidb", "/v4/{p}/backups"),
    ("taurusdb", "/v3/{p}/backups"),
    ("rds", "/v3/{p}/backups"),
    ("gaussdb", "/v3/{p}/backups"),
];

const CREATES: &[(&str, u16)] = &[("dds", 200), ("geminidb", 200), ("taurusdb", 201), ("rds", 200), ("gaussdb", 200)];

fn list_path(service: &str) -> &'static str {
    LISTS.iter().find(|(name, _)| *name == service).unwrap().1
}

#[test]
fn create_list_job_and_delete_look_like_the_examples() {
    let client = Client::start(600.0);
    client.emulator.set_pace(|pace| pace.delete_seconds = Some(0.03));
    for (service, create_status) in CREATES {
        let instance = client.emulator.instance(service);
        let request = {
            let mut body = example(&format!("{service}.create.request.json"));
            let flat = if *service == "dds" { &mut body["backup"] } else { &mut body };
            if *service != "geminidb" {
                flat["instance_id"] = json!(instance);
            }
            body
        };
        let path = match *service {
            "geminidb" => format!("/v3/{{p}}/instances/{instance}/backups"),
            "taurusdb" => "/v3/{p}/backups/create".to_owned(),
            _ => "/v3/{p}/backups".to_owned(),
        };
        let created = client.call(service, "POST", &path, Some(&request));
        fits(&format!("{service}.create.response.json"), *create_status, &created);
        let body = created.json();
        let id = body["backup_id"].as_str().or(body["backup"]["id"].as_str()).unwrap().to_owned();
        assert_eq!(id.len(), 36);

        let query = format!("{}?backup_id={id}&instance_id={instance}", list_path(service));
        let building = client.get(service, &query);
        assert_eq!(building.json()["backups"][0]["status"], "BUILDING", "{service}");
        assert_eq!(building.json()["backups"][0]["end_time"], "", "{service}");
        if *service == "dds" {
            fits("dds.list.building.response.json", 200, &building);
        }
        if let Some(job) = body["job_id"].as_str() {
            let running = client.get(service, &format!("/v3/{{p}}/jobs?id={job}"));
            let file = match *service {
                "dds" => "dds.job.running.response.json",
                "geminidb" => "geminidb.jobs.running.response.json",
                "taurusdb" => "taurusdb.job.response.json",
                _ => "gaussdb.job.response.json",
            };
            fits(file, 200, &running);
        }

        assert!(client.emulator.set_status(&id, "COMPLETED"));
        let listed = client.get(service, &query);
        fits(&format!("{service}.list.response.json"), 200, &listed);
        if let Some(job) = body["job_id"].as_str() {
            let done = client.get(service, &format!("/v3/{{p}}/jobs?id={job}")).json();
            let status = if *service == "geminidb" { &done["jobs"][0]["status"] } else { &done["job"]["status"] };
            assert_eq!(status, "Completed", "{service}");
        }

        let deleted = client.call(service, "DELETE", &format!("/v3/{{p}}/backups/{id}"), None);
        match *service {
            "dds" => fits("dds.delete.response.json", 200, &deleted),
            "geminidb" => fits("geminidb.delete.response.json", 202, &deleted),
            "taurusdb" => fits("taurusdb.delete.response.json", 200, &deleted),
            "gaussdb" => fits("gaussdb.delete.response.json", 200, &deleted),
            _ => {
                fits("", 200, &deleted);
                assert!(deleted.body.is_empty());
            }
        }
        client.await_status(&id, None);
        assert_eq!(client.get(service, &query).json()["backups"], json!([]), "{service}");
    }
}

#[test]
fn instances_look_like_the_examples() {
    let client = Client::start(0.1);
    for service in ["dds", "geminidb", "taurusdb", "rds", "gaussdb"] {
        fits(&format!("{service}.instances.response.json"), 200, &client.get(service, "/v3/{p}/instances"));
    }
    fits("taurusdb.instances.unified.response.json", 200, &client.get("taurusdb", "/v3.1/{p}/instances"));
    fits("ddm.instances.response.json", 200, &client.get("ddm", "/v1/{p}/instances"));
    let id = client.emulator.instance("ddm");
    fits("ddm.instance.response.json", 200, &client.get("ddm", &format!("/v1/{{p}}/instances/{id}")));
}

#[test]
fn stops_look_like_the_examples() {
    let client = Client::start(60.0);
    client.emulator.set_pace(|pace| pace.stop_seconds = Some(0.05));
    for (service, status) in [("dds", 202), ("geminidb", 202), ("rds", 202), ("gaussdb", 202)] {
        let instance = client.emulator.instance(service);
        let (id, created_by) = client.create(service, &instance, "to-be-stopped").unwrap();
        let action = json!({"action": "stop"});
        let reply = match service {
            "dds" | "geminidb" => client.call(service, "PUT", &format!("/v3/{{p}}/backups/{id}"), Some(&action)),
            _ => client.call(service, "POST", &format!("/v3/{{p}}/instances/{instance}/backups/stop"), None),
        };
        fits(&format!("{service}.stop.response.json"), status, &reply);
        client.await_status(&id, Some("FAILED"));
        let job = reply.json()["job_id"].as_str().unwrap().to_owned();
        let of = |job: &str| client.get(service, &format!("/v3/{{p}}/jobs?id={job}"));
        match service {
            "geminidb" => {
                assert_eq!(of(&job).json()["jobs"][0]["status"], "Completed");
                assert_eq!(of(&created_by).json()["jobs"][0]["status"], "Failed");
            }
            "rds" => fits("rds.job.response.json", 200, &of(&job)),
            _ => {
                assert_eq!(of(&job).json()["job"]["status"], "Completed");
                assert_eq!(of(&created_by).json()["job"]["status"], "Failed");
            }
        }
        if service == "dds" {
            fits("dds.job.failed.response.json", 200, &of(&created_by));
        }
    }
}

#[test]
fn ddm_shows_what_the_cloud_has_backed_up() {
    let client = Client::start(0.1);
    let instance = client.emulator.instance("ddm");
    let row = &client.emulator.add_backups(&NewBackups { kind: "auto".to_owned(), ..NewBackups::of(&instance) })[0];
    fits("ddm.list.response.json", 200, &client.get("ddm", "/v3/{p}/backups"));
    let path = format!("/v3/{{p}}/instances/{instance}/backups/{}", row.id);
    fits("ddm.show.response.json", 200, &client.get("ddm", &path));
    let deleted = client.call("ddm", "DELETE", &format!("/v3/{{p}}/backups/{}", row.id), None);
    fits("ddm.delete.response.json", 202, &deleted);
    let job = deleted.json()["job_id"].as_str().unwrap().to_owned();
    fits("ddm.job.response.json", 200, &client.get("ddm", &format!("/v3/{{p}}/jobs/{job}")));
    client.await_status(&row.id, None);
    let day = 86_400_000_i64;
    let now =
        i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let tasks = format!("/v3/{{p}}/jobs?start_time={}&end_time={}", now - day, now + day);
    fits("ddm.jobs.response.json", 200, &client.get("ddm", &tasks));
    let gone = client.get("ddm", &path);
    fits("ddm.show.error.400.response.json", 400, &gone);
    assert_eq!(client.call("ddm", "POST", "/v3/{p}/backups", Some(&json!({}))).code(), "APIGW.0101");
}

#[test]
fn further_lists_look_like_the_examples() {
    let client = Client::start(0.05);
    let taurus = client.emulator.instance("taurusdb");
    client.emulator.add_backups(&NewBackups::of(&taurus));
    let path = format!("/v3/{{p}}/instances/{taurus}/backups");
    fits("taurusdb.instance-backups.response.json", 200, &client.get("taurusdb", &path));

    let (id, _) = client.create("dds", &client.emulator.instance("dds"), "task-list").unwrap();
    client.await_status(&id, Some("COMPLETED"));
    let tasks = "/v3.1/{p}/jobs?start_time=2000-01-01T00:00:00%2B0000&end_time=2000-01-02T00:00:00%2B0000";
    assert_eq!(client.get("dds", tasks).json()["total_count"], 0);
    let today = client.emulator.backup(&id).unwrap().begin_time;
    let today = &today[..10];
    let tasks = format!("/v3.1/{{p}}/jobs?start_time={today}T00:00:00%2B0000&end_time={today}T23:59:59%2B0000");
    fits("dds.tasks.response.json", 200, &client.get("dds", &tasks));

    let gemini = client.emulator.instance("geminidb");
    let body = example("geminidb.create.table-level.request.json");
    let created = client.call("geminidb", "POST", &format!("/v3/{{p}}/instances/{gemini}/backups"), Some(&body));
    let id = created.json()["backup_id"].as_str().unwrap().to_owned();
    client.await_status(&id, Some("COMPLETED"));
    let by_id = |further: &str| client.get("geminidb", &format!("/v4/{{p}}/backups?backup_id={id}{further}"));
    assert_eq!(by_id("").json()["total_count"], 0, "a table-level backup has to be asked for");
    let listed = by_id("&type=DatabaseTable");
    fits("geminidb.list.table-level.response.json", 200, &listed);
    assert_eq!(listed.json()["backups"][0]["database_tables"][1]["table_names"], Value::Null);
    fits("geminidb.jobs.empty.response.json", 200, &client.get("geminidb", "/v3/{p}/jobs?id=nothing"));
}

#[test]
fn batch_deletes_look_like_the_examples() {
    let client = Client::start(60.0);
    let seeded = |service: &str, count: usize| -> Vec<String> {
        let instance = client.emulator.instance(service);
        let rows = client.emulator.add_backups(&NewBackups { count, ..NewBackups::of(&instance) });
        rows.into_iter().map(|row| row.id).collect()
    };
    for service in ["dds", "geminidb"] {
        let ids = seeded(service, 11);
        let delete = |ids: &[String]| {
            client.call(service, "DELETE", "/v3/{p}/instances/backups", Some(&json!({ "backup_ids": ids })))
        };
        assert_eq!((delete(&ids).status, delete(&[]).status), (400, 400), "1 to 10");
        let unknown = [ids[0].clone(), "0".repeat(36)];
        assert_eq!(delete(&unknown).code(), "DBS.201214", "all or nothing");
        assert_eq!(client.emulator.backup(&ids[0]).unwrap().status, "COMPLETED");
        let done = delete(&ids[..10]);
        assert_eq!((done.status, done.body.len()), (200, 0));
        assert_eq!(client.emulator.backup(&ids[0]).unwrap().status, "DELETING");
    }
    let (running, _) = client.create("taurusdb", &client.emulator.instance("taurusdb"), "still-running").unwrap();
    let body = json!({"backup_ids": [seeded("taurusdb", 1)[0], running]});
    let done = client.call("taurusdb", "DELETE", "/v3/{p}/backups", Some(&body));
    fits("taurusdb.batch-delete.response.json", 200, &done);
    assert_eq!(done.json()["failed_count"], 1);

    let (running, _) = client.create("rds", &client.emulator.instance("rds"), "still-running").unwrap();
    let body = json!({"backup_ids": [running, seeded("rds", 1)[0]]});
    let done = client.call("rds", "POST", "/v3/{p}/backups/batch-delete", Some(&body));
    fits("rds.batch-delete.response.json", 200, &done);
    let example = example("rds.batch-delete.response.json");
    for index in 0..2 {
        let code = |body: &Value| body["delete_results"][index]["error_code"].clone();
        assert_eq!(code(&done.json()), code(&example));
    }
}

#[test]
fn download_links_can_be_followed() {
    let client = Client::start(60.0);
    for (service, path) in [("dds", "/v3/{p}/backups/download-file"), ("rds", "/v3/{p}/backup-files")] {
        let instance = client.emulator.instance(service);
        let id = client.emulator.add_backups(&NewBackups::of(&instance))[0].id.clone();
        let reply = client.get(service, &format!("{path}?instance_id={instance}&backup_id={id}"));
        assert_eq!(reply.status, 200);
        let body = reply.json();
        let link = body["files"][0]["download_link"].as_str().unwrap();
        assert!(body["files"][0]["size"].is_u64() && body["bucket"].is_string());
        assert_eq!(crate::support::send("GET", link, &[], None).unwrap().status, 200);
        let forged = link.split('?').next().unwrap();
        assert_eq!(crate::support::send("GET", forged, &[], None).unwrap().status, 403);
        let signature = link.rsplit('=').next().unwrap();
        assert!(client.emulator.journal().iter().all(|call| !call.query.contains(signature)));
        let (running, _) = client.create(service, &instance, "unfinished").unwrap();
        let reply = client.get(service, &format!("{path}?instance_id={instance}&backup_id={running}"));
        assert_eq!((reply.status, reply.code().as_str()), (400, "DBS.201208"));
    }
}

#[test]
fn refusals_look_like_the_examples() {
    let client = Client::start(60.0);
    let unknown = "0".repeat(36);
    for (service, file, status) in [
        ("dds", "dds.error.backup-not-found.400.response.json", 400),
        ("geminidb", "geminidb.error.backup-not-found.400.response.json", 400),
        ("taurusdb", "taurusdb.error.backup-not-found.404.response.json", 404),
    ] {
        let reply = client.call(service, "DELETE", &format!("/v3/{{p}}/backups/{unknown}"), None);
        fits(file, status, &reply);
        assert_eq!(reply.json(), example(file));
    }
    for (service, file, status) in [
        ("dds", "dds.error.conflict.403.response.json", 403),
        ("taurusdb", "taurusdb.error.backup-in-progress.409.response.json", 409),
    ] {
        let instance = client.emulator.instance(service);
        client.create(service, &instance, "first").unwrap();
        let reply = client.create(service, &instance, "second").unwrap_err();
        fits(file, status, &reply);
        assert_eq!(reply.json(), example(file));
    }
    let dds = client.emulator.instance("dds");
    let reply = client.create("dds", &dds, "1bad").unwrap_err();
    assert_eq!(reply.json(), example("dds.error.invalid-name.400.response.json"));
    let rds = client.emulator.instance("rds");
    client.create("rds", &rds, "taken").unwrap();
    let reply = client.create("rds", &rds, "taken").unwrap_err();
    assert_eq!(reply.json(), example("rds.error.name-exists.409.response.json"));
    fits("error.gateway.not-found.404.response.json", 404, &client.get("dds", "/v3/{p}/nothing"));
}

#[test]
fn sql_server_backs_up_single_databases() {
    let client = Client::start(60.0);
    let engine = Some("SQLServer".to_owned());
    let wanted = NewInstance { service: "rds".to_owned(), name: "erp".to_owned(), engine, ..NewInstance::default() };
    let instance = client.emulator.add_instance(&wanted).id;
    assert!(instance.ends_with("in04"));
    let mut body = example("rds.create.sqlserver.request.json");
    body["instance_id"] = json!(instance);
    let created = client.call("rds", "POST", "/v3/{p}/backups", Some(&body)).json();
    assert_eq!(created["backup"]["databases"], json!([{"name": "db1"}, {"name": "db2"}]));
    let listed = client.get("rds", &format!("/v3/{{p}}/backups?instance_id={instance}")).json();
    assert_eq!(listed["backups"][0]["databases"], created["backup"]["databases"]);
    body["instance_id"] = json!(client.emulator.instances().iter().find(|i| i.engine == "MySQL").unwrap().id);
    assert_eq!(client.call("rds", "POST", "/v3/{p}/backups", Some(&body)).code(), "DBS.280001");
}
