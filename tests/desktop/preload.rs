//! Libraries preloaded into the program under test, to change the system's behaviour.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::failure::{Outcome, ensure};
use crate::monitor::Home;

/// Compiles a library from this source into an operator's folder.
///
/// # Errors
///
/// Fails without the C compiler that also links the program.
pub(crate) fn build(home: &Home, name: &str, source: &str) -> Outcome<PathBuf> {
    let library = home.root().join(format!("{name}.so"));
    let mut compiler = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-x", "c", "-", "-o"])
        .arg(&library)
        .stdin(Stdio::piped())
        .spawn()?;
    if let Some(mut input) = compiler.stdin.take() {
        input.write_all(source.as_bytes())?;
    }
    let status = compiler.wait()?;
    ensure(status.success(), format!("the C compiler ended with {status}"))?;
    Ok(library)
}
