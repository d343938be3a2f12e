//! The messages that a backend publishes.

use serde_json::{Value, json};

use crate::protocol::{CommandId, RequestId};
use crate::sandbox::state::commands::CommandStatus;
use crate::sandbox::state::voting::pools::PoolStatus;

/// A command's status.
pub(crate) fn command(id: &CommandId, status: CommandStatus, body: &Value) -> Value {
    numbered(id, status.number().into(), body)
}

/// A command's status by its number, whether it has a meaning or not.
pub(crate) fn numbered(id: &CommandId, status: i64, body: &Value) -> Value {
    json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": status, "body": body}})
}

/// A vote begins that a command waits for. The documentation names no such message; clients treat it as unrecognised.
pub(crate) fn pool_opened(command: &CommandId, pool: &PoolStatus) -> Value {
    let PoolStatus { pool_id, ballots, .. } = pool;
    json!({"data": {"type": "X-DPT-VOTING-POOL", "id": pool_id, "commandId": command, "ballots": ballots}})
}

/// A data message whose body is text or an inline payload.
pub(crate) fn data_text(id: &RequestId, context: &str, body: &str) -> Value {
    data(id, context, 0, &body.into())
}

/// A data message whose body is a link (docs) or a bare downstream token (live).
pub(crate) fn data_stream(id: &RequestId, context: &str, body: &str) -> Value {
    data(id, context, 1, &body.into())
}

/// A data message with any body.
pub(crate) fn data(id: &RequestId, context: &str, output_type: u8, body: &Value) -> Value {
    json!({"data": {
        "type": "X-DPT-CAB-REQUEST-ID", "id": id, "data_context": context, "output_type": output_type, "body": body,
    }})
}

/// `STREAM-READY`, naming the request in these fields (`id`, `requestId`).
pub(crate) fn stream_ready(id: &RequestId, fields: &[&str], stream_url: Option<&str>) -> Value {
    let mut data = serde_json::Map::new();
    data.insert("type".into(), "STREAM-READY".into());
    for field in fields {
        data.insert((*field).into(), json!(id));
    }
    if let Some(url) = stream_url {
        data.insert("streamUrl".into(), url.into());
    }
    json!({ "data": data })
}
