//! Mistakes by case: what is changed in a valid config, where the mistake is said to be, and a part of the sentence.

mod indexes;
mod ingestion;
mod upserts;

use serde_json::{Value as Json, json};

use super::*;

fn schema() -> Schema {
    Schema::from_json(&json!({
        "schemaName": "t", "primaryKeyColumns": ["town"],
        "dimensionFieldSpecs": [
            {"name": "town", "dataType": "STRING"}, {"name": "year", "dataType": "INT"},
            {"name": "tags", "dataType": "STRING", "singleValueField": false},
            {"name": "flag", "dataType": "BOOLEAN"}, {"name": "doc", "dataType": "JSON"},
            {"name": "point", "dataType": "BYTES"},
            {"name": "vec", "dataType": "FLOAT", "singleValueField": false}
        ],
        "metricFieldSpecs": [{"name": "amount", "dataType": "LONG"}, {"name": "hll", "dataType": "BYTES"}],
        "dateTimeFieldSpecs": [
            {"name": "ts", "dataType": "TIMESTAMP", "format": "TIMESTAMP", "granularity": "1:MILLISECONDS"}
        ],
        "complexFieldSpecs": [{"name": "map", "dataType": "MAP", "childFieldSpecs": {
            "key": {"name": "key", "dataType": "STRING"}, "value": {"name": "value", "dataType": "STRING"}}}]
    }))
    .unwrap()
}

fn offline() -> Json {
    json!({
        "tableName": "t", "tableType": "OFFLINE", "segmentsConfig": {"replication": "2", "timeColumnName": "ts"},
        "tenants": {}, "tableIndexConfig": {}, "metadata": {}
    })
}

fn stream(topic: &str) -> Json {
    json!({"streamType": "kafka", "stream.kafka.topic.name": topic, "stream.kafka.decoder.class.name": "x.JSONMessageDecoder"})
}

fn realtime() -> Json {
    let mut config = offline();
    config["tableType"] = "REALTIME".into();
    config["ingestionConfig"] = json!({"streamIngestionConfig": {"streamConfigMaps": [stream("a")]}});
    config
}

fn upsert() -> Json {
    let mut config = realtime();
    config["routing"] = json!({"instanceSelectorType": "strictReplicaGroup"});
    config["upsertConfig"] = json!({"mode": "FULL"});
    config
}

fn dedup() -> Json {
    let mut config = realtime();
    config["routing"] = json!({"instanceSelectorType": "strictReplicaGroup"});
    config["dedupConfig"] = json!({"dedupEnabled": true});
    config
}

/// Puts values at JSON pointers, making objects on the way.
fn with(mut config: Json, changes: &[(&str, Json)]) -> Json {
    for (pointer, value) in changes {
        let mut at = &mut config;
        for key in pointer.split('/').skip(1) {
            at = match key.parse::<usize>() {
                Ok(place) if at.is_array() => &mut at[place],
                _ => &mut at[key],
            };
        }
        *at = value.clone();
    }
    config
}

fn mistakes(config: &Json) -> Vec<ValidationError> {
    validate_table(&TableConfig::from_json(config).unwrap_or_else(|error| panic!("{config}: {error}")), &schema())
}

/// One of the mistakes is at `at` and says `part`.
fn check(config: Json, changes: &[(&str, Json)], at: &str, part: &str) {
    let config = with(config, changes);
    let found = mistakes(&config);
    let said = found.iter().any(|mistake| mistake.at == at && mistake.to_string().contains(part));
    assert!(said, "{changes:?}\nexpected {at}: {part}\nfound {found:#?}");
}

fn valid(config: Json, changes: &[(&str, Json)]) {
    let config = with(config, changes);
    assert_eq!(mistakes(&config), [], "{changes:?}");
}

