use super::*;

const LATENCY: Duration = Duration::from_millis(10);
const SERIAL: &str = "CZPX4720X004XK12345";

/// A firmware and the time it lives in.
struct Bench {
    firmware: Firmware,
    now: Duration,
}

impl Bench {
    fn new() -> Self {
        Self { firmware: Firmware::new(Machine::new(SERIAL.to_owned(), 1.0), LATENCY), now: Duration::ZERO }
    }

    /// What is said from now on for so long.
    fn listen(&mut self, span: Duration) -> Vec<String> {
        let end = self.now + span;
        let mut said = String::new();
        while let Some(due) = self.firmware.advance(self.now) {
            said += &self.firmware.take_output();
            if due > end {
                break;
            }
            self.now = due;
        }
        said += &self.firmware.take_output();
        self.now = end;
        said.lines().map(str::to_owned).collect()
    }

    /// What is said in answer to these lines within a tenth of a second.
    fn ask(&mut self, lines: &str) -> Vec<String> {
        self.firmware.receive(lines.as_bytes());
        self.firmware.receive(b"\n");
        self.listen(Duration::from_millis(100))
    }
}

fn numbered(number: i64, command: &str) -> String {
    let line = format!("N{number} {command} ");
    let sum = line.bytes().fold(0, |sum, byte| sum ^ byte);
    format!("{line}*{sum}")
}

#[test]
fn a_host_learns_what_it_talks_to() {
    let mut bench = Bench::new();
    assert_eq!(bench.ask("PRUSA Fir\nM862.2 Q"), ["3.14.1-8237", "ok", "302", "ok"]);
    assert_eq!(bench.ask("M862.1 Q"), ["0.40", "ok"]);
    assert_eq!(bench.ask("PRUSA SN"), [SERIAL, "ok"]);
    assert_eq!(bench.ask("D3 AxD05 C4"), ["0d05  00 00 00 00", "ok"]);
    assert!(bench.ask("M115")[0].contains("MACHINE_TYPE:Prusa i3 MK3S"));
    assert_eq!(bench.ask("M27 P"), ["Not SD printing", "ok"]);
    assert_eq!(bench.ask("M21"), ["echo:SD init fail", "ok"]);
    assert_eq!(bench.ask("M220 S95\nM220"), ["ok", "95%", "ok"]);
    assert_eq!(bench.ask("HELLO"), ["echo:Unknown command: \"HELLO\"(2)", "ok"]);
    assert_eq!(bench.ask(";C32u2_RMD"), Vec::<String>::new());
}

#[test]
fn no_answer_comes_before_the_latency() {
    let mut bench = Bench::new();
    bench.firmware.receive(b"M105\nM105\n");
    assert_eq!(bench.listen(LATENCY / 2), Vec::<String>::new());
    assert_eq!(bench.listen(LATENCY).len(), 2);
    assert_eq!(bench.listen(LATENCY).len(), 2);
}

#[test]
fn the_automatic_report_has_the_chosen_parts_at_the_chosen_times() {
    let mut bench = Bench::new();
    assert_eq!(bench.ask("M155 S2 C7").len(), 4);
    let said = bench.listen(Duration::from_secs(4));
    assert_eq!(said.len(), 6);
    assert_eq!(said[0], "T:24.0 /0.0 B:24.0 /0.0 T0:24.0 /0.0 @:0 B@:0 P:28.5 A:30.1");
    assert_eq!(said[1], "E0:0 RPM PRN1:0 RPM E0@:0 PRN1@:0");
    assert!(said[2].starts_with("X:0.00 Y:0.00 Z:0.15 E:0.00 Count X: 0.00"));
    assert_eq!(bench.ask("M155 S0 C0"), ["ok"]);
    assert_eq!(bench.listen(Duration::from_secs(4)), Vec::<String>::new());
}

#[test]
fn a_line_that_does_not_count_is_asked_for_again_and_not_carried_out() {
    let mut bench = Bench::new();
    bench.ask("M110 N0");
    assert_eq!(bench.ask(&numbered(1, "G28 X")), Vec::<String>::new());
    bench.listen(Duration::from_secs(5));
    let again = ["Resend: 2", "ok"];
    assert_eq!(bench.ask("N2 M107 *1")[1..], again);
    assert_eq!(bench.ask(&numbered(3, "M107"))[1..], again);
    assert_eq!(bench.ask(&numbered(1, "G28 X"))[1..], again);
    bench.firmware.make_noise();
    assert_eq!(bench.ask(&numbered(2, "M107"))[1..], again);
    assert_eq!(bench.ask(&numbered(2, "M107")), ["ok"]);
    assert_eq!(bench.firmware.commands, ["M110 N0", "G28 X", "M107"]);
}

