//! Every screen in every size: nothing is cut, nothing lies over something else, and everything that can be used is there.
//!
//! The sizes are those of windows in pixels, at each scale. What has no room is scrolled to: below 640 points the content of the
//! window keeps that width, and what is higher than its place may end at its place's edge.

use std::collections::BTreeSet;
use std::time::Duration;

use egui::accesskit::Role;
use egui::epaint::{ClippedShape, TextShape};
use egui::{Key, Modifiers, Rect, Shape, vec2};
use egui_kittest::kittest::NodeT as _;
use privicore_monitor::engine::{ConnectionState, DisconnectReason, Notice, Severity, TokenRefusal};
use privicore_monitor::settings::Theme;
use privicore_monitor::ui::Prefill;

use super::harness::{Window, at};
use super::snapshots::{SCREENS, Screen, filled, twelve_profiles};

const WINDOWS: [[f32; 2]; 3] = [[800.0, 500.0], [1280.0, 800.0], [2560.0, 1440.0]];
const SCALES: [f32; 4] = [1.0, 1.25, 1.5, 2.0];
/// The narrowest that the content of the window is laid out.
const LEAST_WIDTH: f32 = 640.0;
/// The narrowest that the content of a dialog is laid out, with its margins.
const LEAST_DIALOG: f32 = 460.0 + 2.0 * 24.0 + 32.0;
/// A bar is lower than this; nothing in one is ever scrolled to.
const BAR: f32 = 60.0;

/// Screens beside those of which there are pictures.
const MORE: [Screen; 11] = [
    ("more profiles", [1280.0, 800.0], more_profiles),
    ("menu", [1280.0, 800.0], menu),
    ("profile menu", [1280.0, 800.0], profile_menu),
    ("row menu", [1280.0, 800.0], row_menu),
    ("saved filters", [1280.0, 800.0], saved_filters),
    ("token sign-in", [1280.0, 800.0], token_sign_in),
    ("new profile", [1280.0, 800.0], new_profile),
    ("notices", [1280.0, 800.0], notices),
    ("nothing matches", [1280.0, 800.0], nothing_matches),
    ("edit label", [1280.0, 800.0], edit_label),
    ("sign out", [1280.0, 800.0], sign_out),
];

fn more_profiles(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = twelve_profiles(theme, size);
    let more = window.all(Role::Button).into_iter().find(|name| name.starts_with("More profiles ("));
    window.press(&more.expect("not all twelve fit"));
    window
}

fn menu(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.press("Menu");
    window
}

fn profile_menu(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.press("Profile ops");
    window
}

fn row_menu(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.key(Key::ArrowDown);
    window.key_with(Modifiers::SHIFT, Key::F10);
    window
}

fn saved_filters(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.press("Saved filters");
    window
}

fn token_sign_in(theme: Theme, size: [f32; 2]) -> Window {
    let mut window =
        Window::silent(size, Prefill { api: Some("http://cab.example.com".to_owned()), ..Prefill::default() });
    window.settings(Vec::new(), theme);
    window.run();
    window.click(Role::RadioButton, "Authorization token");
    window.press("Sign in");
    window
}

fn new_profile(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.press("Add profile");
    window
}

/// A token that was refused, and what the window says at its lower edge.
fn notices(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    let profile = window.id();
    let words = "It has expired, or the server had a passing fault; try once more if it had".to_owned();
    let why = TokenRefusal::Join { words };
    window.status(profile, |status| status.connection = Some(ConnectionState::TokenRefused { why }));
    for sentence in [
        "The disk is full, so the newest messages are in memory only. Free some space; they are written as soon as there is room.",
        "Links to data are kept in memory only: the system keyring is locked or has no default collection. Unlock it.",
    ] {
        window.say(privicore_monitor::engine::Event::Notice(Notice::new(Severity::Warning, None, sentence)));
    }
    window.run();
    window
}

fn nothing_matches(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.key_with(Modifiers::COMMAND, Key::F);
    window.type_text("status:fialed label:\"a rather long label that nobody has given yet\"");
    window
}

fn edit_label(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.key(Key::ArrowDown);
    window.key(Key::L);
    window
}

fn sign_out(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.press("Menu");
    window.press("Sign out");
    window
}

/// A text as it is on the screen, and where it may be.
#[derive(Debug, Clone)]
struct Text {
    words: String,
    rect: Rect,
    clip: Rect,
}

impl Text {
    fn visible(&self) -> Rect {
        self.rect.intersect(self.clip)
    }
}

