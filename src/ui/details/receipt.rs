//! What the journal knows of a request's data apart from its messages: the receipt of a saved file, with lines that can be
//! copied, and buttons for the data.

use egui::{Id, Pos2, Rect, ScrollArea, Sense, Ui, UiBuilder, WidgetInfo, pos2, vec2};

use crate::activity::{Activity, Decryption, Entry, Fact, LocalEvent};
use crate::engine::Action;
use crate::protocol::sanitize;
use crate::settings::ProfileId;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::profile_tab::rows::can_request_again;
use crate::ui::text::{bytes, clock_time, cut, full_time};
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::widgets::{self, Button, ButtonStyle, icons};

/// The height of a line.
pub(crate) const LINE: f32 = 20.0;
/// The horizontal position of a line's value.
const VALUE: f32 = 92.0;

/// One line of the receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// The line's label.
    words: &'static str,
    /// The value as shown.
    shown: String,
    /// The value as copied.
    copied: String,
    /// Whether the value is shown in the monospaced font.
    mono: bool,
}

/// Collects lines.
#[derive(Debug, Default)]
struct Items(Vec<Item>);

impl Items {
    fn text(&mut self, words: &'static str, text: &str) {
        self.add(words, text, false);
    }

    fn code(&mut self, words: &'static str, text: &str) {
        self.add(words, text, true);
    }

    fn add(&mut self, words: &'static str, text: &str, mono: bool) {
        if !text.is_empty() {
            let shown = sanitize(&cut(text, 400)).into_owned();
            self.0.push(Item { words, shown, copied: text.to_owned(), mono });
        }
    }

    fn time(&mut self, words: &'static str, at: crate::activity::Timestamp, frame: &FrameContext) {
        let (shown, copied) = (clock_time(at, frame.now, &frame.zone), full_time(at, &frame.zone));
        self.0.push(Item { words, shown, copied, mono: false });
    }

    fn size(&mut self, words: &'static str, size: u64) {
        self.0.push(Item { words, shown: bytes(size), copied: size.to_string(), mono: false });
    }
}

/// The lines for a request, from its entries in ascending order; empty if nothing but messages is known.
pub(crate) fn items(entries: &[Entry], frame: &FrameContext) -> Vec<Item> {
    let mut items = Items::default();
    let local_events = || {
        entries.iter().rev().filter_map(|entry| match &entry.fact {
            Fact::Local(event) => Some((entry, event)),
            _ => None,
        })
    };
    let requested = local_events().find_map(|(entry, event)| match event {
        LocalEvent::Requested(requested) => Some((entry, requested)),
        _ => None,
    });
    let end = local_events()
        .find(|(_, event)| matches!(event, LocalEvent::Saved { .. } | LocalEvent::NotSaved { part: Some(_), .. }));
    if requested.is_none() && end.is_none() {
        return items.0;
    }
    if let Some(id) = entries.first().map(|entry| entry.key.id()) {
        items.code("Request id", id);
    }
    let receipt = match end {
        Some((_, LocalEvent::Saved { receipt, .. })) => Some(receipt),
        _ => None,
    };
    let token = requested.map(|(_, requested)| &requested.token);
    if let Some(token) = receipt.and_then(|receipt| receipt.token.as_ref()).or(token) {
        items.code("Data token", token.as_str());
    }
    if let Some((entry, requested)) = requested {
        if let Some(command) = &requested.command {
            items.code("Command id", command.as_str());
        }
        if let Some(again) = &requested.again {
            items.code("Again for", again.as_str());
        }
        items.time("Requested", entry.at, frame);
    }
    match end {
        Some((entry, LocalEvent::Saved { to, size, receipt })) => saved(&mut items, entry, to, *size, receipt, frame),
        Some((_, LocalEvent::NotSaved { part: Some(part), .. })) => items.text("Kept part", part),
        _ => {}
    }
    items.0
}

fn saved(
    items: &mut Items,
    entry: &Entry,
    to: &str,
    size: u64,
    receipt: &crate::activity::DownloadReceipt,
    frame: &FrameContext,
) {
    items.text("File", to);
    items.size("Size", size);
    items.code("SHA-256", &receipt.sha256);
    items.text("From", if receipt.host.is_empty() && receipt.gets == 0 { "the message itself" } else { &receipt.host });
    if let Some(began) = receipt.began {
        items.time("Began", began, frame);
    }
    items.time("Saved", entry.at, frame);
    items.text("GETs", &receipt.gets.to_string());
    match receipt.decryption {
        Decryption::Off => {}
        Decryption::Done => items.text("Decrypted", "Yes, and its tag was right"),
        Decryption::Refused => {
            items.text("Decrypted", "No: the key is wrong or a byte was changed. The file is as it came");
        }
    }
    if receipt.length_unproved {
        items.text("Length", "Not proved: the server did not say how long the data is");
    }
}

