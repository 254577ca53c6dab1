//! rds, Relational Database Service, after its published API reference.

use serde_json::{Value, json};

use super::common::{
    Desk, Outcome, Route, Sample, backup_ids, check_instance_id, download, download_route, instance_word, list_body,
    name_and_description, object, one_of, page, paged, part_id, part_uuid, same, shown, shows_instance, span, star,
    star_filter, tell_end, text, within,
};
use crate::clock;
use crate::ledger::{Backup, Denied, Instance, Status, Task, Wish};
use crate::service::Service;
use crate::wire::{Answer, Ask, Refusal};

const ME: Service = Service::Rds;

pub(super) const SAMPLES: &[Sample] = &[("rds-pg-app", "PostgreSQL"), ("rds-shop", "MySQL"), ("rds-erp", "SQLServer")];
pub(super) const ENGINES: &[(&str, &str, &str)] = &[
    ("PostgreSQL", "16", "Ha"),
    ("MySQL", "8.0", "Single"),
    ("SQLServer", "2022_SE", "Single"),
    ("MariaDB", "10.5", "Single"),
];

pub(super) fn route(ask: &Ask) -> Option<Route> {
    let version = ask.segments.first()?.as_str();
    Some(match (ask.method.as_str(), version, ask.tail().as_slice()) {
        ("POST", "v3", ["backups"]) => Route::new("create", create),
        ("GET", "v3", ["backups"]) => Route::new("list", list),
        ("GET", "v3", ["instances", _, "retain-backups"]) => Route::new("retained", retained),
        ("GET", "v3", ["backup-files"]) => Route::new("download", files),
        ("POST", "v3", ["instances", _, "backups", "stop"]) => Route::new("stop", stop),
        ("DELETE", "v3", ["backups", _]) => Route::new("delete", delete),
        ("POST", "v3", ["backups", "batch-delete"]) => Route::new("batch_delete", batch_delete),
        ("GET", "v3", ["jobs"]) => Route::new("job", job),
        ("GET", "v3", ["instances"]) => Route::new("instances", instances),
        _ => return download_route(ask),
    })
}

fn refuse(denied: Denied) -> Refusal {
    let (status, code) = match denied {
        Denied::NoInstance => (404, "DBS.200002"),
        Denied::NameTaken => (409, "DBS.201201"),
        Denied::BackupRunning | Denied::StillRunning => (409, "DBS.201205"),
        Denied::InstanceBusy | Denied::Stopping => (409, "DBS.200019"),
        Denied::NoBackup => (404, "DBS.201010"),
        Denied::NotRunning => (400, "DBS.201014"),
        Denied::Leaving => (409, "DBS.200011"),
        Denied::NotManual => (403, "DBS.280015"),
    };
    Refusal::service(status, code)
}

fn create(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let body = ask.json()?;
    let instance_id = text(&body, "instance_id")?;
    let (name, description) = name_and_description(&body, desk.modes)?;
    check_instance_id(desk, ME, instance_id)?;
    let parts = databases(&body)?;
    let engine = desk.ledger.instance(ME, desk.project_id, instance_id).map(|instance| instance.engine.clone());
    if parts.is_some() && engine.is_some_and(|engine| engine != "SQLServer" && engine != "PostgreSQL") {
        return Err(Refusal::parameter());
    }
    // Each for itself: which ones has to be said.
    match body.get("backup_database_individually") {
        None | Some(Value::Null | Value::Bool(false)) => {}
        Some(Value::Bool(true)) if parts.is_some() => {}
        Some(_) => return Err(Refusal::parameter()),
    }
    let wish = Wish {
        service: ME,
        project_id: desk.project_id,
        instance_id,
        name: &name,
        description: &description,
        unique_name: true,
        parts: parts.clone(),
        fails: desk.doomed,
    };
    let started = desk.ledger.start(wish, desk.pace, desk.now).map_err(refuse)?;
    let mut backup = object(json!({
        "id": started.backup_id,
        "name": name,
        "description": description,
        "begin_time": clock::zoned(started.began, 0),
        "status": "BUILDING",
        "type": "manual",
        "instance_id": instance_id,
    }));
    if let Some(parts) = parts {
        backup.insert("databases".to_owned(), parts);
    }
    Ok(Answer::json(200, &json!({"backup": backup})))
}

fn databases(body: &Value) -> Result<Option<Value>, Refusal> {
    match body.get("databases") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(asked)) if asked.is_empty() => Ok(None),
        Some(Value::Array(asked)) => {
            let named: Result<Vec<Value>, Refusal> =
                asked.iter().map(|database| Ok(json!({"name": text(database, "name")?}))).collect();
            Ok(Some(Value::Array(named?)))
        }
        Some(_) => Err(Refusal::parameter()),
    }
}

