//! What the program leaves behind: the token in the keyring, and no secret anywhere else.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use memchr::memmem::Finder;
use toml::Table;

use crate::failure::{Failure, Outcome, ensure};
use crate::input;
use crate::monitor::Home;

/// The token of the only profile, read from the Secret Service by a program other than the monitor.
///
/// # Errors
///
/// Fails if the settings name no profile, or the keyring has no token for it.
pub(crate) fn stored_token(home: &Home) -> Outcome<String> {
    let settings: Table = fs::read_to_string(home.config().join("settings.toml"))?.parse()?;
    let profiles =
        settings.get("profiles").and_then(|profiles| profiles.as_array()).map(Vec::as_slice).unwrap_or_default();
    let [profile] = profiles else {
        return Err(Failure::new(format!("the settings hold {} profiles instead of one", profiles.len())));
    };
    let id = profile.get("id").and_then(|id| id.as_str()).ok_or_else(|| Failure::new("the profile has no id"))?;
    let user = format!("token:{id}");
    let token = input::run("secret-tool", &["lookup", "service", "privicore-monitor", "username", &user])?;
    ensure(!token.is_empty(), "the token in the keyring is empty")?;
    Ok(token)
}

/// Searches for secrets in every file that the program wrote or could have written: its data, settings and logs, and the
/// desktop's home and logs, where the keyring's own file is encrypted.
///
/// # Errors
///
/// The file that contains a secret.
pub(crate) fn ensure_untold(home: &Home, secrets: &[&str]) -> Outcome<()> {
    let session = PathBuf::from(env::var("SESSION_ROOT")?);
    let mut files = Vec::new();
    for folder in [home.root(), &session.join("home"), &session.join("logs")] {
        collect(folder, &mut files)?;
    }
    ensure(files.len() > 3, "there are hardly any files: the search looked in the wrong place")?;
    for file in files {
        let bytes = match fs::read(&file) {
            Ok(bytes) => bytes,
            // Temporary files may disappear during the search.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        for secret in secrets {
            ensure(Finder::new(secret).find(&bytes).is_none(), format!("{} tells a secret", file.display()))?;
        }
    }
    Ok(())
}

/// Every regular file below a folder.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Outcome<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}
