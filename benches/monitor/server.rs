//! A WebSocket server that costs next to nothing: it answers the first text as a join, and sends frames that were encoded before.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::{Message, accept};

/// For a client to say that it has everything. Full would mean that nobody measures; then the server waits.
const WAITING: usize = 4;

/// Longer than any round.
const DEADLINE: Duration = Duration::from_mins(5);

/// A server on a thread of its own, for one client at a time.
pub(crate) struct Server {
    pub(crate) url: String,
    started: Receiver<Instant>,
    finished: Receiver<Instant>,
}

impl Server {
    /// Listens, and will send these messages to everyone who joins.
    pub(crate) fn start(messages: impl Iterator<Item = String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("ws://{}", listener.local_addr().expect("an address"));
        let mut frames = Vec::new();
        for message in messages {
            frames.push(0x81); // A whole text frame.
            if let Ok(short @ ..126) = u8::try_from(message.len()) {
                frames.push(short);
            } else {
                frames.push(126);
                frames.extend(u16::try_from(message.len()).expect("a short message").to_be_bytes());
            }
            frames.extend(message.as_bytes());
        }
        let (starts, started) = sync_channel(WAITING);
        let (ends, finished) = sync_channel(WAITING);
        let frames: Arc<[u8]> = frames.into();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.expect("a connection"), &frames, &starts, &ends);
            }
        });
        Self { url, started, finished }
    }

    /// When the frames began to be sent to the client of this round.
    pub(crate) fn started(&self) -> Instant {
        self.started.recv_timeout(DEADLINE).expect("nobody joined")
    }

    /// When the client said that it has everything.
    pub(crate) fn finished(&self) -> Instant {
        self.finished.recv_timeout(DEADLINE).expect("the client did not say that it has everything")
    }
}

fn serve(stream: TcpStream, frames: &[u8], started: &SyncSender<Instant>, finished: &SyncSender<Instant>) {
    stream.set_nodelay(true).expect("no delay");
    let mut socket = accept(stream).expect("a WebSocket client");
    // Whatever else goes wrong is the client's end.
    while let Ok(message) = socket.read() {
        match message {
            Message::Text(text) if text.as_str() == "done" => finished.send(Instant::now()).expect("somebody measures"),
            Message::Text(text) if text.contains("leaveChannel") => return,
            Message::Text(_) => {
                let reply =
                    r#"{"status":200,"data":{"channelId":"c","message":"Successfully joined profile channel."}}"#;
                socket.send(Message::text(reply)).expect("the client takes the reply");
                started.send(Instant::now()).expect("somebody measures");
                if socket.get_mut().write_all(frames).is_err() {
                    return;
                }
            }
            _ => {}
        }
    }
}
