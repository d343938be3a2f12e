//! Parses the command line.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;

use clap::error::{ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser};

use crate::protocol::visible;

use super::Exit;
use super::logging::LogFilter;
use super::subcommand::{CliCommand, Export, Format};

/// The text below the options in the help.
const AFTER: &str = "\
Environment:
  PRIVICORE_API_URL, PRIVICORE_WS_URL, PRIVICORE_USERNAME, PRIVICORE_PASSWORD
          Pre-fill the sign-in, and sign `watch` in
  PRIVICORE_CA_FILE
          A file with certificate authorities to trust beside the system's, in PEM or DER form

Exit codes:
  0 done, 1 failed, 2 wrong usage, 3 signed out or token refused, 4 server not reached";

/// A live desktop monitor for the command outcomes and ready data of a Privicore profile.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(name = "privicore-monitor", version = super::VERSION, after_help = AFTER, subcommand_value_name = "COMMAND")]
pub struct Arguments {
    /// Watch a local Privicore made for trying out; nothing of it is kept unless a folder is given
    #[cfg(feature = "sandbox")]
    #[arg(long)]
    pub sandbox: bool,

    /// Connect this profile only, and show it first; the others stay offline until asked; with a command, this profile only
    #[arg(long, value_name = "NAME", global = true, allow_hyphen_values = true)]
    pub profile: Option<String>,

    /// Keep the journal in this folder
    #[arg(long, value_name = "DIR", allow_hyphen_values = true)]
    pub data_dir: Option<PathBuf>,

    /// Keep the settings in this folder
    #[arg(long, value_name = "DIR", allow_hyphen_values = true)]
    pub config_dir: Option<PathBuf>,

    /// Log to standard error: a level, or parts of the program with levels, such as `privicore_monitor::engine=debug,warn`
    #[arg(long, value_name = "FILTER", default_value_t)]
    pub log: LogFilter,

    /// What to do without a window
    #[command(subcommand)]
    pub task: Option<CliCommand>,
}

impl Arguments {
    /// Parses a command line; the first item is the program's name. If there is nothing to run (help, version, wrong usage),
    /// prints the text and returns the exit code.
    ///
    /// # Errors
    ///
    /// The exit code, after everything has been printed.
    pub fn parse<I>(line: I) -> Result<Self, Exit>
    where
        I: IntoIterator,
        I::Item: Into<OsString> + Clone,
    {
        Self::try_parse_from(line).and_then(Self::checked).map_err(|said| {
            if said.use_stderr() {
                print_usage_error(said);
                return Exit::Usage;
            }
            // If standard output is closed, the exit code still tells the result.
            drop(said.print());
            Exit::Done
        })
    }

    /// Checks combinations of arguments: a sandbox has no journal to export before it runs, and no process that could track
    /// ids; JSON never begins with a byte order mark.
    fn checked(self) -> Result<Self, clap::Error> {
        if matches!(&self.task, Some(CliCommand::Export(Export { bom: true, format: Format::Ndjson, .. }))) {
            let words = "--bom can only be used with --format csv";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, words));
        }
        if self.starts_in_sandbox() && matches!(self.task, Some(CliCommand::Export(_) | CliCommand::Track(_))) {
            let words = "--sandbox goes with the window and with `watch` only";
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

/// Prints a usage error on standard error. It quotes arguments, so control characters are escaped.
fn print_usage_error(mut said: clap::Error) {
    let quoted: Vec<_> = said
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => Some((kind, ContextValue::String(visible(text).into_owned()))),
            ContextValue::Strings(texts) => {
                let texts = texts.iter().map(|text| visible(text).into_owned()).collect();
                Some((kind, ContextValue::Strings(texts)))
            }
            _ => None,
        })
        .collect();
    for (kind, value) in quoted {
        said.insert(kind, value);
    }
    let mut text = String::new();
    for line in said.render().to_string().lines() {
        text.extend([&*visible(line), "\n"]);
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
        Arguments::command().debug_assert();
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
            assert!(matches!(arguments.task, Some(CliCommand::Watch(watch)) if watch.json), "{line:?}");
        }
        let Some(CliCommand::Watch(watch)) = parse(&["watch", "--exit-on", "label:x"]).unwrap().task else {
            panic!("no watch")
        };
        assert_eq!(watch.exit_on, Some(ExitCondition::Label("x".into())));
        let line = ["export", "--format", "ndjson", "--since", "2h", "--filter", "a b", "--messages", "/f"];
        let Some(CliCommand::Export(export)) = parse(&line).unwrap().task else { panic!("no export") };
        assert_eq!((export.format, export.messages), (Format::Ndjson, true));
        assert_eq!((export.filter, export.file), ("a b".parse().ok(), Some(PathBuf::from("/f"))));
        let Some(CliCommand::Track(track)) = parse(&["track", "--label", "x", "a", "b"]).unwrap().task else {
            panic!("no track")
        };
        assert_eq!((track.label.as_deref(), track.ids), (Some("x"), vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn a_value_may_begin_with_a_minus() {
        let filter = |line: &[&str]| match parse(line).unwrap().task {
            Some(CliCommand::Watch(watch)) => watch.filter,
            Some(CliCommand::Export(export)) => export.filter,
            _ => None,
        };
        for text in ["-status:failed", "-\"in flight\"", "-collecting", "-1", "--x"] {
            assert_eq!(filter(&["watch", "--filter", text]), text.parse().ok(), "{text}");
            assert_eq!(filter(&["export", "--format", "csv", "--filter", text]), text.parse().ok(), "{text}");
        }
        let Some(CliCommand::Track(track)) = parse(&["track", "--label", "-x", "a"]).unwrap().task else {
            panic!("no track")
        };
        assert_eq!((track.label.as_deref(), track.ids), (Some("-x"), vec!["a".to_owned()]));
        let Some(CliCommand::Track(track)) = parse(&["track", "--", "-a", "--b"]).unwrap().task else {
            panic!("no track")
        };
        assert_eq!(track.ids, ["-a", "--b"]);
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
