//! Files that other implementations and the library's own writer made, and damaged ones.

use arrow::{
    array::{ArrayRef, BinaryArray, BooleanArray, Float64Array, Int32Array, Int64Array, StringArray},
    datatypes::DataType as ArrowType,
};
use orc_rust::ArrowWriterBuilder;

use super::*;
use crate::format::{Field, RawColumn};

fn batch() -> RecordBatch {
    RecordBatch::try_from_iter(vec![
        ("i", Arc::new(Int32Array::from(vec![Some(1), None, Some(3)])) as ArrayRef),
        ("l", Arc::new(Int64Array::from(vec![1 << 40, 2, 3]))),
        ("d", Arc::new(Float64Array::from(vec![0.5, 1e10, -0.25]))),
        ("b", Arc::new(BooleanArray::from(vec![true, false, true]))),
        ("s", Arc::new(StringArray::from(vec![Some("é"), Some(""), None]))),
        ("y", Arc::new(BinaryArray::from(vec![&b"ab"[..], b"", b"c"]))),
    ])
    .unwrap()
}

fn bytes() -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = ArrowWriterBuilder::new(&mut out, batch().schema()).try_build().unwrap();
    writer.write(&batch()).unwrap();
    writer.close().unwrap();
    out
}

fn read(content: &[u8], columns: Option<&[&str]>) -> Result<Vec<String>, Error> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    std::fs::write(&path, content).unwrap();
    let columns = columns.map(|c| c.iter().map(|n| (*n).to_owned()).collect());
    let options = ReadOptions { columns, work_dir: Some(dir.path().to_owned()), ..ReadOptions::default() };
    let mut reader = OrcReader::new(&path, "f.orc", &options)?;
    let mut out = Vec::new();
    while let Some(job) = reader.next_job()? {
        let batch = job()?;
        for row in 0..batch.rows {
            let field = |column: &RawColumn| match column {
                RawColumn::Fields(values) => values[row].clone(),
                RawColumn::Array(array) => CONVERSION.value(array, row).unwrap(),
                RawColumn::Text(_) => panic!(),
            };
            let fields = batch.columns.iter().map(|(name, column)| (name.to_string(), field(column)));
            out.push(Field::Map(fields.collect()).to_json());
        }
    }
    Ok(out)
}

const FLAT: [&str; 3] = [
    "{\"i\":1,\"l\":1099511627776,\"d\":0.5,\"b\":\"true\",\"s\":\"é\",\"y\":\"YWI=\"}",
    "{\"i\":null,\"l\":2,\"d\":1.0E10,\"b\":\"false\",\"s\":\"\",\"y\":\"\"}",
    "{\"i\":3,\"l\":3,\"d\":-0.25,\"b\":\"true\",\"s\":null,\"y\":\"Yw==\"}",
];

#[test]
fn flat_columns() {
    assert_eq!(batch().schema().field(0).data_type(), &ArrowType::Int32);
    assert_eq!(read(&bytes(), None).unwrap(), FLAT);
    assert_eq!(read(&bytes(), Some(&["s", "nosuch"])).unwrap(), ["{\"s\":\"é\"}", "{\"s\":\"\"}", "{\"s\":null}"]);
    assert_eq!(read(&bytes(), Some(&["nosuch"])).unwrap(), ["{}"; 3]);
}

/// Written by Apache Arrow's C++ writer: every type, nested ones, each compression.
const TYPES: &[(&str, &[u8])] = &[
    ("uncompressed", include_bytes!("testdata/types.uncompressed.orc")),
    ("zlib", include_bytes!("testdata/types.zlib.orc")),
    ("snappy", include_bytes!("testdata/types.snappy.orc")),
    ("lz4", include_bytes!("testdata/types.lz4.orc")),
    ("zstd", include_bytes!("testdata/types.zstd.orc")),
];

#[test]
fn every_type_and_compression() {
    for (name, content) in TYPES {
        let rows = read(content, None).unwrap();
        assert_eq!(rows.len(), 600, "{name}");
        assert_eq!(
            rows[1],
            "{\"byte\":1,\"short\":1,\"int\":1,\"long\":1099511627776,\"float\":0.5,\"double\":1.0E10,\"bool\":\"false\",\
             \"text\":\"row 1\",\"few\":\"b\",\"bytes\":\"AQI=\",\"day\":18830,\"ts\":1600000001123,\"dec\":\"-1.2\",\
             \"list\":[1,2],\"map\":{\"a\":1},\"st\":{\"x\":1,\"y\":\"z\"},\"deep\":[{\"p\":[1]},{\"p\":null}]}",
            "{name}"
        );
        let empty = "{\"byte\":null,\"short\":null,\"int\":null,\"long\":null,\"float\":null,\"double\":null,\"bool\":null,\
             \"text\":null,\"few\":null,\"bytes\":null,\"day\":null,\"ts\":null,\"dec\":null,\"list\":null,\"map\":null,\
             \"st\":null,\"deep\":null}";
        assert_eq!(rows[2], empty, "{name}");
        assert!(rows[599].contains("\"text\":null"));
    }
}

#[test]
fn compressed_as_a_whole() {
    assert_eq!(read(&zstd::encode_all(&bytes()[..], 1).unwrap(), None).unwrap(), FLAT);
}

#[test]
fn damaged_files_are_errors() {
    assert!(read(b"a,b\n1,2\n", None).unwrap_err().to_string().contains("it does not start as an ORC file does"));
    assert!(read(b"", None).is_err());
    let content = bytes();
    for len in 0..content.len() {
        assert!(read(&content[..len], None).is_err(), "{len} bytes");
    }
    for at in 0..content.len() {
        let mut flipped = content.clone();
        flipped[at] ^= [0x01, 0x80, 0xff][at % 3];
        let _ = read(&flipped, None);
    }
}

#[test]
fn damaged_nested_files_take_no_memory() {
    for (_, content) in TYPES {
        for at in (0..content.len()).step_by(content.len() / 60) {
            let mut flipped = content.to_vec();
            flipped[at] ^= 0xff;
            let _ = read(&flipped, Some(&["list", "map", "deep", "few"]));
        }
    }
}
