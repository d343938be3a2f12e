//! A private `rabbitmq-server`: own node, own ports, own folder; ended with the test.

#![expect(clippy::disallowed_methods, reason = "the broker's configuration is in a folder of the test")]

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, Queue};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::{Instant, interval};

/// A broker boots in seconds; a busy machine takes longer.
const DEADLINE: Duration = Duration::from_mins(3);

/// Debian's scripts in the path change the user and the folder; those that they call do not.
const SCRIPTS: [&str; 2] = ["/usr/lib/rabbitmq/bin", "/usr/sbin"];

/// A broker for one test.
pub(crate) struct Broker {
    folder: TempDir,
    port: u16,
    dist_port: u16,
    epmd_port: u16,
    /// The port mapper that Erlang nodes need: a child of the test, so that none is left behind and no existing one
    /// matters.
    epmd: Child,
    server: Option<Child>,
    /// The port of the management API, if that runs.
    management_port: Option<u16>,
}

impl Broker {
    /// Starts a broker and waits until it accepts connections.
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    /// Starts a broker with its management API and waits until both accept connections.
    pub(crate) async fn start_with_management() -> Self {
        let port = free_port();
        let broker = Self::start_with(Some(port)).await;
        listening(port, "the management API").await;
        broker
    }

    async fn start_with(management_port: Option<u16>) -> Self {
        let folder = tempfile::Builder::new().prefix("privicore-rabbitmq-").tempdir().expect("a folder");
        let epmd_port = free_port();
        let epmd = Command::new("epmd")
            .args(["-address", "127.0.0.1", "-port", &epmd_port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("epmd comes with rabbitmq-server");
        let mut broker =
            Self { folder, port: free_port(), dist_port: free_port(), epmd_port, epmd, server: None, management_port };
        listening(epmd_port, "epmd").await;
        broker.start_again().await;
        broker
    }

    /// Its address, with the default password, which a fresh broker accepts on loopback.
    pub(crate) fn address(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    /// Starts the broker after a crash, on the same folder and port, and waits until it accepts connections.
    pub(crate) async fn start_again(&mut self) {
        let within = |name: &str| self.folder.path().join(name);
        if let Some(port) = self.management_port {
            std::fs::write(within("plugins"), "[rabbitmq_management].\n").expect("written");
            let listener = format!("management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {port}\n");
            std::fs::write(within("rabbitmq.conf"), listener).expect("written");
        }
        let log = std::fs::OpenOptions::new().create(true).append(true).open(within("output")).expect("a log");
        let server = self
            .script("rabbitmq-server")
            // A separate process group: the script's children end with it.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("rabbitmq-server starts");
        self.server = Some(server);
        listening(self.port, "rabbitmq-server").await;
    }

    /// One of the broker's own programs, in the broker's environment.
    fn script(&self, name: &str) -> Command {
        let script = SCRIPTS.into_iter().map(|folder| Path::new(folder).join(name)).find(|script| script.exists());
        let script = script.expect("rabbitmq-server is not installed: tests/run installs it");
        let within = |name: &str| self.folder.path().join(name);
        let mut command = Command::new(script);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LANG", "C.UTF-8")
            .env("HOME", self.folder.path())
            .env("RABBITMQ_NODENAME", format!("privicore-test-{}@localhost", self.port))
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_DIST_PORT", self.dist_port.to_string())
            .env("ERL_EPMD_PORT", self.epmd_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_MNESIA_BASE", within("data"))
            .env("RABBITMQ_LOG_BASE", within("log"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", within("plugins"))
            .env("RABBITMQ_CONFIG_FILE", within("rabbitmq.conf"))
            .env("RABBITMQ_CONF_ENV_FILE", within("no-environment"))
            .env("RABBITMQ_PID_FILE", within("pid"));
        command
    }

    /// What `rabbitmqctl` prints for a command that lists things, as JSON.
    pub(crate) fn list(&self, arguments: &[&str]) -> Value {
        let output = self.script("rabbitmqctl").args(["--quiet", "--formatter", "json"]).args(arguments).output();
        let output = output.expect("rabbitmqctl comes with rabbitmq-server");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "rabbitmqctl {arguments:?}: {said}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// The URL of a page of the management API.
    pub(crate) fn management(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/api/{path}", self.management_port.expect("it was started with it"))
    }

    /// Kills the broker as a power cut would.
    pub(crate) fn crash(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        // The shell's own `kill`: not every machine has the program.
        let killed = Command::new("sh").args(["-c", &format!("kill -s KILL -- -{}", server.id())]).status();
        assert!(killed.is_ok_and(|status| status.success()), "the broker was not killed");
        server.wait().expect("the broker ended");
    }

    /// Waits until a queue has this many messages, not counting delivered but unacknowledged ones.
    pub(crate) async fn waiting_in(&self, queue: &str, count: u32) {
        self.until(queue, |queue| queue.message_count() == count, &format!("{count} messages wait")).await;
    }

    /// Waits until a queue has this many consumers.
    pub(crate) async fn consumers_of(&self, queue: &str, count: u32) {
        self.until(queue, |queue| queue.consumer_count() == count, &format!("{count} consumers are there")).await;
    }

    async fn until(&self, name: &str, holds: impl Fn(&Queue) -> bool, what: &str) {
        let connected = Connection::connect(&self.address(), ConnectionProperties::default()).await.expect("connected");
        let channel = connected.create_channel().await.expect("a channel");
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let deadline = Instant::now() + DEADLINE;
        let mut again = interval(Duration::from_millis(50));
        loop {
            let queue = channel.queue_declare(name.into(), passive, FieldTable::default()).await.expect("the queue");
            if holds(&queue) {
                return;
            }
            let (waiting, consumers) = (queue.message_count(), queue.consumer_count());
            assert!(
                Instant::now() < deadline,
                "it never came true that {what}: {waiting} messages wait, {consumers} consumers are there"
            );
            again.tick().await;
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.crash();
        if self.epmd.kill().is_ok() {
            let ended = self.epmd.wait();
            assert!(ended.is_ok(), "epmd did not end");
        }
    }
}

/// Waits until something listens on a port.
async fn listening(port: u16, what: &str) {
    let deadline = Instant::now() + DEADLINE;
    let mut again = interval(Duration::from_millis(100));
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(Instant::now() < deadline, "{what} did not start within three minutes");
        again.tick().await;
    }
}

/// A port that was free a moment ago, below the system's ephemeral range: no connection of another test takes it before the
/// broker does.
pub(crate) fn free_port() -> u16 {
    let mut ports = std::iter::repeat_with(|| fastrand::u16(20_000..32_000)).take(1_000);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a port")
}
