//! Answers as people and programs can use them. Pure, and never at a loss: gateways, load balancers and products all
//! word their refusals differently, and some send a web page or nothing.

use std::time::Duration;

use http::HeaderMap;
use http::header::{CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER};
use hyper::body::Bytes;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use secrecy::SecretString;
use serde_json::{Map, Value as Json};
use url::Url;

use super::hidden::Hidden;
use super::{Body, Refusal};

/// No message is longer than this many characters.
const LONGEST_MESSAGE: usize = 600;
/// No wait that the cloud asks for is longer.
const LONGEST_WAIT: Duration = Duration::from_hours(24);
/// No code, id or type of content is longer than this many characters.
const LONGEST_WORD: usize = 100;
/// How deep a code and a message may be nested.
const DEEPEST: usize = 3;

/// What the headers of an answer say.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) request_id: Option<String>,
    /// The cloud's clock.
    pub(super) date: Option<Timestamp>,
    /// A token, where IAM hands one out.
    pub(super) subject_token: Option<SecretString>,
    retry_after: Option<String>,
    content_type: Option<String>,
    location: Option<String>,
}

impl Head {
    /// Reads what we need of the headers.
    pub(super) fn new(status: u16, headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Head {
            status,
            request_id: text("x-request-id").or_else(|| text("x-iam-trace-id")).filter(|id| !id.is_empty()),
            date: text(DATE.as_str()).as_deref().and_then(http_date),
            subject_token: text("x-subject-token").map(SecretString::from),
            retry_after: text(RETRY_AFTER.as_str()),
            content_type: text(CONTENT_TYPE.as_str()),
            location: text(LOCATION.as_str()),
        }
    }

    /// Whether what was asked for was done.
    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// As it may be shown: without what is hidden, then cut to a bearable length. Half a secret is too much, and would
    /// not be found any more.
    pub(super) fn shown(self, hidden: &Hidden) -> Self {
        let word = |text: Option<String>| text.map(|text| shortened(&hidden.scrub(text), LONGEST_WORD));
        Head {
            request_id: word(self.request_id),
            content_type: word(self.content_type),
            location: self.location.map(|text| hidden.scrub(text)),
            ..self
        }
    }
}

/// The body of an answer with a good status. The error says what is wrong with it.
pub(super) fn reply_body(head: &Head, body: impl Into<Bytes>) -> Result<Body, String> {
    Body::new(body).map_err(|why| match &head.content_type {
        Some(kind) if !kind.contains("json") => format!("the body is {kind}, not JSON"),
        _ => format!("the body is not valid JSON ({why})"),
    })
}

/// What the cloud means by a status that is not good. `now` is our clock, for a date in `Retry-After`.
pub(super) fn refusal(head: &Head, body: &[u8], now: Timestamp) -> Refusal {
    let json = serde_json::from_slice::<Json>(body).ok();
    let found = json.as_ref().and_then(|json| said(json, 0));
    let (code, message) = found.unwrap_or_else(|| (String::new(), plain_text(body)));
    let message = match (&head.location, head.status) {
        (location, 300..=399) => redirect(location.as_deref()),
        _ => message,
    };
    let request_id = json.as_ref().and_then(|json| json.get("request_id")).and_then(Json::as_str);
    Refusal {
        status: head.status,
        code: shortened(&code, LONGEST_WORD),
        message: shortened(&message, LONGEST_MESSAGE),
        request_id: head.request_id.clone().or_else(|| request_id.map(|id| shortened(id, LONGEST_WORD))),
        retry_after: head.retry_after.as_deref().and_then(|text| retry_after(text, head.date.unwrap_or(now))),
        date: head.date,
        unsent_token: None,
    }
}

/// The first pair of code and message, from the outside in.
fn said(json: &Json, depth: usize) -> Option<(String, String)> {
    let fields = json.as_object().filter(|_| depth <= DEEPEST)?;
    let pair = |code: &str, message: &str| {
        let (code, message) = (word(fields, code), word(fields, message));
        (code.is_some() || message.is_some()).then(|| (code.unwrap_or_default(), message.unwrap_or_default()))
    };
    pair("error_code", "error_msg")
        .or_else(|| pair("errCode", "externalMessage"))
        // In `{"error": {"code": 401, …}}` the number only repeats the status.
        .or_else(|| {
            pair("code", "message")
                .map(|(code, message)| (if is_number(&code) { String::new() } else { code }, message))
        })
        .or_else(|| fields.values().find_map(|inner| said(inner, depth + 1)))
}

