//! Every screen in every size: nothing is cut, nothing overlaps, and every control is present.
//!
//! The sizes are those of windows in pixels, at each scale. What has no space is scrolled to, and is whole then: below 640
//! points the window's content keeps that width.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use egui::accesskit::Role;
use egui::{Key, Modifiers, MouseWheelSource, MouseWheelUnit, Rect, TouchPhase, Vec2, pos2, vec2};
use egui_kittest::kittest::NodeT as _;
use privicore_monitor::engine::{ConnectionState, DisconnectReason};
use privicore_monitor::settings::Theme;

use super::drawn::{SLACK, Text, draws_whole, scroll_bars, texts_of};
use super::harness::{Window, at};
use super::screens::MORE;
use super::snapshots::{SCREENS, Screen, filled, twelve_profiles};

pub(super) const WINDOWS: [[f32; 2]; 3] = [[800.0, 500.0], [1280.0, 800.0], [2560.0, 1440.0]];
pub(super) const SCALES: [f32; 4] = [1.0, 1.25, 1.5, 2.0];
/// The minimum width of the window's content, in points.
const LEAST_WIDTH: f32 = 640.0;
/// The minimum width of a dialog's content, with its margins, in points.
const LEAST_DIALOG: f32 = 460.0 + 2.0 * 24.0 + 32.0;
/// The height at and below which a window scrolls as a whole, in points.
const LOW: f32 = 400.0;
/// egui writes this in a debug build where a tooltip begins between two pixels.
const UNALIGNED: &str = "Unaligned";
/// Scroll steps, of half an area each, that reach its end; anything longer is a list of similar rows.
const MOST_STEPS: usize = 20;

/// Whether a window is so narrow that its content is wider.
fn scrolls_aside(window: Rect) -> bool {
    window.width() < LEAST_DIALOG.max(LEAST_WIDTH)
}

/// The faults of a frame's texts.
fn wrong_texts(texts: &[Text], window: Rect) -> Vec<String> {
    let mut wrong = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let visible = text.visible();
        let cut_aside = text.rect.left() < text.clip.left() - SLACK || text.rect.right() > text.clip.right() + SLACK;
        if visible.height() > SLACK && cut_aside && !scrolls_aside(window) {
            wrong.push(format!("`{}` at {} is cut at the side by {}", text.words, text.rect, text.clip));
        }
        if !visible.is_positive() {
            continue;
        }
        for other in texts.iter().skip(index + 1) {
            let both = visible.intersect(other.visible());
            if both.width() > SLACK && both.height() > SLACK {
                wrong.push(format!(
                    "`{}` at {visible} and `{}` at {} lie over each other",
                    text.words,
                    other.words,
                    other.visible()
                ));
            }
        }
    }
    wrong
}

/// Texts that are cut by the upper or lower end of their area, without a scroll bar at its right end.
fn cut_without_a_bar(window: &Window, texts: &[Text], screen: Rect) -> Vec<String> {
    let bars = scroll_bars(window);
    let is_cut = |text: &&Text| {
        let (rect, clip) = (text.rect, text.clip);
        clip.is_positive() && (rect.bottom() > clip.bottom() + SLACK || rect.top() < clip.top() - SLACK)
    };
    let has_bar = |text: &Text| {
        let (end, clip) = (text.rect.right().min(text.clip.right() - 16.0), text.clip);
        // A bar is right of the text. A low window scrolls as a whole, and its bar may be beside another part of it.
        let is_beside = |bar: &Rect| bar.y_range().intersects(clip.y_range()) || screen.height() <= LOW;
        bars.iter().any(|bar| bar.left() >= end - SLACK && bar.right() <= clip.right() + 16.0 && is_beside(bar))
    };
    let cut = texts.iter().filter(is_cut).filter(|text| !has_bar(text));
    cut.map(|text| format!("`{}` at {} is cut by {} without a scroll bar", text.words, text.rect, text.clip)).collect()
}

