use std::time::Duration;

use printhost_core::{ErrorKind, Retry};
use printhost_net::ftp::{DataChannel, EntryKind, Ftp, SESSION_REQUIRED, Settings};

use super::{
    network::{Event, Net},
    server::{PASSWORD, Rules, Server},
};

async fn names(ftp: &mut Ftp<'_, Net>, folder: &str) -> printhost_core::Result<(Vec<String>, u32)> {
    let mut names = Vec::new();
    let listed = ftp
        .list(folder, |entry| {
            names.push(entry.name);
            Ok(true)
        })
        .await?;
    Ok((names, listed.skipped))
}

fn if_possible() -> Settings {
    let mut settings = Settings::default();
    settings.data = DataChannel::EncryptedIfPossible;
    settings
}

#[tokio::test(start_paused = true)]
async fn every_command_is_one_write_and_the_login_goes_in_this_order() {
    let server = Server::start(Rules::default());
    let mut ftp = server.connect().await.unwrap();
    server.put("/a b.3mf", b"abc");
    assert_eq!(ftp.size("a b.3mf").await, Ok(3));
    ftp.delete("a b.3mf").await.unwrap();
    assert_eq!(ftp.delete("a b.3mf").await.unwrap_err().kind(), ErrorKind::NotFound);
    ftp.quit().await;
    assert_eq!(server.commands(), ["SIZE /a b.3mf", "DELE /a b.3mf", "DELE /a b.3mf", "QUIT"]);
}

#[tokio::test(start_paused = true)]
async fn data_is_encrypted_after_150_with_the_session_of_the_control_connection() {
    let listing = b"total 4\r\n-rw-r--r-- 1 0 0 5 Jun 17 12:14  two  blanks.3mf\r\n\
        drwxr-xr-x 2 0 0 4096 Jun 17  2025 cache\r\n-rw-r--r-- 1 0 0 5 Jun 17 12:14 ../../etc/x\r\nwhat\r\n";
    let server = Server::start(Rules { listing: listing.to_vec(), ..Rules::default() });
    let mut ftp = server.connect().await.unwrap();
    let mut entries = Vec::new();
    let listed = ftp.list("model", |entry| {
        entries.push((entry.name, entry.kind, entry.size));
        Ok(true)
    });
    assert_eq!(listed.await.unwrap().skipped, 2);
    let expected = [
        (" two  blanks.3mf".to_owned(), EntryKind::File, Some(5)),
        ("cache".into(), EntryKind::Folder, None),
    ];
    assert_eq!(entries, expected);
    let events = server.lines.events();
    let at = |event: &Event| events.iter().position(|e| e == event).unwrap();
    // The address that the server told is not believed.
    let dialled = at(&Event::Dialled("http://printer.local:2020".into()));
    let begins = at(&Event::Said("150 Ok to send data.".into()));
    let handshake = at(&Event::Handshake("https://printer.local:990".into()));
    assert!(dialled < begins && begins < handshake, "{events:?}");
    assert_eq!(server.commands(), ["CWD /model", "PASV", "LIST"]);
}

#[tokio::test(start_paused = true)]
async fn data_goes_to_the_machine_of_the_control_connection_whatever_its_name_leads_to() {
    for (peer, host) in [
        ("192.168.1.7:990", "http://192.168.1.7:2020"),
        ("[::ffff:192.168.1.7]:990", "http://192.168.1.7:2020"),
        ("[fe80::7%3]:990", "http://[fe80::7%3]:2020"),
    ] {
        let server = Server::start(Rules::default());
        server.lines.is_at(peer);
        let mut ftp = server.connect().await.unwrap();
        names(&mut ftp, "").await.unwrap();
        let events = server.lines.events();
        assert!(events.contains(&Event::Dialled(host.into())), "{events:?}");
        // Whom to believe is told by the name.
        assert!(events.contains(&Event::Handshake("https://printer.local:990".into())));
    }
}

#[tokio::test(start_paused = true)]
async fn password_that_is_refused_is_unauthorized_and_never_shown() {
    let says = vec![("PASS", "530 no such password: 12345678")];
    let server = Server::start(Rules { says, ..Rules::default() });
    let error = server.connect().await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unauthorized, Retry::Never));
    assert!(!format!("{error:#}{error:?}").contains(PASSWORD), "{error}");
    for (greeting, kind) in [
        ("421 Too many users", ErrorKind::Busy),
        ("SSH-2.0-OpenSSH", ErrorKind::Protocol),
        ("220", ErrorKind::Unauthorized),
        ("220-Welcome\r\n220 is not the end\r\n 220 nor this\r\n220 in", ErrorKind::Disconnected),
        ("220-Welcome\r\n 220 nor this\r\n220-still\r\n220 in", ErrorKind::Unauthorized),
    ] {
        let says = vec![("", greeting), ("PASS", "530 no")];
        let server = Server::start(Rules { says, ..Rules::default() });
        let kinds = server.connect().await.map(drop).unwrap_err().kind();
        assert_eq!(kinds, kind, "{greeting}");
    }
}

