//! Questions to the admin API of servers.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use serde_json::Value;

use super::App;
use crate::cluster::Table;

const TIMEOUT: Duration = Duration::from_secs(30);
/// Servers that are asked at the same time.
const PARALLEL: usize = 16;
/// Largest answer that is read: metadata of all columns of many segments.
const MAX_BYTES: usize = 256 << 20;

/// A path with each part percent-encoded, and a query string of `columns`.
pub(crate) fn path(parts: &[&str], columns: &[String]) -> String {
    let mut path = String::new();
    for part in parts {
        path.push('/');
        push_encoded(&mut path, part);
    }
    for (at, column) in columns.iter().enumerate() {
        path.push_str(if at == 0 { "?columns=" } else { "&columns=" });
        push_encoded(&mut path, column);
    }
    path
}

fn push_encoded(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

/// Asks one server. The error says which and why.
pub(crate) async fn ask(app: &App, server: &str, path: &str) -> Result<Value, String> {
    let Some(address) = app.cluster.admin_address(server) else {
        return Err(format!("{server} is not live"));
    };
    let failed = |error: &dyn std::fmt::Display| format!("{server} could not be asked: {error}");
    let call = app.client.get(format!("http://{address}{path}")).timeout(TIMEOUT);
    let response = call.send().await.map_err(|error| failed(&error))?;
    let status = response.status();
    let body = http_body_util::Limited::new(reqwest::Body::from(response), MAX_BYTES);
    let body = http_body_util::BodyExt::collect(body).await.map_err(|error| failed(&error))?.to_bytes();
    if !status.is_success() {
        return Err(format!("{server} answered {status}: {}", String::from_utf8_lossy(&body[..body.len().min(500)])));
    }
    serde_json::from_slice(&body).map_err(|error| failed(&error))
}

/// Asks every server that holds segments of a table. A server that gives no answer is an `Err`.
pub(crate) async fn ask_all(app: &App, servers: Vec<String>, path: &str) -> BTreeMap<String, Result<Value, String>> {
    let calls = servers.into_iter().map(|server| async move {
        let answer = ask(app, &server, path).await;
        (server, answer)
    });
    futures::stream::iter(calls).buffer_unordered(PARALLEL).collect().await
}

/// Servers that should hold segments of a table, ascending.
pub(crate) fn of_table(table: &Table) -> Vec<String> {
    let ids = table.segments.values().flat_map(|entry| entry.ideal.keys().cloned());
    ids.collect::<std::collections::BTreeSet<String>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn paths() {
        assert_eq!(
            super::path(&["tables", "a b", "x/y"], &["*".into(), "c&d".into()]),
            "/tables/a%20b/x%2Fy?columns=%2A&columns=c%26d"
        );
    }
}
