//! Examples, environment variables, exit codes and files: the help shows them below the options, and the manual page in sections.

use clap::builder::{StyledStr, Styles};

/// The name of the program, as a shell finds it.
pub(super) const PROGRAM_NAME: &str = "privicore-monitor";

/// Lines of a list: what is written, and what it means.
type Entries = &'static [(&'static str, &'static str)];

/// What the help and the manual page say about a command beside its options.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Notes {
    /// How the command behaves: paragraphs, each of one line.
    pub(super) paragraphs: &'static [&'static str],
    /// Command lines and what they do.
    pub(super) examples: Entries,
}

impl Notes {
    /// The text below the options in the help of a subcommand.
    pub(in crate::cli) fn help(&self) -> StyledStr {
        let mut help = String::new();
        for paragraph in self.paragraphs {
            help.extend([paragraph, "\n\n"]);
        }
        add_list(&mut help, "Examples", self.examples);
        help.trim_end().to_owned().into()
    }
}

/// The text below the options in the help of the program.
pub(in crate::cli) fn program_help() -> StyledStr {
    let mut help = String::new();
    add_list(&mut help, "Examples", PROGRAM.examples);
    add_list(&mut help, "Environment", ENVIRONMENT);
    let codes: Vec<String> = EXIT_CODES.iter().map(|(code, meaning)| format!("{code} {meaning}")).collect();
    add_heading(&mut help, "Exit codes");
    help.extend(["  ", &codes.join(", ")]);
    help.into()
}

fn add_list(help: &mut String, heading: &str, entries: Entries) {
    add_heading(help, heading);
    for (written, meaning) in entries {
        help.extend(["  ", written, "\n          ", meaning, "\n"]);
    }
    help.push('\n');
}

/// A heading in the style of those that clap writes; clap removes the style if the output has no colours.
fn add_heading(help: &mut String, heading: &str) {
    let styles = Styles::styled();
    let style = styles.get_header();
    help.extend([style.render().to_string(), format!("{heading}:"), style.render_reset().to_string(), "\n".to_owned()]);
}

/// The notes of a subcommand.
pub(super) fn notes_of(subcommand: &str) -> Option<&'static Notes> {
    match subcommand {
        "watch" => Some(&WATCH),
        "export" => Some(&EXPORT),
        "track" => Some(&TRACK),
        "completions" => Some(&COMPLETIONS),
        "man" => Some(&MAN),
        _ => None,
    }
}

/// The program without a subcommand.
pub(in crate::cli) const PROGRAM: Notes = Notes {
    paragraphs: &["Without a command, the window opens."],
    examples: &[
        ("privicore-monitor", "Open the window"),
        #[cfg(feature = "sandbox")]
        ("privicore-monitor --sandbox", "Try the window on a local Privicore with invented activity"),
        (
            "privicore-monitor --profile ops watch --json",
            "Print each event of one profile as a JSON line, without a window",
        ),
        ("privicore-monitor help export", "Show the options of a command"),
    ],
};

/// `watch`.
pub(in crate::cli) const WATCH: Notes = Notes {
    paragraphs: &[
        "Beside a running window it follows the window's journal and opens no connection. The state of the connection is printed on \
         standard error.",
        "If no server is reached in the first 30 s, it ends with code 4; later it retries without limit.",
    ],
    examples: &[
        ("privicore-monitor watch --filter 'status:failed'", "Show failed commands only"),
        (
            "privicore-monitor watch --json --exit-on label:deploy",
            "Print JSON lines, and exit when the outcomes of everything labelled `deploy` are known",
        ),
    ],
};

/// `export`.
pub(in crate::cli) const EXPORT: Notes = Notes {
    paragraphs: &[
        "One line per command, data request and unrecognised message, showing its latest state, oldest first, and one per gap. A file \
         appears when it is complete.",
        "In CSV, a cell that a spreadsheet would take for a formula gets an apostrophe in front. JSON lines have every text as it is.",
    ],
    examples: &[
        ("privicore-monitor export --format csv activity.csv", "Write everything into a file for a spreadsheet"),
        (
            "privicore-monitor export --format ndjson --since 24h --filter 'status:failed' | jq -r .id",
            "Print the ids of what failed in the last 24 hours",
        ),
    ],
};

