//! The section of the dialog `Ready data` about encrypted payloads: whether they are decrypted while they are saved, and with
//! which key. The typed key is wiped here once the engine has it.

use std::fmt;

use egui::{Id, Key, Rect, Ui, pos2, vec2};
use secrecy::zeroize::{Zeroize as _, Zeroizing};

use crate::engine::{Action, DataKeyStatus};
use crate::protocol::{DataKey, pasted};
use crate::settings::ProfileId;
use crate::ui::frame::dialog_frame::{paragraph, show_error};
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::theme::TextRole;
use crate::ui::theme::palette::Palette;
use crate::ui::widgets;
use crate::ui::widgets::text_field::{self, Field, Mark, Secret, choice};
use crate::ui::widgets::{Button, ButtonStyle, icons};

use super::section::{head, line};

/// The number of hex digits in a key.
const DIGITS: usize = 64;

/// The state of a profile's key, as a sentence.
fn sentence(key: DataKeyStatus) -> &'static str {
    match key {
        DataKeyStatus { known: true, persisted: true } => "The key is known, and kept in the keyring.",
        DataKeyStatus { known: true, persisted: false } => "The key is known until the program ends.",
        DataKeyStatus { known: false, .. } => "No key is known: data is kept encrypted.",
    }
}

/// The form for a key.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct KeyForm {
    known: DataKeyStatus,
    typed: Zeroizing<String>,
    /// Whether to save the key in the keyring.
    persist: bool,
    /// Whether the typed key is visible.
    shown: bool,
    /// The error in the typed key.
    error: Option<String>,
}

impl fmt::Debug for KeyForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyForm").field("known", &self.known).finish_non_exhaustive()
    }
}

impl KeyForm {
    /// Updates the state of the key.
    pub(crate) fn refresh(&mut self, known: DataKeyStatus) {
        if self.known != known {
            self.known = known;
            self.persist = known.persisted;
        }
    }

    /// Sends the typed key to the engine. Returns whether it is valid.
    fn submit(&mut self, profile: ProfileId, frame: &mut FrameContext) -> bool {
        match parse(&self.typed) {
            Ok(key) => {
                frame.request(UiRequest::Send(Action::SetDataKey { profile, key: Some(key), persist: self.persist }));
                self.typed.zeroize();
                self.error = None;
                self.shown = false;
                true
            }
            Err(sentence) => {
                self.error = Some(sentence);
                false
            }
        }
    }
}

/// Parses a key, or returns the error as a sentence.
fn parse(typed: &str) -> Result<DataKey, String> {
    let digits = pasted::key(typed);
    DataKey::from_hex(&digits).ok_or_else(|| {
        if digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
            let count = digits.len();
            format!("A key has {DIGITS} hex digits; there {} {count} here.", if count == 1 { "is" } else { "are" })
        } else {
            "A key has nothing but the digits 0 to 9 and the letters a to f.".to_owned()
        }
    })
}

/// Draws the section. `decrypt` is the present setting; returns whether to change it.
pub(crate) fn show(
    ui: &mut Ui,
    form: &mut KeyForm,
    profile: ProfileId,
    decrypt: bool,
    frame: &mut FrameContext,
) -> bool {
    head(ui, "Encrypted data");
    let (at, _) = line(ui);
    let switched = choice(ui, at, Mark::Check(decrypt), "Decrypt on the way", true).clicked();
    ui.add_space(4.0);
    paragraph(
        ui,
        "Uses a key that only you have. A file gets its name only after the data is verified. Data that the key can't \
         decrypt is saved encrypted.",
    );
    if decrypt {
        known(ui, form.known, profile, frame);
        typed(ui, form, profile, frame);
    }
    switched
}

/// Draws the state of the key, and the button that removes it.
fn known(ui: &mut Ui, known: DataKeyStatus, profile: ProfileId, frame: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    let (at, right) = line(ui);
    let press = Button::new("Forget key").style(ButtonStyle::Outlined);
    let left = right - press.width(ui);
    let text = widgets::text(ui, at, sentence(known), TextRole::Body, palette.text, left - at.x - 8.0);
    widgets::label(ui, text, "key", sentence(known));
    if known.known && press.at(ui, pos2(left, at.y)).clicked() {
        frame.request(UiRequest::Send(Action::SetDataKey { profile, key: None, persist: false }));
    }
}

/// Draws the field for the key, and whether the keyring keeps it.
fn typed(ui: &mut Ui, form: &mut KeyForm, profile: ProfileId, frame: &mut FrameContext) {
    ui.add_space(4.0);
    let (at, right) = line(ui);
    let id = Id::unique(("data key", profile));
    let why_not = parse(&form.typed).err();
    let take = Button::new("Use key").style(ButtonStyle::Outlined).why_not(why_not.as_deref());
    let left = right - take.width(ui);
    let place = Rect::from_min_max(pos2(at.x, at.y - 14.0), pos2(left - 8.0, at.y + 14.0));
    let field = Field {
        hint: "64 hex digits",
        face: TextRole::Mono,
        has_error: form.error.is_some(),
        secret: if form.shown { Secret::Shown } else { Secret::Hidden },
        margins: (8.0, 32.0),
        ..Field::new(id, "Key")
    };
    let response = field.show(ui, place, &mut form.typed);
    if response.changed() {
        form.error = None;
    }
    let (icon, words) = if form.shown { (icons::EYE_OFF, "Hide key") } else { (icons::EYE, "Show key") };
    if Button::icon_only(icon, words).height(22.0).at(ui, pos2(place.right() - 29.0, at.y)).clicked() {
        form.shown = !form.shown;
    }
    let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    let pressed = take.at(ui, pos2(left, at.y)).clicked();
    if (entered || pressed) && form.submit(profile, frame) {
        text_field::clear_undo(ui, id);
    } else if response.lost_focus() && !form.typed.trim().is_empty() {
        // An incomplete key is no error while it is typed.
        form.error = parse(&form.typed).err();
    }
    if let Some(wrong) = &form.error {
        show_error(ui, wrong);
    }
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 28.0));
    if choice(ui, rect.left_center(), Mark::Check(form.persist), "Keep in the keyring", true).clicked() {
        form.persist = !form.persist;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_key_is_explained_and_the_forms_debug_output_hides_it() {
        let key = "00ff".repeat(16);
        let (half, other) = key.split_at(32);
        for pasted in [
            format!(" {key}\n"),
            format!("\u{feff}{key}\u{200b}"),
            format!("\"{key}\","),
            format!("'0x{key}'"),
            format!("{half}\r\n  {other}"),
        ] {
            assert!(parse(&pasted).is_ok(), "refused: {pasted:?}");
        }
        for nothing in ["", " \n"] {
            assert_eq!(parse(nothing).unwrap_err(), "A key has 64 hex digits; there are 0 here.");
        }
        assert_eq!(parse(&key.replacen('0', "", 1)).unwrap_err(), "A key has 64 hex digits; there are 63 here.");
        assert!(parse(&key.replacen('0', "x", 1)).unwrap_err().contains("letters a to f"));
        let form = KeyForm { typed: Zeroizing::new(key.clone()), ..KeyForm::default() };
        assert!(!format!("{form:?}").contains("00ff"), "it shows: {form:?}");
    }
}
