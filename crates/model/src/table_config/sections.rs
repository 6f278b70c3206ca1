//! The known keys of a table config, section by section.

use super::shape::{Default, Kind, Section, key, key_or};

use Default::{EmptyList, EmptyObject, False, Float, Int, Required, Text, True};

const CODECS: &[&str] = &[
    "PASS_THROUGH",
    "SNAPPY",
    "ZSTANDARD",
    "LZ4",
    "GZIP",
    "MV_ENTRY_DICT",
    "CLP",
    "CLPV2",
    "CLPV2_ZSTD",
    "CLPV2_LZ4",
    "DELTA",
    "DELTADELTA",
];

pub(super) const FIELD_INDEX_TYPES: &[&str] =
    &["INVERTED", "SORTED", "TEXT", "FST", "IFST", "H3", "JSON", "TIMESTAMP", "VECTOR", "RANGE"];

const HASH_FUNCTIONS: &[&str] = &["NONE", "MD5", "MURMUR3", "UUID", "XXHASH", "XXH128"];
const PARTITION_SELECTORS: &[&str] = &[
    "INSTANCE_REPLICA_GROUP_PARTITION_SELECTOR",
    "FD_AWARE_INSTANCE_PARTITION_SELECTOR",
    "MIRROR_SERVER_SET_PARTITION_SELECTOR",
    "IMPLICIT_REALTIME_TABLE_PARTITION_SELECTOR",
];
const SWITCH: &[&str] = &["ENABLE", "DISABLE", "DEFAULT"];

pub(super) const TABLE: Section = Section {
    keys: &[
        key_or("tableName", Kind::Text, Required),
        key_or("tableType", Kind::Enum(&["OFFLINE", "REALTIME"]), Required),
        key_or("segmentsConfig", Kind::Object(&SEGMENTS), Required),
        key_or("tenants", Kind::Object(&TENANTS), Required),
        key_or("tableIndexConfig", Kind::Object(&INDEXING), Required),
        key_or("metadata", Kind::Object(&METADATA), EmptyObject),
        key("quota", Kind::Object(&QUOTA)),
        key("task", Kind::Object(&TASK)),
        key("routing", Kind::Object(&ROUTING)),
        key("query", Kind::Object(&QUERY)),
        key("instanceAssignmentConfigMap", Kind::MapOf(&INSTANCE_ASSIGNMENT)),
        key("instancePartitionsMap", Kind::TextMap),
        key("segmentAssignmentConfigMap", Kind::MapOf(&SEGMENT_ASSIGNMENT)),
        key("fieldConfigList", Kind::List(&FIELD)),
        key("upsertConfig", Kind::Object(&UPSERT)),
        key("dedupConfig", Kind::Object(&DEDUP)),
        key("dimensionTableConfig", Kind::Object(&DIMENSION_TABLE)),
        key("ingestionConfig", Kind::Object(&INGESTION)),
        key("tierConfigs", Kind::List(&TIER)),
        key_or("isDimTable", Kind::Bool, False),
        key("tunerConfigs", Kind::List(&TUNER)),
        key("tierOverwrites", Kind::Any),
        key("tableSamplers", Kind::List(&SAMPLER)),
    ],
};

const SEGMENTS: Section = Section {
    keys: &[
        key("replication", Kind::Text),
        key("replicasPerPartition", Kind::Text),
        key("retentionTimeUnit", Kind::Text),
        key("retentionTimeValue", Kind::Text),
        key("deletedSegmentsRetentionPeriod", Kind::Text),
        key("segmentPushFrequency", Kind::Text),
        key("segmentPushType", Kind::Text),
        key("segmentAssignmentStrategy", Kind::Text),
        key("timeColumnName", Kind::Text),
        key("timeType", Kind::Text),
        key("replicaGroupStrategyConfig", Kind::Object(&REPLICA_GROUP_STRATEGY)),
        key("completionConfig", Kind::Object(&COMPLETION)),
        key("crypterClassName", Kind::Text),
        key("peerSegmentDownloadScheme", Kind::Text),
        key("untrackedSegmentsDeletionBatchSize", Kind::Text),
        key("untrackedSegmentsRetentionTimeUnit", Kind::Text),
        key("untrackedSegmentsRetentionTimeValue", Kind::Text),
        key_or("minimizeDataMovement", Kind::Bool, False),
    ],
};

