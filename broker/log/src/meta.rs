//! `meta.properties`: whose log directory this is.

use bytes::Bytes;
use tribunal_contract::Disk;

use crate::LogError;
use crate::error::Refusal;
use crate::replace::read_file;

/// The file's name.
pub const META_PROPERTIES: &str = "meta.properties";

/// The contents of `meta.properties`, version 1 (KIP-631, KIP-858).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MetaProperties {
    /// The cluster's id, 22 characters of base64.
    pub cluster_id: String,
    /// The node's id.
    pub node_id: i32,
    /// The directory's id, 22 characters of base64.
    pub directory_id: Option<String>,
}

impl MetaProperties {
    /// The text of the file. Write it with [`Replace`](crate::Replace).
    pub fn encode(&self) -> Bytes {
        let mut out = format!("#\nversion=1\ncluster.id={}\nnode.id={}\n", self.cluster_id, self.node_id);
        if let Some(id) = &self.directory_id {
            out += &format!("directory.id={id}\n");
        }
        Bytes::from(out)
    }

    /// Reads the text of the file.
    pub fn decode(bytes: &[u8]) -> Result<MetaProperties, Refusal> {
        let text = core::str::from_utf8(bytes).map_err(|_| Refusal::Line(1))?;
        let (mut version, mut cluster_id, mut node_id, mut directory_id) = (None, None, None, None);
        let mut count = 0;
        for line in text.lines() {
            count += 1;
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', '!']) {
                continue;
            }
            let (key, value) = line.split_once('=').ok_or(Refusal::Line(count))?;
            match (key.trim(), value.trim()) {
                ("version", v) => version = Some(v.parse::<i64>().map_err(|_| Refusal::Line(count))?),
                ("cluster.id", v) => cluster_id = Some(v.to_owned()),
                ("node.id", v) => node_id = Some(v.parse().map_err(|_| Refusal::Line(count))?),
                ("directory.id", v) => directory_id = Some(v.to_owned()),
                _ => {}
            }
        }
        match (version, cluster_id, node_id) {
            (Some(1), Some(cluster_id), Some(node_id)) => Ok(MetaProperties { cluster_id, node_id, directory_id }),
            (Some(version), _, _) if version != 1 => Err(Refusal::Version(version)),
            _ => Err(Refusal::Line(count + 1)),
        }
    }

    /// Reads the file at `path`; `None` if there is none.
    pub fn read<D: Disk>(path: &str, disk: &mut D) -> Result<Option<MetaProperties>, LogError> {
        let bytes = read_file(path, disk).map_err(LogError::disk("read meta.properties"))?;
        let decoded = bytes.map(|bytes| MetaProperties::decode(&bytes)).transpose();
        decoded.map_err(|why| LogError::Refused { file: path.to_owned(), why })
    }
}
