//! The window's own file dialog, which asks for a path as text. It is used if the desktop can't show a dialog.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};

use egui::{Id, Key, Ui, vec2};

use crate::engine::{FileDialogError, FileKind, FileRequest, PathCheck};
use crate::ui::frame::dialog_frame::{InitialFocus, Pressed, paragraph};
use crate::ui::platform::ports::{DialogResponder, FileDialogs, PathReply};
use crate::ui::theme::TextRole;
use crate::ui::theme::palette::Palette;
use crate::ui::widgets::text_field::Field;

/// The state of the dialog while it is open.
#[derive(Debug)]
pub(crate) struct FilePathDialog {
    error: FileDialogError,
    kind: FileKind,
    text: String,
    answer: DialogResponder,
    state: State,
    fresh: bool,
}

/// The state of the typed path.
#[derive(Debug)]
enum State {
    /// The path was not checked yet.
    Unknown,
    /// The path is being checked.
    Checking(Receiver<PathCheck>),
    /// A file exists at this path. It is replaced if the operator confirms.
    Exists(PathBuf),
    /// The path can't be used, with the reason.
    Invalid(String),
}

impl FilePathDialog {
    /// A dialog for the request that the desktop could not show.
    pub(crate) fn new(error: FileDialogError, request: FileRequest, answer: DialogResponder) -> Self {
        let FileRequest { kind, folder, file_name, .. } = request;
        // The operator edits the path as text, and the text of a folder that is not UTF-8 would name another one.
        let mut start = folder.and_then(|folder| folder.to_str().map(str::to_owned)).unwrap_or_else(|| "~".to_owned());
        if kind == FileKind::Save {
            start = Path::new(&start).join(file_name).display().to_string();
        }
        Self { error, kind, text: start, answer, state: State::Unknown, fresh: true }
    }

    /// Draws the dialog over the whole window. Returns it while it stays open.
    pub(crate) fn show(mut self, ctx: &egui::Context, files: &dyn FileDialogs) -> Option<Self> {
        if let State::Checking(found) = &self.state
            && let Ok(found) = found.try_recv()
        {
            self.state = match found {
                PathCheck::Usable(path) => {
                    self.answer.respond(Some(path));
                    return None;
                }
                PathCheck::Exists(path) => State::Exists(path),
                PathCheck::Invalid(sentence) => State::Invalid(sentence),
            };
        }
        let title = match self.kind {
            FileKind::Save => "Choose a file",
            FileKind::Folder => "Choose a folder",
        };
        let mut pressed = Pressed::default();
        let closed = crate::ui::frame::dialog_frame::modal(ctx, title, 520.0, |ui| pressed = self.content(ui));
        if closed || pressed.cancel {
            // A dropped responder counts as cancelled.
            return None;
        }
        if pressed.main {
            match self.state {
                State::Exists(path) => {
                    self.answer.respond(Some(path));
                    return None;
                }
                State::Checking(_) => {}
                State::Unknown | State::Invalid(_) => {
                    let (sender, found) = sync_channel(1);
                    let reply = PathReply { sender, waker: self.answer.waker().clone() };
                    files.check_path(self.text.clone(), self.kind, reply);
                    self.state = State::Checking(found);
                }
            }
        }
        Some(self)
    }

    fn content(&mut self, ui: &mut Ui) -> Pressed {
        let palette = Palette::of(ui.style());
        paragraph(ui, &self.error.to_string());
        let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 28.0));
        let name = match self.kind {
            FileKind::Save => "File path",
            FileKind::Folder => "Folder path",
        };
        let before = self.text.clone();
        let has_error = matches!(self.state, State::Invalid(_));
        let field = Field { has_error, face: TextRole::Mono, ..Field::new(Id::unique("file path"), name) };
        let response = field.show(ui, rect, &mut self.text);
        if self.text != before {
            self.state = State::Unknown;
        }
        if std::mem::take(&mut self.fresh) {
            response.request_focus();
        }
        let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        ui.add_space(8.0);
        let (sentence, colour) = match &self.state {
            State::Exists(_) => {
                ("There is a file of this name already. Replace it, or type another path.", palette.text)
            }
            State::Invalid(sentence) => (sentence.as_str(), palette.failed),
            State::Unknown | State::Checking(_) => ("", palette.text),
        };
        if !sentence.is_empty() {
            crate::ui::frame::dialog_frame::sentence(ui, sentence, colour);
        }
        let main = match (self.kind, &self.state) {
            (FileKind::Save, State::Exists(_)) => "Replace",
            (FileKind::Save, _) => "Save",
            (FileKind::Folder, _) => "Choose",
        };
        let why_not = match &self.state {
            State::Checking(_) => Some("The path is being checked."),
            _ if self.text.trim().is_empty() => Some("Enter a path."),
            _ => None,
        };
        let pressed = crate::ui::frame::dialog_frame::two_buttons(ui, main, why_not, "Cancel", InitialFocus::None);
        Pressed { main: pressed.main || (entered && why_not.is_none()), ..pressed }
    }
}
