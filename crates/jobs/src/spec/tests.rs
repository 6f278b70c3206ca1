use super::*;

const GOOD: &str = r#"
executionFrameworkSpec:
  name: 'standalone'
  segmentGenerationJobRunnerClassName: 'org.apache.pinot.plugin.ingestion.batch.standalone.SegmentGenerationJobRunner'
  segmentTarPushJobRunnerClassName: 'org.apache.pinot.plugin.ingestion.batch.standalone.SegmentTarPushJobRunner'
jobType: segmentcreationandtarpush
inputDirURI: '/data/movies'
includeFileNamePattern: 'glob:**/*.csv'
outputDirURI: 's3://bucket/segments'
overwriteOutput: true
segmentCreationJobParallelism: 4
pinotFSSpecs:
  - scheme: file
    className: org.apache.pinot.spi.filesystem.LocalPinotFS
  - scheme: s3
    className: org.apache.pinot.plugin.filesystem.S3PinotFS
    configs:
      region: 'us-east-1'
      port: 9000
recordReaderSpec:
  dataFormat: 'csv'
  className: 'org.apache.pinot.plugin.inputformat.csv.CSVRecordReader'
  configClassName: 'org.apache.pinot.plugin.inputformat.csv.CSVRecordReaderConfig'
  configs:
    delimiter: '|'
    skipHeader: true
tableSpec:
  tableName: 'movies'
segmentNameGeneratorSpec:
  type: normalizeddate
  configs:
    segment.name.prefix: 'm'
    exclude.sequence.id: true
pinotClusterSpecs:
  - controllerURI: 'http://localhost:9000/'
  - controllerURI: 'http://other:9000'
pushJobSpec:
  pushParallelism: 2
  pushAttempts: 3
"#;

#[test]
fn a_whole_spec() {
    let spec = JobSpec::parse(GOOD, "job.yaml").unwrap();
    assert!(spec.creates && spec.push == Some(PushMode::Tar) && spec.overwrite_output);
    assert_eq!(spec.controllers, ["http://localhost:9000", "http://other:9000"]);
    assert_eq!((spec.parallelism, spec.push_spec.parallelism, spec.push_spec.attempts), (4, 2, 3));
    assert_eq!(spec.reader.format, Format::Csv);
    assert_eq!(spec.reader.properties["skipHeader"], "true");
    assert_eq!(spec.naming.kind.as_deref(), Some("normalizedDate"));
    let options = spec.store_options();
    assert_eq!(options["s3.port"], "9000");
    assert_eq!(options["class.s3"], "org.apache.pinot.plugin.filesystem.S3PinotFS");
    assert!(spec.warnings.is_empty(), "{:?}", spec.warnings);
}

#[test]
fn json_is_yaml() {
    let json = r#"{"jobType": "SegmentTarPush", "outputDirURI": "/o", "tableSpec": {"tableName": "t"},
        "pinotClusterSpecs": [{"controllerURI": "http://c:1"}], "pushJobSpec": null}"#;
    let spec = JobSpec::parse(json, "job.json").unwrap();
    assert!(!spec.creates && spec.push == Some(PushMode::Tar));
}

/// `GOOD` with one text replaced, and what is said of it.
fn check(from: &str, to: &str, expected: &str) {
    assert!(GOOD.contains(from), "{from}");
    let text = GOOD.replacen(from, to, 1);
    let said = match JobSpec::parse(&text, "job.yaml") {
        Ok(spec) => format!("warnings: {:?}", spec.warnings),
        Err(error) => error.to_string(),
    };
    assert!(said.contains(expected), "{from} -> {to}\nsaid: {said}\nexpected: {expected}");
}

#[test]
fn typos_name_place_and_nearest_key() {
    for (from, to, expected) in [
        (
            "inputDirURI:",
            "inputDirUri:",
            "job.yaml cannot be used as a job spec:\n  line 2, column 1: inputDirURI is missing: the directory or file to read\n  \
             line 7, column 1: unknown key 'inputDirUri' in a job spec, did you mean 'inputDirURI'?",
        ),
        (
            "overwriteOutput",
            "overwriteOuput",
            "line 10, column 1: unknown key 'overwriteOuput' in a job spec, did you mean 'overwriteOutput'?",
        ),
        (
            "    className: org",
            "    classname: org",
            "line 14, column 5: unknown key 'classname' in pinotFSSpecs, did you mean 'className'?",
        ),
        (
            "pushAttempts",
            "pushAttemps",
            "line 39, column 3: unknown key 'pushAttemps' in pushJobSpec, did you mean 'pushAttempts'?",
        ),
        (
            "  dataFormat: 'csv'",
            "  tableName: 'csv'",
            "line 21, column 3: key 'tableName' is not one of recordReaderSpec, it belongs under tableSpec",
        ),
        (
            "segmentCreationJobParallelism",
            "parallelism",
            "'parallelism' in a job spec, did you mean 'segmentCreationJobParallelism'?",
        ),
        ("pushAttempts", "zzz", "unknown key 'zzz' in pushJobSpec; it knows pushAttempts, pushParallelism"),
        (
            "segmentcreationandtarpush",
            "SegmentCreationAndTarPsh",
            "jobType 'SegmentCreationAndTarPsh' is unknown; did you mean 'SegmentCreationAndTarPush'?",
        ),
        ("segmentcreationandtarpush", "Load", "jobType 'Load' is unknown; it is one of SegmentCreation, "),
        ("normalizeddate", "normalizeDate", "type 'normalizeDate' is unknown; did you mean 'normalizedDate'?"),
        (
            "segment.name.prefix",
            "segment.name.prefx",
            "warnings: [\"segmentNameGeneratorSpec.configs: unknown key 'segment.name.prefx', did you mean 'segment.name.prefix'?\"]",
        ),
    ] {
        check(from, to, expected);
    }
}

