//! What an entry says of its activity: whether an outcome is still to come.

use crate::activity::{Deed, Enquiry, Fact};
use crate::protocol::{CommandStatus, Delivery, Message};

/// What an entry says of a command: whether it is open; `None` where it says nothing of that.
pub(super) fn command_is_open(fact: &Fact) -> Option<bool> {
    match fact {
        Fact::Heard(Message::Command(report)) => Some(report.status == CommandStatus::Pending),
        Fact::Enquired(Enquiry::Known { status, .. }) => Some(*status == CommandStatus::Pending),
        Fact::Enquired(Enquiry::Unknown) => Some(false),
        Fact::Done(Deed::Tracked) => Some(true),
        _ => None,
    }
}

/// Whether it tells how a command ended.
pub(super) fn is_final(fact: &Fact) -> bool {
    match fact {
        Fact::Heard(Message::Command(report)) => report.status.is_final(),
        Fact::Enquired(Enquiry::Known { status, .. }) => status.is_final(),
        _ => false,
    }
}

/// The same of a data request.
pub(super) fn request_is_open(fact: &Fact) -> Option<bool> {
    match fact {
        Fact::Heard(Message::Data(report)) => {
            Some(matches!(report.delivery, Delivery::Text(_) | Delivery::StreamToken(_) | Delivery::Other { .. }))
        }
        Fact::Heard(Message::StreamReady(_)) | Fact::Done(Deed::Fetching { .. } | Deed::Saved { .. }) => Some(false),
        _ => None,
    }
}
