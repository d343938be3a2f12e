//! Asks whether the desktop wants reduced motion. On Linux the portal reports it. macOS and Windows are not asked; there the
//! setting `Reduce motion` is used.

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

#[cfg(all(unix, not(target_os = "macos")))]
use portal::is_wanted;

/// How long the window waits for the response before it opens. The query starts before the engine.
const TIMEOUT: Duration = Duration::from_millis(300);

/// A query in progress whether the system wants reduced motion.
#[derive(Debug)]
pub struct ReducedMotionQuery(Receiver<bool>);

impl ReducedMotionQuery {
    /// Starts the query in its own thread.
    pub fn start() -> Self {
        let (sender, answer) = sync_channel(1);
        let ask = move || {
            let wanted = is_wanted();
            // The window may have stopped waiting.
            let _too_late = sender.try_send(wanted);
        };
        if let Err(error) = std::thread::Builder::new().name("desktop settings".to_owned()).spawn(ask) {
            tracing::warn!(%error, "the desktop was not asked for its settings");
        }
        Self(answer)
    }

    /// Whether the desktop wants reduced motion; `false` if it does not respond in time.
    pub fn is_requested(&self) -> bool {
        self.0.recv_timeout(TIMEOUT).unwrap_or(false)
    }
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn is_wanted() -> bool {
    false
}

/// Reads the settings of the desktop's portal.
#[cfg(all(unix, not(target_os = "macos")))]
mod portal {
    use std::collections::HashMap;

    use zbus::blocking::Connection;
    use zbus::zvariant::OwnedValue;

    /// The namespace that all desktops share.
    const APPEARANCE: &str = "org.freedesktop.appearance";
    /// GNOME's older namespace, which GTK's portal passes on.
    const GNOME: &str = "org.gnome.desktop.interface";

    /// Values by namespace and name.
    type Settings = HashMap<String, HashMap<String, OwnedValue>>;

    pub(crate) fn is_wanted() -> bool {
        match crate::ui::platform::session_bus::bus().and_then(|bus| settings(&bus)) {
            Ok(settings) => requests_reduced_motion(&settings),
            Err(error) => {
                tracing::debug!(%error, "the desktop does not say whether it wants motion");
                false
            }
        }
    }

    /// Calls `ReadAll` of the portal's settings.
    fn settings(bus: &Connection) -> zbus::Result<Settings> {
        let answer = bus.call_method(
            Some("org.freedesktop.portal.Desktop"),
            "/org/freedesktop/portal/desktop",
            Some("org.freedesktop.portal.Settings"),
            "ReadAll",
            &(vec![APPEARANCE, GNOME],),
        )?;
        answer.body().deserialize()
    }

    fn requests_reduced_motion(settings: &Settings) -> bool {
        let setting = |space: &str, name: &str| settings.get(space).and_then(|space| space.get(name));
        let reduced = setting(APPEARANCE, "reduced-motion").and_then(|value| value.downcast_ref::<u32>().ok());
        let animated = setting(GNOME, "enable-animations").and_then(|value| value.downcast_ref::<bool>().ok());
        reduced == Some(1) || animated == Some(false)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn with(space: &str, name: &str, value: impl Into<OwnedValue>) -> Settings {
            HashMap::from([(space.to_owned(), HashMap::from([(name.to_owned(), value.into())]))])
        }

        #[test]
        fn either_setting_requests_it_and_no_answer_does_not() {
            for (settings, wanted) in [
                (Settings::new(), false),
                (with(APPEARANCE, "reduced-motion", 1_u32), true),
                (with(APPEARANCE, "reduced-motion", 0_u32), false),
                (with(GNOME, "enable-animations", false), true),
                (with(GNOME, "enable-animations", true), false),
                (with(GNOME, "enable-animations", 0_u32), false),
                (with(APPEARANCE, "color-scheme", 1_u32), false),
            ] {
                assert_eq!(requests_reduced_motion(&settings), wanted, "{settings:?}");
            }
        }
    }
}
