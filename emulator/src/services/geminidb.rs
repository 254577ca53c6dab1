//! geminidb, `GeminiDB` (`GaussDB` `NoSQL`), after its published API reference.

use serde_json::{Value, json};

use super::common::{
    Desk, Outcome, Route, Sample, backup_ids, check_backup_id, check_instance_id, delete_all, kilobytes,
    lasting_status, list_body, name_and_description, object, one_of, page, paged, part_id, part_uuid, same,
    shows_instance, span, star, star_filter, stop_action, tell_end, within,
};
use crate::clock::{self, Millis};
use crate::ledger::{Activity, Backup, Denied, Instance, Job, Task, Wish};
use crate::service::Service;
use crate::wire::{Answer, Ask, Refusal};

const ME: Service = Service::Geminidb;

pub(super) const SAMPLES: &[Sample] =
    &[("nosql-events", "cassandra"), ("nosql-sensors", "cassandra"), ("nosql-cache", "redis")];
pub(super) const ENGINES: &[(&str, &str, &str)] = &[
    ("cassandra", "3.11", "Cluster"),
    ("redis", "5.0", "RedisCluster"),
    ("mongodb", "4.0", "ReplicaSet"),
    ("influxdb", "1.7", "InfluxdbSingle"),
];

pub(super) fn route(ask: &Ask) -> Option<Route> {
    let version = ask.segments.first()?.as_str();
    Some(match (ask.method.as_str(), version, ask.tail().as_slice()) {
        ("POST", "v3", ["instances", _, "backups"]) => Route::new("create", create),
        ("GET", "v4", ["backups"]) => Route::new("list", list),
        ("GET", "v3.1", ["backups"]) => Route::new("older_list", older_list),
        ("GET", "v3", ["backups"]) => Route::new("oldest_list", oldest_list),
        ("PUT", "v3", ["backups", _]) => Route::new("stop", stop),
        ("DELETE", "v3", ["backups", _]) => Route::new("delete", delete),
        ("DELETE", "v3", ["instances", "backups"]) => Route::new("batch_delete", batch_delete),
        ("GET", "v3", ["jobs"]) => Route::new("job", jobs),
        ("GET", "v3", ["instances"]) => Route::new("instances", instances),
        _ => return None,
    })
}

fn refuse(desk: &Desk<'_>, denied: Denied) -> Refusal {
    let (status, code) = match denied {
        Denied::NoInstance if desk.modes.unknown_instance_400 => (400, "DBS.280110"),
        Denied::NoInstance => (404, "DBS.200002"),
        Denied::NameTaken => (400, "DBS.201201"),
        Denied::BackupRunning | Denied::InstanceBusy | Denied::Stopping | Denied::StillRunning => (403, "DBS.200019"),
        Denied::NoBackup => (400, "DBS.201214"),
        Denied::NotRunning => (400, "DBS.201202"),
        Denied::Leaving => (403, "DBS.201014"),
        Denied::NotManual => (400, "DBS.280015"),
    };
    Refusal::service(status, code)
}

fn create(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let body = ask.json()?;
    let (name, description) = name_and_description(&body, desk.modes)?;
    let instance_id = ask.segment(1);
    check_instance_id(desk, ME, instance_id)?;
    let parts = tables(&body)?;
    let engine = desk.ledger.instance(ME, desk.project_id, instance_id).map(|instance| instance.engine.clone());
    if parts.is_some() && engine.is_some_and(|engine| engine != "cassandra") {
        return Err(Refusal::parameter());
    }
    let wish = Wish {
        service: ME,
        project_id: desk.project_id,
        instance_id,
        name: &name,
        description: &description,
        unique_name: true,
        parts,
        fails: desk.doomed,
    };
    let started = desk.ledger.start(wish, desk.pace, desk.now).map_err(|denied| refuse(desk, denied))?;
    let status = if desk.modes.otc { 202 } else { 200 };
    Ok(Answer::json(status, &json!({"job_id": started.job_id, "backup_id": started.backup_id})))
}

/// The tables asked for, in the form the list shows them; none for a backup of the whole instance.
fn tables(body: &Value) -> Result<Option<Value>, Refusal> {
    let asked = match body.get("database_tables") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(asked)) if asked.is_empty() => return Ok(None),
        Some(Value::Array(asked)) => asked,
        Some(_) => return Err(Refusal::parameter()),
    };
    let mut shown = Vec::new();
    for entry in asked {
        let database = super::common::text(entry, "database_name")?;
        let names = match entry.get("table_names") {
            None | Some(Value::Null) => Value::Null,
            Some(Value::Array(names)) if names.is_empty() => Value::Null,
            Some(names @ Value::Array(_)) => names.clone(),
            Some(_) => return Err(Refusal::parameter()),
        };
        shown.push(json!({"database_name": database, "table_names": names}));
    }
    Ok(Some(Value::Array(shown)))
}

