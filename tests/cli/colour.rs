//! Colours: on a terminal only, and never if the environment says so (<https://no-color.org>).

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use super::program::Home;

const MONITOR: &str = env!("CARGO_BIN_EXE_privicore-monitor");
const SANDBOX: &str = env!("CARGO_BIN_EXE_privicore-sandbox");

/// What a command prints, on both outputs, with these variables only.
fn output(mut command: Command, variables: &[(&str, &str)]) -> String {
    command.env_clear().env("PATH", "/usr/bin:/bin").envs(variables.iter().copied()).stdin(Stdio::null());
    let output = command.output().expect("ran");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The command line in a shell, or in a terminal of its own.
fn command(line: &str, in_terminal: bool) -> Command {
    let mut command = Command::new(if in_terminal { "script" } else { "sh" });
    if in_terminal {
        command.args(["--quiet", "--return", "--command", line, "/dev/null"]);
    } else {
        command.args(["-c", line]);
    }
    command
}

#[test]
fn help_and_log_have_colours_on_a_terminal_unless_the_environment_says_no() {
    let home = Home::new();
    home.with_profiles(&["ops"]);
    let folders =
        format!("--data-dir '{}' --config-dir '{}'", home.folder("data").display(), home.folder("config").display());
    let lines = [
        format!("{MONITOR} --help"),
        format!("{MONITOR} watch --help"),
        format!("{SANDBOX} --help"),
        // It logs the tasks that it stops.
        format!("{MONITOR} {folders} --log trace watch"),
    ];
    let terminal = ("TERM", "xterm-256color");
    for line in lines {
        for (in_terminal, variables, is_coloured) in [
            (true, &[terminal][..], true),
            (true, &[terminal, ("NO_COLOR", "")], true),
            (true, &[terminal, ("NO_COLOR", "1")], false),
            (true, &[terminal, ("NO_COLOR", "0")], false),
            (true, &[terminal, ("CLICOLOR", "0")], false),
            (true, &[("TERM", "dumb")], false),
            (false, &[terminal], false),
            (false, &[terminal, ("CLICOLOR", "1")], false),
            (false, &[terminal, ("CLICOLOR_FORCE", "1")], true),
            (false, &[terminal, ("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        ] {
            let printed = output(command(&line, in_terminal), variables);
            assert!(!printed.trim().is_empty(), "{line} printed nothing");
            let found = printed.contains('\u{1b}');
            assert_eq!(found, is_coloured, "{line}, terminal: {in_terminal}, {variables:?}: {printed:?}");
        }
    }
}

#[test]
fn the_log_of_the_sandbox_has_no_colours_in_a_file() {
    let ports = ["--api-port", "0", "--ws-port", "0", "--upstream-port", "0", "--downstream-port", "0"];
    for (variables, is_coloured) in
        [(&[][..], false), (&[("CLICOLOR_FORCE", "1")], true), (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false)]
    {
        let mut command = Command::new(SANDBOX);
        command.args(ports).args(["--scenario", "quiet", "--bind", "0.0.0.0"]);
        command.env_clear().envs(variables.iter().copied()).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("started");
        let mut line = String::new();
        BufReader::new(child.stderr.take().expect("an output")).read_line(&mut line).expect("a line");
        child.kill().and_then(|()| child.wait()).expect("ended");
        assert!(line.contains("can be reached from outside"), "{line}");
        assert_eq!(line.contains('\u{1b}'), is_coloured, "{variables:?}: {line:?}");
    }
}
