//! Embeds the catalog of scenarios and the regressions, so that the command line has it wherever it is run.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    let crate_folder = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let scenarios = crate_folder.parent().expect("the crate is a folder of scenarios/");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    let mut text = String::from("/// Path as people know it, and text, of every file that is built in.\n");
    text += "const BUILT_IN: &[(&str, &str)] = &[\n";
    for folder in ["catalog", "regressions", "sweeps"] {
        for path in files(&scenarios.join(folder)) {
            let name = path.file_name().and_then(|name| name.to_str()).expect("scenario files have plain names");
            writeln!(text, "    ({:?}, include_str!({path:?})),", format!("scenarios/{folder}/{name}"))
                .expect("a String takes all");
            println!("cargo::rerun-if-changed={}", path.display());
        }
        println!("cargo::rerun-if-changed={}", scenarios.join(folder).display());
    }
    text += "];\n";
    std::fs::write(out.join("catalog.rs"), text).expect("OUT_DIR can be written");
    println!("cargo::rerun-if-changed=build.rs");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).map(|all| all.filter_map(Result::ok).map(|entry| entry.path()));
    let mut files: Vec<PathBuf> = entries.map(Iterator::collect).unwrap_or_default();
    files.retain(|path| path.extension().is_some_and(|end| end == "toml" || end == "csv"));
    files.sort();
    files
}
