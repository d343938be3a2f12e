//! From the network to the part-file: bytes in, progress out, and every way in which it can stand still or break.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::engine::event::{Event, Progress, Stage};
use crate::settings::{IDLE_LIMITS, Preferences, atomic};

use super::control::Control;
use super::failed::Failed;
use super::meter::{Meter, PROGRESS, time_for};
use super::part::{Part, Spot};
use super::room::RESERVE;
use super::source::Opened;
use super::writing::{Patience, patience};
use super::{Job, Order};

/// From how long a silence on it is said.
const SILENCE: Duration = Duration::from_secs(5);
/// How often it is looked whether there is room again.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// How many bytes of a payload of unknown length may come between two looks at the room on the disk.
const BETWEEN_LOOKS: u64 = 32 * 1024 * 1024;
/// Pieces on their way from the network to the disk. Full: the network is not read until the disk has caught up.
const PIECES: usize = 16;

/// After how long a silence a transfer is given up, as the settings have it at the moment. Clones share it.
#[derive(Debug, Clone)]
pub(in crate::engine) struct IdleLimit(Arc<AtomicU32>);

impl Default for IdleLimit {
    fn default() -> Self {
        Self(Arc::new(Preferences::default().idle_limit.into()))
    }
}

impl IdleLimit {
    /// So many seconds from here on, for what is under way too; the nearest that makes sense, which is given back.
    pub(in crate::engine) fn set(&self, seconds: u32) -> u32 {
        let seconds = seconds.clamp(*IDLE_LIMITS.start(), *IDLE_LIMITS.end());
        self.0.store(seconds, Ordering::Relaxed);
        seconds
    }

    fn get(&self) -> Duration {
        Duration::from_secs(u64::from(self.0.load(Ordering::Relaxed)))
    }
}

impl Job {
    /// Receives a payload into its part-file, which is given back however it ends, unless the disk swallowed it.
    pub(super) async fn receive(
        &self,
        opened: &mut Opened,
        part: Part,
        spot: &Spot,
        control: &mut Control,
    ) -> (Result<(), Failed>, Option<Part>) {
        let (pieces, arriving) = mpsc::channel::<Bytes>(PIECES);
        let (patience, waiting) = patience();
        let mut writer = self.tools.spawner.blocking("saving a file", Some(self.profile), move || {
            let mut part = part;
            let written = waiting.write_all(arriving, LOOK_AGAIN, |piece| part.write(piece));
            (part, written.err())
        });
        let began = Instant::now();
        let mut meter = Meter::new(began);
        let mut received = self.pump(opened, pieces, spot, control, (&mut meter, &patience)).await;
        // Who has given up on the network gives up on the disk; otherwise what has come still waits for room.
        let mut patience = received.is_ok().then_some(patience);
        let mut ticks = tokio::time::interval(LOOK_AGAIN);
        let written = loop {
            tokio::select! {
                written = &mut writer => break written,
                stop = control.stopped(), if patience.is_some() => {
                    received = Err(stop.after());
                    patience = None;
                }
                _ = ticks.tick() => if let Some(patience) = &patience {
                    self.wait_for_room(spot, (&meter, opened.total), patience).await;
                },
            }
        };
        let Ok(Some((part, trouble))) = written else {
            return (Err(Failed::broken("The file could not be written. The link is used up.")), None);
        };
        if let (Ok(()), Some(error)) = (&received, trouble) {
            let sentence = format!(
                "It can't be written to {}: {}. The link is used up.",
                spot.folder.display(),
                atomic::in_words(&error)
            );
            return (Err(Failed::broken(sentence)), Some(part));
        }
        self.tools.fetcher.rates.learn(part.size(), began.elapsed());
        (received, Some(part))
    }

