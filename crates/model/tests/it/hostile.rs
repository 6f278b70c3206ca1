//! No text and no document makes the readers panic, and what they accept survives writing.

use model::{
    DataType, DateTimeFormat, Granularity, InstanceId, LlcSegmentName, RawTableName, Schema, SegmentName, TableConfig,
    TableNameWithType, TenantName, TimeZone, Value,
    date_time::{Pattern, format_timestamp, parse_timestamp},
    order, parse_period, parse_value, render, validate_table,
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const TYPES: [DataType; 11] = [
    DataType::Int,
    DataType::Long,
    DataType::Float,
    DataType::Double,
    DataType::BigDecimal,
    DataType::Boolean,
    DataType::Timestamp,
    DataType::String,
    DataType::Json,
    DataType::Bytes,
    DataType::Map,
];

/// Texts near to what the readers expect, and far from it.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,40}",
        "[-+0-9.eE:TZ/ ]{0,30}",
        "[yYMdDHhKkmsSazZExwGCQ'|:. -]{0,24}",
        "(EPOCH|SIMPLE_DATE_FORMAT|TIMESTAMP|[0-9]{1,12})[|:](DAYS|yyyy-MM-dd|[a-zA-Z]{0,6})[|:].{0,12}",
        "[0-9]{1,20}(d|h|ms|PT|é)?",
        "(Server|Broker|x)_.{0,20}_[0-9]{0,7}",
    ]
}

fn documents() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        texts().prop_map(Json::from),
        Just(json!("INT")),
        Just(json!("LONG")),
        Just(json!("OFFLINE")),
        Just(json!("t")),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::hash_map(keys(), inner, 0..6).prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

fn keys() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "schemaName",
        "dimensionFieldSpecs",
        "metricFieldSpecs",
        "dateTimeFieldSpecs",
        "complexFieldSpecs",
        "timeFieldSpec",
        "incomingGranularitySpec",
        "timeType",
        "primaryKeyColumns",
        "name",
        "dataType",
        "format",
        "granularity",
        "defaultNullValue",
        "maxLength",
        "singleValueField",
        "sampleValue",
        "childFieldSpecs",
        "tableName",
        "tableType",
        "segmentsConfig",
        "tenants",
        "tableIndexConfig",
        "metadata",
        "quota",
        "routing",
        "query",
        "ingestionConfig",
        "fieldConfigList",
        "upsertConfig",
        "dedupConfig",
        "tierConfigs",
        "indexes",
        "bloom",
        "json",
        "invertedIndexColumns",
        "sortedColumn",
        "bloomFilterConfigs",
        "segmentPartitionConfig",
        "columnPartitionMap",
        "numPartitions",
        "functionName",
        "starTreeIndexConfigs",
        "transformConfigs",
        "streamIngestionConfig",
        "streamConfigMaps",
        "replication",
        "a/b~c",
        "é",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn readers_of_text_never_panic(text in texts(), other in texts(), millis in any::<i64>()) {
        let zone: TimeZone = other.parse().unwrap_or(TimeZone::UTC);
        if let Ok(pattern) = Pattern::compile(&text) {
            let _ = pattern.parse(&other, zone);
            let written = pattern.format(millis, zone);
            let _ = pattern.parse(&written, zone);
        }
        if let Ok(format) = DateTimeFormat::parse(&text) {
            prop_assert!(DateTimeFormat::parse(&format.to_string()).is_ok(), "{text} as {format}");
            let _ = format.text_to_millis(&other);
            let _ = format.to_millis(&format.from_millis(millis));
        }
        let _ = (Granularity::parse(&text), parse_period(&text), model::parse_data_size(&text));
        let _ = (InstanceId::parse(&text), LlcSegmentName::parse(&text), TenantName::parse(&text));
        if let Ok(millis) = parse_timestamp(&text, zone) {
            let _ = format_timestamp(millis, zone);
        }
        for name in [SegmentName::parse(&text).map(String::from), RawTableName::parse(&text).map(String::from),
                     TableNameWithType::parse(&format!("{text}_OFFLINE")).map(String::from)].into_iter().flatten() {
            let joined = std::path::Path::new("/data").join(&name);
            prop_assert_eq!(joined.parent(), Some(std::path::Path::new("/data")));
            prop_assert_eq!(joined.file_name().and_then(|n| n.to_str()), Some(name.as_str()));
        }
    }

    #[test]
    fn values_survive_their_text(text in texts()) {
        for data_type in TYPES {
            let Ok(value) = parse_value(&text, data_type) else { continue };
            let mut json = String::new();
            render::push_json(&mut json, &value);
            prop_assert!(serde_json::from_str::<Json>(&json).is_ok(), "{json}");
            if data_type != DataType::Timestamp {
                let again = parse_value(&render::to_text(&value), data_type).unwrap();
                prop_assert!(order::compare(&again, &value).is_eq(), "{value:?} {again:?}");
            }
        }
    }

    #[test]
    fn order_is_total(a in texts(), b in texts(), c in texts()) {
        let values: Vec<Value> = [&a, &b, &c]
            .into_iter()
            .flat_map(|text| TYPES.into_iter().filter_map(|data_type| parse_value(text, data_type).ok()))
            .collect();
        for a in &values {
            for b in &values {
                prop_assert_eq!(order::compare(a, b), order::compare(b, a).reverse());
                for c in &values {
                    if order::compare(a, b).is_le() && order::compare(b, c).is_le() {
                        prop_assert!(order::compare(a, c).is_le(), "{a:?} {b:?} {c:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn documents_never_panic(document in documents(), key in keys(), part in documents()) {
        if let Ok(schema) = Schema::from_json(&document) {
            let _ = schema.validate();
            prop_assert!(Schema::from_json(&schema.to_json_with_unknown()).is_ok());
        }
        let mut schema = json!({"schemaName": "t", "dimensionFieldSpecs": [{"name": "a", "dataType": "STRING"}]});
        schema[&key] = part.clone();
        if let Ok(schema) = Schema::from_json(&schema) {
            let _ = schema.validate();
        }
        let mut config = json!({
            "tableName": "t", "tableType": "OFFLINE", "segmentsConfig": {"replication": "1"}, "tenants": {},
            "tableIndexConfig": {}, "metadata": {}
        });
        config[&key] = part.clone();
        if config["tableIndexConfig"].is_object() {
            config["tableIndexConfig"][&key] = document.clone();
        }
        if let Ok(config) = TableConfig::from_json(&config) {
            prop_assert_eq!(TableConfig::from_json(&config.to_json_with_unknown()).unwrap().to_json(), config.to_json());
            if let Ok(schema) = Schema::from_json(&schema) {
                let _ = validate_table(&config, &schema);
            }
        }
    }
}
