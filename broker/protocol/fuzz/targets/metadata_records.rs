//! Records of the metadata log.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tribunal_protocol_fuzz::oracle::metadata_record(&data.to_vec().into()));
