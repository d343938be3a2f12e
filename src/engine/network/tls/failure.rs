//! Describes TLS errors for the operator: what is wrong, and whom to ask for what.

use std::io;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error as TlsError};

use crate::protocol::sanitize;
use crate::settings::atomic::describe_io;

/// Describes an error of an encrypted stream as a clause.
pub(crate) fn of_stream(error: &io::Error) -> String {
    if let Some(tls) = within(error) {
        return describe(tls);
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
            "the other side closed the connection. It may not speak TLS on this port, or a firewall does not let it through".into()
        }
        _ => describe_io(error),
    }
}

/// The TLS error inside an I/O error. Libraries wrap one I/O error into another.
pub(crate) fn within(error: &io::Error) -> Option<&TlsError> {
    let inner = error.get_ref()?;
    inner.downcast_ref().or_else(|| within(inner.downcast_ref()?))
}

/// Describes a TLS error as a clause.
pub(crate) fn describe(error: &TlsError) -> String {
    describe_in(error, &TimeZone::system())
}

/// Whether this alert means that a server refuses its client before it reads a request. In TLS 1.3 the alert comes after the
/// client's part of the handshake, when the request was already sent.
pub(crate) fn ends_handshake(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::AccessDenied
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRequired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::HandshakeFailure
            | AlertDescription::UnknownCA
            | AlertDescription::UnsupportedCertificate
    )
}

fn describe_in(error: &TlsError, zone: &TimeZone) -> String {
    match error {
        TlsError::InvalidCertificate(error) => of_certificate(error, zone),
        TlsError::InvalidMessage(_) => {
            "its answer is not TLS. Check the port, and whether the address should begin with http:// or ws://".into()
        }
        TlsError::PeerIncompatible(_) => {
            "it offers no version of TLS, or no cipher, that is safe. Ask whoever runs the server to turn TLS 1.2 or 1.3 on".into()
        }
        TlsError::AlertReceived(alert) => of_alert(*alert),
        TlsError::NoCertificatesPresented => "it presented no certificate. Ask whoever runs the server to install one".into(),
        TlsError::NoApplicationProtocol => {
            "it does not speak HTTP/1.1 there. Check the address, or ask whoever runs the server".into()
        }
        other => sanitize(&other.to_string()).into_owned(),
    }
}

fn of_certificate(error: &CertificateError, zone: &TimeZone) -> String {
    const ASK: &str = "Ask whoever runs the server for a new certificate";
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("its certificate expired on {}. {ASK}, or check the clock of this computer", time(*not_after, zone))
        }
        CertificateError::Expired => format!("its certificate has expired. {ASK}, or check the clock of this computer"),
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "its certificate is valid only from {} on. Check the clock of this computer, or ask whoever runs the server",
            time(*not_before, zone)
        ),
        CertificateError::NotValidYet => {
            "its certificate is not valid yet. Check the clock of this computer, or ask whoever runs the server".into()
        }
        CertificateError::UnknownIssuer => {
            "its certificate was issued by an authority that this computer does not trust. Ask whoever runs the server for the \
             certificate of that authority, and name its file in the settings under “Authority file”"
                .into()
        }
        CertificateError::NotValidForName => {
            "its certificate is for another name. Check the address, or ask whoever runs the server".into()
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            // webpki formats each name with its kind, as in `DnsName("example.com")`.
            let name = |name: &String| {
                let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
                sanitize(inner.trim_matches('"')).into_owned()
            };
            let names: Vec<String> = presented.iter().take(5).map(name).collect();
            let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
            let more = if presented.len() > 5 { " and others" } else { "" };
            format!(
                "its certificate is for {names}{more}, not for {}. Check the address, or ask whoever runs the server for a \
                 certificate with this name",
                expected.to_str()
            )
        }
        CertificateError::Revoked => format!("its certificate was revoked. {ASK}, and do not connect before"),
        CertificateError::BadEncoding => format!("its certificate is damaged. {ASK}"),
        CertificateError::BadSignature => {
            "its certificate was not signed by the authority that it names. Somebody may be listening in: ask whoever runs the server"
                .into()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            format!("its certificate is not meant for servers. {ASK} for “server authentication”")
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            format!("its certificate is signed in a way that is not safe any more, or not known. {ASK}")
        }
        CertificateError::Other(other) => match other.0.downcast_ref::<webpki::Error>() {
            Some(webpki::Error::CaUsedAsEndEntity) => {
                "its certificate is that of an authority, or is signed by itself, and no server may use such a one. Ask whoever runs \
                 the server for a certificate of its own, issued by an authority that you can name in the settings"
                    .into()
            }
            Some(webpki::Error::UnsupportedCertVersion) => {
                format!("its certificate is of an old version of X.509. {ASK}, of version 3")
            }
            Some(webpki::Error::EndEntityUsedAsCa | webpki::Error::PathLenConstraintViolated) => {
                format!("its certificate was issued by one that may not issue any. {ASK}")
            }
            Some(webpki::Error::NameConstraintViolation) => {
                format!("its certificate was issued by an authority that may not vouch for this name. {ASK}")
            }
            _ => format!("its certificate can't be trusted ({}). {ASK}", sanitize(&other.to_string())),
        },
        other => format!("its certificate can't be trusted ({}). {ASK}", sanitize(&other.to_string())),
    }
}

