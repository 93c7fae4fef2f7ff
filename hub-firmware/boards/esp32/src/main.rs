#![doc = include_str!("../README.md")]
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

mod app;
mod beacon;
mod config;
mod crash;
mod entropy;
mod led;
mod memory;
mod pins;
mod status;
mod tls;
mod watchdog;
mod wifi;

use core::fmt::Display;

use embassy_executor::Spawner;
use embassy_net::{Runner, StackResources};
use embassy_time::Timer;
use esp_hal::{
    clock::CpuClock,
    gpio::{Input, InputConfig, Output, OutputConfig, Pull},
    timer::timg::TimerGroup,
};
use esp_println::println;
use esp_radio::{
    ble::controller::BleConnector,
    wifi::{Interface, WifiController},
};
use hub_firmware::{Order, Station};
use printhost::Entropy as _;
use static_cell::StaticCell;

use crate::{app::CONNECTIONS, entropy::Entropy};

/// The application's connections, DHCP and DNS.
const SOCKETS: usize = CONNECTIONS + 2;

esp_bootloader_esp_idf::esp_app_desc!();

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    let chip = esp_hal::init(esp_hal::Config::default().with_cpu_clock(CpuClock::max()));
    crash::report();
    memory::init();
    #[cfg(feature = "psram")]
    memory::add_psram(chip.PSRAM);
    let timers = TimerGroup::new(chip.TIMG0);
    esp_rtos::start(timers.timer0, chip.FROM_CPU_INTR0);

    let (button, led) = pins::pins!(chip);
    let led = Output::new(led, !pins::LED_ON, OutputConfig::default());
    spawner.spawn(led::show(led).expect("it is spawned once"));
    let button = Input::new(button, InputConfig::default().with_pull(Pull::Up));

    let Some(config) = config::read(chip.FLASH) else { return stop("no configuration").await };
    let (station, order) = match (Station::read(&config), Order::read(&config)) {
        (Ok(station), Ok(order)) => (station, order),
        (Err(error), _) | (_, Err(error)) => return stop(error).await,
    };
    let name = config.get("name").unwrap_or("printhost");

    // From here on the radio is the source of the random numbers.
    let wifi = WifiController::new(chip.WIFI, Default::default()).expect("the radio is free");
    let bluetooth = BleConnector::new(chip.BT, Default::default()).expect("the radio is free");
    let entropy = Entropy::new();
    let mut seed = [0; 8];
    entropy.fill(&mut seed);

    static RESOURCES: StaticCell<StackResources<SOCKETS>> = StaticCell::new();
    let (stack, runner) = embassy_net::new(
        Interface::station(),
        embassy_net::Config::dhcpv4(Default::default()),
        RESOURCES.init(StackResources::new()),
        u64::from_le_bytes(seed),
    );
    spawner.spawn(network(runner).expect("it is spawned once"));
    spawner.spawn(watchdog::guard(timers.wdt).expect("it is spawned once"));
    spawner.spawn(wifi::keep_connected(wifi, station, entropy.clone()).expect("it is spawned once"));
    spawner.spawn(beacon::advertise(bluetooth, name).expect("it is spawned once"));
    spawner.spawn(status::watch_network(stack).expect("it is spawned once"));
    app::run(stack, order, button, entropy).await;
}

#[embassy_executor::task]
async fn network(runner: Runner<'static, Interface>) {
    watchdog::with_heartbeat(runner).await
}

/// Says again and again what is missing, for those who open the console late.
async fn stop(why: impl Display) {
    loop {
        println!("stopped: {why}. README.md says how to write the configuration.");
        Timer::after_secs(10).await;
    }
}
