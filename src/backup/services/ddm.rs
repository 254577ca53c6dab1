//! Distributed Database Middleware.
//!
//! Reference: DDM API, "Backups" (V3): querying backups, backup details, deleting a backup. The service backs up its own
//! metadata daily and before key operations; nobody can take or stop such a backup. The list has no lookup by id and its own
//! field names; the details add the RDS instances behind the DDM instance and nothing else.

use serde::Deserialize;

use super::wire::{self, number, text};
use crate::backup::{
    Backup, BackupRef, Codes, DataNode, Facts, Idle, Instance, Misread, More, NewBackup, Page, Service, Started,
    Status, StopScope, Unsupported, Verdict,
};
use crate::cloud::{Call, Product, Reply, segment};

/// The service.
pub(super) struct Ddm;

static PRODUCT: Product = Product { key: "ddm", host: |_, _| "ddm" };

const NO_CREATE: &str = "DDM instances cannot be backed up by the user: the service backs up their metadata itself, daily and \
                         before key operations; back up the RDS instances behind them instead";

static FACTS: Facts = Facts {
    instance_suffixes: &[("in09", Some("DDM"))],
    no_create: Some(NO_CREATE),
    page_limit: 128,
    tells_descriptions: false,
    // Those of key operations. The daily ones, `auto_metadata`, it removes itself.
    kept_kind: "metadata",
    stop: StopScope::Never,
    instances: "/v1/{project_id}/instances",
    kinds: &[],
    headers: &[],
    idle: Idle::Status(&["RUNNING"]),
    restore_times: None,
    codes: CODES,
    ..Facts::usual(
        &PRODUCT,
        "Distributed Database Middleware (DDM)",
        "https://support.huaweicloud.com/intl/en-us/ddm/index.html",
    )
};

const CODES: &[Codes] = &[(&[400, 403, 409], &["DBS.212033"], Verdict::Busy)];

