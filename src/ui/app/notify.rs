//! Shows desktop notifications while the window is unfocused.

use egui::Context;

use crate::protocol::sanitize;
use crate::ui::platform::desktop_notifications::NotificationPrefs;

use super::App;

impl App {
    /// Shows the notifications that are due. Also runs while the window is hidden.
    pub(crate) fn notify(&mut self, ctx: &Context) {
        let now = self.dependencies.clock.instant();
        let preferences = self.settings.as_ref().map(|settings| &settings.preferences);
        let wanted = preferences.map_or(NotificationPrefs { failed: false, ready: false }, |preferences| {
            NotificationPrefs { failed: preferences.notify_failed, ready: preferences.notify_ready }
        });
        // If the system does not report the focus, the window counts as focused, because a notification would repeat what is
        // already seen.
        let looked_at = ctx.input(|input| input.viewport().focused).unwrap_or(true);
        let several = self.profiles() > 1;
        for profile_tab in self.profile_tabs.iter_mut().filter(|profile_tab| !profile_tab.is_all()) {
            let news = profile_tab.take_pending_notifications();
            if !looked_at {
                // With several profiles, the notification names the profile.
                let profile_name = several.then(|| sanitize(&profile_tab.profile.name).into_owned());
                self.notifications.take(news, wanted, profile_name.as_deref(), now);
            }
        }
        if looked_at {
            self.notifications.on_focus();
            return;
        }
        for notification in self.notifications.due(now) {
            self.dependencies.notifier.show(notification);
        }
        if let Some(left) = self.notifications.left(now) {
            ctx.request_repaint_after(left);
        }
    }
}
