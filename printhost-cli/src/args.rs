//! What can be asked on the command line. Every command's own arguments are in its file.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use crate::commands::{
    camera, completions, config, connection, discover, emergency_stop, factor, files, gcode, job, login, man,
    motion, print, restart, start, status, temp, trust, upload, watch,
};

const AFTER: &str = "\
A PRINTER is a URL (octoprint://octopi.local, octoprint+https://farm/octopi, or
bambu://192.168.1.50?serial=01P00A123456789, whose key is its access code), a name from the configuration, or the word sim: an OctoPrint simulated by this very
program, which needs no hardware and no account. Where several printers are taken,
@GROUP and @all name those of the configuration.

The key is the one that --key-file, or the keys file beside the configuration, has
for the printer's URL; else the environment's PRINTHOST_KEY; else it is asked for
on the terminal.

Exit codes:
  0    success
  1    the operation failed (print failed or cancelled, file damaged, …)
  2    wrong usage
  3    cannot reach the printer
  4    credentials refused
  5    the state of the printer does not allow it (busy, conflict, file exists)
  6    unconfirmed: read the printer before trying again
  130  interrupted
With several printers the worst of theirs, in this order: 130, 6, 1, 4, 3, 5, 2, 0.

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
    /// Write JSON to stdout, one object per line, errors included; ask nothing.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Use this configuration; keys are kept beside it, under the extension .keys.
    #[arg(long, global = true, value_name = "FILE", env = "PRINTHOST_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Take the key from this file: the key alone, or a line `URL KEY` per printer.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Trust only this authority or self-signed certificate, PEM or DER.
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "pin")]
    pub(crate) ca: Option<PathBuf>,
    /// Trust only this public key: its SHA-256 as in `curl --pinnedpubkey`, or in hex.
    #[arg(long, global = true, value_name = "SHA256")]
    pub(crate) pin: Option<Pin>,
    /// The HTTP client to use.
    #[arg(long, global = true, hide = true, value_enum, default_value_t = Client::Hyper)]
    pub(crate) client: Client,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Upload a file, print it, and follow the print to its end.
    Print(print::Print),
    /// Upload a file to many printers at the same time.
    Upload(upload::Upload),
    /// Watch printers live; without a terminal, a line per event.
    Watch(watch::Watch),
    /// Show what printers are doing.
    Status(status::Status),
    /// Start printing a file that is stored on the printer.
    Start(start::Start),
    /// Pause the running prints.
    Pause(job::Job),
    /// Continue paused prints.
    Resume(job::Job),
    /// End the running prints; what is printed so far is lost.
    Cancel(job::Job),
    /// Manage the files on a printer.
    #[command(subcommand)]
    Files(files::Files),
    /// Show temperatures, or set targets.
    Temp(temp::Temp),
    /// Send G-code and show what the printer's console answers.
    Gcode(gcode::Gcode),
    /// Find the axes' zero by their end stops.
    Home(motion::Home),
    /// Move the print head from where it is.
    Jog(motion::Jog),
    /// Feed filament through the selected tool.
    Extrude(motion::Extrude),
    /// Make a tool the current one.
    Tool(motion::Tool),
    /// Scale the speed of all moves.
    Speed(factor::Factor),
    /// Scale the amount of filament of all moves.
    Flow(factor::Factor),
    /// Save a camera's picture, or show where its stream is.
    Camera(camera::Camera),
    /// Open the line between a host and its printer.
    Connect(connection::Connect),
    /// Close the line between a host and its printer.
    Disconnect(connection::Disconnect),
    /// Stop all motion and heating at once. Asks nothing.
    ///
    /// Every named printer is told at the same time. Most need a restart afterwards.
    EmergencyStop(emergency_stop::EmergencyStop),
    /// Restart a printer's software (Klipper): what it needs after an emergency stop.
    Restart(restart::Restart),
    /// Look for printers in the local network.
    Discover(discover::Discover),
    /// Get a key from a printer, with a confirmation in its web page, and keep it.
    Login(login::Login),
    /// Look at the key of a printer that encrypts, and keep it as the one to trust.
    ///
    /// Nothing is sent but a handshake. Compare the key with what the printer itself shows: whoever answers is shown,
    /// be it the printer or not.
    Trust(trust::Trust),
    /// Name printers, and keep their keys.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Write a shell's completions to stdout.
    Completions(completions::Completions),
    /// Write the manual pages into a folder, or the main one to stdout.
    Man(man::Man),
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

