//! Which pins the hub uses, chip by chip, and at which level the LED is lit. A board of your own: change it here.
//!
//! The button is BOOT on Espressif's development kits, from its pin to ground. The LED is a plain one; the kits have an
//! addressable RGB LED instead, which this does not drive.

use esp_hal::gpio::Level;

/// The LED is that of the boards called "ESP32-C3 SuperMini", from 3.3 V to the pin.
#[cfg(feature = "esp32c3")]
macro_rules! pins {
    ($chip:ident) => {
        ($chip.GPIO9, $chip.GPIO8)
    };
}
#[cfg(feature = "esp32c3")]
pub(crate) const LED_ON: Level = Level::Low;

/// An LED of your own, from the pin to ground.
#[cfg(feature = "esp32c5")]
macro_rules! pins {
    ($chip:ident) => {
        ($chip.GPIO28, $chip.GPIO8)
    };
}
#[cfg(feature = "esp32c5")]
pub(crate) const LED_ON: Level = Level::High;

/// The LED is that of Seeed's "XIAO ESP32C6", from 3.3 V to the pin.
#[cfg(feature = "esp32c6")]
macro_rules! pins {
    ($chip:ident) => {
        ($chip.GPIO9, $chip.GPIO15)
    };
}
#[cfg(feature = "esp32c6")]
pub(crate) const LED_ON: Level = Level::Low;

/// An LED of your own, from the pin to ground.
#[cfg(feature = "esp32s3")]
macro_rules! pins {
    ($chip:ident) => {
        ($chip.GPIO0, $chip.GPIO2)
    };
}
#[cfg(feature = "esp32s3")]
pub(crate) const LED_ON: Level = Level::High;

/// The button's and the LED's pin.
pub(crate) use pins;
