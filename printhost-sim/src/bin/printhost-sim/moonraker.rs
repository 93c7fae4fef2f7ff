//! Simulated Moonraker servers.

use clap::Args;
use printhost_sim::{MoonrakerConfig, MoonrakerSim};

use crate::serve::{Common, Served};
use crate::simulated::Simulated;

#[derive(Args)]
pub(crate) struct Moonraker {
    /// The first printer's port; the next printers take the next ports. 0 lets the system choose all of them.
    #[arg(long, default_value_t = 7125)]
    port: u16,
    /// The API key that all of them accept.
    #[arg(long, default_value = MoonrakerConfig::TEST_KEY)]
    key: String,
    /// The host's name; with more printers than one, each gets a number behind it.
    #[arg(long, default_value = "vm")]
    hostname: String,
    /// Trusts nobody, so that a key or a login is needed.
    #[arg(long)]
    untrusted: bool,
    /// Adds a user, as NAME:PASSWORD.
    #[arg(long, value_name = "NAME:PASSWORD", value_parser = user)]
    user: Vec<(String, String)>,
    /// Trusts nobody either once there is a user.
    #[arg(long)]
    force_logins: bool,
    /// Starts without Klipper.
    #[arg(long)]
    no_klippy: bool,
    #[command(flatten)]
    common: Common,
}

pub(crate) async fn run(args: Moonraker) -> Result<(), String> {
    let mut printers: Vec<Box<dyn Simulated>> = Vec::new();
    for number in 0..args.common.served.count {
        let port = Served::port(args.port, number)?;
        let sim = MoonrakerSim::start(args.config(port, number)).await;
        printers.push(Box::new(sim.map_err(|error| format!("cannot listen on port {port}: {error}"))?));
    }
    args.common.served.serve(printers).await
}

impl Moonraker {
    fn config(&self, port: u16, number: u16) -> MoonrakerConfig {
        let mut config = MoonrakerConfig::default()
            .api_key(&self.key)
            .time_scale(self.common.served.time_scale)
            .hostname(self.common.served.name(&self.hostname, number))
            .port(port)
            .extruders(self.common.extruders.into())
            .heated_bed(!self.common.no_heated_bed)
            .trusted(!self.untrusted)
            .force_logins(self.force_logins)
            .klippy(!self.no_klippy)
            .webcam(self.common.webcam);
        config.users.clone_from(&self.user);
        config
    }
}

fn user(text: &str) -> Result<(String, String), String> {
    let (name, password) = text.split_once(':').ok_or("must be NAME:PASSWORD")?;
    Ok((name.to_owned(), password.to_owned()))
}
