#![doc = include_str!("../README.md")]
#![no_std]
#![no_main]
#![deny(unsafe_code)]
#![feature(alloc_error_handler)] // tells an exhausted heap from other panics

extern crate alloc;

#[cfg_attr(feature = "suite", path = "suite.rs")]
mod app;
mod clock;
mod config;
mod console;
#[cfg(not(feature = "suite"))]
mod endurance;
mod entropy;
mod ethernet;
mod exit;
mod faults;
mod heap;
mod interrupts;
mod layout;
mod libc;
mod memory_protection;
mod probes;
mod registers;
mod stack;
#[cfg(not(feature = "suite"))]
mod trust;
mod virtio;

use alloc::string::{String, ToString as _};

use embassy_executor::{Executor, Spawner};
use embassy_net::{Runner, StackResources};
use hub_firmware::encrypted_at_once;
use printhost::{BaseUrl, Entropy as _};
use printhost_net_embassy::Tls;
use static_cell::StaticCell;

use crate::{
    config::Config,
    console::println,
    entropy::Entropy,
    ethernet::Ethernet,
    exit::{Exit, exit},
};

/// One for the server, one for requests to the printer, one for what it pushes; where there are Bambu Lab printers one more,
/// since they are told about a file on one and sent it on another. Cases of the suite have a stranger beside, who connects.
const CONNECTIONS: usize = if BAMBU_SUITE {
    6
} else if cfg!(feature = "bambu") {
    4
} else {
    3
};
/// Each connection has so much for receiving and as much for sending, in bytes.
const BUFFER: usize = if BAMBU_SUITE { 1536 } else { 2560 };
const BAMBU_SUITE: bool = cfg!(all(feature = "suite", feature = "bambu"));
/// The application's connections, DHCP and DNS.
const SOCKETS: usize = CONNECTIONS + 2;

#[riscv_rt::entry]
fn main() -> ! {
    stack::paint();
    memory_protection::enforce_budget();
    // Nothing is allocated by looking into the configuration.
    let halved = Config::parse(layout::config()).is_some_and(|config| config.get("heap") == Some("half"));
    heap::init(halved);
    static EXECUTOR: StaticCell<Executor> = StaticCell::new();
    EXECUTOR.init(Executor::new()).run(|spawner| {
        spawner.spawn(application(spawner).expect("it is spawned once"));
    })
}

#[embassy_executor::task]
async fn application(spawner: Spawner) {
    let Some(config) = Config::parse(layout::config()) else {
        println!("error: the configuration is not UTF-8");
        exit(Exit::Failure)
    };
    if let Some(probe) = config.get("probe") {
        probes::run(probe);
    }
    let entropy = Entropy::start();
    let mut network_seed = [0; 8];
    entropy.fill(&mut network_seed);

    static RESOURCES: StaticCell<StackResources<SOCKETS>> = StaticCell::new();
    let (stack, runner) = embassy_net::new(
        Ethernet::start(),
        embassy_net::Config::dhcpv4(Default::default()),
        RESOURCES.init(StackResources::new()),
        u64::from_le_bytes(network_seed),
    );
    spawner.spawn(network(runner).expect("it is spawned once"));

    let result = app::run(stack, config, entropy).await;
    report_memory();
    match result {
        Ok(()) => exit(Exit::Success),
        Err(error) => {
            println!("error: {error}");
            exit(Exit::Failure)
        }
    }
}

#[embassy_executor::task]
async fn network(mut runner: Runner<'static, Ethernet>) {
    runner.run().await
}

/// TLS with the machine's random numbers, for the printer of the configuration if it names one. Call it once.
fn tls(config: Config, entropy: Entropy) -> Result<Tls, String> {
    static RANDOM: StaticCell<Entropy> = StaticCell::new();
    let tls = Tls::new(RANDOM.init(entropy)).map_err(|error| error.to_string())?;
    let source = config.get("source").and_then(|url| BaseUrl::parse(url).ok());
    let most = config.printer().map_or(2, |printer| match &source {
        Some(source) => encrypted_at_once(&printer, source),
        None => printer.protocol().connections() + usize::from(BAMBU_SUITE),
    });
    Ok(tls.limited(most))
}

fn report_memory() {
    println!("heap size: {}", heap::size());
    println!("heap allocations: {}", heap::allocations());
    println!("stack peak: {}", stack::peak());
    println!("stack size: {}", stack::size());
    println!("static: {}", layout::statics().len());
}
