//! The approved snapshots, and the differences from them. They are in `tests/ui/snapshots`; the newly drawn image is
//! written to the target folder, beside an image of the difference.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test --test ui snapshots` redraws them. Look at each changed one before you commit it.

#![expect(clippy::disallowed_methods, reason = "half a picture does no harm in a test: the next run replaces it")]

use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use egui::Color32;

use super::software_renderer::Picture;

/// The allowed deviation per colour channel. The last digits of a number differ between processors; visible differences are
/// far larger.
const TOLERANCE: u8 = 12;

/// The number of pixels that differ between two images, and an image of them: differences in red over the faded rest.
fn difference(old: &Picture, new: &Picture) -> (usize, Picture) {
    let mut different = 0;
    let mut shown = new.clone();
    for (index, pixel) in shown.pixels.iter_mut().enumerate() {
        let before = old.pixels.get(index).copied().filter(|_| (old.width, old.height) == (new.width, new.height));
        let same = before.is_some_and(|before| {
            before.to_array().into_iter().zip(pixel.to_array()).all(|(one, other)| one.abs_diff(other) <= TOLERANCE)
        });
        different += usize::from(!same);
        *pixel = if same { pixel.gamma_multiply(0.25).to_opaque() } else { Color32::RED };
    }
    (different, shown)
}

/// Compares an image with the stored one. Returns a sentence about the difference, if any.
pub(super) fn wrong(name: &str, drawn: &Picture) -> Option<String> {
    let stored = folder().join(format!("{name}.png"));
    let before = stored.exists().then(|| read(&stored));
    let (different, shown) = match &before {
        Some(before) => difference(before, drawn),
        None => (drawn.pixels.len(), drawn.clone()),
    };
    if different == 0 {
        return None;
    }
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some_and(|value| value == "1") {
        write(&stored, drawn);
        return None;
    }
    let results = Path::new(env!("CARGO_TARGET_TMPDIR")).join("snapshots");
    fs::create_dir_all(&results).expect("the target folder can be written");
    let (new, diff) = (results.join(format!("{name}.png")), results.join(format!("{name}-difference.png")));
    write(&new, drawn);
    write(&diff, &shown);
    let what = if before.is_some() { format!("{different} pixels differ from") } else { "there is no".to_owned() };
    Some(format!("{what} {}\n  drawn: {}\n  difference: {}", stored.display(), new.display(), diff.display()))
}

/// The names of all stored snapshots.
pub(super) fn names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder())
        .expect("the folder of the snapshots")
        .map(|entry| entry.expect("a file").path())
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    names
}

/// The size of all stored snapshots, in bytes.
pub(super) fn size() -> u64 {
    let files = fs::read_dir(folder()).expect("the folder of the snapshots");
    files.map(|file| file.and_then(|file| file.metadata()).expect("a file").len()).sum()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui/snapshots")
}

fn write(path: &Path, picture: &Picture) {
    let file = BufWriter::new(File::create(path).expect("a picture can be written"));
    let size = [picture.width, picture.height].map(|side| u32::try_from(side).expect("a small picture"));
    let mut encoder = png::Encoder::new(file, size[0], size[1]);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::High);
    let bytes: Vec<u8> = picture.pixels.iter().flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()]).collect();
    let mut writer = encoder.write_header().expect("a picture can be written");
    writer.write_image_data(&bytes).expect("a picture can be written");
    writer.finish().expect("a picture can be written");
}

fn read(path: &Path) -> Picture {
    let file = BufReader::new(File::open(path).expect("a stored picture can be read"));
    let mut reader = png::Decoder::new(file).read_info().expect("a stored picture is a PNG");
    let mut bytes = vec![0; reader.output_buffer_size().expect("a small picture")];
    let info = reader.next_frame(&mut bytes).expect("a stored picture is whole");
    assert_eq!(info.color_type, png::ColorType::Rgb, "{} was not written by this test", path.display());
    let (parts, _) = bytes.as_chunks::<3>();
    let pixels = parts.iter().map(|&[red, green, blue]| Color32::from_rgba_premultiplied(red, green, blue, 255));
    Picture { width: info.width as usize, height: info.height as usize, pixels: pixels.collect() }
}

#[test]
fn a_line_that_moved_by_one_pixel_differs_and_a_last_digit_does_not() {
    let line = |at: usize, ink: u8| {
        let pixel =
            |index: usize| Color32::from_rgba_premultiplied(if index / 8 == at { ink } else { 20 }, 20, 20, 255);
        Picture { width: 8, height: 8, pixels: (0..64).map(pixel).collect() }
    };
    assert_eq!(difference(&line(3, 200), &line(4, 200)).0, 16);
    assert_eq!(difference(&line(3, 200), &line(3, 203)).0, 0);
    let wider = Picture { width: 16, height: 4, pixels: line(3, 200).pixels };
    assert_eq!(difference(&line(3, 200), &wider).0, 64, "another size is another picture");
}
