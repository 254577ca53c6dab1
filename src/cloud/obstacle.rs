//! Why no connection came about, and what a person can do about it. Pure: the client's error in, sentences out.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError};

use super::proxy::Proxy;
use super::tunnel::ProxyAnswer;

/// What stood between us and a host. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// What it is, without a full stop.
    pub what: String,
    /// What a person can do about it.
    pub advice: String,
    /// Whether it stays until somebody changes something.
    pub lasts: bool,
    /// Whether somebody gave the address, or the proxy on the way to it, and nobody has been heard there yet: then it is probably
    /// that which is wrong.
    pub is_given: bool,
}

/// Whom we wanted to reach.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    /// Host and port.
    pub(super) host: &'a str,
    /// The setting that gave the address, if one did.
    pub(super) given: Option<&'a str>,
    /// The proxy on the way.
    pub(super) proxy: Option<&'a Proxy>,
    /// What it said when it refused, if that is known.
    pub(super) answer: Option<ProxyAnswer>,
}

/// The kinds of trouble that a person can do something about.
#[derive(Debug)]
enum Cause {
    NoSuchHost,
    /// The name could not be looked up now.
    NoLookup(String),
    Refused,
    NoTls,
    /// Nothing in common, or an alert.
    OtherTls(String),
    Certificate(CertificateError),
    /// The host wants one of us.
    ClientCertificate,
    /// The proxy wants a login.
    ProxyLogin,
    /// The proxy lets nobody through to that host.
    ProxyRefuses,
    /// The proxy itself: why there was no connection with it.
    Proxy(Box<Cause>),
    Other(String),
}

impl Obstacle {
    /// There was no connection within so long.
    pub(super) fn time_out(limit: Duration, target: Target<'_>) -> Self {
        let what = format!(
            "{} could not be connected to within {limit:?} (looking up the name, connecting, agreeing on TLS)",
            target.through()
        );
        target.unheard(what)
    }

    /// What was called by plain http answered something else.
    pub(super) fn no_http(target: Target<'_>) -> Self {
        let advice = format!(
            "The address is called by plain http, and what listens there probably speaks TLS: write https:// in {}, or correct \
             the port.",
            target.given.unwrap_or("`endpoints`")
        );
        let what = format!("{} did not answer in HTTP", target.host);
        Obstacle { what, advice, lasts: true, is_given: target.is_given() }
    }

    pub(super) fn found(error: &(dyn StdError + 'static), target: Target<'_>) -> Self {
        let host = target.host;
        let address = target.given.unwrap_or("`endpoints`");
        let lasting =
            |what: String, advice: String| Obstacle { what, advice, lasts: true, is_given: target.is_given() };
        let proxy = || {
            let name = target.proxy.map_or("HTTPS_PROXY", Proxy::named_by);
            let host = target.proxy.and_then(|proxy| proxy.host().ok()).unwrap_or_default();
            (name, format!("the proxy {host} ({name})"))
        };
        let cause = cause(error);
        match cause {
            Cause::NoSuchHost => lasting(
                format!("there is no host {host}"),
                match target.given {
                    Some(setting) => format!("Check the address in {setting}. {LOOKED_UP_BY_PROXY}"),
                    None => format!(
                        "Check `region` and `cloud`; where the cloud has other addresses, name them in `endpoints`. \
                         {LOOKED_UP_BY_PROXY}"
                    ),
                },
            ),
            // The system has asked several times before it says so.
            Cause::NoLookup(why) => lasting(
                format!("the name {host} could not be looked up: {why}"),
                format!("Check the network of this machine and its name server. {LOOKED_UP_BY_PROXY}"),
            ),
            Cause::Refused => match target.given {
                Some(setting) => lasting(
                    format!("{host} refused the connection"),
                    format!("Nothing listens there. Check host and port of the address in {setting}."),
                ),
                None => target.unheard(format!("{host} refused the connection")),
            },
            Cause::NoTls if target.proxy.is_some() => {
                let (name, proxy) = proxy();
                lasting(
                    format!("what {proxy} gave as the answer of {host} is not TLS"),
                    format!(
                        "Check {name}: a proxy that wants a login on a page, or forbids the host, may have answered in its \
                         place. List the host in NO_PROXY if it can be reached without the proxy; otherwise check its port."
                    ),
                )
            }
            Cause::NoTls => lasting(
                format!("{host} answered without TLS"),
                format!(
                    "The address is called by https. Correct its port in {address}; what speaks plain http on this \
                     machine has an address with http://."
                ),
            ),
            Cause::OtherTls(why) => lasting(
                format!("{host} and this program agree on no form of TLS: {why}"),
                format!(
                    "TLS 1.2 or 1.3 is needed, and no certificate of our own is shown. Check the address in {address}, and what \
                     is on the way to it."
                ),
            ),
            Cause::ClientCertificate => lasting(
                format!("{host} requires a client certificate"),
                format!(
                    "The cloud's own addresses want none, and this provider has none to show. Check the address in {address}, \
                     and what is on the way to it."
                ),
            ),
            Cause::Certificate(why) => {
                let (what, advice) = certificate(host, address, &why);
                lasting(what, advice)
            }
            Cause::ProxyLogin | Cause::ProxyRefuses | Cause::Proxy(_) => by_proxy(&cause, proxy(), target),
            Cause::Other(why) => {
                target.unheard(format!("the connection to {} could not be made: {why}", target.through()))
            }
        }
    }
}

impl Target<'_> {
    /// Whether the address or the proxy is somebody's own.
    fn is_given(&self) -> bool {
        self.given.is_some() || self.proxy.is_some()
    }

