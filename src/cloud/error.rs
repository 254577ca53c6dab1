//! What can go wrong between us and the cloud.

use std::time::Duration;

use jiff::Timestamp;

use super::Obstacle;

/// The cloud understood the request and said no.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status, 300 or more.
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
    /// Who sets a security token that was not sent, as it is not taken with these keys; only where it may be what is missing.
    pub unsent_token: Option<String>,
}

impl Refusal {
    /// The number of an API gateway's code: `0301` of `APIGW.0301`, and of `APIG.` and `APIC.` in dedicated gateways.
    pub fn gateway_number(&self) -> Option<&str> {
        let (prefix, number) = self.code.split_once('.')?;
        matches!(prefix, "APIGW" | "APIG" | "APIC").then_some(number)
    }

    /// Whether the credentials were not accepted, so that new ones may be.
    pub(super) fn rejects_credentials(&self) -> bool {
        self.status == 401 || self.code == "DBS.280056"
    }

    /// Whether it may be that a security token is missing.
    pub(super) fn may_lack_token(&self) -> bool {
        let known = ["not exist", "security token", "decrypt token"];
        self.gateway_number() == Some("0301") && known.iter().any(|text| self.message.contains(text))
    }

    /// Whether the gateway turned the request away before any product saw it.
    pub fn stopped_at_gateway(&self) -> bool {
        // 0201 is not among them: the gateway says it also when a product did not answer in time.
        matches!(self.gateway_number(), Some("0101" | "0103" | "0104" | "0105" | "0106" | "0308"))
    }

    /// Whether the cloud itself said no to what it was asked, or whoever asks was not accepted, or has to wait. Else something on
    /// the way did, that has no codes of the cloud or gave up waiting for its answer.
    pub fn is_by_the_cloud(&self) -> bool {
        matches!(self.status, 401 | 429) || !self.code.is_empty() && matches!(self.status, 400..=407 | 409..=498)
    }

    /// Whether the access key or its signature is wrong. Five of these in a row lock the key for five minutes.
    pub(super) fn rejects_key(&self) -> bool {
        let known = ["verify aksk signature fail", "signature expired", "not exist", "AK access failed"];
        self.status == 401
            && self.gateway_number() == Some("0301")
            && known.iter().any(|text| self.message.contains(text))
    }
}