impl FromStr for Pin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hash = text.strip_prefix("sha256//").unwrap_or(text);
        let bytes = match hash.len() == 64 && hash.is_ascii() {
            true => (0..32).map(|i| u8::from_str_radix(&hash[2 * i..2 * i + 2], 16).ok()).collect(),
            false => STANDARD.decode(hash).ok(),
        };
        let bytes: Option<[u8; 32]> = bytes.and_then(|bytes: Vec<u8>| bytes.try_into().ok());
        bytes
            .map(Self)
            .ok_or_else(|| "a SHA-256 in base64 (44 characters) or hex (64 digits) is needed".into())
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256//{}", STANDARD.encode(self.0))
    }
}

/// A time as people write it: `90`, `90s`, `5m`, `1h30m`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is needed, such as 30s, 5m or 1h30m".to_owned();
    let (mut total, mut digits) = (0_u64, String::new());
    let take = |digits: &mut String, unit: u64| std::mem::take(digits).parse::<u64>().ok()?.checked_mul(unit);
    for c in text.chars() {
        let unit = match c {
            '0'..='9' => {
                digits.push(c);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3600,
            _ => return Err(wrong()),
        };
        total = take(&mut digits, unit).and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
    }
    if !digits.is_empty() {
        total = take(&mut digits, 1).and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
    }
    match text.is_empty() || total > 366 * 86_400 {
        true => Err(wrong()),
        false => Ok(Duration::from_secs(total)),
    }
}

/// `NAME=VALUE`.
pub(crate) fn parse_pair(text: &str) -> Result<(&str, f32), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text}: write it as NAME=NUMBER"))?;
    let number = value.parse::<f32>().ok().filter(|number| number.is_finite());
    number.map(|number| (name, number)).ok_or_else(|| format!("{value} is no number"))
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
    fn readme_has_an_example_of_every_command_and_each_is_understood() {
        let readme = include_str!("../README.md");
        let rows: Vec<&str> = readme.lines().filter(|line| line.contains("| `printhost ")).collect();
        for row in &rows {
            let example = row.rsplit('`').nth(1).expect("the last cell");
            if let Err(error) = Args::try_parse_from(example.split_whitespace()) {
                panic!("{example}: {error}");
            }
        }
        let mut names = Vec::new();
        for command in Args::command().get_subcommands() {
            match command.has_subcommands() {
                true => names.extend(
                    command
                        .get_subcommands()
                        .map(|below| format!("{} {}", command.get_name(), below.get_name())),
                ),
                false => names.push(command.get_name().to_owned()),
            }
        }
        assert_eq!(names.len(), rows.len());
        for name in names {
            assert!(rows.iter().any(|row| row.starts_with(&format!("| `{name}` |"))), "{name}");
        }
    }

    #[test]
    fn pin_is_read_as_curl_writes_it_and_as_hex() {
        let (pin, curl) = (Pin([0xa5; 32]), "sha256//paWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaU=");
        assert_eq!("a5".repeat(32).parse(), Ok(pin));
        assert_eq!(curl.parse(), Ok(pin));
        assert_eq!(pin.to_string(), curl);
        for bad in ["", "sha256//", "paWl", &"g5".repeat(32), &"a5".repeat(31)] {
            assert!(bad.parse::<Pin>().is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("0", 0)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "s", "1d", "-1", "1.5m", "99999999999999999999", "99999h"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn pairs_take_negative_numbers_and_refuse_what_is_none() {
        assert_eq!(parse_pair("y=-5.5"), Ok(("y", -5.5)));
        for bad in ["y", "y=", "y=five", "y=nan", "y=inf"] {
            assert!(parse_pair(bad).is_err(), "{bad}");
        }
    }
}