/// Shortened texts whose whole the pointer does not show. Each is looked at once.
fn shortened_for_good(window: &mut Window, texts: &[Text], seen: &mut BTreeSet<String>) -> Vec<String> {
    let mut lost = Vec::new();
    let at_once = |window: &Window, is_on: bool| {
        window.harness.ctx.all_styles_mut(|style| {
            let usual = egui::style::Interaction::default();
            style.interaction.tooltip_delay = if is_on { 0.0 } else { usual.tooltip_delay };
            style.interaction.show_tooltips_only_when_still = !is_on;
        });
    };
    // An open menu hides the tooltips of everything behind it.
    if egui::Popup::is_any_open(&window.harness.ctx) {
        return lost;
    }
    at_once(window, true);
    for text in texts {
        let Some(whole) = &text.whole else { continue };
        let place = text.visible();
        if !place.is_positive() || !seen.insert(whole.clone()) {
            continue;
        }
        window.harness.hover_at(place.center());
        window.harness.run_steps(3);
        if !draws_whole(window, whole.trim_end_matches('…')) {
            lost.push(format!("`{}` at {} is shortened, and `{whole}` is nowhere", text.words, text.rect));
        }
        window.harness.event(egui::Event::PointerGone);
        window.harness.run_steps(2);
    }
    at_once(window, false);
    lost
}

/// Scrolls at a position as a trackpad does: it moves at once.
fn turn(window: &mut Window, at: egui::Pos2, delta: Vec2) {
    window.harness.hover_at(at);
    for (phase, delta) in [(TouchPhase::Start, Vec2::ZERO), (TouchPhase::Move, delta), (TouchPhase::End, Vec2::ZERO)] {
        window.harness.event(egui::Event::MouseWheel {
            unit: MouseWheelUnit::Point,
            delta,
            phase,
            source: MouseWheelSource::Trackpad,
            modifiers: Modifiers::NONE,
        });
    }
    // What was scrolled out of view disappears a frame later.
    window.harness.run_steps(2);
}

/// Scrolls to the end.
fn turn_far(window: &mut Window, at: egui::Pos2, delta: Vec2) {
    turn(window, at, delta);
    // An area that was scrolled too far comes back to its end.
    assert!((0..20).any(|_| window.harness.run_ok().is_some()), "scrolling never ends");
}

/// Scrolls to every text that is cut. Returns those that are entirely visible nowhere. Rows of a list that are not drawn
/// yet are like those that are.
fn out_of_reach(window: &mut Window, screen: Rect) -> Vec<String> {
    let (whole, cut): (Vec<Text>, Vec<Text>) =
        texts_of(window, screen).into_iter().partition(|text| text.is_whole(scrolls_aside(screen)));
    let mut cut: BTreeMap<String, Text> = cut.into_iter().map(|text| (text.words.clone(), text)).collect();
    cut.retain(|words, _| whole.iter().all(|text| text.words != *words) && words != UNALIGNED);
    // A dialog or a menu is closed before what is behind it is scrolled.
    cut.retain(|_, text| !text.is_behind);
    if cut.is_empty() {
        return Vec::new();
    }
    scroll_to(window, screen, &mut cut);
    if !cut.is_empty() {
        // What is inside a window's lower part is scrolled to once that is in sight.
        turn_far(window, pos2(screen.center().x, 4.0), vec2(0.0, -2e3));
        scroll_to(window, screen, &mut cut);
        turn_far(window, pos2(screen.center().x, 4.0), vec2(2e3, 2e3));
    }
    window.harness.event(egui::Event::PointerGone);
    // Waits until tooltips have disappeared and scrolling has stopped.
    window.harness.run_steps(24);
    cut.values().map(|text| format!("`{}` at {} is never whole in {}", text.words, text.rect, text.clip)).collect()
}

