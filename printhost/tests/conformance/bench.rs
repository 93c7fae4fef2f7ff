use std::{sync::Arc, time::Duration};

use printhost::{
    AnyHost, HyperNet, PrinterUrl,
    net::{Http1, Limits, Net},
    net_tokio::{Hyper, PortableNet, TokioClock, TokioDial},
};
use printhost_testkit::{
    Bench,
    runner::{Column, FaultProxy, OctoPrintOracle},
};

/// An OctoPrint behind a proxy.
pub(crate) struct OctoPrintBench<N> {
    net: N,
    url: PrinterUrl,
    key: String,
    oracle: OctoPrintOracle,
    clock: TokioClock,
}

const WRONG_KEY: &str = "WRONGKEY0123456789ABCDEF01234567";

impl<N: Net + Clone> OctoPrintBench<N> {
    /// `address` is `127.0.0.1:5000`.
    pub(crate) async fn new(net: N, address: &str, key: &str) -> Self {
        let proxy = Arc::new(FaultProxy::start(address).await.unwrap());
        let url = format!("octoprint://{}", proxy.address()).parse().unwrap();
        let oracle = OctoPrintOracle::new(format!("http://{address}"), key, proxy);
        Self { net, url, key: key.into(), oracle, clock: TokioClock::default() }
    }
}

impl<N: Net + Clone> Bench for OctoPrintBench<N> {
    type Host = AnyHost<N>;
    type Oracle = OctoPrintOracle;
    type Clock = TokioClock;

    fn host(&self) -> AnyHost<N> {
        AnyHost::new(self.net.clone(), &self.url, self.key.as_str())
    }

    fn stranger(&self) -> Option<AnyHost<N>> {
        Some(AnyHost::new(self.net.clone(), &self.url, WRONG_KEY))
    }

    fn secrets(&self) -> impl Iterator<Item = &str> {
        [self.key.as_str(), WRONG_KEY].into_iter()
    }

    fn oracle(&self) -> &OctoPrintOracle {
        &self.oracle
    }

    fn clock(&self) -> &TokioClock {
        &self.clock
    }
}

/// Limits under which silence is found out soon.
fn limits() -> Limits {
    let mut limits = Limits::HOST;
    (limits.stall, limits.answer) = (Duration::from_secs(2), Duration::from_secs(3));
    limits
}

/// Judges all cases (or those chosen by the environment), keeps the column, and fails if one failed.
pub(crate) async fn judge<B: Bench>(bench: &B, column: &str) {
    let filter = std::env::var("PRINTHOST_CASES").unwrap_or_default();
    let judged = Column::run(bench, &filter).await;
    if let Some(folder) = std::env::var_os("PRINTHOST_LEDGER") {
        let folder = std::path::Path::new(&folder);
        std::fs::create_dir_all(folder).unwrap();
        judged.write(&folder.join(format!("{column}.txt"))).unwrap();
    }
    let failures = judged.failures();
    assert!(failures.is_empty(), "{column}:\n{}", failures.join("\n"));
}

pub(crate) fn hyper() -> HyperNet {
    HyperNet::build(TokioDial::plain(), Hyper::default(), limits())
}

pub(crate) fn portable() -> PortableNet {
    PortableNet::build(TokioDial::plain(), Http1::HOST, limits())
}
