//! Mutual TLS: a certificate of our own, and the one peer certificate we accept.
//!
//! The host makes a certificate for this one process and hands it over in the environment; whoever presents it is the
//! host, and nobody else is served. The stock verifier cannot be used: the certificate says of itself that it is a CA,
//! which WebPKI refuses for a peer. So it is compared byte for byte, and the proof that the peer holds its key is
//! verified by rustls as ever. The key is on P-521, which only the aws-lc-rs provider knows.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName as RootHint, ServerConfig, SignatureScheme};

const DAY: Duration = Duration::from_hours(24);

/// Our certificate and its key, made for this process and kept in memory only.
pub(super) struct ServerIdentity {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl ServerIdentity {
    /// A fresh one. On P-256, because a key is made at every start and on that curve it costs next to nothing.
    pub(super) fn new() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(["localhost".to_owned()])?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "localhost");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // A day for clocks that are set while we start; decades because a run has no time limit.
        let now = SystemTime::now();
        params.not_before = (now - DAY).into();
        params.not_after = (now + 30 * 365 * DAY).into();
        let certificate = params.self_signed(&key)?.der().clone();
        Ok(ServerIdentity { certificate, key: key.serialize_der().into() })
    }

    /// The certificate, for the handshake line.
    pub(super) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// TLS for this identity and nobody but the holder of `client`.
    pub(super) fn server_config(self, client: CertificateDer<'static>) -> Result<ServerConfig, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let only = Arc::new(Only { certificate: client, provider: Arc::clone(&provider) });
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(only)
            .with_single_cert(vec![self.certificate], self.key.into())?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        // One connection per process: nothing is ever resumed.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

/// Accepts one certificate, byte for byte.
#[derive(Debug)]
struct Only {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Only {
    fn root_hint_subjects(&self) -> &[RootHint] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        if *end_entity != self.certificate {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        let end = not_after(end_entity).ok_or(CertificateError::BadEncoding)?;
        // The beginning is not looked at: clocks are set back, and who holds the key holds it now.
        match i64::try_from(now.as_secs()) {
            Ok(now) if now <= end.as_second() => Ok(ClientCertVerified::assertion()),
            _ => Err(CertificateError::Expired.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Until when a certificate may be used: the one field that pinning does not answer (RFC 5280, 4.1.2.5).
fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    const SEQUENCE: u8 = 0x30;
    const VERSION: u8 = 0xa0;
    let inside = |(tag, content, _): (u8, _, _)| (tag == SEQUENCE).then_some(content);
    let mut fields = inside(element(inside(element(certificate)?)?)?)?;
    if fields.first() == Some(&VERSION) {
        fields = element(fields)?.2;
    }
    for _ in ["serial number", "signature algorithm", "issuer"] {
        fields = element(fields)?.2;
    }
    let (_, _, after_begin) = element(inside(element(fields)?)?)?;
    let (tag, text, _) = element(after_begin)?;
    let text = std::str::from_utf8(text).ok()?;
    let text = match (tag, text.get(..2)?.parse::<u8>().ok()?) {
        (0x17, 50..) => format!("19{text}"),
        (0x17, _) => format!("20{text}"),
        (0x18, _) => text.to_owned(),
        _ => return None,
    };
    let civil = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    Offset::UTC.to_timestamp(civil).ok()
}

/// The first element of a DER sequence: its tag, its content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verifier(certificate: &CertificateDer<'static>) -> Only {
        Only { certificate: certificate.clone(), provider: Arc::new(aws_lc_rs::default_provider()) }
    }

    fn in_years(years: u64) -> UnixTime {
        UnixTime::since_unix_epoch(
            std::time::Duration::from_secs(UnixTime::now().as_secs())
                + std::time::Duration::from_hours(24 * 365 * years),
        )
    }

    #[test]
    fn the_end_of_a_certificate_is_read_in_both_notations() {
        let der = |not_after: &[u8]| {
            let wrap = |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).unwrap()], content].concat();
            let validity = wrap(0x30, &[&wrap(0x17, b"200101000000Z"), not_after].concat());
            let fields = [wrap(0xa0, &[2, 1, 2]), wrap(2, &[1]), wrap(0x30, &[]), wrap(0x30, &[]), validity].concat();
            wrap(0x30, &wrap(0x30, &fields))
        };
        for (time, expected) in [
            (&b"\x17\x0d491231235959Z"[..], Some("2049-12-31T23:59:59Z")),
            (b"\x17\x0d500101000000Z", Some("1950-01-01T00:00:00Z")),
            (b"\x18\x0f20561122081500Z", Some("2056-11-22T08:15:00Z")),
            (b"\x18\x0f20561122081500X", None),
            (b"\x16\x0d491231235959Z", None),
            (b"\x17\x7f49", None),
            (b"", None),
        ] {
            assert_eq!(not_after(&der(time)), expected.map(|text| text.parse().unwrap()), "{time:?}");
        }
        let whole = der(b"\x17\x0d491231235959Z");
        for end in 0..whole.len() {
            assert_eq!(not_after(&whole[..end]), None, "cut at {end}");
        }
    }

    #[test]
    fn only_the_very_same_certificate_passes() {
        let (ours, other) = (ServerIdentity::new().unwrap().certificate, ServerIdentity::new().unwrap().certificate);
        let only = verifier(&ours);
        let mut longer = ours.to_vec();
        longer.push(0);
        assert!(only.verify_client_cert(&ours, &[], UnixTime::now()).is_ok());
        assert!(only.verify_client_cert(&ours, &[], in_years(29)).is_ok());
        assert_eq!(
            only.verify_client_cert(&ours, &[], in_years(31)).err(),
            Some(rustls::Error::InvalidCertificate(CertificateError::Expired))
        );
        for certificate in [other, CertificateDer::from(longer), CertificateDer::from(vec![])] {
            assert!(only.verify_client_cert(&certificate, std::slice::from_ref(&ours), UnixTime::now()).is_err());
        }
    }

    #[test]
    fn a_client_must_show_a_certificate_and_may_use_the_hosts_curve() {
        let only = verifier(&ServerIdentity::new().unwrap().certificate);
        assert!(only.offer_client_auth() && only.client_auth_mandatory());
        assert!(only.supported_verify_schemes().contains(&SignatureScheme::ECDSA_NISTP521_SHA512));
    }
}
