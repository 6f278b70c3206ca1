use serde_json::{Value as Json, json};

use super::*;

#[test]
fn streams_of_realtime_tables() {
    let maps = "/ingestionConfig/streamIngestionConfig/streamConfigMaps";
    let first = format!("{maps}/0");
    let set = |key: &str, value: &str| {
        let mut stream = stream("a");
        stream[key] = value.into();
        [(maps, json!([stream]))]
    };
    let c = check;
    c(realtime(), &[(maps, json!([]))], maps, "at least 1 stream");
    c(realtime(), &[(maps, json!({"streamType": "kafka"}))], maps, "array of objects");
    c(
        realtime(),
        &[("/ingestionConfig", json!(null))],
        "/ingestionConfig/streamIngestionConfig",
        "Cannot find streamConfigs",
    );
    c(realtime(), &[(maps, json!([{"streamTyp": "kafka"}]))], &first, "did you mean 'streamTyp'");
    c(
        realtime(),
        &[(
            maps,
            json!([{"streamType": "kafka", "stream.kafka.topic.nam": "x", "stream.kafka.decoder.class.name": "y"}]),
        )],
        &first,
        "'stream.kafka.topic.name' is missing",
    );
    c(
        realtime(),
        &set("realtime.segment.flush.threshold.time", "soon"),
        &format!("{first}/realtime.segment.flush.threshold.time"),
        "no period",
    );
    c(
        realtime(),
        &set("realtime.segment.flush.threshold.time", "0"),
        &format!("{first}/realtime.segment.flush.threshold.time"),
        "Invalid flush threshold time",
    );
    c(
        realtime(),
        &set("realtime.segment.flush.threshold.rows", "many"),
        &format!("{first}/realtime.segment.flush.threshold.rows"),
        "no whole number",
    );
    c(
        realtime(),
        &set("realtime.segment.flush.threshold.segment.size", "big"),
        &format!("{first}/realtime.segment.flush.threshold.segment.size"),
        "200M",
    );
    c(
        realtime(),
        &set("stream.kafka.consumer.factory.class.name", "no.such.Factory"),
        &format!("{first}/stream.kafka.consumer.factory.class.name"),
        "no.such.Factory",
    );
    c(
        realtime(),
        &set("stream.kafka.decoder.class.name", "org.x.ProtoBufMessageDecoder"),
        &format!("{first}/stream.kafka.decoder.prop.descriptorFile"),
        "Missing property",
    );
    let mut both = stream("a");
    both["realtime.segment.flush.threshold.rows"] = "100".into();
    both["realtime.segment.flush.threshold.segment.size"] = "10M".into();
    c(
        realtime(),
        &[(maps, json!([both]))],
        &format!("{first}/realtime.segment.flush.threshold.segment.size"),
        "Only 1 of flush threshold",
    );
    c(realtime(), &[(maps, json!([stream("a"), stream("a")]))], &format!("{maps}/1"), "Duplicate topic names");
    let mut other = stream("b");
    other["realtime.segment.flush.threshold.time"] = "1h".into();
    c(realtime(), &[(maps, json!([stream("a"), other]))], &format!("{maps}/1"), "must be consistent");
    c(upsert(), &[(maps, json!([stream("a"), stream("b")]))], maps, "not supported for upsert");
    c(
        realtime(),
        &[("/ingestionConfig/streamIngestionConfig/pauselessConsumptionEnabled", json!(true))],
        "/segmentsConfig/peerSegmentDownloadScheme",
        "pauseless",
    );
    valid(
        realtime(),
        &[
            ("/ingestionConfig/streamIngestionConfig/pauselessConsumptionEnabled", json!(true)),
            ("/segmentsConfig/peerSegmentDownloadScheme", json!("http")),
        ],
    );
}

#[test]
fn ingestion_rules() {
    let c = check;
    let transform = |column: &str| {
        ("/ingestionConfig/transformConfigs", json!([{"columnName": column, "transformFunction": "lower(x)"}]))
    };
    c(offline(), &[transform("twon")], "/ingestionConfig/transformConfigs/0/columnName", "did you mean 'town'");
    c(
        offline(),
        &[("/ingestionConfig/transformConfigs", json!([{"columnName": "town"}]))],
        "/ingestionConfig/transformConfigs/0",
        "cannot be null",
    );
    let twice = json!([{"columnName": "town", "transformFunction": "lower(x)"}, {"columnName": "town", "transformFunction": "upper(x)"}]);
    c(
        offline(),
        &[("/ingestionConfig/transformConfigs", twice)],
        "/ingestionConfig/transformConfigs/1/columnName",
        "Duplicate",
    );
    c(
        offline(),
        &[("/ingestionConfig/enrichmentConfigs", json!([{"enricherType": "generateColum"}]))],
        "/ingestionConfig/enrichmentConfigs/0/enricherType",
        "did you mean 'generateColumn'",
    );
    c(
        offline(),
        &[("/ingestionConfig/complexTypeConfig/prefixesToRename", json!({"to": ""}))],
        "/ingestionConfig/complexTypeConfig/prefixesToRename/to",
        "Name conflict",
    );
    c(
        offline(),
        &[("/ingestionConfig/batchIngestionConfig", json!({"segmentIngestionType": "REPLACE"}))],
        "/ingestionConfig/batchIngestionConfig/segmentIngestionType",
        "invalid push type",
    );
    c(
        offline(),
        &[("/ingestionConfig/batchIngestionConfig", json!({"batchConfigMaps": [{"inputFormat": "cvs"}]}))],
        "/ingestionConfig/batchIngestionConfig/batchConfigMaps/0/inputFormat",
        "did you mean 'csv'",
    );
    let aggregate = |list: Json| {
        [
            ("/ingestionConfig/aggregationConfigs", list),
            ("/tableIndexConfig/noDictionaryColumns", json!(["amount", "hll"])),
        ]
    };
    let hll = json!({"columnName": "hll", "aggregationFunction": "distinctCountHLL(town, 12)"});
    valid(realtime(), &aggregate(json!([{"columnName": "amount", "aggregationFunction": "sum(price)"}, hll])));
    c(realtime(), &aggregate(json!([hll])), "/ingestionConfig/aggregationConfigs", "missing are amount");
    c(
        realtime(),
        &aggregate(json!([{"columnName": "town", "aggregationFunction": "sum(x)"}])),
        "/ingestionConfig/aggregationConfigs/0/columnName",
        "metric column",
    );
    c(
        realtime(),
        &aggregate(json!([{"columnName": "amount", "aggregationFunction": "distinctCountHLL(x)"}])),
        "/ingestionConfig/aggregationConfigs/0/aggregationFunction",
        "must be BYTES",
    );
    c(
        realtime(),
        &aggregate(json!([{"columnName": "amount", "aggregationFunction": "summ(x)"}])),
        "/ingestionConfig/aggregationConfigs/0/aggregationFunction",
        "did you mean 'SUM'",
    );
    c(
        realtime(),
        &aggregate(json!([{"columnName": "amount", "aggregationFunction": "sum(x, 1)"}])),
        "/ingestionConfig/aggregationConfigs/0/aggregationFunction",
        "takes 1 arguments",
    );
    c(
        realtime(),
        &aggregate(json!([{"columnName": "amount", "aggregationFunction": "price"}])),
        "/ingestionConfig/aggregationConfigs/0/aggregationFunction",
        "Invalid aggregation function",
    );
    c(
        realtime(),
        &[("/ingestionConfig/aggregationConfigs", json!([hll]))],
        "/ingestionConfig/aggregationConfigs/0/columnName",
        "no-dictionary",
    );
}