/// Scrolls the areas of these texts in each direction, and leaves those that are never entirely visible.
fn scroll_to(window: &mut Window, screen: Rect, cut: &mut BTreeMap<String, Text>) {
    let see = |window: &Window, cut: &mut BTreeMap<String, Text>| {
        let now = texts_of(window, screen);
        for text in &now {
            if text.is_whole(scrolls_aside(screen)) {
                cut.remove(&text.words);
            } else if let Some(known) = cut.get_mut(&text.words) {
                known.clone_from(text);
            }
        }
        now
    };
    see(window, cut);
    let mut tried: Vec<Rect> = Vec::new();
    while let Some((place, aside)) =
        cut.values().map(|text| (text.clip.intersect(screen), text.rect.center().x)).find(|(clip, _)| {
            clip.is_positive() && tried.iter().all(|other| (other.center() - clip.center()).length() > 2.0)
        })
    {
        // Over the text's own column: a menu is cut by the window, and only a part of that scrolls.
        let inside = place.shrink2(vec2(24.0_f32.min(place.width() / 2.0), 0.0));
        let x = aside.clamp(inside.left(), inside.right());
        tried.push(place);
        let (down, aside) = (vec2(0.0, -0.5 * place.height().min(200.0)), vec2(-0.5 * place.width(), 0.0));
        // In the middle, and above an area there that would scroll instead.
        for y in [place.center().y, place.top() + 8.0_f32.min(place.height() / 2.0)] {
            let pointer = pos2(x, y);
            // In each direction up to its end.
            for step in [down, aside, -down, -aside] {
                let mut before = Vec::new();
                for _ in 0..MOST_STEPS {
                    let now = see(window, cut);
                    if now == before || cut.is_empty() {
                        break;
                    }
                    before = now;
                    turn(window, pointer, step);
                }
            }
            for _ in 0..2 {
                turn_far(window, pointer, vec2(2e3, 2e3));
            }
            if cut.is_empty() {
                return;
            }
        }
    }
}

/// The controls, by name.
fn controls(window: &Window) -> BTreeSet<String> {
    const ROLES: [Role; 6] =
        [Role::Button, Role::CheckBox, Role::RadioButton, Role::TextInput, Role::PasswordInput, Role::ComboBox];
    ROLES.into_iter().flat_map(|role| window.all(role)).filter(|name| !is_of_one_size(name)).collect()
}

/// Whether a control belongs to rows that may be out of view, or moves into a menu in smaller windows.
fn is_of_one_size(name: &str) -> bool {
    let elsewhere = [
        "Request data…",
        "Track commands…",
        "More profiles",
        "Profile ",
        "Show ",
        "Copy message of",
        "Fold",
        "Unfold",
        "Open across",
        "All profiles",
    ];
    let of_rows =
        ["Download ", "Check status ", "Save inline data ", "Open ", "Reconcile", "Label ", "Cancel download b24b68f6"];
    elsewhere.iter().chain(&of_rows).any(|begin| name.starts_with(begin))
}

fn every_size_of(screens: &[Screen], theme: Theme) {
    let mut wrong = Vec::new();
    // A screen in several sizes has several snapshots, but is tested here only once.
    for (name, size, open) in
        screens.iter().filter(|(_, size, _)| size.map(f32::to_bits) == [1280.0_f32, 800.0].map(f32::to_bits))
    {
        let mut window = open(theme, *size);
        let all = controls(&window);
        let mut shortened = BTreeSet::new();
        for pixels in WINDOWS {
            for scale in SCALES {
                let points = vec2(pixels[0], pixels[1]) / scale;
                // With a new scale, egui takes the size from the previous frame.
                window.harness.set_pixels_per_point(scale);
                window.harness.run_steps(2);
                window.harness.set_size(points);
                // Scrolling stops.
                assert!((0..20).any(|_| window.harness.run_ok().is_some()), "{name} never comes to rest");
                let place = format!("{name} at {} × {}, {} %", pixels[0], pixels[1], scale * 100.0);
                let screen = Rect::from_min_size(egui::Pos2::ZERO, points);
                let texts = texts_of(&window, screen);
                let mut found = wrong_texts(&texts, screen);
                found.extend(cut_without_a_bar(&window, &texts, screen));
                let here = controls(&window);
                found.extend(all.difference(&here).map(|gone| format!("`{gone}` can't be reached")));
                found.extend(outside(&window, points.x));
                // The layout does not depend on the theme.
                if theme == Theme::Dark {
                    found.extend(shortened_for_good(&mut window, &texts, &mut shortened));
                    found.extend(out_of_reach(&mut window, screen));
                }
                wrong.extend(found.into_iter().map(|what| format!("{place}: {what}")));
            }
        }
    }
    let count = wrong.len();
    assert!(wrong.is_empty(), "{count} faults:\n{}", wrong.join("\n"));
}

/// Controls outside the area to which the window can be scrolled.
fn outside(window: &Window, width: f32) -> Vec<String> {
    let right = width.max(LEAST_WIDTH);
    window
        .harness
        .root()
        .children_recursive()
        .filter(|node| matches!(node.accesskit_node().role(), Role::Button | Role::TextInput | Role::CheckBox))
        .filter(|node| node.rect().left() < -1.0 || node.rect().right() > right + 1.0)
        .map(|node| format!("{:?} at {} is off the window", node.accesskit_node().label(), node.rect()))
        .collect()
}