    /// Nothing was heard from there, which may pass.
    fn unheard(&self, what: String) -> Obstacle {
        let advice = match (self.proxy, self.given) {
            (Some(proxy), _) => format!(
                "Check {}, and whether the proxy allows that host, or wants a login on a page; list the host in NO_PROXY if it \
                 can be reached without the proxy.",
                proxy.named_by()
            ),
            (None, Some(setting)) => format!(
                "Check host and port of the address in {setting}. A firewall may be in between: if a proxy leads out, set \
                 HTTPS_PROXY."
            ),
            (None, None) => SILENT.to_owned(),
        };
        Obstacle { what, advice, lasts: false, is_given: self.is_given() }
    }

    fn through(&self) -> String {
        match self.proxy.map(|proxy| (proxy, proxy.host())) {
            Some((proxy, Ok(address))) => format!("{} through the proxy {address} ({})", self.host, proxy.named_by()),
            _ => self.host.to_owned(),
        }
    }
}

const LOOKED_UP_BY_PROXY: &str = "Behind a proxy set HTTPS_PROXY.";
const SILENT: &str = "A firewall may be in between: if a proxy leads out, set HTTPS_PROXY; if the cloud has other addresses, \
                      name them in `endpoints`.";

/// What a proxy did, by its name and what it is called; what and advice.
fn by_proxy(cause: &Cause, (name, proxy): (&str, String), target: Target<'_>) -> Obstacle {
    let host = target.host;
    let (what, advice) = match cause {
        Cause::ProxyLogin if target.answer.is_some_and(|answer| answer.is_login_unknown) => (
            format!("{proxy} does not accept Basic authentication (status 407), and did not connect to {host}"),
            "Nothing else is supported here, neither NTLM nor Negotiate. Let the proxy accept Basic, or run a proxy of \
             your own in between that supports the other; list the host in NO_PROXY if it can be reached without the \
             proxy."
                .to_owned(),
        ),
        Cause::ProxyLogin if target.proxy.is_some_and(|proxy| proxy.login().is_some()) => (
            format!("{proxy} refused the login that {name} holds (status 407), and did not connect to {host}"),
            format!(
                "Check user and password in {name} (special characters percent-encoded), or list the host in NO_PROXY \
                 if it can be reached without the proxy."
            ),
        ),
        Cause::ProxyLogin => (
            format!("{proxy} refused to connect to {host} without a valid login (status 407)"),
            format!(
                "Write user and password into {name} (http://user:password@host:port, special characters \
                 percent-encoded), or list the host in NO_PROXY if it can be reached without the proxy."
            ),
        ),
        Cause::ProxyRefuses => {
            let (what, check) = match target.answer.map(|answer| answer.status) {
                Some(status @ 300..=399) => (
                    format!("{proxy} answered with a redirect (status {status}) and did not connect to {host}"),
                    format!("It probably wants a login on a page, or {name} names something other than a proxy"),
                ),
                Some(status @ 502..=504) => (
                    format!("{proxy} could not connect to {host} (status {status})"),
                    "Check the address of the host, and whether the proxy can reach it".to_owned(),
                ),
                Some(status) => (
                    format!("{proxy} refused to connect to {host} (status {status})"),
                    format!("Check {name}, and whether the proxy allows that host"),
                ),
                None => (
                    format!("{proxy} refused to connect to {host}, or is no proxy"),
                    format!("Check {name}, and whether the proxy allows that host"),
                ),
            };
            (what, format!("{check}; list the host in NO_PROXY if it can be reached without the proxy."))
        }
        Cause::Proxy(why) => {
            let (why, more) = at_proxy(why);
            (
                format!("{proxy} on the way to {host} cannot be reached: {why}"),
                format!("Check {name}{more}; list the host in NO_PROXY if it can be reached without the proxy."),
            )
        }
        _ => (format!("{proxy} did not connect to {host}"), format!("Check {name}.")),
    };
    Obstacle { what, advice, lasts: true, is_given: target.is_given() }
}

