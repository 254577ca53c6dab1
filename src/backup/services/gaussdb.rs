//! GaussDB (openGauss).
//!
//! Reference: GaussDB API, "Backup and Restoration". Times carry an offset, sizes count in MB. Lists are asked for under
//! `/v3.1`, and under `/v3` on Open Telekom Cloud, which publishes no other. A stop ends all full and differential backups
//! of the instance. The endpoint has two names by region, one of which is TaurusDB's elsewhere.

use super::{restoring, wire};
use crate::backup::{
    Backup, BackupRef, Codes, Confirmation, Facts, Filter, Misread, NewRestore, Page, RestorePoint, Service, StopScope,
    Unsupported, Verdict,
};
use crate::cloud::{Call, Product, Reply};

/// The service.
pub(super) struct GaussDb;

static PRODUCT: Product = Product { key: "gaussdb", host };

static FACTS: Facts = Facts {
    instance_suffixes: &[("in14", Some("GaussDB"))],
    stop: StopScope::Instance,
    stops_unseen: Some("differential backups, which its list does not show"),
    list: "/v3.1/{project_id}/backups",
    unit: wire::MB,
    keeps_mode: true,
    codes: CODES,
    ..Facts::usual(&PRODUCT, "GaussDB (openGauss)", "https://support.huaweicloud.com/intl/en-us/gaussdb/index.html")
};

const CODES: &[Codes] = &[
    (&[400], &["DBS.200751", "DBS.201203"], Verdict::Gone),
    (
        &[400, 403, 409],
        &["DBS.05000084", "DBS.06020003", "DBS.200086", "DBS.212006", "DBS.212033", "DBS.216011"],
        Verdict::Busy,
    ),
    (&[400], &["DBS.201208", "DBS.301024"], Verdict::WrongState),
];

fn host(region: &str, partition: &str) -> &'static str {
    match region {
        _ if wire::is_otc(partition) => "gaussdb",
        "af-north-1" | "ap-southeast-5" | "cn-east-2" | "cn-east-4" | "cn-east-5" | "cn-north-12" | "me-east-1"
        | "tr-west-1" => "gaussdb",
        _ => "gaussdb-opengauss",
    }
}

impl Service for GaussDb {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn find(&self, backup: &BackupRef) -> Result<Vec<Call>, Unsupported> {
        Ok(vec![listing().with("backup_id", &*backup.id)])
    }

    fn list(&self, filter: &Filter, offset: u64, limit: u64) -> Result<Vec<Call>, Unsupported> {
        Ok(vec![FACTS.filtered(listing(), filter).page(offset, limit)])
    }

    fn records(&self, reply: &Reply) -> Result<Page<Result<Backup, Misread>>, Misread> {
        let mut page = wire::records(reply, FACTS.unit, FACTS.status)?;
        for datastore in page.items.iter_mut().flatten().filter_map(|backup| backup.datastore.as_mut()) {
            // `/v3` may say "GaussDB(for openGauss)" where the other versions say "GaussDB".
            if datastore.kind.to_ascii_lowercase().starts_with("gaussdb(") {
                datastore.kind.truncate("gaussdb".len());
            }
        }
        Ok(page)
    }

    fn restore(&self, want: &NewRestore) -> Result<Call, Unsupported> {
        Ok(FACTS.recovery(want))
    }

    fn confirmation(&self) -> Option<Confirmation> {
        Some(Confirmation {
            cost: "Until then it archives no logs, so that no later time can be restored. Confirming deletes the logs that \
                   were archived after the restored moment: restoring to a later time is then impossible.",
            call: "confirm-restore-data",
        })
    }

    fn restorable(&self, want: &NewRestore, offset: u64, limit: u64) -> Option<Call> {
        let path = "/v3/{project_id}/restorable-instances";
        let call = FACTS.get(path).with("source_instance_id", &*want.source_instance_id);
        let call = match &want.point {
            RestorePoint::Backup(id) => call.with("backup_id", &**id),
            RestorePoint::Time(at) => call.with("restore_time", at.as_millisecond().to_string()),
        };
        Some(call.page(offset, limit))
    }

    fn restorable_read(&self, reply: &Reply) -> Result<Page<String>, Misread> {
        restoring::targets(reply, "instances")
    }
}

/// The list, under the version that the cloud publishes.
fn listing() -> Call {
    FACTS.get(FACTS.list).path_in("otc.t-systems.com", FACTS.backups)
}

#[cfg(test)]
mod tests {
    use super::super::proofs::{example, json, line, lines, manual, of, reply, verdicts, want};
    use super::*;
    use crate::backup::{Datastore, JobStatus, More, Started, Status};

    const INSTANCE: &str = "a5d1a5f1b0f94a4d8a8a3d9a1f4c6e21in14";
    const BACKUP: &str = "c2d7a9f0e5b34a178f90d1c2b3a4e5f6br14";

    #[test]
    fn hosts() {
        for (region, partition, expected) in [
            ("cn-north-4", "myhuaweicloud.com", "gaussdb-opengauss"),
            ("eu-west-101", "myhuaweicloud.eu", "gaussdb-opengauss"),
            ("ap-southeast-5", "myhuaweicloud.com", "gaussdb"),
            ("tr-west-1", "myhuaweicloud.com", "gaussdb"),
            ("eu-de", "otc.t-systems.com", "gaussdb"),
        ] {
            assert_eq!(host(region, partition), expected, "{region}");
        }
    }