#[test]
fn every_screen_is_whole_in_every_size_in_the_dark_theme() {
    every_size_of(&SCREENS, Theme::Dark);
}

#[test]
fn every_screen_is_whole_in_every_size_in_the_light_theme() {
    every_size_of(&SCREENS, Theme::Light);
}

#[test]
fn menus_forms_and_notices_are_whole_in_every_size_in_the_dark_theme() {
    every_size_of(&MORE, Theme::Dark);
}

#[test]
fn menus_forms_and_notices_are_whole_in_every_size_in_the_light_theme() {
    every_size_of(&MORE, Theme::Light);
}

/// 640 × 400 points: half of a window of 1280 × 800.
const HALF: [f32; 2] = [640.0, 400.0];

#[test]
fn insight_opens_in_the_smallest_window_and_gives_way_to_details_alone() {
    let mut window = filled(Theme::Dark, [400.0, 250.0]);
    let is_open = |window: &Window| window.all(Role::Group).iter().any(|name| name == "Insight");
    window.key(Key::I);
    assert!(is_open(&window), "nothing happened");
    window.key(Key::ArrowDown);
    window.key(Key::Enter);
    assert!(!is_open(&window), "both are open");
    // Behind the details it is not visible: the key shows it.
    window.key(Key::I);
    assert!(is_open(&window), "nothing happened");
    window.key(Key::I);
    assert!(!is_open(&window), "it does not close");
}

#[test]
fn tabs_without_room_are_in_a_menu_that_says_how_many_there_are() {
    let mut window = twelve_profiles(Theme::Dark, [1280.0, 800.0]);
    let tabs =
        |window: &Window| window.all(Role::Button).into_iter().filter(|name| name.starts_with("Profile ")).count();
    let shown = tabs(&window) + usize::from(window.has(Role::Button, "All profiles"));
    let more = format!("More profiles ({})", 13 - shown);
    window.press(&more);
    assert_eq!(tabs(&window), 12, "each is in the menu");
    window.press("Profile jobs");
    assert!(window.all(Role::Button).iter().any(|name| name == "Profile jobs"), "its tab is not in front");
    window.harness.set_size(HALF.into());
    window.run();
    assert!(window.all(Role::Button).iter().any(|name| name == "Profile jobs"), "the tab in front is gone");
    assert!(
        window.all(Role::Button).iter().any(|name| name.starts_with("More profiles (")),
        "{:?}",
        window.all(Role::Button)
    );
}

#[test]
fn the_keyboard_scrolls_to_the_focused_widget() {
    let mut window = filled(Theme::Dark, [400.0, 250.0]);
    window.key_with(Modifiers::COMMAND, Key::Comma);
    let visible = Rect::from_min_size(egui::Pos2::ZERO, vec2(400.0, 250.0));
    for _ in 0..40 {
        window.key(Key::Tab);
        window.run();
        let focused = window.harness.root().children_recursive().find(|node| node.accesskit_node().is_focused());
        let Some(focused) = focused.filter(|node| node.accesskit_node().role() != Role::Window) else { continue };
        let rect = focused.rect();
        assert!(
            visible.intersects(rect.shrink(1.0)),
            "{:?} at {rect} has the keyboard and is out of sight",
            focused.accesskit_node().label()
        );
    }
}

#[test]
fn a_time_beside_a_state_has_a_complete_accessible_name() {
    let mut window = filled(Theme::Dark, HALF);
    let profile = window.id();
    let until = window.clock.with(|clock| clock.instant) + Duration::from_secs(12);
    let why = DisconnectReason::Closed { code: None, reason: String::new() }.into();
    window.status(profile, |status| {
        status.connection = Some(ConnectionState::Reconnecting { at: until, attempt: 2, why });
    });
    window.status(profile, |status| {
        status.token =
            privicore_monitor::engine::TokenStatus::Held { expires_at: Some(at("15:17:00")), persisted: true }
    });
    window.run();
    assert!(
        window.all(Role::Label).iter().any(|name| name.starts_with("Token expires in ")),
        "{:?}",
        window.all(Role::Label)
    );
}
