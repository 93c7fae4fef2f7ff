//! Lays the program out with esp-hal's linker script and with `radio.x`.

use std::env;

fn main() {
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    println!("cargo:rustc-link-search={here}");
    println!("cargo:rustc-link-arg=-Tlinkall.x");
    println!("cargo:rustc-link-arg=-Tradio.x");
    println!("cargo:rerun-if-changed=radio.x");
}
