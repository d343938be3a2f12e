//! Chooses where data is saved: asks the operator before anything is fetched, and sends the choice to the engine.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use crate::activity::{ActivityKey, RowId};
use crate::engine::{Action, Severity};
use crate::protocol::RequestId;
use crate::settings::{ProfileId, SavingChange};
use crate::ui::dialogs::Dialog;
use crate::ui::dialogs::file_path::FilePathDialog;
use crate::ui::frame::folder_purpose::FolderPurpose;
use crate::ui::platform::file_dialogs::{MessageId, SavePurpose};
use crate::ui::platform::ports::{FailedDialog, SaveSuggestion};
use crate::ui::text::activity_label::suggested_name;

use super::App;

impl App {
    /// Opens the save dialog for a row's data. The link is not used before the operator has chosen a path.
    pub(crate) fn open_save_dialog(&mut self, row: RowId, inline: bool) {
        let folder = self.preferences().last_folder;
        let Some(profile_tab) = self.profile_tab() else { return };
        let Some(activity) = profile_tab.activity(row) else { return };
        let what = match activity.key() {
            ActivityKey::Data(request) if inline => SavePurpose::Inline(request),
            ActivityKey::Data(request) => SavePurpose::Link(request),
            ActivityKey::Message(id) if inline => SavePurpose::Message(MessageId(id)),
            ActivityKey::Message(_) | ActivityKey::Command(_) | ActivityKey::Gap(_) => return,
        };
        let suggestion = SaveSuggestion { title: "Save data".to_owned(), folder, file_name: suggested_name(&activity) };
        let owner = profile_tab.owner(row);
        self.saving.open_save(&*self.dependencies.dialogs, suggestion, (owner, what), &self.dependencies.waker);
    }

    /// Opens the save dialog for a download that waits for disk space; the download keeps waiting meanwhile.
    pub(crate) fn open_move_dialog(&mut self, profile: ProfileId, request: RequestId, file_name: String) {
        let suggestion = SaveSuggestion { title: "Choose another place".to_owned(), folder: None, file_name };
        let what = (profile, SavePurpose::Moved(request));
        self.saving.open_save(&*self.dependencies.dialogs, suggestion, what, &self.dependencies.waker);
    }

    /// Opens the folder dialog.
    pub(crate) fn open_folder_dialog(&mut self, what: FolderPurpose) {
        let title = match what {
            FolderPurpose::Ready(_) => "Folder for everything that is ready",
            FolderPurpose::Selected(_) => "Folder for the selected data",
            FolderPurpose::Automatic(_) => "Folder for ready data",
            FolderPurpose::Requested(_) => "Folder for the requested data",
        };
        let last = self.preferences().last_folder;
        self.folders.open_folder(&*self.dependencies.dialogs, title, last, what, &self.dependencies.waker);
    }

    /// Reports failed desktop dialogs, and opens the window's own file dialog if the desktop has none.
    pub(crate) fn take_failed_dialogs(&mut self) {
        while self.file_path.is_none()
            && let Some(FailedDialog { error, unanswered }) = self.dependencies.dialogs.take_failed()
        {
            match unanswered {
                Some((request, answer)) => self.file_path = Some(FilePathDialog::new(error, request, answer)),
                None => self.notices.add_text(Severity::Warning, error.to_string()),
            }
        }
    }

    /// Whether a dialog is open over the window.
    pub(crate) fn has_dialog(&self) -> bool {
        self.dialog.is_some() || self.file_path.is_some()
    }