fn kind(backup: &Backup) -> &str {
    &backup.kind
}

fn list(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let instance_id = ask.param("instance_id").ok_or_else(Refusal::parameter)?;
    let window = page(ask, 100, 100)?;
    let span = span(ask, ("begin_time", "end_time"), clock::read_zoned)?;
    let wanted_kind = one_of(ask, "backup_type", &["auto", "manual", "fragment", "incremental"])?;
    let wanted_status = one_of(ask, "status", &["BUILDING", "COMPLETED", "FAILED"])?;
    let backup_id = ask.param("backup_id");
    let open = shows_instance(desk, ME, Some(instance_id), || refuse(Denied::NoInstance))?;
    let fits = |backup: &&Backup| {
        let status_counts = backup.engine == "SQLServer" && matches!(kind(backup), "auto" | "manual");
        open && backup.listed(desk.now)
            && backup.instance_id == instance_id
            && same(wanted_kind, kind(backup))
            && within(span, backup.began)
            && (!status_counts || same(wanted_status, shown(backup, desk.now, super::common::status_word)))
    };
    let (items, total) = match backup_id {
        Some(id) => paged(desk.ledger.find(ME, desk.project_id, id).into_iter().filter(fits), window, desk.modes),
        None => paged(desk.ledger.newest_first(ME, desk.project_id).filter(fits), window, desk.modes),
    };
    let row = |backup: &Backup| {
        let mut row = object(json!({
            "id": backup.id,
            "name": backup.name,
            "type": kind(backup),
            "size": backup.size_bytes(desk.now) / 1024,
            "status": shown(backup, desk.now, super::common::status_word),
            "begin_time": clock::zoned(backup.began, 0),
            "datastore": {"type": backup.engine, "version": backup.version},
            "instance_id": backup.instance_id,
            "databases": backup.parts.clone().unwrap_or_else(|| json!([])),
            "associated_with_ddm": false,
            "min_data_volume_capacity_for_restore": backup.needs_gb,
        }));
        tell_end(&mut row, "end_time", backup.ended(desk.now).map(|at| clock::zoned(at, 0)), desk.modes);
        Value::Object(row)
    };
    let rows = items.into_iter().map(row).collect();
    Ok(Answer::json(200, &Value::Object(list_body("backups", rows, "total_count", total, desk.modes))))
}

/// The backups that are kept of an instance that is no more.
fn retained(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let window = page(ask, 10, 100)?;
    let instance_id = ask.segment(1);
    check_instance_id(desk, ME, instance_id)?;
    let gone = desk.ledger.instance(ME, desk.project_id, instance_id).is_none();
    let fits = |backup: &&Backup| gone && backup.listed(desk.now) && backup.instance_id == instance_id;
    let (items, total) = paged(desk.ledger.newest_first(ME, desk.project_id).filter(fits), window, desk.modes);
    let row = |backup: &Backup| {
        let mut row = object(json!({
            "id": backup.id,
            "name": backup.name,
            "type": if kind(backup) == "manual" { "Snapshot" } else { "Db" },
            "begin_time": clock::zoned(backup.began, 0),
            "size": (backup.size_bytes(desk.now) / 1024).to_string(),
            "describe": backup.description,
            "backup_method": "physical",
            "tde": false,
        }));
        tell_end(&mut row, "end_time", backup.ended(desk.now).map(|at| clock::zoned(at, 0)), desk.modes);
        Value::Object(row)
    };
    let rows = items.into_iter().map(row).collect();
    Ok(Answer::json(200, &Value::Object(list_body("backups", rows, "total", total, desk.modes))))
}

fn files(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let id = ask.param("backup_id").ok_or_else(Refusal::parameter)?;
    let found = desk.ledger.find(ME, desk.project_id, id).filter(|backup| !backup.gone(desk.now));
    let backup = found.ok_or_else(|| refuse(Denied::NoBackup))?;
    if backup.status(desk.now) != Status::Completed {
        return Err(Refusal::service(400, "DBS.201208"));
    }
    let name = format!("{}.qp", backup.id);
    let (link, expires) = download(desk, ME, backup, &name);
    let file = json!({
        "name": name,
        "size": backup.size_bytes(desk.now) / 1024,
        "download_link": link,
        "link_expired_time": expires,
        "database_name": "",
    });
    Ok(Answer::json(200, &json!({"files": [file], "bucket": "rds-backups-emulated"})))
}

