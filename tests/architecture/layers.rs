//! Which top-level modules may use which: read from the table in `src/lib.rs`, so that the documentation is the rule that
//! is checked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::code::{paths, tokens};

/// The modules that each module may use according to the table, and how much of them.
pub(crate) type Map = BTreeMap<String, BTreeMap<String, Reach>>;

/// How much of a module another one may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All its public items.
    All,
    /// Only the types at its root.
    PublicTypes,
}

/// Reads the table in `lib.rs`: the rows `| [`layer`] | holds | may use | never |` of its doc comment, in order.
pub(crate) fn map(lib: &str) -> Result<Map, String> {
    let mut map = Map::new();
    let mut above: Vec<String> = Vec::new();
    let rows = lib.lines().filter_map(|line| line.strip_prefix("//! | [`"));
    for row in rows {
        let (layer, rest) = row.split_once("`]").ok_or_else(|| format!("no module in the row `{row}`"))?;
        let cell = rest.split('|').nth(2).ok_or_else(|| format!("no `may use` in the row of `{layer}`"))?;
        let uses = may_use(cell, &above)
            .map_err(|word| format!("`{word}`, which `{layer}` may use, is no module above it"))?;
        map.insert(layer.to_owned(), uses);
        above.push(layer.to_owned());
    }
    if map.is_empty() { Err("the list of modules in `src/lib.rs` was not found".to_owned()) } else { Ok(map) }
}

/// What a table cell allows. Only modules above count, so there can be no circle.
fn may_use(cell: &str, above: &[String]) -> Result<BTreeMap<String, Reach>, String> {
    let cell = cell.replace('`', "");
    if let Some(rest) = cell.trim().strip_prefix("all above") {
        let but: Vec<&str> = rest.trim().trim_start_matches("but").split(',').map(str::trim).collect();
        return Ok(above
            .iter()
            .filter(|layer| !but.contains(&layer.as_str()))
            .map(|layer| (layer.clone(), Reach::All))
            .collect());
    }
    let mut uses = BTreeMap::new();
    for word in cell.split(',').map(str::trim).filter(|word| !matches!(*word, "" | "serde")) {
        let (layer, reach) =
            word.strip_suffix("'s public types").map_or((word, Reach::All), |layer| (layer, Reach::PublicTypes));
        if !above.iter().any(|known| known == layer) {
            return Err(word.to_owned());
        }
        uses.insert(layer.to_owned(), reach);
    }
    Ok(uses)
}

/// The imports of a module's file that the table does not allow.
pub(crate) fn wrong_arrows(layer: &str, code: &str, map: &Map) -> Vec<String> {
    let granted = map.get(layer);
    let mut wrong = BTreeSet::new();
    for path in paths(code, "crate") {
        let Some(used) = path.first().filter(|first| map.contains_key(*first) && *first != layer) else { continue };
        match granted.and_then(|granted| granted.get(used)) {
            Some(Reach::All) => {}
            Some(Reach::PublicTypes) if path.get(1).is_some_and(|name| name.starts_with(char::is_uppercase)) => {}
            Some(Reach::PublicTypes) => {
                wrong.insert(format!(
                    "`{layer}` may only use the types at the root of `{used}`, not `{}`",
                    path.join("::")
                ));
            }
            None => {
                wrong.insert(format!("`{layer}` may not use `{used}`"));
            }
        }
    }
    wrong.into_iter().collect()
}

/// Whether `super::` paths leave a top-level module whose file lies `depth` modules below the crate.
pub(crate) fn climbs_out(code: &str, depth: usize) -> bool {
    let mut modules: Vec<usize> = Vec::new();
    let (mut braces, mut climbed) = (0_usize, 0_usize);
    let mut before = ["", ""];
    for token in tokens(code) {
        match token {
            "{" => {
                braces += 1;
                if before.first() == Some(&"mod") {
                    modules.push(braces);
                }
            }
            "}" => {
                if modules.last() == Some(&braces) {
                    modules.pop();
                }
                braces = braces.saturating_sub(1);
            }
            "super" => {
                climbed += 1;
                if climbed >= depth + modules.len() {
                    // The path reaches the crate's root: what follows is another module, or this one by a detour.
                    return true;
                }
            }
            ":" => {}
            _ => climbed = 0,
        }
        before = [before.last().copied().unwrap_or_default(), token];
    }
    false
}

