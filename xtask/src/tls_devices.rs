//! Whom the emulated board believes on devices with certificates of their own: the rules that
//! `printhost-net-tokio/tests/device_trust` shows of hosts, shown of mbedTLS.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::board::{self, HOST, Report};
use crate::steps::{Result, Steps, ensure};
use crate::tls_front::{self, Forgery, SERIAL, TlsFront};

/// 2100, when no certificate of ours is valid any more; and when none was yet.
const TOO_LATE: &str = "4102444800";
const TOO_EARLY: &str = "1";

/// Builds the board and shows this alone.
pub(crate) fn run(steps: &mut Steps) -> Result {
    steps.command("firmware for QEMU", &mut board::build())?;
    // Nobody is behind it: nothing gets that far, but for one request.
    let front = steps.run("nginx starts", || TlsFront::start(1))?;
    self::steps(steps, &front)
}

/// What is shown.
pub(crate) fn steps(steps: &mut Steps, front: &TlsFront) -> Result {
    steps.run("QEMU refuses devices that break a rule", || refusals(front))?;
    steps.run("QEMU believes devices that keep the rules", || beliefs(front))?;
    steps.run("QEMU encrypts an open connection with the session of another", || secured(front))
}

/// `name`, where, whom to believe and what else is told, how it ends.
pub(crate) type Try = (&'static str, u16, String, &'static str);

fn refusals(front: &TlsFront) -> Result {
    let copied = tls_front::forger(front.device, Forgery::Spoilt)?;
    let downgraded = tls_front::forger(front.device, Forgery::WithSha1)?;
    let device = |serial: &str, authorities: &str| format!("device:{serial}:{authorities}");
    let ours = device(SERIAL, "devices");
    let in_lower_case = device(&SERIAL.to_lowercase(), "devices");
    let tries: [Try; 12] = [
        ("unknown-ca", front.device, device(SERIAL, "stranger"), "untrusted"),
        ("unknown-ca-of-v3", front.chained, device(SERIAL, "stranger"), "untrusted"),
        ("wrong-serial", front.device, device("01P00A000000000", "devices"), "untrusted"),
        ("serial-in-another-case", front.device, in_lower_case, "untrusted"),
        ("intermediate-missing", front.alone, ours.clone(), "untrusted"),
        ("expired", front.device, format!("{ours} {TOO_LATE}"), "untrusted"),
        ("expired-of-v3", front.chained, format!("{ours} {TOO_LATE}"), "untrusted"),
        ("not-yet-valid", front.device, format!("{ours} {TOO_EARLY}"), "untrusted"),
        ("swapped-key", copied, ours.clone(), "untrusted"),
        ("downgraded-signature", downgraded, ours.clone(), "untrusted"),
        ("self-signed", front.printer, device("printer", "devices"), "untrusted"),
        ("only-1.2-of-1.3", front.alone, format!("{ours} only12"), "protocol"),
    ];
    let given = |name| Ok::<_, String>(("authorities", format!("{name} {}", front.certificate(name)?)));
    shown(&tries, vec![given("devices")?, given("stranger")?])?;

    let tries: [Try; 4] = [
        ("tampered", front.tampered, ours, "untrusted"),
        ("ca-that-is-none", front.of_none, device(SERIAL, "none"), "untrusted"),
        ("more-below-a-ca-than-it-may-have", front.deep, device(SERIAL, "shallow"), "untrusted"),
        ("as-much-below-a-ca-as-it-may-have", front.shallow, device(SERIAL, "shallow"), "connected"),
    ];
    shown(&tries, vec![given("devices")?, given("none")?, given("shallow")?]).map(drop)
}

fn beliefs(front: &TlsFront) -> Result {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?.as_secs();
    let (root, both) = (format!("device:{SERIAL}:devices"), format!("device:{SERIAL}:both"));
    let tries: [Try; 6] = [
        ("v1-leaf", front.device, root.clone(), "connected"),
        ("v1-leaf-again", front.device, root.clone(), "connected"),
        ("v1-leaf-on-a-known-day", front.device, format!("{both} {now}"), "connected"),
        ("v3-leaf-with-intermediate", front.chained, format!("{root} {now}"), "connected"),
        ("only-1.2-of-both", front.chained, format!("{root} only12"), "connected"),
        ("v3-leaf-alone", front.alone, format!("{both} {now}"), "connected"),
    ];
    let devices = format!("devices {}", front.certificate("devices")?);
    let bundle = format!("both {}", front.bundle(&["devices", "below"])?);
    shown(&tries, vec![("authorities", devices), ("authorities", bundle)]).map(drop)
}

/// Has the board try them, with what else its configuration is to have, and end each as it must.
pub(crate) fn shown(tries: &[Try], mut lines: Vec<(&str, String)>) -> Result<Report> {
    lines.extend(
        tries.iter().map(|(name, port, trust, _)| ("try", format!("{name} https://{HOST}:{port} {trust}"))),
    );
    let config: Vec<(&str, &str)> = lines.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let report = board::run(&config)?;
    report.succeeded()?;
    tries.iter().try_for_each(|(name, _, _, end)| report.case(name, end))?;
    Ok(report)
}

/// nginx tells what came of the request: there is nobody behind it, or there is.
fn secured(front: &TlsFront) -> Result {
    let url = format!("https://{HOST}:{}", front.device);
    let before = front.connections(front.device)?.len();
    let report = board::run(&[
        ("try", &format!("before {url} device:{SERIAL}:devices")),
        ("secure", &format!("secured {url} device:{SERIAL}:devices")),
        ("authorities", &format!("devices {}", front.certificate("devices")?)),
    ])?;
    report.succeeded()?;
    report.case("secured", "HTTP/1.")?;
    let connections = front.connections_since(front.device, before, 1)?;
    println!("  nginx: {connections:?}");
    ensure(
        matches!(&connections[..], [one] if one.resumed && one.protocol == "TLSv1.2"),
        "the connection has not resumed the session of the other",
    )
}
