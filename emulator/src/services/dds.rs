//! dds, Document Database Service, after its published API reference.

use serde_json::{Value, json};

use super::common::{
    Desk, Outcome, Route, Sample, backup_ids, check_backup_id, check_instance_id, contains, delete_all, download,
    download_route, list_body, name_and_description, object, one_of, page, paged, part_id, part_uuid, same, shown,
    shows_instance, span, star, star_filter, stop_action, tell_end, text, within,
};
use crate::clock;
use crate::ledger::{Activity, Backup, Denied, Instance, Job, Status, Task, Wish};
use crate::service::Service;
use crate::wire::{Answer, Ask, Refusal};

const ME: Service = Service::Dds;

pub(super) const SAMPLES: &[Sample] =
    &[("dds-orders", "ReplicaSet"), ("dds-billing", "Sharding"), ("dds-logs", "Single")];
pub(super) const ENGINES: &[(&str, &str, &str)] =
    &[("ReplicaSet", "4.4", "ReplicaSet"), ("Sharding", "4.0", "Sharding"), ("Single", "3.4", "Single")];

pub(super) fn route(ask: &Ask) -> Option<Route> {
    let version = ask.segments.first()?.as_str();
    Some(match (ask.method.as_str(), version, ask.tail().as_slice()) {
        ("POST", "v3", ["backups"]) => Route::new("create", create),
        ("GET", "v3", ["backups"]) => Route::new("list", list),
        ("GET", "v3", ["backups", "download-file"]) => Route::new("download", files),
        ("PUT", "v3", ["backups", _]) => Route::new("stop", stop),
        ("DELETE", "v3", ["backups", _]) => Route::new("delete", delete),
        ("DELETE", "v3", ["instances", "backups"]) => Route::new("batch_delete", batch_delete),
        ("GET", "v3", ["jobs"]) => Route::new("job", job),
        ("GET", "v3.1", ["jobs"]) => Route::new("tasks", tasks),
        ("GET", "v3", ["instances"]) => Route::new("instances", instances),
        _ => return download_route(ask),
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
    let backup = body.get("backup").ok_or_else(Refusal::parameter)?;
    let instance_id = text(backup, "instance_id")?;
    let (name, description) = name_and_description(backup, desk.modes)?;
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
    let started = desk.ledger.start(wish, desk.pace, desk.now).map_err(|denied| refuse(desk, denied))?;
    Ok(Answer::json(200, &json!({"job_id": started.job_id, "backup_id": started.backup_id})))
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Building => "BUILDING",
        Status::Completed => "COMPLETED",
        Status::Failed => "FAILED",
        Status::Deleting => "DISABLED",
    }
}

fn kind(backup: &Backup) -> &'static str {
    match backup.kind.as_str() {
        "auto" => "Auto",
        "incremental" => "Incremental",
        "fragment" => "Fragment",
        _ => "Manual",
    }
}

fn list(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let window = page(ask, 100, 100)?;
    let span = span(ask, ("begin_time", "end_time"), clock::read_spaced)?;
    let wanted_kind = one_of(ask, "backup_type", &["Auto", "Manual", "Incremental"])?;
    let mode = one_of(ask, "mode", &["Sharding", "ReplicaSet", "Single"])?;
    // Open Telekom Cloud documents none of the filters below; there they have no effect.
    let newer = |name: &str| if desk.modes.otc { None } else { ask.param(name) };
    let wanted_status = match newer("backup_status") {
        None => None,
        Some(_) => one_of(ask, "backup_status", &["COMPLETED", "BUILDING", "FAILED"])?,
    };
    let order = match (newer("order_field"), newer("order_rule")) {
        (None, None) => None,
        (Some(field), Some("asc")) => Some((field, false)),
        (Some(field), Some("desc")) => Some((field, true)),
        _ => return Err(Refusal::parameter()),
    };
    let (instance_id, backup_id) = (ask.param("instance_id"), ask.param("backup_id"));
    let found =
        backup_id.and_then(|id| desk.ledger.find(ME, desk.project_id, id)).filter(|backup| backup.listed(desk.now));
    if backup_id.is_some() && found.is_none() && desk.modes.unknown_backup_refused {
        return Err(refuse(desk, Denied::NoBackup));
    }
    let incremental = wanted_kind == Some("Incremental") || found.is_some_and(|backup| kind(backup) == "Incremental");
    if incremental && instance_id.is_none() {
        return Err(Refusal::parameter());
    }
    let open = shows_instance(desk, ME, instance_id, || refuse(desk, Denied::NoInstance))?;
    let fits = |backup: &&Backup| {
        open && backup.listed(desk.now)
            && same(instance_id, &backup.instance_id)
            && wanted_kind.map_or(backup_id.is_some() || kind(backup) != "Incremental", |kind_| kind_ == kind(backup))
            && within(span, backup.began)
            && same(mode, &backup.mode)
            && wanted_status.is_none_or(|word| word == shown(backup, desk.now, status))
            && contains(newer("backup_name"), &backup.name)
            && contains(newer("backup_description"), &backup.description)
            && contains(newer("instance_name"), &backup.instance_name)
    };
    let (items, total) = match (backup_id, order) {
        (Some(_), _) => paged(found.into_iter().filter(fits), window, desk.modes),
        (None, None) => paged(desk.ledger.newest_first(ME, desk.project_id).filter(fits), window, desk.modes),
        (None, Some((field, descending))) => {
            let mut all: Vec<&Backup> = desk.ledger.newest_first(ME, desk.project_id).filter(fits).collect();
            sort(desk, &mut all, field)?;
            if descending {
                all.reverse();
            }
            paged(all.into_iter(), window, desk.modes)
        }
    };
    let items = items.into_iter().map(|backup| item(desk, backup)).collect();
    Ok(Answer::json(200, &Value::Object(list_body("backups", items, "total_count", total, desk.modes))))
}

