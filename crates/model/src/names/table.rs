//! Raw table names and table names with type.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{NameError, check_component, string_name};

/// The two physical kinds of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TableType {
    Offline,
    Realtime,
}

impl TableType {
    pub const ALL: [Self; 2] = [Self::Offline, Self::Realtime];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Offline => "OFFLINE",
            Self::Realtime => "REALTIME",
        }
    }

    /// The suffix of table names with type and of server tags: `_OFFLINE`, `_REALTIME`.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Offline => "_OFFLINE",
            Self::Realtime => "_REALTIME",
        }
    }
}

impl fmt::Display for TableType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for TableType {
    type Err = NameError;

    /// `OFFLINE` or `REALTIME` in any case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_uppercase().as_str() {
            "OFFLINE" => Ok(Self::Offline),
            "REALTIME" => Ok(Self::Realtime),
            _ => Err(NameError::new("Table type", text, "is not one of OFFLINE, REALTIME")),
        }
    }
}

const KIND: &str = "Table name";

/// A table's name without type suffix, as queries write it: `movies` or `db.movies`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RawTableName(String);
string_name!(RawTableName);

impl RawTableName {
    /// Refuses a name that ends in a type suffix.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (raw, table_type) = split_table_name(text)?;
        match table_type {
            None => Ok(raw),
            Some(_) => Err(NameError::new(KIND, text, "has a type suffix, use the raw table name")),
        }
    }

    pub fn with_type(&self, table_type: TableType) -> TableNameWithType {
        TableNameWithType(format!("{}{}", self.0, table_type.suffix()))
    }

    pub fn offline(&self) -> TableNameWithType {
        self.with_type(TableType::Offline)
    }

    pub fn realtime(&self) -> TableNameWithType {
        self.with_type(TableType::Realtime)
    }

    /// The database prefix of `db.table`, `None` in the default database.
    pub fn database(&self) -> Option<&str> {
        self.0.split_once('.').map(|(database, _)| database)
    }
}

/// A physical table: `movies_OFFLINE`, `movies_REALTIME`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TableNameWithType(String);
string_name!(TableNameWithType);

impl TableNameWithType {
    /// Refuses a name without type suffix.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match split_table_name(text)? {
            (raw, Some(table_type)) => Ok(raw.with_type(table_type)),
            (_, None) => Err(NameError::new(KIND, text, "does not end in _OFFLINE or _REALTIME")),
        }
    }

    pub fn table_type(&self) -> TableType {
        if self.0.ends_with(TableType::Offline.suffix()) { TableType::Offline } else { TableType::Realtime }
    }

    pub fn raw(&self) -> RawTableName {
        RawTableName(self.raw_str().to_owned())
    }

    /// The name without its suffix.
    pub fn raw_str(&self) -> &str {
        &self.0[..self.0.len() - self.table_type().suffix().len()]
    }
}

/// Reads a table name as REST paths carry it: raw, or with a type suffix.
pub fn split_table_name(text: &str) -> Result<(RawTableName, Option<TableType>), NameError> {
    let (raw, table_type) = TableType::ALL
        .into_iter()
        .find_map(|table_type| text.strip_suffix(table_type.suffix()).map(|raw| (raw, Some(table_type))))
        .unwrap_or((text, None));
    if raw.is_empty() {
        return Err(NameError::new(KIND, text, "must not be empty"));
    }
    check_component(KIND, text)?;
    if raw.contains(char::is_whitespace) {
        return Err(NameError::new(KIND, text, "containing space is not allowed"));
    }
    if raw.matches('.').count() > 1 {
        return Err(NameError::new(KIND, text, "containing more than one '.' is not allowed"));
    }
    if raw.starts_with('.') || raw.ends_with('.') {
        return Err(NameError::new(KIND, text, "must not start or end with '.'"));
    }
    Ok((RawTableName(raw.to_owned()), table_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_and_joins() {
        let (raw, ty) = split_table_name("movies_OFFLINE").unwrap();
        assert_eq!((raw.as_str(), ty), ("movies", Some(TableType::Offline)));
        assert_eq!(split_table_name("movies").unwrap().1, None);
        let typed = TableNameWithType::parse("db.movies_REALTIME").unwrap();
        assert_eq!(typed.raw().as_str(), "db.movies");
        assert_eq!(typed.raw().database(), Some("db"));
        assert_eq!(typed.table_type(), TableType::Realtime);
        assert_eq!("realtime".parse(), Ok(TableType::Realtime));
        assert!("sideways".parse::<TableType>().is_err());
    }

    #[test]
    fn messages_keep_the_known_words() {
        let text = |name: &str| split_table_name(name).unwrap_err().to_string();
        assert_eq!(text("a b"), "Table name: 'a b' containing space is not allowed");
        assert_eq!(text("a.b.c"), "Table name: 'a.b.c' containing more than one '.' is not allowed");
        assert!(RawTableName::parse("x_OFFLINE").is_err());
        assert!(TableNameWithType::parse("x").is_err());
        assert!(TableNameWithType::parse("_OFFLINE").is_err());
    }

    #[test]
    fn serde_checks_too() {
        assert!(serde_json::from_str::<RawTableName>("\"../x\"").is_err());
        assert_eq!(serde_json::to_string(&RawTableName::parse("x").unwrap()).unwrap(), "\"x\"");
    }
}
