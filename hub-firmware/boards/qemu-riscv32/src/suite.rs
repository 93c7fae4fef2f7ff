//! The conformance suite on this machine: the driver is here, the oracle elsewhere.

use alloc::{
    format,
    string::{String, ToString as _},
};
use core::time::Duration;

use embassy_net::Stack;
#[cfg(feature = "bambu")]
use printhost::Attended;
use printhost::{
    AnyHost, PrinterUrl,
    net::{BaseUrl, Limits},
};
use printhost_net_embassy::{EmbassyClock, EmbassyNet, Sockets, embassy_net_with_tls};
use printhost_testkit::{Bench, CASES, RemoteOracle, Verdict};
use static_cell::ConstStaticCell;

use crate::{BUFFER, CONNECTIONS, config::Config, console::println, entropy::Entropy, heap};

type Net<'a> = EmbassyNet<'a, 'static, CONNECTIONS, Entropy>;

/// Cases make calls without running the connection, too, which a printer that has one for everything needs.
#[cfg(feature = "bambu")]
type Driver<'n, 'a> = Attended<AnyHost<&'n Net<'a>>>;
#[cfg(not(feature = "bambu"))]
type Driver<'n, 'a> = AnyHost<&'n Net<'a>>;

fn driver<'n, 'a>(host: AnyHost<&'n Net<'a>>) -> Driver<'n, 'a> {
    #[cfg(feature = "bambu")]
    let host = Attended::new(host);
    host
}

struct DeviceBench<'n, 'a> {
    net: &'n Net<'a>,
    printer: PrinterUrl,
    key: &'static str,
    oracle: RemoteOracle<&'n Net<'a>>,
    clock: EmbassyClock,
    patience: Duration,
}

const WRONG_KEY: &str = "WRONGKEY0123456789ABCDEF01234567";

impl<'n, 'a> Bench for DeviceBench<'n, 'a> {
    type Host = Driver<'n, 'a>;
    type Oracle = RemoteOracle<&'n Net<'a>>;
    type Clock = EmbassyClock;

    fn host(&self) -> Self::Host {
        driver(AnyHost::new(self.net, &self.printer, self.key))
    }

    fn stranger(&self) -> Option<Self::Host> {
        Some(driver(AnyHost::new(self.net, &self.printer, WRONG_KEY)))
    }

    fn secrets(&self) -> impl Iterator<Item = &str> {
        [self.key, WRONG_KEY].into_iter()
    }

    fn oracle(&self) -> &Self::Oracle {
        &self.oracle
    }

    fn clock(&self) -> &EmbassyClock {
        &self.clock
    }

    fn patience(&self) -> Duration {
        self.patience
    }
}

/// Judges every case and prints a line for each.
pub(crate) async fn run(network: Stack<'static>, config: Config, entropy: Entropy) -> Result<(), String> {
    let printer = config.printer()?;
    let oracle = BaseUrl::parse(config.require("oracle")?).map_err(|e| e.to_string())?;
    let filter = config.get("cases").unwrap_or_default();
    let patience = config.require("patience")?.parse().map_err(|_| "patience: no number of seconds")?;
    let patience = Duration::from_secs(patience);
    network.wait_config_up().await;

    static BUFFERS: ConstStaticCell<[([u8; BUFFER], [u8; BUFFER]); CONNECTIONS]> =
        ConstStaticCell::new([([0; BUFFER], [0; BUFFER]); CONNECTIONS]);
    let sockets = Sockets::new(network, BUFFERS.take());
    let mut limits = Limits::DEVICE;
    // Silence is waited for by some cases.
    (limits.stall, limits.answer) = (Duration::from_secs(3), Duration::from_secs(6));
    let tls = crate::tls(config, entropy)?;
    let net = embassy_net_with_tls(&sockets, &tls, entropy).with_limits(limits);
    let oracle = RemoteOracle::new(&net, oracle);
    let bench = DeviceBench {
        net: &net,
        printer,
        key: config.require("key")?,
        oracle,
        clock: EmbassyClock::new(),
        patience,
    };

    let mut failed = 0;
    heap::reset_peak();
    for case in CASES.iter().filter(|case| case.name.contains(filter)) {
        let (word, why) = match printhost_testkit::run(case, &bench).await {
            Verdict::Passed => ("passed", String::new()),
            Verdict::Skipped(why) => ("skipped", why),
            Verdict::Failed(why) => {
                failed += 1;
                ("failed", why)
            }
            _ => ("unknown", String::new()),
        };
        println!("case\t{}\t{word}\t{why}", case.name);
    }
    net.close_idle();
    println!("heap peak: {}", heap::peak());
    match failed {
        0 => Ok(()),
        n => Err(format!("{n} cases failed")),
    }
}
