//! The resources that downloads share.

use url::Url;

use crate::engine::runtime::disk_space::{self, FreeSpace};
use crate::engine::runtime::transfer_rate::TransferRates;

use super::idle_timeout::IdleTimeout;
use super::link_policy::{self, Resolver};
use super::network_config::NetworkConfigReceiver;

/// The resources that downloads share.
#[derive(Clone)]
pub(crate) struct Downloader {
    /// The current network configuration.
    pub(crate) network_config_receiver: NetworkConfigReceiver,
    /// Resolves names.
    pub(crate) resolve: Resolver,
    /// Returns the free space of a disk.
    pub(crate) disk: FreeSpace,
    /// The rates of recent downloads.
    pub(crate) rates: TransferRates,
    /// The silence after which a transfer is cancelled.
    pub(crate) idle: IdleTimeout,
}

impl Downloader {
    /// Each download uses the network configuration that is current at that moment.
    pub(crate) fn new(network_config_receiver: NetworkConfigReceiver) -> Self {
        Self {
            network_config_receiver,
            resolve: link_policy::system_resolver(),
            disk: disk_space::system(),
            rates: TransferRates::default(),
            idle: IdleTimeout::default(),
        }
    }

    /// Whether a proxy is used for this address; the proxy then resolves names.
    pub(crate) async fn is_proxied(&self, url: &Url) -> bool {
        !matches!(self.network_config_receiver.current().await.proxies.of_url(url), Ok(None))
    }
}
