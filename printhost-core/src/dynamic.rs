//! The object-safe twin of [`PrintHost`](crate::PrintHost), for hosts that keep mixed printers behind `dyn`.
//!
//! A blanket implementation is impossible (the futures of a generic host are not known to be `Send`), so
//! [`dyn_host!`](crate::dyn_host) writes one for a concrete type. The `printhost` crate has a ready one.

use core::convert::Infallible;

use alloc::{boxed::Box, string::String, vec::Vec};
pub use async_trait::async_trait;
use embedded_io_async::{ErrorType, Read, Write};

use crate::{
    Camera, Capabilities, Command, Error, Events, FileInfo, FilePage, HostInfo, Outcome, Page, PrinterStatus,
    Result, Thumbnail, Upload, Uploaded,
};

/// A reader behind `dyn`. Implement it for the reader an upload takes.
#[async_trait]
pub trait DynRead: Send {
    /// As [`Read::read`]: 0 is the end.
    async fn read_dyn(&mut self, buf: &mut [u8]) -> Result<usize>;
}

impl ErrorType for dyn DynRead + '_ {
    type Error = Error;
}

impl Read for dyn DynRead + '_ {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.read_dyn(buf).await
    }
}

/// A writer behind `dyn`. Implement it for the writer a download fills.
#[async_trait]
pub trait DynWrite: Send {
    /// As [`Write::write`].
    async fn write_dyn(&mut self, buf: &[u8]) -> Result<usize>;
    /// As [`Write::flush`].
    async fn flush_dyn(&mut self) -> Result<()>;
}

impl ErrorType for dyn DynWrite + '_ {
    type Error = Error;
}

impl Write for dyn DynWrite + '_ {
    async fn write(&mut self, buf: &[u8]) -> Result<usize> {
        self.write_dyn(buf).await
    }

    async fn flush(&mut self) -> Result<()> {
        self.flush_dyn().await
    }
}

/// [`PrintHost`](crate::PrintHost) behind `dyn`: the same contract, method by method.
#[async_trait]
pub trait DynPrintHost: Send + Sync {
    /// See [`PrintHost::capabilities`](crate::PrintHost::capabilities).
    fn capabilities(&self) -> Capabilities;
    /// See [`PrintHost::connect`](crate::PrintHost::connect).
    async fn connect(&self) -> Result<HostInfo>;
    /// See [`PrintHost::status`](crate::PrintHost::status).
    async fn status(&self) -> Result<PrinterStatus>;
    /// See [`PrintHost::events`](crate::PrintHost::events).
    fn events(&self) -> Result<Events<'_>>;
    /// See [`PrintHost::run`](crate::PrintHost::run).
    async fn run(&self) -> Result<Infallible>;
    /// See [`PrintHost::upload`](crate::PrintHost::upload).
    async fn upload<'a>(&self, upload: Upload<'a, dyn DynRead + 'a>) -> Result<Uploaded>;
    /// See [`PrintHost::download`](crate::PrintHost::download).
    async fn download<'a>(&self, path: &str, to: &mut (dyn DynWrite + 'a)) -> Result<u64>;
    /// See [`PrintHost::start`](crate::PrintHost::start).
    async fn start(&self, path: &str) -> Result<Outcome>;
    /// See [`PrintHost::start_plate`](crate::PrintHost::start_plate).
    async fn start_plate(&self, path: &str, plate: u16) -> Result<Outcome>;
    /// See [`PrintHost::command`](crate::PrintHost::command).
    async fn command(&self, command: Command<'_>) -> Result<Outcome>;
    /// See [`PrintHost::files`](crate::PrintHost::files).
    async fn files(&self, folder: &str, page: Page) -> Result<FilePage>;
    /// See [`PrintHost::file_info`](crate::PrintHost::file_info).
    async fn file_info(&self, path: &str) -> Result<FileInfo>;
    /// See [`PrintHost::thumbnail`](crate::PrintHost::thumbnail).
    async fn thumbnail<'a>(&self, thumbnail: &Thumbnail, to: &mut (dyn DynWrite + 'a)) -> Result<u64>;
    /// See [`PrintHost::delete`](crate::PrintHost::delete).
    async fn delete(&self, path: &str) -> Result<()>;
    /// See [`PrintHost::move_file`](crate::PrintHost::move_file).
    async fn move_file(&self, from: &str, to: &str) -> Result<String>;
    /// See [`PrintHost::create_folder`](crate::PrintHost::create_folder).
    async fn create_folder(&self, path: &str) -> Result<String>;
    /// See [`PrintHost::cameras`](crate::PrintHost::cameras).
    async fn cameras(&self) -> Result<Vec<Camera>>;
    /// See [`PrintHost::snapshot`](crate::PrintHost::snapshot).
    async fn snapshot<'a>(&self, camera: &Camera, to: &mut (dyn DynWrite + 'a)) -> Result<u64>;
}

