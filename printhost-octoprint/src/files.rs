use alloc::string::String;

use embedded_io_async::Write;
use printhost_core::{Error, ErrorKind, FileEntry, FileInfo, FilePage, Page, RemotePath, Result, Retry};
use printhost_net::{
    Method, NO_BODY, Net,
    proto::{json_items::JsonItems, percent::encode_path},
};

use crate::{
    OctoPrint,
    api::{self, Call},
    commands::reads,
    map, wire,
};

pub(crate) const FILES: &str = "/api/files/local/";
/// No file system has a longer path, in bytes. A page holds many, so each is bounded.
const MAX_PATH: usize = 4096;
/// The longest texts that a single file has, together, in bytes: its path, its hash, its picture's path.
pub(crate) const MAX_TEXT: usize = 1536;

impl<N: Net> OctoPrint<N> {
    /// What a listing shows of a file.
    pub(crate) async fn info(&self, path: RemotePath<'_>) -> Result<FileEntry> {
        self.entry("files", path).await.map(map::file)
    }

    /// What the host knows of a file.
    pub(crate) async fn details(&self, path: &str) -> Result<FileInfo> {
        let operation = "file info";
        let path = RemotePath::parse(path).map_err(|e| e.in_operation(operation))?;
        self.entry(operation, path).await.map(map::details)
    }

    /// A file or folder, as OctoPrint tells it.
    ///
    /// Asked for a file in a folder that does not exist, OctoPrint answers 500 (1.11.8); so then the folders above
    /// are asked for, from the top, where a missing one is a clean 404.
    pub(crate) async fn entry(&self, operation: &'static str, path: RemotePath<'_>) -> Result<wire::File> {
        let asked = self.get(operation, &route(FILES, path)).await;
        if asked.as_ref().is_ok_and(|file: &wire::File| file.text_len() > MAX_TEXT) {
            return Err(Error::new(ErrorKind::TooLarge, operation).with_detail("a file with very long texts"));
        }
        if asked.as_ref().is_err_and(|e: &Error| e.http_status() == Some(500)) {
            for (end, _) in path.as_str().match_indices('/') {
                let folder = RemotePath::parse(&path.as_str()[..end])?;
                self.get::<wire::File>(operation, &route(FILES, folder)).await?;
            }
        }
        if asked.is_ok() && !path.folder().is_empty() && self.home(operation).await?.is_second {
            // 2.0.0rc7 goes on telling of files whose folder was deleted. That the folder's listing begins is enough.
            let folder = RemotePath::parse(path.folder())?;
            self.listing(operation, &route(FILES, folder), Page::first(0)).await?;
        }
        asked
    }

    /// OctoPrint sends whole listings; the entries are taken out one by one, and never is the whole held.
    pub(crate) async fn list(&self, folder: &str, page: Page) -> Result<FilePage> {
        let mut path = match folder {
            "" => String::from("/api/files/local"),
            folder => route(FILES, RemotePath::parse(folder)?),
        };
        path.push_str("?recursive=false");
        self.listing("files", &path, page).await
    }

    /// A page of what a route lists.
    pub(crate) async fn listing(&self, operation: &'static str, path: &str, page: Page) -> Result<FilePage> {
        let mut listing = FilePage::default();
        let (mut skip, mut room) = (page.offset, page.limit);
        // Not self in what is called: a network need not be Sync.
        let login = &self.login;
        self.each(operation, path, &mut |item| {
            if skip > 0 {
                skip -= 1;
            } else if room == 0 {
                listing.more = true;
            } else {
                let file: wire::File = api::parse(login, operation, item)?;
                if file.path.len() > MAX_PATH {
                    return Err(Error::new(ErrorKind::TooLarge, operation)
                        .with_detail(format_args!("a path of {} bytes", file.path.len())));
                }
                listing.entries.push(map::file(file));
                room -= 1;
            }
            Ok(!listing.more)
        })
        .await?;
        Ok(listing)
    }

    /// Hands over the objects of a list one by one, until `take` says that it is enough.
    pub(crate) async fn each(
        &self,
        operation: &'static str,
        path: &str,
        take: &mut (dyn FnMut(&[u8]) -> Result<bool> + Send),
    ) -> Result<()> {
        let response = self.request(Call::get(operation, path), NO_BODY).await?;
        let items = JsonItems::new(self.net.parts().limits().json);
        self.rest().each_item(operation, response, items, take).await
    }

    pub(crate) async fn fetch<W: Write + ?Sized>(&self, path: &str, to: &mut W) -> Result<u64> {
        let file = RemotePath::parse(path)?;
        let path = route("/downloads/files/local/", file);
        let response = self.request(Call::get("download", &path), NO_BODY).await?;
        let told_length = response.content_length().is_some();
        let total = self.rest().copy("download", response, to).await?;
        if !told_length && self.info(file).await?.size.is_some_and(|size| size != total) {
            return Err(Error::new(ErrorKind::Disconnected, "download").with_detail("the file ended early"));
        }
        Ok(total)
    }

    pub(crate) async fn remove(&self, path: RemotePath<'_>) -> Result<()> {
        let route = route(FILES, path);
        let deleted = match self.request(Call::new("delete", Method::Delete, &route), NO_BODY).await {
            Ok(response) => {
                response.finish().await;
                Ok(())
            }
            Err(e) => Err(e),
        };
        match deleted {
            Err(e) if e.retry() == Retry::ReadFirst => {
                for _ in 0..reads(&e) {
                    self.settles(&e).await;
                    let read = self.entry("delete", path).await;
                    if read.is_err_and(|e| e.kind() == ErrorKind::NotFound) {
                        return Ok(());
                    }
                }
                Err(e.unconfirmed())
            }
            result => result,
        }
    }
}

/// The route of a file.
pub(crate) fn route(prefix: &str, path: RemotePath<'_>) -> String {
    let mut route = String::from(prefix);
    encode_path(&mut route, path.as_str());
    route
}
