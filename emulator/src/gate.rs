//! The gate: checks signatures and tokens on its own reading of the published signing guide.

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::clock::{self, Millis};
use crate::directory::{Caller, Directory, Key, Proof};
use crate::mint::hex;
use crate::modes::{Modes, TokenRefusal};
use crate::service::Service;
use crate::wire::{Ask, Refusal, pairs, unescape};

const ALGORITHM: &str = "SDK-HMAC-SHA256";
/// How far the time of a signature may be off.
const SKEW: Millis = 15 * 60 * 1000;
/// Largest body that may be signed.
const LARGEST_SIGNED_BODY: usize = 12 * 1024 * 1024;
const KEY_LOCK: Millis = 5 * 60 * 1000;

/// Everything but letters, digits and `-_.~` is escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Finds out who sends a request, or refuses it. `service` is none for IAM.
pub(crate) fn identify(
    directory: &mut Directory,
    modes: &Modes,
    service: Option<Service>,
    ask: &Ask,
    now: Millis,
) -> Result<Caller, Refusal> {
    if let Some(token) = ask.header("x-auth-token").filter(|token| !token.is_empty()) {
        return by_token(directory, modes, service, token, now);
    }
    let Some(authorization) = ask.header("authorization") else {
        return Err(Refusal::unauthenticated("x-auth-token not found"));
    };
    let signed = Signed::read(authorization)
        .ok_or_else(|| Refusal::unauthenticated("verify aksk signature fail, Authorization is malformed"))?;
    let access = signed.access.to_owned();
    let unknown = || Refusal::unauthenticated(&format!("Get secretKey failed,ak:{access},err:ak not exist"));
    let key = directory.key(signed.access).ok_or_else(unknown)?;
    if modes.locking && key.lock.is_shut(now) {
        return Err(Refusal::unauthenticated("AK access failed to reach the limit,forbidden"));
    }
    let (account, project_id) = (key.account, key.project_id.clone());
    match by_signature(key, &signed, ask, now) {
        Ok(()) => {
            key.lock.open();
            Ok(Caller { account, project_id, proof: Proof::Signature })
        }
        Err(cause) => {
            key.lock.failed(now, KEY_LOCK);
            Err(Refusal::unauthenticated(&cause))
        }
    }
}

fn by_token(
    directory: &Directory,
    modes: &Modes,
    service: Option<Service>,
    token: &str,
    now: Millis,
) -> Result<Caller, Refusal> {
    let cause = match directory.grant(token) {
        Some(grant) if now < grant.expires => {
            let project_id = Some(grant.project.as_ref().map_or_else(String::new, |project| project.id.clone()));
            return Ok(Caller { account: grant.account, project_id, proof: Proof::Token });
        }
        Some(grant) => format!("token expires, expires_at: {}", clock::micros(grant.expires)),
        None => "decrypt token fail".to_owned(),
    };
    match (service, modes.token_refusal) {
        (Some(service), TokenRefusal::Service) => Err(service.invalid_token()),
        (Some(_), TokenRefusal::Gateway) => Err(Refusal::unauthenticated(&cause)),
        (None, _) => Err(Refusal::keystone(401, "Unauthorized", "The X-Auth-Token is invalid!")),
    }
}

