//! Finds which file imports from which, from the syntax of the sources, so that no two files import each other in a circle.
//!
//! A name that a folder's `mod.rs` re-exports counts as imported from the file that defines it. Test-only code is left out.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, File, Item, ItemUse, Macro, UseTree};

/// The sources by their paths from the package's folder, such as `src/lib.rs`.
pub(crate) type Sources = BTreeMap<PathBuf, String>;

/// Pairs of a file and a file that it imports from, with one of the imported names.
pub(crate) type Arrows = BTreeMap<(PathBuf, PathBuf), String>;

/// A module's index in [`Modules`].
type Id = usize;

/// An imported name: the path that it refers to, and the local name. A glob import has the name `*`.
struct Import {
    path: Vec<String>,
    name: String,
    /// A re-export does not count as an import of its file.
    is_reexport: bool,
}

struct Module {
    file: PathBuf,
    parent: Option<Id>,
    children: BTreeMap<String, Id>,
    items: HashSet<String>,
    imports: Vec<Import>,
    /// Paths with `::` in the code itself.
    paths: Vec<Vec<String>>,
}

/// The modules of a crate.
pub(crate) struct Modules(Vec<Module>);

impl Modules {
    /// Reads all modules below a root file.
    ///
    /// # Errors
    ///
    /// Fails if a file does not parse, or a module's file is not among the sources.
    pub(crate) fn read(sources: &Sources, root: &Path) -> Result<Self, String> {
        let mut modules = Self(Vec::new());
        modules.read_file(sources, root, None)?;
        Ok(modules)
    }

    fn read_file(&mut self, sources: &Sources, file: &Path, parent: Option<Id>) -> Result<Id, String> {
        let text = sources.get(file).ok_or_else(|| format!("{} is missing", file.display()))?;
        let File { items, .. } = syn::parse_file(text).map_err(|error| format!("{}: {error}", file.display()))?;
        self.read_items(sources, file, parent, &items)
    }

    fn read_items(&mut self, sources: &Sources, file: &Path, parent: Option<Id>, items: &[Item]) -> Result<Id, String> {
        let id = self.0.len();
        self.0.push(Module {
            file: file.to_owned(),
            parent,
            children: BTreeMap::new(),
            items: HashSet::new(),
            imports: Vec::new(),
            paths: Vec::new(),
        });
        for item in items.iter().filter(|item| !is_for_tests(attributes(item))) {
            match item {
                Item::Mod(module) => {
                    let name = module.ident.to_string();
                    let child = if let Some((_, items)) = &module.content {
                        self.read_items(sources, file, Some(id), items)?
                    } else {
                        let (flat, folder) = places(file, &name);
                        let place = if sources.contains_key(&flat) { flat } else { folder };
                        self.read_file(sources, &place, Some(id))?
                    };
                    self.at(id).children.insert(name, child);
                }
                Item::Use(import) => {
                    let mut imports = Vec::new();
                    flatten(&import.tree, &mut Vec::new(), !is_private(import), &mut imports);
                    self.at(id).imports.extend(imports);
                }
                item => {
                    let mut code = Code::default();
                    code.visit_item(item);
                    let module = self.at(id);
                    module.items.extend(name_of(item));
                    module.items.extend(code.defined);
                    module.paths.extend(code.paths);
                    module.imports.extend(code.imports);
                }
            }
        }
        Ok(id)
    }

    #[expect(clippy::indexing_slicing, reason = "ids are places in this list, which only grows")]
    fn at(&mut self, id: Id) -> &mut Module {
        &mut self.0[id]
    }

    #[expect(clippy::indexing_slicing, reason = "ids are places in this list, which only grows")]
    fn get(&self, id: Id) -> &Module {
        &self.0[id]
    }

