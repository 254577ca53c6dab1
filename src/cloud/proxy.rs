//! Which hosts are reached through a proxy. Pure: what the environment says in, a verdict out.
//!
//! `NO_PROXY` means what it means to programs written in Go, Terraform among them.

use std::net::IpAddr;

use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

use super::host::impossible;

/// A proxy, and who is reached without it.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Its address as it was written; it may hold a password.
    address: SecretString,
    /// Who names it: an environment variable.
    named_by: String,
    except: Vec<Exception>,
}

/// An entry of `NO_PROXY`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Exception {
    /// `*`
    All,
    /// `10.0.0.0/8`
    Network(IpAddr, u8),
    /// `10.0.0.1`, `[::1]:443`
    Address(IpAddr, Option<u16>),
    /// `.x` and `*.x` (what is below x), `x` (that and x itself); each also with a port.
    Name { name: String, itself: bool, port: Option<u16> },
}

impl Proxy {
    /// The proxy at this address, which `named_by` names, for everything but what `no_proxy` lists.
    pub fn new(address: &str, named_by: &str, no_proxy: &str) -> Self {
        let entries = no_proxy.split(|c: char| c == ',' || c.is_ascii_whitespace()).map(str::to_ascii_lowercase);
        Proxy {
            address: address.into(),
            named_by: named_by.to_owned(),
            except: entries.filter(|entry| !entry.is_empty()).map(|entry| Exception::read(&entry)).collect(),
        }
    }

    /// Who names it.
    pub fn named_by(&self) -> &str {
        &self.named_by
    }

    /// Its host and port, or what is wrong with its address; never its password.
    pub fn host(&self) -> Result<String, String> {
        let url = self.url()?;
        let port = url.port_or_known_default().unwrap_or_default();
        Ok(format!("{}:{port}", url.host_str().unwrap_or_default()))
    }

    /// Its address. Without a scheme it is one of plain HTTP, as it is to others.
    pub(super) fn url(&self) -> Result<Url, String> {
        let text = self.address.expose_secret();
        let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let wrong = |why: &str| Err(format!("the address of the proxy in {} {why}", self.named_by));
        match Url::parse(&text) {
            Err(_) => wrong("cannot be read; expected: http://host:port"),
            Ok(url) if url.host_str().is_none_or(str::is_empty) => wrong("has no host; expected: http://host:port"),
            // A sign of the password that is not encoded ends the host too early, and what is shown of it is the password's.
            Ok(url)
                if [Some(url.path()), url.query(), url.fragment()]
                    .into_iter()
                    .flatten()
                    .any(|part| part.contains('@')) =>
            {
                wrong(
                    "cannot be read; special characters of user and password are written percent-encoded (`/` is %2F)",
                )
            }
            // What is sent would be another login.
            Ok(url)
                if [url.username(), url.password().unwrap_or_default()]
                    .iter()
                    .any(|part| unescaped(part).is_none()) =>
            {
                wrong("has a `%` in user or password that stands for nothing; a `%` of their own is written %25")
            }
            Ok(url) if url.domain().is_some_and(|host| impossible(host).is_some()) => {
                wrong("names a host that cannot exist; expected: http://host:port")
            }
            Ok(url) if !matches!(url.scheme(), "http" | "https") => {
                wrong(&format!("begins with {}; only http and https are known here", url.scheme()))
            }
            Ok(url) => Ok(url),
        }
    }

    /// User and password in its address, with a colon in between.
    pub(super) fn login(&self) -> Option<String> {
        let url = self.url().ok().filter(|url| !url.username().is_empty() || url.password().is_some())?;
        Some(format!("{}:{}", unescaped(url.username())?, unescaped(url.password().unwrap_or_default())?))
    }

    /// Whether this address is reached through it.
    pub fn serves(&self, url: &Url) -> bool {
        !self.except.iter().any(|exception| exception.covers(url))
    }
}

/// What a part of an address stands for, if every `%` stands for a byte and all of them together are text.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, others @ ..] = rest {
        rest = others;
        bytes.push(match (first, others) {
            (b'%', [high, low, after @ ..]) => {
                rest = after;
                let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                digit(high)? * 16 + digit(low)?
            }
            (b'%', _) => return None,
            (byte, _) => *byte,
        });
    }
    String::from_utf8(bytes).ok()
}

impl Exception {
    fn read(entry: &str) -> Self {
        if entry == "*" {
            return Exception::All;
        }
        if let Some((address, bits)) = entry.split_once('/')
            && let (Ok(address), Ok(bits)) = (address.parse::<IpAddr>(), bits.parse::<u8>())
        {
            return Exception::Network(address, bits);
        }
        let unwrapped = |text: &str| text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        if let Ok(address) = unwrapped(entry) {
            return Exception::Address(address, None);
        }
        let (host, port) = match entry.rsplit_once(':').map(|(host, port)| (host, port.parse().ok())) {
            Some((host, Some(port))) => (host, Some(port)),
            _ => (entry, None),
        };
        if let Ok(address) = unwrapped(host) {
            return Exception::Address(address, port);
        }
        let below = host.strip_prefix("*.").or_else(|| host.strip_prefix('.'));
        Exception::Name { name: below.unwrap_or(host).to_owned(), itself: below.is_none(), port }
    }

