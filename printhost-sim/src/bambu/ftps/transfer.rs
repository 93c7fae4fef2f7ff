//! Files and listings on their way.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::sleep;

use super::super::fault::BambuFault;
use super::super::shared::Shared;
use super::super::store::{Arriving, parent};
use super::data::{Channel, Refusal};
use super::listing;
use super::session::{Over, Session};

const CHUNK: usize = 16 << 10;
const BUSY: Refusal = (425, "Data channel is in use.");
const BROKEN: Refusal = (426, "Failure reading network stream.");

/// Counts a transfer while it lasts.
struct Counted(Arc<Shared>);

impl Counted {
    /// None while there is another one.
    fn new(shared: &Arc<Shared>) -> Option<Self> {
        let transfers = &mut shared.lock().transfers;
        if transfers.now > 0 {
            return None;
        }
        transfers.now += 1;
        transfers.most = transfers.most.max(transfers.now);
        Some(Self(Arc::clone(shared)))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.lock().transfers.now -= 1;
    }
}

/// How an upload went on after its last byte was taken.
enum Taken {
    Whole,
    /// The card is full.
    Full,
    /// The client broke off.
    Broken,
    /// Both connections are to be reset.
    Reset,
    /// Nothing more happens.
    Stalled,
}

impl Session {
    pub(super) async fn store(&mut self, argument: &str) -> Result<(), Over> {
        let path = self.path(argument);
        let shared = Arc::clone(&self.shared);
        let Some(_counted) = Counted::new(&shared) else { return self.refused(BUSY).await };
        let stream = match self.connected().await {
            Ok(stream) => stream,
            Err(refusal) => return self.refused(refusal).await,
        };
        let (fault, may) = {
            let mut inner = shared.lock();
            let places = inner.store.is_folder(parent(&path)) && !inner.store.is_folder(&path);
            let may = inner.config.card && places && inner.store.used_without(&path) < inner.config.room;
            (if may { inner.faults.take(false) } else { None }, may)
        };
        if !may {
            return self.refused((553, "Could not create file.")).await;
        }
        if let Some(BambuFault::Refuse(code)) = fault {
            return self.refused((code, "Refused.")).await;
        }
        let upload = shared.lock().store.begin(&path);
        self.reply(150, "Ok to send data.").await?;
        let mut channel = match self.secured(stream).await {
            Ok(channel) => channel,
            Err(refusal) => return self.refused(refusal).await,
        };
        let mut arriving = Arriving::new(shared.config.keep_content_up_to);
        let taken = self.take(&mut *channel, &path, upload, &mut arriving, fault).await;
        if let Some(file) = shared.lock().store.written_by(upload) {
            *file = arriving.finish();
        }
        match taken {
            Taken::Stalled => {
                self.hung_up().await;
                return Err(Over);
            }
            Taken::Reset => {
                channel.will_reset();
                self.tls.get_ref().0.set_zero_linger()?;
            }
            _ if shared.config.ftps.close_notify => {
                // Who is gone needs no farewell.
                let _ = channel.shutdown().await;
            }
            _ => {}
        }
        drop(channel);
        match taken {
            Taken::Reset => return Err(Over),
            Taken::Full => return self.refused((552, "Requested file action aborted: no space.")).await,
            Taken::Broken => return self.refused(BROKEN).await,
            Taken::Whole | Taken::Stalled => {}
        }
        self.confirm(fault).await
    }

    async fn confirm(&mut self, fault: Option<BambuFault>) -> Result<(), Over> {
        let delay = match fault {
            Some(BambuFault::LateCompletion(time)) => time,
            _ => self.shared.config.ftps.completion_delay,
        };
        match fault {
            Some(BambuFault::NoCompletion) => {
                // The session is of no use any more.
                self.hung_up().await;
                return Err(Over);
            }
            Some(BambuFault::AnswerBeforeCompletion) => self.answer().await?,
            Some(BambuFault::ResetAfterStoring) => {
                self.tls.get_ref().0.set_zero_linger()?;
                return Err(Over);
            }
            Some(BambuFault::BrokenThoughWhole) => return self.refused(BROKEN).await,
            _ => {}
        }
        if !delay.is_zero() {
            sleep(delay).await;
        }
        Ok(self.reply(226, "Transfer complete.").await?)
    }

