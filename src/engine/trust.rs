//! Whom TLS trusts: the platform's authorities, and those that the operator names by a file. There is no way around it.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use crate::settings::atomic::in_words;

use super::ca_files::{self, CaFile, CaFiles, NamedBy};

/// The TLS configuration of every connection, sockets and HTTP alike.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    /// The configuration.
    pub(super) config: Arc<ClientConfig>,
    /// What could not be loaded, in sentences. A file that can't be read vouches for nobody, and the others still do. Without
    /// the platform's authorities TLS trusts nobody; plain connections to this machine work, so that a sandbox runs where no
    /// certificates are installed.
    pub(super) shortfall: Option<String>,
}

impl Trust {
    /// Loads the authorities. Reads files of the system: not for a task.
    ///
    /// # Errors
    ///
    /// Where the cryptography that this program was built with can speak no version of TLS.
    pub(super) fn load(files: &CaFiles) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let (mut further, mut missing) = (Vec::new(), Vec::new());
        for file in files.iter() {
            match certificates(file) {
                Ok(certificates) => further.extend(certificates),
                Err(why) => missing.push(why.to_string()),
            }
        }
        let builder = match verifier(provider, further) {
            Ok(verifier) => builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)),
            Err(why) => {
                missing.push(why);
                builder.with_root_certificates(RootCertStore::empty())
            }
        };
        let mut config = builder.with_no_client_auth();
        // The WebSocket upgrade exists in HTTP/1.1 only, and the backend needs no more.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let shortfall = (!missing.is_empty()).then(|| missing.join(" "));
        Ok(Self { config: Arc::new(config), shortfall })
    }
}

/// The platform's verifier, with further authorities. `dangerous()` above is rustls's word for any verifier but its own; this
/// one verifies.
fn verifier(provider: Arc<CryptoProvider>, further: Vec<CertificateDer<'static>>) -> Result<Verifier, String> {
    Verifier::new_with_extra_roots(further, provider).map_err(|error| {
        tracing::warn!(%error, "the platform's certificate authorities could not be loaded");
        "This machine's certificate authorities could not be loaded, so no encrypted connection can be trusted. Install \
         them (on Debian the package ca-certificates), or name a file by PRIVICORE_CA_FILE, and start again."
            .to_owned()
    })
}

/// What a certificate file holds.
fn certificates(file: &CaFile) -> Result<Vec<CertificateDer<'static>>, CaFileError> {
    let (named_by, path) = (file.named_by, file.path.clone());
    let bytes = match file.content() {
        None => return Err(CaFileError::Late { named_by, path }),
        Some(Err(error)) => {
            let why = in_words(error);
            return Err(CaFileError::Unreadable { named_by, path, why });
        }
        Some(Ok(bytes)) => bytes,
    };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    match certificates {
        Ok(found) if found.is_empty() => Err(CaFileError::NotPem { named_by, path, source: PemError::NoItemsFound }),
        Ok(found) => Ok(found),
        Err(source) => Err(CaFileError::NotPem { named_by, path, source }),
    }
}

/// Why a certificate file is of no use.
#[derive(Debug, thiserror::Error)]
enum CaFileError {
    /// It takes long to be read.
    #[error(
        "The certificate file {}, {}, could not be read within {} s, so connections are made without it. Check the disk or the \
         network that it lies on. It is used as soon as it has been read.",
        named(.named_by), .path.display(), ca_files::BUDGET.as_secs()
    )]
    Late { named_by: NamedBy, path: PathBuf },
    /// The system does not give it.
    #[error("The certificate file {}, {}, can't be read: {why}. Check its path and who may read it.", named(.named_by), .path.display())]
    Unreadable { named_by: NamedBy, path: PathBuf, why: String },
    /// It holds something else.
    #[error(
        "The certificate file {}, {}, can't be used: {source}. It must hold certificates in PEM form.",
        named(.named_by), .path.display()
    )]
    NotPem { named_by: NamedBy, path: PathBuf, source: PemError },
}

/// Who named it, after "the certificate file".
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
    async fn a_file_without_certificates_is_said_by_who_named_it() {
        let folder = tempfile::tempdir().unwrap();
        let (missing, empty) = (folder.path().join("missing.pem"), folder.path().join("empty.pem"));
        crate::settings::atomic::write(&empty, b"nothing").unwrap();
        let mut both = CaFiles::read([(NamedBy::Environment, missing), (NamedBy::Settings, empty)]);
        both.wait().await;
        let trust = Trust::load(&both).unwrap();
        let sentence = trust.shortfall.unwrap();
        for words in ["PRIVICORE_CA_FILE names, ", "missing.pem", "in the settings, ", "empty.pem"] {
            assert!(sentence.contains(words), "{sentence}");
        }
        assert_eq!(trust.config.alpn_protocols, [b"http/1.1".to_vec()]);
    }
}
