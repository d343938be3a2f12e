//! The secrets in the messages: masked until the operator shows them, and masked again once the details change.

use egui::{Id, Rect, Ui, pos2};

use crate::engine::Action;
use crate::settings::ProfileId;
use crate::ui::frame::commands::UiCommand;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::view_state::details::{Details, Secrets};
use crate::ui::widgets::Button;

impl Details {
    /// Why the secrets can't be shown, as a sentence; `None` if they can.
    pub(crate) fn why_not_show(&self) -> Option<&'static str> {
        match self.secrets {
            _ if !self.masked => Some("Nothing in these messages is masked."),
            // A reply may be lost, so asking again is possible.
            Secrets::Masked | Secrets::Requested => None,
            Secrets::Shown(_) => Some("They are shown."),
        }
    }

    /// Why there is nothing to hide, as a sentence; `None` if there is.
    pub(crate) fn why_not_hide(&self) -> Option<&'static str> {
        (!self.secrets.are_shown()).then_some("No secrets are shown.")
    }

    /// The action that reads the secrets; `None` if there is no message yet.
    pub(crate) fn request_secrets(&mut self, profile: ProfileId) -> Option<Action> {
        let (from, to) = (self.entries.first()?.seq, self.entries.last()?.seq);
        self.secrets = Secrets::Requested;
        Some(Action::Reveal { profile, key: self.key.clone(), from, to })
    }
}

/// Draws the button that shows or hides secrets, at the right end of a pane's head, if there are any.
pub(crate) fn button(ui: &mut Ui, pane: Rect, details: &Details, frame: &mut FrameContext) {
    if !details.masked {
        return;
    }
    let command = if details.secrets.are_shown() { UiCommand::HideSecrets } else { UiCommand::ShowSecrets };
    let words = command.words();
    let press =
        Button::new(&words).icon(command.icon()).icon_size(14.0).height(20.0).padding(6.0).salt(Id::unique("secrets"));
    let at = pos2(pane.right() - 8.0 - press.width(ui), pane.top() + 14.0);
    if press.at(ui, at).clicked() {
        frame.request(UiRequest::Run(command));
    }
}
