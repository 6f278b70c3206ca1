//! gRPC between roles: channels that come back by themselves, and the standard health service.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};

/// Why a channel cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("`{address}` is not an address: expected host:port")]
pub struct AddressError {
    address: String,
    #[source]
    source: tonic::transport::Error,
}

/// A channel to `host:port` (or a URL). It connects with the first call and again after every failure, so it can be
/// made before the other side is there. Calls fail quickly while nothing listens.
pub fn channel(address: &str) -> Result<Channel, AddressError> {
    let url = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let endpoint = Endpoint::from_shared(url).map_err(|source| AddressError { address: address.to_owned(), source })?;
    Ok(endpoint
        .connect_timeout(Duration::from_secs(3))
        .tcp_nodelay(true)
        .tcp_keepalive(Some(Duration::from_secs(30)))
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true)
        // Partial results are large: the default window of 64 KB would cost a round trip for each.
        .initial_stream_window_size(8 << 20)
        .initial_connection_window_size(16 << 20)
        .connect_lazy())
}

pub use tonic_health::server::{HealthReporter, health_reporter};
