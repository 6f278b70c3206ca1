//! Every option of the CSV reader, and chunk boundaries anywhere.

use std::collections::BTreeMap;

use super::*;

fn options(properties: &[(&str, &str)]) -> ReadOptions {
    let properties: BTreeMap<_, _> = properties.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    // Every column of the tests, so that none is left out.
    let columns = ["a", "b", "c", "d", "é", "x y"].map(str::to_owned);
    ReadOptions { properties, columns: Some(columns.into()), ..ReadOptions::default() }
}

/// Rows as `line:cell|cell`, nulls as `~`, lists as `[p,q]`; rejected records as `line!reason`.
fn read(content: &[u8], properties: &[(&str, &str)], chunk: usize) -> Result<Vec<String>, Error> {
    let mut reader = CsvReader::with_chunk_size(content, "f.csv", &options(properties), chunk)?;
    let mut out = Vec::new();
    let mut base = 0;
    while let Some(job) = reader.next_job()? {
        let batch = job()?;
        for row in 0..batch.rows {
            let cells = batch.columns.iter().map(|(_, column)| match column {
                RawColumn::Text(text) => match text.field(row) {
                    super::super::Field::Null => "~".to_owned(),
                    super::super::Field::Text(text) => text,
                    other => other.to_json().replace('"', ""),
                },
                other => panic!("{other:?}"),
            });
            let cells: Vec<String> = cells.collect();
            out.push((base + batch.row_lines.line(row) + 1, cells.join("|")));
        }
        for bad in &batch.rejected {
            out.push((base + bad.line + 1, format!("!{}{}", bad.reason, if bad.fatal { " (fatal)" } else { "" })));
        }
        base += batch.line_count;
    }
    out.sort_by_key(|(line, _)| *line);
    Ok(out.into_iter().map(|(line, text)| format!("{line}:{text}")).collect())
}

/// The same rows whatever the chunk size is.
fn check(content: &str, properties: &[(&str, &str)], expected: &[&str]) {
    for chunk in (1..=content.len() + 1).chain([1 << 20]) {
        let rows = read(content.as_bytes(), properties, chunk).unwrap();
        assert_eq!(rows, expected, "chunk {chunk}, {properties:?}, {content:?}");
    }
}

fn refused(content: &str, properties: &[(&str, &str)]) -> String {
    read(content.as_bytes(), properties, 1 << 20).unwrap_err().to_string()
}

#[test]
fn plain_files() {
    check("a,b\n1,2\n3,4\n", &[], &["2:1|2", "3:3|4"]);
    check("a,b\r\n1,2\r\n3,4", &[], &["2:1|2", "3:3|4"]);
    check("a,b\r1,2\r3,4\r", &[], &["2:1|2", "3:3|4"]);
    check("\u{feff}a,b\n1,2\n", &[], &["2:1|2"]);
    check("a,b\n1\n1,2,3\n,\n", &[], &["2:1|~", "3:1|2", "4:~|~"]);
    check("a,b\n1,", &[], &["2:1|~"]);
    check("a,b\n", &[], &[]);
    check("a,skipped,b\n1,x,2\n", &[], &["2:1|2"]);
    check("é,b\nü,2\n", &[], &["2:ü|2"]);
    check("a,b,\n1,2,\n", &[], &["2:1|2"]);
}

