use alloc::{boxed::Box, string::String, vec::Vec};
use core::{
    fmt::Write as _,
    task::{Context, Poll, ready},
    time::Duration,
};

use printhost_core::{
    Clock as _, Entropy as _, Error, ErrorKind, IfExists, PipeReader, PollRead, RemotePath, Result, Retry,
    SourceError, Started, Then, Upload, Uploaded, Verified, Verify,
};
use printhost_net::{Body, Method, Net, proto::multipart::Form};
use sha2::{Digest, Sha256};

use crate::{
    Moonraker,
    api::{Call, DIALECT},
    files::{There, directory},
    jobs::ours,
    wire,
};

/// With the form around it, a longer one would overflow its own length.
const MAX_LEN: u64 = i64::MAX as u64;
/// After the answer was lost, how often the host is read, and how long it may still be busy with the file in between.
const READS: u8 = 3;
const SETTLES: Duration = Duration::from_millis(500);

impl<N: Net> Moonraker<N> {
    /// Stores without `print`, verified by Moonraker itself, and only then starts: a damaged file never prints.
    pub(crate) async fn store(&self, upload: Upload<'_, PipeReader<'_>>) -> Result<Uploaded> {
        let operation = "upload";
        let path = ours(operation, upload.path)?;
        if upload.len > MAX_LEN {
            return Err(Error::new(ErrorKind::TooLarge, operation).with_detail("no file is that long"));
        }
        check_name(operation, path)?;
        match (self.there(operation, path.as_str()).await?, upload.if_exists) {
            (There::Nothing, _) | (There::File(_), IfExists::Replace) => {}
            _ => return Err(Error::new(ErrorKind::Exists, operation).with_detail(upload.path)),
        }
        // What is printed or loaded cannot be replaced, and Moonraker finds that out when it has everything.
        if upload.if_exists == IfExists::Replace {
            let status = self.look_at(operation).await?.status;
            let is_it = |job: &printhost_core::Job| job.path.as_deref() == Some(path.as_str());
            if status.phase.has_job() && status.job.as_ref().is_some_and(is_it) {
                return Err(
                    Error::new(ErrorKind::Conflict, operation).with_detail("the file is being printed")
                );
            }
        }
        let hashes = upload.verify != Verify::Size;
        let mut random = [0; 16];
        self.net.parts().entropy().fill(&mut random);
        let mut body = Sent::new(upload.body, upload.len, hashes, random);
        let sent = self.transfer(path, upload.len, &mut body, random).await;
        let sha256 = body.sha256;
        let stored = match sent {
            Ok(stored) => stored,
            Err(e) if e.http_status() == Some(500) && Box::pin(self.lacks_room(path, upload.len)).await => {
                return Err(Box::pin(self.full(path, upload.len, upload.if_exists)).await);
            }
            // The host has everything and its answer is lost. It checks what it gets before anybody sees it, so what was not
            // there before and is there now is whole.
            Err(e) if e.retry() == Retry::ReadFirst => {
                if upload.if_exists == IfExists::Fail && sha256.is_some() {
                    self.is_there_after(e, path, upload.len).await?
                } else {
                    return Err(e.unconfirmed());
                }
            }
            Err(e) => return Err(e),
        };
        let verified = match sha256 {
            Some(sha256) => Verified::Sha256(sha256),
            None => self.verify_size(operation, &stored, upload.len).await?,
        };
        let mut uploaded = Uploaded::new(stored.path.0, upload.len, verified);
        if upload.then == Then::Print {
            uploaded.started = match self.start_file(&uploaded.path).await {
                Ok(outcome) => Started::Yes(outcome.confirmation),
                Err(e) => Started::No(e),
            };
        }
        Ok(uploaded)
    }

