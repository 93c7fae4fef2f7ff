//! Random numbers from the machine's generator, which QEMU feeds from its host's.

use core::{
    cell::{OnceCell, RefCell},
    convert::Infallible,
};

use critical_section::Mutex;
use rand_core::{TryCryptoRng, TryRng};
use virtio_drivers::{
    device::rng::VirtIORng,
    transport::{DeviceType, mmio::MmioTransport},
};

use crate::virtio::{self, Dma};

type Generator = VirtIORng<Dma, MmioTransport<'static>>;

static GENERATOR: Mutex<OnceCell<RefCell<Generator>>> = Mutex::new(OnceCell::new());

/// Unpredictable bytes, fit for keys.
#[derive(Clone, Copy)]
pub(crate) struct Entropy(());

impl Entropy {
    /// Starts the generator. Call it once.
    ///
    /// # Panics
    ///
    /// If the machine has no generator.
    pub(crate) fn start() -> Self {
        let (transport, _) = virtio::find(DeviceType::EntropySource)
            .expect("the machine has a virtio random number generator");
        let generator = Generator::new(transport).expect("the generator starts");
        critical_section::with(|section| {
            let _ = GENERATOR.borrow(section).set(RefCell::new(generator));
        });
        Self(())
    }
}

impl printhost::Entropy for Entropy {
    /// # Panics
    ///
    /// If the generator fails: no other source is as good.
    fn fill(&self, bytes: &mut [u8]) {
        critical_section::with(|section| {
            let generator = GENERATOR.borrow(section).get().expect("it is started first");
            let (mut generator, mut rest) = (generator.borrow_mut(), bytes);
            while !rest.is_empty() {
                let n = generator.request_entropy(rest).expect("the generator works");
                rest = &mut rest[n..];
            }
        });
    }
}

impl TryRng for Entropy {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        printhost::Entropy::fill(self, bytes);
        Ok(())
    }
}

impl TryCryptoRng for Entropy {}
