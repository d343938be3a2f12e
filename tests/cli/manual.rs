//! The help, the completion scripts and the manual page of both programs.

use std::process::{Command, Output, Stdio};

use super::program::Home;

const PROGRAMS: [(&str, &str); 2] = [
    ("privicore-monitor", env!("CARGO_BIN_EXE_privicore-monitor")),
    ("privicore-sandbox", env!("CARGO_BIN_EXE_privicore-sandbox")),
];

/// Runs a program as a package's build does: without a home folder and without any variable.
fn run(path: &str, arguments: &[&str]) -> Output {
    Command::new(path).args(arguments).env_clear().stdin(Stdio::null()).output().expect("ran")
}

/// What a program prints on standard output, with nothing on standard error.
#[track_caller]
fn printed(path: &str, arguments: &[&str]) -> String {
    let output = run(path, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), said), (Some(0), String::new()), "{arguments:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn each_shell_gets_a_completion_script() {
    for (name, path) in PROGRAMS {
        for (shell, begin) in [
            ("bash", format!("complete -F _{}", name.replace('-', "__"))),
            ("zsh", format!("#compdef {name}")),
            ("fish", format!("complete -c {name}")),
            ("powershell", "Register-ArgumentCompleter".to_owned()),
        ] {
            let script = printed(path, &["completions", shell]);
            assert!(script.contains(&begin), "{shell}: {begin} is missing:\n{script}");
            let flag = if name.ends_with("sandbox") { "token-life" } else { "exit-on" };
            assert!(script.contains(flag) && script.contains("completions"), "{shell}: {flag} is missing");
        }
        let unknown = run(path, &["completions", "tcsh"]);
        let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
        assert_eq!(unknown.status.code(), Some(2), "{said}");
        assert!(said.contains("fish"), "the shells are not named: {said}");
    }
}

#[test]
fn bash_completes_subcommands_flags_and_values() {
    // Completes the last word of a line, as bash does when Tab is pressed.
    let script = r#"source /dev/stdin <<<"$("$1" completions bash)"
        COMP_WORDS=($2) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        registered=$(complete -p "${COMP_WORDS[0]}")
        registered=${registered#*-F }
        "${registered%% *}" "${COMP_WORDS[0]}" "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
        echo "${COMPREPLY[@]}""#;
    for (line, wanted) in [
        ("privicore-monitor wa", "watch"),
        ("privicore-monitor watch --ex", "--exit-on"),
        ("privicore-monitor export --format n", "ndjson"),
        ("privicore-monitor completions po", "powershell"),
        ("privicore-sandbox completions po", "powershell"),
        ("privicore-sandbox --dial", "--dialect"),
    ] {
        let name = line.split(' ').next().expect("a name");
        let path = PROGRAMS.iter().find(|(known, _)| *known == name).expect("known").1;
        let output = Command::new("bash").args(["-ec", script, "bash", path, line]).output().expect("bash");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((String::from_utf8_lossy(&output.stdout).trim(), &*said), (wanted, ""), "{line}");
    }
}

#[test]
fn a_document_is_printed_without_a_home_folder_and_into_a_closed_pipe() {
    for (_, path) in PROGRAMS {
        for arguments in ["man", "completions bash"] {
            let line = format!("set -o pipefail; '{path}' {arguments} | true");
            let output = Command::new("bash").args(["-c", &line]).env_clear().output().expect("bash");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!((output.status.code(), said), (Some(0), String::new()), "{line}");
        }
        let line = format!("'{path}' man > /dev/full");
        let output = Command::new("sh").args(["-c", &line]).output().expect("a shell");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "a full disk: {said}");
        assert!(said.contains("Standard output could not be written"), "{said}");
    }
    let home = Home::new();
    home.run(&["man"]).with(0);
    assert_eq!(super::program::contents(&home.folder("data")), [], "the manual page made files");
}

#[test]
fn the_manual_page_has_every_subcommand_option_and_section() {
    for (name, path) in PROGRAMS {
        let page = printed(path, &["man"]);
        let version = env!("PRIVICORE_MONITOR_VERSION");
        let title = format!("\n.TH {name} 1 \" \" \"{name} {version}\" \"User Commands\"\n");
        assert!(page.contains(&title), "{title} is missing:\n{page}");
        let text = page.replace("\\-", "-");
        let summary = if name.ends_with("sandbox") { "A local Privicore" } else { "A live desktop monitor" };
        assert!(text.contains(&format!("\n{name} - {summary}")), "no summary:\n{text}");
        assert!(printed(path, &["--help"]).starts_with(summary), "another help");
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "\"EXIT STATUS\"", "EXAMPLES"] {
            assert!(text.contains(&format!("\n.SH {section}\n")), "no section {section}:\n{text}");
        }
        let helps = if name.ends_with("sandbox") {
            vec![printed(path, &["--help"])]
        } else {
            ["watch", "export", "track", "completions", "man"]
                .map(|subcommand| {
                    assert!(text.contains(&format!("\n.SS {subcommand}\n")), "no {subcommand}:\n{text}");
                    printed(path, &[subcommand, "--help"])
                })
                .into_iter()
                .chain([printed(path, &["--help"])])
                .collect()
        };
        let flags = helps.iter().flat_map(|help| help.split_whitespace()).filter(|word| word.starts_with("--"));
        for flag in flags.map(|word| word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric())) {
            assert!(text.contains(flag), "{flag} is missing:\n{text}");
        }
        if !name.ends_with("sandbox") {
            for words in ["\n.SH ENVIRONMENT\n", "\n.SH FILES\n", "PRIVICORE_CA_FILE", "NO_COLOR", "journal.sqlite"] {
                assert!(text.contains(words), "{words} is missing:\n{text}");
            }
        }
    }
}

#[test]
fn each_help_has_examples() {
    let [(_, monitor), (_, sandbox)] = PROGRAMS;
    for subcommand in ["", "watch", "export", "track", "completions", "man"] {
        for flag in ["--help", "-h"] {
            let arguments: Vec<_> = subcommand.split_whitespace().chain([flag]).collect();
            let help = printed(monitor, &arguments);
            let examples = help.split_once("Examples:\n").expect("no examples").1;
            assert!(examples.trim_start().starts_with("privicore-monitor") || subcommand == "track", "{help}");
        }
    }
    let help = printed(monitor, &["--help"]);
    for words in ["Environment:", "PRIVICORE_WS_URL", "NO_COLOR", "Exit codes:", "2 wrong usage", "completions", "man"]
    {
        assert!(help.contains(words), "{words} is missing: {help}");
    }
    let help = printed(sandbox, &["--help"]);
    assert!(help.contains("Examples:\n  privicore-sandbox"), "{help}");
}
