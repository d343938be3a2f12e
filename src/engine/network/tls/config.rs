//! The TLS configuration: it trusts the platform's authorities and those in the files that the operator names. Verification
//! can't be turned off.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ConfigBuilder, WantsVerifier};

use crate::engine::network::system_error::SystemError;
use crate::settings::atomic::describe_io;

use super::ca_files::{self, CaFile, CaFiles, NamedBy};
use super::certificates::{self, Certificates, NoCertificates, Unusable};

#[cfg(all(unix, not(target_os = "macos")))]
use super::system_roots;
#[cfg(all(unix, not(target_os = "macos")))]
use super::system_roots::SystemRootsError;

/// The TLS configuration of every connection, for sockets and HTTP.
#[derive(Debug, Clone)]
pub(crate) struct TlsConfig {
    pub(crate) config: Arc<ClientConfig>,
    /// What could not be loaded. If a file can't be read, its authorities are not trusted, but all others still are. Without
    /// the platform's authorities TLS trusts nobody; plain connections to this machine still work, so that a sandbox runs
    /// without installed certificates.
    pub(crate) shortfall: Option<Shortfall>,
}

/// The certificate authorities that could not be loaded. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct Shortfall(Arc<[LoadError]>);

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().enumerate() {
            let space = if number == 0 { "" } else { " " };
            write!(f, "{space}{error}")?;
        }
        Ok(())
    }
}

/// Why certificate authorities could not be loaded.
#[derive(Debug, PartialEq, thiserror::Error)]
enum LoadError {
    /// A file that the operator named.
    #[error(transparent)]
    CaFile(#[from] CaFileError),
    /// Some of the system's authorities could not be loaded.
    #[cfg(all(unix, not(target_os = "macos")))]
    #[error(transparent)]
    SystemRoots(#[from] SystemRootsError),
    /// The system's authorities could not be loaded.
    #[error(
        "This computer's certificate authorities could not be loaded, so no encrypted connection can be trusted. {}",
        .0.advice()
    )]
    NoSystemRoots(RootStore),
}

/// Where a system keeps its certificate authorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RootStore {
    /// In files that a package installs.
    Files,
    /// In the system itself, which also verifies.
    System,
}

impl RootStore {
    /// This system's.
    const CURRENT: Self = if cfg!(all(unix, not(target_os = "macos"))) { Self::Files } else { Self::System };

    fn advice(self) -> &'static str {
        match self {
            Self::Files => {
                "Install them (on Debian the package ca-certificates), or name a file by PRIVICORE_CA_FILE, and start again."
            }
            Self::System => {
                "Restart Privicore Monitor, then the computer; if it stays so, ask whoever looks after this computer."
            }
        }
    }
}

impl TlsConfig {
    /// Loads the authorities. Blocks, because it reads system files: don't call it in a task.
    ///
    /// # Errors
    ///
    /// If the cryptography of this build supports no TLS version.
    pub(crate) fn load(files: &CaFiles) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let (mut further, mut missing) = (Vec::new(), Vec::new());
        for file in files.iter() {
            match certificates(file) {
                Ok((certificates, partly)) => {
                    further.extend(certificates);
                    missing.extend(partly.map(LoadError::from));
                }
                Err(why) => missing.push(why.into()),
            }
        }
        let (builder, of_system) = with_authorities(builder, &provider, further);
        missing.extend(of_system);
        let mut config = builder.with_no_client_auth();
        // The WebSocket upgrade only exists in HTTP/1.1, and the backend needs no more.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let shortfall = (!missing.is_empty()).then(|| Shortfall(missing.into()));
        Ok(Self { config: Arc::new(config), shortfall })
    }
}

