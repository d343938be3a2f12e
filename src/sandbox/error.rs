//! Why a sandbox could not be started.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a sandbox could not be started. Each text says what was tried and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// A server's address is in use, not permitted, or not an address of this machine.
    #[error("The sandbox's {server} can't listen on {address}: {}", what_to_do(.source, .address, .flag))]
    Listen {
        /// Which of the four servers could not listen.
        server: &'static str,
        /// The address that it tried to listen on.
        address: SocketAddr,
        /// The flag that chooses another port.
        flag: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Faults were requested together with an address that other machines can reach.
    #[error(
        "Anyone who reaches {address} could make faults in the sandbox. Leave out --faults, or let --bind name an address of \
         this machine alone, such as 127.0.0.1."
    )]
    FaultsForAll {
        /// The address that it was to listen on.
        address: std::net::IpAddr,
    },
    /// The file of `--script` could not be read.
    #[error("The script {path:?} can't be read: {source}. Check its name and that you may read it.")]
    ScriptFile {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A line of the file of `--script` can't be replayed.
    #[error(
        "Line {line} of the script {path:?} can't be replayed: {reason}. Each line has to be a JSON object as \
         `privicore-monitor export --messages --format ndjson` prints it."
    )]
    ScriptLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder for uploads could not be created.
    #[error("The sandbox can't make a temporary folder for uploads: {source}. Check the free space and TMPDIR.")]
    Folder {
        /// The error of the operating system.
        source: io::Error,
    },
    /// `--amqp` was given to a program that was built without the cargo feature `rabbitmq`.
    #[error(
        "This privicore-sandbox was built without RabbitMQ, which --amqp needs. Build it with `cargo build --release \
         --features rabbitmq --bin privicore-sandbox`, or leave out --amqp: then the queues are in memory."
    )]
    WithoutRabbitmq,
    /// `--amqp` is not an address. The text is left out, because it may contain a password.
    #[error("What --amqp gives is not a RabbitMQ address. Write it like amqp://user:password@localhost:5672/vhost.")]
    AmqpAddress,
    /// RabbitMQ did not answer, or refused the connection.
    #[error(
        "RabbitMQ at {host}:{port} can't be used: {reason}. Check that it runs there, and the user, password and vhost \
         that --amqp gives."
    )]
    Amqp {
        /// The broker's host.
        host: String,
        /// The broker's port.
        port: u16,
        /// The error of the client library.
        reason: String,
    },
}

/// Why a server can't listen, and what to do.
fn what_to_do(error: &io::Error, address: &SocketAddr, flag: &str) -> String {
    match error.kind() {
        io::ErrorKind::AddrNotAvailable => {
            format!("{} is not an address of this computer. Choose one of its own with --bind.", address.ip())
        }
        io::ErrorKind::PermissionDenied if address.port() < 1024 => {
            format!("ports below 1024 need special rights. Choose another with --{flag}.")
        }
        _ => format!("{error}. Free the port or choose another with --{flag}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_can_t_listen_says_whether_the_address_or_the_port_is_wrong() {
        let sentence = |kind: io::ErrorKind, address: &str| {
            let address = address.parse().unwrap();
            SandboxError::Listen { server: "REST API", address, flag: "api-port", source: kind.into() }.to_string()
        };
        let foreign = sentence(io::ErrorKind::AddrNotAvailable, "192.0.2.1:8009");
        assert!(foreign.contains("--bind") && !foreign.contains("--api-port"), "{foreign}");
        let low = sentence(io::ErrorKind::PermissionDenied, "127.0.0.1:1");
        assert!(low.contains("below 1024") && low.contains("--api-port"), "{low}");
        let taken = sentence(io::ErrorKind::AddrInUse, "127.0.0.1:8009");
        assert!(taken.contains("Free the port") && taken.contains("--api-port"), "{taken}");
    }
}
