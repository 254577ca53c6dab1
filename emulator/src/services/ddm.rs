//! ddm, Distributed Database Middleware, after its published API reference. The cloud backs up its metadata; nobody else can.

use serde_json::{Map, Value, json};

use super::common::{
    Desk, Outcome, Route, Sample, contains, kilobytes, list_body, object, page, paged, part_uuid, same, shown,
    tell_end, tell_total,
};
use crate::clock;
use crate::ledger::{Activity, Backup, Denied, Instance, Job, Status, Task};
use crate::mint;
use crate::service::Service;
use crate::wire::{Answer, Ask, Refusal};

const ME: Service = Service::Ddm;

pub(super) const SAMPLES: &[Sample] = &[("ddm-front", "DDM"), ("ddm-archive", "DDM")];
pub(super) const ENGINES: &[(&str, &str, &str)] = &[("DDM", "3.1.0.2", "Cluster")];

pub(super) fn route(ask: &Ask) -> Option<Route> {
    let version = ask.segments.first()?.as_str();
    Some(match (ask.method.as_str(), version, ask.tail().as_slice()) {
        ("GET", "v3", ["backups"]) => Route::new("list", list),
        ("GET", "v3", ["instances", _, "backups", _]) => Route::new("show", show),
        ("DELETE", "v3", ["backups", _]) => Route::new("delete", delete),
        ("GET", "v3", ["jobs", _]) => Route::new("job", job),
        ("GET", "v3", ["jobs"]) => Route::new("tasks", tasks),
        ("GET", "v1", ["instances"]) => Route::new("instances", instances),
        ("GET", "v1", ["instances", _]) => Route::new("instance", instance),
        _ => return None,
    })
}

fn refuse(denied: Denied) -> Refusal {
    let (status, code) = match denied {
        Denied::NoBackup | Denied::NoInstance => (400, "DBS.280001"),
        Denied::NameTaken | Denied::NotRunning | Denied::NotManual => (400, "DBS.201014"),
        Denied::BackupRunning | Denied::InstanceBusy | Denied::Stopping | Denied::StillRunning | Denied::Leaving => {
            (409, "DBS.200019")
        }
    };
    Refusal::service(status, code)
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Building => "creating",
        // On its way out it is still shown as usable: "deleted" is never listed.
        Status::Completed | Status::Deleting => "normal",
        Status::Failed => "createfail",
    }
}

fn list(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let window = page(ask, 10, 128)?;
    let instance_id = ask.param("instance_id");
    let fits = |backup: &&Backup| {
        backup.listed(desk.now)
            && same(instance_id, &backup.instance_id)
            && contains(ask.param("instance_name"), &backup.instance_name)
            && contains(ask.param("backup_name"), &backup.name)
    };
    let (items, total) = paged(desk.ledger.newest_first(ME, desk.project_id).filter(fits), window, desk.modes);
    let row = |backup: &Backup| {
        let mut row = object(json!({
            "id": backup.id,
            "name": backup.name,
            "description": if backup.kind == "auto" { "auto metadata backup" } else { "metadata backup" },
            "status": shown(backup, desk.now, status),
            "instance_id": backup.instance_id,
            "instance_name": backup.instance_name,
            "instance_status": "normal",
            "file_size": kilobytes(backup.size_bytes(desk.now)),
            "created": clock::zoned(backup.began, 0),
            "backup_type": if backup.kind == "auto" { "auto_metadata" } else { "metadata" },
        }));
        tell_end(&mut row, "updated", backup.ended(desk.now).map(|at| clock::zoned(at, 0)), desk.modes);
        Value::Object(row)
    };
    let rows = items.into_iter().map(row).collect();
    let mut body = list_body("backups", rows, "total", total, desk.modes);
    body.insert("offset".to_owned(), json!(window.0));
    body.insert("limit".to_owned(), json!(window.1));
    Ok(Answer::json(200, &Value::Object(body)))
}

fn show(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let backup = desk
        .ledger
        .find(ME, desk.project_id, ask.segment(3))
        .filter(|backup| backup.instance_id == ask.segment(1) && backup.listed(desk.now))
        .ok_or_else(|| refuse(Denied::NoBackup))?;
    let node = mint::stable_hex(&["data node", &backup.instance_id]) + "in01";
    Ok(Answer::json(
        200,
        &json!({
            "id": backup.id,
            "name": backup.name,
            "instance_id": backup.instance_id,
            "instance_name": backup.instance_name,
            "related_data_nodes": [
                {"instance_id": node, "instance_name": format!("rds_of_{}_01", backup.instance_name)},
            ],
        }),
    ))
}

fn delete(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let job_id = desk.ledger.delete(ME, desk.project_id, ask.segment(1), desk.pace, desk.now).map_err(refuse)?;
    Ok(Answer::json(202, &json!({"job_id": job_id})))
}

