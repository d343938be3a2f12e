//! Requests about single activities: check status, set labels, read and reveal messages.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::path::PathBuf;

use crate::activity::export_record::{context_of, text_of};
use crate::activity::{ActivityKey, Entry, Fact, Gap, Incomplete, LocalEvent, Seq};
use crate::engine::context::internal_event::{InternalEvent, RefusedCheck};
use crate::engine::events::action::CutText;
use crate::engine::events::event::{Event, Notice, Severity};
use crate::engine::events::notice_reason::{NoMessage, NoticeReason, Unshown};
use crate::engine::events::problem::NeedsToken;
use crate::engine::network::rest_error::RestError;
use crate::engine::runtime::os_open::OpenMode;
use crate::engine::storage::reveal_secrets::reveal;
use crate::engine::supervisor::Supervisor;
use crate::journal::{History, JournalError};
use crate::protocol::CommandId;
use crate::settings::{ProfileId, atomic};

/// The most bytes of full texts that are read at once: more than a clipboard can use.
const MAX_TEXTS_SIZE: usize = 64 * 1024 * 1024;

impl Supervisor {
    /// Asks the server for the status of commands, one after the other; each answer becomes an entry.
    pub(crate) fn check_status(&mut self, profile: ProfileId, commands: Vec<CommandId>) {
        self.request_status(profile, commands, true);
    }

    /// The same; `again` is whether to retry with a new token if the server refuses this one.
    fn request_status(&self, profile: ProfileId, commands: Vec<CommandId>, retry: bool) {
        let Some(profile_state) = self.profile_states.get(&profile) else { return };
        let Some(held) = &profile_state.active_token else {
            return self.report_no_token(profile, NeedsToken::StatusCheck);
        };
        let (session_credentials, journal_writer, context) = (
            held.session_credentials.clone(),
            profile_state.journal_writer.until_cleared(),
            profile_state.context.clone(),
        );
        let dialect = profile_state.status_method.clone();
        let task = async move {
            let mut remaining = VecDeque::from(commands);
            while let Some(command) = remaining.front() {
                match context
                    .rest
                    .request_status(&session_credentials.endpoints, &session_credentials.token, command, &dialect)
                    .await
                {
                    Ok(status_check) => {
                        let key = ActivityKey::Command(command.clone());
                        let entry = Entry::local((context.clock)(), key, Fact::StatusChecked(status_check));
                        if journal_writer.record(entry).await.is_err() {
                            tracing::debug!("the profile is being closed");
                            return;
                        }
                        remaining.pop_front();
                    }
                    Err(why @ RestError::Unauthorised(_)) => {
                        let (commands, credentials_number) = (remaining.into(), session_credentials.number);
                        let check = RefusedCheck { profile, commands, credentials_number, why, retry };
                        return context.report(InternalEvent::StatusCheckRefused(check)).await;
                    }
                    // What failed for this one would fail for the next: one notice, not hundreds.
                    Err(why) => {
                        return context.warn(profile, NoticeReason::StatusUnknown { commands: remaining.into(), why });
                    }
                }
            }
        };
        profile_state.context.spawner.spawn("asking for a status", task);
    }

    /// The server refused the token of a status check. While a new token is being requested, the check waits for it.
    pub(crate) fn on_status_check_refused(&mut self, check: RefusedCheck) {
        self.on_token_invalid(check.profile, check.credentials_number, check.why.clone());
        let Some(profile_state) = self.profile_states.get_mut(&check.profile) else { return };
        match &profile_state.renewal {
            Some((renewal, _)) if check.retry && renewal.old.number == check.credentials_number => {
                profile_state.waiting_checks.push(check);
            }
            _ => self.retry_check(check),
        }
    }

    /// Continues the waiting checks, because a new token arrived or none will, or the profile signed in or out.
    pub(crate) fn retry_waiting_checks(&mut self, profile: ProfileId) {
        let Some(profile_state) = self.profile_states.get_mut(&profile) else { return };
        for check in std::mem::take(&mut profile_state.waiting_checks) {
            self.retry_check(check);
        }
    }

    /// Repeats a check if there is a token other than the refused one; otherwise reports that the status is unknown.
    fn retry_check(&self, check: RefusedCheck) {
        let RefusedCheck { profile, commands, credentials_number, why, retry } = check;
        let held = self.profile_states.get(&profile).and_then(|profile_state| profile_state.active_token.as_ref());
        if retry && held.is_some_and(|held| held.session_credentials.number != credentials_number) {
            self.request_status(profile, commands, false);
        } else {
            self.context.warn(profile, NoticeReason::StatusUnknown { commands, why });
        }
    }

    /// Asks the server again for every command of a gap that is still open; the reconciler does it, at its own pace.
    pub(crate) fn reconcile(&self, profile: ProfileId, gap: ActivityKey) {
        let Some(profile_state) = self.profile_states.get(&profile) else { return };
        if profile_state.pending_commands.joined().is_none() {
            return self.notify(Some(profile), Severity::Info, NoticeReason::GapDeferred);
        }
        let (pending_commands, context) = (profile_state.pending_commands.clone(), profile_state.context.clone());
        let task = async move {
            // A gap that is not open refers to nothing that is open.
            let entries = match context.journal_store.history(profile, &gap, None).await {
                Ok(history) => history.entries,
                Err(error) => return context.warn(profile, NoticeReason::GapUnreadable(error.into())),
            };
            let asked = pending_commands.make_due(&Gap::of(&entries).map(|gap| gap.open).unwrap_or_default());
            tracing::debug!(asked, "reconciling a gap");
        };
        profile_state.context.spawner.spawn("reconciling a gap", task);
    }

