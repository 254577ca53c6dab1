//! What restores of several services have in common.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};

use super::super::{Misread, NewRestore, Page, RestorePoint, Span, Unsupported};
use super::wire;
use crate::cloud::{Body, Reply};

/// So many restorable periods are asked for at once.
pub(in crate::backup) const PERIODS: u64 = 1000;

/// A moment as milliseconds since 1970, as a number.
pub(in crate::backup) fn number(moment: Timestamp) -> Json {
    json!(moment.as_millisecond())
}

/// The same as a text.
pub(in crate::backup) fn text(moment: Timestamp) -> Json {
    json!(moment.as_millisecond().to_string())
}

/// `source` and `target`, as DDS, RDS and `GaussDB` want them.
pub(in crate::backup) fn recovery(want: &NewRestore, moment: fn(Timestamp) -> Json) -> Json {
    let mut source = point(want, moment);
    source["instance_id"] = json!(want.source_instance_id);
    json!({ "source": source, "target": { "instance_id": want.target_instance_id } })
}

/// `type`, and the backup or the moment.
pub(in crate::backup) fn point(want: &NewRestore, moment: fn(Timestamp) -> Json) -> Json {
    match &want.point {
        RestorePoint::Backup(id) => json!({ "type": "backup", "backup_id": id }),
        RestorePoint::Time(at) => json!({ "type": "timestamp", "restore_time": moment(*at) }),
    }
}

/// The backup's id, where a service restores nothing else.
pub(in crate::backup) fn backup_only<'a>(want: &'a NewRestore, title: &str) -> Result<&'a str, Unsupported> {
    match &want.point {
        RestorePoint::Backup(id) => Ok(id),
        RestorePoint::Time(_) => Err(Unsupported(format!(
            "{title} restores an existing instance from a backup only, not to a point in time"
        ))),
    }
}

/// The first and the last second of a day in UTC, as `GeminiDB` wants times: with an offset.
pub(in crate::backup) fn ends_of(day: Date) -> (String, String) {
    (format!("{day}T00:00:00+0000"), format!("{day}T23:59:59+0000"))
}

/// A page of spans, which the service calls so.
pub(in crate::backup) fn spans(reply: &Reply, name: &str) -> Result<Page<Span>, Misread> {
    #[derive(Deserialize)]
    struct Time {
        #[serde(default, deserialize_with = "wire::text")]
        start_time: Option<String>,
        #[serde(default, deserialize_with = "wire::text")]
        end_time: Option<String>,
    }
    let moment = |millis: Option<String>| {
        let millis = millis.unwrap_or_default();
        let read = millis.parse().ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
        read.ok_or_else(|| Misread("the begin or the end of a span is not a time in milliseconds".to_owned()))
    };
    page(reply, name, |time: Time| Ok(Span { start: moment(time.start_time)?, end: moment(time.end_time)? }))
}

/// A page of ids of instances that can take a restore, which the service calls so.
pub(in crate::backup) fn targets(reply: &Reply, name: &str) -> Result<Page<String>, Misread> {
    #[derive(Deserialize)]
    struct Restorable {
        instance_id: Option<String>,
    }
    page(reply, name, |target: Restorable| wire::id(target.instance_id, "a restorable instance"))
}

