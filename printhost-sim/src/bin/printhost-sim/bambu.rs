//! Simulated Bambu Lab printers.

use std::time::Duration;

use clap::{Args, ValueEnum};
use printhost_sim::{BambuConfig, BambuControl, BambuModel, BambuSim};

use crate::serve::Served;
use crate::simulated::Simulated;

#[derive(Clone, Copy, ValueEnum)]
enum Model {
    P1s,
    X1c,
    A1Mini,
    H2d,
    P2s,
}

#[derive(Clone, Copy, ValueEnum)]
enum Control {
    /// They are carried out, as with developer mode.
    Open,
    /// They are answered with an error.
    Failed,
    /// They are answered with nothing but their name, and a health message tells why.
    Bare,
    /// They are not answered.
    Silent,
}

#[derive(Args)]
pub(crate) struct Bambu {
    /// Which printer.
    #[arg(long, value_enum, default_value = "p1s")]
    model: Model,
    /// The first printer's MQTT port; the next printers take the next ports. 0 lets the system choose all of them.
    #[arg(long, default_value_t = 8883)]
    port: u16,
    /// The first printer's FTPS port, likewise. 0 lets the system choose all of them.
    #[arg(long, default_value_t = 9900)]
    ftps_port: u16,
    /// The access code that all of them accept.
    #[arg(long, default_value = BambuConfig::TEST_CODE)]
    code: String,
    /// The first printer's serial number; the last letters of the next ones' differ. One as the model's is by default.
    #[arg(long)]
    serial: Option<String>,
    /// What becomes of commands, which are not signed.
    #[arg(long, value_enum, default_value = "open")]
    control: Control,
    /// Serves nothing on the local network: both ports refuse.
    #[arg(long)]
    no_lan: bool,
    /// Milliseconds of real time between two reports.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    report_every: u64,
    /// How many AMS units there are.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=4))]
    ams_units: u8,
    /// There is no card.
    #[arg(long)]
    no_card: bool,
    #[command(flatten)]
    served: Served,
}

pub(crate) async fn run(args: Bambu) -> Result<(), String> {
    let mut printers: Vec<Box<dyn Simulated>> = Vec::new();
    for number in 0..args.served.count {
        let ports = (Served::port(args.port, number)?, Served::port(args.ftps_port, number)?);
        let sim = BambuSim::start(args.config(ports, number)).await;
        let sim =
            sim.map_err(|error| format!("cannot listen on the ports {} and {}: {error}", ports.0, ports.1))?;
        printers.push(Box::new(sim));
    }
    args.served.serve(printers).await
}

impl Bambu {
    fn config(&self, (mqtt, ftps): (u16, u16), number: u16) -> BambuConfig {
        let model = match self.model {
            Model::P1s => BambuModel::P1s,
            Model::X1c => BambuModel::X1c,
            Model::A1Mini => BambuModel::A1Mini,
            Model::H2d => BambuModel::H2d,
            Model::P2s => BambuModel::P2s,
        };
        let control = match self.control {
            Control::Open => BambuControl::Open,
            Control::Failed => BambuControl::Failed,
            Control::Bare => BambuControl::Bare,
            Control::Silent => BambuControl::Silent,
        };
        let config = BambuConfig::new(model)
            .access_code(&self.code)
            .time_scale(self.served.time_scale)
            .ports(mqtt, ftps)
            .report_every(Duration::from_millis(self.report_every))
            .control(control)
            .lan(!self.no_lan)
            .ams_units(self.ams_units)
            .card(!self.no_card);
        let serial = self.serial.as_ref().unwrap_or(&config.serial).clone();
        match number {
            0 => config.serial(serial),
            _ => config.serial(numbered(&serial, number)),
        }
    }
}

/// Another serial number of the same length.
fn numbered(serial: &str, number: u16) -> String {
    let number = number.to_string();
    let kept = serial.chars().count().saturating_sub(number.len());
    serial.chars().take(kept).chain(number.chars()).collect()
}
