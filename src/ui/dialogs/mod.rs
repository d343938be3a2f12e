//! The modal dialogs: one at a time, closed by Escape, and nothing behind them can be used meanwhile.

pub(crate) mod close_window;
pub(crate) mod columns;
pub(crate) mod completeness;
pub(crate) mod export;
pub(crate) mod file_path;
pub(crate) mod help;
pub(crate) mod palette;
pub(crate) mod request_data;
pub(crate) mod settings;
pub(crate) mod track;

use std::collections::BTreeMap;

use egui::{Id, Key, Ui, pos2, vec2};

use crate::activity::{ActivityKey, CompetingConsumer};
use crate::engine::Action;
use crate::protocol::sanitize;
use crate::settings::ProfileId;
use crate::ui::bars::{competing_consumer, saved_filters};
use crate::ui::frame::dialog_frame::{
    InitialFocus, buttons, buttons_unless, close_button, first, framed, heading, paragraph, show_error, top,
};
use crate::ui::frame::export_form::ExportForm;
use crate::ui::frame::help_page::HelpPage;
use crate::ui::widgets::text_field::{Field, Mark, choice};

use super::frame::{FrameContext, UiRequest};
use super::profile_tab::ProfileTab;

use close_window::UnsavedWork;
use completeness::Report;
use palette::CommandPalette;
use request_data::RequestData;
use settings::ready_data::DataSettings;
use track::{MAX_LENGTH, Track};

/// The open dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Dialog {
    /// Asks whether to sign out, and whether to revoke the token.
    SignOut {
        profile: ProfileId,
        /// The profile's name.
        name: String,
        /// Whether to ask the server to revoke the token.
        revoke: bool,
    },
    /// Asks whether to delete a profile's history from the journal.
    ClearHistory {
        profile: ProfileId,
        /// The profile's name.
        name: String,
    },
    /// Asks whether to remove a profile from the settings.
    Remove {
        profile: ProfileId,
        /// The profile's name.
        name: String,
    },
    /// Labels activities.
    Label {
        /// The activities, by profile.
        keys: BTreeMap<ProfileId, Vec<ActivityKey>>,
        /// The typed label.
        text: String,
    },
    /// Which columns are shown, and how times are shown.
    Columns(columns::ColumnDraft),
    /// Saves the active tab's filter under a name.
    SaveFilter(saved_filters::SaveFilterForm),
    /// Asks whether to close the window although something would be lost.
    CloseWindow(UnsavedWork),
    /// What is known to be complete.
    Completeness {
        profile: ProfileId,
        /// The dialog's content.
        report: Report,
    },
    /// The settings for a profile's ready data.
    DataSettings(Box<DataSettings>),
    /// Requests stored data.
    RequestData(Box<RequestData>),
    /// Tracks commands by their ids.
    Track(Track),
    /// Explains what it means that outcomes never reach this client.
    CompetingConsumer(CompetingConsumer),
    /// The keyboard shortcuts, and the guide.
    Help(HelpPage),
    /// What to export, and how.
    Export(ExportForm),
    /// The settings.
    Settings(Box<settings::Form>),
    /// The command palette.
    Palette(CommandPalette),
    /// About this program.
    About,
}

