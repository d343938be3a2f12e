//! The property test: for any journal, all views agree.

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Command(u8, u8),
    Data(u8, bool),
    Unknown(u8),
    Known(u8, i64),
    Tracked(u8),
    /// Labels a command, or a data request, if it has a row.
    Named(bool, u8),
    /// A stream token; or the message that a stream is ready.
    Stream(u8, bool),
    /// A download that fails before it begins, is refused, or succeeds.
    Download(u8, Option<DownloadFailure>),
    /// The connection is lost: a new gap begins, or the last one is reopened.
    Lost(bool, GapCause),
    /// The connection joins; `true` if an earlier version writes the entry.
    Joined(bool),
    Purge,
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0..5_u8;
    let cause = prop::sample::select(vec![
        GapCause::Disconnected,
        GapCause::NotRunning,
        GapCause::Asleep,
        GapCause::MessageLost,
    ]);
    let end = prop::sample::select(vec![
        Some(DownloadFailure::NotStarted),
        Some(DownloadFailure::Refused),
        Some(DownloadFailure::LinkExpired),
        Some(DownloadFailure::Broken),
        None,
    ]);
    prop_oneof![
        3 => (id.clone(), 1..5_u8).prop_map(|(id, status)| Step::Command(id, status)),
        2 => (0..3_u8, any::<bool>()).prop_map(|(id, is_ready)| Step::Data(id, is_ready)),
        1 => id.clone().prop_map(Step::Unknown),
        2 => (id.clone(), 1..5_i64).prop_map(|(id, status)| Step::Known(id, status)),
        1 => id.clone().prop_map(Step::Tracked),
        1 => (any::<bool>(), 0..3_u8).prop_map(|(is_data, id)| Step::Named(is_data, id)),
        1 => (0..3_u8, any::<bool>()).prop_map(|(id, is_token)| Step::Stream(id, is_token)),
        1 => (0..3_u8, end).prop_map(|(id, end)| Step::Download(id, end)),
        2 => (any::<bool>(), cause).prop_map(|(goes_on, cause)| Step::Lost(goes_on, cause)),
        2 => any::<bool>().prop_map(Step::Joined),
        2 => Just(Step::Purge),
    ]
}

impl Fixture {
    fn key(kind: &str, number: u8) -> ActivityKey {
        let id = format!("{kind}-{number}");
        if kind == "c" { ActivityKey::Command(id.as_str().into()) } else { ActivityKey::Data(id.as_str().into()) }
    }

    fn status(&self, key: &ActivityKey) -> Option<Status> {
        self.window.find(key).and_then(|row| self.window.get(row)).map(|row| row.status())
    }

    fn write_local(&mut self, key: ActivityKey, event: LocalEvent) {
        self.write(Entry::local(Timestamp(0), key, Fact::Local(event)));
    }

    fn take(&mut self, step: &Step) {
        let last = self.gaps.last_key_value().map(|(from, gap)| (*from, gap.to.is_none()));
        match *step {
            Step::Command(id, status) => self.write(command(&format!("c-{id}"), status)),
            Step::Data(id, is_ready) => self.write(data(&format!("r-{id}"), is_ready)),
            Step::Unknown(id) => self.write(status_checked(&format!("c-{id}"), StatusCheck::Unknown)),
            Step::Known(id, status) => self.write(status_checked(&format!("c-{id}"), known(status))),
            Step::Tracked(id) => self.write_local(Self::key("c", id), LocalEvent::Tracked),
            Step::Named(is_data, id) => {
                let key = Self::key(if is_data { "r" } else { "c" }, id);
                if self.status(&key).is_some() {
                    self.write_local(key, LocalEvent::Labelled { label: "night".to_owned() });
                }
            }
            Step::Stream(id, true) => self.write(token(&format!("r-{id}"))),
            Step::Stream(id, false) => self.write(stream_ready(&format!("r-{id}"))),
            Step::Download(id, end) => {
                let key = Self::key("r", id);
                if self.status(&key) != Some(Status::Ready) {
                    return;
                }
                if end != Some(DownloadFailure::NotStarted) {
                    self.write_local(
                        key.clone(),
                        LocalEvent::Fetching { to: "/tmp/a".to_owned(), part: None, links: Vec::new() },
                    );
                }
                self.write_local(
                    key.clone(),
                    match end {
                        Some(why) => LocalEvent::NotSaved { why, sentence: "It failed.".to_owned(), part: None },
                        None => {
                            LocalEvent::Saved { to: "/tmp/a".to_owned(), size: 1, receipt: DownloadReceipt::default() }
                        }
                    },
                );
                if end == Some(DownloadFailure::Refused) {
                    self.pass(3_000);
                    self.write_local(key, LocalEvent::WarningRead);
                }
            }
            Step::Lost(goes_on, cause) => match last {
                Some((_, true)) => {}
                Some((from, false)) if goes_on => self.lose_by(from, cause),
                _ => self.lose_by(self.at, cause),
            },
            Step::Joined(by_earlier_version) => {
                if let Some((from, true)) = last {
                    self.join(from, by_earlier_version);
                }
            }
            Step::Purge => self.purge(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn window_export_and_watch_agree_on_every_gap_and_open_row(
        steps in prop::collection::vec((step(), prop_oneof![4 => 0..40_i64, 1 => 2_000..8_000_i64]), 1..40),
        later in prop::sample::select(vec![0_i64, 5, 60, 3_700]),
    ) {
        let mut fixture = Fixture::new();
        for (step, pause) in &steps {
            fixture.pass(*pause);
            fixture.take(step);
        }
        let purged = steps.iter().any(|(step, _)| matches!(step, Step::Purge));
        // A purge can remove whether an outcome was received, so look after the hour in which that counts.
        let [window, others @ ..] = fixture.final_lines(if purged { later + 3_700 } else { later });
        let names =
            ["the window after a restart", "export", "export --messages", "watch", "watch with few rows in memory"];
        for (lines, view) in others.iter().zip(names) {
            prop_assert_eq!(lines, &window, "{}", view);
        }
    }
}
