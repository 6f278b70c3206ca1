//! Indexes with settings of their own (JSON, text, FST …) that are built from a column which has all its other parts:
//! after creation and on reload, by the same code.
//!
//! Each is a line in [`ATTACHED`]; the reader is opened in `reader::Column`.

use std::path::Path;

use model::IndexingConfig;
use serde_json::Value as Json;

use crate::{Result, creator::sink::SectionSink, format::Kind, reader::Column};

/// The column that an index is built on.
#[allow(dead_code, reason = "read by the indexes in `ATTACHED`")]
pub(crate) struct Source<'a> {
    pub(crate) column: &'a Column,
    pub(crate) num_docs: u32,
    /// Where temporary files may be made.
    pub(crate) work_dir: &'a Path,
}

pub(crate) struct Attached {
    pub(crate) kind: Kind,
    /// What the table config says of the index on the column of this name, `{}` where it only names it.
    pub(crate) settings: fn(&IndexingConfig, &str) -> Option<Json>,
    /// The section's bytes. `None` where the index cannot be built on a column of this kind.
    pub(crate) build: fn(&Source<'_>, &Json) -> Result<Option<SectionSink>>,
}

/// Every index of this sort, in the order of [`Kind`].
pub(crate) const ATTACHED: &[Attached] = &[];

pub(crate) fn of_kind(kind: Kind) -> Option<&'static Attached> {
    ATTACHED.iter().find(|attached| attached.kind == kind)
}

/// The settings of each index that `config` wants on a column.
pub(crate) fn wanted(config: &IndexingConfig, column: &str) -> Vec<(Kind, Json)> {
    ATTACHED.iter().filter_map(|a| Some((a.kind, (a.settings)(config, column)?))).collect()
}
