//! A simulated MK3S that is told on standard input what happens to it.

use std::path::PathBuf;

use clap::Args;
use printhost_sim::{Mk3sButton, Mk3sConfig, Mk3sSim};
use serde_json::{Value, json};

use crate::input;

/// What a line of the input may say.
const COMMANDS: &str = "report, commands, unplug, plug-in, reset, fail, damage, pause, resume, stop, knob";

#[derive(Args)]
#[command(after_help = format!("Lines of the input, each answered by a line of JSON: {COMMANDS}"))]
pub(crate) struct Mk3s {
    /// Where to make the link that is the printer's port.
    #[arg(long)]
    port: PathBuf,
    /// Seconds of moving and heating per second.
    #[arg(long, default_value = "1", value_parser = crate::time_scale)]
    time_scale: f64,
}

pub(crate) async fn run(args: Mk3s) -> Result<(), String> {
    let config = Mk3sConfig::at(&args.port).time_scale(args.time_scale);
    let sim = Mk3sSim::start(config);
    let sim = sim.map_err(|error| format!("cannot make the port {}: {error}", args.port.display()))?;
    println!("{}", sim.port().display());
    input::serve(|line| obey(&sim, line)).await
}

/// Does what a line says, and tells what the printer is like then.
fn obey(sim: &Mk3sSim, line: &str) -> Value {
    match line {
        "report" => {}
        "commands" => return json!({ "commands": sim.commands() }),
        "unplug" => sim.unplug(),
        "plug-in" => {
            if let Err(error) = sim.plug_in() {
                return json!({ "error": error.to_string() });
            }
        }
        "reset" => sim.reset(),
        "fail" => sim.fail_firmware(),
        "damage" => sim.damage_next_line(),
        "pause" => sim.press(Mk3sButton::Pause),
        "resume" => sim.press(Mk3sButton::Resume),
        "stop" => sim.press(Mk3sButton::Stop),
        "knob" => sim.press(Mk3sButton::Knob),
        _ => return json!({ "error": format!("{line:?} is none of {COMMANDS}") }),
    }
    let report = sim.report();
    json!({
        "nozzle": report.nozzle,
        "nozzle_target": report.nozzle_target,
        "bed": report.bed,
        "bed_target": report.bed_target,
        "printing": report.is_printing,
        "paused": report.is_paused,
        "percent": report.percent,
        "message": report.message,
    })
}
