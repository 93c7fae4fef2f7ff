use alloc::{format, string::String};

/// How a stored file is named to the printer when it is to print it. Which form a model and firmware takes is known from
/// few printers; [`crate::Config::with_url_form`] and [`crate::StartOptions::url_form`] say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UrlForm {
    /// `ftp:///folder/name`, from the root of what FTP shows.
    FtpRoot,
    /// `ftp://folder/name`.
    Ftp,
    /// `file:///sdcard/folder/name`.
    SdCard,
    /// `file:///mnt/sdcard/folder/name`.
    MountedSdCard,
    /// `file:///media/usb0/folder/name`.
    Usb,
}

impl UrlForm {
    /// The path in this form.
    pub(crate) fn url(self, path: &str) -> String {
        let before = match self {
            Self::FtpRoot => "ftp:///",
            Self::Ftp => "ftp://",
            Self::SdCard => "file:///sdcard/",
            Self::MountedSdCard => "file:///mnt/sdcard/",
            Self::Usb => "file:///media/usb0/",
        };
        format!("{before}{path}")
    }
}
