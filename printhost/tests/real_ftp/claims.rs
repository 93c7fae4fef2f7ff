use std::{collections::BTreeMap, fs, os::unix::ffi::OsStrExt as _};

use printhost::{
    ErrorKind, Secret,
    net::ftp::{Ftp, Proof, SESSION_REQUIRED, Settings},
    net_tokio::FromTokio,
};

use super::{
    certificates::Version,
    network::{Front, Net, net},
    servers::Server,
};

/// Of every byte, and of no length that a record or a piece has.
pub(crate) fn content(seed: u8, len: usize) -> Vec<u8> {
    (0..len).map(|i| (i as u8).wrapping_mul(31).wrapping_add((i >> 8) as u8) ^ seed).collect()
}

pub(crate) async fn connect<'n>(net: &'n Net, server: &'n Server) -> printhost::Result<Ftp<'n, Net>> {
    Ftp::connect(net, server.origin(), server.user, &server.password, Settings::default()).await
}

#[tokio::test]
async fn files_come_and_go_on_vsftpd_which_wants_sessions_resumed() {
    everything(&Server::vsftpd(Version::V3)).await;
}

#[tokio::test]
async fn files_come_and_go_on_vsftpd_with_a_certificate_of_version_1() {
    everything(&Server::vsftpd(Version::V1)).await;
}

#[tokio::test]
async fn files_come_and_go_on_pure_ftpd_which_resumes_no_session() {
    if let Some(server) = Server::pure_ftpd() {
        everything(&server).await;
    }
}

async fn everything(server: &Server) {
    let net = net(Front::new(server.is_explicit));
    let mut ftp = connect(&net, server).await.unwrap();
    large_file(server, &mut ftp).await;
    strange_names(server, &mut ftp).await;
    short_source(server, &mut ftp).await;
    ftp.quit().await;
}

