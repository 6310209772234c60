//! What a connection delivers: frames, headers, and the bodies that those announce.
#![no_main]

use tribunal_protocol::{Frames, decode_request};

/// Longest frame, in bytes: small, so that the limit is met.
const MAX_FRAME: usize = 4 << 10;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut frames = Frames::new(MAX_FRAME);
    for piece in data.chunks(7) {
        frames.received().extend_from_slice(piece);
        while let Ok(Some(frame)) = frames.next_frame() {
            assert!(frame.len() <= MAX_FRAME);
            let _ = decode_request(frame);
        }
    }
});
