//! Things that go wrong on purpose: queued on the control port, spent by the calls they match.

use std::collections::BTreeMap;

use hyper::body::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::Millis;
use crate::codes::Code;
use crate::ledger::{JobStatus, Undone};
use crate::wire::{Answer, JSON};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// A status, body and headers of one's own; the request is not applied.
    Status,
    /// The answer comes late; the request is applied at once.
    Delay,
    /// The connection is closed; the request is not applied.
    CloseBefore,
    /// The request is applied, then the connection is closed without an answer.
    CloseAfter,
    /// The request is applied; the answer is bytes that are not JSON.
    Garbage,
    /// The request is applied; the connection breaks in the middle of the answer.
    Truncate,
    /// A load balancer's error page, 502 unless `status` says otherwise; the request is not applied.
    Html,
    /// The backup that this create call starts, or the restore, will fail.
    FailBackup,
    /// The request is applied; the answer trickles, `ms` milliseconds between pieces.
    SlowBody,
    /// A redirect to `location`, 302 unless `status` says otherwise; the request is not applied.
    Redirect,
    /// The request is applied; the answer has no body.
    Empty,
    /// The request is applied; each value in the answer has another JSON type.
    WrongType,
    /// The request is applied; the answer lacks the keys named in `fields`, at any depth.
    Without,
    /// The request is applied; the answer is padded with `bytes` bytes of JSON.
    Oversized,
    /// The request is applied; the answer claims to be `content_type`.
    ContentType,
    /// The request is applied; the lists in the answer are empty, and their totals 0.
    EmptyList,
    /// The request is applied; keys of the answer, at any depth, have the values given in `with`.
    Replace,
    /// A create, stop or delete is accepted and answered as usual, and not done: see `job`, `hidden_ms` and `done_ms`.
    Undone,
}

/// How the job of something ends that is not done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobEnd {
    /// It claims success.
    #[default]
    Completed,
    /// It fails.
    Failed,
    /// It runs on for ever.
    Running,
}

/// A fault and the calls it is meant for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Only calls of this service (or `iam`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Only calls with this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only calls whose path contains this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_contains: Option<String>,
    /// Only calls whose query contains this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_contains: Option<String>,
    /// Only calls of this operation, as the journal names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// How many matching calls it hits.
    #[serde(default = "once")]
    pub times: u32,
    /// How many matching calls it lets pass before.
    #[serde(default)]
    pub skip: u32,
    /// The status of `status`, `html` and `redirect`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The body of `status`: JSON, or a text that is sent as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Further headers of `status`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Milliseconds between the pieces of `slow_body`; for every other kind the time before the answer, or before the
    /// connection closes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// Target of `redirect`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Keys that `without` removes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Size of `oversized`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<usize>,
    /// Type claimed by `content_type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Applies the request although the kind would not, or the other way round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<bool>,
    /// Applies the request this many milliseconds after it came, whatever has been answered: it was under way while
    /// its connection broke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_ms: Option<u64>,
    /// Keys and values of `replace`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, Value>,
    /// How the job of `undone` ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobEnd>,
    /// Milliseconds for which lists lack a backup whose deletion is `undone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_ms: Option<u64>,
    /// Milliseconds after which a deletion that is `undone` is done after all; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_ms: Option<u64>,
}

fn once() -> u32 {
    1
}

