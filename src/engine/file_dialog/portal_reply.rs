//! Waits for a file dialog of the desktop's portal, which another thread requests. The portal has little time to open the dialog,
//! and the operator any time to close it.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::oneshot;

use super::FileDialogError;

/// How long bus and portal together may take to open a dialog.
pub const OPEN_TIMEOUT: Duration = Duration::from_secs(4);
/// An operator who has clicked sees something within this time: the desktop's dialog, or another one.
const MAX_RESPONSE_TIME: Duration = Duration::from_secs(5);
const _: () = assert!(OPEN_TIMEOUT.as_millis() < MAX_RESPONSE_TIME.as_millis());

/// What the operator chose; `None` if the dialog was cancelled.
pub(crate) type Chosen = Result<Option<PathBuf>, FileDialogError>;

/// A dialog that a thread requests from the portal. Dropping it reports that there is none.
#[derive(Debug)]
pub struct PortalDialog {
    opened: Option<oneshot::Sender<()>>,
    chosen: oneshot::Sender<Chosen>,
}

/// The other end of a [`PortalDialog`].
#[derive(Debug)]
pub struct PortalReply {
    opened: oneshot::Receiver<()>,
    chosen: oneshot::Receiver<Chosen>,
}

impl PortalDialog {
    /// A dialog that is going to be requested, and the end that waits for it.
    pub fn new() -> (Self, PortalReply) {
        let ((opened, is_open), (chosen, choice)) = (oneshot::channel(), oneshot::channel());
        (Self { opened: Some(opened), chosen }, PortalReply { opened: is_open, chosen: choice })
    }

    /// Reports that the portal opens the dialog. Returns whether that was in time; otherwise another dialog is open by now, and
    /// this one has to be closed.
    pub fn report_open(&mut self) -> bool {
        self.opened.take().is_some_and(|opened| opened.send(()).is_ok())
    }

    /// Reports the result.
    pub fn report_result(self, chosen: Result<Option<PathBuf>, FileDialogError>) {
        // If nobody waits any more, another dialog is open by now.
        _ = self.chosen.send(chosen);
    }
}

impl PortalReply {
    /// Waits until the dialog is closed.
    ///
    /// # Errors
    ///
    /// [`FileDialogError::Unavailable`] if there is no dialog, or none that opens in time; or the one that was reported.
    pub(crate) async fn outcome(self) -> Chosen {
        let Self { mut opened, chosen } = self;
        if tokio::time::timeout(OPEN_TIMEOUT, &mut opened).await.is_err() {
            // From here on it is too late, but it may have opened just now.
            opened.close();
            if opened.try_recv().is_err() {
                tracing::warn!("the portal does not answer");
                return Err(FileDialogError::Unavailable);
            }
        }
        chosen.await.unwrap_or(Err(FileDialogError::Unavailable))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_portal_that_never_answers_is_given_up_within_the_promised_time_and_opens_nothing_later() {
        let (mut dialog, reply) = PortalDialog::new();
        let begin = Instant::now();
        assert!(matches!(reply.outcome().await, Err(FileDialogError::Unavailable)));
        assert!(begin.elapsed() <= Duration::from_secs(5), "the operator waited for {:?}", begin.elapsed());
        assert!(!dialog.report_open(), "a second dialog is open");
        dialog.report_result(Ok(None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_dialog_that_opened_in_time_may_stay_open_as_long_as_the_operator_wants() {
        let (mut dialog, reply) = PortalDialog::new();
        let operator = async {
            tokio::time::sleep(OPEN_TIMEOUT.saturating_sub(Duration::from_millis(1))).await;
            assert!(dialog.report_open(), "it opened in time");
            tokio::time::sleep(Duration::from_hours(1)).await;
            dialog.report_result(Ok(Some("/srv/data.csv".into())));
        };
        let (chosen, ()) = tokio::join!(reply.outcome(), operator);
        assert_eq!(chosen.ok(), Some(Some("/srv/data.csv".into())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_portal_without_a_dialog_is_not_waited_for() {
        let ends: [fn(PortalDialog); 2] = [|dialog| dialog.report_result(Err(FileDialogError::Unavailable)), drop];
        for finish in ends {
            let (dialog, reply) = PortalDialog::new();
            let begin = Instant::now();
            finish(dialog);
            assert!(matches!(reply.outcome().await, Err(FileDialogError::Unavailable)));
            assert_eq!(begin.elapsed(), Duration::ZERO);
        }
    }
}
