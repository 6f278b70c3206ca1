//! `schemaConformingTransformerConfig`: what the schema has no column for goes to catch-all columns.
//!
//! Nested fields find their columns by their path (`a.b`). Of the others a JSON object is made that keeps their
//! nesting, and another one of those whose key has the suffix for fields that are not to be indexed. All leaves may
//! also go, as `value:key` texts, to a column for a text index.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use connectors::format::{Field, RawBatch, RawColumn};
use model::{DataType, Schema};
use serde_json::{Map, Value as Json};

use super::{Column, Faults, Rows};
use crate::Error;

/// Columns that streams add; they are never nested.
const SPECIAL: [&str; 3] = ["__key", "__header$", "__metadata$"];
/// Columns of an encoding of log lines are not searched as text.
const ENCODED_SUFFIXES: [&str; 3] = ["_logtype", "_dictionaryVars", "_encodedVars"];
/// The longest document of a text index.
const MAX_DOCUMENT: usize = 32_766;

pub(super) struct Conforming {
    config: Config,
    tree: Node,
    /// Text columns with a single value: lists and maps become JSON there.
    texts: BTreeSet<String>,
    /// The text index column, and whether it holds several documents.
    merged: Option<(String, bool)>,
}

#[derive(Debug)]
struct Config {
    extras: Option<String>,
    unindexed_extras: Option<String>,
    unindexed_suffix: Option<String>,
    drop: BTreeSet<String>,
    preserve: BTreeSet<String>,
    preserve_indexed: BTreeSet<String>,
    skip_storage: BTreeSet<String>,
    double_ingest: BTreeSet<String>,
    columns: BTreeMap<String, String>,
    merged: String,
    dots_nest: bool,
    lower_case: bool,
    value_first: bool,
    document_length: usize,
    binary_length: usize,
    exclude_paths: BTreeSet<String>,
    exclude_prefixes: BTreeSet<String>,
    begin: String,
    end: String,
    separator: String,
}

/// A part of a path of the schema's columns.
#[derive(Debug, Default)]
struct Node {
    children: HashMap<String, Node>,
    column: Option<String>,
}

/// What one record becomes.
#[derive(Default)]
struct Output {
    columns: BTreeMap<String, Field>,
    extras: Vec<(String, Field)>,
    unindexed: Vec<(String, Field)>,
    texts: BTreeMap<String, Field>,
}

impl Conforming {
    pub fn new(config: &Json, schema: &Schema) -> Result<Self, Error> {
        let config = Config::read(config)?;
        config.check(schema)?;
        let mut tree = Node::default();
        let renamed: HashMap<&str, &str> = config.columns.iter().map(|(c, path)| (c.as_str(), path.as_str())).collect();
        for field in schema.fields.iter().filter(|f| !f.is_virtual()) {
            let path = renamed.get(field.name.as_str()).copied().unwrap_or(&field.name);
            let mut node = &mut tree;
            for part in path.split('.') {
                if part.is_empty() {
                    return Err(Error::Config(format!("Unsupported empty sub-key in '{path}'.")));
                }
                node = node.children.entry(part.to_owned()).or_default();
            }
            node.column = Some(field.name.clone());
        }
        let single_text = |f: &&model::FieldSpec| f.data_type == DataType::String && !f.multi_value;
        let texts = schema.fields.iter().filter(single_text).map(|f| f.name.clone()).collect();
        let merged = schema.field(&config.merged).map(|f| (f.name.clone(), f.multi_value));
        Ok(Self { config, tree, texts, merged })
    }

    /// The rows with nothing but columns of the schema.
    pub fn apply(&self, rows: &Rows, faults: &mut Faults<'_>) -> Rows {
        let mut columns: BTreeMap<String, Vec<Field>> = BTreeMap::new();
        for row in 0..rows.len {
            let made = self.record(rows.record(row)).unwrap_or_else(|reason| {
                faults.add(row, "", reason);
                BTreeMap::new()
            });
            for (name, value) in made {
                let values = columns.entry(name).or_default();
                values.resize(row, Field::Null);
                values.push(value);
            }
        }
        let raw = RawBatch { rows: rows.len, row_lines: rows.lines.clone(), ..RawBatch::default() };
        let mut out = Rows::new(raw);
        for (name, values) in columns {
            out.set(&name, Column::Raw(RawColumn::Fields(values)));
        }
        out
    }