fn at_proxy(why: &Cause) -> (String, &'static str) {
    match why {
        Cause::NoSuchHost => ("there is no such host".to_owned(), ""),
        Cause::NoLookup(why) => (format!("its name could not be looked up: {why}"), ""),
        Cause::Refused => ("it refused the connection".to_owned(), ""),
        Cause::NoTls => {
            ("it answered without TLS".to_owned(), " (its address probably begins with http://, not https://)")
        }
        Cause::Certificate(_) => ("its certificate is not trusted".to_owned(), " and `cacert_file`"),
        Cause::ClientCertificate => ("it requires a client certificate".to_owned(), ""),
        Cause::OtherTls(why) | Cause::Other(why) => (why.clone(), ""),
        Cause::ProxyLogin | Cause::ProxyRefuses | Cause::Proxy(_) => ("it refused".to_owned(), ""),
    }
}

fn certificate(host: &str, address: &str, why: &CertificateError) -> (String, String) {
    let clock = |what: &str, by: Option<(&UnixTime, &UnixTime)>| {
        let time = |time: &UnixTime| {
            let second = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
            Timestamp::from_second(second).map_or_else(|_| "an unknown time".to_owned(), |time| time.to_string())
        };
        let by = by.map_or(String::new(), |(now, limit)| {
            format!(": the limit is {}, and this machine's clock says {}", time(limit), time(now))
        });
        let advice = "If the clock of this machine is wrong, set it. If it is right, the certificate must be replaced by those \
                      who run the host.";
        (format!("the certificate of {host} {what}{by}"), advice.to_owned())
    };
    match why {
        CertificateError::Expired => clock("has expired", None),
        CertificateError::ExpiredContext { time, not_after } => clock("has expired", Some((time, not_after))),
        CertificateError::NotValidYet => clock("is not valid yet", None),
        CertificateError::NotValidYetContext { time, not_before } => {
            clock("is not valid yet", Some((time, not_before)))
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let others = match why {
                CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
                    let names: Vec<&str> = presented.iter().take(5).map(|name| bare(name)).collect();
                    format!(", but for {}", names.join(", "))
                }
                _ => String::new(),
            };
            (
                format!("the certificate of {host} is not for this name{others}"),
                format!("Check the address in {address}: it must be a name that the certificate holds."),
            )
        }
        CertificateError::UnknownIssuer => (
            format!("the certificate of {host} is signed by no authority that this machine trusts"),
            "If a private authority or the organization's own proxy signed it, name the authority's certificate in \
             `cacert_file` (or OS_CACERT). Otherwise check the address, and who may be in between."
                .to_owned(),
        ),
        other if plainly(other) == OF_AN_AUTHORITY => (
            format!("the certificate of {host} cannot be trusted: {OF_AN_AUTHORITY}"),
            "That is so even if `cacert_file` names it. Sign a certificate for the server with it, and keep it in `cacert_file` (or \
             OS_CACERT); or make a certificate for the server alone (`openssl req -x509 -addext \
             basicConstraints=critical,CA:FALSE …`), and name that one."
                .to_owned(),
        ),
        other => (
            format!("the certificate of {host} cannot be trusted: {}", plainly(other)),
            "If it is a private one, name the certificate of the authority that signed it in `cacert_file` (or OS_CACERT); it \
             may have to be issued anew."
                .to_owned(),
        ),
    }
}

