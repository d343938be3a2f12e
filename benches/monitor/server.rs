//! A WebSocket server with almost no cost of its own: it answers the first text as a join, then sends frames that were
//! encoded in advance.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::{Message, accept};

/// Capacity of the channel in which a client reports that it has everything. If it is full, nobody is measuring, and the
/// server waits.
const WAITING: usize = 4;

/// Longer than any round takes.
const DEADLINE: Duration = Duration::from_mins(5);

/// A server on its own thread, for one client at a time.
pub(crate) struct Server {
    pub(crate) url: String,
    started: Receiver<Instant>,
    finished: Receiver<Instant>,
}

impl Server {
    /// Starts listening. Every client that joins receives these messages.
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

    /// When the server began to send the frames to this round's client.
    pub(crate) fn started(&self) -> Instant {
        self.started.recv_timeout(DEADLINE).expect("nobody joined")
    }

    /// When the client reported that it has everything.
    pub(crate) fn finished(&self) -> Instant {
        self.finished.recv_timeout(DEADLINE).expect("the client did not say that it has everything")
    }
}

fn serve(stream: TcpStream, frames: &[u8], started: &SyncSender<Instant>, finished: &SyncSender<Instant>) {
    stream.set_nodelay(true).expect("no delay");
    let mut socket = accept(stream).expect("a WebSocket client");
    // Any other error means that the client has disconnected.
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