    /// The imports between all files.
    pub(crate) fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (id, module) in self.0.iter().enumerate() {
            let imports = module.imports.iter().filter(|import| !import.is_reexport).map(|import| &import.path);
            for path in imports.chain(&module.paths) {
                let Some(from) = self.definer(id, path, &mut HashSet::new()) else { continue };
                let to = &self.get(from).file;
                if *to != module.file {
                    arrows.entry((module.file.clone(), to.clone())).or_insert_with(|| path.join("::"));
                }
            }
        }
        arrows
    }

    /// The module that defines the item at a path within a module; the module itself if the path means one.
    fn definer(&self, within: Id, path: &[String], seen: &mut HashSet<(Id, String)>) -> Option<Id> {
        let mut at = within;
        let mut rest = path;
        while let Some((first, others)) = rest.split_first() {
            at = match first.as_str() {
                "crate" => 0,
                "self" => at,
                "super" => self.get(at).parent?,
                _ => break,
            };
            rest = others;
        }
        for name in rest {
            match self.look_up(at, name, seen)? {
                Meaning::Module(module) => at = module,
                Meaning::Item(module) => return Some(module),
            }
        }
        Some(at)
    }

    fn look_up(&self, within: Id, name: &str, seen: &mut HashSet<(Id, String)>) -> Option<Meaning> {
        let module = self.get(within);
        if !seen.insert((within, name.to_owned())) {
            return None;
        }
        if let Some(child) = module.children.get(name) {
            return Some(Meaning::Module(*child));
        }
        if module.items.contains(name) {
            return Some(Meaning::Item(within));
        }
        let means = |import: &Import, seen: &mut HashSet<_>| {
            let definer = self.definer(within, &import.path, seen)?;
            let is_module = import.path.last().is_some_and(|last| self.is_module(definer, last));
            Some(if is_module { Meaning::Module(definer) } else { Meaning::Item(definer) })
        };
        if let Some(import) = module.imports.iter().find(|import| import.name == name) {
            return means(import, seen);
        }
        module.imports.iter().filter(|import| import.name == "*").find_map(|import| {
            let from = self.definer(within, &import.path, seen)?;
            self.look_up(from, name, seen)
        })
    }

    /// Whether a module has this name in its parent.
    fn is_module(&self, id: Id, name: &str) -> bool {
        self.get(id).parent.is_some_and(|parent| self.get(parent).children.get(name) == Some(&id))
    }
}

enum Meaning {
    Module(Id),
    /// An item that this module defines.
    Item(Id),
}

/// The groups of files that import each other in a circle, each sorted.
pub(crate) fn circles(arrows: &Arrows) -> Vec<Vec<PathBuf>> {
    let mut nexts: BTreeMap<&Path, BTreeSet<&Path>> = BTreeMap::new();
    for (from, to) in arrows.keys() {
        nexts.entry(from).or_default().insert(to);
    }
    let reached = |start: &Path| {
        let mut reached: BTreeSet<&Path> = BTreeSet::new();
        let mut open: Vec<&Path> = nexts.get(start).into_iter().flatten().copied().collect();
        while let Some(file) = open.pop() {
            if reached.insert(file) {
                open.extend(nexts.get(file).into_iter().flatten());
            }
        }
        reached
    };
    let all: BTreeMap<&Path, BTreeSet<&Path>> = nexts.keys().map(|file| (*file, reached(file))).collect();
    let mut circles = BTreeSet::new();
    for (file, reached) in all.iter().filter(|(file, reached)| reached.contains(*file)) {
        let back = |other: &&Path| all.get(other).is_some_and(|reached| reached.contains(file));
        circles.insert(reached.iter().copied().filter(back).map(Path::to_owned).collect::<Vec<_>>());
    }
    circles.into_iter().collect()
}

/// The same imports between the entries of a folder: each file counts as the entry of the folder that contains it.
pub(crate) fn between_entries(arrows: &Arrows, folder: &Path) -> Arrows {
    let entry = |file: &Path| {
        let first = file.strip_prefix(folder).ok()?.iter().next()?;
        Some(folder.join(first))
    };
    let pairs = arrows.iter().filter_map(|((from, to), name)| {
        let (from, to) = (entry(from)?, entry(to)?);
        let are_folders = from.extension().is_none() && to.extension().is_none();
        (from != to && are_folders).then(|| ((from, to), name.clone()))
    });
    pairs.collect()
}

/// The possible files of a module: beside its parent's file, or in its own folder.
fn places(parent: &Path, name: &str) -> (PathBuf, PathBuf) {
    let folder = match parent.file_name().and_then(|name| name.to_str()) {
        Some("mod.rs" | "lib.rs" | "main.rs") => parent.parent().unwrap_or(Path::new("")).to_owned(),
        _ => parent.with_extension(""),
    };
    (folder.join(name).with_extension("rs"), folder.join(name).join("mod.rs"))
}

fn is_private(import: &ItemUse) -> bool {
    matches!(import.vis, syn::Visibility::Inherited)
}

fn flatten(tree: &UseTree, before: &mut Vec<String>, is_reexport: bool, imports: &mut Vec<Import>) {
    let mut end = |path: Vec<String>, name: String| imports.push(Import { path, name, is_reexport });
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, is_reexport, imports);
            before.pop();
        }
        UseTree::Name(name) if name.ident == "self" => end(before.clone(), before.last().cloned().unwrap_or_default()),
        UseTree::Name(name) => end([before.as_slice(), &[name.ident.to_string()]].concat(), name.ident.to_string()),
        UseTree::Rename(name) if name.ident == "self" => end(before.clone(), name.rename.to_string()),
        UseTree::Rename(name) => end([before.as_slice(), &[name.ident.to_string()]].concat(), name.rename.to_string()),
        UseTree::Glob(_) => end(before.clone(), "*".to_owned()),
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, before, is_reexport, imports)),
    }
}

