//! Stored data and the dialog that requests it: takes pages of data tokens, and sends requests to the engine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use egui::Context;

use crate::activity::{ActivityKey, Seq};
use crate::engine::{Action, RestError, Severity};
use crate::protocol::{DataTokenPage, RequestId, StoredData};
use crate::settings::ProfileId;
use crate::ui::dialogs::Dialog;
use crate::ui::profile_tab::rows::can_request_again;
use crate::ui::view_state::pending_selection::PendingSelection;

use super::App;

/// Maximum number of rows whose data can be requested again at once.
const MAX_AGAIN: usize = 32;

/// Delay before a busy engine is asked again.
const RETRY_DELAY: Duration = Duration::from_millis(50);

impl App {
    /// Takes a page of data tokens. It is used only while the dialog of its profile is open.
    pub(crate) fn take_data_tokens(&mut self, profile: ProfileId, page: u32, answer: Result<DataTokenPage, RestError>) {
        if let Some(Dialog::RequestData(dialog)) = &mut self.dialog
            && dialog.profile() == profile
        {
            dialog.take(page, answer);
        }
    }

    /// Updates the dialogs about data from their profile, and requests the next page of data tokens if needed.
    pub(crate) fn refresh_data_dialogs(&mut self, ctx: &Context) {
        if let Some(Dialog::DataSettings(dialog)) = &mut self.dialog
            && let Some(profile_tab) =
                self.profile_tabs.iter().find(|profile_tab| profile_tab.profile.id == dialog.profile())
        {
            dialog.refresh(profile_tab);
        }
        let Some(Dialog::RequestData(dialog)) = &mut self.dialog else { return };
        if let Some(profile_tab) =
            self.profile_tabs.iter().find(|profile_tab| profile_tab.profile.id == dialog.profile())
        {
            dialog.refresh(profile_tab);
        }
        if let Some(question) = dialog.next_request()
            && !self.dependencies.backend.send(question)
        {
            dialog.retry_later();
            ctx.request_repaint_after(RETRY_DELAY);
        }
    }

    /// Requests stored data. If the engine is busy, the dialog stays open unchanged.
    pub(crate) fn request_data(&mut self, profile: ProfileId, data: Vec<StoredData>, folder: Option<PathBuf>) {
        let expected = PendingSelection::of(&data);
        if !self.send(Action::RequestData { profile, data, folder }) {
            return;
        }
        self.dialog = None;
        if let Some(profile_tab) = self.tab_of(profile) {
            profile_tab.pending_selection = expected;
        }
    }

    /// The first and the last journal entry of an activity.
    pub(crate) fn span_of(&self, profile: ProfileId, key: &ActivityKey) -> Option<(Seq, Seq)> {
        let profile_tab = self.profile_tabs.iter().find(|profile_tab| profile_tab.profile.id == profile)?;
        let activity = profile_tab.activity(profile_tab.activities.find(key)?)?;
        Some((activity.first_seq(), activity.last_seq()))
    }

    /// Requests the data of a request again.
    pub(crate) fn request_again(&mut self, profile: ProfileId, request: RequestId) {
        let expected = PendingSelection::again([request.clone()]);
        let span = self.span_of(profile, &ActivityKey::Data(request.clone()));
        if self.send(Action::RequestAgain { profile, request, span })
            && let Some(profile_tab) = self.tab_of(profile)
        {
            profile_tab.pending_selection = expected;
        }
    }

    /// Requests the data of the selected rows again, for those rows that allow it.
    pub(crate) fn request_selected_again(&mut self) {
        let Some(profile_tab) = self.profile_tab() else { return };
        let mut chosen: BTreeMap<ProfileId, Vec<RequestId>> = BTreeMap::new();
        let mut all = 0;
        for row in profile_tab.selected_rows(usize::MAX) {
            let activity = profile_tab.activity(row).filter(can_request_again);
            if let Some(ActivityKey::Data(request)) = activity.map(|activity| activity.key()) {
                all += 1;
                if all <= MAX_AGAIN {
                    chosen.entry(profile_tab.owner(row)).or_default().push(request);
                }
            }
        }
        for (profile, requests) in chosen {
            let expected = PendingSelection::again(requests.iter().cloned());
            for request in requests {
                let span = self.span_of(profile, &ActivityKey::Data(request.clone()));
                if !self.send(Action::RequestAgain { profile, request, span }) {
                    return;
                }
            }
            if let Some(profile_tab) = self.tab_of(profile) {
                profile_tab.pending_selection = expected;
            }
        }
        if all > MAX_AGAIN {
            let sentence =
                format!("The data of the first {MAX_AGAIN} of {all} rows is requested. Select the others for theirs.");
            self.notices.add_text(Severity::Warning, sentence);
        }
    }
}
