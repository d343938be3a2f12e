//! The build script: gives the program its version, with the commit that it is built from.

#[path = "build/commit.rs"]
mod commit;

use std::env;
use std::error::Error;
use std::path::PathBuf;

/// The commit, for a build outside its repository; set by whoever packages the program.
const VARIABLE: &str = "PRIVICORE_MONITOR_COMMIT";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build/commit.rs");
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let given = match env::var(VARIABLE) {
        Ok(hash) => Some(hash),
        Err(env::VarError::NotPresent) => None,
        Err(error @ env::VarError::NotUnicode(_)) => return Err(format!("{VARIABLE}: {error}").into()),
    };
    // A debug build does not ask the repository: each commit would compile the program and its tests anew.
    let is_debug = env::var("PROFILE")? == "debug";
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("CARGO_MANIFEST_DIR is not set")?);
    let repository = Some(folder.as_path()).filter(|_| !is_debug);
    let version = commit::version(&env::var("CARGO_PKG_VERSION")?, given.as_deref(), repository);
    let version = match version {
        Ok(version) => version,
        Err(wrong) => {
            println!(
                "cargo::error={VARIABLE} is {wrong:?}, which is no commit. Set it to the hash of a commit, or unset it."
            );
            return Ok(());
        }
    };
    for file in &version.changes_with {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    println!("cargo::rustc-env=PRIVICORE_MONITOR_VERSION={}", version.text);
    Ok(())
}
