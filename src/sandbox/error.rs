//! Why a sandbox could not be started.

use std::io;
use std::net::SocketAddr;

/// Why a sandbox could not be started. Each text says what was tried and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// A server's address is taken, not permitted, or not an address of this machine.
    #[error(
        "The sandbox's {server} can't listen on {address}: {source}. Free the port or choose another with --{flag}."
    )]
    Listen {
        /// Which of the four servers.
        server: &'static str,
        /// Where it was to listen.
        address: SocketAddr,
        /// The flag that chooses another port.
        flag: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Faults were asked for, and an address that can be reached from outside.
    #[error(
        "Anyone who reaches {address} could make faults in the sandbox. Leave out --faults, or let --bind name an address of \
         this machine alone, such as 127.0.0.1."
    )]
    FaultsForAll {
        /// Where it was to listen.
        address: std::net::IpAddr,
    },
    /// The folder for uploads could not be made.
    #[error("The sandbox can't make a temporary folder for uploads: {source}. Check the free space and TMPDIR.")]
    Folder {
        /// What the system said.
        source: io::Error,
    },
    /// `--amqp` is not an address. The text given is left out, since it may carry a password.
    #[error("What --amqp gives is not a RabbitMQ address. Write it like amqp://user:password@localhost:5672/vhost.")]
    AmqpAddress,
    /// RabbitMQ did not answer, or refused.
    #[error(
        "RabbitMQ at {host}:{port} can't be used: {reason}. Check that it runs there, and the user, password and vhost \
         that --amqp gives."
    )]
    Amqp {
        /// The broker's host.
        host: String,
        /// The broker's port.
        port: u16,
        /// What the client library said.
        reason: String,
    },
}