fn kind(backup: &Backup) -> &'static str {
    match backup.kind.as_str() {
        "auto" => "Auto",
        "incremental" => "Incremental",
        "fragment" => "Differential",
        _ => "Manual",
    }
}

fn list(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    listing(desk, ask, clock::read_zoned, |at| clock::zoned(at, 0))
}

fn older_list(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    listing(desk, ask, clock::read_zoned, |at| clock::zoned(at, 0))
}

fn oldest_list(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    if ask.param("offset").is_none() || ask.param("limit").is_none() {
        return Err(Refusal::parameter());
    }
    listing(desk, ask, clock::read_spaced, clock::spaced)
}

fn listing(desk: &Desk<'_>, ask: &Ask, read: fn(&str) -> Option<Millis>, write: fn(Millis) -> String) -> Outcome {
    let window = page(ask, 100, 100)?;
    let span = span(ask, ("begin_time", "end_time"), read)?;
    // Documented as case-sensitive, unlike its neighbours.
    let wanted_kind = ask.param("backup_type");
    if wanted_kind.is_some_and(|kind| kind != "Auto" && kind != "Manual") {
        return Err(Refusal::parameter());
    }
    let table_level = one_of(ask, "type", &["Instance", "DatabaseTable"])? == Some("DatabaseTable");
    let engine = one_of(ask, "datastore_type", &["cassandra", "redis", "mongodb", "influxdb"])?;
    let (instance_id, backup_id) = (ask.param("instance_id"), ask.param("backup_id"));
    let found =
        backup_id.and_then(|id| desk.ledger.find(ME, desk.project_id, id)).filter(|backup| backup.listed(desk.now));
    if backup_id.is_some() && found.is_none() && desk.modes.unknown_backup_refused {
        return Err(refuse(desk, Denied::NoBackup));
    }
    let open = shows_instance(desk, ME, instance_id, || refuse(desk, Denied::NoInstance))?;
    let fits = |backup: &&Backup| {
        open && backup.listed(desk.now)
            && same(instance_id, &backup.instance_id)
            && same(wanted_kind, kind(backup))
            && same(engine, &backup.engine)
            && backup.parts.is_some() == table_level
            && within(span, backup.began)
    };
    let (items, total) = match backup_id {
        Some(_) => paged(found.into_iter().filter(fits), window, desk.modes),
        None => paged(desk.ledger.newest_first(ME, desk.project_id).filter(fits), window, desk.modes),
    };
    let row = |backup: &Backup| {
        let mut row = object(json!({
            "id": backup.id,
            "description": backup.description,
            "instance_id": backup.instance_id,
            "instance_name": backup.instance_name,
            "datastore": {"type": backup.engine, "version": backup.version},
            "name": backup.name,
            "type": kind(backup),
            "size": kilobytes(backup.size_bytes(desk.now)),
            "status": lasting_status(backup, desk.now),
            "begin_time": write(backup.began),
        }));
        if ask.segments.first().is_some_and(|version| version != "v3") {
            row.insert("database_tables".to_owned(), backup.parts.clone().unwrap_or_else(|| json!([])));
        }
        tell_end(&mut row, "end_time", backup.ended(desk.now).map(write), desk.modes);
        if desk.modes.otc {
            row.insert("deletable".to_owned(), json!(backup.kind == "manual"));
        }
        Value::Object(row)
    };
    let rows = items.into_iter().map(row).collect();
    Ok(Answer::json(200, &Value::Object(list_body("backups", rows, "total_count", total, desk.modes))))
}

fn stop(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    stop_action(ask)?;
    let id = ask.segment(1);
    if desk.ledger.find(ME, desk.project_id, id).is_some_and(|backup| backup.engine != "cassandra") {
        return Err(Refusal::parameter());
    }
    let vanishes = desk.modes.stopped_backup_vanishes;
    let job_id = desk
        .ledger
        .stop((ME, desk.project_id), id, vanishes, desk.pace, desk.now)
        .map_err(|denied| refuse(desk, denied))?;
    Ok(Answer::json(202, &json!({"job_id": job_id})))
}

fn delete(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let id = ask.segment(1);
    check_backup_id(id, "DBS.201212")?;
    let job_id =
        desk.ledger.delete(ME, desk.project_id, id, desk.pace, desk.now).map_err(|denied| refuse(desk, denied))?;
    Ok(Answer::json(202, &json!({"job_id": job_id})))
}

fn batch_delete(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let ids = backup_ids(ask, 10)?;
    delete_all(desk, ME, &ids, refuse)
}

