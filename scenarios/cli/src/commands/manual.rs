//! `tribunal completions` and `tribunal man`: both are made of the definition of the command line.

use clap::CommandFactory;
use tribunal_language::nearest::nearest;

use super::args::{Cli, MessageFormat, OutputArgs};
use super::lookup_args::{CompletionsArgs, ManArgs};
use super::{Exit, print, say_error};

/// Prints the completions for a shell.
pub(super) fn completions(args: &CompletionsArgs) -> Exit {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tribunal", &mut text);
    print(&String::from_utf8_lossy(&text));
    Exit::AllHeld
}

/// Prints a manual page.
pub(super) fn man(args: &ManArgs) -> Exit {
    let human = OutputArgs { message_format: MessageFormat::Human };
    let mut page = Cli::command();
    page.build();
    if let Some(name) = &args.command {
        let Some(command) = page.find_subcommand(name).cloned() else {
            let names: Vec<&str> = page.get_subcommands().map(clap::Command::get_name).collect();
            let hint = nearest(name, names)
                .map_or("tribunal --help lists them".to_owned(), |name| format!("did you mean `{name}`?"));
            say_error(format!("there is no command `{name}`; {hint}"), human);
            return Exit::Usage;
        };
        page = command.display_name(format!("tribunal-{name}")).version(env!("CARGO_PKG_VERSION"));
    }
    let mut text = Vec::new();
    if let Err(error) = clap_mangen::Man::new(page).render(&mut text) {
        say_error(error, human);
        return Exit::Failed;
    }
    print(&String::from_utf8_lossy(&text));
    Exit::AllHeld
}
