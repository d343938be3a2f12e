//! Logging to standard error: this program's warnings by default, more with `--log`.
//!
//! Some libraries log whole frames and headers at `trace`, including the authorization token, so they are capped at `debug`
//! whatever `--log` says. Libraries that use the crate `log` are not logged at all, because nothing bridges it to `tracing`.

use std::fmt;
use std::io::stderr;
use std::str::FromStr;

use anstream::{AutoStream, ColorChoice};
use tracing::Subscriber;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::{MakeWriter, format};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::engine::NOTICES_LOG_TARGET;
use crate::protocol::sanitize;

/// The filter without `--log`.
const DEFAULT: &str = "error,privicore_monitor=warn";

/// Libraries capped at `debug`, by target prefix.
const CAPPED_AT_DEBUG: [&str; 14] = [
    "async_tungstenite",
    "axum",
    "hyper",
    "hyper_util",
    "keyring",
    "lapin",
    "reqwest",
    "rustls",
    "secret_service",
    "tokio_rustls",
    "tokio_tungstenite",
    "tungstenite",
    "zbus",
    "zvariant",
];

/// A log filter: a default level, and levels by prefix of the module path.
#[derive(Debug, Clone, PartialEq)]
pub struct LogFilter {
    text: String,
    targets: Targets,
}

impl Eq for LogFilter {}

/// A log filter could not be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{part}` is not a log filter. Write a level (off, error, warn, info, debug or trace), or a module and a level, such as \
     privicore_monitor::engine=debug; separate several by commas."
)]
pub struct LogFilterError {
    /// The part that could not be parsed.
    part: String,
}

/// Logging could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("Logging is set up already. Set it up once, at the start.")]
pub struct LoggingError(#[from] tracing_subscriber::util::TryInitError);

impl FromStr for LogFilter {
    type Err = LogFilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut targets = Targets::new().with_default(LevelFilter::OFF);
        for part in text.split(',') {
            let refused = || LogFilterError { part: part.to_owned() };
            let (target, level) = match part.split_once('=') {
                Some((target, level)) => (Some(target.trim()), level),
                None => (None, part),
            };
            let level = level.trim();
            // Digits would parse as numeric levels, which nobody intends.
            if level.is_empty() || !level.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                return Err(refused());
            }
            let level: LevelFilter = level.parse().map_err(|_unknown| refused())?;
            targets = match target {
                None => targets.with_default(level),
                Some(target) if is_module_path(target) => targets.with_target(target, level),
                Some(_) => return Err(refused()),
            };
        }
        Ok(Self { text: text.to_owned(), targets: cap_libraries(targets) })
    }
}

