//! Parses the command line.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand as _, ValueHint};

use crate::protocol::sanitize;

use super::Exit;
use super::logging::LogFilter;
use super::manual::{Document, texts};
use super::subcommand::{CliCommand, ExportArguments, Format};

/// A live desktop monitor for the command outcomes and ready data of a Privicore profile.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(
    name = "privicore-monitor",
    version = super::VERSION,
    after_help = texts::program_help(),
    subcommand_value_name = "COMMAND"
)]
pub struct Arguments {
    /// Run on a local sandbox. Nothing is stored unless a folder is given
    #[cfg(feature = "sandbox")]
    #[arg(long)]
    pub sandbox: bool,

    /// Connect this profile only, and show it first; the others stay offline until asked; with a command, this profile only
    #[arg(long, value_name = "NAME", global = true, allow_hyphen_values = true)]
    pub profile: Option<String>,

    /// Keep the journal in this folder
    #[arg(long, value_name = "DIR", allow_hyphen_values = true, value_hint = ValueHint::DirPath)]
    pub data_dir: Option<PathBuf>,

    /// Keep the settings in this folder
    #[arg(long, value_name = "DIR", allow_hyphen_values = true, value_hint = ValueHint::DirPath)]
    pub config_dir: Option<PathBuf>,

    /// Log to standard error: a level, or parts of the program with levels, such as `privicore_monitor::engine=debug,warn`
    #[arg(long, value_name = "FILTER", default_value_t)]
    pub log: LogFilter,

    /// What to do without a window
    #[command(subcommand)]
    pub command: Option<CliCommand>,
}

impl Arguments {
    /// Parses a command line; the first item is the program's name. If there is nothing to run (help, version, a document, wrong
    /// usage), prints the text and returns the exit code.
    ///
    /// # Errors
    ///
    /// The exit code, after everything has been printed.
    pub fn parse<I>(line: I) -> Result<Self, Exit>
    where
        I: IntoIterator,
        I::Item: Into<OsString> + Clone,
    {
        match parse_line(line) {
            Ok(CommandLine::Run(arguments)) => Ok(*arguments),
            Ok(CommandLine::Print(document)) => Err(match document.print(whole_command()) {
                Ok(()) => Exit::Done,
                Err(error) => {
                    super::print_error(&error);
                    error.exit()
                }
            }),
            Err(error) if error.use_stderr() => {
                print_usage_error(error);
                Err(Exit::Usage)
            }
            Err(error) => {
                // If standard output is closed, the exit code still tells the result.
                drop(error.print());
                Err(Exit::Done)
            }
        }
    }

    /// Checks combinations of arguments: a sandbox has no journal to export before it runs, and no process that could track
    /// ids; JSON never begins with a byte order mark.
    fn checked(self) -> Result<Self, clap::Error> {
        if matches!(&self.command, Some(CliCommand::Export(ExportArguments { bom: true, format: Format::Ndjson, .. })))
        {
            let words = "--bom can only be used with --format csv";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, words));
        }
        if self.starts_in_sandbox() && matches!(self.command, Some(CliCommand::Export(_) | CliCommand::Track(_))) {
            let words = "`--sandbox` can only be used with the window or `watch`";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, words));
        }
        if let Some(CliCommand::Track(track)) = &self.command
            && track.reads_standard_input()
            && track.ids.len() > 1
        {
            let words = "`-` reads the ids from standard input, so it can't be combined with ids on the command line";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, words));
        }
        Ok(self)
    }

    /// Whether to start with a sandbox. Always `false` if the program was built without it.
    pub fn starts_in_sandbox(&self) -> bool {
        #[cfg(feature = "sandbox")]
        return self.sandbox;
        #[cfg(not(feature = "sandbox"))]
        false
    }
}

/// What a command line asks for.
#[derive(Debug)]
enum CommandLine {
    /// To run the window or a subcommand.
    Run(Box<Arguments>),
    /// To print a document.
    Print(Document),
}

/// The definition of the command line: what runs, and what only prints.
fn whole_command() -> clap::Command {
    Document::augment_subcommands(Arguments::command())
}

fn parse_line<I>(line: I) -> Result<CommandLine, clap::Error>
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let mut command = whole_command();
    let matches = command.try_get_matches_from_mut(line).map_err(|error| add_hint(error, &command))?;
    if let Ok(document) = Document::from_arg_matches(&matches) {
        return Ok(CommandLine::Print(document));
    }
    let arguments = Arguments::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    Ok(CommandLine::Run(Box::new(arguments.checked()?)))
}

