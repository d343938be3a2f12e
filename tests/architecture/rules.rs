//! Checks words that only some modules may use, exceptions from lints, and the licences of fonts.

use std::path::Path;

use crate::code::{is_word, paths, words};

/// Words and paths that only some modules may use.
struct Rule {
    words: &'static [&'static str],
    only_in: &'static [&'static str],
    why: &'static str,
}

/// A word matches a whole word of code. A path matches itself and everything below it, and `egui::` everything of a crate.
/// Comments and strings do not count.
const RULES: &[Rule] = &[
    Rule {
        words: &["egui::", "eframe::", "egui_material_icons::"],
        only_in: &["ui"],
        why: "the window is drawn in `ui`",
    },
    Rule { words: &["rusqlite::"], only_in: &["journal"], why: "`journal` owns the database" },
    Rule { words: &["keyring::", "keyring_core::"], only_in: &["credentials"], why: "`credentials` owns the keyring" },
    Rule {
        words: &["arboard::", "zbus::", "notify_rust::"],
        only_in: &["ui"],
        why: "clipboard and desktop are asked where the window meets the system",
    },
    Rule { words: &["reqwest::"], only_in: &["engine", "sandbox"], why: "`engine` speaks HTTP" },
    Rule { words: &["tokio_tungstenite::"], only_in: &["engine", "sandbox"], why: "`engine` owns the socket" },
    Rule { words: &["axum::", "lapin::"], only_in: &["sandbox"], why: "servers and queues belong to the sandbox" },
    Rule { words: &["clap::"], only_in: &["cli", "sandbox"], why: "`cli` reads the command line" },
    Rule {
        words: &["await", "tokio::"],
        only_in: &["settings", "credentials", "journal", "engine", "cli", "sandbox"],
        why: "`protocol` and `activity` are plain functions, and a frame of `ui` never waits",
    },
    Rule {
        words: &["std::fs", "std::net", "std::process"],
        only_in: &["settings", "credentials", "journal", "engine", "cli", "sandbox"],
        why: "`protocol`, `activity` and `ui` touch no file, no socket and no process",
    },
    Rule {
        words: &["block_on", "blocking_send", "blocking_recv"],
        only_in: &["credentials", "journal", "engine", "cli", "sandbox"],
        why: "a frame and a plain function never block",
    },
    Rule {
        words: &["async", "Instant", "SystemTime"],
        only_in: &["settings", "credentials", "journal", "engine", "ui", "cli", "sandbox"],
        why: "`protocol` and `activity` are plain functions, which are given the time",
    },
];

/// The words in a module's file that only other modules may use.
pub(crate) fn wrong_words(module: &str, code: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for rule in RULES.iter().filter(|rule| !rule.only_in.contains(&module)) {
        for word in rule.words {
            let found = match word.split_once("::") {
                Some((start, below)) => paths(code, start)
                    .iter()
                    .any(|path| below.is_empty() || path.first().is_some_and(|first| first == below)),
                None => words(code).any(|found| found == *word),
            };
            if found {
                wrong.push(format!("`{word}` in `{module}`: {}", rule.why));
            }
        }
    }
    wrong
}

/// Tasks without an owner: spawned outside `engine/runtime/tasks.rs`, or dropped although they should be awaited.
pub(crate) fn detached_tasks(code: &str) -> Vec<String> {
    let packed: String = code.split_whitespace().collect();
    let calls = ["tokio::spawn(", "task::spawn(", "spawn_blocking(", "spawn_on(", "handle.spawn(", "Handle::spawn("];
    let mut wrong: Vec<String> = calls
        .iter()
        .filter(|call| packed.contains(*call))
        .map(|call| format!("`{call}…)`: a task has an owner, see `engine/runtime/tasks.rs`"))
        .collect();
    for start in ["drop(", "let_="] {
        for rest in packed.split(start).skip(1) {
            let dropped = rest.split(';').next().unwrap_or_default();
            if [".start(", ".blocking(", ".task("].iter().any(|call| dropped.contains(call))
                && !dropped.contains(".await")
            {
                wrong.push(format!("`{start}…)` detaches a task: use `Spawner::spawn` or `Spawner::finish`"));
            }
        }
    }
    wrong
}

/// Decisions based on the text of a message. Texts are for people, may change, and may not be unique.
pub(crate) fn decisions_by_words(code: &str) -> Vec<String> {
    const SEARCHES: [&str; 10] = [
        "contains",
        "starts_with",
        "ends_with",
        "find",
        "matches",
        "split_once",
        "strip_prefix",
        "strip_suffix",
        "eq_ignore_ascii_case",
        "to_lowercase",
    ];
    const MESSAGES: [&str; 6] = ["sentence", "why", "error", "reason", "notice", "to_string"];
    let packed: String = code.split_whitespace().collect();
    let mut wrong = Vec::new();
    for search in SEARCHES {
        for (at, _) in packed.match_indices(&format!(".{search}(")) {
            let receiver = receiver(packed.get(..at).unwrap_or_default());
            if words(receiver).any(|word| MESSAGES.contains(&word)) {
                wrong.push(format!("`{receiver}.{search}(…)` decides by a message's words: let its kind decide"));
            }
        }
    }
    for sign in ["==", "!="] {
        if packed.contains(&format!(".sentence{sign}")) {
            wrong.push(format!("`.sentence {sign} …` decides by a message's words: let its kind decide"));
        }
    }
    wrong
}

