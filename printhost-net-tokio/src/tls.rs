use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use printhost_core::{Error, ErrorKind, Result};
use printhost_net::{Origin, TlsVersions, Trust};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};
use sha2::{Digest, Sha256};
use tokio_rustls::TlsConnector;

/// A connector per trust, kept so that sessions are resumed.
#[derive(Debug)]
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
    configs: Mutex<HashMap<(Trust, TlsVersions), Arc<ClientConfig>>>,
}

impl Tls {
    pub(crate) fn new(provider: Arc<CryptoProvider>) -> Self {
        Self { provider, configs: Mutex::default() }
    }

    pub(crate) fn connector(&self, to: &Origin) -> Result<TlsConnector> {
        let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (to.trust.clone(), to.versions);
        if let Some(config) = configs.get(&key) {
            return Ok(config.clone().into());
        }
        let config = Arc::new(self.config(&to.trust, to.versions)?);
        configs.insert(key, config.clone());
        Ok(config.into())
    }

    fn config(&self, trust: &Trust, versions: TlsVersions) -> Result<ClientConfig> {
        let versions = match versions {
            TlsVersions::Only12 => &[&rustls::version::TLS12][..],
            _ => rustls::DEFAULT_VERSIONS,
        };
        let builder = ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(versions)
            .map_err(|e| unusable(&e))?;
        let builder = match trust {
            Trust::PublicRoots => {
                let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
                builder.with_root_certificates(roots)
            }
            Trust::Ca(bytes) => builder.with_root_certificates(authority(bytes)?),
            Trust::PinnedKey(sha256) => builder
                .dangerous() // rustls' word for any verifier of one's own
                .with_custom_certificate_verifier(Arc::new(PinnedKey {
                    sha256: *sha256,
                    provider: self.provider.clone(),
                })),
            _ => return Err(Error::unsupported("connect")),
        };
        Ok(builder.with_no_client_auth())
    }
}

fn authority(bytes: &[u8]) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let certificates = match bytes.trim_ascii_start().starts_with(b"-----") {
        true => {
            CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>().map_err(|e| unusable(&e))?
        }
        false => vec![CertificateDer::from(bytes)],
    };
    for certificate in certificates {
        roots.add(certificate.into_owned()).map_err(|e| unusable(&e))?;
    }
    match roots.is_empty() {
        true => Err(Error::new(ErrorKind::InvalidInput, "connect")
            .with_detail("there is no certificate in the CA given")),
        false => Ok(roots),
    }
}

fn unusable(error: &dyn std::error::Error) -> Error {
    Error::new(ErrorKind::InvalidInput, "connect").with_detail(format_args!("TLS set-up: {error}"))
}

/// Accepts exactly one public key; whoever holds its private half must still sign the handshake.
#[derive(Debug)]
struct PinnedKey {
    sha256: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedKey {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let key = ParsedCertificate::try_from(end_entity)?.subject_public_key_info();
        match Sha256::digest(&key)[..] == self.sha256 {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
