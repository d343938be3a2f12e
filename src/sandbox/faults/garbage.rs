//! Frames that violate the protocol.

use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::types::Garbage;

/// The kinds in the order in which they take turns. Those that a connection survives come first.
const KINDS: [Garbage; 4] = [Garbage::NotJson, Garbage::Binary, Garbage::Oversized, Garbage::InvalidUtf8];

/// Over the limit of most clients, 1 MiB.
const OVERSIZED: usize = 1024 * 1024 + 64 * 1024;

/// The kind at a given turn.
pub(crate) fn kind_of(turn: usize) -> Garbage {
    KINDS.into_iter().cycle().nth(turn % KINDS.len()).unwrap_or(Garbage::NotJson)
}

impl Garbage {
    /// A frame of this kind.
    pub(crate) fn frame(self) -> Message {
        match self {
            Self::NotJson => Message::text("{\"data\": this is not JSON"),
            Self::Binary => Message::binary(vec![0, 159, 146, 150]),
            // A client that accepts it finds a message of an unknown type.
            Self::Oversized => Message::text(format!(
                r#"{{"data":{{"type":"X-SANDBOX-OVERSIZED","id":"oversized","body":"{}"}}}}"#,
                "x".repeat(OVERSIZED)
            )),
            Self::InvalidUtf8 => {
                Message::Frame(Frame::message(vec![b'{', 0xc3, 0x28, b'}'], OpCode::Data(Data::Text), true))
            }
        }
    }
}
