//! Evaluates filters on rows.
//!
//! A million rows share few distinct texts. So a [`Matcher`], which belongs to one set of activities, caches for each shared text
//! whether a pattern matches, and likewise for the last status and kind: most rows then cost a look-up instead of a search.

use crate::activity::activity_values::Activity;
use crate::activity::collections::interner::{PackedId, TextId};
use crate::activity::entry::Kind;
use crate::activity::status::Status;
use crate::activity::time::time_spec::TimeSpec;
use crate::activity::time::timestamp::Timestamp;

use super::expression::{Filter, Term, Test};
use super::fields::Field;
use super::pattern::Pattern;

/// The cached result for a pattern and a shared text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum FieldCache {
    #[default]
    Unknown,
    Found,
    NotFound,
}

/// The cache of one part of the filter.
#[derive(Debug, Default)]
struct MatchCache {
    /// Results by shared text.
    shared: Vec<FieldCache>,
    /// The result for the last status word: neighbouring rows mostly have the same status.
    status: Option<(Status, bool)>,
    /// Same for the last kind.
    kind: Option<(Kind, bool)>,
}

/// A filter with its caches, for the rows of one set of activities.
#[derive(Debug, Default)]
pub(crate) struct Matcher {
    filter: Filter,
    /// The cache of each part of the filter.
    caches: Vec<MatchCache>,
    /// The version of the interner (`Interner::version`) that the caches belong to.
    version: u64,
    buffer: String,
}

impl Matcher {
    /// A matcher with empty caches.
    pub(crate) fn new(filter: Filter) -> Self {
        let caches = filter.terms.iter().map(|_| MatchCache::default()).collect();
        Self { filter, caches, version: 0, buffer: String::new() }
    }

    pub(crate) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Whether a row matches the filter at a time.
    pub(crate) fn matches(&mut self, activity: &Activity<'_>, now: Timestamp) -> bool {
        let Self { filter, caches, version, buffer } = self;
        if *version != activity.pool.version() {
            *version = activity.pool.version();
            for memory in caches.iter_mut() {
                memory.shared.clear();
            }
        }
        let mut parts = filter.terms.iter().zip(caches);
        parts.all(|(term, memory)| {
            evaluate(term, activity, now, &mut Search { cache: Some(memory), buffer, whole: WholeTexts::default() })
        })
    }
}

/// Evaluates without caches, also in complete texts of which the row has the beginning.
pub(crate) fn evaluate_uncached(
    filter: &Filter,
    activity: &Activity<'_>,
    now: Timestamp,
    whole: WholeTexts<'_>,
) -> bool {
    let mut buffer = String::new();
    let is_of = |whole: &&str, shown: &str| shown.strip_suffix('…').is_some_and(|cut| whole.starts_with(cut));
    let whole = WholeTexts {
        message: whole.message.filter(|whole| is_of(whole, &activity.whole_message())),
        context: whole.context.filter(|whole| is_of(whole, activity.whole_context())),
    };
    let holds = |term| evaluate(term, activity, now, &mut Search { cache: None, buffer: &mut buffer, whole });
    filter.terms.iter().all(holds)
}

/// Complete texts of which a row may have only the beginning; `None` if unknown.
#[derive(Debug, Clone, Copy, Default)]
pub struct WholeTexts<'a> {
    /// The text of the Message column.
    pub message: Option<&'a str>,
    /// `data_context`.
    pub context: Option<&'a str>,
}

/// The inputs of an evaluation.
struct Search<'a> {
    cache: Option<&'a mut MatchCache>,
    buffer: &'a mut String,
    whole: WholeTexts<'a>,
}

