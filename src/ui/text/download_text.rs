//! Texts about downloads and saved files, shared by the rows, the download lines and the details.

use std::borrow::Cow;
use std::time::Duration;

use crate::engine::DownloadProgress;
use crate::protocol::sanitize;

use super::{bytes, coarse, seconds_left};

/// The downloaded fraction, if the total size is known.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a share to be drawn")]
pub(crate) fn fraction(progress: &DownloadProgress) -> Option<f32> {
    let total = progress.total.filter(|&total| total > 0)?;
    Some((progress.received as f64 / total as f64).clamp(0.0, 1.0) as f32)
}

/// `18 MB of 29 MB`, or `18 MB` if the total size is unknown.
pub(crate) fn amount(progress: &DownloadProgress) -> String {
    match progress.total {
        Some(total) => format!("{} of {}", bytes(progress.received), bytes(total)),
        None => bytes(progress.received),
    }
}

/// `34 s left`, if the remaining time is known.
pub(crate) fn left(progress: &DownloadProgress) -> Option<String> {
    // Seconds are rounded up, so that `0 s` is never shown while something remains.
    let left = progress.left.map(|left| Duration::from_secs(seconds_left(left)))?;
    Some(format!("{} left", coarse(left)))
}

/// The position of a download in the queue, from 1.
pub(crate) fn in_line(place: usize) -> String {
    if place == 1 { "Waits, next in line".to_owned() } else { format!("Waits, number {place} in line") }
}

/// The last part of a path, with either kind of separator, for display.
pub(crate) fn file_name(path: &str) -> Cow<'_, str> {
    sanitize(path.rsplit(['/', '\\']).next().unwrap_or(path))
}
