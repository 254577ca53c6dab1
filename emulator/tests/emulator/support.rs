//! A tiny HTTP client and a tiny signer, so that tests see exactly what is on the wire.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use huaweidb_emulator::{Emulator, Options};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The code of a refusal, in whatever shape.
    pub(crate) fn code(&self) -> String {
        let body = self.json();
        body["error_code"].as_str().or(body["errCode"].as_str()).unwrap_or_default().to_owned()
    }
}

/// Sends one request on a connection of its own. An error means that no complete answer came.
pub(crate) fn send(method: &str, url: &str, headers: &[(&str, &str)], body: Option<&str>) -> io::Result<Reply> {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_mins(2)))?;
    let mut head = format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    if let Some(body) = body {
        write!(head, "Content-Length: {}\r\n", body.len()).unwrap();
    }
    stream.write_all((head + "\r\n" + body.unwrap_or_default()).as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.ok_or_else(|| io::Error::other("closed without an answer"))?;
    let head = String::from_utf8(bytes[..end].to_vec()).map_err(io::Error::other)?;
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let body = bytes[end + 4..].to_vec();
    let length: usize = headers["content-length"].parse().unwrap();
    if body.len() < length {
        return Err(io::Error::other("the answer broke off"));
    }
    Ok(Reply { status, headers, body })
}

/// An emulator and someone who may use it.
pub(crate) struct Client {
    pub(crate) emulator: Emulator,
    token: String,
}

impl Client {
    pub(crate) fn start(backup_seconds: f64) -> Self {
        Self::with(&Options::with_backups_of(backup_seconds))
    }

    pub(crate) fn with(options: &Options) -> Self {
        let emulator = Emulator::start_now(options).unwrap();
        let token = emulator.issue_token(3600.0);
        Self { emulator, token }
    }

    /// Calls a service with a token; `{p}` stands for the project.
    pub(crate) fn try_call(&self, service: &str, method: &str, path: &str, body: Option<&Value>) -> io::Result<Reply> {
        let path = path.replace("{p}", &self.emulator.project_id());
        let url = self.emulator.endpoint(service) + &path;
        let body = body.map(ToString::to_string);
        let headers = [("X-Auth-Token", self.token.as_str()), ("Content-Type", "application/json")];
        send(method, &url, &headers, body.as_deref())
    }

    pub(crate) fn call(&self, service: &str, method: &str, path: &str, body: Option<&Value>) -> Reply {
        self.try_call(service, method, path, body).unwrap()
    }

    pub(crate) fn get(&self, service: &str, path: &str) -> Reply {
        self.call(service, "GET", path, None)
    }

    /// Calls the control port.
    pub(crate) fn control(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let body = body.map(ToString::to_string);
        send(method, &(self.emulator.endpoint("control") + path), &[], body.as_deref()).unwrap()
    }

    /// Starts a backup in the service's own way; the answer is its id and its job, if there is one.
    pub(crate) fn create(&self, service: &str, instance_id: &str, name: &str) -> Result<(String, String), Reply> {
        let reply = self.try_create(service, instance_id, name).unwrap();
        if reply.status >= 300 {
            return Err(reply);
        }
        let body = reply.json();
        let id = body["backup_id"].as_str().or(body["backup"]["id"].as_str()).unwrap().to_owned();
        Ok((id, body["job_id"].as_str().unwrap_or_default().to_owned()))
    }

    /// The same, where no answer may come.
    pub(crate) fn try_create(&self, service: &str, instance_id: &str, name: &str) -> io::Result<Reply> {
        let flat = serde_json::json!({"instance_id": instance_id, "name": name, "description": "manual backup"});
        let (path, body) = match service {
            "dds" => ("/v3/{p}/backups".to_owned(), serde_json::json!({ "backup": flat })),
            "geminidb" => (format!("/v3/{{p}}/instances/{instance_id}/backups"), flat),
            "taurusdb" => ("/v3/{p}/backups/create".to_owned(), flat),
            _ => ("/v3/{p}/backups".to_owned(), flat),
        };
        self.try_call(service, "POST", &path, Some(&body))
    }

    /// Waits until the ledger shows a status, or that the backup has gone.
    pub(crate) fn await_status(&self, id: &str, status: Option<&str>) {
        let patience = Instant::now() + Duration::from_mins(2);
        while self.emulator.backup(id).map(|row| row.status).as_deref() != status {
            assert!(Instant::now() < patience, "{id} never became {status:?}: {:?}", self.emulator.backup(id));
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Headers that sign a request whose path and query are canonical already.
pub(crate) fn signed(
    (access, secret): (&str, &str),
    date: &str,
    (method, path, query): (&str, &str, &str),
    further: &[(&str, &str)],
    body: &str,
) -> Vec<(String, String)> {
    let mut headers: BTreeMap<String, String> =
        further.iter().map(|(name, value)| (name.to_ascii_lowercase(), (*value).to_owned())).collect();
    headers.insert("x-sdk-date".to_owned(), date.to_owned());
    let names = headers.keys().cloned().collect::<Vec<_>>().join(";");
    let mut lines = String::new();
    for (name, value) in &headers {
        writeln!(lines, "{name}:{value}").unwrap();
    }
    let canonical = format!("{method}\n{path}/\n{query}\n{lines}\n{names}\n{}", hex(&Sha256::digest(body.as_bytes())));
    let text = format!("SDK-HMAC-SHA256\n{date}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    let signature = hex(&mac.finalize().into_bytes());
    let authorization = format!("SDK-HMAC-SHA256 Access={access}, SignedHeaders={names}, Signature={signature}");
    headers.remove("host");
    headers.into_iter().chain([("Authorization".to_owned(), authorization)]).collect()
}
