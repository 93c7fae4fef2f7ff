//! Printers from arguments.

use std::str::FromStr;

use futures::future::join_all;
use printhost::{AnyHost, Attended, Error, ErrorKind, Net, PrintHost as _, PrinterUrl, Secret, Trust};
use printhost_sim::{OctoPrintSim, SimConfig};
use serde_json::json;

use crate::{
    args::Global,
    config::{self, Config, Entry},
    failure::{Code, Failure},
    keys::{KeyStore, Keys},
    output::Output,
};

/// How much faster than a real printer the simulated one prints.
const SIM_SPEED: f64 = 30.0;

/// Which printer, as somebody wrote it.
#[derive(Clone, Debug)]
pub(crate) enum Printer {
    /// One simulated in this process.
    Sim,
    /// By its address.
    Url(PrinterUrl),
    /// By its name in the configuration.
    Name(String),
}

impl FromStr for Printer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "sim" => Ok(Self::Sim),
            name if is_name(name) => Ok(Self::Name(name.into())),
            group if group.starts_with('@') => Err("this command takes one printer, and no group".into()),
            url => url.parse().map(Self::Url).map_err(|e: printhost::PrinterUrlError| e.to_string()),
        }
    }
}

/// Which printers: one, or a group of the configuration.
#[derive(Clone, Debug)]
pub(crate) enum Printers {
    /// One.
    One(Printer),
    /// Those of a group.
    Group(String),
    /// All of the configuration.
    All,
}

impl FromStr for Printers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix('@') {
            Some("all") => Ok(Self::All),
            Some(group) => Ok(Self::Group(group.into())),
            None => text.parse().map(Self::One),
        }
    }
}

/// Whether this can be a printer's name.
pub(crate) fn is_name(text: &str) -> bool {
    let legal = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    text != "sim" && text.starts_with(char::is_alphanumeric) && text.chars().all(legal)
}

/// Where a printer is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// As the user calls it: its name, else its URL.
    pub(crate) name: String,
    /// `None` is a simulated one.
    pub(crate) url: Option<PrinterUrl>,
}

/// What every command works with.
#[derive(Debug)]
pub(crate) struct Session<N> {
    pub(crate) net: N,
    keys: Keys,
    trust: Option<Trust>,
    pub(crate) config: Config,
    pub(crate) out: Output,
}

/// A printer to work with.
#[derive(Debug)]
pub(crate) struct Target<N: Net> {
    pub(crate) host: Attended<AnyHost<N>>,
    /// As the user calls it.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) url: String,
    /// Lives as long as the commands that use it.
    sim: Option<OctoPrintSim>,
}

impl<N: Net + Clone> Session<N> {
    /// Reads keys and certificates.
    pub(crate) fn new(net: N, global: &Global, out: Output) -> Result<Self, Failure> {
        let trust = match (&global.pin, &global.ca) {
            (Some(pin), _) => Some(Trust::PinnedKey(pin.0)),
            (None, Some(path)) => Some(config::read_ca(path)?),
            (None, None) => None,
        };
        let config = Config::at(global.config.as_deref())?;
        let keys = Keys::load(global.key_file.as_deref(), KeyStore::beside(config.path()), out.clone())?;
        Ok(Self { net, keys, trust, config, out })
    }

    /// Where these printers are, each once, in the order they were named.
    pub(crate) fn places(&self, printers: &[Printers]) -> Result<Vec<Place>, Failure> {
        let mut places: Vec<Place> = Vec::new();
        let mut simulated = 0;
        for printers in printers {
            let found = match printers {
                Printers::One(printer) => vec![self.place(printer)?],
                Printers::All => self.group("all", |_| true)?,
                Printers::Group(group) => self.group(group, |entry| entry.groups.contains(group))?,
            };
            for mut place in found {
                if place.url.is_none() {
                    simulated += 1;
                    if simulated > 1 {
                        place.name = format!("sim-{simulated}");
                    }
                }
                // The same printer under two names is still one, and is told everything once.
                if place.url.is_none() || places.iter().all(|other| other.address() != place.address()) {
                    places.push(place);
                }
            }
        }
        Ok(places)
    }

    /// Where this printer is.
    pub(crate) fn place(&self, printer: &Printer) -> Result<Place, Failure> {
        match printer {
            Printer::Sim => Ok(Place { name: "sim".into(), url: None }),
            Printer::Url(url) => Ok(Place { name: url.to_string(), url: Some(self.trusting(url, None)?) }),
            Printer::Name(name) => {
                let entry = self.config.entries()?.into_iter().find(|entry| entry.name == *name);
                self.configured(entry.ok_or_else(|| self.config.no_such(name))?)
            }
        }
    }

