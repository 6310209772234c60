//! The file `quorum-state`, as Kafka writes it: one line of JSON.

use serde_json::Value;

use crate::Election;

/// Name of the file in the folder of the metadata log.
pub(crate) const QUORUM_STATE: &str = "quorum-state";

/// The line for `election`, data version 0: the one that Kafka uses with static voters (kraft.version 0).
pub(crate) fn encode(election: &Election, voters: &[i32]) -> String {
    let mut line = format!(
        "{{\"clusterId\":\"\",\"leaderId\":{},\"leaderEpoch\":{},\"votedId\":{},\"appliedOffset\":0,\"currentVoters\":[",
        election.leader.unwrap_or(-1),
        election.epoch,
        election.voted.unwrap_or(-1),
    );
    for (at, voter) in voters.iter().enumerate() {
        line += if at == 0 { "" } else { "," };
        line += &format!("{{\"voterId\":{voter}}}");
    }
    line += "],\"data_version\":0}";
    line
}

/// Reads data versions 0 and 1: the election, and the voters then, ascending; none where version 1 leaves them to the log.
/// `Err` says what is wrong.
pub(crate) fn decode(bytes: &[u8]) -> Result<(Election, Vec<i32>), &'static str> {
    if bytes.is_empty() {
        return Err("the file is empty");
    }
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let json: Value = serde_json::from_slice(line).map_err(|_| "not JSON")?;
    let number = |name: &str| match json.get(name) {
        None => Ok(-1),
        Some(value) => value.as_i64().and_then(|n| i32::try_from(n).ok()).ok_or("a field is not a 32-bit number"),
    };
    if !matches!(json.get("data_version").and_then(Value::as_i64), Some(0 | 1)) {
        return Err("unknown data_version");
    }
    let id = |n: i32| (n >= 0).then_some(n);
    let epoch = number("leaderEpoch")?;
    if epoch < 0 {
        return Err("no leaderEpoch");
    }
    let mut voters = Vec::new();
    for voter in json.get("currentVoters").and_then(Value::as_array).into_iter().flatten() {
        let voter = voter.get("voterId").and_then(Value::as_i64).and_then(|n| i32::try_from(n).ok());
        voters.push(voter.ok_or("currentVoters has a voter without a voterId")?);
    }
    voters.sort_unstable();
    Ok((Election { epoch, leader: id(number("leaderId")?), voted: id(number("votedId")?) }, voters))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_line_is_the_one_that_kafka_writes() {
        let election = Election { epoch: 2, leader: Some(1), voted: None };
        assert_eq!(
            encode(&election, &[1, 2]),
            "{\"clusterId\":\"\",\"leaderId\":1,\"leaderEpoch\":2,\"votedId\":-1,\"appliedOffset\":0,\
             \"currentVoters\":[{\"voterId\":1},{\"voterId\":2}],\"data_version\":0}"
        );
    }

    #[test]
    fn version_1_is_read() {
        let line = br#"{"leaderId":-1,"leaderEpoch":2,"votedId":1,"votedDirectoryId":"J8aAPcfLQt2bqs1JT_rMgQ","data_version":1}"#;
        assert_eq!(decode(line), Ok((Election { epoch: 2, leader: None, voted: Some(1) }, Vec::new())));
    }

    #[test]
    fn what_is_not_a_quorum_state_is_an_error() {
        for bad in [
            "",
            "{}",
            "[1]",
            "{\"leaderEpoch\":1}",
            "{\"leaderEpoch\":1,\"data_version\":2}",
            "{\"leaderEpoch\":-1,\"data_version\":0}",
            "{\"leaderEpoch\":99999999999,\"data_version\":0}",
            "{\"leaderEpoch\":\"1\",\"data_version\":0}",
        ] {
            assert!(decode(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_election_survives(epoch in 0..i32::MAX, leader in proptest::option::of(0..i32::MAX), voted in proptest::option::of(0..i32::MAX)) {
            let election = Election { epoch, leader, voted };
            prop_assert_eq!(decode(encode(&election, &[1, 2, 3]).as_bytes()), Ok((election, vec![1, 2, 3])));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
