//! Colours, fonts, sizes and spacing of the window, in both themes.
//!
//! The constants are the design's tokens; [`palette::Palette`] holds the colours. Colour is used only where it has a meaning.
//! Resolved items are `secondary`, open ones are `text`, and no state is shown by colour alone.

pub(crate) mod palette;

use std::sync::Arc;

use egui::epaint::FontColorTransferFunction;
use egui::epaint::text::{FontData, FontDefinitions, FontTweak, VariationCoords};
use egui::{Color32, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, Style, TextStyle, Visuals, vec2};

use palette::{DARK, LIGHT, Palette};

/// Covers the window behind a dialog.
pub(crate) const BACKDROP: Color32 = Color32::from_black_alpha(115);

/// Corner radius of buttons, fields and status filters.
pub(crate) const RADIUS: CornerRadius = CornerRadius::same(6);
/// Corner radius of buttons in a row.
pub(crate) const RADIUS_IN_ROW: CornerRadius = CornerRadius::same(5);
/// Corner radius of dialogs.
pub(crate) const RADIUS_DIALOG: CornerRadius = CornerRadius::same(10);

/// Left and right margin of every bar.
pub(crate) const EDGE: f32 = 12.0;
/// Height of the top bar, the banner, the status filters and the toolbar.
pub(crate) const BAR: f32 = 36.0;
/// Height of a table row and of the table's header. A whole number of points, so that positions stay exact.
pub(crate) const ROW: f32 = 28.0;
/// Height of the details.
pub(crate) const DETAILS: f32 = 156.0;
/// Height of the header of the details.
pub(crate) const DETAILS_HEAD: f32 = 32.0;
/// Height of a download's line.
pub(crate) const DOWNLOAD: f32 = 28.0;
/// Height of the status bar.
pub(crate) const STATUS: f32 = 24.0;
/// Minimum size of the window, in points.
pub(crate) const MIN_SIZE: egui::Vec2 = vec2(800.0, 500.0);
/// Minimum width at which the window's content is laid out. A narrower window scrolls.
pub(crate) const MIN_WIDTH: f32 = 640.0;
/// Minimum height of the table: its header and three rows. A window with less space scrolls; one of 640 × 400 points with the
/// details open has just enough.
pub(crate) const MIN_TABLE: f32 = 4.0 * ROW;
/// Minimum width at which a dialog's content is laid out. In a narrower window it scrolls.
pub(crate) const MIN_DIALOG: f32 = 460.0;
/// Below this width the window is narrow: icons instead of labels, and fewer columns.
pub(crate) const NARROW: f32 = 1000.0;

/// The font for emphasised body text.
const MEDIUM: &str = "inter-500";
/// The font for headings.
const SEMIBOLD: &str = "inter-600";
/// The font with the filled icons.
const FILLED: &str = "symbols-filled";
/// The font with the outlined icons.
const OUTLINED: &str = "symbols-outlined";

/// The text styles of the design, as size / line height in points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextRole {
    /// Sign-in and dialogs: 18 / 24.
    Heading,
    /// Empty states: 15 / 22.
    Subheading,
    /// Rows, fields, top bar: 13 / 20.
    Body,
    /// Like `Body`, emphasised.
    Strong,
    /// Buttons and status filters: 12 / 16.
    Small,
    /// Like `Small`, emphasised: counts and the primary button.
    SmallStrong,
    /// Column headers, status bar: 11 / 16.
    Caption,
    /// Like `Caption`, emphasised: column headers.
    CaptionStrong,
    /// Times, ids, JSON and reasons given by servers: 12 / 16.
    Mono,
}

impl TextRole {
    /// The font and its size.
    pub(crate) fn font(self) -> FontId {
        let (size, family) = match self {
            Self::Heading => (18.0, FontFamily::Name(SEMIBOLD.into())),
            Self::Subheading => (15.0, FontFamily::Name(SEMIBOLD.into())),
            Self::Body => (13.0, FontFamily::Proportional),
            Self::Strong => (13.0, FontFamily::Name(MEDIUM.into())),
            Self::Small => (12.0, FontFamily::Proportional),
            Self::SmallStrong => (12.0, FontFamily::Name(MEDIUM.into())),
            Self::Caption => (11.0, FontFamily::Proportional),
            Self::CaptionStrong => (11.0, FontFamily::Name(MEDIUM.into())),
            Self::Mono => (12.0, FontFamily::Monospace),
        };
        FontId { size, family }
    }

