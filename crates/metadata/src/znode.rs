//! Helix's form of a record, as the metadata browser shows it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `{"id":…,"simpleFields":{…},"mapFields":{…},"listFields":{…}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ZnRecord {
    pub id: String,
    pub simple_fields: BTreeMap<String, String>,
    pub map_fields: BTreeMap<String, BTreeMap<String, String>>,
    pub list_fields: BTreeMap<String, Vec<String>>,
}

impl ZnRecord {
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    /// Sets a simple field.
    pub fn set(&mut self, key: &str, value: impl ToString) {
        self.simple_fields.insert(key.to_owned(), value.to_string());
    }

    /// Sets a simple field where there is a value.
    pub fn set_some(&mut self, key: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.set(key, value);
        }
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.simple_fields.get(key).map(String::as_str)
    }
}
