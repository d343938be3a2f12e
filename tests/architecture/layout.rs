//! Checks the layout of files: how many entries a folder has, and which of the two module styles is used.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Folders with more entries than `most`.
pub(crate) fn crowded<'a>(files: impl Iterator<Item = &'a Path>, most: usize) -> Vec<String> {
    let mut folders: BTreeMap<&Path, BTreeSet<PathBuf>> = BTreeMap::new();
    for file in files {
        let mut entry = file;
        while let Some(folder) = entry.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            folders.entry(folder).or_default().insert(entry.to_owned());
            entry = folder;
        }
    }
    let crowded = folders.iter().filter(|(_, entries)| entries.len() > most);
    crowded
        .map(|(folder, entries)| format!("{}: {} entries; {most} at most", folder.display(), entries.len()))
        .collect()
}

/// Modules whose file lies beside their folder; this crate uses `mod.rs` within the folder.
pub(crate) fn beside_their_folder<'a>(files: impl Iterator<Item = &'a Path>) -> Vec<String> {
    let files: BTreeSet<&Path> = files.collect();
    let folders: BTreeSet<&Path> = files.iter().filter_map(|file| file.parent()).collect();
    let beside = files.iter().filter(|file| folders.contains(file.with_extension("").as_path()));
    beside.map(|file| format!("{}: move it to `mod.rs` in its folder", file.display())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_too_many_entries_is_found_and_folders_in_it_count_once() {
        let files =
            ["src/a/one.rs", "src/a/two.rs", "src/a/b/three.rs", "src/a/b/four.rs", "src/lib.rs"].map(Path::new);
        assert_eq!(crowded(files.into_iter(), 3), [""; 0]);
        assert_eq!(crowded(files.into_iter(), 2), ["src/a: 3 entries; 2 at most"]);
    }

    #[test]
    fn a_module_beside_its_folder_is_found() {
        let files = ["src/a.rs", "src/a/one.rs", "src/b/mod.rs", "src/b/two.rs"].map(Path::new);
        assert_eq!(beside_their_folder(files.into_iter()), ["src/a.rs: move it to `mod.rs` in its folder"]);
    }
}
