//! What the printer's console answers to G-code, and why a printer has failed.

use std::time::Duration;

use printhost::{
    Clock, Command, Event, Events, HeaterId, Phase, PrintHost, Upload, beside,
    net::{Limits, Net, Parts},
    net_tokio::{Hyper, OsEntropy, PortableNet, TokioClock, TokioDial},
};

use super::{commands::until, peer::Peer};

async fn resynced(events: &mut Events<'_>) {
    while !matches!(events.next().await, Event::Resynced) {}
}

async fn console<N: Net>(net: N, name: &str) {
    let peer = Peer::from_environment();
    let host = peer.octoprint(net);
    host.command(Command::ConnectPrinter).await.unwrap();
    until("the printer", || peer.state() == "Operational").await;
    let clock = TokioClock::default();

    let alone = host.command(Command::Gcode("M115")).await.unwrap();
    assert!(alone.replies.is_empty(), "nobody runs the push connection: {:?}", alone.replies);

    let mut events = host.events().unwrap();
    let work = async {
        resynced(&mut events).await;
        // Again and again: each call subscribes anew and takes nothing of the call before.
        for round in 0..3 {
            let both =
                host.command(Command::Gcode(&format!("M118 round {round}\n; nothing\nM114"))).await.unwrap();
            assert_eq!(both.replies.len(), 2, "{:?}", both.replies);
            assert_eq!(both.replies[0], format!("round {round}"));
            assert!(both.replies[1].starts_with("ok X:"), "{:?}", both.replies);
        }
        let firmware = host.command(Command::Gcode("M115")).await.unwrap().replies;
        assert!(firmware.iter().any(|line| line.contains("FIRMWARE_NAME:Virtual Marlin")), "{firmware:?}");

        // Two at once: one of them goes without.
        let (one, two) =
            futures::join!(host.command(Command::Gcode("M118 a")), host.command(Command::Gcode("M118 b")));
        let told: Vec<String> = [one, two].into_iter().flat_map(|o| o.unwrap().replies).collect();
        assert!(told == ["a"] || told == ["b"], "{told:?}");

        // What takes the printer long does not hold the call for as long.
        let begun = clock.now();
        let slow = host.command(Command::Gcode("G4 S12\nM118 late")).await.unwrap();
        let took = clock.now() - begun;
        assert!(took < Duration::from_secs(10) && slow.replies.is_empty(), "{took:?} {:?}", slow.replies);
        let behind = host.command(Command::Gcode("M118 behind")).await.unwrap();
        assert!(behind.replies.is_empty() || behind.replies == ["behind"], "{:?}", behind.replies);
        until("the printer is free again", || peer.state() == "Operational").await;

        // In a print our lines have numbers and stand between those of the job.
        let gcode = "G28\n".to_owned() + &"G1 X1 F6000\nG4 P100\n".repeat(60);
        let path = format!("console-{}-{name}.gcode", std::process::id());
        host.upload(Upload::new(&path, gcode.len() as u64, &mut gcode.as_bytes())).await.unwrap();
        host.start(&path).await.unwrap();
        until("printing", || peer.state() == "Printing").await;
        let printing = host.command(Command::Gcode("M118 between")).await.unwrap();
        assert_eq!(printing.replies, ["between"]);
        host.command(Command::Cancel).await.unwrap();
        until("cancelled", || peer.state() == "Operational").await;
        host.delete(&path).await.unwrap();
    };
    tokio::time::timeout(Duration::from_secs(90), beside(&host, work)).await.expect("in time").unwrap();
}

/// With a chip's limits, and `message` bytes for what is pushed.
fn chip(message: usize) -> Parts<TokioDial, printhost::net::Http1, TokioClock, OsEntropy> {
    let mut limits = Limits::DEVICE;
    limits.message = message;
    Parts::new(
        TokioDial::plain(),
        printhost::net::Http1::DEVICE,
        TokioClock::default(),
        OsEntropy::default(),
        limits,
    )
}