    fn record(&self, record: BTreeMap<String, Field>) -> Result<BTreeMap<String, Field>, String> {
        let mut out = Output::default();
        let mut path = Vec::new();
        for (key, value) in record {
            path.push(key);
            self.field(Some(&self.tree), &mut path, value, true, &mut out)?;
            path.pop();
        }
        let mut columns = out.columns;
        for (name, entries) in [(&self.config.extras, out.extras), (&self.config.unindexed_extras, out.unindexed)] {
            if let Some(name) = name.as_ref().filter(|_| !entries.is_empty()) {
                columns.insert(name.clone(), Field::Text(Field::Map(entries).to_json()));
            }
        }
        if let Some((name, several)) = &self.merged
            && !out.texts.is_empty()
        {
            let documents = self.documents(&out.texts);
            let value = match several {
                true => Field::List(documents.into_iter().map(Field::Text).collect()),
                false => Field::Text(documents.join(" ")),
            };
            columns.insert(name.clone(), value);
        }
        Ok(columns)
    }

    fn field(
        &self,
        parent: Option<&Node>,
        path: &mut Vec<String>,
        value: Field,
        indexed: bool,
        out: &mut Output,
    ) -> Result<(), String> {
        let config = &self.config;
        let Some(key) = path.last() else { return Ok(()) };
        if key == SPECIAL[0] || SPECIAL[1..].iter().any(|prefix| key.starts_with(prefix)) {
            out.columns.insert(key.clone(), value);
            return Ok(());
        }
        let whole = path.join(".");
        if config.drop.contains(&whole) {
            return Ok(());
        }
        let node = parent.and_then(|parent| parent.child(key, config.dots_nest));
        let with_index = config.preserve_indexed.contains(&whole);
        if with_index || config.preserve.contains(&whole) {
            if with_index {
                self.add_texts(&whole, &value, out);
            }
            let name = node.and_then(|n| n.column.clone()).unwrap_or(whole);
            let value = self.column_value(&name, value);
            out.columns.insert(name, value);
            return Ok(());
        }
        let indexed = indexed && config.unindexed_suffix.as_ref().is_none_or(|suffix| !key.ends_with(suffix.as_str()));
        if node.is_none() && config.extras.is_none() && config.unindexed_extras.is_none() {
            return Ok(());
        }
        match value {
            Field::Null => Ok(()),
            Field::Map(entries) => {
                for (key, value) in entries {
                    path.push(key);
                    self.field(node, path, value, indexed, out)?;
                    path.pop();
                }
                Ok(())
            }
            leaf if !indexed => add_extra(&mut out.unindexed, path, leaf),
            leaf => match node.and_then(|n| n.column.clone()) {
                Some(name) => {
                    if config.double_ingest.contains(&whole) {
                        add_extra(&mut out.extras, path, leaf.clone())?;
                    }
                    out.texts.insert(name.clone(), leaf.clone());
                    let value = self.column_value(&name, leaf);
                    out.columns.insert(name, value);
                    Ok(())
                }
                None if config.extras.is_some() => {
                    out.texts.insert(whole.clone(), leaf.clone());
                    if config.skip_storage.contains(&whole) { Ok(()) } else { add_extra(&mut out.extras, path, leaf) }
                }
                None => Ok(()),
            },
        }
    }

    /// A list or map in a text column with one value is JSON.
    fn column_value(&self, column: &str, value: Field) -> Field {
        match value {
            Field::List(_) | Field::Map(_) if self.texts.contains(column) => Field::Text(value.to_json()),
            other => other,
        }
    }

    fn add_texts(&self, path: &str, value: &Field, out: &mut Output) {
        if self.config.unindexed_suffix.as_ref().is_some_and(|suffix| path.ends_with(suffix.as_str())) {
            return;
        }
        match value {
            Field::Map(entries) => entries.iter().for_each(|(k, v)| self.add_texts(&format!("{path}.{k}"), v, out)),
            leaf => _ = out.texts.insert(path.to_owned(), leaf.clone()),
        }
    }