/// The texts of a frame, without those that a dialog or a menu lies over.
fn texts(shapes: &[ClippedShape], typed: &[String], window: Rect) -> Vec<Text> {
    fn add(shape: &Shape, clip: Rect, window: Rect, texts: &mut Vec<Text>) {
        match shape {
            Shape::Vec(shapes) => shapes.iter().for_each(|shape| add(shape, clip, window, texts)),
            Shape::Text(TextShape { pos, galley, .. }) => {
                let rect = galley.mesh_bounds.translate(pos.to_vec2());
                if rect.is_positive() {
                    texts.push(Text { words: galley.text().to_owned(), rect, clip: clip.intersect(window) });
                }
            }
            // What lies behind a dialog is dimmed; a dialog and a menu have a shadow.
            Shape::Rect(rect) if rect.blur_width > 0.0 => texts.retain(|text| !text.rect.intersects(rect.rect)),
            Shape::Rect(rect) if rect.fill.a() == 115 && rect.rect.contains_rect(window.shrink(1.0)) => texts.clear(),
            _ => {}
        }
    }
    let mut texts = Vec::new();
    for shape in shapes {
        add(&shape.shape, shape.clip_rect, window, &mut texts);
    }
    texts.retain(|text| !typed.contains(&text.words));
    texts
}

/// What is wrong with the texts of a frame.
fn wrong_texts(texts: &[Text], window: Rect) -> Vec<String> {
    let mut wrong = Vec::new();
    let scrolls_aside = window.width() < LEAST_DIALOG.max(LEAST_WIDTH);
    for (index, text) in texts.iter().enumerate() {
        let visible = text.visible();
        let cut_aside = text.rect.left() < text.clip.left() - 1.5 || text.rect.right() > text.clip.right() + 1.5;
        if visible.height() > 1.0 && cut_aside && !scrolls_aside {
            wrong.push(format!("`{}` at {} is cut at the side by {}", text.words, text.rect, text.clip));
        }
        let cut_above = text.rect.top() < text.clip.top() - 1.5 || text.rect.bottom() > text.clip.bottom() + 1.5;
        // A bar at the window's edge may itself be scrolled away.
        let is_bar = text.clip.height() < BAR && text.clip.top() > window.top() && text.clip.bottom() < window.bottom();
        if cut_above && is_bar && text.rect.center().y > text.clip.top() && text.rect.center().y < text.clip.bottom() {
            wrong.push(format!("`{}` at {} is cut by its bar {}", text.words, text.rect, text.clip));
        }
        if !visible.is_positive() {
            continue;
        }
        for other in texts.iter().skip(index + 1) {
            let both = visible.intersect(other.visible());
            if both.width() > 2.0 && both.height() > 3.0 {
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

/// What can be used, by its name.
fn controls(window: &Window) -> BTreeSet<String> {
    const ROLES: [Role; 6] =
        [Role::Button, Role::CheckBox, Role::RadioButton, Role::TextInput, Role::PasswordInput, Role::ComboBox];
    ROLES.into_iter().flat_map(|role| window.all(role)).filter(|name| !is_of_one_size(name)).collect()
}

/// Whether a control belongs to rows that need not be in sight, or is in a menu where there is less room.
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
    // Of a screen in several sizes the pictures differ, not what is tried here.
    for (name, size, open) in
        screens.iter().filter(|(_, size, _)| size.map(f32::to_bits) == [1280.0_f32, 800.0].map(f32::to_bits))
    {
        let mut window = open(theme, *size);
        let all = controls(&window);
        for pixels in WINDOWS {
            for scale in SCALES {
                let points = vec2(pixels[0], pixels[1]) / scale;
                // A new scale makes egui take the size over from the frame before.
                window.harness.set_pixels_per_point(scale);
                window.run();
                window.harness.set_size(points);
                window.run();
                let place = format!("{name} at {} × {}, {} %", pixels[0], pixels[1], scale * 100.0);
                let screen = Rect::from_min_size(egui::Pos2::ZERO, points);
                // What is longer than its field is scrolled in it.
                let typed: Vec<String> =
                    window.nodes(Role::TextInput).filter_map(|node| node.accesskit_node().value()).collect();
                let found = wrong_texts(&texts(&window.harness.output().shapes, &typed, screen), screen);
                wrong.extend(found.into_iter().map(|what| format!("{place}: {what}")));
                let here = controls(&window);
                wrong.extend(all.difference(&here).map(|gone| format!("{place}: `{gone}` can't be reached")));
                wrong.extend(outside(&window, points.x).into_iter().map(|what| format!("{place}: {what}")));
            }
        }
    }
    let count = wrong.len();
    assert!(wrong.is_empty(), "{count} faults:\n{}", wrong.join("\n"));
}

/// Controls that are outside of where the window can be scrolled to.
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
    // It is not seen behind the details: the key shows it.
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
fn the_keyboard_scrolls_to_what_it_goes_to() {
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
fn a_time_that_stands_beside_a_state_says_all_of_it_in_its_name() {
    let mut window = filled(Theme::Dark, HALF);
    let profile = window.id();
    let until = window.clock.with(|clock| clock.instant) + Duration::from_secs(12);
    let why = DisconnectReason::Closed { code: None, reason: String::new() }.into();
    window.status(profile, |status| {
        status.connection = Some(ConnectionState::Reconnecting { at: until, attempt: 2, why });
    });
    window.status(profile, |status| {
        status.token = privicore_monitor::engine::TokenStatus::Held { expires_at: Some(at("15:17:00")), kept: true }
    });
    window.run();
    assert!(
        window.all(Role::Label).iter().any(|name| name.starts_with("Token expires in ")),
        "{:?}",
        window.all(Role::Label)
    );
}