fn word(fields: &Map<String, Json>, name: &str) -> Option<String> {
    match fields.get(name)? {
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn is_number(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_digit())
}

/// Text without the tags of a web page, in one line.
fn plain_text(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut plain = String::new();
    let mut in_tag = false;
    for c in text.chars().take(16 * LONGEST_MESSAGE) {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                plain.push(' ');
            }
            c if !in_tag => plain.push(c),
            _ => {}
        }
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn redirect(location: Option<&str>) -> String {
    let target = location.and_then(|text| Url::parse(text).ok());
    match target.as_ref().and_then(Url::host_str) {
        Some(host) => format!("a redirect to {host}, which is not followed"),
        None => "a redirect, which is not followed".to_owned(),
    }
}

/// What the cloud says goes to people's terminals: of bearable length, and nothing that moves a cursor.
fn shortened(text: &str, most: usize) -> String {
    let mut short: String = text.chars().take(most).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(most).is_some() {
        short.push('…');
    }
    short
}

/// `Retry-After`: seconds, or a date that is compared with the cloud's own clock. A day is as good as for ever, and can
/// be added to any time.
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => Duration::try_from(http_date(text)?.duration_since(now)).unwrap_or_default(),
    };
    Some(wait.min(LONGEST_WAIT))
}

fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn head(status: u16, headers: &[(&'static str, &'static str)]) -> Head {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Head::new(status, &headers.collect())
    }

    #[test]
    fn what_the_cloud_says_is_fit_for_a_terminal() {
        let long = "x".repeat(5000);
        let body = format!(
            r#"{{"error_code": "DBS\u001b[31m{long}", "error_msg": "a\nb\u0007{long}", "request_id": "r\r{long}"}}"#
        );
        let refusal = refusal(&head(400, &[]), body.as_bytes(), Timestamp::UNIX_EPOCH);
        let request_id = refusal.request_id.unwrap();
        for text in [&refusal.code, &refusal.message, &request_id] {
            assert!(!text.contains(char::is_control), "{text:?}");
            assert!(text.chars().count() <= LONGEST_MESSAGE + 1, "{} characters", text.chars().count());
        }
        assert!(refusal.code.starts_with("DBS [31mx") && refusal.message.starts_with("a b x"));
    }

    #[test]
    fn every_shape_of_a_refusal_is_read() {
        for (body, code, message) in [
            (r#"{"error_code": "DBS.280001", "error_msg": "Parameter error."}"#, "DBS.280001", "Parameter error."),
            (r#"{"error_msg":"m","error_code":"APIGW.0301","request_id":"r"}"#, "APIGW.0301", "m"),
            (r#"{"error_code":"DBS.280063","error_msg":"m","encoded_authorization_message":"x"}"#, "DBS.280063", "m"),
            (r#"{"errCode": "DBS.300101", "externalMessage": "Failed"}"#, "DBS.300101", "Failed"),
            (r#"{"error": {"code": 401, "message": "m", "title": "Unauthorized"}}"#, "", "m"),
            (r#"{"error": {"code": "401", "message": "m"}}"#, "", "m"),
            (r#"{"error": {"message": "m", "title": "t"}}"#, "", "m"),
            (r#"{"code": "X.1", "message": "m"}"#, "X.1", "m"),
            (r#"{"code": "X.1"}"#, "X.1", ""),
            (r#"{"badRequest": {"code": "X.2", "message": "m"}}"#, "X.2", "m"),
            (r#"{"a": 1, "fault": {"error": {"error_code": "X.3", "error_msg": "m"}}}"#, "X.3", "m"),
            (r#"{"error_code": 17, "error_msg": null}"#, "17", ""),
            (r#"{"other": "thing"}"#, "", r#"{"other": "thing"}"#),
            (r#"["x"]"#, "", r#"["x"]"#),
            (r#"{"error_code": "DBS.2"#, "", r#"{"error_code": "DBS.2"#),
            ("", "", ""),
            (" \n ", "", ""),
            ("upstream is down", "", "upstream is down"),
            (
                "<html><head><title>502 Bad Gateway</title></head>\r\n<body><h1>502</h1></body></html>",
                "",
                "502 Bad Gateway 502",
            ),
            ("<html", "", ""),
        ] {
            let refusal = refusal(&head(400, &[]), body.as_bytes(), Timestamp::UNIX_EPOCH);
            assert_eq!((refusal.code.as_str(), refusal.message.as_str()), (code, message), "{body}");
        }
        let refusal = refusal(&head(500, &[]), &[0xff, 0xfe, b'x'], Timestamp::UNIX_EPOCH);
        assert!(refusal.message.ends_with('x'));
    }

    #[test]
    fn documented_examples_are_read() {
        for (body, code) in [
            (include_str!("../../tests/data/cloud-api/error.gateway.auth.401.response.json"), "APIGW.0301"),
            (include_str!("../../tests/data/cloud-api/error.gateway.not-found.404.response.json"), "APIGW.0101"),
            (include_str!("../../tests/data/cloud-api/error.gateway.throttled.429.response.json"), "APIGW.0308"),
            (include_str!("../../tests/data/cloud-api/error.iam.401.response.json"), ""),
            (include_str!("../../tests/data/cloud-api/error.service.permission.403.response.json"), "DBS.280063"),
            (include_str!("../../tests/data/cloud-api/error.service.response.json"), "DBS.280001"),
            (include_str!("../../tests/data/cloud-api/ddm.error.legacy.response.json"), "DBS.300101"),
        ] {
            let refusal = refusal(&head(400, &[]), body.as_bytes(), Timestamp::UNIX_EPOCH);
            assert_eq!(refusal.code, code, "{body}");
            assert!(!refusal.message.is_empty() && !refusal.message.contains('{'), "{body}");
        }
    }

    #[test]
    fn request_ids_come_from_header_or_body() {
        let body = br#"{"error_code":"A.1","error_msg":"m","request_id":"body"}"#;
        for (headers, expected) in [
            (&[("x-request-id", "header")][..], Some("header")),
            (&[("x-iam-trace-id", "trace")], Some("trace")),
            (&[("x-request-id", "")], Some("body")),
            (&[], Some("body")),
        ] {
            let refusal = refusal(&head(400, headers), body, Timestamp::UNIX_EPOCH);
            assert_eq!(refusal.request_id.as_deref(), expected);
        }
        assert_eq!(refusal(&head(400, &[]), b"", Timestamp::UNIX_EPOCH).request_id, None);
    }

    #[test]
    fn long_messages_are_cut() {
        let body = "ü".repeat(5000);
        let refusal = refusal(&head(500, &[]), body.as_bytes(), Timestamp::UNIX_EPOCH);
        assert_eq!(refusal.message.chars().count(), LONGEST_MESSAGE + 1);
    }

    #[test]
    fn a_redirect_names_the_host_only() {
        for (location, expected) in [
            (
                &[("location", "https://evil.example.com/?token=abc")][..],
                "a redirect to evil.example.com, which is not followed",
            ),
            (&[("location", "/login")], "a redirect, which is not followed"),
            (&[], "a redirect, which is not followed"),
        ] {
            assert_eq!(refusal(&head(302, location), b"<html>moved</html>", Timestamp::UNIX_EPOCH).message, expected);
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2025-06-03T08:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("Tue, 03 Jun 2025 08:00:30 GMT", Some(30)),
            ("Tue, 03 Jun 2025 07:59:00 GMT", Some(0)),
            ("18446744073709551615", Some(86400)),
            ("Tue, 31 Dec 2999 23:59:59 GMT", Some(86400)),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
            ("", None),
        ] {
            assert_eq!(retry_after(text, now), expected.map(Duration::from_secs), "{text}");
        }
        // Our clock may be wrong; the cloud's date is compared with the cloud's clock.
        let both = [("date", "Tue, 03 Jun 2025 08:00:00 GMT"), ("retry-after", "Tue, 03 Jun 2025 08:00:05 GMT")];
        let refusal = refusal(&head(429, &both), b"", Timestamp::UNIX_EPOCH);
        assert_eq!(refusal.retry_after, Some(Duration::from_secs(5)));
    }

    #[test]
    fn good_bodies_are_json_or_nothing() {
        let json = head(200, &[("content-type", "application/json")]);
        let body = |text: &'static [u8]| reply_body(&json, text).map(|body| body.json());
        assert_eq!(body(b""), Ok(Json::Null));
        assert_eq!(body(b"\n"), Ok(Json::Null));
        assert_eq!(body(b"null"), Ok(Json::Null));
        assert_eq!(body(b"{}"), Ok(Json::Object(Map::new())));
        let html = head(200, &[("content-type", "text/html")]);
        assert!(reply_body(&html, "<html>").unwrap_err().contains("text/html"));
        assert!(reply_body(&html, "{}").is_ok(), "some gateways name the wrong type");
        assert!(reply_body(&json, "{\"a\":").unwrap_err().contains("not valid JSON"));
        assert!(reply_body(&json, "[".repeat(100_000)).is_err(), "nesting is bounded");
    }
}
