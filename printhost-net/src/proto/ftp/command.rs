use alloc::{format, string::String};
use core::fmt;

use printhost_core::{Error, ErrorKind, Result};

/// The longest argument of a command, in bytes.
pub const MAX_ARGUMENT: usize = 1024 + 1;

/// What a client can ask for. Paths are sent as they are.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command<'a> {
    /// Who logs in.
    User(&'a str),
    /// The password.
    Pass(&'a str),
    /// The protection buffer's size, which is always 0 with TLS.
    Pbsz,
    /// Encrypted data connections.
    ProtPrivate,
    /// Plain data connections.
    ProtClear,
    /// Files as bytes.
    TypeImage,
    /// The folder that [`Command::List`] lists.
    Cwd(&'a str),
    /// A port to connect to.
    Pasv,
    /// The same, whatever the address family.
    Epsv,
    /// The present folder, for people.
    List,
    /// The present folder, names only.
    Nlst,
    /// The size of a file.
    Size(&'a str),
    /// Gets a file.
    Retr(&'a str),
    /// Stores a file, replacing another one.
    Stor(&'a str),
    /// Deletes a file.
    Dele(&'a str),
    /// Makes a folder.
    Mkd(&'a str),
    /// Removes an empty folder.
    Rmd(&'a str),
    /// Which file [`Command::Rnto`] renames.
    Rnfr(&'a str),
    /// Its new name.
    Rnto(&'a str),
    /// Says goodbye.
    Quit,
}

impl<'a> Command<'a> {
    /// The line, with its CR and LF, to be sent in one write.
    ///
    /// [`ErrorKind::InvalidInput`] for an argument that is empty, too long, or has a control character (CR, LF and NUL
    /// among them), which could end the line and begin another command.
    pub fn encode(self, operation: &'static str) -> Result<String> {
        let (verb, argument) = self.parts();
        let Some(argument) = argument else { return Ok(format!("{verb}\r\n")) };
        let refuse = |why| Err(Error::new(ErrorKind::InvalidInput, operation).with_detail(why));
        if argument.is_empty() {
            return refuse("it is empty");
        }
        if argument.len() > MAX_ARGUMENT {
            return refuse("it is too long");
        }
        if argument.contains(char::is_control) {
            return refuse("it has a control character");
        }
        Ok(format!("{verb} {argument}\r\n"))
    }

    /// The word it begins with.
    pub fn verb(self) -> &'static str {
        self.parts().0.split(' ').next().unwrap_or_default()
    }

    const fn parts(self) -> (&'static str, Option<&'a str>) {
        match self {
            Self::User(name) => ("USER", Some(name)),
            Self::Pass(password) => ("PASS", Some(password)),
            Self::Pbsz => ("PBSZ 0", None),
            Self::ProtPrivate => ("PROT P", None),
            Self::ProtClear => ("PROT C", None),
            Self::TypeImage => ("TYPE I", None),
            Self::Cwd(folder) => ("CWD", Some(folder)),
            Self::Pasv => ("PASV", None),
            Self::Epsv => ("EPSV", None),
            Self::List => ("LIST", None),
            Self::Nlst => ("NLST", None),
            Self::Size(path) => ("SIZE", Some(path)),
            Self::Retr(path) => ("RETR", Some(path)),
            Self::Stor(path) => ("STOR", Some(path)),
            Self::Dele(path) => ("DELE", Some(path)),
            Self::Mkd(path) => ("MKD", Some(path)),
            Self::Rmd(path) => ("RMD", Some(path)),
            Self::Rnfr(path) => ("RNFR", Some(path)),
            Self::Rnto(path) => ("RNTO", Some(path)),
            Self::Quit => ("QUIT", None),
        }
    }
}

/// Without the argument, which may be a password.
impl fmt::Debug for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.parts().0)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn command_is_one_line() {
        assert_eq!(Command::Stor("/a  b \"ü\".3mf").encode("upload").unwrap(), "STOR /a  b \"ü\".3mf\r\n");
        assert_eq!(Command::ProtPrivate.encode("connect").unwrap(), "PROT P\r\n");
        assert_eq!(Command::ProtPrivate.verb(), "PROT");
    }

    #[test]
    fn argument_that_could_begin_another_command_is_refused() {
        let long = "x".repeat(MAX_ARGUMENT + 1);
        for bad in ["", "a\r\nDELE b", "a\nb", "a\rb", "a\0b", "a\x7fb", "\u{85}", "\t", &long] {
            for command in [Command::Dele(bad), Command::User(bad), Command::Pass(bad), Command::Cwd(bad)] {
                let error = command.encode("delete").unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad:?}");
                assert!(!error.to_string().contains("DELE b"));
            }
        }
    }

    #[test]
    fn password_is_not_shown() {
        assert_eq!(format!("{:?}", Command::Pass("12345678")), "PASS");
    }
}
