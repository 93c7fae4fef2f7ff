//! `printhost status`.

use clap::Args;
use printhost::{Net, PrintHost as _, PrinterStatus};

use crate::{
    failure::{Code, Failure},
    output::{Output, duration, heaters, percent, phase, progress_text, status_json, temperature},
    targets::{Printers, Session},
};

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The printers; of several, each is shown in a line.
    #[arg(required = true, value_name = "PRINTER")]
    printers: Vec<Printers>,
}

/// Reads once and shows it.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &Status) -> Result<Code, Failure> {
    let out = &session.out;
    let several = session.places(&args.printers)?.len() > 1;
    session
        .on_each(&args.printers, async |target| {
            if !several {
                target.connect(out).await?;
            }
            let status = target.host.status().await?;
            out.event(&target.name, "status", status_json(&status));
            match several {
                true => {
                    let file = status.job.as_ref().and_then(|job| job.path.as_deref()).unwrap_or_default();
                    let text = format!("{}  {file}  {}", target.name, progress_text(&status));
                    out.say(&phase(status.phase), text);
                }
                false => show(out, &status),
            }
            Ok(())
        })
        .await
}

fn show(out: &Output, status: &PrinterStatus) {
    out.say(&phase(status.phase), format_args!("“{}”", status.state_text));
    if let Some(fault) = &status.fault {
        out.warn("Fault", fault);
    }
    if let Some(job) = &status.job {
        let mut text = job.path.clone().unwrap_or_else(|| "unnamed".into());
        if let Some(progress) = job.progress {
            text += &format!(", {} %", percent(progress));
        }
        if let Some(elapsed) = job.elapsed {
            text += &format!(", {} elapsed", duration(elapsed));
        }
        if let Some(remaining) = job.remaining {
            text += &format!(", {} left", duration(remaining));
        }
        out.say("Job", text);
    }
    show_heaters(out, status);
}

/// A line per heater.
pub(crate) fn show_heaters(out: &Output, status: &PrinterStatus) {
    for (name, heater) in heaters(status) {
        let name = name[..1].to_uppercase() + &name[1..];
        out.say(&name, temperature(&heater));
    }
}
