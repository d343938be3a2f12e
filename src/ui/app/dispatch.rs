//! Executes the views' requests after a frame is drawn.

use std::collections::BTreeMap;

use egui::Context;

use crate::activity::{ActivityKey, RowId, StatusFilter};
use crate::engine::{Action, Severity};
use crate::protocol::{CommandId, UnmaskedMessage};
use crate::settings::{ProfileId, SCALES};
use crate::ui::dialogs::completeness::Report;
use crate::ui::dialogs::palette::CommandPalette;
use crate::ui::dialogs::request_data::RequestData;
use crate::ui::dialogs::settings::ready_data::DataSettings;
use crate::ui::dialogs::track::Track;
use crate::ui::dialogs::{Dialog, settings};
use crate::ui::frame::commands::UiCommand;
use crate::ui::frame::folder_purpose::FolderPurpose;
use crate::ui::frame::help_page::HelpPage;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::profile_tab::ProfileTab;
use crate::ui::table::copy::{self, Copying, Form as CopyForm};
use crate::ui::view_state::sign_in_form::Form;

use super::{ActiveTab, App};

/// Maximum number of commands in one status check.
const MAX_CHECKED: usize = 200;
/// Maximum number of rows that are labelled at once.
const MAX_LABELLED: usize = 1_000;

impl App {
    pub(crate) fn dispatch_requests(&mut self, ctx: &Context, frame: &mut FrameContext) {
        self.finish_copy(ctx, frame);
        for request in std::mem::take(&mut frame.requests) {
            self.dispatch(ctx, frame, request);
        }
    }

    fn dispatch(&mut self, ctx: &Context, frame: &mut FrameContext, request: UiRequest) {
        match request {
            UiRequest::Send(action) => {
                self.send(action);
            }
            UiRequest::ChangePreferences(changes) => self.change_preferences_or_notify(|preferences| {
                for change in changes {
                    preferences.apply(change);
                }
            }),
            UiRequest::Run(command) => self.run(ctx, frame, command),
            UiRequest::Save { row, inline } => self.open_save_dialog(row, inline),
            UiRequest::CopySecret(secret) => self.copy_secret(&secret),
            UiRequest::Export(form) => self.choose_export_file(form),
            UiRequest::RequestData { profile, data, folder } => self.request_data(profile, data, folder),
            UiRequest::ChooseFolder(what) => self.open_folder_dialog(what),
            UiRequest::MoveDownload { profile, request, file } => self.open_move_dialog(profile, request, file),
            UiRequest::RequestAgain { profile, request } => self.request_again(profile, request),
            UiRequest::Check(row) => self.check(&[row]),
            UiRequest::Show(profile) => self.active_tab = ActiveTab::Profile(profile),
            UiRequest::AddProfile => self.add_profile(),
            UiRequest::CloseForm => self.close_form(),
            UiRequest::SignIn => self.sign_in(),
            UiRequest::SignInAgain(profile) => {
                if let Some(profile_tab) = self.tab_of(profile) {
                    profile_tab.form = Form::of(&profile_tab.profile);
                    profile_tab.form_open = true;
                }
            }
            UiRequest::Reveal(row) => {
                if let Some(profile_tab) = self.profile_tab_mut() {
                    profile_tab.reveal(row);
                }
            }
            UiRequest::ShowHelp(page) => self.open(Dialog::Help(page)),
            UiRequest::ExplainCompetingConsumer(competing) => self.open(Dialog::CompetingConsumer(competing)),
            UiRequest::CloseDialog => self.dialog = None,
            UiRequest::SetColumns(profile, columns) => self.set_columns(profile, columns),
            UiRequest::SetTimes(times) => self.set_times(times),
            UiRequest::SetInsight(layout) => self.set_insight(layout),
            UiRequest::ShowFailures(reason) => self.show_failures(&reason),
            UiRequest::ApplySavedFilter(index) => self.apply_saved_filter(index),
            UiRequest::SaveFilter(name) => self.save_filter(name),
            UiRequest::DeleteSavedFilter(index) => self.delete_saved_filter(index),
            UiRequest::SearchOlder => self.search_older(),
            UiRequest::CancelSearch => _ = self.cancel_search(),
            UiRequest::Dismiss(number) => self.dismiss(number),
            UiRequest::CloseWindow => {
                self.dialog = None;
                self.begin_shutdown();
            }
        }
        // The requests changed what is shown, so the next frame follows at once.
        frame.redraw_in(std::time::Duration::ZERO);
    }

