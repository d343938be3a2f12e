//! The signals by which the system asks the program to end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Waits until the system asks the program to end: SIGTERM or SIGINT; on Windows Ctrl+C, Ctrl+Break, and the
/// end of the console, the session or the system. Needs a tokio runtime.
///
/// # Errors
///
/// If the system does not let the program install a handler; then the signal's default action stays.
pub async fn wait_for_end() -> io::Result<()> {
    listen()?.await;
    Ok(())
}

/// Returns a flag that is set when the system asks the program to end, for code without a runtime. The caller polls it and ends
/// by itself.
///
/// # Errors
///
/// If the system refuses a thread or a signal handler.
pub fn end_flag() -> io::Result<Arc<AtomicBool>> {
    let asked = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = {
        // The handlers are installed here.
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
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
    let (mut interrupt, mut stop, mut close) = (ctrl_c()?, ctrl_break()?, ctrl_close()?);
    let (mut logoff, mut shutdown) = (ctrl_logoff()?, ctrl_shutdown()?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = stop.recv() => {}
            _ = close.recv() => {}
            _ = logoff.recv() => {}
            _ = shutdown.recv() => {}
        }
    })
}
