//! A pseudo terminal: the cable between a printer and whoever opens its port.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// Our end of the cable. When it is dropped, whoever has opened the port reads its end.
#[derive(Debug)]
pub(crate) struct Pty {
    ours: File,
    /// Kept open, or our end would be broken as long as nobody has opened the port.
    _theirs: OwnedFd,
}

/// The symbolic link to a terminal, removed on drop.
#[derive(Debug)]
pub(crate) struct Link(PathBuf);

impl Pty {
    /// Makes a terminal and a link to it, which replaces one that is there.
    pub(crate) fn plug_in(port: &Path) -> io::Result<(Self, Link)> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags)?;
        unlockpt(&ours)?;
        let theirs = ioctl_tiocgptpeer(&ours, flags)?;
        let mut attributes = tcgetattr(&theirs)?;
        attributes.make_raw();
        tcsetattr(&theirs, OptionalActions::Now, &attributes)?;
        rustix::io::ioctl_fionbio(&ours, true)?;
        let name = ptsname(&ours, Vec::new())?;
        let link = Link::make(port, name.to_str().map_err(io::Error::other)?)?;
        Ok((Self { ours: File::from(ours), _theirs: theirs }, link))
    }

    /// Reads what has been sent to the printer; [`io::ErrorKind::WouldBlock`] when there is nothing.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.ours).read(buffer)
    }

    /// Sends to the host. What finds no room since nobody reads is lost, as on a serial line.
    pub(crate) fn write(&self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Ok(written @ 1..) = (&self.ours).write(rest) {
            rest = &rest[written..];
        }
    }
}

impl AsFd for Pty {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ours.as_fd()
    }
}

impl Link {
    fn make(port: &Path, terminal: &str) -> io::Result<Self> {
        remove_link(port)?;
        std::os::unix::fs::symlink(terminal, port)?;
        Ok(Self(port.to_owned()))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Fails only if somebody else has changed it.
        let _ = remove_link(&self.0);
    }
}

/// Nothing but a symbolic link is removed.
fn remove_link(port: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(port) {
        Ok(found) if found.is_symlink() => std::fs::remove_file(port),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("{} is something else than a symbolic link", port.display()),
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
