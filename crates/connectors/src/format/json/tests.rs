//! Shapes of JSON files, exact values, chunk boundaries anywhere.

use super::*;
use crate::format::arrow::CONVERSION as EXACT;

/// Columns `a` and `b` as `line:a|b` in JSON; a fault as `line!reason`.
fn read(content: &[u8], chunk: usize) -> Vec<String> {
    let columns = ["a", "b"].map(str::to_owned);
    let options = ReadOptions { columns: Some(columns.into()), ..ReadOptions::default() };
    let mut reader = JsonReader::with_chunk_size(content, "f.json", &options, chunk);
    let mut out = Vec::new();
    let mut base = 0;
    while let Some(job) = reader.next_job().unwrap() {
        let batch = job().unwrap();
        for row in 0..batch.rows {
            let cell = |name| match batch.column(name) {
                Some(column) => value(column, row).to_json(),
                None => "-".to_owned(),
            };
            let missing = |text: String| if text == "null" { "-".to_owned() } else { text };
            let cells = [missing(cell("a")), missing(cell("b"))];
            out.push(format!("{}:{}", base + batch.row_lines.line(row) + 1, cells.join("|")));
        }
        if let Some(bad) = batch.rejected.first() {
            out.push(format!("{}!{}", base + bad.line + 1, bad.reason));
            break;
        }
        base += batch.line_count;
    }
    out
}

fn value(column: &RawColumn, row: usize) -> Field {
    match column {
        RawColumn::Fields(values) => values.get(row).cloned().unwrap_or(Field::Null),
        RawColumn::Array(array) => EXACT.value(array, row).unwrap(),
        RawColumn::Text(_) => panic!(),
    }
}

fn check(content: &str, expected: &[&str]) {
    for chunk in (1..=content.len() + 1).chain([1 << 20]) {
        assert_eq!(read(content.as_bytes(), chunk), expected, "chunk {chunk}, {content}");
    }
}

#[test]
fn shapes() {
    check("{\"a\":1}\n{\"b\":2,\"a\":\"x\"}\n", &["1:1|-", "2:\"x\"|2"]);
    check("{\"a\":1}{\"a\":2} {\"a\":3}", &["1:1|-", "1:2|-", "1:3|-"]);
    check("[{\"a\":1},\n{\"a\":{\"a\":[1,{\"b\":2}]}}\n]", &["1:1|-", "2:{\"a\":[1,{\"b\":2}]}|-"]);
    check("[]", &[]);
    check("[{\"a\":1}]\n[{\"a\":2}]\n{\"a\":3}", &["1:1|-", "2:2|-", "3:3|-"]);
    check("\u{feff}\n\n{\"a\":\n1}\n", &["3:1|-"]);
    check("{\"z\":[{\"a\":9}],\"a\":\"}]\\\"{\"}", &["1:\"}]\\\"{\"|-"]);
    check("{}\n{\"a\":1,\"a\":2}", &["1:-|-", "2:2|-"]);
}

#[test]
fn values() {
    check("{\"a\":true,\"b\":{\"c\":false,\"d\":null}}", &["1:\"true\"|{\"c\":\"false\",\"d\":null}"]);
    check("{\"a\":2147483648,\"b\":1.50}", &["1:2147483648|1.5"]);
    check("{\"a\":123456789012345678901234567890,\"b\":-1e3}", &["1:123456789012345678901234567890|-1000.0"]);
    check("{\"a\":\"\\u00e9\\ud83d\\ude00\\/\\t\",\"b\":\"\\ud800x\"}", &["1:\"é😀/\\t\"|\"\u{fffd}x\""]);
    assert_eq!(Field::from_json("[true,1.50,1e5]").unwrap().to_json(), "[true,1.50,1e5]");
    assert!(Field::from_json("1 2").is_err());
}

#[test]
fn faults_have_their_line() {
    check("{\"a\":1}\nnonsense\n", &["1:1|-", "2!expected a JSON object, found 'nonsense'"]);
    check("{\"a\":1}\n\n{\"a\":tru}", &["1:1|-", "3!expected a JSON value, found 'tru'"]);
    check("[{\"a\":1}", &["1:1|-", "1!the array that holds the records is not closed"]);
    check("{\"a\":01}", &["1!'01' is not a number"]);
    check("{\"a\":1.}", &["1!'1.' is not a number"]);
    check("{\"a\":\"x", &["1!a string is not closed"]);
    check("{a:1}", &["1!expected a key in double quotes, found 'a'"]);
    check("7", &["1!expected a JSON object, found '7'"]);
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(600), "]".repeat(600));
    assert_eq!(read(deep.as_bytes(), 1 << 20), ["1!values are nested more than 500 deep"]);
}

#[test]
fn random_bytes_never_panic() {
    let mut state = 3u64;
    let mut random = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let alphabet = b"{}[]\"\\:,ab01.e-tfn \n\xc3\xa9";
    for _ in 0..2000 {
        let content: Vec<u8> = (0..random(40)).map(|_| alphabet[random(alphabet.len())]).collect();
        read(&content, 1 + random(20));
    }
}

#[test]
fn whole_records_for_nested_input() {
    let mut reader = JsonReader::new(&b"{\"a\":{\"b\":1}}\n{\"c\":2}"[..], "f.json", &ReadOptions::default());
    let batch = reader.next_job().unwrap().unwrap()().unwrap();
    let Some(RawColumn::Fields(records)) = batch.column(RECORD_COLUMN) else { panic!("{batch:?}") };
    let texts: Vec<String> = records.iter().map(Field::to_json).collect();
    assert_eq!(texts, ["{\"a\":{\"b\":1}}", "{\"c\":2}"]);
}
