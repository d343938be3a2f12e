//! A connected byte stream, whatever it runs over.

use tokio::io::{AsyncRead, AsyncWrite};

/// A connected byte stream.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}
