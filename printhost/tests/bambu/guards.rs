//! What moves, and what takes a file away, looks at what is under way at that moment.

use std::{cell::Cell, convert::Infallible, future::poll_fn, task::Poll, time::Duration};

use printhost::{
    Axes, Command, ErrorKind, Outcome, PrintHost as _, Retry, Upload, bambu::Bambu, net::Limits,
};
use printhost_sim::{BambuConfig, BambuModel, BambuSim, bambu::three_mf};

use super::harness::{config, gcode, host, net_within, on, sim, told};

/// What is on its way as long as this lasts.
struct Slow<'a> {
    left: usize,
    may_end: &'a Cell<bool>,
}

impl embedded_io_async::ErrorType for Slow<'_> {
    type Error = Infallible;
}

impl embedded_io_async::Read for Slow<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        while self.left < 50_000 && !self.may_end.get() {
            tokio::task::yield_now().await;
        }
        let n = buf.len().min(self.left).min(10_000);
        self.left -= n;
        Ok(n)
    }
}

async fn yield_until(mut is: impl FnMut() -> bool) {
    while !is() {
        tokio::task::yield_now().await;
    }
}

/// There is one connection for files, and who waits for it may wait for long.
#[tokio::test]
async fn file_whose_print_began_while_a_call_waited_for_its_turn_is_left_alone() {
    let sim = sim(BambuModel::P1s).await;
    let host = host(&sim);
    let (old, len) = (three_mf(&gcode(2000)), 100_000);
    on(&host, async {
        host.connect().await.unwrap();
        for call in ["delete", "move", "replace"] {
            sim.reset();
            sim.put_file("old.gcode.3mf", &old);
            let may_end = Cell::new(false);
            let mut body = Slow { left: len, may_end: &may_end };
            let first = host.upload(Upload::new("first.gcode.3mf", len as u64, &mut body));
            let before = sim.bytes_received();
            let second = async {
                yield_until(|| sim.bytes_received() > before).await;
                let error = match call {
                    "delete" => host.delete("old.gcode.3mf").await.unwrap_err(),
                    "move" => host.move_file("old.gcode.3mf", "new.gcode.3mf").await.unwrap_err(),
                    _ => {
                        let mut body = old.as_slice();
                        let upload = Upload::new("old.gcode.3mf", old.len() as u64, &mut body).replacing();
                        host.upload(upload).await.unwrap_err()
                    }
                };
                assert_eq!(error.kind(), ErrorKind::Conflict, "{call}: {error}");
            };
            let asked = |sim: &BambuSim| told(sim, "info").len();
            let begin = async {
                yield_until(|| sim.bytes_received() > before).await;
                let questions = asked(&sim);
                yield_until(|| asked(&sim) > questions).await;
                // It has seen that nothing is printed, once it has this answer.
                host.connect().await.unwrap();
                assert!(sim.start_print("old.gcode.3mf"));
                yield_until(|| sim.state_text() == "RUNNING").await;
                may_end.set(true);
            };
            let (stored, (), ()) = tokio::join!(first, second, begin);
            stored.unwrap();
            let files = sim.files();
            let kept = files.iter().find(|file| file.path == "old.gcode.3mf");
            assert_eq!(kept.map(|file| file.size), Some(old.len() as u64), "{call}: {files:?}");
        }
    })
    .await;
}

/// What changes is told seldom, and everything when it is asked for.
#[tokio::test]
async fn job_that_was_begun_at_the_screen_a_moment_ago_is_not_moved_into_nor_loses_its_file() {
    let config = BambuConfig::new(BambuModel::P1s).report_every(Duration::from_secs(3600));
    let sim = BambuSim::start(config.time_scale(20.0)).await.unwrap();
    let host = host(&sim);
    sim.put_file("theirs.gcode.3mf", &three_mf(&gcode(2000)));
    on(&host, async {
        host.connect().await.unwrap();
        assert!(sim.start_print("theirs.gcode.3mf"));
        yield_until(|| matches!(sim.state_text(), "PREPARE" | "RUNNING")).await;
        let error = host.command(Command::Home(Axes::ALL)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    })
    .await;
    assert!(sim.gcode_lines().is_empty());
}

/// The printer has taken the order, and shows it a second later.
#[tokio::test]
async fn nothing_moves_nor_loses_its_file_between_a_start_and_its_begin() {
    let config = BambuConfig::new(BambuModel::P1s).report_every(Duration::from_millis(100));
    let sim = BambuSim::start(config).await.unwrap();
    let host = host(&sim);
    sim.put_file("a.gcode.3mf", &three_mf(&gcode(2000)));
    on(&host, async {
        host.connect().await.unwrap();
        let is_told = yield_until(|| !told(&sim, "print").is_empty());
        tokio::select! {
            begun = host.start("a.gcode.3mf") => panic!("{begun:?}"),
            () = is_told => {}
        }
        // Whoever has started it has gone.
        let error = host.delete("a.gcode.3mf").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        let error = host.command(Command::Home(Axes::ALL)).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Busy | ErrorKind::Conflict), "{error}");
    })
    .await;
    assert!(sim.gcode_lines().is_empty() && sim.files().iter().any(|file| file.path == "a.gcode.3mf"));
}