    fn run(&mut self, ctx: &Context, frame: &mut FrameContext, command: UiCommand) {
        match command {
            UiCommand::AddProfile => self.add_profile(),
            UiCommand::Palette => {
                let palette = CommandPalette::new(&self.profile_tabs, self.profile_tab(), frame);
                self.open(Dialog::Palette(palette));
            }
            UiCommand::Shortcuts => self.open(Dialog::Help(HelpPage::Shortcuts)),
            UiCommand::Guide => self.open(Dialog::Help(HelpPage::Guide)),
            UiCommand::About => self.open(Dialog::About),
            UiCommand::Settings => {
                let form = settings::Form::new(self.preferences(), self.dependencies.reduced_motion);
                self.open(Dialog::Settings(Box::new(form)));
            }
            UiCommand::Columns => self.open_columns(),
            UiCommand::SaveFilter => self.open_save_filter(),
            UiCommand::Theme(theme) => self.change_preferences_or_notify(|preferences| preferences.theme = theme),
            UiCommand::Larger => self.change_preferences_or_notify(|new| new.scale = settings::scaled(new.scale, true)),
            UiCommand::Smaller => {
                self.change_preferences_or_notify(|new| new.scale = settings::scaled(new.scale, false));
            }
            UiCommand::ActualSize => {
                self.change_preferences_or_notify(|preferences| preferences.scale = *SCALES.start());
            }
            UiCommand::Profile(number) => {
                if let Some(profile_tab) = self.profile_tabs.get(number) {
                    self.active_tab = ActiveTab::Profile(profile_tab.profile.id);
                }
            }
            _ => self.run_in_front(ctx, frame, command),
        }
    }

    /// Runs a command on the active profile.
    fn run_in_front(&mut self, ctx: &Context, frame: &mut FrameContext, command: UiCommand) {
        let Some(profile_tab) = self.profile_tab_mut() else { return };
        if !command.is_available(profile_tab) {
            return;
        }
        let profile = profile_tab.profile.id;
        match command {
            UiCommand::Filter => self.focus_filter = true,
            UiCommand::ShowEverything => {
                profile_tab.set_filter("");
                profile_tab.view.set_status_filter(StatusFilter::All);
            }
            UiCommand::Show(status_filter) => profile_tab.view.set_status_filter(status_filter),
            UiCommand::Details => {
                if let Some(row) = profile_tab.table.cursor() {
                    profile_tab.open_details(row);
                }
            }
            UiCommand::Insight => self.toggle_insight(frame.narrow),
            UiCommand::Pause => toggle_pause(profile_tab),
            UiCommand::Follow => toggle_follow(profile_tab),
            UiCommand::SelectAll => {
                let ProfileTab { table, activities, view, .. } = profile_tab;
                table.select_all(activities, view);
            }
            UiCommand::Download => self.download_selected(),
            UiCommand::DownloadAll => self.open_folder_dialog(FolderPurpose::Ready(profile)),
            UiCommand::RequestAgain => self.request_selected_again(),
            UiCommand::CheckStatus => {
                let rows = profile_tab.selected_rows(usize::MAX);
                self.check(&rows);
            }
            UiCommand::EditLabel => self.edit_label(),
            UiCommand::ShowSecrets => self.show_secrets(),
            UiCommand::HideSecrets => {
                if let Some(details) = &mut profile_tab.details {
                    details.hide_secrets();
                }
            }
            UiCommand::CopyRows => self.copy_rows(ctx, frame, CopyForm::Text),
            UiCommand::CopyTsv => self.copy_rows(ctx, frame, CopyForm::Tsv),
            UiCommand::CopyJson => self.copy_rows(ctx, frame, CopyForm::Json),
            UiCommand::Export => self.open_export(),
            UiCommand::Connect => _ = self.send(Action::Connect(profile)),
            UiCommand::Disconnect => _ = self.send(Action::Disconnect(profile)),
            UiCommand::RetryNow => _ = self.send(Action::RetryNow(profile)),
            UiCommand::RenewToken => _ = self.send(Action::RenewToken(profile)),
            UiCommand::DataSettings => {
                let dialog = Dialog::DataSettings(Box::new(DataSettings::of(profile_tab)));
                self.open(dialog);
            }
            UiCommand::RequestData => self.open(Dialog::RequestData(Box::new(RequestData::new(profile)))),
            UiCommand::Track => self.open(Dialog::Track(Track::new(profile))),
            UiCommand::Completeness => {
                let dialog = Dialog::Completeness { profile, report: Report::of(profile_tab) };
                self.open(dialog);
            }
            UiCommand::SignOut | UiCommand::ClearHistory | UiCommand::RemoveProfile => self.confirm_removal(command),
            _ => {}
        }
    }

