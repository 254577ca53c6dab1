//! The control port: seeds, faults, pace and modes in; journal and ledger out. JSON both ways, no credentials.

use http::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::{self, Millis};
use crate::codes::CODES;
use crate::directory::{DELEGATING, HOME};
use crate::faults::Fault;
use crate::service::Service;
use crate::wire::unescape;
use crate::world::{NewBackups, NewInstance, World};

type Reply = Result<Value, (u16, String)>;

/// Answers one control call: status and body.
pub(crate) fn answer(world: &mut World, method: &Method, path: &str, body: &[u8], now: Millis) -> (u16, Value) {
    world.ledger.settle(now);
    let segments: Vec<String> = path.trim_matches('/').split('/').map(unescape).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let reply = match (method.as_str(), segments.as_slice()) {
        ("GET", ["" | "ready"]) => Ok(ready(world)),
        ("GET", ["account"]) => Ok(account(world)),
        ("GET", ["journal"]) => Ok(json!({"calls": world.journal.0})),
        ("DELETE", ["journal"]) => {
            world.journal.0.clear();
            Ok(json!({}))
        }
        ("GET", ["ledger"]) => Ok(ledger(world, now)),
        ("POST", ["instances"]) => new_instance(world, body, now),
        ("PATCH", ["instances", id]) => change_instance(world, id, body, now),
        ("DELETE", ["instances", id]) => found(world.ledger.remove_instance(id), id),
        ("POST", ["backups"]) => new_backups(world, body, now),
        ("PATCH", ["backups", id]) => change_backup(world, id, body, now),
        ("DELETE", ["backups", id]) => found(world.vanish(id, now), id),
        ("GET", ["faults"]) => Ok(json!({"faults": world.faults.0})),
        ("POST", ["faults"]) => new_faults(world, body),
        ("DELETE", ["faults"]) => {
            world.faults.0.clear();
            Ok(json!({}))
        }
        ("GET", ["codes"]) => Ok(json!({"codes": CODES})),
        ("GET", ["pace"]) => Ok(json!(world.paces.all)),
        ("PUT", ["pace"]) => merged(&world.paces.all, body).map(|pace| {
            world.paces.all = pace;
            json!(world.paces.all)
        }),
        ("GET", ["pace", name]) => service(name).map(|of| json!(world.paces.of(Some(of)))),
        ("PUT", ["pace", name]) => service(name).and_then(|of| {
            let pace = merged(world.paces.of(Some(of)), body)?;
            world.paces.set(of, pace);
            Ok(json!(world.paces.of(Some(of))))
        }),
        ("DELETE", ["pace", name]) => service(name).map(|of| {
            world.paces.forget(of);
            json!(world.paces.of(Some(of)))
        }),
        ("GET", ["modes"]) => Ok(json!(world.modes)),
        ("PUT", ["modes"]) => merged(&world.modes, body).map(|modes| {
            world.modes = modes;
            json!(world.modes)
        }),
        ("POST", ["tokens"]) => new_token(world, body, now),
        ("POST", ["keys"]) => new_key(world, body),
        ("DELETE", ["sessions"]) => {
            world.directory.revoke_sessions();
            Ok(json!({}))
        }
        ("DELETE", ["locks"]) => {
            world.directory.unlock();
            Ok(json!({}))
        }
        _ => Err((404, format!("the control port has no {method} {path}"))),
    };
    match reply {
        Ok(body) => (200, body),
        Err((status, message)) => (status, json!({"error": message})),
    }
}

/// What the binary prints when it is ready.
pub(crate) fn ready(world: &World) -> Value {
    let endpoints: serde_json::Map<String, Value> =
        world.endpoints.iter().map(|(door, url)| ((*door).to_owned(), json!(url))).collect();
    let mut instances = serde_json::Map::new();
    for instance in world.ledger.instances().iter().filter(|instance| instance.region == world.region) {
        let of_service = instances.entry(instance.service.name()).or_insert_with(|| json!([]));
        if let Value::Array(list) = of_service {
            list.push(json!({"id": instance.id, "name": instance.name}));
        }
    }
    json!({
        "endpoints": endpoints,
        "control": world.control,
        "access_key": world.directory.access_key,
        "secret_key": world.directory.secret_key,
        "project_id": world.project_of(&world.region),
        "region": world.region,
        "instances": instances,
    })
}

fn account(world: &World) -> Value {
    let directory = &world.directory;
    let accounts = directory.accounts.each_ref().map(|account| {
        let projects: Vec<Value> = account
            .projects
            .iter()
            .map(|project| json!({"id": project.id, "name": project.name, "region": project.region}))
            .collect();
        json!({"domain_id": account.id, "domain_name": account.name, "projects": projects})
    });
    let [mut home, delegating, neighbour] = accounts;
    home["user_id"] = json!(directory.user_id);
    home["user_name"] = json!(directory.user_name);
    home["password"] = json!(directory.password);
    home["delegating"] = delegating;
    home["neighbour"] = neighbour;
    home["delegating"]["agency_name"] = json!(directory.agency_name);
    home["delegating"]["agency_urn"] =
        json!(format!("iam::{}:agency:{}", directory.accounts[DELEGATING].id, directory.agency_name));
    home
}

