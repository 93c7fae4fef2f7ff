//! The network of a computer, with what these servers need and what happens to connections.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use embedded_io_async::{ErrorType, Read, Write};
use printhost::{
    Result,
    net::{Conn, Dial, Http1, Limits, Origin, Parts, Scheme},
    net_tokio::{OsEntropy, ReadHalf, TokioClock, TokioConn, TokioDial, WriteHalf},
};
use rustls::crypto::ring;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

pub(crate) type Net = Parts<Front, Http1, TokioClock, OsEntropy>;

pub(crate) fn net(front: Front) -> Net {
    let mut limits = Limits::HOST;
    limits.stall = std::time::Duration::from_secs(5);
    // pure-ftpd thinks for five seconds about a wrong password.
    limits.answer = std::time::Duration::from_secs(20);
    limits.dial = std::time::Duration::from_secs(5);
    Parts::new(front, Http1::HOST, TokioClock::default(), OsEntropy::default(), limits)
}

/// When a connection is cut, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    /// The data connection, or else the control connection.
    pub(crate) data: bool,
    /// After so many bytes of the client's.
    pub(crate) after: u64,
    /// By a reset, or else by an orderly end.
    pub(crate) reset: bool,
}

pub(crate) struct Front {
    inner: Mutex<Arc<TokioDial>>,
    /// Speaks `AUTH TLS` first.
    is_explicit: bool,
    /// Begins every TLS session anew.
    forgets: bool,
    cut: Mutex<Option<Cut>>,
    /// Data connections are given up instead of encrypted.
    refuses: AtomicBool,
}

fn dial() -> Arc<TokioDial> {
    Arc::new(TokioDial::with_tls(Arc::new(ring::default_provider())))
}

impl Front {
    pub(crate) fn new(is_explicit: bool) -> Self {
        Self {
            inner: Mutex::new(dial()),
            is_explicit,
            forgets: false,
            cut: Mutex::default(),
            refuses: AtomicBool::new(false),
        }
    }

    pub(crate) fn that_forgets(is_explicit: bool) -> Self {
        Self { forgets: true, ..Self::new(is_explicit) }
    }

    pub(crate) fn refuse_handshakes(&self, refuses: bool) {
        self.refuses.store(refuses, Relaxed);
    }

    /// To the next connection of that kind.
    pub(crate) fn cut_next(&self, cut: Cut) {
        *self.cut.lock().unwrap() = Some(cut);
    }

    pub(crate) fn cut_none(&self) -> bool {
        self.cut.lock().unwrap().take().is_none()
    }

    fn inner(&self) -> Arc<TokioDial> {
        self.inner.lock().unwrap().clone()
    }

    /// The port, or that of a relay before it.
    async fn port(&self, to: &Origin) -> u16 {
        let is_data = to.scheme == Scheme::Http;
        let cut = {
            let mut planned = self.cut.lock().unwrap();
            if planned.is_some_and(|cut| cut.data == is_data) { planned.take() } else { None }
        };
        match cut {
            Some(cut) => relay(to.port, cut).await,
            None => to.port,
        }
    }
}

async fn relay(port: u16, cut: Cut) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let near = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        {
            let (mut from_client, mut to_client) = client.split();
            let (mut from_server, mut to_server) = server.split();
            let up = async {
                let _ = tokio::io::copy(&mut (&mut from_client).take(cut.after), &mut to_server).await;
            };
            let down = async {
                let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
                let _ = to_client.shutdown().await;
                std::future::pending::<()>().await
            };
            tokio::select! { () = up => {}, () = down => {} }
        }
        if cut.reset {
            let _ = (client.set_zero_linger(), server.set_zero_linger());
        }
    });
    near
}

impl Dial for Front {
    type Conn = FrontConn;

    async fn dial(&self, to: &Origin) -> Result<FrontConn> {
        let mut plain = Origin::http("127.0.0.1", self.port(to).await);
        plain.host.clone_from(&to.host);
        let mut conn = self.inner().dial(&plain).await?;
        if to.scheme == Scheme::Http {
            return Ok(FrontConn { inner: conn, greeting: b"" });
        }
        if !self.is_explicit {
            return Ok(FrontConn { inner: self.inner().secure(conn, to).await?, greeting: b"" });
        }
        let broke = |e: io::Error| {
            printhost::Error::new(printhost::ErrorKind::Disconnected, "connect").with_detail(e)
        };
        read_until(&mut conn, b"\n220 ").await.map_err(broke)?;
        Write::write_all(&mut conn, b"AUTH TLS\r\n").await.map_err(broke)?;
        read_until(&mut conn, b"234 ").await.map_err(broke)?;
        let inner = self.inner().secure(conn, to).await?;
        Ok(FrontConn { inner, greeting: b"220 after AUTH TLS\r\n" })
    }

    async fn secure(&self, conn: FrontConn, to: &Origin) -> Result<FrontConn> {
        if self.refuses.load(Relaxed) {
            return Err(printhost::Error::new(printhost::ErrorKind::Untrusted, "connect"));
        }
        if self.forgets {
            *self.inner.lock().unwrap() = dial();
        }
        Ok(FrontConn { inner: self.inner().secure(conn.inner, to).await?, greeting: b"" })
    }
}

/// Up to the end of the line with this in it.
async fn read_until(conn: &mut TokioConn, what: &[u8]) -> io::Result<()> {
    let mut got = Vec::from(b"\n");
    while !(got.ends_with(b"\n") && got.windows(what.len()).any(|window| window == what)) {
        let mut byte = [0];
        if Read::read(conn, &mut byte).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        got.push(byte[0]);
    }
    Ok(())
}

/// A connection on which the server seems to greet once it is encrypted.
pub(crate) struct FrontConn {
    inner: TokioConn,
    greeting: &'static [u8],
}

impl Conn for FrontConn {
    type Reader<'a> = ReadHalf<'a>;
    type Writer<'a> = WriteHalf<'a>;

    async fn split(&mut self) -> io::Result<(ReadHalf<'_>, WriteHalf<'_>)> {
        assert!(self.greeting.is_empty());
        self.inner.split().await
    }

    fn is_quiet(&mut self) -> bool {
        self.inner.is_quiet()
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.inner.peer()
    }

    fn begin_whole(&mut self) {
        self.inner.begin_whole();
    }

    async fn finish(&mut self) -> io::Result<()> {
        self.inner.finish().await
    }
}

impl ErrorType for FrontConn {
    type Error = io::Error;
}

impl Read for FrontConn {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if !self.greeting.is_empty() {
            return Ok(Read::read(&mut self.greeting, buf).await.unwrap_or_default());
        }
        Read::read(&mut self.inner, buf).await
    }
}

impl Write for FrontConn {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Write::write(&mut self.inner, buf).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        Write::flush(&mut self.inner).await
    }
}
