//! Both ends of the local socket: the server in the process that holds the journal, and the client.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::engine::context::EngineContext;
use crate::engine::context::internal_event::InternalEvent;
use crate::engine::events::event::{Notice, Severity};
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::events::track_request::{IncomingRequest, NotConfirmed, RequestError, TrackError, TrackRequest};
use crate::engine::runtime::tasks::TaskOwner;

use super::request::{IpcError, MAX_LINE_LENGTH, Request, Response, SocketError};
use super::socket_path::{self, SocketPath};

/// The most connections at a time; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 8;
/// How long a request may take to arrive.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the client waits for the response, because the journal may be busy.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);
/// The pause after a failed accept, for example because too many files are open.
const PAUSE: Duration = Duration::from_millis(200);

/// A bound socket. Dropping it removes the socket's file.
struct BoundListener {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
}

impl Drop for BoundListener {
    fn drop(&mut self) {
        // Removed while this process still holds the journal, so nobody else can have bound it.
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "the local socket was not there any more");
        }
    }
}

/// Listens until the engine stops.
pub(crate) async fn listen(data: PathBuf, context: EngineContext) {
    let bound = match bind(&data) {
        Ok(bound) => bound,
        Err(why) => {
            context.event_sender.send_notice(Notice::new(Severity::Warning, None, NoticeReason::NoSocket(why.into())));
            return;
        }
    };
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match bound.listener.accept().await {
            Ok((stream, _unnamed)) => {
                let (spawner, reports, owner) = (context.spawner.clone(), context.reports.clone(), bound.owner);
                let answering = async move {
                    serve(stream, owner, spawner, reports).await;
                    drop(place);
                };
                context.spawner.spawn_to_completion("answering another program", answering);
            }
            Err(error) => {
                tracing::warn!(%error, "the local socket gave no connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn bind(data: &Path) -> Result<BoundListener, SocketError> {
    let socket_path = socket_path::of(data, socket_path::runtime_folder())?;
    let owner = socket_path.prepare()?;
    let failed = |source: io::Error| unusable(&socket_path, source);
    let listener = UnixListener::bind(&socket_path.socket).map_err(failed)?;
    let bound = BoundListener { listener, path: socket_path.socket.clone(), owner };
    socket_path.restrict_to_owner().map_err(failed)?;
    Ok(bound)
}

fn unusable(socket_path: &SocketPath, source: io::Error) -> SocketError {
    SocketError::Unusable { socket: socket_path.socket.clone(), source }
}

/// Answers one request.
async fn serve(stream: UnixStream, owner: u32, spawner: TaskOwner, reports: mpsc::Sender<InternalEvent>) {
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == owner => {}
        Ok(_) | Err(_) => {
            tracing::warn!("a process of another user was turned away from the local socket");
            return;
        }
    }
    let (read, mut write) = stream.into_split();
    let mut line = Vec::new();
    let mut question = tokio::io::BufReader::new(read.take(MAX_LINE_LENGTH));
    let arrives = tokio::time::timeout(REQUEST_TIMEOUT, question.read_until(b'\n', &mut line));
    // A stopping engine does not wait for a request, but still answers one that has arrived.
    match spawner.until_stopped(arrives).await {
        Some(Ok(Ok(_))) if line.ends_with(b"\n") => {}
        Some(_) | None => {
            tracing::debug!("a question on the local socket was not whole");
            return;
        }
    }
    let answer = match Request::read(&line) {
        Ok(tracking) => forward(tracking, &reports).await,
        Err(refused) => Some(Err(refused)),
    };
    let Some(answer) = answer else {
        // The client finds that there is no response, and asks the next process that holds the journal.
        tracing::debug!("a question on the local socket came too late");
        return;
    };
    let answer = match answer {
        Ok(count) => Response::Accepted(count),
        Err(error) if error.is_usage() => Response::Usage(error.to_string()),
        Err(error) => Response::Failed(error.to_string()),
    };
    let sent = async {
        let mut line = serde_json::to_vec(&answer)?;
        line.push(b'\n');
        write.write_all(&line).await?;
        write.shutdown().await
    };
    if let Err(error) = sent.await {
        tracing::debug!(%error, "nobody waited for the answer on the local socket");
    }
}

/// Passes a request to the supervisor; `None` if that is stopping. From then on the supervisor owns the request. This waits no
/// longer than the client does, so that a journal that refuses does not use up the connections.
async fn forward(tracking: TrackRequest, reports: &mpsc::Sender<InternalEvent>) -> Option<Result<usize, TrackError>> {
    let (reply, answer) = oneshot::channel();
    reports.send(InternalEvent::Track(IncomingRequest { tracking, reply })).await.ok()?;
    match tokio::time::timeout(RESPONSE_TIMEOUT, answer).await {
        Ok(answered) => answered.ok(),
        Err(_elapsed) => Some(Err(TrackError::NotConfirmed(NotConfirmed { seconds: RESPONSE_TIMEOUT.as_secs() }))),
    }
}

/// Sends a request and waits for the response.
pub(crate) fn send_request(data: &Path, tracking: &TrackRequest) -> Result<Result<usize, RequestError>, IpcError> {
    send_request_within(data, tracking, RESPONSE_TIMEOUT)
}

fn send_request_within(
    data: &Path,
    tracking: &TrackRequest,
    timeout: Duration,
) -> Result<Result<usize, RequestError>, IpcError> {
    let place = socket_path::of(data, socket_path::runtime_folder())?;
    let mut stream = match BlockingStream::connect(&place.socket) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Err(IpcError::NotRunning);
        }
        Err(error) => return Err(unusable(&place, error).into()),
    };
    let asking = |stream: &mut BlockingStream| {
        stream.set_write_timeout(Some(REQUEST_TIMEOUT))?;
        let mut line = serde_json::to_vec(&Request::of(tracking))?;
        line.push(b'\n');
        stream.write_all(&line)
    };
    let hearing = |stream: BlockingStream| {
        stream.set_read_timeout(Some(timeout))?;
        let mut answer = Vec::new();
        BufReader::new(stream.take(MAX_LINE_LENGTH)).read_until(b'\n', &mut answer)?;
        Ok(answer)
    };
    asking(&mut stream).map_err(|error| match error {
        error if is_timeout(&error) => IpcError::NotAccepted { seconds: REQUEST_TIMEOUT.as_secs() },
        error if is_disconnect(&error) => IpcError::NotRunning,
        error => IpcError::Response(error),
    })?;
    let answer = hearing(stream).map_err(|error: io::Error| match error {
        error if is_timeout(&error) => NotConfirmed { seconds: timeout.as_secs() }.into(),
        error if is_disconnect(&error) => IpcError::NotRunning,
        error => IpcError::Response(error),
    })?;
    if answer.is_empty() {
        return Err(IpcError::NotRunning);
    }
    match serde_json::from_slice(&answer) {
        Ok(Response::Accepted(count)) => Ok(Ok(count)),
        Ok(Response::Usage(why)) => Ok(Err(RequestError::Usage(why))),
        Ok(Response::Failed(why)) => Ok(Err(RequestError::Failed(why))),
        Err(error) => Err(IpcError::Response(error.into())),
    }
}

