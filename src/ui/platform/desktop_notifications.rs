//! Decides which desktop notifications to show for new failures and ready data while the window is unfocused. Bursts are
//! merged, and repeated notifications become rarer. Does no I/O: `notifier` shows them.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::activity::{Activities, Activity, Entry, Kind, Status};
use crate::protocol::sanitize;
use crate::ui::text::activity_label::label_of;
use crate::ui::text::cut;

use super::ports::Notification;

/// How long changes are collected before a notification.
const COLLECT_TIME: Duration = Duration::from_secs(2);
/// Minimum time between two notifications; it doubles with each while the window stays unfocused.
const MIN_PAUSE: Duration = Duration::from_secs(15);
/// Upper limit of that time.
const MAX_PAUSE: Duration = Duration::from_mins(5);
/// Maximum length of a server's text, in characters.
const MAX_LENGTH: usize = 200;

/// Which notifications the operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotificationPrefs {
    /// Notify of failures.
    pub(crate) failed: bool,
    /// Notify of ready data.
    pub(crate) ready: bool,
}

/// Failures and ready data that are not shown yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PendingNotifications {
    commands_failed: usize,
    data_failed: usize,
    ready: usize,
    /// The name of the last failure, and its reason.
    last_failed: (String, String),
    /// The name of the last data that became ready.
    last_ready: String,
}

impl PendingNotifications {
    /// Adds the changes of a batch: how many rows `failed`, and how many have data that became `ready`.
    pub(crate) fn add_batch(&mut self, activities: &Activities, entries: &[Entry], failed: usize, ready: usize) {
        let (mut failed, mut ready) = (failed, ready);
        let mut seen = HashSet::new();
        // Newest entries first.
        let (mut last_failed, mut last_ready) = (None, None);
        for entry in entries.iter().rev().filter(|entry| seen.insert(&entry.key)) {
            if failed + ready == 0 {
                break;
            }
            let Some(activity) = activities.find(&entry.key).and_then(|row| activities.get(row)) else { continue };
            match activity.status() {
                Status::Failed if failed > 0 => {
                    failed -= 1;
                    let number =
                        if activity.kind() == Kind::Data { &mut self.data_failed } else { &mut self.commands_failed };
                    *number += 1;
                    last_failed = last_failed.or_else(|| Some((name(&activity), sanitised(&activity.message()))));
                }
                Status::Ready | Status::Inline if ready > 0 => {
                    ready -= 1;
                    self.ready += 1;
                    last_ready = last_ready.or_else(|| Some(name(&activity)));
                }
                _ => {}
            }
        }
        self.last_failed = last_failed.unwrap_or_else(|| std::mem::take(&mut self.last_failed));
        self.last_ready = last_ready.unwrap_or_else(|| std::mem::take(&mut self.last_ready));
    }

    /// Adds later changes of the same profile.
    pub(crate) fn merge(&mut self, later: Self) {
        self.add(later, NotificationPrefs { failed: true, ready: true }, None);
    }

    /// Adds later changes of a profile; `whose` is its name if there are several.
    fn add(&mut self, later: Self, wanted: NotificationPrefs, profile_name: Option<&str>) {
        let of = |what: String| profile_name.map_or_else(|| what.clone(), |whose| format!("{whose}: {what}"));
        if wanted.failed && later.failed() > 0 {
            self.commands_failed += later.commands_failed;
            self.data_failed += later.data_failed;
            self.last_failed = (of(later.last_failed.0), later.last_failed.1);
        }
        if wanted.ready && later.ready > 0 {
            self.ready += later.ready;
            self.last_ready = of(later.last_ready);
        }
    }

    fn failed(&self) -> usize {
        self.commands_failed + self.data_failed
    }

    fn is_empty(&self) -> bool {
        self.failed() + self.ready == 0
    }

    /// The notifications for these changes.
    fn into_notifications(self) -> Vec<Notification> {
        let mut notifications = Vec::new();
        let (what, why) = &self.last_failed;
        match (self.commands_failed, self.data_failed) {
            (0, 0) => {}
            (1, 0) | (0, 1) => notifications.push(Notification { title: format!("Failed: {what}"), body: why.clone() }),
            (commands, data) => {
                let title = match (commands, data) {
                    (commands, 0) => format!("{commands} commands failed"),
                    (0, data) => format!("{data} data requests failed"),
                    (commands, data) => format!("{} failed", commands + data),
                };
                let end = if why.is_empty() { String::new() } else { format!(", {why}") };
                notifications.push(Notification { title, body: format!("The last: {what}{end}") });
            }
        }
        match self.ready {
            0 => {}
            1 => notifications.push(Notification { title: format!("Ready: {}", self.last_ready), body: String::new() }),
            ready => notifications.push(Notification {
                title: format!("{ready} data requests are ready"),
                body: format!("The last: {}", self.last_ready),
            }),
        }
        notifications
    }
}

