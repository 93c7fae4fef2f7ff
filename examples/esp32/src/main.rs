//! The smallest firmware that uploads a file: Wi-Fi, one upload of a G-code that lies in flash, and no print.
#![no_std]
#![no_main]

extern crate alloc;

use embassy_executor::Spawner;
use embassy_net::{Runner, StackResources};
use embassy_time::Timer;
use esp_backtrace as _;
use esp_hal::{clock::CpuClock, rng::Rng, timer::timg::TimerGroup};
use esp_println::println;
use esp_radio::wifi::{AuthenticationMethodConfig, Config, Interface, WifiController, sta::StationConfig};
use printhost::{AnyHost, PrintHost as _, Upload};
use printhost_net_embassy::{Sockets, embassy_net};
use static_cell::{ConstStaticCell, StaticCell};

static GCODE: &[u8] = include_bytes!("../../gcode/cube.gcode");

esp_bootloader_esp_idf::esp_app_desc!();

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    let chip = esp_hal::init(esp_hal::Config::default().with_cpu_clock(CpuClock::max()));
    esp_alloc::heap_allocator!(#[esp_hal::ram(reclaimed)] size: 64 * 1024);
    esp_alloc::heap_allocator!(size: 64 * 1024);
    esp_rtos::start(TimerGroup::new(chip.TIMG0).timer0, chip.FROM_CPU_INTR0);

    let wifi = WifiController::new(chip.WIFI, Default::default()).expect("the radio is free");
    static RESOURCES: StaticCell<StackResources<4>> = StaticCell::new();
    let (stack, runner) = embassy_net::new(
        Interface::station(),
        embassy_net::Config::dhcpv4(Default::default()),
        RESOURCES.init(StackResources::new()),
        u64::from(Rng::new().random()),
    );
    spawner.spawn(network(runner).expect("it is spawned once"));
    spawner.spawn(join(wifi).expect("it is spawned once"));
    stack.wait_config_up().await;
    println!("online as {:?}", stack.config_v4().map(|config| config.address));

    // Two connections at once, with 4 KiB for each direction.
    static BUFFERS: ConstStaticCell<[([u8; 4096], [u8; 4096]); 2]> =
        ConstStaticCell::new([([0; 4096], [0; 4096]); 2]);
    let sockets = Sockets::new(stack, BUFFERS.take());
    let net = embassy_net(&sockets, Entropy);
    let printer = env!("PRINTER").parse().expect("PRINTER is an URL such as octoprint://10.0.0.3");
    let host = AnyHost::new(&net, &printer, env!("KEY"));

    // A file of that name is never replaced, so the second start of the chip changes nothing.
    let mut body = GCODE;
    match host.upload(Upload::new("esp32.gcode", GCODE.len() as u64, &mut body)).await {
        Ok(done) => println!("uploaded {}: {} bytes, {:?}", done.path, done.len, done.verified),
        Err(error) => println!("not uploaded: {error}. {}", error.kind().advice()),
    }
}

/// Joins the network, again and again.
#[embassy_executor::task]
async fn join(mut wifi: WifiController<'static>) {
    let password = env!("PASSWORD").try_into().expect("a password has at most 64 bytes");
    let station = StationConfig::default()
        .with_ssid(env!("SSID").try_into().expect("an SSID has at most 32 bytes"))
        .with_authentication(AuthenticationMethodConfig::Wpa2Personal(password));
    wifi.set_config(&Config::Station(station)).expect("the station's configuration is right");
    loop {
        match wifi.connect_async().await {
            Ok(_) => drop(wifi.wait_for_disconnect_async().await),
            Err(error) => println!("no Wi-Fi: {error:?}"),
        }
        Timer::after_secs(5).await;
    }
}

#[embassy_executor::task]
async fn network(mut runner: Runner<'static, Interface>) {
    runner.run().await
}

/// Truly random while the radio is on.
struct Entropy;

impl printhost::Entropy for Entropy {
    fn fill(&self, bytes: &mut [u8]) {
        Rng::new().read(bytes);
    }
}
