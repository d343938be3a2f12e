//! Queues on a RabbitMQ: durable, with persistent messages, publisher confirms and manual acknowledgement.
//!
//! One task publishes everything in order, and publishes each message again until the broker confirms it. A message is
//! therefore never lost once [`Queues::publish`] has returned, but may arrive twice if a connection breaks between a
//! message and its confirmation or acknowledgement: delivery is at least once.
//!
//! Queues are named after profile ids, which are not secret.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::AMQPUri;
use lapin::{Acker, BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::sandbox::error::SandboxError;
use crate::sandbox::runtime::tasks::Tasks;
use crate::sandbox::state::profiles::ProfileId;

use super::{BATCH, CAPACITY, Deliveries, QueueError, Queues};

/// How long connecting to the broker may take.
const CONNECTING: Duration = Duration::from_secs(10);

/// How long the broker may take for anything else: to open a channel, to create a consumer, to confirm a message. A
/// connection on which it takes longer is replaced, because it may be half-open.
const ANSWERING: Duration = Duration::from_secs(10);

/// The interval of heartbeats on an idle connection, in seconds, if the address does not set one.
const HEARTBEAT: u16 = 10;

/// The longest wait before the broker is tried again. Waits are drawn evenly between zero and a bound that doubles.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Capacity of the queue of messages for the broker. Publishers wait while it is full.
const OUTBOX: usize = 1_024;

/// The `reply-code` of a channel that is closed because it is not needed any more.
const REPLY_SUCCESS: u16 = 200;

/// The `delivery_mode` of a message that survives a restart of the broker.
const PERSISTENT: u8 = 2;

/// What the broker has to do, in this order, and the sender to complete when it has.
enum BrokerRequest {
    /// To store a message.
    Publish { profile: ProfileId, message: String, queued: oneshot::Sender<Result<(), QueueError>> },
    /// To delete a queue.
    Delete { profile: ProfileId, deleted: oneshot::Sender<()> },
}

/// All queues.
pub(crate) struct AmqpQueues {
    broker: Arc<Broker>,
    tasks: Tasks,
    outbox: mpsc::Sender<BrokerRequest>,
}

impl AmqpQueues {
    /// Connects to the broker.
    pub(crate) async fn connect(address: &str, tasks: &Tasks) -> Result<Self, SandboxError> {
        // The parser's error is left out: it quotes the address with the password.
        let mut address: AMQPUri = address.parse().map_err(|_quotes_the_address| SandboxError::AmqpAddress)?;
        address.query.heartbeat.get_or_insert(HEARTBEAT);
        let (host, port) = (address.authority.host.clone(), address.authority.port);
        let broker = Arc::new(Broker { address, connection: Mutex::new(None) });
        if let Err(error) = broker.channel().await {
            return Err(SandboxError::Amqp { host, port, reason: error.to_string() });
        }
        let (outbox, requests) = mpsc::channel(OUTBOX);
        tasks.spawn("publisher to RabbitMQ", publish_all(Arc::clone(&broker), requests));
        Ok(Self { broker, tasks: tasks.clone(), outbox })
    }
}

impl Queues for AmqpQueues {
    fn publish<'a>(&'a self, profile: &'a ProfileId, message: String) -> BoxFuture<'a, Result<(), QueueError>> {
        async move {
            let (queued, heard) = oneshot::channel();
            let request = BrokerRequest::Publish { profile: profile.clone(), message, queued };
            self.outbox.send(request).await.map_err(|_closed| QueueError::Stopping)?;
            heard.await.unwrap_or(Err(QueueError::Stopping))
        }
        .boxed()
    }

    fn clear(&self, profiles: Vec<ProfileId>) -> BoxFuture<'_, ()> {
        async move {
            for profile in profiles {
                let (deleted, heard) = oneshot::channel();
                if self.outbox.send(BrokerRequest::Delete { profile, deleted }).await.is_err() || heard.await.is_err() {
                    // The sandbox is stopping.
                    return;
                }
            }
        }
        .boxed()
    }

    fn consume(&self, profile: &ProfileId, name: String) -> Box<dyn Deliveries> {
        Box::new(AmqpDeliveries {
            name,
            broker: Arc::clone(&self.broker),
            tasks: self.tasks.clone(),
            profile: profile.clone(),
            opening: None,
            consuming: None,
            in_hand: Vec::new(),
            unreadable: Vec::new(),
            backoff: Backoff::default(),
        })
    }
}

