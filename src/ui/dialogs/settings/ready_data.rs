//! The dialog `Ready data`: what happens to a profile's ready data, and which hosts it may be downloaded from. Changes take
//! effect at once; the dialog shows what the settings have.

use egui::{Id, Key, Ui, pos2, vec2};

use crate::engine::Action;
use crate::protocol::sanitize;
use crate::settings::{Address, DownloadSettings, ProfileId, SavingChange};
use crate::ui::frame::dialog_frame::{close_button, pane, paragraph, show_error};
use crate::ui::frame::folder_purpose::FolderPurpose;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::profile_tab::ProfileTab;
use crate::ui::theme::TextRole;
use crate::ui::theme::palette::Palette;
use crate::ui::widgets::text_field::{Field, Mark, choice_within};
use crate::ui::widgets::{self, Button, ButtonStyle};

use super::data_key::{self, KeyForm};
use super::section::{head, line};

/// The state of the dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataSettings {
    profile: ProfileId,
    /// The profile's name.
    name: String,
    /// The host of the profile's download address, which needs no permission.
    own: String,
    saving: DownloadSettings,
    /// The typed host.
    host: String,
    /// The error in the typed host.
    error: Option<&'static str>,
    key: KeyForm,
}

impl DataSettings {
    /// The dialog for a profile.
    pub(crate) fn of(profile_tab: &ProfileTab) -> Self {
        let mut dialog = Self {
            profile: profile_tab.profile.id,
            name: String::new(),
            own: String::new(),
            saving: DownloadSettings::default(),
            host: String::new(),
            error: None,
            key: KeyForm::default(),
        };
        dialog.refresh(profile_tab);
        dialog
    }

    /// The profile whose settings the dialog shows.
    pub(crate) fn profile(&self) -> ProfileId {
        self.profile
    }

    /// Updates the dialog from the settings.
    pub(crate) fn refresh(&mut self, profile_tab: &ProfileTab) {
        let profile = &profile_tab.profile;
        if self.name != profile.name {
            self.name.clone_from(&profile.name);
        }
        self.own = host_of(&profile.download);
        if self.saving != profile.saving {
            self.saving = profile.saving.clone();
        }
        self.key.refresh(profile_tab.status.data_key);
    }

    /// Requests a change of the settings.
    fn change(&self, frame: &mut FrameContext, change: SavingChange) {
        frame.request(UiRequest::Send(Action::ChangeSaving { profile: self.profile, change }));
    }

    /// The typed host, or its error as a sentence.
    fn typed_host(&self) -> Result<String, &'static str> {
        let host = url::Host::parse(self.host.trim());
        host.map(|host| host.to_string()).map_err(|_error| "Enter a host alone, such as files.example.com.")
    }

    /// Allows automatic downloads from a host.
    fn allow(&mut self, host: String, frame: &mut FrameContext) {
        if !self.saving.automatic_hosts.contains(&host) {
            self.change(frame, SavingChange::AutomaticHost(host, true));
        }
        self.host.clear();
    }
}

/// The host of an address; empty if it has none.
fn host_of(address: &Address) -> String {
    address.host().unwrap_or_default()
}

/// Draws the dialog's content.
pub(crate) fn show(ui: &mut Ui, dialog: &mut DataSettings, fresh: bool, frame: &mut FrameContext) {
    pane(ui, 164.0, 120.0).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        automatic(ui, dialog, frame);
        ui.add_space(12.0);
        hosts(ui, dialog, frame);
        private(ui, dialog, frame);
        ui.add_space(12.0);
        let decrypt = dialog.saving.decrypt;
        if data_key::show(ui, &mut dialog.key, dialog.profile, decrypt, frame) {
            dialog.change(frame, SavingChange::Decrypt(!decrypt));
        }
    });
    close_button(ui, fresh, frame);
}

