//! What downloads are made with.

use url::Url;

use crate::engine::runtime::disk_space::{self, FreeSpace};
use crate::engine::runtime::transfer_rate::TransferRates;

use super::idle_timeout::IdleTimeout;
use super::link_policy::{self, Resolver};
use super::network_config::NetworkConfigReceiver;

/// What downloads are made with.
#[derive(Clone)]
pub(crate) struct Downloader {
    /// The way to what is downloaded.
    pub(crate) network_config_receiver: NetworkConfigReceiver,
    /// Where names lead.
    pub(crate) resolve: Resolver,
    /// How much room a disk has.
    pub(crate) disk: FreeSpace,
    /// How fast downloads were.
    pub(crate) rates: TransferRates,
    /// After how long a silence a transfer is given up.
    pub(crate) idle: IdleTimeout,
}

impl Downloader {
    /// That goes the way that is in force when it fetches.
    pub(crate) fn new(network_config_receiver: NetworkConfigReceiver) -> Self {
        Self {
            network_config_receiver,
            resolve: link_policy::system(),
            disk: disk_space::system(),
            rates: TransferRates::default(),
            idle: IdleTimeout::default(),
        }
    }

    /// Whether a proxy reaches this address for us: names are then resolved by it.
    pub(crate) async fn is_proxied(&self, url: &Url) -> bool {
        !matches!(self.network_config_receiver.current().await.proxies.of_url(url), Ok(None))
    }
}
