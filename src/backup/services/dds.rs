//! Document Database Service (MongoDB-compatible).
//!
//! Reference: DDS API, "Backup and Restoration": creating, querying, stopping and deleting manual backups.
//! Times are UTC without a zone, sizes count in KB. "Busy" comes as 403, "gone" as 400. There is no show operation: a
//! backup is looked up with the list and `backup_id`.

use serde_json::json;

use super::wire;
use crate::backup::{
    BackupRef, Codes, Facts, Filter, Idle, Misread, NewBackup, NewRestore, Service, Started, Status, Unsupported,
    Verdict,
};
use crate::cloud::{Call, Product, Reply};

/// The service.
pub(super) struct Dds;

static PRODUCT: Product = Product { key: "dds", host: |_, _| "dds" };

static FACTS: Facts = Facts {
    instance_suffixes: &[("in02", Some("MongoDB"))],
    batch_limit: 10,
    kinds: &[("auto", "Auto"), ("manual", "Manual"), ("incremental", "Incremental")],
    headers: &[],
    status,
    idle: Idle::StatusAndActions("normal"),
    keeps_mode: true,
    codes: CODES,
    ..Facts::usual(
        &PRODUCT,
        "Document Database Service (DDS)",
        "https://support.huaweicloud.com/intl/en-us/dds/index.html",
    )
};

const CODES: &[Codes] = &[
    (&[400], &["DBS.201204", "DBS.201214"], Verdict::Gone),
    (&[400, 403], &["DBS.00010009", "DBS.200076", "DBS.201000", "DBS.239037"], Verdict::Busy),
    (&[400, 403], &["DBS.201208", "DBS.201319"], Verdict::WrongState),
];

/// `DISABLED` is what the field's description says for "being deleted".
fn status(word: &str) -> Status {
    if word.eq_ignore_ascii_case("DISABLED") { Status::Deleting } else { wire::status(word) }
}

impl Service for Dds {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn create(&self, want: &NewBackup) -> Result<Call, Unsupported> {
        wire::whole_instance(want, FACTS.title)?;
        Ok(FACTS.post(FACTS.backups, Some(json!({ "backup": wire::flat_create(want) }))))
    }

    fn started(&self, reply: &Reply) -> Result<Started, Misread> {
        wire::started_by_id(reply)
    }

    fn list(&self, filter: &Filter, offset: u64, limit: u64) -> Result<Vec<Call>, Unsupported> {
        // Without a type it lists all full backups; the engine filters.
        if filter.kind.as_deref() == Some("incremental") && filter.instance_id.is_none() {
            let why = "DDS lists incremental backups of one instance only: give `instance_id`";
            return Err(Unsupported(why.to_owned()));
        }
        Ok(vec![FACTS.filtered(FACTS.get(FACTS.list), filter).page(offset, limit)])
    }

    fn download(&self, backup: &BackupRef) -> Option<Call> {
        let instance_id = backup.instance_id.as_deref()?;
        let call = FACTS.get(format!("{}/download-file", FACTS.backups));
        Some(call.with("instance_id", instance_id).with("backup_id", &*backup.id))
    }

    fn restore(&self, want: &NewRestore) -> Result<Call, Unsupported> {
        Ok(FACTS.recovery(want))
    }
}

#[cfg(test)]
mod tests {
    use super::super::proofs::{databases, example, json, line, lines, manual, of, reply, verdicts, want};
    use super::*;
    use crate::backup::{Backup, Datastore, Instance, JobStatus, More, Page};

    const INSTANCE: &str = "a89dab5e39394eccbdb77b19d57b0180in02";
    const BACKUP: &str = "bf9ee62a7f7044c583c6765c916c36edbr02";

    #[test]
    fn create() {
        let call = Dds.create(&want(INSTANCE, "mybackup1", "The first Manual backup")).unwrap();
        assert_eq!(line(&call), "POST /v3/{project_id}/backups");
        assert_eq!(call.body, Some(json(example!("dds.create.request"))));
        assert!(!call.safe_to_repeat);
        let bare = Dds.create(&NewBackup { description: None, ..want(INSTANCE, "mybackup1", "") }).unwrap();
        assert_eq!(bare.body, Some(json!({"backup": {"instance_id": INSTANCE, "name": "mybackup1"}})));
        assert!(Dds.create(&NewBackup { databases: databases(&["db1"]), ..want(INSTANCE, "mybackup1", "") }).is_err());
    }

