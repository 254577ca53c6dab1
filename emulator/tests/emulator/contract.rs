//! Every call that the vendor's SDK and the pages of Open Telekom Cloud describe (`tests/data/cloud-facts.json`) is
//! answered with the status, the fields and the types that they name, on either cloud. [`WANTED`] holds what differs and is
//! meant to, each with its reason.

use std::collections::{BTreeMap, BTreeSet};

use huaweidb_emulator::{Modes, NewBackups, Options};
use serde_json::{Value, json};

use crate::support::{Client, Reply};

/// Service, call, fields, reason.
const WANTED: &[(&str, &str, &str, &str)] = &[
    ("dds", "list", "backups[].datastore.storage_engine", OTC_SAYS_SO),
    ("geminidb", "list", "backups[].deletable", OTC_SAYS_SO),
    ("geminidb", "list_v3", "backups[].deletable", OTC_SAYS_SO),
    ("geminidb", "list_v31", "backups[].deletable", OTC_SAYS_SO),
    ("gaussdb", "restorable_instances", "instances[].version is no str", SDK_FOR_GO_READS_SO),
];
const SDK_FOR_GO_READS_SO: &str = "the vendor's example shows a number, and its SDK for Go refuses anything else";
const OTC_SAYS_SO: &str = "the examples on the pages of Open Telekom Cloud have it, and only there is it sent";

/// How a call differs from what is described: what, and where.
type Difference = (String, String, String);

struct Contract {
    client: Client,
    facts: Value,
    otc: bool,
    found: BTreeSet<Difference>,
    asked: BTreeSet<(String, String)>,
}

impl Contract {
    fn on(otc: bool) -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/cloud-facts.json");
        let facts = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let modes = Modes { otc, ..Modes::default() };
        let client = Client::with(&Options { modes, ..Options::with_backups_of(60.0) });
        Self { client, facts, otc, found: BTreeSet::new(), asked: BTreeSet::new() }
    }

    /// Sends a call as the facts spell it, with these ids in its path, and compares the answer.
    fn ask(&mut self, service: &str, name: &str, ids: &[(&str, &str)], query: &str, body: Option<&Value>) -> Reply {
        let told = self.facts["services"][service][name].clone();
        let call = told["call"].as_str().unwrap_or_else(|| panic!("{service} {name} is not in the facts"));
        let (method, path) = call.split_once(' ').unwrap();
        let mut path = path.replace("{project_id}", "{p}");
        for (what, id) in ids {
            path = path.replace(&format!("{{{what}}}"), id);
        }
        let reply = self.client.call(service, method, &format!("{path}{query}"), body);
        self.asked.insert((service.to_owned(), name.to_owned()));
        let published = told["published_for_otc"].as_bool();
        if self.otc && reply.status == 404 && reply.code() == "APIGW.0101" {
            if published == Some(true) {
                self.differs(service, name, "is not offered");
            }
            return reply;
        }
        if self.otc && published == Some(false) {
            self.differs(service, name, "is offered");
        }
        let statuses = match (&told["otc_status"], self.otc) {
            (Value::Null, _) | (_, false) => told["status"].as_array().cloned().unwrap_or_default(),
            (status, true) => vec![status.clone()],
        };
        if statuses.is_empty() {
            assert!(reply.status < 300, "{service} {name}: {}", String::from_utf8_lossy(&reply.body));
        } else if !statuses.contains(&json!(reply.status)) {
            self.differs(service, name, &format!("status {}", reply.status));
        }
        let told: BTreeMap<&str, &str> = told["reply"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line.as_str().unwrap().split_once(' ').unwrap())
            .collect();
        let body = if reply.body.is_empty() { json!({}) } else { reply.json() };
        let mut wrong = BTreeSet::new();
        compare("", &body, &told, &mut wrong);
        for field in wrong {
            self.differs(service, name, &field);
        }
        reply
    }

    fn differs(&mut self, service: &str, name: &str, what: &str) {
        self.found.insert((service.to_owned(), name.to_owned(), what.to_owned()));
    }
}

