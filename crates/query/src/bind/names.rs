//! Identifiers of a statement to columns of the schema.

use model::{ColumnType, DataType, Schema};

use crate::{ast::Expression, catalog::TableInfo, error::Error};

/// Columns that every table has: they are not part of `*`.
const VIRTUAL: &[(&str, ColumnType)] = &[
    ("$docId", DataType::Int.sv()),
    ("$segmentName", DataType::String.sv()),
    ("$hostName", DataType::String.sv()),
    ("$partitionId", DataType::String.mv()),
];

/// The columns that one query can name.
pub(super) struct Names<'a> {
    schema: &'a Schema,
    /// Names that may stand before a column, with a dot.
    prefixes: Vec<&'a str>,
}

impl<'a> Names<'a> {
    pub(super) fn new(table: &'a TableInfo, written: &'a str, alias: Option<&'a str>) -> Self {
        let mut prefixes = vec![table.raw_name.as_str(), written];
        prefixes.extend(alias);
        prefixes.extend(written.rsplit_once('.').map(|(_, name)| name));
        Self { schema: &table.schema, prefixes }
    }

    /// Replaces identifiers by the schema's spelling.
    pub(super) fn resolve(&self, expression: &mut Expression) -> Result<(), Error> {
        match expression {
            Expression::Identifier(name) => {
                if let Some(resolved) = self.find(name)? {
                    *name = resolved;
                }
                Ok(())
            }
            Expression::Literal(_) => Ok(()),
            Expression::Function(function) => function.args.iter_mut().try_for_each(|arg| self.resolve(arg)),
        }
    }

    /// The schema's spelling when it differs.
    fn find(&self, name: &str) -> Result<Option<String>, Error> {
        if name == "*" || name.starts_with('$') || self.schema.field(name).is_some() {
            return Ok(None);
        }
        if let Some(found) = self.ignoring_case(name) {
            return Ok(Some(found));
        }
        for prefix in &self.prefixes {
            if let (Some(start), Some(rest)) = (name.get(..prefix.len()), name.get(prefix.len()..))
                && start.eq_ignore_ascii_case(prefix)
                && let Some(column) = rest.strip_prefix('.')
                && (column.starts_with('$') || self.schema.field(column).is_some())
            {
                return Ok(Some(column.to_owned()));
            }
            if let (Some(start), Some(rest)) = (name.get(..prefix.len()), name.get(prefix.len()..))
                && start.eq_ignore_ascii_case(prefix)
                && let Some(found) = rest.strip_prefix('.').and_then(|column| self.ignoring_case(column))
            {
                return Ok(Some(found));
            }
        }
        Err(Error::UnknownColumn(name.to_owned()))
    }

    fn ignoring_case(&self, name: &str) -> Option<String> {
        self.schema.fields.iter().find(|f| f.name.eq_ignore_ascii_case(name)).map(|f| f.name.clone())
    }

    /// The type of a resolved column.
    pub(super) fn column_type(&self, name: &str) -> Result<ColumnType, Error> {
        if let Some(field) = self.schema.field(name) {
            return Ok(field.column_type());
        }
        if let Some((_, ty)) = VIRTUAL.iter().find(|(known, _)| *known == name) {
            return Ok(*ty);
        }
        // `$ts$DAY`: the truncated form of a timestamp column.
        if let Some((base, _)) = name.strip_prefix('$').and_then(|rest| rest.split_once('$'))
            && self.schema.field(base).is_some()
        {
            return Ok(DataType::Timestamp.sv());
        }
        Err(Error::UnknownColumn(name.to_owned()))
    }

    /// The value type of a MAP column, where the schema says it.
    pub(super) fn map_value_type(&self, name: &str) -> Option<DataType> {
        let field = self.schema.field(name).filter(|f| f.data_type == DataType::Map)?;
        field.raw.get("childFieldSpecs")?.get("value")?.get("dataType")?.as_str()?.parse().ok()
    }

    /// The columns of `*`, by code point.
    pub(super) fn star(&self) -> Vec<&'a str> {
        let mut names: Vec<&str> = self.schema.fields.iter().map(|f| f.name.as_str()).collect();
        names.retain(|name| !name.starts_with('$'));
        names.sort_unstable();
        names
    }
}
