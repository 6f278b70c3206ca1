//! A page as an answer.

use std::{ops::Range, time::Duration};

use serde_json::{Map, Value};

use super::CursorError;

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub offset: i64,
    pub num_rows: i64,
}

impl Page {
    /// The rows that are meant, of `total`. An empty result has an empty first page.
    pub(super) fn rows(self, total: u64) -> Result<Range<u64>, CursorError> {
        let Self { offset, num_rows } = self;
        let start = u64::try_from(offset).map_err(|_| CursorError::Negative { name: "fromIndex", value: offset })?;
        let count = u64::try_from(num_rows).map_err(|_| CursorError::Negative { name: "numRows", value: num_rows })?;
        if start >= total && (start, total) != (0, 0) {
            return Err(CursorError::BeyondEnd { offset, total });
        }
        Ok(start..start.saturating_add(count).min(total))
    }
}

/// The answer with some of the rows: `text` is `[…],[…]`.
pub(super) fn render(
    head: &Map<String, Value>,
    schema: &str,
    text: &str,
    rows: &Range<u64>,
    fetched: Option<Duration>,
) -> String {
    let mut head = head.clone();
    let mut set = |key: &str, value: u64| head.insert(key.to_owned(), value.into());
    set("offset", rows.start);
    set("numRows", rows.end - rows.start);
    if let Some(fetched) = fetched {
        set("cursorFetchTimeMs", fetched.as_millis() as u64);
        set("cursorResultWriteTimeMs", 0);
    }
    let head = Value::Object(head).to_string();
    format!("{{\"resultTable\":{{\"dataSchema\":{schema},\"rows\":[{text}]}},{}", &head[1..])
}
