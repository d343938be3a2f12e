//! Export: opens the dialog with the current view, asks for a file, and starts the export.

use std::path::PathBuf;

use crate::activity::StatusFilter;
use crate::engine::Action;
use crate::protocol::sanitize;
use crate::ui::dialogs::Dialog;
use crate::ui::frame::export_form::ExportForm;
use crate::ui::platform::ports::SaveSuggestion;
use crate::ui::text::cut;

use super::App;

/// Maximum length of a filter in the dialog, in characters.
const MAX_FILTER_LENGTH: usize = 400;

impl App {
    /// Opens the export dialog for the active tab.
    pub(crate) fn open_export(&mut self) {
        let Some(profile_tab) = self.profile_tab() else { return };
        let status_filter = profile_tab.view.status_filter();
        let filter = profile_tab.view.filter();
        let shown = profile_tab.view.is_filtered().then(|| {
            let by_status = if status_filter == StatusFilter::All {
                String::new()
            } else {
                format!(" in {}", status_filter.word())
            };
            let by_text = if filter.is_empty() { String::new() } else { format!(" that match {filter}") };
            let words = format!("rows{by_status}{by_text}");
            (filter.clone(), status_filter, sanitize(&cut(&words, MAX_FILTER_LENGTH)).into_owned())
        });
        let profile = (!profile_tab.is_all()).then(|| (profile_tab.profile.id, profile_tab.profile.name.clone()));
        let selected =
            profile_tab.table.any_selected().filter_map(|row| Some(profile_tab.activity(row)?.first_seq())).collect();
        let form = ExportForm::new(profile, self.profiles() > 1, shown, selected);
        self.open(Dialog::Export(form));
    }

    /// Asks for the file of the export.
    pub(crate) fn choose_export_file(&mut self, form: ExportForm) {
        let suggestion = SaveSuggestion {
            title: "Export".to_owned(),
            folder: self.preferences().last_folder,
            file_name: form.file_name(),
        };
        self.exporting.open_save(&*self.dependencies.dialogs, suggestion, form, &self.dependencies.waker);
    }

    /// Starts the export to the chosen path.
    pub(crate) fn export_to(&mut self, form: &ExportForm, path: PathBuf) {
        let folder = path.parent().map(PathBuf::from);
        if self.send(Action::Export(Box::new(form.export(path))))
            && let Some(folder) = folder
        {
            self.store_folder(&folder);
        }
    }
}
