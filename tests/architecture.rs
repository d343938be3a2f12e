//! Checks the architecture against the sources: which module may use which, no import circles, the length of files, the
//! size of folders, and the licences of what is shipped. Each check is a function over text, with tests of its own that
//! show it failing.

#[path = "architecture/code.rs"]
mod code;
#[path = "architecture/imports.rs"]
mod imports;
#[path = "architecture/layers.rs"]
mod layers;
#[path = "architecture/layout.rs"]
mod layout;
#[path = "architecture/lists.rs"]
mod lists;
#[path = "architecture/rules.rs"]
mod rules;

use std::fs;
use std::path::{Path, PathBuf};

/// Maximum number of entries in a folder. Split a folder that has more.
const MOST_ENTRIES: usize = 16;

/// Maximum number of lines in a file. Split a file that has more.
const LONGEST_FILE: usize = 500;

/// Files that may be longer, each with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// The package's folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the package, with its path relative to the package.
struct Source {
    path: PathBuf,
    text: String,
}

/// Every Rust file below a folder of the package, sorted.
fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for path in files(&folder) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = read(&path);
                found.push(Source { path: path.strip_prefix(root()).unwrap_or(&path).to_path_buf(), text });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

/// Every file below a folder.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let (folders, mut found): (Vec<_>, Vec<_>) = files(folder).into_iter().partition(|path| path.is_dir());
    found.extend(folders.iter().flat_map(|folder| files_below(folder)));
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    entries.unwrap_or_else(|error| unreadable(folder, &error)).iter().map(fs::DirEntry::path).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| unreadable(path, &error))
}

#[expect(clippy::panic, reason = "a file of the package that cannot be read ends the test")]
fn unreadable<T>(path: &Path, error: &std::io::Error) -> T {
    panic!("{} cannot be read: {error}", path.display())
}

/// What a check finds wrong, prefixed with the file.
fn wrong(sources: &[Source], check: impl Fn(&Source) -> Vec<String>) -> Vec<String> {
    let of = |source: &Source| {
        check(source).into_iter().map(|wrong| format!("{}: {wrong}", source.path.display())).collect::<Vec<_>>()
    };
    sources.iter().flat_map(of).collect()
}

#[track_caller]
fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn each_module_uses_only_what_the_list_in_lib_rs_allows() {
    let map = layers::map(&read(&root().join("src/lib.rs"))).unwrap();
    none(&wrong(&sources("src"), |source| {
        let Some((layer, depth)) = layers::layer(&source.path) else { return Vec::new() };
        let code = code::code(&source.text);
        let mut wrong = layers::wrong_arrows(layer, &code, &map);
        if !map.contains_key(layer) {
            wrong.push(format!("the list in `src/lib.rs` has no module `{layer}`"));
        }
        if layers::climbs_out(&code, depth) {
            wrong.push("a path by `super` leaves the top-level module: write it from `crate` on".to_owned());
        }
        wrong
    }));
}

#[test]
fn no_module_does_what_is_forbidden_for_it() {
    none(&wrong(&sources("src"), |source| {
        layers::layer(&source.path)
            .map(|(layer, _)| rules::wrong_words(layer, &code::code(&source.text)))
            .unwrap_or_default()
    }));
}

/// Files that compare the text of a message, each with the reason.
const BY_WORDS: &[(&str, &str)] = &[
    ("src/journal/file/entry_codec.rs", "what earlier versions wrote has no kind"),
    ("src/ui/details/descriptions.rs", "the whole of a sentence is found by the beginning that the row has"),
    ("src/ui/insight/reasons.rs", "a server's reason that looks like a key is shown in another face"),
];

#[test]
fn no_decision_depends_on_the_text_of_a_message() {
    none(&wrong(&sources("src"), |source| {
        let path = source.path.to_string_lossy();
        let is_test = ["/tests/", "tests.rs", "test_fixture.rs"].iter().any(|part| path.contains(part));
        if is_test || path.contains("/sandbox/") || BY_WORDS.iter().any(|(file, _)| source.path.ends_with(file)) {
            return Vec::new();
        }
        let is_over = |line: &&str| !(line.trim_start().starts_with("mod tests {"));
        let program: String = source.text.lines().take_while(is_over).flat_map(|line| [line, "\n"]).collect();
        rules::decisions_by_words(&code::code(&program))
    }));
}

fn imports_in_src() -> imports::Arrows {
    let sources = sources("src").into_iter().map(|source| (source.path, source.text)).collect();
    imports::Modules::read(&sources, Path::new("src/lib.rs"))
        .map_or_else(|error| unreadable(root(), &std::io::Error::other(error)), |modules| modules.arrows())
}

