//! `tribunal merge`.

use std::path::{Path, PathBuf};

use tribunal_reports::ReportError;
use tribunal_reports::hunt::HuntRecord;

use super::args::{DEFAULT_OUT, MessageFormat};
use super::hunt::{exit_of, report};
use super::hunt_args::MergeArgs;
use super::{Exit, print, say_error};

/// Combines the parts of a hunt.
pub(super) fn merge(args: &MergeArgs) -> Exit {
    let output = args.output;
    let mut whole: Option<(HuntRecord, PathBuf)> = None;
    for shard in &args.shards {
        let path = if shard.is_dir() { shard.join("hunt.json") } else { shard.clone() };
        let record = match HuntRecord::read(&path) {
            Ok(record) => record,
            Err(ReportError::Io { path, source }) if source.kind() == std::io::ErrorKind::NotFound => {
                say_error(format!("{}: no such file; a hunt writes its record to --out", path.display()), output);
                return Exit::BadFile;
            }
            Err(error) => {
                say_error(error, output);
                return Exit::BadFile;
            }
        };
        match &mut whole {
            None => whole = Some((record, path)),
            Some((whole, first)) => {
                if let Err(why) = whole.merge(&record) {
                    say_error(format!("{} and {}: {why}", first.display(), path.display()), output);
                    return Exit::BadFile;
                }
            }
        }
    }
    let Some((whole, _)) = whole else {
        say_error("there is nothing to merge", output);
        return Exit::NothingSelected;
    };
    let missing = whole.missing();
    if !missing.is_empty() {
        say_error(format!("parts are missing: {}", missing.join(", ")), output);
        return Exit::BadFile;
    }
    let out = args.out.clone().unwrap_or_else(|| Path::new(DEFAULT_OUT).join("hunt/merged.json"));
    let folder = out.parent().map_or(Ok(()), std::fs::create_dir_all);
    let written = folder.map_err(|error| error.to_string());
    let written = written.and_then(|()| whole.write(&out).map_err(|error| error.to_string()));
    if let Err(error) = written.and_then(|()| report(&whole, &args.machines, output).map_err(|error| error.to_string()))
    {
        say_error(error, output);
        return Exit::Failed;
    }
    if output.message_format == MessageFormat::Human {
        print(&format!("  record: {}\n", out.display()));
    }
    exit_of(&whole)
}
