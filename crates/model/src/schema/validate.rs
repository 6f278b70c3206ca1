//! What makes a schema valid, and which schema may replace which.

use std::collections::HashSet;

use super::{FieldSpec, Schema, SchemaError};
use crate::{
    DataType, FieldRole, Value,
    date_time::{DateTimeFormat, Granularity, is_valid_time},
    names::RawTableName,
    suggest,
};

impl Schema {
    /// Checks everything that a schema alone can tell. The first mistake is the error.
    pub fn validate(&self) -> Result<(), SchemaError> {
        if self.name.is_empty() {
            return Err(SchemaError::NoName);
        }
        if self.name.contains("__") {
            return Err(SchemaError::DoubleUnderscore);
        }
        let invalid = |reason: String| SchemaError::Invalid { schema: self.name.clone(), reason };
        RawTableName::parse(&self.name).map_err(|error| invalid(error.to_string()))?;
        let mut lower_case = HashSet::new();
        for field in &self.fields {
            validate_field(field).map_err(invalid)?;
            let lower = field.name.to_lowercase();
            if lower_case.contains(&lower) {
                return Err(invalid(format!(
                    "When enable case insensitive, you can't use the same lowercase column name: {lower}"
                )));
            }
            lower_case.insert(lower);
        }
        for (i, column) in self.primary_key_columns.iter().enumerate() {
            if self.field(column).is_none_or(FieldSpec::is_virtual) {
                let meant = suggest::did_you_mean(column, self.fields.iter().map(|field| field.name.as_str()));
                return Err(invalid(format!(
                    "The primary key column must exist (at /primaryKeyColumns/{i}): there is no column '{column}'{meant}"
                )));
            }
        }
        Ok(())
    }

    /// Whether `new` may replace this schema: no column removed, no data type or single/multi-value changed, primary
    /// keys kept (adding them to none is allowed). New columns may come.
    pub fn check_update(&self, new: &Schema) -> Result<(), SchemaError> {
        let mut details = String::new();
        let missing: Vec<&str> =
            self.fields.iter().map(|f| f.name.as_str()).filter(|name| new.field(name).is_none()).collect();
        if !missing.is_empty() {
            details += &format!("- Missing columns (present in old schema but not in new): [{}]\n", missing.join(", "));
        }
        let changed: Vec<String> = self
            .fields
            .iter()
            .filter_map(|old| new.field(&old.name).map(|new| (old, new)))
            .filter(|(old, new)| old.column_type() != new.column_type())
            .map(|(old, new)| format!("{} (old: {}, new: {})", old.name, describe(old), describe(new)))
            .collect();
        if !changed.is_empty() {
            details += &format!("- Incompatible field specifications: [{}]\n", changed.join(", "));
        }
        if !self.primary_key_columns.is_empty() && self.primary_key_columns != new.primary_key_columns {
            details += &format!(
                "- Primary key columns changed (old: [{}], new: [{}])\n",
                self.primary_key_columns.join(", "),
                new.primary_key_columns.join(", ")
            );
        }
        if details.is_empty() {
            return Ok(());
        }
        Err(SchemaError::Incompatible {
            schema: new.name.clone(),
            details: format!(
                "New schema: {} is not backward-compatible with the existing schema.\n\nIncompatibility Details:\n\
                 {details}\nSuggestions to fix:\n\
                 1. Ensure all columns from the existing schema are retained in the new schema\n\
                 2. Do not change the data type or field type of existing columns\n\
                 3. Do not change primary key columns\n\
                 4. New columns should be added as optional fields with default values\n\
                 5. If you must make breaking changes, consider creating a new schema version or use force=true (use with caution)",
                new.name
            ),
        })
    }
}

fn describe(field: &FieldSpec) -> String {
    let values = if field.multi_value { " multi-value" } else { "" };
    format!("{} {}{values}", role_name(field.role), field.data_type)
}

fn role_name(role: FieldRole) -> &'static str {
    match role {
        FieldRole::Dimension => "DIMENSION",
        FieldRole::Metric => "METRIC",
        FieldRole::Time => "TIME",
        FieldRole::DateTime => "DATE_TIME",
        FieldRole::Complex => "COMPLEX",
    }
}

