//! Every single-stage statement of the shared conformance suites and recorded replies: headers, types and error
//! numbers as a real cluster answered them. Needs the shared data (`CUVEE_SHARED`, or `../shared` beside the
//! workspace) and passes without it.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::HashMap,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::Schema;
use query::{BindContext, Bound, Catalog, TableInfo, bind, parse};
use serde_json::Value as Json;

fn shared() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("CUVEE_SHARED").map_or(beside, PathBuf::from);
    if folder.join("conformance").is_dir() {
        return Some(folder);
    }
    println!("skipped: no shared data at {}, set CUVEE_SHARED", folder.display());
    None
}

fn lines(path: &Path) -> Vec<Json> {
    let mut text = String::new();
    let bytes = std::fs::read(path).unwrap();
    if path.extension().is_some_and(|e| e == "gz") {
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
    } else {
        text = String::from_utf8(bytes).unwrap();
    }
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

struct Tables(HashMap<String, TableInfo>);

impl Catalog for Tables {
    fn table(&self, name: &str) -> Option<TableInfo> {
        self.0.get(&name.to_lowercase()).cloned()
    }
}

impl Tables {
    fn add(&mut self, name: &str, mut schema: Json) {
        schema["schemaName"] = name.into();
        // A schema of a later release does not load, and its table does not exist.
        let Ok(schema) = Schema::from_json(&schema) else { return };
        self.0.insert(name.to_lowercase(), TableInfo::new(Arc::new(schema)));
    }

    fn conformance(folder: &Path) -> Self {
        let mut tables = Self(HashMap::new());
        for line in lines(&folder.join("conformance/tables/tables.jsonl.gz")) {
            tables.add(line["name"].as_str().unwrap(), line["schema"].clone());
        }
        tables
    }
}

#[derive(Debug, PartialEq)]
enum Answer {
    Columns(Vec<(String, String)>),
    Error(i64),
}

fn answer(tables: &Tables, sql: &str, options: &str) -> Result<Answer, query::Error> {
    let mut statement = parse(sql)?;
    statement.add_options(options)?;
    let mut context = BindContext::new(1_700_000_000_000);
    context.max_limit = u64::MAX;
    let (names, types) = match bind(&statement, tables, &context)? {
        Bound::Query(query) if query.explain => return Ok(Answer::Columns(Vec::new())),
        Bound::Query(query) => query.result_schema(),
        Bound::Answer(table) => (table.names, table.types),
    };
    Ok(Answer::Columns(names.into_iter().zip(types.iter().map(|ty| ty.response_name().to_owned())).collect()))
}

fn columns(names: &Json, types: &Json) -> Answer {
    let texts = |json: &Json| -> Vec<String> {
        json.as_array().unwrap().iter().map(|n| n.as_str().unwrap().to_owned()).collect()
    };
    Answer::Columns(texts(names).into_iter().zip(texts(types)).collect())
}

/// Whether the two agree. A server's error at run time (200) cannot be known when binding.
fn agree(got: &Result<Answer, query::Error>, expected: &Answer) -> bool {
    match (got, expected) {
        (Ok(answer), expected) => answer == expected || matches!(expected, Answer::Error(200)),
        (Err(e), Answer::Error(code)) => i64::from(e.code()) == *code || (*code == 200 && e.code() == 700),
        (Err(_), Answer::Columns(_)) => false,
    }
}

#[test]
fn suites_agree_on_headers_and_types() {
    let Some(folder) = shared() else { return };
    let tables = Tables::conformance(&folder);
    let golden: HashMap<String, Json> = lines(&folder.join("conformance/golden.jsonl.gz"))
        .into_iter()
        .filter_map(|line| Some((line["id"].as_str()?.to_owned(), line)))
        .collect();
    let (mut asked, mut wrong) = (0, Vec::new());
    for suite in ["ontime200", "ontime10k", "compat", "udf", "quickstart", "ssb"] {
        for case in lines(&folder.join(format!("conformance/suites/{suite}.jsonl.gz"))) {
            let id = case["id"].as_str().unwrap();
            let Some(golden) = golden.get(id).filter(|_| case["engine"] != "v2") else { continue };
            let expected = match golden["exceptions"].as_array().and_then(|e| e.first()) {
                Some(exception) => Answer::Error(exception["errorCode"].as_i64().unwrap()),
                None => columns(&golden["names"], &golden["types"]),
            };
            let options: Vec<String> = case["options"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(k, v)| format!("{k}={}", v.as_str().map_or_else(|| v.to_string(), str::to_owned)))
                .collect();
            let sql = case["sql"].as_str().unwrap();
            let got = answer(&tables, sql, &options.join(";"));
            asked += 1;
            if !agree(&got, &expected) {
                wrong.push(format!("{id}: {sql}\n  got      {got:?}\n  expected {expected:?}"));
            }
        }
    }
    println!("{asked} statements, {} differ", wrong.len());
    wrong.iter().take(40).for_each(|w| println!("{w}"));
    assert!(asked > 100 && wrong.len() * 100 < asked * 3, "{} of {asked} statements differ", wrong.len());
}

#[test]
fn recorded_replies_agree_on_headers_and_errors() {
    let Some(folder) = shared() else { return };
    let mut tables = Tables::conformance(&folder);
    let samples = lines(&folder.join("reference/samples/queries.jsonl"));
    for step in samples.iter().flat_map(|line| line["steps"].as_array().into_iter().flatten()) {
        if step["request"]["path"] == "/schemas" {
            let schema = step["request"]["json"].clone();
            tables.add(schema["schemaName"].as_str().unwrap(), schema.clone());
        }
    }
    let (mut asked, mut wrong) = (0, Vec::new());
    for step in samples.iter().flat_map(|line| line["steps"].as_array().into_iter().flatten()) {
        let (request, body) = (&step["request"], &step["response"]["body"]);
        let multi_stage = request.to_string().contains("ultistage");
        let (Some(sql), true, false) = (request["json"]["sql"].as_str(), body["requestId"].is_string(), multi_stage)
        else {
            continue;
        };
        if request["path"] != "/query/sql" || sql.to_lowercase().contains("groovy") {
            continue;
        }
        let expected = match body["exceptions"].as_array().and_then(|e| e.first()) {
            Some(exception) => Answer::Error(exception["errorCode"].as_i64().unwrap()),
            None if sql.contains("explain plan") => Answer::Columns(Vec::new()),
            None => {
                let schema = &body["resultTable"]["dataSchema"];
                columns(&schema["columnNames"], &schema["columnDataTypes"])
            }
        };
        let got = answer(&tables, sql, request["json"]["queryOptions"].as_str().unwrap_or_default());
        asked += 1;
        if !agree(&got, &expected) {
            wrong.push(format!("{sql}\n  got      {got:?}\n  expected {expected:?}"));
        }
    }
    println!("{asked} statements, {} differ", wrong.len());
    wrong.iter().for_each(|w| println!("{w}"));
    assert!(asked > 40 && wrong.len() * 10 < asked, "{} of {asked} statements differ", wrong.len());
}
