//! The top bar: one tab per profile, the connection's state in words, the token's expiry, and the menu.

use std::time::Duration;

use egui::{Id, Pos2, Rect, Response, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use crate::activity::Status;
use crate::engine::ConnectionState;
use crate::settings::Theme;
use crate::ui::frame::commands::UiCommand;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::input::menu::{entry, item, line, popup};
use crate::ui::profile_tab::rows::{drawn_name, tab_name};
use crate::ui::profile_tab::{ProfileTab, UnreadCounts};
use crate::ui::text::{coarse, cut, seconds_left, until};
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::widgets;
use crate::ui::widgets::Button;
use crate::ui::widgets::icons::{self, Mark};

/// A shorter silence is never reported, however unusual.
const MIN_SILENCE: Duration = Duration::from_mins(1);
/// The minimum width of the active tab.
const MIN_TAB_WIDTH: f32 = 120.0;
/// The most characters of a profile's name in a tab.
const MAX_NAME_LENGTH: usize = 32;

/// What the bar shows.
pub(crate) struct TopBar<'a> {
    pub profile_tabs: &'a [ProfileTab],
    /// The active tab; `None` if the form for a new profile is active.
    pub active_index: Option<usize>,
    /// Whether the form for a new profile is open.
    pub adding: bool,
    pub theme: Theme,
}

/// The connection's state in words, with its countdown.
pub(crate) fn state_words(state: Option<&ConnectionState>, frame: &mut FrameContext) -> String {
    match state {
        None | Some(ConnectionState::SignedOut) => "Signed out".to_owned(),
        Some(ConnectionState::Connecting) => "Connecting".to_owned(),
        Some(ConnectionState::Joining) => "Joining".to_owned(),
        Some(ConnectionState::Live) => "Live".to_owned(),
        Some(ConnectionState::Reconnecting { at, .. }) => {
            let remaining = at.saturating_duration_since(frame.instant);
            frame.counts(remaining);
            format!("Reconnecting in {} s", seconds_left(remaining))
        }
        Some(ConnectionState::TokenRefused { .. }) => "Token refused".to_owned(),
        Some(ConnectionState::Offline) => "Offline".to_owned(),
        Some(ConnectionState::Leaving) => "Leaving".to_owned(),
    }
}

/// Draws the bar in the whole of `ui`.
pub(crate) fn show(ui: &mut Ui, bar: &TopBar<'_>, frame: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    let rect = widgets::bar(ui, palette.window, true);
    let active_tab = bar.active_index.and_then(|index| bar.profile_tabs.get(index));
    // The right side is measured first: tabs use the rest.
    let words = match active_tab {
        Some(profile_tab) if profile_tab.is_all() => live_count(bar.profile_tabs),
        _ => state_words(active_tab.and_then(|profile_tab| profile_tab.status.connection.as_ref()), frame),
    };
    let tab =
        active_tab.map_or(0.0, |profile_tab| tab_width(ui, profile_tab).min(MIN_TAB_WIDTH)) + width_after_tabs(ui, bar);
    let state = TopBarRight::measure(ui, active_tab, words, rect.width() - tab - 16.0, frame);
    let space = rect.right() - state.width - 16.0;
    tabs(ui, rect, space, bar, frame);
    state.show(ui, rect, active_tab, frame);
    menu(ui, rect, active_tab, bar.theme, frame);
}

/// The width of the buttons after the tabs, including the one for tabs that don't fit.
fn width_after_tabs(ui: &Ui, bar: &TopBar<'_>) -> f32 {
    let more = if bar.profile_tabs.len() > 1 { more_button(bar.profile_tabs.len()).width(ui) + 8.0 } else { 0.0 };
    more + if bar.adding { 130.0 } else { 40.0 }
}

/// The button of the menu of tabs that don't fit.
fn more_button(count: usize) -> Button<'static> {
    Button::new("")
        .name(format!("More profiles ({count})"))
        .icon(icons::EXPAND_MORE)
        .trailing(count.to_string())
        .salt(Id::unique("more profiles"))
}

