//! `printhost status`.

use printhost::{Net, PrintHost as _};

use crate::{
    args::Printer,
    failure::{Code, Failure},
    net::Session,
    output::{duration, heaters, percent, status_json, temperature},
};

/// Reads once and shows it.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, printer: &Printer) -> Result<Code, Failure> {
    let out = &session.out;
    let target = session.open(printer).await?;
    target.connect(out).await?;
    let status = target.host.status().await?;
    out.event(&target.name, "status", status_json(&status));
    out.say(&format!("{:?}", status.phase), format_args!("“{}”", status.state_text));
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
    for (name, heater) in heaters(&status) {
        let name = name[..1].to_uppercase() + &name[1..];
        out.say(&name, temperature(&heater));
    }
    Ok(Code::Success)
}
