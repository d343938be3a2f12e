//! What an earlier run left behind: downloads that it did not end, and warnings that nobody has read.
//!
//! A crash in the middle of a transfer leaves `Fetching` as the last deed of its request, and a part-file. It is never taken for
//! a whole file: the row says what happened, and what had come is kept under a name that says what it is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::activity::{ActivityKey, Deed, Entry, Fact, NotSaved, path_of_text, text_of_path};
use crate::engine::action::Action;
use crate::engine::event::{Notice, Severity};
use crate::engine::scribe::Scribe;
use crate::engine::tools::Tools;
use crate::engine::used_links::Fingerprint;
use crate::engine::vault::{NoLink, Vault};
use crate::protocol::RequestId;
use crate::settings::ProfileId;

use super::failed::what_now;
use super::part;

/// How many GETs of earlier runs are remembered: the newest.
const MOST_USED: usize = 100_000;

/// What an earlier run left behind, and what it used.
#[derive(Debug, Default)]
pub(in crate::engine) struct Aftermath {
    /// To be told of the histories of the requests that earlier runs left open.
    pub(in crate::engine) left_behind: LeftBehind,
    /// To be told of what is restored from the journal, newest first.
    pub(in crate::engine) used: UsedBefore,
}

/// Gathers what was left behind from the histories of the requests that earlier runs left open.
#[derive(Debug, Default)]
pub(in crate::engine) struct LeftBehind {
    /// Requests of which the last deed of a download is known.
    decided: BTreeSet<RequestId>,
    /// Requests whose warning was read.
    read: BTreeSet<RequestId>,
    /// Requests whose data token is known.
    requested: BTreeSet<RequestId>,
    unfinished: Vec<Unfinished>,
    unread: Vec<(RequestId, String)>,
}

/// Has the vault know which links earlier runs used.
#[derive(Debug, Default)]
pub(in crate::engine) struct UsedBefore {
    vault: Vault,
    /// Requests of which the deed that was read last is that their GET was not sent after all.
    unsent: BTreeSet<RequestId>,
    /// How many GETs were noted.
    count: usize,
    /// Requests whose used links the server has sent again before that was known.
    repeated: BTreeSet<RequestId>,
}

/// A download that was not ended.
#[derive(Debug, PartialEq, Eq)]
struct Unfinished {
    request: RequestId,
    to: PathBuf,
    part: Option<PathBuf>,
}

impl UsedBefore {
    /// Takes note of a chunk of the journal, ascending; of chunks the newest comes first.
    pub(in crate::engine) fn note(&mut self, entries: &[Entry]) {
        for entry in entries.iter().rev() {
            let (ActivityKey::Data(request), Fact::Done(deed)) = (&entry.key, &entry.fact) else { continue };
            match deed {
                Deed::Fetching { links, .. } if !self.unsent.remove(request) && self.count < MOST_USED => {
                    self.count += 1;
                    let links: Vec<_> = links.iter().filter_map(|link| Fingerprint::read(link)).collect();
                    if self.vault.used_before(request, &links) {
                        self.repeated.insert(request.clone());
                    }
                }
                Deed::NotSaved { why: NotSaved::NotStarted, .. } => _ = self.unsent.insert(request.clone()),
                _ => {}
            }
        }
    }
}

impl LeftBehind {
    /// Takes note of the entries of a request, ascending.
    pub(in crate::engine) fn note(&mut self, entries: &[Entry]) {
        for entry in entries.iter().rev() {
            if let (ActivityKey::Data(request), Fact::Done(deed)) = (&entry.key, &entry.fact) {
                self.deed(request, deed);
            }
        }
    }

    fn deed(&mut self, request: &RequestId, deed: &Deed) {
        match deed {
            Deed::WarningRead => {
                self.read.insert(request.clone());
            }
            Deed::Requested(_) => {
                self.requested.insert(request.clone());
            }
            Deed::Fetching { to, part, .. } => {
                if self.decided.insert(request.clone()) {
                    let part = part.as_deref().map(path_of_text);
                    self.unfinished.push(Unfinished { request: request.clone(), to: path_of_text(to), part });
                }
            }
            Deed::NotSaved { why: NotSaved::Refused, sentence, .. } => {
                if !self.read.contains(request) {
                    self.unread.push((request.clone(), sentence.clone()));
                }
                self.decided.insert(request.clone());
            }
            Deed::Saved { .. } | Deed::NotSaved { .. } => {
                self.decided.insert(request.clone());
            }
            Deed::Labelled { .. } | Deed::Tracked => {}
        }
    }
}

impl Aftermath {
    /// That has a vault know again what was used.
    pub(in crate::engine) fn of(vault: Vault) -> Self {
        Self { used: UsedBefore { vault, ..UsedBefore::default() }, ..Self::default() }
    }

    /// Ends what was not ended, and tells what was not read.
    pub(in crate::engine) async fn settle(self, profile: ProfileId, scribe: Scribe, tools: Tools) {
        let Self { left_behind: LeftBehind { requested, unfinished, unread, .. }, used } = self;
        for request in used.repeated {
            let sentence = NoLink::Taken.to_string();
            let used = Fact::Done(Deed::NotSaved { why: NotSaved::LinkUsed, sentence, part: None });
            if scribe.record(Entry::ours((tools.clock)(), ActivityKey::Data(request), used)).await.is_err() {
                return;
            }
        }
        for (request, sentence) in unread {
            let read = Action::WarningRead { profile, request };
            tools.outbox.notice(Notice {
                severity: Severity::Error,
                profile: Some(profile),
                sentence,
                remedy: Some(("I have read this".to_owned(), read)),
            });
        }
        for unfinished in unfinished {
            let can_request = requested.contains(&unfinished.request);
            let request = unfinished.request.clone();
            let kept = tools.spawner.blocking("keeping a part-file", move || unfinished.keep());
            let Some((mut sentence, kept)) = kept.await else { continue };
            sentence.push_str(&what_now(kept.as_deref(), can_request));
            let part = kept.as_deref().map(text_of_path);
            let entry = Entry::ours(
                (tools.clock)(),
                ActivityKey::Data(request),
                Fact::Done(Deed::NotSaved { why: NotSaved::Broken, sentence, part }),
            );
            if scribe.record(entry).await.is_err() {
                return;
            }
        }
    }
}

impl Unfinished {
    /// Keeps what is left of it. Says what happened, and where that is.
    fn keep(self) -> (String, Option<PathBuf>) {
        let kept = self.part.as_deref().and_then(|part| part::keep_left_behind(part, &self.to));
        let ended = "Privicore Monitor ended in the middle of the download. The link is used up.";
        let doubtful = kept.is_none() && is_file(&self.to);
        let doubt = if doubtful {
            format!(
                " There is a file {}: whether this download wrote it is not known, so do not rely on it.",
                self.to.display()
            )
        } else {
            String::new()
        };
        (format!("{ended}{doubt}"), kept)
    }
}

fn is_file(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
}
