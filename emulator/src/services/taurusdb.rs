//! taurusdb, `TaurusDB` (`GaussDB` for `MySQL`), after its published API reference. Its clock shows east Asian time.

use serde_json::{Value, json};

use super::common::{
    Desk, Outcome, Route, Sample, backup_ids, check_instance_id, contains, instance_word, lasting_status, list_body,
    name_and_description, object, one_of, page, paged, part_uuid, same, shows_instance, span, star, star_filter,
    tell_end, text, within,
};
use crate::clock::{self, Millis};
use crate::ledger::{Activity, Backup, Denied, Instance, Job, Task, Wish};
use crate::service::Service;
use crate::wire::{Answer, Ask, Refusal};

const ME: Service = Service::Taurusdb;
const ZONE: i8 = 8;

pub(super) const SAMPLES: &[Sample] = &[("taurus-crm", "gaussdb-mysql"), ("taurus-shop", "gaussdb-mysql")];
pub(super) const ENGINES: &[(&str, &str, &str)] = &[("gaussdb-mysql", "8.0", "Cluster")];

pub(super) fn route(ask: &Ask) -> Option<Route> {
    let version = ask.segments.first()?.as_str();
    Some(match (ask.method.as_str(), version, ask.tail().as_slice()) {
        ("POST", "v3", ["backups", "create"]) => Route::new("create", create),
        ("GET", "v3", ["backups"]) => Route::new("list", list),
        ("GET", "v3", ["instances", _, "backups"]) => Route::new("instance_backups", instance_backups),
        ("DELETE", "v3", ["backups", _]) => Route::new("delete", delete),
        ("DELETE", "v3", ["backups"]) => Route::new("batch_delete", batch_delete),
        ("GET", "v3", ["jobs"]) => Route::new("job", job),
        ("GET", "v3", ["immediate-jobs"]) => Route::new("tasks", tasks),
        ("GET", "v3", ["instances"]) => Route::new("instances", instances),
        ("GET", "v3.1", ["instances"]) => Route::new("unified_instances", unified_instances),
        _ => return None,
    })
}

fn refuse(denied: Denied) -> Refusal {
    let (status, code) = match denied {
        Denied::NoInstance => (404, "DBS.200002"),
        Denied::NameTaken => (409, "DBS.201201"),
        Denied::BackupRunning | Denied::StillRunning => (409, "DBS.201205"),
        Denied::InstanceBusy | Denied::Stopping => (409, "DBS.200019"),
        Denied::NoBackup => (404, "DBS.201010"),
        Denied::NotRunning | Denied::Leaving => (400, "DBS.201208"),
        Denied::NotManual => (403, "DBS.280015"),
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
        unique_name: false,
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
    Ok(Answer::json(201, &json!({"backup": backup, "job_id": started.job_id})))
}

fn kind(backup: &Backup) -> &'static str {
    if backup.kind == "manual" { "manual" } else { "auto" }
}

fn megabytes(backup: &Backup, now: Millis) -> u64 {
    backup.size_bytes(now) / (1024 * 1024)
}

fn list(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let window = page(ask, 100, 100)?;
    let span = span(ask, ("begin_time", "end_time"), clock::read_zoned)?;
    let wanted_kind = one_of(ask, "backup_type", &["auto", "manual"])?;
    let newer = |name: &str| if desk.modes.otc { None } else { ask.param(name) };
    let (instance_id, backup_id) = (ask.param("instance_id"), ask.param("backup_id"));
    let found =
        backup_id.and_then(|id| desk.ledger.find(ME, desk.project_id, id)).filter(|backup| backup.listed(desk.now));
    let open = shows_instance(desk, ME, instance_id, || refuse(Denied::NoInstance))?;
    let fits = |backup: &&Backup| {
        open && backup.listed(desk.now)
            && same(instance_id, &backup.instance_id)
            && same(wanted_kind, kind(backup))
            && within(span, backup.began)
            && contains(newer("name"), &backup.name)
            && contains(newer("instance_name"), &backup.instance_name)
    };
    let (items, total) = match backup_id {
        Some(_) => paged(found.into_iter().filter(fits), window, desk.modes),
        None => paged(desk.ledger.newest_first(ME, desk.project_id).filter(fits), window, desk.modes),
    };
    let row = |backup: &Backup| {
        let minutes = backup.ended(desk.now).map_or(0, |end| (end - backup.began) / 60_000);
        let mut row = object(json!({
            "id": backup.id,
            "name": backup.name,
            "begin_time": clock::zoned(backup.began, ZONE),
            "status": lasting_status(backup, desk.now),
            "take_up_time": minutes,
            "type": kind(backup),
            "size": megabytes(backup, desk.now),
            "datastore": {"type": backup.engine, "version": backup.version},
            "instance_id": backup.instance_id,
            "instance_name": backup.instance_name,
            "backup_level": "0",
            "description": backup.description,
            "backup_mode": "completed",
        }));
        tell_end(&mut row, "end_time", backup.ended(desk.now).map(|at| clock::zoned(at, ZONE)), desk.modes);
        Value::Object(row)
    };
    let rows = items.into_iter().map(row).collect();
    Ok(Answer::json(200, &Value::Object(list_body("backups", rows, "total_count", total, desk.modes))))
}

