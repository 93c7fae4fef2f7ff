//! What changes the tree of files beside uploads: folders, deleting.

use alloc::string::String;

use printhost_core::{Error, ErrorKind, Result, Retry};
use printhost_net::{Method, Net};

use crate::{
    PrusaLink,
    api::{Call, JSON, call},
    host::{Family, Home},
    map, names,
};

/// What there is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum There {
    Nothing,
    File,
    Folder,
}

impl<N: Net> PrusaLink<N> {
    pub(crate) async fn make_folder(&self, path: &str) -> Result<String> {
        let operation = "create folder";
        let path = names::parse(operation, path)?;
        let home = self.home(operation).await?;
        names::check_new(operation, home.family, path)?;
        self.make_folders(operation, &home, path.as_str()).await?;
        Ok(path.as_str().into())
    }

    /// One folder after the other, where there is none yet; each is waited for.
    pub(crate) async fn make_folders(&self, operation: &'static str, home: &Home, path: &str) -> Result<()> {
        let ends = path.match_indices('/').map(|(end, _)| end);
        for end in ends.chain([path.len()]) {
            let folder = &path[..end];
            match self.there(operation, home, folder).await? {
                There::Folder => continue,
                There::File => {
                    return Err(Error::new(ErrorKind::Exists, operation)
                        .with_detail(format_args!("there is a file {folder}")));
                }
                There::Nothing => {}
            }
            let route = names::route(home, folder);
            let create = Call::new(operation, Method::Put, &route).headers(&[JSON, ("Create-Folder", "?1")]);
            let lost = match self.send(home, create).await {
                Ok(()) => None,
                // Somebody else was faster.
                Err(e) if e.kind() == ErrorKind::Exists => None,
                Err(e) if e.retry() == Retry::ReadFirst => Some(e),
                Err(e) => return Err(e),
            };
            // The Pi (0.8.1) shows it a fifth of a second after it has answered.
            let (mut patience, mut shows) = (self.patience(), false);
            while !shows && patience.lasts().await {
                shows = self.there(operation, home, folder).await == Ok(There::Folder);
            }
            if !shows {
                let unseen = || {
                    Error::new(ErrorKind::Unconfirmed, operation)
                        .with_detail("the host does not show the new folder")
                };
                return Err(lost.map_or_else(unseen, Error::unconfirmed));
            }
        }
        Ok(())
    }

    /// A folder is refused by PrusaLink when there is something in it, as long as nobody forces it.
    pub(crate) async fn delete_entry(&self, path: &str) -> Result<()> {
        let operation = "delete";
        let path = names::parse(operation, path)?.as_str();
        let home = self.home(operation).await?;
        self.remove(operation, &home, path).await
    }

    pub(crate) async fn remove(&self, operation: &'static str, home: &Home, path: &str) -> Result<()> {
        let route = names::route(home, path);
        let lost = match self.send(home, call(operation, Method::Delete, &route)).await {
            Ok(()) => None,
            // The firmware says of a folder with something in it that there is none.
            Err(e) if e.kind() == ErrorKind::NotFound && home.family == Family::Firmware => {
                return match self.there(operation, home, path).await? {
                    There::Folder => Err(Error::new(ErrorKind::Conflict, operation)
                        .with_detail("the folder is not empty, or is being used")),
                    _ => Err(e),
                };
            }
            Err(e) if e.retry() == Retry::ReadFirst => Some(e),
            Err(e) => return Err(e),
        };
        // The Pi (0.8.1) goes on showing it for a moment.
        let (mut patience, mut gone) = (self.patience(), false);
        while !gone && patience.lasts().await {
            gone = self.there(operation, home, path).await == Ok(There::Nothing);
        }
        match lost {
            Some(e) if !gone => Err(e.unconfirmed()),
            _ => Ok(()),
        }
    }

    /// Whether there is a file or a folder.
    pub(crate) async fn there(&self, operation: &'static str, home: &Home, path: &str) -> Result<There> {
        match self.entry(operation, home, path).await {
            Ok(file) if map::is_folder(&file) => Ok(There::Folder),
            Ok(_) => Ok(There::File),
            // No file's entry is that long.
            Err(e) if e.kind() == ErrorKind::TooLarge => Ok(There::Folder),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(There::Nothing),
            Err(e) => Err(e),
        }
    }
}