fn task_name(task: Task) -> &'static str {
    match task {
        Task::Backup => "BackupInstance",
        Task::Stop => "StopBackup",
        Task::Delete => "DeleteBackup",
        Task::Restore => "RestoreInstance",
    }
}

fn jobs(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let window = page(ask, 50, 50)?;
    if ![10, 20, 50].contains(&window.1) {
        return Err(Refusal::parameter());
    }
    let span = span(ask, ("start_time", "end_time"), clock::read_zoned)?;
    if span.is_some_and(|(from, to)| to - from > 30 * 86_400_000) {
        return Err(Refusal::parameter());
    }
    let (id, name) = (ask.param("id"), ask.param("name"));
    let wanted = one_of(ask, "status", &["Running", "Completed", "Failed"])?;
    let fits = |job: &&Job| {
        same(id, &job.id)
            && same(name, task_name(job.task))
            && same(wanted, job.status(desk.now).word())
            && within(span, job.created)
    };
    let (jobs, total) = paged(desk.ledger.jobs(ME, desk.project_id, desk.now).filter(fits), window, desk.modes);
    let row = |job: &Job| {
        let mut row = object(json!({
            "id": job.id,
            "name": task_name(job.task),
            "status": job.status(desk.now).word(),
            "start_time": clock::zoned(job.created, 0),
            "progress": job.progress(desk.now),
            "instance": {"id": job.instance_id, "name": job.instance_name},
            "fail_reason": job.fail_reason(desk.now).unwrap_or_default(),
        }));
        tell_end(&mut row, "end_time", job.ended(desk.now).map(|at| clock::zoned(at, 0)), desk.modes);
        Value::Object(row)
    };
    let rows = jobs.into_iter().map(row).collect();
    Ok(Answer::json(200, &Value::Object(list_body("jobs", rows, "total_count", total, desk.modes))))
}

fn instances(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let window = page(ask, 100, 100)?;
    let (id, name) = (star_filter(ask, "id")?, star_filter(ask, "name")?);
    let engine = one_of(ask, "datastore_type", &["cassandra", "redis", "mongodb", "influxdb"])?;
    let mode = ask.param("mode");
    let fits = |instance: &&Instance| {
        instance.service == ME
            && instance.project_id == desk.project_id
            && star(id, &instance.id)
            && star(name, &instance.name)
            && same(engine, &instance.engine)
            && same(mode, &instance.mode)
    };
    let (found, total) = paged(desk.ledger.instances().iter().filter(fits), window, desk.modes);
    let rows = found.into_iter().map(|instance| instance_row(desk, instance)).collect();
    Ok(Answer::json(200, &Value::Object(list_body("instances", rows, "total_count", total, desk.modes))))
}

fn instance_row(desk: &Desk<'_>, instance: &Instance) -> Value {
    let actions = match desk.ledger.activity(instance, desk.now) {
        Activity::Idle => json!([]),
        Activity::BackingUp => json!(["BACKUP"]),
        Activity::Restoring => json!(["RESTORE"]),
        Activity::Otherwise => json!(["RESTARTING"]),
    };
    json!({
        "id": instance.id,
        "name": instance.name,
        "status": "normal",
        "port": "8635",
        "mode": instance.mode,
        "region": instance.region,
        "datastore": {
            "type": instance.engine,
            "version": instance.version,
            "patch_available": false,
            "whole_version": format!("{}.3.231", instance.version),
        },
        "engine": "rocksDB",
        "created": clock::zoneless(instance.created),
        "updated": clock::zoneless(instance.created),
        "db_user_name": "rwuser",
        "vpc_id": part_uuid(instance, "vpc"),
        "subnet_id": part_uuid(instance, "subnet"),
        "security_group_id": part_uuid(instance, "security group"),
        "backup_strategy": {"start_time": "16:00-17:00", "keep_days": 7},
        "pay_mode": "0",
        "maintenance_window": "02:00-06:00",
        "groups": [{
            "id": part_id(instance, "group") + "gr06",
            "status": "normal",
            "volume": {"size": instance.size_gb.to_string(), "used": "0.003"},
            "nodes": [{
                "id": part_id(instance, "node") + "no06",
                "name": format!("{}_priam_node_1", instance.name),
                "status": "normal",
                "role": "",
                "subnet_id": part_uuid(instance, "subnet"),
                "private_ip": "192.168.0.174",
                "public_ip": "",
                "spec_code": "geminidb.cassandra.xlarge.4",
                "availability_zone": format!("{}-01", instance.region),
                "support_reduce": false,
            }],
        }],
        "enterprise_project_id": "0",
        "disk_encryption_id": "",
        "ssl": "0",
        "time_zone": "",
        "actions": actions,
    })
}