/// The name of an activity for the operator.
fn name(activity: &Activity<'_>) -> String {
    let label = label_of(activity);
    if label.is_empty() { sanitised(&activity.id()) } else { sanitised(&label) }
}

fn sanitised(text: &str) -> String {
    sanitize(&cut(text, MAX_LENGTH)).into_owned()
}

/// Collects changes, and decides when they are shown.
#[derive(Debug, Default)]
pub(crate) struct Notifications {
    waiting: PendingNotifications,
    /// When the first of these changes arrived.
    since: Option<Instant>,
    /// When the last notification was shown, and the minimum time until the next.
    last_shown: Option<(Instant, Duration)>,
}

impl Notifications {
    /// The window has the focus, so nothing has to be shown.
    pub(crate) fn on_focus(&mut self) {
        *self = Self::default();
    }

    /// Takes changes that arrived while the window is unfocused.
    pub(crate) fn take(
        &mut self,
        news: PendingNotifications,
        wanted: NotificationPrefs,
        profile_name: Option<&str>,
        now: Instant,
    ) {
        self.waiting.add(news, wanted, profile_name);
        if !self.waiting.is_empty() {
            self.since = self.since.or(Some(now));
        }
    }

    /// The notifications to show now.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Notification> {
        if self.left(now).is_none_or(|left| !left.is_zero()) {
            return Vec::new();
        }
        let pause = self.last_shown.map_or(MIN_PAUSE, |(_, pause)| (pause * 2).min(MAX_PAUSE));
        self.last_shown = Some((now, pause));
        self.since = None;
        std::mem::take(&mut self.waiting).into_notifications()
    }

    /// The time until the next notification, if one is pending.
    pub(crate) fn left(&self, now: Instant) -> Option<Duration> {
        let gathered = self.since? + COLLECT_TIME;
        let due = self.last_shown.map_or(gathered, |(shown_at, pause)| gathered.max(shown_at + pause));
        Some(due.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: NotificationPrefs = NotificationPrefs { failed: true, ready: true };

    fn failed(count: usize, why: &str) -> PendingNotifications {
        PendingNotifications {
            commands_failed: count,
            last_failed: (format!("c-{count}"), why.to_owned()),
            ..PendingNotifications::default()
        }
    }

    fn ready(count: usize) -> PendingNotifications {
        PendingNotifications { ready: count, last_ready: format!("r-{count}"), ..PendingNotifications::default() }
    }

    fn texts(notifications: &[Notification]) -> Vec<(&str, &str)> {
        notifications.iter().map(|one| (one.title.as_str(), one.body.as_str())).collect()
    }

    #[expect(clippy::disallowed_methods, reason = "where the still clock of a test begins does not matter")]
    fn beginning() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_burst_is_one_notification() {
        let (mut all, now) = (Notifications::default(), beginning());
        for _ in 0..4 {
            all.take(failed(3, "no"), BOTH, None, now);
        }
        assert_eq!(all.due(now), [], "it is not gathered");
        assert_eq!(all.left(now), Some(COLLECT_TIME));
        assert_eq!(texts(&all.due(now + COLLECT_TIME)), [("12 commands failed", "The last: c-3, no")]);
        assert_eq!(all.left(now + COLLECT_TIME), None);
    }

    #[test]
    fn a_single_change_is_shown_with_its_name_and_profile() {
        let (mut all, now) = (Notifications::default(), beginning());
        all.take(failed(1, "no"), BOTH, Some("ops"), now);
        all.take(ready(1), BOTH, None, now);
        assert_eq!(texts(&all.due(now + COLLECT_TIME)), [("Failed: ops: c-1", "no"), ("Ready: r-1", "")]);
        let mixed = PendingNotifications { data_failed: 2, ..failed(1, "") };
        assert_eq!(texts(&mixed.into_notifications()), [("3 failed", "The last: c-1")]);
        assert_eq!(texts(&ready(3).into_notifications()), [("3 data requests are ready", "The last: r-3")]);
    }

    #[test]
    fn ongoing_changes_are_shown_less_and_less_often_until_the_window_has_focus() {
        let (mut all, start) = (Notifications::default(), beginning());
        let mut at = Vec::new();
        for second in 0..1_000 {
            let now = start + Duration::from_secs(second);
            all.take(failed(1, ""), BOTH, None, now);
            if !all.due(now).is_empty() {
                at.push(second);
            }
        }
        assert_eq!(at, [2, 17, 47, 107, 227, 467, 767]);
        all.on_focus();
        assert_eq!(all.left(start), None, "what was seen is told all the same");
    }

    #[test]
    fn disabled_notifications_are_not_shown() {
        let (mut all, now) = (Notifications::default(), beginning());
        all.take(failed(1, ""), NotificationPrefs { failed: false, ready: true }, None, now);
        all.take(ready(1), NotificationPrefs { failed: true, ready: false }, None, now);
        assert_eq!((all.left(now), all.due(now + COLLECT_TIME)), (None, Vec::new()));
    }
}
