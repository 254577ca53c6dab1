//! Restores of all services: five shapes of request, one ledger.

use serde_json::{Value, json};

use super::common::{Desk, Outcome, Route, list_body, page, paged, part_uuid, text};
use crate::clock::{self, Millis};
use crate::ledger::Instance;
use crate::restores::{Order, Point, Unfit};
use crate::service::Service;
use crate::wire::{Answer, Ask, Refusal};

const DAY: Millis = 86_400_000;

/// The operation behind a request, if the service has it.
pub(super) fn route(service: Service, ask: &Ask) -> Option<Route> {
    use Service::{Dds, Gaussdb, Geminidb, Rds, Taurusdb};
    let version = ask.segments.first()?.as_str();
    Some(match (service, ask.method.as_str(), version, ask.tail().as_slice()) {
        (Dds, "POST", "v3", ["instances", "recovery"]) => Route::new("restore", dds),
        (Gaussdb, "POST", "v3", ["instances", "recovery"]) => Route::new("restore", gaussdb),
        (Rds, "POST", "v3" | "v3.1", ["instances", "recovery"]) => Route::new("restore", rds),
        (Taurusdb, "POST", "v3", ["instances", "restore"]) => Route::new("restore", taurusdb),
        (Geminidb, "POST", "v3", ["instances", _, "recovery"]) => Route::new("restore", geminidb),
        (Dds, "GET", "v3", ["instances", _, "restore-time"]) => Route::new("restore_times", dds_times),
        (Gaussdb, "GET", "v3", ["instances", _, "restore-time"]) => Route::new("restore_times", gaussdb_times),
        (Rds, "GET", "v3", ["instances", _, "restore-time"]) => Route::new("restore_times", rds_times),
        (Taurusdb, "GET", "v3", ["instances", _, "restore-time"]) => Route::new("restore_times", taurusdb_times),
        (Geminidb, "GET", "v3", ["instances", _, "backups", "restorable-time-periods"]) => {
            Route::new("restore_times", geminidb_times)
        }
        (Gaussdb, "GET", "v3" | "v3.1", ["restorable-instances"]) => Route::new("restorable", gaussdb_targets),
        (Geminidb, "GET", "v3", ["backups", _, "restorable-instances"]) => Route::new("restorable", geminidb_targets),
        _ => return None,
    })
}

fn refuse(service: Service, unfit: Unfit) -> Refusal {
    use Service::{Dds, Gaussdb, Geminidb, Rds};
    let (status, code) = match (unfit, service) {
        (Unfit::NoBackup, Dds | Geminidb) => (400, "DBS.201214"),
        (Unfit::NoBackup, Rds) => (404, "DBS.201010"),
        (Unfit::NoBackup, _) => (400, "DBS.200751"),
        (Unfit::NotCompleted, _) => (400, "DBS.201208"),
        (Unfit::NoInstance, _) => (404, "DBS.200002"),
        (Unfit::Mismatch, Gaussdb | Geminidb) => (400, "DBS.301024"),
        (Unfit::Mismatch, _) => (400, "DBS.280001"),
        (Unfit::Busy, Dds | Geminidb) => (403, "DBS.200019"),
        (Unfit::Busy, _) => (409, "DBS.200019"),
    };
    Refusal::service(status, code)
}

fn begin(desk: &mut Desk<'_>, service: Service, order: Order<'_>) -> Result<String, Refusal> {
    desk.ledger.restore(order, desk.pace, desk.now).map_err(|unfit| refuse(service, unfit))
}

/// The body that DDS, RDS and `GaussDB` share, but for the type of the moment.
fn recovery(desk: &mut Desk<'_>, service: Service, ask: &Ask, moment: fn(&Value) -> Option<Millis>) -> Outcome {
    let body = ask.json()?;
    let source = body.get("source").ok_or_else(Refusal::parameter)?;
    let target = body.get("target").ok_or_else(Refusal::parameter)?;
    let order = Order {
        service,
        project_id: desk.project_id,
        source: Some(text(source, "instance_id")?),
        point: point(source, moment)?,
        target: text(target, "instance_id")?,
        fails: desk.doomed,
    };
    let job_id = begin(desk, service, order)?;
    Ok(Answer::json(if service == Service::Rds { 202 } else { 200 }, &json!({ "job_id": job_id })))
}

/// `type` and what it asks for; `backup` where it is left out.
fn point(source: &Value, moment: fn(&Value) -> Option<Millis>) -> Result<Point<'_>, Refusal> {
    match source.get("type").map_or(Some("backup"), Value::as_str) {
        Some("backup") => Ok(Point::Backup(text(source, "backup_id")?)),
        Some("timestamp") => {
            source.get("restore_time").and_then(moment).map(Point::Time).ok_or_else(Refusal::parameter)
        }
        _ => Err(Refusal::parameter()),
    }
}

