//! The other simulators: programs of `sim/reference`, built and run by cargo, each in a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::BenchError;

/// A simulator that has the echo workload as well.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    /// Its name.
    pub(super) name: &'static str,
    /// The alias in `.cargo/config.toml` that builds and runs it.
    alias: &'static str,
    /// The folder of the checkout.
    root: PathBuf,
}

/// What such a program prints.
#[derive(Deserialize)]
struct Report {
    messages_per_second: f64,
}

impl Reference {
    /// All of them, built.
    pub(super) fn build_all() -> Result<Vec<Reference>, BenchError> {
        let root = checkout()?;
        let reference = |(name, alias)| Reference { name, alias, root: root.clone() };
        let all = [("turmoil", "echo-turmoil"), ("madsim", "echo-madsim")].map(reference);
        for reference in &all {
            reference.run(&["1", "1"])?;
        }
        Ok(all.into())
    }

    /// Messages of the echo workload a wall second.
    pub(super) fn echo(&self, clients: u32) -> Result<f64, BenchError> {
        let said = self.run(&[&clients.to_string()])?;
        let report: Report = serde_json::from_str(said.trim())
            .map_err(|error| BenchError::Failed(format!("{} printed {said:?}: {error}", self.alias)))?;
        Ok(report.messages_per_second)
    }

    fn run(&self, arguments: &[&str]) -> Result<String, BenchError> {
        let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .arg("--quiet")
            .arg(self.alias)
            .args(arguments)
            .current_dir(&self.root)
            // It would take the place of the flag that madsim needs.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| BenchError::Failed(format!("cargo {}: {error}", self.alias)))?;
        if !output.status.success() {
            return Err(BenchError::Failed(format!("cargo {} failed, {}", self.alias, output.status)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The checkout this is run in.
fn checkout() -> Result<PathBuf, BenchError> {
    let here = std::env::current_dir().map_err(|error| BenchError::Failed(format!("the current folder: {error}")))?;
    let found = here.ancestors().find(|folder| folder.join("sim/reference/echo.rs").is_file());
    found.map(Path::to_owned).ok_or_else(|| {
        BenchError::Failed("sim/reference is not here: run this in a checkout, or with --no-references".to_owned())
    })
}