/// What `openssl req -x509` makes if nobody says otherwise.
const OF_AN_AUTHORITY: &str = "it is that of an authority (CA:TRUE), and no server may show such a one as its own";

/// What is wrong with a certificate; the libraries have names for it, not words.
fn plainly(why: &CertificateError) -> String {
    let text = why.to_string();
    // `Other(OtherError(EkuError))`
    let inner = text.strip_prefix("Other(OtherError(").and_then(|rest| rest.strip_suffix("))")).unwrap_or(&text);
    match inner {
        "EkuError" | "InvalidPurpose" => "it is not meant for servers (extended key usage)".to_owned(),
        "UnsupportedCertVersion" => "it is of an old form (X.509 version 1), and version 3 is needed".to_owned(),
        "CaUsedAsEndEntity" => OF_AN_AUTHORITY.to_owned(),
        _ => in_words(inner),
    }
}

/// The text with each name of a program, such as `HandshakeFailure`, as words.
fn in_words(text: &str) -> String {
    let mut words = String::with_capacity(text.len() + 8);
    let mut inside = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let begins = letter.is_ascii_uppercase() && letters.peek().is_some_and(char::is_ascii_lowercase);
        if begins && inside {
            words.push(' ');
        }
        inside = letter.is_ascii_alphanumeric();
        words.push(if begins { letter.to_ascii_lowercase() } else { letter });
    }
    words
}

/// `DnsName("example.com")` as people write it.
fn bare(name: &str) -> &str {
    name.split('"').nth(1).unwrap_or(name)
}

/// The error and what caused it, innermost last.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |link: &&'a (dyn StdError + 'static)| {
        let link: &'a (dyn StdError + 'static) = *link;
        // What an IO error is made of is not its source, but itself.
        let inside = link.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        inside.map(|inside| inside as &(dyn StdError + 'static)).or_else(|| link.source())
    })
}

/// The innermost cause: the ones around it only say that something failed.
pub(super) fn reason(error: &reqwest::Error) -> String {
    let cause = error.source().and_then(|inside| chain(inside).last());
    cause.map_or_else(|| "the request failed".to_owned(), |cause| without_manual(&cause.to_string()).to_owned())
}

/// The text without the address of a library's manual, which says nothing to people.
fn without_manual(text: &str) -> &str {
    text.split_once(": https://docs.rs/").map_or(text, |(said, _)| said)
}