/// Why an operation of the broker failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no answer within {} seconds", .0.as_secs())]
    Silent(Duration),
    #[error("{0}")]
    Amqp(#[from] lapin::Error),
    #[error("the queue is gone")]
    QueueGone,
    #[error("the sandbox stops")]
    Stopping,
}

/// The broker, and the one connection that all tasks share.
struct Broker {
    address: AMQPUri,
    connection: Mutex<Option<Connection>>,
}

impl Broker {
    /// Opens a channel, on a new connection if the last one broke or fails to open one. Callers that wait for each other
    /// share one attempt.
    async fn channel(&self) -> Result<Channel, Failure> {
        let mut connection = self.connection.lock().await;
        if let Some(living) = connection.as_ref().filter(|connection| connection.status().connected()) {
            match within(ANSWERING, async { Ok(living.create_channel().await?) }).await {
                Ok(channel) => return Ok(channel),
                Err(error) => tracing::warn!(%error, "the connection to RabbitMQ is given up"),
            }
        }
        *connection = None;
        let connecting = async {
            let properties = ConnectionProperties::default().with_connection_name("privicore-sandbox".into());
            let fresh = Connection::connect_uri(self.address.clone(), properties).await?;
            let channel = fresh.create_channel().await?;
            Ok((fresh, channel))
        };
        let (fresh, channel) = within(CONNECTING, connecting).await?;
        *connection = Some(fresh);
        tracing::info!("connected to RabbitMQ");
        Ok(channel)
    }

    /// Drops the connection if the broker was silent on it: the next channel opens another.
    async fn doubt(&self, failure: &Failure) {
        if matches!(failure, Failure::Silent(_)) {
            *self.connection.lock().await = None;
        }
    }
}

/// Waits for the broker, for at most `time`.
async fn within<T>(time: Duration, answer: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout(time, answer).await.unwrap_or(Err(Failure::Silent(time)))
}

/// The queue's name.
fn queue_name(profile: &ProfileId) -> String {
    format!("privicore.profile.{profile}")
}

/// Declares the queue: durable, bounded, and refusing messages beyond its bound.
async fn declare(channel: &Channel, profile: &ProfileId) -> Result<(), Failure> {
    let mut arguments = FieldTable::default();
    let capacity = i32::try_from(CAPACITY).unwrap_or(i32::MAX);
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(capacity));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    channel.queue_declare(queue_name(profile).into(), QueueDeclareOptions::durable(), arguments).await?;
    Ok(())
}

/// The waits between attempts.
#[derive(Default)]
struct Backoff(u32);

impl Backoff {
    fn reset(&mut self) {
        self.0 = 0;
    }

    async fn wait(&mut self) {
        let bound = Duration::from_millis(100).saturating_mul(1 << self.0.min(10)).min(LONGEST_WAIT);
        self.0 = self.0.saturating_add(1);
        sleep(bound.mul_f64(fastrand::f64())).await;
    }
}

/// Carries out requests one after the other, each until the broker has confirmed it.
async fn publish_all(broker: Arc<Broker>, mut requests: mpsc::Receiver<BrokerRequest>) {
    let mut publisher = Publisher { broker, ready: None, backoff: Backoff::default() };
    while let Some(request) = requests.recv().await {
        let outcome = publisher.until_confirmed(&request).await;
        let is_waited_for = match request {
            BrokerRequest::Publish { queued, .. } => queued.send(outcome).is_ok(),
            BrokerRequest::Delete { deleted, .. } => deleted.send(()).is_ok(),
        };
        if !is_waited_for {
            tracing::debug!("nobody waits for a confirmation any more");
        }
    }
}

/// Repeats what the broker has not confirmed, on another channel.
struct Publisher {
    broker: Arc<Broker>,
    ready: Option<Ready>,
    backoff: Backoff,
}

impl Publisher {
    async fn until_confirmed(&mut self, request: &BrokerRequest) -> Result<(), QueueError> {
        loop {
            match self.try_once(request).await {
                Ok(outcome) => {
                    self.backoff.reset();
                    return outcome;
                }
                Err(error) => {
                    tracing::warn!(%error, "RabbitMQ did not confirm; it is asked again");
                    self.ready = None;
                    self.broker.doubt(&error).await;
                    self.backoff.wait().await;
                }
            }
        }
    }