/// Collects the fields that are there and not told, told as mandatory and not there, or of another type.
fn compare(at: &str, value: &Value, told: &BTreeMap<&str, &str>, wrong: &mut BTreeSet<String>) {
    let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    let Value::Object(map) = value else { return };
    let prefix = if at.is_empty() { String::new() } else { format!("{at}.") };
    for (name, kind) in told {
        let Some(name) = name.strip_prefix(&prefix).filter(|name| !name.contains('.')) else { continue };
        if kind.ends_with('!') && !map.contains_key(name) {
            wrong.insert(format!("no {}", below(name)));
        }
    }
    for (name, value) in map {
        let at = below(name);
        let Some(kind) = told.get(at.as_str()) else {
            wrong.insert(at);
            continue;
        };
        let fits = match kind.trim_end_matches('!') {
            "int" => value.is_i64() || value.is_u64(),
            "float" => value.is_number(),
            "bool" => value.is_boolean(),
            "object" => value.is_object(),
            "object[]" => value.as_array().is_some_and(|items| items.iter().all(Value::is_object)),
            "str[]" => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
            _ => value.is_string(),
        };
        if !fits && !value.is_null() {
            wrong.insert(format!("{at} is no {}", kind.trim_end_matches('!')));
        }
        match value {
            Value::Array(items) => items.iter().for_each(|item| compare(&format!("{at}[]"), item, told, wrong)),
            other => compare(&at, other, told, wrong),
        }
    }
}

/// Every call of a service once: what is there, then a backup that runs, then what goes.
fn all_calls(contract: &mut Contract, service: &str) {
    let rows: Vec<_> = contract.client.emulator.instances().into_iter().filter(|row| row.service == service).collect();
    let (instance, other) = (rows[0].id.clone(), rows[1].id.clone());
    let kind = if service == "ddm" { "auto" } else { "manual" };
    let seeds = NewBackups { count: 4, kind: kind.to_owned(), ..NewBackups::of(&instance) };
    let seeded: Vec<_> = contract.client.emulator.add_backups(&seeds).into_iter().map(|row| row.id).collect();
    let ids = [("instance_id", instance.as_str()), ("backup_id", seeded[0].as_str())];
    let by_id = format!("?instance_id={instance}&backup_id={}", seeded[0]);
    for list in ["list", "list_v3", "list_v31", "list_v32", "list_of_instance"] {
        if !contract.facts["services"][service][list].is_null() {
            contract.ask(service, list, &ids, &format!("{by_id}&offset=0&limit=10"), None);
        }
    }
    if service == "ddm" {
        contract.ask(service, "show", &ids, "", None);
        contract.ask(service, "instance", &ids, "", None);
    }
    for instances in ["instances", "instances_unified", "instances_v31"] {
        if !contract.facts["services"][service][instances].is_null() {
            contract.ask(service, instances, &ids, "", None);
        }
    }
    if matches!(service, "dds" | "rds") {
        contract.ask(service, "download", &ids, &by_id, None);
    }
    if service != "ddm" {
        restores(contract, service, &rows[0].engine, &ids, &seeded[3]);
    }
    let mut running = None;
    if service != "ddm" {
        let mut body = json!({"name": "contract", "description": "text"});
        if service != "geminidb" {
            body["instance_id"] = json!(instance);
        }
        let body = if service == "dds" { json!({ "backup": body }) } else { body };
        let begun = contract.ask(service, "create", &ids, "", Some(&body)).json();
        let id = begun["backup_id"].as_str().or(begun["backup"]["id"].as_str()).unwrap().to_owned();
        contract.ask(service, "list", &ids, &format!("?instance_id={instance}&backup_id={id}"), None);
        running = Some((id, begun["job_id"].as_str().map(str::to_owned)));
    }
    let other = [("instance_id", other.as_str())];
    match service {
        "geminidb" => {
            let tables = json!([{"database_name": "ks1", "table_names": ["t"]}, {"database_name": "ks2"}]);
            let body = json!({"name": "tables", "description": "", "database_tables": tables});
            contract.ask(service, "create", &other, "", Some(&body));
            contract.ask(service, "list", &other, "?type=DatabaseTable", None);
        }
        "rds" => {
            let server = rows.iter().find(|row| row.engine == "SQLServer").unwrap().id.clone();
            let mut body = json!({"instance_id": server, "name": "parts", "backup_database_individually": true});
            assert_eq!(contract.client.call(service, "POST", "/v3/{p}/backups", Some(&body)).code(), "DBS.280001");
            body["databases"] = json!([{"name": "orders"}]);
            contract.ask(service, "create", &other, "", Some(&body));
            contract.ask(service, "list", &other, &format!("?instance_id={server}"), None);
        }
        _ => {}
    }
    let mut job = running.as_ref().and_then(|(_, job)| job.clone());
    let action = json!({"action": "stop"});
    if let Some((id, _)) = &running
        && service != "taurusdb"
    {
        let body = matches!(service, "dds" | "geminidb").then_some(&action);
        let ids = [("instance_id", instance.as_str()), ("backup_id", id.as_str())];
        let stopped = contract.ask(service, "stop", &ids, "", body);
        if stopped.status < 300 {
            job = stopped.json()["job_id"].as_str().map(str::to_owned).or(job);
        }
    }
    let deleted = contract.ask(service, "delete", &ids, "", None);
    if let Some(id) = Some(&deleted)
        .filter(|reply| !reply.body.is_empty())
        .and_then(|reply| reply.json()["job_id"].as_str().map(str::to_owned))
    {
        job = Some(id);
    }
    if matches!(service, "dds" | "geminidb" | "taurusdb" | "rds") {
        // Where a part may fail, one does.
        let partly = matches!(service, "taurusdb" | "rds");
        let second = if partly { "0".repeat(36) } else { seeded[2].clone() };
        contract.ask(service, "batch_delete", &ids, "", Some(&json!({"backup_ids": [seeded[1], second]})));
    }
    if let Some(job) = job {
        contract.ask(service, "job", &[("job_id", job.as_str())], &format!("?id={job}"), None);
    }
    let jobs = match service {
        "dds" => "?start_time=2026-01-01T00:00:00%2B0000&end_time=2026-01-02T00:00:00%2B0000",
        "ddm" => "?start_time=4000000000000&end_time=4000000000001",
        _ => "",
    };
    if !contract.facts["services"][service]["jobs_list"].is_null() {
        contract.ask(service, "jobs_list", &[], jobs, None);
    }
}

