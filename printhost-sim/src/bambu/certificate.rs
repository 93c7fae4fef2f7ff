//! The certificates of printers: version 1 below one authority, as older models have them, or version 3 below an authority for
//! each model. The keys are test keys, which everybody has.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest as _, Sha256};

use super::config::BambuCertificate;
use super::der;

const AUTHORITY: &[u8] = include_bytes!("keys/authority.der");
const DEVICE: &[u8] = include_bytes!("keys/device.der");
const PRINTER: &[u8] = include_bytes!("keys/printer.der");
const CHANGED: &[u8] = include_bytes!("keys/changed.der");

const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 29, 19];
const KEY_USAGE: &[u8] = &[0x55, 29, 15];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const SHA256_WITH_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];

/// What a printer shows, and who vouches for it.
#[derive(Debug)]
pub(super) struct Identity {
    /// The printer's certificate first.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    /// SHA-256 of the printer's public key, as `SubjectPublicKeyInfo`.
    pub(super) pin: [u8; 32],
    /// The certificates of the authorities, the one that signed the printer's first.
    pub(super) authorities: String,
}

impl Identity {
    /// Of the printer with this serial number; with another key once it has changed.
    pub(super) fn new(kind: BambuCertificate, serial: &str, model: &str, changed: bool) -> Self {
        let pkcs8 = if changed { CHANGED } else { PRINTER };
        let (authority, device, printer) = (key(AUTHORITY), key(DEVICE), key(pkcs8));
        let root_name = "printhost-sim Test CA";
        let root = Form { version: 3, subject: root_name, issuer: root_name, authority: true };
        let root = root.sign(&authority, &authority);
        let (chain, authorities) = match kind {
            BambuCertificate::Version1 => {
                let leaf = Form { version: 1, subject: serial, issuer: root_name, authority: false };
                let leaf = leaf.sign(&printer, &authority);
                (vec![leaf, root.clone()], vec![root])
            }
            BambuCertificate::Version3 => {
                let name = format!("printhost-sim Test Device CA {model}-V2");
                let issuer = Form { version: 3, subject: &name, issuer: root_name, authority: true };
                let issuer = issuer.sign(&device, &authority);
                let leaf = Form { version: 3, subject: serial, issuer: &name, authority: false };
                let leaf = leaf.sign(&printer, &device);
                (vec![leaf], vec![issuer, root])
            }
        };
        Self {
            chain: chain.into_iter().map(CertificateDer::from).collect(),
            key: PrivatePkcs8KeyDer::from(pkcs8).into(),
            pin: Sha256::digest(public_key(&printer)).into(),
            authorities: authorities.iter().map(|certificate| pem(certificate)).collect(),
        }
    }
}

/// What a certificate says.
struct Form<'a> {
    version: u8,
    subject: &'a str,
    issuer: &'a str,
    authority: bool,
}

impl Form<'_> {
    fn sign(&self, key: &RsaKeyPair, issuer: &RsaKeyPair) -> Vec<u8> {
        let algorithm = || of_object(SHA256_WITH_RSA);
        let public = public_key(key);
        let number = Sha256::digest([public.as_slice(), self.subject.as_bytes()].concat());
        let mut fields = Vec::new();
        if self.version == 3 {
            fields.push(der::of(0xa0, &[der::value(der::INTEGER, &[2])]));
        }
        // Positive, and of a fixed length.
        fields.push(der::value(der::INTEGER, &[&[0x40 | number[0] & 0x3f], &number[1..16]].concat()));
        fields.push(algorithm());
        fields.push(name(self.issuer));
        let time = |text: &str| der::value(der::GENERALIZED_TIME, text.as_bytes());
        fields.push(der::of(der::SEQUENCE, &[time("20220404000000Z"), time("20720404000000Z")]));
        fields.push(name(self.subject));
        fields.push(public);
        if self.version == 3 {
            fields.push(der::of(0xa3, &[der::of(der::SEQUENCE, &self.extensions())]));
        }
        let signed = der::of(der::SEQUENCE, &fields);
        let mut signature = vec![0; issuer.public().modulus_len()];
        let random = SystemRandom::new();
        issuer.sign(&RSA_PKCS1_SHA256, &random, &signed, &mut signature).expect("a test key signs");
        der::of(der::SEQUENCE, &[signed, algorithm(), der::bits(&signature)])
    }

    fn extensions(&self) -> Vec<Vec<u8>> {
        let constraint = if self.authority { der::value(der::BOOLEAN, &[0xff]) } else { Vec::new() };
        let usage = if self.authority { [1, 0x06] } else { [5, 0xa0] };
        vec![
            extension(BASIC_CONSTRAINTS, &der::value(der::SEQUENCE, &constraint)),
            extension(KEY_USAGE, &der::value(der::BIT_STRING, &usage)),
        ]
    }
}

fn extension(id: &[u8], content: &[u8]) -> Vec<u8> {
    let critical = der::value(der::BOOLEAN, &[0xff]);
    let content = der::value(der::OCTET_STRING, content);
    der::of(der::SEQUENCE, &[der::value(der::OBJECT, id), critical, content])
}

fn of_object(id: &[u8]) -> Vec<u8> {
    der::of(der::SEQUENCE, &[der::value(der::OBJECT, id), der::value(der::NULL, &[])])
}

fn name(text: &str) -> Vec<u8> {
    let text = der::value(der::UTF8_STRING, text.as_bytes());
    let attribute = der::of(der::SEQUENCE, &[der::value(der::OBJECT, COMMON_NAME), text]);
    der::of(der::SEQUENCE, &[der::of(der::SET, &[attribute])])
}

fn public_key(key: &RsaKeyPair) -> Vec<u8> {
    der::of(der::SEQUENCE, &[of_object(RSA), der::bits(key.public_key().as_ref())])
}

fn key(pkcs8: &[u8]) -> RsaKeyPair {
    RsaKeyPair::from_pkcs8(pkcs8).expect("the test keys are sound")
}

fn pem(certificate: &[u8]) -> String {
    let text = STANDARD.encode(certificate);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
