//! What changes the tree of files: folders, moving, copying, deleting.

use alloc::string::String;

use printhost_core::{Error, ErrorKind, Page, RemotePath, Result, Retry};
use printhost_net::{Body, Method, Net, proto::percent::encode_component};

use crate::{
    OctoPrint,
    api::Call,
    commands::reads,
    files::{FILES, route},
    jobs::refused,
    wire,
    wire::Order,
};

/// Both take a file to another path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relocation {
    Copy,
    Move,
}

impl<N: Net> OctoPrint<N> {
    /// Copies a stored file (or a folder with everything in it) and returns the path it really got.
    /// `POST /api/files/local/{path}`, permissions FILES_LIST and FILES_UPLOAD.
    ///
    /// [`ErrorKind::Exists`] when there is something at `to`, also under the name OctoPrint makes of it: nothing is
    /// replaced. [`ErrorKind::NotFound`] when there is no file, or no such folder to copy it into.
    pub async fn copy_file(&self, from: &str, to: &str) -> Result<String> {
        self.relocate(Relocation::Copy, from, to).await
    }

    /// Looks before, since OctoPrint moves a file into a folder that has the name of its destination, and 1.x tells
    /// the path that was asked for instead of the one it made of it.
    pub(crate) async fn relocate(&self, how: Relocation, from: &str, to: &str) -> Result<String> {
        let (operation, command) = match how {
            Relocation::Copy => ("copy file", "copy"),
            Relocation::Move => ("move file", "move"),
        };
        let from = RemotePath::parse(from).map_err(|e| e.in_operation(operation))?;
        let to = RemotePath::parse(to).map_err(|e| e.in_operation(operation))?;
        let stored = self.name_on_host(operation, to).await?;
        let to = RemotePath::parse(&stored).map_err(|e| e.in_operation(operation))?;
        match self.entry(operation, to).await {
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Ok(_) => return Err(Error::new(ErrorKind::Exists, operation).with_detail(&stored)),
            Err(e) if e.kind() == ErrorKind::TooLarge => {
                return Err(Error::new(ErrorKind::Exists, operation).with_detail(&stored));
            }
            Err(e) => return Err(e),
        }
        if !to.folder().is_empty() {
            let folder = RemotePath::parse(to.folder()).map_err(|e| e.in_operation(operation))?;
            if !self.is_there(operation, folder).await? {
                return Err(Error::new(ErrorKind::NotFound, operation)
                    .with_detail(format_args!("there is no folder {}", folder.as_str())));
            }
        }
        let order = Order { destination: Some(to.as_str()), ..Order::new(command) };
        match self.post(operation, &route(FILES, from), order.json()).await {
            Ok(()) => Ok(stored),
            Err(e) if e.retry() == Retry::ReadFirst => {
                for _ in 0..reads(&e) {
                    self.settles(&e).await;
                    let done = match how {
                        Relocation::Copy => self.is_as_long(operation, from, to).await,
                        Relocation::Move => {
                            self.is_there(operation, to).await == Ok(true)
                                && self.is_there(operation, from).await == Ok(false)
                        }
                    };
                    if done {
                        return Ok(stored);
                    }
                }
                Err(e.unconfirmed())
            }
            Err(e) => Err(e),
        }
    }

