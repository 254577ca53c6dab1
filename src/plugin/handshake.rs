//! The handshake: what the host says through the environment, and the one line that answers it.
//!
//! Pure: the environment is a function from name to value, the answer is a value. Follows go-plugin's conventions as
//! Terraform and OpenTofu use them.

use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::ParsedCertificate;

/// The version of the conversation about the conversation.
const CORE_PROTOCOL: u32 = 1;

/// The one protocol major spoken here.
///
/// The host lists what it speaks in `PLUGIN_PROTOCOL_VERSIONS`. With one version to offer there is nothing to choose:
/// the line names it in any case, and a host that lacks it explains the mismatch better than a plugin could.
pub(super) const PROTOCOL: u32 = 6;

/// Not a secret: it only tells being started by a host from being started by a person.
const MAGIC_COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// What the host wants of this process.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// The only certificate to talk to. Without one the conversation is in plain text.
    pub(super) client_certificate: Option<CertificateDer<'static>>,
    /// Where the socket's own directory goes, if not among the temporary files.
    pub(super) socket_dir: Option<PathBuf>,
    /// Ports to choose from where there are no unix sockets.
    pub(super) ports: RangeInclusive<u16>,
    /// Whether the host expects to be told about broker multiplexing.
    pub(super) asks_for_multiplexing: bool,
    /// Whether every user of this machine may come in: somebody said so in plain words.
    pub(super) open_to_every_user: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Terms {
            client_certificate: None,
            socket_dir: None,
            ports: 0..=0,
            asks_for_multiplexing: false,
            open_to_every_user: false,
        }
    }
}

/// Why there is nothing to serve.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Declined {
    /// No host started this process.
    #[error(
        "This program is a plugin: Terraform and OpenTofu start it themselves, and there is nothing to see when it is \
         run by hand. `--help` says more."
    )]
    ByHand,
    /// The host wants TLS but its certificate cannot be used. Plain text is no way out.
    #[error("PLUGIN_CLIENT_CERT does not hold exactly one certificate in PEM form: {0}")]
    ClientCertificate(String),
}

/// One variable of this process's environment. Nobody else in this floor reads it past this. Bytes that are not
/// text are kept visible, so that such a value fails as itself and does not pass for absent.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// What the host wants, or why there is nothing to serve.
pub(super) fn agree(variable: impl Fn(&str) -> Option<String>) -> Result<Terms, Declined> {
    let given = |name| variable(name).filter(|value| !value.is_empty());
    let (cookie, expected) = MAGIC_COOKIE;
    if given(cookie).as_deref() != Some(expected) {
        return Err(Declined::ByHand);
    }
    let port = |name| given(name).and_then(|value| value.parse::<u16>().ok());
    Ok(Terms {
        client_certificate: given("PLUGIN_CLIENT_CERT").map(|pem| certificate(&pem)).transpose()?,
        socket_dir: given("PLUGIN_UNIX_SOCKET_DIR").map(PathBuf::from),
        ports: match (port("PLUGIN_MIN_PORT"), port("PLUGIN_MAX_PORT")) {
            (Some(min), Some(max)) if min <= max => min..=max,
            _ => 0..=0,
        },
        asks_for_multiplexing: given("PLUGIN_MULTIPLEX_GRPC").is_some(),
        open_to_every_user: false,
    })
}

fn certificate(pem: &str) -> Result<CertificateDer<'static>, Declined> {
    let unusable = |why: String| Declined::ClientCertificate(why);
    let mut found = CertificateDer::pem_slice_iter(pem.as_bytes());
    let certificate = match found.next() {
        Some(section) => section.map_err(|error| unusable(error.to_string()))?,
        None => return Err(unusable("no certificate found".to_owned())),
    };
    if found.next().is_some() {
        return Err(unusable("more than one section found".to_owned()));
    }
    ParsedCertificate::try_from(&certificate).map_err(|error| unusable(error.to_string()))?;
    Ok(certificate)
}

/// Why there is nothing to serve, in place of the line. A host keeps to itself, or to its log, whatever else a plugin says;
/// a first line that it cannot read, it shows. So that it cannot, there is no bar in it.
pub(super) fn excuse(why: &str) -> String {
    why.replace('|', "/").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// A socket in the file system.
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are no unix sockets"))]
    Unix(PathBuf),
    /// A port of the loopback interface.
    Tcp(SocketAddr),
}

impl Address {
    /// The kind of network, in the host's words.
    pub(super) fn network(&self) -> &'static str {
        match self {
            Address::Unix(_) => "unix",
            Address::Tcp(_) => "tcp",
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => path.display().fmt(f),
            Address::Tcp(address) => address.fmt(f),
        }
    }
}

/// The line that tells the host where the server is, without the line end. `certificate` is the server's own, present
/// exactly if it speaks TLS.
pub(super) fn line(terms: &Terms, address: &Address, certificate: Option<&CertificateDer<'_>>) -> String {
    let network = address.network();
    // The host reads unpadded base64 only.
    let certificate = certificate.map(|der| STANDARD_NO_PAD.encode(der)).unwrap_or_default();
    let mut line = format!("{CORE_PROTOCOL}|{PROTOCOL}|{network}|{address}|grpc|{certificate}");
    if terms.asks_for_multiplexing {
        // Older hosts split into six fields, so the seventh is only for those that ask. Nothing is ever brokered here.
        line.push_str("|false");
    }
    line
}

