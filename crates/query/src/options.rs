//! The options of a query: `SET k = v`, `OPTION(k=v)`, a request's `queryOptions`.

use std::collections::BTreeMap;

use crate::error::Error;

/// Keys in Pinot's spelling. Keys are matched ignoring case; unknown ones are kept as written and ignored.
pub const KEYS: &[&str] = &[
    "accurateGroupByWithoutOrderBy",
    "allowReverseOrder",
    "AndScanReordering",
    "applicationName",
    "autoRewriteAggregationType",
    "chunkSizeExtractFinalResult",
    "clientQueryId",
    "collectGCStats",
    "cursorNumRows",
    "database",
    "dropResults",
    "enableMultiClusterRouting",
    "enableNullHandling",
    "errorOnNumGroupsLimit",
    "excludeVirtualColumns",
    "explainAskingServers",
    "explainPlanVerbose",
    "extraPassiveTimeoutMs",
    "filteredAggregationsSkipEmptyGroups",
    "getCursor",
    "groupTrimThreshold",
    "ignoreMissingSegments",
    "inPredicateLookupAlgorithm",
    "inPredicatePreSorted",
    "inferInvalidSegmentPartition",
    "inferPartitionHint",
    "inferRealtimeSegmentPartition",
    "isSecondaryWorkload",
    "joinOverflowMode",
    "liteModeLeafStageFanOutAdjustedLimit",
    "liteModeLeafStageLimit",
    "maxExecutionThreads",
    "maxInitialResultHolderCapacity",
    "maxQueryResponseSizeBytes",
    "maxRowsInJoin",
    "maxRowsInWindow",
    "maxServerResponseSizeBytes",
    "maxStreamingPendingBlocks",
    "minBrokerGroupTrimSize",
    "minInitialIndexedTableCapacity",
    "minSegmentGroupTrimSize",
    "minServerGroupTrimSize",
    "mseMaxInitialResultHolderCapacity",
    "mseMinGroupTrimSize",
    "multiStageLeafLimit",
    "numGroupsLimit",
    "numGroupsWarningLimit",
    "numReplicaGroupsToQuery",
    "numThreadsExtractFinalResult",
    "optimizeMaxInitialResultHolderCapacity",
    "orderedPreferredPools",
    "queryHash",
    "regexDictSizeThreshold",
    "routingOptions",
    "runInBroker",
    "sampler",
    "scanStarTreeNodes",
    "serverReturnFinalResult",
    "serverReturnFinalResultKeyUnpartitioned",
    "skipIndexes",
    "skipPlannerRules",
    "skipUnavailableServers",
    "skipUpsert",
    "skipUpsertView",
    "sortAggregateLimitThreshold",
    "sortAggregateSingleThreadedNumSegmentsThreshold",
    "sortExchangeCopyThreshold",
    "stageParallelism",
    "strictResults",
    "timeoutMs",
    "trace",
    "traceRuleProductions",
    "upsertViewFreshnessMs",
    "useBrokerPruning",
    "useFixedReplica",
    "useLeafServerForIntermediateStage",
    "useLiteMode",
    "useMSEToFillEmptyResponseSchema",
    "useMultistageEngine",
    "usePhysicalOptimizer",
    "usePlannerRules",
    "useScanReorderOpt",
    "useSpools",
    "useStarTree",
    "windowOverflowMode",
    "workloadName",
];

/// The spelling under which a key is kept.
pub(crate) fn canonical_key(key: &str) -> String {
    let key = key.trim();
    KEYS.iter().find(|known| known.eq_ignore_ascii_case(key)).map_or_else(|| key.to_owned(), |k| (*k).to_owned())
}

/// Reads `k=v;k2=v2`.
pub fn parse_option_string(text: &str) -> Result<Vec<(String, String)>, Error> {
    text.split(';')
        .map(str::trim)
        .filter(|chunk| !chunk.is_empty())
        .map(|chunk| match chunk.split_once('=') {
            Some((key, value)) => Ok((canonical_key(key), value.trim().to_owned())),
            None => Err(Error::Parsing(format!("Chunk [{chunk}] is not a valid entry"))),
        })
        .collect()
}