    /// One folder after the other: OctoPrint fails where the folder above is missing.
    pub(crate) async fn make_folders(&self, path: &str) -> Result<String> {
        let operation = "create folder";
        let path = RemotePath::parse(path).map_err(|e| e.in_operation(operation))?;
        let mut made = String::new();
        for name in path.as_str().split('/') {
            let mut form = String::from("foldername=");
            encode_component(&mut form, name);
            form.push_str("&path=");
            encode_component(&mut form, &made);
            let call = Call::new(operation, Method::Post, "/api/files/local")
                .headers(&[("Content-Type", "application/x-www-form-urlencoded")]);
            let sent = match self.request(call, Body::bytes(form.as_bytes())).await {
                Ok(response) => self
                    .body(operation, response)
                    .await
                    .and_then(|bytes| self.parse::<wire::FolderDone>(operation, &bytes))
                    .map_err(|e| e.with_retry(Retry::ReadFirst)),
                Err(e) => Err(e),
            };
            made = match sent {
                Ok(done) => done.folder.path,
                // A file has that name, or one that OctoPrint keeps for files.
                Err(e) if e.http_status() == Some(409) => {
                    return Err(Error::new(ErrorKind::Exists, operation)
                        .with_http(409)
                        .with_detail(e.detail().unwrap_or_default()));
                }
                Err(e) if e.retry() == Retry::ReadFirst => {
                    let mut folder = made;
                    if !folder.is_empty() {
                        folder.push('/');
                    }
                    folder.push_str(name);
                    let path = RemotePath::parse(&folder).map_err(|e| e.in_operation(operation))?;
                    let mut there = false;
                    for _ in 0..reads(&e) {
                        self.settles(&e).await;
                        there = self.is_there(operation, path).await == Ok(true);
                        if there {
                            break;
                        }
                    }
                    if !there {
                        return Err(e.unconfirmed());
                    }
                    folder
                }
                Err(e) => return Err(e),
            };
        }
        Ok(made)
    }

    /// OctoPrint deletes a folder with everything in it, so what is in it is looked at before.
    pub(crate) async fn delete_entry(&self, path: &str) -> Result<()> {
        let operation = "delete";
        let parsed = RemotePath::parse(path).map_err(|e| e.in_operation(operation))?;
        let filled = match self.entry(operation, parsed).await {
            // What is not told may be there.
            Ok(file) => file.kind.as_deref() == Some("folder") && file.children != Some(false),
            // No file's entry is that long.
            Err(e) if e.kind() == ErrorKind::TooLarge => true,
            Err(e) => return Err(e),
        };
        if filled {
            return Err(Error::new(ErrorKind::Conflict, operation).with_detail("the folder is not empty"));
        }
        self.remove(parsed).await
    }

    /// What OctoPrint makes of a path. Old versions do not say; then it is the path that is asked for.
    async fn name_on_host(&self, operation: &'static str, path: RemotePath<'_>) -> Result<String> {
        let order = Order {
            storage: Some("local"),
            path: Some(path.folder()),
            filename: Some(path.name()),
            ..Order::new("sanitize")
        };
        match self.post_for::<wire::Sanitized>(operation, "/api/files/test", order.json()).await {
            Ok(name) => Ok(name.sanitized),
            Err(e) if matches!(e.http_status(), Some(404 | 405)) => Ok(path.as_str().into()),
            // Nothing was changed by asking.
            Err(e) if e.retry() == Retry::ReadFirst => Err(e.with_retry(Retry::Safe)),
            Err(e) if e.http_status() == Some(400) => Err(refused(operation, e.detail().unwrap_or_default())),
            Err(e) => Err(e),
        }
    }

    /// Whether a copy is as long as what was copied: it is listed as soon as it has begun. Of a folder too large to be
    /// told in one piece nobody knows.
    async fn is_as_long(&self, operation: &'static str, one: RemotePath<'_>, other: RemotePath<'_>) -> bool {
        let Ok(one) = self.entry(operation, one).await else { return false };
        let other = self.entry(operation, other).await;
        one.size.is_some() && other.is_ok_and(|other| other.size == one.size)
    }

    /// Whether there is a file or folder.
    async fn is_there(&self, operation: &'static str, path: RemotePath<'_>) -> Result<bool> {
        // The listing of a folder may be long; that it begins is enough.
        match self.listing(operation, &route(FILES, path), Page::first(0)).await {
            Ok(_) => Ok(true),
            Err(e) if matches!(e.http_status(), Some(404 | 500)) => match self.entry(operation, path).await {
                Ok(_) => Ok(true),
                Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
                Err(e) => Err(e),
            },
            Err(e) => Err(e),
        }
    }
}
