//! The broker's reply object.

use std::collections::BTreeMap;

use model::render;

use super::{ResultTable, json};
use crate::partial::{ExecutionStats, QueryException};

/// One reply, written by [`BrokerResponse::to_json`] with Pinot's fields in Pinot's order.
#[derive(Clone, Debug, Default)]
pub struct BrokerResponse {
    /// Left out of the reply when `None`.
    pub result_table: Option<ResultTable>,
    pub exceptions: Vec<QueryException>,
    /// The servers' counters, added up.
    pub stats: ExecutionStats,
    pub time_used_ms: u64,
    pub request_id: Option<String>,
    pub client_request_id: Option<String>,
    pub broker_id: Option<String>,
    pub num_servers_queried: u32,
    pub num_servers_responded: u32,
    pub num_segments_pruned_by_broker: u64,
    pub broker_reduce_time_ms: u64,
    pub offline_thread_cpu_time_ns: u64,
    pub realtime_thread_cpu_time_ns: u64,
    /// Server → trace as JSON text.
    pub trace_info: BTreeMap<String, String>,
    /// Raw table names.
    pub tables_queried: Vec<String>,
    /// Server pools hit; `-1` is the pool of servers that have none.
    pub pools: Vec<i32>,
}

impl BrokerResponse {
    /// A reply that only names an error.
    pub fn error(exception: QueryException) -> Self {
        Self { exceptions: vec![exception], ..Self::default() }
    }

    /// The `X-Pinot-Error-Code` header: the first error code, -1 without errors.
    pub fn error_code(&self) -> i32 {
        self.exceptions.first().map_or(-1, |e| e.error_code)
    }

    /// Whether rows may be missing or aggregates incomplete.
    pub fn is_partial(&self) -> bool {
        !self.exceptions.is_empty() || self.stats.num_groups_limit_reached
    }

    pub fn to_json(&self) -> String {
        let rows = self.result_table.as_ref().map_or(0, |t| t.num_rows * t.types.len().max(1));
        let mut out = String::with_capacity(2048 + rows * 12);
        self.push_json(&mut out);
        out
    }

