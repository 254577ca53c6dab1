//! A service that does not exist, written like the others: what a sixth one costs is this file, one `mod` line and one entry.
//!
//! Its instances are clusters, its paths are its own, `SUCCEEDED` is its word for completed, sizes count in MB, and "busy" has
//! a code that nobody else has. It has no batch delete, and cannot tell to which times it restores. The rest goes as with most.

use serde_json::json;

use super::wire;
use crate::backup::{Codes, Facts, Idle, Misread, NewBackup, Service, Started, Status, Unsupported, Verdict};
use crate::cloud::{Call, Product, Reply};

/// The service.
pub(super) struct Sixth;

static PRODUCT: Product = Product { key: "sixth", host: |_, _| "sixth-db" };

static FACTS: Facts = Facts {
    instance_suffixes: &[("in66", Some("Sixth"))],
    backups: "/v5/{project_id}/snapshots",
    list: "/v5/{project_id}/snapshots",
    jobs: "/v5/{project_id}/tasks",
    instances: "/v5/{project_id}/clusters",
    kinds: &[("auto", "SCHEDULED"), ("manual", "BY_HAND")],
    headers: &[],
    unit: wire::MB,
    status,
    idle: Idle::Status(&["RUNNING"]),
    restore_times: None,
    codes: CODES,
    ..Facts::usual(&PRODUCT, "Sixth Database Service", "https://support.example.com/sixth/")
};

const CODES: &[Codes] = &[(&[409], &["SDS.0409"], Verdict::Busy), (&[404], &["SDS.0404"], Verdict::Gone)];

fn status(word: &str) -> Status {
    if word == "SUCCEEDED" { Status::Completed } else { wire::status(word) }
}

impl Service for Sixth {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    /// Under the cluster, and with the name as `title`.
    fn create(&self, want: &NewBackup) -> Result<Call, Unsupported> {
        wire::whole_instance(want, FACTS.title)?;
        Ok(FACTS.post(FACTS.of_instance(&want.instance_id, "snapshots"), Some(json!({ "title": want.name }))))
    }

    fn started(&self, reply: &Reply) -> Result<Started, Misread> {
        wire::started_by_id(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::super::proofs::{line, lines, manual, of, reply, verdicts, want};
    use super::*;
    use crate::backup::JobStatus;

    #[test]
    fn what_is_written_above_is_what_is_sent_and_read() {
        let create = Sixth.create(&want("c1", "nightly", "")).unwrap();
        let find = Sixth.find(&of("b1", "c1")).unwrap();
        let list = Sixth.list(&manual("c1"), 20, 10).unwrap();
        let page =
            r#"{"backups": [{"id": "b1", "instance_id": "c1", "name": "nightly", "status": "SUCCEEDED", "size": 3}]}"#;
        let backup = Sixth.listed(&reply(page)).unwrap().items.remove(0);
        let calls =
            [find, list, vec![create, Sixth.stop(&backup).unwrap(), Sixth.delete("b1"), Sixth.job("j1").unwrap()]];
        assert_eq!(
            lines(&calls.concat()),
            [
                "GET /v5/{project_id}/snapshots?backup_id=b1",
                "GET /v5/{project_id}/snapshots?instance_id=c1&backup_type=BY_HAND&offset=20&limit=10",
                "POST /v5/{project_id}/clusters/c1/snapshots",
                "PUT /v5/{project_id}/snapshots/b1",
                "DELETE /v5/{project_id}/snapshots/b1",
                "GET /v5/{project_id}/tasks?id=j1",
            ]
        );
        assert_eq!(calls.concat()[2].body, Some(json!({ "title": "nightly" })));
        assert_eq!((&backup.status, backup.size_bytes), (&Status::Completed, Some(3 << 20)));
        assert_eq!(Sixth.started(&reply(r#"{"backup_id": "b1"}"#)).unwrap().backup_id, "b1");
        let job = Sixth.job_read(&reply(r#"{"job": {"status": "Failed"}}"#)).unwrap().unwrap();
        assert_eq!(job.status, JobStatus::Failed);
        assert_eq!(line(&Sixth.instance("c1")), "GET /v5/{project_id}/clusters?id=c1");
        let clusters = reply(r#"{"instances": [{"id": "c1", "name": "shop", "status": "RUNNING"}]}"#);
        assert_eq!(Sixth.instances_read(&clusters).unwrap().items[0].idle, Some(true));
        assert!(Sixth.delete_many(&["b1".to_owned()]).is_none());
        assert!(Sixth.restore_times("c1", "2026-11-21".parse().unwrap(), 0).is_err());
        verdicts(
            &Sixth,
            &[(409, &["SDS.0409", "DBS.200019"], Verdict::Busy), (404, &["SDS.0404", "DBS.201010"], Verdict::Gone)],
        );
    }

    #[test]
    fn it_is_one_file_that_fits_on_two_screens() {
        assert!(include_str!("sixth.rs").lines().count() <= 120);
    }
}
