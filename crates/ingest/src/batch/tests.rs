//! Whole files to whole segments.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use functions::arrays::value_at;
use model::{Schema, TableConfig, Value, render};
use segment::{ImmutableSegment, SegmentReader as _};
use serde_json::{Value as Json, json};

use super::*;

/// Directories of one load.
struct Place {
    _root: tempfile::TempDir,
    input: PathBuf,
    work: PathBuf,
    output: PathBuf,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let dir = |name: &str| {
            let path = root.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        Self { input: root.path().join("in"), work: dir("work"), output: dir("out"), _root: root }
    }

    fn left_behind(&self) -> Vec<String> {
        let names = |dir: &PathBuf| fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        names(&self.work).chain(names(&self.output)).collect()
    }
}

struct Load {
    schema: Json,
    table: Json,
    config: BTreeMap<String, String>,
    now_ms: i64,
}

impl Load {
    fn new(fields: Json, config: &[(&str, &str)]) -> Self {
        let mut schema = json!({"schemaName": "t"});
        schema.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let table = json!({
            "tableName": "t", "tableType": "OFFLINE", "segmentsConfig": {"replication": "1"},
            "tenants": {}, "tableIndexConfig": {}, "metadata": {}
        });
        let config = config.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Self { schema, table, config, now_ms: 1_700_000_000_000 }
    }

    fn table(mut self, key: &str, value: Json) -> Self {
        self.table[key] = value;
        self
    }

    fn job(&self, place: &Place) -> Result<BatchJob, Error> {
        let schema = Arc::new(Schema::from_json(&self.schema).unwrap());
        let table = Arc::new(TableConfig::from_json(&self.table).unwrap());
        let dirs = (place.work.clone(), place.output.clone());
        BatchJob::from_config_map(&self.config, place.input.clone(), "data.x", schema, table, dirs, self.now_ms)
    }

    fn run(&self, content: &[u8]) -> Result<(BatchReport, Vec<String>), Error> {
        let place = Place::new();
        fs::write(&place.input, content).unwrap();
        let result = self.job(&place).and_then(|job| ingest_file(&job));
        match result {
            Ok(report) => {
                assert_eq!(place.left_behind(), std::slice::from_ref(&report.segment.metadata.segment_name));
                let rows = rows(&report);
                Ok((report, rows))
            }
            Err(e) => {
                assert_eq!(place.left_behind(), [""; 0], "after: {e}");
                Err(e)
            }
        }
    }

    /// The rows, columns in schema order separated by `|`; nulls of the null vector as `~` before the default.
    fn rows(&self, content: &str) -> Vec<String> {
        self.run(content.as_bytes()).unwrap_or_else(|e| panic!("{e}")).1
    }

    fn error(&self, content: &str) -> String {
        match self.run(content.as_bytes()) {
            Ok((_, rows)) => panic!("no error, rows: {rows:?}"),
            Err(e) => e.to_string(),
        }
    }
}

fn rows(report: &BatchReport) -> Vec<String> {
    let segment = ImmutableSegment::open(&report.segment.file).unwrap();
    let names: Vec<String> = report.segment.metadata.columns.iter().map(|c| c.name.clone()).collect();
    let docs = segment.num_docs();
    let cell = |name: &String, doc: u32| {
        let column = segment.column(name).unwrap();
        let values = column.values_range(doc..doc + 1);
        let text = match value_at(values.as_ref(), column.ty(), 0) {
            Value::Array(_, items) => {
                format!("[{}]", items.iter().map(render::to_text).collect::<Vec<_>>().join(","))
            }
            value => render::to_text(&value),
        };
        if column.nulls().is_some_and(|n| n.contains(doc)) { format!("~{text}") } else { text }
    };
    (0..docs).map(|doc| names.iter().map(|n| cell(n, doc)).collect::<Vec<_>>().join("|")).collect()
}

fn two_columns() -> Json {
    json!({"dimensionFieldSpecs": [{"name": "a", "dataType": "STRING"}, {"name": "n", "dataType": "INT"}]})
}

const CSV: (&str, &str) = ("inputFormat", "csv");
const JSON: (&str, &str) = ("inputFormat", "json");

