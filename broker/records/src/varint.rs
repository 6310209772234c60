//! Zigzag varints as in Protocol Buffers; Kafka uses them inside records.

use bytes::BufMut;

/// A varint that does not end, or does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadVarint;

/// Reads a zigzag varint of at most 64 bits at `*at` and moves `*at` behind it.
pub(crate) fn read_i64(bytes: &[u8], at: &mut usize) -> Result<i64, BadVarint> {
    read(|| {
        let byte = *bytes.get(*at).ok_or(BadVarint)?;
        *at += 1;
        Ok(byte)
    })
}

/// Reads a zigzag varint of at most 64 bits from wherever bytes come from.
pub(crate) fn read<E: From<BadVarint>>(mut byte: impl FnMut() -> Result<u8, E>) -> Result<i64, E> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = byte()?;
        if shift == 63 && byte > 1 {
            return Err(BadVarint.into());
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    Err(BadVarint.into())
}

/// Reads a zigzag varint of at most 32 bits.
pub(crate) fn read_i32(bytes: &[u8], at: &mut usize) -> Result<i32, BadVarint> {
    i32::try_from(read_i64(bytes, at)?).map_err(|_| BadVarint)
}

/// Writes a zigzag varint. The encodings of equal 32 and 64-bit values are the same.
pub(crate) fn write(out: &mut impl BufMut, value: i64) {
    let mut rest = zigzag(value);
    while rest >= 0x80 {
        out.put_u8(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.put_u8(rest as u8);
}

/// How many bytes [`write`] takes, 1 to 10.
pub(crate) const fn size(value: i64) -> usize {
    // Seven bits a byte; zero takes one byte too.
    (64 - (zigzag(value) | 1).leading_zeros() as usize).div_ceil(7)
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_varint_reads_back_and_has_the_size_foretold(value: i64, small in -200i64..200) {
            for v in [value, small, i64::MIN, i64::MAX] {
                let mut out = Vec::new();
                write(&mut out, v);
                prop_assert_eq!(out.len(), size(v));
                let mut at = 0;
                prop_assert_eq!(read_i64(&out, &mut at), Ok(v));
                prop_assert_eq!(at, out.len());
                prop_assert_eq!(read_i32(&out, &mut 0).is_ok(), i32::try_from(v).is_ok());
            }
        }
    }

    #[test]
    fn an_endless_or_oversized_varint_is_an_error() {
        assert_eq!(read_i64(&[0x80; 20], &mut 0), Err(BadVarint));
        assert_eq!(read_i64(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], &mut 0), Err(BadVarint));
        assert_eq!(read_i64(&[], &mut 0), Err(BadVarint));
    }
}