    /// Sets the label of activities.
    pub(crate) fn label(&mut self, profile: ProfileId, keys: Vec<ActivityKey>, label: &str) {
        let Some(profile_state) = self.profile_states.get(&profile) else { return };
        let at = (self.context.clock)();
        let entry = |key| Entry::local(at, key, Fact::Local(LocalEvent::Labelled { label: label.to_owned() }));
        profile_state.record(keys.into_iter().map(entry).collect());
    }

    pub(crate) fn history(&self, profile: ProfileId, key: ActivityKey, from: Seq, to: Seq) {
        let (context, what) = (self.context.clone(), Unshown::Messages(key.id().to_owned()));
        self.read_for_window(profile, what, async move {
            let History { entries, is_cut } = context.journal_store.history(profile, &key, Some((from, to))).await?;
            Ok(Event::History { profile, key, entries, is_cut })
        });
    }

    /// Reads the earlier entries of rows that were evicted and are in memory again.
    pub(crate) fn read_earlier_entries(&self, profile: ProfileId, rows: Vec<Incomplete>) {
        let context = self.context.clone();
        self.read_for_window(profile, Unshown::EarlierMessages, async move {
            let mut read = Vec::with_capacity(rows.len());
            for Incomplete { key, ranges } in rows {
                let mut entries = Vec::new();
                for stretch in ranges {
                    let known = Some((*stretch.start(), *stretch.end()));
                    entries.extend(context.journal_store.history(profile, &key, known).await?.entries);
                }
                read.push((key, entries));
            }
            Ok(Event::EarlierEntries { profile, rows: read })
        });
    }

    /// Reads the full texts of rows of which the window has only the beginning.
    pub(crate) fn read_texts(&self, profile: ProfileId, rows: Vec<CutText>) {
        let context = self.context.clone();
        self.read_for_window(profile, Unshown::Texts, async move {
            let (mut texts, mut remaining_size) = (Vec::with_capacity(rows.len()), MAX_TEXTS_SIZE);
            for CutText { key, from, to, beginning } in rows {
                let entries = context.journal_store.history(profile, &key, Some((from, to))).await?.entries;
                let of_entry = |entry| text_of(entry).into_iter().chain(context_of(entry).map(Cow::Borrowed));
                let whole = entries.iter().rev().flat_map(of_entry).find(|text| text.starts_with(&beginning));
                let Some(whole) = whole.filter(|whole| whole.len() <= remaining_size) else { continue };
                remaining_size -= whole.len();
                texts.push((key, whole.into_owned()));
            }
            Ok(Event::FullTexts { profile, texts })
        });
    }

    /// Reads the messages of an activity with their secrets.
    pub(crate) fn reveal(&self, profile: ProfileId, key: ActivityKey, between: (Seq, Seq)) {
        let Some(profile_state) = self.profile_states.get(&profile) else { return };
        let (context, link_store, what) =
            (self.context.clone(), profile_state.link_store.clone(), Unshown::Secrets(key.id().to_owned()));
        self.read_for_window(profile, what, async move {
            let messages = reveal(&context.journal_store, &link_store, profile, key.clone(), between).await?;
            Ok(Event::Revealed { profile, key, messages })
        });
    }

    /// Writes a binary message into a file.
    pub(crate) fn save_message(&self, profile: ProfileId, key: ActivityKey, to: PathBuf, span: Option<(Seq, Seq)>) {
        let Some(profile_state) = self.profile_states.get(&profile) else { return };
        let (context, link_store, spawner) =
            (self.context.clone(), profile_state.link_store.clone(), profile_state.context.spawner.clone());
        let name = to.file_name().unwrap_or(to.as_os_str()).display().to_string();
        let task = async move {
            let span = span.unwrap_or((Seq(0), Seq::FIRST_UNPERSISTED));
            let bytes = reveal(&context.journal_store, &link_store, profile, key, span)
                .await
                .map(|messages| messages.iter().find_map(|(_, original)| original.bytes()));
            let outcome = match bytes {
                Err(error) => Err(NoMessage::Unreadable(error.into())),
                Ok(None) => Err(NoMessage::NotStored),
                Ok(Some(bytes)) => match spawner.blocking("saving a message", move || atomic::write(&to, &bytes)).await
                {
                    Some(Ok(())) => Ok(()),
                    None => Err(NoMessage::WriterPanicked),
                    Some(Err(error)) => Err(NoMessage::File(error.into())),
                },
            };
            context.event_sender.send_notice(match outcome {
                Ok(()) => Notice::new(Severity::Info, Some(profile), NoticeReason::MessageSaved(name)),
                Err(why) => Notice::new(Severity::Error, Some(profile), NoticeReason::MessageNotSaved { name, why }),
            });
        };
        self.context_of(profile).spawner.spawn("saving a message", task);
    }

    /// Reads `what` from the journal for the window, and reports a failure.
    fn read_for_window(
        &self,
        profile: ProfileId,
        what: Unshown,
        reading: impl Future<Output = Result<Event, JournalError>> + Send + 'static,
    ) {
        let event_sender = self.context.event_sender.clone();
        let task = async move {
            match reading.await {
                Ok(event) => event_sender.send(event),
                Err(error) => {
                    let reason = NoticeReason::NotShown { what, why: error.into() };
                    event_sender.send_notice(Notice::new(Severity::Error, Some(profile), reason));
                }
            }
        };
        self.context_of(profile).spawner.spawn("reading the journal", task);
    }

    /// Opens a file or shows it in its folder, with the system's programs.
    pub(crate) fn open_external(&self, path: PathBuf, how: OpenMode) {
        let event_sender = self.context.event_sender.clone();
        let failed =
            move |words| event_sender.send_notice(Notice::new(Severity::Error, None, NoticeReason::NotOpened(words)));
        self.context.spawner.spawn("opening a file", how.run(path, failed));
    }
}
