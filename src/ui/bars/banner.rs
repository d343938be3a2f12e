//! The banner: one sentence that says what is wrong with the connection, and buttons to fix it.

use egui::{Role, Stroke, Ui, WidgetInfo, accesskit, pos2};

use crate::engine::ConnectionState;
use crate::protocol::sanitize;
use crate::ui::frame::commands::UiCommand;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::profile_tab::ProfileTab;
use crate::ui::text::attempt;
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::widgets::{self, Button, ButtonStyle, icons};

use super::top_bar::state_words;

/// The space between two buttons.
const GAP: f32 = 10.0;

/// Whether the connection's state needs a banner.
pub(crate) fn is_due(profile_tab: &ProfileTab) -> bool {
    matches!(
        profile_tab.status.connection,
        Some(ConnectionState::Reconnecting { .. } | ConnectionState::TokenRefused { .. } | ConnectionState::Offline)
    )
}

/// Draws the banner in the whole of `ui`.
pub(crate) fn show(ui: &mut Ui, profile_tab: &ProfileTab, frame: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    let words = state_words(profile_tab.status.connection.as_ref(), frame);
    let (icon, hue, sentence) = match &profile_tab.status.connection {
        Some(ConnectionState::Reconnecting { why, attempt: number, .. }) => {
            (icons::RETRY_PROBLEM, palette.gap, format!("{} {}", sanitize(&why.to_string()), attempt(*number)))
        }
        Some(ConnectionState::TokenRefused { why }) => {
            (icons::KEY_OFF, palette.failed, sanitize(&why.to_string()).into_owned())
        }
        _ => (icons::CLOUD_OFF, palette.other, "Outcomes that are sent meanwhile do not reach this window.".to_owned()),
    };
    let rect = widgets::bar(ui, palette.gap_fill, true);
    let mut edge = rect;
    edge.set_width(2.0);
    ui.painter().rect_filled(edge, 0.0, hue);
    ui.painter().hline(rect.x_range(), rect.top() + 0.5, Stroke::NONE);
    let middle = rect.center().y;
    let right = buttons(ui, profile_tab, rect.right() - 8.0, middle, frame);
    widgets::icon(ui, pos2(rect.left() + theme::EDGE + 8.0, middle), icon, 16.0, hue);
    let at = pos2(rect.left() + 36.0, middle);
    let head = widgets::text(ui, at, &words, TextRole::Strong, palette.text, right - at.x);
    let at = pos2(head.right() + 8.0, middle);
    let line = widgets::line(ui, &sentence, TextRole::Body, palette.secondary, right - at.x - 12.0);
    let elided = line.elided;
    let body = widgets::paint_line(ui, at, &line);
    // The countdown changes every second. Only the sentence is the alert, otherwise it would be read aloud each time.
    let response = ui.interact(body, ui.make_persistent_id("banner"), egui::Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Alert, true, &sentence));
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(accesskit::Live::Polite));
    if elided {
        response.on_hover_text(sentence);
    }
}

/// Draws the buttons from the right end. Returns their left edge.
fn buttons(ui: &mut Ui, profile_tab: &ProfileTab, right: f32, middle: f32, frame: &mut FrameContext) -> f32 {
    let run = |command: UiCommand, style| (command.words(), UiRequest::Run(command), style);
    let buttons = match profile_tab.status.connection {
        Some(ConnectionState::Reconnecting { .. }) => {
            vec![run(UiCommand::Disconnect, ButtonStyle::Plain), run(UiCommand::RetryNow, ButtonStyle::Outlined)]
        }
        Some(ConnectionState::TokenRefused { .. }) => vec![
            run(UiCommand::SignOut, ButtonStyle::Plain),
            run(UiCommand::RetryNow, ButtonStyle::Plain),
            ("Sign in".to_owned(), UiRequest::SignInAgain(profile_tab.profile.id), ButtonStyle::Outlined),
        ],
        _ => vec![run(UiCommand::Connect, ButtonStyle::Outlined)],
    };
    let width = |(words, _, style): &(String, UiRequest, ButtonStyle)| Button::new(words).style(*style).width(ui) + GAP;
    let left = right - buttons.iter().map(width).sum::<f32>();
    let mut at = left;
    for (words, request, style) in buttons {
        let press = Button::new(&words).style(style);
        at += GAP;
        let width = press.width(ui);
        if press.at(ui, pos2(at, middle)).clicked() {
            frame.request(request);
        }
        at += width;
    }
    left + GAP
}
