//! The conversion table, cell by cell.

use connectors::format::Field;
use functions::arrays::value_at;
use model::{DataType, FieldSpec, MaxLengthExceedStrategy, render};

use super::*;

fn text(t: &str) -> Field {
    Field::Text(t.to_owned())
}

fn list(items: &[Field]) -> Field {
    Field::List(items.to_vec())
}

fn map(entries: &[(&str, Field)]) -> Field {
    Field::Map(entries.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect())
}

/// The stored value's text; `~` for none, `!reason` for a fault.
fn convert(field: &Field, spec: &FieldSpec) -> String {
    let rules = ColumnRules::new(spec);
    let mut writer = ColumnWriter::new(&rules, 1);
    let outcome = writer.push(field);
    let array = writer.finish().unwrap();
    assert_eq!(array.data_type(), &spec.column_type().arrow());
    assert_eq!(array.len(), 1);
    if let Err(reason) = outcome {
        assert!(array.is_null(0));
        return format!("!{reason}");
    }
    if array.is_null(0) { "~".to_owned() } else { render::to_text(&value_at(array.as_ref(), spec.column_type(), 0)) }
}

fn to(data_type: DataType, field: &Field) -> String {
    convert(field, &FieldSpec::dimension("c", data_type))
}

#[test]
fn texts() {
    let check = |ty, from: &str, expected: &str| assert_eq!(to(ty, &text(from)), expected, "{from} to {ty}");
    check(DataType::Int, " 42 ", "42");
    check(DataType::Int, "+7", "7");
    check(DataType::Int, "1.0", "!Cannot convert value: '1.0' to type: INT");
    check(DataType::Int, "2147483648", "!Cannot convert value: '2147483648' to type: INT");
    check(DataType::Int, "true", "!Cannot convert value: 'true' to type: INT");
    check(DataType::Long, "-9223372036854775808", "-9223372036854775808");
    check(DataType::Double, "1e3", "1000.0");
    check(DataType::Double, "-Infinity", "-Infinity");
    check(DataType::Double, "NaN", "-Infinity");
    check(DataType::Double, "-0.0", "0.0");
    check(DataType::Float, "0.1", "0.1");
    check(DataType::BigDecimal, "1.500", "1.5");
    check(DataType::BigDecimal, "1E3", "1000");
    check(DataType::Boolean, "TRUE", "true");
    check(DataType::Boolean, "1", "true");
    check(DataType::Boolean, "yes", "false");
    check(DataType::Timestamp, "2021-01-01", "2021-01-01 00:00:00.0");
    check(DataType::Timestamp, "2021-01-01T02:00:00+02:00", "2021-01-01 00:00:00.0");
    check(DataType::Timestamp, "1600000000123", "2020-09-13 12:26:40.123");
    check(DataType::Timestamp, "soon", "!Invalid timestamp: 'soon'");
    check(DataType::String, " as is ", " as is ");
    check(DataType::Bytes, "00ff", "00ff");
    check(DataType::Bytes, "xyz", "!Cannot convert value: 'xyz' to type: BYTES");
}

#[test]
fn numbers() {
    let check = |ty, from: Field, expected: &str| assert_eq!(to(ty, &from), expected, "{from:?} to {ty}");
    check(DataType::Int, Field::Long(1 << 32 | 5), "5");
    check(DataType::Int, Field::Double(-1.9), "-1");
    check(DataType::Long, Field::Double(1e30), "9223372036854775807");
    check(DataType::Long, Field::Number("18446744073709551617".to_owned()), "1");
    check(DataType::Long, Field::Bool(true), "1");
    check(DataType::Long, Field::Timestamp(5), "5");
    check(DataType::Int, Field::Timestamp(5), "!Cannot convert value: '5' of type: TIMESTAMP to type: INT");
    check(DataType::Double, Field::Float(0.5), "0.5");
    check(DataType::Double, Field::Number("1e400".to_owned()), "Infinity");
    check(DataType::BigDecimal, Field::Double(0.1), "0.1");
    check(
        DataType::BigDecimal,
        Field::Number("123456789012345678901234567890".to_owned()),
        "123456789012345678901234567890",
    );
    check(
        DataType::BigDecimal,
        Field::Number("1E999999999".to_owned()),
        "!Cannot convert value: '1E999999999' of type: BIG_DECIMAL to type: BIG_DECIMAL",
    );
    check(DataType::Boolean, Field::Int(2), "true");
    check(DataType::Boolean, Field::Double(0.0), "false");
    check(DataType::Timestamp, Field::Int(7), "!Cannot convert value: '7' of type: INTEGER to type: TIMESTAMP");
    check(DataType::Timestamp, Field::Long(1000), "1970-01-01 00:00:01.0");
    check(DataType::Timestamp, Field::Float(1.0), "!Cannot convert value: '1.0' of type: FLOAT to type: TIMESTAMP");
    check(DataType::String, Field::Double(1e10), "1.0E10");
    check(DataType::String, Field::Timestamp(0), "1970-01-01 00:00:00.0");
    check(DataType::String, Field::Bytes(vec![0xab]), "ab");
    check(DataType::Bytes, Field::Int(1), "!Cannot convert value: '1' of type: INTEGER to type: BYTES");
    check(DataType::Bytes, Field::decimal("1.5".parse().unwrap()), "00010f");
    check(DataType::BigDecimal, Field::Bytes(vec![0, 1, 0x0f]), "1.5");
}

