//! What the live screen knows.

use std::{collections::VecDeque, time::SystemTime};

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use printhost::{Command, Error, Event, JobEvent, PrinterStatus};

use crate::output::phase;

/// Temperatures that are remembered: five minutes of them.
const HISTORY: usize = 300;

/// Happenings that are remembered.
const LOG: usize = 20;

/// Everything on the screen.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) rows: Vec<Row>,
    pub(super) selected: usize,
    /// What waits for a yes.
    pub(super) question: Option<Order>,
}

/// A printer.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) link: Link,
    pub(super) status: Option<PrinterStatus>,
    /// Of the first tool, oldest first, °C.
    pub(super) tool: VecDeque<f32>,
    /// Of the bed, oldest first, °C.
    pub(super) bed: VecDeque<f32>,
    /// What happened, oldest first.
    pub(super) log: VecDeque<Line>,
    /// What was sent and not answered yet, oldest first.
    pub(super) sent: Vec<Order>,
}

/// The connection with a printer's host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Connecting,
    Live,
    Lost,
    /// For good.
    Ended,
}

/// Something that happened.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) time: String,
    pub(super) is_bad: bool,
    pub(super) text: String,
}

/// What can be done with the selected printer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Pause,
    Resume,
    Cancel,
}

/// What a key asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    None,
    Quit,
    /// Ctrl-C.
    Interrupt,
    /// To the printer of this row.
    Send(usize, Order),
}

impl Order {
    pub(super) const fn command(self) -> Command<'static> {
        match self {
            Self::Pause => Command::Pause,
            Self::Resume => Command::Resume,
            Self::Cancel => Command::Cancel,
        }
    }

    /// As the question asks it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Pause => "Pause",
            Self::Resume => "Resume",
            Self::Cancel => "Cancel",
        }
    }
}

impl Screen {
    /// Printers of which nothing is known yet.
    pub(super) fn new(names: impl Iterator<Item = String>) -> Self {
        Self { rows: names.map(Row::new).collect(), selected: 0, question: None }
    }

    /// Notes down the temperatures for the curves.
    pub(super) fn sample(&mut self) {
        for row in self.rows.iter_mut().filter(|row| row.link == Link::Live) {
            let Some(status) = &row.status else { continue };
            let tool = status.tools.first().and_then(|heater| heater.actual);
            let bed = status.bed.and_then(|heater| heater.actual);
            for (history, now) in [(&mut row.tool, tool), (&mut row.bed, bed)] {
                history.extend(now);
                while history.len() > HISTORY {
                    history.pop_front();
                }
            }
        }
    }

    /// Takes a key.
    pub(super) fn press(&mut self, key: KeyEvent) -> Action {
        if key.kind == KeyEventKind::Release {
            return Action::None;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return if key.code == KeyCode::Char('c') { Action::Interrupt } else { Action::None };
        }
        if let Some(order) = self.question.take() {
            return match key.code {
                KeyCode::Char('y' | 'Y') => {
                    let Some(row) = self.rows.get_mut(self.selected) else { return Action::None };
                    row.sent.push(order);
                    Action::Send(self.selected, order)
                }
                _ => Action::None,
            };
        }
        let last = self.rows.len().saturating_sub(1);
        match key.code {
            KeyCode::Char('q' | 'Q') => return Action::Quit,
            KeyCode::Up | KeyCode::Char('k') => self.selected = self.selected.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.selected = (self.selected + 1).min(last),
            KeyCode::PageUp | KeyCode::Home => self.selected = 0,
            KeyCode::PageDown | KeyCode::End => self.selected = last,
            KeyCode::Char('p') => self.question = Some(Order::Pause),
            KeyCode::Char('r') => self.question = Some(Order::Resume),
            KeyCode::Char('c') => self.question = Some(Order::Cancel),
            _ => {}
        }
        Action::None
    }
}

impl Row {
    pub(super) const fn new(name: String) -> Self {
        Self {
            name,
            link: Link::Connecting,
            status: None,
            tool: VecDeque::new(),
            bed: VecDeque::new(),
            log: VecDeque::new(),
            sent: Vec::new(),
        }
    }