/// The number of live profiles among all, in words.
fn live_count(profile_tabs: &[ProfileTab]) -> String {
    let profiles = || profile_tabs.iter().filter(|profile_tab| !profile_tab.is_all());
    format!("{} of {} live", profiles().filter(|profile_tab| profile_tab.is_live()).count(), profiles().count())
}

/// How long no message has arrived, if that is unusual for a live connection.
fn quiet(profile_tab: &ProfileTab, frame: &mut FrameContext) -> Option<String> {
    let (usual, message) =
        (profile_tab.status.health.p95_pause?, profile_tab.last_message().filter(|_| profile_tab.is_live())?);
    let (age, unusual) = (frame.instant.saturating_duration_since(message), usual.max(MIN_SILENCE));
    if age < unusual {
        frame.redraw_in(unusual.saturating_sub(age));
        return None;
    }
    let minute = Duration::from_mins(1);
    frame.redraw_in(minute.saturating_sub(Duration::from_secs(age.as_secs() % 60)));
    Some(format!("Quiet for {}", until(age.max(minute))))
}

/// The latest signs of life of a live connection, and what is usual.
fn signs_of_life(profile_tab: &ProfileTab, frame: &FrameContext) -> String {
    let ago = |instant| coarse(frame.instant.saturating_duration_since(instant));
    let health = profile_tab.status.health;
    let pong = health
        .pong
        .map_or_else(|| "No ping sent yet.".to_owned(), |at| format!("Last answer to a ping {} ago.", ago(at)));
    let message = profile_tab
        .last_message()
        .map_or_else(|| "No message yet.".to_owned(), |at| format!("Last message {} ago.", ago(at)));
    let usual = health.p95_pause.map_or_else(
        || "Not enough data yet.".to_owned(),
        |usual| format!("Usually the next one comes within {}.", coarse(usual.max(Duration::from_secs(1)))),
    );
    format!("{pong}\n{message}\n{usual}")
}

/// Draws the tabs, the menu of those that don't fit, and the button after them.
fn tabs(ui: &mut Ui, rect: Rect, space: f32, bar: &TopBar<'_>, frame: &mut FrameContext) {
    let widths: Vec<f32> = bar.profile_tabs.iter().map(|profile_tab| tab_width(ui, profile_tab)).collect();
    let end = space - if bar.adding { 130.0 } else { 40.0 };
    let all = rect.left() + widths.iter().sum::<f32>() <= end;
    // Keep space for the menu if not all tabs fit.
    let end = if all { end } else { end - more_button(bar.profile_tabs.len()).width(ui) - 8.0 };
    // The active tab is always drawn: keep space for it while drawing those before it.
    let least = if all { f32::INFINITY } else { (end - rect.left()).max(MIN_TAB_WIDTH) };
    let mut reserved = bar.active_index.and_then(|index| widths.get(index)).map_or(0.0, |width| width.min(least));
    let mut x = rect.left();
    let mut hidden = Vec::new();
    for (index, (profile_tab, width)) in bar.profile_tabs.iter().zip(widths).enumerate() {
        let active = bar.active_index == Some(index);
        let width = if active { width.min(least) } else { width };
        if active {
            reserved = 0.0;
        } else if x + reserved + width > end {
            hidden.push(profile_tab);
            continue;
        }
        let tab = Rect::from_min_size(pos2(x, rect.top()), vec2(width, rect.height()));
        draw_tab(ui, tab, profile_tab, active, frame);
        x += width;
    }
    if !hidden.is_empty() {
        let button = more_button(hidden.len()).at(ui, pos2(x + 4.0, rect.center().y));
        x = button.rect.right() + 4.0;
        popup(ui, &button, |ui| {
            for profile_tab in &hidden {
                let name = tab_name(profile_tab);
                if item(ui, Button::new(&cut(drawn_name(&name), MAX_NAME_LENGTH)).name(&name).icon(icons::PROFILE)) {
                    frame.request(UiRequest::Show(profile_tab.profile.id));
                }
            }
        });
    }
    if bar.adding {
        x = draw_new_tab(ui, pos2(x, rect.top()), rect.height(), bar, frame);
    }
    let add = Button::icon_only(icons::ADD, "Add profile").icon_size(18.0);
    if add.at(ui, pos2(x + 5.0, rect.center().y)).clicked() {
        frame.request(UiRequest::AddProfile);
    }
}

