//! Orders on their way to the printer, and what became of each. As [`printhost_net::link::Link`] keeps calls, but that
//! here an answer is a report that anybody may have caused, and what counts is not the answer.

use alloc::{string::String, vec::Vec};

use printhost_core::{Error, ErrorKind, Result};

use crate::wire::orders::{FIRST_NUMBER, Order, get_version};

/// How many orders can be under way at once.
pub(crate) const ORDERS: usize = 8;

/// Of these, so many are kept for what steers the printer.
const FOR_CONTROL: usize = 2;

/// The connection, as far as whoever wants to send something has to know.
#[derive(Debug, Default)]
pub(crate) enum Line {
    /// Nobody polls it.
    #[default]
    Stopped,
    /// Between two attempts; the reason is that of the last one.
    Down(Option<Error>),
    /// Connecting: orders wait for what comes of it.
    Opening,
    /// What is known of the printer is true, and orders pass.
    Open,
}

/// What the printer has answered to an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// It says that it has it.
    Taken,
    /// It names the order and says nothing of it.
    Bare,
    /// It will not.
    Refused { code: Option<u32>, reason: String },
}

#[derive(Debug)]
enum Stage {
    Waiting(String),
    /// Given to the connection, as the how manyth of it.
    Handed(usize),
    Lost(Lost),
}

/// The connection has ended under an order.
#[derive(Clone, Debug)]
pub(crate) struct Lost {
    /// The printer may have got it.
    pub(crate) may_have_come: bool,
    pub(crate) error: Error,
}

/// What one is on the desk, its texts not counted.
pub(crate) const SENT: usize = size_of::<Sent>();

#[derive(Debug)]
struct Sent {
    number: u32,
    command: &'static str,
    is_own: bool,
    operation: &'static str,
    stage: Stage,
    reply: Option<Reply>,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    line: Line,
    orders: Vec<Sent>,
    last: u32,
    /// How many this connection was given.
    handed: usize,
}

impl Desk {
    /// Whether orders pass; an error when they will not soon.
    pub(crate) fn is_open(&self, operation: &'static str) -> Result<bool> {
        match &self.line {
            Line::Stopped => Err(Error::new(ErrorKind::NotRunning, operation)),
            Line::Down(cause) => Err(down(operation, cause.as_ref())),
            Line::Opening => Ok(false),
            Line::Open => Ok(true),
        }
    }

    pub(crate) const fn is_stopped(&self) -> bool {
        matches!(self.line, Line::Stopped)
    }

    /// A new connection is being made.
    pub(crate) fn begin(&mut self) {
        (self.line, self.handed) = (Line::Opening, 0);
    }

    /// Whoever else speaks to the printer hears and causes answers, too: the numbers begin anywhere.
    pub(crate) fn count_from(&mut self, random: u32) {
        self.last = FIRST_NUMBER + (random & 0x3FFF_FFFF);
    }

    /// Orders of users pass.
    pub(crate) fn open(&mut self) {
        self.line = Line::Open;
    }

    /// The connection has ended, when `left` of what it was given had not been taken from it.
    pub(crate) fn end(&mut self, line: Line, left: usize) {
        let sent = self.handed.saturating_sub(left);
        for order in &mut self.orders {
            let may_have_come = match &order.stage {
                Stage::Waiting(_) => false,
                Stage::Handed(number) => *number <= sent,
                Stage::Lost(_) => continue,
            };
            let error = match &line {
                Line::Down(cause) => down(order.operation, cause.as_ref()),
                _ => Error::new(ErrorKind::NotRunning, order.operation),
            };
            order.stage = Stage::Lost(Lost { may_have_come, error });
        }
        self.handed = 0;
        self.line = line;
    }

    /// Puts an order on the desk; `is_own` are those of the connection itself, which pass before it is open.
    pub(crate) fn put(&mut self, operation: &'static str, order: &Order, is_own: bool) -> Result<u32> {
        // Those of users never keep the connection from its own, nor anything else a print from being stopped.
        let room = if order.is_control() { ORDERS } else { ORDERS - FOR_CONTROL };
        if !is_own && self.orders.len() >= room {
            let why = "too many orders are under way";
            return Err(Error::new(ErrorKind::Busy, operation).with_detail(why));
        }
        Ok(self.push(operation, order, is_own))
    }

