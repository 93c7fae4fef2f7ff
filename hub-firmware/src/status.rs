//! What a hub is doing, and how its console, its LED and its advertisement show it.

use alloc::{format, string::String};
use core::time::Duration;

use printhost::{Event, JobEnd, JobEvent, PrinterStatus, Result, Started, Verified};

use crate::{RelayEvent, Relayed};

/// What the hub does for its printer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Work {
    /// It waits for the button.
    #[default]
    Waiting,
    /// The file goes through; so many percent.
    Relaying(u8),
    /// The printer prints it; so many percent.
    Printing(u8),
    /// The last print ran to its end.
    Finished,
    /// The last relay or print did not.
    Failed,
}

/// What the hub is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// It has an address in the network.
    pub online: bool,
    /// Its work.
    pub work: Work,
}

impl Status {
    /// Right after a reset.
    pub const fn new() -> Self {
        Self { online: false, work: Work::Waiting }
    }

    /// Takes what a relay reports. What is worth a line on the console is returned.
    pub fn report(&mut self, event: &RelayEvent<'_>) -> Option<String> {
        match event {
            RelayEvent::Progress { done, total } => {
                let percent = percent(*done as f32 / (*total).max(1) as f32);
                let tenth = !matches!(self.work, Work::Relaying(before) if before / 10 == percent / 10);
                self.work = Work::Relaying(percent);
                tenth.then(|| format!("{percent} % relayed"))
            }
            RelayEvent::Uploaded(file) => {
                let verified = verified(file.verified);
                Some(format!("stored as {}, {} bytes, {verified}", file.path, file.len))
            }
            RelayEvent::Printer(Event::Job { event, .. }) => {
                if let JobEvent::Started { .. } = event {
                    self.work = Work::Printing(0);
                }
                Some(in_words(event).into())
            }
            RelayEvent::Printer(Event::Status(PrinterStatus { job: Some(job), .. })) => {
                if let (Work::Printing(_), Some(progress)) = (self.work, job.progress) {
                    self.work = Work::Printing(percent(progress));
                }
                None
            }
            RelayEvent::Printer(Event::Lost(error)) => Some(format!("lost the printer's host: {error}")),
            RelayEvent::Printer(Event::Resynced) => Some("connected with the printer's host".into()),
            _ => None,
        }
    }

    /// Takes how a relay ended. Returns the line for the console.
    pub fn ended(&mut self, result: &Result<Relayed>) -> String {
        self.work = Work::Failed;
        match result {
            Err(error) => format!("failed: {error}. {}", error.kind().advice()),
            Ok(Relayed { uploaded, end }) => match (&uploaded.started, end) {
                (Started::Yes(_), Some(JobEnd::Finished)) => {
                    self.work = Work::Finished;
                    "done".into()
                }
                (Started::No(error), _) => {
                    format!("stored, but not started: {error}. {}", error.kind().advice())
                }
                _ => "stored, but the print did not finish".into(),
            },
        }
    }

    /// Whether the LED is lit, so long after the reset.
    ///
    /// | pattern | meaning |
    /// |---|---|
    /// | a short flash every second | no network yet, or no more |
    /// | steady | ready: press the button |
    /// | fast, five times a second | the file goes through |
    /// | slow, once a second | the printer prints |
    /// | steady with a short gap every two seconds | the print has finished |
    /// | three short flashes every two seconds | it failed; the console says why |
    pub const fn led(self, after_reset: Duration) -> bool {
        let now = after_reset.as_millis();
        match (self.work, self.online) {
            (Work::Relaying(_), _) => now % 200 < 100,
            (Work::Printing(_), _) => now % 1000 < 500,
            (_, false) => now % 1000 < 100,
            (Work::Waiting, true) => true,
            (Work::Finished, true) => now % 2000 < 1800,
            (Work::Failed, true) => now % 2000 < 900 && now % 300 < 100,
        }
    }

