//! The clients of everything outside: sockets, REST calls, downloads, and the network configuration that all of them use.

pub(crate) mod connector;
pub(crate) mod download_http;
pub(crate) mod downloader;
pub(crate) mod idle_timeout;
pub(crate) mod link_policy;
pub(crate) mod network_config;
pub(crate) mod rest;
pub(crate) mod rest_http;