    async fn take(
        &mut self,
        channel: &mut dyn Channel,
        path: &str,
        upload: u64,
        arriving: &mut Arriving,
        fault: Option<BambuFault>,
    ) -> Taken {
        let room = {
            let inner = self.shared.lock();
            inner.config.room.saturating_sub(inner.store.used_without(path))
        };
        let end = match fault {
            Some(BambuFault::ResetAfterReceiving(bytes) | BambuFault::StallAfterReceiving(bytes)) => bytes,
            _ => u64::MAX,
        };
        let mut taken = 0_u64;
        let mut chunk = vec![0; CHUNK];
        loop {
            if taken >= end {
                let resets = matches!(fault, Some(BambuFault::ResetAfterReceiving(_)));
                return if resets { Taken::Reset } else { Taken::Stalled };
            }
            let most = usize::try_from(end - taken).unwrap_or(CHUNK).min(CHUNK);
            self.shared.hears().await;
            let read = match channel.read(&mut chunk[..most]).await {
                Ok(0) => return Taken::Whole,
                Ok(read) => read,
                // A client that closes without a farewell has sent everything, as far as anybody can tell.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Taken::Whole,
                Err(_) => return Taken::Broken,
            };
            let bytes = &mut chunk[..read];
            if let Some(BambuFault::FlipBit { byte }) = fault
                && let Some(flipped) = byte.checked_sub(taken).and_then(|at| bytes.get_mut(at as usize))
            {
                *flipped ^= 1;
            }
            let kept = match fault {
                Some(BambuFault::Truncate(length)) => (length.saturating_sub(taken) as usize).min(read),
                _ => read,
            };
            taken += read as u64;
            arriving.push(&bytes[..kept]);
            {
                let mut inner = self.shared.lock();
                inner.transfers.bytes_received += read as u64;
                if let Some(file) = inner.store.written_by(upload) {
                    file.size = arriving.size;
                }
            }
            if arriving.size > room {
                return Taken::Full;
            }
            self.throttle(read).await;
        }
    }

    pub(super) async fn retrieve(&mut self, argument: &str) -> Result<(), Over> {
        let path = self.path(argument);
        let shared = Arc::clone(&self.shared);
        let Some(_counted) = Counted::new(&shared) else { return self.refused(BUSY).await };
        let stream = match self.connected().await {
            Ok(stream) => stream,
            Err(refusal) => return self.refused(refusal).await,
        };
        let has_card = self.has_card();
        let data = shared.lock().store.file(&path).filter(|_| has_card).and_then(|file| file.data.clone());
        let Some(data) = data else { return self.refused((550, "Failed to open file.")).await };
        let fault = shared.lock().faults.take(true);
        self.reply(150, "Opening BINARY mode data connection.").await?;
        let channel = match self.secured(stream).await {
            Ok(channel) => channel,
            Err(refusal) => return self.refused(refusal).await,
        };
        self.give(channel, data, fault).await
    }

    pub(super) async fn list(&mut self, argument: &str, names_only: bool) -> Result<(), Over> {
        // Options, as of `ls`.
        let argument =
            argument.split(' ').filter(|part| !part.starts_with('-')).collect::<Vec<_>>().join(" ");
        let path = self.path(&argument);
        let stream = match self.connected().await {
            Ok(stream) => stream,
            Err(refusal) => return self.refused(refusal).await,
        };
        let text = {
            let inner = self.shared.lock();
            let whole_paths = self.shared.config.ftps.lists_paths;
            let known =
                inner.config.card && (inner.store.is_folder(&path) || inner.store.file(&path).is_some());
            known.then(|| match names_only {
                true => listing::names(&inner.store, &path, whole_paths),
                false => listing::lines(&inner.store, &path),
            })
        };
        let Some(text) = text else { return self.refused((550, "No such file or directory.")).await };
        self.reply(150, "Here comes the directory listing.").await?;
        let channel = match self.secured(stream).await {
            Ok(channel) => channel,
            Err(refusal) => return self.refused(refusal).await,
        };
        self.give(channel, Bytes::from(text), None).await
    }

    async fn give(
        &mut self,
        mut channel: Box<dyn Channel>,
        data: Bytes,
        fault: Option<BambuFault>,
    ) -> Result<(), Over> {
        let end = match fault {
            Some(BambuFault::ResetAfterSending(bytes)) => usize::try_from(bytes).unwrap_or(usize::MAX),
            _ => usize::MAX,
        };
        for chunk in data[..data.len().min(end)].chunks(CHUNK) {
            if channel.write_all(chunk).await.is_err() {
                return self.refused(BROKEN).await;
            }
            self.throttle(chunk.len()).await;
        }
        let _ = channel.flush().await;
        if fault.is_some() {
            channel.will_reset();
            self.tls.get_ref().0.set_zero_linger()?;
            return Err(Over);
        }
        if self.shared.config.ftps.close_notify {
            let _ = channel.shutdown().await;
        }
        drop(channel);
        Ok(self.reply(226, "Transfer complete.").await?)
    }

    async fn refused(&mut self, (code, text): Refusal) -> Result<(), Over> {
        Ok(self.reply(code, text).await?)
    }

    async fn throttle(&self, bytes: usize) {
        if let Some(rate) = self.shared.config.ftps.bytes_per_second {
            sleep(Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64)).await;
        }
    }
}
