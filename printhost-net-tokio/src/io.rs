use std::io;

use embedded_io_async::{ErrorType, Read, Write};
use printhost_core::{
    Error, ErrorKind, Result,
    dynamic::{DynRead, DynWrite, async_trait},
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A tokio reader or writer (a file, for instance) as the reader of an upload or the writer of a download.
#[derive(Debug)]
pub struct FromTokio<T>(T);

impl<T> FromTokio<T> {
    /// Wraps it.
    pub const fn new(inner: T) -> Self {
        Self(inner)
    }

    /// Unwraps it.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> ErrorType for FromTokio<T> {
    type Error = io::Error;
}

impl<T: AsyncRead + Unpin> Read for FromTokio<T> {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf).await
    }
}

impl<T: AsyncWrite + Unpin> Write for FromTokio<T> {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.0.flush().await
    }
}

#[async_trait]
impl<T: AsyncRead + Unpin + Send> DynRead for FromTokio<T> {
    async fn read_dyn(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.0.read(buf).await.map_err(|e| Error::new(ErrorKind::Source, "read").with_detail(e))
    }
}

#[async_trait]
impl<T: AsyncWrite + Unpin + Send> DynWrite for FromTokio<T> {
    async fn write_dyn(&mut self, buf: &[u8]) -> Result<usize> {
        self.0.write(buf).await.map_err(|e| Error::new(ErrorKind::Sink, "write").with_detail(e))
    }

    async fn flush_dyn(&mut self) -> Result<()> {
        self.0.flush().await.map_err(|e| Error::new(ErrorKind::Sink, "write").with_detail(e))
    }
}
