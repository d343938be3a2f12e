//! The bytes of a data token: in memory, in a file, or generated while they are served.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures_util::stream;
use tempfile::TempPath;
use tokio::io::AsyncReadExt as _;

/// Payloads up to this size are sent inline, as base64 in the message (the vendor's API description says up to about 50 KB).
pub(crate) const INLINE_LIMIT: u64 = 50 * 1024;

/// Bytes generated or read at a time.
const CHUNK: usize = 64 * 1024;

/// The source of a payload's bytes.
#[derive(Clone)]
pub(crate) enum Content {
    /// Small: in memory, as they were sent.
    Kept(Bytes),
    /// Large: in a file of the sandbox's temporary folder, deleted with its last user.
    Filed {
        path: Arc<TempPath>,
        /// In bytes.
        len: u64,
    },
    /// Random-looking bytes derived from a seed, never held in full.
    Generated {
        seed: u64,
        /// In bytes.
        len: u64,
    },
}

/// A payload and the metadata that it is served with.
#[derive(Clone)]
pub(crate) struct Payload {
    pub(crate) content: Content,
    /// The name for `Content-Disposition`; some servers send none.
    pub(crate) file_name: Option<String>,
}

impl Content {
    /// In bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Kept(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::Filed { len, .. } | Self::Generated { len, .. } => *len,
        }
    }

    /// The bytes, if they are few enough to be sent inside a message.
    pub(crate) fn inline(&self) -> Option<Bytes> {
        match self {
            _ if self.len() > INLINE_LIMIT => None,
            Self::Kept(bytes) => Some(bytes.clone()),
            Self::Generated { seed, len } => Some(generate(*seed, *len)),
            // What was uploaded through the upstream store is served by the downstream store.
            Self::Filed { .. } => None,
        }
    }

    /// The bytes as a response body, produced while the client reads them. The body ends early when `stopped` resolves.
    pub(crate) async fn body(&self, stopped: impl Future<Output = ()> + Send + 'static) -> std::io::Result<Body> {
        Ok(match self {
            Self::Kept(bytes) => Body::from(bytes.clone()),
            Self::Filed { path, .. } => {
                let path = Arc::clone(path);
                let file = tokio::fs::File::open(path.as_os_str()).await?;
                let chunks = stream::try_unfold((file, path), async |(mut file, path)| {
                    let mut chunk = vec![0; CHUNK];
                    let read = file.read(&mut chunk).await?;
                    chunk.truncate(read);
                    Ok::<_, std::io::Error>((read > 0).then(|| (Bytes::from(chunk), (file, path))))
                });
                Body::from_stream(until(chunks, stopped))
            }
            Self::Generated { seed, len } => {
                let rng = fastrand::Rng::with_seed(*seed);
                let chunks = stream::unfold((rng, *len), async |(mut rng, remaining)| {
                    let chunk = next_chunk(&mut rng, remaining)?;
                    let remaining = remaining.saturating_sub(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
                    Some((Ok::<_, std::io::Error>(chunk), (rng, remaining)))
                });
                Body::from_stream(until(chunks, stopped))
            }
        })
    }
}

/// The next bytes derived from a seed, or `None` if nothing is left.
fn next_chunk(rng: &mut fastrand::Rng, remaining: u64) -> Option<Bytes> {
    let size = usize::try_from(remaining).unwrap_or(CHUNK).min(CHUNK);
    if size == 0 {
        return None;
    }
    let mut chunk = vec![0; size];
    rng.fill(&mut chunk);
    Some(Bytes::from(chunk))
}

/// All bytes derived from a seed: the same that a download of it serves.
pub(crate) fn generate(seed: u64, len: u64) -> Bytes {
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    Bytes::from(bytes)
}

/// The chunks until the sandbox stops, then an error, so that the client sees a broken download and not a short file.
fn until<S>(
    chunks: S,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> impl stream::Stream<Item = std::io::Result<Bytes>> + Send
where
    S: stream::Stream<Item = std::io::Result<Bytes>> + Send,
{
    use futures_util::StreamExt as _;
    let broken = stream::once(async move {
        stopped.await;
        Err(std::io::Error::other("the sandbox stops"))
    });
    // `select` continues until both streams end, so the end of the chunks is marked and ends the whole stream.
    let marked = chunks.map(Some).chain(stream::once(std::future::ready(None)));
    stream::select(marked, broken.map(Some))
        .take_while(|item| std::future::ready(item.is_some()))
        .filter_map(std::future::ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn served(content: &Content) -> Bytes {
        let body = content.body(std::future::pending()).await.unwrap();
        axum::body::to_bytes(body, usize::MAX).await.unwrap()
    }

    #[tokio::test]
    async fn generated_bytes_are_the_same_each_time_and_as_many_as_promised() {
        let content = Content::Generated { seed: 7, len: 200_001 };
        let first = served(&content).await;
        assert_eq!(first.len(), 200_001);
        assert_eq!(first, served(&content).await);
        assert_eq!(first, generate(7, 200_001));
        assert_ne!(first, generate(8, 200_001), "another seed gives other bytes");
    }

    #[tokio::test]
    async fn a_download_breaks_with_an_error_when_the_sandbox_stops() {
        let content = Content::Generated { seed: 1, len: u64::MAX };
        let body = content.body(std::future::ready(())).await.unwrap();
        let ended = axum::body::to_bytes(body, usize::MAX).await;
        assert!(ended.is_err(), "a cut-off download looked complete");
    }

    #[test]
    fn only_small_payloads_travel_inline() {
        assert!(Content::Generated { seed: 1, len: INLINE_LIMIT }.inline().is_some());
        assert!(Content::Generated { seed: 1, len: INLINE_LIMIT + 1 }.inline().is_none());
    }
}
