//! Simulated networked 3D printers, as servers on this machine.

#[cfg(feature = "bambu")]
mod bambu;
mod control;
mod faults;
#[cfg(all(any(feature = "klipper-mcu", feature = "mk3s"), target_os = "linux"))]
mod input;
#[cfg(all(feature = "klipper-mcu", target_os = "linux"))]
mod klipper_mcu;
#[cfg(all(feature = "mk3s", target_os = "linux"))]
mod mk3s;
mod moonraker;
mod octoprint;
mod prusalink;
mod serve;
mod simulated;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Simulated networked 3D printers.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    personality: Personality,
}

#[derive(Subcommand)]
enum Personality {
    /// Serves simulated Bambu Lab printers until Ctrl-C.
    #[cfg(feature = "bambu")]
    Bambu(bambu::Bambu),
    /// Serves simulated OctoPrint servers until Ctrl-C.
    Octoprint(octoprint::OctoPrint),
    /// Serves simulated PrusaLinks until Ctrl-C.
    Prusalink(prusalink::PrusaLink),
    /// Serves simulated Moonraker servers, each with a simulated Klipper, until Ctrl-C.
    Moonraker(moonraker::Moonraker),
    /// Simulates the micro-controller of a printer that Klipper drives, on a pseudo terminal until its input ends;
    /// prints the port, and takes commands as lines.
    #[cfg(all(feature = "klipper-mcu", target_os = "linux"))]
    KlipperMcu(klipper_mcu::KlipperMcu),
    /// Simulates a Prusa MK3S on a pseudo terminal until its input ends; prints the port, and takes commands as lines.
    #[cfg(all(feature = "mk3s", target_os = "linux"))]
    Mk3s(mk3s::Mk3s),
}

fn main() -> ExitCode {
    let personality = Cli::parse().personality;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("cannot start: {error}")),
    };
    let result = runtime.block_on(async {
        match personality {
            #[cfg(feature = "bambu")]
            Personality::Bambu(args) => bambu::run(args).await,
            Personality::Octoprint(args) => octoprint::run(args).await,
            Personality::Moonraker(args) => moonraker::run(args).await,
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

fn time_scale(text: &str) -> Result<f64, String> {
    let scale: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    (scale.is_finite() && scale > 0.0).then_some(scale).ok_or("must be above zero".to_owned())
}

fn failed(error: &str) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}