/// The top-level module of a file, by its path from the package, and how many modules below the crate the file lies. `None`
/// for the `main` files and `lib.rs`.
pub(crate) fn layer(path: &Path) -> Option<(&str, usize)> {
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    let (layer, file) = (*parts.get(1)?, *parts.last()?);
    // `store_tests.rs` is the module `tests` of `store.rs`.
    let below = usize::from(file.ends_with("_tests.rs"));
    let is_below = parts.len() > 2 && layer != "bin";
    is_below.then(|| (layer, parts.len() - 1 + below - usize::from(file == "mod.rs")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIB: &str = "\
//! | module | holds | may use | never |
//! |---|---|---|---|
//! | [`wire`] | frames | serde | clocks |
//! | [`model`] | rows, [`model::Row`] | wire | async |
//! | [`disk`] | files | model, wire | egui |
//! | [`motor`] | all of it | all above | egui |
//! | [`window`] | views | model, motor's public types | `await` |
//! | [`shell`] | arguments | all above but `window` | egui |
";

    fn wrong(layer: &str, code: &str) -> Vec<String> {
        wrong_arrows(layer, code, &map(LIB).unwrap())
    }

    #[test]
    fn the_list_says_what_each_module_may_use() {
        let map = map(LIB).unwrap();
        let uses = |layer: &str| map[layer].iter().map(|(used, reach)| format!("{used} {reach:?}")).collect::<Vec<_>>();
        assert_eq!(uses("wire"), [""; 0]);
        assert_eq!(uses("disk"), ["model All", "wire All"]);
        assert_eq!(uses("motor"), ["disk All", "model All", "wire All"]);
        assert_eq!(uses("window"), ["model All", "motor PublicTypes"]);
        assert_eq!(uses("shell"), ["disk All", "model All", "motor All", "wire All"]);
    }

    #[test]
    fn a_list_with_an_upward_dependency_is_rejected() {
        let refused = map(&LIB.replace("| serde |", "| disk |")).unwrap_err();
        assert!(refused.contains("`disk`, which `wire` may use"), "{refused}");
    }

    #[test]
    fn a_missing_list_is_rejected() {
        map("//! Nothing here.").unwrap_err();
    }

    #[test]
    fn a_use_that_the_list_does_not_allow_is_found_in_every_form() {
        for code in [
            "use crate::disk::File;",
            "use crate::{model::Row, disk};",
            "use crate::{\n    model::{Row, Table as T},\n    disk::File,\n};",
            "fn a() -> crate :: disk::File {}",
            "use crate::disk as d;",
        ] {
            assert_eq!(wrong("model", code), ["`model` may not use `disk`"], "{code}");
        }
    }

    #[test]
    fn uses_of_the_list_and_of_the_modules_own_parts_are_right() {
        assert_eq!(wrong("disk", "use crate::{model::Row, wire::Frame}; use crate::disk::part;"), [""; 0]);
        assert_eq!(wrong("wire", "use other_crate::disk; use std::disk; use other::crate::disk;"), [""; 0]);
    }

    #[test]
    fn public_types_are_those_at_a_modules_root() {
        assert_eq!(wrong("window", "use crate::motor::{Action, Event::Saved};"), [""; 0]);
        assert_eq!(wrong("window", "use crate::motor::session::Session;").len(), 1);
        assert_eq!(wrong("window", "use crate::motor;").len(), 1);
    }

    #[test]
    fn a_path_by_super_does_not_leave_its_module() {
        assert!(!climbs_out("use super::Row;", 2), "a file beside mod.rs");
        assert!(climbs_out("use super::super::disk;", 2), "the same, one more");
        assert!(climbs_out("use super::disk;", 1), "mod.rs itself");
        assert!(!climbs_out("mod tests { use super::*; }", 1), "the tests in mod.rs");
        assert!(climbs_out("mod tests { use super::super::disk; }", 1), "the same, one more");
        assert!(climbs_out("mod tests { use super::*; } use super::disk;", 1), "after the tests");
    }

    #[test]
    fn a_files_module_and_depth_follow_from_its_path() {
        assert_eq!(layer(Path::new("src/motor/mod.rs")), Some(("motor", 1)));
        assert_eq!(layer(Path::new("src/motor/session.rs")), Some(("motor", 2)));
        assert_eq!(layer(Path::new("src/motor/session/mod.rs")), Some(("motor", 2)));
        assert_eq!(layer(Path::new("src/motor/session/live.rs")), Some(("motor", 3)));
        assert_eq!(layer(Path::new("src/motor/session_tests.rs")), Some(("motor", 3)));
        assert_eq!(layer(Path::new("src/main.rs")), None);
        assert_eq!(layer(Path::new("src/bin/other.rs")), None);
    }
}