/// Typed reading of the options. Getters give `None` when the option is absent.
#[derive(Clone, Copy, Debug)]
pub struct QueryOptions<'a>(&'a BTreeMap<String, String>);

/// Numeric options with their least and greatest value, as the error text names them.
const BOUNDS: &[(&str, i64, i64, &str)] = &[
    ("timeoutMs", 1, i64::MAX, "1 and 2^63-1"),
    ("extraPassiveTimeoutMs", 0, i64::MAX, "0 and 2^63-1"),
    ("maxServerResponseSizeBytes", 1, i64::MAX, "1 and 2^63-1"),
    ("maxQueryResponseSizeBytes", 1, i64::MAX, "1 and 2^63-1"),
    ("numReplicaGroupsToQuery", 1, MAX_INT, INT_RANGE),
    ("maxExecutionThreads", 1, MAX_INT, INT_RANGE),
    ("numGroupsLimit", 1, MAX_INT, INT_RANGE),
    ("numGroupsWarningLimit", 1, MAX_INT, INT_RANGE),
    ("maxInitialResultHolderCapacity", 1, MAX_INT, INT_RANGE),
    ("minInitialIndexedTableCapacity", 1, MAX_INT, INT_RANGE),
    ("groupTrimThreshold", 1, MAX_INT, INT_RANGE),
    ("maxStreamingPendingBlocks", 1, MAX_INT, INT_RANGE),
    ("maxRowsInJoin", 1, MAX_INT, INT_RANGE),
    ("maxRowsInWindow", 1, MAX_INT, INT_RANGE),
    ("multiStageLeafLimit", 0, MAX_INT, "0 and 2^31-1"),
    ("numThreadsExtractFinalResult", 1, MAX_INT, INT_RANGE),
    ("chunkSizeExtractFinalResult", 1, MAX_INT, INT_RANGE),
    ("sortAggregateLimitThreshold", 1, MAX_INT, INT_RANGE),
    ("regexDictSizeThreshold", 1, MAX_INT, INT_RANGE),
    ("cursorNumRows", 1, MAX_INT, INT_RANGE),
];
const MAX_INT: i64 = i32::MAX as i64;
const INT_RANGE: &str = "1 and 2^31-1";
/// Numbers that may also be negative (which turns the feature off).
const SIGNED: &[&str] =
    &["minSegmentGroupTrimSize", "minServerGroupTrimSize", "minBrokerGroupTrimSize", "upsertViewFreshnessMs"];

impl<'a> QueryOptions<'a> {
    pub fn new(options: &'a BTreeMap<String, String>) -> Self {
        Self(options)
    }

