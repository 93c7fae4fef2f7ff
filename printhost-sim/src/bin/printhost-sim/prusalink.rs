//! Simulated PrusaLinks.

use clap::{Args, ValueEnum};
use printhost_sim::{PrusaLinkConfig, PrusaLinkFamily, PrusaLinkSim};
use serde_json::json;

#[derive(Clone, Copy, ValueEnum)]
enum Family {
    /// PrusaLink 0.8.1 on a Raspberry Pi, beside an MK3S.
    Pi,
    /// The one in the firmware of the MK4, MINI, XL and CORE One.
    Buddy,
}

#[derive(Args)]
pub(crate) struct PrusaLink {
    /// Which of the two programs of that name.
    #[arg(long, value_enum, default_value = "pi")]
    family: Family,
    /// The first printer's port; the next printers take the next ports. 0 lets the system choose all of them.
    #[arg(long, default_value_t = 5070)]
    port: u16,
    /// How many printers to simulate.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
    /// The API key that all of them accept; in the firmware also the password.
    #[arg(long, default_value = PrusaLinkConfig::TEST_KEY)]
    key: String,
    /// The password of the user `maker` on a Pi.
    #[arg(long, default_value = PrusaLinkConfig::TEST_PASSWORD)]
    password: String,
    /// Seconds of printing and heating per second.
    #[arg(long, default_value = "1", value_parser = crate::time_scale)]
    time_scale: f64,
    /// Seconds for which the end of a print is shown: 11 on a Pi, in the firmware until somebody confirms it.
    #[arg(long, value_parser = crate::time_scale)]
    end_shown_for: Option<f64>,
    /// Gives a Pi a camera.
    #[arg(long)]
    camera: bool,
    /// Prints one line of JSON instead of text.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: PrusaLink) -> Result<(), String> {
    let mut printers = Vec::new();
    for number in 0..args.count {
        let port = match args.port {
            0 => 0,
            first => first.checked_add(number).ok_or("there are not so many ports")?,
        };
        let sim = PrusaLinkSim::start(args.config(port)).await;
        printers.push(sim.map_err(|error| format!("cannot listen on port {port}: {error}"))?);
    }
    if args.json {
        let described = |sim: &PrusaLinkSim| {
            json!({
                "url": sim.url(),
                "http": format!("http://{}", sim.addr()),
                "key": sim.config().api_key,
                "user": "maker",
                "password": sim.config().password,
            })
        };
        println!("{}", json!({ "printers": printers.iter().map(described).collect::<Vec<_>>() }));
    } else {
        for sim in &printers {
            let config = sim.config();
            println!(
                "{}  http://{}  key {}  maker {}",
                sim.url(),
                sim.addr(),
                config.api_key,
                config.password
            );
        }
    }
    tokio::signal::ctrl_c().await.map_err(|error| format!("cannot wait for Ctrl-C: {error}"))
}

impl PrusaLink {
    fn config(&self, port: u16) -> PrusaLinkConfig {
        let config = match self.family {
            Family::Pi => {
                PrusaLinkConfig::new(PrusaLinkFamily::Pi).api_key(&self.key).password(&self.password)
            }
            Family::Buddy => PrusaLinkConfig::new(PrusaLinkFamily::Buddy).api_key(&self.key),
        };
        let mut config = config.port(port).time_scale(self.time_scale).camera(self.camera);
        config.end_shown_for =
            self.end_shown_for.map(std::time::Duration::from_secs_f64).or(config.end_shown_for);
        config
    }
}