/// What a person can do about a refusal that has one well-known cause.
pub fn advice(refusal: &Refusal) -> Option<&'static str> {
    let says = |text: &str| refusal.message.contains(text);
    let text = match (refusal.status, refusal.gateway_number()) {
        (300..=399, _) => {
            "The cloud answered with a redirect. It is not followed, because credentials go to nobody else: correct the \
             address in `endpoints` or `auth_url`, or look for a proxy in between."
        }
        // What servers of TLS say, nginx and those written in Go.
        (400, _) if says("plain HTTP request was sent to HTTPS port") || says("HTTP request to an HTTPS server") => {
            "The address is called by plain http, and what listens there speaks TLS: write https:// in `endpoints` or \
             `auth_url`."
        }
        // What nginx says.
        (400, _) if says("No required SSL certificate was sent") => {
            "The address requires a client certificate, and this provider has none: check `endpoints`."
        }
        (_, Some("0301" | "0303")) if says("signature expired") => {
            "The clock of this machine and that of the cloud differ by more than 15 minutes: set the clock."
        }
        (_, Some("0301")) if says("body too large") => "The request is too large to be signed.",
        (_, Some("0301")) if says("verify aksk signature fail") => {
            "The secret key does not belong to the access key, or something on the way changes requests. Check the secret \
             key first."
        }
        (_, Some("0301")) if says("AK access failed") => {
            "The access key failed too often and is locked for five minutes. Correct the secret key, wait, then try again."
        }
        (_, Some("0301")) if says("not exist") => {
            "The access key is unknown: it was deleted, belongs to another cloud (check `region`, `cloud` and `auth_url`), \
             is temporary and lacks its security token, or comes from a KooCLI file with encrypted keys (`hcloud configure \
             set --cli-auth-encrypt=false`)."
        }
        (_, Some("0301")) if says("security token") => {
            "`security_token` (HW_SECURITY_TOKEN) does not belong to these keys, or has expired. It comes with temporary keys: get \
             all three anew, and set none beside permanent keys."
        }
        (_, Some("0301")) if says("token expires") => "The token has expired: get a new one.",
        (_, Some("0301")) if says("decrypt token fail") => {
            "The token, or the security token of temporary keys (HW_SECURITY_TOKEN), is damaged, expired, or belongs to another cloud or an account in arrears: get a new one."
        }
        (401, _) if says("account is locked") => {
            "The user failed to sign in too often and is locked for 15 minutes. Correct the password, wait, then try again."
        }
        (401, _) if says("username or password is wrong") => {
            "Check user name, password and account name (`domain_name`). Accounts that sign in with a HUAWEI ID or through \
             federation have no password here: use an IAM user or access keys."
        }
        (404, Some("0101")) => {
            "There is no such API at this address: check `region`, `cloud` and `endpoints`; the service may not be offered \
             in this region."
        }
        (_, Some("0302")) => "The user or agency may not call this API: check its IAM permissions.",
        (_, Some("0310")) => "The project is unavailable: check its state in the console.",
        (_, Some("0401")) => {
            "Calls from this network address are not allowed: check the access control of the account."
        }
        _ if refusal.code == "DBS.280056" => {
            "The token is not valid for this project: get a new one, scoped to the project."
        }
        _ => return None,
    };
    Some(text)
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
        refusal: Box<Refusal>,
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
        /// Why there was not even a connection.
        obstacle: Option<Box<Obstacle>>,
    },
    /// An answer with a good status came, and it makes no sense.
    #[error("{product} answered {call} with something other than documented: {reason}")]
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
    /// The same: IAM was asked for the region's project, and knows none.
    #[error("{0}")]
    NoProject(String),
    /// We were asked to stop before anything was sent, between two attempts, or, where it may be sent again, before the answer came.
    #[error("stopped before {call} was answered")]
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
            Error::Refused { refusal, .. } => refusal.status >= 500 && !refusal.stopped_at_gateway(),
            Error::DeadlinePassed { last, .. } => last.as_ref().is_some_and(|last| last.may_be_applied()),
            Error::Setup(_) | Error::NoProject(_) | Error::Stopped { .. } => false,
        }
    }

    /// Whether something on the way refused: that proves nothing of what was asked.
    pub fn is_refused_on_the_way(&self) -> bool {
        self.refusal().is_some_and(|refusal| !refusal.is_by_the_cloud() && !refusal.stopped_at_gateway())
    }

    /// Why there was no connection, if there was none.
    pub fn obstacle(&self) -> Option<&Obstacle> {
        match self {
            Error::Unanswered { obstacle, .. } => obstacle.as_deref(),
            Error::DeadlinePassed { last, .. } => last.as_ref().and_then(|last| last.obstacle()),
            _ => None,
        }
    }

    /// Whether nothing can be reached until somebody changes something.
    pub fn lasts(&self) -> bool {
        self.obstacle().is_some_and(|obstacle| obstacle.lasts)
    }

    /// Whether the settings do not fit, so that nothing was sent.
    pub fn is_setup(&self) -> bool {
        matches!(self, Error::Setup(_) | Error::NoProject(_))
    }

    /// What the cloud said, if it said no.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Error::Refused { refusal, .. } => Some(refusal),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, code: &str, message: &str) -> Refusal {
        Refusal { status, code: code.to_owned(), message: message.to_owned(), ..Refusal::default() }
    }

    #[test]
    fn known_refusals_have_advice() {
        let auth = "Incorrect IAM authentication information: ";
        for (status, code, message, expected) in [
            (401, "APIGW.0301", "verify aksk signature fail", "secret key"),
            (401, "APIG.0301", "calc aksk signature fail:signature expired, signature time:x,server time:y", "clock"),
            (401, "APIGW.0303", "signature expired", "clock"),
            (400, "", "Client sent an HTTP request to an HTTPS server.", "https://"),
            (401, "APIGW.0301", "calc aksk signature fail:body too large", "too large"),
            (401, "APIGW.0301", "ak AKEXAMPLE not exist", "unknown"),
            (401, "APIGW.0301", "Get secretKey failed,ak:AKEXAMPLE,err:ak not exist", "unknown"),
            (401, "APIGW.0301", "AK access failed to reach the limit,forbidden", "locked for five minutes"),
            (401, "APIGW.0301", "decrypt token fail", "is damaged"),
            (401, "APIGW.0301", "verify security token fail", "HW_SECURITY_TOKEN"),
            (400, "", "No required SSL certificate was sent", "requires a client certificate"),
            (401, "APIC.0301", "token expires, expires_at: 2025-06-03T08:12:38Z", "token has expired"),
            (401, "", "The account is locked.", "15 minutes"),
            (401, "", "The username or password is wrong.", "password"),
            (404, "APIGW.0101", "", "no such API"),
            (403, "APIGW.0302", "", "permissions"),
            (403, "APIGW.0310", "", "unavailable"),
            (403, "APIGW.0401", "", "network address"),
            (403, "DBS.280056", "", "token"),
            (302, "", "", "redirect"),
        ] {
            let refusal = refusal(status, code, &format!("{auth}{message}"));
            let given = advice(&refusal).unwrap_or_default();
            assert!(given.contains(expected), "{status} {code} {message}: {given}");
        }
        for (status, code) in [(400, "DBS.280001"), (403, "DBS.200019"), (500, ""), (404, "DBS.201010"), (401, "")] {
            assert_eq!(advice(&refusal(status, code, "")), None, "{status} {code}");
        }
    }

    #[test]
    fn doubt_counts_as_applied() {
        let refused = |status, code| Error::Refused {
            product: "dds",
            call: String::new(),
            refusal: refusal(status, code, "").into(),
        };
        let unanswered = |may_be_applied| Error::Unanswered {
            product: "dds",
            call: String::new(),
            reason: String::new(),
            may_be_applied,
            obstacle: None,
        };
        let last = |last| Error::DeadlinePassed { call: String::new(), last };
        for (error, expected) in [
            (refused(500, "DBS.280005"), true),
            (refused(502, ""), true),
            (refused(504, "APIGW.0201"), true),
            (refused(503, "APIGW.0308"), false),
            (refused(500, "APIG.0106"), false),
            (refused(429, "APIGW.0308"), false),
            (refused(403, "DBS.200019"), false),
            (refused(302, ""), false),
            (unanswered(true), true),
            (unanswered(false), false),
            (last(None), false),
            (last(Some(Box::new(refused(429, "")))), false),
            (last(Some(Box::new(unanswered(true)))), true),
            (Error::Setup(String::new()), false),
            (Error::Stopped { call: String::new() }, false),
        ] {
            assert_eq!(error.may_be_applied(), expected, "{error:?}");
        }
    }
}
