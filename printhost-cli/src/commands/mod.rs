//! What can be done: a file per command, or per family of commands that differ in one word.

pub(crate) mod camera;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod connection;
pub(crate) mod discover;
pub(crate) mod emergency_stop;
pub(crate) mod factor;
pub(crate) mod files;
pub(crate) mod gcode;
pub(crate) mod job;
pub(crate) mod login;
pub(crate) mod man;
pub(crate) mod motion;
pub(crate) mod print;
pub(crate) mod restart;
pub(crate) mod start;
pub(crate) mod status;
pub(crate) mod temp;
pub(crate) mod trust;
pub(crate) mod upload;
pub(crate) mod watch;

use std::io::{IsTerminal as _, Write as _, stdin};

use printhost::{Command, Confirmation, Net, Outcome, PrintHost as _};
use serde_json::{Map, Value};

use crate::{
    failure::{Code, Failure},
    output::Output,
    targets::{Printer, Session, Target},
};

/// Sends a command and tells that it was done: `verb` and `text` to people, `event` with `fields` to programs.
async fn send<N: Net>(
    out: &Output,
    target: &Target<N>,
    command: Command<'_>,
    (verb, text): (&str, &str),
    (event, fields): (&str, Value),
) -> Result<(), Failure> {
    let outcome = target.host.command(command).await?;
    let sure = if is_confirmed(&outcome) { "" } else { " (accepted by the host)" };
    out.say(verb, format_args!("{text}{sure}"));
    let mut all = Map::from_iter([("confirmed".to_owned(), is_confirmed(&outcome).into())]);
    if let Value::Object(fields) = fields {
        all.extend(fields);
    }
    out.event(&target.name, event, Value::Object(all));
    Ok(())
}

/// As [`send`], to the one printer of a command.
async fn send_to<N: Net + Clone>(
    session: &Session<N>,
    printer: &Printer,
    command: Command<'_>,
    said: (&str, &str),
    told: (&str, Value),
) -> Result<Code, Failure> {
    command.check()?;
    let target = session.open(printer).await?;
    send(&session.out, &target, command, said, told).await?;
    Ok(Code::Success)
}

fn is_confirmed(outcome: &Outcome) -> bool {
    outcome.confirmation == Confirmation::Confirmed
}

/// Asks for something that cannot be undone; a usage error when nobody is there to be asked.
fn confirmed(out: &Output, what: &str) -> Result<bool, Failure> {
    if out.json || !stdin().is_terminal() {
        return Err(Failure::usage("nobody is there to confirm it", "Confirm it with --yes."));
    }
    eprint!("{what} [y/N] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    let read = stdin().read_line(&mut answer);
    Ok(read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes"))
}
