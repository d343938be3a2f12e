//! Shows desktop notifications: over the session bus on Linux, with the system's own service elsewhere.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::ports::{Notification, Notifier};

/// Maximum queue length. Notifications arrive seconds apart, so a full queue means that the desktop does not respond; more are
/// dropped.
const QUEUE: usize = 4;

/// Sends notifications to the thread that shows them.
pub(crate) struct SystemNotifier(SyncSender<Notification>);

impl SystemNotifier {
    /// Starts the thread, which ends when the value is dropped.
    pub(crate) fn start() -> Self {
        let (sender, receiver) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new().name("notifications".to_owned()).spawn(move || run(&receiver));
        if let Err(error) = thread {
            tracing::warn!(%error, "nothing is notified: the thread for it could not be started");
        }
        Self(sender)
    }
}

impl Notifier for SystemNotifier {
    fn show(&mut self, notification: Notification) {
        if self.0.try_send(notification).is_err() {
            tracing::debug!("a notification was dropped: the desktop does not answer");
        }
    }
}

fn run(receiver: &Receiver<Notification>) {
    let mut desktop = Desktop::default();
    for notification in receiver {
        if let Err(error) = desktop.show(&notification) {
            tracing::debug!(%error, "the desktop shows no notification");
        }
    }
}

/// The connection to the desktop's notification service.
#[cfg(all(unix, not(target_os = "macos")))]
#[derive(Default)]
struct Desktop(Option<zbus::blocking::Connection>);

#[cfg(all(unix, not(target_os = "macos")))]
impl Desktop {
    fn show(&mut self, notification: &Notification) -> zbus::Result<()> {
        let bus = match self.0.take() {
            Some(bus) => bus,
            None => super::session_bus::bus()?,
        };
        notify(&bus, notification)?;
        // A failed connection is not used again.
        self.0 = Some(bus);
        Ok(())
    }
}

/// Calls `Notify` of the Desktop Notifications Specification 1.2.
#[cfg(all(unix, not(target_os = "macos")))]
fn notify(bus: &zbus::blocking::Connection, notification: &Notification) -> zbus::Result<()> {
    use zbus::zvariant::Value;

    const SERVICE: &str = "org.freedesktop.Notifications";
    let hints = std::collections::HashMap::from([("desktop-entry", Value::from("privicore-monitor"))]);
    let (replaces, icon, actions, expires) = (0_u32, "privicore-monitor", Vec::<&str>::new(), -1_i32);
    let body = without_markup(&notification.body);
    let arguments =
        ("Privicore Monitor", replaces, icon, notification.title.as_str(), body.as_str(), actions, hints, expires);
    bus.call_method(Some(SERVICE), "/org/freedesktop/Notifications", Some(SERVICE), "Notify", &arguments)?;
    Ok(())
}

/// Escapes the text, because many desktops read the body as markup and a server's text must not become markup.
#[cfg(all(unix, not(target_os = "macos")))]
fn without_markup(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The system's own notification service.
#[cfg(any(windows, target_os = "macos"))]
#[derive(Default)]
struct Desktop;

#[cfg(any(windows, target_os = "macos"))]
impl Desktop {
    #[expect(clippy::unused_self, reason = "as it is elsewhere, where there is a connection")]
    fn show(&mut self, notification: &Notification) -> Result<(), notify_rust::error::Error> {
        let mut shown = notify_rust::Notification::new();
        shown
            .appname("Privicore Monitor")
            .summary(&notification.title)
            .body(&notification.body)
            .show()
            .map(|_handle| ())
    }
}

#[cfg(all(test, unix, not(target_os = "macos")))]
mod tests {
    use super::*;

    #[test]
    fn a_servers_text_is_no_markup() {
        assert_eq!(without_markup("<b>no</b> & \"no\" &lt;"), "&lt;b&gt;no&lt;/b&gt; &amp; \"no\" &amp;lt;");
    }
}
