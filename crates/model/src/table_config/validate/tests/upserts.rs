use serde_json::{Value as Json, json};

use super::*;

#[test]
fn upserts() {
    let set = |key: &'static str, value: Json| (key, value);
    let c = |changes: &[(&str, Json)], at: &str, part: &str| {
        check(upsert(), changes, at, part);
        let config = with(upsert(), changes);
        assert!(mistakes(&config).iter().all(|mistake| mistake.about_upsert), "{changes:?}");
    };
    c(&[set("/routing", json!({}))], "/routing/instanceSelectorType", "strict replica-group");
    c(
        &[set("/upsertConfig/comparisonColumns", json!(["tz"]))],
        "/upsertConfig/comparisonColumns/0",
        "does not exist on schema",
    );
    c(
        &[set("/upsertConfig/deleteRecordColumn", json!("flg"))],
        "/upsertConfig/deleteRecordColumn",
        "did you mean 'flag'",
    );
    c(
        &[set("/upsertConfig/deleteRecordColumn", json!("point"))],
        "/upsertConfig/deleteRecordColumn",
        "String / Boolean / Numeric",
    );
    c(&[set("/upsertConfig/outOfOrderRecordColumn", json!("year"))], "/upsertConfig/outOfOrderRecordColumn", "BOOLEAN");
    c(&[set("/upsertConfig/deletedKeysTTL", json!(5))], "/upsertConfig/deletedKeysTTL", "deleteRecordColumn");
    c(
        &[set("/upsertConfig/metadataTTL", json!(5)), set("/upsertConfig/snapshot", json!("DISABLE"))],
        "/upsertConfig/snapshot",
        "snapshot enabled",
    );
    c(
        &[set("/upsertConfig/metadataTTL", json!(5)), set("/upsertConfig/comparisonColumns", json!(["ts", "year"]))],
        "/upsertConfig/metadataTTL",
        "multiple comparison columns",
    );
    c(
        &[set("/upsertConfig/metadataTTL", json!(5)), set("/upsertConfig/comparisonColumns", json!(["town"]))],
        "/upsertConfig/metadataTTL",
        "numeric type",
    );
    c(
        &[set("/upsertConfig/consistencyMode", json!("SYNC")), set("/upsertConfig/dropOutOfOrderRecord", json!(true))],
        "/upsertConfig/dropOutOfOrderRecord",
        "SYNC",
    );
    c(
        &[set("/upsertConfig/enableDeletedKeysCompactionConsistency", json!(true))],
        "/upsertConfig/enableDeletedKeysCompactionConsistency",
        "UpsertCompactionTask",
    );
    c(
        &[set("/tenants/tagOverrideConfig", json!({"realtimeCompleted": "x_OFFLINE"}))],
        "/tenants/tagOverrideConfig",
        "tag override",
    );
    c(
        &[set(
            "/tableIndexConfig/starTreeIndexConfigs",
            json!([{"dimensionsSplitOrder": ["town"], "functionColumnPairs": ["COUNT__*"]}]),
        )],
        "/tableIndexConfig/starTreeIndexConfigs",
        "star-tree",
    );
    c(&[set("/tableIndexConfig/aggregateMetrics", json!(true))], "/tableIndexConfig/aggregateMetrics", "together");
    let partial = set("/upsertConfig/mode", json!("PARTIAL"));
    let nulls = set("/tableIndexConfig/nullHandlingEnabled", json!(true));
    c(std::slice::from_ref(&partial), "/tableIndexConfig/nullHandlingEnabled", "Null handling must be enabled");
    for (column, strategy, part) in [
        ("town", "OVERWRITE", "primary key"),
        ("ts", "OVERWRITE", "time column"),
        ("yeer", "MAX", "did you mean 'year'"),
        ("flag", "APPEND", "single-value"),
        ("doc", "INCREMENT", "non-numeric"),
        ("year", "INCREMNT", "did you mean 'INCREMENT'"),
    ] {
        let at = format!("/upsertConfig/partialUpsertStrategies/{column}");
        let strategies = set("/upsertConfig/partialUpsertStrategies", json!({column: strategy}));
        c(&[partial.clone(), nulls.clone(), strategies], &at, part);
    }
    check(
        offline(),
        &[set("/upsertConfig", json!({"mode": "FULL"}))],
        "/tableIndexConfig/segmentPartitionConfig",
        "segment partition config",
    );
}

#[test]
fn deduplication() {
    check(dedup(), &[("/upsertConfig", json!({}))], "/upsertConfig", "either Upsert or Dedup");
    check(dedup(), &[("/dedupConfig/dedupTimeColumn", json!("tz"))], "/dedupConfig/dedupTimeColumn", "tz");
    let ttl = ("/dedupConfig/metadataTTL", json!(10));
    check(
        dedup(),
        &[ttl.clone(), ("/dedupConfig/dedupTimeColumn", json!("town"))],
        "/dedupConfig/metadataTTL",
        "numeric type",
    );
    let tier = |age: &str| {
        (
            "/tierConfigs",
            json!([{"name": "old", "segmentSelectorType": "time", "segmentAge": age, "storageType": "pinot_server", "serverTag": "x_OFFLINE"}]),
        )
    };
    valid(dedup(), &[ttl.clone(), tier("1h")]);
    check(
        dedup(),
        &[("/dedupConfig/metadataTTL", json!(7_200_000)), tier("1h")],
        "/dedupConfig/metadataTTL",
        "minimum segmentAge",
    );
    let mut config = dedup();
    config["tableType"] = "OFFLINE".into();
    check(config, &[("/ingestionConfig", json!(null))], "/dedupConfig", "not supported for OFFLINE");
}

#[test]
fn changes_that_upserts_do_not_survive() {
    let read = |config: Json| TableConfig::from_json(&config).unwrap();
    let changed = |changes: &[(&str, Json)]| incompatible_changes(&read(upsert()), &read(with(upsert(), changes)));
    assert_eq!(changed(&[("/quota/storage", json!("1G"))]), [""; 0]);
    assert_eq!(changed(&[("/upsertConfig/mode", json!("PARTIAL"))]), ["upsertConfig.mode (FULL -> PARTIAL)"]);
    assert_eq!(
        changed(&[("/upsertConfig/comparisonColumns", json!(["year"]))]),
        ["upsertConfig.comparisonColumns ([] -> [\"year\"])"]
    );
    assert!(changed(&[("/segmentsConfig/timeColumnName", json!("x"))])[0].contains("default comparison column"));
    assert_eq!(incompatible_changes(&read(upsert()), &read(realtime())), [""; 0], "switching off is allowed");
    let later = with(dedup(), &[("/dedupConfig/hashFunction", json!("MD5"))]);
    assert_eq!(incompatible_changes(&read(dedup()), &read(later)), ["dedupConfig.hashFunction (NONE -> MD5)"]);
}
