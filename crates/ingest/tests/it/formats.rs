//! The same records from every format make the same rows, compressed or not.

use std::{io::Write as _, path::Path, sync::Arc};

use apache_avro::{Schema as AvroSchema, Writer as AvroWriter, types::Value as AvroValue};
use arrow::{
    array::{
        ArrayRef, BooleanArray, Float64Array, Int32Array, Int32Builder, ListArray, MapBuilder, RecordBatch,
        StringArray, StringBuilder, StructArray, TimestampMillisecondArray,
    },
    buffer::{NullBuffer, OffsetBuffer},
    datatypes::{DataType, Field, Fields},
    ipc::writer::{FileWriter, StreamWriter},
};
use parquet::arrow::ArrowWriter;
use serde_json::{Value as Json, json};

use crate::place::{Place, column};

/// Two records: one with everything, one with next to nothing.
fn batch() -> RecordBatch {
    let texts = |v: &[Option<&str>]| -> ArrayRef { Arc::new(StringArray::from(v.to_vec())) };
    let user = StructArray::new(
        Fields::from(vec![Field::new("name", DataType::Utf8, true)]),
        vec![texts(&[Some("ann"), None])],
        Some(NullBuffer::from(vec![true, false])),
    );
    let item_fields =
        Fields::from(vec![Field::new("sku", DataType::Utf8, true), Field::new("n", DataType::Int32, true)]);
    let counts: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let items = StructArray::new(item_fields.clone(), vec![texts(&[Some("a"), Some("b")]), counts], None);
    let list = |item: Field, values: ArrayRef, lengths: [usize; 2]| -> ArrayRef {
        Arc::new(ListArray::new(Arc::new(item), OffsetBuffer::from_lengths(lengths), values, None))
    };
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    map.keys().append_value("k");
    map.values().append_value(7);
    map.append(true).unwrap();
    map.append(false).unwrap();
    let items = list(Field::new("item", DataType::Struct(item_fields), true), Arc::new(items), [2, 0]);
    let tags = list(Field::new("item", DataType::Utf8, true), texts(&[Some("x"), Some("y")]), [2, 0]);
    RecordBatch::try_from_iter_with_nullable(vec![
        ("id", Arc::new(Int32Array::from(vec![1, 2])) as ArrayRef, true),
        ("price", Arc::new(Float64Array::from(vec![Some(1.5), None])), true),
        ("ok", Arc::new(BooleanArray::from(vec![true, false])), true),
        ("ts", Arc::new(TimestampMillisecondArray::from(vec![1_600_000_000_123, 0])), true),
        ("user", Arc::new(user), true),
        ("items", items, true),
        ("tags", tags, true),
        ("m", Arc::new(map.finish()), true),
    ])
    .unwrap()
}

const JSON: &str = r#"{"id":1,"price":1.5,"ok":true,"ts":1600000000123,"user":{"name":"ann"},"items":[{"sku":"a","n":1},{"sku":"b","n":2}],"tags":["x","y"],"m":{"k":7}}
{"id":2,"price":null,"ok":false,"ts":"0","items":[],"tags":[]}"#;

const AVRO_SCHEMA: &str = r#"{"type":"record","name":"r","fields":[
    {"name":"id","type":"int"}, {"name":"price","type":["null","double"]}, {"name":"ok","type":"boolean"},
    {"name":"ts","type":{"type":"long","logicalType":"timestamp-millis"}},
    {"name":"user","type":["null",{"type":"record","name":"u","fields":[{"name":"name","type":"string"}]}]},
    {"name":"items","type":{"type":"array","items":{"type":"record","name":"i","fields":[{"name":"sku","type":"string"},{"name":"n","type":"int"}]}}},
    {"name":"tags","type":{"type":"array","items":"string"}}, {"name":"m","type":["null",{"type":"map","values":"int"}]}
]}"#;

fn avro() -> Vec<u8> {
    let schema = AvroSchema::parse_str(AVRO_SCHEMA).unwrap();
    let mut writer = AvroWriter::new(&schema, Vec::new());
    let text = |t: &str| AvroValue::String(t.to_owned());
    let record = |entries: Vec<(&str, AvroValue)>| {
        AvroValue::Record(entries.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
    };
    let some = |value| AvroValue::Union(1, Box::new(value));
    let none = || AvroValue::Union(0, Box::new(AvroValue::Null));
    let item = |sku, n| record(vec![("sku", text(sku)), ("n", AvroValue::Int(n))]);
    let full = record(vec![
        ("id", AvroValue::Int(1)),
        ("price", some(AvroValue::Double(1.5))),
        ("ok", AvroValue::Boolean(true)),
        ("ts", AvroValue::TimestampMillis(1_600_000_000_123)),
        ("user", some(record(vec![("name", text("ann"))]))),
        ("items", AvroValue::Array(vec![item("a", 1), item("b", 2)])),
        ("tags", AvroValue::Array(vec![text("x"), text("y")])),
        ("m", some(AvroValue::Map([("k".to_owned(), AvroValue::Int(7))].into()))),
    ]);
    let bare = record(vec![
        ("id", AvroValue::Int(2)),
        ("price", none()),
        ("ok", AvroValue::Boolean(false)),
        ("ts", AvroValue::TimestampMillis(0)),
        ("user", none()),
        ("items", AvroValue::Array(vec![])),
        ("tags", AvroValue::Array(vec![])),
        ("m", none()),
    ]);
    writer.append(full).unwrap();
    writer.append(bare).unwrap();
    writer.into_inner().unwrap()
}

fn parquet() -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut out, batch().schema(), None).unwrap();
    writer.write(&batch()).unwrap();
    writer.close().unwrap();
    out
}

