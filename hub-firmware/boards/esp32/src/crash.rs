//! What is left of a crash: its message lies in memory that a reset does not clear, and is printed at the next boot.

use core::{
    fmt::{self, Write as _},
    panic::PanicInfo,
};

use esp_hal::{ram, system};
use esp_println::println;
use portable_atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

const ROOM: usize = 512;

/// In the upper half of [`LENGTH`], it says that the lower half is one.
const MAGIC: u32 = 0xC8A5_0000;

// Cleared by a power-on alone.
#[ram(unstable(rtc_fast, persistent))]
static LENGTH: AtomicU32 = AtomicU32::new(0);
#[ram(unstable(rtc_fast, persistent))]
static TEXT: [AtomicU8; ROOM] = [const { AtomicU8::new(0) }; ROOM];

/// Prints why the chip was reset, and what the crash before left. Call it first thing.
pub(crate) fn report() {
    if let Some(reason) = system::reset_reason() {
        println!("reset: {reason:?}");
    }
    let length = LENGTH.load(Relaxed);
    LENGTH.store(0, Relaxed);
    if length & !0xFFFF == MAGIC {
        let mut text = [0; ROOM];
        for (byte, kept) in text.iter_mut().zip(&TEXT).take(length as usize & 0xFFFF) {
            *byte = kept.load(Relaxed);
        }
        let end = text.iter().position(|byte| *byte == 0).unwrap_or(ROOM);
        // There is no heap yet.
        for part in text[..end].utf8_chunks() {
            println!("crashed before this: {}", part.valid());
        }
    }
}

/// Panics, exceptions and an exhausted heap all come here.
#[panic_handler]
fn on_panic(info: &PanicInfo) -> ! {
    println!("{info}");
    let mut kept = Kept { length: 0 };
    let _ = write!(kept, "{info}"); // what does not fit is cut
    LENGTH.store(MAGIC | kept.length as u32, Relaxed);
    system::software_reset()
}

struct Kept {
    length: usize,
}

impl fmt::Write for Kept {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (byte, room) in text.bytes().zip(&TEXT[self.length..]) {
            room.store(byte, Relaxed);
            self.length += 1;
        }
        Ok(())
    }
}
