use std::sync::Arc;

use printhost_core::{ErrorKind, Retry};
use printhost_net::{TlsVersions, Trust};
use rcgen::{BasicConstraints, IsCa};
use rustls::{SignatureScheme, sign::SigningKey};

use crate::{
    certificates::{
        Authority, Identity, OTHER_SERIAL, SERIAL, critical, expired, for_clients, for_servers, huge, in_san,
        in_san_alone, made, not_yet_valid, of_version_1, self_signed,
    },
    peer::{Claiming, Peer, dial},
};

const VERSIONS: [TlsVersions; 2] = [TlsVersions::All, TlsVersions::Only12];
const ANY_CA: IsCa = IsCa::Ca(BasicConstraints::Unconstrained);

/// SHA-256 of the key in `leaf.key`, by OpenSSL.
const LEAF_PIN: &str = include_str!("../devices/leaf.pin");

/// What is to come of it: nothing said against it, or these words.
type End = Result<(), &'static str>;

struct Rule {
    name: &'static str,
    shown: Box<dyn Fn() -> Identity>,
    authorities: Vec<u8>,
    end: End,
}

fn rule(name: &'static str, trusted: Vec<u8>, end: End, shown: impl Fn() -> Identity + 'static) -> Rule {
    Rule { name, shown: Box::new(shown), authorities: trusted, end }
}

