//! Draws the sign-in form: the fields on the left, explanations on the right.

use egui::{Id, Pos2, Rect, ScrollArea, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::ui::theme::palette::Palette;
use crate::ui::view_state::sign_in_form::{Form, Method, Part, Progress};
use crate::ui::widgets::icons::{self, Icon};
use crate::ui::widgets::text_field::{self, Field, Mark, Secret, choice, choice_within};

use super::frame::{FrameContext, UiRequest};
use super::theme::{self, TextRole};
use super::widgets::{self, Button, ButtonStyle};

/// The text while the server is asked.
const REQUESTING: &str = "Asking the server…";

/// The layout of the form.
struct Lines {
    /// The left edge of the labels, the left edge of the fields, and the right edge of the fields.
    labels: f32,
    fields: f32,
    right: f32,
    /// The top of the next line.
    y: f32,
    /// The distance from one field to the next.
    pitch: f32,
    /// The names of the other profiles, which are taken.
    taken: Vec<String>,
}

/// Draws the form in the middle of `ui`.
pub(crate) fn show(ui: &mut Ui, form: &mut Form, taken: &[String], frame: &mut FrameContext) {
    let place = ui.max_rect();
    let palette = Palette::of(ui.style());
    ui.painter().rect_filled(place, 0.0, palette.row);
    let narrow = frame.narrow || place.height() < 600.0;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let width = 840.0_f32.min(place.width() - 32.0);
        // If there is no space beside the fields, the explanations are below them.
        let beside = width >= 760.0;
        let left_width = if !beside {
            width
        } else if width < 800.0 {
            524.0
        } else {
            544.0
        };
        // The height is known after the first frame; the card is as high as its higher column.
        let memory = ui.scope_id().with("sign-in height");
        let height: f32 = ui.data(|data| data.get_temp(memory)).unwrap_or(473.0);
        let top = (place.top() + ((place.height() - height) / 2.0 - 12.0).max(16.0)).round() - ui_scroll(ui, place);
        let left = (place.center().x - width / 2.0).round();
        let card = Rect::from_min_size(pos2(left, top), vec2(width, height));
        ui.painter().rect(
            card,
            theme::RADIUS_DIALOG,
            palette.panel,
            Stroke::new(1.0, palette.stroke),
            StrokeKind::Inside,
        );
        if beside {
            ui.painter().vline(left + left_width - 1.0, card.y_range(), Stroke::new(1.0, palette.stroke));
        }
        let inner = if narrow { 16.0 } else { 24.0 };
        let mut lines = Lines {
            labels: left + 25.0,
            fields: left + 161.0,
            right: left + left_width - 25.0,
            y: top + inner,
            pitch: if narrow { 33.0 } else { 36.0 },
            taken: taken.to_vec(),
        };
        let bottom = fields(ui, form, &mut lines, narrow, frame);
        let corner =
            if beside { pos2(left + left_width + 24.0, top + inner) } else { pos2(lines.labels, bottom + inner) };
        let advice = Rect::from_min_max(corner, pos2(card.right() - inner, top));
        let advised = explain(ui, advice);
        let needed = bottom.max(advised) + inner - top;
        if (needed - height).abs() > 0.5 {
            ui.data_mut(|data| data.insert_temp(memory, needed));
            frame.redraw_in(std::time::Duration::from_millis(1));
        }
        ui.expand_to_include_rect(card.expand2(vec2(0.0, 16.0)));
        widgets::follow_focus(ui);
    });
}

/// The form's scroll offset.
fn ui_scroll(ui: &Ui, place: Rect) -> f32 {
    place.top() - ui.max_rect().top()
}

fn fields(ui: &mut Ui, form: &mut Form, lines: &mut Lines, narrow: bool, frame: &mut FrameContext) -> f32 {
    let palette = Palette::of(ui.style());
    let head = pos2(lines.labels, lines.y + 12.0);
    let title = widgets::text(ui, head, "Sign in", TextRole::Heading, palette.text, f32::INFINITY);
    widgets::label(ui, title, "heading", "Sign in to a profile");
    let sentence = "Watch a profile’s commands and data requests live.";
    let under =
        widgets::text(ui, pos2(lines.labels, lines.y + 37.0), sentence, TextRole::Body, palette.secondary, 420.0);
    widgets::label(ui, under, "under", sentence);
    lines.y += if narrow { 58.0 } else { 67.0 };
    let mut entered = addresses(ui, form, lines);
    ui.painter().hline(lines.labels..=lines.right, lines.y + 8.0, Stroke::new(1.0, palette.stroke));
    lines.y += if narrow { 19.0 } else { 33.0 };
    entered |= credentials(ui, form, lines, narrow);
    buttons(ui, form, lines, narrow, frame);
    if entered {
        frame.request(UiRequest::SignIn);
    }
    lines.y
}

