//! Real brokers beside Apache Kafka's: the drivers of `tests/interop`, with what its installer brought.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::{BenchError, Figure};

/// The driver, from the root of the checkout.
const DRIVER: &str = "tests/interop/runner/bench.py";
/// The Python that the installer makes, which has the client libraries.
const PYTHON: &str = "target/interop/python/bin/python";
/// Apache Kafka, which it brings last.
const KAFKA: &str = "target/interop/kafka.stamp";

/// A line that the driver prints.
#[derive(Deserialize)]
struct Pair {
    name: String,
    unit: String,
    ours: f64,
    kafka: f64,
}

/// Measures this program's own brokers and Apache Kafka's by the same clients, and tells each figure and its ratio.
pub(super) fn side_by_side(tell: &mut dyn FnMut(&Figure)) -> Result<(), BenchError> {
    let root = checkout()?;
    let me = std::env::current_exe().map_err(|error| BenchError::Failed(format!("this program's path: {error}")))?;
    let output = Command::new(root.join(PYTHON))
        .arg(root.join(DRIVER))
        .env("TRIBUNAL", me)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| BenchError::Failed(format!("{DRIVER}: {error}")))?;
    if !output.status.success() {
        return Err(BenchError::Failed(format!("{DRIVER} failed, {}", output.status)));
    }
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let pair: Pair = serde_json::from_str(line)
            .map_err(|error| BenchError::Failed(format!("{DRIVER} printed {line:?}: {error}")))?;
        tell(&Figure::new(format!("{}, ours", pair.name), unit(&pair.unit), vec![pair.ours], None));
        tell(&Figure::new(format!("{}, Kafka 4.1.1", pair.name), unit(&pair.unit), vec![pair.kafka], None));
        tell(&Figure::new(format!("{}, ours/Kafka", pair.name), "x", vec![pair.ours / pair.kafka], None));
    }
    Ok(())
}

fn unit(name: &str) -> &'static str {
    match name {
        "MiB a broker" => "MiB/broker",
        "ms" => "ms",
        "records/s" => "records/s",
        _ => "s",
    }
}

/// The checkout this is run in, with the judges installed.
fn checkout() -> Result<PathBuf, BenchError> {
    let here = std::env::current_dir().map_err(|error| BenchError::Failed(format!("the current folder: {error}")))?;
    let found = here.ancestors().find(|folder| folder.join(DRIVER).is_file()).map(Path::to_owned);
    let root = found.ok_or_else(|| BenchError::Failed(format!("{DRIVER} is not here: run this in a checkout")))?;
    match root.join(PYTHON).is_file() && root.join(KAFKA).is_file() {
        true => Ok(root),
        false => Err(BenchError::Failed(
            "Apache Kafka and its clients are not installed: run tests/interop/install.sh first".to_owned(),
        )),
    }
}
