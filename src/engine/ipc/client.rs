//! The client of the local socket.

use std::io;
use std::path::Path;
use std::time::Duration;

use interprocess::local_socket::tokio::Stream;
use interprocess::local_socket::tokio::prelude::*;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use crate::engine::events::track_request::{NotConfirmed, RequestError, TrackRequest};

use super::local_socket;
use super::request::{IpcError, MAX_LINE_LENGTH, REQUEST_TIMEOUT, RESPONSE_TIMEOUT, Request, Response, SocketError};

/// Asks the process that holds the journal of a data folder to track commands, and returns how many it tracks from now on. Waits
/// a few seconds at most for the response. Needs a tokio runtime.
///
/// # Errors
///
/// If the request can't be sent or gets no response; the inner result says if it was refused.
pub async fn request_tracking(data: &Path, tracking: &TrackRequest) -> Result<Result<usize, RequestError>, IpcError> {
    request_within(data, tracking, RESPONSE_TIMEOUT).await
}

pub(super) async fn request_within(
    data: &Path,
    tracking: &TrackRequest,
    timeout: Duration,
) -> Result<Result<usize, RequestError>, IpcError> {
    let sending = tokio::time::timeout(REQUEST_TIMEOUT, send(data, tracking)).await;
    let stream = sending.map_err(|_elapsed| IpcError::NotAccepted { seconds: REQUEST_TIMEOUT.as_secs() })??;
    let mut answer = Vec::new();
    let mut response = BufReader::new((&stream).take(MAX_LINE_LENGTH));
    let receiving = tokio::time::timeout(timeout, response.read_until(b'\n', &mut answer)).await;
    receiving.map_err(|_elapsed| NotConfirmed { seconds: timeout.as_secs() })?.map_err(failed)?;
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

/// Connects and sends the request.
async fn send(data: &Path, tracking: &TrackRequest) -> Result<Stream, IpcError> {
    let socket = local_socket::path_of(data)?;
    let connecting = async { Stream::connect(local_socket::name_of(&socket)?).await };
    let stream = match connecting.await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Err(IpcError::NotRunning);
        }
        Err(source) => return Err(SocketError::Unusable { socket, source }.into()),
    };
    let mut line = serde_json::to_vec(&Request::of(tracking)).map_err(|error| IpcError::Response(error.into()))?;
    line.push(b'\n');
    (&stream).write_all(&line).await.map_err(failed)?;
    Ok(stream)
}

/// What an error of a connection means. A server whose engine is stopping closes it without a response.
fn failed(error: io::Error) -> IpcError {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => IpcError::NotRunning,
        _ => IpcError::Response(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_that_ends_during_a_request_counts_as_not_running() {
        let data = tempfile::tempdir().unwrap();
        let (listener, _owner) = local_socket::bind(data.path()).unwrap();
        let tracking = TrackRequest::new(None, &["c-1".into()], None).unwrap();
        // It may have read the request, or not.
        for reads in [true, false] {
            let serving = async {
                let stream = listener.accept().await.unwrap();
                if reads {
                    let read = (&stream).read(&mut [0; 4_096]).await.unwrap();
                    assert!(read > 0, "nothing was asked");
                }
            };
            let (answer, ()) = tokio::join!(request_tracking(data.path(), &tracking), serving);
            let error = answer.unwrap_err();
            assert!(matches!(error, IpcError::NotRunning), "{error:?}");
        }
    }
}
