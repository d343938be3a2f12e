//! The secrets in the messages: masked until the operator asks for them, and again once these details change.

use egui::{Id, Rect, Ui, pos2};
use memchr::memmem;

use crate::activity::{Entry, Seq};
use crate::engine::Action;
use crate::protocol::Original;
use crate::protocol::mask::HIDDEN;
use crate::settings::ProfileId;
use crate::ui::icons;
use crate::ui::scene::{Scene, Wish};
use crate::ui::widgets::Press;

use super::Details;

/// Whether they are shown.
#[derive(Debug, Default)]
pub(super) enum Secrets {
    /// As they are kept: masked.
    #[default]
    Masked,
    /// The engine has been asked for them.
    Asked,
    /// As they came: the messages of which they are still kept. Wiped when dropped.
    Shown(Vec<(Seq, Original)>),
}

impl Secrets {
    /// The message of an entry as it came, where it is shown so.
    pub(super) fn of(&self, seq: Seq) -> Option<&Original> {
        let Self::Shown(messages) = self else { return None };
        messages.iter().find(|(of, _)| *of == seq).map(|(_, message)| message)
    }

    /// Whether they are shown, as far as they are kept.
    pub(super) fn are_shown(&self) -> bool {
        matches!(self, Self::Shown(_))
    }
}

/// Whether something in a message is masked.
pub(super) fn is_masked(raw: &str) -> bool {
    let raw = raw.as_bytes();
    let byte = |at: Option<usize>| at.and_then(|at| raw.get(at));
    memmem::find_iter(raw, HIDDEN).any(|at| match byte(at.checked_sub(1)) {
        Some(b'=') => true,
        Some(b'"') => byte(Some(at + HIDDEN.len())) == Some(&b'"'),
        _ => false,
    })
}

/// Whether something in one of these is masked.
pub(super) fn any_masked(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| is_masked(&entry.raw))
}

/// Draws the button that shows them, at the right end of a pane's head, where there are some.
pub(super) fn button(ui: &mut Ui, pane: Rect, details: &mut Details, profile: ProfileId, scene: &mut Scene) {
    if !details.masked {
        return;
    }
    let shown = details.secrets.are_shown();
    let (icon, words) = if shown { (icons::EYE_OFF, "Hide secrets") } else { (icons::EYE, "Show secrets") };
    let press = Press::new(words).icon(icon).icon_size(14.0).height(20.0).padding(6.0).salt(Id::unique("secrets"));
    let at = pos2(pane.right() - 8.0 - press.width(ui), pane.top() + 14.0);
    if !press.at(ui, at).clicked() {
        return;
    }
    if shown {
        details.hide_secrets();
    } else if let (Some(first), Some(last)) = (details.entries.first(), details.entries.last()) {
        details.secrets = Secrets::Asked;
        let (from, to) = (first.seq, last.seq);
        scene.wish(Wish::Send(Action::Reveal { profile, key: details.key.clone(), from, to }));
    }
}