    /// The line height in points.
    pub(crate) fn line(self) -> f32 {
        match self {
            Self::Heading => 24.0,
            Self::Subheading => 22.0,
            Self::Body | Self::Strong => 20.0,
            Self::Small | Self::SmallStrong | Self::Caption | Self::CaptionStrong | Self::Mono => 16.0,
        }
    }
}

/// The font that draws an icon.
pub(crate) fn icon_font(filled: bool, size: f32) -> FontId {
    FontId { size, family: FontFamily::Name(if filled { FILLED } else { OUTLINED }.into()) }
}

/// Installs the fonts, colours and spacing of both themes in a context. Called once, before the first frame.
pub(crate) fn install(ctx: &egui::Context, reduced_motion: bool) {
    ctx.set_fonts(fonts());
    // Zoom is a setting, and its keys are commands.
    ctx.options_mut(|options| options.zoom_with_keyboard = false);
    set_styles(ctx, reduced_motion);
}

/// Installs the styles of both themes in a context, with or without animations.
pub(crate) fn set_styles(ctx: &egui::Context, reduced_motion: bool) {
    ctx.set_style_of(egui::Theme::Dark, style(&DARK, reduced_motion));
    ctx.set_style_of(egui::Theme::Light, style(&LIGHT, reduced_motion));
}

fn fonts() -> FontDefinitions {
    const INTER: &[u8] = include_bytes!("../../../assets/fonts/InterVariable.ttf");
    const MONO: &[u8] = include_bytes!("../../../assets/fonts/JetBrainsMono-Regular.ttf");
    let mut fonts = FontDefinitions::empty();
    let inter = |weight: f32| {
        FontData::from_static(INTER).tweak(FontTweak {
            coords: VariationCoords::new([(b"wght", weight)]),
            // Thousands are separated by a thin space, which has to be visible.
            thin_space_width: 0.9,
            ..FontTweak::default()
        })
    };
    let mut add = |name: &str, data: FontData, families: &[FontFamily], fallbacks: &[&str]| {
        fonts.font_data.insert(name.to_owned(), Arc::new(data));
        for family in families {
            let chain = fonts.families.entry(family.clone()).or_default();
            chain.push(name.to_owned());
            chain.extend(fallbacks.iter().map(|&name| name.to_owned()));
        }
    };
    add("inter-400", inter(400.0), &[FontFamily::Proportional], &["mono"]);
    add(MEDIUM, inter(500.0), &[FontFamily::Name(MEDIUM.into())], &["mono"]);
    add(SEMIBOLD, inter(600.0), &[FontFamily::Name(SEMIBOLD.into())], &["mono"]);
    // Aligns the baseline with Inter's: unadjusted, these letters are a pixel higher.
    let mono = FontData::from_static(MONO).tweak(FontTweak { y_offset: 1.0, ..FontTweak::default() });
    add("mono", mono, &[FontFamily::Monospace], &["inter-400"]);
    add(FILLED, egui_material_icons::font_insert().data, &[FontFamily::Name(FILLED.into())], &[]);
    add(OUTLINED, egui_material_icons::font_insert_outlined().data, &[FontFamily::Name(OUTLINED.into())], &[]);
    fonts
}

fn style(palette: &Palette, reduced_motion: bool) -> Style {
    let mut style = Style { visuals: visuals(palette), ..Style::default() };
    style.text_styles = [
        (TextStyle::Heading, TextRole::Heading),
        (TextStyle::Body, TextRole::Body),
        (TextStyle::Button, TextRole::Small),
        (TextStyle::Small, TextRole::Small),
        (TextStyle::Monospace, TextRole::Mono),
        (TextStyle::Name("caption".into()), TextRole::Caption),
        (TextStyle::Name("subheading".into()), TextRole::Subheading),
    ]
    .into_iter()
    .map(|(style, face)| (style, face.font()))
    .collect();
    style.spacing.item_spacing = vec2(8.0, 4.0);
    style.spacing.button_padding = vec2(8.0, 4.0);
    style.spacing.interact_size.y = 24.0;
    style.spacing.menu_margin = Margin::same(4);
    style.spacing.window_margin = Margin::same(24);
    style.spacing.tooltip_width = 360.0;
    style.spacing.scroll.bar_width = 6.0;
    style.spacing.scroll.floating_width = 6.0;
    style.spacing.scroll.floating = true;
    // Scrollable content is recognisable without hovering over it.
    style.spacing.scroll.dormant_handle_opacity = 0.6;
    style.spacing.scroll.fade.strength = 0.0;
    // Commands copy text. A selectable label would take the clicks that are meant for its row.
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.4;
    style.animation_time = 0.0;
    if reduced_motion {
        style.scroll_animation = egui::style::ScrollAnimation::none();
        style.visuals.text_cursor.blink = false;
    }
    style
}

