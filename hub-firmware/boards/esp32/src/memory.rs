//! The heap. What the linker places and what is left for the stack follows from it; `cargo xtask firmware` prints all
//! of it and compares it with the budget.

/// The part of the heap that lies beside the variables. The stack gets what it leaves.
#[cfg(feature = "esp32c3")]
const MAIN: usize = 120 << 10;
#[cfg(any(feature = "esp32c5", feature = "esp32s3"))]
const MAIN: usize = 96 << 10;
#[cfg(feature = "esp32c6")]
const MAIN: usize = 208 << 10;

/// The part that lies where the bootloader was.
const RECLAIMED: usize = 64 << 10;

/// Hands the heap its memory. Call it once, before the first allocation.
pub(crate) fn init() {
    esp_alloc::heap_allocator!(#[esp_hal::ram(reclaimed)] size: RECLAIMED);
    esp_alloc::heap_allocator!(size: MAIN);
}

/// Adds the external memory, which is used when the internal one is full. The radio uses the internal one only.
#[cfg(feature = "psram")]
pub(crate) fn add_psram(psram: esp_hal::peripherals::PSRAM<'static>) {
    #[cfg(not(feature = "esp32s3"))]
    let config = Default::default();
    // On this chip, to find out how the memory is connected is not reliable.
    #[cfg(feature = "esp32s3")]
    let config = {
        use esp_hal::psram::{PsramConfig, PsramMode};
        PsramConfig { mode: PsramMode::OctalSpi, ..Default::default() }
    };
    esp_alloc::psram_allocator!(psram, esp_hal::psram, config);
}
