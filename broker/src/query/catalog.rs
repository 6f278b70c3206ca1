//! Tables as the binder sees them.

use std::{collections::BTreeMap, sync::Arc};

use model::TableConfig;
use query::catalog::{Catalog, TableInfo, TableQueryConfig};

use crate::routing::{ClusterView, RawTable};

impl Catalog for ClusterView {
    fn table(&self, name: &str) -> Option<TableInfo> {
        self.find_raw(name).and_then(|table| table_info(table))
    }
}

fn table_info(table: &RawTable) -> Option<TableInfo> {
    let schema = Arc::clone(table.schema()?);
    // The offline table's `query` settings win where both have them.
    let configs: Vec<&TableConfig> = table.physical().map(|physical| &*physical.config).collect();
    let timeout_ms = configs.iter().find_map(|config| config.query_timeout_ms());
    let section = |key: &str| configs.iter().find_map(|config| config.section("query").get(key));
    let overrides = section("expressionOverrideMap").and_then(|map| map.as_object());
    let expression_overrides: BTreeMap<String, String> = overrides
        .into_iter()
        .flatten()
        .filter_map(|(from, to)| Some((from.clone(), to.as_str()?.to_owned())))
        .collect();
    Some(TableInfo {
        raw_name: table.name.to_string(),
        schema,
        offline: table.offline.is_some(),
        realtime: table.realtime.is_some(),
        query_config: TableQueryConfig {
            timeout_ms,
            disable_groovy: section("disableGroovy").and_then(|flag| flag.as_bool()),
            expression_overrides,
        },
    })
}
