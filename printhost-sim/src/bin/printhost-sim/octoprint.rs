//! Simulated OctoPrint servers.

use clap::Args;
use printhost_sim::{OctoPrintSim, SimConfig};

use crate::serve::{Common, Served};
use crate::simulated::Simulated;

#[derive(Args)]
pub(crate) struct OctoPrint {
    /// The first printer's port; the next printers take the next ports. 0 lets the system choose all of them.
    #[arg(long, default_value_t = 5000)]
    port: u16,
    /// The API key that all of them accept.
    #[arg(long, default_value = SimConfig::TEST_KEY)]
    key: String,
    /// The instance's name; with more printers than one, each gets a number behind it.
    #[arg(long, default_value = "")]
    name: String,
    /// Gives the printers a heated chamber.
    #[arg(long)]
    heated_chamber: bool,
    /// Starts without a connection to the printers.
    #[arg(long)]
    disconnected: bool,
    /// Approves requests for application keys after so many polls.
    #[arg(long, value_name = "POLLS")]
    approve_apps_after: Option<u32>,
    /// Does not limit failed logins and requests for application keys.
    #[arg(long)]
    no_rate_limits: bool,
    /// Analyses uploads, so that files have a gcodeAnalysis.
    #[arg(long)]
    analysis: bool,
    /// Serves the thumbnails that slicers put into files.
    #[arg(long)]
    thumbnails: bool,
    #[command(flatten)]
    common: Common,
}

pub(crate) async fn run(args: OctoPrint) -> Result<(), String> {
    let mut printers: Vec<Box<dyn Simulated>> = Vec::new();
    for number in 0..args.common.served.count {
        let port = Served::port(args.port, number)?;
        let sim = OctoPrintSim::start(args.config(port, number)).await;
        printers.push(Box::new(sim.map_err(|error| format!("cannot listen on port {port}: {error}"))?));
    }
    args.common.served.serve(printers).await
}

impl OctoPrint {
    fn config(&self, port: u16, number: u16) -> SimConfig {
        let mut config = SimConfig::default()
            .api_key(&self.key)
            .time_scale(self.common.served.time_scale)
            .name(self.common.served.name(&self.name, number))
            .port(port)
            .extruders(self.common.extruders.into())
            .heated_chamber(self.heated_chamber)
            .heated_bed(!self.common.no_heated_bed)
            .connected(!self.disconnected)
            .rate_limits(!self.no_rate_limits)
            .analysis(self.analysis)
            .thumbnails(self.thumbnails)
            .webcam(self.common.webcam);
        config.approve_apps_after = self.approve_apps_after;
        config
    }
}