    /// Takes what happened.
    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::Status(status) => {
                let before = self.status.as_ref().map(|before| before.phase);
                if before.is_some_and(|before| before != status.phase) {
                    let fault = status.fault.as_ref().map(|fault| format!(": {fault}")).unwrap_or_default();
                    self.note(!fault.is_empty(), format!("{}{fault}", phase(status.phase).to_lowercase()));
                }
                self.status = Some(status.clone());
            }
            // What else happens to a job shows as its phase.
            Event::Job { event: JobEvent::Started { path: Some(path) }, .. } => {
                self.note(false, format!("started {path}"))
            }
            Event::Job { event: JobEvent::Finished, .. } => self.note(false, "the print is finished".into()),
            Event::Job { event: JobEvent::Cancelled, .. } => {
                self.note(true, "the print was cancelled".into())
            }
            Event::Job { event: JobEvent::Failed { reason }, .. } => {
                let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
                self.note(true, format!("the print failed{reason}"));
            }
            Event::Job { event: JobEvent::Ended, .. } => {
                self.note(true, "the print is over; how was not seen".into())
            }
            Event::Lost(error) => {
                // Every attempt to come back says so again.
                if self.link != Link::Lost {
                    self.note(true, format!("trying again: {error}"));
                }
                self.link = Link::Lost;
            }
            Event::Resynced => {
                if self.link != Link::Live {
                    self.note(false, "connected".into());
                }
                self.link = Link::Live;
            }
            Event::Skipped(missed) => self.note(true, format!("missed {missed} events")),
            _ => {}
        }
    }

    /// It cannot be followed any more.
    pub(super) fn ended(&mut self, error: &Error) {
        self.link = Link::Ended;
        self.note(true, error.to_string());
    }

    /// How an order went.
    pub(super) fn answered(&mut self, order: Order, error: Option<&Error>) {
        let word = order.word().to_lowercase();
        if let Some(n) = self.sent.iter().position(|sent| *sent == order) {
            self.sent.remove(n);
        }
        match error {
            None => self.note(false, format!("{word}: the host took it")),
            Some(error) => self.note(true, format!("{word}: {error}")),
        }
    }

    fn note(&mut self, is_bad: bool, text: String) {
        self.log.push_back(Line { time: time_of_day(), is_bad, text });
        while self.log.len() > LOG {
            self.log.pop_front();
        }
    }
}

/// UTC, since the standard library knows no time zones.
pub(crate) fn time_of_day() -> String {
    let seconds = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |d| d.as_secs()) % 86_400;
    format!("{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(screen: &mut Screen, code: KeyCode) -> Action {
        screen.press(KeyEvent::from(code))
    }

    #[test]
    fn order_is_sent_only_after_a_yes_and_to_the_selected_printer() {
        let mut screen = Screen::new(["a", "b"].map(String::from).into_iter());
        assert_eq!(press(&mut screen, KeyCode::Down), Action::None);
        assert_eq!(press(&mut screen, KeyCode::Char('c')), Action::None);
        assert_eq!(press(&mut screen, KeyCode::Enter), Action::None);
        assert_eq!(press(&mut screen, KeyCode::Char('y')), Action::None, "the question was dismissed");
        assert_eq!(press(&mut screen, KeyCode::Char('c')), Action::None);
        assert_eq!(press(&mut screen, KeyCode::Char('y')), Action::Send(1, Order::Cancel));
        assert_eq!(press(&mut screen, KeyCode::Char('q')), Action::Quit);
    }

    #[test]
    fn selection_stays_among_the_printers_and_while_a_question_is_asked() {
        let mut screen = Screen::new(["a", "b"].map(String::from).into_iter());
        for (code, selected) in
            [(KeyCode::Up, 0), (KeyCode::Down, 1), (KeyCode::Down, 1), (KeyCode::Home, 0), (KeyCode::End, 1)]
        {
            press(&mut screen, code);
            assert_eq!(screen.selected, selected, "{code:?}");
        }
        press(&mut screen, KeyCode::Char('p'));
        press(&mut screen, KeyCode::Up);
        assert_eq!((screen.selected, screen.question), (1, None));
    }

    #[test]
    fn attempts_to_come_back_are_told_once() {
        let mut row = Row::new("a".into());
        let lost = Event::Lost(Error::new(printhost::ErrorKind::Unreachable, "run"));
        for event in [&lost, &lost, &lost, &Event::Resynced, &lost] {
            row.apply(event);
        }
        assert_eq!(row.log.len(), 3);
        assert_eq!(row.link, Link::Lost);
    }
}
