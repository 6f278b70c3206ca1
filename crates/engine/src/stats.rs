//! Adds the counters of workers.

use query::ExecutionStats;

pub(crate) fn add(to: &mut ExecutionStats, from: &ExecutionStats) {
    to.num_docs_scanned += from.num_docs_scanned;
    to.num_entries_scanned_in_filter += from.num_entries_scanned_in_filter;
    to.num_entries_scanned_post_filter += from.num_entries_scanned_post_filter;
    to.num_segments_matched += from.num_segments_matched;
    to.num_consuming_segments_matched += from.num_consuming_segments_matched;
    to.num_groups_limit_reached |= from.num_groups_limit_reached;
    to.num_groups_warning_limit_reached |= from.num_groups_warning_limit_reached;
    to.groups_trimmed |= from.groups_trimmed;
}