    fn group(&self, group: &str, belongs: impl Fn(&Entry) -> bool) -> Result<Vec<Place>, Failure> {
        let members: Vec<Entry> = self.config.entries()?.into_iter().filter(belongs).collect();
        match members.is_empty() {
            true => Err(Failure::usage(
                format_args!("there is no printer in @{group}"),
                "See printhost config list; printers are added with printhost config add.",
            )),
            false => members.into_iter().map(|entry| self.configured(entry)).collect(),
        }
    }

    fn configured(&self, entry: Entry) -> Result<Place, Failure> {
        let url = self.trusting(&entry.url, entry.trust)?;
        Ok(Place { name: entry.name, url: Some(url) })
    }

    /// Whom to believe: what the command line says goes before the configuration.
    pub(crate) fn believed(&self, configured: Option<Trust>) -> Option<Trust> {
        self.trust.clone().or(configured)
    }

    fn trusting(&self, url: &PrinterUrl, configured: Option<Trust>) -> Result<PrinterUrl, Failure> {
        config::check_trust(url, self.trust.is_some())?;
        match self.believed(configured) {
            None => Ok(url.clone()),
            Some(trust) => Ok(url.clone().with_trust(trust)),
        }
    }

    /// Makes a printer ready to be talked to. Only a simulated one is started; a real one is not yet contacted.
    pub(crate) async fn open(&self, printer: &Printer) -> Result<Target<N>, Failure> {
        self.open_place(&self.place(printer)?).await
    }

    /// As [`Session::open`].
    pub(crate) async fn open_place(&self, place: &Place) -> Result<Target<N>, Failure> {
        let Some(url) = &place.url else { return self.simulated(&place.name).await };
        let address = url.to_string();
        // Most Moonrakers trust their own network, and say so otherwise.
        let key = match url.protocol().may_trust() {
            true => self.keys.known_for(&address)?.unwrap_or_else(|| Secret::new("")),
            false => self.keys.for_printer(&address).await?,
        };
        let host = Attended::new(AnyHost::new(self.net.clone(), url, key));
        Ok(Target { host, name: place.name.clone(), url: address, sim: None })
    }

    async fn simulated(&self, name: &str) -> Result<Target<N>, Failure> {
        let failed = |e: &dyn std::fmt::Display| Error::new(ErrorKind::Unreachable, "sim").with_detail(e);
        let config = SimConfig::default().time_scale(SIM_SPEED);
        let sim = OctoPrintSim::start(config).await.map_err(|e| failed(&e))?;
        let address = sim.url();
        let url: PrinterUrl = address.parse().map_err(|e| failed(&e))?;
        self.out.say("Simulating", format_args!("an OctoPrint and its printer, {SIM_SPEED} times as fast"));
        let host = Attended::new(AnyHost::new(self.net.clone(), &url, sim.api_key()));
        Ok(Target { host, name: name.into(), url: address, sim: Some(sim) })
    }

    /// Does the same with every printer at the same time. One that fails is told and stops no other.
    pub(crate) async fn on_each(
        &self,
        printers: &[Printers],
        act: impl AsyncFn(&Target<N>) -> Result<(), Failure>,
    ) -> Result<Code, Failure> {
        let places = self.places(printers)?;
        let several = places.len() > 1;
        let codes = places.iter().map(async |place| {
            let done = async { act(&self.open_place(place).await?).await };
            match done.await {
                Ok(()) => Code::Success,
                Err(failure) => {
                    self.out.failure(several.then_some(&place.name), &failure);
                    failure.code
                }
            }
        });
        Ok(Code::worst(join_all(codes).await))
    }
}

impl Place {
    fn address(&self) -> Option<String> {
        self.url.as_ref().map(ToString::to_string)
    }
}

impl<N: Net> Target<N> {
    /// Checks address and key, and says who answered.
    pub(crate) async fn connect(&self, out: &Output) -> Result<(), Failure> {
        let info = self.host.connect().await?;
        out.say("Connected", format_args!("to {} {} at {}", info.software, info.version, self.url));
        out.event(&self.name, "connected", json!({ "software": info.software, "version": info.version }));
        Ok(())
    }

    /// Whether it ends with this process.
    pub(crate) const fn is_simulated(&self) -> bool {
        self.sim.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_urls_and_groups_are_told_apart() {
        assert!(matches!("left-2.lab".parse(), Ok(Printer::Name(name)) if name == "left-2.lab"));
        assert!(matches!("sim".parse(), Ok(Printer::Sim)));
        assert!(matches!("octoprint://x".parse(), Ok(Printer::Url(_))));
        assert!(matches!("@all".parse(), Ok(Printers::All)));
        assert!(matches!("@lab".parse(), Ok(Printers::Group(group)) if group == "lab"));
        for bad in ["", "@lab", "a b", "-x", "http://x", "a/b"] {
            assert!(bad.parse::<Printer>().is_err(), "{bad:?}");
        }
    }
}
