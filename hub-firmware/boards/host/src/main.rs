//! hub-firmware/boards/host
fn main() {}
