//! Streams and files that the library writes, compressed or not, and damaged ones.

use arrow::{
    array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int32Array,
        Int64Array, ListArray, StringArray, StructArray, TimestampMicrosecondArray, UInt64Array,
    },
    datatypes::{DataType, Field as ArrowField, Fields, Int32Type},
    ipc::{
        CompressionType,
        writer::{FileWriter, IpcWriteOptions, StreamWriter},
    },
};

use super::*;
use crate::format::{Field, RawColumn};

fn batch() -> RecordBatch {
    let fields: Fields = vec![ArrowField::new("k", DataType::Utf8, true)].into();
    let names: ArrayRef = Arc::new(StringArray::from(vec!["v", "w"]));
    RecordBatch::try_from_iter(vec![
        ("i", Arc::new(Int32Array::from(vec![Some(1), None])) as ArrayRef),
        ("l", Arc::new(Int64Array::from(vec![1 << 40, 2]))),
        ("u", Arc::new(UInt64Array::from(vec![u64::MAX, 2]))),
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

fn options(compression: Option<CompressionType>) -> IpcWriteOptions {
    IpcWriteOptions::default().try_with_compression(compression).unwrap()
}

fn stream(batches: &[RecordBatch], compression: Option<CompressionType>) -> Vec<u8> {
    let mut writer =
        StreamWriter::try_new_with_options(Vec::new(), &batches[0].schema(), options(compression)).unwrap();
    batches.iter().for_each(|b| writer.write(b).unwrap());
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn file(batches: &[RecordBatch], compression: Option<CompressionType>) -> Vec<u8> {
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &batches[0].schema(), options(compression)).unwrap();
    batches.iter().for_each(|b| writer.write(b).unwrap());
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn read(content: &[u8], options: &ReadOptions) -> Result<Vec<String>, Error> {
    let mut reader = ArrowReader::new(content, "f.arrow", options);
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

const ROWS: [&str; 2] = [
    "{\"i\":1,\"l\":1099511627776,\"u\":18446744073709551615,\"d\":0.5,\"b\":true,\"s\":\"x\",\"y\":\"YWI=\",\
     \"day\":18829,\"ts\":1600000000123,\"dec\":-1.23,\"mv\":[1,null],\"st\":{\"k\":\"v\"}}",
    "{\"i\":null,\"l\":2,\"u\":2,\"d\":1.0E10,\"b\":false,\"s\":\"y\",\"y\":\"\",\"day\":0,\"ts\":0,\"dec\":0.05,\
     \"mv\":[],\"st\":{\"k\":\"w\"}}",
];

#[test]
fn streams_and_files() {
    for compression in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
        assert_eq!(read(&stream(&[batch()], compression), &ReadOptions::default()).unwrap(), ROWS);
        assert_eq!(read(&file(&[batch()], compression), &ReadOptions::default()).unwrap(), ROWS);
    }
    let columns = ["s", "nosuch"].map(str::to_owned);
    let options = ReadOptions { columns: Some(columns.into()), ..ReadOptions::default() };
    assert_eq!(read(&file(&[batch()], None), &options).unwrap(), ["{\"s\":\"x\"}", "{\"s\":\"y\"}"]);
    let options = ReadOptions { columns: Some(["nosuch".to_owned()].into()), ..ReadOptions::default() };
    assert_eq!(read(&file(&[batch()], None), &options).unwrap(), ["{}", "{}"]);
}

#[test]
fn many_batches_and_long_ones() {
    let long: ArrayRef = Arc::new((0..20_000).collect::<Int32Array>());
    let long = RecordBatch::try_from_iter(vec![("n", long)]).unwrap();
    let rows = read(&stream(&[long.clone(), long.slice(0, 0), long], None), &ReadOptions::default()).unwrap();
    assert_eq!((rows.len(), rows[39_999].as_str()), (40_000, "{\"n\":19999}"));
    assert_eq!(read(&stream(&[batch().slice(0, 0)], None), &ReadOptions::default()).unwrap(), [""; 0]);
}

#[test]
fn damaged_files_are_errors() {
    let error = |bytes: &[u8]| read(bytes, &ReadOptions::default()).unwrap_err().to_string();
    assert!(error(b"a,b\n1,2\n3,4\n").contains("it does not start as an Arrow stream or file does"));
    assert!(error(b"").contains("it does not start as"));
    let huge = [&CONTINUATION[..], &0x7fff_ffffu32.to_le_bytes()].concat();
    assert!(error(&huge).contains("the most is"));
    for compression in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
        let content = stream(&[batch()], compression);
        for len in 0..content.len() {
            // Cut between messages it is a shorter stream; all else is an error, and nothing panics.
            let _ = read(&content[..len], &ReadOptions::default());
        }
        for at in 0..content.len() {
            let mut flipped = content.clone();
            flipped[at] ^= [0x01, 0x80, 0xff][at % 3];
            let _ = read(&flipped, &ReadOptions::default());
        }
    }
}
