//! Draws the screen: a function of what is known, and of the terminal's size.

use printhost::Phase;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Style, Stylize as _},
    text::{Line, Span},
};

use super::{
    panel::{self, COMPACT, FULL, colour},
    state::{Link, Screen},
};
use crate::output::phase;

/// Lines a panel grows by where there is room.
const MORE: u16 = 4;

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, screen: &Screen) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)])
            .areas(frame.area());
    frame.render_widget(header(screen), head);
    frame.render_widget(footer(screen), foot);
    let count = u16::try_from(screen.rows.len()).unwrap_or(u16::MAX).max(1);
    let is_full = count.saturating_mul(FULL) <= body.height;
    let height = if is_full { (body.height / count).min(FULL + MORE) } else { COMPACT };
    let shown = usize::from((body.height / height).max(1));
    // The selected one is always among those that are seen.
    let first = screen.selected.saturating_sub(shown.saturating_sub(1)).min(screen.rows.len());
    for (n, row) in screen.rows.iter().enumerate().skip(first).take(shown) {
        let y = body.y + u16::try_from(n - first).unwrap_or(0).saturating_mul(height);
        let area = Rect { y, height, ..body }.intersection(body);
        panel::draw(frame, area, row, n == screen.selected, is_full);
    }
}

/// How many printers there are, and in which phases.
fn header(screen: &Screen) -> Line<'static> {
    let printers = if screen.rows.len() == 1 { "printer" } else { "printers" };
    let mut spans = vec![" printhost ".bold(), format!("{} {printers}", screen.rows.len()).into()];
    let mut counts: Vec<(Phase, usize)> = Vec::new();
    for status in
        screen.rows.iter().filter(|row| row.link == Link::Live).filter_map(|row| row.status.as_ref())
    {
        match counts.iter_mut().find(|(phase, _)| *phase == status.phase) {
            Some((_, count)) => *count += 1,
            None => counts.push((status.phase, 1)),
        }
    }
    for (of, count) in counts {
        spans.push("  ".into());
        spans
            .push(Span::styled(format!("{count} {}", phase(of).to_lowercase()), Style::new().fg(colour(of))));
    }
    let gone = screen.rows.iter().filter(|row| row.link != Link::Live).count();
    if gone > 0 {
        spans.push(format!("  {gone} not connected").red());
    }
    Line::from(spans)
}