fn addresses(ui: &mut Ui, form: &mut Form, lines: &mut Lines) -> bool {
    let hint = form.name_from_rest();
    let mut entered = line(ui, form, lines, Part::Name, "Profile name", &hint);
    entered |= line(ui, form, lines, Part::Api, "API address", "https://cab.example.com");
    entered |= line(ui, form, lines, Part::WebSocket, "WebSocket address", "wss://ws.example.com");
    entered |= line(ui, form, lines, Part::Download, "Download address", "https://download.example.com");
    let hosts = form.plain_hosts();
    for host in &hosts {
        let allowed = form.profile.allow_unencrypted.contains(host);
        let words = format!("Allow unencrypted connection to {host}");
        let at = pos2(lines.fields, lines.y + 10.0);
        let width = lines.right - lines.fields;
        let response = choice_within(ui, at, width, Mark::Check(allowed), &words, !form.is_requesting());
        if response.clicked() {
            form.allow(host, !allowed);
        }
        if form.focus == Some(Part::Consent) && !allowed {
            response.request_focus();
            form.focus = None;
        }
        lines.y += response.rect.height() + 2.0;
    }
    if !hosts.is_empty() {
        if let Some(sentence) = form.shown_error(Part::Consent, &lines.taken) {
            show_error(ui, lines, &sentence);
        }
        lines.y += 4.0;
    }
    entered
}

/// Draws the choice of method and its fields. Returns whether Enter was pressed in a field.
fn credentials(ui: &mut Ui, form: &mut Form, lines: &mut Lines, narrow: bool) -> bool {
    let enabled = !form.is_requesting();
    let middle = lines.y + 6.0;
    let mut x = lines.fields;
    for (method, words) in [(Method::Password, "Username and password"), (Method::Token, "Authorization token")] {
        let response = choice(ui, pos2(x, middle), Mark::Radio(form.method == method), words, enabled);
        if response.clicked() && form.method != method {
            form.method = method;
            form.submitted = false;
        }
        x = response.rect.right() + 24.0;
    }
    lines.y += if narrow { 24.0 } else { 28.0 };
    let entered = match form.method {
        Method::Password => {
            let entered = line(ui, form, lines, Part::Username, "Username", "");
            line(ui, form, lines, Part::Password, "Password", "") || entered
        }
        Method::Token => line(ui, form, lines, Part::Token, "Authorization token", ""),
    };
    let words = "Keep me signed in (system keyring)";
    if choice(ui, pos2(lines.fields, lines.y + 14.0), Mark::Check(form.keep.signed_in), words, enabled).clicked() {
        form.keep.signed_in = !form.keep.signed_in;
    }
    if form.keep.signed_in {
        lines.y += if narrow { 24.0 } else { 28.0 };
        let at = pos2(lines.fields, lines.y + 14.0);
        if choice(ui, at, Mark::Check(form.keep.renewed), "Renew automatically", enabled).clicked() {
            form.keep.renewed = !form.keep.renewed;
        }
    }
    lines.y += if narrow { 40.0 } else { 58.0 };
    entered
}

/// Draws a labelled field, with its error below. Returns whether Enter was pressed in it.
fn line(ui: &mut Ui, form: &mut Form, lines: &mut Lines, part: Part, name: &str, hint: &str) -> bool {
    let palette = Palette::of(ui.style());
    let secret = matches!(part, Part::Password | Part::Token);
    let enabled = !form.is_requesting();
    let rect = Rect::from_min_max(pos2(lines.fields, lines.y), pos2(lines.right, lines.y + 28.0));
    widgets::text(ui, pos2(lines.labels, rect.center().y), name, TextRole::Body, palette.secondary, 130.0);
    let id = Id::unique(("sign-in", form.profile.id, name));
    let wrong = form.shown_error(part, &lines.taken);
    let field = Field {
        hint,
        enabled,
        face: if matches!(part, Part::Name | Part::Username | Part::Password) {
            TextRole::Body
        } else {
            TextRole::Mono
        },
        has_error: wrong.is_some(),
        secret: match (secret, form.reveal) {
            (false, _) => Secret::No,
            (true, false) => Secret::Hidden,
            (true, true) => Secret::Shown,
        },
        margins: (8.0, if secret { 32.0 } else { 8.0 }),
        ..Field::new(id, name)
    };
    let response = field.show(ui, rect, form.value_mut(part));
    if form.focus == Some(part) {
        response.request_focus();
        form.focus = None;
    }
    if secret {
        reveal(ui, form, rect, name);
        if form.is_requesting() {
            text_field::clear_undo(ui, id);
        }
    }
    lines.y += lines.pitch;
    if let Some(sentence) = wrong {
        show_error(ui, lines, &sentence);
    }
    response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter))
}

