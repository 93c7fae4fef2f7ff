use alloc::{string::String, vec};

use embedded_io_async::{Read, Write};
use printhost_core::{Error, ErrorKind, FileEntry, FilePage, Page, RemotePath, Result, Retry};
use printhost_net::{
    Method, NO_BODY, Net,
    proto::{json_items::JsonItems, percent::encode_path},
};

use crate::{
    OctoPrint,
    api::{Call, HTML},
    map, wire,
};

const FILES: &str = "/api/files/local/";

impl<N: Net> OctoPrint<N> {
    /// What the host knows of a file.
    ///
    /// Asked for a file in a folder that does not exist, OctoPrint answers 500 (1.11.8); so then the folders above
    /// are asked for, from the top, where a missing one is a clean 404.
    pub(crate) async fn info(&self, path: RemotePath<'_>) -> Result<FileEntry> {
        let asked = self.get("files", &route(FILES, path)).await.map(map::file);
        if asked.as_ref().is_err_and(|e| e.http_status() == Some(500)) {
            for (end, _) in path.as_str().match_indices('/') {
                let folder = RemotePath::parse(&path.as_str()[..end])?;
                self.get::<wire::File>("files", &route(FILES, folder)).await?;
            }
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
        let call =
            Call { operation: "files", method: Method::Get, path: &path, content_type: None, answer: None };
        let mut response = self.request(call, NO_BODY).await?;
        self.uncompressed("files", &response)?;
        let limits = self.net.parts().limits();
        let mut items = JsonItems::new(limits.json);
        let mut listing = FilePage::default();
        let (mut skip, mut room) = (page.offset, page.limit);
        let mut buf = vec![0; limits.chunk];
        let mut first = true;
        loop {
            let n = response.read(&mut buf).await.map_err(|e| e.in_operation("files"))?;
            if n == 0 {
                items.finish().map_err(|e| e.in_operation("files"))?;
                return Ok(listing);
            }
            if core::mem::take(&mut first) && buf[..n].trim_ascii_start().starts_with(b"<") {
                return Err(Error::new(ErrorKind::Protocol, "files").with_detail(HTML));
            }
            let more = items.feed(&buf[..n], |item| {
                if skip > 0 {
                    skip -= 1;
                } else if room == 0 {
                    listing.more = true;
                } else {
                    let file: wire::File = self.parse("files", item)?;
                    listing.entries.push(map::file(file));
                    room -= 1;
                }
                Ok(!listing.more)
            });
            if !more.map_err(|e| e.in_operation("files"))? {
                return Ok(listing);
            }
        }
    }

    pub(crate) async fn fetch<W: Write + ?Sized>(&self, path: &str, to: &mut W) -> Result<u64> {
        let file = RemotePath::parse(path)?;
        let path = route("/downloads/files/local/", file);
        let call = Call {
            operation: "download",
            method: Method::Get,
            path: &path,
            content_type: None,
            answer: None,
        };
        let mut response = self.request(call, NO_BODY).await?;
        self.uncompressed("download", &response)?;
        let told_length = response.content_length().is_some();
        let mut buf = vec![0; self.net.parts().limits().chunk];
        let mut total = 0;
        loop {
            let n = response.read(&mut buf).await.map_err(|e| e.in_operation("download"))?;
            if n == 0 {
                to.flush().await.map_err(sink)?;
                if !told_length && self.info(file).await?.size.is_some_and(|size| size != total) {
                    return Err(
                        Error::new(ErrorKind::Disconnected, "download").with_detail("the file ended early")
                    );
                }
                return Ok(total);
            }
            to.write_all(&buf[..n]).await.map_err(sink)?;
            total += n as u64;
        }
    }

    pub(crate) async fn remove(&self, path: &str) -> Result<()> {
        let path = RemotePath::parse(path)?;
        let route = route(FILES, path);
        let call = Call {
            operation: "delete",
            method: Method::Delete,
            path: &route,
            content_type: None,
            answer: None,
        };
        let deleted = match self.request(call, NO_BODY).await {
            Ok(response) => {
                response.finish().await;
                Ok(())
            }
            Err(e) => Err(e),
        };
        match deleted {
            Err(e) if e.retry() == Retry::ReadFirst => match self.info(path).await {
                Err(gone) if gone.kind() == ErrorKind::NotFound => Ok(()),
                _ => Err(e.unconfirmed()),
            },
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

fn sink<E: core::error::Error>(error: E) -> Error {
    Error::new(ErrorKind::Sink, "download").with_detail(error)
}
