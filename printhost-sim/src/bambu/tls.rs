//! What both servers know of TLS.

use std::sync::{Arc, RwLock};

use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, ServerSessionMemoryCache};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, ServerConfig};

use super::certificate::Identity;

/// How many sessions are remembered.
const SESSIONS: usize = 64;

/// The certificate that is shown now.
#[derive(Debug)]
pub(super) struct Shown(RwLock<Arc<CertifiedKey>>);

impl Shown {
    pub(super) fn new(identity: &Identity) -> Arc<Self> {
        Arc::new(Self(RwLock::new(certified(identity))))
    }

    pub(super) fn change(&self, identity: &Identity) {
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = certified(identity);
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)))
    }
}

fn certified(identity: &Identity) -> Arc<CertifiedKey> {
    let key = ring::sign::any_supported_type(&identity.key).expect("the test keys are sound");
    // Not compared with the certificate: rustls reads none of version 1.
    Arc::new(CertifiedKey::new(identity.chain.clone(), key))
}

/// A server's settings, with a memory of sessions of their own.
pub(super) fn settings(shown: &Arc<Shown>, tls13: bool, resumes: bool) -> Arc<ServerConfig> {
    let mut provider: CryptoProvider = ring::default_provider();
    if !tls13 {
        // The only one that the printers take.
        provider
            .cipher_suites
            .retain(|suite| suite.suite() == CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384);
    }
    let versions: &[_] =
        if tls13 { &[&rustls::version::TLS13, &rustls::version::TLS12] } else { &[&rustls::version::TLS12] };
    let mut settings = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .expect("the versions have cipher suites")
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(shown) as Arc<dyn ResolvesServerCert>);
    settings.session_storage =
        if resumes { ServerSessionMemoryCache::new(SESSIONS) } else { Arc::new(NoServerSessionStorage {}) };
    Arc::new(settings)
}