/// The list. Names are those of `cargo xtask qemu`, too.
fn rules() -> Vec<Rule> {
    let root: &'static Authority = Box::leak(Box::new(Authority::root()));
    let device_ca: &'static Authority = Box::leak(Box::new(root.below("Device CA", ANY_CA)));
    let (given, both) = (root.der().to_vec(), (root.pem() + &device_ca.pem()).into_bytes());
    let renewed = (root.expired_self() + &root.pem()).into_bytes();
    let stranger = Authority::root();
    let no_authority: &'static Authority = Box::leak(Box::new(Authority::self_signed(IsCa::ExplicitNoCa)));
    let shallow: &'static Authority =
        Box::leak(Box::new(Authority::self_signed(IsCa::Ca(BasicConstraints::Constrained(0)))));
    let own = self_signed();
    let own_der = own.chain[0].to_vec();
    let own: &'static Identity = Box::leak(Box::new(own));
    let again = move || Identity { chain: own.chain.clone(), key: own.key.clone_key() };
    vec![
        rule("v1 leaf", made("authority.pem"), Ok(()), || of_version_1(&["leaf.pem"])),
        rule("v1 leaf with its root", made("authority.pem"), Ok(()), || {
            of_version_1(&["leaf.pem", "authority.pem"])
        }),
        rule("v1 leaf of a v1 root", made("old.pem"), Ok(()), || of_version_1(&["leaf-of-old.pem"])),
        rule("v3 leaf", given.clone(), Ok(()), || root.leaf(SERIAL)),
        rule("v3 leaf, intermediate sent", given.clone(), Ok(()), || device_ca.leaf(SERIAL).with(device_ca)),
        rule("v3 leaf, intermediate among the authorities", both, Ok(()), || device_ca.leaf(SERIAL)),
        rule("intermediate alone as authority", device_ca.der().to_vec(), Ok(()), || device_ca.leaf(SERIAL)),
        rule("self-signed leaf as its own authority", own_der, Ok(()), again),
        rule("for servers", given.clone(), Ok(()), || root.leaf_with(SERIAL, for_servers)),
        rule("name in the SAN alone", given.clone(), Ok(()), || root.leaf_with("x", in_san_alone(SERIAL))),
        rule("name in the CN beside a SAN", given.clone(), Ok(()), || {
            root.leaf_with(SERIAL, in_san("printer.example"))
        }),
        rule("garbage sent beside the chain", given.clone(), Ok(()), || {
            let mut shown = root.leaf(SERIAL);
            shown.chain.push(vec![0x30, 0x80, 1, 2, 3].into());
            shown
        }),
        rule("unknown CA of the same name", stranger.der().to_vec(), Err("signature is wrong"), || {
            root.leaf(SERIAL)
        }),
        rule("unknown CA with a key of another kind", made("authority.pem"), Err("signature"), || {
            root.leaf(SERIAL)
        }),
        rule("unknown CA", made("old.pem"), Err("no authority given"), || root.leaf(SERIAL)),
        rule("v1 leaf, unknown CA", made("old.pem"), Err("no authority"), || of_version_1(&["leaf.pem"])),
        rule("intermediate missing", given.clone(), Err("no authority given"), || device_ca.leaf(SERIAL)),
        rule(
            "wrong serial",
            given.clone(),
            Err("for \"01P00A000000000\", not for \"01P00A000000001\""),
            || root.leaf(OTHER_SERIAL),
        ),
        rule("serial in another case", given.clone(), Err("for \"01p00a"), || root.leaf("01p00a000000001")),
        rule("other name in the SAN alone", given.clone(), Err("for \"printer.example\", not for"), || {
            root.leaf_with("x", in_san_alone("printer.example"))
        }),
        rule("wildcard in the SAN", given.clone(), Err("for \"*\", not for"), || {
            root.leaf_with("x", in_san_alone("*"))
        }),
        rule("expired", given.clone(), Err("expired on 2024-02-29"), || root.leaf_with(SERIAL, expired)),
        rule("not yet valid", given.clone(), Err("not valid before 4000-01-01"), || {
            root.leaf_with(SERIAL, not_yet_valid)
        }),
        rule("expired intermediate", given.clone(), Err("expired on 2020-01-01"), || {
            let expired = root.expired_below();
            expired.leaf(SERIAL).with(&expired)
        }),
        rule("expired authority before its renewal", renewed, Ok(()), || root.leaf(SERIAL)),
        rule("expired authority", root.expired_self().into_bytes(), Err("expired on 2020-01-01"), || {
            root.leaf(SERIAL)
        }),
        rule("expired intermediate before its renewal", given.clone(), Ok(()), || {
            let (old, renewed) = root.renewed_below();
            let mut shown = renewed.leaf(SERIAL);
            shown.chain.push(old);
            shown.with(&renewed)
        }),
        rule("intermediate not for servers", given.clone(), Err("not for servers"), || {
            let below = root.below_for_clients();
            below.leaf(SERIAL).with(&below)
        }),
        rule("intermediate with constraints of names", given.clone(), Err("no authority given"), || {
            let below = root.below_constrained();
            below.leaf(SERIAL).with(&below)
        }),
        rule("swapped key", given.clone(), Err("key it does not have"), || root.leaf(SERIAL).swapped()),
        rule("v1 leaf, swapped key", made("authority.pem"), Err("key"), || {
            of_version_1(&["leaf.pem"]).swapped_for_rsa()
        }),
        rule("swapped key of another kind", given.clone(), Err("key it does not have"), || {
            root.leaf(SERIAL).swapped_for_ed25519()
        }),
        rule("self-signed", given.clone(), Err("no authority given"), self_signed),
        rule("tampered", given.clone(), Err("signature is wrong"), || {
            root.leaf(OTHER_SERIAL).tampered(OTHER_SERIAL, SERIAL)
        }),
        rule("v1 leaf, signed with SHA-1", made("authority.pem"), Err("not accepted"), || {
            of_version_1(&["weak.pem"])
        }),
        rule("CA that is none", no_authority.der().to_vec(), Err("is no authority"), || {
            no_authority.leaf(SERIAL)
        }),
        rule("leaf as intermediate", given.clone(), Err("is no authority"), || {
            let leaf = root.below(OTHER_SERIAL, IsCa::NoCa);
            leaf.leaf(SERIAL).with(&leaf)
        }),
        rule("v1 leaf as intermediate", made("old.pem"), Err("is no authority"), || {
            of_version_1(&["leaf-below.pem", "below.pem"])
        }),
        rule("more below a CA than it may have", shallow.der().to_vec(), Err("is no authority"), || {
            let below = shallow.below("Device CA", ANY_CA);
            below.leaf(SERIAL).with(&below)
        }),
        rule("as much below a CA as it may have", shallow.der().to_vec(), Ok(()), || shallow.leaf(SERIAL)),
        rule("not for servers", given.clone(), Err("not for servers"), || {
            root.leaf_with(SERIAL, for_clients)
        }),
        rule("critical extension", given.clone(), Err("not known here"), || root.leaf_with(SERIAL, critical)),
        rule("large certificate", given.clone(), Err("too large"), || root.leaf_with(SERIAL, huge)),
        rule("long chain", given, Err("too many"), || {
            (0..9).fold(root.leaf(SERIAL), |shown, _| shown.with(device_ca))
        }),
    ]
}

