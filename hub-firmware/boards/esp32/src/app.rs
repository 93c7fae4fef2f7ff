//! The application: relays the configured file into the configured printer when the button is pressed.

use embassy_net::Stack;
use embassy_time::Timer;
use esp_hal::gpio::Input;
use esp_println::println;
use hub_firmware::{Budget, Button, Order, SMALL, Told, on_press};
use printhost::{AnyHost, PrintHost as _, beside};
use printhost_net_embassy::{Sockets, embassy_net_with_tls};
use static_cell::ConstStaticCell;

use crate::{entropy::Entropy, status, tls};

/// One for the server, one for requests to the printer, one for what it pushes; where there are Bambu Lab printers one more,
/// since they are told about a file on one and sent it on another.
pub(crate) const CONNECTIONS: usize = if cfg!(feature = "bambu") { 4 } else { 3 };
/// Each connection has so much for receiving and as much for sending, in bytes.
const BUFFER: usize = 4096;

/// Waits for the button, for ever. Nothing starts by itself: a reset must not print again.
pub(crate) async fn run(stack: Stack<'static>, order: Order, button: Input<'static>, entropy: Entropy) {
    static BUFFERS: ConstStaticCell<[([u8; BUFFER], [u8; BUFFER]); CONNECTIONS]> =
        ConstStaticCell::new([([0; BUFFER], [0; BUFFER]); CONNECTIONS]);
    let sockets = Sockets::new(stack, BUFFERS.take());
    let tls = tls::start(&order, entropy.clone());
    let net = embassy_net_with_tls(&sockets, &tls, entropy).with_limits(SMALL);
    let host = AnyHost::new(&net, &order.printer, order.key.clone());
    stack.wait_config_up().await;
    // The radio has what it takes by now.
    let budget = Budget::of_heap(esp_alloc::HEAP.free());
    // Some answer only while what they push is taken.
    match beside(&host, host.connect()).await.flatten() {
        Ok(info) => println!("printer: {} {}", info.software, info.version),
        Err(error) => println!("printer: {error}. {}", error.kind().advice()),
    }
    let told = |told: Told<'_>| {
        let line = match told {
            Told::Ready => Some("ready: press the button to print".into()),
            Told::Relay(event) => status::change(|status| status.report(&event)),
            Told::Ended(result) => {
                net.close_idle();
                Some(status::change(|status| status.ended(result)))
            }
            _ => None,
        };
        if let Some(line) = line {
            println!("{line}");
        }
    };
    match on_press(&&net, &host, &budget, order.relay(), async || pressed(&button).await, told).await {}
}

async fn pressed(pin: &Input<'static>) {
    let mut button = Button::new();
    while !button.sample(pin.is_low()) {
        Timer::after_millis(10).await;
    }
}
