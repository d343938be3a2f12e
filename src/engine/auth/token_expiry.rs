//! Watches the lifetime of a token: when to renew it, and when to warn that it expires.
//!
//! The remaining time is computed from the server's own time of day if the server sends it, and counted by clocks that can't be
//! set, sleep included. So a wrong local clock neither delays a renewal nor signs anybody out: only the server decides that a
//! token is invalid.

use std::time::Duration;

use tokio::sync::oneshot;

use crate::engine::client::rest::TokenExpiry;
use crate::engine::context::EngineContext;
use crate::engine::context::internal_event::{ExpiryEvent, InternalEvent};
use crate::settings::ProfileId;

/// How often to check the clock that runs during sleep.
const CHECK_INTERVAL: Duration = Duration::from_mins(1);

/// Dropping it stops the timer.
pub(crate) type ExpiryTimer = oneshot::Sender<()>;

/// Starts to watch a token; `None` if its expiry is unknown.
pub(crate) fn start_timer(
    context: &EngineContext,
    profile: ProfileId,
    credentials_number: u64,
    ends: &TokenExpiry,
) -> Option<ExpiryTimer> {
    let now = context.clocks.now().at;
    let now = ends.server_now.or_else(|| context.clocks.reference().to_server(now)).unwrap_or(now);
    let life = ends.at?.since(now);
    let (watch, given_up) = oneshot::channel::<()>();
    let task = run_timer(context.clone(), profile, credentials_number, life);
    let task = async move {
        tokio::select! {
            () = task => {}
            _ = given_up => {}
        }
    };
    context.spawner.spawn("watching the token's end", Box::pin(task));
    Some(watch)
}

async fn run_timer(context: EngineContext, profile: ProfileId, credentials_number: u64, life: Duration) {
    let start = context.clocks.now();
    for (after, due) in schedule(life) {
        loop {
            let elapsed = context.clocks.now().since(start);
            let Some(remaining) = after.checked_sub(elapsed).filter(|remaining| !remaining.is_zero()) else { break };
            tokio::time::sleep(remaining.min(CHECK_INTERVAL)).await;
        }
        if context.reports.send(InternalEvent::TokenDue { profile, credentials_number, due }).await.is_err() {
            return;
        }
    }
}

/// What is due after which part of a lifetime. Renewal is tried at 80 %, and again at 90 % and 95 % if it failed.
fn schedule(life: Duration) -> Vec<(Duration, ExpiryEvent)> {
    let mut plan: Vec<(Duration, ExpiryEvent)> = Vec::new();
    if !life.is_zero() {
        plan.extend([80, 90, 95].map(|percent| (life.mul_f64(f64::from(percent) / 100.0), ExpiryEvent::Renew)));
    }
    for minutes in [15, 2] {
        // If the lifetime is shorter from the start, the operator could not have prevented it.
        if let Some(after) = life.checked_sub(Duration::from_mins(minutes)).filter(|after| !after.is_zero()) {
            plan.push((after, ExpiryEvent::ExpiresSoon { minutes }));
        }
    }
    plan.sort_by_key(|(after, _)| *after);
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::context::internal_event::ExpiryEvent;
    use std::time::Duration;

    #[test]
    fn a_token_is_renewed_at_80_percent_and_its_expiry_is_announced_15_and_2_minutes_before() {
        let minutes = |(after, due): (Duration, ExpiryEvent)| (after.as_secs() / 60, due);
        let planned: Vec<_> = schedule(Duration::from_mins(1_000)).into_iter().map(minutes).collect();
        let ends = |minutes| ExpiryEvent::ExpiresSoon { minutes };
        let wanted = [
            (800, ExpiryEvent::Renew),
            (900, ExpiryEvent::Renew),
            (950, ExpiryEvent::Renew),
            (985, ends(15)),
            (998, ends(2)),
        ];
        assert_eq!(planned, wanted);
        let short: Vec<_> = schedule(Duration::from_mins(10)).into_iter().map(minutes).collect();
        assert_eq!(short, [(8, ExpiryEvent::Renew), (8, ends(2)), (9, ExpiryEvent::Renew), (9, ExpiryEvent::Renew)]);
        assert_eq!(schedule(Duration::ZERO), [], "what has ended by our clock is the server's to say");
    }
}
