//! Faulty downloads: what the downstream store answers instead of a payload, and payloads that arrive incomplete.

use std::io::Write as _;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::{HeaderName, HeaderValue, StatusCode, Version};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};

/// The length announced for [`DownloadFault::Huge`]: 1 EiB.
const HUGE: u64 = 1 << 60;

/// Names that a careless client would write outside its folder, one of them not UTF-8 once decoded.
const WRONG_NAME: &str = "attachment; filename=\"../../../.profile\"; filename*=UTF-8''..%5C..%5C%ff%00evil.exe";

/// How many headers [`DownloadFault::ExtraHeaders`] adds, not counting the long one and the cookies.
const EXTRA: usize = 200;

/// The length of its long header in bytes.
const LONG: usize = 8 * 1024;

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
    /// The response redirects within the store, to a fresh link of the same payload.
    RedirectWithin,
    /// The response has no length: the payload ends with the connection, as in HTTP/1.0.
    NoLength,
    /// The response has no length: the payload comes in chunks.
    Chunked,
    /// The payload is compressed with gzip, though nobody asked for that.
    Gzip,
    /// The response suggests names that lead out of a folder or can't be decoded.
    WrongName,
    /// The response is 204, without a payload.
    NoContent,
    /// The response has 200 more headers, one of them of 8 KiB, and says that the payload is a web page.
    ExtraHeaders,
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
            _ => None,
        }
    }

    /// The response to a request whose link has been used, sent instead of the payload, if the fault has one. `again` is a
    /// fresh link to the same payload.
    pub(crate) fn diversion(self, again: impl FnOnce() -> String) -> Option<Response> {
        match self {
            Self::RedirectWithin => {
                let again = HeaderValue::try_from(again()).ok()?;
                Some((StatusCode::FOUND, [(LOCATION, again)]).into_response())
            }
            Self::NoContent => Some(StatusCode::NO_CONTENT.into_response()),
            _ => None,
        }
    }

    /// The payload as the fault sends it. `len` is its real length.
    pub(crate) async fn body(self, body: Body, len: u64) -> Body {
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
            Self::Gzip => compressed(body).await,
            // As a stream, whose length the server does not know.
            Self::NoLength | Self::Chunked => Body::from_stream(body.into_data_stream()),
            _ => body,
        }
    }

    /// Adjusts the response after its headers were set. `len` is the payload's real length.
    pub(crate) fn adjust(self, response: &mut Response, len: u64) {
        let http_10 = self == Self::NoLength;
        if http_10 {
            *response.version_mut() = Version::HTTP_10;
        }
        let headers = response.headers_mut();
        match self {
            Self::Lie => headers.insert(CONTENT_LENGTH, HeaderValue::from(len.saturating_mul(2))),
            Self::Huge => headers.insert(CONTENT_LENGTH, HeaderValue::from(HUGE)),
            Self::NoLength | Self::Chunked => headers.remove(CONTENT_LENGTH),
            Self::Gzip => {
                headers.remove(CONTENT_LENGTH);
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"))
            }
            Self::WrongName => headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(WRONG_NAME)),
            Self::ExtraHeaders => {
                for number in 0..EXTRA {
                    if let Ok(name) = HeaderName::try_from(format!("x-extra-{number}")) {
                        headers.insert(name, HeaderValue::from_static("more"));
                    }
                }
                headers.append(SET_COOKIE, HeaderValue::from_static("session=1; Path=/; Secure"));
                headers.append(SET_COOKIE, HeaderValue::from_static("session=2; Path=/; Secure"));
                if let Ok(long) = HeaderValue::try_from("x".repeat(LONG)) {
                    headers.insert("x-extra-long", long);
                }
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))
            }
            _ => None,
        };
    }
}

/// The whole payload, compressed. One that can't be read is replaced by one that breaks off.
async fn compressed(body: Body) -> Body {
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return Body::from_stream(stream::once(end("cut")));
    };
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    match encoder.write_all(&bytes).and_then(|()| encoder.finish()) {
        Ok(compressed) => Body::from(compressed),
        Err(error) => Body::from_stream(stream::once(async { Err::<Bytes, _>(error) })),
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
    stream::unfold((pieces, most), |(mut pieces, remaining)| async move {
        if remaining == 0 {
            return None;
        }
        let piece = pieces.next().await?;
        let piece = match piece {
            Ok(piece) => piece.slice(..piece.len().min(remaining)),
            Err(error) => return Some((Err(std::io::Error::other(error)), (pieces, 0))),
        };
        let remaining = remaining - piece.len();
        Some((Ok(piece), (pieces, remaining)))
    })
}
