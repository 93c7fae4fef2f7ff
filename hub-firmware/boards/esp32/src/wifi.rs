//! Joins the Wi-Fi network, and joins it again when it is lost.

use core::time::Duration;

use embassy_time::{Timer, with_timeout};
use esp_println::println;
use esp_radio::wifi::{
    AuthenticationMethodConfig, Config, WifiController, WifiError,
    sta::{DisconnectedInfo, StationConfig},
};
use hub_firmware::Station;
use printhost::Backoff;

use crate::entropy::Entropy;

const LOOK_AGAIN: embassy_time::Duration = embassy_time::Duration::from_secs(10);

/// Keeps the chip in the network, for ever. Every change is told on the console; the password never is.
#[embassy_executor::task]
pub(crate) async fn keep_connected(mut wifi: WifiController<'static>, station: Station, entropy: Entropy) {
    if let Err(error) = configure(&mut wifi, &station) {
        println!("Wi-Fi: it does not take ssid and password: {error:?}");
        return;
    }
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
    loop {
        println!("Wi-Fi: joining {}", station.ssid);
        match wifi.connect_async().await {
            Ok(joined) => {
                println!("Wi-Fi: joined on channel {}", joined.channel);
                backoff.reset();
                match lost(&wifi).await {
                    Ok(left) => println!("Wi-Fi: lost, {:?}", left.reason),
                    Err(error) => println!("Wi-Fi: lost, {error:?}"),
                }
            }
            Err(error) => println!("Wi-Fi: not joined, {error:?}"),
        }
        let delay = backoff.delay(&entropy);
        println!("Wi-Fi: next attempt in {} ms", delay.as_millis());
        Timer::after_millis(delay.as_millis() as u64).await;
    }
}

/// Waits for the end of the connection.
async fn lost(wifi: &WifiController<'_>) -> Result<DisconnectedInfo, WifiError> {
    loop {
        // It looks at the state and then subscribes to events; what happens in between it would wait for in vain.
        if let Ok(lost) = with_timeout(LOOK_AGAIN, wifi.wait_for_disconnect_async()).await {
            return lost;
        }
    }
}

fn configure(wifi: &mut WifiController<'_>, station: &Station) -> Result<(), WifiError> {
    let authentication = match &station.password {
        Some(password) => AuthenticationMethodConfig::Wpa2Personal(password.expose().try_into()?),
        None => AuthenticationMethodConfig::Open,
    };
    let station = StationConfig::default()
        .with_ssid(station.ssid.as_str().try_into()?)
        .with_authentication(authentication);
    wifi.set_config(&Config::Station(station))
}
