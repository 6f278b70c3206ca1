//! Messages written by the library that reads them, after a schema compiled from text.

use std::{collections::BTreeMap, io::Write as _};

use prost_reflect::prost::Message as _;

use super::*;
use crate::format::{RawColumn, arrow::CONVERSION as EXACT};

const PROTO: &str = r#"
    syntax = "proto3";
    package shop;
    message Order {
        int32 id = 1;
        optional int64 amount = 2;
        string name = 3;
        bool paid = 4;
        repeated uint32 codes = 5;
        map<string, Item> items = 6;
        Color color = 7;
        bytes raw = 8;
        uint64 big = 9;
        float f = 10;
        Item first = 11;
        repeated Item list = 12;
        map<int32, double> prices = 13;
    }
    message Item { string sku = 1; int32 count = 2; }
    enum Color { RED = 0; BLUE = 1; }
"#;

fn descriptor(dir: &Path) -> PathBuf {
    std::fs::write(dir.join("shop.proto"), PROTO).unwrap();
    let set = protox::compile(["shop.proto"], [dir]).unwrap();
    let path = dir.join("shop.desc");
    std::fs::write(&path, set.encode_to_vec()).unwrap();
    path
}

/// Messages from their JSON-like text form: field name and value pairs.
fn messages(dir: &Path) -> Vec<u8> {
    let pool = DescriptorPool::decode(std::fs::read(descriptor(dir)).unwrap().as_slice()).unwrap();
    let order = pool.get_message_by_name("shop.Order").unwrap();
    let item = |sku: &str, count: i32| {
        let mut item = DynamicMessage::new(pool.get_message_by_name("shop.Item").unwrap());
        item.set_field_by_name("sku", Value::String(sku.to_owned()));
        item.set_field_by_name("count", Value::I32(count));
        Value::Message(item)
    };
    let mut full = DynamicMessage::new(order.clone());
    full.set_field_by_name("id", Value::I32(-7));
    full.set_field_by_name("amount", Value::I64(1 << 40));
    full.set_field_by_name("name", Value::String("é".to_owned()));
    full.set_field_by_name("paid", Value::Bool(true));
    full.set_field_by_name("codes", Value::List(vec![Value::U32(1), Value::U32(u32::MAX)]));
    full.set_field_by_name("items", Value::Map([(MapKey::String("k".to_owned()), item("a", 0))].into()));
    full.set_field_by_name("color", Value::EnumNumber(1));
    full.set_field_by_name("raw", Value::Bytes(vec![1, 2].into()));
    full.set_field_by_name("big", Value::U64(u64::MAX));
    full.set_field_by_name("f", Value::F32(0.5));
    full.set_field_by_name("first", item("b", 2));
    full.set_field_by_name("list", Value::List(vec![item("c", 3), item("d", 4)]));
    let prices = [(MapKey::I32(2), Value::F64(2.5)), (MapKey::I32(1), Value::F64(1.5))];
    full.set_field_by_name("prices", Value::Map(prices.into()));
    let mut out = full.encode_length_delimited_to_vec();
    out.extend(DynamicMessage::new(order).encode_length_delimited_to_vec());
    out
}

fn read(content: &[u8], properties: &[(&str, &str)], columns: Option<&[&str]>) -> Result<Vec<String>, Error> {
    let properties: BTreeMap<_, _> = properties.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let columns = columns.map(|c| c.iter().map(|n| (*n).to_owned()).collect());
    let options = ReadOptions { properties, columns, ..ReadOptions::default() };
    let mut reader = ProtobufReader::new(content, "f.pb", &options)?;
    let mut out = Vec::new();
    while let Some(job) = reader.next_job()? {
        let batch = job()?;
        for row in 0..batch.rows {
            let fields = batch.columns.iter().map(|(name, column)| match column {
                RawColumn::Fields(values) => (name.to_string(), values.get(row).cloned().unwrap_or(Field::Null)),
                RawColumn::Array(array) => (name.to_string(), EXACT.value(array, row).unwrap()),
                other => panic!("{other:?}"),
            });
            out.push(Field::Map(fields.collect()).to_json());
        }
        out.extend(batch.rejected.iter().map(|r| format!("{}!{}", r.line, r.reason)));
    }
    Ok(out)
}

