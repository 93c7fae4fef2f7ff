//! The hardware watchdog: it resets the chip when the network task does not come round any more.

use embassy_futures::join::join;
use embassy_net::Runner;
use embassy_sync::{blocking_mutex::raw::CriticalSectionRawMutex, signal::Signal};
use embassy_time::Timer;
use esp_hal::{
    peripherals::TIMG0,
    time::Duration,
    timer::timg::{MwdtStage, Wdt},
};
use esp_radio::wifi::Interface;

const TIMEOUT: Duration = Duration::from_secs(20);

static HEARTBEAT: Signal<CriticalSectionRawMutex, ()> = Signal::new();

/// Runs the network with a heart that beats once a second, in the same task: a beat shows that the executor came to
/// this task, and that the network gave way to the beat.
pub(crate) async fn with_heartbeat(mut network: Runner<'static, Interface>) {
    let heart = async {
        loop {
            HEARTBEAT.signal(());
            Timer::after_secs(1).await;
        }
    };
    join(network.run(), heart).await;
}

/// Feeds the watchdog once for each heartbeat.
#[embassy_executor::task]
pub(crate) async fn guard(mut watchdog: Wdt<TIMG0<'static>>) {
    watchdog.set_timeout(MwdtStage::Stage0, TIMEOUT);
    watchdog.enable();
    loop {
        HEARTBEAT.wait().await;
        watchdog.feed();
    }
}