#[test]
fn a_csv_becomes_a_segment() {
    let load = Load::new(two_columns(), &[CSV, ("recordReader.prop.delimiter", "|")]);
    let (report, rows) = load.run(b"a|n\nx|1\ny|2\nz|\n").unwrap();
    assert_eq!(rows, ["x|1", "y|2", "z|-2147483648"]);
    assert_eq!(report.segment.metadata.segment_name, "t_1700000000000");
    assert_eq!((report.rows_read, report.rows_indexed, report.rows_rejected), (3, 3, 0));
}

#[test]
fn names_carry_the_time_range() {
    let fields = json!({
        "dimensionFieldSpecs": [{"name": "a", "dataType": "STRING"}],
        "dateTimeFieldSpecs": [{"name": "ts", "dataType": "TIMESTAMP", "format": "TIMESTAMP", "granularity": "1:MILLISECONDS"}]
    });
    let segments = json!({"replication": "1", "timeColumnName": "ts"});
    let name = |config: &[(&str, &str)]| {
        let config: Vec<_> = [&[CSV], config].concat();
        let load = Load::new(fields.clone(), &config).table("segmentsConfig", segments.clone());
        let result = load.run(b"a,ts\nx,2006-02-12 00:00:00.0\ny,2009-02-12 00:00:00\n");
        result.map(|(r, _)| r.segment.metadata.segment_name).map_err(|e| e.to_string())
    };
    assert_eq!(name(&[]).unwrap(), "t_1139702400000_1234396800000_1700000000000");
    let postfix = ("segmentNameGenerator.configs.segment.name.postfix", "part0");
    assert_eq!(name(&[postfix]).unwrap(), "t_1139702400000_1234396800000_part0");
    assert_eq!(
        name(&[("segmentNameGenerator.type", "normalizedDate"), postfix]).unwrap(),
        "t_2006-02-12_2009-02-12_part0"
    );
    let fixed = |name| [("segmentNameGenerator.type", "fixed"), ("segmentNameGenerator.configs.segment.name", name)];
    assert_eq!(name(&fixed("mine")).unwrap(), "mine");
    for bad in ["../x", "a/b", "..", "a b"] {
        assert!(name(&fixed(bad)).unwrap_err().contains("cannot be used"), "{bad}");
    }
    assert!(name(&[("segmentNameGenerator.type", "nosuch")]).unwrap_err().contains("expected simple"));
}

#[test]
fn bad_rows_are_named_and_nothing_stays() {
    let load = Load::new(two_columns(), &[CSV]);
    assert_eq!(
        load.error("a,n\nx,1\n\"q\nq\",2\ny,oops\nz,1.0\n"),
        "at least 2 rows of data.x cannot be ingested: data.x:5:n: Cannot convert value: 'oops' to type: INT; \
         data.x:6:n: Cannot convert value: '1.0' to type: INT"
    );
    let forgiving = Load::new(two_columns(), &[CSV]).table("ingestionConfig", json!({"continueOnError": true}));
    let (report, rows) = forgiving.run(b"a,n\nx,1\ny,oops\n").unwrap();
    assert_eq!(rows, ["x|1", "y|-2147483648"]);
    assert_eq!((report.rows_indexed, report.rows_incomplete), (2, 1));
    assert_eq!(report.first_errors[0].to_string(), "data.x:3:n: Cannot convert value: 'oops' to type: INT");
}

#[test]
fn records_that_cannot_be_read_are_left_out_and_counted() {
    let (report, rows) = Load::new(two_columns(), &[CSV]).run(b"a,n\nx,1\n\"y\"z,2\nw,3\n").unwrap();
    assert_eq!(rows, ["x|1", "w|3"]);
    assert_eq!((report.rows_read, report.rows_indexed, report.rows_rejected), (3, 2, 1));
    assert_eq!(
        report.first_errors[0].to_string(),
        "data.x:3: text stands between the closing quote of field 1 and the delimiter"
    );
    let strict = Load::new(two_columns(), &[CSV, ("recordReader.prop.stopOnError", "true")]);
    assert!(strict.error("a,n\nx,1\n\"y\"z,2\n").starts_with("data.x:3: "));
    let open = Load::new(two_columns(), &[CSV]).error("a,n\nx,1\n\"y,2\nw,3\n");
    assert_eq!(open, "data.x:3: a quote opens and never closes");
}

