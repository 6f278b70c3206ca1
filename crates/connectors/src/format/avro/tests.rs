//! Files written by another implementation are read back; damaged ones are errors.

use apache_avro::{
    Codec as WriterCodec, DeflateSettings, Schema, Writer, ZstandardSettings,
    types::{Record, Value},
};

use super::*;
use crate::format::{Field, arrow::CONVERSION as EXACT};

const SCHEMA: &str = r#"{"type":"record","name":"r","namespace":"x.y","fields":[
    {"name":"b","type":"boolean"}, {"name":"i","type":"int"}, {"name":"l","type":["null","long"]},
    {"name":"f","type":"float"}, {"name":"d","type":"double"}, {"name":"s","type":"string"},
    {"name":"y","type":"bytes"}, {"name":"x","type":{"type":"fixed","name":"four","size":4}},
    {"name":"e","type":{"type":"enum","name":"color","symbols":["RED","BLUE"]}},
    {"name":"e2","type":"x.y.color"},
    {"name":"mv","type":{"type":"array","items":"int"}},
    {"name":"m","type":{"type":"map","values":"long"}},
    {"name":"n","type":{"type":"record","name":"inner","fields":[{"name":"k","type":"string"}]}},
    {"name":"dec","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
    {"name":"day","type":{"type":"int","logicalType":"date"}},
    {"name":"tm","type":{"type":"int","logicalType":"time-millis"}},
    {"name":"ts","type":{"type":"long","logicalType":"timestamp-millis"}},
    {"name":"us","type":{"type":"long","logicalType":"timestamp-micros"}}
]}"#;

fn file(codec: WriterCodec, rows: i32) -> Vec<u8> {
    let schema = Schema::parse_str(SCHEMA).unwrap();
    let mut writer = Writer::builder().schema(&schema).writer(Vec::new()).codec(codec).block_size(500).build();
    for i in 0..rows {
        let mut record = Record::new(&schema).unwrap();
        record.put("b", i % 2 == 0);
        record.put("i", -i);
        let long = if i % 3 == 0 { Value::Null } else { Value::Long(i64::from(i) << 40) };
        record.put("l", Value::Union(u32::from(i % 3 != 0), Box::new(long)));
        record.put("f", 0.5f32);
        record.put("d", 1e10);
        record.put("s", format!("text é {i}"));
        record.put("y", Value::Bytes(vec![1, 2]));
        record.put("x", Value::Fixed(4, vec![0, 1, 2, 3]));
        record.put("e", Value::Enum(1, "BLUE".to_owned()));
        record.put("e2", Value::Enum(0, "RED".to_owned()));
        record.put("mv", Value::Array(vec![Value::Int(1), Value::Int(2)]));
        record.put("m", Value::Map([("k".to_owned(), Value::Long(7))].into()));
        record.put("n", Value::Record(vec![("k".to_owned(), Value::String("v".to_owned()))]));
        record.put("dec", Value::Decimal(apache_avro::Decimal::from(vec![0xff, 0x85])));
        record.put("day", Value::Date(18_829));
        record.put("tm", Value::TimeMillis(3_723_004));
        record.put("ts", Value::TimestampMillis(1_600_000_000_123));
        record.put("us", Value::TimestampMicros(1_600_000_000_123_456));
        writer.append(record).unwrap();
    }
    writer.into_inner().unwrap()
}

fn read(content: &[u8], options: &ReadOptions) -> Result<Vec<Field>, Error> {
    let mut reader = AvroReader::new(content, "f.avro", options)?;
    let mut out = Vec::new();
    while let Some(job) = reader.next_job()? {
        let batch = job()?;
        for row in 0..batch.rows {
            let fields = batch.columns.iter().map(|(name, column)| match column {
                RawColumn::Fields(values) => (name.to_string(), values[row].clone()),
                RawColumn::Array(array) => (name.to_string(), EXACT.value(array, row).unwrap()),
                other => panic!("{other:?}"),
            });
            out.push(Field::Map(fields.collect()));
        }
    }
    Ok(out)
}

#[test]
fn every_type_and_codec() {
    let codecs = [
        WriterCodec::Null,
        WriterCodec::Deflate(DeflateSettings::default()),
        WriterCodec::Snappy,
        WriterCodec::Zstandard(ZstandardSettings::default()),
    ];
    for codec in codecs {
        let rows = read(&file(codec, 100), &ReadOptions::default()).unwrap();
        assert_eq!(rows.len(), 100);
        let Some(record) = rows[1].get(RECORD_COLUMN) else { panic!() };
        assert_eq!(
            record.to_json(),
            "{\"b\":false,\"i\":-1,\"l\":1099511627776,\"f\":0.5,\"d\":1.0E10,\"s\":\"text é 1\",\"y\":\"AQI=\",\
             \"x\":\"AAECAw==\",\"e\":\"BLUE\",\"e2\":\"RED\",\"mv\":[1,2],\"m\":{\"k\":7},\"n\":{\"k\":\"v\"},\
             \"dec\":-1.23,\"day\":\"2021-07-21\",\"tm\":\"01:02:03.004\",\"ts\":1600000000123,\"us\":1600000000123}"
        );
        assert_eq!(record.get("ts"), Some(&Field::Timestamp(1_600_000_000_123)));
        assert_eq!(rows[3].get(RECORD_COLUMN).unwrap().get("l"), Some(&Field::Null));
    }
}

#[test]
fn columns_and_raw_logical_types() {
    let properties = [("enableLogicalTypes".to_owned(), "false".to_owned())];
    let columns = ["day", "i", "nosuch"].map(str::to_owned);
    let options =
        ReadOptions { properties: properties.into(), columns: Some(columns.into()), ..ReadOptions::default() };
    let rows = read(&file(WriterCodec::Null, 3), &options).unwrap();
    assert_eq!(rows[2].to_json(), "{\"i\":-2,\"day\":18829}");
}

#[test]
fn dates_before_and_after_the_epoch() {
    for (days, text) in [(0, "1970-01-01"), (-1, "1969-12-31"), (59, "1970-03-01"), (11_016, "2000-02-29")] {
        assert_eq!(iso_date(days), text);
    }
}

#[test]
fn damaged_files_are_errors() {
    let content = file(WriterCodec::Null, 20);
    let error = |bytes: &[u8]| read(bytes, &ReadOptions::default()).unwrap_err().to_string();
    assert_eq!(error(b"no avro"), "f.avro is not a readable Avro file: it does not start as an Avro container does");
    for len in 0..content.len() {
        // A file cut between blocks is a shorter file; all else is an error, and nothing panics.
        let _ = read(&content[..len], &ReadOptions::default());
    }
    for at in 0..content.len() {
        let mut flipped = content.clone();
        flipped[at] ^= 0x41;
        let _ = read(&flipped, &ReadOptions::default());
    }
}
