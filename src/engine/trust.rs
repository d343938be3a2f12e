//! Whom TLS trusts: the platform's authorities, and one more where the operator names its file. There is no way around it.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

/// The TLS configuration of every connection, sockets and HTTP alike.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    /// The configuration.
    pub(super) config: Arc<ClientConfig>,
    /// Where the authorities could not be loaded: a sentence. TLS then trusts nobody; plain connections to this machine
    /// work, so that a sandbox runs where no certificates are installed.
    pub(super) shortfall: Option<String>,
}

impl Trust {
    /// Loads the authorities. Reads files: not for a task.
    ///
    /// # Errors
    ///
    /// Where the cryptography that this program was built with can speak no version of TLS.
    pub(super) fn load(extra_authority: Option<&Path>) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let (builder, shortfall) = match verifier(provider, extra_authority) {
            Ok(verifier) => (builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)), None),
            Err(why) => (builder.with_root_certificates(RootCertStore::empty()), Some(why)),
        };
        let mut config = builder.with_no_client_auth();
        // The WebSocket upgrade exists in HTTP/1.1 only, and the backend needs no more.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), shortfall })
    }
}

/// The platform's verifier, with the further authority if there is one. `dangerous()` above is rustls's word for any verifier
/// but its own; this one verifies.
fn verifier(provider: Arc<CryptoProvider>, extra_authority: Option<&Path>) -> Result<Verifier, String> {
    let extra = match extra_authority {
        Some(path) => authorities(path)?,
        None => Vec::new(),
    };
    Verifier::new_with_extra_roots(extra, provider).map_err(|error| {
        tracing::warn!(%error, "the platform's certificate authorities could not be loaded");
        "This machine's certificate authorities could not be loaded, so no encrypted connection can be trusted. Install \
         them (on Debian the package ca-certificates), or name a file by PRIVICORE_CA_FILE, and start again."
            .to_owned()
    })
}

fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unusable = |error: rustls::pki_types::pem::Error| {
        format!(
            "The file of PRIVICORE_CA_FILE, {}, can't be used: {error}. It must hold certificates in PEM form.",
            path.display()
        )
    };
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(unusable)?;
    if certificates.is_empty() {
        return Err(unusable(rustls::pki_types::pem::Error::NoItemsFound));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_said_and_nobody_is_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Trust::load(Some(&folder.path().join("missing.pem"))).unwrap();
        let sentence = missing.shortfall.unwrap();
        assert!(sentence.contains("missing.pem") && sentence.contains("PRIVICORE_CA_FILE"), "{sentence}");
        assert_eq!(missing.config.alpn_protocols, [b"http/1.1".to_vec()]);
    }
}