    #[test]
    fn started() {
        let started = Dds.started(&reply(example!("dds.create.response"))).unwrap();
        assert_eq!(started.backup_id, BACKUP);
        assert_eq!(started.job_id.as_deref(), Some("a03b1b8a-b756-467c-8a49-38720c3d23ec"));
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"job_id": "j"}"#,
            r#"{"backup_id": ""}"#,
            r#"{"backup_id": null}"#,
            r#"{"backup_id": {}}"#,
        ] {
            assert!(Dds.started(&reply(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn find_and_list() {
        assert_eq!(
            lines(&Dds.find(&of(BACKUP, INSTANCE)).unwrap()),
            [format!("GET /v3/{{project_id}}/backups?backup_id={BACKUP}")]
        );
        assert_eq!(
            lines(&Dds.list(&manual(INSTANCE), 200, 100).unwrap()),
            [format!("GET /v3/{{project_id}}/backups?instance_id={INSTANCE}&backup_type=Manual&offset=200&limit=100")]
        );
        assert_eq!(
            lines(&Dds.list(&Filter::default(), 0, 100).unwrap()),
            ["GET /v3/{project_id}/backups?offset=0&limit=100"]
        );
        let incremental = Filter { kind: Some("incremental".into()), ..Filter::default() };
        assert!(Dds.list(&incremental, 0, 100).is_err());
    }

    #[test]
    fn listed() {
        let page = Dds.listed(&reply(example!("dds.list.response"))).unwrap();
        assert_eq!(page.total, Some(1));
        let expected = Backup {
            id: BACKUP.into(),
            instance_id: INSTANCE.into(),
            instance_name: Some("dds-orders".into()),
            name: "mybackup1".into(),
            description: Some("The first Manual backup".into()),
            status: Status::Completed,
            kind: Some("manual".into()),
            datastore: Some(Datastore { kind: "DDS-Community".into(), version: Some("4.4".into()) }),
            begin: Some("2025-06-03T08:12:40Z".parse().unwrap()),
            end: Some("2025-06-03T08:19:02Z".parse().unwrap()),
            size_bytes: Some(2803 * 1024),
            data_nodes: Vec::new(),
            more: More { method: Some("Physical".into()), mode: Some("ReplicaSet".into()), ..More::default() },
        };
        assert_eq!(page.items, std::slice::from_ref(&expected));
        let building = Dds.listed(&reply(example!("dds.list.building.response"))).unwrap().items;
        assert_eq!(
            building,
            [Backup { status: Status::Building, end: None, size_bytes: None, more: More::default(), ..expected }]
        );
        let empty = Dds.listed(&reply(example!("dds.list.empty.response"))).unwrap();
        assert_eq!(empty, Page { items: Vec::new(), total: Some(0) });
    }

    #[test]
    fn a_list_without_backups_tells_nothing() {
        for bad in
            ["", "{}", r#"{"total_count": 0}"#, r#"{"backups": null}"#, r#"{"backups": {}}"#, r#"{"backups": [{}]}"#]
        {
            assert!(Dds.listed(&reply(bad)).is_err(), "{bad}");
        }
        assert!(Dds.listed(&reply(r#"{"backups": [{"id": "b"}]}"#)).is_err(), "no status");
    }

    #[test]
    fn status_words() {
        for (word, expected) in [
            ("BUILDING", Status::Building),
            ("completed", Status::Completed),
            ("FAILED", Status::Failed),
            ("DISABLED", Status::Deleting),
            ("DELETING", Status::Deleting),
            ("UPLOADING", Status::Other("UPLOADING".into())),
        ] {
            assert_eq!(status(word), expected, "{word}");
        }
    }

    #[test]
    fn stop_and_delete() {
        let backup = Dds.listed(&reply(example!("dds.list.building.response"))).unwrap().items.remove(0);
        let stop = Dds.stop(&backup).unwrap();
        assert_eq!(line(&stop), format!("PUT /v3/{{project_id}}/backups/{BACKUP}"));
        assert_eq!(stop.body, Some(json(example!("dds.stop.request"))));
        assert_eq!(
            Dds.job_id(&reply(example!("dds.stop.response"))).as_deref(),
            Some("b52cc59d-e1e2-4e63-bb00-7694e126f66a")
        );
        let delete = Dds.delete(BACKUP);
        assert_eq!(line(&delete), format!("DELETE /v3/{{project_id}}/backups/{BACKUP}"));
        assert_eq!(delete.body, None);
        assert_eq!(
            Dds.job_id(&reply(example!("dds.delete.response"))).as_deref(),
            Some("7a1d5a0c-41c2-4d6e-9b7f-2f2f7d3f0a11")
        );
        let both = Dds.delete_many(&[BACKUP.to_owned(), "8d9586c40b33449a815518d4635a2cd9br02".to_owned()]).unwrap();
        assert_eq!(line(&both), "DELETE /v3/{project_id}/instances/backups");
        assert_eq!(both.body, Some(json(example!("dds.batch-delete.request"))));
        assert_eq!(Dds.deleted_many(&reply("")), Ok(Vec::new()));
    }

    #[test]
    fn jobs() {
        assert_eq!(line(&Dds.job("j1").unwrap()), "GET /v3/{project_id}/jobs?id=j1");
        for (text, status, progress, reason) in [
            (example!("dds.job.running.response"), JobStatus::Running, Some("40%"), None),
            (example!("dds.job.completed.response"), JobStatus::Completed, None, None),
            (example!("dds.job.failed.response"), JobStatus::Failed, None, Some("Backup task was interrupted.")),
        ] {
            let job = Dds.job_read(&reply(text)).unwrap().unwrap();
            assert_eq!((job.status, job.progress.as_deref(), job.fail_reason.as_deref()), (status, progress, reason));
        }
        for bad in ["", "{}", r#"{"job": {}}"#] {
            assert!(Dds.job_read(&reply(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn instances() {
        assert_eq!(line(&Dds.instance(INSTANCE)), format!("GET /v3/{{project_id}}/instances?id={INSTANCE}"));
        assert_eq!(
            line(&Dds.instances(Some("dds-orders"), 0, 100)),
            "GET /v3/{project_id}/instances?name=dds-orders&offset=0&limit=100"
        );
        let page = Dds.instances_read(&reply(example!("dds.instances.response"))).unwrap();
        let expected = Instance {
            id: INSTANCE.into(),
            name: "dds-orders".into(),
            status: "normal".into(),
            idle: Some(false),
            datastore: Some(Datastore { kind: "DDS-Community".into(), version: Some("4.4".into()) }),
            mode: Some("ReplicaSet".into()),
            size_gib: Some(20),
        };
        assert_eq!(page.items, [expected]);
        for (status, actions, idle) in [
            ("normal", "[]", Some(true)),
            ("normal", "null", None),
            ("abnormal", "[]", Some(false)),
            ("normal", r#"["BACKUP"]"#, Some(false)),
        ] {
            let text = format!(r#"{{"instances": [{{"id": "i", "status": "{status}", "actions": {actions}}}]}}"#);
            assert_eq!(Dds.instances_read(&reply(&text)).unwrap().items[0].idle, idle, "{status} {actions}");
        }
        assert!(Dds.instances_read(&reply("{}")).is_err());
    }

    #[test]
    fn refusals() {
        verdicts(
            &Dds,
            &[
                (400, &["DBS.201204", "DBS.201214"], Verdict::Gone),
                (
                    403,
                    &["DBS.200011", "DBS.200018", "DBS.200019", "DBS.200076", "DBS.201000", "DBS.201014", "DBS.201015"],
                    Verdict::Busy,
                ),
                (400, &["DBS.200047", "DBS.201202", "DBS.200998", "DBS.00010009", "DBS.239037"], Verdict::Busy),
                (429, &["DBS.280443"], Verdict::Busy),
                (400, &["DBS.201201"], Verdict::NameTaken),
                (400, &["DBS.201319", "DBS.201208"], Verdict::WrongState),
                // An invalid retention period here, unlike in TaurusDB and RDS.
                (400, &["DBS.280214"], Verdict::Final),
                (400, &["DBS.212006", "DBS.280110", "DBS.280124"], Verdict::Final),
                (401, &["DBS.280056"], Verdict::Final),
            ],
        );
    }
}
