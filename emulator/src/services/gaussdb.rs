//! gaussdb, `GaussDB` (`openGauss`), after its published API reference. Its clock shows east Asian time.

use serde_json::{Value, json};

use super::common::{
    Desk, Outcome, Route, Sample, check_backup_id, check_instance_id, instance_word, kilobytes, list_body,
    name_and_description, object, one_of, page, paged, part_uuid, same, shown, shows_instance, span, star, star_filter,
    tell_end, text, within,
};
use crate::clock;
use crate::ledger::{Backup, Denied, Instance, Task, Wish};
use crate::service::Service;
use crate::wire::{Answer, Ask, Refusal};

const ME: Service = Service::Gaussdb;
const ZONE: i8 = 8;

pub(super) const SAMPLES: &[Sample] = &[("gauss-core", "GaussDB"), ("gauss-reports", "GaussDB")];
pub(super) const ENGINES: &[(&str, &str, &str)] = &[("GaussDB", "V2.0-8.102", "Ha")];

pub(super) fn route(ask: &Ask) -> Option<Route> {
    let version = ask.segments.first()?.as_str();
    Some(match (ask.method.as_str(), version, ask.tail().as_slice()) {
        ("POST", "v3", ["backups"]) => Route::new("create", create),
        ("GET", "v3", ["backups"]) => Route::new("list", list),
        ("GET", "v3.1" | "v3.2", ["backups"]) => Route::new("newer_list", list),
        ("POST", "v3", ["instances", _, "backups", "stop"]) => Route::new("stop", stop),
        ("DELETE", "v3", ["backups", _]) => Route::new("delete", delete),
        ("GET", "v3", ["jobs"]) => Route::new("job", job),
        ("GET", "v3", ["instances"]) => Route::new("instances", instances),
        ("GET", "v3.1", ["instances"]) => Route::new("newer_instances", instances),
        _ => return None,
    })
}

fn refuse(denied: Denied) -> Refusal {
    let (status, code) = match denied {
        Denied::NoInstance => (404, "DBS.200002"),
        Denied::NameTaken => (409, "DBS.201201"),
        Denied::BackupRunning | Denied::StillRunning => (409, "DBS.201205"),
        Denied::InstanceBusy | Denied::Stopping => (409, "DBS.200019"),
        Denied::NoBackup => (400, "DBS.200751"),
        Denied::NotRunning => (400, "DBS.201014"),
        Denied::Leaving => (400, "DBS.201208"),
        Denied::NotManual => (400, "DBS.201218"),
    };
    Refusal::service(status, code)
}

fn create(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let body = ask.json()?;
    let instance_id = text(&body, "instance_id")?;
    let (name, description) = name_and_description(&body, desk.modes)?;
    check_instance_id(desk, ME, instance_id)?;
    let wish = Wish {
        service: ME,
        project_id: desk.project_id,
        instance_id,
        name: &name,
        description: &description,
        unique_name: true,
        parts: None,
        fails: desk.doomed,
    };
    let started = desk.ledger.start(wish, desk.pace, desk.now).map_err(refuse)?;
    let backup = json!({
        "id": started.backup_id,
        "name": name,
        "description": description,
        "begin_time": clock::zoned(started.began, ZONE),
        "status": "BUILDING",
        "type": "manual",
        "instance_id": instance_id,
    });
    Ok(Answer::json(accepted(desk), &json!({"backup": backup, "job_id": started.job_id})))
}

fn kind(backup: &Backup) -> &'static str {
    if backup.kind == "manual" { "manual" } else { "auto" }
}

fn list(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let window = page(ask, 100, 100)?;
    let span = span(ask, ("begin_time", "end_time"), clock::read_zoned)?;
    let wanted_kind = one_of(ask, "backup_type", &["auto", "manual"])?;
    let (instance_id, backup_id) = (ask.param("instance_id"), ask.param("backup_id"));
    let open = shows_instance(desk, ME, instance_id, || refuse(Denied::NoInstance))?;
    let fits = |backup: &&Backup| {
        open && backup.listed(desk.now)
            && same(instance_id, &backup.instance_id)
            && same(wanted_kind, kind(backup))
            && within(span, backup.began)
    };
    let (items, total) = match backup_id {
        Some(id) => paged(desk.ledger.find(ME, desk.project_id, id).into_iter().filter(fits), window, desk.modes),
        None => paged(desk.ledger.newest_first(ME, desk.project_id).filter(fits), window, desk.modes),
    };
    let engine = if desk.modes.otc { "GaussDB(for openGauss)" } else { "GaussDB" };
    let row = |backup: &Backup| {
        let mut row = object(json!({
            "id": backup.id,
            "name": backup.name,
            "description": backup.description,
            "begin_time": clock::zoned(backup.began, ZONE),
            "status": shown(backup, desk.now, super::common::status_word),
            "size": kilobytes(backup.size_bytes(desk.now)) / 1024.0,
            "type": kind(backup),
            "datastore": {"type": engine, "version": backup.version},
            "instance_id": backup.instance_id,
        }));
        tell_end(&mut row, "end_time", backup.ended(desk.now).map(|at| clock::zoned(at, ZONE)), desk.modes);
        Value::Object(row)
    };
    let rows = items.into_iter().map(row).collect();
    Ok(Answer::json(200, &Value::Object(list_body("backups", rows, "total_count", total, desk.modes))))
}