#[test]
fn wrong_and_missing_values_name_the_place() {
    for (from, to, expected) in [
        (
            "overwriteOutput: true",
            "overwriteOutput: maybe",
            "line 10, column 18: overwriteOutput must be true or false, found 'maybe'",
        ),
        ("pushAttempts: 3", "pushAttempts: many", "pushJobSpec.pushAttempts must be a whole number, found 'many'"),
        (
            "inputDirURI: '/data/movies'",
            "inputDirURI: [a]",
            "line 7, column 14: inputDirURI must be a text, found a list",
        ),
        ("'glob:**/*.csv'", "'**/*.csv'", "must begin with 'glob:' or 'regex:'"),
        (
            "  dataFormat: 'csv'\n  className: 'org.apache.pinot.plugin.inputformat.csv.CSVRecordReader'\n",
            "  dataFormat: 'cvs'\n",
            "recordReaderSpec.dataFormat: unknown inputFormat 'cvs'",
        ),
        (
            "'http://localhost:9000/'",
            "'ftp://localhost:9000'",
            "controllerURI 'ftp://localhost:9000' must begin with http:// or https://",
        ),
        ("tableName: 'movies'", "tableName: ''", "tableSpec.tableName is missing"),
        ("tableSpec:\n  tableName: 'movies'\n", "", "tableSpec is missing"),
        (
            "pushJobSpec:\n  pushParallelism: 2\n  pushAttempts: 3\n",
            "pushJobSpec: 3\n",
            "pushJobSpec must be a group of keys, found '3'",
        ),
        ("pinotClusterSpecs:\n  - ", "pinotClusterSpecs:\n    ", "this is not YAML"),
        ("    region: 'us-east-1'", "    region: [a]", "configs.region must be a text"),
    ] {
        check(from, to, expected);
    }
}

#[test]
fn what_has_no_effect_is_said() {
    for (from, to, expected) in [
        ("name: 'standalone'", "name: 'spark'", "runs in this process"),
        ("standalone.SegmentTarPushJobRunner", "spark3.SparkSegmentTarPushJobRunner", "warnings: []"),
        (
            "standalone.SegmentTarPushJobRunner",
            "x.Other",
            "'org.apache.pinot.plugin.ingestion.batch.x.Other' is not known",
        ),
        ("dataFormat: 'csv'", "dataFormat: 'json'", "the files are read as csv"),
        ("'http://localhost:9000/'", "'localhost:9000'", "'localhost:9000' is taken for 'http://localhost:9000'"),
        ("overwriteOutput: true", "tlsSpec:\n  trustStorePath: x", "tlsSpec is not used"),
    ] {
        check(from, to, expected);
    }
}

#[test]
fn a_schema_is_asked_of_a_controller_or_given() {
    let text = "jobType: SegmentCreation\ninputDirURI: /i\noutputDirURI: /o\nrecordReaderSpec: {dataFormat: json}\ntableSpec:\n  tableName: t\n";
    let said = JobSpec::parse(text, "j").unwrap_err().to_string();
    assert!(said.contains("tableSpec.schemaURI is missing, and there is no pinotClusterSpecs"), "{said}");
    let whole = format!("{text}  schemaURI: /s.json\n  tableConfigURI: /t.json\n");
    assert_eq!(JobSpec::parse(&whole, "j").unwrap().push, None);
    assert!(JobSpec::parse("", "j").unwrap_err().to_string().contains("jobType is missing"));
    assert!(JobSpec::parse("- a\n", "j").unwrap_err().to_string().contains("must be a group of keys, found a list"));
}

#[test]
fn no_text_makes_the_reader_panic() {
    let variables = template::Variables::default();
    let try_one = |text: &str| {
        _ = JobSpec::parse(text, "j");
        _ = template::render(text, "j", &variables);
    };
    let odd = ["\0", "\t", "&a", "*a", "[", "{", "!x", "%", "|", ">", "- ", ": ", "${", "\\$", "<%", "é", "\"", "#"];
    let at = |i: usize| GOOD.is_char_boundary(i);
    for (round, position) in (0..GOOD.len()).filter(|i| at(*i)).step_by(3).enumerate() {
        let (before, after) = GOOD.split_at(position);
        let piece = odd[round % odd.len()];
        try_one(&format!("{before}{piece}{after}"));
        try_one(before);
        try_one(&format!("{before}{piece}"));
        let mut rest = after.chars();
        _ = rest.next();
        try_one(&format!("{before}{piece}{}", rest.as_str()));
    }
}
