mod certificate;
mod chain;
mod distrust;
mod verifier;

use std::{
    collections::HashMap,
    fmt::Display,
    io,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};

use printhost_core::{Error, ErrorKind, Result};
use printhost_net::{Origin, TlsVersions, Trust};
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, OtherError, PeerMisbehaved, RootCertStore, WantsVerifier,
    client::Resumption,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio_rustls::TlsConnector;

use certificate::{Certificate, PublicKey};
use distrust::Distrust;
use verifier::{Judge, Verifier};

/// Who has answered, without being believed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerKey {
    /// SHA-256 of the public key, as [`Trust::PinnedKey`] takes it.
    pub sha256: [u8; 32],
    /// The certificate's common name, else the first name of its SAN; shortened, and without control characters.
    pub name: Option<String>,
}

impl PeerKey {
    /// Of the certificate that a host has shown.
    pub(crate) fn of(certificate: &[u8]) -> Result<Self> {
        let key = PublicKey::read(certificate).map_err(distrusted)?;
        let name = Certificate::read(certificate).ok().and_then(|it| it.name());
        Ok(Self { sha256: key.sha256(), name })
    }
}

/// A connector per trust and port, kept so that sessions are resumed: those of one protocol do not displace another's.
#[derive(Debug)]
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
    configs: Mutex<HashMap<(Trust, TlsVersions, u16), Arc<ClientConfig>>>,
}

impl Tls {
    pub(crate) fn new(provider: Arc<CryptoProvider>) -> Self {
        Self { provider, configs: Mutex::default() }
    }

    pub(crate) fn connector(&self, to: &Origin) -> Result<TlsConnector> {
        let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (to.trust.clone(), to.versions, to.port);
        if let Some(config) = configs.get(&key) {
            return Ok(config.clone().into());
        }
        let config = Arc::new(self.config(&to.trust, to.versions)?);
        configs.insert(key, config.clone());
        Ok(config.into())
    }

    /// For one look at whoever answers: nothing is resumed, and nothing kept.
    pub(crate) fn to_anyone(&self, versions: TlsVersions) -> Result<TlsConnector> {
        let mut config = self.judged(self.builder(versions)?, Judge::Anyone);
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config).into())
    }

    fn config(&self, trust: &Trust, versions: TlsVersions) -> Result<ClientConfig> {
        let builder = self.builder(versions)?;
        Ok(match trust {
            Trust::PublicRoots => {
                let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
                builder.with_root_certificates(roots).with_no_client_auth()
            }
            Trust::Ca(bytes) => builder.with_root_certificates(roots(bytes)?).with_no_client_auth(),
            Trust::Device { name, .. } if name.is_empty() => {
                return Err(unusable(&"the device has no name"));
            }
            Trust::Device { authorities, name } => {
                let judge = Judge::Device { authorities: read(authorities)?, name: name.clone() };
                self.judged(builder, judge)
            }
            Trust::PinnedKey(sha256) => self.judged(builder, Judge::PinnedKey(*sha256)),
            _ => return Err(Error::unsupported("connect")),
        })
    }

    fn builder(&self, versions: TlsVersions) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>> {
        let versions = match versions {
            TlsVersions::Only12 => &[&rustls::version::TLS12][..],
            _ => rustls::DEFAULT_VERSIONS,
        };
        let builder = ClientConfig::builder_with_provider(self.provider.clone());
        builder.with_protocol_versions(versions).map_err(|e| unusable(&e))
    }

    fn judged(&self, builder: ConfigBuilder<ClientConfig, WantsVerifier>, judge: Judge) -> ClientConfig {
        builder
            .dangerous() // rustls' word for any verifier of one's own
            .with_custom_certificate_verifier(Arc::new(Verifier { judge, provider: self.provider.clone() }))
            .with_no_client_auth()
    }
}

/// What is told to the host as its name, and what sessions are kept by, beside the trust.
pub(crate) fn server_name(to: &Origin) -> Result<ServerName<'static>> {
    match (ServerName::try_from(to.peer_name().to_owned()), &to.trust) {
        (Ok(name), _) => Ok(name),
        // A device's name need not be one of DNS: one of digits, for instance, is not told.
        (Err(_), Trust::Device { .. }) => Ok(Ipv4Addr::UNSPECIFIED.into()),
        (Err(_), _) => {
            Err(Error::new(ErrorKind::InvalidInput, "connect")
                .with_detail("the host name is not valid for TLS"))
        }
    }
}

/// Why a handshake has failed.
pub(crate) fn refused(error: io::Error) -> Error {
    let kind = match error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(why)))) => {
            match why.downcast_ref::<Distrust>() {
                Some(distrust) => return distrusted(distrust.clone()),
                None => ErrorKind::Untrusted,
            }
        }
        Some(rustls::Error::InvalidCertificate(_)) => ErrorKind::Untrusted,
        // By an algorithm that we did not offer, or that is not for this key.
        Some(rustls::Error::PeerMisbehaved(
            PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme
            | PeerMisbehaved::SignedKxWithWrongAlgorithm,
        )) => return distrusted(Distrust::OtherKey),
        // It answers, but not with TLS as we know it.
        Some(_) => ErrorKind::Protocol,
        None => ErrorKind::Unreachable,
    };
    Error::new(kind, "connect").with_detail(format_args!("TLS: {error}"))
}

fn distrusted(distrust: Distrust) -> Error {
    Error::new(distrust.kind(), "connect").with_detail(format_args!("TLS: {distrust}"))
}

/// One certificate as DER, or any number as PEM.
fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'_>>> {
    let certificates = match bytes.trim_ascii_start().starts_with(b"-----") {
        true => {
            CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>().map_err(|e| unusable(&e))?
        }
        false => vec![CertificateDer::from(bytes)],
    };
    match certificates.is_empty() {
        true => Err(Error::new(ErrorKind::InvalidInput, "connect")
            .with_detail("there is no certificate in the CA given")),
        false => Ok(certificates),
    }
}

fn roots(bytes: &[u8]) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(bytes)? {
        roots.add(certificate.into_owned()).map_err(|e| unusable(&e))?;
    }
    Ok(roots)
}

fn read(bytes: &[u8]) -> Result<Vec<Certificate>> {
    certificates(bytes)?.iter().map(|der| Certificate::read(der).map_err(|e| unusable(&e))).collect()
}

fn unusable(error: &dyn Display) -> Error {
    Error::new(ErrorKind::InvalidInput, "connect").with_detail(format_args!("TLS set-up: {error}"))
}
