use alloc::string::String;

use crate::{Confirmation, Error};

/// What to do once the file is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Then {
    /// Nothing.
    #[default]
    Store,
    /// Start printing it, after it has been verified.
    Print,
}

/// What to do when the host already has a file of that path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IfExists {
    /// Fail with [`crate::ErrorKind::Exists`] and leave it as it is.
    #[default]
    Fail,
    /// Replace it.
    Replace,
}

/// How to check that what the host stored is what was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verify {
    /// By the strongest means the host offers: a hash, else the size.
    #[default]
    Strongest,
    /// As [`Verify::Strongest`]; where the host keeps no hash, the file is read back and compared, which is as much
    /// traffic again.
    ReadBack,
    /// By the size only, for a sender that cannot afford hashing.
    Size,
}

/// A file on its way to a host.
///
/// The reader is pulled once, in chunks, and never ahead of what the network takes; nothing holds the whole file.
/// Progress, throttling and hashing are adapters around the reader ([`crate::Progress`], [`crate::Throttle`],
/// [`crate::Hashed`]), not options here.
#[derive(Debug)]
#[non_exhaustive]
pub struct Upload<'a, R: ?Sized> {
    /// Where to store it; see [`crate::RemotePath`] for what is refused.
    pub path: &'a str,
    /// Exactly how many bytes the reader will yield. A reader that ends earlier fails the upload with
    /// [`crate::ErrorKind::Source`] and nothing is stored; what it has beyond this is not read.
    pub len: u64,
    /// The content.
    pub body: &'a mut R,
    /// What to do afterwards.
    pub then: Then,
    /// What to do with a file of the same path.
    pub if_exists: IfExists,
    /// How to check the stored file.
    pub verify: Verify,
}

impl<'a, R: ?Sized> Upload<'a, R> {
    /// Stores `len` bytes of `body` as `path`; fails if that exists; verified as well as the host allows.
    pub const fn new(path: &'a str, len: u64, body: &'a mut R) -> Self {
        Self { path, len, body, then: Then::Store, if_exists: IfExists::Fail, verify: Verify::Strongest }
    }

    /// Starts printing it once it is stored and verified.
    pub const fn and_print(mut self) -> Self {
        self.then = Then::Print;
        self
    }

    /// Replaces an existing file of the same path.
    pub const fn replacing(mut self) -> Self {
        self.if_exists = IfExists::Replace;
        self
    }

    /// Reads the stored file back where the host keeps no hash of it.
    pub const fn read_back(mut self) -> Self {
        self.verify = Verify::ReadBack;
        self
    }

    /// Checks only the size of the stored file.
    pub const fn verify_size_only(mut self) -> Self {
        self.verify = Verify::Size;
        self
    }

    /// The same with another reader, and the one that it had.
    pub const fn with_body<'b, S: ?Sized>(self, body: &'b mut S) -> (Upload<'b, S>, &'a mut R)
    where
        'a: 'b,
    {
        let Self { path, len, body: had, then, if_exists, verify } = self;
        (Upload { path, len, body, then, if_exists, verify }, had)
    }
}

/// How the stored file was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verified {
    /// The host tells nothing about what it stored.
    No,
    /// The host reports the same size.
    Size,
    /// The host reports the same SHA-1, given here.
    Sha1([u8; 20]),
    /// The host has compared the SHA-256, given here, of what it stored with that of what was sent.
    Sha256([u8; 32]),
    /// The host hands out the same content again; its SHA-1.
    ReadBack([u8; 20]),
}

/// Whether the print was started.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Started {
    /// It was not asked for.
    NotAsked,
    /// The printer has taken the job.
    Yes(Confirmation),
    /// The file is stored but the print was not started, and why. With [`crate::ErrorKind::Unconfirmed`] it may
    /// have been.
    No(Error),
}

/// A file that is stored on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Uploaded {
    /// The path under which the host really stored it.
    pub path: String,
    /// Its size in bytes.
    pub len: u64,
    /// How it was checked.
    pub verified: Verified,
    /// Whether it is being printed.
    pub started: Started,
}

impl Uploaded {
    /// A stored file that nobody asked to start.
    pub fn new(path: impl Into<String>, len: u64, verified: Verified) -> Self {
        Self { path: path.into(), len, verified, started: Started::NotAsked }
    }
}
