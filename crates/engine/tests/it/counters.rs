//! The counters of a response for statements whose numbers are known from Pinot: ten films in two segments.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, RecordBatch},
    datatypes::{Field, Schema as ArrowSchema},
};
use engine::{Engine, EngineConfig, ExecuteContext};
use functions::arrays::from_values;
use model::{BloomConfig, ColumnType, DataType, IndexingConfig, Schema, Value};
use query::ExecutionStats;
use segment::{
    ImmutableSegment,
    creator::{CreatorOptions, SegmentCreator},
    reader::SegmentReader,
};

use crate::data::bind;

const FILMS: [&[&str]; 2] = [
    &[
        "Alpha,Drama;War,FR,7.5,1200,10000",
        "Bravo,Comedy,US,6.25,800,10001",
        "Charlie,Drama,US,8.0,2500,10002",
        "Delta,Action;Comedy,DE,5.5,300,10003",
        "Echo,Drama;Romance,FR,7.0,950,10004",
        "Foxtrot,War,US,6.0,410,10005",
    ],
    &[
        "Golf,Sport,GB,4.5,120,10010",
        "Hotel,Comedy;Romance,GB,6.75,640,10011",
        "India,Drama,IN,8.5,5100,10012",
        "Juliett,Romance,IT,7.25,770,10013",
    ],
];

/// Docs scanned, entries scanned in and after the filter, segments processed, matched, pruned by the server, by limit
/// and by value.
const KNOWN: &[(&str, [u64; 8])] = &[
    ("SELECT * FROM films ORDER BY title LIMIT 3", [3, 0, 18, 1, 1, 1, 1, 0]),
    ("SELECT title FROM films ORDER BY votes DESC LIMIT 3", [10, 0, 16, 2, 2, 0, 0, 0]),
    ("SELECT DISTINCT $hostName FROM films", [2, 0, 2, 2, 2, 0, 0, 0]),
    ("SELECT title FROM films WHERE country = 'US' ORDER BY title LIMIT 10", [3, 0, 3, 1, 1, 1, 0, 0]),
    ("SELECT COUNT(*) FROM films", [10, 0, 0, 2, 2, 0, 0, 0]),
    ("SELECT title, country FROM films ORDER BY title LIMIT 2", [2, 0, 4, 1, 1, 1, 1, 0]),
    ("SELECT title FROM films WHERE country IN ('FR', 'GB') ORDER BY title LIMIT 10", [4, 0, 4, 2, 2, 0, 0, 0]),
    ("SELECT title, rating FROM films WHERE rating BETWEEN 6 AND 7 ORDER BY rating", [4, 0, 8, 2, 2, 0, 0, 0]),
    ("SELECT title FROM films WHERE title LIKE '%o%' ORDER BY title", [5, 0, 5, 2, 2, 0, 0, 0]),
    ("SELECT title, genres FROM films WHERE genres <> 'Drama' ORDER BY title", [6, 14, 12, 2, 2, 0, 0, 0]),
    ("SELECT title, votes FROM films WHERE country = 'XX'", [0, 0, 0, 0, 0, 2, 0, 0]),
    ("SELECT COUNT(*), SUM(votes), DISTINCTCOUNT(title) FROM films WHERE country = 'XX'", [0, 0, 0, 0, 0, 2, 0, 0]),
    ("SELECT genres, COUNT(*) FROM films GROUP BY genres ORDER BY COUNT(*) DESC, genres", [10, 0, 10, 2, 2, 0, 0, 0]),
    ("SELECT DISTINCT country FROM films ORDER BY country LIMIT 20", [6, 0, 6, 2, 2, 0, 0, 0]),
    ("SELECT COUNTMV(genres), DISTINCTCOUNTMV(genres) FROM films", [10, 0, 10, 2, 2, 0, 0, 0]),
    (
        "SELECT COUNT(*) FILTER (WHERE country = 'XX'), SUM(votes) FILTER (WHERE country = 'US') FROM films",
        [3, 0, 3, 2, 1, 0, 0, 0],
    ),
    ("SELECT country, COUNT(*) FROM films GROUP BY country ORDER BY country", [10, 0, 10, 2, 2, 0, 0, 0]),
    ("SET skipIndexes='country=inverted'; SELECT COUNT(*) FROM films WHERE country = 'US'", [3, 6, 0, 1, 1, 1, 0, 0]),
    ("SELECT COUNT(*) FROM films WHERE country = 'US'", [3, 0, 0, 1, 1, 1, 0, 0]),
    ("SELECT COUNT(*) FROM films WHERE title = 'Golf'", [1, 0, 0, 1, 1, 1, 0, 0]),
    ("SELECT COUNT(*) FROM films WHERE released > 20000", [0, 0, 0, 0, 0, 2, 0, 2]),
    ("SELECT votes / 0, MOD(votes, 0) FROM films LIMIT 1", [1, 0, 1, 1, 1, 1, 1, 0]),
    ("SELECT title FROM films ORDER BY title LIMIT 2147483647", [10, 0, 10, 2, 2, 0, 0, 0]),
];