#[test]
fn a_full_queue_of_moves_holds_back_the_acknowledgement_and_says_so() {
    let mut bench = Bench::new();
    let moves: String = (1..=16).map(|mm| format!("G1 X{} F600\n", mm * 50)).collect();
    assert_eq!(bench.ask(&moves).len(), 10, "in 100 ms, at 10 ms a command");
    assert_eq!(bench.listen(Duration::from_millis(60)).len(), 5, "the last is held back");
    let said = bench.listen(Duration::from_secs(5));
    assert_eq!(said.iter().filter(|line| *line == "ok").count(), 1);
    assert_eq!(said.iter().filter(|line| *line == "echo:busy: processing").count(), 2);
}

#[test]
fn heating_tells_the_temperature_until_it_is_reached() {
    let mut bench = Bench::new();
    bench.ask("M109 S60");
    let said = bench.listen(Duration::from_secs(13));
    assert_eq!(said.len(), 12);
    assert_eq!(said[0], "T:27.0 E:0 W:?");
    assert_eq!(said[11], "ok");
    assert!(bench.ask("M105")[0].starts_with("T:60.0 /60.0 "));
}

#[test]
fn a_pause_waits_for_the_moves_and_a_stop_does_not() {
    let mut bench = Bench::new();
    bench.ask("M75\nM104 S200\nG1 X100 F6000");
    assert_eq!(bench.ask("M601"), Vec::<String>::new());
    assert_eq!(bench.listen(Duration::from_secs(1)), ["ok", "// action:paused"]);
    // A host that pauses right after the start may start the timer later.
    assert_eq!(bench.ask("M75\nM27 P"), ["ok", "Print saved", "ok"]);
    assert_eq!(bench.ask("M602"), ["ok", "// action:resumed"]);
    bench.ask("G1 X0 F600");
    assert_eq!(bench.ask("M603"), ["ok", "// action:cancel"]);
    assert_eq!(bench.ask("M400"), ["ok"]);
    assert!(!bench.firmware.machine.is_printing);
    assert_eq!(bench.firmware.machine.nozzle.target(), 0.0);
}

#[test]
fn the_printers_own_buttons_ask_the_host_to_pause_and_stop_at_once() {
    let mut bench = Bench::new();
    let now = bench.now;
    bench.firmware.stop(now);
    bench.firmware.ask_host("pause");
    assert_eq!(bench.ask("M75"), ["ok"], "without a print nothing happens");
    bench.ask("M190 S100");
    bench.firmware.ask_host("pause");
    assert_eq!(bench.listen(Duration::ZERO), ["// action:pause"]);
    let now = bench.now;
    bench.firmware.stop(now);
    assert_eq!(bench.listen(Duration::ZERO), ["// action:cancel", "ok"]);
}

#[test]
fn a_printer_that_waits_for_its_user_waits_until_the_knob_is_pressed() {
    let mut bench = Bench::new();
    bench.ask("M0 Change the sheet");
    assert_eq!(bench.firmware.machine.message, "Change the sheet");
    let said = bench.listen(Duration::from_secs(60));
    assert_eq!(said.len(), 30);
    assert!(said.iter().all(|line| line == "echo:busy: paused for user"));
    let now = bench.now;
    bench.firmware.press_knob(now);
    assert_eq!(bench.listen(Duration::ZERO), ["ok"]);
}

#[test]
fn a_halted_printer_is_silent_until_a_reset_which_keeps_the_eeprom_and_starts_nothing() {
    let mut bench = Bench::new();
    bench.ask("M155 S1\nD3 AxD05 X0000002a\nM75\nM104 S200");
    let now = bench.now;
    bench.firmware.fail(now);
    assert_eq!(bench.ask("M105"), ["Error: HOTEND THERMAL RUNAWAY", "Error:Printer halted. kill() called!"]);
    assert_eq!(bench.listen(Duration::from_secs(10)), Vec::<String>::new());
    let now = bench.now;
    bench.firmware.reset(now);
    assert_eq!(bench.listen(Duration::from_secs(10))[0], "start");
    assert_eq!(bench.ask("D3 AxD05 C4"), ["0d05  00 00 00 2a", "ok"]);
    assert!(!bench.firmware.machine.is_printing);
    assert_eq!(bench.firmware.machine.nozzle.target(), 0.0);
}

#[test]
fn nonsense_harms_nobody() {
    let mut bench = Bench::new();
    for nonsense in [
        "N",
        "N-",
        "*",
        "N9223372036854775807 M110 *1",
        "G1 X1e308 E-1e308 F1e-300",
        "G4 S1e300",
        "M155 S-1 C999",
        "M73 P1e300",
        "\u{7f}\u{0}",
        "M117",
        "D3",
        "M104 S1e9",
    ] {
        bench.firmware.receive(nonsense.as_bytes());
        bench.firmware.receive(&[b'\n', 0xff, b'\r', b'\n']);
        bench.listen(Duration::from_secs(20));
        let now = bench.now;
        bench.firmware.reset(now);
    }
    bench.firmware.receive(&[b'A'; 10_000]);
    let cut = bench.ask("");
    assert!(cut.iter().any(|line| line.len() < 200 && line.contains("AAAA")), "{cut:?}");
}