fn described(circles: &[Vec<PathBuf>], arrows: &imports::Arrows) -> Vec<String> {
    let within = |circle: &Vec<PathBuf>| {
        let arrows = arrows.iter().filter(|((from, to), _)| circle.contains(from) && circle.contains(to));
        let lines = arrows.map(|((from, to), name)| format!("  {} takes {name} from {}", from.display(), to.display()));
        format!("a circle of {}:\n{}", circle.len(), lines.collect::<Vec<_>>().join("\n"))
    };
    circles.iter().map(within).collect()
}

#[test]
fn no_two_files_import_each_other_in_a_circle() {
    let arrows = imports_in_src();
    none(&described(&imports::circles(&arrows), &arrows));
}

#[test]
fn no_two_folders_of_a_module_import_each_other_in_a_circle() {
    let arrows = imports_in_src();
    for folder in ["src", "src/engine", "src/ui", "src/journal", "src/activity"] {
        let between = imports::between_entries(&arrows, Path::new(folder));
        none(&described(&imports::circles(&between), &between));
    }
}

#[test]
fn every_list_of_all_variants_has_every_variant() {
    none(&wrong(&sources("src"), |source| lists::unlisted(&code::code(&source.text))));
}

#[test]
fn no_folder_has_too_many_entries() {
    let sources = sources("src");
    none(&layout::crowded(sources.iter().map(|source| source.path.as_path()), MOST_ENTRIES));
}

#[test]
fn modules_with_children_are_written_in_one_style() {
    let sources = sources("src");
    none(&layout::beside_their_folder(sources.iter().map(|source| source.path.as_path())));
}

#[test]
fn no_task_of_the_engine_is_detached() {
    none(&wrong(&sources("src/engine"), |source| {
        if source.path.ends_with("runtime/tasks.rs") {
            return Vec::new();
        }
        // A test owns the tasks that it starts, and declares that with an exception from the lint.
        let program = source.text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        rules::detached_tasks(&code::code(program))
    }));
}

#[test]
fn every_exception_from_a_lint_has_a_reason() {
    for folder in ["src", "tests"] {
        none(&wrong(&sources(folder), |source| rules::wrong_exceptions(&code::code(&source.text))));
    }
}

#[test]
fn no_file_is_longer_than_500_lines() {
    for folder in ["src", "tests"] {
        none(&wrong(&sources(folder), |source| {
            let lines = source.text.lines().count();
            let may_be_long = LONG_FILES.iter().any(|(path, _)| source.path == Path::new(path));
            if lines > LONGEST_FILE && !may_be_long {
                vec![format!("{lines} lines; {LONGEST_FILE} at most")]
            } else {
                Vec::new()
            }
        }));
    }
}

#[test]
fn failed_cases_of_property_tests_are_stored_and_belong_to_a_test() {
    let ignored = read(&root().join(".gitignore"));
    assert!(!ignored.contains("proptest"), "git ignores the cases that property tests failed on: {ignored}");
    // Where proptest writes them: in a folder beside `src` with the source's path, or beside the source for those in
    // `tests`.
    let kept = root().join("proptest-regressions");
    let of_src = if kept.is_dir() { files_below(&kept) } else { Vec::new() };
    let sources = of_src.iter().map(|path| {
        let source = path.strip_prefix(&kept).expect("it is below").with_extension("rs");
        (path.clone(), root().join("src").join(source))
    });
    let of_tests = files_below(&root().join("tests")).into_iter();
    let of_tests = of_tests.filter(|path| path.extension().is_some_and(|end| end == "proptest-regressions"));
    for (kept, source) in sources.chain(of_tests.map(|path| (path.clone(), path.with_extension("rs")))) {
        let has_test = source.is_file() && read(&source).contains("proptest");
        assert!(has_test, "{} is of no property test any more: move it to where its test is", kept.display());
    }
}

#[test]
fn everything_distributed_has_its_licence() {
    for name in ["LICENSE", "LICENSE-APACHE", "LICENSE-MIT"] {
        assert!(!read(&root().join(name)).trim().is_empty(), "{name} is empty");
    }
    let folder = root().join("assets/fonts");
    let names: Vec<String> = files(&folder)
        .iter()
        .filter_map(|path| path.file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    assert!(names.iter().any(|name| name == "InterVariable.ttf"), "the fonts were not found");
    none(&rules::unlicensed_fonts(&read(&folder.join("README.md")), &names));
}