/// Trusts the system's authorities and further ones; also returns what is wrong with the system's.
#[cfg(all(unix, not(target_os = "macos")))]
fn with_authorities(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    _provider: &Arc<CryptoProvider>,
    further: Vec<CertificateDer<'static>>,
) -> (ConfigBuilder<ClientConfig, WantsClientCert>, Vec<LoadError>) {
    let mut roots = rustls::RootCertStore::empty();
    let mut problems: Vec<LoadError> = system_roots::load(&mut roots).into_iter().map(LoadError::from).collect();
    roots.add_parsable_certificates(further);
    if roots.is_empty() {
        problems.push(LoadError::NoSystemRoots(RootStore::CURRENT));
    }
    (builder.with_root_certificates(roots), problems)
}

/// Trusts the system's authorities, which the system verifies itself, and further ones; also returns what is wrong with the
/// system's. `dangerous()` is rustls's name for setting any verifier but its own; this one verifies.
#[cfg(not(all(unix, not(target_os = "macos"))))]
fn with_authorities(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    provider: &Arc<CryptoProvider>,
    further: Vec<CertificateDer<'static>>,
) -> (ConfigBuilder<ClientConfig, WantsClientCert>, Vec<LoadError>) {
    use rustls_platform_verifier::Verifier;
    // Further roots need a store of their own, which not every system can create.
    let verifier = if further.is_empty() {
        Verifier::new(provider.clone())
    } else {
        Verifier::new_with_extra_roots(further.iter().cloned(), provider.clone())
    };
    match verifier {
        Ok(verifier) => (builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)), Vec::new()),
        Err(error) => {
            tracing::warn!(%error, "the system's certificate authorities could not be loaded");
            let mut roots = rustls::RootCertStore::empty();
            roots.add_parsable_certificates(further);
            (builder.with_root_certificates(roots), vec![LoadError::NoSystemRoots(RootStore::CURRENT)])
        }
    }
}

/// The certificates in a file, and which of them can't be used.
fn certificates(file: &CaFile) -> Result<(Vec<CertificateDer<'static>>, Option<CaFileError>), CaFileError> {
    let (named_by, path) = (file.named_by, file.path.clone());
    let bytes = match file.content() {
        None => return Err(CaFileError::Late { named_by, path }),
        Some(Err(error)) => {
            return Err(CaFileError::Unreadable { named_by, path, source: error.clone() });
        }
        Some(Ok(bytes)) => bytes,
    };
    let Certificates { usable, unusable } = match certificates::read(bytes) {
        Ok(found) => found,
        Err(why) => return Err(CaFileError::NoCertificates { named_by, path, why }),
    };
    let partly =
        (!unusable.is_empty()).then_some(CaFileError::Partly { named_by, path, unusable, usable: usable.len() });
    Ok((usable, partly))
}

/// Why a certificate file can't be used.
#[derive(Debug, PartialEq, thiserror::Error)]
enum CaFileError {
    /// Reading it takes too long.
    #[error(
        "The certificate file {}, {}, could not be read within {} s, so connections are made without it. Check the disk or the \
         network that it lies on. It is used as soon as it has been read.",
        named(.named_by), .path.display(), ca_files::READ_TIMEOUT.as_secs()
    )]
    Late { named_by: NamedBy, path: PathBuf },
    /// The system can't read it.
    #[error(
        "The certificate file {}, {}, can't be read: {}. Check its path and who may read it.",
        named(.named_by), .path.display(), describe_io(.source)
    )]
    Unreadable { named_by: NamedBy, path: PathBuf, source: SystemError },
    /// It contains no certificate.
    #[error("The certificate file {}, {}, can't be used: {why}.", named(.named_by), .path.display())]
    NoCertificates { named_by: NamedBy, path: PathBuf, why: NoCertificates },
    /// Some of its certificates can't be used.
    #[error(
        "In the certificate file {}, {}, {}. {} Ask whoever gave you the file for a whole one.",
        named(.named_by), .path.display(), numbered(.unusable), counted(*.usable)
    )]
    Partly { named_by: NamedBy, path: PathBuf, unusable: Vec<(usize, Unusable)>, usable: usize },
}

/// Lists which certificates can't be used, and why; only the first few.
fn numbered(unusable: &[(usize, Unusable)]) -> String {
    let some: Vec<String> =
        unusable.iter().take(5).map(|(number, why)| format!("certificate {number} {why}")).collect();
    match unusable.len().saturating_sub(some.len()) {
        0 => some.join(" and "),
        1 => format!("{} and 1 more is of no use", some.join(", ")),
        left => format!("{} and {left} more are of no use", some.join(", ")),
    }
}

