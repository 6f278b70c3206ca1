//! Query parameters as Pinot's web framework reads them.

use std::collections::HashMap;

use service::ApiError;

/// A whole number of 32 bits; `Some(None)` when it is not given, `None` when the text is none.
pub(super) fn number(parameters: &HashMap<String, String>, name: &str) -> Option<Option<i64>> {
    match parameters.get(name).map(String::as_str) {
        None | Some("") => Some(None),
        Some(text) => text.parse::<i32>().ok().map(|number| Some(i64::from(number))),
    }
}

/// `true` in any case.
pub(super) fn flag(parameters: &HashMap<String, String>, name: &str) -> bool {
    parameters.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// For a number that is none: the path with it leads nowhere.
pub(super) fn unreadable() -> ApiError {
    ApiError::not_found("HTTP 404 Not Found")
}
