//! Commands: what a write started, and its outcome.

use serde_json::Value;

use crate::protocol::CommandId;

use super::bounded_map::BoundedMap;
use super::profiles::ProfileId;

/// How many commands are remembered; older ones are unknown to `request-status`.
const REMEMBERED: usize = 50_000;

/// A command's status, as the number in `command_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommandStatus {
    /// 1: in flight.
    Pending,
    /// 2: done.
    Succeeded,
    /// 3: failed or rejected; the body is the reason.
    Failed,
}

impl CommandStatus {
    /// The status with this number on the wire.
    pub(crate) fn of_number(number: i64) -> Option<Self> {
        [Self::Pending, Self::Succeeded, Self::Failed].into_iter().find(|status| i64::from(status.number()) == number)
    }

    /// The number on the wire.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Pending => 1,
            Self::Succeeded => 2,
            Self::Failed => 3,
        }
    }

    /// The word with which live servers answer a status check.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pending => "started",
            Self::Succeeded => "succeeded",
            Self::Failed => "rejected",
        }
    }
}

#[derive(Clone)]
pub(crate) struct Command {
    /// The owner. A profile that is being registered has no token yet, so its commands have no owner, and anyone who knows
    /// the id may check them.
    pub(crate) owner: Option<ProfileId>,
    pub(crate) status: CommandStatus,
    /// The body of the outcome.
    pub(crate) body: Value,
}

/// The commands of all profiles.
#[derive(Clone, Default)]
pub(crate) struct Commands(BoundedMap<CommandId, Command, REMEMBERED>);

impl Commands {
    /// Records a command that has just started.
    pub(crate) fn start(&mut self, id: CommandId, owner: Option<ProfileId>) {
        self.0.insert(id, Command { owner, status: CommandStatus::Pending, body: Value::Null });
    }

    /// Records a command's outcome.
    pub(crate) fn settle(&mut self, id: &CommandId, status: CommandStatus, body: Value) {
        if let Some(command) = self.0.get_mut(id) {
            command.status = status;
            command.body = body;
        }
    }

    /// A command, for someone who proves by its id to be allowed to see it.
    pub(crate) fn get(&self, id: &CommandId) -> Option<&Command> {
        self.0.get(id)
    }

    /// Sets a command that may be known already.
    pub(crate) fn set(&mut self, id: &CommandId, owner: &ProfileId, status: CommandStatus, body: Value) {
        let command = Command { owner: Some(owner.clone()), status, body };
        match self.0.get_mut(id) {
            Some(known) => *known = command,
            None => self.0.insert(id.clone(), command),
        }
    }

    /// Forgets a command.
    pub(crate) fn forget(&mut self, id: &CommandId) {
        self.0.remove(id);
    }

    /// A command, if `asker` may see it.
    pub(crate) fn visible_to(&self, id: &CommandId, asker: Option<&ProfileId>) -> Option<&Command> {
        self.0.get(id).filter(|command| command.owner.is_none() || command.owner.as_ref() == asker)
    }
}
