//! The options of a sandbox.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

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

/// The options of a sandbox.
#[derive(Clone)]
pub struct Options {
    /// The address that all four servers listen on. Other machines can reach anything but loopback.
    pub bind: IpAddr,
    /// Port of the REST API; 0 takes a free one.
    pub api_port: u16,
    /// Port of the WebSocket proxy; 0 takes a free one.
    pub ws_port: u16,
    /// Port of the upstream file store; 0 takes a free one.
    pub upstream_port: u16,
    /// Port of the downstream file store; 0 takes a free one.
    pub downstream_port: u16,
    /// Address of a RabbitMQ (`amqp://user:password@host:5672/vhost`) that holds the queues. `None` keeps them in memory.
    pub amqp: Option<String>,
    /// What the sandbox does without clients.
    pub scenario: Scenario,
    /// Who receives a message if several clients have joined.
    pub delivery: Delivery,
    /// Whether the REST API accepts `POST /sandbox/faults`. Only allowed on loopback; [`super::Control`] works without it.
    pub faults: bool,
    /// Seeds the scenario, the delays and the generated payloads. Tokens and links never depend on it.
    pub seed: u64,
}

impl Options {
    /// A sandbox inside another program: loopback, four free ports, queues in memory, the demo running.
    #[must_use]
    pub fn embedded() -> Self {
        Self { api_port: 0, ws_port: 0, upstream_port: 0, downstream_port: 0, ..Self::default() }
    }
}

impl Default for Options {
    /// The ports of the vendor's local set-up (`PROTOCOL`: 8009, 8083, 8010, 8011).
    fn default() -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            api_port: 8009,
            ws_port: 8083,
            upstream_port: 8010,
            downstream_port: 8011,
            amqp: None,
            scenario: Scenario::Demo,
            delivery: Delivery::FanOut,
            faults: false,
            seed: 20_260_105,
        }
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
            .field("delivery", &self.delivery)
            .field("faults", &self.faults)
            .field("seed", &self.seed)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_password_in_the_brokers_address() {
        let options = Options { amqp: Some("amqp://u:canary@h:5672/".into()), ..Options::default() };
        let shown = format!("{options:?}");
        assert!(!shown.contains("canary"), "the address showed itself: {shown}");
    }

    #[test]
    fn the_default_ports_are_the_vendors() {
        let options = Options::default();
        let ports = (options.api_port, options.ws_port, options.upstream_port, options.downstream_port);
        assert_eq!(ports, (8009, 8083, 8010, 8011));
        assert!(options.bind.is_loopback(), "only loopback unless asked");
    }
}