fn stop(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let id = ask.segment(1);
    check_instance_id(desk, ME, id)?;
    let vanishes = desk.modes.stopped_backup_vanishes;
    let job_id = desk.ledger.stop_all((ME, desk.project_id), id, vanishes, desk.pace, desk.now).map_err(refuse)?;
    Ok(Answer::json(202, &json!({"job_id": job_id})))
}

fn delete(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let id = ask.segment(1);
    check_backup_id(id, "DBS.280124")?;
    let name = desk.ledger.may_delete(ME, desk.project_id, id, desk.now).map_err(refuse)?.name.clone();
    desk.ledger.delete(ME, desk.project_id, id, desk.pace, desk.now).map_err(refuse)?;
    let body = if desk.modes.otc { json!({}) } else { json!({"backup_id": id, "backup_name": name}) };
    Ok(Answer::json(accepted(desk), &body))
}

/// The success of what has only begun: each cloud has its own.
fn accepted(desk: &Desk<'_>) -> u16 {
    if desk.modes.otc { 202 } else { 200 }
}

fn job(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let id = ask.param("id").ok_or_else(Refusal::parameter)?;
    let job = desk.ledger.job(ME, desk.project_id, id, desk.now).ok_or_else(|| Refusal::service(400, "DBS.200543"))?;
    let name = match job.task {
        Task::Backup => "BackupSnapshotGaussDBV5InInstance",
        Task::Stop => "StopBackupGaussDBV5InInstance",
        Task::Delete => "DeleteBackupGaussDBV5InInstance",
        Task::Restore => "RestoreGaussDBV5InInstance",
    };
    let mut body = object(json!({
        "id": job.id,
        "name": name,
        "status": job.status(desk.now).word(),
        "created": clock::zoned(job.created, ZONE),
        "progress": job.progress(desk.now),
        "instance": {"id": job.instance_id, "name": job.instance_name},
        "fail_reason": job.fail_reason(desk.now).unwrap_or_default(),
    }));
    tell_end(&mut body, "ended", job.ended(desk.now).map(|at| clock::zoned(at, ZONE)), desk.modes);
    Ok(Answer::json(200, &json!({"job": body})))
}

fn instances(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let window = page(ask, 100, 100)?;
    let (id, name) = (ask.param("id"), star_filter(ask, "name")?);
    let mode = ask.param("type");
    if mode.is_some_and(|mode| mode != "Enterprise" && mode != "Ha") {
        return Err(Refusal::parameter());
    }
    let fits = |instance: &&Instance| {
        instance.service == ME
            && instance.project_id == desk.project_id
            && same(id, &instance.id)
            && star(name, &instance.name)
            && same(mode, &instance.mode)
    };
    let (found, total) = paged(desk.ledger.instances().iter().filter(fits), window, desk.modes);
    let row = |instance: &Instance| {
        json!({
            "id": instance.id,
            "name": instance.name,
            "status": instance_word(desk.ledger.activity(instance, desk.now)),
            "private_ips": ["192.168.0.142"],
            "public_ips": [],
            "port": 8000,
            "type": instance.mode,
            "ha": {"replication_mode": "sync", "consistency": "strong"},
            "replica_num": 3,
            "region": instance.region,
            "datastore": {
                "type": instance.engine,
                "version": instance.version,
                "complete_version": format!("{}.0", instance.version),
            },
            "created": clock::zoned(instance.created, 0),
            "updated": clock::zoned(instance.created, 0),
            "db_user_name": "root",
            "vpc_id": part_uuid(instance, "vpc"),
            "subnet_id": part_uuid(instance, "subnet"),
            "security_group_id": part_uuid(instance, "security group"),
            "flavor_ref": "gaussdb.opengauss.ee.dn.m6.2xlarge.8.in",
            "flavor_info": {"vcpu": 8, "mem": 64},
            "volume": {"type": "ULTRAHIGH", "size": instance.size_gb},
            "switch_strategy": "",
            "backup_strategy": {"start_time": "16:00-17:00", "keep_days": 7},
            "maintenance_window": "02:00-06:00",
            "nodes": [],
            "enterprise_project_id": "0",
            "instance_mode": "enterprise",
            "disk_encryption_id": "",
            "charge_info": {"charge_mode": "postPaid"},
            "time_zone": "UTC",
            "tags": [],
        })
    };
    let rows = found.into_iter().map(row).collect();
    Ok(Answer::json(200, &Value::Object(list_body("instances", rows, "total_count", total, desk.modes))))
}