    fn push(&mut self, operation: &'static str, order: &Order, is_own: bool) -> u32 {
        self.last =
            if (FIRST_NUMBER..i32::MAX as u32).contains(&self.last) { self.last + 1 } else { FIRST_NUMBER };
        let number = self.last;
        let stage = Stage::Waiting(order.numbered(number));
        self.orders.push(Sent { number, command: order.command(), is_own, operation, stage, reply: None });
        number
    }

    /// Puts the question that every printer answers, unless one is under way whose answer is to come: that answers whoever
    /// wants to know. So it has a place however many ask.
    pub(crate) fn ask(&mut self, operation: &'static str) -> Option<u32> {
        let question = get_version();
        let is_open = |sent: &Sent| {
            sent.command == question.command()
                && sent.reply.is_none()
                && !matches!(sent.stage, Stage::Lost(_))
        };
        if self.orders.iter().any(is_open) {
            return None;
        }
        Some(self.push(operation, &question, false))
    }

    /// It was answered.
    pub(crate) fn answered(&mut self) {
        let question = get_version();
        let is_it =
            |sent: &&mut Sent| sent.command == question.command() && matches!(sent.stage, Stage::Handed(_));
        self.orders.iter_mut().filter(is_it).for_each(|sent| sent.reply = Some(Reply::Taken));
    }

    /// The next text for the connection.
    pub(crate) fn hand_over(&mut self) -> Option<String> {
        let is_open = matches!(self.line, Line::Open);
        let is_next = |sent: &&mut Sent| matches!(sent.stage, Stage::Waiting(_)) && (is_open || sent.is_own);
        let next = self.orders.iter_mut().find(is_next)?;
        self.handed += 1;
        match core::mem::replace(&mut next.stage, Stage::Handed(self.handed)) {
            Stage::Waiting(text) => Some(text),
            _ => None,
        }
    }

    /// The printer has answered; what nobody waits for is passed over, and so is what answers another order of this
    /// number, somebody else's. Not every printer names the order.
    pub(crate) fn reply(&mut self, number: u32, command: Option<&str>, reply: Reply) {
        if let Some(sent) = self.find(number)
            && command.is_none_or(|command| command == sent.command)
            && sent.reply.is_none()
        {
            sent.reply = Some(reply);
        }
    }

    /// What the printer has answered.
    pub(crate) fn replied(&self, number: u32) -> Option<&Reply> {
        self.get(number)?.reply.as_ref()
    }

    /// Whether the connection has been given it.
    pub(crate) fn is_handed(&self, number: u32) -> bool {
        self.get(number).is_some_and(|sent| matches!(sent.stage, Stage::Handed(_)))
    }

    /// Whether the connection has ended under it.
    pub(crate) fn lost(&self, number: u32) -> Option<Lost> {
        match &self.get(number)?.stage {
            Stage::Lost(lost) => Some(lost.clone()),
            _ => None,
        }
    }

    /// Nobody waits for it any more: if it was not sent yet, it never is. Tells whether it is to be taken back from the
    /// connection, which has not taken `left` of what it was given.
    pub(crate) fn forget(&mut self, number: u32, left: usize) -> bool {
        let is_left = |sent: &Sent| matches!(sent.stage, Stage::Handed(nth) if nth + left > self.handed);
        let is_left = self.get(number).is_some_and(is_left);
        self.orders.retain(|sent| sent.number != number);
        self.handed -= usize::from(is_left);
        is_left
    }

    fn get(&self, number: u32) -> Option<&Sent> {
        self.orders.iter().find(|sent| sent.number == number)
    }

    fn find(&mut self, number: u32) -> Option<&mut Sent> {
        self.orders.iter_mut().find(|sent| sent.number == number)
    }
}