#[test]
fn quotes() {
    check("a,b\n\"1,1\",\"x \"\"y\"\"\"\n", &[], &["2:1,1|x \"y\""]);
    check("a,b\n\"l1\nl2\r\nl3\",2\n3,4\n", &[], &["2:l1\nl2\r\nl3|2", "5:3|4"]);
    check("a,b\n 5\" disk ,\"q\" \n \"r\",s\"t\"\n", &[], &["2:5\" disk|q", "3:r|s\"t\""]);
    check("a,b\n\"\",\" \"\n", &[], &["2:~| "]);
    check("a,b\n'1,1',\"2\"\n", &[("quoteCharacter", "'")], &["2:1,1|\"2\""]);
    let bad = "!text stands between the closing quote of field 1 and the delimiter";
    check("a,b\n\"1\"x,2\n3,4\n", &[], &[&format!("2:{bad}"), "3:3|4"]);
    check("a,b\n\"1\"x,\"2\n2\"\n3,4\n", &[], &[&format!("2:{bad}"), "4:3|4"]);
    check("a,b\n\"1\"x,2\n", &[("stopOnError", "true")], &[&format!("2:{bad} (fatal)")]);
    check("a,b\n1,2\n\"3,4\n5,6\n", &[], &["2:1|2", "3:!a quote opens and never closes (fatal)"]);
}

#[test]
fn delimiters() {
    check("a|b\n1|2,3\n", &[("delimiter", "|")], &["2:1|2,3"]);
    check("a\tb\n1\t2 \n \t3\n", &[("delimiter", "\t")], &["2:1|2", "3:~|3"]);
    check("a\tb\n1\t2\n", &[("delimiter", "\\t")], &["2:1|2"]);
    check("a☥b\n1☥\"2☥\"\n", &[("delimiter", "☥")], &["2:1|2☥"]);
    check("a b\n1 2\n", &[("delimiter", " ")], &["2:1|2"]);
}

#[test]
fn several_values_in_a_cell() {
    check("a,b\n1;2;;3,;4\n;,5\n", &[], &["2:[1,2,3]|;4", "3:;|5"]);
    check("a,b\n1;2,3\n", &[("multiValueDelimiterEnabled", "false")], &["2:1;2|3"]);
    check("a,b\n1$2,3;4\n", &[("multiValueDelimiter", "$")], &["2:[1,2]|3;4"]);
}

#[test]
fn comments_escapes_nulls() {
    let comment = [("commentMarker", "#")];
    check("# \"odd\na,b\n1,2\n#3,\"4\n5,#6\n", &comment, &["3:1|2", "5:5|#6"]);
    let escape = [("escapeCharacter", "\\")];
    check("a,b\n1\\,1,\"x\\\"y\\n\"\n\\q,2\\\n2\n", &escape, &["2:1,1|x\"y\n", "3:\\q|2\n2"]);
    check("a,b\nNULL,\"NULL\"\nNULLS,\n", &[("nullStringValue", "NULL")], &["2:~|~", "3:NULLS|~"]);
}

#[test]
fn headers() {
    check("1,2\n", &[("header", "a,b")], &["1:1|2"]);
    check("x,y\n1,2\n", &[("header", "a,b"), ("skipHeader", "true")], &["2:1|2"]);
    check("1\n2\n", &[("header", "a")], &["1:1", "2:2"]);
    check("a , x y\n1,2\n", &[], &["2:1|2"]);
    assert!(refused("1,2\n", &[("header", "a|b")]).contains("Header does not contain the configured delimiter"));
    assert!(refused("a,a\n1,2\n", &[]).contains("has the name 'a' twice"));
}

#[test]
fn empty_lines_and_spaces() {
    check("a,b\n\n1,2\n\r\n\n3,4\n\n", &[], &["3:1|2", "6:3|4"]);
    check("a,b\n\n1,2\n", &[("ignoreEmptyLines", "false")], &["2:~|~", "3:1|2"]);
    check("a,b\n 1 ,\t2\t\n   \n", &[], &["2:1|2", "3:~|~"]);
    check("a,b\n 1 , \"2\"\n", &[("ignoreSurroundingSpaces", "false")], &["2: 1 | \"2\""]);
}

