//! `complexTypeConfig`: nested records made flat, lists made rows.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use connectors::format::{Field, RECORD_COLUMN, RawBatch, RawColumn, RowLines};
use model::table_config::{ComplexTypeConfig, JsonCollections};

use super::{Column, Faults, Rows};

/// Rows that one record may become.
const MAX_ROWS_PER_RECORD: usize = 1_000_000;

pub(super) type Record = Vec<(String, Field)>;

pub(super) struct ComplexTypes {
    /// Sorted, so that a list comes before the lists inside it.
    unnest: Vec<String>,
    delimiter: String,
    collections: JsonCollections,
    rename: BTreeMap<String, String>,
}

impl ComplexTypes {
    pub fn new(config: &ComplexTypeConfig) -> Self {
        let mut unnest = config.fields_to_unnest.clone();
        unnest.sort();
        unnest.dedup();
        Self {
            unnest,
            delimiter: config.delimiter.clone(),
            collections: config.collections_to_json,
            rename: config.prefixes_to_rename.clone(),
        }
    }

    /// Flattens and unnests records, whose `lines` are given; only `wanted` fields are kept (`None`: all).
    pub fn apply(
        &self,
        records: Vec<Record>,
        lines: &RowLines,
        wanted: Option<&HashSet<&str>>,
        faults: &mut Faults<'_>,
    ) -> Rows {
        let mut columns: HashMap<String, Vec<Field>> = HashMap::new();
        let mut sources: Vec<u32> = Vec::new();
        for (source, record) in records.into_iter().enumerate() {
            let flat = self.record(record);
            let first = sources.len();
            let made = match flat {
                Ok(records) => records,
                Err(reason) => {
                    faults.add(first, "", reason);
                    vec![Record::new()]
                }
            };
            for record in made {
                let row = sources.len();
                sources.push(source as u32);
                for (key, value) in record {
                    if wanted.is_some_and(|w| !w.contains(key.as_str())) {
                        continue;
                    }
                    let column = match columns.get_mut(&key) {
                        Some(column) => column,
                        None => columns.entry(key).or_default(),
                    };
                    column.resize(row, Field::Null);
                    column.push(value);
                }
            }
        }
        let rows = sources.len();
        let mut out = Rows::new(RawBatch { rows, row_lines: lines.select(&sources), ..RawBatch::default() });
        for (name, mut values) in columns {
            values.resize(rows, Field::Null);
            out.set(&name, Column::Raw(RawColumn::Fields(values)));
        }
        out
    }

    fn record(&self, record: Record) -> Result<Vec<Record>, String> {
        let mut flat = Record::new();
        self.flatten("", record, &mut flat);
        let mut records = vec![flat];
        for field in &self.unnest {
            let mut next = Vec::new();
            for record in records {
                self.unnest(record, field, &mut next)?;
            }
            records = next;
        }
        if !self.rename.is_empty() {
            for record in &mut records {
                self.rename(record)?;
            }
        }
        Ok(records)
    }

    fn flatten(&self, prefix: &str, record: Record, out: &mut Record) {
        for (key, value) in record {
            let name = if prefix.is_empty() { key } else { format!("{prefix}{}{key}", self.delimiter) };
            match value {
                Field::Map(entries) => self.flatten(&name, entries, out),
                Field::List(items) if !self.unnest.contains(&name) => {
                    let value = self.list(items);
                    out.push((name, value));
                }
                value => out.push((name, value)),
            }
        }
    }

    /// A list that stays one: JSON text where the config says so.
    fn list(&self, items: Vec<Field>) -> Field {
        let to_json = match self.collections {
            JsonCollections::None => false,
            JsonCollections::NonPrimitive => items.iter().any(|i| matches!(i, Field::Map(_) | Field::List(_))),
            JsonCollections::All => true,
        };
        let list = Field::List(items);
        if to_json { Field::Text(list.to_json()) } else { list }
    }

    /// One record for each element of the list under `field`; one without it when there is no element.
    fn unnest(&self, mut record: Record, field: &str, out: &mut Vec<Record>) -> Result<(), String> {
        let Some(at) = record.iter().position(|(k, _)| k == field) else {
            out.push(record);
            return Ok(());
        };
        let items = match record.remove(at).1 {
            Field::List(items) if !items.is_empty() => items,
            Field::List(_) | Field::Null => {
                out.push(record);
                return Ok(());
            }
            value => {
                record.insert(at, (field.to_owned(), value));
                out.push(record);
                return Ok(());
            }
        };
        if out.len() + items.len() > MAX_ROWS_PER_RECORD {
            return Err(format!("unnesting makes more than {MAX_ROWS_PER_RECORD} rows of one record"));
        }
        for item in items {
            let mut row = record.clone();
            match item {
                Field::Map(entries) => self.flatten(field, entries, &mut row),
                value => row.push((field.to_owned(), value)),
            }
            out.push(row);
        }
        Ok(())
    }

    fn rename(&self, record: &mut Record) -> Result<(), String> {
        for at in 0..record.len() {
            let key = &record[at].0;
            let Some((prefix, to)) = self.rename.iter().find(|(prefix, _)| key.starts_with(prefix.as_str())) else {
                continue;
            };
            let new = format!("{to}{}", &key[prefix.len()..]);
            if new.is_empty() || record.iter().enumerate().any(|(i, (k, _))| i != at && *k == new) {
                return Err(format!(
                    "prefixesToRename makes '{key}' to '{new}', which is empty or the name of another field"
                ));
            }
            record[at].0 = new;
        }
        Ok(())
    }
}

/// The records of a batch; columns of flat formats are put together.
pub(super) fn whole_records(raw: RawBatch) -> Vec<Record> {
    let rows = raw.rows;
    if let [(name, RawColumn::Fields(_))] = &raw.columns[..]
        && &**name == RECORD_COLUMN
    {
        let Some((_, RawColumn::Fields(records))) = raw.columns.into_iter().next() else { return Vec::new() };
        let entries = |field| if let Field::Map(entries) = field { entries } else { Record::new() };
        return records.into_iter().map(entries).collect();
    }
    let columns: Vec<(Arc<str>, Column)> = raw.columns.into_iter().map(|(n, c)| (n, Column::Raw(c))).collect();
    let record = |row| columns.iter().map(|(name, column)| (name.to_string(), column.field(row))).collect();
    (0..rows).map(record).collect()
}
