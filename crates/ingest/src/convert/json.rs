//! Values for JSON and MAP columns.

use connectors::format::Field;

/// The compact JSON of a value: text that is JSON is taken as such, other text becomes a JSON string.
pub(super) fn json_text(field: &Field) -> String {
    match field {
        Field::Text(text) => match Field::from_json(text) {
            Ok(parsed) => parsed.to_json(),
            Err(_) => field.to_json(),
        },
        other => other.to_json(),
    }
}

/// The JSON object of a MAP column.
pub(super) fn map_text(field: &Field) -> Result<String, String> {
    match field {
        Field::Map(_) => Ok(field.to_json()),
        Field::Text(text) => match Field::from_json(text) {
            Ok(parsed @ Field::Map(_)) => Ok(parsed.to_json()),
            Ok(_) => Err("expected a JSON object for a MAP column, found another JSON value".to_owned()),
            Err(reason) => Err(format!("expected a JSON object for a MAP column: {reason}")),
        },
        Field::Bytes(bytes) => {
            let text = std::str::from_utf8(bytes).map_err(|_| "expected a JSON object, found bytes".to_owned())?;
            map_text(&Field::Text(text.to_owned()))
        }
        other => Err(format!("expected a JSON object for a MAP column, found {}", other.to_json())),
    }
}
