//! `report`.

use std::path::Path;

use serde::Serialize;
use tribunal_reports::{ReportOptions, RunFolder, write_report};

use super::args::{MessageFormat, OutputArgs, ReportArgs};
use super::{Exit, json, print, say_error};

/// A file that was written.
#[derive(Serialize)]
struct Written<'p> {
    r#type: &'static str,
    path: &'p Path,
}

pub(super) fn report(args: &ReportArgs) -> Exit {
    let options = ReportOptions { png: args.png };
    match RunFolder::open(&args.run).and_then(|folder| write_report(&folder, options)) {
        Ok(path) => {
            say_written(&path, args.output);
            Exit::AllHeld
        }
        Err(error) => {
            say_error(error, args.output);
            Exit::BadFile
        }
    }
}

/// Says where something was written.
fn say_written(path: &Path, output: OutputArgs) {
    match output.message_format {
        MessageFormat::Human => print(&format!("{}\n", path.display())),
        MessageFormat::Json => json::print(&Written { r#type: "written", path }),
    }
}
