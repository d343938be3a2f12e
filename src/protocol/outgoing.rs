//! The frames sent on the socket: join and leave, exactly as the protocol defines them.
//!
//! `[docs]` require a correlation id without showing its place, so it is sent in both places; `[live]` clients send the token on
//! join and the channel on leave, so all three fields are sent.

use secrecy::SecretString;
use serde::Serialize;

use super::ids::{ChannelId, CorrelationId};
use super::secret::AuthorizationToken;

/// The frame that joins the profile's channel. Secret: it contains the token.
pub fn join(token: &AuthorizationToken, correlation: &CorrelationId) -> SecretString {
    frame("joinChannel", token, correlation, None)
}

/// The frame that leaves the channel. Secret: it contains the token.
pub fn leave(token: &AuthorizationToken, correlation: &CorrelationId, channel: Option<&ChannelId>) -> SecretString {
    frame("leaveChannel", token, correlation, channel)
}

/// Any request that this program sends.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    action: &'a str,
    correlation_id: &'a str,
    data: ChannelRequestData<'a>,
}

/// Its inner object.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChannelRequestData<'a> {
    authorization_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_id: Option<&'a str>,
    correlation_id: &'a str,
}

fn frame(
    action: &str,
    token: &AuthorizationToken,
    correlation: &CorrelationId,
    channel: Option<&ChannelId>,
) -> SecretString {
    let data = ChannelRequestData {
        authorization_token: token.expose(),
        channel_id: channel.map(ChannelId::as_str),
        correlation_id: correlation.as_str(),
    };
    let request = Request { action, correlation_id: correlation.as_str(), data };
    // These types contain only strings, which serde_json always serialises.
    SecretString::from(serde_json::to_string(&request).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test compares the frame")]
    fn join_and_leave_are_exactly_the_documented_frames() {
        let (token, correlation) = (AuthorizationToken::new("T-1"), CorrelationId::from("c-1"));
        assert_eq!(
            join(&token, &correlation).expose_secret(),
            r#"{"action":"joinChannel","correlationId":"c-1","data":{"authorizationToken":"T-1","correlationId":"c-1"}}"#
        );
        assert_eq!(
            leave(&token, &correlation, Some(&ChannelId::from("ch"))).expose_secret(),
            r#"{"action":"leaveChannel","correlationId":"c-1","data":{"authorizationToken":"T-1","channelId":"ch","correlationId":"c-1"}}"#
        );
    }
}
