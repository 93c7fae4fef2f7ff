//! Printers from arguments.

use std::fs;

use printhost::{AnyHost, Error, ErrorKind, Net, PrintHost as _, PrinterUrl, Trust, net::Scheme};
use printhost_sim::{OctoPrintSim, SimConfig};

use crate::{
    args::{Global, Printer},
    failure::Failure,
    key::Keys,
    output::Output,
};

/// How much faster than a real printer the simulated one prints.
const SIM_SPEED: f64 = 30.0;

/// What every command works with.
#[derive(Debug)]
pub(crate) struct Session<N> {
    net: N,
    keys: Keys,
    trust: Option<Trust>,
    pub(crate) out: Output,
}

/// A printer to work with.
#[derive(Debug)]
pub(crate) struct Target<N: Net> {
    pub(crate) host: AnyHost<N>,
    /// Its URL.
    pub(crate) name: String,
    /// Lives as long as the commands that use it.
    sim: Option<OctoPrintSim>,
}

impl<N: Net + Clone> Session<N> {
    /// Reads keys and certificates.
    pub(crate) fn new(net: N, global: &Global, out: Output) -> Result<Self, Failure> {
        let trust = match (&global.pin, &global.ca) {
            (Some(pin), _) => Some(Trust::PinnedKey(pin.0)),
            (None, Some(path)) => Some(Trust::Ca(fs::read(path).map_err(|e| {
                let detail = format!("cannot read the certificate {}: {e}", path.display());
                Failure::usage(detail, "Check the argument of --ca.")
            })?)),
            (None, None) => None,
        };
        Ok(Self { net, keys: Keys::load(global.key_file.as_deref())?, trust, out })
    }

    /// Makes a printer ready to be talked to. Only a simulated one is started; a real one is not yet contacted.
    pub(crate) async fn open(&self, printer: &Printer) -> Result<Target<N>, Failure> {
        match printer {
            Printer::Sim => self.simulated().await,
            Printer::Url(url) => {
                let url = self.trusting(url)?;
                let name = url.to_string();
                let key = self.keys.for_printer(&name)?;
                Ok(Target { host: AnyHost::new(self.net.clone(), &url, key), name, sim: None })
            }
        }
    }

    async fn simulated(&self) -> Result<Target<N>, Failure> {
        let failed = |e: &dyn std::fmt::Display| Error::new(ErrorKind::Unreachable, "sim").with_detail(e);
        let config = SimConfig::default().time_scale(SIM_SPEED);
        let sim = OctoPrintSim::start(config).await.map_err(|e| failed(&e))?;
        let name = sim.url();
        let url: PrinterUrl = name.parse().map_err(|e| failed(&e))?;
        self.out.say("Simulating", format_args!("an OctoPrint and its printer, {SIM_SPEED} times as fast"));
        Ok(Target { host: AnyHost::new(self.net.clone(), &url, sim.api_key()), name, sim: Some(sim) })
    }

    /// What is asked for must not be dropped silently where nothing is encrypted.
    fn trusting(&self, url: &PrinterUrl) -> Result<PrinterUrl, Failure> {
        match &self.trust {
            None => Ok(url.clone()),
            Some(trust) if url.base().origin.scheme == Scheme::Https => {
                Ok(url.clone().with_trust(trust.clone()))
            }
            Some(_) => Err(Failure::usage(
                format_args!("--ca and --pin are for encrypted connections, and {url} is none"),
                "Write octoprint+https://…, or leave them out.",
            )),
        }
    }
}

impl<N: Net> Target<N> {
    /// Checks address and key, and says who answered.
    pub(crate) async fn connect(&self, out: &Output) -> Result<(), Failure> {
        let info = self.host.connect().await?;
        out.say("Connected", format_args!("to {} {} at {}", info.software, info.version, self.name));
        let fields = serde_json::json!({ "software": info.software, "version": info.version });
        out.event(&self.name, "connected", fields);
        Ok(())
    }

    /// Whether it ends with this process.
    pub(crate) const fn is_simulated(&self) -> bool {
        self.sim.is_some()
    }
}
