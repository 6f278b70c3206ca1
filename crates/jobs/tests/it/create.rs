//! From files to archives.

use std::fs;

use jobs::{
    Event,
    convert::convert,
    rows::{CsvStyle, RowFormat},
};
use segment::SegmentReader as _;

use crate::support::Place;

fn line(id: u32, day: u32) -> String {
    format!("{{\"id\":{id},\"name\":\"n{id}\",\"day\":{day}}}\n")
}

#[tokio::test]
async fn each_file_becomes_a_segment_with_a_number_in_its_directory() {
    let place = Place::new();
    place.write("in/b.json", line(1, 19000) + &line(2, 19002));
    place.write("in/a.json", line(3, 19001));
    place.write("in/deep/c.json", line(4, 19003));
    place.write("in/deep/c.txt", "no data");
    place.write("in/deep/old/d.json", line(5, 19004));
    let more = "includeFileNamePattern: 'glob:**/*.json'\nexcludeFileNamePattern: 'regex:.*/old/.*'\nsegmentCreationJobParallelism: 2\n";
    let spec = place.spec("SegmentCreation", "json", more);
    let done = place.run(&spec).await.unwrap();
    let names = [
        "deep/orders_OFFLINE_19003_19003_0.tar.gz",
        "orders_OFFLINE_19000_19002_1.tar.gz",
        "orders_OFFLINE_19001_19001_0.tar.gz",
    ];
    assert_eq!(place.output(), names);
    assert_eq!((done.files, done.rows_read, done.rows_indexed, done.segments_built), (3, 4, 4, 3));
    let (metadata, segment) = place.segment(names[1]);
    assert_eq!((metadata.num_docs, metadata.min_time, metadata.max_time), (2, Some(19000), Some(19002)));
    assert!(segment.column("name").is_some());

    // Again: what is there stays, unless it may be overwritten.
    let before = fs::metadata(place.path("out").join(names[0])).unwrap().modified().unwrap();
    assert_eq!(place.run(&spec).await.unwrap().segments_built, 0);
    assert_eq!(fs::metadata(place.path("out").join(names[0])).unwrap().modified().unwrap(), before);
    let again = jobs::JobSpec { overwrite_output: true, create_metadata_tar: true, ..spec };
    assert_eq!(place.run(&again).await.unwrap().segments_built, 3);
    assert_eq!(place.output().len(), 6, "{:?}", place.output());
}

#[tokio::test]
async fn formats_give_the_same_rows() {
    let place = Place::new();
    place.write("in/x.json", line(1, 19000) + &line(2, 19001));
    place.run(&place.spec("SegmentCreation", "json", "")).await.unwrap();
    let archive = "orders_OFFLINE_19000_19001_0.tar.gz";
    let expected = "{\"id\":1,\"name\":\"n1\",\"day\":19000}\n{\"id\":2,\"name\":\"n2\",\"day\":19001}\n";
    for (format, kind) in [(RowFormat::Csv, "csv"), (RowFormat::Avro, "avro"), (RowFormat::Json, "json")] {
        let input = place.path("in");
        fs::remove_dir_all(&input).unwrap();
        fs::create_dir(&input).unwrap();
        assert_eq!(convert(&place.path("out"), &input, format, CsvStyle::default(), |_| {}).unwrap(), 1);
        fs::remove_dir_all(place.path("out")).unwrap();
        place.run(&place.spec("SegmentCreation", kind, "")).await.unwrap();
        assert_eq!(place.output(), [archive], "{kind}");
        let shown = place.path(kind);
        fs::create_dir(&shown).unwrap();
        convert(&place.path("out"), &shown, RowFormat::Json, CsvStyle::default(), |_| {}).unwrap();
        let text = fs::read_to_string(shown.join("orders_OFFLINE_19000_19001_0.json")).unwrap();
        assert_eq!(text, expected, "{kind}");
    }
}