    /// Asks for confirmation before data of the active profile is removed.
    fn confirm_removal(&mut self, command: UiCommand) {
        let Some(profile_tab) = self.profile_tab() else { return };
        let (profile, name) = (profile_tab.profile.id, profile_tab.profile.name.clone());
        self.open(match command {
            UiCommand::ClearHistory => Dialog::ClearHistory { profile, name },
            UiCommand::RemoveProfile => Dialog::Remove { profile, name },
            _ => Dialog::SignOut { profile, name, revoke: false },
        });
    }

    /// Dismisses a notice. A persistent notice is also dismissed in the engine.
    pub(crate) fn dismiss(&mut self, number: u64) {
        let Some(notice) = self.notices.dismiss(number).filter(|notice| notice.severity > Severity::Info) else {
            return;
        };
        let read = Action::DismissNotice { profile: notice.profile, sentence: notice.sentence() };
        if !self.dependencies.backend.send(read) {
            tracing::debug!("the engine is busy: the notice is told again at the next start");
        }
    }

    fn add_profile(&mut self) {
        if self.form.is_none() {
            self.form = Some(Form::new(&self.dependencies.prefill));
        }
        self.active_tab = ActiveTab::NewProfile;
    }

    /// Closes the form for a new profile if there is another tab to show.
    pub(crate) fn close_form(&mut self) {
        let Some(profile_tab) = self.profile_tabs.first() else { return };
        let active_tab = ActiveTab::Profile(profile_tab.profile.id);
        if let Some(form) = self.form.take()
            && form.is_requesting()
        {
            self.send(Action::CancelSignIn(form.profile_id()));
        }
        self.active_tab = active_tab;
    }

    fn sign_in(&mut self) {
        let taken: Vec<String> = self.other_profile_names();
        let Some(sign_in) = self.form_in_front().and_then(|form| form.submit(&taken)) else { return };
        if !self.send(Action::SignIn(Box::new(sign_in)))
            && let Some(form) = self.form_in_front()
        {
            form.retry_later();
        }
    }

    fn form_in_front(&mut self) -> Option<&mut Form> {
        match self.active_tab {
            ActiveTab::NewProfile => self.form.as_mut(),
            ActiveTab::Profile(id) => self.tab_of(id).map(|profile_tab| &mut profile_tab.form),
        }
    }

    /// Requests a status check of rows from each row's own profile.
    fn check(&mut self, rows: &[RowId]) {
        let Some(profile_tab) = self.profile_tab() else { return };
        let mut all = 0;
        let mut asked: BTreeMap<ProfileId, Vec<CommandId>> = BTreeMap::new();
        for (row, activity) in rows.iter().filter_map(|row| Some((*row, profile_tab.activity(*row)?))) {
            if rows.len() > 1 && !activity.can_check() {
                continue;
            }
            if let ActivityKey::Command(command) = activity.key() {
                all += 1;
                if all <= MAX_CHECKED {
                    asked.entry(profile_tab.owner(row)).or_default().push(command);
                }
            }
        }
        for (profile, commands) in asked {
            if !self.send(Action::CheckStatus { profile, commands }) {
                return;
            }
        }
        if all > MAX_CHECKED {
            self.notices.add_text(
                Severity::Warning,
                format!("The server is asked for the first {MAX_CHECKED} of {all} commands. Select fewer to ask for them all."),
            );
        }
    }

