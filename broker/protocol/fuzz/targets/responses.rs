//! Every response decoder, at every version: brokers and clients read them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tribunal_protocol_fuzz::oracle::response(&data.to_vec().into()));
