//! What the MQTT client takes of the heap, counted by the allocator: alone here, since it counts for everybody.

use std::{
    convert::Infallible,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use embedded_io_async::{ErrorType, Read, Write};
use peak_alloc::PeakAlloc;
use printhost_core::{Clock, Result, Secret};
use printhost_net::{
    Conn, Dial, Http1, Limits, Origin, Parts,
    mqtt::{Login, Message, Options, Outbox, connect, memory},
};
use printhost_net_tokio::OsEntropy;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const LARGE: usize = 10 << 20;
const SMALL: usize = 300;
const MANY: usize = 100_000;
const REPORT: &str = "device/01P00A000000000/report";
const REQUEST: &str = "device/01P00A000000000/request";
const CLIENT: &str = "printhost-1";
const USER: &str = "bblp";
const PASSWORD: &str = "12345678";
/// Of an error's detail, and of what the operating system gives on first use.
const BESIDE: usize = 512;

#[test]
fn message_of_10_mb_and_any_number_of_small_ones_take_what_is_declared() {
    let parts = Parts::new(Endless, Http1::HOST, NoTime, OsEntropy::default(), Limits::DEVICE);
    let password = Secret::new(PASSWORD);
    let login = Login::new(CLIENT, USER, &password);
    let origin = Origin::http("printer", 8883);
    let outbox = Outbox::new();
    let text = "t".repeat(1000);
    let declared = memory(CLIENT.len() + USER.len() + PASSWORD.len(), REQUEST.len(), text.len());
    outbox.try_send(text).unwrap();

    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let (mut bytes, mut messages, mut steady) = (0, 0, 0);
    to_its_end(async {
        let client = connect(&parts, &origin, &login, REPORT, Options::new(LARGE)).await.unwrap();
        let end = client.run(&parts, REQUEST, &outbox, |message| {
            match message {
                Message::Piece(piece) => bytes += piece.len(),
                Message::End => {
                    messages += 1;
                    if messages == 2 {
                        // From here on nothing is new.
                        steady = HEAP.current_usage();
                        assert!(HEAP.peak_usage() - before <= declared + BESIDE);
                        HEAP.reset_peak_usage();
                    } else if messages == MANY {
                        assert_eq!(HEAP.peak_usage(), steady, "something is allocated per message");
                    }
                }
                _ => {}
            }
            Ok(())
        });
        end.await.unwrap_err();
    });
    assert!(outbox.is_empty());
    assert_eq!((messages, bytes), (MANY, LARGE + (MANY - 1) * SMALL));
    assert_eq!(HEAP.current_usage().saturating_sub(before), 0, "everything is freed again");
}

/// Nothing here waits for long.
fn to_its_end(future: impl Future<Output = ()>) {
    let mut future = pin!(future);
    while future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {}
}

/// A host that logs in whoever comes, and says all that there is to say.
struct Endless;

impl Dial for Endless {
    type Conn = Talker;

    async fn dial(&self, _: &Origin) -> Result<Talker> {
        Ok(Talker { at: 0, within: 0, waited: false })
    }
}

/// Which packet it is at, and where in it. Two answers, one large message, small ones.
struct Talker {
    at: usize,
    within: usize,
    /// Before the first message, so that there is time to write.
    waited: bool,
}

impl Talker {
    fn head(&self) -> ([u8; 8], usize, usize) {
        match self.at {
            0 => ([0x20, 2, 0, 0, 0, 0, 0, 0], 4, 0),
            1 => ([0x90, 3, 0, 1, 0, 0, 0, 0], 5, 0),
            2 => {
                let len = LARGE + 3;
                let length = [0, 7, 14, 21].map(|shift| (len >> shift & 0x7f) as u8 | 0x80);
                ([0x30, length[0], length[1], length[2], length[3] & 0x7f, 0, 1, b't'], 8, LARGE)
            }
            _ => {
                let len = SMALL + 3;
                ([0x30, (len & 0x7f) as u8 | 0x80, (len >> 7) as u8, 0, 1, b't', 0, 0], 6, SMALL)
            }
        }
    }
}

impl ErrorType for Talker {
    type Error = Infallible;
}

impl Read for Talker {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        if self.at == 2 && !std::mem::replace(&mut self.waited, true) {
            let mut polled = false;
            std::future::poll_fn(|_| match std::mem::replace(&mut polled, true) {
                false => Poll::Pending,
                true => Poll::Ready(()),
            })
            .await;
        }
        let mut filled = 0;
        // What answers a question comes alone.
        let end = if self.at < 2 { self.at + 1 } else { MANY + 2 };
        while filled < buf.len() && self.at < end {
            let (head, head_len, len) = self.head();
            buf[filled] = if self.within < head_len { head[self.within] } else { b'x' };
            filled += 1;
            self.within += 1;
            if self.within == head_len + len {
                (self.at, self.within) = (self.at + 1, 0);
            }
        }
        Ok(filled)
    }
}

impl Write for Talker {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        Ok(buf.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Conn for Talker {
    type Reader<'a> = &'a mut Self;
    type Writer<'a> = Quiet;

    async fn split(&mut self) -> Result<(&mut Self, Quiet), Infallible> {
        Ok((self, Quiet))
    }

    fn is_quiet(&mut self) -> bool {
        false
    }
}

/// Takes whatever is written.
struct Quiet;

impl ErrorType for Quiet {
    type Error = Infallible;
}

impl Write for Quiet {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        Ok(buf.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// A clock that stands still.
struct NoTime;

impl Clock for NoTime {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {
        std::future::pending().await
    }
}