#[test]
fn what_is_valid() {
    for config in [offline(), realtime(), upsert(), dedup()] {
        valid(config, &[]);
    }
    valid(offline(), &[("/tableIndexConfig/invertedIndexColumns", json!(["", "town"]))]);
    valid(
        offline(),
        &[
            ("/tableIndexConfig/noDictionaryColumns", json!(["year"])),
            ("/tableIndexConfig/rangeIndexColumns", json!(["year"])),
        ],
    );
    valid(offline(), &[("/fieldConfigList", json!([{"name": "doc", "indexTypes": ["TEXT"]}]))]);
    valid(offline(), &[("/fieldConfigList", json!([{"name": "town", "indexes": {"inverted": {}, "my_plugin": {}}}]))]);
    valid(
        upsert(),
        &[(
            "/upsertConfig",
            json!({"mode": "FULL", "deleteRecordColumn": "flag", "deletedKeysTTL": 10, "metadataTTL": 5}),
        )],
    );
    let two = json!([stream("a"), stream("b")]);
    valid(realtime(), &[("/ingestionConfig/streamIngestionConfig/streamConfigMaps", two)]);
}

#[test]
fn tiers_and_instances() {
    let c = check;
    let tier = |change: (&str, Json)| {
        let mut tier = json!({"name": "old", "segmentSelectorType": "time", "segmentAge": "7d", "storageType": "pinot_server", "serverTag": "x_OFFLINE"});
        tier[change.0] = change.1;
        [("/tierConfigs", json!([tier]))]
    };
    c(offline(), &tier(("name", json!(""))), "/tierConfigs/0/name", "blank");
    c(offline(), &tier(("name", json!("../x"))), "/tierConfigs/0/name", "not allowed");
    c(offline(), &tier(("segmentAge", json!("old"))), "/tierConfigs/0/segmentAge", "valid period");
    c(offline(), &tier(("segmentSelectorType", json!("size"))), "/tierConfigs/0/segmentSelectorType", "Unsupported");
    c(offline(), &tier(("serverTag", json!("x"))), "/tierConfigs/0/serverTag", "server tag format");
    c(offline(), &tier(("storageType", json!("s3"))), "/tierConfigs/0/storageType", "Unsupported storageType");
    let groups = |more: Json| {
        let mut groups = json!({"replicaGroupBased": true, "numReplicaGroups": 2});
        for (key, value) in more.as_object().unwrap() {
            groups[key] = value.clone();
        }
        json!({"tagPoolConfig": {"tag": "x_OFFLINE"}, "replicaGroupPartitionConfig": groups})
    };
    valid(offline(), &[("/instanceAssignmentConfigMap", json!({"OFFLINE": groups(json!({}))}))]);
    c(
        offline(),
        &[("/instanceAssignmentConfigMap", json!({"OFLINE": groups(json!({}))}))],
        "/instanceAssignmentConfigMap/OFLINE",
        "did you mean 'OFFLINE'",
    );
    c(
        offline(),
        &[
            ("/instanceAssignmentConfigMap", json!({"OFFLINE": groups(json!({}))})),
            ("/instancePartitionsMap", json!({"OFFLINE": "x"})),
        ],
        "/instanceAssignmentConfigMap/OFFLINE",
        "Both InstanceAssignmentConfigMap",
    );
    c(
        offline(),
        &[
            ("/instanceAssignmentConfigMap", json!({"OFFLINE": groups(json!({}))})),
            ("/segmentsConfig/replicaGroupStrategyConfig", json!({"numInstancesPerPartition": 1})),
        ],
        "/instanceAssignmentConfigMap/OFFLINE/replicaGroupPartitionConfig",
        "Both replicaGroupStrategyConfig",
    );
    let mut implicit = groups(json!({"numPartitions": 3}));
    implicit["partitionSelector"] = "IMPLICIT_REALTIME_TABLE_PARTITION_SELECTOR".into();
    c(
        realtime(),
        &[("/instanceAssignmentConfigMap", json!({"CONSUMING": implicit}))],
        "/instanceAssignmentConfigMap/CONSUMING/replicaGroupPartitionConfig/numPartitions",
        "explicitly set",
    );
    c(
        upsert(),
        &[("/instanceAssignmentConfigMap", json!({"COMPLETED": groups(json!({}))}))],
        "/instanceAssignmentConfigMap/COMPLETED",
        "upsert / dedup",
    );
}