#[test]
fn empty_files() {
    let load = Load::new(two_columns(), &[CSV]);
    assert_eq!(load.rows(""), [""; 0]);
    assert_eq!(Load::new(two_columns(), &[JSON]).rows(""), [""; 0]);
    assert_eq!(Load::new(two_columns(), &[JSON]).rows("[]"), [""; 0]);
    for format in ["avro", "parquet"] {
        let error = Load::new(two_columns(), &[("inputFormat", format)]).error("");
        assert!(error.starts_with("data.x is not a readable "), "{error}");
    }
    assert_eq!(load.rows("a,n\n"), [""; 0]);
    let strict = Load::new(two_columns(), &[CSV, ("fail.on.empty.segment", "true")]);
    assert!(strict.error("a,n\n").contains("holds no rows"));
}

#[test]
fn json_in_all_shapes() {
    let load = Load::new(two_columns(), &[JSON]);
    let expected = ["x|1", "y|2"];
    assert_eq!(load.rows("{\"a\":\"x\",\"n\":1}\n{\"a\":\"y\",\"n\":\"2\"}\n"), expected);
    assert_eq!(load.rows("[{\"a\":\"x\",\"n\":1},\n {\"a\":\"y\",\"n\":2}]"), expected);
    assert_eq!(load.rows("{\"a\":\"x\",\"n\":1}{\"a\":\"y\",\"n\":2}"), expected);
    assert_eq!(load.rows("{\n \"a\": \"x\",\n \"n\": 1\n}\n{\n \"a\": \"y\",\n \"n\": 2\n}"), expected);
    assert_eq!(load.error("this is not json"), "data.x:1: expected a JSON object, found 'this'");
    assert_eq!(
        load.error("{\"a\":\"x\",\"n\":1}\n{\"a\":\"y\""),
        "data.x:2: expected ',' or '}', found the end of the file"
    );
    assert_eq!(
        load.error("{\"a\":\"x\",\"n\":1}\n{\"a\":\"x\",\"n\":\"not a number\"}\n"),
        "1 row of data.x cannot be ingested: data.x:2:n: Cannot convert value: 'not a number' to type: INT"
    );
}

/// Large enough for several pieces on several threads.
fn long_csv(rows: usize) -> String {
    let line = |i| format!("{i},\"quoted\nvalue {i}, with some more text to make the line longer than it would be\"\n");
    std::iter::once("n,a\n".to_owned()).chain((0..rows).map(line)).collect()
}

#[test]
fn many_pieces_keep_order_and_lines() {
    let load = Load::new(two_columns(), &[CSV]);
    let (report, rows) = load.run(long_csv(60_000).as_bytes()).unwrap();
    assert_eq!((report.rows_read, report.rows_indexed), (60_000, 60_000));
    let first: Vec<usize> = rows.iter().map(|r| r.rsplit('|').next().unwrap().parse().unwrap()).collect();
    assert!(first.iter().enumerate().all(|(i, n)| i == *n));
    let bad = format!("{}x,y\n", long_csv(60_000));
    assert!(load.error(&bad).contains(": data.x:120002:n: Cannot convert value: 'x' to type: INT"));
}

#[test]
fn compressed_files() {
    use std::io::Write as _;
    let content = long_csv(30_000);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(content.as_bytes()).unwrap();
    let gz = gz.finish().unwrap();
    let load = Load::new(two_columns(), &[CSV]);
    assert_eq!(load.run(&gz).unwrap().0.rows_indexed, 30_000);
    // Cut in the middle: an error, not fewer rows.
    let error = load.run(&gz[..gz.len() / 2]).unwrap_err();
    assert_eq!(error.to_string(), "cannot read input file data.x");
}

#[test]
fn a_cancelled_load_leaves_nothing() {
    let place = Place::new();
    fs::write(&place.input, long_csv(10)).unwrap();
    let mut job = Load::new(two_columns(), &[CSV]).job(&place).unwrap();
    job.cancel = Some(Arc::new(std::sync::atomic::AtomicBool::new(true)));
    assert_eq!(ingest_file(&job).unwrap_err().to_string(), "the ingestion of data.x was cancelled");
    assert_eq!(place.left_behind(), [""; 0]);
}

