//! A file from a server through the emulated board into a simulated Bambu Lab printer, printed and followed to its end.

use std::sync::{Arc, mpsc};
use std::thread;

use crate::board::{self, HOST};
use crate::expect::poll;
use crate::part;
use crate::qemu::relayed;
use crate::simulator::{self, Controlled, Simulator};
use crate::steps::{Result, Steps, ensure};

/// The file's size in bytes, and how many its server sends in a second.
const FILE: usize = 4 << 20;
const RATE: usize = 4 << 20;
const PATH: &str = "relay/part.gcode";
/// How long reports are that tell everything, in bytes: as those of a large printer with four AMS units.
const REPORT: &str = r#"{"bytes":40000}"#;

/// Whom the board believes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Believed {
    Authority,
    Key,
}

/// With the board built.
pub(crate) fn run(steps: &mut Steps) -> Result {
    steps.command("the simulator's command", &mut simulator::build())?;
    steps.run(
        "QEMU relays 4 MiB into a simulated P1S whose authority it knows, and follows the print",
        || relay(Believed::Authority),
    )?;
    steps.run("the same with the printer's key pinned", || relay(Believed::Key))
}

fn relay(believed: Believed) -> Result {
    let args = ["bambu", "--ftps-port", "0", "--control-port", "0", "--time-scale", "20"];
    let simulator = Simulator::start(&args)?;
    let text = |name| simulator.text(name);
    let (mqtt, ftps) = (simulator.port("mqtt")?, simulator.port("ftps")?);
    let printer = format!("bambu://{HOST}:{mqtt}?serial={}&ftps={ftps}", text("serial")?);
    let trust = match believed {
        Believed::Authority => ("printer_ca", first_certificate(text("authority")?)),
        Believed::Key => ("printer_pin", base64_of_hex(text("pin")?)?),
    };
    let file = Arc::new(part::gcode(FILE));
    let (told_all, go_on) = mpsc::channel();
    let source = part::serve_in_halves(RATE, file, go_on)?;

    simulator.printer().tell("report-size", REPORT)?;
    let told = simulator.printer();
    let meanwhile = thread::spawn(move || {
        let reported = report_meanwhile(&told);
        drop(told_all);
        reported
    });
    let report = board::run(&[
        ("source", &format!("http://{HOST}:{source}/part.gcode")),
        ("printer", &printer),
        (trust.0, &trust.1),
        ("key", text("key")?),
        ("path", PATH),
    ])?;
    meanwhile.join().map_err(|_| "whoever asks for reports has panicked")??;
    relayed(&report, "heap-bambu")?;
    let taken = report.value("heap peak")? - report.value("heap before")?;
    ensure(taken <= report.value("heap declared")?, "it took more heap than it had declared")?;

    // The oracle: the printer, asked without our driver.
    let printer = simulator.printer().ask()?;
    let sha1 = part::sha1_of(&part::gcode(FILE))?;
    println!(
        "  the printer: {}, files {}, prints started {}, connections {}",
        printer["state"], printer["files"], printer["prints_started"], printer["connections_made"]
    );
    ensure(
        matches!(printer["files"].as_array().map(Vec::as_slice), Some([file])
            if file["path"] == PATH && file["size"] == FILE && file["sha1"] == sha1),
        "the printer does not have the file, or has another one",
    )?;
    ensure(
        printer["prints_started"] == 1 && printer["prints_accepted"] == 1 && printer["state"] == "FINISH",
        "the file was not printed exactly once",
    )?;
    ensure(printer["connections_made"] == 1, "the connection that brings reports has not lasted")
}

/// Has the printer tell everything once it has received something of the file, and not all of it.
fn report_meanwhile(printer: &Controlled) -> Result {
    let received = || printer.ask()?["bytes_received"].as_u64().ok_or("no bytes_received".to_owned());
    poll(|| Ok(ensure(received()? > 0, "the printer receives nothing")))?;
    printer.tell("tell-everything", "{}")?;
    let received = received()?;
    println!("  with {received} bytes there, everything was told");
    ensure(received < FILE as u64, "the file was there before the report")
}

/// A certificate as DER in base64, of some as PEM.
fn first_certificate(pem: &str) -> String {
    let lines = pem.lines().skip_while(|line| !line.starts_with("-----BEGIN")).skip(1);
    lines.take_while(|line| !line.starts_with("-----")).collect()
}

pub(crate) fn base64_of_hex(hex: &str) -> Result<String> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: String = hex
        .chars()
        .map(|digit| digit.to_digit(16).map(|digit| format!("{digit:04b}")))
        .collect::<Option<_>>()
        .ok_or_else(|| format!("the simulator says {hex:?}"))?;
    let letters = bits.as_bytes().chunks(6).map(|six| {
        let number = six.iter().fold(0, |number, bit| 2 * number + usize::from(bit - b'0'));
        char::from(LETTERS[number << (6 - six.len())])
    });
    let mut text: String = letters.collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn pin_in_base64_is_the_same_number() {
        assert_eq!(super::base64_of_hex("00ff41").unwrap(), "AP9B");
        assert_eq!(super::base64_of_hex("00ff").unwrap(), "AP8=");
        assert!(super::base64_of_hex("0g").is_err());
    }
}