fn validate_field(field: &FieldSpec) -> Result<(), String> {
    let name = &field.name;
    if name.is_empty() {
        return Err("The column name should not be empty.".to_owned());
    }
    if name.contains(char::is_whitespace) {
        return Err(format!("The column name \"{name}\" should not contain blank space."));
    }
    if name.len() > 1024 || name.chars().any(char::is_control) {
        return Err(format!(
            "The column name \"{}\" should have no control character and at most 1024 bytes.",
            name.escape_debug().to_string().chars().take(100).collect::<String>()
        ));
    }
    let allowed = match field.role {
        FieldRole::Metric => field.data_type.is_numeric() || field.data_type == DataType::Bytes,
        FieldRole::Complex => matches!(field.data_type, DataType::Map | DataType::List | DataType::Struct),
        FieldRole::Time => matches!(
            field.data_type,
            DataType::Int
                | DataType::Long
                | DataType::Float
                | DataType::Double
                | DataType::String
                | DataType::Timestamp
        ),
        FieldRole::Dimension | FieldRole::DateTime => {
            !matches!(field.data_type, DataType::Map | DataType::List | DataType::Struct)
        }
    };
    if !allowed {
        return Err(format!("Unsupported data type: {} in {} field: {name}", field.data_type, role_name(field.role)));
    }
    if field.multi_value {
        if matches!(field.data_type, DataType::Json | DataType::BigDecimal) {
            return Err(format!("{} columns cannot be of multi-value type", field.data_type));
        }
        if field.role != FieldRole::Dimension {
            return Err(format!("Unsupported multi-value for {} field: {name}", role_name(field.role)));
        }
    }
    if matches!(field.default_null_value, Value::Float(v) if v.is_nan())
        || matches!(field.default_null_value, Value::Double(v) if v.is_nan())
    {
        return Err(format!("NaN as null default value is not managed yet for {name}"));
    }
    if field.data_type == DataType::Map {
        validate_children(field)?;
    }
    if field.role == FieldRole::DateTime {
        validate_date_time(field)?;
    }
    if field.role == FieldRole::Time {
        validate_time(field)?;
    }
    Ok(())
}

/// A legacy time column may convert from one epoch to another, under another name.
fn validate_time(field: &FieldSpec) -> Result<(), String> {
    let spec = |key: &str| field.raw.get(key).filter(|spec| spec.is_object());
    let (Some(incoming), Some(outgoing)) = (spec("incomingGranularitySpec"), spec("outgoingGranularitySpec")) else {
        return Ok(());
    };
    let member = |spec: &serde_json::Value, key: &str| spec.get(key).cloned().unwrap_or_default();
    let keys = ["name", "dataType", "timeType", "timeFormat", "timeUnitSize"];
    if keys.iter().all(|key| member(incoming, key) == member(outgoing, key)) {
        return Ok(());
    }
    if member(incoming, "name") == member(outgoing, "name") {
        return Err(format!(
            "Cannot convert from incoming field spec to outgoing field spec if name is the same (at /timeFieldSpec/outgoingGranularitySpec/name): name the outgoing column otherwise than '{}'",
            field.name
        ));
    }
    let is_epoch = |spec| matches!(member(spec, "timeFormat").as_str(), None | Some("EPOCH"));
    if !(is_epoch(incoming) && is_epoch(outgoing)) {
        return Err(
            "Cannot perform time conversion for time format other than EPOCH (at /timeFieldSpec): use a date-time column and a transform"
                .to_owned(),
        );
    }
    Ok(())
}

fn validate_children(field: &FieldSpec) -> Result<(), String> {
    let children = field.raw.get("childFieldSpecs").and_then(|children| children.as_object());
    for key in ["key", "value"] {
        if children.and_then(|children| children.get(key)).is_none() {
            return Err(format!("Missing '{key}' in the 'childFieldSpec' of column: {}", field.name));
        }
    }
    Ok(())
}

fn validate_date_time(field: &FieldSpec) -> Result<(), String> {
    let Some(text) = &field.format else {
        return Err(format!(
            "Invalid format: null. The date-time column '{}' needs a 'format' such as 'EPOCH|MILLISECONDS' or 'SIMPLE_DATE_FORMAT|yyyy-MM-dd'",
            field.name
        ));
    };
    let format = DateTimeFormat::parse(text)
        .map_err(|error| format!("Invalid format: {text}. In column '{}': {error}", field.name))?;
    if let DateTimeFormat::SimpleDate { pattern: Some(pattern), .. } = &format
        && !pattern.sorts_like_time()
    {
        return Err(format!(
            "SIMPLE_DATE_FORMAT pattern {pattern} has to be sorted by both lexicographical and datetime order. In column '{}': write the larger unit first, such as yyyy-MM-dd, or declare the column as a dimension",
            field.name
        ));
    }
    let Some(granularity) = &field.granularity else {
        return Err(format!(
            "Invalid granularity: null. The date-time column '{}' needs a 'granularity' such as '1:DAYS'",
            field.name
        ));
    };
    Granularity::parse(granularity)
        .map_err(|error| format!("Invalid granularity: {granularity}. In column '{}': {error}", field.name))?;
    let Some(sample) = field.raw.get("sampleValue").filter(|sample| !sample.is_null()) else { return Ok(()) };
    let sample = sample.as_str().map_or_else(|| sample.to_string(), str::to_owned);
    let millis = format.text_to_millis(&sample).map_err(|error| {
        format!("Cannot format provided sample value: {sample} with provided date time spec: {text}: {error}")
    })?;
    if !is_valid_time(millis) {
        return Err(format!(
            "Incorrect date time format. Converted sample value {millis} for date time field spec is not in valid time-range: 1971-01-01 and 2071-01-01 (column '{}')",
            field.name
        ));
    }
    Ok(())
}
