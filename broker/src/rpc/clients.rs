//! Ways to servers: over gRPC, or to those of the same process.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use parking_lot::RwLock;
use proto::{GrpcQueryClient, QueryClient, QueryError, v1};

use crate::routing::ServerClients;

/// One gRPC channel a server, opened with the first query and kept.
#[derive(Debug, Default)]
pub struct GrpcClients;

impl ServerClients for GrpcClients {
    fn client(&self, instance_id: &str, host: &str, port: u16) -> Arc<dyn QueryClient> {
        match service::grpc::channel(&format!("{host}:{port}")) {
            Ok(channel) => Arc::new(GrpcQueryClient::new(channel)),
            Err(error) => Arc::new(NoAddress(format!("{instance_id}: {error}"))),
        }
    }
}

/// Servers of this process are called directly, all others over gRPC.
#[derive(Default)]
pub struct LocalClients {
    local: RwLock<HashMap<String, Arc<dyn QueryClient>>>,
    others: GrpcClients,
}

impl LocalClients {
    /// Makes a server of this process known by its instance id. To be called before the broker hears of it.
    pub fn add(&self, instance_id: impl Into<String>, client: Arc<dyn QueryClient>) {
        self.local.write().insert(instance_id.into(), client);
    }
}

impl ServerClients for LocalClients {
    fn client(&self, instance_id: &str, host: &str, port: u16) -> Arc<dyn QueryClient> {
        match self.local.read().get(instance_id) {
            Some(client) => Arc::clone(client),
            None => self.others.client(instance_id, host, port),
        }
    }
}

/// A server whose address cannot be used.
struct NoAddress(String);

#[async_trait]
impl QueryClient for NoAddress {
    async fn execute(&self, _: v1::ExecuteRequest, _: Duration) -> Result<v1::ExecuteResponse, QueryError> {
        Err(QueryError::Refused(self.0.clone()))
    }

    async fn cancel(&self, _: u64) -> Result<bool, QueryError> {
        Err(QueryError::Refused(self.0.clone()))
    }
}
