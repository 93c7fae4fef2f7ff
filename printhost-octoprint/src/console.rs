//! What the printer answers to G-code: taken from the terminal, which OctoPrint shows on the push connection.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};
use core::{cell::RefCell, time::Duration};

use embassy_sync::{
    blocking_mutex::{Mutex, raw::CriticalSectionRawMutex},
    signal::Signal,
};
use printhost_core::{Clock, Error, Result, within};
use printhost_net::websocket::Outbox;

/// State and events, and nothing of the terminal and of plugins, which can be large.
const QUIET: &str =
    r#"{"subscribe":{"state":{"logs":false,"messages":false},"events":true,"plugins":false}}"#;

/// With the lines to and from the printer: `Send: `, `Recv: ` in 1.x, `>>> `, `<<< ` in 2.0. Not those that say that
/// nothing happens.
const LISTENING: &str = r#"{"subscribe":{"state":{"logs":"^(Send:|>>>|(Recv:|<<<) (?!wait$|Not SD printing$))","messages":false},"events":true,"plugins":false}}"#;

/// OctoPrint answers a changed subscription with its history at once.
const SUBSCRIBED: Duration = Duration::from_secs(2);
/// A line that is not on its way to the printer by then waits behind others.
const FIRST_LINE: Duration = Duration::from_secs(2);
/// And so long the printer may take for all of them.
const ALL_LINES: Duration = Duration::from_secs(5);
/// More G-code than this, in lines and bytes, is a script: nobody reads its replies.
const MAX_LINES: usize = 16;
const MAX_BYTES: usize = 1024;

/// The terminal, as far as somebody listens to it, and the way to the push connection.
pub(crate) struct Console {
    /// Texts for the push connection, sent while it is run.
    pub(crate) outbox: Outbox,
    terminal: Mutex<CriticalSectionRawMutex, RefCell<Terminal>>,
    changed: Signal<CriticalSectionRawMutex, ()>,
}

/// Who listens.
#[derive(Default)]
struct Terminal {
    /// The push connection is there, and this user may see the terminal.
    open: bool,
    /// How many changes of the subscription OctoPrint has not answered yet.
    changing: u8,
    listener: Option<Listener>,
}

#[derive(Default)]
struct Listener {
    /// The subscription holds.
    subscribed: bool,
    matching: Matching,
}

impl Console {
    pub(crate) const fn new() -> Self {
        Self {
            outbox: Outbox::new(),
            terminal: Mutex::new(RefCell::new(Terminal { open: false, changing: 0, listener: None })),
            changed: Signal::new(),
        }
    }

    /// A new push connection, on which `auth` is to be sent.
    pub(crate) fn begin(&self, auth: String) {
        self.outbox.clear();
        for text in [QUIET.into(), auth] {
            let _ = self.outbox.try_send(text); // it is empty and has room for more
        }
    }

    /// The connection has brought its first data.
    pub(crate) fn open(&self, may_see_terminal: bool) {
        self.change(|terminal| (terminal.open, terminal.changing) = (may_see_terminal, 0));
    }

    /// The connection is gone, and whoever listens hears no more.
    pub(crate) fn close(&self) {
        self.change(|terminal| {
            terminal.open = false;
            if let Some(listener) = &mut terminal.listener {
                listener.matching.is_over = true;
            }
        });
    }

    /// OctoPrint has sent its history, as it does when a subscription changes.
    pub(crate) fn take_history(&self) {
        self.change(|terminal| {
            terminal.changing = terminal.changing.saturating_sub(1);
            if let (Some(listener), 0) = (&mut terminal.listener, terminal.changing) {
                listener.subscribed = true;
            }
        });
    }

    /// Whether lines of the terminal are wanted just now.
    pub(crate) fn is_listening(&self) -> bool {
        self.terminal.lock(|t| t.borrow().listener.as_ref().is_some_and(|l| l.subscribed))
    }

    /// Lines of the terminal, in order; `None` when they were too many to be read.
    pub(crate) fn take_lines(&self, lines: Option<Vec<String>>) {
        self.change(|terminal| {
            if let Some(listener) = terminal.listener.as_mut().filter(|l| l.subscribed) {
                match lines {
                    Some(lines) => lines.iter().for_each(|line| listener.matching.take(line)),
                    None => listener.matching.is_over = true,
                }
            }
        });
    }

