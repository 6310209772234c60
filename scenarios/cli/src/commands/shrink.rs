//! `tribunal shrink`.

use super::args::{MessageFormat, distinct};
use super::hunt_args::ShrinkArgs;
use super::{Exit, complain, hunt_text, json, print, say_error, select};
use tribunal_hunt::shrink;
use tribunal_language::command::CommandLine;
use tribunal_world::run::World;

/// Shrinks a run that fails, and saves it.
pub(super) fn shrink(args: &ShrinkArgs, world: Option<&dyn World>) -> Exit {
    let output = args.output;
    let Some(world) = world else {
        say_error("this build has no world to run plans in", output);
        return Exit::Failed;
    };
    let (request, recorded) = match select::replay(&args.what, args.seed) {
        Ok(chosen) => chosen,
        Err(wrong) => return complain(&wrong, output),
    };
    let bugs = if args.bugs.is_empty() { recorded } else { distinct(&args.bugs) };
    let plan = request.subject.plan();
    let shrunk = match shrink::shrink(&plan, &bugs, args.max_runs, world) {
        Ok(Some(shrunk)) => shrunk,
        Ok(None) => {
            say_error("the run holds: there is nothing to shrink", output);
            return Exit::NotReproduced;
        }
        Err(error) => {
            say_error(error, output);
            return Exit::Failed;
        }
    };
    let path = match shrunk.save(&args.out) {
        Ok(path) => path,
        Err(error) => {
            say_error(format!("{}: {error}", args.out.display()), output);
            return Exit::Failed;
        }
    };
    let record = shrunk.record(&path);
    match output.message_format {
        MessageFormat::Human => {
            print(&hunt_text::shrunk(&record));
            print(&format!("  {}: {}\n", shrunk.violation.property.name(), shrunk.violation.detail));
            print(&format!("  replay: {}\n", CommandLine::new("replay").path(&path).finish()));
        }
        MessageFormat::Json => json::print(&json::Tagged { r#type: "shrunk", value: &record }),
    }
    // It does fail, and so does what was asked.
    Exit::Violation
}