/// It asks for a spool, say, while it reads the file.
#[tokio::test]
async fn error_that_is_not_the_start_s_leaves_it_open_and_nothing_is_started_meanwhile() {
    let config = BambuConfig::new(BambuModel::P1s).report_every(Duration::from_millis(100));
    let sim = BambuSim::start(config).await.unwrap();
    let host = host(&sim);
    sim.put_file("a.gcode.3mf", &three_mf(&gcode(2000)));
    on(&host, async {
        host.connect().await.unwrap();
        let raise = async {
            yield_until(|| !told(&sim, "print").is_empty()).await;
            sim.set_error(0x0700_8011);
        };
        let (begun, ()) = tokio::join!(host.start("a.gcode.3mf"), raise);
        let error = begun.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unconfirmed, Retry::ReadFirst), "{error}");
        assert!(error.detail().unwrap().contains("0700_8011"), "{error}");
        let again = host.start("a.gcode.3mf").await.unwrap_err();
        assert!(matches!(again.kind(), ErrorKind::Busy | ErrorKind::Conflict), "{again}");
    })
    .await;
    assert_eq!(told(&sim, "print"), ["project_file"]);
}

/// A printer answers all that is asked of it with one answer.
#[tokio::test]
async fn however_many_ask_everybody_is_answered_and_a_print_can_be_stopped() {
    let sim = sim(BambuModel::P1s).await;
    let host = host(&sim);
    sim.put_file("theirs.gcode.3mf", &three_mf(&gcode(2000)));
    on(&host, async {
        host.connect().await.unwrap();
        assert!(sim.start_print("theirs.gcode.3mf"));
        while !host.status().await.unwrap().phase.has_job() {}
        let before = told(&sim, "info").len();
        let mut readers: Vec<_> = (0..30).map(|_| Box::pin(host.status())).collect();
        // Each has asked before any is answered.
        let all_ask =
            poll_fn(|cx| Poll::Ready(readers.iter_mut().any(|reader| reader.as_mut().poll(cx).is_ready())));
        assert!(!all_ask.await);
        let cancelled = async {
            let cancelled = host.command(Command::Cancel).await;
            for reader in readers {
                reader.await.unwrap();
            }
            cancelled
        };
        let cancelled = cancelled.await;
        assert_eq!(cancelled, Ok(Outcome::confirmed()));
        assert!(told(&sim, "info").len() - before < 30);
    })
    .await;
}

/// Whoever wants a file and does not take it keeps the only connection for files.
#[tokio::test]
async fn download_into_what_takes_nothing_ends_and_lets_others_go_on() {
    let sim = sim(BambuModel::P1s).await;
    let mut limits = Limits::HOST;
    limits.stall = Duration::from_secs(2);
    let host = Bambu::new(net_within(limits), config(&sim));
    sim.put_file("a.gcode.3mf", &vec![7; 300_000]);
    on(&host, async {
        let error = host.download("a.gcode.3mf", &mut Full).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Sink, "{error}");
        assert_eq!(host.file_info("a.gcode.3mf").await.unwrap().entry.size, Some(300_000));
    })
    .await;
}

struct Full;

impl embedded_io_async::ErrorType for Full {
    type Error = Infallible;
}

impl embedded_io_async::Write for Full {
    async fn write(&mut self, _: &[u8]) -> Result<usize, Infallible> {
        std::future::pending().await
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
