//! The LED shows the status.

use embassy_time::{Duration, Instant, Ticker};
use esp_hal::gpio::Output;

use crate::{pins, status};

/// Drives the LED.
#[embassy_executor::task]
pub(crate) async fn show(mut led: Output<'static>) {
    let mut ticker = Ticker::every(Duration::from_millis(50));
    loop {
        let lit = status::get().led(core::time::Duration::from_millis(Instant::now().as_millis()));
        led.set_level(if lit { pins::LED_ON } else { !pins::LED_ON });
        ticker.next().await;
    }
}
