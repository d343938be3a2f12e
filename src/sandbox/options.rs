//! The options of a sandbox, which are the arguments of the program `privicore-sandbox`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use clap::Parser;

/// What the sandbox does without clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// An endless, realistic stream for both profiles: about one outcome per second, with bursts.
    #[default]
    Demo,
    /// Only what clients cause.
    Quiet,
}

/// Who receives a message if several clients have joined one profile (`PROTOCOL`, "Several clients on one profile").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Delivery {
    /// Every client receives it.
    #[default]
    FanOut,
    /// One client receives it, in turn: the connections compete for the profile's queue.
    Competing,
}

/// The generation of the wire that the sandbox speaks where clients cause something (`PROTOCOL`, "What clients in the field
/// rely on").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Dialect {
    /// What clients in the field rely on: final outcomes only, the payload first, tokens of streams, polling without a token.
    #[default]
    Live,
    /// What the older documents describe: pending first, texts while data is prepared, links, a key before the first sign-in.
    Docs,
}

/// A local Privicore: REST API, queues, WebSocket proxy and file stores.
#[derive(Clone, Parser)]
#[command(name = "privicore-sandbox", version)]
pub struct Options {
    /// Address to listen on. Anything but loopback can be reached from outside; give the one that clients use.
    #[arg(long, value_name = "ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub bind: IpAddr,
    /// RabbitMQ that holds the queues, as `amqp://user:password@host:5672/vhost`. Without it they are in memory. Needs a
    /// program built with `--features rabbitmq`.
    #[arg(long, value_name = "URL")]
    pub amqp: Option<String>,
    /// Port of the REST API; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 8009)]
    pub api_port: u16,
    /// Port of the WebSocket proxy; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 8083)]
    pub ws_port: u16,
    /// Port of the upstream file store; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 8010)]
    pub upstream_port: u16,
    /// Port of the downstream file store; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 8011)]
    pub downstream_port: u16,
    /// What happens by itself.
    #[arg(long, value_enum, default_value_t)]
    pub scenario: Scenario,
    /// Which generation of the wire clients get: what those in the field rely on, or what the older documents describe.
    #[arg(long, value_enum, default_value_t)]
    pub dialect: Dialect,
    /// Who receives a message when several clients have joined with one profile: all of them, or one of them in turn.
    #[arg(long, value_enum, default_value_t)]
    pub delivery: Delivery,
    /// Take orders for faults at POST /sandbox/faults of the REST API: dropped connections and worse. Loopback only.
    #[arg(long)]
    pub faults: bool,
    /// Seeds the scenario, the delays and the generated payloads. Tokens and links never depend on it.
    #[arg(skip = 20_260_105_u64)]
    pub seed: u64,
}

impl Options {
    /// A sandbox inside another program: loopback, four free ports, queues in memory, the demo running.
    pub fn embedded() -> Self {
        Self { api_port: 0, ws_port: 0, upstream_port: 0, downstream_port: 0, ..Self::default() }
    }
}

impl Default for Options {
    /// What the program does without arguments, on the ports of the vendor's local set-up (`PROTOCOL`: 8009, 8083, 8010, 8011).
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
