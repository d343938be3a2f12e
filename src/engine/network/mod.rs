//! The layers of a connection: proxies (`proxy`), TLS (`tls`), HTTP/1.1 (`http1`), the WebSocket upgrade
//! (`websocket_upgrade`), and the errors of each.

pub(crate) mod close_frame;
pub(crate) mod connect_error;
pub(crate) mod connect_failure;
pub(crate) mod endpoints;
pub(crate) mod http1;
pub(crate) mod http_date;
pub(crate) mod proxy;
pub(crate) mod rest_error;
pub(crate) mod retry_after;
pub(crate) mod system_error;
pub(crate) mod tls;
pub(crate) mod transport;
pub(crate) mod websocket_upgrade;
