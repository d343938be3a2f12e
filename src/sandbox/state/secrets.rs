//! Creates the sandbox's secrets. They come from the system's random generator, never from the scenario's seed, because
//! whoever holds one can act as the profile.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// An authorization token. Every other one is several hundred bytes long, like live servers' tokens.
pub(crate) fn authorization_token(long: bool) -> String {
    format!("T-{}", random(if long { 40 } else { 3 }))
}

/// An access token of an OAuth application.
pub(crate) fn access_token() -> String {
    format!("T-oauth-{}", random(3))
}

/// A refresh token of an OAuth application.
pub(crate) fn refresh_token() -> String {
    format!("T-oauth-refresh-{}", random(3))
}

/// An authorization code for an OAuth application.
pub(crate) fn authorization_code() -> String {
    format!("auth-code-{}", random(2))
}

/// The public id of an OAuth application.
pub(crate) fn client_id() -> String {
    format!("cli-{}", Uuid::new_v4().simple())
}

/// The part of a link after `?auth=`.
pub(crate) fn link_auth() -> String {
    random(2)
}

/// A temporary data token.
pub(crate) fn temporary_data_token() -> String {
    format!("tmp-{}", Uuid::new_v4().simple())
}

/// A permanent data token.
pub(crate) fn data_token() -> String {
    format!("dtk-{}", Uuid::new_v4())
}

/// A broker password or another opaque secret.
pub(crate) fn opaque() -> String {
    random(2)
}

/// `blocks` times 122 random bits as text that needs no escaping in a URL or a form.
fn random(blocks: usize) -> String {
    let bytes: Vec<u8> = (0..blocks).flat_map(|_| Uuid::new_v4().into_bytes()).collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_tokens_are_several_hundred_bytes() {
        assert!(authorization_token(true).len() > 500);
        assert!(authorization_token(false).len() < 100);
        assert_ne!(authorization_token(false), authorization_token(false));
    }
}