impl Dialog {
    fn title(&self) -> &'static str {
        match self {
            Self::SignOut { .. } => "Sign out",
            Self::ClearHistory { .. } => "Forget this profile",
            Self::Remove { .. } => "Remove profile",
            Self::Label { keys, .. } if keys.values().map(Vec::len).sum::<usize>() > 1 => "Edit labels",
            Self::Label { .. } => "Edit label",
            Self::CloseWindow(_) => "Close Privicore Monitor",
            Self::Completeness { .. } => "Completeness",
            Self::DataSettings(_) => "Ready data",
            Self::RequestData(_) => "Request data",
            Self::Track(_) => "Track commands",
            Self::Columns(_) => "Columns",
            Self::SaveFilter(_) => "Save filter",
            Self::CompetingConsumer(_) => "Settled unheard",
            Self::Help(page) => page.title(),
            Self::Export(_) => "Export",
            Self::Settings(_) => "Settings",
            Self::Palette(_) => "Command palette",
            Self::About => "About Privicore Monitor",
        }
    }

    fn width(&self) -> f32 {
        match self {
            Self::RequestData(_) => 720.0,
            Self::Completeness { .. } => 620.0,
            Self::Palette(_) => 584.0,
            Self::Help(_) | Self::Settings(_) | Self::Export(_) | Self::DataSettings(_) => 560.0,
            Self::CompetingConsumer(_) | Self::Track(_) | Self::Columns(_) => 520.0,
            Self::SignOut { .. }
            | Self::ClearHistory { .. }
            | Self::Remove { .. }
            | Self::Label { .. }
            | Self::SaveFilter(_)
            | Self::CloseWindow(_)
            | Self::About => 400.0,
        }
    }
}

/// What a dialog may read apart from its own state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DialogContext<'a> {
    /// Every profile's tab.
    pub profile_tabs: &'a [ProfileTab],
    /// The active tab.
    pub active_tab: Option<&'a ProfileTab>,
    /// The program's version.
    pub version: &'static str,
}

/// Draws a dialog over the window. `fresh` is whether it has just opened.
pub(crate) fn show(
    ctx: &egui::Context,
    dialog: &mut Dialog,
    fresh: bool,
    around: DialogContext<'_>,
    frame: &mut FrameContext,
) {
    let is_palette = matches!(dialog, Dialog::Palette(_));
    let below = match (is_palette, frame.narrow) {
        // Over the table and not over the bars above it, where the operator may find what they look for.
        (true, true) => 48.0,
        (true, false) => 112.0,
        // A dialog that changes its height keeps its top edge; centred, it would move under the pointer.
        (false, _) => top(ctx.content_rect().height()),
    };
    let (margin, title, width) = (if is_palette { 8 } else { 24 }, dialog.title(), dialog.width());
    let closed = framed(ctx, title, width, below, margin, |ui| {
        if !is_palette {
            heading(ui, title);
        }
        match dialog {
            Dialog::SignOut { profile, name, revoke } => sign_out(ui, *profile, name, revoke, fresh, frame),
            Dialog::ClearHistory { profile, name } => clear_history(ui, *profile, name, fresh, frame),
            Dialog::Remove { profile, name } => remove(ui, *profile, name, fresh, frame),
            Dialog::Label { keys, text } => label(ui, keys, text, fresh, frame),
            Dialog::CloseWindow(unsaved) => close_window::show(ui, *unsaved, fresh, frame),
            Dialog::Completeness { report, .. } => completeness::show(ui, report, fresh, frame),
            Dialog::DataSettings(settings) => settings::ready_data::show(ui, settings, fresh, frame),
            Dialog::Columns(chosen) => columns::show(ui, chosen, fresh, frame),
            Dialog::SaveFilter(naming) => saved_filters::show(ui, naming, fresh, frame),
            Dialog::RequestData(request) => request_data::show::show(ui, request, fresh, frame),
            Dialog::Track(track) => track::show(ui, track, fresh, frame),
            Dialog::CompetingConsumer(competing_consumer) => {
                competing_consumer::explain(ui, *competing_consumer, fresh, frame);
            }
            Dialog::Help(page) => help::show(ui, *page, fresh, frame),
            Dialog::Export(form) => export::show(ui, form, fresh, frame),
            Dialog::Settings(form) => settings::show(ui, form, around.active_tab, fresh, frame),
            Dialog::Palette(commands) => {
                palette::show::show(ui, commands, around.profile_tabs, around.active_tab, fresh, frame);
            }
            Dialog::About => about(ui, around.version, fresh, frame),
        }
    });
    if closed {
        frame.request(UiRequest::CloseDialog);
    }
}