const REPLICA_GROUP_STRATEGY: Section =
    Section { keys: &[key("partitionColumn", Kind::Text), key("numInstancesPerPartition", Kind::Int)] };

const COMPLETION: Section = Section { keys: &[key("completionMode", Kind::Enum(&["DEFAULT", "DOWNLOAD"]))] };

const TENANTS: Section = Section {
    keys: &[
        key("broker", Kind::Text),
        key("server", Kind::Text),
        key("tagOverrideConfig", Kind::Object(&TAG_OVERRIDE)),
    ],
};

const TAG_OVERRIDE: Section =
    Section { keys: &[key("realtimeConsuming", Kind::Text), key("realtimeCompleted", Kind::Text)] };

const METADATA: Section = Section { keys: &[key("customConfigs", Kind::TextMap)] };
const QUOTA: Section = Section { keys: &[key("storage", Kind::Text), key("maxQueriesPerSecond", Kind::Text)] };
const TASK: Section = Section { keys: &[key("taskTypeConfigsMap", Kind::Any)] };

const ROUTING: Section = Section {
    keys: &[
        key("routingTableBuilderName", Kind::Text),
        key("segmentPrunerTypes", Kind::TextList),
        key("instanceSelectorType", Kind::Text),
        key("useFixedReplica", Kind::Bool),
    ],
};

const QUERY: Section = Section {
    keys: &[
        key("timeoutMs", Kind::Int),
        key("disableGroovy", Kind::Bool),
        key("useApproximateFunction", Kind::Bool),
        key("expressionOverrideMap", Kind::TextMap),
        key("maxQueryResponseSizeBytes", Kind::Int),
        key("maxServerResponseSizeBytes", Kind::Int),
    ],
};

const INSTANCE_ASSIGNMENT: Section = Section {
    keys: &[
        key_or("tagPoolConfig", Kind::Object(&TAG_POOL), Required),
        key("constraintConfig", Kind::Any),
        key_or("replicaGroupPartitionConfig", Kind::Object(&REPLICA_GROUP_PARTITION), Required),
        key_or("partitionSelector", Kind::Enum(PARTITION_SELECTORS), Text("INSTANCE_REPLICA_GROUP_PARTITION_SELECTOR")),
        key_or("minimizeDataMovement", Kind::Bool, False),
    ],
};

const TAG_POOL: Section = Section {
    keys: &[
        key_or("tag", Kind::Text, Required),
        key_or("poolBased", Kind::Bool, False),
        key_or("numPools", Kind::Int, Int(0)),
        key("pools", Kind::Any),
    ],
};

const REPLICA_GROUP_PARTITION: Section = Section {
    keys: &[
        key_or("replicaGroupBased", Kind::Bool, False),
        key_or("numInstances", Kind::Int, Int(0)),
        key_or("numReplicaGroups", Kind::Int, Int(0)),
        key_or("numInstancesPerReplicaGroup", Kind::Int, Int(0)),
        key_or("numPartitions", Kind::Int, Int(0)),
        key_or("numInstancesPerPartition", Kind::Int, Int(0)),
        key_or("minimizeDataMovement", Kind::Bool, False),
        key("partitionColumn", Kind::Text),
    ],
};

const SEGMENT_ASSIGNMENT: Section = Section { keys: &[key("assignmentStrategy", Kind::Text)] };

