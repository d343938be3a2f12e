//! What the window asks of the desktop beside its frame: a display, files, notifications, and whether it wants motion. Each is asked in a thread of its
//! own, so that a desktop that does not answer holds up nothing.

/// How long the desktop may take to answer.
#[cfg(all(unix, not(target_os = "macos")))]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// The session bus.
#[cfg(all(unix, not(target_os = "macos")))]
pub(crate) fn bus() -> zbus::Result<zbus::blocking::Connection> {
    zbus::blocking::connection::Builder::session()?.method_timeout(PATIENCE).build()
}
