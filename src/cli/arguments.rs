//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;

use super::Exit;
use super::logging::LogFilter;

/// Stands below the options in the help.
const AFTER: &str = "\
Environment:
  PRIVICORE_API_URL, PRIVICORE_WS_URL, PRIVICORE_USERNAME, PRIVICORE_PASSWORD
          Pre-fill the sign-in
  PRIVICORE_CA_FILE
          A PEM file with a certificate authority to trust beside the system's

Exit codes:
  0 done, 1 failed, 2 wrong usage, 3 signed out or token refused, 4 server not reached";

/// A live desktop monitor for the command outcomes and ready data of a Privicore profile.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(name = "privicore-monitor", version, after_help = AFTER)]
pub struct Arguments {
    /// Watch a local Privicore made for trying out; nothing of it is kept unless a folder is given
    #[cfg(feature = "sandbox")]
    #[arg(long)]
    pub sandbox: bool,

    /// Show this profile first
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,

    /// Keep the journal in this folder
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Keep the settings in this folder
    #[arg(long, value_name = "DIR")]
    pub config_dir: Option<PathBuf>,

    /// Log to standard error: a level, or parts of the program with levels, such as `privicore_monitor::engine=debug,warn`
    #[arg(long, value_name = "FILTER", default_value_t)]
    pub log: LogFilter,
}

impl Arguments {
    /// Reads a command line, the program's name first. Where that is all there is to do (help, version, wrong usage), says
    /// what there is to say and gives the way to end.
    ///
    /// # Errors
    ///
    /// How to end, with everything said.
    pub fn read<I>(line: I) -> Result<Self, Exit>
    where
        I: IntoIterator,
        I::Item: Into<OsString> + Clone,
    {
        Self::try_parse_from(line).map_err(|said| {
            let exit = if said.use_stderr() { Exit::Usage } else { Exit::Done };
            // Where nobody listens, the code still says what it was.
            drop(said.print());
            exit
        })
    }

    /// Whether to start on a sandbox. Never where the program was built without one.
    #[must_use]
    pub fn starts_in_sandbox(&self) -> bool {
        #[cfg(feature = "sandbox")]
        return self.sandbox;
        #[cfg(not(feature = "sandbox"))]
        false
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(words: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("privicore-monitor").chain(words.iter().copied()))
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_options_of_the_contract_are_read() {
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
        for argument in Arguments::command().get_arguments() {
            let name = argument.get_id().as_str();
            assert!(!["token", "password", "secret"].iter().any(|word| name.contains(word)), "--{name}");
        }
    }

    #[test]
    fn wrong_usage_ends_with_2_and_help_with_0() {
        for (word, exit) in [
            ("--nonsense", Exit::Usage),
            ("--log=loud", Exit::Usage),
            ("--help", Exit::Done),
            ("--version", Exit::Done),
        ] {
            assert_eq!(Arguments::read(["privicore-monitor", word]).unwrap_err(), exit, "{word}");
        }
        let codes = [Exit::Done, Exit::Failed, Exit::Usage, Exit::SignedOut, Exit::NotReached].map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 3, 4]);
    }
}