const INDEXING: Section = Section {
    keys: &[
        key_or("enableDefaultStarTree", Kind::Bool, False),
        key("starTreeIndexConfigs", Kind::List(&STAR_TREE)),
        key_or("aggregateMetrics", Kind::Bool, False),
        key("segmentPartitionConfig", Kind::Object(&PARTITIONS)),
        key("invertedIndexColumns", Kind::TextList),
        key("streamConfigs", Kind::TextMap),
        key_or("nullHandlingEnabled", Kind::Bool, False),
        key("sortedColumn", Kind::TextList),
        key("bloomFilterColumns", Kind::TextList),
        key("bloomFilterConfigs", Kind::MapOf(&BLOOM)),
        key("rangeIndexColumns", Kind::TextList),
        key_or("rangeIndexVersion", Kind::Int, Int(2)),
        key("jsonIndexColumns", Kind::TextList),
        key("jsonIndexConfigs", Kind::Any),
        key("multiColumnTextIndexConfig", Kind::Any),
        key_or("autoGeneratedInvertedIndex", Kind::Bool, False),
        key_or("createInvertedIndexDuringSegmentGeneration", Kind::Bool, False),
        key("loadMode", Kind::Text),
        key("columnMinMaxValueGeneratorMode", Kind::Text),
        key("noDictionaryColumns", Kind::TextList),
        key("noDictionaryConfig", Kind::TextMap),
        key("onHeapDictionaryColumns", Kind::TextList),
        key("varLengthDictionaryColumns", Kind::TextList),
        key("segmentFormatVersion", Kind::Text),
        key("segmentNameGeneratorType", Kind::Text),
        key("fstIndexType", Kind::Text),
        key_or("enableDynamicStarTreeCreation", Kind::Bool, False),
        key_or("columnMajorSegmentBuilderEnabled", Kind::Bool, True),
        key_or("skipSegmentPreprocess", Kind::Bool, False),
        key_or("optimizeNoDictStatsCollection", Kind::Bool, False),
        key_or("optimizeDictionary", Kind::Bool, False),
        key_or("optimizeDictionaryForMetrics", Kind::Bool, False),
        key_or("optimizeDictionaryType", Kind::Bool, False),
        key_or("noDictionarySizeRatioThreshold", Kind::Float, Float(0.85)),
        key("noDictionaryCardinalityRatioThreshold", Kind::Float),
        key("tierOverwrites", Kind::Any),
    ],
};

const STAR_TREE: Section = Section {
    keys: &[
        key("dimensionsSplitOrder", Kind::TextList),
        key("skipStarNodeCreationForDimensions", Kind::TextList),
        key("functionColumnPairs", Kind::TextList),
        key("aggregationConfigs", Kind::List(&STAR_TREE_AGGREGATION)),
        key_or("maxLeafRecords", Kind::Int, Int(0)),
    ],
};

const STAR_TREE_AGGREGATION: Section = Section {
    keys: &[
        key("columnName", Kind::Text),
        key("aggregationFunction", Kind::Text),
        key("functionParameters", Kind::Any),
        key("compressionCodec", Kind::Enum(CODECS)),
        key("deriveNumDocsPerChunk", Kind::Bool),
        key("indexVersion", Kind::Int),
        key("targetMaxChunkSize", Kind::Text),
        key("targetDocsPerChunk", Kind::Int),
    ],
};

const PARTITIONS: Section = Section { keys: &[key("columnPartitionMap", Kind::MapOf(&COLUMN_PARTITION))] };

const COLUMN_PARTITION: Section = Section {
    keys: &[
        key_or("functionName", Kind::Text, Required),
        key_or("numPartitions", Kind::Int, Required),
        key("functionConfig", Kind::TextMap),
    ],
};

pub(super) const BLOOM: Section = Section {
    keys: &[
        key_or("fpp", Kind::Float, Float(0.05)),
        key_or("maxSizeInBytes", Kind::Int, Int(0)),
        key_or("loadOnHeap", Kind::Bool, False),
        key("disabled", Kind::Bool),
    ],
};