fn sort(desk: &Desk<'_>, all: &mut [&Backup], field: &str) -> Result<(), Refusal> {
    match field {
        "name" => all.sort_by(|a, b| a.name.cmp(&b.name)),
        "instanceName" => all.sort_by(|a, b| a.instance_name.cmp(&b.instance_name)),
        "type" => all.sort_by_key(|backup| kind(backup)),
        "datastoreType" => {}
        "beginTime" => all.sort_by_key(|backup| backup.began),
        "status" => all.sort_by_key(|backup| status(backup.status(desk.now))),
        _ => return Err(Refusal::parameter()),
    }
    Ok(())
}

fn item(desk: &Desk<'_>, backup: &Backup) -> Value {
    let mut item = object(json!({
        "id": backup.id,
        "name": backup.name,
        "instance_id": backup.instance_id,
        "instance_name": backup.instance_name,
        "datastore": {"type": "DDS-Community", "version": backup.version},
        "type": kind(backup),
        "begin_time": clock::spaced(backup.began),
        "status": shown(backup, desk.now, status),
        "size": backup.size_bytes(desk.now) / 1024,
        "description": backup.description,
    }));
    tell_end(&mut item, "end_time", backup.ended(desk.now).map(clock::spaced), desk.modes);
    if desk.modes.otc {
        item["datastore"]["storage_engine"] = json!("wiredTiger");
    } else if backup.ended(desk.now).is_some() {
        item.extend(object(json!({
            "instance_status": "normal",
            "instance_mode": backup.mode,
            "is_instance_restoring": false,
            "backup_method": "Physical",
            "kms_enable": false,
            "deletable": backup.kind == "manual",
        })));
    }
    Value::Object(item)
}

fn files(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let instance_id = ask.param("instance_id").ok_or_else(Refusal::parameter)?;
    let backup_id = ask.param("backup_id").ok_or_else(Refusal::parameter)?;
    let backup = desk
        .ledger
        .find(ME, desk.project_id, backup_id)
        .filter(|backup| backup.instance_id == instance_id && !backup.gone(desk.now))
        .ok_or_else(|| refuse(desk, Denied::NoBackup))?;
    if backup.status(desk.now) != Status::Completed {
        return Err(Refusal::service(400, "DBS.201208"));
    }
    let name = format!("{}.tar.gz", backup.id);
    let (link, expires) = download(desk, ME, backup, &name);
    let file = json!({
        "name": name,
        "size": backup.size_bytes(desk.now) / 1024,
        "download_link": link,
        "link_expired_time": expires,
        "group_id": part_id_of(backup),
        "group_name": backup.mode,
    });
    Ok(Answer::json(200, &json!({"files": [file], "bucket": "dds-backups-emulated"})))
}

fn part_id_of(backup: &Backup) -> String {
    crate::mint::stable_hex(&["group", &backup.instance_id]) + "gr02"
}

fn stop(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    stop_action(ask)?;
    let vanishes = desk.modes.stopped_backup_vanishes;
    let job_id = desk
        .ledger
        .stop((ME, desk.project_id), ask.segment(1), vanishes, desk.pace, desk.now)
        .map_err(|denied| refuse(desk, denied))?;
    Ok(Answer::json(202, &json!({"job_id": job_id})))
}

fn delete(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let id = ask.segment(1);
    check_backup_id(id, "DBS.280124")?;
    let job_id =
        desk.ledger.delete(ME, desk.project_id, id, desk.pace, desk.now).map_err(|denied| refuse(desk, denied))?;
    Ok(Answer::json(200, &json!({"job_id": job_id})))
}

fn batch_delete(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let ids = backup_ids(ask, 10)?;
    delete_all(desk, ME, &ids, refuse)
}