/// The texts after an inactive tab's name: the number of new rows and of failures.
fn unread_texts(profile_tab: &ProfileTab) -> (Option<String>, Option<String>) {
    let UnreadCounts { new, failed } = profile_tab.unread;
    let some = |count: usize| (count > 0).then_some(count);
    (some(new).map(|new| format!("{new} new")), some(failed).map(|failed| failed.to_string()))
}

fn tab_width(ui: &Ui, profile_tab: &ProfileTab) -> f32 {
    let name = widgets::width(ui, &cut(drawn_name(&tab_name(profile_tab)), MAX_NAME_LENGTH), TextRole::Strong);
    let (new, failed) = unread_texts(profile_tab);
    let new = new.map_or(0.0, |new| widgets::width(ui, &new, TextRole::Caption) - 15.0);
    let failed = failed.map_or(0.0, |failed| widgets::width(ui, &failed, TextRole::Caption) + 26.0);
    let state = profile_tab.status.connection.as_ref().unwrap_or(&ConnectionState::SignedOut);
    let mark = mark_width(&icons::connection(state, Palette::of(ui.style())), 14.0);
    12.0 + mark + 8.0 + name + 36.0 + new.max(-8.0) + failed
}

fn draw_tab(ui: &mut Ui, rect: Rect, profile_tab: &ProfileTab, active: bool, frame: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    let name = tab_name(profile_tab);
    let response = tab_base(ui, rect, &name, active, ("tab", profile_tab.profile.id));
    let middle = rect.center().y;
    let state = profile_tab.status.connection.clone().unwrap_or(ConnectionState::SignedOut);
    let x = draw_mark(ui, pos2(rect.left() + 12.0, middle), &icons::connection(&state, palette), 14.0);
    let (face, ink) = if active { (TextRole::Strong, palette.text) } else { (TextRole::Body, palette.secondary) };
    // The arrow of the menu follows the name of the active tab.
    let space = if active && !profile_tab.is_all() { rect.right() - 30.0 - x - 8.0 } else { f32::INFINITY };
    let drawn = drawn_name(&name);
    let words = widgets::line(ui, &cut(drawn, MAX_NAME_LENGTH), face, ink, space);
    let is_short = words.elided || drawn.chars().count() > MAX_NAME_LENGTH;
    let words = widgets::paint_line(ui, pos2(x + 8.0, middle), &words);
    let response = if is_short { response.on_hover_text(drawn) } else { response };
    if active && !profile_tab.is_all() {
        widgets::icon(ui, pos2(rect.right() - 20.0, middle), icons::EXPAND_MORE, 16.0, palette.secondary);
        popup(ui, &response, |ui| profile_items(ui, profile_tab, frame, true));
    } else {
        let (new, failed) = unread_texts(profile_tab);
        let mut x = words.right();
        if let Some(new) = &new {
            x = widgets::text(ui, pos2(x + 8.0, middle), new, TextRole::Caption, palette.muted, f32::INFINITY).right();
        }
        if let Some(failed) = &failed {
            let (icon, hue) = icons::status(Status::Failed, palette);
            widgets::icon(ui, pos2(x + 15.0, middle), icon, 14.0, hue);
            widgets::text(ui, pos2(x + 25.0, middle), failed, TextRole::Caption, palette.text, f32::INFINITY);
        }
        let description: Vec<String> = new.into_iter().chain(failed.map(|failed| format!("{failed} failed"))).collect();
        if !description.is_empty() {
            ui.ctx().accesskit_node_builder(response.id, |node| node.set_description(description.join(", ")));
        }
        if response.clicked() {
            frame.request(UiRequest::Show(profile_tab.profile.id));
        }
    }
}