fn status(word: &str) -> Status {
    match word.to_ascii_lowercase().as_str() {
        "creating" => Status::Building,
        "normal" => Status::Completed,
        "createfail" => Status::Failed,
        "deleted" => Status::Deleting,
        _ => wire::status(word),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DdmList {
    backups: Option<Vec<DdmBackup>>,
    #[serde(deserialize_with = "number")]
    total: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DdmBackup {
    #[serde(deserialize_with = "text")]
    id: Option<String>,
    #[serde(deserialize_with = "text")]
    name: Option<String>,
    #[serde(deserialize_with = "text")]
    description: Option<String>,
    #[serde(deserialize_with = "text")]
    status: Option<String>,
    #[serde(deserialize_with = "text")]
    instance_id: Option<String>,
    #[serde(deserialize_with = "text")]
    instance_name: Option<String>,
    #[serde(deserialize_with = "number")]
    file_size: Option<f64>,
    #[serde(deserialize_with = "text")]
    created: Option<String>,
    #[serde(deserialize_with = "text")]
    updated: Option<String>,
    #[serde(deserialize_with = "text")]
    backup_type: Option<String>,
}

impl DdmBackup {
    fn backup(self) -> Result<Backup, Misread> {
        let id = wire::id(self.id, "a backup in the list")?;
        let Some(word) = wire::filled(self.status) else {
            return Err(Misread(format!("the backup {id} has no status")));
        };
        let status = status(&word);
        let running = status == Status::Building;
        Ok(Backup {
            id,
            instance_id: self.instance_id.unwrap_or_default(),
            instance_name: wire::filled(self.instance_name),
            name: self.name.unwrap_or_default(),
            description: self.description,
            kind: wire::filled(self.backup_type).map(|kind| kind.to_lowercase()),
            datastore: None,
            begin: self.created.as_deref().and_then(wire::time),
            end: self.updated.as_deref().and_then(wire::time).filter(|_| !running),
            size_bytes: wire::bytes(self.file_size, wire::KB).filter(|_| !running),
            data_nodes: Vec::new(),
            more: More::default(),
            status,
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    #[serde(deserialize_with = "text")]
    id: Option<String>,
    #[serde(deserialize_with = "text")]
    instance_name: Option<String>,
    related_data_nodes: Option<Vec<Node>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Node {
    #[serde(deserialize_with = "text")]
    instance_id: Option<String>,
    #[serde(deserialize_with = "text")]
    instance_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DdmInstances {
    instances: Option<Vec<wire::InstanceItem>>,
    #[serde(deserialize_with = "number")]
    total_record: Option<f64>,
}

impl Service for Ddm {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn create(&self, _: &NewBackup) -> Result<Call, Unsupported> {
        Err(Unsupported(NO_CREATE.to_owned()))
    }

    fn started(&self, _: &Reply) -> Result<Started, Misread> {
        Err(Misread("DDM has no create".to_owned()))
    }

    fn find(&self, _: &BackupRef) -> Result<Vec<Call>, Unsupported> {
        Ok(Vec::new())
    }

    fn records(&self, reply: &Reply) -> Result<Page<Result<Backup, Misread>>, Misread> {
        let page = wire::page(reply, "backup", "total", |body: DdmList| (body.backups, body.total))?;
        Ok(page.each(DdmBackup::backup))
    }

    fn details(&self, backup: &Backup) -> Option<Call> {
        let (instance_id, id) = (segment(&backup.instance_id), segment(&backup.id));
        Some(FACTS.get(format!("/v3/{{project_id}}/instances/{instance_id}/backups/{id}")))
    }

    fn detailed(&self, mut backup: Backup, reply: &Reply) -> Result<Backup, Misread> {
        let body: Details = wire::read(reply, "the backup's details")?;
        if wire::id(body.id, "the backup's details")? != backup.id {
            return Err(Misread("the details are those of another backup".to_owned()));
        }
        backup.instance_name = backup.instance_name.or(wire::filled(body.instance_name));
        let nodes = body.related_data_nodes.unwrap_or_default().into_iter().map(|node| {
            let instance_id = wire::id(node.instance_id, "a data node")?;
            Ok(DataNode { instance_id, instance_name: node.instance_name.unwrap_or_default() })
        });
        backup.data_nodes = nodes.collect::<Result<_, _>>()?;
        Ok(backup)
    }

    fn job(&self, job_id: &str) -> Option<Call> {
        Some(FACTS.get(format!("{}/{}", FACTS.jobs, segment(job_id))))
    }

    fn instance(&self, id: &str) -> Call {
        FACTS.get(format!("{}/{}", FACTS.instances, segment(id)))
    }

    fn instances(&self, _: Option<&str>, offset: u64, limit: u64) -> Call {
        FACTS.get(FACTS.instances).page(offset, limit)
    }

    /// One instance comes without a list around it.
    fn instance_records(&self, reply: &Reply) -> Result<Page<Result<Instance, Misread>>, Misread> {
        let body = reply.body.json();
        if body.get("instances").is_none() && body.get("id").is_some() {
            let item: wire::InstanceItem = wire::read(reply, "the instance")?;
            return Ok(Page { items: vec![item.instance(FACTS.idle)], total: None });
        }
        let page =
            wire::page(reply, "instance", "total_record", |body: DdmInstances| (body.instances, body.total_record))?;
        Ok(page.each(|item: wire::InstanceItem| item.instance(FACTS.idle)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::proofs::{example, line, lines, manual, of, reply, verdicts, want};
    use super::*;
    use crate::backup::JobStatus;

    const INSTANCE: &str = "34970585d4964f2a8d6d9ea8d303398bin09";
    const BACKUP: &str = "09902ee7866649b8908ec209bfee2747br09";

    fn listed() -> Backup {
        Backup {
            id: BACKUP.into(),
            instance_id: INSTANCE.into(),
            instance_name: Some("ddm-diagnose3-2u8g-1-4bfGfxqdESTHbkKm5XrWLg".into()),
            name: "Backup-ddm-diagnose3-2u8g-1-4bfGfxqdESTHbkKm5XrWLg-2025052005400".into(),
            description: Some("auto metadata backup".into()),
            status: Status::Completed,
            kind: Some("auto_metadata".into()),
            datastore: None,
            begin: Some("2025-05-20T05:40:20Z".parse().unwrap()),
            end: Some("2025-05-20T05:40:37Z".parse().unwrap()),
            size_bytes: Some(5550), // 5.419922 KB
            data_nodes: Vec::new(),
            more: More::default(),
        }
    }

    #[test]
    fn nobody_can_create_or_stop() {
        assert!(Ddm.create(&want(INSTANCE, "backup-1", "")).is_err());
        assert!(Ddm.started(&reply(r#"{"backup_id": "b"}"#)).is_err());
        assert!(Ddm.stop(&listed()).is_none());
    }

    #[test]
    fn list() {
        assert_eq!(lines(&Ddm.find(&of(BACKUP, INSTANCE)).unwrap()), [""; 0]);
        assert_eq!(
            lines(&Ddm.list(&manual(INSTANCE), 128, 128).unwrap()),
            [format!("GET /v3/{{project_id}}/backups?instance_id={INSTANCE}&offset=128&limit=128")]
        );
        let page = Ddm.listed(&reply(example!("ddm.list.response"))).unwrap();
        assert_eq!(page, Page { items: vec![listed()], total: Some(1) });
        for bad in ["", "{}", r#"{"backups": null, "total": 0}"#, r#"{"backups": [{"id": "b"}]}"#] {
            assert!(Ddm.listed(&reply(bad)).is_err(), "{bad}");
        }
        for (word, expected) in [
            ("creating", Status::Building),
            ("Normal", Status::Completed),
            ("createfail", Status::Failed),
            ("deleted", Status::Deleting),
            ("odd", Status::Other("odd".into())),
        ] {
            assert_eq!(status(word), expected, "{word}");
        }
    }

    #[test]
    fn details() {
        let call = Ddm.details(&listed()).unwrap();
        assert_eq!(line(&call), format!("GET /v3/{{project_id}}/instances/{INSTANCE}/backups/{BACKUP}"));
        let detailed = Ddm.detailed(listed(), &reply(example!("ddm.show.response"))).unwrap();
        let nodes = vec![DataNode {
            instance_id: "fc33739e5d2741529e21d87a7b5923fain01".into(),
            instance_name: "mysql_rds_related_ddm_for_diagnose3_01".into(),
        }];
        assert_eq!(detailed, Backup { data_nodes: nodes, ..listed() });
        assert!(Ddm.detailed(listed(), &reply("{}")).is_err());
        assert!(Ddm.detailed(listed(), &reply(r#"{"id": "another"}"#)).is_err());
    }

    #[test]
    fn delete_and_jobs() {
        assert_eq!(line(&Ddm.delete(BACKUP)), format!("DELETE /v3/{{project_id}}/backups/{BACKUP}"));
        let job_id = Ddm.job_id(&reply(example!("ddm.delete.response"))).unwrap();
        assert_eq!(line(&Ddm.job(&job_id).unwrap()), format!("GET /v3/{{project_id}}/jobs/{job_id}"));
        let job = Ddm.job_read(&reply(example!("ddm.job.response"))).unwrap().unwrap();
        assert_eq!((job.status, job.progress, job.fail_reason), (JobStatus::Completed, None, None));
    }

    #[test]
    fn instances() {
        assert_eq!(line(&Ddm.instances(Some("x"), 0, 128)), "GET /v1/{project_id}/instances?offset=0&limit=128");
        assert_eq!(line(&Ddm.instance(INSTANCE)), format!("GET /v1/{{project_id}}/instances/{INSTANCE}"));
        for text in [example!("ddm.instances.response"), example!("ddm.instance.response")] {
            let page = Ddm.instances_read(&reply(text)).unwrap();
            let instance = &page.items[0];
            assert_eq!((&*instance.id, &*instance.name, instance.idle), (INSTANCE, "ddm-diagnose3-2u8g-1", Some(true)));
        }
        assert!(Ddm.instances_read(&reply("{}")).is_err());
    }

    #[test]
    fn refusals() {
        verdicts(
            &Ddm,
            &[
                (409, &["DBS.200019", "DBS.212033"], Verdict::Busy),
                (400, &["DBS.300400"], Verdict::Final),
                (500, &["DBS.280001"], Verdict::Final),
            ],
        );
    }
}