fn task_name(task: Task) -> &'static str {
    match task {
        Task::Backup => "MongodbSnapshotBackup",
        Task::Stop => "MongodbStopBackup",
        Task::Delete => "MongodbDeleteBackup",
        Task::Restore => "MongodbRestoreData2CurrentInstance",
    }
}

fn job(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let id = ask.param("id").ok_or_else(Refusal::parameter)?;
    let job = desk.ledger.job(ME, desk.project_id, id, desk.now).ok_or_else(|| Refusal::service(400, "DBS.200543"))?;
    let mut body = object(json!({
        "id": job.id,
        "name": task_name(job.task),
        "status": job.status(desk.now).word(),
        "created": clock::zoned(job.created, 0),
        "progress": job.progress(desk.now),
        "instance": {"id": job.instance_id, "name": job.instance_name},
        "fail_reason": job.fail_reason(desk.now),
    }));
    tell_end(&mut body, "ended", job.ended(desk.now).map(|at| clock::zoned(at, 0)), desk.modes);
    Ok(Answer::json(200, &json!({"job": body})))
}

fn tasks(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let window = page(ask, 100, 100)?;
    let span = span(ask, ("start_time", "end_time"), clock::read_zoned)?.ok_or_else(Refusal::parameter)?;
    if span.1 - span.0 > 30 * 86_400_000 {
        return Err(Refusal::parameter());
    }
    let (id, name) = (ask.param("id"), ask.param("name"));
    let wanted = one_of(ask, "status", &["Running", "Completed", "Failed"])?;
    let fits = |job: &&Job| {
        within(Some(span), job.created)
            && same(id, &job.id)
            && same(name, task_name(job.task))
            && same(wanted, job.status(desk.now).word())
    };
    let (jobs, total) = paged(desk.ledger.jobs(ME, desk.project_id, desk.now).filter(fits), window, desk.modes);
    let row = |job: &Job| {
        let mut row = object(json!({
            "id": job.id,
            "name": task_name(job.task),
            "instance_id": job.instance_id,
            "instance_name": job.instance_name,
            "status": job.status(desk.now).word(),
            "progress": job.progress(desk.now),
            "fail_reason": job.fail_reason(desk.now).unwrap_or_default(),
            "created_at": clock::zoned(job.created, 0),
        }));
        tell_end(&mut row, "ended_at", job.ended(desk.now).map(|at| clock::zoned(at, 0)), desk.modes);
        Value::Object(row)
    };
    let rows = jobs.into_iter().map(row).collect();
    Ok(Answer::json(200, &Value::Object(list_body("jobs", rows, "total_count", total, desk.modes))))
}

fn instances(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let window = page(ask, 100, 100)?;
    let (id, name) = (ask.param("id"), star_filter(ask, "name")?);
    let mode = one_of(ask, "mode", &["Sharding", "ReplicaSet", "Single"])?;
    one_of(ask, "datastore_type", &["DDS-Community", "DDS-Enhanced"])?;
    let fits = |instance: &&Instance| {
        instance.service == ME
            && instance.project_id == desk.project_id
            && same(id, &instance.id)
            && star(name, &instance.name)
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
        Activity::Otherwise => json!(["REBOOT"]),
    };
    json!({
        "id": instance.id,
        "name": instance.name,
        "remark": "",
        "status": "normal",
        "port": "8635",
        "mode": instance.mode,
        "region": instance.region,
        "datastore": {
            "type": "DDS-Community",
            "version": instance.version,
            "patch_available": false,
            "whole_version": format!("{}.17.240800", instance.version),
        },
        "engine": "wiredTiger",
        "created": clock::zoneless(instance.created),
        "updated": clock::zoneless(instance.created),
        "db_user_name": "rwuser",
        "ssl": 1,
        "vpc_id": part_uuid(instance, "vpc"),
        "subnet_id": part_uuid(instance, "subnet"),
        "security_group_id": part_uuid(instance, "security group"),
        "backup_strategy": {"start_time": "16:00-17:00", "keep_days": 7},
        "pay_mode": "0",
        "maintenance_window": "02:00-06:00",
        "groups": [{
            "type": "replica",
            "id": part_id(instance, "group") + "gr02",
            "name": "replica",
            "status": "normal",
            "volume": {"size": instance.size_gb.to_string(), "used": "0.33"},
            "nodes": [{
                "id": part_id(instance, "node") + "no02",
                "name": format!("{}_replica_node_1", instance.name),
                "status": "normal",
                "role": "Primary",
                "private_ip": "192.168.0.174",
                "public_ip": "",
                "spec_code": "dds.mongodb.s6.large.2.repset",
                "availability_zone": format!("{}-01", instance.region),
            }],
        }],
        "disk_encryption_id": "",
        "enterprise_project_id": "0",
        "time_zone": "",
        "actions": actions,
        "tags": [],
    })
}
