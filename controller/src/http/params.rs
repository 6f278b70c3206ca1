//! Query parameters, read as leniently as Pinot reads them.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use model::TableType;

use crate::error::Error;

/// All parameters in the order given; a name may come more than once.
#[derive(Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_or_else(|_| Self::default(), |Query(pairs)| Self(pairs)))
    }
}

impl Params {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
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
