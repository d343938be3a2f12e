//! Any settings file is read or rejected, and what was read can be written and read again.

use crate::settings::{Directories, Store};

pub(crate) fn check(bytes: &[u8]) {
    thread_local! {
        static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("a folder");
    }
    FOLDER.with(|folder| {
        let directories = Directories::at(folder.path(), folder.path()).expect("they are absolute");
        let file = folder.path().join("settings.toml");
        std::fs::write(&file, bytes).expect("written");
        let Ok(settings) = Store::peek(&directories) else { return };
        let (store, again, _) = Store::open(&directories);
        assert_eq!(again.profiles.len(), settings.profiles.len(), "another number of profiles");
        store.save(&again).expect("saved");
        let kept = Store::peek(&directories).expect("what was saved is read");
        assert_eq!(kept, again, "it is not read as it was saved");
        for entry in std::fs::read_dir(folder.path()).expect("a folder").flatten() {
            std::fs::remove_file(entry.path()).expect("removed");
        }
    });
}
