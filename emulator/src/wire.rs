//! A request and its answer as values: nothing here touches a socket.

use http::{HeaderMap, Method};
use hyper::body::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// A request as it came, taken apart but not judged.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    /// Path as sent, still escaped.
    pub(crate) path: String,
    /// Query as sent, without the question mark.
    pub(crate) query_text: String,
    /// Unescaped path segments, without empty ones at either end.
    pub(crate) segments: Vec<String>,
    /// Unescaped query pairs; a plus sign is a blank, as gateways read it.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Ask {
    pub(crate) fn new(method: Method, path: &str, query_text: &str, headers: HeaderMap, body: Bytes) -> Self {
        let segments = path.trim_matches('/').split('/').map(unescape).collect();
        let query = pairs(query_text, true);
        Self { method, path: path.to_owned(), query_text: query_text.to_owned(), segments, query, headers, body }
    }

    /// The value of a query parameter; an empty one counts as absent.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// A header that is readable text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }

    /// The path below `/{version}/{project_id}`.
    pub(crate) fn tail(&self) -> Vec<&str> {
        self.segments.iter().skip(2).map(String::as_str).collect()
    }

    /// One segment below `/{version}/{project_id}`; routes are matched before they are read.
    pub(crate) fn segment(&self, index: usize) -> &str {
        self.segments.get(index + 2).map_or("", String::as_str)
    }

    /// The body, which has to be a JSON object.
    pub(crate) fn json(&self) -> Result<Value, Refusal> {
        if self.header("content-type").is_some_and(|kind| !kind.to_ascii_lowercase().contains("json")) {
            return Err(Refusal::service(415, "DBS.280001"));
        }
        match serde_json::from_slice(&self.body) {
            Ok(body @ Value::Object(_)) => Ok(body),
            _ => Err(Refusal::parameter()),
        }
    }
}

/// Undoes percent escapes.
pub(crate) fn unescape(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Query pairs, unescaped, in the order sent.
pub(crate) fn pairs(query: &str, plus_is_blank: bool) -> Vec<(String, String)> {
    let read = |text: &str| if plus_is_blank { unescape(&text.replace('+', " ")) } else { unescape(text) };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (read(name), read(value))
        })
        .collect()
}

/// An answer before it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
}

/// What the services say of their own answers.
pub(crate) const JSON: &str = "application/json; charset=UTF-8";

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::bytes(status, JSON, body.to_string())
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self::bytes(status, JSON, Bytes::new())
    }

    pub(crate) fn bytes(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), content_type: content_type.to_owned(), body: body.into() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// Who refuses, which decides the shape of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    Service,
    Gateway,
    Keystone,
}

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) voice: Voice,
    pub(crate) headers: Vec<(String, String)>,
}

impl Refusal {
    /// A service says no, with the usual text for the code.
    pub(crate) fn service(status: u16, code: &str) -> Self {
        Self::new(Voice::Service, status, code, text(code))
    }

    /// 400 `DBS.280001`, the refusal for whatever has no code of its own.
    pub(crate) fn parameter() -> Self {
        Self::service(400, "DBS.280001")
    }

    /// The gateway says no; `number` is what follows `APIGW.`.
    pub(crate) fn gateway(status: u16, number: &str, message: impl Into<String>) -> Self {
        Self::new(Voice::Gateway, status, number, message)
    }

    /// 401 `APIGW.0301` with the documented beginning of its text.
    pub(crate) fn unauthenticated(cause: &str) -> Self {
        Self::gateway(401, "0301", format!("Incorrect IAM authentication information: {cause}"))
    }

    /// IAM says no; `title` is the name of the status.
    pub(crate) fn keystone(status: u16, title: &str, message: &str) -> Self {
        Self::new(Voice::Keystone, status, title, message)
    }

    fn new(voice: Voice, status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), voice, headers: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The refusal as an answer; `legacy` picks the older shape for what a service says itself.
    pub(crate) fn answer(self, gateway_prefix: &str, legacy: bool, request_id: &str) -> Answer {
        let body = match self.voice {
            Voice::Service if legacy => json!({"errCode": self.code, "externalMessage": self.message}),
            Voice::Service => json!({"error_code": self.code, "error_msg": self.message}),
            Voice::Gateway => json!({
                "error_code": format!("{gateway_prefix}.{}", self.code),
                "error_msg": self.message,
                "request_id": request_id,
            }),
            Voice::Keystone => {
                json!({"error": {"code": self.status, "message": self.message, "title": self.code}})
            }
        };
        let mut answer = Answer::json(self.status, &body);
        answer.headers = self.headers;
        answer
    }
}

/// What the services say with each code the emulator uses.
fn text(code: &str) -> &'static str {
    match code {
        "DBS.200002" | "DBS.280110" => "The DB instance does not exist.",
        "DBS.200010" => "The resource does not belong to this project or you are not authorized to access it.",
        "DBS.200011" | "DBS.201014" => "The operation is not allowed in the current state.",
        "DBS.200019" => "Another operation is being performed on the DB instance or the DB instance is faulty.",
        "DBS.200054" => "the backup is in use",
        "DBS.200543" => "The job does not exist.",
        "DBS.200751" | "DBS.201214" => "The backup file does not exist.",
        "DBS.201010" => "The backup information does not exist.",
        "DBS.201201" => "The object already exists.",
        "DBS.201202" => "The operation is not allowed in the current backup state.",
        "DBS.201205" => "Backup is in progress, please wait.",
        "DBS.201208" => "The operation is not allowed by the backup status.",
        "DBS.201218" => "Only manual backups can be deleted.",
        "DBS.280015" => "Permission denied: automatic backups cannot be deleted.",
        "DBS.280056" => "Invalid token.",
        "DBS.280127" => "Invalid backup description.",
        "DBS.280277" => "Invalid backup name.",
        "DBS.280404" => "Invalid DB instance ID.",
        "DBS.300400" => "The task does not exist.",
        _ => "Parameter error.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(path: &str, query: &str) -> Ask {
        Ask::new(Method::GET, path, query, HeaderMap::new(), Bytes::new())
    }

    #[test]
    fn paths_and_queries_are_unescaped_once() {
        let ask = ask("/v3/p%31/backups/a%2520b/", "begin_time=2025-06-03%2008:00:00&limit=10&name=&t=a%2Bb&u=a+b");
        assert_eq!(ask.segments, ["v3", "p1", "backups", "a%20b"]);
        assert_eq!(ask.tail(), ["backups", "a%20b"]);
        assert_eq!(ask.param("begin_time"), Some("2025-06-03 08:00:00"));
        assert_eq!(ask.param("name"), None);
        assert_eq!(ask.param("t"), Some("a+b"));
        assert_eq!(ask.param("u"), Some("a b"));
        assert_eq!(pairs("u=a+b", false), [("u".to_owned(), "a+b".to_owned())]);
    }

    #[test]
    fn refusals_have_the_shape_of_who_speaks() {
        let body = |refusal: Refusal, legacy| -> Value {
            serde_json::from_slice(&refusal.answer("APIG", legacy, "r1").body).expect("JSON")
        };
        let busy = Refusal::service(403, "DBS.200019");
        assert_eq!(body(busy.clone(), false)["error_code"], "DBS.200019");
        assert_eq!(body(busy, true)["errCode"], "DBS.200019");
        let gateway = body(Refusal::unauthenticated("decrypt token fail"), false);
        assert_eq!((&gateway["error_code"], &gateway["request_id"]), (&json!("APIG.0301"), &json!("r1")));
        assert_eq!(body(Refusal::keystone(401, "Unauthorized", "no"), false)["error"]["code"], 401);
    }
}
