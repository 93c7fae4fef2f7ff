use std::time::Duration;

use printhost::{
    AnyHost, Clock, Command, Confirmation, ErrorKind, Phase, PrintHost, net::Net, net_tokio::PortableNet,
};

use super::peer::Peer;

/// Asks the oracle until it agrees, for a bounded time.
pub(crate) async fn until(what: &str, agrees: impl Fn() -> bool) {
    let clock = printhost::net_tokio::TokioClock::default();
    let start = clock.now();
    while !agrees() {
        assert!(clock.now() - start < Duration::from_secs(10), "{what} did not come");
        clock.sleep(Duration::from_millis(50)).await;
    }
}

async fn until_phase<N: Net>(host: &AnyHost<N>, phase: Phase) {
    let clock = printhost::net_tokio::TokioClock::default();
    let start = clock.now();
    loop {
        let status = host.status().await.unwrap();
        if status.phase == phase {
            return;
        }
        assert!(clock.now() - start < Duration::from_secs(10), "{phase:?} did not come: {status:?}");
        clock.sleep(Duration::from_millis(50)).await;
    }
}

/// G-code, the line to the printer, the emergency stop and the way back from it.
async fn every_command<N: Net>(net: N) {
    let peer = Peer::from_environment();
    let host = peer.host(net);
    let connection = || {
        let state =
            peer.curl("/api/connection").1["current"]["state"].as_str().unwrap_or_default().to_owned();
        if state == "Offline" { "Closed".to_owned() } else { state } // as 2.0 calls it
    };
    let bed = || peer.curl("/api/printer").1["temperature"]["bed"]["target"].as_f64();

    host.command(Command::ConnectPrinter).await.unwrap();
    until_phase(&host, Phase::Idle).await;
    assert_eq!(connection(), "Operational");

    let sent = host.command(Command::Gcode("M140 S41\n\n  M105  \n")).await.unwrap();
    assert_eq!(sent.confirmation, Confirmation::Accepted);
    until("the bed's target", || bed() == Some(41.0)).await;
    host.command(Command::Gcode("M140 S0")).await.unwrap();
    until("the bed off", || bed() == Some(0.0)).await;
    for (gcode, kind) in [("", ErrorKind::InvalidInput), (" \n ", ErrorKind::InvalidInput)] {
        assert_eq!(host.command(Command::Gcode(gcode)).await.unwrap_err().kind(), kind);
    }
    let long = "M117 x\n".repeat(20_000);
    assert_eq!(host.command(Command::Gcode(&long)).await.unwrap_err().kind(), ErrorKind::TooLarge);
    for command in [Command::Pause, Command::Resume, Command::Cancel] {
        assert_eq!(host.command(command).await.unwrap_err().kind(), ErrorKind::Conflict, "{command:?}");
    }

    let gone = host.command(Command::DisconnectPrinter).await.unwrap();
    // 2.0 says the one or the other.
    let is_closed = || connection() == "Closed" || peer.is_second() && connection().starts_with("Offline");
    assert!(is_closed(), "{}", connection());
    assert_eq!(gone.confirmation, Confirmation::Confirmed);
    let status = host.status().await.unwrap();
    assert_eq!((status.phase, status.fault), (Phase::Offline, None));
    assert_eq!(host.command(Command::Gcode("M105")).await.unwrap_err().kind(), ErrorKind::Conflict);

    host.command(Command::ConnectPrinter).await.unwrap();
    until_phase(&host, Phase::Idle).await;
    host.command(Command::EmergencyStop).await.unwrap();
    until("the line closed by the stop", is_closed).await;
    until_phase(&host, Phase::Faulted).await;
    let fault = host.status().await.unwrap().fault;
    assert_eq!(fault.as_deref(), peer.curl("/api/job").1["error"].as_str());
    assert_eq!(fault.is_some(), !peer.is_second(), "2.0 does not say why after an emergency stop");

    host.command(Command::ConnectPrinter).await.unwrap();
    until_phase(&host, Phase::Idle).await;
    assert_eq!(connection(), "Operational");
}

#[tokio::test]
async fn every_command_has_its_effect_on_the_printer_over_hyper() {
    every_command(printhost::HyperNet::new()).await;
}

#[tokio::test]
async fn every_command_has_its_effect_on_the_printer_over_the_portable_client() {
    every_command(PortableNet::new()).await;
}