#[tokio::test(start_paused = true)]
async fn server_that_says_nothing_is_given_up() {
    for silent in ["", "USER", "PASS", "PBSZ", "PROT", "TYPE"] {
        let server = Server::start(Rules { says: vec![(silent, "")], ..Rules::default() });
        assert_eq!(server.connect().await.unwrap_err().kind(), ErrorKind::Timeout, "{silent}");
    }
    let says = vec![("SIZE", "")];
    let server = Server::start(Rules { says, ..Rules::default() });
    let mut ftp = server.connect().await.unwrap();
    assert_eq!(ftp.size("a").await.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(ftp.size("a").await.unwrap_err().kind(), ErrorKind::Disconnected);
}

#[tokio::test(start_paused = true)]
async fn call_that_was_dropped_leaves_no_answer_for_the_next_one() {
    let server = Server::start(Rules { says: vec![("SIZE", "")], ..Rules::default() });
    let mut ftp = server.connect().await.unwrap();
    tokio::select! {
        biased;
        _ = ftp.size("a") => unreachable!(),
        () = std::future::ready(()) => {}
    }
    assert_eq!(ftp.delete("b").await.unwrap_err().kind(), ErrorKind::Disconnected);
}

#[tokio::test(start_paused = true)]
async fn handshake_that_hangs_or_fails_is_done_without_once_where_that_is_allowed() {
    for hangs in [true, false] {
        let listing = b"-rw-r--r-- 1 0 0 5 Jun 17 12:14 a\r\n".to_vec();
        let server = Server::start(Rules { listing, hangs, ..Rules::default() });
        if !hangs {
            server.lines.refuse_handshakes(ErrorKind::Protocol);
        }
        let mut ftp = server.connect().await.unwrap();
        assert!(names(&mut ftp, "").await.is_err(), "never by default");
        drop(ftp);
        let mut ftp = server.connect_with(if_possible()).await.unwrap();
        assert!(!ftp.is_clear());
        assert_eq!(names(&mut ftp, "").await.unwrap(), (vec!["a".into()], 0));
        assert!(ftp.is_clear(), "to be remembered");
        assert!(server.lines.commands().contains(&"PROT C".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn certificate_that_is_not_trusted_never_leads_to_plain_data() {
    for kind in [ErrorKind::Untrusted, ErrorKind::PinMismatch] {
        let server = Server::start(Rules::default());
        let mut ftp = server.connect_with(if_possible()).await.unwrap();
        server.lines.refuse_handshakes(kind);
        assert_eq!(names(&mut ftp, "").await.unwrap_err().kind(), kind);
        assert!(!ftp.is_clear() && !server.lines.commands().contains(&"PROT C".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn want_of_a_turn_or_of_memory_on_our_side_never_leads_to_plain_data() {
    let server = Server::start(Rules::default());
    let mut ftp = server.connect_with(if_possible()).await.unwrap();
    server.lines.refuse_handshakes(ErrorKind::Busy);
    assert_eq!(names(&mut ftp, "").await.unwrap_err().kind(), ErrorKind::Busy);
    assert!(!ftp.is_clear() && !server.lines.commands().contains(&"PROT C".into()));
    // Waiting takes nothing from the time for the handshake.
    let server = Server::start(Rules::default());
    server.lines.delay_handshakes(Duration::from_secs(15));
    let mut ftp = server.connect_with(if_possible()).await.unwrap();
    names(&mut ftp, "").await.unwrap();
    assert!(!ftp.is_clear() && !server.lines.commands().contains(&"PROT C".into()));
}

#[tokio::test(start_paused = true)]
async fn plain_data_that_did_not_work_either_is_not_remembered() {
    let refusing = Rules { says: vec![("PROT C", "")], ..Rules::default() };
    let breaking = Rules { word: (Duration::ZERO, "426 broken"), keeps: 1, ..Rules::default() };
    for rules in [refusing, breaking] {
        let server = Server::start(rules);
        server.lines.refuse_handshakes(ErrorKind::Unreachable);
        let mut ftp = server.connect_with(if_possible()).await.unwrap();
        ftp.store("a", &mut &b"abc"[..], 3).await.unwrap_err();
        assert!(server.lines.commands().contains(&"PROT C".into()));
        assert!(!ftp.is_clear());
    }
}

#[tokio::test(start_paused = true)]
async fn server_that_wants_the_session_resumed_is_told_apart() {
    let word = (Duration::ZERO, "522 SSL connection failed: session reuse required");
    let server = Server::start(Rules { word, ..Rules::default() });
    let mut ftp = server.connect_with(if_possible()).await.unwrap();
    let error = names(&mut ftp, "").await.unwrap_err();
    assert_eq!((error.kind(), error.detail()), (ErrorKind::Unsupported, Some(SESSION_REQUIRED)));
    assert_eq!((ftp.last_code(), ftp.is_clear()), (Some(522), false));
}

#[tokio::test(start_paused = true)]
async fn garbage_and_replies_without_end_are_errors() {
    let endless = format!("213-{}", "x\r\n".repeat(20_000));
    let wide = format!("213 {}", "9".repeat(20_000));
    let not_ended: &'static str = Box::leak(endless.into_boxed_str());
    let too_long: &'static str = Box::leak(wide.into_boxed_str());
    for (says, kind) in [
        ("hello", ErrorKind::Protocol),
        ("21", ErrorKind::Protocol),
        ("999 x", ErrorKind::Protocol),
        ("213 -5", ErrorKind::Protocol),
        ("213 99999999999999999999999", ErrorKind::Protocol),
        ("226 what?", ErrorKind::Protocol),
        (not_ended, ErrorKind::Protocol),
        (too_long, ErrorKind::Protocol),
        ("550 no", ErrorKind::NotFound),
        ("421 bye", ErrorKind::Disconnected),
        ("450 in use", ErrorKind::Busy),
        ("502 what?", ErrorKind::Unsupported),
        ("530 who?", ErrorKind::Unauthorized),
    ] {
        let server = Server::start(Rules { says: vec![("SIZE", says)], ..Rules::default() });
        let mut ftp = server.connect().await.unwrap();
        assert_eq!(ftp.size("a").await.unwrap_err().kind(), kind, "{says:.20}");
    }
}

#[tokio::test(start_paused = true)]
async fn path_that_could_be_another_command_is_never_sent() {
    let server = Server::start(Rules::default());
    let mut ftp = server.connect().await.unwrap();
    for path in ["", "a\r\nDELE b", "a\nb", "a\0", "../b", "a/../b", "/a", "a\\b"] {
        assert_eq!(ftp.delete(path).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{path:?}");
        assert_eq!(ftp.rename("a", path).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(ftp.store(path, &mut &b""[..], 0).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(server.commands(), [""; 0]);
    ftp.delete("a").await.unwrap_err();
    assert_eq!(server.commands(), ["DELE /a"]);
}

#[tokio::test(start_paused = true)]
async fn passive_answer_without_a_port_is_an_error_and_epsv_is_the_other_way() {
    for passive in ["227 (1,2,3,4,5)", "227 ok", "227 (1,2,3,4,0,0)", "227 (1,2,3,4,5,256)"] {
        let server = Server::start(Rules { passive, ..Rules::default() });
        let mut ftp = server.connect().await.unwrap();
        assert_eq!(names(&mut ftp, "").await.unwrap_err().kind(), ErrorKind::Protocol, "{passive}");
    }
    let says = vec![("PASV", "502 no"), ("EPSV", "229 Entering Extended Passive Mode (|||2020|)")];
    let server = Server::start(Rules { says, ..Rules::default() });
    let mut ftp = server.connect().await.unwrap();
    assert_eq!(names(&mut ftp, "").await.unwrap().0, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn reply_that_nobody_asked_for_is_never_taken_for_an_answer() {
    let twice = Rules { word: (Duration::ZERO, "426 Broken.\r\n226 Transfer complete."), ..Rules::default() };
    let server = Server::start(twice);
    let mut ftp = server.connect().await.unwrap();
    assert_eq!(names(&mut ftp, "").await.unwrap_err().kind(), ErrorKind::Disconnected);
    assert_eq!(ftp.delete("b").await.unwrap_err().kind(), ErrorKind::Disconnected);
    // One that comes on its own.
    let alone =
        Rules { word: (Duration::ZERO, "226 Transfer complete.\r\n421 Timeout."), ..Rules::default() };
    let server = Server::start(alone);
    let mut ftp = server.connect().await.unwrap();
    names(&mut ftp, "").await.unwrap();
    assert_eq!(ftp.delete("b").await.unwrap_err().kind(), ErrorKind::Disconnected);
    for mark in ["150 Ok.\r\n150 Ok again.", "125 Open.\r\n110 MARK 1 = 1"] {
        let server = Server::start(Rules { mark, ..Rules::default() });
        server.put("/a", b"abc");
        let mut ftp = server.connect().await.unwrap();
        names(&mut ftp, "").await.unwrap();
        assert_eq!(ftp.retrieve("a", &mut [0; 3].as_mut_slice()).await, Ok(3));
        ftp.store("b", &mut &b"abcd"[..], 4).await.unwrap();
        assert_eq!(ftp.size("b").await, Ok(4), "{mark}");
    }
    let server = Server::start(Rules { says: vec![("SIZE", "150 Wait.\r\n213 7")], ..Rules::default() });
    assert_eq!(server.connect().await.unwrap().size("a").await, Ok(7));
}

#[tokio::test(start_paused = true)]
async fn line_that_was_cut_is_no_entry() {
    let listing = b"-rw-r--r-- 1 0 0 5 Jun 17 12:14 a\r\n-rw-r--r-- 1 0 0 5 Jun 17 12:14 benchy".to_vec();
    let word = (Duration::ZERO, "426 Failure writing network stream.");
    let server = Server::start(Rules { listing: listing.clone(), word, ..Rules::default() });
    let mut ftp = server.connect().await.unwrap();
    let found = ftp.list("", |entry| Ok(entry.name != "benchy")).await;
    assert_eq!(found.unwrap_err().kind(), ErrorKind::Disconnected);
    // Unless the server calls it all.
    let server = Server::start(Rules { listing, ..Rules::default() });
    let mut ftp = server.connect().await.unwrap();
    assert!(ftp.list("", |entry| Ok(entry.name != "benchy")).await.unwrap().stopped);
}

#[tokio::test(start_paused = true)]
async fn listings_and_downloads_end() {
    let server = Server::start(Rules { listing: vec![b'x'; 17 << 20], ..Rules::default() });
    let mut ftp = server.connect().await.unwrap();
    assert_eq!(names(&mut ftp, "").await.unwrap_err().kind(), ErrorKind::TooLarge);
    let server = Server::start(Rules { surplus: 1 << 20, ..Rules::default() });
    server.put("/a", &[b'G'; 5000]);
    let mut ftp = server.connect().await.unwrap();
    let mut got = printhost_net_tokio::FromTokio::new(Vec::new());
    let error = ftp.retrieve("a", &mut got).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupted);
    assert!(got.into_inner().len() <= 5000);
    assert_eq!(ftp.size("a").await, Ok(5000), "still usable");
}

#[tokio::test(start_paused = true)]
async fn listing_that_is_not_wanted_to_its_end_leaves_the_client_usable() {
    let listing = b"-rw-r--r-- 1 0 0 5 Jun 17 12:14 a\r\n".repeat(2000);
    let word = (Duration::ZERO, "426 Failure writing network stream.");
    let server = Server::start(Rules { listing, word, ..Rules::default() });
    let mut ftp = server.connect().await.unwrap();
    let mut seen = 0;
    let listed = ftp.list("", |_| {
        seen += 1;
        Ok(seen < 3)
    });
    assert!(listed.await.unwrap().stopped);
    assert_eq!((seen, ftp.size("a").await.unwrap_err().kind()), (3, ErrorKind::NotFound));
}

#[tokio::test(start_paused = true)]
async fn download_is_whole_or_an_error() {
    let server = Server::start(Rules::default());
    let file: Vec<u8> = (0..100_000_u32).map(|i| i as u8).collect();
    server.put("/a", &file);
    let mut ftp = server.connect().await.unwrap();
    let mut got = printhost_net_tokio::FromTokio::new(Vec::new());
    assert_eq!(ftp.retrieve("a", &mut got).await, Ok(100_000));
    assert!(got.into_inner() == file);
    assert_eq!(
        ftp.retrieve("b", &mut Vec::<u8>::new().as_mut_slice()).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );

    let mut small = [0; 10];
    assert_eq!(ftp.retrieve("a", &mut &mut small[..]).await.unwrap_err().kind(), ErrorKind::Sink);

    let server = Server::start(Rules { keeps: 5000, ..Rules::default() });
    server.put("/a", &file);
    let mut ftp = server.connect().await.unwrap();
    let mut got = printhost_net_tokio::FromTokio::new(Vec::new());
    assert_eq!(ftp.retrieve("a", &mut got).await.unwrap_err().kind(), ErrorKind::Disconnected);
}
