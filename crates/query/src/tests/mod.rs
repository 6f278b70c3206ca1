//! Statements to headers, bound queries and errors; partial results to answers.

mod codec;
mod error;
mod filters;
mod header;
mod hostile;
mod reduce;
mod response;

use std::sync::Arc;

use model::Schema;

use crate::{BindContext, Bound, BoundQuery, Catalog, Error, TableInfo, bind, parse};

/// `now()` of every test: 2024-03-01 00:00:00.
pub(crate) const NOW: i64 = 1_709_251_200_000;

struct Tables;

impl Catalog for Tables {
    fn table(&self, name: &str) -> Option<TableInfo> {
        let schema = match name.to_ascii_lowercase().as_str() {
            "movies" => movies(),
            "types" => types(),
            _ => return None,
        };
        Some(TableInfo::new(Arc::new(schema)))
    }
}

fn schema(json: serde_json::Value) -> Schema {
    Schema::from_json(&json).expect("test schema")
}

fn movies() -> Schema {
    schema(serde_json::json!({
        "schemaName": "movies",
        "dimensionFieldSpecs": [
            {"name": "title", "dataType": "STRING"},
            {"name": "genres", "dataType": "STRING", "singleValueField": false},
            {"name": "country", "dataType": "STRING"},
            {"name": "year", "dataType": "INT"},
            {"name": "Rank", "dataType": "INT"}
        ],
        "metricFieldSpecs": [
            {"name": "rating", "dataType": "DOUBLE"},
            {"name": "votes", "dataType": "LONG"}
        ],
        "dateTimeFieldSpecs": [
            {"name": "released", "dataType": "LONG", "format": "EPOCH|DAYS", "granularity": "DAYS"}
        ]
    }))
}

fn types() -> Schema {
    schema(serde_json::json!({
        "schemaName": "types",
        "dimensionFieldSpecs": [
            {"name": "i", "dataType": "INT"},
            {"name": "l", "dataType": "LONG"},
            {"name": "f", "dataType": "FLOAT"},
            {"name": "d", "dataType": "DOUBLE"},
            {"name": "bd", "dataType": "BIG_DECIMAL"},
            {"name": "b", "dataType": "BOOLEAN"},
            {"name": "t", "dataType": "TIMESTAMP"},
            {"name": "s", "dataType": "STRING"},
            {"name": "j", "dataType": "JSON"},
            {"name": "y", "dataType": "BYTES"},
            {"name": "mi", "dataType": "INT", "singleValueField": false},
            {"name": "ms", "dataType": "STRING", "singleValueField": false}
        ],
        "complexFieldSpecs": [
            {"name": "m", "dataType": "MAP", "fieldType": "COMPLEX", "childFieldSpecs": {
                "key": {"name": "key", "dataType": "STRING", "fieldType": "DIMENSION"},
                "value": {"name": "value", "dataType": "INT", "fieldType": "DIMENSION"}
            }}
        ]
    }))
}

fn bound(sql: &str) -> Result<Bound, Error> {
    bind(&parse(sql)?, &Tables, &BindContext::new(NOW))
}

pub(crate) fn query(sql: &str) -> BoundQuery {
    match bound(sql) {
        Ok(Bound::Query(query)) => *query,
        Ok(Bound::Answer(table)) => panic!("{sql}: answered at once: {table:?}"),
        Err(e) => panic!("{sql}: {e}"),
    }
}

/// The error's number and text; panics when there is none.
fn error(sql: &str) -> String {
    match bound(sql) {
        Ok(bound) => panic!("{sql}: bound to {bound:?}"),
        Err(e) => format!("{} {e}", e.code()),
    }
}