fn instance_backups(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let window = page(ask, 100, 100)?;
    let instance_id = ask.segment(1);
    if desk.ledger.instance(ME, desk.project_id, instance_id).is_none() {
        return Err(refuse(Denied::NoInstance));
    }
    let fits = |backup: &&Backup| backup.listed(desk.now) && backup.instance_id == instance_id;
    let (items, total) = paged(desk.ledger.newest_first(ME, desk.project_id).filter(fits), window, desk.modes);
    let row = |backup: &Backup| {
        json!({
            "id": backup.id,
            "description": backup.description,
            "instance_id": backup.instance_id,
            "instance_name": backup.instance_name,
            "name": backup.name,
            "size": (backup.size_bytes(desk.now) / 1024).to_string(),
            "size_unit": "KB",
            "status": lasting_status(backup, desk.now),
            "created": clock::zoned(backup.began, ZONE),
            "updated": clock::zoned(backup.ended(desk.now).unwrap_or(backup.began), ZONE),
            "backup_type": kind(backup),
            "backup_level": "0",
            "backup_method": "Physical",
            "use_detail": "",
            "time_zone": "UTC+08:00",
            "backup_mode": "completed",
        })
    };
    let rows = items.into_iter().map(row).collect();
    let mut body = list_body("backups", rows, "total_count", total, desk.modes);
    // This list alone writes its count as a text.
    if let Some(total) = body.get_mut("total_count") {
        *total = json!(total.to_string());
    }
    Ok(Answer::json(200, &Value::Object(body)))
}

fn delete(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let id = ask.segment(1);
    let name = desk.ledger.may_delete(ME, desk.project_id, id, desk.now).map_err(refuse)?.name.clone();
    desk.ledger.delete(ME, desk.project_id, id, desk.pace, desk.now).map_err(refuse)?;
    Ok(Answer::json(200, &json!({"backup_id": id, "backup_name": name})))
}

fn batch_delete(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let ids = backup_ids(ask, 50)?;
    let mut failed = Vec::new();
    for id in &ids {
        if let Err(denied) = desk.ledger.delete(ME, desk.project_id, id, desk.pace, desk.now) {
            let refusal = refuse(denied);
            failed.push(json!({"backup_id": id, "error_code": refusal.code, "error_msg": refusal.message}));
        }
    }
    let count = failed.len();
    let body = json!({"failed_results": failed, "success_count": ids.len() - count, "failed_count": count});
    Ok(Answer::json(200, &body))
}

fn task_name(task: Task) -> &'static str {
    match task {
        Task::Backup => "CreateGaussDBforMySQLManualBackup",
        Task::Stop => "StopGaussDBforMySQLBackup",
        Task::Delete => "DeleteGaussDBforMySQLManualBackup",
        Task::Restore => "RestoreGaussDBforMySQLInInstance",
    }
}

