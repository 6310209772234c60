//! A 64-bit digest for hash chains over batches and for values. Not cryptographic; the same on every machine.

const A: u64 = 0x9e37_79b9_7f4a_7c15;
const B: u64 = 0xd6e8_feb8_6659_fd93;

/// Folds `word` into `state`: a widening multiplication, then the sum of its two halves.
#[inline]
pub(crate) fn mix(state: u64, word: u64) -> u64 {
    let wide = u128::from((state ^ A).rotate_left(23) ^ word) * u128::from(B);
    (wide as u64) ^ ((wide >> 64) as u64).wrapping_add(A)
}

/// Folds bytes and their number into `state`.
#[inline]
pub(crate) fn bytes(mut state: u64, data: &[u8]) -> u64 {
    let (words, rest) = data.as_chunks::<8>();
    for word in words {
        state = mix(state, u64::from_le_bytes(*word));
    }
    let tail = match data.last_chunk::<8>() {
        // The last eight bytes, shifted so that bytes already folded in as a whole word drop out.
        Some(last) => u64::from_le_bytes(*last).checked_shr(64 - 8 * rest.len() as u32).unwrap_or(0),
        None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    mix(mix(state, tail), data.len() as u64)
}

/// Folds bytes that may be absent; absent and empty differ.
#[inline]
pub(crate) fn optional(state: u64, data: Option<&[u8]>) -> u64 {
    match data {
        Some(data) => bytes(state, data),
        None => mix(state, u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_in_a_byte_in_length_or_in_presence_has_another_digest() {
        let inputs: [Option<&[u8]>; 7] =
            [None, Some(b""), Some(b"\0"), Some(b"\0\0"), Some(b"12345678"), Some(b"123456789"), Some(b"12345679")];
        for (i, a) in inputs.iter().enumerate() {
            for b in &inputs[i + 1..] {
                assert_ne!(optional(0, *a), optional(0, *b), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn order_matters() {
        assert_ne!(mix(mix(0, 1), 2), mix(mix(0, 2), 1));
        assert_ne!(mix(mix(0, 0), 0), mix(0, 0));
    }
}
