//! The version with the commit: what the programs print, and how the build finds the commit.

use std::path::Path;
use std::process::Command;

use super::program::Home;

#[path = "../../build/commit.rs"]
mod commit;

use commit::{checked_out, shorten, version};

#[test]
fn both_programs_print_their_version_and_the_commit_that_they_are_built_from() {
    let text = env!("PRIVICORE_MONITOR_VERSION");
    for flag in ["--version", "-V"] {
        let printed = Home::new().run(&[flag]).with(0);
        assert_eq!((printed.out, printed.said), (format!("privicore-monitor {text}\n"), String::new()));
        let sandbox = Command::new(env!("CARGO_BIN_EXE_privicore-sandbox")).arg(flag).output().expect("ran");
        assert_eq!(String::from_utf8_lossy(&sandbox.stdout), format!("privicore-sandbox {text}\n"));
    }
    let (number, commit) = text.split_once(' ').unwrap_or((text, ""));
    assert_eq!(number, env!("CARGO_PKG_VERSION"));
    let is_commit = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    // Neither a debug build nor one without a repository names a commit.
    let named = commit.strip_prefix('(').and_then(|commit| commit.strip_suffix(')'));
    assert!(named.map_or(commit.is_empty(), is_commit), "{text}");
}

#[test]
fn the_hash_of_a_commit_is_shortened_to_the_same_length_in_each_clone() {
    let hash = "0123456789ABCDEF0123456789abcdef01234567";
    assert_eq!(shorten(hash).as_deref(), Some("0123456789ab"));
    assert_eq!(shorten(&format!("{hash}\n")).as_deref(), Some("0123456789ab"));
    assert_eq!(shorten("0123456").as_deref(), Some("0123456"));
    for text in ["", "main", "012345", "0123456g", &hash.repeat(2)] {
        assert_eq!(shorten(text), None, "{text:?} was taken for a commit");
    }
}

#[test]
fn the_version_names_the_commit_that_is_given_or_checked_out() {
    let text = |given, repository| version("1.2.3", given, repository).map(|version| version.text);
    let root = tempfile::tempdir().expect("a folder");
    let folder = root.path();
    assert_eq!(text(None, None).as_deref(), Ok("1.2.3"));
    assert_eq!(text(Some(""), Some(folder)).as_deref(), Ok("1.2.3"));
    git(folder, &["init", "--quiet"]);
    git(folder, &["commit", "--quiet", "--allow-empty", "--message", "one"]);
    let here = format!("1.2.3 ({})", head(folder));
    assert_eq!(text(None, Some(folder)), Ok(here.clone()));
    assert_eq!(text(Some(""), Some(folder)), Ok(here));
    assert_eq!(text(None, None).as_deref(), Ok("1.2.3"));
    assert_eq!(text(Some("fedcba9876543210"), Some(folder)).as_deref(), Ok("1.2.3 (fedcba987654)"));
    assert_eq!(text(Some("v1.2.3"), None), Err("v1.2.3".to_owned()));
}

/// Runs git in a folder, without the settings of the computer.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    let nothing = folder.join("no-settings");
    command.env("GIT_CONFIG_GLOBAL", &nothing).env("GIT_CONFIG_SYSTEM", &nothing);
    command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    command.args(["-c", "user.name=Test", "-c", "user.email=test@example.com"]).args(arguments).current_dir(folder);
    let output = command.output().expect("git");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// The first twelve digits of the commit that is checked out.
fn head(folder: &Path) -> String {
    git(folder, &["rev-parse", "HEAD"]).chars().take(12).collect()
}

#[test]
fn the_commit_is_the_one_that_is_checked_out_and_its_files_change_with_it() {
    let root = tempfile::tempdir().expect("a folder");
    let folder = root.path();
    assert_eq!(checked_out(folder), None, "a folder without a repository");
    git(folder, &["init", "--quiet"]);
    assert_eq!(checked_out(folder), None, "a repository without a commit");
    let commit = |message| git(folder, &["commit", "--quiet", "--allow-empty", "--message", message]);
    // Without a log of `HEAD`, the branch's own file shows a new commit; a packed branch has none.
    for settings in [&["core.logAllRefUpdates", "true"], &["core.logAllRefUpdates", "false"]] {
        git(folder, &[&["config"], &settings[..]].concat());
        drop(std::fs::remove_dir_all(folder.join(".git/logs")));
        commit("one");
        for packed in [false, true] {
            if packed {
                git(folder, &["pack-refs", "--all"]);
            }
            let before = checked_out(folder).expect("a commit");
            assert_eq!(before.commit, head(folder));
            let read = || before.changes_with.iter().map(|file| std::fs::read(file).ok()).collect::<Vec<_>>();
            let contents = read();
            assert!(contents.iter().all(Option::is_some), "a watched file is missing: {before:?}");
            commit("two");
            let has_changed = read() != contents;
            // A packed branch gets a file of its own at the next commit, which nothing watched: only with a log is it seen.
            assert!(has_changed || (packed && settings[1] == "false"), "{before:?}");
        }
    }
}

#[test]
fn a_repository_around_the_sources_is_not_theirs() {
    let root = tempfile::tempdir().expect("a folder");
    git(root.path(), &["init", "--quiet"]);
    git(root.path(), &["commit", "--quiet", "--allow-empty", "--message", "another project"]);
    let sources = root.path().join("vendor");
    std::fs::create_dir(&sources).expect("a folder");
    assert_eq!(checked_out(&sources), None);
}
