//! Names of partitions' folders in a log directory.

/// Ends the name of a folder whose partition was deleted: it is removed after a while.
pub const DELETED_FOLDER: &str = "-delete";
/// Ends the name of a folder that was found and is no replica of this broker's: whoever runs it decides what becomes of
/// it.
pub const STRAY_FOLDER: &str = "-stray";

/// What file systems allow for a name, in bytes.
const NAME_BYTES: usize = 255;

/// The folder of a partition: `<topic>-<partition>`.
pub fn partition_folder(topic: &str, partition: i32) -> String {
    format!("{topic}-{partition}")
}

/// The topic and partition of a folder in use; none if the name is not one's.
pub fn parse_partition_folder(name: &str) -> Option<(&str, i32)> {
    let (topic, partition) = name.rsplit_once('-')?;
    let digits = !partition.is_empty() && partition.bytes().all(|b| b.is_ascii_digit());
    (digits && !topic.is_empty()).then(|| partition.parse().ok().map(|partition| (topic, partition)))?
}

/// The name that a partition's folder has when it is out of use: `<topic>-<partition>.<32 hexadecimal digits><suffix>`,
/// in which `id` tells apart several of one partition. Kafka cuts off as much of a topic's name as does not fit.
pub fn folder_out_of_use(topic: &str, partition: i32, id: u128, suffix: &str) -> String {
    let rest = format!("-{partition}.{id:032x}{suffix}");
    // Topics have ASCII names.
    let kept = topic.get(..topic.len().min(NAME_BYTES - rest.len())).unwrap_or_default();
    format!("{kept}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_as_kafka_names_it() {
        assert_eq!(partition_folder("a-topic", 12), "a-topic-12");
        assert_eq!(parse_partition_folder("a-topic-12"), Some(("a-topic", 12)));
        let deleted = folder_out_of_use("a-topic", 12, 0xab, DELETED_FOLDER);
        assert_eq!(deleted, "a-topic-12.000000000000000000000000000000ab-delete");
        for name in ["a", "-1", "a-", "a-+1", "a-99999999999", &deleted, &folder_out_of_use("a", 0, 1, STRAY_FOLDER)] {
            assert_eq!(parse_partition_folder(name), None, "{name}");
        }
    }

    #[test]
    fn a_name_never_exceeds_what_file_systems_allow() {
        let longest = "t".repeat(249);
        let name = folder_out_of_use(&longest, i32::MAX, u128::MAX, DELETED_FOLDER);
        assert_eq!(name.len(), NAME_BYTES);
        assert!(name.ends_with("-2147483647.ffffffffffffffffffffffffffffffff-delete"));
    }
}