    /// The texts to search: one for each leaf, and one for each element of a list.
    fn documents(&self, texts: &BTreeMap<String, Field>) -> Vec<String> {
        let config = &self.config;
        let mut out = Vec::new();
        for (key, value) in texts {
            let shown = plain_text(value);
            let excluded = value.is_null()
                || config.exclude_paths.contains(key)
                || config.exclude_prefixes.iter().any(|prefix| key.starts_with(prefix.as_str()))
                || ENCODED_SUFFIXES.iter().any(|suffix| key.ends_with(suffix))
                || is_binary_text(&shown, config.binary_length);
            if excluded {
                continue;
            }
            self.add_document(key, &shown, &mut out);
            if let Field::List(items) = value {
                items.iter().for_each(|item| self.add_document(key, &item.to_json(), &mut out));
            }
        }
        out
    }

    fn add_document(&self, key: &str, value: &str, out: &mut Vec<String>) {
        let config = &self.config;
        let fixed = key.chars().count() + config.separator.len();
        if fixed > MAX_DOCUMENT {
            return;
        }
        let value: String = value.chars().take(config.document_length.saturating_sub(fixed)).collect();
        let document = |value: &str| {
            let (first, second) = if config.value_first { (value, key) } else { (key, value) };
            format!("{}{first}{}{second}{}", config.begin, config.separator, config.end)
        };
        out.push(document(&value));
        if config.lower_case && value.chars().any(char::is_uppercase) {
            out.push(document(&value.to_lowercase()));
        }
    }
}

impl Node {
    /// The child of this key; with `dots_nest` a key with points in it is a path.
    fn child(&self, key: &str, dots_nest: bool) -> Option<&Self> {
        if !dots_nest || !key.contains('.') {
            return self.children.get(key);
        }
        key.split('.').try_fold(self, |node, part| node.children.get(part))
    }
}

/// Puts a leaf under its path.
fn add_extra(entries: &mut Vec<(String, Field)>, path: &[String], leaf: Field) -> Result<(), String> {
    let [key, rest @ ..] = path else { return Ok(()) };
    let place = entries.iter().position(|(k, _)| k == key);
    if rest.is_empty() {
        match place {
            Some(place) => entries[place].1 = leaf,
            None => entries.push((key.clone(), leaf)),
        }
        return Ok(());
    }
    let place = place.unwrap_or_else(|| {
        entries.push((key.clone(), Field::Map(Vec::new())));
        entries.len() - 1
    });
    match &mut entries[place].1 {
        Field::Map(inner) => add_extra(inner, rest, leaf),
        _ => Err(format!("field '{key}' is a value and an object")),
    }
}

fn plain_text(value: &Field) -> String {
    match value {
        Field::Text(text) => text.clone(),
        other => other.to_json(),
    }
}

/// Long texts of nothing but base64 digits are encoded binary data.
fn is_binary_text(text: &str, min_length: usize) -> bool {
    let digits = text.trim_end_matches('.');
    text.len() >= min_length
        && digits.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_'))
}

impl Config {
    fn read(config: &Json) -> Result<Self, Error> {
        let wrong = |key: &str, expected: &str| {
            Error::Config(format!("schemaConformingTransformerConfig: '{key}' has to be {expected}"))
        };
        let Some(config) = config.as_object() else { return Err(wrong("", "an object")) };
        let read = Reader { config, wrong: &wrong };
        let extras = |enable: &str, key: &str, default: &str| -> Result<Option<String>, Error> {
            Ok(if read.flag(enable, true)? { read.text(key, Some(default))? } else { None })
        };
        Ok(Self {
            extras: extras("enableIndexableExtras", "indexableExtrasField", "json_data")?,
            unindexed_extras: extras("enableUnindexableExtras", "unindexableExtrasField", "json_data_no_idx")?,
            unindexed_suffix: read.text("unindexableFieldSuffix", Some("_noindex"))?,
            drop: read.set("fieldPathsToDrop", &[])?,
            preserve: read.set("fieldPathsToPreserveInput", &[])?,
            preserve_indexed: read.set("fieldPathsToPreserveInputWithIndex", &[])?,
            skip_storage: read.set("fieldPathsToSkipStorage", &["message"])?,
            double_ingest: read.set("fieldsToDoubleIngest", &[])?,
            columns: read.texts("columnNameToJsonKeyPathMap")?,
            merged: read.text("mergedTextIndexField", Some("__mergedTextIndex"))?.unwrap_or_default(),
            dots_nest: read.flag("useAnonymousDotInFieldNames", true)?,
            lower_case: read.flag("optimizeCaseInsensitiveSearch", false)?,
            value_first: read.flag("reverseTextIndexKeyValueOrder", true)?,
            document_length: read.number("mergedTextIndexDocumentMaxLength", MAX_DOCUMENT)?,
            binary_length: read.number("mergedTextIndexBinaryDocumentDetectionMinLength", 512)?,
            exclude_paths: read.set("mergedTextIndexPathToExclude", &[])?,
            exclude_prefixes: read.set("mergedTextIndexPrefixToExclude", &[])?,
            begin: read.text("mergedTextIndexBeginOfDocAnchor", Some(""))?.unwrap_or_default(),
            end: read.text("mergedTextIndexEndOfDocAnchor", Some(""))?.unwrap_or_default(),
            separator: read.text("jsonKeyValueSeparator", Some(":"))?.unwrap_or_default(),
        })
    }