    async fn try_once(&mut self, request: &BrokerRequest) -> Result<Result<(), QueueError>, Failure> {
        let Ready { channel, declared } = match &mut self.ready {
            Some(ready) => ready,
            none => {
                let channel = self.broker.channel().await?;
                within(ANSWERING, async { Ok(channel.confirm_select(ConfirmSelectOptions::default()).await?) }).await?;
                none.insert(Ready { channel, declared: BTreeSet::new() })
            }
        };
        let done = async {
            match request {
                BrokerRequest::Publish { profile, message, .. } => {
                    publish_on(channel, declared, profile, message).await
                }
                BrokerRequest::Delete { profile, .. } => {
                    declared.remove(profile);
                    channel.queue_delete(queue_name(profile).into(), QueueDeleteOptions::default()).await?;
                    Ok(Ok(()))
                }
            }
        };
        within(ANSWERING, done).await
    }
}

/// A channel with publisher confirms, and the queues known to exist.
struct Ready {
    channel: Channel,
    declared: BTreeSet<ProfileId>,
}

/// Publishes a message and waits until the broker confirms it, or refuses it because the queue is full.
async fn publish_on(
    channel: &Channel,
    declared: &mut BTreeSet<ProfileId>,
    profile: &ProfileId,
    message: &str,
) -> Result<Result<(), QueueError>, Failure> {
    if !declared.contains(profile) {
        declare(channel, profile).await?;
        declared.insert(profile.clone());
    }
    // Mandatory, so that a queue that someone deleted is noticed.
    let options = BasicPublishOptions { mandatory: true, immediate: false };
    let properties =
        BasicProperties::default().with_delivery_mode(PERSISTENT).with_content_type("application/json".into());
    let confirmed =
        channel.basic_publish("".into(), queue_name(profile).into(), options, message.as_bytes(), properties).await?;
    match confirmed.await? {
        Confirmation::Ack(None) => Ok(Ok(())),
        Confirmation::Nack(_) => Ok(Err(QueueError::Full(profile.clone()))),
        Confirmation::Ack(Some(_)) | Confirmation::NotRequested => Err(Failure::QueueGone),
    }
}

/// A consumer of one queue.
struct AmqpDeliveries {
    broker: Arc<Broker>,
    tasks: Tasks,
    profile: ProfileId,
    /// The consumer's tag.
    name: String,
    /// A consumer that was requested from the broker.
    opening: Option<oneshot::Receiver<Result<Consuming, Failure>>>,
    consuming: Option<Consuming>,
    /// The acknowledgements of the last call's messages that are not settled, in the same order.
    in_hand: Vec<Acker>,
    /// The acknowledgements of messages that arrived with them and can't be delivered to anyone.
    unreadable: Vec<Acker>,
    backoff: Backoff,
}

/// An open consumer. When its channel closes, the broker gives unacknowledged messages to the next one, so dropping this
/// returns them to the queue.
struct Consuming {
    consumer: Consumer,
    _channel: Channel,
}

impl Consuming {
    async fn open(broker: &Broker, tasks: &Tasks, profile: &ProfileId, name: &str) -> Result<Self, Failure> {
        let channel = broker.channel().await?;
        let consumer = within(ANSWERING, async {
            // The library buffers deliveries without a bound; this bounds them.
            let prefetch = u16::try_from(BATCH).unwrap_or(u16::MAX);
            channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
            declare(&channel, profile).await?;
            let options = BasicConsumeOptions::default();
            Ok(channel.basic_consume(queue_name(profile).into(), name.into(), options, FieldTable::default()).await?)
        });
        match consumer.await {
            Ok(consumer) => Ok(Self { consumer, _channel: channel }),
            Err(error) => {
                // The library releases a consumer that arrives too late only with its channel. Nobody waits for that: on a
                // silent connection it takes as long again.
                tasks.spawn("closing a channel without a consumer", async move {
                    drop(within(ANSWERING, async { Ok(channel.close(REPLY_SUCCESS, "late".into()).await?) }).await);
                });
                Err(error)
            }
        }
    }
}

