//! `report` and `export`.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tribunal_reports::compare::Comparison;
use tribunal_reports::{Format, ReportError, ReportOptions, RunFolder, hunt_file, write_hunt_page, write_report};

use super::args::{DEFAULT_OUT, ExportArgs, ExportFormat, MessageFormat, OutputArgs, ReportArgs};
use super::{Exit, json, print, say_error};

/// A file that was written.
#[derive(Serialize)]
struct Written<'p> {
    r#type: &'static str,
    path: &'p Path,
}

pub(super) fn report(args: &ReportArgs) -> Exit {
    let options = ReportOptions { png: args.png };
    if args.compare {
        let out = args.out.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_OUT).join("compare"));
        return told(Comparison::of_runs(&args.runs).and_then(|all| all.write(&out, options)), args.output);
    }
    for run in &args.runs {
        let written = match hunt_file(run) {
            Some(hunt) => write_hunt_page(&hunt, options),
            None => RunFolder::open(run).and_then(|folder| write_report(&folder, options)),
        };
        let exit = told(written, args.output);
        if exit != Exit::AllHeld {
            return exit;
        }
    }
    Exit::AllHeld
}

pub(super) fn export(args: &ExportArgs) -> Exit {
    let format = match args.format {
        ExportFormat::Csv => Format::Csv,
        ExportFormat::Edn => Format::Edn,
        ExportFormat::Jsonl => Format::Jsonl,
        ExportFormat::Perfetto => Format::Perfetto,
        ExportFormat::Shiviz => Format::Shiviz,
    };
    let written =
        RunFolder::open(&args.run).and_then(|folder| tribunal_reports::export(&folder, format, args.out.as_deref()));
    told(written, args.output)
}

fn told(written: Result<PathBuf, ReportError>, output: OutputArgs) -> Exit {
    match written {
        Ok(path) => {
            say_written(&path, output);
            Exit::AllHeld
        }
        Err(error) => {
            say_error(error, output);
            Exit::BadFile
        }
    }
}

/// Says where something was written.
pub(super) fn say_written(path: &Path, output: OutputArgs) {
    match output.message_format {
        MessageFormat::Human => print(&format!("{}\n", path.display())),
        MessageFormat::Json => json::print(&Written { r#type: "written", path }),
    }
}
