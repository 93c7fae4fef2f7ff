//! `printhost speed` and `flow`.

use clap::Args;
use printhost::{Command, Net};
use serde_json::json;

use crate::{
    commands::send_to,
    failure::{Code, Failure},
    targets::{Printer, Session},
};

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Factor {
    /// The printer.
    printer: Printer,
    /// Percent of what the file says.
    #[arg(value_parser = parse_percent)]
    percent: u16,
}

/// Scales the speed.
pub(crate) async fn speed<N: Net + Clone>(session: &Session<N>, args: &Factor) -> Result<Code, Failure> {
    let text = format!("set to {} %", args.percent);
    let told = ("speed", json!({ "percent": args.percent }));
    send_to(session, &args.printer, Command::SpeedFactor(args.percent), ("Speed", &text), told).await
}

/// Scales the flow.
pub(crate) async fn flow<N: Net + Clone>(session: &Session<N>, args: &Factor) -> Result<Code, Failure> {
    let text = format!("set to {} %", args.percent);
    let told = ("flow", json!({ "percent": args.percent }));
    send_to(session, &args.printer, Command::FlowFactor(args.percent), ("Flow", &text), told).await
}

fn parse_percent(text: &str) -> Result<u16, String> {
    let percent = text.trim_end_matches('%').parse().ok().filter(|percent| *percent > 0);
    percent.ok_or_else(|| "a whole number of percent is needed, such as 80".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_may_have_its_sign_and_is_never_nothing() {
        assert_eq!((parse_percent("80"), parse_percent("120%")), (Ok(80), Ok(120)));
        for bad in ["", "%", "0", "-5", "1.5", "70000"] {
            assert!(parse_percent(bad).is_err(), "{bad}");
        }
    }
}
