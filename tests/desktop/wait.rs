//! Waits for another process: a condition with a deadline, never a fixed pause.

#![expect(
    clippy::disallowed_methods,
    reason = "another process cannot be watched by a clock of ours: it is asked again until the deadline"
)]

use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};

/// Generous: only a failing test waits this long.
const DEADLINE: Duration = Duration::from_mins(1);
/// For slow chains: over a socket, a disk and a window into the accessibility tree, perhaps beside a compiler.
const LONG: Duration = Duration::from_mins(3);
/// The wait between two polls.
const PAUSE: Duration = Duration::from_millis(40);

/// Polls until there is an answer.
///
/// # Errors
///
/// The last reason why there was none, after a minute. A poll may fail while its target is starting, closing or being
/// redrawn; that counts as "not yet".
pub(crate) fn until<T>(what: &str, ask: impl FnMut() -> Outcome<Option<T>>) -> Outcome<T> {
    within(DEADLINE, what, ask)
}

/// The same for slow chains.
///
/// # Errors
///
/// The last reason why there was none, after three minutes.
pub(crate) fn until_at_last<T>(what: &str, ask: impl FnMut() -> Outcome<Option<T>>) -> Outcome<T> {
    within(LONG, what, ask)
}

/// Runs `work` and prints how long it took, for runs with `--nocapture`.
#[expect(clippy::print_stdout, reason = "it is for whoever looks at the test")]
pub(crate) fn timed<T>(what: &str, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let begun = Instant::now();
    let done = work()?;
    println!("{what}: {} ms", begun.elapsed().as_millis());
    Ok(done)
}

fn within<T>(bound: Duration, what: &str, mut ask: impl FnMut() -> Outcome<Option<T>>) -> Outcome<T> {
    let begun = Instant::now();
    loop {
        let last = match ask() {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => String::new(),
            Err(failure) => format!("; the last attempt: {failure}"),
        };
        if begun.elapsed() > bound {
            return Err(Failure::new(format!("waited {} s in vain for {what}{last}", bound.as_secs())));
        }
        std::thread::sleep(PAUSE);
    }
}
