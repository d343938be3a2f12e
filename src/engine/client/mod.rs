//! The clients of the network: sockets (`connector`), REST calls (`rest`), downloads (`downloader`), the links that they
//! may fetch (`link_policy`), requests that were not sent (`unsent_request`), and the network configuration that all of
//! them use (`network_config`).

pub(crate) mod connector;
pub(crate) mod download_http;
pub(crate) mod downloader;
pub(crate) mod idle_timeout;
pub(crate) mod link_policy;
pub(crate) mod network_config;
pub(crate) mod rest;
pub(crate) mod rest_http;
pub(crate) mod unsent_request;