    /// Sends the form; returns what the host has made of the file.
    async fn transfer(
        &self,
        path: RemotePath<'_>,
        len: u64,
        body: &mut Sent<'_, PipeReader<'_>>,
        random: [u8; 16],
    ) -> Result<wire::Item> {
        let operation = "upload";
        let base = self.base(operation).await?;
        if self.takes_tokens() {
            // A token may have expired, and a file is sent once only.
            self.request(&base, Call::get(operation, DIALECT.probe), &[]).await?.finish().await;
        }
        let mut form = Form::new(random).text("root", "gcodes");
        if !path.folder().is_empty() {
            form = form.text("path", path.folder());
        }
        let content_type = form.content_type();
        let (before, after) = form.file("file", path.name());
        let headers = [("Content-Type", content_type.as_str())];
        let mut call = Call::new(operation, Method::Post, "/server/files/upload").headers(&headers);
        // Moving the file and looking into it takes a small host a while: 4 MiB/s is what an SD card does.
        call.answer = Some(self.net.parts().limits().answer + Duration::from_secs(len >> 22));
        let total = len + body.form.len() as u64;
        let streamed = Body::streamed(before.as_bytes(), &mut *body, total, after.as_bytes());
        let response = match self.rest().exchange(&base, call, streamed).await {
            Ok(response) => response,
            Err(e) if e.kind() == ErrorKind::Source && body.left > 0 && !body.failed => {
                return Err(e.with_detail(format_args!("it ended {} bytes early", body.left)));
            }
            // Moonraker has compared the hashes, and has not kept the file.
            Err(e) if e.kind() == ErrorKind::Corrupted => {
                return Err(e.with_detail("Moonraker has not kept it"));
            }
            Err(e) => return Err(e),
        };
        // From here on the host has the file; an answer that cannot be read does not undo that.
        let answer = self.rest().json_body(operation, response).await;
        let answer = answer.map_err(|e| e.with_retry(Retry::ReadFirst))?;
        let done: serde_json::Result<wire::UploadDone> = serde_json::from_slice(&answer);
        match done {
            Ok(done) if !done.item.path.0.is_empty() => Ok(done.item),
            _ => Err(Error::new(ErrorKind::Protocol, operation)
                .with_retry(Retry::ReadFirst)
                .with_detail("the answer does not tell where the file is")),
        }
    }

    /// Whether the disk has no room for a file of this length; false when that cannot be found out. Moonraker (0.11) says of
    /// a full disk what it says of any failure.
    async fn lacks_room(&self, path: RemotePath<'_>, len: u64) -> bool {
        let told = self.get::<wire::Directory>("upload", &directory(path.folder())).await;
        let free = told.ok().and_then(|told| told.disk_usage.free);
        free.is_some_and(|free| free < len as f64)
    }

    /// What fitted on a full disk stays on it, is listed and can be printed (Moonraker 0.11). If nothing was there before, it
    /// is taken off the host again.
    async fn full(&self, path: RemotePath<'_>, len: u64, if_exists: IfExists) -> Error {
        let operation = "upload";
        let error = Error::new(ErrorKind::StorageFull, operation).with_http(500);
        match (if_exists, self.there(operation, path.as_str()).await) {
            (IfExists::Fail, Ok(There::Nothing)) => error,
            (IfExists::Fail, Ok(There::File(there))) if there < len => {
                match self.remove(operation, path).await {
                    Ok(()) => error.with_detail("the part that fitted has been deleted again"),
                    Err(_) => error.with_detail("the part that fitted could not be deleted again"),
                }
            }
            _ => error.with_detail("a part of it may be on the host"),
        }
    }

    async fn is_there_after(&self, lost: Error, path: RemotePath<'_>, len: u64) -> Result<wire::Item> {
        let operation = "upload";
        for _ in 0..READS {
            self.net.parts().clock().sleep(SETTLES).await;
            // A file that Moonraker has changed since is of another size.
            if self.there(operation, path.as_str()).await == Ok(There::File(len)) {
                return Ok(wire::Item { path: wire::Path(path.as_str().into()), size: Some(len as f64) });
            }
        }
        Err(lost.unconfirmed())
    }

    /// Moonraker may be set up to change files that it is given. A damaged file is taken off the host again.
    async fn verify_size(&self, operation: &'static str, stored: &wire::Item, len: u64) -> Result<Verified> {
        let size = stored.size.map(|size| size as u64);
        if size == Some(len) {
            return Ok(Verified::Size);
        }
        let metadata = self.metadata(operation, &stored.path.0).await;
        let is_changed = metadata.is_ok_and(|metadata| !metadata.file_processors.is_empty());
        if size.is_none() || is_changed || stored.path.0.len() != stored.path.0.trim().len() {
            return Ok(Verified::No);
        }
        let path = RemotePath::parse(&stored.path.0).map_err(|e| e.in_operation(operation).unconfirmed())?;
        let detail = match self.remove(operation, path).await {
            Ok(()) => "it has been deleted again",
            Err(_) => "it could not be deleted again",
        };
        Err(Error::new(ErrorKind::Corrupted, operation).with_detail(detail))
    }
}

/// Names that Moonraker would store where nobody sees them.
fn check_name(operation: &'static str, path: RemotePath<'_>) -> Result<()> {
    match path.as_str().split('/').any(|name| name.starts_with('.')) {
        true => Err(Error::new(ErrorKind::InvalidInput, operation)
            .with_detail("Moonraker hides names that begin with a dot")),
        false => Ok(()),
    }
}

/// The caller's reader, hashed on its way; and behind it the part of the form that has the hash, which is only known then.
struct Sent<'a, R> {
    reader: &'a mut R,
    /// Of the file.
    left: u64,
    failed: bool,
    digest: Option<Sha256>,
    sha256: Option<[u8; 32]>,
    /// What comes behind the file; the hash is put in at its end.
    form: String,
    at: usize,
}