async fn replies_to_a_chip() {
    let peer = Peer::from_environment();
    let parts = chip(16 << 10);
    let host = peer.octoprint(&parts);
    host.command(Command::ConnectPrinter).await.unwrap();
    until("the printer", || peer.state() == "Operational").await;
    let mut events = host.events().unwrap();
    let work = async {
        resynced(&mut events).await;
        let told = host.command(Command::Gcode("M118 small")).await.unwrap();
        assert_eq!(told.replies, ["small"]);
    };
    tokio::time::timeout(Duration::from_secs(60), beside(&host, work)).await.expect("in time").unwrap();
}

/// All that is pushed is too long, as it is for a chip after some prints on 1.11: the beginning is enough.
async fn unread_statuses() {
    let peer = Peer::from_environment();
    let parts = chip(1200);
    let host = peer.octoprint(&parts);
    host.command(Command::ConnectPrinter).await.unwrap();
    until("the printer", || peer.state() == "Operational").await;
    let mut events = host.events().unwrap();
    let work = async {
        resynced(&mut events).await;
        for celsius in [23.0, 0.0] {
            let set = Command::SetTemperature { heater: HeaterId::Bed, celsius };
            host.command(set).await.unwrap();
            loop {
                if let Event::Status(status) = events.next().await
                    && status.bed.is_some_and(|bed| bed.target == Some(celsius))
                {
                    break;
                }
            }
        }
        let deaf = host.command(Command::Gcode("M118 lost")).await.unwrap();
        assert!(deaf.replies.is_empty(), "{:?}", deaf.replies);
        assert!(host.cameras().await.is_ok(), "the settings are longer than what a chip reads");
    };
    tokio::time::timeout(Duration::from_secs(60), beside(&host, work)).await.expect("in time").unwrap();
}

async fn reason_of_a_failure<N: Net>(net: N) {
    let peer = Peer::from_environment();
    let host = peer.octoprint(net);
    host.command(Command::ConnectPrinter).await.unwrap();
    until("the printer", || peer.state() == "Operational").await;
    let mut events = host.events().unwrap();
    let work = async {
        resynced(&mut events).await;
        assert_eq!(host.printer_failure().await.unwrap(), None);
        host.command(Command::Gcode("!!DEBUG:trigger_fatal_error_marlin")).await.unwrap();
        loop {
            if let Event::Status(status) = events.next().await
                && status.phase == Phase::Faulted
                && status.fault.is_some()
            {
                return status.fault.unwrap();
            }
        }
    };
    let told =
        tokio::time::timeout(Duration::from_secs(30), beside(&host, work)).await.expect("in time").unwrap();
    assert!(told.contains("Thermal Runaway"), "{told}");
    assert_eq!(host.status().await.unwrap().fault, Some(told), "also when read");
    let failure = host.printer_failure().await.unwrap();
    let shown = peer.curl("/api/printer/error").1;
    assert_eq!(failure.as_ref().map_or("", |f| &f.error), shown["error"].as_str().unwrap());
    assert_eq!(failure.is_some(), !peer.is_second(), "2.0 forgets it at once");
    if let Some(failure) = failure {
        assert_eq!(
            (failure.reason.as_str(), failure.consequence.as_deref()),
            ("firmware", Some("emergency"))
        );
        assert_eq!(failure.log.len(), shown["logs"].as_array().unwrap().len());
    }
    host.command(Command::ConnectPrinter).await.unwrap();
    until("the printer", || peer.state() == "Operational").await;
    assert_eq!(host.status().await.unwrap().fault, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gcode_brings_the_printers_own_replies_over_hyper() {
    console(printhost::HyperNet::new(), "hyper").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gcode_brings_the_printers_own_replies_over_the_portable_client() {
    console(PortableNet::new(), "portable").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gcode_replies_fit_into_a_chip() {
    replies_to_a_chip().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beginning_of_statuses_that_are_too_long_is_enough() {
    unread_statuses().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_printer_says_why_in_both_versions() {
    let limits = Limits::HOST;
    reason_of_a_failure(&Parts::new(
        TokioDial::plain(),
        Hyper::default(),
        TokioClock::default(),
        OsEntropy::default(),
        limits,
    ))
    .await;
}
