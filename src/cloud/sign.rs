//! Request signing, `SDK-HMAC-SHA256`: request, key and time in, one header out.
//!
//! Pure. Whoever asks chooses which headers are signed; [`headers`] is our own choice: `host` and every `x-` header, and
//! none of those that HTTP stacks and proxies rewrite (`content-type`, `user-agent`, `accept`).

use std::borrow::Cow;
use std::fmt::Write as _;

use aws_lc_rs::{digest, hmac};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use url::{Position, Url};

const ALGORITHM: &str = "SDK-HMAC-SHA256";
const CONTENT_HASH: &str = "x-sdk-content-sha256";

/// Everything but letters, digits, `-`, `_`, `.` and `~`: one rule for paths, names and values.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A name and a value of a query, unescaped.
type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// What is signed: the request as it goes on the wire.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) url: &'a Url,
    /// The headers to sign, and no others.
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a [u8],
}

/// With what it is signed. No `Debug`: the key is bare.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    pub(super) access_key: &'a str,
    pub(super) secret_key: &'a str,
}

/// One id or value, escaped for a path or a query.
pub(super) fn escape(text: &str) -> String {
    escape_bytes(text.as_bytes())
}

fn escape_bytes(bytes: &[u8]) -> String {
    percent_encode(bytes, ESCAPED).to_string()
}

/// The time as the header `X-Sdk-Date` has it.
pub(super) fn date_text(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The query as it is signed, and sent: escaped, in the order of the unescaped names and values.
pub(super) fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    canonical_query(pairs.into_iter().map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into())).collect())
}

fn canonical_query(mut pairs: Vec<Pair<'_>>) -> String {
    pairs.sort();
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", escape_bytes(name), escape_bytes(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The headers that our requests carry for the gateway's sake, all of which are signed.
pub(super) fn headers<'a>(
    url: &'a Url,
    date: &'a str,
    project_id: Option<&'a str>,
    domain_id: Option<&'a str>,
    security_token: Option<&'a str>,
) -> Vec<(&'static str, &'a str)> {
    let host = &url[Position::BeforeHost..Position::AfterPort];
    let mut headers = vec![("Host", host), ("X-Sdk-Date", date)];
    headers.extend(project_id.map(|id| ("X-Project-Id", id)));
    headers.extend(domain_id.map(|id| ("X-Domain-Id", id)));
    headers.extend(security_token.map(|token| ("X-Security-Token", token)));
    headers
}

/// The value of the header `Authorization`.
pub(super) fn authorization(request: Request<'_>, key: Key<'_>, date: &str) -> String {
    let text = string_to_sign(&canonical(request), date);
    let secret = hmac::Key::new(hmac::HMAC_SHA256, key.secret_key.as_bytes());
    let signature = hex(hmac::sign(&secret, text.as_bytes()).as_ref());
    let names = signed_names(&sorted(request.headers));
    format!("{ALGORITHM} Access={}, SignedHeaders={names}, Signature={signature}", key.access_key)
}

/// The canonical request: what gateway and client must agree on.
pub(super) fn canonical(request: Request<'_>) -> String {
    let headers = sorted(request.headers);
    let mut text = format!("{}\n{}\n", request.method, canonical_path(request.url.path()));
    let _ = writeln!(text, "{}", canonical_query(pairs(request.url)));
    for (name, value) in &headers {
        let _ = writeln!(text, "{name}:{value}");
    }
    let given = headers.iter().find(|(name, _)| name == CONTENT_HASH).map(|(_, value)| (*value).to_owned());
    let hash = given.unwrap_or_else(|| sha256(request.body));
    let _ = write!(text, "\n{}\n{hash}", signed_names(&headers));
    text
}

fn string_to_sign(canonical: &str, date: &str) -> String {
    format!("{ALGORITHM}\n{date}\n{}", sha256(canonical.as_bytes()))
}

/// The trailing slash exists in the signed form only; the request goes out without it.
fn canonical_path(path: &str) -> String {
    let decoded = percent_decode_str(path).collect::<Vec<u8>>();
    let mut text = decoded.split(|byte| *byte == b'/').map(escape_bytes).collect::<Vec<_>>().join("/");
    if !text.ends_with('/') {
        text.push('/');
    }
    text
}

/// `+` is itself here: our queries are never form-encoded.
fn pairs(url: &Url) -> Vec<Pair<'_>> {
    let parts = url.query().unwrap_or_default().split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (percent_decode_str(name).into(), percent_decode_str(value).into()))
        .collect()
}

fn sorted<'a>(headers: &[(&str, &'a str)]) -> Vec<(String, &'a str)> {
    let mut headers = headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.trim())).collect::<Vec<_>>();
    headers.sort();
    headers
}