    /// Opens the dialog that sets the label of the selected rows.
    fn edit_label(&mut self) {
        let Some(profile_tab) = self.profile_tab() else { return };
        let rows = profile_tab.selected_rows(usize::MAX);
        let chosen: Vec<_> = rows.iter().take(MAX_LABELLED).filter_map(|row| profile_tab.activity(*row)).collect();
        let Some(first) = chosen.first() else { return };
        // If all rows have the same label, the dialog starts with it.
        let alike = chosen.iter().all(|activity| activity.label() == first.label());
        let text = if alike { first.label().to_owned() } else { String::new() };
        let mut keys: BTreeMap<ProfileId, Vec<ActivityKey>> = BTreeMap::new();
        for (row, activity) in rows.iter().zip(&chosen) {
            keys.entry(profile_tab.owner(*row)).or_default().push(activity.key());
        }
        let dialog = Dialog::Label { keys, text };
        let all = rows.len();
        self.open(dialog);
        if all > MAX_LABELLED {
            self.notices.add_text(
                Severity::Warning,
                format!(
                    "The first {MAX_LABELLED} of {all} selected rows get the label. Select fewer to name them all."
                ),
            );
        }
    }

    /// Requests the secrets in the messages of the open details.
    fn show_secrets(&mut self) {
        let Some(profile_tab) = self.profile_tab_mut() else { return };
        let Some(profile) = profile_tab.details.as_ref().map(|details| profile_tab.owner(details.row())) else {
            return;
        };
        let action = profile_tab.details.as_mut().and_then(|details| details.request_secrets(profile));
        if let Some(action) = action
            && !self.send(action)
            && let Some(details) = self.profile_tab_mut().and_then(|profile_tab| profile_tab.details.as_mut())
        {
            // No response will come.
            details.hide_secrets();
        }
    }

    /// Copies a message with its secrets.
    fn copy_secret(&mut self, secret: &UnmaskedMessage) {
        match self.dependencies.clipboard.copy(secret) {
            Ok(()) => self.notices.add_text(
                Severity::Info,
                "The message was copied with its secrets, marked so that a clipboard history leaves it out.",
            ),
            Err(sentence) => self.notices.add_text(Severity::Warning, sentence),
        }
    }

    /// Copies rows once their full texts are loaded.
    pub(crate) fn finish_copy(&mut self, ctx: &Context, frame: &FrameContext) {
        let Some(copying) = self.copying.take_if(|copying| copying.is_ready()) else { return };
        let text = self.tab_of(copying.tab).map(|profile_tab| copying.text(profile_tab, frame)).unwrap_or_default();
        if !text.is_empty() {
            ctx.copy_text(text);
        }
        if copying.missing > 0 {
            self.notices.add_text(
                Severity::Warning,
                "Some texts were copied incompletely: the journal no longer has the rest, or it is too long. Export the rows to \
                 get all that is stored.",
            );
        }
    }

    fn copy_rows(&mut self, ctx: &Context, frame: &FrameContext, form: CopyForm) {
        let Some(profile_tab) = self.profile_tab() else { return };
        let rows = profile_tab.table.selection(&profile_tab.activities, &profile_tab.view, copy::MAX_ROWS);
        let selected = profile_tab.table.selected_count();
        let (copying, cut) = Copying::new(profile_tab, rows, form);
        // A newer copy replaces this one.
        self.copying = Some(copying);
        for (profile, rows) in cut {
            if !self.send(Action::ReadTexts { profile, rows }) {
                self.copying = None;
                return;
            }
        }
        self.finish_copy(ctx, frame);
        if selected > copy::MAX_ROWS {
            let most = copy::MAX_ROWS;
            self.notices.add_text(
                Severity::Warning,
                format!("Only the first {most} of {selected} selected rows were copied. Select fewer to copy them all, or export them."),
            );
        }
    }
}

fn toggle_pause(profile_tab: &mut ProfileTab) {
    let ProfileTab { activities, view, .. } = profile_tab;
    if view.is_paused() { view.resume() } else { view.pause(activities) }
}

/// Scrolls to the newest rows and follows them; if they are followed already, stops following.
fn toggle_follow(profile_tab: &mut ProfileTab) {
    let ProfileTab { table, activities, view, .. } = profile_tab;
    let follows = table.follows() && view.sort().is_none() && !view.is_paused();
    if follows {
        table.set_follow(false, activities, view);
    } else {
        view.resume();
        view.set_sort(None);
        table.set_follow(true, activities, view);
    }
}
