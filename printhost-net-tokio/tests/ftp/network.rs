//! Connections in memory, which note what a server cannot see.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Waker},
    time::Duration,
};

use embedded_io_async::{ErrorType, Read, Write};
use printhost_core::{Error, ErrorKind, Result};
use printhost_net::{Conn, Dial, Http1, Limits, Origin, Parts, Scheme};
use printhost_net_tokio::{FromTokio, OsEntropy, TokioClock};
use tokio::{
    io::{AsyncBufRead, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf, duplex},
    sync::mpsc,
};

pub(crate) type Net = Parts<Lines, Http1, TokioClock, OsEntropy>;

/// What happened, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A write of the client's on a control connection.
    Wrote(String),
    /// A line of the server's.
    Said(String),
    /// Where the client connected to.
    Dialled(String),
    /// A TLS handshake began, for this origin.
    Handshake(String),
    Finished,
    /// Dropped before it was finished, although it had begun something whole.
    Reset,
}

#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    events: Vec<Event>,
    listeners: HashMap<u16, mpsc::UnboundedSender<DuplexStream>>,
    /// The kind of error with which handshakes end.
    refused: Option<ErrorKind>,
    /// Where the server is.
    peer: Option<&'static str>,
    /// How long handshakes wait for their turn.
    wait: Duration,
}

impl Lines {
    pub(crate) fn net(&self) -> Net {
        let mut limits = Limits::HOST;
        limits.chunk = 4096;
        Parts::new(self.clone(), Http1::HOST, TokioClock::default(), OsEntropy::default(), limits)
    }

    pub(crate) fn listen(&self, port: u16) -> mpsc::UnboundedReceiver<DuplexStream> {
        let (to, from) = mpsc::unbounded_channel();
        self.0.lock().unwrap().listeners.insert(port, to);
        from
    }

    pub(crate) fn note(&self, event: Event) {
        self.0.lock().unwrap().events.push(event);
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().events.clone()
    }

    pub(crate) fn refuse_handshakes(&self, kind: ErrorKind) {
        self.0.lock().unwrap().refused = Some(kind);
    }

    pub(crate) fn is_at(&self, peer: &'static str) {
        self.0.lock().unwrap().peer = Some(peer);
    }

    pub(crate) fn delay_handshakes(&self, wait: Duration) {
        self.0.lock().unwrap().wait = wait;
    }

    /// The commands that were sent, each of which was one write.
    pub(crate) fn commands(&self) -> Vec<String> {
        let one_line = |event| match event {
            Event::Wrote(text) => {
                let line = text.strip_suffix("\r\n").expect("a command in pieces").to_owned();
                assert!(!line.contains(['\r', '\n']), "{text:?}");
                Some(line)
            }
            _ => None,
        };
        self.events().into_iter().filter_map(one_line).collect()
    }
}

impl Dial for Lines {
    type Conn = Line;

    async fn dial(&self, to: &Origin) -> Result<Line> {
        let (near, far) = duplex(16 << 10);
        self.note(Event::Dialled(to.to_string()));
        let listener = self.0.lock().unwrap().listeners.get(&to.port).cloned();
        let unreachable = Error::new(ErrorKind::Unreachable, "connect");
        listener.and_then(|to| to.send(far).ok()).ok_or(unreachable)?;
        let is_control = to.port == super::server::PORT;
        let is_secure = to.scheme == Scheme::Https;
        Ok(Line {
            stream: BufReader::new(near),
            lines: self.clone(),
            is_control,
            is_secure,
            is_partial: false,
        })
    }

    /// Stands for a handshake: a word there and a word back.
    async fn secure(&self, mut conn: Line, to: &Origin) -> Result<Line> {
        assert!(!conn.is_secure);
        self.note(Event::Handshake(to.to_string()));
        let (refused, wait) = {
            let state = self.0.lock().unwrap();
            (state.refused, state.wait)
        };
        tokio::time::sleep(wait).await;
        if let Some(kind) = refused {
            return Err(Error::new(kind, "connect").with_detail("TLS"));
        }
        let failed = |e: io::Error| Error::new(ErrorKind::Unreachable, "connect").with_detail(e);
        conn.stream.write_all(b"H").await.map_err(failed)?;
        conn.stream.read_u8().await.map_err(failed)?;
        conn.is_secure = true;
        Ok(conn)
    }

    fn secure_waits(&self) -> Duration {
        self.0.lock().unwrap().wait
    }
}

pub(crate) struct Line {
    stream: BufReader<DuplexStream>,
    lines: Lines,
    is_control: bool,
    is_secure: bool,
    is_partial: bool,
}

impl Conn for Line {
    type Reader<'a> = FromTokio<ReadHalf<&'a mut BufReader<DuplexStream>>>;
    type Writer<'a> = Noted<'a>;

    async fn split(&mut self) -> io::Result<(Self::Reader<'_>, Self::Writer<'_>)> {
        let (reader, writer) = tokio::io::split(&mut self.stream);
        let noted = self.is_control.then_some(&self.lines);
        Ok((FromTokio::new(reader), Noted { writer, lines: noted }))
    }

    fn is_quiet(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(&mut self.stream).poll_fill_buf(&mut cx).is_pending()
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.lines.0.lock().unwrap().peer.map(|peer| peer.parse().unwrap())
    }

    fn begin_whole(&mut self) {
        self.is_partial = true;
    }

    async fn finish(&mut self) -> io::Result<()> {
        self.is_partial = false;
        self.lines.note(Event::Finished);
        self.stream.shutdown().await
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.is_partial {
            self.lines.note(Event::Reset);
        }
    }
}

impl ErrorType for Line {
    type Error = io::Error;
}

impl Read for Line {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buf).await
    }
}

impl Write for Line {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.is_control {
            self.lines.note(Event::Wrote(String::from_utf8_lossy(buf).into()));
        }
        self.stream.write(buf).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.stream.flush().await
    }
}

pub(crate) struct Noted<'a> {
    writer: WriteHalf<&'a mut BufReader<DuplexStream>>,
    lines: Option<&'a Lines>,
}

impl ErrorType for Noted<'_> {
    type Error = io::Error;
}

impl Write for Noted<'_> {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if let Some(lines) = self.lines {
            lines.note(Event::Wrote(String::from_utf8_lossy(buf).into()));
        }
        self.writer.write(buf).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.writer.flush().await
    }
}
