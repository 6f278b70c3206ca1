//! Routing of single tables, taken out of service and back by operators.

use std::sync::Arc;

use axum::extract::{Path, State};
use service::ApiError;

use crate::{routing::ClusterView, state::State as Broker};

const SUCCESS: &str = "Success";

/// Route queries of a table again
#[utoipa::path(put, path = "/routing/{tableName}", tag = "Routing",
    params(("tableName" = String, Path, description = "With its type")),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 500)))]
pub(super) async fn build(
    State(broker): State<Arc<Broker>>,
    Path(table): Path<String>,
) -> Result<&'static str, ApiError> {
    known(&broker, &table)?;
    change(&broker, |view| view.restore(&table));
    Ok(SUCCESS)
}

/// Route no queries of a table, until it is built again or changes
#[utoipa::path(delete, path = "/routing/{tableName}", tag = "Routing",
    params(("tableName" = String, Path, description = "With its type")),
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn remove(State(broker): State<Arc<Broker>>, Path(table): Path<String>) -> &'static str {
    change(&broker, |view| view.withdraw(&table));
    SUCCESS
}

/// Look at a segment of a table again
///
/// The controller pushes every change of a segment, so that nothing is left to do here.
#[utoipa::path(put, path = "/routing/refresh/{tableName}/{segmentName}", tag = "Routing",
    params(("tableName" = String, Path, description = "With its type"), ("segmentName" = String, Path)),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 500)))]
pub(super) async fn refresh(
    State(broker): State<Arc<Broker>>,
    Path((table, _segment)): Path<(String, String)>,
) -> Result<&'static str, ApiError> {
    known(&broker, &table)?;
    Ok(SUCCESS)
}

fn known(broker: &Broker, table: &str) -> Result<(), ApiError> {
    let view = broker.view.load();
    if view.tables.contains_key(table) || view.is_withdrawn(table) {
        return Ok(());
    }
    Err(ApiError::internal(format!("Failed to find ideal state for table: {table}; name it with its type")))
}

fn change(broker: &Broker, change: impl Fn(&mut ClusterView)) {
    broker.view.rcu(|view| {
        let mut view = ClusterView::clone(view);
        change(&mut view);
        view
    });
}
