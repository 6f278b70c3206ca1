//! Asking a broker and showing the answer as a table.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

/// One statement to one broker; the whole answer.
pub async fn query(http: &reqwest::Client, broker: &str, sql: &str, options: &str) -> Result<Value> {
    let url = format!("{broker}/query/sql");
    let answer = http.post(&url).json(&json!({"sql": sql, "queryOptions": options})).send().await.with_context(|| {
        format!("no answer from {url}: is a broker running there? (start one with `cuvee quickstart`, or name it with -broker)")
    })?;
    let (status, text) = (answer.status(), answer.text().await?);
    serde_json::from_str(&text).with_context(|| format!("{url} answered {status}: {text}"))
}

/// The answer's rows as a table with a line of figures below. Exceptions come first; they are an error only when there
/// are no rows.
pub fn render(answer: &Value) -> Result<String> {
    let mut out = String::new();
    let exceptions = answer["exceptions"].as_array().map_or(&[][..], Vec::as_slice);
    for e in exceptions {
        let _ = writeln!(out, "error {}: {}", e["errorCode"], e["message"].as_str().unwrap_or_default());
    }
    let Some(result) = answer.get("resultTable").filter(|t| !t.is_null()) else {
        if exceptions.is_empty() {
            bail!("the answer has neither rows nor errors: {answer}");
        }
        bail!("{}", out.trim_end());
    };
    let names = strings(&result["dataSchema"]["columnNames"]);
    let types = strings(&result["dataSchema"]["columnDataTypes"]);
    let rows = result["rows"].as_array().map_or(&[][..], Vec::as_slice);
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_header(names);
    for row in rows {
        table.add_row(row.as_array().map_or(&[][..], Vec::as_slice).iter().map(cell));
    }
    for (i, ty) in types.iter().enumerate() {
        if matches!(ty.as_str(), "INT" | "LONG" | "FLOAT" | "DOUBLE" | "BIG_DECIMAL")
            && let Some(column) = table.column_mut(i)
        {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let _ = writeln!(out, "{table}");
    let _ = write!(
        out,
        "{} row{} in {} ms; {} of {} docs scanned",
        rows.len(),
        if rows.len() == 1 { "" } else { "s" },
        answer["timeUsedMs"],
        answer["numDocsScanned"],
        answer["totalDocs"],
    );
    if answer["partialResult"] == true {
        out.push_str("\nthe answer is PARTIAL: see the errors above, or raise numGroupsLimit");
    }
    Ok(out)
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().map_or(&[][..], Vec::as_slice).iter().filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_a_table() {
        let answer = json!({
            "resultTable": {
                "dataSchema": {"columnNames": ["wine", "sum(bottles)"], "columnDataTypes": ["STRING", "DOUBLE"]},
                "rows": [["Alba", 6.0], ["Grande Cuvée", 120.5]]
            },
            "exceptions": [], "timeUsedMs": 2, "numDocsScanned": 7, "totalDocs": 9, "partialResult": false
        });
        let text = render(&answer).unwrap();
        assert!(text.contains("Grande Cuvée"), "{text}");
        assert!(text.ends_with("2 rows in 2 ms; 7 of 9 docs scanned"), "{text}");
    }

    #[test]
    fn an_error_without_rows_is_an_error() {
        let answer = json!({"exceptions": [{"errorCode": 190, "message": "TableDoesNotExistError"}]});
        assert_eq!(render(&answer).unwrap_err().to_string(), "error 190: TableDoesNotExistError");
    }

    #[test]
    fn a_partial_answer_says_so() {
        let answer = json!({
            "resultTable": {"dataSchema": {"columnNames": ["a"], "columnDataTypes": ["INT"]}, "rows": [[1]]},
            "exceptions": [{"errorCode": 427, "message": "1 servers [b_O] not responded"}],
            "timeUsedMs": 1, "numDocsScanned": 1, "totalDocs": 1, "partialResult": true
        });
        let text = render(&answer).unwrap();
        assert!(text.starts_with("error 427") && text.contains("PARTIAL"), "{text}");
    }
}