/// Writes a newtype over a concrete host that implements [`DynPrintHost`](crate::dynamic::DynPrintHost).
///
/// A newtype, because the trait and the host usually belong to other crates, and because one type with both traits
/// would make every call ambiguous.
#[macro_export]
macro_rules! dyn_host {
    ($(#[$meta:meta])* $vis:vis struct $name:ident($host:ty)) => {
        $(#[$meta])*
        $vis struct $name(pub $host);

        const _: () = {
            use $crate::macro_support::Box; // async-trait names it

            #[$crate::dynamic::async_trait]
            impl $crate::dynamic::DynPrintHost for $name {
                fn capabilities(&self) -> $crate::Capabilities {
                    $crate::PrintHost::capabilities(&self.0)
                }
                async fn connect(&self) -> $crate::Result<$crate::HostInfo> {
                    $crate::PrintHost::connect(&self.0).await
                }
                async fn status(&self) -> $crate::Result<$crate::PrinterStatus> {
                    $crate::PrintHost::status(&self.0).await
                }
                fn events(&self) -> $crate::Result<$crate::Events<'_>> {
                    $crate::PrintHost::events(&self.0)
                }
                async fn run(&self) -> $crate::Result<$crate::macro_support::Infallible> {
                    $crate::PrintHost::run(&self.0).await
                }
                async fn upload<'a>(
                    &self,
                    upload: $crate::Upload<'a, dyn $crate::dynamic::DynRead + 'a>,
                ) -> $crate::Result<$crate::Uploaded> {
                    $crate::PrintHost::upload(&self.0, upload).await
                }
                async fn download<'a>(
                    &self,
                    path: &str,
                    to: &mut (dyn $crate::dynamic::DynWrite + 'a),
                ) -> $crate::Result<u64> {
                    $crate::PrintHost::download(&self.0, path, to).await
                }
                async fn start(&self, path: &str) -> $crate::Result<$crate::Outcome> {
                    $crate::PrintHost::start(&self.0, path).await
                }
                async fn start_plate(&self, path: &str, plate: u16) -> $crate::Result<$crate::Outcome> {
                    $crate::PrintHost::start_plate(&self.0, path, plate).await
                }
                async fn command(&self, command: $crate::Command<'_>) -> $crate::Result<$crate::Outcome> {
                    $crate::PrintHost::command(&self.0, command).await
                }
                async fn files(&self, folder: &str, page: $crate::Page) -> $crate::Result<$crate::FilePage> {
                    $crate::PrintHost::files(&self.0, folder, page).await
                }
                async fn file_info(&self, path: &str) -> $crate::Result<$crate::FileInfo> {
                    $crate::PrintHost::file_info(&self.0, path).await
                }
                async fn thumbnail<'a>(
                    &self,
                    thumbnail: &$crate::Thumbnail,
                    to: &mut (dyn $crate::dynamic::DynWrite + 'a),
                ) -> $crate::Result<u64> {
                    $crate::PrintHost::thumbnail(&self.0, thumbnail, to).await
                }
                async fn delete(&self, path: &str) -> $crate::Result<()> {
                    $crate::PrintHost::delete(&self.0, path).await
                }
                async fn move_file(
                    &self,
                    from: &str,
                    to: &str,
                ) -> $crate::Result<$crate::macro_support::String> {
                    $crate::PrintHost::move_file(&self.0, from, to).await
                }
                async fn create_folder(&self, path: &str) -> $crate::Result<$crate::macro_support::String> {
                    $crate::PrintHost::create_folder(&self.0, path).await
                }
                async fn cameras(&self) -> $crate::Result<$crate::macro_support::Vec<$crate::Camera>> {
                    $crate::PrintHost::cameras(&self.0).await
                }
                async fn snapshot<'a>(
                    &self,
                    camera: &$crate::Camera,
                    to: &mut (dyn $crate::dynamic::DynWrite + 'a),
                ) -> $crate::Result<u64> {
                    $crate::PrintHost::snapshot(&self.0, camera, to).await
                }
            }
        };
    };
}
