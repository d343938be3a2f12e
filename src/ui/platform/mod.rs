//! What the window needs from the system: traits in `ports`, and their implementations.

pub(crate) mod clipboard;
pub(crate) mod desktop_notifications;
pub(crate) mod display;
pub(crate) mod file_dialogs;
pub(crate) mod notifier;
#[cfg(all(unix, not(target_os = "macos")))]
pub(crate) mod portal;
pub(crate) mod ports;
pub(crate) mod reduced_motion;
pub(crate) mod session_bus;
pub(crate) mod system_dialogs;
