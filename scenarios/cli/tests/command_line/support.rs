//! What tests of the command line share.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The command line, built as these tests are.
pub(crate) const TRIBUNAL: &str = env!("CARGO_BIN_EXE_tribunal");

/// An empty folder of this test.
pub(crate) fn scratch(test: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("command_line").join(test);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// Runs `tribunal` in `folder` until it ends.
pub(crate) fn tribunal(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(TRIBUNAL).args(arguments).current_dir(folder).output().unwrap()
}

/// What it printed.
pub(crate) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What it complained of.
pub(crate) fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Of the lines of JSON that it printed, those of a type.
pub(crate) fn lines(output: &Output, r#type: &str) -> Vec<Value> {
    let all = out(output);
    let all = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|line| line["type"] == r#type).collect()
}
