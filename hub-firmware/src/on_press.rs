use core::convert::Infallible;

use printhost::{PrintHost, Result, net::Net};

use crate::{Budget, Relay, RelayEvent, Relayed, relay};

/// What [`on_press`] tells.
#[derive(Debug)]
#[non_exhaustive]
pub enum Told<'a> {
    /// It waits for a press.
    Ready,
    /// The relay goes on.
    Relay(RelayEvent<'a>),
    /// The relay has ended, or has failed.
    Ended(&'a Result<Relayed>),
}

/// Relays an order once for every press, for ever.
///
/// Without a press nothing is sent to anybody, so a reset prints nothing. `press` is called when the hub is ready for
/// one: what is pressed while a relay goes on does not count. A relay that failed is not tried again by itself.
pub async fn on_press<N: Net, H: PrintHost>(
    net: &N,
    host: &H,
    budget: &Budget,
    order: Relay<'_>,
    mut press: impl AsyncFnMut(),
    mut told: impl FnMut(Told<'_>),
) -> Infallible {
    loop {
        told(Told::Ready);
        press().await;
        let relayed = relay(net, host, budget, order, |event| told(Told::Relay(event))).await;
        told(Told::Ended(&relayed));
    }
}