/// Hexadecimal digits of a SHA-256.
const HEX: usize = 64;

impl<'a, R> Sent<'a, R> {
    fn new(reader: &'a mut R, len: u64, hashes: bool, random: [u8; 16]) -> Self {
        let mut form = String::new();
        if hashes {
            let boundary = Form::new(random).content_type();
            let boundary = boundary.split_once("boundary=").map_or("", |(_, boundary)| boundary);
            let _ = write!(
                form,
                "\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"checksum\"\r\n\r\n{:0HEX$}",
                0
            );
        }
        let digest = hashes.then(Sha256::new);
        Self { reader, left: len, failed: false, digest, sha256: None, form, at: 0 }
    }

    /// Puts the hash in, once.
    fn finish(&mut self) {
        if let Some(digest) = self.digest.take() {
            let sha256 = <[u8; 32]>::from(digest.finalize());
            self.form.truncate(self.form.len() - HEX);
            for byte in sha256 {
                let _ = write!(self.form, "{byte:02x}");
            }
            self.sha256 = Some(sha256);
        }
    }
}

impl<R: PollRead> Sent<'_, R> {
    /// What was read of the file.
    fn pass(&mut self, read: Result<usize, SourceError>, bytes: &[u8]) -> Result<usize, SourceError> {
        let n = read.inspect_err(|_| self.failed = true)?;
        if let Some(digest) = &mut self.digest {
            digest.update(&bytes[..n]);
        }
        self.left -= n as u64;
        Ok(n)
    }

    fn most(&self, len: usize) -> usize {
        len.min(usize::try_from(self.left).unwrap_or(usize::MAX))
    }

    /// What is behind the file.
    fn rest(&mut self, buf: &mut [u8]) -> usize {
        self.finish();
        let rest = &self.form.as_bytes()[self.at..];
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        n
    }
}

impl<R: PollRead> PollRead for Sent<'_, R> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, SourceError>> {
        if self.left == 0 {
            return Poll::Ready(Ok(self.rest(buf)));
        }
        let most = self.most(buf.len());
        let read = ready!(self.reader.poll_read(cx, &mut buf[..most]));
        Poll::Ready(self.pass(read, buf))
    }

    fn poll_lend(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut Vec<u8>,
        at: usize,
        len: usize,
    ) -> Poll<Result<usize, SourceError>> {
        if self.left == 0 {
            return Poll::Ready(Ok(self.rest(&mut buf[at..at + len])));
        }
        let most = self.most(len);
        let read = ready!(self.reader.poll_lend(cx, buf, at, most));
        Poll::Ready(self.pass(read, buf.get(at..).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use core::task::Waker;

    use super::*;

    struct File(&'static [u8]);

    impl PollRead for File {
        fn poll_read(&mut self, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, SourceError>> {
            let n = buf.len().min(self.0.len());
            buf[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Poll::Ready(Ok(n))
        }

        fn poll_lend(
            &mut self,
            cx: &mut Context<'_>,
            buf: &mut Vec<u8>,
            at: usize,
            len: usize,
        ) -> Poll<Result<usize, SourceError>> {
            self.poll_read(cx, &mut buf[at..at + len])
        }
    }

    #[test]
    fn hash_follows_the_file_whatever_the_size_of_the_reads() {
        for step in [1, 7, 4096] {
            let mut file = File(b"abc");
            let mut sent = Sent::new(&mut file, 3, true, [7; 16]);
            let total = 3 + sent.form.len();
            let mut all = Vec::new();
            while all.len() < total {
                let mut buf = [0; 4096];
                let mut cx = Context::from_waker(Waker::noop());
                let Poll::Ready(Ok(n)) = sent.poll_read(&mut cx, &mut buf[..step]) else { panic!() };
                assert!(n > 0);
                all.extend_from_slice(&buf[..n]);
            }
            let text = String::from_utf8(all).unwrap();
            // FIPS 180-2, appendix B.1
            let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
            let boundary = format!("printhost-{}", "07".repeat(16));
            assert_eq!(
                text,
                format!(
                    "abc\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"checksum\"\r\n\r\n{hash}"
                )
            );
            assert_eq!(sent.sha256.map(|hash| hash[0]), Some(0xba));
        }
    }

    #[test]
    fn names_that_would_be_hidden_are_refused() {
        let check = |path| check_name("upload", RemotePath::parse(path).unwrap());
        assert!(check("a/.thumbs/b.gcode").is_err() && check(".a.gcode").is_err());
        assert_eq!(check("a.b/c.gcode"), Ok(()));
    }
}