/// Draws the lines in a pane of their own, which scrolls if they do not fit.
pub(crate) fn pane(ui: &mut Ui, place: Rect, items: &[Item]) {
    let mut pane = ui.new_child(UiBuilder::new().max_rect(place).id_salt("receipt"));
    ScrollArea::vertical().auto_shrink(false).id_salt("receipt").show(&mut pane, |ui| {
        let corner = ui.cursor().min;
        let size = vec2(ui.available_width() - theme::EDGE - 8.0, height(items));
        show(ui, Rect::from_min_size(corner + vec2(theme::EDGE, 0.0), size), items);
        ui.allocate_space(vec2(ui.available_width(), size.y));
    });
}

/// Draws the lines in `place`.
pub(crate) fn show(ui: &mut Ui, place: Rect, items: &[Item]) {
    let palette = Palette::of(ui.style());
    for (index, item) in (0_u8..).zip(items) {
        let middle = place.top() + (f32::from(index) + 0.5) * LINE;
        let right = place.right() - 24.0;
        widgets::text(ui, pos2(place.left(), middle), item.words, TextRole::Caption, palette.muted, VALUE - 8.0);
        let face = if item.mono { TextRole::Mono } else { TextRole::Small };
        let at = pos2(place.left() + VALUE, middle);
        let painted = widgets::text(ui, at, &item.shown, face, palette.text, right - at.x - 4.0);
        let rect = Rect::from_min_max(pos2(place.left(), middle - LINE / 2.0), pos2(right - 4.0, painted.bottom()));
        let response = ui.interact(rect, ui.make_persistent_id(("receipt", item.words)), Sense::hover());
        let name = format!("{} {}", item.words, item.shown);
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, &name));
        response.on_hover_text(item.shown.as_str());
        let words = format!("Copy {}", in_a_sentence(item.words));
        let copy = Button::icon_only(icons::COPY, &words).icon_size(14.0).height(18.0).padding(3.0);
        let copy = copy.at(ui, pos2(right, middle));
        if copy.gained_focus() {
            copy.scroll_to_me(None);
        }
        if copy.clicked() {
            ui.copy_text(item.copied.clone());
        }
    }
}

/// A line's label within a sentence: `request id`, but `SHA-256` and `GETs`.
fn in_a_sentence(words: &str) -> String {
    if words.chars().nth(1).is_some_and(char::is_uppercase) { words.to_owned() } else { words.to_lowercase() }
}

/// The total height of the lines.
pub(crate) fn height(items: &[Item]) -> f32 {
    items.iter().map(|_| LINE).sum()
}

/// Whether the link was refused and the operator has not acknowledged it yet.
fn needs_acknowledgement(activity: &Activity<'_>, entries: &[Entry]) -> bool {
    activity.is_refused() && !entries.iter().any(|entry| matches!(entry.fact, Fact::Local(LocalEvent::WarningRead)))
}

/// Draws the buttons. Returns whether there are any.
pub(crate) fn buttons(
    ui: &mut Ui,
    at: Pos2,
    profile: ProfileId,
    activity: &Activity<'_>,
    entries: &[Entry],
    frame: &mut FrameContext,
) -> bool {
    let crate::activity::ActivityKey::Data(request) = activity.key() else { return false };
    let mut x = at.x;
    if needs_acknowledgement(activity, entries) {
        let press = Button::new("I have read this").name("The warning was read").style(ButtonStyle::Outlined);
        let response = press.at(ui, pos2(x, at.y));
        if response.clicked() {
            frame.request(UiRequest::Send(Action::AcknowledgeWarning { profile, request: request.clone() }));
        }
        x = response.rect.right() + 8.0;
    }
    if can_request_again(activity) {
        let press = Button::new("Request again").name("Request selected again").style(ButtonStyle::Outlined);
        let response = press.salt(Id::unique("request selected again")).at(ui, pos2(x, at.y));
        if response.clicked() {
            frame.request(UiRequest::RequestAgain { profile, request });
        }
        x = response.rect.right();
    }
    x > at.x
}
