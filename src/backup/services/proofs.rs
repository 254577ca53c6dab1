//! What the proofs at the end of each service file need: replies and refusals made of the texts in `tests/data/cloud-api`.

use serde_json::Value as Json;

use crate::backup::{BackupRef, Database, Filter, NewBackup, Service, Verdict};
use crate::cloud::{Body, Call, Refusal, Reply};

/// An example of the vendor's API reference.
macro_rules! example {
    ($name:literal) => {
        include_str!(concat!("../../../tests/data/cloud-api/", $name, ".json"))
    };
}
pub(super) use example;

/// A reply with that body.
pub(super) fn reply(body: &str) -> Reply {
    let body = Body::new(body.to_owned()).expect("the proof's text is JSON");
    Reply { status: 200, body, date: None, request_id: None }
}

/// The JSON of a text.
pub(super) fn json(text: &str) -> Json {
    serde_json::from_str(text).expect("the proof's text is JSON")
}

/// A call as one line: `GET /v3/{project_id}/backups?a=b`, in the order of the code.
pub(super) fn line(call: &Call) -> String {
    let query: Vec<_> = call.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    format!("{} {}{query}", call.method, call.path)
}

/// Several calls as lines.
pub(super) fn lines(calls: &[Call]) -> Vec<String> {
    calls.iter().map(line).collect()
}

/// A backup to take.
pub(super) fn want(instance_id: &str, name: &str, description: &str) -> NewBackup {
    NewBackup {
        instance_id: instance_id.to_owned(),
        name: name.to_owned(),
        description: Some(description.to_owned()),
        ..NewBackup::default()
    }
}

/// Whole databases of those names.
pub(super) fn databases(names: &[&str]) -> Vec<Database> {
    names.iter().map(|name| Database { name: (*name).to_owned(), tables: Vec::new() }).collect()
}

/// A backup of a known instance.
pub(super) fn of(id: &str, instance_id: &str) -> BackupRef {
    BackupRef::new(id, Some(instance_id.to_owned()))
}

/// A filter by instance and type.
pub(super) fn manual(instance_id: &str) -> Filter {
    Filter { instance_id: Some(instance_id.to_owned()), kind: Some("manual".to_owned()), ..Filter::default() }
}

/// A refusal with that status and code.
pub(super) fn refusal(status: u16, code: &str) -> Refusal {
    Refusal { status, code: code.to_owned(), ..Refusal::default() }
}

/// Checks rows of status, codes and meaning.
#[track_caller]
pub(super) fn verdicts(service: &dyn Service, rows: &[(u16, &[&str], Verdict)]) {
    for (status, codes, verdict) in rows {
        for code in *codes {
            assert_eq!(service.verdict(&refusal(*status, code)), *verdict, "{status} {code}");
        }
    }
    // What holds for every service.
    for (status, code, verdict) in [
        (404, "APIGW.0101", Verdict::NotOffered),
        (404, "APIG.0101", Verdict::NotOffered),
        (404, "DBS.200002", Verdict::Final),
        (404, "DBS.201010", Verdict::Gone),
        (404, "", Verdict::Final),
        (404, "APIGW.0103", Verdict::Final),
        (429, "APIGW.0308", Verdict::Busy),
        (401, "APIGW.0301", Verdict::Final),
        (403, "DBS.280063", Verdict::Final),
        (403, "DBS.200010", Verdict::Final),
        (403, "DBS.280056", Verdict::Final),
        (400, "DBS.280001", Verdict::Final),
        (400, "DBS.280127", Verdict::Final),
        (400, "DBS.280277", Verdict::Final),
        (400, "DBS.280404", Verdict::Final),
        (500, "DBS.108000", Verdict::Final),
        (502, "", Verdict::Final),
    ] {
        assert_eq!(service.verdict(&refusal(status, code)), verdict, "{status} {code}");
    }
}
