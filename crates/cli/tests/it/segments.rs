//! Segments on the move: between clusters, through an object store, from peers; and replaced in one step.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use testkit::{
    Client, InProcess,
    process::{Role, free_port, wait_healthy},
    s3::{ACCESS_KEY, S3Server, SECRET_KEY},
    until,
};

async fn table(client: &Client, name: &str, replication: u32) -> Result<()> {
    let schema = json!({"schemaName": name, "dimensionFieldSpecs": [
        {"name": "town", "dataType": "STRING"}, {"name": "tags", "dataType": "STRING", "singleValueField": false}],
        "metricFieldSpecs": [{"name": "amount", "dataType": "INT"}]});
    let config = json!({"tableName": name, "tableType": "OFFLINE",
        "segmentsConfig": {"replication": replication.to_string()}, "tenants": {},
        "tableIndexConfig": {"invertedIndexColumns": ["town"]}, "metadata": {}});
    client.create_table(&schema, &config).await
}

fn lines(from: i64, rows: i64) -> String {
    (from..from + rows)
        .map(|i| format!("{{\"town\":\"t{i}\",\"tags\":[\"a\",\"b{}\"],\"amount\":{i}}}\n", i % 3))
        .collect()
}

async fn segments(client: &Client, name: &str) -> Result<Vec<String>> {
    let listed: Value = serde_json::from_str(&client.get(&format!("/segments/{name}")).await?.1)?;
    let names = listed[0]["OFFLINE"].as_array().context("no segments")?;
    Ok(names.iter().filter_map(|name| Some(name.as_str()?.to_owned())).collect())
}

async fn download(url: &str) -> Result<Vec<u8>> {
    let got = reqwest::get(url).await?;
    ensure!(got.status().is_success(), "{url}: {}", got.status());
    Ok(got.bytes().await?.to_vec())
}