impl AmqpDeliveries {
    /// Waits for a consumer. May be dropped while it waits: the attempt runs in a separate task to its end, and its result
    /// is closed. If it were cancelled halfway, it would leave a consumer behind that takes messages for nobody.
    async fn open(&mut self) -> Result<Consuming, Failure> {
        let opening = self.opening.get_or_insert_with(|| {
            let (opened, opening) = oneshot::channel();
            let (broker, tasks, profile) = (Arc::clone(&self.broker), self.tasks.clone(), self.profile.clone());
            let name = self.name.clone();
            self.tasks.spawn("consumer of a profile's queue", async move {
                if opened.send(Consuming::open(&broker, &tasks, &profile, &name).await).is_err() {
                    tracing::debug!(%profile, "nobody waits for a consumer any more");
                }
            });
            opening
        });
        let opened = opening.await.unwrap_or(Err(Failure::Stopping));
        self.opening = None;
        opened
    }

    /// Waits for messages on the open consumer; empty if it broke.
    async fn receive(&mut self) -> Vec<Utf8Bytes> {
        let Some(consuming) = &mut self.consuming else { return Vec::new() };
        let mut messages = Vec::new();
        let mut next = consuming.consumer.next().await;
        while let Some(Ok(delivery)) = next {
            if let Ok(text) = Utf8Bytes::try_from(delivery.data) {
                messages.push(text);
                self.in_hand.push(delivery.acker);
            } else {
                self.unreadable.push(delivery.acker);
                // No text frame could carry it, so it is settled with the next batch; otherwise it would be redelivered for
                // ever.
                tracing::warn!(profile = %self.profile, "a message in the queue is not UTF-8; it is dropped");
            }
            // As soon as there is a message to return, this does not wait any more, because it may be dropped while it
            // waits.
            next = if messages.is_empty() {
                consuming.consumer.next().await
            } else if messages.len() < BATCH {
                consuming.consumer.next().now_or_never().flatten()
            } else {
                None
            };
        }
        messages
    }
}

impl Deliveries for AmqpDeliveries {
    fn next(&mut self) -> BoxFuture<'_, Vec<Utf8Bytes>> {
        async {
            loop {
                if self.consuming.is_none() {
                    match self.open().await {
                        Ok(consuming) => self.consuming = Some(consuming),
                        Err(error) => {
                            tracing::warn!(%error, profile = %self.profile, "can't consume from RabbitMQ; trying again");
                            self.broker.doubt(&error).await;
                            self.backoff.wait().await;
                            continue;
                        }
                    }
                }
                let messages = self.receive().await;
                if !messages.is_empty() {
                    self.backoff.reset();
                    return messages;
                }
                // The consumer broke. The broker delivers its messages again.
                self.consuming = None;
                self.in_hand.clear();
                self.unreadable.clear();
                self.backoff.wait().await;
            }
        }
        .boxed()
    }

    fn settle<'a>(&'a mut self, written: &'a [bool]) -> BoxFuture<'a, ()> {
        async move {
            let in_hand = std::mem::take(&mut self.in_hand);
            let done = in_hand.into_iter().zip(written).filter_map(|(acker, written)| written.then_some(acker));
            for acker in std::mem::take(&mut self.unreadable).into_iter().chain(done) {
                let acknowledged = within(ANSWERING, async { Ok(acker.ack(BasicAckOptions::default()).await?) }).await;
                if !acknowledged.unwrap_or(false) {
                    tracing::warn!(profile = %self.profile, "a delivered message can't be acknowledged and comes again");
                    self.consuming = None;
                    return;
                }
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_broker_that_takes_the_connection_and_keeps_silent_is_a_sentence_after_ten_seconds() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let start = tokio::time::Instant::now();
        let (_owner, tasks) = crate::sandbox::runtime::tasks::TaskOwner::new();
        let address = format!("amqp://guest:canary@127.0.0.1:{port}");
        let error = AmqpQueues::connect(&address, &tasks).await.err().expect("it connected").to_string();
        assert_eq!(start.elapsed(), CONNECTING);
        assert!(error.contains(&format!("127.0.0.1:{port} can't be used: no answer within 10 seconds")), "{error}");
        assert!(!error.contains("canary"), "{error}");
    }
}
