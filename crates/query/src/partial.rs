//! What one server answers: rows or states as one Arrow batch, statistics, errors.

use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};

/// A server's answer to one bound query over its share of the segments.
#[derive(Clone, Debug, Default)]
pub struct PartialResult {
    /// `None` when nothing could be computed. Columns as documented at each [`crate::Shape`]. With
    /// `final_values` each aggregate has ONE column: its final value instead of its state.
    pub batch: Option<RecordBatch>,
    pub final_values: bool,
    pub stats: ExecutionStats,
    pub exceptions: Vec<QueryException>,
    /// Rows of EXPLAIN: operator text, id, parent id.
    pub explain: Vec<(String, i32, i32)>,
}

/// `errorCode` is Pinot's number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryException {
    #[serde(rename = "errorCode")]
    pub error_code: i32,
    pub message: String,
}

/// Counters that the broker adds up into the response. Names and meaning as in Pinot's response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecutionStats {
    pub num_docs_scanned: u64,
    pub total_docs: u64,
    pub num_entries_scanned_in_filter: u64,
    pub num_entries_scanned_post_filter: u64,
    pub num_segments_queried: u64,
    pub num_segments_processed: u64,
    pub num_segments_matched: u64,
    pub num_segments_pruned_by_server: u64,
    pub num_segments_pruned_invalid: u64,
    pub num_segments_pruned_by_limit: u64,
    pub num_segments_pruned_by_value: u64,
    pub num_consuming_segments_queried: u64,
    pub num_consuming_segments_processed: u64,
    pub num_consuming_segments_matched: u64,
    pub min_consuming_freshness_time_ms: u64,
    pub num_groups_limit_reached: bool,
    pub num_groups_warning_limit_reached: bool,
    pub groups_trimmed: bool,
    pub thread_cpu_time_ns: u64,
    pub explain_num_empty_filter_segments: u64,
    pub explain_num_match_all_filter_segments: u64,
}

impl ExecutionStats {
    /// Adds another server's counters.
    pub fn add(&mut self, other: &Self) {
        self.num_docs_scanned += other.num_docs_scanned;
        self.total_docs += other.total_docs;
        self.num_entries_scanned_in_filter += other.num_entries_scanned_in_filter;
        self.num_entries_scanned_post_filter += other.num_entries_scanned_post_filter;
        self.num_segments_queried += other.num_segments_queried;
        self.num_segments_processed += other.num_segments_processed;
        self.num_segments_matched += other.num_segments_matched;
        self.num_segments_pruned_by_server += other.num_segments_pruned_by_server;
        self.num_segments_pruned_invalid += other.num_segments_pruned_invalid;
        self.num_segments_pruned_by_limit += other.num_segments_pruned_by_limit;
        self.num_segments_pruned_by_value += other.num_segments_pruned_by_value;
        self.num_consuming_segments_queried += other.num_consuming_segments_queried;
        self.num_consuming_segments_processed += other.num_consuming_segments_processed;
        self.num_consuming_segments_matched += other.num_consuming_segments_matched;
        // The oldest of the consuming segments; 0 means that there is none.
        self.min_consuming_freshness_time_ms =
            match (self.min_consuming_freshness_time_ms, other.min_consuming_freshness_time_ms) {
                (0, any) | (any, 0) => any,
                (a, b) => a.min(b),
            };
        self.num_groups_limit_reached |= other.num_groups_limit_reached;
        self.num_groups_warning_limit_reached |= other.num_groups_warning_limit_reached;
        self.groups_trimmed |= other.groups_trimmed;
        self.thread_cpu_time_ns += other.thread_cpu_time_ns;
        self.explain_num_empty_filter_segments += other.explain_num_empty_filter_segments;
        self.explain_num_match_all_filter_segments += other.explain_num_match_all_filter_segments;
    }
}