fn ledger(world: &mut World, now: Millis) -> Value {
    json!({
        "instances": world.instance_rows(now),
        "backups": world.backup_rows(now),
        "totals": world.ledger.totals,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
fn bad(message: impl ToString) -> (u16, String) {
    (400, message.to_string())
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, (u16, String)> {
    let body: &[u8] = if body.trim_ascii().is_empty() { b"{}" } else { body };
    bounded("", &serde_json::from_slice(body).map_err(bad)?)?;
    serde_json::from_slice(body).map_err(bad)
}

/// Refuses numbers that would take all memory, or that are no span of time.
fn bounded(key: &str, value: &Value) -> Result<(), (u16, String)> {
    let (least, most) = match key {
        "count" => (0.0, 1e6),
        "bytes" => (0.0, f64::from(1 << 30)),
        // Only clocks may be behind.
        _ if key.ends_with("off_seconds") => (-1e9, 1e9),
        _ if key.ends_with("seconds") || key == "seconds_apart" => (0.0, 1e9),
        _ => (-1e15, 1e15),
    };
    match value {
        Value::Number(number) if !number.as_f64().is_some_and(|number| (least..=most).contains(&number)) => {
            Err(bad(format!("{key} must be from {least} to {most}, not {number}")))
        }
        Value::Array(list) => list.iter().try_for_each(|one| bounded(key, one)),
        Value::Object(members) => members.iter().try_for_each(|(key, value)| bounded(key, value)),
        _ => Ok(()),
    }
}

/// The current settings with the given keys put over them.
fn merged<T: Serialize + DeserializeOwned>(current: &T, body: &[u8]) -> Result<T, (u16, String)> {
    let changes: serde_json::Map<String, Value> = read(body)?;
    let mut all = serde_json::to_value(current).map_err(bad)?;
    for (key, value) in changes {
        all[key] = value;
    }
    serde_json::from_value(all).map_err(bad)
}

fn found(found: bool, id: &str) -> Reply {
    if found { Ok(json!({"id": id})) } else { Err((404, format!("there is no {id:?}"))) }
}

fn new_instance(world: &mut World, body: &[u8], now: Millis) -> Reply {
    let wanted: NewInstance = read(body)?;
    world.add_instance(&wanted, now).map(|row| json!(row)).map_err(bad)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InstanceChange {
    busy_seconds: Option<f64>,
    /// Spans to which it can be brought back: begin and end, RFC 3339.
    restore_times: Option<Vec<(String, String)>>,
}

fn change_instance(world: &mut World, id: &str, body: &[u8], now: Millis) -> Reply {
    let change: InstanceChange = read(body)?;
    let instance = world.ledger.instance_by_id(id).ok_or_else(|| (404, format!("there is no {id:?}")))?;
    if let Some(seconds) = change.busy_seconds {
        instance.busy_until = now + clock::millis(seconds);
    }
    if let Some(spans) = change.restore_times {
        let read =
            |text: &String| clock::read_rfc3339(text).ok_or_else(|| bad(format!("{text:?} is no RFC 3339 time")));
        let spans = spans.iter().map(|(from, to)| Ok((read(from)?, read(to)?))).collect::<Result<_, _>>()?;
        instance.data.spans = Some(spans);
    }
    let instance = instance.clone();
    Ok(json!(world.instance_row(&instance, now)))
}

fn new_backups(world: &mut World, body: &[u8], now: Millis) -> Reply {
    let wanted: NewBackups = read(body)?;
    world.add_backups(&wanted, now).map(|rows| json!({"backups": rows})).map_err(bad)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BackupChange {
    status: Option<String>,
    hidden_seconds: Option<f64>,
}

fn change_backup(world: &mut World, id: &str, body: &[u8], now: Millis) -> Reply {
    let change: BackupChange = read(body)?;
    let hidden = change.hidden_seconds.is_none_or(|seconds| world.ledger.hide(id, now + clock::millis(seconds), now));
    if !hidden || change.status.is_some_and(|status| !world.set_status(id, &status, now)) {
        return found(false, id);
    }
    Ok(json!(world.backup_row(id, now)))
}

fn new_faults(world: &mut World, body: &[u8]) -> Reply {
    let body: Value = read(body)?;
    let faults: Vec<Fault> = match body {
        Value::Array(_) => serde_json::from_value(body).map_err(bad)?,
        one => vec![serde_json::from_value(one).map_err(bad)?],
    };
    world.faults.0.extend(faults);
    Ok(json!({"faults": world.faults.0}))
}

fn service(name: &str) -> Result<Service, (u16, String)> {
    Service::from_name(name).ok_or_else(|| (404, format!("there is no service {name:?}")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKey {
    account: Option<String>,
    project_id: Option<String>,
}

fn new_key(world: &mut World, body: &[u8]) -> Reply {
    let wanted: NewKey = read(body)?;
    let account = wanted.account.unwrap_or_else(|| world.directory.accounts[HOME].name.clone());
    let (access, secret) = world.issue_key(&account, wanted.project_id.as_deref()).map_err(bad)?;
    Ok(json!({"access_key": access, "secret_key": secret}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    project_id: Option<String>,
    seconds: Option<f64>,
}

fn new_token(world: &mut World, body: &[u8], now: Millis) -> Reply {
    let wanted: NewToken = read(body)?;
    let home = world.project_of(&world.region).unwrap_or_default().to_owned();
    let project_id = wanted.project_id.unwrap_or(home);
    let seconds = wanted.seconds.unwrap_or(world.modes.token_seconds);
    let token = world.issue_token(&project_id, seconds, now);
    token.map(|token| json!({"token": token})).ok_or_else(|| bad(format!("no project {project_id:?}")))
}