/// The question, or what the keys do.
fn footer(screen: &Screen) -> Line<'static> {
    let (Some(order), Some(row)) = (screen.question, screen.rows.get(screen.selected)) else {
        let keys = [("↑↓", "select"), ("p", "pause"), ("r", "resume"), ("c", "cancel"), ("q", "quit")];
        let spans = keys.into_iter().flat_map(|(key, what)| {
            [Span::from(format!(" {key} ")).bold(), Span::from(format!("{what}  ")).dim()]
        });
        return Line::from_iter(spans);
    };
    let file = row.status.as_ref().and_then(|status| status.job.as_ref()?.path.as_deref());
    let what = file.map(|file| format!(" {file}")).unwrap_or_default();
    let ask = format!(" {}{what} on {}? ", order.word(), row.name);
    Line::from(vec![ask.bold().yellow(), " y ".bold(), "yes  ".dim(), " n ".bold(), "no".dim()])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use printhost::{Error, ErrorKind, Event, Heater, Job, JobEvent, PrinterStatus};
    use ratatui::{Terminal, backend::TestBackend, style::Color};

    use super::*;
    use crate::live::state::Order;

    fn status(phase: Phase, progress: f32) -> PrinterStatus {
        let mut job = Job::default();
        job.path = Some("cube.gcode".into());
        job.progress = Some(progress);
        job.elapsed = Some(Duration::from_secs(62));
        job.remaining = Some(Duration::from_secs(220));
        let mut status = PrinterStatus::default();
        status.phase = phase;
        status.job = Some(job);
        status.tools = vec![Heater::new(Some(209.6), Some(210.0))];
        status.bed = Some(Heater::new(Some(60.0), Some(60.0)));
        status
    }

    fn screen(names: &[&str]) -> Screen {
        Screen::new(names.iter().map(ToString::to_string))
    }

    /// Draws, and returns the lines without the blanks at their ends.
    fn drawn(screen: &Screen, width: u16, height: u16) -> (Vec<String>, Terminal<TestBackend>) {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a backend in memory");
        terminal.draw(|frame| draw(frame, screen)).expect("a backend in memory");
        let buffer = terminal.backend().buffer();
        let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        let lines = (0..height).map(line).collect();
        (lines, terminal)
    }

    #[test]
    fn printing_printer_shows_file_progress_times_temperatures_and_what_happened() {
        let mut screen = screen(&["left"]);
        screen.rows[0].apply(&Event::Resynced);
        screen.rows[0].apply(&Event::Job {
            event: JobEvent::Started { path: Some("cube.gcode".into()) },
            inferred: false,
        });
        screen.rows[0].apply(&Event::Status(status(Phase::Printing, 0.42)));
        for _ in 0..8 {
            screen.sample();
        }
        let (lines, terminal) = drawn(&screen, 80, 12);
        let text = lines.join("\n");
        for part in [
            "1 printer  1 printing",
            "left",
            "Printing",
            "cube.gcode",
            "1:02 elapsed",
            "3:40 left",
            "42 %",
            "tool 210/210 °C",
            "bed 60/60 °C",
            "started cube.gcode",
            "q quit",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        let buffer = terminal.backend().buffer();
        let y = lines.iter().position(|line| line.contains("Printing")).expect("it is there");
        let at = lines[y].chars().position(|c| c == 'P').expect("it is there");
        let cell = &buffer[(u16::try_from(at).expect("small"), u16::try_from(y).expect("small"))];
        assert_eq!(cell.fg, Color::Green);
        // Of 76 columns less the percentage, 42 % are full.
        let bar = lines.iter().find(|line| line.contains("42 %")).expect("a bar");
        let (full, rest) = (bar.matches('━').count(), bar.matches('─').count());
        assert!((full as f32 / (full + rest) as f32 - 0.42).abs() < 0.02, "{bar}");
    }

    #[test]
    fn lost_connection_is_seen_with_its_reason_and_old_values_stay() {
        let mut screen = screen(&["left"]);
        screen.rows[0].apply(&Event::Resynced);
        screen.rows[0].apply(&Event::Status(status(Phase::Paused, 0.5)));
        screen.rows[0].apply(&Event::Lost(Error::new(ErrorKind::Unreachable, "run")));
        let text = drawn(&screen, 80, 12).0.join("\n");
        for part in ["1 not connected", "no connection", "trying again", "cannot connect", "cube.gcode"] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }

    #[test]
    fn too_many_printers_become_compact_and_scroll_to_the_selected_one() {
        let names: Vec<String> = (0..30).map(|n| format!("printer-{n:02}")).collect();
        let mut screen = Screen::new(names.into_iter());
        let text = drawn(&screen, 80, 24).0.join("\n");
        assert!(text.contains("printer-00") && !text.contains("printer-29"), "{text}");
        screen.selected = 29;
        let text = drawn(&screen, 80, 24).0.join("\n");
        assert!(!text.contains("printer-00") && text.contains("printer-29"), "{text}");
        screen.selected = 12;
        let text = drawn(&screen, 80, 24).0.join("\n");
        assert!(text.contains("printer-12"), "{text}");
    }

    #[test]
    fn question_names_the_printer_and_its_file() {
        let mut screen = screen(&["left", "right"]);
        screen.rows[1].apply(&Event::Status(status(Phase::Printing, 0.1)));
        (screen.selected, screen.question) = (1, Some(Order::Cancel));
        let lines = drawn(&screen, 80, 24).0;
        let last = lines.last().expect("a line");
        assert!(last.contains("Cancel cube.gcode on right?") && last.contains("y yes"), "{last}");
    }

    #[test]
    fn any_size_is_drawn_without_a_panic() {
        let mut screen = screen(&["日本語のプリンター", "b", "c"]);
        for row in &mut screen.rows {
            row.apply(&Event::Status(status(Phase::Printing, 0.3)));
            row.apply(&Event::Resynced);
        }
        screen.sample();
        for (width, height) in [(0, 0), (1, 1), (3, 2), (10, 5), (20, 8), (300, 100), (80, 3)] {
            for selected in 0..3 {
                screen.selected = selected;
                drawn(&screen, width, height);
            }
        }
        drawn(&Screen::new(std::iter::empty()), 80, 24);
    }
}
