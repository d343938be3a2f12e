//! Reads a settings file with invalid parts: those fall back to their defaults, and the rest counts.

use serde::Deserialize as _;
use toml::de::DeTable;
use toml::{Table, Value};

use super::Settings;

/// Maximum number of invalid values that a sentence names.
const MAX_NAMED: usize = 3;

/// The content of a settings file.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) settings: Settings,
    /// The file as it is, including invalid values.
    pub(crate) table: Table,
    pub(crate) invalid: Vec<InvalidValue>,
    /// What is wrong with the file as TOML; some of it may not have been read.
    pub(crate) damage: Option<String>,
}

/// An invalid value.
#[derive(Debug)]
pub(crate) struct InvalidValue {
    /// The id and the name of the profile that contains it, as written.
    profile: Option<(String, String)>,
    /// The keys that lead to it, from the profile or from the top. For an array with invalid items, those of the array.
    path: Vec<String>,
    /// The value in the file.
    value: Value,
    why: String,
}

/// Parses a file's content. Never fails.
pub(crate) fn parse(text: &str) -> Parsed {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut damage = errors.first().map(|error| in_line(text, error));
    let table = Table::deserialize(toml::Deserializer::from(document)).unwrap_or_else(|error| {
        damage.get_or_insert_with(|| in_line(text, &error));
        Table::new()
    });
    let mut invalid = Vec::new();
    let settings = deserialize(&table).unwrap_or_else(|_something_is_wrong| {
        let mut fitting = table.clone();
        invalid = remove_invalid(&mut fitting);
        deserialize(&fitting).unwrap_or_default()
    });
    Parsed { settings, table, invalid, damage }
}

/// The sentence about the unused parts of a file; `None` if there are none.
pub(crate) fn sentence(parsed: &Parsed, path: &str) -> Option<String> {
    let rest = parsed.invalid.len().saturating_sub(MAX_NAMED);
    let mut named: Vec<String> = parsed.invalid.iter().take(MAX_NAMED).map(InvalidValue::describe).collect();
    if rest > 0 {
        named.push(format!("{rest} more"));
    }
    let (verb, default) =
        if parsed.invalid.len() == 1 { ("is", "its default is") } else { ("are", "their defaults are") };
    (!named.is_empty()).then(|| {
        format!("In {path}, {} {verb} not valid: {default} in force, and everything else counts.", named.join("; "))
    })
}

impl InvalidValue {
    fn describe(&self) -> String {
        let of = self.profile.as_ref().map(|(_, name)| format!(" of the profile {name}")).unwrap_or_default();
        format!("{}{of} ({})", self.path.join("."), self.why)
    }

    /// Puts the value back into the table to write, unless it was changed since. `deserialize` is the table as it was read.
    pub(crate) fn restore(&self, table: &mut Table, read: &Table) {
        let id = self.profile.as_ref().map(|(id, _)| id.as_str());
        let Some((key, rest)) = self.path.split_first() else { return };
        let before = part_of(read, id).and_then(|part| part.get(key));
        let before = rest.iter().try_fold(before, |at, key| Some(at?.get(key))).flatten();
        let now = part_of_mut(table, id).and_then(|part| part.get_mut(key));
        let now = rest.iter().try_fold(now, |at, key| Some(at?.get_mut(key))).flatten();
        if let (Some(now), Some(before)) = (now, before)
            && now == before
        {
            now.clone_from(&self.value);
        }
    }
}

/// The settings themselves, or a profile in them by its id.
fn part_of<'a>(table: &'a Table, profile: Option<&str>) -> Option<&'a Table> {
    let Some(id) = profile else { return Some(table) };
    table.get("profiles")?.as_array()?.iter().filter_map(Value::as_table).find(|profile| is_profile(profile, id))
}

fn part_of_mut<'a>(table: &'a mut Table, profile: Option<&str>) -> Option<&'a mut Table> {
    let Some(id) = profile else { return Some(table) };
    let profiles = table.get_mut("profiles")?.as_array_mut()?;
    profiles.iter_mut().filter_map(Value::as_table_mut).find(|profile| is_profile(profile, id))
}

fn is_profile(table: &Table, id: &str) -> bool {
    table.get("id").and_then(Value::as_str) == Some(id)
}

