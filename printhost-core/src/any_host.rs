/// Writes an enum over drivers that is itself a [`crate::PrintHost`]: no boxing, so it also serves firmware. A variant
/// followed by `if "feature"` is there when that feature of the calling crate is.
///
/// ```
/// # mod net { pub trait Net {} }
/// # use printhost_core::*;
/// # struct A<N>(N);
/// # impl<N: net::Net> PrintHost for A<N> {
/// #     fn capabilities(&self) -> Capabilities { Capabilities::NONE }
/// #     async fn connect(&self) -> Result<HostInfo> { Err(Error::unsupported("connect")) }
/// #     async fn status(&self) -> Result<PrinterStatus> { Err(Error::unsupported("status")) }
/// #     fn events(&self) -> Result<Events<'_>> { Err(Error::unsupported("events")) }
/// #     async fn run(&self) -> Result<core::convert::Infallible> { Err(Error::unsupported("run")) }
/// # }
/// printhost_core::any_host! {
///     /// The printers this program knows.
///     pub enum MyHost<N: net::Net> {
///         /// One kind.
///         A(A<N>),
///     }
/// }
/// ```
#[macro_export]
macro_rules! any_host {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident<$n:ident: $bound:path> {
            $($(#[$variant_meta:meta])* $variant:ident($driver:ty) $(if $feature:literal)?),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        $vis enum $name<$n: $bound> {
            $($(#[$variant_meta])* $(#[cfg(feature = $feature)])? $variant($driver)),+
        }

        impl<$n: $bound> $crate::PrintHost for $name<$n> {
            fn capabilities(&self) -> $crate::Capabilities {
                match self { $($(#[cfg(feature = $feature)])? Self::$variant(host) => host.capabilities()),+ }
            }
            fn memory(&self, longest_path: usize) -> Option<$crate::Memory> {
                match self { $($(#[cfg(feature = $feature)])? Self::$variant(host) => host.memory(longest_path)),+ }
            }
            async fn connect(&self) -> $crate::Result<$crate::HostInfo> {
                match self { $($(#[cfg(feature = $feature)])? Self::$variant(host) => host.connect().await),+ }
            }
            async fn status(&self) -> $crate::Result<$crate::PrinterStatus> {
                match self { $($(#[cfg(feature = $feature)])? Self::$variant(host) => host.status().await),+ }
            }
            fn events(&self) -> $crate::Result<$crate::Events<'_>> {
                match self { $($(#[cfg(feature = $feature)])? Self::$variant(host) => host.events()),+ }
            }
            async fn run(&self) -> $crate::Result<$crate::macro_support::Infallible> {
                match self { $($(#[cfg(feature = $feature)])? Self::$variant(host) => host.run().await),+ }
            }
            async fn upload<R: $crate::macro_support::Read + ?Sized>(
                &self,
                upload: $crate::Upload<'_, R>,
            ) -> $crate::Result<$crate::Uploaded> {
                match self { $($(#[cfg(feature = $feature)])? Self::$variant(host) => host.upload(upload).await),+ }
            }
            async fn download<W: $crate::macro_support::Write + ?Sized>(
                &self,
                path: &str,
                to: &mut W,
            ) -> $crate::Result<u64> {
                match self { $($(#[cfg(feature = $feature)])? Self::$variant(host) => host.download(path, to).await),+ }
            }
            async fn start(&self, path: &str) -> $crate::Result<$crate::Outcome> {
                match self { $($(#[cfg(feature = $feature)])? Self::$variant(host) => host.start(path).await),+ }
            }
            async fn start_plate(&self, path: &str, plate: u16) -> $crate::Result<$crate::Outcome> {
                match self { $($(#[cfg(feature = $feature)])? Self::$variant(host) => host.start_plate(path, plate).await),+ }
            }
            async fn command(&self, command: $crate::Command<'_>) -> $crate::Result<$crate::Outcome> {
                match self { $($(#[cfg(feature = $feature)])? Self::$variant(host) => host.command(command).await),+ }
            }
            async fn files(&self, folder: &str, page: $crate::Page) -> $crate::Result<$crate::FilePage> {
                match self { $($(#[cfg(feature = $feature)])? Self::$variant(host) => host.files(folder, page).await),+ }
            }
            async fn file_info(&self, path: &str) -> $crate::Result<$crate::FileInfo> {
                match self { $($(#[cfg(feature = $feature)])? Self::$variant(host) => host.file_info(path).await),+ }
            }
            async fn thumbnail<W: $crate::macro_support::Write + ?Sized>(
                &self,
                thumbnail: &$crate::Thumbnail,
                to: &mut W,
            ) -> $crate::Result<u64> {
                match self { $($(#[cfg(feature = $feature)])? Self::$variant(host) => host.thumbnail(thumbnail, to).await),+ }
            }
            async fn delete(&self, path: &str) -> $crate::Result<()> {
                match self { $($(#[cfg(feature = $feature)])? Self::$variant(host) => host.delete(path).await),+ }
            }
            async fn move_file(&self, from: &str, to: &str) -> $crate::Result<$crate::macro_support::String> {
                match self { $($(#[cfg(feature = $feature)])? Self::$variant(host) => host.move_file(from, to).await),+ }
            }
            async fn create_folder(&self, path: &str) -> $crate::Result<$crate::macro_support::String> {
                match self { $($(#[cfg(feature = $feature)])? Self::$variant(host) => host.create_folder(path).await),+ }
            }
            async fn cameras(&self) -> $crate::Result<$crate::macro_support::Vec<$crate::Camera>> {
                match self { $($(#[cfg(feature = $feature)])? Self::$variant(host) => host.cameras().await),+ }
            }
            async fn snapshot<W: $crate::macro_support::Write + ?Sized>(
                &self,
                camera: &$crate::Camera,
                to: &mut W,
            ) -> $crate::Result<u64> {
                match self { $($(#[cfg(feature = $feature)])? Self::$variant(host) => host.snapshot(camera, to).await),+ }
            }
        }
    };
}