    /// Saves to the path that was chosen.
    pub(crate) fn save_to(&mut self, profile: ProfileId, what: SavePurpose, path: PathBuf) {
        let folder = path.parent().map(PathBuf::from);
        let action = match what {
            SavePurpose::Link(request) => Action::Download { profile, request, to: path },
            SavePurpose::Inline(request) => {
                let span = self.span_of(profile, &ActivityKey::Data(request.clone()));
                Action::SaveInline { profile, request, to: path, span }
            }
            SavePurpose::Message(MessageId(id)) => {
                let key = ActivityKey::Message(id);
                let span = self.span_of(profile, &key);
                Action::SaveMessage { profile, key, to: path, span }
            }
            SavePurpose::Moved(request) => Action::MoveDownload { profile, request, to: path },
        };
        if self.send(action)
            && let Some(folder) = folder
        {
            self.store_folder(&folder);
        }
    }

    /// Uses the folder that was chosen.
    pub(crate) fn save_into(&mut self, what: FolderPurpose, folder: PathBuf) {
        match what {
            FolderPurpose::Ready(profile) => self.download_all([(profile, None)], &folder),
            FolderPurpose::Selected(of) => {
                self.download_all(of.into_iter().map(|(profile, requests)| (profile, Some(requests))), &folder);
            }
            FolderPurpose::Automatic(profile) => {
                self.send(Action::ChangeSaving { profile, change: SavingChange::Folder(Some(folder)) });
            }
            FolderPurpose::Requested(profile) => {
                if let Some(Dialog::RequestData(dialog)) = &mut self.dialog
                    && dialog.profile() == profile
                {
                    dialog.save_into(folder.clone());
                }
                self.store_folder(&folder);
            }
        }
    }

    /// Asks once for a folder for all selected rows with usable links, or for a file if there is only one.
    pub(crate) fn download_selected(&mut self) {
        let Some(profile_tab) = self.profile_tab() else { return };
        let can = |row: &RowId| profile_tab.activity(*row).is_some_and(|activity| activity.can_download());
        let rows: Vec<RowId> = profile_tab.selected_rows(usize::MAX).into_iter().filter(can).collect();
        match rows.as_slice() {
            // Inline data has no link that expires, so each is saved to its own path.
            [] => {
                if let Some(row) = profile_tab.table.cursor() {
                    self.open_save_dialog(row, true);
                }
            }
            [row] => self.open_save_dialog(*row, false),
            rows => {
                let mut chosen: BTreeMap<ProfileId, HashSet<RequestId>> = BTreeMap::new();
                for row in rows {
                    if let Some(ActivityKey::Data(request)) = profile_tab.activity(*row).map(|activity| activity.key())
                    {
                        chosen.entry(profile_tab.owner(*row)).or_default().insert(request);
                    }
                }
                self.open_folder_dialog(FolderPurpose::Selected(chosen));
            }
        }
    }

    /// Downloads a profile's ready data into a folder: the chosen requests, or all of them for `None`.
    fn download_all(&mut self, of: impl IntoIterator<Item = (ProfileId, Option<HashSet<RequestId>>)>, folder: &Path) {
        let mut any = false;
        for (profile, chosen) in of {
            let Some(profile_tab) = self.tab_of(profile) else { continue };
            let requests: Vec<RequestId> = profile_tab
                .ready()
                .filter_map(|row| match profile_tab.activity(row)?.key() {
                    ActivityKey::Data(request) => Some(request),
                    ActivityKey::Command(_) | ActivityKey::Message(_) | ActivityKey::Gap(_) => None,
                })
                .filter(|request| chosen.as_ref().is_none_or(|chosen| chosen.contains(request)))
                .collect();
            if requests.is_empty() {
                continue;
            }
            if !self.send(Action::DownloadAll { profile, requests, folder: folder.to_owned() }) {
                return;
            }
            any = true;
        }
        if any {
            self.store_folder(folder);
        } else {
            self.notices.add_text(
                Severity::Warning,
                "Nothing is ready any more: the links have expired. Request the data again.",
            );
        }
    }

    /// Stores the folder, so that the next dialog starts in it.
    pub(crate) fn store_folder(&mut self, folder: &Path) {
        self.change_preferences_or_notify(|preferences| preferences.last_folder = Some(folder.to_owned()));
    }
}