fn page<R: DeserializeOwned, T>(
    reply: &Reply,
    name: &str,
    read: impl Fn(R) -> Result<T, Misread>,
) -> Result<Page<T>, Misread> {
    let mut body: Map<String, Json> = wire::read(reply, "the answer about restores")?;
    let rows = body.remove(name).ok_or_else(|| Misread(format!("the answer has no `{name}`")))?;
    let rows: Vec<R> = Body::from(rows).read().map_err(|why| Misread(format!("`{name}`: {why}")))?;
    let items = rows.into_iter().map(read).collect::<Result<_, _>>()?;
    let total = body.get("total_count").and_then(|total| wire::number(total).ok().flatten());
    Ok(Page { items, total: wire::count(total) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::proofs::{line, reply};
    use super::super::{ALL, named};
    use super::*;
    use crate::backup::{Datastore, Service};

    const SOURCE: &str = "SOURCE";
    const TARGET: &str = "TARGET";

    fn from_backup() -> NewRestore {
        want(RestorePoint::Backup("BACKUP".to_owned()))
    }

    fn from_time() -> NewRestore {
        want(RestorePoint::Time("2026-11-21T12:00:00Z".parse().unwrap()))
    }

    fn want(point: RestorePoint) -> NewRestore {
        NewRestore { source_instance_id: SOURCE.to_owned(), point, target_instance_id: TARGET.to_owned() }
    }

    fn service(key: &str) -> &'static dyn Service {
        named(key).unwrap()
    }

    #[test]
    fn each_service_is_asked_in_its_own_words() {
        let target = json!({ "instance_id": TARGET });
        let millis = 1_795_262_400_000_i64;
        let backup = json!({ "instance_id": SOURCE, "type": "backup", "backup_id": "BACKUP" });
        let moment = |moment: Json| json!({ "instance_id": SOURCE, "type": "timestamp", "restore_time": moment });
        let both = |source: Json| json!({ "source": source, "target": target });
        let taurus = |point: Json| {
            let mut body = point;
            body["source_instance_id"] = json!(SOURCE);
            body["target_instance_id"] = json!(TARGET);
            body
        };
        let whole = |mut source: Json| {
            source["restore_all_database"] = json!(true);
            both(source)
        };
        let recovery = "POST /v3/{project_id}/instances/recovery";
        for (key, call, of_backup, of_time) in [
            ("dds", recovery, both(backup.clone()), Some(both(moment(json!(millis.to_string()))))),
            (
                "rds",
                "POST /v3.1/{project_id}/instances/recovery",
                whole(backup.clone()),
                Some(whole(moment(json!(millis)))),
            ),
            ("gaussdb", recovery, both(backup), Some(both(moment(json!(millis.to_string()))))),
            (
                "taurusdb",
                "POST /v3/{project_id}/instances/restore",
                taurus(json!({ "type": "backup", "backup_id": "BACKUP" })),
                Some(taurus(json!({ "type": "timestamp", "restore_time": millis }))),
            ),
            ("geminidb", "POST /v3/{project_id}/instances/TARGET/recovery", json!({ "backup_id": "BACKUP" }), None),
        ] {
            let sent = service(key).restore(&from_backup()).unwrap();
            assert_eq!((line(&sent).as_str(), sent.body), (call, Some(of_backup)), "{key}");
            assert!(!sent.safe_to_repeat, "{key}");
            let sent = service(key).restore(&from_time());
            assert_eq!(sent.ok().and_then(|call| call.body), of_time, "{key}");
        }
        assert!(service("ddm").restore(&from_backup()).is_err());
        let on_otc = service("rds").restore(&from_backup()).unwrap().path_in.unwrap();
        assert_eq!(on_otc, ("otc.t-systems.com", "/v3/{project_id}/instances/recovery".to_owned()));
    }

    #[test]
    fn which_engines_are_restored() {
        let engine = |kind: &str| Datastore { kind: kind.to_owned(), version: None };
        for (key, kind, restores, restores_on_otc) in [
            ("geminidb", "mongodb", true, true),
            ("geminidb", "cassandra", false, false),
            ("geminidb", "redis", false, false),
            ("rds", "MySQL", true, true),
            ("rds", "PostgreSQL", true, false),
            ("rds", "SQLServer", true, true),
        ] {
            let call = service(key).restore(&from_backup()).unwrap();
            let restored = |path: &str| service(key).restores(&engine(kind), path).is_ok();
            assert_eq!(restored(&call.path), restores, "{key} {kind}");
            let path = call.path_in.as_ref().map_or(&call.path, |(_, path)| path);
            assert_eq!(restored(path), restores_on_otc, "{key} {kind}");
        }
    }

    #[test]
    fn targets_are_listed_by_two_services() {
        for service in ALL {
            let key = service.facts().key();
            let asked = [from_backup(), from_time()].map(|want| service.restorable(&want, 100, 100));
            let lines = asked.map(|call| call.as_ref().map(line));
            let page = "offset=100&limit=100";
            let expected = match key {
                "geminidb" => {
                    [Some(format!("GET /v3/{{project_id}}/backups/BACKUP/restorable-instances?{page}")), None]
                }
                "gaussdb" => ["backup_id=BACKUP", "restore_time=1795262400000"].map(|point| {
                    let path = "GET /v3/{project_id}/restorable-instances";
                    Some(format!("{path}?source_instance_id=SOURCE&{point}&{page}"))
                }),
                _ => [None, None],
            };
            assert_eq!(lines, expected, "{key}");
        }
        for name in ["instances", "restorable_instances"] {
            let body = json!({ name: [{ "instance_id": "i1" }, { "instance_id": "i2" }], "total_count": 2 });
            let page = targets(&reply(&body.to_string()), name).unwrap();
            assert_eq!(page, Page { items: vec!["i1".to_owned(), "i2".to_owned()], total: Some(2) });
        }
        for bad in ["", "{}", r#"{"instances": null}"#, r#"{"instances": [{}]}"#, r#"{"instances": {}}"#] {
            assert!(targets(&reply(bad), "instances").is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_asked_for_by_day() {
        let day = "2026-11-21".parse().unwrap();
        let by_date = "GET /v3/{project_id}/instances/SOURCE/restore-time?date=2026-11-21";
        for (key, expected) in [
            ("dds", by_date),
            ("rds", by_date),
            ("gaussdb", by_date),
            ("taurusdb", by_date),
            (
                "geminidb",
                "GET /v3/{project_id}/instances/SOURCE/backups/restorable-time-periods?\
                 start_time=2026-11-21T00:00:00+0000&end_time=2026-11-21T23:59:59+0000&offset=7&limit=1000",
            ),
        ] {
            assert_eq!(line(&service(key).restore_times(SOURCE, day, 7).unwrap()), expected, "{key}");
        }
        assert!(service("ddm").restore_times(SOURCE, day, 0).is_err());
    }

    #[test]
    fn spans_are_read_under_three_names() {
        let expected =
            Span { start: "2026-11-21T00:00:00Z".parse().unwrap(), end: "2026-11-21T02:00:00Z".parse().unwrap() };
        for name in ["restore_time", "restore_times", "restorable_time_periods"] {
            for (start, end) in [
                (json!(1_795_219_200_000_i64), json!(1_795_226_400_000_i64)),
                (json!("1795219200000"), json!("1795226400000")),
            ] {
                let body = json!({ name: [{ "start_time": start, "end_time": end }] });
                let page = spans(&reply(&body.to_string()), name).unwrap();
                assert_eq!(page, Page { items: vec![expected], total: None });
            }
        }
        for bad in [
            "",
            "{}",
            r#"{"restore_time": null}"#,
            r#"{"restore_time": [{}]}"#,
            r#"{"restore_time": [{"start_time": "soon", "end_time": 1}]}"#,
            r#"{"restore_time": [{"start_time": 1, "end_time": 1e300}]}"#,
        ] {
            assert!(spans(&reply(bad), "restore_time").is_err(), "{bad}");
        }
    }
}