fn by_signature(key: &Key, signed: &Signed<'_>, ask: &Ask, now: Millis) -> Result<(), String> {
    if key.expires.is_some_and(|expires| expires <= now) {
        return Err("security token expired".to_owned());
    }
    if key.security_token.as_deref() != ask.header("x-security-token").filter(|token| !token.is_empty()) {
        return Err("verify security token fail".to_owned());
    }
    if ask.body.len() > LARGEST_SIGNED_BODY {
        return Err("calc aksk signature fail:body too large".to_owned());
    }
    let mismatch = || "verify aksk signature fail".to_owned();
    let date = ask.header("x-sdk-date").ok_or_else(mismatch)?;
    if !signed.headers.iter().any(|name| name == "x-sdk-date") {
        return Err(mismatch());
    }
    let at = clock::read_compact(date).ok_or_else(mismatch)?;
    if (now - at).abs() > SKEW {
        return Err(format!(
            "calc aksk signature fail:signature expired, signature time:{date},server time:{}",
            clock::compact(now)
        ));
    }
    let request = Request {
        method: ask.method.as_str(),
        path: &ask.path,
        query: &ask.query_text,
        headers: signed.headers.iter().map(|name| Some((name.as_str(), value_of(ask, name)?))).collect::<Option<_>>(),
        body: &ask.body,
        content_hash: value_of(ask, "x-sdk-content-sha256"),
    };
    if request.matches(&key.secret, date, signed) { Ok(()) } else { Err(mismatch()) }
}

fn value_of<'a>(ask: &'a Ask, name: &str) -> Option<&'a [u8]> {
    ask.headers.get(name).map(http::HeaderValue::as_bytes)
}

/// An `Authorization` header taken apart.
struct Signed<'a> {
    access: &'a str,
    headers: Vec<String>,
    signature: &'a str,
    /// The older form used by the OTC provider's library: `date/region/service/sdk_request`.
    scope: Option<&'a str>,
}

impl<'a> Signed<'a> {
    fn read(authorization: &'a str) -> Option<Self> {
        let rest = authorization.trim().strip_prefix(ALGORITHM)?.strip_prefix(' ')?;
        let field =
            |name: &str| rest.split(',').filter_map(|part| part.trim().split_once('=')).find(|(key, _)| *key == name);
        let headers = field("SignedHeaders")?.1.split(';').map(str::to_ascii_lowercase).collect();
        let signature = field("Signature")?.1;
        if let Some((_, access)) = field("Access") {
            return Some(Self { access, headers, signature, scope: None });
        }
        let (access, scope) = field("Credential")?.1.split_once('/')?;
        Some(Self { access, headers, signature, scope: Some(scope) })
    }
}

/// What of a request goes into its signature.
struct Request<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    /// The signed headers with their values; none when a signed header is missing.
    headers: Option<Vec<(&'a str, &'a [u8])>>,
    body: &'a [u8],
    content_hash: Option<&'a [u8]>,
}

impl Request<'_> {
    /// Whether the signature fits, in any of the readings that clients in the wild rely on.
    fn matches(&self, secret: &str, date: &str, signed: &Signed<'_>) -> bool {
        let Some(headers) = &self.headers else { return false };
        let canonicals = if signed.scope.is_some() { self.scoped(headers) } else { self.flat(headers) };
        canonicals.iter().any(|canonical| signature(secret, date, canonical, signed.scope) == signed.signature)
    }

    /// The canonical request, in the likeliest reading first.
    fn flat(&self, headers: &[(&str, &[u8])]) -> Vec<Vec<u8>> {
        let mut readings = Vec::new();
        for payload in self.payload_hashes() {
            for plus_is_blank in [true, false] {
                for escape_first in [false, true] {
                    let query = canonical_query(self.query, plus_is_blank, escape_first);
                    let canonical = self.canonical(&query, headers, trimmed, &payload);
                    if !readings.contains(&canonical) {
                        readings.push(canonical);
                    }
                }
            }
        }
        readings
    }

    /// The canonical request as the OTC provider's library makes it.
    fn scoped(&self, headers: &[(&str, &[u8])]) -> Vec<Vec<u8>> {
        let mut query: Vec<(String, String)> =
            pairs(self.query, true).iter().map(|(name, value)| (escape(name), escape(value))).collect();
        query.sort_by_key(|(name, _)| name.to_lowercase());
        query.dedup_by(|again, first| again.0 == first.0);
        let query = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let (query, payload) = if self.method == "POST" && self.body.is_empty() {
            (String::new(), sha256(query.as_bytes()))
        } else {
            (query, sha256(self.body))
        };
        vec![self.canonical(&query, headers, collapsed, &payload)]
    }

    /// Hashes the client may have signed; a hash it states must be that of the body.
    fn payload_hashes(&self) -> Vec<String> {
        let own = sha256(self.body);
        match self.content_hash.map(<[u8]>::trim_ascii) {
            None => vec![own],
            Some(b"UNSIGNED-PAYLOAD") if self.body.is_empty() => vec!["UNSIGNED-PAYLOAD".to_owned(), own],
            Some(b"UNSIGNED-PAYLOAD") => vec!["UNSIGNED-PAYLOAD".to_owned()],
            Some(stated) if stated.eq_ignore_ascii_case(own.as_bytes()) => {
                vec![String::from_utf8_lossy(stated).into_owned()]
            }
            Some(_) => Vec::new(),
        }
    }

    fn canonical(&self, query: &str, headers: &[(&str, &[u8])], tidy: fn(&[u8]) -> Vec<u8>, payload: &str) -> Vec<u8> {
        let mut text = format!("{}\n{}\n{query}\n", self.method, canonical_path(self.path)).into_bytes();
        for (name, value) in headers {
            text.extend_from_slice(name.as_bytes());
            text.push(b':');
            text.extend(tidy(value));
            text.push(b'\n');
        }
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        text.extend_from_slice(format!("\n{}\n{payload}", names.join(";")).as_bytes());
        text
    }
}

