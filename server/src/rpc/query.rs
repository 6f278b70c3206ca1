//! The query service over gRPC.

use std::sync::Arc;

use async_trait::async_trait;
use proto::{
    MAX_MESSAGE_BYTES,
    v1::{
        CancelRequest, CancelResponse, ExecuteRequest, ExecuteResponse,
        query_service_server::{QueryService, QueryServiceServer},
    },
};
use tonic::{Request, Response, Status};

use crate::query::Executor;

struct Service(Arc<Executor>);

/// The service to be mounted on the query port.
pub fn service(executor: Arc<Executor>) -> QueryServiceServer<impl QueryService> {
    QueryServiceServer::new(Service(executor))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES)
}

#[async_trait]
impl QueryService for Service {
    /// A client that goes away drops this future, and with it stops the query.
    async fn execute(&self, request: Request<ExecuteRequest>) -> Result<Response<ExecuteResponse>, Status> {
        Ok(Response::new(self.0.run(request.into_inner()).await))
    }

    async fn cancel(&self, request: Request<CancelRequest>) -> Result<Response<CancelResponse>, Status> {
        let cancelled = self.0.running().cancel(request.into_inner().request_id);
        Ok(Response::new(CancelResponse { cancelled }))
    }
}