/// Draws the tab of the form for a new profile. Returns its right end.
fn draw_new_tab(ui: &mut Ui, at: Pos2, height: f32, bar: &TopBar<'_>, frame: &mut FrameContext) -> f32 {
    let palette = Palette::of(ui.style());
    let active = bar.active_index.is_none();
    let width = widgets::width(ui, "New profile", TextRole::Strong) + 24.0;
    let rect = Rect::from_min_size(at, vec2(width, height));
    let response = tab_base(ui, rect, "New profile", active, "new tab");
    let ink = if active { palette.text } else { palette.secondary };
    widgets::text(ui, pos2(at.x + 12.0, rect.center().y), "New profile", TextRole::Strong, ink, f32::INFINITY);
    if response.clicked() && !active {
        frame.request(UiRequest::AddProfile);
    }
    let mut right = rect.right();
    if !bar.profile_tabs.is_empty() && active {
        let close = Button::icon_only(icons::CLOSE, "Close new profile").icon_size(14.0);
        let width = close.width(ui);
        if close.at(ui, pos2(right + 2.0, rect.center().y)).clicked() {
            frame.request(UiRequest::CloseForm);
        }
        right += width + 4.0;
    }
    right
}

fn tab_base(ui: &Ui, rect: Rect, name: &str, active: bool, salt: impl std::hash::Hash + std::fmt::Debug) -> Response {
    let palette = Palette::of(ui.style());
    let response = ui.interact(rect, ui.make_persistent_id(salt), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, active, name));
    if active {
        ui.painter().rect_filled(rect, 0.0, palette.panel);
        let mut edge = rect;
        edge.set_height(2.0);
        ui.painter().rect_filled(edge, 0.0, palette.accent);
    } else if response.hovered() {
        ui.painter().rect_filled(rect.with_max_y(rect.bottom() - 1.0), 0.0, palette.button);
    }
    ui.painter().vline(rect.right() - 0.5, rect.y_range(), Stroke::new(1.0, palette.stroke));
    if response.has_focus() {
        widgets::focus_ring(ui, rect.shrink(4.0), theme::RADIUS_IN_ROW, false);
    }
    response
}

/// The width of a state's mark.
fn mark_width(mark: &Mark, size: f32) -> f32 {
    match mark {
        Mark::Disc(_) | Mark::Ring(_) => 8.0,
        Mark::Icon(..) => size,
    }
}

/// Draws a state's mark with its left edge at `at`. Returns its right end.
fn draw_mark(ui: &Ui, at: Pos2, mark: &Mark, size: f32) -> f32 {
    match mark {
        Mark::Disc(colour) => {
            ui.painter().circle_filled(pos2(at.x + 4.0, at.y), 4.0, *colour);
        }
        Mark::Ring(colour) => {
            ui.painter().circle_stroke(pos2(at.x + 4.0, at.y), 3.5, Stroke::new(1.0, *colour));
        }
        Mark::Icon(icon, colour) => {
            widgets::icon(ui, pos2(at.x + size / 2.0, at.y), *icon, size, *colour);
        }
    }
    at.x + mark_width(mark, size)
}

/// The right side of the bar, measured before it is drawn.
struct TopBarRight {
    words: String,
    round_trip: Option<u128>,
    expires: Option<String>,
    quiet: Option<String>,
    /// Whether there is space for the words before the token's expiry.
    has_prefix: bool,
    width: f32,
}

