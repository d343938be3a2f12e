//! Draws egui's triangles into an image, without a graphics card: the same image on each machine, whatever its driver.
//!
//! It does what egui's own shader does (textures sampled between their pixels, colours multiplied and blended in gamma
//! space with premultiplied alpha), with one sample in the middle of each pixel.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "pixels of a window are few, and whether a pixel is on an edge is meant to the last digit"
)]

use std::collections::HashMap;

use egui::epaint::{ClippedPrimitive, ImageData, Primitive, Vertex, WHITE_UV};
use egui::{Color32, ColorImage, Mesh, Pos2, Rect, TextureId, TexturesDelta};
use egui_kittest::TestRenderer;

use super::fakes::Shared;

/// Only records the texture changes; they are combined when an image is drawn.
impl TestRenderer for Shared<TexturesDelta> {
    fn handle_delta(&mut self, delta: &mut TexturesDelta) {
        self.with(|all| all.append(std::mem::take(delta)));
    }
}

/// An image of opaque pixels, row by row from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<Color32>,
}

impl Picture {
    /// Draws tessellated shapes for a window of this size, at one pixel per point.
    pub(crate) fn draw(size: egui::Vec2, textures: &TexturesDelta, shapes: &[ClippedPrimitive]) -> Self {
        let (width, height) = (size.x.round() as usize, size.y.round() as usize);
        let mut picture = Self { width, height, pixels: vec![Color32::BLACK; width * height] };
        let textures: HashMap<TextureId, ColorImage> =
            textures.set.iter().map(|(id, deltas)| (*id, put_together(deltas))).collect();
        for shape in shapes {
            match &shape.primitive {
                Primitive::Mesh(mesh) => {
                    let texture = textures.get(&mesh.texture_id).expect("a texture that was never set");
                    picture.mesh(mesh, shape.clip_rect, texture);
                }
                Primitive::Callback(_) => panic!("the window paints with egui's shapes alone"),
            }
        }
        picture
    }

    fn mesh(&mut self, mesh: &Mesh, clip: Rect, texture: &ColorImage) {
        let clip = Clip {
            left: whole(clip.left().round(), self.width),
            right: whole(clip.right().round(), self.width),
            top: whole(clip.top().round(), self.height),
            bottom: whole(clip.bottom().round(), self.height),
        };
        for corners in mesh.triangles() {
            let corners = corners.map(|index| mesh.vertices.get(index as usize).copied().expect("a valid mesh"));
            if let Some(triangle) = Triangle::new(corners) {
                self.triangle(&triangle, &clip, texture);
            }
        }
    }

    fn triangle(&mut self, triangle: &Triangle, clip: &Clip, texture: &ColorImage) {
        let (left, right, top, bottom) = triangle.bounds();
        let rows = whole(top.floor(), self.height).max(clip.top)..whole(bottom.ceil(), self.height).min(clip.bottom);
        let flat = triangle.flat(texture);
        for y in rows {
            let (from, to) = triangle.span(y, left, right);
            let columns = whole(from, self.width).max(clip.left)..whole(to, self.width).min(clip.right);
            for x in columns {
                let Some(weights) = triangle.weights(x, y) else { continue };
                let source = flat.unwrap_or_else(|| triangle.colour(weights, texture));
                if let Some(pixel) = self.pixels.get_mut(y * self.width + x) {
                    *pixel = over(*pixel, source);
                }
            }
        }
    }
}

/// The pixels that may be drawn.
struct Clip {
    left: usize,
    right: usize,
    top: usize,
    bottom: usize,
}

/// Premultiplied red, green, blue and alpha, from 0 to 1.
type Rgba = [f32; 4];

/// A triangle whose corners run clockwise on the screen.
struct Triangle {
    corners: [Vertex; 3],
    /// Twice its area.
    area: f32,
}

impl Triangle {
    /// `None` if it has no area.
    fn new([a, b, c]: [Vertex; 3]) -> Option<Self> {
        let area = side(a.pos, b.pos, c.pos);
        if area > 0.0 {
            Some(Self { corners: [a, b, c], area })
        } else {
            (area < 0.0).then_some(Self { corners: [a, c, b], area: -area })
        }
    }

    fn bounds(&self) -> (f32, f32, f32, f32) {
        let [a, b, c] = self.corners.map(|corner| corner.pos);
        (a.x.min(b.x).min(c.x), a.x.max(b.x).max(c.x), a.y.min(b.y).min(c.y), a.y.max(b.y).max(c.y))
    }

    /// The columns of a row outside which no pixel belongs to the triangle: slightly more than it covers.
    fn span(&self, y: usize, left: f32, right: f32) -> (f32, f32) {
        let middle = y as f32 + 0.5;
        let (mut from, mut to) = (left, right);
        for (start, end) in self.edges() {
            let rise = end.y - start.y;
            if rise.abs() > 1e-3 {
                let crossing = start.x + (middle - start.y) / rise * (end.x - start.x);
                if rise < 0.0 { from = from.max(crossing) } else { to = to.min(crossing) }
            }
        }
        ((from - 2.0).floor(), (to + 2.0).ceil())
    }

