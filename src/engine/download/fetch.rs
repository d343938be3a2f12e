//! The one GET.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, Response, StatusCode};
use tokio::time::Instant;

use crate::activity::NotSaved;
use crate::engine::event::{Event, Progress};
use crate::engine::proxies::{ProxyError, Through};
use crate::engine::rest::{is_for_a_password, why};
use crate::engine::vault::Taken;
use crate::engine::way::Ways;

use super::part::Part;
use super::{Cancelled, Failed, Job, chunks, file_name};

/// For DNS, TCP and TLS.
const CONNECT_BUDGET: Duration = Duration::from_secs(10);
/// For silence in the middle.
const STALL_BUDGET: Duration = Duration::from_mins(1);
/// Between two events of progress.
const PROGRESS: Duration = Duration::from_millis(200);
/// Over how long the rate is taken.
const RATE: Duration = Duration::from_secs(3);
/// Redirects within the link's own host.
const MOST_REDIRECTS: usize = 3;

/// The way to what is downloaded.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Fetcher {
    ways: Ways,
}

/// The client of downloads, but for whom it trusts and its proxies: it sends no token, keeps no connection, tries nothing again
/// and follows no redirect to another host.
pub(in crate::engine) fn client() -> ClientBuilder {
    let same_host = reqwest::redirect::Policy::custom(|attempt| {
        let from = attempt.previous().last().map(|url| (url.scheme(), url.host_str(), url.port_or_known_default()));
        let to = attempt.url();
        let same = from == Some((to.scheme(), to.host_str(), to.port_or_known_default()));
        if same && attempt.previous().len() <= MOST_REDIRECTS { attempt.follow() } else { attempt.stop() }
    });
    Client::builder()
        .redirect(same_host)
        .retry(reqwest::retry::never())
        .referer(false)
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT_BUDGET)
        .read_timeout(STALL_BUDGET)
}

impl Fetcher {
    /// That goes the way that is in force when it fetches.
    pub(in crate::engine) fn new(ways: Ways) -> Self {
        Self { ways }
    }
}

impl Job {
    /// Fetches a link into the part file and makes that the target. Says how many bytes it has.
    pub(super) async fn transfer(&self, taken: Taken, part: Part, cancelled: &mut Cancelled) -> Result<u64, Failed> {
        let way = self.tools.fetcher.ways.borrow().clone();
        let through = match way.proxies.of_url(&taken.url) {
            Ok(through) => through,
            Err(error) => return Err(self.no_way(taken, &error)),
        };
        let get = way.downloads.get(taken.url.clone()).send();
        let answer = tokio::select! {
            answer = get => answer,
            _ = &mut *cancelled => return Err(Failed::cancelled()),
        };
        let response = match answer {
            Ok(response) => response,
            Err(error) => return Err(self.not_answered(&error.without_url(), taken, through.as_ref())),
        };
        if let Some(through) = through.filter(|_through| response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED)
        {
            return Err(self.no_way(taken, &ProxyError::NeedsPassword(through.to_string())));
        }
        if response.status() != StatusCode::OK {
            return Err(self.refused(response.status(), &taken));
        }
        drop(taken);
        self.receive(response, part, cancelled).await
    }