    /// Appends the reply object.
    pub fn push_json(&self, out: &mut String) {
        let mut fields = Fields { out, first: true };
        fields.out.push('{');
        if let Some(table) = &self.result_table {
            fields.key("resultTable");
            json::push_table(fields.out, table);
        }
        let stats = &self.stats;
        fields.number("numRowsResultSet", self.result_table.as_ref().map_or(0, |t| t.num_rows as u64));
        fields.flag("partialResult", self.is_partial());
        fields.exceptions(&self.exceptions);
        fields.flag("numGroupsLimitReached", stats.num_groups_limit_reached);
        fields.flag("numGroupsWarningLimitReached", stats.num_groups_warning_limit_reached);
        fields.number("timeUsedMs", self.time_used_ms);
        fields.text("requestId", self.request_id.as_deref());
        fields.text("clientRequestId", self.client_request_id.as_deref());
        fields.text("brokerId", self.broker_id.as_deref());
        for (key, value) in [
            ("numDocsScanned", stats.num_docs_scanned),
            ("totalDocs", stats.total_docs),
            ("numEntriesScannedInFilter", stats.num_entries_scanned_in_filter),
            ("numEntriesScannedPostFilter", stats.num_entries_scanned_post_filter),
            ("numServersQueried", u64::from(self.num_servers_queried)),
            ("numServersResponded", u64::from(self.num_servers_responded)),
            ("numSegmentsQueried", stats.num_segments_queried),
            ("numSegmentsProcessed", stats.num_segments_processed),
            ("numSegmentsMatched", stats.num_segments_matched),
            ("numConsumingSegmentsQueried", stats.num_consuming_segments_queried),
            ("numConsumingSegmentsProcessed", stats.num_consuming_segments_processed),
            ("numConsumingSegmentsMatched", stats.num_consuming_segments_matched),
            ("minConsumingFreshnessTimeMs", stats.min_consuming_freshness_time_ms),
            ("numSegmentsPrunedByBroker", self.num_segments_pruned_by_broker),
            ("numSegmentsPrunedByServer", stats.num_segments_pruned_by_server),
            ("numSegmentsPrunedInvalid", stats.num_segments_pruned_invalid),
            ("numSegmentsPrunedByLimit", stats.num_segments_pruned_by_limit),
            ("numSegmentsPrunedByValue", stats.num_segments_pruned_by_value),
            ("brokerReduceTimeMs", self.broker_reduce_time_ms),
            ("offlineThreadCpuTimeNs", self.offline_thread_cpu_time_ns),
            ("realtimeThreadCpuTimeNs", self.realtime_thread_cpu_time_ns),
            ("offlineSystemActivitiesCpuTimeNs", 0),
            ("realtimeSystemActivitiesCpuTimeNs", 0),
            ("offlineResponseSerializationCpuTimeNs", 0),
            ("realtimeResponseSerializationCpuTimeNs", 0),
            ("offlineTotalCpuTimeNs", self.offline_thread_cpu_time_ns),
            ("realtimeTotalCpuTimeNs", self.realtime_thread_cpu_time_ns),
            ("explainPlanNumEmptyFilterSegments", stats.explain_num_empty_filter_segments),
            ("explainPlanNumMatchAllFilterSegments", stats.explain_num_match_all_filter_segments),
        ] {
            fields.number(key, value);
        }
        fields.map("traceInfo", &self.trace_info);
        fields.list("tablesQueried", &self.tables_queried, |out, name| render::push_json_string(out, name));
        for key in [
            "offlineThreadMemAllocatedBytes",
            "realtimeThreadMemAllocatedBytes",
            "offlineResponseSerMemAllocatedBytes",
            "realtimeResponseSerMemAllocatedBytes",
            "offlineTotalMemAllocatedBytes",
            "realtimeTotalMemAllocatedBytes",
        ] {
            fields.number(key, 0);
        }
        fields.list("pools", &self.pools, |out, pool| render::push_i64(out, i64::from(*pool)));
        fields.flag("rlsFiltersApplied", false);
        fields.flag("groupsTrimmed", stats.groups_trimmed);
        fields.out.push('}');
    }
}

struct Fields<'a> {
    out: &'a mut String,
    first: bool,
}

impl Fields<'_> {
    fn key(&mut self, key: &str) {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
    }

    fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        render::push_i64(self.out, i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn flag(&mut self, key: &str, value: bool) {
        self.key(key);
        self.out.push_str(if value { "true" } else { "false" });
    }

    fn text(&mut self, key: &str, value: Option<&str>) {
        self.key(key);
        match value {
            Some(text) => render::push_json_string(self.out, text),
            None => self.out.push_str("null"),
        }
    }

    fn exceptions(&mut self, exceptions: &[QueryException]) {
        self.list("exceptions", exceptions, |out, exception| {
            out.push_str("{\"errorCode\":");
            render::push_i64(out, i64::from(exception.error_code));
            out.push_str(",\"message\":");
            render::push_json_string(out, &exception.message);
            out.push('}');
        });
    }

    fn list<T>(&mut self, key: &str, items: &[T], push: impl Fn(&mut String, &T)) {
        self.key(key);
        self.out.push('[');
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.out.push(',');
            }
            push(self.out, item);
        }
        self.out.push(']');
    }

    fn map(&mut self, key: &str, entries: &BTreeMap<String, String>) {
        self.key(key);
        self.out.push('{');
        for (i, (name, value)) in entries.iter().enumerate() {
            if i > 0 {
                self.out.push(',');
            }
            render::push_json_string(self.out, name);
            self.out.push(':');
            render::push_json_string(self.out, value);
        }
        self.out.push('}');
    }
}