#[tokio::test]
async fn each_rule_refuses_before_a_byte_is_sent_and_says_why_and_what_keeps_them_passes() {
    for Rule { name, shown, authorities, end } in rules() {
        for versions in VERSIONS {
            let trust = Trust::Device { authorities: authorities.clone(), name: SERIAL.into() };
            let mut peer = Peer::start(shown()).await;
            let to = peer.origin(&trust, versions);
            match (peer.try_with(&dial(), &to).await, end) {
                (Ok(seen), Ok(())) => assert_eq!(seen.name.as_deref(), Some("01p00a000000001"), "{name}"),
                (Err(error), Err(words)) => {
                    assert_eq!((error.kind(), error.retry()), (ErrorKind::Untrusted, Retry::Never), "{name}");
                    assert!(error.detail().unwrap().contains(words), "{name}: {error:#}");
                }
                (Ok(_), Err(words)) => panic!("{name}: believed, instead of {words}"),
                (Err(error), Ok(())) => panic!("{name}: {error:#}"),
            }
        }
    }
}

#[tokio::test]
async fn handshake_signed_by_a_scheme_that_was_not_offered_or_is_not_for_the_key_is_untrusted() {
    let root = Authority::root();
    let trusts = [
        (Trust::Device { authorities: root.der().to_vec(), name: SERIAL.into() }, false),
        (Trust::Device { authorities: made("authority.pem"), name: SERIAL.into() }, true),
        (pinned(), true),
    ];
    let schemes = [
        SignatureScheme::ECDSA_SHA1_Legacy,
        SignatureScheme::RSA_PKCS1_SHA1,
        SignatureScheme::RSA_PKCS1_SHA512,
        SignatureScheme::ECDSA_NISTP384_SHA384,
        SignatureScheme::ED25519,
        SignatureScheme::Unknown(0x0101), // RSA with MD5
    ];
    for (trust, is_rsa) in trusts {
        for (versions, scheme) in VERSIONS.iter().flat_map(|it| schemes.map(|scheme| (*it, scheme))) {
            let shown = if is_rsa { of_version_1(&["leaf.pem"]) } else { root.leaf(SERIAL) };
            let claim = |key| Arc::new(Claiming { key, scheme }) as Arc<dyn SigningKey>;
            let mut peer = Peer::signing(shown, 1, claim).await;
            let to = peer.origin(&trust, versions);
            let error = peer.try_with(&dial(), &to).await.expect_err(&format!("{scheme:?}"));
            assert_eq!(error.kind(), ErrorKind::Untrusted, "{scheme:?}, {versions:?}: {error:#}");
        }
    }
}

#[tokio::test]
async fn key_of_a_v1_certificate_can_be_pinned_and_another_one_is_a_mismatch() {
    for versions in VERSIONS {
        let mut peer = Peer::start(of_version_1(&["leaf.pem"])).await;
        let to = peer.origin(&pinned(), versions);
        assert!(!peer.try_with(&dial(), &to).await.unwrap().resumed);

        let mut peer = Peer::start(self_signed()).await;
        let to = peer.origin(&pinned(), versions);
        let error = peer.try_with(&dial(), &to).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::PinMismatch, Retry::Never), "{error:#}");

        // The control of the signature: the right certificate without its key.
        let mut peer = Peer::start(of_version_1(&["leaf.pem"]).swapped_for_rsa()).await;
        let to = peer.origin(&pinned(), versions);
        let error = peer.try_with(&dial(), &to).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{error:#}");
    }
}

#[tokio::test]
async fn key_and_name_of_whoever_answers_are_told_and_nothing_is_sent() {
    for versions in VERSIONS {
        let peer = Peer::start(of_version_1(&["leaf.pem"])).await;
        let key = dial().peer_key(&peer.origin(&Trust::PublicRoots, versions)).await.unwrap();
        assert_eq!(Trust::PinnedKey(key.sha256), pinned());
        assert_eq!(key.name.as_deref(), Some(SERIAL));

        let peer = Peer::start(of_version_1(&["leaf.pem"]).swapped_for_rsa()).await;
        let error = dial().peer_key(&peer.origin(&Trust::PublicRoots, versions)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{error:#}");
    }
    // A name is a stranger's word.
    let peer = Peer::start(Authority::root().leaf(&"\u{1b}[2Jx".repeat(40))).await;
    let key = dial().peer_key(&peer.origin(&Trust::PublicRoots, TlsVersions::All)).await.unwrap();
    assert_eq!(key.name.unwrap(), "[2Jx".repeat(16));
}

fn pinned() -> Trust {
    let hash = (0..32).map(|i| u8::from_str_radix(&LEAF_PIN[2 * i..2 * i + 2], 16).unwrap());
    Trust::PinnedKey(hash.collect::<Vec<_>>().try_into().unwrap())
}
