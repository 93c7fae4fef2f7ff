//! A link in memory, as slow as wanted in virtual time, with a scripted OctoPrint at its end.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use embedded_io_async::{ErrorType, Read, Write};
use printhost::{
    AnyHost, Result,
    net::{Conn, Dial, HttpBackend, Limits, Origin, Parts},
    net_tokio::{FromTokio, OsEntropy, TokioClock},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader, DuplexStream, ReadBuf},
    task::AbortHandle,
    time::{Instant, sleep, sleep_until},
};

use super::harness;
use crate::server::{Answer, Heard, talk};

/// How much the link holds at each of its ends.
const HELD: usize = 16 << 10;

type Script = dyn Fn(&Heard<'_>) -> Option<Answer> + Send + Sync;

/// How the link carries what is sent to the printer. What comes back is never held up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Link {
    /// Bytes per second; 0 is as fast as it goes.
    pub(crate) speed: u64,
    /// Carries nothing more after so many bytes of one connection.
    pub(crate) stops_after: Option<u64>,
    /// After every so many bytes it carries nothing for this long.
    pub(crate) pauses: Option<(u64, Duration)>,
}

/// Everything a driver needs, over the link.
pub(crate) type LinkNet<H> = Parts<LinkDial, H, TokioClock, OsEntropy>;

/// A network of one link; whatever is dialled is the server that the script describes.
pub(crate) fn net<H: HttpBackend<LinkConn>>(
    http: H,
    link: Link,
    script: impl Fn(&Heard<'_>) -> Option<Answer> + Send + Sync + 'static,
) -> LinkNet<H> {
    let dial = LinkDial { link, script: Arc::new(script), carried: Arc::default(), tasks: Mutex::default() };
    Parts::new(dial, http, TokioClock::default(), OsEntropy::default(), Limits::HOST)
}

/// The printer at the end of the link.
pub(crate) fn host<H: HttpBackend<LinkConn>>(net: &LinkNet<H>) -> AnyHost<&LinkNet<H>> {
    harness::host(net, "octoprint://printer")
}

/// Opens connections over the link.
pub(crate) struct LinkDial {
    link: Link,
    script: Arc<Script>,
    carried: Arc<AtomicU64>,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl LinkDial {
    /// How many bytes have been carried to the printer.
    pub(crate) fn carried(&self) -> u64 {
        self.carried.load(Relaxed)
    }
}

impl Drop for LinkDial {
    fn drop(&mut self) {
        self.tasks.lock().unwrap().iter().for_each(AbortHandle::abort);
    }
}

impl Dial for LinkDial {
    type Conn = LinkConn;

    async fn dial(&self, _: &Origin) -> Result<LinkConn> {
        let (here, near) = tokio::io::duplex(HELD);
        let (far, there) = tokio::io::duplex(HELD);
        let carrying = tokio::spawn(carry(self.link, near, far, self.carried.clone()));
        let script = self.script.clone();
        let serving = tokio::spawn(async move {
            let (mut reader, mut writer) = tokio::io::split(there);
            talk(&mut reader, &mut writer, Vec::new(), &*script, &Mutex::default()).await
        });
        self.tasks.lock().unwrap().extend([carrying.abort_handle(), serving.abort_handle()]);
        Ok(LinkConn(BufReader::new(here)))
    }
}

async fn carry(link: Link, near: DuplexStream, far: DuplexStream, carried: Arc<AtomicU64>) {
    let (mut from_client, mut to_client) = tokio::io::split(near);
    let (mut from_server, mut to_server) = tokio::io::split(far);
    let up = async {
        // A tenth of a second's worth at a time.
        let mut piece = vec![0; if link.speed == 0 { HELD } else { (link.speed / 10) as usize }];
        let (mut sum, mut free) = (0, Instant::now());
        loop {
            if link.stops_after.is_some_and(|most| sum >= most) {
                std::future::pending::<()>().await;
            }
            let n = from_client.read(&mut piece).await.unwrap_or(0);
            if n == 0 {
                break;
            }
            if link.speed > 0 {
                free = free.max(Instant::now()) + Duration::from_secs_f64(n as f64 / link.speed as f64);
                sleep_until(free).await;
            }
            if let Some((every, pause)) = link.pauses
                && sum / every != (sum + n as u64) / every
            {
                sleep(pause).await;
            }
            sum += n as u64;
            carried.fetch_add(n as u64, Relaxed);
            if to_server.write_all(&piece[..n]).await.is_err() {
                break;
            }
        }
        let _ = to_server.shutdown().await;
    };
    let down = async {
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
        let _ = to_client.shutdown().await;
    };
    tokio::join!(up, down);
}

/// The driver's end of a connection.
pub(crate) struct LinkConn(BufReader<DuplexStream>);

type Stream = BufReader<DuplexStream>;

impl Conn for LinkConn {
    type Reader<'a> = FromTokio<tokio::io::ReadHalf<&'a mut Stream>>;
    type Writer<'a> = FromTokio<tokio::io::WriteHalf<&'a mut Stream>>;

    async fn split(&mut self) -> io::Result<(Self::Reader<'_>, Self::Writer<'_>)> {
        let (reader, writer) = tokio::io::split(&mut self.0);
        Ok((FromTokio::new(reader), FromTokio::new(writer)))
    }

    fn is_quiet(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        tokio::io::AsyncBufRead::poll_fill_buf(Pin::new(&mut self.0), &mut cx).is_pending()
    }
}

impl ErrorType for LinkConn {
    type Error = io::Error;
}

impl Read for LinkConn {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf).await
    }
}

impl Write for LinkConn {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.0.flush().await
    }
}

impl AsyncRead for LinkConn {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for LinkConn {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