/// `track`.
pub(in crate::cli) const TRACK: Notes = Notes {
    paragraphs: &[
        "Hands the ids to the window or to `watch`, whichever runs, or else writes them into the journal.",
        "With `-` it reads standard input until it ends: one id per line, with an optional label after a tab. Empty lines are skipped. \
         A line that can't be tracked is named on standard error, all others are tracked, and the exit code is 2.",
    ],
    examples: &[
        ("privicore-monitor track --label deploy 23f7978a-5c1e b24b68f6-e0d2", "Track two commands under one label"),
        ("privicore-monitor track --label deploy - < ids.txt", "Track the commands of a file, one id per line"),
        (
            "jq -r '[.commandId, .name] | @tsv' sent.json | privicore-monitor track -",
            "Track what another program has sent, each command with a label of its own",
        ),
    ],
};

/// `completions`.
pub(super) const COMPLETIONS: Notes = Notes {
    paragraphs: &[],
    examples: &[
        (
            "privicore-monitor completions bash > ~/.local/share/bash-completion/completions/privicore-monitor",
            "Install the completions for bash",
        ),
        ("privicore-monitor completions zsh > ~/.zfunc/_privicore-monitor", "For zsh, if `~/.zfunc` is in its `fpath`"),
        ("privicore-monitor completions fish > ~/.config/fish/completions/privicore-monitor.fish", "For fish"),
        ("privicore-monitor completions powershell >> $PROFILE", "For PowerShell"),
    ],
};

/// `man`.
pub(super) const MAN: Notes = Notes {
    paragraphs: &[],
    examples: &[
        ("privicore-monitor man | man -l -", "Read the manual page"),
        (
            "privicore-monitor man > ~/.local/share/man/man1/privicore-monitor.1",
            "Install it for `man privicore-monitor`",
        ),
    ],
};

/// The environment variables.
pub(super) const ENVIRONMENT: Entries = &[
    (
        "PRIVICORE_API_URL, PRIVICORE_WS_URL, PRIVICORE_USERNAME, PRIVICORE_PASSWORD",
        "Pre-fill the sign-in, and sign `watch` in",
    ),
    ("PRIVICORE_CA_FILE", "A file with certificate authorities to trust beside the system's, in PEM or DER form"),
    ("https_proxy, http_proxy, all_proxy, no_proxy", "Proxies, unless the settings choose otherwise"),
    ("SSL_CERT_FILE, SSL_CERT_DIR", "Replace the system's certificate authorities (Linux)"),
    ("NO_COLOR, CLICOLOR, CLICOLOR_FORCE", "Colours of the help and of the log: NO_COLOR=1 turns them off"),
    ("XDG_DATA_HOME, XDG_CONFIG_HOME, XDG_RUNTIME_DIR", "Move the standard folders (Linux)"),
];

/// The exit codes.
pub(super) const EXIT_CODES: &[(u8, &str)] =
    &[(0, "done"), (1, "failed"), (2, "wrong usage"), (3, "signed out or token refused"), (4, "server not reached")];

/// The files, by their standard paths on this system.
pub(super) const FILES: Entries = if cfg!(windows) {
    &[
        (r"%LOCALAPPDATA%\privicore-monitor\data", "The journal; --data-dir moves it"),
        (r"%APPDATA%\privicore-monitor\config\settings.toml", "The settings; --config-dir moves them"),
    ]
} else if cfg!(target_os = "macos") {
    &[
        ("~/Library/Application Support/privicore-monitor/journal.sqlite", "The journal; --data-dir moves it"),
        ("~/Library/Application Support/privicore-monitor/settings.toml", "The settings; --config-dir moves them"),
    ]
} else {
    &[
        ("~/.local/share/privicore-monitor/journal.sqlite", "The journal; --data-dir and XDG_DATA_HOME move it"),
        ("~/.config/privicore-monitor/settings.toml", "The settings; --config-dir and XDG_CONFIG_HOME move them"),
        (
            "$XDG_RUNTIME_DIR/privicore-monitor/*.sock",
            "The local socket over which `track` reaches the running program",
        ),
    ]
};

/// Every example.
#[cfg(test)]
pub(in crate::cli) fn examples() -> impl Iterator<Item = &'static str> {
    [PROGRAM, WATCH, EXPORT, TRACK, COMPLETIONS, MAN]
        .into_iter()
        .flat_map(|notes| notes.examples)
        .map(|(line, _)| *line)
}
