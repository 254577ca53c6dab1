//! GeminiDB (GaussDB NoSQL): Cassandra, and on Huawei Cloud also Mongo, Influx and Redis instances.
//!
//! Reference: GeminiDB API, "Backup and Restoration". Times carry an offset, sizes count in KB and may have fractions.
//! "Busy" comes as 403, "gone" as 400. Instance backups and table backups are listed apart. The create wants a
//! `description`, be it empty. Of Cassandra instances single databases and tables can be backed up.

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::json;

use super::{restoring, wire};
use crate::backup::{
    BackupRef, Choice, Codes, Database, Datastore, Facts, Filter, Idle, Job, Misread, NewBackup, NewRestore, Page,
    RestorePoint, Service, Started, Unsupported, Verdict,
};
use crate::cloud::{Call, Product, Reply};

/// The service.
pub(super) struct GeminiDb;

static PRODUCT: Product = Product { key: "geminidb", host: |_, _| "gaussdb-nosql" };

static FACTS: Facts = Facts {
    instance_suffixes: &[("in06", None)],
    choice: Choice::Tables,
    choosing_engines: &["Cassandra"],
    batch_limit: 10,
    list: "/v4/{project_id}/backups",
    kinds: &[("auto", "Auto"), ("manual", "Manual")],
    headers: &[],
    idle: Idle::StatusAndActions("normal"),
    restore_times: Some("restorable_time_periods"),
    codes: CODES,
    ..Facts::usual(
        &PRODUCT,
        "GeminiDB (GaussDB NoSQL)",
        "https://support.huaweicloud.com/intl/en-us/geminidb/index.html",
    )
};

/// The values of the `type` filter. Without it only the first kind is listed, also when asked for by id.
const TYPES: [&str; 2] = ["Instance", "DatabaseTable"];

const CODES: &[Codes] = &[
    (&[400], &["DBS.201204", "DBS.201214"], Verdict::Gone),
    (&[400, 403, 409], &["DBS.200076", "DBS.201000"], Verdict::Busy),
    (&[400, 403, 409, 500], &["DBS.200019", "DBS.201015", "DBS.280005"], Verdict::Busy),
    (&[400], &["CBC.99003651"], Verdict::Busy),
    (&[400, 403], &["DBS.201208", "DBS.201319"], Verdict::WrongState),
];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Jobs {
    jobs: Option<Vec<wire::JobItem>>,
}

impl Service for GeminiDb {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn create(&self, want: &NewBackup) -> Result<Call, Unsupported> {
        let mut body = json!({ "name": want.name, "description": want.description.as_deref().unwrap_or_default() });
        if !want.databases.is_empty() {
            let part = |database: &Database| json!({ "database_name": database.name, "table_names": database.tables });
            body["database_tables"] = want.databases.iter().map(part).collect();
        }
        Ok(FACTS.post(FACTS.of_instance(&want.instance_id, "backups"), Some(body)))
    }

    fn started(&self, reply: &Reply) -> Result<Started, Misread> {
        wire::started_by_id(reply)
    }

    fn find(&self, backup: &BackupRef) -> Result<Vec<Call>, Unsupported> {
        let call = |scope: &&str| FACTS.get(FACTS.list).with("backup_id", &*backup.id).with("type", *scope);
        Ok(TYPES.iter().map(call).collect())
    }

    fn list(&self, filter: &Filter, offset: u64, limit: u64) -> Result<Vec<Call>, Unsupported> {
        let list = || FACTS.filtered(FACTS.get(FACTS.list), filter);
        let call = |scope: &&str| list().with("type", *scope).page(offset, limit);
        Ok(TYPES.iter().map(call).collect())
    }

    fn job_read(&self, reply: &Reply) -> Result<Option<Job>, Misread> {
        let body: Jobs = wire::read(reply, "the list of jobs")?;
        let jobs = body.jobs.ok_or_else(|| Misread("the list of jobs has no `jobs`".to_owned()))?;
        jobs.into_iter().next().map(wire::JobItem::job).transpose()
    }

    fn restore(&self, want: &NewRestore) -> Result<Call, Unsupported> {
        let backup_id = restoring::backup_only(want, FACTS.title)?;
        let path = FACTS.of_instance(&want.target_instance_id, "recovery");
        Ok(FACTS.post(path, Some(json!({ "backup_id": backup_id }))))
    }

