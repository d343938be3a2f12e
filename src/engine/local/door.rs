//! Both ends of the local socket: the holder listens, another process asks.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::engine::event::{Notice, Severity};
use crate::engine::report::Report;
use crate::engine::tools::Tools;
use crate::settings::atomic::in_words;

use super::place::{self, Place};
use super::{Answer, AskError, Asked, LONGEST_LINE, Question, Refusal, Tracking};

/// Connections at a time. Where there are as many, the next waits until it is taken.
const CONNECTIONS: usize = 8;
/// How long a question may take to arrive.
const QUESTION_BUDGET: Duration = Duration::from_secs(5);
/// How long the asking process waits for its answer: the journal may be busy.
const ANSWER_BUDGET: Duration = Duration::from_secs(15);
/// The pause after the system gave no connection, for example because too many files are open.
const PAUSE: Duration = Duration::from_millis(200);

/// A socket that is taken away with this.
struct Bound {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
}

impl Drop for Bound {
    fn drop(&mut self) {
        // Removed while the journal is still held: nobody else can have bound it meanwhile.
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "the local socket was not there any more");
        }
    }
}

/// Listens for as long as the engine runs.
pub(crate) async fn listen(data: PathBuf, tools: Tools) {
    let bound = match bind(&data) {
        Ok(bound) => bound,
        Err(why) => {
            let sentence = format!("Other programs can't hand commands to this one by `track`. {why}");
            tools.outbox.notice(Notice::new(Severity::Warning, None, sentence));
            return;
        }
    };
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match bound.listener.accept().await {
            Ok((stream, _unnamed)) => {
                let (answering, owner) = (tools.clone(), bound.owner);
                let answering = async move {
                    serve(stream, owner, answering).await;
                    drop(place);
                };
                tools.spawner.finish("answering another program", answering);
            }
            Err(error) => {
                tracing::warn!(%error, "the local socket gave no connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn bind(data: &Path) -> Result<Bound, String> {
    let place = place::of(data, place::runtime_folder())?;
    let owner = place.prepare()?;
    let failed = |error: io::Error| in_place(&place, &error);
    let listener = UnixListener::bind(&place.socket).map_err(failed)?;
    let bound = Bound { listener, path: place.socket.clone(), owner };
    place.close_to_others().map_err(failed)?;
    Ok(bound)
}

fn in_place(place: &Place, error: &io::Error) -> String {
    format!("The local socket {} can't be used: {}.", place.socket.display(), in_words(error))
}

/// Answers one question.
async fn serve(stream: UnixStream, owner: u32, tools: Tools) {
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == owner => {}
        Ok(_) | Err(_) => {
            tracing::warn!("a process of another user was turned away from the local socket");
            return;
        }
    }
    let (read, mut write) = stream.into_split();
    let mut line = Vec::new();
    let mut question = tokio::io::BufReader::new(read.take(LONGEST_LINE));
    let arrives = tokio::time::timeout(QUESTION_BUDGET, question.read_until(b'\n', &mut line));
    // An engine that stops waits for no question, but does answer one that it has.
    match tools.spawner.until_stopped(arrives).await {
        Some(Ok(Ok(_))) if line.ends_with(b"\n") => {}
        Some(_) | None => {
            tracing::debug!("a question on the local socket was not whole");
            return;
        }
    }
    let answer = match Question::read(&line) {
        Ok(tracking) => pass_on(tracking, &tools.reports).await,
        Err(refused) => Err(refused),
    };
    let answer = match answer {
        Ok(count) => Answer::Accepted(count),
        Err(Refusal::Usage(why)) => Answer::Usage(why),
        Err(Refusal::Failed(why)) => Answer::Failed(why),
    };
    let said = async {
        let mut line = serde_json::to_vec(&answer)?;
        line.push(b'\n');
        write.write_all(&line).await?;
        write.shutdown().await
    };
    if let Err(error) = said.await {
        tracing::debug!(%error, "nobody waited for the answer on the local socket");
    }
}

/// Has the engine's centre answer.
async fn pass_on(tracking: Tracking, reports: &mpsc::Sender<Report>) -> Result<usize, Refusal> {
    let closing = || Refusal::Failed("Privicore Monitor is closing. Try again in a moment.".to_owned());
    let (reply, answer) = oneshot::channel();
    reports.send(Report::Track(Asked { tracking, reply })).await.map_err(|_stopped| closing())?;
    answer.await.map_err(|_stopped| closing())?
}

/// Asks the holder.
pub(super) fn ask(data: &Path, tracking: &Tracking) -> Result<Result<usize, Refusal>, AskError> {
    let place = place::of(data, place::runtime_folder()).map_err(AskError::Place)?;
    let mut stream = match BlockingStream::connect(&place.socket) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Err(AskError::Nobody);
        }
        Err(error) => return Err(AskError::Place(in_place(&place, &error))),
    };
    let converse = || {
        stream.set_read_timeout(Some(ANSWER_BUDGET))?;
        stream.set_write_timeout(Some(QUESTION_BUDGET))?;
        let mut line = serde_json::to_vec(&Question::of(tracking))?;
        line.push(b'\n');
        stream.write_all(&line)?;
        let mut answer = Vec::new();
        BufReader::new(stream.take(LONGEST_LINE)).read_until(b'\n', &mut answer)?;
        serde_json::from_slice(&answer).map_err(io::Error::from)
    };
    let answer: io::Result<Answer> = converse();
    match answer {
        Ok(Answer::Accepted(count)) => Ok(Ok(count)),
        Ok(Answer::Usage(why)) => Ok(Err(Refusal::Usage(why))),
        Ok(Answer::Failed(why)) => Ok(Err(Refusal::Failed(why))),
        Err(error) => Err(AskError::Answer(in_words(&error))),
    }
}
