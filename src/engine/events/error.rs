//! Why the engine can't start, or can't use the configured network.

use crate::journal::JournalError;
use crate::settings::SettingsError;

/// Why the engine can't start. The texts are for the operator.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The journal can't be opened, or another process has locked the data directory.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The settings can't be read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The cryptography of this build supports no TLS version.
    #[error("Encrypted connections can't be made with this build of Privicore Monitor: {0}. Install it again.")]
    Tls(#[from] rustls::Error),
    /// The HTTP client can't be built.
    #[error("The HTTP client can't be set up: {0}. Install Privicore Monitor again.")]
    Http(#[from] reqwest::Error),
    /// The system can't start threads.
    #[error("The system gives Privicore Monitor no threads to work with: {0}. Close other programs and try again.")]
    Threads(#[from] std::io::Error),
}