fn down(operation: &'static str, cause: Option<&Error>) -> Error {
    match cause {
        Some(cause) => {
            let kind = match cause.kind() {
                kind @ (ErrorKind::Unreachable
                | ErrorKind::Unauthorized
                | ErrorKind::Untrusted
                | ErrorKind::PinMismatch
                | ErrorKind::InvalidInput
                | ErrorKind::Timeout) => kind,
                _ => ErrorKind::Disconnected,
            };
            Error::new(kind, operation).with_detail(cause.detail().unwrap_or("the connection is gone"))
        }
        None => Error::new(ErrorKind::Disconnected, operation).with_detail("the connection is gone"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::orders::steer;

    fn desk() -> (Desk, u32) {
        let mut desk = Desk::default();
        desk.begin();
        let number = desk.put("pause", &steer("pause"), false).unwrap();
        (desk, number)
    }

    #[test]
    fn order_passes_only_when_the_line_is_open_and_once() {
        let (mut desk, number) = desk();
        assert_eq!(desk.hand_over(), None);
        let own = desk.put("run", &steer("x"), true).unwrap();
        assert!(desk.hand_over().unwrap().contains(&alloc::format!("\"{own}\"")));
        desk.open();
        assert!(desk.hand_over().unwrap().contains(&alloc::format!("\"{number}\"")));
        assert_eq!(desk.hand_over(), None);
    }

    #[test]
    fn end_of_the_line_tells_what_may_have_come() {
        let (mut desk, first) = desk();
        desk.open();
        let second = desk.put("pause", &steer("pause"), false).unwrap();
        let third = desk.put("pause", &steer("pause"), false).unwrap();
        desk.hand_over();
        desk.hand_over();
        // One of two was taken from the connection's own queue.
        desk.end(Line::Down(None), 1);
        let may_have_come = |n| desk.lost(n).unwrap().may_have_come;
        assert_eq!((may_have_come(first), may_have_come(second), may_have_come(third)), (true, false, false));
    }

    #[test]
    fn order_of_a_lost_line_is_never_sent_by_the_next() {
        let (mut desk, _) = desk();
        desk.end(Line::Down(None), 0);
        desk.begin();
        desk.open();
        assert_eq!(desk.hand_over(), None);
    }

    #[test]
    fn answer_to_somebody_else_s_order_of_the_same_number_is_none() {
        let (mut desk, number) = desk();
        desk.reply(number, Some("gcode_line"), Reply::Taken);
        assert_eq!(desk.replied(number), None);
        desk.reply(number, Some("pause"), Reply::Bare);
        assert_eq!(desk.replied(number), Some(&Reply::Bare));
    }

    #[test]
    fn connection_can_ask_however_many_orders_of_users_there_are() {
        let (mut desk, _) = desk();
        for _ in 1..ORDERS {
            desk.put("pause", &steer("pause"), false).unwrap();
        }
        assert_eq!(desk.put("pause", &steer("pause"), false).unwrap_err().kind(), ErrorKind::Busy);
        desk.put("run", &steer("x"), true).unwrap();
    }

    #[test]
    fn many_who_ask_are_one_question_and_leave_room_for_a_cancel() {
        let mut desk = Desk::default();
        desk.open();
        let first = desk.ask("status").unwrap();
        assert_eq!(desk.ask("status"), None);
        desk.hand_over();
        assert_eq!(desk.ask("status"), None);
        desk.answered();
        // Whoever has asked may not have looked yet.
        let second = desk.ask("status").unwrap();
        desk.forget(second, 0);
        let third = desk.ask("status").unwrap();
        desk.end(Line::Down(None), 0);
        desk.begin();
        assert!(desk.ask("status").is_some() && desk.lost(third).is_some() && desk.lost(first).is_some());
        while desk.put("light", &Order::new("system", "ledctrl"), false).is_ok() {}
        for _ in 0..FOR_CONTROL {
            desk.put("cancel", &steer("stop"), false).unwrap();
        }
        assert!(desk.put("cancel", &steer("stop"), false).is_err());
    }

    #[test]
    fn forgotten_order_is_never_sent() {
        let (mut desk, number) = desk();
        assert!(!desk.forget(number, 0));
        desk.open();
        assert_eq!(desk.hand_over(), None);
    }

    #[test]
    fn forgotten_order_is_taken_back_from_a_connection_that_is_stuck() {
        let (mut desk, first) = desk();
        desk.open();
        let second = desk.put("pause", &steer("pause"), false).unwrap();
        desk.hand_over();
        desk.hand_over();
        // The connection sends the first, and has the second before it.
        assert!(!desk.forget(first, 1) && desk.forget(second, 1));
        let third = desk.put("pause", &steer("pause"), false).unwrap();
        desk.hand_over();
        desk.end(Line::Down(None), 1);
        assert!(!desk.lost(third).unwrap().may_have_come);
    }
}
