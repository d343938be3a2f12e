//! What happens between `request-data` and the delivery of the payload.
//!
//! In the live dialect the first message about a request is its payload: inline, or the bare token of a stream, which can be
//! fetched once `STREAM-READY` has come. In the docs dialect texts come first, and a stream is a whole link.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::protocol::RequestId;
use crate::sandbox::backend::{Backend, PendingCommand};
use crate::sandbox::options::Dialect;
use crate::sandbox::payload::Payload;
use crate::sandbox::proxy::messages;
use crate::sandbox::state::data::DataToken;
use crate::sandbox::state::policies::Event;
use crate::sandbox::state::profiles::ProfileId;
use crate::sandbox::state::reason::Reason;

use super::approval;

/// How a streamed payload is announced. Servers use all these forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announcement {
    /// One message with the whole link.
    Link,
    /// A bare token, then `STREAM-READY` by both names, so that each client finds the one that it reads.
    Token,
    /// A bare token, then `STREAM-READY` by `id`.
    TokenThenId,
    /// A bare token, then `STREAM-READY` by `requestId`.
    TokenThenRequestId,
    /// A bare token, then `STREAM-READY` by `requestId` with the link in `streamUrl`.
    TokenThenStreamUrl,
}

impl Announcement {
    /// How a client's request is answered.
    fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Live => Self::Token,
            Dialect::Docs => Self::Link,
        }
    }

    /// The announcement of the demo's `n`th streamed payload.
    pub(crate) fn in_turn(n: u64) -> Self {
        match n % 4 {
            0 => Self::Link,
            1 => Self::TokenThenId,
            2 => Self::TokenThenRequestId,
            _ => Self::TokenThenStreamUrl,
        }
    }

    /// The messages that announce a payload whose link has this `auth`. The link is good from the last one on.
    pub(crate) fn messages(self, backend: &Backend, request: &RequestId, context: &str, auth: &str) -> Vec<Value> {
        let link = backend.download_link(auth);
        let ready = match self {
            Self::Link => return vec![messages::data_stream(request, context, &link)],
            Self::Token => messages::stream_ready(request, &["id", "requestId"], None),
            Self::TokenThenId => messages::stream_ready(request, &["id"], None),
            Self::TokenThenRequestId => messages::stream_ready(request, &["requestId"], None),
            Self::TokenThenStreamUrl => messages::stream_ready(request, &["requestId"], Some(&link)),
        };
        vec![messages::data_stream(request, context, auth), ready]
    }
}

/// Starts to deliver a payload, inline or as a stream, once the policies of the profile allow it. The command's outcome
/// follows it. Data that is deleted meanwhile is not delivered.
pub(crate) fn start(
    backend: &Arc<Backend>,
    profile: ProfileId,
    command: PendingCommand,
    request: RequestId,
    wanted: String,
) {
    let serving = Arc::clone(backend);
    backend.spawn_work("delivery of a payload", async move {
        let mut command = command;
        serving.report_pending(&mut command).await;
        let delivered = match approval::wait(&serving, &profile, &mut command, Event::DataRequested).await {
            Ok(()) => deliver(&serving, &profile, &mut command, request, &wanted).await,
            Err(reason) => Err(reason),
        };
        serving.settle(command, Box::new(move |_, _| delivered.map(|()| Value::Null)), |_| None).await;
    });
}

/// Why data that was deleted is not delivered.
const NOT_FOUND: Reason = "data_token.not_found";

async fn deliver(
    backend: &Backend,
    profile: &ProfileId,
    command: &mut PendingCommand,
    request: RequestId,
    wanted: &str,
) -> Result<(), Reason> {
    let current = || backend.state().data.get(profile, wanted).cloned().ok_or(NOT_FOUND);
    let DataToken { context, .. } = current()?;
    if command.fails {
        return Ok(());
    }
    if backend.dialect == Dialect::Docs {
        for progress in ["Collecting the payload from its storage devices.", "Preparing the payload."] {
            backend.pause(command, 40..250).await;
            backend.publish_in_turn(command, profile, &messages::data_text(&request, &context, progress)).await;
        }
    }
    backend.pause(command, 80..400).await;
    let DataToken { context, content, file_name, extension, .. } = current()?;
    if let Some(bytes) = content.inline() {
        let body = STANDARD.encode(bytes);
        backend.publish_in_turn(command, profile, &messages::data_text(&request, &context, &body)).await;
        return Ok(());
    }
    let payload = Payload { content, file_name: Some(full_name(file_name, &extension)) };
    let auth = backend.state().links.announce(payload, Some(wanted), backend.clock.now());
    let mut announced = Announcement::of(backend.dialect).messages(backend, &request, &context, &auth).into_iter();
    while let Some(message) = announced.next() {
        if announced.len() == 0 && !backend.open_link(&auth) {
            return Err(NOT_FOUND);
        }
        backend.publish_in_turn(command, profile, &message).await;
        backend.pause(command, 50..300).await;
    }
    Ok(())
}

/// The file name with its extension, whether the client gave them together or apart.
fn full_name(file_name: String, extension: &str) -> String {
    let whole = file_name.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case(extension));
    if whole || extension.is_empty() { file_name } else { format!("{file_name}.{extension}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_carries_its_extension_once() {
        assert_eq!(full_name("hello.txt".into(), "txt"), "hello.txt");
        assert_eq!(full_name("hello".into(), "txt"), "hello.txt");
        assert_eq!(full_name("hello".into(), ""), "hello");
    }
}
