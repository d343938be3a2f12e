//! Starts a sandbox, and holds the handles to a running one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::protocol::{DataToken, Link};
use crate::sandbox::faults::connections::ConnectionFault;
use crate::sandbox::queues::memory::MemoryQueues;
use crate::sandbox::runtime::tasks::{TaskOwner, Tasks};
use crate::sandbox::state::data::FileMeta;

use super::backend::{Addresses, Backend, NotInjected};
use super::error::SandboxError;
use super::faults::Fault;
use super::options::Options;
use super::payload::{Content, Payload};
use super::queues::Queues;
use super::rest::control;
use super::scenario::MessageSource;
use super::{proxy, rest, stores};

/// A running sandbox. Dropping it stops everything; [`SandboxHandle::shutdown`] also waits until it has stopped.
pub struct SandboxHandle {
    owner: TaskOwner,
    backend: Arc<Backend>,
}

/// A profile that clients can sign in to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// Its user name.
    pub username: String,
    /// Its id, which also names its queue.
    pub id: String,
}

/// Starts a sandbox: four servers, its queues, its scenario.
///
/// # Errors
///
/// Fails if a port is in use, the temporary folder can't be created, the requested RabbitMQ can't be used, or faults could
/// be injected from other machines, or the script can't be replayed.
pub async fn start(options: Options) -> Result<SandboxHandle, SandboxError> {
    let bind = options.bind;
    if options.faults && !bind.is_loopback() {
        return Err(SandboxError::FaultsForAll { address: bind });
    }
    if options.amqp.is_some() && !cfg!(feature = "rabbitmq") {
        return Err(SandboxError::WithoutRabbitmq);
    }
    let message_source = Arc::new(MessageSource::read(&options)?);
    let api = listen("REST API", bind, options.api_port, "api-port").await?;
    let ws = listen("WebSocket proxy", bind, options.ws_port, "ws-port").await?;
    let upstream = listen("upstream file store", bind, options.upstream_port, "upstream-port").await?;
    let downstream = listen("downstream file store", bind, options.downstream_port, "downstream-port").await?;
    let addresses = Addresses {
        api: format!("http://{}", api.reached_at),
        ws: format!("ws://{}", ws.reached_at),
        upstream: format!("http://{}", upstream.reached_at),
        downstream: format!("http://{}", downstream.reached_at),
    };
    let folder = tempfile::Builder::new()
        .prefix("privicore-sandbox-")
        .tempdir()
        .map_err(|source| SandboxError::Folder { source })?;
    let (owner, tasks) = TaskOwner::new();
    let queues: Arc<dyn Queues> = match &options.amqp {
        Some(address) => rabbitmq(address, &tasks).await?,
        None => Arc::new(MemoryQueues::default()),
    };
    let backend = Arc::new(Backend::new(&options, tasks.clone(), addresses, queues, folder));
    let own = if bind.is_loopback() { control::endpoints(&message_source, options.faults) } else { Router::new() };
    serve(&tasks, "REST API", api.listener, rest::router(Arc::clone(&backend), own));
    serve(&tasks, "upstream file store", upstream.listener, stores::upstream(Arc::clone(&backend)));
    serve(&tasks, "downstream file store", downstream.listener, stores::downstream(Arc::clone(&backend)));
    tasks.spawn("WebSocket proxy", proxy::serve(ws.listener, Arc::clone(&backend)));
    message_source.begin(&backend);
    Ok(SandboxHandle { owner, backend })
}

#[cfg(feature = "rabbitmq")]
async fn rabbitmq(address: &str, tasks: &Tasks) -> Result<Arc<dyn Queues>, SandboxError> {
    use crate::sandbox::queues::amqp::AmqpQueues;
    Ok(Arc::new(AmqpQueues::connect(address, tasks).await?))
}

#[cfg(not(feature = "rabbitmq"))]
#[expect(clippy::unused_async, reason = "with the feature it connects")]
async fn rabbitmq(_address: &str, _tasks: &Tasks) -> Result<Arc<dyn Queues>, SandboxError> {
    Err(SandboxError::WithoutRabbitmq)
}

/// A server's socket, and the address at which clients reach it.
struct Listening {
    listener: TcpListener,
    reached_at: SocketAddr,
}