#[tokio::test]
async fn names_must_not_collide() {
    let place = Place::new();
    place.write("in/a/x.json", line(1, 19000));
    place.write("in/b/x.json", line(2, 19000));
    let error = place.run(&place.spec("SegmentCreation", "json", "")).await.unwrap_err().to_string();
    for part in ["orders_OFFLINE_19000_19000_0", "/in/a/x.json", "/in/b/x.json", "use.global.directory.sequence.id"] {
        assert!(error.contains(part), "{error}");
    }
    let more =
        "overwriteOutput: true\nsegmentNameGeneratorSpec:\n  configs:\n    use.global.directory.sequence.id: true\n";
    place.run(&place.spec("SegmentCreation", "json", more)).await.unwrap();
    assert!(place.path("out/b/orders_OFFLINE_19000_19000_1.tar.gz").exists(), "{:?}", place.output());
}

#[tokio::test]
async fn bad_rows_and_files_are_named() {
    let place = Place::new();
    place.write("in/sub/x.csv", "id,name,day\n1,a,19000\nx,b,19001\n");
    let error = place.run(&place.spec("SegmentCreation", "csv", "")).await.unwrap_err();
    let text = error.chain();
    assert!(text.contains("/in/sub/x.csv"), "{text}");
    assert!(text.contains("sub/x.csv:3:id: "), "{text}");

    let none = place.spec("SegmentCreation", "csv", "includeFileNamePattern: 'glob:**/*.json'\n");
    let text = place.run(&none).await.unwrap_err().to_string();
    assert!(text.contains("none of its 1 files is chosen by includeFileNamePattern 'glob:**/*.json'"), "{text}");
    assert!(text.contains("/in/sub/x.csv"), "{text}");
    let flat = place.spec("SegmentCreation", "csv", "searchRecursively: false\n");
    let text = place.run(&flat).await.unwrap_err().to_string();
    assert!(text.contains("searchRecursively is false"), "{text}");

    place.write("in/sub/x.csv", "id,name,day\n");
    let spec = place.spec("SegmentCreation", "csv", "failOnEmptySegment: true\n");
    let text = place.run(&spec).await.unwrap_err().chain();
    assert!(text.contains("holds no rows"), "{text}");
}

#[tokio::test]
async fn continue_on_error_reports_the_first_bad_rows() {
    let place = Place::new();
    place.write(
        "table.json",
        crate::support::TABLE.replace("\"metadata\"", "\"ingestionConfig\": {\"continueOnError\": true}, \"metadata\""),
    );
    place.write("in/x.csv", "id,name,day\n1,a,19000\nx,b,19001\n");
    let done = place.run(&place.spec("SegmentCreation", "csv", "")).await.unwrap();
    assert_eq!((done.rows_indexed, done.rows_incomplete), (2, 1));
    assert!(done.first_errors[0].to_string().starts_with("x.csv:3:id: "), "{:?}", done.first_errors);
}

#[tokio::test]
async fn one_file_may_be_the_input_and_names_may_come_from_it() {
    let place = Place::new();
    place.write("in/2024/day-7.json", line(1, 19000));
    let more = "segmentNameGeneratorSpec:\n  type: inputFile\n  configs:\n    file.path.pattern: '.*/(\\d+)/day-(\\d+)\\.json'\n    segment.name.template: 'orders_${filePathPattern:\\1}_${filePathPattern:\\2}'\n";
    let mut spec = place.spec("SegmentCreation", "json", more);
    spec.input_dir_uri = format!("file://{}", place.path("in/2024/day-7.json").display());
    place.run(&spec).await.unwrap();
    assert_eq!(place.output(), ["orders_2024_7.tar.gz"]);
    let built = |e: &Event| matches!(e, Event::Built { rows: 1, file, .. } if file.ends_with("day-7.json"));
    assert!(place.events.lock().unwrap().iter().any(built));
}

#[tokio::test]
async fn dates_as_texts_give_normalized_names() {
    let place = Place::new();
    place.write(
        "schema.json",
        crate::support::SCHEMA
            .replace("\"INT\", \"format\": \"EPOCH|DAYS\"", "\"STRING\", \"format\": \"SIMPLE_DATE_FORMAT|yyyyMMdd\""),
    );
    place.write("in/x.json", "{\"id\":1,\"day\":\"20240131\"}\n");
    place.run(&place.spec("SegmentCreation", "json", "")).await.unwrap();
    assert_eq!(place.output(), ["orders_OFFLINE_2024-01-31_2024-01-31_0.tar.gz"]);
}