    /// The raw text; `key` in Pinot's spelling.
    pub fn get(self, key: &str) -> Option<&'a str> {
        self.0.get(key).map(String::as_str)
    }

    /// Checks every option that has bounds.
    pub fn validate(self) -> Result<(), Error> {
        for &(key, least, greatest, range) in BOUNDS {
            if let Some(text) = self.get(key)
                && !text.trim().parse::<i64>().is_ok_and(|n| (least..=greatest).contains(&n))
            {
                return Err(Error::Option(format!("{key} must be a number between {range}, got: {text}")));
            }
        }
        for key in SIGNED {
            if let Some(text) = self.get(key)
                && text.trim().parse::<i64>().is_err()
            {
                return Err(Error::Option(format!("{key} must be a number, got: {text}")));
            }
        }
        Ok(())
    }

    /// `true` in any case is true, anything else false.
    pub fn flag(self, key: &str) -> Option<bool> {
        self.get(key).map(|text| text.trim().eq_ignore_ascii_case("true"))
    }

    pub fn is_set(self, key: &str) -> bool {
        self.flag(key).unwrap_or(false)
    }

    pub fn number(self, key: &str) -> Option<i64> {
        self.get(key).and_then(|text| text.trim().parse().ok())
    }

    fn size(self, key: &str, default: usize) -> usize {
        self.number(key).and_then(|n| usize::try_from(n).ok()).unwrap_or(default)
    }

    pub fn timeout_ms(self) -> Option<u64> {
        self.number("timeoutMs").and_then(|n| u64::try_from(n).ok())
    }

    pub fn null_handling(self) -> Option<bool> {
        self.flag("enableNullHandling")
    }

    pub fn use_multistage_engine(self) -> bool {
        self.is_set("useMultistageEngine")
    }

    pub fn trace(self) -> bool {
        self.is_set("trace")
    }

    pub fn drop_results(self) -> bool {
        self.is_set("dropResults")
    }

    pub fn explain_verbose(self) -> bool {
        self.is_set("explainPlanVerbose")
    }

    pub fn skip_unavailable_servers(self) -> bool {
        self.is_set("skipUnavailableServers")
    }

    pub fn ignore_missing_segments(self) -> bool {
        self.is_set("ignoreMissingSegments")
    }

    pub fn client_query_id(self) -> Option<&'a str> {
        self.get("clientQueryId")
    }

    /// Rows of a cursor's first page, where the result is to be kept and read page by page; `None` inside when the
    /// query does not say how many.
    pub fn cursor(self) -> Option<Option<usize>> {
        let rows = || self.number("cursorNumRows").and_then(|n| usize::try_from(n).ok());
        self.is_set("getCursor").then(rows)
    }

    pub fn application(self) -> Option<&'a str> {
        self.get("applicationName")
    }

    pub fn database(self) -> Option<&'a str> {
        self.get("database")
    }

    /// Groups that one server keeps; further ones are dropped and the answer is flagged.
    pub fn num_groups_limit(self) -> usize {
        self.size("numGroupsLimit", 100_000)
    }

    pub fn num_groups_warning_limit(self) -> usize {
        self.size("numGroupsWarningLimit", 150_000)
    }

    /// `None` when trimming on the server is off.
    pub fn min_server_group_trim_size(self) -> Option<usize> {
        trim_size(self.number("minServerGroupTrimSize"))
    }

    /// `None` when trimming on the broker is off.
    pub fn min_broker_group_trim_size(self) -> Option<usize> {
        trim_size(self.number("minBrokerGroupTrimSize"))
    }

    /// Number of groups from which a server trims.
    pub fn group_trim_threshold(self) -> usize {
        self.size("groupTrimThreshold", 1_000_000)
    }

    pub fn accurate_group_by_without_order_by(self) -> bool {
        self.is_set("accurateGroupByWithoutOrderBy")
    }

    pub fn filtered_aggregations_skip_empty_groups(self) -> bool {
        self.is_set("filteredAggregationsSkipEmptyGroups")
    }

    pub fn max_execution_threads(self) -> Option<usize> {
        self.number("maxExecutionThreads").and_then(|n| usize::try_from(n).ok())
    }

    /// Ours: a cut answer becomes an error.
    pub fn strict_results(self) -> bool {
        self.is_set("strictResults")
    }

    /// `skipIndexes=col=inverted,range&col2=text`: whether `index` of `column` must not be used.
    pub fn skips_index(self, column: &str, index: &str) -> bool {
        self.get("skipIndexes").is_some_and(|text| {
            text.split('&').filter_map(|part| part.split_once('=')).any(|(name, indexes)| {
                name.trim() == column && indexes.split(',').any(|i| i.trim().eq_ignore_ascii_case(index))
            })
        })
    }
}

fn trim_size(option: Option<i64>) -> Option<usize> {
    match option {
        None => Some(5_000),
        Some(n) => usize::try_from(n).ok().filter(|&n| n > 0),
    }
}
