use alloc::{format, string::String};
use core::convert::Infallible;

use printhost::{Event, PrintHost, PrinterStatus, Result, beside};

/// Follows a printer and hands over one line about it, whenever that line changes. Ends when going on makes no sense:
/// with credentials refused, for instance.
///
/// A program with many printers runs one of these for each, in a task of its own: what one printer does to its
/// connection is nothing to the others.
pub async fn keep_line<H: PrintHost>(host: &H, mut show: impl FnMut(&str)) -> Result<Infallible> {
    let mut events = host.events()?;
    let (mut last, mut shown) = (PrinterStatus::default(), String::new());
    beside(host, async {
        loop {
            let line = match events.next().await {
                Event::Status(status) => {
                    last = status;
                    in_words(&last)
                }
                Event::Lost(error) => format!("lost: {error}"),
                Event::Resynced | Event::Skipped(_) | Event::Job { .. } => continue,
                _ => continue,
            };
            if line != shown {
                show(&line);
                shown = line;
            }
        }
    })
    .await
}

fn in_words(status: &PrinterStatus) -> String {
    let mut line = format!("{:<10}", status.phase.name());
    if let Some(job) = status.job.as_ref().filter(|_| status.phase.has_job()) {
        let percent = job.progress.unwrap_or_default() * 100.0;
        line += &format!(" {percent:3.0} %  {}", job.path.as_deref().unwrap_or("?"));
    }
    if let Some(actual) = status.tools.first().and_then(|tool| tool.actual) {
        line += &format!("  {actual:.0} °C");
    }
    if let Some(fault) = &status.fault {
        line += &format!("  {fault}");
    }
    line
}