const FIELD: Section = Section {
    keys: &[
        key_or("name", Kind::Text, Required),
        key_or("encodingType", Kind::Enum(&["DICTIONARY", "RAW"]), Text("DICTIONARY")),
        key("indexType", Kind::Enum(FIELD_INDEX_TYPES)),
        key_or("indexTypes", Kind::TextList, EmptyList),
        key("indexes", Kind::Any),
        key("compressionCodec", Kind::Enum(CODECS)),
        key("timestampConfig", Kind::Object(&TIMESTAMP)),
        key("properties", Kind::TextMap),
        key("tierOverwrites", Kind::Any),
    ],
};

const TIMESTAMP: Section = Section { keys: &[key("granularities", Kind::TextList)] };

const UPSERT: Section = Section {
    keys: &[
        key_or("mode", Kind::Enum(&["FULL", "PARTIAL", "NONE"]), Text("FULL")),
        key_or("hashFunction", Kind::Enum(HASH_FUNCTIONS), Text("NONE")),
        key("partialUpsertStrategies", Kind::TextMap),
        key_or("defaultPartialUpsertStrategy", Kind::Text, Text("OVERWRITE")),
        key("partialUpsertMergerClass", Kind::Text),
        key("comparisonColumn", Kind::Text),
        key("comparisonColumns", Kind::TextList),
        key("deleteRecordColumn", Kind::Text),
        key("outOfOrderRecordColumn", Kind::Text),
        key_or("dropOutOfOrderRecord", Kind::Bool, False),
        key_or("metadataTTL", Kind::Float, Float(0.0)),
        key_or("deletedKeysTTL", Kind::Float, Float(0.0)),
        key_or("snapshot", Kind::Enum(SWITCH), Text("DEFAULT")),
        key("enableSnapshot", Kind::Bool),
        key_or("preload", Kind::Enum(SWITCH), Text("DEFAULT")),
        key("enablePreload", Kind::Bool),
        key_or("enableDeletedKeysCompactionConsistency", Kind::Bool, False),
        key_or("enableCommitTimeCompaction", Kind::Bool, False),
        key_or("consistencyMode", Kind::Enum(&["NONE", "SYNC", "SNAPSHOT"]), Text("NONE")),
        key_or("upsertViewRefreshIntervalMs", Kind::Int, Int(3000)),
        key_or("newSegmentTrackingTimeMs", Kind::Int, Int(10_000)),
        key("metadataManagerClass", Kind::Text),
        key("metadataManagerConfigs", Kind::TextMap),
        key("allowPartialUpsertConsumptionDuringCommit", Kind::Bool),
    ],
};

const DEDUP: Section = Section {
    keys: &[
        key_or("dedupEnabled", Kind::Bool, True),
        key_or("hashFunction", Kind::Enum(HASH_FUNCTIONS), Text("NONE")),
        key_or("metadataTTL", Kind::Float, Float(0.0)),
        key("dedupTimeColumn", Kind::Text),
        key_or("preload", Kind::Enum(SWITCH), Text("DEFAULT")),
        key("enablePreload", Kind::Bool),
        key_or("ignoreNonDefaultTiers", Kind::Enum(SWITCH), Text("DEFAULT")),
        key("metadataManagerClass", Kind::Text),
        key("metadataManagerConfigs", Kind::TextMap),
        key("allowDedupConsumptionDuringCommit", Kind::Bool),
    ],
};

const DIMENSION_TABLE: Section = Section {
    keys: &[key_or("disablePreload", Kind::Bool, False), key_or("errorOnDuplicatePrimaryKey", Kind::Bool, False)],
};

