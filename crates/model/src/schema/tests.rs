use serde_json::{Value as Json, json};

use super::*;

fn valid(json: &Json) -> Schema {
    let schema = Schema::from_json(json).unwrap();
    schema.validate().unwrap();
    schema
}

fn error(json: &Json) -> String {
    Schema::from_json(json).and_then(|schema| schema.validate()).unwrap_err().to_string()
}

fn with_dimension(field: Json) -> Json {
    json!({"schemaName": "t", "dimensionFieldSpecs": [field]})
}

#[test]
fn written_as_read_with_field_types() {
    let schema = valid(&json!({
        "schemaName": "s", "primaryKeyColumns": ["a"],
        "dateTimeFieldSpecs": [{"name": "ts", "granularity": "1:MILLISECONDS", "dataType": "LONG", "format": "1:MILLISECONDS:EPOCH"}],
        "metricFieldSpecs": [{"name": "m", "dataType": "DOUBLE"}],
        "dimensionFieldSpecs": [
            {"name": "a", "dataType": "string", "notNull": true, "maxLength": 2147483647},
            {"name": "b", "dataType": "INT", "defaultNullValue": 7},
            {"name": "c", "dataType": "INT", "defaultNullValue": -2147483648},
            {"name": "mv", "dataType": "STRING", "singleValueField": false}
        ]
    }));
    assert_eq!(
        schema.to_json().to_string(),
        json!({
            "schemaName": "s", "enableColumnBasedNullHandling": false,
            "dimensionFieldSpecs": [
                {"name": "a", "dataType": "STRING", "fieldType": "DIMENSION", "notNull": true, "maxLength": 2147483647},
                {"name": "b", "dataType": "INT", "fieldType": "DIMENSION", "defaultNullValue": 7},
                {"name": "c", "dataType": "INT", "fieldType": "DIMENSION"},
                {"name": "mv", "dataType": "STRING", "fieldType": "DIMENSION", "singleValueField": false}
            ],
            "metricFieldSpecs": [{"name": "m", "dataType": "DOUBLE", "fieldType": "METRIC"}],
            "dateTimeFieldSpecs": [{"name": "ts", "dataType": "LONG", "fieldType": "DATE_TIME", "format": "1:MILLISECONDS:EPOCH", "granularity": "1:MILLISECONDS"}],
            "primaryKeyColumns": ["a"]
        })
        .to_string()
    );
    assert_eq!(Schema::from_json(&schema.to_json()).unwrap().to_json(), schema.to_json());
    assert_eq!(schema.field("b").unwrap().default_null_value, Value::Int(7));
    assert_eq!(
        schema.field("mv").unwrap().default_cell(),
        Value::Array(DataType::String, vec![Value::String("null".into())])
    );
}

#[test]
fn unknown_keys_are_listed_and_kept() {
    let schema = valid(&json!({
        "schemaName": "s", "colour": "red",
        "dimensionFieldSpecs": [{"name": "a", "dataType": "STRING", "shade": "dark"}]
    }));
    assert_eq!(
        serde_json::to_value(&schema.unrecognized).unwrap(),
        json!({"/colour": "red", "/dimensionFieldSpecs/0/shade": "dark"})
    );
    assert!(!schema.to_json().to_string().contains("shade"));
    let stored = schema.to_json_with_unknown();
    assert_eq!(stored["colour"], "red");
    assert_eq!(stored["dimensionFieldSpecs"][0]["shade"], "dark");
    assert_eq!(Schema::from_json(&stored).unwrap().unrecognized, schema.unrecognized);
}

#[test]
fn legacy_time_field_becomes_a_date_time() {
    let json = json!({
        "schemaName": "s",
        "dimensionFieldSpecs": [{"name": "a", "dataType": "STRING"}],
        "timeFieldSpec": {"incomingGranularitySpec": {"name": "days", "dataType": "INT", "timeType": "DAYS"}}
    });
    let schema = valid(&json);
    let field = schema.date_time_field("days").unwrap();
    assert_eq!((field.role, field.data_type), (FieldRole::Time, DataType::Int));
    assert_eq!(field.date_time_format().unwrap().to_millis(&Value::Int(1)), Ok(86_400_000));
    assert_eq!(schema.to_json()["timeFieldSpec"], json["timeFieldSpec"]);
}