fn arrow_stream() -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch().schema()).unwrap();
    writer.write(&batch()).unwrap();
    writer.into_inner().unwrap()
}

fn arrow_file() -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &batch().schema()).unwrap();
    writer.write(&batch()).unwrap();
    writer.into_inner().unwrap()
}

fn schema() -> Json {
    json!({"schemaName": "t", "dimensionFieldSpecs": [
        {"name": "id", "dataType": "INT"}, {"name": "price", "dataType": "DOUBLE"}, {"name": "ok", "dataType": "BOOLEAN"},
        {"name": "user.name", "dataType": "STRING"}, {"name": "items.sku", "dataType": "STRING"},
        {"name": "items.n", "dataType": "LONG"}, {"name": "tags", "dataType": "STRING", "singleValueField": false},
        {"name": "m.k", "dataType": "INT"}, {"name": "shout", "dataType": "STRING"}
    ], "dateTimeFieldSpecs": [{"name": "ts", "dataType": "TIMESTAMP", "format": "TIMESTAMP", "granularity": "1:MILLISECONDS"}]})
}

fn table() -> Json {
    json!({"tableName": "t", "tableType": "OFFLINE", "segmentsConfig": {"replication": "1"}, "tenants": {},
    "tableIndexConfig": {}, "metadata": {}, "ingestionConfig": {
        "complexTypeConfig": {"fieldsToUnnest": ["items"]},
        "transformConfigs": [{"columnName": "shout", "transformFunction": "upper(\"items.sku\")"}]
    }})
}

fn rows(format: &str, content: &[u8]) -> Vec<Vec<String>> {
    let schema = schema();
    let place = Place::new();
    let report = place.load(&schema, &table(), &[("inputFormat", format)], content);
    let report = report.unwrap_or_else(|e| panic!("{format}: {e}"));
    assert_eq!((report.rows_read, report.rows_indexed, report.rows_rejected), (2, 3, 0), "{format}");
    assert_eq!(report.bytes_read, content.len() as u64);
    let groups = ["dimensionFieldSpecs", "dateTimeFieldSpecs"];
    let names = groups.iter().flat_map(|g| schema[*g].as_array().unwrap()).map(|f| f["name"].as_str().unwrap());
    names.map(|name| column(&report, name)).collect()
}

#[test]
fn nested_records_of_all_formats_are_alike() {
    let expected = rows("json", JSON.as_bytes());
    assert_eq!(expected[4], ["a", "b", "null"]);
    assert_eq!(expected[8], ["A", "B", "null"]);
    for (format, content) in
        [("avro", avro()), ("parquet", parquet()), ("arrow", arrow_stream()), ("arrow", arrow_file())]
    {
        let mut rows = rows(format, &content);
        if format == "parquet" {
            // Without an Avro schema in the file timestamps are numbers, which are milliseconds here.
            assert_eq!(rows.last(), expected.last());
        }
        rows.truncate(9);
        assert_eq!(rows, expected[..9], "{format}");
    }
}

#[test]
fn every_compression_of_every_format() {
    for (format, content) in
        [("json", JSON.as_bytes().to_vec()), ("avro", avro()), ("parquet", parquet()), ("arrow", arrow_file())]
    {
        let expected = rows(format, &content);
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(&content).unwrap();
        let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bz.write_all(&content).unwrap();
        for packed in [gz.finish().unwrap(), bz.finish().unwrap(), zstd::encode_all(&content[..], 1).unwrap()] {
            assert_eq!(rows(format, &packed), expected, "{format}");
        }
    }
}

#[test]
fn orc_files_become_segments() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../connectors/src/format/orc/testdata/types.zlib.orc");
    let content = std::fs::read(file).unwrap();
    let schema = json!({"schemaName": "t", "dimensionFieldSpecs": [
        {"name": "int", "dataType": "INT"}, {"name": "bool", "dataType": "BOOLEAN"}, {"name": "text", "dataType": "STRING"},
        {"name": "dec", "dataType": "BIG_DECIMAL"}, {"name": "list", "dataType": "INT", "singleValueField": false},
        {"name": "map", "dataType": "JSON"}, {"name": "x", "dataType": "INT"}
    ], "dateTimeFieldSpecs": [{"name": "ts", "dataType": "LONG", "format": "1:MILLISECONDS:EPOCH", "granularity": "1:MILLISECONDS"}]});
    let table = json!({"tableName": "t", "tableType": "OFFLINE", "segmentsConfig": {"replication": "1"}, "tenants": {},
    "tableIndexConfig": {}, "metadata": {}, "ingestionConfig": {
        "transformConfigs": [{"columnName": "x", "transformFunction": "jsonPathLong(st, '$.x', 0)"}]
    }});
    let config = [("recordReader.className", "org.apache.pinot.plugin.inputformat.orc.ORCRecordReader")];
    let place = Place::new();
    let report = place.load(&schema, &table, &config, &content).unwrap();
    assert_eq!(report.rows_indexed, 600);
    let second = |name: &str| column(&report, name).swap_remove(1);
    let shown = ["int", "bool", "text", "dec", "list", "map", "x", "ts"].map(second);
    assert_eq!(shown, ["1", "false", "row 1", "-1.2", "[1,2]", "{\"a\":1}", "1", "1600000001123"]);
}
