//! Certificate authorities to trust, as people keep them in files. Pure: text in, certificates or the line that is wrong out.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

/// What a certificate may be called. The second form has more behind the certificate, which only OpenSSL reads.
const KINDS: [&str; 3] = ["CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE"];

/// Certificates of authorities.
#[derive(Clone, Default)]
pub struct Authorities(Vec<CertificateDer<'static>>);

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} certificates", self.0.len())
    }
}

impl Authorities {
    /// Reads PEM text: any number of certificates, with anything in between. The error says what is wrong in which line.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut found = Vec::new();
        let mut lines = text.trim_start_matches('\u{feff}').lines().zip(1_usize..);
        while let Some((line, begun)) = lines.next() {
            let Some(kind) = label(line, "BEGIN") else { continue };
            let mut content = String::new();
            loop {
                let Some((line, number)) = lines.next() else {
                    return Err(format!("what begins in line {begun} has no end: the text is cut"));
                };
                if label(line, "END").is_some() {
                    break;
                }
                if label(line, "BEGIN").is_some() {
                    return Err(format!("what begins in line {begun} has no end before line {number}: it is cut"));
                }
                if KINDS.contains(&kind) {
                    let line = line.trim();
                    if !line.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=')) {
                        return Err(format!("line {number} holds something other than a part of a certificate"));
                    }
                    content.push_str(line);
                }
            }
            if KINDS.contains(&kind) {
                let damaged = || format!("the certificate that begins in line {begun} is cut or damaged");
                let bytes = STANDARD.decode(content).map_err(|_| damaged())?;
                let whole = first_value(&bytes).ok_or_else(damaged)?;
                let certificate = CertificateDer::from(whole.to_vec());
                RootCertStore::empty().add(certificate.clone()).map_err(|_| damaged())?;
                found.push(certificate);
            }
        }
        if found.is_empty() {
            return Err("there is no certificate in PEM form (`-----BEGIN CERTIFICATE-----`)".to_owned());
        }
        Ok(Authorities(found))
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// They, for the HTTP client.
    pub(super) fn certificates(&self) -> impl Iterator<Item = reqwest::Certificate> {
        self.0.iter().filter_map(|der| reqwest::Certificate::from_der(der).ok())
    }
}

/// What a line of dashes begins or ends.
fn label<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    line.trim().strip_prefix("-----")?.strip_prefix(word)?.strip_prefix(' ')?.strip_suffix("-----")
}

/// The first value of DER, without what follows it.
fn first_value(bytes: &[u8]) -> Option<&[u8]> {
    let (first, rest) = (usize::from(*bytes.get(1)?), bytes.get(2..)?);
    let (size, length) = match first {
        0..=0x7f => (0, first),
        0x81..=0x84 => {
            let size = first - 0x80;
            (size, rest.get(..size)?.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)))
        }
        _ => return None,
    };
    bytes.get(..length.checked_add(2 + size)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate, its lines between the dashes.
    fn made() -> Vec<u8> {
        rcgen::generate_simple_self_signed(["ca.example.com".to_owned()]).unwrap().cert.der().to_vec()
    }

    fn pem(kind: &str, der: &[u8]) -> String {
        let text = STANDARD.encode(der);
        let lines = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap());
        format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn certificates_are_read_as_people_keep_them() {
        let der = made();
        let one = pem("CERTIFICATE", &der);
        let trusted = pem("TRUSTED CERTIFICATE", &[&der[..], &[0x30, 0x02, 0x30, 0x00]].concat());
        for (text, count) in [
            (one.clone(), 1),
            (format!("\u{feff}{one}"), 1),
            (one.replace('\n', "\r\n"), 1),
            (format!("# our own\nsubject=CN = x\n{one}\n\n# and another\n{one}"), 2),
            (trusted, 1),
            (format!("{}{one}", pem("PRIVATE KEY", b"anything")), 1),
            (one.trim_end().to_owned(), 1),
        ] {
            let found = Authorities::read(&text).unwrap();
            assert_eq!(found.certificates().count(), count, "{text}");
            assert!(found.0.iter().all(|one| one[..] == der[..]), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let one = pem("CERTIFICATE", &made());
        let lines = one.lines().count();
        let cut = one.lines().take(lines - 2).collect::<Vec<_>>().join("\n");
        for (text, why) in [
            (String::new(), "no certificate in PEM form".to_owned()),
            ("nonsense".to_owned(), "no certificate in PEM form".to_owned()),
            (pem("PRIVATE KEY", b"x"), "no certificate in PEM form".to_owned()),
            (cut.clone(), "begins in line 1 has no end: the text is cut".to_owned()),
            (format!("# x\n{cut}\n{one}"), format!("begins in line 2 has no end before line {lines}")),
            (
                format!("{one}{cut}\n-----END CERTIFICATE-----\n"),
                format!("begins in line {} is cut or damaged", lines + 1),
            ),
            (one.replacen('\n', "\n?", 1), "line 2 holds something other".to_owned()),
            (pem("CERTIFICATE", &[0x30, 0x03, 1, 1, 1]), "begins in line 1 is cut or damaged".to_owned()),
            (pem("CERTIFICATE", &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), "cut or damaged".to_owned()),
        ] {
            let said = Authorities::read(&text).unwrap_err();
            assert!(said.contains(&why), "{why}: {said}");
        }
    }
}