fn sign_out(ui: &mut Ui, profile: ProfileId, name: &str, revoke: &mut bool, fresh: bool, frame: &mut FrameContext) {
    paragraph(
        ui,
        &format!("{} will disconnect, and its token will be deleted from the system keyring.", sanitize(name)),
    );
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 24.0));
    let words = "Revoke the token on the server too";
    if choice(ui, pos2(rect.left(), rect.center().y), Mark::Check(*revoke), words, true).clicked() {
        *revoke = !*revoke;
    }
    ui.add_space(4.0);
    if buttons(ui, "Sign out", "Cancel", first(fresh, InitialFocus::Main), frame) {
        frame.request(UiRequest::Send(Action::SignOut { profile, revoke: *revoke }));
        frame.request(UiRequest::CloseDialog);
    }
}

fn clear_history(ui: &mut Ui, profile: ProfileId, name: &str, fresh: bool, frame: &mut FrameContext) {
    paragraph(
        ui,
        &format!(
            "All stored history of {} will be deleted: outcomes, labels, gaps, and links to data that was not saved. This \
             can't be undone. Saved files stay, and the profile stays signed in.",
            sanitize(name)
        ),
    );
    if buttons(ui, "Forget activity", "Cancel", first(fresh, InitialFocus::Cancel), frame) {
        frame.request(UiRequest::Send(Action::ClearHistory(profile)));
        frame.request(UiRequest::CloseDialog);
    }
}

fn remove(ui: &mut Ui, profile: ProfileId, name: &str, fresh: bool, frame: &mut FrameContext) {
    paragraph(
        ui,
        &format!(
            "{} will be removed from the settings, its token from the system keyring, and its activity from the journal. This \
             can't be undone. Saved files stay.",
            sanitize(name)
        ),
    );
    if buttons(ui, "Remove profile", "Cancel", first(fresh, InitialFocus::Cancel), frame) {
        frame.request(UiRequest::Send(Action::RemoveProfile(profile)));
        frame.request(UiRequest::CloseDialog);
    }
}

fn label(
    ui: &mut Ui,
    keys: &BTreeMap<ProfileId, Vec<ActivityKey>>,
    text: &mut String,
    fresh: bool,
    frame: &mut FrameContext,
) {
    let words = "The table shows the label instead of the context. Leave it empty to remove it.";
    match keys.values().map(Vec::len).sum::<usize>() {
        1 => paragraph(ui, words),
        count => paragraph(ui, &format!("{words} Applies to {count} rows.")),
    }
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 28.0));
    let id = Id::unique("label field");
    let long = format!("The label is longer than {MAX_LENGTH} characters. Enter a shorter one.");
    let why_not = (text.trim().chars().count() > MAX_LENGTH).then_some(&*long);
    let field = Field { hint: "approve device", has_error: why_not.is_some(), ..Field::new(id, "Label") };
    let response = field.show(ui, rect, text);
    if fresh {
        response.request_focus();
    }
    let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    ui.add_space(8.0);
    if let Some(wrong) = why_not {
        show_error(ui, wrong);
    }
    let pressed = buttons_unless(ui, why_not, "Save label", "Cancel", InitialFocus::None, frame);
    if (pressed || entered) && why_not.is_none() {
        for (profile, keys) in keys {
            let label = text.trim().to_owned();
            frame.request(UiRequest::Send(Action::SetLabel { profile: *profile, keys: keys.clone(), label }));
        }
        frame.request(UiRequest::CloseDialog);
    }
}

fn about(ui: &mut Ui, version: &str, fresh: bool, frame: &mut FrameContext) {
    paragraph(ui, &format!("Version {version}"));
    paragraph(ui, "A live monitor for the command outcomes and ready data of a Privicore profile.");
    paragraph(
        ui,
        "MIT OR Apache-2.0. Set in Inter and JetBrains Mono, SIL Open Font License 1.1; icons from Material Symbols, Apache \
         License 2.0.",
    );
    close_button(ui, fresh, frame);
}
