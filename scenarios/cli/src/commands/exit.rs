//! Exit codes.

use std::process::ExitCode;

use tribunal_world::run::{ScenarioOutcome, Summary};

macro_rules! exits {
    ($($variant:ident = $code:literal, $about:literal;)*) => {
        /// How the command ends.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Exit { $(#[doc = $about] $variant = $code),* }

        impl Exit {
            /// Every exit code, ascending, with what it means.
            pub const ALL: &[(Exit, &str)] = &[$((Exit::$variant, $about)),*];
        }

        /// The exit codes, as `--help` lists them.
        pub const EXIT_CODES: &str = concat!("Exit codes:", $("\n  ", $code, "\t", $about),*);
    };
}

exits! {
    AllHeld = 0, "everything held";
    Failed = 1, "the tool failed";
    Usage = 2, "wrong usage, or no command";
    NothingSelected = 4, "nothing was selected";
    BadFile = 96, "a bad scenario or plan file";
    Violation = 100, "a violation, or a scenario that did not show what it must";
    Inconclusive = 120, "inconclusive: a limit was reached";
    NotDeterministic = 121, "not deterministic";
    NotReproduced = 122, "the replay did not reproduce the run";
}

impl Exit {
    /// What the runs come to: the worst of them.
    pub fn of(summary: &Summary) -> Exit {
        match () {
            () if summary.not_deterministic > 0 => Exit::NotDeterministic,
            () if summary.not_reproduced > 0 => Exit::NotReproduced,
            () if summary.violated > 0 || !summary.scenarios.iter().all(ScenarioOutcome::is_whole) => Exit::Violation,
            () if summary.inconclusive > 0 => Exit::Inconclusive,
            () => Exit::AllHeld,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
