//! Waiting for what another process does: a condition with a deadline, never a fixed pause.

#![expect(
    clippy::disallowed_methods,
    reason = "another process cannot be watched by a clock of ours: it is asked again until the deadline"
)]

use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};

/// Generous: only a test that fails waits this long.
const DEADLINE: Duration = Duration::from_mins(1);
/// For what has a long way: over a socket, a disk and a window into the accessibility tree, all beside a compiler, perhaps.
const LONG: Duration = Duration::from_mins(3);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(40);

/// Asks until there is an answer.
///
/// # Errors
///
/// The last reason why there was none, after a minute. A question may fail while it is asked, since what it asks about may be
/// starting, closing or being drawn anew: that is one more "not yet".
pub(crate) fn until<T>(what: &str, ask: impl FnMut() -> Outcome<Option<T>>) -> Outcome<T> {
    within(DEADLINE, what, ask)
}

/// The same for what has a long way.
///
/// # Errors
///
/// The last reason why there was none, after three minutes.
pub(crate) fn until_at_last<T>(what: &str, ask: impl FnMut() -> Outcome<Option<T>>) -> Outcome<T> {
    within(LONG, what, ask)
}

/// Does something, and says how long that took, for whoever runs the test with `--nocapture`.
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