impl Fault {
    /// A fault that hits the next call, whatever it is.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            service: None,
            method: None,
            path_contains: None,
            query_contains: None,
            operation: None,
            times: 1,
            skip: 0,
            status: None,
            body: None,
            headers: BTreeMap::new(),
            ms: None,
            location: None,
            fields: Vec::new(),
            bytes: None,
            content_type: None,
            apply: None,
            late_ms: None,
            with: BTreeMap::new(),
            job: None,
            hidden_ms: None,
            done_ms: None,
        }
    }

    /// An answer with this status and no body.
    pub fn status(status: u16) -> Self {
        Self { status: Some(status), ..Self::new(FaultKind::Status) }
    }

    /// A refusal as the services write it.
    pub fn refusal(status: u16, code: &str) -> Self {
        Self::status(status).body(json!({"error_code": code, "error_msg": "Refused on purpose."}))
    }

    /// A late answer.
    pub fn delay(ms: u64) -> Self {
        Self { ms: Some(ms), ..Self::new(FaultKind::Delay) }
    }

    /// A refusal with a documented code, as the service writes it.
    pub fn documented(code: &Code) -> Self {
        Self::status(code.status).body(json!({"error_code": code.code, "error_msg": code.text}))
    }

    /// A connection that breaks at once, and a request that arrives so much later.
    pub fn arriving_late(ms: u64) -> Self {
        Self { late_ms: Some(ms), ..Self::new(FaultKind::CloseBefore) }
    }

    /// Values of its own for keys of the answer.
    pub fn replace(with: &[(&str, &str)]) -> Self {
        let with = with.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        Self { with, ..Self::new(FaultKind::Replace) }
    }

    /// Something that is accepted and not done, with this end of its job.
    pub fn undone(job: JobEnd) -> Self {
        Self { job: Some(job), ..Self::new(FaultKind::Undone) }
    }

    /// Only calls of this service.
    #[must_use]
    pub fn on(mut self, service: &str) -> Self {
        self.service = Some(service.to_owned());
        self
    }

    /// Only calls with this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Only calls whose path contains this.
    #[must_use]
    pub fn path(mut self, part: &str) -> Self {
        self.path_contains = Some(part.to_owned());
        self
    }

    /// Only calls whose query contains this.
    #[must_use]
    pub fn query(mut self, part: &str) -> Self {
        self.query_contains = Some(part.to_owned());
        self
    }

    /// Only calls of this operation.
    #[must_use]
    pub fn operation(mut self, operation: &str) -> Self {
        self.operation = Some(operation.to_owned());
        self
    }

    /// Hits this many calls.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Lets this many matching calls pass first.
    #[must_use]
    pub fn skip(mut self, calls: u32) -> Self {
        self.skip = calls;
        self
    }

    /// Answers with this body.
    #[must_use]
    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Answers with this header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    fn hits(&self, call: &Arrival<'_>) -> bool {
        let is = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
        let has = |part: &Option<String>, value: &str| part.as_deref().is_none_or(|part| value.contains(part));
        is(&self.service, call.service)
            && self.method.as_deref().is_none_or(|method| method.eq_ignore_ascii_case(call.method))
            && has(&self.path_contains, call.path)
            && has(&self.query_contains, call.query)
            && is(&self.operation, call.operation)
            && match self.kind {
                FaultKind::FailBackup => matches!(call.operation, "create" | "restore"),
                FaultKind::Undone => matches!(call.operation, "create" | "stop" | "delete" | "batch_delete"),
                FaultKind::EmptyList => call.method == "GET",
                _ => true,
            }
    }

    /// Whether the cloud does what the request asks for.
    pub(crate) fn applies(&self) -> bool {
        let usual =
            !matches!(self.kind, FaultKind::Status | FaultKind::CloseBefore | FaultKind::Html | FaultKind::Redirect);
        self.apply.unwrap_or(usual && self.late_ms.is_none())
    }

    /// How long the answer is held back.
    pub(crate) fn pause(&self) -> u64 {
        match self.kind {
            FaultKind::SlowBody => 0,
            FaultKind::Delay => self.ms.unwrap_or(1000),
            _ => self.ms.unwrap_or(0),
        }
    }

    /// What it makes of something that is accepted.
    pub(crate) fn outcome(&self) -> Option<Undone> {
        let span = |ms: u64| Millis::try_from(ms).unwrap_or(Millis::MAX / 8);
        let job = match self.job.unwrap_or_default() {
            JobEnd::Completed => JobStatus::Completed,
            JobEnd::Failed => JobStatus::Failed,
            JobEnd::Running => JobStatus::Running,
        };
        let hidden = self.hidden_ms.map_or(0, span);
        (self.kind == FaultKind::Undone).then(|| Undone { job, hidden, done_after: self.done_ms.map(span) })
    }

    /// Whether no answer is sent at all.
    pub(crate) fn silent(&self) -> bool {
        matches!(self.kind, FaultKind::CloseBefore | FaultKind::CloseAfter)
    }

    /// What is sent instead of `answer`, which is what the cloud would have said (or nothing, if it was not asked).
    pub(crate) fn spoil(&self, answer: Answer) -> Answer {
        let keep = |body: Bytes| Answer { body, ..answer.clone() };
        match self.kind {
            FaultKind::Status => {
                let body = match &self.body {
                    None => Bytes::new(),
                    Some(Value::String(text)) => text.clone().into(),
                    Some(body) => body.to_string().into(),
                };
                let mut own = Answer::bytes(self.status.unwrap_or(500), JSON, body);
                for (name, value) in &self.headers {
                    own = own.with(name, value);
                }
                own
            }
            FaultKind::Html => Answer::bytes(
                self.status.unwrap_or(502),
                "text/html",
                "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n\
                 <center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
            ),
            FaultKind::Redirect => Answer::bytes(self.status.unwrap_or(302), "text/html", Bytes::new())
                .with("Location", self.location.as_deref().unwrap_or("http://127.0.0.1:9/elsewhere")),
            FaultKind::Garbage => keep(Bytes::from_static(b"\x00\xff\xfe{\"backups\": [\x1b[2J}\x80 not json")),
            FaultKind::Empty => keep(Bytes::new()),
            FaultKind::WrongType => keep(changed(&answer, twist)),
            FaultKind::EmptyList => keep(changed(&answer, emptied)),
            FaultKind::Replace => keep(changed(&answer, |value| replaced(value, &self.with))),
            FaultKind::Without => keep(changed(&answer, |value| strip(value, &self.fields))),
            FaultKind::Oversized => keep(changed(&answer, |value| match value {
                Value::Object(mut map) => {
                    map.insert("padding".to_owned(), json!("x".repeat(self.bytes.unwrap_or(64 << 20))));
                    Value::Object(map)
                }
                other => other,
            })),
            FaultKind::ContentType => {
                Answer { content_type: self.content_type.clone().unwrap_or_else(|| "text/plain".to_owned()), ..answer }
            }
            FaultKind::Delay
            | FaultKind::CloseBefore
            | FaultKind::CloseAfter
            | FaultKind::Truncate
            | FaultKind::FailBackup
            | FaultKind::Undone
            | FaultKind::SlowBody => answer,
        }
    }
}

