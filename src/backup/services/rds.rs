//! Relational Database Service: MySQL, PostgreSQL, SQL Server, MariaDB.
//!
//! Reference: RDS API, "Backup and Restoration". Times carry an offset or none (then UTC), sizes count in KB. A create names
//! no job. The list needs the instance, also to look up one backup. A stop ends everything that runs on the instance, and
//! only PostgreSQL has it. The list does not tell descriptions.

use serde::Deserialize;
use serde_json::json;

use super::{restoring, wire};
use crate::backup::{
    Backup, BackupRef, Choice, Codes, Datastore, Facts, Filter, Misread, NewBackup, NewRestore, Service, StopScope,
    Unsupported, Verdict,
};
use crate::cloud::{Call, Product, Refusal, Reply};

/// The service.
pub(super) struct Rds;

static PRODUCT: Product = Product { key: "rds", host: |_, _| "rds" };

static FACTS: Facts = Facts {
    instance_suffixes: &[("in01", Some("MySQL")), ("in03", Some("PostgreSQL")), ("in04", Some("SQLServer"))],
    needs_instance: true,
    choice: Choice::Databases,
    choosing_engines: &["PostgreSQL", "SQL Server"],
    outlives_instance: true,
    tells_descriptions: false,
    batch_limit: 50,
    batch: "/v3/{project_id}/backups/batch-delete",
    stop: StopScope::Instance,
    kinds: &[("auto", "auto"), ("manual", "manual"), ("fragment", "fragment"), ("incremental", "incremental")],
    codes: CODES,
    ..Facts::usual(
        &PRODUCT,
        "Relational Database Service (RDS)",
        "https://support.huaweicloud.com/intl/en-us/rds/index.html",
    )
};

const CODES: &[Codes] = &[
    (&[400], &["DBS.201203", "DBS.280214"], Verdict::Gone),
    (
        &[400, 403, 409],
        &[
            "DBS.01010337",
            "DBS.01280030",
            "DBS.200076",
            "DBS.200080",
            "DBS.200086",
            "DBS.200452",
            "DBS.200463",
            "DBS.200611",
            "DBS.201206",
            "DBS.212006",
            "DBS.212033",
            "DBS.280011",
            "DBS.280343",
            "DBS.280816",
        ],
        Verdict::Busy,
    ),
    // The instance is not ready.
    (&[500], &["DBS.280036"], Verdict::Busy),
    (&[409], &["RDS.0011", "RDS.3004"], Verdict::Busy),
    (&[400], &["DBS.201208", "DBS.200054", "RDS.3016"], Verdict::WrongState),
];

/// The call that restores every engine.
const RESTORE: &str = "/v3.1/{project_id}/instances/recovery";

#[derive(Default, Deserialize)]
#[serde(default)]
struct DeleteResults {
    delete_results: Option<Vec<wire::BatchItem>>,
}

impl Service for Rds {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn create(&self, want: &NewBackup) -> Result<Call, Unsupported> {
        let mut body = wire::flat_create(want);
        if !want.databases.is_empty() {
            body["databases"] = want.databases.iter().map(|database| json!({ "name": database.name })).collect();
            if want.individually {
                body["backup_database_individually"] = true.into();
            }
        }
        Ok(FACTS.post(FACTS.backups, Some(body)))
    }

    fn find(&self, backup: &BackupRef) -> Result<Vec<Call>, Unsupported> {
        let Some(instance_id) = &backup.instance_id else {
            return Err(Unsupported(
                "RDS looks a backup up only together with its instance: give `instance_id`".to_owned(),
            ));
        };
        Ok(vec![FACTS.get(FACTS.list).with("instance_id", &**instance_id).with("backup_id", &*backup.id)])
    }

    fn list(&self, filter: &Filter, offset: u64, limit: u64) -> Result<Vec<Call>, Unsupported> {
        if filter.instance_id.is_none() {
            return Err(Unsupported("RDS lists the backups of one instance only: give `instance_id`".to_owned()));
        }
        Ok(vec![FACTS.filtered(FACTS.get(FACTS.list), filter).page(offset, limit)])
    }

    fn stop(&self, backup: &Backup) -> Option<Call> {
        let engine = backup.datastore.as_ref();
        if engine.is_some_and(|engine| !engine.kind.eq_ignore_ascii_case("PostgreSQL")) {
            return None;
        }
        Some(FACTS.post(FACTS.of_instance(&backup.instance_id, "backups/stop"), None))
    }

