//! From the table names that requests carry to tables.

use model::{TableType, split_table_name};

use crate::cluster::State;
use crate::error::Error;

/// Splits a name into the raw name and the type its suffix or `table_type` gives.
pub(crate) fn split(name: &str, table_type: Option<TableType>) -> Result<(String, Option<TableType>), Error> {
    let (raw, suffix) = split_table_name(name).map_err(|error| Error::Invalid(error.to_string()))?;
    match (suffix, table_type) {
        (Some(suffix), Some(wanted)) if suffix != wanted => {
            Err(Error::Forbidden(format!("Table name: {name} does not match table type: {wanted}")))
        }
        (suffix, wanted) => Ok((raw.into_string(), suffix.or(wanted))),
    }
}

/// A name with the suffix of a type, added where it is not there.
pub(crate) fn with_type(name: &str, table_type: TableType) -> String {
    if name.ends_with(table_type.suffix()) { name.to_owned() } else { format!("{name}{}", table_type.suffix()) }
}

/// Names with type of the existing tables that are meant, OFFLINE first. May be empty.
pub(crate) fn existing(state: &State, name: &str, table_type: Option<TableType>) -> Result<Vec<String>, Error> {
    let (raw, table_type) = split(name, table_type)?;
    let types = TableType::ALL.into_iter().filter(|t| table_type.is_none_or(|wanted| wanted == *t));
    Ok(types.map(|t| format!("{raw}{}", t.suffix())).filter(|name| state.tables.contains_key(name)).collect())
}

/// As [`existing`], but at least one.
pub(crate) fn tables(state: &State, name: &str, table_type: Option<TableType>) -> Result<Vec<String>, Error> {
    let found = existing(state, name, table_type)?;
    if found.is_empty() {
        let shown = match table_type {
            Some(table_type) if !name.ends_with(table_type.suffix()) => format!("{name}{}", table_type.suffix()),
            _ => name.to_owned(),
        };
        return Err(Error::NotFound(format!("Table '{shown}' not found.")));
    }
    Ok(found)
}