fn trimmed(value: &[u8]) -> Vec<u8> {
    value.trim_ascii().to_vec()
}

/// Runs of white space become one blank; nothing is trimmed.
fn collapsed(value: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(value.len());
    for byte in value {
        let blank = byte.is_ascii_whitespace();
        if !(blank && out.last() == Some(&b' ')) {
            out.push(if blank { b' ' } else { *byte });
        }
    }
    out
}

fn escape(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

fn canonical_path(path: &str) -> String {
    let decoded = unescape(path);
    let escaped = decoded.split('/').map(escape).collect::<Vec<_>>().join("/");
    if escaped.ends_with('/') { escaped } else { escaped + "/" }
}

fn canonical_query(query: &str, plus_is_blank: bool, escape_first: bool) -> String {
    let mut pairs = pairs(query, plus_is_blank);
    if escape_first {
        pairs.sort_by_cached_key(|(name, value)| (escape(name), escape(value)));
    } else {
        pairs.sort();
    }
    let written: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    written.join("&")
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn signature(secret: &str, date: &str, canonical: &[u8], scope: Option<&str>) -> String {
    let hash = sha256(canonical);
    match scope {
        None => hex(&hmac(secret.as_bytes(), &format!("{ALGORITHM}\n{date}\n{hash}"))),
        Some(scope) => {
            let seed = format!("SDK{secret}").into_bytes();
            let key = scope.split('/').fold(seed, |key, part| hmac(&key, part));
            hex(&hmac(&key, &format!("{ALGORITHM}\n{date}\n{scope}\n{hash}")))
        }
    }
}

fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/signing-vectors.json");

    fn vectors(key: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(VECTORS).expect("the signing vectors are committed");
        let all: Value = serde_json::from_str(&text).expect("JSON");
        all[key].as_array().expect("a list").clone()
    }

    fn field<'a>(vector: &'a Value, key: &str) -> &'a str {
        vector[key].as_str().unwrap_or_default()
    }

    /// Path and query of a URL.
    fn parts(url: &str) -> (&str, &str) {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let path = rest.find('/').map_or("/", |at| &rest[at..]);
        path.split_once('?').unwrap_or((path, ""))
    }

    /// All headers of a vector, with lower-case names.
    fn headers(vector: &Value) -> Vec<(String, Vec<u8>)> {
        let listed = vector["headers"].as_array().into_iter().flatten();
        let mut all: Vec<(String, Vec<u8>)> = listed
            .map(|pair| {
                let text = |index: usize| pair[index].as_str().unwrap_or_default();
                (text(0).to_ascii_lowercase(), text(1).as_bytes().to_vec())
            })
            .collect();
        for (name, value) in vector["expected_extra_headers"].as_object().into_iter().flatten() {
            all.push((name.to_ascii_lowercase(), value.as_str().unwrap_or_default().as_bytes().to_vec()));
        }
        if vector["expected_extra_headers"].is_null() {
            let host = field(vector, "url").split('/').nth(2).unwrap_or_default();
            all.push(("host".to_owned(), host.as_bytes().to_vec()));
            all.push(("x-sdk-date".to_owned(), field(vector, "sdk_date").as_bytes().to_vec()));
        }
        all
    }

    fn check(vector: &Value, change: impl Fn(&mut Request<'_>)) -> bool {
        let signed = Signed::read(field(vector, "expected_authorization")).expect("a header");
        let all = headers(vector);
        let value = |name: &str| all.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice());
        let (path, query) = parts(field(vector, "url"));
        let mut request = Request {
            method: field(vector, "method"),
            path,
            query,
            headers: signed.headers.iter().map(|name| Some((name.as_str(), value(name)?))).collect(),
            body: field(vector, "body").as_bytes(),
            content_hash: value("x-sdk-content-sha256"),
        };
        change(&mut request);
        request.matches(field(vector, "secret_key"), field(vector, "sdk_date"), &signed)
    }

    #[test]
    fn every_signing_vector_is_accepted() {
        let vectors = vectors("vectors");
        assert!(vectors.len() >= 58);
        for vector in &vectors {
            assert!(check(vector, |_| ()), "{}", vector["name"]);
            assert!(!check(vector, |request| request.path = "/elsewhere"), "{}", vector["name"]);
            assert!(!check(vector, |request| request.query = "other=1"), "{}", vector["name"]);
        }
    }

    #[test]
    fn canonical_requests_are_the_published_ones() {
        for vector in vectors("vectors") {
            let signed = Signed::read(field(&vector, "expected_authorization")).expect("a header");
            let all = headers(&vector);
            let value = |name: &str| all.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice());
            let (path, query) = parts(field(&vector, "url"));
            let signed_headers: Vec<(&str, &[u8])> =
                signed.headers.iter().map(|name| (name.as_str(), value(name).expect("a signed header"))).collect();
            let request = Request {
                method: field(&vector, "method"),
                path,
                query,
                headers: None,
                body: field(&vector, "body").as_bytes(),
                content_hash: value("x-sdk-content-sha256"),
            };
            let expected = field(&vector, "expected_canonical_request").as_bytes().to_vec();
            assert!(request.flat(&signed_headers).contains(&expected), "{}", vector["name"]);
        }
    }

    #[test]
    fn the_scoped_form_is_accepted_too() {
        let vectors = vectors("scoped_vectors");
        assert_eq!(vectors.len(), 3);
        for vector in &vectors {
            assert!(check(vector, |_| ()), "{}", vector["name"]);
            assert!(!check(vector, |request| request.body = b"other"), "{}", vector["name"]);
        }
    }

    #[test]
    fn odd_authorizations_are_no_signature() {
        for text in [
            "",
            "Bearer x",
            "SDK-HMAC-SHA256",
            "SDK-HMAC-SHA256 Access=a",
            "SDK-HMAC-SHA256Access=a, SignedHeaders=b, Signature=c",
        ] {
            assert!(Signed::read(text).is_none(), "{text}");
        }
        let signed = Signed::read("SDK-HMAC-SHA256 Signature=c,SignedHeaders=Host;X-Sdk-Date,Access=a").expect("read");
        assert_eq!((signed.access, signed.signature), ("a", "c"));
        assert_eq!(signed.headers, ["host", "x-sdk-date"]);
    }
}