    fn delete_many(&self, ids: &[String]) -> Option<Call> {
        let call = FACTS.post(FACTS.batch, Some(json!({ "backup_ids": ids })));
        Some(Call { safe_to_repeat: true, ..call })
    }

    fn deleted_many(&self, reply: &Reply) -> Result<Vec<(String, Refusal)>, Misread> {
        let body: DeleteResults = wire::read(reply, "the reply to the delete")?;
        let results =
            body.delete_results.ok_or_else(|| Misread("the reply to the delete has no `delete_results`".to_owned()))?;
        results.into_iter().filter(|item| !item.succeeded()).map(|item| item.refusal(reply)).collect()
    }

    fn download(&self, backup: &BackupRef) -> Option<Call> {
        Some(FACTS.get("/v3/{project_id}/backup-files").with("backup_id", &*backup.id))
    }

    fn restore(&self, want: &NewRestore) -> Result<Call, Unsupported> {
        let mut body = restoring::recovery(want, restoring::number);
        // Without it SQL Server restores no database; the other engines have no choice.
        body["source"]["restore_all_database"] = json!(true);
        // The older call is the only one there is on Open Telekom Cloud.
        let call = FACTS.post(RESTORE, Some(body));
        Ok(call.path_in("otc.t-systems.com", format!("{}/recovery", FACTS.instances)))
    }

