//! Who asks for what is not told: everything at the begin, and now and then again.

use alloc::vec::Vec;
use core::{convert::Infallible, time::Duration};

use embassy_futures::select::{Either, select};
use printhost_core::{Clock as _, Error, ErrorKind, Result};
use printhost_net::Net;

use crate::{
    Bambu,
    wire::orders::{get_version, push_all},
};

/// How long the first whole report may take; it is asked for twice meanwhile.
const FIRST: Duration = Duration::from_secs(5);
/// Printers that tell changes are asked for everything so often, and no more: it is work for the small ones.
const EVERYTHING: Duration = Duration::from_secs(300);
/// A printer that has told nothing for so long is asked something.
const QUIET: Duration = Duration::from_secs(30);
/// And is deaf, or no longer heard, when it does not answer that.
const ANSWERS: Duration = Duration::from_secs(10);

impl<N: Net> Bambu<N> {
    /// Brings a connection to know everything, and keeps it so.
    pub(crate) async fn keep(&self) -> Result<Infallible> {
        self.learn_everything().await?;
        self.catch_up();
        let clock = self.net.parts().clock();
        let mut told = clock.now();
        loop {
            let heard = self.with_live(|live| live.heard);
            let renew = self.until(|live| live.renew.clone());
            if let Either::First(why) = select(renew, clock.sleep(QUIET)).await {
                return Err(Error::new(ErrorKind::Disconnected, "run")
                    .with_detail(why.detail().unwrap_or("the printer takes no orders any more")));
            }
            if self.with_live(|live| live.heard) == heard {
                self.is_there().await?;
            }
            if clock.now().saturating_sub(told) >= EVERYTHING {
                told = clock.now();
                self.tell(push_all()).await?;
            }
        }
    }

    async fn learn_everything(&self) -> Result<()> {
        let is_whole = |live: &mut crate::live::Live| live.is_whole.then_some(());
        for _ in 0..2 {
            self.tell(get_version()).await?;
            self.tell(push_all()).await?;
            if self.until_or(FIRST, is_whole).await.is_some() {
                return Ok(());
            }
        }
        // Some may never call a report a whole one.
        if self.with_live(|live| live.report().gcode_state.is_some()) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Timeout, "run")
            .with_detail("the printer tells nothing; is the serial number right, with its capitals?"))
    }

    /// Sends an order of the connection's own, and does not wait for an answer.
    async fn tell(&self, order: crate::wire::orders::Order) -> Result<()> {
        let ticket = self.send("run", &order, true)?;
        let handed = self.until_or(ANSWERS, |live| live.desk.is_handed(ticket.number).then_some(()));
        match handed.await {
            Some(()) => Ok(()),
            None => Err(Error::new(ErrorKind::Timeout, "run").with_detail("the connection takes nothing")),
        }
    }

    async fn is_there(&self) -> Result<()> {
        let heard = self.with_live(|live| live.heard);
        self.tell(get_version()).await?;
        match self.until_or(ANSWERS, |live| (live.heard != heard).then_some(())).await {
            Some(()) => Ok(()),
            None => Err(Error::new(ErrorKind::Timeout, "run").with_detail("the printer has gone silent")),
        }
    }

    /// What has happened since the last connection, and what is now.
    fn catch_up(&self) {
        self.change(|live| {
            let status = live.status();
            let events: Vec<_> = live.observe(&status);
            events.into_iter().for_each(|event| self.bus.publish_job(event));
            live.synced = true;
            self.bus.publish_resynced(status);
            live.desk.open();
        });
    }
}
