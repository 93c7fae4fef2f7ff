//! TLS on the emulated board: nginx in front of a real OctoPrint, and nginx' log as the judge.

use crate::board::{self, HOST};
use crate::octoprint::OctoPrint;
use crate::qemu;
use crate::server::Server as _;
use crate::steps::{Result, Steps, ensure};
use crate::tls_devices::{self, Try, shown};
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
    report.succeeded()?;
    report.case("idle", "ended")
}

/// Some 20 KB are left, which the handshake exceeds.
fn exhaustion(front: &TlsFront) -> Result {
    let line = format!("no-heap https://{HOST}:{} pin:{}", front.printer, front.pin("printer")?);
    let report = board::run(&[("hold", "126000"), ("try", &line)])?;
    report.succeeded()?;
    report.case("no-heap", "busy")
}

fn relay(server: &OctoPrint, front: &TlsFront, port: u16, trust: (&str, &str), protocol: &str) -> Result {
    let path = format!("relay/{protocol}.gcode");
    qemu::relay(server, &format!("octoprint+https://{HOST}:{port}"), Some(trust), &path, "heap-tls")?;
    // The first of the two is a full handshake.
    let connections = front.connections_since(port, 0, 2)?;
    println!("  nginx: {connections:?}");
    let resumed: Vec<bool> = connections.iter().map(|connection| connection.resumed).collect();
    ensure(
        connections.iter().all(|connection| connection.protocol == protocol),
        "not the protocol expected",
    )?;
    ensure(resumed == [false, true], "the second connection has not resumed the session")
}

fn refusals(server: &OctoPrint, front: &TlsFront) -> Result {
    let copied = tls_front::forger(front.printer, Forgery::Spoilt)?;
    let pin = |name: &str| Ok::<_, String>(format!("pin:{}", front.pin(name)?));
    let ca = |name: &str| Ok::<_, String>(format!("ca:{}", front.certificate(name)?));
    let tries: [Try; 12] = [
        ("right-pin", front.printer, pin("printer")?, "connected"),
        ("right-ca", front.signed, ca("ca")?, "connected"),
        ("right-pin-again", front.printer, pin("printer")?, "connected"),
        ("right-pin-of-1.3", front.signed, pin("signed")?, "connected"),
        ("swapped-key", front.printer, pin("signed")?, "pin_mismatch"),
        ("swapped-key-of-1.3", front.signed, pin("printer")?, "pin_mismatch"),
        ("copied-certificate", copied, pin("printer")?, "untrusted"),
        ("self-signed", front.printer, ca("ca")?, "untrusted"),
        ("unknown-ca", front.signed, ca("stranger")?, "untrusted"),
        ("other-name", front.misnamed, ca("ca")?, "untrusted"),
        ("public-roots", front.signed, "roots".into(), "unsupported"),
        ("no-tls", front.plain, pin("printer")?, "protocol"),
    ];
    let key = |name, port| ("key", format!("{name} https://{HOST}:{port}"));
    let report = shown(&tries, vec![key("key-of-1.2", front.printer), key("key-of-1.3", front.signed)])?;
    report.case("key-of-1.2", &format!("key\t{}", front.pin("printer")?))?;
    report.case("key-of-1.3", &format!("key\t{}", front.pin("signed")?))?;

    // The driver gets the same answer, and OctoPrint gets nothing.
    let (requests, path) = (front.connections(front.printer)?.len(), "relay/untrusted.gcode");
    let swapped = front.pin("signed")?;
    let url = format!("octoprint+https://{HOST}:{}", front.printer);
    let report = qemu::start_relay(server, &url, Some(("printer_pin", &swapped)), path)?;
    report.ended_with(1)?;
    ensure(
        report.said("error: run: not the pinned key"),
        "the board does not say that it does not trust the printer",
    )?;
    ensure(front.connections(front.printer)?.len() == requests, "nginx was sent a request")?;
    ensure(server.get(&format!("/api/files/local/{path}")).is_none(), "something was stored")
}
