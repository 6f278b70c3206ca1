//! The listening side.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, header};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Why a port cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {host}:{port}; another process may be using the port")]
pub struct BindError {
    pub host: String,
    pub port: u16,
    #[source]
    source: std::io::Error,
}

/// A port that is taken but not served yet: clients that connect now wait until it is.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    addr: SocketAddr,
}

impl Listener {
    /// Takes a port; 0 is any free one.
    pub async fn bind(host: &str, port: u16) -> Result<Self, BindError> {
        let failed = |source| BindError { host: host.to_owned(), port, source };
        let socket = TcpListener::bind((host, port)).await.map_err(failed)?;
        let addr = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, addr })
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// Routes and gRPC services, not started yet.
pub struct Server {
    http: Router,
    grpc: Option<Router>,
}

impl Server {
    /// Serves `routes`, which [`super::finish`] has been put around.
    pub fn new(routes: Router) -> Self {
        Self { http: routes, grpc: None }
    }

    /// Serves gRPC on the same port.
    pub fn grpc(mut self, services: tonic::service::Routes) -> Self {
        self.grpc = Some(services.prepare().into_axum_router());
        self
    }

    /// Begins to accept.
    pub fn start(self, listener: Listener) -> ServerHandle {
        let addr = listener.addr;
        let stop = CancellationToken::new();
        let drained = CancellationToken::new();
        let ended = tokio::spawn(accept(self, listener.socket, stop.clone(), drained.clone()));
        ServerHandle { addr, stop, abort: drained, ended }
    }
}

/// A running server.
#[derive(Debug)]
pub struct ServerHandle {
    addr: SocketAddr,
    stop: CancellationToken,
    abort: CancellationToken,
    ended: tokio::task::JoinHandle<()>,
}

impl ServerHandle {
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes no more connections, lets running requests end, and closes what is left at the deadline.
    /// True when nothing had to be cut.
    pub async fn shutdown(mut self, deadline: Duration) -> bool {
        self.stop.cancel();
        let whole = tokio::time::timeout(deadline, &mut self.ended).await.is_ok();
        self.abort.cancel();
        if !whole {
            let _ = (&mut self.ended).await;
        }
        whole
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        self.stop.cancel();
        self.abort.cancel();
    }
}

async fn accept(server: Server, socket: TcpListener, stop: CancellationToken, abort: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(30));
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20))
        .initial_stream_window_size(8 << 20)
        .initial_connection_window_size(16 << 20)
        .max_concurrent_streams(4096);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = socket.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: others will be closed.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let http = server.http.clone();
        let grpc = server.grpc.clone();
        let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
            let router = match &grpc {
                Some(grpc) if is_grpc(&request) => grpc.clone(),
                _ => http.clone(),
            };
            router.oneshot(request.map(Body::new))
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        let abort = abort.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = abort.cancelled() => {}
                // Clients that go away in the middle are no event.
                _ = connection => {}
            }
        });
    }
    drop(socket);
    tokio::select! {
        () = abort.cancelled() => {}
        () = graceful.shutdown() => {}
    }
}

fn is_grpc<B>(request: &Request<B>) -> bool {
    request.headers().get(header::CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"application/grpc"))
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;

    use super::super::{ErrorStyle, Limits, finish};
    use super::*;

    #[tokio::test]
    async fn http_and_grpc_share_a_port_and_stop_together() {
        let (reporter, health) = crate::grpc::health_reporter();
        reporter.set_service_status("", tonic_health::ServingStatus::Serving).await;
        let routes = Router::new().route("/hello", get(|| async { "hello" }));
        let routes = finish(routes, ErrorStyle::Controller, Limits::default(), &[]);
        let listener = Listener::bind("127.0.0.1", 0).await.unwrap();
        let server = Server::new(routes).grpc(tonic::service::Routes::new(health)).start(listener);
        let addr = server.addr();

        let text = reqwest::get(format!("http://{addr}/hello")).await.unwrap().text().await.unwrap();
        assert_eq!(text, "hello");
        let channel = crate::grpc::channel(&addr.to_string()).unwrap();
        let mut client = HealthClient::new(channel);
        let status = client.check(HealthCheckRequest { service: String::new() }).await.unwrap();
        assert_eq!(status.into_inner().status, 1);

        assert!(server.shutdown(Duration::from_secs(5)).await, "idle connections need no cutting");
        assert!(reqwest::get(format!("http://{addr}/hello")).await.is_err());
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let first = Listener::bind("127.0.0.1", 0).await.unwrap();
        let error = Listener::bind("127.0.0.1", first.addr().port()).await.unwrap_err().to_string();
        assert!(error.starts_with("cannot listen on 127.0.0.1:"), "{error}");
    }
}