    /// What a Bluetooth LE advertisement says: flags, the state as manufacturer data, and as much of the name as fits.
    ///
    /// The manufacturer data is of company 0xFFFF, which the Bluetooth SIG keeps for data without a registered company:
    /// a byte for the state (0 offline, 1 ready, 2 relaying, 3 printing, 4 finished, 5 failed) and one for the percent.
    pub fn advertisement(self, name: &str) -> Advertisement {
        const FLAGS: [u8; 3] = [2, 0x01, 0x06]; // to be discovered by anybody; no Bluetooth Classic
        const MANUFACTURER: u8 = 0xFF;
        const SHORT_NAME: u8 = 0x08;
        const WHOLE_NAME: u8 = 0x09;
        let (state, percent) = match (self.work, self.online) {
            (Work::Relaying(percent), _) => (2, percent),
            (Work::Printing(percent), _) => (3, percent),
            (_, false) => (0, 0),
            (Work::Waiting, true) => (1, 0),
            (Work::Finished, true) => (4, 100),
            (Work::Failed, true) => (5, 0),
        };
        let mut advertisement = Advertisement::default();
        advertisement.push(&FLAGS);
        advertisement.push(&[5, MANUFACTURER, 0xFF, 0xFF, state, percent]);
        let room = Advertisement::ROOM - advertisement.bytes().len() - 2;
        let fits = name.floor_char_boundary(room);
        let kind = if fits == name.len() { WHOLE_NAME } else { SHORT_NAME };
        advertisement.push(&[fits as u8 + 1, kind]);
        advertisement.push(&name.as_bytes()[..fits]);
        advertisement
    }
}

/// The data of an advertisement: at most 31 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Advertisement {
    data: [u8; Self::ROOM],
    len: usize,
}

impl Advertisement {
    const ROOM: usize = 31;

    /// The bytes of it that count.
    pub fn bytes(&self) -> &[u8] {
        &self.data[..self.len]
    }

    /// All 31 bytes, those that do not count being zero.
    pub const fn padded(&self) -> [u8; 31] {
        self.data
    }

    fn push(&mut self, bytes: &[u8]) {
        self.data[self.len..][..bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }
}

fn percent(progress: f32) -> u8 {
    (progress * 100.0).clamp(0.0, 100.0) as u8 // what is not a number becomes 0
}

/// Derived `Debug` would cost 20 KiB of flash.
fn in_words(event: &JobEvent) -> &'static str {
    match event {
        JobEvent::Started { .. } => "the print has started",
        JobEvent::Paused => "the print is paused",
        JobEvent::Resumed => "the print goes on",
        JobEvent::Finished => "the print has finished",
        JobEvent::Cancelled => "the print was cancelled",
        JobEvent::Failed { .. } => "the print has failed",
        _ => "the print is over",
    }
}

fn verified(verified: Verified) -> String {
    match verified {
        Verified::Sha1(hash) | Verified::ReadBack(hash) => {
            hash.iter().fold("SHA-1 ".into(), |text, byte| format!("{text}{byte:02x}"))
        }
        Verified::Sha256(hash) => {
            hash.iter().fold("SHA-256 ".into(), |text, byte| format!("{text}{byte:02x}"))
        }
        Verified::Size => "size verified".into(),
        _ => "not verified".into(),
    }
}

#[cfg(test)]
mod tests {
    use printhost::{Error, ErrorKind, Uploaded};

    use super::*;

    fn status(online: bool, work: Work) -> Status {
        Status { online, work }
    }

    fn ended(started: Started, end: Option<JobEnd>) -> Result<Relayed> {
        let mut uploaded = Uploaded::new("hub/part.gcode", 9, Verified::Size);
        uploaded.started = started;
        Ok(Relayed { uploaded, end })
    }

