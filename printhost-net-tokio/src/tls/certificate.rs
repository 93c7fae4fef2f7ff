//! What of a certificate decides whether it is believed. Any version of X.509 is read: many printers have version 1,
//! which rustls' own verifier refuses.

use rustls::pki_types::SignatureVerificationAlgorithm;
use sha2::{Digest as _, Sha256};
use x509_cert::{
    Certificate as X509, TbsCertificate, Version,
    der::{
        Decode as _, ErrorKind, Reader as _, SliceReader,
        asn1::{AnyRef, BitStringRef, ObjectIdentifier},
        oid::AssociatedOid as _,
    },
    ext::pkix::{
        BasicConstraints, ExtendedKeyUsage, KeyUsage, NameConstraints, SubjectAltName, name::GeneralName,
    },
    name::Name,
};

use super::distrust::Distrust;

/// The largest that is read, in bytes. One with a key of RSA-4096 has 2 KB.
const LARGEST: usize = 16 << 10;
const TOO_LARGE: Distrust = Distrust::Unreadable("it is too large");
/// The most of a host's name that is shown.
const SHOWN: usize = 64;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const SERVER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const ANY_PURPOSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
/// The extensions that may be critical, since they are judged here.
const KNOWN: [ObjectIdentifier; 4] =
    [BasicConstraints::OID, KeyUsage::OID, ExtendedKeyUsage::OID, SubjectAltName::OID];

/// A certificate that was read, and not yet believed.
#[derive(Debug)]
pub(super) struct Certificate {
    tbs: TbsCertificate,
    /// The bytes that are signed, how, and the signature.
    signed: Vec<u8>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    names: Vec<String>,
    purposes: Option<Vec<ObjectIdentifier>>,
    may_sign: bool,
    /// How many may stand between it and the leaf.
    below: Option<u8>,
    pub(super) key: PublicKey,
}

impl Certificate {
    pub(super) fn read(der: &[u8]) -> Result<Self, Distrust> {
        if der.len() > LARGEST {
            return Err(TOO_LARGE);
        }
        let certificate = X509::from_der(der).map_err(unreadable)?;
        let (signed, algorithm) = parts(der).map_err(unreadable)?;
        let signature = certificate.signature().as_bytes().ok_or_else(broken)?.to_vec();
        let tbs = certificate.tbs_certificate().clone();
        if tbs.signature() != certificate.signature_algorithm() {
            return Err(broken());
        }
        let extensions = tbs.extensions().map_or(&[][..], |extensions| extensions);
        if tbs.version() != Version::V3 && !extensions.is_empty() {
            return Err(Distrust::Unreadable("its version has no extensions"));
        }
        if extensions.iter().any(|extension| extension.critical && !KNOWN.contains(&extension.extn_id)) {
            return Err(Distrust::Unreadable("it has a critical extension that is not known here"));
        }
        if extensions.iter().any(|extension| extension.extn_id == NameConstraints::OID) {
            return Err(Distrust::Unreadable("it has constraints of names, which are not judged here"));
        }
        let constraints = tbs.get_extension::<BasicConstraints>().map_err(unreadable)?.map(|(_, it)| it);
        let usage = tbs.get_extension::<KeyUsage>().map_err(unreadable)?;
        let purposes = tbs.get_extension::<ExtendedKeyUsage>().map_err(unreadable)?;
        let alternatives = tbs.get_extension::<SubjectAltName>().map_err(unreadable)?;
        let common = common_names(tbs.subject());
        let alternatives =
            alternatives.into_iter().flat_map(|(_, names)| names.0).filter_map(|name| match name {
                GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
                _ => None,
            });
        Ok(Self {
            signed,
            algorithm,
            signature,
            names: common.chain(alternatives).collect(),
            purposes: purposes.map(|(_, purposes)| purposes.0),
            may_sign: constraints.as_ref().is_some_and(|it| it.ca)
                && usage.is_none_or(|(_, usage)| usage.key_cert_sign()),
            below: constraints.and_then(|it| it.path_len_constraint),
            key: PublicKey::read(der)?,
            tbs,
        })
    }