/// As people read it.
pub(super) fn rounded(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// Whether the host ended the handshake because of the certificate that we did not show. In TLS 1.3 that is told only after a
/// request was sent, which nobody reads.
pub(super) fn is_client_certificate(error: &(dyn StdError + 'static)) -> bool {
    matches!(cause(error), Cause::ClientCertificate)
}

/// Whether a proxy refused to connect: if so, whether it was for the login.
pub(super) fn is_refused_by_proxy(error: &(dyn StdError + 'static)) -> Option<bool> {
    match cause(error) {
        Cause::ProxyLogin => Some(true),
        Cause::ProxyRefuses => Some(false),
        _ => None,
    }
}

/// Whether there was an answer in TLS, though it is not trusted.
pub(super) fn is_tls(error: &(dyn StdError + 'static)) -> bool {
    matches!(cause(error), Cause::Certificate(_) | Cause::ClientCertificate | Cause::OtherTls(_))
}

/// Whether what came back is no HTTP: what a port of TLS says to plain http, for example.
pub(super) fn is_no_http(error: &(dyn StdError + 'static)) -> bool {
    chain(error).any(|link| link.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse))
}

fn cause(error: &(dyn StdError + 'static)) -> Cause {
    let mut is_lookup = false;
    let mut last = String::new();
    for link in chain(error) {
        last = link.to_string();
        if let Some(kind) = link.downcast_ref::<rustls::Error>() {
            return tls(kind);
        }
        if let Some(text) = last.strip_prefix("tunnel error: ") {
            return match text {
                "proxy authorization required" => Cause::ProxyLogin,
                "unsuccessful" => Cause::ProxyRefuses,
                _ => Cause::Proxy(Box::new(link.source().map_or(Cause::Other(text.to_owned()), cause))),
            };
        }
        is_lookup |= last == "dns error";
        if let Some(io) = link.downcast_ref::<io::Error>()
            && io.kind() == io::ErrorKind::ConnectionRefused
        {
            return Cause::Refused;
        }
    }
    if is_lookup { lookup(&last) } else { Cause::Other(without_manual(&last).to_owned()) }
}

/// Systems say it in different words, and in no other way.
fn lookup(why: &str) -> Cause {
    let known = [
        "Name or service not known",
        "No address associated with hostname",
        "Name does not resolve",
        "nodename nor servname provided",
        "No such host is known",
    ];
    if known.iter().any(|words| why.contains(words)) {
        Cause::NoSuchHost
    } else {
        Cause::NoLookup(why.rsplit(": ").next().unwrap_or(why).to_owned())
    }
}

fn tls(error: &rustls::Error) -> Cause {
    match error {
        rustls::Error::InvalidCertificate(why) => Cause::Certificate(why.clone()),
        rustls::Error::InvalidMessage(_) => Cause::NoTls,
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired | AlertDescription::BadCertificate) => {
            Cause::ClientCertificate
        }
        other => Cause::OtherTls(in_words(&other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// An error around another one.
    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Around {
        text: &'static str,
        source: Option<Box<dyn StdError + Send + Sync>>,
    }

    fn around(text: &'static str, inside: impl Into<Box<dyn StdError + Send + Sync>>) -> Around {
        Around { text, source: Some(inside.into()) }
    }

    fn bare(text: &'static str) -> Around {
        Around { text, source: None }
    }

    fn tls(kind: rustls::Error) -> Around {
        around("client error (Connect)", io::Error::new(io::ErrorKind::InvalidData, kind))
    }

    /// What the verifier of certificates knows by a name of its own.
    fn odd(name: &'static str) -> CertificateError {
        #[derive(thiserror::Error)]
        #[error("{0}")]
        struct Named(&'static str);
        impl std::fmt::Debug for Named {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.0)
            }
        }
        CertificateError::Other(rustls::OtherError(std::sync::Arc::new(Named(name))))
    }

    fn refused() -> io::Error {
        io::ErrorKind::ConnectionRefused.into()
    }

    fn lookup(why: &str) -> Around {
        around("dns error", io::Error::other(format!("failed to lookup address information: {why}")))
    }

    fn unknown() -> rustls::Error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)
    }

    fn of_proxies() -> Vec<(&'static str, Around)> {
        use rustls::InvalidMessage::InvalidContentType;
        vec![
            ("the proxy refuses the login", bare("tunnel error: proxy authorization required")),
            ("no login for the proxy", bare("tunnel error: proxy authorization required")),
            ("the proxy knows other logins", bare("tunnel error: proxy authorization required")),
            ("the proxy refuses", bare("tunnel error: unsuccessful")),
            ("the proxy refuses with a status", bare("tunnel error: unsuccessful")),
            ("the proxy does not reach the host", bare("tunnel error: unsuccessful")),
            ("the proxy has a page", bare("tunnel error: unsuccessful")),
            ("the proxy hangs up", bare("tunnel error: unexpected end of file")),
            ("no proxy there", around("tunnel error: failed to create underlying connection", around("x", refused()))),
            (
                "no host of the proxy's name",
                around("tunnel error: failed to create underlying connection", lookup("Name or service not known")),
            ),
            (
                "a proxy of http called by https",
                around(
                    "tunnel error: failed to create underlying connection",
                    tls(rustls::Error::InvalidMessage(InvalidContentType)),
                ),
            ),
            (
                "a proxy that is not trusted",
                around("tunnel error: failed to create underlying connection", tls(unknown())),
            ),
        ]
    }

    /// What the proxy said when it was asked again.
    fn answer_of(name: &str) -> Option<ProxyAnswer> {
        let answer = |status, is_login_unknown| Some(ProxyAnswer { status, is_login_unknown });
        match name {
            "the proxy knows other logins" => answer(407, true),
            "the proxy refuses with a status" => answer(403, false),
            "the proxy does not reach the host" => answer(504, false),
            "the proxy has a page" => answer(302, false),
            _ => None,
        }
    }

    #[test]
    fn every_obstacle_is_told_as_what_it_is() {
        use rustls::InvalidMessage::InvalidContentType;
        let certificate = |why| tls(rustls::Error::InvalidCertificate(why));
        let at = |second| UnixTime::since_unix_epoch(Duration::from_secs(second));
        let errors = [
            ("no such host", lookup("Name or service not known")),
            ("no name server", lookup("Temporary failure in name resolution")),
            ("nothing listens", around("tcp connect error", refused())),
            ("no TLS", tls(rustls::Error::InvalidMessage(InvalidContentType))),
            ("other TLS", tls(rustls::Error::AlertReceived(rustls::AlertDescription::ProtocolVersion))),
            ("unknown authority", tls(unknown())),
            (
                "expired",
                certificate(CertificateError::ExpiredContext { time: at(1_700_000_000), not_after: at(1_600_000_000) }),
            ),
            (
                "not valid yet",
                certificate(CertificateError::NotValidYetContext {
                    time: at(1_600_000_000),
                    not_before: at(1_700_000_000),
                }),
            ),
            (
                "another name",
                certificate(CertificateError::NotValidForNameContext {
                    expected: rustls::pki_types::ServerName::try_from("dds.example.com").unwrap(),
                    presented: vec!["DnsName(\"other.example.com\")".to_owned()],
                }),
            ),
            ("a damaged certificate", certificate(CertificateError::BadSignature)),
            ("a certificate of the first version", certificate(odd("UnsupportedCertVersion"))),
            ("a certificate for something else", certificate(odd("EkuError"))),
            ("a rule that is broken", certificate(odd("PathLenConstraintViolated"))),
            ("the certificate of an authority", certificate(odd("CaUsedAsEndEntity"))),
            (
                "a certificate of ours is wanted",
                tls(rustls::Error::AlertReceived(AlertDescription::CertificateRequired)),
            ),
            ("something else", around("tcp connect error", io::Error::other("No route to host"))),
            (
                "the end in the middle",
                around("x", io::Error::other("peer closed: https://docs.rs/rustls/latest/rustls/manual/index.html")),
            ),
        ];
        let errors: Vec<_> = errors.into_iter().chain(of_proxies()).collect();
        let proxy = Proxy::new("http://me:hush@proxy.example.com:3128", "HTTPS_PROXY", "");
        let bare_proxy = Proxy::new("http://proxy.example.com:3128", "HTTPS_PROXY", "");
        let mut page = String::new();
        for (name, error) in &errors {
            let is_proxys = name.contains("proxy");
            for given in [None, Some("`endpoints`")] {
                if is_proxys && given.is_some() {
                    continue;
                }
                let target = Target {
                    host: "dds.example.com",
                    given,
                    proxy: Some(if name.starts_with("no login") { &bare_proxy } else { &proxy })
                        .filter(|_| is_proxys || given.is_none()),
                    answer: answer_of(name),
                };
                let found = Obstacle::found(error, target);
                assert!(!found.what.ends_with('.') && found.advice.ends_with('.'), "{found:?}");
                assert_eq!(found.is_given, target.is_given());
                let lasts = if found.lasts { "" } else { " (tried again)" };
                let by = given.map_or(String::new(), |given| format!(", address by {given}"));
                let _ = writeln!(page, "## {name}{by}{lasts}\n{}.\n{}\n", found.what, found.advice);
            }
        }
        let silent = Obstacle::time_out(
            Duration::from_secs(10),
            Target { host: "dds.example.com", given: None, proxy: Some(&proxy), answer: None },
        );
        let silent_itself = Obstacle::time_out(
            Duration::from_secs(10),
            Target { host: "dds.example.com", given: None, proxy: None, answer: None },
        );
        let target = Target { host: "127.0.0.1:8443", given: Some("`endpoints`"), proxy: None, answer: None };
        let other = Obstacle::no_http(target);
        let _ = writeln!(page, "## no HTTP, address by endpoints\n{}.\n{}\n", other.what, other.advice);
        for silent in [silent, silent_itself] {
            let _ = writeln!(page, "## silence (tried again)\n{}.\n{}\n", silent.what, silent.advice);
        }
        assert!(!page.contains("hush"), "{page}");
        insta::assert_snapshot!("obstacles", page);
    }
}