fn in_text(value: &Value) -> Option<Millis> {
    value.as_str()?.parse().ok()
}

fn either(value: &Value) -> Option<Millis> {
    value.as_i64().or_else(|| in_text(value))
}

fn dds(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    recovery(desk, Service::Dds, ask, either)
}

fn gaussdb(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    recovery(desk, Service::Gaussdb, ask, in_text)
}

fn rds(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let body = ask.json()?;
    let engine = body["target"]["instance_id"].as_str().and_then(|id| engine_of(desk, Service::Rds, id));
    let source = &body["source"];
    let chosen = source["restore_all_database"] == json!(true) || source["database_name"].is_object();
    match (ask.segments.first().map(String::as_str), engine.as_deref()) {
        (Some("v3"), Some("PostgreSQL")) => Err(Refusal::parameter()),
        (Some("v3.1"), Some("SQLServer")) if !chosen => Err(Refusal::parameter()),
        _ => recovery(desk, Service::Rds, ask, Value::as_i64),
    }
}

fn engine_of(desk: &Desk<'_>, service: Service, instance_id: &str) -> Option<String> {
    desk.ledger.instance(service, desk.project_id, instance_id).map(|instance| instance.engine.clone())
}

fn taurusdb(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let body = ask.json()?;
    text(&body, "type")?;
    let order = Order {
        service: Service::Taurusdb,
        project_id: desk.project_id,
        source: Some(text(&body, "source_instance_id")?),
        point: point(&body, Value::as_i64)?,
        target: text(&body, "target_instance_id")?,
        fails: desk.doomed,
    };
    let job_id = begin(desk, Service::Taurusdb, order)?;
    Ok(Answer::json(200, &json!({ "job_id": job_id })))
}

fn geminidb(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let body = ask.json()?;
    if engine_of(desk, Service::Geminidb, ask.segment(1)).is_some_and(|engine| engine != "mongodb") {
        return Err(Refusal::parameter());
    }
    let order = Order {
        service: Service::Geminidb,
        project_id: desk.project_id,
        source: None,
        point: Point::Backup(text(&body, "backup_id")?),
        target: ask.segment(1),
        fails: desk.doomed,
    };
    let job_id = begin(desk, Service::Geminidb, order)?;
    Ok(Answer::json(202, &json!({ "job_id": job_id })))
}

fn spans(desk: &Desk<'_>, service: Service, ask: &Ask) -> Result<Vec<(Millis, Millis)>, Refusal> {
    let instance = desk.ledger.instance(service, desk.project_id, ask.segment(1));
    Ok(desk.ledger.spans(instance.ok_or_else(|| refuse(service, Unfit::NoInstance))?, desk.now))
}

/// What of them lies in a window; of a moment all that there is.
fn clipped(spans: Vec<(Millis, Millis)>, (from, to): (Millis, Millis)) -> Vec<Value> {
    let cut = spans.into_iter().map(|(begin, end)| (begin.max(from), end.min(to))).filter(|(begin, end)| begin <= end);
    cut.map(|(begin, end)| json!({"start_time": begin, "end_time": end})).collect()
}

/// A whole day in UTC.
fn day(date: &str) -> Result<(Millis, Millis), Refusal> {
    let from = clock::read_rfc3339(&format!("{date}T00:00:00Z")).ok_or_else(Refusal::parameter)?;
    Ok((from, from + DAY - 1))
}

fn by_date(desk: &Desk<'_>, service: Service, ask: &Ask, date: Option<&str>) -> Outcome {
    let window = date.map(day).transpose()?.unwrap_or((0, desk.now));
    let spans = clipped(spans(desk, service, ask)?, window);
    Ok(Answer::json(200, &json!({ "restore_time": spans })))
}

fn dds_times(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let date = ask.param("date").ok_or_else(Refusal::parameter)?;
    by_date(desk, Service::Dds, ask, Some(date))
}

fn gaussdb_times(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let date = ask.param("date").ok_or_else(Refusal::parameter)?;
    by_date(desk, Service::Gaussdb, ask, Some(date))
}

fn rds_times(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    by_date(desk, Service::Rds, ask, ask.param("date"))
}

/// `start_time` and `end_time` in milliseconds: both or neither.
fn between(ask: &Ask, now: Millis) -> Result<(Millis, Millis), Refusal> {
    let read = |text: &str| text.parse::<Millis>().ok();
    match (ask.param("start_time"), ask.param("end_time")) {
        (None, None) => Ok((0, now)),
        (Some(from), Some(to)) => match (read(from), read(to)) {
            (Some(from), Some(to)) if from <= to => Ok((from, to)),
            _ => Err(Refusal::parameter()),
        },
        _ => Err(Refusal::parameter()),
    }
}

