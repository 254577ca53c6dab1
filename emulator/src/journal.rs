//! What was called, without anything secret: no headers, no bodies, no signatures in links.

use std::collections::VecDeque;

use serde::Serialize;

/// Most calls remembered; older ones are forgotten.
const MOST: usize = 200_000;

/// One call of a service or of IAM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Call {
    /// When it arrived: RFC 3339 with milliseconds, UTC.
    pub at: String,
    /// Which door it came to: a service, or `iam`.
    pub service: String,
    /// HTTP method.
    pub method: String,
    /// Path as sent.
    pub path: String,
    /// Query as sent, without the question mark.
    pub query: String,
    /// Status of the answer; none when the connection was closed instead.
    pub status: Option<u16>,
    /// What the caller showed: `aksk`, `token` or `none`.
    pub auth: String,
    /// The operation, e.g. `create`, `list`, `stop`, `delete`, `job`; `unknown` if there is no such API.
    pub operation: String,
    /// The fault that hit it.
    pub fault: Option<String>,
}

/// The calls since the start or the last clearing.
#[derive(Debug, Default)]
pub(crate) struct Journal(pub(crate) VecDeque<Call>);

impl Journal {
    pub(crate) fn write(&mut self, call: Call) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(call);
    }
}

/// A query without the values that open something.
pub(crate) fn harmless(query: &str) -> String {
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if name.eq_ignore_ascii_case("signature") => format!("{name}=***"),
        _ => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_in_links_are_masked() {
        assert_eq!(harmless("a=1&Signature=s3cret&b=%20"), "a=1&Signature=***&b=%20");
        assert_eq!(harmless(""), "");
    }
}
