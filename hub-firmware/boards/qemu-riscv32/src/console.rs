//! Text on the UART.

use core::fmt;

#[cfg(not(feature = "suite"))]
use embassy_time::Timer;

use crate::registers::{UART_DATA, UART_LINE_STATUS};

/// Prints one line.
macro_rules! println {
    ($($argument:tt)*) => {{
        use ::core::fmt::Write as _;
        // The console cannot fail.
        let _ = ::core::writeln!($crate::console::Console, $($argument)*);
    }};
}
pub(crate) use println;

/// The UART as a [`fmt::Write`].
pub(crate) struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        const TRANSMITTER_EMPTY: u8 = 1 << 5;
        for byte in text.bytes() {
            while UART_LINE_STATUS.read() & TRANSMITTER_EMPTY == 0 {}
            UART_DATA.write(byte);
        }
        Ok(())
    }
}

#[cfg(not(feature = "suite"))]
/// Waits until somebody at the other end has sent a line, whatever is in it.
pub(crate) async fn line() {
    const DATA_READY: u8 = 1;
    loop {
        while UART_LINE_STATUS.read() & DATA_READY == 0 {
            Timer::after_millis(10).await;
        }
        if UART_DATA.read() == b'\n' {
            return;
        }
    }
}
