//! Draws one printer.

use std::collections::VecDeque;

use printhost::{Heater, Phase, PrinterStatus};
use ratatui::{
    Frame,
    layout::{Alignment, Constraint, Layout, Rect},
    style::{Color, Modifier, Style, Stylize as _},
    text::{Line, Span},
    widgets::{Block, BorderType},
};

use super::state::{Link, Row};
use crate::output::{duration, heaters, percent, phase, temperature};

/// Lines of a panel: borders, file, bar, temperatures, the last thing that happened.
pub(super) const FULL: u16 = 6;

/// Lines of a printer where there are too many for panels.
pub(super) const COMPACT: u16 = 3;

/// Columns of a temperature curve at most.
const CURVE: usize = 16;

/// Below this width there is no room for curves.
const WIDE: u16 = 70;

const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws a printer, with a frame and everything, or in three lines.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, row: &Row, is_selected: bool, is_full: bool) {
    if is_full { full(frame, area, row, is_selected) } else { compact(frame, area, row, is_selected) }
}

fn full(frame: &mut Frame<'_>, area: Rect, row: &Row, is_selected: bool) {
    let border = Style::new().fg(if is_selected { Color::Cyan } else { Color::DarkGray });
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(border)
        .title(Line::from_iter(title(row, is_selected)))
        .title(Line::from(link(row)).alignment(Alignment::Right));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }.intersection(area);
    let [file, bar, warmth, log] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(0),
    ])
    .areas(inner);
    let style = if row.link == Link::Live { Style::new() } else { Style::new().dim() };
    if let Some(status) = &row.status {
        frame.render_widget(Line::from(path(status)).style(style).bold(), file);
        frame.render_widget(Line::from(times(status)).style(style).alignment(Alignment::Right), file);
        frame.render_widget(progress(status, bar.width).style(style), bar);
        frame.render_widget(Line::from_iter(temperatures(row, status, warmth.width)).style(style), warmth);
    }
    for (n, line) in row.log.iter().rev().take(usize::from(log.height)).rev().enumerate() {
        let y = log.y + u16::try_from(n).unwrap_or(0);
        frame.render_widget(happened(line), Rect { y, height: 1, ..log }.intersection(log));
    }
}

fn compact(frame: &mut Frame<'_>, area: Rect, row: &Row, is_selected: bool) {
    let [head, bar, warmth] = Layout::vertical([Constraint::Length(1); 3]).areas(area);
    frame.render_widget(Line::from_iter(title(row, is_selected)), head);
    frame.render_widget(Line::from(link(row)).alignment(Alignment::Right), head);
    let inset =
        |area: Rect| Rect { x: area.x + 2, width: area.width.saturating_sub(3), ..area }.intersection(area);
    match &row.status {
        Some(status) => {
            let [file, bar] =
                Layout::horizontal([Constraint::Percentage(40), Constraint::Min(0)]).areas(inset(bar));
            frame.render_widget(Line::from(path(status)), file);
            frame.render_widget(progress(status, bar.width), bar);
            let [left, right] =
                Layout::horizontal([Constraint::Percentage(60), Constraint::Min(0)]).areas(inset(warmth));
            frame.render_widget(Line::from_iter(temperatures(row, status, 0)), left);
            frame.render_widget(Line::from(times(status)).alignment(Alignment::Right), right);
        }
        None => {
            if let Some(line) = row.log.back() {
                frame.render_widget(happened(line), inset(bar));
            }
        }
    }
}

/// Its name, and what it does.
fn title(row: &Row, is_selected: bool) -> Vec<Span<'static>> {
    let mark = if is_selected { "▸ " } else { "  " };
    let name = Span::from(format!("{mark}{} ", row.name)).style(Style::new().fg(Color::Reset)).bold();
    let doing = row.status.as_ref().map(|status| {
        let text = format!("{} ", phase(status.phase));
        let style = Style::new().fg(colour(status.phase)).remove_modifier(Modifier::DIM);
        Span::styled(text, if row.link == Link::Live { style.bold() } else { style.dim() })
    });
    [name.remove_modifier(Modifier::DIM)].into_iter().chain(doing).collect()
}

fn link(row: &Row) -> Span<'static> {
    let (text, colour) = match row.link {
        Link::Connecting => (" ○ connecting ", Color::Yellow),
        Link::Live => (" ● live ", Color::Green),
        Link::Lost => (" ○ no connection ", Color::Red),
        Link::Ended => (" ✗ given up ", Color::Red),
    };
    Span::styled(text, Style::new().fg(colour).remove_modifier(Modifier::DIM))
}

