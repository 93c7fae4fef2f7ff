#[cfg(feature = "tls-core")]
use alloc::boxed::Box;
use core::{fmt, net::SocketAddr};

use embassy_net::tcp::{Error as TcpError, TcpReader, TcpWriter};
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use printhost_net::Conn;

use crate::sockets::Lent;
#[cfg(feature = "tls-core")]
use crate::tls::{TlsConn, TlsError, TlsFailure, TlsReader, TlsWriter};

/// A connection, plain or encrypted. Dropping it resets it at once and gives its socket back.
pub struct EmbassyConn<'h, 'd, const N: usize>(pub(crate) Layer<'h, 'd, N>);

pub(crate) enum Layer<'h, 'd, const N: usize> {
    Plain(Lent<'h, 'd, N>),
    #[cfg(feature = "tls-core")]
    Tls(Box<TlsConn<'h, Lent<'h, 'd, N>>>),
}

/// The reading half of an [`EmbassyConn`].
pub struct EmbassyReader<'a>(Reader<'a>);

enum Reader<'a> {
    Plain(TcpReader<'a>),
    #[cfg(feature = "tls-core")]
    Tls(TlsReader<'a, TcpReader<'a>>),
}

/// The writing half of an [`EmbassyConn`].
pub struct EmbassyWriter<'a>(Writer<'a>);

enum Writer<'a> {
    Plain(TcpWriter<'a>),
    #[cfg(feature = "tls-core")]
    Tls(TlsWriter<'a, TcpWriter<'a>>),
}

/// `$do` with whichever variant of `$enum` it is.
macro_rules! with {
    ($enum:ident, $self:expr, $it:ident => $do:expr) => {
        match $self {
            $enum::Plain($it) => $do,
            #[cfg(feature = "tls-core")]
            $enum::Tls($it) => $do,
        }
    };
}

impl<const N: usize> Conn for EmbassyConn<'_, '_, N> {
    type Reader<'a>
        = EmbassyReader<'a>
    where
        Self: 'a;
    type Writer<'a>
        = EmbassyWriter<'a>
    where
        Self: 'a;

    async fn split(&mut self) -> Result<(EmbassyReader<'_>, EmbassyWriter<'_>), ConnError> {
        Ok(match &mut self.0 {
            Layer::Plain(conn) => {
                let (reader, writer) = conn.split().await?;
                (EmbassyReader(Reader::Plain(reader)), EmbassyWriter(Writer::Plain(writer)))
            }
            #[cfg(feature = "tls-core")]
            Layer::Tls(conn) => {
                let (reader, writer) = conn.split().await?;
                (EmbassyReader(Reader::Tls(reader)), EmbassyWriter(Writer::Tls(writer)))
            }
        })
    }

    fn is_quiet(&mut self) -> bool {
        with!(Layer, &mut self.0, conn => conn.is_quiet())
    }

    fn peer(&self) -> Option<SocketAddr> {
        with!(Layer, &self.0, conn => conn.peer())
    }

    async fn finish(&mut self) -> Result<(), ConnError> {
        with!(Layer, &mut self.0, conn => conn.finish().await?);
        Ok(())
    }
}

impl<const N: usize> ErrorType for EmbassyConn<'_, '_, N> {
    type Error = ConnError;
}

impl<const N: usize> Read for EmbassyConn<'_, '_, N> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, ConnError> {
        Ok(with!(Layer, &mut self.0, conn => conn.read(buf).await?))
    }
}

impl<const N: usize> Write for EmbassyConn<'_, '_, N> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, ConnError> {
        Ok(with!(Layer, &mut self.0, conn => conn.write(buf).await?))
    }

    async fn flush(&mut self) -> Result<(), ConnError> {
        with!(Layer, &mut self.0, conn => conn.flush().await?);
        Ok(())
    }
}

impl ErrorType for EmbassyReader<'_> {
    type Error = ConnError;
}

impl Read for EmbassyReader<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, ConnError> {
        Ok(with!(Reader, &mut self.0, reader => reader.read(buf).await?))
    }
}

impl ErrorType for EmbassyWriter<'_> {
    type Error = ConnError;
}

impl Write for EmbassyWriter<'_> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, ConnError> {
        Ok(with!(Writer, &mut self.0, writer => writer.write(buf).await?))
    }

    async fn flush(&mut self) -> Result<(), ConnError> {
        with!(Writer, &mut self.0, writer => writer.flush().await?);
        Ok(())
    }
}

impl<const N: usize> fmt::Debug for EmbassyConn<'_, '_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmbassyConn")
    }
}

impl fmt::Debug for EmbassyReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmbassyReader")
    }
}

impl fmt::Debug for EmbassyWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmbassyWriter")
    }
}

/// Why a connection broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnError {
    /// TCP.
    Tcp(TcpError),
    /// TLS.
    #[cfg(feature = "tls-core")]
    Tls(TlsFailure),
}

impl From<TcpError> for ConnError {
    fn from(error: TcpError) -> Self {
        Self::Tcp(error)
    }
}

#[cfg(feature = "tls-core")]
impl From<TlsError<TcpError>> for ConnError {
    fn from(error: TlsError<TcpError>) -> Self {
        match error {
            TlsError::Transport(error) => Self::Tcp(error),
            TlsError::Tls(failure) => Self::Tls(failure),
        }
    }
}

impl fmt::Display for ConnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(error) => error.fmt(f),
            #[cfg(feature = "tls-core")]
            Self::Tls(failure) => failure.fmt(f),
        }
    }
}

impl core::error::Error for ConnError {}

impl embedded_io_async::Error for ConnError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Tcp(error) => error.kind(),
            #[cfg(feature = "tls-core")]
            Self::Tls(failure) => failure.kind(),
        }
    }
}
