//! What a wrong or hostile printer replies to a command: a typed error, soon, in little memory.

use std::time::Duration;

use printhost::{ErrorKind, Retry};
use tokio::time::Instant;

use super::{
    super::harness::{Call, KEY, Scene, alone, limits},
    harness::{fails, measured},
    printer::{Answer, Printer, Step, reply, say},
};

/// Every command of these two calls at which a reply can go wrong, and that somebody has come.
const PLACES: [(Call, &[&str]); 2] = [
    (
        Call::Files,
        &[
            "FTP", "FTP USER", "FTP PASS", "FTP PBSZ", "FTP PROT", "FTP TYPE", "FTP CWD", "FTP PASV",
            "FTP LIST",
        ],
    ),
    (Call::Upload, &["FTP SIZE", "FTP RNFR", "FTP PASV", "FTP STOR"]),
];

async fn answering(place: &'static str, steps: Answer) -> Printer {
    Printer::start(Scene::Idle, move |told| told.is_command(place).then(|| steps.clone())).await
}

fn places() -> impl Iterator<Item = (Call, &'static str)> {
    PLACES.into_iter().flat_map(|(call, places)| places.iter().map(move |place| (call, *place)))
}

#[tokio::test(start_paused = true)]
async fn reply_that_is_none_is_a_typed_error_in_little_memory() {
    let _alone = alone().await;
    let forever = 10_000;
    let rows: Vec<(&str, Answer, ErrorKind)> = vec![
        ("no code", reply("hello"), ErrorKind::Protocol),
        ("a code that is none", reply("999 hello"), ErrorKind::Protocol),
        ("a code of two digits", reply("22 hello"), ErrorKind::Protocol),
        ("nothing in a line", reply(""), ErrorKind::Protocol),
        ("binary", say(vec![0; 99]), ErrorKind::Protocol),
        ("a page of the web", reply("HTTP/1.1 400 Bad Request"), ErrorKind::Protocol),
        (
            "a line that never ends",
            vec![Step::Repeat(b"220 x".repeat(1000).into(), forever)],
            ErrorKind::Protocol,
        ),
        (
            "lines that never end",
            vec![Step::Repeat(b"220-x\r\n".repeat(1000).into(), forever)],
            ErrorKind::Protocol,
        ),
        (
            "empty lines for ever",
            vec![Step::Repeat(b"220-\r\n\r\n\r\n".repeat(1000).into(), forever)],
            ErrorKind::Protocol,
        ),
        ("silence", vec![Step::Hold], ErrorKind::Timeout),
        ("a byte now and then", vec![Step::Trickle(b"2", Duration::from_secs(40))], ErrorKind::Timeout),
        (
            "a line now and then",
            vec![Step::Trickle(b"220-x\r\n", Duration::from_secs(20))],
            ErrorKind::Timeout,
        ),
        ("half a line", vec![Step::Say(b"220 read".into()), Step::Hold], ErrorKind::Timeout),
        (
            "half a line and the end",
            vec![Step::Say(b"220 read".into()), Step::Close],
            ErrorKind::Disconnected,
        ),
        ("the end", vec![Step::Close], ErrorKind::Disconnected),
        ("a reset", vec![Step::Reset], ErrorKind::Disconnected),
    ];
    for (name, steps, kind) in rows {
        for (call, place) in places() {
            let printer = answering(place, steps.clone()).await;
            let name = format!("{name} to {place}");
            let begun = Instant::now();
            let error = fails(&name, &printer, call).await;
            let kinds = match place {
                // Of what may have been sent, nobody knows.
                "FTP STOR" => vec![kind, ErrorKind::Unconfirmed],
                // It may come in the handshake.
                "FTP" if kind == ErrorKind::Disconnected => vec![kind, ErrorKind::Unreachable],
                _ => vec![kind],
            };
            assert!(kinds.contains(&error.kind()), "{name}: {error:?}");
            assert_eq!(error.operation(), call.operation(), "{name}");
            let took = begun.elapsed();
            assert!(took <= 3 * limits().answer, "{name}: {took:?}");
            assert_eq!(printer.file("/x.gcode"), Some(4), "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn refusal_is_told_as_what_it_means_wherever_it_comes() {
    let _alone = alone().await;
    for (call, place) in places() {
        for (text, kind) in [
            ("421 too many users", None),
            ("500 what?", None),
            ("530 not you", Some(ErrorKind::Unauthorized)),
            ("599 no", None),
            ("300 and?", None),
            ("100 wait", None),
        ] {
            let printer = answering(place, reply(text)).await;
            let name = format!("{text} to {place}");
            match (measured(&name, &printer, call).await, kind) {
                (Err(error), Some(kind)) if !["FTP PBSZ", "FTP RNFR", "FTP PASV"].contains(&place) => {
                    assert_eq!(error.kind(), kind, "{name}: {error:?}");
                }
                (Err(_), _) => {}
                // The answers to these may be anything, as long as what follows goes well.
                (Ok(()), _) => {
                    assert!(["FTP PBSZ", "FTP PASV", "FTP RNFR", "FTP SIZE"].contains(&place), "{name}")
                }
            }
        }
    }
    // The control: without any of it, both go well.
    for (call, _) in PLACES {
        let printer = Printer::start(Scene::Idle, |_| None).await;
        assert_eq!(measured("healthy", &printer, call).await, Ok(()), "{call:?}");
    }
}

/// At the login it is the code that is wrong, and it is tried once.
#[tokio::test(start_paused = true)]
async fn refused_code_is_tried_once_and_not_shown() {
    let _alone = alone().await;
    for place in ["FTP USER", "FTP PASS"] {
        for before in (0..24).chain(480..540) {
            let text = format!("530 {}{KEY} is wrong, {KEY}", "-".repeat(before));
            let printer = answering(place, reply(&text)).await;
            let error = fails(place, &printer, Call::Files).await;
            assert_eq!((error.kind(), error.retry()), (ErrorKind::Unauthorized, Retry::Never));
            assert_eq!(printer.times(place), 1);
        }
    }
    for (call, place) in places() {
        for times in [1, 5, 24, 26, 30] {
            let printer = answering(place, reply(&format!("550 {}", KEY.repeat(times)))).await;
            let _ = measured("the code again and again", &printer, call).await;
        }
    }
}
