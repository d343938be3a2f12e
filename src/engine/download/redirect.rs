//! Where a server redirects a download to, and whether the redirect is followed.
//!
//! Redirects within the link's own host are followed, also to another port and from http to https. A redirect to another host over
//! https needs the operator's consent: the address is kept, and a second click downloads from it. A redirect that drops encryption,
//! or leads from the Internet into this machine or a private network, is never followed.

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, LOCATION};
use url::Url;

/// How many redirects are followed.
pub(crate) const MAX_REDIRECTS: u32 = 20;

/// A redirect that may be followed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Redirect {
    /// To another URL of the same host.
    SameHost(Url),
    /// To another host, encrypted.
    OtherHost(Url),
}

/// Why a redirect is not followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotFollowed {
    /// There is no address, or none that a download can use.
    #[error("The server redirects the download without an address.")]
    NoTarget,
    /// The target is not encrypted.
    #[error("The server redirects the download to {0} without encryption, which is not followed.")]
    Unencrypted(String),
    /// It leads from the Internet to what only this machine or its network can reach.
    #[error(
        "The server redirects the download to {0}, which is on this machine or in a private network. That is not followed."
    )]
    Inward(String),
    /// There were too many redirects.
    #[error("The server redirects the download again and again, more than {MAX_REDIRECTS} times.")]
    TooMany,
}

/// Whether a status is a redirect.
pub(crate) fn is_redirect(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    )
}

/// Reads where a response redirects the download to.
///
/// # Errors
///
/// If the redirect is never followed.
pub(crate) fn read(headers: &HeaderMap, from: &Url) -> Result<Redirect, NotFollowed> {
    let to = headers.get(LOCATION).ok_or(NotFollowed::NoTarget)?.as_bytes();
    // The encoding of bytes outside ASCII is not specified. What browsers read as UTF-8 or Latin-1 they percent-encode, as does `Url`.
    let to = str::from_utf8(to).map_or_else(|_other| to.iter().copied().map(char::from).collect(), str::to_owned);
    let to = from.join(to.trim()).map_err(|_malformed| NotFollowed::NoTarget)?;
    let host = host(&to).ok_or(NotFollowed::NoTarget)?;
    let keeps_encryption = match to.scheme() {
        "https" => true,
        "http" => from.scheme() == "http",
        _ => return Err(NotFollowed::NoTarget),
    };
    let is_same = self::host(from).is_some_and(|from| from == host);
    if !keeps_encryption || (!is_same && to.scheme() != "https") {
        return Err(NotFollowed::Unencrypted(host));
    }
    Ok(if is_same { Redirect::SameHost(to) } else { Redirect::OtherHost(to) })
}

/// A URL's host without a trailing dot: `www.example.com.` is `www.example.com`.
fn host(url: &Url) -> Option<String> {
    url.host_str().map(|host| host.trim_end_matches('.').to_owned()).filter(|host| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_is_followed_within_its_host_and_to_others_only_if_encrypted() {
        let same = |to: &str| Ok(Redirect::SameHost(Url::parse(to).unwrap()));
        let other = |to: &str| Ok(Redirect::OtherHost(Url::parse(to).unwrap()));
        let unencrypted = |host: &str| Err(NotFollowed::Unencrypted(host.to_owned()));
        let (plain, secure) = ("http://a.test/x?auth=1", "https://a.test/x?auth=1");
        for (from, to, wanted) in [
            (plain, "/y", same("http://a.test/y")),
            (plain, "y?z", same("http://a.test/y?z")),
            (plain, "//a.test:81/y", same("http://a.test:81/y")),
            (plain, "http://a.test:8080/y", same("http://a.test:8080/y")),
            (plain, "https://a.test/y", same("https://a.test/y")),
            (plain, "HTTPS://A.TEST:8443/y", same("https://a.test:8443/y")),
            (plain, "https://a.test./y", same("https://a.test./y")),
            (plain, "  /with space ", same("http://a.test/with%20space")),
            (plain, "/gr\u{f6}\u{df}e", same("http://a.test/gr%C3%B6%C3%9Fe")),
            (plain, "http://b.test/y", unencrypted("b.test")),
            (plain, "https://b.test/y", other("https://b.test/y")),
            (plain, "//b.test/y", unencrypted("b.test")),
            (secure, "//b.test/y", other("https://b.test/y")),
            (secure, "https://a.test:444/y", same("https://a.test:444/y")),
            (secure, "http://a.test/y", unencrypted("a.test")),
            (secure, "http://b.test/y", unencrypted("b.test")),
            (secure, "https://a.test.b.test/", other("https://a.test.b.test/")),
            (secure, "ftp://a.test/y", Err(NotFollowed::NoTarget)),
            (secure, "file:///etc/passwd", Err(NotFollowed::NoTarget)),
            (secure, "data:text/plain,x", Err(NotFollowed::NoTarget)),
            (secure, "https://", Err(NotFollowed::NoTarget)),
        ] {
            let headers: HeaderMap = [(LOCATION, to.as_bytes().try_into().unwrap())].into_iter().collect();
            assert_eq!(read(&headers, &Url::parse(from).unwrap()), wanted, "{from} to {to}");
        }
        assert_eq!(read(&HeaderMap::new(), &Url::parse(plain).unwrap()), Err(NotFollowed::NoTarget));
        let latin = [(LOCATION, b"/gr\xf6\xdfe".as_slice().try_into().unwrap())].into_iter().collect();
        assert_eq!(read(&latin, &Url::parse(plain).unwrap()), same("http://a.test/gr%C3%B6%C3%9Fe"));
    }
}
