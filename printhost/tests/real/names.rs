//! What OctoPrint 1.11.8 and 2.0.0rc7 make of file names, verified by curl:
//!
//! | name | outcome |
//! |---|---|
//! | empty, `.`, `..`, `a/../b`, leading or doubled `/`, trailing `/` | refused before anything is sent |
//! | NUL, line breaks, other control characters, `\` | refused before anything is sent |
//! | a segment of more than 255 bytes | refused before anything is sent |
//! | a segment of 255 bytes, in letters of any script | stored as it is |
//! | non-ASCII letters, combining marks, emoji | stored as they are |
//! | `'` `%` `+` `#` `=` `~` `,` `@` `!` `` ` `` `[]` `{}`, blanks and dots inside | stored as they are |
//! | `"` `;` `&` `?` `:` `*` `<>` and the vertical bar, a leading `$` | stored without them |
//! | leading or trailing blanks and dots | stored without them |
//! | names reserved by Windows (`CON.gcode`) | stored with a `_` behind them |
//! | nothing left of the name, or no known extension | refused by the host with 415 |

use printhost::{AnyHost, ErrorKind, HyperNet, PrintHost, Upload, net::Net, net_tokio::PortableNet};
use sha1::{Digest, Sha1};

use super::peer::Peer;

/// Every byte percent-encoded, in no codec of ours.
fn encoded(path: &str) -> String {
    path.bytes().map(|b| if b == b'/' { "/".to_owned() } else { format!("%{b:02X}") }).collect()
}

/// Whether it is on the host.
fn is_stored(peer: &Peer, path: &str) -> bool {
    peer.stored(&encoded(path)).is_some()
}

async fn every_name_has_its_outcome<N: Net>(net: N) {
    let peer = Peer::from_environment();
    let host = peer.host(net);
    let (long, wide) = ("x".repeat(249) + ".gcode", "\u{fc}".repeat(124) + "y.gcode");
    assert_eq!((long.len(), wide.len()), (255, 255));
    for (name, stored) in [
        (long.as_str(), long.as_str()),
        (&wide, &wide),
        ("gr\u{f6}\u{df}e.gcode", "gr\u{f6}\u{df}e.gcode"),
        ("\u{65e5}\u{672c}\u{8a9e}.gcode", "\u{65e5}\u{672c}\u{8a9e}.gcode"),
        ("\u{5de}\u{5d7}.gcode", "\u{5de}\u{5d7}.gcode"),
        ("\u{1f5a8}\u{fe0f}.gcode", "\u{1f5a8}\u{fe0f}.gcode"),
        ("e\u{301}.gcode", "e\u{301}.gcode"),
        ("apo'strophe.gcode", "apo'strophe.gcode"),
        ("per%20cent.gcode", "per%20cent.gcode"),
        ("100%.gcode", "100%.gcode"),
        ("plus+.gcode", "plus+.gcode"),
        ("a#b=c~,@!`.gcode", "a#b=c~,@!`.gcode"),
        ("[x]{y}.gcode", "[x]{y}.gcode"),
        ("a b  c...gcode", "a b  c...gcode"),
        ("UPPER.GCODE", "UPPER.GCODE"),
        ("sub dir \u{fc}/100% +.gcode", "sub dir \u{fc}/100% +.gcode"),
        ("quo\"te.gcode", "quote.gcode"),
        ("semi;colon.gcode", "semicolon.gcode"),
        ("a&b?c:d*e|f<g>.gcode", "abcdefg.gcode"),
        ("$a$b.gcode", "ab.gcode"),
        (" lead.gcode", "lead.gcode"),
        ("trail.gcode ", "trail.gcode"),
        ("trail.gcode.", "trail.gcode"),
        (".hidden.gcode", "hidden.gcode"),
        (".dir;x/f\"g.gcode", "dirx/fg.gcode"),
        ("CON.gcode", "CON_.gcode"),
        ("nul.gcode", "nul_.gcode"),
    ] {
        let content = format!("; {name}\nG28\n");
        let content = content.as_bytes();
        let uploaded = host.upload(Upload::new(name, content.len() as u64, &mut &*content)).await;
        let uploaded = uploaded.unwrap_or_else(|e| panic!("{name}: {e:?}"));
        let sha1: [u8; 20] = Sha1::digest(content).into();
        assert_eq!((uploaded.path.as_str(), uploaded.verified), (stored, peer.verifies(sha1)), "{name}");
        let hex: String = sha1.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(peer.stored(&encoded(stored)), Some((content.len() as u64, hex)), "{name}");
        let raw = peer.curl_bytes(&[], &format!("/downloads/files/local/{}", encoded(stored)));
        assert_eq!(raw, (200, content.to_vec()), "{name}");

        let mut copy = Vec::new();
        assert_eq!(host.download(stored, &mut copy).await.unwrap(), content.len() as u64, "{name}");
        assert_eq!(copy, content, "{name}");
        // Under the same name it exists, also when the host has changed it.
        let again = host.upload(Upload::new(name, content.len() as u64, &mut &*content)).await;
        assert_eq!(again.map_err(|e| e.kind()), Err(ErrorKind::Exists), "{name}");
        host.delete(stored).await.unwrap();
        assert!(!is_stored(&peer, stored), "{name}");
    }

    for name in ["   ", "   .gcode", "CON", "noextension", "x.exe", "x.gcode.txt", "\".gcode"] {
        let error = host.upload(Upload::new(name, 4, &mut &b"G28\n"[..])).await.unwrap_err();
        assert_eq!((error.kind(), error.http_status()), (ErrorKind::InvalidInput, Some(415)), "{name}");
        assert!(error.detail().is_some(), "{name}");
        assert!(!is_stored(&peer, name), "{name}");
    }
    for folder in ["sub dir \u{fc}", "dirx"] {
        let folder = format!("/api/files/local/{}", encoded(folder));
        assert_eq!(peer.curl_with(&["--request", "DELETE"], &folder).0, 204);
    }
}

