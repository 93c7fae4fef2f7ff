//! A simulated micro-controller of a Klipper that is told on standard input what happens to it.

use std::path::PathBuf;

use clap::Args;
use printhost_sim::KlipperMcuSim;
use serde_json::{Value, json};

use crate::input;

/// What a line of the input may say.
const COMMANDS: &str = "report, unplug, plug-in, reset, mute, unmute, break-sensor, mend-sensor";

#[derive(Args)]
#[command(after_help = format!("Lines of the input, each answered by a line of JSON: {COMMANDS}"))]
pub(crate) struct KlipperMcu {
    /// Where to make the link that is the micro-controller's port.
    #[arg(long)]
    port: PathBuf,
}

pub(crate) async fn run(args: KlipperMcu) -> Result<(), String> {
    let sim = KlipperMcuSim::start(&args.port);
    let sim = sim.map_err(|error| format!("cannot make the port {}: {error}", args.port.display()))?;
    println!("{}", sim.port().display());
    input::serve(|line| obey(&sim, line)).await
}

/// Does what a line says, and tells what the printer is like then.
fn obey(sim: &KlipperMcuSim, line: &str) -> Value {
    match line {
        "report" => {}
        "unplug" => sim.unplug(),
        "plug-in" => {
            if let Err(error) = sim.plug_in() {
                return json!({ "error": error.to_string() });
            }
        }
        "reset" => sim.reset(),
        "mute" => sim.set_mute(true),
        "unmute" => sim.set_mute(false),
        "break-sensor" => sim.set_sensor_broken(true),
        "mend-sensor" => sim.set_sensor_broken(false),
        _ => return json!({ "error": format!("{line:?} is none of {COMMANDS}") }),
    }
    let report = sim.report();
    let steps = report.steps;
    json!({
        "nozzle": report.nozzle,
        "nozzle_power": report.nozzle_power,
        "bed": report.bed,
        "bed_power": report.bed_power,
        "fan": report.fan,
        "steps": { "x": steps.x, "y": steps.y, "z": steps.z, "e": steps.e },
        "shutdown": report.shutdown,
        "resets": report.resets,
    })
}
