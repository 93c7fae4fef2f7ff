//! How long one that wants to encrypt waits for others, in virtual time; on a host, with the mbedTLS of the chips and a
//! server that is rustls.

mod host;

use alloc::{
    boxed::Box,
    string::{String, ToString as _},
    vec::Vec,
};
use core::{
    pin::{Pin, pin},
    task::Poll,
};
use std::sync::{Mutex, MutexGuard, PoisonError};

use embassy_futures::poll_once;
use embassy_time::{Duration, MockDriver};
use host::{Dice, Does, Host, Line};

use super::*;

/// Less than anybody waits, by as little as the clock tells.
const ALMOST_5_S: Duration = Duration::from_micros(4_999_999);
const TICK: Duration = Duration::from_micros(1);

/// One at a time: all share the clock, and mbedTLS.
static ALONE: Mutex<()> = Mutex::new(());

struct Chip {
    tls: Tls,
    _alone: MutexGuard<'static, ()>,
}

/// mbedTLS, when no other test has it.
fn chip() -> Chip {
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let tls = Tls::new(Box::leak(Box::new(Dice::default()))).unwrap();
    Chip { tls, _alone: alone }
}

fn pass(time: Duration) {
    MockDriver::get().advance(time);
}

/// What becomes of a connection.
type Opening<'a> = Pin<Box<dyn Future<Output = Result<Option<TlsConn<'a, Line>>>> + 'a>>;

fn dial<'a>(tls: &'a Tls, host: &'a Host) -> Opening<'a> {
    Box::pin(async { tls.dial(&host.origin(), async || Ok(host.line())).await.map(Some) })
}

fn secure<'a>(tls: &'a Tls, host: &'a Host) -> Opening<'a> {
    Box::pin(async { tls.secure(&host.origin(), host.line()).await.map(Some) })
}

fn peer_key<'a>(tls: &'a Tls, host: &'a Host) -> Opening<'a> {
    Box::pin(async { tls.peer_key(&host.origin(), async || Ok(host.line())).await.map(|_| None) })
}

type Way = for<'a> fn(&'a Tls, &'a Host) -> Opening<'a>;

/// All that does a handshake.
const WAYS: [Way; 3] = [dial, secure, peer_key];

/// Each beside each.
fn pairs() -> impl Iterator<Item = (Way, Way)> {
    WAYS.into_iter().flat_map(|one| WAYS.map(|other| (one, other)))
}

/// Why it has failed by now.
#[track_caller]
fn failure<T>(opening: impl Future<Output = Result<T>>) -> (ErrorKind, String) {
    let Poll::Ready(Err(error)) = poll_once(opening) else { panic!("it has not failed") };
    (error.kind(), error.to_string())
}

/// What is open by now.
#[track_caller]
fn opened<T>(opening: impl Future<Output = Result<T>>) -> T {
    let Poll::Ready(opened) = poll_once(opening) else { panic!("it still waits") };
    opened.unwrap()
}

#[test]
fn handshake_of_another_host_is_waited_for_5_s_and_then_it_is_busy_here() {
    for (begins, waits) in pairs() {
        let chip = chip();
        let (stalled, other) = (Host::new(Does::Nothing), Host::new(Does::Answer));
        let mut stalls = begins(&chip.tls, &stalled);
        assert!(poll_once(stalls.as_mut()).is_pending());
        assert!(stalled.heard() > 0, "it has not begun");

        let mut waiting = waits(&chip.tls, &other);
        assert!(poll_once(waiting.as_mut()).is_pending());
        pass(ALMOST_5_S);
        assert!(poll_once(waiting.as_mut()).is_pending());
        pass(TICK);
        let (kind, words) = failure(waiting);
        assert_eq!(kind, ErrorKind::Busy);
        assert!(words.contains("another TLS handshake takes too long"), "{words}");
        assert_eq!(other.heard(), 0, "nothing that looks like a host that cannot encrypt");

        // Neither lost its turn by it, nor took one with it.
        stalled.now(Does::Answer);
        opened(stalls);
        opened(waits(&chip.tls, &other));
    }
}

