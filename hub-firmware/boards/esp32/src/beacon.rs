//! A Bluetooth LE advertisement with the hub's name and state. It cannot be connected to and answers nothing: there is
//! no host stack here that could.

use bt_hci::{
    cmd::{
        SyncCmd as _,
        controller_baseband::Reset,
        le::{LeSetAdvData, LeSetAdvEnable, LeSetAdvParams},
    },
    controller::{Controller as _, ExternalController},
    param::{AddrKind, AdvChannelMap, AdvFilterPolicy, AdvKind, BdAddr, Duration},
};
use embassy_futures::join::join;
use embassy_time::Timer;
use esp_println::println;
use esp_radio::ble::controller::BleConnector;

use crate::status;

/// A second between two advertisements: rare, since Wi-Fi has the same antenna.
const INTERVAL: Duration<625> = Duration::from_u16(1600); // in units of 0.625 ms

/// Advertises for ever; what changes is told within a second.
#[embassy_executor::task]
pub(crate) async fn advertise(bluetooth: BleConnector<'static>, name: &'static str) {
    let controller: ExternalController<_, 1> = ExternalController::new(bluetooth);
    let answers = async {
        let mut buffer = [0; 259];
        loop {
            // What is no answer to a command is of no interest.
            if controller.read(&mut buffer).await.is_err() {
                Timer::after_secs(1).await;
            }
        }
    };
    let commands = async {
        let parameters = LeSetAdvParams::new(
            INTERVAL,
            INTERVAL,
            AdvKind::AdvNonconnInd,
            AddrKind::PUBLIC,
            AddrKind::PUBLIC,
            BdAddr::default(),
            AdvChannelMap::ALL,
            AdvFilterPolicy::Unfiltered,
        );
        let started = async {
            Reset::new().exec(&controller).await?;
            parameters.exec(&controller).await?;
            LeSetAdvEnable::new(true).exec(&controller).await
        };
        if let Err(error) = started.await {
            println!("Bluetooth: not advertising, {error:?}");
            return;
        }
        let mut shown = None;
        loop {
            let now = status::get().advertisement(name);
            if shown != Some(now) {
                let data = LeSetAdvData::new(now.bytes().len() as u8, now.padded());
                if data.exec(&controller).await.is_ok() {
                    shown = Some(now);
                }
            }
            Timer::after_secs(1).await;
        }
    };
    join(answers, commands).await;
}
