#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| printhost_fuzz::bambu::report::run(data));