fn changed(answer: &Answer, change: impl FnOnce(Value) -> Value) -> Bytes {
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(body) => change(body).to_string().into(),
        Err(_) => answer.body.clone(),
    }
}

/// Keeps the keys of the outermost object and gives each value another type.
fn twist(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| {
                let other = match value {
                    Value::String(_) | Value::Null => json!({"unexpected": [1, 2]}),
                    Value::Number(_) => json!([true]),
                    Value::Bool(_) => json!("perhaps"),
                    Value::Array(_) => json!("a list it was"),
                    Value::Object(_) => json!([["an object", "it was"]]),
                };
                (key, other)
            })
            .collect(),
        other => json!([other]),
    }
}

fn strip(value: Value, fields: &[String]) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .filter(|(key, _)| !fields.contains(key))
            .map(|(key, value)| (key, strip(value, fields)))
            .collect(),
        Value::Array(items) => items.into_iter().map(|item| strip(item, fields)).collect(),
        other => other,
    }
}

/// Empties the lists of the outermost object.
fn emptied(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| match value {
                Value::Array(_) => (key, json!([])),
                Value::Number(_) if key.starts_with("total") => (key, json!(0)),
                other => (key, other),
            })
            .collect(),
        other => other,
    }
}

fn replaced(value: Value, with: &BTreeMap<String, Value>) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| {
                let value = with.get(&key).cloned().unwrap_or_else(|| replaced(value, with));
                (key, value)
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(|item| replaced(item, with)).collect(),
        other => other,
    }
}

/// What a fault looks at of a call that arrives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival<'a> {
    pub(crate) service: &'a str,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) operation: &'a str,
}

/// The faults still to come, in the order they were asked for.
#[derive(Debug, Default)]
pub(crate) struct Faults(pub(crate) Vec<Fault>);

