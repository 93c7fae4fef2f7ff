//! printhost-cli
fn main() {}
