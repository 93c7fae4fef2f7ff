//! Serves some simulated printers until Ctrl-C.

use std::net::Ipv4Addr;
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use tokio::net::TcpListener;

use crate::control::{self, Printers};
use crate::simulated::Simulated;

/// What can be said of printers that OctoPrint or Moonraker drive, apart from the port and the key, which differ by default.
#[derive(Args)]
pub(crate) struct Common {
    #[command(flatten)]
    pub(crate) served: Served,
    /// How many extruders each printer has.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=10))]
    pub(crate) extruders: u8,
    /// Gives the printers a bed without a heater.
    #[arg(long)]
    pub(crate) no_heated_bed: bool,
    /// Adds a webcam.
    #[arg(long)]
    pub(crate) webcam: bool,
}

/// What can be said of printers of every kind.
#[derive(Args)]
pub(crate) struct Served {
    /// How many printers to simulate.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) count: u16,
    /// Seconds of printing, heating and connecting per second.
    #[arg(long, default_value = "1", value_parser = crate::time_scale)]
    pub(crate) time_scale: f64,
    /// Serves the control route, for faults and decisions, on this port; 0 lets the system choose it.
    #[arg(long)]
    control_port: Option<u16>,
    /// Prints one line of JSON instead of text.
    #[arg(long)]
    json: bool,
}

impl Served {
    /// The port of a printer: the first one's is given, the next have the next.
    pub(crate) fn port(first: u16, number: u16) -> Result<u16, String> {
        match first {
            0 => Ok(0),
            first => first.checked_add(number).ok_or_else(|| "there are not so many ports".to_owned()),
        }
    }

    /// The name of a printer: numbered when there are more than one, empty when none was given.
    pub(crate) fn name(&self, name: &str, number: u16) -> String {
        if self.count > 1 && !name.is_empty() { format!("{name} {}", number + 1) } else { name.to_owned() }
    }

    /// Says where the printers are, and serves them.
    pub(crate) async fn serve(&self, printers: Vec<Box<dyn Simulated>>) -> Result<(), String> {
        let printers: Printers = Arc::new(printers);
        let control = match self.control_port {
            Some(port) => {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
                let listener = listener.map_err(|error| format!("cannot listen on port {port}: {error}"))?;
                let addr = listener.local_addr().map_err(|error| error.to_string())?;
                tokio::spawn(control::serve(listener, Arc::clone(&printers)));
                Some(format!("http://{addr}"))
            }
            None => None,
        };
        self.announce(&printers, control.as_deref());
        tokio::signal::ctrl_c().await.map_err(|error| format!("cannot wait for Ctrl-C: {error}"))
    }

    fn announce(&self, printers: &[Box<dyn Simulated>], control: Option<&str>) {
        if self.json {
            let printers: Vec<_> = printers.iter().map(|sim| sim.describe()).collect();
            println!("{}", json!({ "printers": printers, "control": control }));
            return;
        }
        for sim in printers {
            println!("{}", sim.line());
        }
        if let Some(control) = control {
            println!("control  {control}");
        }
    }
}
