//! The bytes that consumers exchange through the coordinator, as far as a broker looks at them: every version begins
//! as version 0 does.

use bytes::Buf;
use tribunal_protocol::Str;

/// The protocol type of consumers.
pub(crate) const TYPE: &str = "consumer";

/// The topics of a subscription. `None` if it is not well formed.
pub(crate) fn topics(mut subscription: &[u8]) -> Option<Vec<Str>> {
    version(&mut subscription)?;
    let count = length(&mut subscription)?;
    (0..count).map(|_| string(&mut subscription)).collect()
}

/// The partitions of an assignment. `None` if it is not well formed; an empty one assigns nothing.
pub(crate) fn partitions(mut assignment: &[u8]) -> Option<Vec<(Str, i32)>> {
    if assignment.is_empty() {
        return Some(Vec::new());
    }
    version(&mut assignment)?;
    let mut all = Vec::new();
    for _ in 0..length(&mut assignment)? {
        let topic = string(&mut assignment)?;
        for _ in 0..length(&mut assignment)? {
            all.push((topic.clone(), assignment.try_get_i32().ok()?));
        }
    }
    Some(all)
}

fn version(bytes: &mut &[u8]) -> Option<()> {
    (bytes.try_get_i16().ok()? >= 0).then_some(())
}

fn length(bytes: &mut &[u8]) -> Option<usize> {
    usize::try_from(bytes.try_get_i32().ok()?).ok()
}

fn string(bytes: &mut &[u8]) -> Option<Str> {
    let length = usize::try_from(bytes.try_get_i16().ok()?).ok()?;
    let (text, rest) = bytes.split_at_checked(length)?;
    let text = core::str::from_utf8(text).ok()?;
    *bytes = rest;
    Some(Str::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_and_an_assignment_are_read() {
        let subscription = b"\0\x03\0\0\0\x02\0\x01a\0\x02bc\xff\xff\xff\xff";
        assert_eq!(topics(subscription), Some(vec!["a".into(), "bc".into()]));
        let assignment = b"\0\0\0\0\0\x01\0\x01a\0\0\0\x02\0\0\0\0\0\0\0\x05";
        assert_eq!(partitions(assignment), Some(vec![("a".into(), 0), ("a".into(), 5)]));
        assert_eq!(partitions(b""), Some(Vec::new()));
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        let subscription = b"\0\x03\0\0\0\x02\0\x01a\0\x02bc";
        for end in 0..subscription.len() {
            assert_eq!(topics(&subscription[..end]), None, "{end}");
        }
        assert_eq!(topics(b"\0\0\x7f\xff\xff\xff"), None);
        assert_eq!(partitions(b"\0\0\xff\xff\xff\xff"), None);
    }
}