#[test]
fn defaults_by_type_and_role() {
    let default = |data_type: DataType, role| data_type.default_null_value(role);
    assert_eq!(default(DataType::Int, FieldRole::Metric), Value::Int(0));
    assert_eq!(default(DataType::Double, FieldRole::Dimension), Value::Double(f64::NEG_INFINITY));
    assert_eq!(default(DataType::Long, FieldRole::DateTime), Value::Long(i64::MIN));
    let schema = valid(&json!({"schemaName": "s", "dimensionFieldSpecs": [
        {"name": "b", "dataType": "BOOLEAN", "defaultNullValue": true},
        {"name": "t", "dataType": "TIMESTAMP", "defaultNullValue": "2021-01-01 00:00:00"},
        {"name": "y", "dataType": "BYTES", "defaultNullValue": "ff"},
        {"name": "f", "dataType": "FLOAT", "defaultNullValue": 0.1},
        {"name": "d", "dataType": "BIG_DECIMAL", "defaultNullValue": 1.5}
    ]}));
    let out = schema.to_json();
    let fields = out["dimensionFieldSpecs"].as_array().unwrap();
    let defaults: Vec<&Json> = fields.iter().map(|field| &field["defaultNullValue"]).collect();
    assert_eq!(defaults, [&json!(true), &json!("2021-01-01 00:00:00.0"), &json!("ff"), &json!(0.1), &json!(1.5)]);
    assert_eq!(valid(&out), Schema::from_json(&out).unwrap());
}

#[test]
fn refused_documents() {
    let starts = |json: Json, prefix: &str| {
        let text = error(&json);
        assert!(text.starts_with(prefix) || text.contains(prefix), "{text}");
    };
    starts(json!({}), "Invalid schema. Reason: 'schemaName' should not be null or empty");
    starts(json!({"schemaName": "a__b"}), "'schemaName' cannot contain double underscore ('__')");
    starts(json!({"schemaName": "../b"}), "Invalid schema: ../b. Reason: Table name");
    starts(json!([]), "Invalid schema config json string: []. Reason: expected a JSON object");
    starts(with_dimension(json!({"name": "a", "dataType": "STRINGY"})), "unknown data type 'STRINGY'");
    starts(with_dimension(json!({"name": "a"})), "no 'dataType'");
    starts(with_dimension(json!(7)), "expected an object at /dimensionFieldSpecs/0");
    starts(
        with_dimension(json!({"name": "a b", "dataType": "INT"})),
        "Invalid schema: t. Reason: The column name \"a b\" should not contain blank space.",
    );
    starts(
        with_dimension(json!({"name": "a", "dataType": "INT", "defaultNullValue": "xyz"})),
        "Cannot convert value: 'xyz' to type: INT",
    );
    starts(
        with_dimension(json!({"name": "j", "dataType": "JSON", "singleValueField": false})),
        "Invalid schema: t. Reason: JSON columns cannot be of multi-value type",
    );
    starts(with_dimension(json!({"name": "m", "dataType": "MAP"})), "Unsupported data type: MAP in DIMENSION field: m");
    starts(
        json!({"schemaName": "t", "dimensionFieldSpecs": [{"name": "a", "dataType": "INT"}, {"name": "a", "dataType": "INT"}]}),
        "Field spec already exists for column: a",
    );
    starts(
        json!({"schemaName": "t", "dimensionFieldSpecs": [{"name": "a", "dataType": "INT"}, {"name": "A", "dataType": "INT"}]}),
        "Invalid schema: t. Reason: When enable case insensitive, you can't use the same lowercase column name: a",
    );
    let metric = |field: Json| json!({"schemaName": "t", "metricFieldSpecs": [field]});
    starts(
        metric(json!({"name": "m", "dataType": "STRING"})),
        "Invalid schema: t. Reason: Unsupported data type: STRING in METRIC field: m",
    );
    starts(
        metric(json!({"name": "m", "dataType": "INT", "singleValueField": false})),
        "Unsupported multi-value for metric field.",
    );
    starts(metric(json!({"name": "m", "dataType": "DOUBLE", "defaultNullValue": "NaN"})), "NaN as null default value");
    let time = |field: Json| json!({"schemaName": "t", "dateTimeFieldSpecs": [field]});
    starts(time(json!({"name": "ts", "dataType": "LONG"})), "Invalid schema: t. Reason: Invalid format: null");
    starts(
        time(json!({"name": "ts", "dataType": "LONG", "format": "EPOCH|PARSECS", "granularity": "1:DAYS"})),
        "Invalid schema: t. Reason: Invalid format: EPOCH|PARSECS",
    );
    starts(
        time(json!({"name": "ts", "dataType": "LONG", "format": "1:DAYS:EPOCH", "granularity": "often"})),
        "Invalid schema: t. Reason: Invalid granularity: often",
    );
    starts(
        time(
            json!({"name": "ts", "dataType": "STRING", "format": "SIMPLE_DATE_FORMAT|yyyy", "granularity": "1:DAYS", "sampleValue": "x"}),
        ),
        "Cannot format provided sample value: x",
    );
    starts(
        time(
            json!({"name": "ts", "dataType": "LONG", "format": "EPOCH|DAYS", "granularity": "1:DAYS", "sampleValue": 3}),
        ),
        "not in valid time-range",
    );
    starts(
        time(
            json!({"name": "ts", "dataType": "STRING", "format": "SIMPLE_DATE_FORMAT|dd-MM-yyyy", "granularity": "1:DAYS"}),
        ),
        "SIMPLE_DATE_FORMAT pattern dd-MM-yyyy has to be sorted by both lexicographical and datetime order",
    );
    starts(
        json!({"schemaName": "t", "dimensionFieldSpecs": [{"name": "a", "dataType": "STRING"}], "primaryKeyColumns": ["nope"]}),
        "Invalid schema: t. Reason: The primary key column must exist",
    );
    assert!(
        Schema::from_json_text("{not json")
            .unwrap_err()
            .to_string()
            .starts_with("Invalid schema config json string: {not json. Reason: ")
    );
}

