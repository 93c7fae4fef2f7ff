//! Hostile listings: no name leads anywhere else or to a terminal's controls, and none is too long to be read.

use std::time::Duration;

use printhost::{ErrorKind, FilePage, Page, PrintHost as _, Result};
use tokio::time::Instant;

use super::{
    super::harness::{Scene, alone, decent, limits},
    harness::{MEMORY, PATIENCE, host, peak},
    printer::{Printer, Step, transfer},
};

const GOOD: &str = "-rw-rw-rw-   1 root  root  7 Jan 01 00:00 good.gcode\r\n";

fn named(name: &[u8]) -> Vec<u8> {
    [b"-rw-rw-rw-   1 root  root  4 Jan 01 00:00 ", name, b"\r\n"].concat()
}

/// What is listed, of a page, when the printer sends this.
async fn listed(sends: Vec<Step>, page: Page) -> (Result<FilePage>, usize) {
    let printer = Printer::start(Scene::Idle, move |told| {
        told.is_command("FTP LIST").then(|| transfer(sends.clone(), "226 all"))
    })
    .await;
    let host = host(&printer);
    let begun = Instant::now();
    let (listed, peak) = peak(host.files("", page)).await;
    assert!(begun.elapsed() < PATIENCE / 4, "{:?}", begun.elapsed());
    if let Err(error) = &listed {
        decent("a listing", error);
    }
    (listed, peak)
}

#[tokio::test(start_paused = true)]
async fn names_that_are_none_are_passed_over_and_the_others_listed() {
    let _alone = alone().await;
    let long = vec![b'x'; 100 << 10];
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("the folder above", named(b"../x.gcode")),
        ("the folder itself", named(b".")),
        ("what is above", named(b"..")),
        ("another place", named(b"/etc/passwd")),
        ("another folder", named(b"a/b.gcode")),
        ("another system's folder", named(b"..\\..\\x.gcode")),
        ("controls of a terminal", named(b"\x1b[2J\x1b]0;x\x07.gcode")),
        ("a NUL", named(b"x\0.gcode")),
        ("a tab", named(b"x\ty")),
        ("a line in a line", named(b"x\ry.gcode")),
        ("another direction", named("x\u{85}y".as_bytes())),
        ("not UTF-8", named(b"\xff\xfe.gcode")),
        ("256 bytes", named(&long[..256])),
        ("100 KB", named(&long)),
        ("nothing", named(b"")),
        ("what is not whole", named(b"x.gcode.part")),
        ("a negative size", b"-rw-rw-rw- 1 root root -4 Jan 01 00:00 x.gcode\r\n".to_vec()),
        (
            "a size beyond all",
            b"-rw-rw-rw- 1 root root 18446744073709551616 Jan 01 00:00 x.gcode\r\n".to_vec(),
        ),
        ("a size in words", b"-rw-rw-rw- 1 root root four Jan 01 00:00 x.gcode\r\n".to_vec()),
        ("a month of tomorrow", b"-rw-rw-rw- 1 root root 4 Foo 01 00:00 x.gcode\r\n".to_vec()),
        ("a day beyond all", b"-rw-rw-rw- 1 root root 4 Jan 99 00:00 x.gcode\r\n".to_vec()),
        ("a link to elsewhere", b"lrwxrwxrwx 1 root root 4 Jan 01 00:00 x -> ../../etc/passwd\r\n".to_vec()),
        ("a link of a bad name", b"lrwxrwxrwx 1 root root 4 Jan 01 00:00 ../x -> y\r\n".to_vec()),
        ("a socket", b"srwxrwxrwx 1 root root 4 Jan 01 00:00 x\r\n".to_vec()),
        ("another format", b"01-01-26 12:00AM <DIR> x\r\n".to_vec()),
        ("HTML", b"<a href=\"x\">x</a>\r\n".to_vec()),
        ("empty lines", b"\r\n\n\n\r\n".to_vec()),
        ("a sum", b"total 99999999999999999999\r\n".to_vec()),
    ];
    for (name, line) in rows {
        // Whole, and as a small printer sends it.
        let bytes = [&line[..], GOOD.as_bytes()].concat();
        let whole = vec![Step::Send(bytes.clone().into(), 1)];
        let pieces = bytes.chunks(bytes.len() / 7 + 1).map(|piece| Step::Send(piece.to_vec().into(), 1));
        for sends in [whole, pieces.collect()] {
            let (page, peak) = listed(sends, Page::first(10)).await;
            let page = page.unwrap_or_else(|error| panic!("{name}: {error:?}"));
            let paths: Vec<_> = page.entries.iter().map(|entry| entry.path.as_str()).collect();
            assert_eq!((paths, page.more), (vec!["good.gcode"], false), "{name}");
            assert!(peak <= MEMORY, "{name}: {peak} bytes");
        }
    }
    // The control: what is a name is listed.
    for name in ["a", "x y.gcode", " x", "ü.gcode", "-x", &"x".repeat(255)] {
        let sends = vec![Step::Send([&named(name.as_bytes()), GOOD.as_bytes()].concat().into(), 1)];
        let page = listed(sends, Page::first(10)).await.0.unwrap();
        assert_eq!(page.entries[0].path, name);
        assert_eq!((page.entries.len(), page.entries[0].size), (2, Some(4)));
    }
}

