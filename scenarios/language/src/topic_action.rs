//! Actions that an administrator asks of topics: records deleted, settings altered.

use toml::Spanned;
use toml::de::DeValue;

use super::action::tables;
use super::keys::{Context, Keys, Value, Visitor, read_inline, write_inline};
use super::target::Partition;
use super::units::{quote, read_int, read_str};

/// `delete_records = { partition, before }`
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct DeleteRecords {
    /// Of which partition.
    pub partition: Partition,
    /// The first offset that stays.
    pub before: Before,
}

/// The first offset that a deletion of records leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Before {
    /// The leader's high watermark: everything that consumers may read is deleted.
    #[default]
    HighWatermark,
    /// An offset. The leader refuses one above its high watermark.
    Offset(u64),
    /// So many percent of the way from the log start to the high watermark, at the time of the fault.
    Share(u32),
}

/// `alter_topic = { topic, retention_ms, retention_bytes, max_message_bytes }`
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct AlterTopic {
    /// Its name.
    pub topic: String,
    /// `retention.ms` from then on.
    pub retention_ms: Option<u64>,
    /// `retention.bytes` from then on.
    pub retention_bytes: Option<u64>,
    /// `max.message.bytes` from then on.
    pub max_message_bytes: Option<u64>,
}

tables! {
    DeleteRecords, "a table such as { partition = \"orders/0\", before = \"50%\" }", |this, v| {
        v.required("partition", "The partition.", &mut this.partition);
        v.key(
            "before",
            "The first offset that stays: a number, \"high-watermark\", or a share such as \"50%\" of what consumers may \
             read.",
            &mut this.before,
        );
    };
    AlterTopic, "a table such as { topic = \"orders\", retention_ms = 1000 }", |this, v| {
        v.required("topic", "The topic.", &mut this.topic);
        v.key("retention_ms", "retention.ms from then on", &mut this.retention_ms);
        v.key("retention_bytes", "retention.bytes from then on", &mut this.retention_bytes);
        v.key("max_message_bytes", "max.message.bytes from then on", &mut this.max_message_bytes);
    };
}

impl Value for Before {
    const FORM: &'static str = "an offset, \"high-watermark\", or a share such as \"50%\"";
    fn read(cx: &mut Context, _: &str, value: &Spanned<DeValue<'_>>) -> Option<Before> {
        if !value.get_ref().is_str() {
            return read_int(cx, value, Self::FORM, 0..=i64::MAX).map(|offset| Before::Offset(offset as u64));
        }
        read_str(cx, value, Self::FORM, |text| match text.strip_suffix('%') {
            Some(share) => match share.parse() {
                Ok(share @ 0..=100) => Ok(Before::Share(share)),
                _ => Err("a share is from \"0%\" to \"100%\"".to_owned()),
            },
            None if text == "high-watermark" => Ok(Before::HighWatermark),
            None => Err(super::nearest::suggestion(text, &["high-watermark"])),
        })
    }
    fn write(&self) -> Option<String> {
        Some(match self {
            Before::HighWatermark => quote("high-watermark"),
            Before::Offset(offset) => offset.to_string(),
            Before::Share(share) => quote(&format!("{share}%")),
        })
    }
}
