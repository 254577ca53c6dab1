//! Signed HTTP to Huawei Cloud and the clouds built on it. No Terraform, no backups.
//!
//! Reference: the API gateway's request signing (`SDK-HMAC-SHA256`), IAM v3 tokens, and the error bodies of the
//! gateway, of IAM and of the database services.
//!
//! From the top: [`Cloud`] (`transport`) turns a [`Call`] into an address (`endpoint`) and asks with what shows who
//! we are (`credentials`, `project`; `slot` lets one fetch what many want). `wire` signs (`sign`), sends, reads
//! (`decode`, without what `hidden` knows) and repeats (`retry`, `limiter`); `proxy` and `authorities` say through whom
//! and whom to trust, `obstacle` why there was no connection, and `tunnel` asks a proxy why it refused one.

mod authentication;
mod authorities;
mod body;
mod credentials;
mod decode;
mod endpoint;
mod error;
mod fate;
mod first_use;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod hidden;
mod host;
mod identity;
mod limiter;
mod obstacle;
mod patience;
mod project;
mod proxy;
mod retry;
mod settings;
mod sign;
mod slot;
mod transport;
mod tunnel;
mod wire;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::Value as Json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use authorities::Authorities;
pub use body::Body;
pub use endpoint::{IAM, check_address};
pub use error::{Error, Refusal, advice};
pub use fate::Fate;
pub use host::impossible;
pub use http::Method;
pub use identity::{Caller, IamEntity};
pub use obstacle::Obstacle;
pub use proxy::Proxy;
pub use settings::{AssumeRole, Credentials, Settings};
pub use transport::Cloud;

/// A cloud product with an endpoint of its own.
#[derive(Debug)]
pub struct Product {
    /// The word people use for it in `endpoints` and in messages.
    pub key: &'static str,
    /// The first part of its host name in a region of a partition (`myhuaweicloud.com`, `otc.t-systems.com`, …).
    pub host: fn(region: &str, partition: &str) -> &'static str,
}

/// One request, as a value: nothing here performs IO.
#[derive(Clone, Debug)]
pub struct Call {
    /// Whom to ask.
    pub product: &'static Product,
    /// The HTTP method.
    pub method: Method,
    /// The path, with `{project_id}` where the project id belongs. Ids in it must be escaped with [`segment`].
    pub path: String,
    /// Partitions that publish the operation under another path: how their domain ends, and the path there.
    pub path_in: Option<(&'static str, String)>,
    /// Query pairs, unescaped.
    pub query: Vec<(&'static str, String)>,
    /// The JSON body.
    pub body: Option<Json>,
    /// Headers of this product beside the usual ones, such as `X-Language`.
    pub headers: Vec<(&'static str, &'static str)>,
    /// Whether sending it twice does no more than sending it once.
    pub safe_to_repeat: bool,
    /// Where it is told how the call fares.
    pub fates: Vec<Fate>,
}

/// An answer with a status from 200 to 299.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Body,
    /// The cloud's clock, from the `Date` header.
    pub date: Option<Timestamp>,
    /// The request id, for people who ask the vendor.
    pub request_id: Option<String>,
}

/// Within what limits a call may wait and try again.
#[derive(Clone, Debug)]
pub struct Context {
    /// Nothing is begun after this.
    pub deadline: Instant,
    /// Wakes every sleeper at once when cancelled. The answer to a request under way is awaited for a moment.
    pub stop: CancellationToken,
}

impl Call {
    /// A call that only reads.
    pub fn get(product: &'static Product, path: impl Into<String>) -> Self {
        Call::new(product, Method::GET, path, true)
    }

    /// A call that must not be sent twice blindly.
    pub fn post(product: &'static Product, path: impl Into<String>, body: Option<Json>) -> Self {
        Call { body, ..Call::new(product, Method::POST, path, false) }
    }

    /// A call that sets something; not safe to repeat unless whoever makes it says so.
    pub fn put(product: &'static Product, path: impl Into<String>, body: Option<Json>) -> Self {
        Call { body, ..Call::new(product, Method::PUT, path, false) }
    }

    /// A delete: repeating it does no harm, the second answer may say "gone".
    pub fn delete(product: &'static Product, path: impl Into<String>) -> Self {
        Call::new(product, Method::DELETE, path, true)
    }

    /// The same with a query pair more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// The same with a query pair more, if there is a value.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The same for one page of a list: so many items are passed over, so many are wanted.
    #[must_use]
    pub fn page(self, offset: u64, limit: u64) -> Self {
        self.with("offset", offset.to_string()).with("limit", limit.to_string())
    }

    /// The same, with another path in partitions whose domain ends so.
    #[must_use]
    pub fn path_in(mut self, domain: &'static str, path: impl Into<String>) -> Self {
        self.path_in = Some((domain, path.into()));
        self
    }

    /// The path in a partition.
    fn path_there(&self, partition: &str) -> &str {
        match &self.path_in {
            Some((domain, path)) if partition.ends_with(domain) => path,
            _ => &self.path,
        }
    }

    /// The same with a header more.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    fn new(product: &'static Product, method: Method, path: impl Into<String>, safe_to_repeat: bool) -> Self {
        Call {
            product,
            method,
            path: path.into(),
            path_in: None,
            query: Vec::new(),
            body: None,
            headers: Vec::new(),
            safe_to_repeat,
            fates: Vec::new(),
        }
    }
}

/// An id as one segment of a path, escaped. Sending refuses a path with an empty segment, `.` or `..`.
pub fn segment(id: &str) -> String {
    sign::escape(id)
}
