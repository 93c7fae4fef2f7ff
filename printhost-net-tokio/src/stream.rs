use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use embedded_io_async::{ErrorType, Read, Write};
use printhost_net::Conn;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpStream, tcp},
};
use tokio_rustls::client::TlsStream;

/// How much of an upload the system takes before the network does, in bytes.
#[cfg(target_os = "linux")]
const HELD_BACK: u32 = 128 << 10;

/// A TCP connection, with TLS or without; also a reader and writer of tokio.
#[derive(Debug)]
pub struct TokioConn(pub(crate) Stream);

#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl TokioConn {
    fn tcp(&self) -> &TcpStream {
        match &self.0 {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => tls.get_ref().0,
        }
    }
}

impl Conn for TokioConn {
    type Reader<'a> = ReadHalf<'a>;
    type Writer<'a> = WriteHalf<'a>;

    async fn split(&mut self) -> io::Result<(ReadHalf<'_>, WriteHalf<'_>)> {
        Ok(match &mut self.0 {
            Stream::Plain(tcp) => {
                let (reader, writer) = tcp.split();
                (ReadHalf(Reader::Plain(reader)), WriteHalf(Writer::Plain(writer)))
            }
            Stream::Tls(tls) => {
                let (reader, writer) = tokio::io::split(tls.as_mut());
                (ReadHalf(Reader::Tls(reader)), WriteHalf(Writer::Tls(writer)))
            }
        })
    }

    fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let mut cx = Context::from_waker(Waker::noop());
        self.tcp().poll_peek(&mut cx, &mut ReadBuf::new(&mut byte)).is_pending()
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.tcp().peer_addr().ok()
    }

    /// The system resets it then too when the whole program ends.
    fn begin_whole(&mut self) {
        let socket = SockRef::from(self.tcp());
        // Neither fails on a socket that is open; a peer that takes a part for the whole is then what it always was.
        let _ = socket.set_linger(Some(Duration::ZERO));
        #[cfg(target_os = "linux")]
        let _ = socket.set_tcp_notsent_lowat(HELD_BACK);
    }

    async fn finish(&mut self) -> io::Result<()> {
        AsyncWriteExt::flush(self).await?;
        SockRef::from(self.tcp()).set_linger(None)?;
        AsyncWriteExt::shutdown(self).await
    }
}

impl ErrorType for TokioConn {
    type Error = io::Error;
}

impl Read for TokioConn {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        AsyncReadExt::read(self, buf).await
    }
}

impl Write for TokioConn {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        AsyncWriteExt::write(self, buf).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        AsyncWriteExt::flush(self).await
    }
}

/// The reading half of a [`TokioConn`].
#[derive(Debug)]
pub struct ReadHalf<'a>(Reader<'a>);

#[derive(Debug)]
enum Reader<'a> {
    Plain(tcp::ReadHalf<'a>),
    Tls(tokio::io::ReadHalf<&'a mut TlsStream<TcpStream>>),
}

impl ErrorType for ReadHalf<'_> {
    type Error = io::Error;
}

impl Read for ReadHalf<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Reader::Plain(half) => AsyncReadExt::read(half, buf).await,
            Reader::Tls(half) => AsyncReadExt::read(half, buf).await,
        }
    }
}

/// The writing half of a [`TokioConn`].
#[derive(Debug)]
pub struct WriteHalf<'a>(Writer<'a>);

#[derive(Debug)]
enum Writer<'a> {
    Plain(tcp::WriteHalf<'a>),
    Tls(tokio::io::WriteHalf<&'a mut TlsStream<TcpStream>>),
}

impl ErrorType for WriteHalf<'_> {
    type Error = io::Error;
}

impl Write for WriteHalf<'_> {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Writer::Plain(half) => AsyncWriteExt::write(half, buf).await,
            Writer::Tls(half) => AsyncWriteExt::write(half, buf).await,
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Writer::Plain(half) => AsyncWriteExt::flush(half).await,
            Writer::Tls(half) => AsyncWriteExt::flush(half).await,
        }
    }
}

macro_rules! each {
    ($conn:expr, $inner:ident => $call:expr) => {
        match &mut $conn.get_mut().0 {
            Stream::Plain($inner) => {
                let $inner = Pin::new($inner);
                $call
            }
            Stream::Tls($inner) => {
                let $inner = Pin::new($inner.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for TokioConn {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self, inner => inner.poll_read(cx, buf))
    }
}

impl AsyncWrite for TokioConn {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, inner => inner.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, inner => inner.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, inner => inner.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, inner => inner.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Stream::Plain(tcp) => tcp.is_write_vectored(),
            Stream::Tls(tls) => tls.is_write_vectored(),
        }
    }
}
