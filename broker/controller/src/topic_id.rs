//! Topic ids without chance.

use tribunal_protocol::{Str, Uuid};

/// The id of the topic whose record is at `offset` of the metadata log, written in quorum epoch `epoch`.
///
/// The pair of offset and epoch names one record of all that were ever appended, so ids do not repeat. Version bits
/// make it a custom id (RFC 9562, version 8), which none of Kafka's reserved ids is; as Kafka's own, its text never
/// begins with a dash.
pub(crate) fn topic_id(epoch: i32, offset: i64, name: &Str) -> Uuid {
    let name = name
        .as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let place = mix(mix(epoch as u64) ^ offset as u64);
    let high = mix(place ^ name) & !(1 << 63) & !0xf000 | 0x8000;
    let low = mix(place.wrapping_add(name.rotate_left(32))) & !(3 << 62) | 2 << 62;
    Uuid(u128::from(high) << 64 | u128::from(low))
}

/// The finalizer of splitmix64: a bijection in which every bit depends on every bit.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}