fn schema() -> Arc<Schema> {
    let json = serde_json::json!({
        "schemaName": "films",
        "dimensionFieldSpecs": [
            {"name": "title", "dataType": "STRING"},
            {"name": "genres", "dataType": "STRING", "singleValueField": false},
            {"name": "country", "dataType": "STRING"}
        ],
        "metricFieldSpecs": [{"name": "rating", "dataType": "DOUBLE"}, {"name": "votes", "dataType": "LONG"}],
        "dateTimeFieldSpecs":
            [{"name": "released", "dataType": "LONG", "format": "EPOCH|DAYS", "granularity": "DAYS"}]
    });
    Arc::new(Schema::from_json(&json).unwrap())
}

fn segments(directory: &tempfile::TempDir) -> Vec<Arc<dyn SegmentReader>> {
    let schema = schema();
    let set = |name: &str| [name.to_owned()].into_iter().collect();
    let mut indexing = IndexingConfig { inverted: set("country"), range: set("rating"), ..Default::default() };
    indexing.bloom.insert("title".to_owned(), BloomConfig { fpp: 0.05, max_size_bytes: 0 });
    let text = |cell: &str| Value::String(cell.to_owned());
    let mut out: Vec<Arc<dyn SegmentReader>> = Vec::new();
    for (ordinal, films) in FILMS.iter().enumerate() {
        let column = |at: usize, ty: ColumnType, of: &dyn Fn(&str) -> Value| -> ArrayRef {
            let cells: Vec<Value> = films.iter().map(|film| of(film.split(',').nth(at).unwrap())).collect();
            from_values(ty, &cells).unwrap()
        };
        let genres = |cell: &str| Value::Array(DataType::String, cell.split(';').map(text).collect());
        let long = |cell: &str| Value::Long(cell.parse().unwrap());
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("title", column(0, DataType::String.sv(), &text)),
            ("genres", column(1, DataType::String.mv(), &genres)),
            ("country", column(2, DataType::String.sv(), &text)),
            ("rating", column(3, DataType::Double.sv(), &|cell| Value::Double(cell.parse().unwrap()))),
            ("votes", column(4, DataType::Long.sv(), &long)),
            ("released", column(5, DataType::Long.sv(), &long)),
        ];
        let fields: Vec<Field> = columns.iter().map(|(n, a)| Field::new(*n, a.data_type().clone(), true)).collect();
        let arrays = columns.into_iter().map(|(_, array)| array).collect();
        let output_file = directory.path().join(format!("{ordinal}.segment"));
        let mut creator = SegmentCreator::new(CreatorOptions {
            segment_name: format!("films_{ordinal}"),
            table_name: "films_OFFLINE".to_owned(),
            schema: Arc::clone(&schema),
            indexing: indexing.clone(),
            time_column: Some("released".to_owned()),
            output_file: output_file.clone(),
            work_dir: directory.path().to_path_buf(),
            memory_budget_bytes: 1 << 20,
        })
        .unwrap();
        creator.append(&RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays).unwrap()).unwrap();
        creator.finish().unwrap();
        out.push(ImmutableSegment::open(&output_file).unwrap());
    }
    out
}