    fn covers(&self, url: &Url) -> bool {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        let is_port = |port: &Option<u16>| port.is_none() || *port == url.port_or_known_default();
        match self {
            Exception::All => true,
            Exception::Network(network, bits) => address.is_some_and(|address| is_in(address, *network, *bits)),
            Exception::Address(known, port) => address == Some(*known) && is_port(port),
            Exception::Name { name, itself, port } => {
                let host = url.host_str().unwrap_or_default().trim_end_matches('.');
                let is_below = host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.'));
                (is_below || (*itself && host == name)) && is_port(port)
            }
        }
    }
}

fn is_in(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let (address, network, size) = match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => (u32::from(address).into(), u32::from(network).into(), 32),
        (IpAddr::V6(address), IpAddr::V6(network)) => (u128::from(address), u128::from(network), 128),
        _ => return false,
    };
    let dropped = u32::from(size - bits.min(size));
    address.checked_shr(dropped) == network.checked_shr(dropped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_whose_escapes_stand_for_nothing_is_refused_and_not_shown() {
        for (login, fits) in [
            ("me:hu%2Fsh", true),
            ("me:h%C3%BCsh", true),
            ("me", true),
            ("me:hush%", false),
            ("me:hush%4", false),
            ("me:hush%zz", false),
            ("m%e:hush", false),
            ("me:hush%FF", false),
        ] {
            let proxy = Proxy::new(&format!("http://{login}@proxy:3128"), "HTTPS_PROXY", "");
            let host = proxy.host();
            assert_eq!(host.is_ok(), fits, "{login}: {host:?}");
            assert!(!format!("{host:?}").contains("hush"), "{host:?}");
            assert_eq!(proxy.login().is_some(), fits, "{login}");
        }
        let login = |address| Proxy::new(address, "HTTPS_PROXY", "").login();
        assert_eq!(login("http://m%C3%BC:a%2f%3A@proxy:3128").as_deref(), Some("mü:a/:"));
        assert_eq!(login("proxy:3128"), None);
    }

    #[test]
    fn exceptions_mean_what_they_mean_to_programs_in_go() {
        for (no_proxy, url, through) in [
            ("", "https://dds.example.com", true),
            ("*", "https://dds.example.com", false),
            ("example.com", "https://example.com", false),
            ("example.com", "https://dds.example.com", false),
            ("example.com", "https://notexample.com", true),
            (".example.com", "https://example.com", true),
            (".example.com", "https://dds.example.com", false),
            ("*.example.com", "https://example.com", true),
            ("*.example.com", "https://a.b.example.com", false),
            ("EXAMPLE.com", "https://dds.Example.COM", false),
            ("a.com, example.com ,b.com", "https://dds.example.com", false),
            ("a.com example.com", "https://dds.example.com", false),
            ("example.com:443", "https://dds.example.com", false),
            ("example.com:8443", "https://dds.example.com", true),
            ("*.example.com:8443", "https://dds.example.com:8443", false),
            ("10.0.0.1", "https://10.0.0.1", false),
            ("10.0.0.1:443", "https://10.0.0.1", false),
            ("10.0.0.1:444", "https://10.0.0.1", true),
            ("10.0.0.0/8", "https://10.9.8.7", false),
            ("10.0.0.0/8", "https://11.9.8.7", true),
            ("0.0.0.0/0", "https://11.9.8.7", false),
            ("10.0.0.0/33", "https://10.0.0.1", true),
            ("10.0.0.0/8", "https://[2001:db8::1]", true),
            ("2001:db8::/32", "https://[2001:db8::1]", false),
            ("::/0", "https://[2001:db8::1]", false),
            ("2001:db8::1", "https://[2001:db8::1]", false),
            ("[2001:db8::1]:443", "https://[2001:db8::1]", false),
            ("[2001:db8::1]:444", "https://[2001:db8::1]", true),
            (",, ,", "https://dds.example.com", true),
        ] {
            let proxy = Proxy::new("proxy:1", "HTTPS_PROXY", no_proxy);
            assert_eq!(proxy.serves(&Url::parse(url).unwrap()), through, "{no_proxy} {url}");
        }
    }

    #[test]
    fn an_address_is_read_as_it_is_written_and_its_password_is_not_shown() {
        for (address, host) in [
            ("proxy.example.com:3128", "proxy.example.com:3128"),
            ("http://proxy.example.com", "proxy.example.com:80"),
            ("https://me:hush@proxy.example.com", "proxy.example.com:443"),
            ("me:hush@10.0.0.1:8080/", "10.0.0.1:8080"),
        ] {
            let proxy = Proxy::new(address, "HTTPS_PROXY", "");
            assert_eq!(proxy.host().as_deref(), Ok(host));
            assert!(!format!("{proxy:?}").contains("hush"), "{proxy:?}");
        }
        for (address, why) in [
            ("http://", "HTTPS_PROXY cannot be read"),
            ("me:hush@", "HTTPS_PROXY cannot be read"),
            ("socks5://proxy:1080", "begins with socks5"),
        ] {
            let said = Proxy::new(address, "HTTPS_PROXY", "").host().unwrap_err();
            assert!(said.contains(why) && !said.contains("hush"), "{said}");
        }
    }
}