    /// What the config asks of the schema.
    fn check(&self, schema: &Schema) -> Result<(), Error> {
        let refuse = |reason: String| Err(Error::Config(format!("schemaConformingTransformerConfig: {reason}")));
        for field in &schema.fields {
            if let Some(suffix) = &self.unindexed_suffix
                && field.name.ends_with(suffix.as_str())
            {
                return refuse(format!("Field '{}' has no-index suffix '{suffix}'", field.name));
            }
            if self.drop.contains(&field.name) {
                return refuse("Fields in schema overlap with fieldPathsToDrop".to_owned());
            }
        }
        for name in self.extras.iter().chain(&self.unindexed_extras) {
            match schema.field(name) {
                None => return refuse(format!("Field '{name}' doesn't exist in schema")),
                Some(field) if !matches!(field.data_type, DataType::Json | DataType::String) => {
                    return refuse(format!("Field '{name}' has unsupported type {}", field.data_type));
                }
                Some(_) => {}
            }
        }
        for name in self.columns.keys() {
            if schema.field(name).is_none() {
                return refuse(format!("Field '{name}' doesn't exist in schema"));
            }
        }
        for path in &self.preserve {
            if schema.field(path).is_none() && !self.columns.values().any(|p| p == path) {
                return refuse(format!(
                    "Preserved path '{path}' doesn't exist in columnNameToJsonKeyPathMap or schema"
                ));
            }
        }
        Ok(())
    }
}

/// Reads keys of a config; nulls count as absent.
struct Reader<'a> {
    config: &'a Map<String, Json>,
    wrong: &'a dyn Fn(&str, &str) -> Error,
}

impl Reader<'_> {
    /// A text; a null that is written is no text.
    fn text(&self, key: &str, default: Option<&str>) -> Result<Option<String>, Error> {
        match self.config.get(key) {
            None => Ok(default.map(str::to_owned)),
            Some(Json::Null) => Ok(None),
            Some(Json::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err((self.wrong)(key, "a text")),
        }
    }

    fn flag(&self, key: &str, default: bool) -> Result<bool, Error> {
        match self.config.get(key) {
            None | Some(Json::Null) => Ok(default),
            Some(Json::Bool(flag)) => Ok(*flag),
            Some(_) => Err((self.wrong)(key, "true or false")),
        }
    }

    fn number(&self, key: &str, default: usize) -> Result<usize, Error> {
        match self.config.get(key) {
            None | Some(Json::Null) => Ok(default),
            Some(value) => {
                let number = value.as_u64().and_then(|n| usize::try_from(n).ok());
                number.ok_or_else(|| (self.wrong)(key, "a whole number"))
            }
        }
    }

    fn set(&self, key: &str, default: &[&str]) -> Result<BTreeSet<String>, Error> {
        let wrong = || (self.wrong)(key, "a list of texts");
        match self.config.get(key) {
            None | Some(Json::Null) => Ok(default.iter().map(|s| (*s).to_owned()).collect()),
            Some(Json::Array(items)) => items.iter().map(|i| i.as_str().map(str::to_owned).ok_or_else(wrong)).collect(),
            Some(_) => Err(wrong()),
        }
    }

    fn texts(&self, key: &str) -> Result<BTreeMap<String, String>, Error> {
        let wrong = || (self.wrong)(key, "an object of texts");
        let entry = |(k, v): (&String, &Json)| Ok((k.clone(), v.as_str().ok_or_else(wrong)?.to_owned()));
        match self.config.get(key) {
            None | Some(Json::Null) => Ok(BTreeMap::new()),
            Some(Json::Object(entries)) => entries.iter().map(entry).collect(),
            Some(_) => Err(wrong()),
        }
    }
}