fn visuals(palette: &Palette) -> Visuals {
    let dark = *palette == DARK;
    let shadow =
        Shadow { offset: [0, 8], blur: 24, spread: 0, color: Color32::from_black_alpha(if dark { 115 } else { 46 }) };
    let mut visuals = if dark { Visuals::dark() } else { Visuals::light() };
    if dark {
        // egui's default curve for dark themes makes 13 px text look a weight heavier than it is.
        visuals.text_options.color_transfer_function = FontColorTransferFunction::Gamma(0.85);
    }
    visuals.panel_fill = palette.panel;
    visuals.window_fill = palette.popup;
    visuals.window_stroke = Stroke::new(1.0, palette.stroke_strong);
    visuals.window_corner_radius = RADIUS_DIALOG;
    visuals.menu_corner_radius = RADIUS;
    visuals.window_shadow = shadow;
    visuals.popup_shadow = shadow;
    visuals.extreme_bg_color = palette.field;
    visuals.text_edit_bg_color = Some(palette.field);
    visuals.weak_text_color = Some(palette.muted);
    visuals.hyperlink_color = palette.accent;
    visuals.warn_fg_color = palette.gap;
    visuals.error_fg_color = palette.failed;
    visuals.selection.bg_fill = palette.selected;
    visuals.selection.stroke = Stroke::new(1.0, palette.accent);
    visuals.text_cursor.stroke = Stroke::new(1.0, palette.accent);
    // Nothing blinks at rest: a blinking caret would repaint the window twice a second.
    visuals.text_cursor.blink = false;
    for (widget, fill, edge) in [
        (&mut visuals.widgets.noninteractive, palette.panel, palette.stroke),
        (&mut visuals.widgets.inactive, palette.button, palette.stroke_strong),
        (&mut visuals.widgets.hovered, palette.button_hover, palette.stroke_strong),
        (&mut visuals.widgets.active, palette.button_hover, palette.field_stroke),
        (&mut visuals.widgets.open, palette.button_hover, palette.stroke_strong),
    ] {
        widget.bg_fill = fill;
        widget.weak_bg_fill = fill;
        widget.bg_stroke = Stroke::new(1.0, edge);
        widget.fg_stroke = Stroke::new(1.0, palette.text);
        widget.corner_radius = RADIUS;
        widget.expansion = 0.0;
    }
    visuals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_the_bundled_faces_lack_is_drawn_by_a_font_of_the_system() {
        let georgian = "გამარჯობა";
        let shown_in = |ctx: &egui::Context| {
            let mut output = ctx.run_ui(egui::RawInput::default(), |ui| {
                for face in [TextRole::Body, TextRole::Strong, TextRole::Mono] {
                    let galley = ui.painter().layout_no_wrap(georgian.to_owned(), face.font(), Color32::WHITE);
                    assert!(galley.size().x > 20.0, "nothing was laid out");
                }
            });
            // These tests paint nothing.
            output.textures_delta.clear();
            [TextRole::Body, TextRole::Strong, TextRole::Mono]
                .map(|face| ctx.fonts_mut(|fonts| fonts.has_glyphs(&face.font(), georgian)))
        };
        let ctx = egui::Context::default();
        install(&ctx, false);
        assert_eq!(shown_in(&ctx), [false; 3], "the bundled faces have it: take another script");
        ctx.add_font_provider(Arc::new(egui_system_font_provider::SystemFontProvider::new()));
        // The first frame activates the style, the second finds the font.
        shown_in(&ctx);
        assert_eq!(shown_in(&ctx), [true; 3], "boxes: tests/run installs fonts-dejavu-core, which has it");
    }
}
