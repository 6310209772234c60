//! What to do after an exit code.

use super::super::Exit;

/// What a code means and what to do next; `None` if the tool has no such code.
pub(super) fn text(code: u8) -> Option<String> {
    let (exit, about) = Exit::ALL.iter().find(|(exit, _)| *exit as u8 == code)?;
    let next = match exit {
        Exit::AllHeld => {
            "Nothing broke. `sometimes` of a scenario says what its runs must have reached for that to mean something."
        }
        Exit::Failed => {
            "The message on stderr says which file or socket failed. Run it again; if it fails again, it is a bug of the tool."
        }
        Exit::Usage => "The message on stderr names the argument. `tribunal COMMAND --help` has every option.",
        Exit::NothingSelected => {
            "No file, seed or configuration was left to run. Check the paths, `--seeds` and `--partition`."
        }
        Exit::BadFile => {
            "The message on stderr has file, line and column. `tribunal validate FILE` shows all mistakes without running."
        }
        Exit::Violation => {
            "Each FAIL line has a command that repeats the run, and a report. `tribunal shrink FOLDER` makes it small,\n\
             `tribunal explain PROPERTY` says how to read its report. A scenario with `must` or `sometimes` also fails if no\n\
             seed showed what it asks for: run more seeds, or look at whether its faults still strike."
        }
        Exit::Inconclusive => {
            "A search or run reached its limit before a verdict. Raise `--limit`, `--time`, or the duration."
        }
        Exit::NotDeterministic => {
            "The same plan had two traces. That is a bug of the tool, or of an application under test that reads a clock,\n\
             draws randomness, or iterates a HashMap. `tribunal diff` shows the first event at which two runs differ."
        }
        Exit::NotReproduced => {
            "The run differs from the recorded one. Usually the build differs: check out the version that recorded it, or\n\
             record it again with this one."
        }
    };
    Some(format!("{}.\n{next}\n", super::first_upper(about)))
}
