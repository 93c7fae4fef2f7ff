use std::sync::Arc;

use rustls::{
    DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls13_signature_with_raw_key},
    pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
};

use super::{
    certificate::{Certificate, PublicKey},
    chain::{self, climb},
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
                climb(&leaf, &sent, authorities, algorithms, now.as_secs())?;
                leaf.is_valid(now.as_secs())?;
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::{crypto::ring, pki_types::pem::PemObject as _};

    use super::*;

    const LEAF: &[u8] = include_bytes!("../../tests/devices/leaf.pem");
    const AUTHORITY: &[u8] = include_bytes!("../../tests/devices/authority.pem");

    fn der(pem: &[u8]) -> Vec<u8> {
        CertificateDer::from_pem_slice(pem).unwrap().to_vec()
    }

    fn judged(leaf: &[u8]) -> Result<(), Distrust> {
        let authorities = vec![Certificate::read(&der(AUTHORITY)).unwrap()];
        let judge = Judge::Device { authorities, name: "01P00A000000001".into() };
        let verifier = Verifier { judge, provider: Arc::new(ring::default_provider()) };
        verifier.judge(leaf, &[], UnixTime::since_unix_epoch(Duration::from_secs(4_000_000_000)))
    }

    #[test]
    fn certificate_of_which_any_bit_is_another_is_not_believed() {
        let mut leaf = der(LEAF);
        assert_eq!(judged(&leaf), Ok(()));
        for bit in 0..8 * leaf.len() {
            leaf[bit / 8] ^= 1 << (bit % 8);
            assert!(judged(&leaf).is_err(), "bit {bit}");
            let _ = PublicKey::read(&leaf);
            leaf[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn certificate_that_is_cut_off_or_goes_on_is_not_believed() {
        let mut leaf = der(LEAF);
        for len in 0..leaf.len() {
            assert!(judged(&leaf[..len]).is_err(), "{len}");
            assert!(PublicKey::read(&leaf[..len]).is_err(), "{len}");
        }
        leaf.push(0);
        assert!(judged(&leaf).is_err());
    }
}