#[test]
fn times_outside_of_a_century_are_refused() {
    let fields = json!({
        "dateTimeFieldSpecs": [{"name": "ts", "dataType": "LONG", "format": "1:MILLISECONDS:EPOCH", "granularity": "1:DAYS"}]
    });
    let segments = json!({"replication": "1", "timeColumnName": "ts"});
    let load = Load::new(fields, &[CSV]).table("segmentsConfig", segments);
    let error = load.error("ts\n1600000000\n");
    assert!(error.contains("Invalid segment start/end time: 1970-01-19"), "{error}");
    let lenient = load.table("ingestionConfig", json!({"segmentTimeValueCheck": false}));
    assert_eq!(lenient.rows("ts\n1600000000\n"), ["1600000000"]);
    // A row without time has the ingestion time.
    assert_eq!(lenient.rows("ts,x\n,1\n"), ["1700000000000"]);
}

#[test]
fn cells_with_several_values() {
    let fields = json!({"dimensionFieldSpecs": [
        {"name": "s", "dataType": "STRING"}, {"name": "n", "dataType": "INT"},
        {"name": "m", "dataType": "INT", "singleValueField": false}
    ]});
    let load = Load::new(fields.clone(), &[CSV]);
    assert_eq!(load.rows("s,n,m\na;,1,1;2;3\nb,2,7\nc,3,\n"), ["a;|1|[1,2,3]", "b|2|[7]", "c|3|[-2147483648]"]);
    let error = load.error("s,n,m\na;b,1,1\nb,2;3,1\n");
    assert!(error.contains("data.x:2:s: Cannot read single-value from Object[]: [a, b] for column: s"), "{error}");
    assert!(error.contains("data.x:3:n: Cannot read single-value from Object[]: [2, 3] for column: n"), "{error}");
    let off = Load::new(fields, &[CSV, ("recordReader.prop.multiValueDelimiterEnabled", "false")]);
    assert_eq!(off.rows("s,n,m\na;b,1,1\n"), ["a;b|1|[1]"]);
}

#[test]
fn parquet_columns_take_the_schemas_types() {
    use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
    let batch = RecordBatch::try_from_iter(vec![
        ("n", Arc::new(Int64Array::from(vec![Some(1), None])) as ArrayRef),
        ("a", Arc::new(StringArray::from(vec!["x", "y"]))),
        ("d", Arc::new(Float64Array::from(vec![1.5, f64::NAN]))),
        ("ts", Arc::new(TimestampMillisecondArray::from(vec![1_600_000_000_000, 0]))),
    ])
    .unwrap();
    let mut content = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut content, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let fields = json!({"dimensionFieldSpecs": [
        {"name": "a", "dataType": "STRING"}, {"name": "n", "dataType": "INT"},
        {"name": "d", "dataType": "DOUBLE"}, {"name": "ts", "dataType": "TIMESTAMP"}, {"name": "gone", "dataType": "LONG"}
    ]});
    let (_, rows) = Load::new(fields, &[("inputFormat", "parquet")]).run(&content).unwrap();
    assert_eq!(
        rows,
        [
            "x|1|1.5|2020-09-13 12:26:40.0|-9223372036854775808",
            "y|-2147483648|-Infinity|1970-01-01 00:00:00.0|-9223372036854775808"
        ]
    );
}

#[test]
fn progress_is_counted_over_files() {
    let load = Load::new(two_columns(), &[CSV]);
    let progress = Arc::new(crate::Progress::default());
    let contents = [&b"a,n\nx,1\n\"y\"z,2\nw,3\n"[..], b"a,n\nx,oops\n"];
    progress.expect(2, contents.iter().map(|c| c.len() as u64).sum());
    for content in contents {
        let place = Place::new();
        fs::write(&place.input, content).unwrap();
        let mut job = load.job(&place).unwrap();
        job.progress = progress.clone();
        // A file that fails is done, too.
        let _ = ingest_file(&job);
    }
    let seen = progress.snapshot();
    assert_eq!((seen.files, seen.files_done), (2, 2));
    assert_eq!((seen.bytes, seen.total_bytes), (30, 30));
    assert_eq!((seen.rows_read, seen.rows_indexed, seen.rows_rejected), (4, 3, 1));
}
