#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| printhost_fuzz::targets::ftp_reply::run(data));
