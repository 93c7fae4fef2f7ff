//! What comes after an answer's head: JSON, long listings, files.

use alloc::{vec, vec::Vec};

use embedded_io_async::{Read as _, Write};
use printhost_core::{Error, ErrorKind, Result};

use super::{Rest, not_json, unexpected};
use crate::{Net, http::ResponseOf, proto::json_items::JsonItems};

/// More bytes than these are nothing that is told of a printer.
const LONGEST: usize = 64 << 20;

impl<N: Net> Rest<'_, N> {
    /// The body of an answer, bounded by [`crate::Limits::json`]: [`ErrorKind::TooLarge`] beyond, and
    /// [`ErrorKind::Protocol`] when it is compressed. It must come at the pace of [`crate::http::Response::read_steadily`].
    pub async fn json_body(
        &self,
        operation: &'static str,
        mut response: ResponseOf<'_, N>,
    ) -> Result<Vec<u8>> {
        self.uncompressed(operation, &response)?;
        let max = self.net.parts().limits().json;
        response.read_to_end(max).await.map_err(|e| e.in_operation(operation))
    }

    /// Refuses an answer that a proxy has compressed although nobody asked for that.
    pub fn uncompressed(&self, operation: &'static str, response: &ResponseOf<'_, N>) -> Result<()> {
        match response.header("content-encoding") {
            Some(coding) if !coding.is_empty() && !coding.eq_ignore_ascii_case("identity") => {
                Err(unexpected(
                    self.login,
                    operation,
                    format_args!("the answer is compressed ({coding}) unasked"),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Hands over the objects of a listing one by one, until `take` says that it is enough; none is larger than
    /// [`crate::Limits::json`], and never is the whole held. `items` tells where in the answer they stand.
    pub async fn each_item(
        &self,
        operation: &'static str,
        response: ResponseOf<'_, N>,
        mut items: JsonItems,
        take: &mut (dyn FnMut(&[u8]) -> Result<bool> + Send),
    ) -> Result<()> {
        let ended = self.each_piece(operation, response, &mut |piece| items.feed(piece, &mut *take)).await?;
        if ended { items.finish().map_err(|e| e.in_operation(operation)) } else { Ok(()) }
    }

    /// Hands over JSON in the pieces in which it comes, each of at most [`crate::Limits::chunk`] bytes, until `take` says
    /// that it is enough; whether it has come to its end. It must come at the pace of [`crate::http::Response::read_steadily`],
    /// and 64 MiB are [`ErrorKind::TooLarge`]. A page instead of JSON is [`ErrorKind::Protocol`].
    pub async fn each_piece(
        &self,
        operation: &'static str,
        mut response: ResponseOf<'_, N>,
        take: &mut (dyn FnMut(&[u8]) -> Result<bool> + Send),
    ) -> Result<bool> {
        self.uncompressed(operation, &response)?;
        let mut buf = vec![0; self.net.parts().limits().chunk];
        let mut first = true;
        let mut left = LONGEST;
        loop {
            let n = response.read_steadily(&mut buf).await.map_err(|e| e.in_operation(operation))?;
            if n == 0 {
                return Ok(true);
            }
            left = left.checked_sub(n).ok_or_else(|| {
                Error::new(ErrorKind::TooLarge, operation).with_detail("a longer list than any printer has")
            })?;
            if core::mem::take(&mut first) && buf[..n].trim_ascii_start().starts_with(b"<") {
                return Err(not_json(self.login, operation, &buf[..n], ""));
            }
            if !take(&buf[..n]).map_err(|e| e.in_operation(operation))? {
                return Ok(false);
            }
        }
    }

    /// Writes the body of an answer into `to`, and flushes that; returns how many bytes there were. A body that ends
    /// before the length that was told for it is [`ErrorKind::Disconnected`], and what cannot be written
    /// [`ErrorKind::Sink`]. It may come slowly and have any length, also a picture: files do, and it is `to` that knows
    /// when there is enough.
    pub async fn copy<W: Write + ?Sized>(
        &self,
        operation: &'static str,
        mut response: ResponseOf<'_, N>,
        to: &mut W,
    ) -> Result<u64> {
        self.uncompressed(operation, &response)?;
        let sink = |e: W::Error| Error::new(ErrorKind::Sink, operation).with_detail(e);
        let mut buf = vec![0; self.net.parts().limits().chunk];
        let mut total = 0;
        loop {
            let n = response.read(&mut buf).await.map_err(|e| e.in_operation(operation))?;
            if n == 0 {
                to.flush().await.map_err(sink)?;
                return Ok(total);
            }
            to.write_all(&buf[..n]).await.map_err(sink)?;
            total += n as u64;
        }
    }

    /// As [`Self::copy`], of an answer that says that it is a picture.
    pub async fn copy_picture<W: Write + ?Sized>(
        &self,
        operation: &'static str,
        response: ResponseOf<'_, N>,
        to: &mut W,
    ) -> Result<u64> {
        let kind = response.header("content-type").unwrap_or_default();
        if !kind.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("image/")) {
            let what = format_args!("a picture was expected, not {kind:?}");
            return Err(unexpected(self.login, operation, what));
        }
        self.copy(operation, response, to).await
    }
}