const INGESTION: Section = Section {
    keys: &[
        key("batchIngestionConfig", Kind::Object(&BATCH)),
        key("streamIngestionConfig", Kind::Object(&STREAM)),
        key("filterConfig", Kind::Object(&FILTER)),
        key("enrichmentConfigs", Kind::List(&ENRICHMENT)),
        key("transformConfigs", Kind::List(&TRANSFORM)),
        key("complexTypeConfig", Kind::Object(&COMPLEX)),
        key("schemaConformingTransformerConfig", Kind::Any),
        key("aggregationConfigs", Kind::List(&AGGREGATION)),
        key_or("segmentTimeValueCheck", Kind::Bool, True),
        key_or("continueOnError", Kind::Bool, False),
        key_or("retryOnSegmentBuildPrecheckFailure", Kind::Bool, False),
        key_or("rowTimeValueCheck", Kind::Bool, False),
        key_or("ingestionExceptionLogRateLimitPerMin", Kind::Int, Int(5)),
        key_or("maxConsecutiveRecordFetchFailuresAllowed", Kind::Int, Int(0)),
    ],
};

const BATCH: Section = Section {
    keys: &[
        key("batchConfigMaps", Kind::Any),
        key("segmentIngestionType", Kind::Text),
        key("segmentIngestionFrequency", Kind::Text),
        key_or("consistentDataPush", Kind::Bool, False),
    ],
};

const STREAM: Section = Section {
    keys: &[
        key("streamConfigMaps", Kind::Any),
        key_or("disasterRecoveryMode", Kind::Enum(&["DEFAULT", "ALWAYS"]), Text("DEFAULT")),
        key_or("pauselessConsumptionEnabled", Kind::Bool, False),
        key_or("columnMajorSegmentBuilderEnabled", Kind::Bool, True),
        key_or("trackFilteredMessageOffsets", Kind::Bool, False),
        key_or("enforceConsumptionInOrder", Kind::Bool, False),
        key_or("useIdealStateToCalculatePreviousSegment", Kind::Bool, False),
        key(
            "parallelSegmentConsumptionPolicy",
            Kind::Enum(&["ALLOW_ALWAYS", "ALLOW_DURING_BUILD_ONLY", "ALLOW_DURING_DOWNLOAD_ONLY", "DISALLOW_ALWAYS"]),
        ),
        key("realtimeOffsetAutoResetHandlerClass", Kind::Text),
    ],
};

const FILTER: Section = Section { keys: &[key("filterFunction", Kind::Text)] };

const ENRICHMENT: Section = Section {
    keys: &[
        key_or("enricherType", Kind::Text, Required),
        key("properties", Kind::Any),
        key_or("preComplexTypeTransform", Kind::Bool, False),
    ],
};

const TRANSFORM: Section = Section { keys: &[key("columnName", Kind::Text), key("transformFunction", Kind::Text)] };

const COMPLEX: Section = Section {
    keys: &[
        key("fieldsToUnnest", Kind::TextList),
        key("delimiter", Kind::Text),
        key("collectionNotUnnestedToJson", Kind::Enum(&["NONE", "NON_PRIMITIVE", "ALL"])),
        key("prefixesToRename", Kind::TextMap),
    ],
};

const AGGREGATION: Section = Section { keys: &[key("columnName", Kind::Text), key("aggregationFunction", Kind::Text)] };

const TIER: Section = Section {
    keys: &[
        key_or("name", Kind::Text, Required),
        key_or("segmentSelectorType", Kind::Text, Required),
        key("segmentAge", Kind::Text),
        key("segmentList", Kind::TextList),
        key_or("storageType", Kind::Text, Required),
        key("serverTag", Kind::Text),
        key("tierBackend", Kind::Text),
        key("tierBackendProperties", Kind::TextMap),
    ],
};

const TUNER: Section = Section { keys: &[key("name", Kind::Text), key("tunerProperties", Kind::TextMap)] };

const SAMPLER: Section =
    Section { keys: &[key("name", Kind::Text), key("type", Kind::Text), key("properties", Kind::TextMap)] };