/// Draws whether ready data is saved automatically, and the folder for it.
fn automatic(ui: &mut Ui, dialog: &DataSettings, frame: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    let (at, right) = line(ui);
    let folder = dialog.saving.folder.as_ref();
    let choose = Button::new("Choose folder…").style(ButtonStyle::Outlined);
    let left = if folder.is_some() { right - choose.width(ui) } else { right };
    let words = format!("Save ready data of {} automatically", sanitize(&dialog.name));
    let automatic = choice_within(ui, at, left - 12.0 - at.x, Mark::Check(folder.is_some()), &words, true);
    ui.add_space(automatic.rect.height() - 24.0);
    if automatic.clicked() {
        if folder.is_some() {
            dialog.change(frame, SavingChange::Folder(None));
        } else {
            frame.request(UiRequest::ChooseFolder(FolderPurpose::Automatic(dialog.profile)));
        }
    }
    if let Some(folder) = folder {
        if choose.at(ui, pos2(left, at.y)).clicked() {
            frame.request(UiRequest::ChooseFolder(FolderPurpose::Automatic(dialog.profile)));
        }
        let (at, right) = line(ui);
        let path = sanitize(&folder.display().to_string()).into_owned();
        let text =
            widgets::text(ui, pos2(at.x + 22.0, at.y), &path, TextRole::Mono, palette.secondary, right - at.x - 22.0);
        widgets::label(ui, text, "folder", &format!("Folder {path}")).on_hover_text(path);
    }
    ui.add_space(4.0);
    paragraph(
        ui,
        "As soon as it is ready, also while the window is hidden, from the hosts below and no others. A file that is there \
         already stays: the new one gets a number.",
    );
}

/// Draws the hosts that are allowed for automatic downloads.
fn hosts(ui: &mut Ui, dialog: &mut DataSettings, frame: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    head(ui, "Hosts allowed for automatic download");
    if !dialog.own.is_empty() {
        let (at, right) = line(ui);
        let own = sanitize(&dialog.own).into_owned();
        let text = widgets::text(ui, at, &own, TextRole::Mono, palette.text, right - at.x - 160.0);
        let note = pos2(text.right() + 12.0, at.y);
        let end = widgets::text(ui, note, "the download address", TextRole::Small, palette.muted, right - note.x);
        widgets::label(ui, text.union(end), "own host", &format!("{own}, the download address"));
    }
    for host in dialog.saving.automatic_hosts.clone() {
        if listed(ui, &host, "Remove") {
            dialog.change(frame, SavingChange::AutomaticHost(host, false));
        }
    }
    ui.add_space(4.0);
    let (at, _) = line(ui);
    let place = egui::Rect::from_min_size(pos2(at.x, at.y - 14.0), vec2(260.0, 28.0));
    let field = Field {
        hint: "files.example.com",
        face: TextRole::Mono,
        has_error: dialog.error.is_some(),
        ..Field::new(Id::unique("allow host"), "Host")
    };
    let response = field.show(ui, place, &mut dialog.host);
    if response.changed() {
        dialog.error = None;
    }
    let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    let typed = dialog.typed_host();
    let allow = Button::new("Allow host").style(ButtonStyle::Outlined).why_not(typed.as_ref().err().copied());
    let pressed = allow.at(ui, pos2(place.right() + 8.0, at.y)).clicked();
    if response.lost_focus() {
        // An incomplete host is no error while it is typed, and neither is an empty field.
        dialog.error = typed.as_ref().err().copied().filter(|_| entered || !dialog.host.trim().is_empty());
    }
    if let (true, Ok(host)) = (pressed || entered, typed) {
        dialog.allow(host, frame);
    }
    if let Some(wrong) = dialog.error {
        show_error(ui, wrong);
    }
}

/// Draws the hosts that may resolve to a private network. Each of them was allowed through a notice.
fn private(ui: &mut Ui, dialog: &DataSettings, frame: &mut FrameContext) {
    if dialog.saving.private_hosts.is_empty() {
        return;
    }
    ui.add_space(12.0);
    head(ui, "Hosts that may be on this computer or in a private network");
    for host in &dialog.saving.private_hosts {
        if listed(ui, host, "Forbid") {
            dialog.change(frame, SavingChange::PrivateHost(host.clone(), false));
        }
    }
}

/// Draws a host with the button that removes it. Returns whether the button was clicked.
fn listed(ui: &mut Ui, host: &str, words: &str) -> bool {
    let palette = Palette::of(ui.style());
    let (at, right) = line(ui);
    let shown = sanitize(host).into_owned();
    let press = Button::new(words).name(format!("{words} {shown}"));
    let left = right - press.width(ui);
    let text = widgets::text(ui, at, &shown, TextRole::Mono, palette.text, left - at.x - 8.0);
    widgets::label(ui, text, &format!("{words} {host}"), &shown);
    press.at(ui, pos2(left, at.y)).clicked()
}