impl TopBarRight {
    /// Measures the parts that fit in `space`: the time without a message is left out first, then the words before the token's
    /// expiry.
    fn measure(ui: &Ui, profile_tab: Option<&ProfileTab>, words: String, space: f32, frame: &mut FrameContext) -> Self {
        let round_trip = profile_tab
            .filter(|profile_tab| profile_tab.is_live())
            .and_then(|profile_tab| profile_tab.status.health.round_trip)
            .map(|time| time.as_millis());
        let expires_at =
            profile_tab.filter(|profile_tab| !profile_tab.is_signed_out()).and_then(ProfileTab::token_expires);
        let expires = expires_at.and_then(|end| {
            let remaining = end.since(frame.now);
            if remaining.is_zero() {
                // Do not report expiry if only this computer's clock says so: the server's time is not known.
                return frame.reference.is_server_time_known.then(|| "Token has expired".to_owned());
            }
            frame.counts(remaining);
            Some(format!("Token expires in {}", until(remaining)))
        });
        let quiet = profile_tab.and_then(|profile_tab| quiet(profile_tab, frame));
        let mut right = Self { words, round_trip, expires, quiet, has_prefix: true, width: 0.0 };
        right.width = right.needs(ui, profile_tab);
        if right.width > space {
            right.quiet = None;
            right.width = right.needs(ui, profile_tab);
        }
        if right.width > space {
            right.has_prefix = false;
            right.width = right.needs(ui, profile_tab);
        }
        right
    }

    /// The width of the parts that are shown.
    fn needs(&self, ui: &Ui, profile_tab: Option<&ProfileTab>) -> f32 {
        let strong = |text: &str| widgets::width(ui, text, TextRole::Strong);
        let state = profile_tab
            .and_then(|profile_tab| profile_tab.status.connection.as_ref())
            .unwrap_or(&ConnectionState::SignedOut);
        12.0 + mark_width(&icons::connection(state, Palette::of(ui.style())), 16.0)
            + 10.0
            + widgets::width(ui, "Connection: ", TextRole::Body)
            + strong(&self.words)
            + self.quiet.as_ref().map_or(0.0, |words| widgets::width(ui, words, TextRole::Body) + 12.0)
            + self.round_trip.map_or(0.0, |time| strong(&format!(" · {time} ms")))
            + self.expires.as_ref().map_or(0.0, |words| {
                let (lead, rest) = self.split_expiry(words);
                25.0 + widgets::width(ui, lead, TextRole::Body) + strong(rest)
            })
            + 28.0
    }

    fn show(&self, ui: &Ui, bar: Rect, profile_tab: Option<&ProfileTab>, frame: &mut FrameContext) {
        let palette = Palette::of(ui.style());
        let middle = bar.center().y;
        // The menu button has a fixed place at the right edge; these parts end before it.
        let mut x = bar.right() - self.width;
        let state = profile_tab
            .and_then(|profile_tab| profile_tab.status.connection.clone())
            .unwrap_or(ConnectionState::SignedOut);
        x = draw_mark(ui, pos2(x, middle), &icons::connection(&state, palette), 16.0) + 8.0;
        let lead = widgets::text(ui, pos2(x, middle), "Connection: ", TextRole::Body, palette.secondary, f32::INFINITY);
        let mut end =
            widgets::text(ui, pos2(lead.right(), middle), &self.words, TextRole::Strong, palette.text, f32::INFINITY);
        let label = widgets::label(ui, lead.union(end), "connection", &format!("Connection: {}", self.words));
        if let Some(profile_tab) = profile_tab.filter(|profile_tab| profile_tab.is_live()) {
            if label.hovered() {
                // Redraw every second while the tooltip shows, because it has ages.
                frame.counts(Duration::from_secs(1));
            }
            let signs = signs_of_life(profile_tab, frame);
            ui.ctx().accesskit_node_builder(label.id, |node| node.set_description(signs.as_str()));
            label.on_hover_text(signs);
        }
        if let Some(time) = self.round_trip {
            let at = pos2(end.right(), middle);
            let words = widgets::text(ui, at, &format!(" · {time} ms"), TextRole::Strong, palette.text, f32::INFINITY);
            widgets::label(ui, words, "round trip", &format!("Round trip {time} ms"));
            end = words;
        }
        if let Some(quiet) = &self.quiet {
            let at = pos2(end.right() + 12.0, middle);
            end = widgets::text(ui, at, quiet, TextRole::Body, palette.muted, f32::INFINITY);
            widgets::label(ui, end, "quiet", quiet);
        }
        if let Some(expires) = &self.expires {
            widgets::divider(ui, end.right() + 12.5, middle, 16.0);
            let (lead, rest) = self.split_expiry(expires);
            let at = pos2(end.right() + 25.0, middle);
            let lead = widgets::text(ui, at, lead, TextRole::Body, palette.secondary, f32::INFINITY);
            let rest =
                widgets::text(ui, pos2(lead.right(), middle), rest, TextRole::Strong, palette.text, f32::INFINITY);
            widgets::label(ui, lead.union(rest), "expiry", expires);
        }
    }

