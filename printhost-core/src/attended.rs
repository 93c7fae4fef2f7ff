use alloc::{boxed::Box, string::String, vec::Vec};
use core::{cell::Cell, convert::Infallible, future::poll_fn, pin::pin, task::Poll};

use embedded_io_async::{Read, Write};

use crate::{
    Camera, Capabilities, Command, ErrorKind, Events, FileInfo, FilePage, HostInfo, Memory, Outcome, Page,
    PrintHost, PrinterStatus, Result, Retry, Thumbnail, Upload, Uploaded, beside,
};

/// A host whose calls work whether or not somebody polls [`PrintHost::run`].
///
/// Where a printer takes one connection only, a call fails with [`ErrorKind::NotRunning`] when nobody does, before
/// anything is sent. Here it is then made beside a run of its own, which ends with it: a connection for every such call.
/// For programs that do one thing and end; who does more polls [`PrintHost::run`]. Two calls at the same time without it
/// are one too many: the second may fail when the first one's connection ends. When that connection ends for good under a
/// call, its error is the call's, unless the call has sent something that may take effect: then it is
/// [`ErrorKind::Unconfirmed`].
#[derive(Clone, Debug)]
pub struct Attended<H>(H);

impl<H: PrintHost> Attended<H> {
    /// Nothing is sent before the first call.
    pub const fn new(host: H) -> Self {
        Self(host)
    }

    /// The host itself.
    pub const fn get_ref(&self) -> &H {
        &self.0
    }
}

/// The call, and beside a run if it needs one. In boxes: calls of all drivers and a run are too large for small stacks.
macro_rules! attended {
    ($host:expr, $call:expr) => {
        match Box::pin($call).await {
            Err(e) if e.kind() == ErrorKind::NotRunning => match Box::pin(call_beside(&$host, $call)).await {
                Ok(result) => Ok(result),
                // Somebody has begun to.
                Err(e) if e.kind() == ErrorKind::Busy && e.operation() == "run" => Box::pin($call).await,
                Err(e) => Err(e),
            },
            result => result,
        }
    };
}

/// As [`beside`]. What ends the run for good ends the call as well; but a call that has sent something by then says so.
async fn call_beside<H: PrintHost, T>(host: &H, call: impl Future<Output = Result<T>>) -> Result<T> {
    let (mut call, has_begun) = (pin!(call), Cell::new(false));
    let watched = poll_fn(|cx| {
        has_begun.set(true);
        call.as_mut().poll(cx)
    });
    let error = match beside(host, watched).await {
        Ok(result) => return result,
        Err(error) if !has_begun.get() => return Err(error),
        Err(error) => error,
    };
    match poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await {
        Poll::Ready(Ok(result)) => Ok(result),
        Poll::Ready(Err(open)) if open.retry() == Retry::ReadFirst => Err(open),
        _ => Err(error),
    }
}

impl<H: PrintHost> PrintHost for Attended<H> {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn memory(&self, longest_path: usize) -> Option<Memory> {
        self.0.memory(longest_path)
    }

    async fn connect(&self) -> Result<HostInfo> {
        attended!(self.0, self.0.connect())
    }

    async fn status(&self) -> Result<PrinterStatus> {
        attended!(self.0, self.0.status())
    }

    fn events(&self) -> Result<Events<'_>> {
        self.0.events()
    }

    async fn run(&self) -> Result<Infallible> {
        self.0.run().await
    }

    async fn upload<R: Read + ?Sized>(&self, upload: Upload<'_, R>) -> Result<Uploaded> {
        let Upload { path, len, body, then, if_exists, verify } = upload;
        attended!(self.0, self.0.upload(Upload { path, len, body: &mut *body, then, if_exists, verify }))
    }

    async fn download<W: Write + ?Sized>(&self, path: &str, to: &mut W) -> Result<u64> {
        attended!(self.0, self.0.download(path, &mut *to))
    }

    async fn start(&self, path: &str) -> Result<Outcome> {
        attended!(self.0, self.0.start(path))
    }

    async fn start_plate(&self, path: &str, plate: u16) -> Result<Outcome> {
        attended!(self.0, self.0.start_plate(path, plate))
    }

    async fn command(&self, command: Command<'_>) -> Result<Outcome> {
        attended!(self.0, self.0.command(command))
    }

    async fn files(&self, folder: &str, page: Page) -> Result<FilePage> {
        attended!(self.0, self.0.files(folder, page))
    }

    async fn file_info(&self, path: &str) -> Result<FileInfo> {
        attended!(self.0, self.0.file_info(path))
    }

    async fn thumbnail<W: Write + ?Sized>(&self, thumbnail: &Thumbnail, to: &mut W) -> Result<u64> {
        attended!(self.0, self.0.thumbnail(thumbnail, &mut *to))
    }

    async fn delete(&self, path: &str) -> Result<()> {
        attended!(self.0, self.0.delete(path))
    }

    async fn move_file(&self, from: &str, to: &str) -> Result<String> {
        attended!(self.0, self.0.move_file(from, to))
    }

    async fn create_folder(&self, path: &str) -> Result<String> {
        attended!(self.0, self.0.create_folder(path))
    }

    async fn cameras(&self) -> Result<Vec<Camera>> {
        attended!(self.0, self.0.cameras())
    }

    async fn snapshot<W: Write + ?Sized>(&self, camera: &Camera, to: &mut W) -> Result<u64> {
        attended!(self.0, self.0.snapshot(camera, &mut *to))
    }
}