impl Search<'_> {
    /// Whether a pattern matches a shared text.
    fn is_in_shared(&mut self, pattern: &Pattern, activity: &Activity<'_>, id: TextId) -> bool {
        let Some(memory) = &mut self.cache else { return pattern.is_in(activity.pool.get(id), self.buffer) };
        let (known, at) = (&mut memory.shared, id.index());
        if known.len() <= at {
            known.resize((at + 1).next_power_of_two(), FieldCache::Unknown);
        }
        let Some(slot) = known.get_mut(at) else { return false };
        if *slot == FieldCache::Unknown {
            let found = pattern.is_in(activity.pool.get(id), self.buffer);
            *slot = if found { FieldCache::Found } else { FieldCache::NotFound };
        }
        *slot == FieldCache::Found
    }

    /// Whether a pattern matches a status word.
    fn is_in_status(&mut self, pattern: &Pattern, status: Status) -> bool {
        if let Some((last, found)) = self.cache.as_ref().and_then(|memory| memory.status)
            && last == status
        {
            return found;
        }
        let found = pattern.is_in(&status.word(), self.buffer);
        if let Some(memory) = &mut self.cache {
            memory.status = Some((status, found));
        }
        found
    }

    /// Whether a pattern matches a kind word.
    fn is_in_kind(&mut self, pattern: &Pattern, kind: Kind) -> bool {
        if let Some((last, found)) = self.cache.as_ref().and_then(|memory| memory.kind)
            && last == kind
        {
            return found;
        }
        let found = pattern.is_in(kind.word(), self.buffer);
        if let Some(memory) = &mut self.cache {
            memory.kind = Some((kind, found));
        }
        found
    }
}

fn evaluate(term: &Term, activity: &Activity<'_>, now: Timestamp, search: &mut Search<'_>) -> bool {
    let is_so = match &term.test {
        Test::Text(Some(field), pattern) => matches_field(*field, pattern, activity, search),
        // Cheapest first.
        Test::Text(None, pattern) => {
            [Field::Message, Field::Label, Field::Context, Field::Id, Field::Status, Field::Kind]
                .into_iter()
                .any(|field| matches_field(field, pattern, activity, search))
        }
        Test::Empty(field) => text_of(*field, activity).is_empty(),
        Test::Status(names) => {
            let status = activity.status();
            names.iter().any(|name| name.is(status))
        }
        Test::Kind(kinds) => kinds.contains(&activity.kind()),
        Test::Source(sources) => activity.source().is_some_and(|source| sources.contains(&source)),
        // A time of day is compared on the computer's clock.
        Test::Since(TimeSpec::At(at) | TimeSpec::Day(_, at)) => activity.displayed(activity.updated()) >= *at,
        Test::Since(since) => activity.updated() >= since.resolve(now),
        Test::Took(comparison, than) => activity.took(now).is_some_and(|took| comparison.holds(took, *than)),
    };
    is_so != term.not
}

fn matches_field(field: Field, pattern: &Pattern, activity: &Activity<'_>, search: &mut Search<'_>) -> bool {
    match field {
        Field::Message => match activity.data {
            _ if search.whole.message.is_some_and(|whole| pattern.is_in(whole, search.buffer)) => true,
            None => search.is_in_shared(pattern, activity, activity.row.message),
            // The message of a data request is composed and not shared.
            Some(_) => pattern.is_in(&activity.whole_message(), search.buffer),
        },
        Field::Label => search.is_in_shared(pattern, activity, activity.row.label),
        Field::Context => {
            search.whole.context.is_some_and(|whole| pattern.is_in(whole, search.buffer))
                || activity.data.is_some_and(|data| search.is_in_shared(pattern, activity, data.context.value))
        }
        Field::Id => match activity.row.id {
            PackedId::Text(id) => search.is_in_shared(pattern, activity, id),
            PackedId::Uuid(bytes) => {
                let mut buffer = [0; 36];
                pattern.may_be_in_uuid()
                    && pattern.is_in_uuid(uuid::Uuid::from_bytes(bytes).hyphenated().encode_lower(&mut buffer))
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
        Field::Context => activity.whole_context().into(),
        Field::Message => activity.message(),
        Field::Kind => activity.kind().word().into(),
        Field::Status => activity.status().word(),
    }
}