/// As much as is asked for of a folder of any size; and a folder that is too large for the rest is told as such.
#[tokio::test(start_paused = true)]
async fn listing_without_an_end_is_read_as_far_as_it_is_wanted_or_refused() {
    let _alone = alone().await;
    let lines = || Step::Send(named(b"x.gcode").repeat(100).into(), 10_000);
    let page_at = |offset| {
        let mut page = Page::first(10);
        page.offset = offset;
        page
    };
    let (page, peak) = listed(vec![lines()], Page::first(10)).await;
    let page = page.unwrap();
    assert_eq!((page.entries.len(), page.more), (10, true));
    assert!(peak <= MEMORY, "{peak} bytes");
    for (name, sends) in [
        ("a million files", lines()),
        ("a million empty lines", Step::Send(b"\r\n".repeat(500).into(), 2000)),
        ("a million lines of nothing", Step::Send(b"total 0\r\n".repeat(100).into(), 10_000)),
        ("a line that never ends", Step::Send(vec![b'x'; 1 << 14].into(), 1 << 12)),
        ("a name that never ends", Step::Send(vec![b'x'; 1 << 14].into(), 1 << 12)),
    ] {
        let begin = Step::Send(named(b"y.gcode")[..44].to_vec().into(), 1);
        let steps = if name.starts_with("a name") { vec![begin, sends] } else { vec![sends] };
        let (page, peak) = listed(steps, page_at(500_000)).await;
        let error = page.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{name}: {error:?}");
        assert!(peak <= MEMORY, "{name}: {peak} bytes");
    }
}

fn slowly(text: &str, piece: usize, millis: u64) -> Step {
    Step::Drip(text.as_bytes().to_vec().into(), piece, Duration::from_millis(millis))
}

/// For longer than any silence may last.
#[tokio::test(start_paused = true)]
async fn listing_that_comes_slowly_and_steadily_is_read_to_its_end() {
    let _alone = alone().await;
    let begun = Instant::now();
    let sends = vec![slowly(&GOOD.repeat(3000), 512, 250)];
    let page = listed(sends, Page::first(10_000)).await.0.unwrap();
    assert_eq!((page.entries.len(), page.more), (3000, false));
    assert!(begun.elapsed() > 2 * limits().stall, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn listing_that_breaks_off_or_hardly_comes_is_an_error() {
    let _alone = alone().await;
    let good = || Step::Send(GOOD.as_bytes().into(), 1);
    for (name, sends, kinds) in [
        ("silence", vec![good(), Step::Hold], &[ErrorKind::Timeout][..]),
        ("a byte now and then", vec![slowly(GOOD, 1, 20_000)], &[ErrorKind::Timeout]),
        ("a line now and then", vec![slowly(&GOOD.repeat(99), GOOD.len(), 20_000)], &[ErrorKind::Timeout]),
        ("half of the least pace", vec![slowly(&GOOD.repeat(9000), 128, 250)], &[ErrorKind::Timeout]),
        ("no word", vec![good(), Step::End, Step::Hold], &[ErrorKind::Timeout]),
        ("the end of all", vec![good(), Step::Close], &[ErrorKind::Disconnected]),
        ("a reset of all", vec![good(), Step::Reset], &[ErrorKind::Disconnected]),
    ] {
        let error = listed(sends, Page::first(10_000)).await.0.expect_err(name);
        assert!(kinds.contains(&error.kind()), "{name}: {error:?}");
    }
}
