use serde_json::{Value as Json, json};

use super::*;

#[test]
fn columns_that_are_not_there() {
    let c = check;
    c(
        offline(),
        &[("/tableIndexConfig/invertedIndexColumns", json!(["town", "twon"]))],
        "/tableIndexConfig/invertedIndexColumns/1",
        "did you mean 'town'",
    );
    c(
        offline(),
        &[("/tableIndexConfig/rangeIndexColumns", json!(["YEAR"]))],
        "/tableIndexConfig/rangeIndexColumns/0",
        "the schema has 'year'",
    );
    c(
        offline(),
        &[("/tableIndexConfig/sortedColumn", json!(["zzz"]))],
        "/tableIndexConfig/sortedColumn/0",
        "Failed to find sorted column: zzz",
    );
    c(
        offline(),
        &[("/tableIndexConfig/jsonIndexConfigs", json!({"a/b": {}}))],
        "/tableIndexConfig/jsonIndexConfigs/a~1b",
        "a/b",
    );
    c(
        offline(),
        &[("/fieldConfigList", json!([{"name": "amunt"}]))],
        "/fieldConfigList/0/name",
        "did you mean 'amount'",
    );
    c(
        offline(),
        &[("/segmentsConfig/timeColumnName", json!("tss"))],
        "/segmentsConfig/timeColumnName",
        "did you mean 'ts'",
    );
    c(
        offline(),
        &[("/segmentsConfig/timeColumnName", json!("town"))],
        "/segmentsConfig/timeColumnName",
        "Cannot find valid fieldSpec",
    );
    c(
        offline(),
        &[(
            "/tableIndexConfig/segmentPartitionConfig/columnPartitionMap",
            json!({"twn": {"functionName": "Murmor", "numPartitions": 4}}),
        )],
        "/tableIndexConfig/segmentPartitionConfig/columnPartitionMap/twn/functionName",
        "did you mean 'Murmur'",
    );
}

#[test]
fn indexes_that_do_not_fit() {
    let c = check;
    let field = |config: Json| [("/fieldConfigList", json!([config]))];
    c(
        offline(),
        &[("/tableIndexConfig/sortedColumn", json!(["tags"]))],
        "/tableIndexConfig/sortedColumn/0",
        "multi-value",
    );
    c(
        offline(),
        &[("/tableIndexConfig/bloomFilterColumns", json!(["town", "flag"]))],
        "/tableIndexConfig/bloomFilterColumns/1",
        "BOOLEAN",
    );
    c(
        offline(),
        &[("/tableIndexConfig/invertedIndexColumns", json!(["map"]))],
        "/tableIndexConfig/invertedIndexColumns/0",
        "MAP",
    );
    c(
        offline(),
        &[("/tableIndexConfig/jsonIndexColumns", json!(["year"]))],
        "/tableIndexConfig/jsonIndexColumns/0",
        "STRING or MAP",
    );
    c(
        offline(),
        &[
            ("/tableIndexConfig/rangeIndexColumns", json!(["town"])),
            ("/tableIndexConfig/noDictionaryColumns", json!(["town"])),
        ],
        "/tableIndexConfig/rangeIndexColumns/0",
        "without dictionary",
    );
    c(
        offline(),
        &[("/tableIndexConfig/varLengthDictionaryColumns", json!(["year"]))],
        "/tableIndexConfig/varLengthDictionaryColumns/0",
        "fixed-width",
    );
    c(
        offline(),
        &field(json!({"name": "year", "indexTypes": ["RANGE", "TEXT"]})),
        "/fieldConfigList/0/indexTypes/1",
        "TEXT index",
    );
    c(
        offline(),
        &field(json!({"name": "town", "encodingType": "RAW", "indexTypes": ["FST"]})),
        "/fieldConfigList/0/indexTypes/0",
        "without dictionary",
    );
    c(offline(), &field(json!({"name": "town", "indexTypes": ["H3"]})), "/fieldConfigList/0/indexTypes/0", "BYTES");
    c(
        offline(),
        &field(json!({"name": "year", "indexes": {"vector": {}}})),
        "/fieldConfigList/0/indexes/vector",
        "single-value",
    );
    c(
        offline(),
        &field(json!({"name": "vec", "indexTypes": ["VECTOR"], "properties": {"vectorIndexType": "IVF"}})),
        "/fieldConfigList/0/indexTypes/0",
        "IVF",
    );
    c(
        offline(),
        &field(json!({"name": "year", "timestampConfig": {"granularities": ["DAY"]}})),
        "/fieldConfigList/0",
        "other than LONG",
    );
    c(
        offline(),
        &field(json!({"name": "ts", "indexTypes": ["TIMESTAMP"], "timestampConfig": {"granularities": ["DAI"]}})),
        "/fieldConfigList/0/indexTypes/0",
        "did you mean 'DAY'",
    );
    c(
        offline(),
        &field(json!({"name": "town", "compressionCodec": "LZ4"})),
        "/fieldConfigList/0/compressionCodec",
        "raw columns",
    );
    c(
        offline(),
        &field(json!({"name": "town", "encodingType": "RAW", "compressionCodec": "DELTA"})),
        "/fieldConfigList/0/compressionCodec",
        "INT or LONG",
    );
    c(
        offline(),
        &field(json!({"name": "year", "encodingType": "RAW", "compressionCodec": "CLP"})),
        "/fieldConfigList/0/compressionCodec",
        "STRING",
    );
    c(
        realtime(),
        &field(json!({"name": "town", "properties": {"forwardIndexDisabled": "true"}})),
        "/fieldConfigList/0",
        "REALTIME",
    );
}

