//! Holds `docs/compatibility.md` to the truth: each of Pinot's endpoints and verbs is there with works, later or never,
//! "works" means that the binary serves it, and what it does not serve says why.
//!
//! `UPDATE=1` writes the states anew from what is served. The list of Pinot's endpoints comes from the reference beside
//! the workspace where there is one; else the lines of the page are what is known.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testkit::InProcess;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/compatibility.md");
/// What follows this line is written by `UPDATE=1`, but for states other than "works" and for the last column.
const MARK: &str = "<!-- lists -->";
const ROLES: [&str; 4] = ["controller", "broker", "server", "minion"];

/// What the page says of one endpoint or verb.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Line {
    state: String,
    why: String,
}

/// By section (`Controller`, …, `Verbs`), then by `METHOD /path` or verb.
type Lists = BTreeMap<String, BTreeMap<String, Line>>;

/// `GET /tables/{tableName}` and `GET /tables/{t}/` are the same endpoint.
fn shape(endpoint: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in endpoint.trim_end_matches('/').chars() {
        match c {
            '{' => inside = true,
            '}' => {
                inside = false;
                out.push_str("{}");
            }
            _ if inside => {}
            c => out.push(c),
        }
    }
    out
}

fn read(page: &str) -> Result<Lists> {
    let (_, lists) = page.split_once(MARK).with_context(|| format!("docs/compatibility.md has no line {MARK}"))?;
    let mut all = Lists::new();
    let mut section = String::new();
    for line in lists.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title.split(" (").next().unwrap_or(title).to_owned();
        } else if let Some(row) = line.strip_prefix("| ").and_then(|row| row.strip_suffix(" |")) {
            let cells: Vec<_> = row.split(" | ").map(str::trim).collect();
            if let [name, state, why] = cells[..]
                && name.starts_with('`')
            {
                let line = Line { state: state.to_owned(), why: why.to_owned() };
                all.entry(section.clone()).or_default().insert(name.trim_matches('`').to_owned(), line);
            }
        }
    }
    Ok(all)
}

fn write(prose: &str, lists: &Lists) -> String {
    let mut page = format!("{prose}{MARK}\n");
    for (section, lines) in lists {
        let works = lines.values().filter(|line| line.state == "works").count();
        let what = if section == "Verbs" { "verb" } else { "endpoint" };
        let _ = write!(
            page,
            "\n## {section} ({works} of {} work)\n\n| {what} | state | note |\n|---|---|---|\n",
            lines.len()
        );
        for (name, Line { state, why }) in lines {
            let _ = writeln!(page, "| `{name}` | {state} | {why} |");
        }
    }
    page
}

/// Endpoints that Pinot documents, by role. Empty where the reference is not there.
fn pinots() -> Result<Vec<(String, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let shared = std::env::var_os("CUVEE_SHARED").map_or_else(|| root.join("shared"), PathBuf::from);
    let file = shared.join("reference/rest-endpoints.tsv");
    if !file.exists() {
        println!("skipped: {} is not there, so the page is not compared with Pinot's own list", file.display());
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(&file)?;
    let rows = text.lines().skip(1).filter_map(|line| {
        let mut cells = line.split('\t');
        Some((cells.next()?.to_owned(), format!("{} {}", cells.next()?, cells.next()?)))
    });
    Ok(rows.collect())
}

/// `METHOD /path` of an OpenAPI document.
fn endpoints(document: &Value) -> Vec<String> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let all = paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flat_map(|item| item.keys());
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    all.collect()
}

fn title(role: &str) -> String {
    let mut chars = role.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_tells_the_truth() -> Result<()> {
    let page = std::fs::read_to_string(PAGE)?;
    let (prose, _) = page.split_once(MARK).context("docs/compatibility.md lost its mark")?;
    let before = read(&page)?;
    let cluster = InProcess::start().await?;
    let http = reqwest::Client::new();

    let mut lists = Lists::new();
    let mut problems = Vec::new();
    for role in ROLES {
        let url = cluster.url(role).with_context(|| format!("no {role}"))?;
        let document: Value = http.get(format!("{url}/swagger.json")).send().await?.error_for_status()?.json().await?;
        let served: BTreeMap<_, _> = endpoints(&document).into_iter().map(|e| (shape(&e), e)).collect();
        ensure!(!served.is_empty(), "the document of the {role} lists nothing");
        let section = title(role);
        let old = before.get(&section).cloned().unwrap_or_default();
        let mut names: BTreeMap<String, String> = served.clone();
        names.extend(old.keys().map(|name| (shape(name), name.clone())));
        names.extend(pinots()?.into_iter().filter(|(of, _)| of == role).map(|(_, e)| (shape(&e), e)));
        let lines = lists.entry(section.clone()).or_default();
        for (shape, name) in names {
            let mut line = old.get(&name).cloned().unwrap_or_default();
            if served.contains_key(&shape) {
                line.state = "works".to_owned();
            } else {
                if !matches!(line.state.as_str(), "later" | "never") {
                    line.state = "later".to_owned();
                }
                if line.why.is_empty() {
                    problems.push(format!("{section}: {name} is not served, and the page does not say why"));
                }
            }
            lines.insert(name, line);
        }
    }

    let mut verbs = BTreeMap::new();
    let old = before.get("Verbs").cloned().unwrap_or_default();
    for verb in cli::verbs::registry() {
        let why = old.get(verb.name).map(|line| line.why.clone()).unwrap_or_default();
        verbs.insert(verb.name.to_owned(), Line { state: "works".to_owned(), why });
    }
    for (name, why) in cli::verbs::LATER {
        verbs.insert((*name).to_owned(), Line { state: "later".to_owned(), why: (*why).to_owned() });
    }
    let gone: BTreeSet<_> = old.keys().filter(|name| !verbs.contains_key(*name)).collect();
    ensure!(gone.is_empty(), "verbs of the page that the binary does not know: {gone:?}");
    lists.insert("Verbs".to_owned(), verbs);

    let now = write(prose, &lists);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PAGE, &now)?;
    } else {
        ensure!(
            now == page,
            "docs/compatibility.md is not what the binary does: run the test with UPDATE=1 and look at the change"
        );
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}
