//! Which parts one column gets, resolved from schema and table config.

use model::{BloomConfig, DataType, FieldSpec, IndexingConfig, PartitionConfig, Schema};

use serde_json::Value as Json;

use super::{attached, dictionary::config::Choice, forward::config::Compression};
use crate::format::Kind;

/// The parts of one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub dictionary: Choice,
    pub inverted: bool,
    pub range: bool,
    pub bloom: Option<BloomConfig>,
    pub null_vector: bool,
    pub compression: Compression,
    pub partition: Option<PartitionConfig>,
    /// Indexes with settings, built when the column has all its other parts.
    pub attached: Vec<(Kind, Json)>,
}

impl Plan {
    /// No index at all.
    pub(crate) fn nothing() -> Self {
        Self {
            dictionary: Choice::Automatic,
            inverted: false,
            range: false,
            bloom: None,
            null_vector: false,
            compression: Compression::Automatic,
            partition: None,
            attached: Vec::new(),
        }
    }

    /// What `field` of `schema` gets. A configured index wins over `noDictionaryColumns` where it needs a dictionary.
    pub fn resolve(schema: &Schema, field: &FieldSpec, config: &IndexingConfig) -> Self {
        let name = field.name.as_str();
        let is_map = matches!(field.data_type, DataType::Map | DataType::List | DataType::Struct);
        let inverted = config.inverted.contains(name) && !is_map;
        let numbers = field.data_type.stored().is_numeric() && field.data_type != DataType::BigDecimal;
        let range = config.range.contains(name) && !is_map;
        let raw = is_map || config.no_dictionary.contains(name);
        let partition = config.partition.get(name).filter(|_| !field.multi_value).cloned();
        let required =
            inverted || (range && !numbers) || partition.is_some() || config.sorted_column.as_deref() == Some(name);
        let dictionary = match (required, raw) {
            (true, _) => Choice::Required,
            (false, true) => Choice::Raw,
            (false, false) => Choice::Automatic,
        };
        Self {
            dictionary,
            inverted,
            range,
            bloom: config.bloom.get(name).copied().filter(|_| !is_map && field.data_type != DataType::Boolean),
            null_vector: config.null_handling_enabled || (schema.column_based_null_handling && !field.not_null),
            compression: config.compression.get(name).map_or(Compression::Automatic, |c| Compression::from_codec(c)),
            partition,
            attached: attached::wanted(config, name),
        }
    }
}
