//! The local socket: another process of the same user sends command ids to the process that holds the journal.
//!
//! A request and its response are one line of JSON each, at most 1 MiB long and with a version; neither contains a secret. Only the
//! owner can open the socket.

mod client;
mod local_socket;
pub(crate) mod request;
mod server;

pub use crate::engine::events::track_request::{
    InvalidCommand, InvalidTrackRequest, NotConfirmed, RequestError, TrackRequest, TrackedCommand,
};
pub use client::request_tracking;
pub use request::{IpcError, SocketError};
pub(crate) use server::listen;

#[cfg(test)]
mod tests {
    use super::request::Request;

    use crate::activity::{Fact, LocalEvent, Timestamp};
    use crate::engine::events::track_request::{MAX_COMMANDS, MAX_NAME_LENGTH, TrackRequest, TrackedCommand};

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn a_request_survives_serialization() {
        let tracking = TrackRequest::new(Some("ops".into()), &ids(&["a", " b ", "a"]), Some(" deploy ")).unwrap();
        assert_eq!(tracking.len(), 2, "an id that came twice counts twice");
        let line = serde_json::to_vec(&Request::of(&tracking)).unwrap();
        assert_eq!(Request::read(&line).unwrap(), tracking);
        let entries = tracking.into_entries(Timestamp(7));
        let facts: Vec<_> = entries.iter().map(|entry| (entry.key.id(), entry.fact.clone())).collect();
        let label = || Fact::Local(LocalEvent::Labelled { label: "deploy".into() });
        let tracked = || Fact::Local(LocalEvent::Tracked);
        assert_eq!(facts, [("a", tracked()), ("a", label()), ("b", tracked()), ("b", label())]);
    }

    #[test]
    fn a_request_with_several_labels_survives_serialization() {
        let command = |id, label| TrackedCommand::new(id, label).unwrap();
        let commands = vec![command("a", Some("x")), command("b", None), command("a", Some(" y ")), command("a", None)];
        let tracking = TrackRequest::of_commands(None, commands).unwrap();
        assert_eq!(tracking.commands, [command("a", Some("y")), command("b", None)], "the last label counts");
        let request = Request::of(&tracking);
        assert_eq!(request.version, 2, "an older program would ignore the labels");
        let line = serde_json::to_vec(&request).unwrap();
        assert_eq!(Request::read(&line).unwrap(), tracking);
    }

    #[test]
    fn a_request_with_one_label_is_understood_by_an_older_program() {
        for label in [None, Some("deploy")] {
            let request = Request::of(&TrackRequest::new(None, &ids(&["a", "b"]), label).unwrap());
            let line = serde_json::to_string(&request).unwrap();
            assert!(request.version == 1 && !line.contains("labels"), "{line}");
        }
    }

    #[test]
    fn an_invalid_request_is_refused_with_a_sentence() {
        let long = "x".repeat(MAX_NAME_LENGTH + 1);
        let many = vec!["a".to_owned(); MAX_COMMANDS + 1];
        for (ids, label) in [
            (ids(&[]), None),
            (ids(&["a", ""]), None),
            (ids(&["a\u{1b}[31m"]), None),
            (ids(&[&long]), None),
            (many, None),
            (ids(&["a"]), Some("two\nlines")),
        ] {
            let error = TrackRequest::new(None, &ids, label).unwrap_err().to_string();
            assert!(error.ends_with('.'), "not a sentence: {error}");
        }
    }

    #[test]
    fn lines_of_other_programs_are_refused() {
        for line in [
            "",
            "null",
            "{}",
            r#"{"version":2,"do":"track"}"#,
            r#"{"version":3,"do":"track","profile":null,"label":null,"ids":["a"]}"#,
            r#"{"version":0,"do":"track","profile":null,"label":null,"ids":["a"]}"#,
            r#"{"version":2,"do":"track","profile":null,"label":null,"ids":["a"],"labels":["x","y"]}"#,
            r#"{"version":2,"do":"track","profile":null,"label":null,"ids":["a"],"labels":["x\ny"]}"#,
            r#"{"version":1,"do":"quit","profile":null,"label":null,"ids":["a"]}"#,
            r#"{"version":1,"do":"track","profile":null,"label":null,"ids":[]}"#,
        ] {
            let refused = Request::read(line.as_bytes()).unwrap_err();
            assert!(refused.is_usage() && refused.to_string().ends_with('.'), "{line}: {refused:?}");
        }
    }
}
