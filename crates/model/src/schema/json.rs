//! Schema JSON in and out.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::{FieldSpec, MaxLengthExceedStrategy, Schema, SchemaError};
use crate::{DataType, FieldRole, TimeUnit, parse, render, suggest};

/// The lists of a schema document, in the order they are written.
const LISTS: [(&str, FieldRole); 4] = [
    ("dimensionFieldSpecs", FieldRole::Dimension),
    ("metricFieldSpecs", FieldRole::Metric),
    ("dateTimeFieldSpecs", FieldRole::DateTime),
    ("complexFieldSpecs", FieldRole::Complex),
];

/// What `dataType` can be, for suggestions.
const DATA_TYPES: [&str; 13] = [
    "INT",
    "LONG",
    "FLOAT",
    "DOUBLE",
    "BIG_DECIMAL",
    "BOOLEAN",
    "TIMESTAMP",
    "STRING",
    "JSON",
    "BYTES",
    "MAP",
    "LIST",
    "STRUCT",
];

const FIELD_KEYS: [&str; 12] = [
    "name",
    "dataType",
    "fieldType",
    "singleValueField",
    "notNull",
    "maxLength",
    "maxLengthExceedStrategy",
    "defaultNullValue",
    "defaultNullValueString",
    "allowTrailingZeros",
    "transformFunction",
    "virtualColumnProvider",
];

type Unrecognized = BTreeMap<String, Json>;

impl Schema {
    /// Reads a schema document. Unknown keys are kept and listed in `unrecognized`. Call [`Schema::validate`] next.
    pub fn from_json(json: &Json) -> Result<Self, SchemaError> {
        read_schema(json).map_err(|reason| SchemaError::Json { text: cut(&json.to_string()), reason })
    }

    /// As [`Schema::from_json`], from text.
    pub fn from_json_text(text: &str) -> Result<Self, SchemaError> {
        let json: Json = serde_json::from_str(text)
            .map_err(|error| SchemaError::Json { text: cut(text), reason: error.to_string() })?;
        read_schema(&json).map_err(|reason| SchemaError::Json { text: cut(text), reason })
    }

    /// The document as `GET /schemas/{name}` answers it: known keys in their order, defaults left out.
    pub fn to_json(&self) -> Json {
        self.write(false)
    }

    /// The document to store: as [`Schema::to_json`], with the unknown keys in their places.
    pub fn to_json_with_unknown(&self) -> Json {
        let mut json = self.write(true);
        for (pointer, value) in &self.unrecognized {
            if let Some(key) = pointer.strip_prefix('/').filter(|key| !key.contains('/'))
                && let Some(object) = json.as_object_mut()
            {
                object.entry(unescape(key)).or_insert_with(|| value.clone());
            }
        }
        json
    }

    fn write(&self, with_unknown: bool) -> Json {
        let mut out = Map::new();
        out.insert("schemaName".into(), self.name.clone().into());
        out.insert("enableColumnBasedNullHandling".into(), self.column_based_null_handling.into());
        for (list, role) in LISTS {
            if role == FieldRole::DateTime
                && let Some(time) = self.fields_of(FieldRole::Time).next()
            {
                out.insert("timeFieldSpec".into(), write_time_field(time));
            }
            let fields: Vec<Json> = self.fields_of(role).map(|field| write_field(field, with_unknown)).collect();
            if !fields.is_empty() {
                out.insert(list.into(), fields.into());
            }
        }
        if !self.primary_key_columns.is_empty() {
            out.insert("primaryKeyColumns".into(), self.primary_key_columns.clone().into());
        }
        Json::Object(out)
    }
}

