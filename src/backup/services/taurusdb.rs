//! TaurusDB (GaussDB for MySQL).
//!
//! Reference: TaurusDB API, "Backup Management": creating a manual backup, querying backups, deleting a manual backup.
//! Times carry an offset, sizes count in MB, `AVAILABLE` is another word for completed. There is no stop operation. The
//! endpoint has three names by region.

use serde::Deserialize;
use serde_json::json;

use super::{restoring, wire};
use crate::backup::{
    Codes, Facts, Idle, Instance, Misread, NewBackup, NewRestore, Page, Service, Status, StopScope, Unsupported,
    Verdict,
};
use crate::cloud::{Call, Product, Refusal, Reply};

/// The service.
pub(super) struct TaurusDb;

static PRODUCT: Product = Product { key: "taurusdb", host };

static FACTS: Facts = Facts {
    instance_suffixes: &[("in07", Some("TaurusDB"))],
    outlives_instance: true,
    names_are_unique: false,
    batch_limit: 50,
    batch: "/v3/{project_id}/backups",
    stop: StopScope::Never,
    unit: wire::MB,
    status,
    // The second word is that of the unified statuses of `/v3.1`.
    idle: Idle::Status(&["ACTIVE", "normal"]),
    restore_times: Some("restore_times"),
    codes: CODES,
    ..Facts::usual(
        &PRODUCT,
        "TaurusDB (GaussDB for MySQL)",
        "https://support.huaweicloud.com/intl/en-us/taurusdb/index.html",
    )
};

const CODES: &[Codes] = &[
    (&[400], &["DBS.201203", "DBS.280214"], Verdict::Gone),
    (&[400, 403, 409], &["DBS.05000084", "DBS.200086", "DBS.212006", "DBS.212033"], Verdict::Busy),
    (&[400], &["DBS.201208"], Verdict::WrongState),
];

fn host(region: &str, partition: &str) -> &'static str {
    match region {
        _ if wire::is_otc(partition) => "gaussdb-mysql",
        "ap-southeast-1" | "ap-southeast-2" | "cn-north-11" | "me-east-1" | "tr-west-1" => "gaussdbformysql",
        "af-south-1" | "cn-east-5" | "cn-southwest-3" | "la-north-2" => "gaussdb-mysql",
        _ => "gaussdb",
    }
}