/// `start_time` and `end_time` with an offset; from yesterday until now.
fn around(ask: &Ask, now: Millis) -> Result<(Millis, Millis), Refusal> {
    let read = |name: &str, otherwise: Millis| match ask.param(name) {
        Some(text) => clock::read_zoned(text).ok_or_else(Refusal::parameter),
        None => Ok(otherwise),
    };
    let (from, to) = (read("start_time", now - DAY)?, read("end_time", now)?);
    if from <= to { Ok((from, to)) } else { Err(Refusal::parameter()) }
}

fn taurusdb_times(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let window = ask.param("date").map_or_else(|| between(ask, desk.now), day)?;
    let spans = clipped(spans(desk, Service::Taurusdb, ask)?, window);
    Ok(Answer::json(200, &json!({ "restore_times": spans })))
}

fn geminidb_times(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let part = page(ask, 1000, 1000)?;
    let spans = spans(desk, Service::Geminidb, ask)?;
    if !matches!(engine_of(desk, Service::Geminidb, ask.segment(1)).as_deref(), Some("cassandra" | "influxdb")) {
        return Err(Refusal::parameter());
    }
    let all = clipped(spans, around(ask, desk.now)?);
    let (rows, total) = paged(all.into_iter(), part, desk.modes);
    Ok(Answer::json(200, &Value::Object(list_body("restorable_time_periods", rows, "total_count", total, desk.modes))))
}

fn geminidb_targets(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    const ME: Service = Service::Geminidb;
    let part = page(ask, 100, 100)?;
    let found = desk.ledger.find(ME, desk.project_id, ask.segment(1)).filter(|backup| !backup.gone(desk.now));
    let backup = found.ok_or_else(|| refuse(ME, Unfit::NoBackup))?;
    if backup.engine != "mongodb" {
        return Err(Refusal::parameter());
    }
    let fitting = desk.ledger.restorable(ME, desk.project_id, &backup.engine, backup.needs_gb);
    let row = |instance: &Instance| {
        json!({
            "instance_id": instance.id,
            "instance_mode": instance.mode,
            "engine_name": instance.engine,
            "engine_version": instance.version,
            "vpc_id": part_uuid(instance, "vpc"),
            "subnet_ids": [part_uuid(instance, "subnet")],
            "security_group_ids": [part_uuid(instance, "security group")],
        })
    };
    let (rows, total) = paged(fitting.into_iter().map(row), part, desk.modes);
    Ok(Answer::json(200, &Value::Object(list_body("restorable_instances", rows, "total_count", total, desk.modes))))
}

fn gaussdb_targets(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    const ME: Service = Service::Gaussdb;
    let part = page(ask, 100, 100)?;
    let source = ask.param("source_instance_id");
    let (engine, needs) = match (ask.param("backup_id"), ask.param("restore_time")) {
        (Some(id), _) => {
            let of_source = |instance: &str| source.is_none_or(|source| source == instance);
            let backup = desk
                .ledger
                .find(ME, desk.project_id, id)
                .filter(|backup| of_source(&backup.instance_id) && !backup.gone(desk.now));
            let backup = backup.ok_or_else(|| refuse(ME, Unfit::NoBackup))?;
            (backup.engine.clone(), backup.needs_gb)
        }
        (None, Some(_)) => {
            let source = desk.ledger.instance(ME, desk.project_id, source.ok_or_else(Refusal::parameter)?);
            let source = source.ok_or_else(|| refuse(ME, Unfit::NoInstance))?;
            (source.engine.clone(), source.size_gb)
        }
        (None, None) => return Err(Refusal::parameter()),
    };
    // The older call tells a number, as the vendor's clients read it.
    let numbered = ask.segments.first().is_some_and(|version| version == "v3");
    let version = |instance: &Instance| match instance.version.rsplit('-').next().map(str::parse::<f64>) {
        Some(Ok(number)) if numbered => json!(number),
        _ => json!(instance.version),
    };
    let row = |instance: &Instance| {
        json!({
            "instance_id": instance.id,
            "instance_name": instance.name,
            "volume_type": "ULTRAHIGH",
            "data_volume_size": instance.size_gb,
            "version": version(instance),
            "mode": instance.mode,
            "instance_mode": "enterprise",
        })
    };
    let fitting = desk.ledger.restorable(ME, desk.project_id, &engine, needs);
    let (rows, total) = paged(fitting.into_iter().map(row), part, desk.modes);
    Ok(Answer::json(200, &Value::Object(list_body("instances", rows, "total_count", total, desk.modes))))
}