    async fn receive(&self, mut response: Response, mut part: Part, cancelled: &mut Cancelled) -> Result<u64, Failed> {
        let total = response.content_length();
        let (chunks, mut arriving) = chunks();
        let writer = self.tools.spawner.blocking("saving a file", Some(self.profile), move || {
            while let Some(chunk) = arriving.blocking_recv() {
                let chunk: &[u8] = AsRef::<[u8]>::as_ref(&chunk);
                part.write(chunk)?;
            }
            Ok::<_, String>(part)
        });
        let mut meter = Meter::new(Instant::now());
        self.progress(&meter, total);
        let mut received = 0_u64;
        // Also tells what came with the last chunk before a pause, and that the rate falls.
        let mut ticks = tokio::time::interval(PROGRESS);
        loop {
            let chunk = tokio::select! {
                chunk = response.chunk() => chunk,
                _ = &mut *cancelled => return Err(Failed::cancelled()),
                now = ticks.tick() => {
                    let (before, rate) = (meter.received(), meter.rate());
                    if meter.count(received, now) && (before != received || rate > 0.0) {
                        self.progress(&meter, total);
                    }
                    continue;
                }
            };
            match chunk {
                Ok(Some(chunk)) => {
                    received = received.saturating_add(chunk.len() as u64);
                    let sent = tokio::select! {
                        sent = chunks.send(chunk) => sent.is_ok(),
                        _ = &mut *cancelled => return Err(Failed::cancelled()),
                    };
                    if !sent {
                        // The disk refused: the writer's result says why.
                        break;
                    }
                    if meter.count(received, Instant::now()) {
                        self.progress(&meter, total);
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(error = %error.without_url(), "a download broke");
                    return Err(broken(received, total));
                }
            }
        }
        drop(chunks);
        let part = match writer.await {
            Ok(Some(written)) => written.map_err(used_up)?,
            _ => return Err(used_up("The file could not be written.")),
        };
        if total.is_some_and(|total| total != received) {
            return Err(broken(received, total));
        }
        let finished = self.tools.spawner.blocking("saving a file", Some(self.profile), || part.finish()).await;
        match finished {
            Ok(Some(finished)) => finished.map_err(used_up)?,
            _ => return Err(used_up("The file could not be written.")),
        }
        Ok(received)
    }

    /// The proxy is of no use: nothing was sent, and the link is as good as before.
    fn no_way(&self, taken: Taken, error: &ProxyError) -> Failed {
        self.vault.put_back(&self.request, taken);
        Failed::after(NotSaved::NotStarted, format!("{error} The link was not used; try again."))
    }

    /// There is no answer: where nothing was sent the link is as good as before.
    fn not_answered(&self, error: &reqwest::Error, taken: Taken, through: Option<&Through>) -> Failed {
        tracing::debug!(%error, "a download was not answered");
        let host = taken.url.host_str().unwrap_or_default().to_owned();
        if error.is_connect() || error.is_builder() {
            if let Some(through) = through.filter(|_through| is_for_a_password(error)) {
                return self.no_way(taken, &ProxyError::NeedsPassword(through.to_string()));
            }
            self.vault.put_back(&self.request, taken);
            let by = through.map(|through| format!(" through the proxy {through}")).unwrap_or_default();
            let why = why(error);
            return Failed::after(
                NotSaved::NotStarted,
                format!("{host} can't be reached{by}{why}. The link was not used; try again."),
            );
        }
        Failed::after(
            NotSaved::Broken,
            format!(
                "The connection to {host} broke off before an answer came. The link may be used up; request the data again."
            ),
        )
    }

    /// The server answered, but not with the data.
    fn refused(&self, status: StatusCode, taken: &Taken) -> Failed {
        let number = status.as_u16();
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE => {
                if taken.is_expired((self.tools.clock)(), self.lifetime) {
                    let minutes = self.lifetime.as_secs().div_ceil(60);
                    Failed::after(
                        NotSaved::LinkExpired,
                        format!(
                            "The link has expired: links live {minutes} min, and the server answered with status {number}. \
                             Request the data again."
                        ),
                    )
                } else {
                    Failed::after(
                        NotSaved::LinkUsed,
                        format!(
                            "The link has been used before, by this program or another: the server answered with status \
                             {number}. A link can be fetched once; request the data again."
                        ),
                    )
                }
            }
            status if status.is_redirection() => Failed::after(
                NotSaved::Broken,
                "The server sent the download on to another host, which is not followed. Request the data again, or ask \
                 whoever runs the server.",
            ),
            _ => Failed::after(
                NotSaved::Broken,
                format!(
                    "The server answered with status {number} instead of the data. The link may be used up; request the \
                     data again."
                ),
            ),
        }
    }

    fn progress(&self, meter: &Meter, total: Option<u64>) {
        let (received, rate) = (meter.received(), meter.rate());
        let progress =
            Progress { file_name: file_name(&self.to), received, total, rate, left: left(received, total, rate) };
        self.tools.outbox.post(Event::Download {
            profile: self.profile,
            request: self.request.clone(),
            progress: Some(progress),
        });
    }
}

/// How long the rest takes at a rate; `None` where nothing can be told, or nobody would plan by it.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn left(received: u64, total: Option<u64>, rate: f64) -> Option<Duration> {
    let rest = total?.checked_sub(received)? as f64;
    let seconds = (rest / rate).ceil();
    (rate >= 1.0 && seconds < 300_000.0).then(|| Duration::from_secs_f64(seconds))
}

/// It broke in the middle.
fn broken(received: u64, total: Option<u64>) -> Failed {
    let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
    Failed::after(
        NotSaved::Broken,
        format!("The connection broke off after {received}{of} bytes. The link is used up; request the data again."),
    )
}

/// The disk failed in the middle.
fn used_up(sentence: impl fmt::Display) -> Failed {
    Failed::after(NotSaved::Broken, format!("{sentence} The link is used up; request the data again."))
}

/// Measures how far and how fast.
#[derive(Debug)]
struct Meter {
    /// Points of time and bytes, the oldest first; at most a few seconds and five a second.
    points: VecDeque<(Instant, u64)>,
}

impl Meter {
    fn new(now: Instant) -> Self {
        Self { points: VecDeque::from([(now, 0)]) }
    }

    /// Counts; says whether it is time to tell.
    fn count(&mut self, received: u64, now: Instant) -> bool {
        if self.points.back().is_some_and(|(last, _)| now < *last + PROGRESS) {
            return false;
        }
        self.points.push_back((now, received));
        while self.points.len() > 2 && self.points.front().is_some_and(|(first, _)| *first + RATE < now) {
            self.points.pop_front();
        }
        true
    }

    fn received(&self) -> u64 {
        self.points.back().map_or(0, |(_, received)| *received)
    }

    /// Bytes a second over the last few seconds.
    #[expect(clippy::cast_precision_loss, reason = "a rate to show")]
    fn rate(&self) -> f64 {
        match (self.points.front(), self.points.back()) {
            (Some((first, from)), Some((last, to))) if last > first => {
                to.saturating_sub(*from) as f64 / last.duration_since(*first).as_secs_f64()
            }
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn progress_is_told_five_times_a_second_at_most_and_the_rate_is_of_the_last_seconds() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        let mut told = 0;
        for millisecond in 1..=10_000_u32 {
            // Fast for five seconds, then ten times slower.
            let received = if millisecond <= 5_000 { millisecond * 10 } else { 45_000 + millisecond };
            if meter.count(u64::from(received), start + Duration::from_millis(u64::from(millisecond))) {
                told += 1;
            }
        }
        assert_eq!(told, 50);
        assert!((meter.rate() - 1_000.0).abs() < 50.0, "{}", meter.rate());
    }
}
