//! Waits for another process: a condition with a deadline, never a fixed pause.

#![expect(
    clippy::disallowed_methods,
    reason = "another process cannot be watched by a clock of ours: it is asked again until the deadline"
)]

use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};

/// Only a failing test waits this long. A compiler beside it slows each step between a key and the accessibility tree.
const DEADLINE: Duration = Duration::from_mins(10);
/// The wait between two polls.
const PAUSE: Duration = Duration::from_millis(40);

/// Polls until there is an answer.
///
/// # Errors
///
/// The last reason why there was none, after ten minutes. A poll may fail while its target is starting, closing or being
/// redrawn; that counts as "not yet".
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Outcome<Option<T>>) -> Outcome<T> {
    let begun = Instant::now();
    loop {
        let last = match ask() {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => String::new(),
            Err(failure) => format!("; the last attempt: {failure}"),
        };
        if begun.elapsed() > DEADLINE {
            return Err(Failure::new(format!("waited {} s in vain for {what}{last}", DEADLINE.as_secs())));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Runs `work` and prints how long it took, for runs with `--nocapture`.
#[expect(clippy::print_stdout, reason = "it is for whoever looks at the test")]
pub(crate) fn timed<T>(what: &str, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let begun = Instant::now();
    let done = work()?;
    println!("{what}: {} ms", begun.elapsed().as_millis());
    Ok(done)
}
