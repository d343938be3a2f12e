//! What is drawn in a frame: the lines of text with their areas, and the handles of scroll bars.

use egui::accesskit::Role;
use egui::epaint::{ClippedShape, TextShape};
use egui::{Rect, Shape};
use egui_kittest::kittest::NodeT as _;

use super::harness::Window;

/// How far a text may reach into another, or out of its area: less than a visible pixel.
pub(super) const SLACK: f32 = 1.0;

/// A line of text on the screen, and the area that it may occupy.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    pub(super) words: String,
    pub(super) rect: Rect,
    pub(super) clip: Rect,
    /// The whole text, if the line is shortened.
    pub(super) whole: Option<String>,
    /// Whether it is drawn before a dialog, a menu or a tooltip.
    pub(super) is_behind: bool,
}

impl Text {
    pub(super) fn visible(&self) -> Rect {
        self.rect.intersect(self.clip)
    }

    /// Whether the line is entirely visible. A window that is narrower than its content shows a line in parts.
    pub(super) fn is_whole(&self, scrolls_aside: bool) -> bool {
        let (clip, rect) = (self.clip.expand(SLACK), self.rect);
        let aside = if scrolls_aside {
            clip.left() < rect.right() && rect.left() < clip.right()
        } else {
            clip.x_range().contains(rect.left()) && clip.x_range().contains(rect.right())
        };
        aside && clip.y_range().contains(rect.top()) && clip.y_range().contains(rect.bottom())
    }
}

/// The texts of a frame, without those that a dialog or a menu covers.
fn texts(shapes: &[ClippedShape], typed: &[String], window: Rect) -> Vec<Text> {
    fn add(shape: &Shape, clip: Rect, (typed, window): (&[String], Rect), texts: &mut Vec<Text>) {
        match shape {
            Shape::Vec(shapes) => shapes.iter().for_each(|shape| add(shape, clip, (typed, window), texts)),
            Shape::Text(TextShape { pos, galley, .. }) if !typed.contains(&galley.job.text) => {
                for row in &galley.rows {
                    let rect = row.visuals.mesh_bounds.translate(pos.to_vec2() + row.pos.to_vec2());
                    if rect.is_positive() {
                        let whole = galley.elided.then(|| galley.job.text.clone());
                        texts.push(Text {
                            words: row.text(),
                            rect,
                            clip: clip.intersect(window),
                            whole,
                            is_behind: false,
                        });
                    }
                }
            }
            // What is behind a dialog is dimmed; a dialog and a menu have a shadow.
            Shape::Rect(rect) if rect.blur_width > 0.0 => {
                texts.retain(|text| !text.rect.intersects(rect.rect));
                for text in texts.iter_mut() {
                    text.is_behind = true;
                }
            }
            Shape::Rect(rect) if rect.fill.a() == 115 && rect.rect.contains_rect(window.shrink(1.0)) => texts.clear(),
            _ => {}
        }
    }
    let mut texts = Vec::new();
    for shape in shapes {
        add(&shape.shape, shape.clip_rect, (typed, window), &mut texts);
    }
    texts
}

/// The current texts of a window.
pub(super) fn texts_of(window: &Window, screen: Rect) -> Vec<Text> {
    // Text longer than its field scrolls within it.
    let typed: Vec<String> = [Role::TextInput, Role::MultilineTextInput]
        .into_iter()
        .flat_map(|role| window.nodes(role))
        .filter_map(|node| node.accesskit_node().value())
        .collect();
    texts(&window.harness.output().shapes, &typed, screen)
}

/// Whether a window draws this text as a whole line or paragraph, in a tooltip for example.
pub(super) fn draws_whole(window: &Window, text: &str) -> bool {
    fn has(shape: &Shape, text: &str) -> bool {
        match shape {
            Shape::Vec(shapes) => shapes.iter().any(|shape| has(shape, text)),
            Shape::Text(TextShape { galley, .. }) => !galley.elided && galley.job.text.contains(text),
            _ => false,
        }
    }
    window.harness.output().shapes.iter().any(|shape| has(&shape.shape, text))
}

/// The handles of vertical scroll bars.
pub(super) fn scroll_bars(window: &Window) -> Vec<Rect> {
    fn add(shape: &Shape, clip: Rect, bars: &mut Vec<Rect>) {
        match shape {
            Shape::Vec(shapes) => shapes.iter().for_each(|shape| add(shape, clip, bars)),
            Shape::Rect(rect)
                if rect.rect.width() <= 8.0
                    && rect.rect.height() >= 12.0
                    && rect.corner_radius.nw >= 2
                    && rect.fill.a() > 0 =>
            {
                bars.push(rect.rect.intersect(clip));
            }
            _ => {}
        }
    }
    let mut bars = Vec::new();
    for shape in &window.harness.output().shapes {
        add(&shape.shape, shape.clip_rect, &mut bars);
    }
    bars
}
