#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| printhost_fuzz::targets::bambu_plates::run(data));
