use printhost::{
    AnyHost, BaseUrl, HyperNet, PrinterUrl, Protocol, Secret,
    net::{Http1, Net},
    net_tokio::{Hyper, PortableNet, TokioClock, TokioDial},
    prusalink::{Config, PrusaLink},
};
use printhost_testkit::{
    Bench,
    runner::{OctoPrintBench, short_limits},
};

/// What the facade makes of an OctoPrint at `address` (`127.0.0.1:5000`), behind a proxy.
pub(crate) async fn bench<N: Net + Clone>(net: N, address: &str, key: &str) -> impl Bench + use<N> {
    let make = move |url: &BaseUrl, key: Secret| {
        AnyHost::new(net.clone(), &PrinterUrl::new(Protocol::OctoPrint, url.clone()), key)
    };
    OctoPrintBench::start(address, key, TokioClock::default(), make).await.unwrap()
}

pub(crate) fn hyper() -> HyperNet {
    HyperNet::build(TokioDial::plain(), Hyper::default(), short_limits())
}

/// With certificates.
pub(crate) fn encrypted() -> HyperNet {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    HyperNet::build(TokioDial::with_tls(provider), Hyper::default(), short_limits())
}

pub(crate) fn portable() -> PortableNet {
    PortableNet::build(TokioDial::plain(), Http1::HOST, short_limits())
}

/// PrusaLinks with the password of `maker`.
pub(crate) fn with_password<N: Net + Clone>(net: N) -> impl Fn(&BaseUrl, Secret) -> PrusaLink<N> {
    move |url, password| {
        PrusaLink::new(net.clone(), Config::with_password(url.clone(), "maker", password).unwrap())
    }
}
