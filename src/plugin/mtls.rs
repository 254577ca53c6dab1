//! Mutual TLS: a certificate of our own, and the one peer certificate we accept.
//!
//! The host makes a certificate for this one process and hands it over in the environment; whoever presents it is the
//! host, and nobody else is served. The stock verifier cannot be used: the certificate says of itself that it is a CA,
//! which WebPKI refuses for a peer. So it is compared byte for byte, and the proof that the peer holds its key is
//! verified by rustls as ever. The key is on P-521, which only the aws-lc-rs provider knows.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName as RootHint, ServerConfig, SignatureScheme};

const DAY: Duration = Duration::from_hours(24);

/// Our certificate and its key, made for this process and kept in memory only.
pub(super) struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Identity {
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
        Ok(Identity { certificate, key: key.serialize_der().into() })
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
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        if *end_entity == self.certificate {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn verifier(certificate: &CertificateDer<'static>) -> Only {
        Only { certificate: certificate.clone(), provider: Arc::new(aws_lc_rs::default_provider()) }
    }

    #[test]
    fn only_the_very_same_certificate_passes() {
        let (ours, other) = (Identity::new().unwrap().certificate, Identity::new().unwrap().certificate);
        let only = verifier(&ours);
        let mut longer = ours.to_vec();
        longer.push(0);
        assert!(only.verify_client_cert(&ours, &[], UnixTime::now()).is_ok());
        for certificate in [other, CertificateDer::from(longer), CertificateDer::from(vec![])] {
            assert!(only.verify_client_cert(&certificate, std::slice::from_ref(&ours), UnixTime::now()).is_err());
        }
    }

    #[test]
    fn a_client_must_show_a_certificate_and_may_use_the_hosts_curve() {
        let only = verifier(&Identity::new().unwrap().certificate);
        assert!(only.offer_client_auth() && only.client_auth_mandatory());
        assert!(only.supported_verify_schemes().contains(&SignatureScheme::ECDSA_NISTP521_SHA512));
    }
}