#[test]
fn replicas_retention_and_quota() {
    let c = check;
    c(
        offline(),
        &[("/segmentsConfig/replication", json!("x"))],
        "/segmentsConfig/replication",
        "For input string: \"x\"",
    );
    c(
        offline(),
        &[("/segmentsConfig/retentionTimeUnit", json!("DAY"))],
        "/segmentsConfig/retentionTimeUnit",
        "did you mean 'DAYS'",
    );
    c(
        offline(),
        &[("/segmentsConfig/untrackedSegmentsRetentionTimeUnit", json!("DAYS"))],
        "/segmentsConfig/untrackedSegmentsRetentionTimeValue",
        "must be specified",
    );
    c(
        offline(),
        &[("/segmentsConfig/peerSegmentDownloadScheme", json!("ftp"))],
        "/segmentsConfig/peerSegmentDownloadScheme",
        "http or https",
    );
    c(
        offline(),
        &[("/segmentsConfig/replication", json!("1")), ("/segmentsConfig/peerSegmentDownloadScheme", json!("http"))],
        "/segmentsConfig/peerSegmentDownloadScheme",
        "replication is < 2",
    );
    c(offline(), &[("/quota/storage", json!("10 cows"))], "/quota/storage", "Invalid 'storage'");
    c(
        offline(),
        &[("/quota/maxQueriesPerSecond", json!("-3"))],
        "/quota/maxQueriesPerSecond",
        "Invalid 'maxQueriesPerSecond'",
    );
    c(
        offline(),
        &[("/isDimTable", json!(true)), ("/ingestionConfig/transformConfigs", json!([]))],
        "/ingestionConfig/batchIngestionConfig",
        "batch ingestion configuration",
    );
    c(realtime(), &[("/isDimTable", json!(true))], "/isDimTable", "OFFLINE table type");
}

#[test]
fn documents_with_a_mistyped_key_or_word() {
    let refused = |changes: &[(&str, Json)], without: &str| {
        let mut config = with(offline(), changes);
        config.as_object_mut().unwrap().remove(without);
        TableConfig::from_json(&config).unwrap_err().to_string()
    };
    assert!(refused(&[("/segmentConfig", json!({}))], "segmentsConfig").contains("rename 'segmentConfig'"));
    assert!(refused(&[("/tableType", json!("OFLINE"))], "").contains("did you mean 'OFFLINE'"));
    assert!(refused(&[("/tableName", json!("a__b"))], "").contains("double underscore"));
    assert!(
        refused(&[("/fieldConfigList", json!([{"name": "town", "indexTypes": ["TXT"]}]))], "")
            .contains("did you mean 'TEXT'")
    );
    let assignment = json!({"OFFLINE": {"tagPoolConfig": {"tag": "x"}}});
    assert!(refused(&[("/instanceAssignmentConfigMap", assignment)], "").contains("replicaGroupPartitionConfig"));
}

#[test]
fn halves_of_a_hybrid_table() {
    let read = |config: Json| TableConfig::from_json(&config).unwrap();
    let pair = |changes: &[(&str, Json)]| validate_hybrid_pair(&read(offline()), &read(with(realtime(), changes)));
    assert_eq!(pair(&[]), []);
    assert!(pair(&[("/segmentsConfig/timeColumnName", json!("x"))])[0].to_string().contains("different for table: t"));
    assert!(pair(&[("/tenants/broker", json!("b"))])[0].to_string().contains("realtime has b"));
    assert!(pair(&[("/segmentsConfig/timeColumnName", json!(null))])[0].message.contains("cannot be null"));
}
