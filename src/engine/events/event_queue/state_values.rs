//! Updates the current state: the engine's side of [`EngineStatus`](crate::engine::EngineStatus).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::engine::events::event::{DownloadProgress, WaitingDownload};
use crate::engine::events::lasting_problem::Problem;
use crate::engine::events::problem::{ProblemKind, ProblemReason};
use crate::engine::events::status::{EngineStatus, ProfileStatus};
use crate::protocol::RequestId;
use crate::settings::{ProfileId, Settings};

use super::{EventQueue, EventSender, log};

impl EventSender {
    /// Changes the current status of a profile.
    pub(crate) fn update(&self, profile: ProfileId, change: impl FnOnce(&mut ProfileStatus)) {
        self.change(|event_queue| event_queue.update(profile, change));
    }

    /// The requests whose links came in an earlier run and are still usable.
    pub(crate) fn restored_links(&self) -> BTreeSet<(ProfileId, RequestId)> {
        let event_queue = self.0.event_queue.lock();
        let profiles = event_queue.status.profiles.iter();
        profiles.flat_map(|(id, status)| status.restored_links.iter().map(|request| (*id, request.clone()))).collect()
    }

    /// Sets the current settings and the number of the newest preferences change that they include.
    pub(crate) fn set_settings(&self, settings: &Settings, change: u64) {
        self.change(|event_queue| {
            let status = &mut event_queue.status;
            let changed = status.settings.as_deref() != Some(settings) || status.preferences_change != change;
            if changed {
                status.settings = Some(Arc::new(settings.clone()));
                status.preferences_change = change;
            }
            changed
        });
        // If a profile is new in the list, its entries can be shown now.
        self.0.space.notify_waiters();
    }

    /// Sets the queued downloads.
    pub(crate) fn set_download_queue(&self, waiting: Vec<WaitingDownload>) {
        self.change(|event_queue| {
            let changed = *event_queue.status.queue != *waiting;
            if changed {
                event_queue.status.queue = waiting.into();
                event_queue.resolve_clear_blocked();
            }
            changed
        });
    }

    /// Sets the journal's size in bytes.
    pub(crate) fn set_journal_size(&self, size: u64) {
        self.change(|event_queue| event_queue.status.journal_size.replace(size) != Some(size));
    }

    /// Reports a problem. The window shows it until it is resolved or dismissed.
    pub(crate) fn report_problem(&self, profile: Option<ProfileId>, reason: ProblemReason) {
        self.change(|event_queue| {
            event_queue.problems = event_queue.problems.saturating_add(1);
            let number = event_queue.problems;
            let problems = &mut event_queue.status.problems;
            let same = problems.iter().position(|problem| is_of(problem, profile, &reason.kind()));
            let before = same.map(|at| problems.remove(at)).filter(|old| old.reason == reason);
            let times = before.map_or(0, |old| old.times).saturating_add(1);
            let problem = Problem { profile, reason, number, times };
            log(&problem.notice());
            problems.push(problem);
            true
        });
    }

    /// Removes a problem; does nothing if there is none of this kind.
    pub(crate) fn resolve_problem(&self, profile: Option<ProfileId>, kind: &ProblemKind) {
        self.change(|event_queue| {
            let problems = &mut event_queue.status.problems;
            let before = problems.len();
            problems.retain(|problem| !is_of(problem, profile, kind));
            problems.len() != before
        });
    }

    /// Shows a download until the returned value is dropped.
    pub(crate) fn show_download(&self, profile: ProfileId, request: &RequestId, file_name: String) -> ShownDownload {
        let number = {
            let mut event_queue = self.0.event_queue.lock();
            event_queue.downloads.count = event_queue.downloads.count.saturating_add(1);
            let number = event_queue.downloads.count;
            event_queue.downloads.owners.insert((profile, request.clone()), number);
            number
        };
        let shown = ShownDownload { event_sender: self.clone(), profile, request: request.clone(), number };
        shown.update(DownloadProgress { file_name, ..DownloadProgress::default() });
        shown
    }

    /// Applies `change`, and wakes the window if it returns `true`.
    fn change(&self, change: impl FnOnce(&mut EventQueue) -> bool) {
        let changed = {
            let mut event_queue = self.0.event_queue.lock();
            let changed = change(&mut event_queue);
            if changed {
                self.0.revision.fetch_add(1, Ordering::SeqCst);
            }
            changed
        };
        if changed {
            self.0.wake();
        }
    }

    /// Removes all state of a profile that was removed.
    pub(crate) fn remove(&self, profile: ProfileId) {
        self.change(|event_queue| {
            event_queue.drop_profile(profile);
            let problems = event_queue.status.problems.len();
            event_queue.status.problems.retain(|problem| problem.profile != Some(profile));
            event_queue.status.profiles.remove(&profile).is_some() || event_queue.status.problems.len() != problems
        });
    }
}

/// A download that is shown as long as this value lives, so that it leaves the screen however it ends, even by a panic.
#[derive(Debug)]
pub(crate) struct ShownDownload {
    event_sender: EventSender,
    profile: ProfileId,
    request: RequestId,
    /// Tells several downloads of one request apart: only the newest is shown.
    number: u64,
}

impl ShownDownload {
    /// Updates the progress that is shown.
    pub(crate) fn update(&self, progress: DownloadProgress) {
        self.event_sender.change(|event_queue| {
            let key = (self.profile, self.request.clone());
            event_queue.downloads.owners.get(&key) == Some(&self.number)
                && event_queue.update(self.profile, |status| _ = status.downloads.insert(key.1, progress))
        });
    }
}

impl Drop for ShownDownload {
    fn drop(&mut self) {
        self.event_sender.change(|event_queue| {
            let key = (self.profile, self.request.clone());
            if event_queue.downloads.owners.get(&key) != Some(&self.number) {
                return false;
            }
            event_queue.downloads.owners.remove(&key);
            let late = ProblemKind::LateDownload(self.request.clone());
            event_queue.status.problems.retain(|problem| !is_of(problem, Some(self.profile), &late));
            let changed = event_queue.update(self.profile, |status| _ = status.downloads.remove(&self.request));
            event_queue.resolve_clear_blocked();
            changed
        });
    }
}

impl EventQueue {
    /// Removes the problem that saving blocks clearing the history, for profiles that no longer save anything.
    fn resolve_clear_blocked(&mut self) {
        let EngineStatus { problems, profiles, queue, .. } = &mut self.status;
        let is_saving = |profile: &ProfileId| {
            profiles.get(profile).is_some_and(|status| !status.downloads.is_empty())
                || queue.iter().any(|waiting| waiting.profile == *profile)
        };
        problems.retain(|problem| {
            problem.kind() != ProblemKind::ClearBlocked || problem.profile.as_ref().is_some_and(is_saving)
        });
    }

    /// Changes the current status of a profile; returns whether it differs now.
    fn update(&mut self, profile: ProfileId, change: impl FnOnce(&mut ProfileStatus)) -> bool {
        let known = self.status.profiles.entry(profile).or_default();
        let mut new = ProfileStatus::clone(known);
        change(&mut new);
        let changed = **known != new;
        if changed {
            #[cfg(test)]
            self.history.push_back(new.clone());
            *known = Arc::new(new);
        }
        changed
    }
}

fn is_of(problem: &Problem, profile: Option<ProfileId>, kind: &ProblemKind) -> bool {
    problem.profile == profile && problem.kind() == *kind
}
