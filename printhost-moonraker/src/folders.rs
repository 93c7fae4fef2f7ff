//! What changes the tree of files beside uploads: folders, moving, deleting.

use alloc::{format, string::String};

use printhost_core::{Clock as _, Error, ErrorKind, RemotePath, Result, Retry};
use printhost_net::{Method, Net};

use crate::{Moonraker, api::Call, download::route, files::There, jobs::ours, wire::rpc::quoted};

/// Before the host is read after an answer was lost: what was sent may still be on its way through it.
const SETTLES: core::time::Duration = core::time::Duration::from_millis(400);
/// How often it is read then.
const READS: u8 = 3;

impl<N: Net> Moonraker<N> {
    pub(crate) async fn make_folders(&self, path: &str) -> Result<String> {
        let operation = "create folder";
        let path = ours(operation, path)?.as_str();
        let ends = path.match_indices('/').map(|(end, _)| end);
        for end in ends.chain([path.len()]) {
            let folder = &path[..end];
            match self.there(operation, folder).await? {
                There::Folder => continue,
                There::File(_) => {
                    return Err(Error::new(ErrorKind::Exists, operation)
                        .with_detail(format_args!("there is a file {folder}")));
                }
                There::Nothing => {}
            }
            let params = format!(r#"{{"path":{}}}"#, quoted(&in_root(folder)));
            match self.send(operation, "server.files.post_directory", &params).await {
                Ok(_) => {}
                // Somebody else was faster.
                Err(e) if e.kind() == ErrorKind::Exists => {}
                Err(e) => self.settle_by(operation, e, folder, |there| there == There::Folder).await?,
            }
        }
        Ok(path.into())
    }

    /// A folder is deleted when there is nothing in it but what Moonraker itself has put there: pictures of files that
    /// are gone.
    pub(crate) async fn delete_entry(&self, path: &str) -> Result<()> {
        let operation = "delete";
        let path = ours(operation, path)?;
        match self.there(operation, path.as_str()).await? {
            There::Nothing => {
                Err(Error::new(ErrorKind::NotFound, operation).with_detail("there is no such file"))
            }
            There::File(_) => self.remove(operation, path).await,
            There::Folder => {
                let mut is_empty = true;
                self.each_entry(operation, path.as_str(), &mut |_| {
                    is_empty = false;
                    Ok(false)
                })
                .await?;
                if !is_empty {
                    return Err(Error::new(ErrorKind::Conflict, operation)
                        .with_detail("there is something in the folder"));
                }
                let params = format!(r#"{{"path":{},"force":true}}"#, quoted(&in_root(path.as_str())));
                match self.send(operation, "server.files.delete_directory", &params).await {
                    Ok(_) => Ok(()),
                    Err(e) => self.settle_by(operation, e, path.as_str(), |t| t == There::Nothing).await,
                }
            }
        }
    }

    pub(crate) async fn remove(&self, operation: &'static str, path: RemotePath<'_>) -> Result<()> {
        let base = self.base(operation).await?;
        let route = route(path.as_str());
        match self.request(&base, Call::new(operation, Method::Delete, &route), &[]).await {
            Ok(response) => {
                response.finish().await;
                Ok(())
            }
            Err(e) if e.kind() == ErrorKind::Conflict => Err(e.with_detail("the file is in use")),
            Err(e) => self.settle_by(operation, e, path.as_str(), |there| there == There::Nothing).await,
        }
    }

    /// Looks before, since Moonraker moves a file over another one, and into a folder that has the name of its
    /// destination.
    pub(crate) async fn relocate(&self, from: &str, to: &str) -> Result<String> {
        let operation = "move file";
        let (from, to) = (ours(operation, from)?, ours(operation, to)?);
        if self.there(operation, to.as_str()).await? != There::Nothing {
            return Err(Error::new(ErrorKind::Exists, operation).with_detail(to.as_str()));
        }
        let params = format!(
            r#"{{"source":{},"dest":{}}}"#,
            quoted(&in_root(from.as_str())),
            quoted(&in_root(to.as_str()))
        );
        match self.there(operation, from.as_str()).await? {
            There::Nothing => {
                return Err(Error::new(ErrorKind::NotFound, operation).with_detail("there is no such file"));
            }
            There::Folder | There::File(_) => {}
        }
        if !to.folder().is_empty() && self.there(operation, to.folder()).await? != There::Folder {
            return Err(Error::new(ErrorKind::NotFound, operation).with_detail("there is no such folder"));
        }
        match self.send(operation, "server.files.move", &params).await {
            Ok(_) => {}
            Err(e) => self.settle_by(operation, e, to.as_str(), |there| there != There::Nothing).await?,
        }
        Ok(to.as_str().into())
    }

    /// When an answer was lost, what is there settles whether it was done.
    pub(crate) async fn settle_by(
        &self,
        operation: &'static str,
        lost: Error,
        path: &str,
        is_done: impl Fn(There) -> bool,
    ) -> Result<()> {
        if lost.retry() != Retry::ReadFirst {
            return Err(lost);
        }
        for _ in 0..READS {
            self.net.parts().clock().sleep(SETTLES).await;
            if self.there(operation, path).await.is_ok_and(&is_done) {
                return Ok(());
            }
        }
        Err(lost.unconfirmed())
    }
}

/// A path with the name of the root for G-code, as most calls want it.
pub(crate) fn in_root(path: &str) -> String {
    format!("gcodes/{path}")
}
