use alloc::string::String;
use core::time::Duration;

use printhost_core::{
    Entropy, Error, ErrorKind, FileEntry, HashOnly, Hashed, IfExists, PipeReader, RemotePath, Result, Retry,
    Started, Then, Upload, Uploaded, Verified, Verify,
};
use printhost_net::{Body, Method, Net, proto::multipart::Form};
use sha1::Sha1;

use crate::{OctoPrint, api::Call, commands::reads, jobs::ours, wire};

/// With the form around it, a longer one would overflow its own length.
const MAX_LEN: u64 = i64::MAX as u64;

impl<N: Net> OctoPrint<N> {
    /// Stores without `print`, verifies, and only then starts: a damaged file never prints.
    pub(crate) async fn store(&self, upload: Upload<'_, PipeReader<'_>>) -> Result<Uploaded> {
        let path = ours(upload.path)?;
        if upload.len > MAX_LEN {
            return Err(Error::new(ErrorKind::TooLarge, "upload").with_detail("no file is that long"));
        }
        if upload.if_exists == IfExists::Fail {
            // Asked first, since OctoPrint before 1.9 does not know `noOverwrite`, and to spare the transfer.
            match self.info(path).await {
                Ok(_) => return Err(Error::new(ErrorKind::Exists, "upload").with_detail(upload.path)),
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                Err(e) => return Err(e.in_operation("upload")),
            }
        }
        let mut body = Hashed::<_, Sha1>::when(upload.verify != Verify::Size, upload.body);
        let sent = self.transfer(path, upload.len, upload.if_exists, &mut body).await;
        let sha1 = body.finish().map(<[u8; 20]>::from);
        let stored = match sent {
            Ok(stored) => stored,
            // The host has everything and its answer is lost: the file's hash tells.
            Err(e) if e.retry() == Retry::ReadFirst => {
                // 2.0 tells no hash. What was not there before, and is as long, is ours.
                let by_size = upload.if_exists == IfExists::Fail && self.home("upload").await?.is_second;
                let is_ours = |file: &FileEntry| {
                    let same = sha1.is_some() && file.sha1 == sha1 || by_size && file.sha1.is_none();
                    same && file.size == Some(upload.len) && file.path.len() <= wire::PATH
                };
                let mut stored = None;
                for _ in 0..reads(&e) {
                    self.settles(&e).await;
                    stored = self.info(path).await.ok().filter(is_ours);
                    if stored.is_some() {
                        break;
                    }
                }
                stored.ok_or_else(|| e.unconfirmed())?.path
            }
            Err(e) => return Err(e),
        };
        let read_back = upload.verify == Verify::ReadBack;
        let verified = self.verify(&stored, upload.len, sha1, read_back).await?;
        let mut uploaded = Uploaded::new(stored, upload.len, verified);
        if upload.then == Then::Print {
            uploaded.started = match self.start_file(&uploaded.path).await {
                Ok(outcome) => Started::Yes(outcome.confirmation),
                Err(e) => Started::No(e),
            };
        }
        Ok(uploaded)
    }

    /// Sends the form; returns the path under which the host stored the file.
    async fn transfer(
        &self,
        path: RemotePath<'_>,
        len: u64,
        if_exists: IfExists,
        body: &mut Hashed<&mut PipeReader<'_>, Sha1>,
    ) -> Result<String> {
        let mut random = [0; 16];
        self.net.parts().entropy().fill(&mut random);
        let mut form = Form::new(random).text("print", "false");
        if !path.folder().is_empty() {
            form = form.text("path", path.folder());
        }
        if if_exists == IfExists::Fail {
            form = form.text("noOverwrite", "true");
        }
        let content_type = form.content_type();
        let (before, after) = form.file("file", path.name());
        let headers = [("Content-Type", content_type.as_str())];
        let mut call = Call::new("upload", Method::Post, "/api/files/local").headers(&headers);
        // Moving and hashing the file takes a small host a while: 4 MiB/s is what an SD card does.
        call.answer = Some(self.net.parts().limits().answer + Duration::from_secs(len >> 22));
        let body = Body::streamed(before.as_bytes(), body, len, after.as_bytes());
        let response = self.request(call, body).await?;
        // From here on the host has the file; an answer that cannot be read does not undo that.
        let body = self.body("upload", response).await;
        let done: Result<wire::UploadDone> = body.and_then(|bytes| self.parse("upload", &bytes));
        match done {
            Ok(done) if done.done && done.files.local.path.len() > wire::PATH => {
                Err(Error::new(ErrorKind::Unconfirmed, "upload")
                    .with_detail("the host has stored the file under a path of more than 512 bytes"))
            }
            Ok(done) if done.done => Ok(done.files.local.path),
            Ok(_) => Err(Error::new(ErrorKind::Unconfirmed, "upload")
                .with_detail("the host has not finished storing the file")),
            Err(e) => Err(e.with_retry(Retry::ReadFirst)),
        }
    }

    /// Compares what the host says it has with what was sent. A damaged file is taken off the host again.
    async fn verify(
        &self,
        path: &str,
        len: u64,
        sha1: Option<[u8; 20]>,
        read_back: bool,
    ) -> Result<Verified> {
        let path = RemotePath::parse(path).map_err(|e| e.in_operation("upload").unconfirmed())?;
        let mut read = self.info(path).await;
        if let Err(e) = &read
            && matches!(e.kind(), ErrorKind::Disconnected | ErrorKind::Unreachable | ErrorKind::Timeout)
        {
            // The host has the file, and only this question was lost.
            self.settles(e).await;
            read = self.info(path).await;
        }
        let file: FileEntry = read.map_err(|e| e.in_operation("upload").unconfirmed())?;
        let same = match (sha1, file.sha1) {
            (Some(ours), Some(theirs)) if ours == theirs => return Ok(Verified::Sha1(ours)),
            (Some(_), Some(_)) => false,
            (Some(ours), None) if read_back => {
                let mut content = HashOnly::<Sha1>::new();
                self.fetch(path.as_str(), &mut content)
                    .await
                    .map_err(|e| e.in_operation("upload").unconfirmed())?;
                if <[u8; 20]>::from(content.finish()) == ours {
                    return Ok(Verified::ReadBack(ours));
                }
                false
            }
            _ => match file.size {
                None => return Ok(Verified::No),
                Some(size) => size == len,
            },
        };
        if same {
            return Ok(Verified::Size);
        }
        let removed = self.remove(path).await;
        let detail =
            if removed.is_ok() { "it has been deleted again" } else { "it could not be deleted again" };
        Err(Error::new(ErrorKind::Corrupted, "upload").with_detail(detail))
    }
}