    /// Whether a name is exactly this one.
    pub(super) fn is_for(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// The common name, else a name of the SAN, fit to be shown: what a stranger has put there may be anything.
    pub(super) fn name(&self) -> Option<String> {
        let name = self.names.first()?;
        Some(name.chars().filter(|c| !c.is_control()).take(SHOWN).collect())
    }

    pub(super) fn is_for_servers(&self) -> bool {
        let is_one = |purposes: &Vec<_>| purposes.iter().any(|it| [SERVER, ANY_PURPOSE].contains(it));
        self.purposes.as_ref().is_none_or(is_one)
    }

    /// Whether its dates allow it at this time, in seconds since 1970.
    pub(super) fn is_valid(&self, now: u64) -> Result<(), Distrust> {
        let validity = self.tbs.validity();
        if now < validity.not_before.to_unix_duration().as_secs() {
            return Err(Distrust::NotYetValid(validity.not_before.to_date_time()));
        }
        if now > validity.not_after.to_unix_duration().as_secs() {
            return Err(Distrust::Expired(validity.not_after.to_date_time()));
        }
        Ok(())
    }

    /// Whether it bears the issuer's name.
    pub(super) fn is_by(&self, issuer: &Self) -> bool {
        self.tbs.issuer() == issuer.tbs.subject()
    }

    /// Whether it may sign others, with `between` further ones between it and the leaf. One of versions without
    /// extensions cannot say so: it may if somebody has said so by giving it.
    pub(super) fn may_issue(&self, is_given: bool, between: usize) -> bool {
        match self.tbs.version() {
            Version::V3 => self.may_sign && self.below.is_none_or(|most| between <= usize::from(most)),
            _ => is_given,
        }
    }

    /// Whether this is the very same and has signed itself by its words.
    pub(super) fn is_itself(&self, given: &Self) -> bool {
        self.is_by(self) && self.signed == given.signed && self.signature == given.signature
    }

    /// Whether the issuer's key has signed it.
    pub(super) fn check_signature(
        &self,
        issuer: &Self,
        algorithms: &[&'static dyn SignatureVerificationAlgorithm],
    ) -> Result<(), Distrust> {
        let fitting = algorithms.iter().copied().filter(|it| *it.signature_alg_id() == *self.algorithm);
        let mut fitting = fitting.peekable();
        fitting.peek().ok_or(Distrust::Weak)?;
        issuer.key.check(fitting, &self.signed, &self.signature)
    }
}

/// A certificate's public key.
#[derive(Debug)]
pub(super) struct PublicKey {
    /// SubjectPublicKeyInfo, in DER.
    pub(super) info: Vec<u8>,
    algorithm: Vec<u8>,
    bits: Vec<u8>,
}

impl PublicKey {
    /// Of a certificate of which nothing else is looked at.
    pub(super) fn read(certificate: &[u8]) -> Result<Self, Distrust> {
        if certificate.len() > LARGEST {
            return Err(TOO_LARGE);
        }
        Self::find(certificate).map_err(unreadable)
    }

    fn find(certificate: &[u8]) -> x509_cert::der::Result<Self> {
        const VERSION: u8 = 0xa0;
        let mut outer = SliceReader::new(AnyRef::from_der(certificate)?.value())?;
        let mut tbs = SliceReader::new(AnyRef::decode(&mut outer)?.value())?;
        // The serial number, with or without a version before it.
        if tbs.tlv_bytes()?.first() == Some(&VERSION) {
            tbs.tlv_bytes()?;
        }
        // The signature's algorithm, the issuer, the dates, the subject.
        for _ in 0..4 {
            tbs.tlv_bytes()?;
        }
        let info = tbs.tlv_bytes()?;
        let mut parts = SliceReader::new(AnyRef::from_der(info)?.value())?;
        let algorithm = AnyRef::decode(&mut parts)?.value().to_vec();
        let bits = BitStringRef::decode(&mut parts)?;
        let bits = bits.as_bytes().ok_or(ErrorKind::Failed)?.to_vec();
        Ok(Self { info: info.to_vec(), algorithm, bits })
    }

    pub(super) fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.info).into()
    }

    /// Whether it has signed the message, by the one of these algorithms that is for keys of its kind.
    pub(super) fn check(
        &self,
        mut algorithms: impl Iterator<Item = &'static dyn SignatureVerificationAlgorithm>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Distrust> {
        let algorithm =
            algorithms.find(|it| *it.public_key_alg_id() == *self.algorithm).ok_or(Distrust::Forged)?;
        algorithm.verify_signature(&self.bits, message, signature).map_err(|_| Distrust::Forged)
    }
}

/// What is signed, as it was sent, and how; the latter as [`SignatureVerificationAlgorithm`] has it.
fn parts(der: &[u8]) -> x509_cert::der::Result<(Vec<u8>, Vec<u8>)> {
    let mut reader = SliceReader::new(AnyRef::from_der(der)?.value())?;
    let signed = reader.tlv_bytes()?.to_vec();
    Ok((signed, AnyRef::decode(&mut reader)?.value().to_vec()))
}

fn common_names(subject: &Name) -> impl Iterator<Item = String> {
    let common = subject.iter().filter(|part| part.oid == COMMON_NAME);
    common.map(|part| String::from_utf8_lossy(part.value.value()).into_owned())
}

fn broken() -> Distrust {
    Distrust::Unreadable("it is broken")
}

fn unreadable(_: x509_cert::der::Error) -> Distrust {
    broken()
}
