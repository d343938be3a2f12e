//! Whom TLS trusts: the platform's authorities, and those that the operator names by a file. There is no way around it.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

/// A file with certificate authorities to trust beside the system's, by who named it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Authority<'a> {
    /// `PRIVICORE_CA_FILE`.
    OfEnvironment(&'a Path),
    /// The settings.
    OfSettings(&'a Path),
}

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
    /// Loads the authorities. Reads files: not for a task.
    ///
    /// # Errors
    ///
    /// Where the cryptography that this program was built with can speak no version of TLS.
    pub(super) fn load<'a>(authorities: impl Iterator<Item = Authority<'a>>) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let (mut further, mut missing) = (Vec::new(), Vec::new());
        for authority in authorities {
            match authority.read() {
                Ok(certificates) => further.extend(certificates),
                Err(why) => missing.push(why),
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

impl Authority<'_> {
    fn read(self) -> Result<Vec<CertificateDer<'static>>, String> {
        let (path, named) = match self {
            Self::OfEnvironment(path) => (path, "that PRIVICORE_CA_FILE names"),
            Self::OfSettings(path) => (path, "in the settings"),
        };
        let unusable = |error: PemError| {
            format!(
                "The certificate file {named}, {}, can't be used: {error}. It must hold certificates in PEM form.",
                path.display()
            )
        };
        let certificates: Vec<_> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(unusable)?;
        if certificates.is_empty() { Err(unusable(PemError::NoItemsFound)) } else { Ok(certificates) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_said_by_who_named_it() {
        let folder = tempfile::tempdir().unwrap();
        let (missing, empty) = (folder.path().join("missing.pem"), folder.path().join("empty.pem"));
        crate::settings::atomic::write(&empty, b"nothing").unwrap();
        let both = [Authority::OfEnvironment(&missing), Authority::OfSettings(&empty)];
        let trust = Trust::load(both.into_iter()).unwrap();
        let sentence = trust.shortfall.unwrap();
        for words in ["PRIVICORE_CA_FILE names, ", "missing.pem", "in the settings, ", "empty.pem"] {
            assert!(sentence.contains(words), "{sentence}");
        }
        assert_eq!(trust.config.alpn_protocols, [b"http/1.1".to_vec()]);
    }
}
