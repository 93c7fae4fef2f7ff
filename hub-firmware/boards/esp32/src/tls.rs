//! Encrypted connections: what mbedTLS needs of the chip.

// Sound: the name and the signature are C's, and as many bytes are read as C says there are.
#![allow(unsafe_code)]

use core::{
    convert::Infallible,
    ffi::{c_int, c_void},
    ptr::null_mut,
};

use hub_firmware::Order;
use printhost::Entropy as _;
use printhost_net_embassy::Tls;
use rand_core::{TryCryptoRng, TryRng};
use static_cell::StaticCell;

use crate::entropy::Entropy;

/// Starts mbedTLS, for this order. Call it once.
pub(crate) fn start(order: &Order, entropy: Entropy) -> Tls {
    static RANDOM: StaticCell<Entropy> = StaticCell::new();
    Tls::new(RANDOM.init(entropy)).expect("it is started once").limited(order.encrypted_at_once())
}

impl TryRng for Entropy {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.fill(bytes);
        Ok(())
    }
}

/// The radio must be on, as [`Entropy::new`] says; it is never switched off.
impl TryCryptoRng for Entropy {}

// The rest of the C library that mbedTLS needs comes from esp-alloc (memory), esp-radio and the chip's ROM.
#[unsafe(no_mangle)]
unsafe extern "C" fn memchr(memory: *const c_void, byte: c_int, len: usize) -> *mut c_void {
    let from = memory.cast::<u8>().cast_mut();
    (0..len)
        .map(|at| unsafe { from.add(at) })
        .find(|at| unsafe { at.read() } == byte as u8)
        .map_or(null_mut(), <*mut u8>::cast)
}
