//! What all these tests need.

use std::time::Duration;

use printhost::{
    Event, Events, HyperNet, JobEvent, PrintHost as _, PrinterStatus, Result, Trust, Upload, Uploaded,
    bambu::{Bambu, Config},
    beside,
    net::Limits,
    net_tokio::{Hyper, TokioDial},
};
use printhost_sim::{BambuConfig, BambuModel, BambuSim};

/// Nothing here takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A printer that prints quickly.
pub(crate) async fn sim(model: BambuModel) -> BambuSim {
    let config = BambuConfig::new(model).time_scale(20.0).report_every(Duration::from_millis(100));
    BambuSim::start(config).await.unwrap()
}

pub(crate) fn config(sim: &BambuSim) -> Config {
    let name = sim.serial().into();
    let trust = Trust::Device { authorities: sim.authority_pem().into_bytes(), name };
    Config::new("127.0.0.1", sim.serial(), sim.access_code(), trust)
        .with_ports(sim.mqtt_addr().port(), sim.ftps_addr().port())
}

/// A network with certificates.
pub(crate) fn net() -> HyperNet {
    net_within(Limits::HOST)
}

pub(crate) fn net_within(limits: Limits) -> HyperNet {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    HyperNet::build(TokioDial::with_tls(provider), Hyper::default(), limits)
}

pub(crate) fn host(sim: &BambuSim) -> Bambu<HyperNet> {
    Bambu::new(net(), config(sim))
}

/// Does something with a printer whose connection is being run.
pub(crate) async fn on<T>(host: &Bambu<HyperNet>, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, beside(host, work)).await.expect("it takes too long").unwrap()
}

/// Two layers, `seconds` long in the printer's time.
pub(crate) fn gcode(seconds: u32) -> String {
    format!("M104 S200\nM140 S60\nG28\nM73 P0\nG4 S{0}\nM73 P50\nG4 S{0}\nM73 P100\n", seconds / 2)
}

pub(crate) async fn upload(host: &Bambu<HyperNet>, path: &str, content: &[u8]) -> Result<Uploaded> {
    let mut body = content;
    host.upload(Upload::new(path, content.len() as u64, &mut body)).await
}

/// The next event that is about a job.
pub(crate) async fn next_job(events: &mut Events<'_>) -> (JobEvent, bool) {
    loop {
        if let Event::Job { event, inferred } = events.next().await {
            return (event, inferred);
        }
    }
}

/// Waits until a report shows something.
pub(crate) async fn until(events: &mut Events<'_>, shows: impl Fn(&PrinterStatus) -> bool) -> PrinterStatus {
    loop {
        if let Event::Status(status) = events.next().await
            && shows(&status)
        {
            return status;
        }
    }
}

/// The commands that a printer was told, of one category.
pub(crate) fn told(sim: &BambuSim, category: &str) -> Vec<String> {
    let command = |request: serde_json::Value| request[category]["command"].as_str().map(str::to_owned);
    sim.requests().into_iter().filter_map(command).collect()
}