    #[test]
    fn create() {
        let call = GaussDb.create(&want(INSTANCE, "backup_before_upgrade", "manual backup")).unwrap();
        assert_eq!(line(&call), "POST /v3/{project_id}/backups");
        assert_eq!(call.body, Some(json(example!("gaussdb.create.request"))));
        let expected = Started {
            backup_id: BACKUP.into(),
            instance_id: Some(INSTANCE.into()),
            job_id: Some("3711e2ad-5787-49bc-a47f-3f0b066af9f5".into()),
            begin: Some("2022-05-09T10:02:31Z".parse().unwrap()),
            name: Some("backup_before_upgrade".into()),
            ..Started::default()
        };
        assert_eq!(GaussDb.started(&reply(example!("gaussdb.create.response"))), Ok(expected));
    }

    #[test]
    fn find_and_list() {
        assert_eq!(
            lines(&GaussDb.find(&of(BACKUP, INSTANCE)).unwrap()),
            [format!("GET /v3.1/{{project_id}}/backups?backup_id={BACKUP}")]
        );
        assert_eq!(
            lines(&GaussDb.list(&manual(INSTANCE), 0, 100).unwrap()),
            [format!("GET /v3.1/{{project_id}}/backups?instance_id={INSTANCE}&backup_type=manual&offset=0&limit=100")]
        );
        let (partition, path) = listing().path_in.unwrap();
        assert_eq!((partition, path.as_str()), ("otc.t-systems.com", "/v3/{project_id}/backups"));
    }

    #[test]
    fn listed() {
        let page = GaussDb.listed(&reply(example!("gaussdb.list.response"))).unwrap();
        let expected = Backup {
            id: BACKUP.into(),
            instance_id: INSTANCE.into(),
            instance_name: None,
            name: "backup_before_upgrade".into(),
            description: Some("manual backup".into()),
            status: Status::Completed,
            kind: Some("manual".into()),
            datastore: Some(Datastore { kind: "GaussDB".into(), version: Some("V2.0-8.102".into()) }),
            begin: Some("2022-05-09T10:02:31Z".parse().unwrap()),
            end: Some("2022-05-09T10:09:12Z".parse().unwrap()),
            size_bytes: Some(109_576_192), // 104.5 MB
            data_nodes: Vec::new(),
            more: More::default(),
        };
        assert_eq!(page.items, std::slice::from_ref(&expected));
        let other_word = example!("gaussdb.list.response").replace("\"GaussDB\"", "\"GaussDB(for openGauss)\"");
        assert_eq!(GaussDb.listed(&reply(&other_word)).unwrap().items, [expected]);
        assert_eq!(GaussDb.listed(&reply(example!("gaussdb.list.empty.response"))).unwrap().items, []);
    }

    #[test]
    fn stop_and_delete() {
        let backup = GaussDb.listed(&reply(example!("gaussdb.list.response"))).unwrap().items.remove(0);
        let stop = GaussDb.stop(&backup).unwrap();
        assert_eq!(line(&stop), format!("POST /v3/{{project_id}}/instances/{INSTANCE}/backups/stop"));
        assert_eq!(stop.body, None);
        assert!(GaussDb.job_id(&reply(example!("gaussdb.stop.response"))).is_some());
        assert_eq!(line(&GaussDb.delete(BACKUP)), format!("DELETE /v3/{{project_id}}/backups/{BACKUP}"));
        for text in [example!("gaussdb.delete.response"), example!("gaussdb.delete.otc.response")] {
            assert_eq!(GaussDb.job_id(&reply(text)), None);
        }
        assert!(GaussDb.delete_many(&[BACKUP.to_owned()]).is_none());
    }

    #[test]
    fn jobs() {
        assert_eq!(line(&GaussDb.job("j1").unwrap()), "GET /v3/{project_id}/jobs?id=j1");
        let job = GaussDb.job_read(&reply(example!("gaussdb.job.response"))).unwrap().unwrap();
        assert_eq!((job.status, job.progress, job.fail_reason), (JobStatus::Completed, None, None));
    }

    #[test]
    fn instances() {
        assert_eq!(line(&GaussDb.instance(INSTANCE)), format!("GET /v3/{{project_id}}/instances?id={INSTANCE}"));
        let instance = GaussDb.instances_read(&reply(example!("gaussdb.instances.response"))).unwrap().items.remove(0);
        assert_eq!((&*instance.name, instance.idle, instance.mode.as_deref()), ("gauss-core", Some(false), Some("Ha")));
    }

    #[test]
    fn refusals() {
        verdicts(
            &GaussDb,
            &[
                (404, &["DBS.201010"], Verdict::Gone),
                (400, &["DBS.200751", "DBS.201203"], Verdict::Gone),
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
                        "DBS.216011",
                        "DBS.05000084",
                    ],
                    Verdict::Busy,
                ),
                (400, &["DBS.201014"], Verdict::Busy),
                (409, &["DBS.201201"], Verdict::NameTaken),
                (400, &["DBS.201208", "DBS.301024"], Verdict::WrongState),
                // An invalid retention period here, unlike in TaurusDB and RDS.
                (400, &["DBS.280214", "DBS.201210", "DBS.201218", "DBS.280124"], Verdict::Final),
                (404, &["DBS.200408"], Verdict::Final),
            ],
        );
    }
}