fn of_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => {
            "it wants a certificate of this computer, which Privicore Monitor can't give. Ask whoever runs the server for another way in"
                .into()
        }
        AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity => {
            "it knows no way to encrypt that is safe. Ask whoever runs the server to turn TLS 1.2 or 1.3 on".into()
        }
        AlertDescription::UnrecognisedName => {
            "it does not know this name. Check the address, or ask whoever runs the server".into()
        }
        AlertDescription::NoApplicationProtocol => {
            "it does not speak HTTP/1.1 there. Check the address, or ask whoever runs the server".into()
        }
        other => format!("it refused with the TLS alert {other:?}. Ask whoever runs the server"),
    }
}

/// Formats a time in local time.
fn time(at: UnixTime, zone: &TimeZone) -> String {
    let at = i64::try_from(at.as_secs()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let at = zone.to_datetime(at.unwrap_or(Timestamp::MAX));
    at.strftime("%Y-%m-%d at %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use rustls::pki_types::ServerName;
    use rustls::{InvalidMessage, OtherError};

    use super::*;

    #[test]
    fn each_failure_is_described_in_local_time_with_whom_to_ask() {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let certificate = TlsError::InvalidCertificate;
        let of_webpki = |error: webpki::Error| certificate(CertificateError::Other(OtherError(Arc::new(error))));
        let names = CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("ws.example.com").unwrap(),
            presented: vec!["DnsName(\"a.example.com\")".into(), "IpAddress(10.0.0.1)".into()],
        };
        for (error, words) in [
            // 1,771,688,024 s is 15:33:44 on 21 February 2026 in UTC.
            (
                certificate(CertificateError::ExpiredContext { time: at(1_800_000_000), not_after: at(1_771_688_024) }),
                "expired on 2026-02-21 at 17:33. Ask whoever runs the server",
            ),
            (
                certificate(CertificateError::NotValidYetContext { time: at(0), not_before: at(1_771_688_024) }),
                "valid only from 2026-02-21 at 17:33 on. Check the clock",
            ),
            (certificate(CertificateError::UnknownIssuer), "an authority that this computer does not trust"),
            (certificate(names), "is for a.example.com, 10.0.0.1, not for ws.example.com."),
            (certificate(CertificateError::Revoked), "was revoked"),
            (of_webpki(webpki::Error::CaUsedAsEndEntity), "signed by itself"),
            (of_webpki(webpki::Error::UnsupportedCertVersion), "an old version of X.509"),
            (of_webpki(webpki::Error::NameConstraintViolation), "may not vouch for this name"),
            (TlsError::InvalidMessage(InvalidMessage::InvalidContentType), "its answer is not TLS. Check the port"),
            (TlsError::AlertReceived(AlertDescription::CertificateRequired), "wants a certificate of this computer"),
            (TlsError::AlertReceived(AlertDescription::HandshakeFailure), "turn TLS 1.2 or 1.3 on"),
        ] {
            let clause = describe_in(&error, &zone);
            assert!(clause.contains(words) && !clause.ends_with('.'), "{clause}");
            let inner = ["UNIX", "Other(", "Error", "webpki", "DnsName", "ca-certificates"];
            assert!(inner.iter().all(|word| !clause.contains(word)), "{clause}");
            let of_io = io::Error::new(io::ErrorKind::InvalidData, error.clone());
            assert_eq!(of_stream(&of_io), describe(&error));
            assert_eq!(of_stream(&io::Error::other(of_io)), describe(&error), "wrapped once more");
        }
        assert!(of_stream(&io::ErrorKind::UnexpectedEof.into()).contains("closed the connection"));
    }
}
