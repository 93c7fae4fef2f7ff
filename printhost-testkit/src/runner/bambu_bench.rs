use std::{format, io, string::String, time::Duration};

use printhost_core::{Attended, Clock, PrintHost, Secret};
use printhost_sim::BambuSim;

use super::BambuOracle;
use crate::Bench;

/// Nobody's access code.
const WRONG_CODE: &str = "87654321";

/// A driver for Bambu Lab printers in front of a simulated one: with proxies between them, and a [`BambuOracle`].
///
/// Cases make calls without running the connection, too; so a driver that takes one connection for everything is
/// [`Attended`].
///
/// `F` makes the driver: it is given the printer's URL (`bambu://127.0.0.1:8883?serial=…&ftps=990`) and an access code,
/// and called again and again. It knows whom to believe: see [`BambuSim::authority_pem`].
#[derive(Debug)]
pub struct BambuBench<F, C> {
    make: F,
    url: String,
    oracle: BambuOracle,
    clock: C,
}

impl<H: PrintHost, F: Fn(&str, Secret) -> H, C: Clock> BambuBench<F, C> {
    /// Puts the proxies in front of the printer.
    ///
    /// # Errors
    ///
    /// A proxy has no port to listen on.
    ///
    /// # Panics
    ///
    /// There is no tokio runtime with I/O enabled.
    pub async fn start(sim: BambuSim, clock: C, make: F) -> io::Result<Self> {
        let oracle = BambuOracle::start(sim).await?;
        let (mqtt, ftps) = oracle.ports();
        let url = format!("bambu://127.0.0.1:{mqtt}?serial={}&ftps={ftps}", oracle.sim().serial());
        Ok(Self { make, url, oracle, clock })
    }
}

impl<H: PrintHost, F: Fn(&str, Secret) -> H, C: Clock> Bench for BambuBench<F, C> {
    type Host = Attended<H>;
    type Oracle = BambuOracle;
    type Clock = C;

    fn host(&self) -> Attended<H> {
        Attended::new((self.make)(&self.url, self.oracle.sim().access_code().into()))
    }

    fn stranger(&self) -> Option<Attended<H>> {
        Some(Attended::new((self.make)(&self.url, WRONG_CODE.into())))
    }

    fn secrets(&self) -> impl Iterator<Item = &str> {
        [self.oracle.sim().access_code(), WRONG_CODE].into_iter()
    }

    fn oracle(&self) -> &BambuOracle {
        &self.oracle
    }

    fn clock(&self) -> &C {
        &self.clock
    }

    /// A printer that has everything may take its time to say so.
    fn patience(&self) -> Duration {
        Duration::from_secs(90)
    }
}
