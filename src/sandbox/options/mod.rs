//! The options of a sandbox, which are the arguments of the program `privicore-sandbox`.

pub(crate) mod time;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use time::{Latency, lifetime};

/// The seed of the demo if none is given.
const SEED: u64 = 20_260_105;

/// What the sandbox does without clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// An endless, realistic stream for both profiles: about one outcome per second, with bursts.
    #[default]
    Demo,
    /// Only what clients cause.
    Quiet,
}

/// Who receives a message if several clients have joined one profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Delivery {
    /// Every client receives it.
    #[default]
    FanOut,
    /// One client receives it, in turn: the connections compete for the profile's queue.
    Competing,
}

/// The generation of the protocol in which the sandbox answers clients: servers and documents differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Dialect {
    /// What clients in the field rely on: final outcomes only, the payload first, tokens of streams, polling without a token.
    #[default]
    Live,
    /// What the older documents describe: pending first, texts while data is prepared, links, a key before the first sign-in.
    Docs,
}

/// What the program prints once it is ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum OutputFormat {
    /// Lines for people, of which the last begins with `Ready`.
    #[default]
    Text,
    /// One line of JSON, for programs.
    Json,
}

/// A local Privicore: REST API, queues, WebSocket proxy and file stores.
#[derive(Clone, Parser)]
#[command(name = "privicore-sandbox", version = env!("PRIVICORE_MONITOR_VERSION"))]
pub struct Options {
    /// Address to listen on. Anything but loopback can be reached from outside; give the one that clients use.
    #[arg(long, value_name = "ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub bind: IpAddr,
    /// RabbitMQ that holds the queues, as `amqp://user:password@host:5672/vhost`. Without it they are in memory. Needs a
    /// program built with `--features rabbitmq`.
    #[arg(long, value_name = "URL")]
    pub amqp: Option<String>,
    /// Port of the REST API; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 8009, allow_negative_numbers = true)]
    pub api_port: u16,
    /// Port of the WebSocket proxy; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 8083, allow_negative_numbers = true)]
    pub ws_port: u16,
    /// Port of the upstream file store; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 8010, allow_negative_numbers = true)]
    pub upstream_port: u16,
    /// Port of the downstream file store; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 8011, allow_negative_numbers = true)]
    pub downstream_port: u16,
    /// Activity that the sandbox creates on its own.
    #[arg(long, value_enum, default_value_t)]
    pub scenario: Scenario,
    /// The protocol version that clients get: the current one, or that of the older documentation.
    #[arg(long, value_enum, default_value_t)]
    pub dialect: Dialect,
    /// Who receives a message when several clients have joined with one profile: all of them, or one of them in turn.
    #[arg(long, value_enum, default_value_t)]
    pub delivery: Delivery,
    /// Accept faults at POST /sandbox/faults, such as dropped connections. Loopback only.
    #[arg(long)]
    pub faults: bool,
    /// Decides the demo, latencies, failures, ids and generated payloads, so that the same calls in the same order have the
    /// same answers. Without it the demo is always the same, and ids are random. Tokens and links never depend on it.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = seed)]
    pub seed: Option<u64>,
    /// How long each answer takes, and each outcome after its answer: a time or a range, such as 50ms or 50ms..400ms.
    /// Without it answers come at once, and outcomes after 0.1 s to 0.8 s.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub latency: Option<Latency>,
    /// The share of the commands that would succeed and fail instead: from 0 (none) to 1 (all). Commands that fail anyway keep
    /// their reasons. The seed decides which.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share, allow_negative_numbers = true)]
    pub failure_rate: f64,
    /// How long a token from a sign-in is valid, such as 90s or 12h; at most 87600h.
    #[arg(long, value_name = "TIME", default_value = "12h", value_parser = lifetime, allow_hyphen_values = true)]
    pub token_life: Duration,
    /// Replays a file of JSON lines as `privicore-monitor export --messages --format ndjson` prints them, instead of the
    /// demo. It begins when the first client joins. Not together with --scenario.
    #[arg(long, value_name = "FILE", conflicts_with = "scenario")]
    pub script: Option<PathBuf>,
    /// What to print once it is ready.
    #[arg(long, value_enum, default_value_t)]
    pub print: OutputFormat,
}

/// The seed of a generator.
fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_unreadable| format!("give a whole number from 0 to {}", u64::MAX))
}

/// A share from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("give a number from 0 to 1, such as 0.05".to_owned()),
    }
}

impl Options {
    /// A sandbox inside another program: loopback, four free ports, queues in memory, the demo running.
    pub fn embedded() -> Self {
        Self { api_port: 0, ws_port: 0, upstream_port: 0, downstream_port: 0, ..Self::default() }
    }

    /// The seed, whether given or not.
    pub(crate) fn demo_seed(&self) -> u64 {
        self.seed.unwrap_or(SEED)
    }
}

impl Default for Options {
    /// What the program does without arguments, on the ports of the vendor's local set-up.
    fn default() -> Self {
        Self::parse_from(["privicore-sandbox"])
    }
}

impl fmt::Debug for Options {
    /// Leaves out the broker's address, because it contains the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("bind", &self.bind)
            .field("api_port", &self.api_port)
            .field("ws_port", &self.ws_port)
            .field("upstream_port", &self.upstream_port)
            .field("downstream_port", &self.downstream_port)
            .field("amqp", &self.amqp.as_ref().map(|_| "(hidden)"))
            .field("scenario", &self.scenario)
            .field("dialect", &self.dialect)
            .field("delivery", &self.delivery)
            .field("faults", &self.faults)
            .field("seed", &self.seed)
            .field("latency", &self.latency)
            .field("failure_rate", &self.failure_rate)
            .field("token_life", &self.token_life)
            .field("script", &self.script)
            .field("print", &self.print)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn a_share_is_from_0_to_1() {
        for text in ["-0.1", "1.1", "NaN", "half", "50%"] {
            assert!(share(text).is_err(), "{text}");
        }
        assert_eq!((share("0"), share("0.25"), share("1")), (Ok(0.0), Ok(0.25), Ok(1.0)));
    }

    #[test]
    fn a_script_takes_the_place_of_a_scenario() {
        let both = ["privicore-sandbox", "--script", "f", "--scenario", "demo"];
        assert!(Options::try_parse_from(both).is_err(), "both at once");
        let script = Options::try_parse_from(["privicore-sandbox", "--script", "f", "--latency", "1ms..2ms"]).unwrap();
        assert_eq!(script.script, Some("f".into()));
    }

    #[test]
    fn debug_hides_the_password_in_the_brokers_address() {
        let options = Options { amqp: Some("amqp://u:canary@h:5672/".into()), ..Options::default() };
        let shown = format!("{options:?}");
        assert!(!shown.contains("canary"), "the address is shown: {shown}");
    }

    #[test]
    fn the_default_ports_are_the_vendors() {
        let options = Options::default();
        let ports = (options.api_port, options.ws_port, options.upstream_port, options.downstream_port);
        assert_eq!(ports, (8009, 8083, 8010, 8011));
        assert!(options.bind.is_loopback(), "only loopback unless asked");
    }
}
