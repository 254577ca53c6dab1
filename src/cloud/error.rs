//! What can go wrong between us and the cloud.

use std::time::Duration;

use jiff::Timestamp;

/// The cloud understood the request and said no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The error code, such as `DBS.200019` or `APIGW.0301`; empty if the body had none.
    pub code: String,
    /// The cloud's own words, cut to a bearable length; empty if the body had none.
    pub message: String,
    /// The request id, for people who ask the vendor.
    pub request_id: Option<String>,
    /// How long the cloud asked us to wait.
    pub retry_after: Option<Duration>,
    /// The cloud's clock, from the `Date` header.
    pub date: Option<Timestamp>,
}

/// Why a call has no usable reply.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The cloud said no.
    #[error("{product} refused {call} with status {} ({} {:?})", refusal.status, refusal.code, refusal.message)]
    Refused {
        /// Whom we asked.
        product: &'static str,
        /// What we asked: method and path.
        call: String,
        /// What it said.
        refusal: Refusal,
    },
    /// No answer came, or it broke off.
    #[error("{product} did not answer {call}: {reason}")]
    Unanswered {
        /// Whom we asked.
        product: &'static str,
        /// What we asked: method and path.
        call: String,
        /// What happened, without secrets.
        reason: String,
        /// Whether the request may have reached the cloud and been carried out.
        may_be_applied: bool,
    },
    /// An answer with a good status came, and it makes no sense.
    #[error("{product} answered {call} with something else than documented: {reason}")]
    Misread {
        /// Whom we asked.
        product: &'static str,
        /// What we asked: method and path.
        call: String,
        /// What is wrong with it.
        reason: String,
        /// The request id, for people who ask the vendor.
        request_id: Option<String>,
    },
    /// Credentials, region, project or endpoint are missing or do not fit. Nothing was sent to the product.
    #[error("{0}")]
    Setup(String),
    /// We were asked to stop before anything was sent, or between two attempts.
    #[error("stopped before {call} was sent")]
    Stopped {
        /// What was to be asked.
        call: String,
    },
    /// The time was over before an attempt could be made.
    #[error("the time was over before {call} could be sent again{}", last.as_ref().map_or(String::new(), |last| format!("; last answer: {last}")))]
    DeadlinePassed {
        /// What was to be asked.
        call: String,
        /// What the attempts before ended with.
        last: Option<Box<Error>>,
    },
}

impl Error {
    /// Whether the request may have been carried out although we have no reply.
    pub fn may_be_applied(&self) -> bool {
        match self {
            Error::Unanswered { may_be_applied, .. } => *may_be_applied,
            Error::Misread { .. } => true,
            Error::Refused { refusal, .. } => refusal.status >= 500,
            Error::DeadlinePassed { last, .. } => last.as_ref().is_some_and(|last| last.may_be_applied()),
            Error::Setup(_) | Error::Stopped { .. } => false,
        }
    }

    /// What the cloud said, if it said no.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Error::Refused { refusal, .. } => Some(refusal),
            _ => None,
        }
    }
}
