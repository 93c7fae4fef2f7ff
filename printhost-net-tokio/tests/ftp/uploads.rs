use std::time::Duration;

use printhost_core::{Error, ErrorKind, Retry};
use printhost_net::ftp::{DataChannel, Proof, Settings, Stored};

use super::{
    network::Event,
    server::{Rules, Server, Word},
};

static FILE: [u8; 50_000] = [b'G'; 50_000];

fn now(word: &'static str) -> Word {
    (Duration::ZERO, word)
}

async fn store(server: &Server) -> Result<Stored, Error> {
    let mut ftp = server.connect().await?;
    ftp.store("a", &mut &FILE[..], FILE.len() as u64).await
}

#[tokio::test(start_paused = true)]
async fn upload_ends_with_the_end_of_its_connection_and_the_word_of_the_server() {
    let server = Server::start(Rules::default());
    let stored = store(&server).await.unwrap();
    assert_eq!((stored.proof, stored.renamed), (Proof::Reply, false));
    assert!(server.file("/a").unwrap() == FILE);
    assert_eq!(server.commands(), ["SIZE /a", "PASV", "STOR /a", "SIZE /a"]);
    let events = server.lines.events();
    assert!(events.contains(&Event::Finished) && !events.contains(&Event::Reset));
    let empty = server.connect().await.unwrap().store("e", &mut &b""[..], 0).await.unwrap();
    assert_eq!((empty.proof, server.file("/e")), (Proof::Reply, Some(Vec::new())));
}

#[tokio::test(start_paused = true)]
async fn word_that_comes_late_is_waited_for() {
    for seconds in [1, 59, 119] {
        let word = (Duration::from_secs(seconds), "226 Transfer complete.");
        let server = Server::start(Rules { word, ..Rules::default() });
        assert_eq!(store(&server).await.unwrap().proof, Proof::Reply, "{seconds} s");
    }
    // Later still, the question for the size is answered behind it.
    let word = (Duration::from_secs(150), "226 Transfer complete.");
    let server = Server::start(Rules { word, ..Rules::default() });
    assert_eq!(store(&server).await.unwrap().proof, Proof::Reply);
    assert_eq!(server.commands(), ["SIZE /a", "PASV", "STOR /a", "SIZE /a"]);
}