impl serde::Serialize for Schema {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json_with_unknown().serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Schema {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        Self::from_json(&json).map_err(serde::de::Error::custom)
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(1000) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn unescape(key: &str) -> String {
    key.replace("~1", "/").replace("~0", "~")
}

/// A JSON pointer's next step.
pub(crate) fn pointer(parent: &str, key: &str) -> String {
    format!("{parent}/{}", key.replace('~', "~0").replace('/', "~1"))
}

fn read_schema(json: &Json) -> Result<Schema, String> {
    let Json::Object(object) = json else {
        return Err(format!("expected a JSON object, found {}", kind(json)));
    };
    let mut unrecognized = Unrecognized::new();
    let mut lists: [Vec<FieldSpec>; 4] = Default::default();
    let mut time = None;
    let mut schema = Schema::new("", Vec::new());
    for (key, value) in object {
        let at = pointer("", key);
        if value.is_null() {
            continue;
        }
        if let Some(i) = LISTS.iter().position(|(list, _)| list == key) {
            lists[i] = read_list(value, &at, LISTS[i].1, &mut unrecognized)?;
            continue;
        }
        match key.as_str() {
            "schemaName" => schema.name = text(value, &at)?,
            "enableColumnBasedNullHandling" => schema.column_based_null_handling = boolean(value, &at)?,
            "primaryKeyColumns" => schema.primary_key_columns = texts(value, &at)?,
            "timeFieldSpec" => time = Some(read_time_field(value, &at, &mut unrecognized)?),
            // Written by older clients; says nothing that the fields do not say.
            "updateSemantic" => {}
            _ => {
                unrecognized.insert(at, value.clone());
            }
        }
    }
    let [dimensions, metrics, date_times, complex] = lists;
    let fields: Vec<FieldSpec> =
        dimensions.into_iter().chain(metrics).chain(time).chain(date_times).chain(complex).collect();
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = fields.iter().find(|field| !seen.insert(field.name.as_str())) {
        return Err(format!("Field spec already exists for column: {}", twice.name));
    }
    let built = Schema::new(std::mem::take(&mut schema.name), fields);
    Ok(Schema {
        column_based_null_handling: schema.column_based_null_handling,
        primary_key_columns: schema.primary_key_columns,
        unrecognized,
        ..built
    })
}

fn read_list(
    value: &Json,
    at: &str,
    role: FieldRole,
    unrecognized: &mut Unrecognized,
) -> Result<Vec<FieldSpec>, String> {
    let Json::Array(items) = value else {
        return Err(format!("expected an array at {at}, found {}", kind(value)));
    };
    items.iter().enumerate().map(|(i, item)| read_field(item, &format!("{at}/{i}"), role, unrecognized)).collect()
}

fn read_field(value: &Json, at: &str, role: FieldRole, unrecognized: &mut Unrecognized) -> Result<FieldSpec, String> {
    let Json::Object(object) = value else {
        return Err(format!("expected an object at {at}, found {}", kind(value)));
    };
    let get = |key: &str| object.get(key).filter(|value| !value.is_null());
    let mistyped = |key: &str| {
        let unknown = object.keys().map(String::as_str).filter(|name| !FIELD_KEYS.contains(name));
        suggest::nearest(key, unknown)
            .map_or_else(String::new, |found| format!(", but a '{found}', which nobody knows"))
    };
    let name = get("name").ok_or_else(|| format!("the field at {at} has no 'name'{}", mistyped("name")))?;
    let name = text(name, &pointer(at, "name"))?;
    let data_type = match get("dataType") {
        Some(value) => {
            let at = pointer(at, "dataType");
            let written = text(value, &at)?;
            written.parse::<DataType>().map_err(|error| {
                let meant = suggest::did_you_mean(&written, DATA_TYPES);
                format!("{error} at {at} (column: {name}){meant}")
            })?
        }
        None if role == FieldRole::Complex => DataType::Map,
        None => return Err(format!("the column '{name}' at {at} has no 'dataType'{}", mistyped("dataType"))),
    };
    let mut field = FieldSpec::new(name, data_type, role);
    for (key, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        read_field_key(&mut field, key, value, &pointer(at, key), unrecognized)?;
    }
    if field.multi_value && role == FieldRole::Metric {
        return Err("Unsupported multi-value for metric field.".to_owned());
    }
    if role == FieldRole::DateTime && data_type == DataType::Timestamp {
        // Whatever was written: the column holds milliseconds, and GET shows it so.
        field.format = Some("TIMESTAMP".to_owned());
    }
    field.raw = object.clone();
    Ok(field)
}

fn read_field_key(
    field: &mut FieldSpec,
    key: &str,
    value: &Json,
    at: &str,
    unrecognized: &mut Unrecognized,
) -> Result<(), String> {
    match key {
        "name" | "dataType" | "fieldType" | "virtualColumnProvider" => {}
        "singleValueField" => field.multi_value = !boolean(value, at)?,
        "notNull" => field.not_null = boolean(value, at)?,
        "maxLength" => field.max_length = Some(whole(value, at)?),
        "maxLengthExceedStrategy" => {
            let name = text(value, at)?.to_ascii_uppercase();
            field.max_length_exceed_strategy =
                Some(serde_json::from_value::<MaxLengthExceedStrategy>(Json::String(name.clone())).map_err(|_| {
                    let known = ["TRIM_LENGTH", "ERROR", "SUBSTITUTE_DEFAULT_VALUE", "NO_ACTION"];
                    let meant = suggest::did_you_mean(&name, known);
                    format!("unknown strategy '{name}' at {at}, expected one of {}{meant}", known.join(", "))
                })?);
        }
        "defaultNullValue" | "defaultNullValueString" => {
            field.default_null_value = parse::parse_json_literal(value, field.data_type)
                .map_err(|error| format!("{error} (default null value of column: {}, at {at})", field.name))?;
        }
        "allowTrailingZeros" => field.allow_trailing_zeros = boolean(value, at)?,
        "transformFunction" => field.transform_function = Some(text(value, at)?),
        "format" if field.role == FieldRole::DateTime => field.format = Some(text(value, at)?),
        "granularity" if field.role == FieldRole::DateTime => field.granularity = Some(text(value, at)?),
        "sampleValue" if field.role == FieldRole::DateTime => {}
        "childFieldSpecs" if field.role == FieldRole::Complex => {
            if !value.is_object() {
                return Err(format!("expected an object at {at}, found {}", kind(value)));
            }
        }
        _ => {
            unrecognized.insert(at.to_owned(), value.clone());
        }
    }
    Ok(())
}

/// A legacy time column: its stored form is the outgoing granularity where there is one.
fn read_time_field(value: &Json, at: &str, unrecognized: &mut Unrecognized) -> Result<FieldSpec, String> {
    let Json::Object(object) = value else {
        return Err(format!("expected an object at {at}, found {}", kind(value)));
    };
    for (key, value) in object {
        let known = ["incomingGranularitySpec", "outgoingGranularitySpec", "defaultNullValue", "name", "dataType"];
        if !known.contains(&key.as_str()) && !FIELD_KEYS.contains(&key.as_str()) {
            unrecognized.insert(pointer(at, key), value.clone());
        }
    }
    let spec = object
        .get("outgoingGranularitySpec")
        .or_else(|| object.get("incomingGranularitySpec"))
        .and_then(Json::as_object)
        .ok_or_else(|| format!("'incomingGranularitySpec' is missing at {at}"))?;
    let get = |key: &str| spec.get(key).and_then(Json::as_str);
    let name = get("name").ok_or_else(|| format!("the granularity spec at {at} has no 'name'"))?;
    let data_type: DataType = get("dataType")
        .ok_or_else(|| format!("the granularity spec at {at} has no 'dataType'"))?
        .parse()
        .map_err(|error| format!("{error} at {at}"))?;
    let unit: TimeUnit = get("timeType")
        .ok_or_else(|| format!("the granularity spec at {at} has no 'timeType'"))?
        .parse()
        .map_err(|error| format!("{error} at {at}"))?;
    let size = spec.get("timeUnitSize").map_or(Ok(1), |size| whole(size, at))?;
    let format = match get("timeFormat").unwrap_or("EPOCH") {
        "EPOCH" => format!("{size}:{unit}:EPOCH"),
        other => format!("{size}:{unit}:{other}"),
    };
    let mut field = FieldSpec::new(name, data_type, FieldRole::Time);
    field.format = Some(format);
    field.granularity = Some(format!("{size}:{unit}"));
    if let Some(default) = object.get("defaultNullValue").filter(|value| !value.is_null()) {
        field.default_null_value = parse::parse_json_literal(default, data_type)
            .map_err(|error| format!("{error} (default null value of column: {name}, at {at})"))?;
    }
    field.raw = object.clone();
    Ok(field)
}

fn write_time_field(field: &FieldSpec) -> Json {
    let mut out = Map::new();
    for key in ["incomingGranularitySpec", "outgoingGranularitySpec", "defaultNullValue"] {
        if let Some(value) = field.raw.get(key) {
            out.insert(key.into(), value.clone());
        }
    }
    if out.is_empty() {
        // Made by code: rebuilt from the derived format.
        let unit = field.granularity.as_deref().and_then(|g| g.split(':').next_back()).unwrap_or("MILLISECONDS");
        out.insert(
            "incomingGranularitySpec".into(),
            json!({"name": field.name, "dataType": field.data_type.name(), "timeType": unit}),
        );
    }
    Json::Object(out)
}

fn write_field(field: &FieldSpec, with_unknown: bool) -> Json {
    let mut out = Map::new();
    out.insert("name".into(), field.name.clone().into());
    out.insert("dataType".into(), field.data_type.name().into());
    let role = serde_json::to_value(field.role).unwrap_or_default();
    out.insert("fieldType".into(), role);
    if field.multi_value {
        out.insert("singleValueField".into(), false.into());
    }
    if field.not_null {
        out.insert("notNull".into(), true.into());
    }
    if let Some(max_length) = field.max_length {
        out.insert("maxLength".into(), max_length.into());
    }
    if let Some(strategy) = field.max_length_exceed_strategy {
        out.insert("maxLengthExceedStrategy".into(), serde_json::to_value(strategy).unwrap_or_default());
    }
    if field.default_null_value != field.data_type.default_null_value(field.role) {
        out.insert("defaultNullValue".into(), default_to_json(field));
    }
    if field.allow_trailing_zeros {
        out.insert("allowTrailingZeros".into(), true.into());
    }
    if let Some(function) = &field.transform_function {
        out.insert("transformFunction".into(), function.clone().into());
    }
    for (key, value) in [("format", &field.format), ("granularity", &field.granularity)] {
        if let Some(value) = value {
            out.insert(key.into(), value.clone().into());
        }
    }
    for key in ["sampleValue", "virtualColumnProvider", "childFieldSpecs"] {
        if let Some(value) = field.raw.get(key).filter(|value| !value.is_null()) {
            out.insert(key.into(), value.clone());
        }
    }
    if with_unknown {
        for (key, value) in &field.raw {
            if !FIELD_KEYS.contains(&key.as_str()) && !value.is_null() {
                out.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
    }
    Json::Object(out)
}

fn default_to_json(field: &FieldSpec) -> Json {
    match &field.default_null_value {
        crate::Value::BigDecimal(v) => {
            serde_json::from_str(&v.to_plain_string()).unwrap_or_else(|_| v.to_plain_string().into())
        }
        crate::Value::Map(v) => serde_json::from_str(v).unwrap_or_else(|_| v.clone().into()),
        other => render::to_json(other),
    }
}

pub(crate) fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

fn text(value: &Json, at: &str) -> Result<String, String> {
    match value {
        Json::String(text) => Ok(text.clone()),
        Json::Number(_) | Json::Bool(_) => Ok(value.to_string()),
        other => Err(format!("expected a string at {at}, found {}", kind(other))),
    }
}

fn texts(value: &Json, at: &str) -> Result<Vec<String>, String> {
    match value {
        Json::Array(items) => items.iter().map(|item| text(item, at)).collect(),
        other => Err(format!("expected an array of strings at {at}, found {}", kind(other))),
    }
}

fn boolean(value: &Json, at: &str) -> Result<bool, String> {
    match value {
        Json::Bool(value) => Ok(*value),
        Json::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Json::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        other => Err(format!("expected true or false at {at}, found {other}")),
    }
}

fn whole(value: &Json, at: &str) -> Result<u32, String> {
    let number = match value {
        Json::Number(number) => number.as_u64(),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number
        .and_then(|number| u32::try_from(number).ok())
        .ok_or_else(|| format!("expected a whole number from 0 to 4294967295 at {at}, found {value}"))
}