#[test]
fn updates() {
    let old = valid(
        &json!({"schemaName": "t", "dimensionFieldSpecs": [{"name": "a", "dataType": "INT"}, {"name": "b", "dataType": "INT"}]}),
    );
    let grown = valid(
        &json!({"schemaName": "t", "dimensionFieldSpecs": [{"name": "a", "dataType": "INT"}, {"name": "c", "dataType": "INT"}],
        "metricFieldSpecs": [{"name": "b", "dataType": "INT"}], "primaryKeyColumns": ["a"]}),
    );
    assert_eq!(old.check_update(&grown), Ok(()));
    assert!(grown.check_update(&old).unwrap_err().to_string().contains("- Primary key columns changed"));
    let changed = valid(&json!({"schemaName": "t", "dimensionFieldSpecs": [{"name": "a", "dataType": "STRING"}]}));
    let text = old.check_update(&changed).unwrap_err().to_string();
    assert!(text.starts_with("New schema: t is not backward-compatible with the existing schema.\n\nIncompatibility Details:\n- Missing columns (present in old schema but not in new): [b]\n- Incompatible field specifications: [a (old: DIMENSION INT, new: DIMENSION STRING)]\n\nSuggestions to fix:\n1. Ensure"), "{text}");
}

#[test]
fn a_timestamp_column_has_the_format_timestamp_whatever_was_written() {
    for format in ["1:MILLISECONDS:EPOCH", "EPOCH|SECONDS", "TIMESTAMP"] {
        let schema = valid(&json!({"schemaName": "s", "dateTimeFieldSpecs": [
            {"name": "ts", "dataType": "TIMESTAMP", "format": format, "granularity": "1:MILLISECONDS"}]}));
        assert_eq!(schema.to_json()["dateTimeFieldSpecs"][0]["format"], "TIMESTAMP", "written: {format}");
    }
}
