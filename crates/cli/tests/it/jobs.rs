//! The verbs that bring data in, as they are typed, against a running cluster.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Result, ensure};
use serde_json::json;
use testkit::{
    Client,
    process::OneProcess,
    s3::{ACCESS_KEY, S3Server, SECRET_KEY},
};

const SCHEMA: &str = r#"{
  "schemaName": "events",
  "dimensionFieldSpecs": [{"name": "id", "dataType": "INT"}, {"name": "name", "dataType": "STRING"}],
  "dateTimeFieldSpecs": [{"name": "day", "dataType": "INT", "format": "EPOCH|DAYS", "granularity": "1:DAYS"}]
}"#;
const TABLE: &str = r#"{
  "tableName": "events", "tableType": "OFFLINE",
  "segmentsConfig": {"replication": 1, "timeColumnName": "day"},
  "tenants": {}, "tableIndexConfig": {}, "metadata": {}
}"#;

struct Bench {
    dir: tempfile::TempDir,
    cluster: OneProcess,
}

impl Bench {
    async fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let cluster = OneProcess::start(Path::new(env!("CARGO_BIN_EXE_cuvee")), dir.path()).await?;
        fs::write(dir.path().join("schema.json"), SCHEMA)?;
        fs::write(dir.path().join("table.json"), TABLE)?;
        Ok(Self { dir, cluster })
    }

    fn client(&self) -> &Client {
        &self.cluster.client
    }

    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    fn write(&self, below: &str, text: &str) -> Result<String> {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        fs::write(&path, text)?;
        Ok(path.display().to_string())
    }

    /// Runs a verb in the bench's folder.
    fn cuvee(&self, words: &[&str]) -> Result<Output> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cuvee"));
        command.args(words).current_dir(self.dir.path()).env_remove("JAVA_OPTS").env("EVENTS_OUT", "out");
        Ok(command.output()?)
    }

    fn ok(&self, words: &[&str]) -> Result<String> {
        let output = self.cuvee(words)?;
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        ensure!(output.status.success(), "{words:?} failed\n{out}\n{err}");
        // Schedulers take these words for a failure.
        ensure!(!out.contains("Error") && !out.contains("Exception"), "{words:?} printed\n{out}");
        Ok(out)
    }

    fn fails(&self, words: &[&str]) -> Result<String> {
        let output = self.cuvee(words)?;
        ensure!(!output.status.success(), "{words:?} succeeded\n{}", text(&output.stdout));
        let err = text(&output.stderr);
        ensure!(err.contains("Error: "), "{words:?} printed\n{err}");
        Ok(err)
    }

    fn spec(&self, kind: &str, more: &str) -> Result<String> {
        let controller = &self.client().controller;
        let text = format!(
            "executionFrameworkSpec:\n  name: 'standalone'\njobType: {kind}\ninputDirURI: '${{input}}'\n\
             includeFileNamePattern: 'glob:**/*.json'\noutputDirURI: '${{EVENTS_OUT}}'\noverwriteOutput: true\n\
             pinotFSSpecs:\n  - scheme: file\n    className: org.apache.pinot.spi.filesystem.LocalPinotFS\n\
             recordReaderSpec:\n  dataFormat: 'json'\n  className: \
             'org.apache.pinot.plugin.inputformat.json.JSONRecordReader'\ntableSpec:\n  tableName: 'events'\n\
             pinotClusterSpecs:\n  - controllerURI: '{controller}'\npushJobSpec:\n  pushParallelism: 2\n  \
             pushAttempts: 2\n{more}"
        );
        self.write(&format!("{kind}.yaml"), &text)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn line(id: u32, day: u32) -> String {
    format!("{{\"id\":{id},\"name\":\"n{id}\",\"day\":{day}}}\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_fills_a_table_and_replaces_its_segments_when_it_is_run_again() -> Result<()> {
    let bench = Bench::start().await?;
    bench.client().create_table(&serde_json::from_str(SCHEMA)?, &serde_json::from_str(TABLE)?).await?;
    bench.write("in/a.json", &(line(1, 19000) + &line(2, 19001)))?;
    bench.write("in/b.json", &line(3, 19000))?;
    let spec = bench.spec("SegmentCreationAndTarPush", "")?;
    let run = ["LaunchDataIngestionJob", "-jobSpecFile", &spec, "-values", "input=in", "unused=x"];
    for _ in 0..2 {
        let out = bench.ok(&run)?;
        let response = format!(
            "Response for pushing table events segment events_OFFLINE_19000_19001_0 to location {} - 200: ",
            bench.client().controller
        );
        ensure!(out.contains(&response), "{out}");
        ensure!(out.contains("Successfully uploaded segment: events_OFFLINE_19000_19001_0 of table: events_OFFLINE"));
        ensure!(out.contains("Indexed 3 rows in 2 segments; rejected 0, filtered 0"), "{out}");
        bench.client().wait_for_rows("events", 3).await?;
    }
    let rows = bench.client().rows("select name, day from events order by id").await?;
    ensure!(rows == [[json!("n1"), json!(19000)], [json!("n2"), json!(19001)], [json!("n3"), json!(19000)]]);

    // More files: more segments. What is pushed by its metadata is there as well.
    bench.write("in1/c.json", &line(10, 19100))?;
    let metadata = bench.spec("SegmentCreationAndMetadataPush", "  copyToDeepStoreForMetadataPush: true\n")?;
    bench.ok(&["LaunchDataIngestionJob", "-jobSpec", &metadata, "-values", "input=in1"])?;
    bench.client().wait_for_rows("events", 4).await?;
    // A controller loads no files of its own machine because somebody names them.
    let by_uri = bench.spec("SegmentCreationAndUriPush", "")?;
    let said = bench.fails(&["LaunchDataIngestionJob", "-jobSpec", &by_uri, "-values", "input=in1"])?;
    ensure!(said.contains("answered 400: Unsupported URI: file:"), "{said}");

    // Segments of some days give way to others.
    bench.write("late/a.json", &(line(7, 19000) + &line(8, 19001) + &line(9, 19001)))?;
    let days = ["-startDate", "2022-01-08", "-endDate", "2022-01-10"];
    let backfill = ["LaunchBackfillIngestionJob", "-jobSpecFile", &spec, "-values", "input=late"];
    bench.ok(&[&backfill[..], &days[..]].concat())?;
    bench.client().wait_for_rows("events", 4).await?;
    let rows = bench.client().rows("select id from events order by id").await?;
    ensure!(rows == [[json!(7)], [json!(8)], [json!(9)], [json!(10)]], "{rows:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_are_built_uploaded_imported_and_converted_back() -> Result<()> {
    let bench = Bench::start().await?;
    let (host, port) = address(&bench.client().controller)?;
    bench.write("raw/a.csv", "id,name,day\n1,a,19000\n2,\"b, c\",19001\n")?;
    bench.write("raw/sub/b.csv", "id,name,day\n3,d,19002\n")?;
    let create = [
        "CreateSegment",
        "-dataDir",
        "raw",
        "-format",
        "CSV",
        "-outDir",
        "segments",
        "-tableConfigFile",
        "table.json",
        "-schemaFile",
        "schema.json",
        "-postCreationVerification",
        "-numThreads",
        "2",
        "-overwrite",
    ];
    let out = bench.ok(&create)?;
    ensure!(
        out.contains("Successfully created segment: events_19000_19001_0 at directory: segments/events_19000_19001_0")
    );
    ensure!(out.contains("Successfully created 2 segments from data files: ["), "{out}");
    ensure!(bench.path("segments/events_19002_19002_1/segment.cuvee").is_file());

    bench.client().create_table(&serde_json::from_str(SCHEMA)?, &serde_json::from_str(TABLE)?).await?;
    let upload = ["UploadSegment", "-controllerHost", &host, "-controllerPort", &port, "-segmentDir", "segments"];
    let out = bench.ok(&upload)?;
    ensure!(out.matches("Uploading segment tar file: ").count() == 2, "{out}");
    bench.client().wait_for_rows("events", 3).await?;

    let uri = &bench.client().controller;
    let import =
        ["ImportData", "-dataFilePath", "more.csv", "-format", "csv", "-table", "events", "-controllerURI", uri];
    bench.write("more.csv", "id|name|day\n4|e|19003\n")?;
    for _ in 0..2 {
        let out = bench.ok(&[&import[..], &["-additionalConfigs", "recordReader.prop.delimiter=|"]].concat())?;
        ensure!(out.contains("Successfully load data from more.csv to Pinot."), "{out}");
        bench.client().wait_for_rows("events", 4).await?;
    }

    bench.ok(&[
        "ConvertPinotSegment",
        "-dataDir",
        "segments",
        "-outputDir",
        "back",
        "-outputFormat",
        "CSV",
        "-csvWithHeader",
    ])?;
    let back = fs::read_to_string(bench.path("back/events_19000_19001_0.csv"))?;
    ensure!(back == "id,name,day\n1,a,19000\n2,\"b, c\",19001\n", "{back}");
    let said =
        bench.fails(&["ConvertPinotSegment", "-dataDir", "segments", "-outputDir", "back", "-outputFormat", "CSV"])?;
    ensure!(said.contains("-overwrite is not given"), "{said}");

    // A directory with everything.
    bench.write("shop/shop_schema.json", &SCHEMA.replace("\"events\"", "\"shop\""))?;
    bench.write("shop/shop_offline_table_config.json", &TABLE.replace("\"events\"", "\"shop\""))?;
    bench.write("shop/rawdata/x.json", &line(1, 19000))?;
    let spec = "jobType: SegmentCreationAndTarPush\ninputDirURI: 'examples/shop/rawdata'\noutputDirURI: \
                'examples/shop/segments'\nrecordReaderSpec:\n  dataFormat: json\ntableSpec:\n  tableName: shop\n  schemaURI: \
                'http://nowhere:9000/tables/shop/schema'\npinotClusterSpecs:\n  - controllerURI: 'http://nowhere:9000'\n";
    bench.write("shop/ingestionJobSpec.yaml", spec)?;
    bench.ok(&["BootstrapTable", "-dir", "shop", "-controllerHost", &host, "-controllerPort", &port])?;
    bench.client().wait_for_rows("shop", 1).await
}

fn address(url: &str) -> Result<(String, String)> {
    let (host, port) = url.trim_start_matches("http://").split_once(':').unwrap_or_default();
    ensure!(!port.is_empty(), "{url} has no port");
    Ok((host.to_owned(), port.to_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_reads_from_and_writes_to_an_object_store() -> Result<()> {
    let bench = Bench::start().await?;
    let s3 = S3Server::start(&["lake"]).await?;
    s3.place("lake", "raw/a.json", line(1, 19000))?;
    s3.place("lake", "raw/deep er/b.json", line(2, 19001) + &line(3, 19001))?;
    s3.place("lake", "other/c.json", line(4, 19001))?;
    bench.client().create_table(&serde_json::from_str(SCHEMA)?, &serde_json::from_str(TABLE)?).await?;
    let endpoint = s3.endpoint();
    let system = |secret: &str| {
        format!(
            "    className: org.apache.pinot.spi.filesystem.LocalPinotFS\n  - scheme: s3\n    className: \
             org.apache.pinot.plugin.filesystem.S3PinotFS\n    configs:\n      region: us-east-1\n      endpoint: \
             '{endpoint}'\n      accessKey: {ACCESS_KEY}\n      secretKey: {secret}\n"
        )
    };
    let plain = fs::read_to_string(bench.spec("SegmentCreationAndTarPush", "")?)?;
    let local = "    className: org.apache.pinot.spi.filesystem.LocalPinotFS\n";
    let spec = bench
        .write("s3.yaml", &plain.replace(local, &system(SECRET_KEY)).replace("${EVENTS_OUT}", "s3://lake/built"))?;
    let run = ["LaunchDataIngestionJob", "-jobSpecFile", &spec, "-values", "input=s3://lake/raw"];
    for _ in 0..2 {
        let out = bench.ok(&run)?;
        ensure!(out.contains("Found 2 files in s3://lake/raw"), "{out}");
        bench.client().wait_for_rows("events", 3).await?;
    }
    ensure!(s3.bucket("lake").join("built/events_OFFLINE_19000_19000_0.tar.gz").is_file());

    // One object is an input, too; a wrong key is named as what it is.
    let spec =
        bench.write("one.yaml", &plain.replace(local, &system(SECRET_KEY)).replace("glob:**/*.json", "glob:**"))?;
    bench.ok(&["LaunchDataIngestionJob", "-jobSpecFile", &spec, "-values", "input=s3://lake/other/c.json"])?;
    let spec = bench.write("wrong.yaml", &plain.replace(local, &system("nonsense")))?;
    let said = bench.fails(&["LaunchDataIngestionJob", "-jobSpecFile", &spec, "-values", "input=s3://lake/raw"])?;
    ensure!(!said.contains("nonsense"), "a secret is shown: {said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_are_named_and_end_with_a_failure() -> Result<()> {
    let bench = Bench::start().await?;
    let spec = bench.spec("SegmentCreationAndTarPush", "")?;
    let run = ["LaunchDataIngestionJob", "-jobSpecFile", &spec];
    let said = bench.fails(&run)?;
    ensure!(said.contains("line 4, column 15: there is no value for ${input}"), "{said}");
    let with_input = [&run[..], &["-values", "input=in"]].concat();
    let said = bench.fails(&with_input)?;
    ensure!(said.contains("/tables/events/schema answered 404"), "{said}");
    bench.client().create_table(&serde_json::from_str(SCHEMA)?, &serde_json::from_str(TABLE)?).await?;
    let said = bench.fails(&with_input)?;
    ensure!(said.contains("cannot read") && said.contains("/in"), "{said}");
    bench.write("in/a.json", "{\"id\":\"x\",\"day\":19000}\n")?;
    let said = bench.fails(&with_input)?;
    ensure!(said.contains("a.json:1:id: "), "{said}");

    let typo = fs::read_to_string(&spec)?.replace("overwriteOutput", "overwriteOuput");
    let typo = bench.write("typo.yaml", &typo)?;
    let said = bench.fails(&["LaunchDataIngestionJob", "-jobSpecFile", &typo, "-values", "input=in"])?;
    ensure!(said.contains("line 7, column 1: unknown key 'overwriteOuput'"), "{said}");
    ensure!(said.contains("did you mean 'overwriteOutput'?"), "{said}");
    let said = bench.fails(&["ImportData", "-dataFilePath", "none.csv", "-format", "CSV", "-table", "events"])?;
    ensure!(said.contains("there is no such file"), "{said}");
    Ok(())
}

#[test]
fn schemas_and_rows_are_made_without_a_cluster() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let run = |words: &[&str]| -> Result<String> {
        let output = Command::new(env!("CARGO_BIN_EXE_cuvee")).args(words).current_dir(dir.path()).output()?;
        ensure!(output.status.success(), "{words:?}: {}", text(&output.stderr));
        Ok(text(&output.stdout))
    };
    fs::write(dir.path().join("x.json"), "{\"a\":1,\"b\":{\"c\":\"x\"},\"t\":19000}\n")?;
    let infer = ["-outputDir", ".", "-pinotSchemaName", "made", "-metrics", "a", "-timeColumnName", "t"];
    let out = run(&[&["JsonToPinotSchema", "-jsonFile", "x.json"], &infer[..]].concat())?;
    ensure!(out.contains("Store Pinot schema to file: "), "{out}");
    let schema: serde_json::Value = serde_json::from_str(&fs::read_to_string(dir.path().join("made.json"))?)?;
    ensure!(schema["schemaName"] == "made" && schema["metricFieldSpecs"][0]["name"] == "a", "{schema}");
    ensure!(schema["dimensionFieldSpecs"][0]["name"] == "b.c", "{schema}");

    fs::write(dir.path().join("schema.json"), SCHEMA)?;
    run(&["GenerateData", "-numRecords", "10", "-numFiles", "2", "-schemaFile", "schema.json", "-outDir", "rows"])?;
    ensure!(dir.path().join("rows/part-1.avro").is_file());
    let wishes = ["-outputDir", ".", "-pinotSchemaName", "again", "-metrics", "id", "-timeColumnName", "day"];
    run(&[&["AvroSchemaToPinotSchema", "-avroDataFile", "rows/part-0.avro"], &wishes[..]].concat())?;
    let again: serde_json::Value = serde_json::from_str(&fs::read_to_string(dir.path().join("again.json"))?)?;
    ensure!(
        again["metricFieldSpecs"][0]["name"] == "id" && again["dimensionFieldSpecs"][0]["name"] == "name",
        "{again}"
    );
    let table = r#"{"tableName":"t","tableType":"OFFLINE","segmentsConfig":{"replication":1},"tenants":{},"tableIndexConfig":{},"metadata":{},
        "ingestionConfig":{"transformConfigs":[{"columnName":"d","transformFunction":"plus(a, 1)"}]}}"#;
    fs::write(dir.path().join("table.json"), table)?;
    let out = run(&["DataImportDryRun", "-jsonFile", "x.json", "-tableConfigFile", "table.json"])?;
    ensure!(out.contains("Available Fields: {") && out.contains("\"d\": 2"), "{out}");
    Ok(())
}
