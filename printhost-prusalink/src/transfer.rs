//! A file on its way to PrusaLink, whoever sends it.

use alloc::string::String;

use printhost_core::{Error, Outcome, Result, Retry};
use printhost_net::{Method, Net};

use crate::{
    PrusaLink,
    api::call,
    host::{Family, Home},
    map, wire,
};

const ROUTE: &str = "/api/v1/transfer";

/// A file on its way to PrusaLink. `None` is "it did not say".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transfer {
    /// The file's name, without its folder.
    pub name: Option<String>,
    /// Bytes of the whole.
    pub size: Option<u64>,
    /// Bytes that have arrived.
    pub transferred: Option<u64>,
}

impl<N: Net> PrusaLink<N> {
    /// The file that is on its way to PrusaLink, also from elsewhere; there is one at most.
    pub async fn present_transfer(&self) -> Result<Option<Transfer>> {
        let operation = "transfer";
        let home = self.home(operation).await?;
        Ok(self.transfer(operation, &home).await?.map(map::transfer))
    }

    /// Stops the file that is on its way to PrusaLink, also one that somebody else sends; without one, it does nothing.
    /// [`Unsupported`](printhost_core::ErrorKind::Unsupported) in the firmware of a printer, which cannot.
    ///
    /// It is noticed by who sends the file with the next piece: an upload then fails with
    /// [`Disconnected`](printhost_core::ErrorKind::Disconnected).
    pub async fn abort_transfer(&self) -> Result<Outcome> {
        let operation = "abort transfer";
        let home = self.home(operation).await?;
        if home.family == Family::Firmware {
            return Err(Error::unsupported(operation));
        }
        // Not of a numbered one, whatever the specification says: it stops the one there is.
        let lost = match self.send(&home, call(operation, Method::Delete, ROUTE)).await {
            Ok(()) => None,
            Err(e) if e.retry() == Retry::ReadFirst => Some(e.unconfirmed()),
            Err(e) => return Err(e),
        };
        self.look.signal(());
        match lost {
            None => Ok(Outcome::accepted()),
            Some(e) => match self.transfer(operation, &home).await {
                Ok(None) => Ok(Outcome::confirmed()),
                _ => Err(e),
            },
        }
    }

    pub(crate) async fn transfer(
        &self,
        operation: &'static str,
        home: &Home,
    ) -> Result<Option<wire::Transfer>> {
        self.get_if_any(operation, home, ROUTE).await
    }
}
