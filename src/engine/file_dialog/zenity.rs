//! zenity's file chooser, for desktops without a portal.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::process::Stdio;

use crate::engine::runtime::os_open;

use super::portal_reply::PortalReply;
use super::{FileDialogError, FileKind, FileRequest};

impl FileRequest {
    /// Waits for the portal's dialog. If the portal has none, or does not open it in time, shows it with zenity. `None` if the
    /// operator cancelled.
    ///
    /// # Errors
    ///
    /// [`FileDialogError::Ended`] if the portal's dialog ended without a result, and [`FileDialogError::Unavailable`] if zenity
    /// is not installed or can't show it.
    pub async fn answer(self, portal: PortalReply) -> Result<Option<PathBuf>, FileDialogError> {
        self.answer_with("zenity", portal).await
    }

    async fn answer_with(self, program: &str, portal: PortalReply) -> Result<Option<PathBuf>, FileDialogError> {
        match portal.outcome().await {
            Err(FileDialogError::Unavailable) => run(program, &self).await,
            outcome => outcome,
        }
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

    use crate::engine::file_dialog::portal_reply::PortalDialog;

    use super::*;

    /// The result if there is no portal, and this script runs in place of zenity.
    async fn answer(script: &str) -> Result<Option<PathBuf>, FileDialogError> {
        let (dialog, reply) = PortalDialog::new();
        dialog.report_result(Err(FileDialogError::Unavailable));
        answer_after(reply, script).await
    }

    /// The result if this script runs in place of zenity.
    #[expect(clippy::disallowed_methods, reason = "a program to run")]
    async fn answer_after(reply: PortalReply, script: &str) -> Result<Option<PathBuf>, FileDialogError> {
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
        request.answer_with(program.to_str().unwrap(), reply).await
    }

    #[tokio::test]
    async fn each_exit_code_of_zenity_has_its_result() {
        let chosen = answer(r#"for last; do :; done; printf '%s \344\n' "$last""#).await.unwrap().unwrap();
        assert_eq!(chosen.as_os_str().as_bytes(), b"/srv/data/rates.csv \xe4");
        assert_eq!(answer("exit 1").await.unwrap(), None);
        assert!(matches!(answer("exit 255").await, Err(FileDialogError::Unavailable)));
        assert!(matches!(answer("kill -9 $$").await, Err(FileDialogError::Unavailable)));
    }

    #[tokio::test]
    async fn zenity_is_not_asked_after_a_dialog_of_the_portal() {
        for ended in [Ok(None), Ok(Some("/srv/other.csv".into())), Err(FileDialogError::Ended)] {
            let expected = ended.as_ref().ok().cloned();
            let (mut dialog, reply) = PortalDialog::new();
            assert!(dialog.report_open());
            dialog.report_result(ended);
            assert_eq!(answer_after(reply, "echo /srv/of-zenity.csv").await.ok(), expected);
        }
    }
}
