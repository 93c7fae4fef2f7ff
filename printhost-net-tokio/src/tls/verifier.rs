use std::sync::Arc;

use rustls::{
    DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls13_signature_with_raw_key},
    pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
};

use super::{
    certificate::{Certificate, PublicKey},
    chain::{self, path},
    distrust::Distrust,
};

/// Whom to believe, where rustls' own verifier does not know how.
#[derive(Debug)]
pub(super) enum Judge {
    /// What these authorities have signed for this name.
    Device { authorities: Vec<Certificate>, name: String },
    /// A key of this SHA-256.
    PinnedKey([u8; 32]),
    /// Whoever answers: for a look at their key.
    Anyone,
}

/// Whoever is believed must still sign the handshake with the key of the certificate.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) judge: Judge,
    pub(super) provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn judge(&self, leaf: &[u8], sent: &[CertificateDer<'_>], now: UnixTime) -> Result<(), Distrust> {
        match &self.judge {
            Judge::Anyone => Ok(()),
            Judge::PinnedKey(sha256) => match PublicKey::read(leaf)?.sha256() == *sha256 {
                true => Ok(()),
                false => Err(Distrust::NotPinned),
            },
            Judge::Device { authorities, name } => {
                let leaf = Certificate::read(leaf)?;
                if sent.len() > chain::MOST {
                    return Err(Distrust::Unreadable("too many others are with it"));
                }
                // What cannot be read leads nowhere, and need not: a host may send more than is needed.
                let sent: Vec<_> = sent.iter().filter_map(|der| Certificate::read(der).ok()).collect();
                let algorithms = self.provider.signature_verification_algorithms.all;
                for certificate in path(&leaf, &sent, authorities, algorithms)? {
                    certificate.is_valid(now.as_secs())?;
                }
                if !leaf.is_for_servers() {
                    return Err(Distrust::Purpose);
                }
                match leaf.is_for(name) {
                    true => Ok(()),
                    false => Err(Distrust::OtherName { found: leaf.name(), wanted: name.clone() }),
                }
            }
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.judge(end_entity, intermediates, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let mapping = self.provider.signature_verification_algorithms.mapping;
        let algorithms = mapping.iter().filter(|(scheme, _)| *scheme == dss.scheme);
        let algorithms = algorithms.flat_map(|(_, algorithms)| algorithms.iter().copied());
        PublicKey::read(cert)?.check(algorithms, message, dss.signature()).map_err(|_| Distrust::OtherKey)?;
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let info = SubjectPublicKeyInfoDer::from(PublicKey::read(cert)?.info);
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &info, dss, algorithms)
            .map_err(|_| Distrust::OtherKey.into())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
