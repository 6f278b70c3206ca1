//! The OpenAPI documents of the roles: Pinot's operation ids and tags, and nothing half described.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::InProcess;

/// Role, method, path, operation id, tags.
const OPERATIONS: &str = include_str!("../../../service/src/swagger/operations.tsv");

/// Served beside the operations that Pinot documents: what Pinot serves without documenting it, and what only later
/// versions of it have.
const BESIDE: &[(&str, &str, &str)] = &[
    ("broker", "post", "/query/sql/validateSyntax"),
    ("controller", "get", "/sql"),
    ("controller", "post", "/sql"),
    ("controller", "post", "/query/tableNames"),
    ("controller", "get", "/invalidconfigs"),
    ("controller", "get", "/pinot-controller/admin"),
];

fn shape(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect();
    parts.join("/")
}

fn names(role: &str) -> HashMap<(String, String), (String, Vec<String>)> {
    let lines = OPERATIONS.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let of_role = lines.filter(|fields| fields[0] == role);
    of_role
        .map(|fields| {
            let tags = fields[4].split(", ").map(str::to_owned).collect();
            ((fields[1].to_lowercase(), shape(fields[2])), (fields[3].to_owned(), tags))
        })
        .collect()
}

/// Every `$ref` of a document.
fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(map) => {
            if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                found.insert(reference);
            }
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_are_called_and_described() -> Result<()> {
    let cluster = InProcess::start().await?;
    let roles = [
        ("controller", &cluster.client.controller, 90),
        ("broker", &cluster.client.broker, 30),
        ("server", &cluster.admin, 30),
    ];
    let mut wrong = Vec::new();
    for (role, url, least) in roles {
        let document: Value = reqwest::get(format!("{url}/swagger.json")).await?.json().await?;
        let names = names(role);
        let mut ids = BTreeSet::new();
        for (path, item) in document["paths"].as_object().context("no paths")? {
            for (method, operation) in item.as_object().context("no operations")? {
                let what = format!("{role} {method} {path}");
                let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
                let tags: Vec<String> = serde_json::from_value(operation["tags"].clone()).unwrap_or_default();
                match names.get(&(method.clone(), shape(path))) {
                    Some(expected) if *expected == (id.clone(), tags.clone()) => {}
                    Some(expected) => wrong.push(format!("{what}: {id} {tags:?} instead of {expected:?}")),
                    None if BESIDE.contains(&(role, method.as_str(), path.as_str())) => {}
                    None => wrong.push(format!("{what}: Pinot has no such operation")),
                }
                if operation["summary"].as_str().is_none_or(str::is_empty) || tags.is_empty() {
                    wrong.push(format!("{what}: no summary or no tag"));
                }
                let variables = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
                let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
                for variable in variables {
                    if !parameters.iter().any(|p| p["name"] == variable && p["in"] == "path") {
                        wrong.push(format!("{what}: {{{variable}}} is not described"));
                    }
                }
                if !ids.insert(id.clone()) {
                    wrong.push(format!("{what}: {id} is the id of two operations"));
                }
            }
        }
        ensure!(ids.len() >= least, "{role} documents only {} operations", ids.len());
        let mut all = BTreeSet::new();
        references(&document, &mut all);
        for reference in all {
            if document.pointer(reference.trim_start_matches('#')).is_none() {
                wrong.push(format!("{role}: {reference} leads nowhere"));
            }
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