fn job(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let id = ask.param("id").ok_or_else(Refusal::parameter)?;
    let job = desk.ledger.job(ME, desk.project_id, id, desk.now).ok_or_else(|| Refusal::service(400, "DBS.200543"))?;
    let mut body = object(json!({
        "id": job.id,
        "name": task_name(job.task),
        "status": job.status(desk.now).word(),
        "created": clock::zoned(job.created, ZONE),
        "process": job.progress(desk.now),
        "instance": {"id": job.instance_id, "name": job.instance_name},
        "entities": {},
        "fail_reason": job.fail_reason(desk.now).unwrap_or_default(),
    }));
    tell_end(&mut body, "ended", job.ended(desk.now).map(|at| clock::zoned(at, ZONE)), desk.modes);
    Ok(Answer::json(200, &json!({"job": body})))
}

fn tasks(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let window = page(ask, 10, 50)?;
    if ![10, 20, 50].contains(&window.1) {
        return Err(Refusal::parameter());
    }
    let span = span(ask, ("start_time", "end_time"), clock::read_zoned)?;
    let (id, name) = (ask.param("job_id"), ask.param("job_name"));
    let wanted = one_of(ask, "status", &["Pending", "Running", "Completed", "Failed"])?;
    let fits = |job: &&Job| {
        same(id, &job.id)
            && same(name, task_name(job.task))
            && same(wanted, job.status(desk.now).word())
            && within(span, job.created)
    };
    let (jobs, total) = paged(desk.ledger.jobs(ME, desk.project_id, desk.now).filter(fits), window, desk.modes);
    let row = |job: &Job| {
        let mut row = object(json!({
            "instance_id": job.instance_id,
            "instance_name": job.instance_name,
            "instance_status": "normal",
            "job_id": job.id,
            "order_id": "",
            "job_name": task_name(job.task),
            "status": job.status(desk.now).word(),
            "process": job.progress(desk.now),
            "created_time": clock::zoned(job.created, ZONE),
            "fail_reason": job.fail_reason(desk.now).unwrap_or_default(),
        }));
        tell_end(&mut row, "ended_time", job.ended(desk.now).map(|at| clock::zoned(at, ZONE)), desk.modes);
        Value::Object(row)
    };
    let rows = jobs.into_iter().map(row).collect();
    Ok(Answer::json(200, &Value::Object(list_body("jobs", rows, "total_count", total, desk.modes))))
}

fn instances(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    instance_list(desk, ask, instance_word)
}

fn unified_instances(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    instance_list(desk, ask, |_| "normal")
}

fn instance_list(desk: &Desk<'_>, ask: &Ask, word: fn(Activity) -> &'static str) -> Outcome {
    let window = page(ask, 100, 100)?;
    let (id, name) = (ask.param("id"), star_filter(ask, "name")?);
    one_of(ask, "datastore_type", &["gaussdb-mysql"])?;
    one_of(ask, "type", &["Cluster"])?;
    let fits = |instance: &&Instance| {
        instance.service == ME
            && instance.project_id == desk.project_id
            && same(id, &instance.id)
            && star(name, &instance.name)
    };
    let (found, total) = paged(desk.ledger.instances().iter().filter(fits), window, desk.modes);
    let row = |instance: &Instance| {
        json!({
            "id": instance.id,
            "name": instance.name,
            "status": word(desk.ledger.activity(instance, desk.now)),
            "private_ips": ["192.168.0.142"],
            "proxy_ips": [],
            "readonly_private_ips": [],
            "public_ips": [],
            "port": "3306",
            "type": instance.mode,
            "region": instance.region,
            "datastore": {"type": instance.engine, "version": "8.0.22", "kernel_version": "2.0.54.240600"},
            "created": clock::zoned(instance.created, ZONE),
            "updated": clock::zoned(instance.created, ZONE),
            "db_user_name": "root",
            "vpc_id": part_uuid(instance, "vpc"),
            "subnet_id": part_uuid(instance, "subnet"),
            "security_group_id": part_uuid(instance, "security group"),
            "flavor_ref": "gaussdb.mysql.xlarge.x86.8",
            "flavor_info": {"vcpus": "4", "ram": "32"},
            "volume": {"type": "DL6", "size": "10240"},
            "backup_strategy": {"start_time": "18:00-19:00", "keep_days": "7"},
            "enterprise_project_id": "0",
            "time_zone": "UTC+08:00",
            "charge_info": {"charge_mode": "postPaid"},
        })
    };
    let rows = found.into_iter().map(row).collect();
    Ok(Answer::json(200, &Value::Object(list_body("instances", rows, "total_count", total, desk.modes))))
}
