use alloc::{format, string::String};

use printhost_core::{Error, ErrorKind, FileEntry, FileInfo, FilePage, Page, Result};
use printhost_net::{
    Method, Net,
    proto::{json_items::JsonItems, percent::encode_component},
    rest::not_json,
};

use crate::{
    Moonraker,
    api::{Call, Question},
    download::route,
    jobs::ours,
    map,
    wire::{self, rpc::quoted},
};

/// No file system has a longer name, in bytes. A page holds many, so each is bounded.
const MAX_NAME: usize = 255;

/// What there is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum There {
    Nothing,
    /// A file of so many bytes.
    File(u64),
    Folder,
}

impl<N: Net> Moonraker<N> {
    /// Whether there is a file or a folder.
    pub(crate) async fn there(&self, operation: &'static str, path: &str) -> Result<There> {
        let base = self.base(operation).await?;
        let route = route(path);
        match self.request(&base, Call::new(operation, Method::Head, &route), &[]).await {
            Ok(response) => {
                let len = response.content_length().unwrap_or_default();
                response.finish().await;
                Ok(There::File(len))
            }
            // It hands out files only.
            Err(e) if e.http_status() == Some(403) => Ok(There::Folder),
            Err(e) if e.http_status() == Some(404) => Ok(There::Nothing),
            Err(e) => Err(e),
        }
    }

    /// What the host knows of a file. Of a file that is no G-code, or was not looked into yet, that is its size.
    pub(crate) async fn details(&self, path: &str) -> Result<FileInfo> {
        let operation = "file info";
        let path = ours(operation, path)?.as_str();
        match self.metadata(operation, path).await {
            Ok(metadata) => Ok(map::details(path, metadata)),
            Err(e) if e.kind() == ErrorKind::NotFound => {
                let mut info = FileInfo::default();
                info.entry.path = path.into();
                match self.there(operation, path).await? {
                    There::File(size) => info.entry.size = Some(size),
                    There::Folder => info.entry.is_folder = true,
                    There::Nothing => return Err(e),
                }
                Ok(info)
            }
            Err(e) => Err(e),
        }
    }

    pub(crate) async fn metadata(&self, operation: &'static str, path: &str) -> Result<wire::Metadata> {
        let params = format!(r#"{{"filename":{}}}"#, quoted(path));
        let mut address = String::from("/server/files/metadata?filename=");
        encode_component(&mut address, path);
        let method = "server.files.metadata";
        self.ask(Question { operation, method, params: &params, path: &address }).await
    }

    /// Moonraker sends whole folders; the entries are taken out one by one, and never is the whole held.
    pub(crate) async fn list(&self, folder: &str, page: Page) -> Result<FilePage> {
        let operation = "files";
        if !folder.is_empty() {
            ours(operation, folder)?;
        }
        let mut listing = FilePage::default();
        let (mut skip, mut room) = (page.offset, page.limit);
        self.each_entry(operation, folder, &mut |entry| {
            if skip > 0 {
                skip -= 1;
            } else if room == 0 {
                listing.more = true;
            } else {
                listing.entries.push(entry);
                room -= 1;
            }
            Ok(!listing.more)
        })
        .await?;
        Ok(listing)
    }

    /// Hands over what is in a folder, until `take` says that it is enough.
    pub(crate) async fn each_entry(
        &self,
        operation: &'static str,
        folder: &str,
        take: &mut (dyn FnMut(FileEntry) -> Result<bool> + Send),
    ) -> Result<()> {
        let route = directory(folder);
        // Not self in what is called: a network need not be Sync.
        let login = &self.config.login;
        self.each(operation, &route, &mut |item| {
            let item: wire::DirectoryItem =
                serde_json::from_slice(item).map_err(|e| not_json(login, operation, item, e))?;
            let Some(entry) = map::entry(folder, item) else { return Ok(true) };
            if entry.path.len() > folder.len() + 1 + MAX_NAME {
                return Err(Error::new(ErrorKind::TooLarge, operation)
                    .with_detail(format_args!("a name of {} bytes", entry.path.len() - folder.len())));
            }
            take(entry)
        })
        .await
    }

    /// Hands over the objects of the lists in `result` one by one, until `take` says that it is enough.
    pub(crate) async fn each(
        &self,
        operation: &'static str,
        path: &str,
        take: &mut (dyn FnMut(&[u8]) -> Result<bool> + Send),
    ) -> Result<()> {
        let base = self.base(operation).await?;
        let response = self.request(&base, Call::get(operation, path), &[]).await?;
        let items = JsonItems::new(self.net.parts().limits().json).nested();
        self.rest().each_item(operation, response, items, take).await
    }
}

/// Where a folder is listed.
pub(crate) fn directory(folder: &str) -> String {
    let mut route = String::from("/server/files/directory?extended=false&path=gcodes");
    if !folder.is_empty() {
        route.push('/');
        encode_component(&mut route, folder);
    }
    route
}