/// What is wrong with a file's text, and in which line.
fn in_line(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().and_then(|span| text.get(..span.start)).map(|before| before.split('\n').count());
    let message = error.message().replace(['\n', '\r'], " ");
    line.map_or(message.clone(), |line| format!("line {line}: {message}"))
}

fn deserialize(table: &Table) -> Result<Settings, String> {
    Settings::deserialize(table.clone()).map_err(|error| error.message().replace(['\n', '\r'], " "))
}

/// A table with only this key.
fn alone(key: &str, value: Value) -> Table {
    std::iter::once((key.to_owned(), value)).collect()
}

/// Removes every invalid value. Each key is tested alone, so that all others have their defaults.
fn remove_invalid(table: &mut Table) -> Vec<InvalidValue> {
    const PROFILES: &str = "profiles";
    let mut wrong = Vec::new();
    let Some(Value::Array(mut profiles)) = table.remove(PROFILES) else {
        // Not a list: it is as invalid as any other value.
        let whole = std::mem::take(table);
        *table = fitting(whole, &deserialize, None, &mut wrong);
        return wrong;
    };
    let rest = std::mem::take(table);
    *table = fitting(rest, &deserialize, None, &mut wrong);
    let in_list = |profile: Table| deserialize(&alone(PROFILES, Value::Array(vec![Value::Table(profile)])));
    for profile in &mut profiles {
        let Value::Table(entries) = profile else {
            let value = std::mem::replace(profile, Value::Table(Table::new()));
            wrong.push(InvalidValue {
                profile: None,
                path: vec![PROFILES.to_owned()],
                value,
                why: "not a table".to_owned(),
            });
            continue;
        };
        let word = |key| entries.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let named = (word("id"), word("name"));
        let reads = |part: &Table| in_list(part.clone());
        *entries = fitting(std::mem::take(entries), &reads, Some(&named), &mut wrong);
    }
    profiles.retain(|profile| profile.as_table().is_some_and(|entries| !entries.is_empty()));
    table.insert(PROFILES.to_owned(), Value::Array(profiles));
    wrong
}

/// The valid part of a table, found by testing each key alone.
fn fitting(
    table: Table,
    reads: &dyn Fn(&Table) -> Result<Settings, String>,
    profile: Option<&(String, String)>,
    wrong: &mut Vec<InvalidValue>,
) -> Table {
    let mut found = Vec::new();
    let mut valid = Table::new();
    for (key, value) in table {
        let mut path = vec![key.clone()];
        let fits = |value: Value| reads(&alone(&key, value)).map(|_settings| ());
        if let Some(value) = prune(value, &fits, &mut path, &mut found) {
            valid.insert(key, value);
        }
    }
    let of_profile = |(path, value, why)| InvalidValue { profile: profile.cloned(), path, value, why };
    wrong.extend(found.into_iter().map(of_profile));
    valid
}

/// The valid part of a value. `fits` says whether a value in its place can be read.
fn prune(
    value: Value,
    fits: &dyn Fn(Value) -> Result<(), String>,
    path: &mut Vec<String>,
    wrong: &mut Vec<(Vec<String>, Value, String)>,
) -> Option<Value> {
    let Err(why) = fits(value.clone()) else { return Some(value) };
    match value {
        Value::Table(table) if fits(Value::Table(Table::new())).is_ok() => {
            let mut valid = Table::new();
            for (key, value) in table {
                path.push(key.clone());
                let within = |value| fits(Value::Table(alone(&key, value)));
                let pruned = prune(value, &within, path, wrong);
                path.pop();
                valid.extend(pruned.map(|value| (key, value)));
            }
            Some(Value::Table(valid))
        }
        Value::Array(items) if fits(Value::Array(Vec::new())).is_ok() => {
            wrong.push((path.clone(), Value::Array(items.clone()), why));
            let within = |item| fits(Value::Array(vec![item]));
            // The list as a whole is invalid, so it is put back as a whole.
            let mut in_items = Vec::new();
            let valid = items.into_iter().filter_map(|item| prune(item, &within, path, &mut in_items));
            Some(Value::Array(valid.collect()))
        }
        value => {
            wrong.push((path.clone(), value, why));
            None
        }
    }
}
