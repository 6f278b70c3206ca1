//! The answer to a query, as clients read it.

mod broker;
mod json;
mod table;

pub use broker::BrokerResponse;
pub use table::ResultTable;

use crate::{Error, QueryException};

impl From<&Error> for QueryException {
    fn from(error: &Error) -> Self {
        Self { error_code: error.code(), message: error.to_string() }
    }
}