    /// Begins to listen for the replies to some lines; at most `room` bytes of them are kept. `None` when there is no
    /// hearing them: the push connection is not there, somebody else is listening, the lines are too many.
    pub(crate) async fn listen<C: Clock>(
        &self,
        lines: &[&str],
        room: usize,
        clock: &C,
    ) -> Option<Replies<'_>> {
        let awaited: Vec<String> = lines
            .iter()
            .map(|line| command(line))
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect();
        if awaited.is_empty()
            || awaited.len() > MAX_LINES
            || awaited.iter().map(String::len).sum::<usize>() > MAX_BYTES
        {
            return None;
        }
        self.terminal.lock(|t| {
            let mut terminal = t.borrow_mut();
            // Room for the end of the subscription too.
            if !terminal.open || terminal.listener.is_some() || self.outbox.free_capacity() < 2 {
                return None;
            }
            terminal.changing += 1;
            let matching = Matching { awaited, room, ..Matching::default() };
            terminal.listener = Some(Listener { subscribed: false, matching });
            Some(())
        })?;
        let replies = Replies(self); // from here on the end of the subscription is sent when it is dropped
        let _ = self.outbox.try_send(LISTENING.into());
        if self.until(clock, SUBSCRIBED, |l| l.subscribed || l.matching.is_over).await.is_err() {
            // An OctoPrint that does not know of subscriptions: nobody waits for it again on this connection.
            self.change(|terminal| terminal.open = false);
            return None;
        }
        Some(replies)
    }

    async fn until<C: Clock>(
        &self,
        clock: &C,
        limit: Duration,
        reached: impl Fn(&Listener) -> bool,
    ) -> Result<()> {
        within(clock, limit, "gcode", async {
            while !self.terminal.lock(|t| t.borrow().listener.as_ref().is_none_or(&reached)) {
                self.changed.wait().await;
            }
            Ok::<(), Error>(())
        })
        .await
    }

    fn change(&self, act: impl FnOnce(&mut Terminal)) {
        self.terminal.lock(|t| act(&mut t.borrow_mut()));
        self.changed.signal(());
    }
}

/// A subscription to the terminal; dropping it ends that.
pub(crate) struct Replies<'a>(&'a Console);

impl Replies<'_> {
    /// What the printer has answered, once it has answered every line, or when that takes too long.
    pub(crate) async fn collect<C: Clock>(self, clock: &C) -> Vec<String> {
        let console = self.0;
        let begun = console
            .until(clock, FIRST_LINE, |l| l.matching.is_over || l.matching.open || l.matching.answered > 0)
            .await;
        if begun.is_ok() {
            let _ = console.until(clock, ALL_LINES, |l| l.matching.is_over).await;
        }
        let listener = console.terminal.lock(|t| t.borrow_mut().listener.take());
        listener.map(|l| l.matching.replies).unwrap_or_default()
    }
}

impl Drop for Replies<'_> {
    fn drop(&mut self) {
        let sent = self.0.outbox.try_send(QUIET.into()).is_ok();
        self.0.change(|terminal| {
            terminal.listener = None;
            terminal.changing = terminal.changing.saturating_add(sent.into());
        });
    }
}

/// Finds the replies to our lines among everything the terminal shows: from the line on its way to the printer to
/// the printer's next `ok`. What the printer says in between for other reasons cannot be told apart.
#[derive(Default)]
struct Matching {
    awaited: Vec<String>,
    answered: usize,
    /// The awaited line is with the printer.
    open: bool,
    is_over: bool,
    replies: Vec<String>,
    room: usize,
}

impl Matching {
    /// Temperatures that the firmware reports by itself, and that it is busy.
    fn is_noise(&self, reply: &str) -> bool {
        let asked = self.awaited.get(self.answered).and_then(|line| line.get(..4));
        let asked = asked.is_some_and(|asked| TEMPERATURES.iter().any(|t| t.eq_ignore_ascii_case(asked)));
        reply.starts_with("T:") && !asked || reply.starts_with("echo:busy:")
    }