/// Whether the server closed the connection without a response, because its engine is stopping.
fn is_disconnect(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// Whether a socket operation timed out.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::events::event_queue;

    #[tokio::test(start_paused = true)]
    async fn a_refusing_journal_does_not_use_up_the_connections() {
        let tracking = TrackRequest::new(None, &["c-1".into()], None).unwrap();
        let (reports, mut reported) = mpsc::channel(1);
        let Some(Err(late @ TrackError::NotConfirmed(_))) = forward(tracking.clone(), &reports).await else {
            panic!("it was answered")
        };
        let sentence = late.to_string();
        assert!(!late.is_usage() && sentence.contains("follows them"), "{sentence}");
        let Some(InternalEvent::Track(asked)) = reported.recv().await else { panic!("nothing was passed on") };
        assert_eq!(asked.tracking, tracking);
    }

    #[tokio::test]
    async fn a_process_that_ends_during_a_request_counts_as_not_running() {
        let data = tempfile::tempdir().unwrap();
        let bound = bind(data.path()).unwrap();
        let (event_sender, _events) = event_queue::channel(Arc::new(|| {}));
        let spawner = TaskOwner::new(tokio::runtime::Handle::current(), event_sender);
        let tracking = TrackRequest::new(None, &["c-1".into()], None).unwrap();
        // It may have read the request, or not.
        for reads in [true, false] {
            let (folder, asked) = (data.path().to_owned(), tracking.clone());
            let asking = spawner.blocking("asking", move || send_request(&folder, &asked));
            let (mut stream, _unnamed) = bound.listener.accept().await.unwrap();
            if reads {
                let read = stream.read(&mut [0; 4_096]).await.unwrap();
                assert!(read > 0, "nothing was asked");
            }
            drop(stream);
            let error = asking.await.unwrap().unwrap_err();
            assert!(matches!(error, IpcError::NotRunning), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_late_response_is_reported_as_not_confirmed_and_the_ids_are_tracked() {
        let data = tempfile::tempdir().unwrap();
        let bound = bind(data.path()).unwrap();
        let tracking = TrackRequest::new(Some("ops".into()), &["c-1".into(), "c-2".into()], Some("deploy")).unwrap();
        let (reports, mut reported) = mpsc::channel(1);
        let (folder, asked) = (data.path().to_owned(), tracking.clone());
        let (event_sender, _events) = event_queue::channel(Arc::new(|| {}));
        let spawner = TaskOwner::new(tokio::runtime::Handle::current(), event_sender);
        let asking = spawner.blocking("asking", move || send_request_within(&folder, &asked, Duration::from_millis(1)));
        let (stream, _unnamed) = bound.listener.accept().await.unwrap();
        let serving = serve(stream, bound.owner, spawner, reports);
        tokio::pin!(serving);
        // The journal does not respond for as long as the client waits.
        let error = tokio::select! {
            error = asking => error.unwrap().unwrap_err(),
            () = &mut serving => panic!("it was answered"),
        };
        assert!(matches!(error, IpcError::NotConfirmed(_)), "{error:?}");
        let sentence = error.to_string();
        assert!(sentence.contains("follows them") && !sentence.contains("version"), "{sentence}");
        let arrived = tokio::select! {
            Some(InternalEvent::Track(arrived)) = reported.recv() => arrived,
            () = &mut serving => panic!("it was answered"),
        };
        assert_eq!(arrived.tracking, tracking);
        arrived.reply.send(Ok(2)).unwrap();
        // Nobody waits for the response any more, which is not a failure.
        serving.await;
    }
}
