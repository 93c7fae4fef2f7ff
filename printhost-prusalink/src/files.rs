use alloc::format;

use printhost_core::{Error, ErrorKind, FileInfo, FilePage, Page, Result};
use printhost_net::{Method, NO_BODY, Net, proto::json_items::JsonItems, rest::not_json};

use crate::{PrusaLink, api::call, host::Home, map, names, wire};

/// No file system has a longer name, in bytes. A page holds many, so each is bounded.
const MAX_NAME: usize = 1024;

impl<N: Net> PrusaLink<N> {
    /// A file or folder, as PrusaLink tells it. A folder comes with everything in it and may be too large for that.
    pub(crate) async fn entry(&self, operation: &'static str, home: &Home, path: &str) -> Result<wire::File> {
        self.get(operation, home, &names::route(home, path)).await
    }

    /// What the host knows of a file.
    pub(crate) async fn details(&self, path: &str) -> Result<FileInfo> {
        let operation = "file info";
        let path = names::parse(operation, path)?.as_str();
        let home = self.home(operation).await?;
        Ok(map::details(path, self.entry(operation, &home, path).await?))
    }

    /// PrusaLink sends whole folders; the entries are taken out one by one, and never is the whole held.
    pub(crate) async fn list(&self, folder: &str, page: Page) -> Result<FilePage> {
        let operation = "files";
        if !folder.is_empty() {
            names::parse(operation, folder)?;
        }
        let home = self.home(operation).await?;
        let mut listing = FilePage::default();
        let (mut skip, mut room) = (page.offset, page.limit);
        // Not self in what is called: a network need not be Sync.
        let login = &self.config.login;
        let mut take = |item: &[u8]| {
            let file: wire::File =
                serde_json::from_slice(item).map_err(|e| not_json(login, operation, item, e))?;
            let Some(path) = map::path_in(folder, &file) else { return Ok(true) };
            if skip > 0 {
                skip -= 1;
            } else if room == 0 {
                listing.more = true;
            } else {
                if path.len() - folder.len() > MAX_NAME {
                    return Err(Error::new(ErrorKind::TooLarge, operation)
                        .with_detail(format!("a name of {} bytes", path.len() - folder.len())));
                }
                listing.entries.push(map::file(path, &file));
                room -= 1;
            }
            Ok(!listing.more)
        };
        self.each(&home, folder, &mut take).await?;
        Ok(listing)
    }

    /// Hands over the entries of a folder one by one, until `take` says that it is enough.
    async fn each(
        &self,
        home: &Home,
        folder: &str,
        take: &mut (dyn FnMut(&[u8]) -> Result<bool> + Send),
    ) -> Result<()> {
        let operation = "files";
        let route = names::route(home, folder);
        let _turn = self.turn(operation).await?;
        let response = self.request(home, call(operation, Method::Get, &route), NO_BODY).await?;
        let items = JsonItems::new(self.net.parts().limits().json);
        self.rest().each_item(operation, response, items, take).await
    }
}