async fn push(client: &Client, path: &str, content: Vec<u8>) -> Result<(u16, String)> {
    let part = reqwest::multipart::Part::bytes(content).file_name("s.tar.gz");
    let form = reqwest::multipart::Form::new().part("segment", part);
    let url = format!("{}{path}", client.controller);
    let answer = reqwest::Client::new().post(url).multipart(form).send().await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_are_copied_from_cluster_to_cluster() -> Result<()> {
    let (one, two) = (InProcess::start().await?, InProcess::start().await?);
    table(&one.client, "trade", 1).await?;
    for part in 0..3 {
        one.client.ingest_json("trade", &format!("p{part}"), &lines(part * 100, 100)).await?;
    }
    table(&two.client, "trade", 1).await?;
    for (number, segment) in segments(&one.client, "trade").await?.into_iter().enumerate() {
        // The controller's copy, and what the server makes of its own.
        let url = match number % 2 {
            0 => format!("{}/segments/trade/{segment}", one.client.controller),
            _ => format!("{}/segments/trade_OFFLINE/{segment}", one.admin),
        };
        let (status, text) = push(&two.client, "/v2/segments?tableName=trade", download(&url).await?).await?;
        ensure!(status == 200, "{status} {text}");
    }
    two.client.wait_for_rows("trade", 300).await?;
    let sql = "select town, amount, tags from trade order by amount limit 1000";
    ensure!(one.client.rows(sql).await? == two.client.rows(sql).await?, "the copies differ");

    // By address: the other cluster fetches it itself.
    table(&two.client, "copied", 1).await?;
    let segment = segments(&one.client, "trade").await?.swap_remove(0);
    let request = reqwest::Client::new()
        .post(format!("{}/v2/segments?tableName=copied", two.client.controller))
        .header("UPLOAD_TYPE", "URI")
        .header("DOWNLOAD_URI", format!("{}/segments/trade/{segment}", one.client.controller))
        .json(&json!({}));
    let answer = request.send().await?;
    ensure!(answer.status().is_success(), "{}", answer.text().await?);
    two.client.wait_for_rows("copied", 100).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_never_see_half_a_replacement() -> Result<()> {
    let cluster = InProcess::start().await?;
    let client = &cluster.client;
    table(client, "part", 1).await?;
    for part in 0..4 {
        client.ingest_json("part", &format!("old{part}"), &lines(part * 10, 10)).await?;
    }
    client.wait_for_rows("part", 40).await?;
    let stop = tokio_util::sync::CancellationToken::new();
    let watcher = {
        let (client, stop) = (client.clone(), stop.clone());
        tokio::spawn(async move {
            let mut seen = Vec::new();
            while !stop.is_cancelled() {
                let rows = client.rows("select count(*), min(amount) from part").await?;
                if seen.last() != Some(&rows) {
                    seen.push(rows);
                }
            }
            anyhow::Ok(seen)
        })
    };
    for round in 0..3 {
        let listed: Value = serde_json::from_str(&client.get("/segments/part?excludeReplacedSegments=true").await?.1)?;
        let from = listed[0]["OFFLINE"].clone();
        let to: Vec<String> = (0..3).map(|n| format!("part_new{round}x{n}")).collect();
        let body = json!({"segmentsFrom": from, "segmentsTo": to}).to_string();
        let (status, text) = client.post("/segments/part/startReplaceSegments?type=OFFLINE", body).await?;
        ensure!(status.is_success(), "{text}");
        let id: Value = serde_json::from_str(&text)?;
        let id = id["segmentLineageEntryId"].as_str().context("an id")?.to_owned();
        let end = format!("/segments/part/endReplaceSegments?type=OFFLINE&segmentLineageEntryId={id}");
        ensure!(!client.post(&end, "").await?.0.is_success(), "it ends without its segments");
        for n in 0..3 {
            client.ingest_json("part", &format!("new{round}x{n}"), &lines(1000 * (round + 1) + n * 7, 7)).await?;
        }
        let (status, text) = client.post(&end, "").await?;
        ensure!(status.is_success() && text.is_empty(), "{status} {text}");
        client.wait_for_rows("part", 21).await?;
        let least = json!(1000 * (round + 1));
        until("the new rows alone", || async {
            (client.rows("select count(*), min(amount) from part").await.ok()?[0][1].as_f64() == least.as_f64())
                .then_some(())
        })
        .await?;
    }
    stop.cancel();
    for rows in watcher.await?? {
        let (count, least) = (rows[0][0].as_i64(), rows[0][1].as_f64().unwrap_or(-1.0) as i64);
        let whole = matches!((count, least), (Some(40), 0) | (Some(21), 1000 | 2000 | 3000));
        ensure!(whole, "half a replacement was seen: {rows:?}");
    }
    Ok(())
}

/// Properties of a cluster whose deep store is a bucket.
fn with_bucket(server: &S3Server) -> Vec<(String, String)> {
    let mut properties = vec![("controller.data.dir".to_owned(), "s3://deep/store".to_owned())];
    for role in ["controller", "server"] {
        let prefix = format!("pinot.{role}.storage.factory.");
        properties.push((format!("{prefix}class.s3"), "org.apache.pinot.plugin.filesystem.S3PinotFS".to_owned()));
        properties.extend(server.properties(&format!("{prefix}s3.")));
        properties.push((format!("pinot.{role}.segment.fetcher.protocols"), "file,http,s3".to_owned()));
    }
    properties
}

/// Objects of a bucket; what the server keeps of its own begins with a dot.
fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.path() {
            _ if entry.file_name().to_string_lossy().starts_with('.') => {}
            path if path.is_dir() => found.extend(files(&path)),
            path => found.push(path.display().to_string()),
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_store_keeps_the_segments() -> Result<()> {
    let s3 = S3Server::start(&["deep", "input"]).await?;
    let cluster = InProcess::start_with(&with_bucket(&s3)).await?;
    let client = &cluster.client;
    table(client, "trade", 1).await?;
    client.ingest_json("trade", "p0", &lines(0, 50)).await?;
    client.wait_for_rows("trade", 50).await?;
    let stored = files(&s3.bucket("deep"));
    ensure!(stored.len() == 1 && stored[0].ends_with("/store/trade/trade_p0"), "{stored:?}");
    let bytes = download(&format!("{}/segments/trade/trade_p0", client.controller)).await?;
    ensure!(bytes[..2] == [0x1f, 0x8b], "no gzip");
    let (_, record) = client.get("/segments/trade/trade_p0/metadata").await?;
    ensure!(record.contains("s3://deep/store/trade/trade_p0"), "{record}");

    // A file of a bucket becomes a segment: with credentials of its own, and with those of the cluster.
    s3.place("input", "files/rows one.csv", "town,amount\nOslo,1\nBergen,2\n")?;
    let keys = json!({"inputFormat": "csv", "input.fs.className": "org.apache.pinot.plugin.filesystem.S3PinotFS",
        "input.fs.prop.region": "us-east-1", "input.fs.prop.endpoint": s3.endpoint(),
        "input.fs.prop.accessKey": ACCESS_KEY, "input.fs.prop.secretKey": SECRET_KEY});
    let mut wrong = keys.clone();
    wrong["input.fs.prop.secretKey"] = json!("wrong");
    for (batch, key, good) in [
        (&keys, "files/rows%20one.csv", true),
        (&json!({"inputFormat": "csv"}), "files/rows%20one.csv", true),
        (&keys, "files/none.csv", false),
        (&wrong, "files/rows%20one.csv", false),
    ] {
        let query = [
            ("tableNameWithType", "trade_OFFLINE".to_owned()),
            ("batchConfigMapStr", batch.to_string()),
            ("sourceURIStr", format!("s3://input/{key}")),
        ];
        let url = format!("{}/ingestFromURI", client.controller);
        let answer = reqwest::Client::new().post(url).query(&query).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success() == good, "{key}: {status} {text}");
        ensure!(good || status == 400, "{key}: {status} {text}");
    }
    client.wait_for_rows("trade", 54).await?;

    // Deleted files go from the bucket, and a failed upload leaves none.
    let (status, text) = client.delete("/segments/trade?type=OFFLINE&retention=0d").await?;
    ensure!(status.is_success(), "{text}");
    until("an empty bucket", || async { files(&s3.bucket("deep")).is_empty().then_some(()) }).await?;
    drop(s3);
    let config = json!({"inputFormat": "json"});
    let (status, text) = client.ingest("trade", "data.json", &config, lines(0, 5)).await?;
    ensure!(status == 500 && text.contains("could not be stored"), "{status} {text}");
    ensure!(segments(client, "trade").await?.is_empty(), "a segment without a file");
    Ok(())
}

/// Large files go up in parts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_files_survive_the_way_through_an_object_store() -> Result<()> {
    use connectors::deep_store::{DeepStore, file_checksum};
    let s3 = S3Server::start(&["deep"]).await?;
    let options = s3.properties("s3.").into_iter().chain([("retry.attempts".to_owned(), "1".to_owned())]).collect();
    let store = DeepStore::new("s3://deep/a/b", &options)?;
    let dir = tempfile::tempdir()?;
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let mut seed = 7_u64;
    for size in [0, 1000, 20 << 20] {
        let bytes: Vec<u8> = (0..size)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 56) as u8
            })
            .collect();
        std::fs::write(&from, &bytes)?;
        let sent = store.put_file("t/seg ment%1", &from).await?;
        ensure!(sent == file_checksum(&from)?, "{sent:?}");
        ensure!(store.get_file_checked("t/seg ment%1", &to, sent.crc).await? == sent, "{size}");
        ensure!(std::fs::read(&to)? == bytes, "{size} bytes came back as others");
    }
    ensure!(store.list("t").await?.len() == 1 && store.exists("t/seg ment%1").await?, "not listed");
    store.delete("t/seg ment%1").await?;
    store.delete("t/seg ment%1").await?;
    ensure!(!store.exists("t/seg ment%1").await? && files(&s3.bucket("deep")).is_empty(), "not deleted");

    let mut wrong = options.clone();
    wrong.insert("s3.secretKey".to_owned(), "wrong".to_owned());
    ensure!(DeepStore::new("s3://deep/a/b", &wrong)?.put_file("t/s", &from).await.is_err(), "a wrong key is taken");
    ensure!(DeepStore::new("s3://none/a", &options)?.get_file("t/s", &to).await.is_err(), "no bucket");
    ensure!(files(&s3.bucket("deep")).is_empty(), "half a file is left");
    drop(s3);
    ensure!(store.put_file("t/s", &from).await.is_err() && store.exists("t/s").await.is_err(), "nobody answers");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_loads_from_its_peer_when_the_object_store_is_gone() -> Result<()> {
    let binary = Path::new(env!("CARGO_BIN_EXE_cuvee"));
    let dir = tempfile::tempdir()?;
    let s3 = S3Server::start(&["deep"]).await?;
    let (controller_port, broker_port) = (free_port()?, free_port()?);
    let mut text: String = with_bucket(&s3).into_iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    text.push_str(&format!(
        "controller.port={controller_port}\ncontroller.host=localhost\ncuvee.controller.metadata.file={}\n\
         pinot.server.storage.factory.retry.attempts=1\npinot.controller.storage.factory.retry.attempts=1\n",
        dir.path().join("cluster.redb").display()
    ));
    let config = dir.path().join("all.conf");
    std::fs::write(&config, text)?;
    let config = config.to_str().context("UTF-8")?;
    let address = format!("localhost:{controller_port}");
    let mut controller =
        Role::start(binary, "controller", &["StartController", "-configFileName", config], dir.path())?;
    wait_healthy(&mut controller, &format!("http://{address}/health")).await?;
    let mut servers = Vec::new();
    for number in 0..2 {
        let (port, admin) = (free_port()?.to_string(), free_port()?.to_string());
        let data = dir.path().join(format!("server{number}"));
        let args = [
            "StartServer",
            "-serverPort",
            &port,
            "-serverAdminPort",
            &admin,
            "-dataDir",
            data.to_str().context("UTF-8")?,
            "-controller",
            &address,
            "-configFileName",
            config,
        ];
        let mut role = Role::start(binary, &format!("server{number}"), &args, dir.path())?;
        wait_healthy(&mut role, &format!("http://localhost:{admin}/health")).await?;
        servers.push((role, data));
    }
    let port = broker_port.to_string();
    let mut broker =
        Role::start(binary, "broker", &["StartBroker", "-brokerPort", &port, "-controller", &address], dir.path())?;
    wait_healthy(&mut broker, &format!("http://localhost:{broker_port}/health")).await?;
    let client = Client::new(format!("http://{address}"), format!("http://localhost:{broker_port}"));

    table(&client, "trade", 2).await?;
    client.ingest_json("trade", "p0", &lines(0, 30)).await?;
    client.wait_for_rows("trade", 30).await?;
    // One server loses its disk while nobody can reach the bucket.
    servers[1].0.kill()?;
    std::fs::remove_dir_all(&servers[1].1)?;
    drop(s3);
    servers[1].0.restart()?;
    until("both replicas to be loaded", || async {
        let view: Value = serde_json::from_str(&client.get("/tables/trade/externalview").await.ok()?.1).ok()?;
        let replicas = view["OFFLINE"]["trade_p0"].as_object()?;
        (replicas.len() == 2 && replicas.values().all(|state| state == "ONLINE")).then_some(())
    })
    .await?;
    servers[0].0.kill()?;
    until("the other replica to answer", || async {
        (client.rows("select count(*) from trade").await.ok()? == vec![vec![json!(30)]]).then_some(())
    })
    .await
}