fn counters(stats: &ExecutionStats) -> [u64; 8] {
    [
        stats.num_docs_scanned,
        stats.num_entries_scanned_in_filter,
        stats.num_entries_scanned_post_filter,
        stats.num_segments_processed,
        stats.num_segments_matched,
        stats.num_segments_pruned_by_server,
        stats.num_segments_pruned_by_limit,
        stats.num_segments_pruned_by_value,
    ]
}

#[test]
fn counters_are_those_of_pinot() {
    let directory = tempfile::tempdir().unwrap();
    let (segments, schema) = (segments(&directory), schema());
    let engine = Engine::new(EngineConfig { threads: 1, ..EngineConfig::default() });
    let context = ExecuteContext { final_values: true, host_name: "h".to_owned(), ..ExecuteContext::default() };
    let mut wrong = Vec::new();
    for (sql, want) in KNOWN {
        let result = engine.execute(&bind(&schema, "films", sql), &segments, &context);
        assert!(result.exceptions.is_empty(), "{sql}: {:?}", result.exceptions);
        assert_eq!((result.stats.total_docs, result.stats.num_segments_queried), (10, 2));
        if counters(&result.stats) != *want {
            wrong.push(format!("{sql}\n  got  {:?}\n  want {want:?}", counters(&result.stats)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn explain_shows_the_plan_of_pinot() {
    let directory = tempfile::tempdir().unwrap();
    let (segments, schema) = (segments(&directory), schema());
    let engine = Engine::new(EngineConfig { threads: 1, ..EngineConfig::default() });
    let plan = |sql: &str| -> Vec<(String, i32, i32)> {
        engine.execute(&bind(&schema, "films", sql), &segments, &ExecuteContext::default()).explain
    };
    let row = |text: &str, id, parent| (text.to_owned(), id, parent);
    assert_eq!(
        plan("EXPLAIN PLAN FOR SELECT title FROM films WHERE country = 'US' ORDER BY title LIMIT 3"),
        [
            row("COMBINE_SELECT_ORDERBY_MINMAX", 2, 1),
            row("PLAN_START(numSegmentsForThisPlan:1)", -1, -1),
            row("SELECT_PARTIAL_ORDER_BY_LINEAR(sortedList: (title), unsortedList: (), rest: ())", 3, 2),
            row("PROJECT(title)", 4, 3),
            row("DOC_ID_SET", 5, 4),
            row("FILTER_INVERTED_INDEX(indexLookUp:inverted_index,operator:EQ,predicate:country = 'US')", 6, 5),
        ]
    );
    assert_eq!(
        plan(
            "EXPLAIN PLAN FOR SELECT COUNT(*) FROM films WHERE country = 'US' AND (rating > 7 OR title = 'Alpha') \
             AND votes > 3"
        ),
        [
            row("COMBINE_AGGREGATE", 2, 1),
            row("PLAN_START(numSegmentsForThisPlan:1)", -1, -1),
            row("AGGREGATE(aggregations:count(*))", 3, 2),
            row("PROJECT()", 4, 3),
            row("DOC_ID_SET", 5, 4),
            row("FILTER_AND", 6, 5),
            row("FILTER_INVERTED_INDEX(indexLookUp:inverted_index,operator:EQ,predicate:country = 'US')", 7, 6),
            row("FILTER_OR", 8, 6),
            row("FILTER_RANGE_INDEX(indexLookUp:range_index,operator:RANGE,predicate:rating > '7')", 9, 8),
            row("FILTER_SORTED_INDEX(indexLookUp:sorted_index,operator:EQ,predicate:title = 'Alpha')", 10, 8),
        ]
    );
    let pruned = plan("EXPLAIN PLAN FOR SELECT COUNT(*) FROM films WHERE released > 20000");
    assert_eq!(pruned, [row("ALL_SEGMENTS_PRUNED_ON_SERVER", 2, 1)]);
}
