//! The dialog that tracks commands by their ids, before any message about them arrives.

use egui::{Frame, Id, ScrollArea, Stroke, StrokeKind, TextEdit, Ui, vec2};

use crate::engine::Action;
use crate::protocol::{CommandId, pasted};
use crate::settings::ProfileId;
use crate::ui::frame::dialog_frame::{InitialFocus, buttons_unless, paragraph, show_error};
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::widgets::text_field::Field;

/// The maximum number of ids tracked at once: more than anybody pastes on purpose.
const MAX_IDS: usize = 1_000;
/// The maximum length of an id and of a label, in characters; the engine has the same limit.
pub(crate) const MAX_LENGTH: usize = 200;

/// The form's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Track {
    profile: ProfileId,
    ids: String,
    /// The ids in the typed text.
    commands: Result<Vec<CommandId>, TrackFormError>,
    label: String,
}

impl Track {
    /// An empty form for a profile.
    pub(crate) fn new(profile: ProfileId) -> Self {
        Self { profile, ids: String::new(), commands: Err(TrackFormError::Empty), label: String::new() }
    }

    /// Why the commands can't be tracked.
    fn error(&self) -> Option<TrackFormError> {
        let label = self.label.trim();
        self.commands
            .as_ref()
            .err()
            .copied()
            .or((label.chars().count() > MAX_LENGTH).then_some(TrackFormError::LongLabel))
    }
}

/// Why the commands can't be tracked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum TrackFormError {
    /// There is no id.
    #[error("Paste at least one command id.")]
    Empty,
    /// An id is too long.
    #[error("An id is longer than {} characters. Paste command ids, one per line.", MAX_LENGTH)]
    LongId,
    /// There are too many ids.
    #[error("These are {0} ids. Track at most {most} at once.", most = MAX_IDS)]
    TooMany(usize),
    /// The label is too long.
    #[error("The label is longer than {} characters. Enter a shorter one.", MAX_LENGTH)]
    LongLabel,
}

/// The characters that may separate ids, in addition to white space.
const MARKS: [char; 13] = [',', ';', '"', '\'', '`', '“', '”', '‘', '’', '[', ']', '(', ')'];

/// The ids in a pasted text, without duplicates, in order: the text between white space, commas, quotes and brackets.
fn ids(text: &str) -> Result<Vec<CommandId>, TrackFormError> {
    let mut found: Vec<CommandId> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let is_between = |c: char| c.is_whitespace() || MARKS.contains(&c);
    for id in text.split(is_between).map(pasted::trimmed).filter(|id| !id.is_empty()) {
        if id.chars().count() > MAX_LENGTH {
            return Err(TrackFormError::LongId);
        }
        if seen.insert(id) {
            found.push(id.into());
        }
    }
    match found.len() {
        0 => Err(TrackFormError::Empty),
        count if count > MAX_IDS => Err(TrackFormError::TooMany(count)),
        _ => Ok(found),
    }
}

/// Draws the dialog's content.
pub(crate) fn show(ui: &mut Ui, track: &mut Track, fresh: bool, frame: &mut FrameContext) {
    paragraph(
        ui,
        "Command ids, one per line. Each becomes a row at once, and the server is asked for those whose outcome does not come.",
    );
    let response = ids_field(ui, &mut track.ids);
    if fresh {
        response.request_focus();
    }
    if response.changed() {
        track.commands = ids(&track.ids);
    }
    ui.add_space(8.0);
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 28.0));
    let wrong = track.error();
    let field = Field {
        hint: "Label (optional)",
        has_error: wrong == Some(TrackFormError::LongLabel),
        ..Field::new(Id::unique("track label"), "Label")
    };
    field.show(ui, rect, &mut track.label);
    let why_not = wrong.map(|wrong| wrong.to_string());
    // An empty form is no error.
    if let Some(wrong) = why_not.as_ref().filter(|_| wrong != Some(TrackFormError::Empty)) {
        ui.add_space(8.0);
        show_error(ui, wrong);
    }
    let pressed = buttons_unless(ui, why_not.as_deref(), "Track", "Cancel", InitialFocus::None, frame);
    if let (true, Ok(commands)) = (pressed, &track.commands) {
        let label = Some(track.label.trim()).filter(|label| !label.is_empty()).map(str::to_owned);
        frame.request(UiRequest::Send(Action::TrackCommands {
            profile: track.profile,
            commands: commands.clone(),
            label,
        }));
        frame.request(UiRequest::CloseDialog);
    }
}

/// Draws the field for the ids: six lines high, however many ids there are.
fn ids_field(ui: &mut Ui, text: &mut String) -> egui::Response {
    let palette = Palette::of(ui.style());
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 112.0));
    ui.painter().rect_filled(rect, theme::RADIUS, palette.field);
    let inner = rect.shrink2(vec2(8.0, 6.0));
    let mut place = ui.new_child(egui::UiBuilder::new().max_rect(inner).id_salt("track ids"));
    let response = ScrollArea::vertical()
        .auto_shrink(false)
        .id_salt("track ids")
        .show(&mut place, |ui| {
            let edit = TextEdit::multiline(text)
                .id(Id::unique("track ids"))
                .font(TextRole::Mono.font())
                .text_color(palette.text)
                .frame(Frame::NONE)
                .desired_width(inner.width() - 8.0)
                .desired_rows(6);
            ui.add(edit).accessible_name("Command ids")
        })
        .inner;
    let (width, edge) = if response.has_focus() { (2.0, palette.accent) } else { (1.0, palette.field_stroke) };
    ui.painter().rect_stroke(rect, theme::RADIUS, Stroke::new(width, edge), StrokeKind::Inside);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_ids_are_extracted_each_once() {
        let read = |text: &str| ids(text).map(|ids| ids.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>());
        for text in ["a-1\nb-2\r\n a-1 ", "a-1, b-2", r#"["a-1","b-2"]"#, "a-1;b-2;", "“a-1”\u{a0}\u{feff}b-2\u{200b}"]
        {
            assert_eq!(read(text), Ok(vec!["a-1".to_owned(), "b-2".to_owned()]), "{text:?}");
        }
        assert!(read(" \n ,").is_err(), "nothing is no id");
        assert!(read(&"x".repeat(201)).is_err(), "that is no id");
        let many = (0..1_001).map(|number| number.to_string()).collect::<Vec<_>>().join("\n");
        assert_eq!(read(&many), Err(TrackFormError::TooMany(1_001)));
    }
}
