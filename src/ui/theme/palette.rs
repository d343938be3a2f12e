//! The colours of both themes. They are defined only here.

#![expect(clippy::disallowed_methods, reason = "the colours of the look are defined here")]

use egui::{Color32, Style};

/// The colours of one theme, named by their use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Palette {
    /// Fill of the top bar and the status bar.
    pub window: Color32,
    /// Fill of bars, panels and the table's header.
    pub panel: Color32,
    /// Fill of the table.
    pub row: Color32,
    /// Fill of a row under the pointer.
    pub hover: Color32,
    /// Fill of a selected row, and of a toggle that is on.
    pub selected: Color32,
    /// Fill of a row that has just changed.
    pub changed: Color32,
    /// Fill of the banner.
    pub gap_fill: Color32,
    /// Fill behind filter matches, below `text`.
    pub mark: Color32,
    /// Fill of text fields.
    pub field: Color32,
    /// Fill of menus and dialogs.
    pub popup: Color32,
    /// Fill of an outlined button.
    pub button: Color32,
    /// Fill of an outlined button under the pointer.
    pub button_hover: Color32,
    /// Lines between regions.
    pub stroke: Color32,
    /// Lines between rows.
    pub stroke_soft: Color32,
    /// Borders of buttons, tracks and bars.
    pub stroke_strong: Color32,
    /// Borders of fields and of toggles that are on.
    pub field_stroke: Color32,
    /// Primary text.
    pub text: Color32,
    /// Text of resolved items.
    pub secondary: Color32,
    /// Text that only adds help.
    pub muted: Color32,
    /// The accent colour, also used by the focus ring.
    pub accent: Color32,
    /// Fill of the primary button.
    pub accent_fill: Color32,
    /// Text on the primary button.
    pub on_accent: Color32,
    /// Commands in flight, and data in preparation.
    pub pending: Color32,
    /// Succeeded outcomes.
    pub succeeded: Color32,
    /// Failed outcomes.
    pub failed: Color32,
    /// Data that is ready.
    pub ready: Color32,
    /// Any other status.
    pub other: Color32,
    /// Gaps and warnings.
    pub gap: Color32,
}

const fn hex(rgb: u32) -> Color32 {
    let [_, red, green, blue] = rgb.to_be_bytes();
    Color32::from_rgb(red, green, blue)
}

pub(crate) const DARK: Palette = Palette {
    window: hex(0x0E_10_13),
    panel: hex(0x14_17_1B),
    row: hex(0x11_13_17),
    hover: hex(0x19_1D_22),
    selected: hex(0x18_25_3B),
    changed: hex(0x26_23_1A),
    gap_fill: hex(0x25_1B_14),
    mark: hex(0x54_46_18),
    field: hex(0x0B_0D_0F),
    popup: hex(0x1A_1E_23),
    button: hex(0x1E_23_29),
    button_hover: hex(0x27_2D_35),
    stroke: hex(0x26_2C_34),
    stroke_soft: hex(0x1A_1E_23),
    stroke_strong: hex(0x3A_42_4C),
    field_stroke: hex(0x6E_78_87),
    text: hex(0xE7_EA_EE),
    secondary: hex(0xA9_B1_BC),
    muted: hex(0x8B_95_A2),
    accent: hex(0x7A_A8_FF),
    accent_fill: hex(0x2F_66_D0),
    on_accent: hex(0xFF_FF_FF),
    pending: hex(0xE8_C2_61),
    succeeded: hex(0x5B_C4_AE),
    failed: hex(0xF5_6A_7E),
    ready: hex(0xB5_A2_F7),
    other: hex(0x98_A2_AE),
    gap: hex(0xF0_98_5A),
};

pub(crate) const LIGHT: Palette = Palette {
    window: hex(0xEE_F0_F3),
    panel: hex(0xF7_F8_FA),
    row: hex(0xFF_FF_FF),
    hover: hex(0xF3_F5_F8),
    selected: hex(0xE3_ED_FD),
    changed: hex(0xFD_F5_DC),
    gap_fill: hex(0xFC_F0_E6),
    mark: hex(0xFF_E2_80),
    field: hex(0xFF_FF_FF),
    popup: hex(0xFF_FF_FF),
    button: hex(0xFF_FF_FF),
    button_hover: hex(0xEB_EE_F2),
    stroke: hex(0xD9_DD_E3),
    stroke_soft: hex(0xE9_EC_F0),
    stroke_strong: hex(0xBC_C3_CD),
    field_stroke: hex(0x7D_87_94),
    text: hex(0x15_18_1D),
    secondary: hex(0x45_4D_59),
    muted: hex(0x5D_66_73),
    accent: hex(0x21_58_CC),
    accent_fill: hex(0x21_58_CC),
    on_accent: hex(0xFF_FF_FF),
    pending: hex(0x8D_5E_00),
    succeeded: hex(0x0B_75_66),
    failed: hex(0xA5_12_3F),
    ready: hex(0x66_3C_BC),
    other: hex(0x5B_64_71),
    gap: hex(0xA3_4A_10),
};

