//! The settings file: read once at the start, rewritten completely on each change.

#![expect(clippy::disallowed_methods, reason = "a broken file is moved aside by a rename, whole")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use toml::{Table, Value};

use super::address::Address;
use super::directories::Directories;
use super::error::SettingsError;
use super::lenient::{self, InvalidValue, Parsed};
use super::proxy::ProxyChoice;
use super::{Settings, atomic};

/// The file's name within the configuration folder.
const FILE: &str = "settings.toml";

/// The first lines of the file.
const HEADER: &str = "# The settings of Privicore Monitor. It rewrites this file: comments are lost, and so is what is \
changed here while it runs;\n# keys that it does not know are kept. Passwords and tokens are never in here.\n\n";

/// The settings file.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    writing: Writing,
    unknown: Unknown,
    invalid: Vec<InvalidValue>,
    /// The settings as read from the file, to detect later changes.
    read: Table,
}

/// Whether the file may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    /// The file may be written.
    Allowed,
    /// No: a file exists that could be neither read nor moved aside.
    Blocked,
    /// No: the settings were opened read-only.
    Never,
}

/// Keys in the file that this version does not know; they are written back.
#[derive(Debug, Default)]
struct Unknown {
    /// Keys outside the profiles.
    top: Table,
    /// Keys in profiles, by profile id.
    profiles: BTreeMap<String, Table>,
}

impl Store {
    /// Reads the settings. If there are none yet, returns the defaults.
    ///
    /// An invalid value alone falls back to its default, and the third value reports it in a sentence; it stays in the file until
    /// it is changed. If the file is damaged, its readable part counts, and the file is copied under a new name first. Only a file
    /// that can't be read at all is moved aside.
    pub fn open(directories: &Directories) -> (Self, Settings, Option<String>) {
        let path = directories.config().join(FILE);
        let trouble = match fs::read(&path) {
            Ok(bytes) => match text(bytes) {
                Ok(text) => return Self::of_text(path, &text),
                Err(why) => why,
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return (Self::new(path, Writing::Allowed), Settings::default(), None);
            }
            Err(error) => atomic::describe_io(&error),
        };
        let (writing, sentence) = match move_aside(&path) {
            Ok(aside) => {
                let sentence = format!(
                    "The settings in {} could not be read ({trouble}). They were moved to {}, and the defaults are in \
                     force.",
                    path.display(),
                    aside.display()
                );
                (Writing::Allowed, sentence)
            }
            Err(error) => {
                let sentence = format!(
                    "The settings in {} could not be read ({trouble}) nor moved aside ({}). The defaults are in force, \
                     and changes are not saved. Repair or remove the file, then start again.",
                    path.display(),
                    atomic::describe_io(&error)
                );
                (Writing::Blocked, sentence)
            }
        };
        (Self::new(path, writing), Settings::default(), Some(sentence))
    }

    /// The settings of a file that is text.
    fn of_text(path: PathBuf, text: &str) -> (Self, Settings, Option<String>) {
        let parsed = lenient::parse(text);
        let of_values = lenient::sentence(&parsed, &path.display().to_string());
        let (settings, damage) = (parsed.settings.clone(), parsed.damage.clone());
        let mut store = Self::new(path, Writing::Allowed).with(parsed);
        let Some(damage) = damage else { return (store, settings, of_values) };
        let path = store.path.display().to_string();
        let aside = atomic::backup_name(&store.path);
        // The next start has nothing to report: the invalid values are in the copy.
        store.invalid.clear();
        let written = fs::copy(&store.path, &aside).map_err(|error| atomic::describe_io(&error));
        let written = written.and_then(|_size| store.save(&settings).map_err(|error| error.to_string()));
        let of_file = match written {
            Ok(()) => format!(
                "The settings in {path} are damaged ({damage}). What could be read of them is in force; the damaged file is \
                 kept as {}.",
                aside.display()
            ),
            Err(why) => {
                store.writing = Writing::Blocked;
                format!(
                    "The settings in {path} are damaged ({damage}), and no copy could be kept ({why}). What could be read of \
                     them is in force, and changes are not saved. Repair or remove the file, then start again."
                )
            }
        };
        (store, settings, Some(of_file))
    }

