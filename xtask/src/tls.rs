//! TLS on the emulated board: nginx in front of a real OctoPrint, and nginx' log as the judge.

use crate::board::{self, HOST};
use crate::octoprint::OctoPrint;
use crate::qemu::{self, ensure};
use crate::steps::{Result, Steps};
use crate::tls_devices;
use crate::tls_front::{self, Forgery, TlsFront};

/// What is shown of TLS.
pub(crate) fn run(steps: &mut Steps, server: &OctoPrint) -> Result {
    let front = steps.run("nginx starts in front of OctoPrint", || TlsFront::start(server.port()))?;
    let pin = front.pin("printer")?;
    let ca = front.certificate("ca")?;
    steps.run("QEMU relays 16 MiB by TLS 1.2, the key pinned", || {
        relay(server, &front, front.printer, ("printer_pin", &pin), "TLSv1.2")
    })?;
    steps.run("QEMU relays 16 MiB by TLS 1.3, with a CA", || {
        relay(server, &front, front.signed, ("printer_ca", &ca), "TLSv1.3")
    })?;
    steps.run("whom QEMU does not trust gets nothing", || refusals(server, &front))?;
    tls_devices::steps(steps, &front)?;
    steps.run("a connection that was closed while idle is found out by QEMU", || closed(&front))?;
    steps.run("a handshake for which QEMU lacks the heap fails as busy", || exhaustion(&front))
}

/// The board looks at the connection again and again, as the network does before it uses one again.
fn closed(front: &TlsFront) -> Result {
    let pin = front.pin("printer")?;
    let report = board::run(&[
        ("try", &format!("before https://{HOST}:{} pin:{pin}", front.impatient)),
        ("idle", &format!("idle https://{HOST}:{} pin:{pin}", front.impatient)),
    ])?;
    ensure(report.code == 0, &format!("the board ended with code {}", report.code))?;
    ensure(report.cases.iter().any(|case| case == "idle\tended"), "the board does not see the end")
}

/// Some 20 KB are left, which the handshake exceeds.
fn exhaustion(front: &TlsFront) -> Result {
    let line = format!("no-heap https://{HOST}:{} pin:{}", front.printer, front.pin("printer")?);
    let report = board::run(&[("hold", "126000"), ("try", &line)])?;
    ensure(report.code == 0, &format!("the board ended with code {}", report.code))?;
    ensure(report.cases.iter().any(|case| case.starts_with("no-heap\tbusy")), "the dial did not fail as busy")
}

fn relay(server: &OctoPrint, front: &TlsFront, port: u16, trust: (&str, &str), protocol: &str) -> Result {
    let path = format!("relay/{protocol}.gcode");
    qemu::relay(server, &format!("octoprint+https://{HOST}:{port}"), Some(trust), &path, "heap-tls")?;
    // The first of the two is a full handshake.
    let connections = front.connections(port)?;
    println!("  nginx: {connections:?}");
    let resumed: Vec<bool> = connections.iter().map(|connection| connection.resumed).collect();
    ensure(
        connections.iter().all(|connection| connection.protocol == protocol),
        "not the protocol expected",
    )?;
    ensure(resumed == [false, true], "the second connection has not resumed the session")
}

fn refusals(server: &OctoPrint, front: &TlsFront) -> Result {
    let url = |port| format!("https://{HOST}:{port}");
    let (printer, signed, misnamed) = (url(front.printer), url(front.signed), url(front.misnamed));
    let (plain, copied) = (url(front.plain), url(tls_front::forger(front.printer, Forgery::Spoilt)?));
    let pin = |name: &str| Ok::<_, String>(format!("pin:{}", front.pin(name)?));
    let ca = |name: &str| Ok::<_, String>(format!("ca:{}", front.certificate(name)?));
    let tries = [
        ("right-pin", &printer, pin("printer")?, "connected"),
        ("right-ca", &signed, ca("ca")?, "connected"),
        ("right-pin-again", &printer, pin("printer")?, "connected"),
        ("right-pin-of-1.3", &signed, pin("signed")?, "connected"),
        ("swapped-key", &printer, pin("signed")?, "pin_mismatch"),
        ("swapped-key-of-1.3", &signed, pin("printer")?, "pin_mismatch"),
        ("copied-certificate", &copied, pin("printer")?, "untrusted"),
        ("self-signed", &printer, ca("ca")?, "untrusted"),
        ("unknown-ca", &signed, ca("stranger")?, "untrusted"),
        ("other-name", &misnamed, ca("ca")?, "untrusted"),
        ("public-roots", &signed, "roots".into(), "unsupported"),
        ("no-tls", &plain, pin("printer")?, "protocol"),
    ];
    let mut lines: Vec<(&str, String)> =
        tries.iter().map(|(name, url, trust, _)| ("try", format!("{name} {url} {trust}"))).collect();
    lines.push(("key", format!("key-of-1.2 {printer}")));
    lines.push(("key", format!("key-of-1.3 {signed}")));
    let config: Vec<(&str, &str)> = lines.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let report = board::run(&config)?;
    ensure(report.code == 0, &format!("the board ended with code {}", report.code))?;
    let has = |name: &str, words: &str| {
        let told = report.cases.iter().any(|case| case.starts_with(&format!("{name}\t{words}")));
        ensure(told, &format!("{name} is not {words}"))
    };
    for (name, _, _, end) in &tries {
        has(name, end)?;
    }
    has("key-of-1.2", &format!("key\t{}", front.pin("printer")?))?;
    has("key-of-1.3", &format!("key\t{}", front.pin("signed")?))?;

    // The driver gets the same answer, and OctoPrint gets nothing.
    let (requests, path) = (front.connections(front.printer)?.len(), "relay/untrusted.gcode");
    let swapped = front.pin("signed")?;
    let url = format!("octoprint+https://{HOST}:{}", front.printer);
    let report = qemu::start_relay(server, &url, Some(("printer_pin", &swapped)), path)?;
    ensure(report.code == 1, &format!("the board ended with code {}", report.code))?;
    ensure(
        report.said("error: run: not the pinned key"),
        "the board does not say that it does not trust the printer",
    )?;
    ensure(front.connections(front.printer)?.len() == requests, "nginx was sent a request")?;
    ensure(server.get(&format!("/api/files/local/{path}")).is_none(), "something was stored")
}
