//! Simulated networked 3D printers, as servers on this machine.

mod control;
#[cfg(all(any(feature = "klipper-mcu", feature = "mk3s"), target_os = "linux"))]
mod input;
#[cfg(all(feature = "klipper-mcu", target_os = "linux"))]
mod klipper_mcu;
#[cfg(all(feature = "mk3s", target_os = "linux"))]
mod mk3s;
mod prusalink;

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use printhost_sim::{OctoPrintSim, SimConfig};
use serde_json::json;
use tokio::net::TcpListener;

/// Simulated networked 3D printers.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    personality: Personality,
}

#[derive(Subcommand)]
enum Personality {
    /// Serves simulated OctoPrint servers until Ctrl-C.
    Octoprint(OctoPrint),
    /// Serves simulated PrusaLinks until Ctrl-C.
    Prusalink(prusalink::PrusaLink),
    /// Simulates the micro-controller of a printer that Klipper drives, on a pseudo terminal until its input ends;
    /// prints the port, and takes commands as lines.
    #[cfg(all(feature = "klipper-mcu", target_os = "linux"))]
    KlipperMcu(klipper_mcu::KlipperMcu),
    /// Simulates a Prusa MK3S on a pseudo terminal until its input ends; prints the port, and takes commands as lines.
    #[cfg(all(feature = "mk3s", target_os = "linux"))]
    Mk3s(mk3s::Mk3s),
}

#[derive(Args)]
struct OctoPrint {
    /// The first printer's port; the next printers take the next ports. 0 lets the system choose all of them.
    #[arg(long, default_value_t = 5000)]
    port: u16,
    /// How many printers to simulate.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
    /// The API key that all of them accept.
    #[arg(long, default_value = SimConfig::TEST_KEY)]
    key: String,
    /// Seconds of printing, heating and connecting per second.
    #[arg(long, default_value = "1", value_parser = time_scale)]
    time_scale: f64,
    /// The instance's name; with more printers than one, each gets a number behind it.
    #[arg(long, default_value = "")]
    name: String,
    /// How many extruders each printer has.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=10))]
    extruders: u8,
    /// Gives the printers a heated chamber.
    #[arg(long)]
    heated_chamber: bool,
    /// Gives the printers a bed without a heater.
    #[arg(long)]
    no_heated_bed: bool,
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
    /// Adds a webcam.
    #[arg(long)]
    webcam: bool,
    /// Serves the control route, for faults and decisions, on this port; 0 lets the system choose it.
    #[arg(long)]
    control_port: Option<u16>,
    /// Prints one line of JSON instead of text.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let personality = Cli::parse().personality;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("cannot start: {error}")),
    };
    let result = runtime.block_on(async {
        match personality {
            Personality::Octoprint(args) => run(args).await,
            Personality::Prusalink(args) => prusalink::run(args).await,
            #[cfg(all(feature = "klipper-mcu", target_os = "linux"))]
            Personality::KlipperMcu(args) => klipper_mcu::run(args).await,
            #[cfg(all(feature = "mk3s", target_os = "linux"))]
            Personality::Mk3s(args) => mk3s::run(args).await,
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

async fn run(args: OctoPrint) -> Result<(), String> {
    let mut printers = Vec::new();
    for number in 0..args.count {
        let port = match args.port {
            0 => 0,
            first => first.checked_add(number).ok_or("there are not so many ports")?,
        };
        let sim = OctoPrintSim::start(args.config(port, number)).await;
        printers.push(sim.map_err(|error| format!("cannot listen on port {port}: {error}"))?);
    }
    let printers = Arc::new(printers);
    let control = match args.control_port {
        Some(port) => {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
            let listener = listener.map_err(|error| format!("cannot listen on port {port}: {error}"))?;
            let addr = listener.local_addr().map_err(|error| error.to_string())?;
            tokio::spawn(control::serve(listener, Arc::clone(&printers)));
            Some(format!("http://{addr}"))
        }
        None => None,
    };
    announce(&args, &printers, control.as_deref());
    tokio::signal::ctrl_c().await.map_err(|error| format!("cannot wait for Ctrl-C: {error}"))
}

impl OctoPrint {
    fn config(&self, port: u16, number: u16) -> SimConfig {
        let name = if self.count > 1 && !self.name.is_empty() {
            format!("{} {}", self.name, number + 1)
        } else {
            self.name.clone()
        };
        let mut config = SimConfig::default()
            .api_key(&self.key)
            .time_scale(self.time_scale)
            .name(name)
            .port(port)
            .extruders(self.extruders.into())
            .heated_chamber(self.heated_chamber)
            .heated_bed(!self.no_heated_bed)
            .connected(!self.disconnected)
            .rate_limits(!self.no_rate_limits)
            .analysis(self.analysis)
            .thumbnails(self.thumbnails)
            .webcam(self.webcam);
        config.approve_apps_after = self.approve_apps_after;
        config
    }
}

fn announce(args: &OctoPrint, printers: &[OctoPrintSim], control: Option<&str>) {
    if args.json {
        let printers: Vec<_> = printers.iter().map(control::describe).collect();
        println!("{}", json!({ "printers": printers, "control": control }));
        return;
    }
    for sim in printers {
        println!("{}  http://{}  key {}", sim.url(), sim.addr(), sim.api_key());
    }
    if let Some(control) = control {
        println!("control  {control}");
    }
}

fn time_scale(text: &str) -> Result<f64, String> {
    let scale: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    (scale.is_finite() && scale > 0.0).then_some(scale).ok_or("must be above zero".to_owned())
}

fn failed(error: &str) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}