async fn listen(server: &'static str, bind: IpAddr, port: u16, flag: &'static str) -> Result<Listening, SandboxError> {
    let address = SocketAddr::new(bind, port);
    let failed = |source| SandboxError::Listen { server, address, flag, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let mut reached_at = listener.local_addr().map_err(failed)?;
    // Clients can't connect to the unspecified address.
    if reached_at.ip().is_unspecified() {
        reached_at.set_ip(match reached_at.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Ok(Listening { listener, reached_at })
}

/// Serves a router until the sandbox stops. axum runs a task per connection, which the same signal ends.
fn serve(tasks: &Tasks, name: &'static str, listener: TcpListener, router: Router) {
    let served = axum::serve(listener, router).with_graceful_shutdown(tasks.stopped());
    tasks.spawn(name, async move {
        if let Err(error) = served.await {
            tracing::error!(%error, server = name, "a server of the sandbox ended");
        }
    });
}

impl SandboxHandle {
    /// The URL of the REST API, as `http://address:port`.
    pub fn api_url(&self) -> String {
        self.backend.addresses.api.clone()
    }

    /// The URL of the WebSocket proxy, as `ws://address:port`.
    pub fn ws_url(&self) -> String {
        self.backend.addresses.ws.clone()
    }

    /// The URL of the upstream file store, as `http://address:port`.
    pub fn upstream_url(&self) -> String {
        self.backend.addresses.upstream.clone()
    }

    /// The URL of the downstream file store, as `http://address:port`: the base of a bare token's link.
    pub fn downstream_url(&self) -> String {
        self.backend.addresses.downstream.clone()
    }

    /// The profiles that exist, by user name.
    pub fn accounts(&self) -> Vec<Account> {
        let state = self.backend.state();
        let profiles = state.profiles.ids().into_iter().filter_map(|id| {
            let username = state.profiles.get(&id)?.username.clone();
            Some(Account { id: id.as_str().to_owned(), username })
        });
        let mut accounts: Vec<_> = profiles.collect();
        accounts.sort();
        accounts
    }

    /// A handle with which tests and tools control the sandbox.
    pub fn control(&self) -> Control {
        Control { backend: Arc::clone(&self.backend) }
    }

    /// Tells the clients of the proxy (1001), stops everything, and waits until connections and files are closed: for at most
    /// three seconds.
    pub async fn shutdown(self) {
        let Self { owner, backend } = self;
        backend.go_away().await;
        drop(backend);
        owner.shutdown().await;
    }
}

/// Controls a running sandbox. It does not keep the sandbox running.
#[derive(Clone)]
pub struct Control {
    backend: Arc<Backend>,
}

/// Why a [`Control`] could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// No profile has this user name.
    #[error("The sandbox has no profile {0}.")]
    UnknownProfile(String),
    /// The maximum number of faults is already armed.
    #[error("Too many faults are already armed. Use shorter times or smaller counts.")]
    TooManyFaults,
    /// The data was not stored, for this reason.
    #[error("The data was not stored: {0}.")]
    NotStored(&'static str),
    /// The queue refused the message.
    #[error("The message was not queued: {0}.")]
    NotQueued(String),
}

impl Control {
    /// Publishes any JSON to a profile's queue, unchanged. Returns once the queue has stored it for good (with RabbitMQ:
    /// once the broker has confirmed it).
    ///
    /// # Errors
    ///
    /// Fails if no profile has this user name, or its queue is full.
    pub async fn publish(&self, username: &str, message: &Value) -> Result<(), ControlError> {
        let profile = self.profile(username)?;
        let queued = self.backend.queue(&profile, message).await;
        queued.map_err(|error| ControlError::NotQueued(error.to_string()))
    }

    /// Creates a single-use download link to the given bytes, valid for ten minutes.
    pub fn offer_download(&self, bytes: Vec<u8>, file_name: Option<&str>) -> Link {
        let content = Content::Kept(Bytes::from(bytes));
        let auth = self.backend.grant_download(Payload { content, file_name: file_name.map(Into::into) });
        Link::new(self.backend.download_link(&auth))
    }

    /// Stores a payload for a profile, as a client would. Returns its data token.
    ///
    /// # Errors
    ///
    /// Fails if no profile has this user name, or the profile already holds too many data tokens.
    pub fn store_data(
        &self,
        username: &str,
        bytes: Vec<u8>,
        file_name: &str,
        context: &str,
    ) -> Result<DataToken, ControlError> {
        let profile = self.profile(username)?;
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let (file_name, extension) = file_name.rsplit_once('.').unwrap_or((file_name, ""));
        let meta = FileMeta {
            file_name: file_name.to_owned(),
            extension: extension.to_owned(),
            context: context.to_owned(),
            size,
        };
        let created = self.backend.clock.millis(self.backend.clock.now());
        let stored = self.backend.state().data.keep(&profile, meta, Content::Kept(Bytes::from(bytes)), created);
        stored.map(DataToken::new).map_err(ControlError::NotStored)
    }

    /// How many connections have joined the profile's channel.
    ///
    /// # Errors
    ///
    /// Fails if no profile has this user name.
    pub fn joined(&self, username: &str) -> Result<usize, ControlError> {
        Ok(self.backend.hub.joined(&self.profile(username)?))
    }

    /// Injects a fault for the profile with this user name, or for all profiles. Returns how many open connections it has
    /// affected so far (for [`Fault::ExpireTokens`]: profiles); zero if it is armed for later events.
    ///
    /// # Errors
    ///
    /// Fails if no profile has this user name, or too many faults are armed.
    pub fn inject(&self, fault: Fault, username: Option<&str>) -> Result<usize, ControlError> {
        self.backend.inject(fault, username).map_err(|not| match not {
            NotInjected::UnknownProfile => ControlError::UnknownProfile(username.unwrap_or_default().to_owned()),
            NotInjected::Full => ControlError::TooManyFaults,
        })
    }

    /// Cuts every connection to the proxy, without a closing handshake. Clients may reconnect.
    pub fn drop_connections(&self) {
        self.backend.faults.connections.inject(None, None, &ConnectionFault::Cut);
    }

    /// Makes every authorization token of the profile expire now.
    ///
    /// # Errors
    ///
    /// Fails if no profile has this user name.
    pub fn expire_tokens(&self, username: &str) -> Result<(), ControlError> {
        self.inject(Fault::ExpireTokens, Some(username)).map(|_profiles| ())
    }

    fn profile(&self, username: &str) -> Result<crate::sandbox::state::profiles::ProfileId, ControlError> {
        let profile = self.backend.state().profiles.named(username);
        profile.ok_or_else(|| ControlError::UnknownProfile(username.to_owned()))
    }
}
