//! The commit that sources belong to, read from their git repository.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The digits of a short hash. `git rev-parse --short` chooses as many as the clone needs, so two clones would give two programs.
const DIGITS: usize = 12;

/// The version of the program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// The number, and the commit if it is known: `0.1.0 (0123456789ab)`.
    pub(crate) text: String,
    /// The files that change with it.
    pub(crate) changes_with: Vec<PathBuf>,
}

/// The version with this number. The commit is the given one, otherwise the one that is checked out in the repository; an empty hash
/// counts as not given. Fails with the given hash if it is none.
pub(crate) fn version(number: &str, given: Option<&str>, repository: Option<&Path>) -> Result<Version, String> {
    let found = match given.filter(|hash| !hash.is_empty()) {
        Some(hash) => {
            let commit = shorten(hash).ok_or_else(|| hash.to_owned())?;
            Some(CheckedOut { commit, changes_with: Vec::new() })
        }
        None => repository.and_then(checked_out),
    };
    Ok(match found {
        Some(CheckedOut { commit, changes_with }) => Version { text: format!("{number} ({commit})"), changes_with },
        None => Version { text: number.to_owned(), changes_with: Vec::new() },
    })
}

/// The checked-out commit of a repository.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CheckedOut {
    /// The short hash.
    pub(crate) commit: String,
    /// The files that change when another commit is checked out. All of them exist: Cargo runs a build script each time if a file
    /// that it watches is missing.
    pub(crate) changes_with: Vec<PathBuf>,
}

/// Shortens the hash of a commit; `None` if the text is no hash.
pub(crate) fn shorten(hash: &str) -> Option<String> {
    let hash = hash.trim();
    let is_hash = (7..=64).contains(&hash.len()) && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| hash.chars().take(DIGITS).map(|digit| digit.to_ascii_lowercase()).collect())
}

/// The checked-out commit of the repository whose work tree is this folder. `None` without git, without a commit, and for a folder
/// within a repository, which belongs to something else.
pub(crate) fn checked_out(folder: &Path) -> Option<CheckedOut> {
    let output = git(folder, &["rev-parse", "--show-prefix", "HEAD"])?;
    let (prefix, hash) = output.split_once('\n')?;
    if !prefix.is_empty() {
        return None;
    }
    let commit = shorten(hash)?;
    let path = |name: &str| {
        let path = git(folder, &["rev-parse", "--git-path", name])?;
        // A relative path is relative to the folder.
        Some(folder.join(path.trim_end_matches('\n'))).filter(|path| path.is_file())
    };
    let mut changes_with: Vec<PathBuf> = ["HEAD", "logs/HEAD"].into_iter().filter_map(path).collect();
    if changes_with.len() < 2 {
        // Without a log of `HEAD`, a new commit changes the branch, which is a file of its own or a line in that of all.
        let branch = git(folder, &["rev-parse", "--symbolic-full-name", "HEAD"])?;
        changes_with.extend([branch.trim_end_matches('\n'), "packed-refs"].into_iter().filter_map(path));
    }
    Some(CheckedOut { commit, changes_with })
}

/// What git prints; `None` if it fails or is missing.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        // Set within a hook, perhaps that of another repository.
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    if output.status.success() { String::from_utf8(output.stdout).ok() } else { None }
}
