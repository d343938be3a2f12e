//! The label of an activity, and the names derived from it.

use std::borrow::Cow;

use crate::activity::{Activity, Kind};
use crate::protocol::file_name;

/// The text of the Label column.
pub(crate) fn label_of<'a>(activity: &Activity<'a>) -> Cow<'a, str> {
    match (activity.label(), activity.whole_context()) {
        ("", "") if activity.kind() == Kind::Message => match activity.message() {
            Cow::Borrowed(message) => Cow::Borrowed(message_type(message).unwrap_or_default()),
            Cow::Owned(message) => Cow::Owned(message_type(&message).unwrap_or_default().to_owned()),
        },
        ("", _) => activity.context(),
        (label, _) => Cow::Borrowed(label),
    }
}

/// The type given in a message whose type is unknown to this program.
pub(crate) fn message_type(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("\"type\"")?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    rest.split_once('"').map(|(name, _)| name)
}

/// The file name that a save dialog suggests. The server's own name, from `Content-Disposition`, is known only after the
/// single-use link was fetched.
pub(crate) fn suggested_name(activity: &Activity<'_>) -> String {
    file_name::suggestion(activity.known_name(), &activity.context(), &activity.id())
}
