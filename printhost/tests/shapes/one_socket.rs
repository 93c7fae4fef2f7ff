//! Two printers and one socket: an idle connection of one must not keep the other out.

use std::time::Duration;

use printhost_core::{ErrorKind, Phase, PrintHost as _};
use printhost_net_tokio::TokioClock;
use tokio::time::Instant;

use super::{
    in_memory::{TestNet, printer, synced},
    memory_net::memory_net,
    peers::Protocol::{Delta, OctoPrint},
    supervise::{Any, running},
};

/// Two printers on a network with one socket.
fn two_printers(honest: bool) -> [Any<TestNet>; 2] {
    let net: TestNet = Box::leak(Box::new(memory_net(TokioClock::default(), 1, honest)));
    [80, 81].map(|port| {
        printer(net, port, OctoPrint);
        Any::new(net, OctoPrint, port, "key1")
    })
}

#[tokio::test(start_paused = true)]
async fn idle_connection_is_given_up_for_another_printers_dial() {
    let [a, b] = two_printers(true);
    let began = Instant::now();
    for _ in 0..10 {
        assert_eq!(a.status().await.unwrap().phase, Phase::Idle);
        assert_eq!(b.status().await.unwrap().phase, Phase::Idle);
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn printers_that_ask_at_the_same_time_both_make_progress() {
    let [a, b] = two_printers(true);
    let ask = async |host: &Any<TestNet>| {
        for _ in 0..10 {
            assert_eq!(host.status().await.unwrap().phase, Phase::Idle);
        }
    };
    let began = Instant::now();
    futures::join!(ask(&a), ask(&b));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn socket_that_stays_in_use_is_told_as_busy() {
    let net: TestNet = Box::leak(Box::new(memory_net(TokioClock::default(), 1, true)));
    let [pushing, asked] = [(80, Delta), (81, OctoPrint)].map(|(port, protocol)| {
        printer(net, port, protocol);
        Any::new(net, protocol, port, "key1")
    });
    let error = running(&pushing, async {
        synced(&pushing).await;
        asked.status().await.unwrap_err()
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::Busy);
}

/// The negative control of the tests above.
#[tokio::test(start_paused = true)]
async fn without_reported_pressure_the_other_printers_dial_times_out() {
    let [a, b] = two_printers(false);
    assert_eq!(a.status().await.unwrap().phase, Phase::Idle);
    let began = Instant::now();
    assert_eq!(b.status().await.unwrap_err().kind(), ErrorKind::Unreachable);
    assert_eq!(began.elapsed().as_secs(), 10);
}