/// What happens with the remaining certificates.
fn counted(usable: usize) -> String {
    match usable {
        0 => "No other is in it.".to_owned(),
        1 => "The other one counts.".to_owned(),
        usable => format!("The other {usable} count."),
    }
}

/// Where the file was named, to follow "the certificate file".
#[expect(clippy::trivially_copy_pass_by_ref, reason = "messages of errors get references")]
fn named(by: &NamedBy) -> &'static str {
    match by {
        NamedBy::Environment => "that PRIVICORE_CA_FILE names",
        NamedBy::Settings => "in the settings",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_good_certificates_of_a_bundle_are_used_and_a_container_is_explained() {
        const PEM: &str = include_str!("../../../../tests/engine/tls/authority.pem");
        let folder = tempfile::tempdir().unwrap();
        let (bundle, container) = (folder.path().join("bundle.pem"), folder.path().join("chain.p7b"));
        let garbage = "-----BEGIN CERTIFICATE-----\ngarbage!\n-----END CERTIFICATE-----\n";
        crate::settings::atomic::write(&bundle, [PEM, garbage, PEM].concat().as_bytes()).unwrap();
        crate::settings::atomic::write(&container, b"-----BEGIN PKCS7-----\nMIIB\n-----END PKCS7-----\n").unwrap();
        let mut files = CaFiles::read([(NamedBy::Environment, bundle), (NamedBy::Settings, container)]);
        files.wait().await;
        let sentence = TlsConfig::load(&files).unwrap().shortfall.unwrap().to_string();
        for words in
            ["bundle.pem, certificate 2 is damaged. The other 2 count.", "chain.p7b, can't be used: it is a PKCS#7"]
        {
            assert!(sentence.contains(words), "{sentence}");
        }
    }

    #[test]
    fn the_package_is_named_only_on_systems_that_install_authorities_by_one() {
        for (store, names_package) in [(RootStore::Files, true), (RootStore::System, false)] {
            let sentence = LoadError::NoSystemRoots(store).to_string();
            assert_eq!(sentence.contains("ca-certificates"), names_package, "{sentence}");
            assert!(sentence.contains("could not be loaded") && sentence.ends_with('.'), "{sentence}");
        }
        let is_here = cfg!(any(windows, target_os = "macos"));
        assert_eq!(RootStore::CURRENT, if is_here { RootStore::System } else { RootStore::Files });
    }

    #[test]
    fn one_further_certificate_is_written_in_the_singular() {
        let of_six = numbered(&(1..=6).map(|number| (number, Unusable::Damaged)).collect::<Vec<_>>());
        assert!(of_six.ends_with("certificate 5 is damaged and 1 more is of no use"), "{of_six}");
        let of_seven = numbered(&(1..=7).map(|number| (number, Unusable::Damaged)).collect::<Vec<_>>());
        assert!(of_seven.ends_with("and 2 more are of no use"), "{of_seven}");
    }

    #[tokio::test]
    async fn a_file_without_certificates_is_reported_with_where_it_was_named() {
        let folder = tempfile::tempdir().unwrap();
        let (missing, empty) = (folder.path().join("missing.pem"), folder.path().join("empty.pem"));
        crate::settings::atomic::write(&empty, b"nothing").unwrap();
        let mut both = CaFiles::read([(NamedBy::Environment, missing), (NamedBy::Settings, empty)]);
        both.wait().await;
        let trust = TlsConfig::load(&both).unwrap();
        let sentence = trust.shortfall.unwrap().to_string();
        for words in ["PRIVICORE_CA_FILE names, ", "missing.pem", "in the settings, ", "empty.pem"] {
            assert!(sentence.contains(words), "{sentence}");
        }
        assert_eq!(trust.config.alpn_protocols, [b"http/1.1".to_vec()]);
    }
}
