//! Asks a filter of a row.
//!
//! A million rows share few distinct texts, so a [`Matcher`], which stays with one set of activities, remembers of each
//! shared text whether a pattern is in it, and of the words for the last status and kind: most rows then cost a look-up and
//! not a search.

use crate::activity::collections::interner::{PackedId, TextId};
use crate::activity::entry::Kind;
use crate::activity::read::Activity;
use crate::activity::status::Status;
use crate::activity::time::since::TimeSpec;
use crate::activity::time::timestamp::Timestamp;

use super::expression::{Filter, Term, Test};
use super::names::Field;
use super::pattern::Pattern;

/// What is remembered of a pattern and a shared text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum FieldCache {
    #[default]
    Nothing,
    Found,
    NotFound,
}

/// What is remembered of one part of the filter.
#[derive(Debug, Default)]
struct MatchCache {
    /// What is known of each shared text.
    shared: Vec<FieldCache>,
    /// The last status, and whether the pattern is in its word: neighbours mostly have the same.
    status: Option<(Status, bool)>,
    /// The same of the last kind.
    kind: Option<(Kind, bool)>,
}

/// A filter with its memory, for the rows of one set of activities.
#[derive(Debug, Default)]
pub(crate) struct Matcher {
    filter: Filter,
    /// For each part of the filter, what is remembered of it.
    memory: Vec<MatchCache>,
    /// As of which [`TextPool::version`].
    version: u64,
    buffer: String,
}

impl Matcher {
    /// One that knows nothing yet.
    pub(crate) fn new(filter: Filter) -> Self {
        let memory = filter.terms.iter().map(|_| MatchCache::default()).collect();
        Self { filter, memory, version: 0, buffer: String::new() }
    }

    /// The filter.
    pub(crate) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Whether the filter lets a row through at a time.
    pub(crate) fn matches(&mut self, activity: &Activity<'_>, now: Timestamp) -> bool {
        let Self { filter, memory, version, buffer } = self;
        if *version != activity.pool.version() {
            *version = activity.pool.version();
            for memory in memory.iter_mut() {
                memory.shared.clear();
            }
        }
        let mut parts = filter.terms.iter().zip(memory);
        parts
            .all(|(term, memory)| holds(term, activity, now, &mut Search { memory: Some(memory), buffer, whole: None }))
    }
}

/// Asks without remembering anything. `whole` is the text of which the row has the beginning, where it is known.
pub(crate) fn without_memory(filter: &Filter, activity: &Activity<'_>, now: Timestamp, whole: Option<&str>) -> bool {
    let mut buffer = String::new();
    let is_of = |whole: &&str| activity.whole_message().strip_suffix('…').is_some_and(|cut| whole.starts_with(cut));
    let whole = whole.filter(is_of);
    let holds = |term| holds(term, activity, now, &mut Search { memory: None, buffer: &mut buffer, whole });
    filter.terms.iter().all(holds)
}

/// What a search may work with.
struct Search<'a> {
    memory: Option<&'a mut MatchCache>,
    buffer: &'a mut String,
    /// The message's whole text, where the row has only its beginning.
    whole: Option<&'a str>,
}

impl Search<'_> {
    /// Whether a pattern is in a shared text.
    fn is_in_shared(&mut self, pattern: &Pattern, activity: &Activity<'_>, id: TextId) -> bool {
        let Some(memory) = &mut self.memory else { return pattern.is_in(activity.pool.get(id), self.buffer) };
        let (known, at) = (&mut memory.shared, id.index());
        if known.len() <= at {
            known.resize((at + 1).next_power_of_two(), FieldCache::Nothing);
        }
        let Some(slot) = known.get_mut(at) else { return false };
        if *slot == FieldCache::Nothing {
            let found = pattern.is_in(activity.pool.get(id), self.buffer);
            *slot = if found { FieldCache::Found } else { FieldCache::NotFound };
        }
        *slot == FieldCache::Found
    }

    /// Whether a pattern is in the word for a status.
    fn is_in_status(&mut self, pattern: &Pattern, status: Status) -> bool {
        if let Some((last, found)) = self.memory.as_ref().and_then(|memory| memory.status)
            && last == status
        {
            return found;
        }
        let found = pattern.is_in(&status.word(), self.buffer);
        if let Some(memory) = &mut self.memory {
            memory.status = Some((status, found));
        }
        found
    }

    /// Whether a pattern is in the word for a kind.
    fn is_in_kind(&mut self, pattern: &Pattern, kind: Kind) -> bool {
        if let Some((last, found)) = self.memory.as_ref().and_then(|memory| memory.kind)
            && last == kind
        {
            return found;
        }
        let found = pattern.is_in(kind.word(), self.buffer);
        if let Some(memory) = &mut self.memory {
            memory.kind = Some((kind, found));
        }
        found
    }
}

fn holds(term: &Term, activity: &Activity<'_>, now: Timestamp, search: &mut Search<'_>) -> bool {
    let is_so = match &term.test {
        Test::Text(Some(field), pattern) => is_in(*field, pattern, activity, search),
        // Those first that cost the least.
        Test::Text(None, pattern) => {
            [Field::Message, Field::Label, Field::Context, Field::Id, Field::Status, Field::Kind]
                .into_iter()
                .any(|field| is_in(field, pattern, activity, search))
        }
        Test::Empty(field) => text_of(*field, activity).is_empty(),
        Test::Status(names) => {
            let status = activity.status();
            names.iter().any(|name| name.is(status))
        }
        Test::Kind(kinds) => kinds.contains(&activity.kind()),
        Test::Source(sources) => activity.source().is_some_and(|source| sources.contains(&source)),
        // A time of day is meant by the computer's clock.
        Test::Since(TimeSpec::At(at) | TimeSpec::Day(_, at)) => activity.shown(activity.updated()) >= *at,
        Test::Since(since) => activity.updated() >= since.moment(now),
        Test::Took(comparison, than) => activity.took(now).is_some_and(|took| comparison.holds(took, *than)),
    };
    is_so != term.not
}

fn is_in(field: Field, pattern: &Pattern, activity: &Activity<'_>, search: &mut Search<'_>) -> bool {
    match field {
        Field::Message => match activity.data {
            _ if search.whole.is_some_and(|whole| pattern.is_in(whole, search.buffer)) => true,
            None => search.is_in_shared(pattern, activity, activity.row.message),
            // What it says of data is put together from what is known.
            Some(_) => pattern.is_in(&activity.whole_message(), search.buffer),
        },
        Field::Label => search.is_in_shared(pattern, activity, activity.row.label),
        Field::Context => activity.data.is_some_and(|data| search.is_in_shared(pattern, activity, data.context.value)),
        Field::Id => match activity.row.id {
            PackedId::Text(id) => search.is_in_shared(pattern, activity, id),
            PackedId::Uuid(bytes) => {
                let mut room = [0; 36];
                pattern.may_be_in_uuid()
                    && pattern.is_in_uuid(uuid::Uuid::from_bytes(bytes).hyphenated().encode_lower(&mut room))
            }
        },
        Field::Status => search.is_in_status(pattern, activity.status()),
        Field::Kind => search.is_in_kind(pattern, activity.kind()),
    }
}

fn text_of<'a>(field: Field, activity: &Activity<'a>) -> std::borrow::Cow<'a, str> {
    match field {
        Field::Id => activity.id(),
        Field::Label => activity.label().into(),
        Field::Context => activity.context().into(),
        Field::Message => activity.message(),
        Field::Kind => activity.kind().word().into(),
        Field::Status => activity.status().word(),
    }
}