    /// Reads the settings without ever changing the file: [`Store::save`] then fails with [`SettingsError::ReadOnly`]. If there are
    /// none yet, returns the defaults. The third value reports what could not be used.
    ///
    /// # Errors
    ///
    /// If the file can't be read.
    pub fn open_read_only(directories: &Directories) -> Result<(Self, Settings, Option<String>), SettingsError> {
        let path = directories.config().join(FILE);
        let unreadable = |why| SettingsError::Unreadable { path: path.clone(), why };
        let parsed = match fs::read(&path) {
            Ok(bytes) => lenient::parse(&text(bytes).map_err(unreadable)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Parsed::default(),
            Err(error) => return Err(unreadable(atomic::describe_io(&error))),
        };
        let damage = parsed.damage.as_ref().map(|damage| {
            format!(
                "The settings in {} are damaged ({damage}). What could be read of them is in force.",
                path.display()
            )
        });
        // Errors of single values follow from the damage.
        let notice = damage.or_else(|| lenient::sentence(&parsed, &path.display().to_string()));
        let settings = parsed.settings.clone();
        let store = Self::new(path, Writing::Never).with(parsed);
        Ok((store, settings, notice))
    }

    /// The current settings, read without changing anything. If there are none yet, returns the defaults.
    ///
    /// # Errors
    ///
    /// If the file can't be read.
    pub fn peek(directories: &Directories) -> Result<Settings, SettingsError> {
        Self::open_read_only(directories).map(|(_store, settings, _said)| settings)
    }

    fn new(path: PathBuf, writing: Writing) -> Self {
        Self { path, writing, unknown: Unknown::default(), invalid: Vec::new(), read: Table::new() }
    }

    /// Stores what the file had besides the settings that were read from it.
    fn with(mut self, parsed: Parsed) -> Self {
        // Settings that were read can be serialised, except paths that are not UTF-8, which are skipped.
        self.read = Table::try_from(&parsed.settings).unwrap_or_default();
        self.unknown = Unknown::between(&parsed.table, &self.read);
        self.invalid = parsed.invalid;
        self
    }

    /// Writes the settings, completely or not at all. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// If the file can't be written. It is then unchanged, except after [`SettingsError::NotConfirmed`].
    pub fn save(&self, settings: &Settings) -> Result<(), SettingsError> {
        match self.writing {
            Writing::Allowed => {}
            Writing::Blocked => return Err(SettingsError::Blocked { path: self.path.clone() }),
            Writing::Never => return Err(SettingsError::ReadOnly { path: self.path.clone() }),
        }
        let to_error = |source| SettingsError::Serialize { path: self.path.clone(), source };
        let mut table = Table::try_from(without_credentials(settings)).map_err(to_error)?;
        self.unknown.restore(&mut table);
        for wrong in &self.invalid {
            wrong.restore(&mut table, &self.read);
        }
        let text = toml::to_string_pretty(&table).map_err(to_error)?;
        atomic::write(&self.path, format!("{HEADER}{text}").as_bytes())
            .map_err(|error| SettingsError::of(&self.path, error))
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A file's content as text, or why it is not text.
fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|_not_text| "it is not text".to_owned())
}

/// Moves a file aside under a free name.
fn move_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = atomic::backup_name(path);
    fs::rename(path, &aside)?;
    Ok(aside)
}

/// The settings without secrets: a user name or password that was typed into an address is removed. Such an address is refused on
/// use, so nothing is lost.
fn without_credentials(settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    let proxy = match &mut settings.preferences.proxy {
        ProxyChoice::Address(address) => Some(address),
        ProxyChoice::System | ProxyChoice::None => None,
    };
    let of_profiles = settings
        .profiles
        .iter_mut()
        .flat_map(|profile| [&mut profile.api, &mut profile.websocket, &mut profile.download]);
    for address in of_profiles.chain(proxy) {
        if let Some(clean) = clean(address) {
            *address = clean;
        }
    }
    settings
}

/// The address without its credentials; `None` if it has none.
fn clean(address: &Address) -> Option<Address> {
    let Ok(mut url) = url::Url::parse(address.as_str()) else {
        return address.as_str().contains('@').then(Address::default);
    };
    if url.cannot_be_a_base() {
        // `me:password@host` parses as the scheme `me`.
        return url.as_str().contains('@').then(Address::default);
    }
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    // Neither fails if there is something to remove.
    let taken = url.set_username("").and_then(|()| url.set_password(None));
    Some(if taken.is_ok() { Address::new(url.as_str()) } else { Address::default() })
}

impl Unknown {
    /// The keys that are in `read` and not in `known`.
    fn between(read: &Table, known: &Table) -> Self {
        let profiles = profiles_by_id(known)
            .filter_map(|(id, known)| {
                let (_, read) = profiles_by_id(read).find(|(other, _)| *other == id)?;
                let unknown = difference(read, known);
                (!unknown.is_empty()).then(|| (id.to_owned(), unknown))
            })
            .collect();
        Self { top: difference(read, known), profiles }
    }

    /// Adds them to the table to write, without changing existing keys.
    fn restore(&self, table: &mut Table) {
        if let Some(Value::Array(profiles)) = table.get_mut("profiles") {
            for profile in profiles.iter_mut().filter_map(Value::as_table_mut) {
                let unknown = profile.get("id").and_then(Value::as_str).and_then(|id| self.profiles.get(id));
                if let Some(unknown) = unknown {
                    add(profile, unknown);
                }
            }
        }
        add(table, &self.top);
    }
}

/// The profiles of a file, by their ids as written.
fn profiles_by_id(table: &Table) -> impl Iterator<Item = (&str, &Table)> {
    table
        .get("profiles")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_table)
        .filter_map(|profile| Some((profile.get("id")?.as_str()?, profile)))
}

/// The keys of `read` that `known` does not have, nested tables included.
fn difference(read: &Table, known: &Table) -> Table {
    read.iter()
        .filter_map(|(key, value)| match (value, known.get(key)) {
            (value, None) => Some((key.clone(), value.clone())),
            (Value::Table(read), Some(Value::Table(known))) => {
                let inner = difference(read, known);
                (!inner.is_empty()).then(|| (key.clone(), Value::Table(inner)))
            }
            _ => None,
        })
        .collect()
}

/// Adds missing keys, nested tables included.
fn add(table: &mut Table, unknown: &Table) {
    for (key, value) in unknown {
        match (table.get_mut(key), value) {
            (None, value) => {
                table.insert(key.clone(), value.clone());
            }
            (Some(Value::Table(inner)), Value::Table(unknown)) => add(inner, unknown),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