/// The paths of an item's code, and the imports within its functions. Macro arguments are not parsed: their words are
/// searched.
#[derive(Default)]
struct Code {
    paths: Vec<Vec<String>>,
    imports: Vec<Import>,
    /// What a macro at module level defines, as far as its words show.
    defined: Vec<String>,
}

impl<'ast> Visit<'ast> for Code {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 && path.leading_colon.is_none() {
            self.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, import: &'ast ItemUse) {
        flatten(&import.tree, &mut Vec::new(), false, &mut self.imports);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        let text = call.tokens.to_string().replace(" :: ", "::");
        let words = text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == ':'));
        for word in words.filter(|word| word.contains("::")) {
            self.paths.push(word.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect());
        }
        let mut words = text.split_whitespace();
        while let Some(word) = words.next() {
            if matches!(word, "struct" | "enum") {
                self.defined.extend(words.next().map(str::to_owned));
            }
        }
        visit::visit_macro(self, call);
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let condition = attribute.path().is_ident("cfg").then(|| attribute.meta.require_list().ok()).flatten();
        condition.is_some_and(|list| {
            let words = list.tokens.to_string();
            words == "test" || words.starts_with("all (test") || words.starts_with("all(test")
        })
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn name_of(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrows(files: &[(&str, &str)]) -> Arrows {
        let sources: Sources = files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect();
        Modules::read(&sources, Path::new("src/lib.rs")).unwrap().arrows()
    }

    fn found(files: &[(&str, &str)]) -> Vec<Vec<PathBuf>> {
        circles(&arrows(files))
    }

    const LIB: (&str, &str) = ("src/lib.rs", "mod one; mod two;");

    #[test]
    fn two_files_that_import_each_other_are_a_circle() {
        let files = [
            LIB,
            ("src/one.rs", "use crate::two::B; pub struct A;"),
            ("src/two.rs", "use super::one::A; pub struct B;"),
        ];
        assert_eq!(found(&files), [[PathBuf::from("src/one.rs"), PathBuf::from("src/two.rs")]]);
    }

    #[test]
    fn a_circle_is_found_however_the_import_is_written() {
        for import in [
            "use crate::{two::{self}};",
            "fn f() -> crate::two::B { crate::two::B }",
            "fn f() { use crate::two::B as C; }",
            "fn f() { m!(crate::two::B); }",
            "use crate::two::*;",
        ] {
            let files = [
                LIB,
                ("src/one.rs", &format!("{import} pub struct A;") as &str),
                ("src/two.rs", "use crate::one::A; pub struct B;"),
            ];
            assert_eq!(found(&files).len(), 1, "{import}");
        }
    }

    #[test]
    fn a_circle_of_three_through_a_folder_is_found() {
        let files = [
            ("src/lib.rs", "mod one; mod two; mod three;"),
            ("src/one.rs", "use crate::two::deep::B; pub struct A;"),
            ("src/two/mod.rs", "pub mod deep;"),
            ("src/two/deep.rs", "use crate::three::C; pub struct B;"),
            ("src/three.rs", "use crate::one::A; pub struct C;"),
        ];
        assert_eq!(found(&files).first().map(Vec::len), Some(3));
    }

    #[test]
    fn a_name_that_a_folder_passes_on_comes_from_the_file_that_defines_it() {
        let files = [
            ("src/lib.rs", "mod one;"),
            ("src/one/mod.rs", "mod part; mod other; pub use part::A;"),
            ("src/one/part.rs", "pub struct A;"),
            ("src/one/other.rs", "use super::A;"),
        ];
        let arrows = arrows(&files);
        assert_eq!(
            arrows.keys().collect::<Vec<_>>(),
            [&(PathBuf::from("src/one/other.rs"), PathBuf::from("src/one/part.rs"))]
        );
    }

    #[test]
    fn what_only_tests_compile_is_left_out() {
        let files = [
            LIB,
            ("src/one.rs", "#[cfg(test)] mod tests { use crate::two::B; } pub struct A;"),
            ("src/two.rs", "use crate::one::A; pub struct B;"),
        ];
        assert_eq!(found(&files), Vec::<Vec<PathBuf>>::new());
    }

    #[test]
    fn folders_that_use_each_other_are_a_circle_though_their_files_are_none() {
        let files = [
            ("src/lib.rs", "mod one; mod two;"),
            ("src/one/mod.rs", "pub mod a; pub mod b;"),
            ("src/one/a.rs", "pub struct A;"),
            ("src/one/b.rs", "use crate::two::c::C;"),
            ("src/two/mod.rs", "pub mod c;"),
            ("src/two/c.rs", "use crate::one::a::A; pub struct C;"),
        ];
        let arrows = arrows(&files);
        assert_eq!(circles(&arrows), Vec::<Vec<PathBuf>>::new());
        assert_eq!(circles(&between_entries(&arrows, Path::new("src"))).len(), 1);
    }
}
