//! What can be asked on the command line.

use std::{path::PathBuf, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use printhost::{PrinterUrl, PrinterUrlError};

const AFTER: &str = "\
A PRINTER is a URL, octoprint://octopi.local or octoprint+https://farm/octopi, or
the word sim: an OctoPrint simulated by this very program, which needs no hardware
and no account.

The key is taken from --key-file, else from the environment as PRINTHOST_KEY, else
asked for on the terminal.

Exit codes:
  0    success
  1    the operation failed (print failed or cancelled, file damaged, …)
  2    wrong usage
  3    cannot reach the printer
  4    credentials refused
  5    the state of the printer does not allow it (busy, conflict, file exists)
  6    unconfirmed: read the printer before trying again
  130  interrupted

Try it:  printhost print examples/gcode/cube.gcode sim";

/// Print, watch and manage files on networked 3D printers.
#[derive(Debug, Parser)]
#[command(name = "printhost", version, after_help = AFTER, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Write JSON to stdout, one object per line, errors included.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Take the key from this file: the key alone, or a line `URL KEY` per printer.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Trust only this authority or self-signed certificate, PEM or DER.
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "pin")]
    pub(crate) ca: Option<PathBuf>,
    /// Trust only this public key: its SHA-256 as in `curl --pinnedpubkey`, or in hex.
    #[arg(long, global = true, value_name = "SHA256", value_parser = parse_pin)]
    pub(crate) pin: Option<Pin>,
    /// The HTTP client to use.
    #[arg(long, global = true, hide = true, value_enum, default_value_t = Client::Hyper)]
    pub(crate) client: Client,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Upload a file, print it, and follow the print to its end.
    Print(Print),
    /// Show what a printer is doing.
    Status {
        /// The printer.
        printer: Printer,
    },
    /// Follow one or more printers until Ctrl-C, a line per event.
    Watch {
        /// The printers.
        #[arg(required = true, value_name = "PRINTER")]
        printers: Vec<Printer>,
    },
    /// Manage the files on a printer.
    #[command(subcommand)]
    Files(Files),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Print {
    /// The G-code file to print.
    pub(crate) file: PathBuf,
    /// The printer's URL, or sim.
    pub(crate) printer: Printer,
    #[command(flatten)]
    pub(crate) upload: UploadOptions,
    /// Return as soon as the print has been started.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Only store the file.
    #[arg(long, conflicts_with = "no_wait")]
    pub(crate) no_start: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct UploadOptions {
    /// Folder and name on the printer [default: the file's own name].
    #[arg(long = "as", value_name = "PATH")]
    pub(crate) path: Option<String>,
    /// Replace a file of the same name.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Send no faster than this, in bytes per second; k, M and G multiply by 1024.
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub(crate) limit_rate: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Files {
    /// List a folder.
    List {
        /// The printer.
        printer: Printer,
        /// The folder [default: the root].
        #[arg(default_value = "", hide_default_value = true)]
        folder: String,
    },
    /// Store a file without printing it.
    Upload {
        /// The printer.
        printer: Printer,
        /// The file to store.
        file: PathBuf,
        #[command(flatten)]
        upload: UploadOptions,
    },
    /// Fetch a file.
    Download {
        /// The printer.
        printer: Printer,
        /// The file's path on the printer.
        path: String,
        /// Where to write it [default: its own name, here].
        to: Option<PathBuf>,
        /// Replace a file that exists here.
        #[arg(long)]
        overwrite: bool,
    },
    /// Delete files.
    Delete {
        /// The printer.
        printer: Printer,
        /// The files' paths on the printer.
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<String>,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

/// Which printer.
#[derive(Clone, Debug)]
pub(crate) enum Printer {
    /// One simulated in this process.
    Sim,
    /// A real one.
    Url(PrinterUrl),
}

impl FromStr for Printer {
    type Err = PrinterUrlError;

    fn from_str(text: &str) -> Result<Self, PrinterUrlError> {
        match text {
            "sim" => Ok(Self::Sim),
            url => url.parse().map(Self::Url),
        }
    }
}

/// Which HTTP client.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Client {
    /// The usual one.
    Hyper,
    /// The one microcontrollers use.
    Portable,
}

/// The SHA-256 of a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pin(pub(crate) [u8; 32]);

fn parse_pin(text: &str) -> Result<Pin, String> {
    let hash = text.strip_prefix("sha256//").unwrap_or(text);
    let bytes = match hash.len() == 64 && hash.is_ascii() {
        true => (0..32).map(|i| u8::from_str_radix(&hash[2 * i..2 * i + 2], 16).ok()).collect(),
        false => STANDARD.decode(hash).ok(),
    };
    let bytes: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.map(Pin).ok_or_else(|| "a SHA-256 in base64 (44 characters) or hex (64 digits) is needed".into())
}

fn parse_rate(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.chars().last() {
        Some('k' | 'K') => (&text[..text.len() - 1], 10),
        Some('m' | 'M') => (&text[..text.len() - 1], 20),
        Some('g' | 'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let rate = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(1 << shift)).filter(|n| *n > 0);
    rate.ok_or_else(|| "a number of bytes per second is needed, such as 500k or 2M".into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn pin_is_read_as_curl_writes_it_and_as_hex() {
        let pin = Pin([0xa5; 32]);
        assert_eq!(parse_pin(&"a5".repeat(32)), Ok(pin));
        assert_eq!(parse_pin("sha256//paWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaU="), Ok(pin));
        for bad in ["", "sha256//", "paWl", &"g5".repeat(32), &"a5".repeat(31)] {
            assert!(parse_pin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rate_takes_suffixes_and_refuses_nonsense() {
        assert_eq!(parse_rate("500"), Ok(500));
        assert_eq!(parse_rate("500k"), Ok(512_000));
        assert_eq!(parse_rate("2M"), Ok(2 << 20));
        for bad in ["", "0", "k", "-1", "1.5M", "2MB", "99999999999G"] {
            assert!(parse_rate(bad).is_err(), "{bad}");
        }
    }
}