/// Draws the button that shows or hides a secret.
fn reveal(ui: &mut Ui, form: &mut Form, field: Rect, name: &str) {
    let (icon, verb) = if form.reveal { (icons::EYE_OFF, "Hide") } else { (icons::EYE, "Show") };
    let words = format!("{verb} {}", name.to_lowercase());
    let at = pos2(field.right() - 29.0, field.center().y);
    if Button::icon_only(icon, &words)
        .why_not(form.is_requesting().then_some(REQUESTING))
        .height(22.0)
        .at(ui, at)
        .clicked()
    {
        form.reveal = !form.reveal;
    }
}

/// Draws an error below a field.
fn show_error(ui: &Ui, lines: &mut Lines, sentence: &str) {
    let palette = Palette::of(ui.style());
    let galley = widgets::paragraph(ui, sentence, TextRole::Small, palette.failed, lines.right - lines.fields);
    let rect = Rect::from_min_size(pos2(lines.fields, lines.y - 5.0), galley.size());
    ui.painter().galley(rect.min, galley, palette.failed);
    widgets::alert(ui, rect, sentence);
    lines.y = rect.bottom() + 6.0;
}

fn buttons(ui: &mut Ui, form: &Form, lines: &mut Lines, narrow: bool, frame: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    let middle = lines.y + 6.0;
    let asking = form.is_requesting();
    let button = |words| Button::new(words).face(TextRole::Body).height(32.0).padding(17.0);
    let mut at = pos2(lines.fields, middle);
    let sign_in = button("Sign in").style(ButtonStyle::Primary).why_not(asking.then_some(REQUESTING)).at(ui, at);
    if sign_in.clicked() {
        frame.request(UiRequest::SignIn);
    }
    at.x = sign_in.rect.right() + 8.0;
    if asking {
        let cancel = button("Cancel").style(ButtonStyle::Outlined).at(ui, at);
        if cancel.clicked() {
            frame.request(UiRequest::Send(crate::engine::Action::CancelSignIn(form.profile_id())));
        }
        at.x = cancel.rect.right() + 12.0;
        let words = widgets::text(ui, at, REQUESTING, TextRole::Body, palette.secondary, f32::INFINITY);
        widgets::label(ui, words, "asking", REQUESTING);
    } else if button("Try the sandbox").style(ButtonStyle::Outlined).at(ui, at).clicked() {
        frame.request(UiRequest::Send(crate::engine::Action::TrySandbox));
    }
    lines.y += 23.0;
    if let Progress::Failed(sentence) = &form.progress {
        lines.y += if narrow { 12.0 } else { 18.0 };
        let sentence = sentence.clone();
        show_error(ui, lines, &sentence);
    }
}

/// Draws the explanations. Returns their bottom edge.
fn explain(ui: &Ui, place: Rect) -> f32 {
    let mut y = place.top() + 1.0;
    for (icon, head, body) in [
        (icons::KEY, "Secrets", "The token is kept in the system keyring, never in a file or a log."),
        (
            icons::SPLIT,
            "One profile, several clients",
            "On some servers each acknowledgement reaches only one of the connected clients. There this monitor would take \
             some from your own application.",
        ),
        (icons::SANDBOX, "Try the sandbox", "A local Privicore with invented activity. Nothing leaves this computer."),
    ] {
        y = advice(ui, pos2(place.left(), y), place.width(), icon, head, body) + 14.0;
    }
    y - 14.0
}

fn advice(ui: &Ui, at: Pos2, width: f32, icon: Icon, head: &str, body: &str) -> f32 {
    let palette = Palette::of(ui.style());
    widgets::icon(ui, pos2(at.x + 8.0, at.y + 10.0), icon, 16.0, palette.muted);
    let title = widgets::text(ui, pos2(at.x + 28.0, at.y + 11.0), head, TextRole::Strong, palette.text, width - 28.0);
    widgets::label(ui, title, head, head);
    let galley = widgets::explanation(ui, body, palette.secondary, width - 28.0);
    let rect = Rect::from_min_size(pos2(at.x + 28.0, at.y + 23.0), galley.size());
    ui.painter().galley(rect.min, galley, palette.secondary);
    widgets::label(ui, rect, body, body);
    rect.bottom()
}
