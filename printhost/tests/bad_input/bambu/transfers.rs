//! A wrong or hostile printer that lies about files: nothing partial is taken for whole, and nothing goes on for ever.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use printhost::{ErrorKind, Result, Retry};
use tokio::{net::TcpListener, time::Instant};

use super::{
    super::harness::{Call, Scene, alone},
    harness::{fails, measured},
    printer::{Answer, Printer, Step, reply, transfer},
};

/// What is answered to a command.
type Rules = Vec<(&'static str, Answer)>;
/// What is to come of them.
type Rows<K> = Vec<(&'static str, Rules, Result<(), K>)>;

/// A printer that answers one command so, or several.
async fn answering(rules: Rules) -> Printer {
    Printer::start(Scene::Idle, move |told| {
        rules.iter().find(|(place, _)| told.is_command(place)).map(|(_, steps)| steps.clone())
    })
    .await
}

fn sending(times: u64) -> Step {
    Step::Send(b"X".into(), times)
}

#[tokio::test(start_paused = true)]
async fn download_of_another_size_than_was_told_is_no_success() {
    let _alone = alone().await;
    let size = |text: &str| ("FTP SIZE", reply(text));
    let sends = |step: Step, word: &str| ("FTP RETR", transfer([step], word));
    let endless = || Step::Send(vec![b'X'; 1 << 14].into(), 1 << 12);
    let rows: Rows<ErrorKind> = vec![
        ("what is right", vec![size("213 4"), sends(sending(4), "226 all")], Ok(())),
        ("nothing of nothing", vec![size("213 0"), sends(sending(0), "226 all")], Ok(())),
        (
            "numbers that count for nothing",
            vec![size("213 4"), sends(sending(4), "226 99999 bytes (12 KB/s)")],
            Ok(()),
        ),
        ("less", vec![size("213 99"), sends(sending(4), "226 all")], Err(ErrorKind::Disconnected)),
        ("nothing", vec![size("213 99"), sends(sending(0), "226 all")], Err(ErrorKind::Disconnected)),
        (
            "far less",
            vec![size("213 18446744073709551615"), sends(sending(4), "226 all")],
            Err(ErrorKind::Disconnected),
        ),
        ("more", vec![size("213 3"), sends(sending(4), "226 all")], Err(ErrorKind::Corrupted)),
        (
            "something of nothing",
            vec![size("213 0"), sends(sending(4), "226 all")],
            Err(ErrorKind::Corrupted),
        ),
        (
            "something without an end",
            vec![size("213 4"), sends(endless(), "226 all")],
            Err(ErrorKind::Corrupted),
        ),
        ("a negative size", vec![size("213 -4"), sends(sending(4), "226 all")], Err(ErrorKind::Protocol)),
        ("a signed size", vec![size("213 +4"), sends(sending(4), "226 all")], Err(ErrorKind::Protocol)),
        ("a size beyond all", vec![size("213 18446744073709551616")], Err(ErrorKind::Protocol)),
        ("two sizes", vec![size("213 4 4")], Err(ErrorKind::Protocol)),
        ("a size in words", vec![size("213 four")], Err(ErrorKind::Protocol)),
        ("no size", vec![size("213")], Err(ErrorKind::Protocol)),
        ("no file", vec![size("550 no")], Err(ErrorKind::NotFound)),
        ("a size for 250", vec![size("250 4")], Err(ErrorKind::Protocol)),
        (
            "a success that is none",
            vec![size("213 4"), sends(sending(4), "426 broken off")],
            Err(ErrorKind::Disconnected),
        ),
        (
            "a success that is a fault",
            vec![size("213 4"), sends(sending(4), "451 a fault")],
            Err(ErrorKind::HostFault),
        ),
        (
            "nothing but the word",
            vec![size("213 4"), ("FTP RETR", reply("226 all"))],
            Err(ErrorKind::Disconnected),
        ),
        (
            "no word",
            vec![size("213 4"), ("FTP RETR", transfer([sending(4), Step::End, Step::Hold], ""))],
            Err(ErrorKind::Timeout),
        ),
        (
            "no end",
            vec![size("213 4"), ("FTP RETR", transfer([sending(2), Step::Hold], ""))],
            Err(ErrorKind::Timeout),
        ),
        (
            "the end of all",
            vec![size("213 4"), ("FTP RETR", transfer([sending(4), Step::Close], ""))],
            Err(ErrorKind::Disconnected),
        ),
        (
            "a reset of all",
            vec![size("213 4"), ("FTP RETR", transfer([sending(4), Step::Reset], ""))],
            Err(ErrorKind::Disconnected),
        ),
    ];
    for (name, rules, expected) in rows {
        let printer = answering(rules).await;
        let begun = Instant::now();
        let result = measured(name, &printer, Call::Download).await;
        assert_eq!(result.map_err(|error| error.kind()), expected, "{name}");
        assert!(begun.elapsed() < Duration::from_secs(120), "{name}: {:?}", begun.elapsed());
    }
}

/// Eleven bytes are sent in the place of a file of four. Whatever is said of it: the file has its name only when all of
/// them are there, and else the older one still has it.
#[tokio::test(start_paused = true)]
async fn upload_counts_as_whole_only_when_it_is() {
    let _alone = alone().await;
    let stores = |kept: Option<u64>, word: &str| transfer([Step::Receive(kept)], word);
    let silent = |kept: Option<u64>| {
        let mut steps = stores(kept, "");
        steps.pop();
        steps
    };
    let whole = Ok(());
    let rows: Rows<&[ErrorKind]> = vec![
        ("what is right", vec![], whole),
        ("a cut file", vec![("FTP STOR", stores(Some(5), "226 stored"))], Err(&[ErrorKind::Corrupted])),
        ("nothing of it", vec![("FTP STOR", stores(Some(0), "226 stored"))], Err(&[ErrorKind::Corrupted])),
        (
            "a cut file, as it says",
            vec![("FTP STOR", stores(Some(5), "426 broken off"))],
            Err(&[ErrorKind::Corrupted]),
        ),
        ("a whole file that it calls broken off", vec![("FTP STOR", stores(None, "426 broken off"))], whole),
        ("a whole file, and no word", vec![("FTP STOR", silent(None))], whole),
        ("a cut file, and no word", vec![("FTP STOR", silent(Some(5)))], Err(&[ErrorKind::Corrupted])),
        (
            "a whole file, and no word any more on that connection",
            vec![("FTP STOR", [silent(None), vec![Step::Hold]].concat())],
            whole,
        ),
        ("a full card", vec![("FTP STOR", stores(Some(5), "552 full"))], Err(&[ErrorKind::StorageFull])),
        ("a full card at once", vec![("FTP STOR", reply("552 full"))], Err(&[ErrorKind::StorageFull])),
        ("a name that it does not take", vec![("FTP STOR", reply("553 no"))], Err(&[ErrorKind::Conflict])),
        ("stored before it was sent", vec![("FTP STOR", reply("226 stored"))], Err(&[ErrorKind::Protocol])),
        (
            "stored before it was read",
            vec![(
                "FTP STOR",
                [
                    reply("150 go"),
                    reply("226 stored"),
                    vec![Step::Accept, Step::Encrypt, Step::Receive(Some(0)), Step::End],
                ]
                .concat(),
            )],
            Err(&[ErrorKind::Protocol, ErrorKind::Corrupted]),
        ),
        (
            "the end of the data connection",
            vec![(
                "FTP STOR",
                [reply("150 go"), vec![Step::Accept, Step::Encrypt, Step::End], reply("426 broken off")]
                    .concat(),
            )],
            Err(&[ErrorKind::Disconnected, ErrorKind::Corrupted, ErrorKind::Unconfirmed]),
        ),
        (
            "the end of all",
            vec![("FTP STOR", transfer([Step::Receive(Some(5)), Step::Close], ""))],
            Err(&[ErrorKind::Corrupted]),
        ),
        ("no word of the rename", vec![("FTP RNTO", vec![Step::Close])], Err(&[ErrorKind::Unconfirmed])),
    ];
    for (name, rules, expected) in rows {
        let printer = answering(rules).await;
        let begun = Instant::now();
        let result = measured(name, &printer, Call::Upload).await;
        match (&result, expected) {
            (Ok(()), Ok(())) => assert_eq!(printer.file("/x.gcode"), Some(11), "{name}"),
            (Err(error), Err(kinds)) => {
                assert!(kinds.contains(&error.kind()), "{name}: {error:?}");
                assert_eq!(printer.file("/x.gcode"), Some(4), "{name}");
            }
            _ => panic!("{name}: {result:?}"),
        }
        assert!(begun.elapsed() < Duration::from_secs(400), "{name}: {:?}", begun.elapsed());
        assert_eq!(printer.times("FTP STOR"), 1, "{name}");
    }
}

/// The older one is in the way, as some printers say it that will not rename over a file: then the new one is whole and
/// found under its other name.
#[tokio::test(start_paused = true)]
async fn file_that_gets_no_name_is_there_under_the_other_one_and_the_error_says_so() {
    let _alone = alone().await;
    let printer = answering(vec![("FTP RNTO", reply("550 no"))]).await;
    let error = fails("no rename", &printer, Call::Upload).await;
    let said = error.detail().unwrap();
    assert!(said.contains("the older file is deleted") && said.contains("x.gcode.part"), "{error}");
    assert_eq!((printer.file("/x.gcode"), printer.file("/x.gcode.part")), (None, Some(11)));
}

/// Nobody can say then what became of it; and that it has its name is not so.
#[tokio::test(start_paused = true)]
async fn upload_after_which_the_printer_says_nothing_any_more_is_unconfirmed() {
    let _alone = alone().await;
    let silent = AtomicBool::new(false);
    let printer = Printer::start(Scene::Idle, move |told| {
        if told.is_command("FTP STOR") {
            silent.store(true, Relaxed);
            let mut steps = transfer([Step::Receive(None), Step::End, Step::Hold], "");
            steps.pop();
            return Some(steps);
        }
        (silent.load(Relaxed) && told.is("FTP")).then(|| vec![Step::Hold])
    })
    .await;
    let begun = Instant::now();
    let error = fails("silence", &printer, Call::Upload).await;
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unconfirmed, Retry::ReadFirst), "{error}");
    // Two minutes for the word, one for the size, and one for another connection.
    assert!(begun.elapsed() < Duration::from_secs(250), "{:?}", begun.elapsed());
    assert_eq!(printer.file("/x.gcode"), Some(4));
}

