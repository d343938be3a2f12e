//! The server of the local socket, in the process that holds the journal.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use interprocess::local_socket::tokio::Stream;
use interprocess::local_socket::tokio::prelude::*;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::engine::context::EngineContext;
use crate::engine::context::internal_event::InternalEvent;
use crate::engine::events::event::{Notice, Severity};
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::events::track_request::{IncomingRequest, NotConfirmed, TrackError, TrackRequest};
use crate::engine::runtime::tasks::TaskOwner;

use super::local_socket::{self, Owner};
use super::request::{MAX_LINE_LENGTH, REQUEST_TIMEOUT, RESPONSE_TIMEOUT, Request, Response};

/// The most connections at a time; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 8;
/// The pause after a failed accept, for example because too many files are open.
const PAUSE: Duration = Duration::from_millis(200);

/// Listens until the engine stops.
pub(crate) async fn listen(data: PathBuf, context: EngineContext) {
    let (listener, owner) = match local_socket::bind(&data) {
        Ok(bound) => bound,
        Err(why) => {
            context.event_sender.send_notice(Notice::new(Severity::Warning, None, NoticeReason::NoSocket(why.into())));
            return;
        }
    };
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok(stream) => {
                let (spawner, reports) = (context.spawner.clone(), context.reports.clone());
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

/// Answers one request.
async fn serve(stream: Stream, owner: Owner, spawner: TaskOwner, reports: mpsc::Sender<InternalEvent>) {
    if !local_socket::is_from(&stream, owner) {
        tracing::warn!("a process of another user was turned away from the local socket");
        return;
    }
    let mut line = Vec::new();
    let mut question = tokio::io::BufReader::new((&stream).take(MAX_LINE_LENGTH));
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
        (&stream).write_all(&line).await
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

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;
    use crate::engine::events::event_queue;
    use crate::engine::ipc::client;
    use crate::engine::ipc::request::IpcError;

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
    async fn a_late_response_is_reported_as_not_confirmed_and_the_ids_are_tracked() {
        let data = tempfile::tempdir().unwrap();
        let (listener, owner) = local_socket::bind(data.path()).unwrap();
        let tracking = TrackRequest::new(Some("ops".into()), &["c-1".into(), "c-2".into()], Some("deploy")).unwrap();
        let (reports, mut reported) = mpsc::channel(1);
        let (event_sender, _events) = event_queue::channel(Arc::new(|| {}));
        let spawner = TaskOwner::new(tokio::runtime::Handle::current(), event_sender);
        let mut asking = pin!(client::request_within(data.path(), &tracking, Duration::from_millis(1)));
        let stream = tokio::select! {
            stream = listener.accept() => stream.unwrap(),
            answer = &mut asking => panic!("{answer:?}"),
        };
        let mut serving = pin!(serve(stream, owner, spawner, reports));
        // The journal does not respond for as long as the client waits.
        let error = tokio::select! {
            answer = asking => answer.unwrap_err(),
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