    fn restores(&self, engine: &Datastore, _: &str) -> Result<(), Unsupported> {
        if engine.kind.eq_ignore_ascii_case("mongodb") {
            return Ok(());
        }
        Err(Unsupported(format!(
            "GeminiDB restores an existing instance only if its engine is mongodb; this one is {}",
            engine.kind
        )))
    }

    fn restorable(&self, want: &NewRestore, offset: u64, limit: u64) -> Option<Call> {
        let RestorePoint::Backup(id) = &want.point else { return None };
        Some(FACTS.get(format!("{}/restorable-instances", FACTS.backup(id))).page(offset, limit))
    }

    fn restorable_read(&self, reply: &Reply) -> Result<Page<String>, Misread> {
        restoring::targets(reply, "restorable_instances")
    }

    fn restore_times(&self, instance_id: &str, day: Date, offset: u64) -> Result<Call, Unsupported> {
        let path = FACTS.of_instance(instance_id, "backups/restorable-time-periods");
        let (start, end) = restoring::ends_of(day);
        Ok(FACTS.get(path).with("start_time", start).with("end_time", end).page(offset, restoring::PERIODS))
    }
}

#[cfg(test)]
mod tests {
    use super::super::proofs::{example, json, line, lines, manual, of, reply, verdicts, want};
    use super::*;
    use crate::backup::{Backup, JobStatus, More, Status};

    const INSTANCE: &str = "a4d8ea2584e047439a667703c0684119in06";
    const BACKUP: &str = "646d88d0b03f4fd2ae944ae2a33bcb6ain06";

    #[test]
    fn create() {
        let call = GeminiDb.create(&want(INSTANCE, "backup-4f57", "manual backup")).unwrap();
        assert_eq!(line(&call), format!("POST /v3/{{project_id}}/instances/{INSTANCE}/backups"));
        assert_eq!(call.body, Some(json(example!("geminidb.create.request"))));
        let bare = GeminiDb.create(&want(INSTANCE, "backup-4f57", "")).unwrap();
        assert_eq!(bare.body, Some(json!({"name": "backup-4f57", "description": ""})));
        let tables = |name: &str, tables: &[&str]| Database {
            name: name.to_owned(),
            tables: tables.iter().map(|table| (*table).to_owned()).collect(),
        };
        let some = NewBackup {
            databases: vec![tables("ks1", &["orders", "customers"]), tables("ks2", &[])],
            ..want(INSTANCE, "backup-tables-01", "two tables of ks1 and all of ks2")
        };
        let call = GeminiDb.create(&some).unwrap();
        assert_eq!(call.body, Some(json(example!("geminidb.create.table-level.request"))));
        let started = GeminiDb.started(&reply(example!("geminidb.create.response"))).unwrap();
        assert_eq!(started.backup_id, BACKUP);
        assert_eq!(started.job_id.as_deref(), Some("8061ceaf-b319-4315-9338-7f3de8e26f05"));
        assert!(GeminiDb.started(&reply("{}")).is_err());
    }

    #[test]
    fn find_and_list() {
        assert_eq!(
            lines(&GeminiDb.find(&of(BACKUP, INSTANCE)).unwrap()),
            [
                format!("GET /v4/{{project_id}}/backups?backup_id={BACKUP}&type=Instance"),
                format!("GET /v4/{{project_id}}/backups?backup_id={BACKUP}&type=DatabaseTable"),
            ]
        );
        let query = format!("instance_id={INSTANCE}&backup_type=Manual");
        assert_eq!(
            lines(&GeminiDb.list(&manual(INSTANCE), 0, 100).unwrap()),
            [
                format!("GET /v4/{{project_id}}/backups?{query}&type=Instance&offset=0&limit=100"),
                format!("GET /v4/{{project_id}}/backups?{query}&type=DatabaseTable&offset=0&limit=100"),
            ]
        );
    }

