//! What the cloud says, as bytes from anywhere.

use http::HeaderMap;
use jiff::Timestamp;

use super::decode::{self, Head};
use super::{Error, Refusal, Reply, advice};

/// An answer with a good status, if the body can be one.
pub(crate) fn reply(bytes: &[u8]) -> Option<Reply> {
    let head = Head::new(200, &HeaderMap::new());
    let body = decode::reply_body(&head, bytes.to_vec()).ok()?;
    Some(Reply { status: 200, body, date: None, request_id: None })
}

/// An answer with a bad status; the first byte chooses it.
pub(crate) fn refused(bytes: &[u8]) -> Refusal {
    let (status, body) = match bytes.split_first() {
        Some((first, rest)) => (400 + u16::from(*first), rest),
        None => (500, bytes),
    };
    let mut headers = HeaderMap::new();
    // The second half of the body is what a header says, as far as one can say it.
    if let Ok(value) = http::HeaderValue::from_bytes(&body[body.len() / 2..]) {
        headers.insert(http::header::RETRY_AFTER, value.clone());
        headers.insert(http::header::DATE, value);
    }
    decode::refusal(&Head::new(status, &headers), body, Timestamp::UNIX_EPOCH)
}

/// An answer with a bad status.
pub fn refusal(bytes: &[u8]) {
    let refusal = refused(bytes);
    let error = Error::Refused { product: "dds", call: "GET /".to_owned(), refusal: Box::new(refusal.clone()) };
    let shown = error.to_string();
    assert!(shown.len() < 8 * 1024, "{} bytes of message", shown.len());
    assert!(!shown.contains(['\n', '\r', '\0', '\u{1b}']), "control characters in {shown:?}");
    let _ = advice(&refusal);
}