impl LogFilter {
    /// Excludes notices, for a caller that prints each notice itself.
    pub fn without_notices(mut self) -> Self {
        self.targets = self.targets.with_target(NOTICES_LOG_TARGET, LevelFilter::OFF);
        self
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        // A test checks that the default parses.
        DEFAULT.parse().unwrap_or_else(|_unreadable| Self { text: DEFAULT.to_owned(), targets: Targets::new() })
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_module_path(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-'))
}

/// Caps the libraries of [`CAPPED_AT_DEBUG`] at `debug`. The longest matching target decides, so this caps both targets inside a library
/// and the level that it inherits from a shorter target.
fn cap_libraries(asked: Targets) -> Targets {
    let of_its_own = |library: &str| {
        let longest =
            asked.iter().filter(|(target, _)| library.starts_with(target)).max_by_key(|(target, _)| target.len());
        longest.map_or_else(|| asked.default_level().unwrap_or(LevelFilter::OFF), |(_, level)| level)
    };
    let libraries =
        CAPPED_AT_DEBUG.into_iter().map(|library| (library.to_owned(), of_its_own(library).min(LevelFilter::DEBUG)));
    let parts = asked
        .iter()
        .filter(|(target, _)| CAPPED_AT_DEBUG.iter().any(|library| target.starts_with(library)))
        .map(|(target, level)| (target.to_owned(), level.min(LevelFilter::DEBUG)));
    let more: Vec<_> = libraries.chain(parts).collect();
    asked.with_targets(more)
}

/// Sets up logging to standard error. Call it once.
///
/// # Errors
///
/// If logging has been set up before.
pub fn start(filter: &LogFilter) -> Result<(), LoggingError> {
    Ok(subscriber(filter, stderr, has_colours()).try_init()?)
}

/// Whether standard error shows colours: if it is a terminal that has them, unless the environment says otherwise (`NO_COLOR`,
/// `CLICOLOR`, `CLICOLOR_FORCE`, `TERM`). The help asks the same.
fn has_colours() -> bool {
    AutoStream::choice(&stderr()) != ColorChoice::Never
}

fn subscriber<W>(filter: &LogFilter, writer: W, colours: bool) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Values may come from a server: escape them, so that they can neither control a terminal nor begin a new line.
    let fields = format::debug_fn(|out, field, value| {
        let text = format!("{value:?}");
        match field.name() {
            "message" => write!(out, "{}", sanitize(&text)),
            name => write!(out, "{name}={}", sanitize(&text)),
        }
    });
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(colours)
        .fmt_fields(fields.delimited(" "))
        // If standard error is closed, the program continues.
        .log_internal_errors(false);
    tracing_subscriber::registry().with(filter.targets.clone()).with(lines)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Returns what is logged under a filter while `f` runs.
    fn logged(filter: &str, f: impl FnOnce()) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = subscriber(&filter.parse().unwrap(), move || writer.clone(), false);
        tracing::subscriber::with_default(subscriber, f);
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn libraries_that_log_frames_are_capped_at_debug_whatever_the_filter() {
        for filter in [
            "trace",
            "tungstenite=trace",
            "tungstenite::protocol=trace",
            "tung=trace",
            "t=trace",
            "off,tungstenite::protocol::frame=trace",
            "trace,tungstenite=trace,tokio_tungstenite=trace,hyper=trace,reqwest=trace,rustls=trace,zbus=trace,\
             lapin=trace",
        ] {
            let text = logged(filter, || {
                tracing::trace!(target: "tungstenite::protocol::frame", "CANARY");
                tracing::trace!(target: "tungstenite::protocol", "CANARY");
                tracing::trace!(target: "tungstenite", "CANARY");
                tracing::trace!(target: "tokio_tungstenite::compat", "CANARY");
                tracing::trace!(target: "hyper::proto::h1::io", "CANARY");
                tracing::trace!(target: "hyper_util::client", "CANARY");
                tracing::trace!(target: "reqwest::connect", "CANARY");
                tracing::trace!(target: "rustls::client", "CANARY");
                tracing::trace!(target: "zbus::connection", "CANARY");
                tracing::trace!(target: "lapin::channel", "CANARY");
                tracing::debug!(target: "tungstenite::protocol::frame", "heard");
            });
            assert!(!text.contains("CANARY"), "under {filter:?}:\n{text}");
            assert!(text.contains("heard"), "debug is not heard under {filter:?}:\n{text}");
        }
    }

    #[test]
    fn a_log_record_is_one_line_without_terminal_control_characters() {
        #[derive(Debug, thiserror::Error)]
        #[error("\u{1b}]52;c;x\u{7}\n2026-01-01 ERROR forged\u{202e}\u{9b}2J")]
        struct Hostile;
        let text = logged("trace", || {
            let span = tracing::info_span!("work", who = %Hostile);
            let _entered = span.enter();
            tracing::warn!(error = %Hostile, other = ?Hostile.to_string(), why = Hostile.to_string(), "said: {Hostile}");
        });
        assert_eq!(text.lines().count(), 1, "{text:?}");
        let obeyed = |c: char| c.is_control() || c == '\u{202e}';
        assert!(!text.trim_end().contains(obeyed), "{text:?}");
        assert!(text.contains("said: ␛]52;c;x␇⏎2026-01-01 ERROR forged"), "{text:?}");
    }

    #[test]
    fn by_default_only_warnings_and_errors_are_logged() {
        let text = logged(DEFAULT, || {
            tracing::info!(target: "privicore_monitor::engine", "quiet");
            tracing::warn!(target: "zbus", "quiet");
            tracing::warn!(target: "privicore_monitor::engine", "ours");
            tracing::error!(target: "lapin", "theirs");
        });
        assert!(text.contains("ours") && text.contains("theirs") && !text.contains("quiet"), "{text}");
        assert_eq!(LogFilter::default(), DEFAULT.parse().unwrap());
        assert_eq!(LogFilter::default().to_string(), DEFAULT);
    }

    #[test]
    fn a_filter_names_levels_and_modules() {
        let text = logged(" debug , privicore_monitor::engine=trace,privicore_monitor::ui = off", || {
            tracing::debug!(target: "anything", "one");
            tracing::trace!(target: "anything", "quiet");
            tracing::trace!(target: "privicore_monitor::engine::session", "two");
            tracing::error!(target: "privicore_monitor::ui", "quiet");
        });
        assert!(text.contains("one") && text.contains("two") && !text.contains("quiet"), "{text}");
    }

    #[test]
    fn an_invalid_filter_is_named_in_the_error() {
        for (filter, part) in [
            ("loud", "loud"),
            ("", ""),
            ("debug,", ""),
            ("warn,a=loud", "a=loud"),
            ("=debug", "=debug"),
            ("a[{b}]=debug", "a[{b}]=debug"),
            ("a=", "a="),
            ("9", "9"),
        ] {
            let error = LogFilter::from_str(filter).expect_err(filter).to_string();
            assert!(error.contains(&format!("`{part}`")) && error.ends_with('.'), "{filter:?}: {error}");
        }
    }
}