/// The receiver of the method call that follows `before`: names and calls with dots between them.
fn receiver(before: &str) -> &str {
    let mut depth = 0_usize;
    let start = before.char_indices().rev().find(|&(_, character)| match character {
        ')' | ']' => {
            depth += 1;
            false
        }
        '(' | '[' if depth > 0 => {
            depth -= 1;
            false
        }
        character => depth == 0 && !is_word(character) && character != '.',
    });
    before.get(start.map_or(0, |(at, character)| at + character.len_utf8())..).unwrap_or_default()
}

/// Exceptions from lints without a reason, or that would stay when they are no longer needed.
pub(crate) fn wrong_exceptions(code: &str) -> Vec<String> {
    let packed: String = code.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut wrong = Vec::new();
    for start in ["#[", "#!["] {
        for attribute in packed.split(start).skip(1) {
            let inside = attribute.split(']').next().unwrap_or_default();
            if inside.starts_with("allow(") {
                wrong.push(format!("`{start}{inside}]` stays for ever: use `expect`"));
            } else if inside.starts_with("expect(") && !inside.contains("reason =") {
                wrong.push(format!("`{start}{inside}]` has no reason"));
            }
        }
    }
    wrong
}

/// The fonts without a licence in the table of their README, given the names of all files beside it.
pub(crate) fn unlicensed_fonts(readme: &str, files: &[String]) -> Vec<String> {
    let is_font =
        |name: &&String| Path::new(name).extension().is_some_and(|extension| extension == "ttf" || extension == "otf");
    let licensed = |font: &str| {
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{font}` |")));
        row.is_some_and(|row| files.iter().any(|file| file.starts_with("OFL-") && row.contains(&format!("`{file}`"))))
    };
    files.iter().filter(is_font).filter(|font| !licensed(font)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_word_is_found_outside_its_module() {
        assert_eq!(wrong_words("journal", "use egui::Ui;"), ["`egui::` in `journal`: the window is drawn in `ui`"]);
        assert_eq!(wrong_words("ui", "use egui::Ui;"), [""; 0]);
        assert_eq!(wrong_words("journal", "fn not_egui(egui: u8) { egui_like::egui() }"), [""; 0]);
    }

    #[test]
    fn a_frame_neither_waits_nor_touches_a_file() {
        for code in ["a().await", "use std::{fmt, fs};", "std::fs::read(path)", "std :: net::TcpStream"] {
            assert_eq!(wrong_words("ui", code).len(), 1, "{code}");
            assert_eq!(wrong_words("engine", code), [""; 0], "{code}");
        }
        assert_eq!(wrong_words("ui", "use std::fmt; mystd::fs();"), [""; 0]);
    }

    #[test]
    fn a_task_that_is_detached_is_found() {
        for code in [
            "tokio::spawn(async {});",
            "self.handle . spawn(future)",
            "drop(tools.spawner.start(\"x\", task));",
            "drop(\n  self.spawner.blocking(\"x\", work),\n);",
            "let _ = spawner.start(\"x\", task);",
        ] {
            assert_eq!(detached_tasks(code).len(), 1, "{code}");
        }
        let owned =
            "tools.spawner.spawn(\"x\", task); let task = spawner.start(\"x\", task); drop(task_list); drop(start);";
        assert_eq!(detached_tasks(owned), [""; 0]);
    }

    #[test]
    fn a_decision_by_the_text_of_a_message_is_found() {
        for code in [
            "if error.to_string().contains(\"token\") {}",
            "why\n    .to_ascii_lowercase(a, (b))\n    .contains(x)",
            "self.notice.sentence.strip_prefix(&name)",
            "reason.trim().eq_ignore_ascii_case(y)",
            "old.notice.sentence == notice.sentence",
        ] {
            assert_eq!(decisions_by_words(code).len(), 1, "{code}");
        }
        for code in [
            "matches!(error, Error::Refused { .. })",
            "names.contains(&name) && error.kind() == Kind::Locked",
            "text.starts_with(other(error, why))",
            "why == NotSaved::Refused",
        ] {
            assert_eq!(decisions_by_words(code), [""; 0], "{code}");
        }
    }

    #[test]
    fn an_exception_has_a_reason_and_expires() {
        assert_eq!(
            wrong_exceptions("#[expect(lint, reason = \"r\")] #![expect(\n  lint,\n reason = \"r\",\n)]"),
            [""; 0]
        );
        assert_eq!(wrong_exceptions("#[expect(lint)]"), ["`#[expect(lint)]` has no reason"]);
        assert_eq!(wrong_exceptions("#![allow(lint, reason = \"r\")]").len(), 1);
    }

    #[test]
    fn a_font_without_its_licence_is_found() {
        let files = ["A.ttf", "B.otf", "C.ttf", "OFL-A.txt", "README.md"].map(str::to_owned);
        let readme = "| `A.ttf` | source | `OFL-A.txt` |\n| `B.otf` | source | `OFL-B.txt` |";
        assert_eq!(unlicensed_fonts(readme, &files), ["B.otf", "C.ttf"]);
    }
}