    #[test]
    fn listed() {
        let page = GeminiDb.listed(&reply(example!("geminidb.list.response"))).unwrap();
        let expected = Backup {
            id: BACKUP.into(),
            instance_id: INSTANCE.into(),
            instance_name: Some("nosql-events".into()),
            name: "backup-4f57".into(),
            description: Some("manual backup".into()),
            status: Status::Completed,
            kind: Some("manual".into()),
            datastore: Some(Datastore { kind: "cassandra".into(), version: Some("3.11".into()) }),
            begin: Some("2025-06-03T08:12:40Z".parse().unwrap()),
            end: Some("2025-06-03T08:16:11Z".parse().unwrap()),
            size_bytes: Some(30_106), // 29.4 KB
            data_nodes: Vec::new(),
            more: More::default(),
        };
        assert_eq!(page.items, [expected]);
        let tables = GeminiDb.listed(&reply(example!("geminidb.list.table-level.response"))).unwrap();
        assert_eq!(tables.items[0].name, "backup-tables-01");
        let told = [("ks1", vec!["orders".to_owned(), "customers".to_owned()]), ("ks2", Vec::new())];
        let told = told.map(|(name, tables)| Database { name: name.to_owned(), tables });
        assert_eq!(tables.items[0].more.databases, told);
    }

    #[test]
    fn stop_and_delete() {
        let backup = GeminiDb.listed(&reply(example!("geminidb.list.response"))).unwrap().items.remove(0);
        let stop = GeminiDb.stop(&backup).unwrap();
        assert_eq!(line(&stop), format!("PUT /v3/{{project_id}}/backups/{BACKUP}"));
        assert_eq!(stop.body, Some(json(example!("geminidb.stop.request"))));
        assert!(GeminiDb.job_id(&reply(example!("geminidb.stop.response"))).is_some());
        assert_eq!(line(&GeminiDb.delete(BACKUP)), format!("DELETE /v3/{{project_id}}/backups/{BACKUP}"));
        assert!(GeminiDb.job_id(&reply(example!("geminidb.delete.response"))).is_some());
        let batch = GeminiDb.delete_many(&[BACKUP.to_owned()]).unwrap();
        assert_eq!(line(&batch), "DELETE /v3/{project_id}/instances/backups");
        assert_eq!(batch.body, Some(json(example!("geminidb.batch-delete.request"))));
    }

    #[test]
    fn jobs() {
        assert_eq!(line(&GeminiDb.job("j1").unwrap()), "GET /v3/{project_id}/jobs?id=j1");
        let read = |text| GeminiDb.job_read(&reply(text));
        let running = read(example!("geminidb.jobs.running.response")).unwrap().unwrap();
        assert_eq!((running.status, running.progress.as_deref()), (JobStatus::Running, Some("60%")));
        let completed = read(example!("geminidb.jobs.completed.response")).unwrap().unwrap();
        assert_eq!((completed.status, completed.progress, completed.fail_reason), (JobStatus::Completed, None, None));
        assert_eq!(read(example!("geminidb.jobs.empty.response")), Ok(None));
        assert!(read("{}").is_err());
    }

    #[test]
    fn instances() {
        assert_eq!(line(&GeminiDb.instance(INSTANCE)), format!("GET /v3/{{project_id}}/instances?id={INSTANCE}"));
        let page = GeminiDb.instances_read(&reply(example!("geminidb.instances.response"))).unwrap();
        let instance = &page.items[0];
        assert_eq!((&*instance.id, &*instance.name, instance.idle), (INSTANCE, "nosql-events", Some(true)));
        assert_eq!(instance.mode.as_deref(), Some("Cluster"));
    }

    #[test]
    fn refusals() {
        verdicts(
            &GeminiDb,
            &[
                (400, &["DBS.201204", "DBS.201214"], Verdict::Gone),
                (
                    403,
                    &["DBS.200011", "DBS.200018", "DBS.200019", "DBS.200076", "DBS.201000", "DBS.201014", "DBS.201015"],
                    Verdict::Busy,
                ),
                (400, &["DBS.200047", "DBS.201202", "CBC.99003651"], Verdict::Busy),
                (500, &["DBS.200019", "DBS.200998", "DBS.201015", "DBS.280005"], Verdict::Busy),
                (429, &["DBS.280443"], Verdict::Busy),
                (400, &["DBS.201201"], Verdict::NameTaken),
                (400, &["DBS.201319", "DBS.201208"], Verdict::WrongState),
                // An invalid retention period, a parameter template, invalid information: not what they are elsewhere.
                (400, &["DBS.280214", "DBS.212006", "DBS.301024", "DBS.201212", "DBS.280063"], Verdict::Final),
            ],
        );
    }
}
