//! The picture of the cluster that queries are answered from.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use model::Schema;

use super::{servers::Servers, table::TableRoute};

/// Everything the controller has pushed. Cheap to clone: its parts are shared.
#[derive(Clone, Debug, Default)]
pub struct ClusterView {
    /// By name with type.
    pub tables: HashMap<Arc<str>, Arc<TableRoute>>,
    /// By raw name in lower case.
    raw: HashMap<String, Vec<Arc<RawTable>>>,
    /// Tables with type that exist and that other brokers answer for.
    pub other_tables: BTreeSet<String>,
    pub servers: Servers,
    pub configs: BTreeMap<String, String>,
    /// A snapshot has arrived since the start.
    pub ready: bool,
    /// Tables that an operator has taken out of `tables`.
    withdrawn: HashMap<Arc<str>, Arc<TableRoute>>,
}

/// A table as users name it: one or both of its physical tables.
#[derive(Clone, Debug)]
pub struct RawTable {
    pub name: Arc<str>,
    pub offline: Option<Arc<TableRoute>>,
    pub realtime: Option<Arc<TableRoute>>,
}

impl RawTable {
    /// The realtime table's schema, which is the newer one while a schema change is on its way.
    pub fn schema(&self) -> Option<&Arc<Schema>> {
        self.realtime.as_ref().or(self.offline.as_ref()).map(|table| &table.schema)
    }

    pub fn physical(&self) -> impl Iterator<Item = &Arc<TableRoute>> {
        self.offline.iter().chain(self.realtime.iter())
    }
}

impl ClusterView {
    /// Rebuilds the index of raw names; to be called after `tables` changed.
    pub fn index(&mut self) {
        let mut by_name: BTreeMap<Arc<str>, RawTable> = BTreeMap::new();
        for table in self.tables.values() {
            let raw = by_name.entry(Arc::clone(&table.raw_name)).or_insert_with(|| RawTable {
                name: Arc::clone(&table.raw_name),
                offline: None,
                realtime: None,
            });
            let slot = if table.is_offline() { &mut raw.offline } else { &mut raw.realtime };
            *slot = Some(Arc::clone(table));
        }
        self.raw.clear();
        // What the controller pushed again is no longer withdrawn.
        self.withdrawn.retain(|name, _| !self.tables.contains_key(name));
        for (name, table) in by_name {
            self.raw.entry(name.to_ascii_lowercase()).or_default().push(Arc::new(table));
        }
    }

    /// Takes a table out: queries do not find it until it is restored or the controller pushes it again.
    pub fn withdraw(&mut self, name: &str) {
        if let Some((name, table)) = self.tables.remove_entry(name) {
            self.withdrawn.insert(name, table);
            self.index();
        }
    }

    /// Puts a table back.
    pub fn restore(&mut self, name: &str) {
        if let Some((name, table)) = self.withdrawn.remove_entry(name) {
            self.tables.entry(name).or_insert(table);
            self.index();
        }
    }

    pub fn is_withdrawn(&self, name: &str) -> bool {
        self.withdrawn.contains_key(name)
    }

    /// Table names in queries match in any case, unless the cluster is configured otherwise.
    pub fn is_case_insensitive(&self) -> bool {
        let flag = |key: &str| self.configs.get(key).map(|value| !value.eq_ignore_ascii_case("false"));
        flag("enable.case.insensitive").or_else(|| flag("enable.case.insensitive.pql")).unwrap_or(true)
    }

    /// The table that a query means. A name with type suffix means that physical table alone.
    pub fn find(&self, name: &str) -> Option<RawTable> {
        if let Some(raw) = self.find_raw(name) {
            return Some(RawTable::clone(raw));
        }
        let (raw_name, offline) = match (strip_suffix(name, "_OFFLINE"), strip_suffix(name, "_REALTIME")) {
            (Some(raw_name), _) => (raw_name, true),
            (_, Some(raw_name)) => (raw_name, false),
            _ => return None,
        };
        let mut table = RawTable::clone(self.find_raw(raw_name)?);
        if offline {
            table.realtime = None;
            table.offline.as_ref()?;
        } else {
            table.offline = None;
            table.realtime.as_ref()?;
        }
        Some(table)
    }

    /// Whether a name, with or without type, is that of a table which other brokers answer for.
    pub fn is_elsewhere(&self, name: &str) -> bool {
        let insensitive = self.is_case_insensitive();
        let same = |other: &str| if insensitive { other.eq_ignore_ascii_case(name) } else { other == name };
        self.other_tables.iter().any(|other| same(other) || other.rsplit_once('_').is_some_and(|(raw, _)| same(raw)))
    }

    /// The table of this raw name.
    pub fn find_raw(&self, name: &str) -> Option<&Arc<RawTable>> {
        let named = self.raw.get(&name.to_ascii_lowercase())?;
        let exact = named.iter().find(|table| &*table.name == name);
        exact.or_else(|| named.first().filter(|_| self.is_case_insensitive()))
    }
}

fn strip_suffix<'a>(name: &'a str, suffix: &str) -> Option<&'a str> {
    let cut = name.len().checked_sub(suffix.len()).filter(|&cut| cut > 0)?;
    let (head, tail) = (name.get(..cut)?, name.get(cut..)?);
    tail.eq_ignore_ascii_case(suffix).then_some(head)
}
