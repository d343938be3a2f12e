//! Single changes of the settings, so that one writer does not undo another's changes.

use std::path::PathBuf;

use super::layout::{InsightLayout, SavedFilter, TableLayout, Times};
use super::profile::{DownloadSettings, ProfileId};
use super::proxy::ProxyChoice;
use super::{Motion, Preferences, Theme, WindowGeometry};

/// Declares a change for each plain field: the enum, the comparison of two values, and how a change is applied.
macro_rules! changes {
    ($(#[$meta:meta])* $name:ident of $whole:ident {
        $($(#[$doc:meta])* $variant:ident($field:ident: $type:ty),)*
    } and {
        $($(#[$own_doc:meta])* $own:ident($($own_type:ty),*),)*
    } handled by ($differ:ident, $apply:ident), ($($own_field:ident),*)) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name {
            $($(#[$doc])* $variant($type),)*
            $($(#[$own_doc])* $own($($own_type),*),)*
        }

        impl $whole {
            /// The changes from this value to `new`.
            pub fn changes_to(&self, new: &Self) -> Vec<$name> {
                // Destructured, so that a new field can't be forgotten.
                let Self { $($field,)* $($own_field: _,)* } = self;
                let mut changes = Vec::new();
                $(if *$field != new.$field {
                    changes.push($name::$variant(new.$field.clone()));
                })*
                $differ(self, new, &mut changes);
                changes
            }

            /// Applies a change.
            pub fn apply(&mut self, change: $name) {
                match change {
                    $($name::$variant(value) => self.$field = value,)*
                    other => $apply(self, other),
                }
            }
        }
    };
}

changes! {
    /// A change of [`Preferences`].
    PreferenceChange of Preferences {
        /// Light, dark, or as the system has it.
        Theme(theme: Theme),
        /// Maximum size of a message, in bytes.
        MessageLimit(message_limit: usize),
        /// Default lifetime of a link, in seconds.
        LinkLifetime(link_lifetime: u32),
        /// Maximum number of simultaneous downloads.
        DownloadsAtOnce(downloads_at_once: u32),
        /// Number of seconds without data after which a download is cancelled.
        IdleLimit(idle_limit: u32),
        /// Number of days for which an entry is kept.
        RetentionDays(retention_days: u32),
        /// Maximum size of the journal, in bytes.
        RetentionBytes(retention_bytes: u64),
        /// Maximum number of rows in memory.
        RowsInMemory(rows_in_memory: u32),
        /// How times are shown.
        Times(times: Times),
        /// How Insight is shown.
        Insight(insight: InsightLayout),
        /// The scale, in per cent.
        Scale(scale: u16),
        /// Whether changes are animated.
        Motion(motion: Motion),
        /// Whether failures cause desktop notifications.
        NotifyFailed(notify_failed: bool),
        /// Whether ready data causes desktop notifications.
        NotifyReady(notify_ready: bool),
        /// The window's last size.
        Window(window: Option<WindowGeometry>),
        /// The folder that the save dialog opened last.
        LastFolder(last_folder: Option<PathBuf>),
        /// The proxy.
        Proxy(proxy: ProxyChoice),
        /// A file with additional certificate authorities.
        AuthorityFile(authority_file: Option<PathBuf>),
    } and {
        /// The table layout of a profile; `None` deletes it.
        Layout(ProfileId, Option<TableLayout>),
        /// A saved filter of this name; `None` deletes it.
        SavedFilter(String, Option<TableLayout>),
    } handled by (differ_in_lists, apply_to_lists), (looks, saved_filters)
}

fn differ_in_lists(old: &Preferences, new: &Preferences, changes: &mut Vec<PreferenceChange>) {
    for (profile, layout) in &new.looks {
        if old.looks.get(profile) != Some(layout) {
            changes.push(PreferenceChange::Layout(*profile, Some(layout.clone())));
        }
    }
    for profile in old.looks.keys().filter(|profile| !new.looks.contains_key(profile)) {
        changes.push(PreferenceChange::Layout(*profile, None));
    }
    for saved in &new.saved_filters {
        if !old.saved_filters.contains(saved) {
            changes.push(PreferenceChange::SavedFilter(saved.name.clone(), Some(saved.layout.clone())));
        }
    }
    for saved in &old.saved_filters {
        if !new.saved_filters.iter().any(|other| other.name == saved.name) {
            changes.push(PreferenceChange::SavedFilter(saved.name.clone(), None));
        }
    }
}

fn apply_to_lists(preferences: &mut Preferences, change: PreferenceChange) {
    match change {
        PreferenceChange::Layout(profile, Some(layout)) => _ = preferences.looks.insert(profile, layout),
        PreferenceChange::Layout(profile, None) => _ = preferences.looks.remove(&profile),
        PreferenceChange::SavedFilter(name, Some(layout)) => {
            match preferences.saved_filters.iter_mut().find(|saved| saved.name == name) {
                Some(saved) => saved.layout = layout,
                None => preferences.saved_filters.push(SavedFilter { name, layout }),
            }
        }
        PreferenceChange::SavedFilter(name, None) => preferences.saved_filters.retain(|saved| saved.name != name),
        // The macro applies the plain fields.
        _ => {}
    }
}

/// A change of [`DownloadSettings`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SavingChange {
    /// The folder into which ready data is saved automatically; `None` turns that off.
    Folder(Option<PathBuf>),
    /// Whether payloads are decrypted while they are saved.
    Decrypt(bool),
    /// Whether data is fetched from a host without a click.
    AutomaticHost(String, bool),
    /// Whether a host may resolve to this machine or a private network.
    PrivateHost(String, bool),
}

impl DownloadSettings {
    /// Applies a change.
    pub fn apply(&mut self, change: SavingChange) {
        let set = |hosts: &mut Vec<String>, host: String, allowed: bool| {
            hosts.retain(|other| *other != host);
            if allowed {
                hosts.push(host);
            }
        };
        match change {
            SavingChange::Folder(folder) => self.folder = folder,
            SavingChange::Decrypt(decrypt) => self.decrypt = decrypt,
            SavingChange::AutomaticHost(host, allowed) => set(&mut self.automatic_hosts, host, allowed),
            SavingChange::PrivateHost(host, allowed) => set(&mut self.private_hosts, host, allowed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, filter: &str) -> SavedFilter {
        SavedFilter {
            name: name.to_owned(),
            layout: TableLayout { filter: filter.to_owned(), ..TableLayout::default() },
        }
    }

    #[test]
    fn changes_convert_one_value_into_the_other_and_are_empty_if_equal() {
        let (one, two) = (ProfileId::from_u128(1), ProfileId::from_u128(2));
        let old = Preferences {
            looks: [(one, TableLayout::default())].into(),
            saved_filters: vec![named("a", "x"), named("b", "y")],
            ..Preferences::default()
        };
        let new = Preferences {
            theme: Theme::Light,
            scale: 150,
            proxy: ProxyChoice::None,
            notify_ready: false,
            looks: [(two, TableLayout::default())].into(),
            saved_filters: vec![named("a", "z"), named("c", "")],
            ..Preferences::default()
        };
        assert_eq!(old.changes_to(&old), []);
        let mut changed = old.clone();
        for change in old.changes_to(&new) {
            changed.apply(change);
        }
        assert_eq!(changed, new);
    }

    #[test]
    fn a_change_undoes_no_other_change() {
        let base = Preferences { saved_filters: vec![named("a", "")], ..Preferences::default() };
        let mine = Preferences { scale: 150, saved_filters: vec![named("a", ""), named("b", "")], ..base.clone() };
        let theirs = Preferences { theme: Theme::Dark, saved_filters: vec![named("c", "")], ..base.clone() };
        let mut both = theirs;
        for change in base.changes_to(&mine) {
            both.apply(change);
        }
        assert_eq!((both.theme, both.scale), (Theme::Dark, 150));
        let names: Vec<_> = both.saved_filters.iter().map(|saved| saved.name.as_str()).collect();
        assert_eq!(names, ["c", "b"]);

        let mut saving = DownloadSettings { automatic_hosts: vec!["a".to_owned()], ..DownloadSettings::default() };
        saving.apply(SavingChange::AutomaticHost("b".to_owned(), true));
        saving.apply(SavingChange::AutomaticHost("a".to_owned(), false));
        saving.apply(SavingChange::AutomaticHost("b".to_owned(), true));
        saving.apply(SavingChange::PrivateHost("c".to_owned(), true));
        assert_eq!((saving.automatic_hosts, saving.private_hosts), (vec!["b".to_owned()], vec!["c".to_owned()]));
    }
}
