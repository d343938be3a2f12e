//! The `Date` header: the server's time of day.

use hyper::header::{DATE, HeaderMap};

use crate::activity::Timestamp;
use crate::protocol::http_date;

/// The server's time of day, from the headers of its response.
pub(crate) fn date_of(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(headers.get(DATE)?.to_str().ok()?).map(Timestamp::from)
}
