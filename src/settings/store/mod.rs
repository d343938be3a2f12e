//! The settings' file: read once at the start, written whole on each change.

#![expect(clippy::disallowed_methods, reason = "a broken file is moved aside by a rename, whole")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use toml::{Table, Value};

use super::address::Address;
use super::directories::Directories;
use super::error::SettingsError;
use super::lenient::{self, Parsed, WrongValue};
use super::proxy::ProxyChoice;
use super::{Settings, atomic};

/// The file's name within the configuration folder.
const FILE: &str = "settings.toml";

/// Stands at the top of the file.
const HEADER: &str = "# The settings of Privicore Monitor. It rewrites this file: comments are lost, and so is what is \
changed here while it runs;\n# keys that it does not know are kept. Passwords and tokens are never in here.\n\n";

/// The settings' file.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    writing: Writing,
    unknown: Unknown,
    wrong: Vec<WrongValue>,
    /// The settings as they were read from the file, by which is seen what was chosen since.
    read: Table,
}

/// Whether the file may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    /// Yes.
    Allowed,
    /// No: there is a file that could not be read nor moved aside.
    InTheWay,
    /// No: the settings were opened to be read only.
    Never,
}

/// What the file held that this version does not know; it is written back.
#[derive(Debug, Default)]
struct Unknown {
    /// Outside of the profiles.
    top: Table,
    /// Within a profile, by its id.
    profiles: BTreeMap<String, Table>,
}

impl Store {
    /// Reads the settings. If there are none yet, these are the defaults.
    ///
    /// A value that can't be used falls back to its default alone, and the third value says so in a sentence; it stays in the
    /// file until another is chosen. If the file is damaged, what can be read of it counts, and the file is copied under a new
    /// name first. Only a file that can't be read at all is moved aside.
    #[must_use]
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
            Err(error) => atomic::in_words(&error),
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
                    atomic::in_words(&error)
                );
                (Writing::InTheWay, sentence)
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
        let aside = atomic::name_aside(&store.path);
        // The next start has nothing to say any more: what is wrong is in the copy.
        store.wrong.clear();
        let written = fs::copy(&store.path, &aside).map_err(|error| atomic::in_words(&error));
        let written = written.and_then(|_size| store.save(&settings).map_err(|error| error.to_string()));
        let of_file = match written {
            Ok(()) => format!(
                "The settings in {path} are damaged ({damage}). What could be read of them is in force; the damaged file is \
                 kept as {}.",
                aside.display()
            ),
            Err(why) => {
                store.writing = Writing::InTheWay;
                format!(
                    "The settings in {path} are damaged ({damage}), and no copy could be kept ({why}). What could be read of \
                     them is in force, and changes are not saved. Repair or remove the file, then start again."
                )
            }
        };
        (store, settings, Some(of_file))
    }

    /// Reads the settings without ever touching the file: [`Store::save`] then fails with [`SettingsError::ReadOnly`]. If there
    /// are none yet, these are the defaults. The third value says what could not be used.
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
            Err(error) => return Err(unreadable(atomic::in_words(&error))),
        };
        let damage = parsed.damage.as_ref().map(|damage| {
            format!(
                "The settings in {} are damaged ({damage}). What could be read of them is in force.",
                path.display()
            )
        });
        // What is wrong with single values follows from the damage.
        let said = damage.or_else(|| lenient::sentence(&parsed, &path.display().to_string()));
        let settings = parsed.settings.clone();
        let store = Self::new(path, Writing::Never).with(parsed);
        Ok((store, settings, said))
    }

    /// What the settings say, without touching anything. If there are none yet, these are the defaults.
    ///
    /// # Errors
    ///
    /// If the file can't be read.
    pub fn peek(directories: &Directories) -> Result<Settings, SettingsError> {
        Self::open_read_only(directories).map(|(_store, settings, _said)| settings)
    }

    fn new(path: PathBuf, writing: Writing) -> Self {
        Self { path, writing, unknown: Unknown::default(), wrong: Vec::new(), read: Table::new() }
    }

    /// Remembers what a file had beside the settings that were read from it.
    fn with(mut self, parsed: Parsed) -> Self {
        // Settings that were read can be written: but for paths that are no text, which are left out.
        self.read = Table::try_from(&parsed.settings).unwrap_or_default();
        self.unknown = Unknown::between(&parsed.table, &self.read);
        self.wrong = parsed.wrong;
        self
    }

    /// Writes the settings, whole or not at all. Waits for the disk.
    ///
    /// # Errors
    ///
    /// Where the file can't be written; it is then as it was before, but for [`SettingsError::NotConfirmed`].
    pub fn save(&self, settings: &Settings) -> Result<(), SettingsError> {
        match self.writing {
            Writing::Allowed => {}
            Writing::InTheWay => return Err(SettingsError::InTheWay { path: self.path.clone() }),
            Writing::Never => return Err(SettingsError::ReadOnly { path: self.path.clone() }),
        }
        let told = |source| SettingsError::NotTold { path: self.path.clone(), source };
        let mut table = Table::try_from(without_credentials(settings)).map_err(told)?;
        self.unknown.put_back(&mut table);
        for wrong in &self.wrong {
            wrong.put_back(&mut table, &self.read);
        }
        let text = toml::to_string_pretty(&table).map_err(told)?;
        atomic::write(&self.path, format!("{HEADER}{text}").as_bytes())
            .map_err(|error| SettingsError::of(&self.path, error))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A file's content as text, or why it is none.
fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|_not_text| "it is not text".to_owned())
}

/// Moves a file aside under a name that is free.
fn move_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = atomic::name_aside(path);
    fs::rename(path, &aside)?;
    Ok(aside)
}

/// The settings with nothing secret in them: a user name or password that was typed into an address is left out. Such an
/// address is refused where it is used, so nothing is lost.
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

/// An address without the credentials in it; `None` where there are none.
fn clean(address: &Address) -> Option<Address> {
    let Ok(mut url) = url::Url::parse(address.as_str()) else {
        return address.as_str().contains('@').then(Address::default);
    };
    if url.cannot_be_a_base() {
        // `me:password@host` reads as the scheme `me`.
        return url.as_str().contains('@').then(Address::default);
    }
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    // Neither fails where there is something to take out.
    let taken = url.set_username("").and_then(|()| url.set_password(None));
    Some(if taken.is_ok() { Address::new(url.as_str()) } else { Address::default() })
}

impl Unknown {
    /// What is in `read` and not in `known`.
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

    /// Adds it to what will be written, without touching what is there.
    fn put_back(&self, table: &mut Table) {
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

/// The keys of `read` that `known` does not have, tables within tables included.
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

/// Adds keys that are not there yet, tables within tables included.
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
