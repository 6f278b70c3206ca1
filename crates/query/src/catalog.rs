//! What the binder asks about tables.

use std::{collections::BTreeMap, sync::Arc};

use model::Schema;

/// The tables that exist, as the broker knows them.
pub trait Catalog {
    /// The table of this raw name (`db.table` outside of the default database), case ignored.
    fn table(&self, name: &str) -> Option<TableInfo>;
}

/// One table, both its parts.
#[derive(Clone, Debug)]
pub struct TableInfo {
    /// The name as the table config spells it, without type suffix.
    pub raw_name: String,
    pub schema: Arc<Schema>,
    pub offline: bool,
    pub realtime: bool,
    pub query_config: TableQueryConfig,
}

/// The `query` part of a table config.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableQueryConfig {
    pub timeout_ms: Option<u64>,
    pub disable_groovy: Option<bool>,
    /// Expression text → expression text that takes its place before execution.
    pub expression_overrides: BTreeMap<String, String>,
}

impl TableInfo {
    pub fn new(schema: Arc<Schema>) -> Self {
        Self {
            raw_name: schema.name.clone(),
            schema,
            offline: true,
            realtime: false,
            query_config: TableQueryConfig::default(),
        }
    }
}
