//! What the program prints about itself: help beyond the options, completion scripts for shells, and the manual page.

mod page;
pub(super) mod texts;

use clap::Subcommand;

use super::error::CliError;
use super::output::Output;

// A subcommand that prints a document about the program and does nothing else. A doc comment would become the help of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(super) enum Document {
    /// Print a script that completes commands and options in a shell
    #[command(after_help = texts::COMPLETIONS.help())]
    Completions {
        /// The shell that runs the script
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(after_help = texts::MAN.help())]
    Man,
}

impl Document {
    /// Prints the document on standard output. `command` is the whole definition of the command line. A closed pipe is no error.
    ///
    /// # Errors
    ///
    /// If standard output can't be written.
    pub(super) fn print(self, mut command: clap::Command) -> Result<(), CliError> {
        let text = match self {
            Self::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut command, texts::PROGRAM_NAME, &mut script);
                // clap_complete 4.6 spells the hyphen of the name in two ways in the script for bash, so it would complete no
                // option of a subcommand. One way in all places is right, and does nothing once that is fixed.
                String::from_utf8_lossy(&script).replace("privicore__subcmd__monitor", "privicore__monitor")
            }
            Self::Man => page::render(command).map_err(CliError::Output)?,
        };
        let mut output = Output::open(None)?;
        output.write(&text)?;
        output.finish()
    }
}