impl Palette {
    /// The palette of a style's theme.
    pub(crate) fn of(style: &Style) -> &'static Self {
        if style.visuals.dark_mode { &DARK } else { &LIGHT }
    }

    /// The fill of a primary button, and the colour of its text. A disabled one is toned down, but its text stays readable.
    pub(crate) fn primary(&self, enabled: bool) -> (Color32, Color32) {
        if enabled { (self.accent_fill, self.on_accent) } else { (self.button_hover, self.muted) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance as defined by WCAG 2.2.
    fn luminance(colour: Color32) -> f64 {
        let channel = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(colour.r()) + 0.7152 * channel(colour.g()) + 0.0722 * channel(colour.b())
    }

    fn contrast(one: Color32, other: Color32) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// Lines that only separate regions carry no information. Borders and marks that show where a control is or what its state
    /// is need a contrast of 3:1 (WCAG 1.4.11), texts need 4.5:1 (WCAG 1.4.3).
    #[test]
    fn buttons_fields_and_menus_pass_wcag_aa_in_both_themes() {
        for palette in [DARK, LIGHT] {
            let words = [
                ("a button", palette.text, palette.button),
                ("a button under the pointer", palette.text, palette.button_hover),
                ("a plain button", palette.secondary, palette.panel),
                ("a plain button in the top bar", palette.secondary, palette.window),
                ("a disabled entry of a menu", palette.muted, palette.popup),
                ("a chosen entry's key", palette.muted, palette.selected),
                ("a field", palette.text, palette.field),
                ("a field's hint", palette.muted, palette.field),
                ("a field's error", palette.failed, palette.popup),
                ("a disabled outlined button", palette.muted, palette.button),
                ("a key cap", palette.secondary, palette.button),
                ("selected text", palette.text, palette.selected),
            ];
            for (what, ink, surface) in words {
                let ratio = contrast(ink, surface);
                assert!(ratio >= 4.5, "{what} has {ratio:.2}");
            }
            for surface in [palette.window, palette.panel, palette.row, palette.selected, palette.popup, palette.field]
            {
                for (what, ink) in [("the focus ring", palette.accent), ("a field's edge", palette.field_stroke)] {
                    let ratio = contrast(ink, surface);
                    assert!(ratio >= 3.0, "{what} on {surface:?} has {ratio:.2}");
                }
            }
            assert!(contrast(palette.ready, palette.stroke_strong) >= 3.0, "a progress bar on its track");
        }
    }

    #[test]
    fn the_primary_button_is_readable_and_different_while_it_is_disabled() {
        for palette in [DARK, LIGHT] {
            for (enabled, least) in [(true, 4.5), (false, 3.0)] {
                let (fill, ink) = palette.primary(enabled);
                let ratio = contrast(ink, fill);
                assert!(ratio >= least, "enabled: {enabled}, {ratio:.2}");
            }
            assert_ne!(palette.primary(true).0, palette.primary(false).0, "one looks like the other");
        }
    }

    #[test]
    fn text_and_states_pass_wcag_aa_on_every_surface_in_both_themes() {
        for palette in [DARK, LIGHT] {
            let surfaces = [
                palette.window,
                palette.panel,
                palette.row,
                palette.hover,
                palette.selected,
                palette.changed,
                palette.gap_fill,
                palette.popup,
            ];
            let inks = [
                ("text", palette.text),
                ("secondary", palette.secondary),
                ("muted", palette.muted),
                ("pending", palette.pending),
                ("succeeded", palette.succeeded),
                ("failed", palette.failed),
                ("ready", palette.ready),
                ("other", palette.other),
                ("gap", palette.gap),
                ("accent", palette.accent),
            ];
            for surface in surfaces {
                for (name, ink) in inks {
                    let ratio = contrast(ink, surface);
                    assert!(ratio >= 4.5, "{name} on {surface:?} has {ratio:.2}");
                }
                let ratio = contrast(palette.field_stroke, surface);
                assert!(ratio >= 3.0, "a field's edge on {surface:?} has {ratio:.2}");
            }
            assert!(contrast(palette.on_accent, palette.accent_fill) >= 4.5, "the primary button's text");
            assert!(contrast(palette.text, palette.mark) >= 4.5, "what the filter found");
        }
    }
}
