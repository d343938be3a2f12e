//! Loads the certificate authorities that a Linux or BSD system trusts, file by file, so that a damaged one can be named.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use rustls::RootCertStore;

use crate::engine::network::system_error::SystemError;

use super::certificates::{self, Certificates, Unusable};

/// What is wrong with the system's authorities. The texts are for the operator.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum SystemRootsError {
    /// A file can't be read.
    #[error("The file of certificate authorities {}, can't be read: {source}. The others count.", .path.display())]
    Unreadable { path: PathBuf, source: SystemError },
    /// A certificate of a file is damaged.
    #[error(
        "In this system's file of certificate authorities, {}, certificate {number} {why}. The others count. Install the system's \
         authorities again.", .path.display()
    )]
    Damaged { path: PathBuf, number: usize, why: Unusable },
}

/// Adds the system's authorities to `roots`: those of `SSL_CERT_FILE` and `SSL_CERT_DIR`, or those in the usual places.
pub(crate) fn load(roots: &mut RootCertStore) -> Vec<SystemRootsError> {
    let file = env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let folders: Vec<PathBuf> = env::var_os("SSL_CERT_DIR")
        .map(|folders| env::split_paths(&folders).filter(|path| !path.as_os_str().is_empty()).collect())
        .unwrap_or_default();
    if file.is_some() || !folders.is_empty() {
        return load_from(file, folders, roots);
    }
    let usual = openssl_probe::probe();
    load_from(usual.cert_file, usual.cert_dir, roots)
}

fn load_from(file: Option<PathBuf>, folders: Vec<PathBuf>, roots: &mut RootCertStore) -> Vec<SystemRootsError> {
    let (mut errors, mut seen) = (Vec::new(), HashSet::new());
    if let Some(path) = file {
        add(&path, roots, &mut seen, &mut errors);
    }
    for folder in folders {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(source) => {
                errors.push(SystemRootsError::Unreadable { path: folder, source: source.into() });
                continue;
            }
        };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        // Sort, so that the errors are the same each time.
        paths.sort();
        for path in paths.iter().filter(|path| path.is_file()) {
            add(path, roots, &mut seen, &mut errors);
        }
    }
    errors
}

/// Adds the certificates of a file. Most files in such a folder are links to others.
fn add(path: &Path, roots: &mut RootCertStore, seen: &mut HashSet<PathBuf>, errors: &mut Vec<SystemRootsError>) {
    let read = fs::canonicalize(path).and_then(|real| if seen.insert(real) { fs::read(path) } else { Ok(Vec::new()) });
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(source) => {
            return errors.push(SystemRootsError::Unreadable { path: path.to_owned(), source: source.into() });
        }
    };
    // A folder may contain other files.
    let Certificates { usable, unusable } = certificates::read(&bytes).unwrap_or_default();
    roots.add_parsable_certificates(usable);
    for (number, why) in unusable {
        match why {
            // Systems also trust certificates of kinds that TLS does not use here.
            Unusable::NoCertificate => tracing::debug!(path = %path.display(), number, "an authority can't be used"),
            Unusable::CutOff | Unusable::Damaged => {
                errors.push(SystemRootsError::Damaged { path: path.to_owned(), number, why });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = include_str!("../../../../tests/engine/tls/authority.pem");

    #[test]
    fn a_damaged_block_of_the_systems_bundle_is_named_and_the_others_are_used() {
        let folder = tempfile::tempdir().unwrap();
        let (bundle, other) = (folder.path().join("bundle.crt"), folder.path().join("other.pem"));
        let garbage = "-----BEGIN CERTIFICATE-----\ngarbage!\n-----END CERTIFICATE-----\n";
        crate::settings::atomic::write(&bundle, [PEM, garbage].concat().as_bytes()).unwrap();
        crate::settings::atomic::write(&other, b"This folder holds certificates.").unwrap();
        let mut roots = RootCertStore::empty();
        let errors = load_from(Some(bundle.clone()), vec![folder.path().to_owned()], &mut roots);
        assert_eq!(roots.len(), 1);
        let [error] = errors.as_slice() else { panic!("{errors:?}") };
        let sentence = error.to_string();
        let wanted = format!("{}, certificate 2 is damaged. The others count.", bundle.display());
        assert!(sentence.contains(&wanted), "{sentence}");

        let errors = load_from(Some(folder.path().join("missing")), Vec::new(), &mut roots);
        assert!(matches!(errors.as_slice(), [SystemRootsError::Unreadable { .. }]), "{errors:?}");
    }
}
