//! Storing a file, and printing it.

use alloc::boxed::Box;

use printhost_core::{
    Error, ErrorKind, Hashed, IfExists, PipeReader, RemotePath, Result, Started, Then, Upload, Uploaded,
    Verified, Verify,
};
use printhost_net::{Net, ftp::PARTIAL};
use sha1::Sha1;

use crate::{
    Bambu, StartOptions,
    files::{Files, There},
    jobs::is_project,
    live::Stored,
    plates::{Glance, Scanned},
};

impl<N: Net> Bambu<N> {
    /// Stores under another name first where the printer can rename, so that nothing partial ever has the file's own, nor
    /// anything that was not looked at; then gives it its name, and only then starts: the only plate of a project there is,
    /// and none where there are others.
    pub(crate) async fn store(&self, upload: Upload<'_, PipeReader<'_>>) -> Result<Uploaded> {
        let operation = "upload";
        let path = RemotePath::parse(upload.path).map_err(|e| e.in_operation(operation))?;
        if path.name().len() > 255 - PARTIAL.len() || path.name().ends_with(PARTIAL) {
            let why = "the name is too long, or is one of a file that is not complete";
            return Err(Error::new(ErrorKind::InvalidInput, operation).with_detail(why));
        }
        if upload.then == Then::Print {
            // Not after the file was sent.
            self.admit(operation).await?;
        }
        if upload.if_exists == IfExists::Replace {
            Box::pin(self.must_not_print(operation, path.as_str())).await?;
        }
        let mut scanned = Scanned::when(is_project(path.name()), upload.body);
        let mut body = Hashed::<_, Sha1>::when(upload.verify == Verify::ReadBack, &mut scanned);
        let mut files = Box::pin(self.open_files(operation)).await?;
        let stored = async {
            match files.there(path.as_str()).await? {
                There::Nothing => {}
                There::File(_) if upload.if_exists == IfExists::Replace => {}
                _ => return Err(Error::new(ErrorKind::Exists, operation).with_detail(upload.path)),
            }
            if !path.folder().is_empty() {
                files.make_dirs(path.folder()).await?;
            }
            let replaces = upload.if_exists == IfExists::Replace;
            self.forget(path.as_str());
            if replaces {
                // Who had the connection for files may have had it for long, and not every server keeps the older one until
                // this is whole.
                Box::pin(self.must_not_print(operation, path.as_str())).await?;
            }
            let staged = Box::pin(files.ftp.stage(path.as_str(), &mut body, upload.len, replaces)).await?;
            let sha1 = body.finish().map(Into::into);
            let verified = Box::pin(verify(&mut files, &staged.name, upload.len, sha1)).await?;
            if replaces && staged.is_partial {
                // Somebody may have begun to print the older one meanwhile.
                if let Err(error) = Box::pin(self.must_not_print(operation, path.as_str())).await {
                    return Err(Box::pin(files.ftp.abandon(&staged, error)).await);
                }
            }
            Box::pin(files.ftp.publish(path.as_str(), &staged, replaces)).await?;
            Ok(verified)
        };
        let verified = Box::pin(stored).await.map_err(|e| e.in_operation(operation));
        files.close().await;
        let mut uploaded = Uploaded::new(path.as_str(), upload.len, verified?);
        if let Some((plates, md5)) = scanned.finish() {
            let stored = Stored { path: path.as_str().into(), len: upload.len, plates, md5 };
            self.with_live(|live| live.stored = Some(stored));
        }
        if upload.then == Then::Print {
            let options = StartOptions::default();
            uploaded.started = match Box::pin(self.start_with(path.as_str(), &options)).await {
                Ok(outcome) => Started::Yes(outcome.confirmation),
                Err(e) => Started::No(e),
            };
        }
        Ok(uploaded)
    }
}

/// By what the server has now. A damaged file is taken off the printer again.
async fn verify<N: Net>(
    files: &mut Files<'_, N>,
    path: &str,
    len: u64,
    sha1: Option<[u8; 20]>,
) -> Result<Verified> {
    let operation = "upload";
    let open = |e: Error| match path.ends_with(PARTIAL) {
        true => e.in_operation(operation),
        false => e.in_operation(operation).unconfirmed(),
    };
    let corrupted = |what: &str| Error::new(ErrorKind::Corrupted, operation).with_detail(what);
    let error = match files.ftp.size(path).await {
        Ok(size) if size != len => corrupted("the size is another one"),
        Err(e) if e.kind() == ErrorKind::NotFound => return Err(corrupted("the printer has not kept it")),
        // Something was stored, nobody can say how much of it; and it may have its name already.
        Err(e) if e.kind() != ErrorKind::Unsupported => return Err(open(e)),
        size => {
            let Some(ours) = sha1 else {
                return Ok(if size.is_ok() { Verified::Size } else { Verified::No });
            };
            let mut content = Glance::new();
            files.ftp.retrieve(path, &mut content).await.map_err(open)?;
            if content.sha1() == ours {
                return Ok(Verified::ReadBack(ours));
            }
            corrupted("the printer hands out something else")
        }
    };
    Err(match files.ftp.delete(path).await {
        Ok(()) => error.with_detail("it has been deleted again"),
        Err(_) => error.with_detail("it could not be deleted again"),
    })
}
