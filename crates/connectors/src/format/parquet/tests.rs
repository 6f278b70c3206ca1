//! Types of Parquet files, and compression around one.

use std::io::Write as _;

use arrow::{
    array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int32Array,
        Int64Array, ListArray, RecordBatch, StringArray, StructArray, TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field as ArrowField, Fields, Int32Type},
};
use parquet::arrow::ArrowWriter;

use super::*;
use crate::format::{Field, RawColumn};

fn batch() -> RecordBatch {
    let fields: Fields = vec![ArrowField::new("k", DataType::Utf8, true)].into();
    let names: ArrayRef = Arc::new(StringArray::from(vec!["v", "w"]));
    RecordBatch::try_from_iter(vec![
        ("i", Arc::new(Int32Array::from(vec![Some(1), None])) as ArrayRef),
        ("l", Arc::new(Int64Array::from(vec![1 << 40, 2]))),
        ("d", Arc::new(Float64Array::from(vec![0.5, 1e10]))),
        ("b", Arc::new(BooleanArray::from(vec![true, false]))),
        ("s", Arc::new(["x", "y"].into_iter().collect::<DictionaryArray<Int32Type>>())),
        ("y", Arc::new(BinaryArray::from(vec![&b"ab"[..], b""]))),
        ("day", Arc::new(Date32Array::from(vec![18_829, 0]))),
        ("ts", Arc::new(TimestampMicrosecondArray::from(vec![1_600_000_000_123_456, 0]))),
        ("dec", Arc::new(Decimal128Array::from(vec![-123, 5]).with_precision_and_scale(9, 2).unwrap())),
        ("mv", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), Some(vec![])]))),
        ("st", Arc::new(StructArray::new(fields, vec![names], None))),
    ])
    .unwrap()
}

fn bytes() -> Vec<u8> {
    let batch = batch();
    let mut out = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut out, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    out
}

fn read(content: &[u8], properties: &[(&str, &str)]) -> Result<Vec<String>, Error> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    std::fs::write(&path, content).unwrap();
    let properties = properties.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let mut reader = ParquetReader::new(&path, "f.parquet", &ReadOptions { properties, ..ReadOptions::default() })?;
    let mut out = Vec::new();
    while let Some(job) = reader.next_job()? {
        let batch = job()?;
        for row in 0..batch.rows {
            let field = |column: &RawColumn| match column {
                RawColumn::Fields(values) => values[row].clone(),
                RawColumn::Array(array) => {
                    let rules = Rules { logical: false, int96: Vec::new(), enums: Vec::new() };
                    rules.conversion("").value(array, row).unwrap()
                }
                RawColumn::Text(_) => panic!(),
            };
            let fields = batch.columns.iter().map(|(name, column)| (name.to_string(), field(column)));
            out.push(Field::Map(fields.collect()).to_json());
        }
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    Ok(out)
}

const NATIVE: [&str; 2] = [
    "{\"i\":1,\"l\":1099511627776,\"d\":0.5,\"b\":\"true\",\"s\":\"x\",\"y\":\"YWI=\",\"day\":18829,\
     \"ts\":1600000000123456,\"dec\":-1.23,\"mv\":[1,null],\"st\":{\"k\":\"v\"}}",
    "{\"i\":null,\"l\":2,\"d\":1.0E10,\"b\":\"false\",\"s\":\"y\",\"y\":\"\",\"day\":0,\"ts\":0,\"dec\":0.05,\
     \"mv\":[],\"st\":{\"k\":\"w\"}}",
];

#[test]
fn values_as_stored() {
    assert_eq!(read(&bytes(), &[]).unwrap(), NATIVE);
}

#[test]
fn values_as_avro_means_them() {
    let rows = read(&bytes(), &[("useParquetAvroRecordReader", "true")]).unwrap();
    assert!(rows[0].contains("\"day\":\"2021-07-21\",\"ts\":1600000000123,"), "{}", rows[0]);
}

#[test]
fn compressed_as_a_whole() {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&bytes()).unwrap();
    assert_eq!(read(&gz.finish().unwrap(), &[]).unwrap(), NATIVE);
    assert_eq!(read(&zstd::encode_all(&bytes()[..], 1).unwrap(), &[]).unwrap(), NATIVE);
}

#[test]
fn damaged_files_are_errors() {
    let content = bytes();
    assert!(
        read(b"a,b\n1,2\n", &[]).unwrap_err().to_string().starts_with("f.parquet is not a readable Parquet file: ")
    );
    for len in (0..content.len()).step_by(37) {
        assert!(read(&content[..len], &[]).is_err(), "{len} bytes");
    }
}
