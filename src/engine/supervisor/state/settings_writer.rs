//! Writes the settings file in the background.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::engine::context::EngineContext;
use crate::engine::events::problem::{ProblemKind, ProblemReason};
use crate::settings::{Settings, SettingsError, Store};

/// Writes the settings file in the background: in order, and only the newest of several that wait.
pub(crate) struct SettingsWriter {
    pub(crate) store: Arc<Store>,
    pub(crate) waiting: Arc<Mutex<Waiting>>,
}

impl SettingsWriter {
    pub(crate) fn new(store: Store) -> Self {
        Self { store: Arc::new(store), waiting: Arc::default() }
    }

    /// Queues settings to be written. The engine waits for that when it stops. `saved` is signalled once they are written, and dropped
    /// if they can't be.
    pub(crate) fn save(&self, settings: Settings, saved: Option<oneshot::Sender<()>>, context: &EngineContext) {
        let mut waiting = self.waiting.lock();
        waiting.newest = Some(settings);
        waiting.saved.extend(saved);
        if !std::mem::replace(&mut waiting.is_writing, true) {
            let task = write(self.store.clone(), self.waiting.clone(), context.clone());
            context.spawner.spawn_to_completion("saving the settings", task);
        }
    }
}

/// What is queued.
#[derive(Default)]
pub(crate) struct Waiting {
    pub(crate) newest: Option<Settings>,
    /// Signalled when the queued settings are written.
    pub(crate) saved: Vec<oneshot::Sender<()>>,
    /// Whether a task is writing.
    pub(crate) is_writing: bool,
}

pub(crate) async fn write(store: Arc<Store>, waiting: Arc<Mutex<Waiting>>, context: EngineContext) {
    loop {
        let (settings, saved) = {
            let mut waiting = waiting.lock();
            let Some(settings) = waiting.newest.take() else {
                waiting.is_writing = false;
                return;
            };
            (settings, std::mem::take(&mut waiting.saved))
        };
        let store = store.clone();
        match context.spawner.blocking("saving the settings", move || store.save(&settings)).await {
            Some(Ok(())) => {
                context.event_sender.resolve_problem(None, &ProblemKind::SettingsFile);
                for saved in saved {
                    if saved.send(()).is_err() {
                        tracing::debug!("nobody waits for the settings any more");
                    }
                }
            }
            // If the file is read-only, changes apply to this run and nothing else was promised. `None`: the notice of the failed task has
            // reported it.
            Some(Err(SettingsError::ReadOnly { .. })) | None => {}
            Some(Err(error)) => {
                context.event_sender.report_problem(None, ProblemReason::SettingsFile(error.into()));
            }
        }
    }
}