fn signed_names(headers: &[(String, &str)]) -> String {
    headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";")
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct File {
        vector_count: usize,
        vectors: Vec<Vector>,
    }

    #[derive(Deserialize)]
    struct Vector {
        name: String,
        method: String,
        url: String,
        query: Vec<(String, String)>,
        headers: Vec<(String, String)>,
        unsigned_headers: Vec<String>,
        body: Option<String>,
        access_key: String,
        secret_key: String,
        security_token: Option<String>,
        project_id: Option<String>,
        domain_id: Option<String>,
        sdk_date: String,
        expected_signed_headers: String,
        expected_canonical_request: String,
        expected_string_to_sign: String,
        expected_authorization: String,
        expected_extra_headers: BTreeMap<String, String>,
    }

    fn vectors() -> Vec<Vector> {
        let file: File = serde_json::from_str(include_str!("../../tests/data/signing-vectors.json")).unwrap();
        assert_eq!(file.vectors.len(), file.vector_count);
        file.vectors
    }

    #[test]
    fn every_vector_is_signed_as_the_official_signer_does() {
        for vector in vectors() {
            let url = Url::parse(&vector.url).unwrap();
            let ours = headers(
                &url,
                &vector.sdk_date,
                vector.project_id.as_deref(),
                vector.domain_id.as_deref(),
                vector.security_token.as_deref(),
            );
            let callers = vector.headers.iter().filter(|(name, _)| !vector.unsigned_headers.contains(name));
            let mut list = callers.map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>();
            list.extend(&ours);
            // The one header that the official signer adds and our requests, JSON only, never need.
            let unsigned_payload = vector.expected_extra_headers.get("X-Sdk-Content-Sha256");
            list.extend(unsigned_payload.map(|value| ("X-Sdk-Content-Sha256", value.as_str())));

            let body = vector.body.as_deref().unwrap_or_default().as_bytes();
            let request = Request { method: &vector.method, url: &url, headers: &list, body };
            let key = Key { access_key: &vector.access_key, secret_key: &vector.secret_key };
            let name = &vector.name;
            assert_eq!(canonical(request), vector.expected_canonical_request, "{name}");
            assert_eq!(signed_names(&sorted(&list)), vector.expected_signed_headers, "{name}");
            let text = string_to_sign(&canonical(request), &vector.sdk_date);
            assert_eq!(text, vector.expected_string_to_sign, "{name}");
            assert_eq!(authorization(request, key, &vector.sdk_date), vector.expected_authorization, "{name}");

            for (name, value) in &vector.expected_extra_headers {
                let is_ours =
                    name == "Authorization" || unsigned_payload.is_some_and(|_| name == "X-Sdk-Content-Sha256");
                assert!(is_ours || ours.contains(&(name.as_str(), value)), "{}: {name}", vector.name);
            }
        }
    }

    #[test]
    fn queries_are_sent_in_the_signed_form() {
        for vector in vectors() {
            let sent = query(vector.query.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            assert_eq!(sent, vector.url.split_once('?').map_or("", |(_, query)| query), "{}", vector.name);
        }
    }

    #[test]
    fn more_known_signatures() {
        let date = "20250603T081238Z";
        let path = "https://dds.eu-de.otc.t-systems.com/v3/619d3e78f61b4be68bc5aa0b59edcf7b/backups";
        let body = r#"{"backup":{"instance_id":"a89dab5e39394eccbdb77b19d57b0180in02","name":"mybackup1"}}"#;
        let listing = [
            ("begin_time", "2025-06-03 08:00:00"),
            ("end_time", "2025-06-03 09:00:00"),
            ("backup_id", "bf9ee62a7f7044c583c6765c916c36edbr02"),
        ];
        let listing = format!("{path}?{}", query(listing));
        for (method, url, body, expected) in [
            ("POST", path, body, "a07ab32510f40dd230d33afbb92ec15a48c5a6f59c5d5821d40edbca746fe348"),
            ("GET", listing.as_str(), "", "e4aaf4b930f0247071226af225e9226af406cc386285d47d71170dc9a9b5030a"),
        ] {
            let url = Url::parse(url).unwrap();
            let headers = headers(&url, date, None, None, None);
            let request = Request { method, url: &url, headers: &headers, body: body.as_bytes() };
            let header = authorization(request, Key { access_key: "AKEXAMPLE", secret_key: "SKEXAMPLE" }, date);
            assert!(header.ends_with(expected), "{method}: {header}");
        }
    }

    #[test]
    fn the_port_is_signed_unless_it_is_the_usual_one() {
        for (url, host) in [
            ("https://dds.example.com/", "dds.example.com"),
            ("https://dds.example.com:443/", "dds.example.com"),
            ("https://DDS.example.com:8443/x", "dds.example.com:8443"),
            ("http://127.0.0.1:8080/x", "127.0.0.1:8080"),
            ("http://[::1]:8080/x", "[::1]:8080"),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(headers(&url, "", None, None, None)[0], ("Host", host));
        }
    }

    #[test]
    fn times_are_whole_seconds_in_utc() {
        assert_eq!(date_text("2024-02-29T12:34:56.789Z".parse().unwrap()), "20240229T123456Z");
    }
}
