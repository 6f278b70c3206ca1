//! How much memory an upsert table will need.

use bytes::Bytes;
use model::{DataType, Schema};
use serde_json::{Map, Value};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::{Params, parse_json};
use super::{Routes, schemas, tables};
use crate::error::Error;

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(estimate_heap_usage))
}

/// Bytes of a value where all of a type take as many.
fn width(data_type: DataType) -> Option<i64> {
    match data_type.stored() {
        DataType::Int | DataType::Float => Some(4),
        DataType::Long | DataType::Double => Some(8),
        _ => None,
    }
}

/// Widths of columns, or the mistake that one has none.
fn widths(schema: &Schema, columns: &[&str], refusal: &str) -> Result<Vec<i64>, Error> {
    let one = |column: &&str| {
        let field = schema.field(column);
        let field = field.ok_or_else(|| Error::Invalid(format!("Column {column} is not in schema {}", schema.name)))?;
        width(field.data_type).ok_or_else(|| Error::Invalid(format!("{refusal}: {column} is {}", field.data_type)))
    };
    columns.iter().map(one).collect()
}

/// A key's bytes: as told, else the widths of its columns with the overhead of an array.
fn bytes_per_key(schema: &Schema, told: i64) -> Result<i64, Error> {
    if told > 0 {
        return Ok(told);
    }
    let keys: Vec<&str> = schema.primary_key_columns.iter().map(String::as_str).collect();
    let widths = widths(schema, &keys, "Primary key sizes must be provided for non fixed-width columns")?;
    Ok(widths.iter().sum::<i64>() + 32)
}

/// A value's bytes: where the row is, and what it is compared by.
fn bytes_per_value(schema: &Schema, comparison: &[&str]) -> Result<i64, Error> {
    if comparison.is_empty() {
        return Ok(60);
    }
    let widths = widths(schema, comparison, "Not support data types for the comparison column")?;
    let sum: i64 = widths.iter().sum();
    Ok(match widths.len() {
        1 => 52 + sum,
        // References to the values, and the array that holds them.
        more => 52 + sum + 8 * more as i64 + 52,
    })
}

/// Memory that an upsert table will take, from its config and what is known of its keys
#[utoipa::path(post, path = "/upsert/estimateHeapUsage", tag = "Upsert", params(("cardinality" = i64, Query, description = "Different keys"), ("primaryKeySize" = Option<i32>, Query, description = "Bytes of a key, for keys with text"), ("numPartitions" = Option<i32>, Query)), request_body(content = Value, content_type = "application/json", description = "`tableConfig` and `schema`"), responses((status = 200), (status = 400), (status = 500)))]
async fn estimate_heap_usage(params: Params, body: Bytes) -> Result<Json<Value>, ApiError> {
    let shown = String::from_utf8_lossy(&body[..body.len().min(1000)]).into_owned();
    let unreadable =
        |reason: String| Error::Invalid(format!("Invalid TableSchemaConfigs json string: {shown}. Reason: {reason}"));
    let document = parse_json(&body).map_err(unreadable)?;
    let part = |key: &str| {
        let found = document.get(key).filter(|part| part.is_object());
        found
            .ok_or_else(|| unreadable(format!("'{key}' is missing, an object with tableConfig and schema is expected")))
    };
    let config = crate::tables::read_config(part("tableConfig")?).map_err(|error| unreadable(error.to_string()))?;
    let config = tables::in_database(&params, config)?;
    let (schema, _) = schemas::read(part("schema")?.to_string().as_bytes())?;
    let upsert = config.upsert().ok_or_else(|| {
        Error::Invalid(format!("Table {} has no upsertConfig (at /tableConfig/upsertConfig)", config.table_name()))
    })?;
    let number = |key: &str| params.number(key).map(|number| number.unwrap_or(-1));
    let cardinality = params.number("cardinality")?.unwrap_or(0);
    let partitions = number("numPartitions")?;
    let comparison = upsert
        .get("comparisonColumns")
        .and_then(Value::as_array)
        .map_or_else(Vec::new, |columns| columns.iter().filter_map(Value::as_str).collect::<Vec<&str>>());
    let per_key = bytes_per_key(&schema, number("primaryKeySize")?)?;
    let per_value = bytes_per_value(&schema, &comparison)?;
    let (keys, values) = (per_key.saturating_mul(cardinality), per_value.saturating_mul(cardinality));
    let total = keys.saturating_add(values);
    let mut answer = Map::new();
    let mut put = |key: &str, value: Value| drop(answer.insert(key.to_owned(), value));
    put("tableName", config.table_name().as_str().into());
    put("bytesPerKey", per_key.into());
    put("bytesPerValue", per_value.into());
    put("totalKeySpace(bytes)", keys.into());
    put("totalValueSpace(bytes)", values.into());
    put("totalSpace(bytes)", total.into());
    if partitions > 0 {
        put("numPartitions", partitions.into());
        put("totalSpacePerPartition(bytes)", (total as f64 / partitions as f64).into());
    }
    Ok(Json::new(Value::Object(answer)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn widths_of_keys_and_values() {
        let schema = Schema::from_json(&json!({
            "schemaName": "t", "primaryKeyColumns": ["a", "b"],
            "dimensionFieldSpecs": [{"name": "a", "dataType": "LONG"}, {"name": "b", "dataType": "INT"},
                                    {"name": "c", "dataType": "STRING"}],
        }))
        .unwrap();
        assert_eq!(bytes_per_key(&schema, -1).unwrap(), 44);
        assert_eq!(bytes_per_key(&schema, 8).unwrap(), 8);
        assert_eq!(bytes_per_value(&schema, &[]).unwrap(), 60);
        assert_eq!(bytes_per_value(&schema, &["a"]).unwrap(), 60);
        assert_eq!(bytes_per_value(&schema, &["a", "b"]).unwrap(), 52 + 12 + 16 + 52);
        assert!(bytes_per_value(&schema, &["c"]).unwrap_err().to_string().contains("comparison column: c"));
        assert!(bytes_per_value(&schema, &["x"]).is_err());
    }
}
