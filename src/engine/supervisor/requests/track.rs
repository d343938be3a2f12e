//! Tracks commands before their first message, at the request of the window or of another process.

use tokio::sync::oneshot;

use crate::engine::events::event::Severity;
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::events::track_request::{self, IncomingRequest, TrackError, TrackRequest};
use crate::engine::supervisor::Supervisor;
use crate::protocol::CommandId;
use crate::settings::ProfileId;

impl Supervisor {
    /// Tracks commands from now on.
    pub(crate) fn track(&self, profile: ProfileId, commands: &[CommandId], label: Option<&str>) {
        let Some(profile_state) = self.profile_states.get(&profile) else { return };
        let entries = track_request::entries(commands.iter().map(|id| (id, label)), (self.context.clock)());
        if entries.is_empty() {
            return self.notify(Some(profile), Severity::Warning, NoticeReason::NothingToTrack);
        }
        profile_state.record(entries);
    }

    /// Tracks commands for another process, and responds once that is durable.
    pub(crate) fn on_track_request(&self, asked: IncomingRequest) {
        let IncomingRequest { tracking, reply } = asked;
        let (context, journal_writer) = match self.profile_to_track(&tracking) {
            Ok(profile) => match self.profile_states.get(&profile) {
                Some(profile_state) => (profile_state.context.clone(), profile_state.journal_writer.clone()),
                None => return send_reply(reply, Err(TrackError::BeingRemoved)),
            },
            Err(why) => return send_reply(reply, Err(why)),
        };
        let count = tracking.len();
        let entries = tracking.into_entries((self.context.clock)());
        let task = async move {
            // Without a response, the other process finds that this program is stopping, and asks again.
            if journal_writer.record_all(entries).await.is_ok() {
                send_reply(reply, Ok(count));
            }
        };
        context.spawner.spawn_to_completion("tracking commands", task);
    }

    /// The profile that a request refers to.
    fn profile_to_track(&self, tracking: &TrackRequest) -> Result<ProfileId, TrackError> {
        let mut found = self
            .profile_states
            .iter()
            .filter(|(_, profile_state)| {
                tracking.profile.as_ref().is_none_or(|name| profile_state.profile.name == *name)
            })
            .map(|(id, _)| *id);
        match (found.next(), found.next(), &tracking.profile) {
            (Some(profile), None, _) => Ok(profile),
            (None, _, Some(name)) => Err(TrackError::NoSuchProfile(name.clone())),
            (None, _, None) => Err(TrackError::NoProfile),
            (Some(_), Some(_), Some(name)) => Err(TrackError::AmbiguousName(name.clone())),
            (Some(_), Some(_), None) => Err(TrackError::SeveralProfiles),
        }
    }
}

fn send_reply(reply: oneshot::Sender<Result<usize, TrackError>>, done: Result<usize, TrackError>) {
    if reply.send(done).is_err() {
        tracing::debug!("the process that asked has gone");
    }
}
