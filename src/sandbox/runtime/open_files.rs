//! How many files the process may have open at a time: each connection is one.

/// Raises the soft limit to the hard one, which needs no privilege. Returns the limit that holds now, if there is one.
///
/// Shells often leave 1,024, which fewer than a thousand clients use up.
#[cfg(unix)]
pub fn raise_open_file_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        // Some systems accept less than they say.
        Err(error) => {
            tracing::debug!(%error, "the limit of open files stays");
            limit.current
        }
    }
}

/// There is no such limit.
#[cfg(not(unix))]
pub fn raise_open_file_limit() -> Option<u64> {
    None
}
