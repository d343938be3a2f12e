//! The signals by which a system asks a program to end.

/// Waits until the system asks the program to end: SIGTERM or SIGINT, on Windows Ctrl+C. Needs tokio's runtime.
///
/// # Errors
///
/// Where the system does not let the program listen; then the system's own way of ending it stays.
pub async fn asked_to_end() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
