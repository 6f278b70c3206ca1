//! Query parameters, read as leniently as Pinot reads them.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use model::TableType;

use crate::error::Error;

/// All parameters in the order given; a name may come more than once. With them the database that the request is
/// about.
#[derive(Debug, Default)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    database: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let pairs =
            Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map_or_else(|_| Vec::new(), |query| query.0);
        let database = parts.headers.get("database").and_then(|value| value.to_str().ok()).map(str::trim);
        Ok(Self { pairs, database: database.filter(|name| !name.is_empty()).map(str::to_owned) })
    }
}

impl Params {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A table or schema name under which it is stored: with the database of the request's header, where there is one.
    /// `default` stands for no database.
    pub fn stored_name(&self, name: &str) -> Result<String, Error> {
        let is_default = |database: &str| database.eq_ignore_ascii_case("default");
        match name.split_once('.') {
            Some((_, rest)) if rest.contains('.') => {
                Err(Error::Internal(format!("Table name: '{name}' containing more than one '.' is not allowed")))
            }
            Some((prefix, rest)) => match &self.database {
                Some(database) if database != prefix => Err(Error::Internal(format!(
                    "Database name '{prefix}' from table prefix does not match database name '{database}' from header"
                ))),
                _ if is_default(prefix) => Ok(rest.to_owned()),
                _ => Ok(name.to_owned()),
            },
            None => Ok(match self.database.as_deref().filter(|database| !is_default(database)) {
                Some(database) => format!("{database}.{name}"),
                None => name.to_owned(),
            }),
        }
    }

    /// Whether a stored name belongs to the database of the request; without a header every name does.
    pub fn in_database(&self, stored: &str) -> bool {
        match self.database.as_deref() {
            None => true,
            Some(database) if database.eq_ignore_ascii_case("default") => !stored.contains('.'),
            Some(database) => stored.split_once('.').is_some_and(|(prefix, _)| prefix == database),
        }
    }

    /// Values of a parameter that may be repeated or hold a list with commas.
    pub fn list(&self, name: &str) -> Vec<String> {
        let parts = self.all(name).flat_map(|value| value.split(','));
        parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// `true` in any case is true, all else false.
    pub fn flag(&self, name: &str, default: bool) -> bool {
        self.get(name).map_or(default, |value| value.eq_ignore_ascii_case("true"))
    }

    pub fn number(&self, name: &str) -> Result<Option<i64>, Error> {
        match self.get(name).filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(Error::Invalid(format!("Parameter {name} is `{text}`; expected a whole number"))),
            },
        }
    }

    /// The table type, if one is named.
    pub fn table_type(&self, name: &str) -> Result<Option<TableType>, Error> {
        match self.get(name).filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => match text.parse() {
                Ok(table_type) => Ok(Some(table_type)),
                Err(_) => Err(Error::Invalid(format!("Illegal table type: {text}"))),
            },
        }
    }

    /// The table type where one has to be named.
    pub fn required_table_type(&self, name: &str) -> Result<TableType, Error> {
        self.table_type(name)?.ok_or_else(|| Error::Invalid("Illegal table type: null".to_owned()))
    }
}

/// The part of a message that says what is wrong with a JSON text.
pub(crate) fn parse_json(text: &[u8]) -> Result<serde_json::Value, String> {
    if text.iter().all(u8::is_ascii_whitespace) {
        return Err("No content to map due to end-of-input".to_owned());
    }
    serde_json::from_slice(text)
        .map_err(|error| if error.is_eof() { format!("Unexpected end-of-input: {error}") } else { error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_database(database: Option<&str>) -> Params {
        Params { pairs: Vec::new(), database: database.map(str::to_owned) }
    }

    #[test]
    fn databases() {
        let name = |database, name: &str| with_database(database).stored_name(name).map_err(|error| error.to_string());
        assert_eq!(name(None, "t").unwrap(), "t");
        assert_eq!(name(None, "db.t").unwrap(), "db.t");
        assert_eq!(name(None, "default.t").unwrap(), "t");
        assert_eq!(name(Some("db"), "t").unwrap(), "db.t");
        assert_eq!(name(Some("db"), "db.t_OFFLINE").unwrap(), "db.t_OFFLINE");
        assert_eq!(name(Some("Default"), "t").unwrap(), "t");
        assert!(name(Some("b"), "a.t").unwrap_err().contains("does not match database name 'b' from header"));
        assert!(name(None, "a.b.c").unwrap_err().contains("more than one '.'"));
        assert!(with_database(Some("db")).in_database("db.t") && !with_database(Some("db")).in_database("t"));
        assert!(with_database(Some("default")).in_database("t") && with_database(None).in_database("db.t"));
    }
}