fn task_name(task: Task) -> &'static str {
    match task {
        Task::Backup => "createConsistentBackup",
        Task::Stop => "stopConsistentBackup",
        Task::Delete => "deleteConsistentBackup",
        Task::Restore => "restoreInstance",
    }
}

fn job_body(desk: &Desk<'_>, job: &Job) -> Map<String, Value> {
    let mut body = object(json!({
        "id": job.id,
        "name": task_name(job.task),
        "status": job.status(desk.now).word(),
        "created_time": clock::zoned(job.created, 0),
        "process": job.progress(desk.now),
    }));
    tell_end(&mut body, "end_time", job.ended(desk.now).map(|at| clock::zoned(at, 0)), desk.modes);
    body
}

fn job(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let job = desk
        .ledger
        .job(ME, desk.project_id, ask.segment(1), desk.now)
        .ok_or_else(|| Refusal::service(400, "DBS.300400"))?;
    let mut body = job_body(desk, job);
    body.insert("instance".to_owned(), json!({"id": job.instance_id, "name": job.instance_name}));
    Ok(Answer::json(200, &json!({"job": body})))
}

fn tasks(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let window = page(ask, 10, 128)?;
    let moment = |name: &str| ask.param(name).and_then(|text| text.parse::<i64>().ok()).ok_or_else(Refusal::parameter);
    let (from, to) = (moment("start_time")?, moment("end_time")?);
    if from > to || from < desk.now - 30 * 86_400_000 {
        return Err(Refusal::parameter());
    }
    let fits = |job: &&Job| from <= job.created && job.created <= to;
    let (jobs, total) = paged(desk.ledger.jobs(ME, desk.project_id, desk.now).filter(fits), window, desk.modes);
    let row = |job: &Job| {
        let mut row = job_body(desk, job);
        row.extend(object(json!({
            "instance_name": job.instance_name,
            "instance_id": job.instance_id,
            "operations": [],
            "database_name": "",
            "fail_reason": job.fail_reason(desk.now).unwrap_or_default(),
        })));
        Value::Object(row)
    };
    let rows = jobs.into_iter().map(row).collect();
    let mut body = list_body("jobs", rows, "total", total, desk.modes);
    body.insert("offset".to_owned(), json!(window.0));
    body.insert("limit".to_owned(), json!(window.1));
    Ok(Answer::json(200, &Value::Object(body)))
}

fn instances(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let window = page(ask, 10, 128)?;
    let fits = |instance: &&Instance| instance.service == ME && instance.project_id == desk.project_id;
    let (found, total) = paged(desk.ledger.instances().iter().filter(fits), window, desk.modes);
    let row = |instance: &Instance| {
        let mut row = instance_body(desk, instance);
        row.extend(object(json!({
            "enterprise_project_id": "0",
            "project_id": instance.project_id,
            "engine_version": instance.version,
            "enable_ssl": false,
            "flavor_ref": "ddm.8xlarge.2",
        })));
        Value::Object(row)
    };
    let rows: Vec<Value> = found.into_iter().map(row).collect();
    let mut body = object(json!({
        "instance_num": rows.len(),
        "page_no": window.0 / window.1 + 1,
        "page_size": window.1,
        "total_page": total.div_ceil(window.1),
    }));
    body.insert("instances".to_owned(), Value::Array(rows));
    tell_total(&mut body, "total_record", total, desk.modes);
    Ok(Answer::json(200, &Value::Object(body)))
}

fn instance(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let instance =
        desk.ledger.instance(ME, desk.project_id, ask.segment(1)).ok_or_else(|| Refusal::service(404, "DBS.200002"))?;
    Ok(Answer::json(200, &Value::Object(instance_body(desk, instance))))
}

fn instance_body(desk: &Desk<'_>, instance: &Instance) -> Map<String, Value> {
    let word = match desk.ledger.activity(instance, desk.now) {
        Activity::Idle => "RUNNING",
        Activity::BackingUp => "BACKUP",
        Activity::Restoring => "RESTORE",
        Activity::Otherwise => "RESTARTING",
    };
    object(json!({
        "id": instance.id,
        "status": word,
        "name": instance.name,
        "created": clock::zoned(instance.created, 0),
        "updated": clock::zoned(instance.created, 0),
        "available_zone": format!("{}-01", instance.region),
        "vpc_id": part_uuid(instance, "vpc"),
        "subnet_id": part_uuid(instance, "subnet"),
        "security_group_id": part_uuid(instance, "security group"),
        "node_count": 2,
        "access_ip": "192.168.0.210",
        "access_port": "5066",
        "node_status": "RUNNING",
        "core_count": "8",
        "ram_capacity": "16",
    }))
}
