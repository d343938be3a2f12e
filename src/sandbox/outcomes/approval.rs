//! Policies hold events until the authenticators of the profile have voted.

use tokio::time::sleep_until;

use crate::sandbox::backend::{Backend, PendingCommand};
use crate::sandbox::proxy::messages;
use crate::sandbox::state::policies::Event;
use crate::sandbox::state::profiles::ProfileId;
use crate::sandbox::state::reason::Reason;
use crate::sandbox::state::voting::pools::{Progress, Question};

/// Waits until every active policy that holds `event` has been voted on. Fails with the reason if a vote fails.
pub(crate) async fn wait(
    backend: &Backend,
    profile: &ProfileId,
    command: &mut PendingCommand,
    event: Event,
) -> Result<(), Reason> {
    let held_by = backend.state().policies.holding(profile, event);
    for policy in held_by {
        let (pool, message) = {
            let mut state = backend.state();
            let question = Question {
                title: policy.name,
                text: format!("Allow {event}?"),
                nonce: None,
                command: Some(command.id.clone()),
            };
            let pool = state.open_pool(profile, &policy.voting_configuration, question, &[], backend.clock.now())?;
            let opened = state.voting.pools.status(profile, &pool, backend.clock.now());
            (pool, opened.map(|opened| messages::pool_opened(&command.id, &opened)))
        };
        if let Some(message) = message {
            backend.publish_in_turn(command, profile, &message).await;
        }
        command.end_turn();
        vote(backend, profile, &pool).await?;
    }
    Ok(())
}

/// Waits until a pool is decided.
async fn vote(backend: &Backend, profile: &ProfileId, pool: &str) -> Result<(), Reason> {
    loop {
        // Registered before the pool is read, so that no vote is missed.
        let voted = backend.votes.notified();
        let progress = backend.state().voting.pools.progress(profile, pool, backend.clock.now());
        match progress.ok_or("voting.pool_not_found")? {
            Progress::Approved => return Ok(()),
            Progress::Failed(reason) => return Err(reason),
            Progress::Open { until } => {
                tokio::select! {
                    () = voted => {}
                    () = sleep_until(until) => {}
                }
            }
        }
    }
}
