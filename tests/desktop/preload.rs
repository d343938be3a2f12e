//! Libraries that the program under test is started with, to change what the system does to it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::failure::{Outcome, ensure};
use crate::monitor::Home;

/// Builds a library of this source among the folders of an operator.
///
/// # Errors
///
/// Without the C compiler that also links the program.
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