    #[test]
    fn a_print_is_followed_from_the_first_byte_to_its_end() {
        let mut status = Status::new();
        let mut lines = alloc::vec::Vec::new();
        let mut report = |status: &mut Status, event: RelayEvent<'_>| lines.extend(status.report(&event));
        for done in [1, 2, 99, 100, 550, 1000] {
            report(&mut status, RelayEvent::Progress { done, total: 1000 });
        }
        assert_eq!(status.work, Work::Relaying(100));
        report(&mut status, RelayEvent::Uploaded(&Uploaded::new("hub/part.gcode", 1000, Verified::Size)));
        report(
            &mut status,
            RelayEvent::Printer(&Event::Job { event: JobEvent::Started { path: None }, inferred: false }),
        );
        assert_eq!(status.work, Work::Printing(0));
        let mut printer = PrinterStatus::default();
        let mut job = printhost::Job::default();
        job.progress = Some(0.425);
        printer.job = Some(job);
        report(&mut status, RelayEvent::Printer(&Event::Status(printer)));
        assert_eq!(status.work, Work::Printing(42));
        report(&mut status, RelayEvent::Printer(&Event::Job { event: JobEvent::Finished, inferred: false }));
        let expected = [
            "0 % relayed",
            "10 % relayed",
            "55 % relayed",
            "100 % relayed",
            "stored as hub/part.gcode, 1000 bytes, size verified",
            "the print has started",
            "the print has finished",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn progress_of_a_job_that_is_not_ours_is_not_shown() {
        let mut status = status(true, Work::Relaying(7));
        let mut printer = PrinterStatus::default();
        let mut job = printhost::Job::default();
        job.progress = Some(0.5);
        printer.job = Some(job);
        assert_eq!(status.report(&RelayEvent::Printer(&Event::Status(printer))), None);
        assert_eq!(status.work, Work::Relaying(7));
    }

    #[test]
    fn only_a_print_that_ran_to_its_end_is_finished() {
        let yes = || Started::Yes(printhost::Confirmation::Accepted);
        let refused = Error::new(ErrorKind::Conflict, "start");
        for (result, work) in [
            (ended(yes(), Some(JobEnd::Finished)), Work::Finished),
            (ended(yes(), Some(JobEnd::Cancelled)), Work::Failed),
            (ended(yes(), Some(JobEnd::Unseen)), Work::Failed),
            (ended(Started::No(refused.clone()), None), Work::Failed),
            (Err(refused), Work::Failed),
        ] {
            let mut status = status(true, Work::Printing(50));
            assert!(!status.ended(&result).is_empty());
            assert_eq!(status.work, work, "{result:?}");
        }
    }

    #[test]
    fn every_state_has_its_own_led_pattern() {
        let states = [
            status(false, Work::Waiting),
            status(true, Work::Waiting),
            status(true, Work::Relaying(1)),
            status(true, Work::Printing(1)),
            status(true, Work::Finished),
            status(true, Work::Failed),
        ];
        let pattern = |status: Status| (0..60).map(move |n| status.led(Duration::from_millis(n * 100 + 50)));
        for (n, a) in states.iter().enumerate() {
            for b in &states[n + 1..] {
                assert!(pattern(*a).ne(pattern(*b)), "{a:?} looks like {b:?}");
            }
        }
        assert_eq!(pattern(states[5]).take(20).filter(|lit| *lit).count(), 3);
    }

    #[test]
    fn a_lost_network_does_not_hide_a_print() {
        let at = |ms| Duration::from_millis(ms);
        assert!(status(false, Work::Printing(1)).led(at(400)));
        assert_eq!(status(false, Work::Printing(9)).advertisement("").bytes()[7..9], [3, 9]);
    }

    #[test]
    fn advertisement_says_state_and_name_in_31_bytes() {
        let expected = b"\x02\x01\x06\x05\xFF\xFF\xFF\x02\x2A\x0A\x09printhost";
        let advertisement = status(true, Work::Relaying(42)).advertisement("printhost");
        assert_eq!(advertisement.bytes(), expected);
        assert_eq!(advertisement.padded()[expected.len()..], [0; 11]);
    }

    #[test]
    fn a_name_that_does_not_fit_is_cut_between_characters() {
        let long = status(true, Work::Waiting).advertisement("Hub in der Werkstatt");
        assert_eq!(&long.bytes()[9..], b"\x15\x09Hub in der Werkstatt");
        let cut = status(true, Work::Waiting).advertisement("Hub in der Werkstatt\u{e4}x");
        assert_eq!(&cut.bytes()[9..], b"\x15\x08Hub in der Werkstatt");
        assert_eq!(status(true, Work::Waiting).advertisement("").bytes()[9..], [1, 9]);
    }
}