async fn large_file(server: &Server, ftp: &mut Ftp<'_, Net>) {
    let large = content(7, (16 << 20) + 13);
    let path = server.path("large.gcode.3mf");
    let stored = ftp.store(&path, &mut &large[..], large.len() as u64).await.unwrap();
    assert_eq!(stored.proof, Proof::Reply);
    assert!(server.read("large.gcode.3mf").unwrap() == large);
    assert_eq!(ftp.size(&path).await, Ok(large.len() as u64));
    let mut back = FromTokio::new(Vec::new());
    assert_eq!(ftp.retrieve(&path, &mut back).await, Ok(large.len() as u64));
    assert!(back.into_inner() == large);

    // In the place of the first one, shorter, and of the same length.
    for len in [3 << 20, 3 << 20, 0] {
        let other = content(len as u8 + 1, len);
        let stored = ftp.replace(&path, &mut &other[..], len as u64).await.unwrap();
        assert_eq!((stored.proof, stored.renamed), (Proof::Reply, true));
        assert!(server.read("large.gcode.3mf").unwrap() == other);
        assert!(server.read("large.gcode.3mf.part").is_none());
        ftp.store(&path, &mut &other[..], len as u64).await.unwrap();
    }
    ftp.rename(&path, &server.path("b.3mf")).await.unwrap();
    assert!(server.read("large.gcode.3mf").is_none() && server.read("b.3mf").is_some());
    ftp.delete(&server.path("b.3mf")).await.unwrap();
    assert!(server.read("b.3mf").is_none());
    for _ in 0..2 {
        assert_eq!(ftp.delete(&server.path("b.3mf")).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(ftp.size(&server.path("b.3mf")).await.unwrap_err().kind(), ErrorKind::NotFound);
        let mut nowhere = FromTokio::new(Vec::new());
        let error = ftp.retrieve(&server.path("b.3mf"), &mut nowhere).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let error = ftp.rename(&server.path("b.3mf"), &server.path("c")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    let nowhere = server.path("no folder/a");
    assert!(ftp.store(&nowhere, &mut &b"abc"[..], 3).await.is_err());
}

async fn strange_names(server: &Server, ftp: &mut Ftp<'_, Net>) {
    const NAMES: [&str; 12] = [
        " leading",
        "two  blanks.3mf",
        "-rf",
        "[a]*?.gcode",
        "ü ö 三 🖨.3mf",
        "'single' \"double\"",
        "total 5",
        "a -> b",
        "100%",
        "Jun 17 12:14 x",
        "x.gcode.3mf",
        "&;|$(x)`y`",
    ];
    for folder in ["", "sub dir [1]*"] {
        let in_folder =
            |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        if !folder.is_empty() {
            ftp.make_dir(&server.path(folder)).await.unwrap();
            assert_eq!(ftp.make_dir(&server.path(folder)).await.unwrap_err().kind(), ErrorKind::Conflict);
        }
        let mut expected = BTreeMap::new();
        for (i, name) in NAMES.into_iter().enumerate() {
            let body = content(1, 10 + i);
            let path = server.path(&in_folder(name));
            ftp.store(&path, &mut &body[..], body.len() as u64).await.unwrap();
            assert!(server.read(&in_folder(name)).unwrap() == body, "{name}");
            assert_eq!(ftp.size(&path).await, Ok(body.len() as u64));
            expected.insert(name.to_owned(), Some(body.len() as u64));
        }
        // What somebody else has put there.
        for name in [&b"line\nbreak"[..], b"not \xfc utf-8", b"back\\slash", b"\x1b[31mred"] {
            fs::write(server.on_disk(&in_folder("")).join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
        }
        let mut seen = BTreeMap::new();
        let home = server.path(folder);
        let listed = ftp.list(&home, |entry| {
            seen.insert(entry.name, entry.size);
            Ok(true)
        });
        let listed = listed.await.unwrap();
        for (name, size) in &expected {
            assert_eq!(seen.remove(name), Some(*size), "{name}");
        }
        for name in seen.keys() {
            assert!(!name.contains(|c: char| c.is_control() || c == '/' || c == '\\'), "{name:?}");
        }
        assert!(listed.skipped >= 2, "{listed:?} {seen:?}");
        for name in NAMES {
            ftp.delete(&server.path(&in_folder(name))).await.unwrap();
        }
    }
    assert_eq!(
        ftp.list(&server.path("nowhere"), |_| Ok(true)).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    // Still where it was.
    let mut names = Vec::new();
    ftp.list(&server.home(), |entry| {
        names.push(entry.name);
        Ok(true)
    })
    .await
    .unwrap();
    assert!(names.contains(&"sub dir [1]*".to_owned()), "{names:?}");
}

async fn short_source(server: &Server, ftp: &mut Ftp<'_, Net>) {
    let short = content(3, 2 << 20);
    for len in [(2 << 20) + 1, 9 << 20] {
        let error = ftp.store(&server.path("short"), &mut &short[..], len).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Source);
        assert!(!error.detail().unwrap().contains("left there"), "{error}");
        assert!(server.read("short").is_none());
        assert_eq!(ftp.size(&server.path("short")).await.unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn session_that_is_not_resumed_is_told_as_such() {
    let server = Server::vsftpd(Version::V3);
    let net = net(Front::that_forgets(false));
    let mut ftp = connect(&net, &server).await.unwrap();
    let error = ftp.list(&server.home(), |_| Ok(true)).await.unwrap_err();
    assert_eq!((error.kind(), error.detail()), (ErrorKind::Unsupported, Some(SESSION_REQUIRED)));
    let body = content(1, 1 << 20);
    let mut ftp = connect(&net, &server).await.unwrap();
    let error = ftp.store(&server.path("a"), &mut &body[..], body.len() as u64).await.unwrap_err();
    assert_eq!((error.kind(), error.detail()), (ErrorKind::Unsupported, Some(SESSION_REQUIRED)));
    assert!(server.read("a").is_none());
}

#[tokio::test]
async fn file_that_was_emptied_and_never_sent_is_not_left_on_vsftpd() {
    emptied(&Server::vsftpd(Version::V3)).await;
}

#[tokio::test]
async fn file_that_was_emptied_and_never_sent_is_not_left_on_pure_ftpd() {
    if let Some(server) = Server::pure_ftpd() {
        emptied(&server).await;
    }
}

async fn emptied(server: &Server) {
    let net = net(Front::new(server.is_explicit));
    let older = content(1, 5000);
    let mut ftp = connect(&net, server).await.unwrap();
    ftp.store(&server.path("a"), &mut &older[..], 5000).await.unwrap();
    net.dialer().refuse_handshakes(true);
    let error = ftp.store(&server.path("a"), &mut &older[..], 5000).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Untrusted);
    assert!(!error.detail().unwrap_or_default().contains("left there"), "{error}");
    let now = server.read("a");
    assert!(now.is_none(), "of {:?} bytes", now.map(|file| file.len()));
    ftp.replace(&server.path("b"), &mut &older[..], 5000).await.unwrap_err();
    assert!(server.read("b").is_none() && server.read("b.part").is_none());
    net.dialer().refuse_handshakes(false);
    ftp.replace(&server.path("b"), &mut &older[..], 5000).await.unwrap();
    assert!(server.read("b").unwrap() == older);
}

#[tokio::test]
async fn two_that_store_the_same_name_never_give_it_half_a_file() {
    let server = Server::vsftpd(Version::V3);
    let net = net(Front::new(false));
    let (older, ours, half) = (content(1, 5000), content(2, 1 << 20), content(3, 700_000));
    let mut ftp = connect(&net, &server).await.unwrap();
    ftp.store(&server.path("a"), &mut &older[..], 5000).await.unwrap();
    let staged = ftp.stage(&server.path("a"), &mut &ours[..], 1 << 20, true).await.unwrap();
    let mut other = connect(&net, &server).await.unwrap();
    let path = server.path("a");
    let (mut feed, body) = tokio::io::duplex(64 << 10);
    let mut body = FromTokio::new(body);
    let theirs = other.replace(&path, &mut body, 2 << 20);
    let published = async {
        tokio::io::AsyncWriteExt::write_all(&mut feed, &half).await.unwrap();
        while server.read("a.part").is_none_or(|part| part.is_empty() || part.len() == ours.len()) {
            tokio::task::yield_now().await;
        }
        let published = ftp.publish(&path, &staged, true).await;
        drop(feed);
        published
    };
    let (theirs, published) = tokio::join!(theirs, published);
    assert_eq!(theirs.unwrap_err().kind(), ErrorKind::Source);
    assert!(published.is_err(), "{published:?}");
    assert!(server.read("a").unwrap() == older);
}

#[tokio::test]
async fn wrong_password_is_unauthorized() {
    let Some(server) = Server::pure_ftpd() else { return };
    let net = net(Front::new(true));
    let wrong = Secret::new("87654321");
    let login = Ftp::connect(&net, server.origin(), server.user, &wrong, Settings::default());
    let error = login.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(!format!("{error:#}{error:?}").contains("87654321"));
}