    fn restores(&self, engine: &Datastore, path: &str) -> Result<(), Unsupported> {
        if path == RESTORE || !engine.kind.eq_ignore_ascii_case("PostgreSQL") {
            return Ok(());
        }
        Err(Unsupported(
            "the call by which this cloud restores an existing instance of RDS is not for PostgreSQL".to_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::proofs::{databases, example, json, line, lines, manual, of, reply, verdicts, want};
    use super::*;
    use crate::backup::{Datastore, JobStatus, More, Started, Status};

    const INSTANCE: &str = "d8e6ca5a624745bcb546a227aa3ae1cfin01";
    const BACKUP: &str = "2f4ddb93b9014b0893d81d2e472f30febr01";

    #[test]
    fn create() {
        let call = Rds.create(&want(INSTANCE, "backup_after_release", "manual backup")).unwrap();
        assert_eq!(line(&call), "POST /v3/{project_id}/backups");
        assert_eq!(call.body, Some(json(example!("rds.create.request"))));
        let server = "d8e6ca5a624745bcb546a227aa3ae1cfin04";
        let some =
            NewBackup { databases: databases(&["db1", "db2"]), ..want(server, "backup_two_dbs", "manual backup") };
        let mut body = json(example!("rds.create.sqlserver.request"));
        assert_eq!(Rds.create(&some).unwrap().body.as_ref(), Some(&body));
        body["backup_database_individually"] = true.into();
        assert_eq!(Rds.create(&NewBackup { individually: true, ..some }).unwrap().body, Some(body));
        let expected = Started {
            backup_id: BACKUP.into(),
            instance_id: Some(INSTANCE.into()),
            job_id: None,
            begin: Some("2025-06-03T08:12:40Z".parse().unwrap()),
            name: Some("backup_after_release".into()),
            ..Started::default()
        };
        assert_eq!(Rds.started(&reply(example!("rds.create.response"))), Ok(expected));
        // One documented sample has no zone.
        let zoneless = reply(r#"{"backup": {"id": "b", "begin_time": "2016-09-12T01:17:05"}}"#);
        assert_eq!(Rds.started(&zoneless).unwrap().begin, Some("2016-09-12T01:17:05Z".parse().unwrap()));
    }

    #[test]
    fn find_and_list() {
        assert_eq!(
            lines(&Rds.find(&of(BACKUP, INSTANCE)).unwrap()),
            [format!("GET /v3/{{project_id}}/backups?instance_id={INSTANCE}&backup_id={BACKUP}")]
        );
        assert!(Rds.find(&BackupRef::new(BACKUP, None)).is_err());
        assert_eq!(
            lines(&Rds.list(&manual(INSTANCE), 100, 100).unwrap()),
            [format!("GET /v3/{{project_id}}/backups?instance_id={INSTANCE}&backup_type=manual&offset=100&limit=100")]
        );
        assert!(Rds.list(&Filter::default(), 0, 100).is_err());
    }

    #[test]
    fn listed() {
        let page = Rds.listed(&reply(example!("rds.list.response"))).unwrap();
        let expected = Backup {
            id: BACKUP.into(),
            instance_id: INSTANCE.into(),
            instance_name: None,
            name: "backup_after_release".into(),
            description: None,
            status: Status::Completed,
            kind: Some("manual".into()),
            datastore: Some(Datastore { kind: "MySQL".into(), version: Some("8.0".into()) }),
            begin: Some("2025-06-03T08:12:40Z".parse().unwrap()),
            end: Some("2025-06-03T08:16:21Z".parse().unwrap()),
            size_bytes: Some(2803 * 1024),
            data_nodes: Vec::new(),
            more: More { restore_size_gib: Some(40), ..More::default() },
        };
        assert_eq!(page.items, [expected]);
        assert_eq!(Rds.listed(&reply(example!("rds.list.empty.response"))).unwrap().items, []);
    }

    #[test]
    fn stop_is_for_postgresql() {
        let mut backup = Rds.listed(&reply(example!("rds.list.response"))).unwrap().items.remove(0);
        assert!(Rds.stop(&backup).is_none(), "MySQL");
        backup.datastore = Some(Datastore { kind: "PostgreSQL".into(), version: None });
        let stop = Rds.stop(&backup).unwrap();
        assert_eq!(line(&stop), format!("POST /v3/{{project_id}}/instances/{INSTANCE}/backups/stop"));
        assert_eq!(stop.body, None);
        backup.datastore = None;
        assert!(Rds.stop(&backup).is_some(), "it may be PostgreSQL");
        assert!(Rds.job_id(&reply(example!("rds.stop.response"))).is_some());
    }

    #[test]
    fn delete() {
        assert_eq!(line(&Rds.delete(BACKUP)), format!("DELETE /v3/{{project_id}}/backups/{BACKUP}"));
        assert_eq!(Rds.job_id(&reply("")), None);
        let ids = ["53ad33abe4394a0d9aee58b1b3976054br04", "63ad3439af974bd18f0b9c2a4e976054br04"].map(str::to_owned);
        let batch = Rds.delete_many(&ids).unwrap();
        assert_eq!(line(&batch), "POST /v3/{project_id}/backups/batch-delete");
        assert_eq!(batch.body, Some(json(example!("rds.batch-delete.request"))));
        assert!(batch.safe_to_repeat);
        let failed = Rds.deleted_many(&reply(example!("rds.batch-delete.response"))).unwrap();
        let failed: Vec<_> = failed.iter().map(|(id, refusal)| (&**id, &*refusal.code, Rds.verdict(refusal))).collect();
        assert_eq!(failed, [(&*ids[0], "DBS.200054", Verdict::WrongState)]);
        assert!(Rds.deleted_many(&reply("")).is_err());
    }

    #[test]
    fn jobs() {
        let job = Rds.job_read(&reply(example!("rds.job.response"))).unwrap().unwrap();
        assert_eq!((job.status, job.progress, job.fail_reason), (JobStatus::Completed, None, None));
    }

    #[test]
    fn instances() {
        assert_eq!(line(&Rds.instance(INSTANCE)), format!("GET /v3/{{project_id}}/instances?id={INSTANCE}"));
        let instance = Rds.instances_read(&reply(example!("rds.instances.response"))).unwrap().items.remove(0);
        assert_eq!(
            (&*instance.name, instance.idle, instance.mode.as_deref()),
            ("rds-shop", Some(true), Some("Single"))
        );
    }

    #[test]
    fn refusals() {
        verdicts(
            &Rds,
            &[
                (404, &["DBS.201010"], Verdict::Gone),
                (400, &["DBS.201203", "DBS.280214"], Verdict::Gone),
                (
                    409,
                    &[
                        "DBS.01010337",
                        "DBS.01280030",
                        "DBS.200011",
                        "DBS.200018",
                        "DBS.200019",
                        "DBS.200047",
                        "DBS.200076",
                        "DBS.200080",
                        "DBS.200086",
                        "DBS.200452",
                        "DBS.200463",
                        "DBS.200611",
                        "DBS.201015",
                        "DBS.201202",
                        "DBS.201205",
                        "DBS.201206",
                        "DBS.212006",
                        "DBS.212033",
                        "DBS.280011",
                        "DBS.280343",
                        "DBS.280816",
                        "RDS.3004",
                    ],
                    Verdict::Busy,
                ),
                (400, &["DBS.201014"], Verdict::Busy),
                (500, &["DBS.280036"], Verdict::Busy),
                (409, &["DBS.201201"], Verdict::NameTaken),
                (400, &["DBS.201208", "DBS.200054", "RDS.3016"], Verdict::WrongState),
                (409, &["DBS.200316"], Verdict::Final),
                (413, &["RDS.3003"], Verdict::Final),
            ],
        );
    }
}