async fn impossible_names_are_refused_before_anything_is_sent<N: Net>(net: N) {
    let peer = Peer::from_environment();
    // Nobody listens there: whatever is sent fails in another way.
    let nowhere = "octoprint://127.0.0.1:1".parse().unwrap();
    let host = AnyHost::new(net, &nowhere, peer.key.as_str());
    let (segment, path) = ("x".repeat(294) + ".gcode", "abc/".repeat(300) + "x.gcode");
    for name in [
        "",
        "/",
        "/lead.gcode",
        "trail/",
        "a//b.gcode",
        ".",
        "..",
        "a/../b.gcode",
        "./a.gcode",
        "nul\0.gcode",
        "cr\r\nlf.gcode",
        "\u{7f}.gcode",
        "\u{85}.gcode",
        "back\\slash.gcode",
        "..\\x.gcode",
        &segment,
        &path,
    ] {
        let refused = [
            host.upload(Upload::new(name, 4, &mut &b"G28\n"[..])).await.map(drop),
            host.download(name, &mut Vec::new()).await.map(drop),
            host.start(name).await.map(drop),
            host.delete(name).await,
        ];
        for result in refused {
            let error = result.unwrap_err();
            assert_eq!((error.kind(), error.http_status()), (ErrorKind::InvalidInput, None), "{name:?}");
            assert!(error.detail().is_some(), "{name:?}");
        }
    }
}

#[tokio::test]
async fn every_name_has_its_outcome_over_hyper() {
    every_name_has_its_outcome(HyperNet::new()).await;
}

#[tokio::test]
async fn every_name_has_its_outcome_over_the_portable_client() {
    every_name_has_its_outcome(PortableNet::new()).await;
}

#[tokio::test]
async fn impossible_names_are_refused_before_anything_is_sent_over_hyper() {
    impossible_names_are_refused_before_anything_is_sent(HyperNet::new()).await;
}

#[tokio::test]
async fn impossible_names_are_refused_before_anything_is_sent_over_the_portable_client() {
    impossible_names_are_refused_before_anything_is_sent(PortableNet::new()).await;
}
