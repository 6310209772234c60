//! Versions of the APIs and of their headers.

use core::fmt;

use crate::messages::ApiKey;

/// Versions `min..=max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VersionRange {
    /// The first version.
    pub min: i16,
    /// The last version.
    pub max: i16,
}

impl VersionRange {
    /// Whether `version` is one of them.
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// All of them, ascending.
    pub fn iter(self) -> core::ops::RangeInclusive<i16> {
        self.min..=self.max
    }
}

/// A key of no API of [`ApiKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownApiKey(pub i16);

impl fmt::Display for UnknownApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no API has the key {}", self.0)
    }
}

impl core::error::Error for UnknownApiKey {}

/// The versions of an API that are served: Kafka 4.1's own.
pub const fn versions(api: ApiKey) -> VersionRange {
    api.versions()
}

/// The versions that an ApiVersions response lists. See [`ApiKey::advertised_versions`].
pub const fn advertised_versions(api: ApiKey) -> VersionRange {
    api.advertised_versions()
}

/// The version of the header before a request: 2, with tagged fields, where the API's version is flexible.
pub const fn request_header_version(api: ApiKey, version: i16) -> i16 {
    if version >= api.flexible_from() { 2 } else { 1 }
}

/// The version of the header before a response: 1, with tagged fields, where the API's version is flexible.
///
/// Always 0 for ApiVersions (KIP-511): its client does not know yet what the broker understands.
pub const fn response_header_version(api: ApiKey, version: i16) -> i16 {
    match api.fixed_response_header() {
        Some(header) => header,
        None if version >= api.flexible_from() => 1,
        None => 0,
    }
}
