//! zenity's file chooser, for desktops without a portal.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::process::Stdio;

use crate::engine::runtime::os_open;

use super::{FileDialogError, FileKind, FileRequest};

impl FileRequest {
    /// Shows the dialog with zenity and waits for the operator. `None` if the operator cancelled.
    ///
    /// # Errors
    ///
    /// [`FileDialogError::Unavailable`] if zenity is not installed or can't show it.
    pub async fn ask_zenity(self) -> Result<Option<PathBuf>, FileDialogError> {
        run("zenity", &self).await
    }
}

async fn run(program: &str, request: &FileRequest) -> Result<Option<PathBuf>, FileDialogError> {
    let mut start = request.folder.clone().unwrap_or_default();
    let mut arguments: Vec<OsString> = vec!["--file-selection".into(), "--title".into(), request.title.clone().into()];
    match request.kind {
        FileKind::Save => {
            arguments.extend(["--save", "--confirm-overwrite"].map(OsString::from));
            start.push(&request.file_name);
        }
        FileKind::Folder => {
            arguments.push("--directory".into());
            // For a path that ends with a slash, zenity shows that folder.
            start.push("");
        }
    }
    arguments.extend(["--filename".into(), start.into()]);
    let mut command = os_open::command(program, arguments.iter().map(OsString::as_os_str).collect::<Vec<&OsStr>>());
    let output = command.stdout(Stdio::piped()).kill_on_drop(true).output().await;
    match output {
        Ok(output) if output.status.success() => {
            let mut path = output.stdout;
            if path.last() == Some(&b'\n') {
                path.pop();
            }
            Ok((!path.is_empty()).then(|| OsString::from_vec(path).into()))
        }
        Ok(output) if output.status.code() == Some(1) => Ok(None),
        Ok(output) => {
            tracing::warn!(status = %output.status, "zenity shows no file dialog");
            Err(FileDialogError::Unavailable)
        }
        Err(error) => {
            tracing::debug!(%error, "zenity could not be started");
            Err(FileDialogError::Unavailable)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// The result if this script runs in place of zenity.
    #[expect(clippy::disallowed_methods, reason = "a program to run")]
    async fn answer(script: &str) -> Result<Option<PathBuf>, FileDialogError> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("zenity");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        let request = FileRequest {
            kind: FileKind::Save,
            title: "Save data".to_owned(),
            folder: Some("/srv/data".into()),
            file_name: "rates.csv".to_owned(),
        };
        run(program.to_str().unwrap(), &request).await
    }

    #[tokio::test]
    async fn each_exit_code_of_zenity_has_its_result() {
        let chosen = answer(r#"for last; do :; done; printf '%s \344\n' "$last""#).await.unwrap().unwrap();
        assert_eq!(chosen.as_os_str().as_bytes(), b"/srv/data/rates.csv \xe4");
        assert_eq!(answer("exit 1").await.unwrap(), None);
        assert!(matches!(answer("exit 255").await, Err(FileDialogError::Unavailable)));
        assert!(matches!(answer("kill -9 $$").await, Err(FileDialogError::Unavailable)));
    }
}