fn path(status: &PrinterStatus) -> String {
    let job = status.job.as_ref().and_then(|job| job.path.clone());
    job.unwrap_or_else(|| if status.phase.has_job() { "unnamed".into() } else { "no job".into() })
}

fn times(status: &PrinterStatus) -> String {
    let Some(job) = &status.job else { return String::new() };
    let elapsed = job.elapsed.map(|elapsed| format!("{} elapsed", duration(elapsed)));
    let left =
        job.remaining.filter(|_| status.phase.has_job()).map(|left| format!("{} left", duration(left)));
    elapsed.into_iter().chain(left).collect::<Vec<_>>().join("   ")
}

fn progress(status: &PrinterStatus, width: u16) -> Line<'static> {
    let Some(done) = status.job.as_ref().and_then(|job| job.progress) else { return Line::default() };
    let done = done.clamp(0.0, 1.0);
    let columns = usize::from(width.saturating_sub(6));
    let full = ((columns as f32) * done).round() as usize;
    Line::from(vec![
        Span::styled("━".repeat(full), Style::new().fg(colour(status.phase))),
        "─".repeat(columns.saturating_sub(full)).dark_gray(),
        format!(" {:>3} %", percent(done)).into(),
    ])
}

fn temperatures(row: &Row, status: &PrinterStatus, width: u16) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    for (name, heater) in heaters(status) {
        let text = format!("{name} {}", temperature(&heater));
        spans.push(if is_heating(&heater) { text.yellow() } else { text.into() });
        let history = match name.as_str() {
            "tool" | "tool 0" => Some(&row.tool),
            "bed" => Some(&row.bed),
            _ => None,
        };
        if let Some(history) = history.filter(|_| width >= WIDE) {
            spans.push(format!(" {}", curve(history, heater.target.unwrap_or(0.0))).cyan());
        }
        spans.push("   ".into());
    }
    spans
}

fn is_heating(heater: &Heater) -> bool {
    matches!((heater.actual, heater.target), (Some(actual), Some(target)) if target > 0.0 && actual < target - 2.0)
}

/// From room temperature to the target, or to the warmest there was: all that is remembered, in a few columns.
fn curve(history: &VecDeque<f32>, target: f32) -> String {
    const ROOM: f32 = 20.0;
    let top = history.iter().copied().fold(target.max(ROOM + 40.0), f32::max);
    let columns = history.len().min(CURVE);
    // The newest of each column's share.
    let shown = (1..=columns).filter_map(|column| history.get(column * history.len() / columns - 1));
    let step = |celsius: &f32| ((celsius - ROOM) / (top - ROOM) * STEPS.len() as f32).max(0.0) as usize;
    shown.map(|celsius| STEPS[step(celsius).min(STEPS.len() - 1)]).collect()
}

fn happened(line: &super::state::Line) -> Line<'static> {
    let text = Span::from(line.text.clone());
    Line::from(vec![format!("{} ", line.time).dark_gray(), if line.is_bad { text.red() } else { text }])
}

/// What a phase looks like.
pub(super) const fn colour(phase: Phase) -> Color {
    match phase {
        Phase::Printing => Color::Green,
        Phase::Preparing | Phase::Resuming | Phase::Finishing | Phase::Busy | Phase::Connecting => {
            Color::Cyan
        }
        Phase::Pausing | Phase::Paused | Phase::Cancelling | Phase::Cancelled => Color::Yellow,
        Phase::Attention => Color::Magenta,
        Phase::Faulted => Color::Red,
        Phase::Idle | Phase::Finished => Color::Blue,
        _ => Color::DarkGray,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curve_climbs_to_the_target_and_has_room_for_all_that_is_remembered() {
        let history: VecDeque<f32> = [20.0, 60.0, 120.0, 210.0].into();
        assert_eq!(curve(&history, 210.0), "▁▂▅█");
        let long: VecDeque<f32> = (20..120_u8).map(f32::from).collect();
        assert_eq!(curve(&long, 0.0).chars().count(), CURVE);
        assert!(curve(&long, 0.0).starts_with('▁'));
        assert!(curve(&long, 0.0).ends_with('█'));
        assert_eq!(curve(&VecDeque::from([-40.0]), 0.0), "▁");
    }
}
