//! What downloads are made with.

use url::Url;

use crate::engine::runtime::disk_space::{self, Disk};
use crate::engine::runtime::transfer_rate::Rates;

use super::idle_timeout::IdleLimit;
use super::link_policy::{self, Resolver};
use super::network_config::Ways;

/// What downloads are made with.
#[derive(Clone)]
pub(crate) struct Fetcher {
    /// The way to what is downloaded.
    pub(crate) ways: Ways,
    /// Where names lead.
    pub(crate) resolve: Resolver,
    /// How much room a disk has.
    pub(crate) disk: Disk,
    /// How fast downloads were.
    pub(crate) rates: Rates,
    /// After how long a silence a transfer is given up.
    pub(crate) idle: IdleLimit,
}

impl Fetcher {
    /// That goes the way that is in force when it fetches.
    pub(crate) fn new(ways: Ways) -> Self {
        Self {
            ways,
            resolve: link_policy::system(),
            disk: disk_space::system(),
            rates: Rates::default(),
            idle: IdleLimit::default(),
        }
    }

    /// Whether a proxy reaches this address for us: names are then resolved by it.
    pub(crate) async fn is_proxied(&self, url: &Url) -> bool {
        !matches!(self.ways.current().await.proxies.of_url(url), Ok(None))
    }
}