#[test]
fn configs_that_contradict_themselves() {
    let c = check;
    let field = |config: Json| ("/fieldConfigList", json!([config]));
    let raw = ("/tableIndexConfig/noDictionaryColumns", json!(["town"]));
    c(
        offline(),
        &[raw.clone(), field(json!({"name": "town"}))],
        "/fieldConfigList/0/encodingType",
        "different from indexingConfig",
    );
    c(
        offline(),
        &[raw, field(json!({"name": "town", "encodingType": "RAW", "indexes": {"dictionary": {}}}))],
        "/fieldConfigList/0/indexes/dictionary",
        "declared twice",
    );
    c(
        offline(),
        &[
            ("/tableIndexConfig/invertedIndexColumns", json!(["town"])),
            field(json!({"name": "town", "indexes": {"inverted": {}}})),
        ],
        "/fieldConfigList/0/indexes/inverted",
        "tableIndexConfig.invertedIndexColumns",
    );
    c(
        offline(),
        &[field(json!({"name": "town", "indexTypes": ["FST"], "indexes": {"fst": {}}}))],
        "/fieldConfigList/0/indexes/fst",
        "declared twice",
    );
    c(
        offline(),
        &[field(json!({"name": "town", "indexes": {"invreted": {}}}))],
        "/fieldConfigList/0/indexes/invreted",
        "did you mean 'inverted'",
    );
    c(
        offline(),
        &[("/fieldConfigList", json!([{"name": "town"}, {"name": "town"}]))],
        "/fieldConfigList/1/name",
        "Duplicate",
    );
    c(
        realtime(),
        &[("/tableIndexConfig/streamConfigs", stream("b"))],
        "/tableIndexConfig/streamConfigs",
        "Should not use",
    );
    c(
        offline(),
        &[(
            "/tableIndexConfig/multiColumnTextIndexConfig",
            json!({"columns": ["town", "town"], "perColumnProperties": {"doc": {}}}),
        )],
        "/tableIndexConfig/multiColumnTextIndexConfig/columns/1",
        "duplicate",
    );
    c(
        offline(),
        &[("/tableIndexConfig/multiColumnTextIndexConfig", json!({"columns": []}))],
        "/tableIndexConfig/multiColumnTextIndexConfig/columns",
        "empty",
    );
    c(offline(), &[("/tableSamplers", json!([{"name": "a"}, {"name": " a "}]))], "/tableSamplers/1/name", "Duplicate");
    c(offline(), &[("/tableIndexConfig/loadMode", json!("MAP"))], "/tableIndexConfig/loadMode", "did you mean 'MMAP'");
}

#[test]
fn star_trees() {
    let tree = |json: Json| [("/tableIndexConfig/starTreeIndexConfigs", json!([json]))];
    let at = "/tableIndexConfig/starTreeIndexConfigs/0";
    let c = |json: Json, below: &str, part: &str| check(offline(), &tree(json), &format!("{at}{below}"), part);
    c(
        json!({"dimensionsSplitOrder": ["twn"], "functionColumnPairs": ["COUNT__*"]}),
        "/dimensionsSplitOrder/0",
        "did you mean 'town'",
    );
    c(
        json!({"dimensionsSplitOrder": ["tags"], "functionColumnPairs": ["COUNT__*"]}),
        "/dimensionsSplitOrder/0",
        "single-value",
    );
    c(json!({"dimensionsSplitOrder": ["map"], "functionColumnPairs": ["COUNT__*"]}), "/dimensionsSplitOrder/0", "MAP");
    c(json!({"dimensionsSplitOrder": ["town"]}), "", "Either");
    c(
        json!({"dimensionsSplitOrder": ["town"], "functionColumnPairs": ["SUM"]}),
        "/functionColumnPairs/0",
        "in the form",
    );
    c(
        json!({"dimensionsSplitOrder": ["town"], "functionColumnPairs": ["SUMM__amount"]}),
        "/functionColumnPairs/0",
        "did you mean 'SUM'",
    );
    c(
        json!({"dimensionsSplitOrder": ["town"], "functionColumnPairs": ["SUM__*"]}),
        "/functionColumnPairs/0",
        "Non-COUNT",
    );
    c(
        json!({"dimensionsSplitOrder": ["town"], "functionColumnPairs": ["SUM__amount", "sum__amount"]}),
        "/functionColumnPairs/1",
        "Duplicate",
    );
    c(
        json!({"dimensionsSplitOrder": ["town"], "functionColumnPairs": ["SUM__amout"]}),
        "/functionColumnPairs/0",
        "did you mean 'amount'",
    );
    c(
        json!({"dimensionsSplitOrder": ["town"], "skipStarNodeCreationForDimensions": ["year"], "functionColumnPairs": ["COUNT__*"]}),
        "/skipStarNodeCreationForDimensions/0",
        "not in the split order",
    );
    valid(
        offline(),
        &tree(json!({"dimensionsSplitOrder": ["town", "year"], "skipStarNodeCreationForDimensions": ["year"],
        "aggregationConfigs": [{"columnName": "amount", "aggregationFunction": "SUM"}, {"aggregationFunction": "COUNT"}]})),
    );
}
