//! Record batches as a producer sends them, and the records inside.
#![no_main]

use tribunal_protocol::Bytes;
use tribunal_records::Batches;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // As they come: few pass the checksum.
    walk(Bytes::copy_from_slice(data));
    // With a checksum that is right, so that what is behind it is reached.
    if data.len() > CHECKED {
        let mut batch = data.to_vec();
        let len = (batch.len() - LENGTH_END) as i32;
        batch[8..LENGTH_END].copy_from_slice(&len.to_be_bytes());
        batch[16] = 2;
        let crc = crc32c(&batch[CHECKED..]);
        batch[CRC..CHECKED].copy_from_slice(&crc.to_be_bytes());
        walk(Bytes::from(batch));
    }
});

/// Where the length of a batch ends, where its checksum is, and where what that covers begins.
const LENGTH_END: usize = 12;
const CRC: usize = 17;
const CHECKED: usize = 21;

fn walk(bytes: Bytes) {
    for batch in Batches::new(bytes) {
        let Ok(batch) = batch else { break };
        let Ok(records) = batch.records() else { continue };
        for record in records {
            if record.is_err() {
                break;
            }
        }
    }
}

/// CRC-32C, bit by bit: small, and another implementation than the one that checks it.
fn crc32c(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    })
}
