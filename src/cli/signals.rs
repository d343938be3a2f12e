//! The signals by which a system asks a program to end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Waits until the system asks the program to end: SIGTERM or SIGINT, on Windows Ctrl+C. Needs tokio's runtime.
///
/// # Errors
///
/// Where the system does not let the program listen; then the system's own way of ending it stays.
pub async fn asked_to_end() -> io::Result<()> {
    listen()?.await;
    Ok(())
}

/// A flag that is set when the system asks the program to end, for a program without a runtime: it then ends by itself.
///
/// # Errors
///
/// If the system gives no thread or does not let the program listen.
pub fn ends() -> io::Result<Arc<AtomicBool>> {
    let asked = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = {
        // From here on they are listened to.
        let _inside = runtime.enter();
        listen()?
    };
    let set = asked.clone();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(signals);
        set.store(true, Ordering::Relaxed);
    })?;
    Ok(asked)
}

#[cfg(unix)]
fn listen() -> io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(windows)]
fn listen() -> io::Result<impl Future<Output = ()> + Send> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move { _ = interrupt.recv().await })
}
