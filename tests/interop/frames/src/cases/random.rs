//! The generator's random values as requests, steered towards what the servers have.

use tribunal_protocol::{ApiKey, RequestBody, Sampler};

use super::Case;
use super::steer::steer;

/// So many random requests of an API, over all of its versions. The same ones every time for a seed.
pub(super) fn cases(api: ApiKey, count: usize, seed: u64) -> Vec<Case> {
    let versions: Vec<i16> = api.versions().iter().collect();
    (0..count)
        .filter_map(|i| {
            let version = versions[i % versions.len()];
            let mut g = Sampler::new(seed << 40 ^ (api as u64) << 32 ^ i as u64);
            let mut body = RequestBody::sample(api, version, &mut g);
            steer(&mut body, version, &mut g);
            Case::new(format!("random {i}"), version, &body)
        })
        .collect()
}
