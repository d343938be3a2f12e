//! Faulty downloads: what the downstream store answers instead of a payload, and payloads that arrive incomplete.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};

/// The length announced for [`DownloadFault::Huge`]: 1 EiB.
const HUGE: u64 = 1 << 60;

/// The longest time to flush what has been sent.
const FLUSH: Duration = Duration::from_millis(100);

/// How a download fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DownloadFault {
    /// The link is refused as already used: 410.
    Used,
    /// The link is refused as expired: 403.
    Expired,
    /// The response redirects to another host.
    Redirect,
    /// The connection ends in the middle of the payload.
    Cut,
    /// The response announces twice as many bytes as it sends.
    Lie,
    /// Nothing more is sent after the middle of the payload, but the connection stays open.
    Stall,
    /// Each chunk is delayed by this time.
    Slow(Duration),
    /// The response announces 1 EiB, more than any disk has.
    Huge,
}

impl DownloadFault {
    /// The response sent instead of the payload, if the fault has one.
    pub(crate) fn refusal(self) -> Option<Response> {
        match self {
            Self::Used => Some((StatusCode::GONE, "The link has been used.").into_response()),
            Self::Expired => Some((StatusCode::FORBIDDEN, "The link has expired.").into_response()),
            Self::Redirect => {
                let elsewhere = HeaderValue::from_static("http://elsewhere.invalid/?auth=gone");
                Some((StatusCode::FOUND, [(LOCATION, elsewhere)]).into_response())
            }
            Self::Cut | Self::Lie | Self::Stall | Self::Slow(_) | Self::Huge => None,
        }
    }

    /// The payload as the fault sends it. `len` is its real length.
    pub(crate) fn body(self, body: Body, len: u64) -> Body {
        let half = usize::try_from(len / 2).unwrap_or(usize::MAX);
        match self {
            Self::Cut => Body::from_stream(first(body, half).chain(stream::once(end("cut")))),
            Self::Stall => Body::from_stream(first(body, half).chain(stream::pending())),
            Self::Lie => Body::from_stream(
                body.into_data_stream()
                    .map(|piece| piece.map_err(std::io::Error::other))
                    .chain(stream::once(end("shorter than promised"))),
            ),
            Self::Slow(by) => Body::from_stream(body.into_data_stream().then(move |piece| async move {
                tokio::time::sleep(by).await;
                piece
            })),
            Self::Huge => Body::from_stream(first(body, usize::MAX).chain(stream::pending())),
            Self::Used | Self::Expired | Self::Redirect => body,
        }
    }

    /// Adjusts the response's headers after they were set.
    pub(crate) fn headers(self, headers: &mut HeaderMap, len: u64) {
        let promised = match self {
            Self::Lie => len.saturating_mul(2),
            Self::Huge => HUGE,
            Self::Used | Self::Expired | Self::Redirect | Self::Cut | Self::Stall | Self::Slow(_) => return,
        };
        headers.insert(CONTENT_LENGTH, HeaderValue::from(promised));
    }
}

/// Ends a download with an error after the bytes before it were flushed; otherwise those that the server still buffers
/// would be lost.
async fn end(how: &str) -> std::io::Result<Bytes> {
    tokio::time::sleep(FLUSH).await;
    Err(std::io::Error::other(format!("this download is {how} on purpose")))
}

/// The first `most` bytes of a body.
fn first(body: Body, most: usize) -> impl stream::Stream<Item = std::io::Result<Bytes>> + Send {
    let pieces = body.into_data_stream();
    stream::unfold((pieces, most), |(mut pieces, left)| async move {
        if left == 0 {
            return None;
        }
        let piece = pieces.next().await?;
        let piece = match piece {
            Ok(piece) => piece.slice(..piece.len().min(left)),
            Err(error) => return Some((Err(std::io::Error::other(error)), (pieces, 0))),
        };
        let left = left - piece.len();
        Some((Ok(piece), (pieces, left)))
    })
}