#[tokio::test(start_paused = true)]
async fn file_of_the_right_size_is_stored_whatever_was_said_of_the_connection() {
    for word in ["426 Failure reading network stream.", "425 x", "451 x", ""] {
        for leaves in [true, false] {
            let server = Server::start(Rules { word: now(word), leaves, ..Rules::default() });
            let stored = store(&server).await;
            assert_eq!(stored.map(|s| s.proof), Ok(Proof::Size), "{word} {leaves}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn word_that_comes_after_the_size_is_no_answer_to_what_is_asked_next() {
    let word = (Duration::from_secs(130), "226 Transfer complete.");
    let server = Server::start(Rules { word, chats: true, ..Rules::default() });
    let mut ftp = server.connect().await.unwrap();
    let stored = ftp.store("a", &mut &FILE[..], FILE.len() as u64).await.unwrap();
    assert_eq!(stored.proof, Proof::Size);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(ftp.delete("b").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(ftp.size("a").await, Ok(50_000));
}

#[tokio::test(start_paused = true)]
async fn file_that_the_server_is_still_writing_is_not_deleted() {
    // It has told the size while it wrote, or the connection was lost meanwhile.
    let chatting = Rules { word: (Duration::from_secs(500), "226 x"), chats: true, ..Rules::default() };
    let leaving = Rules { word: now(""), leaves: true, ..Rules::default() };
    for (rules, lags) in [(chatting, 128), (leaving, 8)] {
        let server = Server::start(Rules { lags: Duration::from_secs(lags), ..rules });
        assert_eq!(store(&server).await.map(|stored| stored.proof), Ok(Proof::Size), "{lags} s");
        assert!(server.file("/a").unwrap() == FILE);
    }
}

#[tokio::test(start_paused = true)]
async fn file_of_another_size_is_corrupted_and_deleted() {
    // Also when the server calls it stored: it cannot tell a connection that was cut from the end of the file.
    for word in ["426 Failure reading network stream.", "451 x", "", "226 Transfer complete."] {
        let server = Server::start(Rules { word: now(word), keeps: 49_999, ..Rules::default() });
        let error = store(&server).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Corrupted, Retry::Safe), "{word}");
        assert_eq!(error.detail(), Some("49999 bytes were stored of 50000"));
        assert!(server.file("/a").is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn size_that_proves_nothing_leaves_the_upload_unconfirmed() {
    // There was a file of that size before.
    let server = Server::start(Rules { word: now("426 x"), ..Rules::default() });
    server.put("/a", &[b'O'; 50_000]);
    assert_eq!(store(&server).await.unwrap_err().kind(), ErrorKind::Unconfirmed);
    assert!(server.file("/a").is_some());
    // Nobody tells a size.
    for says in ["502 what?", "550 no", "213 x"] {
        let rules = Rules { says: vec![("SIZE", says)], word: now("426 x"), ..Rules::default() };
        let server = Server::start(rules);
        let error = store(&server).await.unwrap_err();
        let kind = if says.starts_with("550") { ErrorKind::Corrupted } else { ErrorKind::Unconfirmed };
        assert_eq!(error.kind(), kind, "{says}");
    }
}

#[tokio::test(start_paused = true)]
async fn server_that_stops_taking_a_file_is_heard() {
    for (word, kind) in [
        ("552 disk full", ErrorKind::StorageFull),
        ("452 disk full", ErrorKind::StorageFull),
        ("426 network", ErrorKind::Disconnected),
        ("451 local error", ErrorKind::HostFault),
        ("226 enough", ErrorKind::Protocol),
    ] {
        let server = Server::start(Rules { word: now(word), stops_after: Some(9000), ..Rules::default() });
        let error = store(&server).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{word}");
        assert!(server.file("/a").is_none(), "{word}: nothing partial stays");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_before_it_begins_is_not_deleted() {
    for (says, kind) in [
        ("553 Could not create file.", ErrorKind::Conflict),
        ("550 Permission denied.", ErrorKind::NotFound),
        ("552 full", ErrorKind::StorageFull),
        ("425 busy", ErrorKind::Busy),
    ] {
        let server = Server::start(Rules { says: vec![("STOR", says)], ..Rules::default() });
        server.put("/a", b"older");
        assert_eq!(store(&server).await.unwrap_err().kind(), kind);
        assert_eq!(server.file("/a").as_deref(), Some(&b"older"[..]));
    }
}

#[tokio::test(start_paused = true)]
async fn file_that_was_begun_and_never_sent_is_deleted() {
    for kind in [ErrorKind::Untrusted, ErrorKind::Busy, ErrorKind::Unreachable] {
        let server = Server::start(Rules::default());
        server.put("/a", b"older");
        server.lines.refuse_handshakes(kind);
        assert_eq!(store(&server).await.unwrap_err().kind(), kind);
        assert_eq!(server.file("/a"), None, "emptied by the server, {kind:?}");
        let mut ftp = server.connect().await.unwrap();
        ftp.replace("b", &mut &FILE[..], 50_000).await.unwrap_err();
        assert_eq!((server.file("/b"), server.file("/b.part")), (None, None));
    }
    // A handshake that hangs, and a 150 that never comes.
    let hanging = Rules { hangs: true, ..Rules::default() };
    let silent = Rules { says: vec![("STOR", "")], ..Rules::default() };
    for rules in [hanging, silent] {
        let server = Server::start(rules);
        server.put("/a", b"");
        assert_eq!(store(&server).await.unwrap_err().kind(), ErrorKind::Timeout);
        assert_eq!(server.file("/a"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn full_card_is_told_where_the_data_connection_was_closed_before_its_handshake() {
    for (unencrypted, kind) in [
        ("552 disk full", ErrorKind::StorageFull),
        ("451 local error", ErrorKind::HostFault),
        ("553 no card", ErrorKind::Conflict),
    ] {
        let server = Server::start(Rules { unencrypted, ..Rules::default() });
        server.lines.refuse_handshakes(ErrorKind::Unreachable);
        let mut settings = Settings::default();
        settings.data = DataChannel::EncryptedIfPossible;
        let mut ftp = server.connect_with(settings).await.unwrap();
        let error = ftp.store("a", &mut &FILE[..], 50_000).await.unwrap_err();
        assert_eq!((error.kind(), ftp.is_clear()), (kind, false), "{unencrypted}");
        assert!(server.file("/a").is_none() && !server.lines.commands().contains(&"PROT C".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn source_that_ends_early_leaves_nothing() {
    let server = Server::start(Rules { word: now("426 reset"), ..Rules::default() });
    let mut ftp = server.connect().await.unwrap();
    let error = ftp.store("a", &mut &FILE[..49_000], 50_000).await.unwrap_err();
    assert_eq!((error.kind(), error.detail()), (ErrorKind::Source, Some("it ended 1000 bytes early")));
    assert!(server.file("/a").is_none());
    let events = server.lines.events();
    assert!(events.contains(&Event::Reset) && !events.contains(&Event::Finished));
    assert_eq!(ftp.size("a").await.unwrap_err().kind(), ErrorKind::NotFound);
    // Without an answer to that either.
    let server = Server::start(Rules { word: now(""), ..Rules::default() });
    let mut ftp = server.connect().await.unwrap();
    let error = ftp.store("a", &mut &FILE[..49_000], 50_000).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Source);
    assert!(server.file("/a").is_none());
}

#[tokio::test(start_paused = true)]
async fn dropped_upload_resets_its_connection() {
    let server = Server::start(Rules { stops_after: Some(60_000), ..Rules::default() });
    let mut ftp = server.connect().await.unwrap();
    let mut never = Slow(&FILE[..]);
    let upload = ftp.store("a", &mut never, 60_000);
    assert!(tokio::time::timeout(Duration::from_secs(20), upload).await.is_err());
    let events = server.lines.events();
    assert!(events.contains(&Event::Reset) && !events.contains(&Event::Finished), "{events:?}");
    assert_eq!(ftp.size("a").await.unwrap_err().kind(), ErrorKind::Disconnected);
}

#[tokio::test(start_paused = true)]
async fn upload_that_does_not_move_is_given_up() {
    let server = Server::start(Rules { stops_after: Some(60_000), ..Rules::default() });
    let mut ftp = server.connect().await.unwrap();
    let error = ftp.store("a", &mut Slow(&FILE[..]), 60_000).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn file_gets_its_name_once_it_is_whole() {
    let server = Server::start(Rules::default());
    server.put("/a", b"older");
    let mut ftp = server.connect().await.unwrap();
    let stored = ftp.replace("a", &mut &FILE[..], 50_000).await.unwrap();
    assert!(stored.renamed && server.file("/a").unwrap() == FILE && server.file("/a.part").is_none());
    let commands = server.commands();
    assert_eq!(commands[..4], ["RNFR /a.part", "SIZE /a.part", "PASV", "STOR /a.part"]);
    assert_eq!(commands[4..], ["SIZE /a.part", "SIZE /a.part", "RNFR /a.part", "RNTO /a", "SIZE /a"]);

    // What was broken off never had the name, and is deleted the next time at the latest.
    ftp.replace("a", &mut &FILE[..1000], 2000).await.unwrap_err();
    assert!(server.file("/a").unwrap() == FILE && server.file("/a.part").is_none());
    server.put("/b.part", b"left");
    let stored = ftp.replace("b", &mut &FILE[..], 50_000).await.unwrap();
    assert!(stored.renamed && server.file("/b").unwrap() == FILE && server.file("/b.part").is_none());
}

#[tokio::test(start_paused = true)]
async fn file_that_somebody_else_stores_meanwhile_does_not_get_the_name_as_ours() {
    for swaps in [None, Some(&b"half"[..])] {
        let server = Server::start(Rules { swaps, ..Rules::default() });
        server.put("/a", b"older");
        let mut ftp = server.connect().await.unwrap();
        let staged = ftp.stage("a", &mut &FILE[..], 50_000, true).await.unwrap();
        if swaps.is_none() {
            server.put("/a.part", b"half");
        }
        let error = ftp.publish("a", &staged, true).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        match swaps {
            None => assert_eq!(server.file("/a").as_deref(), Some(&b"older"[..])),
            // Somebody else's affair: it may be whole by now.
            Some(_) => assert_eq!(server.file("/a").as_deref(), swaps),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn size_that_is_not_told_does_not_free_a_name() {
    for says in ["502 what?", "450 in use", "451 x"] {
        let server = Server::start(Rules { says: vec![("SIZE", says)], ..Rules::default() });
        server.put("/a", b"older");
        let mut ftp = server.connect().await.unwrap();
        let error = ftp.create("a", &mut &FILE[..], 50_000).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Exists, "{says}");
        assert_eq!((server.file("/a").as_deref(), server.file("/a.part")), (Some(&b"older"[..]), None));
        ftp.create("b", &mut &FILE[..], 50_000).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn older_file_goes_first_where_nothing_can_be_renamed() {
    let rules = Rules {
        says: vec![("RNFR", "502 Command not implemented.")],
        word: now("426 x"),
        ..Rules::default()
    };
    let server = Server::start(rules);
    server.put("/a", &FILE);
    let mut ftp = server.connect().await.unwrap();
    let stored = ftp.replace("a", &mut &FILE[..], 50_000).await.unwrap();
    // Of the same size as the older one, which is no doubt here.
    assert_eq!((stored.renamed, stored.proof), (false, Proof::Size));
    assert_eq!(&server.commands()[..2], ["RNFR /a.part", "DELE /a"]);
}

/// Has something, and then nothing for ever.
struct Slow<'a>(&'a [u8]);

impl embedded_io_async::ErrorType for Slow<'_> {
    type Error = core::convert::Infallible;
}

impl embedded_io_async::Read for Slow<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        if self.0.is_empty() {
            std::future::pending::<()>().await;
        }
        self.0.read(buf).await
    }
}
