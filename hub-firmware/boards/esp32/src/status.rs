//! What the hub is doing, shared by everything that shows it.

use core::cell::Cell;

use embassy_net::Stack;
use embassy_sync::blocking_mutex::{Mutex, raw::CriticalSectionRawMutex};
use esp_println::println;
use hub_firmware::Status;

static STATUS: Mutex<CriticalSectionRawMutex, Cell<Status>> = Mutex::new(Cell::new(Status::new()));

/// The status now.
pub(crate) fn get() -> Status {
    STATUS.lock(Cell::get)
}

/// Changes the status. All who do are tasks of one executor, so nothing comes between, and the radio's interrupts need
/// not wait while lines are written.
pub(crate) fn change<T>(change: impl FnOnce(&mut Status) -> T) -> T {
    let mut status = get();
    let result = change(&mut status);
    STATUS.lock(|cell| cell.set(status));
    result
}

/// Tells whether there is an address in the network.
#[embassy_executor::task]
pub(crate) async fn watch_network(stack: Stack<'static>) {
    loop {
        stack.wait_config_up().await;
        change(|status| status.online = true);
        if let Some(network) = stack.config_v4() {
            println!("network: address {}", network.address);
        }
        stack.wait_config_down().await;
        change(|status| status.online = false);
        println!("network: no address any more");
    }
}