#[test]
fn lists_and_maps() {
    let long = |items: &[Field]| to(DataType::Long, &list(items));
    assert_eq!(long(&[]), "~");
    assert_eq!(long(&[Field::Null, Field::Int(3)]), "3");
    assert_eq!(long(&[list(&[Field::Int(3)])]), "3");
    assert_eq!(long(&[Field::Int(1), Field::Int(2)]), "!Cannot read single-value from Object[]: [1, 2] for column: c");
    assert_eq!(to(DataType::String, &map(&[("k", text("v"))])), "v");
    let two = map(&[("k", text("v")), ("l", text("w"))]);
    assert_eq!(to(DataType::String, &two), "!Cannot read single-value from Collection: [v, w] for column: c");

    let mv = |field: &Field| convert(field, &FieldSpec::dimension("c", DataType::Int).multi());
    assert_eq!(mv(&Field::Int(5)), "[5]");
    assert_eq!(mv(&list(&[text("1"), Field::Null, list(&[Field::Int(2), Field::Int(3)])])), "[1,2,3]");
    assert_eq!(mv(&list(&[])), "~");
    assert_eq!(mv(&list(&[text("1"), text("x")])), "!Cannot convert value: 'x' to type: INT");
}

#[test]
fn json_and_maps() {
    let check = |ty, from: Field, expected: &str| assert_eq!(to(ty, &from), expected, "{from:?} to {ty}");
    check(
        DataType::Json,
        text("{ \"a\" : [1.50, true , null],\n\"b\":\"\\u00e9\"}"),
        "{\"a\":[1.50,true,null],\"b\":\"é\"}",
    );
    check(DataType::Json, text("plain \"text\""), "\"plain \\\"text\\\"\"");
    check(DataType::Json, text("12"), "12");
    check(DataType::Json, list(&[Field::Int(1), map(&[("k", Field::Null)])]), "[1,{\"k\":null}]");
    check(DataType::Json, Field::Bytes(b"hi".to_vec()), "\"aGk=\"");
    check(DataType::Map, map(&[("k", Field::Int(1))]), "{\"k\":1}");
    check(DataType::Map, text("{\"k\": 1}"), "{\"k\":1}");
    assert!(to(DataType::Map, &text("[1]")).starts_with("!expected a JSON object for a MAP column"));
    assert!(to(DataType::Map, &Field::Int(1)).starts_with("!expected a JSON object for a MAP column"));
}

#[test]
fn lengths_and_nul() {
    let mut spec = FieldSpec::dimension("c", DataType::String);
    spec.max_length = Some(3);
    let check = |spec: &FieldSpec, from: &str, expected: &str| assert_eq!(convert(&text(from), spec), expected);
    check(&spec, "abc", "abc");
    check(&spec, "abcd", "abc");
    check(&spec, "éééé", "ééé");
    check(&spec, "ab😀", "ab");
    check(&spec, "a\0bc", "a");
    spec.max_length_exceed_strategy = Some(MaxLengthExceedStrategy::Error);
    check(&spec, "abcd", "!a value of length 4 exceeds the maxLength 3 of column 'c' (or holds a NUL character)");
    spec.max_length_exceed_strategy = Some(MaxLengthExceedStrategy::SubstituteDefaultValue);
    check(&spec, "abcd", "null");
    spec.max_length_exceed_strategy = Some(MaxLengthExceedStrategy::NoAction);
    check(&spec, "abcd", "abcd");
    check(&spec, "abcd\0e", "abcd");
    let long = "x".repeat(600);
    assert_eq!(to(DataType::String, &text(&long)).len(), 512);
    assert_eq!(to(DataType::Json, &text(&format!("\"{long}\""))).len(), 602);
    let mut bytes = FieldSpec::dimension("c", DataType::Bytes);
    bytes.max_length = Some(2);
    check(&bytes, "aabbcc", "aabb");
}
