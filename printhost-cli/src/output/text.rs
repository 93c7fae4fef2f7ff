//! What people read.

use std::{fmt::Write as _, time::Duration};

use printhost::{Heater, Phase, PrinterStatus};

/// The same text without what a terminal would obey instead of show. Names of files, states and answers come from
/// printers, and whoever is in the network can announce one.
pub(crate) fn printable(text: &str) -> String {
    let obeyed = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if obeyed(c) { '\u{fffd}' } else { c }).collect()
}

/// `1:02:05` or `2:05`.
pub(crate) fn duration(duration: Duration) -> String {
    let (minutes, seconds) = (duration.as_secs() / 60, duration.as_secs() % 60);
    match minutes / 60 {
        0 => format!("{minutes}:{seconds:02}"),
        hours => format!("{hours}:{:02}:{seconds:02}", minutes % 60),
    }
}

/// Whole percent, 100 only at the end.
pub(crate) fn percent(progress: f32) -> u8 {
    (progress * 100.0) as u8
}

/// How far a job is and how warm it is, in one line.
pub(crate) fn progress_text(status: &PrinterStatus) -> String {
    let mut parts = Vec::new();
    if let Some(job) = &status.job {
        parts.extend(job.progress.map(|p| format!("{:>3} %", percent(p))));
        parts.extend(job.elapsed.map(duration));
        parts.extend(job.remaining.map(|left| format!("{} left", duration(left))));
    }
    parts.extend(heaters(status).map(|(name, heater)| format!("{name} {}", temperature(&heater))));
    parts.join("  ")
}

/// The heaters by name.
pub(crate) fn heaters(status: &PrinterStatus) -> impl Iterator<Item = (String, Heater)> {
    let several = status.tools.len() > 1;
    let tool = move |n| if several { format!("tool {n}") } else { "tool".into() };
    let tools = status.tools.iter().enumerate().map(move |(n, heater)| (tool(n), *heater));
    let bed = status.bed.map(|heater| ("bed".into(), heater));
    tools.chain(bed).chain(status.chamber.map(|heater| ("chamber".into(), heater)))
}

/// `205/210 °C`, or `21 °C` when it is off.
pub(crate) fn temperature(heater: &Heater) -> String {
    let mut text = heater.actual.map_or_else(|| "?".into(), |celsius| format!("{celsius:.0}"));
    if let Some(target) = heater.target.filter(|target| *target > 0.0) {
        let _ = write!(text, "/{target:.0}");
    }
    text + " °C"
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A phase as people read it.
pub(crate) fn phase(phase: Phase) -> String {
    let name = phase.name();
    name[..1].to_uppercase() + &name[1..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_not_printed() {
        assert_eq!(printable("a\x1b[2Jb\r\nc\u{9b}1m\u{202e}d\x7f"), "a�[2Jb��c�1m�d�");
        assert_eq!(printable("größe 日本 🖨.gcode"), "größe 日本 🖨.gcode");
    }

    #[test]
    fn hundred_percent_is_only_the_end() {
        assert_eq!((percent(0.999), percent(1.0)), (99, 100));
    }

    #[test]
    fn times_and_temperatures_read_naturally() {
        assert_eq!(duration(Duration::from_secs(125)), "2:05");
        assert_eq!(duration(Duration::from_secs(3725)), "1:02:05");
        assert_eq!(temperature(&Heater::new(Some(204.6), Some(210.0))), "205/210 °C");
        assert_eq!(temperature(&Heater::new(Some(21.2), Some(0.0))), "21 °C");
        assert_eq!(phase(Phase::Printing), "Printing");
    }
}
