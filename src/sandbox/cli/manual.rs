//! What `privicore-sandbox` prints about itself: completion scripts for shells, and its manual page.

use std::io::{self, Write as _};

use clap::{Command, Subcommand};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// Command lines and what they do.
const EXAMPLES: [(&str, &str); 3] = [
    ("privicore-sandbox", "Run on the standard ports, with an endless stream of invented outcomes"),
    (
        "privicore-sandbox --scenario quiet --faults --seed 1 --print json",
        "Serve a test: only what its clients cause, faults on request, the same in each run",
    ),
    (
        "privicore-sandbox --script report.ndjson",
        "Replay what `privicore-monitor export --messages --format ndjson` wrote",
    ),
];

/// The exit codes.
const EXIT_CODES: [(&str, &str); 3] = [("0", "a signal ended it"), ("1", "failed"), ("2", "wrong usage")];

/// The text below the options in the help.
pub(super) fn after_help() -> String {
    let examples: Vec<String> =
        EXAMPLES.iter().map(|(line, effect)| format!("  {line}\n          {effect}\n")).collect();
    let codes: Vec<String> = EXIT_CODES.iter().map(|(code, meaning)| format!("{code} {meaning}")).collect();
    format!("Examples:\n{}\nExit codes:\n  {}", examples.concat(), codes.join(", "))
}

// A subcommand that prints a document about the program and does nothing else. A doc comment would become the help of the program.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum Document {
    /// Print a script that completes options in a shell
    Completions {
        /// The shell that runs the script
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

impl Document {
    /// Prints the document on standard output. `command` is the definition of the command line. A closed pipe is no error.
    pub(super) fn print(self, mut command: Command) -> io::Result<()> {
        let mut text = Vec::new();
        match self {
            Self::Completions { shell } => {
                clap_complete::generate(shell, &mut command, "privicore-sandbox", &mut text);
            }
            Self::Man => render_page(command, &mut text)?,
        }
        // clap_complete 4.6 spells the hyphen of the name in two ways in the script for bash, so it would complete no shell of
        // `completions`. One way in all places is right, and does nothing once that is fixed.
        let text = String::from_utf8_lossy(&text).replace("privicore__subcmd__sandbox", "privicore__sandbox");
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    }
}

fn render_page(command: Command, page: &mut Vec<u8>) -> io::Result<()> {
    let mut command = command.disable_help_subcommand(true);
    let usage = command.render_usage().to_string();
    let command = command.override_usage(usage.trim_start_matches("Usage:").trim().to_owned());
    // An empty date would be left out, and what follows it taken for the date.
    let man = Man::new(command.clone()).date(" ").manual("User Commands");
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    let about = |command: &Command| command.get_about().map(ToString::to_string).unwrap_or_default();
    let commands: Vec<_> = command.get_subcommands().map(|found| (found.get_name(), about(found))).collect();
    write_list(page, "COMMANDS", commands.iter().map(|(name, about)| (*name, about.as_str())))?;
    write_list(page, "EXIT STATUS", EXIT_CODES.into_iter())?;
    write_list(page, "EXAMPLES", EXAMPLES.into_iter())
}

fn write_list<'a>(
    page: &mut Vec<u8>,
    heading: &str,
    entries: impl Iterator<Item = (&'a str, &'a str)>,
) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [heading]);
    for (term, meaning) in entries {
        roff.control("TP", []).text([bold(term)]).text([roman(meaning)]);
    }
    roff.to_writer(page)
}
