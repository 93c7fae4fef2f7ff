//! Random numbers of the chip's generator.

/// esp-hal does not vouch for this chip's generator yet; Espressif says it is truly random while the radio is on.
#[cfg(feature = "esp32c5")]
use esp_hal::rng::Rng as Generator;
#[cfg(not(feature = "esp32c5"))]
use esp_hal::rng::Trng as Generator;

/// The chip's random number generator, which is truly random while the radio is on.
#[derive(Clone)]
pub(crate) struct Entropy {
    generator: Generator,
}

impl Entropy {
    /// To be called when the radio is on; it then stays on.
    pub(crate) fn new() -> Self {
        #[cfg(not(feature = "esp32c5"))]
        let generator = Generator::try_new().expect("the radio is on");
        #[cfg(feature = "esp32c5")]
        let generator = Generator::new();
        Self { generator }
    }
}

impl printhost::Entropy for Entropy {
    fn fill(&self, bytes: &mut [u8]) {
        self.generator.read(bytes);
    }
}