#[test]
fn handshake_waits_for_nobody_when_none_is_stalled() {
    for (begins, waits) in pairs() {
        let chip = chip();
        let (first, other) = (Host::new(Does::Answer), Host::new(Does::Answer));
        let open = opened(begins(&chip.tls, &first));
        opened(waits(&chip.tls, &other));
        assert!(other.heard() > 0);
        drop(open);
    }
}

#[test]
fn end_of_a_stalled_handshake_lets_the_next_one_begin() {
    for (begins, waits) in pairs() {
        for end in ["dropped", "closed", "answered"] {
            let chip = chip();
            let (stalled, other) = (Host::new(Does::Nothing), Host::new(Does::Answer));
            let mut stalls = begins(&chip.tls, &stalled);
            assert!(poll_once(stalls.as_mut()).is_pending());
            let mut waiting = waits(&chip.tls, &other);
            assert!(poll_once(waiting.as_mut()).is_pending());
            pass(ALMOST_5_S);
            assert!(poll_once(waiting.as_mut()).is_pending(), "{end}");
            match end {
                "dropped" => drop(stalls),
                "closed" => {
                    stalled.now(Does::Close);
                    assert_ne!(failure(stalls).0, ErrorKind::Busy);
                }
                _ => {
                    stalled.now(Does::Answer);
                    opened(stalls);
                }
            }
            opened(waiting);
        }
    }
}

#[test]
fn handshake_that_has_its_turn_is_as_slow_as_its_host() {
    for begins in WAYS {
        let chip = chip();
        let slow = Host::new(Does::Nothing);
        let mut begun = begins(&chip.tls, &slow);
        assert!(poll_once(begun.as_mut()).is_pending());
        pass(Duration::from_secs(60));
        assert!(poll_once(begun.as_mut()).is_pending());
        slow.now(Does::Answer);
        opened(begun);
    }
}

#[test]
fn turns_come_in_the_order_of_asking_and_one_too_many_is_busy_at_once() {
    let chip = chip();
    let stalled = Host::new(Does::Nothing);
    let mut stalls = dial(&chip.tls, &stalled);
    assert!(poll_once(stalls.as_mut()).is_pending());
    let others: Vec<Host> = (0..places::QUEUE).map(|_| Host::new(Does::Answer)).collect();
    let mut waiting: Vec<_> = others.iter().map(|other| dial(&chip.tls, other)).collect();
    assert!(waiting.iter_mut().all(|waiting| poll_once(waiting.as_mut()).is_pending()));
    let one_more = Host::new(Does::Answer);
    let (kind, words) = failure(dial(&chip.tls, &one_more));
    assert_eq!((kind, one_more.heard()), (ErrorKind::Busy, 0));
    assert!(words.contains("too many others wait"), "{words}");

    drop(stalls);
    let last = waiting.pop().unwrap();
    assert!(poll_once(pin!(last)).is_pending(), "before all that came earlier");
    waiting.into_iter().for_each(|waiting| drop(opened(waiting)));
}

#[test]
fn open_connection_waits_5_s_for_a_place_and_a_dial_as_long_as_it_takes() {
    let Chip { tls, _alone } = chip();
    let tls = tls.limited(1);
    let (first, other) = (Host::new(Does::Answer), Host::new(Does::Answer));
    let only = opened(dial(&tls, &first));
    let mut dialled = dial(&tls, &other);
    assert!(poll_once(dialled.as_mut()).is_pending());
    assert_eq!(tls.pressure(), Pressure::Waiting);
    let mut refused = secure(&tls, &other);
    assert!(poll_once(refused.as_mut()).is_pending());
    pass(ALMOST_5_S);
    assert!(poll_once(refused.as_mut()).is_pending());
    pass(TICK);
    let (kind, words) = failure(refused);
    assert_eq!((kind, other.heard()), (ErrorKind::Busy, 0));
    assert!(words.contains("no other encrypted connection has ended"), "{words}");

    let mut secured = secure(&tls, &other);
    assert!(poll_once(secured.as_mut()).is_pending());
    pass(ALMOST_5_S);
    assert!(poll_once(dialled.as_mut()).is_pending());
    drop(only);
    drop(opened(dialled));
    opened(secured);
}