    fn take(&mut self, line: &str) {
        if self.is_over {
            return;
        }
        let after = |prefixes: [&str; 2]| prefixes.iter().find_map(|prefix| line.strip_prefix(prefix));
        if let Some(sent) = after(["Send:", ">>>"]) {
            let ours = self.awaited.get(self.answered);
            self.open |= ours.is_some_and(|ours| ours.eq_ignore_ascii_case(command(sent)));
        } else if let Some(reply) = after(["Recv:", "<<<"])
            && self.open
        {
            let reply = reply.trim();
            let is_ok = reply.strip_prefix("ok").is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
            if !(reply.is_empty() || reply == "ok" || self.is_noise(reply)) {
                // What holds a line counts too, or many short ones would take far more than all their bytes.
                match self.room.checked_sub(reply.len() + size_of::<String>()) {
                    Some(room) => {
                        self.room = room;
                        self.replies.push(reply.to_string());
                    }
                    None => self.is_over = true,
                }
            }
            if is_ok {
                self.open = false;
                self.answered += 1;
                self.is_over |= self.answered == self.awaited.len();
            }
        }
    }
}

/// Commands that ask for temperatures, or wait for them.
const TEMPERATURES: [&str; 4] = ["M105", "M109", "M190", "M191"];

/// A line without line number, checksum and comment, as OctoPrint sends it and as it was asked to; empty for what it
/// does not send at all.
fn command(line: &str) -> &str {
    let line = line.split(';').next().unwrap_or_default().trim();
    let numbered = line
        .strip_prefix('N')
        .and_then(|rest| rest.split_once(' '))
        .filter(|(number, _)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
    let line = match numbered {
        Some((_, rest)) => match rest.rsplit_once('*') {
            Some((rest, sum)) if sum.bytes().all(|b| b.is_ascii_digit()) => rest,
            _ => rest,
        },
        None => line,
    };
    if line.starts_with('@') { "" } else { line.trim() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(awaited: &[&str], lines: &[&str]) -> Matching {
        let awaited = awaited.iter().map(|l| l.to_string()).collect();
        let mut matching = Matching { awaited, room: 200, ..Matching::default() };
        lines.iter().for_each(|line| matching.take(line));
        matching
    }

    #[test]
    fn replies_are_those_between_a_line_and_its_ok_in_both_versions_words() {
        let first = matched(
            &["M115", "M114"],
            &[
                "Recv: T:21.30/ 0.00",
                "Send: M105",
                "Recv: ok T:1",
                "Send: M115",
                "Recv: FIRMWARE_NAME:Virtual Marlin 1.0",
                "Recv: T:21.30/ 0.00",
                "Recv: echo:busy: processing",
                "Recv: Cap:EEPROM:1",
                "Recv: ok",
                "Changing monitoring state from \"A\" to \"B\"",
                "Send: M114",
                "Recv: ok X:0.0 Y:0.0",
                "Recv: later",
            ],
        );
        assert_eq!(first.replies, ["FIRMWARE_NAME:Virtual Marlin 1.0", "Cap:EEPROM:1", "ok X:0.0 Y:0.0"]);
        assert!(first.is_over);
        let second = matched(&["M105"], &[">>> M105", "<<< T:20", "<<< ok T:21.30/ 0.00 B:21.30/ 0.00 @:64"]);
        assert_eq!(second.replies, ["T:20", "ok T:21.30/ 0.00 B:21.30/ 0.00 @:64"]);
        assert!(second.is_over);
    }

    #[test]
    fn lines_of_a_print_are_told_apart_by_number_and_checksum() {
        let lines = ["Send: N41 G1 X1*12", "Recv: ok", "Send: N42 M117 hi*3", "Recv: echo:hi", "Recv: ok"];
        let matching = matched(&["m117 hi"], &lines);
        assert_eq!((matching.replies, matching.is_over), (["echo:hi".to_string()].into(), true));
        assert_eq!(command("N12 M115*39"), "M115");
        assert_eq!(command(" M117 5*4 ; note"), "M117 5*4");
        assert_eq!((command("; only"), command("@pause"), command("N1 M110 N0*5")), ("", "", "M110 N0"));
    }

    #[test]
    fn replies_that_find_no_room_end_the_listening() {
        let long = "Recv: ".to_string() + &"x".repeat(150);
        let matching = matched(&["M503"], &["Send: M503", &long, &long, "Recv: ok"]);
        assert_eq!((matching.replies.len(), matching.is_over), (1, true));
        let matching = matched(&["M503"], &[&["Send: M503"][..], &["Recv: x"; 50], &["Recv: ok"]].concat());
        assert!(matching.replies.len() < 10 && matching.is_over, "{:?}", matching.replies);
    }
}