    fn edges(&self) -> [(Pos2, Pos2); 3] {
        let [a, b, c] = self.corners.map(|corner| corner.pos);
        [(b, c), (c, a), (a, b)]
    }

    /// The weight of each corner in the middle of a pixel. A pixel on an edge belongs to the triangle on one side only.
    fn weights(&self, x: usize, y: usize) -> Option<[f32; 3]> {
        let at = Pos2::new(x as f32 + 0.5, y as f32 + 0.5);
        let mut weights = [0.0; 3];
        for (weight, (start, end)) in weights.iter_mut().zip(self.edges()) {
            *weight = side(start, end, at);
            let is_top_or_left = end.y < start.y || (end.y == start.y && end.x > start.x);
            if *weight < 0.0 || (*weight == 0.0 && !is_top_or_left) {
                return None;
            }
        }
        Some(weights.map(|weight| weight / self.area))
    }

    /// Its colour, if it has the same one everywhere.
    fn flat(&self, texture: &ColorImage) -> Option<Rgba> {
        let [a, b, c] = &self.corners;
        let one = a.color == b.color && b.color == c.color && a.uv == WHITE_UV && b.uv == WHITE_UV && c.uv == WHITE_UV;
        one.then(|| self.colour([1.0, 0.0, 0.0], texture))
    }

    fn colour(&self, weights: [f32; 3], texture: &ColorImage) -> Rgba {
        let (mut tint, mut u, mut v) = ([0.0; 4], 0.0, 0.0);
        for (corner, weight) in self.corners.iter().zip(weights) {
            for (sum, part) in tint.iter_mut().zip(parts(corner.color)) {
                *sum += part * weight;
            }
            u += corner.uv.x * weight;
            v += corner.uv.y * weight;
        }
        let texel = sample(texture, u, v);
        let mut colour = tint;
        for (part, texel) in colour.iter_mut().zip(texel) {
            *part *= texel;
        }
        colour
    }
}

/// The side of a line from `a` to `b` on which a point lies: positive to the right of it. Exact, so that the triangles on
/// both sides of a line agree to which of them a pixel belongs.
fn side(a: Pos2, b: Pos2, p: Pos2) -> f32 {
    let [a, b, p] = [a, b, p].map(|at| (f64::from(at.x), f64::from(at.y)));
    ((b.0 - a.0) * (p.1 - a.1) - (b.1 - a.1) * (p.0 - a.0)) as f32
}

fn parts(colour: Color32) -> Rgba {
    colour.to_array().map(|part| f32::from(part) / 255.0)
}

/// A texture's colour at a position, interpolated between the four nearest pixels.
fn sample(texture: &ColorImage, u: f32, v: f32) -> Rgba {
    let [width, height] = texture.size;
    let (x, y) = (u * width as f32 - 0.5, v * height as f32 - 0.5);
    let mut sum = [0.0; 4];
    for (row, part_of_row) in [(y.floor(), 1.0 - y.fract().abs()), (y.floor() + 1.0, y.fract().abs())] {
        for (column, part) in [(x.floor(), 1.0 - x.fract().abs()), (x.floor() + 1.0, x.fract().abs())] {
            let at = whole(row, height - 1) * width + whole(column, width - 1);
            let texel = texture.pixels.get(at).copied().unwrap_or_default();
            for (sum, texel) in sum.iter_mut().zip(parts(texel)) {
                *sum += texel * part * part_of_row;
            }
        }
    }
    sum
}

fn over(below: Color32, [red, green, blue, alpha]: Rgba) -> Color32 {
    let [r, g, b, _] = parts(below);
    let blended = [red + r * (1.0 - alpha), green + g * (1.0 - alpha), blue + b * (1.0 - alpha)];
    let [r, g, b] = blended.map(|part| whole((part * 255.0).round(), 255) as u8);
    Color32::from_rgba_premultiplied(r, g, b, 255)
}

/// A whole number from 0 to `most`.
fn whole(number: f32, most: usize) -> usize {
    (number.max(0.0) as usize).min(most)
}

/// A texture, built from all its changes.
fn put_together(deltas: &[egui::epaint::ImageDelta]) -> ColorImage {
    let mut texture = ColorImage::default();
    for delta in deltas {
        let ImageData::Color(image) = &delta.image;
        let Some([left, top]) = delta.pos else {
            texture = (**image).clone();
            continue;
        };
        let width = texture.size[0];
        for (row, pixels) in image.pixels.chunks_exact(image.size[0].max(1)).enumerate() {
            let start = (top + row) * width + left;
            texture.pixels.get_mut(start..start + pixels.len()).expect("a patch inside").copy_from_slice(pixels);
        }
    }
    texture
}
