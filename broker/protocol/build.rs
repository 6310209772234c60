//! Generates the messages from the tables in `tables/`.

#![allow(clippy::disallowed_methods, reason = "a build script reads its tables and is told where to write")]

mod generator;

use std::error::Error;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=tables");
    println!("cargo::rerun-if-changed=generator");
    let mut tables = Vec::new();
    let mut errors = None;
    let mut paths: Vec<_> = fs::read_dir("tables")?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    paths.sort();
    for path in paths {
        let table = (path.display().to_string(), fs::read_to_string(&path)?);
        if path.ends_with("error_codes.txt") {
            errors = Some(table);
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            tables.push(table);
        }
    }
    let errors = errors.ok_or("tables/error_codes.txt is missing")?;
    match generator::generate(&tables, &errors) {
        Ok(generated) => {
            let out = env::var("OUT_DIR")?;
            fs::write(Path::new(&out).join("messages.rs"), generated.messages)?;
            fs::write(Path::new(&out).join("error_codes.rs"), generated.error_codes)?;
        }
        Err(error) => {
            println!("cargo::error={error}");
        }
    }
    Ok(())
}
