//! Queries from a broker to a server.

use std::time::Duration;

use async_trait::async_trait;
use tonic::transport::Channel;

use crate::MAX_MESSAGE_BYTES;
use crate::v1::query_service_client::QueryServiceClient;
use crate::v1::{CancelRequest, ExecuteRequest, ExecuteResponse};

/// Runs queries on one server.
#[async_trait]
pub trait QueryClient: Send + Sync + 'static {
    /// One request, one answer. Errors of the query itself are in the answer; an error here means that this server
    /// gave none. Gives up after `timeout`. Dropping the future gives up at once, and the server stops working on it.
    async fn execute(&self, request: ExecuteRequest, timeout: Duration) -> Result<ExecuteResponse, QueryError>;

    /// Stops a running query; false when it is not running there.
    async fn cancel(&self, request_id: u64) -> Result<bool, QueryError>;
}

/// Why a server gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("the server cannot be reached")]
    Unreachable(#[source] tonic::Status),
    #[error("the server did not answer within {0:?}")]
    TimedOut(Duration),
    #[error("the server is shutting down")]
    ShuttingDown,
    #[error("the server refused the request: {0}")]
    Refused(String),
}

/// Queries over gRPC.
#[derive(Clone, Debug)]
pub struct GrpcQueryClient {
    client: QueryServiceClient<Channel>,
}

impl GrpcQueryClient {
    /// Over a channel that connects when needed and again after a failure.
    pub fn new(channel: Channel) -> Self {
        let client = QueryServiceClient::new(channel)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Self { client }
    }
}

#[async_trait]
impl QueryClient for GrpcQueryClient {
    async fn execute(&self, request: ExecuteRequest, timeout: Duration) -> Result<ExecuteResponse, QueryError> {
        let mut client = self.client.clone();
        let mut call = tonic::Request::new(request);
        call.set_timeout(timeout);
        match tokio::time::timeout(timeout, client.execute(call)).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(from_status(status, timeout)),
            Err(_) => Err(QueryError::TimedOut(timeout)),
        }
    }

    async fn cancel(&self, request_id: u64) -> Result<bool, QueryError> {
        const CANCEL_TIMEOUT: Duration = Duration::from_secs(3);
        let mut client = self.client.clone();
        let call = client.cancel(CancelRequest { request_id });
        match tokio::time::timeout(CANCEL_TIMEOUT, call).await {
            Ok(Ok(response)) => Ok(response.into_inner().cancelled),
            Ok(Err(status)) => Err(from_status(status, CANCEL_TIMEOUT)),
            Err(_) => Err(QueryError::TimedOut(CANCEL_TIMEOUT)),
        }
    }
}

fn from_status(status: tonic::Status, timeout: Duration) -> QueryError {
    match status.code() {
        tonic::Code::DeadlineExceeded => QueryError::TimedOut(timeout),
        tonic::Code::Cancelled if status.message().contains("imeout") => QueryError::TimedOut(timeout),
        tonic::Code::Unavailable | tonic::Code::Unknown | tonic::Code::Cancelled => QueryError::Unreachable(status),
        _ => QueryError::Refused(status.message().to_owned()),
    }
}