fn stop(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let id = ask.segment(1);
    check_instance_id(desk, ME, id)?;
    if desk.ledger.instance(ME, desk.project_id, id).is_some_and(|instance| instance.engine != "PostgreSQL") {
        return Err(Refusal::parameter());
    }
    let vanishes = desk.modes.stopped_backup_vanishes;
    let job_id = desk.ledger.stop_all((ME, desk.project_id), id, vanishes, desk.pace, desk.now).map_err(refuse)?;
    Ok(Answer::json(202, &json!({"job_id": job_id})))
}

fn delete(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    desk.ledger.delete(ME, desk.project_id, ask.segment(1), desk.pace, desk.now).map_err(refuse)?;
    Ok(Answer::empty(200))
}

fn batch_delete(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let ids = backup_ids(ask, 50)?;
    let mut results = Vec::new();
    for id in ids {
        let (code, message) = match desk.ledger.delete(ME, desk.project_id, &id, desk.pace, desk.now) {
            Ok(_) => ("0".to_owned(), "Success".to_owned()),
            Err(denied) => {
                let refusal = match denied {
                    Denied::StillRunning => Refusal::service(400, "DBS.200054"),
                    other => refuse(other),
                };
                (refusal.code, refusal.message)
            }
        };
        results.push(json!({"backup_id": id, "error_code": code, "error_msg": message}));
    }
    Ok(Answer::json(200, &json!({"delete_results": results})))
}

fn job(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let id = ask.param("id").ok_or_else(Refusal::parameter)?;
    let job = desk.ledger.job(ME, desk.project_id, id, desk.now).ok_or_else(|| Refusal::service(400, "DBS.200543"))?;
    let name = match job.task {
        Task::Backup => "CreateBackup",
        Task::Stop => "StopBackup",
        Task::Delete => "DeleteBackup",
        Task::Restore => "RestoreInPlace",
    };
    let mut body = object(json!({
        "id": job.id,
        "name": name,
        "status": job.status(desk.now).word(),
        "created": clock::zoned(job.created, 0),
        "process": job.progress(desk.now),
        "instance": {"id": job.instance_id, "name": job.instance_name},
        "entities": {},
        "fail_reason": job.fail_reason(desk.now).unwrap_or_default(),
    }));
    tell_end(&mut body, "ended", job.ended(desk.now).map(|at| clock::zoned(at, 0)), desk.modes);
    Ok(Answer::json(200, &json!({"job": body})))
}

fn instances(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let window = page(ask, 100, 100)?;
    let (id, name) = (ask.param("id"), star_filter(ask, "name")?);
    let engine = one_of(ask, "datastore_type", &["MySQL", "PostgreSQL", "SQLServer", "MariaDB"])?;
    let mode = one_of(ask, "type", &["Single", "Ha", "Replica"])?;
    let fits = |instance: &&Instance| {
        instance.service == ME
            && instance.project_id == desk.project_id
            && same(id, &instance.id)
            && star(name, &instance.name)
            && same(engine, &instance.engine)
            && same(mode, &instance.mode)
    };
    let (found, total) = paged(desk.ledger.instances().iter().filter(fits), window, desk.modes);
    let row = |instance: &Instance| {
        json!({
            "id": instance.id,
            "name": instance.name,
            "status": instance_word(desk.ledger.activity(instance, desk.now)),
            "enable_ssl": true,
            "private_ips": ["192.168.0.142"],
            "public_ips": [],
            "port": if instance.engine == "PostgreSQL" { 5432 } else { 3306 },
            "type": instance.mode,
            "region": instance.region,
            "datastore": {
                "type": instance.engine,
                "version": instance.version,
                "complete_version": format!("{}.28.231003", instance.version),
            },
            "created": clock::zoned(instance.created, 0),
            "updated": clock::zoned(instance.created, 0),
            "db_user_name": "root",
            "switch_strategy": "",
            "maintenance_window": "02:00-06:00",
            "nodes": [{
                "id": part_id(instance, "node") + "no" + ME.number(&instance.engine),
                "name": format!("{}_node0", instance.name),
                "role": "master",
                "status": "ACTIVE",
                "availability_zone": format!("{}-01", instance.region),
            }],
            "related_instance": [],
            "backup_strategy": {"start_time": "19:00-20:00", "keep_days": 7},
            "enterprise_project_id": "0",
            "disk_encryption_id": "",
            "flavor_ref": "rds.mysql.s1.large",
            "volume": {"type": "ULTRAHIGH", "size": instance.size_gb},
            "vpc_id": part_uuid(instance, "vpc"),
            "subnet_id": part_uuid(instance, "subnet"),
            "security_group_id": part_uuid(instance, "security group"),
            "charge_info": {"charge_mode": "postPaid"},
            "time_zone": "UTC",
            "tags": [],
        })
    };
    let rows = found.into_iter().map(row).collect();
    Ok(Answer::json(200, &Value::Object(list_body("instances", rows, "total_count", total, desk.modes))))
}
