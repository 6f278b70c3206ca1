//! Names that climb, bodies that are too large or broken: refused, and nothing is left behind.

use serde_json::{Value, json};

use crate::cluster::{Cluster, FakeServer, answer};

fn files(dir: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { dirs.push(path) } else { found.push(path.display().to_string()) }
        }
    }
    found
}

#[tokio::test]
async fn hostile_names() {
    let cluster = Cluster::start().await;
    for name in ["..", "%2e%2e", "..%2f..%2fetc", "%2fetc%2fpasswd", "a%00b", "a%5c..%5cb", "%252e%252e"] {
        for (method, path) in [
            ("GET", format!("/segments/{name}/x")),
            ("GET", format!("/segments/x/{name}")),
            ("GET", format!("/tables/{name}")),
            ("DELETE", format!("/tables/{name}")),
            ("DELETE", format!("/segments/x/{name}")),
            ("GET", format!("/schemas/{name}")),
            ("DELETE", format!("/instances/{name}")),
            ("DELETE", format!("/tableConfigs/{name}")),
        ] {
            // Sent as it is: a URL type would resolve the dots.
            let status = raw(&cluster, method, &path).await;
            assert_eq!(status, 400, "{method} {path}");
        }
    }
    for name in ["../x", "..", "/etc/passwd", "a/b", "a\\b", "a\0b", "%2e%2e%2fx", ""] {
        let schema = json!({"schemaName": name, "dimensionFieldSpecs": [{"name": "a", "dataType": "INT"}]});
        let (status, body) = cluster.ask("POST", "/schemas", Some(schema)).await;
        assert_eq!(status, 400, "{name:?}: {body}");
        let mut config = crate::cluster::table_config("t");
        config["tableName"] = Value::from(name);
        assert_eq!(cluster.ask("POST", "/tables", Some(config)).await.0, 400, "{name:?}");
        let instance = json!({"host": name, "port": 1, "type": "SERVER"});
        assert_eq!(cluster.ask("POST", "/instances", Some(instance)).await.0, 400, "{name:?}");
        let (status, _) = cluster.upload(&format!("{name}_OFFLINE"), "x.csv", "a,n\nx,1\n").await;
        assert!(status == 400 || status == 404, "{name:?}: {status}");
    }
    assert_eq!(cluster.get("/schemas").await.1, json!([]));
    assert_eq!(cluster.get("/tables").await.1, json!({"tables": []}));
    assert_eq!(files(cluster.dir.path()), Vec::<String>::new());
}

async fn raw(cluster: &Cluster, method: &str, path: &str) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(cluster.handle.addr()).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await.unwrap();
    let text = String::from_utf8_lossy(&text);
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{path}: {text}"))
}

#[tokio::test]
async fn hostile_bodies() {
    let cluster = Cluster::start().await;
    let server = FakeServer::join(cluster.handle.client(), "Server_h_1", 1).await;
    for path in [
        "/tables",
        "/tables/validate",
        "/tableConfigs",
        "/tableConfigs/validate",
        "/schemas",
        "/schemas/validate",
        "/instances",
    ] {
        for body in ["", "{", "[", "null", "[1]", "\"x\"", "{\"a\":", "\u{0}", "<a/>"] {
            let call = cluster.http.post(cluster.url(path)).header("content-type", "application/json").body(body);
            let (status, answer) = answer(call).await;
            assert_eq!(status, 400, "{path} {body:?}: {answer}");
        }
        let nested = "[".repeat(100_000);
        let call = cluster.http.post(cluster.url(path)).header("content-type", "application/json").body(nested);
        assert_eq!(answer(call).await.0, 400, "{path}");
        let large = vec![b' '; 20 << 20];
        let call = cluster.http.post(cluster.url(path)).header("content-type", "application/json").body(large);
        // A server that answers early may close the connection while the client still sends.
        if let Ok(response) = call.send().await {
            assert_eq!(response.status().as_u16(), 413, "{path}");
        }
    }
    let call = cluster.http.post(cluster.url("/schemas")).header("content-type", "text/plain").body("{}");
    assert_eq!(answer(call).await, (415, json!({"code": 415, "error": "HTTP 415 Unsupported Media Type"})));
    let call = cluster.http.post(cluster.url("/ingestFromFile")).body("x");
    assert_eq!(answer(call).await.0, 415);
    drop(server);
    assert_eq!(cluster.get("/health").await.0, 200);
}
