//! The long test, which `tests/soak/run` starts: a stream of outcomes through a sandbox on a private RabbitMQ to the real
//! engine, while connections are dropped and stalled, joins refused, tokens expired, garbage sent and the broker crashed.
//!
//! At the end, every message that the broker had confirmed is looked up in the journal. One that is not there was lost on
//! the wire: the proxy had written it to a connection that was already dead, and an acknowledgement is sent once. Such a
//! message must be *named*; `accounting` defines that. One that is neither there nor named was lost silently, and fails the
//! test.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "the counts are its result")]
#![expect(clippy::disallowed_methods, reason = "tasks, threads and the clock of the test itself")]

mod accounting;
#[path = "../rabbitmq/broker.rs"]
#[expect(dead_code, reason = "shared with the test on RabbitMQ, which uses all of it")]
mod broker;
mod fault_injector;
mod monitor;
mod stream;

use std::process::ExitCode;
use std::time::Duration;

use privicore_monitor::sandbox::{Options, Scenario, start};
use tokio::time::{Instant, timeout};

use broker::Broker;
use fault_injector::FaultInjector;
use monitor::Monitor;
use stream::Stream;

/// How long faults are injected if `SOAK_SECONDS` is not set.
const SECONDS: u64 = 540;

/// The time for everything that is still in the queue to arrive at the end.
const SETTLING: Duration = Duration::from_mins(3);

/// The queue of the demo profile: its id is the same in every sandbox.
const QUEUE: &str = "privicore.profile.prf-01KE6M0DEM0000000000000000";

fn main() -> ExitCode {
    let seconds = number("SOAK_SECONDS").unwrap_or(SECONDS);
    let seed = number("SOAK_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("soak: {seconds} s of faults, SOAK_SEED={seed}");
    if let Some(path) = std::env::var_os("SOAK_LOG") {
        let file = std::fs::File::create(path).expect("the log can be written");
        let logging = tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_ansi(false);
        logging.with_writer(std::sync::Mutex::new(file)).init();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(soak(Duration::from_secs(seconds), seed))
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is not a whole number: {text}")))
}

async fn soak(time: Duration, seed: u64) -> ExitCode {
    let began = Instant::now();
    let mut broker = Broker::start().await;
    let options =
        Options { amqp: Some(broker.address()), scenario: Scenario::Quiet, seed: Some(seed), ..Options::embedded() };
    let sandbox = start(options).await.expect("a sandbox");
    let monitor = Monitor::start(&sandbox);
    monitor.live().await;
    let stream = Stream::start(sandbox.control());

    let mut injector = FaultInjector::new(sandbox.control(), seed);
    injector.make(&mut broker, &monitor, time).await;

    let sent = stream.end().await;
    println!("{injector}\n{sent:>9}  sent after {} s", began.elapsed().as_secs());
    broker.waiting_in(QUEUE, 0).await;
    let settled = timeout(SETTLING, monitor.quiet()).await;
    assert!(settled.is_ok(), "messages went on arriving for minutes after the last was sent");
    monitor.stop().await;
    let kept = monitor.journal().await;
    sandbox.shutdown().await;
    // Messages that a dead consumer held are in the queue again by now.
    broker.waiting_in(QUEUE, 0).await;
    let counts = accounting::of(sent, &kept);
    println!("{counts}\nafter {} s in all", began.elapsed().as_secs());
    if counts.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
