use core::time::Duration;

use printhost_core::{
    Clock as _, Entropy as _, Error, ErrorKind, HashOnly, Hashed, IfExists, PipeReader, Result, Retry,
    Started, Then, Upload, Uploaded, Verified, Verify,
};
use printhost_net::{Body, Method, Net};
use sha1::Sha1;

use crate::{
    PrusaLink,
    api::{Call, JSON},
    folders::There,
    host::{Family, Home, wait},
    names,
};

/// PrusaLink counts in signed numbers.
const MAX_LEN: u64 = i64::MAX as u64;

/// What it takes on a Pi (0.8.1), where the type that is usual for bytes fails, and may cost the old file.
const GCODE: (&str, &str) = ("Content-Type", "text/x.gcode");

impl<N: Net> PrusaLink<N> {
    /// Stores, verifies, and only then starts, by a request of its own: a damaged file never prints.
    pub(crate) async fn store(&self, upload: Upload<'_, PipeReader<'_>>) -> Result<Uploaded> {
        let operation = "upload";
        let refuse = |kind, why: &str| Err(Error::new(kind, operation).with_detail(why));
        let path = names::parse(operation, upload.path)?;
        if upload.len == 0 {
            return refuse(ErrorKind::InvalidInput, "PrusaLink takes no empty file");
        }
        if upload.len > MAX_LEN {
            return refuse(ErrorKind::TooLarge, "no file is that long");
        }
        let home = self.home(operation).await?;
        names::check_new_file(operation, home.family, path)?;
        // One file at a time is all that either family takes.
        let _alone = wait(&self.files, operation).await?;
        let path = path.as_str();
        if !home.takes_files {
            return refuse(ErrorKind::Unsupported, "this PrusaLink is too old to be sent files by PUT");
        }
        // Asked before the transfer, to spare it: the firmware finds out after it.
        match (self.there(operation, &home, path).await?, upload.if_exists) {
            (There::Nothing, _) => {}
            (There::File, IfExists::Replace) => {
                // The Pi (0.8.1) would replace it.
                if self.read(operation, &home, None).await?.prints(home.family, path) {
                    return refuse(ErrorKind::Conflict, "the file is being printed");
                }
            }
            _ => return refuse(ErrorKind::Exists, path),
        }
        // Into folders that it makes for an upload, the Pi (0.8.1) looks too late at times, and never finds the file.
        if home.family == Family::Pi
            && let Some((folder, _)) = path.rsplit_once('/')
        {
            self.make_folders(operation, &home, folder).await?;
        }
        if !self.is_free(operation, &home).await? {
            return refuse(ErrorKind::Busy, "PrusaLink is being sent another file");
        }
        let mut body = Hashed::<_, Sha1>::when(upload.verify == Verify::ReadBack, upload.body);
        let sent = self.put(&home, path, upload.len, upload.if_exists, &mut body).await;
        let sha1 = body.finish().map(<[u8; 20]>::from);
        let verified = match sent {
            Ok(()) => self.verify(&home, path, upload.len, sha1).await?,
            Err(e) if e.retry() == Retry::ReadFirst => {
                self.recover(e, &home, path, upload.len, upload.if_exists, sha1).await?
            }
            Err(e) if e.http_status() == Some(400) && is_unlucky(upload.len) => {
                return Err(Error::new(ErrorKind::InvalidInput, operation).with_http(400).with_detail(
                    "this PrusaLink loses the last byte of a file of just this length; add a line break to it",
                ));
            }
            Err(e) => return Err(e),
        };
        let mut uploaded = Uploaded::new(path, upload.len, verified);
        if upload.then == Then::Print {
            uploaded.started = match self.start_file(path).await {
                Ok(outcome) => Started::Yes(outcome.confirmation),
                Err(e) => Started::No(e),
            };
        }
        Ok(uploaded)
    }

    /// Whether no other file is on its way: waits a while for the end of one, since the Pi (0.8.1) takes a moment to notice
    /// that one was cut. Nobody else looks at the same moments.
    async fn is_free(&self, operation: &'static str, home: &Home) -> Result<bool> {
        let (parts, mut patience) = (self.net.parts(), self.patience());
        while patience.lasts().await {
            if self.transfer(operation, home).await?.is_none() {
                return Ok(true);
            }
            let mut random = [0];
            parts.entropy().fill(&mut random);
            parts.clock().sleep(Duration::from_millis(random[0].into())).await;
        }
        Ok(false)
    }

