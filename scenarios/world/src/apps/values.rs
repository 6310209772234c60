//! Generated keys and values.

use bytes::{BufMut, Bytes, BytesMut};
use tribunal_protocol::Str;

/// How values become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueFormat {
    /// A 64-bit integer, big-endian: the writer's number in the upper 24 bits, the record's in the others.
    Integer,
    /// `{"id":"<client>-<n>","pad":"…"}`.
    Json,
    /// `<client>-<n>`, then dots.
    Text,
}

/// Values that no other record of the run has, as long as no two writers have the same name or number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Values {
    /// The writer's name.
    pub client: Str,
    /// The writer's number, for integers.
    pub number: u32,
    /// Their form.
    pub format: ValueFormat,
}

const JSON_HEAD: &[u8] = b"{\"id\":\"";
const JSON_PAD: &[u8] = b"\",\"pad\":\"";
const JSON_TAIL: &[u8] = b"\"}";

impl Values {
    /// The value of record `n`, padded to `size` bytes; longer if its number does not fit into them.
    pub fn value(&self, n: u64, size: usize) -> Bytes {
        let mut out = BytesMut::with_capacity(size.max(self.client.len() + 48));
        match self.format {
            ValueFormat::Integer => out.put_u64(u64::from(self.number) << 40 | n & ((1 << 40) - 1)),
            ValueFormat::Text => {
                self.put_id(&mut out, n);
                pad(&mut out, size);
            }
            ValueFormat::Json => {
                out.put_slice(JSON_HEAD);
                self.put_id(&mut out, n);
                out.put_slice(JSON_PAD);
                pad(&mut out, size.saturating_sub(JSON_TAIL.len()));
                out.put_slice(JSON_TAIL);
            }
        }
        out.freeze()
    }

    fn put_id(&self, out: &mut BytesMut, n: u64) {
        out.put_slice(self.client.as_bytes());
        out.put_u8(b'-');
        put_decimal(out, n);
    }
}

/// The key `key-<n>`.
pub fn generated_key(n: u64) -> Bytes {
    let mut out = BytesMut::with_capacity(24);
    out.put_slice(b"key-");
    put_decimal(&mut out, n);
    out.freeze()
}

fn pad(out: &mut BytesMut, size: usize) {
    out.put_bytes(b'.', size.saturating_sub(out.len()));
}

/// Without `format!`: one of these is made for every record.
fn put_decimal(out: &mut BytesMut, mut n: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.put_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(format: ValueFormat) -> Values {
        Values { client: Str::from_static("p1"), number: 1, format }
    }

    #[test]
    fn a_value_names_its_record_and_has_the_size_asked_for() {
        assert_eq!(values(ValueFormat::Text).value(1_907, 12), "p1-1907.....");
        assert_eq!(values(ValueFormat::Text).value(0, 2), "p1-0");
        assert_eq!(values(ValueFormat::Text).value(u64::MAX, 0), "p1-18446744073709551615");
        assert_eq!(values(ValueFormat::Json).value(7, 26), r#"{"id":"p1-7","pad":"...."}"#);
        assert_eq!(values(ValueFormat::Integer).value(7, 100)[..], [0, 0, 1, 0, 0, 0, 0, 7]);
        assert_eq!(generated_key(42), "key-42");
    }

    #[test]
    fn json_values_are_json_at_every_size() {
        for size in 0..64 {
            let value = values(ValueFormat::Json).value(5, size);
            let parsed: serde_json::Value = serde_json::from_slice(&value).unwrap();
            assert_eq!(parsed["id"], "p1-5");
        }
    }
}