#[test]
fn every_type() {
    let dir = tempfile::tempdir().unwrap();
    let content = messages(dir.path());
    let path = dir.path().join("shop.desc");
    let uri = format!("file://{}", path.display());
    let rows = read(&content, &[("descriptorFile", &uri)], None).unwrap();
    assert_eq!(
        rows,
        [
            "{\"\":{\"id\":-7,\"amount\":1099511627776,\"name\":\"é\",\"paid\":\"true\",\"codes\":[1,4294967295],\
             \"items\":{\"k\":{\"sku\":\"a\"}},\"color\":\"BLUE\",\"raw\":\"AQI=\",\"big\":18446744073709551615,\
             \"f\":0.5,\"first\":{\"sku\":\"b\",\"count\":2},\"list\":[{\"sku\":\"c\",\"count\":3},\
             {\"sku\":\"d\",\"count\":4}],\"prices\":{\"1\":1.5,\"2\":2.5}}}",
            "{\"\":{\"id\":0,\"amount\":null,\"name\":\"\",\"paid\":\"false\",\"codes\":[],\"items\":{},\
             \"color\":\"RED\",\"raw\":\"\",\"big\":0,\"f\":0.0,\"first\":null,\"list\":[],\"prices\":{}}}",
        ]
    );
    let plain = path.to_str().unwrap();
    let named = [("descriptorFile", plain), ("protoClassName", "shop.Order")];
    let rows = read(&content, &named, Some(&["name", "id", "nosuch"])).unwrap();
    assert_eq!(rows, ["{\"id\":-7,\"name\":\"é\"}", "{\"id\":0,\"name\":\"\"}"]);
}

#[test]
fn bad_settings_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = descriptor(dir.path());
    let plain = path.to_str().unwrap();
    let error = |properties: &[(&str, &str)]| read(b"", properties, None).unwrap_err().to_string();
    assert!(error(&[]).contains("'descriptorFile' = '': it is missing"));
    assert!(error(&[("descriptorFile", "/nosuch.desc")]).contains("it cannot be read"));
    assert!(error(&[("descriptorFile", "s3://b/x.desc")]).contains("expected a path or a file: URI"));
    assert!(error(&[("descriptorFile", dir.path().to_str().unwrap())]).contains("it is not a file"));
    std::fs::write(dir.path().join("x"), b"nonsense").unwrap();
    let nonsense = dir.path().join("x");
    assert!(error(&[("descriptorFile", nonsense.to_str().unwrap())]).contains("not a descriptor set"));
    let class = error(&[("descriptorFile", plain), ("protoClassName", "Nobody")]);
    assert!(class.contains("it has shop.Order, shop.Item"), "{class}");
    assert_eq!(read(b"", &[("descriptorFile", plain), ("protoClassName", "Item")], None).unwrap(), [""; 0]);
}

#[test]
fn damaged_files_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let content = messages(dir.path());
    let path = dir.path().join("shop.desc");
    let properties = [("descriptorFile", path.to_str().unwrap())];
    let read = |bytes: &[u8]| read(bytes, &properties, None);
    // A message that is damaged inside is left out; the next one is found.
    let mut broken = vec![3, 0x0a, 0xff, 0xff];
    broken.extend(&content);
    let rows = read(&broken).unwrap();
    assert!(rows[2].starts_with("0!failed to decode"), "{rows:?}");
    assert_eq!(rows.len(), 3);
    assert!(read(&content[..20]).unwrap_err().to_string().contains("it ends in the middle of a message"));
    assert!(read(&[0xff; 12]).unwrap_err().to_string().contains("too long"));
    let mut huge = Vec::new();
    huge.write_all(&[0xff, 0xff, 0xff, 0x7f, 1]).unwrap();
    assert!(read(&huge).unwrap_err().to_string().contains("the most is"));
    for len in 0..content.len() {
        let _ = read(&content[..len]);
        let mut flipped = content.clone();
        flipped[len] ^= 0x81;
        let _ = read(&flipped);
    }
}