/// The calls around a restore, into an instance that is made for it.
fn restores(contract: &mut Contract, service: &str, engine: &str, ids: &[(&str, &str)], backup: &str) {
    let when = match service {
        "geminidb" => "?start_time=2026-11-21T00:00:00%2B0000&end_time=2026-11-22T00:00:00%2B0000",
        _ => "?date=2026-11-21",
    };
    contract.ask(service, "restorable_times", ids, when, None);
    let make = |contract: &Contract, name: &str, engine: &str| {
        let wanted = json!({"service": service, "name": name, "engine": engine});
        contract.client.control("POST", "/instances", Some(&wanted)).json()["id"].as_str().unwrap().to_owned()
    };
    // Not every engine can be restored by every call.
    let (source, backup, target) = match service {
        "geminidb" | "rds" => {
            let engine = if service == "rds" { "MySQL" } else { "mongodb" };
            let (source, target) =
                (make(contract, "contract-source", engine), make(contract, "contract-scratch", engine));
            let backup = contract.client.emulator.add_backups(&NewBackups::of(&source)).remove(0).id;
            (source, backup, target)
        }
        _ => (ids[0].1.to_owned(), backup.to_owned(), make(contract, "contract-scratch", engine)),
    };
    let by_query = format!("?source_instance_id={source}&backup_id={backup}");
    let ids = [("instance_id", target.as_str()), ("backup_id", backup.as_str())];
    match service {
        "geminidb" => drop(contract.ask(service, "restorable_instances", &ids, "", None)),
        "gaussdb" => drop(contract.ask(service, "restorable_instances", &ids, &by_query, None)),
        _ => {}
    }
    let point = json!({"type": "backup", "backup_id": backup});
    let body = match service {
        "geminidb" => json!({"backup_id": backup}),
        "taurusdb" => {
            let mut body = point;
            body["source_instance_id"] = json!(source);
            body["target_instance_id"] = json!(target);
            body
        }
        _ => {
            let mut body = json!({"source": point, "target": {"instance_id": target}});
            body["source"]["instance_id"] = json!(source);
            body
        }
    };
    contract.ask(service, "restore_existing", &ids, "", Some(&body));
    if service == "rds" {
        let mut body = body;
        body["target"]["instance_id"] = json!(make(contract, "contract-other", "MySQL"));
        body["source"]["restore_all_database"] = json!(true);
        contract.ask(service, "restore_existing_v31", &ids, "", Some(&body));
    }
}

#[test]
fn every_call_is_answered_as_the_vendor_describes() {
    let (mut found, mut left) = (BTreeSet::new(), BTreeSet::new());
    for otc in [false, true] {
        let mut contract = Contract::on(otc);
        let services = contract.facts["services"].as_object().unwrap().clone();
        for (service, calls) in &services {
            all_calls(&mut contract, service);
            let names = calls.as_object().unwrap().keys().filter(|name| !otc && !name.starts_with('_'));
            left.extend(names.map(|name| (service.clone(), name.clone())));
        }
        left.retain(|call| !contract.asked.contains(call));
        found.extend(contract.found);
    }
    assert_eq!(left, BTreeSet::new(), "never asked");
    let wanted: BTreeSet<Difference> = WANTED
        .iter()
        .flat_map(|(service, call, fields, reason)| {
            assert!(!reason.is_empty());
            fields.split(", ").map(|field| ((*service).to_owned(), (*call).to_owned(), field.to_owned()))
        })
        .collect();
    let new: Vec<_> = found.difference(&wanted).collect();
    let stale: Vec<_> = wanted.difference(&found).collect();
    assert!(new.is_empty() && stale.is_empty(), "not wanted: {new:#?}\nno differences any more: {stale:#?}");
}