/// Adds what to do about an option of the whole program that stands after the subcommand; clap only says that it does not expect it.
fn add_hint(mut error: clap::Error, command: &clap::Command) -> clap::Error {
    let Some(ContextValue::String(wrong)) = error.get(ContextKind::InvalidArg) else { return error };
    let is_wrong =
        |argument: &clap::Arg| argument.get_long().is_some_and(|long| wrong.strip_prefix("--") == Some(long));
    if error.kind() == ErrorKind::UnknownArgument && command.get_arguments().any(is_wrong) {
        let hint = StyledStr::from(format!("write '{wrong}' before the subcommand"));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint]));
    }
    error
}

/// Prints a usage error on standard error. It quotes arguments, so control characters are escaped.
fn print_usage_error(mut error: clap::Error) {
    let quoted: Vec<_> = error
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => Some((kind, ContextValue::String(sanitize(text).into_owned()))),
            ContextValue::Strings(texts) => {
                let texts = texts.iter().map(|text| sanitize(text).into_owned()).collect();
                Some((kind, ContextValue::Strings(texts)))
            }
            _ => None,
        })
        .collect();
    for (kind, value) in quoted {
        error.insert(kind, value);
    }
    let mut text = String::new();
    for line in error.render().to_string().lines() {
        text.extend([&*sanitize(line), "\n"]);
    }
    // If standard error is closed, the exit code still tells the result.
    drop(std::io::stderr().write_all(text.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::subcommand::ExitCondition;

    fn parse(words: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("privicore-monitor").chain(words.iter().copied()))
    }

    #[test]
    fn the_definition_of_the_arguments_is_valid() {
        whole_command().debug_assert();
    }

    /// The words of the part of a shell's line that calls the program.
    fn words_of(example: &str) -> Vec<String> {
        let call = example.split(" | ").find(|part| part.starts_with("privicore-monitor")).expect(example);
        let call = call.split(['>', '<']).next().unwrap_or(call);
        // Quoted parts are every second one.
        let parts = call.split('\'').zip([false, true].into_iter().cycle());
        parts
            .flat_map(
                |(part, quoted)| {
                    if quoted { vec![part.to_owned()] } else { part.split_whitespace().map(str::to_owned).collect() }
                },
            )
            .collect()
    }

    #[test]
    fn every_example_of_the_help_is_accepted() {
        let examples: Vec<_> = texts::examples().collect();
        assert!(examples.len() > 10, "{examples:?}");
        for example in examples {
            match parse_line(words_of(example)) {
                Ok(_) => {}
                // `help` prints and ends.
                Err(error) => assert_eq!(error.kind(), ErrorKind::DisplayHelp, "{example}: {error}"),
            }
        }
    }

    #[test]
    fn the_documented_options_are_parsed() {
        let arguments =
            parse(&["--profile", "ops", "--data-dir", "/d", "--config-dir", "/c", "--log", "debug"]).unwrap();
        assert_eq!(arguments.profile.as_deref(), Some("ops"));
        assert_eq!(arguments.data_dir, Some(PathBuf::from("/d")));
        assert_eq!(arguments.config_dir, Some(PathBuf::from("/c")));
        assert_eq!(arguments.log, "debug".parse().unwrap());
        assert!(!arguments.starts_in_sandbox(), "a sandbox that nobody asked for");
        assert_eq!(parse(&[]).unwrap().log, LogFilter::default());
    }

    #[cfg(feature = "sandbox")]
    #[test]
    fn a_sandbox_may_be_given_folders() {
        assert!(parse(&["--sandbox"]).unwrap().starts_in_sandbox());
        let arguments = parse(&["--sandbox", "--config-dir", "/c"]).unwrap();
        assert_eq!((arguments.data_dir, arguments.config_dir), (None, Some(PathBuf::from("/c"))));
    }

    #[test]
    fn no_flag_takes_a_secret() {
        let command = Arguments::command();
        for command in std::iter::once(&command).chain(command.get_subcommands()) {
            for argument in command.get_arguments() {
                let name = argument.get_id().as_str();
                assert!(!["token", "password", "secret"].iter().any(|word| name.contains(word)), "--{name}");
            }
        }
    }

    #[test]
    fn subcommands_accept_the_profile_before_or_after_them() {
        for line in [&["--profile", "ops", "watch", "--json"][..], &["watch", "--json", "--profile", "ops"]] {
            let arguments = parse(line).unwrap();
            assert_eq!(arguments.profile.as_deref(), Some("ops"), "{line:?}");
            assert!(matches!(arguments.command, Some(CliCommand::Watch(watch)) if watch.json), "{line:?}");
        }
        let Some(CliCommand::Watch(watch)) = parse(&["watch", "--exit-on", "label:x"]).unwrap().command else {
            panic!("no watch")
        };
        assert_eq!(watch.exit_on, Some(ExitCondition::Label("x".into())));
        let line = ["export", "--format", "ndjson", "--since", "2h", "--filter", "a b", "--messages", "/f"];
        let Some(CliCommand::Export(export)) = parse(&line).unwrap().command else { panic!("no export") };
        assert_eq!((export.format, export.messages), (Format::Ndjson, true));
        assert_eq!((export.filter, export.file), ("a b".parse().ok(), Some(PathBuf::from("/f"))));
        let Some(CliCommand::Track(track)) = parse(&["track", "--label", "x", "a", "b"]).unwrap().command else {
            panic!("no track")
        };
        assert_eq!((track.label.as_deref(), track.ids), (Some("x"), vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn a_value_may_begin_with_a_minus() {
        let filter = |line: &[&str]| match parse(line).unwrap().command {
            Some(CliCommand::Watch(watch)) => watch.filter,
            Some(CliCommand::Export(export)) => export.filter,
            _ => None,
        };
        for text in ["-status:failed", "-\"in flight\"", "-collecting", "-1", "--x"] {
            assert_eq!(filter(&["watch", "--filter", text]), text.parse().ok(), "{text}");
            assert_eq!(filter(&["export", "--format", "csv", "--filter", text]), text.parse().ok(), "{text}");
        }
        let Some(CliCommand::Track(track)) = parse(&["track", "--label", "-x", "a"]).unwrap().command else {
            panic!("no track")
        };
        assert_eq!((track.label.as_deref(), track.ids), (Some("-x"), vec!["a".to_owned()]));
        let Some(CliCommand::Track(track)) = parse(&["track", "--", "-a", "--b"]).unwrap().command else {
            panic!("no track")
        };
        assert_eq!(track.ids, ["-a", "--b"]);
        assert!(!track.reads_standard_input(), "an id was taken for standard input");
        let Some(CliCommand::Track(track)) = parse(&["track", "-"]).unwrap().command else { panic!("no track") };
        assert!(track.reads_standard_input(), "`-` was taken for an id");
        assert_eq!(parse(&["--profile", "-ops", "watch"]).unwrap().profile.as_deref(), Some("-ops"));
        assert_eq!(parse(&["watch", "--profile", "-ops"]).unwrap().profile.as_deref(), Some("-ops"));
        assert_eq!(parse(&["--data-dir", "-d"]).unwrap().data_dir, Some(PathBuf::from("-d")));
        let error = parse(&["export", "--format", "csv", "--since", "-1h"]).unwrap_err().to_string();
        assert!(error.contains("Write a time such as"), "{error}");
    }

    #[test]
    fn invalid_combinations_are_usage_errors() {
        for line in [
            &["export"][..],
            &["export", "--format", "xml"],
            &["export", "--format", "ndjson", "--bom"],
            &["export", "--format", "csv", "--since", "soon"],
            &["export", "--format", "csv", "--filter", "staus:failed"],
            &["watch", "--filter", "took:2s"],
            &["track"],
            &["track", "-", "a"],
            &["track", "a", "-"],
            &["completions"],
            &["completions", "tcsh"],
            &["man", "watch"],
            &["watch", "--exit-on", "x"],
            &["watch", "--data-dir", "/d"],
            #[cfg(feature = "sandbox")]
            &["--sandbox", "track", "a"],
            #[cfg(feature = "sandbox")]
            &["--sandbox", "export", "--format", "csv"],
        ] {
            let words = std::iter::once("privicore-monitor").chain(line.iter().copied());
            assert_eq!(Arguments::parse(words).unwrap_err(), Exit::Usage, "{line:?}");
        }
    }

    #[test]
    fn usage_errors_exit_with_2_and_help_with_0() {
        for (word, exit) in [
            ("--nonsense", Exit::Usage),
            ("--log=loud", Exit::Usage),
            ("--help", Exit::Done),
            ("--version", Exit::Done),
        ] {
            assert_eq!(Arguments::parse(["privicore-monitor", word]).unwrap_err(), exit, "{word}");
        }
        let codes = [Exit::Done, Exit::Failed, Exit::Usage, Exit::SignedOut, Exit::NotReached].map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 3, 4]);
    }
}
