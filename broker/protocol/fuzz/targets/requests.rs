//! Every request decoder, at every version.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tribunal_protocol_fuzz::oracle::request(&data.to_vec().into()));