    async fn put(
        &self,
        home: &Home,
        path: &str,
        len: u64,
        if_exists: IfExists,
        body: &mut Hashed<&mut PipeReader<'_>, Sha1>,
    ) -> Result<()> {
        let route = names::route(home, path);
        let fields = [JSON, GCODE, ("Overwrite", "?1")];
        // Anything but ?1 is no "no" to every version, so it is left out.
        let fields = if if_exists == IfExists::Replace { &fields[..] } else { &fields[..2] };
        let mut call = Call::new("upload", Method::Put, &route).headers(fields);
        // A small host takes a while to write the file out: 4 MiB/s is what an SD card does.
        call.answer = Some(self.net.parts().limits().answer + Duration::from_secs(len >> 22));
        // The Pi has a thread for each request, so there a file holds nobody up.
        let _turn = match home.family {
            Family::Pi => None,
            Family::Firmware => Some(self.turn("upload").await?),
        };
        let response = self.request(home, call, Body::streamed(&[], body, len, &[])).await?;
        response.finish().await;
        Ok(())
    }

    /// The host may have everything, and its answer is lost, or a failure. What was not there before and is as long as
    /// what was sent is ours, and so is what has the same content.
    async fn recover(
        &self,
        lost: Error,
        home: &Home,
        path: &str,
        len: u64,
        if_exists: IfExists,
        sha1: Option<[u8; 20]>,
    ) -> Result<Verified> {
        let operation = "upload";
        if if_exists == IfExists::Fail || sha1.is_some() {
            let (mut patience, mut arrived) = (self.patience(), false);
            while !arrived && patience.lasts().await {
                let entry = self.entry(operation, home, path).await;
                arrived = entry.is_ok_and(|file| file.size == Some(len));
            }
            if arrived && let Ok(verified) = self.verify(home, path, len, sha1).await {
                return Ok(verified);
            }
        }
        // The Pi (0.8.1) fails like that when it is sent another file.
        if lost.http_status() == Some(500)
            && let Ok(Some(_)) = self.transfer(operation, home).await
            && self.there(operation, home, path).await == Ok(There::Nothing)
        {
            return Err(Error::new(ErrorKind::Busy, operation)
                .with_http(500)
                .with_detail("PrusaLink is being sent another file"));
        }
        Err(lost.unconfirmed())
    }

    /// Compares what the host says it has with what was sent. A damaged file is taken off the host again.
    ///
    /// The Pi (0.8.1) shows a file a fifth of a second after it has said that it is stored, and the old one until then.
    async fn verify(&self, home: &Home, path: &str, len: u64, sha1: Option<[u8; 20]>) -> Result<Verified> {
        let operation = "upload";
        let (mut patience, mut differs) = (self.patience(), false);
        while patience.lasts().await {
            differs = match self.entry(operation, home, path).await {
                Ok(file) => match (file.size, sha1) {
                    (None, None) => return Ok(Verified::No),
                    (Some(size), _) if size != len => true,
                    (Some(_), None) => return Ok(Verified::Size),
                    (_, Some(ours)) => {
                        let mut content = HashOnly::<Sha1>::new();
                        let read = self.fetch(operation, path, &mut content).await;
                        read.map_err(Error::unconfirmed)?;
                        if <[u8; 20]>::from(content.finish()) == ours {
                            return Ok(Verified::ReadBack(ours));
                        }
                        true
                    }
                },
                Err(e) if e.kind() == ErrorKind::NotFound => false,
                Err(e) => return Err(e.unconfirmed()),
            };
        }
        if !differs {
            return Err(Error::new(ErrorKind::Unconfirmed, operation)
                .with_detail("the host says that it has stored the file, and does not show it"));
        }
        let detail = match self.remove(operation, home, path).await {
            Ok(()) => "it has been deleted again",
            Err(_) => "it could not be deleted again",
        };
        Err(Error::new(ErrorKind::Corrupted, operation).with_detail(detail))
    }
}

/// The Pi (0.8.1) reads a file in blocks of 65365 bytes, and not the last one if it is a single byte.
const fn is_unlucky(len: u64) -> bool {
    len > 1 && len % 65_365 == 1
}
