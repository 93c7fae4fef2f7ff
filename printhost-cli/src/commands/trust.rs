//! `printhost trust`.

use std::{
    io::{IsTerminal as _, stdin},
    str::FromStr,
};

use clap::Args;
use printhost::{
    BaseUrl, Error, ErrorKind, Net, Trust as Belief,
    net::{Origin, Scheme},
    net_tokio::{PeerKey, TokioDial},
};
use serde_json::json;
use tokio::time::timeout;

use crate::{
    args::Pin,
    commands::confirmed,
    config::Entry,
    failure::{Code, Failure},
    targets::{Printer, Session},
};

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Trust {
    /// The printer; or HOST:PORT, where anything speaks TLS.
    #[arg(value_name = "PRINTER")]
    whom: Whom,
    /// Keep the key without asking, if no other one is kept.
    #[arg(long)]
    yes: bool,
    /// Keep the key instead of another one, or of an authority, or though the certificate is for another serial number.
    #[arg(long)]
    replace: bool,
}

/// Whose key is looked at.
#[derive(Clone, Debug)]
enum Whom {
    Printer(Printer),
    Address(Origin),
}

impl FromStr for Whom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let printer = match text.parse() {
            Ok(printer) => return Ok(Self::Printer(printer)),
            Err(why) => why,
        };
        match BaseUrl::parse(&format!("https://{text}")) {
            Ok(url) if text.contains(':') && !text.contains('/') => Ok(Self::Address(url.origin)),
            _ => Err(printer),
        }
    }
}

/// Shows who answers, compares it with what is believed, and keeps it for this printer if the user says so.
pub(crate) async fn run<N: Net<Dial = TokioDial> + Clone>(
    session: &Session<N>,
    args: &Trust,
) -> Result<Code, Failure> {
    let out = &session.out;
    let (name, origin, entry, serial) = match &args.whom {
        Whom::Address(origin) => (origin.to_string(), origin.clone(), None, None),
        Whom::Printer(Printer::Sim) => {
            return Err(Failure::usage("a simulated printer has no key", "Name another printer."));
        }
        Whom::Printer(Printer::Url(url)) => {
            let entry = session.config.entries()?.into_iter().find(|entry| entry.url == *url);
            let name = entry.as_ref().map_or_else(|| url.to_string(), |entry| entry.name.clone());
            (name, url.base().origin.clone(), entry, url.serial().map(str::to_owned))
        }
        Whom::Printer(Printer::Name(name)) => {
            let entry = session.config.entries()?.into_iter().find(|entry| entry.name == *name);
            let entry = entry.ok_or_else(|| session.config.no_such(name))?;
            let serial = entry.url.serial().map(str::to_owned);
            (name.clone(), entry.url.base().origin.clone(), Some(entry), serial)
        }
    };
    if origin.scheme != Scheme::Https {
        return Err(Failure::usage(
            format_args!("{origin} is not encrypted, so that nobody there has a key"),
            "Write octoprint+https://…, or HOST:PORT where something speaks TLS.",
        ));
    }
    let key = peer_key(session, &origin).await?;
    let pin = Pin(key.sha256);
    let believed = session.believed(entry.as_ref().and_then(|entry| entry.trust.clone()));
    let compared = Compared::new(&believed, &pin);
    out.say("Key", pin);
    out.say("Name", key.name.as_deref().unwrap_or("none in the certificate"));
    let fields = json!({ "pin": pin.to_string(), "name": key.name, "compared": compared.as_str() });
    out.event(&name, "key", fields);
    match &compared {
        Compared::Same => out.say("Compared", "it is the pinned key"),
        Compared::Nothing => out.say("Compared", "with nothing: no key is kept for this printer"),
        Compared::Authority => out.say("Compared", "with nothing: an authority is believed here, and no key"),
        Compared::Other(pinned) => {
            out.warn("CHANGED", format_args!("the pinned key is another one, {pinned}"));
            // What the command line says is what the user knows: no other key will do.
            let is_kept =
                entry.as_ref().is_some_and(|entry| entry.trust == Some(Belief::PinnedKey(pinned.0)));
            if !(args.replace && is_kept) {
                let detail = format!("the key is {pin}, and {pinned} is pinned");
                return Err(Error::new(ErrorKind::PinMismatch, "trust").with_detail(detail).into());
            }
        }
    }
    // An address may be another printer's by now. A forger knows the name to show.
    if let Some(serial) = serial.filter(|serial| key.name.as_ref() != Some(serial)) {
        let shown = key.name.as_deref().unwrap_or("no name");
        out.warn("OTHER", format_args!("this is not the printer {serial}: its certificate is for {shown}"));
        if !args.replace {
            let detail = format!("{origin} shows a certificate for {shown}, not for {serial}");
            return Err(Error::new(ErrorKind::Untrusted, "trust").with_detail(detail).into());
        }
    }
    let Some(entry) = entry else {
        out.say("Not kept", format_args!("printhost config add NAME URL --pin {pin} keeps it with a name"));
        return Ok(Code::Success);
    };
    keep(session, args, &entry, &pin)
}

/// Only if the user says so, and instead of something else only if that is said, too.
fn keep<N: Net + Clone>(
    session: &Session<N>,
    args: &Trust,
    entry: &Entry,
    pin: &Pin,
) -> Result<Code, Failure> {
    let (out, name) = (&session.out, &entry.name);
    let is_asked = !args.yes && !out.json && stdin().is_terminal();
    let question =
        || confirmed(out, &format!("Does {name} itself show this key, or do you know it by other means?"));
    match &entry.trust {
        Some(Belief::PinnedKey(kept)) if *kept == pin.0 => {}
        Some(_) if !args.replace => {
            out.say("Not kept", format_args!("{name} believes something else; --replace changes that"));
        }
        _ if !args.yes && !is_asked => out.say("Not kept", "--yes keeps it"),
        _ if is_asked && !question()? => out.warn("Not kept", "nothing has changed."),
        _ => {
            session.config.set_pin(name, pin)?;
            out.say("Kept", format_args!("the key of {name} in {}", session.config.path().display()));
            out.event(name, "pin_kept", json!({ "pin": pin.to_string() }));
        }
    }
    Ok(Code::Success)
}

async fn peer_key<N: Net<Dial = TokioDial>>(session: &Session<N>, to: &Origin) -> Result<PeerKey, Error> {
    let parts = session.net.parts();
    let limit = parts.limits().dial;
    timeout(limit, parts.dialer().peer_key(to)).await.unwrap_or_else(|_| {
        let detail = format!("{to} does not answer within {} s", limit.as_secs());
        Err(Error::new(ErrorKind::Unreachable, "connect").with_detail(detail))
    })
}

/// What a key was compared with.
enum Compared {
    Nothing,
    Authority,
    Same,
    Other(Pin),
}

impl Compared {
    fn new(believed: &Option<Belief>, pin: &Pin) -> Self {
        match believed {
            None | Some(Belief::PublicRoots) => Self::Nothing,
            Some(Belief::PinnedKey(pinned)) if *pinned == pin.0 => Self::Same,
            Some(Belief::PinnedKey(pinned)) => Self::Other(Pin(*pinned)),
            Some(_) => Self::Authority,
        }
    }

    const fn as_str(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Authority => "authority",
            Self::Same => "same",
            Self::Other(_) => "other",
        }
    }
}
