//! Certificates, right and wrong. What `rcgen` cannot make comes from `tests/devices`, where OpenSSL made it.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};

/// The device's name: in `tests/devices`, too.
pub(crate) const SERIAL: &str = "01P00A000000001";
/// One that differs by one bit.
pub(crate) const OTHER_SERIAL: &str = "01P00A000000000";

/// What a peer shows, and the key it signs with.
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Identity {
    pub(crate) fn with(mut self, sent: &Authority) -> Self {
        self.chain.push(sent.der());
        self
    }

    /// The same certificate with somebody else's key.
    pub(crate) fn swapped(self) -> Self {
        Self { key: key_of(&KeyPair::generate().unwrap()), ..self }
    }

    /// With somebody else's RSA key.
    pub(crate) fn swapped_for_rsa(self) -> Self {
        Self { key: PrivateKeyDer::from_pem_slice(&made("stranger.key")).unwrap(), ..self }
    }

    /// With a key of another kind.
    pub(crate) fn swapped_for_ed25519(self) -> Self {
        Self { key: key_of(&KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap()), ..self }
    }

    /// With these bytes of the certificate turned into those.
    pub(crate) fn tampered(mut self, from: &str, to: &str) -> Self {
        let mut der = self.chain[0].to_vec();
        let at = der.windows(from.len()).position(|bytes| bytes == from.as_bytes()).unwrap();
        der[at..at + to.len()].copy_from_slice(to.as_bytes());
        self.chain[0] = der.into();
        self
    }
}

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn root() -> Self {
        Self::self_signed(IsCa::Ca(BasicConstraints::Unconstrained))
    }

    pub(crate) fn self_signed(is_ca: IsCa) -> Self {
        let issuer = CertifiedIssuer::self_signed(named("Test CA", is_ca), KeyPair::generate().unwrap());
        Self(issuer.unwrap())
    }

    /// Another one, signed by this.
    pub(crate) fn below(&self, name: &str, is_ca: IsCa) -> Self {
        self.below_with(named(name, is_ca))
    }

    pub(crate) fn expired_below(&self) -> Self {
        let mut params = named("Device CA", IsCa::Ca(BasicConstraints::Unconstrained));
        params.not_after = date_time_ymd(2020, 1, 1);
        self.below_with(params)
    }

    /// The same again, as it was when it has expired.
    pub(crate) fn expired_self(&self) -> String {
        let mut params = named("Test CA", IsCa::Ca(BasicConstraints::Unconstrained));
        params.not_after = date_time_ymd(2020, 1, 1);
        params.self_signed(self.0.key()).unwrap().pem()
    }

    /// Another one, as it was when it has expired, and as it is.
    pub(crate) fn renewed_below(&self) -> (CertificateDer<'static>, Self) {
        let renewed = self.below("Device CA", IsCa::Ca(BasicConstraints::Unconstrained));
        let mut params = named("Device CA", IsCa::Ca(BasicConstraints::Unconstrained));
        params.not_after = date_time_ymd(2020, 1, 1);
        (params.signed_by(renewed.0.key(), &self.0).unwrap().der().clone(), renewed)
    }

    /// One that is not for servers.
    pub(crate) fn below_for_clients(&self) -> Self {
        let mut params = named("Device CA", IsCa::Ca(BasicConstraints::Unconstrained));
        for_clients(&mut params);
        self.below_with(params)
    }

    /// One whose names are constrained, by an extension that is not critical.
    pub(crate) fn below_constrained(&self) -> Self {
        let mut params = named("Device CA", IsCa::Ca(BasicConstraints::Unconstrained));
        // Permitted: the DNS name "x".
        let content = vec![0x30, 7, 0xa0, 5, 0x30, 3, 0x82, 1, b'x'];
        params.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, 30], content));
        self.below_with(params)
    }

    fn below_with(&self, params: CertificateParams) -> Self {
        Self(CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &self.0).unwrap())
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A leaf of version 3.
    pub(crate) fn leaf(&self, serial: &str) -> Identity {
        self.leaf_with(serial, |_| {})
    }

    pub(crate) fn leaf_with(&self, serial: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = named(serial, IsCa::NoCa);
        change(&mut params);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity { chain: vec![certificate.der().clone()], key: key_of(&key) }
    }
}

/// A leaf that nobody else has signed.
pub(crate) fn self_signed() -> Identity {
    let key = KeyPair::generate().unwrap();
    let certificate = named(SERIAL, IsCa::NoCa).self_signed(&key).unwrap();
    Identity { chain: vec![certificate.der().clone()], key: key_of(&key) }
}

pub(crate) fn expired(params: &mut CertificateParams) {
    params.not_after = date_time_ymd(2024, 2, 29);
}

pub(crate) fn not_yet_valid(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(4000, 1, 1);
    params.not_after = date_time_ymd(4001, 1, 1);
}

pub(crate) fn for_clients(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
}

pub(crate) fn for_servers(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
}

pub(crate) fn in_san(name: &'static str) -> impl FnOnce(&mut CertificateParams) {
    move |params| {
        params.subject_alt_names = CertificateParams::new([name.to_owned()]).unwrap().subject_alt_names
    }
}

pub(crate) fn in_san_alone(name: &'static str) -> impl FnOnce(&mut CertificateParams) {
    move |params| {
        params.distinguished_name.remove(DnType::CommonName);
        in_san(name)(params);
    }
}

pub(crate) fn critical(params: &mut CertificateParams) {
    let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
    extension.set_criticality(true);
    params.custom_extensions.push(extension);
}

pub(crate) fn huge(params: &mut CertificateParams) {
    let extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 2], vec![0; 20 << 10]);
    params.custom_extensions.push(extension);
}

/// A file of `tests/devices`.
pub(crate) fn made(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/devices/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A certificate of version 1 with the key in `leaf.key`, and what is sent with it.
pub(crate) fn of_version_1(names: &[&str]) -> Identity {
    let read = |name: &&str| CertificateDer::from_pem_slice(&made(name)).unwrap();
    Identity {
        chain: names.iter().map(read).collect(),
        key: PrivateKeyDer::from_pem_slice(&made("leaf.key")).unwrap(),
    }
}

fn named(name: &str, is_ca: IsCa) -> CertificateParams {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = is_ca;
    params
}

fn key_of(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(key.serialize_der()).into()
}
