//! Wrong usage: what is wrong, and what to do.

use std::process::Command;

use super::program::Home;

#[test]
fn a_usage_error_says_what_to_do() {
    let home = Home::new();
    home.with_profiles(&["ops"]);
    for (line, hints) in [
        (&["--jsn"][..], &["'--jsn'", "try '--help'"][..]),
        (&["watch", "--jsn"], &["'--jsn'", "a similar argument exists: '--json'"]),
        (&["wach"], &["'wach'", "a similar subcommand exists: 'watch'"]),
        (&["watch", "--json", "--log", "debug"], &["'--log'", "write '--log' before the subcommand"]),
        (
            &["export", "--format", "csv", "--data-dir=/d"],
            &["'--data-dir'", "write '--data-dir' before the subcommand"],
        ),
        (&["watch", "--filter"], &["--filter <EXPR>", "try '--help'"]),
        (&["export"], &["--format <FORMAT>", "Usage: privicore-monitor export", "try '--help'"]),
        (&["export", "--format", "ndjsn"], &["csv, ndjson", "a similar value exists: 'ndjson'"]),
        (&["export", "--format", "csv", "--since", "soon"], &["Write a time such as"]),
        (&["export", "--format", "ndjson", "--bom"], &["--bom can only be used with --format csv"]),
        (&["watch", "--filter", "staus:failed"], &["status"]),
        (&["watch", "--exit-on", "x"], &["write final:ID or label:NAME"]),
        (&["track"], &["<ID>...", "Usage: privicore-monitor track", "try '--help'"]),
        (&["track", "-", "c-1"], &["can't be combined with ids"]),
        (&["--log", "loud"], &["Write a level"]),
        (&["track", "--profile", "opps", "c-1"], &["opps", "Check the name"]),
        (&["completions", "basch"], &["a similar value exists: 'bash'"]),
    ] {
        let printed = home.run(line).with(2);
        assert_eq!(printed.out, "", "{line:?}");
        for hint in hints {
            assert!(printed.said.contains(hint), "{line:?}: {hint} is missing: {}", printed.said);
        }
    }
}

#[test]
fn a_file_that_can_not_be_written_or_read_is_named_with_what_to_do() {
    let home = Home::new();
    let path = home.folder("gone/activity.csv");
    let path = path.to_str().expect("text");
    let printed = home.run(&["export", "--format", "csv", path]).with(1);
    let wanted = "gone/activity.csv could not be written: there is no such file or folder. Create the folder first";
    assert!(printed.said.contains(wanted), "{}", printed.said);
    let folder = home.folder("data");
    let printed = home.run(&["export", "--format", "csv", folder.to_str().expect("text")]).with(1);
    assert!(printed.said.contains("there is a folder of that name. Give the path of a file"), "{}", printed.said);
    let sandbox = Command::new(env!("CARGO_BIN_EXE_privicore-sandbox")).args(["--script", path]).output().expect("ran");
    let said = String::from_utf8_lossy(&sandbox.stderr);
    assert!(said.contains("gone/activity.csv") && said.contains("Check its name"), "{said}");
}