impl Faults {
    /// Takes the first fault that is meant for this call; each call spends at most one.
    pub(crate) fn take(&mut self, call: &Arrival<'_>) -> Option<Fault> {
        let at = self.0.iter_mut().position(|fault| {
            let hits = fault.times > 0 && fault.hits(call);
            if hits && fault.skip > 0 {
                fault.skip -= 1;
                return false;
            }
            hits
        })?;
        let fault = self.0[at].clone();
        self.0[at].times -= 1;
        self.0.retain(|fault| fault.times > 0);
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call<'a>(service: &'a str, method: &'a str, path: &'a str, operation: &'a str) -> Arrival<'a> {
        Arrival { service, method, path, query: "", operation }
    }

    #[test]
    fn a_fault_hits_what_it_is_meant_for_and_no_more() {
        let create = call("dds", "POST", "/v3/p/backups", "create");
        let list = call("dds", "GET", "/v3/p/backups", "list");
        let cases: &[(Fault, Arrival<'_>, bool)] = &[
            (Fault::status(500), list, true),
            (Fault::status(500).on("rds"), list, false),
            (Fault::status(500).on("dds").method("post"), create, true),
            (Fault::status(500).method("POST"), list, false),
            (Fault::status(500).path("/backups"), list, true),
            (Fault::status(500).path("/jobs"), list, false),
            (Fault::status(500).operation("list"), list, true),
            (Fault::new(FaultKind::FailBackup), list, false),
            (Fault::new(FaultKind::FailBackup), create, true),
            (Fault::status(500).times(0), list, false),
        ];
        for (fault, call, expected) in cases {
            let mut faults = Faults(vec![fault.clone()]);
            assert_eq!(faults.take(call).is_some(), *expected, "{fault:?}");
            assert!(faults.take(call).is_none(), "spent: {fault:?}");
        }
    }

    #[test]
    fn faults_wait_and_queue() {
        let list = call("dds", "GET", "/v3/p/backups", "list");
        let mut faults = Faults(vec![Fault::status(500).skip(1).times(2), Fault::status(429)]);
        let taken: Vec<_> = (0..5).map(|_| faults.take(&list).and_then(|fault| fault.status)).collect();
        assert_eq!(taken, [Some(429), Some(500), Some(500), None, None]);
        assert!(faults.0.is_empty());
    }

    #[test]
    fn answers_are_spoiled_as_the_kind_says() {
        let good = Answer::json(200, &json!({"backups": [{"id": "b", "name": "n"}], "total_count": 1}));
        let body = |fault: &Fault| serde_json::from_slice::<Value>(&fault.spoil(good.clone()).body).ok();
        assert_eq!(body(&Fault::new(FaultKind::Garbage)), None);
        assert!(Fault::new(FaultKind::Empty).spoil(good.clone()).body.is_empty());
        let twisted = body(&Fault::new(FaultKind::WrongType)).expect("JSON");
        assert!(twisted["backups"].is_string() && twisted["total_count"].is_array());
        let stripped = Fault { fields: vec!["id".to_owned()], ..Fault::new(FaultKind::Without) };
        assert_eq!(body(&stripped).expect("JSON"), json!({"backups": [{"name": "n"}], "total_count": 1}));
        let refusal = Fault::refusal(403, "DBS.200019").header("Retry-After", "1").spoil(good.clone());
        assert_eq!((refusal.status, refusal.headers.len()), (403, 1));
        let html = Fault::new(FaultKind::Html).spoil(good.clone());
        assert_eq!((html.status, html.content_type.as_str()), (502, "text/html"));
        let redirect = Fault::new(FaultKind::Redirect).spoil(good.clone());
        assert_eq!((redirect.status, redirect.headers[0].0.as_str()), (302, "Location"));
        let big = Fault { bytes: Some(1000), ..Fault::new(FaultKind::Oversized) }.spoil(good);
        assert!(big.body.len() > 1000 && serde_json::from_slice::<Value>(&big.body).is_ok());
    }

    #[test]
    fn kinds_know_whether_the_request_is_applied() {
        for (kind, applies, silent) in [
            (FaultKind::Status, false, false),
            (FaultKind::Html, false, false),
            (FaultKind::Redirect, false, false),
            (FaultKind::CloseBefore, false, true),
            (FaultKind::CloseAfter, true, true),
            (FaultKind::Delay, true, false),
            (FaultKind::Garbage, true, false),
            (FaultKind::Truncate, true, false),
            (FaultKind::FailBackup, true, false),
        ] {
            let fault = Fault::new(kind);
            assert_eq!((fault.applies(), fault.silent()), (applies, silent), "{kind:?}");
        }
        assert!(Fault { apply: Some(true), ..Fault::status(500) }.applies());
    }
}
