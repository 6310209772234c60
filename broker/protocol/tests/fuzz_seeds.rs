//! The seeds of the fuzz targets: each decoder is reached from the first run on.
//!
//! `TRIBUNAL_WRITE_SEEDS=1 cargo test -p tribunal-protocol --test fuzz_seeds` writes those that are missing.

#![allow(clippy::disallowed_methods, reason = "seeds are files, and this test reads them")]

#[allow(dead_code, reason = "the fuzz targets use the rest")]
#[path = "../fuzz/src/oracle.rs"]
mod oracle;

use std::fs;
use std::path::PathBuf;

use tribunal_protocol::*;

/// The folder of a target's seeds.
fn seeds(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target)
}

/// A value of a version as bytes: one that is not long, so that the corpus stays small.
fn short(seed: u64, mut body: impl FnMut(&mut Sampler, &mut BytesMut)) -> BytesMut {
    let mut g = Sampler::new(seed);
    let sampled = (0..32).map(|_| {
        let mut out = BytesMut::new();
        body(&mut g, &mut out);
        out
    });
    // The median says more than the shortest, which is empty.
    let mut sampled: Vec<BytesMut> = sampled.collect();
    sampled.sort_by_key(BytesMut::len);
    sampled.swap_remove(8)
}

/// The seeds of requests and responses: each API at its first and last version.
fn wanted() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut wanted = Vec::new();
    for api in ApiKey::ALL {
        let range = versions(api);
        for version in [range.min, range.max] {
            let name = format!("{}-{version}", api.name());
            let seed = (api as u64) << 8 | version as u64;
            let request = short(seed, |g, out| RequestBody::sample(api, version, g).encode(version, out).unwrap());
            wanted.push(("requests", name.clone(), oracle::chosen(api, version, &request)));
            let response = short(seed, |g, out| ResponseBody::sample(api, version, g).encode(version, out).unwrap());
            wanted.push(("responses", name.clone(), oracle::chosen(api, version, &response)));
            let body = RequestBody::decode(api, version, &mut Reader::new(request.freeze())).unwrap();
            let frame = encode_request(7, None, version, &body).unwrap();
            wanted.push(("frames", name, frame.to_vec()));
        }
    }
    wanted
}

#[test]
fn every_decoder_has_a_seed_that_it_accepts() {
    for (target, name, bytes) in wanted() {
        let path = seeds(target).join(&name);
        if std::env::var_os("TRIBUNAL_WRITE_SEEDS").is_some() && !path.exists() {
            fs::create_dir_all(seeds(target)).unwrap();
            fs::write(&path, bytes).unwrap();
        }
        let seed = Bytes::from(fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        let accepted = match target {
            "requests" => accepts(&seed, |api, version, r| RequestBody::decode(api, version, r).map(drop)),
            "responses" => accepts(&seed, |api, version, r| ResponseBody::decode(api, version, r).map(drop)),
            _ => decode_request(seed.slice(frame::LENGTH_BYTES..)).map(|(_, body)| body.api_key().name().to_owned()),
        };
        let accepted = accepted.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(name.starts_with(&accepted), "{} is of {accepted}", path.display());
    }
}

/// Which API decodes a seed.
fn accepts(
    seed: &Bytes,
    decode: impl Fn(ApiKey, i16, &mut Reader) -> Result<(), DecodeError>,
) -> Result<String, DecodeError> {
    let (api, version, body) = oracle::choose(seed).expect("two bytes");
    let mut reader = Reader::new(body);
    decode(api, version, &mut reader)?;
    reader.finish("seed")?;
    Ok(api.name().to_owned())
}