/// The value of `TF_REATTACH_PROVIDERS` that makes Terraform use a server which already runs.
///
/// `Test` says that the process is not Terraform's to end. Terraform 1.11 crashes for protocol 6 when it is false.
pub(super) fn reattach(provider_address: &str, address: &Address, process_id: u32) -> String {
    serde_json::json!({
        provider_address: {
            "Protocol": "grpc",
            "ProtocolVersion": PROTOCOL,
            "Pid": process_id,
            "Test": true,
            "Addr": { "Network": address.network(), "String": address.to_string() },
        }
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOKIE: (&str, &str) = MAGIC_COOKIE;

    fn with(variables: &[(&str, &str)]) -> Result<Terms, Declined> {
        agree(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    fn pem() -> (String, CertificateDer<'static>) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let der = made.cert.der();
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        (format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"), der.clone())
    }

    #[test]
    fn an_excuse_is_one_line_that_no_host_takes_for_an_address() {
        assert_eq!(excuse("TMPDIR is /a|b,\n gone."), "TMPDIR is /a/b, gone.");
    }

    #[test]
    fn only_a_host_is_served() {
        for variables in [
            &[][..],
            &[(COOKIE.0, "")],
            &[(COOKIE.0, "d602bf8f")],
            &[(COOKIE.0, "D602BF8F470BC67CA7FAA0386276BBDD4330EFAF76D1A219CB4D6991CA9872B2")],
            &[("PLUGIN_PROTOCOL_VERSIONS", "6"), ("PLUGIN_CLIENT_CERT", "nonsense")],
        ] {
            assert_eq!(with(variables), Err(Declined::ByHand), "{variables:?}");
        }
        assert_eq!(with(&[COOKIE]), Ok(Terms::default()));
    }

    #[test]
    fn each_wish_of_the_host_is_heard() {
        let cases: &[(&[(&str, &str)], Terms)] = &[
            (&[("PLUGIN_CLIENT_CERT", "")], Terms::default()),
            (&[("PLUGIN_PROTOCOL_VERSIONS", "5")], Terms::default()),
            (
                // No group is let in: neither CLI asks for it, and without TLS whoever comes in acts as this user.
                &[("PLUGIN_UNIX_SOCKET_DIR", "/run/here"), ("PLUGIN_UNIX_SOCKET_GROUP", "staff")],
                Terms { socket_dir: Some("/run/here".into()), ..Terms::default() },
            ),
            (&[("PLUGIN_UNIX_SOCKET_DIR", "")], Terms::default()),
            (
                &[("PLUGIN_MIN_PORT", "10000"), ("PLUGIN_MAX_PORT", "25000")],
                Terms { ports: 10000..=25000, ..Terms::default() },
            ),
            (&[("PLUGIN_MIN_PORT", "25000"), ("PLUGIN_MAX_PORT", "10000")], Terms::default()),
            (&[("PLUGIN_MIN_PORT", "10000")], Terms::default()),
            (&[("PLUGIN_MIN_PORT", "low"), ("PLUGIN_MAX_PORT", "high")], Terms::default()),
            (&[("PLUGIN_MULTIPLEX_GRPC", "true")], Terms { asks_for_multiplexing: true, ..Terms::default() }),
            (&[("PLUGIN_MULTIPLEX_GRPC", "")], Terms::default()),
        ];
        for (variables, expected) in cases {
            assert_eq!(with(&[&[COOKIE][..], variables].concat()).as_ref(), Ok(expected), "{variables:?}");
        }
    }

    #[test]
    fn the_certificate_is_taken_as_it_is() {
        let (pem, der) = pem();
        let terms = with(&[COOKIE, ("PLUGIN_CLIENT_CERT", &pem)]).unwrap();
        assert_eq!(terms.client_certificate, Some(der));
    }

    #[test]
    fn an_unusable_certificate_is_fatal() {
        let (pem, _) = pem();
        let (another, _) = self::pem();
        let cut = pem.replace("-----END CERTIFICATE-----", "");
        let key = pem.replace("CERTIFICATE", "PRIVATE KEY");
        for text in [
            " ",
            "nonsense",
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
            &cut,
            &key,
            &format!("{pem}{another}"),
        ] {
            let verdict = with(&[COOKIE, ("PLUGIN_CLIENT_CERT", text)]);
            assert!(matches!(verdict, Err(Declined::ClientCertificate(_))), "{text}: {verdict:?}");
        }
    }

    #[test]
    fn the_line_is_what_hosts_split() {
        let unix = Address::Unix("/tmp/a/s".into());
        let tcp = Address::Tcp(([127, 0, 0, 1], 10001).into());
        let der = CertificateDer::from(vec![0xfb, 0xef, 0xbe, 0xff]); // would be padded, and uses + and /
        let plain = Terms::default();
        let multiplexed = Terms { asks_for_multiplexing: true, ..Terms::default() };
        for (terms, address, certificate, expected) in [
            (&plain, &unix, None, "1|6|unix|/tmp/a/s|grpc|"),
            (&plain, &tcp, None, "1|6|tcp|127.0.0.1:10001|grpc|"),
            (&plain, &unix, Some(&der), "1|6|unix|/tmp/a/s|grpc|++++/w"),
            (&multiplexed, &unix, None, "1|6|unix|/tmp/a/s|grpc||false"),
            (&multiplexed, &unix, Some(&der), "1|6|unix|/tmp/a/s|grpc|++++/w|false"),
        ] {
            assert_eq!(line(terms, address, certificate), expected, "{terms:?}");
        }
    }

    #[test]
    fn a_running_server_is_described_for_terraform() {
        let address = Address::Unix("/tmp/a \"b\"/s".into());
        let value: serde_json::Value = serde_json::from_str(&reattach("localhost/x/y", &address, 42)).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"localhost/x/y": {
                "Protocol": "grpc", "ProtocolVersion": 6, "Pid": 42, "Test": true,
                "Addr": {"Network": "unix", "String": "/tmp/a \"b\"/s"},
            }})
        );
    }
}
