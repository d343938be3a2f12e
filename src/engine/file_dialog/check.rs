//! Checks a path that the operator typed.

use std::io;
use std::path::{Path, PathBuf};

use directories::BaseDirs;

use crate::settings::atomic::describe_io;

use super::FileKind;

/// The result of checking a typed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathCheck {
    /// It can be used as it is.
    Usable(PathBuf),
    /// The file exists already: the operator has to confirm that it is replaced.
    Exists(PathBuf),
    /// It can't be used: why, and what to do.
    Invalid(String),
}

impl PathCheck {
    /// Checks a typed path. `~` at its beginning is the operator's home folder.
    pub async fn of(typed: String, kind: FileKind) -> Self {
        let home = BaseDirs::new().map(|directories| directories.home_dir().to_owned());
        let typed = typed.trim();
        let path = match (typed.strip_prefix('~'), home) {
            (Some(""), Some(home)) => home,
            (Some(rest), Some(home)) if rest.starts_with(std::path::is_separator) => {
                home.join(rest.trim_start_matches(std::path::is_separator))
            }
            _ => PathBuf::from(typed),
        };
        if !path.is_absolute() {
            let example = if cfg!(windows) { r"C:\Users\me\data.csv" } else { "/home/me/data.csv" };
            return Self::Invalid(format!("Type the whole path, such as {example} or ~/data.csv."));
        }
        let found = tokio::fs::metadata(&path).await;
        let is_folder = found.as_ref().is_ok_and(std::fs::Metadata::is_dir);
        match (kind, found) {
            (FileKind::Folder, Ok(_)) if is_folder => Self::Usable(path),
            (FileKind::Folder, Ok(_)) => Self::Invalid("This is a file. Type the path of a folder.".to_owned()),
            (FileKind::Save, Ok(_)) if is_folder || ends_with_separator(typed) => {
                Self::Invalid("This is a folder. Add the name of a file.".to_owned())
            }
            (FileKind::Save, Ok(_)) => Self::Exists(path),
            (FileKind::Save, Err(error)) if error.kind() == io::ErrorKind::NotFound => {
                let Some(folder) = path.parent() else { return Self::Invalid(missing(&path, &error)) };
                if ends_with_separator(typed) {
                    return Self::Invalid(missing(&path, &error));
                }
                match tokio::fs::metadata(folder).await {
                    Ok(found) if found.is_dir() => Self::Usable(path),
                    Ok(_) => Self::Invalid(format!("{} is not a folder. Type another path.", folder.display())),
                    Err(error) => Self::Invalid(missing(folder, &error)),
                }
            }
            (FileKind::Folder | FileKind::Save, Err(error)) => Self::Invalid(missing(&path, &error)),
        }
    }
}

fn ends_with_separator(typed: &str) -> bool {
    typed.ends_with(std::path::is_separator)
}

fn missing(folder: &Path, error: &io::Error) -> String {
    let folder = folder.display();
    match error.kind() {
        io::ErrorKind::NotFound => format!("There is no folder {folder}. Create it, or type another path."),
        _ => format!("{folder} can't be used: {}. Type another path.", describe_io(error)),
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::file_dialog::FileKind::{Folder, Save};

    use super::*;

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a file that another program wrote")]
    async fn a_typed_path_is_checked_before_it_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("there.csv");
        std::fs::write(&file, "").unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let check = async |typed: String, kind| PathCheck::of(typed, kind).await;
        let wrong = async |typed: String, kind, says: &str| {
            let PathCheck::Invalid(sentence) = PathCheck::of(typed.clone(), kind).await else {
                panic!("{typed} is not refused");
            };
            assert!(sentence.contains(says), "{typed}: {sentence}");
        };
        assert_eq!(check(at("new.csv"), Save).await, PathCheck::Usable(folder.path().join("new.csv")));
        assert_eq!(
            check(format!("  {} ", at("new.csv")), Save).await,
            PathCheck::Usable(folder.path().join("new.csv"))
        );
        assert_eq!(check(at("there.csv"), Save).await, PathCheck::Exists(file));
        assert_eq!(check(at(""), Folder).await, PathCheck::Usable(folder.path().join("")));
        wrong(at(""), Save, "Add the name of a file").await;
        wrong(at("new/"), Save, "There is no folder").await;
        wrong(at("none/new.csv"), Save, "There is no folder").await;
        wrong(at("there.csv/new.csv"), Save, "can't be used").await;
        wrong(at("there.csv"), Folder, "This is a file").await;
        wrong(at("none"), Folder, "There is no folder").await;
        wrong("new.csv".to_owned(), Save, "Type the whole path").await;
        wrong(String::new(), Save, "Type the whole path").await;
        wrong("~nobody/new.csv".to_owned(), Save, "Type the whole path").await;
        let home = BaseDirs::new().unwrap().home_dir().to_owned();
        assert_eq!(check("~".to_owned(), Folder).await, PathCheck::Usable(home.clone()));
        assert_eq!(check("~/".to_owned(), Folder).await, PathCheck::Usable(home.join("")));
    }
}