/// Sizes that change from one question to the next.
#[tokio::test(start_paused = true)]
async fn size_of_what_was_stored_is_not_made_up() {
    let _alone = alone().await;
    for (text, kinds) in [
        ("213 12", &[ErrorKind::Corrupted][..]),
        ("213 0", &[ErrorKind::Corrupted]),
        ("213 18446744073709551615", &[ErrorKind::Corrupted]),
        ("213 -11", &[ErrorKind::Protocol]),
        ("213 eleven", &[ErrorKind::Protocol]),
        ("550 no such file", &[ErrorKind::Corrupted]),
        ("421 bye", &[ErrorKind::Disconnected, ErrorKind::Unconfirmed, ErrorKind::Protocol]),
    ] {
        let printer = Printer::start(Scene::Idle, move |told| {
            (told.line == "FTP SIZE /x.gcode.part").then(|| reply(text))
        })
        .await;
        let error = fails(text, &printer, Call::Upload).await;
        assert!(kinds.contains(&error.kind()), "{text}: {error:?}");
        assert_eq!(printer.file("/x.gcode"), Some(4), "{text}");
        assert_eq!(printer.times("FTP RNTO"), 0, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn data_connection_that_is_none_is_a_typed_error() {
    let _alone = alone().await;
    let list = |steps: Vec<Step>| vec![("FTP LIST", [reply("150 it begins"), steps].concat())];
    let pasv = |text: &str| vec![("FTP PASV", reply(text))];
    let rows: Vec<(&str, Rules, &[ErrorKind])> = vec![
        ("no port", pasv("227 here"), &[ErrorKind::Protocol]),
        ("port 0", pasv("227 here (127,0,0,1,0,0)"), &[ErrorKind::Protocol]),
        ("a port beyond all", pasv("227 here (127,0,0,1,256,1)"), &[ErrorKind::Protocol]),
        ("half a port", pasv("227 here (127,0,0,1,7)"), &[ErrorKind::Protocol]),
        ("a port that is closed", pasv("227 here (127,0,0,1,0,1)"), &[ErrorKind::Unreachable]),
        ("an answer to something else", pasv("229 here (|||7777|)"), &[ErrorKind::Unreachable]),
        (
            "no mode at all",
            vec![("FTP PASV", reply("500 no")), ("FTP EPSV", reply("500 no"))],
            &[ErrorKind::Unsupported],
        ),
        ("no word", vec![("FTP LIST", vec![Step::Hold])], &[ErrorKind::Timeout]),
        ("no handshake", list(vec![Step::Accept, Step::Hold]), &[ErrorKind::Timeout]),
        ("nobody there", list(vec![Step::Hold]), &[ErrorKind::Timeout]),
        (
            "plain text",
            list(vec![
                Step::Accept,
                Step::Send(b"-rw-rw-rw- 1 r r 4 Jan 01 00:00 x\r\n".into(), 9),
                Step::Hold,
            ]),
            &[ErrorKind::Protocol],
        ),
        (
            "the end instead of a handshake",
            list(vec![Step::Accept, Step::End, Step::Hold]),
            &[ErrorKind::Unreachable, ErrorKind::Disconnected],
        ),
        (
            "another key",
            list(vec![Step::Accept, Step::EncryptAsAnother, Step::Hold]),
            &[ErrorKind::PinMismatch],
        ),
        ("no connection", vec![("FTP LIST", reply("425 no"))], &[ErrorKind::Busy]),
        (
            "another session",
            vec![("FTP LIST", reply("522 session reuse required"))],
            &[ErrorKind::Unsupported],
        ),
    ];
    for (name, rules, kinds) in rows {
        let printer = answering(rules).await;
        let begun = Instant::now();
        let error = fails(name, &printer, Call::Files).await;
        assert!(kinds.contains(&error.kind()), "{name}: {error:?}");
        assert!(begun.elapsed() < Duration::from_secs(80), "{name}: {:?}", begun.elapsed());
    }
}

/// A printer cannot send us anywhere.
#[tokio::test(start_paused = true)]
async fn address_of_a_data_connection_is_the_printer_s_own_whatever_it_says() {
    let _alone = alone().await;
    let elsewhere = TcpListener::bind(("127.0.0.2", 0)).await.unwrap();
    let port = elsewhere.local_addr().unwrap().port();
    let there = reply(&format!("227 there (127,0,0,2,{},{})", port >> 8, port & 0xff));
    let printer = answering(vec![("FTP PASV", there)]).await;
    let error = fails("elsewhere", &printer, Call::Files).await;
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    let nobody = tokio::time::timeout(Duration::from_secs(1), elsewhere.accept()).await;
    assert!(nobody.is_err(), "{nobody:?}");
    // The control: with any address, and its own port.
    let printer = Printer::start(Scene::Idle, |told| {
        let (high, low) = (told.data >> 8, told.data & 0xff);
        told.is_command("FTP PASV").then(|| reply(&format!("227 there (10,255,255,1,{high},{low})")))
    })
    .await;
    assert_eq!(measured("its own port", &printer, Call::Files).await, Ok(()));
}
