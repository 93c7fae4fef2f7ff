use core::time::Duration;

use printhost::{
    Error, ErrorKind, Event, Events, IfExists, JobEnd, PrintHost, PrinterUrl, Progress, Result, Started,
    Upload, Uploaded, beside, follow,
    net::{BaseUrl, Limits, Method, NO_BODY, Net, Request, Scheme, http::ResponseOf, within},
};

use crate::{
    Budget,
    admission::{Admitted, connections},
};

/// Limits for a relay into OctoPrint: its longest answer to one has 1.5 KiB, and of a longer message the beginning is
/// enough.
pub const SMALL: Limits = {
    let mut limits = Limits::DEVICE;
    (limits.json, limits.message, limits.chunk) = (3 << 10, 2 << 10, 512);
    limits
};

/// How long the push connection may take before the relay goes on without it.
const PUSH: Duration = Duration::from_secs(15);

/// The longest head that a request has beside its target, and the longest error, in bytes.
const WORDS: usize = 256;

/// How many encrypted connections a relay from this server into this printer has at once: what TLS should be limited to on
/// a chip. Those that the printer's driver needs, and that to the server.
pub fn encrypted_at_once(printer: &PrinterUrl, source: &BaseUrl) -> usize {
    let count = |url: &BaseUrl, connections| if url.origin.scheme == Scheme::Https { connections } else { 0 };
    count(printer.base(), printer.protocol().connections()) + count(source, 1)
}

/// What to fetch, and where to put it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Relay<'a> {
    /// The server that has the file.
    pub source: &'a BaseUrl,
    /// The file's path there, percent-encoded, from its `/`.
    pub source_path: &'a str,
    /// The path under which the printer's host stores it.
    pub path: &'a str,
    /// What to do with a file of the same path there.
    pub if_exists: IfExists,
}

impl<'a> Relay<'a> {
    /// Fetches a file and stores it as `path`; fails if that exists.
    pub const fn new(source: &'a BaseUrl, source_path: &'a str, path: &'a str) -> Self {
        Self { source, source_path, path, if_exists: IfExists::Fail }
    }

    /// Replaces a file of the same path.
    pub const fn replacing(mut self) -> Self {
        self.if_exists = IfExists::Replace;
        self
    }

    /// The heap that it takes at most, in bytes, whatever both servers send; [`usize::MAX`] when the printer's driver
    /// has not counted.
    pub fn memory<N: Net, H: PrintHost>(&self, net: &N, host: &H) -> usize {
        let Some(memory) = host.memory(self.path.len()) else { return usize::MAX };
        let parts = net.parts();
        let target = self.source.prefix.len() + self.source_path.len();
        let head = target + self.source.origin.host.len() + WORDS;
        let kept = 2 * self.path.len() + WORDS;
        // The tasks of one thread have what is transient one after the other.
        parts.streamed_memory(head, memory.transient)
            + target
            + memory.run
            + memory.call
            + connections(net, &memory, &self.source.origin)
            + parts.idle_memory()
            + kept
    }
}

/// What is worth showing while a relay goes on.
#[derive(Debug)]
#[non_exhaustive]
pub enum RelayEvent<'a> {
    /// So many bytes have gone through.
    Progress {
        /// So far.
        done: u64,
        /// In all.
        total: u64,
    },
    /// The printer has the file.
    Uploaded(&'a Uploaded),
    /// Something happened to the printer.
    Printer(&'a Event),
}

/// A relay that came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relayed {
    /// The stored file.
    pub uploaded: Uploaded,
    /// How the print ended; `None` when it was not started ([`Uploaded::started`] says why).
    pub end: Option<JobEnd>,
}

/// Pulls a file from a server and pushes it into a printer at the same time, prints it and follows it to the end.
///
/// No more of the file is held than the buffers of both connections. A source that fails or ends early fails the
/// upload, and nothing is stored. Dropping the future before the file is stored leaves nothing; after that, the print
/// goes on by itself. [`ErrorKind::Busy`] when there is not memory enough: then nothing has been asked of either server.
pub async fn relay<N: Net, H: PrintHost>(
    net: &N,
    host: &H,
    budget: &Budget,
    order: Relay<'_>,
    mut report: impl FnMut(RelayEvent<'_>),
) -> Result<Relayed> {
    let _admitted = Admitted::new(net, budget, "relay", order.memory(net, host))?;
    let clock = net.parts().clock();
    let mut events = host.events()?;
    beside(host, async {
        // With the push connection up first, the print cannot run ahead of it.
        match within(clock, PUSH, "relay", first_sync(&mut events)).await {
            Err(e) if e.kind() != ErrorKind::Timeout => return Err(e),
            _ => {}
        }
        let target = order.source.target(order.source_path);
        let request = Request::new("fetch", Method::Get, &order.source.origin, &target);
        let response = net.parts().send(&request, NO_BODY).await?;
        let mut uploaded = push::<N, H>(host, &order, response, &mut report).await?;
        report(RelayEvent::Uploaded(&uploaded));
        events.clear(); // an earlier job of the same path is not this one
        uploaded.started = match host.start(&uploaded.path).await {
            Ok(outcome) => Started::Yes(outcome.confirmation),
            Err(error) => Started::No(error),
        };
        let end = match &uploaded.started {
            Started::Yes(_) => {
                let watch = |event: &Event| report(RelayEvent::Printer(event));
                Some(follow(host, events, &uploaded.path, clock, watch).await?)
            }
            _ => None,
        };
        Ok(Relayed { uploaded, end })
    })
    .await?
}

async fn first_sync(events: &mut Events<'_>) -> Result<()> {
    loop {
        match events.next().await {
            Event::Resynced => return Ok(()),
            // Waiting changes none of them.
            Event::Lost(e)
                if matches!(
                    e.kind(),
                    ErrorKind::Unauthorized | ErrorKind::Untrusted | ErrorKind::PinMismatch
                ) =>
            {
                return Err(e);
            }
            _ => {}
        }
    }
}

async fn push<N: Net, H: PrintHost>(
    host: &H,
    order: &Relay<'_>,
    response: ResponseOf<'_, N>,
    report: &mut impl FnMut(RelayEvent<'_>),
) -> Result<Uploaded> {
    if response.status() != 200 {
        let kind = match response.status() {
            401 | 403 => ErrorKind::Unauthorized,
            404 => ErrorKind::NotFound,
            300..=399 => ErrorKind::Redirected,
            500.. => ErrorKind::HostFault,
            _ => ErrorKind::Protocol,
        };
        return Err(Error::new(kind, "fetch").with_http(response.status()));
    }
    let encoded = response
        .header("content-encoding")
        .is_some_and(|c| !c.is_empty() && !c.eq_ignore_ascii_case("identity"));
    if encoded || response.header("content-type").is_some_and(|t| t.contains("html")) {
        return Err(Error::new(ErrorKind::Protocol, "fetch")
            .with_detail("the server sends a page or a compressed form, not the file"));
    }
    let total = response.content_length().ok_or_else(|| {
        Error::new(ErrorKind::Protocol, "fetch").with_detail("the server does not say how long the file is")
    })?;
    let mut body = Progress::new(response, |done| report(RelayEvent::Progress { done, total }));
    let mut upload = Upload::new(order.path, total, &mut body);
    upload.if_exists = order.if_exists;
    host.upload(upload).await
}
