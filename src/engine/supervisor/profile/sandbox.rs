//! The embedded sandbox: started on demand, signed in to like any other profile, and stored nowhere.

use secrecy::SecretString;

use crate::engine::context::internal_event::InternalEvent;
use crate::engine::context::options::{SandboxAddresses, SandboxFailure};
use crate::engine::events::action::{Credential, SignIn};
use crate::engine::events::event::Severity;
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::supervisor::Supervisor;
use crate::settings::{DownloadSettings, Profile, ProfileId};

/// The name of the sandbox's profile.
const NAME: &str = "Sandbox";

/// The sandbox's profile always has this id, so that the next run deletes what an earlier one left in the journal.
pub(crate) fn profile_id() -> ProfileId {
    ProfileId::from_u128(0x5a4d_b0c5_0000_4000_8000_0000_0000_0001)
}

impl Supervisor {
    /// Starts the sandbox, or connects to it if it is running.
    pub(crate) fn try_sandbox(&mut self) {
        if self.sandbox.is_some() {
            self.connect(profile_id());
            return;
        }
        let Some(launcher) = &self.launcher else {
            self.notify(None, Severity::Warning, NoticeReason::NoSandbox);
            return;
        };
        let starting = launcher();
        let (context, removal) = (self.context.clone(), self.removals.remove(&profile_id()));
        let task = async move {
            // A sandbox that was just removed is still leaving, and its rows are still being deleted.
            if let Some(removal) = removal
                && removal.await.is_none()
            {
                tracing::debug!("the removal of the last sandbox was cut off");
            }
            if let Err(error) = context.journal_store.delete_profile(profile_id()).await {
                tracing::warn!(%error, "activity of an earlier sandbox is still in the journal");
            }
            let started = starting.await;
            context.report(InternalEvent::Sandbox(started)).await;
        };
        self.context.spawner.spawn("starting the sandbox", task);
    }

    pub(crate) fn on_sandbox_started(&mut self, started: Result<SandboxAddresses, SandboxFailure>) {
        let SandboxAddresses { api, websocket, download, username, password, keep_alive } = match started {
            Ok(addresses) => addresses,
            Err(error) => {
                self.notify(None, Severity::Error, NoticeReason::SandboxFailed(error.to_string()));
                return;
            }
        };
        self.sandbox = Some(keep_alive);
        let profile = Profile {
            id: profile_id(),
            name: NAME.to_owned(),
            api,
            websocket,
            download,
            username,
            keep_signed_in: false,
            renew_automatically: true,
            allow_unencrypted: Vec::new(),
            saving: DownloadSettings::default(),
        };
        self.sign_in(SignIn { profile, credential: Credential::Password(SecretString::from(password)) });
    }
}