#[test]
fn file_formats() {
    check("a\tb\n1\t\\N\nx\\ty\t\"z\n", &[("fileFormat", "MYSQL")], &["2:1|~", "3:x\ty|\"z"]);
    check("a\tb\n1\t\"2\t\"\n", &[("fileFormat", "tdf")], &["2:1|2\t"]);
    check("a|b\n1\\|1|2\n", &[("fileFormat", "INFORMIX_UNLOAD")], &["2:1|1|2"]);
    for name in ["DEFAULT", "CUSTOM", "EXCEL", "RFC4180", "POSTGRESQL_CSV", "MONGODB_CSV"] {
        check("a,b\n1,\"2\"\n", &[("fileFormat", name)], &["2:1|2"]);
    }
    check("a;b\n1;2\n", &[("fileFormat", "EXCEL"), ("delimiter", ";")], &["2:1|2"]);
}

#[test]
fn bad_properties() {
    for (key, value) in [
        ("delimiter", "ab"),
        ("delimiter", "\n"),
        ("quoteCharacter", "é"),
        ("skipHeader", "yes"),
        ("escapeCharacter", "\""),
        ("commentMarker", ","),
    ] {
        assert!(refused("a,b\n1,2\n", &[(key, value)]).contains("invalid reader property"), "{key}={value}");
    }
}

#[test]
fn bytes_that_are_no_utf8_become_replacement_characters() {
    let rows = read(b"a,b\nx\xff,\"\xc3\"\n", &[], 1 << 20).unwrap();
    assert_eq!(rows, ["2:x\u{fffd}|\u{fffd}"]);
}

/// Random bytes from a small alphabet: both tokenisers, cut anywhere, agree and never panic.
#[test]
fn random_files_read_the_same_in_every_chunk_size() {
    let mut state = 7u64;
    let mut random = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    for _ in 0..400 {
        let alphabet = b"ab,,\"\"\n\n\r ;";
        let body: Vec<u8> = (0..random(60)).map(|_| alphabet[random(alphabet.len())]).collect();
        let content = [b"a,b,c\n", &body[..]].concat();
        let whole = read(&content, &[], 1 << 20).unwrap();
        for chunk in [1, 7, 16, 33] {
            assert_eq!(read(&content, &[], chunk).unwrap(), whole, "{:?}", String::from_utf8_lossy(&content));
        }
        // An escape character that does not occur sends the same file through the general tokeniser.
        let general = read(&content, &[("escapeCharacter", "~")], 1 << 20).unwrap();
        assert_eq!(general, whole, "{:?}", String::from_utf8_lossy(&content));
    }
}

#[test]
fn records_may_end_otherwise() {
    let pipe = [("recordSeparator", "|")];
    check("a,b|1,2|3,\"x|\ny\"|5,l1\nl2", &pipe, &["2:1|2", "3:3|x|\ny", "4:5|l1\nl2"]);
    check("a,b<>1,2<><>3,<4<>", &[("recordSeparator", "<>")], &["2:1|2", "4:3|<4"]);
    check("a,b;1,2;", &[("recordSeparator", ";"), ("multiValueDelimiterEnabled", "false")], &["2:1|2"]);
    check("#c|a,b|1,2", &[("recordSeparator", "|"), ("commentMarker", "#")], &["3:1|2"]);
    // Line breaks of all kinds end a record whichever of them is named.
    for named in ["\n", "\r\n", "\\n", "\\r\\n"] {
        check("a,b\n1,2\r\n3,4", &[("recordSeparator", named)], &["2:1|2", "3:3|4"]);
    }
    assert!(refused("a,b\n", &[("recordSeparator", ",x")]).contains("it starts as the delimiter"));
    assert!(refused("a,b\n", &[("recordSeparator", "a text that is far too long")]).contains("at most 16 bytes"));
}

#[test]
fn unknown_file_formats_are_the_default() {
    check("a,b\n1,2\n", &[("fileFormat", "csv")], &["2:1|2"]);
    check("a\tb\n1\t2\n", &[("fileFormat", "mongodbTsv")], &["2:1|2"]);
    check("1,2\n", &[("header", "\"a\",\"b\"")], &["1:1|2"]);
}
