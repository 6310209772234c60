//! Kafka's names in Rust case.

/// `ErrorCode` and `timeoutMs` to `error_code` and `timeout_ms`.
pub fn snake(name: &str) -> String {
    // "KRaft" is one word.
    let name = name.replace("KRaft", "Kraft");
    let mut out = String::with_capacity(name.len() + 4);
    for (index, c) in name.char_indices() {
        if c.is_ascii_uppercase() && index > 0 {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// `NOT_LEADER_OR_FOLLOWER` to `NotLeaderOrFollower`.
pub fn camel(name: &str) -> String {
    name.split('_')
        .flat_map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            [first.to_ascii_uppercase(), rest.to_ascii_lowercase()]
        })
        .collect()
}

/// The name of an API: that of its request or response without the ending.
pub fn api(message: &str) -> &str {
    message.strip_suffix("Request").or_else(|| message.strip_suffix("Response")).unwrap_or(message)
}