    /// Splits the sentence into the words before the time, and the time.
    fn split_expiry<'a>(&self, words: &'a str) -> (&'a str, &'a str) {
        let (lead, rest) = words.split_at(words.find(" in ").map_or(0, |at| at + 4));
        (if self.has_prefix { lead } else { lead.strip_prefix("Token expires ").unwrap_or(lead) }, rest)
    }
}

fn menu(ui: &mut Ui, bar: Rect, active_tab: Option<&ProfileTab>, chosen: Theme, frame: &mut FrameContext) {
    let button = Button::icon_only(icons::MENU, "Menu").icon_size(18.0).padding(3.0);
    let response = button.at(ui, pos2(bar.right() - 34.0, bar.center().y));
    popup(ui, &response, |ui| {
        if let Some(profile_tab) = active_tab {
            profile_items(ui, profile_tab, frame, false);
            if frame.narrow {
                for command in [UiCommand::RequestData, UiCommand::Track] {
                    entry(ui, command, Some(profile_tab), frame);
                }
            }
            if profile_tab.ready().next().is_some() {
                entry(ui, UiCommand::DownloadAll, Some(profile_tab), frame);
            }
            entry(ui, UiCommand::DataSettings, Some(profile_tab), frame);
            entry(ui, UiCommand::Completeness, Some(profile_tab), frame);
            entry(ui, UiCommand::Insight, Some(profile_tab), frame);
            line(ui);
        }
        for theme in [Theme::System, Theme::Light, Theme::Dark] {
            let words = UiCommand::Theme(theme).words();
            let glyph = if theme == chosen { icons::CHECK } else { UiCommand::Theme(theme).icon() };
            if item(ui, Button::new(&words).icon(glyph).on(theme == chosen)) {
                frame.request(UiRequest::Run(UiCommand::Theme(theme)));
            }
        }
        line(ui);
        for command in
            [UiCommand::Settings, UiCommand::Palette, UiCommand::Shortcuts, UiCommand::Guide, UiCommand::About]
        {
            entry(ui, command, active_tab, frame);
        }
    });
}

/// Draws the menu's items for the active profile.
fn profile_items(ui: &mut Ui, profile_tab: &ProfileTab, frame: &mut FrameContext, whole: bool) {
    let connection = [UiCommand::Connect, UiCommand::Disconnect]
        .into_iter()
        .find(|command| command.is_available(profile_tab))
        .unwrap_or(UiCommand::Connect);
    entry(ui, connection, Some(profile_tab), frame);
    for command in [UiCommand::RenewToken, UiCommand::SignOut] {
        entry(ui, command, Some(profile_tab), frame);
    }
    if whole {
        line(ui);
        entry(ui, UiCommand::ClearHistory, Some(profile_tab), frame);
        entry(ui, UiCommand::RemoveProfile, Some(profile_tab), frame);
    }
}
