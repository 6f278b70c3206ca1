//! Answers whose rows are kept, to be read page by page.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use model::ErrorCode;
use query::BrokerResponse;
use serde_json::{Map, Value};

use super::{answer::Answer, scatter::exception};
use crate::{
    cursor::NewResult,
    state::{State, now_ms},
};

/// Keeps the rows of an answer and gives the first page; `num_rows` of them where the query says how many.
pub(super) async fn keep(state: &Arc<State>, mut response: BrokerResponse, num_rows: Option<usize>) -> Answer {
    let num_rows = num_rows.unwrap_or(state.responses.config().fetch_rows);
    let (Some(table), Some(request_id)) = (response.result_table.take(), response.request_id.clone()) else {
        return Answer::of(&response);
    };
    let began = Instant::now();
    // Cutting large results into rows takes a while.
    let cut = tokio::task::spawn_blocking(move || {
        let (rows, ends) = table.rows_json();
        (table.schema_json(), rows, ends)
    });
    let Ok((schema, rows, ends)) = cut.await else {
        response.exceptions.push(exception(ErrorCode::Internal, "the result could not be written".to_owned()));
        return Answer::of(&response);
    };
    let submitted = now_ms() - response.time_used_ms as i64;
    let lifetime = i64::try_from(state.responses.config().expiration.as_millis()).unwrap_or(i64::MAX);
    let expires = submitted.saturating_add(lifetime);
    let about = About { state, rows: ends.len(), bytes: rows.len(), write_time: began.elapsed(), submitted, expires };
    let head = head(&response, &about);
    let new = NewResult { request_id, head, schema, rows: rows.clone(), ends: ends.clone() };
    match state.responses.keep(new, expires).await {
        Ok(kept) => {
            let answer = Answer::of(&response);
            Answer { body: kept.first_page(&rows, &ends, num_rows), ..answer }
        }
        Err(error) => {
            tracing::warn!(%error, "a query result could not be kept");
            let reason = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
            response.exceptions.insert(0, exception(ErrorCode::Internal, format!("InternalError: {error}{reason}")));
            Answer::of(&response)
        }
    }
}

/// What is known of a kept result beside the answer itself.
struct About<'a> {
    state: &'a State,
    rows: usize,
    bytes: usize,
    write_time: Duration,
    submitted: i64,
    expires: i64,
}

/// The answer without rows, its members in the order that answers with a cursor have.
fn head(response: &BrokerResponse, about: &About<'_>) -> Map<String, Value> {
    let text = response.to_json();
    let mut all: Map<String, Value> = serde_json::from_str(&text).unwrap_or_default();
    all.insert("numRowsResultSet".to_owned(), about.rows.into());
    let cursor = [
        ("offset", 0.into()),
        ("numRows", about.rows.into()),
        ("cursorResultWriteTimeMs", (about.write_time.as_millis() as u64).into()),
        ("cursorFetchTimeMs", 0.into()),
        ("submissionTimeMs", about.submitted.into()),
        ("expirationTimeMs", about.expires.into()),
        ("brokerHost", about.state.config.host.clone().into()),
        ("brokerPort", about.state.config.port.into()),
        ("bytesWritten", about.bytes.into()),
    ];
    let mut take = |key: &str| (key.to_owned(), all.shift_remove(key).unwrap_or(Value::Null));
    let client_request_id = take("clientRequestId");
    let groups_trimmed = take("groupsTrimmed");
    let behind = ["tablesQueried", "pools"].map(&mut take);
    let memory = [
        "offlineThreadMemAllocatedBytes",
        "realtimeThreadMemAllocatedBytes",
        "offlineResponseSerMemAllocatedBytes",
        "realtimeResponseSerMemAllocatedBytes",
        "offlineTotalMemAllocatedBytes",
        "realtimeTotalMemAllocatedBytes",
        "rlsFiltersApplied",
    ]
    .map(&mut take);
    all.extend([groups_trimmed]);
    all.extend(cursor.map(|(key, value)| (key.to_owned(), value)));
    all.extend([client_request_id]);
    all.extend(behind);
    // Pinot does not keep the pools.
    all.insert("pools".to_owned(), Value::Array(Vec::new()));
    all.extend(memory);
    all
}
