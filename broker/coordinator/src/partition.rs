//! Which partition of the internal topic a group belongs to.

/// The partition, of `count`, whose leader coordinates `group`: Java's `String.hashCode`, made positive, modulo `count`.
///
/// # Panics
/// If there is no partition.
pub fn partition_of(group: &str, count: i32) -> i32 {
    assert!(count > 0, "the internal topic has partitions");
    let hash = group.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // Kafka's `Utils.abs` takes 0 for the one number without a positive counterpart.
    hash.checked_abs().unwrap_or(0) % count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_hash_as_in_java() {
        // Java: "payments".hashCode() is 1382682413, "".hashCode() is 0, "polygenelubricants".hashCode() is MIN_VALUE.
        assert_eq!(partition_of("payments", i32::MAX), 1_382_682_413);
        assert_eq!(partition_of("", 50), 0);
        assert_eq!(partition_of("polygenelubricants", 50), 0);
    }
}