#[cfg(test)]
mod tests {
    use embassy_futures::block_on;

    use super::*;
    use crate::{Error, EventBus};

    /// Needs to be run.
    #[derive(Default)]
    struct Host {
        bus: EventBus,
        is_run: Cell<bool>,
        runs: Cell<u32>,
        refuses: bool,
        /// The printer has it, and its connection ends for good before it answers.
        is_sent: Cell<bool>,
    }

    impl PrintHost for Host {
        fn capabilities(&self) -> Capabilities {
            Capabilities::NONE
        }

        async fn connect(&self) -> Result<HostInfo> {
            match self.is_run.get() {
                true => Ok(HostInfo::new("a", "1")),
                false => Err(Error::new(ErrorKind::NotRunning, "connect")),
            }
        }

        async fn status(&self) -> Result<PrinterStatus> {
            self.connect().await.map(|_| PrinterStatus::default())
        }

        fn events(&self) -> Result<Events<'_>> {
            self.bus.subscribe()
        }

        async fn run(&self) -> Result<Infallible> {
            struct Stop<'a>(&'a Cell<bool>);
            impl Drop for Stop<'_> {
                fn drop(&mut self) {
                    self.0.set(false);
                }
            }
            if self.refuses {
                return Err(Error::new(ErrorKind::Unauthorized, "run"));
            }
            self.runs.set(self.runs.get() + 1);
            self.is_run.set(true);
            let _stop = Stop(&self.is_run);
            poll_fn(|_| match self.is_sent.get() {
                true => Poll::Ready(Err(Error::new(ErrorKind::Unauthorized, "run"))),
                false => Poll::Pending,
            })
            .await
        }

        async fn start(&self, _: &str) -> Result<Outcome> {
            if !self.is_run.get() {
                return Err(Error::new(ErrorKind::NotRunning, "start"));
            }
            self.is_sent.set(true);
            poll_fn(|_| match self.is_run.get() {
                true => Poll::Pending,
                false => Poll::Ready(()),
            })
            .await;
            Err(Error::new(ErrorKind::NotRunning, "start").unconfirmed())
        }
    }

    #[test]
    fn call_that_needs_a_run_is_made_beside_one_that_ends_with_it() {
        let host = Attended::new(Host::default());
        assert!(block_on(host.status()).is_ok() && block_on(host.connect()).is_ok());
        assert_eq!((host.get_ref().runs.get(), host.get_ref().is_run.get()), (2, false));
    }

    #[test]
    fn call_of_a_host_that_is_run_has_no_run_of_its_own() {
        let host = Attended::new(Host::default());
        block_on(beside(&host, async {
            assert!(host.status().await.is_ok());
        }))
        .unwrap();
        assert_eq!(host.get_ref().runs.get(), 1);
    }

    #[test]
    fn call_that_had_sent_something_when_the_run_ended_says_so() {
        let host = Attended::new(Host::default());
        let error = block_on(host.start("a")).unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unconfirmed, Retry::ReadFirst));
    }

    #[test]
    fn what_ends_the_run_ends_the_call() {
        let host = Attended::new(Host { refuses: true, ..Host::default() });
        assert_eq!(block_on(host.status()).unwrap_err().kind(), ErrorKind::Unauthorized);
    }
}
