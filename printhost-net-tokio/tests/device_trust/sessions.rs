use printhost_core::ErrorKind;
use printhost_net::{Origin, TlsVersions, Trust};

use crate::{
    certificates::{Authority, SERIAL},
    peer::{Peer, dial},
};

#[tokio::test]
async fn session_is_that_of_the_origin_secured_for_whatever_the_port_and_of_no_other_trust() {
    let root = Authority::root();
    let device = |name: &str| Trust::Device { authorities: root.der().to_vec(), name: name.into() };
    for versions in [TlsVersions::All, TlsVersions::Only12] {
        let mut peer = Peer::signing(root.leaf(SERIAL), 2, |key| key).await;
        let dial = dial();
        let at = |port: u16, trust: Trust| Origin::tls("127.0.0.1", port, trust).with_versions(versions);
        let [control, data] = peer.ports[..] else { panic!("two ports") };
        let (control, other) = (at(control, device(SERIAL)), at(data, device(SERIAL)));
        let resumed = [
            peer.try_with(&dial, &control).await.unwrap().resumed,
            // A session of another protocol does not come between.
            peer.try_with(&dial, &other).await.unwrap().resumed,
            peer.secure_with(&dial, data, &control).await.unwrap().resumed,
            peer.secure_with(&dial, data, &control).await.unwrap().resumed,
            peer.try_with(&dial, &other).await.unwrap().resumed,
        ];
        assert_eq!(resumed, [false, false, true, true, true]);
    }
    let mut peer = Peer::start(root.leaf(SERIAL)).await;
    let dial = dial();
    let other = peer.origin(&device("01P00A000000002"), TlsVersions::All);
    let error = peer.try_with(&dial, &other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Untrusted);
    let right = peer.origin(&device(SERIAL), TlsVersions::All);
    assert!(!peer.try_with(&dial, &right).await.unwrap().resumed);
}

/// Names of hosts do not end in a number.
#[tokio::test]
async fn name_of_digits_is_believed_and_not_told() {
    let root = Authority::root();
    let trust = Trust::Device { authorities: root.der().to_vec(), name: "094000000000001".into() };
    let mut peer = Peer::start(root.leaf("094000000000001")).await;
    let dial = dial();
    let to = peer.origin(&trust, TlsVersions::All);
    for resumed in [false, true] {
        let seen = peer.try_with(&dial, &to).await.unwrap();
        assert_eq!((seen.resumed, seen.name), (resumed, None));
    }
}