    /// Moves bytes until the end. Dropping `pieces` ends the writer.
    async fn pump(
        &self,
        opened: &mut Opened,
        pieces: mpsc::Sender<Bytes>,
        spot: &Spot,
        control: &mut Control,
        (meter, patience): (&mut Meter, &Patience),
    ) -> Result<(), Failed> {
        let total = opened.total;
        self.tell(spot, meter, total, Stage::Receiving);
        let (mut received, mut last, mut looked) = (0_u64, Instant::now(), 0_u64);
        // Also tells what came with the last piece before a pause, and that nothing comes.
        let mut ticks = tokio::time::interval(PROGRESS);
        loop {
            let piece = tokio::select! {
                piece = opened.source.next() => piece,
                stop = control.stopped() => return Err(stop.after()),
                now = ticks.tick() => {
                    self.silence(spot, (&mut *meter, received, total), now.saturating_duration_since(last))?;
                    continue;
                }
            };
            let piece = match piece {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(what) => return Err(broken(what, received, total)),
            };
            received = received.saturating_add(piece.len() as u64);
            let room = loop {
                tokio::select! {
                    room = pieces.reserve() => break room,
                    stop = control.stopped() => return Err(stop.after()),
                    _ = ticks.tick() => self.wait_for_room(spot, (&*meter, total), patience).await,
                }
            };
            // The disk refused: the writer's result says why.
            let Ok(room) = room else { return Ok(()) };
            room.send(piece);
            if meter.count(received, Instant::now()) {
                self.tell(spot, meter, total, Stage::Receiving);
            }
            if total.is_none() && received.saturating_sub(looked) >= BETWEEN_LOOKS {
                looked = received;
                while let Some(short) = self.shortage(&spot.folder, RESERVE).await {
                    self.tell(spot, meter, total, short);
                    wait(control).await?;
                }
            }
            last = Instant::now();
        }
        match total.filter(|&total| total != received) {
            Some(_) => Err(broken("the connection broke off", received, total)),
            None => Ok(()),
        }
    }

    /// Nothing has come for a while: says so, and gives up when it has been too long.
    fn silence(&self, spot: &Spot, measured: (&mut Meter, u64, Option<u64>), silent: Duration) -> Result<(), Failed> {
        let (meter, received, total) = measured;
        let limit = self.tools.fetcher.idle.get();
        if silent >= limit {
            let what = format!("nothing came for {} s", limit.as_secs());
            return Err(broken(&what, received, total));
        }
        let (before, rate) = (meter.received(), meter.rate());
        let changed = meter.count(received, Instant::now()) && (before != received || rate > 0.0);
        if silent >= SILENCE {
            self.tell(spot, meter, total, Stage::Stalled { silent, limit });
        } else if changed {
            self.tell(spot, meter, total, Stage::Receiving);
        }
        Ok(())
    }

    /// Tells that the disk is full, while the writer waits for room on it.
    async fn wait_for_room(&self, spot: &Spot, (meter, total): (&Meter, Option<u64>), patience: &Patience) {
        if !patience.is_waiting() {
            return;
        }
        let needed = total.map_or(RESERVE, |total| total.saturating_sub(meter.received()).max(1));
        // It may say that there is room, for somebody else: the writer knows better.
        let free = match self.shortage(&spot.folder, u64::MAX).await {
            Some(Stage::NoRoom { free, .. }) => free,
            _ => 0,
        };
        self.tell(spot, meter, total, Stage::NoRoom { needed, free, folder: spot.folder.clone() });
    }

    /// What is short on the disk of a folder, where something is. A disk that does not say is taken to have room.
    pub(super) async fn shortage(&self, folder: &Path, needed: u64) -> Option<Stage> {
        let (disk, at) = (self.tools.fetcher.disk.clone(), folder.to_owned());
        let asked = self.tools.spawner.blocking("looking for room on the disk", Some(self.profile), move || disk(&at));
        let free = asked.await.ok().flatten()?.ok()?;
        (free < needed).then(|| Stage::NoRoom { needed, free, folder: folder.to_owned() })
    }

    /// Tells how far it is.
    pub(super) fn tell(&self, spot: &Spot, meter: &Meter, total: Option<u64>, stage: Stage) {
        let (received, rate) = (meter.received(), meter.rate());
        let left = total.and_then(|total| time_for(total.checked_sub(received)?, rate));
        let progress = Progress { file_name: spot.name.clone(), received, total, rate, left, stage };
        self.tools.outbox.post(Event::Download {
            profile: self.profile,
            request: self.request.clone(),
            progress: Some(progress),
        });
    }
}

/// Waits until it makes sense to look at the disk again; says where to go on, if the operator chose another place.
pub(super) async fn wait(control: &mut Control) -> Result<Option<Order>, Failed> {
    match tokio::time::timeout(LOOK_AGAIN, control.order()).await {
        Ok(Ok(order)) => Ok(Some(order)),
        Ok(Err(stop)) => Err(stop.after()),
        Err(_elapsed) => Ok(None),
    }
}

/// It broke in the middle.
fn broken(what: &str, received: u64, total: Option<u64>) -> Failed {
    let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
    let mut words = what.chars();
    let what: String = words.next().map(|first| first.to_uppercase().chain(words).collect()).unwrap_or_default();
    Failed::broken(format!("{what} after {received}{of} bytes. The link is used up."))
}
