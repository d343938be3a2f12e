//! The connection to the session bus, over which the window reaches the desktop's notifications and settings. Callers
//! use it in threads of their own, so that a desktop that does not respond blocks nothing else.

/// How long the desktop may take to respond.
#[cfg(all(unix, not(target_os = "macos")))]
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// Connects to the session bus.
#[cfg(all(unix, not(target_os = "macos")))]
pub(crate) fn bus() -> zbus::Result<zbus::blocking::Connection> {
    zbus::blocking::connection::Builder::session()?.method_timeout(TIMEOUT).build()
}