fn status(word: &str) -> Status {
    if word.eq_ignore_ascii_case("AVAILABLE") { Status::Completed } else { wire::status(word) }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FailedDeletes {
    failed_results: Option<Vec<wire::BatchItem>>,
}

impl Service for TaurusDb {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn create(&self, want: &NewBackup) -> Result<Call, Unsupported> {
        wire::whole_instance(want, FACTS.title)?;
        Ok(FACTS.post(format!("{}/create", FACTS.backups), Some(wire::flat_create(want))))
    }

    fn deleted_many(&self, reply: &Reply) -> Result<Vec<(String, Refusal)>, Misread> {
        let body: FailedDeletes = wire::read(reply, "the reply to the delete")?;
        body.failed_results.unwrap_or_default().into_iter().map(|item| item.refusal(reply)).collect()
    }

    fn instance_records(&self, reply: &Reply) -> Result<Page<Result<Instance, Misread>>, Misread> {
        let mut page = wire::instances(reply, FACTS.idle)?;
        // Its storage is shared and grows: what is told is no limit.
        page.items.iter_mut().flatten().for_each(|instance| instance.size_gib = None);
        Ok(page)
    }

    fn restore(&self, want: &NewRestore) -> Result<Call, Unsupported> {
        let mut body = restoring::point(want, restoring::number);
        body["source_instance_id"] = json!(want.source_instance_id);
        body["target_instance_id"] = json!(want.target_instance_id);
        Ok(FACTS.post(format!("{}/restore", FACTS.instances), Some(body)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::proofs::{example, json, line, lines, manual, of, reply, verdicts, want};
    use super::*;
    use crate::backup::{Backup, Datastore, JobStatus, More, Started};

    const INSTANCE: &str = "07033b125fd94a8a96896f8bcfee6ddain07";
    const BACKUP: &str = "2f4ddb93-b901-4b08-93d8-1d2e472f30fe";

    #[test]
    fn hosts() {
        for (region, partition, expected) in [
            ("cn-north-4", "myhuaweicloud.com", "gaussdb"),
            ("eu-west-101", "myhuaweicloud.eu", "gaussdb"),
            ("ap-southeast-3", "myhuaweicloud.com", "gaussdb"),
            ("ap-southeast-1", "myhuaweicloud.com", "gaussdbformysql"),
            ("tr-west-1", "myhuaweicloud.com", "gaussdbformysql"),
            ("la-north-2", "myhuaweicloud.com", "gaussdb-mysql"),
            ("cn-southwest-3", "myhuaweicloud.com", "gaussdb-mysql"),
            ("eu-de", "otc.t-systems.com", "gaussdb-mysql"),
            ("eu-ch2", "sc.otc.t-systems.com", "gaussdb-mysql"),
        ] {
            assert_eq!(host(region, partition), expected, "{region}");
        }
    }

    #[test]
    fn create() {
        let call = TaurusDb.create(&want(INSTANCE, "backup-1", "Manual backup")).unwrap();
        assert_eq!(line(&call), "POST /v3/{project_id}/backups/create");
        assert_eq!(call.body, Some(json(example!("taurusdb.create.request"))));
        assert_eq!(call.headers, [("X-Language", "en-us")]);
        let expected = Started {
            backup_id: BACKUP.into(),
            instance_id: Some(INSTANCE.into()),
            job_id: Some("e0fbbfc8-1ac4-4721-b9e9-7dd685c5bdd7".into()),
            begin: Some("2020-07-06T17:17:05Z".parse().unwrap()),
            name: Some("backup-1".into()),
            ..Started::default()
        };
        assert_eq!(TaurusDb.started(&reply(example!("taurusdb.create.response"))), Ok(expected));
        assert!(TaurusDb.started(&reply(r#"{"job_id": "j"}"#)).is_err());
        assert!(TaurusDb.started(&reply(r#"{"backup": {"name": "n"}}"#)).is_err());
    }

    #[test]
    fn find_and_list() {
        assert_eq!(
            lines(&TaurusDb.find(&of(BACKUP, INSTANCE)).unwrap()),
            [format!("GET /v3/{{project_id}}/backups?backup_id={BACKUP}")]
        );
        assert_eq!(
            lines(&TaurusDb.list(&manual(INSTANCE), 0, 100).unwrap()),
            [format!("GET /v3/{{project_id}}/backups?instance_id={INSTANCE}&backup_type=manual&offset=0&limit=100")]
        );
    }

    #[test]
    fn listed() {
        let page = TaurusDb.listed(&reply(example!("taurusdb.list.response"))).unwrap();
        let expected = Backup {
            id: BACKUP.into(),
            instance_id: INSTANCE.into(),
            instance_name: Some("taurus-crm".into()),
            name: "backup-1".into(),
            description: Some("Manual backup".into()),
            status: Status::Completed,
            kind: Some("manual".into()),
            datastore: Some(Datastore { kind: "gaussdb-mysql".into(), version: Some("8.0".into()) }),
            begin: Some("2020-07-06T17:17:05Z".parse().unwrap()),
            end: Some("2020-07-06T17:19:21Z".parse().unwrap()),
            size_bytes: Some(280 * 1024 * 1024),
            data_nodes: Vec::new(),
            more: More { minutes: Some(2), ..More::default() },
        };
        assert_eq!(page.items, [expected]);
        assert_eq!(TaurusDb.listed(&reply(example!("taurusdb.list.empty.response"))).unwrap().items, []);
        assert_eq!(status("AVAILABLE"), Status::Completed);
        assert_eq!(status("BUILDING"), Status::Building);
    }

    #[test]
    fn stop_and_delete() {
        let backup = TaurusDb.listed(&reply(example!("taurusdb.list.response"))).unwrap().items.remove(0);
        assert!(TaurusDb.stop(&backup).is_none());
        assert_eq!(line(&TaurusDb.delete(BACKUP)), format!("DELETE /v3/{{project_id}}/backups/{BACKUP}"));
        assert_eq!(TaurusDb.job_id(&reply(example!("taurusdb.delete.response"))), None);
        let batch =
            TaurusDb.delete_many(&[BACKUP.to_owned(), "b1182ccdda034f2b9535f3dca5c47e71br07".to_owned()]).unwrap();
        assert_eq!(line(&batch), "DELETE /v3/{project_id}/backups");
        assert_eq!(batch.body, Some(json(example!("taurusdb.batch-delete.request"))));
        let failed = TaurusDb.deleted_many(&reply(example!("taurusdb.batch-delete.response"))).unwrap();
        assert_eq!(failed.len(), 1);
        let (id, refusal) = &failed[0];
        assert_eq!((&**id, &*refusal.code), ("b1182ccdda034f2b9535f3dca5c47e71br07", "DBS.201208"));
        assert_eq!(TaurusDb.verdict(refusal), Verdict::WrongState, "a part that failed is judged like a whole");
        assert_eq!(TaurusDb.deleted_many(&reply(r#"{"success_count": 2}"#)), Ok(Vec::new()));
    }

    #[test]
    fn jobs() {
        let job = TaurusDb.job_read(&reply(example!("taurusdb.job.response"))).unwrap().unwrap();
        assert_eq!((job.status, job.progress.as_deref(), job.fail_reason), (JobStatus::Running, Some("35%"), None));
        let pending = TaurusDb.job_read(&reply(r#"{"job": {"status": "Pending"}}"#)).unwrap().unwrap();
        assert_eq!(pending.status, JobStatus::Running);
    }

    #[test]
    fn instances() {
        assert_eq!(line(&TaurusDb.instance(INSTANCE)), format!("GET /v3/{{project_id}}/instances?id={INSTANCE}"));
        for text in [example!("taurusdb.instances.response"), example!("taurusdb.instances.unified.response")] {
            let instance = TaurusDb.instances_read(&reply(text)).unwrap().items.remove(0);
            assert_eq!((&*instance.name, instance.idle), ("taurus-crm", Some(true)));
            assert_eq!(instance.mode.as_deref(), Some("Cluster"));
        }
        let busy = reply(r#"{"instances": [{"id": "i", "status": "BACKING UP"}]}"#);
        assert_eq!(TaurusDb.instances_read(&busy).unwrap().items[0].idle, Some(false));
    }

    #[test]
    fn refusals() {
        verdicts(
            &TaurusDb,
            &[
                (404, &["DBS.201010"], Verdict::Gone),
                (400, &["DBS.201203", "DBS.280214"], Verdict::Gone),
                (
                    409,
                    &[
                        "DBS.200011",
                        "DBS.200019",
                        "DBS.200047",
                        "DBS.201014",
                        "DBS.201015",
                        "DBS.201202",
                        "DBS.201205",
                        "DBS.212006",
                        "DBS.212033",
                        "DBS.05000084",
                    ],
                    Verdict::Busy,
                ),
                (400, &["DBS.201014"], Verdict::Busy),
                (400, &["DBS.201208"], Verdict::WrongState),
                (409, &["DBS.200316"], Verdict::Final),
                (400, &["DBS.280449"], Verdict::Final),
                (403, &["DBS.200044", "DBS.201003"], Verdict::Final),
            ],
        );
    }
}
