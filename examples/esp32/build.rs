fn main() {
    println!("cargo:rustc-link-arg=-Tlinkall.x"); // esp-hal's memory layout
}
